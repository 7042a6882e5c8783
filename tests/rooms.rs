//! The rooms of the project stand in an order, and imports go only downward.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// From the top to the bottom: a room may use those below it.
const ROOMS: &[&str] = &[
    "main",
    "doctor",
    "check",
    "progress",
    "catalog",
    "cli",
    "sizing",
    "recording",
    "monitor",
    "report",
    "run",
    "driver",
    "findings",
    "plan",
    "application",
    "strategy",
    "source",
    "fault",
    "topology",
    "curve",
    "workload",
    "audit",
    "measure",
    "machine",
    "store",
    "scenario",
    "interrupt",
    "observer",
    "trace",
    "results",
    "theory",
    "eviction",
    "hash",
    "memory",
    "units",
    "clock",
];

/// Who uses a room above, which one, and why that is still so.
const EXCEPTIONS: &[(&str, &str, &str)] = &[];

/// Macros stand at the root of the crate, wherever they are declared.
const MACROS: &[(&str, &str)] = &[("settings", "scenario"), ("choices", "scenario")];

fn source_files(directory: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            source_files(&path, files);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
}

/// The code without comments and without what is only there for tests, from `#[cfg(test)]` to the
/// end of the item: a `;`, or the brace in the column where the item began.
fn code(text: &str) -> String {
    let mut kept = String::new();
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        if line.trim() != "#[cfg(test)]" {
            kept.push_str(line.split("//").next().unwrap_or_default());
            kept.push('\n');
            continue;
        }
        let indent = line.len() - line.trim_start().len();
        let end = format!("{}}}", " ".repeat(indent));
        for (nth, tested) in lines.by_ref().enumerate() {
            if tested == end || (nth == 0 && tested.ends_with(';')) {
                break;
            }
        }
    }
    kept
}

fn first_word(text: &str) -> &str {
    let end = text.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(text.len());
    &text[..end]
}

/// The first words of `{a::b, c::{d, e}}`.
fn first_words_of_group(text: &str) -> Vec<&str> {
    let mut words = Vec::new();
    let (mut depth, mut start) = (0, 1);
    for (at, c) in text.char_indices() {
        match c {
            '{' => depth += 1,
            '}' => depth -= 1,
            _ => {}
        }
        if depth == 0 || (depth == 1 && c == ',') {
            words.push(first_word(text[start..at].trim()));
            start = at + 1;
        }
        if depth == 0 {
            break;
        }
    }
    words.retain(|word| !word.is_empty());
    words
}

/// The rooms that a text names by a path from the root of the crate.
fn rooms_named(text: &str, root: &str) -> BTreeSet<String> {
    let mut rooms = BTreeSet::new();
    for (at, _) in text.match_indices(root) {
        let is_whole_word = !text[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_');
        if !is_whole_word {
            continue;
        }
        let path = &text[at + root.len()..];
        let words = if path.starts_with('{') { first_words_of_group(path) } else { vec![first_word(path)] };
        rooms.extend(words.into_iter().map(|word| {
            let at_root = MACROS.iter().find(|(name, _)| *name == word);
            at_root.map_or(word, |(_, room)| room).to_owned()
        }));
    }
    rooms
}

/// Every room with those that it uses, and in which file.
fn uses() -> BTreeMap<(String, String), String> {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    source_files(&source, &mut files);
    let mut uses = BTreeMap::new();
    for file in files {
        let inside = file.strip_prefix(&source).unwrap();
        let room = inside.iter().next().unwrap().to_string_lossy().trim_end_matches(".rs").to_owned();
        if room == "lib" || is_for_tests(inside) {
            continue;
        }
        let text = code(&fs::read_to_string(&file).unwrap());
        let start = if room == "main" { "hotset::" } else { "crate::" };
        for used in rooms_named(&text, start) {
            if used != room {
                uses.insert((room.clone(), used), inside.display().to_string());
            }
        }
        // Further in, or in a module inside the file, `super::` stays in the room.
        let leaves_by_super =
            inside.components().count() == 1 && text.lines().any(|line| line.starts_with("use super::"));
        assert!(!leaves_by_super, "{room}.rs names another room by super::, write crate::");
    }
    uses
}

/// `testing.rs` and `testing/` are declared under `#[cfg(test)]`.
fn is_for_tests(file: &Path) -> bool {
    file.components().any(|part| matches!(part.as_os_str().to_str(), Some("testing" | "testing.rs")))
}

fn height(room: &str) -> usize {
    ROOMS
        .iter()
        .position(|other| *other == room)
        .unwrap_or_else(|| panic!("{room} has no place in the order"))
}

fn is_exception(from: &str, to: &str) -> bool {
    EXCEPTIONS.iter().any(|(user, used, _)| (*user, *used) == (from, to))
}

#[test]
fn imports_go_only_downward() {
    let upward: Vec<String> = uses()
        .iter()
        .filter(|((user, used), _)| height(used) < height(user) && !is_exception(user, used))
        .map(|((user, used), file)| format!("{file}: {user} uses {used}, which stands above it"))
        .collect();
    assert!(upward.is_empty(), "\n{}\n", upward.join("\n"));
}

#[test]
fn every_room_has_a_place_and_every_place_a_room() {
    let library = include_str!("../src/lib.rs");
    let declared: BTreeSet<&str> = library
        .lines()
        .filter_map(|line| line.strip_prefix("pub mod ")?.strip_suffix(';'))
        .chain(["main"])
        .collect();
    assert_eq!(declared, ROOMS.iter().copied().collect());
}

#[test]
fn every_exception_is_still_needed_and_goes_upward() {
    let uses = uses();
    for (user, used, reason) in EXCEPTIONS {
        assert!(height(used) < height(user), "{user} may use {used} anyway");
        assert!(
            uses.contains_key(&((*user).into(), (*used).into())),
            "{user} no longer uses {used}: {reason}"
        );
    }
}

#[test]
fn the_reader_of_imports_sees_groups_paths_and_macros_but_no_comments_and_no_tests() {
    let text = "use crate::{strategy::{A, B}, topology};\n// use crate::report;\ncrate::settings! {}\n\
                let x = crate::run::now(); mycrate::cli();\n#[cfg(test)]\nmod testing;\n\
                #[cfg(test)]\nmod tests {\n    use crate::main;\n}\nuse crate::store::Cache;\n";
    let named = rooms_named(&code(text), "crate::");
    let expected = ["run", "scenario", "store", "strategy", "topology"];
    assert_eq!(named.iter().map(String::as_str).collect::<Vec<_>>(), expected);
}
