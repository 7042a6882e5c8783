//! The times at which operations are due in an open-loop run.
//!
//! The schedule is fixed by the seed and does not depend on the system's answers: that is what makes the loop open. A
//! client that is late sends at once and stays late; no arrival is ever skipped.

use std::num::NonZeroU64;
use std::time::Duration;

use super::random::{Purpose, RandomSource};
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

/// The due times of all clients.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Schedule {
    arrivals: Arrivals,
    rate_per_second: f64,
    clients: NonZeroU64,
    random: RandomSource,
}

impl Schedule {
    /// `rate_per_second` operations a second of all `clients` together.
    ///
    /// With Poisson arrivals each client is a Poisson process of its own with its part of the rate; together
    /// they are one with the whole rate. With constant arrivals the clients take turns.
    #[must_use]
    pub fn new(arrivals: Arrivals, rate_per_second: PositiveNumber, clients: NonZeroU64, seed: u64) -> Self {
        let random = RandomSource::new(seed, Purpose::Arrivals);
        Self { arrivals, rate_per_second: rate_per_second.0, clients, random }
    }

    /// The due times of a client's operations 0, 1, 2, …, counted from the start of the phase. They never end.
    #[must_use]
    pub fn due_times(&self, client: u64) -> DueTimes {
        DueTimes { schedule: *self, client, number: 0, elapsed_ns: 0.0 }
    }
}

/// The due times of one client, in order. See [`Schedule::due_times`].
#[derive(Debug, Clone)]
pub struct DueTimes {
    schedule: Schedule,
    client: u64,
    number: u64,
    /// The sum of a Poisson process' gaps. An `f64` is exact to the nanosecond for 104 days.
    elapsed_ns: f64,
}

impl Iterator for DueTimes {
    type Item = Duration;

    #[inline]
    fn next(&mut self) -> Option<Duration> {
        let Schedule { arrivals, rate_per_second, clients, random } = self.schedule;
        let number = self.number;
        self.number += 1;
        let due_ns = match arrivals {
            Arrivals::Poisson => {
                let mean_gap_ns = 1e9 * clients.get() as f64 / rate_per_second;
                // 1 − unit is above 0, so the gap is finite.
                self.elapsed_ns -= (1.0 - random.at(self.client, number).unit()).ln() * mean_gap_ns;
                self.elapsed_ns
            }
            // Computed from the position, not from a sum of gaps, so that nothing drifts.
            Arrivals::Constant => {
                let position = number as f64 * clients.get() as f64 + self.client as f64;
                position * (1e9 / rate_per_second)
            }
        };
        // The conversion stops at 584 years, which is as good as never.
        Some(Duration::from_nanos(due_ns as u64))
    }
}

#[cfg(test)]
mod tests {
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

    #[test]
    fn a_rate_too_small_to_ever_arrive_does_not_fail() {
        let mut times = schedule(Arrivals::Constant, f64::MIN_POSITIVE, 2).due_times(1);
        assert!(times.next().is_some() && times.next().is_some());
    }
}
