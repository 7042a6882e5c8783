//! The testimonies of the audits of several processes, and the stale reads that only all of it together shows: a read of
//! a version that is older than one which another process had been acknowledged.
//!
//! The processes began to measure at one moment, by their clocks to within a round trip; a read counts as stale only where
//! it was sent [`CLOCKS_AGREE_WITHIN`] after the acknowledgement.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// The most by which the clocks of processes that began at one moment are taken to differ.
pub const CLOCKS_AGREE_WITHIN: Duration = Duration::from_millis(10);

/// A key, a version of it, and when that was acknowledged, in microseconds from the start of measuring.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Acknowledgement(pub u64, pub u64, pub i64);

/// A key, a version of it, how often that was read while measured, and when such a read was last sent, in microseconds from
/// the start of measuring.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sighting(pub u64, pub u64, pub u64, pub i64);

/// All that the audit of one process tells.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Testimony {
    /// The writes of this process: all that were acknowledged while measured, and of each key the last one before.
    pub acknowledged: Vec<Acknowledgement>,
    /// The documents of other processes that it has read.
    pub sightings: Vec<Sighting>,
    /// True if there was room for all of that.
    pub is_complete: bool,
}

/// A version of a document that was read although a later one had been acknowledged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StaleSighting {
    /// The key.
    pub key: u64,
    /// The version that was read.
    pub read_version: u64,
    /// The later version that was acknowledged first.
    pub expected_version: u64,
    /// When that was, in microseconds from the start of measuring.
    pub acknowledged_us: i64,
    /// When the last read was sent that shows it.
    pub sent_us: i64,
}

impl StaleSighting {
    /// The time for which the answer had certainly been out of date when it was last asked for, whatever the clocks differ.
    #[must_use]
    pub fn age(&self) -> Duration {
        let apart = self.sent_us.saturating_sub(self.acknowledged_us).max(0);
        Duration::from_micros(apart.unsigned_abs()).saturating_sub(CLOCKS_AGREE_WITHIN)
    }
}

/// The findings that several testimonies show together.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CrossExamination {
    /// The reads that were held against what another process had been acknowledged.
    pub held_reads: u64,
    /// The stale reads: each version of a key once, however many reads show it.
    pub stale: Vec<StaleSighting>,
}

/// Holds what each process has read against what the others had been acknowledged; `None` where something is missing of it.
#[must_use]
pub fn cross_examine(all: &[&Testimony]) -> Option<CrossExamination> {
    if !all.iter().all(|testimony| testimony.is_complete) {
        return None;
    }
    let mut acknowledged: BTreeMap<u64, Vec<(u64, i64)>> = BTreeMap::new();
    for Acknowledgement(key, version, at_us) in all.iter().flat_map(|one| &one.acknowledged) {
        acknowledged.entry(*key).or_default().push((*version, *at_us));
    }
    for versions in acknowledged.values_mut() {
        versions.sort_unstable();
    }
    let tolerance = i64::try_from(CLOCKS_AGREE_WITHIN.as_micros()).unwrap_or(i64::MAX);
    let mut found = CrossExamination::default();
    for Sighting(key, read_version, reads, sent_us) in all.iter().flat_map(|one| &one.sightings) {
        found.held_reads += reads;
        let versions = acknowledged.get(key).map(Vec::as_slice).unwrap_or_default();
        let later = &versions[versions.partition_point(|(version, _)| version <= read_version)..];
        let first = later.iter().min_by_key(|(_, at_us)| *at_us);
        if let Some((expected_version, acknowledged_us)) =
            first.filter(|(_, at_us)| sent_us - at_us > tolerance)
        {
            found.stale.push(StaleSighting {
                key: *key,
                read_version: *read_version,
                expected_version: *expected_version,
                acknowledged_us: *acknowledged_us,
                sent_us: *sent_us,
            });
        }
    }
    found.stale.sort_by_key(|stale| (stale.sent_us, stale.key));
    Some(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn writer(acknowledged: &[(u64, u64, i64)]) -> Testimony {
        let acknowledged = acknowledged.iter().map(|(key, version, at)| Acknowledgement(*key, *version, *at));
        Testimony { acknowledged: acknowledged.collect(), sightings: Vec::new(), is_complete: true }
    }

    fn reader(sightings: &[(u64, u64, u64, i64)]) -> Testimony {
        let sightings =
            sightings.iter().map(|(key, version, reads, at)| Sighting(*key, *version, *reads, *at));
        Testimony { acknowledged: Vec::new(), sightings: sightings.collect(), is_complete: true }
    }

    #[test]
    fn a_version_is_stale_where_it_was_read_after_a_later_one_was_acknowledged_elsewhere() {
        // Version 9 was acknowledged before version 8, as two writers' answers may cross.
        let writer = writer(&[(5, 7, -3_000_000), (5, 8, 500_000), (5, 9, 400_000)]);
        let stale = |version: u64, sent_us: i64| {
            let found = cross_examine(&[&writer, &reader(&[(5, version, 3, sent_us)])]).unwrap();
            assert_eq!(found.held_reads, 3);
            found.stale.first().map(|stale| (stale.expected_version, stale.age().as_micros()))
        };
        assert_eq!(stale(7, 400_000), None, "nothing later had been acknowledged");
        assert_eq!(stale(7, 409_999), None, "the clocks may differ by that much");
        assert_eq!(stale(7, 450_000), Some((9, 40_000)));
        assert_eq!(stale(8, 450_000), Some((9, 40_000)));
        assert_eq!(stale(9, 9_000_000), None, "it is the latest");
        assert_eq!(stale(6, 0), Some((7, 2_990_000)), "it was out of date before measuring began");
        assert_eq!(
            stale(10, 9_000_000),
            None,
            "a write that is under way may be seen before it is acknowledged"
        );
    }

    #[test]
    fn reads_of_keys_that_nobody_wrote_are_held_against_that_and_what_is_incomplete_against_nothing() {
        let (writer, reads) = (writer(&[(5, 7, 0)]), reader(&[(6, 0, 2, 1_000_000), (5, 7, 1, 1_000_000)]));
        let found = cross_examine(&[&writer, &reads]).unwrap();
        assert_eq!((found.held_reads, found.stale), (3, Vec::new()));
        let torn = Testimony { is_complete: false, ..writer };
        assert_eq!(cross_examine(&[&torn, &reads]), None);
    }
}
