//! No cache: every operation goes to the database. It is the control that any strategy has to beat.
//!
//! | operation | cache | database |
//! | --- | --- | --- |
//! | read | – | find |
//! | write | – | update |

use std::marker::PhantomData;
use std::time::Duration;

use super::{Circumstances, Guarantee, Needs, Promise, Read, ReadOutcome, Strategy, WriteError};
use crate::store::{Document, Patch, StoreError, Version};
use crate::strategy::source::Source;

crate::settings! {
    /// It has none.
    pub struct Spec {}
}

impl Spec {
    /// The strategy over its source; the cache is not used.
    pub fn build<C, S: Source>(&self, _cache: C, source: S) -> NoCache<C, S> {
        NoCache { source, cache: PhantomData }
    }
}

impl Promise for Spec {
    fn guarantee(&self, _circumstances: &Circumstances) -> Guarantee {
        Guarantee::SOUND
    }

    fn needs(&self) -> Needs {
        Needs::NOTHING
    }

    fn batches(&self) -> &'static str {
        "one find with $in"
    }
}

/// The strategy no-cache in one instance, see the module.
pub struct NoCache<C, S> {
    source: S,
    cache: PhantomData<fn() -> C>,
}

impl<C: 'static, S: Source> Strategy for NoCache<C, S> {
    async fn read(&self, id: &str) -> Result<Read, StoreError> {
        Ok(Read::loaded(ReadOutcome::Miss, self.source.load(id).await?))
    }

    async fn write(&self, id: &str, patch: &Patch) -> Result<Option<Version>, WriteError> {
        Ok(self.source.update(id, patch).await?.as_ref().map(Document::version))
    }

    async fn insert(&self, entity: &Document) -> Result<Option<Version>, WriteError> {
        Ok(self.source.insert(entity).await?.then(|| entity.version()))
    }

    async fn delete(&self, id: &str) -> Result<Option<Version>, WriteError> {
        Ok(self.source.delete(id).await?.as_ref().map(Document::version))
    }

    async fn invalidate(&self, _id: &str) -> Result<(), StoreError> {
        Ok(())
    }

    async fn drain(&self, _bound: Duration) -> Result<(), StoreError> {
        Ok(())
    }
}
