//! What a run does not say, each with the command that would tell.

use std::collections::BTreeMap;

use super::format;
use super::group::Group;
use crate::results::{Mode, Results};

/// A reader of many reads is told what changes with more writes, and the other way round.
const MANY_READS: f64 = 0.7;

/// A sentence for each question of a design review that the run leaves open.
#[must_use]
pub fn sentences(results: &Results, groups: &[Group<'_>]) -> Vec<String> {
    [limits(results, groups), mix(results), capacity(results), faults(results)]
        .into_iter()
        .flatten()
        .collect()
}

/// Which strategy gives in first, and at which rate.
fn limits(results: &Results, groups: &[Group<'_>]) -> Option<String> {
    let entries = || groups.iter().flat_map(|group| &group.entries);
    let rows = || entries().flat_map(|entry| &entry.measured);
    let mut held_back: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for entry in entries() {
        for limit in entry.measured.iter().filter_map(|row| row.limits.limited_by) {
            let labels = held_back.entry(limit.name()).or_default();
            if !labels.iter().any(|label| label == entry.label) {
                labels.push(entry.label.to_owned());
            }
        }
    }
    if rows().all(|row| row.mode == Mode::Closed) {
        let by = |(limit, labels): (&str, Vec<String>)| format!("{limit} ({})", format::list(&labels));
        let all: Vec<String> = held_back.into_iter().map(by).collect();
        return (!all.is_empty()).then(|| {
            format!(
                "Each client waited for its answers, so that every strategy did as much as it could. What held them back: {}. Which latency they have at a given rate is not in this run: set `workload.rate_per_second`.",
                all.join("; ")
            )
        });
    }
    let is_looked_for = ["search", "staircase"].iter().any(|table| has_table(results, table));
    if is_looked_for || is_swept(results, "workload.rate_per_second") {
        return None;
    }
    let rate = rows().filter_map(|row| row.offered_per_s).max_by(f64::total_cmp)?;
    let overloaded: Vec<String> = entries()
        .filter(|entry| entry.measured.iter().any(|row| row.status.is_overloaded()))
        .map(|entry| entry.label.to_owned())
        .fold(Vec::new(), |mut labels, label| {
            if !labels.contains(&label) {
                labels.push(label);
            }
            labels
        });
    let command = |factor: f64| set(results, "workload.rate_per_second", &format!("{:.0}", rate * factor));
    Some(if overloaded.is_empty() {
        format!(
            "Every strategy kept up with {} operations a second. Which gives in first, and at which rate, was not tried: {} does more, and a `[search]` finds it, as in scenarios/find-the-limit.toml.",
            format::count(rate),
            command(2.0)
        )
    } else {
        let verb = if overloaded.len() == 1 { "was" } else { "were" };
        format!(
            "At {} operations a second {} {verb} overloaded. From which rate on was not tried: {} does less, and a `[search]` finds it, as in scenarios/find-the-limit.toml.",
            format::count(rate),
            format::list(&overloaded),
            command(0.5)
        )
    })
}

/// What other shares of reads change.
fn mix(results: &Results) -> Option<String> {
    let reads: f64 = setting(results, "workload", "reads")?.parse().ok()?;
    let is_drawn = setting(results, "workload", "trace").is_none_or(|trace| trace == "(none)");
    (is_drawn && !is_swept(results, "workload.reads")).then(|| {
        let other = if reads > MANY_READS { MANY_READS } else { 0.95 };
        format!(
            "All figures are of {} reads; what changes at {}, {} tells.",
            format::percent(reads),
            format::percent(other),
            set(results, "workload.reads", &other.to_string())
        )
    })
}

/// What less cache or more of it gives.
fn capacity(results: &Results) -> Option<String> {
    let capacity = setting(results, "cache", "capacity").filter(|capacity| *capacity != "(none)")?;
    (!is_swept(results, "cache.capacity")).then(|| {
        format!(
            "Every strategy had room for {}; what less or more gives, `hotset curve {}` simulates without servers.",
            capacity.trim_matches('"'),
            results.run.scenario_path
        )
    })
}

/// What happens when something breaks.
fn faults(results: &Results) -> Option<String> {
    let some = has_table(results, "fault");
    (!some).then(|| {
        "Nothing was broken on purpose: who suffers when a node dies, and for how long, a `[[fault]]` tells, as in scenarios/failover.toml.".to_owned()
    })
}

/// Returns true if the scenario has such a table, or a list of them.
fn has_table(results: &Results, name: &str) -> bool {
    let starts = [format!("[{name}]"), format!("[[{name}]]"), format!("{name} =")];
    results
        .run
        .effective_scenario
        .lines()
        .any(|line| starts.iter().any(|start| line.trim_start().starts_with(start)))
}

fn set(results: &Results, key: &str, value: &str) -> String {
    format!("`hotset {} --set {key}={value}`", results.run.scenario_path)
}

fn is_swept(results: &Results, key: &str) -> bool {
    let key = format!("{key}=");
    results.summary.iter().any(|row| row.swept.split(' ').any(|of| of.starts_with(&key)))
}

/// The value of a setting as `run.json` writes it; `None` where the run is older than these.
fn setting<'a>(results: &'a Results, table: &str, key: &str) -> Option<&'a str> {
    let heading = format!("[{table}]");
    let lines = results.run.settings.lines().skip_while(|line| *line != heading).skip(1);
    lines
        .take_while(|line| !line.starts_with('['))
        .filter_map(|line| line.split_once(" = "))
        .find_map(|(name, value)| (name == key).then_some(value))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::group::groups;
    use crate::report::made_up::run_of;
    use crate::results::{LimitedBy, Status, SummaryRow};

    const SETTINGS: &str = "[workload]\nreads = 0.95\ntrace = (none)\n\n[cache]\ncapacity = \"20%\"\n";

    fn told(rows: Vec<SummaryRow>) -> String {
        let mut results = Results { summary: rows, ..Results::default() };
        results.run.scenario_path = "s.toml".into();
        results.run.settings = SETTINGS.into();
        let groups = groups(&results).unwrap();
        sentences(&results, &groups).join("\n")
    }

    fn open(label: &str, status: Status) -> SummaryRow {
        SummaryRow { mode: Mode::Open, status, offered_per_s: Some(600.0), ..run_of(label, 1) }
    }

    #[test]
    fn what_was_not_tried_is_told_with_the_command_that_tries_it() {
        let told = told(vec![open("cache-aside", Status::Ok)]);
        for part in [
            "kept up with 600 operations a second",
            "`hotset s.toml --set workload.rate_per_second=1200`",
            "95 % reads; what changes at 70 %, `hotset s.toml --set workload.reads=0.7` tells",
            "room for 20%",
            "`hotset curve s.toml`",
            "Nothing was broken on purpose",
        ] {
            assert!(told.contains(part), "{part} in {told}");
        }
    }

    #[test]
    fn who_gave_in_is_named_and_what_was_swept_is_no_question() {
        let overloaded = told(vec![open("cache-aside", Status::Ok), open("no-cache", Status::Overloaded)]);
        assert!(overloaded.contains("At 600 operations a second no-cache was overloaded"), "{overloaded}");
        let swept = told(vec![SummaryRow {
            swept: "workload.rate_per_second=600 workload.reads=0.7 cache.capacity=20%".into(),
            ..open("cache-aside", Status::Ok)
        }]);
        assert!(swept.lines().count() == 1 && swept.contains("broken on purpose"), "{swept}");
    }

    #[test]
    fn in_a_closed_loop_it_is_told_what_held_each_strategy_back() {
        let mut row = run_of("cache-aside", 1);
        row.limits.limited_by = Some(LimitedBy::Database);
        let told = told(vec![row]);
        assert!(told.contains("held them back: database (cache-aside)"), "{told}");
    }
}
