//! Hit rate against capacity, by simulation of a stream of accesses.
//!
//! [`Simulation`] runs one policy at one capacity. [`StackDistances`] finds what LRU does at every
//! capacity in one pass. [`Sampling`] keeps a small part of the keys that stands for all of them.
//! [`Sweep`] streams accesses once through as many of these as are wanted, on all cores, and returns
//! a [`Curve`] for each policy. [`ObjectSimulation`] and [`ObjectSweep`] do the same for objects that have sizes and may
//! expire, which neither stack distances nor samples are made for.

mod access;
mod broadcast;
mod cache_size;
mod hit_rate;
mod key_index;
mod object_access;
mod object_cache;
mod object_sweep;
mod shards;
mod simulate;
mod stack_distance;
mod sweep;
mod task;
mod time_line;

#[cfg(test)]
mod testing;

pub use self::access::{Access, AccessKind, StreamTotals, Tally, WritePolicy};
pub use self::cache_size::CacheSize;
pub use self::hit_rate::{ByteCounts, Curve, NotReached, Point};
use self::key_index::KeyIndex;
pub use self::key_index::Keys;
pub use self::object_access::{NEVER, ObjectAccess, ObjectAccessKind, ObjectTally, ReadTotals};
pub use self::object_cache::ObjectSimulation;
pub use self::object_sweep::{ObjectOutcome, ObjectSweep};
pub use self::shards::{RateOutOfRange, Sampling};
pub use self::simulate::Simulation;
pub use self::stack_distance::StackDistances;
pub use self::sweep::Sweep;
