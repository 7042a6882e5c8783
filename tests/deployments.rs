//! Servers as people have them: with users of few rights, behind addresses that only they know, old, secured, or without
//! what a scenario asks for. What was measured is what is named, and every refusal has its cause.

mod support;

use std::fs;
use std::net::{Ipv4Addr, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use hotset::results::{FailedStep, Phase};
use hotset::store::mongodb::{MongoDatabase, MongoOptions, ReadPreference, WriteConcern};
use hotset::store::redis::{RedisCache, RedisOptions};
use hotset::store::{Announcement, Changes as _, Counters, ErrorKind, SecretUrl, Tracking as _};
use hotset::topology::servers::find_valkey_server;
use mongodb::bson::{Document, doc};
use redis::Commands as _;
use rustix::process::Signal;
use support::tls::Secured;
use support::{Foreign, Place, eventually, row};

/// A scenario of a second on one topology.
fn scenario(strategies: &str, topology: &str, more: &str) -> String {
    format!(
        "strategies = [{strategies}]\ntopologies = [{topology}]\n[dataset]\nkeys = 300\n\
         [workload]\nclients = 6\nrate_per_second = 200\n[run]\nduration = \"1s\"\nwarmup_max = \"1s\"\n{more}"
    )
}

fn single(url: &str) -> String {
    format!("{{ name = \"single\", url = \"{url}\", database = \"embedded\" }}")
}

/// What a run says that ends with a code.
fn run(place: &Place, code: i32, text: &str) -> String {
    place.write("shop.toml", text);
    place.fails(code, &["shop.toml", "--no-plots", "--quiet"])
}

/// A Redis with a user `shop` of these rights, whose password is `pw`, and the URL of that user.
fn with_user(rights: &str) -> (Foreign, String) {
    let redis = Foreign::redis(&[]);
    let mut connection = connect(redis.port);
    let mut set = redis::cmd("ACL");
    set.arg("SETUSER").arg("shop").arg("on").arg(">pw");
    for right in rights.split_whitespace() {
        set.arg(right);
    }
    set.query::<()>(&mut connection).unwrap();
    let url = format!("redis://shop:pw@127.0.0.1:{}", redis.port);
    (redis, url)
}

fn connect(port: u16) -> redis::Connection {
    redis::Client::open(format!("redis://127.0.0.1:{port}")).unwrap().get_connection().unwrap()
}

#[test]
fn a_strategy_whose_announcements_are_refused_fails_with_the_right_that_is_missing() {
    let (_redis, url) = with_user("~hotset:* +@all -client|tracking");
    let place = Place::new();
    let said = run(&place, 3, &scenario("\"near-cache\"", &single(&url), ""));
    assert!(said.contains("NOPERM") && said.contains("may not client|tracking;"), "{said}");
    assert!(said.contains("ACL SETUSER shop ~hotset:*"), "{said}");
    assert!(!said.contains("check the user and the password"), "{said}");
    let results = place.results("shop");
    assert_eq!(row(&results, "near-cache").status.name(), "failed");
}

#[test]
fn a_change_stream_on_a_server_without_a_replica_set_fails_with_the_remedy() {
    let mongod = Foreign::mongod();
    let place = Place::new();
    let database = format!("[database]\nurl = \"mongodb://127.0.0.1:{}\"\n", mongod.port);
    let topology = "{ name = \"embedded\", database = \"mongodb\" }";
    let said = run(&place, 3, &scenario("\"change-stream\"", topology, &database));
    assert!(said.contains("replica set") && said.contains("--replSet"), "{said}");
    assert!(!said.contains("labels:") && !said.contains("RawDocument"), "{said}");
}

#[test]
fn a_setting_that_the_servers_do_not_have_fails_before_the_warm_up() {
    let redis = Foreign::redis(&[]);
    let place = Place::new();
    let url = format!("redis://127.0.0.1:{}", redis.port);
    let reading = single(&url).replace("database", "read_from = \"replicas\", database");
    let said = run(&place, 3, &scenario("\"cache-aside\"", &reading, ""));
    assert!(said.contains("read_from needs every shard to have 1 or more replicas"), "{said}");
    let waiting = scenario("\"cache-aside\"", &single(&url), "[cache]\nwait_replicas = 2\n");
    let said = run(&place, 3, &waiting);
    assert!(said.contains("cache.wait_replicas needs every shard to have 2"), "{said}");
}

#[test]
fn a_server_that_lacks_a_command_is_refused_by_that_and_not_by_its_number() {
    let redis = Foreign::redis(&["--rename-command", "GETRANGE", ""]);
    let place = Place::new();
    let url = format!("redis://127.0.0.1:{}", redis.port);
    let said = run(&place, 3, &scenario("\"cache-aside\"", &single(&url), ""));
    assert!(said.contains("does not know GETRANGE") && said.contains("unknown command"), "{said}");
    assert!(said.contains("Redis 7.0 or newer, or Valkey"), "{said}");
}

#[test]
fn a_cell_in_which_most_operations_fail_ends_the_run_with_an_error_and_the_servers_words() {
    let redis = Foreign::redis(&["--maxmemory", "1", "--maxmemory-policy", "noeviction"]);
    let place = Place::new();
    let url = format!("redis://127.0.0.1:{}", redis.port);
    let said = run(&place, 3, &scenario("\"cache-aside\"", &single(&url), ""));
    assert!(said.contains("more than half of the operations failed"), "{said}");
    let results = place.results("shop");
    let cell = row(&results, "cache-aside");
    assert_eq!(cell.status.name(), "impaired");
    assert!(cell.reason.contains("OOM"), "{}", cell.reason);
    let error = results.errors.iter().find(|error| error.kind == "out-of-memory").unwrap();
    assert!(error.first.contains("OOM command not allowed") && error.failures > 50, "{error:?}");
}

#[test]
fn all_missing_rights_are_in_one_message_and_the_documented_ones_are_enough() {
    let place = Place::new();
    let (_redis, url) = with_user("~shop:* +@all -role -client -scan");
    let said = run(&place, 3, &scenario("\"cache-aside\"", &single(&url), ""));
    assert!(said.contains("may not role, scan and may not touch the keys that hotset writes;"), "{said}");
    let (_redis, url) = with_user("~shop:* +@all");
    let said = run(&place, 3, &scenario("\"cache-aside\"", &single(&url), ""));
    assert!(said.contains("may not touch the keys that hotset writes"), "{said}");

    let page = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/own-servers.md")).unwrap();
    let rights =
        page.lines().find_map(|line| line.trim().strip_prefix("ACL SETUSER shop on >PASSWORD ")).unwrap();
    let (redis, url) = with_user(rights);
    let every = "\"cache-aside\", \"near-cache\", \"cache-ahead\", { name = \"cache-behind\", log = \"stream\" }, \"lease\"";
    place.write("shop.toml", scenario(every, &single(&url), "[cache]\nttl = \"1m\"\n"));
    // Two keys that are drawn alike are one, so that keys are looked up alone and together.
    place.succeeds(&["shop.toml", "--no-plots", "--quiet", "--set", "workload.keys_per_read=2"]);
    let results = place.results("shop");
    for cell in &results.summary {
        assert_eq!(cell.answers.errors, 0, "{}: {}", cell.cell, cell.reason);
        assert_ne!(cell.status.name(), "impaired", "{}: {}", cell.cell, cell.reason);
    }
    let left: Vec<String> = connect(redis.port).keys("*").unwrap();
    assert_eq!(left, [] as [String; 0]);
}

/// Nodes of a cluster, ended when dropped.
struct ClusterNodes(Vec<(Child, tempfile::TempDir)>);

impl Drop for ClusterNodes {
    fn drop(&mut self) {
        for (child, _) in &mut self.0 {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// Starts nodes at these addresses on one port; `None` where one of them did not get it.
fn start_nodes(hosts: &[&str], port: u16, more: &[&str]) -> Option<ClusterNodes> {
    let mut nodes = ClusterNodes(Vec::new());
    for host in hosts {
        let directory = tempfile::tempdir().unwrap();
        let mut child = Command::new("redis-server")
            .args(["--port", &port.to_string(), "--bind", host, "--save", "", "--protected-mode", "no"])
            .args(["--cluster-enabled", "yes", "--cluster-config-file", "nodes.conf"])
            .args(["--dir", directory.path().to_str().unwrap(), "--cluster-announce-ip", host])
            .args(more)
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        let mut has_ended = false;
        eventually("a node listens or ends", || {
            has_ended = child.try_wait().unwrap().is_some();
            has_ended || TcpStream::connect((*host, port)).is_ok()
        });
        nodes.0.push((child, directory));
        if has_ended {
            return None;
        }
    }
    Some(nodes)
}

/// Starts nodes at these addresses on one port, and forms a cluster of them. A port that is free at one address may be taken
/// at another, as may the one 10 000 above, by which nodes talk to each other.
fn cluster(hosts: &[&str], more: &[&str]) -> (ClusterNodes, u16) {
    let mut ports = std::iter::repeat_with(support::free_port).filter(|port| *port < 50_000).take(10);
    let started = ports.find_map(|port| Some((start_nodes(hosts, port, more)?, port)));
    let (nodes, port) = started.expect("one of ten ports is free at every address");
    let mut connections: Vec<_> = hosts
        .iter()
        .map(|host| redis::Client::open(format!("redis://{host}:{port}")).unwrap().get_connection().unwrap())
        .collect();
    let share = 16_384 / hosts.len();
    for (number, connection) in connections.iter_mut().enumerate() {
        let last = if number + 1 == hosts.len() { 16_383 } else { (number + 1) * share - 1 };
        redis::cmd("CLUSTER")
            .arg("ADDSLOTSRANGE")
            .arg(number * share)
            .arg(last)
            .query::<()>(connection)
            .unwrap();
        redis::cmd("CLUSTER").arg("SET-CONFIG-EPOCH").arg(number + 1).query::<()>(connection).unwrap();
    }
    for host in &hosts[1..] {
        redis::cmd("CLUSTER").arg("MEET").arg(host).arg(port).query::<()>(&mut connections[0]).unwrap();
    }
    for connection in &mut connections {
        eventually("the cluster is whole", || {
            let info: String = redis::cmd("CLUSTER").arg("INFO").query(connection).unwrap();
            info.contains("cluster_state:ok")
        });
    }
    (nodes, port)
}

#[test]
fn nodes_that_announce_a_question_mark_or_nothing_are_found_at_their_addresses() {
    let hosts = ["127.0.0.1", "127.0.0.2", "127.0.0.3"];
    for preferred in ["hostname", "unknown-endpoint"] {
        let (_nodes, port) = cluster(&hosts, &["--cluster-preferred-endpoint-type", preferred]);
        let place = Place::new();
        let topology = format!(
            "{{ name = \"cluster\", nodes = [\"redis://127.0.0.1:{port}\"], database = \"embedded\" }}"
        );
        place.write("shop.toml", scenario("\"cache-aside\"", &topology, ""));
        place.succeeds(&["shop.toml", "--no-plots", "--quiet"]);
        let results = place.results("shop");
        assert_eq!(row(&results, "cache-aside").answers.errors, 0, "{preferred}");
        let mut addresses: Vec<_> = results.nodes.iter().map(|node| node.address.clone()).collect();
        addresses.sort();
        assert_eq!(addresses, hosts.map(|host| format!("{host}:{port}")), "{preferred}");

        let rows =
            place.succeeds(&["monitor", "--redis", &format!("redis://127.0.0.1:{port}"), "--count", "1"]);
        for host in hosts {
            assert!(rows.stdout.contains(&format!("{host}:{port}")), "{preferred}: {}", rows.stdout);
        }
    }
}

#[test]
fn an_address_that_only_the_servers_can_reach_is_told_and_can_be_mapped() {
    let (_nodes, port) = cluster(&["127.0.0.1"], &["--cluster-announce-ip", "10.255.255.9"]);
    let place = Place::new();
    let topology =
        format!("{{ name = \"cluster\", nodes = [\"redis://127.0.0.1:{port}\"], database = \"embedded\" }}");
    let said =
        run(&place, 3, &scenario("\"cache-aside\"", &topology, "[cache]\nconnect_timeout = \"300ms\"\n"));
    assert!(said.contains(&format!("announces it as 10.255.255.9:{port}")), "{said}");
    assert!(said.contains("address_map"), "{said}");
    let map = format!("[cache]\naddress_map = {{ \"10.255.255.9:{port}\" = \"127.0.0.1:{port}\" }}\n");
    place.write("shop.toml", scenario("\"cache-aside\"", &topology, &map));
    place.succeeds(&["shop.toml", "--no-plots", "--quiet"]);
    let map = format!("10.255.255.9:{port}=127.0.0.1:{port}");
    let url = format!("redis://127.0.0.1:{port}");
    let rows = place.succeeds(&["monitor", "--redis", &url, "--count", "1", "--address-map", &map]);
    assert!(rows.stdout.contains(&format!("10.255.255.9:{port},primary,first")), "{}", rows.stdout);
}

#[test]
fn a_unix_socket_is_used_by_run_and_monitor() {
    let directory = tempfile::tempdir().unwrap();
    let socket = directory.path().join("redis.sock");
    let _redis = Foreign::redis(&["--unixsocket", socket.to_str().unwrap(), "--requirepass", "pw"]);
    let place = Place::new();
    for scheme in ["unix", "redis+unix"] {
        let url = format!("{scheme}://{}?pass=pw", socket.display());
        place.write("shop.toml", scenario("\"near-cache\"", &single(&url), ""));
        place.succeeds(&["shop.toml", "--no-plots", "--quiet"]);
        assert_eq!(row(&place.results("shop"), "near-cache").answers.errors, 0);
        let rows = place.succeeds(&["monitor", "--redis", &url, "--count", "1"]);
        assert!(rows.stdout.contains(&format!("{},primary,first", socket.display())), "{}", rows.stdout);
    }
    let missing = format!("unix://{}/no.sock", directory.path().display());
    let said = run(&place, 3, &scenario("\"cache-aside\"", &single(&missing), ""));
    assert!(said.contains("there is no socket of that path"), "{said}");
}

/// Of a Redis that knows its clients by their certificates.
fn secured(server: &Secured, more: &str) -> String {
    let url = format!("rediss://shop:s3cret-pass@127.0.0.1:{}", server.port);
    let tls = format!("[cache]\ntimeout = \"2s\"\n{more}");
    scenario("\"cache-aside\"", &single(&url), &tls)
}

#[test]
fn a_server_that_wants_a_certificate_says_so_and_is_used_with_one() {
    let server = Secured::start_with("yes");
    let place = Place::new();
    let shown = |path: &Path| path.display().to_string();
    let authority = format!("tls_ca = \"{}\"\n", shown(&server.authority));
    let said = run(&place, 3, &secured(&server, &authority));
    assert!(
        said.contains("cache.tls_cert") && !said.contains("name the file with the certificates"),
        "{said}"
    );
    let [certificate, key] = &server.client;
    let client = format!("{authority}tls_cert = \"{}\"\ntls_key = \"{}\"\n", shown(certificate), shown(key));
    place.write("shop.toml", secured(&server, &client));
    place.succeeds(&["shop.toml", "--no-plots", "--quiet"]);
    let url = format!("rediss://shop:s3cret-pass@127.0.0.1:{}", server.port);
    let (ca, certificate, key) = (shown(&server.authority), shown(certificate), shown(key));
    let monitor = ["monitor", "--redis", &url, "--count", "1", "--tls-ca", &ca];
    let with = [&monitor[..], &["--tls-cert", &certificate, "--tls-key", &key]].concat();
    assert!(place.succeeds(&with).stdout.contains("primary,first"));
}

#[test]
fn files_of_tls_are_opened_before_anything_is_started() {
    let place = Place::new();
    let of = |more: &str| run(&place, 2, &scenario("\"cache-aside\"", &single("rediss://127.0.0.1:1"), more));
    assert!(
        of("[cache]\ntls_cert = \"none.pem\"\ntls_key = \"none.key\"\n").contains("cannot read none.key")
    );
    place.write("some.pem", "-----BEGIN CERTIFICATE-----\n");
    assert!(of("[cache]\ntls_cert = \"some.pem\"\n").contains("a certificate needs its key"));
    assert!(
        of("[cache]\ntls_ca = \"some.pem\"\ntls_key = \"some.pem\"\n").contains("there is no private key")
    );
    let mongodb = "[database]\nurl = \"mongodb://h/?tls=true&tlsCAFile=none.pem\"\n";
    assert!(of(mongodb).contains("cannot read the tlsCAFile of the URL, none.pem"));
}

#[test]
fn a_server_that_nobody_looked_at_is_said_on_every_page() {
    let server = Secured::start();
    let place = Place::new();
    place.write("shop.toml", secured(&server, "tls_insecure = true\n"));
    let ended = place.succeeds(&["shop.toml"]);
    let words = "nobody has looked at who the servers of the cache are";
    assert!(ended.stdout.contains(words) && ended.stderr.contains(words), "{ended:?}");
    let page = fs::read_to_string(place.latest("shop").join("report.html")).unwrap();
    assert!(page.contains(words));
}

/// A primary with a password and a sentinel that looks after it, with the sentinel's own.
fn sentinel(node_password: &str, sentinel_password: &str) -> (Foreign, Foreign, tempfile::TempDir) {
    let node = if node_password.is_empty() { vec![] } else { vec!["--requirepass", node_password] };
    let primary = Foreign::redis(&node);
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("sentinel.conf");
    let line = |password: &str, line: &str| match password {
        "" => String::new(),
        password => format!("{line} {password}\n"),
    };
    let text = [
        format!("sentinel monitor shard0 127.0.0.1 {} 1\n", primary.port),
        line(node_password, "sentinel auth-pass shard0"),
        line(sentinel_password, "requirepass"),
    ]
    .concat();
    fs::write(&file, text).unwrap();
    let sentinel = Foreign::sentinel(file.to_str().unwrap());
    (primary, sentinel, directory)
}

#[test]
fn of_the_two_passwords_behind_sentinels_the_one_that_is_wrong_is_named() {
    let place = Place::new();
    let of = |sentinel: &str, node: &str| {
        let topology = format!(
            "{{ name = \"sentinel\", sentinels = [\"{sentinel}\"], masters = [\"shard0\"]{node}, database = \"embedded\" }}"
        );
        scenario("\"cache-aside\"", &topology, "")
    };
    let (_primary, open, _directory) = sentinel("nodepw", "");
    let url = format!("redis://127.0.0.1:{}", open.port);
    let said = run(&place, 3, &of(&url, ""));
    assert!(said.contains("NOAUTH") && said.contains("node = "), "{said}");
    let said = run(&place, 3, &of(&url, ", node = \"redis://:wrong@\""));
    assert!(said.contains("WRONGPASS") && said.contains("node = "), "{said}");
    place.write("shop.toml", of(&url, ", node = \"redis://:nodepw@\""));
    place.succeeds(&["shop.toml", "--no-plots", "--quiet"]);

    let (_primary, closed, _directory) = sentinel("", "sentpw");
    let url = format!("redis://127.0.0.1:{}", closed.port);
    let said = run(&place, 3, &of(&url, ""));
    assert!(said.contains("NOAUTH") && said.contains("`sentinels`"), "{said}");
    let url = format!("redis://:sentpw@127.0.0.1:{}", closed.port);
    let said = run(&place, 3, &of(&url, ", node = \"redis://:needless@\""));
    assert!(said.contains("without any password configured") && said.contains("leave it out"), "{said}");
}

#[test]
fn a_mongodb_that_refuses_says_why_and_never_that_it_may_not_run() {
    let mongod = Foreign::mongod_with(&["--auth"]);
    let place = Place::new();
    let topology = "{ name = \"embedded\", database = \"mongodb\" }";
    let of = |user: &str| {
        let database = format!("[database]\nurl = \"mongodb://{user}127.0.0.1:{}\"\n", mongod.port);
        run(&place, 3, &scenario("\"cache-aside\"", topology, &database))
    };
    for _ in 0..2 {
        let said = of("shop:wrong-pass@");
        assert!(said.contains("Authentication failed") && said.contains("authSource"), "{said}");
        let said = of("");
        assert!(said.contains("not authorized") && said.contains("readWriteAnyDatabase"), "{said}");
        assert!(!said.contains("labels:") && !said.contains("firewall"), "{said}");
    }
}

#[tokio::test]
async fn announcements_that_the_server_cuts_off_are_counted() {
    let redis = Foreign::redis(&[]);
    let counters = Counters::new();
    let options = RedisOptions::at(format!("redis://127.0.0.1:{}", redis.port));
    let cache = RedisCache::connect(options, counters.clone()).await.unwrap();
    let mut announced = cache.track("", Duration::from_millis(100)).await.unwrap();
    assert_eq!(announced.recv().await, Some(Announcement::Connected));
    let mut kill = redis::cmd("CLIENT");
    kill.arg(&["KILL", "TYPE", "normal"]).query::<i64>(&mut connect(redis.port)).unwrap();
    assert_eq!(announced.recv().await, Some(Announcement::Lost));
    let failures = counters.first_failures();
    let first = failures.of(FailedStep::Background, ErrorKind::Connection).unwrap();
    assert!(first.detail.contains("announces changes was lost"), "{first:?}");
}

#[test]
fn a_replica_that_reads_cannot_be_sent_to_fails_the_cell_before_its_warm_up() {
    let (primary, replica) = (Foreign::redis(&[]), Foreign::redis(&["--requirepass", "other"]));
    let mut copying = redis::Client::open(format!("redis://:other@127.0.0.1:{}", replica.port)).unwrap();
    let mut follow = redis::cmd("REPLICAOF");
    follow.arg("127.0.0.1").arg(primary.port).query::<()>(&mut copying).unwrap();
    eventually("the replica is told by its primary", || {
        let role: Vec<redis::Value> = redis::cmd("ROLE").query(&mut connect(primary.port)).unwrap();
        matches!(&role[2], redis::Value::Array(replicas) if !replicas.is_empty())
    });
    let place = Place::new();
    let reading = single(&format!("redis://127.0.0.1:{}", primary.port))
        .replace("database", "read_from = \"replicas\", database");
    let said = run(&place, 3, &scenario("\"cache-aside\"", &reading, ""));
    assert!(said.contains("NOAUTH") && said.contains("same user and password"), "{said}");
    assert!(said.contains("leave read_from out"), "{said}");
}

#[tokio::test]
async fn a_mongodb_that_stops_answering_does_not_hold_up_who_opens_a_change_stream() {
    let mongod = Foreign::mongod();
    let options = MongoOptions {
        uri: SecretUrl::new(format!("mongodb://127.0.0.1:{}", mongod.port)),
        database: "hotset_frozen".into(),
        min_pool_size: 1,
        max_pool_size: 1,
        connect_timeout: Duration::from_secs(5),
        response_timeout: Duration::from_millis(500),
        write_concern: WriteConcern::W1,
        read_preference: ReadPreference::Primary,
        app_name: "hotset-test".into(),
    };
    let database = MongoDatabase::connect(options, Counters::new()).await.unwrap();
    mongod.freeze();
    let opened = tokio::time::timeout(Duration::from_secs(3), database.changes("products")).await;
    assert_eq!(opened.expect("it is bounded").unwrap_err().kind, ErrorKind::Timeout);
}

#[test]
fn a_frozen_server_is_told_within_its_bound() {
    let redis = Foreign::redis(&[]);
    redis.freeze();
    assert!(TcpStream::connect((Ipv4Addr::LOCALHOST, redis.port)).is_ok());
    let place = Place::new();
    let url = format!("redis://127.0.0.1:{}", redis.port);
    let said = run(&place, 3, &scenario("\"cache-aside\"", &single(&url), ""));
    assert!(said.contains("it may be stopped, overloaded or behind a firewall"), "{said}");
}

#[test]
fn a_cache_that_is_met_restored_was_restarted_and_has_what_it_kept_on_disk() {
    let place = Place::new();
    let text = "strategies = [\"cache-aside\"]\ntopologies = [{ name = \"single\", database = \"embedded\" }]\n\
                [dataset]\nkeys = 300\nvalue_size = \"200B\"\n[workload]\nreads = 1.0\nclients = 4\n\
                [workload.keys]\ndistribution = \"uniform\"\n[cache]\npersistence = \"aof-every-second\"\n\
                [run]\ncache = \"restored\"\nduration = \"1s\"\nwarmup_max = \"3s\"\nwindow = \"100ms\"\n";
    place.write("shop.toml", text);
    place.succeeds(&["shop.toml", "--no-plots", "--quiet"]);
    let results = place.results("shop");
    let cell = row(&results, "cache-aside");
    assert_eq!((cell.answers.errors, cell.answers.misses), (0, 0), "{}", cell.reason);
    assert!(cell.answers.hits > 100, "{cell:?}");
    let restored = results.events.iter().find(|event| event.kind.name() == "restored").unwrap();
    assert!(restored.at_s < 0.0 && restored.detail.ends_with("s with 300 of 300 entries"), "{restored:?}");
}

/// A Valkey that hotset starts has its own name and version, and room for as many entries as were asked for. Returns where it
/// was run, and the version.
fn a_valkey_of_its_own(topology: &str) -> (Place, String) {
    let version = find_valkey_server().unwrap_or_else(|error| panic!("{error}")).version;
    let place = Place::new();
    let text = format!(
        "strategies = [\"cache-aside\"]\ntopologies = [{{ {topology}, server = \"valkey\", database = \"embedded\" }}]\n\
         [dataset]\nkeys = 2000\nvalue_size = \"6000B\"\n[workload]\nclients = 6\nrate_per_second = 200\n\
         [workload.keys]\ndistribution = \"uniform\"\n[cache]\ncapacity = \"30%\"\n\
         [run]\nduration = \"1s\"\nwarmup_max = \"3s\"\nwindow = \"100ms\"\n"
    );
    place.write("shop.toml", text);
    place.succeeds(&["shop.toml", "--no-plots", "--quiet"]);
    let results = place.results("shop");
    let cell = row(&results, "cache-aside");
    // A busy machine may disturb it, or keep it from settling.
    assert!(!["failed", "impaired"].contains(&cell.status.name()), "{}", cell.reason);
    assert_eq!(cell.answers.errors, 0, "{}", cell.reason);
    let measured = results.timeseries.iter().filter(|window| window.phase == Phase::Measure);
    let entries: Vec<f64> =
        measured.filter_map(|window| window.cache.cache_entries).map(|n| n as f64).collect();
    let held = entries.iter().sum::<f64>() / entries.len() as f64;
    assert!((held / 600.0 - 1.0).abs() < 0.05, "it holds {held} of 600: {entries:?}");
    let servers: Vec<_> =
        results.run.servers.iter().map(|server| (server.name.as_str(), server.version.as_str())).collect();
    assert!(servers.contains(&("valkey", version.as_str())), "{servers:?}");
    (place, version)
}

#[test]
fn a_valkey_is_started_alone_and_named_and_holds_what_was_asked_for() {
    let (place, version) = a_valkey_of_its_own("name = \"single\"");
    place.succeeds(&["report", "results/shop/latest"]);
    let page = fs::read_to_string(place.latest("shop").join("report.html")).unwrap();
    assert!(page.contains(&format!("valkey {version}")));
}

#[test]
fn valkeys_are_started_as_a_cluster_and_named_and_hold_what_was_asked_for() {
    a_valkey_of_its_own("name = \"cluster\", replicas = 0");
}

#[test]
fn valkeys_are_started_behind_sentinels_of_theirs_and_named_and_hold_what_was_asked_for() {
    a_valkey_of_its_own("name = \"sentinel\", shards = 1");
}

/// A MongoDB with a user `shop` of these roles, whose password is `pw`, and its administrator.
async fn with_mongodb_user(roles: Vec<Document>, made: Option<Document>) -> (Foreign, mongodb::Client) {
    let mongod = Foreign::mongod_with(&["--auth"]);
    let at = format!("127.0.0.1:{}", mongod.port);
    // The first user may be made by whoever is on the same machine.
    let nobody = mongodb::Client::with_uri_str(format!("mongodb://{at}")).await.unwrap();
    let root = doc! { "createUser": "root", "pwd": "root-pw", "roles": ["root"] };
    nobody.database("admin").run_command(root).await.unwrap();
    let root = mongodb::Client::with_uri_str(format!("mongodb://root:root-pw@{at}")).await.unwrap();
    if let Some(role) = made {
        root.database("admin").run_command(role).await.unwrap();
    }
    let shop = doc! { "createUser": "shop", "pwd": "pw", "roles": roles };
    root.database("admin").run_command(shop).await.unwrap();
    (mongod, root)
}

/// Ends a run on that MongoDB, and returns what it said.
fn run_as_shop(place: &Place, mongod: &Foreign, code: i32) -> String {
    let database = format!("[database]\nurl = \"mongodb://shop:pw@127.0.0.1:{}\"\n", mongod.port);
    let topology = "{ name = \"embedded\", database = \"mongodb\" }";
    tokio::task::block_in_place(|| run(place, code, &scenario("\"cache-aside\"", topology, &database)))
}

async fn databases_of_runs(root: &mongodb::Client) -> Vec<String> {
    let mut names = root.list_database_names().await.unwrap();
    names.retain(|name| name.starts_with("hotset_"));
    names
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_mongodb_user_who_may_not_drop_a_database_leaves_nothing_there() {
    let may_write = doc! { "role": "readWriteAnyDatabase", "db": "admin" };
    let (mongod, root) = with_mongodb_user(vec![may_write], None).await;
    let place = Place::new();
    let said = run_as_shop(&place, &mongod, 0);
    assert!(!said.contains("may still be there"), "{said}");
    assert_eq!(row(&place.results("shop"), "cache-aside").answers.errors, 0);
    assert_eq!(databases_of_runs(&root).await, [] as [String; 0]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_mongodb_user_who_may_drop_no_collection_or_find_none_is_refused_before_anything_is_written() {
    let all = ["find", "insert", "update", "remove", "createIndex", "createCollection"];
    for (more, missing) in [("listCollections", "drop"), ("dropCollection", "dropDatabase")] {
        let actions: Vec<&str> = all.into_iter().chain([more]).collect();
        let privileges = [doc! { "resource": { "db": "", "collection": "" }, "actions": actions }];
        let few = doc! { "createRole": "few", "privileges": privileges.to_vec(), "roles": [] };
        let (mongod, root) = with_mongodb_user(vec![doc! { "role": "few", "db": "admin" }], Some(few)).await;
        let place = Place::new();
        let said = run_as_shop(&place, &mongod, 3);
        assert!(said.contains(&format!("to execute command {missing} (")), "{said}");
        assert!(said.contains("would stay there") && said.contains("dropCollection"), "{said}");
        assert_eq!(databases_of_runs(&root).await, [] as [String; 0], "{said}");
    }
}

#[test]
fn what_could_not_be_removed_from_a_server_of_others_is_told_at_the_end() {
    let (redis, url) = with_user("~hotset:* +@all");
    let place = Place::new();
    place.write("shop.toml", scenario("\"cache-aside\"", &single(&url), ""));
    let mut running = place.start(place.hotset(&["shop.toml", "--no-plots"]));
    let mut connection = connect(redis.port);
    running.until("the cache fills", || redis::cmd("DBSIZE").query::<u64>(&mut connection).unwrap() > 20);
    redis::cmd("ACL").arg(&["SETUSER", "shop", "-scan"]).query::<()>(&mut connection).unwrap();
    let ended = running.end();
    let warnings: Vec<_> = ended.stderr.lines().filter(|line| line.contains("may still be there")).collect();
    let [warning] = warnings[..] else { panic!("{ended:?}") };
    assert!(warning.contains("keys that begin with \"hotset:") && warning.contains("NOPERM"), "{warning}");
    assert!(!warning.contains(":pw@"), "{warning}");
}

#[test]
fn a_check_asks_a_server_that_wants_a_password_and_one_whose_user_has_no_rights() {
    let (redis, with_rights) = with_user("~hotset:* +@all");
    let wants_one = Foreign::redis(&["--requirepass", "another-one"]);
    let (_weak, without) = with_user("~hotset:*");
    let place = Place::new();
    let check = |code: i32, url: &str| {
        place.write("shop.toml", scenario("\"cache-aside\"", &single(url), ""));
        let ended = place.run(&["check", "shop.toml", "--connect"]);
        assert_eq!(ended.code, code, "{ended:?}");
        ended.stdout
    };
    let said = check(3, &format!("redis://127.0.0.1:{}", wants_one.port));
    assert!(said.contains("REFUSES") && said.contains("NOAUTH"), "{said}");
    let said = check(3, &without);
    assert!(said.contains("REFUSES") && said.contains("NOPERM"), "{said}");
    check(0, &with_rights);
    drop(redis);
}

#[test]
fn a_cell_of_which_a_part_of_the_operations_fails_from_the_middle_on_is_not_ok() {
    let (redis, url) = with_user("~hotset:* +@all");
    let place = Place::new();
    // One in five asks for what is not cached yet.
    let text = format!(
        "strategies = [\"cache-aside\"]\ntopologies = [{}]\n[dataset]\nkeys = 100_000\nvalue_size = \"200B\"\n\
         [workload]\nreads = 1.0\nclients = 4\n[workload.keys]\ndistribution = \"hotspot\"\nhot_share = 0.01\n\
         request_share = 0.8\n[run]\nduration = \"2s\"\nwarmup_max = \"500ms\"\nwindow = \"50ms\"\n",
        single(&url)
    );
    place.write("shop.toml", text);
    let mut running = place.start(place.hotset(&["shop.toml", "--no-plots"]));
    let mut connection = connect(redis.port);
    running.until("the hot keys are cached", || {
        redis::cmd("DBSIZE").query::<u64>(&mut connection).unwrap() > 3_000
    });
    redis::cmd("ACL").arg(&["SETUSER", "shop", "-set"]).query::<()>(&mut connection).unwrap();
    let ended = running.end();
    assert_eq!(ended.code, 0, "{ended:?}");
    let results = place.results("shop");
    let row = row(&results, "cache-aside");
    let failed = row.answers.errors as f64 / row.operations as f64;
    assert!((0.02..0.5).contains(&failed), "{failed}");
    assert_eq!(row.status.name(), "impaired", "{}", row.reason);
    assert!(row.reason.contains("NOPERM"), "{}", row.reason);
}

/// A run of both kinds of servers that are there already.
fn on_servers_of_others(redis: &Foreign, mongod: &Foreign, duration: &str) -> String {
    format!(
        "strategies = [\"cache-aside\"]\n\
         topologies = [{{ name = \"single\", url = \"redis://127.0.0.1:{}\" }}]\n\
         [database]\nurl = \"mongodb://127.0.0.1:{}\"\n[dataset]\nkeys = 200\n[workload]\nclients = 4\n\
         [run]\nduration = \"{duration}\"\nwarmup_max = \"100ms\"\nwindow = \"50ms\"\n",
        redis.port, mongod.port
    )
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_million_keys_and_the_databases_of_others_are_the_same_after_five_runs_and_an_interrupted_one() {
    const KEYS: u64 = 1_000_000;
    // Each takes a second or two, nearly all of it for SCAN over so many keys; ten of them leave the same checksum.
    const RUNS: u64 = 5;
    let (redis, mongod) = (Foreign::redis(&["--enable-debug-command", "yes"]), Foreign::mongod());
    let mut connection = connect(redis.port);
    let mut populate = redis::cmd("DEBUG");
    // Named as a run's own keys are, but for the prefix.
    populate.arg("POPULATE").arg(KEYS).arg("product").arg(10).query::<()>(&mut connection).unwrap();
    let client = mongodb::Client::with_uri_str(format!("mongodb://127.0.0.1:{}", mongod.port)).await.unwrap();
    for database in ["hotset", "shop"] {
        let products = client.database(database).collection::<Document>("products");
        let documents = (0..1000).map(|number| doc! { "_id": number.to_string(), "price": number });
        products.insert_many(documents).await.unwrap();
    }
    let kept = async |connection: &mut redis::Connection| {
        let mut kept = vec![redis::cmd("DEBUG").arg("DIGEST").query::<String>(connection).unwrap()];
        for name in client.list_database_names().await.unwrap() {
            if ["admin", "config", "local"].contains(&name.as_str()) {
                continue;
            }
            let hash = client.database(&name).run_command(doc! { "dbHash": 1 }).await.unwrap();
            kept.push(format!("{name} {}", hash.get_str("md5").unwrap()));
        }
        kept
    };
    let before = kept(&mut connection).await;
    let place = Place::new();

    place.write("shop.toml", on_servers_of_others(&redis, &mongod, "100ms"));
    for _ in 0..RUNS {
        tokio::task::block_in_place(|| place.succeeds(&["shop.toml", "--no-plots", "--quiet"]));
    }

    let answers = row(&place.results("shop"), "cache-aside").answers.clone();
    assert!(answers.hits > 0 && answers.errors == 0, "{answers:?}");
    let stats = |connection: &mut redis::Connection| {
        redis::cmd("INFO").arg("commandstats").query::<String>(connection).unwrap()
    };
    let scans = |commands: &str| {
        let (_, scans) = commands.split_once("cmdstat_scan:calls=").unwrap();
        scans.split(',').next().unwrap().parse::<u64>().unwrap()
    };
    let commands = stats(&mut connection);
    for command in ["keys", "flushall", "flushdb", "swapdb", "randomkey", "config|set"] {
        assert!(!commands.contains(&format!("cmdstat_{command}:")), "{commands}");
    }
    // After the load, and once more to be sure; each step looks at a thousand keys.
    let once = KEYS / 1000 * 11 / 10;
    assert!(scans(&commands) < RUNS * 2 * once, "{commands}");

    redis::cmd("CONFIG").arg("RESETSTAT").query::<()>(&mut connection).unwrap();
    place.write("shop.toml", on_servers_of_others(&redis, &mongod, "1h"));
    let mut running = place.start(place.hotset(&["shop.toml", "--no-plots"]));
    let ended = tokio::task::block_in_place(|| {
        running.until("the cache fills", || {
            redis::cmd("DBSIZE").query::<u64>(&mut connection).unwrap() > KEYS + 20
        });
        let asked = Instant::now();
        running.signal(Signal::TERM);
        let ended = running.end();
        let is_told = ended.stderr.contains("once more ends at once, and leaves it there");
        assert!(asked.elapsed() < Duration::from_secs(1) || is_told, "{ended:?}");
        ended
    });
    assert_eq!(ended.code, 130, "{ended:?}");
    assert_eq!(kept(&mut connection).await, before, "{ended:?}");
    // Whoever wants to leave waits for one look, which is the server's own time.
    let commands = stats(&mut connection);
    assert!(scans(&commands) < once, "{commands}");
}
