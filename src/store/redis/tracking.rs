//! Announcements of changed keys by Redis. They use client tracking in broadcasting mode, over a connection
//! of its own (the Redis manual, "Client-side caching").

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::{select_all, try_join_all};
use redis::{AsyncConnectionConfig, PushInfo, PushKind, Value};
use tokio::sync::mpsc;

use super::RedisCache;
use super::fleet::Fleet;
use super::link::Address;
use crate::results::FailedStep;
use crate::store::secret::SecretUrl;
use crate::store::tracking::{Announcement, Announcements, Tracking};
use crate::store::{ErrorKind, StoreError};

const FIRST_PAUSE: Duration = Duration::from_millis(20);
const LONGEST_PAUSE: Duration = Duration::from_millis(500);

/// A connection that receives announcements. It is closed when this is dropped.
struct Announcing {
    connection: redis::aio::MultiplexedConnection,
    pushes: mpsc::UnboundedReceiver<PushInfo>,
    /// The server that announces.
    at: SecretUrl,
}

impl RedisCache {
    /// See [`Tracking::track`](crate::store::Tracking::track). The connection is checked by a PING every
    /// `check_every`, so that one that died silently is noticed.
    pub(in crate::store) async fn track_changes(
        &self,
        key_prefix: &str,
        check_every: Duration,
    ) -> Result<Announcements, StoreError> {
        let fleet = Arc::clone(&self.shared.fleet);
        let own_prefix = self.shared.prefix.to_string();
        let counters = self.counters.clone();
        let key_prefix = format!("{own_prefix}{key_prefix}");
        let mut announcing = Some(all_announcing(&fleet, &key_prefix).await?);
        let (sender, receiver) = mpsc::unbounded_channel();
        tokio::spawn(async move {
            let mut pause = FIRST_PAUSE;
            loop {
                if let Some(announcing) = announcing.take() {
                    pause = FIRST_PAUSE;
                    if let Some(cut) =
                        forward_all(announcing, &fleet, &own_prefix, check_every, &sender).await
                    {
                        counters.setback(FailedStep::Background, &cut);
                    }
                }
                if sender.send(Announcement::Lost).is_err() {
                    return;
                }
                tokio::select! {
                    () = tokio::time::sleep(pause) => {}
                    () = sender.closed() => return,
                }
                pause = (pause * 2).min(LONGEST_PAUSE);
                announcing = match all_announcing(&fleet, &key_prefix).await {
                    Ok(again) => Some(again),
                    Err(error) => {
                        counters.setback(FailedStep::Background, &error);
                        None
                    }
                };
            }
        });
        Ok(receiver)
    }
}

/// Connects to every primary, since each announces only its own changes.
async fn all_announcing(fleet: &Fleet, key_prefix: &str) -> Result<Vec<Announcing>, StoreError> {
    let primaries = fleet.primary_addresses();
    try_join_all(primaries.iter().map(|address| announcing(address, key_prefix))).await
}

/// Forwards announcements until a connection is lost, the primaries change, or the receiver is dropped. Returns the error
/// of a connection that was lost while the primaries stayed: what it announced meanwhile was missed.
async fn forward_all(
    all: Vec<Announcing>,
    fleet: &Fleet,
    own_prefix: &str,
    check_every: Duration,
    sender: &mpsc::UnboundedSender<Announcement>,
) -> Option<StoreError> {
    let primaries = fleet.primary_addresses().len();
    if primaries != all.len() || sender.send(Announcement::Connected).is_err() {
        return None;
    }
    let layout = fleet.map().layout.clone();
    let moved = async {
        while fleet.map().layout.shards == layout.shards {
            tokio::time::sleep(check_every).await;
        }
    };
    let forwarded = all.into_iter().map(|one| Box::pin(forward(one, own_prefix, check_every, sender)));
    tokio::select! {
        (at, ..) = select_all(forwarded) => {
            let stayed = !sender.is_closed() && fleet.map().layout.shards == layout.shards;
            stayed.then(|| {
                let what = format!("the connection on which Redis {at} announces changes was lost");
                StoreError::new(ErrorKind::Connection, what)
            })
        }
        () = moved => None,
    }
}

async fn announcing(address: &Address, key_prefix: &str) -> Result<Announcing, StoreError> {
    let (push, pushes) = mpsc::unbounded_channel();
    let config: AsyncConnectionConfig = address.config().clone().set_push_sender(push);
    let mut connection = address.connect_in_resp3(&config).await?;
    redis::cmd("CLIENT")
        .arg(&["TRACKING", "ON", "BCAST", "PREFIX", key_prefix])
        .query_async::<()>(&mut connection)
        .await
        .map_err(|error| address.error(&error, "asking for announcements of changes"))?;
    Ok(Announcing { connection, pushes, at: address.url().clone() })
}

/// Forwards announcements until the connection is lost or the receiver is dropped. Returns the server's address.
async fn forward(
    mut announcing: Announcing,
    own_prefix: &str,
    check_every: Duration,
    sender: &mpsc::UnboundedSender<Announcement>,
) -> SecretUrl {
    let mut check = tokio::time::interval(check_every);
    check.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            push = announcing.pushes.recv() => {
                let Some(push) = push else { return announcing.at };
                let is_open = match push.kind {
                    PushKind::Invalidate => invalidated(push.data, own_prefix, sender),
                    PushKind::Disconnection => false,
                    _ => true,
                };
                if !is_open {
                    return announcing.at;
                }
            }
            _ = check.tick() => {
                // The connection's own timeout bounds this.
                let ping = redis::cmd("PING");
                if ping.query_async::<Value>(&mut announcing.connection).await.is_err() {
                    return announcing.at;
                }
            }
            () = sender.closed() => return announcing.at,
        }
    }
}

/// Forwards the changed keys; returns false if the receiver was dropped.
fn invalidated(data: Vec<Value>, own_prefix: &str, sender: &mpsc::UnboundedSender<Announcement>) -> bool {
    for part in data {
        let Value::Array(keys) = part else {
            // Without a list of keys, the whole server was flushed.
            if sender.send(Announcement::Flushed).is_err() {
                return false;
            }
            continue;
        };
        for key in keys {
            let Value::BulkString(key) = key else { continue };
            let Ok(key) = str::from_utf8(&key) else { continue };
            let Some(key) = key.strip_prefix(own_prefix) else { continue };
            if sender.send(Announcement::Changed(key.into())).is_err() {
                return false;
            }
        }
    }
    true
}

impl Tracking for RedisCache {
    async fn track(&self, key_prefix: &str, check_every: Duration) -> Result<Announcements, StoreError> {
        self.track_changes(key_prefix, check_every).await
    }
}
