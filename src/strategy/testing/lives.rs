//! Documents that are inserted and deleted: what was deleted is not served after that, and what was inserted is not
//! missing after that, whatever reads and writes are under way.

use std::collections::HashMap;

use super::draws::Draws;
use super::*;
use crate::application::lives::Lives;
use crate::base::lives::{NOT_YET, end_of_life, is_absence};
use crate::scenario::Positive;
use crate::strategy::behind::QueueSettings;
use crate::strategy::cache_behind::{self, Log};
use crate::strategy::{Strategy, write_behind};

const KEYS: [&str; 3] = ["a", "b", "c"];

/// A database that takes its time, and updates what is there alone and only by what is newer.
#[derive(Debug, Clone)]
struct Living {
    kind: Arc<Keyspace>,
    documents: Arc<Mutex<HashMap<String, Document>>>,
    draws: Draws,
}

fn document(id: &str, version: Version) -> Document {
    Document::from_raw(rawdoc! { "_id": id, "price": 0_i64, "_v": version.cast_signed() })
}

impl Living {
    /// With all documents but the last.
    fn new(draws: Draws) -> Self {
        let kind =
            Keyspace { key_prefix: "thing:".into(), ttl: Some(Duration::from_millis(300)).into(), tags: 0 };
        let documents = KEYS[..KEYS.len() - 1].iter().map(|id| ((*id).to_owned(), document(id, 1))).collect();
        Self { kind: Arc::new(kind), documents: Arc::new(Mutex::new(documents)), draws }
    }

    /// Carries out a change some time after it was asked for, and answers some time after that.
    async fn change<T>(&self, change: impl FnOnce(&mut HashMap<String, Document>) -> T) -> T {
        self.draws.wait(10).await;
        let answer = change(&mut self.documents.lock());
        self.draws.wait(30).await;
        answer
    }
}

impl Source for Living {
    fn kind(&self) -> &Keyspace {
        &self.kind
    }

    async fn load(&self, id: &str) -> Result<Option<Document>, StoreError> {
        Ok(self.change(|documents| documents.get(id).cloned()).await)
    }

    async fn update(&self, id: &str, patch: &Patch) -> Result<Option<Document>, StoreError> {
        let update = |documents: &mut HashMap<String, Document>| {
            let Some(document) = documents.get_mut(id) else { return Ok(None) };
            *document = document.merged(patch, document.version() + 1)?;
            Ok(Some(document.clone()))
        };
        self.change(update).await
    }

    async fn insert(&self, entity: &Document) -> Result<bool, StoreError> {
        let id = entity.id().unwrap().to_owned();
        let insert = |documents: &mut HashMap<String, Document>| {
            let is_new = !documents.contains_key(&id);
            documents.entry(id).or_insert_with(|| entity.clone());
            is_new
        };
        Ok(self.change(insert).await)
    }

    async fn delete(&self, id: &str) -> Result<Option<Document>, StoreError> {
        Ok(self.change(|documents| documents.remove(id)).await)
    }

    async fn update_many(&self, items: &[BulkItem]) -> Result<Vec<Result<bool, StoreError>>, StoreError> {
        let update = |documents: &mut HashMap<String, Document>, item: &BulkItem| {
            let version = item.version.expect("who writes behind says the version");
            match documents.get_mut(&item.id) {
                Some(document) if document.version() < version => {
                    *document = document.merged(&item.patch, version)?;
                    Ok(true)
                }
                _ => Ok(false),
            }
        };
        Ok(self.change(|documents| items.iter().map(|item| update(documents, item)).collect()).await)
    }
}

/// The calls of a cache take as long as is drawn.
#[derive(Debug, Clone)]
struct Slow(Draws);

impl Interference for Slow {
    async fn before(&self, _method: Method) -> Result<(), StoreError> {
        self.0.wait(6).await;
        Ok(())
    }

    async fn after(&self, _method: Method) {
        self.0.wait(6).await;
    }
}

/// What has happened, with times that count events.
#[derive(Debug, Default)]
struct History {
    clock: u64,
    /// By key, each version that was acknowledged and when.
    acknowledged: [Vec<(Version, u64)>; KEYS.len()],
    /// By key, when each delete began, and the version of the absence that it left, where it has ended.
    deletes: [Vec<(u64, Option<Version>)>; KEYS.len()],
    reads: u64,
    /// Reads that found nothing.
    absent: u64,
    wrong: Vec<String>,
}

impl History {
    fn tick(&mut self) -> u64 {
        self.clock += 1;
        self.clock
    }

    fn acknowledge(&mut self, key: usize, version: Version) {
        let at = self.tick();
        self.acknowledged[key].push((version, at));
    }

    /// Judges a read that ends now.
    fn judge(&mut self, key: usize, begun: u64, seen: Option<Version>) {
        let at_first = if key + 1 == KEYS.len() { NOT_YET } else { 1 };
        let before = self.acknowledged[key].iter().filter(|(_, at)| *at < begun);
        let newest = before.map(|(version, _)| *version).fold(at_first, Version::max);
        let is_right = match seen {
            Some(version) => version >= newest,
            // A delete that has not ended may have been carried out.
            None => {
                is_absence(newest)
                    || self.deletes[key].iter().any(|(_, left)| left.is_none_or(|left| left > newest))
            }
        };
        self.reads += 1;
        self.absent += u64::from(seen.is_none());
        if !is_right {
            self.wrong.push(format!("{} begun at {begun}: {seen:?} and not {newest}", KEYS[key]));
        }
    }
}

async fn client(instance: Arc<impl Strategy>, draws: Draws, lives: Arc<Lives>, history: Arc<Mutex<History>>) {
    for _ in 0..150 {
        draws.wait(10).await;
        let key = draws.below(KEYS.len() as u64) as usize;
        let id = KEYS[key];
        match draws.below(10) {
            0 | 1 => {
                if let Some(version) = instance.write(id, &price(7)).await.expect("the stores answer") {
                    history.lock().acknowledge(key, version);
                }
            }
            2 | 3 => {
                let Some(version) = lives.begin(key as u64) else { continue };
                let inserted = instance.insert(&document(id, version)).await.expect("the stores answer");
                if inserted.is_some() {
                    history.lock().acknowledge(key, version);
                }
                lives.end(key as u64);
            }
            4 => {
                let number = {
                    let mut history = history.lock();
                    let at = history.tick();
                    history.deletes[key].push((at, None));
                    history.deletes[key].len() - 1
                };
                let deleted = instance.delete(id).await.expect("the stores answer");
                let mut history = history.lock();
                // One that found nothing has left nothing.
                history.deletes[key][number].1 = Some(deleted.map_or(0, end_of_life));
                if let Some(last) = deleted {
                    history.acknowledge(key, end_of_life(last));
                }
            }
            _ => {
                let begun = history.lock().tick();
                let read = instance.read(id).await.expect("the stores answer");
                history.lock().judge(key, begun, read.found.map(|(version, _)| version));
            }
        }
    }
}

/// Two instances with four clients each; every call takes as long as a seeded draw says, so that a seed is an
/// interleaving. In the end both stores agree.
async fn simulate<S: Strategy>(
    said: &str,
    seed: u64,
    build: impl Fn(Interfered<LocalCache, Slow>, Living) -> S,
) {
    let draws = Draws::new(seed);
    let (local, source) = (local_cache(100), Living::new(draws.clone()));
    let (lives, history) = (Arc::<Lives>::default(), Arc::<Mutex<History>>::default());
    let instances: [_; 2] = std::array::from_fn(|_| {
        Arc::new(build(Interfered { cache: local.clone(), with: Slow(draws.clone()) }, source.clone()))
    });
    let clients: Vec<_> = (0..8)
        .map(|number| {
            let instance = Arc::clone(&instances[number % 2]);
            spawn(client(instance, draws.clone(), Arc::clone(&lives), Arc::clone(&history)))
        })
        .collect();
    for client in clients {
        client.await.expect("a client does not panic");
    }
    for instance in &instances {
        instance.drain(Duration::from_mins(5)).await.expect("the stores answer");
    }
    let history = std::mem::take(&mut *history.lock());
    assert_eq!(history.wrong, Vec::<String>::new(), "{said}, seed {seed}: of {} reads", history.reads);
    assert!(history.reads > 500 && history.absent > 50, "{said}: {} {}", history.reads, history.absent);
    for id in KEYS {
        let stored = source.documents.lock().get(id).map(Document::version);
        match local.get(&format!("thing:{id}")).await.expect("a local cache does not fail") {
            Some(Entry::Document { version, .. }) => {
                assert_eq!(Some(version), stored, "{said}, {seed}: {id}");
            }
            Some(Entry::Absent) => assert_eq!(stored, None, "{said}, seed {seed}: {id}"),
            Some(Entry::Token(_)) | None => {}
        }
    }
}

const SEEDS: std::ops::RangeInclusive<u64> = 1..=6;

#[tokio::test(start_paused = true)]
async fn no_interleaving_serves_what_was_deleted_or_misses_what_was_inserted() {
    for spec in sound_forms(&CachingSettings::default()) {
        for seed in SEEDS {
            let said = format!("{} {:?}", spec.name(), spec.show());
            simulate(&said, seed, |cache, source| spec.build(cache, source)).await;
        }
    }
}

fn behind(log: Log) -> cache_behind::Spec {
    let own =
        cache_behind::Own { log, flush_interval: Positive::millis(100), ..cache_behind::Own::default() };
    cache_behind::Spec { own, queue: QueueSettings::default() }
}

#[tokio::test(start_paused = true)]
async fn what_is_written_behind_and_deleted_is_not_served_and_comes_back_with_no_flush() {
    for seed in SEEDS {
        for log in [Log::Memory, Log::Stream] {
            let said = format!("cache-behind, log {log:?}");
            simulate(&said, seed, |cache, source| behind(log).build(cache, source)).await;
        }
        let own = write_behind::Own { interval: Positive::millis(20), ..write_behind::Own::default() };
        let spec = write_behind::Spec { own, queue: QueueSettings::default() };
        simulate("write-behind", seed, |cache, source| spec.build(cache, source)).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_load_that_found_nothing_before_an_insert_leaves_no_mark_of_an_absence_after_it() {
    for spec in sound_forms(&CachingSettings::default()) {
        let pair = Pair::of(&spec);
        pair.source.remove("a");
        let mut slow = pair.source.hold(Point::AfterRead);
        let reader = read_of(&pair.instances[0]);
        slow.reached().await;
        let inserted = pair.instances[1].insert(&document("a", 1 << 20)).await;
        assert_eq!(inserted, Ok(Some(1 << 20)), "{}", pair.form);
        slow.release();
        assert_eq!(reader.await.unwrap().unwrap().found, None, "{}", pair.form);
        for instance in &pair.instances {
            assert_eq!(version_read(instance).await, Some(1 << 20), "{}", pair.form);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_write_that_is_settled_after_a_delete_brings_nothing_back() {
    for spec in sound_forms(&CachingSettings::default()) {
        for is_absence_cached in [false, true] {
            let pair = Pair::of(&spec);
            let mut late = pair.source.hold(Point::AfterCommit);
            let write = write_of(&pair.instances[0], 5);
            late.reached().await;
            assert_eq!(pair.instances[1].delete("a").await, Ok(Some(2)), "{}", pair.form);
            if is_absence_cached {
                assert_eq!(version_read(&pair.instances[1]).await, None, "{}", pair.form);
            }
            late.release();
            assert_eq!(write.await.unwrap(), Ok(Some(2)), "{}", pair.form);
            for instance in &pair.instances {
                assert_eq!(version_read(instance).await, None, "{} {is_absence_cached}", pair.form);
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_there_is_not_inserted_and_what_is_not_there_is_not_deleted() {
    for spec in sound_forms(&CachingSettings::default()) {
        let pair = Pair::of(&spec);
        let [one, other] = &pair.instances;
        assert_eq!(one.insert(&document("a", 1 << 20)).await, Ok(None), "{}", pair.form);
        assert_eq!(version_read(other).await, Some(1), "{}", pair.form);
        assert_eq!(one.delete("none").await, Ok(None), "{}", pair.form);
        assert_eq!(other.delete("a").await, Ok(Some(1)), "{}", pair.form);
        assert_eq!(one.delete("a").await, Ok(None), "{}", pair.form);
    }
}
