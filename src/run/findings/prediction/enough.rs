//! How much cache a hit rate takes, by the models that predict hit rates: for sweeps in which no capacity reaches it.

use std::num::NonZeroU64;
use std::sync::Arc;

use super::models::{hit_rate, popularity};
use crate::model::theory::{Popularity, Prediction};
use crate::results::EnoughCacheRow;
use crate::run::plan::{Cell, Plan};
use crate::topology::settings::Capacity;

/// The setting that is swept.
const CAPACITY: &str = "cache.capacity";
/// A capacity is told to so small a share of the documents.
const STEP: u64 = 1_000;

/// A row for each strategy on each topology whose capacity is swept, and for each of these hit rates, where a model covers it.
#[must_use]
pub fn enough_cache(plan: &Plan, wanted: &[f64]) -> Vec<EnoughCacheRow> {
    let mut rows: Vec<EnoughCacheRow> = Vec::new();
    let mut solved: Vec<Solved> = Vec::new();
    for cell in &plan.cells {
        let swept = others(cell);
        let is_known = |row: &EnoughCacheRow| {
            (&row.strategy, &row.topology, &row.swept) == (&cell.strategy.label, &cell.topology.label, &swept)
        };
        if cell.swept.iter().all(|(key, _)| key != CAPACITY) || rows.iter().any(is_known) {
            continue;
        }
        let Some(popularity) = popularity(cell) else { continue };
        let Some(asked) = Asked::of(cell, &popularity) else { continue };
        for wanted in wanted {
            let place = (cell.topology.label.clone(), swept.clone());
            let entries = asked.solve(*wanted, &place, &mut solved);
            rows.push(EnoughCacheRow {
                strategy: cell.strategy.label.clone(),
                topology: cell.topology.label.clone(),
                swept: swept.clone(),
                wanted_hit_rate: *wanted,
                capacity_entries: entries,
                capacity_share: entries.map(|entries| super::rounded(entries as f64 / asked.keys as f64)),
                most_hit_rate: super::rounded(asked.most.value),
                predicted_by: asked.middle.model.name.into(),
            });
        }
    }
    // Cells come in an order that is drawn by lot.
    rows.sort_by(|a, b| {
        let key = |row: &EnoughCacheRow| (row.topology.clone(), row.swept.clone(), row.strategy.clone());
        key(a).cmp(&key(b)).then(a.wanted_hit_rate.total_cmp(&b.wanted_hit_rate))
    });
    rows
}

/// The swept values but for the capacity, as result files write them.
fn others(cell: &Cell) -> String {
    let others = cell.swept.iter().filter(|(key, _)| key != CAPACITY);
    others.map(|(key, value)| format!("{key}={value}")).collect::<Vec<_>>().join(";")
}

/// What was found for strategies of which the models say the same, since a search takes many predictions.
struct Solved {
    place: (String, String),
    wanted: f64,
    middle: f64,
    most: f64,
    entries: Option<u64>,
}

/// A strategy of which the models say something at every capacity.
struct Asked<'a> {
    cell: &'a Cell,
    popularity: &'a Popularity,
    keys: u64,
    /// With room for half of the documents.
    middle: Prediction,
    /// With room for all of them.
    most: Prediction,
}

impl<'a> Asked<'a> {
    fn of(cell: &'a Cell, popularity: &'a Popularity) -> Option<Self> {
        let keys = cell.scenario.dataset.keys.get();
        let middle = predicted(cell, popularity, (keys / 2).max(1))?;
        let most = predicted(cell, popularity, keys)?;
        Some(Self { cell, popularity, keys, middle, most })
    }

    fn solve(&self, wanted: f64, place: &(String, String), solved: &mut Vec<Solved>) -> Option<u64> {
        let (middle, most) = (self.middle.value, self.most.value);
        let same = |one: &&Solved| {
            one.place == *place
                && [one.wanted, one.middle, one.most].map(f64::to_bits)
                    == [wanted, middle, most].map(f64::to_bits)
        };
        if let Some(known) = solved.iter().find(same) {
            return known.entries;
        }
        let entries = self.least(wanted);
        solved.push(Solved { place: place.clone(), wanted, middle, most, entries });
        entries
    }

    /// The least number of entries with which this is predicted: a larger cache never hits less.
    fn least(&self, wanted: f64) -> Option<u64> {
        if self.most.value < wanted {
            return None;
        }
        let (mut too_few, mut enough) = (0, self.keys);
        while enough - too_few > (self.keys / STEP).max(1) {
            let middle = u64::midpoint(too_few, enough);
            if predicted(self.cell, self.popularity, middle)?.value < wanted {
                too_few = middle;
            } else {
                enough = middle;
            }
        }
        Some(enough)
    }
}

fn predicted(cell: &Cell, popularity: &Popularity, entries: u64) -> Option<Prediction> {
    let mut cell = cell.clone();
    Arc::make_mut(&mut cell.scenario).cache.capacity = Some(Capacity::Entries(NonZeroU64::new(entries)?));
    hit_rate(&cell, popularity)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::plan::PlanOptions;

    fn rows(strategies: &str, more: &str) -> Vec<EnoughCacheRow> {
        let text = format!(
            "strategies = [{strategies}]\ntopologies = [\"embedded\"]\n[dataset]\nkeys = 100_000\n[workload]\nreads = 0.9\n\
             [run]\nduration = \"10s\"\n{more}"
        );
        let plan = Plan::parse("test", "test.toml", &text, &PlanOptions::default()).unwrap();
        enough_cache(&plan, &[0.725, 0.9, 0.999])
    }

    const SWEPT: &str = "[sweep]\n\"cache.capacity\" = [\"5%\", \"10%\"]\n";

    #[test]
    fn the_least_capacity_is_the_one_at_which_the_model_says_so() {
        let rows = rows("\"cache-through\", \"no-cache\"", SWEPT);
        let found: Vec<_> = rows.iter().map(|row| (row.strategy.as_str(), row.wanted_hit_rate)).collect();
        assert_eq!(found, [("cache-through", 0.725), ("cache-through", 0.9), ("cache-through", 0.999)]);
        // Che's approximation has 72.50 % at a tenth of these keys.
        let tenth = rows[0].capacity_share.unwrap();
        assert!((tenth - 0.1).abs() <= 0.002, "{tenth}");
        let entries = rows.iter().map(|row| row.capacity_entries.unwrap());
        assert!(entries.clone().is_sorted() && entries.max() < Some(100_001), "{rows:?}");
    }

    #[test]
    fn where_writes_keep_the_hit_rate_lower_whatever_the_capacity_no_capacity_is_told() {
        let rows = rows("\"cache-aside\"", SWEPT);
        assert_eq!((rows[2].capacity_entries, rows[2].capacity_share), (None, None));
        assert!(rows[2].most_hit_rate < 0.999, "{:?}", rows[2]);
    }

    #[test]
    fn nothing_is_told_where_no_capacity_is_swept_or_no_model_covers_the_policy() {
        assert_eq!(rows("\"cache-aside\"", "[cache]\ncapacity = \"10%\"\n"), []);
        assert_eq!(rows("\"cache-aside\"", &format!("{SWEPT}[cache]\npolicy = \"sieve\"\n")), []);
    }
}
