//! The stream of prices: what the other services are told, and what is counted of it.

use std::num::NonZeroU64;

use super::*;
use crate::results::FailedStep;
use crate::store::streams::Streams as _;
use crate::strategy::testing::{FlakyCache, Interfered, Interference, Method};

#[tokio::test]
async fn every_price_is_told_to_the_other_services_once_and_the_stream_has_a_bound() {
    let spec = Spec { price_updates_max: NonZeroU64::new(10).unwrap(), ..Spec::default() };
    let mut shop = open(local_cache(10_000), aside(), aside(), spec).await;
    for number in 0..5 {
        shop.perform(&operation(PRICE_UPDATE, number, number, 50 + number)).await.0.unwrap();
    }
    let read = shop.cache.read_stream("price_updates", "readers", 100).await.unwrap();
    assert_eq!(read.len(), 5);
    assert_eq!(read[2].text("product_id"), Some("000000002"));
    assert_eq!(read[2].text("price"), Some("152"));
    assert_eq!(read[2].text("version"), Some("2"), "by which readers know the newer of two prices");
    assert!(shop.cache.read_stream("price_updates", "readers", 100).await.unwrap().is_empty(), "once");
    for number in 5..40 {
        shop.perform(&operation(PRICE_UPDATE, number, number, number)).await.0.unwrap();
    }
    assert_eq!(shop.cache.read_stream("price_updates", "late", 100).await.unwrap().len(), 10);
    assert_eq!(shop.published(), [40, 0, 0]);
}

/// Fails every call of a kind.
#[derive(Clone)]
struct Failing(Method, ErrorKind);

impl Interference for Failing {
    async fn before(&self, method: Method) -> Result<(), StoreError> {
        if method == self.0 { Err(StoreError::new(self.1, "gone")) } else { Ok(()) }
    }
}

#[tokio::test]
async fn a_price_that_is_committed_is_published_also_where_entry_and_pages_could_not_be_invalidated() {
    for fails in [Method::Delete, Method::Set] {
        let cache = Interfered { cache: local_cache(10_000), with: Failing(fails, ErrorKind::Timeout) };
        let mut shop = open(cache, aside(), aside(), Spec::default()).await;
        let failed = shop.perform(&operation(PRICE_UPDATE, 5, 1, 777)).await.0.unwrap_err();
        assert_eq!(failed.committed, Some(2), "{fails:?}");
        assert_eq!(shop.published(), [1, 0, 0], "{fails:?}");
        let read = shop.cache.read_stream("price_updates", "readers", 100).await.unwrap();
        assert_eq!(read[0].text("price"), Some("877"), "{fails:?}");
    }
}

#[tokio::test]
async fn an_entry_that_timed_out_may_be_there_and_is_not_counted_as_not_published() {
    for (kind, counted) in [(ErrorKind::Timeout, [0, 0, 1]), (ErrorKind::OutOfMemory, [0, 1, 0])] {
        let cache = Interfered { cache: local_cache(10_000), with: Failing(Method::Append, kind) };
        let mut shop = open(cache, aside(), aside(), Spec::default()).await;
        let failed = shop.perform(&operation(PRICE_UPDATE, 5, 1, 777)).await.0.unwrap_err();
        assert_eq!((failed.committed, failed.error.kind), (Some(2), kind));
        assert_eq!(shop.published(), counted, "{kind:?}");
    }
}

/// A stream of prices over a cache that fails on demand, and its counts.
struct Stream {
    cache: FlakyCache<LocalCache>,
    prices: Prices<FlakyCache<LocalCache>>,
    sales: Arc<Sales>,
}

impl Stream {
    fn new() -> Self {
        let (cache, sales) = (FlakyCache::over(local_cache(10)), Arc::new(Sales::default()));
        let prices = Prices::new(cache.clone(), 10_000, Arc::clone(&sales));
        Self { cache, prices, sales }
    }

    async fn publish(&self, entries: u64) {
        for version in 0..entries {
            self.prices.publish("000000001", version, 500).await.unwrap();
        }
    }

    /// Runs the reader after the instances have ended.
    async fn read_the_rest(&self) {
        let (_told, ended) = watch::channel(true);
        prices::follow(self.cache.clone(), Arc::clone(&self.sales), ended).await;
    }

    /// Entries published, read and unread, and failed reads.
    fn figures(&self) -> [u64; 4] {
        let figures = self.sales.figures();
        ["published", "read", "unread", "failed_reads"].map(|name| {
            let figure = figures.iter().find(|figure| figure.name == format!("price_updates_{name}"));
            figure.and_then(|figure| figure.value).unwrap() as u64
        })
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_left_in_the_stream_when_the_instances_have_ended_is_read_although_reads_fail() {
    let stream = Stream::new();
    stream.sales.begin_measuring();
    stream.publish(1_200).await;
    assert_eq!(stream.figures(), [1_200, 0, 1_200, 0]);
    stream.cache.with.fail(Method::ReadStream, ErrorKind::Timeout, 2);
    stream.read_the_rest().await;
    assert_eq!(stream.figures(), [1_200, 1_200, 0, 2]);
    let setbacks = stream.cache.counters().snapshot().setbacks;
    assert_eq!(setbacks.of(FailedStep::Background), 2, "and the cell learns of it");
}

#[tokio::test(start_paused = true)]
async fn what_was_published_before_measuring_is_in_no_figure_also_where_it_is_read_later() {
    let stream = Stream::new();
    stream.publish(5).await;
    tokio::time::advance(Duration::from_millis(1)).await;
    stream.sales.begin_measuring();
    stream.publish(3).await;
    stream.read_the_rest().await;
    assert_eq!(stream.figures(), [3, 3, 0, 0]);
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_read_is_unread_and_waited_for_until_the_reader_is_dropped() {
    let stream = Stream::new();
    stream.sales.begin_measuring();
    stream.publish(7).await;
    stream.cache.with.fail_all(ErrorKind::Connection);
    let read = tokio::time::timeout(Duration::from_secs(1), stream.read_the_rest()).await;
    assert!(read.is_err());
    let [published, read, unread, failed_reads] = stream.figures();
    assert_eq!([published, read, unread], [7, 0, 7]);
    assert!(failed_reads > 10, "{failed_reads}");
}
