//! Whole runs of the application of sessions: what they measure, what they refuse, and what they never write down.

mod support;

use std::collections::BTreeSet;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{Ipv4Addr, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use hotset::results::{Results, Verdict};
use support::{Foreign, Place, files_below};

/// The time that a cell is measured.
const MEASURED: Duration = Duration::from_secs(2);
const SECRET: &str = "a-secret-of-these-tests-of-48-bytes-or-thereabout";

fn scenario(topology: &str, application: &str, more: &str) -> String {
    format!(
        r#"
strategies = ["cache-aside", {{ name = "write-around", label = "around" }}]
topologies = [{topology}]
[application]
name = "sessions"
permissions_ttl = "300ms"
service_latency = "5ms"
{application}
[dataset]
keys = 50
value_size = "500B"
[workload]
clients = 8
instances = 2
[cache]
timeout = "5s"
[database]
timeout = "500ms"
[run]
duration = "{}s"
warmup_max = "1s"
window = "200ms"
{more}"#,
        MEASURED.as_secs()
    )
}

/// Many log-outs and revocations, so that much can go wrong within seconds.
const BUSY: &str = r"[application.mix]
log_in = 0.10
validate = 0.30
permissions = 0.20
profile = 0.10
update_profile = 0.05
revoke = 0.05
log_out = 0.05
log_out_everywhere = 0.05
replay = 0.10
";

fn figure(results: &Results, cell: &str, name: &str) -> Option<f64> {
    let rows = || results.application.iter().filter(|row| row.cell == cell);
    rows()
        .find(|row| row.figure == name)
        .unwrap_or_else(|| panic!("no {name}: {:?}", rows().collect::<Vec<_>>()))
        .value
}

/// Checks what every cell of a sound run fulfils.
fn is_sound(results: &Results) {
    assert_eq!(results.summary.len(), 2);
    for row in &results.summary {
        let figure = |name| figure(results, &row.cell, name);
        assert_eq!(
            (row.answers.errors, row.answers.timeouts, row.audited.wrong.corrupt_reads),
            (0, 0, 0),
            "{row:?}"
        );
        assert_eq!(row.judgement.verdict, Some(Verdict::Kept), "{}", row.judgement.verdict_reason);
        for name in ["validated_after_log_out", "validated_after_expiry", "lost_sessions"] {
            assert_eq!(figure(name), Some(0.0), "{name}");
        }
        for name in
            ["log_ins", "log_ins_on_the_way", "validations", "refused_replays", "sessions_alive_at_end"]
        {
            assert!(figure(name) > Some(0.0), "{name}");
        }
        assert_eq!(figure("validated_after_log_out_max_ms"), None);
        let (seen, bound) =
            (figure("revocation_seen_max_ms").unwrap(), figure("revocation_bound_ms").unwrap());
        assert!(seen <= bound, "{seen} {bound}");
        assert!(bound < MEASURED.as_secs_f64() * 1e3, "a bound of {bound} ms could not be seen broken");
        if row.strategy == "around" {
            assert!(seen > 0.0, "an entry that nobody removes serves what was revoked");
        } else {
            assert!(bound <= 0.0, "{bound}");
        }
        let operations: BTreeSet<_> = results
            .operations
            .iter()
            .filter(|one| one.cell == row.cell && one.operations > 0)
            .collect_names();
        assert_eq!(operations.len(), 9, "{operations:?}");
    }
}

trait Names {
    fn collect_names(self) -> BTreeSet<String>;
}

impl<'a, I: Iterator<Item = &'a hotset::results::Of<hotset::results::OperationRow>>> Names for I {
    fn collect_names(self) -> BTreeSet<String> {
        self.map(|row| row.operation.clone()).collect()
    }
}

/// Keeps every command that a Redis is sent, until it is ended.
struct Monitor {
    is_over: Arc<AtomicBool>,
    said: Arc<Mutex<String>>,
    listener: std::thread::JoinHandle<()>,
}

impl Monitor {
    fn of(port: u16) -> Self {
        let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).unwrap();
        stream.write_all(b"MONITOR\r\n").unwrap();
        stream.set_read_timeout(Some(Duration::from_millis(100))).unwrap();
        let (is_over, said) = (Arc::<AtomicBool>::default(), Arc::<Mutex<String>>::default());
        let (over, heard) = (Arc::clone(&is_over), Arc::clone(&said));
        let listener = std::thread::spawn(move || {
            let mut lines = BufReader::new(stream);
            let mut line = String::new();
            while !over.load(SeqCst) {
                if lines.read_line(&mut line).is_ok() {
                    heard.lock().unwrap().push_str(&line);
                    line.clear();
                }
            }
        });
        Self { is_over, said, listener }
    }

    fn end(self) -> String {
        self.is_over.store(true, SeqCst);
        self.listener.join().unwrap();
        self.said.lock().unwrap().clone()
    }
}

/// Returns what stands in quotes in a line of MONITOR.
fn arguments(line: &str) -> Vec<&str> {
    line.split('"').skip(1).step_by(2).collect()
}

#[test]
fn sessions_of_an_embedded_cache_are_sound_and_every_operation_is_measured() {
    let place = Place::new();
    place.write("tiny.toml", scenario("\"embedded\"", "", BUSY));
    place.succeeds(&["tiny.toml"]);
    is_sound(&place.results("tiny"));
}

/// Returns true if a token stands in a text: a header that begins as JSON does in base64, claims and a signature,
/// with dots between them. Histograms and pictures are in base64 too, and may hold any letters, but no dots.
fn holds_a_token(text: &str) -> bool {
    let is_letter = |letter: char| letter.is_ascii_alphanumeric() || "-_.".contains(letter);
    text.split(|letter| !is_letter(letter)).any(|word| {
        let parts: Vec<&str> = word.split('.').collect();
        parts.windows(3).any(|part| part[0].starts_with("eyJ") && part.iter().all(|part| part.len() > 8))
    })
}

#[test]
fn a_token_is_told_from_other_texts_in_base64() {
    let token = "eyJ0eXAiOiJKV1QiLCJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIiwianRpIjoiMCJ9.c2lnbmF0dXJlLW9mLWl0";
    assert!(holds_a_token(token) && holds_a_token(&format!("with \"{token}\" in it")));
    assert!(!holds_a_token("HISTFAAAAeyJ0eXAiOiJKV1Q+eyJ0eXAiOiJKV1Q/x=="));
}

#[test]
fn a_run_on_redis_leaves_no_token_no_token_id_and_no_secret_in_any_file_log_or_key() {
    let place = Place::new();
    let redis = Foreign::redis(&[]);
    let topology = format!(
        "{{ name = \"single\", database = \"embedded\", url = \"redis://127.0.0.1:{}\" }}",
        redis.port
    );
    place.write("tiny.toml", scenario(&topology, "secret = \"${SESSION_SECRET}\"", BUSY));
    let monitor = Monitor::of(redis.port);
    let mut command = place.hotset(&["tiny.toml"]);
    command.env("SESSION_SECRET", SECRET).env("HOTSET_LOG", "trace");
    let ended = place.start(command).end();
    assert_eq!(ended.code, 0, "{ended:?}");
    let commands = monitor.end();
    is_sound(&place.results("tiny"));

    // The id of a token is 32 letters of hexadecimal.
    let is_id = |text: &&str| text.len() == 32 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    let ids: BTreeSet<&str> = commands.lines().flat_map(arguments).filter(is_id).collect();
    assert!(ids.len() > 100, "{} token ids were seen", ids.len());
    let keys: BTreeSet<&str> = commands
        .lines()
        .filter_map(|line| {
            let arguments = arguments(line);
            let script = matches!(arguments.first(), Some(&"EVALSHA" | &"EVAL"));
            arguments.get(if script { 3 } else { 1 }).copied()
        })
        .collect();
    assert!(keys.iter().any(|key| key.contains("session:")), "{keys:?}");
    for key in &keys {
        assert!(!ids.iter().any(|id| key.contains(id)), "{key}");
    }
    assert!(!holds_a_token(&commands) && !commands.contains(SECRET), "Redis is told neither");
    let mut texts =
        vec![("stdout".into(), ended.stdout.into_bytes()), ("stderr".into(), ended.stderr.into_bytes())];
    texts.extend(files_below(&place.latest("tiny").canonicalize().unwrap()));
    for (file, bytes) in texts {
        let text = String::from_utf8_lossy(&bytes);
        assert!(!text.contains(SECRET), "{} holds the secret", file.display());
        assert!(!holds_a_token(&text), "{} holds a token", file.display());
        assert!(!ids.iter().any(|id| text.contains(id)), "{} holds the id of a token", file.display());
    }
    let run = String::from_utf8(std::fs::read(place.latest("tiny").join("run.json")).unwrap()).unwrap();
    assert!(run.contains("${SESSION_SECRET}"), "what it was named is kept");
}

#[test]
fn a_secret_that_is_short_or_written_down_a_session_below_a_second_and_a_mix_that_does_not_add_up_are_refused()
 {
    let place = Place::new();
    let said = |application: &str, more: &str| {
        place.write("bad.toml", scenario("\"embedded\"", application, more));
        let mut command = place.hotset(&["check", "bad.toml"]);
        command.env("SESSION_SECRET", "too-short");
        let ended = place.start(command).end();
        assert_ne!(ended.code, 0, "{ended:?}");
        assert!(!ended.stderr.contains("too-short") && !ended.stderr.contains(SECRET), "{ended:?}");
        // Wrapped at the terminal's width.
        ended.stderr.split_whitespace().filter(|word| *word != "│").collect::<Vec<_>>().join(" ")
    };
    let short = said("secret = \"${SESSION_SECRET}\"", "");
    assert!(
        short.contains("9 bytes") && short.contains("application.secret") && short.contains("openssl"),
        "{short}"
    );
    let written = said(&format!("secret = \"{SECRET}\""), "");
    assert!(written.contains("does not stand in a scenario") && written.contains("${NAME}"), "{written}");
    let brief = said("session_ttl = \"500ms\"", "");
    assert!(brief.contains("whole seconds"), "{brief}");
    let mix = said("", "[application.mix]\nlog_in = 0.5\nvalidate = 0.4\n");
    assert!(mix.contains("add up to 0.9"), "{mix}");
}
