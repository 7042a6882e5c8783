//! hotset runs one workload against every caching strategy and topology of a scenario, on real
//! servers, checks every value that is read, and leaves CSVs, charts and a report.
//!
//! `ARCHITECTURE.md` shows the rooms and what may import what.

// An operation is one future from the client through application, strategy and store to the connection, without a box
// between them; an optimising build looks deeper into it than the compiler does unless told.
#![recursion_limit = "256"]

pub mod application;
pub mod audit;
pub mod catalog;
pub mod check;
pub mod cli;
pub mod clock;
pub mod commands;
pub mod curve;
pub mod doctor;
pub mod driver;
pub mod eviction;
pub mod fault;
pub mod findings;
pub mod hash;
pub mod interrupt;
pub mod machine;
pub mod measure;
pub mod memory;
pub mod monitor;
pub mod observer;
pub mod plan;
pub mod progress;
pub mod recording;
pub mod report;
pub mod results;
pub mod run;
pub mod scenario;
pub mod sizing;
pub mod source;
pub mod store;
pub mod strategy;
pub mod theory;
pub mod topology;
pub mod trace;
pub mod units;
pub mod workload;
