//! Strategies that load before they have to, or that wait for somebody else's load, step by step.

use super::*;
use crate::base::units::Share;
use crate::results::FailedStep;
use crate::scenario::{Positive, PositiveNumber};
use crate::strategy::{Guarantee, ReadOutcome, Staleness};

const TTL: Duration = Duration::from_hours(1);

fn swr(on_write: OnWriteHere) -> StrategySpec {
    let own = stale_while_revalidate::Own { fresh_for: Positive::seconds(60), on_write };
    StrategySpec::StaleWhileRevalidate(stale_while_revalidate::Spec { own, ..Default::default() })
}

fn ahead(change: impl FnOnce(&mut cache_ahead::Own)) -> StrategySpec {
    let mut own =
        cache_ahead::Own { interval: Positive::seconds(10), related: 0, ..cache_ahead::Own::default() };
    change(&mut own);
    StrategySpec::CacheAhead(cache_ahead::Spec { own, ..Default::default() })
}

fn leasing(change: impl FnOnce(&mut lease::Own)) -> StrategySpec {
    let mut own = lease::Own::default();
    change(&mut own);
    StrategySpec::Lease(lease::Spec { own, ..Default::default() })
}

#[tokio::test(start_paused = true)]
async fn past_the_soft_time_to_live_readers_are_answered_at_once_and_one_load_makes_it_fresh() {
    for on_write in [OnWriteHere::None, OnWriteHere::Invalidate, OnWriteHere::Update] {
        let pair = Pair::of(&swr(on_write));
        assert_eq!(read(&pair.instances[0]).await, (ReadOutcome::Miss, 1));
        tokio::time::advance(Duration::from_secs(59)).await;
        assert_eq!(read(&pair.instances[0]).await, (ReadOutcome::Hit, 1));
        settle().await;
        assert_eq!(pair.source.loads(), 1, "it is fresh");
        tokio::time::advance(Duration::from_secs(1)).await;
        let mut slow = pair.source.hold(Point::AfterRead);
        for _ in 0..10 {
            assert_eq!(read(&pair.instances[0]).await, (ReadOutcome::Hit, 1), "nobody waits");
        }
        slow.reached().await;
        settle().await;
        assert_eq!(pair.source.loads(), 2, "one load for all readers");
        slow.release();
        settle().await;
        tokio::time::advance(Duration::from_secs(58)).await;
        assert_eq!(read(&pair.instances[0]).await, (ReadOutcome::Hit, 1));
        settle().await;
        assert_eq!(pair.source.loads(), 2, "it is fresh again");
    }
}

#[tokio::test(start_paused = true)]
async fn a_refresh_that_the_database_fails_is_a_failure_in_the_background_and_no_fill_that_was_refused() {
    let pair = Pair::of(&swr(OnWriteHere::Invalidate));
    read(&pair.instances[0]).await;
    tokio::time::advance(Duration::from_secs(61)).await;
    pair.source.fail_load(ErrorKind::Timeout);
    assert_eq!(read(&pair.instances[0]).await, (ReadOutcome::Hit, 1));
    settle().await;
    let setbacks = pair.local.counters().snapshot().setbacks;
    assert_eq!((setbacks.of(FailedStep::Background), setbacks.of(FailedStep::Fill)), (1, 0));
}

#[tokio::test(start_paused = true)]
async fn what_nobody_reads_is_gone_after_the_hard_time_to_live() {
    let pair = Pair::of(&swr(OnWriteHere::None));
    read(&pair.instances[0]).await;
    assert_eq!(pair.instances[1].write("a", &price(5)).await, Ok(Some(2)));
    tokio::time::advance(TTL).await;
    assert_eq!(read(&pair.instances[0]).await, (ReadOutcome::Miss, 2));
}

#[tokio::test(start_paused = true)]
async fn a_write_that_leaves_the_cache_alone_is_seen_after_the_next_refresh() {
    let pair = Pair::of(&swr(OnWriteHere::None));
    read(&pair.instances[0]).await;
    pair.instances[1].write("a", &price(5)).await.unwrap();
    tokio::time::advance(Duration::from_mins(1)).await;
    assert_eq!(read(&pair.instances[0]).await, (ReadOutcome::Hit, 1), "stale, as it promises no more");
    settle().await;
    assert_eq!(read(&pair.instances[0]).await, (ReadOutcome::Hit, 2));
}

/// Strategies that refresh on a hit near the end of an hour, and promise no stale read.
fn refreshing() -> Vec<StrategySpec> {
    let xfetch = xfetch::Own { beta: PositiveNumber(1e9), on_write: OnWrite::Invalidate };
    vec![
        swr(OnWriteHere::Invalidate),
        swr(OnWriteHere::Update),
        ahead(|own| own.refresh_at = Share::of(1, 2)),
        StrategySpec::Xfetch(xfetch::Spec { own: xfetch, ..Default::default() }),
    ]
}

#[tokio::test(start_paused = true)]
async fn a_refresh_under_way_when_a_write_is_acknowledged_brings_nothing_old_back() {
    for spec in refreshing() {
        for (writer, refilled) in [(0, false), (1, false), (0, true), (1, true)] {
            let pair = Pair::of(&spec);
            let said = format!("{} writer {writer} refilled {refilled}", pair.form);
            // A load that takes no time is never worth refreshing early to xfetch.
            let mut first = pair.source.hold(Point::AfterRead);
            let filling = read_of(&pair.instances[0]);
            first.reached().await;
            tokio::time::advance(Duration::from_millis(5)).await;
            first.release();
            filling.await.unwrap().unwrap();
            tokio::time::advance(TTL.checked_sub(Duration::from_secs(1)).unwrap()).await;

            let mut slow = pair.source.hold(Point::AfterRead);
            assert_eq!(read(&pair.instances[0]).await, (ReadOutcome::Hit, 1), "{said}");
            slow.reached().await;
            assert_eq!(pair.instances[writer].write("a", &price(5)).await, Ok(Some(2)), "{said}");
            if refilled {
                assert_eq!(read(&pair.instances[1]).await.1, 2, "{said}");
            }
            slow.release();
            settle().await;
            for instance in &pair.instances {
                assert_eq!(read(instance).await.1, 2, "{said}");
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_refresh_ends_with_its_strategy() {
    let pair = Pair::of(&swr(OnWriteHere::Invalidate));
    read(&pair.instances[0]).await;
    tokio::time::advance(Duration::from_mins(2)).await;
    let mut slow = pair.source.hold(Point::AfterRead);
    read(&pair.instances[0]).await;
    slow.reached().await;
    let Pair { instances, local, source, .. } = pair;
    drop(instances);
    slow.release();
    settle().await;
    source.put(Document::from_raw(rawdoc! { "_id": "a", "_v": 9_i64 }));
    assert_eq!(
        local.get("thing:a").await.unwrap().map(|entry| entry.version()),
        Some(1),
        "nothing replaced it"
    );
}

#[tokio::test(start_paused = true)]
async fn a_document_that_was_deleted_leaves_the_cache_at_its_refresh() {
    let pair = Pair::of(&swr(OnWriteHere::None));
    read(&pair.instances[0]).await;
    pair.source.remove("a");
    tokio::time::advance(Duration::from_mins(2)).await;
    assert_eq!(read(&pair.instances[0]).await.1, 1);
    settle().await;
    assert_eq!(pair.cached().await, None);
}

#[tokio::test(start_paused = true)]
async fn sixty_four_readers_of_two_instances_cost_one_load_with_leases() {
    let pair = Pair::of(&leasing(|_| {}));
    let mut slow = pair.source.hold(Point::AfterRead);
    let readers: Vec<_> = (0..64).map(|client| read_of(&pair.instances[client % 2])).collect();
    slow.reached().await;
    tokio::time::sleep(Duration::from_millis(50)).await;
    slow.release();
    for reader in readers {
        assert_eq!(reader.await.unwrap().unwrap().found.map(|(version, _)| version), Some(1));
    }
    assert_eq!(pair.source.loads(), 1);
}

#[tokio::test(start_paused = true)]
async fn whoever_waits_for_a_holder_that_died_gets_the_lease_once_its_time_is_over() {
    let pair = Pair::of(&leasing(|own| own.wait_at_most = Positive::seconds(60)));
    let mut slow = pair.source.hold(Point::BeforeRead);
    let holder = read_of(&pair.instances[0]);
    slow.reached().await;
    holder.abort();
    let began = tokio::time::Instant::now();
    assert_eq!(read(&pair.instances[1]).await, (ReadOutcome::Miss, 1));
    let token_ttl = CachingSettings::default().token_ttl.0;
    assert!(began.elapsed() >= token_ttl && began.elapsed() < token_ttl * 2, "{:?}", began.elapsed());
}

#[tokio::test(start_paused = true)]
async fn nobody_waits_for_a_lease_longer_than_said() {
    let pair = Pair::of(&leasing(|own| own.wait_at_most = Positive::millis(100)));
    let mut slow = pair.source.hold(Point::BeforeRead);
    let holder = read_of(&pair.instances[0]);
    slow.reached().await;
    let began = tokio::time::Instant::now();
    assert_eq!(read(&pair.instances[1]).await, (ReadOutcome::Miss, 1), "it loads for itself");
    assert!(began.elapsed() < Duration::from_millis(200), "{:?}", began.elapsed());
    assert_eq!(pair.ways[1].calls(Method::Fill), 0, "and fills nothing");
    slow.release();
    holder.await.unwrap().unwrap();
}

#[tokio::test(start_paused = true)]
async fn who_waits_is_served_what_a_write_removed_only_where_that_is_asked_for_and_not_for_longer() {
    let hold_for = Duration::from_secs(3);
    for (serve, expected) in [(hold_for, Some(1)), (Duration::ZERO, None)] {
        let spec = leasing(|own| own.serve_stale_for = serve);
        let pair = Pair::of(&spec);
        read(&pair.instances[0]).await;
        pair.instances[0].write("a", &price(5)).await.unwrap();
        let mut slow = pair.source.hold(Point::BeforeRead);
        let holder = read_of(&pair.instances[0]);
        slow.reached().await;
        let waiter = tokio::time::timeout(Duration::from_millis(20), pair.instances[1].read("a")).await;
        let served = waiter.ok().and_then(|read| read.unwrap().found).map(|(version, _)| version);
        assert_eq!(served, expected, "{}", pair.form);
        tokio::time::advance(hold_for).await;
        let waiter = tokio::time::timeout(Duration::from_millis(20), pair.instances[1].read("a")).await;
        assert!(waiter.is_err(), "{}: it is kept no longer", pair.form);
        slow.release();
        holder.await.unwrap().unwrap();
        assert_eq!(read(&pair.instances[1]).await.1, 2, "{}", pair.form);
    }
}

/// A source whose other documents belong with "a".
fn several(spec: &StrategySpec, ids: &[&str]) -> Pair {
    let pair = Pair::of(spec);
    for id in ids {
        pair.source.create(id);
    }
    pair
}

async fn is_cached(pair: &Pair, id: &str) -> bool {
    pair.local.get(&format!("thing:{id}")).await.unwrap().is_some()
}

async fn ask(pair: &Pair, instance: usize, id: &str, times: usize) {
    for _ in 0..times {
        pair.instances[instance].read(id).await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn what_reaches_the_threshold_over_all_instances_is_preloaded_and_the_rest_is_not() {
    let pair = several(&ahead(|_| {}), &["b", "c"]);
    // Far more than the threshold: what of them still counts depends on where in its window the clock stands.
    ask(&pair, 0, "a", 50).await;
    ask(&pair, 1, "a", 50).await;
    ask(&pair, 0, "b", 4).await;
    pair.local.delete("thing:a").await.unwrap();
    pair.local.delete("thing:b").await.unwrap();
    tokio::time::sleep(Duration::from_secs(12)).await;
    assert!(is_cached(&pair, "a").await, "a hundred accesses");
    assert!(!is_cached(&pair, "b").await, "four accesses");
    assert!(!is_cached(&pair, "c").await, "no access");
    assert_eq!(pair.source.loads(), 3, "one instance preloads, once");
}

#[tokio::test(start_paused = true)]
async fn counts_decay_so_that_what_is_asked_for_no_more_is_no_more_preloaded() {
    let pair = Pair::of(&ahead(|_| {}));
    ask(&pair, 0, "a", 100).await;
    tokio::time::sleep(Duration::from_secs(45)).await;
    pair.local.delete("thing:a").await.unwrap();
    let loads = pair.source.loads();
    tokio::time::sleep(Duration::from_secs(45)).await;
    assert_eq!(pair.source.loads(), loads);
    assert!(!is_cached(&pair, "a").await);
}

#[tokio::test(start_paused = true)]
async fn others_of_the_category_come_along_up_to_the_bounds() {
    for (related, most, expected) in [(2, 1000, 3), (10, 1000, 5), (10, 3, 3), (0, 1000, 1)] {
        let spec = ahead(|own| {
            own.related = related;
            own.most_per_tick = std::num::NonZeroU64::new(most).unwrap();
        });
        let pair = several(&spec, &["b", "c", "d", "e"]);
        pair.source.relate(&["b", "c", "d", "e"]);
        ask(&pair, 0, "a", 100).await;
        pair.local.delete("thing:a").await.unwrap();
        tokio::time::sleep(Duration::from_secs(12)).await;
        let mut cached = 0;
        for id in ["a", "b", "c", "d", "e"] {
            cached += usize::from(is_cached(&pair, id).await);
        }
        assert_eq!(cached, expected, "{related} related, {most} at the most");
    }
}

#[tokio::test(start_paused = true)]
async fn a_preload_under_way_when_a_write_is_acknowledged_fills_nothing_old() {
    let pair = Pair::of(&ahead(|own| own.on_write = OnWrite::Invalidate));
    ask(&pair, 0, "a", 100).await;
    pair.local.delete("thing:a").await.unwrap();
    let mut slow = pair.source.hold(Point::AfterRead);
    let preloading = tokio::time::timeout(Duration::from_secs(12), slow.reached()).await;
    assert!(preloading.is_ok(), "it is preloaded");
    assert_eq!(pair.instances[1].write("a", &price(5)).await, Ok(Some(2)));
    slow.release();
    settle().await;
    for instance in &pair.instances {
        assert_eq!(read(instance).await.1, 2);
    }
}

#[tokio::test(start_paused = true)]
async fn a_turn_that_fails_is_followed_by_the_next_and_by_another_instance_when_one_is_gone() {
    let pair = Pair::of(&ahead(|_| {}));
    ask(&pair, 0, "a", 100).await;
    tokio::time::sleep(Duration::from_secs(5)).await;
    pair.local.delete("thing:a").await.unwrap();
    for way in &pair.ways {
        way.fail(Method::PlaceToken, ErrorKind::Timeout, 1);
    }
    tokio::time::sleep(Duration::from_secs(6)).await;
    assert!(!is_cached(&pair, "a").await, "both turns failed");
    ask(&pair, 1, "a", 100).await;
    pair.local.delete("thing:a").await.unwrap();
    let Pair { instances: [first, second], local, .. } = pair;
    drop(first);
    tokio::time::sleep(Duration::from_secs(10)).await;
    assert!(local.get("thing:a").await.unwrap().is_some(), "the other took the next");
    drop(second);
}

#[tokio::test(start_paused = true)]
async fn an_entry_read_in_the_last_part_of_its_time_is_refreshed_once() {
    let pair = Pair::of(&ahead(|own| own.refresh_at = Share::of(8, 10)));
    read(&pair.instances[0]).await;
    tokio::time::advance(TTL.mul_f64(0.79)).await;
    read(&pair.instances[0]).await;
    settle().await;
    assert_eq!(pair.source.loads(), 1);
    tokio::time::advance(TTL.mul_f64(0.02)).await;
    for _ in 0..5 {
        assert_eq!(read(&pair.instances[0]).await.0, ReadOutcome::Hit);
    }
    settle().await;
    assert_eq!(pair.source.loads(), 2);
}

#[test]
fn promises_follow_the_settings() {
    let circumstances = crate::strategy::Circumstances {
        undisturbed: true,
        application_crashes: false,
        cache_loses_entries: false,
        ttl: Some(TTL),
        longest_load: Duration::from_secs(5),
        cache_out_of_reach: false,
    };
    let promise = |spec: &StrategySpec| spec.promise().guarantee(&circumstances);
    assert_eq!(promise(&swr(OnWriteHere::Update)), Guarantee::SOUND);
    let bound = Staleness::Within(TTL + Duration::from_secs(5));
    assert_eq!(promise(&swr(OnWriteHere::None)).staleness, bound);
    assert_eq!(promise(&leasing(|_| {})), Guarantee::SOUND);
    let served = leasing(|own| own.serve_stale_for = Duration::from_secs(3));
    assert_eq!(promise(&served).staleness, Staleness::Within(Duration::from_secs(8)));
}
