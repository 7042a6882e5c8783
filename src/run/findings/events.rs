//! The things that happened in a cell.

use super::observed::Observed;
use super::rounding::to_thousandths;
use super::{answers, failures};
use crate::load::workload::StaircasePart;
use crate::load::workload::phase::starts;
use crate::results::{EventKind, EventRow};
use crate::run::plan::Cell;
use crate::run::plan::settings::CacheAtStart;

/// The events of a cell, in the order in which they happened.
#[must_use]
pub fn of(cell: &Cell, observed: &Observed) -> Vec<EventRow> {
    let event = |at_s: f64, kind: EventKind, subject: &str, detail: String| EventRow {
        at_s: to_thousandths(at_s),
        kind,
        subject: subject.into(),
        detail,
    };
    let load = &observed.load;
    let (warmup_s, length_s) = (load.warmup_length.as_secs_f64(), load.length.as_secs_f64());
    let has_none = answers::has_no_hit_rate(cell, observed);
    let settled = if load.warmth.is_steady() || has_none { EventKind::Settled } else { EventKind::Unsettled };
    let why = match cell.scenario.run.cache {
        CacheAtStart::Cold => "the cache was empty, as run.cache asks for".into(),
        CacheAtStart::Warmed | CacheAtStart::Restored if has_none => {
            "no cache is asked, or nothing is read".into()
        }
        CacheAtStart::Warmed | CacheAtStart::Restored => load.warmth.to_string(),
    };
    let mut rows = vec![
        event(0.0, settled, "hit rate", why),
        event(0.0, EventKind::Phase, "measure", format!("for {length_s:.1} s")),
    ];
    if warmup_s > 0.0 {
        rows.insert(0, event(-warmup_s, EventKind::Phase, "warmup", format!("for {warmup_s:.1} s")));
    }
    let usual_reads = cell.scenario.workload.reads;
    let shown = starts(&cell.scenario.phases).filter(|(_, phase)| phase.part != Some(StaircasePart::Drain));
    rows.extend(shown.map(|(start, phase)| {
        event(start.as_secs_f64(), EventKind::LoadPhase, &phase.name, phase.in_words(usual_reads))
    }));
    rows.extend(
        load.events
            .iter()
            .map(|event| &event.row)
            .map(|row| EventRow { at_s: to_thousandths(row.at_s), ..row.clone() }),
    );
    rows.extend(recoveries(observed).into_iter().map(|at_s| {
        let detail = "the first window without an error since the fault";
        event(at_s, EventKind::Recovered, "operations", detail.into())
    }));
    rows.extend(failures::events(observed));
    rows.push(match &load.undone {
        None => event(length_s, EventKind::Drained, "strategy", "nothing was left to do".into()),
        Some(error) => event(length_s, EventKind::NotDrained, "strategy", error.to_string()),
    });
    rows.sort_by(|a, b| a.at_s.total_cmp(&b.at_s));
    rows
}

/// For each fault that was followed by errors before the next: when the first window without any began.
fn recoveries(observed: &Observed) -> Vec<f64> {
    let events = observed.load.events.iter().map(|event| &event.row);
    let faults = events.filter(|event| event.kind == EventKind::Fault).map(|fault| fault.at_s);
    let windows = observed.load.windows.iter().map(|window| {
        let start = window.start.as_secs_f64();
        let failed = window.operations.operations() - window.operations.successes();
        (start, start + window.length.as_secs_f64(), failed)
    });
    recovered(&faults.collect::<Vec<_>>(), &windows.collect::<Vec<_>>())
}

/// A window is its start, its end and its errors.
fn recovered(faults: &[f64], windows: &[(f64, f64, u64)]) -> Vec<f64> {
    let of_fault = |(number, fault): (usize, &f64)| {
        let next = faults.get(number + 1).copied().unwrap_or(f64::INFINITY);
        // What the next fault did is not told of this one.
        let own = windows.iter().filter(|(_, end, _)| *end > *fault && *end <= next);
        let mut after = own.skip_while(|(.., errors)| *errors == 0).skip_while(|(.., errors)| *errors > 0);
        after.next().map(|(start, ..)| *start)
    };
    faults.iter().enumerate().filter_map(of_fault).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_has_recovered_only_from_errors_that_came_before_the_next_fault() {
        let windows = |errors: &[u64]| -> Vec<_> {
            (0..).zip(errors).map(|(at, errors)| (f64::from(at), f64::from(at + 1), *errors)).collect()
        };
        assert_eq!(recovered(&[1.0], &windows(&[0, 5, 5, 0, 0])), [3.0]);
        assert_eq!(recovered(&[1.0], &windows(&[0, 5, 5])), [] as [f64; 0], "it never did");
        let harmless_first = windows(&[0, 0, 0, 9, 0, 0]);
        assert_eq!(recovered(&[1.0, 3.0], &harmless_first), [4.0], "the first did nothing");
        assert_eq!(
            recovered(&[1.0, 3.5], &harmless_first),
            [4.0],
            "nor did it in the window that the second began in"
        );
        assert_eq!(recovered(&[1.0, 3.0], &windows(&[0, 7, 0, 9, 0])), [2.0, 4.0]);
    }
}
