//! The patience of a segment that waits for the others, and what it says meanwhile.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::notice::EXPIRES;
use super::protocol::CellPoint;
use crate::base::clock::Instant;
use crate::base::observer::{Event, Observer};
use crate::base::units::show_duration;
use crate::load::workload::LoadPart;
use crate::store::StoreError;

/// One that was there counts as gone when it was not seen for so long: a cache that is full may evict a text.
const GONE_AFTER: Duration = Duration::from_secs(6);
/// One that was never there is waited for so long: pods are started one after another.
const COMES_WITHIN: Duration = Duration::from_mins(10);
/// Nobody waits longer than this at one point, however alive the others are.
pub const MOST_WAIT: Duration = Duration::from_hours(2);
/// A cache that does not answer is asked again for so long.
const ANSWERS_WITHIN: Duration = Duration::from_secs(10);

/// Waiting for longer than this is said where nobody looks at every step.
const NOTED_AFTER: Duration = Duration::from_secs(2);

/// The time that one has waited, and for whom.
pub struct Patience<'a> {
    since: Instant,
    answered: Instant,
    told: String,
    is_noted: bool,
    observer: &'a dyn Observer,
}

impl<'a> Patience<'a> {
    /// It begins now.
    #[must_use]
    pub fn begin(observer: &'a dyn Observer) -> Self {
        let now = Instant::now();
        Self { since: now, answered: now, told: String::new(), is_noted: false, observer }
    }

    /// Says what is waited for, where that has changed.
    pub fn tell(&mut self, what: String) {
        if what != self.told {
            self.observer.observe(Event::Step { what: what.clone() });
            self.is_noted = false;
            self.told = what;
        }
        if !self.is_noted && self.since.elapsed() >= NOTED_AFTER {
            self.observer.observe(Event::Note { what: self.told.clone() });
            self.is_noted = true;
        }
    }

    /// Takes what the cache answered; `None` for an error, as long as the cache has not been silent for long.
    ///
    /// # Errors
    /// The last error, then.
    pub fn answer<T>(&mut self, answer: Result<T, StoreError>) -> Result<Option<T>, String> {
        match answer {
            Ok(answer) => {
                self.answered = Instant::now();
                Ok(Some(answer))
            }
            Err(error) if self.answered.elapsed() > ANSWERS_WITHIN => {
                Err(format!("segments meet through the cache, which does not answer: {error}"))
            }
            Err(_) => Ok(None),
        }
    }

    /// Returns an error where all have waited for each other for too long.
    ///
    /// # Errors
    /// Says at which point.
    pub fn check(&self, point: CellPoint) -> Result<(), String> {
        if self.since.elapsed() < MOST_WAIT {
            return Ok(());
        }
        let (waited, what) = (show_duration(MOST_WAIT), point.at.words());
        Err(format!("the segments have waited {waited} for each other to {what}"))
    }

    /// Looks whether those that are missing may still come: `seen` says when each was last there, and `there` who is now.
    ///
    /// # Errors
    /// Says who has gone, or does not come.
    pub fn look_after(
        &self,
        missing: &[u64],
        there: &BTreeSet<u64>,
        seen: &BTreeMap<u64, Instant>,
        part: LoadPart,
    ) -> Result<(), String> {
        for number in missing.iter().filter(|number| !there.contains(*number)) {
            match seen.get(number) {
                Some(last) if last.elapsed() > GONE_AFTER => {
                    return Err(format!(
                        "segment {number} has gone: nothing was heard of it for {}; what it printed last says why",
                        show_duration(EXPIRES)
                    ));
                }
                None if self.since.elapsed() > COMES_WITHIN => {
                    return Err(format!(
                        "segment {number} has not come within {}; start it with --segment {number}/{} and the same --run, on the same cache",
                        show_duration(COMES_WITHIN),
                        part.parts()
                    ));
                }
                Some(_) | None => {}
            }
        }
        Ok(())
    }
}

/// Some segments by their numbers.
#[must_use]
pub fn numbered(numbers: &[u64]) -> String {
    let numbers: Vec<String> = numbers.iter().map(u64::to_string).collect();
    let s = if numbers.len() == 1 { "" } else { "s" };
    format!("segment{s} {}", numbers.join(", "))
}
