//! Breaks what the scenario breaks, when it says so.

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
    /// Whether it was broken or mended.
    pub kind: &'static str,
    /// The fault.
    pub subject: &'static str,
    /// The particulars.
    pub detail: String,
}

/// Carries out every fault of a cell.
///
/// # Errors
/// Where a server could not be stopped or started again.
pub async fn run(cell: &Cell, deployed: Deployed<'_>, start: Instant) -> Result<Vec<FaultEvent>, String> {
    let mut all = Vec::new();
    let each = cell.scenario.faults.iter().map(|fault| one(fault, cell, deployed, start));
    for events in futures_util::future::join_all(each).await {
        all.extend(events?);
    }
    all.sort_by(|a, b| a.at_s.total_cmp(&b.at_s));
    Ok(all)
}

async fn one(
    fault: &Fault,
    cell: &Cell,
    deployed: Deployed<'_>,
    start: Instant,
) -> Result<Vec<FaultEvent>, String> {
    let event = |kind, detail: String| FaultEvent {
        at_s: start.elapsed().as_secs_f64(),
        kind,
        subject: fault.kind.word(),
        detail,
    };
    clock::sleep_until(start + fault.at).await;
    let broken = event("fault", format!("SIGKILL, started again after {}", show_duration(fault.lasts.0)));
    let until = start + fault.at + fault.lasts.0;
    match fault.kind {
        FaultKind::StopCache => {
            let Some(server) = deployed.cache.server().filter(|_| cell.strategy.spec.uses_cache()) else {
                return Ok(Vec::new());
            };
            server.kill().await.map_err(|error| error.to_string())?;
            clock::sleep_until(until).await;
            deployed.cache.restart().await.map_err(|error| error.to_string())?;
        }
        FaultKind::StopDatabase => {
            let Some(server) = deployed.database.server() else { return Ok(Vec::new()) };
            server.kill().await.map_err(|error| error.to_string())?;
            clock::sleep_until(until).await;
            server.restart().await.map_err(|error| error.to_string())?;
        }
        FaultKind::SlowDatabase | FaultKind::CrashApplication => return Ok(Vec::new()),
    }
    Ok(vec![broken, event("mended", "the server answers again".into())])
}
