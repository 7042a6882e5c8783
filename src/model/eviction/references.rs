//! Small references of the policies: caches of keys, written from the papers' pseudo code and without a
//! thought for speed.

use std::collections::VecDeque;

use super::frequency_sketch::FrequencySketch;
use crate::base::hash::mix;

/// A cache of keys as a paper describes it.
pub(crate) trait Reference {
    /// Returns true if the key was there. It is now.
    fn access(&mut self, key: u64, capacity: usize) -> bool;
    /// The key is there no longer.
    fn delete(&mut self, key: u64);
}

impl<R: Reference + ?Sized> Reference for Box<R> {
    fn access(&mut self, key: u64, capacity: usize) -> bool {
        (**self).access(key, capacity)
    }

    fn delete(&mut self, key: u64) {
        (**self).delete(key);
    }
}

/// LRU, the newest use first.
#[derive(Default)]
pub(crate) struct NaiveLru(Vec<u64>);

impl Reference for NaiveLru {
    fn access(&mut self, key: u64, capacity: usize) -> bool {
        let held = self.0.contains(&key);
        self.delete(key);
        self.0.insert(0, key);
        self.0.truncate(capacity);
        held
    }

    fn delete(&mut self, key: u64) {
        self.0.retain(|&held| held != key);
    }
}

/// FIFO, the newest first.
#[derive(Default)]
pub(crate) struct NaiveFifo(VecDeque<u64>);

impl Reference for NaiveFifo {
    fn access(&mut self, key: u64, capacity: usize) -> bool {
        if self.0.contains(&key) {
            return true;
        }
        self.0.push_front(key);
        self.0.truncate(capacity);
        false
    }

    fn delete(&mut self, key: u64) {
        self.0.retain(|&held| held != key);
    }
}

/// LFU: each key with its uses and the time of the last.
#[derive(Default)]
pub(crate) struct NaiveLfu {
    held: Vec<(u64, u64, u64)>,
    now: u64,
}

impl Reference for NaiveLfu {
    fn access(&mut self, key: u64, capacity: usize) -> bool {
        self.now += 1;
        if let Some(entry) = self.held.iter_mut().find(|entry| entry.0 == key) {
            *entry = (key, entry.1 + 1, self.now);
            return true;
        }
        if self.held.len() == capacity {
            self.held.sort_unstable_by_key(|&(_, uses, last)| (uses, last));
            self.held.remove(0);
        }
        self.held.push((key, 1, self.now));
        false
    }

    fn delete(&mut self, key: u64) {
        self.held.retain(|entry| entry.0 != key);
    }
}

/// SIEVE (NSDI 2024, algorithm 1), the head first: each key with its mark. The hand is a place.
#[derive(Default)]
pub(crate) struct NaiveSieve {
    queue: Vec<(u64, bool)>,
    hand: Option<usize>,
}

impl Reference for NaiveSieve {
    fn access(&mut self, key: u64, capacity: usize) -> bool {
        if let Some(entry) = self.queue.iter_mut().find(|entry| entry.0 == key) {
            entry.1 = true;
            return true;
        }
        if self.queue.len() == capacity {
            let tail = self.queue.len() - 1;
            let mut object = self.hand.unwrap_or(tail);
            while self.queue[object].1 {
                self.queue[object].1 = false;
                object = object.checked_sub(1).unwrap_or(tail);
            }
            self.hand = object.checked_sub(1);
            self.queue.remove(object);
        }
        self.queue.insert(0, (key, false));
        self.hand = self.hand.map(|hand| hand + 1);
        false
    }

    /// The paper has no deletes: a hand at the deleted object goes on as if it had just evicted it.
    fn delete(&mut self, key: u64) {
        let Some(place) = self.queue.iter().position(|entry| entry.0 == key) else { return };
        self.queue.remove(place);
        self.hand = match self.hand {
            Some(hand) if hand >= place => hand.checked_sub(1),
            hand => hand,
        };
    }
}

/// S3-FIFO (SOSP 2023, algorithm 1): S and M hold keys with their freq, the head first; G holds keys.
#[derive(Default)]
pub(crate) struct NaiveS3Fifo {
    small: VecDeque<(u64, u8)>,
    main: VecDeque<(u64, u8)>,
    ghost: VecDeque<u64>,
}

impl NaiveS3Fifo {
    fn insert(&mut self, key: u64, capacity: usize) {
        while self.small.len() + self.main.len() >= capacity {
            self.evict(capacity);
        }
        if self.ghost.contains(&key) {
            self.ghost.retain(|&ghost| ghost != key);
            self.main.push_front((key, 0));
        } else {
            self.small.push_front((key, 0));
        }
    }

    fn evict(&mut self, capacity: usize) {
        if self.small.len() as f64 >= 0.1 * capacity as f64 {
            self.evict_small(capacity);
        } else {
            self.evict_main();
        }
    }

    fn evict_small(&mut self, capacity: usize) {
        let mut evicted = false;
        while !evicted && !self.small.is_empty() {
            let (tail, freq) = self.small.pop_back().expect("not empty");
            if freq > 1 {
                self.main.push_front((tail, freq));
                if self.main.len() as f64 >= 0.9 * capacity as f64 {
                    self.evict_main();
                }
            } else {
                self.ghost.push_front(tail);
                self.ghost.truncate(9 * capacity / 10);
                evicted = true;
            }
        }
    }

    fn evict_main(&mut self) {
        let mut evicted = false;
        while !evicted && !self.main.is_empty() {
            let (tail, freq) = self.main.pop_back().expect("not empty");
            if freq > 0 {
                self.main.push_front((tail, freq - 1));
            } else {
                evicted = true;
            }
        }
    }
}

impl Reference for NaiveS3Fifo {
    fn access(&mut self, key: u64, capacity: usize) -> bool {
        let held = self.small.iter_mut().chain(&mut self.main).find(|entry| entry.0 == key);
        if let Some(entry) = held {
            entry.1 = (entry.1 + 1).min(3);
            return true;
        }
        self.insert(key, capacity);
        false
    }

    fn delete(&mut self, key: u64) {
        self.small.retain(|entry| entry.0 != key);
        self.main.retain(|entry| entry.0 != key);
    }
}

/// W-TinyLFU (2017, figure 5): the newest use first; the sketch is the policy's own.
pub(crate) struct NaiveWTinyLfu {
    window: VecDeque<u64>,
    probation: VecDeque<u64>,
    protected: VecDeque<u64>,
    sketch: FrequencySketch,
}

impl NaiveWTinyLfu {
    pub(crate) fn new(capacity: usize) -> Self {
        let mut sketch = FrequencySketch::default();
        sketch.set_capacity(capacity);
        let (window, probation, protected) = Default::default();
        Self { window, probation, protected, sketch }
    }

    /// Takes the key out of whichever part holds it; says which by its number.
    fn take(&mut self, key: u64) -> Option<usize> {
        let parts = [&mut self.window, &mut self.probation, &mut self.protected];
        let part = parts.iter().position(|part| part.contains(&key))?;
        parts[part].retain(|&held| held != key);
        Some(part)
    }

    fn use_count(&self, key: u64) -> u64 {
        self.sketch.estimate(mix(key))
    }

    fn put_in(&mut self, key: u64, capacity: usize) {
        let window_capacity = (capacity / 100).max(1);
        self.window.push_front(key);
        if self.window.len() > window_capacity
            && let Some(oldest) = self.window.pop_back()
        {
            self.probation.push_front(oldest);
        }
        if self.window.len() + self.probation.len() + self.protected.len() > capacity {
            self.contest();
        }
    }

    /// The one that just left the window against the last of the main part.
    fn contest(&mut self) {
        let candidate = self.probation.pop_front().expect("it has just been put there");
        let Some(victim) = self.probation.back().or(self.protected.back()).copied() else { return };
        if self.use_count(candidate) > self.use_count(victim) {
            self.take(victim);
            self.probation.push_front(candidate);
        }
    }
}

impl Reference for NaiveWTinyLfu {
    fn access(&mut self, key: u64, capacity: usize) -> bool {
        let part = self.take(key);
        match part {
            None => self.put_in(key, capacity),
            Some(0) => self.window.push_front(key),
            Some(_) => {
                self.protected.push_front(key);
                let protected_capacity = (capacity - (capacity / 100).max(1)) * 4 / 5;
                if self.protected.len() > protected_capacity
                    && let Some(demoted) = self.protected.pop_back()
                {
                    self.probation.push_front(demoted);
                }
            }
        }
        self.sketch.count(mix(key));
        part.is_some()
    }

    fn delete(&mut self, key: u64) {
        self.take(key);
    }
}
