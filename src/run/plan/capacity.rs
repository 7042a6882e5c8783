//! Whether a cache of the size that a scenario asks for can be: it holds an entry or more, and fits into the memory
//! that there is.

use super::scenario::Scenario;
use crate::base::memory;
use crate::base::units::ByteSize;
use crate::scenario::{Mistake, Reader};
use crate::store::local::ENTRY_OVERHEAD_BYTES;
use crate::topology::settings::Capacity;

/// Reports a capacity that cannot be.
pub(super) fn check(scenario: &Scenario, top: &Reader<'_>) {
    let Some(capacity) = scenario.cache.capacity else { return };
    let dataset = Dataset {
        documents: scenario.dataset.keys.get(),
        entry_bytes: scenario.dataset.value_size.mean_bytes() as u64 + ENTRY_OVERHEAD_BYTES,
    };
    if let Some((message, help)) = dataset.wrong_with(capacity, memory::total_bytes()) {
        let mistake = Mistake::new(top.place_of(&["cache", "capacity"]), "cache.capacity", message);
        top.mistakes().push(mistake.help(help));
    }
}

/// The dataset that is to be cached.
#[derive(Debug, Clone, Copy)]
struct Dataset {
    documents: u64,
    /// The average weight of an entry.
    entry_bytes: u64,
}

impl Dataset {
    /// Says what is wrong with a capacity, and what to do about it.
    fn wrong_with(self, capacity: Capacity, there_is: Option<u64>) -> Option<(String, String)> {
        self.too_small(capacity).or_else(|| self.too_large(capacity, there_is?))
    }

    fn too_small(self, capacity: Capacity) -> Option<(String, String)> {
        match capacity {
            Capacity::OfDataset(share) if share.get() * (self.documents as f64) < 1.0 => Some((
                format!("{}% of {} documents is less than one entry", share.percent(), self.documents),
                format!("give {}% or more, or a number of entries", 100.0 / self.documents as f64),
            )),
            Capacity::Bytes(bytes) if bytes.0 < self.entry_bytes => Some((
                format!("{bytes} is less than one entry, which weighs about {}", ByteSize(self.entry_bytes)),
                "give the cache room for many entries, or a number of them such as 10000".into(),
            )),
            _ => None,
        }
    }

    fn too_large(self, capacity: Capacity, there_is: u64) -> Option<(String, String)> {
        let (asked, what) = match capacity {
            Capacity::Bytes(bytes) => (bytes.0, format!("{bytes} is")),
            Capacity::Entries(_) | Capacity::OfDataset(_) => {
                // There are never more than the dataset has.
                let entries = capacity.entries(self.documents)?.min(self.documents);
                let asked = entries.saturating_mul(self.entry_bytes);
                (asked, format!("{entries} entries of about {} each are", ByteSize(self.entry_bytes)))
            }
        };
        (asked > there_is).then(|| {
            let fitting = there_is / 2;
            let (half, entries) = (fitting >> 20, fitting / self.entry_bytes);
            (
                format!("{what} more than the {} of memory here", ByteSize(there_is)),
                format!(
                    "give \"{half}MiB\" or {entries} entries at the most, which leaves the rest its half"
                ),
            )
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::units::Share;
    use std::num::NonZeroU64;

    const DATASET: Dataset = Dataset { documents: 1000, entry_bytes: 600 };

    fn wrong_with(capacity: Capacity) -> Option<String> {
        DATASET.wrong_with(capacity, Some(400_000)).map(|(message, help)| format!("{message}: {help}"))
    }

    #[test]
    fn a_capacity_of_less_than_an_entry_is_refused() {
        let small = wrong_with(Capacity::OfDataset(Share::of(1, 2000))).unwrap();
        assert!(small.contains("0.05% of 1000 documents is less than one entry: give 0.1%"), "{small}");
        let small = wrong_with(Capacity::Bytes(ByteSize(599))).unwrap();
        assert!(small.contains("less than one entry, which weighs about 600"), "{small}");
        assert_eq!(wrong_with(Capacity::OfDataset(Share::of(1, 1000))), None);
        assert_eq!(wrong_with(Capacity::Bytes(ByteSize(600))), None);
    }

    #[test]
    fn a_capacity_of_more_than_the_memory_is_refused() {
        let large = wrong_with(Capacity::Bytes(ByteSize(400_001))).unwrap();
        assert!(large.contains("more than the") && large.contains("333 entries at the most"), "{large}");
        let entries = |entries| Capacity::Entries(NonZeroU64::new(entries).unwrap());
        assert!(wrong_with(entries(667)).unwrap().contains("667 entries of about 600"));
        assert!(wrong_with(entries(1_000_000)).unwrap().contains("1000 entries of about"));
        assert_eq!(wrong_with(entries(666)), None);
    }
}
