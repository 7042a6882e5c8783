//! The documents lead where they say, and the README stays short and says what its run says.

use std::{
    collections::HashMap,
    fs,
    path::{Path, PathBuf},
};

const ROOT: &str = env!("CARGO_MANIFEST_DIR");
const README_WORDS: usize = 1500;

/// Every document at the top and in docs/, and those beside the runs that are kept.
fn documents() -> Vec<PathBuf> {
    let root = Path::new(ROOT);
    let mut all = Vec::new();
    let folders = ["", "docs", "results/example-applications", "results/example-decision"];
    for folder in folders.map(|folder| root.join(folder)) {
        let files = fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
        all.extend(files.map(|file| file.expect("the folder can be read").path()));
    }
    all.retain(|path| path.extension().is_some_and(|end| end == "md"));
    all.sort();
    all
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The lines of a document that are outside of its fenced blocks.
fn prose(text: &str) -> impl Iterator<Item = &str> {
    let mut fenced = false;
    text.lines().filter(move |line| {
        let fence = line.trim_start().starts_with("```");
        fenced ^= fence;
        !fence && !fenced
    })
}

/// Returns a line without its code spans.
fn without_code(line: &str) -> String {
    line.split('`').step_by(2).collect::<Vec<_>>().join("`")
}

fn targets(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    for line in prose(text) {
        let line = without_code(line);
        for piece in line.split("](").skip(1) {
            let target = piece.split([')', ' ']).next().unwrap_or_default();
            found.push(target.to_owned());
        }
    }
    found
}

/// A heading's anchor by GitHub's rules.
fn slug(heading: &str) -> String {
    heading
        .trim()
        .to_lowercase()
        .chars()
        .filter_map(|c| match c {
            ' ' => Some('-'),
            '-' | '_' => Some(c),
            c if c.is_alphanumeric() => Some(c),
            _ => None,
        })
        .collect()
}

fn anchors(text: &str) -> Vec<String> {
    let mut seen: HashMap<String, usize> = HashMap::new();
    let mut all = Vec::new();
    for line in prose(text) {
        let heading = line.trim_start_matches('#');
        if heading.len() == line.len() || !heading.starts_with(' ') {
            continue;
        }
        let anchor = slug(heading);
        let before = seen.entry(anchor.clone()).or_default();
        all.push(if *before == 0 { anchor } else { format!("{anchor}-{before}") });
        *before += 1;
    }
    all
}

#[test]
fn every_link_of_the_documents_leads_somewhere() {
    let mut broken = Vec::new();
    let mut followed = 0;
    for document in documents() {
        let text = read(&document);
        for target in targets(&text) {
            if target.contains("://") || target.starts_with("mailto:") {
                continue;
            }
            followed += 1;
            let (file, anchor) = target.split_once('#').unwrap_or((&target, ""));
            let path = if file.is_empty() {
                document.clone()
            } else {
                document.parent().expect("a document is in a folder").join(file)
            };
            let markdown = path.extension().is_some_and(|end| end == "md");
            let there = path.exists()
                && (anchor.is_empty() || !markdown || anchors(&read(&path)).iter().any(|a| a == anchor));
            if !there {
                broken.push(format!("{}: {target}", document.display()));
            }
        }
    }
    assert!(followed > 0, "no link was found at all");
    assert!(broken.is_empty(), "links that lead nowhere:\n{}", broken.join("\n"));
}

#[test]
fn the_page_of_settings_is_what_the_program_prints() {
    let page = read(&Path::new(ROOT).join("docs/settings.md"));
    assert!(
        page == hotset::commands::catalog::settings_page(),
        "docs/settings.md is not what the settings say; write it anew by: cargo run -- list --markdown > docs/settings.md"
    );
}

#[test]
fn the_page_of_columns_is_what_the_program_prints() {
    let page = read(&Path::new(ROOT).join("docs/columns.md"));
    assert!(
        page == hotset::commands::catalog::columns_page(),
        "docs/columns.md is not what the columns say; write it anew by: cargo run -- list columns --markdown > docs/columns.md"
    );
}

#[test]
fn the_table_of_faults_is_what_the_program_prints() {
    let page = read(&Path::new(ROOT).join("docs/faults.md"));
    assert!(
        page.contains(&hotset::commands::catalog::faults_table()),
        "docs/faults.md has another table than the faults say; put there what cargo run -- list faults --markdown prints"
    );
}

#[test]
fn the_readme_is_short_enough_to_be_read() {
    let words = read(&Path::new(ROOT).join("README.md")).split_whitespace().count();
    assert!(words <= README_WORDS, "README.md has {words} words; more belongs in docs/");
}

#[test]
fn the_figures_beside_the_readme_s_picture_are_those_of_that_run() {
    let root = Path::new(ROOT);
    let readme = read(&root.join("README.md"));
    let mut reader = csv::Reader::from_path(root.join("results/example-single-node/results.csv")).unwrap();
    let header = reader.headers().unwrap().clone();
    let rows: Vec<_> = reader.records().map(Result::unwrap).collect();
    for strategy in ["no-cache", "cache-through", "cache-aside"] {
        let row = rows.iter().find(|row| &row[0] == strategy).unwrap();
        let number = |name: &str| {
            let at = header.iter().position(|column| column == name).expect(name);
            row[at].parse::<f64>().expect(name)
        };
        let line = format!(
            "| `{strategy}` | {:.2} ms | {:.2} ms | {:.0} % |",
            number("read.p50") / 1e3,
            number("read.p99") / 1e3,
            number("database.reads_share_of_no_cache") * 100.0
        );
        assert!(readme.contains(&line), "the README does not say: {line}");
    }
}
