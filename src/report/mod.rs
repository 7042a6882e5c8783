//! Charts, the HTML report and the closing table, drawn only from what `results` wrote.
//!
//! This room stands on floor 5 and may use `base`, `model`, `results` and `scenario`.

mod answer;
pub mod audit;
pub mod canvas;
pub mod capacity_curve;
pub mod charts;
pub mod compare;
pub mod criteria;
pub mod decision;
pub mod failures;
mod faults;
pub mod format;
pub mod group;
pub mod headline;
pub mod html;
pub mod machine_files;
pub mod nodes;
pub mod operations;
pub mod picture;
pub mod prediction;
pub mod requirements;
pub mod safety;
pub mod scorecard;
pub mod stats;
pub mod style;
pub mod table;
pub mod terminal;

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::results::{CurveRow, Results, ResultsError, write_atomically};
use canvas::{Canvas, render, svg};
use charts::{InSweep, REGISTRY, RUN_REGISTRY};
use group::{Group, is_sweep};

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
    #[error("there is no chart named {name:?} of this run; {help}")]
    UnknownChart {
        /// The name that was asked for.
        name: String,
        /// The nearest name, and all others.
        help: String,
    },
    /// A chart was asked for that the run has nothing to show in.
    #[error("{} has nothing to show in the chart {name}; `hotset list charts` says what each shows", path.display())]
    NothingToShow {
        /// The name that was asked for.
        name: String,
        /// The results folder.
        path: PathBuf,
    },
    /// The page that is there shows more runs than the results still hold.
    #[error("{} is of {shown} runs and summary.csv has {left} now{}; the page and its charts are kept: put the rows back, or move report.html aside to draw what is left", path.display(), without(missing))]
    Fewer {
        /// The page.
        path: PathBuf,
        /// The runs that it shows, or that have finished.
        shown: usize,
        /// The rows that there are.
        left: usize,
        /// The runs without a row; empty where they are not known.
        missing: String,
    },
    /// No cell has finished.
    #[error("{} holds no finished cell yet; let the run finish a cell, or go on with --resume", path.display())]
    Empty {
        /// The results folder.
        path: PathBuf,
    },
}

fn without(missing: &str) -> String {
    if missing.is_empty() { String::new() } else { format!(" (without {missing})") }
}

/// The name of the page in its results folder.
const PAGE: &str = "report.html";
/// More lost runs than this are counted, not named.
const CELLS_TO_NAME: usize = 3;

/// Draws every chart of a results folder into its `plots/`, and `report.html`; returns the files that were written.
///
/// # Errors
/// Where the results do not read, were offered unequal operations, or the drawings cannot be written.
pub fn draw(dir: &Path) -> Result<Vec<PathBuf>, ReportError> {
    let results = checked(dir)?;
    keep_a_page_of_more(&results)?;
    let groups = group::groups(&results)?;
    let mut plots = Plots::within(dir)?;
    let of_run = plots.of_run(&groups)?;
    let mut sections = Vec::new();
    for group in &groups {
        let pictures = plots.of_group(group, &groups)?;
        sections.push(html::Section { group, pictures });
    }
    let page = dir.join(PAGE);
    write_atomically(&page, html::page(&results, &groups, &of_run, &sections).as_bytes())?;
    plots.written.push(page);
    Ok(plots.written)
}

/// Results of which there is something to draw.
fn checked(dir: &Path) -> Result<Results, ReportError> {
    let results = Results::read(dir)?;
    if results.summary.is_empty() {
        return Err(ReportError::Empty { path: dir.to_owned() });
    }
    results.check_comparable()?;
    Ok(results)
}

/// The folder of the charts while it is filled.
struct Plots {
    folder: PathBuf,
    written: Vec<PathBuf>,
}

impl Plots {
    fn within(dir: &Path) -> Result<Self, ReportError> {
        let folder = dir.join("plots");
        fs::create_dir_all(&folder)
            .map_err(|error| ReportError::Chart { path: folder.clone(), reason: error.to_string() })?;
        Ok(Self { folder, written: Vec::new() })
    }

    fn of_run(&mut self, groups: &[Group<'_>]) -> Result<Vec<html::Picture>, ReportError> {
        let drawn = RUN_REGISTRY.iter().filter_map(|chart| Some((chart.name, (chart.draw)(groups)?)));
        drawn.map(|(name, canvas)| self.save(name, &canvas)).collect()
    }

    /// The charts of a group; none of one that lies between the ends of a sweep.
    fn of_group(
        &mut self,
        group: &Group<'_>,
        groups: &[Group<'_>],
    ) -> Result<Vec<html::Picture>, ReportError> {
        let sweep = is_sweep(groups);
        if sweep && !decision::told(groups).iter().any(|told| told.suffix == group.suffix) {
            return Ok(Vec::new());
        }
        let charts = REGISTRY.iter().filter(|chart| !sweep || chart.in_sweep == InSweep::Ends);
        let drawn = charts.filter_map(|chart| Some((chart.name, (chart.draw)(group)?)));
        drawn.map(|(name, canvas)| self.save(&format!("{name}{}", group.suffix), &canvas)).collect()
    }

    fn save(&mut self, name: &str, canvas: &Canvas) -> Result<html::Picture, ReportError> {
        let svg_path = self.folder.join(format!("{name}.svg"));
        let svg = svg::svg(canvas);
        write_atomically(&svg_path, svg.as_bytes())?;
        let png_path = self.folder.join(format!("{name}.png"));
        replacing(&png_path, |path| render::png(canvas, path))?;
        self.written.extend([svg_path, png_path]);
        Ok(html::Picture { finding: canvas.finding.clone(), svg })
    }
}

/// What a run comes to, for the script that started it.
#[derive(Debug)]
pub struct SummedUp {
    /// True if a requirement is missed.
    pub missed: bool,
    /// The requirements as JUnit's XML.
    pub junit: String,
    /// The files that were written.
    pub written: Vec<PathBuf>,
}

/// Writes the numbers of the page for machines, and holds the run to what its scenario requires.
///
/// # Errors
/// Where the results do not read, were offered unequal operations, or the files cannot be written.
pub fn conclude(dir: &Path) -> Result<SummedUp, ReportError> {
    let results = Results::read(dir)?;
    results.check_comparable()?;
    let groups = group::groups(&results)?;
    let judged = requirements::judge(&groups);
    let failed = |name: &str| {
        let path = dir.join(name);
        move |reason: String| ReportError::Chart { path, reason }
    };
    let mut files = vec![
        (
            machine_files::RESULTS,
            machine_files::results_csv(&groups).map_err(failed(machine_files::RESULTS))?,
        ),
        (
            machine_files::SUMMARY_JSON,
            machine_files::summary_json(&results, &groups, &judged)
                .map_err(failed(machine_files::SUMMARY_JSON))?,
        ),
        (
            machine_files::SUMMARY_MARKDOWN,
            machine_files::summary_markdown(&results, &groups, &judged).into_bytes(),
        ),
    ];
    if !judged.is_empty() {
        let lines = machine_files::requirements_csv(&judged).map_err(failed(machine_files::REQUIREMENTS))?;
        files.push((machine_files::REQUIREMENTS, lines));
    }
    let mut written = Vec::new();
    for (name, text) in files {
        let path = dir.join(name);
        write_atomically(&path, &text)?;
        written.push(path);
    }
    let junit = requirements::junit(&results.run.name, &judged).map_err(failed("JUnit"))?;
    Ok(SummedUp { missed: requirements::any_missed(&judged), junit, written })
}

/// Refuses to put a page of fewer runs in the place of one of more, as when rows were lost since.
fn keep_a_page_of_more(results: &Results) -> Result<(), ReportError> {
    let path = results.path.join(PAGE);
    let page = match fs::read_to_string(&path) {
        Ok(page) => page,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        // What is no text was not drawn here; writing over it says why, where that fails.
        Err(error) if error.kind() == io::ErrorKind::InvalidData => String::new(),
        Err(source) => {
            return Err(ReportError::Chart { path, reason: source.to_string() });
        }
    };
    let planned = results.run.finished_utc.is_some().then_some(results.run.cells.len());
    let shown = html::runs_of(&page).max(planned).unwrap_or(0);
    if shown <= results.summary.len() {
        return Ok(());
    }
    let mut missing = results.unfinished_cells();
    let more = missing.len().saturating_sub(CELLS_TO_NAME);
    missing.truncate(CELLS_TO_NAME);
    missing.extend((more > 0).then(|| format!("{more} more")));
    Err(ReportError::Fewer { path, shown, left: results.summary.len(), missing: format::list(&missing) })
}

/// Draws a curve of hit rate against capacity into a folder, as `curve.svg` and `curve.png`; returns what was written.
///
/// # Errors
/// Where the drawings cannot be written.
pub fn draw_curve(name: &str, rows: &[CurveRow], dir: &Path) -> Result<Vec<PathBuf>, ReportError> {
    let Some(canvas) = capacity_curve::draw(name, rows) else { return Ok(Vec::new()) };
    let (svg_path, png_path) = (dir.join("curve.svg"), dir.join("curve.png"));
    write_atomically(&svg_path, svg::svg(&canvas).as_bytes())?;
    replacing(&png_path, |path| render::png(&canvas, path))?;
    Ok(vec![svg_path, png_path])
}

/// Draws beside the old picture and swaps them, so that a full disk leaves the old one.
fn replacing(path: &Path, draw: impl FnOnce(&Path) -> Result<(), String>) -> Result<(), ReportError> {
    let failed = |reason: String| ReportError::Chart { path: path.to_owned(), reason };
    let temporary = path.with_extension("tmp.png");
    let saved =
        draw(&temporary).and_then(|()| fs::rename(&temporary, path).map_err(|error| error.to_string()));
    if saved.is_err() {
        // The error of the drawing is the one worth telling.
        let _ = fs::remove_file(&temporary);
    }
    saved.map_err(failed)
}
