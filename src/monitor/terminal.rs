//! The terminal as a full screen, and as it was again whatever happens.

use std::io;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::time::Duration;

use crossterm::cursor::{Hide, Show};
use crossterm::event::{Event, EventStream, KeyCode, KeyEventKind, KeyModifiers};
use crossterm::execute;
use crossterm::terminal::{EnterAlternateScreen, LeaveAlternateScreen, disable_raw_mode, enable_raw_mode};
use futures_util::StreamExt as _;
use ratatui::Terminal;
use ratatui::backend::CrosstermBackend;
use rustix::termios::{self, Action, QueueSelector};

/// The longest time that the terminal may take to take what gives it back.
const LEAVE_BOUND: Duration = Duration::from_millis(500);

/// True if the terminal is a full screen now.
static IS_TAKEN: AtomicBool = AtomicBool::new(false);

/// The terminal, full screen until this is dropped.
pub struct FullScreen {
    terminal: Terminal<CrosstermBackend<io::Stdout>>,
    events: EventStream,
}

/// A wish of the user.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wish {
    /// To leave.
    Quit,
    /// To leave, said by Ctrl-C.
    Interrupt,
    /// To be told what the figures are.
    Help,
    /// The next node.
    Down,
    /// The node before.
    Up,
    /// All nodes together.
    All,
    /// To stand still, or to go on.
    Pause,
    /// To see the same at another size.
    Redraw,
}

impl FullScreen {
    /// Takes the terminal, without writing to it yet. A panic, too, gives it back before it is told.
    ///
    /// # Errors
    /// Where there is none.
    pub fn take() -> io::Result<Self> {
        // The screen goes to stdout, so that it is the terminal that the user looks at.
        if !IS_TAKEN.swap(true, SeqCst) {
            let usual = std::panic::take_hook();
            std::panic::set_hook(Box::new(move |panic| {
                give_back();
                usual(panic);
            }));
        }
        let terminal = enable_raw_mode().and_then(|()| Terminal::new(CrosstermBackend::new(io::stdout())));
        match terminal {
            Ok(terminal) => Ok(Self { terminal, events: EventStream::new() }),
            Err(error) => {
                give_back();
                Err(error)
            }
        }
    }

    /// Makes it a full screen. Like drawing, this waits for whoever reads the terminal.
    ///
    /// # Errors
    /// Where the terminal has gone.
    pub fn enter(&mut self) -> io::Result<()> {
        execute!(io::stdout(), EnterAlternateScreen, Hide)
    }

    /// Draws a frame.
    ///
    /// # Errors
    /// Where the terminal has gone.
    pub fn draw(&mut self, draw: impl FnOnce(&mut ratatui::Frame<'_>)) -> io::Result<()> {
        self.terminal.draw(draw).map(|_| ())
    }

    /// Waits for a wish; other keys are passed over. A terminal that has gone is a wish to leave.
    pub async fn wish(&mut self) -> Wish {
        loop {
            match self.events.next().await {
                Some(Ok(event)) => {
                    if let Some(wish) = wish_of(&event) {
                        return wish;
                    }
                }
                Some(Err(_)) | None => return Wish::Quit,
            }
        }
    }
}

impl Drop for FullScreen {
    fn drop(&mut self) {
        give_back();
    }
}

/// Makes the terminal what it was before; does nothing where it is that already. A terminal that nobody reads keeps
/// this waiting no longer than a bound.
pub fn give_back() {
    if IS_TAKEN.swap(false, SeqCst) {
        // First what never waits. Each on its own: where one fails, the others still help.
        let _ = disable_raw_mode();
        let (sender, left) = std::sync::mpsc::channel();
        std::thread::spawn(move || {
            let _ = execute!(io::stdout(), LeaveAlternateScreen, Show);
            let _ = sender.send(());
        });
        if left.recv_timeout(LEAVE_BOUND).is_err() {
            discard();
            let _ = left.recv_timeout(LEAVE_BOUND);
        }
    }
}

/// Throws away what the terminal has not taken yet, and so lets those go on who wait to write to it.
pub fn discard() {
    let _ = termios::tcflush(io::stdout(), QueueSelector::OFlush);
    // There is room now, but those who wait for it are woken only when the output is stopped and started again.
    let _ = termios::tcflow(io::stdout(), Action::OOff);
    let _ = termios::tcflow(io::stdout(), Action::OOn);
}

fn wish_of(event: &Event) -> Option<Wish> {
    let key = match event {
        Event::Resize(..) => return Some(Wish::Redraw),
        Event::Key(key) if key.kind != KeyEventKind::Release => key,
        _ => return None,
    };
    let control = key.modifiers.contains(KeyModifiers::CONTROL);
    Some(match key.code {
        KeyCode::Char('c') if control => Wish::Interrupt,
        KeyCode::Char('l') if control => Wish::Redraw,
        KeyCode::Char('q' | 'Q') => Wish::Quit,
        KeyCode::Char('?' | 'h') => Wish::Help,
        KeyCode::Down | KeyCode::Char('j') => Wish::Down,
        KeyCode::Up | KeyCode::Char('k') => Wish::Up,
        KeyCode::Char('a') | KeyCode::Esc => Wish::All,
        KeyCode::Char(' ' | 'p') => Wish::Pause,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crossterm::event::KeyEvent;

    #[test]
    fn keys_are_wishes_and_other_keys_are_none() {
        let wish = |code, modifiers| wish_of(&Event::Key(KeyEvent::new(code, modifiers)));
        assert_eq!(wish(KeyCode::Char('q'), KeyModifiers::NONE), Some(Wish::Quit));
        assert_eq!(wish(KeyCode::Char('c'), KeyModifiers::CONTROL), Some(Wish::Interrupt));
        assert_eq!(wish(KeyCode::Char('c'), KeyModifiers::NONE), None);
        assert_eq!(wish(KeyCode::Down, KeyModifiers::NONE), Some(Wish::Down));
        assert_eq!(wish_of(&Event::Resize(80, 24)), Some(Wish::Redraw));
    }
}
