//! Output of `hotset list columns`: what the result files hold, as a list, as `docs/columns.md` and as a JSON Schema.

use std::fmt::Write as _;

use crate::results::columns::{Column, FieldType, json_schema};
use crate::results::{FileGuide, SummaryRow, file_guides};

const HEAD: &str = "\
# Columns

This page is generated from the program by `hotset list columns --markdown`; please do not edit it. [Results](results.md) says which
files there are, what holds for all of them, and where the models of the predictions come from.

Every file is a CSV with a header. A field of an *optional* column is empty where there is nothing to say; that is not a zero. Behind
`repeat` (in `summary.csv`: at the end) stands one column for each swept key, by the name of the key, such as `cache.ttl`.
";

/// The text of `hotset list columns`.
#[must_use]
pub fn columns_list() -> String {
    let mut text = String::from("columns: what the result files hold\n");
    for FileGuide { name, about, columns } in file_guides() {
        // Writing to a string does not fail.
        let _ = writeln!(text, "\n  {name}\n      {about}");
        for column in columns {
            let unit = if column.unit.is_empty() { String::new() } else { format!(" in {}", column.unit) };
            let _ = writeln!(
                text,
                "      {}: {}{unit}\n          {}",
                column.name,
                kind(&column),
                column.meaning
            );
        }
    }
    text
}

/// The text of `docs/columns.md`.
#[must_use]
pub fn columns_page() -> String {
    let mut page = HEAD.to_owned();
    for FileGuide { name, about, columns } in file_guides() {
        // Writing to a string does not fail.
        let _ = write!(
            page,
            "\n## `{name}`\n\n{about}\n\n| column | type | unit | meaning |\n| --- | --- | --- | --- |\n"
        );
        for column in columns {
            let unit = if column.unit.is_empty() { "–" } else { column.unit };
            let cells = [format!("`{}`", column.name), kind(&column), unit.to_owned(), column.meaning];
            let _ = writeln!(page, "| {} |", cells.map(|cell| cell.replace('|', "\\|")).join(" | "));
        }
    }
    page
}

/// The text of `hotset list columns --json-schema`: what a row of `summary.csv` is as a JSON object.
#[must_use]
pub fn summary_schema() -> String {
    let schema = json_schema::<SummaryRow>("A finished cell of a hotset run");
    format!("{schema:#}\n")
}

/// The type of a column, in words.
fn kind(column: &Column) -> String {
    let form = match column.form {
        FieldType::Text => "text".to_owned(),
        FieldType::Integer => "integer".to_owned(),
        FieldType::Number => "number".to_owned(),
        FieldType::Boolean => "true or false".to_owned(),
        FieldType::OneOf(words) => {
            let words: Vec<String> = words.iter().map(|word| format!("`{}`", word.name)).collect();
            format!("one of {}", words.join(", "))
        }
    };
    if column.optional { format!("{form}, optional") } else { form }
}
