//! How often each key is read and written: classes of keys with equal rates.

use super::{TheoryError, accept};

/// Keys of one popularity.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Class {
    /// Reads of each of the keys, λ, per second.
    pub reads_per_second: f64,
    /// Writes of each of the keys, μ, per second.
    pub writes_per_second: f64,
    /// The number of keys; a bucket of a compressed tail may stand for millions.
    pub keys: f64,
}

/// The rates of all keys, as classes in any order; at least one key is read.
#[derive(Debug, Clone, PartialEq)]
pub struct Popularity {
    classes: Vec<Class>,
    reads_per_second: f64,
}

/// Ranks of a Zipf distribution that are kept exactly. The hit rates of real caches are decided here.
const HEAD: u64 = 1_000;
/// The last rank of a tail bucket over its first: 1 %. Rates within a bucket then differ by s %, and what the models
/// lose by taking their mean is of second order, s² · 10⁻⁵.
const BUCKET_RATIO: f64 = 1.01;

impl Popularity {
    /// One class for each key: `reads[i]` is the rate λᵢ per second of key i, which is never written.
    ///
    /// # Errors
    /// See [`Popularity::of_classes`].
    pub fn reads_only(reads: &[f64]) -> Result<Self, TheoryError> {
        let class = |&reads_per_second| Class { reads_per_second, writes_per_second: 0.0, keys: 1.0 };
        Self::of_classes(reads.iter().map(class).collect())
    }

    /// One class for each key: `reads[i]` and `writes[i]` are λᵢ and μᵢ per second of key i.
    ///
    /// # Errors
    /// Refuses slices of different lengths; otherwise see [`Popularity::of_classes`].
    pub fn of_keys(reads: &[f64], writes: &[f64]) -> Result<Self, TheoryError> {
        let remedy = "give one write rate for each read rate";
        accept(writes.len() as f64, reads.len() == writes.len(), "number of write rates", remedy)?;
        let class = |(&reads_per_second, &writes_per_second)| Class {
            reads_per_second,
            writes_per_second,
            keys: 1.0,
        };
        Self::of_classes(reads.iter().zip(writes).map(class).collect())
    }

    /// Classes of keys; those that are neither read nor written are left out.
    ///
    /// # Errors
    /// Refuses rates and counts that are negative or not finite, and a total without any read.
    pub fn of_classes(mut classes: Vec<Class>) -> Result<Self, TheoryError> {
        let remedy = "give a number that is finite and not negative";
        for class in &classes {
            let inputs = [
                ("reads per second of a key", class.reads_per_second),
                ("writes per second of a key", class.writes_per_second),
                ("number of keys", class.keys),
            ];
            for (what, value) in inputs {
                accept(value, value.is_finite() && value >= 0.0, what, remedy)?;
            }
        }
        classes.retain(|class| class.keys > 0.0 && class.reads_per_second + class.writes_per_second > 0.0);
        let reads_per_second = classes.iter().map(|class| class.keys * class.reads_per_second).sum();
        let some = reads_per_second > 0.0;
        accept(reads_per_second, some, "reads per second of all keys", "let at least one key be read")?;
        Ok(Self { classes, reads_per_second })
    }

    /// Equally popular keys; the rates are those of all keys together.
    ///
    /// # Errors
    /// See [`Popularity::of_classes`].
    pub fn uniform(keys: u64, reads_per_second: f64, writes_per_second: f64) -> Result<Self, TheoryError> {
        Self::zipf(keys, 0.0, reads_per_second, writes_per_second)
    }

    /// Zipf: the key of rank i takes a share i^−s / Σ i^−s of all reads, and the same share of all writes; the rates
    /// are those of all keys together. The first 1000 ranks are exact, the tail is in buckets that grow by
    /// 1 %, so that 10⁷ keys take about 2000 classes.
    ///
    /// # Errors
    /// Refuses no keys, more than f64 can count, and a negative exponent; otherwise see [`Popularity::of_classes`].
    pub fn zipf(
        keys: u64,
        exponent: f64,
        reads_per_second: f64,
        writes_per_second: f64,
    ) -> Result<Self, TheoryError> {
        let countable = (1..=1 << 53).contains(&keys);
        accept(keys as f64, countable, "number of keys", "give at least one key, and at most 2^53")?;
        let good = exponent.is_finite() && exponent >= 0.0;
        accept(exponent, good, "Zipf exponent", "give a number that is not negative")?;
        let buckets = zipf_weights(keys, exponent);
        let total: f64 = buckets.iter().map(|&(weight, _)| weight).sum();
        let class = |&(weight, keys): &(f64, f64)| {
            let share = weight / total / keys;
            Class {
                reads_per_second: reads_per_second * share,
                writes_per_second: writes_per_second * share,
                keys,
            }
        };
        Self::of_classes(buckets.iter().map(class).collect())
    }

    /// Keys of any popularity, of which `cumulative` gives the share that so many of the hottest take of all reads and of all
    /// writes; the rates are those of all keys together. The head is exact and the tail in buckets, as for [`Popularity::zipf`].
    ///
    /// # Errors
    /// See [`Popularity::of_classes`].
    pub fn of_ranks(
        keys: u64,
        cumulative: impl Fn(u64) -> f64,
        reads_per_second: f64,
        writes_per_second: f64,
    ) -> Result<Self, TheoryError> {
        let class = |(first, next): (u64, u64)| {
            let many = (next - first) as f64;
            let share = (cumulative(next) - cumulative(first)).max(0.0) / many;
            Class {
                reads_per_second: reads_per_second * share,
                writes_per_second: writes_per_second * share,
                keys: many,
            }
        };
        Self::of_classes(buckets(keys).map(class).collect())
    }

    /// The classes.
    #[must_use]
    pub fn classes(&self) -> &[Class] {
        &self.classes
    }

    /// Returns the part of each of so many that share all reads and writes evenly.
    #[must_use]
    pub fn shared_among(&self, sharers: f64) -> Self {
        let shared = |class: &Class| Class {
            reads_per_second: class.reads_per_second / sharers,
            writes_per_second: class.writes_per_second / sharers,
            ..*class
        };
        Self {
            classes: self.classes.iter().map(shared).collect(),
            reads_per_second: self.reads_per_second / sharers,
        }
    }

    /// Returns the same keys as reads of `drawn` keys each have them looked up: such a read looks a key up once, however
    /// often it has drawn it, and so with the probability 1 − (1 − p)ⁿ of at least one in n draws of a share p.
    #[must_use]
    pub fn looked_up_in_batches_of(&self, drawn: u64) -> Self {
        let batches_per_second = self.reads_per_second;
        let looked_up = |class: &Class| {
            let share = (class.reads_per_second / batches_per_second).min(1.0);
            let drawn_once = -(drawn as f64 * (-share).ln_1p()).exp_m1();
            Class { reads_per_second: batches_per_second * drawn_once, ..*class }
        };
        let classes: Vec<Class> = self.classes.iter().map(looked_up).collect();
        let reads_per_second = classes.iter().map(|class| class.keys * class.reads_per_second).sum();
        Self { classes, reads_per_second }
    }

    /// Returns the number of keys that are read or written at all.
    #[must_use]
    pub fn keys(&self) -> f64 {
        self.sum(|_| 1.0)
    }

    /// Reads of all keys together, per second.
    #[must_use]
    pub fn reads_per_second(&self) -> f64 {
        self.reads_per_second
    }

    /// Writes of all keys together, per second.
    #[must_use]
    pub fn writes_per_second(&self) -> f64 {
        self.sum(|class| class.writes_per_second)
    }

    /// The sum over keys of what `of_key` says for a key of the class.
    pub fn sum(&self, of_key: impl Fn(&Class) -> f64) -> f64 {
        self.classes.iter().map(|class| class.keys * of_key(class)).sum()
    }

    /// The share of all reads to which `of_read` applies, where it gives the share within a class.
    pub fn share_of_reads(&self, of_read: impl Fn(&Class) -> f64) -> f64 {
        let reads = |class: &Class| class.keys * class.reads_per_second;
        let read = self.classes.iter().filter(|class| class.reads_per_second > 0.0);
        read.map(|class| reads(class) * of_read(class)).sum::<f64>() / self.reads_per_second
    }
}

/// The first rank of each class, counted from 0, and the one after its last.
fn buckets(keys: u64) -> impl Iterator<Item = (u64, u64)> {
    let mut first = 0;
    std::iter::from_fn(move || {
        let begin = first;
        let width =
            if begin < HEAD { 1 } else { ((begin as f64 * (BUCKET_RATIO - 1.0)).ceil() as u64).max(1) };
        first = (begin + width).min(keys);
        (begin < keys).then_some((begin, first))
    })
}

/// (Σ i^−s, number of ranks) of each rank of the head and each bucket of the tail.
fn zipf_weights(keys: u64, exponent: f64) -> Vec<(f64, f64)> {
    let head = (1..=keys.min(HEAD)).map(|rank| ((rank as f64).powf(-exponent), 1.0));
    let mut buckets: Vec<_> = head.collect();
    let mut first = HEAD + 1;
    while first <= keys {
        let next = ((first as f64 * BUCKET_RATIO).ceil() as u64).min(keys + 1);
        buckets.push((power_sum(first as f64, next as f64, exponent), (next - first) as f64));
        first = next;
    }
    buckets
}

/// Σ i^−s over first ≤ i < next, by the midpoint form of the Euler–Maclaurin formula: ∫ f − [f′]/24.
/// Beyond rank 1000 its relative error is below 10⁻¹².
fn power_sum(first: f64, next: f64, exponent: f64) -> f64 {
    let (from, to) = (first - 0.5, next - 0.5);
    let grown = 1.0 - exponent;
    let log = (to / from).ln();
    // ∫ x^−s dx, written so that s near 1 loses no digits.
    let stretch = if (grown * log).abs() < 1e-12 { log } else { (grown * log).exp_m1() / grown };
    let integral = from.powf(grown) * stretch;
    let slope = |x: f64| -exponent * x.powf(-exponent - 1.0);
    integral - (slope(to) - slope(from)) / 24.0
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::theory::{ModelCapacity, ModelWritePolicy, fifo, lru, perfect_lfu, random, ttl};

    fn exact_zipf(keys: u64, exponent: f64) -> Popularity {
        let weights: Vec<f64> = (1..=keys).map(|rank| (rank as f64).powf(-exponent)).collect();
        let total: f64 = weights.iter().sum();
        let reads: Vec<f64> = weights.iter().map(|weight| 9e4 * weight / total).collect();
        let writes: Vec<f64> = weights.iter().map(|weight| 1e4 * weight / total).collect();
        Popularity::of_keys(&reads, &writes).unwrap()
    }

    #[test]
    fn compressing_a_million_keys_costs_less_than_a_ten_thousandth_of_hit_rate() {
        for (exponent, entries) in [(0.8, 100_000.0), (0.99, 1_234.0), (1.2, 20_000.0)] {
            let exact = exact_zipf(1_000_000, exponent);
            let compressed = Popularity::zipf(1_000_000, exponent, 9e4, 1e4).unwrap();
            assert!(compressed.classes().len() < 2_000);
            let capacity = ModelCapacity::entries(entries).unwrap();
            let ttl = ttl::Ttl::seconds(10.0).unwrap();
            let predictions = |popularity: &Popularity| {
                [
                    perfect_lfu::hit_rate(popularity, capacity).value,
                    lru::hit_rate(popularity, capacity, ModelWritePolicy::Ignored).value,
                    lru::hit_rate(popularity, capacity, ModelWritePolicy::Deletes).value,
                    fifo::hit_rate(popularity, capacity, ModelWritePolicy::Deletes).value,
                    random::hit_rate(popularity, capacity, ModelWritePolicy::Updates).value,
                    ttl::hit_rate(popularity, ttl, ttl::Clock::FromFill, ModelWritePolicy::Deletes).value,
                ]
            };
            for (model, (a, b)) in predictions(&exact).iter().zip(predictions(&compressed)).enumerate() {
                assert!((a - b).abs() < 1e-4, "s = {exponent}, C = {entries}, model {model}: {a} {b}");
            }
        }
    }

    #[test]
    fn the_compressed_rates_and_keys_add_up_to_what_was_asked_for() {
        for keys in [1, 999, 1_000, 1_001, 1_005, 123_456, 10_000_000] {
            let popularity = Popularity::zipf(keys, 0.99, 900.0, 100.0).unwrap();
            assert!((popularity.keys() - keys as f64).abs() < 1e-6, "{keys}");
            assert!((popularity.reads_per_second() - 900.0).abs() < 1e-6);
            assert!((popularity.writes_per_second() - 100.0).abs() < 1e-6);
        }
    }

    #[test]
    fn the_sum_of_a_bucket_is_that_of_its_ranks() {
        for exponent in [0.0, 0.5, 1.0, 1.0 + 1e-13, 1.3] {
            let exact: f64 = (5_000..5_050).map(|rank| f64::from(rank).powf(-exponent)).sum();
            assert!((power_sum(5_000.0, 5_050.0, exponent) / exact - 1.0).abs() < 1e-12, "{exponent}");
        }
    }

    #[test]
    fn ranks_of_any_popularity_keep_their_shares_and_are_what_zipf_is() {
        let weights: Vec<f64> = (1..=50_000).map(|rank| f64::from(rank).powf(-0.99)).collect();
        let total: f64 = weights.iter().sum();
        let cumulative = |ranks: u64| weights[..ranks as usize].iter().sum::<f64>() / total;
        let ranks = Popularity::of_ranks(50_000, cumulative, 900.0, 100.0).unwrap();
        assert!((ranks.keys() - 50_000.0).abs() < 1e-6 && (ranks.reads_per_second() - 900.0).abs() < 1e-6);
        let capacity = ModelCapacity::entries(2_000.0).unwrap();
        let hit_rate = |of: &Popularity| lru::hit_rate(of, capacity, ModelWritePolicy::Deletes).value;
        let zipf = Popularity::zipf(50_000, 0.99, 900.0, 100.0).unwrap();
        assert!(
            (hit_rate(&ranks) - hit_rate(&zipf)).abs() < 1e-4,
            "{} {}",
            hit_rate(&ranks),
            hit_rate(&zipf)
        );
    }

    #[test]
    fn rates_that_mean_nothing_are_refused_with_their_name() {
        assert!(Popularity::reads_only(&[1.0, -1.0]).unwrap_err().to_string().contains("reads per second"));
        assert!(Popularity::reads_only(&[f64::NAN]).is_err());
        assert!(Popularity::reads_only(&[]).is_err());
        assert!(Popularity::reads_only(&[0.0, 0.0]).unwrap_err().remedy.contains("at least one key be read"));
        assert!(Popularity::of_keys(&[1.0], &[]).unwrap_err().what.contains("write rates"));
        assert!(Popularity::zipf(0, 1.0, 1.0, 0.0).is_err() && Popularity::zipf(5, -1.0, 1.0, 0.0).is_err());
    }
}
