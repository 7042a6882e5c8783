//! A load that several processes drive together: which part of it is whose.
//!
//! Instances go by turns: of N parts the Kth drives the instances whose numbers leave K − 1 when divided by N, and with
//! them their clients and queues. Each client asks for what it would ask for if one process drove all of them, but for
//! the keys that it writes: those are shared out too, so that one process knows of every write to a key.

use std::fmt;
use std::num::NonZeroU64;

use super::keys::KeySampler;

/// The parts of a load, and the one that this process drives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LoadPart {
    parts: NonZeroU64,
    /// Counted from 0; `None` for all of them, as in what was put together of them.
    own: Option<u64>,
}

/// More parts than this are taken for a slip.
const MOST_PARTS: u64 = 1_000;

impl LoadPart {
    /// The whole of a load that is not shared out.
    pub const WHOLE: Self = Self { parts: NonZeroU64::MIN, own: None };

    /// All parts of a load that is shared out.
    #[must_use]
    pub fn all_of(parts: NonZeroU64) -> Self {
        Self { parts, own: None }
    }

    /// One part, by its number from 1; `None` where there is no such part.
    #[must_use]
    pub fn one_of(number: u64, parts: NonZeroU64) -> Option<Self> {
        let own = number.checked_sub(1).filter(|own| *own < parts.get())?;
        Some(Self { parts, own: Some(own) })
    }

    /// Reads a part as the command line has it: `2/5` is the second of five.
    ///
    /// # Errors
    /// Says what it is not, and what to write.
    pub fn parse(text: &str) -> Result<Self, String> {
        let wanted = "write K/N, as 2/5 for the second of five parts";
        let numbers = text.split_once('/').and_then(|(number, parts)| {
            Some((number.trim().parse::<u64>().ok()?, parts.trim().parse::<NonZeroU64>().ok()?))
        });
        let Some((number, parts)) = numbers else { return Err(format!("\"{text}\" is no part; {wanted}")) };
        if parts.get() > MOST_PARTS {
            return Err(format!("{parts} parts are more than the {MOST_PARTS} that there can be"));
        }
        Self::one_of(number, parts)
            .ok_or_else(|| format!("there is no part {number} of {parts}: they are 1 to {parts}; {wanted}"))
    }

    /// The number of parts.
    #[must_use]
    pub fn parts(self) -> NonZeroU64 {
        self.parts
    }

    /// Its own number, from 1; `None` where this process drives all of the load.
    #[must_use]
    pub fn number(self) -> Option<u64> {
        self.own.filter(|_| self.is_shared_out()).map(|own| own + 1)
    }

    /// Returns true if the load has several parts.
    #[must_use]
    pub fn is_shared_out(self) -> bool {
        self.parts.get() > 1
    }

    /// Returns true if this process leads: it makes ready what all parts use, and removes it.
    #[must_use]
    pub fn leads(self) -> bool {
        self.own.unwrap_or(0) == 0
    }

    /// Returns true if this process drives the instance, client or queue of this number.
    #[inline]
    #[must_use]
    pub fn drives(self, number: u64) -> bool {
        self.own.is_none_or(|own| number % self.parts == own)
    }

    /// The number of the numbers below `all` that this process drives.
    #[must_use]
    pub fn share_of(self, all: u64) -> u64 {
        match self.own {
            None => all,
            Some(own) => all / self.parts + u64::from(own < all % self.parts),
        }
    }
}

impl Default for LoadPart {
    fn default() -> Self {
        Self::WHOLE
    }
}

impl fmt::Display for LoadPart {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.own {
            Some(own) => write!(f, "{}/{}", own + 1, self.parts),
            None => write!(f, "all of {}", self.parts),
        }
    }
}

/// The keys that the clients of each part write: those whose rank leaves the part's number when divided by the number of
/// parts. A write of another key is one of the key nearest to it in popularity that the part may write, so that hot keys
/// are written as often as before, to within that neighbourhood.
#[derive(Debug, Clone, PartialEq)]
pub struct WriteKeys {
    parts: NonZeroU64,
    /// As the keys were ranked at the start: who writes a key does not change when others become hot.
    ranked: KeySampler,
    /// True for each kind of operation that writes.
    writes: Vec<bool>,
}

impl WriteKeys {
    /// Shares out the keys of a sampler; there are to be at least as many of them as parts.
    #[must_use]
    pub fn new(parts: NonZeroU64, ranked: KeySampler, writes: Vec<bool>) -> Self {
        Self { parts, ranked, writes }
    }

    /// The key of an operation of a client that has drawn `key`.
    #[must_use]
    pub fn key_for(&self, client: u64, kind: u8, key: u64) -> u64 {
        let keys = self.ranked.keys().get();
        let writes = self.writes.get(usize::from(kind)).is_some_and(|writes| *writes);
        if !writes || key >= keys {
            return key;
        }
        let rank = self.ranked.rank_of_key(key);
        let own = rank - rank % self.parts + client % self.parts;
        // The last neighbourhood may be incomplete.
        let own = if own < keys { own } else { own.saturating_sub(self.parts.get()) };
        self.ranked.key_of_rank(own)
    }

    /// The keys that are written by clients whose part is not `part`, each once.
    pub fn of_others(&self, part: LoadPart) -> impl Iterator<Item = u64> + '_ {
        let ranks = 0..self.ranked.keys().get();
        ranks.filter(move |rank| !part.drives(*rank)).map(|rank| self.ranked.key_of_rank(rank))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use super::super::keys::{Distribution, Latest, Sequential};
    use super::*;

    fn part(text: &str) -> LoadPart {
        LoadPart::parse(text).unwrap()
    }

    #[test]
    fn a_part_is_read_as_it_is_shown_and_what_is_none_says_what_to_write() {
        assert_eq!(part("2/5").to_string(), "2/5");
        assert_eq!(
            (part("2/5").number(), part("1/1").number()),
            (Some(2), None),
            "one of one is all there is"
        );
        for wrong in ["", "2", "0/5", "6/5", "2/0", "a/b", "1/2/3", "-1/2", "1/2000"] {
            let said = LoadPart::parse(wrong).unwrap_err();
            assert!(said.contains("part"), "{wrong}: {said}");
        }
        assert!(LoadPart::parse("6/5").unwrap_err().contains("they are 1 to 5"));
    }

    #[test]
    fn every_instance_is_driven_by_one_part_and_the_whole_drives_all() {
        for parts in 1..6 {
            for number in 0..20 {
                let of = |own: u64| LoadPart::one_of(own, NonZeroU64::new(parts).unwrap()).unwrap();
                assert_eq!((1..=parts).filter(|own| of(*own).drives(number)).count(), 1);
                let shares: u64 = (1..=parts).map(|own| of(own).share_of(number)).sum();
                assert_eq!(shares, number);
            }
        }
        assert!((0..20).all(|number| LoadPart::WHOLE.drives(number)));
        assert!(LoadPart::all_of(NonZeroU64::new(3).unwrap()).drives(2));
        assert_eq!([part("1/3").leads(), part("2/3").leads(), LoadPart::WHOLE.leads()], [true, false, true]);
    }

    #[test]
    fn each_part_writes_keys_of_its_own_near_those_that_were_drawn_and_all_of_them_are_written() {
        for distribution in [
            Distribution::default(),
            Distribution::Latest(Latest::default()),
            Distribution::Sequential(Sequential::default()),
        ] {
            // Three parts do not divide a hundred keys.
            let (keys, parts) = (NonZeroU64::new(100).unwrap(), NonZeroU64::new(3).unwrap());
            let ranked = KeySampler::new(&distribution, keys, 7);
            let write_keys = WriteKeys::new(parts, ranked.clone(), vec![false, true]);
            let mut written: BTreeMap<u64, BTreeSet<u64>> = BTreeMap::new();
            for client in 0..9 {
                for key in 0..100 {
                    assert_eq!(write_keys.key_for(client, 0, key), key, "reads are as they were drawn");
                    let own = write_keys.key_for(client, 1, key);
                    assert!(ranked.rank_of_key(own).abs_diff(ranked.rank_of_key(key)) <= 3);
                    written.entry(client % 3).or_default().insert(own);
                }
            }
            let all: BTreeSet<u64> = written.values().flatten().copied().collect();
            assert_eq!(all.len(), 100);
            assert_eq!(
                written.values().map(BTreeSet::len).sum::<usize>(),
                100,
                "none is written by two parts"
            );
            for own in 1..=3 {
                let others: BTreeSet<u64> =
                    write_keys.of_others(LoadPart::one_of(own, parts).unwrap()).collect();
                assert!(others.is_disjoint(&written[&(own - 1)]));
                assert_eq!(others.len() + written[&(own - 1)].len(), 100);
            }
        }
    }
}
