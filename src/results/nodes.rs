//! `nodes.csv`: one row for each node of the cache of each cell, where the cache has servers.

use serde::{Deserialize, Serialize};

/// One node, as it was at the end of the measured time.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct NodeRow {
    /// The cell's id.
    pub cell: String,
    /// Which shard it belongs to.
    pub shard: String,
    /// Where it listens.
    pub address: String,
    /// `primary` or `replica`.
    pub role: String,
    /// The hash slots that it serves, where there are slots.
    pub slots: Option<u64>,
    /// The keys that it holds.
    pub keys: u64,
    /// Its keys by those of all primaries, or of all replicas.
    pub keys_share: Option<f64>,
    /// The commands that it carried out in the measured time, those of scripts and of replication included; empty where it
    /// was started anew meanwhile.
    pub commands: Option<u64>,
    /// Its commands by those of all nodes.
    pub commands_share: Option<f64>,
}
