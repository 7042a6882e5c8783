//! The table at the end of a run.

use comfy_table::{CellAlignment, LineStyle, Table, TableStyle};

use super::answer::best;
use super::decision::FoldedPart;
use super::format;
use super::group::{Group, short_swept};
use super::headline::Headline;
use super::{caveats, decision, failures, nearest, operations, prediction, requirements};
use crate::base::shown;
use crate::model::stats::REPEATS_FOR_INTERVAL;
use crate::results::{Criterion, Results, Status, named};

/// Names longer than this are broken into lines.
const NAME: usize = 30;
/// More failed cells than this of one reason are counted, not named.
const CELLS_TO_NAME: usize = 3;

/// A figure, and when its column may go.
struct Column {
    figure: &'static str,
    /// Where the terminal is narrow, columns go in this order; 0 stays.
    goes: u8,
}

/// Stale and lost answers and the database's work are what people decide by, so they are the last to go.
const COLUMNS: &[Column] = &[
    Column { figure: "throughput", goes: 4 },
    Column { figure: "hit_rate", goes: 5 },
    Column { figure: "read.p50", goes: 0 },
    Column { figure: "read.p99", goes: 0 },
    Column { figure: "read.p999", goes: 1 },
    Column { figure: "write.p99", goes: 3 },
    Column { figure: "database.reads_per_op", goes: 0 },
    Column { figure: "failed", goes: 0 },
    Column { figure: "corrupt", goes: 2 },
    Column { figure: "stale_share", goes: 0 },
    Column { figure: "lost", goes: 0 },
    Column { figure: "at_risk", goes: 0 },
];

/// What stands before the best of a column.
const BEST: &str = "*";

/// Columns of words after the figures.
const VERDICT: &str = "guarantee";
const STATUS: &str = "status";
const LIMIT: &str = "limited by";
/// When they go.
const VERDICT_GOES: u8 = 6;
const LIMIT_GOES: u8 = 2;

/// A rule above, below and under the heading.
const RULED: TableStyle = TableStyle::new()
    .top_border(LineStyle::none().fill('─').junction('─'))
    .header_separator(LineStyle::none().fill('─').junction('─'))
    .bottom_border(LineStyle::none().fill('─').junction('─'));

/// The table, what failed and why, and the decision, no wider than `width` where that is possible.
#[must_use]
pub fn closing_table(results: &Results, groups: &[Group<'_>], width: usize) -> String {
    if groups.is_empty() {
        return "No run has finished.\n".into();
    }
    let mut text = String::new();
    let (table, left_out) = fitting_table(groups, width);
    text += &table;
    text.push('\n');
    text += &operations::closing_table(groups, RULED);
    let mut lines: Vec<String> =
        caveats::sentences(results).iter().map(|caveat| format!("Warning: {caveat}")).collect();
    lines.push(explanation(results, groups));
    lines.extend(precision(results));
    if table.contains(BEST) {
        lines.push(format!(
            "{BEST} the best in its group, and those next to it that the data do not tell from it."
        ));
    }
    if !left_out.is_empty() {
        lines.push(format!("Left out at this width: {}; report.html has them.", format::list(&left_out)));
    }
    lines.extend(failed_cells(results));
    lines.extend(failures::lines(results));
    lines.extend(prediction::sentences(groups));
    for line in &lines {
        push_wrapped(&mut text, line, "", width);
    }
    let judged = requirements::judge(groups);
    let required = nearest::lines(&judged, groups.len() > 1);
    if !required.is_empty() {
        text.push('\n');
    }
    for line in &required {
        push_wrapped(&mut text, line, "  ", width);
    }
    let decision = decision::of(groups, &judged);
    for part in &decision.first {
        text.push('\n');
        if !part.heading.is_empty() {
            push_wrapped(&mut text, &format!("{}:", part.heading), "", width);
        }
        for sentence in &part.sentences {
            push_wrapped(&mut text, &format!("{} {}", sentence.tone.sign(), sentence.text), "  ", width);
        }
    }
    for FoldedPart { in_short, part } in &decision.more {
        push_wrapped(&mut text, &format!("{}: {in_short}.", part.heading), "", width);
    }
    shown::lines(&text).into_owned()
}

/// Leaves out columns until the table fits.
fn fitting_table(groups: &[Group<'_>], width: usize) -> (String, Vec<String>) {
    let most = COLUMNS.iter().map(|column| column.goes).chain([VERDICT_GOES, LIMIT_GOES]).max().unwrap_or(0);
    for gone in 0..=most {
        let text = table(groups, gone).to_string();
        let widest = text.lines().map(|line| line.chars().count()).max().unwrap_or(0);
        if widest <= width {
            return (text, left_out(groups, gone));
        }
    }
    // Narrower than that, names are broken into lines.
    let mut table = table(groups, most);
    table.set_content_arrangement(comfy_table::ContentArrangement::Dynamic);
    table.set_width(u16::try_from(width).unwrap_or(u16::MAX).max(40));
    (table.to_string(), left_out(groups, most))
}

/// The figures that are shown: those that may stay and that some strategy has.
fn shown<'a>(groups: &'a [Group<'_>]) -> impl Iterator<Item = (&'static Criterion, u8)> + 'a {
    COLUMNS.iter().filter_map(|column| Some((named(column.figure)?, column.goes))).filter(|(figure, _)| {
        groups.iter().flat_map(|group| &group.entries).any(|of| figure.of(of).is_some())
    })
}

fn stays(goes: u8, gone: u8) -> bool {
    goes == 0 || goes > gone
}

fn left_out(groups: &[Group<'_>], gone: u8) -> Vec<String> {
    let figures = shown(groups).map(|(figure, goes)| (figure.heading, goes));
    let words = [(VERDICT, VERDICT_GOES), (LIMIT, LIMIT_GOES)];
    figures
        .chain(words)
        .filter(|(_, goes)| !stays(*goes, gone))
        .map(|(heading, _)| heading.to_owned())
        .collect()
}

fn table(groups: &[Group<'_>], gone: u8) -> Table {
    let figures: Vec<&Criterion> =
        shown(groups).filter(|(_, goes)| stays(*goes, gone)).map(|(figure, _)| figure).collect();
    let topologies = groups.iter().any(|group| group.topology != groups[0].topology);
    let swept = groups.iter().any(|group| !group.swept.is_empty());
    let mut heading = vec!["strategy"];
    heading.extend(topologies.then_some("topology"));
    heading.extend(swept.then_some("swept"));
    let names = heading.len();
    heading.extend(figures.iter().map(|figure| figure.heading));
    heading.extend(stays(VERDICT_GOES, gone).then_some(VERDICT));
    heading.push(STATUS);
    heading.extend(stays(LIMIT_GOES, gone).then_some(LIMIT));
    let mut table = Table::new();
    table.load_style(RULED);
    table.set_header(heading);
    for group in groups {
        for entry in &group.entries {
            let verdict = Headline::of(entry);
            // Before the columns are measured, since a picture is wider than what it stands for.
            let name = |label: &str| wrapped(&shown::line(label), NAME).join("\n");
            let mut row = vec![name(entry.label)];
            row.extend(topologies.then(|| name(group.topology)));
            row.extend(swept.then(|| short_swept(&shown::line(group.swept), "=", "\n")));
            row.extend(figures.iter().map(|figure| {
                let mark = if best(group, figure).contains(&entry.label) { BEST } else { "" };
                format!("{mark}{}", figure.show(entry))
            }));
            row.extend(stays(VERDICT_GOES, gone).then(|| verdict.guarantee.clone()));
            row.push(verdict.status);
            row.extend(stays(LIMIT_GOES, gone).then_some(verdict.limited_by));
            table.add_row(row);
        }
    }
    for at in names..names + figures.len() {
        if let Some(cells) = table.column_mut(at) {
            cells.set_cell_alignment(CellAlignment::Right);
        }
    }
    table
}

fn explanation(results: &Results, groups: &[Group<'_>]) -> String {
    let repeats = results.summary.iter().map(|row| row.repeat).max().unwrap_or(1);
    let of = match repeats {
        ..=1 => String::new(),
        _ if groups.iter().any(|group| !group.left_out.is_empty()) => {
            " of the undisturbed repeats together".into()
        }
        _ => format!(" of all {repeats} repeats together"),
    };
    let times = format!("Times are response times, from due to done, of what was answered{of}.");
    if repeats as usize >= REPEATS_FOR_INTERVAL {
        times + " statistics.csv has the 95 % interval of every figure, and its ratios."
    } else {
        times
    }
}

/// How well a run with an open number of repeats came to know what it compares.
fn precision(results: &Results) -> Option<String> {
    let known = results.run.precision.as_ref()?;
    Some(format!("Repeats: {}.", known.sentence()))
}

fn failed_cells(results: &Results) -> Vec<String> {
    let mut cells_by_reason: Vec<(&str, Vec<String>)> = Vec::new();
    for row in results.summary.iter().filter(|row| row.status == Status::Failed) {
        match cells_by_reason.iter_mut().find(|(reason, _)| *reason == row.reason) {
            Some((_, cells)) => cells.push(row.cell.clone()),
            None => cells_by_reason.push((&row.reason, vec![row.cell.clone()])),
        }
    }
    let line = |(reason, cells): &(&str, Vec<String>)| {
        let shown = cells.len().min(CELLS_TO_NAME);
        let mut names = cells[..shown].to_vec();
        if shown < cells.len() {
            names.push(format!("{} more", cells.len() - shown));
        }
        format!("Failed: {}: {reason}", format::list(&names))
    };
    cells_by_reason.iter().map(line).collect()
}

/// Adds a paragraph whose lines but the first begin with `indent`.
pub(super) fn push_wrapped(text: &mut String, paragraph: &str, indent: &str, width: usize) {
    for (at, line) in wrapped(paragraph, width.saturating_sub(indent.len()).max(20)).iter().enumerate() {
        if at > 0 {
            *text += indent;
        }
        *text += line;
        text.push('\n');
    }
}

/// The text in lines no longer than this, broken at spaces.
fn wrapped(text: &str, width: usize) -> Vec<String> {
    let mut lines = Vec::new();
    let mut line = String::new();
    for word in text.split_whitespace() {
        if !line.is_empty() && line.chars().count() + 1 + word.chars().count() > width {
            lines.push(std::mem::take(&mut line));
        }
        if !line.is_empty() {
            line.push(' ');
        }
        line += word;
    }
    lines.push(line);
    lines
}
