//! What reads took while a fault had its effect, and before it: from the windows of the interval logs.

use hdrhistogram::Histogram;

use crate::results::{
    EventKind, EventRow, FaultTimesRow, Measure, OperationClass, Phase, Results, ResultsError, StretchTimes,
    SummaryRow, TimeseriesRow,
};

/// Windows and events are written to the thousandth of a second.
const ROUNDING_S: f64 = 0.000_5;

/// The time in which a fault of a run had its effect.
#[derive(Debug, Clone, PartialEq)]
struct Effect {
    fault: String,
    /// Its place among the faults of its kind, counted from 1.
    number: u32,
    at_s: f64,
    /// Infinite where nothing ended it.
    until_s: f64,
}

impl Effect {
    /// Every fault of a run, by its events in the order of their times.
    fn all(events: &[&EventRow]) -> Vec<Self> {
        let of_kind = |kind: EventKind| events.iter().filter(move |event| event.kind == kind);
        let mut all: Vec<Self> = Vec::new();
        for begun in of_kind(EventKind::Fault) {
            let number = 1 + all.iter().filter(|other| other.fault == begun.subject).count();
            let mended = of_kind(EventKind::Mended).filter(|event| event.subject == begun.subject);
            let mended_s = mended.map(|event| event.at_s).nth(number - 1).unwrap_or(f64::INFINITY);
            let later = of_kind(EventKind::Fault).map(|event| event.at_s).filter(|at_s| *at_s > begun.at_s);
            let next_s = later.fold(f64::INFINITY, f64::min);
            let recovered = of_kind(EventKind::Recovered).map(|event| event.at_s);
            let recovered_s =
                recovered.filter(|at_s| (begun.at_s..next_s).contains(at_s)).fold(0.0, f64::max);
            all.push(Self {
                fault: begun.subject.clone(),
                number: number as u32,
                at_s: begun.at_s,
                until_s: mended_s.max(recovered_s).min(next_s),
            });
        }
        all
    }

    /// Returns true if a window touches the time of the effect.
    fn touches(&self, (start_s, end_s): (f64, f64)) -> bool {
        // What was answered after the end of measuring is in a window of no length.
        end_s > start_s && start_s < self.until_s - ROUNDING_S && end_s > self.at_s + ROUNDING_S
    }

    /// Returns true if a window is before the fault, and no fault of the run had its effect in it.
    fn is_before(&self, window: (f64, f64), all: &[Self]) -> bool {
        let (start_s, end_s) = window;
        end_s > start_s && end_s <= self.at_s + ROUNDING_S && all.iter().all(|effect| !effect.touches(window))
    }

    fn seconds_in(&self, (start_s, end_s): (f64, f64)) -> f64 {
        (end_s.min(self.until_s) - start_s.max(self.at_s)).max(0.0)
    }
}

/// What some windows hold.
#[derive(Debug, Clone)]
struct Stretch {
    windows: u64,
    operations: u64,
    failures: u64,
    seconds: f64,
    reads: Histogram<u64>,
}

impl Stretch {
    fn nothing(like: &Histogram<u64>) -> Self {
        let reads = Histogram::new_from(like);
        Self { windows: 0, operations: 0, failures: 0, seconds: 0.0, reads }
    }

    fn add_window(&mut self, row: &TimeseriesRow) {
        self.windows += 1;
        self.operations += row.operations;
        self.failures += row.answers.failures();
        self.seconds += row.length_s;
    }

    /// The length of a window, to the thousandth: none is exactly as long as the others.
    fn mean_s(&self) -> f64 {
        (self.seconds / self.windows.max(1) as f64 * 1e3).round() / 1e3
    }

    fn times(&self) -> StretchTimes {
        let quantile =
            |of: f64| (!self.reads.is_empty()).then(|| self.reads.value_at_quantile(of) as f64 / 1e3);
        StretchTimes {
            windows: self.windows,
            operations: self.operations,
            failed_share: (self.operations > 0).then(|| self.failures as f64 / self.operations as f64),
            reads: self.reads.len(),
            read_p50_us: quantile(0.5),
            read_p99_us: quantile(0.99),
        }
    }
}

/// A fault over the repeats of a strategy.
#[derive(Debug, Clone)]
pub struct FaultTimes {
    fault: String,
    number: u32,
    at_s: f64,
    until_s: f64,
    repeats: u32,
    effect_s: f64,
    before: Stretch,
    during: Stretch,
}

impl FaultTimes {
    /// Every fault of these runs, in the order in which they began; none of runs without interval logs.
    ///
    /// # Errors
    /// Where an interval log does not read.
    pub fn all(results: &Results, cells: &[&SummaryRow]) -> Result<Vec<Self>, ResultsError> {
        let mut all: Vec<Self> = Vec::new();
        for cell in cells {
            let events = results.events.iter().filter(|event| event.cell == cell.cell);
            let mut events: Vec<&EventRow> = events.map(|of| &of.row).collect();
            events.sort_by(|a, b| a.at_s.total_cmp(&b.at_s));
            let effects = Effect::all(&events);
            if effects.is_empty() {
                continue;
            }
            for effect in &effects {
                Self::add(&mut all, results, cell, (effect, &effects))?;
            }
        }
        all.sort_by(|a, b| a.at_s.total_cmp(&b.at_s));
        Ok(all)
    }

    fn add(
        all: &mut Vec<Self>,
        results: &Results,
        cell: &SummaryRow,
        (effect, effects): (&Effect, &[Effect]),
    ) -> Result<(), ResultsError> {
        let is_before = |window| effect.is_before(window, effects);
        let is_during = |window| effect.touches(window);
        let kind = (OperationClass::Read, Measure::Response);
        let Some([before, during]) = results.sums_of_windows(&cell.cell, kind, [&is_before, &is_during])?
        else {
            return Ok(());
        };
        let known = all.iter().position(|one| (&one.fault, one.number) == (&effect.fault, effect.number));
        let at = known.unwrap_or_else(|| {
            all.push(Self::nothing_of(effect, &during));
            all.len() - 1
        });
        let one = &mut all[at];
        one.at_s = one.at_s.min(effect.at_s);
        one.until_s = one.until_s.max(effect.until_s);
        one.repeats += 1;
        let rows =
            results.timeseries.iter().filter(|row| row.cell == cell.cell && row.phase == Phase::Measure);
        for row in rows {
            let window = (row.start_s, row.start_s + row.length_s);
            if is_before(window) {
                one.before.add_window(row);
            }
            if is_during(window) {
                one.during.add_window(row);
                one.effect_s += effect.seconds_in(window);
            }
        }
        results.add_recorded(&cell.cell, &mut one.before.reads, &before)?;
        results.add_recorded(&cell.cell, &mut one.during.reads, &during)
    }

    fn nothing_of(effect: &Effect, like: &Histogram<u64>) -> Self {
        Self {
            fault: effect.fault.clone(),
            number: effect.number,
            at_s: effect.at_s,
            until_s: effect.until_s,
            repeats: 0,
            effect_s: 0.0,
            before: Stretch::nothing(like),
            during: Stretch::nothing(like),
        }
    }

    /// Its row, for the strategy, the topology and the swept values of its runs.
    #[must_use]
    pub fn row(&self, strategy: &str, topology: &str, swept: &str) -> FaultTimesRow {
        FaultTimesRow {
            strategy: strategy.into(),
            topology: topology.into(),
            swept: swept.into(),
            fault: self.fault.clone(),
            number: self.number,
            at_s: self.at_s,
            until_s: Some(self.until_s).filter(|until_s| until_s.is_finite()),
            repeats: self.repeats,
            window_s: self.during.mean_s(),
            effect_share: (self.during.seconds > 0.0).then(|| self.effect_s / self.during.seconds),
            before: self.before.times(),
            during: self.during.times(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(at_s: f64, kind: EventKind, subject: &str) -> EventRow {
        EventRow { at_s, kind, subject: subject.into(), detail: String::new() }
    }

    fn effects(events: &[EventRow]) -> Vec<Effect> {
        Effect::all(&events.iter().collect::<Vec<_>>())
    }

    fn effect(fault: &str, number: u32, at_s: f64, until_s: f64) -> Effect {
        Effect { fault: fault.into(), number, at_s, until_s }
    }

    #[test]
    fn a_fault_has_its_effect_until_it_is_mended_and_operations_succeed_again_and_no_longer_than_until_the_next()
     {
        let found = effects(&[
            event(4.002, EventKind::Fault, "crash-application"),
            event(4.525, EventKind::Mended, "crash-application"),
            event(4.75, EventKind::Recovered, "operations"),
            event(8.009, EventKind::Fault, "kill"),
            event(10.5, EventKind::Recovered, "operations"),
            event(12.187, EventKind::Mended, "kill"),
            event(13.0, EventKind::Fault, "kill"),
            event(15.0, EventKind::Fault, "pause"),
            event(15.5, EventKind::Mended, "kill"),
        ]);
        let expected = [
            effect("crash-application", 1, 4.002, 4.75),
            effect("kill", 1, 8.009, 12.187),
            effect("kill", 2, 13.0, 15.0),
            effect("pause", 1, 15.0, f64::INFINITY),
        ];
        assert_eq!(found, expected);
    }

    #[test]
    fn windows_that_touch_an_effect_are_during_it_and_before_it_are_those_that_touch_none() {
        let all = [effect("crash-application", 1, 4.002, 4.75), effect("kill", 1, 8.009, 12.187)];
        let windows = |picks: &dyn Fn((f64, f64)) -> bool| -> Vec<f64> {
            let starts = (0..64).map(|number| f64::from(number) * 0.25);
            starts.filter(|start_s| picks((*start_s, start_s + 0.25))).collect()
        };
        assert_eq!(windows(&|window| all[0].touches(window)), [4.0, 4.25, 4.5]);
        let during = windows(&|window| all[1].touches(window));
        assert_eq!((during.first(), during.last(), during.len()), (Some(&8.0), Some(&12.0), 17));
        let before = windows(&|window| all[1].is_before(window, &all));
        assert_eq!(before.len(), 16 + 13, "those from 4 s to 4.75 s are the first fault's");
        assert!(!all[1].touches((12.0, 12.0)), "what was answered after the end is in no window");
        assert!((all[0].seconds_in((4.0, 4.25)) - 0.248).abs() < 1e-9);
    }
}
