//! Where something of a scenario was written.

use std::ops::Range;

/// Where something was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SourceLocation {
    /// These bytes of the scenario file.
    File(Range<usize>),
    /// An option of the command line, as typed.
    Option(String),
}
