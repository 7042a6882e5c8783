//! The dataset in the database: loaded before the first cell, put back after each, and checked.

use std::sync::atomic::{AtomicU64, Ordering};

use xxhash_rust::xxh3::xxh3_64;

use crate::application::Dataset;
use crate::application::touched::Touched;
use crate::store::{Database, Document, StoreError};

const BATCH: u64 = 1000;

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
        for key in 0..dataset.len() {
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
        let subjects: Vec<u64> = (next..end).collect();
        put(database, dataset, &subjects).await?;
        progress(end);
        next = end;
    }
    Ok(())
}

/// Puts back what was written.
///
/// # Errors
/// Those of the database.
pub async fn restore(
    database: &impl Database,
    dataset: &impl Dataset,
    touched: &Touched,
) -> Result<(), StoreError> {
    for subjects in touched.keys().chunks(BATCH as usize) {
        put(database, dataset, subjects).await?;
    }
    Ok(())
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
