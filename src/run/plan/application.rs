//! `application` or `[application]`: which application the load is that of, with its settings, the shares of its
//! operations and the strategies of its kinds of entity.

use super::choice;
use super::chosen::ChosenApplication;
use crate::application::{self, ApplicationSpec, DatasetParameters, OperationKind, Served};
use crate::scenario::{Mistake, Reader, Table, Value, ValueKind, suggest};

/// The shares of a mix may miss 1 by so much: what is written with a few digits is meant.
const ROUNDING: f64 = 1e-6;

/// Reads it.
pub fn read(top: &Reader<'_>, empty: &Table) -> ChosenApplication {
    let (name, table) = match top.raw("application") {
        None => ("catalog".to_owned(), empty),
        Some(Value { kind: ValueKind::String(name), .. }) => (name.clone(), empty),
        Some(Value { kind: ValueKind::Table(table), place }) => {
            if let Some(Value { kind: ValueKind::String(name), .. }) = table.get("name") {
                (name.clone(), table)
            } else {
                let mistake = Mistake::new(place.clone(), "application", "has no name");
                top.mistakes()
                    .push(mistake.help(format!("write name = \"…\"; there are: {}", names().join(", "))));
                return chosen(ApplicationSpec::default());
            }
        }
        Some(other) => {
            let help = "write application = \"ecommerce\", or a table [application] with a name";
            top.wrong("application", format!("{} is no name", other.describe()), Some(help.into()));
            return chosen(ApplicationSpec::default());
        }
    };
    let reader = Reader::new(table, "application", top.mistakes());
    let _ = reader.raw("name");
    let Some(row) = application::REGISTRY.iter().find(|row| row.name == name) else {
        let help = suggest(&name, &names());
        let key = if table.get("name").is_some() { &reader } else { top };
        let at = if table.get("name").is_some() { "name" } else { "application" };
        key.wrong(at, format!("there is no \"{name}\""), Some(help));
        return chosen(ApplicationSpec::default());
    };
    let mut chosen = chosen((row.read)(&reader));
    if !matches!(chosen.spec, ApplicationSpec::Catalog(_)) {
        chosen.mix = Some(read_mix(&reader, empty, chosen.spec.operations()));
    }
    read_strategies(&reader, empty, &mut chosen);
    reader.finish();
    chosen
}

fn names() -> Vec<&'static str> {
    application::REGISTRY.iter().map(|row| row.name).collect()
}

fn chosen(spec: ApplicationSpec) -> ChosenApplication {
    let strategies = spec.entities().iter().map(|_| None).collect();
    ChosenApplication { spec, mix: None, strategies }
}

/// `[application.mix]`: a share for each operation that occurs; left out, the application's own.
fn read_mix(reader: &Reader<'_>, empty: &Table, operations: &[OperationKind]) -> Vec<f64> {
    let usual: Vec<f64> = operations.iter().map(|kind| kind.share).collect();
    if reader.raw("mix").is_none() {
        return usual;
    }
    let table = reader.table("mix", empty);
    let shares: Vec<f64> =
        operations.iter().map(|kind| table.get(kind.name, crate::base::units::Share::NONE).get()).collect();
    let sum: f64 = shares.iter().sum();
    if (sum - 1.0).abs() > ROUNDING {
        let message = format!("the shares add up to {}, not to 1", (sum * 1e6).round() / 1e6);
        let help = "change one of them; an operation that is not named does not occur";
        reader.wrong("mix", message, Some(help.into()));
    }
    table.finish();
    shares
}

/// `[application.strategies]`: a name, or a table with a name and settings, for each kind of entity that is not to be
/// served by the cell's strategy.
fn read_strategies(reader: &Reader<'_>, empty: &Table, chosen: &mut ChosenApplication) {
    let table = reader.table("strategies", empty);
    for (number, entity) in chosen.spec.entities().iter().enumerate() {
        let Some(value) = table.raw(entity.name) else { continue };
        if entity.served == Served::InTheCache {
            let help = "leave it out";
            table.wrong(
                entity.name,
                "lives in the cache itself, so that no strategy serves it",
                Some(help.into()),
            );
            continue;
        }
        let path = table.path_of(entity.name);
        let spec = choice::strategy(&path, value, reader.mistakes(), empty);
        let writes_first = spec.as_ref().is_some_and(|spec| spec.promise().needs().no_eviction_of_dirty);
        if entity.served == Served::ByReading && writes_first {
            let message = format!(
                "a {} is only ever read: nobody writes it, so that there is nothing to write behind",
                entity.name
            );
            table.wrong(
                entity.name,
                message,
                Some("name a strategy that fills on a read, such as \"read-through\"".into()),
            );
        }
        chosen.strategies[number] = spec;
    }
    table.finish();
}

/// Reports what is wrong with the application and the dataset together.
pub fn check(chosen: &ChosenApplication, facts: &DatasetParameters, top: &Reader<'_>) {
    for (key, message, help) in chosen.spec.mistakes(facts) {
        let place = top.place_of(&key.split('.').collect::<Vec<_>>());
        top.mistakes().push(Mistake::new(place, key, message).help(help));
    }
}

#[cfg(test)]
mod tests {
    use crate::run::plan::{Plan, PlanError, PlanOptions};

    const SHOP: &str = "topologies = [\"embedded\"]\nstrategies = [\"cache-aside\", \"cache-behind\"]\n";

    fn mistakes(text: &str) -> Vec<(String, String)> {
        match Plan::parse("test", "test.toml", &format!("{SHOP}{text}"), &PlanOptions::default()) {
            Err(PlanError::Invalid(invalid)) => {
                invalid.mistakes.into_iter().map(|mistake| (mistake.key, mistake.message)).collect()
            }
            other => panic!("{other:?}"),
        }
    }

    fn plan(text: &str) -> Plan {
        Plan::parse("test", "test.toml", &format!("{SHOP}{text}"), &PlanOptions::default()).unwrap()
    }

    fn weights(plan: &Plan) -> Vec<f64> {
        let workload = &plan.scenario.workload;
        plan.scenario.application.weights(workload, workload.reads)
    }

    #[test]
    fn a_name_alone_and_a_table_with_a_name_mean_the_same() {
        let (short, long) =
            (plan("application = \"ecommerce\""), plan("[application]\nname = \"ecommerce\""));
        assert_eq!(short.scenario.application, long.scenario.application);
        assert_eq!(short.scenario.application.spec.name(), "ecommerce");
        assert_eq!(plan("").scenario.application.spec.name(), "catalog");
    }

    #[test]
    fn shares_that_do_not_add_up_are_refused_and_those_that_are_not_named_are_0() {
        let mix = "[application]\nname = \"ecommerce\"\n[application.mix]\nproduct_details = ";
        let found = mistakes(&format!("{mix}0.9"));
        assert_eq!(found, [("application.mix".into(), "the shares add up to 0.9, not to 1".into())]);
        assert_eq!(weights(&plan(&format!("{mix}1"))), [1.0, 0.0, 0.0, 0.0, 0.0]);
    }

    #[test]
    fn inserts_and_deletes_are_shares_of_the_writes_of_the_catalogue() {
        let load = "[workload]\nreads = 0.6\ninserts = 0.5\ndeletes = 0.25";
        let [reads, changes, inserts, deletes] = weights(&plan(load))[..] else { panic!() };
        for (weight, expected) in [(reads, 0.6), (changes, 0.1), (inserts, 0.2), (deletes, 0.1)] {
            assert!((weight - expected).abs() < 1e-9, "{weight} {expected}");
        }
        let words = |text: &str| plan(text).workload_in_words();
        let some = words(&format!("{load}\n[dataset]\nloaded = 0.5"));
        assert!(
            some.contains("60 % reads (of the writes 50 % insert and 25 % delete; 50 % of the documents"),
            "{some}"
        );
        assert!(!words("").contains('('), "nothing of it where there is none: {}", words(""));
        let shop = "[application]\nname = \"ecommerce\"\n";
        let both = mistakes(&format!("{shop}[dataset]\nloaded = 0.5\n[workload]\ninserts = 0.1"));
        let keys: Vec<&str> = both.iter().map(|(key, _)| key.as_str()).collect();
        assert_eq!(keys, ["dataset.loaded", "workload.inserts"]);
        let most = mistakes("[workload]\ninserts = 0.7\ndeletes = 0.4");
        assert_eq!(most[0].0, "workload.deletes");
        assert!(most[0].1.contains("more than all writes: 1.1"), "{most:?}");
        let none = mistakes("[workload]\nreads = 1.0\ndeletes = 0.4");
        assert_eq!(none[0].1, "is a share of the writes, and there are none");
    }

    #[test]
    fn a_page_that_is_written_behind_is_refused_by_name_and_left_out_by_the_cells_strategy() {
        let table = "[application]\nname = \"ecommerce\"\n[application.strategies]\npage = ";
        let found = mistakes(&format!("{table}\"write-behind\""));
        assert_eq!(found[0].0, "application.strategies.page");
        assert!(found[0].1.contains("only ever read"), "{found:?}");
        let by_cell = plan("application = \"ecommerce\"");
        let run: Vec<&str> = by_cell.cells.iter().map(|cell| cell.strategy.label.as_str()).collect();
        assert_eq!(run, ["cache-aside"]);
        assert_eq!(by_cell.left_out[0].strategy, "cache-behind");
        assert!(by_cell.left_out[0].reason.contains("page = \"read-through\""), "{:?}", by_cell.left_out);
        assert_eq!(
            plan(&format!("{table}\"read-through\"")).cells.len(),
            2,
            "with another for pages it can be run"
        );
    }

    #[test]
    fn each_kind_of_entity_has_the_strategy_that_is_named_for_it_and_else_that_of_the_cell() {
        let plan = plan(
            "[application]\nname = \"ecommerce\"\n[application.strategies]\ninventory = { name = \"cache-behind\", flush_interval = \"1s\" }\npage = \"read-through\"",
        );
        let cell = plan.cells.iter().find(|cell| cell.strategy.label == "cache-aside").unwrap();
        let names: Vec<&str> = (0..3).map(|entity| cell.strategy_of(entity).name()).collect();
        assert_eq!(names, ["cache-aside", "cache-behind", "read-through"]);
        assert!(cell.holds_back() && cell.uses_cache());
        assert_eq!(cell.guarantee_of(2), crate::strategy::Guarantee::SOUND, "prices are written at once");
        let behind = plan.cells.iter().find(|cell| cell.strategy.label == "cache-behind").unwrap();
        assert_ne!(behind.guarantee_of(2), crate::strategy::Guarantee::SOUND, "pages lag behind prices");
    }

    #[test]
    fn what_means_nothing_to_an_application_is_refused() {
        let shop = "application = \"ecommerce\"\n";
        assert_eq!(mistakes(&format!("{shop}[workload]\nreads = 0.5"))[0].0, "workload.reads");
        assert_eq!(mistakes(&format!("{shop}[workload]\nabsent_share = 0.5"))[0].0, "workload.absent_share");
        assert_eq!(mistakes("application = \"shop\"")[0].0, "application");
        assert_eq!(mistakes("application = 7")[0].0, "application");
        assert_eq!(mistakes("[application]\nper_page = [20]")[0].1, "has no name");
        let session = "[application]\nname = \"sessions\"\n[application.strategies]\nsession = \"lease\"";
        assert!(mistakes(session)[0].1.contains("lives in the cache"));
        let short = mistakes("[application]\nname = \"sessions\"\nsession_ttl = \"10ms\"");
        assert_eq!(short[0].0, "application.session_ttl");
    }
}
