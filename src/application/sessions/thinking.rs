//! A user's think time between two operations: usually short, sometimes, when idle, much longer.

use std::time::Duration;

use crate::base::hash;
use crate::base::units::Share;

/// The distribution of pauses.
#[derive(Debug, Clone, Copy)]
pub struct Thinking {
    /// The mean of an ordinary pause, whose length is exponentially distributed.
    pub mean: Duration,
    /// The share of pauses that are `idle` instead.
    pub idle_share: Share,
    /// The length of an idle pause.
    pub idle: Duration,
}

impl Thinking {
    /// The pause after an operation with this draw; always the same one.
    #[must_use]
    pub fn pause(&self, draw: u64) -> Duration {
        // The draw itself decides what is written; its hash is as good as another draw.
        let unit = |salt: u64| (hash::mix(draw.wrapping_add(salt)) >> 11) as f64 / (1_u64 << 53) as f64;
        if unit(1) < self.idle_share.get() {
            return self.idle;
        }
        // 1 - unit is above 0, so that its logarithm is finite: at most 37 times the mean.
        self.mean.mul_f64(-(1.0 - unit(2)).ln())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pauses(thinking: Thinking) -> impl Iterator<Item = Duration> {
        (0..100_000_u64).map(move |draw| thinking.pause(draw))
    }

    #[test]
    fn pauses_have_their_mean_and_are_exponentially_distributed() {
        let mean = Duration::from_millis(100);
        let thinking = Thinking { mean, idle_share: Share::NONE, idle: Duration::ZERO };
        let all = pauses(thinking).map(|pause| pause.as_secs_f64()).sum::<f64>() / 1e5;
        assert!((all - 0.1).abs() < 0.002, "{all}");
        // Of an exponential distribution 1/e are longer than the mean.
        let longer = pauses(thinking).filter(|pause| *pause > mean).count() as f64 / 1e5;
        assert!((longer - (-1_f64).exp()).abs() < 0.01, "{longer}");
        assert_eq!(thinking.pause(7), thinking.pause(7));
    }

    #[test]
    fn a_share_of_pauses_is_idle_and_who_does_not_think_does_not_pause() {
        let idle = Duration::from_secs(30);
        let thinking = Thinking { mean: Duration::ZERO, idle_share: Share::of(1, 10), idle };
        let share = pauses(thinking).filter(|pause| *pause == idle).count() as f64 / 1e5;
        assert!((share - 0.1).abs() < 0.01, "{share}");
        assert!(pauses(thinking).all(|pause| pause == idle || pause.is_zero()));
    }
}
