//! Types that a value of a scenario can have. Each refuses what it cannot mean.

use std::num::NonZeroU64;
use std::time::Duration;

use super::tree::{Value, ValueKind};
use crate::base::units::{ByteSize, Share, parse_duration, show_duration};

/// A type that one value of a scenario is read into.
pub trait Setting: Sized {
    /// The units that a value is written in; `None` for what is counted, named or switched.
    const UNIT: Option<&'static str> = None;

    /// Describes the form of a right value: `a duration such as "500ms"`.
    fn expects() -> String;

    /// Reads the value.
    ///
    /// # Errors
    /// `Some` says what is wrong with this very value; `None` means that it is not of this kind at
    /// all, so that what is expected says enough.
    fn read(value: &Value) -> Result<Self, Option<String>>;

    /// The value as one would write it.
    fn show(&self) -> String;
}

/// A duration longer than nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Positive(pub Duration);

impl Positive {
    /// From seconds, for defaults.
    #[must_use]
    pub const fn seconds(seconds: u64) -> Self {
        Self(Duration::from_secs(seconds))
    }

    /// From milliseconds, for defaults.
    #[must_use]
    pub const fn millis(millis: u64) -> Self {
        Self(Duration::from_millis(millis))
    }
}

/// A list that names one or more, each of them once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Distinct<T>(Vec<T>);

impl<T: PartialEq + Setting> Distinct<T> {
    /// Takes them.
    ///
    /// # Errors
    /// Says that there is none, or which is named twice.
    pub fn new(all: Vec<T>) -> Result<Self, String> {
        if all.is_empty() {
            return Err("an empty list names none".into());
        }
        let twice = all.iter().enumerate().find(|(number, one)| all[..*number].contains(one));
        match twice {
            Some((_, one)) => Err(format!("{} is named twice", one.show())),
            None => Ok(Self(all)),
        }
    }

    /// The first, of which there is always one, and the others.
    #[must_use]
    pub fn split_first(&self) -> (&T, &[T]) {
        (&self.0[0], &self.0[1..])
    }

    /// All of them.
    #[must_use]
    pub fn all(&self) -> &[T] {
        &self.0
    }
}

/// A finite number, 0 or above.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd)]
pub struct NonNegative(pub f64);

/// A finite number above 0.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd)]
pub struct PositiveNumber(pub f64);

/// The longest duration that a setting takes.
const LONGEST: Duration = Duration::from_hours(24 * 36_525);

impl Setting for Duration {
    const UNIT: Option<&'static str> = Some("ns, us, ms, s, m, h or d");

    fn expects() -> String {
        "a duration such as \"500ms\", \"30s\" or \"0s\"".into()
    }

    fn read(value: &Value) -> Result<Self, Option<String>> {
        match &value.kind {
            ValueKind::String(text) => match parse_duration(text).map_err(Some)? {
                // Sums of what is shorter never overflow.
                duration if duration > LONGEST => {
                    Err(Some(format!("\"{text}\" is more than a hundred years")))
                }
                duration => Ok(duration),
            },
            _ => Err(None),
        }
    }

    fn show(&self) -> String {
        format!("\"{}\"", show_duration(*self))
    }
}

impl Setting for Positive {
    const UNIT: Option<&'static str> = Duration::UNIT;

    fn expects() -> String {
        "a duration longer than 0, such as \"500ms\" or \"30s\"".into()
    }

    fn read(value: &Value) -> Result<Self, Option<String>> {
        let duration = Duration::read(value)?;
        if duration.is_zero() { Err(Some("a duration of 0 cannot be".into())) } else { Ok(Self(duration)) }
    }

    fn show(&self) -> String {
        self.0.show()
    }
}

impl Setting for ByteSize {
    const UNIT: Option<&'static str> = Some("B, kB, MB, GB, KiB, MiB or GiB");

    fn expects() -> String {
        "a size such as \"200B\" or \"64MiB\"".into()
    }

    fn read(value: &Value) -> Result<Self, Option<String>> {
        match &value.kind {
            ValueKind::String(text) => match Self::parse(text).map_err(Some)? {
                Self(0) => Err(Some("a size of 0 cannot be".into())),
                size => Ok(size),
            },
            _ => Err(None),
        }
    }

    fn show(&self) -> String {
        format!("\"{self}\"")
    }
}

impl Setting for Share {
    fn expects() -> String {
        "a share from 0 to 1, such as 0.3 or \"30%\"".into()
    }

    fn read(value: &Value) -> Result<Self, Option<String>> {
        let share = match &value.kind {
            ValueKind::String(text) => {
                let percent =
                    text.trim().strip_suffix('%').and_then(|number| number.trim().parse::<f64>().ok());
                percent.ok_or(None)? / 100.0
            }
            _ => f64::read(value)?,
        };
        Self::new(share).ok_or_else(|| Some(format!("{share} is not between 0 and 1")))
    }

    fn show(&self) -> String {
        self.get().to_string()
    }
}

impl Setting for f64 {
    fn expects() -> String {
        "a number".into()
    }

    fn read(value: &Value) -> Result<Self, Option<String>> {
        match value.kind {
            ValueKind::Float(number) if number.is_finite() => Ok(number),
            ValueKind::Integer(number) => Ok(number as Self),
            _ => Err(None),
        }
    }

    fn show(&self) -> String {
        self.to_string()
    }
}

impl Setting for PositiveNumber {
    fn expects() -> String {
        "a number above 0".into()
    }

    fn read(value: &Value) -> Result<Self, Option<String>> {
        let number = f64::read(value)?;
        if number.is_infinite() {
            return Err(Some("what is without end cannot be".into()));
        }
        if number > 0.0 { Ok(Self(number)) } else { Err(Some(format!("{number} is not above 0"))) }
    }

    fn show(&self) -> String {
        self.0.to_string()
    }
}

impl Setting for NonNegative {
    fn expects() -> String {
        "a number, 0 or more".into()
    }

    fn read(value: &Value) -> Result<Self, Option<String>> {
        let number = f64::read(value)?;
        if number.is_infinite() {
            return Err(Some("what is without end cannot be".into()));
        }
        if number >= 0.0 { Ok(Self(number)) } else { Err(Some(format!("{number} is below 0"))) }
    }

    fn show(&self) -> String {
        self.0.to_string()
    }
}

impl Setting for u64 {
    fn expects() -> String {
        "a whole number, 0 or more".into()
    }

    fn read(value: &Value) -> Result<Self, Option<String>> {
        match value.kind {
            ValueKind::Integer(number) => {
                Self::try_from(number).map_err(|_| Some(format!("{number} is below 0")))
            }
            _ => Err(None),
        }
    }

    fn show(&self) -> String {
        self.to_string()
    }
}

impl Setting for NonZeroU64 {
    fn expects() -> String {
        "a whole number, 1 or more".into()
    }

    fn read(value: &Value) -> Result<Self, Option<String>> {
        Self::new(u64::read(value)?).ok_or_else(|| Some("0 is too few".into()))
    }

    fn show(&self) -> String {
        self.to_string()
    }
}

impl Setting for bool {
    fn expects() -> String {
        "true or false".into()
    }

    fn read(value: &Value) -> Result<Self, Option<String>> {
        match value.kind {
            ValueKind::Bool(value) => Ok(value),
            _ => Err(None),
        }
    }

    fn show(&self) -> String {
        self.to_string()
    }
}

impl Setting for String {
    fn expects() -> String {
        "a text in quotes".into()
    }

    fn read(value: &Value) -> Result<Self, Option<String>> {
        match &value.kind {
            ValueKind::String(text) => Ok(text.clone()),
            _ => Err(None),
        }
    }

    fn show(&self) -> String {
        format!("{self:?}")
    }
}

impl<T: Setting> Setting for Option<T> {
    const UNIT: Option<&'static str> = T::UNIT;

    fn expects() -> String {
        T::expects()
    }

    fn read(value: &Value) -> Result<Self, Option<String>> {
        T::read(value).map(Some)
    }

    fn show(&self) -> String {
        self.as_ref().map_or_else(|| "(none)".into(), Setting::show)
    }
}

impl<T: Setting> Setting for Vec<T> {
    fn expects() -> String {
        format!("a list; in it {}", T::expects())
    }

    fn read(value: &Value) -> Result<Self, Option<String>> {
        match &value.kind {
            ValueKind::Array(items) => items.iter().map(T::read).collect(),
            _ => Err(None),
        }
    }

    fn show(&self) -> String {
        format!("[{}]", self.iter().map(Setting::show).collect::<Vec<_>>().join(", "))
    }
}

impl<T: PartialEq + Setting> Setting for Distinct<T> {
    fn expects() -> String {
        format!("a list of one or more, each named once; in it {}", T::expects())
    }

    fn read(value: &Value) -> Result<Self, Option<String>> {
        Self::new(Vec::read(value)?).map_err(Some)
    }

    fn show(&self) -> String {
        self.0.show()
    }
}
