//! What faults take from promises.

use std::time::Duration;

/// The effects of a fault on what strategies rely on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(clippy::struct_excessive_bools, reason = "they are independent facts")]
pub struct Effects {
    /// An instance of the application loses what it holds in memory.
    pub instance_crashes: bool,
    /// The cache loses entries that it has acknowledged.
    pub cache_loses_entries: bool,
    /// Instances may be without the cache for a while in which it keeps its entries.
    pub cache_out_of_reach: bool,
    /// The database loses what it has acknowledged and not yet written to its journal.
    pub database_loses_unjournaled: bool,
    /// The most by which a call of the database may take longer.
    pub longer_calls: Duration,
}

impl Effects {
    /// It takes nothing from anybody.
    pub const NONE: Self = Self {
        instance_crashes: false,
        cache_loses_entries: false,
        cache_out_of_reach: false,
        database_loses_unjournaled: false,
        longer_calls: Duration::ZERO,
    };

    /// Returns the effects of either.
    #[must_use]
    pub fn or(self, other: Self) -> Self {
        Self {
            instance_crashes: self.instance_crashes || other.instance_crashes,
            cache_loses_entries: self.cache_loses_entries || other.cache_loses_entries,
            cache_out_of_reach: self.cache_out_of_reach || other.cache_out_of_reach,
            database_loses_unjournaled: self.database_loses_unjournaled || other.database_loses_unjournaled,
            longer_calls: self.longer_calls.max(other.longer_calls),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_faults_take_what_either_takes_and_the_longer_of_two_delays() {
        let crash = Effects { instance_crashes: true, longer_calls: Duration::from_secs(1), ..Effects::NONE };
        let flush =
            Effects { cache_loses_entries: true, longer_calls: Duration::from_secs(2), ..Effects::NONE };
        let both = crash.or(flush);
        assert_eq!(
            both,
            Effects {
                instance_crashes: true,
                cache_loses_entries: true,
                longer_calls: Duration::from_secs(2),
                ..Effects::NONE
            }
        );
        assert_eq!(both.or(Effects::NONE), both);
    }
}
