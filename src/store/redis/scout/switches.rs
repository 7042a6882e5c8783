//! Messages of sentinels that a shard has another primary. Until a client knows of it, the old primary
//! acknowledges writes that are lost.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use redis::{PushInfo, PushKind, Value};
use tokio::sync::{Notify, mpsc};
use tokio::task::JoinHandle;

use crate::store::StoreError;
use crate::store::redis::link::Address;

/// The channels on which sentinels report another primary: the one that carries the failover out as soon as
/// the replica has been promoted, and each sentinel when it has taken the change over.
const CHANNELS: [&str; 2] = ["+promoted-slave", "+switch-master"];
/// The pauses between attempts to listen again, which double up to the longest.
const FIRST_PAUSE: Duration = Duration::from_millis(20);
const LONGEST_PAUSE: Duration = Duration::from_millis(500);
/// The time between two checks, by which a connection that died silently is noticed.
const CHECK_EVERY: Duration = Duration::from_secs(1);

/// A subscription to the sentinels, until it is dropped.
pub(in crate::store::redis) struct Listening(JoinHandle<()>);

impl Listening {
    /// Listens to all sentinels at once, so that a dead one delays nothing, and wakes `wake` on each message.
    pub(super) fn to(sentinels: Vec<Arc<Address>>, wake: Arc<Notify>) -> Self {
        Self(tokio::spawn(async move {
            join_all(sentinels.iter().map(|sentinel| keep_listening(sentinel, &wake))).await;
        }))
    }
}

impl Drop for Listening {
    fn drop(&mut self) {
        self.0.abort();
    }
}

async fn keep_listening(sentinel: &Address, wake: &Notify) {
    let mut pause = FIRST_PAUSE;
    loop {
        match subscribe(sentinel).await {
            Ok(mut subscribed) => {
                pause = FIRST_PAUSE;
                // Messages from before the subscription were missed.
                wake.notify_one();
                subscribed.pass_on(wake).await;
            }
            Err(error) => tracing::debug!("a sentinel cannot be listened to: {error}"),
        }
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
}

/// A subscribed connection. It is closed when this is dropped.
struct Subscribed {
    connection: redis::aio::MultiplexedConnection,
    pushes: mpsc::UnboundedReceiver<PushInfo>,
}

async fn subscribe(sentinel: &Address) -> Result<Subscribed, StoreError> {
    let (push, pushes) = mpsc::unbounded_channel();
    let config = sentinel.config().clone().set_push_sender(push);
    let mut connection = sentinel.connect_in_resp3(&config).await?;
    let subscribed = connection.subscribe(&CHANNELS[..]).await;
    subscribed.map_err(|error| sentinel.error(&error, "listening to a sentinel"))?;
    Ok(Subscribed { connection, pushes })
}

impl Subscribed {
    /// Wakes `wake` on each message until the connection is lost.
    async fn pass_on(&mut self, wake: &Notify) {
        let mut check = tokio::time::interval(CHECK_EVERY);
        check.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                push = self.pushes.recv() => match push.map(|push| push.kind) {
                    None | Some(PushKind::Disconnection) => return,
                    Some(PushKind::Message) => wake.notify_one(),
                    Some(_) => {}
                },
                _ = check.tick() => {
                    // The connection's own timeout bounds this.
                    let ping = redis::cmd("PING");
                    if ping.query_async::<Value>(&mut self.connection).await.is_err() {
                        return;
                    }
                }
            }
        }
    }
}
