//! How many operations of an open loop are under way at once, and how many wait for room.

use std::ops::Add;

/// The most at once in a stretch of time.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct QueueUse {
    /// Operations under way.
    pub in_flight: u64,
    /// Arrivals that were due and waited for room.
    pub queued: u64,
}

impl QueueUse {
    /// Returns the most of two stretches of time.
    #[must_use]
    pub fn max(self, other: Self) -> Self {
        Self { in_flight: self.in_flight.max(other.in_flight), queued: self.queued.max(other.queued) }
    }
}

impl Add for QueueUse {
    type Output = Self;

    /// Returns the sum over threads, which do not know of each other: no less than the most at once of all.
    fn add(self, other: Self) -> Self {
        Self { in_flight: self.in_flight + other.in_flight, queued: self.queued + other.queued }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn threads_add_up_and_of_two_stretches_each_figure_has_its_own_most() {
        let (a, b) = (QueueUse { in_flight: 3, queued: 0 }, QueueUse { in_flight: 2, queued: 5 });
        assert_eq!(a + b, QueueUse { in_flight: 5, queued: 5 });
        assert_eq!(a.max(b), QueueUse { in_flight: 3, queued: 5 });
    }
}
