//! A thread of its own that draws a scene on the full screen and hears the keys: a terminal that is slow, or that
//! nobody reads, holds nothing else up.

use std::io;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use ratatui::Frame;
use tokio::sync::Notify;

use super::terminal::{self, FullScreen, Wish};

/// The shortest time between two frames.
const FRAME: Duration = Duration::from_millis(100);
/// The longest time that the thread may take to end before what the terminal has not taken is thrown away, and after
/// that.
const END_BOUND: Duration = Duration::from_millis(500);

/// A picture of the screen, with its answers to keys.
pub trait Scene: Clone + Send + 'static {
    /// Draws it. This is done with a copy, so that nobody who changes the scene waits for the terminal.
    fn draw(&mut self, frame: &mut Frame<'_>);
    /// Does what the user wants, other than to leave.
    fn wish(&mut self, wish: Wish);
}

/// Why a stage is to be left.
#[derive(Debug)]
pub enum Left {
    /// The user wants to.
    Quit,
    /// The user wants to, and said so by Ctrl-C.
    Interrupt,
    /// The terminal takes no more.
    Lost(io::Error),
}

/// A scene on the full screen, until this is dropped.
pub struct ScreenThread<S> {
    shared: Arc<Shared<S>>,
    thread: Option<JoinHandle<()>>,
}

struct Shared<S> {
    state: Mutex<State<S>>,
    changed: Notify,
}

struct State<S> {
    scene: S,
    is_over: bool,
}

impl<S: Scene> ScreenThread<S> {
    /// Takes the terminal. `leave` is called from the thread of the stage, whenever the user asks for it.
    ///
    /// # Errors
    /// Where the terminal cannot be used.
    pub fn begin(scene: S, leave: impl Fn(Left) + Send + 'static) -> io::Result<Self> {
        let shared =
            Arc::new(Shared { state: Mutex::new(State { scene, is_over: false }), changed: Notify::new() });
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let terminal = FullScreen::take()?;
        let theirs = Arc::clone(&shared);
        let thread = std::thread::Builder::new().name("screen".into()).spawn(move || {
            if let Err(error) = runtime.block_on(show(terminal, &theirs, &leave)) {
                leave(Left::Lost(error));
            }
        })?;
        Ok(Self { shared, thread: Some(thread) })
    }

    /// Changes the scene, and has it drawn.
    pub fn change(&self, change: impl FnOnce(&mut S)) {
        change(&mut self.shared.state.lock().scene);
        self.shared.changed.notify_one();
    }
}

impl<S> ScreenThread<S> {
    /// Ends the drawing and gives the terminal back, within a bound whether the terminal takes anything or not.
    pub fn end(&mut self) {
        let Some(thread) = self.thread.take() else { return };
        self.shared.state.lock().is_over = true;
        self.shared.changed.notify_one();
        if !ends(&thread) {
            terminal::discard();
            ends(&thread);
        }
        terminal::give_back();
    }
}

impl<S> Drop for ScreenThread<S> {
    fn drop(&mut self) {
        self.end();
    }
}

/// Returns true if it ends within the bound. A panic there has been told already.
fn ends(thread: &JoinHandle<()>) -> bool {
    let until = Instant::now() + END_BOUND;
    while !thread.is_finished() && Instant::now() < until {
        std::thread::sleep(Duration::from_millis(2));
    }
    thread.is_finished()
}

async fn show<S: Scene>(
    mut terminal: FullScreen,
    shared: &Shared<S>,
    leave: &impl Fn(Left),
) -> io::Result<()> {
    terminal.enter()?;
    loop {
        let mut scene = {
            let state = shared.state.lock();
            if state.is_over {
                return Ok(());
            }
            state.scene.clone()
        };
        terminal.draw(|frame| scene.draw(frame))?;
        let next = tokio::time::Instant::now() + FRAME;
        let mut is_changed = false;
        // A key is heard at once, and what has changed is seen in the next frame.
        loop {
            let wish = tokio::select! {
                () = tokio::time::sleep_until(next), if is_changed => break,
                () = shared.changed.notified(), if !is_changed => None,
                wish = terminal.wish() => Some(wish),
            };
            is_changed = true;
            match wish {
                None => {}
                Some(Wish::Quit) => leave(Left::Quit),
                Some(Wish::Interrupt) => leave(Left::Interrupt),
                Some(wish) => shared.state.lock().scene.wish(wish),
            }
        }
    }
}
