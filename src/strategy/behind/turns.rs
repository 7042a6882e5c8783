//! Writers of one key in one instance, one after another: they would only make each other's
//! compare-and-swap fail.

use std::collections::HashMap;
use std::sync::Arc;

use compact_str::CompactString;
use parking_lot::Mutex;
use tokio::sync::OwnedMutexGuard;

/// Who writes which key.
#[derive(Debug, Default)]
pub struct Turns {
    keys: Mutex<HashMap<CompactString, Arc<tokio::sync::Mutex<()>>>>,
}

/// The right to write a key, until this is dropped.
#[derive(Debug)]
pub struct Turn<'a> {
    turns: &'a Turns,
    key: CompactString,
    held: Option<OwnedMutexGuard<()>>,
}

impl Turns {
    /// Waits until nobody else writes the key, first come, first served.
    pub async fn take(&self, key: &str) -> Turn<'_> {
        let lock = Arc::clone(self.keys.lock().entry(key.into()).or_default());
        // Made before the wait, so that a writer who stops waiting leaves nothing behind.
        let mut turn = Turn { turns: self, key: key.into(), held: None };
        turn.held = Some(lock.lock_owned().await);
        turn
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        drop(self.held.take());
        let mut keys = self.turns.keys.lock();
        // Whoever waits holds the lock's `Arc`, and comes by it only under this lock.
        if keys.get(&self.key).is_some_and(|lock| Arc::strong_count(lock) == 1) {
            keys.remove(&self.key);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn writers_of_a_key_take_turns_and_those_of_others_do_not_wait() {
        let turns = Turns::default();
        let first = turns.take("a").await;
        let soon = Duration::from_millis(1);
        assert!(tokio::time::timeout(soon, turns.take("a")).await.is_err());
        drop(tokio::time::timeout(soon, turns.take("b")).await.unwrap());
        drop(first);
        drop(tokio::time::timeout(soon, turns.take("a")).await.unwrap());
        assert!(turns.keys.lock().is_empty(), "nothing is left of those who came and went");
    }
}
