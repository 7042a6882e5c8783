//! The audit against [`Oracle`], over random histories in which much goes wrong.

use std::time::Duration;

use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;

use super::oracle::{Oracle, ReadRecord, WriteEnd, WriteRecord};
use crate::audit::{
    Audit, ClientView, Conclusion, Expected, FIELDS, FieldSet, Findings, Seen, Setup, Write, WriteOutcome,
};
use crate::base::clock::Instant;

const KEYS: u64 = 3;
const CLIENTS: u64 = 6;
const INSTANCES: u64 = 2;

/// One step of a client. What it may do depends on its state; the numbers choose among that.
#[derive(Debug, Clone, Copy)]
struct Step {
    client: usize,
    choice: u8,
    pick: u8,
    tamper: u8,
    micros: u64,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = (0..CLIENTS as usize, any::<u8>(), any::<u8>(), any::<u8>(), 0..50_u64)
        .prop_map(|(client, choice, pick, tamper, micros)| Step { client, choice, pick, tamper, micros });
    proptest::collection::vec(step, 0..250)
}

enum Doing {
    Nothing,
    Writing { record: usize, committed: Option<u64> },
    Reading { key: u64, expected: Expected, sent_step: usize, sent_us: u64 },
}

/// The audit, the oracle, and a store that keeps every document it ever held.
struct World {
    audit: Audit,
    start: Instant,
    oracle: Oracle,
    clients: Vec<(ClientView, Doing)>,
    documents: Vec<Vec<Seen>>,
    step: usize,
    now_us: u64,
    found: Vec<Findings>,
}

impl World {
    fn new() -> Self {
        let audit = Audit::new(Setup { keys: KEYS, clients: CLIENTS, instances: INSTANCES });
        let clients = (0..CLIENTS).map(|client| (audit.view(client), Doing::Nothing)).collect();
        let dataset = Seen { version: 1, writes: [0; FIELDS] };
        Self {
            start: audit.began,
            audit,
            oracle: Oracle::default(),
            clients,
            documents: vec![vec![dataset]; KEYS as usize],
            step: 0,
            now_us: 1000,
            found: Vec::new(),
        }
    }

    fn at(&self, micros: u64) -> Instant {
        self.start + Duration::from_micros(micros)
    }

    fn take(&mut self, step: Step) {
        self.step += 1;
        self.now_us += step.micros;
        let doing = std::mem::replace(&mut self.clients[step.client].1, Doing::Nothing);
        self.clients[step.client].1 = match doing {
            Doing::Nothing if step.choice < 100 => self.send_write(step),
            Doing::Nothing => self.send_read(step),
            Doing::Writing { record, committed: None } if step.choice < 220 => {
                Doing::Writing { record, committed: Some(self.commit(record, step)) }
            }
            Doing::Writing { record, committed } => self.end_write(record, committed, step),
            Doing::Reading { key, expected, sent_step, sent_us } => {
                self.answer(step, key, expected, sent_step, sent_us)
            }
        };
    }

    fn send_write(&mut self, step: Step) -> Doing {
        let record = self.oracle.writes.len();
        let (key, field) = (u64::from(step.pick) % KEYS, usize::from(step.tamper) % FIELDS);
        let write = Write { key, fields: FieldSet::One(field), id: (record as u64).cast_signed() + 1 };
        self.audit.write_sent(write);
        let client = step.client as u64;
        self.oracle.writes.push(WriteRecord { client, write, sent_step: self.step, end: None });
        Doing::Writing { record, committed: None }
    }

    /// Usually gives the next version; sometimes the same again, or the next after a fall back to an old document.
    fn commit(&mut self, record: usize, step: Step) -> u64 {
        let write = self.oracle.writes[record].write;
        let documents = &mut self.documents[write.key as usize];
        let base = match step.tamper {
            0..12 => documents[usize::from(step.pick) % documents.len()],
            _ => documents[documents.len() - 1],
        };
        let mut document = Seen { version: base.version + u64::from(step.tamper < 240), ..base };
        write.fields.each().for_each(|field| document.writes[field] = write.id);
        documents.push(document);
        document.version
    }

    fn end_write(&mut self, record: usize, committed: Option<u64>, step: Step) -> Doing {
        let how = match (committed, step.pick) {
            (_, 0..15) => WriteOutcome::Indeterminate,
            (Some(_), 15..20) => WriteOutcome::CommittedThenFailed(None),
            (Some(version), 20..50) => WriteOutcome::CommittedThenFailed(Some(version)),
            (Some(version), _) => WriteOutcome::Acknowledged(version),
            (None, _) => WriteOutcome::Failed,
        };
        // Clocks are read before the audit is called, so calls may come in another order than their times.
        let at_us = self.now_us - u64::from(step.tamper);
        let write = self.oracle.writes[record].write;
        let at = self.at(at_us);
        self.audit.write_ended(&mut self.clients[step.client].0, write, how, at);
        self.oracle.writes[record].end = Some(WriteEnd { step: self.step, how, at_us });
        Doing::Nothing
    }

    fn send_read(&mut self, step: Step) -> Doing {
        let key = u64::from(step.pick) % KEYS;
        let expected = self.audit.read_sent(key);
        Doing::Reading { key, expected, sent_step: self.step, sent_us: self.now_us }
    }

    fn answer(&mut self, step: Step, key: u64, expected: Expected, sent_step: usize, sent_us: u64) -> Doing {
        let seen = self.document(key, step.choice, step.pick, step.tamper);
        let (sent, done) = (self.at(sent_us), self.at(self.now_us));
        let view = &mut self.clients[step.client].0;
        self.found.push(self.audit.read_answered(view, key, expected, seen, sent, done));
        let client = step.client as u64;
        let done_step = self.step;
        self.oracle.reads.push(ReadRecord { client, key, seen, sent_step, done_step, sent_us });
        Doing::Nothing
    }

    /// Usually the newest document; else an older one, or one whose field names any write.
    fn document(&self, key: u64, choice: u8, pick: u8, tamper: u8) -> Seen {
        let documents = &self.documents[key as usize];
        let back = if choice < 150 { 0 } else { usize::from(pick) % documents.len() };
        let mut document = documents[documents.len() - 1 - back];
        let field = usize::from(pick) % FIELDS;
        match tamper {
            0..20 => document.writes[field] = 0,
            20..60 => {
                document.writes[field] =
                    (u64::from(choice) * 7 % (self.oracle.writes.len() as u64 + 3)).cast_signed();
            }
            _ => {}
        }
        document
    }

    /// Compares the stores at the end; the numbers choose what they hold.
    fn settle(&mut self, chosen: [Step; KEYS as usize]) -> Conclusion {
        let written: Vec<u64> = self.audit.written_keys().collect();
        for key in written {
            let step = chosen[key as usize];
            let document = self.document(key, step.choice, step.pick, step.tamper);
            let database = (step.micros > 2).then_some(document);
            let cache = match step.micros {
                0..10 => None,
                10..25 => database,
                _ => Some(self.document(key, step.pick, step.choice, step.pick)),
            };
            self.audit.settle_key(key, database, cache);
            self.oracle.settled.push((key, database, cache));
        }
        self.audit.conclusion()
    }
}

fn chosen_at_the_end(steps: &[Step]) -> [Step; KEYS as usize] {
    std::array::from_fn(|key| {
        let none = Step { client: 0, choice: 0, pick: 0, tamper: 255, micros: 20 };
        steps.get(key).copied().unwrap_or(none)
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]
    #[test]
    fn the_audit_finds_exactly_what_a_comparison_of_all_reads_with_all_writes_finds(steps in steps()) {
        let mut world = World::new();
        for step in &steps {
            world.take(*step);
        }
        let conclusion = world.settle(chosen_at_the_end(&steps));
        for (read, found) in world.oracle.reads.iter().zip(&world.found) {
            prop_assert_eq!(
                *found,
                world.oracle.findings(read),
                "key {} read as {:?} by {} in steps {} to {}",
                read.key, read.seen, read.client, read.sent_step, read.done_step
            );
        }
        prop_assert_eq!(conclusion, world.oracle.conclusion());
        let written: std::collections::BTreeSet<u64> =
            world.oracle.writes.iter().map(|record| record.write.key).collect();
        prop_assert!(world.audit.written_keys().eq(written));
    }
}

#[test]
fn the_random_histories_hold_every_anomaly_many_times_over() {
    let mut runner = TestRunner::deterministic();
    let mut seen = [0_u64; 10];
    for _ in 0..150 {
        let steps = steps().new_tree(&mut runner).unwrap().current();
        let mut world = World::new();
        for step in &steps {
            world.take(*step);
        }
        let end = world.settle(chosen_at_the_end(&steps));
        for found in &world.found {
            let counts = [
                found.stale.is_some(),
                found.stale.is_some_and(|age| age > Duration::from_micros(100)),
                found.stale_after_failed_step,
                found.dropped_field,
                found.non_monotonic,
                found.not_own_write,
                found.overlapped_a_write,
            ];
            seen.iter_mut().zip(counts).for_each(|(sum, is_found)| *sum += u64::from(is_found));
        }
        let counts = [end.lost_writes, end.explained_keys, end.divergent_keys];
        seen[7..].iter_mut().zip(counts).for_each(|(sum, count)| *sum += count);
    }
    assert!(seen.iter().all(|count| *count >= 20), "{seen:?}");
}
