//! The dataset in the database: loaded before the first cell, put back after each, and checked.

use std::sync::atomic::{AtomicU64, Ordering};

use futures_util::stream::{self, StreamExt as _, TryStreamExt as _};
use xxhash_rust::xxh3::xxh3_64;

use crate::application::Dataset;
use crate::application::touched::Touched;
use crate::store::{Database, Document, StoreError};

const BATCH: u64 = 1000;
/// The number of documents that are removed at once.
const REMOVED_AT_ONCE: usize = 64;

/// A checksum over a set of documents that does not depend on their order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Checksum {
    documents: u64,
    sum: u64,
}

impl Checksum {
    fn add(&mut self, document: &Document) {
        self.documents += 1;
        self.sum = self.sum.wrapping_add(xxh3_64(document.bytes()));
    }

    /// That of a dataset as it should be.
    pub async fn of(dataset: &impl Dataset) -> Self {
        let mut checksum = Self::default();
        for key in (0..dataset.len()).filter(|key| dataset.is_there_at_first(*key)) {
            checksum.add(&dataset.document(key));
            let_others_run().await;
        }
        checksum
    }
}

/// Makes the collections anew and loads every document; `progress` gets how many are in.
///
/// # Errors
/// Those of the database.
pub async fn load(
    database: &impl Database,
    dataset: &impl Dataset,
    progress: impl Fn(u64),
) -> Result<(), StoreError> {
    for collection in dataset.collections() {
        database.reset(collection).await?;
    }
    let mut next = 0;
    while next < dataset.len() {
        let end = (next + BATCH).min(dataset.len());
        let subjects: Vec<u64> = (next..end).filter(|key| dataset.is_there_at_first(*key)).collect();
        put(database, dataset, &subjects).await?;
        progress(end);
        next = end;
    }
    Ok(())
}

/// Puts back what was written, and removes what was inserted.
///
/// # Errors
/// Those of the database.
pub async fn restore(
    database: &impl Database,
    dataset: &impl Dataset,
    touched: &Touched,
) -> Result<(), StoreError> {
    let (loaded, inserted): (Vec<u64>, Vec<u64>) =
        touched.keys().into_iter().partition(|subject| dataset.is_there_at_first(*subject));
    for subjects in loaded.chunks(BATCH as usize) {
        put(database, dataset, subjects).await?;
    }
    let removals = inserted.into_iter().map(|subject| async move {
        database.delete(dataset.collection(subject), &dataset.place(subject).id).await
    });
    stream::iter(removals).buffer_unordered(REMOVED_AT_ONCE).try_for_each(|_| async { Ok(()) }).await
}

/// Making documents waits for nothing, and with many or large ones takes long; the user may want to end it.
async fn let_others_run() {
    tokio::task::coop::consume_budget().await;
}

/// Puts the documents of some entities, which are in order, into their collections.
async fn put(database: &impl Database, dataset: &impl Dataset, subjects: &[u64]) -> Result<(), StoreError> {
    for same in subjects.chunk_by(|one, next| dataset.collection(*one) == dataset.collection(*next)) {
        let mut batch = Vec::with_capacity(same.len());
        for subject in same {
            batch.push(dataset.document(*subject));
            let_others_run().await;
        }
        database.put_many(dataset.collection(same[0]), batch).await?;
    }
    Ok(())
}

/// Returns true if the database holds the dataset, every byte of it and nothing else.
///
/// # Errors
/// Those of the database.
pub async fn is_intact(
    database: &impl Database,
    dataset: &impl Dataset,
    expected: Checksum,
) -> Result<bool, StoreError> {
    let (documents, sum) = (AtomicU64::new(0), AtomicU64::new(0));
    let visit = |document: Document| {
        documents.fetch_add(1, Ordering::Relaxed);
        sum.fetch_add(xxh3_64(document.bytes()), Ordering::Relaxed);
    };
    for collection in dataset.collections() {
        database.scan(collection, visit).await?;
    }
    Ok(expected == Checksum { documents: documents.into_inner(), sum: sum.into_inner() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::application::Population;
    use crate::application::catalog::{COLLECTION, Products};
    use crate::base::key_share::KeyShare;
    use crate::base::units::ByteSize;
    use crate::load::workload::ValueSizes;
    use crate::store::Counters;
    use crate::store::redb::{EmbeddedDatabase, EmbeddedOptions};

    #[tokio::test]
    async fn what_was_deleted_is_put_back_and_what_was_inserted_is_removed() {
        let directory = tempfile::tempdir().unwrap();
        let options = EmbeddedOptions::at(directory.path().join("data.redb"));
        let database = EmbeddedDatabase::open(&options, Counters::new()).unwrap();
        let products = Products {
            keys: 200,
            population: Population { at_first: KeyShare::of(1, 2, 7), changes: true },
            categories: 3,
            value_size: ValueSizes::Fixed(ByteSize(300)),
            seed: 1,
        };
        load(&database, &products, |_| {}).await.unwrap();
        let expected = Checksum::of(&products).await;
        assert!(is_intact(&database, &products, expected).await.unwrap());
        let (there, missing): (Vec<u64>, Vec<u64>) =
            (0..200).partition(|key| products.is_there_at_first(*key));
        assert!(there.len() > 70 && missing.len() > 70, "{} {}", there.len(), missing.len());

        let touched = Touched::none_of(200);
        for key in &there[..20] {
            touched.mark(*key);
            database.delete(COLLECTION, &products.place(*key).id).await.unwrap().unwrap();
        }
        for key in &missing[..20] {
            touched.mark(*key);
            assert!(database.insert(COLLECTION, &products.document(*key)).await.unwrap());
        }
        // An insert that was refused, or a delete of what was not there.
        touched.mark(missing[30]);
        assert!(!is_intact(&database, &products, expected).await.unwrap());
        restore(&database, &products, &touched).await.unwrap();
        assert!(is_intact(&database, &products, expected).await.unwrap());
    }
}
