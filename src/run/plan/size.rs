//! What a run takes, and whether this machine has it: a scenario that could never end, or not be held, is refused
//! before anything is started.

use std::num::NonZeroUsize;
use std::time::Duration;

use super::chosen::ChosenTopology;
use super::scenario::Scenario;
use crate::base::units::{ByteSize, show_duration};
use crate::base::{memory, open_files};
use crate::run::fault::Part;
use crate::scenario::{Mistake, Reader};
use crate::topology::settings::DatabaseKind;

/// What the audit keeps of a document.
const AUDIT_BYTES: u64 = 64;
/// What a database keeps beside a document: its id, its index and free room.
const DOCUMENT_OVERHEAD_BYTES: u64 = 100;
/// What is kept of a window until its cell has ended: a row of `timeseries.csv` and its part of the interval log.
const WINDOW_BYTES: u64 = 2048;
/// What a client takes: its task, its view of the audit and what it waits for.
const CLIENT_BYTES: u64 = 16 << 10;
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

/// What there is.
#[derive(Debug, Clone, Copy)]
struct Here {
    memory: Option<u64>,
    disk: Option<u64>,
    processors: u64,
    open_files: u64,
}

impl Here {
    fn now() -> Self {
        let disk = rustix::fs::statvfs(std::env::temp_dir()).ok();
        Self {
            memory: memory::total_bytes(),
            disk: disk.map(|disk| disk.f_bavail.saturating_mul(disk.f_frsize)),
            processors: std::thread::available_parallelism().map_or(1, NonZeroUsize::get) as u64,
            open_files: open_files::limit(),
        }
    }
}

/// What one cell of a scenario takes at the most.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Size {
    /// The documents, as the database holds them.
    pub documents_bytes: u64,
    /// The rows of `timeseries.csv`.
    pub windows: u64,
    /// The memory of hotset: for the audit, the windows and the clients.
    pub memory_bytes: u64,
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
        Self {
            documents_bytes: keys.saturating_mul(document),
            windows,
            memory_bytes: audit.saturating_add(windows.saturating_mul(WINDOW_BYTES)).saturating_add(clients),
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
        )
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
    for (table, key, message, help) in impossible(scenario, Here::now()) {
        let mistake = Mistake::new(top.place_of(&[table, key]), format!("{table}.{key}"), message);
        top.mistakes().push(mistake.help(help));
    }
}

type Impossible = (&'static str, &'static str, String, String);

/// The files that hotset holds open at once: its connections on the topology that takes most of them, and its own.
fn files(scenario: &Scenario) -> u64 {
    let workload = &scenario.workload;
    let has_relays = scenario.faults.iter().any(|fault| fault.nature().part == Part::Link);
    let of_topology = |topology: &ChosenTopology| {
        let shape = topology.spec.shape();
        let nodes = shape.shards.saturating_mul(1 + shape.replicas);
        // Besides those of its operations, an instance listens, waits for replicas and looks at the layout.
        let cache = nodes
            .saturating_mul(workload.connections.get().saturating_add(2))
            .saturating_add(shape.sentinels);
        let database = match topology.spec.database() {
            DatabaseKind::Mongodb => scenario.database.connections.get() + 3,
            DatabaseKind::Embedded => 0,
        };
        let instance = cache.saturating_add(database);
        // A relay holds both ends of each.
        let ends = if has_relays { 3 } else { 1 };
        workload.instances.get().saturating_mul(instance).saturating_mul(ends).saturating_add(nodes * 2)
    };
    scenario.topologies.iter().map(of_topology).max().unwrap_or(0).saturating_add(OWN_FILES)
}

fn impossible(scenario: &Scenario, here: Here) -> Vec<Impossible> {
    let mut found: Vec<Impossible> = Vec::new();
    let mut wrong = |table, key, message: String, help: String| found.push((table, key, message, help));
    let (run, workload, size) = (&scenario.run, &scenario.workload, Size::of(scenario));
    let is_managed = |kind: DatabaseKind| {
        scenario.topologies.iter().any(|topology| topology.spec.database() == kind)
            && scenario.database.url.is_none()
    };
    let keys = scenario.dataset.keys.get();
    if let Some(memory) = here.memory {
        let mut too_much = |table, key, what: &str, bytes: u64, help: &str| {
            if bytes > memory {
                let message =
                    format!("{what} {} of memory, and there are {} here", rounded(bytes), rounded(memory));
                wrong(table, key, message, help.to_owned());
            }
        };
        if run.audit {
            let what = format!("the audit of {keys} documents takes");
            let help = "give fewer keys, or switch run.audit off";
            too_much("dataset", "keys", &what, keys.saturating_mul(AUDIT_BYTES), help);
        }
        let what = format!("{} windows of {} take", size.windows, show_duration(run.window.0));
        let help = "make run.window longer, or run.duration and run.warmup_max shorter";
        too_much("run", "window", &what, size.windows.saturating_mul(WINDOW_BYTES), help);
        let what = format!("{} clients take", workload.clients);
        let bytes = workload.clients.get().saturating_mul(CLIENT_BYTES);
        too_much("workload", "clients", &what, bytes, "give fewer clients");
    }
    let disk = here.disk.filter(|disk| size.documents_bytes > *disk);
    if let Some(disk) =
        disk.filter(|_| is_managed(DatabaseKind::Mongodb) || is_managed(DatabaseKind::Embedded))
    {
        let (takes, free) = (rounded(size.documents_bytes), rounded(disk));
        let message = format!(
            "{keys} documents take about {takes}, and {free} are free in the folder for temporary files"
        );
        let help = "give fewer keys or smaller values, set TMPDIR to a larger disk, or name a database with database.url";
        wrong("dataset", "keys", message, help.into());
    }
    let largest = scenario.dataset.value_size.largest().0;
    for (limit, what) in [(16_u64 << 20, "a document of MongoDB"), (512_u64 << 20, "a value of Redis")] {
        let is_for = limit == 512 << 20
            || scenario.topologies.iter().any(|one| one.spec.database() == DatabaseKind::Mongodb);
        if is_for && largest >= limit {
            let message = format!("{} is more than {what} may be", ByteSize(largest));
            wrong("dataset", "value_size", message, format!("stay below {}", rounded(limit)));
            break;
        }
    }
    if run.window.0 < SHORTEST_WINDOW {
        let message = format!("{} is too short for a window", show_duration(run.window.0));
        wrong("run", "window", message, format!("give {} or more", show_duration(SHORTEST_WINDOW)));
    }
    for (key, duration) in [("duration", run.duration.0), ("warmup_max", run.warmup_max.0)] {
        if duration > LONGEST_CELL {
            wrong(
                "run",
                key,
                format!("{} is longer than a year", show_duration(duration)),
                "give less".into(),
            );
        }
    }
    let needed = files(scenario);
    if needed > here.open_files {
        let message = format!(
            "the connections of {} instances take about {needed} open files, and this process may have {}",
            workload.instances, here.open_files
        );
        let help = format!(
            "raise the limit (ulimit -n {needed}, or LimitNOFILE= of a service), or give fewer connections, instances or database.connections"
        );
        wrong("workload", "connections", message, help);
    }
    let most = MOST_PER_PROCESSOR * here.processors as f64;
    if let Some(rate) = workload.rate_per_second.map(|rate| rate.0).filter(|rate| *rate > most) {
        let processors = here.processors;
        let message = format!("{rate} operations a second are more than {processors} processors can issue");
        wrong(
            "workload",
            "rate_per_second",
            message,
            format!("give {most} or less; 100000 is already much for one machine"),
        );
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::plan::{Plan, PlanError, PlanOptions};

    const HERE: Here = Here { memory: Some(8 << 30), disk: Some(100 << 30), processors: 4, open_files: 1024 };

    fn mistakes(text: &str) -> Vec<String> {
        let text = format!("strategies = [\"cache-aside\"]\ntopologies = [\"embedded\"]\n{text}");
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
            ("[workload]\nclients = 1_000_000_000_000", "workload.clients"),
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
        let keys: Vec<_> = small.iter().map(|(table, key, ..)| format!("{table}.{key}")).collect();
        assert_eq!(keys, ["dataset.keys", "dataset.keys"]);
        let unknown = Here { memory: None, disk: None, processors: 1, open_files: u64::MAX };
        assert!(impossible(&plan.scenario, unknown).is_empty());
    }
}
