//! What theory predicts of a cache: hit rates, stale reads, losses and the load that reaches the database.
//!
//! Every model takes a [`Popularity`] (how often each key is read and written) and the limits of the cache, and
//! answers with a [`Prediction`]. All of them assume the independent reference model: reads and writes of a key
//! are Poisson processes, independent of each other and of other keys, and the cache has reached its steady state.

pub mod both;
pub mod counted_lfu;
pub mod database_load;
pub mod fifo;
pub mod lru;
mod models;
pub mod perfect_lfu;
pub mod random;
pub mod refresh_ahead;
pub mod sampled_lru;
pub mod staleness;
pub mod ttl;
pub mod write_behind;

mod characteristic_time;
mod popularity;
mod renewal;
#[cfg(test)]
mod simulation;

pub use models::{MODELS, reference};
pub use popularity::{Class, Popularity};

/// An input that no model can work with.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error("cannot predict with {what} = {value}: {remedy}")]
pub struct TheoryError {
    /// The input, with its unit.
    pub what: &'static str,
    /// The value that was given.
    pub value: f64,
    /// The values that would be accepted.
    pub remedy: &'static str,
}

/// The prediction of a model, and where the model comes from.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Prediction {
    /// The predicted share, from 0 to 1.
    pub value: f64,
    /// The lower end of what is expected; equal to `value` where the model gives one number.
    pub low: f64,
    /// The upper end of what is expected; equal to `value` where the model gives one number.
    pub high: f64,
    /// The model that says so.
    pub model: TheoryModel,
}

/// A model.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TheoryModel {
    /// Its name.
    pub name: &'static str,
    /// The paper or book that it comes from.
    pub reference: &'static str,
}

impl Prediction {
    /// One number, kept within 0 to 1 against rounding.
    pub(crate) fn point(value: f64, model: TheoryModel) -> Self {
        let value = value.clamp(0.0, 1.0);
        Self { value, low: value, high: value, model }
    }

    /// Returns how far a measured share lies outside the band; 0 inside, negative below.
    #[must_use]
    pub fn distance(&self, measured: f64) -> f64 {
        measured - measured.clamp(self.low, self.high)
    }
}

/// The number of entries that fit into a cache: at least one.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd)]
pub struct ModelCapacity(f64);

impl ModelCapacity {
    /// A capacity in entries; a mean over time need not be whole.
    ///
    /// # Errors
    /// Less than one entry is not a cache.
    pub fn entries(entries: f64) -> Result<Self, TheoryError> {
        let remedy = "give the cache room for at least one entry";
        accept(entries, entries >= 1.0 && entries.is_finite(), "capacity in entries", remedy).map(Self)
    }

    /// The capacity in entries.
    #[must_use]
    pub fn get(self) -> f64 {
        self.0
    }
}

/// The effect of a write on the cached entry of its key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ModelWritePolicy {
    /// The cache does not learn of writes: entries grow stale until they expire or are evicted.
    Ignored,
    /// The new value goes into the cache, whether or not the key was there.
    Updates,
    /// The entry is removed; the next read fetches it again.
    Deletes,
}

fn accept(value: f64, good: bool, what: &'static str, remedy: &'static str) -> Result<f64, TheoryError> {
    if good { Ok(value) } else { Err(TheoryError { what, value, remedy }) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::theory::ttl::{Clock, Ttl};
    use proptest::prelude::*;

    const ON_WRITE: [ModelWritePolicy; 3] =
        [ModelWritePolicy::Ignored, ModelWritePolicy::Updates, ModelWritePolicy::Deletes];

    fn entries(count: f64) -> ModelCapacity {
        ModelCapacity::entries(count).unwrap()
    }

    fn popularities() -> impl Strategy<Value = Popularity> {
        let rate = (-4.0..3.0_f64).prop_map(f64::exp);
        prop::collection::vec((rate.clone(), prop_oneof![Just(0.0), rate]), 2..60).prop_map(|keys| {
            let (reads, writes): (Vec<_>, Vec<_>) = keys.into_iter().unzip();
            Popularity::of_keys(&reads, &writes).unwrap()
        })
    }

    /// Every model whose cache has a capacity.
    fn bounded(
        popularity: &Popularity,
        capacity: ModelCapacity,
        on_write: ModelWritePolicy,
    ) -> Vec<Prediction> {
        let mut all = vec![
            perfect_lfu::hit_rate(popularity, capacity),
            lru::hit_rate(popularity, capacity, on_write),
            fifo::hit_rate(popularity, capacity, on_write),
            random::hit_rate(popularity, capacity, on_write),
            sampled_lru::hit_rate(popularity, capacity, on_write),
            counted_lfu::hit_rate(popularity, capacity, on_write),
        ];
        for clock in [Clock::FromFill, Clock::FromLastUse] {
            for expiry in [both::Expiry::AtOnce, both::Expiry::WhenFound] {
                let limits = both::CacheLimits { capacity, ttl: Ttl::seconds(2.0).unwrap(), clock, expiry };
                all.push(both::hit_rate(popularity, limits, on_write));
            }
        }
        all
    }

    #[test]
    fn a_capacity_below_one_entry_is_refused_with_the_remedy() {
        for entries in [0.0, 0.99, -3.0, f64::NAN, f64::INFINITY] {
            let error = ModelCapacity::entries(entries).unwrap_err().to_string();
            assert!(error.contains("capacity") && error.contains("at least one entry"), "{error}");
        }
    }

    #[test]
    fn every_model_has_a_name_of_its_own_and_says_where_it_comes_from() {
        let names: std::collections::BTreeSet<_> = MODELS.iter().map(|model| model.name).collect();
        assert_eq!(names.len(), MODELS.len());
        assert!(MODELS.iter().all(|model| !model.reference.is_empty()));
        assert_eq!(reference("LRU (Che)"), Some(lru::MODEL.reference));
    }

    #[test]
    fn the_distance_from_a_band_is_zero_inside_and_signed_outside() {
        let band = Prediction { value: 0.5, low: 0.4, high: 0.6, model: lru::MODEL };
        assert!(band.distance(0.45).abs() < 1e-12);
        assert!((band.distance(0.65) - 0.05).abs() < 1e-12);
        assert!((band.distance(0.3) + 0.1).abs() < 1e-12);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn every_hit_rate_is_a_share_inside_its_own_band(
            popularity in popularities(), capacity in 1.0..80.0_f64, on_write in prop::sample::select(&ON_WRITE),
        ) {
            for prediction in bounded(&popularity, entries(capacity), on_write) {
                prop_assert!((0.0..=1.0).contains(&prediction.value), "{prediction:?}");
                prop_assert!(prediction.low <= prediction.value && prediction.value <= prediction.high);
                prop_assert_eq!(reference(prediction.model.name), Some(prediction.model.reference));
            }
        }

        #[test]
        fn more_room_never_lowers_a_predicted_hit_rate(
            popularity in popularities(), small in 1.0..60.0_f64, more in 0.0..20.0_f64,
            on_write in prop::sample::select(&ON_WRITE),
        ) {
            let before = bounded(&popularity, entries(small), on_write);
            let after = bounded(&popularity, entries(small + more), on_write);
            for (before, after) in before.iter().zip(&after) {
                // The sampled LRU's band narrows as the cache grows; its ends are held by its two parts.
                if before.model != sampled_lru::MODEL {
                    prop_assert!(after.value >= before.value - 1e-7, "{before:?} {after:?}");
                }
            }
        }

        #[test]
        fn without_writes_fifo_is_at_most_lru_and_lru_at_most_the_perfect_lfu(
            popularity in popularities(), capacity in 1.0..80.0_f64,
        ) {
            let capacity = entries(capacity);
            let fifo = fifo::hit_rate(&popularity, capacity, ModelWritePolicy::Ignored).value;
            let random = random::hit_rate(&popularity, capacity, ModelWritePolicy::Ignored).value;
            let lru = lru::hit_rate(&popularity, capacity, ModelWritePolicy::Ignored).value;
            let lfu = perfect_lfu::hit_rate(&popularity, capacity).value;
            prop_assert!((fifo - random).abs() < 1e-9);
            prop_assert!(fifo <= lru + 1e-9 && lru <= lfu + 1e-9, "{fifo} {lru} {lfu}");
        }

        #[test]
        fn rare_writes_change_nothing(popularity in popularities(), capacity in 1.0..80.0_f64) {
            let rates = |writes: f64| {
                let scaled = popularity.classes().iter();
                let scaled = scaled.map(|c| Class { writes_per_second: c.writes_per_second * writes, ..*c });
                Popularity::of_classes(scaled.collect()).unwrap()
            };
            for on_write in ON_WRITE {
                let never = bounded(&rates(0.0), entries(capacity), on_write);
                let rarely = bounded(&rates(1e-9), entries(capacity), on_write);
                for (never, rarely) in never.iter().zip(&rarely) {
                    prop_assert!((never.value - rarely.value).abs() < 1e-5, "{never:?} {rarely:?}");
                }
            }
        }

        #[test]
        fn a_cache_that_holds_every_key_hits_every_read_unless_writes_delete(popularity in popularities()) {
            let room = entries(popularity.keys());
            for on_write in [ModelWritePolicy::Ignored, ModelWritePolicy::Updates] {
                for hit_rate in [lru::hit_rate, fifo::hit_rate, random::hit_rate] {
                    prop_assert!(hit_rate(&popularity, room, on_write).value > 1.0 - 1e-6);
                }
            }
            let cap = popularity.share_of_reads(|c| c.reads_per_second / (c.reads_per_second + c.writes_per_second));
            for hit_rate in [lru::hit_rate, fifo::hit_rate, random::hit_rate] {
                prop_assert!((hit_rate(&popularity, room, ModelWritePolicy::Deletes).value - cap).abs() < 1e-6);
            }
        }
    }
}
