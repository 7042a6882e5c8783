//! Requirements: what a strategy has to reach, as a scenario asks for it and `run.json` keeps it.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::criteria::{Better, CRITERIA, Unit, named};
use super::operation_criteria::{OPERATION_CRITERIA, named_of_operation};
use crate::base::units::{ByteSize, parse_duration};

/// The ways in which a figure may have to lie to its bound.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Relation {
    /// Less than the bound.
    #[serde(rename = "<")]
    Less,
    /// Not more than the bound.
    #[serde(rename = "<=")]
    AtMost,
    /// The bound itself.
    #[serde(rename = "=")]
    Equal,
    /// Not less than the bound.
    #[serde(rename = ">=")]
    AtLeast,
    /// More than the bound.
    #[serde(rename = ">")]
    More,
}

impl Relation {
    /// The sign.
    #[must_use]
    pub fn sign(self) -> &'static str {
        match self {
            Self::Less => "<",
            Self::AtMost => "<=",
            Self::Equal => "=",
            Self::AtLeast => ">=",
            Self::More => ">",
        }
    }

    /// Returns true if a value lies as it has to.
    #[must_use]
    pub fn holds(self, value: f64, bound: f64) -> bool {
        match self {
            Self::Less => value < bound,
            Self::AtMost => value <= bound,
            Self::Equal => (value - bound).abs() <= f64::EPSILON * bound.abs(),
            Self::AtLeast => value >= bound,
            Self::More => value > bound,
        }
    }
}

/// Something that a strategy has to reach.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Requirement {
    /// The name of the figure, such as `read.p99`; of one kind of operation, such as `p99`.
    pub criterion: String,
    /// The side of the bound on which it has to lie.
    pub relation: Relation,
    /// The bound, in the unit of the figure.
    pub bound: f64,
    /// The requirement as it was written, such as `<5ms`.
    pub written: String,
    /// The strategy that it is for, by its label; all of them where there is none.
    pub strategy: Option<String>,
    /// The topology that it is for, by its label; all of them where there is none.
    pub topology: Option<String>,
    /// The kind of operation that it is for; all together where there is none.
    pub operation: Option<String>,
}

impl Requirement {
    /// Returns true if there may be nothing at all of what no figure has less than nothing of.
    #[must_use]
    pub fn allows_nothing(&self) -> bool {
        self.bound == 0.0 && matches!(self.relation, Relation::Equal | Relation::AtMost)
    }

    /// A requirement from the name of a figure and a text such as `<5ms` or `>=90%`.
    ///
    /// # Errors
    /// What is wrong with it, and what would be right.
    pub fn parse(criterion: &str, written: &str) -> Result<Self, String> {
        let Some(figure) = named(criterion) else {
            let names: Vec<&str> = CRITERIA.iter().map(|figure| figure.name).collect();
            return Err(format!("there is no figure \"{criterion}\"; there are {}", names.join(", ")));
        };
        Self::of_figure(figure.name, figure.unit, written)
    }

    /// A requirement on one kind of operation.
    ///
    /// # Errors
    /// What is wrong with it, and what would be right.
    pub fn parse_of_operation(operation: &str, criterion: &str, written: &str) -> Result<Self, String> {
        let Some(figure) = named_of_operation(criterion) else {
            let names: Vec<&str> = OPERATION_CRITERIA.iter().map(|figure| figure.name).collect();
            let names = names.join(", ");
            return Err(format!("one kind of operation has no figure \"{criterion}\"; there are {names}"));
        };
        let requirement = Self::of_figure(figure.name, figure.unit, written)?;
        Ok(Self { operation: Some(operation.to_owned()), ..requirement })
    }

    fn of_figure(name: &str, unit: Unit, written: &str) -> Result<Self, String> {
        let text = written.trim();
        // The longer signs first.
        let signs = [
            ("<=", Relation::AtMost),
            (">=", Relation::AtLeast),
            ("<", Relation::Less),
            (">", Relation::More),
            ("=", Relation::Equal),
        ];
        let found = signs.into_iter().find_map(|(sign, relation)| Some((relation, text.strip_prefix(sign)?)));
        let Some((relation, value)) = found else {
            let proposal = proposal(name, unit, None, text);
            return Err(format!("\"{written}\" does not begin with <, <=, =, >= or >; {proposal}"));
        };
        let bound = bound(unit, value.trim()).ok_or_else(|| {
            let proposal = proposal(name, unit, Some(relation), value.trim());
            format!("\"{}\" is no {}; {proposal}", value.trim(), kind(unit))
        })?;
        Ok(Self {
            criterion: name.to_owned(),
            relation,
            bound,
            written: text.to_owned(),
            strategy: None,
            topology: None,
            operation: None,
        })
    }
}

/// Names the kind of value that bounds such a figure.
fn kind(unit: Unit) -> &'static str {
    match unit {
        Unit::Micros | Unit::Seconds => "duration",
        Unit::Share => "share",
        Unit::Count | Unit::Ratio => "number",
        Unit::Money => "amount",
        Unit::Bytes => "size",
    }
}

/// Proposes what was probably meant: the value with the sign and the unit that it lacks, or an example.
fn proposal(name: &str, unit: Unit, relation: Option<Relation>, value: &str) -> String {
    let (example, lacks) = match unit {
        Unit::Micros => ("<5ms", "ms"),
        Unit::Seconds => ("<2s", "s"),
        Unit::Share => (">=90%", "%"),
        Unit::Count => ("<1000", ""),
        Unit::Ratio => ("<0.3", ""),
        Unit::Money => ("<2.50", ""),
        Unit::Bytes => ("<64MiB", "MiB"),
    };
    let with_unit = format!("{value}{lacks}");
    let meant = [value, with_unit.as_str()].into_iter().find_map(|text| Some((text, bound(unit, text)?)));
    let text = meant.map_or_else(
        || example.to_owned(),
        |(text, bound)| {
            let higher = named(name).is_some_and(|figure| figure.better == Better::Higher);
            let usual = match (bound > 0.0, higher) {
                (false, _) => Relation::Equal,
                (true, true) => Relation::AtLeast,
                (true, false) => Relation::Less,
            };
            format!("{}{text}", relation.unwrap_or(usual).sign())
        },
    );
    format!("write \"{name}\" = \"{text}\"")
}

fn bound(unit: Unit, text: &str) -> Option<f64> {
    let number =
        |text: &str| text.trim().parse::<f64>().ok().filter(|number| number.is_finite() && *number >= 0.0);
    let duration = |text: &str| {
        // Nothing has no unit.
        if text == "0" { Some(Duration::ZERO) } else { parse_duration(text).ok() }
    };
    match unit {
        Unit::Micros => duration(text).map(|duration| duration.as_secs_f64() * 1e6),
        Unit::Seconds => duration(text).map(|duration| duration.as_secs_f64()),
        Unit::Share => match text.strip_suffix('%') {
            Some(percent) => number(percent).map(|percent| percent / 100.0),
            None => number(text),
        }
        .filter(|share| *share <= 1.0),
        Unit::Count | Unit::Ratio | Unit::Money => number(&text.replace('_', "")),
        Unit::Bytes => ByteSize::parse(text).ok().map(|size| size.0 as f64),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn bound_of(criterion: &str, written: &str) -> (Relation, f64) {
        let requirement = Requirement::parse(criterion, written).unwrap();
        (requirement.relation, requirement.bound)
    }

    #[test]
    fn bounds_are_written_in_the_unit_that_people_think_in() {
        assert_eq!(bound_of("read.p99", "<5ms"), (Relation::Less, 5_000.0));
        assert_eq!(bound_of("hit_rate", ">= 90 %"), (Relation::AtLeast, 0.9));
        assert_eq!(bound_of("hit_rate", ">0.9"), (Relation::More, 0.9));
        assert_eq!(bound_of("lost", "=0"), (Relation::Equal, 0.0));
        assert_eq!(bound_of("stale_age_max", "<=2s"), (Relation::AtMost, 2.0));
        assert_eq!(bound_of("stale_age_max", "=0"), (Relation::Equal, 0.0));
        assert_eq!(bound_of("database.peak_per_s", "<1_000"), (Relation::Less, 1_000.0));
        assert_eq!(bound_of("cache.memory", "<64MiB"), (Relation::Less, 67_108_864.0));
    }

    #[test]
    fn what_is_written_wrongly_is_told_with_what_would_be_right() {
        for (criterion, written, told) in [
            ("read.p98", "<5ms", "there is no figure \"read.p98\""),
            ("read.p99", "5ms", "does not begin with <, <=, =, >= or >; write \"read.p99\" = \"<5ms\""),
            ("read.p99", "<fast", "is no duration; write \"read.p99\" = \"<5ms\""),
            ("read.p99", "<=20", "is no duration; write \"read.p99\" = \"<=20ms\""),
            ("hit_rate", ">75", "is no share; write \"hit_rate\" = \">75%\""),
            ("hit_rate", "80%", "write \"hit_rate\" = \">=80%\""),
            ("lost", "0", "write \"lost\" = \"=0\""),
            ("read.p99", "<5", "is no duration; write \"read.p99\" = \"<5ms\""),
            ("hit_rate", ">110%", "is no share"),
            ("lost", "=none", "is no number"),
            ("lost", "=-1", "is no number"),
            ("lost", "=NaN", "is no number"),
        ] {
            let error = Requirement::parse(criterion, written).unwrap_err();
            assert!(error.contains(told), "{criterion} {written}: {error}");
        }
    }

    #[test]
    fn a_value_holds_or_does_not_at_its_bound() {
        let holds = |relation: Relation| relation.holds(5.0, 5.0);
        assert!(holds(Relation::AtMost) && holds(Relation::AtLeast) && holds(Relation::Equal));
        assert!(!holds(Relation::Less) && !holds(Relation::More));
    }
}
