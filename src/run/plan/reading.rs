//! A scenario as its tables are read: each by the room that obeys it.

use std::num::NonZeroU64;
use std::time::Duration;

use super::cost::CostSettings;
use super::scenario::Scenario;
use super::settings::{CacheAtStart, DatasetSettings, PinSettings, RunSettings};
use super::traces::{self, Traces};
use super::{application, choice, parts, phases, search, together, told};
use crate::application::ApplicationSpec;
use crate::load::workload::{Distribution, LoadPart, Recording, WorkloadSettings};
use crate::run::fault::ScheduledFault;
use crate::scenario::{Mistakes, Positive, Reader, Settings, Table, Value, ValueKind};
use crate::strategy::source::TimesToLive;
use crate::topology::settings::{CacheSettings, DatabaseSettings, NetworkSettings};

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
    let mut tables = Tables::read(&top, &empty, &application.spec);
    let over_time = phases::read(&top, &tables.beside(&application.spec), &empty);
    let written_rate = tables.workload.rate_per_second;
    let search = search::read(&top, &empty, written_rate.is_some(), !over_time.phases.is_empty());
    let mut load_tables = over_time.tables;
    load_tables.extend(search.as_ref().map(|search| ("[search]", search.show())));
    tables.run.duration = over_time.duration.unwrap_or(tables.run.duration);
    let searched = search.as_ref().and_then(|search| search.from_per_second);
    tables.workload.rate_per_second = written_rate.or(over_time.rate).or(searched);
    let faults = read_faults(&top, &tables.run, tables.workload.instances);
    let strategies = choice::strategies(&top, mistakes);
    let topologies = choice::topologies(&top, mistakes);
    together::check_pin(&tables.pin, &top);
    let recorded = traces.read(&tables.workload, &tables.dataset, &top);
    let is_otherwise_timed =
        !over_time.phases.is_empty() || search.is_some() || written_rate.is_some() || tables.written.arrivals;
    let ttl = tables.follow(recorded.as_deref(), is_otherwise_timed, &top);
    let Tables { dataset, workload, distribution, cache, database, network, cost, run, pin, .. } = tables;
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
        phases: over_time.phases,
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

/// The tables of which a scenario has one each.
struct Tables {
    dataset: DatasetSettings,
    workload: WorkloadSettings,
    distribution: Distribution,
    cache: CacheSettings,
    database: DatabaseSettings,
    network: NetworkSettings,
    cost: CostSettings,
    run: RunSettings,
    pin: PinSettings,
    written: Written,
}

/// Which settings were written that say something else where they are left out.
struct Written {
    value_size: bool,
    arrivals: bool,
    duration: bool,
}

impl Tables {
    fn read(top: &Reader<'_>, empty: &Table, application: &ApplicationSpec) -> Self {
        let dataset = top.table("dataset", empty);
        let workload = top.table("workload", empty);
        let run = top.table("run", empty);
        refuse_what_the_mix_says(&workload, application);
        Self {
            written: Written {
                value_size: dataset.raw("value_size").is_some(),
                arrivals: workload.raw("arrivals").is_some(),
                duration: run.raw("duration").is_some(),
            },
            dataset: whole(dataset),
            distribution: read_keys(&workload, empty),
            workload: whole(workload),
            cache: whole(top.table("cache", empty)),
            database: whole(top.table("database", empty)),
            network: whole(top.table("network", empty)),
            cost: whole(top.table("cost", empty)),
            pin: whole(run.table("pin", empty)),
            run: read_run(run),
        }
    }

    /// What phases are read beside.
    fn beside<'a>(&'a self, application: &'a ApplicationSpec) -> phases::Beside<'a> {
        phases::Beside {
            workload: &self.workload,
            run: &self.run,
            has_duration: self.written.duration,
            documents: self.dataset.keys.get(),
            distribution: &self.distribution,
            application,
        }
    }

    /// Takes from a trace what is left to it: sizes, and the rate where nothing else gives one. Returns the times
    /// to live of entries.
    fn follow(
        &mut self,
        recorded: Option<&Recording>,
        is_otherwise_timed: bool,
        top: &Reader<'_>,
    ) -> TimesToLive {
        let Self { dataset, workload, cache, run, written, .. } = self;
        dataset.value_size =
            told::sizes(dataset, written.value_size, workload.trace.as_deref(), recorded, top);
        let ttl = told::times_to_live(cache, workload, recorded, top);
        let of_trace = traces::rate(workload, recorded, run, is_otherwise_timed, top);
        workload.rate_per_second = workload.rate_per_second.or(of_trace);
        ttl
    }
}

/// The shares of an application's operations stand in its mix, and those of reads nowhere else.
fn refuse_what_the_mix_says(workload: &Reader<'_>, application: &ApplicationSpec) {
    if matches!(application, ApplicationSpec::Catalog(_)) {
        return;
    }
    let operations: Vec<&str> = application.operations().iter().map(|kind| kind.name).collect();
    for key in ["reads", "absent_share"] {
        if workload.raw(key).is_some() {
            let message = format!("means nothing to {}", application.name());
            let help = format!(
                "leave it out, and write the shares of {} in [application.mix]",
                operations.join(", ")
            );
            workload.wrong(key, message, Some(help));
        }
    }
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
