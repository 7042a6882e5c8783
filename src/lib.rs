//! hotset runs one workload against every caching strategy and topology of a scenario, on real
//! servers, checks every value that is read, and leaves CSVs, charts and a report.
//!
//! `ARCHITECTURE.md` shows the rooms and what may import what.

pub mod application;
pub mod audit;
pub mod catalog;
pub mod check;
pub mod cli;
pub mod clock;
pub mod doctor;
pub mod driver;
pub mod fault;
pub mod interrupt;
pub mod machine;
pub mod measure;
pub mod observer;
pub mod plan;
pub mod progress;
pub mod report;
pub mod results;
pub mod run;
pub mod scenario;
pub mod source;
pub mod store;
pub mod strategy;
pub mod topology;
pub mod units;
pub mod workload;
