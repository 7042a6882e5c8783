//! Passwords of URLs and secrets, kept out of everything that is shown or written.

use std::ops::Range;

use crate::scenario::{InvalidScenario, SourceLocation, Table, Value, ValueKind};
use crate::store::SecretUrl;

/// The scenario as TOML with every password in a URL struck out.
#[must_use]
pub fn redacted_toml(tree: &Table) -> String {
    let mut tree = tree.clone();
    redact(&mut tree);
    let mut lines = String::new();
    for entry in &tree.entries {
        lines.push_str(&entry.key);
        lines.push_str(" = ");
        lines.push_str(&entry.value.to_toml());
        lines.push('\n');
    }
    lines
}

fn redact(table: &mut Table) {
    for entry in &mut table.entries {
        redact_value(&mut entry.value);
    }
}

fn redact_value(value: &mut Value) {
    match &mut value.kind {
        ValueKind::String(text) => *text = redacted(text),
        ValueKind::Array(items) => items.iter_mut().for_each(redact_value),
        ValueKind::Table(table) => redact(table),
        _ => {}
    }
}

/// A text with the passwords of all URLs in it struck out, and what is given to a key `secret`.
#[must_use]
pub fn redacted(text: &str) -> String {
    with_passwords(text, hidden(text), |_| "***".into())
}

/// What is wrong with a scenario, without the passwords that stand in the file and on the command line.
#[must_use]
pub fn redacted_mistakes(mut invalid: InvalidScenario) -> InvalidScenario {
    // As long as before, since the mistakes point at bytes; the name of a variable is no secret.
    let secret = hidden(&invalid.text).into_iter().filter(|at| !is_variable(&invalid.text[at.clone()]));
    invalid.text = with_passwords(&invalid.text, secret.collect(), |password| "*".repeat(password.len()));
    for mistake in &mut invalid.mistakes {
        mistake.message = redacted(&mistake.message);
        mistake.help = mistake.help.as_deref().map(redacted);
        if let SourceLocation::Option(option) = &mut mistake.place {
            *option = redacted(option);
        }
    }
    invalid
}

fn is_variable(password: &str) -> bool {
    password
        .strip_prefix("${")
        .and_then(|rest| rest.strip_suffix('}'))
        .is_some_and(|name| !name.contains('$'))
}

fn with_passwords(text: &str, at: Vec<Range<usize>>, instead: impl Fn(&str) -> String) -> String {
    let mut shown = text.to_owned();
    for range in at.into_iter().rev() {
        let instead = instead(&text[range.clone()]);
        shown.replace_range(range, &instead);
    }
    shown
}

/// What a text must not show, from its beginning to its end.
fn hidden(text: &str) -> Vec<Range<usize>> {
    let secrets = given_secrets(text);
    let is_inside = |password: &Range<usize>| secrets.iter().any(|secret| secret.contains(&password.start));
    let mut all: Vec<_> = passwords(text).into_iter().filter(|password| !is_inside(password)).collect();
    all.extend(secrets.iter().cloned());
    all.sort_unstable_by_key(|range| range.start);
    all
}

/// What stands after `secret =`: in quotes, or up to the end of the line. The name of a variable is no secret.
fn given_secrets(text: &str) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    for (at, key) in text.match_indices("secret") {
        let rest = &text[at + key.len()..];
        let Some(value) = rest.trim_start_matches([' ', '\t', '"', '\'']).strip_prefix('=') else { continue };
        let value = value.trim_start_matches([' ', '\t', '"', '\'']);
        let start = text.len() - value.len();
        let value = &value[..value.find(['"', '\'', '\n']).unwrap_or(value.len())];
        if !value.is_empty() && !is_variable(value.trim_end()) {
            found.push(start..start + value.len());
        }
    }
    found
}

/// Where passwords stand in a text. A URL reaches to the next quote or the end of the line.
fn passwords(text: &str) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    let mut from = 0;
    while let Some(scheme) = text[from..].find("://").map(|at| from + at) {
        let end = text[scheme..].find(['"', '\'', '\n']).map_or(text.len(), |length| scheme + length);
        if let Some(at) = SecretUrl::new(&text[scheme..end]).password_at() {
            found.push(scheme + at.start..scheme + at.end);
        }
        from = end;
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_url_of_a_text_loses_its_password_and_nothing_else() {
        let text = "a \"redis://:p@ss@h:1/\", \"mongodb://u:q@h\" and redis://h";
        assert_eq!(redacted(text), "a \"redis://:***@h:1/\", \"mongodb://u:***@h\" and redis://h");
        assert_eq!(redacted("--set x=redis://:p@h"), "--set x=redis://:***@h");
        assert_eq!(redacted("nothing: //here@all"), "nothing: //here@all");
    }

    #[test]
    fn a_secret_that_stands_where_it_should_not_is_struck_out_and_the_name_of_a_variable_is_not() {
        let text =
            "secret = \"s3cret\"\nsecret=\"${NAME}\"\n[application]\nsecret = s3cret\n\"secret\" = 's3cret'";
        let shown = "secret = \"***\"\nsecret=\"${NAME}\"\n[application]\nsecret = ***\n\"secret\" = '***'";
        assert_eq!(redacted(text), shown);
        assert_eq!(redacted("application.secret=s3cret"), "application.secret=***");
        assert_eq!(
            redacted("secret = \"redis://:p@h\", \"redis://:p@h\""),
            "secret = \"***\", \"redis://:***@h\""
        );
        assert_eq!(redacted("a secret is no setting"), "a secret is no setting");
    }

    #[test]
    fn a_scenario_that_is_shown_keeps_its_length_and_the_names_of_variables() {
        let text = "a = \"redis://:secret@h\"\nb = \"redis://:${SECRET}@h\"\n".to_owned();
        let invalid = InvalidScenario { path: String::new(), text, mistakes: Vec::new() };
        let shown = redacted_mistakes(invalid).text;
        assert_eq!(shown, "a = \"redis://:******@h\"\nb = \"redis://:${SECRET}@h\"\n");
    }
}
