//! Standard output and standard error: the only room that writes to them, but for the full screen.
//!
//! A thread of its own writes, in the order in which things were said. Whoever reads the other end decides only
//! whether something is seen: one that has gone ends the printing, one that does not read holds up no measurement, and
//! a disk that is full is kept for the exit code.

use std::io::{self, ErrorKind, Write};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError, channel, sync_channel};
use std::time::{Duration, Instant};

use parking_lot::Mutex;

use super::secrets;

/// So many texts may wait for a reader that does not read; those to standard error that come after are lost.
const WAITING: usize = 1024;
/// The longest time that a text to standard error is waited for: it is usually there at once, and then in order with
/// what others write to the same terminal.
const NOTE_BOUND: Duration = Duration::from_millis(200);
/// The longest time that all texts may take once the end was asked for.
const HURRIED_BOUND: Duration = Duration::from_millis(200);
/// Between two looks at whether the end was asked for.
const TICK: Duration = Duration::from_millis(50);
/// Between two attempts to write to what is full and does not block.
const FULL_PAUSE: Duration = Duration::from_millis(5);

/// The two streams of a process that can be written to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stream {
    Out,
    Err,
}

impl Stream {
    fn name(self) -> &'static str {
        match self {
            Self::Out => "standard output",
            Self::Err => "standard error",
        }
    }
}

/// One text on its way; the sender is dropped when it was written, or was given up.
struct Text {
    to: Stream,
    what: String,
    _written: std::sync::mpsc::Sender<()>,
}

/// True once the user wants to leave: nothing is waited for much longer.
static IS_HURRIED: AtomicBool = AtomicBool::new(false);
/// True once somebody who wants to leave has waited long enough for a reader.
static IS_GIVEN_UP: AtomicBool = AtomicBool::new(false);
/// True while the reader of standard error keeps a text waiting.
static IS_SLOW: AtomicBool = AtomicBool::new(false);
/// Why something could not be written, other than that nobody reads any more.
static FAILED: Mutex<Option<String>> = Mutex::new(None);

/// Prints an answer on standard output as it is, and waits until it is written.
pub fn print(text: impl Into<String>) {
    let (written, done) = channel();
    if writer()
        .send(Text { to: Stream::Out, what: secrets::strike(&text.into()).into_owned(), _written: written })
        .is_err()
    {
        return;
    }
    let mut hurried: Option<Instant> = None;
    while done.recv_timeout(TICK) == Err(RecvTimeoutError::Timeout) {
        if is_hurried() {
            let waited = hurried.get_or_insert_with(Instant::now).elapsed();
            if waited >= HURRIED_BOUND || IS_GIVEN_UP.load(SeqCst) {
                // Once for all that is still to be said.
                IS_GIVEN_UP.store(true, SeqCst);
                return;
            }
        }
    }
}

/// Prints a line of an answer on standard output, as `println!` would.
macro_rules! answer {
    ($($line:tt)*) => {
        $crate::base::output::print(format!("{}\n", format_args!($($line)*)))
    };
}

/// Says a line on standard error, as `eprintln!` would. A reader that does not read is waited for only briefly.
macro_rules! note {
    ($($line:tt)*) => {
        $crate::base::output::say(format!("{}\n", format_args!($($line)*)))
    };
}

pub(crate) use {answer, note};

/// Says a text on standard error as it is. A reader that does not read is waited for only briefly.
pub fn say(text: impl Into<String>) {
    let (written, done) = channel();
    match writer().try_send(Text {
        to: Stream::Err,
        what: secrets::strike(&text.into()).into_owned(),
        _written: written,
    }) {
        Ok(()) if !IS_SLOW.load(SeqCst) => {
            if done.recv_timeout(NOTE_BOUND) == Err(RecvTimeoutError::Timeout) {
                IS_SLOW.store(true, SeqCst);
            }
        }
        Ok(()) | Err(TrySendError::Full(_) | TrySendError::Disconnected(_)) => {}
    }
}

/// The user wants to leave: from now on no reader is waited for longer than a moment.
pub fn hurry() {
    IS_HURRIED.store(true, SeqCst);
}

/// Returns true if the user wants to leave.
#[must_use]
pub fn is_hurried() -> bool {
    IS_HURRIED.load(SeqCst)
}

/// Waits until everything is written, and returns once why something could not be; a reader that has gone is no failure.
#[must_use]
pub fn finish() -> Option<String> {
    // Behind all others; an empty text writes nothing.
    print(String::new());
    FAILED.lock().take()
}

/// Standard output for what writes rows by itself; like [`print`].
#[must_use]
pub fn rows() -> impl Write + Send {
    Rows
}

struct Rows;

impl Write for Rows {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        write_directly(&mut io::stdout(), buffer)?;
        Ok(buffer.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        io::stdout().flush()
    }
}

/// Standard error for the log of what happens behind the scenes.
#[derive(Debug, Clone, Copy)]
pub struct LogWriter;

impl Write for LogWriter {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        say(String::from_utf8_lossy(buffer).into_owned());
        Ok(buffer.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The thread that writes, which the first text starts.
fn writer() -> &'static SyncSender<Text> {
    static WRITER: OnceLock<SyncSender<Text>> = OnceLock::new();
    WRITER.get_or_init(|| {
        let (sender, texts) = sync_channel(WAITING);
        let started = std::thread::Builder::new().name("output".into()).spawn(move || write_all(&texts));
        // Without a thread nothing is printed; the texts find nobody who takes them.
        if let Err(error) = started {
            FAILED.lock().get_or_insert_with(|| format!("cannot start the thread that prints: {error}"));
        }
        sender
    })
}

fn write_all(texts: &Receiver<Text>) {
    // Once one has failed, nothing more goes there: half of an answer in the middle of another says something wrong.
    let mut over = [false, false];
    for Text { to, what, _written } in texts {
        let over = &mut over[to as usize];
        if *over || what.is_empty() {
            continue;
        }
        let written = match to {
            Stream::Out => write_directly(&mut io::stdout(), what.as_bytes()),
            Stream::Err => write_directly(&mut io::stderr(), what.as_bytes()),
        };
        IS_SLOW.store(false, SeqCst);
        if let Err(error) = written {
            *over = true;
            if !is_gone(&error) {
                FAILED.lock().get_or_insert_with(|| format!("cannot write to {}: {error}", to.name()));
            }
        }
    }
}

/// Returns true if the error says that nobody reads any more.
fn is_gone(error: &io::Error) -> bool {
    // A terminal that was closed answers with EIO.
    error.kind() == ErrorKind::BrokenPipe
        || error.raw_os_error() == Some(rustix::io::Errno::IO.raw_os_error())
}

/// Writes all of it, also where the other side has made the pipe one that does not block.
fn write_directly(into: &mut impl Write, mut bytes: &[u8]) -> io::Result<()> {
    while !bytes.is_empty() {
        match into.write(bytes) {
            Ok(0) => return Err(ErrorKind::WriteZero.into()),
            Ok(written) => bytes = &bytes[written..],
            Err(error) => wait_where_full(error)?,
        }
    }
    while let Err(error) = into.flush() {
        wait_where_full(error)?;
    }
    Ok(())
}

fn wait_where_full(error: io::Error) -> io::Result<()> {
    match error.kind() {
        ErrorKind::Interrupted => Ok(()),
        ErrorKind::WouldBlock => {
            std::thread::sleep(FULL_PAUSE);
            Ok(())
        }
        _ => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Takes three bytes at a time, and none every other time.
    #[derive(Default)]
    struct Reluctant {
        taken: Vec<u8>,
        calls: usize,
    }

    impl Write for Reluctant {
        fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
            self.calls += 1;
            if self.calls % 2 == 1 {
                return Err(ErrorKind::WouldBlock.into());
            }
            let some = &buffer[..buffer.len().min(3)];
            self.taken.extend(some);
            Ok(some.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn what_a_full_pipe_does_not_take_at_once_is_written_all_the_same() {
        let mut into = Reluctant::default();
        write_directly(&mut into, b"a table of some rows").unwrap();
        assert_eq!(into.taken, b"a table of some rows");
    }
}
