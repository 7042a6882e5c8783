//! What stores notice while a cell runs: a failover, a connection that is there again.

use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;

use crate::clock::{self, Instant};

/// Something that a store noticed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Noticed {
    /// When.
    pub at: Instant,
    /// What it was: `failover`, `reconnected`.
    pub kind: &'static str,
    /// To whom it happened.
    pub subject: String,
    /// The particulars.
    pub detail: String,
}

/// More than so many are not kept: a server that comes and goes has been told of often enough by then.
const MOST: usize = 10_000;
/// What several connections or instances notice within this time is one thing.
const SAME_WITHIN: Duration = Duration::from_secs(3);

/// Notes of all who share it, in the order in which they were made.
#[derive(Debug, Clone, Default)]
pub struct Journal(Arc<Mutex<Vec<Noticed>>>);

impl Journal {
    /// Notes something that happens now. What others have noted already is not noted again.
    pub fn note(&self, kind: &'static str, subject: impl Into<String>, detail: impl Into<String>) {
        let noticed = Noticed { at: clock::now(), kind, subject: subject.into(), detail: detail.into() };
        let mut all = self.0.lock();
        let last = all.iter().rev().find(|other| (other.kind, &other.subject) == (kind, &noticed.subject));
        let is_known =
            last.is_some_and(|last| last.detail == noticed.detail && noticed.at - last.at < SAME_WITHIN);
        if all.len() < MOST && !is_known {
            all.push(noticed);
        }
    }

    /// Takes all that was noted so far.
    #[must_use]
    pub fn take(&self) -> Vec<Noticed> {
        std::mem::take(&mut *self.0.lock())
    }
}
