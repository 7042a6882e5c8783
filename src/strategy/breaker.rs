//! A circuit breaker: after enough failures in a row it keeps callers from the cache for a while, then lets
//! one caller try (Nygard, "Release It!", 2007).

use std::time::Duration;

use parking_lot::Mutex;
use tokio::time::Instant;

/// The breaker of one cache as seen by one instance.
#[derive(Debug)]
pub struct Breaker {
    /// The number of failures in a row that open it.
    threshold: u64,
    /// The time that it stays open before one caller may try.
    open_for: Duration,
    state: Mutex<State>,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum State {
    Closed { failures: u64 },
    Open { until: Instant },
}

impl Breaker {
    /// A closed breaker.
    #[must_use]
    pub fn new(threshold: u64, open_for: Duration) -> Self {
        Self { threshold, open_for, state: Mutex::new(State::Closed { failures: 0 }) }
    }

    /// Returns true if the caller may ask the cache. Once the breaker has been open long enough, one caller
    /// may; the others are kept out until that caller succeeds, or for another such period.
    #[must_use]
    pub fn lets_through(&self) -> bool {
        let mut state = self.state.lock();
        match *state {
            State::Closed { .. } => true,
            State::Open { until } => {
                let now = Instant::now();
                if now < until {
                    return false;
                }
                *state = State::Open { until: now + self.open_for };
                true
            }
        }
    }

    /// Returns true while callers are kept from the cache, except for one now and then.
    #[must_use]
    pub fn is_open(&self) -> bool {
        matches!(*self.state.lock(), State::Open { .. })
    }

    /// Notes that the cache answered.
    pub fn succeeded(&self) {
        let mut state = self.state.lock();
        if *state != (State::Closed { failures: 0 }) {
            *state = State::Closed { failures: 0 };
        }
    }

    /// Notes that the cache did not answer.
    pub fn failed(&self) {
        let mut state = self.state.lock();
        let failures = match *state {
            State::Closed { failures } => failures + 1,
            State::Open { .. } => self.threshold,
        };
        *state = if failures >= self.threshold {
            State::Open { until: Instant::now() + self.open_for }
        } else {
            State::Closed { failures }
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OPEN_FOR: Duration = Duration::from_secs(1);

    fn opened() -> Breaker {
        let breaker = Breaker::new(3, OPEN_FOR);
        for _ in 0..3 {
            assert!(breaker.lets_through());
            breaker.failed();
        }
        breaker
    }

    #[tokio::test(start_paused = true)]
    async fn it_opens_after_so_many_failures_in_a_row() {
        assert!(!opened().lets_through());
    }

    #[tokio::test(start_paused = true)]
    async fn a_success_in_between_starts_the_count_again() {
        let breaker = Breaker::new(2, OPEN_FOR);
        breaker.failed();
        breaker.succeeded();
        breaker.failed();
        assert!(breaker.lets_through());
    }

    #[tokio::test(start_paused = true)]
    async fn after_a_while_one_caller_may_try_and_the_others_wait() {
        let breaker = opened();
        tokio::time::advance(OPEN_FOR).await;
        assert!(breaker.lets_through());
        assert!(!breaker.lets_through());
        breaker.succeeded();
        assert!(breaker.lets_through());
    }

    #[tokio::test(start_paused = true)]
    async fn a_failed_trial_opens_it_for_another_while() {
        let breaker = opened();
        tokio::time::advance(OPEN_FOR).await;
        assert!(breaker.lets_through());
        breaker.failed();
        tokio::time::advance(OPEN_FOR / 2).await;
        assert!(!breaker.lets_through());
    }
}
