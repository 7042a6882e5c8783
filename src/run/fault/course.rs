//! The course of one fault: what it may touch while it is carried out, and what it tells of that.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;

use crate::base::clock::{self, Instant};
use crate::base::units::show_duration;
use crate::results::EventKind;
use crate::topology::nodes::Node;
use crate::topology::{CacheDeployment, DatabaseDeployment, Deployed, LinkTo, Relays, Target, TopologyError};

/// The things that faults break.
#[derive(Clone, Copy)]
pub struct Breakable<'a> {
    /// The stores, and what the connections to them go through.
    pub deployed: Deployed<'a>,
    /// A switch for each instance of the application; none where no fault is aimed at instances.
    pub instances: &'a [watch::Sender<Life>],
}

/// The states of an instance of the application.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Life {
    /// It runs, or is to start again.
    Up,
    /// It has crashed.
    Down,
}

/// Something that was broken or mended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// When.
    pub at: Instant,
    /// The kind of event: it was broken, mended or noticed, or could not be.
    pub kind: EventKind,
    /// The particulars.
    pub detail: String,
}

/// One fault that is being carried out.
pub struct Course<'a> {
    target: Target,
    lasts: Option<Duration>,
    broken: Breakable<'a>,
    until: Instant,
    steps: Vec<Step>,
}

impl<'a> Course<'a> {
    /// Makes the course of a fault that begins `at` a moment and lasts for some time, or for good.
    #[must_use]
    pub fn new(target: Target, lasts: Option<Duration>, broken: Breakable<'a>, at: Instant) -> Self {
        Self { target, lasts, broken, until: at + lasts.unwrap_or_default(), steps: Vec::new() }
    }

    /// Returns all that was told, in its order.
    #[must_use]
    pub fn into_steps(self) -> Vec<Step> {
        self.steps
    }

    fn record(&mut self, kind: EventKind, detail: impl Into<String>) {
        self.steps.push(Step { at: clock::now(), kind, detail: detail.into() });
    }

    /// Tells what is broken now.
    pub fn broke(&mut self, detail: impl Into<String>) {
        self.record(EventKind::Fault, detail);
    }

    /// Tells what works again.
    pub fn mended(&mut self, detail: impl Into<String>) {
        self.record(EventKind::Mended, detail);
    }

    /// Tells what was found out meanwhile.
    pub fn noticed(&mut self, detail: impl Into<String>) {
        self.record(EventKind::Noticed, detail);
    }

    /// Tells why the fault could not be carried out.
    pub fn failed(&mut self, reason: impl Into<String>) {
        self.record(EventKind::FaultFailed, reason);
    }

    /// Returns what the fault is aimed at.
    #[must_use]
    pub fn target(&self) -> Target {
        self.target
    }

    /// Returns true if the fault ends before the cell does.
    #[must_use]
    pub fn ends(&self) -> bool {
        self.lasts.is_some()
    }

    /// Returns how long it lasts; no time at all where there is nothing to mend.
    #[must_use]
    pub fn duration(&self) -> Duration {
        self.lasts.unwrap_or_default()
    }

    /// Returns for how long, in words.
    #[must_use]
    pub fn lasts(&self) -> String {
        show_duration(self.duration())
    }

    /// Waits until its time is over.
    pub async fn wait(&self) {
        clock::sleep_until(self.until).await;
    }

    /// Returns the cache.
    #[must_use]
    pub fn cache(&self) -> &'a CacheDeployment {
        self.broken.deployed.cache
    }

    /// Returns the database.
    #[must_use]
    pub fn database(&self) -> &'a DatabaseDeployment {
        self.broken.deployed.database
    }

    /// Returns the node that the fault is aimed at, by the roles that nodes have now.
    ///
    /// # Errors
    /// Where it is not there.
    pub async fn node(&self) -> Result<Arc<Node>, TopologyError> {
        self.cache().node_at(self.target()).await
    }

    /// Returns the shard that the fault is aimed at.
    ///
    /// # Errors
    /// Where it is aimed at something else.
    pub fn shard(&self) -> Result<u64, TopologyError> {
        match self.target() {
            Target::Shard(shard) => Ok(shard),
            other => Err(TopologyError::Unfit(format!("{} is no shard", other.name()))),
        }
    }

    /// Returns the link that the fault is aimed at, and what impairs it.
    ///
    /// # Errors
    /// Where it is aimed at something else, or where nothing stands in the links.
    pub fn link(&self) -> Result<(LinkTo, &'a Relays), TopologyError> {
        let link = match self.target() {
            Target::Cache => LinkTo::Cache,
            Target::Database => LinkTo::Database,
            other => return Err(TopologyError::Unfit(format!("{} is no link", other.name()))),
        };
        let no_relay =
            || TopologyError::Unfit("no relay stands between the application and the servers".into());
        Ok((link, self.broken.deployed.relays.ok_or_else(no_relay)?))
    }

    /// Returns the number of the instance that the fault is aimed at, and its switch.
    ///
    /// # Errors
    /// Where there is no such instance.
    pub fn instance(&self) -> Result<(u64, &'a watch::Sender<Life>), TopologyError> {
        let aim = self.target();
        let Target::Instance(number) = aim else {
            return Err(TopologyError::Unfit(format!("{} is no instance", aim.name())));
        };
        let life = self.broken.instances.get(number as usize);
        let life = life.ok_or_else(|| TopologyError::Unfit(format!("there is no {}", aim.name())))?;
        Ok((number, life))
    }
}
