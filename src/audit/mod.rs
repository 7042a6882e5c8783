//! The audit of a cell: it records which writes were acknowledged, judges every read, and finds lost writes at the end.
//!
//! The load drivers tell the audit of each read and write as it is sent and as it is answered, and of each written key
//! at the end. No log is kept: for each key there is a cache line of the highest versions (`line`), for all together
//! a table of fixed size that remembers when versions were acknowledged and which version a write got (`memory`), and
//! for each client a record of what it knows of a sample of the keys (`view`). Memory does not grow with time, and a
//! read on which nothing is found takes no lock.
//!
//! | found | when |
//! | --- | --- |
//! | stale | the version is lower than the highest acknowledged when the read was sent; the absence of a document is a version too, see `base/lives.rs` |
//! | stale after a failed step | not so, but lower than one that the database was known to hold then |
//! | dropped field | the document is as new as the last acknowledged write of a field, and the field is older |
//! | non-monotonic | lower than what the same client has read, or written with acknowledgement, before |
//! | not own write | lower than the client's own acknowledged write |
//! | lost | at the end, the database lacks the last acknowledged write of a field |
//! | divergent | at the end, the cache holds another version, or other writes, than the database |
//!
//! A write whose outcome is unknown (*indeterminate*) may explain what is seen, and is not counted as lost.
//!
//! Where several processes drive the load, each has an audit of its own, which knows of every write to the keys that its
//! process writes. Documents of the others (`foreign`) are looked at for damage alone, and counted as such; what each has read
//! of them and written (`exchange`) shows afterwards which of those reads were stale (`testimony`).
//!
//! This room stands on floor 2 and may use `base` and `results`.

mod closer_look;
mod events;
mod example;
mod exchange;
mod foreign;
mod line;
mod memory;
mod moment;
mod reading;
mod settle;
mod testimony;
#[cfg(test)]
mod testing;
mod view;

use std::time::Duration;

use parking_lot::{Mutex, MutexGuard};

pub use events::{Expected, FIELDS, FieldSet, Seen, Setup, Write, WriteId, WriteOutcome};
use example::Examples;
pub use example::{Example, SHOWN, SessionAnomaly, shown_examples};
use exchange::Exchange;
pub use foreign::ForeignKeys;
use line::{KeyState, Numbered};
use memory::{Fact, FactTable};
use moment::Moment;
use reading::Reading;
pub use settle::{Conclusion, SettledKeys};
pub use testimony::{
    Acknowledgement, CLOCKS_AGREE_WITHIN, CrossExamination, Sighting, StaleSighting, Testimony, cross_examine,
};
pub use view::ClientView;

use crate::base::clock::Instant;
use crate::base::key_share::KeyShare;
use crate::base::lives;
use crate::results::AnomalyKind;

/// The anomalies of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[allow(clippy::struct_excessive_bools, reason = "each is counted for itself, and any may go with any")]
pub struct Findings {
    /// Its age if it is stale: from the first acknowledgement of a version that it lacks to the sending of the read.
    /// The age is exact as long as the memory holds that acknowledgement, and too low after that.
    pub stale: Option<Duration>,
    /// It lacks a write that the database held although a later step failed, and no acknowledged one.
    pub stale_after_failed_step: bool,
    /// A field is older than the document's version says: a patch was dropped.
    pub dropped_field: bool,
    /// It is older than what this client knew.
    pub non_monotonic: bool,
    /// It is older than this client's own acknowledged write.
    pub not_own_write: bool,
    /// Not an anomaly: a write to the key was under way at some time between the sending and the answer.
    pub overlapped_a_write: bool,
}

/// What the audit makes of the answer that there is no such document.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Absence {
    /// Nothing: a write to the document was under way, or nobody knows how an insert or a delete of it has ended, so that it
    /// may be there or not; or it is none that could be there.
    Open,
    /// It is right after a delete and before the first insert, and stale after an insert was acknowledged, by as much as the
    /// insert is older than the read.
    Judged(Findings),
    /// The document was there from the start, and nobody has deleted it.
    Damage,
}

impl Findings {
    fn is_anomaly(&self) -> bool {
        let Self { stale, stale_after_failed_step, dropped_field, non_monotonic, not_own_write, .. } = *self;
        stale.is_some() || stale_after_failed_step || dropped_field || non_monotonic || not_own_write
    }
}

/// The audit of one cell, shared by all threads that drive its load.
#[derive(Debug)]
pub struct Audit {
    setup: Setup,
    began: Instant,
    sample: KeyShare,
    /// `None` where this process drives all of the load.
    exchange: Option<Exchange>,
    lines: Box<[KeyState]>,
    stripes: Box<[Stripe]>,
    memory: FactTable,
    examples: Examples,
    settled: Mutex<SettledKeys>,
}

/// Keys that are locked together, with the counts of their writes.
#[derive(Debug, Default)]
#[repr(align(64))]
struct Stripe(Mutex<Counts>);

/// Counts of writes by outcome.
#[derive(Debug, Default)]
struct Counts {
    acknowledged: u64,
    indeterminate: u64,
    failed_steps: u64,
}

const STRIPES: usize = 256;

/// The most neighbouring versions that are looked up when a time is needed. Ordinarily the first is there; a version
/// that was never acknowledged, or that is forgotten, costs one more look.
const REACH: usize = 64;

/// The number of facts to remember. An acknowledged write notes two of them, so half as many of the latest writes are
/// remembered well.
fn facts(keys: u64) -> usize {
    (keys.saturating_mul(16) as usize).clamp(1 << 20, 1 << 22)
}

impl Audit {
    /// An audit that knows of no write. Its memory is 64 bytes a key and at most 64 MiB beside them; the views of all
    /// clients take at most 58 MiB together.
    #[must_use]
    pub fn new(setup: Setup) -> Self {
        Self::remembering(setup, facts(setup.keys))
    }

    fn remembering(setup: Setup, facts: usize) -> Self {
        Self {
            setup,
            began: crate::base::clock::now(),
            sample: view::sample(setup),
            exchange: None,
            lines: (0..setup.keys).map(|_| KeyState::default()).collect(),
            stripes: (0..STRIPES).map(|_| Stripe::default()).collect(),
            memory: FactTable::new(facts),
            examples: Examples::default(),
            settled: Mutex::default(),
        }
    }

    /// The same audit where other processes write these keys.
    #[must_use]
    pub fn leaving_out(self, foreign: ForeignKeys) -> Self {
        Self { exchange: Some(Exchange::new(foreign)), ..self }
    }

    /// Returns true if this process alone writes the key, so that all that was acknowledged of it is known here.
    #[inline]
    #[must_use]
    pub fn knows(&self, key: u64) -> bool {
        self.exchange.as_ref().is_none_or(|exchange| !exchange.is_foreign(key))
    }

    /// Takes a measured read of a document that another process writes, for a later look at what that had been acknowledged.
    pub fn note_foreign(&self, key: u64, version: u64, sent: Instant) {
        if let Some(exchange) = &self.exchange {
            exchange.note_sighting(key, version, self.micros(sent));
        }
    }

    /// All that this process can tell of its writes and of its reads of documents that others write; `None` where it drives
    /// all of the load.
    #[must_use]
    pub fn testimony(&self) -> Option<Testimony> {
        let exchange = self.exchange.as_ref()?;
        Some(exchange.testimony(self.examples.measuring_since()))
    }

    /// The view of a client before its first operation. Each client keeps its own.
    #[must_use]
    pub fn view(&self, client: u64) -> ClientView {
        ClientView::new(self.instance(client), self.sample)
    }

    /// Begins measuring: examples are kept from now on, and their times count from here. Earlier acknowledgements stay
    /// valid.
    pub fn begin_measuring(&self, at: Instant) {
        self.examples.begin(self.micros(at));
    }

    /// The versions that a read is checked against. It has to be called directly before the read is sent.
    #[inline]
    #[must_use]
    pub fn read_sent(&self, key: u64) -> Expected {
        let Some(line) = self.line(key) else { return Expected::default() };
        let writes = line.writes();
        Expected {
            acknowledged: line.acknowledged(),
            in_database: line.in_database(),
            under_way: writes.are_under_way(),
            begun: writes.begun(),
        }
    }

    /// Judges a document that was read by the client whose view this is. It must not be called for a read that found no
    /// document, or a damaged one.
    #[inline]
    pub fn read_answered(
        &self,
        view: &mut ClientView,
        key: u64,
        expected: Expected,
        seen: Seen,
        sent: Instant,
        done: Instant,
    ) -> Findings {
        let Some(line) = self.line(key) else { return Findings::default() };
        let known = view.note_read(key, seen.version);
        let writes = line.writes();
        let is_stale = seen.version < expected.acknowledged;
        let mut findings = Findings {
            stale: is_stale.then_some(Duration::ZERO),
            stale_after_failed_step: !is_stale && seen.version < expected.in_database,
            dropped_field: (0..FIELDS).any(|field| !line.is_plainly_whole(field, &seen)),
            non_monotonic: seen.version < known.highest && !writes.had_indeterminate(),
            not_own_write: seen.version < known.written,
            overlapped_a_write: expected.under_way || expected.begun != writes.begun(),
        };
        if findings.is_anomaly() {
            let (sent_us, done_us) = (self.micros(sent), self.micros(done));
            let reading = Reading { key, instance: view.instance(), expected, seen, known, sent_us, done_us };
            self.look_closer(line, &reading, &mut findings);
        }
        findings
    }

    /// Notes that the database does not have a document at first. It has to be called before the load begins.
    pub fn is_absent_at_first(&self, key: u64) {
        if let Some(line) = self.line(key) {
            line.note_absent_at_first();
        }
    }

    /// Judges the answer that there is no such document, given to the client whose view this is.
    pub fn absence_answered(
        &self,
        view: &mut ClientView,
        key: u64,
        expected: Expected,
        sent: Instant,
        done: Instant,
    ) -> Absence {
        let Some(line) = self.line(key) else { return Absence::Open };
        let writes = line.writes();
        let overlaps = expected.under_way || expected.begun != writes.begun();
        if overlaps || writes.leave_existence_unknown() {
            return Absence::Open;
        }
        if lives::is_absence(expected.acknowledged) {
            return Absence::Judged(Findings::default());
        }
        let before = lives::before_life(expected.acknowledged);
        if before == 0 {
            return Absence::Damage;
        }
        let seen = Seen { version: before, writes: [0; FIELDS] };
        Absence::Judged(self.read_answered(view, key, expected, seen, sent, done))
    }

    /// Counts a write as under way. It has to be called directly before the write is sent, and [`Self::write_ended`]
    /// once for every write that was sent.
    pub fn write_sent(&self, write: Write) {
        if let Some(line) = self.line(write.key) {
            line.begin_write();
        }
    }

    /// Notes the outcome of a write of the client whose view this is. It has to be called as soon as the outcome is
    /// known: a read that is sent after this returns is expected to see the write.
    pub fn write_ended(&self, view: &mut ClientView, write: Write, ended: WriteOutcome, at: Instant) {
        let Some(line) = self.line(write.key) else { return };
        let mut counts = self.lock(write.key);
        let is_open = matches!(ended, WriteOutcome::CommittedThenFailed(_) | WriteOutcome::Indeterminate);
        if write.fields == FieldSet::All && is_open {
            line.note_existence_unknown();
        }
        match ended {
            WriteOutcome::Acknowledged(version) => {
                counts.acknowledged += 1;
                if let Some(exchange) = &self.exchange {
                    let micros = self.micros(at);
                    let is_measured = self.examples.is_measured(micros);
                    exchange.note_acknowledged(write.key, version, micros, is_measured);
                }
                view.note_written(write.key, version);
                self.note_moment(line, write.key, version, Moment::new(self.micros(at), view.instance()));
                self.memory.note(write.key, Fact::Write(write.id), version);
                let numbered = Numbered { version, write: write.id };
                write.fields.each().for_each(|field| line.note_acknowledged(field, numbered));
            }
            WriteOutcome::CommittedThenFailed(version) => {
                counts.failed_steps += 1;
                if let Some(version) = version {
                    self.memory.note(write.key, Fact::Write(write.id), version);
                }
                line.note_failed_step(version);
            }
            WriteOutcome::Indeterminate => {
                counts.indeterminate += 1;
                line.note_indeterminate();
            }
            WriteOutcome::Failed => {}
        }
        line.end_write();
    }

    /// Keeps an example of an answer that was not what was written.
    pub fn note_corrupt(
        &self,
        key: u64,
        client: u64,
        read_version: Option<u64>,
        detail: &str,
        sent: Instant,
        done: Instant,
    ) {
        let (sent_us, done_us) = (self.micros(sent), self.micros(done));
        self.examples.note(AnomalyKind::Corrupt, sent_us, || Example {
            read_version,
            reader_instance: Some(self.instance(client)),
            sent_s: Some(self.examples.seconds(sent_us)),
            done_s: Some(self.examples.seconds(done_us)),
            detail: Some(detail.to_owned()),
            ..Example::of(AnomalyKind::Corrupt, key)
        });
    }

    /// Keeps an example of a session's anomaly. The session is identified by its user and its number in the cell, never
    /// by its token.
    pub fn note_session(&self, key: u64, client: u64, number: u64, found: SessionAnomaly, sent: Instant) {
        let at_us = self.micros(sent);
        let (kind, age) = (found.kind(), found.age());
        let sent_s = self.examples.seconds(at_us);
        self.examples.note(kind, at_us, || Example {
            reader_instance: Some(self.instance(client)),
            acknowledged_s: age.map(|age| sent_s - age.as_secs_f64()),
            sent_s: Some(sent_s),
            age,
            detail: Some(format!("session {number}")),
            ..Example::of(kind, key)
        });
    }

    /// The keys to which a write was sent, in order.
    pub fn written_keys(&self) -> impl Iterator<Item = u64> {
        (0..).zip(&self.lines).filter(|(_, line)| line.writes().begun() > 0).map(|(key, _)| key)
    }

    /// A few examples of each kind of anomaly, at most 100 in all.
    #[must_use]
    pub fn examples(&self) -> Vec<Example> {
        self.examples.shown()
    }

    fn line(&self, key: u64) -> Option<&KeyState> {
        self.lines.get(usize::try_from(key).ok()?)
    }

    fn lock(&self, key: u64) -> MutexGuard<'_, Counts> {
        self.stripes[key as usize % STRIPES].0.lock()
    }

    fn instance(&self, client: u64) -> u64 {
        client % self.setup.instances.max(1)
    }

    fn micros(&self, at: Instant) -> u64 {
        at.saturating_duration_since(self.began).as_micros() as u64
    }

    /// The version that a write got: 0 for the dataset, `None` if it is forgotten or not known yet.
    fn version_of(&self, key: u64, write: WriteId) -> Option<u64> {
        if write == 0 { Some(0) } else { self.memory.recall(key, Fact::Write(write)) }
    }

    /// The moment at which this version or a later one was first acknowledged.
    fn first_acknowledged(&self, line: &KeyState, key: u64, version: u64) -> Moment {
        let _whole = self.lock(key);
        self.first_from(line, key, version)
    }

    /// Notes when a version was acknowledged, under the lock. The moment that is kept for a version is the one at which
    /// *it or a later one* was first acknowledged, since a reader of an older version lacks it from then on. So a
    /// version that is acknowledged after a later one adds nothing, and a look at one version finds the first of all
    /// that are missing.
    fn note_moment(&self, line: &KeyState, key: u64, version: u64, moment: Moment) {
        let is_highest = version >= line.acknowledged();
        if version <= line.acknowledged() && self.first_from(line, key, version) <= moment {
            return;
        }
        self.memory.note(key, Fact::Version(version), moment.to_bits());
        if is_highest {
            line.note_newest(moment);
        }
        // Two threads may come here in another order than the one in which their clocks were read.
        let begun = line.writes().begun() as usize;
        for earlier in (1..version).rev().take(begun.min(REACH)) {
            match self.memory.recall(key, Fact::Version(earlier)).map(Moment::from_bits) {
                Some(known) if known <= moment => break,
                Some(_) => self.memory.note(key, Fact::Version(earlier), moment.to_bits()),
                None => {}
            }
        }
    }

    /// As [`Self::first_acknowledged`], under the lock. If that moment is forgotten, this is a later one.
    fn first_from(&self, line: &KeyState, key: u64, version: u64) -> Moment {
        let highest = line.acknowledged();
        // What follows the last change of a life is its end.
        (version..highest)
            .take(REACH)
            .chain([lives::end_of_life(version)])
            .find_map(|version| self.memory.recall(key, Fact::Version(version)))
            .map_or_else(|| line.newest(), Moment::from_bits)
    }
}
