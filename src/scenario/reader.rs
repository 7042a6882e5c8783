//! Reads one table into typed settings, remembers which keys exist, and reports every mistake.

use std::cell::RefCell;

use super::mistakes::{Mistake, Mistakes};
use super::place::SourceLocation;
use super::setting::Setting;
use super::tree::{Table, Value, ValueKind};

/// A setting as `hotset list` shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SettingDoc {
    /// The key.
    pub key: &'static str,
    /// The form of a value.
    pub expects: String,
    /// The units of its numbers, where they have one.
    pub unit: Option<&'static str>,
    /// Its default, as one would write it.
    pub default: String,
    /// The meaning.
    pub meaning: String,
}

/// A set of settings that live in one table; made by [`settings!`](crate::settings).
pub trait Settings: Sized {
    /// One row for each key.
    fn docs() -> Vec<SettingDoc>;
    /// Reads every key that is known; what is wrong goes to the reader's mistakes and is replaced
    /// by the default.
    fn read(reader: &Reader<'_>) -> Self;
    /// Every key with its value as one would write it.
    fn show(&self) -> Vec<(&'static str, String)>;
}

/// Reads one table.
pub struct Reader<'a> {
    table: &'a Table,
    path: String,
    known: RefCell<Vec<&'static str>>,
    mistakes: &'a Mistakes,
}

impl<'a> Reader<'a> {
    /// A reader of the table found under the dotted `path`.
    #[must_use]
    pub fn new(table: &'a Table, path: impl Into<String>, mistakes: &'a Mistakes) -> Self {
        Self { table, path: path.into(), known: RefCell::default(), mistakes }
    }

    /// Where mistakes go.
    #[must_use]
    pub fn mistakes(&self) -> &'a Mistakes {
        self.mistakes
    }

    /// The dotted path of a key of this table.
    #[must_use]
    pub fn path_of(&self, key: &str) -> String {
        match (self.path.is_empty(), key.is_empty()) {
            (true, _) => key.to_owned(),
            (false, true) => self.path.clone(),
            (false, false) => format!("{}.{key}", self.path),
        }
    }

    /// Where the whole table was written.
    #[must_use]
    pub fn place(&self) -> SourceLocation {
        self.table.place.clone()
    }

    /// Where the value under a path of keys was written, see [`Table::place_of`].
    #[must_use]
    pub fn place_of(&self, path: &[&str]) -> SourceLocation {
        self.table.place_of(path)
    }

    /// The value as it was written.
    pub fn raw(&self, key: &'static str) -> Option<&'a Value> {
        let mut known = self.known.borrow_mut();
        if !known.contains(&key) {
            known.push(key);
        }
        self.table.get(key)
    }

    /// The value of a key, or its default where it is not there or wrong.
    pub fn get<T: Setting>(&self, key: &'static str, default: T) -> T {
        let Some(value) = self.raw(key) else { return default };
        match T::read(value) {
            Ok(setting) => setting,
            Err(reason) => {
                let found = reason.unwrap_or_else(|| format!("{} does not fit", value.describe()));
                self.wrong(key, found, Some(format!("give {}", T::expects())));
                default
            }
        }
    }

    /// A reader of the table under a key; an absent one reads as empty, anything else is a mistake.
    #[must_use]
    pub fn table(&self, key: &'static str, empty: &'a Table) -> Reader<'a> {
        let table = match self.raw(key) {
            None => empty,
            Some(Value { kind: ValueKind::Table(table), .. }) => table,
            Some(other) => {
                self.wrong(
                    key,
                    format!("{} is not a table", other.describe()),
                    Some(format!("write [{}]", self.path_of(key))),
                );
                empty
            }
        };
        Reader::new(table, self.path_of(key), self.mistakes)
    }

    /// Reports a mistake at a key of this table, or at the table where the key is not there.
    pub fn wrong(&self, key: &str, message: impl Into<String>, help: Option<String>) {
        let place = self.table.get(key).map_or_else(|| self.table.place.clone(), |v| v.place.clone());
        self.mistakes.push(Mistake { place, key: self.path_of(key), message: message.into(), help });
    }

    /// Ends the reading: every key that nobody asked for is a mistake.
    pub fn finish(self) {
        let known = self.known.into_inner();
        for entry in &self.table.entries {
            if known.contains(&entry.key.as_str()) {
                continue;
            }
            let path =
                if self.path.is_empty() { entry.key.clone() } else { format!("{}.{}", self.path, entry.key) };
            let mistake = Mistake::new(entry.key_place.clone(), path, "there is no such key");
            self.mistakes.push(mistake.help(suggest(&entry.key, &known)));
        }
    }
}

/// Reads a setting that is a table, and says all that is wrong with it in one message. Where `read` finds nothing, the keys
/// that it did not ask for are no mistakes: what they belong to is not known.
///
/// # Errors
/// What is wrong, key by key.
pub fn read_inline<T>(
    table: &Table,
    read: impl FnOnce(&Reader<'_>) -> Option<T>,
) -> Result<T, Option<String>> {
    let mistakes = Mistakes::default();
    let reader = Reader::new(table, "", &mistakes);
    let setting = read(&reader);
    if setting.is_some() {
        reader.finish();
    }
    let messages: Vec<String> = mistakes
        .into_sorted()
        .into_iter()
        .map(|mistake| {
            let help = mistake.help.map(|help| format!(" ({help})")).unwrap_or_default();
            format!("{}: {}{help}", mistake.key, mistake.message)
        })
        .collect();
    setting.filter(|_| messages.is_empty()).ok_or_else(|| Some(messages.join("; ")))
}

/// "did you mean …", or what there is.
#[must_use]
pub fn suggest(name: &str, known: &[&str]) -> String {
    let nearest = known
        .iter()
        .map(|k| (strsim::normalized_damerau_levenshtein(name, k), k))
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .filter(|(similarity, _)| *similarity > 0.5);
    let mut all: Vec<_> = known.to_vec();
    all.sort_unstable();
    all.dedup();
    match nearest {
        Some((_, nearest)) => format!("did you mean \"{nearest}\"? There are: {}", all.join(", ")),
        None if all.is_empty() => "nothing can be set here".into(),
        None => format!("there are: {}", all.join(", ")),
    }
}

/// Declares the settings of one table: their types, defaults and meanings in one place, from which
/// the reader of the file and the rows of `hotset list` are made.
#[macro_export]
macro_rules! settings {
    (
        $(#[doc = $about:literal])*
        pub struct $name:ident {
            $( $(#[doc = $meaning:literal])+ $key:ident : $kind:ty = $default:expr, )*
        }
    ) => {
        $(#[doc = $about])*
        #[derive(Debug, Clone, PartialEq)]
        pub struct $name { $( $(#[doc = $meaning])+ pub $key: $kind, )* }

        impl Default for $name {
            fn default() -> Self { Self { $( $key: $default, )* } }
        }

        impl $crate::scenario::Settings for $name {
            fn docs() -> Vec<$crate::scenario::SettingDoc> {
                vec![ $( $crate::scenario::SettingDoc {
                    key: stringify!($key),
                    expects: <$kind as $crate::scenario::Setting>::expects(),
                    unit: <$kind as $crate::scenario::Setting>::UNIT,
                    default: { let default: $kind = $default; $crate::scenario::Setting::show(&default) },
                    meaning: concat!($($meaning),+).trim().to_owned(),
                }, )* ]
            }
            #[allow(unused_variables, reason = "a strategy may have no settings")]
            fn read(reader: &$crate::scenario::Reader<'_>) -> Self {
                Self { $( $key: reader.get(stringify!($key), $default), )* }
            }
            fn show(&self) -> Vec<(&'static str, String)> {
                vec![ $( (stringify!($key), $crate::scenario::Setting::show(&self.$key)), )* ]
            }
        }
    };
}

/// Declares a setting that is one of several words.
#[macro_export]
macro_rules! choices {
    (
        $(#[doc = $about:literal])*
        pub enum $name:ident { $( $(#[doc = $meaning:literal])+ $variant:ident = $word:literal, )+ }
    ) => {
        $(#[doc = $about])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum $name { $( $(#[doc = $meaning])+ $variant, )+ }

        impl $name {
            /// The word that stands for it in a scenario.
            #[must_use]
            pub fn word(self) -> &'static str {
                match self { $( Self::$variant => $word, )+ }
            }
        }

        impl $crate::scenario::Setting for $name {
            fn expects() -> String {
                let words: Vec<&str> = vec![ $( concat!("\"", $word, "\""), )+ ];
                words.join(" or ")
            }
            fn read(value: &$crate::scenario::Value) -> Result<Self, Option<String>> {
                let $crate::scenario::ValueKind::String(text) = &value.kind else { return Err(None) };
                match text.as_str() {
                    $( $word => Ok(Self::$variant), )+
                    other => Err(Some(format!(
                        "\"{other}\" is not known; {}", $crate::scenario::suggest(other, &[ $( $word, )+ ])
                    ))),
                }
            }
            fn show(&self) -> String { format!("\"{}\"", self.word()) }
        }
    };
}
