//! That the figures are those of INFO as it is read by hand, also under load, while a server loads, and over TLS.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::thread::JoinHandle;

use jiff::Timestamp;
use redis::Connection;
use rustix::process::Signal;

use super::servers::Server;
use super::support::tls::Secured;
use super::support::{Foreign, Place, Running, eventually};
use super::{Row, ask, connect, figure, rows, stdout, url};

/// Reads and writes more keys than there is room for, until it is dropped.
struct Load {
    is_over: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Load {
    const KEYS: u64 = 5000;

    fn on(port: u16) -> Self {
        let is_over = Arc::new(AtomicBool::new(false));
        let theirs = Arc::clone(&is_over);
        let thread = std::thread::spawn(move || {
            let (mut connection, value) = (connect(port), "x".repeat(1000));
            // A walk of a fixed stride, in which each key that is written is read soon, and again long after.
            let mut key = 0;
            while !theirs.load(Relaxed) {
                let mut commands = redis::pipe();
                for _ in 0..20 {
                    key = (key + 7) % Self::KEYS;
                    commands
                        .set(key, &value)
                        .ignore()
                        .get(key)
                        .ignore()
                        .get((key + 2500) % Self::KEYS)
                        .ignore();
                }
                commands.query::<()>(&mut connection).unwrap();
            }
        });
        Self { is_over, thread: Some(thread) }
    }
}

impl Drop for Load {
    fn drop(&mut self) {
        self.is_over.store(true, Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// An INFO read by hand.
struct ByHand {
    answered_at: Timestamp,
    text: String,
}

impl ByHand {
    fn read(connection: &mut Connection) -> Self {
        let text = ask(connection, "INFO");
        Self { text, answered_at: Timestamp::now() }
    }

    /// Returns the rise of a counter from one to another.
    fn until(&self, later: &Self, name: &str) -> f64 {
        (figure(&later.text, name) - figure(&self.text, name)) as f64
    }
}

fn at(row: &Row) -> Timestamp {
    row["at_utc"].parse().unwrap()
}

/// The place of the first row whose sample was begun after a moment; rows say theirs in milliseconds.
fn first_after(place: &Place, running: &mut Running<'_>, moment: Timestamp) -> usize {
    let mut found = None;
    running.until("a row of a later moment", || {
        found = stdout(place.path()).iter().position(|row| at(row) > moment);
        found.is_some()
    });
    found.unwrap()
}

/// A sample between two INFOs by hand counts no less than the first and no more than the second. So does what is
/// counted from one such sample to another: at least what two INFOs within tell, at most what two around it tell.
#[test]
fn under_load_the_rows_tell_what_two_infos_by_hand_tell() {
    let (place, server) =
        (Place::new(), Server::redis(&["--maxmemory", "4mb", "--maxmemory-policy", "allkeys-lru"]));
    let mut connection = connect(server.port());
    let load = Load::on(server.port());
    eventually("keys are evicted", || figure(&ask(&mut connection, "INFO"), "evicted_keys") > 0);
    let arguments = ["monitor", "--redis", &url(server.port()), "--interval", "100ms"];
    let mut running = place.start(place.hotset(&arguments));
    running.until("there is a row", || !stdout(place.path()).is_empty());

    let around = ByHand::read(&mut connection);
    let first = first_after(&place, &mut running, around.answered_at);
    let within = ByHand::read(&mut connection);
    running.until("ten more rows", || stdout(place.path()).len() > first + 10);
    let within_end = ByHand::read(&mut connection);
    let last = first_after(&place, &mut running, within_end.answered_at);
    let around_end = ByHand::read(&mut connection);

    let all = stdout(place.path());
    let counted = &all[first + 1..=last];
    assert!(counted.iter().all(|row| row["state"] == "up"), "{counted:?}");
    let sum = |column: &str| counted.iter().map(|row| row[column].parse::<f64>().unwrap()).sum::<f64>();
    let number = |row: &Row, column: &str| row[column].parse::<f64>().unwrap();
    let commands = counted.iter().map(|row| number(row, "commands_per_s") * number(row, "interval_s")).sum();
    for (name, told) in [
        ("keyspace_hits", sum("hits")),
        ("keyspace_misses", sum("misses")),
        ("evicted_keys", sum("evicted_keys")),
        ("total_commands_processed", commands),
    ] {
        let (fewest, most) = (within.until(&within_end, name), around.until(&around_end, name));
        // A rate is rounded to thousandths.
        assert!(fewest > 0.0 && fewest - 0.1 <= told && told <= most + 0.1, "{name}: {fewest} {told} {most}");
    }
    for row in counted {
        let (hits, misses) = (number(row, "hits"), number(row, "misses"));
        assert!((number(row, "hit_rate") - hits / (hits + misses)).abs() < 1e-6, "{row:?}");
        assert_eq!(row["maxmemory_bytes"], (4 << 20).to_string());
        let memory = number(row, "used_memory_bytes") / f64::from(4 << 20);
        assert!((0.9..1.1).contains(&memory), "it is full: {row:?}");
    }

    drop(load);
    let quiet = ByHand::read(&mut connection);
    let still = first_after(&place, &mut running, quiet.answered_at);
    let row = &stdout(place.path())[still];
    let memory = figure(&quiet.text, "used_memory") as f64;
    // What the buffers of the connections take is another thing at every moment.
    assert!((number(row, "used_memory_bytes") - memory).abs() < 100_000.0, "{memory} {row:?}");
    let keys = ask(&mut connection, "DBSIZE");
    assert_eq!(row["keys"], keys);
    running.signal(Signal::TERM);
    assert_eq!(running.end().code, 130);
}

#[test]
fn a_server_that_is_loading_is_told_as_that_and_watched_on() {
    let place = Place::new();
    let directory = place.path().to_str().unwrap();
    let filled = Server::redis(&["--dir", directory, "--enable-debug-command", "yes"]);
    ask(&mut connect(filled.port()), "DEBUG POPULATE 20000");
    ask(&mut connect(filled.port()), "SAVE");
    drop(filled);
    let slowly = ["--key-load-delay", "5000", "--loading-process-events-interval-bytes", "1024"];
    let server = Foreign::redis(&[&["--dir", directory][..], &slowly].concat());
    let arguments = ["monitor", "--redis", &url(server.port), "--interval", "500ms", "--give-up", "10m"];
    let mut running = place.start(place.hotset(&arguments));
    running.until("it is said to be loading", || {
        stdout(place.path()).iter().any(|row| row["reason"].contains("it is reading its dataset"))
    });
    ask(&mut connect(server.port), "CONFIG SET key-load-delay 0");
    running.until("it is as any other", || {
        stdout(place.path())
            .last()
            .is_some_and(|row| row["state"] == "up" && row["reason"].is_empty() && row["keys"] == "20000")
    });
    running.signal(Signal::TERM);
    assert_eq!(running.end().code, 130);
}

#[test]
fn a_server_that_speaks_tls_is_watched_by_the_authority_that_is_named_and_by_no_other() {
    let (place, secured) = (Place::new(), Secured::start());
    let url = format!("rediss://shop:${{SHOP_PASSWORD}}@127.0.0.1:{}", secured.port);
    let watched = |code: i32, more: &[&str]| {
        let arguments = ["monitor", "--redis", &url, "--count", "3", "--interval", "1s"];
        let mut command = place.hotset(&[&arguments[..], more].concat());
        command.env("SHOP_PASSWORD", "s3cret-pass");
        let ended = place.start(command).end();
        assert!(ended.code == code && !format!("{ended:?}").contains("s3cret-pass"), "{ended:?}");
        rows(&ended.stdout)
    };
    let (ours, others) = (secured.authority.to_str().unwrap(), secured.other_authority.to_str().unwrap());
    let rows = watched(0, &["--tls-ca", ours]);
    assert!(rows.iter().any(|row| row["state"] == "up" && row["role"] == "primary"), "{rows:?}");
    for more in [&[][..], &["--tls-ca", others]] {
        let rows = watched(3, more);
        let is_refused = |row: &Row| row["state"] == "lost" && row["reason"].contains("as --tls-ca");
        assert!(!rows.is_empty() && rows.iter().all(is_refused), "{rows:?}");
    }
}
