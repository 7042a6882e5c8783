//! What `hotset curve` does: how much cache a hit rate needs. The operations of a scenario, or a trace, are simulated
//! at many capacities under many policies, without servers, and held against what earlier runs measured.

mod error;
mod measured;
mod objects;
mod reading;
mod request;
mod result;
mod studies;
#[cfg(test)]
mod testing;

use std::convert::Infallible;
use std::num::{NonZeroU32, NonZeroU64, NonZeroUsize};
use std::path::Path;

pub use self::error::SizingError;
pub use self::measured::measured;
pub use self::objects::TooManyKeys;
use self::objects::{Lifetimes, Objects};
use self::reading::{Chunk, FirstReading, HashedOperation, KEPT_AT_MOST, hashed};
pub use self::request::SimulationRequest;
pub use self::result::Sizing;
use self::studies::{Study, Writing, offer_alike, studies, writings};
use crate::application::catalog;
use crate::base::memory;
use crate::base::units::{ByteSize, Share};
use crate::load::trace::{Fills, Format, Rereadable, Skipped, TraceError, TraceOperation, TraceReader};
use crate::load::workload::Operation;
use crate::model::curve::{
    Access, CacheSize, Keys, ObjectAccess, ObjectSweep, RateOutOfRange, Sampling, Sweep, WritePolicy,
};
use crate::model::eviction::PolicyKind;
use crate::results::Phase;
use crate::run::plan::settings::CacheAtStart;
use crate::run::plan::{Cell, Plan, Scenario};
use crate::topology::settings::Capacity;

/// Up to so many keys every key is simulated; of more a sample of about as many.
const EXACT_UP_TO: u64 = 1_000_000;
/// No sample is smaller than this share of the keys by itself.
const SMALLEST_RATE: f64 = 0.01;
/// Points of a curve, from a thousandth of the keys to all of them, each larger than the last by the same factor.
const POINTS: u32 = 16;
/// Records of a trace from one look at the memory that its objects take to the next.
const BETWEEN_MEMORY_CHECKS: u64 = 1 << 20;
/// What is told beside the curve of a scenario whose runs do not warm their caches.
const WARMED: &str = "the curve is that of a warmed cache, and this scenario's runs meet theirs cold: they hit less as long as it fills";
/// Why writes of a trace put in what is written.
const AS_IN_THE_TRACE: &str = "writes update the cache, as those of the trace did: it was recorded at a cache that its application \
                               fills, and a set that follows a get of its key is such a fill and left out (--on-write says otherwise)";

/// Simulates what is asked for, on all cores: one family of curves for each sort of operations that the scenario offers
/// and for each thing that its strategies do on a write. `progress` is told now and then how many operations have been read.
///
/// # Errors
/// Where the operations cannot be had, or a capacity or the rate makes no sense.
pub fn simulate(
    plan: &Plan,
    request: &SimulationRequest,
    mut progress: impl FnMut(u64),
) -> Result<Vec<Sizing>, SizingError> {
    request.check()?;
    let mut done = 0;
    let mut found = Vec::new();
    match &request.trace {
        Some(path) => {
            // It is read several times: for its format, for its keys, and for its operations.
            let trace = Rereadable::new(path)?;
            let path = trace.path();
            let first = first_reading(path, request)?;
            for writes in writings_of_trace(plan, path, request)? {
                let mut read = 0;
                let operations = |operations| {
                    read = operations;
                    progress(done + read);
                };
                found.push(if request.is_of_objects() {
                    simulate_objects((path, first.as_ref()), &writes, request, operations)?
                } else {
                    simulate_trace((path, first.as_ref()), &writes, request, operations)?
                });
                done += read;
            }
        }
        None => {
            for study in studies(plan, request.on_write) {
                let operations = |operations| progress(done + operations);
                found.push(simulate_scenario(plan, &study, request, operations)?);
                done += 2 * counted(&study.scenario, request);
            }
        }
    }
    Ok(found)
}

/// Returns the number of operations that a simulation reads; `None` for a trace, which is read to its end.
#[must_use]
pub fn operations(plan: &Plan, request: &SimulationRequest) -> Option<u64> {
    let of_studies =
        || studies(plan, request.on_write).iter().map(|study| 2 * counted(&study.scenario, request)).sum();
    request.trace.is_none().then(of_studies)
}

/// Enough for each key to be asked for many times, and not more than a minute's work.
fn counted(scenario: &Scenario, request: &SimulationRequest) -> u64 {
    let enough = scenario.dataset.keys.get().saturating_mul(20).clamp(1_000_000, 10_000_000);
    request.operations.map_or(enough, NonZeroU64::get)
}

fn simulate_scenario(
    plan: &Plan,
    study: &Study,
    request: &SimulationRequest,
    progress: impl FnMut(u64),
) -> Result<Sizing, SizingError> {
    let scenario = &study.scenario;
    if !scenario.is_catalog() {
        return Err(SizingError::Application(scenario.application.spec.name()));
    }
    if !scenario.phases.is_empty() {
        return Err(SizingError::Phases);
    }
    if scenario.facts().population.may_lack_some() {
        return Err(SizingError::Lives);
    }
    let documents = scenario.dataset.keys.get();
    let counted = counted(scenario, request);
    let seed = scenario.run.seed;
    let (warmup, measure) = (scenario.stream(Phase::Warmup, seed)?, scenario.stream(Phase::Measure, seed)?);
    let (before, counts) = (warmup.keys_in_turn(), measure.keys_in_turn());
    let operations = before.take(counted as usize).chain(counts.take(counted as usize));
    let asked_for = if scenario.workload.absent_share == Share::NONE { documents } else { 2 * documents };
    let mut sweep = sweep(request, study.writes.on_write, Some(asked_for))?;
    sweep.keys = u32::try_from(asked_for).map_or(Keys::Hashed, Keys::Numbered);
    sweep.uncounted = counted;
    sweep.seed = seed;
    let cells = plan.cells.iter().filter(|cell| offer_alike(&cell.scenario, scenario));
    sweep.capacities = entries(&wanted(request, cells), documents)?;
    check_memory(sweep.memory_bytes(asked_for), memory::total_bytes())?;
    let accesses = operations.map(|operation| Ok::<_, Infallible>(access(&operation)));
    let Ok(curves) = sweep.run(accesses, progress);
    Ok(Sizing {
        curves,
        keys: Some(documents),
        sampling: sweep.sampling,
        swept: study.swept.clone(),
        on_write: sweep.on_write,
        reason: study.writes.reason(),
        skipped: Skipped::default(),
        expires: false,
        notes: (scenario.run.cache == CacheAtStart::Cold).then(|| WARMED.to_owned()).into_iter().collect(),
    })
}

/// Returns the effect of a trace's writes. Those of a trace that was recorded at a look-aside cache put in what is
/// written, as they did there; what only filled that cache is left out, since a simulated read fills.
fn writings_of_trace(
    plan: &Plan,
    path: &Path,
    request: &SimulationRequest,
) -> Result<Vec<Writing>, TraceError> {
    let is_look_aside = TraceReader::open(path, None, request.on_broken)?.format().is_look_aside();
    let on_write = request.on_write.or(is_look_aside.then_some(WritePolicy::Update));
    Ok(writings(&plan.cells, true, on_write))
}

/// Reads a trace for the number of its keys; `None` where nothing depends on that.
fn first_reading(path: &Path, request: &SimulationRequest) -> Result<Option<FirstReading>, TraceError> {
    let is_share = |capacity: &Capacity| matches!(capacity, Capacity::OfDataset(_));
    let sets_the_rate = request.rate.is_none() && !request.is_of_objects();
    let is_needed = sets_the_rate || wanted(request, [].iter()).iter().any(is_share);
    // Objects are simulated from the trace itself: what is kept of it has no sizes and times.
    let kept_at_most = if request.is_of_objects() { 0 } else { KEPT_AT_MOST };
    is_needed.then(|| FirstReading::of(path, request.on_broken, kept_at_most)).transpose()
}

fn simulate_trace(
    (path, first): (&Path, Option<&FirstReading>),
    writes: &Writing,
    request: &SimulationRequest,
    progress: impl FnMut(u64),
) -> Result<Sizing, SizingError> {
    let keys = first.map(|first| first.keys);
    let mut sweep = sweep(request, writes.on_write, keys)?;
    sweep.capacities = entries(&wanted(request, [].iter()), keys.unwrap_or(0))?;
    if let Some(keys) = keys {
        check_memory(sweep.memory_bytes(keys), memory::total_bytes())?;
    }
    let mut reader = TraceReader::open(path, None, request.on_broken)?;
    let format = reader.format();
    let (fills, sampling) = (Fills::of(format), sweep.sampling);
    let kept = first.and_then(|first| first.kept.as_ref().zip(Some(&first.skipped)));
    let (curves, skipped) = if let Some((kept, skipped)) = kept {
        let operations = kept.iter().flat_map(Chunk::operations).map(Ok);
        (sweep.run(accesses(operations, fills, sampling), progress)?, skipped.clone())
    } else {
        let operations = reader.by_ref().map(|record| record.map(|record| hashed(&record)));
        let curves = sweep.run(accesses(operations, fills, sampling), progress)?;
        (curves, reader.skipped().clone())
    };
    Ok(Sizing {
        curves,
        keys,
        sampling,
        swept: String::new(),
        on_write: sweep.on_write,
        reason: reason_of_trace(format, writes, request),
        skipped,
        expires: false,
        notes: Vec::new(),
    })
}

fn reason_of_trace(format: Format, writes: &Writing, request: &SimulationRequest) -> Option<String> {
    match request.on_write {
        None if format.is_look_aside() => Some(AS_IN_THE_TRACE.to_owned()),
        _ => writes.reason(),
    }
}

/// Simulates a trace with the sizes and the times to live of its objects, reading it once.
fn simulate_objects(
    (path, first): (&Path, Option<&FirstReading>),
    writes: &Writing,
    request: &SimulationRequest,
    progress: impl FnMut(u64),
) -> Result<Sizing, SizingError> {
    let mut reader = TraceReader::open(path, None, request.on_broken)?;
    let format = reader.format();
    if request.expire && !reader.has_times() {
        return Err(SizingError::NoTimes);
    }
    if request.expire && !reader.has_times_to_live() {
        return Err(SizingError::NoTimesToLive);
    }
    let sweep = ObjectSweep {
        policies: request.simulated_policies(),
        sizes: cache_sizes(&wanted(request, [].iter()), first.map_or(0, |first| first.keys))?,
        on_write: writes.on_write,
        threads: std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN),
        seed: 1,
    };
    let mut objects =
        Objects::new(format, if request.expire { Lifetimes::OfTrace } else { Lifetimes::Endless });
    let there_is = memory::total_bytes();
    let mut records = 0_u64;
    let accesses = reader.by_ref().map(|record| -> Result<ObjectAccess, SizingError> {
        let access = objects.access(&record?)?;
        records += 1;
        if records.is_multiple_of(BETWEEN_MEMORY_CHECKS) {
            let of_caches = sweep.memory_bytes(objects.keys(), objects.mean_bytes());
            check_memory(objects.memory_bytes().saturating_add(of_caches), there_is)?;
        }
        Ok(access)
    });
    let outcomes = sweep.run(accesses, progress)?;
    let totals = objects.totals();
    if request.has_bytes() && totals.bytes.is_none() {
        return Err(SizingError::NoSizes);
    }
    if request.expire && !objects.tell_lifetimes() {
        return Err(SizingError::NoTimesToLive);
    }
    Ok(Sizing {
        curves: sweep.curves(&outcomes, totals),
        keys: Some(objects.keys()),
        sampling: Sampling::ALL,
        swept: String::new(),
        on_write: writes.on_write,
        reason: reason_of_trace(format, writes, request),
        skipped: reader.skipped().clone(),
        expires: request.expire,
        notes: notes_of_objects(&objects, request),
    })
}

/// Says what was left out without having been asked to, and what the trace does not tell.
fn notes_of_objects(objects: &Objects, request: &SimulationRequest) -> Vec<String> {
    let left_out = PolicyKind::ALL.into_iter().filter(|policy| policy.divides_its_cache());
    let left_out: Vec<_> = left_out.map(PolicyKind::name).collect();
    let some_are = request.policies.is_empty() && request.has_bytes();
    let of_policies = some_are.then(|| {
        format!(
            "without {}, which divide their caches by the number of entries that fit: a capacity in bytes does not tell it",
            left_out.join(" and ")
        )
    });
    let (unsized_reads, totals) = (objects.unsized_reads(), objects.totals());
    let of_sizes = (unsized_reads > 0 && totals.bytes.is_some()).then(|| {
        format!(
            "{unsized_reads} of {} reads come before any line that tells their object's size, which is taken to be that of its key",
            totals.reads
        )
    });
    of_policies.into_iter().chain(of_sizes).collect()
}

/// The accesses of a trace, without those that only filled the cache where it was recorded.
fn accesses(
    operations: impl Iterator<Item = Result<HashedOperation, TraceError>>,
    mut fills: Fills,
    sampling: Sampling,
) -> impl Iterator<Item = Result<Access, TraceError>> {
    operations.filter_map(move |operation| match operation {
        Ok((key, operation)) => {
            let is_fill = sampling.keeps(key) && fills.is_fill(key, operation);
            (!is_fill).then(|| Ok(recorded(key, operation)))
        }
        Err(error) => Some(Err(error)),
    })
}

/// Refuses what would not fit into the memory that there is.
fn check_memory(bytes: u64, there_is: Option<u64>) -> Result<(), SizingError> {
    match there_is {
        Some(there_is) if bytes > there_is => {
            Err(SizingError::Memory { needed: ByteSize(bytes), there_is: ByteSize(there_is) })
        }
        _ => Ok(()),
    }
}

fn sweep(
    request: &SimulationRequest,
    on_write: WritePolicy,
    keys: Option<u64>,
) -> Result<Sweep, RateOutOfRange> {
    let sampling = match (request.rate, keys) {
        (Some(rate), _) => Sampling::new(rate)?,
        (None, Some(keys)) if keys > EXACT_UP_TO => {
            Sampling::new((EXACT_UP_TO as f64 / keys as f64).max(SMALLEST_RATE))?
        }
        (None, _) => Sampling::ALL,
    };
    Ok(Sweep {
        policies: request.simulated_policies(),
        capacities: Vec::new(),
        on_write,
        keys: Keys::Hashed,
        sampling,
        uncounted: 0,
        threads: std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN),
        seed: 1,
    })
}

/// Returns the capacities that were asked for, or a row of shares with the capacities that a run of the cells would
/// have.
fn wanted<'a>(request: &SimulationRequest, cells: impl Iterator<Item = &'a Cell>) -> Vec<Capacity> {
    if !request.capacities.is_empty() {
        return request.capacities.clone();
    }
    let share = |point: u32| 10_f64.powf(-3.0 * f64::from(POINTS - 1 - point) / f64::from(POINTS - 1));
    let shares = (0..POINTS).filter_map(|point| Share::new(share(point))).map(Capacity::OfDataset);
    let of_cells = cells.filter_map(|cell| cell.scenario.cache.capacity);
    shares.chain(of_cells.filter(|capacity| !matches!(capacity, Capacity::Bytes(_)))).collect()
}

fn entries(wanted: &[Capacity], keys: u64) -> Result<Vec<NonZeroU32>, SizingError> {
    wanted.iter().map(|capacity| in_entries(capacity, keys)).collect()
}

fn in_entries(capacity: &Capacity, keys: u64) -> Result<NonZeroU32, SizingError> {
    let entries = capacity.entries(keys).and_then(|entries| u32::try_from(entries).ok());
    let none = || SizingError::Capacity(crate::scenario::Setting::show(capacity));
    entries.and_then(NonZeroU32::new).ok_or_else(none)
}

fn cache_sizes(wanted: &[Capacity], keys: u64) -> Result<Vec<CacheSize>, SizingError> {
    let one = |capacity: &Capacity| match capacity {
        Capacity::Bytes(size) => NonZeroU64::new(size.0)
            .map(CacheSize::Bytes)
            .ok_or_else(|| SizingError::Capacity(crate::scenario::Setting::show(capacity))),
        Capacity::Entries(_) | Capacity::OfDataset(_) => in_entries(capacity, keys).map(CacheSize::Entries),
    };
    wanted.iter().map(one).collect()
}

fn access(operation: &Operation) -> Access {
    if operation.kind == catalog::READ { Access::read(operation.key) } else { Access::write(operation.key) }
}

fn recorded(key: u64, operation: TraceOperation) -> Access {
    match operation {
        TraceOperation::Read => Access::read(key),
        TraceOperation::Write | TraceOperation::Put => Access::write(key),
        TraceOperation::Delete => Access::delete(key),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands::recording::record;
    use crate::load::trace::OnBroken;
    use crate::run::plan::PlanOptions;

    fn simulate_one(plan: &Plan, request: &SimulationRequest) -> Sizing {
        let mut found = simulate(plan, request, |_| {}).unwrap();
        assert_eq!(found.len(), 1);
        found.remove(0)
    }

    fn plan(text: &str) -> Plan {
        Plan::parse("test", "test.toml", text, &PlanOptions::default()).unwrap()
    }

    fn request(policies: &[PolicyKind]) -> SimulationRequest {
        SimulationRequest {
            policies: policies.to_vec(),
            capacities: Vec::new(),
            trace: None,
            on_broken: OnBroken::Refuse,
            operations: NonZeroU64::new(200_000),
            on_write: None,
            rate: None,
            expire: false,
        }
    }

    const SCENARIO: &str = "strategies = [\"cache-aside\"]\ntopologies = [\"embedded\"]\n[dataset]\nkeys = 10000\n[workload]\nreads = 1.0\n[cache]\ncapacity = \"10%\"\n";

    #[test]
    fn a_scenario_is_simulated_at_shares_of_its_documents_and_at_its_own_capacity() {
        let sizing = simulate_one(&plan(SCENARIO), &request(&[PolicyKind::Lru]));
        let entries: Vec<u64> = sizing.curves[0].points.iter().map(|point| point.capacity.get()).collect();
        assert_eq!((entries.first(), entries.last()), (Some(&10), Some(&10_000)));
        assert!(entries.contains(&1000), "{entries:?}");
        let rates: Vec<f64> = sizing.rows().iter().map(|row| row.hit_rate.unwrap()).collect();
        assert!(rates.is_sorted() && rates[rates.len() - 1] > 0.99, "{rates:?}");
    }

    #[test]
    fn a_recorded_trace_has_the_curve_of_its_scenario() {
        let plan = plan(SCENARIO);
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("trace.csv");
        record(&plan.scenario, NonZeroU64::new(100_000).unwrap(), &path, |_| {}).unwrap();
        let capacities = vec![Capacity::Entries(NonZeroU64::new(500).unwrap())];
        let policies = [PolicyKind::Lru, PolicyKind::Sieve, PolicyKind::Lfu];
        let traced =
            SimulationRequest { trace: Some(path), capacities: capacities.clone(), ..request(&policies) };
        let of_trace = simulate_one(&plan, &traced);
        let mut sweep = sweep(&traced, WritePolicy::Invalidate, None).unwrap();
        sweep.capacities = entries(&capacities, 0).unwrap();
        let stream = plan.scenario.stream(Phase::Measure, plan.scenario.run.seed).unwrap();
        let accesses =
            stream.in_turn().take(100_000).map(|operation| Ok::<_, Infallible>(access(&operation)));
        let Ok(of_stream) = sweep.run(accesses, |_| {});
        assert_eq!(of_trace.curves, of_stream);
    }

    #[test]
    fn the_answer_names_the_policy_that_needs_least_and_what_the_others_need() {
        let sizing = simulate_one(&plan(SCENARIO), &request(&[PolicyKind::Fifo, PolicyKind::Lfu]));
        let answer = sizing.answer(Share::new(0.8).unwrap());
        assert!(
            answer.starts_with("a hit rate of 80 % needs ") && answer.contains(" under lfu; fifo "),
            "{answer}"
        );
        let mut few = request(&[PolicyKind::Lru]);
        few.capacities = vec![Capacity::OfDataset(Share::of(1, 100))];
        let answer = simulate_one(&plan(SCENARIO), &few).answer(Share::new(0.99).unwrap());
        assert!(answer.contains("no simulated capacity reaches a hit rate of 99.00 %"), "{answer}");
    }

    #[test]
    fn a_rate_that_is_no_share_is_refused() {
        let wrong = SimulationRequest { rate: Some(1.5), ..request(&[PolicyKind::Lru]) };
        let error = simulate(&plan(SCENARIO), &wrong, |_| {}).unwrap_err().to_string();
        assert!(error.contains("1.5 is not a sampling rate"), "{error}");
    }

    fn hit_rate_at(sizing: &Sizing, entries: u64) -> f64 {
        let points = &sizing.curves[0].points;
        points.iter().find(|point| point.capacity.get() == entries).unwrap().hit_rate()
    }

    #[test]
    fn each_swept_sort_of_operations_and_each_effect_of_writes_has_its_curve_and_its_answer() {
        let text = format!(
            "{}[sweep]\n\"workload.keys.exponent\" = [0.8, 1.1]\n",
            SCENARIO
                .replace("reads = 1.0", "reads = 0.9")
                .replace("[\"cache-aside\"]", "[\"cache-aside\", \"cache-through\"]")
        );
        let mut told = 0;
        let (plan, request) = (plan(&text), request(&[PolicyKind::Lru]));
        let found = simulate(&plan, &request, |operations| {
            assert!(operations >= told);
            told = operations;
        });
        let found = found.unwrap();
        assert_eq!(Some(told), operations(&plan, &request));
        let named: Vec<_> = found.iter().map(|one| (one.name(&found), hit_rate_at(one, 1000))).collect();
        let expected =
            ["0.8, writes invalidate", "0.8, writes update", "1.1, writes invalidate", "1.1, writes update"];
        for ((name, _), expected) in named.iter().zip(expected) {
            assert_eq!(*name, format!("workload.keys.exponent={expected}"));
        }
        let rates: Vec<f64> = named.iter().map(|(_, rate)| *rate).collect();
        assert!(
            rates[0] + 0.02 < rates[1] && rates[1] + 0.1 < rates[2] && rates[2] + 0.02 < rates[3],
            "{rates:?}"
        );
        assert!(found[1].reason.as_ref().unwrap().contains("update the cache, as under cache-through"));
        assert!(found[3].rows().iter().all(|row| row.swept.ends_with("1.1") && row.on_write == "update"));
    }

    /// Half of the keys fit; each read is followed by the set that fills the cache after a miss.
    #[test]
    fn a_set_that_fills_a_look_aside_cache_does_not_empty_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("trace.csv");
        let line = |key: u64| format!("0,k{key},1,9,1,get,0\n0,k{key},1,9,1,set,60\n");
        let keys = (0..20_000)
            .map(|number| (crate::base::hash::mix(number) % 100).min(crate::base::hash::mix(!number) % 100));
        std::fs::write(&path, keys.map(line).collect::<String>()).unwrap();
        let capacities = vec![Capacity::Entries(NonZeroU64::new(50).unwrap())];
        let traced = SimulationRequest { trace: Some(path), capacities, ..request(&[PolicyKind::Lru]) };
        let found = simulate_one(&plan(SCENARIO), &traced);
        assert!(hit_rate_at(&found, 50) > 0.6, "{found:?}");
        assert_eq!(found.on_write, WritePolicy::Update);
        assert!(found.reason.unwrap().contains("--on-write says otherwise"));
        let asked = SimulationRequest { on_write: Some(WritePolicy::Ignore), ..traced };
        assert_eq!(simulate_one(&plan(SCENARIO), &asked).on_write, WritePolicy::Ignore);
    }

    #[test]
    fn what_does_not_fit_into_memory_is_refused_with_what_to_do() {
        assert!(check_memory(100, Some(100)).is_ok() && check_memory(100, None).is_ok());
        let error = check_memory(3 << 30, Some(1 << 30)).unwrap_err().to_string();
        assert!(error.contains("3GiB") && error.contains("smaller --rate"), "{error}");
        let mut large = request(&[PolicyKind::WTinyLfu]);
        large.capacities = vec![Capacity::Entries(NonZeroU64::new(4_000_000_000).unwrap())];
        assert!(hit_rate_at(&simulate_one(&plan(SCENARIO), &large), 4_000_000_000) > 0.9);
    }
}
