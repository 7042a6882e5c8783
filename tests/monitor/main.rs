//! `hotset monitor` against real servers.

#[allow(dead_code, reason = "each test program uses a part of it")]
#[path = "../support/servers.rs"]
mod servers;
#[path = "../support/mod.rs"]
mod support;

mod agreement;
mod metrics;
mod screen;

use std::collections::HashMap;
use std::fs::{File, read_to_string};
use std::io::Read as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use redis::Connection;
use rustix::process::Signal;
use servers::Server;
use support::{Place, eventually, free_port};

type Row = HashMap<String, String>;

/// Whole rows of CSV; one that is being written is left out.
fn rows(text: &str) -> Vec<Row> {
    let whole = text.rfind('\n').map_or("", |end| &text[..=end]);
    let mut reader = csv::Reader::from_reader(whole.as_bytes());
    reader.deserialize().map(Result::unwrap).collect()
}

fn url(port: u16) -> String {
    format!("redis://127.0.0.1:{port}")
}

fn connect(port: u16) -> Connection {
    redis::Client::open(url(port)).unwrap().get_connection().unwrap()
}

fn ask(connection: &mut Connection, command: &str) -> String {
    let mut words = command.split(' ');
    let mut asked = redis::cmd(words.next().unwrap());
    for word in words {
        asked.arg(word);
    }
    let answer: redis::Value = asked.query(connection).unwrap();
    redis::from_redis_value(answer).unwrap_or_default()
}

/// A figure of an INFO.
fn figure(info: &str, name: &str) -> u64 {
    let line = info.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
    line.unwrap_or_else(|| panic!("{name} is not in {info}")).trim().parse().unwrap()
}

fn stdout(place: &Path) -> Vec<Row> {
    rows(&read_to_string(place.join("stdout")).unwrap())
}

#[test]
fn what_is_asked_of_a_server_between_two_samples_is_what_the_row_counts() {
    let (place, server) = (Place::new(), Server::redis(&[]));
    let mut connection = connect(server.port());
    let arguments = ["monitor", "--redis", &url(server.port()), "--interval", "300ms"];
    let mut running = place.start(place.hotset(&arguments));
    running.until("there is a first row", || !stdout(place.path()).is_empty());
    ask(&mut connection, "SET here 1");
    for _ in 0..70 {
        ask(&mut connection, "GET here");
    }
    for _ in 0..30 {
        ask(&mut connection, "EXISTS nowhere");
    }
    running.until("two more rows", || {
        let rows = stdout(place.path());
        let sum = |name: &str| rows.iter().filter_map(|row| row[name].parse::<u64>().ok()).sum::<u64>();
        (sum("hits"), sum("misses")) == (70, 30)
    });
    running.signal(Signal::TERM);
    let ended = running.end();
    assert_eq!((ended.code, ended.stderr.as_str()), (130, ""));
    let rows = rows(&ended.stdout);
    assert_eq!(rows[0]["state"], "first");
    assert_eq!(rows[0]["hit_rate"], "", "there is no interval yet");
    let quiet = rows.iter().find(|row| row["hits"] == "0" && row["misses"] == "0");
    assert!(quiet.is_none_or(|row| row["hit_rate"].is_empty()), "{quiet:?}");
    assert!(rows.iter().all(|row| row["node"] == format!("127.0.0.1:{}", server.port())));
}

#[test]
fn a_lost_server_is_told_and_a_restart_begins_anew_without_a_negative_figure() {
    let (place, mut server) = (Place::new(), Server::redis(&[]));
    let mut connection = connect(server.port());
    for _ in 0..500 {
        ask(&mut connection, "GET nothing");
    }
    let arguments = ["monitor", "--redis", &url(server.port()), "--interval", "100ms", "--give-up", "60s"];
    let mut running = place.start(place.hotset(&arguments));
    let seen =
        |state: &'static str| move |place: &Path| stdout(place).iter().any(|row| row["state"] == state);
    running.until("it is up", || seen("up")(place.path()));
    server.kill();
    running.until("it is lost", || seen("lost")(place.path()));
    server.restart();
    running.until("it has restarted", || seen("restarted")(place.path()));
    running.until("it goes on", || stdout(place.path()).last().is_some_and(|row| row["state"] == "up"));
    running.signal(Signal::INT);
    let rows = rows(&running.end().stdout);
    let lost = rows.iter().find(|row| row["state"] == "lost").unwrap();
    assert!(!lost["reason"].is_empty() && lost["commands_per_s"].is_empty(), "{lost:?}");
    let restarted = rows.iter().find(|row| row["state"] == "restarted").unwrap();
    assert!(restarted["hits"].is_empty() && restarted["commands_per_s"].is_empty(), "{restarted:?}");
    for row in &rows {
        let rate = row["commands_per_s"].parse::<f64>().unwrap_or(0.0);
        assert!(
            (0.0..100_000.0).contains(&rate) && !row.values().any(|value| value.starts_with('-')),
            "{row:?}"
        );
    }
}

#[test]
fn servers_that_stay_lost_are_given_up_with_the_reason() {
    let place = Place::new();
    let arguments = [
        "monitor",
        "--redis",
        &url(free_port()),
        "--interval",
        "100ms",
        "--give-up",
        "500ms",
        "--csv",
        "rows.csv",
    ];
    let said = place.fails(3, &arguments);
    for part in ["gave up", "500ms", "Connection refused", "check the address"] {
        assert!(said.contains(part), "{part:?} is not in {said:?}");
    }
    let rows = rows(&read_to_string(place.path().join("rows.csv")).unwrap());
    assert!(rows.len() > 1 && rows.iter().all(|row| row["state"] == "lost"), "{rows:?}");
}

#[test]
fn a_refused_password_is_told_at_once_and_never_shown() {
    let (place, server) = (Place::new(), Server::redis(&["--requirepass", "right"]));
    let port = server.port();
    for (url, reason) in [
        (format!("redis://:wrongsecret@127.0.0.1:{port}"), "check the user and the password"),
        (url(port), "it wants a user and a password"),
    ] {
        let said = place.fails(2, &["monitor", "--redis", &url, "--count", "1"]);
        assert!(said.contains(reason) && !said.contains("wrongsecret"), "{said}");
    }
    let mut command =
        place.hotset(&["monitor", "--redis", "redis://:${PASSWORD}@127.0.0.1:1", "--count", "1"]);
    command.arg("--redis").arg(format!("redis://:${{PASSWORD}}@127.0.0.1:{port}"));
    let ended = place
        .start({
            command.env("PASSWORD", "right");
            command
        })
        .end();
    assert_eq!(ended.code, 0, "{ended:?}");
    assert!(rows(&ended.stdout).iter().any(|row| row["state"] == "first"), "{ended:?}");
    assert!(!format!("{ended:?}").contains("right@"), "{ended:?}");
}

#[test]
fn published_samples_are_bounded_and_are_read_back() {
    let (place, watched, streams) = (
        Place::new(),
        Server::redis(&["--maxmemory", "3mb", "--maxmemory-policy", "allkeys-lru"]),
        Server::redis(&[]),
    );
    let mut connection = connect(watched.port());
    let arguments = ["monitor", "--redis", &url(watched.port()), "--interval", "100ms", "--publish"];
    let publish = url(streams.port());
    let mut running = place.start(place.hotset(&[&arguments[..], &[&publish]].concat()));
    running.until("there is a row", || !stdout(place.path()).is_empty());
    let value = "x".repeat(10_000);
    for number in 0..600 {
        ask(&mut connection, &format!("SET key{number} {value}"));
        ask(&mut connection, &format!("GET key{number}"));
    }
    let mut published = connect(streams.port());
    let mut evicted = || figure(&ask(&mut connection, "INFO stats"), "evicted_keys").to_string();
    assert_ne!(evicted(), "0");
    let sums_of_published = |published: &mut Connection| {
        let entries: Vec<(String, Row)> =
            redis::cmd("XRANGE").arg("metrics:cache").arg("-").arg("+").query(published).unwrap();
        ["hits", "evicted"].map(|name| {
            let counts = entries.iter().filter_map(|(_, fields)| fields.get(name)?.parse::<u64>().ok());
            counts.sum::<u64>().to_string()
        })
    };
    running.until("all is published", || sums_of_published(&mut published) == ["600".into(), evicted()]);
    running.until("all is in rows", || {
        let rows = stdout(place.path());
        let counts = rows.iter().filter_map(|row| row["evicted_keys"].parse::<u64>().ok());
        counts.sum::<u64>().to_string() == evicted()
    });
    running.signal(Signal::TERM);
    let ended = running.end();
    assert!(ended.stderr.is_empty(), "{ended:?}");
    let live = rows(&ended.stdout);
    let back =
        place.succeeds(&["monitor", "history", "--redis", &publish, "--csv", "--from", "-5m", "--to", "now"]);
    let back = rows(&back.stdout);
    assert!(back.len() > 1, "{back:?}");
    let sum =
        |rows: &[Row], name: &str| rows.iter().filter_map(|row| row[name].parse::<u64>().ok()).sum::<u64>();
    assert_eq!(sum(&back, "hits"), 600);
    assert_eq!(sum(&back, "evicted"), sum(&live, "evicted_keys"));
    // The stream of evictions keeps fewer entries than the others: what it has forgotten did happen all the same.
    ask(&mut published, "XTRIM metrics:evictions MAXLEN 0");
    let arguments = ["monitor", "history", "--redis", &publish, "--csv"];
    assert_eq!(sum(&rows(&place.succeeds(&arguments).stdout), "evicted"), sum(&live, "evicted_keys"));
    let summary = place.succeeds(&["monitor", "history", "--redis", &publish]).stdout;
    assert!(summary.contains("600 hits, 0 misses: hit rate 100.0 %"), "{summary}");
    let earlier = place.succeeds(&["monitor", "history", "--redis", &publish, "--to", "-1h"]).stdout;
    assert!(earlier.contains("nothing was published in that time"), "{earlier}");
}

#[test]
fn publishing_to_the_watched_server_is_noted_once_and_a_lost_one_stops_nothing() {
    let (place, server) = (Place::new(), Server::redis(&[]));
    let watched = url(server.port());
    let to_itself =
        ["monitor", "--redis", &watched, "--interval", "100ms", "--count", "8", "--publish", &watched];
    let said = place.succeeds(&to_itself).stderr;
    assert_eq!(said.matches("a Redis that it watches").count(), 1, "{said}");
    let nowhere = url(free_port());
    let to_nobody =
        ["monitor", "--redis", &watched, "--interval", "100ms", "--count", "8", "--publish", &nowhere];
    let ended = place.succeeds(&to_nobody);
    assert_eq!(rows(&ended.stdout).len(), 8, "{ended:?}");
    assert!(ended.stderr.contains("not published") && ended.stderr.contains("nobody listens"), "{ended:?}");
}

#[test]
fn a_cluster_takes_no_published_samples_and_what_does_is_told() {
    let (place, watched) = (Place::new(), Server::redis(&[]));
    let cluster = Server::redis(&["--cluster-enabled", "yes"]);
    ask(&mut connect(cluster.port()), "CLUSTER ADDSLOTSRANGE 0 8000");
    let (watched, publish) = (url(watched.port()), url(cluster.port()));
    let said = place.fails(2, &["monitor", "--redis", &watched, "--count", "1", "--publish", &publish]);
    for part in [&format!("127.0.0.1:{}", cluster.port()), "a node of a cluster", "a single Redis"] {
        assert!(said.contains(part), "{part:?} is not in {said:?}");
    }
    let said = place.fails(3, &["monitor", "history", "--redis", &publish]);
    assert!(said.contains("a node of a cluster") && said.contains("a single Redis"), "{said}");
}

#[test]
fn the_nodes_of_a_cluster_are_found_from_one_and_a_failover_is_followed() {
    let place = Place::new();
    let options = ["--cluster-enabled", "yes", "--cluster-node-timeout", "1000"];
    let (mut first, second) = (Server::redis(&options), Server::redis(&options));
    let (mut one, mut two) = (connect(first.port()), connect(second.port()));
    ask(&mut one, "CLUSTER ADDSLOTSRANGE 0 16383");
    ask(&mut two, &format!("CLUSTER MEET 127.0.0.1 {}", first.port()));
    let id = ask(&mut one, "CLUSTER MYID");
    eventually("they know each other", || ask(&mut two, "CLUSTER NODES").contains(&id));
    eventually("one follows the other", || {
        redis::cmd("CLUSTER").arg("REPLICATE").arg(&id).query::<()>(&mut two).is_ok()
    });
    let arguments = ["monitor", "--redis", &url(second.port()), "--interval", "200ms"];
    let mut running = place.start(place.hotset(&arguments));
    let newest = |port: u16| {
        let node = format!("127.0.0.1:{port}");
        stdout(place.path()).into_iter().rev().find(|row| row["node"] == node)
    };
    let is =
        |port: u16, role: &str| newest(port).is_some_and(|row| row["role"] == role && row["state"] == "up");
    running.until("both are seen", || is(first.port(), "primary") && is(second.port(), "replica"));
    running.until("the lag is known", || {
        newest(second.port()).is_some_and(|row| !row["replication_lag_bytes"].is_empty())
    });
    eventually("it takes over", || {
        redis::cmd("CLUSTER").arg("FAILOVER").query::<()>(&mut two).is_ok()
            && (0..100).any(|_| {
                std::thread::sleep(Duration::from_millis(20));
                ask(&mut two, "ROLE").starts_with("master")
                    || ask(&mut two, "INFO replication").contains("role:master")
            })
    });
    running.until("the roles have changed", || is(second.port(), "primary"));
    first.kill();
    running.until("the other is lost", || newest(first.port()).is_some_and(|row| row["state"] == "lost"));
    running.signal(Signal::TERM);
    assert_eq!(running.end().code, 130);
}

/// A sentinel that looks after one primary, killed when this is dropped.
struct Sentinel(std::process::Child);

impl Drop for Sentinel {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn what_a_sentinel_looks_after_is_found_with_a_password_of_its_own() {
    let (place, primary) = (Place::new(), Server::redis(&["--requirepass", "pass"]));
    let follows = format!("127.0.0.1 {}", primary.port());
    let (host, followed) = follows.split_once(' ').unwrap();
    let replica =
        Server::redis(&["--requirepass", "pass", "--masterauth", "pass", "--replicaof", host, followed]);
    let port = free_port();
    place.write(
        "sentinel.conf",
        format!(
            "port {port}\nsentinel monitor main 127.0.0.1 {} 1\nsentinel auth-pass main pass\n",
            primary.port()
        ),
    );
    let log = File::create(place.path().join("sentinel.log")).unwrap();
    let child = Command::new("redis-server")
        .args(["sentinel.conf", "--sentinel"])
        .current_dir(place.path())
        .stdout(log)
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let _sentinel = Sentinel(child);
    eventually("the sentinel knows the replica", || {
        redis::Client::open(url(port)).unwrap().get_connection().is_ok_and(|mut connection| {
            let replicas =
                redis::cmd("SENTINEL").arg("REPLICAS").arg("main").query::<Vec<Row>>(&mut connection);
            replicas.is_ok_and(|replicas| replicas.len() == 1)
        })
    });
    let arguments = ["monitor", "--redis", &url(port), "--nodes", "redis://:pass@nodes", "--count", "3"];
    let ended = place.succeeds(&[&arguments[..], &["--interval", "200ms"]].concat());
    let rows = rows(&ended.stdout);
    let roles: Vec<(&str, &str)> =
        rows[rows.len() - 2..].iter().map(|row| (row["node"].as_str(), row["role"].as_str())).collect();
    let (first, second) = (format!("127.0.0.1:{}", primary.port()), format!("127.0.0.1:{}", replica.port()));
    assert_eq!(roles, [(first.as_str(), "primary"), (second.as_str(), "replica")], "{ended:?}");
    assert!(!format!("{ended:?}").contains("pass@"), "{ended:?}");
}

#[test]
fn a_reader_that_leaves_ends_it_quietly() {
    let (place, server) = (Place::new(), Server::redis(&[]));
    let mut command = place.hotset(&["monitor", "--redis", &url(server.port()), "--interval", "100ms"]);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut first = [0; 40];
    child.stdout.take().unwrap().read_exact(&mut first).unwrap();
    let ended = child.wait_with_output().unwrap();
    assert_eq!(ended.status.code(), Some(0), "{ended:?}");
    assert!(ended.stderr.is_empty(), "{ended:?}");
}

#[test]
fn what_cannot_be_meant_is_refused_with_what_can() {
    let place = Place::new();
    for (arguments, remedy) in [
        (&["monitor"][..], "--redis"),
        (&["monitor", "--redis", "localhost:6379"], "redis://127.0.0.1:6379"),
        (&["monitor", "--redis", "redis://h", "--interval", "50ms"], "100ms or more"),
        (&["monitor", "--redis", "redis://h", "--count", "0"], "1 or more"),
        (&["monitor", "--redis", "redis://h", "--for", "0s"], "above 0"),
        (&["monitor", "--redis", "redis://h", "--listen", "everywhere"], "0.0.0.0:9121"),
        (&["monitor", "--redis", "redis://:${NO_SUCH_VARIABLE}@h"], "NO_SUCH_VARIABLE"),
        (&["monitor", "history", "--redis", "redis://h", "--from", "yesterday"], "-15m"),
    ] {
        let said = place.fails(2, arguments);
        assert!(said.contains(remedy), "{remedy:?} is not in {said:?}");
    }
    let said = place.fails(2, &["monitor", "--redis", "http://user:secret@h"]);
    assert!(said.contains("redis://") && !said.contains("secret"), "{said}");
}
