//! `audit.csv`: examples of what the audit found, up to a hundred a cell.

use super::columns::{columns, words};

words! {
    /// The kinds of anomaly of answers and of the stores at the end, in the order in which they are shown.
    #[derive(Default)]
    pub enum AnomalyKind {
        /// The answer is older than what was acknowledged when the read was sent.
        #[default]
        Stale = "stale",
        /// The answer is older than a write that the database held although a later step failed.
        StaleAfterFailedStep = "stale-after-failed-step",
        /// A field is older than the document's version says.
        DroppedField = "dropped-field",
        /// The document is not what was written.
        Corrupt = "corrupt",
        /// The answer is older than what the same client already knew.
        NonMonotonic = "non-monotonic",
        /// The answer is older than the client's own acknowledged write.
        NotOwnWrite = "not-own-write",
        /// A write was acknowledged, and is no longer in the database at the end.
        Lost = "lost",
        /// The cache holds another document than the database at the end.
        Divergent = "divergent",
        /// A session let somebody in after its log-out was acknowledged.
        ValidatedAfterLogOut = "validated-after-log-out",
        /// A session let somebody in after it had expired.
        ValidatedAfterExpiry = "validated-after-expiry",
        /// A session was no longer there although nobody had ended it.
        LostSession = "lost-session",
    }
}

impl AnomalyKind {
    /// What it is, as people read it.
    #[must_use]
    pub fn meaning(self) -> &'static str {
        match self {
            Self::Stale => "the answer lacks a write that had been acknowledged when the read was sent",
            Self::StaleAfterFailedStep => {
                "the answer lacks a write that was never acknowledged: the database had taken it, and then a later step of it failed; it counts \
                 as no stale read"
            }
            Self::DroppedField => "a field of the answer is older than the version of the answer says",
            Self::Corrupt => "the answer is not what was written",
            Self::NonMonotonic => "the answer is older than what the same client had already read",
            Self::NotOwnWrite => "the answer lacks an acknowledged write of the same client",
            Self::Lost => "a write was acknowledged, and the database did not have it at the end",
            Self::Divergent => "the cache held another document than the database at the end",
            Self::ValidatedAfterLogOut => "a session let somebody in after its log-out was acknowledged",
            Self::ValidatedAfterExpiry => "a session let somebody in after it had expired",
            Self::LostSession => "a session was gone although nobody had ended it",
        }
    }
}

columns! {
    /// One anomaly, with what proves it.
    pub struct AuditRow {
        /// The kind of anomaly.
        kind: AnomalyKind,
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
        /// The time for which the answer had been out of date when it was asked for.
        age_ms: Option<f64> as "ms",
        /// The particulars.
        detail: String,
    }
}
