//! Many policies and capacities over one stream of accesses to objects, on several threads.

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, SyncSender};
use std::thread;

use super::{
    ByteCounts, CacheSize, Curve, ObjectAccess, ObjectSimulation, ObjectTally, Point, ReadTotals, WritePolicy,
};
use crate::model::eviction::PolicyKind;

/// Accesses passed on at once, at 4 MiB: a thread's simulations take turns, as in [`Sweep`](super::Sweep).
const CHUNK: usize = 1 << 17;
/// Chunks that may wait for a thread; the stream is read no further ahead.
const CHUNKS_AHEAD: usize = 4;
/// Accesses read from one report of progress to the next.
const BETWEEN_PROGRESS: u64 = 1 << 15;
/// The bytes that a simulation takes for each object of the stream, for the place where it is.
const BYTES_AN_OBJECT: u64 = 4;
/// The bytes that a simulation takes for each entry that it holds, under the policy that takes most.
const BYTES_AN_ENTRY: u64 = 100;

/// A request for curves of objects. Each point is a simulation of its own, of all objects: LRU's caches do not contain each
/// other where what is larger than a cache stays out of it, entries expire or sizes change, so that there are no stack
/// distances; and a sample of the objects would stand or fall with the few large ones.
#[derive(Debug, Clone)]
pub struct ObjectSweep {
    /// A curve for each of these, in this order. Where a capacity is in bytes, the caller guarantees that none of them
    /// [divides its cache](PolicyKind::divides_its_cache).
    pub policies: Vec<PolicyKind>,
    /// A point for each of these.
    pub sizes: Vec<CacheSize>,
    /// The effect of writes on the cache.
    pub on_write: WritePolicy,
    /// The number of threads that simulate. One more reads the stream: the caller's.
    pub threads: NonZeroUsize,
    /// For policies that draw lots.
    pub seed: u64,
}

/// The result of a policy at a capacity.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ObjectOutcome {
    /// The policy.
    pub policy: PolicyKind,
    /// The capacity.
    pub size: CacheSize,
    /// What hit.
    pub tally: ObjectTally,
}

impl ObjectSweep {
    /// Streams the accesses once through all simulations. The stream need not fit in memory; its first error ends the
    /// sweep. `progress` is told now and then how many accesses have been read.
    pub fn run<E>(
        &self,
        stream: impl IntoIterator<Item = Result<ObjectAccess, E>>,
        progress: impl FnMut(u64),
    ) -> Result<Vec<ObjectOutcome>, E> {
        thread::scope(|scope| {
            let (senders, workers): (Vec<_>, Vec<_>) = self
                .share_out()
                .into_iter()
                .map(|tasks| {
                    let (sender, receiver) = mpsc::sync_channel(CHUNKS_AHEAD);
                    (sender, scope.spawn(move || simulate(tasks, &receiver)))
                })
                .unzip();
            let read = pass_on(stream, &senders, progress);
            drop(senders);
            // Joined even after an error: the threads end when their channels do.
            let outcomes = workers.into_iter().flat_map(|worker| match worker.join() {
                Ok(outcomes) => outcomes,
                Err(panic) => std::panic::resume_unwind(panic),
            });
            let outcomes = outcomes.collect();
            read.map(|()| outcomes)
        })
    }

    /// The curves that the outcomes are, of a stream of so many reads.
    #[must_use]
    pub fn curves(&self, outcomes: &[ObjectOutcome], all: ReadTotals) -> Vec<Curve> {
        let point = |outcome: &ObjectOutcome| Point {
            capacity: outcome.size,
            reads: all.reads,
            hits: outcome.tally.hits,
            bytes: all.bytes.map(|read| ByteCounts { read, hit: outcome.tally.hit_bytes }),
        };
        let curve = |&policy: &PolicyKind| {
            let of_policy = outcomes.iter().filter(|outcome| outcome.policy == policy);
            let mut points: Vec<_> = of_policy.map(point).collect();
            points.sort_unstable_by_key(|point| point.capacity);
            Curve { policy, points }
        };
        self.policies.iter().map(curve).collect()
    }

    /// About how much memory the simulations take of a stream of so many objects, of so many bytes in the mean; at most,
    /// where they are so many.
    #[must_use]
    pub fn memory_bytes(&self, objects: u64, mean_bytes: u64) -> u64 {
        let of_one = |size: &CacheSize| {
            let fit = size.get() / size.taken_by(mean_bytes).max(1);
            let entries = objects.min(fit).saturating_mul(BYTES_AN_ENTRY);
            objects.saturating_mul(BYTES_AN_OBJECT).saturating_add(entries)
        };
        let of_policy = self.sizes.iter().map(of_one).fold(0, u64::saturating_add);
        of_policy.saturating_mul(self.policies.len() as u64)
    }

    /// The simulations of each thread.
    fn share_out(&self) -> Vec<Vec<ObjectTask>> {
        let (mut policies, mut sizes) = (self.policies.clone(), self.sizes.clone());
        policies.sort_unstable();
        policies.dedup();
        sizes.sort_unstable();
        sizes.dedup();
        let mut shares: Vec<Vec<ObjectTask>> = Vec::new();
        shares.resize_with(self.threads.get().min(policies.len() * sizes.len()), Vec::new);
        let points = policies.iter().flat_map(|&policy| sizes.iter().map(move |&size| (policy, size)));
        for (number, (policy, size)) in points.enumerate() {
            let simulation = ObjectSimulation::new(policy, size, self.on_write, self.seed);
            let place = number % shares.len();
            shares[place].push(ObjectTask { policy, size, simulation });
        }
        shares
    }
}

/// The simulation of one point.
#[derive(Debug)]
struct ObjectTask {
    policy: PolicyKind,
    size: CacheSize,
    simulation: ObjectSimulation,
}

/// A thread's work: all its simulations take in each chunk until there are no more.
fn simulate(mut tasks: Vec<ObjectTask>, chunks: &Receiver<Arc<Vec<ObjectAccess>>>) -> Vec<ObjectOutcome> {
    for chunk in chunks {
        for task in &mut tasks {
            for &access in chunk.iter() {
                task.simulation.access(access);
            }
        }
    }
    let outcome = |task: ObjectTask| ObjectOutcome {
        policy: task.policy,
        size: task.size,
        tally: task.simulation.tally(),
    };
    tasks.into_iter().map(outcome).collect()
}

/// Reads a stream to its end or its first error, and passes it on to every thread.
fn pass_on<E>(
    stream: impl IntoIterator<Item = Result<ObjectAccess, E>>,
    senders: &[SyncSender<Arc<Vec<ObjectAccess>>>],
    mut progress: impl FnMut(u64),
) -> Result<(), E> {
    let (mut accesses, mut chunk) = (0_u64, Vec::with_capacity(CHUNK));
    let broadcast = |chunk: Vec<ObjectAccess>| {
        let chunk = Arc::new(chunk);
        for sender in senders {
            // Fails only where the thread has panicked, which is noticed when it is joined.
            let _ = sender.send(Arc::clone(&chunk));
        }
    };
    for access in stream {
        chunk.push(access?);
        accesses += 1;
        if chunk.len() == CHUNK {
            broadcast(std::mem::replace(&mut chunk, Vec::with_capacity(CHUNK)));
        }
        if accesses.is_multiple_of(BETWEEN_PROGRESS) {
            progress(accesses);
        }
    }
    broadcast(chunk);
    progress(accesses);
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;
    use std::num::{NonZeroU32, NonZeroU64};

    use super::*;
    use crate::base::hash::mix;
    use crate::model::curve::testing::zipf;
    use crate::model::curve::{NEVER, ObjectAccessKind};

    fn bytes(bytes: u64) -> CacheSize {
        CacheSize::Bytes(NonZeroU64::new(bytes).expect("one or more"))
    }

    fn sweep(threads: usize) -> ObjectSweep {
        ObjectSweep {
            policies: vec![PolicyKind::Fifo, PolicyKind::Lru],
            sizes: [40_000, 1000, 8000, 1000].map(bytes).to_vec(),
            on_write: WritePolicy::Update,
            threads: NonZeroUsize::new(threads).expect("one or more"),
            seed: 1,
        }
    }

    fn reads() -> impl Iterator<Item = Result<ObjectAccess, Infallible>> {
        let read = |key: u64| ObjectAccess {
            object: key as u32,
            kind: ObjectAccessKind::Read,
            bytes: 1 + mix(key) % 300,
            time_ms: 0,
            expires_ms: NEVER,
        };
        zipf(2000, 0.9, 3).map(read).map(Ok).take(300_000)
    }

    fn run(sweep: &ObjectSweep) -> Vec<Curve> {
        let Ok(outcomes) = sweep.run(reads(), |_| {});
        sweep.curves(&outcomes, ReadTotals { reads: 300_000, bytes: Some(1) })
    }

    #[test]
    fn every_point_is_that_of_a_simulation_of_its_own_on_any_number_of_threads() {
        let curves = run(&sweep(2));
        assert_eq!(curves.iter().map(|curve| curve.policy).collect::<Vec<_>>(), sweep(2).policies);
        for curve in &curves {
            let sizes: Vec<_> = curve.points.iter().map(|point| point.capacity).collect();
            assert_eq!(sizes, [1000, 8000, 40_000].map(bytes));
            for point in &curve.points {
                let mut alone = ObjectSimulation::new(curve.policy, point.capacity, WritePolicy::Update, 1);
                for access in reads() {
                    let Ok(access) = access;
                    alone.access(access);
                }
                let ObjectTally { hits, hit_bytes } = alone.tally();
                assert_eq!((point.hits, point.bytes.map(|bytes| bytes.hit)), (hits, Some(hit_bytes)));
            }
        }
        assert_eq!(run(&sweep(1)), curves);
        assert_eq!(run(&sweep(50)), curves);
    }

    #[test]
    fn an_error_in_the_stream_ends_the_sweep() {
        let some = reads().take(1000).map(|access| access.map_err(|never| match never {}));
        let broken = some.chain([Err("line 1001 is broken")]);
        assert_eq!(sweep(2).run(broken, |_| {}), Err("line 1001 is broken"));
    }

    #[test]
    fn memory_goes_with_objects_and_with_what_fits_of_them() {
        let memory = |sizes: Vec<CacheSize>| ObjectSweep { sizes, ..sweep(1) }.memory_bytes(1000, 100);
        assert_eq!(memory(vec![bytes(5000)]), 2 * (4 * 1000 + 100 * 50));
        assert_eq!(memory(vec![bytes(1 << 40)]), 2 * (4 * 1000 + 100 * 1000), "no more than there is");
        let entries = CacheSize::Entries(NonZeroU32::new(10).expect("ten"));
        assert_eq!(memory(vec![entries, entries]), 2 * 2 * (4 * 1000 + 100 * 10));
    }
}
