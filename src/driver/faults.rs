//! Breaks what the scenario breaks, when it says so.

mod application;
mod cache;
mod database;
mod links;

use std::time::Duration;

use tokio::sync::watch;

use super::instance::Life;
use crate::clock::{self, Instant};
use crate::fault::{Breaks, DatabaseFault, Fault};
use crate::plan::Cell;
use crate::topology::Deployed;
use crate::units::show_duration;

/// Something that was broken or mended, for `events.csv`.
#[derive(Debug, Clone, PartialEq)]
pub struct FaultEvent {
    /// When, in seconds from the start of measuring.
    pub at_s: f64,
    /// Whether it was broken, mended or noticed, or could not be.
    pub kind: &'static str,
    /// The fault, or to whom something happened.
    pub subject: String,
    /// The particulars.
    pub detail: String,
}

/// What faults break.
#[derive(Clone, Copy)]
pub struct Breakable<'a> {
    /// The stores.
    pub deployed: Deployed<'a>,
    /// The instances of the application, in their order.
    pub lives: &'a [watch::Sender<Life>],
}

/// What a fault that could not be carried out is told as.
pub const FAILED: &str = "fault-failed";

/// Carries out every fault of a cell. One that cannot be, as where a server does not start again, is told of and ends alone.
pub async fn run(cell: &Cell, broken: Breakable<'_>, start: Instant) -> Vec<FaultEvent> {
    let each = cell.scenario.faults.iter().map(|fault| one(fault, cell, broken, start));
    futures_util::future::join_all(each).await.concat()
}

/// One fault that is being carried out, and what has been told of it.
struct Course<'a> {
    fault: &'a Fault,
    start: Instant,
    events: Vec<FaultEvent>,
}

impl Course<'_> {
    fn tell(&mut self, kind: &'static str, detail: impl Into<String>) {
        self.events.push(FaultEvent {
            at_s: self.start.elapsed().as_secs_f64(),
            kind,
            subject: self.fault.kind.word().into(),
            detail: detail.into(),
        });
    }

    fn broke(&mut self, detail: impl Into<String>) {
        self.tell("fault", detail);
    }

    fn mended(&mut self, detail: impl Into<String>) {
        self.tell("mended", detail);
    }

    /// For how long, in words.
    fn lasts(&self) -> String {
        show_duration(self.fault.lasts())
    }

    /// Until its time is over.
    async fn wait(&self) {
        clock::sleep_until(self.start + self.fault.at + self.fault.lasts()).await;
    }
}

async fn one(fault: &Fault, cell: &Cell, broken: Breakable<'_>, start: Instant) -> Vec<FaultEvent> {
    let mut course = Course { fault, start, events: Vec::new() };
    let uses_cache = cell.uses_cache();
    clock::sleep_until(start + fault.at).await;
    let Deployed { cache, database, relays } = broken.deployed;
    let carried_out = match fault.kind.breaks() {
        Breaks::Link(what) => match relays {
            Some(relays) => {
                links::break_link(&mut course, what, relays).await;
                Ok(())
            }
            None => Err("no relay stands between the application and the servers".to_owned()),
        },
        // A strategy without a cache does not feel what happens to it.
        Breaks::Cache(_) if !uses_cache => Ok(()),
        Breaks::Cache(what) => {
            cache::break_cache(&mut course, what, cache).await.map_err(|error| error.to_string())
        }
        Breaks::Database(DatabaseFault::Stop) => database::stop(&mut course, database).await,
        Breaks::Database(DatabaseFault::Slow) => {
            database::slow(&mut course, database).await;
            Ok(())
        }
        Breaks::Application => application::crash(&mut course, broken.lives).await,
    };
    if let Err(reason) = carried_out {
        course.tell(FAILED, reason);
    }
    course.events
}

/// Why faults could not be carried out, each in a sentence.
pub fn failed(events: &[FaultEvent]) -> impl Iterator<Item = String> {
    let failed = events.iter().filter(|event| event.kind == FAILED);
    failed.map(|event| format!("the fault {} could not be carried out: {}", event.subject, event.detail))
}

/// The faults that hit a cell, in the order in which they begin.
#[must_use]
pub fn that_hit(cell: &Cell) -> Vec<&Fault> {
    let uses_cache = cell.uses_cache();
    let hits = |fault: &&Fault| uses_cache || !fault.kind.is_of_the_cache();
    let mut all: Vec<_> = cell.scenario.faults.iter().filter(hits).collect();
    all.sort_by_key(|fault| fault.at);
    all
}

/// When each of them begins: another stretch of time, for figures of outages.
#[must_use]
pub fn beginnings(cell: &Cell) -> Vec<Duration> {
    that_hit(cell).iter().map(|fault| fault.at).collect()
}
