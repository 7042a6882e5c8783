//! Which entry goes when room is needed.
//!
//! A policy never sees keys or values. It orders *slots*, the numbers of the places in which its
//! owner keeps entries, so that a real cache and a simulation run the same code. The owner finds
//! entries, knows what they weigh and decides when room is needed; the policy decides who goes.
//!
//! ```text
//! found in the cache         → hit(slot)
//! not found, to be put in    → evict until there is room, then insert(slot, hash of the key)
//! deleted, or expired        → remove(slot)
//! ```

mod fifo;
mod frequency_sketch;
mod ghost;
mod kind;
mod lfu;
mod list;
mod lru;
mod per_slot;
mod random;
#[cfg(test)]
pub(crate) mod references;
mod s3_fifo;
mod sieve;
#[cfg(test)]
pub(crate) mod testing;
mod w_tiny_lfu;

use std::num::NonZeroU32;

pub use self::fifo::Fifo;
pub use self::kind::{AnyPolicy, PolicyKind, UnknownPolicy};
pub use self::lfu::Lfu;
pub use self::lru::Lru;
pub use self::random::Random;
pub use self::s3_fifo::S3Fifo;
pub use self::sieve::Sieve;
pub use self::w_tiny_lfu::WTinyLfu;

/// The number of the place where the owner keeps an entry. Numbers are best small and used again,
/// since policies keep arrays as long as the greatest of them.
pub type Slot = u32;

/// An order in which entries are given up. Every method takes constant time, amortised.
///
/// The caller guarantees that a slot is inserted once before it is hit or removed, and is not used
/// again before it has been removed or evicted. It makes room *before* it inserts, as the papers do.
pub trait Policy {
    /// The entry was read, or overwritten in place.
    fn hit(&mut self, slot: Slot);

    /// An entry was put in. Equal keys have equal hashes, whatever their slots: some policies
    /// remember those that they evicted. All 64 bits of the hash are used.
    fn insert(&mut self, slot: Slot, key_hash: u64);

    /// The entry was deleted or has expired. That says nothing against its key.
    fn remove(&mut self, slot: Slot);

    /// Gives up at least one entry, unless there is none, and tells `evicted` of each; the policy has
    /// forgotten them by then. It is one entry in most cases; where a paper's algorithm gives up
    /// several at once, so does the policy.
    fn evict(&mut self, evicted: &mut impl FnMut(Slot));

    /// Returns the number of entries that the policy orders.
    fn len(&self) -> usize;

    /// Returns true if there are none.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Tells the policy how many entries are expected to fit. Policies that divide the cache size their parts by it;
    /// it is not a bound. Where the budget is in bytes the owner estimates it, and may say so again when the estimate
    /// has changed.
    fn set_capacity(&mut self, entries: NonZeroU32) {
        let _ = entries;
    }
}
