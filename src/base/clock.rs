//! The time, and timers finer than the millisecond that the runtime's own step by.
//!
//! A thread that runs a current-thread runtime calls [`install_fine_timer`] once. From then on
//! [`sleep_until`] on that thread waits on a kernel timer (`timerfd`), which wakes the runtime
//! within tens of microseconds and costs no CPU while it waits. On any other thread, and so under
//! a test's paused clock too, it is the runtime's own timer.
//!
//! Such a thread can also tell cheaply whether a moment that is not near [has passed](has_passed), by the kernel's
//! coarse clock.

#[cfg(target_os = "linux")]
mod coarse;

use std::cell::RefCell;
use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, LazyLock};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, SystemTime};

use parking_lot::Mutex;
pub use tokio::time::Instant;

/// The time now, on the clock that a test may pause.
#[must_use]
pub fn now() -> Instant {
    Instant::now()
}

/// Returns true if a moment has passed, as `moment <= now()` says. A thread with a fine timer need not
/// read the precise clock for that, unless the moment has only just passed or is less than about a
/// second ahead.
#[inline]
#[must_use]
pub fn has_passed(moment: Instant) -> bool {
    #[cfg(target_os = "linux")]
    if let Some(has_passed) = coarse::has_passed(moment) {
        return has_passed;
    }
    moment <= now()
}

/// The time to the second, as UTC in ISO 8601.
#[must_use]
pub fn now_utc() -> String {
    jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

/// Milliseconds since 1970, on the clock that a test may pause. Instances on several machines agree on it
/// as far as their clocks do.
#[must_use]
pub fn unix_millis() -> u64 {
    unix_micros() / 1000
}

/// Microseconds since 1970, by a clock that never goes back.
#[must_use]
pub fn unix_micros() -> u64 {
    static START: LazyLock<(SystemTime, std::time::Instant)> =
        LazyLock::new(|| (SystemTime::now(), std::time::Instant::now()));
    let (system, instant) = *START;
    let since = now().into_std().saturating_duration_since(instant);
    let unix = system.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default() + since;
    u64::try_from(unix.as_micros()).unwrap_or(u64::MAX)
}

/// Waits for a while, see [`sleep_until`].
pub fn sleep(duration: Duration) -> Sleep {
    sleep_until(now() + duration)
}

/// Waits until a moment: never less, and on a thread with a fine timer tens of microseconds more.
pub fn sleep_until(deadline: Instant) -> Sleep {
    Sleep { deadline, timer: Timer::Unset }
}

/// The future that [`sleep_until`] returns. It may be polled on any thread and dropped at any time.
#[derive(Debug)]
#[must_use = "a sleep that is not awaited does nothing"]
pub struct Sleep {
    deadline: Instant,
    timer: Timer,
}

#[derive(Debug)]
enum Timer {
    Unset,
    Fine(Arc<Alarm>),
    Coarse(Pin<Box<tokio::time::Sleep>>),
}

/// One entry of a thread's heap, shared with the future that waits for it.
#[derive(Debug)]
struct Alarm {
    state: AtomicU8,
    waker: Mutex<Option<Waker>>,
}

const WAITING: u8 = 0;
const CANCELLED: u8 = 1;
/// The thread that held the alarm has ended: whoever still waits must set another.
const ORPHANED: u8 = 2;

impl Alarm {
    fn is_waiting(&self) -> bool {
        self.state.load(Ordering::Acquire) == WAITING
    }

    fn wake(&self) {
        // Taken before it is woken: a waker may run code that takes this lock again.
        let waker = self.waker.lock().take();
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}

impl Future for Sleep {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        if let Timer::Coarse(sleep) = &mut self.timer {
            return sleep.as_mut().poll(context);
        }
        if now() >= self.deadline {
            return Poll::Ready(());
        }
        if let Timer::Fine(alarm) = &self.timer {
            *alarm.waker.lock() = Some(context.waker().clone());
            // Read after the waker is in place, so that an end of the thread between is not missed.
            if alarm.is_waiting() {
                // The heap may have let go of the alarm a moment ago, before the waker stood there.
                return if now() >= self.deadline { Poll::Ready(()) } else { Poll::Pending };
            }
        }
        if let Some(alarm) = fine::set(self.deadline, context.waker()) {
            self.timer = Timer::Fine(alarm);
            return Poll::Pending;
        }
        let mut sleep = Box::pin(tokio::time::sleep_until(self.deadline));
        let poll = sleep.as_mut().poll(context);
        self.timer = Timer::Coarse(sleep);
        poll
    }
}

impl Drop for Sleep {
    fn drop(&mut self) {
        if let Timer::Fine(alarm) = &self.timer {
            alarm.state.store(CANCELLED, Ordering::Release);
            // The waker keeps its task alive, and the heap keeps the alarm until its time has come.
            alarm.waker.lock().take();
        }
    }
}

/// The alarms of one thread, the earliest first.
#[derive(Default)]
struct Alarms {
    heap: BinaryHeap<Reverse<Entry>>,
    /// The size at which the heap is next rid of the alarms that nobody waits for any more.
    sweep_at: usize,
}

struct Entry {
    deadline: Instant,
    alarm: Arc<Alarm>,
}

impl PartialEq for Entry {
    fn eq(&self, other: &Self) -> bool {
        self.deadline == other.deadline
    }
}
impl Eq for Entry {}
impl PartialOrd for Entry {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}
impl Ord for Entry {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.deadline.cmp(&other.deadline)
    }
}

impl Alarms {
    fn push(&mut self, deadline: Instant, waker: &Waker) -> Arc<Alarm> {
        // Sweeping when the heap has doubled costs each alarm a constant share and bounds the heap by twice
        // the alarms that are waited for.
        if self.heap.len() >= self.sweep_at.max(64) {
            self.heap.retain(|Reverse(entry)| entry.alarm.is_waiting());
            self.sweep_at = self.heap.len() * 2;
        }
        let alarm = Arc::new(Alarm { state: AtomicU8::new(WAITING), waker: Mutex::new(Some(waker.clone())) });
        self.heap.push(Reverse(Entry { deadline, alarm: Arc::clone(&alarm) }));
        alarm
    }

    fn pop_due(&mut self, now: Instant) -> Option<Arc<Alarm>> {
        if self.heap.peek()?.0.deadline > now {
            return None;
        }
        self.heap.pop().map(|Reverse(entry)| entry.alarm)
    }

    fn earliest(&self) -> Option<Instant> {
        self.heap.peek().map(|Reverse(entry)| entry.deadline)
    }

    fn orphan(&mut self) {
        for Reverse(entry) in self.heap.drain() {
            let state = &entry.alarm.state;
            let _ = state.compare_exchange(WAITING, ORPHANED, Ordering::AcqRel, Ordering::Relaxed);
            entry.alarm.wake();
        }
    }
}

/// Gives the calling thread a fine timer and a cheap [`has_passed`], driven by the runtime that runs on it. To be called
/// inside a current-thread runtime, and not by a test that pauses its clock; a second call changes nothing. Where the
/// system has no such timer, or in a runtime of another flavour, sleeps stay as coarse as the runtime's own.
///
/// # Errors
/// The system refused another file descriptor.
pub fn install_fine_timer() -> std::io::Result<()> {
    fine::install()
}

#[cfg(target_os = "linux")]
mod fine {
    use super::{Alarm, Alarms, Arc, Duration, Instant, RefCell, Waker, now};
    use rustix::time::{
        Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, timerfd_create,
        timerfd_settime,
    };
    use std::os::fd::OwnedFd;
    use tokio::io::Interest;
    use tokio::io::unix::AsyncFd;
    use tokio::runtime::{Handle, RuntimeFlavor};

    thread_local! {
        static TIMER: RefCell<Option<ThreadTimer>> = const { RefCell::new(None) };
    }

    struct ThreadTimer {
        alarms: Alarms,
        /// When the kernel's timer goes off; `None` while it is not set.
        armed: Option<Instant>,
        descriptor: Arc<AsyncFd<OwnedFd>>,
    }

    impl ThreadTimer {
        fn arm(&mut self) {
            let Some(deadline) = self.alarms.earliest() else { return };
            if self.armed == Some(deadline) {
                return;
            }
            // Zero would disarm the timer.
            let wait = deadline.saturating_duration_since(now()).max(Duration::from_nanos(1));
            let value = Itimerspec {
                it_interval: Timespec { tv_sec: 0, tv_nsec: 0 },
                it_value: Timespec {
                    tv_sec: i64::try_from(wait.as_secs()).unwrap_or(i64::MAX),
                    tv_nsec: i64::from(wait.subsec_nanos()),
                },
            };
            let set = timerfd_settime(self.descriptor.get_ref(), TimerfdTimerFlags::empty(), &value);
            // A timer of one's own with a valid time is not refused; were it so, the next alarm tries again.
            self.armed = set.is_ok().then_some(deadline);
        }

        fn take_due(&mut self) -> Vec<Arc<Alarm>> {
            self.armed = None;
            let now = now();
            let due = std::iter::from_fn(|| self.alarms.pop_due(now)).collect();
            self.arm();
            due
        }
    }

    /// Takes the thread's timer away when the runtime drops the task that drives it.
    struct Uninstall;

    impl Drop for Uninstall {
        fn drop(&mut self) {
            let timer = TIMER.try_with(|timer| timer.borrow_mut().take()).ok().flatten();
            if let Some(mut timer) = timer {
                timer.alarms.orphan();
            }
            super::coarse::uninstall();
        }
    }

    pub(super) fn install() -> std::io::Result<()> {
        let installed = TIMER.with_borrow(Option::is_some);
        if installed || Handle::current().runtime_flavor() != RuntimeFlavor::CurrentThread {
            return Ok(());
        }
        let descriptor =
            timerfd_create(TimerfdClockId::Monotonic, TimerfdFlags::NONBLOCK | TimerfdFlags::CLOEXEC)?;
        #[expect(
            deprecated,
            reason = "its successor is unsafe; an OwnedFd keeps its descriptor, as that asks"
        )]
        let descriptor = Arc::new(AsyncFd::with_interest(descriptor, Interest::READABLE)?);
        let timer =
            ThreadTimer { alarms: Alarms::default(), armed: None, descriptor: Arc::clone(&descriptor) };
        TIMER.set(Some(timer));
        super::coarse::install();
        let uninstall = Uninstall;
        tokio::spawn(async move {
            let _uninstall = uninstall;
            drive(&descriptor).await;
        });
        Ok(())
    }

    async fn drive(descriptor: &AsyncFd<OwnedFd>) {
        while let Ok(mut ready) = descriptor.readable().await {
            // It is not read, which would take two calls of the kernel more for each wake-up: whoever sets it anew takes back
            // that it went off, and the runtime hears of it only when it goes off again.
            ready.clear_ready();
            ring();
        }
    }

    fn ring() {
        let due = TIMER.with_borrow_mut(|timer| timer.as_mut().map_or_else(Vec::new, ThreadTimer::take_due));
        // Woken outside the borrow: a waker may drop a task that sets or drops timers of this thread.
        for alarm in due {
            alarm.wake();
        }
    }

    pub(super) fn set(deadline: Instant, waker: &Waker) -> Option<Arc<Alarm>> {
        let set = |timer: &mut Option<ThreadTimer>| {
            let timer = timer.as_mut()?;
            let alarm = timer.alarms.push(deadline, waker);
            timer.arm();
            Some(alarm)
        };
        TIMER.try_with(|timer| timer.try_borrow_mut().ok().and_then(|mut timer| set(&mut timer))).ok()?
    }
}

#[cfg(not(target_os = "linux"))]
mod fine {
    use super::{Alarm, Arc, Instant, Waker};

    pub(super) fn install() -> std::io::Result<()> {
        Ok(())
    }

    pub(super) fn set(_: Instant, _: &Waker) -> Option<Arc<Alarm>> {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_fine_sleep_never_ends_early_and_ends_within_a_millisecond() {
        install_fine_timer().unwrap();
        let mut soonest_excess = Duration::MAX;
        for _ in 0..50 {
            let deadline = now() + Duration::from_micros(300);
            sleep_until(deadline).await;
            assert!(now() >= deadline);
            soonest_excess = soonest_excess.min(now() - deadline);
        }
        // The best of many: a busy machine delays some of them at will.
        assert!(soonest_excess < Duration::from_millis(1), "{soonest_excess:?}");
    }

    #[tokio::test]
    async fn sleeps_end_in_the_order_of_their_deadlines() {
        install_fine_timer().unwrap();
        let order = Arc::new(Mutex::new(Vec::new()));
        let sleepers = [3_u64, 1, 2].map(|n| {
            let order = Arc::clone(&order);
            tokio::spawn(async move {
                sleep(Duration::from_millis(n * 5)).await;
                order.lock().push(n);
            })
        });
        for sleeper in sleepers {
            sleeper.await.unwrap();
        }
        assert_eq!(*order.lock(), [1, 2, 3]);
    }

    #[tokio::test]
    async fn a_moment_has_passed_when_it_has_and_not_before_whether_it_is_near_or_far() {
        install_fine_timer().unwrap();
        for away in [0, 1, 200, 20_000, 900_000, 1_100_000, 3_600_000_000].map(Duration::from_micros) {
            let before = now();
            assert!(has_passed(before.checked_sub(away).unwrap()), "{away:?} ago");
            let after = before + away;
            // Where it says so, it must be so by then.
            assert!(!has_passed(after) || after <= now(), "in {away:?}");
        }
        let soon = now() + Duration::from_millis(30);
        while !has_passed(soon) {
            assert!(now() < soon + Duration::from_mins(1), "it is never seen");
        }
        assert!(now() >= soon);
    }

    #[tokio::test(start_paused = true)]
    async fn a_paused_clock_says_what_has_passed() {
        let moment = now() + Duration::from_hours(1);
        assert!(!has_passed(moment));
        tokio::time::advance(Duration::from_hours(1)).await;
        assert!(has_passed(moment));
    }

    #[tokio::test(start_paused = true)]
    async fn a_paused_clock_moves_a_sleep_along() {
        let start = now();
        sleep(Duration::from_hours(1)).await;
        assert!(now() - start >= Duration::from_hours(1));
    }

    #[tokio::test]
    async fn dropped_sleeps_do_not_pile_up() {
        let mut alarms = Alarms::default();
        for _ in 0..100_000 {
            let alarm = alarms.push(now() + Duration::from_hours(1), Waker::noop());
            alarm.state.store(CANCELLED, Ordering::Release);
        }
        assert!(alarms.heap.len() <= 64);
    }

    #[test]
    fn a_sleep_that_outlives_its_threads_runtime_still_ends_on_another() {
        let runtime = || tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let first = runtime();
        let mut sleeping = Box::pin(sleep(Duration::from_millis(50)));
        first.block_on(async {
            install_fine_timer().unwrap();
            let poll = std::future::poll_fn(|context| Poll::Ready(sleeping.as_mut().poll(context)));
            assert_eq!(poll.await, Poll::Pending);
            assert!(matches!(sleeping.timer, Timer::Fine(_)));
        });
        drop(first);
        std::thread::spawn(move || runtime().block_on(sleeping)).join().unwrap();
    }

    #[tokio::test]
    async fn a_sleep_begun_on_one_thread_may_be_awaited_on_another() {
        install_fine_timer().unwrap();
        let mut sleeping = Box::pin(sleep(Duration::from_millis(20)));
        let poll = std::future::poll_fn(|context| Poll::Ready(sleeping.as_mut().poll(context)));
        assert_eq!(poll.await, Poll::Pending);
        let elsewhere = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(sleeping);
        });
        while !elsewhere.is_finished() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        elsewhere.join().unwrap();
    }
}
