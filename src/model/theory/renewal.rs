//! The share of time that a key is cached, from how long an entry of it lives.
//!
//! A key is out of the cache and in it by turns. By the renewal–reward theorem the share of time in the cache is the
//! mean stay over the mean stay plus the mean absence; reads that arrive by a Poisson process see that share (PASTA),
//! so it is the hit rate too.

use super::{Class, ModelWritePolicy};

/// The mean of min(span, X) for X exponential with the given rate: (1 − e^{−rate·span}) / rate.
pub(super) fn mean_cut_life(rate: f64, span: f64) -> f64 {
    if rate == 0.0 { span } else { -(-rate * span).exp_m1() / rate }
}

/// The rate at which writes end (or renew) the life that a fill began.
pub(super) fn ending_writes(class: &Class, on_write: ModelWritePolicy) -> f64 {
    match on_write {
        ModelWritePolicy::Ignored => 0.0,
        ModelWritePolicy::Updates | ModelWritePolicy::Deletes => class.writes_per_second,
    }
}

/// The share of time that a key is cached, for an entry's mean life m from its fill until it expires, is evicted, or
/// is written (see [`ending_writes`]), whichever comes first.
///
/// - Writes ignored: m / (m + 1/λ).
/// - Writes delete: the same; the write ended the stay, and the next read begins another.
/// - Writes update: a write begins a life anew, and with probability 1 − μm a life ends without one. A stay is
///   m / (1 − μm) long, and an absence 1/(λ+μ), for a write fills too.
pub(super) fn occupancy(class: &Class, on_write: ModelWritePolicy, mean_life: f64) -> f64 {
    let Class { reads_per_second: reads, writes_per_second: writes, .. } = *class;
    match on_write {
        ModelWritePolicy::Ignored | ModelWritePolicy::Deletes => share(mean_life, 1.0, reads),
        ModelWritePolicy::Updates => share(mean_life, (1.0 - writes * mean_life).max(0.0), reads + writes),
    }
}

/// life / (life + ends / fills), at the limits too.
fn share(life: f64, ends: f64, fills: f64) -> f64 {
    if fills == 0.0 {
        0.0
    } else if life.is_infinite() {
        1.0
    } else {
        life / (life + ends / fills)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_that_is_never_filled_is_never_cached_and_one_that_never_leaves_always_is() {
        let never = Class { reads_per_second: 0.0, writes_per_second: 3.0, keys: 1.0 };
        assert!(occupancy(&never, ModelWritePolicy::Deletes, f64::INFINITY).abs() < 1e-12);
        let kept = Class { reads_per_second: 2.0, writes_per_second: 0.0, keys: 1.0 };
        assert!((occupancy(&kept, ModelWritePolicy::Updates, f64::INFINITY) - 1.0).abs() < 1e-12);
    }
}
