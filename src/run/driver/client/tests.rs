use std::cell::Cell;
use std::collections::BTreeSet;
use std::num::NonZeroU64;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use parking_lot::Mutex;
use tokio::task::{LocalSet, spawn_local};

use super::*;
use crate::application::Dataset as _;
use crate::application::Population;
use crate::application::any_source::EntityStrategy;
use crate::application::catalog::{self, Catalog, Products};
use crate::base::units::{ByteSize, Share};
use crate::load::workload::keys::Uniform;
use crate::load::workload::{Distribution, KeySampler, Mix, StreamSpec, ValueSizes};
use crate::results::Phase;
use crate::run::plan::{Plan, PlanOptions};
use crate::store::{AppCache, AppDatabase};
use crate::store::{BulkItem, Cache as _, Document, Entry, Patch, StoreError};
use crate::strategy::Strategy as _;
use crate::strategy::source::Keyspace;
use crate::strategy::testing::{Interfered, Interference, local_cache, sound_forms};
use crate::strategy::{AnyStrategy, CachingSettings};

const KEYS: u64 = 100;
const READS: u64 = 10_000;

/// The size of the future that a function returns; the function is not called.
fn size_of_future<T: 'static, F: Future>(_: impl FnOnce(&'static mut T) -> F) -> usize {
    size_of::<F>()
}

/// Each layer hands on what the one below it needs, and a future that grows large below is large in all of them. It
/// is copied whenever it is moved: a quarter of the driver's time went into that once. What an operation rarely
/// does is boxed where it begins.
#[test]
fn the_future_of_a_read_has_no_room_for_what_most_reads_do_not_do() {
    type Strategy = EntityStrategy<AppCache, AppDatabase>;
    let get = size_of_future(|cache: &mut AppCache| async { cache.get("").await });
    let read = size_of_future(|strategy: &mut Strategy| async { strategy.read("").await });
    assert!(get <= 640, "{get} bytes for a call of the cache");
    assert!(read <= 1100, "{read} bytes for a read through a strategy");
}

/// The products as they were made; nobody writes to them.
#[derive(Clone)]
struct Fixed(Arc<(Keyspace, Products)>);

impl crate::strategy::source::Source for Fixed {
    fn kind(&self) -> &Keyspace {
        &self.0.0
    }

    async fn load(&self, id: &str) -> Result<Option<Document>, StoreError> {
        let key: u64 = id.parse().expect("a product's id is its key");
        Ok((key < KEYS).then(|| self.0.1.document(key)))
    }

    async fn update(&self, _id: &str, _patch: &Patch) -> Result<Option<Document>, StoreError> {
        Ok(None)
    }

    async fn update_many(&self, _items: &[BulkItem]) -> Result<Vec<Result<bool, StoreError>>, StoreError> {
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

/// Answers at once, and counts the operations and those that were sent at another moment than now. After some of
/// them the client thinks.
#[derive(Default)]
struct AtOnce {
    operations: Arc<AtomicU64>,
    at_another_moment: Arc<AtomicU64>,
}

impl Application for AtOnce {
    async fn perform(&self, visitor: &mut Visitor, _: &Operation) -> Result<Answer, WriteError> {
        self.operations.fetch_add(1, Ordering::Relaxed);
        self.at_another_moment.fetch_add(u64::from(visitor.sending() != clock::now()), Ordering::Relaxed);
        Ok(Answer::Read(ReadOutcome::Hit))
    }

    fn pause_after(&self, _: &Visitor, operation: &Operation) -> Duration {
        Duration::from_micros(if operation.number % 300 == 299 { 700 } else { 0 })
    }
}

fn shared<A: Application>(application: A) -> WorkerState<A> {
    WorkerState {
        instance: Rc::new(Instance::new(application, None)),
        recorder: Rc::new(RefCell::new(Recorder::new(2, Recorder::LATE_AFTER))),
        warmup: Arc::new(stream(Phase::Warmup)),
        measure: Arc::new(PhasedStream::whole(stream(Phase::Measure))),
        open_loop: None,
        filling: Rc::default(),
        joining: JoiningClients::default(),
        control: Arc::default(),
        touched: Arc::new(Touched::none_of(KEYS)),
        audit: None,
        counters: Counters::default(),
    }
}

/// Takes ten milliseconds for each operation, and keeps which clients began one in each second.
struct Noting {
    start: Instant,
    seconds: Arc<Mutex<Vec<BTreeSet<u32>>>>,
}

impl Application for Noting {
    async fn perform(&self, visitor: &mut Visitor, _: &Operation) -> Result<Answer, WriteError> {
        let second = self.start.elapsed().as_secs() as usize;
        self.seconds.lock()[second].insert(visitor.number);
        clock::sleep(Duration::from_millis(10)).await;
        Ok(Answer::Read(ReadOutcome::Hit))
    }
}

#[tokio::test(start_paused = true)]
async fn as_many_clients_are_under_way_as_the_phase_says_and_the_others_rest() {
    let phases = "[[phase]]\nduration = \"2s\"\nclients = 4\n[[phase]]\nkind = \"pause\"\nduration = \"1s\"\n\
                  [[phase]]\nkind = \"ramp\"\nduration = \"9s\"\nfrom_clients = 2\nto_clients = 20\n\
                  [[phase]]\nkind = \"step\"\nduration = \"2s\"\nsteps = 2\nto_clients = 3\n\
                  [[phase]]\nduration = \"1s\"\n";
    let text = format!(
        "strategies = [\"cache-aside\"]\ntopologies = [\"embedded\"]\n[workload]\nclients = 20\n{phases}"
    );
    let plan = Plan::parse("test", "test.toml", &text, &PlanOptions::default()).unwrap();
    let scenario = &plan.scenario;
    let start = clock::now() + Duration::from_secs(1);
    let seconds = Arc::new(Mutex::new(vec![BTreeSet::new(); 15]));
    let state = WorkerState {
        measure: Arc::new(scenario.measured_stream(1).unwrap()),
        ..shared(Noting { start, seconds: Arc::clone(&seconds) })
    };
    let clients = (0..20).map(|number| (number, state.clone())).collect();
    state.control.set(Stage::Measure { start, end: start + scenario.run.duration.0 });
    run_all(clients, Rc::clone(&state.joining)).await;
    let under_way: Vec<usize> = seconds.lock().iter().map(BTreeSet::len).collect();
    assert_eq!(under_way, [4, 4, 0, 4, 6, 8, 10, 12, 14, 16, 18, 20, 20, 3, 20]);
    assert!(seconds.lock()[13].iter().all(|client| *client < 3), "who joined last rests first");
}

/// The clock moves on only while others have their turn.
#[tokio::test(start_paused = true)]
async fn a_client_that_waited_for_others_or_thought_reads_the_clock_before_it_sends() {
    let application = AtOnce::default();
    let operations = Arc::clone(&application.operations);
    let at_another_moment = Arc::clone(&application.at_another_moment);
    let mut client = Client::new(0, shared(application));
    let run = async {
        let start = clock::now();
        let client =
            spawn_local(async move { client.closed_loop(start, start + Duration::from_millis(50)).await });
        while !client.is_finished() {
            tokio::time::advance(Duration::from_micros(500)).await;
        }
    };
    LocalSet::new().run_until(run).await;
    let operations = operations.load(Ordering::Relaxed);
    assert!(operations > 1_000, "{operations}");
    assert_eq!(at_another_moment.load(Ordering::Relaxed), 0, "of {operations}");
}

#[tokio::test(start_paused = true)]
async fn clients_that_never_wait_all_have_their_turn() {
    const CLIENTS: u32 = 9;
    let counted: Rc<[Cell<u64>; CLIENTS as usize]> = Rc::default();
    let state = shared(AtOnce::default());
    let client = |number: u32| {
        let (mut client, counted) = (Client::new(number, state.clone()), Rc::clone(&counted));
        async move {
            let end = clock::now() + Duration::from_hours(1);
            for number in 0.. {
                let operation = client.shared.measure.operation(Duration::ZERO, 0, number);
                let now = clock::now();
                client.perform(&operation, Times { due: now, sent: now }, Counts::Measured).await;
                counted[client.number as usize].set(number);
                client.let_others_run().await;
                if now >= end {
                    break;
                }
            }
        }
    };
    let run = async {
        let mut clients: FuturesUnordered<_> = (0..CLIENTS).map(client).collect();
        let all = spawn_local(async move { while clients.next().await.is_some() {} });
        for _ in 0..100 {
            tokio::task::yield_now().await;
        }
        all.abort();
    };
    LocalSet::new().run_until(run).await;
    let counts: Vec<u64> = counted.iter().map(Cell::get).collect();
    let (least, most) = (counts.iter().min().unwrap(), counts.iter().max().unwrap());
    assert!(*least > 0 && most - least <= 2 * u64::from(IN_A_ROW), "{counts:?}");
}

fn stream(phase: Phase) -> OperationStream {
    let keys = NonZeroU64::new(KEYS).unwrap();
    OperationStream::new(StreamSpec {
        seed: 1,
        phase,
        keys: KeySampler::new(&Distribution::Uniform(Uniform {}), keys, 1),
        mix: Mix::new(&[1.0, 0.0]).unwrap(),
        can_be_absent: catalog::OPERATIONS.iter().map(|kind| kind.can_be_absent).collect(),
        absent_share: Share::NONE,
        clients: NonZeroU64::MIN,
        batching: None,
        recorded: None,
        write_keys: None,
    })
}

#[tokio::test(start_paused = true)]
async fn exactly_the_answers_that_were_corrupted_are_counted_as_corrupt() {
    for spec in sound_forms(&CachingSettings::default()) {
        let corrupting = Corrupting::default();
        let cache = Interfered { cache: local_cache(KEYS), with: corrupting.clone() };
        let products = Products {
            keys: KEYS,
            population: Population::ALL,
            categories: 10,
            value_size: ValueSizes::Fixed(ByteSize(500)),
            seed: 1,
        };
        let source = Fixed(Arc::new((
            Keyspace { key_prefix: "product:".into(), ttl: None.into(), tags: 0 },
            products.clone(),
        )));
        let strategy: AnyStrategy<_, _> = spec.build(cache.clone(), source);
        let shared = shared(Catalog::new(strategy, products, Arc::default()));
        let mut client = Client::new(0, shared.clone());
        let counted = || shared.recorder.borrow().window().anomalies().corrupt;
        let corrupted = || corrupting.corrupted.load(Ordering::Relaxed);
        for number in 0..READS {
            let operation = shared.measure.operation(Duration::ZERO, 0, number);
            let now = clock::now();
            client.perform(&operation, Times { due: now, sent: now }, Counts::Measured).await;
            assert_eq!(counted(), corrupted(), "{} read {number}", spec.name());
        }
        assert!((9..=10).contains(&corrupted()), "{} were corrupted", corrupted());
        let answered = shared.recorder.borrow().window().answers(|_| true).lookups();
        assert_eq!(answered, READS, "{}: every read was answered", spec.name());
        assert!(cache.get("product:0").await.unwrap().is_some(), "the cache was in use");
    }
}
