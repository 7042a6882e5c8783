//! Columns are declared once: `columns!` makes of one declaration the struct, the CSV header, what writes and reads a
//! line, the table of the reference and a JSON Schema. `words!` does the same for the words that a column may hold.
//!
//! A group is a struct of columns that recurs in several files; a row holds it as one field, and the file has its
//! columns in its place.

use std::borrow::Cow;
use std::collections::HashMap;

use super::numbers::Numbers;

/// A column of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Column {
    /// Its name in the header.
    pub name: String,
    /// The type of its fields.
    pub form: FieldType,
    /// True if a field of it may be empty. An empty field is not a zero.
    pub optional: bool,
    /// The unit of a number, such as `µs`; empty for what has none.
    pub unit: &'static str,
    /// Its meaning, as one paragraph.
    pub meaning: String,
}

impl Column {
    /// Puts before the meaning what it is said of: "The response time of reads: the median."
    pub fn prefix_meaning(&mut self, about: &str) {
        self.meaning = format!("{}: {}", about.trim_end_matches('.'), uncapitalised(&self.meaning));
    }
}

/// The types of a field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FieldType {
    /// Any text.
    Text,
    /// A number without a fraction.
    Integer,
    /// A number that may have a fraction.
    Number,
    /// `true` or `false`.
    Boolean,
    /// One of these words.
    OneOf(&'static [Word]),
}

/// A word that a column may hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Word {
    /// The word in the file.
    pub name: &'static str,
    /// The lines of what it says.
    pub meaning: &'static [&'static str],
}

/// A value that is one field of a line.
pub trait Field: Sized {
    /// The type of the field.
    const FORM: FieldType;
    /// True if it may be empty.
    const OPTIONAL: bool = false;

    /// The text of the field.
    fn text(&self) -> String;

    /// Reads the text of a field; `None` if it is not one of this type.
    fn parse(text: &str) -> Option<Self>;
}

/// A row, or a group of a row's columns.
pub trait Columns: Sized {
    /// Adds the columns, in their order, each with the prefix before its name.
    fn describe(prefix: &str, into: &mut Vec<Column>);

    /// Adds the fields, in the order of the columns.
    fn write(&self, into: &mut Vec<String>);

    /// Reads the fields of the columns with that prefix.
    ///
    /// # Errors
    /// Returns an error that names the column whose field is missing or is not of its type.
    fn read(prefix: &str, line: &Line<'_>) -> Result<Self, FieldError>;
}

/// The columns of a row.
#[must_use]
pub fn columns_of<R: Columns>() -> Vec<Column> {
    let mut columns = Vec::new();
    R::describe("", &mut columns);
    columns
}

/// The fields of a row.
#[must_use]
pub fn fields_of<R: Columns>(row: &R) -> Vec<String> {
    let mut fields = Vec::new();
    row.write(&mut fields);
    fields
}

/// Why a line could not be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FieldError {
    /// The file has no such column.
    #[error("there is no column `{0}`")]
    Missing(String),
    /// The field does not hold what the column says.
    #[error("`{text}` in column `{column}` is not {wanted}")]
    Unlike {
        /// The column.
        column: String,
        /// The text of the field.
        text: String,
        /// The texts that it may have.
        wanted: String,
    },
}

/// A line of a file, whose fields are found by the names of their columns.
#[derive(Debug, Clone, Copy)]
pub struct Line<'a> {
    /// Where each column stands, counted from 0.
    pub places: &'a HashMap<String, usize>,
    /// The fields.
    pub fields: &'a csv::StringRecord,
    /// The way in which numbers are written in the file.
    pub numbers: Numbers,
}

impl Line<'_> {
    /// Reads the field of a column. A column that the file does not have reads as an empty field if the column is
    /// optional: an earlier version did not know what it says.
    ///
    /// # Errors
    /// Returns an error if a column that is not optional is missing, or the field is not of the type.
    pub fn field<F: Field>(&self, column: String) -> Result<F, FieldError> {
        let text = match self.places.get(&column) {
            Some(place) => self.fields.get(*place).unwrap_or_default(),
            None if F::OPTIONAL => "",
            None => return Err(FieldError::Missing(column)),
        };
        let plain = match F::FORM {
            FieldType::Number => self.numbers.plain(text),
            _ => Some(Cow::Borrowed(text)),
        };
        plain.and_then(|plain| F::parse(&plain)).ok_or_else(|| FieldError::Unlike {
            column,
            text: text.to_owned(),
            wanted: F::FORM.wanted(),
        })
    }
}

impl FieldType {
    fn wanted(self) -> String {
        match self {
            Self::Text => "text".into(),
            Self::Integer => "a whole number".into(),
            Self::Number => "a number".into(),
            Self::Boolean => "`true` or `false`".into(),
            Self::OneOf(words) => {
                let names: Vec<&str> = words.iter().map(|word| word.name).collect();
                format!("one of {}", names.join(", "))
            }
        }
    }
}

impl Field for String {
    const FORM: FieldType = FieldType::Text;

    fn text(&self) -> String {
        self.clone()
    }

    fn parse(text: &str) -> Option<Self> {
        Some(text.to_owned())
    }
}

impl Field for f64 {
    const FORM: FieldType = FieldType::Number;

    fn text(&self) -> String {
        ryu::Buffer::new().format(*self).to_owned()
    }

    fn parse(text: &str) -> Option<Self> {
        text.parse().ok()
    }
}

macro_rules! parsed {
    ($($type:ty: $form:expr),*) => { $(
        impl Field for $type {
            const FORM: FieldType = $form;

            fn text(&self) -> String {
                self.to_string()
            }

            fn parse(text: &str) -> Option<Self> {
                text.parse().ok()
            }
        }
    )* };
}
parsed!(u64: FieldType::Integer, u32: FieldType::Integer);

impl Field for bool {
    const FORM: FieldType = FieldType::Boolean;

    fn text(&self) -> String {
        self.to_string()
    }

    fn parse(text: &str) -> Option<Self> {
        // Spreadsheets save these words in capitals.
        text.to_ascii_lowercase().parse().ok()
    }
}

impl<F: Field> Field for Option<F> {
    const FORM: FieldType = F::FORM;
    const OPTIONAL: bool = true;

    fn text(&self) -> String {
        self.as_ref().map(Field::text).unwrap_or_default()
    }

    fn parse(text: &str) -> Option<Self> {
        if text.is_empty() { Some(None) } else { F::parse(text).map(Some) }
    }
}

/// The paragraph that the lines of a doc comment make.
#[must_use]
pub fn paragraph(lines: &[&str]) -> String {
    lines.iter().map(|line| line.trim()).filter(|line| !line.is_empty()).collect::<Vec<_>>().join(" ")
}

/// The meaning of a column: what its comment says, and what each word says that it may hold.
#[must_use]
pub fn meaning(lines: &[&str], form: FieldType) -> String {
    let said = paragraph(lines);
    let FieldType::OneOf(words) = form else { return said };
    let each = |word: &Word| {
        let meaning = paragraph(word.meaning);
        format!("`{}`: {}", word.name, uncapitalised(meaning.trim_end_matches('.')))
    };
    format!("{said} {}.", words.iter().map(each).collect::<Vec<_>>().join("; "))
}

/// A sentence as it stands behind a colon.
fn uncapitalised(sentence: &str) -> String {
    let mut letters = sentence.chars();
    let first = letters.next().map(|first| first.to_lowercase().to_string()).unwrap_or_default();
    first + letters.as_str()
}

/// Declares a row of a file, or a group of columns that rows share. A column is `name: type`, with `as "unit"` behind
/// where it has one, under a comment that says what it means. A group within is `group name: Type`, with
/// `as "prefix_"` behind where its columns' names begin with something.
macro_rules! columns {
    (
        $(#[$meta:meta])*
        pub struct $name:ident { $($body:tt)* }
    ) => {
        $crate::results::columns::columns! { @field [$(#[$meta])* pub struct $name] [] $($body)* }
    };
    (@field [$($head:tt)*] [$($done:tt)*] $(#[doc = $doc:literal])* group $field:ident : $type:ty as $prefix:literal, $($rest:tt)*) => {
        $crate::results::columns::columns! { @field [$($head)*] [$($done)* {group $field [$type] [$prefix] [$($doc)*]}] $($rest)* }
    };
    (@field [$($head:tt)*] [$($done:tt)*] $(#[doc = $doc:literal])* group $field:ident : $type:ty, $($rest:tt)*) => {
        $crate::results::columns::columns! { @field [$($head)*] [$($done)* {group $field [$type] [""] [$($doc)*]}] $($rest)* }
    };
    (@field [$($head:tt)*] [$($done:tt)*] $(#[doc = $doc:literal])* $field:ident : $type:ty as $unit:literal, $($rest:tt)*) => {
        $crate::results::columns::columns! { @field [$($head)*] [$($done)* {column $field [$type] [$unit] [$($doc)*]}] $($rest)* }
    };
    (@field [$($head:tt)*] [$($done:tt)*] $(#[doc = $doc:literal])* $field:ident : $type:ty, $($rest:tt)*) => {
        $crate::results::columns::columns! { @field [$($head)*] [$($done)* {column $field [$type] [""] [$($doc)*]}] $($rest)* }
    };
    (@field [$(#[$meta:meta])* pub struct $name:ident] [$({$kind:ident $field:ident [$type:ty] [$with:literal] [$($doc:literal)*]})*]) => {
        $(#[$meta])*
        #[derive(Debug, Clone, PartialEq, Default)]
        pub struct $name {
            $( $(#[doc = $doc])* pub $field: $type, )*
        }

        impl $crate::results::columns::Columns for $name {
            fn describe(prefix: &str, into: &mut Vec<$crate::results::columns::Column>) {
                $( $crate::results::columns::columns! { @describe $kind prefix into $field [$type] [$with] [$($doc)*] } )*
            }

            fn write(&self, into: &mut Vec<String>) {
                $( $crate::results::columns::columns! { @write $kind into (self.$field) } )*
            }

            fn read(
                prefix: &str,
                line: &$crate::results::columns::Line<'_>,
            ) -> Result<Self, $crate::results::columns::FieldError> {
                Ok(Self { $( $field: $crate::results::columns::columns! { @read $kind prefix line $field [$with] }, )* })
            }
        }
    };
    (@describe column $prefix:ident $into:ident $field:ident [$type:ty] [$unit:literal] [$($doc:literal)*]) => {
        $into.push($crate::results::columns::Column {
            name: format!("{}{}", $prefix, stringify!($field)),
            form: <$type as $crate::results::columns::Field>::FORM,
            optional: <$type as $crate::results::columns::Field>::OPTIONAL,
            unit: $unit,
            meaning: $crate::results::columns::meaning(
                &[$($doc),*],
                <$type as $crate::results::columns::Field>::FORM,
            ),
        });
    };
    (@describe group $prefix:ident $into:ident $field:ident [$type:ty] [$with:literal] [$($doc:literal)*]) => {
        let before = $into.len();
        <$type as $crate::results::columns::Columns>::describe(&format!("{}{}", $prefix, $with), $into);
        if !$with.is_empty() {
            // What tells the group's columns from those of its twins stands before what each of them means.
            let about = $crate::results::columns::paragraph(&[$($doc),*]);
            $into[before..].iter_mut().for_each(|column| column.prefix_meaning(&about));
        }
    };
    (@write column $into:ident ($value:expr)) => {
        $into.push($crate::results::columns::Field::text(&$value));
    };
    (@write group $into:ident ($value:expr)) => {
        $crate::results::columns::Columns::write(&$value, $into);
    };
    (@read column $prefix:ident $line:ident $field:ident [$unit:literal]) => {
        $line.field(format!("{}{}", $prefix, stringify!($field)))?
    };
    (@read group $prefix:ident $line:ident $field:ident [$with:literal]) => {
        $crate::results::columns::Columns::read(&format!("{}{}", $prefix, $with), $line)?
    };
}
pub(crate) use columns;

/// Declares an enum whose every value is a word in a file. The comment above a value is what the reference says of the
/// word wherever a column may hold it.
macro_rules! words {
    (@line doc = $doc:literal) => { $doc };
    (@line default) => { "" };
    (
        $(#[$meta:meta])*
        pub enum $name:ident { $( $(#[$($about:tt)*])* $variant:ident = $word:literal, )+ }
    ) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum $name { $( $(#[$($about)*])* $variant, )+ }

        impl $name {
            /// Every value, in the order of its declaration.
            pub const ALL: &[Self] = &[$(Self::$variant),+];

            /// The word in the file.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $word),+ }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.name())
            }
        }

        impl $crate::results::columns::Field for $name {
            const FORM: $crate::results::columns::FieldType =
                $crate::results::columns::FieldType::OneOf(&[$($crate::results::columns::Word {
                    name: $word,
                    meaning: &[$($crate::results::columns::words! { @line $($about)* }),*],
                }),+]);

            fn text(&self) -> String {
                self.name().to_owned()
            }

            fn parse(text: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|one| one.name() == text)
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.name())
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let word = <String as serde::Deserialize>::deserialize(deserializer)?;
                let known = <Self as $crate::results::columns::Field>::parse(&word);
                known.ok_or_else(|| <D::Error as serde::de::Error>::custom(format!("there is no {word}")))
            }
        }
    };
}
pub(crate) use words;

/// A JSON Schema of a row as an object: a property for each column, `null` where a field is empty.
#[must_use]
pub fn json_schema<R: Columns>(title: &str) -> serde_json::Value {
    use serde_json::{Value, json};
    let columns = columns_of::<R>();
    let property = |column: &Column| {
        let kind = match column.form {
            FieldType::Text | FieldType::OneOf(_) => "string",
            FieldType::Integer => "integer",
            FieldType::Number => "number",
            FieldType::Boolean => "boolean",
        };
        let mut about = json!({ "description": column.meaning });
        about["type"] = if column.optional { json!([kind, "null"]) } else { json!(kind) };
        if let FieldType::OneOf(words) = column.form {
            let mut words: Vec<Value> = words.iter().map(|word| json!(word.name)).collect();
            if column.optional {
                words.push(Value::Null);
            }
            about["enum"] = words.into();
        }
        if !column.unit.is_empty() {
            about["unit"] = json!(column.unit);
        }
        (column.name.clone(), about)
    };
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": title,
        "type": "object",
        "required": columns.iter().map(|column| column.name.as_str()).collect::<Vec<_>>(),
        "properties": columns.iter().map(property).collect::<serde_json::Map<_, _>>(),
    })
}
