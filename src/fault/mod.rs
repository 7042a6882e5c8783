//! Things that a scenario breaks at set times.

use std::num::NonZeroU64;
use std::time::Duration;

use crate::scenario::{Positive, Reader, Setting};

crate::choices! {
    /// What is broken.
    pub enum FaultKind {
        /// The managed cache server is killed (SIGKILL) and started again after `for`.
        StopCache = "stop-cache",
        /// The managed database server is killed (SIGKILL) and started again after `for`.
        StopDatabase = "stop-database",
        /// The cache loses every entry of this run at once; there is nothing to mend.
        Flush = "flush",
        /// Every call of the database takes `delay` longer, for as long as `for` says.
        SlowDatabase = "slow-database",
        /// One instance of the application, `target`, loses all that it holds in memory, and starts again after `for`.
        CrashApplication = "crash-application",
    }
}

/// One `[[fault]]`.
#[derive(Debug, Clone, PartialEq)]
pub struct Fault {
    /// When, from the start of measuring.
    pub at: Duration,
    /// What.
    pub kind: FaultKind,
    /// For how long.
    pub lasts: Positive,
    /// Which instance of the application crashes, from 0.
    pub target: u64,
    /// How much longer a call of the database takes.
    pub delay: Positive,
}

impl Fault {
    /// How long it lasts: no time at all where there is nothing to mend.
    #[must_use]
    pub fn lasts(&self) -> Duration {
        if self.kind == FaultKind::Flush { Duration::ZERO } else { self.lasts.0 }
    }

    /// Reads one table; what is wrong goes to the reader's mistakes.
    #[must_use]
    pub fn read(reader: &Reader<'_>, instances: NonZeroU64) -> Self {
        let fault = Self {
            at: reader.get("at", Duration::ZERO),
            kind: reader.get("kind", FaultKind::StopCache),
            lasts: reader.get("for", Positive::seconds(10)),
            target: reader.get("target", 0),
            delay: reader.get("delay", Positive::millis(20)),
        };
        if reader.raw("kind").is_none() {
            reader.wrong("kind", "is missing", Some(format!("give {}", FaultKind::expects())));
        }
        if fault.kind == FaultKind::Flush && reader.raw("for").is_some() {
            reader.wrong("for", "means nothing to flush", Some("leave it out".into()));
        }
        let of_others = [("target", FaultKind::CrashApplication), ("delay", FaultKind::SlowDatabase)];
        for (key, kind) in of_others {
            if reader.raw(key).is_some() && fault.kind != kind {
                let help = format!("leave it out, or write kind = \"{}\"", kind.word());
                reader.wrong(key, format!("means nothing to {}", fault.kind.word()), Some(help));
            }
        }
        if fault.target >= instances.get() {
            let help = format!("the instances are 0 to {}; see workload.instances", instances.get() - 1);
            reader.wrong("target", format!("there is no instance {}", fault.target), Some(help));
        }
        fault
    }
}
