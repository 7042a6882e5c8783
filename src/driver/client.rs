//! One client: a virtual user that issues its operations one after another.
//!
//! Response time counts from when an operation was *due*. In a closed loop that is the moment the
//! client became free. In an open loop it is what the arrival schedule says, whether or not the client
//! was still busy then: nothing is skipped, and waiting counts.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::control::{self, Control, Stage};
use super::touched::Touched;
use crate::application::{Answer, Application};
use crate::clock;
use crate::measure::{Outcome, Recorder};
use crate::strategy::{ReadOutcome, WriteError};
use crate::workload::{Operation, OperationStream, Schedule};

/// No more clients than this fill the cache before an open loop: enough to keep the stores busy, and not
/// so many that they do nothing but queue.
const FILLING_CLIENTS: u32 = 64;

/// How long after the end of the measured time an open loop still sends what was due in it. What is left
/// then is counted as unsent: the cell is saturated beyond any doubt.
pub const CATCHING_UP: Duration = Duration::from_secs(5);

/// What the clients of one worker share.
pub struct Shared<A> {
    /// The application's instance that the clients use.
    pub application: Arc<A>,
    /// Where the worker's clients record.
    pub recorder: Rc<RefCell<Recorder>>,
    /// The operations of the warm-up.
    pub warmup: Arc<OperationStream>,
    /// The measured operations.
    pub measure: Arc<OperationStream>,
    /// When operations are due in an open loop.
    pub schedule: Option<Schedule>,
    /// What to do now.
    pub control: Arc<Control>,
    /// Which keys were written.
    pub touched: Arc<Touched>,
}

impl<A> Clone for Shared<A> {
    fn clone(&self) -> Self {
        Self {
            application: Arc::clone(&self.application),
            recorder: Rc::clone(&self.recorder),
            warmup: Arc::clone(&self.warmup),
            measure: Arc::clone(&self.measure),
            schedule: self.schedule,
            control: Arc::clone(&self.control),
            touched: Arc::clone(&self.touched),
        }
    }
}

/// Runs a client through all stages of a cell.
pub async fn run<A: Application>(client: u32, shared: Shared<A>) {
    let mut stages = shared.control.follow();
    // The operations before the measured ones are one stream, over both stages.
    let mut number = 0;
    let mut stage = Stage::Prepare;
    loop {
        stage = control::next(&mut stages, stage).await;
        match stage {
            Stage::Prepare => {}
            Stage::Fill { .. } if client >= FILLING_CLIENTS => {}
            Stage::Fill { start } => warm_up(client, &shared, stage, start, None, &mut number).await,
            Stage::Warmup { start } => {
                warm_up(client, &shared, stage, start, shared.schedule, &mut number).await;
            }
            Stage::Measure { start, end } => {
                clock::sleep_until(start).await;
                match shared.schedule {
                    None => closed_loop(client, &shared, end).await,
                    Some(schedule) => open_loop(client, &shared, schedule, start, end).await,
                }
                return;
            }
            Stage::Stop => return,
        }
    }
}

/// Issues operations of the warm-up, by a schedule or one after another, until the stage is over.
async fn warm_up<A: Application>(
    client: u32,
    shared: &Shared<A>,
    stage: Stage,
    start: Instant,
    schedule: Option<Schedule>,
    number: &mut u64,
) {
    let mut dues = schedule.map(|schedule| schedule.due_times(client.into()));
    let mut stages = shared.control.follow();
    clock::sleep_until(start).await;
    while shared.control.is(stage) {
        if let Some(offset) = dues.as_mut().and_then(Iterator::next) {
            tokio::select! {
                () = clock::sleep_until(start + offset) => {}
                _ = control::next(&mut stages, stage) => return,
            }
        }
        let operation = shared.warmup.operation(client.into(), *number);
        *number += 1;
        let sent = clock::now();
        let answer = perform(client, &operation, shared).await;
        // An operation that outlasts its stage is not one of those of the next.
        if shared.control.is(stage) {
            record(shared, &operation, sent, sent, answer.as_ref());
        }
        let_others_run().await;
    }
}

async fn closed_loop<A: Application>(client: u32, shared: &Shared<A>, end: Instant) {
    let mut due = clock::now();
    for number in 0.. {
        if due >= end || shared.control.is_stopped() {
            return;
        }
        let operation = shared.measure.operation(client.into(), number);
        let sent = clock::now();
        let answer = perform(client, &operation, shared).await;
        due = record(shared, &operation, due, sent, answer.as_ref());
        let_others_run().await;
    }
}

async fn open_loop<A: Application>(
    client: u32,
    shared: &Shared<A>,
    schedule: Schedule,
    start: Instant,
    end: Instant,
) {
    let mut free = start;
    let mut unsent = 0;
    for (number, offset) in (0..).zip(schedule.due_times(client.into())) {
        let due = start + offset;
        if due >= end {
            break;
        }
        clock::sleep_until(due).await;
        if shared.control.is_stopped() || clock::now() >= end + CATCHING_UP {
            unsent += 1;
            continue;
        }
        let operation = shared.measure.operation(client.into(), number);
        let sent = clock::now();
        let answer = perform(client, &operation, shared).await;
        let done = record(shared, &operation, due, sent, answer.as_ref());
        shared.recorder.borrow_mut().note_wakeup(due.max(free).into_std(), sent.into_std());
        free = done;
        let_others_run().await;
    }
    shared.recorder.borrow_mut().record_unsent(unsent);
}

async fn perform<A: Application>(
    client: u32,
    operation: &Operation,
    shared: &Shared<A>,
) -> Result<Answer, WriteError> {
    if operation.kind == crate::application::catalog::WRITE {
        shared.touched.mark(operation.key);
    }
    shared.application.perform(client, operation).await
}

/// A store inside this process answers without ever waiting; the other clients and the end of the window
/// have to get their turn all the same. Between operations, so that it is part of none.
async fn let_others_run() {
    tokio::task::coop::consume_budget().await;
}

/// Records an operation and returns when it was done.
fn record<A>(
    shared: &Shared<A>,
    operation: &Operation,
    due: Instant,
    sent: Instant,
    answer: Result<&Answer, &WriteError>,
) -> Instant {
    let done = clock::now();
    let mut recorder = shared.recorder.borrow_mut();
    let outcome = match answer {
        Ok(Answer::Read { outcome, damage }) => {
            if damage.is_some() {
                recorder.record_corrupt();
            }
            match outcome {
                ReadOutcome::Hit => Outcome::Hit,
                ReadOutcome::NegativeHit => Outcome::NegativeHit,
                ReadOutcome::Miss => Outcome::Miss,
                ReadOutcome::Bypassed => Outcome::Bypassed,
            }
        }
        Ok(Answer::Written(_)) => Outcome::Written,
        Err(failed) => Outcome::failed(failed.error.kind),
    };
    recorder.record(operation.kind, outcome, due.into_std(), sent.into_std(), done.into_std());
    done
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU64;
    use std::sync::atomic::{AtomicU64, Ordering};

    use bytes::Bytes;

    use super::*;
    use crate::application::catalog::{self, Catalog, Products};
    use crate::application::{Damage, Dataset as _};
    use crate::source::Kind;
    use crate::store::{BulkItem, Cache as _, Document, Entry, Patch, StoreError};
    use crate::strategy::testing::{Interfered, Interference, local_cache, sound_forms};
    use crate::strategy::{AnyStrategy, CachingSettings};
    use crate::units::{ByteSize, Share};
    use crate::workload::keys::Uniform;
    use crate::workload::{Distribution, KeySampler, Mix, Phase, StreamSpec, ValueSizes};

    const KEYS: u64 = 100;
    const READS: u64 = 10_000;

    /// The products as they were made; nobody writes to them.
    #[derive(Clone)]
    struct Fixed(Arc<(Kind, Products)>);

    impl crate::source::Source for Fixed {
        fn kind(&self) -> &Kind {
            &self.0.0
        }

        async fn load(&self, id: &str) -> Result<Option<Document>, StoreError> {
            let key: u64 = id.parse().expect("a product's id is its key");
            Ok((key < KEYS).then(|| self.0.1.document(key)))
        }

        async fn update(&self, _id: &str, _patch: &Patch) -> Result<Option<Document>, StoreError> {
            Ok(None)
        }

        async fn update_many(
            &self,
            _items: &[BulkItem],
        ) -> Result<Vec<Result<bool, StoreError>>, StoreError> {
            Ok(Vec::new())
        }
    }

    /// Flips a byte of every thousandth document that is read, and counts those.
    #[derive(Clone, Default)]
    struct Corrupting {
        shown: Arc<AtomicU64>,
        corrupted: Arc<AtomicU64>,
    }

    impl Interference for Corrupting {
        fn show(&self, entry: Entry) -> Entry {
            let number = self.shown.fetch_add(1, Ordering::Relaxed);
            match entry {
                Entry::Document { version, document, stamp } if number % 1000 == 500 => {
                    self.corrupted.fetch_add(1, Ordering::Relaxed);
                    let mut bytes = document.bytes().to_vec();
                    // Another byte each time, never of the frame: that is refused before anyone sees it.
                    let at = 4 + (number as usize * 7) % (bytes.len() - 5);
                    bytes[at] ^= 0x20;
                    let document = Document::from_bytes(Bytes::from(bytes)).expect("the frame is whole");
                    Entry::Document { version, document, stamp }
                }
                entry => entry,
            }
        }
    }

    fn stream(phase: Phase) -> Arc<OperationStream> {
        let keys = NonZeroU64::new(KEYS).unwrap();
        Arc::new(OperationStream::new(StreamSpec {
            seed: 1,
            phase,
            keys: KeySampler::new(&Distribution::Uniform(Uniform {}), keys, 1),
            mix: Mix::new(&[1.0, 0.0]).unwrap(),
            can_be_absent: catalog::OPERATIONS.iter().map(|kind| kind.can_be_absent).collect(),
            absent_share: Share::NONE,
            clients: NonZeroU64::MIN,
        }))
    }

    #[tokio::test(start_paused = true)]
    async fn exactly_the_answers_that_were_corrupted_are_counted_as_corrupt() {
        for spec in sound_forms(&CachingSettings::default()) {
            let corrupting = Corrupting::default();
            let cache = Interfered { cache: local_cache(KEYS), with: corrupting.clone() };
            let products = Products {
                keys: KEYS,
                categories: 10,
                value_size: ValueSizes::Fixed(ByteSize(500)),
                seed: 1,
            };
            let source = Fixed(Arc::new((Kind { key_prefix: "product:".into(), ttl: None }, products)));
            let strategy: AnyStrategy<_, _> = spec.build(cache.clone(), source);
            let shared = Shared {
                application: Arc::new(Catalog::new(Arc::new(strategy))),
                recorder: Rc::new(RefCell::new(Recorder::new(2, Recorder::LATE_AFTER))),
                warmup: stream(Phase::Warmup),
                measure: stream(Phase::Measure),
                schedule: None,
                control: Arc::default(),
                touched: Arc::new(Touched::none_of(KEYS)),
            };
            let mut sound: u64 = 0;
            for number in 0..READS {
                let operation = shared.measure.operation(0, number);
                let corrupted = || corrupting.corrupted.load(Ordering::Relaxed);
                let before = corrupted();
                let answer = perform(0, &operation, &shared).await;
                record(&shared, &operation, clock::now(), clock::now(), answer.as_ref());
                let Ok(Answer::Read { damage, .. }) = answer else { panic!("a read was answered") };
                assert_eq!(
                    damage.is_some(),
                    corrupted() > before,
                    "{} read {number}: {damage:?}",
                    spec.name()
                );
                assert_ne!(damage, Some(Damage::SaidAbsent));
                sound += u64::from(damage.is_none());
            }
            let corrupted = corrupting.corrupted.load(Ordering::Relaxed);
            assert!((9..=10).contains(&corrupted), "{corrupted} were corrupted");
            assert_eq!(shared.recorder.borrow().window().corrupt(), corrupted, "{}", spec.name());
            assert_eq!(sound + corrupted, READS);
            assert!(cache.get("product:0").await.unwrap().is_some(), "the cache was in use");
        }
    }
}
