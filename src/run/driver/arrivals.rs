//! The arrivals of an open loop: the queue in which they wait for whichever of its clients is free.
//!
//! A free client takes the next arrival before it is due and waits for that moment, so that nobody has to hand arrivals
//! out. A client that begins an operation as the last free one has another join it while there is room, and leaves in
//! its turn when enough are free. Only when there is no more room does an arrival wait for an operation to end. A queue
//! and its clients live on one thread.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::rc::Rc;
use std::time::Duration;

use tokio::time::Instant;

use crate::load::workload::DueTimes;
use crate::measure::QueueUse;

/// An operation that is due.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Arrival {
    /// When it is due, from the start of its stage.
    pub due: Duration,
    /// Where it stands in the stream.
    pub place: StreamPlace,
}

/// The place of an operation in the stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StreamPlace {
    /// The client of the stream whose operation it is. Whoever carries it out, it is known by this client and its number.
    pub client: u64,
    /// Its number there.
    pub number: u64,
}

/// The operations of some clients of a stream, by turns.
#[derive(Debug, Clone)]
pub struct StreamPlaces {
    first: u64,
    step: u64,
    clients: u64,
    next: StreamPlace,
}

impl StreamPlaces {
    /// Those of every `step`th client from `first` on, of as many `clients` as the stream has.
    #[must_use]
    pub fn of_every(step: u64, first: u64, clients: u64) -> Self {
        Self { first, step, clients, next: StreamPlace { client: first, number: 0 } }
    }

    /// Those of one client.
    #[must_use]
    pub fn of_one(client: u64) -> Self {
        Self::of_every(1, client, client + 1)
    }

    /// The next operation.
    #[inline]
    pub fn take(&mut self) -> StreamPlace {
        let place = self.next;
        self.next.client += self.step;
        if self.next.client >= self.clients {
            self.next = StreamPlace { client: self.first, number: place.number + 1 };
        }
        place
    }
}

/// How many clients a queue has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClientLimits {
    /// As many stay free for what comes next.
    pub stay: u64,
    /// No more carry out an operation at once.
    pub most: u64,
}

/// A number that goes up and down, with its highest.
#[derive(Debug, Default)]
struct Gauge {
    now: Cell<u64>,
    highest: Cell<u64>,
}

impl Gauge {
    #[inline]
    fn rise(&self, by: u64) {
        let now = self.now.get() + by;
        self.now.set(now);
        self.highest.set(self.highest.get().max(now));
    }

    #[inline]
    fn fall(&self) {
        self.now.set(self.now.get().saturating_sub(1));
    }

    /// Returns the highest since the last time.
    fn take_highest(&self) -> u64 {
        self.highest.replace(self.now.get())
    }
}

#[derive(Debug, Default)]
struct Gauges {
    in_flight: Gauge,
    queued: Gauge,
}

/// The queues of one thread in one stage of a cell.
#[derive(Debug, Default)]
pub struct Queues {
    all: Vec<Rc<RefCell<ArrivalQueue>>>,
    gauges: Rc<Gauges>,
}

impl Queues {
    /// Adds a queue of the operations of `places`, which are due at these times.
    pub fn add(
        &mut self,
        dues: DueTimes,
        places: StreamPlaces,
        limits: ClientLimits,
    ) -> Rc<RefCell<ArrivalQueue>> {
        let queue = ArrivalQueue::new(dues, places, limits, Rc::clone(&self.gauges));
        let queue = Rc::new(RefCell::new(queue));
        self.all.push(Rc::clone(&queue));
        queue
    }

    /// Returns the most at once since the last time; `None` without queues, as in a closed loop.
    #[must_use]
    pub fn take_use(&self, now: Instant) -> Option<QueueUse> {
        for queue in &self.all {
            queue.borrow_mut().look(now);
        }
        let Gauges { in_flight, queued } = &*self.gauges;
        let highest = || QueueUse { in_flight: in_flight.take_highest(), queued: queued.take_highest() };
        (!self.all.is_empty()).then(highest)
    }
}

/// The arrivals of some clients together. See the module.
#[derive(Debug)]
pub struct ArrivalQueue {
    places: StreamPlaces,
    dues: DueTimes,
    /// When the first is due that has not been looked at.
    next: Option<Duration>,
    /// Those that were due while there was no room.
    waiting: VecDeque<Duration>,
    start: Option<Instant>,
    /// When there was room again, where there was none before.
    room_since: Option<Instant>,
    limits: ClientLimits,
    /// Clients that carry out no operation, those included that are about to join.
    free: u64,
    /// Clients that were told to join and have not entered yet.
    joining: u64,
    /// Clients that carry out an operation.
    busy: u64,
    gauges: Rc<Gauges>,
}

/// What a client does that has ended an operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NextStep {
    /// It takes another arrival.
    Goes,
    /// Enough others are free, and nothing waits for one.
    Leaves,
}

impl ArrivalQueue {
    fn new(mut dues: DueTimes, places: StreamPlaces, limits: ClientLimits, gauges: Rc<Gauges>) -> Self {
        let next = dues.next();
        let (waiting, start, room_since) = (VecDeque::new(), None, None);
        Self { places, dues, next, waiting, start, room_since, limits, free: 0, joining: 0, busy: 0, gauges }
    }

    /// A client takes part from now on, in a stage that began at `start`. Returns false where there are enough without it, as
    /// others joined while it was busy in the stage before; it leaves then.
    #[must_use]
    pub fn enter(&mut self, start: Instant, now: Instant) -> bool {
        // Before the first there was nobody, as all were busy in the stage before.
        if self.start.replace(start).is_none() {
            self.room_since = Some(start.max(now));
        }
        if self.joining > 0 {
            self.joining -= 1;
            return true;
        }
        let has_place = self.free + self.busy < self.limits.most;
        self.free += u64::from(has_place);
        has_place
    }

    /// When there was last no client for an operation: what is sent late from then on is sent late by hotset.
    #[inline]
    #[must_use]
    pub fn had_room_since(&self) -> Option<Instant> {
        self.room_since
    }

    /// The next operation of the stream, whenever it is due.
    #[inline]
    pub fn next_place(&mut self) -> StreamPlace {
        self.places.take()
    }

    /// Takes the next arrival that nobody has taken; none where none will come.
    #[inline]
    pub fn take(&mut self) -> Option<Arrival> {
        let due = match self.waiting.pop_front() {
            Some(due) => {
                self.gauges.queued.fall();
                due
            }
            None => self.advance()?,
        };
        Some(Arrival { due, place: self.next_place() })
    }

    #[inline]
    fn advance(&mut self) -> Option<Duration> {
        let due = self.next?;
        self.next = self.dues.next();
        Some(due)
    }

    /// A client begins the operation that it took. Returns true where another client is to join.
    #[inline]
    #[must_use]
    pub fn begin(&mut self) -> bool {
        self.free -= 1;
        self.busy += 1;
        self.gauges.in_flight.rise(1);
        let joins = self.free == 0 && self.busy < self.limits.most;
        if joins {
            self.free += 1;
            self.joining += 1;
        }
        joins
    }

    /// A client has ended its operation.
    #[inline]
    pub fn end(&mut self, done: Instant) -> NextStep {
        self.look(done);
        // What waits still has had no room until now, also where another has made some a moment ago.
        if self.is_full() || !self.waiting.is_empty() {
            self.room_since = Some(done);
        }
        self.busy -= 1;
        self.gauges.in_flight.fall();
        if self.free >= self.limits.stay && self.waiting.is_empty() {
            return NextStep::Leaves;
        }
        self.free += 1;
        NextStep::Goes
    }

    fn is_full(&self) -> bool {
        self.busy >= self.limits.most
    }

    /// Counts what has become due while there was no room for it.
    #[inline]
    fn look(&mut self, now: Instant) {
        let Some(start) = self.start.filter(|_| self.is_full()) else { return };
        let passed = now.saturating_duration_since(start);
        while self.next.is_some_and(|due| due <= passed)
            && let Some(due) = self.advance()
        {
            self.waiting.push_back(due);
            self.gauges.queued.rise(1);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU64;

    use super::*;
    use crate::load::workload::{Arrivals, Schedule};
    use crate::scenario::PositiveNumber;

    /// A queue of two clients' operations, one due each millisecond.
    fn queue(limits: ClientLimits) -> (Queues, Rc<RefCell<ArrivalQueue>>) {
        let schedule = Schedule::new(Arrivals::Constant, PositiveNumber(1_000.0), NonZeroU64::MIN, 3);
        let mut queues = Queues::default();
        let queue = queues.add(schedule.due_times(0), StreamPlaces::of_every(2, 1, 5), limits);
        (queues, queue)
    }

    fn millis(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    #[test]
    fn arrivals_come_in_the_order_in_which_they_are_due_and_are_the_operations_of_clients_by_turns() {
        let (_, queue) = queue(ClientLimits { stay: 1, most: 1 });
        let mut queue = queue.borrow_mut();
        let taken: Vec<_> = (0..5).filter_map(|_| queue.take()).collect();
        let expected = [(0, 1, 0), (1, 3, 0), (2, 1, 1), (3, 3, 1), (4, 1, 2)];
        let arrival =
            |(due, client, number)| Arrival { due: millis(due), place: StreamPlace { client, number } };
        assert_eq!(taken, expected.map(arrival));
    }

    #[test]
    fn as_long_as_there_is_room_somebody_is_free() {
        let start = Instant::now();
        let (_, queue) = queue(ClientLimits { stay: 2, most: 5 });
        let mut queue = queue.borrow_mut();
        assert!(queue.enter(start, start) && queue.enter(start, start));
        let joins: Vec<bool> = (0..5)
            .map(|_| {
                let joins = queue.begin();
                assert!(!joins || queue.enter(start, start));
                joins
            })
            .collect();
        assert_eq!(joins, [false, true, true, true, false], "the fifth fills the room");
        let done = start + Duration::from_micros(10);
        assert_eq!((queue.end(done), queue.had_room_since()), (NextStep::Goes, Some(done)));
        // What became due meanwhile is taken before the others end.
        assert!(queue.take().is_some());
        let ended: Vec<NextStep> = (0..4).map(|_| queue.end(start)).collect();
        assert_eq!(ended, [NextStep::Goes, NextStep::Leaves, NextStep::Leaves, NextStep::Leaves]);
    }

    #[test]
    fn nobody_leaves_while_something_waits_for_a_client() {
        let start = Instant::now();
        let (_, queue) = queue(ClientLimits { stay: 1, most: 3 });
        let mut queue = queue.borrow_mut();
        assert!(queue.enter(start, start));
        for _ in 0..3 {
            assert!(!queue.begin() || queue.enter(start, start));
        }
        // Five are due by then, while all three are busy.
        let done = start + millis(4);
        let ended: Vec<NextStep> = (0..3).map(|_| queue.end(done)).collect();
        assert_eq!(ended, [NextStep::Goes; 3], "each takes one of those that wait");
        assert_eq!(queue.had_room_since(), Some(done), "and none of them was sent late by hotset");
    }

    #[test]
    fn who_comes_out_of_the_stage_before_when_others_have_its_place_leaves() {
        let start = Instant::now();
        let (_, queue) = queue(ClientLimits { stay: 2, most: 2 });
        let mut queue = queue.borrow_mut();
        // The first comes late: until then there was nobody.
        let late = start + millis(3);
        assert!(queue.enter(start, late));
        assert_eq!(queue.had_room_since(), Some(late));
        assert!(queue.begin(), "another joins, as only one is here");
        assert!(queue.enter(start, late) && !queue.begin());
        assert!(!queue.enter(start, late + millis(1)), "two are busy, and no more may be");
    }

    #[test]
    fn what_is_due_while_there_is_no_room_waits_in_order_and_is_counted() {
        let start = Instant::now();
        let (queues, queue) = queue(ClientLimits { stay: 1, most: 1 });
        assert!(queue.borrow_mut().enter(start, start));
        let first = queue.borrow_mut().take().unwrap();
        assert!(!queue.borrow_mut().begin());
        assert_eq!(queues.take_use(start + millis(3)), Some(QueueUse { in_flight: 1, queued: 3 }));
        assert_eq!(queue.borrow_mut().end(start + millis(5)), NextStep::Goes);
        assert_eq!(queue.borrow().had_room_since(), Some(start + millis(5)));
        let next: Vec<Duration> =
            (0..6).filter_map(|_| queue.borrow_mut().take()).map(|arrival| arrival.due).collect();
        assert_eq!((first.due, next), (millis(0), [1, 2, 3, 4, 5, 6].map(millis).to_vec()));
        assert_eq!(queues.take_use(start + millis(6)), Some(QueueUse { in_flight: 1, queued: 5 }));
        assert_eq!(queues.take_use(start + millis(9)), Some(QueueUse::default()), "nobody is busy any more");
    }

    #[test]
    fn without_queues_nothing_is_said_of_them() {
        assert_eq!(Queues::default().take_use(Instant::now()), None);
    }
}
