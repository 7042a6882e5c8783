//! Open loops over stores that are made up, on a paused clock: who carries out an arrival, and when.

use std::cell::RefCell;
use std::ops::Range;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use parking_lot::Mutex;
use tokio::time::Instant;

use super::client::{self, JoiningClients, WorkerState};
use super::control::{Control, Stage};
use super::instance::Instance;
use super::open_loop::{Schedules, ThreadQueues};
use crate::application::touched::Touched;
use crate::application::{Answer, Application, Visitor, catalog};
use crate::audit::{Audit, Seen, Setup};
use crate::base::clock;
use crate::load::workload::Operation;
use crate::measure::{QueueUse, Recorder, Window};
use crate::results::{Measure, Phase};
use crate::run::plan::{Plan, PlanOptions};
use crate::store::{Counters, StoreError};
use crate::strategy::{ReadOutcome, WriteError};

/// The products that are asked for.
const KEYS: u64 = 20;
/// The time that a call takes.
const SERVICE: Duration = Duration::from_millis(1);

/// A product as the audit sees it: its version less one, and the writes that set its fields.
#[derive(Debug, Clone, Copy, Default)]
struct Document {
    version: u64,
    writes: [i64; 2],
}

/// What answers in these tests: a store with one version of each product.
struct Store {
    documents: Mutex<[Document; KEYS as usize]>,
    /// No call that begins in this time is answered before its end.
    frozen: Range<Instant>,
    /// Every so many reads the version before is shown; 0 for never.
    old_every: u64,
    reads: AtomicU64,
}

impl Store {
    fn frozen(frozen: Range<Instant>) -> Self {
        Self { documents: Mutex::default(), frozen, old_every: 0, reads: AtomicU64::new(0) }
    }

    fn sound(start: Instant) -> Self {
        Self::frozen(start..start)
    }

    async fn answer(&self) {
        if self.frozen.contains(&clock::now()) {
            clock::sleep_until(self.frozen.end).await;
        }
        clock::sleep(SERVICE).await;
    }

    fn read(&self, key: u64) -> Seen {
        let document = self.documents.lock()[key as usize];
        let number = self.reads.fetch_add(1, Relaxed);
        let old = u64::from(self.old_every > 0 && number.is_multiple_of(self.old_every));
        Seen { version: (document.version + 1).saturating_sub(old).max(1), writes: document.writes }
    }
}

impl Application for Store {
    async fn perform(&self, visitor: &mut Visitor, operation: &Operation) -> Result<Answer, WriteError> {
        if operation.kind == catalog::READ {
            let reading = || async {
                self.answer().await;
                Ok::<_, StoreError>(self.read(operation.key))
            };
            visitor.read(catalog::PRODUCT, operation.key, reading, |seen| Ok(Some(*seen))).await?;
            return Ok(Answer::Read(ReadOutcome::Hit));
        }
        let write = catalog::write_of(visitor.number, operation);
        let writing = || async {
            self.answer().await;
            let document = &mut self.documents.lock()[operation.key as usize];
            write.fields.each().for_each(|field| document.writes[field] = write.id);
            document.version += 1;
            Ok(document.version + 1)
        };
        visitor.write(write, writing).await?;
        Ok(Answer::Written)
    }
}

/// What came of a run of ten seconds.
struct Ran {
    operations: Window,
    queues: QueueUse,
    audit: Arc<Audit>,
    took: Duration,
}

impl Ran {
    /// The response time at a quantile, in milliseconds.
    fn response_ms(&self, quantile: f64) -> f64 {
        let times = self.operations.latency(Measure::Response, |_, _| true).unwrap();
        times.value_at_quantile(quantile) as f64 / 1e6
    }
}

/// Runs one instance for ten seconds at a thousand a second.
async fn run(workload: &str, store: impl FnOnce(Instant) -> Store) -> Ran {
    run_after(Duration::ZERO, workload, store).await
}

/// The same after a warm-up of such a length.
async fn run_after(warmup: Duration, workload: &str, store: impl FnOnce(Instant) -> Store) -> Ran {
    let text = format!(
        "strategies = [\"cache-aside\"]\ntopologies = [\"embedded\"]\n[dataset]\nkeys = {KEYS}\n[workload]\ninstances = 1\n\
         rate_per_second = 1000\n{workload}"
    );
    let plan = Plan::parse("test", "test.toml", &text, &PlanOptions::default()).unwrap();
    let scenario = &plan.scenario;
    let warmup_start = Instant::now() + Duration::from_secs(1);
    let start = warmup_start + warmup;
    let end = start + Duration::from_secs(10);
    let control = Arc::new(Control::default());
    let recorder = Rc::new(RefCell::new(Recorder::new(2, Recorder::LATE_AFTER)));
    let clients = scenario.workload.clients.get();
    let audit = Arc::new(Audit::new(Setup { keys: KEYS, clients, instances: 1 }));
    let shared = WorkerState {
        instance: Rc::new(Instance::new(store(start), None)),
        recorder: Rc::clone(&recorder),
        warmup: Arc::new(scenario.stream(Phase::Warmup, 1).unwrap()),
        measure: Arc::new(scenario.measured_stream(1).unwrap()),
        open_loop: None,
        filling: Rc::default(),
        joining: JoiningClients::default(),
        control: Arc::clone(&control),
        touched: Arc::new(Touched::none_of(KEYS)),
        audit: Some(Arc::clone(&audit)),
        counters: Counters::default(),
    };
    let mut queues = ThreadQueues::default();
    let clients: Vec<_> = queues
        .clients_of(0, scenario, Schedules::of(scenario, 1).as_ref())
        .into_iter()
        .map(|(number, open_loop)| (number as u32, WorkerState { open_loop, ..shared.clone() }))
        .collect();
    let stages = async {
        if !warmup.is_zero() {
            control.set(Stage::Warmup { start: warmup_start });
            clock::sleep_until(start).await;
        }
        control.set(Stage::Measure { start, end });
    };
    tokio::join!(stages, client::run_all(clients, Rc::clone(&shared.joining)));
    let operations = recorder.borrow().window().clone();
    Ran { operations, queues: queues.measure.take_use(end).unwrap(), audit, took: Instant::now() - start }
}

/// A store that is frozen for the third second.
fn frozen(start: Instant) -> Store {
    Store::frozen(start + Duration::from_secs(2)..start + Duration::from_secs(3))
}

#[tokio::test(start_paused = true)]
async fn a_frozen_second_is_a_thousand_waits_whatever_the_number_of_clients() {
    for clients in [4, 100, 1000] {
        let ran = run(&format!("arrivals = \"constant\"\nclients = {clients}"), frozen).await;
        assert_eq!((ran.operations.operations(), ran.operations.unsent()), (10_000, 0), "{clients} clients");
        // A tenth of all operations waits, as long as the store is still frozen when they are due.
        let (p89, p95, max) = (ran.response_ms(0.89), ran.response_ms(0.95), ran.response_ms(1.0));
        assert!((1.0..=2.1).contains(&p89), "{clients} clients: {p89}");
        assert!((480.0..=520.0).contains(&p95), "{clients} clients: {p95}");
        assert!((999.0..=1_010.0).contains(&max), "{clients} clients: {max}");
        assert!((999..=1_005).contains(&ran.queues.in_flight), "{:?}", ran.queues);
        assert_eq!(ran.queues.queued, 0);
        assert!(ran.operations.late_wakeup_share() < f64::EPSILON, "nobody was late");
    }
}

#[tokio::test(start_paused = true)]
async fn beyond_the_most_at_once_arrivals_wait_in_order_and_their_number_is_known() {
    let ran = run("arrivals = \"constant\"\nclients = 100\nmax_in_flight = 4", frozen).await;
    assert_eq!((ran.operations.operations(), ran.operations.unsent()), (10_000, 0));
    assert_eq!(ran.queues.in_flight, 4);
    assert!((996..=1_010).contains(&ran.queues.queued), "{:?}", ran.queues);
    assert!((999.0..=1_010.0).contains(&ran.response_ms(1.0)));
    assert!(
        ran.operations.late_wakeup_share() < f64::EPSILON,
        "who has no room is not late by hotset's doing"
    );
    assert!(ran.operations.late_share() > 0.1);
}

#[tokio::test(start_paused = true)]
async fn who_is_still_busy_with_the_warm_up_is_counted_when_measuring_begins() {
    // From a second before measuring until a second after nothing is answered.
    let held_up = |start| Store::frozen(start - Duration::from_secs(1)..start + Duration::from_secs(1));
    let workload = "arrivals = \"constant\"\nclients = 100\nmax_in_flight = 4";
    let ran = run_after(Duration::from_secs(2), workload, held_up).await;
    // Those of the warm-up's only second are recorded too; the last four of them take two.
    assert_eq!((ran.operations.operations(), ran.operations.unsent()), (11_000, 0));
    assert_eq!(ran.queues.in_flight, 4);
    assert!(ran.operations.late_wakeup_share() < f64::EPSILON, "nobody was free to be late");
    assert!((980.0..=1_010.0).contains(&ran.response_ms(0.999)), "{}", ran.response_ms(0.999));
}

#[tokio::test(start_paused = true)]
async fn an_arrival_waits_for_its_own_client_only_where_it_is_told_to() {
    let arrivals = "clients = 4\narrivals = \"poisson\"";
    let waits = |ran: &Ran| ran.operations.late_share();
    let own = run(&format!("{arrivals}\nqueue = \"client\""), Store::sound).await;
    let bounded = run(&format!("{arrivals}\nmax_in_flight = 4"), Store::sound).await;
    let unbounded = run(arrivals, Store::sound).await;
    // Four queues at a quarter of what each can do, one queue for four, and none.
    assert!(waits(&own) > 3.0 * waits(&bounded), "{} and {}", waits(&own), waits(&bounded));
    assert!(waits(&unbounded) < f64::EPSILON, "{}", waits(&unbounded));
    assert!(own.queues.in_flight <= 4 && own.queues.queued > 0, "{:?}", own.queues);
    assert!(unbounded.queues.in_flight > 4 && unbounded.queues.queued == 0, "{:?}", unbounded.queues);
}

#[tokio::test(start_paused = true)]
async fn whoever_carries_out_a_write_it_is_known_by_its_place_in_the_stream() {
    let ran = run("clients = 4\nreads = 0.5", frozen).await;
    let anomalies = ran.operations.anomalies();
    let wrong = [anomalies.stale, anomalies.corrupt, anomalies.non_monotonic, anomalies.not_own_write];
    assert_eq!((wrong, anomalies.dropped_fields), ([0; 4], 0));
    assert!(anomalies.audited > 4_000);
    let concluded = ran.audit.conclusion();
    let writes = ran.operations.operations() - ran.operations.answers(|_| true).lookups();
    assert_eq!((concluded.acknowledged_writes, concluded.indeterminate_writes), (writes, 0));
}

#[tokio::test(start_paused = true)]
async fn a_client_that_is_shown_less_than_it_knew_is_seen_although_clients_come_and_go() {
    let old = |start| Store { old_every: 100, ..frozen(start) };
    let anomalies = run("clients = 4\nreads = 0.5", old).await.operations.anomalies();
    assert!(anomalies.stale > 20, "{anomalies:?}");
    assert!(anomalies.non_monotonic > 5 && anomalies.not_own_write > 0, "{anomalies:?}");
}

#[tokio::test(start_paused = true)]
async fn what_is_due_when_measuring_ends_is_still_sent_and_nothing_later() {
    let ran = run("arrivals = \"constant\"\nmax_in_flight = 4", Store::sound).await;
    assert_eq!(ran.operations.operations(), 10_000);
    assert!((Duration::from_secs(10)..Duration::from_millis(10_050)).contains(&ran.took), "{:?}", ran.took);
}
