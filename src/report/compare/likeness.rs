//! What two runs must have in common for a difference between them to mean something, and what else differs.

use std::collections::{BTreeMap, BTreeSet};

use crate::report::format;
use crate::results::{Results, RunInfo, Status, SummaryRow};

/// The scenario's list of faults.
const FAULT: &str = "fault";
/// The scenario's list of phases of the load, and the tables in its place.
const CHANGING_LOAD: [&str; 3] = ["phase", "staircase.", "search."];
/// The scenario's table of an application.
const APPLICATION: &str = "application.";
/// Settings that say what was asked of the stores and for how long. Everything else may be what is compared.
const SAME: &[&str] = &[
    "dataset.",
    "workload.rate_per_second",
    "workload.arrivals",
    "workload.trace",
    "run.duration",
    "run.warmup_max",
    FAULT,
];
/// Settings that only say how often, and from which numbers; the digests tell whether the latter matters.
const OF_NO_MATTER: &[&str] =
    &["run.repeats", "run.until", "run.max_duration", "run.seed", "description", "name"];
/// More differences than this are counted, not named.
const NAMED: usize = 12;

/// Lists what makes the figures of two runs answers to different questions; empty where nothing does.
#[must_use]
pub fn contradictions(before: &Results, after: &Results, letters: (char, char)) -> Vec<String> {
    let mut all = unequal_operations(before, after, letters);
    let swept = swept_keys(before);
    let changed = changed_settings(&before.run, &after.run, letters);
    all.extend(
        changed.into_iter().filter(|(key, _)| is_asked(key) && !swept.contains(key)).map(|(_, text)| text),
    );
    all
}

/// Lists what else differs, and may be why figures do.
#[must_use]
pub fn differences(before: &Results, after: &Results, letters: (char, char)) -> Vec<String> {
    let (a, b) = (&before.run, &after.run);
    let mut all = Vec::new();
    let mut hold = |what: &str, of: fn(&RunInfo) -> String| {
        let (ours, theirs) = (of(a), of(b));
        if ours != theirs {
            all.push(changed(what, Some(&ours), Some(&theirs), letters));
        }
    };
    hold("hotset", |run| {
        let commit = run.commit.as_ref().map_or_else(String::new, |commit| format!(", commit {commit}"));
        format!("{}{commit}, optimisation {}", run.version, run.build.optimisation)
    });
    hold("machine", |run| {
        let machine = &run.machine;
        let memory = format::bytes(machine.memory_bytes);
        format!("{}, {} cores, {memory}, {}", machine.cpu_model, machine.cores, machine.kernel)
    });
    hold("servers", |run| {
        // One that has had several limits is there several times.
        let name = |server: &crate::results::Server| format!("{} {}", server.name, server.version);
        run.servers.iter().map(name).collect::<BTreeSet<_>>().into_iter().collect::<Vec<_>>().join(", ")
    });
    let settings = changed_settings(a, b, letters).into_iter().filter(|(key, _)| !is_asked(key));
    all.extend(settings.map(|(_, text)| text));
    let more = all.len().saturating_sub(NAMED);
    all.truncate(NAMED);
    all.extend((more > 0).then(|| format!("{more} more")));
    all
}

/// Returns true for a setting that belongs to the question and not to the answer.
fn is_asked(key: &str) -> bool {
    SAME.iter().chain(&CHANGING_LOAD).any(|same| key.starts_with(same))
}

/// `cache.ttl: "1h" in A, "1m" in B`.
fn changed(what: &str, before: Option<&str>, after: Option<&str>, (a, b): (char, char)) -> String {
    let show = |value: Option<&str>| value.filter(|value| !value.is_empty()).unwrap_or("nothing").to_owned();
    format!("{what}: {} in {a}, {} in {b}", show(before), show(after))
}

fn unequal_operations(before: &Results, after: &Results, letters: (char, char)) -> Vec<String> {
    let both = runs_of_both(before, after);
    let unequal = |what: &str, of: fn(&SummaryRow) -> &str| {
        let differing: Vec<_> = both.iter().filter(|(ours, theirs)| of(ours) != of(theirs)).collect();
        let (ours, theirs) = differing.first()?;
        let what = format!("{what} of {} of {} runs, such as {}", differing.len(), both.len(), ours.cell);
        Some(changed(&what, Some(of(ours)), Some(of(theirs)), letters))
    };
    let operations = unequal("stream digest", |row| &row.stream.stream_digest);
    let mode = unequal("loop", |row| row.mode.name());
    operations.into_iter().chain(mode).collect()
}

/// The runs of one strategy, topology, swept value and repeat that both have measured.
fn runs_of_both<'a>(before: &'a Results, after: &'a Results) -> Vec<(&'a SummaryRow, &'a SummaryRow)> {
    let measured = |results: &'a Results| {
        let rows = results.summary.iter().filter(|row| row.status != Status::Failed);
        rows.map(|row| ((&row.strategy, &row.topology, &row.swept, row.repeat), row))
    };
    let after: BTreeMap<_, _> = measured(after).collect();
    measured(before).filter_map(|(key, row)| Some((row, *after.get(&key)?))).collect()
}

/// The settings that differ, each with what it is in either run.
fn changed_settings(before: &RunInfo, after: &RunInfo, letters: (char, char)) -> Vec<(String, String)> {
    // What an earlier version left out is not told from what was left at its default.
    let has_settings = !before.settings.is_empty() && !after.settings.is_empty();
    let read = if has_settings { settings } else { scenario };
    let (before, after) = (read(before), read(after));
    let keys: BTreeSet<&String> = before.keys().chain(after.keys()).collect();
    keys.into_iter()
        .filter(|key| !OF_NO_MATTER.contains(&key.as_str()))
        .filter_map(|key| {
            let (ours, theirs) = (before.get(key), after.get(key));
            let text = || changed(key, ours.map(String::as_str), theirs.map(String::as_str), letters);
            (ours != theirs).then(|| (key.clone(), text()))
        })
        .collect()
}

/// Every setting by its table and name. Faults, phases and applications are in the scenario only.
fn settings(run: &RunInfo) -> BTreeMap<String, String> {
    let mut all = scenario(run);
    let is_kept =
        |key: &str| [FAULT, APPLICATION].iter().chain(&CHANGING_LOAD).any(|kept| key.starts_with(kept));
    all.retain(|key, _| is_kept(key));
    let mut table = "";
    for line in run.settings.lines() {
        if let Some(name) = line.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            table = name;
        // Of a list of tables, the scenario has every one and this would be the last.
        } else if let Some((name, value)) = line.split_once(" = ").filter(|_| !table.starts_with('[')) {
            all.insert(format!("{table}.{name}"), value.to_owned());
        }
    }
    all
}

/// The keys of the scenario as it was run. One that does not read has none: the digests still tell.
fn scenario(run: &RunInfo) -> BTreeMap<String, String> {
    let mut all = BTreeMap::new();
    if let Ok(table) = run.effective_scenario.parse::<toml::Table>() {
        flatten("", &toml::Value::Table(table), &mut all);
    }
    all
}

fn flatten(key: &str, value: &toml::Value, into: &mut BTreeMap<String, String>) {
    match value {
        toml::Value::Table(table) => {
            for (name, value) in table {
                let key = if key.is_empty() { name.clone() } else { format!("{key}.{name}") };
                flatten(&key, value, into);
            }
        }
        value => {
            into.insert(key.to_owned(), value.to_string());
        }
    }
}

/// Rows are matched by what was swept, so that these keys need not be held to each other.
fn swept_keys(results: &Results) -> BTreeSet<String> {
    let parts = results.summary.iter().flat_map(|row| row.swept.split(';'));
    parts.filter_map(|part| Some(part.split_once('=')?.0.to_owned())).collect()
}
