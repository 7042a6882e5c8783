//! The rooms of the project stand on floors and imports go only downward; among files there are no circles, and no two
//! of them give a type the same name.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use proc_macro2::{Delimiter, Group, TokenStream, TokenTree};

/// From the top to the bottom: a room may use those on the floors below its own, and none beside it.
const FLOORS: &[&[&str]] = &[
    &["main"],
    &["commands"],
    &["run", "monitor", "report"],
    &["application"],
    &["strategy", "topology", "measure"],
    &["store", "load", "audit"],
    &["scenario", "model", "results"],
    &["base"],
];

/// The files that close a circle, each with the file by whose use it does, and why that is still so.
const CIRCLES: &[(&str, &str, &str)] = &[
    (
        "application/any_source.rs",
        "application/ecommerce/pages.rs",
        "one enum holds the sources of all applications, so that a strategy is compiled once for all of them",
    ),
    (
        "topology/calibrate.rs",
        "topology/cache.rs",
        "the methods of a deployment that find its servers' limits are a file of their own",
    ),
];

/// The names of types that several files declare, each with the reason.
const SHARED_NAMES: &[(&str, &str)] = &[
    (
        "Own",
        "the settings of one strategy beside those that strategies share; the name of its module tells which",
    ),
    (
        "Spec",
        "the settings of one strategy, topology, application or fault; the name of its module tells which",
    ),
];

/// The longest that `main.rs` may be: it is a list of steps.
const LINES_OF_MAIN: usize = 120;

type Name = Vec<String>;

/// A path that stands in a module, which may be one inside a file.
struct Named {
    at: Name,
    path: Name,
}

/// A path that a `use` brings in, and by which name.
struct Import {
    named: Named,
    name: String,
    is_public: bool,
}

/// The names in the code of a file; comments, texts and what is only there for tests are not part of it.
#[derive(Default)]
struct File {
    path: String,
    imports: Vec<Import>,
    paths: Vec<Named>,
    macros: Vec<String>,
    /// The types and traits that it declares for others, also in the call of a macro.
    types: Vec<String>,
}

fn is_punct(token: Option<&TokenTree>, wanted: char) -> bool {
    matches!(token, Some(TokenTree::Punct(punct)) if punct.as_char() == wanted)
}

fn ident(token: Option<&TokenTree>) -> Option<String> {
    match token {
        Some(TokenTree::Ident(ident)) => Some(ident.to_string()),
        _ => None,
    }
}

fn group(token: Option<&TokenTree>, delimiter: Delimiter) -> Option<&Group> {
    match token {
        Some(TokenTree::Group(group)) if group.delimiter() == delimiter => Some(group),
        _ => None,
    }
}

fn is_double_colon(tokens: &[TokenTree], at: usize) -> bool {
    is_punct(tokens.get(at), ':') && is_punct(tokens.get(at + 1), ':')
}

/// Returns true if the word at `at` stands behind `pub` or `pub(…)`.
fn is_public(tokens: &[TokenTree], at: usize) -> bool {
    let before = |back: usize| at.checked_sub(back).and_then(|at| tokens.get(at));
    let is_pub = |back: usize| ident(before(back)).is_some_and(|word| word == "pub");
    is_pub(1) || is_pub(2) && group(before(1), Delimiter::Parenthesis).is_some()
}

/// The index behind the item that begins at `at`: behind its `;`, or behind its braces.
fn end_of_item(tokens: &[TokenTree], mut at: usize) -> usize {
    while at < tokens.len() {
        at += 1;
        if is_punct(tokens.get(at - 1), ';') {
            break;
        }
        if group(tokens.get(at - 1), Delimiter::Brace).is_some() {
            return if is_punct(tokens.get(at), ';') { at + 1 } else { at };
        }
    }
    at
}

impl File {
    fn parse(path: String, module: &[String], text: &str) -> Self {
        let tokens: TokenStream = text.parse().unwrap_or_else(|error| panic!("{path}: {error}"));
        let mut file = Self { path, ..Self::default() };
        file.read(tokens, module);
        file
    }

    fn read(&mut self, tokens: TokenStream, module: &[String]) {
        let tokens: Vec<TokenTree> = tokens.into_iter().collect();
        let mut at = 0;
        while at < tokens.len() {
            let next = tokens.get(at + 1);
            let attribute = group(next, Delimiter::Bracket).filter(|_| is_punct(tokens.get(at), '#'));
            let is_pub = ident(tokens.get(at)).is_some_and(|word| word == "pub");
            if attribute.is_some_and(|attribute| attribute.stream().to_string() == "cfg (test)") {
                at = end_of_item(&tokens, at + 2);
            } else if is_pub && group(next, Delimiter::Parenthesis).is_some() {
                // Who may see it is no use of it.
                at += 2;
            } else if let TokenTree::Group(inner) = &tokens[at] {
                self.read(inner.stream(), module);
                at += 1;
            } else if let Some(word) = ident(tokens.get(at)) {
                at = self.read_word(&tokens, at, &word, module);
            } else {
                at += 1;
            }
        }
    }

    /// Reads what begins with a word, and returns the index behind it.
    fn read_word(&mut self, tokens: &[TokenTree], at: usize, word: &str, module: &[String]) -> usize {
        let next = tokens.get(at + 1);
        match word {
            "use" => {
                let end = (at..tokens.len()).find(|&i| is_punct(tokens.get(i), ';')).unwrap_or(tokens.len());
                self.read_use(&tokens[at + 1..end], &[], module, is_public(tokens, at));
                end
            }
            "mod" if group(tokens.get(at + 2), Delimiter::Brace).is_some() => {
                let inside = [module, &[ident(next).unwrap_or_default()]].concat();
                if let Some(TokenTree::Group(body)) = tokens.get(at + 2) {
                    self.read(body.stream(), &inside);
                }
                at + 3
            }
            "macro_rules" => {
                self.macros.extend(ident(tokens.get(at + 2)));
                at + 3
            }
            "struct" | "enum" | "union" | "trait" | "type" if is_public(tokens, at) => {
                self.types.extend(ident(next));
                at + 2
            }
            _ => {
                let mut path = vec![word.to_owned()];
                let mut end = at + 1;
                while is_double_colon(tokens, end)
                    && let Some(word) = ident(tokens.get(end + 2))
                {
                    path.push(word);
                    end += 3;
                }
                let goes_on = at > 1 && is_double_colon(tokens, at - 2);
                if path.len() > 1 && !goes_on {
                    self.paths.push(Named { at: module.to_vec(), path });
                }
                end
            }
        }
    }

    /// Reads the tree of a `use`, of which `before` is what stands before the braces around it.
    fn read_use(&mut self, tokens: &[TokenTree], before: &[String], module: &[String], is_public: bool) {
        let mut path = before.to_vec();
        let mut name = None;
        let mut at = 0;
        while at < tokens.len() {
            if let Some(word) = ident(tokens.get(at)) {
                if word == "as" {
                    name = ident(tokens.get(at + 1));
                    at += 1;
                } else if word != "self" || path.is_empty() {
                    path.push(word);
                }
            } else if is_punct(tokens.get(at), '*') {
                name = Some("*".to_owned());
            } else if let Some(braces) = group(tokens.get(at), Delimiter::Brace) {
                let inner: Vec<TokenTree> = braces.stream().into_iter().collect();
                for part in inner.split(|token| is_punct(Some(token), ',')).filter(|part| !part.is_empty()) {
                    self.read_use(part, &path, module, is_public);
                }
                return;
            }
            at += 1;
        }
        let name = name.or_else(|| path.last().cloned()).unwrap_or_default();
        self.imports.push(Import { named: Named { at: module.to_vec(), path }, name, is_public });
    }
}

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

/// `testing.rs` and `testing/` are declared under `#[cfg(test)]`.
fn is_for_tests(file: &Path) -> bool {
    file.components().any(|part| matches!(part.as_os_str().to_str(), Some("testing" | "testing.rs")))
}

fn module_of(file: &Path) -> Name {
    let mut module: Name = file.with_extension("").iter().map(|part| part.to_string_lossy().into()).collect();
    module.pop_if(|last| last == "mod");
    module
}

/// Every file of the project by the module that it is.
struct Sources(BTreeMap<Name, File>);

impl Sources {
    fn read() -> Self {
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
        let mut files = Vec::new();
        source_files(&source, &mut files);
        let inside = files.iter().map(|file| (file, file.strip_prefix(&source).unwrap()));
        Self::of(
            inside
                .filter(|(_, inside)| !is_for_tests(inside) && *inside != Path::new("lib.rs"))
                .map(|(file, inside)| (inside.to_path_buf(), fs::read_to_string(file).unwrap())),
        )
    }

    fn of(files: impl Iterator<Item = (PathBuf, String)>) -> Self {
        Self(
            files
                .map(|(path, text)| {
                    let module = module_of(&path);
                    let file = File::parse(path.display().to_string(), &module, &text);
                    (module, file)
                })
                .collect(),
        )
    }

    /// A path from the root of the crate, or none where it leads out of it.
    fn resolve(&self, named: &Named, depth: u8) -> Option<Name> {
        let Named { at, path } = named;
        let supers = path.iter().take_while(|word| *word == "super").count();
        if supers > 0 {
            return Some([&at[..at.len().checked_sub(supers)?], &path[supers..]].concat());
        }
        match path[0].as_str() {
            "crate" | "hotset" => Some(path[1..].to_vec()),
            "self" => Some([at, &path[1..]].concat()),
            first => {
                let child = [at.as_slice(), &path[..1]].concat();
                if self.0.contains_key(&child) {
                    return Some([at.as_slice(), path].concat());
                }
                // The name of something that is imported, such as a module.
                let imported = self
                    .file_of(at)
                    .and_then(|file| file.imports.iter().find(|import| import.name == first))
                    .filter(|import| import.named.path[0] != first && depth > 0)?;
                let start = self.resolve(&imported.named, depth - 1)?;
                Some([start.as_slice(), &path[1..]].concat())
            }
        }
    }

    /// The file that a module is, or in which it stands.
    fn file_of(&self, module: &[String]) -> Option<&File> {
        (1..=module.len()).rev().find_map(|length| self.0.get(&module[..length]))
    }

    /// The file that declares what a path from the root leads to, behind what other files only hand on. Modules inside
    /// a file see what it imports, so that this may be handed on too, and may lead out of the crate.
    fn home(&self, path: &[String], depth: u8) -> Option<&File> {
        let length = (1..=path.len()).rev().find(|length| self.0.contains_key(&path[..*length]))?;
        let (module, file) = (&path[..length], &self.0[&path[..length]]);
        let import = path
            .get(length)
            .and_then(|name| file.imports.iter().find(|import| import.name == *name))
            .filter(|import| depth > 0 && import.named.at == module);
        match import {
            Some(import) => {
                let start = self.resolve(&import.named, depth - 1)?;
                self.home(&[start.as_slice(), &path[length + 1..]].concat(), depth - 1)
            }
            None => Some(file),
        }
    }

    /// Returns what a module names, as paths from the root. What it only hands on to others is not used by it.
    fn named_by(&self, file: &File) -> BTreeSet<Name> {
        let imports = file.imports.iter().filter(|import| !import.is_public).map(|import| &import.named);
        let paths = imports.chain(&file.paths).filter_map(|named| self.resolve(named, 4));
        // A macro stands at the root of the crate, wherever it is declared.
        paths
            .map(|path| {
                match self.0.iter().find(|(_, file)| path.len() == 1 && file.macros.contains(&path[0])) {
                    Some((module, _)) => module.clone(),
                    None => path,
                }
            })
            .filter(|path| !path.is_empty())
            .collect()
    }

    /// Every room with those that it uses, and in which file.
    fn uses_among_rooms(&self) -> BTreeMap<(String, String), String> {
        let mut uses = BTreeMap::new();
        for (module, file) in &self.0 {
            for path in self.named_by(file) {
                if path[0] != module[0] {
                    uses.insert((module[0].clone(), path[0].clone()), file.path.clone());
                }
            }
        }
        uses
    }

    /// Every name of a type that several files declare, with these files.
    fn shared_names(&self) -> BTreeMap<&str, BTreeSet<&str>> {
        let mut files: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
        for file in self.0.values() {
            for name in &file.types {
                files.entry(name).or_default().insert(&file.path);
            }
        }
        files.retain(|_, files| files.len() > 1);
        files
    }

    /// Every file with those that declare what it uses.
    fn uses_among_files(&self) -> BTreeMap<&str, BTreeSet<&str>> {
        let homes = |file| self.named_by(file).into_iter().filter_map(|path| self.home(&path, 8));
        self.0
            .values()
            .map(|file| {
                let used = homes(file).map(|home| home.path.as_str());
                (file.path.as_str(), used.filter(|used| *used != file.path).collect())
            })
            .collect()
    }
}

fn height(room: &str) -> usize {
    FLOORS
        .iter()
        .rev()
        .position(|floor| floor.contains(&room))
        .unwrap_or_else(|| panic!("{room} stands on no floor"))
}

/// Returns the way from `from` to `to`, if there is one.
fn way<'a>(uses: &BTreeMap<&'a str, BTreeSet<&'a str>>, from: &'a str, to: &str) -> Option<Vec<&'a str>> {
    let mut came_from = BTreeMap::from([(from, from)]);
    let mut next = vec![from];
    while let Some(file) = next.pop() {
        if file == to {
            let mut way = vec![file];
            while *way.last()? != from {
                way.push(came_from[way.last()?]);
            }
            way.reverse();
            return Some(way);
        }
        for used in uses.get(file).into_iter().flatten() {
            if !came_from.contains_key(used) {
                came_from.insert(used, file);
                next.insert(0, used);
            }
        }
    }
    None
}

/// Each circle once, as the way round it.
fn circles(uses: &BTreeMap<&str, BTreeSet<&str>>) -> Vec<String> {
    let mut seen = BTreeSet::new();
    let mut found = Vec::new();
    for (file, used) in uses {
        for used in used {
            if let Some(back) = way(uses, used, file)
                && seen.insert(back.iter().copied().collect::<BTreeSet<_>>())
            {
                found.push(format!("{file} uses {}", back.join(", which uses ")));
            }
        }
    }
    found
}

#[test]
fn imports_go_only_downward() {
    let uses = Sources::read().uses_among_rooms();
    let upward: Vec<String> = uses
        .iter()
        .filter(|((user, used), _)| height(used) >= height(user))
        .map(|((user, used), file)| format!("{file}: {user} uses {used}, which does not stand below it"))
        .collect();
    assert!(upward.is_empty(), "\n{}\n", upward.join("\n"));
}

#[test]
fn every_room_stands_on_a_floor_and_every_place_is_taken() {
    let library = include_str!("../src/lib.rs");
    let declared: BTreeSet<&str> = library
        .lines()
        .filter_map(|line| line.strip_prefix("pub mod ")?.strip_suffix(';'))
        .chain(["main"])
        .collect();
    assert_eq!(declared, FLOORS.concat().into_iter().collect());
}

#[test]
fn no_file_uses_another_that_uses_it() {
    let sources = Sources::read();
    let mut uses = sources.uses_among_files();
    for (user, used, reason) in CIRCLES {
        let is_used = uses.get_mut(user).is_some_and(|files| files.remove(used));
        assert!(is_used, "{user} no longer uses {used}: {reason}");
        assert!(way(&uses, used, user).is_some(), "{user} may use {used}, there is no circle: {reason}");
    }
    let found = circles(&uses);
    assert!(found.is_empty(), "\n{}\n", found.join("\n"));
}

#[test]
fn no_two_files_give_a_type_the_same_name() {
    let sources = Sources::read();
    let mut shared = sources.shared_names();
    for (name, reason) in SHARED_NAMES {
        assert!(shared.remove(name).is_some(), "at most one file declares {name}: {reason}");
    }
    let found: Vec<String> = shared
        .into_iter()
        .map(|(name, files)| format!("{name}: {}", files.into_iter().collect::<Vec<_>>().join(", ")))
        .collect();
    assert!(found.is_empty(), "\n{}\n", found.join("\n"));
}

#[test]
fn main_is_a_list_of_steps() {
    let lines = include_str!("../src/main.rs").lines().count();
    assert!(
        lines <= LINES_OF_MAIN,
        "main.rs has {lines} lines; the steps of a command have files of their own"
    );
}

fn sources_of(files: &[(&str, &str)]) -> Sources {
    Sources::of(files.iter().map(|(path, text)| (PathBuf::from(path), (*text).to_owned())))
}

#[test]
fn the_reader_of_imports_sees_groups_paths_and_macros_but_no_comments_and_no_tests() {
    let text = "use crate::{strategy::{A, B}, topology};\n// use crate::report;\ncrate::settings! {}\n\
                fn f() { let x = crate::run::now(\"crate::cli::a\"); mycrate::cli(); }\n#[cfg(test)]\nmod testing;\n\
                #[cfg(test)]\nmod tests {\n    use crate::main;\n}\n#[cfg(test)]\nuse crate::{audit::A, plan};\n\
                use crate::store::Cache;\n";
    let sources =
        sources_of(&[("a/b.rs", text), ("scenario/reader.rs", "macro_rules! settings { () => {} }")]);
    let uses = sources.uses_among_rooms();
    let named: Vec<&str> = uses.keys().map(|(_, used)| used.as_str()).collect();
    assert_eq!(named, ["run", "scenario", "store", "strategy", "topology"]);
}

#[test]
fn a_circle_is_seen_through_what_a_file_hands_on() {
    let sources = sources_of(&[
        ("a/mod.rs", "pub mod b; pub mod c; pub use b::B;"),
        ("a/b.rs", "use super::c::C; pub struct B;"),
        ("a/c.rs", "pub struct C; mod inner { fn f(_: super::super::B) {} }"),
    ]);
    assert_eq!(circles(&sources.uses_among_files()), ["a/b.rs uses a/c.rs, which uses a/b.rs"]);
}

#[test]
fn a_file_that_only_hands_on_what_others_declare_closes_no_circle() {
    let sources = sources_of(&[
        ("a/mod.rs", "pub mod b; pub mod c; pub use b::B; pub use self::c::C;"),
        ("a/b.rs", "use super::C; use crate::a; fn f(_: a::C) {} pub struct B;"),
        ("a/c.rs", "pub struct C;"),
    ]);
    let uses = sources.uses_among_files();
    assert_eq!(uses["a/b.rs"], BTreeSet::from(["a/c.rs", "a/mod.rs"]));
    assert_eq!(circles(&uses), Vec::<String>::new());
}

#[test]
fn a_name_is_shared_by_what_files_declare_for_others_but_not_by_private_types_and_those_of_tests() {
    let sources = sources_of(&[
        (
            "a/b.rs",
            "pub struct A; pub(super) enum B {} crate::settings! { pub struct C {} } pub(in crate::a) type D = u8; \
             pub trait E {} struct F; #[cfg(test)] mod tests { pub struct G; } pub use c::H;",
        ),
        (
            "a/c.rs",
            "pub trait A {} words! { pub enum B {} } pub struct C; mod inner { pub struct D; } pub trait E {} \
             pub struct F; pub struct G; pub struct H;",
        ),
    ]);
    let names: Vec<&str> = sources.shared_names().into_keys().collect();
    assert_eq!(names, ["A", "B", "C", "D", "E"]);
}

/// The words between backticks.
fn quoted(text: &str) -> BTreeSet<String> {
    text.split('`').skip(1).step_by(2).map(|word| word.trim_end_matches('/').to_owned()).collect()
}

#[test]
fn every_room_says_on_which_floor_it_stands_and_what_it_may_use() {
    let uses = Sources::read().uses_among_rooms();
    for room in FLOORS[1..].concat() {
        let path = format!("{}/src/{room}/mod.rs", env!("CARGO_MANIFEST_DIR"));
        let text = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"));
        let header: Vec<&str> = text.lines().map_while(|line| line.strip_prefix("//!")).collect();
        let header = header.join("");
        let said =
            header.split("This room stands on floor ").nth(1).unwrap_or_else(|| panic!("{path}: no floor"));
        assert!(said.starts_with(&format!("{} and ", height(room))), "{path}: floor {}", height(room));
        let allowed = uses.keys().filter(|(user, _)| user == room).map(|(_, used)| used.clone()).collect();
        assert_eq!(quoted(said), allowed, "{path}");
    }
}

#[test]
fn the_table_of_floors_in_architecture_is_that_of_this_test() {
    let text = include_str!("../ARCHITECTURE.md");
    let rows = text.lines().filter_map(|line| {
        let mut columns = line.strip_prefix("| ")?.split(" | ");
        let floor: usize = columns.next()?.parse().ok()?;
        Some((floor, quoted(columns.next()?).pop_first()?))
    });
    let rooms = FLOORS[1..].iter().flat_map(|floor| floor.iter());
    let expected: Vec<(usize, String)> = rooms.map(|room| (height(room), (*room).to_owned())).collect();
    assert_eq!(rows.collect::<Vec<_>>(), expected);
}
