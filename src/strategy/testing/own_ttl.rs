//! Entries of one kind that each have a time to live of their own.

use super::*;
use crate::scenario::{Mistakes, Reader, SourceLocation, Table};
use crate::strategy::REGISTRY;
use crate::strategy::source::{TimesToLive, TtlTable};

const SECOND: Duration = Duration::from_secs(1);

/// Document "0" lives for ten seconds and "1" for thirty; of "2" nothing is known.
fn source() -> ScriptedSource {
    let table = TtlTable::new(Arc::new(vec![10_000, 30_000]), 3, 1.0, Some(50 * SECOND));
    ScriptedSource::with_ttls(&["0", "1", "2"], TimesToLive::OfEach(table))
}

async fn cached(cache: &LocalCache) -> [bool; 3] {
    let mut found = [false; 3];
    for (id, found) in found.iter_mut().enumerate() {
        let entry = cache.get(&format!("thing:{id}")).await.expect("a local cache does not fail");
        *found = matches!(entry, Some(Entry::Document { .. }));
    }
    found
}

#[tokio::test(start_paused = true)]
async fn under_every_strategy_each_entry_ends_at_the_end_of_its_own_time_to_live() {
    for row in REGISTRY {
        let (nothing, mistakes) = (Table::empty(SourceLocation::Option(String::new())), Mistakes::default());
        let spec = (row.read)(&Reader::new(&nothing, "", &mistakes));
        if !spec.uses_cache() {
            continue;
        }
        let local = local_cache(100);
        let source = source();
        let strategy = spec.build(FlakyCache::over(local.clone()), source.clone());
        settle().await;
        for id in ["0", "1", "2"] {
            strategy.write(id, &price(1)).await.unwrap();
            // What the database tells of the write has to come before the read.
            source.announce(&Announced::Changed { id: id.into(), version: Some(2) });
            settle().await;
            strategy.drain(SECOND).await.unwrap();
            settle().await;
            strategy.read(id).await.unwrap();
        }
        settle().await;
        assert_eq!(cached(&local).await, [true; 3], "{}", row.name);
        tokio::time::advance(11 * SECOND).await;
        assert_eq!(cached(&local).await, [false, true, true], "{}", row.name);
        tokio::time::advance(20 * SECOND).await;
        assert_eq!(cached(&local).await, [false, false, true], "{}", row.name);
        tokio::time::advance(20 * SECOND).await;
        assert_eq!(cached(&local).await, [false; 3], "{}", row.name);
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_refreshed_by_its_age_is_so_by_the_share_of_its_own_time_to_live() {
    let own =
        cache_ahead::Own { refresh_at: crate::base::units::Share::of(1, 2), ..cache_ahead::Own::default() };
    let ahead = StrategySpec::CacheAhead(cache_ahead::Spec { own, caching: CachingSettings::default() });
    let fresh_for = crate::scenario::Positive::seconds(6);
    let own = stale_while_revalidate::Own { fresh_for, on_write: OnWriteHere::None };
    let soft = stale_while_revalidate::Spec { own, caching: CachingSettings::default() };
    // At eight seconds "0" is in the second half of its ten, and "1" in the first of its thirty; both are older than six.
    for (spec, refreshed) in [(ahead, [1, 0]), (StrategySpec::StaleWhileRevalidate(soft), [1, 1])] {
        let source = source();
        let strategy = spec.build(FlakyCache::over(local_cache(100)), source.clone());
        for (id, refreshed) in ["0", "1"].into_iter().zip(refreshed) {
            strategy.read(id).await.unwrap();
            tokio::time::advance(8 * SECOND).await;
            let before = source.loads();
            strategy.read(id).await.unwrap();
            settle().await;
            assert_eq!(source.loads() - before, refreshed, "{} of {id}", spec.name());
        }
    }
}
