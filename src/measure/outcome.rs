//! Outcomes of operations.

use crate::store::ErrorKind;

/// The outcome of one operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Outcome {
    /// A read that the cache answered with a value.
    Hit,
    /// A read that the database answered.
    Miss,
    /// A read that the cache answered with the knowledge that there is no such document.
    NegativeHit,
    /// A read that the database answered since the cache had failed and was passed by.
    Bypassed,
    /// A write that was acknowledged.
    Written,
    /// What is neither, done: a session that was looked at, say.
    Done,
    /// An operation that failed.
    Error(ErrorKind),
    /// An operation without an answer in time. A write may or may not have happened.
    Timeout,
}

impl Outcome {
    /// The outcome of an operation that failed in a store; a timeout is its own outcome, not an error among others.
    #[must_use]
    pub fn failed(kind: ErrorKind) -> Self {
        if kind == ErrorKind::Timeout { Self::Timeout } else { Self::Error(kind) }
    }

    /// The class that it is counted under.
    #[inline]
    #[must_use]
    pub fn class(self) -> OutcomeClass {
        match self {
            Self::Hit => OutcomeClass::Hit,
            Self::Miss => OutcomeClass::Miss,
            Self::NegativeHit => OutcomeClass::NegativeHit,
            Self::Bypassed => OutcomeClass::Bypassed,
            Self::Written => OutcomeClass::Written,
            Self::Done => OutcomeClass::Done,
            Self::Timeout | Self::Error(ErrorKind::Timeout) => OutcomeClass::Timeout,
            Self::Error(_) => OutcomeClass::Error,
        }
    }
}

/// The outcomes with all errors taken together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum OutcomeClass {
    /// See [`Outcome::Hit`].
    Hit,
    /// See [`Outcome::Miss`].
    Miss,
    /// See [`Outcome::NegativeHit`].
    NegativeHit,
    /// See [`Outcome::Bypassed`].
    Bypassed,
    /// See [`Outcome::Written`].
    Written,
    /// See [`Outcome::Done`].
    Done,
    /// See [`Outcome::Error`].
    Error,
    /// See [`Outcome::Timeout`].
    Timeout,
}

impl OutcomeClass {
    /// The number of outcomes.
    pub const COUNT: usize = 8;

    /// Every class, in the order of results.
    pub const ALL: [Self; Self::COUNT] = [
        Self::Hit,
        Self::Miss,
        Self::NegativeHit,
        Self::Bypassed,
        Self::Written,
        Self::Done,
        Self::Error,
        Self::Timeout,
    ];

    /// Its name in results.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Hit => "hit",
            Self::Miss => "miss",
            Self::NegativeHit => "negative-hit",
            Self::Bypassed => "bypassed",
            Self::Written => "written",
            Self::Done => "done",
            Self::Error => "error",
            Self::Timeout => "timeout",
        }
    }

    /// Returns true if the operation did what it was asked to.
    #[must_use]
    pub fn is_success(self) -> bool {
        !matches!(self, Self::Error | Self::Timeout)
    }

    /// Returns true if it is a read that got an answer.
    #[must_use]
    pub fn is_answered_read(self) -> bool {
        matches!(self, Self::Hit | Self::Miss | Self::NegativeHit | Self::Bypassed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classes_stand_in_their_own_order_under_names_of_their_own() {
        for (at, class) in OutcomeClass::ALL.into_iter().enumerate() {
            assert_eq!(class as usize, at);
            assert_eq!(OutcomeClass::ALL.iter().filter(|other| other.name() == class.name()).count(), 1);
        }
    }

    #[test]
    fn a_timeout_is_a_timeout_however_it_was_reported() {
        assert_eq!(Outcome::failed(ErrorKind::Timeout), Outcome::Timeout);
        assert_eq!(Outcome::Error(ErrorKind::Timeout).class(), OutcomeClass::Timeout);
        assert_eq!(Outcome::failed(ErrorKind::Denied), Outcome::Error(ErrorKind::Denied));
    }
}
