//! A comparison as Markdown, for a comment on a pull request: what differs in the open, the rest folded away.

use super::{ComparedRun, Comparison, RowChange, RunChange};
use crate::report::judge::{FigureChange, Finding};
use crate::report::markdown::plain;

/// The comparison in GitHub's Markdown.
#[must_use]
pub fn text(comparison: &Comparison) -> String {
    let run =
        |run: &ComparedRun| format!("- **{}**: {} ({})", run.letter, plain(&run.source), plain(&run.about));
    let mut parts = vec!["### Runs compared".to_owned()];
    parts.extend(comparison.warnings().iter().map(|warning| format!("> [!WARNING]\n> {}", plain(warning))));
    parts.push(comparison.runs.iter().map(run).collect::<Vec<_>>().join("\n"));
    parts.extend(comparison.changes.iter().flat_map(change_parts));
    parts.push(folded("How to read this", &comparison.notes().join("\n\n")));
    parts.join("\n\n") + "\n"
}

/// The paragraphs and tables on one run.
fn change_parts(change: &RunChange) -> Vec<String> {
    let is_found = |finding| matches!(finding, Finding::Worse | Finding::Better);
    let setbacks = change
        .setbacks
        .iter()
        .map(|row| format!("- **{}**: {}", Finding::Worse.word(change.letter), plain(row)));
    let unmatched: Vec<String> = change.unmatched().iter().map(|row| format!("- {}", plain(row))).collect();
    let besides = plain(&change.differences.join("; "));
    let rest = table(change, |finding| !is_found(finding));
    let mut parts = vec![
        format!("**{}**", change.summary()),
        table(change, is_found),
        setbacks.chain(unmatched).collect::<Vec<_>>().join("\n"),
        plain(&change.with_care().unwrap_or_default()),
        if besides.is_empty() { besides } else { format!("What else differs: {besides}.") },
        if rest.is_empty() { rest } else { folded("Every other figure", &rest) },
    ];
    parts.retain(|part| !part.is_empty());
    parts
}

fn folded(summary: &str, text: &str) -> String {
    format!("<details>\n<summary>{summary}</summary>\n\n{text}\n\n</details>")
}

/// The figures whose finding is one of those; empty where there are none.
fn table(change: &RunChange, is_shown: impl Fn(Finding) -> bool) -> String {
    let letter = change.letter;
    let figures = change.rows.iter().flat_map(|row| row.figures.iter().map(move |figure| (row, figure)));
    let shown = figures.filter(|(_, figure)| is_shown(figure.finding));
    let rows: Vec<String> = shown.map(|(row, figure)| line(row, figure, letter)).collect();
    if rows.is_empty() {
        return String::new();
    }
    format!(
        "| strategy | figure | A | {letter} | ratio | 95 % interval | repeats | result |\n\
         | --- | --- | ---: | ---: | ---: | ---: | --- | --- |\n{}",
        rows.join("\n")
    )
}

fn line(row: &RowChange, figure: &FigureChange, letter: char) -> String {
    let [before, after, ratio, interval] = figure.shown();
    let repeats = figure.evidence.map_or(row.pairing, |evidence| evidence.pairing).words();
    let word = figure.finding.word(letter);
    let word = match figure.finding {
        Finding::Worse | Finding::Better => format!("**{word}**"),
        Finding::NotShown | Finding::TooFew | Finding::OnlyBefore | Finding::OnlyAfter => word,
    };
    let name = plain(&row.name);
    format!(
        "| {name} | {} | {before} | {after} | {ratio} | {interval} | {repeats} | {word} |",
        figure.figure.heading
    )
}
