//! What every cache and every database promises, over every backend; and what only a real server shows.

#[path = "support/expiry.rs"]
mod expiry;
#[path = "support/servers.rs"]
mod support;

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use compact_str::CompactString;
use expiry::outlive;
use hotset::store::local::{LocalCache, LocalCapacity};
use hotset::store::mongodb::{MongoDatabase, MongoOptions, ReadPreference, WriteConcern};
use hotset::store::network::{DatabaseDelay, DelayedCache, DelayedDatabase, RoundTrip};
use hotset::store::redb::{EmbeddedDatabase, EmbeddedOptions};
use hotset::store::redis::{RedisAdmin, RedisCache, RedisOptions};
use hotset::store::{
    AnyCache, AnyDatabase, AppCache, AppDatabase, BulkItem, Cache, Claimed, Counters, Database, Document,
    Entry, ErrorKind, Page, Patch, SecretUrl, SettleOutcome, Streams, Token, gathering,
};
use mongodb::bson::raw::cstr;
use mongodb::bson::rawdoc;
use support::{Server, Shared};

const MINUTE: Duration = Duration::from_mins(1);

fn document(id: &str, version: i64) -> Document {
    Document::from_raw(rawdoc! { "_id": id, "category": "tools", "price": version * 10, "_v": version })
}

fn entry(version: i64) -> Entry {
    Entry::of(document("1", version))
}

fn patch(price: i64) -> Patch {
    Patch::new().set(cstr!("price"), price)
}

fn unique() -> String {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    format!("test{}", NEXT.fetch_add(1, Ordering::Relaxed))
}

fn redis_options(port: u16) -> RedisOptions {
    RedisOptions {
        key_prefix: format!("{}:", unique()),
        connections: 2,
        connect_timeout: Duration::from_secs(2),
        response_timeout: Duration::from_secs(2),
        ..RedisOptions::at(format!("redis://127.0.0.1:{port}"))
    }
}

fn mongo_options(port: u16) -> MongoOptions {
    MongoOptions {
        uri: SecretUrl::new(format!("mongodb://127.0.0.1:{port}")),
        database: unique(),
        min_pool_size: 2,
        max_pool_size: 10,
        connect_timeout: Duration::from_secs(5),
        response_timeout: Duration::from_secs(10),
        write_concern: WriteConcern::Journaled,
        read_preference: ReadPreference::Primary,
        app_name: "hotset-test".into(),
    }
}

static REDIS: Shared = Shared::new();
static MONGO: Shared = Shared::new();

/// A store, and what must live as long as it.
struct Kept<S, K>(S, #[allow(dead_code)] K);

fn near(cache: AnyCache) -> AppCache {
    DelayedCache::new(cache, RoundTrip::default())
}

#[expect(clippy::unused_async, reason = "every backend is made alike")]
async fn local_cache() -> Kept<AppCache, ()> {
    let cache = LocalCache::new(LocalCapacity::Entries(1000), Counters::new());
    Kept(near(AnyCache::Local(cache)), ())
}

async fn redis_cache() -> Kept<AppCache, Arc<Server>> {
    let server = REDIS.get(|| Server::redis(&[]));
    let cache = RedisCache::connect(redis_options(server.port()), Counters::new()).await.unwrap();
    Kept(near(AnyCache::Redis(cache)), server)
}

fn at_hand(database: AnyDatabase) -> AppDatabase {
    DelayedDatabase::new(database, DatabaseDelay::default())
}

#[expect(clippy::unused_async, reason = "every backend is made alike")]
async fn embedded_database() -> Kept<AppDatabase, tempfile::TempDir> {
    let directory = tempfile::tempdir().unwrap();
    let options = EmbeddedOptions::at(directory.path().join("data.redb"));
    let database = EmbeddedDatabase::open(&options, Counters::new()).unwrap();
    Kept(at_hand(AnyDatabase::Embedded(database)), directory)
}

async fn mongo_database() -> Kept<AppDatabase, Arc<Server>> {
    let server = MONGO.get(Server::mongo);
    let database = MongoDatabase::connect(mongo_options(server.port()), Counters::new()).await.unwrap();
    Kept(at_hand(AnyDatabase::Mongo(database)), server)
}

/// Runs each behaviour over each backend, as a test of its own.
macro_rules! over_every {
    ($suite:ident: $first:ident by $make_first:ident, $second:ident by $make_second:ident; $($behaviour:ident)*) => {
        mod $suite {
            mod $first { $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $behaviour() {
                    let kept = super::super::$make_first().await;
                    super::super::$behaviour(&kept.0).await;
                }
            )* }
            mod $second { $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $behaviour() {
                    let kept = super::super::$make_second().await;
                    super::super::$behaviour(&kept.0).await;
                }
            )* }
        }
    };
}

over_every! { cache: local by local_cache, redis by redis_cache;
    what_was_set_is_what_is_got
    a_key_that_was_never_set_has_no_entry
    keys_that_are_looked_up_together_have_the_entries_that_each_has_alone
    a_document_replaces_only_an_older_one_a_token_or_nothing
    versions_are_compared_as_numbers_over_all_64_bits
    a_token_is_placed_only_where_nothing_is
    a_fill_without_its_token_lets_nothing_in
    a_fill_takes_the_place_of_its_token
    a_deleted_token_lets_nothing_in
    an_expired_token_lets_nothing_in
    settle_replaces_only_what_is_older
    settle_removes_the_mark_of_an_absence_which_may_be_of_after_a_delete
    settle_takes_the_place_of_its_own_token
    settle_removes_another_loads_token_so_that_it_cannot_fill
    settle_puts_nothing_where_nothing_is
    a_deleted_entry_is_gone
    an_entry_is_gone_when_its_time_is_over
    a_counter_adds_up_and_begins_anew_when_its_time_is_over
    of_many_tasks_only_one_places_its_token
    many_tasks_counting_lose_no_count
    a_stream_takes_records
    a_group_that_is_not_there_begins_at_the_beginning_and_gets_each_record_once_in_its_order
    of_a_stream_that_is_not_there_nothing_is_read_and_then_all_of_it
    a_group_that_comes_after_records_were_trimmed_gets_those_that_are_left
    of_two_readers_of_a_group_each_record_is_given_to_one
}

async fn what_was_set_is_what_is_got(cache: &impl Cache) {
    for entry in [entry(3), Entry::Absent, Entry::Token(Token::random())] {
        cache.set("k", &entry, Some(MINUTE)).await.unwrap();
        assert_eq!(cache.get("k").await.unwrap(), Some(entry));
    }
}

async fn a_key_that_was_never_set_has_no_entry(cache: &impl Cache) {
    assert_eq!(cache.get("k").await.unwrap(), None);
}

async fn keys_that_are_looked_up_together_have_the_entries_that_each_has_alone(cache: &impl Cache) {
    cache.set("a", &entry(1), Some(MINUTE)).await.unwrap();
    cache.set("b", &Entry::Absent, Some(MINUTE)).await.unwrap();
    cache.set("c", &Entry::Token(Token(7)), Some(MINUTE)).await.unwrap();
    for keys in [&["a", "missing", "c", "b", "a"][..], &["b"], &["missing"], &[]] {
        let keys: Vec<CompactString> = keys.iter().map(|key| CompactString::from(*key)).collect();
        let mut alone = Vec::new();
        for key in &keys {
            alone.push(cache.get(key).await);
        }
        assert_eq!(cache.get_many(&keys).await, alone, "{keys:?}");
        assert_eq!(gathering::together(keys.iter().map(|key| cache.get(key))).await, alone, "{keys:?}");
    }
}

async fn a_document_replaces_only_an_older_one_a_token_or_nothing(cache: &impl Cache) {
    assert!(cache.set_if_newer("k", &entry(5), None).await.unwrap());
    assert!(!cache.set_if_newer("k", &entry(5), None).await.unwrap());
    assert!(!cache.set_if_newer("k", &entry(4), None).await.unwrap());
    assert!(cache.set_if_newer("k", &entry(6), Some(MINUTE)).await.unwrap());
    assert_eq!(cache.get("k").await.unwrap(), Some(entry(6)));
    cache.set("k", &Entry::Token(Token::random()), None).await.unwrap();
    assert!(cache.set_if_newer("k", &entry(1), None).await.unwrap());
    assert_eq!(cache.get("k").await.unwrap(), Some(entry(1)));
}

async fn versions_are_compared_as_numbers_over_all_64_bits(cache: &impl Cache) {
    let versions = [1, 2, 255, 256, (1 << 32) - 1, 1 << 32, (1 << 53), (1 << 53) + 1, i64::MAX - 1, i64::MAX];
    for pair in versions.windows(2) {
        cache.set("k", &entry_at(pair[0]), None).await.unwrap();
        assert!(cache.set_if_newer("k", &entry_at(pair[1]), None).await.unwrap(), "{pair:?}");
        assert!(!cache.set_if_newer("k", &entry_at(pair[0]), None).await.unwrap(), "{pair:?}");
    }
}

fn entry_at(version: i64) -> Entry {
    Entry::of(Document::from_raw(rawdoc! { "_id": "1", "_v": version }))
}

async fn a_token_is_placed_only_where_nothing_is(cache: &impl Cache) {
    assert_eq!(cache.place_token("k", Token(1), MINUTE).await.unwrap(), Claimed::Placed);
    let found = Claimed::Found(Entry::Token(Token(1)));
    assert_eq!(cache.place_token("k", Token(2), MINUTE).await.unwrap(), found);
    assert_eq!(cache.get("k").await.unwrap(), Some(Entry::Token(Token(1))));
}

async fn a_fill_without_its_token_lets_nothing_in(cache: &impl Cache) {
    assert!(!cache.fill("k", Token(1), &entry(1), Some(MINUTE)).await.unwrap());
    assert_eq!(cache.get("k").await.unwrap(), None);
    cache.place_token("k", Token(2), MINUTE).await.unwrap();
    assert!(!cache.fill("k", Token(1), &entry(1), Some(MINUTE)).await.unwrap());
    assert_eq!(cache.get("k").await.unwrap(), Some(Entry::Token(Token(2))));
    cache.set("k", &entry(2), None).await.unwrap();
    assert!(!cache.fill("k", Token(2), &entry(1), Some(MINUTE)).await.unwrap());
    assert_eq!(cache.get("k").await.unwrap(), Some(entry(2)));
}

async fn a_fill_takes_the_place_of_its_token(cache: &impl Cache) {
    for entry in [entry(1), Entry::Absent] {
        cache.delete("k").await.unwrap();
        cache.place_token("k", Token(1), MINUTE).await.unwrap();
        assert!(cache.fill("k", Token(1), &entry, Some(MINUTE)).await.unwrap());
        assert_eq!(cache.get("k").await.unwrap(), Some(entry.clone()));
        assert!(!cache.fill("k", Token(1), &entry, None).await.unwrap(), "a token serves once");
    }
}

async fn a_deleted_token_lets_nothing_in(cache: &impl Cache) {
    cache.place_token("k", Token(1), MINUTE).await.unwrap();
    assert!(cache.delete("k").await.unwrap());
    assert!(!cache.fill("k", Token(1), &entry(1), None).await.unwrap());
    assert_eq!(cache.get("k").await.unwrap(), None);
}

async fn an_expired_token_lets_nothing_in(cache: &impl Cache) {
    let short = Duration::from_millis(30);
    cache.place_token("k", Token(1), short).await.unwrap();
    outlive(cache, short).await;
    assert!(!cache.fill("k", Token(1), &entry(1), None).await.unwrap());
    assert_eq!(cache.place_token("k", Token(2), MINUTE).await.unwrap(), Claimed::Placed);
}

async fn settle_replaces_only_what_is_older(cache: &impl Cache) {
    cache.set("k", &entry(4), None).await.unwrap();
    assert_eq!(cache.settle("k", None, &entry(5), Some(MINUTE)).await.unwrap(), SettleOutcome::Stored);
    assert_eq!(cache.settle("k", None, &entry(5), Some(MINUTE)).await.unwrap(), SettleOutcome::NewerThere);
    assert_eq!(cache.settle("k", None, &entry(4), Some(MINUTE)).await.unwrap(), SettleOutcome::NewerThere);
    assert_eq!(cache.get("k").await.unwrap(), Some(entry(5)));
}

async fn settle_removes_the_mark_of_an_absence_which_may_be_of_after_a_delete(cache: &impl Cache) {
    for mine in [None, Some(Token(1))] {
        cache.set("k", &Entry::Absent, None).await.unwrap();
        assert_eq!(cache.settle("k", mine, &entry(1), Some(MINUTE)).await.unwrap(), SettleOutcome::Voided);
        assert_eq!(cache.get("k").await.unwrap(), None);
    }
}

async fn settle_takes_the_place_of_its_own_token(cache: &impl Cache) {
    cache.place_token("k", Token(1), MINUTE).await.unwrap();
    assert_eq!(cache.settle("k", Some(Token(1)), &entry(1), None).await.unwrap(), SettleOutcome::Stored);
    assert_eq!(cache.get("k").await.unwrap(), Some(entry(1)));
}

async fn settle_removes_another_loads_token_so_that_it_cannot_fill(cache: &impl Cache) {
    for mine in [None, Some(Token(2))] {
        cache.place_token("k", Token(1), MINUTE).await.unwrap();
        assert_eq!(cache.settle("k", mine, &entry(2), None).await.unwrap(), SettleOutcome::Voided);
        assert!(!cache.fill("k", Token(1), &entry(1), None).await.unwrap());
        assert_eq!(cache.get("k").await.unwrap(), None);
    }
}

async fn settle_puts_nothing_where_nothing_is(cache: &impl Cache) {
    assert_eq!(cache.settle("k", Some(Token(1)), &entry(1), None).await.unwrap(), SettleOutcome::Voided);
    assert_eq!(cache.get("k").await.unwrap(), None);
}

async fn a_deleted_entry_is_gone(cache: &impl Cache) {
    cache.set("k", &entry(1), None).await.unwrap();
    assert!(cache.delete("k").await.unwrap());
    assert!(!cache.delete("k").await.unwrap());
    assert_eq!(cache.get("k").await.unwrap(), None);
}

async fn an_entry_is_gone_when_its_time_is_over(cache: &impl Cache) {
    let short = Duration::from_millis(30);
    cache.set("short", &entry(1), Some(short)).await.unwrap();
    cache.set("long", &entry(1), Some(MINUTE)).await.unwrap();
    outlive(cache, short).await;
    assert_eq!(cache.get("short").await.unwrap(), None);
    assert!(cache.get("long").await.unwrap().is_some());
}

async fn a_counter_adds_up_and_begins_anew_when_its_time_is_over(cache: &impl Cache) {
    let ttl = Duration::from_millis(300);
    assert_eq!(cache.increment("n", 2, ttl).await.unwrap(), 2);
    assert_eq!(cache.increment("n", -5, ttl).await.unwrap(), -3);
    outlive(cache, ttl).await;
    assert_eq!(cache.increment("n", 1, ttl).await.unwrap(), 1);
}

/// The answers of many tasks that do the same at once.
async fn many<T: Send + 'static, F: Future<Output = T> + Send + 'static>(task: impl Fn(u32) -> F) -> Vec<T> {
    let tasks: Vec<_> = (0..32).map(|n| tokio::spawn(task(n))).collect();
    let mut answers = Vec::new();
    for task in tasks {
        answers.push(task.await.unwrap());
    }
    answers
}

async fn of_many_tasks_only_one_places_its_token(cache: &impl Cache) {
    let placed = many(|n| {
        let cache = cache.clone();
        async move { cache.place_token("k", Token(n.into()), MINUTE).await.unwrap() }
    });
    assert_eq!(placed.await.iter().filter(|placed| **placed == Claimed::Placed).count(), 1);
}

async fn many_tasks_counting_lose_no_count(cache: &impl Cache) {
    many(|_| {
        let cache = cache.clone();
        async move {
            for _ in 0..10 {
                cache.increment("n", 1, MINUTE).await.unwrap();
            }
        }
    })
    .await;
    assert_eq!(cache.increment("n", 0, MINUTE).await.unwrap(), 320);
}

async fn a_stream_takes_records(cache: &impl Cache) {
    for _ in 0..10 {
        cache.append("s", &[("field", b"value"), ("other", &[0, 255])], 5).await.unwrap();
    }
    assert!(cache.delete("s").await.unwrap());
}

async fn append(cache: &impl Cache, numbers: std::ops::Range<u32>) {
    for number in numbers {
        cache.append("s", &[("number", number.to_string().as_bytes())], 10_000).await.unwrap();
    }
}

async fn numbers(cache: &impl Streams, group: &str, most: u64) -> Vec<u32> {
    let records = cache.read_stream("s", group, most).await.unwrap();
    records.iter().map(|record| record.text("number").unwrap().parse().unwrap()).collect()
}

async fn a_group_that_is_not_there_begins_at_the_beginning_and_gets_each_record_once_in_its_order(
    cache: &impl Streams,
) {
    append(cache, 0..5).await;
    assert_eq!(numbers(cache, "one", 3).await, [0, 1, 2], "no more than were asked for");
    assert_eq!(numbers(cache, "one", 3).await, [3, 4]);
    assert_eq!(numbers(cache, "one", 3).await, [0; 0]);
    append(cache, 5..7).await;
    assert_eq!(numbers(cache, "one", 3).await, [5, 6]);
    assert_eq!(numbers(cache, "other", 100).await, [0, 1, 2, 3, 4, 5, 6], "another group has its own place");
}

async fn of_a_stream_that_is_not_there_nothing_is_read_and_then_all_of_it(cache: &impl Streams) {
    assert_eq!(numbers(cache, "early", 10).await, [0; 0]);
    append(cache, 0..2).await;
    assert_eq!(numbers(cache, "early", 10).await, [0, 1]);
    // The group is gone with its stream, and is made anew.
    assert!(cache.delete("s").await.unwrap());
    assert_eq!(numbers(cache, "early", 10).await, [0; 0]);
    append(cache, 2..4).await;
    assert_eq!(numbers(cache, "early", 10).await, [2, 3]);
}

async fn a_group_that_comes_after_records_were_trimmed_gets_those_that_are_left(cache: &impl Streams) {
    // Redis trims whole nodes of a stream, of a hundred records each unless it is told otherwise.
    for number in 0..1_000_u32 {
        cache.append("s", &[("number", number.to_string().as_bytes())], 10).await.unwrap();
    }
    let left = numbers(cache, "late", 10_000).await;
    assert!((10..=110).contains(&left.len()), "{}", left.len());
    assert!(left.iter().copied().eq(1_000 - left.len() as u32..1_000), "{left:?}");
}

async fn of_two_readers_of_a_group_each_record_is_given_to_one(cache: &impl Streams) {
    append(cache, 0..200).await;
    let (mut one, mut other) = (Vec::new(), Vec::new());
    while one.len() + other.len() < 200 {
        let (mine, theirs) = tokio::join!(numbers(cache, "both", 7), numbers(cache, "both", 7));
        assert!(!mine.is_empty() || !theirs.is_empty(), "{} are given", one.len() + other.len());
        one.extend(mine);
        other.extend(theirs);
    }
    let mut all = [one, other].concat();
    all.sort_unstable();
    assert!(all.into_iter().eq(0..200));
}

over_every! { database: embedded by embedded_database, mongo by mongo_database;
    a_document_is_found_as_it_was_stored
    an_id_that_was_never_stored_is_not_found
    documents_that_are_found_together_are_those_that_each_id_finds_alone
    an_update_returns_the_merged_document_and_counts_the_version_up
    an_update_of_no_document_inserts_nothing
    an_insert_puts_a_document_only_where_there_is_none
    a_delete_returns_what_was_there_and_takes_it_from_its_category
    a_patch_cannot_set_the_version
    two_tasks_updating_one_document_both_count
    a_batch_leaves_out_what_is_not_newer
    a_batch_without_versions_counts_up_where_there_is_a_document
    a_batch_may_name_a_document_more_than_once
    an_empty_batch_does_nothing
    a_page_of_a_category_is_in_the_order_of_ids
    a_projection_returns_only_its_fields
    storing_again_replaces_the_document_and_its_category
    a_scan_sees_every_document_once
    a_reset_collection_is_empty_and_takes_documents
}

async fn stored(database: &impl Database, documents: Vec<Document>) {
    database.reset("things").await.unwrap();
    database.put_many("things", documents).await.unwrap();
}

async fn a_document_is_found_as_it_was_stored(database: &impl Database) {
    stored(database, vec![document("1", 7), document("2", 1)]).await;
    let found = database.find("things", "1").await.unwrap().unwrap();
    assert_eq!(found.bytes(), document("1", 7).bytes());
}

async fn an_id_that_was_never_stored_is_not_found(database: &impl Database) {
    assert_eq!(database.find("things", "1").await.unwrap(), None);
    stored(database, vec![document("1", 7)]).await;
    assert_eq!(database.find("things", "2").await.unwrap(), None);
}

async fn documents_that_are_found_together_are_those_that_each_id_finds_alone(database: &impl Database) {
    let documents = (0..50).map(|number| document(&number.to_string(), number + 1)).collect();
    stored(database, documents).await;
    let all: Vec<String> = (0..60).rev().map(|number| number.to_string()).collect();
    for ids in [&all[..], &all[55..], &all[..3], &[], &["7".into(), "missing".into(), "7".into()]] {
        let ids: Vec<CompactString> = ids.iter().map(CompactString::from).collect();
        let mut alone = Vec::new();
        for id in &ids {
            alone.push(database.find("things", id).await);
        }
        let found = database.find_many("things", &ids).await.unwrap();
        assert_eq!(found.into_iter().map(Ok).collect::<Vec<_>>(), alone, "{ids:?}");
        let found = gathering::together(ids.iter().map(|id| database.find("things", id)));
        assert_eq!(found.await, alone, "{ids:?}");
    }
}

async fn an_update_returns_the_merged_document_and_counts_the_version_up(database: &impl Database) {
    stored(database, vec![document("1", 7)]).await;
    let patch = patch(99).set(cstr!("colour"), "red");
    let merged = database.update("things", "1", &patch).await.unwrap().unwrap();
    assert_eq!(
        (merged.integer("price"), merged.text("colour"), merged.version()),
        (Some(99), Some("red"), 8)
    );
    assert_eq!(merged.text("category"), Some("tools"));
    assert_eq!(database.find("things", "1").await.unwrap(), Some(merged));
}

async fn an_update_of_no_document_inserts_nothing(database: &impl Database) {
    stored(database, vec![document("1", 7)]).await;
    assert_eq!(database.update("things", "2", &patch(1)).await.unwrap(), None);
    assert_eq!(database.find("things", "2").await.unwrap(), None);
}

async fn an_insert_puts_a_document_only_where_there_is_none(database: &impl Database) {
    stored(database, vec![document("1", 7)]).await;
    assert!(!database.insert("things", &document("1", 9)).await.unwrap());
    assert_eq!(database.find("things", "1").await.unwrap(), Some(document("1", 7)));
    assert!(database.insert("things", &document("2", 5)).await.unwrap());
    assert!(!database.insert("things", &document("2", 6)).await.unwrap());
    assert_eq!(database.find("things", "2").await.unwrap(), Some(document("2", 5)));
    let page = Page { skip: 0, limit: 5 };
    assert_eq!(database.find_by_category("things", "tools", page, &[]).await.unwrap().len(), 2);
}

async fn a_delete_returns_what_was_there_and_takes_it_from_its_category(database: &impl Database) {
    stored(database, vec![document("1", 7), document("2", 1)]).await;
    assert_eq!(database.delete("things", "1").await.unwrap(), Some(document("1", 7)));
    assert_eq!(database.delete("things", "1").await.unwrap(), None);
    assert_eq!(database.find("things", "1").await.unwrap(), None);
    assert_eq!(database.update("things", "1", &patch(5)).await.unwrap(), None);
    assert_eq!(database.bulk_update("things", &[item("1", Some(99), 5)]).await.unwrap(), [Ok(false)]);
    let page = Page { skip: 0, limit: 5 };
    let left = database.find_by_category("things", "tools", page, &[]).await.unwrap();
    assert_eq!(left, [document("2", 1)]);
    assert!(database.insert("things", &document("1", 8)).await.unwrap(), "it can come again");
}

async fn a_patch_cannot_set_the_version(database: &impl Database) {
    stored(database, vec![document("1", 7)]).await;
    let sly = patch(1).set(cstr!("_v"), 500_i64);
    assert_eq!(database.update("things", "1", &sly).await.unwrap().unwrap().version(), 8);
    let empty = database.update("things", "1", &Patch::new()).await.unwrap().unwrap();
    assert_eq!((empty.version(), empty.integer("price")), (9, Some(1)));
}

async fn two_tasks_updating_one_document_both_count(database: &impl Database) {
    stored(database, vec![document("1", 0)]).await;
    let mut versions = many(|n| {
        let database = database.clone();
        async move { database.update("things", "1", &patch(n.into())).await.unwrap().unwrap().version() }
    })
    .await;
    versions.sort_unstable();
    assert_eq!(versions, (1..=32).collect::<Vec<_>>());
}

fn item(id: &str, version: Option<u64>, price: i64) -> BulkItem {
    BulkItem { id: id.into(), patch: patch(price), version }
}

async fn a_batch_leaves_out_what_is_not_newer(database: &impl Database) {
    stored(database, vec![document("1", 5), document("2", 5), document("3", 5)]).await;
    let items = [item("1", Some(6), 1), item("2", Some(5), 2), item("3", Some(4), 3), item("4", Some(1), 4)];
    let results = database.bulk_update("things", &items).await.unwrap();
    // The database holds the second's version already: by whom that was set nobody can tell.
    assert_eq!([&results[0], &results[2], &results[3]], [&Ok(true), &Ok(false), &Ok(false)]);
    let price = |id| async move { database.find("things", id).await.unwrap().unwrap().integer("price") };
    assert_eq!((price("1").await, price("2").await, price("3").await), (Some(1), Some(50), Some(50)));
    assert_eq!(database.find("things", "1").await.unwrap().unwrap().version(), 6);
    assert_eq!(database.find("things", "4").await.unwrap(), None);
}

async fn a_batch_without_versions_counts_up_where_there_is_a_document(database: &impl Database) {
    stored(database, vec![document("1", 5)]).await;
    let results = database.bulk_update("things", &[item("1", None, 1), item("2", None, 1)]).await.unwrap();
    assert_eq!(results, [Ok(true), Ok(false)]);
    assert_eq!(database.find("things", "1").await.unwrap().unwrap().version(), 6);
}

async fn a_batch_may_name_a_document_more_than_once(database: &impl Database) {
    stored(database, vec![document("1", 5), document("2", 5)]).await;
    let items = [item("1", Some(6), 1), item("2", Some(1), 1), item("1", Some(7), 2), item("1", Some(6), 3)];
    let results = database.bulk_update("things", &items).await.unwrap();
    assert_eq!(results, [Ok(true), Ok(false), Ok(true), Ok(false)]);
    let found = database.find("things", "1").await.unwrap().unwrap();
    assert_eq!((found.version(), found.integer("price")), (7, Some(2)));
}

async fn an_empty_batch_does_nothing(database: &impl Database) {
    assert_eq!(database.bulk_update("things", &[]).await.unwrap(), []);
    database.put_many("things", Vec::new()).await.unwrap();
}

async fn a_page_of_a_category_is_in_the_order_of_ids(database: &impl Database) {
    let ids = ["e", "b", "d", "a", "c"];
    stored(database, ids.iter().map(|id| document(id, 1)).collect()).await;
    let page = |skip, limit| async move {
        let found = database.find_by_category("things", "tools", Page { skip, limit }, &[]).await.unwrap();
        found.iter().map(|document| document.id().unwrap().to_string()).collect::<Vec<_>>()
    };
    assert_eq!(page(1, 3).await, ["b", "c", "d"]);
    assert_eq!(page(4, 10).await, ["e"]);
    assert!(page(9, 10).await.is_empty());
    assert!(page(0, 0).await.is_empty());
    let none = database.find_by_category("things", "toys", Page { skip: 0, limit: 5 }, &[]).await.unwrap();
    assert!(none.is_empty());
}

async fn a_projection_returns_only_its_fields(database: &impl Database) {
    stored(database, vec![document("1", 5)]).await;
    let page = Page { skip: 0, limit: 5 };
    let found = database.find_by_category("things", "tools", page, &["price"]).await.unwrap();
    assert_eq!(found, [Document::from_raw(rawdoc! { "_id": "1", "price": 50_i64 })]);
}

async fn storing_again_replaces_the_document_and_its_category(database: &impl Database) {
    stored(database, vec![document("1", 5)]).await;
    let moved = Document::from_raw(rawdoc! { "_id": "1", "category": "toys", "_v": 2_i64 });
    database.put_many("things", vec![moved.clone()]).await.unwrap();
    assert_eq!(database.find("things", "1").await.unwrap(), Some(moved.clone()));
    let page = Page { skip: 0, limit: 5 };
    assert!(database.find_by_category("things", "tools", page, &[]).await.unwrap().is_empty());
    assert_eq!(database.find_by_category("things", "toys", page, &[]).await.unwrap(), [moved]);
}

async fn a_scan_sees_every_document_once(database: &impl Database) {
    let documents: Vec<_> = (0..2500).map(|n| document(&format!("{n:04}"), 1)).collect();
    stored(database, documents).await;
    let mut seen = Vec::new();
    database.scan("things", |document| seen.push(document.id().unwrap().to_string())).await.unwrap();
    seen.sort();
    assert_eq!(seen, (0..2500).map(|n| format!("{n:04}")).collect::<Vec<_>>());
}

async fn a_reset_collection_is_empty_and_takes_documents(database: &impl Database) {
    stored(database, vec![document("1", 5)]).await;
    stored(database, vec![document("2", 5)]).await;
    assert_eq!(database.find("things", "1").await.unwrap(), None);
    assert!(database.find("things", "2").await.unwrap().is_some());
    let page = Page { skip: 0, limit: 5 };
    assert_eq!(database.find_by_category("things", "tools", page, &[]).await.unwrap().len(), 1);
}

// --- what only a real server shows -------------------------------------------------------------------

#[tokio::test]
async fn a_killed_redis_gives_connection_errors_in_time_and_is_used_again_when_it_is_back() {
    let mut server = Server::redis(&[]);
    let options = redis_options(server.port());
    let admin = RedisAdmin::connect(&options).await.unwrap();
    let cache = RedisCache::connect(options, Counters::new()).await.unwrap();
    cache.set("k", &entry(1), None).await.unwrap();
    server.kill();
    for _ in 0..20 {
        let start = Instant::now();
        assert_eq!(cache.get("k").await.unwrap_err().kind, ErrorKind::Connection);
        assert!(start.elapsed() < Duration::from_secs(1), "{:?}", start.elapsed());
    }
    server.restart();
    let back = Instant::now();
    while cache.get("k").await.is_err() {
        assert!(back.elapsed() < Duration::from_secs(5));
    }
    println!("used again {:?} after it was ready", back.elapsed());
    // A restarted server has forgotten the scripts.
    cache.place_token("k", Token(1), MINUTE).await.unwrap();
    assert!(cache.fill("k", Token(1), &entry(1), None).await.unwrap());
    let mut info = admin.info().await;
    while info.is_err() && back.elapsed() < Duration::from_secs(5) {
        info = admin.info().await;
    }
    assert_eq!(info.unwrap().dbsize, 1);
}

#[tokio::test]
async fn a_cut_connection_is_replaced_and_only_what_was_under_way_fails() {
    let server = Server::redis(&[]);
    let cache = RedisCache::connect(redis_options(server.port()), Counters::new()).await.unwrap();
    let mut kill = redis::cmd("CLIENT");
    kill.arg("KILL").arg("TYPE").arg("normal").arg("SKIPME").arg("no");
    let _ = cache.request("", &kill, "cutting").await;
    let mut failures = 0;
    for _ in 0..100 {
        failures += u32::from(cache.get("k").await.is_err());
    }
    assert!(failures <= 4, "{failures} of 100 failed");
}

#[tokio::test]
async fn a_connection_that_broke_is_told_of_when_it_is_back_and_one_that_is_new_is_not() {
    let server = Server::redis(&[]);
    // The connection for WAIT is opened when it is first used.
    let options = RedisOptions { wait_replicas: 1, ..redis_options(server.port()) };
    let journal = options.journal.clone();
    let cache = RedisCache::connect(options, Counters::new()).await.unwrap();
    let error = cache.set("k", &entry(1), None).await.unwrap_err();
    assert!(error.detail.contains("0 of 1 replicas"), "{error}");
    assert_eq!(journal.take(), []);
    let mut kill = redis::cmd("CLIENT");
    kill.arg("KILL").arg("TYPE").arg("normal").arg("SKIPME").arg("no");
    let _ = cache.request("", &kill, "cutting").await;
    let start = Instant::now();
    loop {
        let _ = cache.get("k").await;
        let noticed = journal.take();
        if !noticed.is_empty() {
            assert!(noticed.iter().all(|one| one.kind.name() == "reconnected"), "{noticed:?}");
            break;
        }
        assert!(start.elapsed() < Duration::from_secs(5), "nobody tells that it is back");
    }
}

#[tokio::test]
async fn a_server_that_does_not_answer_is_a_timeout() {
    let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut options = redis_options(silent.local_addr().unwrap().port());
    options.connect_timeout = Duration::from_millis(100);
    let error = RedisCache::connect(options, Counters::new()).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Timeout);

    let server = Server::redis(&[]);
    let mut options = redis_options(server.port());
    options.response_timeout = Duration::from_millis(100);
    let cache = RedisCache::connect(options, Counters::new()).await.unwrap();
    let mut pause = redis::cmd("CLIENT");
    pause.arg("PAUSE").arg(1000);
    cache.request("", &pause, "pausing").await.unwrap();
    let start = Instant::now();
    assert_eq!(cache.get("k").await.unwrap_err().kind, ErrorKind::Timeout);
    assert!(start.elapsed() < Duration::from_millis(900));
}

#[tokio::test]
async fn a_wrong_password_is_denied_and_not_shown() {
    let redis = Server::redis(&["--requirepass", "right"]);
    let mut options = redis_options(redis.port());
    options.url = SecretUrl::new(format!("redis://:s3cret%21@127.0.0.1:{}", redis.port()));
    let error = RedisCache::connect(options.clone(), Counters::new()).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Denied, "{error}");
    assert!(!format!("{error} {error:?} {options:?}").contains("s3cret"), "{error}");

    options.url = SecretUrl::new(format!("redis://127.0.0.1:{}", redis.port()));
    let error = RedisCache::connect(options, Counters::new()).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Denied, "{error}");

    let mongo = MONGO.get(Server::mongo);
    let mut options = mongo_options(mongo.port());
    options.uri = SecretUrl::new(format!("mongodb://me:s3cret%21@127.0.0.1:{}", mongo.port()));
    let error = MongoDatabase::connect(options.clone(), Counters::new()).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Denied, "{error}");
    assert!(!format!("{error} {error:?} {options:?}").contains("s3cret"), "{error}");
}

#[tokio::test]
async fn an_address_that_cannot_be_read_is_told_without_its_password() {
    let mut options = redis_options(1);
    options.url = SecretUrl::new("redis://user:s3cret@host:notaport");
    let error = RedisCache::connect(options, Counters::new()).await.unwrap_err();
    assert!(!error.to_string().contains("s3cret"), "{error}");
    let mut options = mongo_options(1);
    options.uri = SecretUrl::new("mongodb://user:s3cret@host:notaport/?what=ever");
    let error = MongoDatabase::connect(options, Counters::new()).await.unwrap_err();
    assert!(!error.to_string().contains("s3cret"), "{error}");
}

#[tokio::test]
async fn a_replica_refuses_writes_as_read_only() {
    let server = Server::redis(&["--replicaof", "127.0.0.1", "1"]);
    let cache = RedisCache::connect(redis_options(server.port()), Counters::new()).await.unwrap();
    assert_eq!(cache.get("k").await.unwrap(), None);
    let set = cache.set("k", &entry(1), None).await.unwrap_err();
    let script = cache.set_if_newer("k", &entry(1), None).await.unwrap_err();
    assert_eq!((set.kind, script.kind), (ErrorKind::ReadOnly, ErrorKind::ReadOnly), "{set} {script}");
}

#[tokio::test]
async fn a_full_redis_that_may_not_evict_is_out_of_memory() {
    let server = Server::redis(&["--maxmemory", "1", "--maxmemory-policy", "noeviction"]);
    let cache = RedisCache::connect(redis_options(server.port()), Counters::new()).await.unwrap();
    let set = cache.set("k", &entry(1), None).await.unwrap_err();
    let script = cache.set_if_newer("k", &entry(1), None).await.unwrap_err();
    assert_eq!((set.kind, script.kind), (ErrorKind::OutOfMemory, ErrorKind::OutOfMemory), "{set} {script}");
}

#[tokio::test]
async fn every_command_to_redis_is_counted_and_a_hit_is_one() {
    let server = REDIS.get(|| Server::redis(&[]));
    let counters = Counters::new();
    let cache = RedisCache::connect(redis_options(server.port()), counters.clone()).await.unwrap();
    assert_eq!(counters.snapshot().cache_commands, 0, "connecting is not the strategy's doing");
    cache.set("k", &entry(1), None).await.unwrap();
    let before = counters.snapshot();
    cache.get("k").await.unwrap();
    assert_eq!((counters.snapshot() - before).cache_commands, 1);
    cache.settle("k", None, &entry(2), None).await.unwrap();
    assert_eq!((counters.snapshot() - before).cache_commands, 2);
    let others = Counters::new();
    cache.counted_by(others.clone()).get("k").await.unwrap();
    assert_eq!((others.snapshot().cache_commands, (counters.snapshot() - before).cache_commands), (1, 2));
}

/// How often the server was sent a command, as it says itself.
async fn calls_of(admin: &RedisAdmin, command: &str) -> u64 {
    let statistics: String = admin.ask(redis::cmd("INFO").arg("commandstats"), "a test").await.unwrap();
    let line = statistics.lines().find_map(|line| line.strip_prefix(&format!("cmdstat_{command}:calls=")));
    line.and_then(|rest| rest.split(',').next()).map_or(0, |calls| calls.parse().unwrap())
}

#[tokio::test]
async fn reads_that_are_made_together_are_one_mget_of_redis_and_tokens_a_command_each() {
    let server = Server::redis(&[]);
    let counters = Counters::new();
    let options = redis_options(server.port());
    let admin = RedisAdmin::connect(&options).await.unwrap();
    let cache = near(AnyCache::Redis(RedisCache::connect(options, counters.clone()).await.unwrap()));
    let keys: Vec<String> = (0..20).map(|number| format!("k{number}")).collect();
    let before = counters.snapshot();
    let found = gathering::together(keys.iter().map(|key| cache.get(key))).await;
    assert_eq!(found, vec![Ok(None); 20]);
    assert_eq!((calls_of(&admin, "mget").await, calls_of(&admin, "get").await), (1, 0));
    assert_eq!((counters.snapshot() - before).cache_commands, 1);
    let placed = gathering::together(keys.iter().map(|key| cache.place_token(key, Token(1), MINUTE))).await;
    assert_eq!(placed, vec![Ok(Claimed::Placed); 20]);
    assert_eq!((counters.snapshot() - before).cache_commands, 21);
    assert_eq!(calls_of(&admin, "set").await, 20);
    gathering::together([cache.get("k0")].into_iter()).await;
    assert_eq!((calls_of(&admin, "mget").await, calls_of(&admin, "get").await), (1, 1), "one key is a GET");
}

#[tokio::test]
async fn a_batch_of_a_server_that_is_gone_fails_whole_and_in_time() {
    let mut server = Server::redis(&[]);
    let cache = RedisCache::connect(redis_options(server.port()), Counters::new()).await.unwrap();
    let cache = near(AnyCache::Redis(cache));
    server.kill();
    let started = Instant::now();
    let found = gathering::together((0..20).map(async |_| cache.get("k").await)).await;
    assert!(found.iter().all(|found| found.as_ref().is_err_and(|error| error.kind == ErrorKind::Connection)));
    assert!(started.elapsed() < Duration::from_secs(5), "{:?}", started.elapsed());
}

#[tokio::test]
async fn loads_that_are_made_together_are_one_query_and_one_call_that_takes_the_service_time() {
    let Kept(database, _server) = mongo_database().await;
    stored(&database, (0..20).map(|number| document(&number.to_string(), 1)).collect()).await;
    let counters = Counters::new();
    let AnyDatabase::Mongo(mongo) = database.inner() else { panic!("it is MongoDB") };
    let delay = DatabaseDelay { service_time: Duration::from_millis(50), ..DatabaseDelay::default() };
    let counted = DelayedDatabase::new(AnyDatabase::Mongo(mongo.counted_by(counters.clone())), delay);
    let started = Instant::now();
    let ids: Vec<String> = (0..21).map(|number| number.to_string()).collect();
    let found = gathering::together(ids.iter().map(|id| counted.find("things", id))).await;
    assert_eq!(found.iter().filter(|found| found.as_ref().is_ok_and(Option::is_some)).count(), 20);
    assert_eq!(counters.snapshot().database_reads, 1);
    assert!(started.elapsed() >= Duration::from_millis(50));
    // Collections are not mixed up.
    let found = found_in_two_collections(&counted).await;
    assert_eq!(found, [Some("3".to_owned()), None]);
    assert_eq!(counters.snapshot().database_reads, 3);
}

async fn found_in_two_collections(database: &AppDatabase) -> Vec<Option<String>> {
    let reads = ["things", "others"].map(async |collection| database.find(collection, "3").await.unwrap());
    let found = gathering::together(reads.into_iter()).await;
    found.into_iter().map(|found| found.and_then(|one| one.id().map(str::to_owned))).collect()
}

#[tokio::test]
async fn only_the_keys_of_a_prefix_are_removed() {
    let server = REDIS.get(|| Server::redis(&[]));
    let (mine, others) = (redis_options(server.port()), redis_options(server.port()));
    let admin = RedisAdmin::connect(&mine).await.unwrap();
    let prefix = mine.key_prefix.clone();
    let mine = RedisCache::connect(mine, Counters::new()).await.unwrap();
    let others = RedisCache::connect(others, Counters::new()).await.unwrap();
    others.set("k", &entry(1), None).await.unwrap();
    for n in 0..1500 {
        mine.set(&n.to_string(), &Entry::Absent, None).await.unwrap();
    }
    assert_eq!(admin.delete_prefix(&prefix).await.unwrap(), 1500);
    assert_eq!(admin.delete_prefix(&prefix).await.unwrap(), 0);
    assert!(others.get("k").await.unwrap().is_some());
}

#[tokio::test]
async fn redis_says_what_it_is_and_can_be_flushed() {
    let server = Server::redis(&["--maxmemory", "64mb", "--maxmemory-policy", "allkeys-lru"]);
    let options = redis_options(server.port());
    let admin = RedisAdmin::connect(&options).await.unwrap();
    let cache = RedisCache::connect(options, Counters::new()).await.unwrap();
    cache.set("k", &entry(1), None).await.unwrap();
    let info = admin.info().await.unwrap();
    assert_eq!((info.dbsize, info.maxmemory_bytes, info.role.as_str()), (1, Some(64 << 20), "master"));
    assert_eq!(info.maxmemory_policy, "allkeys-lru");
    assert!(
        info.used_memory_bytes > Some(0) && info.used_cpu_seconds > Some(0.0) && !info.version.is_empty()
    );
    admin.flush_all().await.unwrap();
    assert_eq!(cache.get("k").await.unwrap(), None);
}

#[tokio::test]
async fn a_killed_mongodb_gives_errors_in_time() {
    let mut server = Server::mongo();
    let mut options = mongo_options(server.port());
    options.response_timeout = Duration::from_millis(500);
    let database = MongoDatabase::connect(options, Counters::new()).await.unwrap();
    assert_eq!(database.find("things", "1").await.unwrap(), None);
    server.kill();
    for _ in 0..3 {
        let start = Instant::now();
        let error = database.find("things", "1").await.unwrap_err();
        assert!(matches!(error.kind, ErrorKind::Connection | ErrorKind::Timeout), "{error}");
        assert!(start.elapsed() < Duration::from_secs(2), "{:?}", start.elapsed());
    }
    server.restart();
    let back = Instant::now();
    while database.find("things", "1").await.is_err() {
        assert!(back.elapsed() < Duration::from_secs(30));
    }
}

#[tokio::test]
async fn mongodb_says_what_it_is_and_what_was_waited_for_and_counted() {
    let server = MONGO.get(Server::mongo);
    let counters = Counters::new();
    let database = MongoDatabase::connect(mongo_options(server.port()), counters.clone()).await.unwrap();
    assert!(database.server_version().await.unwrap().contains('.'));
    assert!(database.operations().await.unwrap().connections >= 2);
    let before = (database.pool_wait().snapshot(), counters.snapshot());
    database.put_many("things", vec![document("1", 1)]).await.unwrap();
    database.find("things", "1").await.unwrap();
    database.update("things", "1", &patch(1)).await.unwrap();
    let waited = database.pool_wait().snapshot();
    assert!(waited.checkouts >= before.0.checkouts + 3 && waited.waited > before.0.waited);
    let counted = counters.snapshot() - before.1;
    assert_eq!((counted.database_reads, counted.database_writes, counted.bulk_calls), (1, 2, 1));
    database.drop_database().await.unwrap();
    assert_eq!(database.find("things", "1").await.unwrap(), None);
}
