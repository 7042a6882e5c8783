//! Output of `hotset list`: every registry, with the settings of each row.

mod columns;
mod faults;
mod page;

use std::fmt::Write as _;

pub use columns::{columns_page, summary_schema};
pub use faults::faults_table;
pub use page::settings_page;

use crate::commands::cli::Listed;
use crate::load::workload::{PhaseSettings, StaircaseSettings, WorkloadSettings, keys};
use crate::report::charts;
use crate::results::{CRITERIA, OPERATION_CRITERIA, Unit};
use crate::run::fault;
use crate::run::plan::SearchSettings;
use crate::run::plan::cost::CostSettings;
use crate::run::plan::settings::{DatasetSettings, PinSettings, RunSettings};
use crate::scenario::{Mistakes, Reader, SettingDoc, Settings, SourceLocation, Table};
use crate::topology::settings::{CacheSettings, DatabaseSettings, NetworkSettings};
use crate::{application, strategy, topology};

/// One row of a list.
struct Listing {
    name: String,
    summary: String,
    /// Additional remarks, each in one line.
    more: Vec<String>,
    settings: Vec<SettingDoc>,
}

/// The text of `hotset list`.
#[must_use]
pub fn list(what: Option<Listed>) -> String {
    let all = [
        Listed::Applications,
        Listed::Strategies,
        Listed::Topologies,
        Listed::Distributions,
        Listed::Faults,
        Listed::Charts,
        Listed::Settings,
        Listed::Criteria,
        Listed::Columns,
    ];
    let wanted = match &what {
        Some(one) => std::slice::from_ref(one),
        None => &all[..],
    };
    let mut text = String::new();
    for sort in wanted {
        if *sort == Listed::Columns {
            text += &columns::columns_list();
            text.push('\n');
            continue;
        }
        let (title, rows) = listings(*sort);
        // Writing to a string does not fail.
        let _ = writeln!(text, "{title}");
        for row in rows {
            let _ = writeln!(text, "\n  {}\n      {}", row.name, row.summary);
            for more in row.more {
                let _ = writeln!(text, "      {more}");
            }
            for setting in row.settings {
                let _ = writeln!(
                    text,
                    "      {} = {}\n          {}",
                    setting.key, setting.default, setting.meaning
                );
            }
        }
        if *sort == Listed::Strategies {
            text += &controls();
        }
        text.push('\n');
    }
    text
}

/// The naive forms, found by how their settings describe them.
fn controls() -> String {
    let mut found: Vec<(String, Vec<&str>)> = Vec::new();
    for row in strategy::REGISTRY {
        for setting in (row.docs)() {
            for control in setting.meaning.split("control: ").skip(1) {
                let control = control.split([';', ')']).next().unwrap_or_default();
                let line = format!("{}: {control}", setting.key);
                match found.iter_mut().find(|(known, _)| *known == line) {
                    Some((_, strategies)) => strategies.push(row.name),
                    None => found.push((line, vec![row.name])),
                }
            }
        }
    }
    let mut text =
        String::from("\n  controls: naive forms, there to show that the audit sees what is broken\n");
    for (line, strategies) in found {
        // Writing to a string does not fail.
        let _ = writeln!(text, "      {line}\n          {}", strategies.join(", "));
    }
    text
}

fn listings(sort: Listed) -> (&'static str, Vec<Listing>) {
    let row = |name: &str, summary: &str, settings| Listing {
        name: name.into(),
        summary: summary.into(),
        more: Vec::new(),
        settings,
    };
    match sort {
        Listed::Applications => (
            "applications: what the load does; name one by application = \"…\", or in [application] with its settings",
            application::REGISTRY.iter().map(application).collect(),
        ),
        Listed::Strategies => (
            "strategies: how an application uses a cache in front of a database",
            strategy::REGISTRY
                .iter()
                .map(|r| Listing {
                    more: vec![format!("promises {}", r.guarantee()), format!("a batch: {}", r.batches())],
                    ..row(r.name, r.summary, (r.docs)())
                })
                .collect(),
        ),
        Listed::Topologies => (
            "topologies: where the cache lives",
            topology::REGISTRY.iter().map(|r| row(r.name, r.summary, (r.docs)())).collect(),
        ),
        Listed::Distributions => (
            "distributions: how keys are drawn, in [workload.keys] and in the keys of a [[phase]]",
            keys::REGISTRY.iter().map(|r| row(r.name, r.summary, (r.docs)())).collect(),
        ),
        Listed::Faults => (
            "faults: what breaks while a run is measured, in [[fault]] with at, kind, for and target",
            fault::REGISTRY
                .iter()
                .map(|r| Listing { more: vec![faults::particulars(r)], ..row(r.name, r.summary, (r.docs)()) })
                .collect(),
        ),
        Listed::Charts => (
            "charts: what is drawn of the results, as SVG and PNG",
            charts::RUN_REGISTRY
                .iter()
                .map(|r| (r.name, r.summary))
                .chain(charts::REGISTRY.iter().map(|r| (r.name, r.summary)))
                .map(|(name, summary)| row(name, summary, Vec::new()))
                .collect(),
        ),
        Listed::Settings => ("settings: the tables of a scenario", tables()),
        Listed::Criteria => (
            "criteria: the figures that strategies are judged by; [requirements] names them, as \"read.p99\" = \"<5ms\"",
            criteria(),
        ),
        // A column has a type and a unit and no default: it is listed in its own way.
        Listed::Columns => ("columns: what the result files hold", Vec::new()),
        Listed::Schema => ("schema: the form of summary.json", Vec::new()),
    }
}

/// The criteria of all operations, and those of one kind of an application's operations, which has them in a table of its own.
fn criteria() -> Vec<Listing> {
    let listing = |name: String, meaning: &str, unit| Listing {
        name,
        summary: meaning.into(),
        more: in_unit(unit).into_iter().collect(),
        settings: Vec::new(),
    };
    let of_all = CRITERIA.iter().map(|one| listing(one.name.into(), one.meaning, one.unit));
    let of_one = OPERATION_CRITERIA
        .iter()
        .map(|one| listing(format!("operations.NAME.{}", one.name), one.meaning, one.unit));
    of_all.chain(of_one).collect()
}

/// The unit in which the result files have a figure.
fn in_unit(unit: Unit) -> Option<String> {
    let word = unit.word();
    (!word.is_empty()).then(|| format!("unit in result files: {word}"))
}

/// An application with the operations and the kinds of entity that it has.
fn application(row: &application::ApplicationRow) -> Listing {
    let nothing = Table::empty(SourceLocation::Option(String::new()));
    let spec = (row.read)(&Reader::new(&nothing, "", &Mistakes::default()));
    let kinds = spec.operations().iter();
    let operations = if matches!(spec, application::ApplicationSpec::Catalog(_)) {
        let names: Vec<_> = kinds.map(|kind| kind.name).collect();
        format!(
            "operations, whose shares [workload] says by reads, inserts and deletes: {}",
            names.join(", ")
        )
    } else {
        let shares: Vec<_> = kinds.map(|kind| format!("{} {}", kind.name, kind.share)).collect();
        format!("operations and their usual shares, in [application.mix]: {}", shares.join(", "))
    };
    let entities: Vec<_> = spec.entities().iter().map(|entity| entity.name).collect();
    Listing {
        name: row.name.into(),
        summary: row.summary.into(),
        more: vec![format!(
            "{operations}; kinds of entity, in [application.strategies]: {}",
            entities.join(", ")
        )],
        settings: (row.docs)(),
    }
}

fn tables() -> Vec<Listing> {
    let table = |name: &str, summary: &str, settings| Listing {
        name: name.into(),
        summary: summary.into(),
        more: Vec::new(),
        settings,
    };
    let kinds: Vec<&str> = fault::REGISTRY.iter().map(|row| row.name).collect();
    let faults = format!(
        "what breaks while a run is measured: at, kind ({}), for, target; docs/faults.md has the settings of each",
        kinds.join(", ")
    );
    vec![
        table("[dataset]", "the documents in the database", DatasetSettings::docs()),
        table("[workload]", "who asks for what, and how often", WorkloadSettings::docs()),
        table("[cache]", "what every cache is given", CacheSettings::docs()),
        table("[database]", "what every database is given", DatabaseSettings::docs()),
        table("[network]", "distances that a loopback does not have", NetworkSettings::docs()),
        table("[run]", "how each strategy is run on each topology, and how often", RunSettings::docs()),
        table("[run.pin]", "processors of their own", PinSettings::docs()),
        table(
            "[cost]",
            "what is paid for; docs/scenarios.md says what is in a cost and what is not",
            CostSettings::docs(),
        ),
        table(
            "[[phase]]",
            "how the load changes while a cell is measured: phases one after another, which together last as long as it is measured",
            PhaseSettings::docs(),
        ),
        table(
            "[staircase]",
            "one rate after another, each drained before the next, in place of phases",
            StaircaseSettings::docs(),
        ),
        table(
            "[search]",
            "looks for the highest rate at which `[requirements]` hold and 99 % of what is due is answered: a run for each rate that is tried",
            SearchSettings::docs(),
        ),
        table("[[fault]]", &faults, Vec::new()),
        table(
            "[sweep]",
            "dotted keys and the list of values that each takes in turn; every combination of them is run",
            Vec::new(),
        ),
        table(
            "strategies, topologies",
            "names, or tables with a name, settings and a label; left out, every one there is",
            Vec::new(),
        ),
    ]
}
