//! What of a sweep is drawn in a row: the groups of one topology that differ in one swept quantity.

use crate::report::canvas::scale::{Scale, Spread, Tick};
use crate::report::enough::TARGET;
use crate::report::group::{Group, StrategyRepeats, quantity};

/// From this factor between the least and the most on, an even axis would crowd the small ones.
const FACTOR_FOR_LOG: f64 = 8.0;
/// The figure of which something is always asked.
pub(super) const HIT_RATE: &str = "hit_rate";

/// The groups of one topology that differ in one swept quantity and in nothing else, the least first.
pub(super) struct SweepRow<'a> {
    pub(super) key: &'a str,
    pub(super) topology: &'a str,
    /// The other swept values, as they are shown.
    pub(super) others: String,
    pub(super) points: Vec<SweepPoint<'a>>,
}

#[derive(Clone, Copy)]
pub(super) struct SweepPoint<'a> {
    pub(super) x: f64,
    /// The value as it was written.
    pub(super) text: &'a str,
    pub(super) group: &'a Group<'a>,
}

/// Each quantity on each topology; of the other swept values those of the first and of the last row.
pub(super) fn rows<'a>(groups: &'a [Group<'a>]) -> Vec<SweepRow<'a>> {
    let mut keys: Vec<&str> = Vec::new();
    for (key, value) in groups.iter().flat_map(Group::swept_values) {
        if quantity(value).is_some() && !keys.contains(&key) {
            keys.push(key);
        }
    }
    let mut rows: Vec<SweepRow<'a>> = Vec::new();
    for key in keys {
        let mut of_key: Vec<SweepRow<'a>> = Vec::new();
        for group in groups {
            add_point(&mut of_key, key, group);
        }
        of_key.retain(|row| row.points.len() > 1);
        rows.extend(ends_of_others(of_key));
    }
    for row in &mut rows {
        row.points.sort_by(|a, b| a.x.total_cmp(&b.x));
    }
    rows
}

fn add_point<'a>(rows: &mut Vec<SweepRow<'a>>, key: &'a str, group: &'a Group<'a>) {
    let (mut point, mut others) = (None, Vec::new());
    for (other, value) in group.swept_values() {
        if other == key {
            point = quantity(value).map(|x| SweepPoint { x, text: value, group });
        } else {
            others.push(format!("{} = {value}", last_part(other)));
        }
    }
    let (Some(point), others) = (point, others.join(", ")) else { return };
    match rows.iter_mut().find(|row| row.topology == group.topology && row.others == others) {
        Some(row) => row.points.push(point),
        None => rows.push(SweepRow { key, topology: group.topology, others, points: vec![point] }),
    }
}

/// Of each topology the first and the last row, so that a sweep of several keys stays readable.
fn ends_of_others(rows: Vec<SweepRow<'_>>) -> Vec<SweepRow<'_>> {
    let places = |topology: &str| {
        let of_topology = rows.iter().enumerate().filter(|(_, row)| row.topology == topology);
        of_topology.map(|(at, _)| at).collect::<Vec<_>>()
    };
    let is_end: Vec<bool> = rows
        .iter()
        .enumerate()
        .map(|(at, row)| {
            let places = places(row.topology);
            places.first() == Some(&at) || places.last() == Some(&at)
        })
        .collect();
    rows.into_iter().zip(is_end).filter(|(_, is_end)| *is_end).map(|(row, _)| row).collect()
}

/// The last part of a dotted key.
pub(super) fn last_part(key: &str) -> &str {
    key.rsplit('.').next().unwrap_or(key)
}

impl<'a> SweepRow<'a> {
    /// Returns what tells it from the others.
    pub(super) fn name(&self, all: &[Self]) -> String {
        let several = |differ: fn(&Self, &Self) -> bool| all.iter().any(|other| differ(self, other));
        let mut parts = vec![format!("{} on {}", self.key, self.topology)];
        if !self.others.is_empty() && several(|a, b| a.others != b.others) {
            parts.push(self.others.clone());
        }
        parts.join(", ")
    }

    /// Ticks stand at the swept values, as they were written.
    pub(super) fn scale(&self) -> Scale {
        let (low, high) = self.ends();
        let spread = if low > 0.0 && high / low >= FACTOR_FOR_LOG { Spread::Log } else { Spread::Even };
        let tick = |point: &SweepPoint<'_>| Tick { value: point.x, label: point.text.to_owned() };
        Scale { spread, low, high, ticks: self.points.iter().map(tick).collect() }
    }

    fn ends(&self) -> (f64, f64) {
        let of = |point: Option<&SweepPoint<'_>>| point.map_or(0.0, |point| point.x);
        (of(self.points.first()), of(self.points.last()))
    }

    /// What the scenario requires of a figure here, of all strategies; of the hit rate, something is always asked.
    pub(super) fn target(&self, figure: &str) -> Option<f64> {
        let group = self.points.first()?.group;
        let required = group.results.run.requirements.iter().find(|one| {
            one.criterion == figure
                && one.operation.is_none()
                && one.strategy.is_none()
                && one.topology.as_deref().is_none_or(|topology| topology == self.topology)
        });
        required.map(|one| one.bound).or((figure == HIT_RATE).then_some(TARGET))
    }

    /// The strategies of all groups, in the order in which they are shown.
    pub(super) fn entries(&self) -> Vec<&'a StrategyRepeats<'a>> {
        let mut entries: Vec<&'a StrategyRepeats<'a>> = Vec::new();
        for entry in self.points.iter().flat_map(|point| &point.group.entries) {
            if entries.iter().all(|known| known.label != entry.label) {
                entries.push(entry);
            }
        }
        entries
    }

    /// One strategy at every value at which it was measured.
    pub(super) fn of_strategy(&self, label: &str) -> Vec<(SweepPoint<'a>, &'a StrategyRepeats<'a>)> {
        let find = |point: &SweepPoint<'a>| {
            let group: &'a Group<'a> = point.group;
            Some((*point, group.entries.iter().find(|entry| entry.label == label)?))
        };
        self.points.iter().filter_map(find).collect()
    }
}
