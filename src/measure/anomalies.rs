//! Anomalies that the audit found in the reads of a stretch of time.

use std::time::Duration;

use hdrhistogram::Histogram;

use super::latency::{self, Latency};

/// Ages are told apart from here on: a microsecond.
const SHORTEST_AGE_NS: u64 = 1_000;
/// And up to here: a week, as what is stale is as old as times to live are long and no answer takes.
const LONGEST_AGE_NS: u64 = 7 * 24 * 3_600 * 1_000_000_000;
const SIGNIFICANT_DIGITS: u8 = 3;

/// Counts of reads, by what was wrong with them; reads of several stretches add up.
#[derive(Debug, Clone, Default, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Anomalies {
    /// Reads that were held against what had been acknowledged.
    pub audited: u64,
    /// Reads that were looked at for damage alone, since another process writes the document.
    pub foreign: u64,
    /// Those of them that were held afterwards against what that process had been acknowledged.
    pub settled: u64,
    /// Those of them during which a write to the same key was under way.
    pub overlapping: u64,
    /// Reads of a version older than one that had been acknowledged when they were sent.
    pub stale: u64,
    /// Reads of a version older than one that the database held although its writer saw an error.
    pub stale_after_failed_step: u64,
    /// Values that were not the document asked for, or damaged.
    pub corrupt: u64,
    /// Documents as new as an acknowledged write, without what it wrote.
    pub dropped_fields: u64,
    /// Reads older than what the same client had read before.
    pub non_monotonic: u64,
    /// Reads older than what the same client had written before.
    pub not_own_write: u64,
    /// Sessions that were not there any more although nobody had ended them.
    pub lost_sessions: u64,
    /// The ages of the stale reads, in nanoseconds; `None` until there is one.
    #[serde(with = "counted_ages")]
    ages: Option<Box<Latency>>,
    /// The age of the oldest of them, exactly: promises are held against it.
    oldest: Duration,
}

impl Anomalies {
    /// Takes in what became of reads of documents of other processes: so many were held against what those had been
    /// acknowledged, and the answers of these ages were out of date.
    pub fn settle_foreign(&mut self, reads: u64, ages: impl IntoIterator<Item = Duration>) {
        self.audited += reads;
        self.settled += reads;
        ages.into_iter().for_each(|age| self.count_stale(age));
    }

    /// Counts a stale read by its age.
    pub fn count_stale(&mut self, age: Duration) {
        self.stale += 1;
        self.oldest = self.oldest.max(age);
        if self.ages.is_none() {
            self.ages = no_ages();
        }
        if let Some(ages) = &mut self.ages {
            ages.saturating_record(u64::try_from(age.as_nanos()).unwrap_or(u64::MAX));
        }
    }

    /// The age that this share of the stale reads did not pass, from 0 to 1, where 1 is the oldest of all; `None` where none
    /// was stale.
    #[must_use]
    pub fn age_at(&self, quantile: f64) -> Option<Duration> {
        if quantile >= 1.0 {
            return (self.stale > 0).then_some(self.oldest);
        }
        let ages = self.ages.as_ref().filter(|ages| !ages.is_empty())?;
        Some(Duration::from_nanos(ages.value_at_quantile(quantile)))
    }

    /// Adds what was found elsewhere.
    pub fn add(&mut self, other: &Self) {
        self.audited += other.audited;
        self.foreign += other.foreign;
        self.settled += other.settled;
        self.overlapping += other.overlapping;
        self.stale += other.stale;
        self.stale_after_failed_step += other.stale_after_failed_step;
        self.corrupt += other.corrupt;
        self.dropped_fields += other.dropped_fields;
        self.non_monotonic += other.non_monotonic;
        self.not_own_write += other.not_own_write;
        self.lost_sessions += other.lost_sessions;
        self.oldest = self.oldest.max(other.oldest);
        match (&mut self.ages, &other.ages) {
            (Some(mine), Some(theirs)) => {
                // Adding fails only between different layouts, and there is one.
                let added = mine.add(theirs.as_ref());
                debug_assert!(added.is_ok());
            }
            (mine @ None, theirs) => mine.clone_from(theirs),
            (Some(_), None) => {}
        }
    }
}

/// A histogram of ages before the first.
fn no_ages() -> Option<Box<Latency>> {
    Histogram::new_with_bounds(SHORTEST_AGE_NS, LONGEST_AGE_NS, SIGNIFICANT_DIGITS).ok().map(Box::new)
}

/// The ages in files: the values that were recorded and their counts.
mod counted_ages {
    use serde::{Deserialize as _, Deserializer, Serialize as _, Serializer};

    use super::{Latency, latency, no_ages};

    #[allow(clippy::ref_option, reason = "serde calls it with the field")]
    pub(super) fn serialize<S: Serializer>(
        ages: &Option<Box<Latency>>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        ages.as_deref().map(latency::counts).serialize(serializer)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<Box<Latency>>, D::Error> {
        let counts = Option::<Vec<(u64, u32)>>::deserialize(deserializer)?;
        Ok(counts.and_then(|counts| {
            let mut ages = no_ages()?;
            latency::record_counts(&mut ages, &counts);
            Some(ages)
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ages_come_from_the_merged_histogram_and_the_oldest_is_exact() {
        let mut one = Anomalies::default();
        let mut other = Anomalies::default();
        assert_eq!(one.age_at(1.0), None);
        (0..99).for_each(|_| one.count_stale(Duration::from_millis(1)));
        other.count_stale(Duration::from_secs(3));
        let mut sum = Anomalies::default();
        sum.add(&one);
        sum.add(&other);
        assert_eq!(sum.stale, 100);
        let near = |quantile, wanted: f64| {
            let age = sum.age_at(quantile).unwrap().as_secs_f64();
            assert!((age / wanted - 1.0).abs() < 2e-3, "{quantile}: {age}");
        };
        near(0.5, 0.001);
        assert_eq!(sum.age_at(1.0), Some(Duration::from_secs(3)));
    }

    #[test]
    fn what_was_stale_for_an_hour_is_an_hour_old_and_not_as_old_as_the_longest_answer_takes() {
        let hour = Duration::from_hours(1) + Duration::from_nanos(1);
        let mut found = Anomalies::default();
        (0..10).for_each(|_| found.count_stale(hour));
        assert_eq!(found.age_at(1.0), Some(hour));
        let half = found.age_at(0.5).unwrap();
        assert!((half.as_secs_f64() / hour.as_secs_f64() - 1.0).abs() < 2e-3, "{half:?}");
    }
}
