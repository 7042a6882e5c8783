//! What a run takes, and whether this machine has it: a scenario that could never end, or not be held, is refused
//! before anything is started.

use std::num::{NonZeroU64, NonZeroUsize};
use std::time::Duration;

use super::chosen::ChosenTopology;
use super::scenario::Scenario;
use crate::base::units::{ByteSize, show_duration};
use crate::base::{memory, open_files, temporary};
use crate::load::workload::{LoadPhase, Recording, StaircasePart};
use crate::run::fault::Part;
use crate::scenario::{Mistake, Reader};
use crate::topology::settings::DatabaseKind;

/// The bytes that the audit keeps of a document.
const AUDIT_BYTES: u64 = 64;
/// The bytes that a database keeps beside a document: its id, its index and free room.
const DOCUMENT_OVERHEAD_BYTES: u64 = 100;
/// The bytes that are kept of a window until its cell has ended: a row of `timeseries.csv` and its part of the
/// interval log.
const WINDOW_BYTES: u64 = 2048;
/// The bytes that a client takes: its task, its view of the audit and what it waits for.
const CLIENT_BYTES: u64 = 16 << 10;
/// The most operations of all instances that are under way at once where the scenario gives no bound: more is nothing but a
/// system that does not answer.
const MOST_IN_FLIGHT: u64 = 100_000;
/// The part of the memory that they may take.
const IN_FLIGHT_PART: u64 = 4;
/// No processor issues and answers more operations than this in a second.
const MOST_PER_PROCESSOR: f64 = 1e7;
/// Below this, a window ends before it was looked at.
const SHORTEST_WINDOW: Duration = Duration::from_millis(1);
/// Nobody waits longer for a cell.
const LONGEST_CELL: Duration = Duration::from_hours(24 * 366);
/// Files that hotset holds open beside its connections: results, its servers' pipes, timers and libraries.
const OWN_FILES: u64 = 60;
/// More runs than this do not end either, and their list alone fills the memory.
pub const MOST_RUNS: u64 = 100_000;

/// The resources of this machine.
#[derive(Debug, Clone, Copy)]
struct Here {
    memory: Option<u64>,
    disk: Option<u64>,
    processors: u64,
    open_files: u64,
}

impl Here {
    fn now() -> Self {
        let disk = rustix::fs::statvfs(temporary::directory()).ok();
        Self {
            memory: memory::total_bytes(),
            disk: disk.map(|disk| disk.f_bavail.saturating_mul(disk.f_frsize)),
            processors: std::thread::available_parallelism().map_or(1, NonZeroUsize::get) as u64,
            open_files: open_files::limit(),
        }
    }
}

/// The most that one cell of a scenario takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Size {
    /// The documents, as the database holds them.
    pub documents_bytes: u64,
    /// The rows of `timeseries.csv`.
    pub windows: u64,
    /// The memory of hotset: for the audit, the windows and the clients.
    pub memory_bytes: u64,
    /// The operations that may be under way at once where answers stay away; 0 in a closed loop.
    pub in_flight: u64,
    /// The trace that drives the run, where one does.
    pub trace: Option<TraceTakes>,
}

/// The memory and the disk that a trace takes while it drives a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TraceTakes {
    /// Its operations.
    pub operations: u64,
    /// Its different keys.
    pub keys: u64,
    /// The bytes of memory.
    pub memory_bytes: u64,
    /// The bytes of its operations in a temporary file; 0 where they are held in memory.
    pub file_bytes: u64,
}

impl TraceTakes {
    fn of(recorded: &Recording) -> Self {
        Self {
            operations: recorded.len(),
            keys: recorded.distinct_keys(),
            memory_bytes: recorded.memory_bytes(),
            file_bytes: recorded.file_bytes(),
        }
    }
}

impl std::fmt::Display for TraceTakes {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { operations, keys, memory_bytes, file_bytes } = *self;
        let memory = rounded(memory_bytes);
        write!(f, "The trace's {operations} operations on {keys} keys ")?;
        if file_bytes == 0 {
            return write!(f, "are held in memory, and take {memory} of it.");
        }
        write!(
            f,
            "are read ahead from a temporary file of {}, and take up to {memory} of memory.",
            rounded(file_bytes)
        )
    }
}

impl Scenario {
    /// Returns the most operations of an open loop that are under way at once, over all instances. Where the scenario gives no
    /// bound, the memory of this machine does.
    #[must_use]
    pub fn most_in_flight(&self) -> u64 {
        let in_memory =
            memory::total_bytes().map_or(MOST_IN_FLIGHT, |bytes| bytes / IN_FLIGHT_PART / CLIENT_BYTES);
        let usual = MOST_IN_FLIGHT.min(in_memory).max(self.workload.clients.get());
        self.workload.max_in_flight.map_or(usual, NonZeroU64::get)
    }
}

impl Size {
    /// That of a scenario.
    #[must_use]
    pub fn of(scenario: &Scenario) -> Self {
        let (run, keys) = (&scenario.run, scenario.dataset.keys.get());
        let document = scenario.dataset.value_size.mean_bytes() as u64 + DOCUMENT_OVERHEAD_BYTES;
        let longest = run.duration.0.saturating_add(run.warmup_max.0);
        let windows = (longest.as_nanos() / run.window.0.as_nanos().max(1)) as u64;
        let audit = if run.audit { keys.saturating_mul(AUDIT_BYTES) } else { 0 };
        let clients = scenario.workload.clients.get().saturating_mul(CLIENT_BYTES);
        let has_queue = scenario.workload.rate_per_second.is_some() && scenario.shares_arrivals();
        Self {
            documents_bytes: keys.saturating_mul(document),
            windows,
            memory_bytes: audit.saturating_add(windows.saturating_mul(WINDOW_BYTES)).saturating_add(clients),
            in_flight: if has_queue { scenario.most_in_flight() } else { 0 },
            trace: scenario.recorded.as_deref().map(TraceTakes::of),
        }
    }
}

impl std::fmt::Display for Size {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "The documents take about {}, and the audit, the clients and up to {} windows of a run take up to {} of memory.",
            rounded(self.documents_bytes),
            self.windows,
            rounded(self.memory_bytes)
        )?;
        if self.in_flight > 0 {
            let bytes = rounded(self.in_flight.saturating_mul(CLIENT_BYTES));
            write!(
                f,
                "\nWhere answers stay away, up to {} operations are under way at once, and take up to {bytes}.",
                self.in_flight
            )?;
        }
        if let Some(trace) = &self.trace {
            write!(f, "\n{trace}")?;
        }
        Ok(())
    }
}

/// A size with three digits at the most.
fn rounded(bytes: u64) -> String {
    let units = [("GiB", 30), ("MiB", 20), ("KiB", 10)];
    let Some((unit, shift)) = units.into_iter().find(|(_, shift)| bytes >> shift > 0) else {
        return format!("{bytes} B");
    };
    let amount = bytes as f64 / (1_u64 << shift) as f64;
    if amount < 10.0 { format!("{amount:.1} {unit}") } else { format!("{amount:.0} {unit}") }
}

/// Reports what cannot be done on this machine.
pub(super) fn check(scenario: &Scenario, top: &Reader<'_>) {
    for Impossible { table, key, message, help } in impossible(scenario, Here::now()) {
        let path = if key.is_empty() { table.to_owned() } else { format!("{table}.{key}") };
        let mistake = Mistake::new(top.place_of(&[table, key]), path, message);
        top.mistakes().push(mistake.help(help));
    }
}

/// A setting that cannot be obeyed here.
struct Impossible {
    table: &'static str,
    /// Empty where it is the table as a whole.
    key: &'static str,
    message: String,
    help: String,
}

impl Impossible {
    fn new(table: &'static str, key: &'static str, message: String, help: impl Into<String>) -> Self {
        Self { table, key, message, help: help.into() }
    }
}

/// The files that hotset holds open at once: its connections on the topology that takes most of them, and its own.
fn files(scenario: &Scenario) -> u64 {
    let workload = &scenario.workload;
    let has_relays = scenario.faults.iter().any(|fault| fault.nature().part == Part::Link);
    let of_topology = |topology: &ChosenTopology| {
        let shape = topology.spec.shape();
        let nodes = shape.shards.saturating_mul(shape.replicas.saturating_add(1));
        // Besides those of its operations, an instance listens, waits for replicas and looks at the layout.
        let cache = nodes
            .saturating_mul(workload.connections.get().saturating_add(2))
            .saturating_add(shape.sentinels);
        let database = match topology.spec.database() {
            DatabaseKind::Mongodb => scenario.database.connections.get().saturating_add(3),
            DatabaseKind::Embedded => 0,
        };
        let instance = cache.saturating_add(database);
        // A relay holds both ends of each.
        let ends = if has_relays { 3 } else { 1 };
        let own = nodes.saturating_mul(2);
        workload.instances.get().saturating_mul(instance).saturating_mul(ends).saturating_add(own)
    };
    scenario.topologies.iter().map(of_topology).max().unwrap_or(0).saturating_add(OWN_FILES)
}

fn beyond_open_files(scenario: &Scenario, here: u64) -> Option<Impossible> {
    let needed = files(scenario);
    if needed <= here {
        return None;
    }
    let instances = scenario.workload.instances;
    let message = format!(
        "the connections of {instances} instances take about {needed} open files, and this process may have {here}"
    );
    let help = format!(
        "give fewer connections, instances or database.connections, or {}",
        open_files::how_to_raise(needed)
    );
    Some(Impossible::new("workload", "connections", message, help))
}

fn impossible(scenario: &Scenario, here: Here) -> Vec<Impossible> {
    let mut found = here.memory.map_or_else(Vec::new, |memory| beyond_memory(scenario, memory));
    found.extend(here.disk.and_then(|disk| beyond_disk(scenario, disk)));
    found.extend(beyond_a_store(scenario));
    found.extend(beyond_patience(scenario));
    found.extend(beyond_open_files(scenario, here.open_files));
    found.extend(beyond_processors(scenario, here.processors));
    found
}

/// Each of the three that alone takes more memory than there is.
fn beyond_memory(scenario: &Scenario, memory: u64) -> Vec<Impossible> {
    let (run, size, keys) = (&scenario.run, Size::of(scenario), scenario.dataset.keys.get());
    let clients = scenario.workload.clients;
    let in_flight = scenario.workload.max_in_flight.map_or(0, NonZeroU64::get);
    let audited = if run.audit { keys } else { 0 };
    let takers = [
        (
            ("dataset", "keys"),
            format!("the audit of {keys} documents takes"),
            audited.saturating_mul(AUDIT_BYTES),
            "give fewer keys, or switch run.audit off",
        ),
        (
            ("run", "window"),
            format!("{} windows of {} take", size.windows, show_duration(run.window.0)),
            size.windows.saturating_mul(WINDOW_BYTES),
            "make run.window longer, or run.duration and run.warmup_max shorter",
        ),
        (
            ("workload", "clients"),
            format!("{clients} clients take"),
            clients.get().saturating_mul(CLIENT_BYTES),
            "give fewer clients",
        ),
        (
            ("workload", "max_in_flight"),
            format!("{in_flight} operations at once take"),
            in_flight.saturating_mul(CLIENT_BYTES),
            "give fewer",
        ),
    ];
    let too_much = takers.into_iter().filter(|(_, _, bytes, _)| *bytes > memory);
    too_much
        .map(|((table, key), what, bytes, help)| {
            let message =
                format!("{what} {} of memory, and there are {} here", rounded(bytes), rounded(memory));
            Impossible::new(table, key, message, help)
        })
        .collect()
}

/// The documents, where hotset itself stores them.
fn beyond_disk(scenario: &Scenario, free: u64) -> Option<Impossible> {
    let is_stored_here = scenario.database.url.is_none()
        && scenario.topologies.iter().any(|topology| {
            matches!(topology.spec.database(), DatabaseKind::Mongodb | DatabaseKind::Embedded)
        });
    let bytes = Size::of(scenario).documents_bytes;
    (is_stored_here && bytes > free).then(|| {
        let (keys, takes, free) = (scenario.dataset.keys, rounded(bytes), rounded(free));
        let folder = temporary::directory();
        let folder = folder.display();
        let message = format!(
            "{keys} documents take about {takes}, and {free} are free in the folder for temporary files, {folder}"
        );
        let help = "give fewer keys or smaller values, set TMPDIR to a larger disk, or name a database with database.url";
        Impossible::new("dataset", "keys", message, help)
    })
}

/// A value that is larger than the stores take.
fn beyond_a_store(scenario: &Scenario) -> Option<Impossible> {
    let has_mongodb = scenario.topologies.iter().any(|one| one.spec.database() == DatabaseKind::Mongodb);
    let of_mongodb = has_mongodb.then_some((16 << 20, "a document of MongoDB"));
    let (limit, what) = of_mongodb.unwrap_or((512 << 20, "a value of Redis"));
    let largest = scenario.dataset.value_size.largest().0;
    (largest >= limit).then(|| {
        let message = format!("{} is more than {what} may be", ByteSize(largest));
        Impossible::new("dataset", "value_size", message, format!("stay below {}", rounded(limit)))
    })
}

/// Times that are too short to be measured, or too long to be waited for.
fn beyond_patience(scenario: &Scenario) -> Vec<Impossible> {
    let run = &scenario.run;
    let mut found = Vec::new();
    if run.window.0 < SHORTEST_WINDOW {
        let message = format!("{} is too short for a window", show_duration(run.window.0));
        let help = format!("give {} or more", show_duration(SHORTEST_WINDOW));
        found.push(Impossible::new("run", "window", message, help));
    }
    let measured = match says_load(scenario) {
        Some(SaysLoad::Phases) => ("phase", ""),
        Some(SaysLoad::Staircase) => ("staircase", "duration"),
        Some(SaysLoad::Search) | None => ("run", "duration"),
    };
    for ((table, key), duration) in [(measured, run.duration.0), (("run", "warmup_max"), run.warmup_max.0)] {
        if duration > LONGEST_CELL {
            let message = format!("{} is longer than a year", show_duration(duration));
            found.push(Impossible::new(table, key, message, "give less"));
        }
    }
    found
}

/// What says the load of a scenario in place of `workload.rate_per_second`: what is wrong with it is told where it was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum SaysLoad {
    Phases,
    Staircase,
    Search,
}

fn says_load(scenario: &Scenario) -> Option<SaysLoad> {
    let is_step = |phase: &LoadPhase| phase.part == Some(StaircasePart::Step);
    match scenario.phases.first() {
        Some(first) if is_step(first) => Some(SaysLoad::Staircase),
        Some(_) => Some(SaysLoad::Phases),
        None => scenario.search.as_ref().map(|_| SaysLoad::Search),
    }
}

/// A rate that no program on this machine could offer.
fn beyond_processors(scenario: &Scenario, processors: u64) -> Option<Impossible> {
    let most = MOST_PER_PROCESSOR * processors as f64;
    let rate = scenario.workload.rate_per_second?.0;
    let of_phases = scenario.phases.iter().map(LoadPhase::highest).fold(0.0, f64::max);
    let (table, key) = match says_load(scenario) {
        Some(SaysLoad::Phases) if of_phases >= rate => ("phase", ""),
        Some(SaysLoad::Staircase) => ("staircase", "to_per_second"),
        Some(SaysLoad::Search) => ("search", "from_per_second"),
        Some(SaysLoad::Phases) | None => ("workload", "rate_per_second"),
    };
    let rate = rate.max(of_phases);
    (rate > most).then(|| {
        let message = format!("{rate} operations a second are more than {processors} processors can issue");
        let help = format!("give {most} or less; 100000 is already much for one machine");
        Impossible::new(table, key, message, help)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::plan::{Plan, PlanError, PlanOptions};

    const HERE: Here = Here { memory: Some(8 << 30), disk: Some(100 << 30), processors: 4, open_files: 1024 };

    fn mistakes(text: &str) -> Vec<String> {
        mistakes_on("\"embedded\"", text)
    }

    fn mistakes_on(topology: &str, text: &str) -> Vec<String> {
        let text = format!("strategies = [\"cache-aside\"]\ntopologies = [{topology}]\n{text}");
        match Plan::parse("test", "test.toml", &text, &PlanOptions::default()) {
            Ok(_) => Vec::new(),
            Err(PlanError::Invalid(invalid)) => {
                let mistakes = invalid.mistakes.into_iter();
                mistakes.map(|mistake| format!("{}: {}", mistake.key, mistake.message)).collect()
            }
            Err(other) => panic!("{other}"),
        }
    }

    #[test]
    fn what_never_ends_or_cannot_be_held_is_refused_at_its_key() {
        for (text, key) in [
            ("[dataset]\nkeys = 10_000_000_000_000", "dataset.keys"),
            ("[dataset]\nvalue_size = \"600MiB\"", "dataset.value_size"),
            ("[workload]\nrate_per_second = 1e12", "workload.rate_per_second"),
            ("[workload]\nrate_per_second = inf", "workload.rate_per_second"),
            ("[search]\nfrom_per_second = 1e12", "search.from_per_second"),
            ("[staircase]\nfrom_per_second = 5\nto_per_second = 1e12", "staircase.to_per_second"),
            ("[[phase]]\nduration = \"400d\"\nrate_per_second = 5", "phase"),
            ("[workload]\nclients = 1_000_000_000_000", "workload.clients"),
            ("[workload]\nrate_per_second = 9\nmax_in_flight = 1_000_000_000_000", "workload.max_in_flight"),
            ("[run]\nwindow = \"1us\"", "run.window"),
            ("[run]\nwindow = \"1ms\"\nduration = \"360d\"", "run.window"),
            ("[run]\nwindow = \"1us\"\nduration = \"1d\"", "run.window"),
            ("[run]\nduration = \"400d\"", "run.duration"),
            ("[run]\nwarmup_max = \"400d\"", "run.warmup_max"),
            ("[run]\nduration = \"18446744073709551615s\"", "run.duration"),
            ("[run]\nrepeats = 1_000_000_000_000", "run.repeats"),
        ] {
            let mistakes = mistakes(text);
            assert!(mistakes.iter().any(|mistake| mistake.starts_with(key)), "{text}: {mistakes:?}");
        }
        let lists: String = ["a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k", "l"]
            .map(|key| format!("{key} = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]\n"))
            .concat();
        let many = mistakes(&format!("[sweep]\n{lists}"));
        assert!(many.len() == 1 && many[0].contains("1000000000000 runs"), "{many:?}");
        assert_eq!(mistakes("[run]\nwindow = \"100ms\"\nduration = \"1d\""), Vec::<String>::new());
    }

    #[test]
    fn servers_without_number_are_refused_for_their_connections() {
        for topology in [
            "{ name = \"cluster\", primaries = 9223372036854775807 }",
            "{ name = \"single\", replicas = 9223372036854775807 }",
        ] {
            let mistakes = mistakes_on(topology, "[workload]\ninstances = 3");
            assert!(
                mistakes.iter().any(|mistake| mistake.starts_with("workload.connections")),
                "{topology}: {mistakes:?}"
            );
        }
    }

    #[test]
    fn what_a_trace_takes_is_said_and_where_it_is() {
        let takes = |file_bytes| {
            let takes = TraceTakes { operations: 9_000_000, keys: 70, memory_bytes: 17 << 20, file_bytes };
            takes.to_string()
        };
        let held = "The trace's 9000000 operations on 70 keys are held in memory, and take 17 MiB of it.";
        assert_eq!(takes(0), held);
        let file = "are read ahead from a temporary file of 34 MiB, and take up to 17 MiB of memory.";
        assert!(takes(34 << 20).ends_with(file));
    }

    #[test]
    fn what_a_run_takes_is_said_and_held_against_what_there_is() {
        let text = "strategies = [\"cache-aside\"]\ntopologies = [\"embedded\"]\n[run]\nduration = \"50s\"\nwarmup_max = \"50s\"";
        let plan = Plan::parse("test", "test.toml", text, &PlanOptions::default()).unwrap();
        let size = Size::of(&plan.scenario);
        assert_eq!((size.documents_bytes, size.windows), (60_000_000, 100));
        assert!(size.to_string().contains("take about 57 MiB"), "{size}");
        assert!(impossible(&plan.scenario, HERE).is_empty());
        let small = impossible(
            &plan.scenario,
            Here { memory: Some(1 << 20), disk: Some(1 << 20), processors: 4, open_files: 1024 },
        );
        let keys: Vec<_> = small.iter().map(|one| format!("{}.{}", one.table, one.key)).collect();
        assert_eq!(keys, ["dataset.keys", "dataset.keys"]);
        let unknown = Here { memory: None, disk: None, processors: 1, open_files: u64::MAX };
        assert!(impossible(&plan.scenario, unknown).is_empty());
    }
}
