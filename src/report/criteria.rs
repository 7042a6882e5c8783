//! The figures of a strategy over its repeats, with their intervals, as they are shown.

use super::format;
use super::group::StrategyRepeats;
use super::headline::NONE;
use super::safety;
use crate::model::stats::{ConfidenceInterval, Scatter, interval_around};
use crate::results::{Criterion, Measure, OfRow, Over, SummaryRow, Unit};

impl Unit {
    /// How figures in this unit scatter from repeat to repeat.
    #[must_use]
    pub fn scatter(self) -> Scatter {
        match self {
            Self::Share => Scatter::Odds,
            Self::Micros | Self::Seconds | Self::Count | Self::Ratio | Self::Money | Self::Bytes => {
                Scatter::Factors
            }
        }
    }

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
    /// The repeats that the figure is of: what the machine can disturb is of the undisturbed ones, and counts are of all.
    fn repeats<'a, 'b>(&self, entry: &'a StrategyRepeats<'b>) -> &'a [&'b SummaryRow] {
        match self.over {
            Over::Percentile(..) | Over::Mean => &entry.undisturbed,
            Over::Quotient(..) | Over::Sum | Over::Highest => &entry.measured,
        }
    }

    /// The figure in each repeat that has it, with the block that the repeat ran in.
    #[must_use]
    pub fn by_block(&self, entry: &StrategyRepeats<'_>) -> Vec<(u32, f64)> {
        self.repeats(entry).iter().filter_map(|row| Some((row.block, (self.of_row)(row)?))).collect()
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
            Over::Percentile(..) | Over::Quotient(..) | Over::Mean => {
                interval_around(value, &values, self.unit.scatter())
            }
            Over::Sum | Over::Highest => None,
        };
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
    use crate::report::group::groups;
    use crate::results::{Results, Status, named};

    #[test]
    fn a_disturbed_block_is_left_out_of_times_for_every_strategy_and_of_no_count() {
        let row = |label: &str, block: u32, p99: f64| {
            let mut row = SummaryRow {
                cell: format!("r{block}-{label}"),
                strategy: label.into(),
                strategy_name: label.into(),
                block,
                ..SummaryRow::default()
            };
            row.read_response.p99_us = Some(p99);
            row.at_end.lost_writes = Some(1);
            row
        };
        let mut results = Results::default();
        for block in 1..=4 {
            results.summary.push(row("cache-aside", block, if block == 2 { 90_000.0 } else { 1_000.0 }));
            results.summary.push(row("no-cache", block, if block == 2 { 7_000.0 } else { 2_000.0 }));
        }
        results.summary[2].status = Status::Disturbed;
        let p99 = |results: &Results, at: usize| {
            let groups = groups(results).unwrap();
            let of = named("read.p99").unwrap().of(&groups[0].entries[at]).unwrap();
            let lost = named("lost").unwrap().of(&groups[0].entries[at]).unwrap();
            (of.value, of.repeats, lost.value)
        };
        assert_eq!([0, 1].map(|at| p99(&results, at)), [(2_000.0, 3, 4.0), (1_000.0, 3, 4.0)]);
        // Of three blocks none is left out: two would have no interval.
        results.summary.retain(|row| row.block < 4);
        assert_eq!(p99(&results, 0).1, 3);
    }

    #[test]
    fn figures_are_written_in_the_unit_that_they_have() {
        assert_eq!(Unit::Micros.show(4_560.0), "4.56 ms");
        assert_eq!(Unit::Seconds.show(2.8), "2.8 s");
        assert_eq!(Unit::Seconds.show(0.0), "0 s");
        assert_eq!(Unit::Share.show(0.021), "2.1 %");
        assert_eq!(Unit::Bytes.show(2_097_152.0), "2 MiB");
    }
}
