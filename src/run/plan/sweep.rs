//! `[sweep]`: values that take a list; the cells are the product of the lists.

use crate::scenario::{Mistake, Mistakes, Table, Value, ValueKind};

/// A dotted key and the values that it takes in turn.
pub type SweptSetting = (String, Vec<Value>);

/// Takes the table out of the scenario.
pub fn take(tree: &mut Table, mistakes: &Mistakes) -> Vec<SweptSetting> {
    let Some(entry) = tree.remove("sweep") else { return Vec::new() };
    let mut swept = Vec::new();
    collect("", &entry.value, &mut swept, mistakes);
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

/// Every combination of one value for each swept key; one empty combination without a sweep.
#[must_use]
pub fn combinations(swept: &[SweptSetting]) -> Vec<Vec<(String, Value)>> {
    swept.iter().fold(vec![Vec::new()], |combinations, (path, values)| {
        combinations
            .iter()
            .flat_map(|so_far| {
                values.iter().map(|value| {
                    let mut with = so_far.clone();
                    with.push((path.clone(), value.clone()));
                    with
                })
            })
            .collect()
    })
}

#[cfg(test)]
mod tests {
    use crate::run::plan::{Plan, PlanOptions};

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

    #[test]
    fn the_value_that_replaces_a_list_is_the_one_that_is_run() {
        let text = "[sweep]\n\"dataset.keys\" = [5, 6]\n";
        let options = PlanOptions { set: vec!["dataset.keys=7".into()], ..PlanOptions::default() };
        let plan = Plan::parse("test", "test.toml", text, &options).unwrap();
        assert_eq!((plan.scenario.dataset.keys.get(), plan.variants.len()), (7, 1));
        assert!(!plan.effective.contains("sweep"), "{}", plan.effective);
    }
}
