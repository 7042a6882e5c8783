//! Distributions as scenarios name them, for tests.

use super::Distribution;
use crate::scenario::{Mistakes, Reader, Table};

/// A distribution as it is read, and what is wrong with it.
pub fn read(toml: &str) -> (Distribution, Vec<String>) {
    let mistakes = Mistakes::default();
    let table = Table::parse(toml, &mistakes);
    let reader = Reader::new(&table, "workload.keys", &mistakes);
    let distribution = Distribution::read(&reader);
    reader.finish();
    let messages = mistakes.into_sorted().into_iter();
    (
        distribution,
        messages.map(|m| format!("{}: {} {}", m.key, m.message, m.help.unwrap_or_default())).collect(),
    )
}

/// The table of a distribution with its defaults, and a file of one rank where it takes a file.
pub fn written(name: &str) -> String {
    let path = if name == "file" {
        concat!("\npath = \"", env!("CARGO_MANIFEST_DIR"), "/tests/data/popularity.csv\"")
    } else {
        ""
    };
    format!("distribution = \"{name}\"{path}")
}
