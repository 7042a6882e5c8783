//! The table at the end of a run.

use comfy_table::{CellAlignment, LineStyle, Table, TableStyle};

use super::ReportError;
use super::format;
use super::group::{Group, groups, short_swept};
use super::headline::Headline;
use super::{operations, prediction, ranking, safety};
use crate::base::shown;
use crate::results::{Results, Status};

/// Names longer than this are broken into lines.
const NAME: usize = 30;
/// More failed cells than this of one reason are counted, not named.
const CELLS_TO_NAME: usize = 3;

/// A column: its heading, its figure, and when it may go.
struct Column {
    heading: &'static str,
    figure: fn(&Headline) -> &str,
    /// Where the terminal is narrow, columns go in this order; 0 stays.
    goes: u8,
}

const COLUMNS: &[Column] = &[
    Column { heading: "ops/s", figure: |row| &row.throughput, goes: 0 },
    Column { heading: "hit rate", figure: |row| &row.hit_rate, goes: 0 },
    Column { heading: "read p50", figure: |row| &row.read_p50, goes: 4 },
    Column { heading: "read p99", figure: |row| &row.read_p99, goes: 0 },
    Column { heading: "read p99.9", figure: |row| &row.read_p999, goes: 1 },
    Column { heading: "write p99", figure: |row| &row.write_p99, goes: 3 },
    Column { heading: "db reads/op", figure: |row| &row.db_reads_per_op, goes: 2 },
    Column { heading: "errors", figure: |row| &row.errors, goes: 0 },
    Column { heading: "corrupt", figure: |row| &row.corrupt, goes: 0 },
    Column { heading: "stale", figure: |row| &row.stale, goes: 7 },
    Column { heading: "lost", figure: |row| &row.lost, goes: 6 },
    Column { heading: "guarantee", figure: |row| &row.guarantee, goes: 0 },
    Column { heading: "status", figure: |row| &row.status, goes: 0 },
    Column { heading: "limited by", figure: |row| &row.limited_by, goes: 5 },
];

/// A rule above, below and under the heading.
const RULED: TableStyle = TableStyle::new()
    .top_border(LineStyle::none().fill('─').junction('─'))
    .header_separator(LineStyle::none().fill('─').junction('─'))
    .bottom_border(LineStyle::none().fill('─').junction('─'));

/// The table, what failed and why, and the ranking, no wider than `width` where that is possible.
///
/// # Errors
/// Where an interval log does not read, or the cells were offered unequal operations.
pub fn closing_table(results: &Results, width: usize) -> Result<String, ReportError> {
    if results.summary.is_empty() {
        return Ok("No run has finished.\n".into());
    }
    results.check_comparable()?;
    let groups = groups(results)?;
    let mut text = String::new();
    let (table, left_out) = fitting_table(&groups, width);
    text += &table;
    text.push('\n');
    text += &operations::closing_table(&groups, RULED);
    let mut lines = vec![explanation(results)];
    if !left_out.is_empty() {
        lines.push(format!("Left out at this width: {}; report.html has them.", format::list(&left_out)));
    }
    lines.extend(failures(results));
    lines.extend(groups.iter().flat_map(|group| group.entries.iter().filter_map(safety::sentence)));
    lines.extend(prediction::sentences(&groups));
    lines.extend(groups.iter().filter_map(|group| ranked(group, groups.len() > 1)));
    for line in lines {
        for part in wrapped(&line, width) {
            text += &part;
            text.push('\n');
        }
    }
    Ok(shown::lines(&text).into_owned())
}

/// Leaves out columns until the table fits.
fn fitting_table(groups: &[Group<'_>], width: usize) -> (String, Vec<String>) {
    let mut left_out = Vec::new();
    let most = COLUMNS.iter().map(|column| column.goes).max().unwrap_or(0);
    for gone in 0..=most {
        let text = table(groups, gone).to_string();
        let widest = text.lines().map(|line| line.chars().count()).max().unwrap_or(0);
        left_out = COLUMNS
            .iter()
            .filter(|column| column.goes > 0 && column.goes <= gone)
            .map(|column| column.heading.to_owned())
            .collect();
        if widest <= width {
            return (text, left_out);
        }
    }
    // Narrower than that, cells are broken into lines.
    let mut table = table(groups, most);
    table.set_content_arrangement(comfy_table::ContentArrangement::Dynamic);
    table.set_width(u16::try_from(width).unwrap_or(u16::MAX).max(40));
    (table.to_string(), left_out)
}

fn table(groups: &[Group<'_>], gone: u8) -> Table {
    let columns: Vec<&Column> =
        COLUMNS.iter().filter(|column| column.goes == 0 || column.goes > gone).collect();
    let topologies = groups.iter().any(|group| group.topology != groups[0].topology);
    let swept = groups.iter().any(|group| !group.swept.is_empty());
    let mut heading = vec!["strategy"];
    heading.extend(topologies.then_some("topology"));
    heading.extend(swept.then_some("swept"));
    let names = heading.len();
    heading.extend(columns.iter().map(|column| column.heading));
    let mut table = Table::new();
    table.load_style(RULED);
    table.set_header(heading);
    for group in groups {
        for entry in &group.entries {
            let figures = Headline::of(entry);
            // Before the columns are measured, since a picture is wider than what it stands for.
            let name = |label: &str| wrapped(&shown::line(label), NAME).join("\n");
            let mut row = vec![name(entry.label)];
            row.extend(topologies.then(|| name(group.topology)));
            row.extend(swept.then(|| short_swept(&shown::line(group.swept), "=", "\n")));
            row.extend(columns.iter().map(|column| (column.figure)(&figures).to_owned()));
            table.add_row(row);
        }
    }
    for (at, column) in columns.iter().enumerate() {
        let words = ["guarantee", "status", "limited by"].contains(&column.heading);
        if let Some(cells) = table.column_mut(names + at)
            && !words
        {
            cells.set_cell_alignment(CellAlignment::Right);
        }
    }
    table
}

fn explanation(results: &Results) -> String {
    let repeats = results.summary.iter().map(|row| row.repeat).max().unwrap_or(1);
    let spread = if repeats > 1 { " ops/s: median of the repeats ± half their spread." } else { "" };
    format!("Times are response times, from due to done, of all repeats together.{spread}")
}

fn failures(results: &Results) -> Vec<String> {
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

fn ranked(group: &Group<'_>, several: bool) -> Option<String> {
    let sentence = ranking::sentence(group);
    if sentence.is_empty() {
        return None;
    }
    if !several {
        return Some(sentence);
    }
    let swept = short_swept(group.swept, "=", ", ");
    let name =
        if swept.is_empty() { group.topology.to_owned() } else { format!("{}, {swept}", group.topology) };
    Some(format!("{name}: {sentence}"))
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
