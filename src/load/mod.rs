//! What the load consists of: which operation, of which key, when.
//!
//! [`workload`] draws it from distributions, and [`trace`] reads and writes what was recorded.
//!
//! This room stands on floor 2 and may use `base`, `results` and `scenario`.

pub mod trace;
pub mod workload;
