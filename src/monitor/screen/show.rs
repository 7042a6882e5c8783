//! Figures as people read them, in few columns.

/// The text that stands where a figure is not known.
pub const UNKNOWN: &str = "–";

/// A figure, or what stands where there is none.
#[must_use]
pub fn or_unknown(value: Option<f64>, show: impl Fn(f64) -> String) -> String {
    value.map_or_else(|| UNKNOWN.to_owned(), show)
}

/// A share as `93.2 %`.
#[must_use]
pub fn percent(share: f64) -> String {
    format!("{:.1} %", share * 100.0)
}

/// A number as `950`, `12.3k`, `4.5M`.
#[must_use]
pub fn number(value: f64) -> String {
    scaled(value, 1000.0, &["", "k", "M", "G", "T"])
}

/// A number of bytes as `950 B`, `12.3 KiB`.
#[must_use]
pub fn bytes(value: f64) -> String {
    scaled(value, 1024.0, &[" B", " KiB", " MiB", " GiB", " TiB"])
}

/// Microseconds as `850 ns`, `123 µs`, `4.5 ms`, `1.2 s`.
#[must_use]
pub fn micros(us: f64) -> String {
    scaled(us * 1000.0, 1000.0, &[" ns", " µs", " ms", " s"])
}

/// Seconds as `45s`, `12m 5s`, `3h 20m`, `9d 4h`.
#[must_use]
pub fn span(seconds: u64) -> String {
    match seconds {
        0..60 => format!("{seconds}s"),
        60..3600 => format!("{}m {}s", seconds / 60, seconds % 60),
        3600..86_400 => format!("{}h {}m", seconds / 3600, seconds % 3600 / 60),
        _ => format!("{}d {}h", seconds / 86_400, seconds % 86_400 / 3600),
    }
}

/// Three digits that count, in the first unit that needs no more than three before the point.
fn scaled(value: f64, step: f64, units: &[&str]) -> String {
    let (mut value, mut unit) = (value, 0);
    while value >= 999.5 && unit + 1 < units.len() {
        value /= step;
        unit += 1;
    }
    let decimals = match value {
        _ if unit == 0 && value.fract() == 0.0 => 0,
        value if value >= 99.95 => 0,
        value if value >= 9.995 => 1,
        _ => 2,
    };
    format!("{value:.decimals$}{}", units[unit])
}

/// A text in at most so many columns, with `…` where it was longer.
#[must_use]
pub fn short(text: &str, columns: usize) -> String {
    if text.chars().count() <= columns {
        return text.to_owned();
    }
    let mut kept: String = text.chars().take(columns.saturating_sub(1)).collect();
    kept.push('…');
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_have_three_digits_that_count() {
        assert_eq!(
            [0.0, 7.0, 950.0, 999.6, 12_345.0, 4.5e6].map(number),
            ["0", "7", "950", "1.00k", "12.3k", "4.50M"]
        );
        assert_eq!(
            [0.5, 3.25, 123.4, 4500.0, 2.5e6].map(micros),
            ["500 ns", "3.25 µs", "123 µs", "4.50 ms", "2.50 s"]
        );
        assert_eq!(bytes(50_331_648.0), "48.0 MiB");
        assert_eq!(percent(0.9324), "93.2 %");
        assert_eq!([45, 725, 12_000, 792_000].map(span), ["45s", "12m 5s", "3h 20m", "9d 4h"]);
    }

    #[test]
    fn a_long_text_is_cut_where_a_letter_ends() {
        assert_eq!(short("grüße", 4), "grü…");
        assert_eq!(short("grüße", 5), "grüße");
    }
}
