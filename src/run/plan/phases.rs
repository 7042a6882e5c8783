//! `[[phase]]` and `[staircase]`: how the load changes while a cell is measured, and what is wrong with it.

use std::num::NonZeroU64;
use std::time::Duration;

use super::scenario::ShownTable;
use super::settings::RunSettings;
use crate::application::ApplicationSpec;
use crate::base::units::show_duration;
use crate::load::workload::phase::{CLIENTS, LoadPhase, LoadUnit, PhaseKind, PhaseSettings, RATES};
use crate::load::workload::{Distribution, RateProfile, StaircaseSettings, WorkloadSettings};
use crate::scenario::{Mistake, Positive, PositiveNumber, Reader, Settings as _, Table, Value, ValueKind};

/// What a phase is read beside.
pub(super) struct Beside<'a> {
    /// `[workload]`.
    pub workload: &'a WorkloadSettings,
    /// `[run]`.
    pub run: &'a RunSettings,
    /// True if `run.duration` was written.
    pub has_duration: bool,
    /// `dataset.keys`.
    pub documents: u64,
    /// `[workload.keys]`.
    pub distribution: &'a Distribution,
    /// `application`.
    pub application: &'a ApplicationSpec,
}

/// The phases, and what follows from them for the rest of the scenario.
#[derive(Debug, Default)]
pub(super) struct LoadOverTime {
    /// The phases, in their order.
    pub phases: Vec<LoadPhase>,
    /// How long a cell is measured, where phases say it.
    pub duration: Option<Positive>,
    /// The rate of the warm-up, where the scenario gives none and phases have one.
    pub rate: Option<PositiveNumber>,
    /// Each table with its settings.
    pub tables: Vec<ShownTable>,
}

/// Reads every `[[phase]]`, or the steps of `[staircase]`.
pub(super) fn read(top: &Reader<'_>, beside: &Beside<'_>, empty: &Table) -> LoadOverTime {
    let staircase = top.raw("staircase").map(|_| top.table("staircase", empty));
    let Some(value) = top.raw("phase") else {
        return staircase.map_or_else(LoadOverTime::default, |reader| {
            let (phases, settings) = steps(&reader, beside);
            reader.finish();
            let tables = vec![("[staircase]", settings.show())];
            LoadOverTime { tables, ..of(top, phases, beside, LoadUnit::Rate) }
        });
    };
    if staircase.is_some() {
        top.wrong(
            "staircase",
            "says how the load changes, and so do the phases",
            Some("leave one of them out".into()),
        );
    }
    let Some(tables) = tables(value) else {
        top.wrong("phase", "is not a list of tables", Some("write [[phase]] above each".into()));
        return LoadOverTime::default();
    };
    let is_rate = |table: &&Table| RATES.iter().any(|key| table.get(key).is_some());
    let is_open = beside.workload.rate_per_second.is_some() || tables.iter().any(is_rate);
    let unit = if is_open { LoadUnit::Rate } else { LoadUnit::Clients };
    let (mut phases, mut shown): (Vec<LoadPhase>, Vec<ShownTable>) = (Vec::new(), Vec::new());
    for (number, table) in tables.into_iter().enumerate() {
        let reader = Reader::new(table, format!("phase[{number}]"), top.mistakes());
        let settings = PhaseSettings::read(&reader);
        phases.push(phase(&reader, &settings, beside, unit, &phases));
        shown.push(("[[phase]]", settings.show()));
        reader.finish();
    }
    LoadOverTime { tables: shown, ..of(top, phases, beside, unit) }
}

/// What follows from the phases, and is wrong with them together.
fn of(top: &Reader<'_>, phases: Vec<LoadPhase>, beside: &Beside<'_>, unit: LoadUnit) -> LoadOverTime {
    let whole = phases.iter().fold(Duration::ZERO, |sum, phase| sum.saturating_add(phase.duration));
    if beside.has_duration {
        let is_staircase = phases.iter().any(|phase| phase.part.is_some());
        let what = if is_staircase { "steps of [staircase]" } else { "phases" };
        let message =
            format!("is given although the {what} say it: they last {} together", show_duration(whole));
        let mistake = Mistake::new(top.place_of(&["run", "duration"]), "run.duration", message);
        top.mistakes().push(mistake.help(format!("leave it out, or leave the {what} out")));
    }
    if phases.iter().all(LoadPhase::is_idle) && !phases.is_empty() {
        let help = match unit {
            LoadUnit::Rate => "give one of them a rate above 0",
            LoadUnit::Clients => "write kind = \"steady\" in one of them, or give it a rate",
        };
        top.wrong("phase", "no operation is due in any of the phases", Some(help.into()));
    }
    // Where what is wrong leaves no phase, nothing is said of how long they last.
    let duration = (!whole.is_zero()).then_some(Positive(whole));
    let rate = if unit == LoadUnit::Rate { first_rate(&phases) } else { None };
    LoadOverTime { phases, duration, rate, tables: Vec::new() }
}

/// The steps of a staircase, with its settings.
fn steps(reader: &Reader<'_>, beside: &Beside<'_>) -> (Vec<LoadPhase>, StaircaseSettings) {
    let settings = StaircaseSettings::read(reader);
    for (key, duration) in [("duration", settings.duration.0), ("drain", settings.drain.0)] {
        check_windows(reader, key, duration, beside.run.window.0);
    }
    (settings.phases(&settings.rates(reader), beside.workload), settings)
}

/// The tables of a list that holds one or more and nothing else.
fn tables<'a>(value: &'a Value) -> Option<Vec<&'a Table>> {
    let ValueKind::Array(items) = &value.kind else { return None };
    let table = |item: &'a Value| match &item.kind {
        ValueKind::Table(table) => Some(table),
        _ => None,
    };
    items.iter().map(table).collect::<Option<Vec<&Table>>>().filter(|tables| !tables.is_empty())
}

fn phase(
    reader: &Reader<'_>,
    settings: &PhaseSettings,
    beside: &Beside<'_>,
    unit: LoadUnit,
    before: &[LoadPhase],
) -> LoadPhase {
    let duration = check_duration(reader, settings, beside.run.window.0);
    settings.refuse_settings_of_other_kinds(reader, unit);
    check_clients(reader, settings, beside.workload, unit);
    let keys = settings.keys.as_ref().map(|keys| &keys.0);
    check_operations(reader, keys, beside);
    let usual = match unit {
        LoadUnit::Rate => beside.workload.rate_per_second.map(|rate| rate.0),
        LoadUnit::Clients => Some(beside.workload.clients.get() as f64),
    };
    let last = before.last().map(LoadPhase::last).or(usual).unwrap_or(0.0);
    if unit == LoadUnit::Clients {
        check_turns(reader, settings, beside, last);
    }
    LoadPhase {
        name: name(reader, settings, before),
        kind: settings.kind,
        duration,
        unit,
        pieces: settings.pieces(reader, unit, last, usual),
        reads: settings.reads.unwrap_or(beside.workload.reads),
        keys: keys.cloned(),
        shift: settings.shift,
        part: None,
    }
}

/// Results by phase are sums of windows, so that none may lie in two phases.
fn check_duration(reader: &Reader<'_>, settings: &PhaseSettings, window: Duration) -> Duration {
    let Some(Positive(duration)) = settings.duration else {
        // What was written and does not read as a duration is told of already.
        if reader.raw("duration").is_none() {
            reader.wrong(
                "duration",
                "is missing",
                Some("say how long the phase lasts, such as \"10s\"".into()),
            );
        }
        return window;
    };
    check_windows(reader, "duration", duration, window);
    duration
}

fn check_windows(reader: &Reader<'_>, key: &str, duration: Duration, window: Duration) {
    if !duration.as_nanos().is_multiple_of(window.as_nanos().max(1)) {
        let message = format!("{} is not a whole number of windows", show_duration(duration));
        let help = format!("give a multiple of run.window, which is {}", show_duration(window));
        reader.wrong(key, message, Some(help));
    }
}

/// The name, which no phase before has: where only kinds are given, `steady` and `steady 2`.
fn name(reader: &Reader<'_>, settings: &PhaseSettings, before: &[LoadPhase]) -> String {
    let is_taken = |name: &str| before.iter().any(|phase| phase.name == name);
    let Some(name) = &settings.name else {
        let kind = settings.kind.word();
        let numbered = (2..).map(|number| format!("{kind} {number}"));
        let free = std::iter::once(kind.to_owned()).chain(numbered).find(|name| !is_taken(name));
        return free.unwrap_or_default();
    };
    if is_taken(name) {
        reader.wrong(
            "name",
            format!("there is a phase \"{name}\" before"),
            Some("give it a name of its own".into()),
        );
    }
    name.clone()
}

/// Only a closed loop has a load of clients, and no more than there are.
fn check_clients(reader: &Reader<'_>, settings: &PhaseSettings, workload: &WorkloadSettings, unit: LoadUnit) {
    let all = workload.clients.get();
    let given = [settings.clients.map(NonZeroU64::get), settings.from_clients, settings.to_clients];
    for ((key, rate), clients) in CLIENTS.into_iter().zip(RATES).zip(given) {
        match clients {
            Some(_) if unit == LoadUnit::Rate => {
                let help = format!(
                    "write {rate} in its place, or for a closed loop leave every rate out of the scenario"
                );
                reader.wrong(
                    key,
                    "means nothing in an open loop, where a rate says how much is asked",
                    Some(help),
                );
            }
            Some(clients) if clients > all => {
                let message = format!("{clients} clients are more than the {all} of workload.clients");
                reader.wrong(key, message, Some("give fewer, or raise workload.clients".into()));
            }
            Some(_) | None => {}
        }
    }
}

/// Where all clients together walk through a trace or through the keys, those that rest would leave out their part.
fn check_turns(reader: &Reader<'_>, settings: &PhaseSettings, beside: &Beside<'_>, before: f64) {
    let distribution = settings.keys.as_ref().map_or(beside.distribution, |keys| &keys.0);
    let what = match &beside.workload.trace {
        Some(_) => "the operations of the trace",
        None if distribution.is_independent() => return,
        None => "the keys",
    };
    let all = beside.workload.clients.get();
    let [steady, from, to] =
        [settings.clients.map(NonZeroU64::get), settings.from_clients, settings.to_clients];
    let rests = |clients: Option<u64>| clients.is_some_and(|clients| clients < all);
    let begins_anew = matches!(settings.kind, PhaseKind::Steady | PhaseKind::Pause);
    let goes_on = !begins_anew && from.is_none() && before < all as f64;
    let are_fewer = [rests(steady), goes_on || rests(from), rests(to)];
    for (key, _) in CLIENTS.into_iter().zip(are_fewer).filter(|(_, are_fewer)| *are_fewer) {
        let message = format!("lets clients rest, and {what} are taken by all {all} of them in turns");
        let help = format!("write {key} = {all}, or rates in place of clients, which leave nothing out");
        reader.wrong(key, message, Some(help));
    }
}

/// Which operations there are is not always for the phase to say.
fn check_operations(reader: &Reader<'_>, keys: Option<&Distribution>, beside: &Beside<'_>) {
    let asks = |key: &'static str| reader.raw(key).is_some();
    let refuse = |key: &'static str, message: String| reader.wrong(key, message, Some("leave it out".into()));
    for key in ["reads", "keys", "shift"].into_iter().filter(|key| asks(key)) {
        if beside.workload.trace.is_some() {
            refuse(key, "means nothing to a trace, which says every operation".into());
        }
    }
    if asks("reads") && !matches!(beside.application, ApplicationSpec::Catalog(_)) {
        refuse("reads", format!("means nothing to {}, whose mix is its own", beside.application.name()));
    }
    let distribution = keys.unwrap_or(beside.distribution);
    if asks("shift") && !distribution.has_hot_keys() {
        refuse("shift", format!("{} keys are all alike, so that none is hot", distribution.name()));
    }
    let needed = keys.map_or(0, Distribution::keys_needed);
    if needed > beside.documents {
        let message = format!("asks for {needed} keys, and the dataset has {}", beside.documents);
        reader.wrong("keys", message, Some(format!("write dataset.keys = {needed} or more")));
    }
}

/// The mean rate of the first phase that has one.
fn first_rate(phases: &[LoadPhase]) -> Option<PositiveNumber> {
    phases.iter().find_map(|phase| {
        let profile = RateProfile::new(phase.pieces.iter().copied());
        let rate = profile.mean_rate(Duration::ZERO, phase.duration);
        (rate > 0.0).then_some(PositiveNumber(rate))
    })
}

#[cfg(test)]
mod tests;
