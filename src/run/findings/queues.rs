//! How many operations of an open loop were under way at once, and how many waited for room.

use super::observed::ObservedWindow;
use crate::measure::QueueUse;
use crate::results::QueueDepths;

/// The most in some windows; `None` in a closed loop, where nothing is due but what a client asks for.
#[must_use]
pub(super) fn most<'a>(windows: impl IntoIterator<Item = &'a ObservedWindow>) -> Option<QueueUse> {
    windows.into_iter().filter_map(|window| window.queues).reduce(QueueUse::max)
}

/// The columns.
#[must_use]
pub fn of<'a>(windows: impl IntoIterator<Item = &'a ObservedWindow>) -> QueueDepths {
    let most = most(windows);
    QueueDepths { in_flight_max: most.map(|most| most.in_flight), queued_max: most.map(|most| most.queued) }
}
