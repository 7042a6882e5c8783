//! Things that a scenario breaks at set times.

mod sense;

use std::num::NonZeroU64;
use std::time::Duration;

pub use sense::cannot_suffer;

use crate::scenario::{Positive, Reader, Setting};
pub use crate::topology::Target;
use crate::units::ByteSize;

crate::choices! {
    /// What is broken.
    pub enum FaultKind {
        /// Every managed cache server is killed (SIGKILL) and started again after `for`.
        StopCache = "stop-cache",
        /// The managed database server is killed (SIGKILL) and started again after `for`.
        StopDatabase = "stop-database",
        /// The cache loses every entry of this run at once; there is nothing to mend.
        Flush = "flush",
        /// Every call of the database takes `delay` longer, for as long as `for` says.
        SlowDatabase = "slow-database",
        /// One instance of the application, `target`, loses all that it holds in memory, and starts again after `for`.
        CrashApplication = "crash-application",
        /// One node of the cache, `target`, is killed (SIGKILL); with `for` it is started again after that.
        Kill = "kill",
        /// One node of the cache, `target`, is frozen (SIGSTOP) and goes on after `for` (SIGCONT): its connections stay open and silent.
        Pause = "pause",
        /// One node of the cache, `target`, is asked to end (SIGTERM) and started again at once.
        Restart = "restart",
        /// A replica of the shard `target` becomes its primary, by order of Sentinel or the cluster.
        Failover = "failover",
        /// The memory of every primary is filled up with what nobody asks for, which is removed after `for`.
        FillMemory = "fill-memory",
        /// A round trip over the link `target` (`cache` or `database`) takes `delay` longer, and up to `jitter`, for as long as `for` says.
        Slow = "slow",
        /// Nothing gets through the link `target` for as long as `for` says, and nobody is told; what was under way comes after that.
        Cut = "cut",
        /// Every connection over the link `target` is reset at once; there is nothing to mend.
        Reset = "reset",
        /// No more than `rate` a second gets through the link `target` in each direction, for as long as `for` says.
        Throttle = "throttle",
        /// The cluster gets one more primary, and its share of the slots is moved to it.
        AddShard = "add-shard",
        /// The slots of the cluster's shard `target` are moved to the others, and it is taken out.
        RemoveShard = "remove-shard",
    }
}

/// The part of the system that a fault breaks, with what it does there.
///
/// Every match over it names all its cases, so that a kind of fault that nobody carries out does not compile.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Breaks {
    /// The servers of the cache, or what they hold.
    Cache(CacheFault),
    /// The server of the database, or its speed.
    Database(DatabaseFault),
    /// The link to one of them.
    Link(LinkFault),
    /// An instance of the application.
    Application,
}

/// The faults of the cache. Each is the kind of the same name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CacheFault {
    /// See [`FaultKind::StopCache`].
    StopAll,
    /// See [`FaultKind::Flush`].
    Flush,
    /// See [`FaultKind::Kill`].
    Kill,
    /// See [`FaultKind::Pause`].
    Pause,
    /// See [`FaultKind::Restart`].
    Restart,
    /// See [`FaultKind::Failover`].
    Failover,
    /// See [`FaultKind::FillMemory`].
    FillMemory,
    /// See [`FaultKind::AddShard`].
    AddShard,
    /// See [`FaultKind::RemoveShard`].
    RemoveShard,
}

/// The faults of the database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DatabaseFault {
    /// See [`FaultKind::StopDatabase`].
    Stop,
    /// See [`FaultKind::SlowDatabase`].
    Slow,
}

/// The faults of a link.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LinkFault {
    /// See [`FaultKind::Slow`].
    Slow,
    /// See [`FaultKind::Cut`].
    Cut,
    /// See [`FaultKind::Reset`].
    Reset,
    /// See [`FaultKind::Throttle`].
    Throttle,
}

impl FaultKind {
    /// Returns the part of the system that it breaks.
    #[must_use]
    pub fn breaks(self) -> Breaks {
        match self {
            Self::StopCache => Breaks::Cache(CacheFault::StopAll),
            Self::Flush => Breaks::Cache(CacheFault::Flush),
            Self::Kill => Breaks::Cache(CacheFault::Kill),
            Self::Pause => Breaks::Cache(CacheFault::Pause),
            Self::Restart => Breaks::Cache(CacheFault::Restart),
            Self::Failover => Breaks::Cache(CacheFault::Failover),
            Self::FillMemory => Breaks::Cache(CacheFault::FillMemory),
            Self::AddShard => Breaks::Cache(CacheFault::AddShard),
            Self::RemoveShard => Breaks::Cache(CacheFault::RemoveShard),
            Self::StopDatabase => Breaks::Database(DatabaseFault::Stop),
            Self::SlowDatabase => Breaks::Database(DatabaseFault::Slow),
            Self::Slow => Breaks::Link(LinkFault::Slow),
            Self::Cut => Breaks::Link(LinkFault::Cut),
            Self::Reset => Breaks::Link(LinkFault::Reset),
            Self::Throttle => Breaks::Link(LinkFault::Throttle),
            Self::CrashApplication => Breaks::Application,
        }
    }

    /// Returns true if it breaks a link.
    #[must_use]
    pub fn is_of_a_link(self) -> bool {
        matches!(self.breaks(), Breaks::Link(_))
    }

    /// Returns true if it breaks the servers of the cache, or what they hold.
    #[must_use]
    pub fn is_of_the_cache(self) -> bool {
        matches!(self.breaks(), Breaks::Cache(_))
    }

    /// Whether one must be able to signal the process.
    #[must_use]
    pub fn needs_process(self) -> bool {
        matches!(
            self,
            Self::StopCache | Self::Kill | Self::Pause | Self::Restart | Self::AddShard | Self::RemoveShard
        )
    }

    /// Whether the nodes of the cache may be others afterwards, so that the next cell needs new ones.
    #[must_use]
    pub fn wears_nodes_out(self) -> bool {
        self.is_of_the_cache() && !matches!(self, Self::StopCache | Self::Flush)
    }

    /// Whether a primary may lose its place by it.
    #[must_use]
    pub fn may_fail_over(self) -> bool {
        matches!(self, Self::Kill | Self::Pause | Self::Restart | Self::Failover | Self::StopCache)
    }

    /// Whether it takes a time that `for` says.
    fn lasts(self) -> bool {
        !matches!(
            self,
            Self::Flush | Self::Restart | Self::Failover | Self::Reset | Self::AddShard | Self::RemoveShard
        )
    }

    fn default_target(self) -> Target {
        match self {
            Self::CrashApplication => Target::Instance(0),
            Self::Kill | Self::Pause | Self::Restart | Self::Failover | Self::RemoveShard => Target::Shard(0),
            Self::StopDatabase | Self::SlowDatabase => Target::Database,
            Self::StopCache
            | Self::Flush
            | Self::FillMemory
            | Self::AddShard
            | Self::Slow
            | Self::Cut
            | Self::Reset
            | Self::Throttle => Target::Cache,
        }
    }

    /// What it may be aimed at, where it is aimed.
    fn takes_target(self) -> Option<&'static str> {
        match self {
            Self::CrashApplication => Some("the number of an instance (0)"),
            Self::Kill | Self::Pause | Self::Restart => Some(
                "\"shard0\" for a primary, \"shard0-replica0\" for a replica, \"sentinel0\" for a sentinel",
            ),
            Self::Failover | Self::RemoveShard => Some("\"shard0\""),
            Self::Slow | Self::Cut | Self::Reset | Self::Throttle => Some("\"cache\" or \"database\""),
            Self::StopCache
            | Self::StopDatabase
            | Self::Flush
            | Self::SlowDatabase
            | Self::FillMemory
            | Self::AddShard => None,
        }
    }

    fn can_be_aimed_at(self, target: Target) -> bool {
        match self {
            Self::CrashApplication => matches!(target, Target::Instance(_)),
            Self::Kill | Self::Pause | Self::Restart => {
                matches!(target, Target::Shard(_) | Target::Replica { .. } | Target::Sentinel(_))
            }
            Self::Failover | Self::RemoveShard => matches!(target, Target::Shard(_)),
            Self::Slow | Self::Cut | Self::Reset | Self::Throttle => {
                matches!(target, Target::Cache | Target::Database)
            }
            // These cannot be aimed: their target is the default one.
            Self::StopCache
            | Self::StopDatabase
            | Self::Flush
            | Self::SlowDatabase
            | Self::FillMemory
            | Self::AddShard => target == self.default_target(),
        }
    }
}

/// One `[[fault]]`.
#[derive(Debug, Clone, PartialEq)]
pub struct Fault {
    /// When, from the start of measuring.
    pub at: Duration,
    /// What.
    pub kind: FaultKind,
    /// For how long; a killed node without it stays dead.
    pub lasts: Option<Positive>,
    /// Whom it hits.
    pub target: Target,
    /// How much longer a call of the database or a round trip takes.
    pub delay: Positive,
    /// Up to how much longer than that a round trip takes.
    pub jitter: Duration,
    /// How many bytes a second get through.
    pub rate: ByteSize,
}

impl Fault {
    /// How long it lasts: no time at all where there is nothing to mend.
    #[must_use]
    pub fn lasts(&self) -> Duration {
        self.lasts.map_or(Duration::ZERO, |lasts| lasts.0)
    }

    /// Reads one table; what is wrong goes to the reader's mistakes.
    #[must_use]
    pub fn read(reader: &Reader<'_>, instances: NonZeroU64) -> Self {
        let kind = reader.get("kind", FaultKind::StopCache);
        let lasts = match reader.raw("for") {
            Some(_) => Some(reader.get("for", Positive::seconds(10))),
            None if kind.lasts() && kind != FaultKind::Kill => Some(Positive::seconds(10)),
            None => None,
        };
        let fault = Self {
            at: reader.get("at", Duration::ZERO),
            kind,
            lasts,
            target: reader.get("target", kind.default_target()),
            delay: reader.get("delay", Positive::millis(20)),
            jitter: reader.get("jitter", Duration::ZERO),
            rate: reader.get("rate", ByteSize(1 << 20)),
        };
        if reader.raw("kind").is_none() {
            reader.wrong("kind", "is missing", Some(format!("give {}", FaultKind::expects())));
        }
        if !kind.lasts() && reader.raw("for").is_some() {
            reader.wrong("for", format!("means nothing to {}", kind.word()), Some("leave it out".into()));
        }
        fault.refuse_what_means_nothing(reader);
        fault.check_target(reader, instances);
        fault
    }

    fn refuse_what_means_nothing(&self, reader: &Reader<'_>) {
        let of_others: [(&str, &[FaultKind]); 3] = [
            ("delay", &[FaultKind::SlowDatabase, FaultKind::Slow]),
            ("jitter", &[FaultKind::Slow]),
            ("rate", &[FaultKind::Throttle]),
        ];
        for (key, kinds) in of_others {
            if reader.raw(key).is_some() && !kinds.contains(&self.kind) {
                let help = format!("leave it out, or write kind = \"{}\"", kinds[0].word());
                reader.wrong(key, format!("means nothing to {}", self.kind.word()), Some(help));
            }
        }
    }

    fn check_target(&self, reader: &Reader<'_>, instances: NonZeroU64) {
        let Some(targets) = self.kind.takes_target() else {
            if reader.raw("target").is_some() {
                let message = format!("means nothing to {}", self.kind.word());
                reader.wrong("target", message, Some("leave it out".into()));
            }
            return;
        };
        if !self.kind.can_be_aimed_at(self.target) {
            let message = format!("{} is nothing for {}", self.target.show(), self.kind.word());
            reader.wrong("target", message, Some(format!("write {targets}")));
        }
        if let Target::Instance(number) = self.target
            && number >= instances.get()
        {
            let help = format!("the instances are 0 to {}; see workload.instances", instances.get() - 1);
            reader.wrong("target", format!("there is no instance {number}"), Some(help));
        }
    }
}
