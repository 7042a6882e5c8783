//! From a scenario file to the cells that are run, in their order.

mod application;
mod capacity;
mod cell;
mod cell_names;
mod choice;
mod chosen;
pub mod cost;
mod ignored;
mod order;
mod parts;
mod phases;
mod promise;
mod reading;
mod repeats;
mod requirements;
mod scenario;
mod search;
mod secrets;
pub mod settings;
mod size;
mod stream;
mod sweep;
mod together;
mod told;
mod traces;
pub mod words;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

pub use cell::Cell;
pub use choice::{LeftOut, Only};
pub use chosen::{ChosenApplication, ChosenStrategy, ChosenTopology};
pub use ignored::IgnoredSetting;
pub use order::Variant;
pub use repeats::{Repeats, Tolerance};
pub use scenario::Scenario;
pub use search::SearchSettings;
pub use size::Size;

use crate::base::secrets::strike_typed;
use crate::load::workload::LoadPart;
use crate::measure::settle::FEWEST_WINDOWS;
use crate::results::Requirement;
use crate::scenario::tree::parse_option_value;
use crate::scenario::{InvalidScenario, Mistake, Mistakes, Positive, Setting, Table};
use crate::topology::settings::MongoUrl;
use reading::read_scenario;
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
    /// The scenario as TOML, the options included, without secrets.
    pub effective: String,
    /// The scenario with the first value of everything swept.
    pub scenario: Arc<Scenario>,
    /// The scenario with each combination of swept values, in their order.
    pub variants: Vec<Variant>,
    /// The cells in the order of the run.
    pub cells: Vec<Cell>,
    /// The requirements on strategies.
    pub requirements: Vec<Requirement>,
    /// The combinations that were asked for, by name or by leaving a list out, and make no sense.
    pub left_out: Vec<LeftOut>,
    /// Swept values that are others written in another way.
    pub again: Vec<String>,
}

/// The options of the command line for a plan.
#[derive(Debug, Clone, Default)]
pub struct PlanOptions {
    /// `--set key=value`, in their order.
    pub set: Vec<String>,
    /// `--only`.
    pub only: Vec<String>,
    /// `--repeats`.
    pub repeats: Option<Repeats>,
    /// `--until`.
    pub until: Option<Tolerance>,
    /// `--max-duration`.
    pub max_duration: Option<Positive>,
    /// `--duration`.
    pub duration: Option<Positive>,
    /// `--segment`.
    pub part: LoadPart,
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

    /// The cells that are run whatever they show: all of them, but for a range of repeats.
    pub fn cells_in_any_case(&self) -> impl Iterator<Item = &Cell> {
        let least = self.scenario.run.repeats.least();
        self.cells.iter().filter(move |cell| cell.repeat <= least)
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

    /// Returns what is to be known before the run: which swept values are the same, and what of its traces was left
    /// out.
    #[must_use]
    pub fn notes(&self) -> Vec<String> {
        let mut notes = self.warnings();
        notes.extend(self.ignored_in_words());
        notes.extend(self.again.iter().cloned());
        for (_, scenario) in &self.variants {
            let (Some(path), Some(recorded)) = (&scenario.workload.trace, &scenario.recorded) else {
                continue;
            };
            let of_trace = recorded.left_out().map(|what| format!("{path}: {what}"));
            let told = told::notes(scenario);
            let new: Vec<_> = of_trace.into_iter().chain(told).filter(|note| !notes.contains(note)).collect();
            notes.extend(new);
        }
        notes
    }

    /// A sentence for each setting without effect, with the topologies on which it has none.
    fn ignored_in_words(&self) -> Vec<String> {
        let mut found: Vec<(&IgnoredSetting, Vec<String>)> = Vec::new();
        let of_cells =
            self.cells.iter().flat_map(|cell| cell.ignored.iter().map(|one| (one, &cell.topology.label)));
        for (ignored, topology) in of_cells {
            match found.iter_mut().find(|(known, _)| *known == ignored) {
                Some((_, topologies)) if topologies.contains(topology) => {}
                Some((_, topologies)) => topologies.push(topology.clone()),
                None => found.push((ignored, vec![topology.clone()])),
            }
        }
        // Cells run in random order; what is said does not change with it.
        found.sort_by(|a, b| a.0.key.cmp(&b.0.key));
        let sentence = |(ignored, mut topologies): (&IgnoredSetting, Vec<String>)| {
            topologies.sort_unstable();
            format!("{} has no effect on {}: {}", ignored.key, topologies.join(", "), ignored.why)
        };
        found.into_iter().map(sentence).collect()
    }

    /// What every page says of the run, since its figures and its data are not what they seem without it.
    #[must_use]
    pub fn warnings(&self) -> Vec<String> {
        let scenarios = || self.variants.iter().map(|(_, scenario)| scenario);
        let mut warnings = Vec::new();
        let is_insecure =
            |cell: &Cell| cell.scenario.cache.tls_insecure && cell.topology.spec.shape().speaks_tls;
        if self.cells.iter().any(is_insecure) {
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
        let run = &self.scenario.run;
        let of_blocks =
            |blocks: u64| self.cells.iter().filter(move |cell| cell.repeat <= blocks).map(time_of);
        let least = of_blocks(run.repeats.least()).map(|(least, _)| least).sum();
        let longest = |blocks: u64| -> Duration { of_blocks(blocks).map(|(_, most)| most).sum() };
        let most = match run.max_duration {
            // A block that was begun in time is ended.
            Some(budget) => {
                longest(run.repeats.most()).min((budget.0 + longest(1)).max(longest(run.repeats.least())))
            }
            None => longest(run.repeats.most()),
        };
        (least, most)
    }
}

/// The shortest and the longest that a cell can take.
fn time_of(cell: &Cell) -> (Duration, Duration) {
    let run = &cell.scenario.run;
    // In each stage of a warm-up the first window does not count; an open loop has two stages.
    let stages = if cell.scenario.workload.rate_per_second.is_some() { 2 } else { 1 };
    let warmup_least = (run.window.0 * (FEWEST_WINDOWS as u32 + 1) * stages).min(run.warmup_max.0);
    (warmup_least + run.duration.0, (run.warmup_max.0 + run.duration.0) * cell.scenario.most_runs())
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
    let given = ignored::given(&tree, sweep.iter().map(|(key, _)| key.as_str()));
    let only = Only::parse(&options.only, mistakes);
    let swept_runs = sweep.iter().fold(1_u64, |runs, (_, values)| runs.saturating_mul(values.len() as u64));
    if let Err(mistake) = check_runs(swept_runs, &tree, &["sweep"]) {
        mistakes.push(mistake.help("sweep fewer keys, or give them fewer values"));
        return None;
    }
    let (variants, again) = variants(name, &tree, &sweep, options.part, mistakes);
    let scenario = variants.first().map(|(_, scenario)| Arc::clone(scenario))?;
    secrets::check_names(&tree, name, &scenario, mistakes);
    requirements::check_labels(&required, &scenario, mistakes);
    requirements::check_search(&required, &scenario, mistakes);
    requirements::check_prices(&required, scenario.cost.prices().as_ref(), mistakes);
    only.check(&scenario, mistakes);
    if !mistakes.is_empty() {
        return None;
    }
    let combinations = scenario.strategies.len().saturating_mul(scenario.topologies.len());
    let combinations = combinations.saturating_mul(variants.len()) as u64;
    let runs = combinations.saturating_mul(scenario.run.repeats.most());
    if let Err(mistake) = check_runs(runs, &tree, &["run", "repeats"]) {
        mistakes.push(mistake.help("give fewer repeats, or sweep less"));
        return None;
    }
    let mut left_out = Vec::new();
    let cells = order::cells(&variants, &only, &given, &mut left_out);
    if cells.is_empty() {
        mistakes.push(nothing_to_run(&tree, &left_out));
        return None;
    }
    let digest = format!("{:016x}", xxhash_rust::xxh3::xxh3_64(effective.as_bytes()));
    let (name, path) = (name.into(), path.into());
    let requirements = required.into_iter().map(|(requirement, _)| requirement).collect();
    Some(Plan { name, path, digest, effective, scenario, variants, cells, requirements, left_out, again })
}

/// The scenario with each combination of swept values, and what is said of those that would run what another one runs.
fn variants(
    name: &str,
    tree: &Table,
    sweep: &[sweep::SweptSetting],
    part: LoadPart,
    mistakes: &Mistakes,
) -> (Vec<Variant>, Vec<String>) {
    let mut traces = Traces::default();
    let shown = sweep::shown(sweep, strike_typed);
    let (mut variants, mut again) = (Vec::<Variant>::new(), Vec::new());
    for values in sweep::combinations(sweep) {
        let mut tree = tree.clone();
        for (path, value) in values.iter().map(|(swept, at)| (&swept.0, &swept.1[*at])) {
            if let Err(reason) = tree.set_path(path, value.clone()) {
                mistakes.push(Mistake::new(value.place.clone(), path.clone(), reason));
            }
        }
        let scenario = read_scenario(name, &tree, part, &mut traces, mistakes);
        let text = |(number, (swept, at)): (usize, &(&sweep::SweptSetting, usize))| {
            (swept.0.clone(), shown[number][*at].clone())
        };
        let swept: Vec<(String, String)> = values.iter().enumerate().map(text).collect();
        if variants.iter().any(|(_, other)| other.runs_as(&scenario)) {
            let all: Vec<_> = swept.iter().map(|(key, value)| format!("{key} = {value}")).collect();
            again.push(format!("swept {} is what runs already, so that it is not run again", all.join(", ")));
        } else {
            variants.push((swept, Arc::new(scenario)));
        }
    }
    (variants, again)
}

/// More runs than can be planned are a mistake of the setting at `path`.
fn check_runs(runs: u64, tree: &Table, path: &[&str]) -> Result<(), Mistake> {
    if runs <= size::MOST_RUNS {
        return Ok(());
    }
    let message = format!("{runs} runs are more than the {} that can be planned", size::MOST_RUNS);
    Err(Mistake::new(tree.place_of(path), path.join("."), message))
}

fn nothing_to_run(tree: &Table, left_out: &[LeftOut]) -> Mistake {
    let reasons: Vec<_> = left_out.iter().map(ToString::to_string).collect();
    Mistake::new(tree.place.clone(), "", format!("there is nothing to run: {}", reasons.join("; ")))
        .help("name other strategies or topologies, or leave --only out")
}

fn apply_options(tree: &mut Table, options: &PlanOptions, mistakes: &Mistakes) {
    let given = [
        options.repeats.map(|of| format!("run.repeats={}", of.show())),
        options.until.map(|of| format!("run.until={}", of.show())),
        options.max_duration.map(|of| format!("run.max_duration={}", of.show())),
        options.duration.map(|of| format!("run.duration={}", of.show())),
    ];
    for option in options.set.iter().chain(given.iter().flatten()) {
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

#[cfg(test)]
mod tests {
    use super::*;

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
