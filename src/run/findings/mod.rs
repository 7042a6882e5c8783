//! From what was observed of a cell to the rows of the result files: one file for each finding, each a pure function of
//! the cell and of what was observed.
//!
//! The driver observes and hands over one complete [`Observed`]; nothing here asks a server or changes a row that was
//! made. The room uses the plan of a cell, what was measured and what theory knows; the rows are those of `results`.

mod answers;
mod application;
mod audit;
mod cache_use;
mod calls;
mod cores;
mod events;
mod failures;
mod faults;
mod in_time;
mod latency;
mod limits;
mod load;
mod nodes;
mod observed;
mod operations;
mod outages;
mod phases;
mod prediction;
mod queues;
mod rounding;
mod staircase;
mod summary;
mod times;
mod verdict;
mod windows;

pub use faults::{not_carried_out, that_hit};
pub use observed::{AuditEnd, Load, Observed, ObservedEvent, ObservedWindow, OfferedLoad, Sample};
pub use prediction::enough_cache;
pub use summary::{line, names, shown_swept};
pub use times::of_window as times_of_window;

use crate::results::CellResults;
use crate::run::plan::Cell;

/// All rows of a cell.
///
/// # Errors
/// Returns an error if the interval log cannot be written.
pub fn of(cell: &Cell, observed: &Observed, offered: &OfferedLoad) -> Result<CellResults, String> {
    let load = limits::verdict(cell, observed);
    let verdicts = audit::verdicts(cell, observed);
    Ok(CellResults {
        summary: summary::of(cell, observed, offered, &load, &verdicts),
        swept: cell.swept.clone(),
        timeseries: windows::of(cell, observed),
        latency: latency::of(cell, observed),
        events: events::of(cell, observed),
        errors: failures::rows(observed),
        audit: audit::examples(cell, observed),
        nodes: nodes::of(observed),
        operations: operations::of(cell, observed, &verdicts),
        entities: audit::entities(cell, observed, &verdicts),
        application: application::of(cell, observed),
        phases: phases::of(cell, observed),
        staircase: staircase::of(cell, observed),
        // It is known once all runs of the cell have ended.
        search: Vec::new(),
        interval_log: latency::log(cell, observed)?,
        segment_record: Vec::new(),
    })
}
