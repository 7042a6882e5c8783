//! Races between readers and writers, step by step, in one instance and between two.

use proptest::prelude::*;

use super::*;
use crate::base::units::Share;
use crate::strategy::{Read, ReadOutcome, Strategy};

fn caching() -> CachingSettings {
    CachingSettings::default()
}

/// Lets every task that can run do so, without the clock moving on.
async fn let_others_run() {
    for _ in 0..50 {
        tokio::task::yield_now().await;
    }
}

/// The events that may befall the cache while a load is under way.
#[derive(Debug, Clone, Copy)]
enum Meanwhile {
    Nothing,
    TokenExpires,
    TokenIsEvicted,
    CacheIsCleared,
}

async fn happen(meanwhile: Meanwhile, pair: &Pair) {
    match meanwhile {
        Meanwhile::Nothing => {}
        Meanwhile::TokenExpires => tokio::time::advance(caching().token_ttl.0).await,
        Meanwhile::TokenIsEvicted => pair.evict().await,
        Meanwhile::CacheIsCleared => pair.local.clear(),
    }
}

const ANYTHING: [Meanwhile; 4] =
    [Meanwhile::Nothing, Meanwhile::TokenExpires, Meanwhile::TokenIsEvicted, Meanwhile::CacheIsCleared];

#[tokio::test(start_paused = true)]
async fn a_slow_reader_does_not_bring_the_old_value_back_after_a_write_is_acknowledged() {
    for spec in sound_forms(&caching()) {
        for (writer, before) in [(0, true), (1, true), (0, false), (1, false)] {
            for meanwhile in ANYTHING {
                let pair = Pair::of(&spec);
                let said = format!("{} writer {writer} {meanwhile:?} before the write: {before}", pair.form);
                let mut slow = pair.source.hold(Point::AfterRead);
                let reader = read_of(&pair.instances[0]);
                slow.reached().await;
                if before {
                    happen(meanwhile, &pair).await;
                }
                let written = pair.instances[writer].write("a", &price(5)).await;
                assert_eq!(written, Ok(Some(2)), "{said}");
                if !before {
                    happen(meanwhile, &pair).await;
                }
                slow.release();
                let slow_read = reader.await.unwrap().unwrap();
                assert_eq!(slow_read.found.map(|(version, _)| version), Some(1), "{said}");
                for instance in &pair.instances {
                    assert_eq!(version_read(instance).await, Some(2), "{said}");
                }
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_load_that_outlives_its_token_fills_nothing() {
    for spec in sound_forms(&caching()) {
        for meanwhile in [Meanwhile::TokenExpires, Meanwhile::TokenIsEvicted, Meanwhile::CacheIsCleared] {
            let pair = Pair::of(&spec);
            let mut slow = pair.source.hold(Point::AfterRead);
            let reader = read_of(&pair.instances[0]);
            slow.reached().await;
            happen(meanwhile, &pair).await;
            slow.release();
            reader.await.unwrap().unwrap();
            assert_eq!(pair.cached().await, None, "{} {meanwhile:?}", pair.form);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_load_in_peace_fills_the_cache() {
    for spec in sound_forms(&caching()) {
        let pair = Pair::of(&spec);
        assert_eq!(pair.instances[0].read("a").await.unwrap().outcome, ReadOutcome::Miss);
        assert_eq!(pair.instances[1].read("a").await.unwrap().outcome, ReadOutcome::Hit, "{}", pair.form);
        assert_eq!(pair.source.loads(), 1, "{}", pair.form);
    }
}

#[tokio::test(start_paused = true)]
async fn a_read_after_an_acknowledgement_does_not_join_a_load_begun_before_it() {
    for spec in sound_forms(&caching()) {
        for (writer, late_reader) in [(0, 0), (1, 0), (0, 1), (1, 1)] {
            let pair = Pair::of(&spec);
            let mut slow = pair.source.hold(Point::AfterRead);
            let early = read_of(&pair.instances[0]);
            slow.reached().await;
            assert_eq!(pair.instances[writer].write("a", &price(5)).await, Ok(Some(2)), "{}", pair.form);
            // Were it to join, it would wait for ever, as the load is still held.
            let late = version_read(&pair.instances[late_reader]);
            let late = tokio::time::timeout(Duration::from_mins(1), late).await;
            assert_eq!(late, Ok(Some(2)), "{} writer {writer} reader {late_reader}", pair.form);
            slow.release();
            early.await.unwrap().unwrap();
        }
    }
}

#[tokio::test(start_paused = true)]
async fn crossing_writers_never_leave_the_older_version_in_the_cache() {
    for spec in sound_forms(&caching()) {
        for (other, starts_cached) in [(0, false), (1, false), (0, true), (1, true)] {
            for (evicted, read_between) in [(false, false), (false, true), (true, false), (true, true)] {
                let pair = Pair::of(&spec);
                let said = format!(
                    "{} other {other} cached {starts_cached} evicted {evicted} read {read_between}",
                    pair.form
                );
                if starts_cached {
                    version_read(&pair.instances[0]).await;
                }
                let mut late = pair.source.hold(Point::AfterCommit);
                let first = write_of(&pair.instances[0], 5);
                late.reached().await;
                assert_eq!(pair.instances[other].write("a", &price(6)).await, Ok(Some(3)), "{said}");
                if evicted {
                    pair.evict().await;
                }
                if read_between {
                    assert_eq!(version_read(&pair.instances[other]).await, Some(3), "{said}");
                }
                late.release();
                assert_eq!(first.await.unwrap(), Ok(Some(2)), "{said}");
                let cached = pair.cached().await.map_or(0, |entry| entry.version());
                assert!(cached == 0 || cached == 3, "{said}: version {cached} is in the cache");
                for instance in &pair.instances {
                    assert_eq!(version_read(instance).await, Some(3), "{said}");
                }
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_slow_reader_between_two_crossing_writers_leaves_nothing_old() {
    for spec in sound_forms(&caching()) {
        let pair = Pair::of(&spec);
        let mut late = pair.source.hold(Point::AfterCommit);
        let first = write_of(&pair.instances[0], 5);
        late.reached().await;
        let mut slow = pair.source.hold(Point::AfterRead);
        let reader = read_of(&pair.instances[1]);
        slow.reached().await;
        assert_eq!(pair.instances[1].write("a", &price(6)).await, Ok(Some(3)), "{}", pair.form);
        slow.release();
        reader.await.unwrap().unwrap();
        late.release();
        first.await.unwrap().unwrap();
        for instance in &pair.instances {
            assert_eq!(version_read(instance).await, Some(3), "{}", pair.form);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn many_readers_of_a_missing_key_load_once_through_and_once_each_aside() {
    for spec in sound_forms(&caching()) {
        let pair = Pair::of(&spec);
        let mut slow = pair.source.hold(Point::AfterRead);
        let first = read_of(&pair.instances[0]);
        slow.reached().await;
        let others: Vec<_> = (0..20).map(|_| read_of(&pair.instances[0])).collect();
        let_others_run().await;
        let expected = if spec.name() == "cache-aside" { 21 } else { 1 };
        assert_eq!(pair.source.loads(), expected, "{}", pair.form);
        slow.release();
        for reader in others.into_iter().chain([first]) {
            assert_eq!(reader.await.unwrap().unwrap().found.map(|(version, _)| version), Some(1));
        }
        assert_eq!(pair.ways[0].calls(Method::Fill), 1, "{}: one fills", pair.form);
        assert_eq!(pair.cached().await.map(|entry| entry.version()), Some(1), "{}", pair.form);
    }
}

#[tokio::test(start_paused = true)]
async fn an_absent_document_is_looked_for_once_in_each_negative_ttl() {
    let caching = CachingSettings { negative_ttl: Duration::from_secs(30), ..caching() };
    for spec in sound_forms(&caching) {
        let pair = Pair::of(&spec);
        for round in 1..=3 {
            let first = pair.instances[0].read("none").await.unwrap();
            assert_eq!(first, Read { outcome: ReadOutcome::Miss, found: None });
            tokio::time::advance(Duration::from_secs(29)).await;
            for instance in &pair.instances {
                let known = instance.read("none").await.unwrap();
                assert_eq!(known, Read { outcome: ReadOutcome::NegativeHit, found: None }, "{}", pair.form);
            }
            assert_eq!(pair.source.loads(), round, "{}", pair.form);
            tokio::time::advance(Duration::from_secs(1)).await;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_document_that_is_created_and_invalidated_is_seen_although_it_was_known_to_be_absent() {
    for spec in sound_forms(&caching()) {
        let pair = Pair::of(&spec);
        assert_eq!(pair.instances[0].read("new").await.unwrap().found, None);
        pair.source.create("new");
        pair.instances[1].invalidate("new").await.unwrap();
        for instance in &pair.instances {
            let found = instance.read("new").await.unwrap().found;
            assert_eq!(found.map(|(version, _)| version), Some(1), "{}", pair.form);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_document_is_not_covered_by_a_slow_look_that_found_none() {
    for spec in sound_forms(&caching()) {
        let pair = Pair::of(&spec);
        let mut slow = pair.source.hold(Point::AfterRead);
        let instance = Arc::clone(&pair.instances[0]);
        let reader = spawn(async move { instance.read("new").await });
        slow.reached().await;
        pair.source.create("new");
        pair.instances[1].invalidate("new").await.unwrap();
        slow.release();
        assert_eq!(reader.await.unwrap().unwrap().found, None);
        for instance in &pair.instances {
            assert!(instance.read("new").await.unwrap().found.is_some(), "{}", pair.form);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_negative_ttl_of_zero_remembers_nothing() {
    let caching = CachingSettings { negative_ttl: Duration::ZERO, ..caching() };
    for spec in sound_forms(&caching) {
        let pair = Pair::of(&spec);
        for round in 1..=3 {
            assert_eq!(pair.instances[0].read("none").await.unwrap().outcome, ReadOutcome::Miss);
            assert_eq!(pair.source.loads(), round, "{}", pair.form);
            assert_eq!(pair.local.get("thing:none").await, Ok(None), "{}", pair.form);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_write_to_an_absent_document_says_so_and_caches_nothing() {
    for spec in sound_forms(&caching()) {
        let pair = Pair::of(&spec);
        assert_eq!(pair.instances[0].write("none", &price(1)).await, Ok(None), "{}", pair.form);
        assert_eq!(pair.local.get("thing:none").await, Ok(None), "{}", pair.form);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]
    #[test]
    fn jitter_shortens_a_time_to_live_by_at_most_its_share(jitter in 0.0_f64..=1.0, ttl_millis in 1_u64..100_000_000) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
        let ttls = runtime.unwrap().block_on(async {
            let ttl = Some(Duration::from_millis(ttl_millis));
            let caching = CachingSettings { ttl_jitter: Share::new(jitter).unwrap(), ..caching() };
            let cache = FlakyCache::over(local_cache(10));
            let source = ScriptedSource::of(&["a"], ttl);
            let strategy = sound_forms(&caching)[0].build(cache.clone(), source);
            for _ in 0..20 {
                strategy.read("a").await.unwrap();
                cache.delete("thing:a").await.unwrap();
            }
            cache.with.ttls()
        });
        prop_assert_eq!(ttls.len(), 20);
        let longest = ttl_millis as f64 / 1000.0;
        let shortest = longest * (1.0 - jitter);
        for ttl in &ttls {
            let seconds = ttl.expect("it has a time to live").as_secs_f64();
            // A cache counts in milliseconds, so no time to live is shorter than one.
            prop_assert!(seconds <= longest + 1e-9 && seconds >= shortest - 1e-9, "{} of {}", seconds, longest);
        }
        // Where there is jitter they differ, unless a millisecond is too short for that.
        let differ = ttls.iter().any(|ttl| *ttl != ttls[0]);
        prop_assert!(differ || jitter < 0.01 || ttl_millis < 100);
    }
}
