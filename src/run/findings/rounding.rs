//! Shares and rounded figures.

/// A part by a whole; `None` of nothing.
pub(super) fn share(part: u64, whole: u64) -> Option<f64> {
    (whole > 0).then(|| part as f64 / whole as f64)
}

/// Rounded to the thousandth: finer digits of a time or a rate are the clock's own noise.
pub(super) fn to_thousandths(number: f64) -> f64 {
    (number * 1e3).round() / 1e3
}
