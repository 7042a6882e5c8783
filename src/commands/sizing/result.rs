//! The result of a simulation: its rows, and what is said of it.

use crate::base::units::Share;
use crate::load::trace::Skipped;
use crate::model::curve::{ByteCounts, CacheSize, Curve, NotReached, Point, Sampling, WritePolicy};
use crate::results::{CurveRow, CurveSource};

/// The result of a simulation.
#[derive(Debug, Clone)]
pub struct Sizing {
    /// One for each policy.
    pub curves: Vec<Curve>,
    /// The documents of the dataset, or the keys of the trace; `None` where a trace's were not counted.
    pub keys: Option<u64>,
    /// The choice of keys that were simulated.
    pub sampling: Sampling,
    /// The swept values that make the operations what they are; empty without any.
    pub swept: String,
    /// The effect that writes had on the cache.
    pub on_write: WritePolicy,
    /// Why they did so, in a sentence; `None` where it was said on the command line, or nothing is written.
    pub reason: Option<String>,
    /// Lines of the trace that were left out.
    pub skipped: Skipped,
    /// True where entries expired by the trace's own times and times to live.
    pub expires: bool,
    /// What is to be known of the curves beside that, a sentence each.
    pub notes: Vec<String>,
}

/// The headings of the table of a trace's objects.
const HEADINGS: [&str; 4] = ["policy", "capacity", "hit rate", "byte hit rate"];

impl Sizing {
    /// The rows of the simulated points.
    #[must_use]
    pub fn rows(&self) -> Vec<CurveRow> {
        let of_curve = |curve: &Curve| {
            let policy = curve.policy.name();
            let rows = curve.points.iter().map(move |point| CurveRow {
                source: CurveSource::Simulated,
                policy: policy.into(),
                capacity_entries: point.capacity.entries().map(|entries| entries.get().into()),
                capacity_share: self.share_of_keys(point.capacity),
                capacity_bytes: matches!(point.capacity, CacheSize::Bytes(_)).then(|| point.capacity.get()),
                read_bytes: point.bytes.map(|bytes| bytes.read),
                hit_bytes: point.bytes.map(|bytes| bytes.hit),
                byte_hit_rate: byte_hit_rate(point),
                expires: Some(self.expires),
                reads: point.reads,
                hits: point.hits,
                hit_rate: (point.reads > 0).then(|| point.hit_rate()),
                swept: self.swept.clone(),
                on_write: self.on_write.word().into(),
                sampled_share: Some(self.sampling.rate()),
                ..CurveRow::default()
            });
            rows.collect::<Vec<_>>()
        };
        self.curves.iter().flat_map(of_curve).collect()
    }

    /// Returns what tells it from the others that were found with it: the swept values, and what writes do where they
    /// differ in that.
    #[must_use]
    pub fn name(&self, others: &[Self]) -> String {
        let writes = format!("writes {}", self.on_write.word());
        let differ = others.iter().any(|other| other.on_write != self.on_write);
        let parts = [(!self.swept.is_empty()).then(|| self.swept.clone()), differ.then_some(writes)];
        parts.into_iter().flatten().collect::<Vec<_>>().join(", ")
    }

    /// Warns of capacities that are too small for the sample.
    #[must_use]
    pub fn warning(&self) -> Option<String> {
        let points = self.curves.iter().flat_map(|curve| &curve.points);
        let capacities = points.filter_map(|point| point.capacity.entries());
        let rough = capacities.filter(|capacity| !self.sampling.is_good_at(*capacity));
        let up_to = rough.max()?;
        Some(format!(
            "hit rates at {up_to} entries and fewer are rough, as only {:.2} % of the keys were simulated; give a greater --rate",
            self.sampling.rate() * 100.0
        ))
    }

    /// The capacity that a hit rate needs, in a line: under the policy that needs the least, and under the others.
    #[must_use]
    pub fn answer(&self, target: Share) -> String {
        let mut reached = Vec::new();
        let mut best: Option<NotReached> = None;
        for curve in &self.curves {
            match curve.capacity_for(target.get()) {
                Ok(capacity) => reached.push((capacity, curve.policy)),
                Err(error) if best.is_none_or(|best| error.best > best.best) => best = Some(error),
                Err(_) => {}
            }
        }
        reached.sort();
        let percent = target.percent();
        let Some(((least, policy), others)) = reached.split_first() else {
            return best.map_or_else(String::new, |best| best.to_string());
        };
        let share = self
            .share_of_keys(*least)
            .zip(self.keys)
            .map_or_else(String::new, |(share, keys)| format!(" ({:.2} % of {keys} keys)", share * 100.0));
        let others: Vec<_> =
            others.iter().map(|(capacity, policy)| format!("{policy} {}", capacity.figure())).collect();
        let others = if others.is_empty() { String::new() } else { format!("; {}", others.join(", ")) };
        format!("a hit rate of {percent} % needs {least}{share} under {policy}{others}")
    }

    /// The hit rates of requests and of bytes, a line for each point; none where neither sizes nor times to live were
    /// looked at.
    #[must_use]
    pub fn table(&self) -> Vec<String> {
        let points =
            || self.curves.iter().flat_map(|curve| curve.points.iter().map(move |point| (curve, point)));
        if !self.expires && points().all(|(_, point)| point.bytes.is_none()) {
            return Vec::new();
        }
        let percent =
            |rate: Option<f64>| rate.map_or_else(|| "–".into(), |rate| format!("{:.2} %", rate * 100.0));
        let cells = points().map(|(curve, point)| {
            let hit_rate = (point.reads > 0).then(|| point.hit_rate());
            let policy = curve.policy.name().to_owned();
            [policy, point.capacity.figure(), percent(hit_rate), percent(byte_hit_rate(point))]
        });
        let line = |[policy, others @ ..]: [String; 4]| {
            let [capacity, hit_rate, byte_hit_rate] = others;
            format!("{policy:<9}  {capacity:>11}  {hit_rate:>8}  {byte_hit_rate:>13}")
        };
        [HEADINGS.map(str::to_owned)].into_iter().chain(cells).map(line).collect()
    }

    /// The share of the keys that fit, where that is known.
    fn share_of_keys(&self, capacity: CacheSize) -> Option<f64> {
        let (entries, keys) = capacity.entries().zip(self.keys)?;
        Some(f64::from(entries.get()) / keys as f64)
    }
}

/// Bytes that hit over bytes that were read; `None` without any.
fn byte_hit_rate(point: &Point) -> Option<f64> {
    point.bytes.filter(|bytes| bytes.read > 0).map(ByteCounts::hit_rate)
}
