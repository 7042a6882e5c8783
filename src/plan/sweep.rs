//! `[sweep]`: values that take a list; the cells are the product of the lists.

use crate::scenario::{Kind, Mistake, Mistakes, Table, Value};

/// A dotted key and the values that it takes in turn.
pub type Swept = (String, Vec<Value>);

/// Takes the table out of the scenario.
pub fn take(tree: &mut Table, mistakes: &Mistakes) -> Vec<Swept> {
    let Some(entry) = tree.remove("sweep") else { return Vec::new() };
    let mut swept = Vec::new();
    collect("", &entry.value, &mut swept, mistakes);
    swept
}

fn collect(path: &str, value: &Value, swept: &mut Vec<Swept>, mistakes: &Mistakes) {
    match &value.kind {
        Kind::Table(table) => {
            for entry in &table.entries {
                let path = if path.is_empty() { entry.key.clone() } else { format!("{path}.{}", entry.key) };
                collect(&path, &entry.value, swept, mistakes);
            }
        }
        Kind::Array(values) if !values.is_empty() => swept.push((path.to_owned(), values.clone())),
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

/// Every combination of one value for each swept key; one empty combination without a sweep.
#[must_use]
pub fn combinations(swept: &[Swept]) -> Vec<Vec<(String, Value)>> {
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
