//! Times to live of the entities of a kind, for as long as the cache may keep them.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// The shortest time to live that a cache knows.
const SHORTEST: Duration = Duration::from_millis(1);

/// The times to live of the entities of a kind. `None` stands for one that stays until it is evicted or invalidated.
#[derive(Debug, Clone, PartialEq)]
pub enum TimesToLive {
    /// All have the same.
    Alike(Option<Duration>),
    /// Each has its own, by its number.
    OfEach(TtlTable),
}

impl TimesToLive {
    /// The time to live of an entity.
    #[inline]
    #[must_use]
    pub fn of(&self, id: &str) -> Option<Duration> {
        match self {
            Self::Alike(ttl) => *ttl,
            Self::OfEach(table) => table.of(id),
        }
    }

    /// The longest of them.
    #[must_use]
    pub fn longest(&self) -> Option<Duration> {
        match self {
            Self::Alike(ttl) => *ttl,
            Self::OfEach(table) => table.longest,
        }
    }
}

impl From<Option<Duration>> for TimesToLive {
    fn from(ttl: Option<Duration>) -> Self {
        Self::Alike(ttl)
    }
}

/// The times to live of entities whose ids are numbers.
#[derive(Clone, PartialEq)]
pub struct TtlTable {
    of_number: Arc<Vec<u32>>,
    speed: f64,
    unknown: Option<Duration>,
    longest: Option<Duration>,
}

impl TtlTable {
    /// The number in the table of an entity that has none in it.
    pub const UNKNOWN: u32 = 0;
    /// That of one which stays until it is evicted or invalidated.
    pub const ENDLESS: u32 = u32::MAX;

    /// Times in milliseconds, by the numbers of the entities, each of which passes `speed` times as fast. An entity that has
    /// none in the table has `unknown`, which passes as it is.
    ///
    /// `count` is the number of entities, the longest of whose times is looked for.
    #[must_use]
    pub fn new(of_number: Arc<Vec<u32>>, count: u64, speed: f64, unknown: Option<Duration>) -> Self {
        let mut table = Self { of_number, speed, unknown, longest: None };
        let beyond = count > table.of_number.len() as u64;
        let of_beyond = beyond.then_some(Self::UNKNOWN);
        // Of what stays there is no longest time: `None` is above all others here.
        let longest =
            table.of_number.iter().copied().chain(of_beyond).try_fold(Duration::ZERO, |longest, ttl| {
                let ttl = table.scaled(ttl)?;
                Some(longest.max(ttl))
            });
        table.longest = longest;
        table
    }

    fn of(&self, id: &str) -> Option<Duration> {
        let of_number = id.parse::<usize>().ok().and_then(|number| self.of_number.get(number));
        self.scaled(of_number.copied().unwrap_or(Self::UNKNOWN))
    }

    fn scaled(&self, ttl: u32) -> Option<Duration> {
        match ttl {
            Self::UNKNOWN => self.unknown,
            Self::ENDLESS => None,
            ttl_ms => Some(Duration::from_secs_f64(f64::from(ttl_ms) / 1e3 / self.speed).max(SHORTEST)),
        }
    }
}

impl fmt::Debug for TtlTable {
    /// Without the times, of which there may be millions.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TtlTable")
            .field("entities", &self.of_number.len())
            .field("speed", &self.speed)
            .field("unknown", &self.unknown)
            .field("longest", &self.longest)
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn table(times: &[u32], count: u64, speed: f64, unknown: Option<Duration>) -> TimesToLive {
        TimesToLive::OfEach(TtlTable::new(Arc::new(times.to_vec()), count, speed, unknown))
    }

    #[test]
    fn each_entity_has_its_own_time_at_the_speed_of_all() {
        let times = table(&[60_000, TtlTable::UNKNOWN, TtlTable::ENDLESS, 1], 9, 20.0, Some(7 * SECOND));
        let of: Vec<_> = ["0", "1", "2", "3", "4", "none"].map(|id| times.of(id)).to_vec();
        let (unknown, shortest) = (Some(7 * SECOND), Some(SHORTEST));
        assert_eq!(of, [Some(3 * SECOND), unknown, None, shortest, unknown, unknown]);
    }

    #[test]
    fn the_longest_bounds_all_of_them_and_there_is_none_where_one_stays() {
        let hour = Some(Duration::from_hours(1));
        assert_eq!(table(&[2_000, 9_000], 2, 1.0, None).longest(), Some(9 * SECOND));
        assert_eq!(table(&[2_000, 9_000], 3, 1.0, None).longest(), None, "one is not told");
        assert_eq!(table(&[2_000, 9_000], 3, 1.0, hour).longest(), hour);
        assert_eq!(table(&[2_000, TtlTable::ENDLESS], 2, 1.0, hour).longest(), None);
        assert_eq!(table(&[2_000, TtlTable::UNKNOWN], 2, 1.0, hour).longest(), hour);
        assert_eq!(TimesToLive::from(Some(SECOND)).longest(), Some(SECOND));
    }
}
