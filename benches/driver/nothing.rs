//! A store that does nothing, and a thread that drives it.

use std::cell::RefCell;
use std::num::NonZeroU64;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering::Relaxed};
use std::time::Duration;

use hotset::application::touched::Touched;
use hotset::application::{Answer, Application, Visitor, catalog};
use hotset::audit::{Audit, Seen};
use hotset::base::clock;
use hotset::base::units::Share;
use hotset::load::workload::keys::{Distribution, KeySampler, Zipf};
use hotset::load::workload::{Mix, Operation, OperationStream, PhasedStream, Schedule, StreamSpec};
use hotset::measure::{Recorder, Window};
use hotset::results::Phase;
use hotset::run::driver::arrivals::{ClientLimits, Queues, StreamPlaces};
use hotset::run::driver::client::{self, JoiningClients, WorkerState};
use hotset::run::driver::control::{Control, Stage};
use hotset::run::driver::instance::Instance;
use hotset::run::driver::open_loop::OpenLoop;
use hotset::scenario::PositiveNumber;
use hotset::store::{Counters, StoreError};
use hotset::strategy::{ReadOutcome, WriteError};
use tokio::task::LocalSet;

/// The clients of one thread.
pub const CLIENTS: u64 = 64;

/// A document as the audit sees it: its version less one, and the writes that set its fields.
#[derive(Default)]
pub struct Document {
    version: AtomicI64,
    writes: [AtomicI64; 2],
}

/// Documents that nobody has written to.
pub fn documents(keys: u64) -> Arc<[Document]> {
    (0..keys).map(|_| Document::default()).collect()
}

/// Answers at once, and rightly as long as one thread writes.
pub struct Nothing(pub Arc<[Document]>);

impl Application for Nothing {
    async fn perform(&self, visitor: &mut Visitor, operation: &Operation) -> Result<Answer, WriteError> {
        let document = &self.0[operation.key as usize];
        if operation.kind == catalog::READ {
            let reading = || async {
                let version = document.version.load(Relaxed).cast_unsigned() + 1;
                let writes = [document.writes[0].load(Relaxed), document.writes[1].load(Relaxed)];
                Ok::<_, StoreError>(Seen { version, writes })
            };
            visitor.read(catalog::PRODUCT, operation.key, reading, |seen| Ok(Some(*seen))).await?;
            return Ok(Answer::Read(ReadOutcome::Hit));
        }
        let write = catalog::write_of(visitor.number, operation);
        let writing = || async {
            write.fields.each().for_each(|field| document.writes[field].store(write.id, Relaxed));
            Ok(document.version.fetch_add(1, Relaxed).cast_unsigned() + 2)
        };
        visitor.write(write, writing).await?;
        Ok(Answer::Written)
    }
}

/// The operations of all clients, by Zipf over the keys.
pub fn stream(keys: u64, reads: f64, phase: Phase, seed: u64, clients: u64) -> OperationStream {
    let zipf = Distribution::Zipf(Zipf { exponent: PositiveNumber(0.99) });
    let above_0 = |number| NonZeroU64::new(number).unwrap();
    OperationStream::new(StreamSpec {
        seed,
        phase,
        keys: KeySampler::new(&zipf, above_0(keys), 1),
        mix: Mix::new(&[reads, 1.0 - reads]).unwrap(),
        can_be_absent: vec![true, false],
        absent_share: Share::NONE,
        clients: above_0(clients),
        batching: None,
        recorded: None,
        write_keys: None,
    })
}

/// The load of one thread.
#[derive(Clone)]
pub struct Load {
    pub keys: u64,
    /// The share of reads.
    pub reads: f64,
    pub audit: Option<Arc<Audit>>,
    pub seed: u64,
    /// This thread's place among so many.
    pub thread: u64,
    pub threads: u64,
    /// That of a single queue for the thread; `None` for a closed loop.
    pub schedule: Option<Schedule>,
    pub length: Duration,
}

/// What a thread did.
pub struct Driven {
    pub operations: Window,
    /// From the start of measuring until the last client had ended.
    pub took: Duration,
}

impl Driven {
    /// Nanoseconds an operation.
    pub fn ns_an_operation(&self) -> f64 {
        self.took.as_secs_f64() * 1e9 / self.operations.operations() as f64
    }
}

impl Load {
    /// One thread's load without an audit, in a closed loop.
    pub fn alone(keys: u64, seed: u64, length: Duration) -> Self {
        Self { keys, reads: 0.95, audit: None, seed, thread: 0, threads: 1, schedule: None, length }
    }

    fn open_loop(&self, clients: u64) -> Option<OpenLoop> {
        let schedule = self.schedule.as_ref()?;
        let places = StreamPlaces::of_every(self.threads, self.thread, clients);
        let limits = ClientLimits { stay: CLIENTS, most: 100_000 };
        let queue = || Queues::default().add(schedule.due_times(0), places.clone(), limits);
        Some(OpenLoop { warmup: queue(), measure: queue() })
    }

    /// Drives an application on this thread until the end, or until the control stops it. Anomalies are an error.
    pub fn drive(&self, application: impl Application, control: &Arc<Control>) -> Driven {
        let clients = CLIENTS * self.threads;
        let stream = |phase| stream(self.keys, self.reads, phase, self.seed, clients);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        LocalSet::new().block_on(&runtime, async {
            // A closed loop sleeps for nothing. The timer reads clocks in a way that does not work under valgrind.
            if self.schedule.is_some() {
                clock::install_fine_timer().unwrap();
            }
            let recorder = Rc::new(RefCell::new(Recorder::new(2, Recorder::LATE_AFTER)));
            let shared = WorkerState {
                instance: Rc::new(Instance::new(application, None)),
                recorder: Rc::clone(&recorder),
                warmup: Arc::new(stream(Phase::Warmup)),
                measure: Arc::new(PhasedStream::whole(stream(Phase::Measure))),
                open_loop: self.open_loop(clients),
                filling: Rc::default(),
                joining: JoiningClients::default(),
                control: Arc::clone(control),
                touched: Arc::new(Touched::none_of(self.keys)),
                audit: self.audit.clone(),
                counters: Counters::default(),
            };
            let mine = (self.thread..clients).step_by(self.threads as usize);
            let clients: Vec<_> = mine.map(|client| (client as u32, shared.clone())).collect();
            let clients = tokio::task::spawn_local(client::run_all(clients, Rc::clone(&shared.joining)));
            let start = clock::now();
            control.set(Stage::Measure { start, end: start + self.length });
            clients.await.unwrap();
            let took = start.elapsed();
            let operations = recorder.borrow().window().clone();
            let anomalies = operations.anomalies();
            assert_eq!((anomalies.stale, anomalies.corrupt), (0, 0), "the store answers rightly");
            Driven { operations, took }
        })
    }
}
