//! One stream, read once, for all threads of a sweep.

use std::sync::Arc;
use std::sync::mpsc::SyncSender;

use super::{Access, KeyIndex, Keys, Sampling, StreamTotals, WritePolicy};

/// Accesses passed on at once. A thread's simulations take turns, and each finds the processor's caches
/// full of another's tables: chunks are long enough for that not to matter, at 4 MiB each.
const CHUNK: usize = 1 << 18;
/// Accesses read from one report of progress to the next.
const BETWEEN_PROGRESS: u64 = 1 << 15;
/// The messages to a thread.
#[derive(Debug, Clone)]
pub(super) enum WorkerMessage {
    /// The next accesses.
    Accesses(Arc<Vec<Access>>),
    /// The caches are full enough: what counts begins here.
    ForgetTally,
}

/// Reads a stream, and passes what is sampled on to every thread.
#[derive(Debug)]
pub(super) struct Broadcast {
    sampling: Sampling,
    numbering: Option<Numbering>,
    uncounted: u64,
    chunk: Vec<Access>,
    senders: Vec<SyncSender<WorkerMessage>>,
}

impl Broadcast {
    /// A broadcast that gives keys of the sort `numbering` numbers of their own, if any, and lets all
    /// threads forget what they counted after so many accesses.
    pub(super) fn new(
        sampling: Sampling,
        numbering: Option<Keys>,
        uncounted: u64,
        senders: Vec<SyncSender<WorkerMessage>>,
    ) -> Self {
        let numbering = numbering.map(Numbering::new);
        Self { sampling, numbering, uncounted, chunk: Vec::with_capacity(CHUNK), senders }
    }

    /// Reads the stream to its end or its first error, and counts of it what counts, sampled or not.
    pub(super) fn run<E>(
        mut self,
        on_write: WritePolicy,
        stream: impl IntoIterator<Item = Result<Access, E>>,
        mut progress: impl FnMut(u64),
    ) -> Result<StreamTotals, E> {
        let (mut accesses, mut all) = (0, StreamTotals::default());
        for access in stream {
            let access = access?;
            if accesses == self.uncounted {
                self.begin_to_count();
                all = StreamTotals::default();
            }
            accesses += 1;
            all.count(on_write, access.kind);
            self.take_in(access);
            if accesses.is_multiple_of(BETWEEN_PROGRESS) {
                progress(accesses);
            }
        }
        if accesses <= self.uncounted {
            self.begin_to_count();
            all = StreamTotals::default();
        }
        self.pass_on();
        progress(accesses);
        Ok(all)
    }

    #[inline]
    fn take_in(&mut self, mut access: Access) {
        if !self.sampling.keeps(access.key) {
            return;
        }
        if let Some(numbering) = &mut self.numbering {
            access.key = numbering.number(access.key);
        }
        self.chunk.push(access);
        if self.chunk.len() == CHUNK {
            self.pass_on();
        }
    }

    fn begin_to_count(&mut self) {
        self.pass_on();
        self.broadcast(&WorkerMessage::ForgetTally);
    }

    fn pass_on(&mut self) {
        let accesses = std::mem::replace(&mut self.chunk, Vec::with_capacity(CHUNK));
        self.broadcast(&WorkerMessage::Accesses(Arc::new(accesses)));
    }

    fn broadcast(&self, message: &WorkerMessage) {
        for sender in &self.senders {
            // Fails only where the thread has panicked, which is noticed when it is joined.
            let _ = sender.send(message.clone());
        }
    }
}

/// Numbers for keys, in the order of their first appearance. Keys that are hashes, and the few that a
/// sample leaves of many, are numbered once while the stream is read, so that every simulation finds
/// them in a short array.
#[derive(Debug)]
struct Numbering {
    numbers: KeyIndex,
    next: u32,
}

impl Numbering {
    fn new(keys: Keys) -> Self {
        Self { numbers: KeyIndex::new(keys), next: 0 }
    }

    #[inline]
    fn number(&mut self, key: u64) -> u64 {
        let number = self.numbers.get(key).unwrap_or_else(|| {
            self.numbers.set(key, self.next);
            self.next += 1;
            self.next - 1
        });
        u64::from(number)
    }
}
