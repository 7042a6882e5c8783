//! How a command ended.

use std::process::ExitCode;

/// How a command ended; its number is the exit code.
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

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}
