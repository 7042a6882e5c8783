//! The times at which operations are due in an open-loop run.
//!
//! The schedule is fixed by the seed and does not depend on the system's answers: that is what makes the loop open. A
//! client that is late sends at once and stays late; no arrival is ever skipped.

use std::num::NonZeroU64;
use std::sync::Arc;
use std::time::Duration;

use super::part::LoadPart;
use super::random::{Purpose, RandomSource};
use super::rate::RateProfile;
use crate::scenario::PositiveNumber;

crate::choices! {
    /// The ways in which arrivals are spread in time.
    pub enum Arrivals {
        /// as if from very many independent users: the gaps are exponential
        Poisson = "poisson",
        /// evenly, one gap like the other
        Constant = "constant",
    }
}

/// The due times of all queues.
#[derive(Debug, Clone, PartialEq)]
pub struct Schedule {
    arrivals: Arrivals,
    rate: Rate,
    queues: NonZeroU64,
    part: LoadPart,
    random: RandomSource,
}

/// The operations a second of all queues together.
#[derive(Debug, Clone, PartialEq)]
enum Rate {
    /// The same for ever.
    Constant(f64),
    /// Another at other times, and none after the end.
    Changing(Arc<RateProfile>),
}

impl Schedule {
    /// `rate_per_second` operations a second of all `queues` together.
    ///
    /// With Poisson arrivals each queue is a Poisson process of its own with its part of the rate; together
    /// they are one with the whole rate. With constant arrivals the queues take turns.
    #[must_use]
    pub fn new(arrivals: Arrivals, rate_per_second: PositiveNumber, queues: NonZeroU64, seed: u64) -> Self {
        Self::at(arrivals, Rate::Constant(rate_per_second.0), queues, seed)
    }

    /// The same at a rate that changes: any stretch of time has as many arrivals as the rate adds up to in it, with constant
    /// arrivals to within one, with Poisson arrivals to within their spread.
    #[must_use]
    pub fn changing(arrivals: Arrivals, rate: RateProfile, queues: NonZeroU64, seed: u64) -> Self {
        Self::at(arrivals, Rate::Changing(Arc::new(rate)), queues, seed)
    }

    fn at(arrivals: Arrivals, rate: Rate, queues: NonZeroU64, seed: u64) -> Self {
        let random = RandomSource::new(seed, Purpose::Arrivals);
        Self { arrivals, rate, queues, part: LoadPart::WHOLE, random }
    }

    /// The same, of which this process drives only a part of the queues.
    #[must_use]
    pub fn in_part(self, part: LoadPart) -> Self {
        Self { part, ..self }
    }

    /// The due times of a queue's operations 0, 1, 2, …, counted from the start of the phase. They end where the rate
    /// does, and never at a constant rate.
    #[must_use]
    pub fn due_times(&self, queue: u64) -> DueTimes {
        DueTimes { schedule: self.clone(), queue, number: 0, elapsed: 0.0, piece: 0 }
    }

    /// Counts the operations that are due in each stretch of time between two neighbours of `borders`, which rise, in the
    /// queues that this process drives.
    #[must_use]
    pub fn due_between(&self, borders: &[Duration]) -> Vec<u64> {
        let mut due = vec![0; borders.len().saturating_sub(1)];
        let Some(end) = borders.last() else { return due };
        for queue in (0..self.queues.get()).filter(|queue| self.part.drives(*queue)) {
            for at in self.due_times(queue).take_while(|at| at < end) {
                if let Some(stretch) = borders.partition_point(|border| *border <= at).checked_sub(1) {
                    due[stretch] += 1;
                }
            }
        }
        due
    }
}

/// The due times of one queue, in order. See [`Schedule::due_times`].
#[derive(Debug, Clone)]
pub struct DueTimes {
    schedule: Schedule,
    queue: u64,
    number: u64,
    /// The sum of a Poisson process' gaps: in nanoseconds at a constant rate, of which an `f64` is exact for 104 days; in
    /// arrivals of all queues at one that changes.
    elapsed: f64,
    /// The piece of the profile in which the last operation was due.
    piece: usize,
}

impl Iterator for DueTimes {
    type Item = Duration;

    #[inline]
    fn next(&mut self) -> Option<Duration> {
        let Schedule { arrivals, rate, queues, random, part: _ } = &self.schedule;
        let number = self.number;
        self.number += 1;
        // 1 − unit is above 0, so the gap is finite.
        let gap = || -(1.0 - random.at(self.queue, number).unit()).ln();
        // Computed from the position, not from a sum of gaps, so that nothing drifts.
        let position = || number as f64 * queues.get() as f64 + self.queue as f64;
        let due_ns = match (rate, arrivals) {
            (Rate::Constant(rate), Arrivals::Poisson) => {
                self.elapsed += gap() * (1e9 * queues.get() as f64 / rate);
                self.elapsed
            }
            (Rate::Constant(rate), Arrivals::Constant) => position() * (1e9 / rate),
            (Rate::Changing(profile), Arrivals::Poisson) => {
                self.elapsed += gap() * queues.get() as f64;
                profile.time_of(self.elapsed, &mut self.piece)? * 1e9
            }
            (Rate::Changing(profile), Arrivals::Constant) => {
                profile.time_of(position(), &mut self.piece)? * 1e9
            }
        };
        // The conversion stops at 584 years, which is as good as never.
        Some(Duration::from_nanos(due_ns as u64))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::rate::{RateCurve, RatePiece};
    use super::*;

    fn schedule(arrivals: Arrivals, rate: f64, clients: u64) -> Schedule {
        Schedule::new(arrivals, PositiveNumber(rate), NonZeroU64::new(clients).unwrap(), 7)
    }

    /// All arrivals of all clients within the first `seconds`, in order of time.
    fn together(schedule: &Schedule, clients: u64, seconds: u64) -> Vec<f64> {
        let within = |due: &Duration| *due < Duration::from_secs(seconds);
        let mut all: Vec<f64> = (0..clients)
            .flat_map(|client| schedule.due_times(client).take_while(within).map(|due| due.as_secs_f64()))
            .collect();
        all.sort_by(f64::total_cmp);
        all
    }

    /// The largest distance between the empirical distribution and the exponential one, times √n.
    fn kolmogorov(mut gaps: Vec<f64>, mean: f64) -> f64 {
        gaps.sort_by(f64::total_cmp);
        let n = gaps.len() as f64;
        let distances = gaps.iter().enumerate().map(|(i, gap)| {
            let expected = 1.0 - (-gap / mean).exp();
            (expected - i as f64 / n).abs().max(((i + 1) as f64 / n - expected).abs())
        });
        distances.fold(0.0, f64::max) * n.sqrt()
    }

    // The Kolmogorov distribution exceeds this with a probability of 0.001.
    const CRITICAL: f64 = 1.95;

    fn gaps(times: &[f64]) -> Vec<f64> {
        times.windows(2).map(|pair| pair[1] - pair[0]).collect()
    }

    #[test]
    fn poisson_arrivals_keep_the_rate_and_have_exponential_gaps() {
        let schedule = schedule(Arrivals::Poisson, 10_000.0, 16);
        let all = together(&schedule, 16, 20);
        // The number of arrivals has a standard deviation of √200 000 = 447.
        assert!((all.len() as f64 - 200_000.0).abs() < 1_800.0, "{}", all.len());
        assert!(kolmogorov(gaps(&all), 1e-4) < CRITICAL);
        let one: Vec<f64> = schedule.due_times(3).take(20_000).map(|due| due.as_secs_f64()).collect();
        assert!(kolmogorov(gaps(&one), 16e-4) < CRITICAL);
    }

    #[test]
    fn the_test_of_exponential_gaps_can_fail() {
        let all = together(&schedule(Arrivals::Poisson, 10_000.0, 16), 16, 20);
        assert!(kolmogorov(gaps(&all), 1.02e-4) > CRITICAL);
        let even = together(&schedule(Arrivals::Constant, 10_000.0, 16), 16, 1);
        assert!(kolmogorov(gaps(&even), 1e-4) > CRITICAL);
    }

    #[test]
    fn constant_arrivals_of_all_clients_are_evenly_spaced() {
        let all = together(&schedule(Arrivals::Constant, 3_000.0, 7), 7, 10);
        assert_eq!(all.len(), 30_000);
        for (at, time) in all.iter().enumerate() {
            assert!((time - at as f64 / 3_000.0).abs() < 2e-9, "{at}: {time}");
        }
    }

    #[test]
    fn due_times_never_go_back_and_are_the_same_for_one_seed() {
        for arrivals in [Arrivals::Poisson, Arrivals::Constant] {
            let schedule = schedule(arrivals, 5_000.0, 3);
            let times: Vec<_> = schedule.due_times(1).take(10_000).collect();
            assert!(times.is_sorted());
            assert_eq!(times, schedule.due_times(1).take(10_000).collect::<Vec<_>>());
        }
        let other = Schedule::new(Arrivals::Poisson, PositiveNumber(5_000.0), NonZeroU64::new(3).unwrap(), 8);
        assert_ne!(other.due_times(0).next(), schedule(Arrivals::Poisson, 5_000.0, 3).due_times(0).next());
    }

    fn changing(arrivals: Arrivals, clients: u64) -> (Schedule, RateProfile) {
        let seconds = Duration::from_secs;
        let wave = RateCurve::Wave { low: 500.0, high: 4_000.0, period_s: 3.0 };
        let pieces = [
            RatePiece { length: seconds(2), curve: RateCurve::level(1_000.0) },
            RatePiece { length: seconds(3), curve: RateCurve::Line { from: 1_000.0, to: 0.0 } },
            RatePiece { length: seconds(1), curve: RateCurve::level(0.0) },
            RatePiece { length: seconds(4), curve: wave },
            RatePiece { length: seconds(2), curve: RateCurve::Line { from: 0.0, to: 5_000.0 } },
        ];
        let profile = RateProfile::new(pieces);
        let clients = NonZeroU64::new(clients).unwrap();
        (Schedule::changing(arrivals, profile.clone(), clients, 7), profile)
    }

    proptest! {
        #[test]
        fn constant_arrivals_in_any_span_are_what_the_rate_adds_up_to_within_one(
            a in 0_u64..12_000_000_000,
            b in 0_u64..12_000_000_000,
            clients in 1_u64..20,
        ) {
            let (schedule, profile) = changing(Arrivals::Constant, clients);
            let (from, to) = (Duration::from_nanos(a.min(b)), Duration::from_nanos(a.max(b)));
            let due = schedule.due_between(&[from, to])[0] as f64;
            let expected = profile.arrivals_by(to) - profile.arrivals_by(from);
            prop_assert!((due - expected).abs() <= 1.0 + 1e-6, "{due} instead of {expected}");
        }

        #[test]
        fn poisson_arrivals_in_any_span_are_what_the_rate_adds_up_to_within_their_spread(
            a in 0_u64..12_000_000_000,
            b in 0_u64..12_000_000_000,
            seed: u64,
        ) {
            let (_, profile) = changing(Arrivals::Poisson, 8);
            let schedule = Schedule::changing(Arrivals::Poisson, profile.clone(), NonZeroU64::new(8).unwrap(), seed);
            let (from, to) = (Duration::from_nanos(a.min(b)), Duration::from_nanos(a.max(b)));
            let due = schedule.due_between(&[from, to])[0] as f64;
            let expected = profile.arrivals_by(to) - profile.arrivals_by(from);
            // Five standard deviations, and the ends of so few that the normal distribution says little of them.
            prop_assert!((due - expected).abs() <= 5.0 * expected.sqrt() + 5.0, "{due} instead of {expected}");
        }
    }

    #[test]
    fn poisson_arrivals_at_a_rate_that_changes_are_exponential_in_the_arrivals_that_are_expected() {
        let (schedule, profile) = changing(Arrivals::Poisson, 16);
        let all = together(&schedule, 16, 12);
        let expected: Vec<f64> =
            all.iter().map(|at_s| profile.arrivals_by(Duration::from_secs_f64(*at_s))).collect();
        assert!(kolmogorov(gaps(&expected), 1.0) < CRITICAL);
        assert!(kolmogorov(gaps(&all), 12.0 / all.len() as f64) > CRITICAL, "in time they are not");
    }

    #[test]
    fn a_constant_profile_is_due_when_a_constant_rate_is() {
        let pieces = [1, 2, 7].map(|seconds| RatePiece {
            length: Duration::from_secs(seconds),
            curve: RateCurve::level(3_000.0),
        });
        for arrivals in [Arrivals::Poisson, Arrivals::Constant] {
            let clients = NonZeroU64::new(7).unwrap();
            let changing = Schedule::changing(arrivals, RateProfile::new(pieces), clients, 7);
            let same = together(&schedule(arrivals, 3_000.0, 7), 7, 10);
            let found = together(&changing, 7, 10);
            assert_eq!(found.len(), same.len());
            assert!(found.iter().zip(&same).all(|(a, b)| (a - b).abs() < 1e-8));
        }
    }

    #[test]
    fn a_rate_too_small_to_ever_arrive_does_not_fail() {
        let mut times = schedule(Arrivals::Constant, f64::MIN_POSITIVE, 2).due_times(1);
        assert!(times.next().is_some() && times.next().is_some());
    }
}
