//! What every line says of the run of a strategy that it belongs to, so that a plot of one file needs no other.

use std::ops::Deref;

use super::SummaryRow;
use super::columns::columns;

columns! {
    /// The first columns of every file but `summary.csv`. Behind them stands one column for each swept key, by the key's
    /// name.
    pub struct Origin {
        /// The cell's id, as in `summary.csv`.
        cell: String,
        /// The strategy's label, as legends show it.
        strategy: String,
        /// The topology's label.
        topology: String,
        /// The strategy, the topology and the swept values in one text, for a legend.
        label: String,
        /// The repeat, counted from 1.
        repeat: u32,
    }
}

impl Origin {
    /// The origin of all lines of a cell.
    #[must_use]
    pub fn of(summary: &SummaryRow) -> Self {
        let parts = [&summary.strategy, &summary.topology, &summary.swept];
        let parts: Vec<&str> =
            parts.into_iter().map(String::as_str).filter(|part| !part.is_empty()).collect();
        Self {
            cell: summary.cell.clone(),
            strategy: summary.strategy.clone(),
            topology: summary.topology.clone(),
            label: parts.join(" · "),
            repeat: summary.repeat,
        }
    }
}

/// A row that was read, and the cell that it is of.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Of<R> {
    /// The cell's id.
    pub cell: String,
    /// The strategy's label.
    pub strategy: String,
    /// The topology's label.
    pub topology: String,
    /// The row.
    pub row: R,
}

impl<R> Deref for Of<R> {
    type Target = R;

    fn deref(&self) -> &R {
        &self.row
    }
}
