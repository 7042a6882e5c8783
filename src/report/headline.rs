//! What is said of a strategy in a word or two, in the closing table and on the page.

use std::collections::BTreeSet;

use super::group::StrategyRepeats;
use super::safety::Safety;
use crate::results::{LimitedBy, Status};

/// The sign that stands where there is no figure.
pub const NONE: &str = "–";

/// One strategy's verdicts, ready to print.
#[derive(Debug, Clone)]
pub struct Headline {
    /// The verdict on the guarantee of the strategy.
    pub guarantee: String,
    /// The fate of the cells.
    pub status: String,
    /// The limits that kept them from doing more.
    pub limited_by: String,
}

impl Headline {
    /// The fate of the cells in one line.
    #[must_use]
    pub fn status_line(&self) -> String {
        self.status.replace('\n', ", ")
    }

    /// The headline of all repeats of a strategy.
    #[must_use]
    pub fn of(entry: &StrategyRepeats<'_>) -> Self {
        Self {
            guarantee: Safety::of(entry).map_or_else(|| NONE.into(), |safety| safety.verdict_text()),
            status: status(entry),
            limited_by: limited_by(entry),
        }
    }
}

/// Each word of a status that occurs, with how many of the runs have it where not all do.
fn status(entry: &StrategyRepeats<'_>) -> String {
    type Holds = fn(Status) -> bool;
    let words: [(&str, Holds); 5] = [
        ("failed", |status| status == Status::Failed),
        ("impaired", |status| status == Status::Impaired),
        ("overloaded", Status::is_overloaded),
        ("disturbed", Status::is_disturbed),
        ("warming", Status::is_warming),
    ];
    let all = entry.cells().count();
    let parts: Vec<String> = words
        .into_iter()
        .filter_map(|(word, holds)| match entry.cells().filter(|row| holds(row.status)).count() {
            0 => None,
            some if some == all => Some(word.to_owned()),
            some => Some(format!("{some}/{all} {word}")),
        })
        .collect();
    if parts.is_empty() { Status::Ok.name().to_owned() } else { parts.join("\n") }
}

fn limited_by(entry: &StrategyRepeats<'_>) -> String {
    let limits: BTreeSet<&str> =
        entry.measured.iter().filter_map(|row| row.limits.limited_by).map(LimitedBy::name).collect();
    if limits.is_empty() { NONE.into() } else { limits.into_iter().collect::<Vec<_>>().join(", ") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::group::groups;
    use crate::report::made_up::run_of;
    use crate::results::{Results, SummaryRow};

    #[test]
    fn words_on_the_status_are_apart_on_one_line_too() {
        let of = |block, status| SummaryRow { status, ..run_of("lease", block) };
        let summary = vec![of(1, Status::DisturbedWarming), of(2, Status::Warming)];
        let results = Results { summary, ..Results::default() };
        let groups = groups(&results).unwrap();
        assert_eq!(Headline::of(&groups[0].entries[0]).status_line(), "1/2 disturbed, warming");
    }
}
