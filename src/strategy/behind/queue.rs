//! What one instance still has to flush: whole entities at versions.

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use compact_str::CompactString;
use parking_lot::Mutex;
use tokio::time::Instant;

use super::log::LogPlace;
use super::room::Permit;
use crate::store::{Document, ErrorKind, StoreError, Version};

/// The time that an entity that the database has refused waits for its next try.
const RETRY_AFTER: Duration = Duration::from_millis(500);

/// The effects of a write on an earlier one of the same key that still waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Joining {
    /// It takes its place, as it contains it: one flush for both.
    Merge,
    /// It waits behind it: a flush for each.
    InLine,
}

/// An entity as a write left it.
#[derive(Debug)]
pub struct PendingWrite {
    /// Its version.
    pub version: Version,
    /// The whole of it.
    pub document: Document,
    /// The records of the log that are done when this is flushed.
    pub records: Vec<LogPlace>,
    /// Its place in the room, where it takes one.
    pub place: Option<Permit>,
}

/// A flushed state: the entity with its version, and the records that are done with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Flushed {
    /// The id of the entity.
    pub id: CompactString,
    /// The version that the database has now, or a newer one.
    pub version: Version,
    /// The records that are done.
    pub records: Vec<LogPlace>,
}

#[derive(Debug)]
struct Waiting {
    state: PendingWrite,
    since: Instant,
    tries: u64,
}

impl Waiting {
    /// Both as one: the newer, waiting since the older.
    fn with(mut self, mut other: Self) -> Self {
        if other.state.version > self.state.version {
            std::mem::swap(&mut self, &mut other);
        }
        self.since = self.since.min(other.since);
        self.state.records.append(&mut other.state.records);
        self.state.place = self.state.place.take().or(other.state.place);
        self
    }
}

#[derive(Debug)]
struct Slot {
    newest: (Version, Document),
    /// Since when something of this key has not been flushed.
    since: Instant,
    waiting: VecDeque<Waiting>,
    flying: usize,
    aside: Option<(Waiting, StoreError)>,
}

impl Slot {
    fn has_something_to_flush(&self) -> bool {
        self.flying > 0 || !self.waiting.is_empty()
    }
}

#[derive(Debug, Default)]
struct Lines {
    slots: HashMap<CompactString, Slot>,
    /// A key for each of its states that waits, in the order of waiting.
    line: VecDeque<CompactString>,
    /// The same for states that were refused, with when they are tried again.
    later: VecDeque<(Instant, CompactString)>,
}

/// The size of a queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Sums {
    /// Keys with something to flush.
    pub keys: u64,
    /// States to flush.
    pub states: u64,
    /// The time that the oldest has waited.
    pub oldest: Duration,
    /// Keys that were set aside.
    pub aside: u64,
    /// Records of the log that belong to them.
    pub aside_records: u64,
}

/// The queue of one instance.
#[derive(Debug)]
pub struct Queue {
    joining: Joining,
    max_tries: u64,
    lines: Mutex<Lines>,
}

impl Queue {
    /// An empty queue, which sets aside what was refused `max_tries` times.
    pub fn new(joining: Joining, max_tries: u64) -> Self {
        Self { joining, max_tries, lines: Mutex::default() }
    }

    /// Returns the effect of a write on an earlier one of its key.
    pub fn joining(&self) -> Joining {
        self.joining
    }

    /// Lets a state wait. One that was set aside for this key gets a new chance with it.
    pub fn push(&self, id: &str, state: PendingWrite) {
        let mut waiting = Waiting { state, since: Instant::now(), tries: 0 };
        let mut lines = self.lines.lock();
        let Lines { slots, line, .. } = &mut *lines;
        let slot = slots.entry(id.into()).or_insert_with(|| Slot {
            newest: (waiting.state.version, waiting.state.document.clone()),
            since: waiting.since,
            waiting: VecDeque::new(),
            flying: 0,
            aside: None,
        });
        if waiting.state.version > slot.newest.0 {
            slot.newest = (waiting.state.version, waiting.state.document.clone());
        }
        if let Some((aside, _)) = slot.aside.take() {
            waiting = Waiting { tries: 0, ..waiting.with(aside) };
        }
        if self.joining == Joining::Merge
            && let Some(earlier) = slot.waiting.pop_back()
        {
            slot.waiting.push_back(waiting.with(earlier));
        } else {
            slot.waiting.push_back(waiting);
            line.push_back(id.into());
        }
    }

    /// The newest state of an entity that this instance has still to flush, or has just flushed.
    pub fn newest(&self, id: &str) -> Option<(Version, Document)> {
        let lines = self.lines.lock();
        // Nothing to flush, as with a log most of the time, costs no hashing.
        if lines.slots.is_empty() { None } else { lines.slots.get(id).map(|slot| slot.newest.clone()) }
    }

    /// Returns true if a state that waits, or was set aside, has this record.
    pub fn holds(&self, id: &str, record: LogPlace) -> bool {
        let lines = self.lines.lock();
        let Some(slot) = lines.slots.get(id) else { return false };
        let aside = slot.aside.iter().map(|(aside, _)| aside);
        slot.waiting.iter().chain(aside).any(|waiting| waiting.state.records.contains(&record))
    }

    /// Counts the states that wait, without those that are on their way.
    pub fn waiting(&self) -> u64 {
        let lines = self.lines.lock();
        (lines.line.len() + lines.later.len()) as u64
    }

    /// When a refused one is to be tried again.
    pub fn next_retry(&self) -> Option<Instant> {
        self.lines.lock().later.front().map(|(due, _)| *due)
    }

    /// Gives all that were set aside one more try.
    pub fn retry_those_aside(&self) {
        let mut lines = self.lines.lock();
        let Lines { slots, line, .. } = &mut *lines;
        for (id, slot) in slots {
            if let Some((aside, _)) = slot.aside.take() {
                slot.waiting.push_front(aside);
                line.push_back(id.clone());
            }
        }
    }

    /// Takes up to `most` states off the queue, oldest first; those that wait for another try only where
    /// that is due, or where `hurry` says so.
    pub fn take(&self, most: u64, hurry: bool) -> Batch<'_> {
        let now = Instant::now();
        let mut lines = self.lines.lock();
        let Lines { slots, line, later } = &mut *lines;
        while later.front().is_some_and(|(due, _)| hurry || *due <= now) {
            line.extend(later.pop_front().map(|(_, id)| id));
        }
        let mut states = Vec::new();
        while (states.len() as u64) < most
            && let Some(id) = line.pop_front()
        {
            if let Some(slot) = slots.get_mut(&id)
                && let Some(waiting) = slot.waiting.pop_front()
            {
                slot.flying += 1;
                states.push((id, waiting));
            }
        }
        Batch { queue: self, states }
    }

    /// Returns the size of the queue.
    pub fn sums(&self) -> Sums {
        let lines = self.lines.lock();
        let mut sums = Sums::default();
        let now = Instant::now();
        for slot in lines.slots.values() {
            if slot.has_something_to_flush() {
                sums.keys += 1;
                sums.states += (slot.flying + slot.waiting.len()) as u64;
                sums.oldest = sums.oldest.max(now - slot.since);
            }
            if let Some((aside, _)) = &slot.aside {
                sums.aside += 1;
                sums.aside_records += aside.state.records.len() as u64;
            }
        }
        sums
    }

    /// Why one of those that were set aside was refused last.
    pub fn last_refusal(&self) -> Option<(CompactString, StoreError)> {
        let lines = self.lines.lock();
        lines.slots.iter().find_map(|(id, slot)| Some((id.clone(), slot.aside.as_ref()?.1.clone())))
    }
}

/// States on their way to the database. Those of which nothing was heard when this is dropped wait again, in
/// front.
#[derive(Debug)]
pub struct Batch<'a> {
    queue: &'a Queue,
    states: Vec<(CompactString, Waiting)>,
}

impl Batch<'_> {
    /// The states with the ids of their entities.
    pub fn states(&self) -> impl ExactSizeIterator<Item = (&str, &PendingWrite)> {
        self.states.iter().map(|(id, waiting)| (id.as_str(), &waiting.state))
    }

    /// Takes note of what became of each; returns what is flushed.
    ///
    /// Where all failed because the database is not well, all wait again in front. Otherwise one that
    /// failed is tried again a little later, behind the others; one that was refused too often is set aside.
    pub fn land(mut self, results: &[Result<(), StoreError>]) -> Vec<Flushed> {
        if results.iter().all(|result| result.as_ref().is_err_and(|error| is_passing(error.kind))) {
            // Dropped, they wait again.
            return Vec::new();
        }
        let queue = self.queue;
        let mut lines = queue.lines.lock();
        let mut flushed = Vec::new();
        for ((id, mut waiting), result) in std::mem::take(&mut self.states).into_iter().zip(results) {
            match result {
                Ok(()) => flushed.push(lines.flushed(id, waiting.state)),
                Err(error) => {
                    waiting.tries += u64::from(!is_passing(error.kind));
                    if waiting.tries >= queue.max_tries {
                        lines.set_aside(&id, waiting, error.clone());
                    } else {
                        lines.wait_again(id, waiting, queue.joining, Some(Instant::now() + RETRY_AFTER));
                    }
                }
            }
        }
        flushed
    }
}

impl Drop for Batch<'_> {
    fn drop(&mut self) {
        if self.states.is_empty() {
            return;
        }
        let mut lines = self.queue.lines.lock();
        for (id, waiting) in std::mem::take(&mut self.states).into_iter().rev() {
            lines.wait_again(id, waiting, self.queue.joining, None);
        }
    }
}

impl Lines {
    fn flushed(&mut self, id: CompactString, mut state: PendingWrite) -> Flushed {
        if let Some(slot) = self.slots.get_mut(&id) {
            slot.flying -= 1;
            if let Some((mut aside, _)) =
                slot.aside.take_if(|(aside, _)| aside.state.version <= state.version)
            {
                state.records.append(&mut aside.state.records);
            }
            if let Some(next) = slot.waiting.front() {
                slot.since = next.since;
            }
            if !slot.has_something_to_flush() && slot.aside.is_none() {
                self.slots.remove(&id);
            }
        }
        Flushed { id, version: state.version, records: state.records }
    }

    fn set_aside(&mut self, id: &str, waiting: Waiting, error: StoreError) {
        let Some(slot) = self.slots.get_mut(id) else { return };
        slot.flying -= 1;
        if let Some(next) = slot.waiting.front() {
            slot.since = next.since;
        }
        let waiting = match slot.aside.take() {
            Some((earlier, _)) => waiting.with(earlier),
            None => waiting,
        };
        slot.aside = Some((waiting, error));
    }

    /// In front, or at a later time.
    fn wait_again(&mut self, id: CompactString, waiting: Waiting, joining: Joining, at: Option<Instant>) {
        let Some(slot) = self.slots.get_mut(&id) else { return };
        slot.flying -= 1;
        if joining == Joining::Merge
            && let Some(newer) = slot.waiting.pop_front()
        {
            // It waits in line already, and contains this one.
            slot.waiting.push_front(newer.with(waiting));
            return;
        }
        slot.waiting.push_front(waiting);
        match at {
            None => self.line.push_front(id),
            Some(at) => self.later.push_back((at, id)),
        }
    }
}

/// Returns true if an error says something of the database's health and nothing of what it was asked.
pub fn is_passing(kind: ErrorKind) -> bool {
    matches!(kind, ErrorKind::Timeout | ErrorKind::Connection | ErrorKind::Unavailable | ErrorKind::Crashed)
}
