//! A scenario as its tables are read: each by the room that obeys it.

use std::num::NonZeroU64;
use std::time::Duration;

use super::scenario::Scenario;
use super::settings::{CacheAtStart, DatasetSettings, RunSettings};
use super::traces::{self, Traces};
use super::{application, choice, parts, phases, search, together, told};
use crate::application::ApplicationSpec;
use crate::load::workload::{Distribution, LoadPart, WorkloadSettings};
use crate::run::fault::ScheduledFault;
use crate::scenario::{Mistakes, Positive, Reader, Settings, Table, Value, ValueKind};
use crate::topology::settings::CacheSettings;

/// Reads one combination of swept values to its end, and reports everything that is wrong with it.
pub(super) fn read_scenario(
    name: &str,
    tree: &Table,
    part: LoadPart,
    traces: &mut Traces,
    mistakes: &Mistakes,
) -> Scenario {
    let empty = Table::empty(tree.place.clone());
    let top = Reader::new(tree, "", mistakes);
    let description = top.get("description", String::new());
    let application = application::read(&top, &empty);
    let dataset_table = top.table("dataset", &empty);
    let has_sizes = dataset_table.raw("value_size").is_some();
    let mut dataset: DatasetSettings = whole(dataset_table);
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
    let has_arrivals = workload_table.raw("arrivals").is_some();
    let mut workload: WorkloadSettings = whole(workload_table);
    let cache: CacheSettings = whole(top.table("cache", &empty));
    let database = whole(top.table("database", &empty));
    let network = whole(top.table("network", &empty));
    let cost = whole(top.table("cost", &empty));
    let run_table = top.table("run", &empty);
    let pin = whole(run_table.table("pin", &empty));
    let has_duration = run_table.raw("duration").is_some();
    let mut run = read_run(run_table);
    let beside = phases::Beside {
        workload: &workload,
        run: &run,
        has_duration,
        documents: dataset.keys.get(),
        distribution: &distribution,
        application: &application.spec,
    };
    let phases::LoadOverTime { phases, duration, rate, tables } = phases::read(&top, &beside, &empty);
    let mut load_tables = tables;
    let written_rate = workload.rate_per_second;
    let search = search::read(&top, &empty, written_rate.is_some(), !phases.is_empty());
    load_tables.extend(search.as_ref().map(|search| ("[search]", search.show())));
    run.duration = duration.unwrap_or(run.duration);
    let searched = search.as_ref().and_then(|search| search.from_per_second);
    workload.rate_per_second = workload.rate_per_second.or(rate).or(searched);
    let faults = read_faults(&top, &run, workload.instances);
    let strategies = choice::strategies(&top, mistakes);
    let topologies = choice::topologies(&top, mistakes);
    together::check_pin(&pin, &top);
    let recorded = traces.read(&workload, &dataset, &top);
    dataset.value_size =
        told::sizes(&dataset, has_sizes, workload.trace.as_deref(), recorded.as_deref(), &top);
    let ttl = told::times_to_live(&cache, &workload, recorded.as_deref(), &top);
    let is_otherwise_timed = !phases.is_empty() || search.is_some() || written_rate.is_some() || has_arrivals;
    let of_trace = traces::rate(&workload, recorded.as_deref(), &run, is_otherwise_timed, &top);
    workload.rate_per_second = workload.rate_per_second.or(of_trace);
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
        cost,
        faults,
        phases,
        search,
        load_tables,
        written_rate,
        strategies,
        topologies,
        recorded,
        ttl,
        part,
    };
    together::check(&scenario, &top);
    parts::check(&scenario, &top);
    top.finish();
    scenario
}

fn read_run(reader: Reader<'_>) -> RunSettings {
    let has_warmup = reader.raw("warmup_max").is_some();
    let mut run = RunSettings::read(&reader);
    if run.cache == CacheAtStart::Cold {
        run.warmup_max = Positive(Duration::ZERO);
        if has_warmup {
            let help = "leave it out, or leave cache = \"cold\" out";
            reader.wrong("warmup_max", "means nothing to a cache that is met cold", Some(help.into()));
        }
    }
    reader.finish();
    run
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
        if fault.at.saturating_add(fault.lasts()) >= run.duration.0 {
            let help = "let at + for end before run.duration, so that the recovery is seen";
            reader.wrong("at", "the fault does not end while the cell is measured", Some(help.into()));
        }
        reader.finish();
        faults.push(fault);
    }
    faults
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use crate::run::plan::{Plan, PlanError, PlanOptions};

    #[test]
    fn a_cache_that_is_met_cold_is_not_warmed_for_any_time() {
        let plan = |run: &str| {
            let text = format!("strategies = [\"cache-aside\"]\ntopologies = [\"embedded\"]\n[run]\n{run}");
            Plan::parse("test", "test.toml", &text, &PlanOptions::default())
        };
        assert_eq!(plan("cache = \"cold\"").unwrap().scenario.run.warmup_max.0, Duration::ZERO);
        let Err(PlanError::Invalid(invalid)) = plan("cache = \"cold\"\nwarmup_max = \"5s\"") else {
            panic!("it is refused")
        };
        let keys: Vec<&str> = invalid.mistakes.iter().map(|mistake| mistake.key.as_str()).collect();
        assert_eq!(keys, ["run.warmup_max"]);
    }
}
