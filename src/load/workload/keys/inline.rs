//! A distribution as one setting: a table in the line of its key.

use super::Distribution;
use crate::scenario::{Setting, Value, ValueKind, read_inline};

/// A distribution with its settings, as `{ distribution = "uniform" }`.
#[derive(Debug, Clone, PartialEq)]
pub struct InlineDistribution(pub Distribution);

impl Setting for InlineDistribution {
    fn expects() -> String {
        "a table as in [workload.keys], such as { distribution = \"zipf\", exponent = 1.2 }".into()
    }

    fn read(value: &Value) -> Result<Self, Option<String>> {
        let ValueKind::Table(table) = &value.kind else { return Err(None) };
        read_inline(table, |reader| Some(Self(Distribution::read(reader))))
    }

    fn show(&self) -> String {
        let settings: Vec<String> =
            self.0.show_named().into_iter().map(|(key, value)| format!("{key} = {value}")).collect();
        format!("{{ {} }}", settings.join(", "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::{Mistakes, Table};

    fn read(toml: &str) -> Result<String, String> {
        let table = Table::parse(&format!("keys = {toml}"), &Mistakes::default());
        let read = InlineDistribution::read(table.get("keys").unwrap());
        read.map(|keys| keys.show()).map_err(Option::unwrap_or_default)
    }

    #[test]
    fn it_is_shown_as_it_is_read() {
        for toml in ["{ distribution = \"uniform\" }", "{ distribution = \"zipf\", exponent = 1.2 }"] {
            assert_eq!(read(toml).unwrap(), toml);
        }
    }

    #[test]
    fn all_that_is_wrong_in_the_table_is_told_in_one_message() {
        let told = read("{ distribution = \"zipf\", exponent = -1, absent_share = 0.1 }").unwrap_err();
        assert!(told.contains("exponent: ") && told.contains("absent_share: there is no such key"), "{told}");
        let told = read("{ distribution = \"unifrom\" }").unwrap_err();
        assert!(told.contains("did you mean \"uniform\""), "{told}");
        assert_eq!(read("\"uniform\""), Err(String::new()), "what it expects is said instead");
    }
}
