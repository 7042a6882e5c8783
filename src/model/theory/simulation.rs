//! A small event simulation that the models are checked against: Poisson reads and writes of a few hundred keys.

use super::both::Expiry;
use super::ttl::{Clock, Ttl};
use super::{ModelCapacity, ModelWritePolicy, Popularity};

/// SplitMix64 (Steele et al., 2014): small, seeded, good enough for arrivals.
pub(super) struct SplitMix(u64);

impl SplitMix {
    pub(super) fn seeded(seed: u64) -> Self {
        Self(seed)
    }

    /// Even over [0, 1).
    pub(super) fn share(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        ((z ^ (z >> 31)) >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// Infinity at a rate of 0.
    pub(super) fn exponential(&mut self, rate: f64) -> f64 {
        -(-self.share()).ln_1p() / rate
    }
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Evicts {
    LeastRecentlyUsed,
    FirstIn,
    AtRandom,
}

#[derive(Debug, Clone, Copy)]
struct Entry {
    came: f64,
    used: f64,
    expires: f64,
    stale: bool,
}

/// A cache and the load on it.
pub(super) struct TheorySimulation {
    pub(super) popularity: Popularity,
    evicts: Evicts,
    room: usize,
    on_write: ModelWritePolicy,
    ttl: Option<(Ttl, Clock)>,
    expiry: Expiry,
}

const EVENTS: u32 = 400_000;

impl TheorySimulation {
    /// Room for 100 of 500 keys.
    pub(super) fn small(evicts: Evicts) -> Self {
        Self::of_size(500, evicts)
    }

    /// Room for a fifth of the keys, which take one operation a second each on average, a fifth of them writes; the
    /// share of writes differs between keys, so that a model that mixes up λ and μ is found out.
    pub(super) fn of_size(keys: u64, evicts: Evicts) -> Self {
        let weight = |rank: u64| (rank as f64).powf(-0.8);
        let total: f64 = (1..=keys).map(weight).sum();
        let rate = |rank: u64| keys as f64 * weight(rank) / total;
        let writes_of = |rank: u64| [0.05, 0.2, 0.35][rank as usize % 3];
        let reads: Vec<f64> = (1..=keys).map(|rank| rate(rank) * (1.0 - writes_of(rank))).collect();
        let writes: Vec<f64> = (1..=keys).map(|rank| rate(rank) * writes_of(rank)).collect();
        Self {
            popularity: Popularity::of_keys(&reads, &writes).unwrap(),
            evicts,
            room: keys as usize / 5,
            on_write: ModelWritePolicy::Ignored,
            ttl: None,
            expiry: Expiry::AtOnce,
        }
    }

    pub(super) fn unbounded() -> Self {
        let small = Self::small(Evicts::FirstIn);
        Self { room: small.popularity.classes().len(), ..small }
    }

    pub(super) fn on_write(self, on_write: ModelWritePolicy) -> Self {
        Self { on_write, ..self }
    }

    pub(super) fn expiring(self, ttl: Ttl, clock: Clock) -> Self {
        Self { ttl: Some((ttl, clock)), ..self }
    }

    pub(super) fn freeing(self, expiry: Expiry) -> Self {
        Self { expiry, ..self }
    }

    pub(super) fn capacity(&self) -> ModelCapacity {
        ModelCapacity::entries(self.room as f64).unwrap()
    }

    pub(super) fn hit_rate(&self) -> f64 {
        self.run().0
    }

    pub(super) fn stale_share(&self) -> f64 {
        self.run().1
    }

    /// The shares of reads that hit and that were stale, after a tenth of the events to warm up.
    fn run(&self) -> (f64, f64) {
        let mut random = SplitMix::seeded(42);
        let mut cache = Cache {
            simulation: self,
            entries: vec![None; self.popularity.classes().len()],
            cached: Vec::new(),
        };
        let classes = self.popularity.classes();
        let mut cumulated = Vec::new();
        let mut total = 0.0;
        for class in classes {
            total += class.reads_per_second + class.writes_per_second;
            cumulated.push(total);
        }
        let (mut now, mut reads, mut hits, mut stale) = (0.0, 0_u32, 0_u32, 0_u32);
        for event in 0..EVENTS {
            now += random.exponential(total);
            let drawn = random.share() * total;
            let key = cumulated.partition_point(|&sum| sum <= drawn);
            let class = classes[key];
            let is_read =
                random.share() * (class.reads_per_second + class.writes_per_second) < class.reads_per_second;
            if is_read {
                let found = cache.read(key, now, &mut random);
                if event > EVENTS / 10 {
                    reads += 1;
                    hits += u32::from(found.is_some());
                    stale += u32::from(found.is_some_and(|entry| entry.stale));
                }
            } else {
                cache.write(key, now, &mut random);
            }
        }
        (f64::from(hits) / f64::from(reads), f64::from(stale) / f64::from(reads))
    }
}

struct Cache<'s> {
    simulation: &'s TheorySimulation,
    entries: Vec<Option<Entry>>,
    /// The keys that have an entry, in no order.
    cached: Vec<usize>,
}

impl Cache<'_> {
    fn read(&mut self, key: usize, now: f64, random: &mut SplitMix) -> Option<Entry> {
        let found = self.entries[key].filter(|entry| entry.expires > now);
        if found.is_none() {
            self.insert(key, now, random);
            return None;
        }
        let renewed = match self.simulation.ttl {
            Some((ttl, Clock::FromLastUse)) => now + draw(ttl, random),
            _ => found?.expires,
        };
        let entry = self.entries[key].as_mut()?;
        entry.used = now;
        entry.expires = renewed;
        found
    }

    fn write(&mut self, key: usize, now: f64, random: &mut SplitMix) {
        match self.simulation.on_write {
            ModelWritePolicy::Ignored => {
                if let Some(entry) = &mut self.entries[key] {
                    entry.stale = true;
                }
            }
            ModelWritePolicy::Updates => self.insert(key, now, random),
            ModelWritePolicy::Deletes => self.remove(key),
        }
    }

    /// Inserts, or updates in place: an entry that was there keeps the time at which it came.
    fn insert(&mut self, key: usize, now: f64, random: &mut SplitMix) {
        let expires = self.simulation.ttl.map_or(f64::INFINITY, |(ttl, _)| now + draw(ttl, random));
        if self.entries[key].is_none() {
            self.make_room(now, random);
            self.cached.push(key);
        }
        let came = self.entries[key].map_or(now, |entry| entry.came);
        self.entries[key] = Some(Entry { came, used: now, expires, stale: false });
    }

    fn make_room(&mut self, now: f64, random: &mut SplitMix) {
        if self.cached.len() < self.simulation.room {
            return;
        }
        if self.simulation.expiry == Expiry::AtOnce {
            let entries = &mut self.entries;
            self.cached.retain(|&key| {
                let kept = entries[key].is_some_and(|entry| entry.expires > now);
                if !kept {
                    entries[key] = None;
                }
                kept
            });
        }
        if self.cached.len() < self.simulation.room {
            return;
        }
        let age = |&key: &usize| {
            let entry = self.entries[key].unwrap();
            match self.simulation.evicts {
                Evicts::FirstIn => entry.came,
                _ => entry.used,
            }
        };
        let victim = if self.simulation.evicts == Evicts::AtRandom {
            self.cached[(random.share() * self.cached.len() as f64) as usize]
        } else {
            *self.cached.iter().min_by(|a, b| age(a).total_cmp(&age(b))).unwrap()
        };
        self.remove(victim);
    }

    fn remove(&mut self, key: usize) {
        self.entries[key] = None;
        self.cached.retain(|&cached| cached != key);
    }
}

fn draw(ttl: Ttl, random: &mut SplitMix) -> f64 {
    // The times are even between the ends, so the mean is half-way.
    ttl.longest_seconds() - random.share() * 2.0 * (ttl.longest_seconds() - ttl.mean_seconds())
}
