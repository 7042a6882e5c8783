//! A clock that costs next to nothing to read, as the kernel only moves it at its ticks (`CLOCK_MONOTONIC_COARSE`).
//!
//! Reading the precise clock takes some 25 ns, and makes the processor wait for every load that it has begun, so that
//! it cannot fetch what the next operation needs meanwhile. The two together are about half of a hit in memory.

use std::cell::Cell;
use std::time::Duration;

use rustix::time::{ClockId, Timespec, clock_gettime};
use tokio::time::Instant;

/// The most by which the coarse clock may be behind. A tick is ten milliseconds at the most, but the processor that
/// counts the ticks of a virtual machine may itself have to wait for its turn.
const MOST_BEHIND: Duration = Duration::from_secs(1);

thread_local! {
    /// When this clock began, on threads that read it.
    static BEGINNING: Cell<Option<Instant>> = const { Cell::new(None) };
}

/// Lets the calling thread read this clock, which no test can pause. A thread that was stopped meanwhile goes without,
/// since how far one clock is from the other cannot be said then.
pub(super) fn install() {
    let before = reading(ClockId::Monotonic);
    let now = Instant::now();
    // By the later reading, so that it is behind, and not ahead.
    let after = reading(ClockId::Monotonic);
    let was_quick = after.saturating_sub(before) < MOST_BEHIND / 2;
    BEGINNING.set(now.checked_sub(after).filter(|_| was_quick));
}

/// Ends that.
pub(super) fn uninstall() {
    BEGINNING.set(None);
}

/// Returns true if a moment has passed; `None` where it is too near to tell, or the thread does not read this clock.
#[inline]
pub(super) fn has_passed(moment: Instant) -> Option<bool> {
    let beginning = BEGINNING.get()?;
    let reading = reading(ClockId::MonotonicCoarse);
    if beginning.checked_add(reading + MOST_BEHIND)? < moment {
        return Some(false);
    }
    (moment <= beginning + reading).then_some(true)
}

#[inline]
fn reading(clock: ClockId) -> Duration {
    let Timespec { tv_sec, tv_nsec } = clock_gettime(clock);
    Duration::new(tv_sec.try_into().unwrap_or(0), tv_nsec.try_into().unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::super::{install_fine_timer, now};
    use super::*;

    /// Farther than it is ever behind, however long a test has to wait for its turn.
    const FAR: Duration = Duration::from_hours(1);

    fn runtime() -> tokio::runtime::Runtime {
        tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap()
    }

    #[test]
    fn it_is_read_where_there_is_a_fine_timer_and_for_as_long_as_its_runtime_lives() {
        assert_eq!(has_passed(now() + FAR), None);
        let runtime = runtime();
        runtime.block_on(async { install_fine_timer().unwrap() });
        assert_eq!(has_passed(now() + FAR), Some(false));
        drop(runtime);
        assert_eq!(has_passed(now() + FAR), None);
    }

    #[test]
    fn it_tells_of_what_is_far_and_never_wrongly() {
        runtime().block_on(async {
            install_fine_timer().unwrap();
            for micros in (0..5_000_000).step_by(50) {
                let away = Duration::from_micros(micros);
                let start = now();
                let (past, future) = (start.checked_sub(away).unwrap(), start + away);
                let (of_past, of_future) = (has_passed(past), has_passed(future));
                let end = now();
                assert_ne!(of_past, Some(false), "{away:?} ago");
                assert!(of_future != Some(true) || future <= end, "in {away:?}");
                // Two seconds are farther than it is ever behind.
                assert!(of_past == Some(true) || away < Duration::from_secs(2), "{away:?} ago");
                assert!(of_future == Some(false) || future < end + Duration::from_secs(2), "in {away:?}");
            }
        });
    }
}
