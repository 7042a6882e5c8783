//! The work of `hotset record`: it writes a scenario's operations as a trace, without running anything.

use std::ffi::OsString;
use std::fs;
use std::num::NonZeroU64;
use std::path::{Path, PathBuf};

use crate::application::catalog::{self, Products};
use crate::load::trace::{self, TraceColumns, TraceError, TraceRecord, Writer};
use crate::load::workload::{MixError, Operation};
use crate::results::Phase;
use crate::run::plan::Scenario;
use crate::strategy::source::TimesToLive;

/// Operations written from one report of progress to the next.
const BETWEEN_PROGRESS: u64 = 1 << 15;

/// Why there is no trace.
#[derive(Debug, thiserror::Error)]
pub enum RecordError {
    /// The scenario's load is not one of reads and writes of keys.
    #[error(
        "a trace holds reads and writes of single keys, which the application \"{0}\" does not offer; use a scenario with application = \"catalog\""
    )]
    Application(&'static str),
    /// The load is another at other times.
    #[error(
        "a trace is recorded of a load that goes on as it is, and that of the scenario changes by [[phase]] or [staircase]; leave that out, and set the rate and the mix of one part of it in [workload]"
    )]
    Phases,
    /// Documents that are inserted or deleted, of which a trace says nothing.
    #[error(
        "a trace is recorded of documents that are there all the time, and those of the scenario come and go; leave workload.inserts, workload.deletes and dataset.loaded out"
    )]
    Lives,
    /// Reads of several documents, of which a trace tells one key a row.
    #[error(
        "a row of a trace tells of one key, and a read of the scenario asks for {0} together; leave workload.keys_per_read out"
    )]
    Batches(u64),
    /// The workload cannot be drawn.
    #[error(transparent)]
    Workload(#[from] MixError),
    /// The trace cannot be written.
    #[error(transparent)]
    Trace(#[from] TraceError),
}

/// Writes the first measured operations, the clients taking turns, to a file that [`trace::TraceReader`] reads; compressed
/// where its name ends in `.zst`. `progress` is told now and then how many have been written.
///
/// # Errors
/// Where the workload cannot be drawn or the file not be written.
pub fn record(
    scenario: &Scenario,
    operations: NonZeroU64,
    out: &Path,
    mut progress: impl FnMut(u64),
) -> Result<(), RecordError> {
    if !scenario.is_catalog() {
        return Err(RecordError::Application(scenario.application.spec.name()));
    }
    if !scenario.phases.is_empty() {
        return Err(RecordError::Phases);
    }
    if scenario.facts().population.may_lack_some() {
        return Err(RecordError::Lives);
    }
    if let Some(batching) = scenario.batching() {
        return Err(RecordError::Batches(batching.keys));
    }
    let stream = scenario.stream(Phase::Measure, scenario.run.seed)?;
    let products = scenario.products();
    // What was interrupted must not pass for a whole trace. What is no regular file cannot be put there afterwards.
    let is_special = fs::symlink_metadata(out).is_ok_and(|there| !there.is_file());
    let partial = if is_special { out.to_owned() } else { beside(out) };
    let mut writer = Writer::create(&partial, columns(scenario))?;
    for (number, operation) in (0..operations.get()).zip(stream.in_turn()) {
        writer.write(&recorded(scenario, &products, number, &operation))?;
        if number.is_multiple_of(BETWEEN_PROGRESS) {
            progress(number);
        }
    }
    writer.finish()?;
    if partial != out {
        fs::rename(&partial, out).map_err(|source| TraceError::Open { path: out.to_owned(), source })?;
    }
    progress(operations.get());
    Ok(())
}

/// A hidden name in the same folder, with the same ending.
fn beside(out: &Path) -> PathBuf {
    let mut name = OsString::from(".partial-");
    name.push(out.file_name().unwrap_or_default());
    out.with_file_name(name)
}

fn recorded(scenario: &Scenario, products: &Products, number: u64, operation: &Operation) -> TraceRecord {
    let is_read = operation.kind == catalog::READ;
    let key: Box<str> = Products::id(operation.key).as_str().into();
    TraceRecord {
        time_ms: time_ms(scenario, number),
        key_bytes: key.len() as u64,
        key,
        operation: if is_read { trace::TraceOperation::Read } else { trace::TraceOperation::Write },
        size_bytes: if operation.absent {
            0
        } else {
            products.value_size.bytes_of(products.seed, operation.key)
        },
        ttl: match columns(scenario) {
            TraceColumns::Sizes => None,
            TraceColumns::SizesAndTtls => scenario.ttl.of(&Products::id(operation.key)),
        },
    }
}

/// Times to live are recorded where each key has its own: of one for all, the scenario says enough.
fn columns(scenario: &Scenario) -> TraceColumns {
    match scenario.ttl {
        TimesToLive::Alike(_) => TraceColumns::Sizes,
        TimesToLive::OfEach(_) => TraceColumns::SizesAndTtls,
    }
}

/// When the operation is due, evenly spaced, in an open loop; a closed loop has no times before it is run.
fn time_ms(scenario: &Scenario, number: u64) -> u64 {
    let rate = scenario.workload.rate_per_second;
    rate.map_or(0, |rate| (number as f64 * 1000.0 / rate.0) as u64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::load::trace::{OnBroken, TraceReader};
    use crate::run::plan::{Plan, PlanOptions};

    #[test]
    fn a_trace_holds_the_operations_of_the_clients_in_turn() {
        let text = "[dataset]\nkeys = 50\nvalue_size = \"300B\"\n[workload]\nreads = 0.7\nabsent_share = 0.2\nclients = 3\n\
                    rate_per_second = 500.0\n";
        let plan = Plan::parse("test", "test.toml", text, &PlanOptions::default()).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("trace.csv.zst");
        let mut told = 0;
        record(&plan.scenario, NonZeroU64::new(1000).unwrap(), &path, |written| told = written).unwrap();
        assert_eq!(told, 1000);
        let records: Vec<TraceRecord> =
            TraceReader::open(&path, None, OnBroken::Refuse).unwrap().map(Result::unwrap).collect();
        let stream = plan.scenario.stream(Phase::Measure, plan.scenario.run.seed).unwrap();
        assert_eq!(records.len(), 1000);
        for (record, number) in records.iter().zip(0..) {
            let operation = stream.operation(number % 3, number / 3);
            assert_eq!(*record.key, *operation.key.to_string());
            assert_eq!(record.operation == trace::TraceOperation::Read, operation.kind == catalog::READ);
            assert_eq!(record.size_bytes, if operation.absent { 0 } else { 300 });
            assert_eq!(record.time_ms, number * 2);
        }
    }

    #[test]
    fn what_a_trace_tells_of_its_keys_is_recorded_again() {
        let folder = tempfile::tempdir().unwrap();
        let (from, to) = (folder.path().join("from.csv"), folder.path().join("to.csv"));
        let rows = "0,a,write,300,4000\n1000,b,read,700,\n2000,a,read,300,\n3000,b,read,700,\n";
        std::fs::write(&from, format!("time_ms,key,operation,size_bytes,ttl_ms\n{rows}")).unwrap();
        let text = format!(
            "[dataset]\nkeys = 2\n[workload]\ntrace = {:?}\nspeed = 2.0\nclients = 2\n[cache]\nttl = \"trace\"\n",
            from.display().to_string()
        );
        let plan = Plan::parse("test", "test.toml", &text, &PlanOptions::default()).unwrap();
        record(&plan.scenario, NonZeroU64::new(2).unwrap(), &to, |_| {}).unwrap();
        let records = TraceReader::open(&to, None, OnBroken::Refuse).unwrap().map(Result::unwrap);
        let told: Vec<_> = records.map(|record| (record.size_bytes, record.ttl)).collect();
        assert_eq!(told, [(300, Some(std::time::Duration::from_secs(2))), (700, None)], "at its speed");
    }
}
