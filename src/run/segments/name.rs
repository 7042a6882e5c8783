//! The name by which the segments of a run find each other, and which of them a process is.

use std::fmt;

use crate::load::workload::LoadPart;

/// More letters would not fit into the name of a database.
const MOST_LETTERS: usize = 32;

/// A name that all segments of one run are given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunName(String);

impl RunName {
    /// Reads a name.
    ///
    /// # Errors
    /// Says what it may be made of.
    pub fn parse(text: &str) -> Result<Self, String> {
        let is_plain = |letter: char| letter.is_ascii_lowercase() || letter.is_ascii_digit() || letter == '-';
        let fits = (1..=MOST_LETTERS).contains(&text.len()) && text.chars().all(is_plain);
        if fits && !text.starts_with('-') {
            return Ok(Self(text.to_owned()));
        }
        Err(format!(
            "\"{text}\" cannot be part of keys and of the name of a database: write up to {MOST_LETTERS} small letters, digits and hyphens, as black-friday-3"
        ))
    }

    /// The prefix of the keys of the run.
    #[must_use]
    pub fn key_prefix(&self) -> String {
        format!("hotset:{self}:")
    }

    /// The prefix of the keys by which its segments meet: none of those is a key of any run, so that emptying the cache leaves
    /// them.
    #[must_use]
    pub fn meeting_prefix(&self) -> String {
        format!("hotset:meeting.{self}:")
    }
}

impl fmt::Display for RunName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The part of a process in a run that several drive.
#[derive(Debug, Clone)]
pub struct SegmentOfRun {
    /// Its part.
    pub part: LoadPart,
    /// The run.
    pub run: RunName,
    /// A word without spaces for the scenario and the version of hotset.
    pub load: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_what_a_key_and_a_database_can_be_called() {
        for name in ["a", "black-friday-3", "2026-11-30"] {
            assert_eq!(RunName::parse(name).unwrap().to_string(), name);
        }
        for wrong in ["", "-a", "A", "a b", "a:b", "a{b}", &"a".repeat(33), "größe"] {
            assert!(RunName::parse(wrong).unwrap_err().contains("small letters"), "{wrong}");
        }
    }

    #[test]
    fn no_key_by_which_segments_meet_is_one_of_any_runs_keys() {
        let meeting = RunName::parse("a").unwrap().meeting_prefix();
        for other in ["a", "meeting", "ameeting"] {
            assert!(!meeting.starts_with(&RunName::parse(other).unwrap().key_prefix()));
        }
    }
}
