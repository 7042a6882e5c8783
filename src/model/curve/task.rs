//! What one thread of a sweep does: simulate, as long as accesses come in.

use std::num::NonZeroU32;
use std::sync::mpsc::Receiver;

use super::broadcast::WorkerMessage;
use super::{Sampling, Simulation, StackDistances, Tally};
use crate::model::eviction::PolicyKind;

/// The cost of all capacities of LRU in one pass, in simulations of one capacity; about.
pub(super) const COST_OF_STACK_DISTANCES: usize = 3;

/// The work that one thread does in one go.
#[derive(Debug)]
pub(super) enum Task {
    /// LRU at these capacities.
    AllOfLru(StackDistances, Vec<NonZeroU32>, Sampling),
    /// A policy at a capacity.
    One(PolicyKind, NonZeroU32, Simulation),
}

/// The result of a policy at a capacity, among the sampled keys.
#[derive(Debug)]
pub(super) struct TaskResult {
    pub(super) policy: PolicyKind,
    pub(super) capacity: NonZeroU32,
    pub(super) tally: Tally,
}

impl Task {
    /// Returns the cost of the task, in simulations of one capacity; about.
    pub(super) fn cost(&self) -> usize {
        match self {
            Self::AllOfLru(..) => COST_OF_STACK_DISTANCES,
            Self::One(..) => 1,
        }
    }

    fn take_in(&mut self, message: &WorkerMessage) {
        match (self, message) {
            (Self::AllOfLru(distances, ..), WorkerMessage::Accesses(accesses)) => {
                for &access in accesses.iter() {
                    distances.access(access);
                }
            }
            (Self::One(_, _, simulation), WorkerMessage::Accesses(accesses)) => {
                for &access in accesses.iter() {
                    simulation.access(access);
                }
            }
            (Self::AllOfLru(distances, ..), WorkerMessage::ForgetTally) => distances.forget_tally(),
            (Self::One(_, _, simulation), WorkerMessage::ForgetTally) => simulation.forget_tally(),
        }
    }

    fn outcomes(self) -> Vec<TaskResult> {
        match self {
            Self::AllOfLru(distances, capacities, sampling) => {
                let outcome = |capacity| {
                    let tally = distances.tally(sampling.scaled(capacity));
                    TaskResult { policy: PolicyKind::Lru, capacity, tally }
                };
                capacities.into_iter().map(outcome).collect()
            }
            Self::One(policy, capacity, simulation) => {
                vec![TaskResult { policy, capacity, tally: simulation.tally() }]
            }
        }
    }
}

/// A thread's work: all its tasks take in each message until there are no more.
pub(super) fn simulate(mut tasks: Vec<Task>, messages: &Receiver<WorkerMessage>) -> Vec<TaskResult> {
    for message in messages {
        for task in &mut tasks {
            task.take_in(&message);
        }
    }
    tasks.into_iter().flat_map(Task::outcomes).collect()
}
