//! Figures that only an application knows of a cell, as rows of `application.csv`.

use std::time::Duration;

use super::observed::Observed;
use crate::application::{Figure, Judged};
use crate::results::FigureRow;
use crate::run::plan::Cell;
use crate::strategy::{Guarantee, Staleness};

/// The rows of a cell.
#[must_use]
pub fn of(cell: &Cell, observed: &Observed) -> Vec<FigureRow> {
    let row = |figure: &Figure| FigureRow {
        figure: figure.name.into(),
        value: figure.value,
        unit: figure.unit.into(),
    };
    let judged: Vec<Judged> = (0..)
        .zip(cell.guarantees())
        .map(|(entity, guarantee)| judged(observed, entity, &guarantee))
        .collect();
    let more = cell.scenario.application.spec.figures(&judged);
    observed.application.iter().chain(&more).map(row).collect()
}

/// The greatest age of an answer beside the one that is promised.
fn judged(observed: &Observed, entity: usize, guarantee: &Guarantee) -> Judged {
    let bound = match guarantee.staleness {
        Staleness::None => Some(Duration::ZERO),
        Staleness::Within(bound) => Some(bound),
        Staleness::UntilEvicted => None,
    };
    let found = observed.load.all.anomalies_of(entity);
    Judged { audited: found.audited, oldest: found.age_at(1.0), bound }
}
