//! A part of the system under test, as scenarios name it.

use crate::scenario::{Setting, Value, ValueKind};

/// A part of the system under test.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Target {
    /// An instance of the application.
    Instance(u64),
    /// Whoever is the primary of a shard by then.
    Shard(u64),
    /// One of those that copy it by then.
    Replica {
        /// The shard.
        shard: u64,
        /// The number of the replica.
        replica: u64,
    },
    /// A sentinel.
    Sentinel(u64),
    /// The link to the cache, or all of the cache.
    Cache,
    /// The link to the database.
    Database,
}

impl Setting for Target {
    fn expects() -> String {
        "\"shard0\", \"shard0-replica0\", \"sentinel0\", \"cache\", \"database\" or the number of an instance"
            .into()
    }

    fn read(value: &Value) -> Result<Self, Option<String>> {
        match &value.kind {
            ValueKind::Integer(_) => u64::read(value).map(Self::Instance),
            ValueKind::String(text) => parse(text).ok_or_else(|| Some(format!("\"{text}\" is no target"))),
            _ => Err(None),
        }
    }

    fn show(&self) -> String {
        match self {
            Self::Instance(number) => number.to_string(),
            other => format!("\"{}\"", other.name()),
        }
    }
}

impl Target {
    /// Returns the name in scenarios.
    #[must_use]
    pub fn name(self) -> String {
        match self {
            Self::Instance(number) => format!("instance {number}"),
            Self::Shard(shard) => format!("shard{shard}"),
            Self::Replica { shard, replica } => format!("shard{shard}-replica{replica}"),
            Self::Sentinel(number) => format!("sentinel{number}"),
            Self::Cache => "cache".into(),
            Self::Database => "database".into(),
        }
    }
}

fn parse(text: &str) -> Option<Target> {
    if let Some((shard, replica)) = text.split_once('-') {
        let shard = shard.strip_prefix("shard")?.parse().ok()?;
        return Some(Target::Replica { shard, replica: replica.strip_prefix("replica")?.parse().ok()? });
    }
    if let Some(shard) = text.strip_prefix("shard") {
        return shard.parse().ok().map(Target::Shard);
    }
    if let Some(sentinel) = text.strip_prefix("sentinel") {
        return sentinel.parse().ok().map(Target::Sentinel);
    }
    match text {
        "cache" => Some(Target::Cache),
        "database" => Some(Target::Database),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_is_read_as_it_is_written() {
        let all = [
            Target::Shard(2),
            Target::Replica { shard: 1, replica: 3 },
            Target::Sentinel(0),
            Target::Cache,
            Target::Database,
        ];
        for target in all {
            assert_eq!(parse(&target.name()), Some(target));
        }
        for nonsense in ["shard", "shard1-", "replica0", "shardx", "sentinel-1", ""] {
            assert_eq!(parse(nonsense), None, "{nonsense}");
        }
    }
}
