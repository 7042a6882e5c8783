//! What the whole driver costs an operation over a store that does nothing, and what the audit adds to that.
//!
//! Plain functions that print, as the harness of `cargo bench` needs a nightly compiler:
//! `cargo measure driver -- --nocapture --test-threads 1`.

use std::cell::RefCell;
use std::num::NonZeroU64;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering::Relaxed};
use std::time::Duration;

use hotset::application::touched::Touched;
use hotset::application::{Answer, Application, Visitor, catalog};
use hotset::audit::{Audit, Seen, Setup};
use hotset::base::units::Share;
use hotset::load::workload::keys::{Distribution, KeySampler, Zipf};
use hotset::load::workload::{Mix, Operation, OperationStream, PhasedStream, StreamSpec};
use hotset::measure::Recorder;
use hotset::measure::collectors::resident_bytes;
use hotset::results::Phase;
use hotset::run::driver::client::{self, WorkerState};
use hotset::run::driver::control::{Control, Stage};
use hotset::run::driver::instance::Instance;
use hotset::scenario::PositiveNumber;
use hotset::store::StoreError;
use hotset::strategy::{Backlog, ReadOutcome, WriteError};
use tokio::task::LocalSet;

const CLIENTS: NonZeroU64 = NonZeroU64::new(64).unwrap();
const ROUND: Duration = Duration::from_secs(1);
const ROUNDS: usize = 7;

/// A document as the audit sees it: its version less one, and the writes that set its fields.
#[derive(Default)]
struct Document {
    version: AtomicI64,
    writes: [AtomicI64; 2],
}

/// Answers at once, and rightly. One thread uses it.
struct Nothing(Arc<[Document]>);

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
            document.writes[write.field].store(write.id, Relaxed);
            Ok(document.version.fetch_add(1, Relaxed).cast_unsigned() + 2)
        };
        visitor.write(write, writing).await?;
        Ok(Answer::Written)
    }

    async fn recover(&self) -> Result<u64, StoreError> {
        Ok(0)
    }

    async fn drain(&self, _bound: Duration) -> Result<(), StoreError> {
        Ok(())
    }

    fn backlog(&self) -> Backlog {
        Backlog::default()
    }
}

fn stream(keys: NonZeroU64, phase: Phase, seed: u64) -> OperationStream {
    let zipf = Distribution::Zipf(Zipf { exponent: PositiveNumber(0.99) });
    OperationStream::new(StreamSpec {
        seed,
        phase,
        keys: KeySampler::new(&zipf, keys, 1),
        mix: Mix::new(&[0.95, 0.05]).unwrap(),
        can_be_absent: vec![true, false],
        absent_share: Share::NONE,
        clients: CLIENTS,
        recorded: None,
    })
}

/// Nanoseconds an operation, in a closed loop of 64 clients on one thread; anomalies are an error.
fn round(documents: &Arc<[Document]>, audit: Option<&Arc<Audit>>, seed: u64) -> f64 {
    let keys = NonZeroU64::new(documents.len() as u64).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    LocalSet::new().block_on(&runtime, async {
        let control = Arc::new(Control::default());
        let recorder = Rc::new(RefCell::new(Recorder::new(2, Recorder::LATE_AFTER)));
        let shared = WorkerState {
            instance: Rc::new(Instance::new(Nothing(Arc::clone(documents)), None)),
            recorder: Rc::clone(&recorder),
            warmup: Arc::new(stream(keys, Phase::Warmup, seed)),
            measure: Arc::new(PhasedStream::whole(stream(keys, Phase::Measure, seed))),
            open_loop: None,
            joining: client::JoiningClients::default(),
            control: Arc::clone(&control),
            touched: Arc::new(Touched::none_of(keys.get())),
            audit: audit.cloned(),
            counters: hotset::store::Counters::default(),
        };
        let clients = (0..CLIENTS.get() as u32).map(|client| (client, shared.clone())).collect();
        let clients = tokio::task::spawn_local(client::run_all(clients, Rc::clone(&shared.joining)));
        let start = tokio::time::Instant::now();
        control.set(Stage::Measure { start, end: start + ROUND });
        clients.await.unwrap();
        let recorder = recorder.borrow();
        let anomalies = recorder.window().anomalies();
        assert_eq!((anomalies.stale, anomalies.corrupt), (0, 0), "the store answers rightly");
        start.elapsed().as_secs_f64() * 1e9 / recorder.window().operations() as f64
    })
}

fn median(mut of: Vec<f64>) -> f64 {
    of.sort_by(f64::total_cmp);
    of[of.len() / 2]
}

/// With ten thousand keys everything is in the processor's caches, and what is measured is the work; with a
/// million the store's and the audit's memory have to be fetched too.
#[test]
fn the_driver_over_a_store_that_does_nothing() {
    for keys in [10_000, 1_000_000] {
        measure(keys);
    }
}

fn measure(keys: u64) {
    let fresh = || (0..keys).map(|_| Document::default()).collect::<Arc<[Document]>>();
    let (mut bare, mut audited, mut added, mut memory) = (Vec::new(), Vec::new(), Vec::new(), 0);
    for seed in 0..ROUNDS as u64 {
        let without = round(&fresh(), None, seed);
        let documents = fresh();
        let before = resident_bytes().unwrap_or(0);
        let audit = Arc::new(Audit::new(Setup { keys, clients: CLIENTS.get(), instances: 1 }));
        let with = round(&documents, Some(&audit), seed);
        memory = memory.max(resident_bytes().unwrap_or(0).saturating_sub(before));
        bare.push(without);
        audited.push(with);
        added.push(with - without);
    }
    println!("{keys} keys");
    println!("driver without the audit     {:6.1} ns an operation (median of {ROUNDS})", median(bare));
    println!("driver with the audit        {:6.1} ns an operation", median(audited));
    println!("the audit's share            {:6.1} ns an operation (median of the pairs)", median(added));
    println!("memory that the audit takes  {:6} MiB", memory >> 20);
}
