//! Waiting until replicas have a write (WAIT). It uses a connection of its own, since WAIT holds up all later
//! commands of its connection.
//!
//! WAIT answers only for the writes of its own connection. So a mark is written first: a primary sends its
//! replicas everything in order, and a replica that has the mark has all earlier writes. All callers that
//! wait at the same time share one mark.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use super::layout::NodeAddress;
use super::link::{Address, Link};
use super::options::RedisOptions;
use super::slots::hash_tag;
use crate::store::counters::Counters;
use crate::store::{ErrorKind, StoreError};

/// Waits for the replicas of one primary.
pub(super) struct ReplicaWaits {
    link: Option<Arc<Link>>,
    replicas: u64,
    timeout: Duration,
    /// The longest that a wait may take, including the time until its turn.
    bound: Duration,
    asked: AtomicU64,
    /// The result of the last WAIT. The lock allows one WAIT at a time.
    last: tokio::sync::Mutex<Last>,
}

struct Last {
    /// The result holds for all callers with a lower number.
    answers_for: u64,
    result: Result<(), StoreError>,
}

impl ReplicaWaits {
    pub(super) fn new(options: &RedisOptions, node: &NodeAddress) -> Result<Self, StoreError> {
        let bound = options.wait_timeout + options.response_timeout;
        let link = || {
            // WAIT may take the time that the replicas are given plus the time of any other command.
            let patient = RedisOptions { response_timeout: bound, ..options.clone() };
            Ok(Link::unconnected(Arc::new(Address::of_node(&patient, node, false)?)))
        };
        Ok(Self {
            link: (options.wait_replicas > 0).then(link).transpose()?,
            replicas: options.wait_replicas,
            timeout: options.wait_timeout,
            bound,
            asked: AtomicU64::new(0),
            last: tokio::sync::Mutex::new(Last { answers_for: 0, result: Ok(()) }),
        })
    }

    /// Waits until enough replicas have all writes made before this call. The commands are counted in
    /// `counters` of the caller that sends them for all.
    ///
    /// # Errors
    /// Returns [`ErrorKind::Timeout`] if they do not have them in time. The write is done then, but a
    /// failover may lose it.
    pub(super) async fn wait(&self, prefix: &str, key: &str, counters: &Counters) -> Result<(), StoreError> {
        let Some(link) = &self.link else { return Ok(()) };
        let waited = tokio::time::timeout(self.bound, self.wait_in_turn(link, prefix, key, counters)).await;
        waited.unwrap_or_else(|_| {
            let error = format!("replicas were waited for longer than {:?}", self.bound);
            Err(StoreError::new(ErrorKind::Timeout, error))
        })
    }

    async fn wait_in_turn(
        &self,
        link: &Arc<Link>,
        prefix: &str,
        key: &str,
        counters: &Counters,
    ) -> Result<(), StoreError> {
        let mine = self.asked.fetch_add(1, Ordering::AcqRel);
        let mut last = self.last.lock().await;
        if last.answers_for > mine {
            return last.result.clone();
        }
        let answers_for = self.asked.load(Ordering::Acquire);
        let result = self.mark_and_wait(link, prefix, key, counters).await;
        *last = Last { answers_for, result: result.clone() };
        result
    }

    async fn mark_and_wait(
        &self,
        link: &Arc<Link>,
        prefix: &str,
        key: &str,
        counters: &Counters,
    ) -> Result<(), StoreError> {
        const DOING: &str = "waiting for replicas";
        // The mark is in the slot of the key, so that the same node accepts it.
        let mark = match hash_tag(key) {
            Some(tag) => format!("{prefix}wait-mark:{{{tag}}}"),
            None => format!("{prefix}wait-mark:{{{prefix}{key}}}"),
        };
        let mut set = redis::cmd("SET");
        set.arg(mark).arg(1).arg("PX").arg(1000);
        counters.cache_command();
        link.request(&set, DOING).await?;
        let millis = u64::try_from(self.timeout.as_millis()).unwrap_or(u64::MAX).max(1);
        let mut wait = redis::cmd("WAIT");
        wait.arg(self.replicas).arg(millis);
        counters.cache_command();
        let answer = link.request(&wait, DOING).await?;
        match answer {
            redis::Value::Int(reached) if u64::try_from(reached).unwrap_or(0) >= self.replicas => Ok(()),
            redis::Value::Int(reached) => Err(StoreError::new(
                ErrorKind::Timeout,
                format!(
                    "{reached} of {} replicas had the write within {:?}; it is done, and a failover may lose it",
                    self.replicas, self.timeout
                ),
            )),
            _ => Err(StoreError::new(ErrorKind::Malformed, format!("{DOING}: the answer is no number"))),
        }
    }
}
