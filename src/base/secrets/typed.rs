//! What may be a secret in a text that somebody typed, by where it stands: in a URL, or behind a name that says so.

use std::ops::Range;

/// The schemes of URLs that carry passwords.
const SCHEMES: [&str; 9] =
    ["redis", "rediss", "valkey", "valkeys", "redis+unix", "valkey+unix", "unix", "mongodb", "mongodb+srv"];

/// Returns true if the text is the name of a variable of the environment and no secret, as `${NAME}`.
#[must_use]
pub fn is_variable(text: &str) -> bool {
    let name = text.strip_prefix("${").and_then(|rest| rest.strip_suffix('}'));
    name.is_some_and(|name| !name.contains(['$', '{', '}']))
}

/// Returns true if a setting, an option or a parameter of that name holds a secret.
#[must_use]
pub fn is_secret_name(name: &str) -> bool {
    let name = name.trim_start_matches('-').to_ascii_lowercase();
    let parts =
        ["secret", "passw", "passphrase", "pwd", "credential", "mechanismproperties", "api_key", "apikey"];
    let ends = ["pass", "token"];
    ["auth", "masterauth", "pw"].contains(&name.as_str())
        || parts.iter().any(|part| name.contains(part))
        || ends.iter().any(|end| name.ends_with(end))
}

/// The passwords of URLs that are written rightly, wherever they stand in a text.
pub fn in_urls(text: &str) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    for (at, _) in text.match_indices("://") {
        let scheme = &text[..at];
        if !SCHEMES.iter().any(|known| ends_with_ignoring_case(scheme, known)) {
            continue;
        }
        let start = at + "://".len();
        let rest = &text[start..];
        let length = rest.find(|letter: char| letter.is_whitespace() || "\"'`<>\\".contains(letter));
        let url = &rest[..length.unwrap_or(rest.len())];
        in_url(url, ends_with_ignoring_case(scheme, "mongodb"), start, &mut found);
    }
    // What is struck out already keeps its length, since mistakes point at places of a text.
    let is_struck = |password: &str| password.bytes().all(|byte| byte == b'*');
    found.retain(|range| !is_variable(&text[range.clone()]) && !is_struck(&text[range.clone()]));
    found
}

fn ends_with_ignoring_case(text: &str, end: &str) -> bool {
    let from = text.len().checked_sub(end.len());
    from.and_then(|from| text.get(from..)).is_some_and(|tail| tail.eq_ignore_ascii_case(end))
}

/// The secrets of what stands behind `://`: the password, or a user alone, which Redis' users often mean as one, and
/// values of the query whose names say that they are secret.
fn in_url(url: &str, is_mongodb: bool, offset: usize, found: &mut Vec<Range<usize>>) {
    // A password with an unescaped '/', '?' or '@' is a mistake, but must not be shown either.
    let user_end = url.rfind('@');
    if let Some(end) = user_end {
        match url[..end].find(':') {
            Some(colon) => found.push(offset + colon + 1..offset + end),
            None if !is_mongodb && !url[..end].contains('/') => found.push(offset..offset + end),
            None => {}
        }
    }
    let from = user_end.map_or(0, |end| end + 1);
    let Some(query) = url[from..].find('?').map(|at| from + at + 1) else { return };
    let mut at = query;
    for pair in url[query..].split('&') {
        if let Some((name, value)) = pair.split_once('=')
            && is_secret_name(name)
            && !value.is_empty()
        {
            let start = offset + at + name.len() + 1;
            found.push(start..start + value.len());
        }
        at += pair.len() + 1;
    }
}

/// Finds what may be a secret in a line or an argument that somebody typed, also where a URL is written wrongly or a
/// secret was given to a setting that takes none. Rather too much than too little.
#[must_use]
pub fn in_typed(text: &str) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    let mut offset = 0;
    for line in text.split_inclusive('\n') {
        in_typed_line(line.trim_end_matches(['\n', '\r']), offset, &mut found);
        offset += line.len();
    }
    found.retain(|range| !range.is_empty() && !is_variable(&text[range.clone()]));
    merged(found)
}

fn in_typed_line(line: &str, offset: usize, found: &mut Vec<Range<usize>>) {
    let mut from = 0;
    while let Some(at) = line[from..].find("://").map(|at| from + at) {
        let start = at + "://".len();
        // A URL reaches to where the next one begins, as a quote may be part of its password.
        let end = line[start..].find("://").map_or(line.len(), |next| start + next);
        let url = &line[start..end];
        let is_mongodb = ["mongodb", "mongodb+srv"].iter().any(|s| ends_with_ignoring_case(&line[..at], s));
        in_url(url, is_mongodb, offset + start, found);
        if !url.contains('@')
            && let Some(password) = in_unfinished_url(url)
        {
            found.push(offset + start + password.start..offset + start + password.end);
        }
        from = start;
    }
    given_to_names(line, offset, found);
}

/// The password of a URL that lacks its `@`: what stands where a port would, and is none.
fn in_unfinished_url(url: &str) -> Option<Range<usize>> {
    let authority = &url[..url.find(['/', '?', '#', '"', '\'', ' ', ',', ']', '}']).unwrap_or(url.len())];
    let host_end = if authority.starts_with('[') { authority.find(']')? } else { 0 };
    let colon = host_end + authority[host_end..].find(':')?;
    let port = &authority[colon + 1..];
    let is_port = colon > 0 && (port.is_empty() || port.parse::<u16>().is_ok());
    (!is_port).then(|| colon + 1..url.trim_end_matches(['"', '\'', ' ', ',', ']', '}']).len().max(colon + 1))
}

/// Finds what follows a name that says it is secret: `password = "…"`, `--set application.secret=…`, `?password=…`.
fn given_to_names(line: &str, offset: usize, found: &mut Vec<Range<usize>>) {
    for (equals, _) in line.match_indices('=') {
        let before = line[..equals].trim_end_matches([' ', '\t', '"', '\'']);
        let name_at = before.rfind(|letter: char| !letter.is_alphanumeric() && !"_-".contains(letter));
        let name =
            &before[name_at.map_or(0, |at| at + before[at..].chars().next().map_or(1, char::len_utf8))..];
        if !is_secret_name(name) {
            continue;
        }
        let rest = &line[equals + 1..];
        let value = rest.trim_start_matches([' ', '\t']);
        let start = line.len() - value.len();
        let (start, end) = if let Some(quote @ ('"' | '\'')) = value.chars().next() {
            // To the last quote of that kind: one within the secret may have been forgotten to be escaped.
            let opened = value.trim_start_matches(quote);
            let start = line.len() - opened.len();
            let length = opened.find(&format!("{quote},")).or_else(|| opened.rfind(quote));
            (start, start + length.unwrap_or(opened.len()))
        } else {
            let is_query = line[..equals].contains('?');
            let ends = |letter: char| is_query && "&\"' ".contains(letter);
            (start, start + value.find(ends).unwrap_or(value.len()))
        };
        found.push(offset + start..offset + end);
    }
}

/// Ranges in their order, those that overlap or contain another as one.
fn merged(mut ranges: Vec<Range<usize>>) -> Vec<Range<usize>> {
    ranges.sort_unstable_by_key(|range| range.start);
    let mut merged: Vec<Range<usize>> = Vec::new();
    for range in ranges {
        match merged.last_mut() {
            Some(last) if range.start < last.end => last.end = last.end.max(range.end),
            _ => merged.push(range),
        }
    }
    merged
}
