//! A share of the keys, chosen by a hash, so that it has hot and cold ones alike.

use super::hash::mix;

/// See the module. The same keys belong to it for one share and one salt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KeyShare {
    highest_hash: u64,
    salt: u64,
}

impl KeyShare {
    /// All keys.
    pub const ALL: Self = Self { highest_hash: u64::MAX, salt: 0 };

    /// About `part` of `whole` keys. Shares of other salts are chosen independently.
    #[must_use]
    pub fn of(part: u64, whole: u64, salt: u64) -> Self {
        if part >= whole {
            return Self::ALL;
        }
        let highest = (u128::from(part) << 64) / u128::from(whole);
        Self { highest_hash: u64::try_from(highest).unwrap_or(u64::MAX), salt }
    }

    /// Returns true if a key belongs to it.
    #[inline]
    #[must_use]
    pub fn contains(self, key: u64) -> bool {
        mix(key ^ self.salt) <= self.highest_hash
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_has_as_many_keys_as_it_says_and_another_salt_other_ones() {
        let (one, other) = (KeyShare::of(1, 4, 1), KeyShare::of(1, 4, 2));
        let in_one = (0..100_000).filter(|key| one.contains(*key)).count();
        let in_both = (0..100_000).filter(|key| one.contains(*key) && other.contains(*key)).count();
        assert!(in_one.abs_diff(25_000) < 600 && in_both.abs_diff(6_250) < 400, "{in_one} {in_both}");
        assert!((0..1000).all(|key| KeyShare::ALL.contains(key) && KeyShare::of(5, 5, 9).contains(key)));
    }
}
