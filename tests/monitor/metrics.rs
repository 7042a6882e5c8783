//! The metrics that are served over HTTP.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::process::{Command, Stdio};

use redis::Connection;
use rustix::process::Signal;

use super::servers::Server;
use super::support::{Place, free_port};
use super::{ask, connect, stdout, url};

/// The head and the body of an answer.
pub fn scraped(port: u16) -> (String, String) {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
    stream.write_all(b"GET /metrics HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n").unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    let (head, body) = text.split_once("\r\n\r\n").unwrap();
    (head.to_owned(), body.to_owned())
}

/// Returns a text as Prometheus' own parser reads it: `series value` in lines.
fn parsed(text: &str) -> String {
    let wheel = concat!(env!("CARGO_MANIFEST_DIR"), "/.servers/prometheus_client-0.26.0-py3-none-any.whl");
    assert!(
        std::path::Path::new(wheel).is_file(),
        "{wheel} is missing: run scripts/test, which gets what is missing"
    );
    let mut parser = Command::new("python3")
        .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/monitor/parse_metrics.py"))
        .env("PYTHONPATH", wheel)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    parser.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
    let ended = parser.wait_with_output().unwrap();
    assert!(ended.status.success(), "{}\n{text}", String::from_utf8_lossy(&ended.stderr));
    String::from_utf8(ended.stdout).unwrap()
}

#[test]
fn the_parser_of_prometheus_takes_the_text_whatever_was_named_twice() {
    let (place, server) = (Place::new(), Server::redis(&[]));
    let (there, nowhere, port) = (url(server.port()), url(free_port()), free_port());
    let listen = port.to_string();
    let arguments = ["monitor", "--redis", &there, &there, &nowhere, &nowhere, "--interval", "100ms"];
    let mut running = place.start(place.hotset(&[&arguments[..], &["--listen", &listen]].concat()));
    running.until("there is an interval", || stdout(place.path()).iter().any(|row| row["state"] == "up"));
    let series = parsed(&scraped(port).1);
    for (url, up) in [(there, "1.0"), (nowhere, "0.0")] {
        let node = url.trim_start_matches("redis://");
        let starts = format!("hotset_redis_up {node} ");
        let found: Vec<_> = series.lines().filter(|line| line.starts_with(&starts)).collect();
        assert!(found.len() == 1 && found[0].ends_with(up), "{found:?} in {series}");
    }
    running.signal(Signal::TERM);
    assert_eq!(running.end().code, 130);
}

#[test]
fn a_listening_address_in_use_is_told_with_what_to_do() {
    let place = Place::new();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let said = place.fails(2, &["monitor", "--redis", "redis://127.0.0.1:1", "--listen", &port]);
    for part in
        [&format!("cannot serve metrics at 127.0.0.1:{port}"), "Address already in use", "another port"]
    {
        assert!(said.contains(part), "{part:?} is not in {said:?}");
    }
}

#[test]
fn metrics_are_those_of_the_newest_sample_and_a_scrape_asks_no_server() {
    let (place, server) = (Place::new(), Server::redis(&[]));
    let port = free_port();
    let listen = port.to_string();
    let arguments = ["monitor", "--redis", &url(server.port()), "--interval", "1h", "--listen", &listen];
    let mut running = place.start(place.hotset(&arguments));
    running.until("there is a sample", || !stdout(place.path()).is_empty());
    let mut connection = connect(server.port());
    let commands = |connection: &mut Connection| {
        let info = ask(connection, "INFO commandstats");
        let line = info.lines().find_map(|line| line.strip_prefix("cmdstat_info:calls=").map(str::to_owned));
        line.and_then(|line| line.split(',').next()?.parse::<u64>().ok()).unwrap()
    };
    let before = commands(&mut connection);
    let texts: Vec<(String, String)> = (0..20).map(|_| scraped(port)).collect();
    let (head, text) = &texts[19];
    assert_eq!(commands(&mut connection), before + 1, "only this test asked for INFO");
    let node = format!("{{node=\"127.0.0.1:{}\",role=\"primary\"}}", server.port());
    assert!(
        head.contains("content-type: application/openmetrics-text; version=1.0.0; charset=utf-8"),
        "{head}"
    );
    for part in [
        "# TYPE hotset_redis_keyspace_hits counter",
        "# UNIT hotset_redis_memory_used_bytes bytes",
        &format!("hotset_redis_up{node} 1"),
        &format!("hotset_redis_keyspace_hits_total{node} 0"),
        "hotset_monitor_sample_age_seconds ",
    ] {
        assert!(text.contains(part), "{part:?} is not in {text}");
    }
    assert!(text.ends_with("# EOF\n") && !text.contains("hotset_redis_hit_ratio{"), "{text}");
    running.signal(Signal::TERM);
    assert_eq!(running.end().code, 130);
}

#[test]
fn a_script_counts_as_a_command_and_so_does_each_command_in_it_and_the_help_says_so() {
    let (place, server) = (Place::new(), Server::redis(&[]));
    let mut connection = connect(server.port());
    let script = "for i = 1, 10 do redis.call('GET', 'x') end";
    redis::cmd("EVAL").arg(script).arg(0).query::<()>(&mut connection).unwrap();
    let port = free_port();
    let listen = port.to_string();
    let arguments = ["monitor", "--redis", &url(server.port()), "--interval", "1h", "--listen", &listen];
    let mut running = place.start(place.hotset(&arguments));
    running.until("there is a sample", || !stdout(place.path()).is_empty());
    let stats = ask(&mut connection, "INFO commandstats");
    let calls = stats.lines().filter_map(|line| {
        let (name, calls) = line.strip_prefix("cmdstat_")?.split_once(":calls=")?;
        Some((name, calls.split(',').next()?.parse::<u64>().unwrap()))
    });
    let calls: std::collections::HashMap<&str, u64> = calls.filter(|(name, _)| *name != "info").collect();
    assert_eq!((calls["eval"], calls["get"]), (1, 10), "{stats}");
    let text = scraped(port).1;
    let counted = text.lines().find(|line| line.starts_with("hotset_redis_command_calls_total{")).unwrap();
    let all: u64 = calls.values().sum();
    assert!(counted.ends_with(&format!(" {all}")), "{counted} and {stats}");
    for name in ["command_calls", "command_busy_seconds", "command_mean_seconds"] {
        let prefix = format!("# HELP hotset_redis_{name} ");
        let help = text.lines().find(|line| line.starts_with(&prefix)).unwrap();
        assert!(help.contains("a script or a transaction"), "{help}");
    }
    running.signal(Signal::TERM);
    running.end();
}

#[test]
fn a_port_that_the_system_chooses_is_told() {
    let (place, server) = (Place::new(), Server::redis(&[]));
    let arguments = ["monitor", "--redis", &url(server.port()), "--interval", "100ms", "--listen", "0"];
    let mut running = place.start(place.hotset(&arguments));
    let mut port = None;
    running.until("it says where", || {
        let said = std::fs::read_to_string(place.path().join("stderr")).unwrap();
        port = said.split_once("note: metrics at http://127.0.0.1:").and_then(|(_, rest)| {
            rest.split_once("/metrics\n").map(|(port, _)| port.parse::<u16>().unwrap())
        });
        port.is_some()
    });
    assert!(scraped(port.unwrap()).1.contains("hotset_redis_up{"));
    running.signal(Signal::TERM);
    assert_eq!(running.end().code, 130);
}
