//! The shop over a real embedded database and a local cache: what its pages, prices and stocks show, and when.

mod epochs;
mod stream;

use std::sync::Arc;
use std::time::Duration;

use proptest::prelude::*;

use super::shop::{PRODUCTS, Shop};
use super::*;
use crate::application::touched::Touched;
use crate::application::{Dataset as _, EntityRef};
use crate::audit::{Audit, Setup};
use crate::base::clock;
use crate::base::units::ByteSize;
use crate::load::workload::ValueSizes;
use crate::measure::Anomalies;
use crate::scenario::Positive;
use crate::store::local::LocalCache;
use crate::store::redb::{EmbeddedDatabase, EmbeddedOptions};
use crate::store::{Cache as _, Counters, Database as _, ErrorKind};
use crate::strategy::source::{Keyspace, Source as _};
use crate::strategy::testing::{local_cache, sound_forms};
use crate::strategy::{CachingSettings, Strategy as _, StrategySpec, cache_aside, cache_behind};

const SKEW: f64 = 0.8;

fn facts(keys: u64, categories: u64) -> DatasetParameters {
    let value_size = ValueSizes::Fixed(ByteSize(700));
    DatasetParameters {
        keys,
        population: crate::application::Population::ALL,
        categories,
        value_size,
        seed: 3,
    }
}

fn shop() -> Shop {
    Shop::new(facts(1000, 10), SKEW, 50)
}

fn operation(kind: u8, key: u64, number: u64, draw: u64) -> Operation {
    Operation { number, kind, key, absent: false, draw }
}

/// A shop that is open. Its database is removed when it is dropped.
struct Open<C: StrategyCache> {
    app: Ecommerce<C, EmbeddedDatabase>,
    database: EmbeddedDatabase,
    cache: C,
    visitor: Visitor,
    sales: Arc<Sales>,
    #[allow(dead_code, reason = "removed when this is dropped")]
    directory: tempfile::TempDir,
}

async fn open<C: StrategyCache>(cache: C, product: StrategySpec, page: StrategySpec, spec: Spec) -> Open<C> {
    let directory = tempfile::tempdir().unwrap();
    let options = EmbeddedOptions::at(directory.path().join("shop.redb"));
    let database = EmbeddedDatabase::open(&options, Counters::new()).unwrap();
    let shop = shop();
    for collection in shop.collections() {
        let of_it = (0..shop.len()).filter(|subject| shop.collection(*subject) == collection);
        let documents = of_it.map(|subject| shop.document(subject)).collect();
        database.put_many(collection, documents).await.unwrap();
    }
    let kinds = (0..3)
        .map(|entity| Keyspace {
            key_prefix: spec.key_prefix(entity).into(),
            ttl: spec.ttl(entity).into(),
            tags: 0,
        })
        .collect();
    let setup = Setup { keys: shop.len(), clients: 1, instances: 1 };
    let (audit, touched) = (Arc::new(Audit::new(setup)), Arc::new(Touched::none_of(shop.len())));
    let sales = Arc::new(Sales::default());
    sales.begin_measuring();
    let app = spec.build(Parts {
        number: 0,
        cache: cache.clone(),
        database: database.clone(),
        kinds,
        strategies: vec![product.clone(), product, page],
        dataset: shop,
        world: Arc::clone(&sales),
    });
    Open { app, database, cache, visitor: Visitor::new(0, Some(audit), touched), sales, directory }
}

fn aside() -> StrategySpec {
    StrategySpec::CacheAside(cache_aside::Spec::default())
}

impl<C: StrategyCache> Open<C> {
    /// Carries an operation out, and returns what the audit found by kind of entity.
    async fn perform(&mut self, operation: &Operation) -> (Result<Answer, WriteError>, [Anomalies; 3]) {
        self.visitor.begin(clock::now());
        let answer = self.app.perform(&mut self.visitor, operation).await;
        let mut found = [Anomalies::default(), Anomalies::default(), Anomalies::default()];
        self.visitor.end(clock::now(), true, |one| one.count(&mut found[one.shown_by()]));
        (answer, found)
    }

    async fn look_at(&mut self, page: PageId) -> [Anomalies; 3] {
        self.visitor.begin(clock::now());
        self.app.category_page(&mut self.visitor, page).await.unwrap();
        let mut found = [Anomalies::default(), Anomalies::default(), Anomalies::default()];
        self.visitor.end(clock::now(), true, |one| one.count(&mut found[one.shown_by()]));
        found
    }

    /// The numbers of prices that were published, that were not, and that may have been.
    fn published(&self) -> [u64; 3] {
        ["price_updates_published", "price_updates_not_published", "price_updates_of_unknown_end"].map(
            |name| {
                let figure = self.sales.figures().into_iter().find(|figure| figure.name == name);
                figure.and_then(|figure| figure.value).unwrap() as u64
            },
        )
    }

    /// The ids on a page, in their order, from the cache or the database.
    async fn ids_on(&self, page: PageId) -> Vec<String> {
        let epoch = self.app.epochs.of(page.category).await;
        let (_, document) = self.app.pages.read(&page.key(epoch)).await.unwrap().found.unwrap();
        let items = document.raw().unwrap().get_array("items").unwrap();
        let id = |item: mongodb::bson::RawBsonRef<'_>| {
            item.as_document().unwrap().get_str("_id").unwrap().to_owned()
        };
        items.into_iter().map(|item| id(item.unwrap())).collect()
    }
}

fn page(number: u64, per_page: u64) -> PageId {
    PageId { category: 0, number, per_page }
}

#[tokio::test]
async fn a_page_of_20_is_another_page_than_one_of_50_and_neither_repeats_what_came_before() {
    let shop = open(local_cache(10_000), aside(), aside(), Spec::default()).await;
    let (of_20, of_50) = (shop.ids_on(page(2, 20)).await, shop.ids_on(page(2, 50)).await);
    assert_eq!((of_20.len(), of_50.len()), (20, 50));
    assert_eq!(of_20[0], Shop::id(20).as_str());
    assert_eq!(of_50[0], Shop::id(50).as_str());
    let again = [shop.ids_on(page(2, 20)).await, shop.ids_on(page(2, 50)).await];
    assert_eq!(again, [of_20, of_50], "also from the cache");
}

#[tokio::test]
async fn a_page_shows_id_name_price_and_thumbnail_and_not_the_whole_product() {
    let shop = open(local_cache(10_000), aside(), aside(), Spec::default()).await;
    let document = shop.app.pages.read(&page(1, 20).key(1)).await.unwrap().found.unwrap().1;
    let items = document.raw().unwrap().get_array("items").unwrap();
    let first = items.into_iter().next().unwrap().unwrap().as_document().unwrap().to_owned();
    assert_eq!(first.get_str("name").unwrap(), "Product 0");
    assert!(first.get_i64("price").is_ok() && first.get_str("thumbnail").is_ok());
    assert!(first.get("description").unwrap().is_none() && first.get("stock").unwrap().is_none());
    assert!(document.bytes().len() < 20 * 250, "{}", document.bytes().len());
}

#[tokio::test]
async fn after_a_price_update_is_acknowledged_details_and_every_page_show_the_new_price() {
    for spec in sound_forms(&CachingSettings::default()) {
        let mut shop = open(local_cache(10_000), spec.clone(), spec.clone(), Spec::default()).await;
        for wanted in [page(1, 20), page(1, 50)] {
            assert_eq!(shop.look_at(wanted).await[PAGE].stale, 0);
        }
        assert_eq!(shop.perform(&operation(PRODUCT_DETAILS, 5, 0, 0)).await.1[PRODUCT].audited, 1);
        let (answer, _) = shop.perform(&operation(PRICE_UPDATE, 5, 1, 777)).await;
        assert_eq!(answer, Ok(Answer::Written), "{}", spec.name());
        for wanted in [page(1, 20), page(1, 50)] {
            let found = shop.look_at(wanted).await;
            assert_eq!(
                (found[PAGE].audited, found[PAGE].stale, found[PAGE].corrupt),
                (1, 0, 0),
                "{}",
                spec.name()
            );
        }
        let found = shop.perform(&operation(PRODUCT_DETAILS, 5, 2, 0)).await.1;
        assert_eq!((found[PRODUCT].audited, found[PRODUCT].stale, found[PRODUCT].corrupt), (1, 0, 0));
        assert_eq!((found[INVENTORY].audited, found[INVENTORY].corrupt), (1, 0));
    }
}

#[tokio::test]
async fn the_audit_sees_a_page_that_is_out_of_date_and_one_that_lacks_a_new_product() {
    let mut shop = open(local_cache(10_000), aside(), aside(), Spec::default()).await;
    // The epoch is put back to what it was, as if another client kept serving the old pages.
    let wanted = PageId { category: 9, number: 1, per_page: 50 };
    let inside = shop.app.shop.first_of(9);
    assert_eq!(shop.look_at(wanted).await[PAGE].stale, 0);
    let before = shop.cache.get("category:9:epoch").await.unwrap().unwrap();
    shop.perform(&operation(PRICE_UPDATE, inside, 1, 5)).await.0.unwrap();
    shop.cache.set("category:9:epoch", &before, None).await.unwrap();
    let found = shop.look_at(wanted).await;
    assert_eq!((found[PAGE].audited, found[PAGE].stale), (1, 1));
    assert_eq!(found[PRODUCT].stale, 0, "what a page shows is not what details show");

    let mut shop = open(local_cache(10_000), aside(), aside(), Spec::default()).await;
    let new = (0..50).find(|draw| shop.app.shop.category_of(shop.app.shop.prepared(*draw)) == 9).unwrap();
    assert_eq!(shop.look_at(wanted).await[PAGE].stale, 0);
    let before = shop.cache.get("category:9:epoch").await.unwrap().unwrap();
    shop.perform(&operation(NEW_PRODUCT, 0, 1, new)).await.0.unwrap();
    assert_eq!(shop.look_at(wanted).await[PAGE].stale, 0, "it is shown");
    assert!(shop.ids_on(wanted).await.contains(&Shop::id(shop.app.shop.prepared(new)).to_string()));
    shop.cache.set("category:9:epoch", &before, None).await.unwrap();
    assert_eq!(shop.look_at(wanted).await[PAGE].stale, 1, "it is not");
}

#[tokio::test]
async fn a_page_in_the_making_while_a_price_changes_is_not_found_by_those_who_come_later() {
    let shop = open(local_cache(10_000), aside(), aside(), Spec::default()).await;
    let wanted = page(1, 20);
    // Another client has looked up the epoch and has not queried the database yet.
    let epoch = shop.app.epochs.of(0).await;
    let old = shop.app.shop.document(5);
    let change = shop.app.shop.new_price(0, &operation(PRICE_UPDATE, 5, 1, 777));
    shop.app.products.write(&Shop::id(5), &change.patch).await.unwrap();
    // It fills what it read before the commit only now.
    let stale = old.merged(&crate::store::Patch::new(), 1).unwrap();
    let items = rawdoc_of(&stale);
    let entry = crate::store::Entry::of(items);
    shop.cache.set(&format!("category:{}", wanted.key(epoch)), &entry, None).await.unwrap();
    assert_ne!(shop.app.epochs.of(0).await, epoch);
    let ids = shop.ids_on(wanted).await;
    assert_eq!(ids.len(), 20, "a page of its own, from the database");
}

fn rawdoc_of(product: &crate::store::Document) -> crate::store::Document {
    let mut items = mongodb::bson::RawArrayBuf::new();
    items.push(product.raw().unwrap().to_owned());
    crate::store::Document::from_raw(mongodb::bson::rawdoc! { "_id": "old", "items": items, "_v": 1_i64 })
}

#[tokio::test]
async fn what_is_written_behind_changes_the_pages_when_it_is_flushed_and_not_before() {
    let own = cache_behind::Own { flush_interval: Positive::seconds(3600), ..cache_behind::Own::default() };
    let spec = StrategySpec::CacheBehind(cache_behind::Spec { own, ..cache_behind::Spec::default() });
    let mut shop = open(local_cache(10_000), spec, aside(), Spec::default()).await;
    let wanted = page(1, 20);
    shop.look_at(wanted).await;
    let epoch = shop.app.epochs.of(0).await;
    shop.perform(&operation(PRICE_UPDATE, 5, 1, 777)).await.0.unwrap();
    assert_eq!(shop.app.epochs.of(0).await, epoch);
    assert_eq!(shop.look_at(wanted).await[PAGE].stale, 1, "within what is promised of pages");
    let found = shop.perform(&operation(PRODUCT_DETAILS, 5, 2, 0)).await.1;
    assert_eq!(found[PRODUCT].stale, 0, "details show it at once");
    shop.app.drain(Duration::from_secs(5)).await.unwrap();
    assert_ne!(shop.app.epochs.of(0).await, epoch);
    assert_eq!(shop.look_at(wanted).await[PAGE].stale, 0);
}

#[tokio::test]
async fn a_stock_is_not_in_the_details_and_lives_by_its_own_time_to_live() {
    let mut shop = open(local_cache(10_000), aside(), aside(), Spec::default()).await;
    shop.perform(&operation(PRODUCT_DETAILS, 5, 0, 0)).await.0.unwrap();
    let details = shop.app.products.read(&Shop::id(5)).await.unwrap().found.unwrap().1;
    assert!(details.raw().unwrap().get("stock").unwrap().is_none());
    assert_eq!(Spec::default().ttl(PRODUCT), Some(Duration::from_hours(24)));
    assert_eq!(Spec::default().ttl(INVENTORY), Some(Duration::from_mins(5)));
    assert_eq!(Spec::default().ttl(PAGE), Some(Duration::from_hours(1)));
    assert!(shop.cache.get("product:details:000000005").await.unwrap().is_some());
    assert!(shop.cache.get("inventory:000000005").await.unwrap().is_some());
    shop.perform(&operation(STOCK_UPDATE, 5, 1, 123)).await.0.unwrap();
    let stock = shop.app.inventory.read(&Shop::id(5)).await.unwrap().found.unwrap().1;
    assert_eq!(stock.integer("stock"), Some(123));
    assert_eq!(shop.app.products.read(&Shop::id(5)).await.unwrap().outcome, ReadOutcome::Hit, "details stay");
}

#[tokio::test]
async fn a_page_of_nothing_and_a_page_by_no_such_name_are_refused() {
    let shop = open(local_cache(10), aside(), aside(), Spec::default()).await;
    for key in ["0:page:0:20:1", "0:page:1:0:1", "0:page:x:20:1", "0:pages:1:20:1", "", "-1:page:1:20:1"] {
        let pages = super::pages::Pages::new(
            shop.database.clone(),
            Keyspace { key_prefix: "category:".into(), ttl: None.into(), tags: 0 },
            Arc::clone(&shop.app.shop),
        );
        assert_eq!(pages.load(key).await.unwrap_err().kind, ErrorKind::Malformed, "{key}");
    }
    let beyond = shop.ids_on(page(1_000_000, 50)).await;
    assert!(beyond.is_empty(), "beyond the end there is a page with nothing on it");
}

#[test]
fn categories_are_skewed_in_size_and_none_is_empty() {
    let sizes = |keys, categories, skew| {
        let shop = Shop::new(facts(keys, categories), skew, 10);
        let mut sizes = vec![0_u64; categories as usize];
        (0..keys).for_each(|product| sizes[shop.category_of(product) as usize] += 1);
        sizes
    };
    let skewed = sizes(1000, 10, 0.8);
    assert!(skewed.windows(2).all(|pair| pair[0] >= pair[1]), "{skewed:?}");
    assert!(skewed[0] > 4 * skewed[9] && skewed[9] > 30, "{skewed:?}");
    let even = sizes(1000, 10, 0.0);
    assert!(even.iter().all(|size| *size == 100), "{even:?}");
    assert_eq!(sizes(10, 10, 3.0), [1; 10]);
}

#[test]
fn what_cannot_be_a_shop_is_said() {
    let spec = Spec { per_page: vec![20, 0], category_skew: -1.0, ..Spec::default() };
    let keys: Vec<&str> = spec.mistakes(&facts(10, 11)).into_iter().map(|(key, ..)| key).collect();
    assert_eq!(keys, ["dataset.categories", "application.per_page", "application.category_skew"]);
    assert!(Spec::default().mistakes(&facts(10, 10)).is_empty());
    let most = 999_999_999 - Spec::default().prepared.get();
    assert!(Spec::default().mistakes(&facts(most, 10)).is_empty());
    assert_eq!(Spec::default().mistakes(&facts(most + 1, 10))[0].0, "dataset.keys");
}

#[test]
fn the_usual_mix_adds_up() {
    let sum: f64 = Spec::OPERATIONS.iter().map(|kind| kind.share).sum();
    assert!((sum - 1.0).abs() < 1e-12, "{sum}");
}

#[tokio::test]
async fn documents_pass_their_own_check_and_any_changed_byte_does_not() {
    let shop = shop();
    for subject in [0, 999, 1000, 1049, 1050, 2099] {
        let document = shop.document(subject);
        assert_eq!(shop.verify(subject, 1, &document), Ok(crate::audit::Seen { version: 1, writes: [0, 0] }));
        let other = if subject == 0 { 1 } else { subject - 1 };
        assert!(shop.verify(other, 1, &document).is_err());
        for at in 4..document.bytes().len() - 1 {
            let mut bytes = document.bytes().to_vec();
            bytes[at] ^= 0x10;
            let Ok(changed) = crate::store::Document::from_bytes(bytes::Bytes::from(bytes)) else { continue };
            // A changed category is still a category: the index of the database says what is in it.
            let same_but_category = changed.text("category") != document.text("category");
            assert!(shop.verify(subject, 1, &changed).is_err() || same_but_category, "{subject} byte {at}");
        }
    }
    assert_eq!(shop.place(1050), EntityRef { entity: INVENTORY, id: Shop::id(0) });
}

proptest! {
    #[test]
    fn every_page_that_is_asked_for_is_one_of_its_category(key in 0_u64..1000, draw: u64, first in 0.0_f64..=1.0) {
        let shop = shop();
        let page = shop.page(&operation(CATEGORY_PAGE, key, 0, draw), &[20, 50], first);
        prop_assert_eq!(page.category, shop.category_of(key));
        prop_assert!(page.number >= 1 && (page.per_page == 20 || page.per_page == 50));
        prop_assert!(shop.subjects_of(page).next().is_some());
        prop_assert_eq!(PageId::parse(&page.key(77)), Some(page));
        for product in shop.subjects_of(page) {
            prop_assert_eq!(shop.category_of(product), page.category);
        }
    }

    #[test]
    fn each_prepared_product_is_looked_for_in_its_category_and_in_no_other(
        keys in 1_u64..400, categories in 1_u64..20, prepared in 1_u64..200, skew in 0.0_f64..2.0,
    ) {
        let shop = Shop::new(facts(keys, categories.min(keys)), skew, prepared);
        let mut seen = Vec::new();
        for category in 0..categories.min(keys) {
            let last = PageId { category, number: 1, per_page: 100_000 };
            seen.extend(shop.subjects_of(last).filter(|product| *product >= keys));
        }
        seen.sort_unstable();
        prop_assert!(seen.into_iter().eq(keys..keys + prepared));
    }
}

#[test]
fn first_pages_are_asked_for_as_often_as_is_said() {
    let shop = Shop::new(facts(100_000, 1), 0.0, 1);
    let draws = (0..20_000_u64).map(|number| number.wrapping_mul(0x9e37_79b9_7f4a_7c15));
    let pages: Vec<u64> =
        draws.map(|draw| shop.page(&operation(CATEGORY_PAGE, 0, 0, draw), &[20], 0.7).number).collect();
    let share = |wanted: u64| pages.iter().filter(|page| **page == wanted).count() as f64 / 20_000.0;
    assert!((share(1) - 0.7).abs() < 0.02, "{}", share(1));
    assert!((share(2) - 0.21).abs() < 0.02, "{}", share(2));
}

#[test]
fn the_collection_of_products_is_the_one_that_pages_ask() {
    assert_eq!(shop().collections(), [PRODUCTS, super::shop::INVENTORIES]);
    let _: LocalCache = local_cache(1);
}
