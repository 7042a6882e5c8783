//! What `hotset curve` is asked for.

use std::num::NonZeroU64;
use std::path::PathBuf;

use super::error::SizingError;
use crate::load::trace::OnBroken;
use crate::model::curve::WritePolicy;
use crate::model::eviction::PolicyKind;
use crate::topology::settings::Capacity;

/// The request for a simulation.
#[derive(Debug, Clone)]
pub struct SimulationRequest {
    /// A curve for each of these; none for all that can be simulated.
    pub policies: Vec<PolicyKind>,
    /// A point for each of these; none for about sixteen between a thousandth of the keys and all of them.
    pub capacities: Vec<Capacity>,
    /// The trace that is simulated instead of the scenario's operations.
    pub trace: Option<PathBuf>,
    /// The treatment of broken lines in the trace.
    pub on_broken: OnBroken,
    /// The number of operations that count; as many fill the caches before that. A trace counts from its first to its
    /// last.
    pub operations: Option<NonZeroU64>,
    /// The effect of writes on the cache; left out, what the strategies do, or did where the trace was recorded.
    pub on_write: Option<WritePolicy>,
    /// The share of the keys to simulate; left out, it depends on how many there are.
    pub rate: Option<f64>,
    /// True where the entries of a trace expire by its own times and times to live.
    pub expire: bool,
}

impl SimulationRequest {
    /// Returns true if any capacity is in bytes.
    pub(super) fn has_bytes(&self) -> bool {
        self.capacities.iter().any(|capacity| matches!(capacity, Capacity::Bytes(_)))
    }

    /// Returns true if keys are not enough: their objects' sizes or times to live matter.
    pub(super) fn is_of_objects(&self) -> bool {
        self.expire || self.has_bytes()
    }

    /// The policies that were asked for, or all that can be simulated.
    pub(super) fn simulated_policies(&self) -> Vec<PolicyKind> {
        if !self.policies.is_empty() {
            return self.policies.clone();
        }
        let can_be = |policy: &PolicyKind| !(self.has_bytes() && policy.divides_its_cache());
        PolicyKind::ALL.into_iter().filter(can_be).collect()
    }

    /// Refuses what sizes and times to live cannot be simulated with.
    pub(super) fn check(&self) -> Result<(), SizingError> {
        if !self.is_of_objects() {
            return Ok(());
        }
        if self.trace.is_none() {
            return Err(SizingError::ObjectsOfScenario);
        }
        if self.has_bytes() && !self.capacities.iter().all(|capacity| matches!(capacity, Capacity::Bytes(_)))
        {
            return Err(SizingError::MixedCapacities);
        }
        if self.rate.is_some() {
            return Err(SizingError::SampledObjects);
        }
        match self.simulated_policies().into_iter().find(|policy| policy.divides_its_cache()) {
            Some(policy) if self.has_bytes() => Err(SizingError::DividedCache(policy)),
            _ => Ok(()),
        }
    }
}
