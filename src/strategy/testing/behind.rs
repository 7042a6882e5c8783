//! Cache-behind and write-behind: nothing acknowledged is lost or missed, in whatever order things are
//! flushed, whatever fails and whoever crashes.

use std::collections::HashSet;
use std::num::NonZeroU64;

use tokio::time::Instant;

use super::*;
use crate::scenario::Positive;
use crate::store::{DelayedCache, RoundTrip};
use crate::strategy::behind::{QueueSettings, WhenFull};
use crate::strategy::cache_behind::{self, CacheBehind, Log};
use crate::strategy::write_behind::{self, WriteBehind};
use crate::strategy::{
    Backlog, Circumstances, Guarantee, Loss, Promise, Read, ReadOutcome, Staleness, Strategy, WriteError,
};

const TTL: Duration = Duration::from_mins(10);
const INTERVAL: Duration = Duration::from_mins(1);
const BOUND: Duration = Duration::from_secs(30);
/// Long enough for anything that happens at once, and short beside an interval.
const SOON: Duration = Duration::from_millis(200);

/// The database: applies what is newer, in bulks, and fails as it is told.
#[derive(Debug, Clone)]
struct Truth {
    kind: Arc<Keyspace>,
    state: Arc<Mutex<TruthState>>,
}

#[derive(Debug, Default)]
struct TruthState {
    documents: HashMap<String, Document>,
    /// Every call fails so.
    down: Option<ErrorKind>,
    /// It is read and not written.
    takes_no_updates: bool,
    /// The entities that are always refused.
    poisoned: HashSet<String>,
    /// Where it is with something poisoned, a bulk is refused as a whole.
    refuses_whole_bulks: bool,
    holds: Vec<(Point, oneshot::Sender<()>, oneshot::Receiver<()>)>,
    bulks: Vec<usize>,
    loads: u64,
}

impl Truth {
    fn of<'a>(ids: impl IntoIterator<Item = &'a str>) -> Self {
        let truth = Self {
            kind: Arc::new(Keyspace { key_prefix: "thing:".into(), ttl: Some(TTL).into(), tags: 0 }),
            state: Arc::default(),
        };
        for id in ids {
            let document = rawdoc! { "_id": id, "price": 0_i64, "stock": 0_i64, "_v": 1_i64 };
            truth.state.lock().documents.insert(id.to_owned(), Document::from_raw(document));
        }
        truth
    }

    /// Version, price and stock of "a".
    fn a(&self) -> (Version, i64, i64) {
        fields(&self.state.lock().documents["a"])
    }

    fn price_of(&self, id: &str) -> i64 {
        fields(&self.state.lock().documents[id]).1
    }

    fn bulks(&self) -> Vec<usize> {
        self.state.lock().bulks.clone()
    }

    fn set_down(&self, kind: Option<ErrorKind>) {
        self.state.lock().down = kind;
    }

    fn hold(&self, point: Point) -> Hold {
        let (arrive, reached) = oneshot::channel();
        let (release, released) = oneshot::channel();
        self.state.lock().holds.push((point, arrive, released));
        Hold { reached, release }
    }

    async fn pass(&self, point: Point) {
        let held = {
            let mut state = self.state.lock();
            let at = state.holds.iter().position(|(held, ..)| *held == point);
            at.map(|at| state.holds.remove(at))
        };
        if let Some((_, arrive, released)) = held {
            let _ = arrive.send(());
            let _ = released.await;
        }
    }

    fn well(&self) -> Result<(), StoreError> {
        self.state.lock().down.map_or(Ok(()), |kind| Err(StoreError::new(kind, "the database is down")))
    }
}

fn fields(document: &Document) -> (Version, i64, i64) {
    (document.version(), document.integer("price").unwrap(), document.integer("stock").unwrap())
}

impl Source for Truth {
    fn kind(&self) -> &Keyspace {
        &self.kind
    }

    async fn load(&self, id: &str) -> Result<Option<Document>, StoreError> {
        self.state.lock().loads += 1;
        self.pass(Point::BeforeRead).await;
        self.well()?;
        let read = self.state.lock().documents.get(id).cloned();
        self.pass(Point::AfterRead).await;
        Ok(read)
    }

    async fn update(&self, _id: &str, _patch: &Patch) -> Result<Option<Document>, StoreError> {
        panic!("the database is written in bulks");
    }

    async fn update_many(&self, items: &[BulkItem]) -> Result<Vec<Result<bool, StoreError>>, StoreError> {
        self.pass(Point::BeforeCommit).await;
        self.well()?;
        if self.state.lock().takes_no_updates {
            return Err(StoreError::new(ErrorKind::Unavailable, "no updates at this time"));
        }
        let refused = || StoreError::new(ErrorKind::Other, "this document is refused");
        let results = {
            let mut state = self.state.lock();
            state.bulks.push(items.len());
            if state.refuses_whole_bulks && items.iter().any(|item| state.poisoned.contains(&item.id)) {
                return Err(refused());
            }
            let TruthState { documents, poisoned, .. } = &mut *state;
            let apply = |item: &BulkItem| {
                if poisoned.contains(&item.id) {
                    return Err(refused());
                }
                let version = item.version.expect("who writes behind says the version");
                let Some(document) = documents.get_mut(&item.id) else { return Ok(false) };
                if document.version() >= version {
                    return Ok(false);
                }
                *document = document.merged(&item.patch, version)?;
                Ok(true)
            };
            items.iter().map(apply).collect()
        };
        self.pass(Point::AfterCommit).await;
        Ok(results)
    }
}

type Cached = FlakyCache<LocalCache>;
type Behind = CacheBehind<Cached, Truth>;

/// Two instances over one cache and one database.
struct Scene {
    local: LocalCache,
    truth: Truth,
    spec: cache_behind::Spec,
}

fn stock(value: i64) -> Patch {
    Patch::new().set(cstr!("stock"), value)
}

fn count(number: u64) -> NonZeroU64 {
    NonZeroU64::new(number).expect("a number above 0")
}

fn spec(log: Log) -> cache_behind::Spec {
    let own = cache_behind::Own { log, flush_interval: Positive(INTERVAL), ..cache_behind::Own::default() };
    cache_behind::Spec { own, queue: QueueSettings::default() }
}

const LOGS: [Log; 2] = [Log::Memory, Log::Stream];

impl Scene {
    fn new(log: Log) -> Self {
        Self::with(spec(log), &["a"])
    }

    fn with(spec: cache_behind::Spec, ids: &[&str]) -> Self {
        Self { local: local_cache(1000), truth: Truth::of(ids.iter().copied()), spec }
    }

    fn instance(&self) -> (Behind, Flaky) {
        let cache = FlakyCache::over(self.local.clone());
        let way = cache.with.clone();
        (self.spec.build(cache, self.truth.clone()), way)
    }

    fn pair(&self) -> (Behind, Behind) {
        (self.instance().0, self.instance().0)
    }

    async fn cached(&self) -> Option<(Version, i64, i64)> {
        match self.local.get("thing:a").await.expect("a local cache does not fail") {
            Some(Entry::Document { document, .. }) => Some(fields(&document)),
            _ => None,
        }
    }
}

async fn seen(instance: &impl Strategy) -> (Version, i64, i64) {
    let read = instance.read("a").await.expect("the read is answered");
    fields(&read.found.expect("the document is there").1)
}

fn waiting(instance: &impl Strategy) -> u64 {
    instance.backlog().entities
}

fn error_of(result: Result<Option<Version>, WriteError>) -> ErrorKind {
    result.expect_err("the write fails").error.kind
}

#[tokio::test(start_paused = true)]
async fn a_write_is_acknowledged_before_the_database_knows_and_is_read_at_once_by_all() {
    for log in LOGS {
        let scene = Scene::new(log);
        let (one, other) = scene.pair();
        assert_eq!(one.write("a", &price(5)).await, Ok(Some(2)));
        assert_eq!(scene.truth.a(), (1, 0, 0), "{log:?}");
        assert_eq!((seen(&one).await, seen(&other).await), ((2, 5, 0), (2, 5, 0)), "{log:?}");
        assert_eq!(waiting(&one), 1, "{log:?}");
        one.drain(BOUND).await.unwrap();
        assert_eq!(scene.truth.a(), (2, 5, 0), "{log:?}");
        assert_eq!(one.backlog(), Backlog::default(), "{log:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn disjoint_patches_of_two_instances_drop_nothing_in_whichever_order_they_are_flushed() {
    for log in LOGS {
        for first in [0, 1] {
            let scene = Scene::new(log);
            let (one, other) = scene.pair();
            one.write("a", &price(5)).await.unwrap();
            other.write("a", &stock(7)).await.unwrap();
            let instances = [&one, &other];
            instances[first].drain(BOUND).await.unwrap();
            instances[1 - first].drain(BOUND).await.unwrap();
            assert_eq!(scene.truth.a(), (3, 5, 7), "{log:?}, instance {first} first");
            assert_eq!(scene.cached().await, Some((3, 5, 7)));
        }
    }
}

#[tokio::test(start_paused = true)]
async fn what_one_instance_flushes_holds_the_fields_that_the_other_wrote() {
    let scene = Scene::new(Log::Memory);
    let (one, other) = scene.pair();
    one.write("a", &price(5)).await.unwrap();
    other.write("a", &stock(7)).await.unwrap();
    // The first never gets to flush: its field is in the whole that the second flushes.
    drop(one);
    other.drain(BOUND).await.unwrap();
    assert_eq!(scene.truth.a(), (3, 5, 7));
}

/// Lets the instance that it disturbs be overtaken by a write of another, so many times.
#[derive(Clone)]
struct Overtaking {
    by: Arc<Behind>,
    times: Arc<AtomicU64>,
}

impl Interference for Overtaking {
    async fn before(&self, method: Method) -> Result<(), StoreError> {
        if method == Method::PutDirty && self.times.load(Ordering::Relaxed) > 0 {
            let left = self.times.fetch_sub(1, Ordering::Relaxed);
            let value = i64::try_from(left).expect("a small number");
            self.by.write("a", &stock(value)).await.expect("the other's write is taken");
        }
        Ok(())
    }
}

#[tokio::test(start_paused = true)]
async fn a_write_that_is_overtaken_is_tried_again_on_top_and_neither_is_lost() {
    for log in LOGS {
        // From an empty cache on too, where it is the token that is overtaken.
        for is_cached in [true, false] {
            let scene = Scene::new(log);
            let other = Arc::new(scene.instance().0);
            if is_cached {
                seen(&*other).await;
            }
            let with = Overtaking { by: Arc::clone(&other), times: Arc::new(AtomicU64::new(5)) };
            let one = scene.spec.build(Interfered { cache: scene.local.clone(), with }, scene.truth.clone());
            assert_eq!(one.write("a", &price(9)).await, Ok(Some(7)), "{log:?}");
            one.drain(BOUND).await.unwrap();
            other.drain(BOUND).await.unwrap();
            assert_eq!(scene.truth.a(), (7, 9, 1), "{log:?}");
        }
    }
}

/// Reads come from a replica that has stood still.
#[derive(Clone)]
struct Lagging(Entry);

impl Interference for Lagging {
    fn show(&self, _entry: Entry) -> Entry {
        self.0.clone()
    }
}

#[tokio::test(start_paused = true)]
async fn a_write_builds_on_what_the_primary_has_however_far_behind_the_replicas_are() {
    for log in LOGS {
        let scene = Scene::new(log);
        let other = scene.instance().0;
        seen(&other).await;
        let old = scene.local.get("thing:a").await.unwrap().expect("it was filled");
        other.write("a", &stock(7)).await.unwrap();
        let cache = Interfered { cache: scene.local.clone(), with: Lagging(old) };
        let one = scene.spec.build(cache, scene.truth.clone());
        assert_eq!(seen(&one).await, (1, 0, 0), "{log:?}: a read is as old as the replica");
        assert_eq!(one.write("a", &price(9)).await, Ok(Some(3)), "{log:?}");
        assert_eq!(scene.cached().await, Some((3, 9, 7)), "{log:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn clients_of_one_instance_on_one_key_do_not_overtake_each_other() {
    let scene = Scene::new(Log::Stream);
    let cache = FlakyCache::over(scene.local.clone());
    let way = cache.with.clone();
    // At a distance, so that each write has the time to be overtaken.
    let cache = DelayedCache::new(cache, RoundTrip::new(Duration::from_millis(2)));
    let one = Arc::new(scene.spec.build(cache, scene.truth.clone()));
    let writers: Vec<_> = (0..64)
        .map(|value| {
            let one = Arc::clone(&one);
            spawn(async move { one.write("a", &price(value)).await.unwrap() })
        })
        .collect();
    for writer in writers {
        writer.await.unwrap();
    }
    assert_eq!(way.calls(Method::PutDirty), 64);
    assert_eq!(seen(&*one).await.0, 65);
}

#[tokio::test(start_paused = true)]
async fn a_full_batch_is_flushed_at_once_and_less_than_that_at_the_interval() {
    let ids: Vec<String> = (0..7).map(|id| id.to_string()).collect();
    let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
    for log in LOGS {
        let mut spec = spec(log);
        spec.own.batch_size = count(5);
        let scene = Scene::with(spec, &ids);
        let (one, _) = scene.instance();
        for id in &ids[..4] {
            one.write(id, &price(1)).await.unwrap();
        }
        tokio::time::sleep(SOON).await;
        assert!(scene.truth.bulks().is_empty(), "{log:?}");
        for id in &ids[4..] {
            one.write(id, &price(1)).await.unwrap();
        }
        tokio::time::sleep(SOON).await;
        assert_eq!(scene.truth.bulks()[0], 5, "{log:?}");
        assert_eq!(waiting(&one), 2, "{log:?}");
        tokio::time::sleep(INTERVAL).await;
        assert_eq!(scene.truth.bulks(), [5, 2], "{log:?}");
        assert_eq!(one.backlog(), Backlog::default(), "{log:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn many_writes_of_a_key_are_one_flush_and_wait_as_long_as_the_first_of_them() {
    for log in LOGS {
        let scene = Scene::new(log);
        let (one, _) = scene.instance();
        for value in 1..=10 {
            one.write("a", &price(value)).await.unwrap();
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
        let oldest = one.backlog().oldest;
        assert!(oldest >= Duration::from_secs(9) && oldest <= Duration::from_secs(11), "{log:?}: {oldest:?}");
        tokio::time::sleep(INTERVAL).await;
        assert_eq!(scene.truth.bulks(), [1], "{log:?}");
        assert_eq!(scene.truth.a(), (11, 10, 0), "{log:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn one_that_the_database_refuses_stops_nobody_is_set_aside_and_is_reported() {
    for log in LOGS {
        for refuses_whole_bulks in [false, true] {
            let mut spec = spec(log);
            spec.own.batch_size = count(3);
            let scene = Scene::with(spec, &["a", "b", "c", "d", "e", "f"]);
            scene.truth.state.lock().poisoned.insert("b".into());
            scene.truth.state.lock().refuses_whole_bulks = refuses_whole_bulks;
            let (one, _) = scene.instance();
            for id in ["a", "b", "c"] {
                one.write(id, &price(1)).await.unwrap();
            }
            tokio::time::sleep(SOON).await;
            assert_eq!((scene.truth.price_of("a"), scene.truth.price_of("c")), (1, 1), "{log:?}");
            tokio::time::sleep(Duration::from_secs(10)).await;
            assert_eq!(one.backlog(), Backlog { set_aside: 1, ..Backlog::default() }, "{log:?}");
            for id in ["d", "e", "f"] {
                one.write(id, &price(1)).await.unwrap();
            }
            tokio::time::sleep(SOON).await;
            assert_eq!(scene.truth.price_of("f"), 1, "{log:?}");
            let error = one.drain(BOUND).await.unwrap_err();
            assert!(error.kind == ErrorKind::Other && error.detail.contains("1 entities"), "{error}");
            // A newer write gives it a new chance.
            scene.truth.state.lock().poisoned.clear();
            one.write("b", &price(2)).await.unwrap();
            one.drain(BOUND).await.unwrap();
            assert_eq!(scene.truth.price_of("b"), 2, "{log:?}");
            assert_eq!(one.backlog(), Backlog::default(), "{log:?}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn while_the_database_is_down_the_backlog_grows_and_then_goes_back_to_nothing() {
    let ids: Vec<String> = (0..200).map(|id| id.to_string()).collect();
    let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
    for kind in [ErrorKind::Connection, ErrorKind::Timeout, ErrorKind::Unavailable] {
        for log in LOGS {
            let scene = Scene::with(spec(log), &ids);
            let (one, _) = scene.instance();
            for id in &ids {
                one.read(id).await.unwrap();
            }
            scene.truth.set_down(Some(kind));
            for id in &ids {
                one.write(id, &price(3)).await.unwrap();
            }
            // Far longer than any number of tries takes.
            tokio::time::sleep(INTERVAL * 10).await;
            assert_eq!(waiting(&one), 200, "{log:?}");
            assert_eq!(one.backlog().set_aside, 0, "{log:?}");
            let error = one.drain(Duration::from_secs(5)).await.unwrap_err();
            assert!(error.kind == ErrorKind::Timeout && error.detail.contains("200 writes"), "{error}");
            scene.truth.set_down(None);
            tokio::time::sleep(INTERVAL + SOON).await;
            assert_eq!(one.backlog(), Backlog::default(), "{log:?}");
            assert!(ids.iter().all(|id| scene.truth.price_of(id) == 3), "{log:?}");
        }
    }
}

fn full_after(writes: u64, when_full: WhenFull, log: Log) -> cache_behind::Spec {
    let mut spec = spec(log);
    spec.queue.queue_capacity = count(writes);
    spec.queue.when_full = when_full;
    spec
}

#[tokio::test(start_paused = true)]
async fn a_full_queue_makes_writes_wait_and_fail_after_a_while_without_any_effect() {
    for log in LOGS {
        let scene = Scene::with(full_after(2, WhenFull::Block, log), &["a", "b", "c"]);
        let one = Arc::new(scene.instance().0);
        one.read("c").await.unwrap();
        one.write("a", &price(1)).await.unwrap();
        scene.truth.set_down(Some(ErrorKind::Connection));
        one.read("b").await.unwrap_err();
        scene.truth.set_down(None);
        one.read("b").await.unwrap();
        scene.truth.set_down(Some(ErrorKind::Connection));
        one.write("b", &price(1)).await.unwrap();
        let begun = Instant::now();
        assert_eq!(error_of(one.write("c", &price(1)).await), ErrorKind::Unavailable, "{log:?}");
        assert_eq!(begun.elapsed().as_secs(), 5, "{log:?}");
        let read = one.read("c").await.unwrap();
        assert_eq!(read.found.unwrap().0, 1, "{log:?}: nothing was written");
        // When there is room again it goes on, long before the interval.
        let writer = spawn({
            let one = Arc::clone(&one);
            async move { one.write("c", &price(2)).await }
        });
        tokio::time::sleep(Duration::from_secs(1)).await;
        assert!(!writer.is_finished(), "{log:?}");
        scene.truth.set_down(None);
        assert_eq!(writer.await.unwrap(), Ok(Some(2)), "{log:?}");
        one.drain(BOUND).await.unwrap();
        assert_eq!(scene.truth.price_of("c"), 2, "{log:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_write_through_a_full_queue_is_in_the_database_when_it_is_acknowledged() {
    for log in LOGS {
        let scene = Scene::with(full_after(1, WhenFull::WriteThrough, log), &["a", "b"]);
        let (one, _) = scene.instance();
        // The flusher hangs, so that the queue stays full.
        let mut held = scene.truth.hold(Point::BeforeCommit);
        one.write("b", &price(1)).await.unwrap();
        held.reached().await;
        assert_eq!(one.write("a", &price(4)).await, Ok(Some(2)), "{log:?}");
        assert_eq!((scene.truth.a(), scene.truth.price_of("b")), ((2, 4, 0), 0), "{log:?}");
        held.release();
        one.drain(BOUND).await.unwrap();
        assert_eq!(scene.truth.price_of("b"), 1, "{log:?}");
        assert_eq!(one.backlog(), Backlog::default(), "{log:?}");
        // Its entry is clean: the cache may forget it.
        tokio::time::sleep(TTL + SOON).await;
        assert_eq!(scene.cached().await, None, "{log:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_write_through_that_the_database_does_not_take_is_indeterminate_and_still_reaches_it() {
    for log in LOGS {
        let scene = Scene::with(full_after(1, WhenFull::WriteThrough, log), &["a", "b"]);
        let (one, _) = scene.instance();
        seen(&one).await;
        one.read("b").await.unwrap();
        scene.truth.set_down(Some(ErrorKind::Unavailable));
        one.write("b", &price(1)).await.unwrap();
        assert!(error_of(one.write("a", &price(4)).await).is_indeterminate(), "{log:?}");
        assert_eq!(seen(&one).await, (2, 4, 0), "{log:?}");
        scene.truth.set_down(None);
        one.drain(BOUND).await.unwrap();
        assert_eq!(scene.truth.a(), (2, 4, 0), "{log:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_crash_with_a_log_in_memory_loses_exactly_the_backlog() {
    let scene = Scene::with(spec(Log::Memory), &["a", "b", "c"]);
    let (one, other) = scene.pair();
    one.write("a", &price(1)).await.unwrap();
    one.drain(BOUND).await.unwrap();
    one.write("b", &price(1)).await.unwrap();
    one.write("c", &price(1)).await.unwrap();
    assert_eq!(waiting(&one), 2);
    drop(one);
    assert_eq!(other.recover().await, Ok(0));
    other.drain(BOUND).await.unwrap();
    let prices = ["a", "b", "c"].map(|id| scene.truth.price_of(id));
    assert_eq!(prices, [1, 0, 0]);
}

#[tokio::test(start_paused = true)]
async fn after_a_crash_whoever_recovers_finds_everything_in_the_stream() {
    for it_was_read in [false, true] {
        for by_another in [false, true] {
            let scene = Scene::with(spec(Log::Stream), &["a", "b", "c"]);
            let (one, other) = scene.pair();
            for id in ["a", "b", "c"] {
                one.write(id, &price(1)).await.unwrap();
            }
            let mut held = scene.truth.hold(Point::BeforeCommit);
            if it_was_read {
                // It crashes when it has been given the records and before it has flushed them.
                tokio::time::sleep(INTERVAL).await;
                held.reached().await;
            }
            drop(one);
            drop(held);
            scene.truth.state.lock().holds.clear();
            let recoverer = if by_another { other } else { scene.instance().0 };
            assert_eq!(recoverer.recover().await, Ok(3), "read: {it_was_read}");
            let prices = ["a", "b", "c"].map(|id| scene.truth.price_of(id));
            assert_eq!(prices, [1, 1, 1], "read: {it_was_read}");
            assert_eq!(recoverer.backlog(), Backlog::default());
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_crash_between_the_flush_and_the_end_of_its_records_is_flushed_again_in_vain() {
    let scene = Scene::new(Log::Stream);
    let (one, _) = scene.instance();
    one.write("a", &price(1)).await.unwrap();
    let mut held = scene.truth.hold(Point::AfterCommit);
    tokio::time::sleep(INTERVAL).await;
    held.reached().await;
    assert_eq!(scene.truth.a(), (2, 1, 0));
    drop(one);
    let (again, other) = scene.pair();
    // Meanwhile somebody writes on top of it, and is flushed.
    other.write("a", &stock(8)).await.unwrap();
    assert_eq!(again.recover().await, Ok(2));
    assert_eq!(scene.truth.a(), (3, 1, 8));
    assert_eq!(again.recover().await, Ok(0), "nothing is left in the log");
}

#[tokio::test(start_paused = true)]
async fn without_recovery_the_records_of_a_dead_instance_are_taken_over_after_a_while() {
    let scene = Scene::new(Log::Stream);
    let (one, other) = scene.pair();
    one.write("a", &price(1)).await.unwrap();
    let mut held = scene.truth.hold(Point::BeforeCommit);
    tokio::time::sleep(INTERVAL).await;
    held.reached().await;
    drop((one, held));
    tokio::time::sleep(2 * INTERVAL).await;
    assert_eq!(scene.truth.a(), (2, 1, 0));
    assert_eq!(other.backlog(), Backlog::default());
}

/// Entities whose writes are spread over logs, as on several servers.
fn spread(log: Log) -> Scene {
    let mut scene = Scene::new(log);
    scene.truth.kind = Arc::new(Keyspace { tags: 64, ..Keyspace::clone(&scene.truth.kind) });
    scene
}

#[tokio::test(start_paused = true)]
async fn a_log_that_has_nothing_is_asked_rarely_and_one_that_has_something_again_and_again() {
    let scene = spread(Log::Stream);
    let (one, way) = scene.instance();
    tokio::time::sleep(SOON).await;
    let all = way.calls(Method::LogLength);
    assert_eq!(all, 64, "all of them at first");
    one.write("a", &price(1)).await.unwrap();
    let take_over_after = scene.spec.own.take_over_after.0;
    tokio::time::sleep(take_over_after * 3).await;
    let asked = way.calls(Method::LogLength) - all;
    let (rarely, each_second) = (6 * 64, take_over_after.as_secs() * 3);
    assert!((rarely..=rarely + each_second).contains(&asked), "{asked}");
    one.drain(BOUND).await.unwrap();
    assert_eq!(scene.truth.a(), (2, 1, 0));
}

#[tokio::test(start_paused = true)]
async fn what_an_instance_that_died_has_left_in_any_log_is_taken_over_in_time() {
    let scene = spread(Log::Stream);
    let (one, other) = scene.pair();
    tokio::time::sleep(SOON).await;
    one.write("a", &price(1)).await.unwrap();
    let mut held = scene.truth.hold(Point::BeforeCommit);
    tokio::time::sleep(INTERVAL).await;
    held.reached().await;
    drop((one, held));
    tokio::time::sleep(2 * INTERVAL).await;
    assert_eq!(scene.truth.a(), (2, 1, 0));
    assert_eq!(other.backlog(), Backlog::default());
}

#[tokio::test(start_paused = true)]
async fn whoever_recovers_finds_what_is_in_a_log_that_it_has_never_looked_at() {
    let scene = spread(Log::Stream);
    let one = scene.instance().0;
    one.write("a", &price(1)).await.unwrap();
    drop(one);
    assert_eq!(scene.instance().0.recover().await, Ok(1));
    assert_eq!(scene.truth.a(), (2, 1, 0));
}

/// Loses the answer to a write that the cache has taken.
#[derive(Debug, Clone)]
struct Mute(Arc<AtomicU64>);

impl Interference for Mute {
    async fn after(&self, method: Method) {
        if method == Method::PutDirty && self.0.load(Ordering::Relaxed) > 0 {
            self.0.fetch_sub(1, Ordering::Relaxed);
            std::future::pending::<()>().await;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_write_without_an_answer_that_the_cache_took_reaches_the_database() {
    for log in LOGS {
        for crashes in [false, true] {
            let scene = Scene::new(log);
            let with = Mute(Arc::new(AtomicU64::new(1)));
            let one = scene.spec.build(Interfered { cache: scene.local.clone(), with }, scene.truth.clone());
            let unanswered = tokio::time::timeout(SOON, one.write("a", &price(6))).await;
            assert!(unanswered.is_err());
            assert_eq!(scene.cached().await, Some((2, 6, 0)));
            if crashes && log == Log::Stream {
                drop(one);
                assert_eq!(scene.instance().0.recover().await, Ok(1));
            } else {
                one.drain(BOUND).await.unwrap();
            }
            assert_eq!(scene.truth.a(), (2, 6, 0), "{log:?}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_write_without_an_answer_that_the_cache_did_not_take_leaves_nothing() {
    for log in LOGS {
        let scene = Scene::new(log);
        let (one, way) = scene.instance();
        way.fail(Method::PutDirty, ErrorKind::Timeout, 1);
        assert_eq!(error_of(one.write("a", &price(6)).await), ErrorKind::Timeout);
        assert_eq!(one.write("a", &stock(3)).await, Ok(Some(2)));
        one.drain(BOUND).await.unwrap();
        assert_eq!(scene.truth.a(), (2, 0, 3), "{log:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn dirty_entries_are_never_evicted_and_get_their_time_to_live_back_after_the_flush() {
    for log in LOGS {
        let ids: Vec<String> = (0..20).map(|id| id.to_string()).collect();
        let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
        let scene = Scene { local: local_cache(5), ..Scene::with(spec(log), &ids) };
        let (one, other) = scene.pair();
        for id in &ids[..4] {
            one.write(id, &price(1)).await.unwrap();
        }
        // Far more than there is room for, and for far longer than the time to live.
        scene.truth.state.lock().takes_no_updates = true;
        for _ in 0..3 {
            for id in &ids[4..] {
                other.read(id).await.unwrap();
            }
            tokio::time::sleep(TTL).await;
        }
        assert!(scene.local.statistics().evicted_by_capacity > 0);
        for id in &ids[..4] {
            let read = other.read(id).await.unwrap();
            assert_eq!((read.outcome, read.found.unwrap().0), (ReadOutcome::Hit, 2), "{log:?}");
        }
        scene.truth.state.lock().takes_no_updates = false;
        one.drain(BOUND).await.unwrap();
        tokio::time::sleep(TTL + SOON).await;
        for id in &ids[..4] {
            assert_eq!(scene.local.get(&format!("thing:{id}")).await.unwrap(), None, "{log:?}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn an_entry_that_was_written_again_during_its_flush_stays_dirty() {
    for log in LOGS {
        let scene = Scene::new(log);
        let (one, other) = scene.pair();
        one.write("a", &price(1)).await.unwrap();
        let mut held = scene.truth.hold(Point::AfterCommit);
        tokio::time::sleep(INTERVAL).await;
        held.reached().await;
        other.write("a", &stock(2)).await.unwrap();
        scene.truth.set_down(Some(ErrorKind::Connection));
        held.release();
        tokio::time::sleep(TTL * 2).await;
        assert_eq!(scene.cached().await, Some((3, 1, 2)), "{log:?}");
        scene.truth.set_down(None);
        tokio::time::sleep(INTERVAL * 2).await;
        assert_eq!(scene.truth.a(), (3, 1, 2), "{log:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_cache_full_of_dirty_entries_makes_writes_wait_for_a_flush() {
    for log in LOGS {
        let scene = Scene { local: local_cache(2), ..Scene::with(spec(log), &["a", "b", "c"]) };
        let (one, _) = scene.instance();
        let begun = Instant::now();
        for id in ["a", "b", "c", "a"] {
            one.write(id, &price(1)).await.unwrap();
        }
        assert!(begun.elapsed() < Duration::from_secs(2), "{log:?}: {:?}", begun.elapsed());
        one.drain(BOUND).await.unwrap();
        assert_eq!(["a", "b", "c"].map(|id| scene.truth.price_of(id)), [1, 1, 1], "{log:?}");
    }
}

/// Each try begins with a read of the database, which has enough to do where its flushes lag.
#[tokio::test(start_paused = true)]
async fn a_write_that_waits_for_room_in_a_full_cache_asks_the_database_now_and_then_and_not_all_the_time() {
    for log in LOGS {
        let scene = Scene { local: local_cache(2), ..Scene::with(spec(log), &["a", "b", "c"]) };
        scene.truth.state.lock().takes_no_updates = true;
        let (one, _) = scene.instance();
        for id in ["a", "b"] {
            one.write(id, &price(1)).await.unwrap();
        }
        let loads = || scene.truth.state.lock().loads;
        let before = loads();
        one.write("c", &price(1)).await.unwrap_err();
        assert!(loads() - before < 60, "{log:?}: {} loads in five seconds", loads() - before);
    }
}

#[tokio::test(start_paused = true)]
async fn a_load_that_fails_after_a_write_took_its_tokens_place_does_not_remove_the_write() {
    for log in LOGS {
        let scene = Scene::new(log);
        let (one, other) = scene.pair();
        let one = Arc::new(one);
        let mut held = scene.truth.hold(Point::BeforeRead);
        let reader = spawn({
            let one = Arc::clone(&one);
            async move { one.read("a").await }
        });
        held.reached().await;
        other.write("a", &price(5)).await.unwrap();
        scene.truth.set_down(Some(ErrorKind::Timeout));
        held.release();
        assert!(reader.await.unwrap().is_err(), "{log:?}");
        assert_eq!(scene.cached().await, Some((2, 5, 0)), "{log:?}");
        other.invalidate("a").await.unwrap();
        assert_eq!(scene.cached().await, Some((2, 5, 0)), "{log:?}: and neither does an invalidation");
    }
}

#[tokio::test(start_paused = true)]
async fn a_fill_that_was_loaded_before_a_write_does_not_replace_it() {
    for log in LOGS {
        let scene = Scene::new(log);
        let (one, other) = scene.pair();
        let one = Arc::new(one);
        let mut held = scene.truth.hold(Point::AfterRead);
        let reader = spawn({
            let one = Arc::clone(&one);
            async move { one.read("a").await }
        });
        held.reached().await;
        other.write("a", &price(5)).await.unwrap();
        held.release();
        reader.await.unwrap().unwrap();
        assert_eq!(seen(&*one).await, (2, 5, 0), "{log:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_a_cache_has_forgotten_is_answered_from_and_merged_onto_what_is_still_to_be_flushed() {
    let scene = Scene::new(Log::Memory);
    let (one, other) = scene.pair();
    one.write("a", &price(5)).await.unwrap();
    scene.local.clear();
    assert_eq!(seen(&one).await, (2, 5, 0), "nothing cached");
    scene.local.clear();
    assert_eq!(seen(&other).await, (1, 0, 0), "the other cannot know");
    assert_eq!(seen(&one).await, (2, 5, 0), "something older cached");
    assert_eq!(one.write("a", &stock(3)).await, Ok(Some(3)));
    assert_eq!(seen(&other).await, (3, 5, 3));
    scene.local.clear();
    assert_eq!(one.write("a", &stock(4)).await, Ok(Some(4)));
    one.drain(BOUND).await.unwrap();
    assert_eq!(scene.truth.a(), (4, 5, 4));
}

#[tokio::test(start_paused = true)]
async fn a_flush_clears_what_an_emptied_cache_was_filled_with_before_it() {
    let scene = Scene::new(Log::Memory);
    let (one, other) = scene.pair();
    one.write("a", &price(5)).await.unwrap();
    scene.local.clear();
    assert_eq!(seen(&other).await, (1, 0, 0));
    one.drain(BOUND).await.unwrap();
    assert_eq!(seen(&other).await, (2, 5, 0));
}

#[tokio::test(start_paused = true)]
async fn what_is_flushed_but_not_known_to_be_does_not_hide_what_another_wrote_since() {
    for log in LOGS {
        let scene = Scene::new(log);
        let (one, other) = scene.pair();
        one.write("a", &price(1)).await.unwrap();
        // The database has it, and its answer takes its time.
        let mut held = scene.truth.hold(Point::AfterCommit);
        tokio::time::sleep(INTERVAL).await;
        held.reached().await;
        // Meanwhile another instance writes, flushes, and the clean entry is evicted.
        other.write("a", &price(2)).await.unwrap();
        other.drain(BOUND).await.unwrap();
        scene.local.delete("thing:a").await.unwrap();
        assert_eq!(seen(&one).await, (3, 2, 0), "{log:?}");
        held.release();
    }
}

#[tokio::test(start_paused = true)]
async fn a_cache_that_fails_after_the_flush_is_told_later() {
    for log in LOGS {
        for method in [Method::MarkClean, Method::RemoveRecords] {
            let scene = Scene::new(log);
            let (one, way) = scene.instance();
            one.write("a", &price(1)).await.unwrap();
            way.fail(method, ErrorKind::Timeout, 1);
            tokio::time::sleep(INTERVAL + SOON).await;
            assert_eq!(scene.truth.a(), (2, 1, 0), "{log:?}");
            one.drain(BOUND).await.unwrap();
            assert_eq!(one.backlog(), Backlog::default(), "{log:?} {method:?}");
            tokio::time::sleep(TTL + SOON).await;
            assert_eq!(scene.cached().await, None, "{log:?} {method:?}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_cache_that_fails_a_read_or_a_write_ends_it_in_that_error() {
    let scene = Scene::new(Log::Stream);
    let (one, way) = scene.instance();
    for method in [Method::Get, Method::PlaceToken] {
        way.fail(method, ErrorKind::Connection, 2);
        assert_eq!(one.read("a").await.unwrap_err().kind, ErrorKind::Connection);
        assert_eq!(error_of(one.write("a", &price(1)).await), ErrorKind::Connection);
    }
    assert_eq!(scene.truth.state.lock().loads, 0, "an error is no miss");
}

#[tokio::test(start_paused = true)]
async fn a_document_that_is_not_there_is_not_written() {
    let scene = Scene::new(Log::Stream);
    let (one, _) = scene.instance();
    assert_eq!(one.write("z", &price(1)).await, Ok(None));
    assert_eq!(one.write("z", &price(1)).await, Ok(None));
    assert_eq!(one.read("z").await.unwrap().outcome, ReadOutcome::NegativeHit);
    assert_eq!((scene.truth.state.lock().loads, waiting(&one)), (1, 0));
}

#[tokio::test(start_paused = true)]
async fn an_instance_that_is_dropped_without_a_drain_leaves_no_task() {
    for log in LOGS {
        let scene = Scene::new(log);
        let (one, way) = scene.instance();
        one.write("a", &price(1)).await.unwrap();
        drop(one);
        tokio::time::sleep(SOON).await;
        let calls = way.all_calls();
        tokio::time::sleep(INTERVAL * 10).await;
        assert_eq!(way.all_calls(), calls, "{log:?}");
        assert_eq!(Arc::strong_count(&scene.truth.state), 1, "{log:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_drain_that_is_given_up_leaves_nothing_out() {
    for log in LOGS {
        let scene = Scene::new(log);
        let (one, _) = scene.instance();
        one.write("a", &price(1)).await.unwrap();
        let held = scene.truth.hold(Point::BeforeCommit);
        assert!(tokio::time::timeout(SOON, one.drain(BOUND)).await.is_err(), "{log:?}");
        drop(held);
        one.drain(BOUND).await.unwrap();
        assert_eq!(scene.truth.a(), (2, 1, 0), "{log:?}");
    }
}

// Write-behind: a queue of single writes.

fn in_line() -> write_behind::Spec {
    write_behind::Spec::default()
}

fn line(scene: &Scene, spec: &write_behind::Spec) -> WriteBehind<LocalCache, Truth> {
    spec.build(scene.local.clone(), scene.truth.clone())
}

#[tokio::test(start_paused = true)]
async fn write_behind_flushes_ten_writes_a_second_and_merges_none() {
    let scene = Scene::new(Log::Memory);
    let one = line(&scene, &in_line());
    for value in 1..=35 {
        one.write("a", &price(value)).await.unwrap();
    }
    assert_eq!((waiting(&one), scene.truth.a().0), (35, 1));
    for (seconds, left) in [(1, 25), (2, 15), (3, 5), (4, 0)] {
        tokio::time::sleep(Duration::from_millis(1001)).await;
        assert_eq!(waiting(&one), left, "after {seconds} s");
    }
    assert_eq!(scene.truth.bulks(), [10, 10, 10, 5]);
    assert_eq!(scene.truth.a(), (36, 35, 0));
}

#[tokio::test(start_paused = true)]
async fn write_behind_drains_faster_than_it_flushes_and_bounds_its_queue() {
    let scene = Scene::new(Log::Memory);
    let mut spec = in_line();
    spec.queue.queue_capacity = count(30);
    let one = Arc::new(line(&scene, &spec));
    let begun = Instant::now();
    for value in 1..=60 {
        one.write("a", &price(value)).await.unwrap();
        assert!(waiting(&*one) <= 30);
    }
    assert!(begun.elapsed() >= Duration::from_secs(3), "the other thirty waited for room");
    let begun = Instant::now();
    one.drain(BOUND).await.unwrap();
    assert!(begun.elapsed() < SOON);
    assert_eq!(scene.truth.a(), (61, 60, 0));
}

#[tokio::test(start_paused = true)]
async fn write_behind_loses_its_queue_in_a_crash_and_no_more() {
    let scene = Scene::with(spec(Log::Memory), &["a", "b"]);
    let one = line(&scene, &in_line());
    one.write("a", &price(1)).await.unwrap();
    tokio::time::sleep(Duration::from_secs(2)).await;
    one.write("b", &price(1)).await.unwrap();
    drop(one);
    assert_eq!((scene.truth.price_of("a"), scene.truth.price_of("b")), (1, 0));
    // The cache still has it, and whoever writes next brings it along.
    let other = line(&scene, &in_line());
    other.write("b", &stock(2)).await.unwrap();
    other.drain(BOUND).await.unwrap();
    assert_eq!(scene.truth.price_of("b"), 1);
}

#[test]
fn promises_are_those_of_the_sound_form_and_say_what_a_killed_cache_and_a_crash_take() {
    let said = |promise: &dyn Promise, application_crashes: bool, cache_loses_entries: bool| {
        let longest_load = Duration::from_secs(5);
        promise.guarantee(&Circumstances {
            undisturbed: !application_crashes && !cache_loses_entries,
            application_crashes,
            cache_loses_entries,
            ttl: Some(TTL),
            longest_load,
            cache_out_of_reach: false,
        })
    };
    for log in LOGS {
        let spec = spec(log);
        assert_eq!(said(&spec, true, false), Guarantee::SOUND);
        assert_eq!(said(&spec, false, false), Guarantee::SOUND);
        let lossy = said(&spec, false, true);
        assert_eq!((lossy.staleness, lossy.loss), (Staleness::UntilEvicted, Loss::CachePersistence));
        assert_eq!(spec.control().is_some(), log == Log::Memory);
        assert!(spec.needs().no_eviction_of_dirty);
    }
    let crashed = said(&in_line(), true, false);
    assert_eq!((crashed.staleness, crashed.loss), (Staleness::None, Loss::Backlog { most: 10_000 }));
    assert_eq!(said(&in_line(), false, false), Guarantee::SOUND);
    let both = said(&in_line(), true, true);
    assert_eq!(both.loss, Loss::CachePersistenceAndBacklog { most: 10_000 });
}

// A random simulation.

const KEYS: [&str; 5] = ["a", "b", "c", "d", "e"];

/// Delays every call of the cache on its way there and back.
impl Interference for Draws {
    async fn before(&self, _method: Method) -> Result<(), StoreError> {
        self.wait(4).await;
        Ok(())
    }

    async fn after(&self, _method: Method) {
        self.wait(4).await;
    }
}

/// A slow database, which now and then is not there.
#[derive(Debug, Clone)]
struct Far {
    truth: Truth,
    draws: Draws,
}

impl Far {
    async fn around<T>(
        &self,
        call: impl Future<Output = Result<T, StoreError>> + Send,
    ) -> Result<T, StoreError> {
        self.draws.wait(10).await;
        if self.draws.below(40) == 0 {
            return Err(StoreError::new(ErrorKind::Connection, "not there"));
        }
        let answer = call.await;
        self.draws.wait(30).await;
        if self.draws.below(40) == 0 {
            return Err(StoreError::new(ErrorKind::Timeout, "the answer was lost"));
        }
        answer
    }
}

impl Source for Far {
    fn kind(&self) -> &Keyspace {
        self.truth.kind()
    }

    async fn load(&self, id: &str) -> Result<Option<Document>, StoreError> {
        self.around(self.truth.load(id)).await
    }

    async fn update(&self, id: &str, patch: &Patch) -> Result<Option<Document>, StoreError> {
        self.truth.update(id, patch).await
    }

    async fn update_many(&self, items: &[BulkItem]) -> Result<Vec<Result<bool, StoreError>>, StoreError> {
        self.around(self.truth.update_many(items)).await
    }
}

/// By key and field, the version that set it last and its value.
type Last = HashMap<(usize, &'static str), (Version, i64)>;

#[derive(Default)]
struct History {
    last: Last,
    newest: HashMap<usize, Version>,
    reads: u64,
    hits: u64,
    stale: u64,
    missing: u64,
}

async fn client(instance: Arc<impl Strategy>, draws: Draws, history: Arc<Mutex<History>>, number: i64) {
    for operation in 0..150 {
        draws.wait(10).await;
        let key = draws.below(2 * KEYS.len() as u64) as usize;
        let key = if key < KEYS.len() { key } else { 0 };
        if draws.below(3) == 0 {
            let value = number * 1000 + operation;
            let (field, patch) =
                if draws.below(2) == 0 { ("price", price(value)) } else { ("stock", stock(value)) };
            if let Ok(version) = instance.write(KEYS[key], &patch).await {
                let version = version.expect("the documents are never deleted");
                let mut history = history.lock();
                let last = history.last.entry((key, field)).or_default();
                *last = (*last).max((version, value));
                let newest = history.newest.entry(key).or_default();
                *newest = version.max(*newest);
            }
        } else {
            let (least, acknowledged) = {
                let history = history.lock();
                (history.newest.get(&key).copied().unwrap_or(0), history.last.clone())
            };
            if let Ok(Read { found, outcome }) = instance.read(KEYS[key]).await {
                let (version, document) = found.expect("the documents are never deleted");
                let mut history = history.lock();
                history.reads += 1;
                history.hits += u64::from(outcome == ReadOutcome::Hit);
                history.stale += u64::from(version < least);
                // A field is as it was last acknowledged, or as somebody has written it since.
                history.missing += u64::from(["price", "stock"].iter().any(|field| {
                    let (set_at, value) = acknowledged.get(&(key, *field)).copied().unwrap_or((1, 0));
                    version == set_at && document.integer(field) != Some(value)
                }));
            }
        }
    }
}

async fn simulate<S: Strategy>(
    seed: u64,
    entries: u64,
    build: impl Fn(Interfered<LocalCache, Draws>, Far) -> S,
) -> (History, Truth) {
    let draws = Draws::new(seed);
    let local = local_cache(entries);
    let truth = Truth::of(KEYS);
    let far = Far { truth: truth.clone(), draws: draws.clone() };
    let history: Arc<Mutex<History>> = Arc::default();
    let instances: Vec<_> = (0..2)
        .map(|_| Arc::new(build(Interfered { cache: local.clone(), with: draws.clone() }, far.clone())))
        .collect();
    let clients: Vec<_> = (0..8_i64)
        .map(|number| {
            let instance = Arc::clone(&instances[number as usize % 2]);
            spawn(client(instance, draws.clone(), Arc::clone(&history), number))
        })
        .collect();
    for client in clients {
        client.await.expect("a client does not panic");
    }
    for instance in &instances {
        instance.drain(Duration::from_mins(5)).await.expect("the database answers now and then");
        assert_eq!(instance.backlog(), Backlog::default());
    }
    // Some client's end is the last holder of the history.
    let history = std::mem::take(&mut *history.lock());
    (history, truth)
}

fn check(said: &str, (history, truth): &(History, Truth)) {
    assert!(history.reads > 500 && history.hits > 100, "{said}: {} reads", history.reads);
    assert_eq!((history.stale, history.missing), (0, 0), "{said}: of {} reads", history.reads);
    assert!(history.last.len() == 2 * KEYS.len(), "{said}: every field was written");
    for ((key, field), (_, value)) in &history.last {
        let state = truth.state.lock();
        let held = state.documents[KEYS[*key]].integer(field);
        assert_eq!(held, Some(*value), "{said}: {field} of {}", KEYS[*key]);
    }
}

#[tokio::test(start_paused = true)]
async fn no_interleaving_loses_a_write_or_returns_less_than_was_acknowledged() {
    for seed in 1..=8 {
        // A cache with room for all, and one that is often full of what it may not evict.
        for entries in [100, 3] {
            for log in LOGS {
                let mut spec = spec(log);
                spec.own.batch_size = count(2);
                spec.own.flush_interval = Positive::millis(100);
                let simulated = simulate(seed, entries, |cache, far| spec.build(cache, far)).await;
                check(&format!("{log:?}, seed {seed}, {entries} entries"), &simulated);
            }
            let mut spec = in_line();
            spec.own.interval = Positive::millis(100);
            let simulated = simulate(seed, entries, |cache, far| spec.build(cache, far)).await;
            check(&format!("in line, seed {seed}, {entries} entries"), &simulated);
        }
    }
}
