//! One client: a virtual user that issues its operations one after another.
//!
//! Response time counts from when an operation was *due*. In a closed loop that is the moment the
//! client became free, and the same reading of the clock is when the operation was *sent*, unless the client
//! thought before it. In an open loop it is what the arrival schedule says, whether or not a client
//! was free then: nothing is skipped, and waiting counts.

use std::cell::{Cell, RefCell};
use std::future::poll_fn;
use std::ops::ControlFlow;
use std::rc::Rc;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use futures_util::stream::{FuturesUnordered, StreamExt as _};
use tokio::time::Instant;

use super::arrivals::{Arrival, ArrivalQueue, NextStep, StreamPlace, StreamPlaces};
use super::control::{self, Control, Stage};
use super::instance::Instance;
use super::open_loop::OpenLoop;
use crate::application::touched::Touched;
use crate::application::{Answer, Application, Visitor};
use crate::audit::Audit;
use crate::base::clock;
use crate::base::turns::give_way;
use crate::load::workload::{Operation, OperationStream, PhasedStream};
use crate::measure::{Outcome, Recorder};
use crate::results::FailedStep;
use crate::store::Counters;
use crate::strategy::{ReadOutcome, WriteError};

/// No more clients than this fill the cache before an open loop: enough to keep the stores busy, and not
/// so many that they do nothing but queue.
const FILLING_CLIENTS: u32 = 64;

/// How long after the end of the measured time an open loop still sends what was due in it. What is left
/// then is counted as unsent: the cell did not achieve what was offered.
pub const CATCHING_UP: Duration = Duration::from_secs(5);

/// How many operations a client may do before the others have their turn. Each turn costs about as much as a third of an
/// operation that never waits.
const IN_A_ROW: u32 = 64;

/// Clients that are about to join those of a worker, each with its number and state.
pub type JoiningClients<A> = Rc<RefCell<Vec<(u32, WorkerState<A>)>>>;

/// State that the clients of one worker share.
pub struct WorkerState<A> {
    /// The application's instance that the clients use.
    pub instance: Rc<Instance<A>>,
    /// The recorder of the worker's clients.
    pub recorder: Rc<RefCell<Recorder>>,
    /// The operations of the warm-up.
    pub warmup: Arc<OperationStream>,
    /// The measured operations.
    pub measure: Arc<PhasedStream>,
    /// Where the client takes its operations in an open loop; `None` in a closed one.
    pub open_loop: Option<OpenLoop>,
    /// How many clients are filling the cache.
    pub filling: Rc<Cell<u64>>,
    /// Where it has others join.
    pub joining: JoiningClients<A>,
    /// What to do now.
    pub control: Arc<Control>,
    /// The keys that were written.
    pub touched: Arc<Touched>,
    /// The audit that holds every read against every write, where the scenario wants that.
    pub audit: Option<Arc<Audit>>,
    /// Where the words of errors are kept.
    pub counters: Counters,
}

/// One client that is counted until this is dropped.
struct Counted(Rc<Cell<u64>>);

impl Counted {
    fn one_more(all: &Rc<Cell<u64>>) -> Self {
        all.set(all.get() + 1);
        Self(Rc::clone(all))
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.set(self.0.get() - 1);
    }
}

impl<A> Clone for WorkerState<A> {
    fn clone(&self) -> Self {
        Self {
            instance: Rc::clone(&self.instance),
            recorder: Rc::clone(&self.recorder),
            warmup: Arc::clone(&self.warmup),
            measure: Arc::clone(&self.measure),
            open_loop: self.open_loop.clone(),
            filling: Rc::clone(&self.filling),
            joining: Rc::clone(&self.joining),
            control: Arc::clone(&self.control),
            touched: Arc::clone(&self.touched),
            audit: self.audit.clone(),
            counters: self.counters.clone(),
        }
    }
}

/// One client.
struct Client<A> {
    /// Its number, among those of all instances; a client that has joined has that of the one who had it join.
    number: u32,
    /// Its operations of the warm-up in a closed loop: one stream, over both stages.
    warmed: StreamPlaces,
    shared: WorkerState<A>,
    /// It as the application sees it.
    visitor: Visitor,
    /// The operations since the others had their turn.
    in_a_row: u32,
}

/// The numbers of a warm-up's operations are told by this bit from those of the measured ones, so that no
/// two writes of a cell have one id.
const OF_WARMUP: u64 = 1 << 39;

/// When an operation should have started, and when it was sent.
#[derive(Clone, Copy)]
struct Times {
    due: Instant,
    sent: Instant,
}

/// When an operation counts.
#[derive(Clone, Copy)]
enum Counts {
    /// If it ends while its stage, which is none that is measured, lasts.
    During(Stage),
    /// Whenever it ends, since it is measured.
    Measured,
}

/// Runs clients, and those that join them, until all have ended, as one task: all whose answers came together ask again
/// before the connection's task has its turn, which then writes their requests at once. As tasks of their own they would
/// take turns with it.
pub async fn run_all<A: Application>(first: Vec<(u32, WorkerState<A>)>, joining: JoiningClients<A>) {
    let mut clients: FuturesUnordered<_> =
        first.into_iter().map(|(number, shared)| run(number, shared)).collect();
    poll_fn(|context| {
        loop {
            let polled = clients.poll_next_unpin(context);
            let joined: Vec<_> = joining.take();
            // Only a client has others join, so that none joins unseen between two polls.
            match polled {
                Poll::Pending if joined.is_empty() => return Poll::Pending,
                Poll::Ready(None) if joined.is_empty() => return Poll::Ready(()),
                Poll::Pending | Poll::Ready(_) => {}
            }
            clients.extend(joined.into_iter().map(|(number, shared)| run(number, shared)));
        }
    })
    .await;
}

/// Runs a client through all stages of a cell.
async fn run<A: Application>(number: u32, shared: WorkerState<A>) {
    let open_loop = shared.open_loop.clone();
    let mut client = Client::new(number, shared);
    let mut stages = client.shared.control.follow();
    let mut stage = Stage::Prepare;
    loop {
        stage = control::next(&mut stages, stage).await;
        match (stage, &open_loop) {
            (Stage::Prepare | Stage::Deliver { .. }, _) => {}
            (Stage::Fill { .. }, _) if number >= FILLING_CLIENTS => {}
            (Stage::Fill { start }, _) | (Stage::Warmup { start }, None) => {
                client.warm_up(stage, start).await;
            }
            (Stage::Warmup { start }, Some(open)) => {
                if client.warm_up_when_due(stage, start, &open.warmup).await.is_break() {
                    return;
                }
            }
            (Stage::Measure { start, end }, None) => {
                clock::sleep_until(start).await;
                return client.closed_loop(start, end).await;
            }
            (Stage::Measure { start, end }, Some(open)) => {
                clock::sleep_until(start).await;
                return client.open_loop(&open.measure, start, end).await;
            }
            (Stage::Stop, _) => return,
        }
    }
}

impl<A: Application> Client<A> {
    fn new(number: u32, shared: WorkerState<A>) -> Self {
        let visitor = Visitor::new(number, shared.audit.clone(), Arc::clone(&shared.touched));
        Self { number, warmed: StreamPlaces::of_one(number.into()), shared, visitor, in_a_row: 0 }
    }

    /// Issues operations of the warm-up one after another until the stage is over.
    async fn warm_up(&mut self, stage: Stage, start: Instant) {
        let mut stages = self.shared.control.follow();
        let _counted = Counted::one_more(&self.shared.filling);
        clock::sleep_until(start).await;
        while self.shared.control.is(stage) {
            let place = match &self.shared.open_loop {
                None => self.warmed.take(),
                Some(open) => open.warmup.borrow_mut().next_place(),
            };
            let sent = clock::now();
            let operation = self.warm(stage, place, sent).await;
            let pause = self.shared.instance.pause_after(&self.visitor, &operation);
            if !pause.is_zero() {
                tokio::select! {
                    () = clock::sleep_until(sent + pause) => {}
                    _ = control::next(&mut stages, stage) => return,
                }
            }
            self.let_others_run().await;
        }
    }

    /// Issues operations of the warm-up as they are due until the stage is over; breaks where the client leaves.
    async fn warm_up_when_due(
        &mut self,
        stage: Stage,
        start: Instant,
        queue: &RefCell<ArrivalQueue>,
    ) -> ControlFlow<()> {
        let mut stages = self.shared.control.follow();
        clock::sleep_until(start).await;
        if !queue.borrow_mut().enter(start, clock::now()) {
            return ControlFlow::Break(());
        }
        while self.shared.control.is(stage) {
            let Some(arrival) = take(queue) else { break };
            tokio::select! {
                () = clock::sleep_until(start + arrival.due) => {}
                _ = control::next(&mut stages, stage) => break,
            }
            self.begin(queue);
            self.warm(stage, arrival.place, clock::now()).await;
            if queue.borrow_mut().end(clock::now()) == NextStep::Leaves {
                return ControlFlow::Break(());
            }
            self.let_others_run().await;
        }
        ControlFlow::Continue(())
    }

    /// Carries out an operation of the warm-up, and returns it.
    async fn warm(&mut self, stage: Stage, place: StreamPlace, sent: Instant) -> Operation {
        self.visitor.number = place.client as u32;
        let operation = self.shared.warmup.operation(place.client, place.number);
        self.shared.warmup.further_keys(place.client, &operation, &mut self.visitor.further);
        let operation = Operation { number: operation.number | OF_WARMUP, ..operation };
        // An operation that outlasts its stage is not one of those of the next.
        self.perform(&operation, Times { due: sent, sent }, Counts::During(stage)).await;
        operation
    }

    /// Begins an operation from a queue, and has another client join where none is left free.
    fn begin(&self, queue: &RefCell<ArrivalQueue>) {
        if queue.borrow_mut().begin() {
            self.shared.joining.borrow_mut().push((self.number, self.shared.clone()));
        }
    }

    async fn closed_loop(&mut self, start: Instant, end: Instant) {
        let mut due = clock::now();
        let mut has_waited = false;
        for number in 0.. {
            let free = due.saturating_duration_since(start);
            // Where no later phase has work for this client, it has none to the end.
            let Some(turn) = self.shared.measure.turn(free, self.number.into()) else { return };
            if turn > free {
                due = (start + turn).min(end);
                clock::sleep_until(due).await;
                has_waited = true;
            }
            if due >= end || self.shared.control.is_stopped() {
                return;
            }
            let client = self.number.into();
            let operation = self.shared.measure.operation(turn, client, number);
            self.shared.measure.further_keys(turn, client, &operation, &mut self.visitor.further);
            let sent = if has_waited { clock::now() } else { due };
            due = self.perform(&operation, Times { due, sent }, Counts::Measured).await;
            if self.let_others_run().await {
                due = clock::now();
            }
            let pause = self.shared.instance.pause_after(&self.visitor, &operation);
            has_waited = !pause.is_zero();
            if has_waited {
                // Who thinks is not free: the next operation is due when they have thought.
                due = (due + pause).min(end);
                clock::sleep_until(due).await;
            }
        }
    }

    async fn open_loop(&mut self, queue: &RefCell<ArrivalQueue>, start: Instant, end: Instant) {
        if !queue.borrow_mut().enter(start, clock::now()) {
            return;
        }
        let mut unsent = 0;
        while let Some(arrival) = take(queue) {
            let (due, place) = (start + arrival.due, arrival.place);
            if due >= end {
                break;
            }
            // Made before its time has come, so that it is sent as soon as that has.
            let operation = self.shared.measure.operation(arrival.due, place.client, place.number);
            let further = &mut self.visitor.further;
            self.shared.measure.further_keys(arrival.due, place.client, &operation, further);
            let send_by = self.shared.measure.send_by(arrival.due).map_or(end + CATCHING_UP, |by| start + by);
            clock::sleep_until(due).await;
            let sent = clock::now();
            if self.shared.control.is_stopped() || sent >= send_by {
                unsent += 1;
                continue;
            }
            // As long as there is room, somebody is free: what is sent late then is sent late by hotset.
            let free = queue.borrow().had_room_since().map_or(due, |since| since.max(due));
            self.begin(queue);
            self.visitor.number = place.client as u32;
            let done = self.perform(&operation, Times { due, sent }, Counts::Measured).await;
            self.shared.recorder.borrow_mut().note_wakeup(free.into_std(), sent.into_std());
            if queue.borrow_mut().end(done) == NextStep::Leaves {
                break;
            }
            self.let_others_run().await;
        }
        self.shared.recorder.borrow_mut().record_unsent(unsent);
    }

    /// Carries out an operation, has it audited, and records it where it counts; returns when it was done.
    async fn perform(&mut self, operation: &Operation, times: Times, counts: Counts) -> Instant {
        self.visitor.begin(times.sent);
        let answer = self.shared.instance.perform(&mut self.visitor, operation).await;
        let done = clock::now();
        let (is_counted, is_measured) = match counts {
            Counts::During(stage) => (self.shared.control.is(stage), false),
            Counts::Measured => (true, true),
        };
        if let Err(failed) = &answer {
            self.shared.counters.setback(FailedStep::Operation, &failed.error);
        }
        let mut recorder = self.shared.recorder.borrow_mut();
        self.visitor.end(done, is_measured, |found| {
            if is_counted {
                found.count(recorder.anomalies(found.shown_by()));
            }
        });
        if is_counted {
            let Times { due, sent } = times;
            let outcome = outcome(answer.as_ref());
            recorder.record(operation.kind, outcome, due.into_std(), sent.into_std(), done.into_std());
            if let Ok(Answer::ReadMany(lookups)) = answer {
                for (outcome, count) in lookups.further() {
                    recorder.record_lookups(operation.kind, of_read(outcome).class(), count);
                }
            }
        }
        done
    }

    /// A store inside this process answers without ever waiting; the other clients and the end of the window
    /// have to get their turn all the same. Between operations, so that it is part of none. Returns true if they had it.
    async fn let_others_run(&mut self) -> bool {
        self.in_a_row = (self.in_a_row + 1) % IN_A_ROW;
        let is_their_turn = self.in_a_row == 0;
        if is_their_turn {
            give_way().await;
        }
        is_their_turn
    }
}

/// Takes the next arrival; the queue is free for others as soon as it is taken.
fn take(queue: &RefCell<ArrivalQueue>) -> Option<Arrival> {
    queue.borrow_mut().take()
}

fn outcome(answer: Result<&Answer, &WriteError>) -> Outcome {
    match answer {
        Ok(Answer::Read(outcome)) => of_read(*outcome),
        Ok(Answer::ReadMany(lookups)) => of_read(lookups.whole()),
        Ok(Answer::Written) => Outcome::Written,
        Ok(Answer::Done | Answer::Refused) => Outcome::Done,
        Err(failed) => Outcome::failed(failed.error.kind),
    }
}

fn of_read(outcome: ReadOutcome) -> Outcome {
    match outcome {
        ReadOutcome::Hit => Outcome::Hit,
        ReadOutcome::NegativeHit => Outcome::NegativeHit,
        ReadOutcome::Miss => Outcome::Miss,
        ReadOutcome::Bypassed => Outcome::Bypassed,
    }
}

#[cfg(test)]
mod tests;
