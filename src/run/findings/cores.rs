//! The processor cores that hotset, the cache and the database used.

use super::observed::Sample;
use crate::results::Cores;
use crate::topology::ServerUse;

/// The cores that were used between two samples.
#[must_use]
pub fn of([before, after]: &[Sample; 2]) -> Cores {
    let seconds = (after.at - before.at).as_secs_f64();
    if seconds <= 0.0 {
        return Cores::default();
    }
    // A server that was killed and started again is another, which begins at 0.
    let between = |before: Option<ServerUse>, after: Option<ServerUse>| match (before, after) {
        (Some(before), Some(after)) if before.server == after.server => {
            Some((after.cpu_seconds - before.cpu_seconds).max(0.0) / seconds)
        }
        _ => None,
    };
    let of = |sample: &Sample| sample.cache.and_then(|cache| cache.server_use);
    Cores {
        cpu_hotset_cores: Some((after.hotset_cpu.saturating_sub(before.hotset_cpu)).as_secs_f64() / seconds),
        cpu_cache_cores: between(of(before), of(after)),
        cpu_database_cores: between(before.database, after.database),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_server_that_was_started_anew_says_nothing_of_the_time_before() {
        let before = Sample::nothing_at(crate::base::clock::Instant::now());
        let after = before.at + Duration::from_secs(2);
        let database = |server, cpu_seconds| Some(ServerUse { server, cpu_seconds });
        let before = Sample { database: database(1, 5.0), ..before };
        let same = Sample { at: after, database: database(1, 6.0), ..before };
        assert_eq!(of(&[before, same]).cpu_database_cores, Some(0.5));
        assert_eq!(of(&[before, Sample { database: database(2, 6.0), ..same }]).cpu_database_cores, None);
        assert_eq!(of(&[before, before]), Cores::default(), "no time has passed");
    }
}
