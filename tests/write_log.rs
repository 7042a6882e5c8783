//! What every cache that is written first promises, over the local cache and a real Redis; and what only a
//! real server shows.

#[path = "support/expiry.rs"]
mod expiry;
#[path = "support/servers.rs"]
#[allow(dead_code, reason = "this program needs no MongoDB")]
mod support;

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use expiry::outlive;
use hotset::store::local::{LocalCache, LocalCapacity};
use hotset::store::network::{DelayedCache, RoundTrip};
use hotset::store::redb::{EmbeddedDatabase, EmbeddedOptions};
use hotset::store::redis::{RedisAdmin, RedisCache, RedisOptions};
use hotset::store::write_log::{ExpectedEntry, LogConsumer, LogRecord, RecordId, Removed, WriteLog};
use hotset::store::{
    AnyCache, AppCache, Cache, Counters, Database, Document, Entry, ErrorKind, Patch, Token,
};
use hotset::strategy::source::{Collection, Keyspace};
use hotset::strategy::{Backlog, Strategy, cache_behind};
use mongodb::bson::raw::cstr;
use mongodb::bson::rawdoc;
use support::{Server, Shared};

const MINUTE: Duration = Duration::from_mins(1);
const LOG: &str = "log";
const FIRST: RecordId = RecordId { millis: 0, number: 0 };

fn entry(version: i64) -> Entry {
    Entry::of(Document::from_raw(rawdoc! { "_id": "1", "price": version * 10, "_v": version }))
}

fn options(port: u16) -> RedisOptions {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    RedisOptions {
        key_prefix: format!("test{}:", NEXT.fetch_add(1, Ordering::Relaxed)),
        connections: 2,
        connect_timeout: Duration::from_secs(2),
        response_timeout: Duration::from_secs(2),
        ..RedisOptions::at(format!("redis://127.0.0.1:{port}"))
    }
}

static REDIS: Shared = Shared::new();

/// A cache, and what must live as long as it.
struct Kept<K>(AppCache, #[allow(dead_code)] K);

fn near(cache: AnyCache) -> AppCache {
    DelayedCache::new(cache, RoundTrip::default())
}

#[expect(clippy::unused_async, reason = "every backend is made alike")]
async fn local_cache() -> Kept<()> {
    let cache = LocalCache::new(LocalCapacity::Entries(1000), Counters::new());
    Kept(near(AnyCache::Local(cache)), ())
}

async fn redis_cache() -> Kept<Arc<Server>> {
    let server = REDIS.get(|| Server::redis(&[]));
    let cache = RedisCache::connect(options(server.port()), Counters::new()).await.unwrap();
    Kept(near(AnyCache::Redis(cache)), server)
}

/// Runs each behaviour over each backend, as a test of its own.
macro_rules! over_both {
    ($($behaviour:ident)*) => {
        mod local { $(
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $behaviour() {
                super::$behaviour(&super::local_cache().await.0).await;
            }
        )* }
        mod redis { $(
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $behaviour() {
                let kept = super::redis_cache().await;
                super::$behaviour(&kept.0).await;
            }
        )* }
    };
}

over_both! {
    a_dirty_entry_takes_the_place_of_exactly_what_was_seen
    a_dirty_entry_takes_the_place_of_a_token_and_only_of_that_one
    a_write_is_a_record_and_one_that_is_overtaken_is_none
    a_clean_entry_is_forgotten_after_its_time_and_a_dirty_one_never
    an_entry_that_was_written_again_stays_dirty
    what_is_older_than_what_was_flushed_and_clean_is_removed
    a_token_of_a_load_from_before_the_flush_is_removed
    what_is_dirty_is_not_removed_and_what_is_clean_is
    of_what_was_deleted_everything_goes_even_if_it_is_dirty_and_nothing_later
    records_are_given_once_in_their_order_and_stay_until_they_are_removed
    records_of_another_are_taken_over_when_they_have_lain_long_enough
    records_that_nobody_was_given_are_not_taken_over
    taking_over_goes_on_where_it_stopped
    a_log_that_is_not_there_is_empty
    many_writers_of_a_key_leave_a_record_for_each_version
}

async fn put(cache: &impl WriteLog, over: i64, version: i64) -> Option<RecordId> {
    let over = ExpectedEntry::Document(over.cast_unsigned());
    cache.put_dirty("k", over, &entry(version), Some((LOG, "1"))).await.unwrap()
}

async fn read(cache: &impl WriteLog, consumer: &str) -> Vec<LogRecord> {
    cache.read_log(LogConsumer { log: LOG, consumer }, 100).await.unwrap()
}

fn versions(records: &[LogRecord]) -> Vec<u64> {
    records.iter().map(|record| record.entry.version()).collect()
}

async fn length(cache: &impl WriteLog) -> u64 {
    cache.log_length(LOG).await.unwrap().records
}

async fn a_dirty_entry_takes_the_place_of_exactly_what_was_seen(cache: &impl WriteLog) {
    assert_eq!(put(cache, 1, 2).await, None, "nothing is there");
    cache.set("k", &entry(1), Some(MINUTE)).await.unwrap();
    assert_eq!(put(cache, 2, 3).await, None, "something older is there");
    assert!(put(cache, 1, 2).await.is_some());
    assert_eq!(put(cache, 1, 2).await, None, "something newer is there");
    assert_eq!(cache.get("k").await.unwrap(), Some(entry(2)));
    cache.set("k", &Entry::Absent, Some(MINUTE)).await.unwrap();
    assert_eq!(put(cache, 0, 1).await, None, "what is no document has no version");
    // Without a log there is no record.
    cache.set("k", &entry(1), Some(MINUTE)).await.unwrap();
    let before = length(cache).await;
    let put = cache.put_dirty("k", ExpectedEntry::Document(1), &entry(2), None).await.unwrap();
    assert_eq!((put, length(cache).await), (Some(RecordId::default()), before));
}

async fn a_dirty_entry_takes_the_place_of_a_token_and_only_of_that_one(cache: &impl WriteLog) {
    let (mine, another) = (Token::random(), Token::random());
    cache.place_token("k", another, MINUTE).await.unwrap();
    let put = async |token| {
        cache
            .put_dirty("k", ExpectedEntry::Token(token), &entry(2), Some((LOG, "1")))
            .await
            .unwrap()
            .is_some()
    };
    assert!(!put(mine).await);
    assert!(put(another).await);
    assert!(!put(another).await);
    assert!(!cache.fill("k", another, &entry(1), None).await.unwrap());
    assert_eq!(cache.get("k").await.unwrap(), Some(entry(2)));
}

async fn a_write_is_a_record_and_one_that_is_overtaken_is_none(cache: &impl WriteLog) {
    cache.set("k", &entry(1), Some(MINUTE)).await.unwrap();
    let place = put(cache, 1, 2).await.unwrap();
    assert_eq!(put(cache, 1, 2).await, None);
    let second = put(cache, 2, 3).await.unwrap();
    assert!(second > place);
    let found = cache.log_length(LOG).await.unwrap();
    assert_eq!((found.records, found.oldest), (2, Some(place)));
    let now = hotset::base::clock::unix_millis();
    assert!(now.abs_diff(place.millis) < 60_000, "a place tells when it was written");
    let records = read(cache, "me").await;
    assert_eq!(records[0], LogRecord { id: place, entity: "1".into(), entry: entry(2) });
    assert_eq!(records[1], LogRecord { id: second, entity: "1".into(), entry: entry(3) });
}

async fn a_clean_entry_is_forgotten_after_its_time_and_a_dirty_one_never(cache: &impl WriteLog) {
    let short = Duration::from_millis(100);
    cache.set("k", &entry(1), Some(short)).await.unwrap();
    put(cache, 1, 2).await.unwrap();
    outlive(cache, short).await;
    assert_eq!(cache.get("k").await.unwrap(), Some(entry(2)), "it had a time to live when it was clean");
    assert!(cache.mark_clean("k", 2, short).await.unwrap());
    assert_eq!(cache.get("k").await.unwrap(), Some(entry(2)));
    outlive(cache, short).await;
    assert_eq!(cache.get("k").await.unwrap(), None);
    assert!(!cache.mark_clean("k", 2, short).await.unwrap());
}

async fn an_entry_that_was_written_again_stays_dirty(cache: &impl WriteLog) {
    cache.set("k", &entry(1), Some(MINUTE)).await.unwrap();
    put(cache, 1, 2).await.unwrap();
    put(cache, 2, 3).await.unwrap();
    let short = Duration::from_millis(1);
    assert!(!cache.mark_clean("k", 2, short).await.unwrap());
    outlive(cache, short).await;
    assert_eq!(cache.get("k").await.unwrap(), Some(entry(3)));
    assert!(!cache.remove_clean("k").await.unwrap());
}

async fn what_is_older_than_what_was_flushed_and_clean_is_removed(cache: &impl WriteLog) {
    cache.set("k", &entry(3), Some(MINUTE)).await.unwrap();
    assert!(!cache.mark_clean("k", 5, MINUTE).await.unwrap());
    assert_eq!(cache.get("k").await.unwrap(), None);
    cache.set("k", &Entry::Absent, Some(MINUTE)).await.unwrap();
    cache.mark_clean("k", 5, MINUTE).await.unwrap();
    assert_eq!(cache.get("k").await.unwrap(), None);
    // Something dirty is somebody's write, however old it looks; something newer is newer.
    cache.set("k", &entry(1), Some(MINUTE)).await.unwrap();
    put(cache, 1, 2).await.unwrap();
    cache.mark_clean("k", 5, MINUTE).await.unwrap();
    assert_eq!(cache.get("k").await.unwrap(), Some(entry(2)));
    cache.set("k", &entry(i64::from(u32::MAX) + 2), Some(MINUTE)).await.unwrap();
    cache.mark_clean("k", 5, MINUTE).await.unwrap();
    assert!(cache.get("k").await.unwrap().is_some());
}

async fn a_token_of_a_load_from_before_the_flush_is_removed(cache: &impl WriteLog) {
    let token = Token::random();
    cache.place_token("k", token, MINUTE).await.unwrap();
    assert!(!cache.mark_clean("k", 5, MINUTE).await.unwrap());
    assert!(!cache.fill("k", token, &entry(4), Some(MINUTE)).await.unwrap());
}

async fn what_is_dirty_is_not_removed_and_what_is_clean_is(cache: &impl WriteLog) {
    assert!(!cache.remove_clean("k").await.unwrap());
    for clean in [entry(1), Entry::Absent, Entry::Token(Token::random())] {
        cache.set("k", &clean, Some(MINUTE)).await.unwrap();
        assert!(cache.remove_clean("k").await.unwrap());
        assert_eq!(cache.get("k").await.unwrap(), None);
    }
    cache.set("k", &entry(1), Some(MINUTE)).await.unwrap();
    put(cache, 1, 2).await.unwrap();
    assert!(!cache.remove_clean("k").await.unwrap());
    assert_eq!(cache.get("k").await.unwrap(), Some(entry(2)));
    cache.mark_clean("k", 2, MINUTE).await.unwrap();
    assert!(cache.remove_clean("k").await.unwrap());
}

async fn of_what_was_deleted_everything_goes_even_if_it_is_dirty_and_nothing_later(cache: &impl WriteLog) {
    assert!(!cache.remove_deleted("k", 9).await.unwrap());
    for clean in [entry(9), entry(1), Entry::Absent, Entry::Token(Token::random())] {
        cache.set("k", &clean, Some(MINUTE)).await.unwrap();
        assert!(cache.remove_deleted("k", 9).await.unwrap(), "{clean:?}");
        assert_eq!(cache.get("k").await.unwrap(), None);
    }
    cache.set("k", &entry(8), Some(MINUTE)).await.unwrap();
    put(cache, 8, 9).await.unwrap();
    assert!(cache.remove_deleted("k", 9).await.unwrap());
    assert_eq!(cache.get("k").await.unwrap(), None);
    cache.set("k", &entry(9), Some(MINUTE)).await.unwrap();
    put(cache, 9, 10).await.unwrap();
    assert!(!cache.remove_deleted("k", 9).await.unwrap(), "a later life");
    assert_eq!(cache.get("k").await.unwrap(), Some(entry(10)));
}

async fn write_versions(cache: &impl WriteLog, versions: std::ops::RangeInclusive<i64>) {
    cache.set("k", &entry(versions.start() - 1), Some(MINUTE)).await.unwrap();
    for version in versions {
        put(cache, version - 1, version).await.unwrap();
    }
}

async fn records_are_given_once_in_their_order_and_stay_until_they_are_removed(cache: &impl WriteLog) {
    write_versions(cache, 2..=6).await;
    let reader = LogConsumer { log: LOG, consumer: "one" };
    let first = cache.read_log(reader, 2).await.unwrap();
    assert_eq!(versions(&first), [2, 3]);
    assert_eq!(versions(&read(cache, "other").await), [4, 5, 6]);
    assert!(read(cache, "one").await.is_empty());
    assert_eq!(length(cache).await, 5);
    let places: Vec<_> = first.iter().map(|record| record.id).collect();
    assert_eq!(cache.remove_records(LOG, &places).await.unwrap(), Removed { records: 2, left: 3 });
    let again = cache.remove_records(LOG, &places).await.unwrap();
    assert_eq!(again, Removed { records: 0, left: 3 }, "they are gone already");
    assert_eq!(length(cache).await, 3);
    write_versions(cache, 7..=7).await;
    assert_eq!(versions(&read(cache, "one").await), [7]);
}

async fn records_of_another_are_taken_over_when_they_have_lain_long_enough(cache: &impl WriteLog) {
    write_versions(cache, 2..=4).await;
    let read = read(cache, "dead").await;
    let alive = LogConsumer { log: LOG, consumer: "alive" };
    let taken = cache.take_over(alive, MINUTE, FIRST, 100).await.unwrap();
    assert!(taken.records.is_empty(), "not yet");
    // One that was done meanwhile is not taken over.
    cache.remove_records(LOG, &[read[1].id]).await.unwrap();
    tokio::time::sleep(Duration::from_millis(30)).await;
    let taken = cache.take_over(alive, Duration::from_millis(20), FIRST, 100).await.unwrap();
    assert_eq!((versions(&taken.records), taken.next), (vec![2, 4], None));
    // They have just been given to somebody.
    let other = LogConsumer { log: LOG, consumer: "other" };
    let taken = cache.take_over(other, MINUTE, FIRST, 100).await.unwrap();
    assert!(taken.records.is_empty());
}

async fn records_that_nobody_was_given_are_not_taken_over(cache: &impl WriteLog) {
    write_versions(cache, 2..=4).await;
    let reader = LogConsumer { log: LOG, consumer: "me" };
    assert!(cache.take_over(reader, Duration::ZERO, FIRST, 100).await.unwrap().records.is_empty());
    assert_eq!(versions(&read(cache, "me").await), [2, 3, 4]);
}

async fn taking_over_goes_on_where_it_stopped(cache: &impl WriteLog) {
    write_versions(cache, 2..=8).await;
    read(cache, "dead").await;
    let (mut from, mut found) = (Some(FIRST), Vec::new());
    while let Some(place) = from {
        let reader = LogConsumer { log: LOG, consumer: "alive" };
        let taken = cache.take_over(reader, Duration::ZERO, place, 3).await.unwrap();
        assert!(taken.records.len() <= 3);
        found.extend(versions(&taken.records));
        from = taken.next;
    }
    assert_eq!(found, [2, 3, 4, 5, 6, 7, 8]);
}

async fn a_log_that_is_not_there_is_empty(cache: &impl WriteLog) {
    assert_eq!(cache.log_length(LOG).await.unwrap(), hotset::store::write_log::LogLength::default());
    assert!(read(cache, "me").await.is_empty());
    let reader = LogConsumer { log: "another", consumer: "me" };
    assert!(cache.take_over(reader, Duration::ZERO, FIRST, 10).await.unwrap().records.is_empty());
    assert_eq!(cache.remove_records("a third", &[FIRST]).await.unwrap(), Removed::default());
}

async fn many_writers_of_a_key_leave_a_record_for_each_version(cache: &AppCache) {
    cache.set("k", &entry(1), Some(MINUTE)).await.unwrap();
    let writers: Vec<_> = (0..8)
        .map(|_| {
            let cache = cache.clone();
            tokio::spawn(async move {
                for _ in 0..20 {
                    loop {
                        let held = cache.get("k").await.unwrap().unwrap().version().cast_signed();
                        if put(&cache, held, held + 1).await.is_some() {
                            break;
                        }
                    }
                }
            })
        })
        .collect();
    for writer in writers {
        writer.await.unwrap();
    }
    let mut found = Vec::new();
    loop {
        let some = read(cache, "me").await;
        if some.is_empty() {
            break;
        }
        found.extend(versions(&some));
    }
    assert_eq!(found, (2..=161).collect::<Vec<_>>());
}

async fn connect(server: &Server) -> (RedisCache, RedisAdmin) {
    let options = options(server.port());
    let admin = RedisAdmin::connect(&options).await.unwrap();
    (RedisCache::connect(options, Counters::new()).await.unwrap(), admin)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_redis_evicts_nothing_dirty_and_refuses_a_write_without_changing_anything() {
    let server = Server::redis(&["--maxmemory-policy", "volatile-lru"]);
    let (cache, admin) = connect(&server).await;
    cache.set("k", &entry(1), Some(MINUTE)).await.unwrap();
    put(&cache, 1, 2).await.unwrap();
    admin.set_max_memory(admin.info().await.unwrap().used_memory_bytes.unwrap() + (200 << 10)).await.unwrap();
    // Clean entries push each other out, and never the dirty one or its record.
    for number in 0..5000 {
        cache.set(&format!("clean{number}"), &entry(1), Some(MINUTE)).await.unwrap();
    }
    assert!(admin.info().await.unwrap().evicted_keys.unwrap() > 0);
    assert_eq!(cache.get("k").await.unwrap(), Some(entry(2)));
    assert_eq!(length(&cache).await, 1);
    admin.set_max_memory(1).await.unwrap();
    let refused = cache.put_dirty("k", ExpectedEntry::Document(2), &entry(3), Some((LOG, "1"))).await;
    assert_eq!(refused.unwrap_err().kind, ErrorKind::OutOfMemory);
    admin.set_max_memory(0).await.unwrap();
    assert_eq!(cache.get("k").await.unwrap(), Some(entry(2)));
    assert_eq!(length(&cache).await, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_a_restart_without_a_memory_the_log_begins_anew() {
    let mut server = Server::redis(&[]);
    let (cache, _) = connect(&server).await;
    write_versions(&cache, 2..=3).await;
    assert_eq!(read(&cache, "me").await.len(), 2);
    server.restart();
    let mut found = Err(ErrorKind::Connection);
    for _ in 0..500 {
        found = cache.log_length(LOG).await.map(|found| found.records).map_err(|error| error.kind);
        if found.is_ok() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert_eq!(found, Ok(0));
    write_versions(&cache, 2..=4).await;
    assert_eq!(versions(&read(&cache, "me").await), [2, 3, 4], "the group is made anew, from the beginning");
}

fn patch(field: &'static mongodb::bson::raw::CStr, value: i64) -> Patch {
    Patch::new().set(field, value)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_instance_takes_over_what_another_was_given_and_crashed_with() {
    let kept = redis_cache().await;
    let directory = tempfile::tempdir().unwrap();
    let database =
        EmbeddedDatabase::open(&EmbeddedOptions::at(directory.path().join("data.redb")), Counters::new())
            .unwrap();
    let documents = ["a", "b"]
        .map(|id| Document::from_raw(rawdoc! { "_id": id, "price": 0_i64, "stock": 0_i64, "_v": 1_i64 }));
    database.put_many("things", documents.to_vec()).await.unwrap();
    let kind = Keyspace { key_prefix: "thing:".into(), ttl: Some(MINUTE).into(), tags: 0 };
    let source = Collection::new(database.clone(), "things", kind);
    let spec = cache_behind::Spec::default();
    let (one, other) =
        (spec.build(kept.0.clone(), source.clone()), spec.build(kept.0.clone(), source.clone()));
    one.write("a", &patch(cstr!("price"), 5)).await.unwrap();
    other.write("a", &patch(cstr!("stock"), 7)).await.unwrap();
    one.write("b", &patch(cstr!("price"), 6)).await.unwrap();
    // Somebody was given the first two and is no more.
    let dead = LogConsumer { log: "write-log:thing:0", consumer: "dead" };
    assert_eq!(kept.0.read_log(dead, 2).await.unwrap().len(), 2);
    drop(one);
    assert_eq!(database.find("things", "a").await.unwrap().unwrap().version(), 1);
    assert_eq!(other.recover().await, Ok(3));
    let a = database.find("things", "a").await.unwrap().unwrap();
    assert_eq!((a.version(), a.integer("price"), a.integer("stock")), (3, Some(5), Some(7)));
    assert_eq!(database.find("things", "b").await.unwrap().unwrap().integer("price"), Some(6));
    other.drain(MINUTE).await.unwrap();
    assert_eq!(other.backlog(), Backlog::default());
    assert!(kept.0.remove_clean("thing:a").await.unwrap(), "the entry is clean");
}
