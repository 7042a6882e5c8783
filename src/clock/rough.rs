//! A clock that costs next to nothing to read, as the kernel only moves it at its ticks (`CLOCK_MONOTONIC_COARSE`).
//!
//! Reading the precise clock takes some 25 ns, and makes the processor wait for every load that it has begun, so that
//! it cannot fetch what the next operation needs meanwhile: about half of what a lookup in memory costs.

use std::cell::Cell;
use std::time::Duration;

use rustix::time::{ClockId, Timespec, clock_gettime};

use super::Instant;

/// How far it may be behind. A tick is ten milliseconds at the most, but the processor that counts the ticks of a virtual
/// machine may itself have to wait for its turn.
const MOST_BEHIND: Duration = Duration::from_secs(1);

thread_local! {
    /// When this clock began, on threads that read it.
    static BEGINNING: Cell<Option<Instant>> = const { Cell::new(None) };
}

/// Lets the calling thread read this clock, which no test can pause.
pub(super) fn install() {
    // In this order, so that a pause between the two readings leaves it behind, and not ahead.
    let now = super::now();
    BEGINNING.set(now.checked_sub(reading(ClockId::Monotonic)));
}

/// Ends that.
pub(super) fn uninstall() {
    let _ = BEGINNING.try_with(|beginning| beginning.set(None));
}

/// Whether a moment has passed; `None` where it is too near to tell, or the thread does not read this clock.
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
