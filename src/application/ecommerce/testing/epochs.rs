//! Epochs of categories that the cache loses, refuses or takes late.

use std::collections::VecDeque;

use parking_lot::Mutex;
use tokio::sync::oneshot;

use super::*;
use crate::application::ecommerce::pages::Epochs;
use crate::store::Entry;
use crate::strategy::source::dependents::Dependents as _;
use crate::strategy::testing::{Interfered, Interference, Method};

#[tokio::test]
async fn an_epoch_that_was_evicted_never_comes_again() {
    let cache = local_cache(100);
    let epochs = Epochs::new(cache.clone(), Arc::new(shop()), Duration::from_mins(1));
    let mut seen = std::collections::HashSet::new();
    for _ in 0..100 {
        let epoch = epochs.of(3).await;
        assert_eq!(epochs.of(3).await, epoch, "it stays while nothing changes");
        assert!(seen.insert(epoch));
        cache.delete("category:3:epoch").await.unwrap();
        let fresh = epochs.of(3).await;
        assert!(seen.insert(fresh));
        epochs.changed(&[&Shop::id(shop().first_of(3))]).await;
    }
}

/// Refuses every set while its flag is true.
#[derive(Clone, Default)]
struct Refusing(Arc<std::sync::atomic::AtomicBool>);

impl Interference for Refusing {
    async fn before(&self, method: Method) -> Result<(), StoreError> {
        let refuses = self.0.load(std::sync::atomic::Ordering::Relaxed);
        if refuses && matches!(method, Method::Set) {
            return Err(StoreError::new(ErrorKind::Connection, "gone"));
        }
        Ok(())
    }
}

#[tokio::test]
async fn a_price_whose_pages_could_not_be_invalidated_is_committed_and_not_acknowledged_until_they_are() {
    let refusing = Refusing::default();
    let cache = Interfered { cache: local_cache(10_000), with: refusing.clone() };
    let mut shop = open(cache, aside(), aside(), Spec::default()).await;
    let wanted = page(1, 20);
    assert_eq!(shop.look_at(wanted).await[PAGE].stale, 0);
    let epoch = shop.app.epochs.of(0).await;
    refusing.0.store(true, std::sync::atomic::Ordering::Relaxed);
    let (answer, _) = shop.perform(&operation(PRICE_UPDATE, 5, 1, 777)).await;
    let failed = answer.unwrap_err();
    assert_eq!(failed.committed, Some(2));
    assert!(failed.error.detail.contains("pages of category 0"), "{failed}");
    let found = shop.look_at(wanted).await;
    assert_eq!((found[PAGE].audited, found[PAGE].stale, found[PAGE].stale_after_failed_step), (1, 0, 0));
    refusing.0.store(false, std::sync::atomic::Ordering::Relaxed);
    let deadline = clock::now() + Duration::from_secs(5);
    while shop.app.epochs.delivered(0).is_err() {
        assert!(clock::now() < deadline, "it is tried again");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert_ne!(shop.app.epochs.of(0).await, epoch);
}

/// The outcome of one set.
enum Fate {
    /// It does not arrive in time.
    Fails,
    /// It reports that it is under way, and waits until it is released.
    Waits(oneshot::Sender<()>, oneshot::Receiver<()>),
}

/// Decides the next sets in order, and records every set.
#[derive(Clone, Default)]
struct Fates {
    to_come: Arc<Mutex<VecDeque<Fate>>>,
    sets: Arc<Mutex<Vec<(String, Entry)>>>,
}

impl Fates {
    /// Makes the next set fail.
    fn fail(&self) {
        self.to_come.lock().push_back(Fate::Fails);
    }

    /// Makes the next set wait. The receiver reports that it is under way; the sender releases it.
    fn hold(&self) -> (oneshot::Receiver<()>, oneshot::Sender<()>) {
        let ((reach, reached), (release, released)) = (oneshot::channel(), oneshot::channel());
        self.to_come.lock().push_back(Fate::Waits(reach, released));
        (reached, release)
    }
}

impl Interference for Fates {
    fn note_set(&self, key: &str, entry: &Entry) {
        self.sets.lock().push((key.into(), entry.clone()));
    }

    async fn before(&self, method: Method) -> Result<(), StoreError> {
        let fate = if method == Method::Set { self.to_come.lock().pop_front() } else { None };
        match fate {
            Some(Fate::Fails) => Err(StoreError::new(ErrorKind::Timeout, "no answer")),
            Some(Fate::Waits(reach, released)) => {
                let _ = reach.send(());
                let _ = released.await;
                Ok(())
            }
            None => Ok(()),
        }
    }
}

#[tokio::test]
async fn an_epoch_that_arrives_late_brings_no_page_back_that_was_filled_before_a_change() {
    let fates = Fates::default();
    let cache = Interfered { cache: local_cache(10_000), with: fates.clone() };
    let mut shop = open(cache, aside(), aside(), Spec::default()).await;
    let wanted = page(1, 20);
    fates.fail();
    assert_eq!(shop.look_at(wanted).await[PAGE].stale, 0);
    let (key, late) = fates.sets.lock().first().cloned().unwrap();
    assert_eq!(key, "category:0:epoch");
    shop.perform(&operation(PRICE_UPDATE, 5, 1, 777)).await.0.unwrap();
    shop.cache.cache.set(&key, &late, None).await.unwrap();
    let found = shop.look_at(wanted).await;
    assert_eq!((found[PAGE].audited, found[PAGE].stale), (1, 0));
}

#[tokio::test(start_paused = true)]
async fn a_change_that_comes_while_an_earlier_one_is_delivered_is_delivered_too() {
    let fates = Fates::default();
    let cache = Interfered { cache: local_cache(100), with: fates.clone() };
    let epochs = Epochs::new(cache, Arc::new(shop()), Duration::from_mins(1));
    let product = Shop::id(0);
    fates.fail();
    epochs.changed(&[&product]).await;
    let (earlier, deliver_earlier) = fates.hold();
    earlier.await.unwrap();
    fates.fail();
    epochs.changed(&[&product]).await;
    let (later, deliver_later) = fates.hold();
    deliver_earlier.send(()).unwrap();
    let is_tried = tokio::time::timeout(Duration::from_secs(10), later).await;
    assert!(is_tried.is_ok_and(|reached| reached.is_ok()), "the later change is delivered too");
    assert!(epochs.delivered(0).is_err(), "and not before");
    deliver_later.send(()).unwrap();
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(epochs.delivered(0), Ok(()));
}
