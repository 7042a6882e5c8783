//! Figures as people read them: three digits that matter, and always a unit.

use std::borrow::Cow;

use crate::model::stats::Ratio;

/// A time in microseconds: `830 ns`, `12.3 µs`, `4.56 ms`, `2.1 s`.
#[must_use]
pub fn micros(us: f64) -> String {
    let (value, unit) = match us {
        us if us < 1.0 => (us * 1e3, "ns"),
        us if us < 999.5 => (us, "µs"),
        us if us < 999_500.0 => (us / 1e3, "ms"),
        us => (us / 1e6, "s"),
    };
    format!("{} {unit}", three_digits(value))
}

/// A number with its thousands apart: `12,345`.
#[must_use]
pub fn count(number: f64) -> String {
    let digits = format!("{:.0}", number.abs());
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    if number < 0.0 && digits != "0" { format!("-{text}") } else { text }
}

/// A share from 0 to 1 as a percentage: `97.3 %`.
#[must_use]
pub fn percent(share: f64) -> String {
    format!("{} %", three_digits(share * 100.0))
}

/// Three significant digits, without an exponent and without trailing zeros after the point.
#[must_use]
pub fn three_digits(value: f64) -> String {
    let decimals = match value.abs() {
        v if v >= 99.95 => 0,
        v if v >= 9.995 => 1,
        v if v >= 0.995 || v == 0.0 => 2,
        _ => 3,
    };
    let text = format!("{value:.decimals$}");
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').to_owned() } else { text }
}

/// An amount of money, without its currency: `0.0123`, `1.23`, `4,850`.
#[must_use]
pub fn money(amount: f64) -> String {
    if amount.abs() >= 999.5 { count(amount) } else { three_digits(amount) }
}

/// A number of bytes in the largest unit that keeps it readable.
#[must_use]
pub fn bytes(bytes: u64) -> String {
    let units = [("GiB", 1_u64 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)];
    match units.iter().find(|(_, size)| bytes >= *size) {
        Some((unit, size)) => format!("{} {unit}", three_digits(bytes as f64 / *size as f64)),
        None => format!("{bytes} B"),
    }
}

/// A UTC time of `run.json` as a caption shows it.
#[must_use]
pub fn date(utc: &str) -> String {
    match utc.parse::<jiff::Timestamp>() {
        Ok(time) => time.strftime("%-d %B %Y, %H:%M UTC").to_string(),
        Err(_) => utc.to_owned(),
    }
}

/// A label as it stands among others: in quotes where it has a comma, which would make two of it.
#[must_use]
pub fn quoted(label: &str) -> Cow<'_, str> {
    if label.contains(',') { format!("\u{201c}{label}\u{201d}").into() } else { label.into() }
}

/// Names in a sentence: `a`, `a and b`, `a, b and c`.
#[must_use]
pub fn list(names: &[String]) -> String {
    match names {
        [] => String::new(),
        [one] => one.clone(),
        [rest @ .., last] => format!("{} and {last}", rest.join(", ")),
    }
}

impl Ratio {
    /// `2.9 ± 0.1 × faster, n = 5`; where the error is more than half of the estimate, and so larger to one side, `2.9 × faster,
    /// 1.1 to 7.6, n = 5`.
    #[must_use]
    pub fn times(&self, word: &str) -> String {
        let (estimate, blocks) = (three_digits(self.estimate), self.blocks);
        let Some(interval) = self.interval else { return format!("{estimate} × {word}, n = {blocks}") };
        // As many decimals as the estimate may have, and never an error of nothing.
        let decimals = match self.estimate {
            estimate if estimate >= 99.95 => 0,
            estimate if estimate >= 9.995 => 1,
            _ => 2,
        };
        let half = ((interval.high - interval.low) / 2.0).max(0.1_f64.powi(decimals));
        // An error that would seem to reach across 1 although the interval does not is no help either.
        let seems_undecided = self.is_shown() && (self.estimate - half < 1.0) != (self.estimate < 1.0);
        if half > self.estimate / 2.0 || seems_undecided {
            let [low, high] = [interval.low, interval.high].map(three_digits);
            return format!("{estimate} × {word}, {low} to {high}, n = {blocks}");
        }
        let half = three_digits(format!("{half:.*}", decimals as usize).parse().unwrap_or(half));
        format!("{estimate} ± {half} × {word}, n = {blocks}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::stats::ConfidenceInterval;

    #[test]
    fn an_error_as_large_as_the_estimate_is_told_by_its_ends() {
        let of = |low, high| {
            let interval = Some(ConfidenceInterval { low, high });
            Ratio { estimate: 7.42, interval, blocks: 3 }
        };
        assert_eq!(of(7.1, 7.7).times("slower"), "7.42 ± 0.3 × slower, n = 3");
        assert_eq!(of(2.08, 26.4).times("slower"), "7.42 × slower, 2.08 to 26.4, n = 3");
        let interval = Some(ConfidenceInterval { low: 1.1, high: 2.53 });
        let near_one = Ratio { estimate: 1.67, interval, blocks: 5 };
        assert_eq!(near_one.times("slower"), "1.67 × slower, 1.1 to 2.53, n = 5");
    }

    #[test]
    fn a_label_with_a_comma_is_not_taken_for_two() {
        assert_eq!(quoted("cache-aside"), "cache-aside");
        let labels = ["lease", "cache-aside, bypass"].map(|label| quoted(label).into_owned());
        assert_eq!(list(&labels), "lease and \u{201c}cache-aside, bypass\u{201d}");
    }

    #[test]
    fn figures_have_three_digits_and_a_unit() {
        assert_eq!(micros(0.83), "830 ns");
        assert_eq!(micros(12.345), "12.3 µs");
        assert_eq!(micros(999.7), "1 ms");
        assert_eq!(micros(4_560.0), "4.56 ms");
        assert_eq!(micros(2_100_000.0), "2.1 s");
        assert_eq!(count(1_234_567.4), "1,234,567");
        assert_eq!(count(-1234.0), "-1,234");
        assert_eq!(percent(0.9731), "97.3 %");
        assert_eq!(three_digits(0.0), "0");
    }
}
