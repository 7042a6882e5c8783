//! Outcomes of operations.

use crate::results::OutcomeClass;
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
    /// Something that is neither was done: a session that was looked at, say.
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_timeout_is_a_timeout_however_it_was_reported() {
        assert_eq!(Outcome::failed(ErrorKind::Timeout), Outcome::Timeout);
        assert_eq!(Outcome::Error(ErrorKind::Timeout).class(), OutcomeClass::Timeout);
        assert_eq!(Outcome::failed(ErrorKind::Denied), Outcome::Error(ErrorKind::Denied));
    }
}
