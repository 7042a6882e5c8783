//! The final comparison of both stores with what was acknowledged, after everything has ended.

use super::example::{AT_THE_END, Example};
use super::line::{KeyState, Numbered};
use super::{Audit, FIELDS, Seen};
use crate::base::lives;
use crate::results::AnomalyKind;

/// The outcome of all writes of a cell.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
pub struct Conclusion {
    /// Writes that were acknowledged.
    pub acknowledged_writes: u64,
    /// Writes whose outcome is unknown.
    pub indeterminate_writes: u64,
    /// Writes that the database holds although a later step failed.
    pub failed_steps: u64,
    /// Fields of keys whose last acknowledged write the database no longer reflects.
    pub lost_writes: u64,
    /// Keys with such a field.
    pub lost_keys: u64,
    /// Keys with a field that carries a write other than the last acknowledged and not known to be older, which a write
    /// with an unknown outcome or a failed step may explain.
    pub explained_keys: u64,
    /// Keys whose document in the cache has another version, or other writes, than the database's.
    pub divergent_keys: u64,
    /// Divergent keys whose cached document has all that was acknowledged, while a write with an unknown outcome or a
    /// failed step may explain what the database has besides.
    pub divergent_explained_keys: u64,
    /// Keys that were compared.
    pub checked_keys: u64,
}

impl Conclusion {
    /// Adds the outcome of the writes to other keys.
    pub fn add(&mut self, other: &Self) {
        self.acknowledged_writes += other.acknowledged_writes;
        self.indeterminate_writes += other.indeterminate_writes;
        self.failed_steps += other.failed_steps;
        self.lost_writes += other.lost_writes;
        self.lost_keys += other.lost_keys;
        self.explained_keys += other.explained_keys;
        self.divergent_keys += other.divergent_keys;
        self.divergent_explained_keys += other.divergent_explained_keys;
        self.checked_keys += other.checked_keys;
    }
}

/// The comparison's result for some keys; see [`Conclusion`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
#[allow(missing_docs, reason = "each is documented in Conclusion")]
pub struct SettledKeys {
    pub lost_writes: u64,
    pub lost_keys: u64,
    pub explained_keys: u64,
    pub divergent_keys: u64,
    pub divergent_explained_keys: u64,
    pub checked_keys: u64,
}

impl SettledKeys {
    /// Adds the result for other keys.
    pub fn add(&mut self, other: &Self) {
        self.lost_writes += other.lost_writes;
        self.lost_keys += other.lost_keys;
        self.explained_keys += other.explained_keys;
        self.divergent_keys += other.divergent_keys;
        self.divergent_explained_keys += other.divergent_explained_keys;
        self.checked_keys += other.checked_keys;
    }
}

/// The outcome of the last acknowledged write of a field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    /// The database reflects it, or a later one.
    Kept,
    /// The database reflects another write, and a write with an unknown outcome or a failed step may be the reason.
    Explained,
    /// The database lacks it.
    Lost,
}

impl Audit {
    /// Compares a written key's documents in both stores with what was acknowledged, and returns the result. It has to
    /// be called once a key, after the load has stopped and the strategy has delivered everything.
    pub fn settle_key(&self, key: u64, database: Option<Seen>, cache: Option<Seen>) -> SettledKeys {
        let Some(line) = self.line(key) else { return SettledKeys::default() };
        let fates: [Fate; FIELDS] = std::array::from_fn(|field| {
            line.mark(field).map_or(Fate::Kept, |last| self.fate(line, key, field, last, database))
        });
        let is_divergent = cache.is_some() && cache != database;
        let is_explained = is_divergent && {
            let writes = line.writes();
            let is_whole = cache.is_some_and(|document| document.version >= line.acknowledged());
            is_whole && (writes.had_indeterminate() || writes.had_failed_step())
        };
        let lost = fates.iter().filter(|fate| **fate == Fate::Lost).count() as u64;
        let found = SettledKeys {
            checked_keys: 1,
            lost_writes: lost,
            lost_keys: u64::from(lost > 0),
            explained_keys: u64::from(fates.contains(&Fate::Explained)),
            divergent_keys: u64::from(is_divergent),
            divergent_explained_keys: u64::from(is_explained),
        };
        self.settled.lock().add(&found);
        for field in (0..FIELDS).filter(|&field| fates[field] == Fate::Lost) {
            self.keep_lost(line, key, field, database);
        }
        if is_divergent {
            self.examples.note(AnomalyKind::Divergent, AT_THE_END, || Example {
                read_version: cache.map(|document| document.version),
                expected_version: database.map(|document| document.version),
                ..Example::of(AnomalyKind::Divergent, key)
            });
        }
        found
    }

    /// The outcome of all writes, for the keys that [`settle_key`](Self::settle_key) has compared so far.
    #[must_use]
    pub fn conclusion(&self) -> Conclusion {
        let settled = self.settled.lock();
        let mut conclusion = Conclusion {
            lost_writes: settled.lost_writes,
            lost_keys: settled.lost_keys,
            explained_keys: settled.explained_keys,
            divergent_keys: settled.divergent_keys,
            divergent_explained_keys: settled.divergent_explained_keys,
            checked_keys: settled.checked_keys,
            ..Conclusion::default()
        };
        drop(settled);
        for stripe in &self.stripes {
            let counts = stripe.0.lock();
            conclusion.acknowledged_writes += counts.acknowledged;
            conclusion.indeterminate_writes += counts.indeterminate;
            conclusion.failed_steps += counts.failed_steps;
        }
        conclusion
    }

    fn fate(&self, line: &KeyState, key: u64, field: usize, last: Numbered, database: Option<Seen>) -> Fate {
        let Some(document) = database else { return fate_of_absent(line) };
        let carried = document.writes[field];
        if carried == last.write {
            return Fate::Kept;
        }
        let writes = line.writes();
        match self.version_of(key, carried) {
            // If two writes got the same version, one of them was undone.
            Some(version) if version > last.version => Fate::Kept,
            None if writes.had_indeterminate() || writes.had_failed_step() => Fate::Explained,
            Some(_) | None => Fate::Lost,
        }
    }

    fn keep_lost(&self, line: &KeyState, key: u64, field: usize, database: Option<Seen>) {
        self.examples.note(AnomalyKind::Lost, AT_THE_END, || {
            let version = line.mark(field).map_or(0, |last| last.version);
            let example = Example {
                field: Some(field),
                read_version: database.map(|document| document.version),
                expected_version: Some(version),
                ..Example::of(AnomalyKind::Lost, key)
            };
            self.acknowledged(self.first_acknowledged(line, key, version), example)
        });
    }
}

/// The outcome of the last write of a document that the database does not have.
fn fate_of_absent(line: &KeyState) -> Fate {
    if lives::is_absence(line.acknowledged()) {
        Fate::Kept
    } else if line.writes().leave_existence_unknown() {
        Fate::Explained
    } else {
        Fate::Lost
    }
}
