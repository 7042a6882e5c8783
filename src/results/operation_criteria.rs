//! The figures that one kind of an application's operations can be held to, as [`super::criteria`] are those of all.

use super::{OperationRow, Unit};

/// A figure of one kind of operation.
#[derive(Debug, Clone, Copy)]
pub struct OperationCriterion {
    /// Its name in requirements, such as `p99`.
    pub name: &'static str,
    /// What it is, in a sentence.
    pub meaning: &'static str,
    /// How it is written.
    pub unit: Unit,
    /// The figure of one run.
    pub of_row: fn(&OperationRow) -> Option<f64>,
}

/// Every figure of one kind of operation.
pub const OPERATION_CRITERIA: &[OperationCriterion] = &[
    OperationCriterion {
        name: "throughput",
        meaning: "Operations of this kind that were answered within the measured time, a second.",
        unit: Unit::Count,
        of_row: |row| Some(row.achieved_per_s),
    },
    OperationCriterion {
        name: "p50",
        meaning: "The median of their response time.",
        unit: Unit::Micros,
        of_row: |row| row.response.p50_us,
    },
    OperationCriterion {
        name: "p95",
        meaning: "The 95th percentile of their response time.",
        unit: Unit::Micros,
        of_row: |row| row.response.p95_us,
    },
    OperationCriterion {
        name: "p99",
        meaning: "The 99th percentile of their response time.",
        unit: Unit::Micros,
        of_row: |row| row.response.p99_us,
    },
    OperationCriterion {
        name: "p999",
        meaning: "The 99.9th percentile of their response time.",
        unit: Unit::Micros,
        of_row: |row| row.response.p999_us,
    },
    OperationCriterion {
        name: "failed",
        meaning: "The share of them that ended in an error or were given up.",
        unit: Unit::Share,
        of_row: |row| (row.operations > 0).then(|| row.answers.failures() as f64 / row.operations as f64),
    },
    OperationCriterion {
        name: "hit_rate",
        meaning: "The share of their lookups that the cache answered.",
        unit: Unit::Share,
        of_row: |row| row.answers.hit_rate,
    },
];

/// The figure of this name.
#[must_use]
pub fn named_of_operation(name: &str) -> Option<&'static OperationCriterion> {
    OPERATION_CRITERIA.iter().find(|figure| figure.name == name)
}
