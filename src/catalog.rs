//! What `hotset list` prints: every registry, with the settings of each row.

use std::fmt::Write as _;

use crate::cli::Listed;
use crate::plan::settings::{DatasetSettings, PinSettings, RunSettings};
use crate::report::charts;
use crate::scenario::{SettingDoc, Settings};
use crate::topology::settings::{CacheSettings, DatabaseSettings, NetworkSettings};
use crate::workload::{WorkloadSettings, keys};
use crate::{strategy, topology};

/// One row of a list.
struct Listing {
    name: String,
    summary: String,
    settings: Vec<SettingDoc>,
}

/// The text of `hotset list`.
#[must_use]
pub fn list(what: Option<Listed>) -> String {
    let all =
        [Listed::Strategies, Listed::Topologies, Listed::Distributions, Listed::Charts, Listed::Settings];
    let wanted = match &what {
        Some(one) => std::slice::from_ref(one),
        None => &all[..],
    };
    let mut text = String::new();
    for sort in wanted {
        let (title, rows) = listings(*sort);
        // Writing to a string does not fail.
        let _ = writeln!(text, "{title}");
        for row in rows {
            let _ = writeln!(text, "\n  {}\n      {}", row.name, row.summary);
            for setting in row.settings {
                let _ = writeln!(
                    text,
                    "      {} = {}\n          {}",
                    setting.key, setting.default, setting.meaning
                );
            }
        }
        text.push('\n');
    }
    text
}

fn listings(sort: Listed) -> (&'static str, Vec<Listing>) {
    let row = |name: &str, summary: &str, settings| Listing {
        name: name.into(),
        summary: summary.into(),
        settings,
    };
    match sort {
        Listed::Strategies => (
            "strategies: how an application uses a cache in front of a database",
            strategy::REGISTRY.iter().map(|r| row(r.name, r.summary, (r.docs)())).collect(),
        ),
        Listed::Topologies => (
            "topologies: where the cache lives",
            topology::REGISTRY.iter().map(|r| row(r.name, r.summary, (r.docs)())).collect(),
        ),
        Listed::Distributions => (
            "distributions: how keys are drawn, in [workload.keys]",
            keys::REGISTRY.iter().map(|r| row(r.name, r.summary, (r.docs)())).collect(),
        ),
        Listed::Charts => (
            "charts: what is drawn of the results, as SVG and PNG",
            charts::REGISTRY.iter().map(|r| row(r.name, r.summary, Vec::new())).collect(),
        ),
        Listed::Settings => ("settings: the tables of a scenario", tables()),
    }
}

fn tables() -> Vec<Listing> {
    let table = |name: &str, summary: &str, settings| Listing {
        name: name.into(),
        summary: summary.into(),
        settings,
    };
    vec![
        table("[dataset]", "the documents in the database", DatasetSettings::docs()),
        table("[workload]", "who asks for what, and how often", WorkloadSettings::docs()),
        table("[cache]", "what every cache is given", CacheSettings::docs()),
        table("[database]", "what every database is given", DatabaseSettings::docs()),
        table("[network]", "distances that a loopback does not have", NetworkSettings::docs()),
        table("[run]", "how a cell is run, and how often", RunSettings::docs()),
        table("[run.pin]", "processors of their own", PinSettings::docs()),
        table(
            "[[fault]]",
            "what breaks while a cell is measured: at, kind (stop-cache, stop-database, flush, slow-database, crash-application), for; target (an instance) or delay where the kind has one",
            Vec::new(),
        ),
        table(
            "[sweep]",
            "dotted keys and the list of values that each takes in turn; the cells are their product",
            Vec::new(),
        ),
        table(
            "strategies, topologies",
            "names, or tables with a name, settings and a label; left out, every one there is",
            Vec::new(),
        ),
    ]
}
