//! `nodes.csv`: one row for each node of the cache of each cell, where the cache has servers.

use super::columns::{columns, words};

words! {
    /// The roles of a node of the cache in its shard.
    #[derive(Default)]
    pub enum NodeRole {
        /// It takes the writes.
        #[default]
        Primary = "primary",
        /// It follows a primary.
        Replica = "replica",
    }
}

columns! {
    /// One node, as it was at the end of the measured time.
    pub struct NodeRow {
        /// The shard, `shard0` and so on; a cluster's are numbered in the order of their lowest slots when it is
        /// first seen; they keep their names when slots move or a replica takes over, and a shard that is added gets
        /// the next number.
        shard: String,
        /// Where it listens.
        address: String,
        /// The role of the node in its shard at the end.
        role: NodeRole,
        /// The hash slots that it serves, of a cluster's primary.
        slots: Option<u64>,
        /// The keys that it holds.
        keys: u64,
        /// Its keys by those of all primaries, or of all replicas.
        keys_share: Option<f64> as "share",
        /// The commands that it carried out in the measured time; empty where it was started anew meanwhile.
        commands: Option<u64>,
        /// Its commands by those of all nodes.
        commands_share: Option<f64> as "share",
    }
}
