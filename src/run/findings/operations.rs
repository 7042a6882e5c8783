//! What was measured of each kind of operation.

use super::observed::Observed;
use super::rounding::{share, to_thousandths};
use super::{audit, latency};
use crate::application::OperationKind;
use crate::results::{Judgement, Measure, OperationRow, Verdict};
use crate::run::plan::Cell;

/// A row for each kind of operation.
#[must_use]
pub fn of(cell: &Cell, observed: &Observed, verdicts: &[(Verdict, String)]) -> Vec<OperationRow> {
    let kinds = cell.scenario.application.spec.operations();
    let rows = (0..).zip(kinds).map(|(number, kind)| (kind, row(cell, observed, number, kind, verdicts)));
    // A kind that occurs only where it is asked for is not told of elsewhere.
    rows.filter(|(kind, row)| kind.share > 0.0 || row.operations > 0).map(|(_, row)| row).collect()
}

fn row(
    cell: &Cell,
    observed: &Observed,
    number: u8,
    kind: &OperationKind,
    verdicts: &[(Verdict, String)],
) -> OperationRow {
    let load = &observed.load;
    let operations = load.all.count_of(|kind, _| kind == number);
    let in_time = load
        .windows
        .iter()
        .map(|window| window.operations.count_of(|kind, class| kind == number && class.is_success()));
    let entities = cell.scenario.application.spec.entities();
    let times = |measure| load.all.times(measure, |kind, outcome| outcome.is_success() && kind == number);
    let shown = kind.shows.iter().filter_map(|entity| verdicts.get(*entity));
    OperationRow {
        operation: latency::name_of(cell, kind).into(),
        class: kind.class,
        operations,
        share: share(operations, load.all.operations()),
        achieved_per_s: to_thousandths(in_time.sum::<u64>() as f64 / load.length.as_secs_f64()),
        answers: load.all.answers(|kind| kind == number),
        response: times(Measure::Response),
        service: times(Measure::Service),
        entities: kind.shows.iter().map(|entity| entities[*entity].name).collect::<Vec<_>>().join(";"),
        judgement: if operations > 0 && observed.audited.is_some() {
            audit::worst(shown)
        } else {
            Judgement::default()
        },
    }
}
