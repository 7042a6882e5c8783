//! A seeded bijection of 0..N that scatters the hot keys among all keys.
//!
//! A Feistel network over a mixed radix a·b ≥ N with a = ⌈√N⌉ and b = ⌈N/a⌉ (Black and Rogaway, "Ciphers with arbitrary
//! finite domains", 2002, their generalised Feistel method). A value that falls outside 0..N is encrypted again until
//! it falls inside; as a·b < N + a, that is rare.

use std::num::NonZeroU64;

use super::random::{Purpose, RandomSource, mix};

const ROUNDS: usize = 6;

/// A bijection of 0..N that depends on a seed. It is small and `Copy`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bijection {
    size: u64,
    left: u64,
    right: u64,
    keys: [u64; ROUNDS],
}

impl Bijection {
    /// The bijection of 0..`size` that belongs to `seed`.
    #[must_use]
    pub fn new(size: NonZeroU64, seed: u64) -> Self {
        let size = size.get();
        let root = size.isqrt();
        let left = if root * root == size { root } else { root + 1 };
        let right = size.div_ceil(left);
        let mut random = RandomSource::new(seed, Purpose::Bijection).at(0, 0);
        Self { size, left, right, keys: std::array::from_fn(|_| random.bits()) }
    }

    /// The size N of the set that is permuted.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.size
    }

    /// The image of a number below [`size`](Self::size). A larger number is its own image, so that the whole stays a
    /// bijection.
    #[inline]
    #[must_use]
    pub fn forward(&self, number: u64) -> u64 {
        if number >= self.size {
            return number;
        }
        let mut value = self.encrypt(number);
        while value >= self.size {
            value = self.encrypt(value);
        }
        value
    }

    /// The inverse of [`forward`](Self::forward).
    #[inline]
    #[must_use]
    pub fn backward(&self, number: u64) -> u64 {
        if number >= self.size {
            return number;
        }
        let mut value = self.decrypt(number);
        while value >= self.size {
            value = self.decrypt(value);
        }
        value
    }

    #[inline]
    fn encrypt(&self, value: u64) -> u64 {
        let (mut left, mut right) = (value / self.right, value % self.right);
        for pair in self.keys.chunks_exact(2) {
            left = add(left, scatter(right, pair[0], self.left), self.left);
            right = add(right, scatter(left, pair[1], self.right), self.right);
        }
        left * self.right + right
    }

    #[inline]
    fn decrypt(&self, value: u64) -> u64 {
        let (mut left, mut right) = (value / self.right, value % self.right);
        for pair in self.keys.chunks_exact(2).rev() {
            right = subtract(right, scatter(left, pair[1], self.right), self.right);
            left = subtract(left, scatter(right, pair[0], self.left), self.left);
        }
        left * self.right + right
    }
}

/// A number below `limit` that depends on `half` and the round's key.
#[inline]
fn scatter(half: u64, key: u64, limit: u64) -> u64 {
    ((u128::from(mix(half ^ key)) * u128::from(limit)) >> 64) as u64
}

// Both halves are at most 2^32, so their sum never overflows.
#[inline]
fn add(a: u64, b: u64, limit: u64) -> u64 {
    let sum = a + b;
    if sum >= limit { sum - limit } else { sum }
}

#[inline]
fn subtract(a: u64, b: u64, limit: u64) -> u64 {
    if a >= b { a - b } else { a + limit - b }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn of(size: u64, seed: u64) -> Bijection {
        Bijection::new(NonZeroU64::new(size).unwrap(), seed)
    }

    #[test]
    fn every_small_size_is_permuted_exactly() {
        for size in (1..=300).chain([1000, 1023, 1024, 1025, 4096, 65_537]) {
            for seed in 0..3 {
                let bijection = of(size, seed);
                let mut seen = vec![false; size as usize];
                for number in 0..size {
                    let there = bijection.forward(number);
                    assert!(there < size && !seen[there as usize], "{number} of {size}, seed {seed}");
                    seen[there as usize] = true;
                    assert_eq!(bijection.backward(there), number);
                }
            }
        }
    }

    #[test]
    fn neighbours_are_scattered_and_seeds_differ() {
        let (one, other) = (of(1_000_000, 1), of(1_000_000, 2));
        let places: Vec<u64> = (0..10_000).map(|n| one.forward(n)).collect();
        let mean = places.iter().sum::<u64>() as f64 / 10_000.0;
        // The mean of 10 000 uniform places has a standard deviation of about 2 900.
        assert!((mean - 500_000.0).abs() < 12_000.0, "{mean}");
        let adjacent = places.windows(2).filter(|w| w[0].abs_diff(w[1]) < 100).count();
        assert!(adjacent < 20, "{adjacent}");
        let same = (0..10_000).filter(|&n| one.forward(n) == other.forward(n)).count();
        assert!(same < 5, "{same}");
    }

    #[test]
    fn the_hottest_key_is_anywhere_with_even_chances() {
        let mut counts = [0_u32; 10];
        for seed in 0..10_000 {
            counts[of(10, seed).forward(0) as usize] += 1;
        }
        assert!(counts.iter().all(|n| (880..1120).contains(n)), "{counts:?}");
    }

    proptest! {
        #[test]
        fn every_large_size_has_its_inverse(size in 1_u64.., seed: u64, number: u64) {
            let bijection = of(size, seed);
            let number = number % size;
            let there = bijection.forward(number);
            prop_assert!(there < size);
            prop_assert_eq!(bijection.backward(there), number);
            prop_assert_eq!(bijection.forward(bijection.backward(number)), number);
        }

        #[test]
        fn a_number_outside_stays(size in 1_u64..1_000_000, beyond in 0_u64..1000) {
            prop_assert_eq!(of(size, 1).forward(size + beyond), size + beyond);
        }
    }
}
