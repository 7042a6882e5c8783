//! What a run leaves on disk: one kind of row a file, declared once by its columns, and the reader and the writer of
//! the folder.
//!
//! A cell counts as finished once its row in `summary.csv` is complete, which is written last. The reference of every
//! column is made of the declarations here (`hotset list columns`, docs/results.md).
//!
//! This room stands on floor 1 and may use `base`.

mod application;
mod audit;
mod baseline;
pub mod columns;
mod cost;
mod criteria;
mod csv_text;
mod curve;
mod directory;
mod durable;
mod enough_cache;
mod entities;
mod error;
mod events;
mod failures;
mod fault_times;
mod file_name;
mod files;
mod groups;
mod interval_log;
mod latency;
mod lines;
mod nodes;
mod numbers;
mod operation_criteria;
mod operations;
mod origin;
mod phases;
mod precision;
mod proposal;
mod rates;
mod read;
mod requirement;
mod run_info;
mod statistics;
mod summary;
mod timeseries;
mod verdict;

pub use application::FigureRow;
pub use audit::{AnomalyKind, AuditRow};
pub use baseline::{Baseline, Replace, baseline_path, baselines, save_baseline};
pub use cost::PriceList;
pub use criteria::{Better, CRITERIA, Criterion, OfRow, Over, Unit, named};
pub use curve::{CURVE, CurveRow, CurveSource, write_curve};
pub use directory::{CellResults, ResultsDir};
pub use durable::{write_atomically, write_named};
pub use enough_cache::{CAPACITIES, EnoughCacheRow, capacities_csv};
pub use entities::EntityRow;
pub use error::ResultsError;
pub use events::{EventKind, EventRow};
pub use failures::{ErrorRow, FailedStep};
pub use fault_times::{FAULTS, FaultTimesRow, StretchTimes, faults_csv};
pub use file_name::{file_safe, file_safe_within, interval_log_name, segment_record_name};
pub use files::{
    APPLICATION, AUDIT, ENTITIES, ERRORS, EVENTS, FileGuide, LATENCY, NODES, OPERATIONS, PHASES, SEARCH,
    STAIRCASE, TIMESERIES, file_guides,
};
pub use groups::{
    Answers, AtRisk, AuditedReads, BacklogUse, CacheUse, CallsPerOperation, Cores, Cost, DatabaseLoad,
    FailedSteps, Judgement, Limits, OfferedStream, Outages, Predicted, QueueDepths, StoreCalls, StoresAtEnd,
    Times, WindowTimes, WrongReads,
};
pub use interval_log::{Interval, PicksWindow, interval_log, merged_histograms};
pub use latency::{LatencyRow, Measure, OperationClass, OutcomeClass, spectrum};
pub use nodes::{NodeRole, NodeRow};
pub use operation_criteria::{OPERATION_CRITERIA, OperationCriterion, named_of_operation};
pub use operations::OperationRow;
pub use origin::{Of, Origin};
pub use phases::PhaseRow;
pub use precision::{EndedBy, KnownPrecision};
pub use rates::{AtRate, SearchRow, StepRow};
pub use read::Results;
pub use requirement::{Relation, Requirement};
pub use run_info::{Build, ClientDigest, LatencyFloor, Machine, RunInfo, SegmentInfo, Server};
pub use statistics::{Difference, PairedFigure, STATISTICS, StatisticsRow, statistics_csv};
pub use summary::{Mode, Status, SummaryRow};
pub use timeseries::{Phase, TimeseriesRow};
pub use verdict::{HeldIn, LimitedBy, Verdict};

/// One row for each finished cell.
pub const SUMMARY: &str = "summary.csv";
/// The record of a run: what was run, where, and with what.
pub const RUN_INFO: &str = "run.json";
