//! The naive forms, by the scripts that the sound forms pass: each shows its anomaly. And what the
//! strategies promise that do not fill or do not invalidate.

use super::*;
use crate::application::Population;
use crate::application::catalog::{Products, verify};
use crate::application::{Damage, Dataset as _};
use crate::base::units::ByteSize;
use crate::load::workload::ValueSizes;
use crate::strategy::flight::Flight;
use crate::strategy::{Fill, OnCacheError, ReadOutcome, write_around, write_through};

fn aside(on_write: OnWrite, fill: Fill) -> StrategySpec {
    let caching = CachingSettings { fill, ..CachingSettings::default() };
    StrategySpec::CacheAside(cache_aside::Spec { own: cache_aside::Own { on_write }, caching })
}

fn through(on_write: OnWrite, flight: Flight, fill: Fill) -> StrategySpec {
    let caching = CachingSettings { fill, ..CachingSettings::default() };
    StrategySpec::CacheThrough(cache_through::Spec { own: cache_through::Own { on_write, flight }, caching })
}

fn around() -> StrategySpec {
    StrategySpec::WriteAround(write_around::Spec::default())
}

fn write_through_form() -> StrategySpec {
    StrategySpec::WriteThrough(write_through::Spec::default())
}

/// A slow reader has loaded version 1 when a write is acknowledged; returns what is read afterwards.
async fn read_after_a_slow_fill(spec: &StrategySpec) -> Option<crate::store::Version> {
    let pair = Pair::of(spec);
    let mut slow = pair.source.hold(Point::AfterRead);
    let reader = read_of(&pair.instances[0]);
    slow.reached().await;
    assert_eq!(pair.instances[1].write("a", &price(5)).await, Ok(Some(2)), "{}", pair.form);
    slow.release();
    reader.await.unwrap().unwrap();
    version_read(&pair.instances[1]).await
}

#[tokio::test(start_paused = true)]
async fn a_fill_without_a_token_brings_an_old_document_back_and_one_with_a_token_does_not() {
    for (fill, read) in [(Fill::Naive, Some(1)), (Fill::Token, Some(2))] {
        for spec in [
            aside(OnWrite::Invalidate, fill),
            aside(OnWrite::Update, fill),
            through(OnWrite::Invalidate, Flight::Token, fill),
        ] {
            let said = format!("{} {:?}", spec.name(), spec.show());
            assert_eq!(read_after_a_slow_fill(&spec).await, read, "{said}");
            assert_eq!(spec.promise().control().is_some(), fill == Fill::Naive, "{said}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_flight_by_key_takes_a_reader_along_who_began_after_the_acknowledgement_one_by_token_does_not() {
    for (flight, read) in [(Flight::Key, Some(1)), (Flight::Token, Some(2))] {
        let spec = through(OnWrite::Invalidate, flight, Fill::Token);
        let pair = Pair::of(&spec);
        let mut slow = pair.source.hold(Point::AfterRead);
        let early = read_of(&pair.instances[0]);
        slow.reached().await;
        assert_eq!(pair.instances[0].write("a", &price(5)).await, Ok(Some(2)));
        let late = read_of(&pair.instances[0]);
        tokio::time::advance(Duration::from_millis(1)).await;
        slow.release();
        early.await.unwrap().unwrap();
        let found = late.await.unwrap().unwrap().found;
        assert_eq!(found.map(|(version, _)| version), read, "{}", pair.form);
        assert_eq!(spec.promise().control().is_some(), flight == Flight::Key);
    }
}

#[tokio::test(start_paused = true)]
async fn updates_without_an_order_leave_the_older_document_of_two_crossing_writers() {
    let unordered = OnWrite::UpdateUnordered;
    let forms = [
        (aside(unordered, Fill::Token), Some(2)),
        (through(unordered, Flight::Token, Fill::Token), Some(2)),
        (aside(OnWrite::Update, Fill::Token), Some(3)),
        (through(OnWrite::Update, Flight::Token, Fill::Token), Some(3)),
        (write_through_form(), Some(3)),
    ];
    for (spec, left) in forms {
        let pair = Pair::of(&spec);
        let mut late = pair.source.hold(Point::AfterCommit);
        let first = write_of(&pair.instances[0], 5);
        late.reached().await;
        assert_eq!(pair.instances[1].write("a", &price(6)).await, Ok(Some(3)), "{}", pair.form);
        late.release();
        assert_eq!(first.await.unwrap(), Ok(Some(2)), "{}", pair.form);
        for instance in &pair.instances {
            assert_eq!(version_read(instance).await, left, "{}", pair.form);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_patch_that_is_cached_as_the_document_is_read_without_the_other_fields() {
    let products = Products {
        keys: 10,
        population: Population::ALL,
        categories: 1,
        value_size: ValueSizes::Fixed(ByteSize(400)),
        seed: 1,
    };
    for (on_write, damage) in [
        (OnWrite::UpdatePatch, Some(Damage::MissingField)),
        (OnWrite::Update, None),
        (OnWrite::UpdateUnordered, None),
    ] {
        let spec = aside(on_write, Fill::Token);
        let source = ScriptedSource::of(&[], None);
        source.put(products.document(5));
        let strategy = spec.build(local_cache(10), source);
        let operation =
            crate::load::workload::Operation { number: 1, kind: 1, key: 5, absent: false, draw: 8 };
        strategy.read("5").await.unwrap();
        let patch = crate::application::catalog::patch("5", 0, &operation);
        assert_eq!(strategy.write("5", &patch).await, Ok(Some(2)));
        let (version, document) = strategy.read("5").await.unwrap().found.expect("it is there");
        assert_eq!(version, 2);
        assert_eq!(verify("5", version, &document).err(), damage, "{on_write:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_write_that_could_not_be_finished_in_the_cache_says_that_the_database_holds_it() {
    let caching = CachingSettings { on_cache_error: OnCacheError::Fail, ..CachingSettings::default() };
    for spec in sound_forms(&caching) {
        let pair = Pair::of(&spec);
        version_read(&pair.instances[0]).await;
        for method in [Method::Delete, Method::Settle] {
            pair.ways[0].fail(method, ErrorKind::Connection, 100);
        }
        let failed = pair.instances[0].write("a", &price(5)).await.expect_err("the cache is away");
        assert_eq!(failed.committed, Some(2), "{}", pair.form);
        assert_eq!(version_read(&pair.instances[1]).await, Some(1), "{}: not invalidated yet", pair.form);
        pair.ways[0].heal();
        tokio::time::sleep(Duration::from_secs(1)).await;
        assert_eq!(version_read(&pair.instances[1]).await, Some(2), "{}: delivered since", pair.form);
    }
}

#[tokio::test(start_paused = true)]
async fn a_write_that_the_database_refused_is_not_said_to_be_held() {
    for spec in sound_forms(&CachingSettings::default()) {
        for kind in [ErrorKind::Denied, ErrorKind::Timeout] {
            let pair = Pair::of(&spec);
            pair.source.fail_update(kind, Effect::Nothing);
            let failed = pair.instances[0].write("a", &price(5)).await.expect_err("it was refused");
            assert_eq!((failed.error.kind, failed.committed), (kind, None), "{}", pair.form);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn what_was_written_around_the_cache_is_served_old_until_its_time_to_live_ends() {
    let pair = Pair::of(&around());
    assert_eq!(version_read(&pair.instances[0]).await, Some(1));
    assert_eq!(pair.instances[0].write("a", &price(5)).await, Ok(Some(2)));
    tokio::time::advance(Duration::from_mins(59)).await;
    assert_eq!(version_read(&pair.instances[1]).await, Some(1), "old, as it promises no more");
    tokio::time::advance(Duration::from_mins(1)).await;
    for instance in &pair.instances {
        assert_eq!(version_read(instance).await, Some(2), "its time is over");
    }
}

#[tokio::test(start_paused = true)]
async fn write_through_caches_what_was_written_and_nothing_else() {
    let pair = Pair::of(&write_through_form());
    for _ in 0..2 {
        assert_eq!(pair.instances[0].read("a").await.unwrap().outcome, ReadOutcome::Miss);
        assert_eq!(pair.cached().await, None);
    }
    assert_eq!(pair.instances[0].write("a", &price(5)).await, Ok(Some(2)));
    for instance in &pair.instances {
        let read = instance.read("a").await.unwrap();
        assert_eq!((read.outcome, read.found.map(|(version, _)| version)), (ReadOutcome::Hit, Some(2)));
    }
    assert_eq!(pair.source.loads(), 2, "the reads before the write");
}

#[tokio::test(start_paused = true)]
async fn sixty_four_readers_of_a_cold_key_cost_a_load_an_instance_through_and_sixty_four_aside() {
    let through = through(OnWrite::Update, Flight::Token, Fill::Token);
    for (spec, loads) in [(through, 2), (aside(OnWrite::Invalidate, Fill::Token), 64)] {
        let pair = Pair::of(&spec);
        let mut slow = [pair.source.hold(Point::AfterRead), pair.source.hold(Point::AfterRead)];
        let readers: Vec<_> = (0..64).map(|client| read_of(&pair.instances[client % 2])).collect();
        for hold in &mut slow {
            hold.reached().await;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
        slow.into_iter().for_each(Hold::release);
        for reader in readers {
            assert_eq!(reader.await.unwrap().unwrap().found.map(|(version, _)| version), Some(1));
        }
        assert_eq!(pair.source.loads(), loads, "{}", pair.form);
    }
}
