//! Calls of the two stores, and what follows from them for each operation.

use super::observed::Observed;
use super::rounding::share;
use crate::results::{CallsPerOperation, StoreCalls};
use crate::store::CountersSnapshot;

/// The calls as the result files count them.
#[must_use]
pub fn calls(calls: &CountersSnapshot) -> StoreCalls {
    StoreCalls {
        db_reads: calls.database_reads,
        db_writes: calls.database_writes,
        cache_commands: calls.cache_commands,
    }
}

/// The calls of a cell for each of its operations that were answered.
#[must_use]
pub fn per_operation(observed: &Observed) -> CallsPerOperation {
    let answered = observed.load.all.successes();
    let calls = calls(&observed.load.calls);
    CallsPerOperation {
        db_reads_per_op: share(calls.db_reads, answered),
        db_writes_per_op: share(calls.db_writes, answered),
        cache_commands_per_op: share(calls.cache_commands, answered),
    }
}
