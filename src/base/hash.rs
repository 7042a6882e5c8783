//! A strong and cheap bijection of 64 bits, for keys that are numbers.

/// Stafford's variant 13 of the 64-bit finaliser, as used by SplitMix64 (Steele, Lea and Flood, 2014).
#[inline]
#[must_use]
pub const fn mix(mut x: u64) -> u64 {
    x = (x ^ (x >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    x ^ (x >> 31)
}
