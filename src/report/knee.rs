//! Up to which rate a strategy keeps up, from the steps of a staircase or the runs of a search.

use maud::{Markup, html};

use super::format;
use super::group::{Group, StrategyRepeats};
use super::headline::NONE;
use super::table::{PageTable, figures, words};
use crate::results::{AtRate, SearchRow, StepRow};

/// One strategy at one rate after another.
#[derive(Debug)]
pub struct RateSeries<'a> {
    /// The strategy.
    pub entry: &'a StrategyRepeats<'a>,
    /// What its first repeat measured at each rate, the lowest first; of several runs at one rate the last.
    pub points: Vec<&'a AtRate>,
    /// The highest rate that it keeps up with, in each of its repeats.
    pub holds: Vec<Option<f64>>,
    /// The lowest that it does not keep up with, in its first repeat.
    pub fails: Option<f64>,
    /// True if rates were searched, each in a run of its own.
    pub is_searched: bool,
}

/// The series of the strategies of a group that have one.
#[must_use]
pub fn series<'a>(group: &'a Group<'a>) -> Vec<RateSeries<'a>> {
    group.entries.iter().filter_map(|entry| of(group, entry)).collect()
}

fn of<'a>(group: &'a Group<'a>, entry: &'a StrategyRepeats<'a>) -> Option<RateSeries<'a>> {
    let first = entry.measured.first()?;
    let steps = |cell: &str| -> Vec<&'a StepRow> {
        group.results.staircase.iter().filter(|row| row.cell == cell).map(|of| &of.row).collect()
    };
    let runs = |cell: &str| -> Vec<&'a SearchRow> {
        group.results.search.iter().filter(|row| row.cell == cell).map(|of| &of.row).collect()
    };
    let (first_steps, first_runs) = (steps(&first.cell), runs(&first.cell));
    let is_searched = !first_runs.is_empty();
    let knee = |cell: &str| match runs(cell).first() {
        Some(run) => (run.knee_from_per_s, run.knee_to_per_s),
        None => knee_of_steps(&steps(cell)),
    };
    let mut points: Vec<&'a AtRate> = Vec::new();
    for at in first_steps.iter().map(|step| &step.at).chain(first_runs.iter().map(|run| &run.at)) {
        points.retain(|known| known.rate_per_s.total_cmp(&at.rate_per_s).is_ne());
        points.push(at);
    }
    if points.is_empty() {
        return None;
    }
    points.sort_by(|a, b| a.rate_per_s.total_cmp(&b.rate_per_s));
    let holds = entry.measured.iter().map(|row| knee(&row.cell).0).collect();
    Some(RateSeries { entry, points, holds, fails: knee(&first.cell).1, is_searched })
}

/// The last of the steps from the first on that hold, and the first that does not.
fn knee_of_steps(steps: &[&StepRow]) -> (Option<f64>, Option<f64>) {
    let held = steps.iter().take_while(|step| step.at.holds).count();
    let rate = |at: Option<usize>| Some(steps.get(at?)?.at.rate_per_s);
    (rate(held.checked_sub(1)), rate(Some(held)))
}

impl RateSeries<'_> {
    /// The highest rate that the first repeat keeps up with.
    #[must_use]
    pub fn knee(&self) -> Option<f64> {
        self.holds.first().copied().flatten()
    }

    /// Such as "cache-aside keeps up to 3,120/s; at 3,210/s 93.2 % of what was due was answered in time, limited by the
    /// database".
    #[must_use]
    pub fn sentence(&self) -> String {
        let label = self.label();
        let rate = |rate: f64| format!("{}/s", format::count(rate));
        let what = if self.is_searched { "holds what is required" } else { "answers what is due" };
        let missed = self.fails.and_then(|fails| {
            let at = self.points.iter().find(|at| at.rate_per_s.total_cmp(&fails).is_eq())?;
            let limit = at.limited_by.map_or_else(String::new, |limit| format!(", limited by {limit}"));
            // The last run at a rate may have held where most did not.
            let missed = if at.missed.is_empty() { "most runs missed something" } else { at.missed.as_str() };
            Some(format!("; at {}: {missed}{limit}", rate(fails)))
        });
        let missed = missed.unwrap_or_default();
        let sentence = match (self.knee(), self.fails) {
            (Some(knee), Some(_)) => format!("{label} {what} up to {}{}{missed}", rate(knee), self.spread()),
            (Some(knee), None) => {
                format!(
                    "{label} {what} up to {}, the highest rate that was tried{}",
                    rate(knee),
                    self.spread()
                )
            }
            (None, _) if self.holds.iter().any(Option::is_some) => format!(
                "{label} {what} at none of the rates that were tried in its first repeat{}{missed}",
                self.spread()
            ),
            (None, _) => format!("{label} {what} at none of the rates that were tried{missed}"),
        };
        sentence + "."
    }

    /// What the repeats have found, where there are several.
    fn spread(&self) -> String {
        let all = self.holds.len();
        if all < 2 {
            return String::new();
        }
        let found: Vec<f64> = self.holds.iter().copied().flatten().collect();
        let low = format::count(found.iter().copied().fold(f64::INFINITY, f64::min));
        let high = format::count(found.iter().copied().fold(0.0, f64::max));
        let rates = if low == high { format!("{low}/s") } else { format!("{low} to {high}/s") };
        match all - found.len() {
            0 => format!(" (its {all} repeats: {rates})"),
            none => format!(" ({none} of its {all} repeats at none, the rest up to {rates})"),
        }
    }

    /// The strategy, with what tells it from one that may be proposed.
    fn label(&self) -> String {
        let label = self.entry.legend_label();
        let is_control = self.entry.measured.iter().any(|row| row.control.is_some());
        if is_control { format!("{label} (a control)") } else { label }
    }
}

/// That strategies stand beside each other at different rates, where each was searched for its own.
#[must_use]
pub fn unlike_rates(group: &Group<'_>) -> Option<String> {
    let searched = series(group).into_iter().filter(|series| series.is_searched).count();
    (searched > 1).then(|| {
        "Each strategy was searched for its own highest rate, and its other figures are those of that run: what depends on the \
         rate, such as times, is not held against that of another."
            .into()
    })
}

/// A table of what was measured at each rate; empty where there was neither a staircase nor a search.
#[must_use]
pub fn section(group: &Group<'_>) -> Markup {
    let mut table = PageTable::new(
        "What was measured at each rate",
        [
            words("strategy"),
            figures("rate"),
            figures("answered in time"),
            figures("read p50"),
            figures("read p99"),
            figures("hit rate"),
            figures("failed"),
            figures("database reads/s"),
            words("limited by"),
            words("missed"),
        ],
    );
    for series in series(group) {
        for at in &series.points {
            table.add(&cells(series.entry.label, at));
        }
    }
    if table.is_empty() {
        return html! {};
    }
    html! {
        h3 { "What was measured at each rate" }
        (table.html())
        p { "Of each strategy's first repeat. A rate is kept up with where 99 % of what was due was answered in time, and in a search \
            every requirement was met." }
    }
}

fn cells(label: &str, at: &AtRate) -> [String; 10] {
    let time = |us: Option<f64>| us.map_or_else(|| NONE.into(), format::micros);
    let share = |share: Option<f64>| share.map_or_else(|| NONE.into(), format::percent);
    [
        label.to_owned(),
        format!("{}/s", format::count(at.rate_per_s)),
        format::percent(at.achieved_share),
        time(at.read_response.p50_us),
        time(at.read_response.p99_us),
        share(at.hit_rate),
        share(at.failed_share),
        format::count(at.db_reads_per_s),
        at.limited_by.map_or_else(|| NONE.into(), |limit| limit.to_string()),
        if at.holds { NONE.into() } else { at.missed.clone() },
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::group::groups;
    use crate::results::{LimitedBy, Of, Results, Status, SummaryRow};

    fn at(rate_per_s: f64, holds: bool) -> AtRate {
        let missed = if holds { "" } else { "91.0 % of what was due was answered in time" };
        let limited_by = Some(if holds { LimitedBy::OfferedLoad } else { LimitedBy::Database });
        AtRate { rate_per_s, holds, missed: missed.into(), limited_by, ..AtRate::default() }
    }

    fn results(cells: &[&str]) -> Results {
        let row = |(number, cell): (u32, &&str)| SummaryRow {
            cell: (*cell).into(),
            strategy: "cache-aside".into(),
            strategy_name: "cache-aside".into(),
            topology: "single".into(),
            repeat: number,
            block: number,
            ..SummaryRow::default()
        };
        Results { summary: (1..).zip(cells).map(row).collect(), ..Results::default() }
    }

    fn of_cell<R>(cell: &str, row: R) -> Of<R> {
        Of { cell: cell.into(), strategy: "cache-aside".into(), topology: "single".into(), row }
    }

    fn told(results: &Results) -> String {
        series(&groups(results).unwrap()[0])[0].sentence()
    }

    #[test]
    fn a_staircase_is_kept_up_with_to_the_last_step_before_one_that_is_not() {
        let mut results = results(&["r1"]);
        for (step, held) in [(1, true), (2, true), (3, false), (4, true)] {
            let row = StepRow { step, at: at(1_000.0 * step as f64, held), ..StepRow::default() };
            results.staircase.push(of_cell("r1", row));
        }
        assert_eq!(
            told(&results),
            "cache-aside answers what is due up to 2,000/s; at 3,000/s: 91.0 % of what was due was answered in time, limited \
             by database."
        );
        results.staircase.truncate(2);
        assert_eq!(
            told(&results),
            "cache-aside answers what is due up to 2,000/s, the highest rate that was tried."
        );
    }

    #[test]
    fn a_search_says_where_each_repeat_has_found_the_edge() {
        let mut results = results(&["r1", "r2"]);
        for (cell, knee) in [("r1", 3_000.0), ("r2", 3_100.0)] {
            for (run, rate, held) in [(1, knee, true), (2, knee + 90.0, false)] {
                let (knee_from_per_s, knee_to_per_s) = (Some(knee), Some(knee + 90.0));
                let row = SearchRow {
                    run,
                    at: at(rate, held),
                    knee_from_per_s,
                    knee_to_per_s,
                    ..SearchRow::default()
                };
                results.search.push(of_cell(cell, row));
            }
        }
        assert_eq!(
            told(&results),
            "cache-aside holds what is required up to 3,000/s (its 2 repeats: 3,000 to 3,100/s); at 3,090/s: 91.0 % of what \
             was due was answered in time, limited by database."
        );
        assert_eq!(unlike_rates(&groups(&results).unwrap()[0]), None, "one strategy is not compared");
    }

    /// The sentence on a search whose repeats have found these rates to hold.
    fn searched(knees: &[Option<f64>]) -> String {
        let cells: Vec<String> = (1..=knees.len()).map(|repeat| format!("r{repeat}")).collect();
        let mut results = results(&cells.iter().map(String::as_str).collect::<Vec<_>>());
        for (cell, knee) in cells.iter().zip(knees) {
            let row = SearchRow {
                run: 1,
                at: at(3_000.0, knee.is_some()),
                knee_from_per_s: *knee,
                ..SearchRow::default()
            };
            results.search.push(of_cell(cell, row));
        }
        told(&results)
    }

    #[test]
    fn repeats_that_hold_at_no_rate_are_counted_and_not_taken_for_those_that_do() {
        let some = searched(&[Some(3_000.0), None, None]);
        assert!(some.contains("(2 of its 3 repeats at none, the rest up to 3,000/s)"), "{some}");
        let not_the_first = searched(&[None, Some(3_000.0), Some(3_100.0)]);
        let told = "at none of the rates that were tried in its first repeat (1 of its 3 repeats at none, the rest up to 3,000 \
                    to 3,100/s)";
        assert!(not_the_first.contains(told), "{not_the_first}");
        let none = searched(&[None, None, None]);
        assert!(none.ends_with("at none of the rates that were tried."), "{none}");
        let alike = searched(&[Some(3_000.0), Some(3_000.0)]);
        assert!(alike.contains("(its 2 repeats: 3,000/s)"), "{alike}");
    }

    #[test]
    fn a_control_and_an_impaired_strategy_are_told_as_what_they_are() {
        let mut results = results(&["r1"]);
        results.summary[0].control = Some("on_write = \"ignore\"".into());
        results.summary[0].status = Status::Impaired;
        let row = StepRow { step: 1, at: at(1_000.0, true), ..StepRow::default() };
        results.staircase.push(of_cell("r1", row));
        let told = told(&results);
        assert!(told.starts_with("cache-aside (impaired) (a control) answers"), "{told}");
    }

    #[test]
    fn where_nothing_was_searched_nothing_is_said() {
        let results = results(&["r1"]);
        assert!(series(&groups(&results).unwrap()[0]).is_empty());
    }
}
