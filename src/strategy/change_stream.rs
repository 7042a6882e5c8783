//! Change stream: a write goes to the database only. The database announces each commit to every instance,
//! and they invalidate the cached entry. So writes that bypass the application are covered too, and no write
//! path can forget to invalidate (change data capture; the MongoDB manual, "Change Streams").
//!
//! | operation | cache | database |
//! | --- | --- | --- |
//! | read, hit | GET | – |
//! | read, miss | GET, SET NX GET (token), EVALSHA (fill) | find, once for all who wait in this instance |
//! | write | – | update |
//! | announced change | UNLINK, by each instance | one event, to each instance |
//!
//! It promises that an answer lacks an acknowledged write for no longer than the time to live and one load.
//! While the stream flows, the bound is its lag: the event removes entry and token alike, so that a load that
//! may have seen the old document fills nothing after it. A stream that breaks off is resumed where it ended.
//! If an event is missed for good, as in a crash of the only instance, the old entry stays until its time to
//! live ends. Until the stream flows, and while it is lost, each write invalidates by itself.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use compact_str::CompactString;
use parking_lot::Mutex;

use super::background::Background;
use super::flight::Flight;
use super::loader::Loader;
use super::{
    Circumstances, EntityCache, Guarantee, Needs, OnWrite, Promise, Read, Strategy, StrategyCache, WithCache,
    WriteError, lifetime,
};
use crate::results::FailedStep;
use crate::store::{Announced, Document, ErrorKind, Patch, StoreError, Version};
use crate::strategy::source::Source;

crate::settings! {
    /// It has none of its own.
    pub struct Own {}
}

/// All settings of change-stream.
pub type Spec = WithCache<Own>;

impl Spec {
    /// The strategy over a cache and a source.
    pub fn build<C: StrategyCache, S: Source>(&self, cache: C, source: S) -> ChangeStream<C, S> {
        let cache = EntityCache::new(cache, source.kind().clone(), self.caching.clone());
        let loader = Arc::new(Loader::new(cache, source, Flight::Token));
        let unannounced = Arc::new(Mutex::new(Unannounced::default()));
        let listener = listen(&loader, &unannounced);
        ChangeStream { loader, unannounced, listener }
    }
}

impl Promise for Spec {
    fn guarantee(&self, circumstances: &Circumstances) -> Guarantee {
        let bound = circumstances.ttl.map(|ttl| ttl + circumstances.longest_load);
        Guarantee::stale_within(bound)
    }

    fn control(&self) -> Option<&'static str> {
        self.caching.control()
    }

    fn needs(&self) -> Needs {
        Needs { database_changes: true, ..Needs::CACHE }
    }
}

/// The strategy change-stream in one instance, see the module.
pub struct ChangeStream<C, S> {
    loader: Arc<Loader<C, S>>,
    unannounced: Arc<Mutex<Unannounced>>,
    #[allow(dead_code, reason = "it ends when this is dropped")]
    listener: Background,
}

/// This instance's own writes that the stream has not announced yet.
#[derive(Debug, Default)]
struct Unannounced {
    flows: bool,
    writes: HashMap<CompactString, OwnWrites>,
}

/// The writes of one entity.
#[derive(Debug, Default)]
struct OwnWrites {
    under_way: u64,
    written: Version,
    announced: Version,
}

impl Unannounced {
    /// Notes that a write begins; returns true if the stream will announce it.
    fn begin(&mut self, id: &str) -> bool {
        if self.flows {
            self.writes.entry(id.into()).or_default().under_way += 1;
        }
        self.flows
    }

    fn end(&mut self, id: &str, version: Option<Version>) {
        if let Some(of_id) = self.writes.get_mut(id) {
            of_id.under_way = of_id.under_way.saturating_sub(1);
            of_id.written = of_id.written.max(version.unwrap_or(0));
        }
        self.tidy(id);
    }

    fn announced(&mut self, id: &str, version: Option<Version>) {
        if let Some(of_id) = self.writes.get_mut(id) {
            of_id.announced = of_id.announced.max(version.unwrap_or(of_id.written));
        }
        self.tidy(id);
    }

    fn tidy(&mut self, id: &str) {
        let is_done = |of_id: &OwnWrites| of_id.under_way == 0 && of_id.announced >= of_id.written;
        if self.writes.get(id).is_some_and(is_done) {
            self.writes.remove(id);
        }
    }
}

/// The time after a failure until the stream is opened again.
const RETRY_AFTER: Duration = Duration::from_millis(500);

/// Starts the task that invalidates every entity the database announces.
fn listen<C: StrategyCache, S: Source>(
    loader: &Arc<Loader<C, S>>,
    unannounced: &Arc<Mutex<Unannounced>>,
) -> Background {
    let (loader, unannounced) = (Arc::clone(loader), Arc::clone(unannounced));
    Background::supervised("listening for changes of the database", move || {
        let (loader, unannounced) = (Arc::clone(&loader), Arc::clone(&unannounced));
        async move {
            loop {
                match loader.source.changes().await {
                    Ok(mut stream) => {
                        while let Some(announced) = stream.recv().await {
                            receive(&loader, &unannounced, announced).await;
                        }
                    }
                    Err(error) => loader.cache.note(FailedStep::Background, &error),
                }
                unannounced.lock().flows = false;
                tokio::time::sleep(RETRY_AFTER).await;
            }
        }
    })
}

async fn receive<C: StrategyCache, S: Source>(
    loader: &Loader<C, S>,
    unannounced: &Mutex<Unannounced>,
    announced: Announced,
) {
    match announced {
        Announced::Connected => unannounced.lock().flows = true,
        Announced::Changed { id, version } => {
            // An invalidation that fails is delivered in the background.
            let _ = loader.cache.invalidate(&loader.cache.key(&id)).await;
            unannounced.lock().announced(&id, version);
        }
        // Missed changes will never be announced; the time to live bounds them.
        Announced::Missed => {
            let mut unannounced = unannounced.lock();
            unannounced.flows = false;
            unannounced.writes.clear();
        }
    }
}

impl<C: StrategyCache, S: Source> Strategy for ChangeStream<C, S> {
    async fn read(&self, id: &str) -> Result<Read, StoreError> {
        self.loader.read(id).await
    }

    async fn write(&self, id: &str, patch: &Patch) -> Result<Option<Version>, WriteError> {
        let will_be_announced = self.unannounced.lock().begin(id);
        if !will_be_announced {
            return OnWrite::Invalidate.write(&self.loader.cache, &self.loader.source, id, patch).await;
        }
        let written = self.loader.source.update(id, patch).await;
        let version = written.as_ref().ok().and_then(Option::as_ref).map(Document::version);
        self.unannounced.lock().end(id, version);
        Ok(written.map(|_| version)?)
    }

    async fn insert(&self, entity: &Document) -> Result<Option<Version>, WriteError> {
        lifetime::insert(&self.loader.cache, &self.loader.source, entity).await
    }

    async fn delete(&self, id: &str) -> Result<Option<Version>, WriteError> {
        lifetime::delete(&self.loader.cache, &self.loader.source, id).await
    }

    async fn invalidate(&self, id: &str) -> Result<(), StoreError> {
        self.loader.cache.invalidate(&self.loader.cache.key(id)).await
    }

    /// Also waits until the stream has announced every write of this instance.
    async fn drain(&self, bound: Duration) -> Result<(), StoreError> {
        let deadline = tokio::time::Instant::now() + bound;
        loop {
            let left = {
                let unannounced = self.unannounced.lock();
                if unannounced.flows { unannounced.writes.len() } else { 0 }
            };
            if left == 0 {
                break;
            }
            if tokio::time::Instant::now() >= deadline {
                let what = format!("the change stream has not told of {left} documents that were written");
                return Err(StoreError::new(ErrorKind::Timeout, what));
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        self.loader.cache.drain(deadline.saturating_duration_since(tokio::time::Instant::now())).await
    }
}
