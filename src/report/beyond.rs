//! What a run does not say, each with the command that would tell.

use std::collections::{BTreeMap, BTreeSet};

use super::charts;
use super::format;
use super::group::{Group, StrategyRepeats};
use crate::results::{Mode, Results, SummaryRow};

/// A reader of many reads is told what changes with more writes, and the other way round.
const MANY_READS: f64 = 0.7;
const CAPACITY: &str = "cache.capacity";
/// The settings by which a phase has a rate of its own.
const RATES: [&str; 3] = ["rate_per_second", "from_per_second", "to_per_second"];
/// The application that is nothing but reads and writes.
const CATALOG: &str = "catalog";

/// A sentence for each question of a design review that the run leaves open.
#[must_use]
pub fn sentences(results: &Results, groups: &[Group<'_>]) -> Vec<String> {
    [limits(results, groups), mix(results), capacity(results), faults(results)]
        .into_iter()
        .flatten()
        .chain(charts::predictions(groups))
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
            if labels.iter().all(|label| *label != format::quoted(entry.label)) {
                labels.push(format::quoted(entry.label).into_owned());
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
    let is_looked_for = ["search", "staircase"].iter().any(|table| scenario(results).contains_key(*table));
    let asked = Asked::of(results)?;
    if is_looked_for || in_phases(results, &RATES) || is_swept(results, asked.key) {
        return None;
    }
    let labels = |holds: fn(&StrategyRepeats<'_>) -> bool| -> Vec<String> {
        let all: BTreeSet<&str> = entries().filter(|entry| holds(entry)).map(|entry| entry.label).collect();
        all.into_iter().map(|label| format::quoted(label).into_owned()).collect()
    };
    let overloaded = labels(|entry| entry.measured.iter().any(|row| row.status.is_overloaded()));
    let unknown = labels(|entry| entry.measured.is_empty() || entry.is_impaired());
    let (load, search) = (&asked.load, asked.search);
    let command = |factor: f64| results.run.command_with(asked.key, &(asked.value * factor).to_string());
    if overloaded.is_empty() {
        let kept_up = labels(|entry| !entry.measured.is_empty());
        if kept_up.iter().all(|label| unknown.contains(label)) {
            return None;
        }
        let but = if unknown.is_empty() {
            String::new()
        } else {
            format!(" but {}, whose runs failed or were impaired,", format::list(&unknown))
        };
        let is_broken = rows().any(|row| row.outages.read_outage_s.is_some());
        let well = if is_broken { " as long as nothing was broken" } else { "" };
        return Some(format!(
            "Every strategy{but} kept up with {load}{well}. Which gives in first, and at which rate, was not tried: `{}` does more{search}.",
            command(2.0)
        ));
    }
    let verb = if overloaded.len() == 1 { "was" } else { "were" };
    Some(format!(
        "With {load} {} {verb} overloaded. From which rate on was not tried: `{}` does less{search}.",
        format::list(&overloaded),
        command(0.5)
    ))
}

/// What was asked for: the load that was drawn is a little more or less.
struct Asked {
    key: &'static str,
    value: f64,
    load: String,
    /// What finds the highest rate; a trace is searched for none.
    search: &'static str,
}

impl Asked {
    /// `None` of a load that has neither a rate nor a speed.
    fn of(results: &Results) -> Option<Self> {
        let value = |key| setting(results, "workload", key)?.parse::<f64>().ok();
        if let Some(speed) = value("speed") {
            let load = if (speed - 1.0).abs() < f64::EPSILON {
                "the trace at its own speed".to_owned()
            } else {
                format!("the trace at {} times its own speed", format::three_digits(speed))
            };
            return Some(Self { key: "workload.speed", value: speed, load, search: "" });
        }
        let rate = value("rate_per_second")?;
        Some(Self {
            key: "workload.rate_per_second",
            value: rate,
            load: format!("{} operations a second", format::count(rate)),
            search: ", and a `[search]` finds it, as in scenarios/find-the-limit.toml",
        })
    }
}

/// What other shares of reads change. The operations of an application have shares of their own.
fn mix(results: &Results) -> Option<String> {
    let reads: f64 = setting(results, "workload", "reads")?.parse().ok()?;
    let is_drawn = setting(results, "workload", "trace").is_none_or(|trace| trace == "(none)");
    let is_of_all = is_drawn && !is_application(results) && !in_phases(results, &["reads"]);
    (is_of_all && !is_swept(results, "workload.reads")).then(|| {
        let other = if reads > MANY_READS { MANY_READS } else { 0.95 };
        format!(
            "All figures are of {} reads; what changes at {}, `{}` tells.",
            format::percent(reads),
            format::percent(other),
            results.run.command_with("workload.reads", &other.to_string())
        )
    })
}

/// What less cache or more of it gives, where hotset has set how much there is.
fn capacity(results: &Results) -> Option<String> {
    let capacity = setting(results, "cache", "capacity").filter(|capacity| *capacity != "(none)")?;
    let (ignoring, obeying): (Vec<&SummaryRow>, Vec<&SummaryRow>) =
        results.summary.iter().partition(|row| ignores(row, CAPACITY));
    if obeying.is_empty() || is_swept(results, CAPACITY) {
        return None;
    }
    let on = if ignoring.is_empty() {
        String::new()
    } else {
        let topologies: BTreeSet<&str> = obeying.iter().map(|row| row.topology.as_str()).collect();
        format!(" on {}", format::list(&topologies.into_iter().map(str::to_owned).collect::<Vec<_>>()))
    };
    let scenario = scenario(results);
    let changes = ["phase", "staircase"].iter().any(|table| scenario.contains_key(*table));
    let tells = if changes || is_application(results) {
        "a `[sweep]` of `cache.capacity` tells, as in scenarios/decision.toml".to_owned()
    } else {
        format!("`{}` simulates without servers", results.run.curve_command())
    };
    Some(format!(
        "Every strategy{on} had room for {}; what less or more gives, {tells}.",
        capacity.trim_matches('"')
    ))
}

/// What happens when something breaks.
fn faults(results: &Results) -> Option<String> {
    (!scenario(results).contains_key("fault")).then(|| {
        "Nothing was broken on purpose: who suffers when a node dies, and for how long, a `[[fault]]` tells, as in scenarios/failover.toml.".to_owned()
    })
}

/// The scenario as it was run. hotset writes it, so that it reads; one that does not has nothing in it.
fn scenario(results: &Results) -> toml::Table {
    results.run.effective_scenario.parse().unwrap_or_default()
}

/// Returns true if the load is that of an application other than the plain reads and writes of a catalog.
fn is_application(results: &Results) -> bool {
    let scenario = scenario(results);
    let name = match scenario.get("application") {
        Some(toml::Value::Table(table)) => table.get("name").and_then(toml::Value::as_str),
        Some(value) => value.as_str(),
        None => None,
    };
    name.is_some_and(|name| name != CATALOG)
}

/// Returns true if a phase of the load has a value of its own for one of these.
fn in_phases(results: &Results, keys: &[&str]) -> bool {
    let scenario = scenario(results);
    let phases = scenario.get("phase").and_then(toml::Value::as_array).into_iter().flatten();
    phases.filter_map(toml::Value::as_table).any(|phase| keys.iter().any(|key| phase.contains_key(*key)))
}

fn is_swept(results: &Results, key: &str) -> bool {
    let parts = results.summary.iter().flat_map(|row| row.swept.split(';'));
    parts.filter_map(|part| part.split_once('=')).any(|(of, _)| of == key)
}

fn ignores(row: &SummaryRow, key: &str) -> bool {
    row.ignored_settings.as_deref().is_some_and(|ignored| ignored.split(';').any(|of| of == key))
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

    const SETTINGS: &str =
        "[workload]\nreads = 0.95\nrate_per_second = 600\ntrace = (none)\n\n[cache]\ncapacity = \"20%\"\n";

    fn of_scenario(scenario: &str, rows: Vec<SummaryRow>) -> String {
        let mut results = Results { summary: rows, ..Results::default() };
        results.run.scenario_path = "s.toml".into();
        results.run.settings = SETTINGS.into();
        results.run.effective_scenario = scenario.into();
        let groups = groups(&results).unwrap();
        sentences(&results, &groups).join("\n")
    }

    fn told(rows: Vec<SummaryRow>) -> String {
        of_scenario("", rows)
    }

    /// A run of which a little more was due than was asked for, as chance will have it.
    fn open(label: &str, status: Status) -> SummaryRow {
        SummaryRow { mode: Mode::Open, status, offered_per_s: Some(607.0), ..run_of(label, 1) }
    }

    fn ignoring(ignored: &str, row: SummaryRow) -> SummaryRow {
        SummaryRow { ignored_settings: Some(ignored.into()), ..row }
    }

    #[test]
    fn what_was_not_tried_is_told_with_the_command_that_tries_it() {
        let told = told(vec![open("cache-aside", Status::Ok)]);
        for part in [
            "Every strategy kept up with 600 operations a second",
            "`hotset s.toml --set workload.rate_per_second=1200`",
            "95 % reads; what changes at 70 %, `hotset s.toml --set workload.reads=0.7` tells",
            "Every strategy had room for 20%",
            "`hotset curve s.toml` simulates",
            "Nothing was broken on purpose",
        ] {
            assert!(told.contains(part), "{part} in {told}");
        }
    }

    #[test]
    fn who_gave_in_is_named_and_what_was_swept_is_no_question() {
        let overloaded = told(vec![open("cache-aside", Status::Ok), open("no-cache", Status::Overloaded)]);
        assert!(overloaded.contains("With 600 operations a second no-cache was overloaded"), "{overloaded}");
        let swept = told(vec![SummaryRow {
            swept: "workload.rate_per_second=600;workload.reads=0.7;cache.capacity=20%".into(),
            ..open("cache-aside", Status::Ok)
        }]);
        assert!(swept.lines().count() == 1 && swept.contains("broken on purpose"), "{swept}");
    }

    #[test]
    fn of_a_trace_at_its_own_times_another_speed_is_proposed_and_no_rate() {
        let mut results = Results { summary: vec![open("cache-aside", Status::Ok)], ..Results::default() };
        results.run.scenario_path = "s.toml".into();
        results.run.settings =
            "[workload]\nrate_per_second = (none)\ntrace = \"t.csv\"\nspeed = 2.5\n".into();
        let groups = groups(&results).unwrap();
        let told = sentences(&results, &groups).join("\n");
        let said = "kept up with the trace at 2.5 times its own speed. Which gives in first, and at which rate, was not tried: \
                    `hotset s.toml --set workload.speed=5` does more.";
        assert!(told.contains(said), "{told}");
        assert!(!told.contains("rate_per_second"), "{told}");
    }

    #[test]
    fn who_was_not_measured_is_not_said_to_have_kept_up() {
        let told = told(vec![
            open("cache-aside", Status::Ok),
            open("lease", Status::Failed),
            open("near-cache", Status::Impaired),
        ]);
        let said =
            "Every strategy but lease and near-cache, whose runs failed or were impaired, kept up with";
        assert!(told.contains(said), "{told}");
        let nobody = self::told(vec![open("near-cache", Status::Impaired)]);
        assert!(!nobody.contains("kept up"), "{nobody}");
    }

    #[test]
    fn of_an_application_no_share_of_reads_is_told_and_nothing_proposed_that_would_be_refused() {
        for scenario in ["application = \"ecommerce\"", "application = { name = \"sessions\" }"] {
            let told = of_scenario(scenario, vec![open("cache-aside", Status::Ok)]);
            assert!(!told.contains("workload.reads") && !told.contains("hotset curve"), "{told}");
            assert!(told.contains("room for 20%; what less or more gives, a `[sweep]`"), "{told}");
        }
        let catalog = of_scenario("application = \"catalog\"", vec![open("cache-aside", Status::Ok)]);
        assert!(catalog.contains("workload.reads") && catalog.contains("hotset curve"), "{catalog}");
    }

    #[test]
    fn where_phases_have_reads_or_rates_of_their_own_those_of_the_scenario_are_not_said_to_be_of_all_figures()
    {
        let of = |phase: &str| {
            of_scenario(&format!("phase = [{{ {phase} }}]"), vec![open("cache-aside", Status::Ok)])
        };
        let rates = of("kind = \"ramp\", to_per_second = 900");
        assert!(!rates.contains("kept up") && rates.contains("All figures are of 95 % reads"), "{rates}");
        let reads = of("reads = 0.5");
        assert!(reads.contains("kept up") && !reads.contains("All figures are of"), "{reads}");
        assert!(!reads.contains("hotset curve"), "{reads}");
    }

    #[test]
    fn room_is_told_only_of_topologies_that_obey_the_capacity() {
        let embedded = || SummaryRow { topology: "embedded".into(), ..open("cache-aside", Status::Ok) };
        let outside = || ignoring("cache.capacity;cache.eviction", open("cache-aside", Status::Ok));
        let both = told(vec![embedded(), outside()]);
        assert!(both.contains("Every strategy on embedded had room for 20%"), "{both}");
        let none = told(vec![outside()]);
        assert!(!none.contains("room for"), "{none}");
    }

    #[test]
    fn in_a_closed_loop_it_is_told_what_held_each_strategy_back() {
        let mut row = run_of("cache-aside", 1);
        row.limits.limited_by = Some(LimitedBy::Database);
        let told = told(vec![row]);
        assert!(told.contains("held them back: database (cache-aside)"), "{told}");
    }
}
