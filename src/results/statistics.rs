//! `statistics.csv`: every figure of every strategy over its repeats, with how sure it is and how it compares.

use super::columns::{columns, words};
use super::lines::{header, lines};

/// The file's name.
pub const STATISTICS: &str = "statistics.csv";

words! {
    /// What the repeats show of a difference.
    pub enum Difference {
        /// The strategy is better, and that is no chance by the correction for all comparisons of the file.
        Better = "better",
        /// The strategy is worse, and that is no chance by the same correction.
        Worse = "worse",
        /// A difference is not shown; `would_be_seen` says how large one would have been.
        NotShown = "not shown",
        /// Fewer than three repeats tell nothing.
        TooFew = "too few",
    }
}

columns! {
    /// A figure beside that of another strategy in the same blocks.
    pub struct PairedFigure {
        /// The label of the other strategy; empty where there is none, and where it is the strategy itself.
        label: String,
        /// The blocks in which both ran, each with the same operations within the same minutes; of two samples without
        /// three common blocks, the repeats of the one that has fewer.
        pairs: Option<u32>,
        /// The figure by that of the other: the geometric mean of the ratios of all blocks; of means where a repeat has
        /// 0, and empty where one of the two has nothing.
        ratio: Option<f64>,
        /// The lower end of the ratio's 95 % interval, Student's t of the logarithms of the ratios; empty where a
        /// repeat has 0.
        ratio_low: Option<f64>,
        /// The upper end of that interval.
        ratio_high: Option<f64>,
        /// The probability of such a difference where there is none, times the number of comparisons that it stands
        /// for: one with the strategy that was chosen as the best of k stands for k/2.
        p: Option<f64>,
        /// What is shown of a difference, after Benjamini and Hochberg (1995) over all comparisons of the file; less
        /// than 1 % is none.
        difference: Option<Difference>,
        /// The smallest difference that would have been shown in four of five such series, as a share; empty where one
        /// is shown.
        would_be_seen: Option<f64> as "share",
    }
}

columns! {
    /// One figure of one strategy.
    pub struct StatisticsRow {
        /// The strategy's label.
        strategy: String,
        /// The topology's label.
        topology: String,
        /// The swept keys with their values, as in `summary.csv`.
        swept: String,
        /// The figure's name, as in requirements; `hotset list criteria` says what each is.
        figure: String,
        /// The unit of the figure; empty where it has none.
        unit: String,
        /// The figure over all repeats, as in `results.csv`.
        estimate: f64,
        /// The lower end of its 95 % interval: Student's t over the repeats, of logarithms, or of log odds for a share;
        /// empty of fewer than three, and of sums and extremes.
        low: Option<f64>,
        /// The upper end of that interval.
        high: Option<f64>,
        /// The repeats that have the figure.
        repeats: u32,
        /// Beside no cache.
        group control: PairedFigure as "control_",
        /// Beside the best of the strategies that may be proposed.
        group best: PairedFigure as "best_",
    }
}

/// The text of the file.
#[must_use]
pub fn statistics_csv(rows: &[StatisticsRow]) -> Vec<u8> {
    [header::<StatisticsRow>(), lines(rows)].concat()
}
