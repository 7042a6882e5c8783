//! `application.csv`: figures of a cell's application that no other file has.

use serde::{Deserialize, Serialize};

/// One figure of one cell.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct ApplicationRow {
    /// The cell's id.
    pub cell: String,
    /// What it is.
    pub figure: String,
    /// How much; empty where it is not known.
    pub value: Option<f64>,
    /// In what.
    pub unit: String,
}
