//! Failures of what no operation waits for, by step and kind, and the words of the first of each.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::ops::{Add, Sub};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Instant;

use parking_lot::Mutex;

use super::{ErrorKind, StoreError};
use crate::base::clock;
use crate::results::FailedStep;

const KINDS: usize = ErrorKind::ALL.len();
const STEPS: usize = FailedStep::ALL.len();

/// How often each step has failed with each kind of error.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
pub struct Setbacks([[u64; KINDS]; STEPS]);

impl Setbacks {
    /// The failures of a step, of every kind.
    #[must_use]
    pub fn of(&self, step: FailedStep) -> u64 {
        self.0[step as usize].iter().sum()
    }

    /// The failures of a step with one kind of error.
    #[must_use]
    pub fn of_kind(&self, step: FailedStep, kind: ErrorKind) -> u64 {
        self.0[step as usize][kind as usize]
    }

    fn with(self, other: Self, both: impl Fn(u64, u64) -> u64) -> Self {
        let of = |step: usize, kind: usize| both(self.0[step][kind], other.0[step][kind]);
        Self(std::array::from_fn(|step| std::array::from_fn(|kind| of(step, kind))))
    }
}

impl Add for Setbacks {
    type Output = Self;

    /// The sum of both.
    fn add(self, other: Self) -> Self {
        self.with(other, |one, other| one + other)
    }
}

impl Sub for Setbacks {
    type Output = Self;

    /// The failures since an earlier moment.
    fn sub(self, earlier: Self) -> Self {
        self.with(earlier, u64::saturating_sub)
    }
}

/// A failure that was the first of its step and kind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FirstFailure {
    /// When it happened.
    pub at: Instant,
    /// The words of the store.
    pub detail: String,
}

/// The first failure of each step with each kind of error.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FirstFailures(BTreeMap<(FailedStep, ErrorKind), FirstFailure>);

impl FirstFailures {
    /// Takes in those of others; of two the earlier one stays.
    pub fn add(&mut self, others: Self) {
        for (of, failure) in others.0 {
            match self.0.entry(of) {
                Entry::Vacant(vacant) => drop(vacant.insert(failure)),
                Entry::Occupied(mut known) if failure.at < known.get().at => drop(known.insert(failure)),
                Entry::Occupied(_) => {}
            }
        }
    }

    /// Takes in one failure; where an earlier one of its step and kind is known, that stays.
    pub fn take(&mut self, step: FailedStep, kind: ErrorKind, failure: FirstFailure) {
        self.add(Self(BTreeMap::from([((step, kind), failure)])));
    }

    /// The first failure of a step with a kind of error.
    #[must_use]
    pub fn of(&self, step: FailedStep, kind: ErrorKind) -> Option<&FirstFailure> {
        self.0.get(&(step, kind))
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = (FailedStep, ErrorKind, &FirstFailure)> {
        self.0.iter().map(|((step, kind), failure)| (*step, *kind, failure))
    }

    fn note(&mut self, step: FailedStep, error: &StoreError) {
        self.0
            .entry((step, error.kind))
            .or_insert_with(|| FirstFailure { at: clock::now().into_std(), detail: error.detail.clone() });
    }
}

/// Failures as they are counted, by handles that count together.
#[derive(Debug, Default)]
pub(super) struct SetbackCounts {
    counts: [[AtomicU64; KINDS]; STEPS],
    first: Mutex<FirstFailures>,
}

impl SetbackCounts {
    pub(super) fn count(&self, step: FailedStep, error: &StoreError) {
        self.counts[step as usize][error.kind as usize].fetch_add(1, Relaxed);
        self.first.lock().note(step, error);
    }

    pub(super) fn snapshot(&self) -> Setbacks {
        let of = |step: usize, kind: usize| self.counts[step][kind].load(Relaxed);
        Setbacks(std::array::from_fn(|step| std::array::from_fn(|kind| of(step, kind))))
    }

    pub(super) fn first(&self) -> FirstFailures {
        self.first.lock().clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(kind: ErrorKind, detail: &str) -> StoreError {
        StoreError::new(kind, detail)
    }

    #[test]
    fn failures_are_counted_by_step_and_kind_and_the_words_of_the_first_are_kept() {
        let counts = SetbackCounts::default();
        counts.count(FailedStep::Fill, &error(ErrorKind::Denied, "NOPERM set"));
        let before = counts.snapshot();
        counts.count(FailedStep::Fill, &error(ErrorKind::Denied, "NOPERM again"));
        counts.count(FailedStep::Fill, &error(ErrorKind::Timeout, "late"));
        counts.count(FailedStep::Background, &error(ErrorKind::Denied, "NOPERM client"));
        let since = counts.snapshot() - before;
        assert_eq!((since.of(FailedStep::Fill), since.of(FailedStep::Background)), (2, 1));
        assert_eq!(since.of_kind(FailedStep::Fill, ErrorKind::Denied), 1);
        assert_eq!((since + before).of(FailedStep::Fill), 3);
        let first = counts.first();
        assert_eq!(first.of(FailedStep::Fill, ErrorKind::Denied).unwrap().detail, "NOPERM set");
        assert_eq!(first.of(FailedStep::Invalidation, ErrorKind::Denied), None);
    }

    #[test]
    fn of_the_failures_of_several_the_earliest_is_the_first() {
        let at = Instant::now();
        let one = |seconds, detail: &str| {
            let failure =
                FirstFailure { at: at + std::time::Duration::from_secs(seconds), detail: detail.into() };
            FirstFailures(BTreeMap::from([((FailedStep::Operation, ErrorKind::Other), failure)]))
        };
        let mut all = one(2, "second");
        all.add(one(1, "first"));
        all.add(one(3, "third"));
        assert_eq!(all.of(FailedStep::Operation, ErrorKind::Other).unwrap().detail, "first");
    }
}
