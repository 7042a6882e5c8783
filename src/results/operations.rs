//! `operations.csv`: one row for each kind of operation of each cell.

use super::columns::columns;
use super::{Answers, Judgement, OperationClass, Times};

columns! {
    /// One kind of operation in one cell.
    pub struct OperationRow {
        /// The kind of operation.
        operation: String,
        /// The class of the operation, by what it does to the data.
        class: OperationClass,
        /// The number of operations that ended, however they ended.
        operations: u64,
        /// Their share of all operations.
        share: Option<f64> as "share",
        /// Those that were answered within the measured time, by second.
        achieved_per_s: f64 as "1/s",
        /// See [`Answers`].
        group answers: Answers,
        /// The response time of this kind alone.
        group response: Times as "response_",
        /// The service time of this kind alone.
        group service: Times as "service_",
        /// The kinds of entity that it shows or changes, with `;` between them.
        entities: String,
        /// See [`Judgement`].
        group judgement: Judgement,
    }
}
