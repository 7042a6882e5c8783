//! Events that stores notice while a cell runs, such as a failover or a reconnection.

use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;

use crate::base::clock::{self, Instant};
use crate::results::EventKind;

/// An event that a store noticed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Noticed {
    /// The time at which it was noted.
    pub at: Instant,
    /// The kind of event, such as a failover.
    pub kind: EventKind,
    /// The node or connection that it happened to.
    pub subject: String,
    /// The details.
    pub detail: String,
}

/// The most events that are kept. A server that keeps coming and going has been reported often enough by
/// then.
const MOST: usize = 10_000;
/// The time within which the same event, noticed by several connections or instances, counts as one.
const SAME_WITHIN: Duration = Duration::from_secs(3);

/// The events noted by all holders of a clone, in the order in which they were noted.
#[derive(Debug, Clone, Default)]
pub struct Journal(Arc<Mutex<Vec<Noticed>>>);

impl Journal {
    /// Notes an event that happens now, unless another holder has noted it already.
    pub fn note(&self, kind: EventKind, subject: impl Into<String>, detail: impl Into<String>) {
        let noticed = Noticed { at: clock::now(), kind, subject: subject.into(), detail: detail.into() };
        let mut all = self.0.lock();
        let last = all.iter().rev().find(|other| (other.kind, &other.subject) == (kind, &noticed.subject));
        let is_known =
            last.is_some_and(|last| last.detail == noticed.detail && noticed.at - last.at < SAME_WITHIN);
        if all.len() < MOST && !is_known {
            all.push(noticed);
        }
    }

    /// Takes all events that were noted so far.
    #[must_use]
    pub fn take(&self) -> Vec<Noticed> {
        std::mem::take(&mut *self.0.lock())
    }
}
