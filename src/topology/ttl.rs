//! The setting `cache.ttl`: how long a cached document may be served.

use crate::scenario::{Positive, Reader, Setting, Value, ValueKind, read_inline, suggest};

/// The times to live of entries: `"1h"`, `"trace"` or `{ from = "trace", unknown = "1h" }`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CacheTtl {
    /// All entries have the same.
    Fixed(Positive),
    /// Each has that which the trace that drives the run tells of its key.
    Trace {
        /// That of keys of which the trace tells none; `None` keeps their entries until they are evicted or invalidated.
        unknown: Option<Positive>,
    },
}

impl CacheTtl {
    /// The time to live of all entries, where they have the same.
    #[must_use]
    pub fn fixed(self) -> Option<Positive> {
        match self {
            Self::Fixed(ttl) => Some(ttl),
            Self::Trace { .. } => None,
        }
    }
}

impl Setting for CacheTtl {
    const UNIT: Option<&'static str> = Positive::UNIT;

    fn expects() -> String {
        "a duration longer than 0, such as \"1h\", or \"trace\", or { from = \"trace\", unknown = \"1h\" }"
            .into()
    }

    fn read(value: &Value) -> Result<Self, Option<String>> {
        match &value.kind {
            ValueKind::Table(table) => read_inline(table, read_table),
            ValueKind::String(text) if text == "trace" => Ok(Self::Trace { unknown: None }),
            _ => Positive::read(value).map(Self::Fixed),
        }
    }

    fn show(&self) -> String {
        match self {
            Self::Fixed(ttl) => ttl.show(),
            Self::Trace { unknown: None } => "\"trace\"".into(),
            Self::Trace { unknown: Some(ttl) } => format!("{{ from = \"trace\", unknown = {} }}", ttl.show()),
        }
    }
}

/// `None` if it does not say where the times come from.
fn read_table(reader: &Reader<'_>) -> Option<CacheTtl> {
    let from: String = reader.get("from", String::new());
    let unknown = reader.get("unknown", None);
    match from.as_str() {
        "trace" => Some(CacheTtl::Trace { unknown }),
        "" => {
            reader.wrong("from", "is missing", Some("write from = \"trace\"".into()));
            None
        }
        other => {
            reader.wrong("from", format!("\"{other}\" is not known"), Some(suggest(other, &["trace"])));
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::{Mistakes, Table};

    fn read(text: &str) -> Result<CacheTtl, String> {
        let mistakes = Mistakes::default();
        let table = Table::parse(&format!("ttl = {text}"), &mistakes);
        assert!(mistakes.is_empty(), "{text}");
        CacheTtl::read(table.get("ttl").unwrap()).map_err(|reason| reason.unwrap_or_else(CacheTtl::expects))
    }

    #[test]
    fn every_form_is_read_and_written() {
        for text in ["\"1h\"", "\"trace\"", "{ from = \"trace\", unknown = \"5s\" }"] {
            assert_eq!(read(text).unwrap().show(), text);
        }
        assert_eq!(read("{ from = \"trace\" }").unwrap(), CacheTtl::Trace { unknown: None });
        assert_eq!(read("\"5s\"").unwrap().fixed(), Some(Positive::seconds(5)));
    }

    #[test]
    fn what_is_wrong_is_said() {
        for (text, part) in [
            ("5", "or \"trace\""),
            ("\"0s\"", "a duration of 0 cannot be"),
            ("{ unknown = \"5s\" }", "from: is missing"),
            ("{ from = \"trade\" }", "did you mean \"trace\""),
            ("{ from = \"trace\", other = 1 }", "other: there is no such key"),
        ] {
            let message = read(text).unwrap_err();
            assert!(message.contains(part), "{text}: {message}");
        }
    }
}
