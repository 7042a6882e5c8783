//! Where the cache and the database live: one file a topology, and the servers that hotset starts for them.

pub mod servers;
