//! Secrets of a scenario and of the command line: kept in mind as soon as they are read, and never shown.

use std::ops::Range;

use super::Scenario;
use crate::base::secrets::{self, STRUCK};
use crate::scenario::{InvalidScenario, Mistake, Mistakes, SourceLocation, Table, Value, ValueKind};

/// Keeps in mind what may be a secret in a scenario, whether or not anything reads it there.
pub fn learn(tree: &Table) {
    for_each(tree, &mut |written| written.secrets().iter().for_each(|secret| secrets::learn(secret)));
}

/// The scenario as TOML with everything struck out that may be a secret.
#[must_use]
pub fn redacted_toml(tree: &Table) -> String {
    let mut tree = tree.clone();
    redact(&mut tree, Sort::Ordinary);
    let mut lines = String::new();
    for entry in &tree.entries {
        lines.push_str(&entry.key);
        lines.push_str(" = ");
        lines.push_str(&entry.value.to_toml());
        lines.push('\n');
    }
    lines
}

/// The kinds of setting, by whether the name says that it holds a secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Sort {
    Ordinary,
    Secret,
}

impl Sort {
    fn below(self, key: &str) -> Self {
        if self == Self::Secret || secrets::is_secret_name(key) { Self::Secret } else { Self::Ordinary }
    }
}

/// A text of a scenario.
struct Written<'a> {
    text: &'a str,
    sort: Sort,
    place: &'a SourceLocation,
}

impl Written<'_> {
    /// Finds what may be secret of it.
    fn ranges(&self) -> Vec<Range<usize>> {
        ranges(self.text, self.sort)
    }

    fn secrets(&self) -> Vec<&str> {
        self.ranges().into_iter().map(|range| &self.text[range]).collect()
    }
}

fn ranges(text: &str, sort: Sort) -> Vec<Range<usize>> {
    match sort {
        Sort::Ordinary => secrets::in_typed(text),
        Sort::Secret if secrets::is_variable(text) || text.is_empty() => Vec::new(),
        // A URL in such a place is shown as a URL.
        Sort::Secret => match secrets::in_typed(text) {
            passwords if passwords.is_empty() => std::iter::once(0..text.len()).collect(),
            passwords => passwords,
        },
    }
}

/// Refuses labels and names in which a secret of the scenario stands: it is struck out of them wherever they are written, so
/// that two of them may read alike, and none is the name under which its files are found.
pub fn check_names(tree: &Table, name: &str, scenario: &Scenario, mistakes: &Mistakes) {
    let mut secrets = Vec::new();
    for_each(tree, &mut |written| secrets.extend(written.secrets().into_iter().map(str::to_owned)));
    let urls = scenario.topologies.iter().flat_map(|topology| topology.spec.addresses());
    for url in urls.chain(scenario.database.url.iter().map(|url| url.0.clone())) {
        let url = url.expose();
        secrets.extend(secrets::in_typed(url).into_iter().map(|range| url[range].to_owned()));
    }
    let holds_one = |text: &str| {
        secrets::strike(text) != text && secrets.iter().any(|secret| text.contains(secret.as_str()))
    };
    let labels = scenario.strategies.iter().map(|strategy| ("strategies", &strategy.label));
    for (key, label) in labels.chain(scenario.topologies.iter().map(|one| ("topologies", &one.label))) {
        if holds_one(label) {
            let message =
                "a label holds a secret of the scenario, which is struck out of everything that is written";
            let mistake = Mistake::new(tree.place_of(&[key]), key, message);
            mistakes.push(mistake.help("give it another label, or another password to the server"));
        }
    }
    if holds_one(name) {
        let message = "the scenario's name holds a secret of the scenario, which is struck out of everything that is written";
        let mistake = Mistake::new(tree.place_of(&["name"]), "name", message);
        mistakes.push(mistake.help("give it another file name, or another password to the server"));
    }
}

fn for_each(table: &Table, see: &mut impl FnMut(Written<'_>)) {
    for_each_below(table, Sort::Ordinary, see);
}

fn for_each_below(table: &Table, sort: Sort, see: &mut impl FnMut(Written<'_>)) {
    for entry in &table.entries {
        see(Written { text: &entry.key, sort: Sort::Ordinary, place: &entry.key_place });
        for_each_of(&entry.value, sort.below(&entry.key), see);
    }
}

fn for_each_of(value: &Value, sort: Sort, see: &mut impl FnMut(Written<'_>)) {
    match &value.kind {
        ValueKind::String(text) => see(Written { text, sort, place: &value.place }),
        ValueKind::Array(items) => items.iter().for_each(|item| for_each_of(item, sort, see)),
        ValueKind::Table(table) => for_each_below(table, sort, see),
        _ if sort == Sort::Secret => see(Written { text: &value.describe(), sort, place: &value.place }),
        _ => {}
    }
}

fn redact(table: &mut Table, sort: Sort) {
    for entry in &mut table.entries {
        let below = sort.below(&entry.key);
        entry.key = struck(&entry.key, Sort::Ordinary);
        redact_value(&mut entry.value, below);
    }
}

fn redact_value(value: &mut Value, sort: Sort) {
    match &mut value.kind {
        ValueKind::String(text) => *text = struck(text, sort),
        ValueKind::Array(items) => items.iter_mut().for_each(|item| redact_value(item, sort)),
        ValueKind::Table(table) => redact(table, sort),
        _ if sort == Sort::Secret => value.kind = ValueKind::String(STRUCK.into()),
        _ => {}
    }
}

fn struck(text: &str, sort: Sort) -> String {
    secrets::strike(&secrets::replaced(text, &ranges(text, sort), |_| STRUCK.into())).into_owned()
}

/// Returns what is wrong with a scenario, without the secrets that stand in the file and on the command line.
#[must_use]
pub fn redacted_mistakes(mut invalid: InvalidScenario, tree: Option<&Table>) -> InvalidScenario {
    let text = &invalid.text;
    let mut hidden = match tree {
        Some(tree) => hidden_in(tree, text),
        None => secrets::in_typed(text),
    };
    hidden.extend(comments(text).into_iter().flat_map(|comment| {
        secrets::in_typed(&text[comment.clone()])
            .into_iter()
            .map(move |at| comment.start + at.start..comment.start + at.end)
    }));
    hidden.sort_unstable_by_key(|range| range.start);
    let mut end = 0;
    hidden.retain(|range| {
        let is_new = range.start >= end;
        end = end.max(range.end);
        is_new
    });
    // As long as before, since the mistakes point at bytes.
    invalid.text = secrets::replaced(text, &hidden, |secret| "*".repeat(secret.len()));
    for mistake in &mut invalid.mistakes {
        mistake.key = secrets::strike_typed(&mistake.key);
        mistake.message = secrets::strike_typed(&mistake.message);
        mistake.help = mistake.help.as_deref().map(|help| secrets::strike(help).into_owned());
        if let SourceLocation::Option(option) = &mut mistake.place {
            *option = secrets::strike_typed(option);
        }
    }
    invalid
}

/// Where secrets of a scenario stand in its file.
fn hidden_in(tree: &Table, file: &str) -> Vec<Range<usize>> {
    let mut hidden = Vec::new();
    for_each(tree, &mut |written| {
        let SourceLocation::File(span) = written.place else { return };
        let Some(raw) = file.get(span.clone()) else { return };
        for secret in written.secrets() {
            let quoted = secret.replace('\\', "\\\\").replace('"', "\\\"");
            match [secret, &quoted].iter().find_map(|form| raw.find(*form).map(|at| at..at + form.len())) {
                Some(at) => hidden.push(span.start + at.start..span.start + at.end),
                // It is written in some other way, so nothing of it is shown.
                None => hidden.push(span.clone()),
            }
        }
    });
    hidden
}

/// Whole lines that are comments, and comments behind values as far as they are told by a space before them.
fn comments(file: &str) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    let mut offset = 0;
    for line in file.split_inclusive('\n') {
        let at = if line.trim_start().starts_with('#') { line.find('#') } else { line.rfind(" #") };
        found.extend(at.map(|at| offset + at..offset + line.trim_end_matches(['\n', '\r']).len()));
        offset += line.len();
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::Mistakes;

    fn tree(text: &str) -> Table {
        Table::parse(text, &Mistakes::default())
    }

    fn shown(text: &str, tree: Option<&Table>) -> String {
        let invalid = InvalidScenario { path: String::new(), text: text.into(), mistakes: Vec::new() };
        redacted_mistakes(invalid, tree).text
    }

    #[test]
    fn what_is_kept_of_a_scenario_has_no_secret_and_everything_else() {
        let text = r#"
            keys = 5
            urls = ["redis://:ab\"cd?e@h:1", 'redis://:${NAME}@h']
            [application]
            secret = "s3cretive"
            nested = { password = { a = 12345678901, b = "x" }, "redis://:inakey@h" = 1 }
        "#;
        let kept = redacted_toml(&tree(text));
        assert!(
            kept.contains("keys = 5") && kept.contains("redis://:***@h:1") && kept.contains("${NAME}"),
            "{kept}"
        );
        for secret in ["ab", "cd?e", "s3cretive", "12345678901", "\"x\"", "inakey"] {
            assert!(!kept.contains(secret), "{secret}: {kept}");
        }
    }

    #[test]
    fn a_scenario_that_is_shown_keeps_its_length_and_the_names_of_variables() {
        let text = "a = \"redis://:secret@h\"\nb = \"redis://:${SECRET}@h\"\n# c = \"redis://:old@h\"\n";
        let expected = "a = \"redis://:******@h\"\nb = \"redis://:${SECRET}@h\"\n# c = \"redis://:***@h\"\n";
        assert_eq!(shown(text, Some(&tree(text))), expected);
        assert_eq!(shown(text, None), expected);
    }

    #[test]
    fn a_secret_is_hidden_in_a_file_however_it_is_quoted_there() {
        for value in [
            r#""redis://:se\"cr?et@h""#,
            r#"'redis://:se"cr?et@h'"#,
            r#""redis://:se\u0022cr?et@h""#,
            "\"\"\"redis://:se\\\n  \\\"cr?et@h\"\"\"",
        ] {
            let text = format!("a = {value}\nb = 1\n");
            let hidden = shown(&text, Some(&tree(&text)));
            assert!(
                !hidden.contains("se") && !hidden.contains("cr?et") && hidden.contains("b = 1"),
                "{hidden}"
            );
            assert_eq!(hidden.len(), text.len());
        }
    }

    #[test]
    fn a_file_that_is_no_toml_shows_no_secret_either() {
        for line in
            ["url = \"redis://:s3cret", "url = redis://:s3cret@h", "password = s3cret", "secret = \"s3cret"]
        {
            assert!(!shown(&format!("a = 1\n{line}\n"), None).contains("s3cret"), "{line}");
        }
    }
}
