//! One client: a virtual user that issues its operations one after another.
//!
//! Response time counts from when an operation was *due*. In a closed loop that is the moment the
//! client became free. In an open loop it is what the arrival schedule says, whether or not the client
//! was still busy then: nothing is skipped, and waiting counts.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;

use tokio::time::Instant;

use super::control::{self, Control, Stage};
use super::touched::Touched;
use crate::application::{Answer, Application};
use crate::clock;
use crate::measure::{Outcome, Recorder};
use crate::store::StoreError;
use crate::strategy::ReadOutcome;
use crate::workload::{Operation, OperationStream, Schedule};

/// No more clients than this fill the cache before an open loop: enough to keep the stores busy, and not
/// so many that they do nothing but queue.
const FILLING_CLIENTS: u32 = 64;

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
    for (number, offset) in (0..).zip(schedule.due_times(client.into())) {
        let due = start + offset;
        if due >= end {
            return;
        }
        clock::sleep_until(due).await;
        if shared.control.is_stopped() {
            return;
        }
        let operation = shared.measure.operation(client.into(), number);
        let sent = clock::now();
        let answer = perform(client, &operation, shared).await;
        let done = record(shared, &operation, due, sent, answer.as_ref());
        shared.recorder.borrow_mut().note_wakeup(due.max(free).into_std(), sent.into_std());
        free = done;
    }
}

async fn perform<A: Application>(
    client: u32,
    operation: &Operation,
    shared: &Shared<A>,
) -> Result<Answer, StoreError> {
    if operation.kind == crate::application::catalog::WRITE {
        shared.touched.mark(operation.key);
    }
    let answer = shared.application.perform(client, operation).await;
    // A store inside this process answers without ever waiting; the other clients and the end of
    // the window have to get their turn all the same.
    tokio::task::coop::consume_budget().await;
    answer
}

/// Records an operation and returns when it was done.
fn record<A>(
    shared: &Shared<A>,
    operation: &Operation,
    due: Instant,
    sent: Instant,
    answer: Result<&Answer, &StoreError>,
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
        Err(error) => Outcome::failed(error.kind),
    };
    recorder.record(operation.kind, outcome, due.into_std(), sent.into_std(), done.into_std());
    done
}
