//! From a scenario file to the cells that are run, in their order.

mod application;
mod capacity;
mod cell;
mod cell_names;
mod choice;
mod chosen;
mod idle;
mod order;
mod promise;
mod requirements;
mod scenario;
mod secrets;
pub mod settings;
mod size;
mod stream;
mod sweep;
mod traces;
pub mod words;

use std::num::NonZeroU64;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

pub use cell::Cell;
pub use choice::{LeftOut, Only};
pub use chosen::{ChosenApplication, ChosenStrategy, ChosenTopology};
pub use order::Variant;
pub use scenario::Scenario;
pub use size::Size;

use crate::application::ApplicationSpec;
use crate::base::processors;
use crate::base::secrets::strike_typed;
use crate::load::workload::{Distribution, WorkloadSettings};
use crate::measure::settle::FEWEST_WINDOWS;
use crate::results::Requirement;
use crate::run::fault::ScheduledFault;
use crate::scenario::tree::parse_option_value;
use crate::scenario::{
    InvalidScenario, Mistake, Mistakes, Positive, Reader, Setting, Settings, Table, Value, ValueKind,
};
use crate::topology::settings::MongoUrl;
use crate::topology::tls;
use settings::{PinSettings, RunSettings};
use traces::Traces;

/// Everything that a run does.
#[derive(Debug, Clone)]
pub struct Plan {
    /// The scenario's name.
    pub name: String,
    /// The path that it was read from.
    pub path: String,
    /// A digest of what it says, the options of the command line included.
    pub digest: String,
    /// What it says, the options included, without secrets.
    pub effective: String,
    /// The scenario with the first value of everything swept.
    pub scenario: Arc<Scenario>,
    /// The scenario with each combination of swept values, in their order.
    pub variants: Vec<Variant>,
    /// The cells in the order of the run.
    pub cells: Vec<Cell>,
    /// What strategies have to reach.
    pub requirements: Vec<Requirement>,
    /// What was asked for, by name or by leaving a list out, and makes no sense together.
    pub left_out: Vec<LeftOut>,
    /// Swept values that are others written in another way.
    pub again: Vec<String>,
    /// Settings that were written and have no effect.
    pub idle: Vec<String>,
}

/// The options of the command line for a plan.
#[derive(Debug, Clone, Default)]
pub struct PlanOptions {
    /// `--set key=value`, in their order.
    pub set: Vec<String>,
    /// `--only`.
    pub only: Vec<String>,
    /// `--repeats`.
    pub repeats: Option<NonZeroU64>,
    /// `--duration`.
    pub duration: Option<Positive>,
}

/// Why there is no plan.
#[derive(Debug, thiserror::Error)]
pub enum PlanError {
    /// The file could not be read.
    #[error("cannot read the scenario {path}: {reason}")]
    Unreadable {
        /// The path as given.
        path: String,
        /// The reason that the operating system gave.
        reason: String,
    },
    /// The file can be read but not run.
    #[error("the scenario cannot be run")]
    Invalid(InvalidScenario),
}

impl Plan {
    /// The keys that the scenario sweeps, in the order of the scenario. A topology that does not obey one has no value
    /// for it.
    #[must_use]
    pub fn swept_keys(&self) -> Vec<String> {
        let mut keys: Vec<String> = Vec::new();
        for (key, _) in self.cells.iter().flat_map(|cell| &cell.swept) {
            if !keys.contains(key) {
                keys.push(key.clone());
            }
        }
        keys
    }

    /// Reads a scenario file and the options of the command line.
    ///
    /// # Errors
    /// Everything that is wrong, all at once.
    pub fn read(path: &Path, options: &PlanOptions) -> Result<Self, PlanError> {
        let shown = path.display().to_string();
        let unreadable = |reason: String| PlanError::Unreadable { path: strike_typed(&shown), reason };
        let bytes = std::fs::read(path).map_err(|error| unreadable(error.to_string()))?;
        let text = String::from_utf8(bytes).map_err(|_| unreadable("it is not text (UTF-8)".into()))?;
        let name =
            path.file_stem().map_or_else(|| "scenario".into(), |stem| stem.to_string_lossy().into_owned());
        Self::parse(&name, &shown, &text, options)
    }

    /// As [`Plan::read`], from a text.
    ///
    /// # Errors
    /// Everything that is wrong, all at once.
    pub fn parse(name: &str, path: &str, text: &str, options: &PlanOptions) -> Result<Self, PlanError> {
        let mistakes = Mistakes::default();
        let plan = plan(name, path, text, options, &mistakes);
        match plan {
            Some(plan) if mistakes.is_empty() => Ok(plan),
            _ => {
                let mistakes = mistakes.into_sorted();
                let invalid = InvalidScenario { path: path.into(), text: text.into(), mistakes };
                let unread = Mistakes::default();
                let tree = Table::parse(text, &unread);
                // What is no TOML has no places where a value certainly begins and ends.
                let tree = unread.is_empty().then_some(&tree);
                Err(PlanError::Invalid(secrets::redacted_mistakes(invalid, tree)))
            }
        }
    }

    /// What is to be known before the run: which swept values are the same, and what of its traces was left out.
    #[must_use]
    pub fn notes(&self) -> Vec<String> {
        let mut notes = self.warnings();
        notes.extend(self.idle.iter().chain(&self.again).cloned());
        for (_, scenario) in &self.variants {
            let (Some(path), Some(recorded)) = (&scenario.workload.trace, &scenario.recorded) else {
                continue;
            };
            let of_trace = recorded.left_out().map(|what| format!("{path}: {what}"));
            notes.extend(of_trace.filter(|note| !notes.contains(note)));
        }
        notes
    }

    /// What every page says of the run, since its figures and its data are not what they seem without it.
    #[must_use]
    pub fn warnings(&self) -> Vec<String> {
        let scenarios = || self.variants.iter().map(|(_, scenario)| scenario);
        let mut warnings = Vec::new();
        if scenarios().any(|scenario| scenario.cache.tls_insecure) {
            warnings.push(
                "cache.tls_insecure = true: nobody has looked at who the servers of the cache are".into(),
            );
        }
        if scenarios().any(|scenario| scenario.database.url.as_ref().is_some_and(MongoUrl::is_insecure)) {
            warnings.push("the URL of the database has it used without looking at who it is".into());
        }
        warnings
    }

    /// The shortest and the longest that the run can take, without starting servers and loading.
    #[must_use]
    pub fn time(&self) -> (Duration, Duration) {
        self.cells.iter().fold((Duration::ZERO, Duration::ZERO), |(least, most), cell| {
            let run = &cell.scenario.run;
            // In each stage of a warm-up the first window does not count; an open loop has two stages.
            let stages = if cell.scenario.workload.rate_per_second.is_some() { 2 } else { 1 };
            let warmup_least = (run.window.0 * (FEWEST_WINDOWS as u32 + 1) * stages).min(run.warmup_max.0);
            (least + warmup_least + run.duration.0, most + run.warmup_max.0 + run.duration.0)
        })
    }
}

/// The command line without what may be a secret in it.
#[must_use]
pub fn redacted_command(arguments: impl IntoIterator<Item = String>) -> Vec<String> {
    arguments.into_iter().map(|argument| strike_typed(&argument)).collect()
}

fn plan(name: &str, path: &str, text: &str, options: &PlanOptions, mistakes: &Mistakes) -> Option<Plan> {
    let mut tree = Table::parse(text, mistakes);
    secrets::learn(&tree);
    if !mistakes.is_empty() {
        return None;
    }
    apply_options(&mut tree, options, mistakes);
    secrets::learn(&tree);
    let effective = secrets::redacted_toml(&tree);
    let required = requirements::take(&mut tree, mistakes);
    let sweep = sweep::take(&mut tree, mistakes);
    let only = Only::parse(&options.only, mistakes);
    let mut variants = Vec::new();
    let mut left_out = Vec::new();
    let mut traces = Traces::default();
    let swept_runs = sweep.iter().fold(1_u64, |runs, (_, values)| runs.saturating_mul(values.len() as u64));
    if swept_runs > size::MOST_RUNS {
        let mistake = Mistake::new(tree.place_of(&["sweep"]), "sweep", too_many(swept_runs));
        mistakes.push(mistake.help("sweep fewer keys, or give them fewer values"));
        return None;
    }
    let shown = sweep::shown(&sweep, strike_typed);
    let mut again = Vec::new();
    for values in sweep::combinations(&sweep) {
        let mut tree = tree.clone();
        for (path, value) in values.iter().map(|(swept, at)| (&swept.0, &swept.1[*at])) {
            if let Err(reason) = tree.set_path(path, value.clone()) {
                mistakes.push(Mistake::new(value.place.clone(), path.clone(), reason));
            }
        }
        let scenario = read_scenario(name, &tree, &mut traces, mistakes);
        let text = |(number, (swept, at)): (usize, &(&sweep::SweptSetting, usize))| {
            (swept.0.clone(), shown[number][*at].clone())
        };
        let swept: Vec<(String, String)> = values.iter().enumerate().map(text).collect();
        if variants.iter().any(|(_, other): &Variant| other.runs_as(&scenario)) {
            let all: Vec<_> = swept.iter().map(|(key, value)| format!("{key} = {value}")).collect();
            again.push(format!("swept {} is what runs already, so that it is not run again", all.join(", ")));
        } else {
            variants.push((swept, Arc::new(scenario)));
        }
    }
    let scenario = variants.first().map(|(_, scenario)| Arc::clone(scenario))?;
    let strategies: Vec<&str> = scenario.strategies.iter().map(|one| one.label.as_str()).collect();
    let topologies: Vec<&str> = scenario.topologies.iter().map(|one| one.label.as_str()).collect();
    requirements::check_labels(&required, &strategies, &topologies, mistakes);
    only.check(&scenario, mistakes);
    if !mistakes.is_empty() {
        return None;
    }
    let combinations = scenario.strategies.len().saturating_mul(scenario.topologies.len()) as u64;
    let repeats = scenario.run.repeats.get();
    let runs = combinations.saturating_mul(variants.len() as u64).saturating_mul(repeats);
    if runs > size::MOST_RUNS {
        let mistake = Mistake::new(tree.place_of(&["run", "repeats"]), "run.repeats", too_many(runs));
        mistakes.push(mistake.help("give fewer repeats, or sweep less"));
        return None;
    }
    let cells = order::cells(&variants, &only, &mut left_out);
    if cells.is_empty() {
        let place = tree.place.clone();
        let reasons: Vec<_> = left_out.iter().map(ToString::to_string).collect();
        mistakes.push(
            Mistake::new(place, "", format!("there is nothing to run: {}", reasons.join("; ")))
                .help("name other strategies or topologies, or leave --only out"),
        );
        return None;
    }
    let digest = format!("{:016x}", xxhash_rust::xxh3::xxh3_64(effective.as_bytes()));
    let (name, path) = (name.into(), path.into());
    let requirements = required.into_iter().map(|(requirement, _)| requirement).collect();
    let idle = idle::notes(&tree, &scenario);
    Some(Plan {
        name,
        path,
        digest,
        effective,
        scenario,
        variants,
        cells,
        requirements,
        left_out,
        again,
        idle,
    })
}

fn too_many(runs: u64) -> String {
    format!("{runs} runs are more than the {} that can be planned", size::MOST_RUNS)
}

fn apply_options(tree: &mut Table, options: &PlanOptions, mistakes: &Mistakes) {
    let repeats = options.repeats.map(|n| format!("run.repeats={n}"));
    let duration = options.duration.map(|d| format!("run.duration={}", d.show()));
    for option in options.set.iter().chain(&repeats).chain(&duration) {
        let shown = format!("--set {option}");
        let (key, value) = option.split_once('=').unwrap_or((option, ""));
        let value = parse_option_value(&shown, value.trim());
        let place = value.place.clone();
        if !option.contains('=') {
            mistakes.push(
                Mistake::new(place, key, "has no value")
                    .help("write --set key=value, as in --set run.seed=7"),
            );
        } else if let Err(reason) = tree.set_path(key.trim(), value) {
            mistakes.push(Mistake::new(place, key, reason));
        } else {
            sweep::replace(tree, key.trim());
        }
    }
}

fn read_scenario(name: &str, tree: &Table, traces: &mut Traces, mistakes: &Mistakes) -> Scenario {
    let empty = Table::empty(tree.place.clone());
    let top = Reader::new(tree, "", mistakes);
    let description = top.get("description", String::new());
    let application = application::read(&top, &empty);
    let dataset = whole(top.table("dataset", &empty));
    let workload_table = top.table("workload", &empty);
    let distribution = read_keys(&workload_table, &empty);
    if let Some(operations) = (!matches!(application.spec, ApplicationSpec::Catalog(_)))
        .then(|| application.spec.operations().iter().map(|kind| kind.name).collect::<Vec<_>>().join(", "))
    {
        for key in ["reads", "absent_share"] {
            if workload_table.raw(key).is_some() {
                let message = format!("means nothing to {}", application.spec.name());
                let help = format!("leave it out, and write the shares of {operations} in [application.mix]");
                workload_table.wrong(key, message, Some(help));
            }
        }
    }
    let workload: WorkloadSettings = whole(workload_table);
    let cache = whole(top.table("cache", &empty));
    let database = whole(top.table("database", &empty));
    let network = whole(top.table("network", &empty));
    let run_table = top.table("run", &empty);
    let pin = whole(run_table.table("pin", &empty));
    let run: RunSettings = whole(run_table);
    let faults = read_faults(&top, &run, workload.instances);
    let strategies = choice::strategies(&top, mistakes);
    let topologies = choice::topologies(&top, mistakes);
    check_pin(&pin, tree, mistakes);
    let recorded = traces.read(&workload, &dataset, &top);
    let scenario = Scenario {
        name: name.into(),
        description,
        application,
        dataset,
        workload,
        distribution,
        cache,
        database,
        network,
        run,
        pin,
        faults,
        strategies,
        topologies,
        recorded,
    };
    check_together(&scenario, &top);
    top.finish();
    scenario
}

/// Reads a table of settings to its end.
fn whole<T: Settings>(reader: Reader<'_>) -> T {
    let settings = T::read(&reader);
    reader.finish();
    settings
}

fn read_keys(workload: &Reader<'_>, empty: &Table) -> Distribution {
    let reader = workload.table("keys", empty);
    let distribution = Distribution::read(&reader);
    reader.finish();
    distribution
}

fn read_faults(top: &Reader<'_>, run: &RunSettings, instances: NonZeroU64) -> Vec<ScheduledFault> {
    let Some(value) = top.raw("fault") else { return Vec::new() };
    let ValueKind::Array(items) = &value.kind else {
        top.wrong("fault", "is not a list", Some("write [[fault]] above each".into()));
        return Vec::new();
    };
    let mut faults = Vec::new();
    for (index, item) in items.iter().enumerate() {
        let Value { kind: ValueKind::Table(table), .. } = item else { continue };
        let reader = Reader::new(table, format!("fault[{index}]"), top.mistakes());
        let fault = ScheduledFault::read(&reader, instances);
        if fault.at + fault.lasts() > run.duration.0 {
            let help = "let at + for end before run.duration, so that the recovery is seen";
            reader.wrong("at", "the fault does not end while the cell is measured", Some(help.into()));
        }
        reader.finish();
        faults.push(fault);
    }
    faults
}

fn check_pin(pin: &PinSettings, tree: &Table, mistakes: &Mistakes) {
    let allowed = processors::allowed();
    for (key, wanted) in [("hotset", &pin.hotset), ("cache", &pin.cache), ("database", &pin.database)] {
        for processor in wanted.iter().filter(|processor| !allowed.contains(processor)) {
            mistakes.push(
                Mistake::new(
                    tree.place_of(&["run", "pin", key]),
                    format!("run.pin.{key}"),
                    format!("there is no processor {processor} for this process"),
                )
                .help(format!("it may use the processors {}", processors::in_words(&allowed))),
            );
        }
    }
}

/// A strategy that writes to the cache first must not lose there what the database does not hold yet.
fn check_eviction(scenario: &Scenario, top: &Reader<'_>) {
    let dirty = scenario.strategies.iter().find(|one| {
        scenario.application.incompatibility(&one.spec).is_none()
            && scenario.application.holds_back(&one.spec)
    });
    let evicts =
        scenario.topologies.iter().find_map(|topology| topology.spec.evicts_any_key(&scenario.cache));
    let (Some(strategy), Some(policy)) = (dirty, evicts) else { return };
    let message = format!(
        "{} may evict what {} has acknowledged and the database does not hold yet",
        policy.word(),
        strategy.label
    );
    let mistake = Mistake::new(top.place_of(&["cache", "eviction"]), "cache.eviction", message);
    top.mistakes().push(mistake.help(
        "write eviction = \"volatile-lru\" (what is not flushed has no time to live and is safe there), or run that strategy in a scenario of its own",
    ));
}

/// The files of TLS are there before anything is started.
fn check_tls(scenario: &Scenario, top: &Reader<'_>) {
    for (key, fault) in tls::faults(&scenario.cache) {
        let place = top.place_of(&["cache", key]);
        top.mistakes().push(Mistake::new(place, format!("cache.{key}"), fault));
    }
    let of_database = scenario.database.url.as_ref().map(MongoUrl::faults_of_files).unwrap_or_default();
    for fault in of_database {
        let place = top.place_of(&["database", "url"]);
        top.mistakes().push(Mistake::new(place, "database.url", fault));
    }
}

/// What is right by itself and wrong together.
fn check_together(scenario: &Scenario, top: &Reader<'_>) {
    let workload = &scenario.workload;
    if workload.clients < workload.instances {
        let message = format!(
            "{} clients cannot use {} instances of the application",
            workload.clients, workload.instances
        );
        top.mistakes().push(
            Mistake::new(top.place_of(&["workload", "clients"]), "workload.clients", message)
                .help("give every instance one client or more"),
        );
    }
    application::check(&scenario.application, &scenario.facts(), top);
    if scenario.workload.trace.is_some() && !scenario.is_catalog() {
        let message = format!(
            "a trace says reads and writes of keys, which {} has not",
            scenario.application.spec.name()
        );
        let place = top.place_of(&["workload", "trace"]);
        top.mistakes().push(
            Mistake::new(place, "workload.trace", message)
                .help("leave the trace out, or run it with application = \"catalog\""),
        );
    }
    capacity::check(scenario, top);
    size::check(scenario, top);
    check_eviction(scenario, top);
    check_tls(scenario, top);
    for (number, topology) in scenario.topologies.iter().enumerate() {
        if let Some((message, help)) = topology.spec.impossible(&scenario.cache) {
            let place = top.place_of(&["topologies"]);
            let key = format!("topologies[{number}] ({})", topology.label);
            top.mistakes().push(Mistake::new(place, key, message).help(help));
        }
    }
    if scenario.run.window.0 > scenario.run.duration.0 {
        top.mistakes().push(
            Mistake::new(
                top.place_of(&["run", "window"]),
                "run.window",
                "is longer than run.duration, so that no window would be whole",
            )
            .help("make run.window shorter"),
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_of_certificates_that_is_none_is_a_mistake_of_the_scenario() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("ca.pem");
        let plan = || {
            let text = format!("topologies = [\"embedded\"]\n[cache]\ntls_ca = '{}'\n", file.display());
            Plan::parse("test", "test.toml", &text, &PlanOptions::default())
        };
        let said = |plan: Result<Plan, PlanError>| match plan {
            Err(PlanError::Invalid(invalid)) => invalid.mistakes[0].message.clone(),
            other => panic!("{other:?}"),
        };
        assert!(said(plan()).starts_with("cannot read"));
        std::fs::write(&file, "nonsense").unwrap();
        assert!(said(plan()).starts_with("there is no certificate"));
        std::fs::write(&file, "-----BEGIN CERTIFICATE-----\n").unwrap();
        assert!(plan().is_ok());
    }

    #[test]
    fn the_longest_operation_lasts_as_long_as_its_calls_and_what_they_wait_for_replicas() {
        let longest = |more: &str| {
            let topology = "{ name = \"cluster\", database = \"embedded\" }";
            let cache = format!("timeout = \"500ms\"\nwait_timeout = \"2s\"\n{more}");
            let text = format!(
                "strategies = [\"cache-aside\"]\ntopologies = [{topology}]\n[cache]\n{cache}\n[run]\nduration = \"30s\"\n"
            );
            let plan = Plan::parse("test", "test.toml", &text, &PlanOptions::default()).unwrap();
            plan.cells[0].scenario.longest_operation()
        };
        assert_eq!(longest("wait_replicas = 1"), longest("") + Duration::from_millis(2500) * 8);
    }
}
