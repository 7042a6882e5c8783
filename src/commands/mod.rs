//! The steps of each command: its arguments are read, the work is done below, and the user is told how it ended.
//!
//! A command returns an [`Exit`], whose number is the exit code of the process.

pub mod curve;
pub mod exit;
pub mod list;
pub mod monitor;
pub mod output;
pub mod plan;
pub mod record;
pub mod report;
pub mod run;

pub use exit::Exit;
