//! The characteristic time: how long an entry that is not used again stays in a full cache (Che et al., 2002).

use super::{ModelCapacity, Popularity};

/// Halvings of a bracket in ln T that is at most e wide at the start: more than f64 can tell apart.
const HALVINGS: u32 = 60;

/// The time T in seconds at which the expected number of entries, `Σ occupancy(class, T)`, is the capacity; infinity
/// where all that could ever be cached fits.
///
/// The caller guarantees that `occupancy` grows with T from 0 and is defined at infinity.
pub(super) fn solve(
    popularity: &Popularity,
    capacity: ModelCapacity,
    occupancy: impl Fn(&super::Class, f64) -> f64,
) -> f64 {
    let entries = |seconds: f64| popularity.sum(|class| occupancy(class, seconds));
    // A sum of many terms may miss a capacity of exactly all keys by its rounding.
    if entries(f64::INFINITY) <= capacity.get() * (1.0 + 1e-12) {
        return f64::INFINITY;
    }
    let mut low = (capacity.get() / (popularity.reads_per_second() + popularity.writes_per_second())).ln();
    while entries(low.exp()) > capacity.get() {
        low -= 1.0;
    }
    let mut high = low + 1.0;
    while entries(high.exp()) <= capacity.get() {
        low = high;
        high += 1.0;
    }
    // Rates span many orders of magnitude, so the bracket is halved in ln T.
    for _ in 0..HALVINGS {
        let middle = f64::midpoint(low, high);
        let end = if entries(middle.exp()) <= capacity.get() { &mut low } else { &mut high };
        *end = middle;
        if high - low < 1e-12 {
            break;
        }
    }
    f64::midpoint(low, high).exp()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filled(class: &super::super::Class, seconds: f64) -> f64 {
        -(-class.reads_per_second * seconds).exp_m1()
    }

    #[test]
    fn equal_keys_have_the_time_that_a_logarithm_gives() {
        let popularity = Popularity::uniform(1_000, 2_000.0, 0.0).unwrap();
        let time = solve(&popularity, ModelCapacity::entries(250.0).unwrap(), filled);
        let expected = -(0.75_f64.ln()) / 2.0;
        assert!((time / expected - 1.0).abs() < 1e-9, "{time} {expected}");
    }

    #[test]
    fn a_cache_with_room_for_everything_never_evicts() {
        let popularity = Popularity::zipf(100_000, 0.99, 1e5, 0.0).unwrap();
        for room in [1e5, 1e6] {
            assert!(solve(&popularity, ModelCapacity::entries(room).unwrap(), filled).is_infinite());
        }
        assert!(solve(&popularity, ModelCapacity::entries(99_999.0).unwrap(), filled).is_finite());
    }

    #[test]
    fn rates_twenty_orders_of_magnitude_apart_are_solved() {
        let popularity = Popularity::reads_only(&[1e10, 1.0, 1e-10, 2e-10]).unwrap();
        let time = solve(&popularity, ModelCapacity::entries(3.0).unwrap(), filled);
        let entries: f64 = popularity.classes().iter().map(|class| filled(class, time)).sum();
        assert!((entries - 3.0).abs() < 1e-9 && time > 1e8, "{time} {entries}");
    }
}
