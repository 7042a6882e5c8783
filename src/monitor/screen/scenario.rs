//! The screen of a scenario that is running: what it is told as events, the cell that runs, and those that have ended.

use std::time::Duration;

use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::{Color, Style, Stylize as _};
use ratatui::text::Line;
use ratatui::widgets::{Gauge, Row, Table, TableState};

use super::show::{micros, number, percent, short};
use super::widgets::{self, TimeSeriesPanel};
use crate::base::observer::Event;
use crate::base::units::show_duration;
use crate::monitor::ring::Ring;

/// So many windows are remembered of the cell that runs: more than the widest screen shows.
const REMEMBERED: usize = 600;
/// So many notes are remembered.
const NOTES: usize = 100;

/// The keys and what they do.
const KEYS: &[(&str, &str)] = &[("q", "end the run"), ("?", "help"), ("↑↓", "runs"), ("a", "newest")];

/// The explanation of the figures.
pub const HELP: &str = "\
The windows of the cell that runs, as the load is driven: what the application sees, not what the server says.

Rate: operations answered a second, errors included.
Hit rate: (hits + negative hits) over reads that ended well; – means that nothing was read.
p50, p99: of the response time of all operations of a window, from when each was due.
Stale: reads of the window that were older than an acknowledged write, promised or not.

The results are the same as without this screen. q or Ctrl-C ends the cell and keeps what has ended; once more ends at once.";

/// The measurements of a window.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
struct Window {
    per_second: f64,
    hit_rate: Option<f64>,
    p50_us: Option<f64>,
    p99_us: Option<f64>,
    errors: u64,
    stale: u64,
}

/// A cell that has ended.
#[derive(Debug, Clone, PartialEq)]
struct Ended {
    cell: String,
    line: String,
    has_failed: bool,
}

/// Everything that the screen shows.
#[derive(Debug, Clone)]
pub struct ScenarioScreen {
    scenario: String,
    cells: usize,
    directory: String,
    position: usize,
    cell: String,
    phase: String,
    elapsed: Duration,
    of: Duration,
    windows: Ring<Window>,
    errors: u64,
    stale: u64,
    ended: Vec<Ended>,
    notes: Ring<String>,
    /// The number of lines by which the table of ended cells is scrolled back.
    back: usize,
    /// True if the help is shown.
    pub help: bool,
    /// True if the run was asked to end.
    pub is_ending: bool,
}

impl ScenarioScreen {
    /// A screen of a scenario that has not begun.
    #[must_use]
    pub fn new(scenario: impl Into<String>) -> Self {
        Self {
            scenario: scenario.into(),
            cells: 0,
            directory: String::new(),
            position: 0,
            cell: String::new(),
            phase: "starting".into(),
            elapsed: Duration::ZERO,
            of: Duration::ZERO,
            windows: Ring::new(REMEMBERED),
            errors: 0,
            stale: 0,
            ended: Vec::new(),
            notes: Ring::new(NOTES),
            back: 0,
            help: false,
            is_ending: false,
        }
    }

    /// Takes what happened.
    pub fn take(&mut self, event: Event) {
        match event {
            Event::RunStarted { cells, directory, .. } => {
                self.cells = cells;
                self.directory = directory;
            }
            Event::CellStarted { cell, position, .. } => {
                self.cell = cell;
                self.position = position;
                self.windows.clear();
                (self.errors, self.stale) = (0, 0);
                self.step("starting".into());
            }
            Event::Step { what } => self.step(what),
            Event::Window { stage, elapsed, of, per_second, p50_us, p99_us, hit_rate, errors, stale } => {
                if self.phase != stage.words() {
                    // What a cache is filled with is many times what is measured, and would flatten it.
                    self.windows.clear();
                    self.phase = stage.words().into();
                }
                (self.elapsed, self.of) = (elapsed, of);
                self.errors += errors;
                self.stale += stale;
                self.windows.push(Window { per_second, hit_rate, p50_us, p99_us, errors, stale });
            }
            Event::Warning { what } | Event::Note { what } => self.notes.push(what),
            Event::CellEnded { cell, line } => self.end(cell, line, false),
            Event::CellFailed { cell, reason } => self.end(cell, reason, true),
            Event::RunEnded => self.step("done".into()),
        }
    }

    fn step(&mut self, what: String) {
        self.phase = what;
        (self.elapsed, self.of) = (Duration::ZERO, Duration::ZERO);
    }

    fn end(&mut self, cell: String, line: String, has_failed: bool) {
        self.ended.push(Ended { cell, line, has_failed });
        self.step("ended".into());
    }

    /// Walks back over the cells that have ended, or forth again.
    pub fn walk(&mut self, step: isize) {
        let most = self.ended.len().saturating_sub(1);
        self.back = self.back.saturating_add_signed(-step).min(most);
    }

    /// Shows the newest again.
    pub fn walk_to_newest(&mut self) {
        self.back = 0;
    }

    /// Draws it.
    pub fn draw(&self, frame: &mut Frame<'_>) {
        let height = frame.area().height;
        let table_lines = (self.ended.len() as u16 + 1).clamp(3, (height / 3).max(3));
        let notes: Vec<String> = if self.is_ending {
            vec!["interrupted: ending this run; once more ends at once".into()]
        } else {
            self.notes.last().map(|newest| format!("warning: {newest}")).into_iter().collect()
        };
        let note_lines = widgets::lines_of(&notes, frame.area().width).min(3);
        let [head, gauge, note, facts, _, panels, table, foot] = Layout::vertical([
            Constraint::Length(1),
            Constraint::Length(1),
            Constraint::Length(note_lines),
            Constraint::Length(1),
            Constraint::Length(1),
            Constraint::Fill(1),
            Constraint::Length(table_lines),
            Constraint::Length(1),
        ])
        .areas(frame.area());
        self.draw_head(frame, head);
        self.draw_phase(frame, gauge);
        widgets::alerts(frame, note, &notes);
        let facts_of_now = [
            ("errors of the run", number(self.errors as f64)),
            ("stale reads of the run", number(self.stale as f64)),
            ("results", self.directory.clone()),
        ];
        widgets::facts(frame, facts, &facts_of_now);
        widgets::panels(frame, panels, &self.panels());
        self.draw_table(frame, table);
        widgets::keys(frame, foot, KEYS);
        if self.help {
            widgets::popup(frame, "what the figures are", HELP);
        }
    }

    fn draw_head(&self, frame: &mut Frame<'_>, area: Rect) {
        let text = format!("{} · run {} of {} · {}", self.scenario, self.position, self.cells, self.cell);
        frame.render_widget(Line::from(short(&text, usize::from(area.width)).bold()), area);
    }

    fn draw_phase(&self, frame: &mut Frame<'_>, area: Rect) {
        if self.of.is_zero() {
            let text = short(&self.phase, usize::from(area.width));
            frame.render_widget(Line::from(text), area);
            return;
        }
        let seconds = |duration: Duration| show_duration(Duration::from_secs(duration.as_secs()));
        let label = format!("{} {} of at most {}", self.phase, seconds(self.elapsed), seconds(self.of));
        let done = (self.elapsed.as_secs_f64() / self.of.as_secs_f64()).clamp(0.0, 1.0);
        let gauge = Gauge::default().ratio(done).label(label).gauge_style(Style::new().fg(Color::Blue));
        frame.render_widget(gauge, area);
    }

    fn panels(&self) -> Vec<TimeSeriesPanel<'static>> {
        let values = |field: fn(&Window) -> Option<f64>| self.windows.iter().map(field).collect::<Vec<_>>();
        let panel = |title, show, colour, field| TimeSeriesPanel {
            title,
            show,
            beside: String::new(),
            values: values(field),
            whole: None,
            colour,
        };
        vec![
            panel("Operations/s", number, Color::Cyan, |window| Some(window.per_second)),
            TimeSeriesPanel {
                whole: Some(1.0),
                ..panel("Hit rate", percent, Color::Green, |window| window.hit_rate)
            },
            panel("p50", micros, Color::Magenta, |window| window.p50_us),
            panel("p99", micros, Color::Magenta, |window| window.p99_us),
            panel("Errors a window", number, Color::Red, |window| Some(window.errors as f64)),
            panel("Stale reads a window", number, Color::Yellow, |window| Some(window.stale as f64)),
        ]
    }

    fn draw_table(&self, frame: &mut Frame<'_>, area: Rect) {
        let rows = self.ended.iter().map(|ended| {
            let style = if ended.has_failed { Style::new().fg(Color::Red) } else { Style::new() };
            let line = if ended.has_failed {
                format!("could not be run: {}", ended.line)
            } else {
                ended.line.clone()
            };
            Row::new([ended.cell.clone(), line]).style(style)
        });
        let longest = self.ended.iter().map(|ended| ended.cell.chars().count()).max().unwrap_or(0);
        let names = (longest as u16).min((area.width / 3).max(10));
        let title = format!("ended ({})", self.ended.len());
        let table = Table::new(rows, [Constraint::Length(names), Constraint::Fill(1)])
            .header(Row::new([title, String::new()]).style(Style::new().dim()));
        let last = self.ended.len().checked_sub(1 + self.back);
        let mut state = TableState::default().with_selected(last);
        frame.render_stateful_widget(table, area, &mut state);
    }
}

#[cfg(test)]
mod tests {
    use ratatui::Terminal;
    use ratatui::backend::TestBackend;

    use super::*;
    use crate::base::observer::LoadStage;

    fn window(number: u64, stage: LoadStage) -> Event {
        Event::Window {
            stage,
            elapsed: Duration::from_secs(number),
            of: Duration::from_mins(1),
            per_second: 20_000.0 + 500.0 * (number % 9) as f64,
            p50_us: Some(95.0),
            p99_us: Some(900.0 + 40.0 * (number % 5) as f64),
            hit_rate: Some(0.90 + (number % 10) as f64 / 200.0),
            errors: u64::from(number == 30),
            stale: number % 2,
        }
    }

    fn running(ended: usize) -> ScenarioScreen {
        let mut screen = ScenarioScreen::new("single-node");
        screen.take(Event::RunStarted {
            cells: 12,
            finished: 0,
            directory: "results/single-node/2026".into(),
        });
        for cell in 0..ended {
            let line = format!("{} op/s, p99 1.2 ms, hit rate 93.1 %", 20_000 + cell);
            screen.take(Event::CellEnded { cell: format!("r1-strategy-{cell}-single"), line });
        }
        let failed =
            Event::CellFailed { cell: "r1-broken-single".into(), reason: "no server answered".into() };
        screen.take(failed);
        let cell = "r1-cache-aside-single".to_owned();
        screen.take(Event::CellStarted { cell, position: ended + 2, at_most: Duration::from_secs(90) });
        for number in 1..45 {
            screen
                .take(window(number, if number > 10 { LoadStage::Measuring } else { LoadStage::WarmingUp }));
        }
        screen
    }

    fn seen(screen: &ScenarioScreen, width: u16, height: u16) -> String {
        let mut terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
        terminal.draw(|frame| screen.draw(frame)).unwrap();
        terminal.backend().to_string()
    }

    #[test]
    fn a_running_cell_fills_a_small_terminal() {
        insta::assert_snapshot!(seen(&running(3), 80, 24));
    }

    #[test]
    fn a_running_cell_fills_a_large_terminal() {
        insta::assert_snapshot!(seen(&running(20), 200, 50));
    }

    #[test]
    fn another_cell_begins_without_the_windows_of_the_last() {
        let mut screen = running(1);
        screen.take(Event::CellStarted { cell: "next".into(), position: 4, at_most: Duration::ZERO });
        screen.take(Event::Step { what: "loading 10 of 20 documents".into() });
        let shown = seen(&screen, 80, 24);
        assert!(shown.contains("run 4 of 12 · next") && shown.contains("loading 10 of 20"), "{shown}");
        assert!(shown.contains("Hit rate –") && shown.contains("errors of the run 0"), "{shown}");
    }

    #[test]
    fn a_warning_and_an_interrupt_are_seen() {
        let mut screen = running(1);
        screen.take(Event::Warning { what: "the disk is slow".into() });
        assert!(seen(&screen, 80, 24).contains("warning: the disk is slow"));
        screen.is_ending = true;
        assert!(seen(&screen, 80, 24).contains("once more ends at once"));
    }

    #[test]
    fn a_terminal_of_any_size_can_be_drawn_on() {
        for (width, height) in [(1, 1), (10, 3), (40, 10), (300, 100)] {
            seen(&running(40), width, height);
        }
    }
}
