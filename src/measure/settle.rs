//! Whether the hit rate has stopped moving, so that measuring can begin.

use std::fmt;

use statrs::distribution::{ContinuousCDF, StudentsT};

/// With fewer windows nothing is said.
pub const FEWEST_WINDOWS: usize = 8;
/// A hit rate that is exactly the same in so many windows has settled.
pub const FEWEST_ALIKE: usize = 3;
/// The confidence level of the slope's interval.
pub const CONFIDENCE: f64 = 0.95;
/// The hit rate may drift by less than this (one point) over the windows that are looked at.
pub const DRIFT_LIMIT: f64 = 0.01;

/// The hit rate of one window.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct HitRateWindow {
    /// Hits by answered reads, from 0 to 1.
    pub hit_rate: f64,
    /// Answered reads. A window without any says nothing and is left out.
    pub reads: u64,
}

/// The trend of the last windows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trend {
    /// The hit rate has stopped moving.
    Settled,
    /// It rises or falls.
    Moving,
    /// It may still drift by a point or more; the noise hides whether it does.
    TooNoisy,
    /// There are fewer than [`FEWEST_WINDOWS`] windows with reads.
    TooFewWindows,
}

/// The test and its figures, for `events.csv` and the terminal.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SlopeTest {
    /// The verdict.
    pub trend: Trend,
    /// The mean of the hit rates.
    pub hit_rate: f64,
    /// The change of the hit rate from one window to the next.
    pub slope_per_window: f64,
    /// Half of the width of the slope's confidence interval.
    pub margin_per_window: f64,
    /// The largest drift over all windows together that the interval allows.
    pub possible_drift: f64,
}

/// Fits a line by least squares through the hit rates. They have settled where no slope within the
/// interval of [`CONFIDENCE`] (Student's t with n − 2 degrees of freedom) would carry the hit rate by
/// [`DRIFT_LIMIT`] or more over the windows. Where one would, the slope may be told from 0, and the hit rate
/// moves; or it may not, and noise hides whether it moves: of a series that jumps about, no slope can be told.
///
/// Windows count alike: they last alike, so in a warm-up their reads differ little.
#[must_use]
pub fn slope_test(windows: &[HitRateWindow]) -> SlopeTest {
    let rates: Vec<f64> = windows.iter().filter(|w| w.reads > 0).map(|w| w.hit_rate).collect();
    // A constant needs no line through it: no cache has no hits, however long one looks.
    if rates.len() >= FEWEST_ALIKE && rates.iter().all(|rate| rate.to_bits() == rates[0].to_bits()) {
        return SlopeTest {
            trend: Trend::Settled,
            hit_rate: rates[0],
            slope_per_window: 0.0,
            margin_per_window: 0.0,
            possible_drift: 0.0,
        };
    }
    if rates.len() < FEWEST_WINDOWS {
        return SlopeTest {
            trend: Trend::TooFewWindows,
            hit_rate: 0.0,
            slope_per_window: 0.0,
            margin_per_window: f64::INFINITY,
            possible_drift: f64::INFINITY,
        };
    }
    let hit_rate = rates.iter().sum::<f64>() / rates.len() as f64;
    let (slope, standard_error) = fit(&rates, hit_rate);
    let margin = standard_error * student_t(rates.len() - 2);
    let possible_drift = (slope.abs() + margin) * (rates.len() - 1) as f64;
    // A series that does not move at all has a slope of 0 with an error of 0, give or take rounding.
    let is_flat = slope.abs() <= margin + 1e-12;
    let trend = match (is_flat, possible_drift < DRIFT_LIMIT) {
        // Also where so much was read that a slope of next to nothing can be told from nothing.
        (_, true) => Trend::Settled,
        (true, false) => Trend::TooNoisy,
        (false, false) => Trend::Moving,
    };
    SlopeTest { trend, hit_rate, slope_per_window: slope, margin_per_window: margin, possible_drift }
}

impl SlopeTest {
    /// Returns how warm the cache is for a measurement that reads as much as so many of the windows that were looked
    /// at.
    #[must_use]
    pub fn warmth(&self, windows: f64) -> Warmth {
        match self.trend {
            Trend::Settled | Trend::TooNoisy => Warmth::Steady,
            Trend::TooFewWindows => Warmth::Unknown,
            Trend::Moving => {
                let by = (self.slope_per_window * windows).clamp(-self.hit_rate, 1.0 - self.hit_rate);
                if by.abs() < DRIFT_LIMIT { Warmth::Steady } else { Warmth::Moving { by } }
            }
        }
    }
}

/// How warm the cache was when measuring began.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize, serde::Deserialize)]
pub enum Warmth {
    /// The hit rate stood still, as far as could be seen, or moved by less than [`DRIFT_LIMIT`] while the cell was
    /// measured.
    Steady,
    /// The hit rate moved.
    Moving {
        /// How far it would move while the cell is measured at the pace at which it moved last, as a share. A hit rate
        /// that approaches its end moves less.
        by: f64,
    },
    /// The warm-up had too few windows to tell.
    Unknown,
    /// It had too few windows since the memory limit of the cache was corrected, and with it the entries that it holds.
    Resized,
}

impl Warmth {
    /// Returns true if nothing speaks against measuring.
    #[must_use]
    pub fn is_steady(self) -> bool {
        self == Self::Steady
    }

    /// Returns the worse of the two.
    #[must_use]
    pub fn or_worse(self, other: Self) -> Self {
        match (self, other) {
            (Self::Moving { by: one }, Self::Moving { by: two }) => {
                Self::Moving { by: if one.abs() < two.abs() { two } else { one } }
            }
            (moving @ Self::Moving { .. }, _) | (_, moving @ Self::Moving { .. }) => moving,
            (Self::Resized, _) | (_, Self::Resized) => Self::Resized,
            (Self::Unknown, _) | (_, Self::Unknown) => Self::Unknown,
            (Self::Steady, Self::Steady) => Self::Steady,
        }
    }
}

impl fmt::Display for Warmth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Steady => write!(f, "the hit rate stands still"),
            Self::Moving { by } => write!(
                f,
                "at its latest pace the hit rate would {} by {:.1} points while measured",
                if *by < 0.0 { "fall" } else { "rise" },
                100.0 * by.abs()
            ),
            Self::Unknown => write!(
                f,
                "run.warmup_max was over after fewer than {FEWEST_WINDOWS} windows, so that nothing can be said of the hit rate"
            ),
            Self::Resized => write!(
                f,
                "run.warmup_max was over fewer than {FEWEST_WINDOWS} windows after the cache's memory limit was corrected, so that \
                 nothing can be said of the hit rate"
            ),
        }
    }
}

/// The slope of the least-squares line over 0, 1, 2, … and its standard error.
fn fit(rates: &[f64], mean_y: f64) -> (f64, f64) {
    let n = rates.len() as f64;
    let mean_x = (n - 1.0) / 2.0;
    let points = || rates.iter().enumerate().map(|(x, y)| (x as f64 - mean_x, y - mean_y));
    let squares_x: f64 = points().map(|(x, _)| x * x).sum();
    let slope = points().map(|(x, y)| x * y).sum::<f64>() / squares_x;
    let residuals: f64 = points().map(|(x, y)| (y - slope * x).powi(2)).sum();
    (slope, (residuals / (n - 2.0) / squares_x).sqrt())
}

/// Returns the number of standard errors that the confidence interval reaches to either side.
fn student_t(degrees_of_freedom: usize) -> f64 {
    // Refused only for degrees of freedom that are not positive; then nothing is sure.
    StudentsT::new(0.0, 1.0, degrees_of_freedom as f64)
        .map_or(f64::INFINITY, |t| t.inverse_cdf(f64::midpoint(1.0, CONFIDENCE)))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Noise that is the same in every run, uniform around 0.
    fn noise(window: usize, width: f64) -> f64 {
        let mixed = (window as u64 + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        let mixed = (mixed ^ (mixed >> 29)).wrapping_mul(0xBF58_476D_1CE4_E5B9) >> 11;
        (mixed as f64 / (1_u64 << 53) as f64 - 0.5) * width
    }

    fn trend(windows: usize, hit_rate: impl Fn(usize) -> f64) -> Trend {
        trend_of(0..windows, hit_rate)
    }

    fn trend_of(windows: std::ops::Range<usize>, hit_rate: impl Fn(usize) -> f64) -> Trend {
        let windows: Vec<_> =
            windows.map(|at| HitRateWindow { hit_rate: hit_rate(at), reads: 1_000 }).collect();
        slope_test(&windows).trend
    }

    #[test]
    fn a_ramp_is_not_settled_with_or_without_noise() {
        assert_eq!(trend(10, |at| 0.5 + 0.01 * at as f64), Trend::Moving);
        assert_eq!(trend(10, |at| 0.9 - 0.01 * at as f64), Trend::Moving);
        assert_eq!(trend(12, |at| 0.5 + 0.005 * at as f64 + noise(at, 0.01)), Trend::Moving);
    }

    #[test]
    fn a_flat_series_is_settled() {
        assert_eq!(trend(10, |at| 0.83 + noise(at, 0.004)), Trend::Settled);
        for same in [0.0, 0.1, 1.0 / 3.0, 1.0] {
            assert_eq!(trend(10, |_| same), Trend::Settled, "{same}");
        }
    }

    #[test]
    fn flat_series_with_a_little_noise_are_settled_though_one_in_twenty_seems_to_move() {
        let settled = (0..200)
            .filter(|series| trend(10, |at| 0.8 + noise(series * 10 + at, 0.004)) == Trend::Settled)
            .count();
        // By the meaning of 95 % some slopes can be told from 0; none of them is worth a point.
        assert_eq!(settled, 200);
    }

    #[test]
    fn an_exponential_approach_settles_late() {
        let approach = |at: usize| 0.8 * (1.0 - (-(at as f64) / 5.0).exp()) + noise(at, 0.003);
        assert_eq!(trend_of(0..10, approach), Trend::Moving);
        assert_eq!(trend_of(10..20, approach), Trend::Moving);
        assert_eq!(trend_of(60..70, approach), Trend::Settled);
    }

    #[test]
    fn noise_does_not_pass_for_rest() {
        assert_eq!(trend(10, |at| 0.5 + noise(at, 0.2)), Trend::TooNoisy);
    }

    #[test]
    fn a_few_windows_are_too_few_and_those_without_reads_do_not_count() {
        assert_eq!(trend(7, |at| 0.5 + noise(at, 0.001)), Trend::TooFewWindows);
        let mut windows: Vec<_> =
            (0..8).map(|at| HitRateWindow { hit_rate: 0.5 + noise(at, 0.001), reads: 10 }).collect();
        assert_eq!(slope_test(&windows).trend, Trend::Settled);
        windows[3] = HitRateWindow { hit_rate: 0.0, reads: 0 };
        assert_eq!(slope_test(&windows).trend, Trend::TooFewWindows);
    }

    #[test]
    fn a_constant_is_steady_however_few_its_windows() {
        assert_eq!(trend(3, |_| 0.0), Trend::Settled);
        assert_eq!(trend(2, |_| 0.0), Trend::TooFewWindows);
        assert_eq!(trend(3, |at| f64::from(u8::from(at == 2))), Trend::TooFewWindows);
    }

    #[test]
    fn a_hit_rate_that_moves_is_told_by_what_it_would_move_while_measured() {
        let rising: Vec<_> =
            (0..10).map(|at| HitRateWindow { hit_rate: 0.5 + 0.002 * f64::from(at), reads: 1_000 }).collect();
        let test = slope_test(&rising);
        assert_eq!(test.trend, Trend::Moving);
        assert_eq!(test.warmth(4.0), Warmth::Steady, "0.8 points are not worth a word");
        let said = test.warmth(20.0).to_string();
        assert_eq!(said, "at its latest pace the hit rate would rise by 4.0 points while measured");
        let Warmth::Moving { by } = test.warmth(1e9) else { panic!("it moves") };
        assert!((by - 0.491).abs() < 1e-9, "no hit rate is above 1: {by}");
        assert_eq!(slope_test(&rising[..3]).warmth(20.0), Warmth::Unknown);
    }

    #[test]
    fn of_two_stages_the_worse_one_counts() {
        let (much, little) = (Warmth::Moving { by: -0.3 }, Warmth::Moving { by: 0.02 });
        for (one, other, worse) in [
            (Warmth::Steady, Warmth::Steady, Warmth::Steady),
            (Warmth::Steady, Warmth::Unknown, Warmth::Unknown),
            (Warmth::Unknown, little, little),
            (Warmth::Unknown, Warmth::Resized, Warmth::Resized),
            (Warmth::Resized, little, little),
            (little, much, much),
        ] {
            assert_eq!((one.or_worse(other), other.or_worse(one)), (worse, worse));
        }
    }

    #[test]
    fn the_quantile_is_students() {
        assert!((student_t(8) - 2.306).abs() < 1e-3);
        assert!((student_t(6) - 2.447).abs() < 1e-3);
    }
}
