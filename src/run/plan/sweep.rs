//! `[sweep]`: values that take a list; the cells are the product of the lists.

use crate::scenario::{Mistake, Mistakes, Table, Value, ValueKind};

/// A dotted key and the values that it takes in turn.
pub type SweptSetting = (String, Vec<Value>);

/// How often everything is repeated, which is one thing for all cells: their blocks are compared with one another.
const OF_THE_WHOLE_RUN: [&str; 3] = ["run.repeats", "run.until", "run.max_duration"];

/// Takes the table out of the scenario.
pub fn take(tree: &mut Table, mistakes: &Mistakes) -> Vec<SweptSetting> {
    let Some(entry) = tree.remove("sweep") else { return Vec::new() };
    let mut swept = Vec::new();
    collect("", &entry.value, &mut swept, mistakes);
    for (at, (path, values)) in swept.iter().enumerate() {
        if OF_THE_WHOLE_RUN.contains(&path.as_str()) {
            let place = values.first().map_or(entry.key_place.clone(), |value| value.place.clone());
            let mistake =
                Mistake::new(place, format!("sweep.{path}"), "is of the whole run and cannot be swept");
            mistakes
                .push(mistake.help(format!("set {path} itself, or run the scenario once with each value")));
        }
        if swept[..at].iter().any(|(other, _)| other == path) {
            let place = values.first().map_or(entry.key_place.clone(), |value| value.place.clone());
            let mistake = Mistake::new(place, format!("sweep.{path}"), "is swept twice");
            mistakes.push(mistake.help("write all of its values in one list"));
        }
    }
    swept
}

fn collect(path: &str, value: &Value, swept: &mut Vec<SweptSetting>, mistakes: &Mistakes) {
    match &value.kind {
        ValueKind::Table(table) => {
            for entry in &table.entries {
                let path = if path.is_empty() { entry.key.clone() } else { format!("{path}.{}", entry.key) };
                collect(&path, &entry.value, swept, mistakes);
            }
        }
        ValueKind::Array(values) if !values.is_empty() => swept.push((path.to_owned(), values.clone())),
        _ => {
            let mistake = Mistake::new(
                value.place.clone(),
                format!("sweep.{path}"),
                format!("{} is not a list of values", value.describe()),
            );
            mistakes.push(mistake.help("write \"workload.keys.exponent\" = [0.8, 0.99]"));
        }
    }
}

/// Takes a key out of what is swept, since it was given one value on the command line.
pub fn replace(tree: &mut Table, key: &str) {
    forget(tree, &format!("sweep.{key}"));
}

/// Removes what a path leads to, and the tables that have nothing left in them.
fn forget(table: &mut Table, path: &str) {
    table.entries.retain_mut(|entry| {
        let Some(rest) = path.strip_prefix(entry.key.as_str()) else { return true };
        match (&mut entry.value.kind, rest.strip_prefix('.')) {
            (ValueKind::Table(inner), Some(rest)) => {
                forget(inner, rest);
                !inner.entries.is_empty()
            }
            _ => !rest.is_empty(),
        }
    });
}

/// Every combination of one value for each swept key, by its place in the list; one empty combination without a sweep.
#[must_use]
pub fn combinations(swept: &[SweptSetting]) -> Vec<Vec<(&SweptSetting, usize)>> {
    swept.iter().fold(vec![Vec::new()], |combinations, one| {
        combinations
            .iter()
            .flat_map(|so_far| {
                (0..one.1.len()).map(|at| {
                    let mut with = so_far.clone();
                    with.push((one, at));
                    with
                })
            })
            .collect()
    })
}

/// The text of each swept value in the results. Values that differ have texts that differ, although quotes and secrets
/// are taken out: results of two values must not be taken for repeats of one.
#[must_use]
pub fn shown(swept: &[SweptSetting], without_secrets: impl Fn(&str) -> String) -> Vec<Vec<String>> {
    let of_key = |(_, values): &SweptSetting| {
        let mut texts: Vec<(String, &Value)> = Vec::new();
        for value in values {
            let written = match &value.kind {
                ValueKind::String(text) => text.clone(),
                ValueKind::Array(_) | ValueKind::Table(_) => value.to_toml(),
                _ => value.describe(),
            };
            // The results join the values of several keys with semicolons.
            let plain = without_secrets(&written).replace('"', "").replace(';', ",");
            let is_taken =
                |text: &str| texts.iter().any(|(taken, of)| taken == text && of.kind != value.kind);
            let numbered = (2..).map(|number| format!("{plain} ({number})"));
            let text = std::iter::once(plain.clone()).chain(numbered).find(|text| !is_taken(text));
            texts.push((text.unwrap_or_default(), value));
        }
        texts.into_iter().map(|(text, _)| text).collect()
    };
    swept.iter().map(of_key).collect()
}

#[cfg(test)]
mod tests {
    use crate::run::plan::{Plan, PlanError, PlanOptions};

    fn variants(set: &[&str]) -> Vec<String> {
        let text = "strategies = [\"cache-aside\"]\ntopologies = [\"embedded\"]\n[sweep]\n\"workload.keys.exponent\" = [0.8, 1.1]\n[sweep.cache]\ncapacity = [10, 20]\n";
        let options =
            PlanOptions { set: set.iter().map(|&set| set.into()).collect(), ..PlanOptions::default() };
        let plan = Plan::parse("test", "test.toml", text, &options).unwrap();
        let swept = |(swept, _): &crate::run::plan::Variant| {
            swept.iter().map(|(key, value)| format!("{key}={value}")).collect::<Vec<_>>().join(";")
        };
        plan.variants.iter().map(swept).collect()
    }

    #[test]
    fn a_value_of_the_command_line_replaces_the_list_that_its_key_was_swept_over() {
        assert_eq!(variants(&[]).len(), 4);
        assert_eq!(variants(&["workload.keys.exponent=1.0"]), ["cache.capacity=10", "cache.capacity=20"]);
        assert_eq!(variants(&["cache.capacity=5", "workload.keys.exponent=1.0"]), [""]);
        assert_eq!(variants(&["workload.reads=0.5"]).len(), 4);
    }

    fn plan(sweep: &str) -> Plan {
        let text = format!("strategies = [\"cache-aside\"]\ntopologies = [\"embedded\"]\n[sweep]\n{sweep}");
        Plan::parse("test", "test.toml", &text, &PlanOptions::default()).unwrap()
    }

    fn ids_and_values(sweep: &str) -> Vec<String> {
        let mut cells = plan(sweep).cells;
        cells.sort_by(|a, b| a.id.cmp(&b.id));
        let value = |cell: &crate::run::plan::Cell| {
            cell.swept.iter().map(|(_, value)| value.clone()).collect::<Vec<_>>()
        };
        cells.iter().map(|cell| format!("{} {}", cell.id, value(cell).join(";"))).collect()
    }

    #[test]
    fn equal_values_of_a_sweep_are_one_cell_however_they_are_written() {
        for same in [
            "\"run.window\" = [\"1s\", \"1000ms\", \"1s\"]",
            "\"workload.reads\" = [1, 1.0, 1.00]",
            "\"cache.capacity\" = [1_00, 100]",
            "\"dataset.keys\" = [10_000, 0x2710]\n\"workload.clients\" = [7, 7]",
        ] {
            let plan = plan(same);
            assert_eq!(
                (plan.cells.len(), plan.cells[0].id.as_str()),
                (1, "r1-cache-aside-embedded"),
                "{same}"
            );
            assert!(plan.notes()[0].contains("is not run again"), "{:?}", plan.notes());
        }
        let two = ids_and_values("\"run.window\" = [\"1s\", \"1000ms\", \"2s\"]");
        assert_eq!(two, ["r1-cache-aside-embedded-v1 1s", "r1-cache-aside-embedded-v2 2s"]);
    }

    #[test]
    fn values_that_differ_have_texts_that_differ() {
        let lists = ids_and_values("strategies = [[\"cache-aside\"], [\"no-cache\"]]");
        assert_eq!(lists, ["r1-cache-aside-embedded-v1 [cache-aside]", "r1-no-cache-embedded-v2 [no-cache]"]);
        let texts = ids_and_values("description = [\"a\", \"\\\"a\\\"\", \"a (2)\", \"b;c\"]");
        let texts: Vec<_> = texts.iter().map(|text| text.split_once(' ').unwrap().1).collect();
        assert_eq!(texts, ["a", "a (2)", "a (2) (2)", "b,c"]);
    }

    #[test]
    fn a_key_that_is_swept_twice_is_a_mistake() {
        let text = "[sweep]\n\"dataset.keys\" = [5]\n[sweep.dataset]\nkeys = [6]\n";
        let Err(PlanError::Invalid(invalid)) = Plan::parse("test", "t", text, &PlanOptions::default()) else {
            panic!("two lists for one key have no meaning")
        };
        assert!(invalid.mistakes[0].message.contains("swept twice"), "{:?}", invalid.mistakes);
    }

    #[test]
    fn the_value_that_replaces_a_list_is_the_one_that_is_run() {
        let text = "[sweep]\n\"dataset.keys\" = [5, 6]\n";
        let options = PlanOptions { set: vec!["dataset.keys=7".into()], ..PlanOptions::default() };
        let plan = Plan::parse("test", "test.toml", text, &options).unwrap();
        assert_eq!((plan.scenario.dataset.keys.get(), plan.variants.len()), (7, 1));
        assert!(!plan.effective.contains("sweep"), "{}", plan.effective);
    }
}
