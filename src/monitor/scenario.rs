//! A running scenario on the full screen.

use std::io;

use parking_lot::Mutex;
use ratatui::Frame;
use tokio::sync::watch;

use super::screen::scenario::ScenarioScreen;
use super::stage::{Left, Scene, ScreenThread};
use super::terminal::{self, Wish};
use crate::base::interrupt::set_off;
use crate::base::observer::{Event, Observer};
use crate::base::output::note;

/// So many warnings are printed when the screen has gone; a run that warns more often has said enough.
const WARNINGS: usize = 1000;

/// Shows a run, until it is dropped; then prints what ordinary progress would have left on the terminal.
pub struct Watching {
    stage: ScreenThread<Run>,
    messages: Mutex<Messages>,
}

/// The run that the screen shows, and the wish to end it.
#[derive(Clone)]
struct Run {
    screen: ScenarioScreen,
    interrupt: watch::Sender<bool>,
}

#[derive(Default)]
struct Messages {
    lines: Vec<String>,
    warnings: usize,
}

impl Watching {
    /// Takes the terminal. `interrupt` is set when the user asks for the end.
    ///
    /// # Errors
    /// Where the terminal cannot be used.
    pub fn begin(scenario: &str, interrupt: watch::Sender<bool>) -> io::Result<Self> {
        let run = Run { screen: ScenarioScreen::new(scenario), interrupt: interrupt.clone() };
        let stage = ScreenThread::begin(run, move |left| leave(&left, &interrupt))?;
        Ok(Self { stage, messages: Mutex::default() })
    }
}

/// The first time it asks for an orderly end, and once more ends at once.
fn leave(left: &Left, interrupt: &watch::Sender<bool>) {
    match left {
        // Without a terminal nobody looks on; the run goes on all the same.
        Left::Lost(_) => {}
        Left::Quit | Left::Interrupt if *interrupt.borrow() => {
            terminal::give_back();
            // Servers die with the process.
            std::process::exit(130);
        }
        Left::Quit | Left::Interrupt => {
            set_off(interrupt);
        }
    }
}

impl Scene for Run {
    fn draw(&mut self, frame: &mut Frame<'_>) {
        self.screen.is_ending = *self.interrupt.borrow();
        self.screen.draw(frame);
    }

    fn wish(&mut self, wish: Wish) {
        let screen = &mut self.screen;
        match wish {
            Wish::Help => screen.help = !screen.help,
            Wish::All if screen.help => screen.help = false,
            Wish::All => screen.walk_to_newest(),
            Wish::Down => screen.walk(1),
            Wish::Up => screen.walk(-1),
            Wish::Pause | Wish::Redraw | Wish::Quit | Wish::Interrupt => {}
        }
    }
}

impl Observer for Watching {
    fn observe(&self, event: Event) {
        let mut messages = self.messages.lock();
        let line = match &event {
            Event::RunStarted { directory, .. } => Some(format!("results in {directory}")),
            Event::Warning { what } => {
                messages.warnings += 1;
                (messages.warnings <= WARNINGS).then(|| format!("warning: {what}"))
            }
            Event::Note { what } => Some(what.clone()),
            Event::CellEnded { cell, line } => Some(format!("{cell}: {line}")),
            Event::CellFailed { cell, reason } => Some(format!("error: {cell} could not be run: {reason}")),
            Event::CellStarted { .. } | Event::Step { .. } | Event::Window { .. } | Event::RunEnded => None,
        };
        messages.lines.extend(line);
        drop(messages);
        self.stage.change(|run| run.screen.take(event));
    }
}

impl Drop for Watching {
    fn drop(&mut self) {
        self.stage.end();
        for line in &self.messages.lock().lines {
            note!("{line}");
        }
    }
}
