//! Quantities as people write them: durations ("500ms"), sizes ("64MiB") and shares (0.2).

use std::fmt;
use std::time::Duration;

/// Reads a duration such as `500us`, `20ms`, `1.5s`, `2m` or `24h`.
///
/// # Errors
/// Says what is wrong with the text.
pub fn parse_duration(text: &str) -> Result<Duration, String> {
    let (number, unit) = split_unit(text)?;
    let seconds = match unit {
        "ns" => 1e-9,
        "us" | "µs" => 1e-6,
        "ms" => 1e-3,
        "s" => 1.0,
        "m" | "min" => 60.0,
        "h" => 3600.0,
        "d" => 86_400.0,
        "" => return Err(format!("\"{text}\" has no unit")),
        other => return Err(format!("\"{other}\" is not a unit of time")),
    };
    Duration::try_from_secs_f64(number * seconds)
        .map_err(|_| format!("\"{text}\" is too long to be a duration"))
}

/// Writes a duration in the largest unit that keeps it readable: `500us`, `1.5s`, `2m`.
#[must_use]
pub fn show_duration(duration: Duration) -> String {
    let nanos = duration.as_nanos();
    let units = [
        ("h", 3_600_000_000_000),
        ("m", 60_000_000_000),
        ("s", 1_000_000_000),
        ("ms", 1_000_000),
        ("us", 1_000),
    ];
    for (unit, size) in units {
        if nanos >= size && (nanos.is_multiple_of(size) || size <= 1_000_000_000) {
            return format!("{}{unit}", trim(nanos as f64 / size as f64));
        }
    }
    if nanos == 0 { "0s".into() } else { format!("{nanos}ns") }
}

/// A number of bytes, written as `64MiB`, `500kB` or `200B`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct ByteSize(pub u64);

impl ByteSize {
    /// Reads `64MiB` (2^20), `500kB` (10^3), `200B`.
    ///
    /// # Errors
    /// Says what is wrong with the text.
    pub fn parse(text: &str) -> Result<Self, String> {
        let (number, unit) = split_unit(text)?;
        let scale: f64 = match unit {
            "B" => 1.0,
            "kB" | "KB" => 1e3,
            "MB" => 1e6,
            "GB" => 1e9,
            "KiB" => 1024.0,
            "MiB" => 1024.0 * 1024.0,
            "GiB" => 1024.0 * 1024.0 * 1024.0,
            "" => return Err(format!("\"{text}\" has no unit")),
            other => return Err(format!("\"{other}\" is not a unit of size")),
        };
        let bytes = number * scale;
        if bytes < 9.0e18 { Ok(Self(bytes.round() as u64)) } else { Err(format!("\"{text}\" is too large")) }
    }
}

impl fmt::Display for ByteSize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let units = [("GiB", 1_u64 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)];
        for (unit, size) in units {
            if self.0 >= size {
                return write!(f, "{}{unit}", trim(self.0 as f64 / size as f64));
            }
        }
        write!(f, "{}B", self.0)
    }
}

/// A part of a whole: a number from 0 to 1.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd, Default)]
pub struct Share(f64);

impl Share {
    /// Nothing of the whole.
    pub const NONE: Self = Self(0.0);
    /// The whole.
    pub const ALL: Self = Self(1.0);

    /// `part` of `whole`, for defaults; the whole where `part` is larger.
    #[must_use]
    pub const fn of(part: u32, whole: u32) -> Self {
        if part >= whole { Self::ALL } else { Self(part as f64 / whole as f64) }
    }

    /// `Some` where the number is from 0 to 1.
    #[must_use]
    pub fn new(value: f64) -> Option<Self> {
        (0.0..=1.0).contains(&value).then_some(Self(value))
    }

    /// The share as a number from 0 to 1.
    #[must_use]
    pub fn get(self) -> f64 {
        self.0
    }

    /// The share in percent, to a millionth of one: 0.57 is 57, and not 56.99999999999999 as the product has it.
    #[must_use]
    pub fn percent(self) -> f64 {
        (self.0 * 1e8).round() / 1e6
    }
}

/// A number with up to three decimals and no trailing zeros.
fn trim(number: f64) -> String {
    let text = format!("{number:.3}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

fn split_unit(text: &str) -> Result<(f64, &str), String> {
    let text = text.trim();
    let end = text.find(|c: char| !(c.is_ascii_digit() || c == '.' || c == '_')).unwrap_or(text.len());
    let number = text[..end].replace('_', "");
    let value = number.parse::<f64>().map_err(|_| format!("\"{text}\" does not begin with a number"))?;
    Ok((value, text[end..].trim()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn durations_are_read_in_every_unit() {
        for (text, micros) in [
            ("500us", 500),
            ("20ms", 20_000),
            ("1.5s", 1_500_000),
            ("2m", 120_000_000),
            ("24h", 86_400_000_000),
        ] {
            assert_eq!(parse_duration(text).unwrap(), Duration::from_micros(micros), "{text}");
        }
    }

    #[test]
    fn a_duration_without_a_unit_is_refused() {
        assert!(parse_duration("30").unwrap_err().contains("no unit"));
        assert!(parse_duration("30 parsecs").unwrap_err().contains("parsecs"));
        assert!(parse_duration("soon").unwrap_err().contains("number"));
    }

    #[test]
    fn sizes_tell_powers_of_two_from_powers_of_ten() {
        assert_eq!(ByteSize::parse("64MiB").unwrap().0, 67_108_864);
        assert_eq!(ByteSize::parse("64MB").unwrap().0, 64_000_000);
        assert!(ByteSize::parse("64").is_err());
    }

    #[test]
    fn a_share_is_shown_in_percent_as_it_was_written() {
        for hundredths in 0..=10_000_u32 {
            let written = format!("{}", f64::from(hundredths) / 100.0);
            let share = Share::new(written.parse::<f64>().unwrap() / 100.0).unwrap();
            assert_eq!(share.percent().to_string(), written);
        }
    }

    #[test]
    fn a_share_outside_the_whole_does_not_exist() {
        assert!(Share::new(1.01).is_none() && Share::new(-0.1).is_none() && Share::new(f64::NAN).is_none());
    }

    proptest! {
        #[test]
        fn a_shown_duration_reads_back_to_within_a_thousandth(micros in 1_u64..10_000_000_000) {
            let duration = Duration::from_micros(micros);
            let back = parse_duration(&show_duration(duration)).unwrap();
            let error = (back.as_secs_f64() - duration.as_secs_f64()).abs();
            prop_assert!(error <= duration.as_secs_f64() * 1e-3);
        }
    }
}
