//! `entities.csv`: one row for each kind of entity of each cell: who serves it, what is promised of it, what was found.

use super::columns::columns;
use super::{AuditedReads, Judgement, StoresAtEnd};

columns! {
    /// One kind of entity in one cell. Columns mean what they do in `summary.csv`, for this kind alone.
    pub struct EntityRow {
        /// The kind of entity.
        entity: String,
        /// The strategy that serves it; empty where it lives in the cache whatever the strategy.
        served_by: String,
        /// The guarantee that is given for it.
        guarantee: String,
        /// See [`Judgement`].
        group judgement: Judgement,
        /// See [`AuditedReads`].
        group audited: AuditedReads,
        /// See [`StoresAtEnd`].
        group at_end: StoresAtEnd,
    }
}
