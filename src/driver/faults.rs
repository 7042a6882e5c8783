//! Breaks what the scenario breaks, when it says so.

mod application;
mod cache;
mod database;
mod links;

use std::time::Duration;

use tokio::sync::watch;

use super::instance::Life;
use crate::clock::{self, Instant};
use crate::fault::{Fault, FaultKind};
use crate::plan::Cell;
use crate::topology::Deployed;
use crate::units::show_duration;

/// Something that was broken or mended, for `events.csv`.
#[derive(Debug, Clone, PartialEq)]
pub struct FaultEvent {
    /// When, in seconds from the start of measuring.
    pub at_s: f64,
    /// Whether it was broken, mended or noticed.
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

/// Carries out every fault of a cell.
///
/// # Errors
/// Where a server could not be stopped or started again.
pub async fn run(cell: &Cell, broken: Breakable<'_>, start: Instant) -> Result<Vec<FaultEvent>, String> {
    let mut all = Vec::new();
    let each = cell.scenario.faults.iter().map(|fault| one(fault, cell, broken, start));
    for events in futures_util::future::join_all(each).await {
        all.extend(events?);
    }
    Ok(all)
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

async fn one(
    fault: &Fault,
    cell: &Cell,
    broken: Breakable<'_>,
    start: Instant,
) -> Result<Vec<FaultEvent>, String> {
    let mut course = Course { fault, start, events: Vec::new() };
    let uses_cache = cell.uses_cache();
    clock::sleep_until(start + fault.at).await;
    let Deployed { cache, database, relays } = broken.deployed;
    let carried_out = match fault.kind {
        kind if kind.is_of_a_link() => {
            if let Some(relays) = relays {
                links::break_link(&mut course, relays).await;
            }
            Ok(())
        }
        kind if kind.is_of_the_cache() && !uses_cache => Ok(()),
        FaultKind::StopDatabase => database::stop(&mut course, database).await,
        FaultKind::SlowDatabase => {
            database::slow(&mut course, database).await;
            Ok(())
        }
        FaultKind::CrashApplication => {
            application::crash(&mut course, broken.lives).await;
            Ok(())
        }
        _ => cache::break_cache(&mut course, cache).await.map_err(|error| error.to_string()),
    };
    carried_out?;
    Ok(course.events)
}

/// How often faults and their ends begin another stretch of time, for figures of outages: when each begins.
#[must_use]
pub fn beginnings(cell: &Cell) -> Vec<Duration> {
    let uses_cache = cell.uses_cache();
    let hits = |fault: &&Fault| uses_cache || !fault.kind.is_of_the_cache();
    let mut all: Vec<_> = cell.scenario.faults.iter().filter(hits).map(|fault| fault.at).collect();
    all.sort_unstable();
    all
}
