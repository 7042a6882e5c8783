//! Write-behind: writes go to the cache, and every Δ seconds the changed keys go to the database.
//!
//! A flush writes a key once, however often it changed: with probability 1 − e^{−μΔ}. A crash at a random moment loses
//! what the database has not confirmed: the writes since the last flush began, an age that is even over 0 to Δ, and
//! for the F seconds that a flush takes also the Δ seconds of writes that it carries: μ(Δ/2 + F) on average.

use super::{Class, ModelCapacity, Popularity, TheoryError, TheoryModel, accept, characteristic_time};

/// See the module.
pub const MODEL: TheoryModel = TheoryModel {
    name: "flushes of Poisson writes",
    reference: "Ross, Introduction to Probability Models: the Poisson process",
};

/// The flushing of write-behind.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Flushing {
    every_seconds: f64,
    takes_seconds: f64,
}

impl Flushing {
    /// A flush begins every `every_seconds`, Δ, and is confirmed `takes_seconds`, F, later.
    ///
    /// # Errors
    /// Refuses an interval that is not positive and finite, and a flush that takes longer than it.
    pub fn new(every_seconds: f64, takes_seconds: f64) -> Result<Self, TheoryError> {
        let good = every_seconds.is_finite() && every_seconds > 0.0;
        accept(every_seconds, good, "seconds between flushes", "give a positive number of seconds")?;
        let good = (0.0..=every_seconds).contains(&takes_seconds);
        let remedy = "flush less often: a flush must end before the next begins";
        accept(takes_seconds, good, "seconds that a flush takes", remedy)?;
        Ok(Self { every_seconds, takes_seconds })
    }
}

/// The loss that is expected of a crash at a random moment.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ExpectedLoss {
    /// Acknowledged writes that the database has not confirmed, overwritten ones included: Σ μ(Δ/2 + F).
    pub writes: f64,
    /// Keys whose last value is lost.
    pub keys: f64,
}

/// Returns the time until so many different keys have been written, Δ with Σ (1 − e^{−μΔ}) = keys, in seconds;
/// infinity where no more are written than that.
///
/// # Errors
/// Refuses less than one key.
pub fn seconds_to_change(popularity: &Popularity, keys: f64) -> Result<f64, TheoryError> {
    let keys = ModelCapacity::entries(keys)?;
    let changed = |class: &Class, seconds: f64| match class.writes_per_second {
        0.0 => 0.0,
        writes => -(-writes * seconds).exp_m1(),
    };
    Ok(characteristic_time::solve(popularity, keys, changed))
}

/// Writes that reach the database, per second: Σ (1 − e^{−μΔ}) / Δ.
#[must_use]
pub fn database_writes_per_second(popularity: &Popularity, flushing: Flushing) -> f64 {
    popularity.sum(|class| dirty(class, flushing)) / flushing.every_seconds
}

/// The expected loss at a crash.
#[must_use]
pub fn expected_loss(popularity: &Popularity, flushing: Flushing) -> ExpectedLoss {
    let Flushing { every_seconds, takes_seconds } = flushing;
    let writes = popularity.writes_per_second() * (every_seconds / 2.0 + takes_seconds);
    ExpectedLoss { writes, keys: popularity.sum(|class| unconfirmed(class, flushing)) }
}

/// The chance that a flush finds the key changed.
fn dirty(class: &Class, flushing: Flushing) -> f64 {
    -(-class.writes_per_second * flushing.every_seconds).exp_m1()
}

/// The chance that a key has a write that is not confirmed. Not confirmed is what was written within the age a of
/// the last flush, or a + Δ while it runs; the mean of e^{−μ·that} over a is e^{−μF}(1 − e^{−μΔ})/(μΔ).
fn unconfirmed(class: &Class, flushing: Flushing) -> f64 {
    if class.writes_per_second == 0.0 {
        return 0.0;
    }
    let clean = dirty(class, flushing) / (class.writes_per_second * flushing.every_seconds);
    1.0 - clean * (-class.writes_per_second * flushing.takes_seconds).exp()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::theory::simulation::SplitMix;

    #[test]
    fn simulated_crashes_lose_as_much_and_flushes_write_as_much() {
        let (every, takes, rates) = (2.0, 0.6, [0.05, 0.4, 3.0]);
        let flushing = Flushing::new(every, takes).unwrap();
        let popularity = Popularity::of_keys(&[1.0; 3], &rates).unwrap();
        let mut random = SplitMix::seeded(3);
        let rounds = 100_000;
        let (mut lost_writes, mut lost_keys, mut flushed) = (0.0, 0.0, 0.0);
        for _ in 0..rounds {
            // A crash falls anywhere between two flushes; count the writes back from it.
            let age = random.share() * every;
            let window = if age < takes { age + every } else { age };
            for rate in rates {
                let lost = arrivals(&mut random, rate, window);
                lost_writes += f64::from(lost);
                lost_keys += f64::from(u8::from(lost > 0));
                flushed += f64::from(u8::from(arrivals(&mut random, rate, every) > 0));
            }
        }
        let rounds = f64::from(rounds);
        let loss = expected_loss(&popularity, flushing);
        assert!((lost_writes / rounds / loss.writes - 1.0).abs() < 0.01, "{}", lost_writes / rounds);
        assert!((lost_keys / rounds / loss.keys - 1.0).abs() < 0.01, "{}", lost_keys / rounds);
        let written = database_writes_per_second(&popularity, flushing);
        assert!((flushed / rounds / every / written - 1.0).abs() < 0.01, "{}", flushed / rounds / every);
    }

    fn arrivals(random: &mut SplitMix, rate: f64, window: f64) -> u32 {
        let mut count = 0;
        let mut at = random.exponential(rate);
        while at < window {
            count += 1;
            at += random.exponential(rate);
        }
        count
    }

    #[test]
    fn so_many_different_keys_take_longer_the_more_often_some_are_written() {
        // 100 writes a second of 1000 keys alike: 10 of them after −10·ln(1 − 10/1000) s, by ten keys and a little more.
        let alike = Popularity::uniform(1_000, 1.0, 100.0).unwrap();
        let seconds = seconds_to_change(&alike, 10.0).unwrap();
        assert!((seconds + 10.0 * (0.99_f64).ln()).abs() < 1e-9, "{seconds}");
        // Computed independently, rank by rank.
        let skewed = Popularity::zipf(1_000, 0.99, 1.0, 100.0).unwrap();
        let seconds = seconds_to_change(&skewed, 50.0).unwrap();
        assert!((seconds - 0.740_409).abs() < 1e-4, "{seconds}");
        assert!(seconds_to_change(&skewed, 1_000.0).unwrap().is_infinite());
        assert!(seconds_to_change(&skewed, 0.0).is_err());
    }

    #[test]
    fn a_flush_that_outlasts_its_interval_is_refused() {
        assert!(Flushing::new(1.0, 1.5).unwrap_err().to_string().contains("flush less often"));
        assert!(Flushing::new(0.0, 0.0).is_err() && Flushing::new(1.0, -0.1).is_err());
    }

    #[test]
    fn frequent_flushes_write_everything_and_lose_nothing() {
        let popularity = Popularity::zipf(1_000, 0.9, 1.0, 100.0).unwrap();
        let flushing = Flushing::new(1e-9, 0.0).unwrap();
        assert!((database_writes_per_second(&popularity, flushing) - 100.0).abs() < 1e-3);
        let loss = expected_loss(&popularity, flushing);
        assert!(loss.writes < 1e-6 && loss.keys < 1e-6);
    }
}
