//! One node at one moment, and all of them together.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;

use super::info::Info;
use super::rates::{Since, hit_rate, mean_service_us};

/// The role of a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// It takes writes.
    Primary,
    /// It copies a primary.
    Replica,
    /// It has never answered.
    Unknown,
}

impl Role {
    /// Its name in rows and labels.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Primary => "primary",
            Self::Replica => "replica",
            Self::Unknown => "unknown",
        }
    }

    /// The role that an INFO tells.
    #[must_use]
    pub fn of(info: &Info) -> Self {
        match info.role.as_str() {
            "master" => Self::Primary,
            "slave" | "replica" => Self::Replica,
            _ => Self::Unknown,
        }
    }
}

/// The answer of a node.
#[derive(Debug, Clone, PartialEq)]
pub struct ServerStatus {
    /// The node's own description of itself.
    pub info: Arc<Info>,
    /// The relation of that to what it said before.
    pub since: Since,
    /// The time that a PING took from here and back, once; `None` where it was not answered with PONG.
    pub round_trip: Option<Duration>,
    /// The distance by which its replication is behind, in bytes: a replica behind its primary, a primary's furthest
    /// replica behind it; `None` where nobody copies.
    pub lag_bytes: Option<u64>,
    /// The complaint of a server that answers, and what to do.
    pub trouble: Option<String>,
}

/// One node at one moment.
#[derive(Debug, Clone, PartialEq)]
pub struct ServerSample {
    /// When.
    pub at: Timestamp,
    /// Its `host:port`.
    pub node: String,
    /// Its role, the last known where it is lost.
    pub role: Role,
    /// The answer, or why there is none and what to do.
    pub answer: Result<ServerStatus, String>,
}

impl ServerSample {
    /// Its state in rows: `up`, `first`, `restarted`, `reset` or `lost`.
    #[must_use]
    pub fn state(&self) -> &'static str {
        match &self.answer {
            Err(_) => "lost",
            Ok(answer) => match answer.since {
                Since::Interval(_) => "up",
                Since::Nothing => "first",
                Since::Restart => "restarted",
                Since::Reset => "reset",
            },
        }
    }

    /// Why it is lost, or what it complains of.
    #[must_use]
    pub fn reason(&self) -> Option<&str> {
        match &self.answer {
            Err(reason) => Some(reason),
            Ok(answer) => answer.trouble.as_deref(),
        }
    }
}

/// All nodes at one moment.
#[derive(Debug, Clone, PartialEq)]
pub struct Round {
    /// When.
    pub at: Timestamp,
    /// The nodes, primaries first.
    pub samples: Vec<ServerSample>,
    /// The kind of deployment: `single`, `cluster` or `sentinel`.
    pub deployment: &'static str,
    /// Further remarks, such as that the layout could not be looked at.
    pub notes: Vec<String>,
}

impl Round {
    /// Returns true if no node has answered.
    #[must_use]
    pub fn is_lost(&self) -> bool {
        self.samples.iter().all(|sample| sample.answer.is_err())
    }
}

/// Figures as they are shown: of one node, or of several together. What is not known is `None`, never 0.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Figures {
    /// The share of lookups that found their key, 0 to 1.
    pub hit_rate: Option<f64>,
    /// Commands carried out, a second.
    pub commands_per_s: Option<f64>,
    /// The mean time that servers spent in a command, in microseconds; scripts and the commands in them count each.
    pub mean_service_us: Option<f64>,
    /// The longest PING seen from here, in microseconds.
    pub round_trip_us: Option<f64>,
    /// Keys evicted, a second.
    pub evicted_per_s: Option<f64>,
    /// Keys expired, a second.
    pub expired_per_s: Option<f64>,
    /// Bytes received, a second.
    pub net_in_per_s: Option<f64>,
    /// Bytes sent, a second.
    pub net_out_per_s: Option<f64>,
    /// Used memory, in bytes.
    pub used_memory_bytes: Option<f64>,
    /// The limit of that, in bytes; `None` where there is none.
    pub maxmemory_bytes: Option<f64>,
    /// Memory that the operating system has given, in bytes.
    pub rss_bytes: Option<f64>,
    /// Resident over used memory.
    pub fragmentation_ratio: Option<f64>,
    /// Keys.
    pub keys: Option<f64>,
    /// Connected clients.
    pub clients: Option<f64>,
    /// The replication lag in bytes.
    pub lag_bytes: Option<f64>,
}

impl Figures {
    /// Of one node.
    #[must_use]
    pub fn of(sample: &ServerSample) -> Self {
        Self::over(&[sample], &[sample])
    }

    /// Of all nodes together. What is stored is counted at primaries alone, since replicas have copies of it; what is
    /// asked is counted at every node.
    #[must_use]
    pub fn of_all(samples: &[ServerSample]) -> Self {
        let all: Vec<&ServerSample> = samples.iter().collect();
        let primaries: Vec<&ServerSample> =
            all.iter().copied().filter(|one| one.role == Role::Primary).collect();
        Self::over(&all, if primaries.is_empty() { &all } else { &primaries })
    }

    fn over(asked: &[&ServerSample], stored: &[&ServerSample]) -> Self {
        let hits = counted(asked, |c| c.hits);
        let misses = counted(asked, |c| c.misses);
        let calls = counted(asked, |c| c.calls);
        let busy_us = counted(asked, |c| c.busy_us);
        let used_memory_bytes = summed(stored, |info| info.used_memory_bytes);
        let rss_bytes = summed(stored, |info| info.rss_bytes);
        let fragmentation_ratio = match stored {
            [one] => one.answer.as_ref().ok().and_then(|answer| answer.info.fragmentation_ratio),
            _ => {
                rss_bytes.zip(used_memory_bytes).filter(|(_, used)| *used > 0.0).map(|(rss, used)| rss / used)
            }
        };
        let has_limit = |sample: &&&ServerSample| {
            sample.answer.as_ref().is_ok_and(|a| a.info.maxmemory_bytes.is_some_and(|limit| limit > 0))
        };
        let is_limited = !stored.is_empty() && stored.iter().filter(has_limit).count() == stored.len();
        Self {
            hit_rate: hits.zip(misses).and_then(|(hits, misses)| hit_rate(hits, misses)),
            commands_per_s: rate(asked, |c| c.commands),
            mean_service_us: calls.zip(busy_us).and_then(|(calls, busy_us)| mean_service_us(calls, busy_us)),
            round_trip_us: highest(asked, |a| Some(a.round_trip?.as_secs_f64() * 1e6)),
            evicted_per_s: rate(stored, |c| c.evicted),
            expired_per_s: rate(stored, |c| c.expired),
            net_in_per_s: rate(asked, |c| c.net_in_bytes),
            net_out_per_s: rate(asked, |c| c.net_out_bytes),
            used_memory_bytes,
            maxmemory_bytes: is_limited.then(|| summed(stored, |info| info.maxmemory_bytes)).flatten(),
            rss_bytes,
            fragmentation_ratio,
            keys: summed(stored, |info| info.keys),
            clients: summed(asked, |info| info.clients),
            lag_bytes: highest(asked, |a| Some(a.lag_bytes? as f64)),
        }
    }
}

type Count = fn(&super::info::InfoCounters) -> Option<u64>;

fn answers<'a>(samples: &'a [&'a ServerSample]) -> impl Iterator<Item = &'a ServerStatus> {
    samples.iter().filter_map(|sample| sample.answer.as_ref().ok())
}

/// The sum of figures; `None` where there are none, or where one is not known: a sum of the others would look like all.
fn sum<T>(figures: impl Iterator<Item = Option<T>>, add: impl Fn(T, T) -> T) -> Option<T> {
    figures.reduce(|sum, figure| Some(add(sum?, figure?))).flatten()
}

/// The sum over the intervals of those nodes that have one.
fn counted(samples: &[&ServerSample], count: Count) -> Option<u64> {
    let intervals = answers(samples).filter_map(|answer| answer.since.interval());
    sum(intervals.map(|interval| count(&interval.counted)), u64::saturating_add)
}

/// The sum of what happened a second.
fn rate(samples: &[&ServerSample], count: Count) -> Option<f64> {
    let intervals = answers(samples).filter_map(|answer| answer.since.interval());
    let rates =
        intervals.map(|interval| count(&interval.counted).map(|counted| interval.per_second(counted)));
    sum(rates, |sum, rate| sum + rate)
}

fn summed(samples: &[&ServerSample], field: fn(&Info) -> Option<u64>) -> Option<f64> {
    let fields = answers(samples).map(|answer| field(&answer.info).map(|value| value as f64));
    sum(fields, |sum, value| sum + value)
}

fn highest(samples: &[&ServerSample], field: fn(&ServerStatus) -> Option<f64>) -> Option<f64> {
    answers(samples).filter_map(field).reduce(f64::max)
}

/// Says how far each node's replication is behind, by what the others of the round say. A primary's own word is of
/// one moment; two nodes' words are of two, and so may be off by what was written between them.
pub fn note_lags(samples: &mut [ServerSample]) {
    let known: Vec<(String, Arc<Info>)> = samples
        .iter()
        .filter_map(|sample| Some((sample.node.clone(), Arc::clone(&sample.answer.as_ref().ok()?.info))))
        .collect();
    for sample in samples {
        let Ok(answer) = &mut sample.answer else { continue };
        let own = &answer.info.replication;
        answer.lag_bytes = match &own.primary {
            None => {
                own.replicas.iter().map(|(_, acknowledged)| own.offset.saturating_sub(*acknowledged)).max()
            }
            Some(primary) => known.iter().find(|(node, _)| node == primary).and_then(|(_, primary)| {
                let theirs = &primary.replication;
                let reported = theirs.replicas.iter().find(|(node, _)| *node == sample.node);
                let reached = reported.map(|(_, acknowledged)| *acknowledged).or(own.followed)?;
                Some(theirs.offset.saturating_sub(reached))
            }),
        };
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{answered, lost};
    use super::*;

    fn close(value: Option<f64>, expected: f64) -> bool {
        value.is_some_and(|value| (value - expected).abs() < 1e-9)
    }

    #[test]
    fn the_hit_rate_of_several_nodes_is_of_their_lookups_and_no_mean_of_their_rates() {
        let busy = answered("a:1", Role::Primary, 900, 100);
        let idle = answered("b:1", Role::Primary, 0, 1);
        assert!(close(Figures::of_all(&[busy, idle]).hit_rate, 900.0 / 1001.0));
    }

    #[test]
    fn what_replicas_copy_is_not_counted_again() {
        let samples = [answered("a:1", Role::Primary, 1, 1), answered("b:1", Role::Replica, 1, 1)];
        let (all, one) = (Figures::of_all(&samples), Figures::of(&samples[0]));
        assert_eq!((all.keys, all.used_memory_bytes), (one.keys, one.used_memory_bytes));
        assert!(close(all.commands_per_s, one.commands_per_s.unwrap() * 2.0));
    }

    #[test]
    fn a_lost_node_has_no_figures_and_takes_none_from_the_others() {
        let samples = [answered("a:1", Role::Primary, 3, 1), lost("b:1")];
        assert_eq!(Figures::of(&samples[1]), Figures::default());
        assert!(close(Figures::of_all(&samples).hit_rate, 0.75));
    }

    #[test]
    fn a_sum_without_a_node_that_does_not_say_is_no_sum() {
        let mut silent = answered("b:1", Role::Primary, 3, 1);
        if let Ok(answer) = &mut silent.answer {
            answer.info = Arc::new(Info { used_memory_bytes: None, ..(*answer.info).clone() });
            if let Since::Interval(interval) = &mut answer.since {
                interval.counted.hits = None;
            }
        }
        let samples = [answered("a:1", Role::Primary, 3, 1), silent];
        let all = Figures::of_all(&samples);
        assert_eq!((all.hit_rate, all.used_memory_bytes, all.fragmentation_ratio), (None, None, None));
        assert_eq!(all.keys, Some(20_000.0));
        assert!(all.commands_per_s.is_some());
        assert_eq!(Figures::of(&samples[1]).hit_rate, None);
    }

    #[test]
    fn lag_is_the_bytes_that_a_replica_has_yet_to_acknowledge() {
        let mut samples = [answered("a:1", Role::Primary, 1, 1), answered("b:1", Role::Replica, 1, 1)];
        let with = |sample: &mut ServerSample, text: &str| {
            sample.answer.as_mut().unwrap().info = Arc::new(Info::parse(text));
        };
        with(
            &mut samples[0],
            "role:master\nmaster_repl_offset:100\nslave0:ip=b,port=1,state=online,offset=60,lag=0",
        );
        with(&mut samples[1], "role:slave\nmaster_host:a\nmaster_port:1\nslave_repl_offset:70");
        note_lags(&mut samples);
        let lags = samples.map(|sample| sample.answer.unwrap().lag_bytes);
        assert_eq!(lags, [Some(40), Some(40)]);
    }
}
