//! Examples of anomalies, a few of each kind, so that a figure can be looked into.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use parking_lot::Mutex;

use crate::results::AnomalyKind;

/// The anomalies of a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SessionAnomaly {
    /// It let somebody in this long after its log-out was acknowledged.
    ValidatedAfterLogOut(Duration),
    /// It let somebody in this long after it had expired.
    ValidatedAfterExpiry(Duration),
    /// It was no longer there although nobody had ended it.
    Lost,
}

impl SessionAnomaly {
    /// Its kind.
    #[must_use]
    pub fn kind(self) -> AnomalyKind {
        match self {
            Self::ValidatedAfterLogOut(_) => AnomalyKind::ValidatedAfterLogOut,
            Self::ValidatedAfterExpiry(_) => AnomalyKind::ValidatedAfterExpiry,
            Self::Lost => AnomalyKind::LostSession,
        }
    }

    /// The time for which the session had already been over, if it let somebody in.
    #[must_use]
    pub fn age(self) -> Option<Duration> {
        match self {
            Self::ValidatedAfterLogOut(age) | Self::ValidatedAfterExpiry(age) => Some(age),
            Self::Lost => None,
        }
    }
}

/// One anomaly. Times are in seconds since measuring began, below 0 before that.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Example {
    /// The kind of anomaly.
    pub kind: AnomalyKind,
    /// The key.
    pub key: u64,
    /// The field, if the anomaly is about one.
    pub field: Option<usize>,
    /// The version that was read: by a client, from the database at the end (lost), or from the cache at the end
    /// (divergent). `None` if there was no document.
    pub read_version: Option<u64>,
    /// The lowest version that would have been right: the highest acknowledged (stale), held by the database (failed
    /// step, divergent), of the last acknowledged write of the field (dropped field, lost), or known to the client (the
    /// others).
    pub expected_version: Option<u64>,
    /// The instance of the client that read.
    pub reader_instance: Option<u64>,
    /// The instance through which the first version that is missing was acknowledged.
    pub writer_instance: Option<u64>,
    /// The time at which the first version that is missing, or one after it, was acknowledged.
    pub acknowledged_s: Option<f64>,
    /// The time at which the read was sent.
    pub sent_s: Option<f64>,
    /// The time at which its answer was complete.
    pub done_s: Option<f64>,
    /// The time from the acknowledgement of the first version that is missing to the sending of the read.
    pub age: Option<Duration>,
    /// Further details, such as the session's number.
    pub detail: Option<String>,
}

impl Example {
    /// An example of a kind and a key, with every other field unknown.
    #[must_use]
    pub fn of(kind: AnomalyKind, key: u64) -> Self {
        Self {
            kind,
            key,
            field: None,
            read_version: None,
            expected_version: None,
            reader_instance: None,
            writer_instance: None,
            acknowledged_s: None,
            sent_s: None,
            done_s: None,
            age: None,
            detail: None,
        }
    }
}

/// The number of examples that are kept of each kind.
pub const KEPT_OF_A_KIND: usize = 20;
/// The number of examples that are shown in all.
pub const SHOWN: usize = 100;
/// The time of anomalies found after the load. It is later than any other; only `u64::MAX`, the start of a measurement
/// that never began, is later.
pub const AT_THE_END: u64 = u64::MAX - 1;

/// The examples kept so far. Once a kind has enough, noting another costs one atomic load.
#[derive(Debug)]
pub struct Examples {
    /// Microseconds after the audit began; `u64::MAX` until measuring begins.
    measuring_since: AtomicU64,
    counts: [AtomicUsize; AnomalyKind::ALL.len()],
    kept: Mutex<Vec<Example>>,
}

impl Default for Examples {
    fn default() -> Self {
        Self { measuring_since: AtomicU64::new(u64::MAX), counts: Default::default(), kept: Mutex::default() }
    }
}

impl Examples {
    /// Begins measuring: examples are kept from now on, and their times count from here.
    pub fn begin(&self, micros: u64) {
        self.measuring_since.store(micros, Ordering::Release);
    }

    /// When measuring began, in microseconds.
    pub fn measuring_since(&self) -> u64 {
        self.measuring_since.load(Ordering::Acquire)
    }

    /// Returns true if measuring had begun by then.
    pub fn is_measured(&self, micros: u64) -> bool {
        micros >= self.measuring_since()
    }

    /// Converts a time to seconds since measuring began.
    pub fn seconds(&self, micros: u64) -> f64 {
        let since = self.measuring_since.load(Ordering::Acquire);
        let (sign, apart) = if micros < since { (-1.0, since - micros) } else { (1.0, micros - since) };
        sign * apart as f64 / 1e6
    }

    /// Keeps an example of an anomaly at a time, if measuring had begun by then and the kind has too few.
    pub fn note(&self, kind: AnomalyKind, micros: u64, make: impl FnOnce() -> Example) {
        let count = &self.counts[kind as usize];
        if !self.is_measured(micros) || count.load(Ordering::Relaxed) >= KEPT_OF_A_KIND {
            return;
        }
        let mut kept = self.kept.lock();
        if count.load(Ordering::Relaxed) < KEPT_OF_A_KIND {
            count.fetch_add(1, Ordering::Relaxed);
            kept.push(make());
        }
    }

    /// The [shown](shown_examples) ones of those that were kept.
    pub fn shown(&self) -> Vec<Example> {
        shown_examples(self.kept.lock().iter().cloned())
    }
}

/// At most [`SHOWN`] of some examples, kind by kind, each kind in the order in which it was found. If there are more, every
/// kind gives up its last before any gives up its first.
#[must_use]
pub fn shown_examples(found: impl IntoIterator<Item = Example>) -> Vec<Example> {
    let mut nth = [0; AnomalyKind::ALL.len()];
    let mut examples: Vec<(usize, Example)> = Vec::new();
    for example in found {
        let nth = &mut nth[example.kind as usize];
        examples.push((*nth, example));
        *nth += 1;
    }
    examples.sort_by_key(|(nth, example)| (*nth, example.kind));
    examples.truncate(SHOWN);
    examples.sort_by_key(|(nth, example)| (example.kind, *nth));
    examples.into_iter().map(|(_, example)| example).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn note(examples: &Examples, kind: AnomalyKind, key: u64) {
        examples.note(kind, 0, || Example::of(kind, key));
    }

    #[test]
    fn no_kind_takes_the_place_of_another() {
        let examples = Examples::default();
        examples.begin(0);
        for &kind in AnomalyKind::ALL {
            (0..1000).for_each(|key| note(&examples, kind, key));
        }
        let shown = examples.shown();
        assert_eq!(shown.len(), SHOWN);
        for &kind in AnomalyKind::ALL {
            let keys: Vec<u64> = shown.iter().filter(|e| e.kind == kind).map(|e| e.key).collect();
            let share = SHOWN / AnomalyKind::ALL.len();
            assert!((share..=share + 1).contains(&keys.len()), "{kind:?}: {keys:?}");
            assert!(keys.iter().copied().eq(0..keys.len() as u64), "the first, in order: {keys:?}");
        }
    }

    #[test]
    fn twenty_of_one_kind_are_shown_where_there_is_room() {
        let examples = Examples::default();
        examples.begin(0);
        (0..1000).for_each(|key| note(&examples, AnomalyKind::Lost, key));
        note(&examples, AnomalyKind::Stale, 5);
        let kinds: Vec<AnomalyKind> = examples.shown().iter().map(|example| example.kind).collect();
        assert_eq!(kinds.len(), KEPT_OF_A_KIND + 1);
        assert_eq!(kinds[..2], [AnomalyKind::Stale, AnomalyKind::Lost]);
    }
}
