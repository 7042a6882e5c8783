//! Charts, the HTML report and the closing table, drawn only from what `results` wrote.
//!
//! This room stands on floor 5 and may use `base`, `model`, `results` and `scenario`.

mod answer;
pub mod audit;
pub mod beyond;
pub mod candidates;
pub mod canvas;
pub mod capacity_curve;
pub mod caveats;
pub mod charts;
pub mod compare;
pub mod cost;
pub mod criteria;
pub mod decision;
pub mod enough;
pub mod failures;
mod fault_times;
pub mod faults;
pub mod format;
pub mod group;
pub mod headline;
pub mod html;
pub mod ignored;
pub mod judge;
mod junit;
pub mod knee;
pub mod machine_files;
#[cfg(test)]
mod made_up;
pub mod markdown;
mod nearest;
pub mod nodes;
pub mod operations;
pub mod phases;
pub mod picture;
pub mod prediction;
pub mod requirements;
pub mod safety;
pub mod scorecard;
pub mod side_by_side;
pub mod statistics;
pub mod style;
pub mod table;
pub mod terminal;
#[cfg(test)]
mod testing;
pub mod watch;

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::num::NonZero;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use crate::results::{
    CAPACITIES, CurveRow, FAULTS, FaultTimesRow, Results, ResultsError, STATISTICS, capacities_csv,
    faults_csv, statistics_csv, write_atomically,
};
use canvas::{render, svg};
use charts::KnownChart;
use group::Group;

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
        /// The reason.
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
/// More letters than this are counted among others.
const LETTERS_TO_NAME: usize = 8;
/// More lost runs than this are counted, not named.
const CELLS_TO_NAME: usize = 3;

/// Reads results of which there is something to draw.
///
/// # Errors
/// Where they do not read, or no cell has finished.
pub fn read(dir: &Path) -> Result<Results, ReportError> {
    let results = Results::read(dir)?;
    if results.summary.is_empty() {
        return Err(ReportError::Empty { path: dir.to_owned() });
    }
    Ok(results)
}

/// What was drawn.
#[derive(Debug)]
pub struct Drawn {
    /// The files that were written.
    pub written: Vec<PathBuf>,
    /// What is to be said of them.
    pub note: Option<String>,
}

/// Draws every chart of a results folder into its `plots/`, and `report.html`.
///
/// # Errors
/// Where the drawings cannot be written, or the page that is there shows more runs.
pub fn draw(results: &Results, groups: &[Group<'_>]) -> Result<Drawn, ReportError> {
    keep_a_page_of_more(results)?;
    let folder = results.path.join("plots");
    fs::create_dir_all(&folder)
        .map_err(|error| ReportError::Chart { path: folder.clone(), reason: error.to_string() })?;
    let shown: Vec<KnownChart<'_>> =
        charts::known(groups).into_iter().filter(|known| known.is_shown).collect();
    let mut pictures = Vec::new();
    let mut written = Vec::new();
    let mut undrawable = BTreeSet::new();
    for (known, saved) in shown.iter().zip(on_all_cores(&shown, |known| save(&folder, known))) {
        let Some(saved) = saved? else { continue };
        pictures.push((known.group, saved.picture));
        written.extend(saved.paths);
        undrawable.extend(saved.undrawable);
    }
    let page = results.path.join(PAGE);
    let of = |at: Option<usize>| {
        pictures.iter().filter(move |(group, _)| *group == at).map(|(_, picture)| picture)
    };
    let sections: Vec<html::Section<'_>> = groups
        .iter()
        .enumerate()
        .map(|(at, group)| html::Section { group, pictures: of(Some(at)).collect() })
        .collect();
    let of_run: Vec<&html::Picture> = of(None).collect();
    let note = undrawable_note(&undrawable);
    let text = html::page(results, groups, &html::Drawings { of_run, sections, note: note.clone() });
    write_atomically(&page, text.as_bytes())?;
    written.push(page);
    Ok(Drawn { written, note })
}

/// That PNGs show boxes, and where the letters are shown.
fn undrawable_note(letters: &BTreeSet<char>) -> Option<String> {
    let named: Vec<String> = letters.iter().take(LETTERS_TO_NAME).map(char::to_string).collect();
    let more = if letters.len() > named.len() { " and others" } else { "" };
    (!letters.is_empty()).then(|| {
        format!(
            "The pictures (PNG) show boxes in place of {}{more}, which their font has not; the SVG files and the page show them.",
            named.join(" ")
        )
    })
}

/// A chart that was saved.
struct Saved {
    picture: html::Picture,
    paths: [PathBuf; 2],
    undrawable: BTreeSet<char>,
}

/// Draws a chart and saves it in both formats; `None` where there is nothing to show.
fn save(folder: &Path, known: &KnownChart<'_>) -> Result<Option<Saved>, ReportError> {
    let Some(canvas) = (known.draw)() else { return Ok(None) };
    let svg_path = folder.join(format!("{}.svg", known.name));
    let svg = svg::svg(&canvas);
    write_atomically(&svg_path, svg.as_bytes())?;
    let png_path = folder.join(format!("{}.png", known.name));
    replacing(&png_path, |path| render::png(&canvas, path))?;
    Ok(Some(Saved {
        undrawable: canvas.undrawable(),
        picture: html::Picture { finding: canvas.finding, svg },
        paths: [svg_path, png_path],
    }))
}

/// What becomes of each, in their order, computed on all cores.
fn on_all_cores<T: Sync, R: Send>(all: &[T], each: impl Fn(&T) -> R + Sync) -> Vec<R> {
    let next = AtomicUsize::new(0);
    let cores = thread::available_parallelism().map_or(1, NonZero::get);
    let take = || {
        let mut done = Vec::new();
        loop {
            let at = next.fetch_add(1, Ordering::Relaxed);
            let Some(one) = all.get(at) else { return done };
            done.push((at, each(one)));
        }
    };
    let mut done = thread::scope(|scope| {
        let workers: Vec<_> = (0..cores).map(|_| scope.spawn(take)).collect();
        let join = |worker: thread::ScopedJoinHandle<'_, Vec<(usize, R)>>| {
            worker.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        };
        workers.into_iter().flat_map(join).collect::<Vec<_>>()
    });
    done.sort_by_key(|(at, _)| *at);
    done.into_iter().map(|(_, result)| result).collect()
}

/// The result of a run in short, for the script that started it.
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
/// Where the files cannot be written.
pub fn conclude(results: &Results, groups: &[Group<'_>]) -> Result<SummedUp, ReportError> {
    let judged = requirements::judge(groups);
    let failed = |name: &str| {
        let path = results.path.join(name);
        move |reason: String| ReportError::Chart { path, reason }
    };
    let mut files = vec![
        (machine_files::RESULTS, machine_files::results_csv(groups).map_err(failed(machine_files::RESULTS))?),
        (
            machine_files::SUMMARY_JSON,
            machine_files::summary_json(results, groups, &judged)
                .map_err(failed(machine_files::SUMMARY_JSON))?,
        ),
        (
            machine_files::SUMMARY_MARKDOWN,
            machine_files::summary_markdown(results, groups, &judged).into_bytes(),
        ),
        (STATISTICS, statistics_csv(&statistics::rows(groups))),
    ];
    let faults: Vec<FaultTimesRow> = groups.iter().flat_map(faults::rows_of).collect();
    if !faults.is_empty() {
        files.push((FAULTS, faults_csv(&faults)));
    }
    if !results.enough_cache.is_empty() {
        files.push((CAPACITIES, capacities_csv(&results.enough_cache)));
    }
    if !judged.is_empty() {
        let lines = machine_files::requirements_csv(&judged).map_err(failed(machine_files::REQUIREMENTS))?;
        files.push((machine_files::REQUIREMENTS, lines));
    }
    let mut written = Vec::new();
    for (name, text) in files {
        let path = results.path.join(name);
        write_atomically(&path, &text)?;
        written.push(path);
    }
    let junit = junit::junit(&results.run.name, &judged).map_err(failed("JUnit"))?;
    Ok(SummedUp {
        missed: requirements::any_missed(&judged) || requirements::any_open(&judged),
        junit,
        written,
    })
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
