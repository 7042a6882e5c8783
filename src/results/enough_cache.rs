//! `capacities.csv`: how much cache a hit rate takes, as theory has it.

use super::columns::columns;
use super::lines::{header, lines};

/// The file's name.
pub const CAPACITIES: &str = "capacities.csv";

columns! {
    /// What theory says that a hit rate takes, of one strategy on one topology; nothing of it was measured.
    pub struct EnoughCacheRow {
        /// The strategy's label.
        strategy: String,
        /// The topology's label.
        topology: String,
        /// The other swept keys with their values, as in `summary.csv`.
        swept: String,
        /// The hit rate that is asked for.
        wanted_hit_rate: f64 as "share",
        /// The least number of entries with which theory predicts it, to a thousandth of the documents; empty where it predicts it
        /// with none.
        capacity_entries: Option<u64>,
        /// The same as a share of the documents.
        capacity_share: Option<f64> as "share",
        /// The hit rate that it predicts with room for every document.
        most_hit_rate: f64 as "share",
        /// The model, as in `predicted_by` of `summary.csv`.
        predicted_by: String,
    }
}

/// The text of the file.
#[must_use]
pub fn capacities_csv(rows: &[EnoughCacheRow]) -> Vec<u8> {
    [header::<EnoughCacheRow>(), lines(rows)].concat()
}
