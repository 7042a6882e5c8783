//! Adds each sample to streams of a Redis that is named for that.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use parking_lot::Mutex;
use redis::{Cmd, cmd};
use tokio::sync::mpsc;

use super::info::Info;
use super::place::{ServerAddress, connect};
use super::prometheus::Newest;
use super::remedy;
use super::sample::{Round, ServerSample};
use super::tasks::AbortOnDrop;
use crate::store::redis::RedisAdmin;
use crate::store::{ErrorKind, StoreError};

/// The target that samples are published to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Publish {
    /// The Redis.
    pub place: ServerAddress,
    /// Stands before the names of the streams.
    pub prefix: String,
}

/// The streams, and how many entries each keeps, about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SampleStream {
    /// Lookups, commands, times, evictions and expiries of every sample.
    Cache,
    /// Memory and keys of every sample.
    Memory,
    /// Samples in whose interval keys were evicted, with the memory at that time, for whoever follows evictions alone.
    /// Others are left out, so that the few entries reach far back.
    Evictions,
}

impl SampleStream {
    /// Its name behind a prefix.
    #[must_use]
    pub fn key(self, prefix: &str) -> String {
        let name = match self {
            Self::Cache => "cache",
            Self::Memory => "memory",
            Self::Evictions => "evictions",
        };
        format!("{prefix}{name}")
    }

    fn most_entries(self) -> u32 {
        match self {
            Self::Cache | Self::Memory => 10_000,
            Self::Evictions => 1_000,
        }
    }
}

/// Rounds that may wait for a slow Redis; more are given up and counted.
const WAITING: usize = 16;
const BOUND: Duration = Duration::from_secs(2);

/// Publishes rounds in a task of its own, so that a publishing Redis that is slow or lost never holds up the watching.
#[derive(Debug)]
pub struct Publisher {
    rounds: mpsc::Sender<Arc<Round>>,
    newest: Arc<Newest>,
    state: Arc<Mutex<PublishState>>,
    _task: AbortOnDrop,
}

/// The state of the publishing, for display.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PublishState {
    /// Why the last sample could not be published, until one can.
    pub failure: Option<String>,
    /// True if it publishes to a Redis that it watches.
    pub observes_itself: bool,
}

impl Publisher {
    /// Begins; failures are counted in `newest`.
    #[must_use]
    pub fn begin(publish: Publish, newest: Arc<Newest>) -> Self {
        let (rounds, receiver) = mpsc::channel(WAITING);
        let state = Arc::new(Mutex::new(PublishState::default()));
        let task = Task {
            publish,
            newest: Arc::clone(&newest),
            state: Arc::clone(&state),
            admin: None,
            run_id: None,
        };
        let task = tokio::spawn(task.keep(receiver));
        Self { rounds, newest, state, _task: AbortOnDrop::new(task.abort_handle()) }
    }

    /// Hands a round over. One that finds no room is counted as not published.
    pub fn offer(&self, round: &Arc<Round>) {
        if self.rounds.try_send(Arc::clone(round)).is_err() {
            self.newest.publish_failures.fetch_add(round.samples.len() as u64, Relaxed);
        }
    }

    /// Returns the state of the publishing, for display.
    #[must_use]
    pub fn state(&self) -> PublishState {
        self.state.lock().clone()
    }
}

/// Checks that samples can be published there. A Redis that does not answer may come, and is no reason against it.
///
/// # Errors
/// Why not, and what to do.
pub async fn check(publish: &Publish) -> Result<(), String> {
    let Ok(admin) = connect(&publish.place, BOUND).await else { return Ok(()) };
    keeps_streams(&admin, &publish.place).await
}

/// Checks that the streams of samples can be on a server. Whoever may not ask it for INFO may use it all the same.
///
/// # Errors
/// Why not, and what to do.
pub async fn keeps_streams(admin: &RedisAdmin, place: &ServerAddress) -> Result<(), String> {
    let text = admin.ask_text(cmd("INFO").arg("server"), "asking for INFO").await;
    text.map_or(Ok(()), |text| takes_streams(&Info::parse(&text), &place.name))
}

/// Streams are kept together, on one server.
fn takes_streams(info: &Info, name: &str) -> Result<(), String> {
    let what = match info.mode.as_str() {
        "cluster" => "a node of a cluster, over which the streams would be spread",
        "sentinel" => "a sentinel, which keeps no streams",
        _ => return Ok(()),
    };
    Err(format!("{name} is {what}; give a single Redis for them, best one of its own"))
}

struct Task {
    publish: Publish,
    newest: Arc<Newest>,
    state: Arc<Mutex<PublishState>>,
    admin: Option<RedisAdmin>,
    run_id: Option<String>,
}

impl Task {
    async fn keep(mut self, mut rounds: mpsc::Receiver<Arc<Round>>) {
        while let Some(round) = rounds.recv().await {
            let published = self.round(&round).await;
            if let Err((left, error)) = published {
                self.newest.publish_failures.fetch_add(left as u64, Relaxed);
                self.state.lock().failure = Some(remedy::with_remedy(&error.detail));
                self.admin = None;
            } else {
                self.state.lock().failure = None;
            }
        }
    }

    /// Publishes a round, or says how many of its samples are left and why.
    async fn round(&mut self, round: &Round) -> Result<(), (usize, StoreError)> {
        let all = round.samples.len();
        let admin = self.connected().await.map_err(|error| (all, error))?;
        if let Some(run_id) = &self.run_id {
            let watched: HashSet<&str> = round
                .samples
                .iter()
                .filter_map(|sample| Some(sample.answer.as_ref().ok()?.info.run_id.as_str()))
                .collect();
            if watched.contains(run_id.as_str()) {
                self.state.lock().observes_itself = true;
            }
        }
        for (done, sample) in round.samples.iter().enumerate() {
            for command in commands(&self.publish.prefix, sample) {
                let added: Result<String, _> = admin.ask(&command, "publishing a sample").await;
                added.map_err(|error| (all - done, error))?;
            }
        }
        Ok(())
    }

    async fn connected(&mut self) -> Result<RedisAdmin, StoreError> {
        if let Some(admin) = &self.admin {
            return Ok(admin.clone());
        }
        let admin = connect(&self.publish.place, BOUND).await?;
        // Who is asked matters only for the note; whoever may not ask INFO can publish all the same.
        let info = admin.ask_text(cmd("INFO").arg("server"), "asking for INFO").await;
        if let Ok(text) = info {
            let info = Info::parse(&text);
            // It may have come later, or another in its place.
            takes_streams(&info, &self.publish.place.name)
                .map_err(|reason| StoreError::new(ErrorKind::Other, reason))?;
            self.run_id = Some(info.run_id).filter(|run_id| !run_id.is_empty());
        }
        self.admin = Some(admin.clone());
        Ok(admin)
    }
}

/// Returns the commands that add a sample to the streams.
fn commands(prefix: &str, sample: &ServerSample) -> Vec<Cmd> {
    let mut commands = vec![add(prefix, SampleStream::Cache, sample, &cache_fields(sample))];
    if let Ok(answer) = &sample.answer {
        let info = &answer.info;
        let ratio = info.fragmentation_ratio.map(|ratio| ("fragmentation_ratio", ratio.to_string()));
        let memory = [
            ("used_memory_bytes", info.used_memory_bytes),
            ("maxmemory_bytes", info.maxmemory_bytes),
            ("rss_bytes", info.rss_bytes),
            ("keys", info.keys),
            ("clients", info.clients),
        ];
        let memory: Vec<_> = known(memory).chain(ratio).collect();
        commands.push(add(prefix, SampleStream::Memory, sample, &memory));
        let has_evicted =
            |interval: &&super::rates::CountedInterval| interval.counted.evicted.is_some_and(|keys| keys > 0);
        if let Some(interval) = answer.since.interval().filter(has_evicted) {
            let figures = [
                ("evicted", interval.counted.evicted),
                ("used_memory_bytes", info.used_memory_bytes),
                ("maxmemory_bytes", info.maxmemory_bytes),
            ];
            let words = [
                ("interval_s", format!("{:.6}", interval.length.as_secs_f64())),
                ("policy", info.maxmemory_policy.clone()),
            ];
            let evictions: Vec<_> = words.into_iter().chain(known(figures)).collect();
            commands.push(add(prefix, SampleStream::Evictions, sample, &evictions));
        }
    }
    commands
}

/// The figures that the server says, as fields.
fn known<const N: usize>(
    figures: [(&'static str, Option<u64>); N],
) -> impl Iterator<Item = (&'static str, String)> {
    figures.into_iter().filter_map(|(name, figure)| Some((name, figure?.to_string())))
}

/// Counts rather than rates, so that whoever reads them can sum them.
fn cache_fields(sample: &ServerSample) -> Vec<(&'static str, String)> {
    let mut fields = vec![("state", sample.state().to_owned())];
    let Ok(answer) = &sample.answer else { return fields };
    if let Some(round_trip) = answer.round_trip {
        fields.push(("round_trip_us", round_trip.as_micros().to_string()));
    }
    if let Some(lag) = answer.lag_bytes {
        fields.push(("replication_lag_bytes", lag.to_string()));
    }
    if let Some(interval) = answer.since.interval() {
        let counted = interval.counted;
        fields.push(("interval_s", format!("{:.6}", interval.length.as_secs_f64())));
        let counts = [
            ("hits", counted.hits),
            ("misses", counted.misses),
            ("commands", counted.commands),
            ("calls", counted.calls),
            ("busy_us", counted.busy_us),
            ("evicted", counted.evicted),
            ("expired", counted.expired),
            ("net_in_bytes", counted.net_in_bytes),
            ("net_out_bytes", counted.net_out_bytes),
        ];
        fields.extend(known(counts));
    }
    fields
}

fn add(prefix: &str, stream: SampleStream, sample: &ServerSample, fields: &[(&'static str, String)]) -> Cmd {
    let mut command = cmd("XADD");
    // "~": whole nodes of the stream go at once, which costs the server next to nothing.
    command.arg(stream.key(prefix)).arg("MAXLEN").arg("~").arg(stream.most_entries()).arg("*");
    command.arg("at").arg(format!("{:.3}", sample.at)).arg("node").arg(&sample.node);
    command.arg("role").arg(sample.role.name());
    for (name, value) in fields {
        command.arg(name).arg(value);
    }
    command
}

#[cfg(test)]
mod tests {
    use super::super::sample::Role;
    use super::super::testing::{answered, lost};
    use super::*;

    fn text(command: &Cmd) -> String {
        String::from_utf8_lossy(&command.get_packed_command())
            .split("\r\n")
            .filter(|part| !part.starts_with(['$', '*']) || *part == "*")
            .collect::<Vec<_>>()
            .join(" ")
    }

    #[test]
    fn every_stream_is_bounded() {
        let commands = commands("metrics:", &answered("a:1", Role::Primary, 90, 10));
        let texts: Vec<_> = commands.iter().map(text).collect();
        assert!(texts[0].starts_with("XADD metrics:cache MAXLEN ~ 10000 * at "), "{texts:?}");
        assert!(texts[1].starts_with("XADD metrics:memory MAXLEN ~ 10000 * at "), "{texts:?}");
        assert!(texts[2].starts_with("XADD metrics:evictions MAXLEN ~ 1000 * at "), "{texts:?}");
    }

    #[test]
    fn only_a_single_redis_takes_streams_and_others_are_told_what_does() {
        for (mode, fits) in [("standalone", true), ("", true), ("cluster", false), ("sentinel", false)] {
            let info = Info { mode: mode.into(), ..Info::default() };
            let said = takes_streams(&info, "a:1");
            assert_eq!(said.is_ok(), fits, "{mode}");
            assert!(said.err().is_none_or(|why| why.contains("a:1") && why.contains("a single Redis")));
        }
    }

    #[test]
    fn how_many_were_evicted_stands_with_the_other_counts_of_every_sample() {
        for (misses, evicted) in [(100, "evicted 10"), (1, "evicted 0")] {
            let commands = commands("m:", &answered("a:1", Role::Primary, 1, misses));
            assert!(text(&commands[0]).contains(evicted), "{}", text(&commands[0]));
        }
    }

    #[test]
    fn a_sample_without_evictions_is_no_entry_among_them() {
        assert_eq!(commands("m:", &answered("a:1", Role::Primary, 1, 1)).len(), 2);
    }

    #[test]
    fn a_lost_node_is_an_entry_without_figures() {
        let commands = commands("m:", &lost("a:1"));
        assert_eq!(commands.len(), 1);
        assert!(text(&commands[0]).contains("state lost"), "{}", text(&commands[0]));
    }
}
