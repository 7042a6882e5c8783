//! `strategies` and `topologies`: lists of names, or of tables with a name, settings and a label.

use std::fmt;

use super::chosen::{ChosenStrategy, ChosenTopology};
use super::scenario::Scenario;
use crate::base::shown;
use crate::run::fault::Surroundings;
use crate::scenario::{Mistake, Mistakes, Reader, SourceLocation, Table, Value, ValueKind, suggest};
use crate::strategy::{self, StrategySpec};
use crate::topology;
use crate::topology::settings::DatabaseKind;

/// A combination that makes no sense.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeftOut {
    /// The strategy's label.
    pub strategy: String,
    /// The topology's label.
    pub topology: String,
    /// Why it is not run.
    pub reason: String,
}

impl fmt::Display for LeftOut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { strategy, topology, reason } = self;
        write!(f, "{} on {}: {reason}", shown::line(strategy), shown::line(topology))
    }
}

/// One row that can be chosen by name.
struct Choosable<T> {
    name: &'static str,
    read: fn(&Reader<'_>) -> T,
}

/// Reads `strategies`; left out, every one that there is.
pub fn strategies(top: &Reader<'_>, mistakes: &Mistakes) -> Vec<ChosenStrategy> {
    let rows: Vec<_> =
        strategy::REGISTRY.iter().map(|row| Choosable { name: row.name, read: row.read }).collect();
    choose(top, "strategies", &rows, mistakes)
        .into_iter()
        .map(|(label, spec)| ChosenStrategy { label, spec })
        .collect()
}

/// Reads `topologies`; left out, every one that there is.
pub fn topologies(top: &Reader<'_>, mistakes: &Mistakes) -> Vec<ChosenTopology> {
    let rows: Vec<_> =
        topology::REGISTRY.iter().map(|row| Choosable { name: row.name, read: row.read }).collect();
    choose(top, "topologies", &rows, mistakes)
        .into_iter()
        .map(|(label, spec)| ChosenTopology { label, spec })
        .collect()
}

/// Reads one strategy: its name, or a table with a name and settings.
pub fn strategy(path: &str, value: &Value, mistakes: &Mistakes, empty: &Table) -> Option<StrategySpec> {
    let rows: Vec<_> =
        strategy::REGISTRY.iter().map(|row| Choosable { name: row.name, read: row.read }).collect();
    choose_one(path, value, &rows, mistakes, empty).map(|(_, spec)| spec)
}

fn choose<T>(
    top: &Reader<'_>,
    list: &'static str,
    rows: &[Choosable<T>],
    mistakes: &Mistakes,
) -> Vec<(String, T)> {
    let empty = Table::empty(top.place());
    let Some(value) = top.raw(list) else {
        return rows
            .iter()
            .map(|row| (row.name.to_owned(), (row.read)(&Reader::new(&empty, list, mistakes))))
            .collect();
    };
    let ValueKind::Array(items) = &value.kind else {
        top.wrong(
            list,
            format!("{} is not a list", value.describe()),
            Some(format!("write {list} = [\"…\"]")),
        );
        return Vec::new();
    };
    if items.is_empty() {
        top.wrong(list, "is empty", Some("name one, or leave the key out to take every one there is".into()));
    }
    let mut chosen: Vec<(String, T)> = Vec::new();
    for (index, item) in items.iter().enumerate() {
        let path = format!("{list}[{index}]");
        let Some((label, spec)) = choose_one(&path, item, rows, mistakes, &empty) else { continue };
        if chosen.iter().any(|(other, _)| *other == label) {
            let mistake = Mistake::new(item.place.clone(), path, format!("two are called \"{label}\""));
            mistakes.push(mistake.help("give one of them a label = \"…\" of its own"));
        }
        chosen.push((label, spec));
    }
    chosen
}

fn choose_one<T>(
    path: &str,
    item: &Value,
    rows: &[Choosable<T>],
    mistakes: &Mistakes,
    empty: &Table,
) -> Option<(String, T)> {
    let (table, name, place): (&Table, String, SourceLocation) = match &item.kind {
        ValueKind::String(name) => (empty, name.clone(), item.place.clone()),
        ValueKind::Table(table) => {
            let Some(Value { kind: ValueKind::String(name), place }) = table.get("name") else {
                let mistake = Mistake::new(item.place.clone(), path, "has no name");
                let names: Vec<_> = rows.iter().map(|row| row.name).collect();
                mistakes.push(mistake.help(format!("write name = \"…\"; there are: {}", names.join(", "))));
                return None;
            };
            (table, name.clone(), place.clone())
        }
        _ => {
            let mistake = Mistake::new(item.place.clone(), path, format!("{} is no name", item.describe()));
            mistakes.push(mistake.help("write a name in quotes, or a table with a name and settings"));
            return None;
        }
    };
    let Some(row) = rows.iter().find(|row| row.name == name) else {
        let names: Vec<_> = rows.iter().map(|row| row.name).collect();
        let mistake = Mistake::new(place, path, format!("there is no \"{name}\""));
        mistakes.push(mistake.help(suggest(&name, &names)));
        return None;
    };
    let reader = Reader::new(table, path, mistakes);
    let _ = reader.raw("name");
    let label = reader.get("label", name);
    let spec = (row.read)(&reader);
    reader.finish();
    Some((label, spec))
}

/// Why a strategy on a topology makes no sense, where it does not.
#[must_use]
pub fn incompatibility(
    scenario: &Scenario,
    strategy: &ChosenStrategy,
    topology: &ChosenTopology,
) -> Option<String> {
    let application = &scenario.application;
    if let Some(reason) = application.incompatibility(&strategy.spec) {
        return Some(reason);
    }
    let surroundings = Surroundings {
        topology: &topology.spec,
        uses_cache: application.uses_cache(&strategy.spec),
        cache: &scenario.cache,
        database: &scenario.database,
    };
    let refused = scenario.faults.iter().find_map(|fault| fault.check(&surroundings).err());
    if refused.is_some() {
        return refused;
    }
    let database = &scenario.database;
    let managed_mongodb = topology.spec.database() == DatabaseKind::Mongodb && database.url.is_none();
    let listens = application.in_use(&strategy.spec).any(|(_, spec)| spec.promise().needs().database_changes);
    if listens && managed_mongodb && !database.replica_set {
        let reason = "it listens to the database's changes, of which a MongoDB tells only as a replica set; write [database] replica_set = true";
        return Some(reason.into());
    }
    None
}

/// `--only strategy=a,topology=b`: what is run of all that the scenario names.
#[derive(Debug, Clone, Default)]
pub struct Only {
    strategies: Vec<String>,
    topologies: Vec<String>,
}

impl Only {
    /// Reads the option, which may be given several times.
    pub fn parse(options: &[String], mistakes: &Mistakes) -> Self {
        let mut only = Self::default();
        for part in options.iter().flat_map(|option| option.split(',')) {
            match part.split_once('=') {
                Some(("strategy", name)) => only.strategies.push(name.trim().to_owned()),
                Some(("topology", name)) => only.topologies.push(name.trim().to_owned()),
                _ => {
                    let place = SourceLocation::Option(format!("--only {part}"));
                    let mistake = Mistake::new(place, "", format!("\"{part}\" selects nothing"));
                    mistakes.push(mistake.help("write --only strategy=NAME,topology=NAME"));
                }
            }
        }
        only
    }

    /// Returns true if a combination is to be run.
    #[must_use]
    pub fn allows(&self, strategy: &ChosenStrategy, topology: &ChosenTopology) -> bool {
        let among = |names: &[String], label: &str, name: &str| {
            names.is_empty() || names.iter().any(|wanted| wanted == label || wanted == name)
        };
        among(&self.strategies, &strategy.label, strategy.spec.name())
            && among(&self.topologies, &topology.label, topology.spec.name())
    }

    /// Reports names that the scenario does not have.
    pub fn check(&self, scenario: &Scenario, mistakes: &Mistakes) {
        let strategies: Vec<_> =
            scenario.strategies.iter().flat_map(|s| [s.label.as_str(), s.spec.name()]).collect();
        let topologies: Vec<_> =
            scenario.topologies.iter().flat_map(|t| [t.label.as_str(), t.spec.name()]).collect();
        for (option, wanted, known) in
            [("strategy", &self.strategies, &strategies), ("topology", &self.topologies, &topologies)]
        {
            // Where the list itself is wrong, that has been said.
            let unknown = |name: &&String| !known.is_empty() && !known.contains(&name.as_str());
            for name in wanted.iter().filter(unknown) {
                let place = SourceLocation::Option(format!("--only {option}={name}"));
                let mistake = Mistake::new(place, "", format!("the scenario has no {option} \"{name}\""));
                mistakes.push(mistake.help(suggest(name, known)));
            }
        }
    }
}
