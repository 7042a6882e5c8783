//! The search for the highest rate at which something holds: by climbing and bisection, with repeats at the edge.
//!
//! Runs are noisy, so that a rate may hold once and not the next time. What a rate is said to do is what most of its runs did,
//! and before the search ends, the two rates between which the edge lies are run again until most of their repeats agree.

/// What is searched and how far.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SearchPlan {
    /// The first rate.
    pub from: f64,
    /// No higher rate is tried.
    pub to: f64,
    /// No lower rate is tried.
    pub least: f64,
    /// Each rate of the climb is so many times the one before; above 1.
    pub growth: f64,
    /// The search ends where the lowest rate that does not hold is no further above the highest that does than this part of it.
    pub precision: f64,
    /// How many runs decide about a rate at the edge.
    pub repeats: usize,
    /// The search ends after so many runs, wherever it is.
    pub most_runs: usize,
}

/// One run.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Probe {
    rate: f64,
    holds: bool,
}

/// The rates between which the edge lies.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Knee {
    /// The highest rate at which it holds; `None` where it holds at none.
    pub holds: Option<f64>,
    /// The lowest at which it does not; `None` where it holds at all that were tried.
    pub fails: Option<f64>,
}

/// A search that has come so far.
#[derive(Debug, Clone)]
pub struct Search {
    plan: SearchPlan,
    probes: Vec<Probe>,
}

/// A first rate that does not hold is lowered by the growth at most so often.
const MOST_DESCENTS: i32 = 10;

impl Search {
    /// One that has not begun.
    #[must_use]
    pub fn new(plan: SearchPlan) -> Self {
        Self { plan, probes: Vec::new() }
    }

    /// Notes what a run at a rate has shown.
    pub fn note(&mut self, rate: f64, holds: bool) {
        self.probes.push(Probe { rate, holds });
    }

    /// The rate of the next run; `None` where the search is over.
    #[must_use]
    pub fn next_rate(&self) -> Option<f64> {
        if self.probes.is_empty() {
            return Some(self.plan.from.min(self.plan.to));
        }
        if self.probes.len() >= self.plan.most_runs {
            return None;
        }
        let Knee { holds, fails } = self.knee();
        let SearchPlan { growth, precision, to, from, least, .. } = self.plan;
        match (holds, fails) {
            (Some(low), None) if low < to => Some(rounded(low * growth).min(to)),
            (None, Some(high)) if high > from * growth.powi(-MOST_DESCENTS) && high / growth >= least => {
                Some(rounded(high / growth))
            }
            (Some(low), Some(high)) if high > low * (1.0 + precision) => Some(between(low, high)),
            _ => [holds, fails].into_iter().flatten().find(|rate| !self.is_decided(*rate)),
        }
    }

    /// Where the edge lies, as far as the runs have shown it.
    #[must_use]
    pub fn knee(&self) -> Knee {
        let lowest = |rates: &mut dyn Iterator<Item = f64>| rates.min_by(f64::total_cmp);
        let rates = || self.probes.iter().map(|probe| probe.rate);
        let fails = lowest(&mut rates().filter(|rate| !self.holds(*rate)));
        let below = |rate: &f64| fails.is_none_or(|fails| *rate < fails);
        let holds = rates().filter(|rate| self.holds(*rate)).filter(below).max_by(f64::total_cmp);
        Knee { holds, fails }
    }

    /// What most runs at a rate have shown. Where they are as many on both sides, it does not hold: nobody could rely on it.
    fn holds(&self, rate: f64) -> bool {
        let (held, all) = self.runs_at(rate);
        held * 2 > all
    }

    /// Returns true if more runs at a rate could not change what is said of it.
    fn is_decided(&self, rate: f64) -> bool {
        let (held, all) = self.runs_at(rate);
        let most = held.max(all - held);
        all >= self.plan.repeats || most * 2 > self.plan.repeats
    }

    /// The runs at a rate that held, and all of them.
    fn runs_at(&self, rate: f64) -> (usize, usize) {
        let runs = self.probes.iter().filter(|probe| probe.rate.total_cmp(&rate).is_eq());
        runs.fold((0, 0), |(held, all), probe| (held + usize::from(probe.holds), all + 1))
    }
}

/// The middle, with as few digits as keep it apart from both ends.
fn between(low: f64, high: f64) -> f64 {
    let middle = f64::midpoint(low, high);
    let short = rounded(middle);
    if short > low && short < high { short } else { middle }
}

/// Four digits, so that people can read what was tried.
fn rounded(rate: f64) -> f64 {
    let digits = 3 - rate.log10().floor() as i32;
    // A power of ten with a fraction is none exactly.
    if digits > 0 {
        let scale = 10_f64.powi(digits);
        return (rate * scale).round() / scale;
    }
    let unit = 10_f64.powi(-digits);
    (rate / unit).round() * unit
}

#[cfg(test)]
mod tests {
    use std::cmp::Reverse;
    use std::collections::BinaryHeap;
    use std::num::NonZeroU64;
    use std::time::Duration;

    use proptest::prelude::*;

    use super::*;
    use crate::load::workload::{Arrivals, Schedule};
    use crate::scenario::PositiveNumber;

    const PLAN: SearchPlan = SearchPlan {
        from: 100.0,
        to: 1e6,
        least: 0.0,
        growth: 2.0,
        precision: 0.01,
        repeats: 3,
        most_runs: 40,
    };

    /// Searches until the end; returns the knee and how many runs that took.
    fn search(plan: SearchPlan, mut holds: impl FnMut(f64, usize) -> bool) -> (Knee, usize) {
        let mut search = Search::new(plan);
        while let Some(rate) = search.next_rate() {
            let held = holds(rate, search.probes.len());
            search.note(rate, held);
        }
        (search.knee(), search.probes.len())
    }

    proptest! {
        #[test]
        fn a_sharp_edge_is_found_between_two_rates_as_close_as_asked_for(edge in 0.2_f64..900_000.0) {
            let (knee, runs) = search(PLAN, |rate, _| rate <= edge);
            let (low, high) = (knee.holds.unwrap(), knee.fails.unwrap());
            prop_assert!(low <= edge && edge < high && high <= low * 1.01, "{low} {edge} {high}");
            prop_assert!(runs <= 26, "{runs} runs");
        }
    }

    #[test]
    fn what_always_holds_ends_at_the_highest_rate_and_what_never_does_ends_too() {
        let (knee, runs) = search(SearchPlan { to: 5_000.0, ..PLAN }, |_, _| true);
        assert_eq!((knee, runs), (Knee { holds: Some(5_000.0), fails: None }, 8));
        let (knee, runs) = search(PLAN, |_, _| false);
        assert!(knee.holds.is_none() && knee.fails.unwrap() < 0.1 && runs <= 14, "{knee:?} {runs}");
        assert_eq!(search(SearchPlan { most_runs: 5, ..PLAN }, |rate, _| rate < 3e5).1, 5);
        let (knee, _) = search(SearchPlan { least: 20.0, ..PLAN }, |_, _| false);
        assert_eq!(knee.fails, Some(25.0), "12.5 a second are too few to say anything");
    }

    #[test]
    fn one_noisy_run_at_the_edge_is_outvoted() {
        // The run at 800 fails by chance, although the edge is at 1 300.
        let mut spoilt = false;
        let (knee, _) = search(PLAN, |rate, _| {
            let is_it = (rate - 800.0).abs() < 1.0;
            let by_chance = is_it && !spoilt;
            spoilt |= is_it;
            rate <= 1_300.0 && !by_chance
        });
        assert!((knee.holds.unwrap() / 1_300.0 - 1.0).abs() < 0.011, "{knee:?}");
    }

    /// Serves arrivals by `servers` that each take `service` for one; returns the share that was answered within the time and
    /// the 99th percentile of the response time, in seconds.
    fn queue(rate: f64, servers: usize, service: Duration, length: Duration, seed: u64) -> (f64, f64) {
        let schedule = Schedule::new(Arrivals::Poisson, PositiveNumber(rate), NonZeroU64::MIN, seed);
        let mut free: BinaryHeap<Reverse<Duration>> = (0..servers).map(|_| Reverse(Duration::ZERO)).collect();
        let (mut in_time, mut took) = (0, Vec::new());
        for due in schedule.due_times(0).take_while(|due| *due < length) {
            let Reverse(at) = free.pop().unwrap();
            let done = at.max(due) + service;
            free.push(Reverse(done));
            in_time += u32::from(done < length);
            took.push(done.saturating_sub(due).as_secs_f64());
        }
        took.sort_by(f64::total_cmp);
        (f64::from(in_time) / took.len() as f64, took[took.len() * 99 / 100])
    }

    #[test]
    fn the_knee_of_a_queue_of_known_capacity_is_found_within_three_percent() {
        let service = Duration::from_millis(4);
        for servers in [1, 4, 16] {
            let capacity = servers as f64 / service.as_secs_f64();
            let (knee, _) = search(PLAN, |rate, run| {
                queue(rate, servers, service, Duration::from_secs(30), run as u64).0 >= 0.99
            });
            let (low, high) = (knee.holds.unwrap(), knee.fails.unwrap());
            assert!((low / capacity - 1.0).abs() < 0.03, "M/D/{servers}: {low} to {high} of {capacity}");
        }
    }

    #[test]
    fn a_bound_on_the_response_time_puts_the_knee_before_the_capacity() {
        let (service, length) = (Duration::from_millis(4), Duration::from_mins(1));
        let of = |bound_s: f64| {
            let holds = |rate: f64, run: usize| {
                let (answered, p99_s) = queue(rate, 4, service, length, run as u64);
                answered >= 0.99 && p99_s <= bound_s
            };
            search(PLAN, holds).0.holds.unwrap()
        };
        let (tight, loose) = (of(0.008), of(0.020));
        assert!(tight < loose && loose < 1_000.0, "{tight} and {loose} of 1000");
    }
}
