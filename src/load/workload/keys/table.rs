//! A table from which a key is drawn by one random number and one look, whatever its distribution (Walker, "An efficient
//! method for generating discrete random variables with general distributions", 1977, made as Vose, 1991).
//!
//! Each key has a column of equal width, of which it keeps a part; the rest belongs to one other key. The table holds keys
//! and not ranks, so that scattering the hot keys costs nothing when they are drawn.

use super::super::random::Xoroshiro;

/// One key's column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Column {
    /// The key's own part, in units of 2^−32 of the width.
    own: u32,
    /// The key that has the rest. A key that has all of its column has the rest too.
    other: u32,
}

/// Draws keys by their probabilities.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyTable(Box<[Column]>);

impl KeyTable {
    /// The most keys of a table. It takes a mebibyte then and a few milliseconds to make; a larger one would push what the
    /// next operation needs out of the processor's caches.
    pub const MOST_KEYS: u64 = 1 << 17;

    /// A table of at least one key and at most [`MOST_KEYS`](Self::MOST_KEYS), from the probability of each.
    #[must_use]
    pub fn new(probabilities: &[f64]) -> Self {
        let count = probabilities.len();
        let width = 1.0 / count as f64;
        // What is left of each key, in widths of a column.
        let mut left: Vec<f64> = probabilities.iter().map(|probability| probability / width).collect();
        let mut columns: Vec<Column> = (0..count as u32).map(|key| Column { own: 0, other: key }).collect();
        let (mut small, mut large): (Vec<u32>, Vec<u32>) =
            (0..count as u32).partition(|key| left[*key as usize] < 1.0);
        // Where rounding leaves one of the two empty too early, what remains fills its column but for a rounding error.
        while let (Some(less), Some(&more)) = (small.pop(), large.last()) {
            let own = left[less as usize];
            columns[less as usize] = Column { own: (own * 2_f64.powi(32)) as u32, other: more };
            let rest = &mut left[more as usize];
            *rest -= 1.0 - own;
            if *rest < 1.0 {
                large.pop();
                small.push(more);
            }
        }
        Self(columns.into())
    }

    /// A key. The upper half of a product of 128 bits chooses the column, the lower half the place in it; both are even to
    /// within 2^−47.
    #[inline]
    #[must_use]
    pub fn sample(&self, random: &mut Xoroshiro) -> u64 {
        let product = u128::from(random.bits()) * self.0.len() as u128;
        let key = (product >> 64) as u64;
        let column = self.0[key as usize];
        let place = (product as u64 >> 32) as u32;
        if place < column.own { key } else { u64::from(column.other) }
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::random::{Purpose, RandomSource};
    use super::*;

    /// The probability with which each key is drawn, by the widths of its parts.
    fn drawn(table: &KeyTable) -> Vec<f64> {
        let width = 1.0 / table.0.len() as f64;
        let mut drawn = vec![0.0; table.0.len()];
        for (key, column) in table.0.iter().enumerate() {
            let own = f64::from(column.own) / 2_f64.powi(32);
            drawn[key] += own * width;
            drawn[column.other as usize] += (1.0 - own) * width;
        }
        drawn
    }

    #[test]
    fn each_key_is_drawn_with_its_probability() {
        let of_powers = |exponent: f64| (1..=1000).map(|k| f64::from(k).powf(-exponent)).collect();
        let weights: [Vec<f64>; 6] =
            [vec![1.0], vec![1.0, 3.0], vec![0.0, 0.0, 1.0], vec![1.0; 997], of_powers(0.99), of_powers(9.0)];
        for weights in weights {
            let total: f64 = weights.iter().sum();
            let probabilities: Vec<f64> = weights.iter().map(|weight| weight / total).collect();
            let drawn = drawn(&KeyTable::new(&probabilities));
            for (key, (drawn, wanted)) in drawn.iter().zip(&probabilities).enumerate() {
                assert!((drawn - wanted).abs() < 1e-9, "{key} of {}: {drawn} {wanted}", weights.len());
            }
        }
    }

    #[test]
    fn draws_are_as_frequent_as_the_table_says() {
        let probabilities = [0.5, 0.3, 0.15, 0.05, 0.0];
        let table = KeyTable::new(&probabilities);
        let source = RandomSource::new(1, Purpose::Other(0));
        let mut counts = [0_u32; 5];
        for number in 0..100_000 {
            counts[table.sample(&mut source.at(0, number)) as usize] += 1;
        }
        for (count, probability) in counts.iter().zip(probabilities) {
            assert!((f64::from(*count) / 1e5 - probability).abs() < 0.005, "{counts:?}");
        }
        assert_eq!(counts[4], 0, "what has no probability is never drawn");
    }
}
