//! Two instances with four clients each over a few keys and a cache too small for them, every call
//! of a store taking as long as a seeded draw says; no read that begins after an acknowledgement may
//! return an older version. The paused clock runs one task at a time in the order of the delays, so
//! that a seed is an interleaving.

use std::time::Duration;

use super::*;
use crate::scenario::Positive;
use crate::store::Version;
use crate::strategy::{Read, ReadOutcome, Strategy, WriteError};

const KEYS: [&str; 4] = ["a", "b", "c", "d"];
const CLIENTS: usize = 4;
const OPERATIONS: usize = 400;

/// Delays every call on its way there and back, and loses some.
#[derive(Debug, Clone)]
struct Network {
    draws: Draws,
    /// Of a thousand calls, how many are lost on their way there.
    lost_per_mille: u64,
}

impl Interference for Network {
    async fn before(&self, _method: Method) -> Result<(), StoreError> {
        self.draws.wait(4).await;
        if self.draws.below(1000) < self.lost_per_mille {
            return Err(StoreError::new(ErrorKind::Timeout, "lost on its way"));
        }
        Ok(())
    }

    async fn after(&self, _method: Method) {
        self.draws.wait(4).await;
    }
}

/// A source whose loads and updates take their time, before and after they have seen the documents.
#[derive(Debug, Clone)]
struct Distant {
    source: ScriptedSource,
    draws: Draws,
}

impl Source for Distant {
    fn kind(&self) -> &Keyspace {
        self.source.kind()
    }

    async fn load(&self, id: &str) -> Result<Option<Document>, StoreError> {
        self.draws.wait(8).await;
        let loaded = self.source.load(id).await;
        self.draws.wait(20).await;
        loaded
    }

    async fn update(&self, id: &str, patch: &Patch) -> Result<Option<Document>, StoreError> {
        self.draws.wait(8).await;
        let updated = self.source.update(id, patch).await;
        self.draws.wait(12).await;
        updated
    }

    async fn update_many(&self, items: &[BulkItem]) -> Result<Vec<Result<bool, StoreError>>, StoreError> {
        self.source.update_many(items).await
    }
}

/// One thing that a client saw, in the order in which things happened.
#[derive(Debug, Clone, Copy)]
enum Seen {
    Acknowledged { key: usize, version: Version, at: u64 },
    Read { key: usize, version: Version, begun: u64 },
}

/// The reads that returned less than had been acknowledged when they began, and how many reads there
/// were. Every read is held against every write.
fn stale_reads(history: &[Seen]) -> (usize, usize) {
    let (mut stale, mut reads) = (0, 0);
    for seen in history {
        let Seen::Read { key, version, begun } = *seen else { continue };
        reads += 1;
        let is_stale = history.iter().any(|other| match *other {
            Seen::Acknowledged { key: written, version: acknowledged, at } => {
                written == key && at < begun && acknowledged > version
            }
            Seen::Read { .. } => false,
        });
        stale += usize::from(is_stale);
    }
    (stale, reads)
}

type FarCache = Interfered<LocalCache, Network>;

/// The disturbances of a simulation besides the order of things.
#[derive(Debug, Clone, Copy)]
struct Trouble {
    lost_per_mille: u64,
    clears: bool,
}

const PEACE: Trouble = Trouble { lost_per_mille: 0, clears: false };
const TROUBLE: Trouble = Trouble { lost_per_mille: 30, clears: true };

async fn simulate<S: Strategy>(
    seed: u64,
    trouble: Trouble,
    build: impl Fn(FarCache, Distant) -> S,
) -> (usize, usize) {
    let draws = Draws::new(seed);
    // Room for half of the keys, tokens among them: evictions all the time.
    let local = local_cache(KEYS.len() as u64 / 2);
    let source =
        Distant { source: ScriptedSource::of(&KEYS, Some(Duration::from_millis(200))), draws: draws.clone() };
    let history: Arc<Mutex<Vec<Seen>>> = Arc::default();
    let clock = Arc::new(AtomicU64::new(0));
    let mut clients = Vec::new();
    for _ in 0..2 {
        let network = Network { draws: draws.clone(), lost_per_mille: trouble.lost_per_mille };
        let strategy = Arc::new(build(Interfered { cache: local.clone(), with: network }, source.clone()));
        for _ in 0..CLIENTS {
            let (strategy, draws) = (Arc::clone(&strategy), draws.clone());
            let (history, clock, local) = (Arc::clone(&history), Arc::clone(&clock), local.clone());
            clients.push(spawn(async move {
                for _ in 0..OPERATIONS {
                    draws.wait(10).await;
                    if trouble.clears && draws.below(100) == 0 {
                        local.clear();
                    }
                    // Half of all operations go to one key.
                    let key = (draws.below(2 * KEYS.len() as u64) as usize) % (KEYS.len() * 2);
                    let key = if key < KEYS.len() { key } else { 0 };
                    let begun = clock.fetch_add(1, Ordering::Relaxed);
                    if draws.below(5) == 0 {
                        let value = draws.below(1000).cast_signed();
                        if let Ok(version) = strategy.write(KEYS[key], &price(value)).await {
                            let version = version.expect("the documents are never deleted");
                            let at = clock.fetch_add(1, Ordering::Relaxed);
                            history.lock().push(Seen::Acknowledged { key, version, at });
                        }
                    } else if let Ok(read) = strategy.read(KEYS[key]).await {
                        let (version, _) = read.found.expect("the documents are never deleted");
                        history.lock().push(Seen::Read { key, version, begun });
                    }
                }
            }));
        }
    }
    for client in clients {
        client.await.expect("a client does not panic");
    }
    let history = history.lock();
    stale_reads(&history)
}

/// Tokens that stand for less than some loads take, so that they expire under way.
fn short_lived() -> CachingSettings {
    CachingSettings { token_ttl: Positive::millis(20), ..CachingSettings::default() }
}

/// Cache-aside as the textbooks have it: whoever missed puts into the cache what it has loaded.
struct Naive {
    cache: FarCache,
    source: Distant,
}

impl Strategy for Naive {
    async fn insert(&self, _entity: &Document) -> Result<Option<Version>, WriteError> {
        Err(StoreError::new(ErrorKind::Unavailable, "nothing is inserted here").into())
    }

    async fn delete(&self, _id: &str) -> Result<Option<Version>, WriteError> {
        Err(StoreError::new(ErrorKind::Unavailable, "nothing is deleted here").into())
    }

    async fn read(&self, id: &str) -> Result<Read, StoreError> {
        let key = self.source.kind().key(id);
        if let Some(Entry::Document { version, document, .. }) = self.cache.get(&key).await? {
            return Ok(Read { outcome: ReadOutcome::Hit, found: Some((version, document)) });
        }
        let loaded = self.source.load(id).await?;
        if let Some(document) = &loaded {
            self.cache.set(&key, &Entry::of(document.clone()), self.source.kind().ttl_of_key(&key)).await?;
        }
        Ok(Read::loaded(ReadOutcome::Miss, loaded))
    }

    async fn write(&self, id: &str, patch: &Patch) -> Result<Option<Version>, WriteError> {
        let written = self.source.update(id, patch).await?;
        self.cache.delete(&self.source.kind().key(id)).await?;
        Ok(written.as_ref().map(Document::version))
    }

    async fn invalidate(&self, id: &str) -> Result<(), StoreError> {
        self.cache.delete(&self.source.kind().key(id)).await.map(|_| ())
    }

    async fn drain(&self, _bound: Duration) -> Result<(), StoreError> {
        Ok(())
    }
}

#[tokio::test(start_paused = true)]
async fn no_interleaving_lets_a_sound_strategy_return_less_than_was_acknowledged() {
    for caching in [CachingSettings::default(), short_lived()] {
        for spec in sound_forms(&caching) {
            for seed in 1..=5 {
                for trouble in [PEACE, TROUBLE] {
                    let (stale, reads) =
                        simulate(seed, trouble, |cache, source| spec.build(cache, source)).await;
                    let said = format!("{} seed {seed} {trouble:?}", spec.name());
                    assert_eq!(stale, 0, "{said} {:?}: of {reads} reads", spec.show());
                    assert!(reads > 2 * CLIENTS * OPERATIONS / 2, "{said}: only {reads} reads were answered");
                }
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_fill_without_a_token_is_caught_by_the_same_check() {
    for seed in 1..=5 {
        let (stale, reads) = simulate(seed, PEACE, |cache, source| Naive { cache, source }).await;
        assert!(stale > 0, "seed {seed}: none of {reads} reads was stale");
    }
}

#[tokio::test(start_paused = true)]
async fn a_seed_is_an_interleaving() {
    let naive = |seed| simulate(seed, PEACE, |cache, source| Naive { cache, source });
    assert_eq!(naive(7).await, naive(7).await);
}
