//! How long faults took service and hits away.

use std::time::Duration;

use super::faults::that_hit;
use super::observed::{Observed, ObservedEvent, ObservedWindow};
use crate::results::{EventKind, OperationClass, Outages};
use crate::run::fault::{ScheduledFault, Target};
use crate::run::plan::Cell;

/// The hit rate is back once it is within so much of what it was.
const BACK_WITHIN: f64 = 0.02;

/// The columns; empty without a fault.
#[must_use]
pub fn of(cell: &Cell, observed: &Observed) -> Outages {
    let load = &observed.load;
    let windows = judged(&load.windows);
    let faults = that_hit(cell);
    let before = faults.first().and_then(|first| before(&windows, first.at));
    let recovery = before
        .and_then(|before| recovery(&windows, &effects(cell, &faults, observed), before))
        .map(to_millis);
    let outage = |class| {
        let kinds = cell.scenario.application.spec.operations().iter().zip(0..);
        let of_class = kinds.filter(|(kind, _)| kind.class == class);
        of_class.filter_map(|(_, kind)| load.outages.longest(kind, load.end)).max().map(to_millis)
    };
    let fails_over = cell.uses_cache() && faults.iter().any(|fault| is_taken_over(fault));
    let bound = cell.topology.spec.shape().outage_bound.filter(|_| fails_over);
    Outages {
        read_outage_s: outage(OperationClass::Read),
        write_outage_s: outage(OperationClass::Write),
        // Until clients look again, and until the last of their questions has timed out.
        outage_bound_s: bound.map(|(bound, _)| to_millis(bound + LOOK_AGAIN + cell.scenario.cache.timeout.0)),
        hit_rate_before_fault: before,
        hit_rate_recovery_s: recovery,
    }
}

/// Returns true if a replica takes over after it. Where every node dies at once, there is none.
fn is_taken_over(fault: &ScheduledFault) -> bool {
    fault.nature().may_move_primary && matches!(fault.target, Target::Shard(_))
}

/// The longest time until an instance has found out who is the primary now.
const LOOK_AGAIN: Duration = Duration::from_secs(1);

/// In seconds, to the millisecond.
fn to_millis(duration: Duration) -> f64 {
    (duration.as_secs_f64() * 1e3).round() / 1e3
}

/// A window's evidence on the hit rate.
#[derive(Debug, Clone, Copy)]
struct Judged {
    start: Duration,
    end: Duration,
    hits: u64,
    /// Those that were answered.
    reads: u64,
}

fn judged(windows: &[ObservedWindow]) -> Vec<Judged> {
    let one = |window: &ObservedWindow| {
        let answers = window.operations.answers(|_| true);
        Judged {
            start: window.start,
            end: window.start + window.length,
            hits: answers.hits + answers.negative_hits,
            reads: answers.lookups(),
        }
    };
    windows.iter().map(one).collect()
}

/// The stretch of time in which a fault has its effect: what falls later has another cause.
#[derive(Debug, Clone, Copy)]
struct Effect {
    from: Duration,
    until: Duration,
}

/// A fault has its effect while it lasts, and while operations find no service because of it.
fn effects(cell: &Cell, faults: &[&ScheduledFault], observed: &Observed) -> Vec<Effect> {
    let kinds = || 0..cell.scenario.application.spec.operations().len() as u8;
    let one = |(number, fault): (usize, &&ScheduledFault)| {
        let outages = kinds().filter_map(|kind| observed.load.outages.after(number, kind, observed.load.end));
        let ends = end(number, fault, &observed.load.events);
        let until = ends.max(fault.at + outages.max().unwrap_or_default());
        Effect { from: fault.at, until }
    };
    faults.iter().enumerate().map(one).collect()
}

/// When a fault is over, by its place among those that hit the cell. What takes no set time, as moving slots, says when
/// it has ended.
fn end(number: usize, fault: &ScheduledFault, events: &[ObservedEvent]) -> Duration {
    let planned = fault.at + fault.lasts();
    let mut own = events.iter().filter(|event| event.fault == Some(number)).map(|event| &event.row);
    let mended = own.find(|event| event.kind == EventKind::Mended && event.at_s >= planned.as_secs_f64());
    mended.map_or(planned, |event| Duration::from_secs_f64(event.at_s))
}

/// The hit rate of all whole windows before a moment.
fn before(windows: &[Judged], first: Duration) -> Option<f64> {
    let whole: Vec<_> = windows.iter().filter(|window| window.end <= first).copied().collect();
    pooled(&whole).filter(|(_, reads)| *reads > 0).map(|(rate, _)| rate)
}

/// The hit rate of some windows together, and of how many reads it is; `None` where nothing was answered.
fn pooled(windows: &[Judged]) -> Option<(f64, u64)> {
    let hits: u64 = windows.iter().map(|window| window.hits).sum();
    let reads: u64 = windows.iter().map(|window| window.reads).sum();
    (reads > 0).then(|| (hits as f64 / reads as f64, reads))
}

/// So many windows together say what the hit rate is: a single one may fall by chance.
const SMOOTHED: usize = 3;

/// The longest time from the beginning of a fault until the first window from which on the hit rate is within
/// [`BACK_WITHIN`] of what it was `before`, over all faults; none at all where it never fell. `None` where it did not come
/// back before the next fault, or where no fault was followed by windows enough to tell.
fn recovery(windows: &[Judged], faults: &[Effect], before: f64) -> Option<Duration> {
    let mut longest = None;
    for (number, fault) in faults.iter().enumerate() {
        let next = faults.get(number + 1).map_or(Duration::MAX, |next| next.from);
        // Only what can be smoothed is judged.
        let after: Vec<&[Judged]> = windows
            .windows(SMOOTHED)
            .filter(|some| some[0].start >= fault.from && some[SMOOTHED - 1].end <= next)
            .collect();
        if after.is_empty() {
            continue;
        }
        let begins_in_time = after.iter().enumerate().take_while(|(at, some)| {
            // The first few windows after it are its own too.
            *at < SMOOTHED || some[0].start <= fault.until
        });
        let fell = begins_in_time
            .map(|(at, _)| at)
            // With the first of them, as what a later one does begins later.
            .find(|at| !is_back(&after[*at][..1], before) && has_fallen(after[*at], before));
        let took = match fell {
            None => Duration::ZERO,
            Some(fell) => {
                let back = after[fell..].iter().find(|some| is_back(some, before))?;
                back[0].start.saturating_sub(fault.from)
            }
        };
        longest = longest.max(Some(took));
    }
    longest
}

/// Returns true if the hit rate is lower by more than [`BACK_WITHIN`] and what chance does: two standard
/// errors of so many reads, each of which is a hit or not. Where nothing is answered, nothing is hit.
fn has_fallen(windows: &[Judged], before: f64) -> bool {
    pooled(windows).is_none_or(|(rate, reads)| {
        let standard_error = (before * (1.0 - before) / reads as f64).sqrt();
        rate < before - BACK_WITHIN - 2.0 * standard_error
    })
}

fn is_back(windows: &[Judged], before: f64) -> bool {
    pooled(windows).is_some_and(|(rate, _)| rate >= before - BACK_WITHIN)
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU64;

    use super::*;
    use crate::results::EventRow;
    use crate::scenario::{Mistakes, Reader, Table};

    fn second(at: u64) -> Duration {
        Duration::from_secs(at)
    }

    /// A window a second, with so many hits of so many reads.
    fn windows_of(reads: u64, hits: &[u64]) -> Vec<Judged> {
        let one =
            |(at, hits): (u64, &u64)| Judged { start: second(at), end: second(at + 1), hits: *hits, reads };
        (0..).zip(hits).map(one).collect()
    }

    /// So many thousandths of the reads are hits: chance does little.
    fn windows(hits: &[u64]) -> Vec<Judged> {
        let all: Vec<_> = hits.iter().map(|hits| hits * 1000).collect();
        windows_of(100_000, &all)
    }

    fn at_once(at: u64) -> Effect {
        Effect { from: second(at), until: second(at) }
    }

    #[test]
    fn the_hit_rate_is_back_from_the_first_window_on_that_begins_three_as_good_as_before() {
        let fell = windows(&[80, 82, 0, 40, 79, 80, 81, 80]);
        assert_eq!(recovery(&fell, &[at_once(2)], 0.81), Some(second(2)));
        assert_eq!(recovery(&windows(&[80, 82, 0, 40, 50]), &[at_once(2)], 0.81), None, "it never came back");
        assert_eq!(recovery(&windows(&[80, 80, 81, 78, 81]), &[at_once(2)], 0.81), Some(Duration::ZERO));
        let twice = windows(&[80, 80, 0, 80, 80, 80, 0, 0, 80, 80, 80]);
        let both = [at_once(2), at_once(6)];
        assert_eq!(recovery(&twice, &both, 0.81), Some(second(2)), "the longer of the two");
        let late = windows(&[80, 80, 80, 80, 80, 80, 0, 0, 80, 80, 80]);
        assert_eq!(recovery(&late, &both, 0.81), Some(second(2)), "the first was harmless");
    }

    #[test]
    fn what_falls_long_after_a_fault_is_not_its_doing() {
        let late = windows(&[80, 80, 80, 80, 80, 80, 80, 80, 70, 70, 70, 80, 80, 80]);
        assert_eq!(recovery(&late, &[at_once(1)], 0.8), Some(Duration::ZERO));
        let lasts = Effect { from: second(1), until: second(8) };
        assert_eq!(recovery(&late, &[lasts], 0.8), Some(second(10)), "it falls while the fault lasts");
    }

    #[test]
    fn chance_is_not_taken_for_an_outage() {
        // Two standard errors of 300 reads, of which 80 % are hits, are 4.6 points.
        let noise = windows_of(100, &[80, 80, 75, 75, 75, 80, 80, 80]);
        assert_eq!(recovery(&noise, &[at_once(2)], 0.8), Some(Duration::ZERO));
        let fell = windows_of(100, &[80, 80, 72, 72, 72, 80, 80, 80]);
        assert_eq!(recovery(&fell, &[at_once(2)], 0.8), Some(second(3)));
    }

    #[test]
    fn windows_too_few_to_be_smoothed_say_nothing() {
        let last_dips = windows(&[80, 80, 80, 80, 80, 0]);
        assert_eq!(recovery(&last_dips, &[at_once(1)], 0.8), Some(Duration::ZERO), "one alone may be chance");
        assert_eq!(recovery(&windows(&[80, 80, 80, 0, 0]), &[at_once(3)], 0.8), None, "two are too few");
        let soon_another = windows(&[80, 80, 0, 80, 80, 80, 80]);
        let both = [at_once(1), at_once(3)];
        assert_eq!(recovery(&soon_another, &both, 0.8), Some(Duration::ZERO), "the first cannot be judged");
    }

    #[test]
    fn the_hit_rate_before_a_fault_is_that_of_the_whole_windows_before_it() {
        let all = windows(&[70, 90, 0]);
        assert_eq!(before(&all, Duration::from_millis(2500)), Some(0.8));
        assert_eq!(before(&all, Duration::ZERO), None);
    }

    fn fault(kind: &str, more: &str) -> ScheduledFault {
        let text = format!("at = \"1s\"\nkind = \"{kind}\"\n{more}");
        let mistakes = Mistakes::default();
        let table = Table::parse(&text, &mistakes);
        let fault = ScheduledFault::read(&Reader::new(&table, "", &mistakes), NonZeroU64::MIN);
        assert!(mistakes.is_empty(), "{text}");
        fault
    }

    #[test]
    fn of_two_faults_of_one_kind_at_once_each_has_its_own_end() {
        let first = fault("pause", "for = \"1s\"\ntarget = \"shard0\"");
        let second = ScheduledFault { at: second(2), ..fault("pause", "for = \"1s\"\ntarget = \"shard1\"") };
        let mended = |fault, at_s| ObservedEvent {
            fault: Some(fault),
            row: EventRow { at_s, kind: EventKind::Mended, subject: "pause".into(), detail: String::new() },
        };
        // The first is late to end, so that it ends within and after the second.
        let events = [mended(1, 3.1), mended(0, 4.5)];
        assert_eq!(end(0, &first, &events), Duration::from_millis(4500));
        assert_eq!(end(1, &second, &events), Duration::from_millis(3100));
        assert_eq!(
            end(1, &second, &events[1..]),
            Duration::from_secs(3),
            "as planned, where nothing is told"
        );
    }

    #[test]
    fn nobody_takes_over_where_every_node_dies() {
        assert!(is_taken_over(&fault("kill", "target = \"shard0\"")));
        assert!(!is_taken_over(&fault("kill", "target = \"shard0-replica0\"")));
        assert!(!is_taken_over(&fault("stop-cache", "")));
    }
}
