//! Strategies that listen for changes, step by step.

use super::*;
use crate::strategy::{ReadOutcome, change_stream, near_cache};

fn near(change: impl FnOnce(&mut near_cache::Own)) -> StrategySpec {
    let mut own = near_cache::Own::default();
    change(&mut own);
    StrategySpec::NearCache(near_cache::Spec { own, ..Default::default() })
}

fn stream() -> StrategySpec {
    StrategySpec::ChangeStream(change_stream::Spec::default())
}

/// Two instances that listen, with "a" cached and near the first.
async fn pair_with_a_copy(spec: &StrategySpec) -> Pair {
    let pair = Pair::of(spec);
    settle().await;
    assert_eq!(read(&pair.instances[0]).await, (ReadOutcome::Miss, 1));
    settle().await;
    assert_eq!(read(&pair.instances[0]).await, (ReadOutcome::Hit, 1));
    let gets = pair.ways[0].calls(Method::Get);
    assert_eq!(read(&pair.instances[0]).await, (ReadOutcome::Hit, 1));
    assert_eq!(pair.ways[0].calls(Method::Get), gets, "it is near: no command at all");
    pair
}

#[tokio::test(start_paused = true)]
async fn a_change_by_another_instance_reaches_the_copy_and_the_writer_never_reads_its_old_one() {
    for on_write in [OnWrite::Invalidate, OnWrite::Update] {
        for writer in [0, 1] {
            let pair = pair_with_a_copy(&near(|own| own.on_write = on_write)).await;
            assert_eq!(pair.instances[writer].write("a", &price(5)).await, Ok(Some(2)));
            assert_eq!(read(&pair.instances[writer]).await.1, 2, "{on_write:?}: its own write, at once");
            settle().await;
            for instance in &pair.instances {
                assert_eq!(read(instance).await.1, 2, "{on_write:?} writer {writer}");
            }
        }
    }
}

/// Says that a call was reached, and waits to be let go.
type Stop = (oneshot::Sender<()>, oneshot::Receiver<()>);

/// Holds the answer of the next GET on its way back, until it is told to let it go.
#[derive(Debug, Clone, Default)]
struct SlowReply(Arc<Mutex<Option<Stop>>>);

impl Interference for SlowReply {
    async fn after(&self, method: Method) {
        let held = if method == Method::Get { self.0.lock().take() } else { None };
        if let Some((reached, release)) = held {
            let _ = reached.send(());
            let _ = release.await;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn an_announcement_that_overtakes_a_reply_keeps_the_old_document_from_being_kept() {
    let local = local_cache(100);
    let source = ScriptedSource::of(&["a"], None);
    let slow = SlowReply::default();
    let reader =
        Arc::new(near(|_| {}).build(Interfered { cache: local.clone(), with: slow.clone() }, source.clone()));
    let writer = near(|_| {}).build(local.clone(), source.clone());
    settle().await;
    reader.read("a").await.unwrap();
    settle().await;
    let (reached, was_reached) = oneshot::channel();
    let (release, released) = oneshot::channel();
    *slow.0.lock() = Some((reached, released));
    let held = spawn({
        let reader = Arc::clone(&reader);
        async move { reader.read("a").await }
    });
    was_reached.await.unwrap();
    assert_eq!(writer.write("a", &price(5)).await, Ok(Some(2)));
    settle().await;
    release.send(()).unwrap();
    let old = held.await.unwrap().unwrap();
    assert_eq!(old.found.map(|(version, _)| version), Some(1), "it was asked before the write");
    let next = reader.read("a").await.unwrap();
    assert_eq!(next.found.map(|(version, _)| version), Some(2), "the old answer was not kept");
}

#[tokio::test(start_paused = true)]
async fn a_copy_is_served_for_no_longer_than_its_own_time_to_live() {
    let pair = pair_with_a_copy(&near(|_| {})).await;
    let gets = pair.ways[0].calls(Method::Get);
    tokio::time::advance(Duration::from_secs(10)).await;
    read(&pair.instances[0]).await;
    assert_eq!(pair.ways[0].calls(Method::Get), gets + 1);
}

#[tokio::test(start_paused = true)]
async fn a_copy_ends_with_the_shared_entry_that_it_was_made_of_and_so_no_answer_is_older_than_that_lives() {
    let source = ScriptedSource::of(&["a"], Some(Duration::from_secs(12)));
    let reader = near(|_| {}).build(local_cache(100), source.clone());
    let version = async || reader.read("a").await.unwrap().found.map(|(version, _)| version);
    settle().await;
    assert_eq!(version().await, Some(1));
    tokio::time::advance(Duration::from_secs(8)).await;
    assert_eq!(version().await, Some(1), "near, with four seconds left of the entry's own");
    // Somebody who does not know of the cache.
    source.update("a", &price(5)).await.unwrap();
    tokio::time::advance(Duration::from_secs(3)).await;
    assert_eq!(version().await, Some(1), "as old as it may get");
    tokio::time::advance(Duration::from_secs(1)).await;
    assert_eq!(version().await, Some(2));
}

#[tokio::test(start_paused = true)]
async fn while_nothing_is_announced_nothing_is_kept_near() {
    let spec = near(|_| {});
    let local = local_cache(100);
    let cache = FlakyCache::over(local.clone());
    cache.with.fail(Method::Track, ErrorKind::Connection, 3);
    let instance = spec.build(cache.clone(), ScriptedSource::of(&["a"], None));
    settle().await;
    for reads in 1..=4 {
        instance.read("a").await.unwrap();
        assert_eq!(cache.with.calls(Method::Get), reads, "each read asks the cache");
    }
    tokio::time::sleep(Duration::from_secs(5)).await;
    for _ in 0..4 {
        instance.read("a").await.unwrap();
    }
    assert_eq!(cache.with.calls(Method::Get), 5, "announced again: asked once, and kept");
}

#[tokio::test(start_paused = true)]
async fn a_flush_of_the_cache_takes_the_copies_too() {
    let pair = pair_with_a_copy(&near(|_| {})).await;
    pair.local.clear();
    settle().await;
    assert_eq!(read(&pair.instances[0]).await.0, ReadOutcome::Miss);
}

#[tokio::test(start_paused = true)]
async fn no_more_copies_are_kept_than_there_is_room_for() {
    let spec = near(|own| own.near_capacity = std::num::NonZeroU64::new(2).unwrap());
    let pair = Pair::of(&spec);
    for id in ["b", "c"] {
        pair.source.create(id);
    }
    settle().await;
    let instance = &pair.instances[0];
    for _ in 0..2 {
        for id in ["a", "b", "c"] {
            instance.read(id).await.unwrap();
            settle().await;
        }
    }
    let gets = pair.ways[0].calls(Method::Get);
    for id in ["c", "b"] {
        instance.read(id).await.unwrap();
    }
    assert_eq!(pair.ways[0].calls(Method::Get), gets, "the two read last are near");
    instance.read("a").await.unwrap();
    assert_eq!(pair.ways[0].calls(Method::Get), gets + 1, "the one before them is not");
}

fn changed(version: u64) -> Announced {
    Announced::Changed { id: "a".into(), version: Some(version) }
}

#[tokio::test(start_paused = true)]
async fn a_write_is_seen_once_the_database_has_told_of_it_whoever_wrote() {
    let pair = Pair::of(&stream());
    settle().await;
    read(&pair.instances[0]).await;
    assert_eq!(pair.instances[1].write("a", &price(5)).await, Ok(Some(2)));
    assert_eq!(read(&pair.instances[0]).await, (ReadOutcome::Hit, 1), "it promises no more until then");
    pair.source.announce(&changed(2));
    settle().await;
    assert_eq!(read(&pair.instances[0]).await, (ReadOutcome::Miss, 2));
    // Somebody who does not know of the cache.
    pair.source.update("a", &price(6)).await.unwrap();
    pair.source.announce(&changed(3));
    settle().await;
    for instance in &pair.instances {
        assert_eq!(read(instance).await.1, 3);
    }
}

#[tokio::test(start_paused = true)]
async fn a_load_under_way_when_a_change_is_told_of_fills_nothing() {
    let pair = Pair::of(&stream());
    settle().await;
    let mut slow = pair.source.hold(Point::AfterRead);
    let reader = read_of(&pair.instances[0]);
    slow.reached().await;
    pair.instances[1].write("a", &price(5)).await.unwrap();
    pair.source.announce(&changed(2));
    settle().await;
    slow.release();
    reader.await.unwrap().unwrap();
    for instance in &pair.instances {
        assert_eq!(read(instance).await.1, 2);
    }
}

#[tokio::test(start_paused = true)]
async fn a_drain_waits_for_the_stream_to_tell_of_every_own_write() {
    let pair = Pair::of(&stream());
    settle().await;
    pair.instances[0].write("a", &price(5)).await.unwrap();
    pair.instances[0].write("a", &price(6)).await.unwrap();
    pair.source.announce(&changed(2));
    let bound = Duration::from_secs(1);
    assert_eq!(pair.instances[0].drain(bound).await.unwrap_err().kind, ErrorKind::Timeout);
    assert_eq!(pair.instances[1].drain(bound).await, Ok(()), "it has written nothing");
    pair.source.announce(&changed(3));
    assert_eq!(pair.instances[0].drain(bound).await, Ok(()));
}

#[tokio::test(start_paused = true)]
async fn while_changes_are_missed_a_write_invalidates_by_itself() {
    let pair = Pair::of(&stream());
    settle().await;
    read(&pair.instances[0]).await;
    pair.source.announce(&Announced::Missed);
    settle().await;
    pair.instances[1].write("a", &price(5)).await.unwrap();
    assert_eq!(read(&pair.instances[0]).await, (ReadOutcome::Miss, 2));
}

#[test]
fn a_copy_of_an_entry_that_may_itself_be_old_grows_no_older_than_that_entry_may() {
    use crate::strategy::{Circumstances, OnCacheError, Staleness};
    let (ttl, load) = (Duration::from_hours(1), Duration::from_secs(5));
    let promise = |on_cache_error| {
        let caching = CachingSettings { on_cache_error, ..CachingSettings::default() };
        let spec = near_cache::Spec { own: near_cache::Own::default(), caching };
        StrategySpec::NearCache(spec)
            .promise()
            .guarantee(&Circumstances {
                undisturbed: false,
                application_crashes: false,
                cache_loses_entries: false,
                ttl: Some(ttl),
                longest_load: load,
                cache_out_of_reach: true,
            })
            .staleness
    };
    let near = Duration::from_secs(10) + load;
    assert_eq!(promise(OnCacheError::Fail), Staleness::Within(near));
    assert_eq!(promise(OnCacheError::Bypass), Staleness::Within(ttl));
}
