//! `sequential`: the clients together scan all keys in order, the worst case for an LRU cache that is too small.

use std::num::NonZeroU64;

crate::settings! {
    /// The settings of `sequential`: none.
    pub struct Sequential {}
}

/// Client c's nth operation requests key (c + n·clients) mod N, so that one step of all clients covers neighbouring
/// keys.
#[inline]
pub(super) fn key(keys: NonZeroU64, client: u64, sequence: u64, clients: u64) -> u64 {
    match sequence.checked_mul(clients).and_then(|passed| passed.checked_add(client)) {
        Some(position) => position % keys,
        None => {
            ((u128::from(sequence) * u128::from(clients) + u128::from(client)) % u128::from(keys.get()))
                as u64
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_clients_together_visit_every_key_once_a_round() {
        let keys = NonZeroU64::new(12).unwrap();
        let mut seen: Vec<u64> = (0..3).flat_map(|n| (0..4).map(move |c| key(keys, c, n, 4))).collect();
        assert_eq!(seen, (0..12).collect::<Vec<_>>());
        seen = (0..13).map(|n| key(keys, 0, n, 1)).collect();
        assert_eq!(seen[12], 0);
    }

    #[test]
    fn a_position_beyond_64_bits_still_counts_right() {
        let keys = NonZeroU64::new(1000).unwrap();
        let exact = (u128::from(u64::MAX) * 77 + 3) % 1000;
        assert_eq!(u128::from(key(keys, 3, u64::MAX, 77)), exact);
    }
}
