//! One node that is watched, over a connection of its own.

use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use redis::cmd;
use tokio::task::JoinHandle;

use super::info::Info;
use super::place::{ServerAddress, connect};
use super::rates::Since;
use super::remedy;
use super::sample::{Role, ServerSample, ServerStatus};
use crate::store::StoreError;
use crate::store::redis::RedisAdmin;

/// The longest that connecting, and that an answer may take. A round does not wait that long.
const BOUND: Duration = Duration::from_secs(2);

/// A node and what it said last.
pub struct WatchedNode {
    place: ServerAddress,
    admin: Option<RedisAdmin>,
    asking: Option<JoinHandle<PollResult>>,
    asking_since: Instant,
    last: Option<Poll>,
    role: Role,
    /// Why it could not be reached the last time, until it answers.
    failure: Option<String>,
}

impl Drop for WatchedNode {
    fn drop(&mut self) {
        if let Some(asking) = &self.asking {
            asking.abort();
        }
    }
}

type PollResult = Result<(RedisAdmin, Poll), StoreError>;

/// An answer and when it came.
#[derive(Debug, Clone)]
struct Poll {
    at: Instant,
    info: Arc<Info>,
    round_trip: Option<Duration>,
    trouble: Option<String>,
}

impl WatchedNode {
    /// A node that has not been asked yet.
    #[must_use]
    pub fn new(place: ServerAddress) -> Self {
        Self {
            place,
            admin: None,
            asking: None,
            asking_since: Instant::now(),
            last: None,
            role: Role::Unknown,
            failure: None,
        }
    }

    /// Begins to ask, unless an earlier question is still on its way.
    pub fn begin(&mut self) {
        if self.asking.is_none() {
            self.asking_since = Instant::now();
            self.asking = Some(tokio::spawn(ask(self.place.clone(), self.admin.take())));
        }
    }

    /// Returns what the node answers until then. A question that is not answered by then goes on, and is looked at
    /// again in the next round, so that one slow node never holds up the others.
    pub async fn sample(&mut self, at: Timestamp, until: tokio::time::Instant) -> ServerSample {
        let answer = match &mut self.asking {
            None => Err("it was not asked".to_owned()),
            Some(asking) => match tokio::time::timeout_at(until, asking).await {
                Ok(asked) => {
                    self.asking = None;
                    let asked = asked.unwrap_or_else(|ended| {
                        Err(StoreError::new(crate::store::ErrorKind::Other, format!("asking ended: {ended}")))
                    });
                    self.take(asked)
                }
                Err(_) => Err(self.silence()),
            },
        };
        ServerSample { at, node: self.place.name.clone(), role: self.role, answer }
    }

    fn take(&mut self, asked: PollResult) -> Result<ServerStatus, String> {
        let (admin, poll) = asked.map_err(|error| {
            let reason = remedy::message(&error, &self.place);
            self.failure = Some(reason.clone());
            reason
        })?;
        self.admin = Some(admin);
        self.failure = None;
        self.role = Role::of(&poll.info);
        let since = match &self.last {
            None => Since::Nothing,
            Some(last) => Since::between(&last.info, &poll.info, poll.at.duration_since(last.at)),
        };
        self.last = Some(poll.clone());
        Ok(ServerStatus {
            info: poll.info,
            since,
            round_trip: poll.round_trip,
            lag_bytes: None,
            trouble: poll.trouble,
        })
    }

    fn silence(&self) -> String {
        let waited = crate::base::units::show_duration(Duration::from_millis(
            self.asking_since.elapsed().as_millis() as u64,
        ));
        self.failure.clone().unwrap_or_else(|| remedy::with_remedy(&format!("no answer for {waited}")))
    }
}

async fn ask(place: ServerAddress, admin: Option<RedisAdmin>) -> PollResult {
    let admin = match admin {
        Some(admin) => admin,
        None => connect(&place, BOUND).await?,
    };
    let asked = Instant::now();
    let ponged = admin.ask::<String>(&cmd("PING"), "asking for PING").await;
    let round_trip = asked.elapsed();
    let text = admin.ask_text(cmd("INFO").arg("all"), "asking for INFO").await?;
    let info = Arc::new(Info::parse(&text));
    let trouble =
        match (&ponged, info.loading, info.replication.primary.is_some() && !info.replication.link_is_up) {
            (Err(error), _, _) => Some(remedy::message(error, &place)),
            (_, true, _) => Some(remedy::with_remedy("LOADING")),
            (_, _, true) => Some("its link to its primary is down: it answers with old data".to_owned()),
            _ => None,
        };
    let poll = Poll { at: Instant::now(), info, round_trip: ponged.is_ok().then_some(round_trip), trouble };
    Ok((admin, poll))
}
