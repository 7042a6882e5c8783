//! A source behind a service with a latency, which has at most one load of the same entity under way.
//!
//! A caller that arrives while a load of the same entity is under way must not be given that load's answer:
//! it may have read before a write that some instance acknowledged before the caller began. So the caller
//! waits for the load *after* the one under way, and all callers that arrive until it begins share it.
//! However many callers there are, an instance has one load of an entity under way and one to come, and every
//! answer was read after its caller had asked.

use std::collections::HashMap;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use compact_str::CompactString;
use parking_lot::Mutex;
use tokio::sync::watch;

use super::{Keyspace, Source};
use crate::base::clock;
use crate::store::{BulkItem, ChangeFeed, Document, Patch, StoreError};

type Loaded = Result<Option<Document>, StoreError>;
type Landing = watch::Receiver<Option<Loaded>>;

/// A source behind a service: each call takes `latency` longer, half of it on the way there and half on the
/// way back. Clones share their loads. A caller may first have to wait for a load that is already under way.
#[derive(Debug, Clone)]
pub struct Service<S> {
    inner: S,
    latency: Duration,
    loads: Arc<Loads>,
}

impl<S> Service<S> {
    /// Puts a source behind a service.
    #[must_use]
    pub fn new(inner: S, latency: Duration) -> Self {
        Self { inner, latency, loads: Arc::default() }
    }

    // The call is boxed to keep the future of every operation small; beside such a latency, an allocation is
    // cheap.
    async fn serve<T, F: Future<Output = T>>(&self, call: impl FnOnce() -> F) -> T {
        if self.latency.is_zero() {
            return Box::pin(call()).await;
        }
        clock::sleep(self.latency / 2).await;
        let answer = Box::pin(call()).await;
        clock::sleep(self.latency.saturating_sub(self.latency / 2)).await;
        answer
    }
}

impl<S: Source> Source for Service<S> {
    fn kind(&self) -> &Keyspace {
        self.inner.kind()
    }

    async fn load(&self, id: &str) -> Result<Option<Document>, StoreError> {
        Box::pin(self.loads.share(id, || self.serve(|| self.inner.load(id)))).await
    }

    async fn update(&self, id: &str, patch: &Patch) -> Result<Option<Document>, StoreError> {
        self.serve(|| self.inner.update(id, patch)).await
    }

    async fn insert(&self, entity: &Document) -> Result<bool, StoreError> {
        self.serve(|| self.inner.insert(entity)).await
    }

    async fn delete(&self, id: &str) -> Result<Option<Document>, StoreError> {
        self.serve(|| self.inner.delete(id)).await
    }

    async fn related(&self, id: &str, most: u64) -> Result<Vec<String>, StoreError> {
        self.serve(|| self.inner.related(id, most)).await
    }

    async fn changes(&self) -> Result<ChangeFeed, StoreError> {
        self.inner.changes().await
    }

    async fn update_many(&self, items: &[BulkItem]) -> Result<Vec<Result<bool, StoreError>>, StoreError> {
        self.serve(|| self.inner.update_many(items)).await
    }
}

/// The loads that are under way or to come, for all entities.
#[derive(Debug, Default)]
struct Loads(Mutex<Lines>);

#[derive(Debug, Default)]
struct Lines {
    of: HashMap<CompactString, Line>,
    last: u64,
}

/// The loads of one entity: one that has begun or is just about to, and one that begins when that has ended.
#[derive(Debug)]
struct Line {
    under_way: Load,
    to_come: Option<Load>,
}

#[derive(Debug)]
struct Load {
    number: u64,
    landing: Landing,
}

/// The part that a caller plays in a load.
enum Role<'a> {
    /// It loads at once.
    Now(Loader<'a>),
    /// It loads when the load that is under way has ended.
    Next(Loader<'a>, Landing),
    /// It waits for another caller's load, which has not begun yet.
    Wait(Landing),
}

impl Loads {
    async fn share<F: Future<Output = Loaded>>(&self, id: &str, load: impl Fn() -> F) -> Loaded {
        loop {
            let mut mine = match self.ask(id) {
                Role::Now(loader) => loader,
                Role::Next(loader, mut under_way) => {
                    // This caller only waits for it to end. It cannot use the answer, nor does it matter
                    // whether there is one.
                    let _ = under_way.wait_for(Option::is_some).await;
                    loader
                }
                Role::Wait(mut landing) => {
                    if let Ok(loaded) = landing.wait_for(Option::is_some).await
                        && let Some(loaded) = loaded.clone()
                    {
                        return loaded;
                    }
                    // The caller that was to load has given up, so ask again.
                    continue;
                }
            };
            let loaded = load().await;
            mine.loaded = Some(loaded.clone());
            return loaded;
        }
    }

    fn ask(&self, id: &str) -> Role<'_> {
        let mut lines = self.0.lock();
        if let Some(Line { to_come: Some(to_come), .. }) = lines.of.get(id) {
            return Role::Wait(to_come.landing.clone());
        }
        lines.last += 1;
        let number = lines.last;
        let (landed, landing) = watch::channel(None);
        let load = Load { number, landing };
        let loader = Loader { all: self, id: id.into(), number, landed, loaded: None };
        if let Some(line) = lines.of.get_mut(id) {
            line.to_come = Some(load);
            Role::Next(loader, line.under_way.landing.clone())
        } else {
            lines.of.insert(id.into(), Line { under_way: load, to_come: None });
            Role::Now(loader)
        }
    }
}

/// The caller that loads. When it has loaded, or has given up at whatever point, the next load begins and can
/// no longer be joined; only then do those who wait get the answer.
struct Loader<'a> {
    all: &'a Loads,
    id: CompactString,
    number: u64,
    landed: watch::Sender<Option<Loaded>>,
    loaded: Option<Loaded>,
}

impl Drop for Loader<'_> {
    fn drop(&mut self) {
        let mut lines = self.all.0.lock();
        let Some(line) = lines.of.get_mut(&self.id) else { return };
        if line.under_way.number != self.number {
            // This load was given up before it began.
            line.to_come.take_if(|load| load.number == self.number);
        } else if let Some(next) = line.to_come.take() {
            line.under_way = next;
        } else {
            lines.of.remove(&self.id);
        }
        drop(lines);
        if let Some(loaded) = self.loaded.take() {
            self.landed.send_replace(Some(loaded));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

    use super::*;
    use crate::base::clock::Instant;
    use crate::store::ErrorKind;
    use mongodb::bson::rawdoc;

    const LATENCY: Duration = Duration::from_millis(100);

    /// Answers with the number of updates so far, and counts its loads.
    #[derive(Debug, Clone)]
    struct Counted(Arc<Counts>);

    #[derive(Debug)]
    struct Counts {
        kind: Keyspace,
        loads: AtomicU32,
        updates: AtomicU32,
        fails: bool,
    }

    impl Source for Counted {
        fn kind(&self) -> &Keyspace {
            &self.0.kind
        }
        async fn load(&self, id: &str) -> Result<Option<Document>, StoreError> {
            self.0.loads.fetch_add(1, Relaxed);
            if self.0.fails {
                return Err(StoreError::new(ErrorKind::Unavailable, "closed"));
            }
            let version = i64::from(self.0.updates.load(Relaxed));
            Ok(Some(Document::from_raw(rawdoc! { "_id": id, "_v": version })))
        }
        async fn update(&self, _: &str, _: &Patch) -> Result<Option<Document>, StoreError> {
            self.0.updates.fetch_add(1, Relaxed);
            Ok(None)
        }
        async fn update_many(&self, _: &[BulkItem]) -> Result<Vec<Result<bool, StoreError>>, StoreError> {
            Ok(Vec::new())
        }
    }

    fn service(fails: bool) -> (Service<Counted>, Arc<Counts>) {
        let kind = Keyspace { key_prefix: "permissions:".into(), ttl: None.into(), tags: 0 };
        let counts = Arc::new(Counts { kind, loads: 0.into(), updates: 0.into(), fails });
        (Service::new(Counted(Arc::clone(&counts)), LATENCY), counts)
    }

    /// Loads after `after` milliseconds; returns the loaded version and the milliseconds since `start`.
    async fn ask(service: &Service<Counted>, after: u64, start: Instant) -> (u64, u128) {
        clock::sleep(Duration::from_millis(after)).await;
        let loaded = service.load("7").await.unwrap().unwrap();
        (loaded.version(), start.elapsed().as_millis())
    }

    #[tokio::test(start_paused = true)]
    async fn a_call_takes_the_latency_and_no_less() {
        let (service, _) = service(false);
        let start = clock::now();
        service.load("7").await.unwrap();
        assert_eq!(start.elapsed(), LATENCY);
        service.update("7", &Patch::new()).await.unwrap();
        assert_eq!(start.elapsed(), LATENCY * 2);
    }

    #[tokio::test(start_paused = true)]
    async fn who_asks_while_a_load_is_under_way_shares_the_one_after_it_and_loads_of_others_are_not_held_up()
    {
        let (service, counts) = service(false);
        let start = clock::now();
        let answers = tokio::join!(
            ask(&service, 0, start),
            ask(&service, 1, start),
            ask(&service, 60, start),
            ask(&service, 99, start),
            async {
                service.load("8").await.unwrap();
                start.elapsed()
            },
        );
        assert_eq!([answers.0.1, answers.1.1, answers.2.1, answers.3.1], [100, 200, 200, 200]);
        assert_eq!(answers.4, LATENCY);
        assert_eq!(counts.loads.load(Relaxed), 3);
        assert!(service.loads.0.lock().of.is_empty());
    }

    #[tokio::test(start_paused = true)]
    async fn nobody_is_given_what_was_read_before_he_asked_whoever_wrote_meanwhile() {
        let (service, counts) = service(false);
        let start = clock::now();
        // The first load reads at 50 and the second at 150; another client writes at 60 and at 160.
        let writes = async {
            for at in [60, 160] {
                clock::sleep_until(start + Duration::from_millis(at)).await;
                counts.updates.fetch_add(1, Relaxed);
            }
        };
        let ((), first, second, third) = tokio::join!(
            writes,
            ask(&service, 0, start),
            ask(&service, 70, start),
            ask(&service, 170, start)
        );
        assert_eq!(first, (0, 100));
        assert_eq!(second, (1, 200));
        assert_eq!(third, (2, 300));
    }

    #[tokio::test(start_paused = true)]
    async fn an_error_reaches_all_who_share_the_load() {
        let (service, counts) = service(true);
        let first = service.load("7");
        let second = service.load("7");
        let third = service.load("7");
        let errors = tokio::join!(first, second, third);
        for error in [errors.0, errors.1, errors.2] {
            assert_eq!(error.unwrap_err().kind, ErrorKind::Unavailable);
        }
        assert_eq!(counts.loads.load(Relaxed), 2);
    }

    #[tokio::test(start_paused = true)]
    async fn who_gives_up_leaves_the_load_to_another_whether_it_had_begun_or_not() {
        for (first_gives_up, second_gives_up) in [(30, 500), (500, 50), (30, 60), (30, 150)] {
            let (service, _) = service(false);
            let start = clock::now();
            let bounded = async |after, bound| {
                tokio::time::timeout(Duration::from_millis(bound), ask(&service, after, start)).await
            };
            // The second caller is to load next; the third waits for it.
            let (_, _, third) = tokio::join!(
                bounded(0, first_gives_up),
                bounded(10, second_gives_up),
                ask(&service, 20, start)
            );
            assert!(third.1 <= 300, "{first_gives_up} {second_gives_up}: {third:?}");
            assert!(service.loads.0.lock().of.is_empty());
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_load_that_begins_because_the_one_before_was_given_up_is_not_joined_any_more() {
        let (service, counts) = service(false);
        let start = clock::now();
        let given_up = tokio::time::timeout(Duration::from_millis(30), service.load("7"));
        // The second loads from 30 on; it reads at 80, another client writes at 85, and the third asks at 90.
        let writes = async {
            clock::sleep(Duration::from_millis(85)).await;
            counts.updates.fetch_add(1, Relaxed);
        };
        let (_, (), second, third) =
            tokio::join!(given_up, writes, ask(&service, 10, start), ask(&service, 90, start));
        assert_eq!((second, third), ((0, 130), (1, 230)));
    }
}
