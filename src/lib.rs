//! hotset runs one workload against every caching strategy and topology of a scenario, on real
//! servers, checks every value that is read, and leaves CSVs, charts and a report.
//!
//! `ARCHITECTURE.md` shows the rooms and what may import what.

// An operation is one future from the client through application, strategy and store to the connection, without a box
// between them; an optimising build looks deeper into it than the compiler does unless told.
#![recursion_limit = "256"]
// Whoever reads may be gone, or their disk full: `base::output` knows what to do then, and these panic.
#![deny(clippy::print_stdout, clippy::print_stderr)]

pub mod application;
pub mod audit;
pub mod base;
pub mod commands;
pub mod load;
pub mod measure;
pub mod model;
pub mod monitor;
pub mod report;
pub mod results;
pub mod run;
pub mod scenario;
pub mod store;
pub mod strategy;
pub mod topology;
