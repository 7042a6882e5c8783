//! What a kind of fault is, whatever its settings.

use crate::scenario::Positive;
use crate::topology::Target;

/// The nature of a kind of fault.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Nature {
    /// The part of the system that it breaks.
    pub part: Part,
    /// The targets that it can be aimed at.
    pub aim: Aim,
    /// The time that it lasts.
    pub lasts: Lasts,
    /// True if a primary may lose its place by it.
    pub may_move_primary: bool,
    /// True if the nodes of the cache may be others afterwards, so that the next cell needs new ones.
    pub wears_nodes_out: bool,
}

/// The part of the system that a fault breaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// The servers of the cache, or what they hold. A strategy that uses no cache does not notice.
    Cache,
    /// The server of the database, or its speed.
    Database,
    /// The link to one of them, which then goes through a relay.
    Link,
    /// An instance of the application, which then has a switch.
    Application,
}

/// The times that faults last.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Lasts {
    /// It happens at once or ends by itself, and takes no `for`.
    AtOnce,
    /// As long as `for` says, or this long.
    For(Positive),
    /// As long as `for` says, and for good without it.
    ForGood,
}

/// The targets that a fault can be aimed at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Aim {
    /// Always this; a scenario names no target.
    Fixed(Target),
    /// An instance of the application.
    Instance,
    /// A node of the cache.
    Node,
    /// A shard of the cache.
    Shard,
    /// A link.
    Link,
}

impl Aim {
    /// Returns what it is aimed at where a scenario names no target.
    #[must_use]
    pub fn default_target(self) -> Target {
        match self {
            Self::Fixed(target) => target,
            Self::Instance => Target::Instance(0),
            Self::Node | Self::Shard => Target::Shard(0),
            Self::Link => Target::Cache,
        }
    }

    /// Returns how its targets are written; `None` where there is nothing to choose.
    #[must_use]
    pub fn expects(self) -> Option<&'static str> {
        match self {
            Self::Fixed(_) => None,
            Self::Instance => Some("the number of an instance (0)"),
            Self::Node => Some(
                "\"shard0\" for a primary, \"shard0-replica0\" for a replica, \"sentinel0\" for a sentinel",
            ),
            Self::Shard => Some("\"shard0\""),
            Self::Link => Some("\"cache\" or \"database\""),
        }
    }

    /// Returns true if the target is one of its own.
    #[must_use]
    pub fn allows(self, target: Target) -> bool {
        match self {
            Self::Fixed(only) => target == only,
            Self::Instance => matches!(target, Target::Instance(_)),
            Self::Node => matches!(target, Target::Shard(_) | Target::Replica { .. } | Target::Sentinel(_)),
            Self::Shard => matches!(target, Target::Shard(_)),
            Self::Link => matches!(target, Target::Cache | Target::Database),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_aim_allows_the_target_that_it_has_by_default() {
        let aims = [Aim::Fixed(Target::Database), Aim::Instance, Aim::Node, Aim::Shard, Aim::Link];
        for aim in aims {
            assert!(aim.allows(aim.default_target()), "{aim:?}");
        }
    }

    #[test]
    fn a_shard_is_no_replica_and_a_link_is_no_node() {
        assert!(Aim::Node.allows(Target::Sentinel(0)));
        assert!(!Aim::Shard.allows(Target::Replica { shard: 0, replica: 0 }));
        assert!(!Aim::Node.allows(Target::Cache));
        assert!(!Aim::Link.allows(Target::Shard(0)));
        assert!(!Aim::Fixed(Target::Cache).allows(Target::Database));
    }
}
