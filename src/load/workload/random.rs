//! The randomness of a run: random access by (seed, purpose, lane, number), the same for ever.
//!
//! The numbers are part of what a result means: two results compare only if their streams were equal. So the algorithm
//! is fixed. Test vectors hold it, and a change to it changes the digests of all streams.
//!
//! ```text
//! mix(x)    = x ^= x >> 30; x *= 0xBF58476D1CE4E5B9; x ^= x >> 27; x *= 0x94D049BB133111EB; x ^= x >> 31
//! source    = (a, b): a = mix(seed + G·(2·purpose + 1)), b = mix(a ^ seed + G·(2·purpose + 2))
//! lane      = (a, b): a = mix(source.a + G·(lane + 1)),   b = mix(source.b ^ a)
//! generator = (s0, s1): s0 = mix(lane.a + G·(number + 1)), s1 = mix(lane.b + s0)
//! outputs   = xoroshiro128++ (Blackman and Vigna, 2019) from (s0, s1)
//! ```
//! with G = 0x9E3779B97F4A7C15 and all arithmetic modulo 2^64; `mix` is Stafford's variant 13 as used
//! by SplitMix64 (Steele, Lea and Flood, 2014), a bijection of 64 bits in which each input bit
//! flips each output bit about half of the time. Within a lane, s0 never repeats.

use std::convert::Infallible;

use rand::TryRng;

pub(super) use crate::base::hash::mix;

const GOLDEN: u64 = 0x9E37_79B9_7F4A_7C15;

/// The purpose of random numbers. Numbers for one purpose are independent of those for another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Purpose {
    /// Operations that warm the cache.
    Warmup,
    /// Operations that are measured.
    Measure,
    /// The times at which operations are due.
    Arrivals,
    /// The places of the hot keys among all keys.
    Bijection,
    /// The sizes of values.
    ValueSizes,
    /// Any other purpose, numbered by the caller, such as the order of cells.
    Other(u32),
}

impl Purpose {
    /// The purpose's number, which never changes.
    const fn number(self) -> u64 {
        match self {
            Self::Warmup => 1,
            Self::Measure => 2,
            Self::Arrivals => 3,
            Self::Bijection => 4,
            Self::ValueSizes => 5,
            Self::Other(number) => (1 << 32) + number as u64,
        }
    }
}

/// All random numbers for one purpose under one seed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RandomSource {
    a: u64,
    b: u64,
}

impl RandomSource {
    /// The source of a seed and purpose.
    #[must_use]
    pub const fn new(seed: u64, purpose: Purpose) -> Self {
        let step = purpose.number().wrapping_mul(2);
        let a = mix(seed.wrapping_add(GOLDEN.wrapping_mul(step.wrapping_add(1))));
        let b = mix((a ^ seed).wrapping_add(GOLDEN.wrapping_mul(step.wrapping_add(2))));
        Self { a, b }
    }

    /// The generator of one lane (usually a client) at one sequence number. A call costs about 5 ns, in any order.
    #[inline]
    #[must_use]
    pub const fn at(&self, lane: u64, number: u64) -> Xoroshiro {
        let a = mix(self.a.wrapping_add(GOLDEN.wrapping_mul(lane.wrapping_add(1))));
        let b = mix(self.b ^ a);
        let s0 = mix(a.wrapping_add(GOLDEN.wrapping_mul(number.wrapping_add(1))));
        let s1 = mix(b.wrapping_add(s0));
        // The generator is stuck only at (0, 0).
        Xoroshiro { s0, s1: if s0 | s1 == 0 { GOLDEN } else { s1 } }
    }
}

/// The random numbers of one operation: xoroshiro128++. It implements `rand`'s traits, so that `rand`'s distributions
/// can draw from it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Xoroshiro {
    s0: u64,
    s1: u64,
}

impl Xoroshiro {
    /// The next 64 random bits.
    #[inline]
    pub const fn bits(&mut self) -> u64 {
        let (s0, s1) = (self.s0, self.s1);
        let result = s0.wrapping_add(s1).rotate_left(17).wrapping_add(s0);
        let s1 = s1 ^ s0;
        self.s0 = s0.rotate_left(49) ^ s1 ^ (s1 << 21);
        self.s1 = s1.rotate_left(28);
        result
    }

    /// A number from 0 up to but not including 1, in steps of 2^−53.
    #[inline]
    pub const fn unit(&mut self) -> f64 {
        (self.bits() >> 11) as f64 * (1.0 / (1_u64 << 53) as f64)
    }

    /// A whole number below `limit`, each as likely as the others (Lemire, 2019); 0 if `limit` is 0.
    #[inline]
    pub fn below(&mut self, limit: u64) -> u64 {
        let mut product = u128::from(self.bits()) * u128::from(limit);
        if (product as u64) < limit {
            let uneven = limit.wrapping_neg() % limit;
            while (product as u64) < uneven {
                product = u128::from(self.bits()) * u128::from(limit);
            }
        }
        (product >> 64) as u64
    }
}

impl TryRng for Xoroshiro {
    type Error = Infallible;

    #[inline]
    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        Ok((self.bits() >> 32) as u32)
    }

    #[inline]
    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        Ok(self.bits())
    }

    fn try_fill_bytes(&mut self, target: &mut [u8]) -> Result<(), Infallible> {
        for chunk in target.chunks_mut(8) {
            let bytes = self.bits().to_le_bytes();
            chunk.copy_from_slice(&bytes[..chunk.len()]);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::Rng;

    fn first_three(seed: u64, purpose: Purpose, lane: u64, number: u64) -> [u64; 3] {
        let mut random = RandomSource::new(seed, purpose).at(lane, number);
        std::array::from_fn(|_| random.bits())
    }

    /// The module's documentation, written again independently in 128-bit arithmetic.
    fn documented(seed: u64, purpose: u64, lane: u64, number: u64) -> (u64, u64) {
        let m = 1_u128 << 64;
        let mix = |x: u128| {
            let x = (x ^ (x >> 30)) * 0xBF58_476D_1CE4_E5B9 % m;
            let x = (x ^ (x >> 27)) * 0x94D0_49BB_1331_11EB % m;
            x ^ (x >> 31)
        };
        let g = u128::from(GOLDEN);
        let [seed, purpose, lane, number] = [seed, purpose, lane, number].map(u128::from);
        let a = mix((seed + g * (2 * purpose + 1)) % m);
        let b = mix(((a ^ seed) + g * (2 * purpose + 2)) % m);
        let lane_a = mix((a + g * (lane + 1)) % m);
        let lane_b = mix(b ^ lane_a);
        let s0 = mix((lane_a + g * (number + 1)) % m);
        (s0 as u64, mix((lane_b + s0) % m) as u64)
    }

    #[test]
    fn the_numbers_are_the_same_for_ever() {
        for (seed, purpose, lane, number, expected) in VECTORS {
            let found = first_three(seed, purpose, lane, number);
            assert_eq!(found, expected, "{seed} {purpose:?} {lane} {number}: {found:#018X?}");
        }
    }

    /// Values that another language computed from the module's documentation.
    const VECTORS: [(u64, Purpose, u64, u64, [u64; 3]); 4] = [
        (0, Purpose::Warmup, 0, 0, [0x458C_4584_2916_F2E5, 0x17F1_D695_4099_60A2, 0xF5F5_C968_2287_9885]),
        (0, Purpose::Measure, 0, 0, [0xC347_CF8A_71E1_5BD5, 0x3973_FE8F_41A7_01CB, 0xCABD_9089_8512_7911]),
        (
            42,
            Purpose::Measure,
            7,
            1_000_000,
            [0x3F2F_24B1_9AC1_5F74, 0x571A_2C6F_405D_F647, 0x3990_F1A0_DAFA_E8D5],
        ),
        (
            u64::MAX,
            Purpose::Other(9),
            u64::MAX,
            u64::MAX,
            [0xF2A7_4877_245F_77B5, 0x747B_5600_EB2E_3819, 0x8E04_2C3D_3145_E9B6],
        ),
    ];

    #[test]
    fn the_state_is_the_documented_one() {
        for (seed, purpose, lane, number) in [(0, 1, 0, 0), (42, 2, 7, 1_000_000), (u64::MAX, 3, 1, 9)] {
            let kind = [Purpose::Warmup, Purpose::Measure, Purpose::Arrivals][purpose as usize - 1];
            let found = RandomSource::new(seed, kind).at(lane, number);
            assert_eq!((found.s0, found.s1), documented(seed, purpose, lane, number));
        }
    }

    #[test]
    fn the_generator_is_xoroshiro128_plus_plus() {
        // The first outputs of the reference implementation from the state (1, 2).
        let mut random = Xoroshiro { s0: 1, s1: 2 };
        let found: [u64; 3] = std::array::from_fn(|_| random.bits());
        assert_eq!(found, [393_217, 669_327_710_093_319, 1_732_421_326_133_921_491]);
    }

    #[test]
    fn neighbours_in_every_coordinate_differ_in_about_half_of_their_bits() {
        let base = (7_u64, 3_u64, 100_u64);
        let bits = |(seed, lane, number)| first_three(seed, Purpose::Measure, lane, number)[0];
        let mut flipped = 0;
        for step in 1..=64 {
            flipped += (bits(base) ^ bits((7 + step, 3, 100))).count_ones();
            flipped += (bits(base) ^ bits((7, 3 + step, 100))).count_ones();
            flipped += (bits(base) ^ bits((7, 3, 100 + step))).count_ones();
        }
        let mean = f64::from(flipped) / (3.0 * 64.0);
        assert!((31.0..33.0).contains(&mean), "{mean}");
    }

    #[test]
    fn numbers_below_a_limit_are_even() {
        let source = RandomSource::new(1, Purpose::Other(0));
        let mut counts = [0_u32; 7];
        for number in 0..70_000 {
            counts[source.at(0, number).below(7) as usize] += 1;
        }
        assert!(counts.iter().all(|n| (9_600..10_400).contains(n)), "{counts:?}");
        assert_eq!(source.at(0, 0).below(1), 0);
        assert_eq!(source.at(0, 0).below(0), 0);
    }

    #[test]
    fn bytes_are_the_same_numbers() {
        let mut random = RandomSource::new(1, Purpose::Measure).at(0, 0);
        let mut bytes = [0; 12];
        random.clone().fill_bytes(&mut bytes);
        assert_eq!(bytes[..8], random.bits().to_le_bytes());
        assert_eq!(bytes[8..], random.bits().to_le_bytes()[..4]);
    }
}
