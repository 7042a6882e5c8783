//! Clusters, shards behind Sentinel and replicas: real processes that are formed, asked, killed and moved.

#[path = "support/sessions.rs"]
mod sessions_support;
mod support;

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::time::{Duration, Instant};

use compact_str::CompactString;
use hotset::results::{EventRow, Of, Phase, Results, SummaryRow, Verdict};
use hotset::run::fault::Target;
use hotset::scenario::Distinct;
use hotset::store::redis::layout::Layout;
use hotset::store::redis::slots::slot_of;
use hotset::store::redis::{
    DeploymentKind, ReadFrom, RedisAdmin, RedisCache, RedisOptions, RedisParts, Sharding,
};
use hotset::store::write_log::{ExpectedEntry, LogConsumer, WriteLog as _};
use hotset::store::{
    Announcement, Cache as _, Counters, Document, Entry, ErrorKind, SecretUrl, SettleOutcome, Token,
    Tracking as _,
};
use hotset::topology::nodes::Duty;
use hotset::topology::settings::{CacheSettings, DatabaseSettings};
use hotset::topology::{CacheDeployment, DeploymentContext, ServerRoom, cluster, sentinel, single};
use mongodb::bson::rawdoc;
use support::tls::Secured;
use support::{Place, row};

const TTL: Option<Duration> = Some(Duration::from_mins(1));
/// Everything that these tests wait for takes less.
const BOUND: Duration = Duration::from_secs(30);

fn document(number: u64) -> Document {
    Document::from_raw(rawdoc! { "_id": number.to_string(), "text": "x".repeat(200), "_v": 1_i64 })
}

fn entry(version: i64) -> Entry {
    Entry::of(Document::from_raw(rawdoc! { "_id": "1", "price": version * 10, "_v": version }))
}

/// A deployment, with the supervisor that ends its servers.
struct Deployed {
    rooms: ServerRoom,
    cache: CacheDeployment,
}

impl Deployed {
    async fn of<F>(deploy: impl AsyncFnOnce(&DeploymentContext<'_>) -> F) -> Self
    where
        F: IntoDeployment,
    {
        let rooms = ServerRoom::with_program(PathBuf::from(env!("CARGO_BIN_EXE_hotset")));
        let (cache, database) = (CacheSettings::default(), DatabaseSettings::default());
        let site = DeploymentContext {
            servers: &rooms,
            run_prefix: "",
            cache: &cache,
            database: &database,
            documents: 1000,
            document: Box::new(document),
            cache_connections: 2,
            relays: None,
            uses: RedisParts::default(),
            cache_cpus: &[],
            database_cpus: &[],
        };
        let cache = deploy(&site).await.into_deployment();
        drop(site);
        Self { rooms, cache }
    }

    fn url(&self, name: &str) -> SecretUrl {
        SecretUrl::new(self.cache.managed().unwrap().named(name).unwrap().server().url().expose())
    }

    fn port(&self, name: &str) -> u16 {
        self.cache.managed().unwrap().named(name).unwrap().server().port()
    }

    fn urls(&self, duty: Duty) -> Vec<SecretUrl> {
        let nodes = self.cache.managed().unwrap().all();
        let of_duty = nodes.iter().filter(|node| node.duty() == duty);
        of_duty.map(|node| SecretUrl::new(node.server().url().expose())).collect()
    }

    async fn admin(&self, name: &str) -> RedisAdmin {
        RedisAdmin::connect(&RedisOptions::at(self.url(name).expose())).await.unwrap()
    }

    async fn end(self) {
        drop(self.cache);
        self.rooms.close().await;
    }
}

trait IntoDeployment {
    fn into_deployment(self) -> CacheDeployment;
}

impl<E: std::fmt::Display> IntoDeployment for Result<CacheDeployment, E> {
    fn into_deployment(self) -> CacheDeployment {
        self.unwrap_or_else(|error| panic!("{error}"))
    }
}

async fn a_cluster(spec: cluster::Spec) -> Deployed {
    Deployed::of(async |site: &DeploymentContext<'_>| spec.deploy_cache(site).await).await
}

async fn shards(spec: sentinel::Spec) -> Deployed {
    Deployed::of(async |site: &DeploymentContext<'_>| spec.deploy_cache(site).await).await
}

/// Two shards with a replica each and three sentinels, which notice a death within a second.
fn two_shards() -> sentinel::Spec {
    sentinel::Spec {
        shards: 2.try_into().unwrap(),
        down_after: hotset::scenario::Positive::seconds(1),
        failover_timeout: hotset::scenario::Positive::seconds(3),
        ..sentinel::Spec::default()
    }
}

fn quick_cluster() -> cluster::Spec {
    cluster::Spec { node_timeout: hotset::scenario::Positive::seconds(1), ..cluster::Spec::default() }
}

/// As an application connects that was given the addresses: nothing but those is known.
async fn from_outside(deployed: &Deployed, kind: DeploymentKind, read_from: ReadFrom) -> RedisCache {
    let url = deployed.url("shard0");
    let options = RedisOptions { kind, read_from, ..RedisOptions::at(url.expose()) };
    RedisCache::connect(options, Counters::new()).await.unwrap()
}

fn by_sentinel(deployed: &Deployed) -> DeploymentKind {
    DeploymentKind::Sentinel {
        sentinels: deployed.urls(Duty::Sentinel),
        masters: vec!["shard0".into(), "shard1".into()],
        sharding: Sharding::Rendezvous,
    }
}

/// Everything that strategies ask of a cache, over so many keys that every node is asked.
async fn keeps_its_promises(cache: &RedisCache) {
    for number in 0..60 {
        let key = format!("product:{number}");
        let token = Token::random();
        assert_eq!(cache.get(&key).await.unwrap(), None);
        cache.place_token(&key, token, Duration::from_secs(5)).await.unwrap();
        assert!(cache.fill(&key, token, &entry(1), TTL).await.unwrap());
        assert_eq!(cache.settle(&key, None, &entry(2), TTL).await.unwrap(), SettleOutcome::Stored);
        assert_eq!(cache.settle(&key, None, &entry(1), TTL).await.unwrap(), SettleOutcome::NewerThere);
        assert_eq!(cache.get(&key).await.unwrap(), Some(entry(2)));
        // An entry and the log beside it, by one script.
        let (tagged, log) = (format!("product:{{{number}}}:7"), format!("write-log:product:{{{number}}}"));
        cache.set(&tagged, &entry(1), None).await.unwrap();
        let put =
            cache.put_dirty(&tagged, ExpectedEntry::Document(1), &entry(2), Some((&log, "7"))).await.unwrap();
        assert!(put.is_some());
        let reader = LogConsumer { log: &log, consumer: "me" };
        let records = cache.read_log(reader, 10).await.unwrap();
        assert_eq!(records.len(), 1);
        assert_eq!(cache.remove_records(&log, &[records[0].id]).await.unwrap().records, 1);
        assert!(cache.delete(&key).await.unwrap());
        assert_eq!(cache.increment(&key, 2, Duration::from_secs(5)).await.unwrap(), 2);
    }
}

async fn keys_of(deployed: &Deployed, names: &[&str]) -> Vec<u64> {
    let mut keys = Vec::new();
    for name in names {
        keys.push(deployed.admin(name).await.info().await.unwrap().dbsize);
    }
    keys
}

#[tokio::test]
async fn a_cluster_is_formed_spreads_keys_and_logs_over_its_nodes_and_announces_changes_of_all() {
    let deployed = a_cluster(quick_cluster()).await;
    let cache =
        from_outside(&deployed, DeploymentKind::Cluster { seeds: Vec::new() }, ReadFrom::Primary).await;
    let layout = cache.layout();
    assert_eq!((layout.shards.len(), layout.unserved_slots()), (3, 0));
    assert!(layout.shards.iter().all(|shard| shard.replicas.len() == 1), "{:?}", layout.shards);
    let mut announced = cache.track("product:", Duration::from_secs(1)).await.unwrap();
    assert_eq!(announced.recv().await, Some(Announcement::Connected));

    keeps_its_promises(&cache).await;
    sessions_support::keeps_its_promises(&cache).await;

    let keys = keys_of(&deployed, &["shard0", "shard1", "shard2"]).await;
    assert!(keys.iter().all(|keys| *keys > 20), "{keys:?}");
    let mut changed = std::collections::BTreeSet::new();
    while changed.len() < 60 {
        match tokio::time::timeout(BOUND, announced.recv()).await.unwrap() {
            Some(Announcement::Changed(key)) if !key.contains('{') => drop(changed.insert(key)),
            Some(_) => {}
            None => panic!("it announces until nobody listens"),
        }
    }
    let nodes = deployed.cache.node_figures().await;
    assert_eq!(nodes.iter().filter(|node| node.role.name() == "primary").count(), 3);
    assert_eq!(nodes.iter().filter_map(|node| node.slots).sum::<u64>(), 16_384);
    deployed.end().await;
}

#[tokio::test]
async fn shards_behind_sentinel_are_found_by_name_and_a_failover_by_hand_is_followed() {
    let deployed = shards(two_shards()).await;
    let cache = from_outside(&deployed, by_sentinel(&deployed), ReadFrom::Primary).await;
    keeps_its_promises(&cache).await;
    sessions_support::keeps_its_promises(&cache).await;
    let before = cache.layout().shards[0].primary.clone();
    let sentinel = deployed.admin("sentinel0").await;
    sentinel.ask::<()>(redis::cmd("SENTINEL").arg("FAILOVER").arg("shard0"), "a test").await.unwrap();

    // Keys of both shards; whatever fails meanwhile fails in a known way, and soon.
    let until = Instant::now() + BOUND;
    let mut version = 3;
    loop {
        // What was written before the change may have gone to the old primary, and be lost with it.
        let has_moved = cache.layout().shards[0].primary != before;
        let mut well = 0;
        for number in 0..20 {
            let started = Instant::now();
            match cache.set(&format!("product:{number}"), &entry(version), TTL).await {
                Ok(()) => well += 1,
                Err(error) => {
                    assert!(
                        matches!(
                            error.kind,
                            ErrorKind::Connection | ErrorKind::Unavailable | ErrorKind::ReadOnly
                        ),
                        "{error}"
                    );
                }
            }
            assert!(started.elapsed() < Duration::from_millis(1500), "{:?}", started.elapsed());
        }
        if well == 20 && has_moved {
            break;
        }
        assert!(Instant::now() < until, "the failover was not followed: {:?}", cache.layout());
        version += 1;
    }
    for number in 0..20 {
        let read = cache.get(&format!("product:{number}")).await.unwrap();
        assert_eq!(read, Some(entry(version)), "what was acknowledged by the new primary is there");
    }
    deployed.end().await;
}

#[tokio::test]
async fn a_primary_that_does_not_answer_for_a_while_and_comes_back_is_no_failover() {
    // It is back long before sentinels give it up.
    let spec = sentinel::Spec { down_after: hotset::scenario::Positive::seconds(60), ..two_shards() };
    let deployed = shards(spec).await;
    let options = RedisOptions {
        kind: by_sentinel(&deployed),
        response_timeout: Duration::from_millis(200),
        ..RedisOptions::at(deployed.url("shard0").expose())
    };
    let journal = options.journal.clone();
    let cache = RedisCache::connect(options, Counters::new()).await.unwrap();
    let has_a_primary = async |wanted: bool| {
        let until = Instant::now() + BOUND;
        while cache.look().await.unwrap().shards[0].primary.is_some() != wanted {
            assert!(Instant::now() < until, "{:?}", cache.layout());
        }
    };
    let frozen = deployed.cache.managed().unwrap().named("shard0").unwrap();
    frozen.server().process().pause().await.unwrap();
    has_a_primary(false).await;
    frozen.server().process().resume().await.unwrap();
    has_a_primary(true).await;
    let noticed = journal.take();
    assert!(noticed.iter().all(|one| one.kind.name() != "failover"), "{noticed:?}");
    deployed.end().await;
}

#[tokio::test]
async fn a_primary_that_sentinels_have_made_is_used_at_once_and_not_at_the_next_look() {
    let deployed = shards(two_shards()).await;
    // Nobody looks by himself before the test is over.
    let options = RedisOptions {
        kind: by_sentinel(&deployed),
        look_every: 10 * BOUND,
        ..RedisOptions::at(deployed.url("shard0").expose())
    };
    let cache = RedisCache::connect(options, Counters::new()).await.unwrap();
    let sentinel = deployed.admin("sentinel0").await;
    for (number, name) in ["shard0", "shard1"].into_iter().enumerate() {
        let before = cache.layout().shards[number].primary.clone();
        let of_sentinel = async || -> (String, u16) {
            let mut ask = redis::cmd("SENTINEL");
            sentinel.ask(ask.arg("GET-MASTER-ADDR-BY-NAME").arg(name), "a test").await.unwrap()
        };
        let old = of_sentinel().await;
        sentinel.ask::<()>(redis::cmd("SENTINEL").arg("FAILOVER").arg(name), "a test").await.unwrap();
        let until = Instant::now() + BOUND;
        while of_sentinel().await == old {
            assert!(Instant::now() < until, "sentinels carry the failover out");
        }
        let until = Instant::now() + BOUND;
        while cache.layout().shards[number].primary.as_ref().is_none_or(|now| Some(now) == before.as_ref()) {
            assert!(Instant::now() < until, "{name}: {:?}", cache.layout());
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
    deployed.end().await;
}

#[tokio::test]
async fn while_a_shard_fails_over_faults_and_emptying_wait_for_its_next_primary() {
    let deployed = shards(two_shards()).await;
    let cache = from_outside(&deployed, by_sentinel(&deployed), ReadFrom::Primary).await;
    for number in 0..40 {
        cache.set(&format!("product:{number}"), &entry(1), TTL).await.unwrap();
    }
    let held = keys_of(&deployed, &["shard0", "shard1"]).await;
    assert!(held.iter().all(|keys| *keys > 0), "{held:?}");
    let replicated: u64 =
        deployed.admin("shard0").await.ask(redis::cmd("WAIT").arg(1).arg(10_000), "a test").await.unwrap();
    assert_eq!(replicated, 1);
    let first = deployed.cache.node_at(Target::Shard(0)).await.unwrap();
    first.server().kill().await.unwrap();
    let layout = deployed.cache.look().await.unwrap().unwrap();
    assert_eq!(layout.shards[0].primary, None, "nobody has taken over yet");

    let (emptied, next) = tokio::join!(deployed.cache.flush(), deployed.cache.node_at(Target::Shard(0)));
    emptied.unwrap();
    assert_eq!(next.unwrap().name(), "shard0-replica0", "not the one that was killed");
    assert_eq!(keys_of(&deployed, &["shard0-replica0", "shard1"]).await, [0, 0]);
    deployed.cache.clear().await.unwrap();
    deployed.end().await;
}

#[tokio::test]
async fn a_dead_replica_never_fails_a_read_and_reads_are_spread_over_those_that_live() {
    let spec = single::Spec { replicas: 2, read_from: ReadFrom::Replicas, ..single::Spec::default() };
    let deployed = Deployed::of(async |site: &DeploymentContext<'_>| spec.deploy_cache(site).await).await;
    let cache = from_outside(&deployed, DeploymentKind::One, ReadFrom::Replicas).await;
    assert_eq!(cache.layout().shards[0].replicas.len(), 2);
    for number in 0..50 {
        cache.set(&format!("k{number}"), &entry(1), TTL).await.unwrap();
    }
    let reads = async |cache: &RedisCache| {
        for number in 0..50 {
            // What a replica does not have yet is missing for a moment, and that is no error.
            cache.get(&format!("k{number}")).await.unwrap();
        }
    };
    let commands =
        async |name: &str| deployed.admin(name).await.info().await.unwrap().commands_processed.unwrap();
    let before =
        (commands("shard0").await, commands("shard0-replica0").await, commands("shard0-replica1").await);
    reads(&cache).await;
    assert!(commands("shard0-replica0").await >= before.1 + 20, "replicas answer by turns");
    assert!(commands("shard0-replica1").await >= before.2 + 20);

    let nodes = deployed.cache.managed().unwrap();
    nodes.named("shard0-replica0").unwrap().server().kill().await.unwrap();
    reads(&cache).await;
    let frozen = nodes.named("shard0-replica1").unwrap();
    frozen.server().process().pause().await.unwrap();
    reads(&cache).await;
    frozen.server().process().resume().await.unwrap();
    reads(&cache).await;
    deployed.end().await;
}

#[tokio::test]
async fn a_write_that_waits_for_replicas_ends_in_a_timeout_when_they_are_frozen_and_is_done_all_the_same() {
    let spec = single::Spec { replicas: 1, ..single::Spec::default() };
    let deployed = Deployed::of(async |site: &DeploymentContext<'_>| spec.deploy_cache(site).await).await;
    let options = RedisOptions {
        wait_replicas: 1,
        // Replicas may take longer than any other answer.
        wait_timeout: Duration::from_millis(1500),
        ..RedisOptions::at(deployed.url("shard0").expose())
    };
    let counters = Counters::new();
    let cache = RedisCache::connect(options, counters.clone()).await.unwrap();
    cache.set("a", &entry(1), TTL).await.unwrap();
    assert_eq!(counters.snapshot().cache_commands, 3, "the write, the mark and the WAIT");
    cache.place_token("loading", Token(1), Duration::from_mins(1)).await.unwrap();
    let replica =
        RedisAdmin::connect(&RedisOptions::at(deployed.url("shard0-replica0").expose())).await.unwrap();
    assert!(replica.info().await.unwrap().dbsize >= 1, "it was waited for");

    let frozen = deployed.cache.managed().unwrap().named("shard0-replica0").unwrap();
    frozen.server().process().pause().await.unwrap();
    let error = cache.set("a", &entry(2), TTL).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Timeout, "{error}");
    assert!(error.detail.contains("0 of 1 replicas"), "{error}");
    assert_eq!(cache.get("a").await.unwrap(), Some(entry(2)));
    // The load whose token a write removes would fill a replica that still has the token.
    let voided = cache.settle("loading", None, &entry(2), TTL).await;
    assert_eq!(voided.unwrap_err().kind, ErrorKind::Timeout);
    assert_eq!(cache.get("loading").await.unwrap(), None);
    assert_eq!(
        cache.settle("loading", None, &entry(2), TTL).await,
        Ok(SettleOutcome::Voided),
        "nothing was removed"
    );
    // An invalidation is tried again, and finds nothing left to remove: it is no more copied than before.
    for _ in 0..2 {
        assert_eq!(cache.delete("a").await.unwrap_err().kind, ErrorKind::Timeout);
    }
    frozen.server().process().resume().await.unwrap();
    deployed.end().await;
}

/// A server that answers OK to everything, but closes the connection instead of answering what begins with one of these
/// words; it counts how often each came.
async fn a_server_that_hangs_up_on(words: [&'static str; 2]) -> (u16, Arc<[AtomicUsize; 2]>) {
    use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let counts: Arc<[AtomicUsize; 2]> = Arc::default();
    let counted = Arc::clone(&counts);
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            let counts = Arc::clone(&counted);
            tokio::spawn(async move {
                let mut stream = BufReader::new(stream);
                let number = async |stream: &mut BufReader<_>| {
                    let mut line = String::new();
                    stream.read_line(&mut line).await.ok()?;
                    line.trim_start_matches(['*', '$']).trim().parse::<usize>().ok()
                };
                while let Some(parts) = number(&mut stream).await {
                    let mut command = Vec::new();
                    for _ in 0..parts {
                        let mut piece = vec![0; number(&mut stream).await.unwrap() + 2];
                        stream.read_exact(&mut piece).await.unwrap();
                        command.push(String::from_utf8_lossy(&piece).trim().to_owned());
                    }
                    if let Some(word) = words.iter().position(|word| *word == command[0]) {
                        counts[word].fetch_add(1, SeqCst);
                        return;
                    }
                    stream.write_all(b"+OK\r\n").await.unwrap();
                }
            });
        }
    });
    (port, counts)
}

#[tokio::test]
async fn what_may_have_happened_is_not_sent_again_and_a_look_is() {
    let (port, counts) = a_server_that_hangs_up_on(["SET", "GET"]).await;
    let options = RedisOptions::at(format!("redis://127.0.0.1:{port}"));
    let cache = RedisCache::connect(options, Counters::new()).await.unwrap();
    assert_eq!(cache.set("a", &entry(1), TTL).await.unwrap_err().kind, ErrorKind::Connection);
    assert_eq!(counts[0].load(SeqCst), 1, "a write without an answer may be done");
    assert_eq!(cache.get("a").await.unwrap_err().kind, ErrorKind::Connection);
    assert_eq!(counts[1].load(SeqCst), 3, "a look is tried twice more");
}

#[tokio::test]
async fn what_has_left_a_slot_that_is_moving_is_asked_of_the_node_that_it_moves_to() {
    let deployed = a_cluster(cluster::Spec { replicas: 0, ..quick_cluster() }).await;
    let cache =
        from_outside(&deployed, DeploymentKind::Cluster { seeds: Vec::new() }, ReadFrom::Primary).await;
    let (from, to) = (deployed.admin("shard0").await, deployed.admin("shard1").await);
    let id = async |admin: &RedisAdmin| -> String {
        admin.ask(redis::cmd("CLUSTER").arg("MYID"), "a test").await.unwrap()
    };
    let (from_id, to_id) = (id(&from).await, id(&to).await);
    // A key of the first shard's slots; it was never there, so that it has left as far as anybody can tell.
    let mut found = None;
    for number in 0..1000 {
        let key = format!("moving:{number}");
        let slot: u64 = from.ask(redis::cmd("CLUSTER").arg("KEYSLOT").arg(&key), "a test").await.unwrap();
        if slot < 5000 {
            found = Some((key, slot));
            break;
        }
    }
    let (key, slot) = found.unwrap();
    let mut set = redis::cmd("CLUSTER");
    to.ask::<()>(set.arg("SETSLOT").arg(slot).arg("IMPORTING").arg(&from_id), "a test").await.unwrap();
    let mut set = redis::cmd("CLUSTER");
    from.ask::<()>(set.arg("SETSLOT").arg(slot).arg("MIGRATING").arg(&to_id), "a test").await.unwrap();
    // It stays so: whoever does not say ASKING is sent back and forth until the time is up.
    cache.set(&key, &entry(1), TTL).await.unwrap();
    assert_eq!(cache.get(&key).await.unwrap(), Some(entry(1)));
    assert!(cache.set_if_newer(&key, &entry(2), TTL).await.unwrap());
    assert_eq!(cache.get(&key).await.unwrap(), Some(entry(2)));
    let there: u64 = to.ask(redis::cmd("CLUSTER").arg("COUNTKEYSINSLOT").arg(slot), "a test").await.unwrap();
    assert_eq!(there, 1, "it is where the slot moves to");
    deployed.end().await;
}

/// Looks all keys up together, and says how many commands that took.
async fn looked_up(cache: &RedisCache, keys: &[CompactString]) -> (Vec<Option<Entry>>, u64) {
    let before = cache.counters().snapshot();
    let found = cache.get_many(keys).await.into_iter().map(Result::unwrap).collect();
    (found, (cache.counters().snapshot() - before).cache_commands)
}

#[tokio::test]
async fn keys_are_looked_up_by_one_command_a_slot_also_where_a_part_of_them_has_moved() {
    let deployed = a_cluster(cluster::Spec { replicas: 0, ..quick_cluster() }).await;
    let cache =
        from_outside(&deployed, DeploymentKind::Cluster { seeds: Vec::new() }, ReadFrom::Primary).await;
    // Fifty keys in as many slots, and ten in one of the first shard's.
    let tag = (0..1_000).map(|number| format!("tag{number}")).find(|tag| slot_of("", tag) < 5_000).unwrap();
    let tagged = (0..10).map(|number| CompactString::from(format!("product:{{{tag}}}:{number}")));
    let all: Vec<CompactString> =
        (0..50).map(|number| CompactString::from(format!("product:{number}"))).chain(tagged).collect();
    for (key, version) in all.iter().zip(1..).step_by(2) {
        cache.set(key, &entry(version), TTL).await.unwrap();
    }
    let expected: Vec<Option<Entry>> =
        (1..=60).map(|version| (version % 2 == 1).then(|| entry(version))).collect();
    let slots: BTreeSet<u16> = all.iter().map(|key| slot_of("", key)).collect();
    assert_eq!(looked_up(&cache, &all).await, (expected.clone(), slots.len() as u64));

    let (from, to) = (deployed.admin("shard0").await, deployed.admin("shard1").await);
    let id = async |admin: &RedisAdmin| -> String {
        admin.ask(redis::cmd("CLUSTER").arg("MYID"), "a test").await.unwrap()
    };
    let slot = slot_of("", &tag);
    let set = |state: &str, other: String| {
        let mut set = redis::cmd("CLUSTER");
        set.arg("SETSLOT").arg(slot).arg(state).arg(other);
        set
    };
    to.ask::<()>(&set("IMPORTING", id(&from).await), "a test").await.unwrap();
    from.ask::<()>(&set("MIGRATING", id(&to).await), "a test").await.unwrap();
    // All keys of the slot are still there but for those that nobody has set.
    let (found, commands) = looked_up(&cache, &all).await;
    assert_eq!(found, expected);
    assert_eq!(commands, slots.len() as u64 + 10, "TRYAGAIN is answered by a GET for each");
    let moving = all[50].as_str();
    let port = deployed.port("shard1");
    let mut migrate = redis::cmd("MIGRATE");
    migrate.arg("127.0.0.1").arg(port).arg(moving).arg(0).arg(5_000);
    let password = credentials(&deployed.url("shard1"));
    migrate.arg("AUTH").arg(password.trim_start_matches(':'));
    let moved: String = from.ask(&migrate, "a test").await.unwrap();
    assert_eq!(moved, "OK");
    assert_eq!(looked_up(&cache, &all).await.0, expected);
    for admin in [&to, &from] {
        admin.ask::<()>(&set("NODE", id(&to).await), "a test").await.unwrap();
    }
    // What the first shard still had is lost to the cluster now; where the slot went, one key is.
    let (found, _) = looked_up(&cache, &all).await;
    assert_eq!(found[..51], expected[..51]);
    deployed.end().await;
}

#[tokio::test]
async fn slots_that_move_under_load_give_not_one_wrong_answer() {
    let deployed = a_cluster(cluster::Spec { replicas: 0, ..quick_cluster() }).await;
    let cache =
        from_outside(&deployed, DeploymentKind::Cluster { seeds: Vec::new() }, ReadFrom::Primary).await;
    let stop = std::sync::atomic::AtomicBool::new(false);
    // Each client counts its own keys up by scripts and reads back what it has written.
    let client = async |client: u64| {
        let (mut version, mut answers) = (1, 0_u64);
        while !stop.load(std::sync::atomic::Ordering::Relaxed) {
            for number in 0..40 {
                let key = format!("product:{client}:{number}");
                cache.set_if_newer(&key, &entry(version), TTL).await.unwrap();
                assert_eq!(cache.get(&key).await.unwrap(), Some(entry(version)), "{key}");
                answers += 1;
            }
            let all: Vec<CompactString> =
                (0..40).map(|number| format!("product:{client}:{number}").into()).collect();
            for found in cache.get_many(&all).await {
                assert_eq!(found.unwrap(), Some(entry(version)));
            }
            version += 1;
        }
        answers
    };
    let named = async || {
        let layout = deployed.cache.look().await.unwrap().unwrap();
        layout.shards.into_iter().map(|shard| shard.name).collect::<Vec<_>>()
    };
    let moves = async {
        let added = deployed.cache.add_shard().await.unwrap();
        assert!(
            added.contains("shard3 has 4096 slots") || added.contains("shard3 has 4095 slots"),
            "{added}"
        );
        assert_eq!(named().await, ["shard0", "shard1", "shard2", "shard3"].map(String::from));
        let port = async |shard| deployed.cache.node_at(Target::Shard(shard)).await.unwrap().server().port();
        assert_eq!(port(1).await, deployed.port("shard1"), "a fault hits whom it names");
        assert_eq!(port(3).await, deployed.port("shard3"));
        deployed.cache.remove_shard(0).await.unwrap();
        assert_eq!(named().await, ["shard1", "shard2", "shard3"].map(String::from));
        assert_eq!(port(1).await, deployed.port("shard1"));
        tokio::time::sleep(Duration::from_millis(500)).await;
        stop.store(true, std::sync::atomic::Ordering::Relaxed);
    };
    let (a, b, c, ()) = tokio::join!(client(0), client(1), client(2), moves);
    assert!(a + b + c > 1000, "{a} {b} {c}");
    assert_eq!(deployed.cache.look().await.unwrap().map(|layout: Layout| layout.unserved_slots()), Some(0));
    deployed.end().await;
}

#[tokio::test]
async fn what_is_wrong_with_servers_that_are_there_already_is_said_with_its_remedy() {
    let deployed = a_cluster(cluster::Spec { replicas: 0, ..quick_cluster() }).await;
    let sentinels = shards(two_shards()).await;
    let said = async |kind: DeploymentKind, url: SecretUrl| {
        let options = RedisOptions { kind, ..RedisOptions::at(url.expose()) };
        RedisCache::connect(options, Counters::new()).await.unwrap_err().to_string()
    };
    let nobody = SecretUrl::new("redis://127.0.0.1:1/");
    let kind = |sentinels: Vec<SecretUrl>, name: &str| DeploymentKind::Sentinel {
        sentinels,
        masters: vec![name.into()],
        sharding: Sharding::Rendezvous,
    };
    let unknown = said(kind(sentinels.urls(Duty::Sentinel), "shard9"), sentinels.url("shard0")).await;
    assert!(unknown.contains("no sentinel knows a primary by the name \"shard9\""), "{unknown}");
    assert!(unknown.contains("SENTINEL MASTERS"), "{unknown}");
    let unreachable = said(kind(vec![nobody.clone()], "shard0"), sentinels.url("shard0")).await;
    assert!(unreachable.contains("127.0.0.1:1") && unreachable.contains("refused"), "{unreachable}");
    let no_cluster = said(DeploymentKind::Cluster { seeds: Vec::new() }, sentinels.url("shard0")).await;
    assert!(no_cluster.contains("use the topology \"single\""), "{no_cluster}");

    let admin = deployed.admin("shard1").await;
    admin.ask::<()>(redis::cmd("CLUSTER").arg("DELSLOTS").arg(6000), "a test").await.unwrap();
    let other = deployed.admin("shard0").await;
    other.ask::<()>(redis::cmd("CLUSTER").arg("DELSLOTS").arg(6000), "a test").await.unwrap();
    let spec =
        cluster::Spec { nodes: Distinct::new(vec![deployed.url("shard1")]).ok(), ..cluster::Spec::default() };
    let error = Deployed::of(async |site: &DeploymentContext<'_>| {
        let error = spec.deploy_cache(site).await.err().unwrap().to_string();
        assert!(error.contains("1 of the 16384 slots") && error.contains("served by nobody"), "{error}");
        single::Spec::default().deploy_cache(site).await
    });
    error.await.end().await;
    sentinels.end().await;
    deployed.end().await;
}

/// A small scenario on real servers; the databases are embedded, since it is the cache that matters.
fn scenario(strategies: &str, topologies: &str, more: &str) -> String {
    format!(
        r#"
strategies = [{strategies}]
topologies = [{topologies}]
[dataset]
keys = 1_000
value_size = "300B"
[workload]
reads = 0.9
clients = 64
rate_per_second = 500
[cache]
ttl = "10m"
timeout = "300ms"
[run]
warmup_max = "3s"
window = "250ms"
{more}"#
    )
}

/// For what is not about timeouts: a dozen servers on two cores may keep an answer waiting.
fn patient(strategies: &str, topologies: &str, more: &str) -> String {
    scenario(strategies, topologies, more).replace("timeout = \"300ms\"", "timeout = \"3s\"")
}

const CLUSTER: &str = r#"{ name = "cluster", node_timeout = "1s", database = "embedded" }"#;
const SENTINEL: &str =
    r#"{ name = "sentinel", shards = 2, down_after = "1s", failover_timeout = "3s", database = "embedded" }"#;
const SINGLE: &str = r#"{ name = "single", database = "embedded" }"#;

#[track_caller]
fn nothing_failed(row: &SummaryRow) {
    let found = (row.answers.errors, row.answers.timeouts, row.audited.wrong.corrupt_reads);
    assert_eq!(found, (0, 0, 0), "{}: {}: {row:#?}", row.cell, row.errors_by_kind);
}

#[track_caller]
fn guarantee_held(row: &SummaryRow) {
    let found = (row.judgement.verdict, row.at_end.lost_writes, row.audited.wrong.corrupt_reads);
    let kept = (Some(Verdict::Kept), Some(0), 0);
    assert_eq!(found, kept, "{}: {}: {row:#?}", row.cell, row.judgement.verdict_reason);
}

fn events<'a>(results: &'a Results, cell: &str, kind: &str) -> Vec<&'a Of<EventRow>> {
    results.events.iter().filter(|event| event.cell == cell && event.kind.name() == kind).collect()
}

/// Returns the least and the greatest number of commands of one operation.
fn commands_of(strategy: &str) -> std::ops::RangeInclusive<f64> {
    match strategy {
        // What is near needs none.
        "near-cache" => 0.0..=3.0,
        _ => 1.0..=3.0,
    }
}

/// Within 2 %, or within four standard deviations of the difference, where operations are too few for that: the mean of
/// what lies between two bounds varies no more than that of the bounds alone (Bhatia and Davis, "A better bound on the
/// variance", 2000).
fn as_much_work(
    row: &SummaryRow,
    other: &SummaryRow,
    what: &str,
    figure: impl Fn(&SummaryRow) -> Option<f64>,
    of_one: std::ops::RangeInclusive<f64>,
) {
    let (here, there) = (figure(row).unwrap(), figure(other).unwrap());
    let mean = f64::midpoint(here, there);
    assert!(of_one.contains(&mean), "{} of {}: {mean} {what}", row.strategy, row.topology);
    let variance = (of_one.end() - mean) * (mean - of_one.start());
    let operations = row.operations.min(other.operations) as f64;
    let tolerance = (0.02 * mean).max(4.0 * (2.0 * variance / operations).sqrt());
    let (strategy, topology) = (&row.strategy, &row.topology);
    assert!(
        (here - there).abs() <= tolerance,
        "{strategy} on {topology}: {here} {what}, not {there} ± {tolerance}"
    );
}

/// Returns what stands between `redis://` and the address.
fn credentials(url: &SecretUrl) -> String {
    let (credentials, _) = url.expose().trim_start_matches("redis://").split_once('@').unwrap();
    credentials.to_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_scenario_uses_servers_that_are_there_already_reads_from_any_node_and_leaves_no_key_and_no_password()
 {
    let (cluster, sentinel) = (a_cluster(quick_cluster()).await, shards(two_shards()).await);
    let place = Place::new();
    // As users name them: by one node, by some of the sentinels, with passwords from the environment.
    let (seed, ports) = (cluster.port("shard1"), [sentinel.port("sentinel0"), sentinel.port("sentinel2")]);
    let topologies = format!(
        r#"{{ name = "cluster", nodes = ["redis://${{CLUSTER}}@127.0.0.1:{seed}"], read_from = "nearest", database = "embedded" }},
  {{ name = "sentinel", sentinels = ["redis://${{SENTINELS}}@127.0.0.1:{}", "redis://${{SENTINELS}}@127.0.0.1:{}"], masters = ["shard0", "shard1"],
    node = "redis://${{NODES}}@", read_from = "spread", database = "embedded" }}"#,
        ports[0], ports[1]
    );
    let strategies = r#""cache-aside", { name = "cache-behind", flush_interval = "300ms" }"#;
    place.write("there.toml", patient(strategies, &topologies, "duration = \"2s\""));
    let passwords = [
        ("CLUSTER", credentials(&cluster.url("shard0"))),
        ("SENTINELS", credentials(&sentinel.url("sentinel0"))),
        ("NODES", credentials(&sentinel.url("shard0"))),
    ];
    let mut command = place.hotset(&["there.toml", "--no-plots", "--quiet"]);
    command.envs(passwords.iter().map(|(name, value)| (*name, value.as_str())));
    let ended = place.start(command).end();
    assert_eq!(ended.code, 0, "{ended:?}");
    let results = place.results("there");
    assert_eq!(results.summary.len(), 4);
    for row in &results.summary {
        nothing_failed(row);
        guarantee_held(row);
        assert!(row.answers.hits > 100, "{row:#?}");
    }
    assert_eq!(keys_of(&cluster, &["shard0", "shard1", "shard2"]).await, [0, 0, 0]);
    assert_eq!(keys_of(&sentinel, &["shard0", "shard1"]).await, [0, 0]);
    let run = std::fs::read_to_string(place.latest("there").join("run.json")).unwrap();
    for (name, value) in &passwords {
        let password = value.trim_start_matches(':');
        assert!(
            !password.is_empty() && !run.contains(password) && !ended.stderr.contains(password),
            "{name}"
        );
    }
    cluster.end().await;
    sentinel.end().await;
}

#[test]
fn strategies_that_load_on_a_miss_do_the_same_work_and_keep_their_promise_on_every_topology() {
    let results = are_alike_on_every_topology(3, r#""cache-aside", "cache-through", "lease""#);
    let nodes = |cell: &str| results.nodes.iter().filter(|node| node.cell == cell).count();
    assert_eq!((nodes("r1-lease-cluster"), nodes("r1-lease-sentinel"), nodes("r1-lease-single")), (6, 4, 1));
}

#[test]
fn strategies_that_refresh_or_keep_a_copy_do_the_same_work_and_keep_their_promise_on_every_topology() {
    are_alike_on_every_topology(3, r#""near-cache", "cache-ahead", "xfetch""#);
}

#[test]
fn strategies_that_write_behind_do_the_same_work_and_keep_their_promise_on_every_topology() {
    let strategies = r#"{ name = "cache-behind", flush_interval = "300ms" }, { name = "write-behind", interval = "10ms" }"#;
    are_alike_on_every_topology(2, strategies);
}

fn are_alike_on_every_topology(number: usize, strategies: &str) -> Results {
    let place = Place::new();
    let topologies = format!("{SINGLE}, {CLUSTER}, {SENTINEL}");
    let text = patient(strategies, &topologies, "duration = \"2s\"");
    // So few keys that the shortest warm-up has met nearly all of them: what is measured is the steady state.
    place.write("alike.toml", text.replace("keys = 1_000", "keys = 200"));
    place.succeeds(&["alike.toml", "--no-plots", "--quiet"]);
    let results = place.results("alike");
    assert_eq!(results.summary.len(), 3 * number);
    for row in &results.summary {
        nothing_failed(row);
        guarantee_held(row);
        let single = results
            .summary
            .iter()
            .find(|other| other.strategy == row.strategy && other.topology == "single")
            .unwrap();
        let (rate, there) = (row.answers.hit_rate.unwrap(), single.answers.hit_rate.unwrap());
        assert!((rate - there).abs() < 0.04, "{} on {}: {rate} {there}", row.strategy, row.topology);
        // Those who write behind look at their logs and flush by the clock, whatever the operations: on one server there
        // is one log, on several there are many.
        if !matches!(row.strategy.as_str(), "cache-behind" | "write-behind") {
            as_much_work(
                row,
                single,
                "cache commands",
                |row| row.calls_per_op.cache_commands_per_op,
                commands_of(&row.strategy),
            );
            as_much_work(row, single, "database reads", |row| row.calls_per_op.db_reads_per_op, 0.0..=1.0);
        }
    }
    assert!(place.processes().is_empty(), "{:?}", place.processes());
    results
}

#[test]
fn when_a_primary_dies_service_is_back_within_the_bound_and_the_failover_is_told() {
    let place = Place::new();
    let more = r#"duration = "10s"
[database]
timeout = "1s"
[[fault]]
at = "2s"
kind = "kill"
target = "shard0"
"#;
    let strategies = r#""cache-aside", { name = "cache-behind", flush_interval = "500ms" }"#;
    // Entries live so short that what a failover brings back would be found too old, were it served for longer. Where a node
    // is dead, answers wait for their timeout; of a live one they are waited for longer.
    let text = patient(strategies, &format!("{CLUSTER}, {SENTINEL}"), more);
    place.write("failover.toml", text.replace("ttl = \"10m\"", "ttl = \"2s\""));
    place.succeeds(&["failover.toml", "--no-plots", "--quiet"]);
    let results = place.results("failover");
    let redis: Vec<_> = results.run.servers.iter().filter(|server| server.name == "redis").collect();
    let told = |what: &str| redis.iter().any(|server| server.config.contains(what));
    assert!(told("5461 slots") && told("shard1 replica"), "the nodes are in the run's record: {redis:#?}");
    for row in &results.summary {
        assert_eq!(row.judgement.verdict, Some(Verdict::Kept), "{row:#?}");
        if row.strategy == "cache-aside" {
            let promise = row.guarantee.as_deref().unwrap();
            assert!(promise.contains("stale for at most 3s"), "the TTL and a load: {promise}");
            assert!(row.audited.wrong.stale_age_max_ms.unwrap_or(0.0) <= 3000.0, "{row:#?}");
        }
        let (outage, bound) = (row.outages.read_outage_s.unwrap(), row.outages.outage_bound_s.unwrap());
        assert!(outage > 0.5 && outage < bound, "{}: {outage} of {bound}", row.cell);
        assert!(row.answers.errors > 0 && row.outages.hit_rate_recovery_s.is_some(), "{row:#?}");
        assert_eq!(events(&results, &row.cell, "failover").len(), 1, "{:#?}", results.events);
        let late: Vec<_> = results
            .timeseries
            .iter()
            .filter(|window| {
                window.cell == row.cell && window.phase == Phase::Measure && window.start_s >= 8.0
            })
            .collect();
        assert!(
            late.len() >= 7 && late.iter().all(|window| window.answers.errors + window.answers.timeouts == 0),
            "{late:#?}"
        );
    }
}

#[test]
fn nothing_hangs_while_a_link_is_cut_and_afterwards_every_strategy_keeps_its_promise() {
    let place = Place::new();
    let more = r#"duration = "6s"
[[fault]]
at = "1s"
kind = "cut"
target = "cache"
for = "1s"
[[fault]]
at = "4s"
kind = "reset"
target = "cache"
"#;
    let strategies = r#""cache-aside", { name = "cache-aside", label = "bypass", on_cache_error = "bypass" }, "cache-through", "lease",
        "near-cache", "xfetch", { name = "cache-behind", flush_interval = "300ms" }"#;
    place.write("cut.toml", scenario(strategies, SINGLE, more));
    place.succeeds(&["cut.toml", "--no-plots", "--quiet"]);
    let results = place.results("cut");
    for row in &results.summary {
        guarantee_held(row);
        // A few calls in a row, each within its timeout.
        assert!(row.read_service.max_us.unwrap() < 3e6, "{row:#?}");
        assert!(row.write_service.max_us.unwrap() < 8e6, "{row:#?}");
        if row.strategy != "bypass" {
            let outage = row.outages.read_outage_s.unwrap();
            assert!(outage > 0.7 && outage < 2.5, "{}: {outage}", row.cell);
        }
        let told: Vec<_> = events(&results, &row.cell, "fault").iter().map(|event| &event.subject).collect();
        assert_eq!(told, ["cut", "reset"]);
    }
}

#[test]
fn a_cut_link_to_the_database_fails_what_needs_it_and_nothing_else() {
    let place = Place::new();
    let more = r#"duration = "4s"
[database]
timeout = "300ms"
[[fault]]
at = "1s"
kind = "cut"
target = "database"
for = "1s"
"#;
    place.write("cut.toml", scenario(r#""no-cache", "cache-through""#, "\"single\"", more));
    place.succeeds(&["cut.toml", "--no-plots", "--quiet"]);
    let results = place.results("cut");
    for row in &results.summary {
        guarantee_held(row);
        // What was given up while nothing got through keeps nobody from a connection once it does.
        assert!((0.7..2.2).contains(&row.outages.write_outage_s.unwrap()), "{row:#?}");
        assert!(row.read_service.max_us.unwrap() < 2e6, "{row:#?}");
    }
    let failed = |strategy: &str| {
        let row = row(&results, strategy);
        (row.answers.errors + row.answers.timeouts) as f64 / row.operations as f64
    };
    assert!(failed("cache-through") < 0.7 * failed("no-cache"), "hits need no database");
}

#[test]
fn a_shard_is_added_under_load_without_one_error_or_stale_read_and_no_other_changes_its_name() {
    let place = Place::new();
    let more = r#"duration = "12s"
[[fault]]
at = "500ms"
kind = "add-shard"
"#;
    let cluster = r#"{ name = "cluster", replicas = 0, node_timeout = "2s", database = "embedded" }"#;
    let strategies = r#""cache-aside", { name = "cache-behind", flush_interval = "300ms" }"#;
    place.write("grow.toml", patient(strategies, cluster, more));
    place.succeeds(&["grow.toml", "--no-plots", "--quiet"]);
    let results = place.results("grow");
    for row in &results.summary {
        nothing_failed(row);
        assert_eq!(row.audited.wrong.stale_reads, 0, "{row:#?}");
        guarantee_held(row);
        let nodes: Vec<_> = results.nodes.iter().filter(|node| node.cell == row.cell).collect();
        // Those that were there are called what they were called before, though the new one has slots between theirs.
        let names: Vec<_> = nodes.iter().map(|node| node.shard.as_str()).collect();
        assert_eq!(names, ["shard0", "shard1", "shard2", "shard3"], "{nodes:#?}");
        assert!(
            nodes.iter().all(|node| (4090..4100).contains(&node.slots.unwrap()) && node.keys > 50),
            "{nodes:#?}"
        );
        let told: Vec<_> = events(&results, &row.cell, "mended").iter().map(|event| &event.detail).collect();
        assert!(told.len() == 1 && told[0].starts_with("shard3 has 409"), "{told:?}");
        assert_eq!(events(&results, &row.cell, "failover").len(), 0, "{:#?}", results.events);
    }
}

#[test]
fn nothing_of_twelve_servers_is_left_after_hotset_was_killed() {
    let place = Place::new();
    let topology = r#"{ name = "cluster", primaries = 6, replicas = 1, database = "embedded" }"#;
    place.write("many.toml", scenario("\"cache-aside\"", topology, "duration = \"60s\""));
    let running = place.start(place.hotset(&["many.toml", "--no-plots", "--quiet"]));
    support::eventually("twelve servers run", || {
        place.processes().iter().filter(|command| command.contains("redis-server")).count() == 12
    });
    running.signal(rustix::process::Signal::KILL);
    running.end();
    support::eventually("no process is left", || place.processes().is_empty());
    support::eventually("no directory is left", || place.temporary_files().is_empty());
}

#[test]
fn a_fault_that_makes_no_sense_is_refused_with_the_reason() {
    let place = Place::new();
    let refused = |topology: &str, fault: &str| {
        place.write("no.toml", scenario("\"cache-aside\"", topology, &format!("duration = \"9s\"\n{fault}")));
        place.fails(2, &["check", "no.toml"])
    };
    let kill = |target: &str| format!("[[fault]]\nat = \"1s\"\nkind = \"kill\"\ntarget = \"{target}\"");
    let of_tls = |target: &str| {
        format!(
            "[database]\nurl = \"mongodb://127.0.0.1/?tls=true\"\nallow_faults = true\n[[fault]]\nkind = \"cut\"\ntarget = \"{target}\"\nfor = \"1s\""
        )
    };
    for (topology, fault, said) in [
        (CLUSTER, kill("shard9"), "there is no shard9; there is shard0 to shard2"),
        (CLUSTER, kill("shard0-replica4"), "there is shard0-replica0 to shard0-replica0"),
        (CLUSTER, kill("sentinel0"), "there is no sentinel0; there is none"),
        (SENTINEL, kill("cache"), "write \"shard0\" for a primary"),
        (SINGLE, "[[fault]]\nkind = \"failover\"".into(), "nobody who could take over"),
        (SINGLE, "[[fault]]\nkind = \"add-shard\"".into(), "only a cluster moves keys"),
        (SINGLE, "[[fault]]\nkind = \"fill-memory\"\nfor = \"1s\"".into(), "give cache.capacity"),
        ("\"embedded\"", kill("shard0"), "there is no server to break"),
        ("\"embedded\"", "[[fault]]\nkind = \"cut\"\nfor = \"1s\"".into(), "there is no link to break"),
        ("\"single\"", of_tls("database"), "a MongoDB that speaks TLS"),
        ("\"single\"", of_tls("cache"), "a MongoDB that speaks TLS"),
        (SINGLE, "[[fault]]\nkind = \"cut\"\nfor = \"1s\"\nrate = \"1MiB\"".into(), "means nothing to cut"),
        (
            r#"{ name = "single", url = "redis://127.0.0.1:1", database = "embedded" }"#,
            "[[fault]]\nkind = \"cut\"\nfor = \"1s\"".into(),
            "allow_faults = true",
        ),
        (
            r#"{ name = "single", url = "redis://127.0.0.1:1", allow_faults = true, database = "embedded" }"#,
            kill("shard0"),
            "only servers that it started",
        ),
    ] {
        // The message is wrapped to the width of the terminal.
        let error = refused(topology, &fault).replace('│', " ");
        let words: Vec<_> = error.split_whitespace().collect();
        assert!(words.join(" ").contains(said), "{topology} {fault}: {error}");
    }
}

#[test]
fn a_topology_that_could_not_survive_is_refused_before_anything_starts() {
    let place = Place::new();
    let refused = |topology: &str, cache: &str| {
        let text = scenario("\"cache-aside\"", topology, "duration = \"1s\"");
        place.write("no.toml", text.replace("[cache]", &format!("[cache]\n{cache}")));
        place.fails(2, &["check", "no.toml"])
    };
    assert!(refused(r#"{ name = "cluster", primaries = 2 }"#, "").contains("3 primaries or more"));
    assert!(refused(r#"{ name = "sentinel", sentinel_count = 2 }"#, "").contains("3 sentinels or more"));
    assert!(refused(SINGLE, "wait_replicas = 1").contains("writes wait for 1 replicas of 0"));
}

fn secured_scenario(secured: &Secured, authority: &std::path::Path, user: &str) -> String {
    let url = format!("rediss://{user}:${{SHOP_PASSWORD}}@127.0.0.1:{}", secured.port);
    let topology = format!("{{ name = \"single\", url = \"{url}\", database = \"embedded\" }}");
    let text = scenario("\"cache-aside\"", &topology, "duration = \"1s\"");
    text.replace("[cache]", &format!("[cache]\ntls_ca = \"{}\"", authority.display()))
}

#[test]
fn a_server_that_speaks_tls_is_used_by_a_user_of_its_own_and_a_wrong_certificate_is_refused() {
    let secured = Secured::start();
    let place = Place::new();
    let run = |text: String| {
        place.write("tls.toml", text);
        let mut command = place.hotset(&["tls.toml", "--no-plots", "--quiet"]);
        command.env("SHOP_PASSWORD", "s3cret-pass");
        place.start(command).end()
    };
    let ended = run(secured_scenario(&secured, &secured.authority, "shop"));
    assert_eq!(ended.code, 0, "{ended:?}");
    let results = place.results("tls");
    assert!(
        results.summary[0].answers.hits > 100 && results.summary[0].answers.errors == 0,
        "{:#?}",
        results.summary[0]
    );

    let ended = run(secured_scenario(&secured, &secured.other_authority, "shop"));
    assert_eq!(ended.code, 3, "{ended:?}");
    assert!(ended.stderr.contains("certificate") && ended.stderr.contains("cache.tls_ca"), "{ended:?}");

    let ended = run(secured_scenario(&secured, &secured.authority, "nobody"));
    assert_eq!(ended.code, 3, "{ended:?}");
    assert!(ended.stderr.contains("check the user and the password"), "{ended:?}");
    for (file, text) in support::files_below(place.path()) {
        assert!(!String::from_utf8_lossy(&text).contains("s3cret-pass"), "{}", file.display());
    }
}

#[test]
fn nodes_that_freeze_restart_or_fill_up_and_links_that_are_slow_or_narrow_break_no_promise() {
    let place = Place::new();
    let more = r#"duration = "14s"
[[fault]]
at = "1s"
kind = "pause"
target = "shard1"
for = "400ms"
[[fault]]
at = "3s"
kind = "slow"
target = "cache"
delay = "20ms"
jitter = "10ms"
for = "1s"
[[fault]]
at = "5s"
kind = "throttle"
target = "cache"
rate = "200KiB"
for = "1s"
[[fault]]
at = "7s"
kind = "fill-memory"
for = "1s"
[[fault]]
at = "9s"
kind = "failover"
target = "shard0"
[[fault]]
at = "11s"
kind = "restart"
target = "shard2-replica0"
"#;
    let strategies = r#""cache-aside", { name = "cache-behind", flush_interval = "300ms" }"#;
    let text = scenario(strategies, CLUSTER, more);
    place.write(
        "many.toml",
        text.replace("[cache]", "[cache]\ncapacity = \"32MiB\"\neviction = \"volatile-lru\""),
    );
    place.succeeds(&["many.toml", "--no-plots", "--quiet"]);
    let results = place.results("many");
    for row in &results.summary {
        assert_eq!(
            (row.judgement.verdict, row.audited.wrong.corrupt_reads),
            (Some(Verdict::Kept), 0),
            "{row:#?}"
        );
        let told: Vec<_> = events(&results, &row.cell, "fault").iter().map(|event| &event.subject).collect();
        assert_eq!(told, ["pause", "slow", "throttle", "fill-memory", "failover", "restart"]);
        let mended: Vec<_> =
            events(&results, &row.cell, "mended").iter().map(|event| &event.subject).collect();
        assert_eq!(mended, ["pause", "slow", "throttle", "fill-memory", "restart"]);
        assert_eq!(events(&results, &row.cell, "failover").len(), 1, "{:#?}", results.events);
        let p50 = |from: f64| {
            let within = |w: &&hotset::results::Of<hotset::results::TimeseriesRow>| {
                w.cell == row.cell && w.phase == Phase::Measure && w.start_s >= from && w.start_s < from + 0.5
            };
            let all: Vec<_> = results.timeseries.iter().filter(within).collect();
            all.iter().filter_map(|window| window.times.response_p50_us).fold(0.0, f64::max)
        };
        assert!(p50(3.25) > 18_000.0, "a slow link is seen: {}", p50(3.25));
        assert!(p50(13.0) < 10_000.0, "and gone: {}", p50(13.0));
    }
}

#[test]
fn a_killed_primary_comes_back_as_a_replica_and_a_fault_that_fails_ends_alone() {
    let place = Place::new();
    let more = r#"duration = "15s"
[[fault]]
at = "500ms"
kind = "kill"
target = "shard0"
for = "4s"
[[fault]]
at = "7s"
kind = "restart"
target = "shard1"
[[fault]]
at = "9s"
kind = "failover"
target = "shard0"
[[fault]]
at = "10s"
kind = "kill"
target = "shard1-replica0"
[[fault]]
at = "13s"                       # nobody is left to take over
kind = "failover"
target = "shard1"
"#;
    place.write("sentinel.toml", patient("\"cache-aside\"", SENTINEL, more));
    place.succeeds(&["sentinel.toml", "--no-plots", "--quiet"]);
    let results = place.results("sentinel");
    let row = row(&results, "cache-aside");
    guarantee_held(row);
    let told = |kind: &str| -> Vec<_> {
        events(&results, &row.cell, kind).into_iter().map(|event| event.subject.as_str()).collect()
    };
    assert_eq!(told("fault"), ["kill", "restart", "failover", "kill"], "{:#?}", results.events);
    assert_eq!(told("mended"), ["kill", "restart"]);
    assert_eq!(told("fault-failed"), ["failover"]);
    assert!(row.reason.contains("the fault failover could not be carried out"), "{}", row.reason);
    let taken_over = told("failover").into_iter().filter(|shard| *shard == "shard0").count();
    assert_eq!(taken_over, 2, "there and back: {:#?}", results.events);
    let roles = |shard: &str| -> Vec<_> {
        let of_shard = results.nodes.iter().filter(|node| node.shard == shard);
        of_shard.map(|node| node.role.name()).collect()
    };
    assert_eq!(
        roles("shard0"),
        ["primary", "replica"],
        "the killed one is there again: {:#?}",
        results.nodes
    );
    assert_eq!(roles("shard1"), ["primary"], "{:#?}", results.nodes);
}

#[test]
fn a_shard_is_removed_under_load_without_one_error_or_stale_read() {
    let place = Place::new();
    let more = r#"duration = "8s"
[[fault]]
at = "500ms"
kind = "remove-shard"
target = "shard3"
"#;
    let cluster =
        r#"{ name = "cluster", primaries = 4, replicas = 0, node_timeout = "2s", database = "embedded" }"#;
    place.write("shrink.toml", patient("\"cache-aside\"", cluster, more));
    place.succeeds(&["shrink.toml", "--no-plots", "--quiet"]);
    let results = place.results("shrink");
    let row = row(&results, "cache-aside");
    nothing_failed(row);
    assert_eq!(row.audited.wrong.stale_reads, 0, "{row:#?}");
    guarantee_held(row);
    assert_eq!(events(&results, &row.cell, "mended").len(), 1, "{:#?}", results.events);
    let slots: Vec<_> = results.nodes.iter().map(|node| node.slots.unwrap()).collect();
    assert_eq!((slots.len(), slots.iter().sum::<u64>()), (3, 16_384), "{slots:?}");
}

#[test]
fn a_link_to_the_database_that_is_slow_or_reset_is_felt_and_breaks_no_promise() {
    let place = Place::new();
    let more = r#"duration = "6s"
[[fault]]
at = "1s"
kind = "slow"
target = "database"
delay = "50ms"
for = "1s"
[[fault]]
at = "4s"
kind = "reset"
target = "database"
"#;
    place.write("link.toml", patient("\"no-cache\"", "\"single\"", more));
    place.succeeds(&["link.toml", "--no-plots", "--quiet"]);
    let results = place.results("link");
    let row = row(&results, "no-cache");
    guarantee_held(row);
    let windows = |from: f64, to: f64| -> Vec<_> {
        let within = |window: &&hotset::results::Of<hotset::results::TimeseriesRow>| {
            window.phase == Phase::Measure && window.start_s >= from && window.start_s < to
        };
        results.timeseries.iter().filter(within).collect()
    };
    let slowest =
        windows(1.25, 1.75).iter().filter_map(|window| window.times.response_p50_us).fold(0.0, f64::max);
    assert!(slowest > 45_000.0, "{slowest}");
    let late = windows(5.0, 6.0);
    assert!(
        late.len() >= 3 && late.iter().all(|window| window.answers.errors + window.answers.timeouts == 0),
        "{late:#?}"
    );
    let told: Vec<_> = events(&results, &row.cell, "fault").iter().map(|event| &event.subject).collect();
    assert_eq!(told, ["slow", "reset"]);
}
