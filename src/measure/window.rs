//! Counts and times of a stretch of time: by one worker, by all, or over a whole cell.

use super::anomalies::Anomalies;
use super::latency::{self, Latency};
use super::outcome::Outcome;
use crate::results::{Answers, Measure, OutcomeClass, Times};
use crate::store::ErrorKind;

/// Response and service times of one kind of operation with one outcome.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
struct Histograms {
    #[serde(with = "latency::counted")]
    response: Latency,
    #[serde(with = "latency::counted")]
    service: Latency,
}

impl Histograms {
    /// `None` only where the library refuses the layout, which a test shows it does not.
    fn new() -> Option<Box<Self>> {
        let histogram = latency::empty;
        Some(Box::new(Self { response: histogram()?, service: histogram()? }))
    }

    fn of(&self, kind: Measure) -> &Latency {
        match kind {
            Measure::Response => &self.response,
            Measure::Service => &self.service,
        }
    }
}

/// One kind of operation.
#[derive(Debug, Clone, Default, PartialEq, serde::Serialize, serde::Deserialize)]
struct Row {
    counts: [u64; OutcomeClass::EACH.len()],
    /// The lookups of batches besides the one that the outcome of each stands for.
    #[serde(default, skip_serializing_if = "are_none")]
    further_lookups: [u64; OutcomeClass::EACH.len()],
    errors: [u64; ErrorKind::ALL.len()],
    times: [Option<Box<Histograms>>; OutcomeClass::EACH.len()],
}

/// Counts and times by kind of operation and outcome.
///
/// Windows of several workers and of several intervals add up to one; what is derived (rates,
/// percentiles) is derived from the sum and never from other derived figures.
#[derive(Debug, Clone, Default, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Window {
    rows: Vec<Row>,
    late: u64,
    late_wakeups: u64,
    unsent: u64,
    /// By kind of entity.
    anomalies: Vec<Anomalies>,
}

impl Window {
    /// An empty window for the kinds 0..`kinds`. It grows where a higher kind is recorded.
    #[must_use]
    pub fn new(kinds: usize) -> Self {
        Self { rows: vec![Row::default(); kinds], ..Self::default() }
    }

    /// Counts one operation. Allocates only for the first of its kind and outcome in the life of this window.
    #[inline]
    pub(super) fn count(&mut self, kind: u8, outcome: Outcome, response_ns: u64, service_ns: u64) {
        let (kind, class) = (usize::from(kind), outcome.class() as usize);
        if kind >= self.rows.len() {
            self.rows.resize_with(kind + 1, Row::default);
        }
        let row = &mut self.rows[kind];
        row.counts[class] += 1;
        if let Outcome::Error(error) = outcome {
            row.errors[error_index(error)] += 1;
        }
        if row.times[class].is_none() {
            row.times[class] = Histograms::new();
        }
        if let Some(times) = &mut row.times[class] {
            times.response.saturating_record(response_ns);
            times.service.saturating_record(service_ns);
        }
    }

    /// Counts lookups of an operation that was counted, besides the one that its outcome stands for.
    pub(super) fn count_lookups(&mut self, kind: u8, class: OutcomeClass, lookups: u64) {
        if let Some(row) = self.rows.get_mut(usize::from(kind)) {
            row.further_lookups[class as usize] += lookups;
        }
    }

    /// Counts an operation that was sent later than due.
    #[inline]
    pub(super) fn count_late(&mut self) {
        self.late += 1;
    }

    /// Returns the anomalies of a kind of entity, to be counted up.
    #[inline]
    pub(super) fn anomalies_mut(&mut self, entity: usize) -> &mut Anomalies {
        if entity >= self.anomalies.len() {
            self.anomalies.resize_with(entity + 1, Anomalies::default);
        }
        &mut self.anomalies[entity]
    }

    /// See [`Anomalies::settle_foreign`], of a kind of entity.
    pub fn settle_foreign(
        &mut self,
        entity: usize,
        reads: u64,
        ages: impl IntoIterator<Item = std::time::Duration>,
    ) {
        self.anomalies_mut(entity).settle_foreign(reads, ages);
    }

    /// Adds what another window holds: of another worker, or of another interval.
    pub fn add(&mut self, other: &Self) {
        if self.rows.len() < other.rows.len() {
            self.rows.resize_with(other.rows.len(), Row::default);
        }
        for (mine, theirs) in self.rows.iter_mut().zip(&other.rows) {
            mine.add(theirs);
        }
        self.late += other.late;
        self.late_wakeups += other.late_wakeups;
        self.unsent += other.unsent;
        for (entity, found) in other.anomalies.iter().enumerate() {
            self.anomalies_mut(entity).add(found);
        }
    }

    /// Empties the window and keeps its memory.
    pub fn clear(&mut self) {
        for row in &mut self.rows {
            for (count, times) in row.counts.iter().zip(&mut row.times) {
                if let (Some(times), 1..) = (times, *count) {
                    times.response.reset();
                    times.service.reset();
                }
            }
            row.counts = Default::default();
            row.further_lookups = Default::default();
            row.errors = Default::default();
        }
        (self.late, self.late_wakeups, self.unsent) = (0, 0, 0);
        self.anomalies.fill(Anomalies::default());
    }

    /// Returns true if nothing was counted.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.operations() == 0 && self.anomalies.iter().all(|found| *found == Anomalies::default())
    }

    /// Allocates what recording the same kinds and outcomes as `other` needs.
    pub fn reserve_like(&mut self, other: &Self) {
        if self.rows.len() < other.rows.len() {
            self.rows.resize_with(other.rows.len(), Row::default);
        }
        for (mine, theirs) in self.rows.iter_mut().zip(&other.rows) {
            for (mine, theirs) in mine.times.iter_mut().zip(&theirs.times) {
                if mine.is_none() && theirs.is_some() {
                    *mine = Histograms::new();
                }
            }
        }
    }

    /// Returns the number of kinds of operation that there are rows for.
    #[must_use]
    pub fn kinds(&self) -> usize {
        self.rows.len()
    }

    /// Returns the number of operations of the kinds and outcomes that `select` picks.
    pub fn count_of(&self, select: impl Fn(u8, OutcomeClass) -> bool) -> u64 {
        self.cells().filter(|(kind, class, _, _)| select(*kind, *class)).map(|(_, _, count, _)| count).sum()
    }

    /// Returns the number of operations that ended, however they ended.
    #[must_use]
    pub fn operations(&self) -> u64 {
        self.count_of(|_, _| true)
    }

    /// Returns the number of operations that did what they were asked to.
    #[must_use]
    pub fn successes(&self) -> u64 {
        self.count_of(|_, class| class.is_success())
    }

    /// Returns the number of operations that had an outcome.
    #[must_use]
    pub fn outcomes(&self, class: OutcomeClass) -> u64 {
        self.count_of(|_, found| found == class)
    }

    /// Returns the number of operations that failed with a kind of error; timeouts are an outcome of their own.
    #[must_use]
    pub fn errors(&self, kind: ErrorKind) -> u64 {
        if kind == ErrorKind::Timeout {
            return self.outcomes(OutcomeClass::Timeout);
        }
        self.rows.iter().map(|row| row.errors[error_index(kind)]).sum()
    }

    /// Counts an operation that was sent late although its client was free.
    #[inline]
    pub(super) fn count_late_wakeup(&mut self) {
        self.late_wakeups += 1;
    }

    /// Counts operations that were due and never sent.
    pub(super) fn count_unsent(&mut self, operations: u64) {
        self.unsent += operations;
    }

    /// Operations that were due and never sent, as the load was too far behind.
    #[must_use]
    pub fn unsent(&self) -> u64 {
        self.unsent
    }

    /// The share of operations that were sent late although their client was free: hotset did not get
    /// the processor in time. 0 where there were none.
    #[must_use]
    pub fn late_wakeup_share(&self) -> f64 {
        share(self.late_wakeups, self.operations()).unwrap_or(0.0)
    }

    /// The share of operations that were sent late; 0 where there were none.
    #[must_use]
    pub fn late_share(&self) -> f64 {
        share(self.late, self.operations()).unwrap_or(0.0)
    }

    /// Returns the anomalies that the audit found in entities of every kind.
    #[must_use]
    pub fn anomalies(&self) -> Anomalies {
        self.anomalies.iter().fold(Anomalies::default(), |mut sum, found| {
            sum.add(found);
            sum
        })
    }

    /// Returns the anomalies that the audit found in a kind of entity.
    #[must_use]
    pub fn anomalies_of(&self, entity: usize) -> Anomalies {
        self.anomalies.get(entity).cloned().unwrap_or_default()
    }

    /// The merged histogram, in nanoseconds, of the kinds and outcomes that `select` picks; `None` where there were none.
    pub fn latency(&self, of: Measure, select: impl Fn(u8, OutcomeClass) -> bool) -> Option<Latency> {
        let mut merged: Option<Latency> = None;
        for (kind, class, count, times) in self.cells() {
            let Some(times) = times.filter(|_| count > 0 && select(kind, class)) else { continue };
            match &mut merged {
                None => merged = Some(times.of(of).clone()),
                Some(merged) => add_latency(merged, times.of(of)),
            }
        }
        merged
    }

    /// The figures of [`latency`](Self::latency); all empty where there were none.
    pub fn times(&self, of: Measure, select: impl Fn(u8, OutcomeClass) -> bool) -> Times {
        self.latency(of, select).as_ref().map(Times::of).unwrap_or_default()
    }

    /// Counts how the operations of the kinds that `select` picks were answered, and how what they looked up was: of a
    /// batch each key.
    pub fn answers(&self, select: impl Fn(u8) -> bool) -> Answers {
        let count = |class: OutcomeClass| self.count_of(|kind, found| found == class && select(kind));
        let rows = || (0_u8..).zip(&self.rows).filter(|(kind, _)| select(*kind));
        let further = |class| rows().map(|(_, row)| row.further_lookups[class as usize]).sum::<u64>();
        let lookups = |class| count(class) + further(class);
        let (hits, negative_hits) = (lookups(OutcomeClass::Hit), lookups(OutcomeClass::NegativeHit));
        let (misses, bypassed) = (lookups(OutcomeClass::Miss), lookups(OutcomeClass::Bypassed));
        Answers {
            hits,
            misses,
            negative_hits,
            bypassed,
            hit_rate: share(hits + negative_hits, hits + negative_hits + misses + bypassed),
            errors: count(OutcomeClass::Error),
            timeouts: count(OutcomeClass::Timeout),
        }
    }

    /// Drops the times and keeps the counts: a window of the warm-up is not asked for its times again, and they are what
    /// takes the memory.
    pub fn drop_times(&mut self) {
        for row in &mut self.rows {
            row.times = Default::default();
        }
    }

    fn cells(&self) -> impl Iterator<Item = (u8, OutcomeClass, u64, Option<&Histograms>)> {
        self.rows.iter().enumerate().flat_map(|(kind, row)| {
            OutcomeClass::EACH.into_iter().map(move |class| {
                let at = class as usize;
                (kind as u8, class, row.counts[at], row.times[at].as_deref())
            })
        })
    }
}

impl Row {
    fn add(&mut self, other: &Self) {
        for (mine, theirs) in self.errors.iter_mut().zip(&other.errors) {
            *mine += theirs;
        }
        for class in 0..OutcomeClass::EACH.len() {
            self.further_lookups[class] += other.further_lookups[class];
            if other.counts[class] == 0 {
                continue;
            }
            self.counts[class] += other.counts[class];
            match (&mut self.times[class], &other.times[class]) {
                (Some(mine), Some(theirs)) => {
                    add_latency(&mut mine.response, &theirs.response);
                    add_latency(&mut mine.service, &theirs.service);
                }
                (mine @ None, theirs) => mine.clone_from(theirs),
                (Some(_), None) => {}
            }
        }
    }
}

/// Returns true if nothing was looked up.
fn are_none(lookups: &[u64; OutcomeClass::EACH.len()]) -> bool {
    lookups.iter().all(|lookups| *lookups == 0)
}

/// Adding fails only between different layouts, and there is one.
fn add_latency(sum: &mut Latency, other: &Latency) {
    let added = sum.add(other);
    debug_assert!(added.is_ok());
}

/// The place of a kind in [`ErrorKind::ALL`], which stands in the order of the declaration.
#[inline]
fn error_index(kind: ErrorKind) -> usize {
    kind as usize
}

fn share(part: u64, whole: u64) -> Option<f64> {
    (whole > 0).then(|| part as f64 / whole as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn window(operations: &[(u8, Outcome, u64)]) -> Window {
        let mut window = Window::new(2);
        for (kind, outcome, us) in operations {
            window.count(*kind, *outcome, us * 1_000, us * 500);
        }
        window
    }

    #[test]
    fn the_layout_of_histograms_is_one_that_the_library_accepts() {
        assert!(Histograms::new().is_some());
    }

    #[test]
    fn kinds_of_error_stand_in_the_order_of_their_declaration() {
        for (at, kind) in ErrorKind::ALL.into_iter().enumerate() {
            assert_eq!(error_index(kind), at);
        }
    }

    #[test]
    fn the_hit_rate_counts_what_the_cache_knew_by_reads_that_were_answered() {
        let hits = window(&[
            (0, Outcome::Hit, 1),
            (0, Outcome::NegativeHit, 1),
            (1, Outcome::Hit, 1),
            (0, Outcome::Miss, 1),
            (0, Outcome::Timeout, 1),
            (0, Outcome::Error(ErrorKind::Denied), 1),
            (1, Outcome::Written, 1),
        ]);
        let answers = hits.answers(|_| true);
        assert_eq!(answers.hit_rate, Some(0.75));
        assert_eq!((hits.operations(), hits.successes(), answers.lookups()), (7, 5, 4));
        assert_eq!((hits.errors(ErrorKind::Denied), hits.errors(ErrorKind::Timeout)), (1, 1));
        assert_eq!(hits.errors(ErrorKind::Other), 0);
        assert_eq!(window(&[(0, Outcome::Written, 1)]).answers(|_| true).hit_rate, None);
    }

    #[test]
    fn the_hit_rate_of_batches_counts_their_keys_and_everything_else_the_batches() {
        let mut batches = window(&[(0, Outcome::Miss, 1), (0, Outcome::Hit, 1), (1, Outcome::Written, 1)]);
        // One of four keys was missing, and then none of three.
        batches.count_lookups(0, OutcomeClass::Hit, 3 + 2);
        let answers = batches.answers(|_| true);
        assert_eq!((answers.hits, answers.misses, answers.hit_rate), (6, 1, Some(6.0 / 7.0)));
        assert_eq!((batches.operations(), batches.outcomes(OutcomeClass::Hit)), (3, 1));
        let mut sum = batches.clone();
        sum.add(&batches);
        assert_eq!(sum.answers(|kind| kind == 0).lookups(), 14);
        assert_eq!(sum.answers(|kind| kind == 1).lookups(), 0);
        let kept: Window = serde_json::from_str(&serde_json::to_string(&sum).unwrap()).unwrap();
        assert_eq!(kept.answers(|_| true), sum.answers(|_| true));
        sum.clear();
        assert_eq!(sum.answers(|_| true).lookups(), 0);
    }

    #[test]
    fn windows_add_up_to_what_one_window_would_have_counted() {
        let (first, second) = (
            [(0, Outcome::Hit, 10), (0, Outcome::Miss, 900)],
            [(0, Outcome::Hit, 20), (5, Outcome::Written, 70)],
        );
        let mut sum = window(&first);
        sum.add(&window(&second));
        let both: Vec<_> = first.into_iter().chain(second).collect();
        assert_eq!(sum.operations(), 4);
        for kind in [Measure::Response, Measure::Service] {
            assert_eq!(sum.latency(kind, |_, _| true), window(&both).latency(kind, |_, _| true));
        }
        let mut from_nothing = Window::default();
        from_nothing.add(&sum);
        assert_eq!(
            from_nothing.latency(Measure::Service, |_, _| true),
            sum.latency(Measure::Service, |_, _| true)
        );
    }

    #[test]
    fn percentiles_come_from_the_merged_histogram() {
        // One slow worker of two: its 99th percentile is the whole's 50th to 100th, not an average.
        let fast: Vec<_> = (0..1_000).map(|_| (0, Outcome::Hit, 100)).collect();
        let slow: Vec<_> = (0..1_000).map(|_| (0, Outcome::Hit, 10_000)).collect();
        let mut both = window(&fast);
        both.add(&window(&slow));
        let times = both.times(Measure::Response, |_, _| true);
        let (p50_us, p99_us) = (times.p50_us.unwrap(), times.p99_us.unwrap());
        assert!((p50_us - 100.0).abs() < 0.2 && (p99_us - 10_000.0).abs() < 10.0, "{times:?}");
        assert_eq!(both.operations(), 2_000);
    }

    #[test]
    fn figures_of_a_selection_leave_the_rest_out() {
        let mixed = window(&[(0, Outcome::Hit, 10), (1, Outcome::Written, 1_000)]);
        let reads = mixed.times(Measure::Response, |_, class| class.is_answered_read());
        assert!(reads.max_us.unwrap() < 11.0);
        assert_eq!(mixed.times(Measure::Response, |kind, _| kind == 7), Times::default());
    }

    #[test]
    fn a_cleared_window_is_as_empty_as_a_new_one() {
        let mut cleared = window(&[(0, Outcome::Hit, 10), (1, Outcome::Error(ErrorKind::Other), 3)]);
        cleared.count_late();
        cleared.anomalies_mut(0).corrupt += 1;
        cleared.clear();
        assert!(cleared.is_empty() && cleared.late == 0);
        assert_eq!(cleared.errors(ErrorKind::Other), 0);
        assert!(cleared.latency(Measure::Response, |_, _| true).is_none());
        cleared.count(0, Outcome::Hit, 5_000, 5_000);
        let nanos = cleared.latency(Measure::Response, |_, _| true).unwrap();
        assert!(nanos.len() == 1 && nanos.max() < 6_000, "{nanos:?}");
    }

    #[test]
    fn times_beyond_the_range_count_as_its_ends() {
        let mut window = Window::new(1);
        window.count(0, Outcome::Hit, u64::MAX, 0);
        let response = window.times(Measure::Response, |_, _| true);
        assert!((response.max_us.unwrap() / 120e6 - 1.0).abs() < 1e-3, "{response:?}");
        assert_eq!(window.latency(Measure::Service, |_, _| true).unwrap().len(), 1);
    }
}
