//! Runs that a recorded trace drives: what is stored is as large as it tells, and expires as it tells.

mod support;

use std::collections::BTreeMap;
use std::fmt::Write as _;

use support::{Foreign, Place, row};

/// Beside the document an entry has nine bytes of a header and twelve of a stamp.
const BESIDE_A_DOCUMENT: usize = 21;

/// Three keys are read by turns, a hundred times a second: the first is large and lives for half a second, the second is
/// larger and lives for a minute, and of the third nothing is told.
fn trace() -> String {
    let mut text = String::from("time_ms,key,operation,size_bytes,ttl_ms\n");
    for number in 0..800 {
        let told = ["large,read,2000,500", "larger,read,5000,60000", "unknown,read,0,"][number % 3];
        writeln!(text, "{},{told}", number * 10).unwrap();
    }
    text
}

/// Twice as fast as it was recorded: four seconds, of which the last two are measured.
fn scenario(topology: &str, strategies: &str, more: &str) -> String {
    format!(
        r#"
strategies = [{strategies}]
topologies = [{topology}]
[dataset]
keys = 3
[workload]
trace = "trace.csv"
speed = 2.0
clients = 4
instances = 2
[run]
duration = "2s"
warmup_max = "2s"
window = "200ms"
[cache]
{more}"#
    )
}

#[test]
fn what_is_stored_on_a_server_has_the_size_that_the_trace_tells_and_expires_when_it_tells() {
    let (place, server) = (Place::new(), Foreign::redis(&[]));
    let url = format!(
        "{{ name = \"single\", database = \"embedded\", url = \"redis://127.0.0.1:{}\" }}",
        server.port
    );
    place.write("trace.csv", trace());
    let ttl = "ttl = { from = \"trace\", unknown = \"9s\" }\n";
    place.write("traced.toml", scenario(&url, "\"cache-aside\"", ttl));
    let client = redis::Client::open(format!("redis://127.0.0.1:{}", server.port)).unwrap();
    let mut connection = client.get_connection().unwrap();
    let wanted = BTreeMap::from([("0", (2_000, 250)), ("1", (5_000, 30_000)), ("2", (500, 9_000))]);
    // The longest time to live that was seen of each key.
    let mut seen: BTreeMap<&str, i64> = BTreeMap::new();
    let mut running = place.start(place.hotset(&["traced.toml", "--no-plots"]));
    running.until("every entry has been looked at just after it was stored", || {
        let keys: Vec<String> = redis::cmd("KEYS").arg("*product:*").query(&mut connection).unwrap();
        for key in keys {
            let id = key.rsplit(':').next().unwrap();
            let Some((number, (bytes, longest_ms))) = wanted.get_key_value(id) else { panic!("{key}") };
            let script = "return {redis.call('STRLEN', KEYS[1]), redis.call('PTTL', KEYS[1])}";
            let (length, left_ms): (usize, i64) =
                redis::cmd("EVAL").arg(script).arg(1).arg(&key).query(&mut connection).unwrap();
            // While a load is under way its token stands there; and an entry may have ended since the keys were told.
            if length >= 100 {
                assert_eq!(length, bytes + BESIDE_A_DOCUMENT, "{key}");
                assert!((0..=*longest_ms).contains(&left_ms), "{key}: {left_ms} ms of {longest_ms}");
                let most = seen.entry(*number).or_insert(0);
                *most = left_ms.max(*most);
            }
        }
        wanted.iter().all(|(id, (_, longest_ms))| seen.get(id).is_some_and(|most| most * 10 > longest_ms * 9))
    });
    let ended = running.end();
    assert_eq!(ended.code, 0, "{ended:?}");
    let info: String = redis::cmd("INFO").arg("stats").query(&mut connection).unwrap();
    let expired = info.lines().find_map(|line| line.strip_prefix("expired_keys:")?.trim().parse().ok());
    assert!(expired.is_some_and(|expired: u64| expired >= 5), "{info}");
    let results = place.results("traced");
    let aside = row(&results, "cache-aside");
    // Nothing is written or evicted, so that only what lives for 250 ms is loaded again, some eight times in two seconds.
    assert!((5..=16).contains(&aside.answers.misses) && aside.answers.errors == 0, "{aside:?}");
}

#[test]
fn check_and_the_page_say_which_sizes_and_times_to_live_count() {
    let place = Place::new();
    place.write("trace.csv", trace());
    let strategies = "\"cache-aside\", \"write-around\"";
    place.write("traced.toml", scenario("\"embedded\"", strategies, "ttl = \"trace\"\n"));
    let checked = place.succeeds(&["check", "traced.toml"]).stdout;
    for part in [
        "documents are as large as it tells, 2.441KiB in the mean and 4.883KiB at most; of 1 of its 3 keys it tells no size: they have 500B",
        "entries live as long as it tells of their keys, 500ms to 1m, divided by the speed of 2",
        "of 1 of its 3 keys it tells no time to live: they stay until they are evicted or invalidated",
        "The trace's 800 operations on 3 keys are held in memory, and take",
    ] {
        assert!(checked.contains(part), "{part} in {checked}");
    }
    place.succeeds(&["traced.toml", "--duration", "500ms"]);
    let page = std::fs::read_to_string(place.latest("traced").join("report.html")).unwrap();
    for part in [
        "3 documents of sizes as in the trace, 2.441KiB in the mean",
        "TTL as in the trace, 2 times as short",
    ] {
        assert!(page.contains(part), "{part}");
    }
    let around = row(&place.results("traced"), "write-around").guarantee.clone().unwrap();
    assert!(around.contains("stale until evicted"), "one key has no end: {around}");
    place.write(
        "bounded.toml",
        scenario("\"embedded\"", strategies, "ttl = { from = \"trace\", unknown = \"9s\" }\n"),
    );
    place.succeeds(&["bounded.toml", "--duration", "500ms", "--no-plots"]);
    let around = row(&place.results("bounded"), "write-around").guarantee.clone().unwrap();
    assert!(around.contains("stale for at most 35s"), "half a minute and a load: {around}");
}

#[test]
fn a_trace_out_of_a_pipe_drives_a_run() {
    let place = Place::new();
    place.write("trace.csv", trace());
    let text = scenario("\"embedded\"", "\"cache-aside\"", "ttl = \"trace\"\n");
    place.write("piped.toml", text.replace("\"trace.csv\"", "\"/dev/stdin\""));
    let shell = "cat trace.csv | \"$0\" piped.toml --duration 500ms --no-plots";
    let mut command = std::process::Command::new("sh");
    command.args(["-c", shell, env!("CARGO_BIN_EXE_hotset")]).current_dir(place.path());
    let ended = place.start(command).end();
    assert_eq!(ended.code, 0, "{ended:?}");
    assert!(row(&place.results("piped"), "cache-aside").reads > 50);
}
