//! The figures of a strategy over its repeats, with their intervals, as they are shown.

use super::format;
use super::group::StrategyRepeats;
use super::headline::NONE;
use super::safety;
use super::stats::{ConfidenceInterval, log_interval, mean_t_interval};
use crate::results::{Criterion, Measure, OfRow, Over, Unit};

impl Unit {
    /// The value as people read it.
    #[must_use]
    pub fn show(self, value: f64) -> String {
        match self {
            Self::Micros => format::micros(value),
            Self::Seconds if value == 0.0 => "0 s".into(),
            Self::Seconds => format::micros(value * 1e6),
            Self::Share => safety::percent(value),
            Self::Count => format::count(value),
            Self::Ratio => format::three_digits(value),
            Self::Money => format::money(value),
            Self::Bytes => format::bytes(value.max(0.0) as u64),
        }
    }
}

/// A figure of a strategy.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Estimate {
    /// Over all repeats.
    pub value: f64,
    /// Where it is likely to lie, by how far the repeats differ; `None` of fewer than three, and of counts.
    pub interval: Option<ConfidenceInterval>,
    /// The number of repeats that have it.
    pub repeats: usize,
}

impl Criterion {
    /// The figure in each repeat that has it, with the block that the repeat ran in.
    #[must_use]
    pub fn by_block(&self, entry: &StrategyRepeats<'_>) -> Vec<(u32, f64)> {
        entry.measured.iter().filter_map(|row| Some((row.block, (self.of_row)(row)?))).collect()
    }

    /// The figure over all repeats; `None` where no repeat has it.
    #[must_use]
    pub fn of(&self, entry: &StrategyRepeats<'_>) -> Option<Estimate> {
        let values: Vec<f64> = self.by_block(entry).into_iter().map(|(_, value)| value).collect();
        if values.is_empty() {
            return None;
        }
        let mean = || values.iter().sum::<f64>() / values.len() as f64;
        let value = match self.over {
            // A folder without its interval logs still has each repeat's percentile.
            Over::Percentile(class, quantile) => {
                entry.merged_us(class, Measure::Response, quantile).unwrap_or_else(mean)
            }
            Over::Quotient(part, whole) => quotient(entry, part, whole)?,
            Over::Mean => mean(),
            Over::Sum => values.iter().sum(),
            Over::Highest => values.iter().copied().fold(f64::NEG_INFINITY, f64::max),
        };
        let interval = match self.over {
            Over::Percentile(..) => log_interval(&values),
            Over::Quotient(..) | Over::Mean => mean_t_interval(&values),
            Over::Sum | Over::Highest => None,
        };
        // The figure of all answers together may lie beside the middle of the repeats' own.
        let interval =
            interval.map(|of| ConfidenceInterval { low: of.low.min(value), high: of.high.max(value) });
        Some(Estimate { value, interval, repeats: values.len() })
    }

    /// The figure as it is shown; [`NONE`] where there is none.
    #[must_use]
    pub fn show(&self, entry: &StrategyRepeats<'_>) -> String {
        self.of(entry).map_or_else(|| NONE.into(), |of| self.unit.show(of.value))
    }
}

fn quotient(entry: &StrategyRepeats<'_>, part: OfRow, whole: OfRow) -> Option<f64> {
    let pairs = entry.measured.iter().filter_map(|row| Some((part(row)?, whole(row)?)));
    let (part, whole) = pairs.fold((0.0, 0.0), |sum, pair| (sum.0 + pair.0, sum.1 + pair.1));
    (whole > 0.0).then(|| part / whole)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_written_in_the_unit_that_they_have() {
        assert_eq!(Unit::Micros.show(4_560.0), "4.56 ms");
        assert_eq!(Unit::Seconds.show(2.8), "2.8 s");
        assert_eq!(Unit::Seconds.show(0.0), "0 s");
        assert_eq!(Unit::Share.show(0.021), "2.1 %");
        assert_eq!(Unit::Bytes.show(2_097_152.0), "2 MiB");
    }
}
