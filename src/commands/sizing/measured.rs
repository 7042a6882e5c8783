//! What earlier runs of the scenario measured, as points to lay on the curves.

use std::fs;
use std::path::Path;

use super::studies::{Study, offer_alike, offers_writes, on_write_of, studies};
use crate::results::{CurveRow, CurveSource, Results, SummaryRow, file_safe};
use crate::run::plan::{Cell, Plan};

/// The points of every run below `results/<scenario>/` that ran the very same scenario, options included.
/// Runs that do not read are left out.
#[must_use]
pub fn measured(plan: &Plan, results: &Path) -> Vec<CurveRow> {
    let Ok(runs) = fs::read_dir(results.join(file_safe(&plan.name))) else { return Vec::new() };
    let mut folders: Vec<_> = runs.flatten().map(|run| run.path()).filter(|run| !run.is_symlink()).collect();
    folders.sort();
    let runs = folders.iter().filter_map(|folder| Results::read(folder).ok());
    runs.filter(|run| run.run.scenario_digest == plan.digest).flat_map(|run| of_run(plan, &run)).collect()
}

fn of_run(plan: &Plan, run: &Results) -> Vec<CurveRow> {
    let name = run.path.file_name().unwrap_or_default().to_string_lossy();
    let studies = studies(plan, None);
    let point = |row: &SummaryRow| {
        let cell = plan.cells.iter().find(|cell| cell.id == row.cell)?;
        let study = studies.iter().find(|study| offer_alike(&study.scenario, &cell.scenario))?;
        point(study, cell, row, &name)
    };
    run.summary.iter().filter_map(point).collect()
}

/// `None` where the cell has no capacity in entries.
fn point(study: &Study, cell: &Cell, row: &SummaryRow, run: &str) -> Option<CurveRow> {
    let scenario = &cell.scenario;
    let documents = scenario.dataset.keys.get();
    let entries = scenario.cache.capacity?.entries(documents)?;
    let hits = row.answers.hits + row.answers.negative_hits;
    let embedded = cell.topology.spec.is_embedded();
    let on_write = on_write_of(cell).filter(|_| offers_writes(scenario));
    row.answers.hit_rate.is_some().then(|| CurveRow {
        source: CurveSource::Measured,
        policy: if embedded { scenario.cache.policy.name() } else { scenario.cache.eviction.word() }.into(),
        capacity_entries: Some(entries),
        capacity_share: Some(entries as f64 / documents as f64),
        reads: hits + row.answers.misses + row.answers.bypassed,
        hits,
        hit_rate: row.answers.hit_rate,
        swept: study.swept.clone(),
        on_write: on_write.map_or_else(String::new, |on_write| on_write.word().into()),
        cell: row.cell.clone(),
        run: run.into(),
        ..CurveRow::default()
    })
}
