//! Many policies and capacities over one stream, on several threads.

use std::collections::BTreeSet;
use std::num::{NonZeroU32, NonZeroUsize};
use std::sync::mpsc;
use std::thread;

use super::broadcast::Broadcast;
use super::task::{COST_OF_STACK_DISTANCES, Task, TaskResult, simulate};
use super::{
    Access, CacheSize, Curve, Keys, Point, Sampling, Simulation, StackDistances, StreamTotals, WritePolicy,
};
use crate::model::eviction::PolicyKind;

/// Chunks of accesses that may wait for a thread; the stream is read no further ahead.
const CHUNKS_AHEAD: usize = 4;
/// The bytes that a simulation takes for each key of the stream that is sampled, for its number.
const BYTES_A_KEY: u64 = 4;
/// The bytes that the stack distances take beyond that.
const BYTES_A_PLACE: u64 = 8;
/// The bytes that a simulation takes for each entry that it holds, under the policy that takes most.
const BYTES_AN_ENTRY: u64 = 80;
/// The bytes that numbering takes for each key that has no number.
const BYTES_A_NUMBER: u64 = 32;

/// A request for simulated curves.
///
/// Each simulation takes about 4 bytes for each key of the stream that is sampled and 20 to 80 for each
/// entry that fits; LRU takes the former and 8 more for each key, once for all capacities.
#[derive(Debug, Clone)]
pub struct Sweep {
    /// A curve for each of these, in this order.
    pub policies: Vec<PolicyKind>,
    /// A point for each of these, in any order.
    pub capacities: Vec<NonZeroU32>,
    /// The effect of writes on the cache.
    pub on_write: WritePolicy,
    /// The kind of the stream's keys.
    pub keys: Keys,
    /// The keys that are simulated.
    pub sampling: Sampling,
    /// So many accesses at the start fill the caches and are not counted.
    pub uncounted: u64,
    /// The number of threads that simulate. One more reads the stream: the caller's.
    pub threads: NonZeroUsize,
    /// For policies that draw lots.
    pub seed: u64,
}

impl Sweep {
    /// Streams the accesses once through all simulations. The stream need not fit in memory; its first
    /// error ends the sweep. `progress` is told now and then how many accesses have been read.
    pub fn run<E>(
        &self,
        stream: impl IntoIterator<Item = Result<Access, E>>,
        progress: impl FnMut(u64),
    ) -> Result<Vec<Curve>, E> {
        let capacities = self.ascending_capacities();
        thread::scope(|scope| {
            let (senders, workers): (Vec<_>, Vec<_>) = self
                .share_out(&capacities)
                .into_iter()
                .map(|tasks| {
                    let (sender, receiver) = mpsc::sync_channel(CHUNKS_AHEAD);
                    (sender, scope.spawn(move || simulate(tasks, &receiver)))
                })
                .unzip();
            let numbering = self.numbering();
            let broadcast = Broadcast::new(self.sampling, numbering, self.uncounted, senders);
            let all = broadcast.run(self.on_write, stream, progress);
            // Joined even after an error: the threads end when their channels do.
            let results = workers.into_iter().flat_map(|worker| match worker.join() {
                Ok(results) => results,
                Err(panic) => std::panic::resume_unwind(panic),
            });
            let results: Vec<TaskResult> = results.collect();
            Ok(self.curves(&results, all?))
        })
    }

    fn ascending_capacities(&self) -> Vec<NonZeroU32> {
        let mut capacities = self.capacities.clone();
        capacities.sort_unstable();
        capacities.dedup();
        capacities
    }

    /// The tasks of each thread: the dearest first, each to the thread with the least to do.
    fn share_out(&self, capacities: &[NonZeroU32]) -> Vec<Vec<Task>> {
        let policies: BTreeSet<_> = self.policies.iter().copied().collect();
        let mut tasks: Vec<_> =
            policies.into_iter().flat_map(|policy| self.tasks(policy, capacities)).collect();
        tasks.sort_by_key(|task| std::cmp::Reverse(task.cost()));
        let mut shares: Vec<(usize, Vec<Task>)> = (0..self.threads.get()).map(|_| (0, Vec::new())).collect();
        for task in tasks {
            if let Some((cost, share)) = shares.iter_mut().min_by_key(|(cost, _)| *cost) {
                *cost += task.cost();
                share.push(task);
            }
        }
        shares.into_iter().map(|(_, share)| share).filter(|share| !share.is_empty()).collect()
    }

    /// LRU's capacities are one task where that is cheaper, every other policy's are one each.
    fn tasks(&self, policy: PolicyKind, capacities: &[NonZeroU32]) -> Vec<Task> {
        if Self::is_one_pass(policy, capacities) {
            let distances = StackDistances::new(self.on_write, self.simulated_keys());
            return vec![Task::AllOfLru(distances, capacities.to_vec(), self.sampling)];
        }
        let one = |&capacity| {
            let scaled = self.sampling.scaled(capacity);
            let simulation = Simulation::new(policy, scaled, self.on_write, self.simulated_keys(), self.seed);
            Task::One(policy, capacity, simulation)
        };
        capacities.iter().map(one).collect()
    }

    /// Returns the kind of keys that simulations see: numbers, given by the [`Broadcast`] where they have none.
    fn simulated_keys(&self) -> Keys {
        match self.keys {
            Keys::Numbered(_) if self.sampling == Sampling::ALL => self.keys,
            Keys::Numbered(_) | Keys::Hashed => Keys::Numbered(0),
        }
    }

    /// Returns the kind of keys that are looked up to get numbers. Of numbered keys only the sampled ones are, which
    /// are few among all.
    fn numbering(&self) -> Option<Keys> {
        (self.simulated_keys() != self.keys).then_some(Keys::Hashed)
    }

    /// About how much memory the simulations take of a stream of so many keys; at most, where they are so many.
    #[must_use]
    pub fn memory_bytes(&self, keys: u64) -> u64 {
        let sampled = (keys as f64 * self.sampling.rate()).ceil() as u64;
        let policies: BTreeSet<_> = self.policies.iter().collect();
        let of_policy = |policy: &PolicyKind, capacities: &[NonZeroU32]| -> u64 {
            if Self::is_one_pass(*policy, capacities) {
                return sampled.saturating_mul(BYTES_A_KEY + BYTES_A_PLACE);
            }
            let held = |capacity: &NonZeroU32| sampled.min(self.sampling.scaled(*capacity).get().into());
            let entries: u64 = capacities.iter().map(held).sum();
            let keys = sampled.saturating_mul(BYTES_A_KEY).saturating_mul(capacities.len() as u64);
            keys.saturating_add(entries.saturating_mul(BYTES_AN_ENTRY))
        };
        let capacities = self.ascending_capacities();
        let numbers = if self.numbering().is_some() { sampled.saturating_mul(BYTES_A_NUMBER) } else { 0 };
        policies.into_iter().map(|policy| of_policy(policy, &capacities)).fold(numbers, u64::saturating_add)
    }

    /// Returns true if LRU's capacities are one task.
    fn is_one_pass(policy: PolicyKind, capacities: &[NonZeroU32]) -> bool {
        policy == PolicyKind::Lru && capacities.len() >= COST_OF_STACK_DISTANCES
    }

    fn curves(&self, outcomes: &[TaskResult], all: StreamTotals) -> Vec<Curve> {
        let curve = |&policy: &PolicyKind| {
            let of_policy = outcomes.iter().filter(|outcome| outcome.policy == policy);
            let mut points: Vec<_> = of_policy
                .map(|outcome| Point {
                    capacity: CacheSize::Entries(outcome.capacity),
                    reads: all.reads,
                    hits: self.sampling.hits(outcome.tally, all),
                    bytes: None,
                })
                .collect();
            points.sort_unstable_by_key(|point| point.capacity);
            Curve { policy, points }
        };
        self.policies.iter().map(curve).collect()
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use super::*;
    use crate::model::curve::Tally;
    use crate::model::curve::testing::zipf;

    fn entries(entries: u32) -> NonZeroU32 {
        NonZeroU32::new(entries).expect("one or more")
    }

    fn sweep(threads: usize) -> Sweep {
        Sweep {
            policies: PolicyKind::ALL.to_vec(),
            capacities: [1000, 10, 100, 3000, 100].map(entries).to_vec(),
            on_write: WritePolicy::Invalidate,
            keys: Keys::Numbered(5000),
            sampling: Sampling::ALL,
            uncounted: 0,
            threads: NonZeroUsize::new(threads).expect("one or more"),
            seed: 1,
        }
    }

    fn trace() -> impl Iterator<Item = Access> {
        let writes = (0..).map(|number| crate::base::hash::mix(number).is_multiple_of(20));
        let access = |(key, write)| if write { Access::write(key) } else { Access::read(key) };
        zipf(5000, 0.9, 5).zip(writes).map(access).take(200_000)
    }

    fn run(sweep: &Sweep) -> Vec<Curve> {
        sweep.run(trace().map(Ok::<_, Infallible>), |_| {}).unwrap_or_else(|never| match never {})
    }

    #[test]
    fn every_point_is_that_of_a_simulation_of_its_own() {
        let sweep = Sweep { uncounted: 70_000, ..sweep(2) };
        let curves = run(&sweep);
        assert_eq!(curves.iter().map(|curve| curve.policy).collect::<Vec<_>>(), PolicyKind::ALL);
        for curve in curves {
            let capacities: Vec<_> = curve.points.iter().map(|point| point.capacity.get()).collect();
            assert_eq!(capacities, [10, 100, 1000, 3000]);
            for point in curve.points {
                let capacity = point.capacity.entries().expect("entries");
                let mut alone =
                    Simulation::new(curve.policy, capacity, WritePolicy::Invalidate, Keys::Hashed, 1);
                for (number, access) in trace().enumerate() {
                    if number == 70_000 {
                        alone.forget_tally();
                    }
                    alone.access(access);
                }
                let tally = Tally { reads: point.reads, hits: point.hits };
                assert_eq!(tally, alone.tally(), "{} at {}", curve.policy, point.capacity);
            }
        }
    }

    #[test]
    fn the_number_of_threads_changes_nothing() {
        let one = run(&sweep(1));
        assert_eq!(run(&sweep(3)), one);
        assert_eq!(run(&sweep(100)), one);
    }

    #[test]
    fn hashed_keys_and_numbered_ones_hit_alike() {
        let policies = vec![PolicyKind::Lru, PolicyKind::S3Fifo, PolicyKind::Sieve];
        let numbered = Sweep { policies, ..sweep(2) };
        let hashed = Sweep { keys: Keys::Hashed, ..numbered.clone() };
        let same = trace().map(|access| Access { key: crate::base::hash::mix(access.key), ..access });
        assert_eq!(hashed.run(same.map(Ok::<_, Infallible>), |_| {}), Ok(run(&numbered)));
    }

    #[test]
    fn lru_hits_alike_by_stack_distances_and_by_simulation() {
        let few = Sweep { policies: vec![PolicyKind::Lru], capacities: vec![entries(100)], ..sweep(1) };
        let many = Sweep { capacities: [10, 100, 1000, 2000].map(entries).to_vec(), ..few.clone() };
        assert_eq!(run(&few)[0].points, run(&many)[0].points[1..2]);
    }

    #[test]
    fn a_policy_asked_for_twice_has_the_same_curve_twice() {
        let curves = run(&Sweep { policies: vec![PolicyKind::Fifo, PolicyKind::Fifo], ..sweep(2) });
        assert_eq!(curves[0], curves[1]);
        assert_eq!(curves[0].points.len(), 4);
    }

    #[test]
    fn lru_never_falls_with_capacity() {
        let capacities = (1..200).map(|capacity| entries(capacity * 25)).collect();
        let curves = run(&Sweep { policies: vec![PolicyKind::Lru], capacities, ..sweep(1) });
        assert!(curves[0].points.windows(2).all(|pair| pair[0].hits <= pair[1].hits));
    }

    #[test]
    fn a_sample_of_the_keys_comes_near_every_policys_curve() {
        let half = Sampling::new(0.5).expect("a rate");
        let capacities = [300, 1000, 3000].map(entries).to_vec();
        let exact = run(&Sweep { capacities: capacities.clone(), ..sweep(2) });
        let sampled = run(&Sweep { capacities, sampling: half, ..sweep(2) });
        for (exact, sampled) in exact.iter().zip(&sampled) {
            for (exact_point, point) in exact.points.iter().zip(&sampled.points) {
                let difference = point.hit_rate() - exact_point.hit_rate();
                assert_eq!(point.reads, exact_point.reads);
                assert!(difference.abs() < 0.03, "{} at {}: {difference:+.4}", exact.policy, point.capacity);
            }
        }
    }

    #[test]
    fn a_sample_of_numbered_keys_takes_no_memory_for_the_others() {
        let few = Sampling::new(0.01).expect("a rate");
        let sweep = Sweep { keys: Keys::Numbered(u32::MAX), sampling: few, ..sweep(1) };
        assert_eq!(sweep.numbering(), Some(Keys::Hashed));
        assert_eq!(Sweep { sampling: Sampling::ALL, ..sweep }.numbering(), None);
    }

    #[test]
    fn memory_goes_with_keys_and_with_what_is_held_of_them() {
        let bytes = |policies: &[PolicyKind], capacities: &[u32], keys| {
            let capacities = capacities.iter().map(|&capacity| entries(capacity)).collect();
            Sweep { policies: policies.to_vec(), capacities, ..sweep(1) }.memory_bytes(keys)
        };
        let (fifo, lru) = (PolicyKind::Fifo, PolicyKind::Lru);
        assert_eq!(bytes(&[fifo], &[100], 1000), 4 * 1000 + 80 * 100);
        assert_eq!(bytes(&[fifo], &[u32::MAX], 1000), 84 * 1000, "no more than there is");
        assert_eq!(bytes(&[fifo, fifo], &[100, 100], 1000), bytes(&[fifo], &[100], 1000));
        assert_eq!(bytes(&[lru, fifo], &[1, 2, 3], 1000), 12 * 1000 + 3 * 4000 + 6 * 80);
    }

    #[test]
    fn an_error_in_the_stream_ends_the_sweep() {
        let broken = trace().map(Ok).take(1000).chain([Err("line 1001 is broken")]);
        assert_eq!(sweep(2).run(broken, |_| {}), Err("line 1001 is broken"));
    }

    #[test]
    fn progress_is_told_and_ends_with_all_accesses() {
        let mut told = Vec::new();
        let run = sweep(1).run(trace().map(Ok::<_, Infallible>), |accesses| told.push(accesses));
        assert!(run.is_ok());
        assert!(told.is_sorted() && told.len() > 3, "{told:?}");
        assert_eq!(told.last(), Some(&200_000));
    }

    #[test]
    fn a_stream_that_only_fills_the_caches_has_no_reads() {
        let curves = run(&Sweep { uncounted: 1_000_000, ..sweep(1) });
        assert!(
            curves.iter().flat_map(|curve| &curve.points).all(|point| point.reads == 0 && point.hits == 0)
        );
    }
}
