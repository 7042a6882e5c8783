//! How figures map to places along an axis, and where its ticks are.

use crate::report::format;

/// The ways in which figures are spread along an axis.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Spread {
    /// Equal steps are equally long.
    Even,
    /// Equal factors are equally long.
    Log,
    /// From 0 to 1, each further nine (90 %, 99 %, 99.9 %, …) equally long, as in HdrHistogram's plots.
    Nines,
}

impl Spread {
    fn place(self, value: f64) -> f64 {
        match self {
            Self::Even => value,
            Self::Log => value.log10(),
            Self::Nines => -(1.0 - value).log10(),
        }
    }
}

/// A mark on an axis.
#[derive(Debug, Clone, PartialEq)]
pub struct Tick {
    /// Where.
    pub value: f64,
    /// The label; empty for a line without words.
    pub label: String,
}

/// An axis without its place on the picture.
#[derive(Debug, Clone)]
pub struct Scale {
    /// The way in which figures are spread.
    pub spread: Spread,
    /// The figure at its beginning.
    pub low: f64,
    /// The figure at its end.
    pub high: f64,
    /// Its marks, from low to high.
    pub ticks: Vec<Tick>,
}

impl Scale {
    /// Where a figure lies, from 0 at the beginning to 1 at the end; figures beyond lie on the end.
    #[must_use]
    pub fn share(&self, value: f64) -> f64 {
        let (low, high) = (self.spread.place(self.low), self.spread.place(self.high));
        let share = (self.spread.place(value) - low) / (high - low);
        if share.is_nan() { 0.0 } else { share.clamp(0.0, 1.0) }
    }

    /// Even steps around the figures, from `low` to at least `high`, about `steps` of them.
    #[must_use]
    pub fn even(low: f64, high: f64, steps: u32, label: impl Fn(f64) -> String) -> Self {
        let step = nice_step((high - low).max(f64::MIN_POSITIVE) / f64::from(steps.max(1)));
        let first = (low / step).floor() as i64;
        // A hair less, so that a figure on a tick does not ask for one more.
        let last = ((high / step - 1e-9).ceil() as i64).max(first + 1);
        let ticks: Vec<Tick> = (first..=last)
            .map(|n| n as f64 * step)
            .map(|value| Tick { value, label: label(value) })
            .collect();
        Self { spread: Spread::Even, low: first as f64 * step, high: last as f64 * step, ticks }
    }

    /// Even steps exactly from `low` to `high`, ticks only between them.
    #[must_use]
    pub fn exactly(low: f64, high: f64, steps: u32, label: impl Fn(f64) -> String) -> Self {
        let mut scale = Self::even(low, high, steps, label);
        scale.ticks.retain(|tick| tick.value >= low - 1e-9 && tick.value <= high + 1e-9);
        Self { low, high, ..scale }
    }

    /// Times in microseconds, spread by factors, with whole powers of ten or 1, 2 and 5 at the ends.
    #[must_use]
    pub fn log_micros(low_us: f64, high_us: f64) -> Self {
        Self::log(low_us.max(1e-3), high_us, format::micros)
    }

    /// Counts, spread by factors, as [`Scale::log_micros`] does it.
    #[must_use]
    pub fn log_counts(low: f64, high: f64) -> Self {
        Self::log(low.max(1.0), high, format::count)
    }

    fn log(low: f64, high: f64, name: impl Fn(f64) -> String) -> Self {
        let (low, high) = (step_down(low), step_up(high.max(low * 1.01)));
        let decades = (high / low).log10();
        let labelled: &[f64] = match decades {
            d if d <= 1.8 => &[1.0, 2.0, 5.0],
            d if d <= 3.2 => &[1.0, 3.0],
            _ => &[1.0],
        };
        let mut ticks = Vec::new();
        for power in low.log10().floor() as i32..=high.log10().ceil() as i32 {
            for digit in 1..10 {
                let value = f64::from(digit) * 10_f64.powi(power);
                let label = if labelled.contains(&f64::from(digit)) { name(value) } else { String::new() };
                ticks.push(Tick { value, label });
            }
        }
        ticks.retain(|tick| tick.value >= low * 0.999 && tick.value <= high * 1.001);
        Self { spread: Spread::Log, low, high, ticks }
    }

    /// Percentiles up to a share such as 0.9999.
    #[must_use]
    pub fn nines(high: f64) -> Self {
        let marks = [0.0, 0.5, 0.9, 0.99, 0.999, 0.9999, 0.99999, 0.999_999];
        let ticks = marks
            .into_iter()
            .filter(|mark| *mark <= high + 1e-9)
            .map(|value| Tick { value, label: percentile_name(value) })
            .collect();
        Self { spread: Spread::Nines, low: 0.0, high, ticks }
    }
}

/// `50`, `99.9`; the unit is in the axis' name.
fn percentile_name(share: f64) -> String {
    let text = format!("{:.4}", share * 100.0);
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// The next 1, 2 or 5 times a power of ten at or above.
fn nice_step(step: f64) -> f64 {
    step_up(step)
}

fn step_up(value: f64) -> f64 {
    let power = 10_f64.powf(value.log10().floor());
    let digit = [1.0, 2.0, 5.0, 10.0].into_iter().find(|digit| digit * power >= value * (1.0 - 1e-9));
    digit.unwrap_or(10.0) * power
}

fn step_down(value: f64) -> f64 {
    let power = 10_f64.powf(value.log10().floor());
    let digit = [5.0, 2.0, 1.0].into_iter().find(|digit| digit * power <= value * (1.0 + 1e-9));
    digit.unwrap_or(1.0) * power
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_further_nine_is_equally_long() {
        let scale = Scale::nines(0.9999);
        assert!((scale.share(0.9) - 0.25).abs() < 1e-9 && (scale.share(0.999) - 0.75).abs() < 1e-9);
        let labels: Vec<_> = scale.ticks.iter().map(|tick| tick.label.as_str()).collect();
        assert_eq!(labels, ["0", "50", "90", "99", "99.9", "99.99"]);
    }

    #[test]
    fn an_even_axis_ends_on_ticks_around_the_figures() {
        let scale = Scale::even(0.0, 12_345.0, 5, format::count);
        assert_eq!((scale.low, scale.high), (0.0, 15_000.0));
        assert!(
            Scale::even(0.0, 0.0, 5, format::count).share(0.0).abs() < 1e-9,
            "nothing measured is no panic"
        );
    }

    #[test]
    fn a_log_axis_holds_the_figures_and_names_its_units() {
        let scale = Scale::log_micros(130.0, 42_000.0);
        assert!(scale.low <= 130.0 && scale.high >= 42_000.0);
        assert!(scale.ticks.iter().any(|tick| tick.label == "1 ms"));
    }
}
