//! Reading through the cache: the cache layer owns the loader, and has one load of a missing key at a time,
//! however many readers ask for it. Cache-through, read-through and their relatives share this.

use super::flight::{Flight, SingleFlight};
use super::{Claim, EntityCache, LookUp, Read, ReadOutcome};
use crate::base::clock;
use crate::store::{Cache, Document, StoreError, Token};
use crate::strategy::source::Source;

/// A cache that loads missing entities from its source.
#[derive(Debug)]
pub struct Loader<C, S> {
    /// The entries of the cache.
    pub cache: EntityCache<C>,
    /// The source that it loads from.
    pub source: S,
    flights: SingleFlight,
    flight: Flight,
}

impl<C: Cache, S: Source> Loader<C, S> {
    /// A loader for a cache over its source.
    #[must_use]
    pub fn new(cache: EntityCache<C>, source: S, flight: Flight) -> Self {
        Self { cache, source, flights: SingleFlight::default(), flight }
    }

    /// Reads an entity from the cache, or else from the source and fills the cache.
    ///
    /// # Errors
    /// Returns errors of the source, and of the cache unless it is bypassed.
    pub async fn read(&self, id: &str) -> Result<Read, StoreError> {
        let looked_up = self.look_up(id).await?;
        self.read_from(id, looked_up).await
    }

    /// Looks an entity up in the cache.
    ///
    /// # Errors
    /// Returns errors of the cache, unless it is bypassed.
    pub async fn look_up(&self, id: &str) -> Result<LookUp, StoreError> {
        self.cache.look_up(&self.cache.key(id)).await
    }

    /// Reads an entity from a look-up that was just made, or else from the source and fills the cache.
    ///
    /// # Errors
    /// Returns the same errors as [`Loader::read`].
    pub async fn read_from(&self, id: &str, looked_up: LookUp) -> Result<Read, StoreError> {
        match Read::cached(&looked_up) {
            Some(read) => Ok(read),
            // Boxed, since most reads are hits, and all would have to hold the future of a miss.
            None => Box::pin(self.read_missed(id, looked_up)).await,
        }
    }

    async fn read_missed(&self, id: &str, looked_up: LookUp) -> Result<Read, StoreError> {
        let key = self.cache.key(id);
        match (self.flight, looked_up) {
            (_, LookUp::Bypassed) => Ok(self.bypass(id).await?),
            (Flight::Key, _) => self.join_by_key(id, &key).await,
            // This is another reader's token. Its fill is as good as this one's, and only one goes in.
            (Flight::Token, LookUp::Loading(token)) => self.load_and_fill(id, &key, token).await,
            (Flight::Token, _) => self.claim_and_load(id, &key).await,
        }
    }

    async fn claim_and_load(&self, id: &str, key: &str) -> Result<Read, StoreError> {
        let meanwhile = match self.cache.claim(key).await? {
            Claim::Mine(token) => return self.load_and_fill(id, key, token).await,
            Claim::Found(meanwhile) => meanwhile,
        };
        match (Read::cached(&meanwhile), meanwhile) {
            (Some(read), _) => Ok(read),
            (None, LookUp::Loading(token)) => self.load_and_fill(id, key, token).await,
            (None, _) => self.bypass(id).await,
        }
    }

    async fn bypass(&self, id: &str) -> Result<Read, StoreError> {
        Ok(Read::loaded(ReadOutcome::Bypassed, self.source.load(id).await?))
    }

    /// Loads and fills; several readers of one token share the load.
    async fn load_and_fill(&self, id: &str, key: &str, token: Token) -> Result<Read, StoreError> {
        let load = || self.load_under(id, key, token);
        Ok(Read::loaded(ReadOutcome::Miss, self.flights.join(token, load).await?))
    }

    async fn load_under(&self, id: &str, key: &str, token: Token) -> Result<Option<Document>, StoreError> {
        let began = clock::now();
        let loaded = self.source.load(id).await;
        match &loaded {
            Ok(loaded) => self.cache.fill_loaded(key, token, loaded.as_ref(), began.elapsed()).await,
            Err(_) => self.cache.release(key).await,
        }
        loaded
    }

    /// The control: all readers of the key share the load that is under way, even one that began before a
    /// write that has been acknowledged since.
    async fn join_by_key(&self, id: &str, key: &str) -> Result<Read, StoreError> {
        let load = || async {
            match self.cache.claim(key).await? {
                Claim::Mine(token) => self.load_under(id, key, token).await,
                Claim::Found(_) => self.source.load(id).await,
            }
        };
        Ok(Read::loaded(ReadOutcome::Miss, self.flights.join(Token::of(key), load).await?))
    }
}
