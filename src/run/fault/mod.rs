//! Things that a scenario breaks at set times.
//!
//! A fault is a file in [`kinds`]: its settings, what it is, where it makes no sense, what it takes from promises and how it
//! is carried out. The rest of the room is what such files share, and when each of a scenario's faults is due.

mod course;
mod effects;
pub mod kinds;
mod link;
mod nature;
mod scheduled;
mod surroundings;
#[cfg(test)]
mod testing;

use std::future::Future;

pub use course::{Breakable, Course, Life, Step};
pub use effects::Effects;
pub use kinds::{FaultRow, FaultSpec, REGISTRY};
pub use nature::{Aim, Lasts, Nature, Part};
pub use scheduled::ScheduledFault;
pub use surroundings::Surroundings;

use crate::scenario::Settings;
pub use crate::topology::Target;
use crate::topology::TopologyError;

/// A kind of fault, with its settings.
///
/// No method has a default, so that a new kind has to answer every question that is asked of faults.
pub trait Fault: Settings {
    /// The nature of the fault, whatever its settings.
    const NATURE: Nature;

    /// Checks that it makes sense on a topology, as far as settings say.
    ///
    /// The caller guarantees that the target is one that [`Nature::aim`] allows, and does not ask of a fault of the cache
    /// where the strategy uses none.
    ///
    /// # Errors
    /// Says what the topology lacks, or that hotset may not touch it.
    fn check(&self, target: Target, on: &Surroundings<'_>) -> Result<(), String>;

    /// Returns what it takes from the promises of strategies.
    fn effects(&self, target: Target, on: &Surroundings<'_>) -> Effects;

    /// Breaks the target now, and mends it once the time of the course is over.
    ///
    /// It tells the course what it does. Where it is dropped before it ends, it must leave nothing broken that the next cell
    /// uses too, except for nodes that are [worn out](Nature::wears_nodes_out) anyway.
    ///
    /// # Errors
    /// Says which server did not do what it was told, and why.
    fn carry_out(&self, course: &mut Course<'_>) -> impl Future<Output = Result<(), TopologyError>>;
}
