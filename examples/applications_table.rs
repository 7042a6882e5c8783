//! The table of `results/example-applications/README.md`, in Markdown, from the results of runs: a row a cell and kind of
//! operation, with what was promised and whether it was kept.
//!
//! `applications_table RESULTS… [-- REASON…]`: the folders of runs, and lines of `hotset check` about what is not run.

use std::collections::BTreeMap;
use std::path::Path;

use hotset::base::units::parse_duration;
use hotset::results::{EntityRow, Of, OperationRow, Results};

type Failure = Box<dyn std::error::Error>;

fn main() -> Result<(), Failure> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let (folders, reasons) = match arguments.iter().position(|argument| argument == "--") {
        Some(at) => (&arguments[..at], &arguments[at + 1..]),
        None => (&arguments[..], &[][..]),
    };
    println!(
        "| strategy | topology | operation | answered | errors | hit rate | p99 | stale, oldest | promised | kept |"
    );
    println!("| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |");
    let mut rows = BTreeMap::new();
    for folder in folders {
        let results = Results::read(Path::new(folder))?;
        let measured_s: BTreeMap<&str, f64> =
            results.summary.iter().map(|row| (row.cell.as_str(), row.measured_s)).collect();
        for (at, row) in results.operations.iter().enumerate() {
            let place = (row.strategy.clone(), row.topology.clone(), folder.clone(), at);
            let measured_s = measured_s.get(row.cell.as_str()).copied().unwrap_or_default();
            rows.insert(place, line(row, &results.entities, measured_s));
        }
        for row in results.summary.iter().filter(|row| row.status == hotset::results::Status::Failed) {
            let place = (row.strategy.clone(), row.topology.clone(), folder.clone(), 0);
            let (strategy, topology) = (&row.strategy, &row.topology);
            rows.insert(
                place,
                format!("| {strategy} | {topology} | all | – | – | – | – | – | – | failed: {} |", row.reason),
            );
        }
    }
    for row in rows.values() {
        println!("{row}");
    }
    for reason in reasons {
        let (cell, why) =
            reason.trim().trim_start_matches("not run: ").split_once(": ").unwrap_or((reason, ""));
        let (strategy, topology) = cell.split_once(" on ").unwrap_or((cell, "all"));
        println!("| {strategy} | {topology} | category_page | – | – | – | – | – | – | refused: {why} |");
    }
    Ok(())
}

/// The guarantee of age: what is promised of loss is the same in all these cells, as nothing is broken in them. A
/// bound that a cell could not see broken is said to be one.
fn promised(guarantee: &str, measured_s: f64) -> String {
    let about = guarantee.split(';').next().unwrap_or_default();
    let bound = about.strip_prefix("stale for at most ").and_then(|bound| parse_duration(bound).ok());
    let is_beyond =
        bound.is_some_and(|bound| bound.as_secs_f64() >= measured_s) || about.contains("until evicted");
    if is_beyond { format!("{about} (beyond the cell)") } else { about.to_owned() }
}

fn line(row: &Of<OperationRow>, entities: &[Of<EntityRow>], measured_s: f64) -> String {
    let shown: Vec<&Of<EntityRow>> = entities
        .iter()
        .filter(|entity| entity.cell == row.cell && row.entities.split(';').any(|name| name == entity.entity))
        .collect();
    let stale: u64 = shown.iter().map(|entity| entity.audited.wrong.stale_reads).sum();
    let oldest = shown.iter().filter_map(|entity| entity.audited.wrong.stale_age_max_ms).fold(0.0, f64::max);
    let promised: Vec<String> = shown
        .iter()
        .map(|entity| {
            let about = promised(&entity.guarantee, measured_s);
            if shown.len() > 1 { format!("{}: {about}", entity.entity) } else { about }
        })
        .collect();
    let percent = row.answers.hit_rate.map_or_else(|| "–".into(), |rate| format!("{:.1} %", rate * 100.0));
    let p99 = row.response.p99_us.map_or_else(|| "–".into(), |us| format!("{:.1} ms", us / 1e3));
    let stale = if stale == 0 { "0".into() } else { format!("{stale}, {oldest:.0} ms") };
    let kept = row.judgement.verdict.map_or_else(
        || "–".into(),
        |verdict| {
            if row.judgement.verdict_reason.is_empty() {
                verdict.name().into()
            } else {
                format!("{}: {}", verdict.name(), row.judgement.verdict_reason)
            }
        },
    );
    format!(
        "| {} | {} | {} | {} | {} | {percent} | {p99} | {stale} | {} | {kept} |",
        row.strategy,
        row.topology,
        row.operation,
        row.operations - row.answers.errors - row.answers.timeouts,
        row.answers.errors + row.answers.timeouts,
        promised.join("; ")
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bound_that_the_cell_could_not_see_broken_is_said_to_be_beyond_it() {
        let of = |guarantee| promised(guarantee, 3.0);
        assert_eq!(of("no stale read; no acknowledged write lost"), "no stale read");
        assert_eq!(of("stale for at most 1.5s; no acknowledged write lost"), "stale for at most 1.5s");
        assert_eq!(of("stale for at most 3s"), "stale for at most 3s (beyond the cell)");
        assert_eq!(of("stale for at most 86405s"), "stale for at most 86405s (beyond the cell)");
        assert_eq!(of("stale until evicted"), "stale until evicted (beyond the cell)");
    }
}
