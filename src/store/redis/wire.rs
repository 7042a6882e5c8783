//! One connection that carries the requests of many clients at once, made for driving load.
//!
//! A request appends its bytes to a buffer and leaves a slot for its answer. One task, on the runtime of whoever
//! connected, writes what has gathered in one go, reads what has come, and hands the answers out in the order of the
//! requests, as the protocol promises. So a thread's load crosses no channel and no other thread, and one timer serves
//! all requests.

use std::collections::VecDeque;
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use bytes::BytesMut;
use parking_lot::{Mutex, MutexGuard};
use redis::{Cmd, RedisError};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::{Instant, Sleep};
use tokio_util::io::poll_read_buf;

use super::reply::{self, Reply};

/// How much is read at once at most, and how much a buffer keeps once it has grown.
const BUFFER: usize = 64 << 10;
/// How often the task reads before it lets others run.
const READS_IN_A_ROW: usize = 4;

/// A request as it goes to a server.
pub(super) trait Pack: Sync {
    /// Appends its bytes.
    fn pack(&self, out: &mut Vec<u8>);

    /// How many answers come before the one that is waited for.
    fn ignored_answers(&self) -> usize {
        0
    }
}

impl Pack for Cmd {
    fn pack(&self, out: &mut Vec<u8>) {
        self.write_packed_command(out);
    }
}

/// A connection. When it is dropped, it is closed.
pub(super) struct Wire {
    shared: Arc<Mutex<Shared>>,
}

/// What those who ask and the task that serves them share.
struct Shared {
    /// The requests that the task has not taken yet.
    outgoing: Vec<u8>,
    slots: Vec<Slot>,
    /// The slots that are free.
    free: Vec<usize>,
    /// The slots of all answers to come, in their order; `None` if the answer is to be thrown away, since its request is
    /// out of time or nobody waits for it.
    unanswered: VecDeque<Option<usize>>,
    /// How many of the last of these have no deadline yet.
    undated: usize,
    /// Wakes the task; `None` if it has been woken already.
    task: Option<Waker>,
    /// The error by which the connection ended.
    ended: Option<RedisError>,
    /// True if nobody can ask any more.
    is_dropped: bool,
}

/// The place of one answer.
enum Slot {
    Free,
    Waiting(Option<Waker>),
    Answered(Result<Reply, RedisError>),
    /// Whoever asked waits no more.
    Abandoned,
}

impl Shared {
    fn new_slot(&mut self) -> usize {
        let waiting = Slot::Waiting(None);
        if let Some(slot) = self.free.pop() {
            self.slots[slot] = waiting;
            return slot;
        }
        self.slots.push(waiting);
        self.slots.len() - 1
    }

    fn release(&mut self, slot: usize) {
        self.slots[slot] = Slot::Free;
        self.free.push(slot);
    }

    /// Leaves an answer for whoever asked; returns what wakes them.
    #[must_use]
    fn answer(&mut self, slot: usize, answer: Result<Reply, RedisError>) -> Option<Waker> {
        match std::mem::replace(&mut self.slots[slot], Slot::Answered(answer)) {
            Slot::Waiting(waker) => waker,
            Slot::Abandoned | Slot::Answered(_) | Slot::Free => {
                self.release(slot);
                None
            }
        }
    }

    /// Ends the connection: whoever waits gets the error, as does whoever asks from now on. Returns what wakes them.
    #[must_use]
    fn end(&mut self, error: &RedisError) -> Vec<Waker> {
        if self.ended.is_some() {
            return Vec::new();
        }
        self.ended = Some(error.clone());
        let unanswered = std::mem::take(&mut self.unanswered);
        unanswered.into_iter().flatten().filter_map(|slot| self.answer(slot, Err(error.clone()))).collect()
    }
}

impl Wire {
    /// Carries requests over a stream, from the caller's runtime. An answer that is not there within `timeout` is an
    /// error, and disturbs none of the others.
    pub(super) fn over(
        stream: impl AsyncRead + AsyncWrite + Send + Unpin + 'static,
        timeout: Duration,
    ) -> Self {
        let shared = Arc::new(Mutex::new(Shared {
            outgoing: Vec::new(),
            slots: Vec::new(),
            free: Vec::new(),
            unanswered: VecDeque::new(),
            undated: 0,
            task: None,
            ended: None,
            is_dropped: false,
        }));
        tokio::spawn(Serving {
            shared: Arc::clone(&shared),
            stream,
            timeout,
            writing: Vec::new(),
            written: 0,
            read: BytesMut::new(),
            deadlines: Deadlines::default(),
            wakers: Vec::new(),
        });
        Self { shared }
    }

    /// Sends a request, and returns the wait for its answer. The request is on its way even if nobody waits.
    ///
    /// # Errors
    /// Returns the error by which the connection ended, if it did; nothing is sent then.
    pub(super) fn send(&self, request: &(impl Pack + ?Sized)) -> Result<PendingReply, RedisError> {
        let mut shared = self.shared.lock();
        if let Some(error) = &shared.ended {
            return Err(error.clone());
        }
        request.pack(&mut shared.outgoing);
        for _ in 0..request.ignored_answers() {
            shared.unanswered.push_back(None);
            shared.undated += 1;
        }
        let slot = shared.new_slot();
        shared.unanswered.push_back(Some(slot));
        shared.undated += 1;
        wake(shared);
        Ok(PendingReply { shared: Arc::clone(&self.shared), slot: Some(slot) })
    }
}

impl Drop for Wire {
    fn drop(&mut self) {
        let mut shared = self.shared.lock();
        shared.is_dropped = true;
        wake(shared);
    }
}

/// Wakes the task, after the lock is open: a waker may run code that takes it again.
fn wake(mut shared: MutexGuard<'_, Shared>) {
    let task = shared.task.take();
    drop(shared);
    if let Some(task) = task {
        task.wake();
    }
}

/// The wait for one answer. It may be dropped at any time; the request is carried out all the same.
#[must_use = "whoever does not wait does not learn the answer"]
pub(super) struct PendingReply {
    shared: Arc<Mutex<Shared>>,
    /// `None` once the answer was taken.
    slot: Option<usize>,
}

impl Future for PendingReply {
    type Output = Result<Reply, RedisError>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        let Some(slot) = this.slot else { return Poll::Pending };
        let mut shared = this.shared.lock();
        if let Slot::Waiting(waker) = &mut shared.slots[slot] {
            match waker {
                Some(waker) => waker.clone_from(context.waker()),
                None => *waker = Some(context.waker().clone()),
            }
            return Poll::Pending;
        }
        let Slot::Answered(answer) = std::mem::replace(&mut shared.slots[slot], Slot::Free) else {
            return Poll::Pending;
        };
        shared.free.push(slot);
        this.slot = None;
        Poll::Ready(answer)
    }
}

impl Drop for PendingReply {
    fn drop(&mut self) {
        let Some(slot) = self.slot else { return };
        let mut shared = self.shared.lock();
        match &mut shared.slots[slot] {
            waiting @ Slot::Waiting(_) => *waiting = Slot::Abandoned,
            _ => shared.release(slot),
        }
    }
}

/// The deadlines of the requests without an answer. All that were taken up in one turn have one deadline.
#[derive(Default)]
struct Deadlines {
    /// How many of the first requests are out of time already.
    passed: usize,
    /// How many of those behind them share each deadline.
    groups: VecDeque<(usize, Instant)>,
    /// Fires at a deadline that was the first when it was set.
    timer: Option<Pin<Box<Sleep>>>,
    is_set: bool,
}

impl Deadlines {
    fn add(&mut self, requests: usize, deadline: Instant) {
        self.groups.push_back((requests, deadline));
    }

    /// Takes the first request off, since its answer is there.
    fn answered(&mut self) {
        if self.passed > 0 {
            self.passed -= 1;
        } else if let Some((requests, _)) = self.groups.front_mut() {
            *requests -= 1;
            if *requests == 0 {
                self.groups.pop_front();
            }
        }
    }

    /// Returns the places, among the requests without an answer, of those that have just run out of time, once there
    /// are any; otherwise has the task woken when there may be.
    fn poll_passed(&mut self, context: &mut Context<'_>) -> Option<std::ops::Range<usize>> {
        loop {
            if !self.is_set {
                let (_, deadline) = *self.groups.front()?;
                match &mut self.timer {
                    Some(timer) => timer.as_mut().reset(deadline),
                    None => self.timer = Some(Box::pin(tokio::time::sleep_until(deadline))),
                }
                self.is_set = true;
            }
            let timer = self.timer.as_mut()?;
            if timer.as_mut().poll(context).is_pending() {
                return None;
            }
            self.is_set = false;
            let (first, now) = (self.passed, Instant::now());
            while let Some((requests, _)) = self.groups.pop_front_if(|(_, deadline)| *deadline <= now) {
                self.passed += requests;
            }
            if self.passed > first {
                return Some(first..self.passed);
            }
        }
    }
}

/// The task that serves a connection.
struct Serving<S> {
    shared: Arc<Mutex<Shared>>,
    stream: S,
    timeout: Duration,
    /// The requests that are being written, and how much of them has been.
    writing: Vec<u8>,
    written: usize,
    read: BytesMut,
    deadlines: Deadlines,
    /// Those who have an answer now and are to be woken.
    wakers: Vec<Waker>,
}

impl<S> Serving<S> {
    fn end(&mut self, error: &RedisError) {
        let ended = self.shared.lock().end(error);
        self.wakers.drain(..).chain(ended).for_each(Waker::wake);
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Serving<S> {
    /// Reads what has come and hands it out.
    fn poll_answers(&mut self, context: &mut Context<'_>) -> Result<(), RedisError> {
        for _ in 0..READS_IN_A_ROW {
            if self.read.capacity() - self.read.len() < BUFFER / 4 {
                self.read.reserve(BUFFER);
            }
            match poll_read_buf(Pin::new(&mut self.stream), context, &mut self.read)? {
                Poll::Pending => return Ok(()),
                Poll::Ready(0) => return Err(io::Error::from(io::ErrorKind::UnexpectedEof).into()),
                Poll::Ready(_) => {}
            }
            let mut shared = self.shared.lock();
            while let Some(answer) = reply::take(&mut self.read)? {
                let Some(slot) = shared.unanswered.pop_front() else {
                    let why = "the server answered what nobody had asked";
                    return Err((redis::ErrorKind::Parse, why).into());
                };
                self.deadlines.answered();
                self.wakers.extend(slot.and_then(|slot| shared.answer(slot, answer)));
            }
            drop(shared);
            self.wakers.drain(..).for_each(Waker::wake);
        }
        context.waker().wake_by_ref();
        Ok(())
    }

    /// Writes what has gathered.
    fn poll_requests(&mut self, context: &mut Context<'_>) -> Result<(), RedisError> {
        loop {
            if self.written == self.writing.len() && !self.take_up() {
                break;
            }
            match Pin::new(&mut self.stream).poll_write(context, &self.writing[self.written..])? {
                Poll::Ready(0) => return Err(io::Error::from(io::ErrorKind::WriteZero).into()),
                Poll::Ready(written) => self.written += written,
                Poll::Pending => return Ok(()),
            }
        }
        // A stream that encrypts keeps some of it until it is told to pass it on.
        if let Poll::Ready(flushed) = Pin::new(&mut self.stream).poll_flush(context) {
            flushed?;
        }
        Ok(())
    }

    /// Takes up the requests that have gathered; returns false if there are none.
    fn take_up(&mut self) -> bool {
        self.writing.clear();
        self.writing.shrink_to(BUFFER);
        self.written = 0;
        let mut shared = self.shared.lock();
        std::mem::swap(&mut shared.outgoing, &mut self.writing);
        drop(shared);
        !self.writing.is_empty()
    }

    /// Gives the requests that are new their deadline, and asks to be woken for the next; returns false if there will
    /// be no more.
    fn note_requests(&mut self, context: &mut Context<'_>) -> bool {
        let mut shared = self.shared.lock();
        if shared.is_dropped {
            return false;
        }
        if shared.undated > 0 {
            self.deadlines.add(std::mem::take(&mut shared.undated), Instant::now() + self.timeout);
        }
        match &mut shared.task {
            Some(task) => task.clone_from(context.waker()),
            None => shared.task = Some(context.waker().clone()),
        }
        true
    }

    fn turn(&mut self, context: &mut Context<'_>) -> Result<(), RedisError> {
        self.poll_answers(context)?;
        self.poll_requests(context)?;
        if let Some(passed) = self.deadlines.poll_passed(context) {
            let mut shared = self.shared.lock();
            for place in passed {
                let slot = shared.unanswered.get_mut(place).and_then(Option::take);
                let too_late = || Err(io::Error::from(io::ErrorKind::TimedOut).into());
                self.wakers.extend(slot.and_then(|slot| shared.answer(slot, too_late())));
            }
            drop(shared);
            self.wakers.drain(..).for_each(Waker::wake);
            // Has the timer set for the next deadline.
            context.waker().wake_by_ref();
        }
        Ok(())
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Future for Serving<S> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let this = &mut *self;
        if !this.note_requests(context) {
            return Poll::Ready(());
        }
        match this.turn(context) {
            Ok(()) => Poll::Pending,
            Err(error) => {
                this.end(&error);
                Poll::Ready(())
            }
        }
    }
}

impl<S> Drop for Serving<S> {
    /// A runtime that ends drops its tasks; nobody may wait for this one then.
    fn drop(&mut self) {
        self.end(&io::Error::from(io::ErrorKind::BrokenPipe).into());
    }
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroUsize;

    use bytes::Buf as _;
    use proptest::prelude::*;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream};

    use super::*;
    use crate::store::ErrorKind;
    use crate::store::redis::kind_of;

    const TIMEOUT: Duration = Duration::from_millis(500);

    /// A connection to a server that the test plays itself.
    fn wire() -> (Wire, DuplexStream) {
        let (ours, theirs) = tokio::io::duplex(1 << 20);
        (Wire::over(ours, TIMEOUT), theirs)
    }

    fn echo(text: &str) -> Cmd {
        let mut command = redis::cmd("ECHO");
        command.arg(text);
        command
    }

    fn bulk(text: &str) -> Vec<u8> {
        format!("${}\r\n{text}\r\n", text.len()).into_bytes()
    }

    fn text(answer: Result<Reply, RedisError>) -> String {
        match answer {
            Ok(Reply::Bulk(bytes)) => String::from_utf8(bytes.to_vec()).unwrap(),
            other => panic!("{other:?} is no text"),
        }
    }

    fn kind(answer: Result<Reply, RedisError>) -> ErrorKind {
        kind_of(&answer.unwrap_err())
    }

    /// Reads `count` requests, and returns what each of them wants to have echoed.
    async fn asked(server: &mut DuplexStream, count: usize) -> Vec<String> {
        let (mut read, mut asked) = (BytesMut::new(), Vec::new());
        while asked.len() < count {
            if let Some(Ok(Reply::Other(redis::Value::Array(words)))) = reply::take(&mut read).unwrap() {
                let redis::Value::BulkString(text) = &words[1] else { panic!("{words:?} is no ECHO") };
                asked.push(String::from_utf8(text.clone()).unwrap());
                continue;
            }
            assert_ne!(server.read_buf(&mut read).await.unwrap(), 0, "the connection ended");
        }
        assert!(read.is_empty());
        asked
    }

    #[tokio::test(start_paused = true)]
    async fn requests_are_written_together_and_each_gets_its_own_answer() {
        let (wire, mut server) = wire();
        let waits: Vec<_> = ["a", "b", "c"].iter().map(|text| wire.send(&echo(text)).unwrap()).collect();
        assert_eq!(asked(&mut server, 3).await, ["a", "b", "c"]);
        server.write_all(&[bulk("a"), bulk("b"), bulk("c")].concat()).await.unwrap();
        // They may be waited for in any order.
        for (wait, expected) in waits.into_iter().zip(["a", "b", "c"]).rev() {
            assert_eq!(text(wait.await), expected);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_request_out_of_time_costs_those_behind_it_nothing() {
        let (wire, mut server) = wire();
        let late = wire.send(&echo("late")).unwrap();
        tokio::time::sleep(TIMEOUT / 2).await;
        let behind = wire.send(&echo("behind")).unwrap();
        let started = Instant::now();
        assert_eq!(kind(late.await), ErrorKind::Timeout);
        assert_eq!(started.elapsed(), TIMEOUT / 2);
        let after = wire.send(&echo("after")).unwrap();
        server.write_all(&[bulk("late"), bulk("behind"), bulk("after")].concat()).await.unwrap();
        assert_eq!((text(behind.await), text(after.await)), ("behind".into(), "after".into()));
    }

    #[tokio::test(start_paused = true)]
    async fn each_request_has_its_whole_time_however_long_the_connection_was_idle() {
        let (wire, _server) = wire();
        for _ in 0..3 {
            tokio::time::sleep(TIMEOUT * 10).await;
            let started = Instant::now();
            assert_eq!(kind(wire.send(&echo("a")).unwrap().await), ErrorKind::Timeout);
            assert_eq!(started.elapsed(), TIMEOUT);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn half_an_answer_is_waited_for() {
        let (wire, mut server) = wire();
        let wait = wire.send(&echo("whole")).unwrap();
        let (first, rest) = (&bulk("whole")[..6], &bulk("whole")[6..]);
        server.write_all(first).await.unwrap();
        tokio::time::sleep(TIMEOUT / 2).await;
        server.write_all(rest).await.unwrap();
        assert_eq!(text(wait.await), "whole");
    }

    #[tokio::test(start_paused = true)]
    async fn a_connection_that_ends_in_the_middle_of_an_answer_fails_all_that_wait_and_all_that_come() {
        let (wire, mut server) = wire();
        let waits: Vec<_> = ["a", "b"].iter().map(|text| wire.send(&echo(text)).unwrap()).collect();
        server.write_all(&bulk("a")[..5]).await.unwrap();
        drop(server);
        for wait in waits {
            assert_eq!(kind(wait.await), ErrorKind::Connection);
        }
        assert_eq!(wire.send(&echo("c")).err().map(|error| kind_of(&error)), Some(ErrorKind::Connection));
    }

    #[tokio::test(start_paused = true)]
    async fn an_answer_out_of_protocol_is_an_error_and_nobodys_answer() {
        let (wire, mut server) = wire();
        let waits: Vec<_> = ["a", "b", "c"].iter().map(|text| wire.send(&echo(text)).unwrap()).collect();
        server.write_all(&[bulk("a"), b"HTTP/1.1 400\r\n".to_vec(), bulk("c")].concat()).await.unwrap();
        let mut answers = Vec::new();
        for wait in waits {
            answers.push(wait.await.map_err(|error| kind_of(&error)));
        }
        assert_eq!(text(Ok(answers.remove(0).unwrap())), "a");
        assert_eq!(answers, [Err(ErrorKind::Connection), Err(ErrorKind::Connection)]);
    }

    #[tokio::test(start_paused = true)]
    async fn an_answer_that_nobody_asked_for_ends_the_connection() {
        let (wire, mut server) = wire();
        server.write_all(&bulk("unasked")).await.unwrap();
        tokio::task::yield_now().await;
        tokio::task::yield_now().await;
        assert!(wire.send(&echo("a")).is_err());
    }

    #[tokio::test(start_paused = true)]
    async fn a_wait_that_is_given_up_leaves_the_others_their_answers_and_its_place_to_the_next() {
        let (wire, mut server) = wire();
        drop(wire.send(&echo("given up")).unwrap());
        let kept = wire.send(&echo("kept")).unwrap();
        assert_eq!(asked(&mut server, 2).await, ["given up", "kept"]);
        server.write_all(&[bulk("given up"), bulk("kept")].concat()).await.unwrap();
        assert_eq!(text(kept.await), "kept");
        let next = wire.send(&echo("next")).unwrap();
        server.write_all(&bulk("next")).await.unwrap();
        assert_eq!(text(next.await), "next");
        assert_eq!(wire.shared.lock().slots.len(), 2, "slots are used again");
    }

    #[tokio::test(start_paused = true)]
    async fn the_connection_is_closed_when_nobody_has_it_any_more() {
        let (wire, mut server) = wire();
        drop(wire);
        assert_eq!(server.read_u8().await.unwrap_err().kind(), io::ErrorKind::UnexpectedEof);
    }

    #[test]
    fn a_runtime_that_ends_leaves_nobody_waiting() {
        let runtime = || tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let (first, second) = (runtime(), runtime());
        let (wire, _server) = first.block_on(async { wire() });
        let wait = wire.send(&echo("a")).unwrap();
        drop(first);
        assert_eq!(kind(second.block_on(wait)), ErrorKind::Connection);
    }

    /// What a client or the server does next.
    #[derive(Debug, Clone)]
    enum Step {
        Ask,
        GiveUp(prop::sample::Index),
        Pass(Duration),
        Answer(NonZeroUsize),
        Take(prop::sample::Index),
    }

    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![
            4 => Just(Step::Ask),
            1 => any::<prop::sample::Index>().prop_map(Step::GiveUp),
            1 => (1_u64..400).prop_map(|millis| Step::Pass(Duration::from_millis(millis))),
            4 => (1_usize..60).prop_map(|bytes| Step::Answer(bytes.try_into().unwrap())),
            2 => any::<prop::sample::Index>().prop_map(Step::Take),
        ]
    }

    proptest! {
        #[test]
        fn whatever_happens_a_request_gets_its_own_answer_or_an_error(
            steps in prop::collection::vec(step(), 1..80),
            broken_at in prop::option::of(0_usize..400),
        ) {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all().start_paused(true).build().unwrap();
            runtime.block_on(follow(steps, broken_at));
        }
    }

    /// Follows the steps with a server that answers as many bytes at a time as they say, and breaks off, in the middle
    /// of whatever it is saying, after `broken_at` bytes.
    async fn follow(steps: Vec<Step>, broken_at: Option<usize>) {
        let (wire, server) = wire();
        let (mut server, mut waits) = (Some(server), Vec::new());
        let (mut to_say, mut said, mut number) = (BytesMut::new(), 0, 0);
        for step in steps {
            match step {
                Step::Ask => {
                    let name = format!("{number}");
                    number += 1;
                    let Ok(wait) = wire.send(&echo(&name)) else { continue };
                    to_say.extend_from_slice(&bulk(&name));
                    waits.push((name, wait));
                }
                Step::GiveUp(which) if !waits.is_empty() => drop(waits.swap_remove(which.index(waits.len()))),
                Step::Take(which) if !waits.is_empty() => {
                    let (name, wait) = waits.swap_remove(which.index(waits.len()));
                    // It ends by itself, since there is a timeout.
                    if let Ok(answer) = wait.await {
                        assert_eq!(text(Ok(answer)), name);
                    }
                }
                Step::GiveUp(_) | Step::Take(_) => {}
                Step::Pass(time) => tokio::time::sleep(time).await,
                Step::Answer(bytes) => {
                    let bytes = bytes.get().min(to_say.len());
                    said += bytes;
                    if let Some(open) = &mut server {
                        open.write_all(&to_say[..bytes]).await.unwrap();
                    }
                    to_say.advance(bytes);
                    if broken_at.is_some_and(|at| said >= at) {
                        server = None;
                    }
                }
            }
        }
        for (name, wait) in waits {
            if let Ok(answer) = wait.await {
                assert_eq!(text(Ok(answer)), name);
            }
        }
    }
}
