//! Charts, the HTML report and the closing table, drawn only from what `results` wrote.
//!
//! This room stands on floor 5 and may use `model` and `results`.

pub mod audit;
pub mod canvas;
pub mod capacity_curve;
pub mod charts;
pub mod decision;
pub mod faults;
pub mod figures;
pub mod format;
pub mod group;
pub mod headline;
pub mod html;
pub mod nodes;
pub mod operations;
pub mod prediction;
pub mod safety;
pub mod scorecard;
pub mod stats;
pub mod style;
pub mod table;
pub mod terminal;

use std::fs;
use std::path::{Path, PathBuf};

use crate::results::{CurveRow, Results, ResultsError, write_atomically};
use canvas::render;
use charts::{Chart, REGISTRY};

/// A report could not be drawn.
#[derive(Debug, thiserror::Error)]
pub enum ReportError {
    /// The results do not read, cannot be compared, or the drawings cannot be written.
    #[error(transparent)]
    Results(#[from] ResultsError),
    /// A chart could not be drawn or saved.
    #[error("cannot draw {}: {reason}; check that the folder can be written and the disk has room", path.display())]
    Chart {
        /// The picture.
        path: PathBuf,
        /// What went wrong.
        reason: String,
    },
    /// A chart was asked for that does not exist.
    #[error("there is no chart named {name:?}; there are {known}")]
    UnknownChart {
        /// The name that was asked for.
        name: String,
        /// The names of all charts.
        known: String,
    },
    /// No cell has finished.
    #[error("{} holds no finished cell yet; let the run finish a cell, or go on with --resume", path.display())]
    Empty {
        /// The results folder.
        path: PathBuf,
    },
}

/// What to draw.
#[derive(Debug, Clone, Default)]
pub struct DrawOptions {
    /// Only the charts of these names; empty for all. The HTML report holds the same charts.
    pub charts: Vec<String>,
}

/// Draws every chart of a results folder into its `plots/`, and `report.html`; returns the files that were written.
///
/// # Errors
/// Where the results do not read, were offered unequal operations, or the drawings cannot be written.
pub fn draw(dir: &Path, options: &DrawOptions) -> Result<Vec<PathBuf>, ReportError> {
    let results = Results::read(dir)?;
    if results.summary.is_empty() {
        return Err(ReportError::Empty { path: dir.to_owned() });
    }
    results.check_comparable()?;
    let groups = group::groups(&results)?;
    let plots = dir.join("plots");
    fs::create_dir_all(&plots)
        .map_err(|error| ReportError::Chart { path: plots.clone(), reason: error.to_string() })?;
    let mut written = Vec::new();
    let mut sections = Vec::new();
    for group in &groups {
        let mut pictures = Vec::new();
        for chart in chosen(options)? {
            let Some(canvas) = (chart.draw)(group) else { continue };
            let name = format!("{}{}", chart.name, group.suffix);
            let svg_path = plots.join(format!("{name}.svg"));
            let svg = render::svg(&canvas)
                .map_err(|reason| ReportError::Chart { path: svg_path.clone(), reason })?;
            write_atomically(&svg_path, svg.as_bytes())?;
            let png_path = plots.join(format!("{name}.png"));
            save_png(&canvas, &png_path)?;
            written.extend([svg_path, png_path]);
            pictures.push(html::Picture { alt: chart.summary, svg });
        }
        sections.push(html::Section { group, pictures });
    }
    let page = dir.join("report.html");
    write_atomically(&page, html::page(&results, &groups, &sections).as_bytes())?;
    written.push(page);
    Ok(written)
}

/// Draws a curve of hit rate against capacity into a folder, as `curve.svg` and `curve.png`; returns what was written.
///
/// # Errors
/// Where the drawings cannot be written.
pub fn draw_curve(name: &str, rows: &[CurveRow], dir: &Path) -> Result<Vec<PathBuf>, ReportError> {
    let Some(canvas) = capacity_curve::draw(name, rows) else { return Ok(Vec::new()) };
    let (svg_path, png_path) = (dir.join("curve.svg"), dir.join("curve.png"));
    let failed = |reason| ReportError::Chart { path: svg_path.clone(), reason };
    write_atomically(&svg_path, render::svg(&canvas).map_err(failed)?.as_bytes())?;
    save_png(&canvas, &png_path)?;
    Ok(vec![svg_path, png_path])
}

fn chosen(options: &DrawOptions) -> Result<Vec<&'static Chart>, ReportError> {
    if options.charts.is_empty() {
        return Ok(REGISTRY.iter().collect());
    }
    let find = |name: &String| {
        REGISTRY.iter().find(|chart| chart.name == name).ok_or_else(|| ReportError::UnknownChart {
            name: name.clone(),
            known: format::list(&REGISTRY.iter().map(|chart| chart.name.to_owned()).collect::<Vec<_>>()),
        })
    };
    options.charts.iter().map(find).collect()
}

/// Draws beside the old picture and swaps them, so that a full disk leaves the old one.
fn save_png(canvas: &canvas::Canvas, path: &Path) -> Result<(), ReportError> {
    let failed = |reason: String| ReportError::Chart { path: path.to_owned(), reason };
    let temporary = path.with_extension("tmp.png");
    let saved = render::png(canvas, &temporary)
        .and_then(|()| fs::rename(&temporary, path).map_err(|error| error.to_string()));
    if saved.is_err() {
        // The error of the drawing is the one worth telling.
        let _ = fs::remove_file(&temporary);
    }
    saved.map_err(failed)
}
