//! The table `[staircase]`: one rate after another, each for itself.

use std::num::NonZeroU64;

use super::phase::{LoadPhase, LoadUnit, MOST_STEPS, PhaseKind, StaircasePart, at_most};
use super::rate::{RateCurve, RatePiece};
use super::settings::WorkloadSettings;
use crate::base::units::Share;
use crate::scenario::{Positive, PositiveNumber, Reader};

crate::settings! {
    /// The table `[staircase]`.
    pub struct StaircaseSettings {
        /// the rate of the first step; always given
        from_per_second: Option<PositiveNumber> = None,
        /// the rate of the last step, or with `factor` the rate that no step is above; always given
        to_per_second: Option<PositiveNumber> = None,
        /// how many steps there are, the first and the last included, each as much above the one before; left out, 8 unless `factor` is given
        steps: Option<NonZeroU64> = None,
        /// in place of `steps`: each rate is so many times the one before
        factor: Option<PositiveNumber> = None,
        /// how long each step lasts; a whole number of `run.window`s
        duration: Positive = Positive::seconds(5),
        /// how long nothing is due between two steps, so that the queue of one is gone before the next; what was due in a step and is not sent by the middle of it is not sent at all, so that what was sent ends in the other half; a whole number of `run.window`s
        drain: Positive = Positive::seconds(2),
    }
}

/// The steps where nothing says how many.
const STEPS: u64 = 8;

impl StaircaseSettings {
    /// The rates of the steps. What is wrong goes to the reader's mistakes.
    #[must_use]
    pub fn rates(&self, reader: &Reader<'_>) -> Vec<f64> {
        let (Some(from), Some(to)) = (self.from_per_second, self.to_per_second) else {
            for key in ["from_per_second", "to_per_second"] {
                if reader.raw(key).is_none() {
                    reader.wrong(
                        key,
                        "is missing",
                        Some("give the rates of the first and the last step".into()),
                    );
                }
            }
            return Vec::new();
        };
        let (from, to) = (from.0, to.0);
        if to < from {
            let message = format!("{to} is below from_per_second");
            reader.wrong("to_per_second", message, Some("exchange the two".into()));
            return Vec::new();
        }
        match (self.steps, self.factor) {
            (Some(_), Some(_)) => {
                reader.wrong("factor", "says what steps says too", Some("leave one of them out".into()));
                Vec::new()
            }
            (_, None) => by_steps(from, to, at_most(reader, self.steps.map_or(STEPS, NonZeroU64::get))),
            (None, Some(factor)) if factor.0 > 1.0 => {
                let rates = std::iter::successors(Some(from), |rate| Some(rate * factor.0));
                let most = MOST_STEPS as usize;
                let rates: Vec<f64> =
                    rates.take_while(|rate| *rate <= to * 1.000_001).take(most + 1).collect();
                if rates.len() > most {
                    let message = format!("{} makes more than {MOST_STEPS} steps", factor.0);
                    reader.wrong("factor", message, Some("give more, such as 1.5".into()));
                }
                rates
            }
            (None, Some(factor)) => {
                let message = format!("{} times a rate is not more than the rate", factor.0);
                reader.wrong("factor", message, Some("give more than 1, such as 1.5".into()));
                Vec::new()
            }
        }
    }

    /// The steps as phases, with a drain after each but the last, which the end of the cell drains.
    #[must_use]
    pub fn phases(&self, rates: &[f64], workload: &WorkloadSettings) -> Vec<LoadPhase> {
        let phase = |name: String, kind, (part, duration): (StaircasePart, Positive), rate| LoadPhase {
            name,
            kind,
            duration: duration.0,
            unit: LoadUnit::Rate,
            pieces: vec![RatePiece { length: duration.0, curve: RateCurve::level(rate) }],
            reads: workload.reads,
            keys: None,
            shift: Share::NONE,
            part: Some(part),
        };
        let step = |rate: &f64| {
            let name = format!("{}/s", (rate * 100.0).round() / 100.0);
            let drain = format!("after {name}");
            [
                phase(name, PhaseKind::Steady, (StaircasePart::Step, self.duration), *rate),
                phase(drain, PhaseKind::Pause, (StaircasePart::Drain, self.drain), 0.0),
            ]
        };
        let mut phases: Vec<LoadPhase> = rates.iter().flat_map(step).collect();
        phases.pop();
        phases
    }
}

fn by_steps(from: f64, to: f64, steps: u64) -> Vec<f64> {
    let share = |step: u64| if steps > 1 { step as f64 / (steps - 1) as f64 } else { 1.0 };
    (0..steps).map(|step| from + (to - from) * share(step)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::{Mistakes, Settings as _, Table};

    fn rates(toml: &str) -> (Vec<f64>, Vec<String>) {
        let mistakes = Mistakes::default();
        let table = Table::parse(toml, &mistakes);
        let reader = Reader::new(&table, "staircase", &mistakes);
        let rates = StaircaseSettings::read(&reader).rates(&reader);
        let rounded = rates.into_iter().map(f64::round).collect();
        let told = mistakes.into_sorted().into_iter();
        (rounded, told.map(|one| format!("{}: {}", one.key, one.message)).collect())
    }

    #[test]
    fn steps_are_equal_or_each_a_multiple_of_the_one_before() {
        let of = |toml: &str| rates(&format!("from_per_second = 100\nto_per_second = 800\n{toml}")).0;
        assert_eq!(of(""), [100.0, 200.0, 300.0, 400.0, 500.0, 600.0, 700.0, 800.0]);
        assert_eq!(of("steps = 3"), [100.0, 450.0, 800.0]);
        assert_eq!(of("steps = 1"), [800.0]);
        assert_eq!(of("factor = 2"), [100.0, 200.0, 400.0, 800.0]);
        assert_eq!(of("factor = 3"), [100.0, 300.0]);
    }

    #[test]
    fn what_is_wrong_with_the_rates_is_told_at_its_key() {
        for (toml, told) in [
            ("from_per_second = 5", "staircase.to_per_second: is missing"),
            ("from_per_second = 5\nto_per_second = 4", "staircase.to_per_second: 4 is below"),
            ("from_per_second = 5\nto_per_second = 9\nsteps = 3\nfactor = 2", "staircase.factor: says what"),
            ("from_per_second = 5\nto_per_second = 9\nfactor = 1", "staircase.factor: 1 times"),
            (
                "from_per_second = 5\nto_per_second = 9\nsteps = 1_000_000_000_000",
                "staircase.steps: 1000000000000 are more than 1000",
            ),
            (
                "from_per_second = 5\nto_per_second = 9\nfactor = 1.0000001",
                "staircase.factor: 1.0000001 makes",
            ),
        ] {
            let (_, mistakes) = rates(toml);
            assert!(mistakes[0].starts_with(told), "{toml}: {mistakes:?}");
        }
    }

    #[test]
    fn a_drain_lies_between_any_two_steps() {
        let settings = StaircaseSettings::default();
        let phases = settings.phases(&[10.0, 20.0, 30.0], &WorkloadSettings::default());
        let told: Vec<(&str, f64)> =
            phases.iter().map(|phase| (phase.name.as_str(), phase.highest())).collect();
        assert_eq!(
            told,
            [("10/s", 10.0), ("after 10/s", 0.0), ("20/s", 20.0), ("after 20/s", 0.0), ("30/s", 30.0)]
        );
    }
}
