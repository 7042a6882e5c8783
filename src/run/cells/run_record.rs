//! The record of a run as it begins, and the names that tell it from others.

use crate::base::clock;
use crate::base::open_files;
use crate::results::{RunInfo, SegmentInfo, Server};
use crate::run::machine;
use crate::run::plan::{Plan, words};
use crate::run::segments::name::{RunName, SegmentOfRun};

/// The record of a run that begins now. `run` is the name of one that several processes drive.
#[must_use]
pub fn new(plan: &Plan, command: &[String], run: Option<&RunName>) -> RunInfo {
    RunInfo {
        name: plan.name.clone(),
        description: plan.scenario.description.clone(),
        workload: plan.workload_in_words(),
        warnings: warnings(plan),
        command: command.to_vec(),
        version: env!("CARGO_PKG_VERSION").into(),
        commit: machine::this_commit(),
        build: machine::this_build(),
        started_utc: clock::now_utc(),
        finished_utc: None,
        machine: machine::this_machine(),
        servers: Vec::new(),
        latency_floors: Vec::new(),
        seed: plan.scenario.run.seed,
        scenario_path: plan.path.clone(),
        scenario_digest: plan.digest.clone(),
        effective_scenario: plan.effective.clone(),
        settings: words::settings(&plan.scenario),
        requirements: plan.requirements.clone(),
        prices: plan.scenario.cost.prices(),
        stream_digests: Vec::new(),
        cells: plan.cells_in_any_case().map(|cell| cell.id.clone()).collect(),
        precision: None,
        spent_s: 0.0,
        open_file_limit: open_files::limit(),
        segment: segment_of(plan, run).map(|segment| SegmentInfo {
            run: segment.run.to_string(),
            number: segment.part.number().unwrap_or_default(),
            of: segment.part.parts().get(),
        }),
    }
}

/// The sentences that every page says of the run.
fn warnings(plan: &Plan) -> Vec<String> {
    let mut warnings = plan.warnings();
    if let Some(number) = plan.scenario.part.number() {
        let parts = plan.scenario.part.parts();
        warnings.push(format!(
            "this is segment {number} of {parts} of a load: counts and rates are those of its own part, and the cache's and the database's are of all parts; reads of documents that other segments write are not looked at for staleness here (foreign_reads); `hotset merge` puts all parts together"
        ));
    }
    warnings
}

/// The part of this process in a run that several drive; `None` where it drives all of the load.
#[must_use]
pub fn segment_of(plan: &Plan, run: Option<&RunName>) -> Option<SegmentOfRun> {
    let part = plan.scenario.part;
    part.number()?;
    let cells: Vec<&str> = plan.cells.iter().map(|cell| cell.id.as_str()).collect();
    let cells = xxhash_rust::xxh3::xxh3_64(cells.join(" ").as_bytes());
    let load = format!("{}-{cells:016x}-{}", plan.digest, env!("CARGO_PKG_VERSION"));
    Some(SegmentOfRun { part, run: run?.clone(), load })
}

/// Returns a text that tells this run's keys and database from those of others: its time and a random number.
#[must_use]
pub fn run_id(started_utc: &str) -> String {
    let time: String = started_utc.chars().filter(char::is_ascii_alphanumeric).collect();
    format!("hotset:{}{:04x}:", time.to_lowercase(), rand::random::<u16>())
}

/// Keeps the servers that took part, each once.
pub fn note_servers(info: &mut RunInfo, servers: Vec<Server>) {
    for server in servers {
        if !info.servers.contains(&server) {
            info.servers.push(server);
        }
    }
}
