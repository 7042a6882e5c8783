//! The newest round as OpenMetrics text.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Instant;

use parking_lot::RwLock;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric as _, text};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::{Registry, Unit};

use super::info::Info;
use super::sample::{Figures, Round, ServerSample};

/// The type of the text.
pub const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// The newest round and what the monitor counts of itself.
#[derive(Debug, Default)]
pub struct Newest {
    round: RwLock<Option<(Instant, Arc<Round>)>>,
    /// Rounds asked so far.
    pub rounds: AtomicU64,
    /// Samples of nodes that did not answer.
    pub failed_samples: AtomicU64,
    /// Samples that could not be added to the streams.
    pub publish_failures: AtomicU64,
}

impl Newest {
    /// Takes a round.
    pub fn take(&self, round: &Arc<Round>) {
        let failed = round.samples.iter().filter(|sample| sample.answer.is_err()).count();
        self.rounds.fetch_add(1, Relaxed);
        self.failed_samples.fetch_add(failed as u64, Relaxed);
        *self.round.write() = Some((Instant::now(), Arc::clone(round)));
    }
}

/// The text of what is newest; nobody is asked for it.
#[must_use]
pub fn text_of(newest: &Arc<Newest>) -> String {
    let mut registry = Registry::default();
    registry.register_collector(Box::new(Metrics(Arc::clone(newest))));
    let mut text = String::new();
    // Writing into a String cannot fail.
    let _ = text::encode(&mut text, &registry);
    text
}

#[derive(Debug)]
struct Metrics(Arc<Newest>);

type Value = fn(&ServerSample, &Figures) -> Option<f64>;

/// A gauge: its name, what it means, its unit, its value; where that is `None`, the node has no such line.
type GaugeRow = (&'static str, &'static str, Option<Unit>, Value);

fn gauges() -> Vec<GaugeRow> {
    vec![
        ("up", "Whether the node answered the newest sample", None, |s, _| {
            Some(f64::from(u8::from(s.answer.is_ok())))
        }),
        ("round_trip", "One PING from the monitor and back", Some(Unit::Seconds), |_, f| {
            Some(f.round_trip_us? / 1e6)
        }),
        ("sample_interval", "The interval that interval figures are of", Some(Unit::Seconds), |s, _| {
            Some(s.answer.as_ref().ok()?.since.interval()?.length.as_secs_f64())
        }),
        (
            "hit",
            "Hits over lookups in the newest interval, those of EXISTS and scripts included; absent where nothing was looked up",
            Some(Unit::Other("ratio".into())),
            |_, f| f.hit_rate,
        ),
        (
            "command_mean",
            "The mean time that the server spent in a command in the newest interval, INFO left out; a script or a transaction counts as a command, and so does each command in it",
            Some(Unit::Seconds),
            |_, f| Some(f.mean_service_us? / 1e6),
        ),
        ("memory_used", "Memory that the server counts as used", Some(Unit::Bytes), |_, f| {
            f.used_memory_bytes
        }),
        (
            "memory_max",
            "The limit of the used memory; absent where there is none",
            Some(Unit::Bytes),
            |_, f| f.maxmemory_bytes,
        ),
        ("memory_rss", "Memory that the operating system has given", Some(Unit::Bytes), |_, f| f.rss_bytes),
        ("memory_fragmentation", "Resident over used memory", Some(Unit::Other("ratio".into())), |_, f| {
            f.fragmentation_ratio
        }),
        ("keys", "Keys of all databases", None, |_, f| f.keys),
        ("connected_clients", "Connected clients", None, |_, f| f.clients),
        ("replication_lag", "How far replication is behind", Some(Unit::Bytes), |_, f| f.lag_bytes),
        ("uptime", "How long the server has been up", Some(Unit::Seconds), |s, _| {
            Some(s.answer.as_ref().ok()?.info.uptime_s? as f64)
        }),
    ]
}

/// A counter of the server: its name, what it means, its unit, its value in integers or else in seconds.
type CounterRow = (&'static str, &'static str, Option<Unit>, Count);

enum Count {
    Whole(fn(&Info) -> Option<u64>),
    Seconds(fn(&Info) -> Option<f64>),
}

fn counters() -> Vec<CounterRow> {
    vec![
        (
            "keyspace_hits",
            "Lookups that found their key, those of EXISTS and scripts included",
            None,
            Count::Whole(|i| i.counters.hits),
        ),
        ("keyspace_misses", "Lookups that did not find their key", None, Count::Whole(|i| i.counters.misses)),
        (
            "evicted_keys",
            "Keys evicted at the limit of the memory",
            None,
            Count::Whole(|i| i.counters.evicted),
        ),
        ("expired_keys", "Keys whose time to live was over", None, Count::Whole(|i| i.counters.expired)),
        (
            "commands_processed",
            "Commands carried out, those in scripts and transactions included",
            None,
            Count::Whole(|i| i.counters.commands),
        ),
        (
            "net_input",
            "Received from the network",
            Some(Unit::Bytes),
            Count::Whole(|i| i.counters.net_in_bytes),
        ),
        ("net_output", "Sent to the network", Some(Unit::Bytes), Count::Whole(|i| i.counters.net_out_bytes)),
        (
            "command_calls",
            "Calls of commands, INFO left out; a script or a transaction counts as one, and so does each command in it",
            None,
            Count::Whole(|i| i.counters.calls),
        ),
        (
            "command_busy",
            "Time that the server spent in commands, INFO left out; that of a command in a script or a transaction is counted twice, as its own and as theirs",
            Some(Unit::Seconds),
            Count::Seconds(|i| Some(i.counters.busy_us? as f64 / 1e6)),
        ),
    ]
}

impl Collector for Metrics {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        let newest = &self.0;
        let own = [
            ("rounds", "Rounds in which every node was asked once", newest.rounds.load(Relaxed)),
            ("failed_samples", "Samples of nodes that did not answer", newest.failed_samples.load(Relaxed)),
            (
                "publish_failures",
                "Samples that could not be added to the streams",
                newest.publish_failures.load(Relaxed),
            ),
        ];
        for (name, help, count) in own {
            let name = format!("hotset_monitor_{name}");
            let metric = encoder.encode_descriptor(&name, help, None, MetricType::Counter)?;
            ConstCounter::new(count).encode(metric)?;
        }
        let Some((at, round)) = newest.round.read().clone() else { return Ok(()) };
        let metric = encoder.encode_descriptor(
            "hotset_monitor_sample_age",
            "How old the newest sample is; a scrape asks no node",
            Some(&Unit::Seconds),
            MetricType::Gauge,
        )?;
        ConstGauge::new(at.elapsed().as_secs_f64()).encode(metric)?;
        encode_gauges(&mut encoder, &round)?;
        encode_counters(&mut encoder, &round)
    }
}

fn encode_gauges(encoder: &mut DescriptorEncoder<'_>, round: &Round) -> Result<(), fmt::Error> {
    for (name, help, unit, value) in gauges() {
        let name = format!("hotset_redis_{name}");
        let mut family = encoder.encode_descriptor(&name, help, unit.as_ref(), MetricType::Gauge)?;
        for sample in &round.samples {
            if let Some(value) = value(sample, &Figures::of(sample)) {
                let labels = labels(sample);
                ConstGauge::new(value).encode(family.encode_family(&labels)?)?;
            }
        }
    }
    Ok(())
}

fn encode_counters(encoder: &mut DescriptorEncoder<'_>, round: &Round) -> Result<(), fmt::Error> {
    for (name, help, unit, count) in counters() {
        let name = format!("hotset_redis_{name}");
        let mut family = encoder.encode_descriptor(&name, help, unit.as_ref(), MetricType::Counter)?;
        for sample in &round.samples {
            let Ok(answer) = &sample.answer else { continue };
            let labels = labels(sample);
            match count {
                Count::Whole(count) => {
                    if let Some(count) = count(&answer.info) {
                        ConstCounter::new(count).encode(family.encode_family(&labels)?)?;
                    }
                }
                Count::Seconds(count) => {
                    if let Some(count) = count(&answer.info) {
                        ConstCounter::new(count).encode(family.encode_family(&labels)?)?;
                    }
                }
            }
        }
    }
    Ok(())
}

fn labels(sample: &ServerSample) -> [(&'static str, String); 2] {
    [("node", sample.node.clone()), ("role", sample.role.name().to_owned())]
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::super::sample::Role;
    use super::super::testing::{answered, lost, moment};
    use super::*;

    fn text_with(samples: Vec<ServerSample>) -> String {
        let newest = Arc::new(Newest::default());
        newest.take(&Arc::new(Round { at: moment(), samples, deployment: "single", notes: Vec::new() }));
        text_of(&newest)
    }

    /// The series of a text, or what is wrong with it: a family without help and type before it, a line that is
    /// neither a comment nor a sample of the newest family, a value that is no number, a series that is there twice.
    fn series_of(text: &str) -> Result<HashSet<&str>, String> {
        let text = text.strip_suffix("# EOF\n").ok_or("the end is missing")?;
        let (mut families, mut series) = (HashSet::new(), HashSet::new());
        let (mut helped, mut typed) = ("", ("", ""));
        for line in text.lines() {
            let wrong = |why: &str| format!("{why}: {line}");
            if let Some(help) = line.strip_prefix("# HELP ") {
                helped = help.split_once(' ').ok_or_else(|| wrong("a help without a text"))?.0;
            } else if let Some(kind) = line.strip_prefix("# TYPE ") {
                typed = kind.split_once(' ').ok_or_else(|| wrong("a type without a name"))?;
                if typed.0 != helped || !families.insert(typed.0) {
                    return Err(wrong("a family without help, or there twice"));
                }
            } else if let Some(unit) = line.strip_prefix("# UNIT ") {
                let (name, unit) = unit.split_once(' ').ok_or_else(|| wrong("a unit without a name"))?;
                if name != typed.0 || !name.ends_with(&format!("_{unit}")) {
                    return Err(wrong("a unit of something else"));
                }
            } else {
                let (name, value) = line.rsplit_once(' ').ok_or_else(|| wrong("no value"))?;
                value.parse::<f64>().map_err(|_| wrong("no number"))?;
                let suffix = if typed.1 == "counter" { "_total" } else { "" };
                let family = name.split_once('{').map_or(name, |(family, _)| family);
                if family != format!("{}{suffix}", typed.0) {
                    return Err(wrong("a sample of another family"));
                }
                if !series.insert(name) {
                    return Err(wrong("a series that is there twice"));
                }
            }
        }
        Ok(series)
    }

    #[test]
    fn the_text_holds_to_its_format_and_no_series_is_there_twice() {
        let text = text_with(vec![answered("a:1", Role::Primary, 90, 10), lost("b:1")]);
        let series = series_of(&text).unwrap();
        assert!(series.contains("hotset_redis_up{node=\"b:1\",role=\"primary\"}"), "{series:?}");
        let twice = text_with(vec![lost("b:1"), lost("b:1")]);
        assert!(series_of(&twice).unwrap_err().contains("twice: hotset_redis_up{node=\"b:1\""));
    }

    #[test]
    fn every_metric_has_its_help_type_and_labels() {
        let text = text_with(vec![answered("a:1", Role::Primary, 90, 10), lost("b:1")]);
        let age = text.lines().find(|line| line.starts_with("hotset_monitor_sample_age_seconds ")).unwrap();
        insta::assert_snapshot!(text.replace(age, "hotset_monitor_sample_age_seconds AGE"));
    }

    #[test]
    fn a_hit_rate_that_is_not_known_is_absent_rather_than_0() {
        let text = text_with(vec![answered("a:1", Role::Primary, 0, 0)]);
        assert!(!text.contains("hotset_redis_hit_ratio{"), "{text}");
        assert!(text.contains("hotset_redis_keyspace_hits_total{node=\"a:1\",role=\"primary\"} 0"), "{text}");
    }
}
