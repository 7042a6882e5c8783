//! How the operations of a cell were answered.

use super::observed::Observed;
use crate::results::Answers;

/// The answers of all operations.
#[must_use]
pub fn of(observed: &Observed) -> Answers {
    observed.load.all.answers(|_| true)
}
