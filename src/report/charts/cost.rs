//! What the strategies cost at the prices of the scenario.

use super::by_strategy::{self, Measured, SummaryFigure, Words};
use crate::report::answer::ComparedFigure;
use crate::report::canvas::Canvas;
use crate::report::canvas::scale::Scale;
use crate::report::format;
use crate::report::group::Group;

const PER_MILLION: SummaryFigure = |row| row.cost.cost_per_million_ops;
const PER_MONTH: SummaryFigure = |row| row.cost.cost_per_month;

/// Prices may be far below one.
fn money_scale(values: &[f64], steps: u32) -> Scale {
    let high = values.iter().copied().fold(0.0, f64::max);
    Scale::even(0.0, if high > 0.0 { high * 1.02 } else { 1.0 }, steps, format::money)
}

const PANELS: [Measured; 2] = [
    Measured {
        title: "A million operations",
        axis: "cost",
        figure: PER_MILLION,
        whole: |entry| by_strategy::whole(entry, "cost"),
        on_one_scale_with: &[PER_MILLION],
        show: format::money,
        scale: money_scale,
        steps: 5,
    },
    Measured {
        title: "A month at this rate",
        axis: "cost",
        figure: PER_MONTH,
        whole: |entry| by_strategy::whole(entry, "cost.month"),
        on_one_scale_with: &[PER_MONTH],
        show: format::money,
        scale: money_scale,
        steps: 5,
    },
];

/// Draws the chart; `None` where the scenario gives no prices.
pub(super) fn draw(group: &Group<'_>) -> Option<Canvas> {
    let prices = group.results.run.prices.as_ref()?;
    let known = group.entries.iter().any(|entry| by_strategy::whole(entry, "cost").is_some());
    let currency =
        if prices.currency.is_empty() { String::new() } else { format!("In {}. ", prices.currency) };
    let words = Words {
        title: "Cost by strategy",
        compared: &[ComparedFigure { figure: "cost", wins: "is cheapest", what: "cost" }],
        remark: &format!("{currency}Lower is better. "),
    };
    known.then(|| by_strategy::draw(&words, group, &PANELS)).flatten()
}
