//! What can be named in a scenario is named well, is listed, and is used by an example.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use hotset::load::workload::keys;
use hotset::report::charts;
use hotset::run::fault;
use hotset::run::plan::{Plan, PlanOptions};
use hotset::scenario::SettingDoc;
use hotset::strategy::Staleness;
use hotset::{strategy, topology};

/// A row of any registry.
struct Row {
    registry: &'static str,
    name: &'static str,
    summary: &'static str,
    settings: Vec<SettingDoc>,
}

fn rows() -> Vec<Row> {
    let row = |registry, name, summary, settings| Row { registry, name, summary, settings };
    let strategies = strategy::REGISTRY.iter().map(|r| row("strategies", r.name, r.summary, (r.docs)()));
    let topologies = topology::REGISTRY.iter().map(|r| row("topologies", r.name, r.summary, (r.docs)()));
    let distributions = keys::REGISTRY.iter().map(|r| row("distributions", r.name, r.summary, (r.docs)()));
    let charts = charts::REGISTRY.iter().map(|r| (r.name, r.summary));
    let charts = charts.chain(charts::RUN_REGISTRY.iter().map(|r| (r.name, r.summary)));
    let charts = charts.map(|(name, summary)| row("charts", name, summary, Vec::new()));
    let faults = fault::REGISTRY.iter().map(|r| row("faults", r.name, r.summary, (r.docs)()));
    strategies.chain(topologies).chain(distributions).chain(faults).chain(charts).collect()
}

fn is_kebab(name: &str) -> bool {
    name.split('-')
        .all(|word| !word.is_empty() && word.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit()))
}

fn scenarios() -> Vec<PathBuf> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios");
    let files = std::fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path());
    files.filter(|path| path.extension().is_some_and(|extension| extension == "toml")).collect()
}

#[test]
fn every_registry_has_rows_under_unique_names_in_kebab_case() {
    let mut seen = BTreeSet::new();
    for row in rows() {
        assert!(is_kebab(row.name), "{}: {} is not kebab-case", row.registry, row.name);
        assert!(seen.insert((row.registry, row.name)), "{}: {} is there twice", row.registry, row.name);
    }
    let registries: BTreeSet<_> = seen.iter().map(|(registry, _)| *registry).collect();
    assert_eq!(registries.len(), 5);
}

#[test]
fn every_row_says_in_one_line_what_it_is() {
    for row in rows() {
        let summary = row.summary;
        let is_line = !summary.trim().is_empty() && summary.trim() == summary && !summary.contains('\n');
        assert!(is_line, "{}: {}: {summary:?}", row.registry, row.name);
    }
}

#[test]
fn every_setting_has_one_name_a_default_and_a_meaning() {
    for row in rows() {
        let mut keys = BTreeSet::new();
        for setting in row.settings {
            let said = format!("{}: {}: {}", row.registry, row.name, setting.key);
            let is_snake = setting.key.split('_').all(is_kebab) && !setting.key.contains('-');
            assert!(is_snake && keys.insert(setting.key), "{said}");
            assert!(!setting.meaning.trim().is_empty() && !setting.default.trim().is_empty(), "{said}");
            assert!(!setting.meaning.contains('\n'), "{said}");
        }
    }
}

#[test]
fn every_row_is_listed_with_its_summary_and_its_settings() {
    let listed = hotset::commands::catalog::list(None);
    for row in rows() {
        let entry = format!("\n  {}\n      {}\n", row.name, row.summary);
        assert!(listed.contains(&entry), "{}: {} is not listed", row.registry, row.name);
        for setting in row.settings {
            let entry =
                format!("      {} = {}\n          {}\n", setting.key, setting.default, setting.meaning);
            assert!(listed.contains(&entry), "{}: {}: {}", row.registry, row.name, setting.key);
        }
    }
}

#[test]
fn every_scenario_is_valid_and_every_strategy_and_topology_is_in_one() {
    let (mut strategies, mut topologies) = (BTreeSet::new(), BTreeSet::new());
    let scenarios = scenarios();
    assert!(!scenarios.is_empty());
    for path in scenarios {
        let plan = match Plan::read(&path, &PlanOptions::default()) {
            Ok(plan) => plan,
            Err(error) => panic!("{}: {error:?}", path.display()),
        };
        for cell in &plan.cells {
            strategies.insert(cell.strategy.spec.name());
            topologies.insert(cell.topology.spec.name());
        }
    }
    assert_eq!(strategies, strategy::REGISTRY.iter().map(|row| row.name).collect());
    assert_eq!(topologies, topology::REGISTRY.iter().map(|row| row.name).collect());
}

#[test]
fn both_applications_are_shown_under_every_strategy_with_bounds_that_their_cells_could_see_broken() {
    let behind = "application.strategies.page=\"read-through\"".to_owned();
    for (name, set) in [
        ("ecommerce-everywhere", vec![]),
        ("ecommerce-everywhere", vec![behind]),
        ("sessions-everywhere", vec![]),
    ] {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("scenarios/{name}.toml"));
        let plan = Plan::read(&path, &PlanOptions { set, ..PlanOptions::default() }).unwrap();
        let chosen: BTreeSet<_> = plan.scenario.strategies.iter().map(|one| one.spec.name()).collect();
        assert_eq!(chosen, strategy::REGISTRY.iter().map(|row| row.name).collect(), "{name}");
        for cell in &plan.cells {
            for guarantee in cell.guarantees() {
                let is_testable = match guarantee.staleness {
                    Staleness::None => true,
                    Staleness::Within(bound) => bound < plan.scenario.run.duration.0,
                    Staleness::UntilEvicted => false,
                };
                assert!(is_testable, "{name}: {}: {guarantee}", cell.id);
            }
        }
    }
}
