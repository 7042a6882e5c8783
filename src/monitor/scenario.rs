//! A running scenario on the full screen.

use std::io;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::{Notify, watch};

use super::screen::scenario::Screen;
use super::terminal::{self, FullScreen, Wish};
use crate::observer::{Event, Observer};

/// The shortest time between two frames.
const FRAME: Duration = Duration::from_millis(100);
/// So many warnings are printed when the screen has gone; a run that warns more often has said enough.
const WARNINGS: usize = 1000;

/// Shows a run, until it is dropped; then prints what ordinary progress would have left on the terminal.
///
/// The screen is drawn by a thread of its own from a copy of its state: a terminal that is slow, or stopped with
/// Ctrl-S, holds nothing up.
pub struct Watching {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

struct Shared {
    state: Mutex<State>,
    changed: Notify,
}

struct State {
    screen: Screen,
    lines: Vec<String>,
    warnings: usize,
    is_over: bool,
}

impl Watching {
    /// Takes the terminal. `interrupt` is set when the user asks for the end.
    ///
    /// # Errors
    /// Where the terminal cannot be used.
    pub fn begin(scenario: &str, interrupt: watch::Sender<bool>) -> io::Result<Self> {
        let screen = Screen::new(scenario);
        let state = State { screen, lines: Vec::new(), warnings: 0, is_over: false };
        let shared = Arc::new(Shared { state: Mutex::new(state), changed: Notify::new() });
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let terminal = FullScreen::take()?;
        let theirs = Arc::clone(&shared);
        let thread = std::thread::Builder::new()
            .name("screen".into())
            .spawn(move || runtime.block_on(show(terminal, &theirs, &interrupt)))?;
        Ok(Self { shared, thread: Some(thread) })
    }
}

impl Observer for Watching {
    fn observe(&self, event: Event) {
        let mut state = self.shared.state.lock();
        let line = match &event {
            Event::RunStarted { directory, .. } => Some(format!("results in {directory}")),
            Event::Warning { what } => {
                state.warnings += 1;
                (state.warnings <= WARNINGS).then(|| format!("warning: {what}"))
            }
            Event::CellEnded { cell, line } => Some(format!("{cell}: {line}")),
            Event::CellFailed { cell, reason } => Some(format!("error: {cell} could not be run: {reason}")),
            Event::CellStarted { .. } | Event::Step { .. } | Event::Window { .. } | Event::RunEnded => None,
        };
        state.lines.extend(line);
        state.screen.take(event);
        drop(state);
        self.shared.changed.notify_one();
    }
}

impl Drop for Watching {
    fn drop(&mut self) {
        self.shared.state.lock().is_over = true;
        self.shared.changed.notify_one();
        if let Some(thread) = self.thread.take() {
            // A panic there has been told already.
            let _ = thread.join();
        }
        terminal::give_back();
        for line in &self.shared.state.lock().lines {
            eprintln!("{line}");
        }
    }
}

async fn show(mut terminal: FullScreen, shared: &Shared, interrupt: &watch::Sender<bool>) {
    loop {
        let screen = {
            let mut state = shared.state.lock();
            if state.is_over {
                return;
            }
            state.screen.is_ending = *interrupt.borrow();
            state.screen.clone()
        };
        if terminal.draw(|frame| screen.draw(frame)).is_err() {
            // Without a terminal nobody looks on; the run goes on all the same.
            return;
        }
        tokio::time::sleep(FRAME).await;
        let wish = tokio::select! {
            () = shared.changed.notified() => continue,
            wish = terminal.wish() => wish,
        };
        let screen = &mut shared.state.lock().screen;
        match wish {
            Wish::Quit | Wish::Interrupt if *interrupt.borrow() => {
                terminal::give_back();
                // Servers die with the process.
                std::process::exit(130);
            }
            Wish::Quit | Wish::Interrupt => {
                interrupt.send_replace(true);
            }
            Wish::Help => screen.help = !screen.help,
            Wish::All if screen.help => screen.help = false,
            Wish::All => screen.walk_to_newest(),
            Wish::Down => screen.walk(1),
            Wish::Up => screen.walk(-1),
            Wish::Pause | Wish::Redraw => {}
        }
    }
}
