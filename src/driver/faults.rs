//! Breaks what the scenario breaks, when it says so.

use tokio::sync::watch;

use super::instance::Life;
use crate::clock::{self, Instant};
use crate::fault::{Fault, FaultKind};
use crate::plan::Cell;
use crate::store::RoundTrip;
use crate::topology::Deployed;
use crate::units::show_duration;

/// Something that was broken or mended, for `events.csv`.
#[derive(Debug, Clone, PartialEq)]
pub struct FaultEvent {
    /// When, in seconds from the start of measuring.
    pub at_s: f64,
    /// Whether it was broken or mended.
    pub kind: &'static str,
    /// The fault.
    pub subject: &'static str,
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

async fn one(
    fault: &Fault,
    cell: &Cell,
    broken: Breakable<'_>,
    start: Instant,
) -> Result<Vec<FaultEvent>, String> {
    let event = |kind, detail: String| FaultEvent {
        at_s: start.elapsed().as_secs_f64(),
        kind,
        subject: fault.kind.word(),
        detail,
    };
    clock::sleep_until(start + fault.at).await;
    let until = start + fault.at + fault.lasts.0;
    let lasts = show_duration(fault.lasts.0);
    let Deployed { cache, database } = broken.deployed;
    match fault.kind {
        FaultKind::StopCache => {
            let Some(server) = cache.server().filter(|_| cell.strategy.spec.uses_cache()) else {
                return Ok(Vec::new());
            };
            let killed = event("fault", format!("SIGKILL, started again after {lasts}"));
            server.kill().await.map_err(|error| error.to_string())?;
            clock::sleep_until(until).await;
            cache.restart().await.map_err(|error| error.to_string())?;
            Ok(vec![killed, event("mended", "the server answers again".into())])
        }
        FaultKind::StopDatabase => {
            let Some(server) = database.server() else { return Ok(Vec::new()) };
            let killed = event("fault", format!("SIGKILL, started again after {lasts}"));
            server.kill().await.map_err(|error| error.to_string())?;
            clock::sleep_until(until).await;
            server.restart().await.map_err(|error| error.to_string())?;
            Ok(vec![killed, event("mended", "the server answers again".into())])
        }
        FaultKind::Flush if !cell.strategy.spec.uses_cache() => Ok(Vec::new()),
        FaultKind::Flush => {
            let flushed = event("fault", "every entry of this run is gone".into());
            cache.flush().await.map_err(|error| error.to_string())?;
            Ok(vec![flushed])
        }
        FaultKind::SlowDatabase => {
            let delay = show_duration(fault.delay.0);
            let slowed = event("fault", format!("every call takes {delay} longer, for {lasts}"));
            let slow = Slow::by(database.endpoint().slowness(), fault);
            clock::sleep_until(until).await;
            drop(slow);
            Ok(vec![slowed, event("mended", "calls take as long as before".into())])
        }
        FaultKind::CrashApplication => {
            let Some(life) = broken.lives.get(fault.target as usize) else { return Ok(Vec::new()) };
            let detail = format!("instance {} loses its memory, started again after {lasts}", fault.target);
            let crashed = event("fault", detail);
            life.send_replace(Life::Down);
            clock::sleep_until(until).await;
            life.send_replace(Life::Up);
            // That it serves again is told by the instance itself.
            Ok(vec![crashed])
        }
    }
}

/// A database that is slow until this is dropped, as when the run is interrupted: the next cell uses it too.
struct Slow<'a>(&'a RoundTrip);

impl<'a> Slow<'a> {
    fn by(slowness: &'a RoundTrip, fault: &Fault) -> Self {
        slowness.set(fault.delay.0);
        Self(slowness)
    }
}

impl Drop for Slow<'_> {
    fn drop(&mut self) {
        self.0.set(std::time::Duration::ZERO);
    }
}
