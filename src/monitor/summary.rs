//! Published samples in a table for people.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::history::Past;
use super::rates::{hit_rate, mean_service_us};
use super::screen::show::{UNKNOWN, bytes, micros, number, percent};

/// The number of columns of a line over time.
const COLUMNS: usize = 60;

/// All nodes in one interval.
#[derive(Debug, Clone, Copy, Default)]
struct Moment {
    seconds: f64,
    hits: u64,
    misses: u64,
    calls: u64,
    busy_us: u64,
    commands: f64,
    evicted: f64,
    memory: Option<f64>,
    round_trip_us: Option<f64>,
}

/// The summary of samples, for people.
#[must_use]
pub fn of(samples: &[Past]) -> String {
    let (Some(first), Some(last)) = (samples.first(), samples.last()) else {
        return "nothing was published in that time; `hotset monitor --redis … --publish URL` publishes\n"
            .into();
    };
    let rounds = moments(samples);
    let nodes: std::collections::BTreeSet<_> = samples.iter().map(|sample| sample.node.as_str()).collect();
    let unanswered = samples.iter().filter(|sample| sample.state == "lost").count();
    let mut text = format!(
        "{} samples of {} ({}), {} to {}",
        samples.len(),
        count(nodes.len(), "node"),
        nodes.into_iter().collect::<Vec<_>>().join(", "),
        first.at_utc,
        last.at_utc
    );
    if unanswered > 0 {
        let _ = write!(text, ", {unanswered} of them lost");
    }
    text.push_str("\n\n");
    let _ = writeln!(text, "{:<18} {:>10} {:>10} {:>10}", "", "lowest", "mean", "highest");
    for row in rows(&rounds) {
        text.push_str(&row);
    }
    let (hits, misses) = (rounds.iter().map(|m| m.hits).sum(), rounds.iter().map(|m| m.misses).sum());
    let evicted: f64 = rounds.iter().map(|m| m.evicted * m.seconds).sum();
    let rate = hit_rate(hits, misses).map_or_else(|| UNKNOWN.to_owned(), percent);
    let _ = writeln!(
        text,
        "\n{hits} hits, {misses} misses: hit rate {rate}; {} evicted",
        count(evicted.round() as usize, "key")
    );
    text
}

fn count(number: usize, what: &str) -> String {
    format!("{number} {what}{}", if number == 1 { "" } else { "s" })
}

/// One line of the summary each: means are of sums, so that a long or busy interval weighs more than a short or idle one.
fn rows(moments: &[Moment]) -> Vec<String> {
    let sum = |field: fn(&Moment) -> f64| moments.iter().map(field).sum::<f64>();
    let whole = |field: fn(&Moment) -> u64| moments.iter().map(field).fold(0, u64::saturating_add);
    let seconds = sum(|m| m.seconds);
    let a_second = |total: f64| (seconds > 0.0).then(|| total / seconds);
    vec![
        row(
            "hit rate",
            percent,
            moments,
            |m| hit_rate(m.hits, m.misses),
            hit_rate(whole(|m| m.hits), whole(|m| m.misses)),
        ),
        row(
            "commands/s",
            number,
            moments,
            |m| timed(m, m.commands),
            a_second(sum(|m| m.commands * m.seconds)),
        ),
        row(
            "server time, mean",
            micros,
            moments,
            |m| mean_service_us(m.calls, m.busy_us),
            mean_service_us(whole(|m| m.calls), whole(|m| m.busy_us)),
        ),
        row("round trip", micros, moments, |m| m.round_trip_us, plain_mean(moments, |m| m.round_trip_us)),
        row("memory", bytes, moments, |m| m.memory, plain_mean(moments, |m| m.memory)),
        row("evicted/s", number, moments, |m| timed(m, m.evicted), a_second(sum(|m| m.evicted * m.seconds))),
    ]
}

fn timed(moment: &Moment, rate: f64) -> Option<f64> {
    (moment.seconds > 0.0).then_some(rate)
}

/// Of what is looked at and not counted each sample weighs the same.
fn plain_mean(moments: &[Moment], field: fn(&Moment) -> Option<f64>) -> Option<f64> {
    let known: Vec<f64> = moments.iter().filter_map(field).collect();
    (!known.is_empty()).then(|| known.iter().sum::<f64>() / known.len() as f64)
}

fn row(
    name: &str,
    show: fn(f64) -> String,
    moments: &[Moment],
    value: fn(&Moment) -> Option<f64>,
    mean: Option<f64>,
) -> String {
    let values: Vec<Option<f64>> = moments.iter().map(value).collect();
    let known = || values.iter().flatten().copied();
    let shown = |value: Option<f64>| value.map_or_else(|| UNKNOWN.to_owned(), show);
    let (low, high) = (known().reduce(f64::min), known().reduce(f64::max));
    format!("{name:<18} {:>10} {:>10} {:>10}  {}\n", shown(low), shown(mean), shown(high), sparkline(&values))
}

/// Sums the nodes of each round. What is stored is counted at primaries alone.
fn moments(samples: &[Past]) -> Vec<Moment> {
    let mut rounds: BTreeMap<&str, Moment> = BTreeMap::new();
    for sample in samples {
        let moment = rounds.entry(&sample.at_utc).or_default();
        let stores = sample.role != "replica";
        if let Some(seconds) = sample.interval_s {
            moment.seconds = moment.seconds.max(seconds);
            moment.hits += sample.hits.unwrap_or(0);
            moment.misses += sample.misses.unwrap_or(0);
            moment.calls += sample.calls.unwrap_or(0);
            moment.busy_us += sample.busy_us.unwrap_or(0);
            moment.commands += sample.commands.unwrap_or(0) as f64 / seconds;
            moment.evicted += if stores { sample.evicted.unwrap_or(0) as f64 / seconds } else { 0.0 };
        }
        if let Some(memory) = sample.used_memory_bytes.filter(|_| stores) {
            moment.memory = Some(moment.memory.unwrap_or(0.0) + memory as f64);
        }
        let slowest = [moment.round_trip_us, sample.round_trip_us].into_iter().flatten().reduce(f64::max);
        moment.round_trip_us = slowest;
    }
    rounds.into_values().collect()
}

/// Values in so many columns, each the mean of those that fall into it; from 0 to the highest.
fn sparkline(values: &[Option<f64>]) -> String {
    const BARS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
    let columns = values.len().clamp(1, COLUMNS);
    let mean = |column: usize| {
        let part = &values[column * values.len() / columns..(column + 1) * values.len() / columns];
        let known: Vec<f64> = part.iter().flatten().copied().collect();
        (!known.is_empty()).then(|| known.iter().sum::<f64>() / known.len() as f64)
    };
    let means: Vec<Option<f64>> = (0..columns).map(mean).collect();
    let highest = means.iter().flatten().copied().fold(0.0, f64::max);
    let bar = |value: f64| {
        let step = if highest > 0.0 { (value / highest * 7.0).round() as usize } else { 0 };
        BARS[step.min(7)]
    };
    means.into_iter().map(|value| value.map_or(' ', bar)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn past(second: u32, node: &str, hits: u64, misses: u64) -> Past {
        Past {
            at_utc: format!("2026-05-01T12:00:{second:02}.000Z"),
            node: node.into(),
            role: "primary".into(),
            state: "up".into(),
            interval_s: Some(1.0),
            round_trip_us: Some(100.0),
            hits: Some(hits),
            misses: Some(misses),
            commands: Some(hits + misses),
            calls: Some(hits + misses),
            busy_us: Some(2 * (hits + misses)),
            evicted: Some(misses),
            used_memory_bytes: Some(1 << 20),
            ..Past::default()
        }
    }

    #[test]
    fn the_mean_hit_rate_is_of_all_lookups_and_no_mean_of_rates() {
        let text = of(&[past(1, "a:1", 990, 10), past(2, "a:1", 0, 1)]);
        assert!(text.contains("990 hits, 11 misses: hit rate 98.9 %"), "{text}");
        let row = text.lines().find(|line| line.starts_with("hit rate")).unwrap();
        let words: Vec<_> = row.split_whitespace().collect();
        assert_eq!(words[2..8], ["0.0", "%", "98.9", "%", "99.0", "%"], "{row}");
    }

    #[test]
    fn a_summary_is_a_table_with_a_line_over_time() {
        let samples: Vec<Past> = (0..30)
            .flat_map(|second| {
                let more = u64::from(second) * 10;
                [past(second, "a:1", 500 + more, 100), past(second, "b:1", 300, 20 + more)]
            })
            .collect();
        insta::assert_snapshot!(of(&samples));
    }

    #[test]
    fn without_samples_it_says_how_they_are_published() {
        assert!(of(&[]).contains("--publish"));
    }

    #[test]
    fn a_line_over_time_leaves_gaps_where_nothing_is_known() {
        assert_eq!(sparkline(&[Some(0.0), None, Some(1.0)]), "▁ █");
        assert_eq!(sparkline(&vec![Some(1.0); 600]).chars().count(), COLUMNS);
    }
}
