//! How often every cell is run: always so often, or until what is compared is known as well as asked.

use std::num::NonZeroU64;

use crate::model::stats::REPEATS_FOR_INTERVAL;
use crate::scenario::{Setting, Value, ValueKind};

/// The number of repeats: 5, or from 5 to 30.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Repeats {
    least: NonZeroU64,
    most: NonZeroU64,
}

impl Repeats {
    /// Once.
    pub const ONE: Self = Self { least: NonZeroU64::MIN, most: NonZeroU64::MIN };

    /// The repeats that are run in any case.
    #[must_use]
    pub fn least(self) -> u64 {
        self.least.get()
    }

    /// The repeats after which no other is run.
    #[must_use]
    pub fn most(self) -> u64 {
        self.most.get()
    }

    /// Returns true if their number depends on what they show.
    #[must_use]
    pub fn is_range(self) -> bool {
        self.least < self.most
    }

    /// Reads `5` or `5..30`.
    ///
    /// # Errors
    /// Says what is wrong with it.
    pub fn parse(text: &str) -> Result<Self, String> {
        let number = |text: &str| -> Result<NonZeroU64, String> {
            let number = text.trim().parse::<u64>().map_err(|_| format!("\"{text}\" is no whole number"))?;
            NonZeroU64::new(number).ok_or_else(|| "0 is too few; give 1 or more".into())
        };
        let Some((least, most)) = text.split_once("..") else {
            let fixed = number(text)?;
            return Ok(Self { least: fixed, most: fixed });
        };
        let (least, most) = (number(least)?, number(most)?);
        if least >= most {
            return Err(format!("{least}..{most} does not go up"));
        }
        if least.get() < REPEATS_FOR_INTERVAL as u64 {
            return Err(format!(
                "{least} repeats have no interval; begin with {REPEATS_FOR_INTERVAL} or more"
            ));
        }
        Ok(Self { least, most })
    }
}

impl Setting for Repeats {
    fn expects() -> String {
        "a whole number, 1 or more, or a range such as \"5..30\"".into()
    }

    fn read(value: &Value) -> Result<Self, Option<String>> {
        match &value.kind {
            ValueKind::String(text) => Self::parse(text).map_err(Some),
            _ => NonZeroU64::read(value).map(|fixed| Self { least: fixed, most: fixed }),
        }
    }

    fn show(&self) -> String {
        if self.is_range() { format!("\"{}..{}\"", self.least, self.most) } else { self.least.to_string() }
    }
}

/// How far a ratio may lie from the true one: above 0, below 100 %.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Tolerance {
    percent: f64,
}

impl Tolerance {
    /// It as a share.
    #[must_use]
    pub fn share(self) -> f64 {
        self.percent / 100.0
    }

    /// Reads `2%`.
    ///
    /// # Errors
    /// Says what is wrong with it.
    pub fn parse(text: &str) -> Result<Self, String> {
        let percent = text.trim().strip_suffix('%').and_then(|percent| percent.trim().parse::<f64>().ok());
        let percent = percent.ok_or_else(|| format!("\"{text}\" is no percentage such as \"2%\""))?;
        if percent > 0.0 && percent < 100.0 {
            Ok(Self { percent })
        } else {
            Err(format!("{percent}% is not above 0 and below 100"))
        }
    }
}

impl Setting for Tolerance {
    const UNIT: Option<&'static str> = Some("%");

    fn expects() -> String {
        "a percentage such as \"2%\"".into()
    }

    fn read(value: &Value) -> Result<Self, Option<String>> {
        match &value.kind {
            ValueKind::String(text) => Self::parse(text).map_err(Some),
            _ => Err(None),
        }
    }

    fn show(&self) -> String {
        format!("\"{}%\"", self.percent)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::plan::{Plan, PlanError, PlanOptions};

    const SCENARIO: &str =
        "strategies = [\"cache-aside\", \"no-cache\"]\ntopologies = [\"embedded\"]\n[run]\n";

    fn plan(run: &str, options: &PlanOptions) -> Result<Plan, String> {
        Plan::parse("test", "test.toml", &format!("{SCENARIO}{run}"), options).map_err(|error| match error {
            PlanError::Invalid(invalid) => {
                let told = invalid.mistakes.iter();
                let told = told.map(|one| format!("{}: {}; {:?}", one.key, one.message, one.help));
                told.collect::<Vec<_>>().join("\n")
            }
            other @ PlanError::Unreadable { .. } => other.to_string(),
        })
    }

    #[test]
    fn a_range_plans_its_most_and_takes_at_least_its_least() {
        let run = "duration = \"10s\"\nwarmup_max = \"1s\"\nrepeats = \"3..8\"\nuntil = \"2%\"";
        let plan = plan(run, &PlanOptions::default()).unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(plan.cells.len(), 16);
        let (least, most) = plan.time();
        assert_eq!((least.as_secs(), most.as_secs()), (66, 176));
    }

    #[test]
    fn the_command_line_gives_a_range_too() {
        let options = PlanOptions {
            repeats: Some(Repeats::parse("4..9").unwrap()),
            until: Some(Tolerance::parse("2.5%").unwrap()),
            ..PlanOptions::default()
        };
        let run = plan("repeats = 2", &options).unwrap().scenario.run.clone();
        assert_eq!((run.repeats.least(), run.repeats.most()), (4, 9));
        assert_eq!(run.until.map(|until| until.show()), Some("\"2.5%\"".into()));
    }

    #[test]
    fn what_does_not_go_together_is_said() {
        for (run, part) in [
            ("repeats = \"5..30\"", "run.repeats: is a range, and nothing says"),
            ("repeats = 5\nuntil = \"2%\"", "run.until: needs repeats whose number is open"),
            ("repeats = 5\nmax_duration = \"1h\"", "run.max_duration: bounds repeats"),
            ("repeats = \"30..5\"\nuntil = \"2%\"", "30..5 does not go up"),
            ("repeats = \"2..5\"\nuntil = \"2%\"", "2 repeats have no interval"),
            ("repeats = \"five\"", "\"five\" is no whole number"),
            ("repeats = \"3..5\"\nuntil = \"0%\"", "0% is not above 0"),
            ("repeats = \"3..5\"\nuntil = 2", "a percentage such as"),
        ] {
            let told = plan(run, &PlanOptions::default()).unwrap_err();
            assert!(told.contains(part), "{run}: {told}");
        }
    }
}
