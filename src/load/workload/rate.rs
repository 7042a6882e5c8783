//! A rate that changes over time, and when so many arrivals are due under it.
//!
//! The expected number of arrivals until a moment is the integral of the rate, which each piece has in closed form. Its
//! inverse turns arrivals that are evenly spaced, or those of a Poisson process, at a rate of 1 into such arrivals at the
//! rate that changes (Çinlar, "Introduction to Stochastic Processes", 1975, section 4.7): nothing is thinned or rounded.

use std::f64::consts::TAU;
use std::time::Duration;

/// How the rate runs within a piece of time.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum RateCurve {
    /// Straight from one rate to another; level where both are equal.
    Line {
        /// The rate at the start of the piece.
        from: f64,
        /// The rate at its end.
        to: f64,
    },
    /// Up and down between two rates as a sine does, beginning at the lower.
    Wave {
        /// The lowest rate.
        low: f64,
        /// The highest rate.
        high: f64,
        /// The time from one lowest rate to the next, in seconds.
        period_s: f64,
    },
}

impl RateCurve {
    /// One rate all the time.
    #[must_use]
    pub const fn level(rate: f64) -> Self {
        Self::Line { from: rate, to: rate }
    }

    /// The rate after so many seconds of a piece of this length.
    #[must_use]
    pub fn rate_at(&self, at_s: f64, length_s: f64) -> f64 {
        match *self {
            Self::Line { from, to } => from + (to - from) * (at_s / length_s),
            Self::Wave { low, high, period_s } => {
                f64::midpoint(low, high) - (high - low) / 2.0 * (TAU * at_s / period_s).cos()
            }
        }
    }

    /// The highest rate.
    #[must_use]
    pub fn highest(&self) -> f64 {
        match *self {
            Self::Line { from, to } => from.max(to),
            Self::Wave { low, high, .. } => low.max(high),
        }
    }

    /// The seconds from a moment of a piece of this length until the rate is at least so high; `None` where it is not before
    /// the end of the piece.
    #[must_use]
    pub fn wait_for(&self, level: f64, from_s: f64, length_s: f64) -> Option<f64> {
        // A moment that was computed is a little before the one that is meant, or a little after it.
        const CLOSE: f64 = 1e-6;
        if from_s >= length_s {
            return None;
        }
        if self.rate_at(from_s, length_s) >= level - CLOSE {
            return Some(0.0);
        }
        let wait_s = match *self {
            Self::Line { from, to } if to >= level => (level - from) / (to - from) * length_s - from_s,
            Self::Wave { low, high, period_s } if high >= level => {
                let cosine = (f64::midpoint(low, high) - level) / ((high - low) / 2.0);
                let rises_s = cosine.clamp(-1.0, 1.0).acos() / TAU * period_s;
                (rises_s - from_s).rem_euclid(period_s)
            }
            Self::Line { .. } | Self::Wave { .. } => return None,
        };
        (wait_s >= 0.0 && from_s + wait_s < length_s).then_some(wait_s)
    }

    /// The integral of the rate over the first seconds of a piece of this length.
    fn arrivals_by(&self, at_s: f64, length_s: f64) -> f64 {
        match *self {
            Self::Line { from, to } => at_s * (from + (to - from) * (at_s / length_s) / 2.0),
            Self::Wave { low, high, period_s } => {
                let swing = (high - low) / 2.0 * period_s / TAU;
                f64::midpoint(low, high) * at_s - swing * (TAU * at_s / period_s).sin()
            }
        }
    }

    /// The seconds after which the integral has reached a number that it reaches within the piece.
    fn time_of(&self, arrivals: f64, length_s: f64) -> f64 {
        match *self {
            Self::Line { from, to } => {
                // The form of the quadratic formula that loses no digits, also where the line is level.
                let root = (from * from + 2.0 * arrivals * (to - from) / length_s).max(0.0).sqrt();
                let time_s = 2.0 * arrivals / (from + root);
                // Nothing has arrived yet where the rate begins at 0.
                if time_s.is_nan() { 0.0 } else { time_s.clamp(0.0, length_s) }
            }
            Self::Wave { .. } => self.by_newton(arrivals, length_s),
        }
    }

    /// Newton's method between two bounds that close in. Where a step would leave them, as where the rate is 0, or has not
    /// halved the error, the bounds are halved instead.
    fn by_newton(&self, arrivals: f64, length_s: f64) -> f64 {
        const CLOSE_S: f64 = 1e-10;
        let (mut low_s, mut high_s) = (0.0, length_s);
        let (mut at_s, mut last_off) = (length_s / 2.0, f64::INFINITY);
        while high_s - low_s > CLOSE_S {
            let off = self.arrivals_by(at_s, length_s) - arrivals;
            if off > 0.0 {
                high_s = at_s;
            } else {
                low_s = at_s;
            }
            let next_s = at_s - off / self.rate_at(at_s, length_s);
            let is_better = off.abs() <= last_off / 2.0 && next_s > low_s && next_s < high_s;
            if is_better && (next_s - at_s).abs() < CLOSE_S {
                return next_s;
            }
            last_off = off.abs();
            at_s = if is_better { next_s } else { f64::midpoint(low_s, high_s) };
        }
        at_s
    }
}

/// A piece of time with the rate in it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RatePiece {
    /// How long it lasts; longer than nothing.
    pub length: Duration,
    /// How the rate runs, in operations a second or in clients; never below 0.
    pub curve: RateCurve,
}

/// A piece at its place.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Placed {
    start_s: f64,
    length_s: f64,
    curve: RateCurve,
    /// The arrivals that are expected before it.
    before: f64,
    /// Those until its end.
    by_end: f64,
}

/// The rate over all pieces, one after another.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct RateProfile {
    pieces: Vec<Placed>,
}

impl RateProfile {
    /// The profile of these pieces, the first of which begins at 0.
    #[must_use]
    pub fn new(pieces: impl IntoIterator<Item = RatePiece>) -> Self {
        let (mut start_s, mut before) = (0.0, 0.0);
        let place = |RatePiece { length, curve }: RatePiece| {
            let length_s = length.as_secs_f64();
            let by_end = before + curve.arrivals_by(length_s, length_s);
            let placed = Placed { start_s, length_s, curve, before, by_end };
            (start_s, before) = (start_s + length_s, by_end);
            placed
        };
        Self { pieces: pieces.into_iter().map(place).collect() }
    }

    /// The number of arrivals that are expected until a moment; no more come after the end.
    #[must_use]
    pub fn arrivals_by(&self, at: Duration) -> f64 {
        let at_s = at.as_secs_f64();
        let of = |piece: &Placed| {
            let into_s = (at_s - piece.start_s).clamp(0.0, piece.length_s);
            piece.before + piece.curve.arrivals_by(into_s, piece.length_s)
        };
        self.pieces.iter().rev().find(|piece| piece.start_s <= at_s).map_or(0.0, of)
    }

    /// The mean rate between two moments.
    #[must_use]
    pub fn mean_rate(&self, from: Duration, to: Duration) -> f64 {
        let length_s = to.saturating_sub(from).as_secs_f64();
        if length_s > 0.0 { (self.arrivals_by(to) - self.arrivals_by(from)) / length_s } else { 0.0 }
    }

    /// The moment, in seconds, from which on more than `arrivals` are expected; `None` if there are not so many. The search
    /// begins at the piece that `piece` says, and leaves there where it ended, so that whoever asks in rising order never
    /// searches twice.
    #[inline]
    #[must_use]
    pub fn time_of(&self, arrivals: f64, piece: &mut usize) -> Option<f64> {
        loop {
            let placed = self.pieces.get(*piece)?;
            if arrivals < placed.by_end {
                let into_s = placed.curve.time_of(arrivals - placed.before, placed.length_s);
                return Some(placed.start_s + into_s);
            }
            *piece += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn piece(seconds: f64, curve: RateCurve) -> RatePiece {
        RatePiece { length: Duration::from_secs_f64(seconds), curve }
    }

    #[test]
    fn the_integral_is_that_of_the_rate() {
        let ramp = RateProfile::new([piece(10.0, RateCurve::Line { from: 0.0, to: 100.0 })]);
        assert!((ramp.arrivals_by(Duration::from_secs(10)) - 500.0).abs() < 1e-9);
        assert!((ramp.arrivals_by(Duration::from_secs(5)) - 125.0).abs() < 1e-9);
        let wave = RateCurve::Wave { low: 100.0, high: 300.0, period_s: 4.0 };
        let wave = RateProfile::new([piece(8.0, wave)]);
        assert!((wave.arrivals_by(Duration::from_secs(8)) - 1_600.0).abs() < 1e-9, "two whole periods");
        // The lower half of a period: mean 200, less the swing of 100 times 2/π.
        let lower = wave.mean_rate(Duration::from_secs(3), Duration::from_secs(5));
        assert!((lower - (200.0 - 100.0 * 2.0 / std::f64::consts::PI)).abs() < 1e-9, "{lower}");
    }

    #[test]
    fn nothing_is_due_in_a_pause_or_after_the_end() {
        let level = RateCurve::level(10.0);
        let profile =
            RateProfile::new([piece(1.0, level), piece(5.0, RateCurve::level(0.0)), piece(1.0, level)]);
        let mut at = 0;
        assert_eq!(profile.time_of(0.0, &mut at), Some(0.0));
        assert_eq!(profile.time_of(10.0, &mut at), Some(6.0), "the first after the pause");
        assert_eq!(profile.time_of(20.0, &mut at), None);
        let whole = Duration::from_secs(100);
        assert!((profile.arrivals_by(whole) - 20.0).abs() < 1e-9);
    }

    fn curves() -> impl Strategy<Value = RateCurve> {
        let rate = || prop_oneof![Just(0.0), 0.5_f64..20_000.0];
        prop_oneof![
            (rate(), rate()).prop_map(|(from, to)| RateCurve::Line { from, to }),
            rate().prop_map(RateCurve::level),
            (rate(), rate(), 0.05_f64..20.0).prop_map(|(a, b, period_s)| RateCurve::Wave {
                low: a.min(b),
                high: a.max(b),
                period_s
            }),
        ]
    }

    proptest! {
        #[test]
        fn one_waits_for_a_level_until_the_rate_has_it_and_no_longer(
            curve in curves(),
            (level, part) in (1.0_f64..10_000.0, 0.0_f64..1.0),
        ) {
            const LENGTH_S: f64 = 30.0;
            let from_s = part * LENGTH_S;
            let wait_s = curve.wait_for(level, from_s, LENGTH_S);
            if let Some(wait_s) = wait_s {
                let reached = curve.rate_at(from_s + wait_s, LENGTH_S);
                prop_assert!(reached >= level - 1e-3, "{reached} after {wait_s} s, and not {level}");
            }
            let until_s = wait_s.unwrap_or(LENGTH_S - from_s);
            for at in 0..1_000 {
                let before = curve.rate_at(from_s + until_s * f64::from(at) / 1e3, LENGTH_S);
                prop_assert!(before < level + 1e-3 || wait_s == Some(0.0), "{before} before {until_s} s");
            }
        }

        #[test]
        fn the_time_of_a_number_is_when_the_integral_reaches_it(
            pieces in prop::collection::vec((curves(), 0.01_f64..10.0), 1..6),
            part in 0.0_f64..1.0,
        ) {
            let profile = RateProfile::new(pieces.iter().map(|(curve, seconds)| piece(*seconds, *curve)));
            let end = Duration::from_secs_f64(pieces.iter().map(|(_, seconds)| seconds).sum::<f64>() + 1.0);
            let wanted = profile.arrivals_by(end) * part;
            if let Some(at_s) = profile.time_of(wanted, &mut 0) {
                let reached = profile.arrivals_by(Duration::from_secs_f64(at_s));
                prop_assert!((reached - wanted).abs() < 1e-3, "{reached} at {at_s} s, and not {wanted}");
            } else {
                prop_assert!(profile.arrivals_by(end) <= wanted);
            }
        }
    }
}
