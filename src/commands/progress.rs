//! Progress on the terminal: a bar where there is one, plain lines elsewhere.

use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};
use parking_lot::Mutex;

use crate::base::observer::{Event, LoadStage, Observer, Silent};
use crate::base::output::note;
use crate::base::units::show_duration;
use crate::run::plan::Plan;

/// The interval between two lines of progress.
const LINE_EVERY: Duration = Duration::from_secs(10);

/// The listener for a run.
#[must_use]
pub fn observer(quiet: bool, terminal: bool, plan: &Plan) -> Box<dyn Observer> {
    let (least, most) = plan.time();
    let at_most = if plan.scenario.run.repeats.is_range() { "at most " } else { "" };
    let cells = format!("{at_most}{}", plan.cells.len());
    match (quiet, terminal) {
        (true, _) => Box::new(Quiet),
        (false, true) => Box::new(Bar::new(cells, least, most)),
        (false, false) => Box::new(Lines { cells, state: Mutex::default() }),
    }
}

/// Counts operations: a bar on a terminal, a line now and then elsewhere.
#[must_use]
pub fn operations(quiet: bool, terminal: bool, total: Option<u64>) -> Box<dyn FnMut(u64)> {
    match (quiet, terminal) {
        (true, _) => Box::new(|_| {}),
        (false, true) => {
            let bar = total.map_or_else(ProgressBar::new_spinner, ProgressBar::new);
            let bar = bar.with_finish(indicatif::ProgressFinish::AndClear);
            let style =
                ProgressStyle::with_template("{bar:24} {human_pos} operations, {elapsed}, {eta} left");
            bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
            Box::new(move |done| bar.set_position(done))
        }
        (false, false) => {
            let mut last = Instant::now();
            Box::new(move |done| {
                if last.elapsed() >= LINE_EVERY {
                    last = Instant::now();
                    let of = total.map_or_else(String::new, |total| format!(" of {total}"));
                    note!("{done}{of} operations");
                }
            })
        }
    }
}

/// Says only what went wrong.
struct Quiet;

impl Observer for Quiet {
    fn observe(&self, event: Event) {
        match event.shown() {
            Event::Warning { what } => note!("warning: {what}"),
            Event::CellFailed { cell, reason } => note!("error: {cell} could not be run: {reason}"),
            other => Silent.observe(other),
        }
    }
}

/// Milliseconds or microseconds, whichever reads better.
fn show_us(us: f64) -> String {
    if us >= 1000.0 { format!("{:.1} ms", us / 1000.0) } else { format!("{us:.0} µs") }
}

/// The figures of a window in a line.
fn figures(per_second: f64, p99_us: Option<f64>, hit_rate: Option<f64>, errors: u64) -> String {
    let p99 = p99_us.map_or_else(|| "–".into(), show_us);
    let hit_rate = hit_rate.map_or_else(|| "–".into(), |rate| format!("{:.1} %", rate * 100.0));
    let errors = if errors > 0 { format!(", {errors} errors") } else { String::new() };
    format!("{per_second:>8.0} op/s, p99 {p99}, hit rate {hit_rate}{errors}")
}

/// Plain lines: one when a cell begins, one when it ends, and what is worth knowing in between.
struct Lines {
    /// How many, in words.
    cells: String,
    state: Mutex<Option<Instant>>,
}

impl Observer for Lines {
    fn observe(&self, event: Event) {
        match event.shown() {
            Event::RunStarted { finished, directory, .. } => {
                let cells = &self.cells;
                note!("{cells} runs, {finished} finished already, results in {directory}");
            }
            Event::CellStarted { cell, position, at_most } => {
                note!("[{position}/{}] {cell}: at most {}", self.cells, show_duration(at_most));
            }
            Event::Step { what } => tracing::info!("{what}"),
            Event::RunEnded => {}
            Event::Window { stage, elapsed, per_second, p99_us, hit_rate, errors, .. } => {
                let mut last = self.state.lock();
                if last.is_none_or(|at| at.elapsed() >= LINE_EVERY) {
                    *last = Some(Instant::now());
                    let elapsed = show_duration(Duration::from_secs(elapsed.as_secs()));
                    note!(
                        "      {} for {elapsed}: {}",
                        stage.words(),
                        figures(per_second, p99_us, hit_rate, errors)
                    );
                }
            }
            Event::Warning { what } => note!("warning: {what}"),
            Event::Note { what } => note!("{what}"),
            Event::CellEnded { cell, line } => note!("      {cell}: {line}"),
            Event::CellFailed { cell, reason } => note!("error: {cell} could not be run: {reason}"),
        }
    }
}

/// A bar over the whole run, with what is going on now beside it.
struct Bar {
    progress: ProgressBar,
    cells: String,
    state: Mutex<BarState>,
}

struct BarState {
    /// The longest that the run can still take, all cells together.
    total: Duration,
    /// The time of the cells that have ended, as planned.
    ended: Duration,
    cell: String,
    cell_at_most: Duration,
    warmup_at_most: Duration,
}

impl BarState {
    fn end_cell(&mut self) {
        self.ended += self.cell_at_most;
    }
}

impl Bar {
    fn new(cells: String, _least: Duration, most: Duration) -> Self {
        let bar = ProgressBar::new(most.as_millis() as u64);
        let style = ProgressStyle::with_template("{prefix} {bar:24} {msg}")
            .unwrap_or_else(|_| ProgressStyle::default_bar());
        bar.set_style(style.progress_chars("█▉▊▋▌▍▎▏ "));
        bar.enable_steady_tick(Duration::from_millis(250));
        let state = BarState {
            total: most,
            ended: Duration::ZERO,
            cell: String::new(),
            cell_at_most: Duration::ZERO,
            warmup_at_most: Duration::ZERO,
        };
        Self { progress: bar, cells, state: Mutex::new(state) }
    }

    fn show(&self, state: &BarState, into_cell: Duration, what: &str) {
        let done = state.ended + into_cell.min(state.cell_at_most);
        let left = state.total.saturating_sub(done);
        let left = show_duration(Duration::from_secs(left.as_secs()));
        self.progress.set_length(state.total.as_millis() as u64);
        self.progress.set_position(done.as_millis() as u64);
        self.progress.set_message(format!("{}: {what}, at most {left} left", state.cell));
    }
}

impl Observer for Bar {
    fn observe(&self, event: Event) {
        let mut state = self.state.lock();
        match event.shown() {
            Event::RunStarted { directory, .. } => self.progress.println(format!("results in {directory}")),
            Event::CellStarted { cell, position, at_most } => {
                self.progress.set_prefix(format!("[{position}/{}]", self.cells));
                state.cell = cell;
                state.cell_at_most = at_most;
                state.warmup_at_most = Duration::ZERO;
                self.show(&state, Duration::ZERO, "starting");
            }
            Event::Step { what } => self.show(&state, Duration::ZERO, &what),
            Event::Window { stage, elapsed, of, per_second, p99_us, hit_rate, errors, .. } => {
                let measuring = stage == LoadStage::Measuring;
                if !measuring {
                    state.warmup_at_most = of;
                }
                let into_cell =
                    if measuring { state.cell_at_most.saturating_sub(of) + elapsed } else { elapsed };
                let what = format!("{}: {}", stage.words(), figures(per_second, p99_us, hit_rate, errors));
                self.show(&state, into_cell, &what);
            }
            Event::Warning { what } => self.progress.println(format!("warning: {what}")),
            Event::Note { what } => self.progress.println(what),
            Event::CellEnded { cell, line } => {
                self.progress.println(format!("{cell}: {line}"));
                state.end_cell();
                self.show(&state, Duration::ZERO, "done");
            }
            Event::CellFailed { cell, reason } => {
                self.progress.println(format!("error: {cell} could not be run: {reason}"));
                state.end_cell();
            }
            Event::RunEnded => self.progress.finish_and_clear(),
        }
    }
}

impl Drop for Bar {
    fn drop(&mut self) {
        self.progress.finish_and_clear();
    }
}
