//! `audit.csv`: examples of what the audit found, up to a hundred a cell.

use super::columns::columns;

columns! {
    /// One anomaly, with what proves it.
    pub struct AuditRow {
        /// The kind of anomaly: `stale`, `stale-after-failed-step`, `corrupt`, `dropped-field`, `non-monotonic`,
        /// `not-own-write`, `lost` or `divergent`; of sessions also `validated-after-log-out`, `validated-after-expiry` and
        /// `lost-session`.
        kind: String,
        /// The kind of entity: `product`, `inventory`, ….
        entity: String,
        /// The id of the document.
        key: String,
        /// The field, where it is about one.
        field: Option<String>,
        /// The version that was read, or that the store holds at the end.
        read_version: Option<u64>,
        /// The version that had been acknowledged, or that the other store holds.
        expected_version: Option<u64>,
        /// The instance that read.
        reader_instance: Option<u64>,
        /// The instance that wrote what is missing.
        writer_instance: Option<u64>,
        /// When the first version that is missing was acknowledged, or a session's end, or when its time was over;
        /// from the start of measuring.
        acknowledged_s: Option<f64> as "s",
        /// When the read was sent, from the start of measuring.
        sent_s: Option<f64> as "s",
        /// When the read was answered, from the start of measuring.
        done_s: Option<f64> as "s",
        /// How long the answer had been out of date when it was asked for.
        age_ms: Option<f64> as "ms",
        /// The particulars.
        detail: String,
    }
}
