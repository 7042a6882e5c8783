//! What an application with several kinds of operation and entity shows of each: tables for the page and the terminal.
//!
//! Percentiles of several repeats cannot be averaged; each row is of one cell, the strategy's first repeat.

use comfy_table::{CellAlignment, Table, TableStyle};
use maud::{Markup, html};

use super::format;
use super::group::{Group, StrategyRepeats};
use super::headline::NONE;
use super::safety::held;
use super::table::{PageTable, figures, words};
use crate::results::{EntityRow, FigureRow, OperationRow, Results, Verdict};

/// A terminal shows no more rows than this of them.
const MOST_ROWS: usize = 60;

/// The operations of a cell, where it has others than reading and writing one thing.
fn operations<'a>(results: &'a Results, cell: &str) -> Vec<&'a OperationRow> {
    let rows: Vec<_> = results.operations.iter().filter(|row| row.cell == cell).map(|of| &of.row).collect();
    let is_plain = rows.iter().all(|row| row.operation == row.class.name());
    if is_plain { Vec::new() } else { rows }
}

fn first<'a>(entry: &'a StrategyRepeats<'_>) -> Option<&'a str> {
    entry.measured.first().map(|row| row.cell.as_str())
}

fn verdict(verdict: Option<Verdict>) -> String {
    verdict.map_or_else(|| NONE.into(), |verdict| held(verdict).to_owned())
}

fn time(us: Option<f64>) -> String {
    us.map_or_else(|| NONE.into(), format::micros)
}

const OPERATION: [&str; 8] = ["operation", "ops/s", "share", "hit rate", "p50", "p99", "errors", "guarantee"];

fn operation(row: &OperationRow) -> [String; 8] {
    let share = |share: Option<f64>| share.map_or_else(|| NONE.into(), format::percent);
    [
        row.operation.clone(),
        format::count(row.achieved_per_s),
        share(row.share),
        share(row.answers.hit_rate),
        time(row.response.p50_us),
        time(row.response.p99_us),
        format::count((row.answers.errors + row.answers.timeouts) as f64),
        verdict(row.judgement.verdict),
    ]
}

/// The table of operations under the closing table of a run; empty where there are none but reads and writes.
#[must_use]
pub fn closing_table(groups: &[Group<'_>], style: TableStyle) -> String {
    let several = groups.iter().any(|group| group.topology != groups[0].topology);
    let mut table = Table::new();
    table.load_style(style);
    let mut heading = vec!["strategy"];
    heading.extend(several.then_some("topology"));
    let names = heading.len();
    heading.extend(OPERATION);
    table.set_header(heading);
    let mut rows = 0;
    for group in groups {
        for entry in &group.entries {
            let Some(cell) = first(entry) else { continue };
            for (at, row) in operations(group.results, cell).into_iter().enumerate() {
                let name = |text: &str| if at == 0 { text.to_owned() } else { String::new() };
                let mut cells = vec![name(entry.label)];
                cells.extend(several.then(|| name(group.topology)));
                cells.extend(operation(row));
                table.add_row(cells);
                rows += 1;
            }
        }
    }
    if rows == 0 {
        return String::new();
    }
    if rows > MOST_ROWS {
        return format!(
            "{rows} rows of operations, too many for a terminal: operations.csv and report.html have them.\n"
        );
    }
    for at in 1..OPERATION.len() - 1 {
        if let Some(cells) = table.column_mut(names + at) {
            cells.set_cell_alignment(CellAlignment::Right);
        }
    }
    format!("{table}\n")
}

/// The part of the page that says it by operation and by entity; empty where there are none but reads and writes.
#[must_use]
pub fn section(group: &Group<'_>) -> Markup {
    let (mut by_operation, mut by_entity, mut own_figures) =
        (operations_table(), entities_table(), own_figures_table());
    for entry in &group.entries {
        let Some(cell) = first(entry) else { continue };
        let rows = operations(group.results, cell);
        if rows.is_empty() {
            continue;
        }
        for row in rows {
            by_operation.add_with_hint(&under(entry.label, operation(row)), &row.judgement.verdict_reason);
        }
        for row in group.results.entities.iter().filter(|row| row.cell == cell) {
            by_entity.add_with_hint(&under(entry.label, entity(row)), &row.judgement.verdict_reason);
        }
        for row in group.results.application.iter().filter(|row| row.cell == cell) {
            own_figures.add(&under(entry.label, own_figure(row)));
        }
    }
    html! {
        @if !by_operation.is_empty() {
            h3 { "By operation (first repeat)" }
            (by_operation.html())
            h3 { "What is guaranteed of each kind of entity, and what was found (first repeat)" }
            (by_entity.html())
            @if !own_figures.is_empty() {
                h3 { "The application's own figures (first repeat)" }
                (own_figures.html())
            }
        }
    }
}

fn operations_table() -> PageTable {
    let columns = [
        words("strategy"),
        words("operation"),
        figures("ops/s"),
        figures("share"),
        figures("hit rate"),
        figures("p50"),
        figures("p99"),
        figures("errors"),
        words("guarantee"),
    ];
    PageTable::new("By operation", columns)
}

fn entities_table() -> PageTable {
    let columns = [
        words("strategy"),
        words("entity"),
        words("served by"),
        words("guarantee"),
        words("held"),
        figures("audited"),
        figures("stale"),
        figures("oldest"),
        figures("corrupt"),
        figures("lost"),
    ];
    PageTable::new("By kind of entity", columns)
}

fn own_figures_table() -> PageTable {
    let columns = [words("strategy"), words("figure"), figures("value"), words("unit")];
    PageTable::new("The application's own figures", columns)
}

fn own_figure(row: &FigureRow) -> [String; 3] {
    let value = match row.value {
        None => NONE.into(),
        Some(value) if value.fract() == 0.0 => format::count(value),
        Some(value) => format::three_digits(value),
    };
    [row.figure.clone(), value, row.unit.clone()]
}

/// A row that begins with the strategy's label.
fn under<const N: usize>(label: &str, cells: [String; N]) -> Vec<String> {
    std::iter::once(label.to_owned()).chain(cells).collect()
}

fn entity(row: &EntityRow) -> [String; 9] {
    let served = if row.served_by.is_empty() { "the cache itself" } else { &row.served_by };
    [
        row.entity.clone(),
        served.to_owned(),
        row.guarantee.clone(),
        verdict(row.judgement.verdict),
        format::count(row.audited.audited_reads as f64),
        format::count(row.audited.wrong.stale_reads as f64),
        time(row.audited.wrong.stale_age_max_ms.map(|ms| ms * 1e3)),
        format::count(row.audited.wrong.corrupt_reads as f64),
        row.at_end.lost_writes.map_or_else(|| NONE.into(), |lost| format::count(lost as f64)),
    ]
}
