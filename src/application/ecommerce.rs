//! A shop: product details with live stock, pages of categories, and prices, stocks and products on sale that change.
//!
//! | operation | what it does |
//! | --- | --- |
//! | `product_details` | reads `product:details:{id}` and `inventory:{id}`, each with a time to live of its own |
//! | `category_page` | reads `category:{c}:page:{p}:{per_page}:{epoch}`: id, name, price and thumbnail, in the order of ids |
//! | `price_update` | patches the product; its source then makes the category's pages unreachable; an entry in `price_updates` |
//! | `stock_update` | patches the inventory, and nothing else |
//! | `new_product` | puts a product that was prepared on sale: from then on its category's pages show it |
//!
//! Each kind of entity has a strategy of its own. Details never hold the stock, so a stock is at most as old as
//! `inventory_ttl` allows. Pages have no version and are never written: see [`pages`].

pub mod page;
pub mod page_id;
pub mod pages;
pub mod prices;
pub mod settings;
pub mod shop;
#[cfg(test)]
mod testing;

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;

use self::page_id::PageId;
use self::pages::{Epochs, Pages};
use self::prices::{Prices, Sales};
pub use self::settings::{INVENTORY, PAGE, PRODUCT, Spec};
use self::shop::Shop;
use super::{
    Answer, Application, Damage, DatasetParameters, EntityKind, EntityStrategy, Figure, Model,
    OperationClass, OperationKind, Parts, Served, Visitor, World, lost_document,
};
use crate::audit::Seen;
use crate::load::workload::Operation;
use crate::store::{Changes, Document, ErrorKind, StoreError, Version};
use crate::strategy::source::Collection;
use crate::strategy::source::dependents::WithDependents;
use crate::strategy::{Backlog, ReadOutcome, Strategy, StrategyCache, WriteError};

const PRODUCT_DETAILS: u8 = 0;
const CATEGORY_PAGE: u8 = 1;
const PRICE_UPDATE: u8 = 2;
const STOCK_UPDATE: u8 = 3;
const NEW_PRODUCT: u8 = 4;

const fn reads(name: &'static str, shows: &'static [usize], share: f64) -> OperationKind {
    OperationKind { name, class: OperationClass::Read, can_be_absent: false, shows, share }
}

const fn writes(name: &'static str, shows: &'static [usize], share: f64) -> OperationKind {
    OperationKind { name, class: OperationClass::Write, can_be_absent: false, shows, share }
}

impl Model for Spec {
    const ENTITIES: &'static [EntityKind] = &[
        EntityKind {
            name: "product",
            collection: Some(shop::PRODUCTS),
            fields: ["price", "listed"],
            served: Served::ByStrategy,
            made_of: None,
        },
        EntityKind {
            name: "inventory",
            collection: Some(shop::INVENTORIES),
            fields: ["stock", ""],
            served: Served::ByStrategy,
            made_of: None,
        },
        EntityKind {
            name: "page",
            collection: None,
            fields: ["", ""],
            served: Served::ByReading,
            made_of: Some(PRODUCT),
        },
    ];
    const OPERATIONS: &'static [OperationKind] = &[
        reads("product_details", &[PRODUCT, INVENTORY], 0.60),
        reads("category_page", &[PAGE], 0.30),
        writes("price_update", &[PRODUCT], 0.02),
        writes("stock_update", &[INVENTORY], 0.079),
        writes("new_product", &[PRODUCT], 0.001),
    ];
    const HAS_SIDECAR: bool = true;
    const KEEPS_STREAMS: bool = true;
    type Dataset = Shop;
    type World = Sales;
    type Instance<C: StrategyCache, D: Changes> = Ecommerce<C, D>;

    fn dataset(&self, facts: DatasetParameters) -> Shop {
        Shop::new(facts, self.category_skew, self.prepared.get())
    }

    fn key_prefix(&self, entity: usize) -> &'static str {
        ["product:details:", "inventory:", "category:"][entity]
    }

    fn ttl(&self, entity: usize) -> Option<Duration> {
        Some([self.details_ttl, self.inventory_ttl, self.page_ttl][entity].0)
    }

    fn build<C: StrategyCache, D: Changes>(&self, parts: Parts<C, D, Self>) -> Ecommerce<C, D> {
        let Parts { cache, database, kinds, strategies, dataset, world, .. } = parts;
        let shop = Arc::new(dataset);
        let epochs = Epochs::new(cache.clone(), Arc::clone(&shop), self.page_ttl.0);
        let collection =
            |name: &str, entity: usize| Collection::new(database.clone(), name, kinds[entity].clone());
        let products = WithDependents::new(collection(shop::PRODUCTS, PRODUCT), epochs.clone());
        let pages = Pages::new(database.clone(), kinds[PAGE].clone(), Arc::clone(&shop));
        Ecommerce {
            products: strategies[PRODUCT].build(cache.clone(), products.into()),
            inventory: strategies[INVENTORY]
                .build(cache.clone(), collection(shop::INVENTORIES, INVENTORY).into()),
            pages: strategies[PAGE].build(cache.clone(), pages.into()),
            prices: Prices::new(cache, self.price_updates_max.get(), world),
            epochs,
            shop,
            spec: self.clone(),
        }
    }

    /// The other services: a group that reads `price_updates`.
    fn run_sidecar<C: StrategyCache>(
        &self,
        cache: C,
        world: Arc<Sales>,
        ended: watch::Receiver<bool>,
    ) -> impl Future<Output = ()> + Send + 'static {
        prices::follow(cache, world, ended)
    }

    fn mistakes(&self, facts: &DatasetParameters) -> Vec<(&'static str, String, String)> {
        let mut mistakes = Vec::new();
        let products = facts.keys.saturating_add(self.prepared.get());
        if products >= shop::TOO_MANY {
            let message = format!("{products} products, on sale or prepared: their ids have nine digits");
            mistakes.push(("dataset.keys", message, format!("give fewer than {} in all", shop::TOO_MANY)));
        }
        if facts.categories > facts.keys {
            let message = format!(
                "{} categories for {} products: a category without products has no page",
                facts.categories, facts.keys
            );
            mistakes.push((
                "dataset.categories",
                message,
                "give at most as many as there are products".into(),
            ));
        }
        if self.per_page.is_empty() || self.per_page.contains(&0) {
            let message = "a page of 0 products shows nothing";
            mistakes.push((
                "application.per_page",
                message.into(),
                "give whole numbers above 0, such as [20, 50]".into(),
            ));
        }
        if !(0.0..=10.0).contains(&self.category_skew) {
            let message = format!("an exponent of {} cannot be", self.category_skew);
            mistakes.push(("application.category_skew", message, "give a number from 0 to 10".into()));
        }
        mistakes
    }
}

impl World for Sales {
    fn begin_measuring(&self) {
        Sales::begin_measuring(self);
    }

    fn figures(&self) -> Vec<Figure> {
        Sales::figures(self)
    }
}

/// One instance of the shop.
pub struct Ecommerce<C: StrategyCache, D: Changes> {
    products: EntityStrategy<C, D>,
    inventory: EntityStrategy<C, D>,
    pages: EntityStrategy<C, D>,
    prices: Prices<C>,
    epochs: Epochs<C>,
    shop: Arc<Shop>,
    spec: Spec,
}

impl<C: StrategyCache, D: Changes> Ecommerce<C, D> {
    /// Reads a product's details, then its stock.
    async fn product_details(&self, visitor: &mut Visitor, product: u64) -> Result<Answer, WriteError> {
        let id = Shop::id(product);
        let details = visitor
            .read(
                PRODUCT,
                product,
                || self.products.read(&id),
                |read| {
                    shown(read.found.as_ref(), |version, document| {
                        self.shop.verify_product(product, version, document)
                    })
                },
            )
            .await?;
        let stock = visitor
            .read(
                INVENTORY,
                self.shop.inventory_of(product),
                || self.inventory.read(&id),
                |read| {
                    shown(read.found.as_ref(), |version, document| {
                        self.shop.verify_inventory(product, version, document)
                    })
                },
            )
            .await?;
        Ok(Answer::Read(slower(details.outcome, stock.outcome)))
    }

    /// Reads a page of a category. The page is checked against the prices of all that it shows, and must show all that
    /// is on sale.
    async fn category_page(&self, visitor: &mut Visitor, page: PageId) -> Result<Answer, WriteError> {
        let sent = visitor.sending();
        let expected = visitor.expect(self.shop.subjects_of(page));
        let epoch = self.epochs.of(page.category).await;
        let read = self.pages.read(&page.key(epoch)).await?;
        let products = read.found.as_ref().map(|(_, document)| self.shop.products_on(page, document));
        match products {
            Some(Ok(on_page)) => {
                visitor.showed(PAGE, &expected, sent, |product, expected| on_page.showed(product, expected));
            }
            Some(Err(damage)) => {
                visitor.showed_damaged(PAGE, self.shop.first_of(page.category), damage, sent);
            }
            None => {
                let first = self.shop.first_of(page.category);
                visitor.showed_damaged(PAGE, first, Damage::FalselyAbsent, sent);
            }
        }
        Ok(Answer::Read(read.outcome))
    }

    /// Writes a new price to the database, then invalidates the pages that show it, then tells the other services. They
    /// are told of every committed price, even after a failed step, since nobody would tell them later.
    async fn price_update(&self, visitor: &mut Visitor, operation: &Operation) -> Result<Answer, WriteError> {
        let product = operation.key;
        let id = Shop::id(product);
        let change = self.shop.new_price(visitor.number, operation);
        let writing = || async {
            let written = self.products.write(&id, &change.patch).await;
            let committed = match &written {
                Ok(version) => *version,
                Err(failed) => failed.committed,
            };
            let Some(version) = committed else {
                return Err(written.err().unwrap_or_else(|| lost_document(&id).into()));
            };
            let invalidated = self.epochs.delivered(self.shop.category_of(product));
            let published = self.prices.publish(&id, version, change.value).await;
            written?;
            invalidated.and(published).map_err(|error| WriteError::after_commit(error, Some(version)))?;
            Ok(version)
        };
        visitor.write(change.write, writing).await?;
        Ok(Answer::Written)
    }

    async fn stock_update(&self, visitor: &mut Visitor, operation: &Operation) -> Result<Answer, WriteError> {
        let id = Shop::id(operation.key);
        let change = self.shop.new_stock(visitor.number, operation);
        let writing = || async {
            self.inventory.write(&id, &change.patch).await?.ok_or_else(|| lost_document(&id).into())
        };
        visitor.write(change.write, writing).await?;
        Ok(Answer::Written)
    }

    /// Puts a prepared product on sale.
    async fn new_product(&self, visitor: &mut Visitor, operation: &Operation) -> Result<Answer, WriteError> {
        let product = self.shop.prepared(operation.draw);
        let id = Shop::id(product);
        let change = self.shop.put_on_sale(product, visitor.number, operation);
        let writing = || async {
            let version = self.products.write(&id, &change.patch).await?.ok_or_else(|| lost_document(&id))?;
            let delivered = self.epochs.delivered(self.shop.category_of(product));
            delivered.map_err(|error| WriteError::after_commit(error, Some(version)))?;
            Ok(version)
        };
        visitor.write(change.write, writing).await?;
        Ok(Answer::Written)
    }
}

/// The verified version and writes of an entity that exists, so that an answer of "absent" is damage.
fn shown(
    found: Option<&(Version, Document)>,
    verify: impl FnOnce(Version, &Document) -> Result<Seen, Damage>,
) -> Result<Option<Seen>, Damage> {
    match found {
        Some((version, document)) => verify(*version, document).map(Some),
        None => Err(Damage::FalselyAbsent),
    }
}

/// The outcome of an answer that is made of two: the slower one, so that it is a hit only if both were.
fn slower(one: ReadOutcome, other: ReadOutcome) -> ReadOutcome {
    let rank = |outcome: &ReadOutcome| match outcome {
        ReadOutcome::Hit => 0,
        ReadOutcome::NegativeHit => 1,
        ReadOutcome::Miss => 2,
        ReadOutcome::Bypassed => 3,
    };
    std::cmp::max_by_key(one, other, rank)
}

impl<C: StrategyCache, D: Changes> Application for Ecommerce<C, D> {
    async fn perform(&self, visitor: &mut Visitor, operation: &Operation) -> Result<Answer, WriteError> {
        match operation.kind {
            PRODUCT_DETAILS => self.product_details(visitor, operation.key).await,
            CATEGORY_PAGE => {
                let page = self.shop.page(operation, &self.spec.per_page, self.spec.first_page.get());
                self.category_page(visitor, page).await
            }
            PRICE_UPDATE => self.price_update(visitor, operation).await,
            STOCK_UPDATE => self.stock_update(visitor, operation).await,
            NEW_PRODUCT => self.new_product(visitor, operation).await,
            other => {
                Err(StoreError::new(ErrorKind::Other, format!("the shop has no operation number {other}"))
                    .into())
            }
        }
    }

    async fn recover(&self) -> Result<u64, StoreError> {
        Ok(self.products.recover().await? + self.inventory.recover().await? + self.pages.recover().await?)
    }

    async fn drain(&self, bound: Duration) -> Result<(), StoreError> {
        let (products, inventory, pages) =
            tokio::join!(self.products.drain(bound), self.inventory.drain(bound), self.pages.drain(bound));
        products.and(inventory).and(pages)
    }

    fn backlog(&self) -> Backlog {
        let all = [self.products.backlog(), self.inventory.backlog(), self.pages.backlog()];
        Backlog::of_all(&all, false)
    }
}
