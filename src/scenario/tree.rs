//! A scenario as it was written: TOML in which every key and value knows its place.

use std::ops::Range;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::mistakes::{Mistake, Mistakes};
use super::place::SourceLocation;

/// A value and its place.
#[derive(Debug, Clone, PartialEq)]
pub struct Value {
    /// Where it was written.
    pub place: SourceLocation,
    /// The value as it was written.
    pub kind: ValueKind,
}

/// The kinds of value that a scenario can hold.
#[derive(Debug, Clone, PartialEq)]
pub enum ValueKind {
    /// A text in quotes.
    String(String),
    /// A whole number.
    Integer(i64),
    /// A number with a fraction.
    Float(f64),
    /// `true` or `false`.
    Bool(bool),
    /// A list.
    Array(Vec<Value>),
    /// A table.
    Table(Table),
    /// A date or a time, which no setting takes.
    Datetime(String),
}

impl Value {
    /// Names the value for a message, with its text where that is short.
    #[must_use]
    pub fn describe(&self) -> String {
        match &self.kind {
            ValueKind::String(text) => format!("\"{text}\""),
            ValueKind::Integer(number) => number.to_string(),
            ValueKind::Float(number) => number.to_string(),
            ValueKind::Bool(value) => value.to_string(),
            ValueKind::Array(_) => "a list".into(),
            ValueKind::Table(_) => "a table".into(),
            ValueKind::Datetime(text) => format!("the date {text}"),
        }
    }

    /// The value as TOML on one line.
    #[must_use]
    pub fn to_toml(&self) -> String {
        match &self.kind {
            ValueKind::String(text) => toml::Value::String(text.clone()).to_string(),
            ValueKind::Float(number) => toml::Value::Float(*number).to_string(),
            ValueKind::Array(items) => {
                let items: Vec<_> = items.iter().map(Self::to_toml).collect();
                format!("[{}]", items.join(", "))
            }
            ValueKind::Table(table) => {
                let entries: Vec<_> = table
                    .entries
                    .iter()
                    .map(|e| format!("{} = {}", quote_key(&e.key), e.value.to_toml()))
                    .collect();
                format!("{{ {} }}", entries.join(", "))
            }
            ValueKind::Integer(_) | ValueKind::Bool(_) | ValueKind::Datetime(_) => {
                self.describe().trim_start_matches("the date ").to_owned()
            }
        }
    }
}

fn quote_key(key: &str) -> String {
    let bare = !key.is_empty() && key.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-');
    if bare { key.to_owned() } else { toml::Value::String(key.to_owned()).to_string() }
}

/// One key of a table with its value.
#[derive(Debug, Clone, PartialEq)]
pub struct TableEntry {
    /// The key.
    pub key: String,
    /// Where the key was written.
    pub key_place: SourceLocation,
    /// Its value.
    pub value: Value,
}

/// A table in the order in which it was written.
#[derive(Debug, Clone, PartialEq)]
pub struct Table {
    /// Where the table was written.
    pub place: SourceLocation,
    /// Its keys and values.
    pub entries: Vec<TableEntry>,
}

impl Table {
    /// An empty table.
    #[must_use]
    pub fn empty(place: SourceLocation) -> Self {
        Self { place, entries: Vec::new() }
    }

    /// Reads TOML; every syntax error is a mistake, and what could be read is returned.
    #[must_use]
    pub fn parse(text: &str, mistakes: &Mistakes) -> Self {
        let (table, errors) = DeTable::parse_recoverable(text);
        for error in errors {
            let span = error.span().unwrap_or(0..0);
            mistakes.push(
                Mistake::new(
                    SourceLocation::File(span),
                    "",
                    format!("this is not TOML: {}", error.message()),
                )
                .help("mend it here: key = value, texts in \"quotes\", tables in [brackets]"),
            );
        }
        let span = table.span();
        convert_table(table.get_ref(), span)
    }

    /// The value of a key.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&Value> {
        self.entries.iter().find(|e| e.key == key).map(|e| &e.value)
    }

    /// Where the value under a path of keys was written; the innermost table that is there where the
    /// value is not.
    #[must_use]
    pub fn place_of(&self, path: &[&str]) -> SourceLocation {
        let Some((first, rest)) = path.split_first() else { return self.place.clone() };
        match self.get(first) {
            Some(Value { kind: ValueKind::Table(table), .. }) if !rest.is_empty() => table.place_of(rest),
            Some(value) => value.place.clone(),
            None => self.place.clone(),
        }
    }

    /// Takes a key out of the table.
    pub fn remove(&mut self, key: &str) -> Option<TableEntry> {
        let at = self.entries.iter().position(|e| e.key == key)?;
        Some(self.entries.remove(at))
    }

    /// Sets the value under a dotted path such as `workload.keys.exponent`, making tables on the way.
    ///
    /// # Errors
    /// Names the part of the path that holds something other than a table.
    pub fn set_path(&mut self, path: &str, value: Value) -> Result<(), String> {
        let (first, rest) = match path.split_once('.') {
            Some((first, rest)) => (first, Some(rest)),
            None => (path, None),
        };
        let place = value.place.clone();
        let at = self.entries.iter().position(|e| e.key == first).unwrap_or_else(|| {
            let empty = Value { place: place.clone(), kind: ValueKind::Table(Self::empty(place.clone())) };
            self.entries.push(TableEntry { key: first.to_owned(), key_place: place, value: empty });
            self.entries.len() - 1
        });
        let entry = &mut self.entries[at];
        match (rest, &mut entry.value.kind) {
            (None, _) => {
                entry.value = value;
                Ok(())
            }
            (Some(rest), ValueKind::Table(table)) => table.set_path(rest, value),
            (Some(rest), ValueKind::Array(items)) => set_in_list(first, items, rest, value),
            (Some(_), _) => Err(format!("\"{first}\" holds {}, not a table", entry.value.describe())),
        }
    }
}

/// Sets a value in one element of a list such as `strategies`: the element is named by its name or
/// label, or by its number from 0. An element that is a bare name becomes a table.
fn set_in_list(list: &str, items: &mut [Value], path: &str, value: Value) -> Result<(), String> {
    let (element, rest) = path.split_once('.').ok_or_else(|| {
        format!("\"{list}\" is a list; write {list}.{path}.KEY to set something in an element")
    })?;
    let text = |table: &Table, key| match table.get(key).map(|v| &v.kind) {
        Some(ValueKind::String(text)) => Some(text.clone()),
        _ => None,
    };
    let is_named = |item: &Value| match &item.kind {
        ValueKind::String(name) => name == element,
        ValueKind::Table(table) => {
            text(table, "label").or_else(|| text(table, "name")).is_some_and(|name| name == element)
        }
        _ => false,
    };
    let at = items.iter().position(is_named).or_else(|| element.parse().ok().filter(|at| *at < items.len()));
    let Some(item) = at.map(|at| &mut items[at]) else {
        return Err(format!("\"{list}\" has no element \"{element}\""));
    };
    if let ValueKind::String(_) = item.kind {
        let place = item.place.clone();
        let name = TableEntry { key: "name".into(), key_place: place.clone(), value: item.clone() };
        item.kind = ValueKind::Table(Table { place, entries: vec![name] });
    }
    match &mut item.kind {
        ValueKind::Table(table) => table.set_path(rest, value),
        _ => Err(format!("\"{element}\" of \"{list}\" is no table")),
    }
}

/// Reads the value of `--set key=value`: TOML where it is TOML, otherwise a text.
#[must_use]
pub fn parse_option_value(option: &str, text: &str) -> Value {
    let place = SourceLocation::Option(option.to_owned());
    let kind = match DeValue::parse(text) {
        Ok(value) => convert(&value).kind,
        Err(_) => ValueKind::String(text.to_owned()),
    };
    relocate(Value { place: place.clone(), kind }, &place)
}

/// Moves a value and all in it to one place.
fn relocate(mut value: Value, place: &SourceLocation) -> Value {
    value.place = place.clone();
    match &mut value.kind {
        ValueKind::Array(items) => {
            for item in items {
                *item = relocate(item.clone(), place);
            }
        }
        ValueKind::Table(table) => {
            table.place = place.clone();
            for entry in &mut table.entries {
                entry.key_place = place.clone();
                entry.value = relocate(entry.value.clone(), place);
            }
        }
        _ => {}
    }
    value
}

fn convert(value: &Spanned<DeValue<'_>>) -> Value {
    let span = value.span();
    let kind = match value.get_ref() {
        DeValue::String(text) => ValueKind::String(text.to_string()),
        DeValue::Integer(number) => {
            let digits = number.as_str().replace('_', "");
            match i64::from_str_radix(&digits, number.radix()) {
                Ok(number) => ValueKind::Integer(number),
                Err(_) => ValueKind::Float(digits.parse().unwrap_or(f64::INFINITY)),
            }
        }
        DeValue::Float(number) => {
            ValueKind::Float(number.as_str().replace('_', "").parse().unwrap_or(f64::NAN))
        }
        DeValue::Boolean(value) => ValueKind::Bool(*value),
        DeValue::Datetime(text) => ValueKind::Datetime(text.to_string()),
        DeValue::Array(items) => ValueKind::Array(items.iter().map(convert).collect()),
        DeValue::Table(table) => ValueKind::Table(convert_table(table, span.clone())),
    };
    Value { place: SourceLocation::File(span), kind }
}

fn convert_table(table: &DeTable<'_>, span: Range<usize>) -> Table {
    let mut entries: Vec<TableEntry> = table
        .iter()
        .map(|(key, value)| TableEntry {
            key: key.get_ref().to_string(),
            key_place: SourceLocation::File(key.span()),
            value: convert(value),
        })
        .collect();
    // The parser keeps keys sorted by name; people expect the order of the file.
    entries.sort_by_key(|e| match &e.key_place {
        SourceLocation::File(span) => span.start,
        SourceLocation::Option(_) => usize::MAX,
    });
    Table { place: SourceLocation::File(span), entries }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tree(text: &str) -> Table {
        let mistakes = Mistakes::default();
        let tree = Table::parse(text, &mistakes);
        assert!(mistakes.is_empty());
        tree
    }

    fn set(tree: &mut Table, path: &str, value: &str) -> Result<(), String> {
        tree.set_path(path, parse_option_value("--set", value))
    }

    #[test]
    fn a_dotted_path_sets_a_value_and_makes_the_tables_on_its_way() {
        let mut tree = tree("[run]\nseed = 1\n");
        set(&mut tree, "run.seed", "2").unwrap();
        set(&mut tree, "workload.keys.exponent", "0.8").unwrap();
        assert_eq!(tree, {
            let mut expected = tree.clone();
            set(&mut expected, "run.seed", "2").unwrap();
            expected
        });
        let Some(ValueKind::Table(run)) = tree.get("run").map(|v| &v.kind) else { panic!("run is a table") };
        assert_eq!(run.get("seed").map(|v| &v.kind), Some(&ValueKind::Integer(2)));
    }

    #[test]
    fn an_element_of_a_list_is_set_by_its_name() {
        let mut tree = tree("strategies = [\"no-cache\", \"cache-aside\"]");
        set(&mut tree, "strategies.cache-aside.on_write", "update").unwrap();
        let list = tree.get("strategies").unwrap().to_toml();
        assert_eq!(list, r#"["no-cache", { name = "cache-aside", on_write = "update" }]"#);
        assert!(set(&mut tree, "strategies.cache-behind.x", "1").unwrap_err().contains("cache-behind"));
    }

    #[test]
    fn a_value_that_is_no_toml_is_a_text() {
        assert_eq!(parse_option_value("--set", "30s").kind, ValueKind::String("30s".into()));
        assert_eq!(parse_option_value("--set", "[1, 2]").to_toml(), "[1, 2]");
    }

    #[test]
    fn every_syntax_error_is_reported_with_its_place() {
        let mistakes = Mistakes::default();
        let _ = Table::parse("a = \nb = 1\nc = [1, \n", &mistakes);
        assert!(mistakes.into_sorted().len() >= 2);
    }
}
