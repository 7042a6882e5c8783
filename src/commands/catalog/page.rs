//! Output of `hotset list --markdown`: `docs/settings.md`, a table for each table of a scenario and each row of a registry.

use std::fmt::Write as _;

use super::{Listing, listings};
use crate::commands::cli::Listed;
use crate::scenario::SettingDoc;

const HEAD: &str = "\
# Settings

This page is generated from the program by `hotset list --markdown`; please do not edit it. [Scenarios](scenarios.md) shows how the
settings go together, and `hotset check SCENARIO` says what is wrong with a file before anything runs.

Durations and sizes are texts that end in their unit, such as `\"500ms\"` and `\"64MiB\"`. A default of *(none)* means that the setting
is off, or that hotset chooses the value, as the last column says.
";

/// The sections of the page: what is listed, its heading, and how its settings are written in a scenario.
const SECTIONS: [(Listed, &str, &str); 5] = [
    (Listed::Settings, "Tables of a scenario", "The keys of each TOML table."),
    (
        Listed::Strategies,
        "Strategies",
        "A strategy with settings is a table: `strategies = [{ name = \"lease\", on_cache_error = \"bypass\" }]`.",
    ),
    (
        Listed::Topologies,
        "Topologies",
        "A topology with settings is a table: `topologies = [{ name = \"single\", replicas = 1 }]`.",
    ),
    (
        Listed::Distributions,
        "Key distributions",
        "A distribution is named in `[workload.keys]`, or in the `keys` of a `[[phase]]`, beside its settings.",
    ),
    (
        Listed::Applications,
        "Applications",
        "An application is named in `[application]`, beside its settings.",
    ),
];

/// The text of `docs/settings.md`.
#[must_use]
pub fn settings_page() -> String {
    let mut page = HEAD.to_owned();
    for (sort, heading, how) in SECTIONS {
        let (_, rows) = listings(sort);
        let shared = shared_settings(&rows);
        // Writing to a string does not fail.
        let _ = writeln!(page, "\n## {heading}\n\n{how}");
        if !shared.is_empty() {
            let _ = writeln!(page, "\n### Settings of most {}\n\n{}", heading.to_lowercase(), table(&shared));
        }
        for row in rows {
            page += &row_section(row, &shared);
        }
    }
    page
}

/// The settings that more than half of the rows have, with the same default and meaning.
fn shared_settings(rows: &[Listing]) -> Vec<SettingDoc> {
    let mut shared: Vec<SettingDoc> = Vec::new();
    for setting in rows.iter().flat_map(|row| &row.settings) {
        let having = rows.iter().filter(|row| row.settings.contains(setting)).count();
        if having * 2 > rows.len() && !shared.contains(setting) {
            shared.push(setting.clone());
        }
    }
    shared
}

fn row_section(row: Listing, shared: &[SettingDoc]) -> String {
    let (common, own): (Vec<_>, Vec<_>) =
        row.settings.into_iter().partition(|setting| shared.contains(setting));
    let mut text = format!("\n### `{}`\n\n{}.\n", row.name, as_sentence(&row.summary));
    // Writing to a string does not fail.
    for more in row.more {
        let _ = writeln!(text, "\n{}.", as_sentence(&more));
    }
    if !own.is_empty() {
        let _ = write!(text, "\n{}", table(&own));
    }
    if !common.is_empty() {
        let keys: Vec<String> = common.iter().map(|setting| format!("`{}`", setting.key)).collect();
        let _ = writeln!(text, "\nAlso, as above: {}.", keys.join(", "));
    }
    text
}

fn table(settings: &[SettingDoc]) -> String {
    let mut text =
        String::from("| key | type | unit | default | meaning |\n| --- | --- | --- | --- | --- |\n");
    for setting in settings {
        let default = match setting.default.as_str() {
            none @ "(none)" => format!("*{none}*"),
            value => format!("`{value}`"),
        };
        let cells = [
            format!("`{}`", setting.key),
            setting.expects.clone(),
            unit(setting).to_owned(),
            default,
            setting.meaning.clone(),
        ];
        // Writing to a string does not fail.
        let _ = writeln!(text, "| {} |", cells.map(|cell| cell.replace('|', "\\|")).join(" | "));
    }
    text
}

/// The unit of the type, or that which the key itself names.
fn unit(setting: &SettingDoc) -> &'static str {
    setting.unit.unwrap_or(if setting.key.ends_with("_per_second") { "1/s" } else { "–" })
}

fn as_sentence(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}
