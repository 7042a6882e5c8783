//! Evicts entries while the machine's memory runs short, whichever process uses it.
//!
//! Memory that a process frees often stays with its allocator, to be used again. A watcher that waited for the
//! figure to fall would empty the cache for nothing. So what was shed since the cache held most counts as free, until
//! the cache has grown by it again or the figure has fallen by as much. On a busy machine the cache may grow between a
//! look at the figure and the shedding that follows, and the figure shows it only at the next look, when the memory is
//! free already. So the cache is asked what it held at the very moment when it begins to shed.
//!
//! A shortage does not end with the first check that finds room: a figure that goes up and down around the
//! bound would otherwise begin a new shortage with each check above it, and each might evict most of what the
//! last one left.

use std::io;
use std::time::Duration;

use super::{LocalCache, LocalStatistics};
use crate::base::memory::Memory;
use crate::base::units::Share;
use crate::store::Counters;

/// The time between two checks of the memory.
const EVERY: Duration = Duration::from_millis(50);
/// One in this many of the entries that were held when memory ran short is kept in any case: another process
/// uses the memory then, and an empty cache would only add to the load.
const KEPT: u64 = 8;

/// Memory use is calm below this share of the bound.
const CALM: f64 = 7.0 / 8.0;
/// A shortage is over after this many calm checks in a row, which take a second.
const CALM_LOOKS: u32 = 20;

/// Keeps the machine's used memory below a share of the total by evicting entries of one cache.
struct Watch<G> {
    most: Share,
    gauge: G,
    /// The present shortage, from its beginning until memory has been calm for a while.
    shortage: Option<Shortage>,
}

#[derive(Debug, Clone, Copy)]
struct Shortage {
    /// Entries held when it began, or when the cache had grown back to as many.
    entries: u64,
    /// The most memory seen used, and the most that the cache held.
    used_bytes: u64,
    held_bytes: u64,
    /// The number of calm checks in a row.
    calm_looks: u32,
}

impl<G: FnMut() -> Option<Memory>> Watch<G> {
    fn new(most: Share, gauge: G) -> Self {
        Self { most, gauge, shortage: None }
    }

    /// Checks once, and evicts a quarter at a time until memory is not short any more or too little is left.
    fn check(&mut self, cache: &LocalCache) {
        let Some(memory) = (self.gauge)() else { return };
        let most = (memory.total_bytes as f64 * self.most.get()) as u64;
        let held = cache.statistics();
        let earlier = self.shortage.and_then(|shortage| shortage.after(memory.used_bytes, most, held));
        if memory.used_bytes <= most {
            self.shortage = earlier;
            return;
        }
        let mut shortage = earlier.unwrap_or_else(|| Shortage::begins(memory.used_bytes, held));
        while shortage.goes_on(memory, most, cache) {
            let shed = cache.shed_quarter();
            shortage.held_bytes = shortage.held_bytes.max(shed.held_bytes);
            if shed.entries == 0 {
                break;
            }
        }
        self.shortage = Some(shortage);
    }
}

impl Shortage {
    fn begins(used_bytes: u64, held: LocalStatistics) -> Self {
        Self { entries: held.entries, used_bytes, held_bytes: held.bytes, calm_looks: 0 }
    }

    /// The shortage after another check; `None` if it is over.
    fn after(self, used_bytes: u64, most: u64, held: LocalStatistics) -> Option<Self> {
        let is_calm = (used_bytes as f64) < most as f64 * CALM;
        let calm_looks = if is_calm { self.calm_looks + 1 } else { 0 };
        if calm_looks >= CALM_LOOKS {
            return None;
        }
        // Where the figure has fallen by all that was shed, no more of it is with the allocator. That the figure rises
        // says nothing about it: others may use more, or it shows late what the cache held before it shed.
        let (used_bytes, held_bytes) = if used_bytes <= self.without_shed(held) {
            (used_bytes, held.bytes)
        } else {
            (self.used_bytes.max(used_bytes), self.held_bytes.max(held.bytes))
        };
        Some(Self { entries: self.entries.max(held.entries), used_bytes, held_bytes, calm_looks })
    }

    /// The highest memory use, less the bytes that were evicted since.
    fn without_shed(self, held: LocalStatistics) -> u64 {
        self.used_bytes.saturating_sub(self.held_bytes.saturating_sub(held.bytes))
    }

    fn goes_on(self, memory: Memory, most: u64, cache: &LocalCache) -> bool {
        let held = cache.statistics();
        let used = memory.used_bytes.min(self.without_shed(held));
        // Another quarter may go only if one in [`KEPT`] is left after it.
        used > most && held.entries * 3 / 4 >= self.entries.div_ceil(KEPT)
    }
}

impl LocalCache {
    /// From now on evicts a quarter of the entries at a time, in the policy's order, while more than a share
    /// of the memory is used; see
    /// [`LocalStatistics::evicted_by_pressure`](super::LocalStatistics::evicted_by_pressure). A thread of its
    /// own checks twenty times a second; it ends with the last handle of the cache.
    ///
    /// # Errors
    /// Returns an error if the operating system cannot start a thread.
    pub fn watch_memory(
        &self,
        most: Share,
        gauge: impl FnMut() -> Option<Memory> + Send + 'static,
    ) -> io::Result<()> {
        let store = std::sync::Arc::downgrade(&self.store);
        let mut watch = Watch::new(most, gauge);
        let look = move || {
            while let Some(store) = store.upgrade() {
                watch.check(&Self { store, counters: Counters::default() });
                std::thread::sleep(EVERY);
            }
        };
        std::thread::Builder::new().name("hotset-memory".into()).spawn(look).map(drop)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::local::{ENTRY_OVERHEAD_BYTES, LocalCapacity};
    use crate::store::{Cache as _, Entry};
    use futures_util::FutureExt as _;

    const TOTAL: u64 = 1_000_000;
    /// The weight of a key of four letters with a mark of absence.
    const WEIGHT: u64 = 4 + 9 + ENTRY_OVERHEAD_BYTES;

    fn put(cache: &LocalCache, keys: std::ops::Range<u32>) {
        for key in keys {
            let put = cache.set(&format!("{key:04}"), &Entry::Absent, None).now_or_never();
            assert_eq!(put, Some(Ok(())));
        }
    }

    fn cache_of(entries: u32) -> LocalCache {
        let cache = LocalCache::new(LocalCapacity::Entries(u64::MAX), Counters::default());
        put(&cache, 0..entries);
        cache
    }

    /// A watch of half of the memory, with a gauge that the test sets by the bytes that the cache holds.
    fn watch(cache: &LocalCache, mut used: impl FnMut(u64) -> u64) -> Watch<impl FnMut() -> Option<Memory>> {
        let cache = cache.clone();
        let gauge = move || Some(Memory { used_bytes: used(cache.statistics().bytes), total_bytes: TOTAL });
        Watch::new(Share::of(1, 2), gauge)
    }

    #[test]
    fn nothing_is_shed_while_there_is_room() {
        let cache = cache_of(100);
        watch(&cache, |_| TOTAL / 2).check(&cache);
        assert_eq!(cache.statistics().entries, 100);
    }

    #[test]
    fn quarters_are_shed_until_memory_is_no_longer_short() {
        let cache = cache_of(1000);
        // An excess of a hundred entries' weight takes one quarter; one of four hundred takes two.
        for (others, left) in [(TOTAL / 2 - 900 * WEIGHT, 750), (TOTAL / 2 - 500 * WEIGHT, 423)] {
            watch(&cache, |held| others + held).check(&cache);
            assert_eq!(cache.statistics().entries, left);
        }
        assert_eq!(cache.statistics().evicted_by_pressure, 1000 - 423);
    }

    #[test]
    fn memory_that_the_allocator_keeps_does_not_empty_the_cache() {
        let cache = cache_of(1000);
        let mut highest = 0;
        let others = TOTAL / 2 - 900 * WEIGHT;
        let mut watch = watch(&cache, |held| {
            highest = highest.max(others + held);
            highest
        });
        (0..10).for_each(|_| watch.check(&cache));
        assert_eq!(cache.statistics().entries, 750);
        put(&cache, 2000..2200);
        watch.check(&cache);
        assert_eq!(cache.statistics().entries, 713, "what has grown into that memory again is shed again");
    }

    #[test]
    fn what_others_use_does_not_drain_the_cache() {
        let cache = cache_of(1000);
        let mut watch = watch(&cache, |_| TOTAL);
        (0..100).for_each(|_| watch.check(&cache));
        let left = cache.statistics().entries;
        assert!((125..250).contains(&left), "{left}");
    }

    #[test]
    fn a_dip_of_the_figure_does_not_begin_another_shortage() {
        let cache = cache_of(1000);
        let mut looks = (0..).map(|look: u64| if look.is_multiple_of(2) { 100 * WEIGHT } else { 0 });
        let mut watch = watch(&cache, |_| TOTAL / 2 + looks.next().unwrap_or(0));
        (0..200).for_each(|_| watch.check(&cache));
        assert_eq!(cache.statistics().entries, 750);
    }

    #[test]
    fn what_others_take_and_give_back_again_and_again_does_not_drain_the_cache() {
        let cache = cache_of(1000);
        let mut looks = (0..).map(|look: u64| if look.is_multiple_of(2) { TOTAL } else { TOTAL / 4 });
        let mut watch = watch(&cache, |_| looks.next().unwrap_or(0));
        (0..200).for_each(|_| watch.check(&cache));
        let left = cache.statistics().entries;
        assert!((125..250).contains(&left), "{left}");
    }

    #[test]
    fn what_is_given_back_to_the_system_and_taken_by_others_is_shed_again() {
        let cache = cache_of(1000);
        let too_much = TOTAL / 2 + 100 * WEIGHT;
        let mut looks = [too_much, too_much - 250 * WEIGHT, too_much].into_iter();
        let mut watch = watch(&cache, |_| looks.next().unwrap_or(0));
        (0..3).for_each(|_| watch.check(&cache));
        assert_eq!(cache.statistics().entries, 563);
    }

    #[test]
    fn after_a_second_of_calm_a_shortage_is_one_of_its_own() {
        let cache = cache_of(1000);
        let shorts = [TOTAL].into_iter().chain([TOTAL / 4; CALM_LOOKS as usize]);
        let mut looks = shorts.cycle();
        let mut watch = watch(&cache, |_| looks.next().unwrap_or(0));
        (0..CALM_LOOKS + 2).for_each(|_| watch.check(&cache));
        assert_eq!(cache.statistics().entries, 19, "about an eighth of an eighth");
    }

    #[test]
    fn a_cache_that_has_grown_back_is_in_a_shortage_of_its_own() {
        let cache = cache_of(1000);
        let mut watch = watch(&cache, |_| TOTAL);
        watch.check(&cache);
        put(&cache, 2000..4000);
        let grown = cache.statistics().entries;
        watch.check(&cache);
        let left = cache.statistics().entries;
        assert!((grown.div_ceil(8)..grown.div_ceil(4)).contains(&left), "{left} of {grown}");
    }

    #[test]
    fn what_grew_between_the_look_and_the_shedding_is_free_once_it_is_shed() {
        let cache = cache_of(1000);
        let others = TOTAL / 2 - 900 * WEIGHT;
        let (mut highest, mut looks, growing) = (0, 0, cache.clone());
        let mut watch = watch(&cache, move |held| {
            highest = highest.max(others + held);
            looks += 1;
            if looks == 1 {
                // The figure has been read; by the time the cache is looked at, it holds twice as much.
                put(&growing, 2000..3000);
                let seen = highest;
                highest = others + 2000 * WEIGHT;
                return seen;
            }
            highest
        });
        (0..10).for_each(|_| watch.check(&cache));
        assert_eq!(cache.statistics().entries, 844, "quarters of 2000 until 900 fit");
    }

    #[test]
    fn a_figure_that_rises_a_little_does_not_forget_what_was_shed() {
        let cache = cache_of(1000);
        let too_much = TOTAL / 2 + 100 * WEIGHT;
        let mut looks = (0..).map(|look| too_much + look);
        let mut watch = watch(&cache, |_| looks.next().unwrap_or(0));
        (0..10).for_each(|_| watch.check(&cache));
        assert_eq!(cache.statistics().entries, 750);
    }

    #[test]
    fn the_watcher_ends_with_the_cache() {
        let (sender, ended) = std::sync::mpsc::channel::<()>();
        let cache = cache_of(1);
        let gauge = move || {
            let _ = &sender;
            None
        };
        cache.watch_memory(Share::of(1, 2), gauge).unwrap();
        drop(cache);
        let disconnected = ended.recv_timeout(Duration::from_secs(20));
        assert_eq!(disconnected, Err(std::sync::mpsc::RecvTimeoutError::Disconnected));
    }
}
