//! How a command ended.

use std::process::ExitCode;

/// The end of a command; its number is the exit code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// Everything ran.
    Done = 0,
    /// Everything ran, and what was asked of it does not hold.
    Unmet = 1,
    /// The scenario or the command line is wrong.
    Wrong = 2,
    /// A cell could not be run, or its results could not be kept or printed.
    NotRun = 3,
    /// The user ended it.
    Interrupted = 130,
}

impl Exit {
    /// Joins the ends of two steps of one command: what could not be done weighs more than what was missed.
    #[must_use]
    pub fn worse_of(self, other: Self) -> Self {
        let weight = |exit: Self| match exit {
            Self::Done => 0,
            Self::Unmet => 1,
            Self::Wrong => 2,
            Self::NotRun => 3,
            Self::Interrupted => 4,
        };
        if weight(other) > weight(self) { other } else { self }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}
