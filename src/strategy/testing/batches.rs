//! Reads of several entities together.

use super::*;
use crate::scenario::{Mistakes, Reader, SourceLocation, Table};
use crate::store::gathering;
use crate::store::{DelayedCache, RoundTrip};
use crate::strategy::{REGISTRY, Staleness};

const SECOND: Duration = Duration::from_secs(1);
/// Two more are asked for, and were never there.
const IDS: [&str; 8] = ["0", "1", "2", "3", "4", "5", "6", "7"];

#[tokio::test(start_paused = true)]
async fn under_every_strategy_a_batch_returns_what_as_many_single_reads_return() {
    for row in REGISTRY {
        let (nothing, mistakes) = (Table::empty(SourceLocation::Option(String::new())), Mistakes::default());
        let spec = (row.read)(&Reader::new(&nothing, "", &mistakes));
        // Room for fewer than there are, so that some are missing each time; not where what is evicted is lost, or where
        // what is loaded instead may be newer.
        let evicts_safely =
            !spec.promise().needs().no_eviction_of_dirty && row.guarantee().staleness == Staleness::None;
        let room = if evicts_safely { 5 } else { 100 };
        let cache = DelayedCache::new(local_cache(room), RoundTrip::new(Duration::from_millis(1)));
        let source = ScriptedSource::of(&IDS, None);
        let strategy = spec.build(cache, source.clone());
        settle().await;
        let draws = Draws::new(7);
        for _ in 0..200 {
            let ids: Vec<String> = (0..=draws.below(6)).map(|_| draws.below(10).to_string()).collect();
            if draws.below(3) == 0 {
                let (id, value) = (draws.below(8).to_string(), draws.below(1_000).cast_signed());
                let version = strategy.write(&id, &price(value)).await.unwrap();
                // What the database tells of the write has to come before the read.
                source.announce(&Announced::Changed { id: id.as_str().into(), version });
                settle().await;
                strategy.drain(SECOND).await.unwrap();
            }
            let together = gathering::together(ids.iter().map(|id| strategy.read(id))).await;
            for (id, of_batch) in ids.iter().zip(together) {
                let single = strategy.read(id).await.unwrap();
                assert_eq!(of_batch.unwrap().found, single.found, "{} {id} of {ids:?}", row.name);
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn what_a_batch_finds_missing_is_loaded_by_each_strategy_once_a_key_and_then_found() {
    for spec in sound_forms(&CachingSettings::default()) {
        let cache = DelayedCache::new(local_cache(100), RoundTrip::new(Duration::from_millis(1)));
        let source = ScriptedSource::of(&IDS, None);
        let strategy = spec.build(cache, source.clone());
        let outcomes = async || {
            let reads = gathering::together(IDS.iter().map(|id| strategy.read(id))).await;
            reads.into_iter().map(|read| read.unwrap().outcome).collect::<Vec<_>>()
        };
        assert_eq!(outcomes().await, [ReadOutcome::Miss; 8], "{}", spec.name());
        assert_eq!(source.loads(), 8, "{}", spec.name());
        assert_eq!(outcomes().await, [ReadOutcome::Hit; 8], "{}", spec.name());
        assert_eq!(source.loads(), 8, "{}", spec.name());
    }
}
