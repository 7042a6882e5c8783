//! A comparison on the terminal: every figure, and at the end what became of them.

use super::{Comparison, RowChange, RunChange};
use crate::base::shown;
use crate::report::decision::Tone;
use crate::report::judge::{FigureChange, Finding};
use crate::report::terminal::push_wrapped;

const HEADINGS: [&str; 6] = ["", "A", "", "ratio", "95 % interval", ""];
/// Columns whose figures end at the right.
const RIGHT: [bool; 6] = [false, true, true, true, true, false];
/// The gap between columns.
const GAP: &str = "  ";

/// The comparison as lines; paragraphs are no longer than `width`.
#[must_use]
pub fn text(comparison: &Comparison, width: usize) -> String {
    let mut text = String::new();
    let mut say = |paragraph: &str, indent: &str| push_wrapped(&mut text, paragraph, indent, width);
    comparison.warnings().iter().for_each(|warning| say(&format!("WARNING: {warning}"), "  "));
    for run in &comparison.runs {
        say(&format!("{}: {} ({})", run.letter, run.source, run.about), "   ");
    }
    for change in &comparison.changes {
        text.push('\n');
        text += &table(change);
    }
    for change in &comparison.changes {
        text.push('\n');
        push_summary(&mut text, change, width);
    }
    text.push('\n');
    comparison.notes().iter().for_each(|note| push_wrapped(&mut text, note, "", width));
    shown::lines(&text).into_owned()
}

fn push_summary(text: &mut String, change: &RunChange, width: usize) {
    let mut say = |paragraph: &str| push_wrapped(text, paragraph, "  ", width);
    say(&change.summary());
    for (finding, tone) in [(Finding::Worse, Tone::Cost), (Finding::Better, Tone::Gain)] {
        for sentence in change.sentences(finding) {
            say(&format!("{} {}: {sentence}", tone.sign(), finding.word(change.letter)));
        }
    }
    change.unmatched().iter().for_each(|row| say(&format!("{} {row}", Tone::Doubt.sign())));
    if !change.differences.is_empty() {
        say(&format!("What else differs: {}.", change.differences.join("; ")));
    }
}

/// Every figure of every strategy, in columns that are as wide as their widest.
fn table(change: &RunChange) -> String {
    let mut headings = HEADINGS.map(str::to_owned);
    headings[2] = change.letter.to_string();
    let rows: Vec<(&RowChange, Vec<[String; 6]>)> = change
        .rows
        .iter()
        .map(|row| (row, row.figures.iter().map(|figure| cells(figure, row, change.letter)).collect()))
        .collect();
    let lines = || rows.iter().flat_map(|(_, lines)| lines).chain([&headings]);
    let widths: [usize; 6] =
        std::array::from_fn(|at| lines().map(|cells| cells[at].chars().count()).max().unwrap_or(0));
    let mut text = line(&headings, &widths);
    for (row, lines) in &rows {
        let doubts = if row.doubts.is_empty() { String::new() } else { format!("; {}", row.doubts) };
        text += &[&shown::line(&row.name), " (", &row.pairing.words(), &doubts, ")\n"].concat();
        for cells in lines {
            text += &line(cells, &widths);
        }
    }
    text
}

fn cells(figure: &FigureChange, row: &RowChange, letter: char) -> [String; 6] {
    let [before, after, ratio, interval] = figure.shown();
    let word = figure.finding.word(letter);
    // Where it is of other repeats than the rest of its strategy.
    let other = figure.evidence.map(|evidence| evidence.pairing).filter(|pairing| *pairing != row.pairing);
    let word = other.map_or(word.clone(), |pairing| format!("{word} ({})", pairing.words()));
    [figure.figure.heading.to_owned(), before, after, ratio, interval, word]
}

fn line(cells: &[String; 6], widths: &[usize; 6]) -> String {
    let mut text = String::from(GAP);
    for ((cell, width), right) in cells.iter().zip(widths).zip(RIGHT) {
        let space = " ".repeat(width.saturating_sub(cell.chars().count()));
        let (before, after) = if right { (space.as_str(), "") } else { ("", space.as_str()) };
        text += before;
        text += cell;
        text += after;
        text += GAP;
    }
    text.truncate(text.trim_end().len());
    text + "\n"
}
