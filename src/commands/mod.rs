//! The steps of each command: its arguments are read, the work is done below, and the user is told how it ended.
//!
//! A command returns an [`Exit`], whose number is the exit code of the process.
//!
//! This room stands on floor 6 and may use `application`, `base`, `load`, `model`, `monitor`, `report`,
//! `results`, `run`, `scenario`, `store`, `strategy` and `topology`.

pub mod baseline;
pub mod catalog;
pub mod check;
pub mod cli;
pub mod compare;
pub mod curve;
pub mod doctor;
pub mod exit;
pub mod list;
pub mod merge;
pub mod monitor;
pub mod output;
pub mod plan;
pub mod progress;
pub mod record;
pub mod recording;
pub mod report;
pub mod resume;
pub mod run;
pub mod sizing;

pub use exit::Exit;
