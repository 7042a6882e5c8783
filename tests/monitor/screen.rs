//! The full screen on a terminal: what is drawn, and that the terminal is given back.

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::num::NonZero;
use std::os::fd::{AsFd as _, OwnedFd};
use std::os::unix::ffi::OsStrExt as _;
use std::path::PathBuf;
use std::process::{Child, Command};
use std::sync::{Arc, Mutex};

use rustix::fs::{Mode, OFlags};
use rustix::process::{Pid, Signal, kill_process};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{LocalModes, OptionalActions, Winsize, tcgetattr, tcsetattr, tcsetwinsize};

use super::metrics::scraped;
use super::servers::Server;
use super::support::{Place, eventually, free_port};
use super::url;

/// Leaves the full screen.
const LEAVES: &str = "\x1b[?1049l";

/// A terminal of 80 columns and 24 lines.
struct Terminal {
    /// The side of the user.
    user: OwnedFd,
    /// The side of the program, kept open, so that what was written stays until it is read.
    program: OwnedFd,
    path: PathBuf,
}

impl Terminal {
    fn new() -> Self {
        let user = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC).unwrap();
        grantpt(&user).unwrap();
        unlockpt(&user).unwrap();
        let path = PathBuf::from(std::ffi::OsStr::from_bytes(ptsname(&user, Vec::new()).unwrap().as_bytes()));
        let program = Self::open(&path, OFlags::empty());
        let size = Winsize { ws_row: 24, ws_col: 80, ws_xpixel: 0, ws_ypixel: 0 };
        tcsetwinsize(&program, size).unwrap();
        Self { user, program, path }
    }

    fn open(path: &PathBuf, more: OFlags) -> OwnedFd {
        let flags = OFlags::RDWR | OFlags::NOCTTY | OFlags::CLOEXEC | more;
        rustix::fs::open(path, flags, Mode::empty()).unwrap()
    }

    /// Writes until not a byte more finds room, and none is made by what moves them on. That is done in raw mode, in
    /// which there is more room, as it is in it that the screen is drawn.
    fn fill(&self) {
        let before = tcgetattr(&self.program).unwrap();
        let mut raw = before.clone();
        raw.make_raw();
        tcsetattr(&self.program, OptionalActions::Now, &raw).unwrap();
        let mut file = File::from(Self::open(&self.path, OFlags::NONBLOCK));
        let mut refused_in_a_row = 0;
        eventually("it takes nothing more", || {
            refused_in_a_row += 1;
            for part in [1000, 1] {
                while file.write(&vec![b'x'; part]).is_ok() {
                    refused_in_a_row = 0;
                }
            }
            refused_in_a_row == 20
        });
        tcsetattr(&self.program, OptionalActions::Now, &before).unwrap();
    }

    /// Its modes, in a form that can be compared.
    fn modes(&self) -> String {
        let modes = tcgetattr(&self.program).unwrap();
        format!(
            "{:?} {:?} {:?} {:?}",
            modes.input_modes, modes.output_modes, modes.control_modes, modes.local_modes
        )
    }

    fn is_raw(&self) -> bool {
        !tcgetattr(&self.program).unwrap().local_modes.contains(LocalModes::ICANON)
    }

    fn types(&self, keys: &str) {
        rustix::io::write(&self.user, keys.as_bytes()).unwrap();
    }

    /// Reads all that is written from now on.
    fn read(&self) -> Shown {
        let [lines, columns] = [24, 80].map(|size| NonZero::new(size).unwrap());
        let shown = Shown(Arc::new(Mutex::new((String::new(), vt100::Parser::new(lines, columns, 0)))));
        let (theirs, mut file) = (shown.clone(), File::from(self.user.try_clone().unwrap()));
        std::thread::spawn(move || {
            let mut part = [0; 4096];
            while let Ok(length @ 1..) = file.read(&mut part) {
                theirs.take(&part[..length]);
            }
        });
        shown
    }

    fn start(&self, command: Command) -> OnTerminal {
        self.start_as("xterm-256color", command)
    }

    /// Starts it on a terminal that calls itself something.
    fn start_as(&self, name: &str, mut command: Command) -> OnTerminal {
        command.env("TERM", name);
        let end = || self.program.as_fd().try_clone_to_owned().unwrap();
        OnTerminal(command.stdin(end()).stdout(end()).stderr(end()).spawn().unwrap())
    }
}

/// The text that was written to a terminal, and what it shows for that.
#[derive(Clone)]
struct Shown(Arc<Mutex<(String, vt100::Parser)>>);

impl Shown {
    fn take(&self, part: &[u8]) {
        let (written, terminal) = &mut *self.0.lock().unwrap();
        written.push_str(&String::from_utf8_lossy(part));
        terminal.process(part);
    }

    /// Returns what a user sees.
    fn text(&self) -> String {
        self.0.lock().unwrap().1.screen().contents()
    }

    fn is_full_screen(&self) -> bool {
        self.0.lock().unwrap().1.screen().alternate_screen()
    }

    /// Returns true if the full screen was left, and the cursor is to be seen.
    fn is_left(&self) -> bool {
        let (written, terminal) = &*self.0.lock().unwrap();
        let screen = terminal.screen();
        written.contains(LEAVES) && !screen.alternate_screen() && !screen.hide_cursor()
    }
}

/// hotset on a terminal; killed when the test ends before it.
struct OnTerminal(Child);

impl OnTerminal {
    fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.0), signal).unwrap();
    }

    fn end(&mut self) -> Option<i32> {
        let mut status = None;
        eventually("hotset has ended", || {
            status = self.0.try_wait().unwrap();
            status.is_some()
        });
        status.unwrap().code()
    }
}

impl Drop for OnTerminal {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The ways in which a session ends.
enum By {
    Keys(&'static str),
    Signal(Signal),
    ALostServer,
}

#[test]
fn the_terminal_is_as_it_was_however_the_monitor_ends() {
    let ends =
        [(By::Keys("q"), 0), (By::Keys("\x03"), 130), (By::Signal(Signal::TERM), 130), (By::ALostServer, 3)];
    for (by, code) in ends {
        let (place, mut server, terminal) = (Place::new(), Server::redis(&[]), Terminal::new());
        let (before, shown) = (terminal.modes(), terminal.read());
        let arguments =
            ["monitor", "--redis", &url(server.port()), "--interval", "100ms", "--give-up", "300ms"];
        let mut running = terminal.start(place.hotset(&arguments));
        eventually("the figures are shown", || shown.text().contains("Hit rate"));
        assert!(terminal.is_raw() && shown.is_full_screen());
        match by {
            By::Keys(keys) => terminal.types(keys),
            By::Signal(signal) => running.signal(signal),
            By::ALostServer => server.kill(),
        }
        assert_eq!(running.end(), Some(code), "{}", shown.text());
        assert_eq!(terminal.modes(), before);
        eventually("the screen is left", || shown.is_left());
        if code == 3 {
            eventually("the reason is told", || shown.text().contains("gave up: no server has answered"));
        }
    }
}

#[test]
fn a_terminal_that_nobody_reads_holds_up_neither_the_metrics_nor_the_end() {
    let (place, server, terminal) = (Place::new(), Server::redis(&[]), Terminal::new());
    let before = terminal.modes();
    terminal.fill();
    let listen = free_port();
    let port = listen.to_string();
    let arguments = ["monitor", "--redis", &url(server.port()), "--interval", "100ms", "--listen", &port];
    let mut running = terminal.start(place.hotset(&arguments));
    eventually("it listens", || std::net::TcpStream::connect(("127.0.0.1", listen)).is_ok());
    eventually("rounds go on", || {
        let text = scraped(listen).1;
        let rounds = text.lines().find_map(|line| line.strip_prefix("hotset_monitor_rounds_total "));
        rounds.unwrap().parse::<u64>().unwrap() > 20
    });
    assert!(terminal.is_raw());
    running.signal(Signal::TERM);
    assert_eq!(running.end(), Some(130));
    assert_eq!(terminal.modes(), before);
    let shown = terminal.read();
    eventually("whoever reads on sees that the screen was left", || shown.is_left());
}

/// Operations of this one take a minute from the start of measuring on, and so does an orderly end.
const SLOW: &str = r#"
strategies = ["no-cache"]
topologies = ["embedded"]
[dataset]
keys = 100
value_size = "300B"
[workload]
clients = 4
[run]
duration = "10m"
warmup_max = "300ms"
window = "100ms"
[[fault]]
at = "100ms"
kind = "slow-database"
delay = "60s"
for = "9m"
"#;

#[test]
fn a_watched_run_ends_in_order_when_asked_once_and_keeps_what_there_is() {
    for asks in ["q", "\x03"] {
        let (place, terminal) = (Place::new(), Terminal::new());
        let (before, shown) = (terminal.modes(), terminal.read());
        let (quick, _) = SLOW.split_once("[[fault]]").unwrap();
        place.write("watched.toml", quick);
        let mut running = terminal.start(place.hotset(&["watched.toml", "--watch", "--no-plots"]));
        eventually("it measures", || shown.text().contains("measuring"));
        terminal.types(asks);
        assert_eq!(running.end(), Some(130), "{}", shown.text());
        assert_eq!(terminal.modes(), before);
        eventually("the screen is left", || shown.is_left());
        eventually("it says how to go on", || shown.text().contains("go on with"));
        place.is_left_clean();
    }
}

#[test]
fn a_watched_run_that_is_asked_again_ends_at_once() {
    let (place, terminal) = (Place::new(), Terminal::new());
    let (before, shown) = (terminal.modes(), terminal.read());
    place.write("watched.toml", SLOW);
    let mut running = terminal.start(place.hotset(&["watched.toml", "--watch", "--no-plots"]));
    eventually("it measures", || shown.text().contains("measuring"));
    // The first ends it within a second, the second does not wait for that.
    terminal.types("q\x03");
    assert_eq!(running.end(), Some(130), "{}", shown.text());
    assert_eq!(terminal.modes(), before);
    eventually("the screen is left", || shown.is_left());
}

#[test]
fn a_terminal_that_cannot_move_its_cursor_gets_lines_and_the_reason() {
    for name in ["dumb", ""] {
        let (place, terminal) = (Place::new(), Terminal::new());
        let (before, shown) = (terminal.modes(), terminal.read());
        let (quick, _) = SLOW.split_once("[[fault]]").unwrap();
        place.write("watched.toml", quick);
        let arguments = ["watched.toml", "--watch", "--no-plots", "--duration", "300ms"];
        let mut running = terminal.start_as(name, place.hotset(&arguments));
        assert_eq!(running.end(), Some(0), "{}", shown.text());
        let written = shown.0.lock().unwrap().0.clone();
        let said = written.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(
            said.contains("--watch needs a terminal") && said.contains("cannot move its cursor"),
            "{said}"
        );
        assert!(said.contains("[1/1]") && !written.contains('\u{1b}'), "{written:?}");
        assert_eq!(terminal.modes(), before);
    }
}
