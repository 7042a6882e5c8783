//! The CSV files of a run: each is a name, a kind of row and a sentence, in one line here.

use super::columns::{Column, Columns, columns_of};
use super::{
    AuditRow, CAPACITIES, CURVE, CurveRow, EnoughCacheRow, EntityRow, ErrorRow, EventRow, FAULTS,
    FaultTimesRow, FigureRow, LatencyRow, NodeRow, OperationRow, Origin, PhaseRow, STATISTICS, SUMMARY,
    SearchRow, StatisticsRow, StepRow, SummaryRow, TimeseriesRow,
};

/// Calls a macro with the files that hold many rows of a cell, in the order in which they are written.
macro_rules! long_files {
    ($then:ident) => {
        $then! {
            /// The windows of each cell, the warm-up included.
            timeseries: TimeseriesRow = TIMESERIES, "timeseries.csv",
            /// The points of each cell's percentile spectra.
            latency: LatencyRow = LATENCY, "latency.csv",
            /// The things that happened in each cell.
            events: EventRow = EVENTS, "events.csv",
            /// What failed in each cell, by step and kind, with the words of the first.
            errors: ErrorRow = ERRORS, "errors.csv",
            /// Up to a hundred examples of what the audit found in each cell.
            audit: AuditRow = AUDIT, "audit.csv",
            /// The nodes of each cell's cache, as they were when measuring ended.
            nodes: NodeRow = NODES, "nodes.csv",
            /// The kinds of operation of each cell.
            operations: OperationRow = OPERATIONS, "operations.csv",
            /// The kinds of entity of each cell.
            entities: EntityRow = ENTITIES, "entities.csv",
            /// The figures of each cell's application that no other file has.
            application: FigureRow = APPLICATION, "application.csv",
            /// The phases of each cell's load.
            phases: PhaseRow = PHASES, "phases.csv",
            /// The steps of each cell's staircase.
            staircase: StepRow = STAIRCASE, "staircase.csv",
            /// The runs of each cell's search for the highest rate that holds.
            search: SearchRow = SEARCH, "search.csv",
        }
    };
}
pub(super) use long_files;

macro_rules! names {
    ($(#[doc = $doc:literal] $field:ident: $row:ty = $name:ident, $file:literal,)*) => { $(
        #[doc = $doc]
        pub const $name: &str = $file;
    )* };
}
long_files!(names);

/// The files that earlier versions of hotset did not write: a run without one has no rows of it.
pub(super) const LATER: [&str; 3] = [PHASES, STAIRCASE, SEARCH];

/// A file of the results, for who wants to know what it holds.
#[derive(Debug, Clone)]
pub struct FileGuide {
    /// Its name.
    pub name: &'static str,
    /// The content of the file, in a sentence.
    pub about: &'static str,
    /// Its columns; without those of swept keys, which have the keys' names.
    pub columns: Vec<Column>,
}

/// Every CSV that hotset writes.
#[must_use]
pub fn file_guides() -> Vec<FileGuide> {
    let mut guides = vec![FileGuide {
        name: SUMMARY,
        about: "One row for each finished cell, which is a strategy on a topology with one set of swept values, once.",
        columns: columns_of::<SummaryRow>(),
    }];
    macro_rules! guides {
        ($(#[doc = $doc:literal] $field:ident: $row:ty = $name:ident, $file:literal,)*) => { $(
            guides.push(FileGuide { name: $name, about: $doc.trim_ascii(), columns: of_origin::<$row>() });
        )* };
    }
    long_files!(guides);
    guides.push(FileGuide {
        name: STATISTICS,
        about: "One row for each figure of each strategy, topology and set of swept values, over its repeats: how sure it is, and how it compares with no cache and with the best.",
        columns: columns_of::<StatisticsRow>(),
    });
    guides.push(FileGuide {
        name: FAULTS,
        about: "One row for each fault with each strategy, topology and set of swept values, over its repeats: what reads took while it had its effect, and before it.",
        columns: columns_of::<FaultTimesRow>(),
    });
    guides.push(FileGuide {
        name: CAPACITIES,
        about: "One row for each strategy and topology whose capacity was swept, and each hit rate that is asked for: how much cache that takes as theory has it; nothing of it was measured.",
        columns: columns_of::<EnoughCacheRow>(),
    });
    guides.push(FileGuide {
        name: CURVE,
        about: "Hit rate against capacity, as `hotset curve` computes it: one row for each point.",
        columns: columns_of::<CurveRow>(),
    });
    guides
}

fn of_origin<R: Columns>() -> Vec<Column> {
    [columns_of::<Origin>(), columns_of::<R>()].concat()
}
