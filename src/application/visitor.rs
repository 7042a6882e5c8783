//! One client as an application sees it. Its reads and writes pass through here and are audited.
//!
//! A read is checked against what had been acknowledged when it was *sent*. So the audit is asked directly before, and
//! the answer is kept until the operation has ended and the clock has been read. The audit learns of a write before it
//! is sent and as soon as it has ended, even if it is dropped half-way because its instance has crashed.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use super::Damage;
use super::touched::Touched;
use crate::audit::{
    Absence, Audit, ClientView, Expected, Findings, Seen, SessionAnomaly, Write, WriteOutcome,
};
use crate::base::clock::{self, Instant};
use crate::load::workload::FurtherKey;
use crate::measure::Anomalies;
use crate::store::Version;
use crate::strategy::WriteError;

/// One entity as an answer showed it, and the versions that it is checked against.
#[derive(Debug)]
struct Observation {
    /// The kind of entity that showed it: an index into the application's table.
    shown_by: usize,
    /// The entity that was shown, by its number in the audit.
    subject: u64,
    expected: Expected,
    seen: Result<Option<Seen>, Damage>,
    sent: Instant,
    /// True if it belongs to the same answer as the one before.
    is_part: bool,
}

/// The audit's findings in an answer.
#[derive(Debug, Default)]
pub struct Found {
    shown_by: usize,
    is_damaged: bool,
    held_against: HeldAgainst,
    is_lost_session: bool,
    findings: Findings,
}

/// The knowledge that an answer was held against; of an answer that shows several entities the most of any.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum HeldAgainst {
    /// Nothing that is known of the entity.
    #[default]
    Nothing,
    /// The forms that the entity can have, but not the version that it has to have: another process writes it.
    DamageAlone,
    /// The writes that had been acknowledged.
    Acknowledged,
}

/// The versions that several entities are checked against, collected before one answer shows them all.
#[derive(Debug, Default)]
pub struct Expectation(Vec<(u64, Expected)>);

/// The answer to a write.
pub trait WriteAnswer {
    /// The version that the entity got; `None` if nothing was written.
    fn version(&self) -> Option<Version>;
}

impl WriteAnswer for Version {
    fn version(&self) -> Option<Version> {
        Some(*self)
    }
}

impl WriteAnswer for Option<Version> {
    fn version(&self) -> Option<Version> {
        *self
    }
}

/// One client of an application.
#[derive(Debug)]
pub struct Visitor {
    /// Its number, among those of all instances.
    pub number: u32,
    /// The keys that its operation asks for besides its own, where a read asks for several.
    pub further: Vec<FurtherKey>,
    audit: Option<Arc<Audit>>,
    view: Option<ClientView>,
    touched: Arc<Touched>,
    /// The time at which the operation was sent. Its first read takes it, since reading the clock costs time.
    sent: Option<Instant>,
    observed: Vec<Observation>,
    known: Vec<Found>,
}

impl Visitor {
    /// A client that has done nothing yet.
    #[must_use]
    pub fn new(number: u32, audit: Option<Arc<Audit>>, touched: Arc<Touched>) -> Self {
        let view = audit.as_ref().map(|audit| audit.view(number.into()));
        let (further, observed, known) = (Vec::new(), Vec::new(), Vec::new());
        Self { number, further, audit, view, touched, sent: None, observed, known }
    }

    /// Begins an operation that is sent now.
    pub fn begin(&mut self, sent: Instant) {
        self.sent = Some(sent);
        self.observed.clear();
        self.known.clear();
    }

    /// Reads an entity: sends `reading` and audits what `verify` makes of its answer. An error is not audited.
    ///
    /// # Errors
    /// Returns the error of `reading`.
    #[inline]
    pub async fn read<T, E, F: Future<Output = Result<T, E>>>(
        &mut self,
        shown_by: usize,
        subject: u64,
        reading: impl FnOnce() -> F,
        verify: impl FnOnce(&T) -> Result<Option<Seen>, Damage>,
    ) -> Result<T, E> {
        let sent = self.sending();
        let expected = self.audit.as_ref().map(|audit| audit.read_sent(subject)).unwrap_or_default();
        let answer = reading().await?;
        let seen = verify(&answer);
        self.observed.push(Observation { shown_by, subject, expected, seen, sent, is_part: false });
        Ok(answer)
    }

    /// Reads several entities together: sends `reading` and audits what `verify` makes of each answer, by its place, as of
    /// a read of its own. Errors are not audited.
    pub async fn read_many<T, E, F: Future<Output = Vec<Result<T, E>>>>(
        &mut self,
        shown_by: usize,
        subjects: impl Iterator<Item = u64>,
        reading: impl FnOnce() -> F,
        verify: impl Fn(usize, &T) -> Result<Option<Seen>, Damage>,
    ) -> Vec<Result<T, E>> {
        let sent = self.sending();
        let expected =
            |subject| self.audit.as_ref().map(|audit| audit.read_sent(subject)).unwrap_or_default();
        let sending: Vec<(u64, Expected)> = subjects.map(|subject| (subject, expected(subject))).collect();
        let answers = reading().await;
        for (at, ((subject, expected), answer)) in sending.into_iter().zip(&answers).enumerate() {
            let Ok(answer) = answer else { continue };
            let seen = verify(at, answer);
            self.observed.push(Observation { shown_by, subject, expected, seen, sent, is_part: false });
        }
        answers
    }

    /// The versions that entities are checked against. It has to be called directly before the read that shows them.
    pub fn expect(&mut self, subjects: impl Iterator<Item = u64>) -> Expectation {
        let Some(audit) = &self.audit else { return Expectation::default() };
        Expectation(subjects.map(|subject| (subject, audit.read_sent(subject))).collect())
    }

    /// Takes one answer that showed several entities. `seen` returns how each of them was shown, or `None` where it was
    /// not shown and need not be.
    pub fn showed(
        &mut self,
        shown_by: usize,
        expectation: &Expectation,
        sent: Instant,
        mut seen: impl FnMut(u64, Expected) -> Option<Result<Seen, Damage>>,
    ) {
        let mut is_part = false;
        for &(subject, expected) in &expectation.0 {
            let Some(seen) = seen(subject, expected) else { continue };
            let seen = seen.map(Some);
            self.observed.push(Observation { shown_by, subject, expected, seen, sent, is_part });
            is_part = true;
        }
    }

    /// Takes an answer that was damaged as a whole.
    pub fn showed_damaged(&mut self, shown_by: usize, subject: u64, damage: Damage, sent: Instant) {
        let (expected, seen) = (Expected::default(), Err(damage));
        self.observed.push(Observation { shown_by, subject, expected, seen, sent, is_part: false });
    }

    /// Takes an answer that the application judged by itself: not stale, or stale by this much.
    pub fn judged(&mut self, shown_by: usize, stale: Option<Duration>) {
        let findings = Findings { stale, ..Findings::default() };
        self.known.push(Found {
            shown_by,
            held_against: HeldAgainst::Acknowledged,
            findings,
            ..Found::default()
        });
    }

    /// Takes an answer in which a session was missing although nobody had ended it.
    pub fn judged_lost(&mut self, shown_by: usize) {
        let held_against = HeldAgainst::Acknowledged;
        self.known.push(Found { shown_by, held_against, is_lost_session: true, ..Found::default() });
    }

    /// Reports an anomaly of a session, see [`Audit::note_session`].
    pub fn note_session(&self, subject: u64, number: u64, found: SessionAnomaly, sent: Instant) {
        if let Some(audit) = &self.audit {
            audit.note_session(subject, self.number.into(), number, found, sent);
        }
    }

    /// The time at which a read is sent: for the operation's first read, the time of the operation.
    #[inline]
    pub fn sending(&mut self) -> Instant {
        self.sent.take().unwrap_or_else(clock::now)
    }

    /// Carries out a write of one entity.
    ///
    /// # Errors
    /// Returns the error of `writing`.
    pub async fn write<T: WriteAnswer, F: Future<Output = Result<T, WriteError>>>(
        &mut self,
        write: Write,
        writing: impl FnOnce() -> F,
    ) -> Result<T, WriteError> {
        self.touched.mark(write.key);
        let (Some(audit), Some(view)) = (&self.audit, &mut self.view) else { return writing().await };
        audit.write_sent(write);
        let mut under_way = UnderWay { audit, view, write, ended: WriteOutcome::Indeterminate };
        let answer = writing().await;
        under_way.ended = match &answer {
            Ok(written) => written.version().map_or(WriteOutcome::Failed, WriteOutcome::Acknowledged),
            Err(failed) if failed.committed.is_some() => WriteOutcome::CommittedThenFailed(failed.committed),
            Err(failed) if failed.error.kind.is_indeterminate() => WriteOutcome::Indeterminate,
            Err(_) => WriteOutcome::Failed,
        };
        drop(under_way);
        answer
    }

    /// Judges what the operation has shown; `take` gets what was found in each answer. Only one that is measured is
    /// kept for what other processes tell of their writes.
    pub fn end(&mut self, done: Instant, is_measured: bool, mut take: impl FnMut(&Found)) {
        let mut whole: Option<Found> = None;
        for observation in self.observed.drain(..) {
            let found = judge(
                self.audit.as_deref(),
                self.view.as_mut(),
                self.number,
                &observation,
                done,
                is_measured,
            );
            match &mut whole {
                Some(whole) if observation.is_part => whole.join(&found),
                _ => {
                    if let Some(complete) = whole.replace(found) {
                        take(&complete);
                    }
                }
            }
        }
        if let Some(complete) = whole {
            take(&complete);
        }
        self.known.drain(..).for_each(|found| take(&found));
    }
}

fn judge(
    audit: Option<&Audit>,
    view: Option<&mut ClientView>,
    client: u32,
    observation: &Observation,
    done: Instant,
    is_measured: bool,
) -> Found {
    let &Observation { shown_by, subject, expected, seen, sent, .. } = observation;
    let mut found = Found { shown_by, is_damaged: seen.is_err(), ..Found::default() };
    let Some((audit, view)) = audit.zip(view) else { return found };
    match seen {
        Ok(Some(seen)) if !audit.knows(subject) => {
            found.held_against = HeldAgainst::DamageAlone;
            if is_measured {
                audit.note_foreign(subject, seen.version, sent);
            }
        }
        Ok(Some(seen)) => {
            found.held_against = HeldAgainst::Acknowledged;
            found.findings = audit.read_answered(view, subject, expected, seen, sent, done);
        }
        Err(damage) => audit.note_corrupt(subject, client.into(), None, damage.name(), sent, done),
        Ok(None) if !audit.knows(subject) => found.held_against = HeldAgainst::DamageAlone,
        Ok(None) => match audit.absence_answered(view, subject, expected, sent, done) {
            Absence::Open => {}
            Absence::Judged(findings) => {
                found.held_against = HeldAgainst::Acknowledged;
                found.findings = findings;
            }
            Absence::Damage => {
                found.is_damaged = true;
                audit.note_corrupt(subject, client.into(), None, Damage::FalselyAbsent.name(), sent, done);
            }
        },
    }
    found
}

impl Found {
    /// Joins two entities of one answer: an anomaly of either is one of the answer, and its age is that of the older.
    fn join(&mut self, other: &Self) {
        self.is_damaged |= other.is_damaged;
        self.held_against = self.held_against.max(other.held_against);
        let (mine, theirs) = (&mut self.findings, &other.findings);
        mine.stale = mine.stale.max(theirs.stale);
        mine.stale_after_failed_step |= theirs.stale_after_failed_step;
        mine.dropped_field |= theirs.dropped_field;
        mine.non_monotonic |= theirs.non_monotonic;
        mine.not_own_write |= theirs.not_own_write;
        mine.overlapped_a_write |= theirs.overlapped_a_write;
    }

    /// The kind of entity that the answer showed.
    #[must_use]
    pub fn shown_by(&self) -> usize {
        self.shown_by
    }

    /// Adds it to the counts of its kind of entity.
    pub fn count(&self, anomalies: &mut Anomalies) {
        let findings = &self.findings;
        anomalies.audited += u64::from(self.held_against == HeldAgainst::Acknowledged);
        anomalies.foreign += u64::from(self.held_against == HeldAgainst::DamageAlone);
        anomalies.overlapping += u64::from(findings.overlapped_a_write);
        if let Some(age) = findings.stale {
            anomalies.count_stale(age);
        }
        anomalies.stale_after_failed_step +=
            u64::from(findings.stale_after_failed_step && findings.stale.is_none());
        anomalies.corrupt += u64::from(self.is_damaged);
        anomalies.dropped_fields += u64::from(findings.dropped_field);
        anomalies.non_monotonic += u64::from(findings.non_monotonic);
        anomalies.not_own_write += u64::from(findings.not_own_write);
        anomalies.lost_sessions += u64::from(self.is_lost_session);
    }
}

/// A write that was sent. If it is dropped before it has ended, its end is indeterminate.
struct UnderWay<'a> {
    audit: &'a Audit,
    view: &'a mut ClientView,
    write: Write,
    ended: WriteOutcome,
}

impl Drop for UnderWay<'_> {
    fn drop(&mut self) {
        self.audit.write_ended(self.view, self.write, self.ended, clock::now());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audit::{FieldSet, ForeignKeys, Setup};
    use crate::store::{ErrorKind, StoreError};

    fn visitor() -> (Arc<Audit>, Visitor) {
        let audit = Arc::new(Audit::new(Setup { keys: 10, clients: 1, instances: 1 }));
        (Arc::clone(&audit), Visitor::new(0, Some(audit), Arc::new(Touched::none_of(10))))
    }

    const WRITE: Write = Write { key: 3, fields: FieldSet::One(0), id: 7 };

    fn found(visitor: &mut Visitor) -> Anomalies {
        let mut all = Anomalies::default();
        visitor.end(clock::now(), true, |found| found.count(&mut all));
        all
    }

    #[tokio::test(start_paused = true)]
    async fn a_write_that_is_dropped_half_way_is_one_of_which_nobody_knows_how_it_ended() {
        let (audit, mut visitor) = visitor();
        let never = visitor.write(WRITE, std::future::pending::<Result<Version, _>>);
        assert!(tokio::time::timeout(Duration::from_secs(1), never).await.is_err());
        assert_eq!(audit.conclusion().indeterminate_writes, 1);
        let refused = || async { Err::<Version, _>(StoreError::new(ErrorKind::Denied, "no").into()) };
        assert!(visitor.write(WRITE, refused).await.is_err());
        assert_eq!(audit.conclusion().indeterminate_writes, 1, "what was refused has not happened");
        assert!(visitor.write(WRITE, || async { Ok(2_u64) }).await.is_ok());
        assert_eq!(audit.conclusion().acknowledged_writes, 1);
    }

    #[tokio::test(start_paused = true)]
    async fn a_read_is_held_to_what_was_acknowledged_when_it_was_sent_and_an_error_to_nothing() {
        let (_, mut visitor) = visitor();
        visitor.begin(clock::now());
        let seen = |version| move |(): &()| Ok(Some(Seen { version, writes: [0, 0] }));
        visitor.read(0, 3, || async { Ok::<_, ()>(()) }, seen(1)).await.unwrap();
        visitor.write(WRITE, || async { Ok(2_u64) }).await.unwrap();
        assert_eq!((found(&mut visitor).audited, found(&mut visitor).audited), (1, 0), "once");
        visitor.begin(clock::now());
        visitor.read(0, 3, || async { Ok::<_, ()>(()) }, seen(1)).await.unwrap();
        assert!(visitor.read(0, 3, || async { Err::<(), _>(()) }, seen(1)).await.is_err());
        let after = found(&mut visitor);
        assert_eq!((after.audited, after.stale), (1, 1));
    }

    #[tokio::test(start_paused = true)]
    async fn a_document_that_another_process_writes_is_looked_at_for_damage_alone() {
        let audit = Audit::new(Setup { keys: 10, clients: 1, instances: 1 });
        let audit = Arc::new(audit.leaving_out(ForeignKeys::of([4])));
        let mut visitor = Visitor::new(0, Some(audit), Arc::new(Touched::none_of(10)));
        let seen = |version| move |(): &()| Ok(Some(Seen { version, writes: [0, 0] }));
        visitor.begin(clock::now());
        // A later version and then an earlier one: which of them is stale, only the other process knows.
        visitor.read(0, 4, || async { Ok::<_, ()>(()) }, seen(7)).await.unwrap();
        visitor.read(0, 4, || async { Ok::<_, ()>(()) }, seen(2)).await.unwrap();
        visitor.read(0, 3, || async { Ok::<_, ()>(()) }, seen(1)).await.unwrap();
        let damaged = |(): &()| Err(Damage::Checksum);
        visitor.read(0, 4, || async { Ok::<_, ()>(()) }, damaged).await.unwrap();
        let found = found(&mut visitor);
        assert_eq!((found.audited, found.foreign, found.corrupt), (1, 2, 1));
        assert_eq!((found.stale, found.non_monotonic), (0, 0));
    }

    #[tokio::test(start_paused = true)]
    async fn an_absence_counts_as_audited_where_it_can_be_judged_and_as_damage_where_nobody_deleted() {
        let (_, mut visitor) = visitor();
        let deleted = crate::base::lives::end_of_life(1);
        let delete = Write { key: 3, fields: FieldSet::All, id: 7 };
        visitor.write(delete, || async { Ok(deleted) }).await.unwrap();
        visitor.begin(clock::now());
        // The last is beyond the keys that there can be.
        for key in [3, 4, 13] {
            visitor.read(0, key, || async { Ok::<_, ()>(()) }, |(): &()| Ok(None)).await.unwrap();
        }
        let found = found(&mut visitor);
        assert_eq!((found.audited, found.stale, found.corrupt), (1, 0, 1));
    }

    /// What is added up of several processes is what each has counted, not what was sent after some moment.
    #[tokio::test(start_paused = true)]
    async fn a_read_is_kept_for_what_other_processes_tell_exactly_where_it_is_measured() {
        let audit = Audit::new(Setup { keys: 10, clients: 1, instances: 1 });
        let audit = Arc::new(audit.leaving_out(ForeignKeys::of([4])));
        let mut visitor = Visitor::new(0, Some(Arc::clone(&audit)), Arc::new(Touched::none_of(10)));
        for is_measured in [false, true, false, true] {
            visitor.begin(clock::now());
            let seen = |(): &()| Ok(Some(Seen { version: 7, writes: [0, 0] }));
            visitor.read(0, 4, || async { Ok::<_, ()>(()) }, seen).await.unwrap();
            visitor.end(clock::now(), is_measured, |_| {});
        }
        let kept = audit.testimony().unwrap().sightings;
        assert_eq!(kept.iter().map(|sighting| sighting.2).sum::<u64>(), 2);
    }

    #[tokio::test(start_paused = true)]
    async fn each_of_several_entities_that_are_read_together_is_held_to_what_was_acknowledged_of_it() {
        let (_, mut visitor) = visitor();
        visitor.write(WRITE, || async { Ok(2_u64) }).await.unwrap();
        visitor.begin(clock::now());
        // What is acknowledged while they are under way, they need not show.
        let reading = || async { vec![Ok(1), Ok(1), Err(()), Ok(1), Ok(0)] };
        let verify = |at: usize, version: &Version| match version {
            0 => Err(Damage::Checksum),
            version => Ok((at < 3).then_some(Seen { version: *version, writes: [0, 0] })),
        };
        let answers = visitor.read_many(0, [3, 4, 5, 13, 6].into_iter(), reading, verify).await;
        assert_eq!(answers, [Ok(1), Ok(1), Err(()), Ok(1), Ok(0)]);
        let found = found(&mut visitor);
        assert_eq!((found.audited, found.stale, found.corrupt), (2, 1, 1));
    }

    #[tokio::test(start_paused = true)]
    async fn an_answer_that_shows_several_entities_counts_once_and_is_as_wrong_as_the_worst_of_them() {
        let (_, mut visitor) = visitor();
        visitor.write(WRITE, || async { Ok(2_u64) }).await.unwrap();
        visitor.begin(clock::now());
        let sent = visitor.sending();
        let expected = visitor.expect(2..5);
        visitor.showed(0, &expected, sent, |key, _| {
            (key != 4).then_some(Ok(Seen { version: 1, writes: [0, 0] }))
        });
        let of_three = found(&mut visitor);
        assert_eq!((of_three.audited, of_three.stale, of_three.corrupt), (1, 1, 0));
        visitor.showed(0, &expected, sent, |key, _| (key == 4).then_some(Err(Damage::FalselyAbsent)));
        assert_eq!(found(&mut visitor).corrupt, 1);
    }
}
