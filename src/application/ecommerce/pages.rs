//! Pages of categories: a query of the database that is cached, and how a page that is out of date becomes unreachable.
//!
//! A page has no version of its own: it changes when a product on it does, or when one before it goes on sale. So each
//! category has an *epoch* in the cache, which is part of its pages' keys. A write that changes a product gives its
//! category another epoch after the commit and before the acknowledgement; a read that begins later looks under a key
//! that nobody has filled before the commit. A page that was filled under an old epoch is never looked for again, and
//! expires.
//!
//! An epoch is 63 random bits and is set once: a counter would count again from 1 after an eviction and bring old pages
//! back, a clock may stand still or go back. A cache that lost an epoch gets another one, and the pages are loaded anew.

use std::collections::{HashMap, HashSet};
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use mongodb::bson::rawdoc;
use parking_lot::Mutex;
use tokio::sync::mpsc;

use super::page_id::PageId;
use super::shop::{self, Shop};
use crate::store::{
    Announced, BulkItem, Cache, ChangeFeed, Changes, Document, Entry, ErrorKind, Page, Patch, Stamp,
    StoreError, Version,
};
use crate::strategy::source::dependents::Dependents;
use crate::strategy::source::{Keyspace, Source};

/// The pause between two attempts to deliver an epoch that the cache has not taken.
const RETRY_EVERY: Duration = Duration::from_millis(50);

/// The fields of each product that a page is made of: those that it shows, and those that the audit needs.
const PROJECTION: [&str; 8] =
    ["_id", "name", "price", "thumbnail", "_v", "price_by", "price_sum", "listed_by"];

/// The pages of all categories, as a source that is only ever read.
#[derive(Debug, Clone)]
pub struct Pages<D> {
    database: D,
    kind: Arc<Keyspace>,
    shop: Arc<Shop>,
}

impl<D: Changes> Pages<D> {
    /// The pages of a shop.
    #[must_use]
    pub fn new(database: D, kind: Keyspace, shop: Arc<Shop>) -> Self {
        Self { database, kind: Arc::new(kind), shop }
    }
}

fn never_written() -> StoreError {
    StoreError::new(ErrorKind::Other, "a page of a category is made of products and never written itself")
}

impl<D: Changes> Source for Pages<D> {
    fn kind(&self) -> &Keyspace {
        &self.kind
    }

    async fn load(&self, id: &str) -> Result<Option<Document>, StoreError> {
        let malformed =
            || StoreError::new(ErrorKind::Malformed, format!("\"{id}\" names no page of a category"));
        let page = PageId::parse(id).ok_or_else(malformed)?;
        let wanted = Page { skip: page.skip(), limit: page.per_page };
        let category = self.shop.category_name(page.category);
        let found = self.database.find_by_category(shop::PRODUCTS, &category, wanted, &PROJECTION).await?;
        let mut items = mongodb::bson::RawArrayBuf::new();
        for product in &found {
            items.push(product.raw().ok_or_else(malformed)?.to_owned());
        }
        // There is one page under one key, so its versions need no order.
        Ok(Some(Document::from_raw(rawdoc! { "_id": id, "items": items, "_v": 1_i64 })))
    }

    async fn update(&self, _id: &str, _patch: &Patch) -> Result<Option<Document>, StoreError> {
        Err(never_written())
    }

    async fn update_many(&self, _items: &[BulkItem]) -> Result<Vec<Result<bool, StoreError>>, StoreError> {
        Err(never_written())
    }

    /// A page has no changes of its own: a new epoch makes a new page.
    async fn changes(&self) -> Result<ChangeFeed, StoreError> {
        let (sender, receiver) = mpsc::unbounded_channel();
        // The receiver still exists, so this cannot fail.
        let _ = sender.send(Announced::Connected);
        tokio::spawn(async move { sender.closed().await });
        Ok(receiver)
    }
}

/// The epochs of all categories, as one instance sees them.
#[derive(Debug, Clone)]
pub struct Epochs<C> {
    cache: C,
    shop: Arc<Shop>,
    ttl: Duration,
    undelivered: Arc<Mutex<Undelivered>>,
}

/// Categories that need another epoch which the cache has not taken.
#[derive(Debug, Default)]
struct Undelivered {
    /// The last change of each category that needs another epoch. An epoch that was sent before that change is not
    /// enough.
    categories: HashMap<u64, u64>,
    last_change: u64,
    is_retrying: bool,
}

impl<C: Cache> Epochs<C> {
    /// The epochs in a cache. Each lives for `ttl`, as pages do, from its last change on; after that the category gets
    /// another one, and its pages are loaded anew.
    #[must_use]
    pub fn new(cache: C, shop: Arc<Shop>, ttl: Duration) -> Self {
        Self { cache, shop, ttl, undelivered: Arc::default() }
    }

    fn key(category: u64) -> String {
        format!("category:{category}:epoch")
    }

    /// The epoch of a category. Where the cache has none or does not answer, this is an epoch that nobody else has, and
    /// the strategy of pages decides what a read without the cache does.
    pub async fn of(&self, category: u64) -> Version {
        if self.undelivered.lock().categories.contains_key(&category) {
            return fresh();
        }
        match self.cache.get(&Self::key(category)).await {
            Ok(Some(Entry::Document { version, .. })) => version,
            Ok(_) => {
                let epoch = fresh();
                // Other instances that find none set another one, and pages under all but the last are never looked for
                // again. An epoch that the cache may or may not have taken can arrive after a later change, so nothing
                // is filled under it.
                if self.put(category, epoch).await.is_ok() { epoch } else { fresh() }
            }
            Err(_) => fresh(),
        }
    }

    async fn put(&self, category: u64, epoch: Version) -> Result<(), StoreError> {
        let number = i64::try_from(epoch).unwrap_or(i64::MAX);
        let document = Document::from_raw(rawdoc! { "_id": "epoch", "_v": number });
        let entry = Entry::Document { version: epoch, document, stamp: Stamp::default() };
        self.cache.set(&Self::key(category), &entry, Some(self.ttl)).await
    }

    /// Checks that the pages of a category are up to date with what this instance has written.
    ///
    /// # Errors
    /// Returns an error while the cache has not taken the category's new epoch; a background task tries again until it
    /// does.
    pub fn delivered(&self, category: u64) -> Result<(), StoreError> {
        if !self.undelivered.lock().categories.contains_key(&category) {
            return Ok(());
        }
        let what =
            format!("the pages of category {category} are not invalidated yet, as the cache does not answer");
        Err(StoreError::new(ErrorKind::Unavailable, what))
    }

    /// Gives a category another epoch. If the cache may not have taken it, a new one is sent later. No number is sent
    /// twice, so an epoch that arrives late brings nothing back.
    async fn renew(&self, category: u64) {
        if self.put(category, fresh()).await.is_ok() {
            return;
        }
        let mut undelivered = self.undelivered.lock();
        undelivered.last_change += 1;
        let change = undelivered.last_change;
        undelivered.categories.insert(category, change);
        if !std::mem::replace(&mut undelivered.is_retrying, true) {
            tokio::spawn(retry(self.clone()));
        }
    }
}

/// An epoch that was never used before.
fn fresh() -> Version {
    rand::random::<u64>() >> 1 | 1
}

/// Delivers until nothing is left or the instance is gone.
async fn retry<C: Cache>(epochs: Epochs<C>) {
    let undelivered = Arc::downgrade(&epochs.undelivered);
    loop {
        tokio::time::sleep(RETRY_EVERY).await;
        // This task holds one reference itself.
        if undelivered.strong_count() <= 1 {
            return;
        }
        let waiting: Vec<(u64, u64)> = epochs.undelivered.lock().categories.clone().into_iter().collect();
        for (category, change) in waiting {
            if epochs.put(category, fresh()).await.is_err() {
                break;
            }
            let categories = &mut epochs.undelivered.lock().categories;
            // Another change may have come after this epoch was sent.
            if categories.get(&category) == Some(&change) {
                categories.remove(&category);
            }
        }
        let mut undelivered = epochs.undelivered.lock();
        if undelivered.categories.is_empty() {
            undelivered.is_retrying = false;
            return;
        }
    }
}

impl<C: Cache> Dependents for Epochs<C> {
    fn changed(&self, ids: &[&str]) -> impl Future<Output = ()> + Send {
        let products = ids.iter().filter_map(|id| Shop::product(id));
        let categories: HashSet<u64> = products.map(|product| self.shop.category_of(product)).collect();
        async move {
            for category in categories {
                self.renew(category).await;
            }
        }
    }
}
