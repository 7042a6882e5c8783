//! What becomes of operations when the cache or the database fails.

use std::time::Duration;

use super::*;
use crate::results::FailedStep;
use crate::scenario::Positive;
use crate::strategy::{OnCacheError, ReadOutcome, Strategy, WriteError};

fn failing() -> CachingSettings {
    CachingSettings::default()
}

fn bypassing() -> CachingSettings {
    CachingSettings {
        on_cache_error: OnCacheError::Bypass,
        breaker_threshold: 3.try_into().unwrap(),
        breaker_open_for: Positive::millis(500),
        ..CachingSettings::default()
    }
}

async fn read(instance: &Tested) -> (ReadOutcome, Option<u64>) {
    let read = instance.read("a").await.expect("the read is answered");
    (read.outcome, read.found.map(|(version, _)| version))
}

fn kind_of<T>(result: Result<T, impl Into<WriteError>>) -> Option<ErrorKind> {
    result.err().map(|error| error.into().error.kind)
}

#[tokio::test(start_paused = true)]
async fn a_failing_look_up_ends_in_its_error_and_never_asks_the_database() {
    for spec in sound_forms(&failing()) {
        for method in [Method::Get, Method::PlaceToken] {
            for kind in
                [ErrorKind::Timeout, ErrorKind::Connection, ErrorKind::Unavailable, ErrorKind::Malformed]
            {
                let pair = Pair::of(&spec);
                pair.ways[0].fail(method, kind, 1);
                assert_eq!(kind_of(pair.instances[0].read("a").await), Some(kind), "{}", pair.form);
                assert_eq!(pair.source.loads(), 0, "{}: an error is no miss", pair.form);
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn with_bypass_the_database_answers_in_place_of_a_failing_cache() {
    for spec in sound_forms(&bypassing()) {
        let pair = Pair::of(&spec);
        for method in [Method::Get, Method::PlaceToken] {
            pair.ways[0].fail(method, ErrorKind::Timeout, 1);
            assert_eq!(read(&pair.instances[0]).await, (ReadOutcome::Bypassed, Some(1)), "{}", pair.form);
        }
        assert_eq!(pair.source.loads(), 2, "{}", pair.form);
    }
}

#[tokio::test(start_paused = true)]
async fn bytes_that_nobody_wrote_are_an_error_even_with_bypass() {
    for spec in sound_forms(&bypassing()) {
        let pair = Pair::of(&spec);
        pair.ways[0].fail(Method::Get, ErrorKind::Malformed, 1);
        assert_eq!(kind_of(pair.instances[0].read("a").await), Some(ErrorKind::Malformed), "{}", pair.form);
    }
}

#[tokio::test(start_paused = true)]
async fn the_breaker_opens_lets_one_try_after_a_while_and_closes_again() {
    for spec in sound_forms(&bypassing()) {
        let pair = Pair::of(&spec);
        let (way, instance) = (&pair.ways[0], &pair.instances[0]);
        way.fail_all(ErrorKind::Connection);
        for calls in 1..=3 {
            assert_eq!(read(instance).await, (ReadOutcome::Bypassed, Some(1)));
            assert_eq!(way.all_calls(), calls, "{}", pair.form);
        }
        for _ in 0..10 {
            assert_eq!(read(instance).await, (ReadOutcome::Bypassed, Some(1)));
        }
        assert_eq!(way.all_calls(), 3, "{}: open, the cache is left alone", pair.form);
        tokio::time::advance(Duration::from_millis(500)).await;
        for _ in 0..10 {
            read(instance).await;
        }
        assert_eq!(way.all_calls(), 4, "{}: one tries", pair.form);
        way.heal();
        assert_eq!(read(instance).await.0, ReadOutcome::Bypassed);
        tokio::time::advance(Duration::from_millis(500)).await;
        assert_eq!(read(instance).await.0, ReadOutcome::Miss, "{}: closed again", pair.form);
        assert_eq!(read(instance).await.0, ReadOutcome::Hit, "{}: and filled", pair.form);
    }
}

#[tokio::test(start_paused = true)]
async fn a_failed_invalidation_is_tried_again_before_the_write_ends() {
    for caching in [failing(), bypassing()] {
        for spec in sound_forms(&caching) {
            let pair = Pair::of(&spec);
            read(&pair.instances[1]).await;
            pair.ways[0].fail(Method::Settle, ErrorKind::Timeout, 1);
            pair.ways[0].fail(Method::Delete, ErrorKind::Timeout, 1);
            assert_eq!(pair.instances[0].write("a", &price(5)).await, Ok(Some(2)), "{}", pair.form);
            assert_eq!(read(&pair.instances[1]).await.1, Some(2), "{}", pair.form);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn with_fail_an_invalidation_that_cannot_be_delivered_is_reported_and_delivered_later() {
    for spec in sound_forms(&failing()) {
        let pair = Pair::of(&spec);
        read(&pair.instances[1]).await;
        let way = &pair.ways[0];
        way.fail(Method::Settle, ErrorKind::Timeout, u64::MAX);
        way.fail(Method::Delete, ErrorKind::Timeout, u64::MAX);
        let written = pair.instances[0].write("a", &price(5)).await;
        assert_eq!(kind_of(written), Some(ErrorKind::Timeout), "{}", pair.form);
        assert_eq!(way.calls(Method::Delete), 1 + failing().invalidate_retries, "{}", pair.form);
        // The database has it; the other instance knows nothing of that yet, this one does.
        assert_eq!(read(&pair.instances[0]).await, (ReadOutcome::Bypassed, Some(2)), "{}", pair.form);
        assert_eq!(read(&pair.instances[1]).await, (ReadOutcome::Hit, Some(1)), "{}", pair.form);
        way.heal();
        tokio::time::sleep(Duration::from_secs(1)).await;
        for instance in &pair.instances {
            assert_eq!(read(instance).await.1, Some(2), "{}", pair.form);
        }
        assert_eq!(read(&pair.instances[0]).await.0, ReadOutcome::Hit, "{}: believed again", pair.form);
    }
}

#[tokio::test(start_paused = true)]
async fn with_bypass_an_undelivered_invalidation_is_acknowledged_and_this_instance_distrusts_the_cache() {
    for spec in sound_forms(&bypassing()) {
        let pair = Pair::of(&spec);
        read(&pair.instances[0]).await;
        let way = &pair.ways[0];
        way.fail_all(ErrorKind::Connection);
        assert_eq!(pair.instances[0].write("a", &price(5)).await, Ok(Some(2)), "{}", pair.form);
        // The cache still holds version 1 and would give it to whoever asks.
        assert_eq!(pair.cached().await.map(|entry| entry.version()), Some(1), "{}", pair.form);
        way.fail_all(ErrorKind::Connection);
        assert_eq!(read(&pair.instances[0]).await, (ReadOutcome::Bypassed, Some(2)), "{}", pair.form);
        way.heal();
        way.fail(Method::Delete, ErrorKind::Connection, u64::MAX);
        tokio::time::sleep(Duration::from_secs(1)).await;
        assert_eq!(read(&pair.instances[0]).await, (ReadOutcome::Bypassed, Some(2)), "{}", pair.form);
        way.heal();
        pair.instances[0].drain(Duration::from_secs(5)).await.unwrap();
        for instance in &pair.instances {
            assert_eq!(read(instance).await.1, Some(2), "{}", pair.form);
        }
        assert_eq!(read(&pair.instances[0]).await.0, ReadOutcome::Hit, "{}: believed again", pair.form);
    }
}

#[tokio::test(start_paused = true)]
async fn an_invalidation_that_was_tried_in_vain_is_one_failure_with_the_words_of_the_cache() {
    for caching in [failing(), bypassing()] {
        for spec in sound_forms(&caching) {
            let pair = Pair::of(&spec);
            pair.ways[0].fail(Method::Settle, ErrorKind::Timeout, u64::MAX);
            pair.ways[0].fail(Method::Delete, ErrorKind::Timeout, u64::MAX);
            let _ = pair.instances[0].write("a", &price(5)).await;
            let counters = pair.local.counters();
            let setbacks = counters.snapshot().setbacks;
            let counted = (setbacks.of(FailedStep::Invalidation), setbacks.of(FailedStep::Bypass));
            assert_eq!(counted, (1, 0), "{}", pair.form);
            let first = counters.first_failures();
            assert!(first.of(FailedStep::Invalidation, ErrorKind::Timeout).is_some(), "{}", pair.form);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn draining_waits_for_undelivered_invalidations_within_its_bound() {
    for spec in sound_forms(&bypassing()) {
        let pair = Pair::of(&spec);
        read(&pair.instances[0]).await;
        pair.ways[0].fail_all(ErrorKind::Connection);
        pair.instances[0].write("a", &price(5)).await.unwrap();
        let bound = Duration::from_secs(3);
        let start = tokio::time::Instant::now();
        let drained = pair.instances[0].drain(bound).await;
        assert_eq!(kind_of(drained), Some(ErrorKind::Timeout), "{}", pair.form);
        let took = start.elapsed();
        assert!(took >= bound && took < bound + Duration::from_millis(100), "{took:?}");
        let heals = async {
            tokio::time::sleep(Duration::from_secs(1)).await;
            pair.ways[0].heal();
        };
        let start = tokio::time::Instant::now();
        let (drained, ()) = tokio::join!(pair.instances[0].drain(bound), heals);
        assert_eq!(drained, Ok(()), "{}", pair.form);
        assert!(start.elapsed() >= Duration::from_secs(1), "{}", pair.form);
        assert_eq!(pair.cached().await, None, "{}", pair.form);
    }
}

#[tokio::test(start_paused = true)]
async fn a_database_write_that_timed_out_leaves_nothing_in_the_cache() {
    for spec in sound_forms(&failing()) {
        for (kind, effect) in [
            (ErrorKind::Timeout, Effect::Committed),
            (ErrorKind::Timeout, Effect::Nothing),
            (ErrorKind::Connection, Effect::Committed),
        ] {
            let pair = Pair::of(&spec);
            read(&pair.instances[1]).await;
            pair.source.fail_update(kind, effect);
            assert_eq!(kind_of(pair.instances[0].write("a", &price(5)).await), Some(kind), "{}", pair.form);
            assert_eq!(pair.cached().await, None, "{} {effect:?}", pair.form);
            let now = if effect == Effect::Committed { 2 } else { 1 };
            assert_eq!(read(&pair.instances[1]).await, (ReadOutcome::Miss, Some(now)), "{}", pair.form);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_write_that_was_refused_leaves_the_cached_entry_alone() {
    for spec in sound_forms(&failing()) {
        let pair = Pair::of(&spec);
        read(&pair.instances[1]).await;
        pair.source.fail_update(ErrorKind::Denied, Effect::Nothing);
        assert_eq!(kind_of(pair.instances[0].write("a", &price(5)).await), Some(ErrorKind::Denied));
        assert_eq!(read(&pair.instances[1]).await, (ReadOutcome::Hit, Some(1)), "{}", pair.form);
    }
}

#[tokio::test(start_paused = true)]
async fn a_reader_whose_fill_fails_still_gets_its_answer() {
    for caching in [failing(), bypassing()] {
        for spec in sound_forms(&caching) {
            let pair = Pair::of(&spec);
            pair.ways[0].fail(Method::Fill, ErrorKind::OutOfMemory, 1);
            assert_eq!(read(&pair.instances[0]).await, (ReadOutcome::Miss, Some(1)), "{}", pair.form);
            assert_eq!(pair.ways[0].calls(Method::Fill), 1, "{}", pair.form);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_failing_load_is_an_error_and_is_not_remembered_as_absence() {
    for spec in sound_forms(&failing()) {
        let pair = Pair::of(&spec);
        pair.source.fail_load(ErrorKind::Timeout);
        assert_eq!(kind_of(pair.instances[0].read("a").await), Some(ErrorKind::Timeout), "{}", pair.form);
        assert_eq!(read(&pair.instances[0]).await, (ReadOutcome::Miss, Some(1)), "{}", pair.form);
    }
}

#[tokio::test(start_paused = true)]
async fn with_fail_a_write_that_updates_the_cache_does_not_begin_while_the_cache_is_gone() {
    for spec in sound_forms(&failing()) {
        let pair = Pair::of(&spec);
        pair.ways[0].fail_all(ErrorKind::Connection);
        let written = pair.instances[0].write("a", &price(5)).await;
        assert_eq!(kind_of(written), Some(ErrorKind::Connection), "{}", pair.form);
        let updates_cache = spec.show().contains(&("on_write", "\"update\"".to_owned()));
        assert_eq!(pair.source.updates(), u64::from(!updates_cache), "{}", pair.form);
    }
}
