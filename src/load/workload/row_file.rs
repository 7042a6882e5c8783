//! The operations of a long trace in a temporary file, of which as many are in memory as are needed next.
//!
//! The file is read in chunks, each with a slot that it shares with those a fixed distance away. Whoever asks for the first row
//! of a chunk has a thread read those behind it. A chunk that is not there when it is asked for is read at once by whoever
//! asks, which takes some 20 µs where the operating system still holds it.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;
use std::sync::mpsc::{self, Receiver, SyncSender};
use std::sync::{Arc, OnceLock};

use parking_lot::RwLock;

use super::trace_row::TraceRow;
use crate::base::temporary;

/// So many chunks are read ahead.
const AHEAD: u64 = 4;
/// So many wishes wait for the thread that reads ahead; what it does not get to is read when it is needed.
const WISHES: usize = 16;

/// A file of rows, with a thread that reads ahead and ends with this.
pub(super) struct RowFile {
    chunks: Arc<RowChunks>,
    wishes: SyncSender<u64>,
}

impl RowFile {
    /// The rows of a file, so many of them, in `slots` chunks of `a_chunk` rows.
    ///
    /// # Errors
    /// Where there is no thread to read ahead.
    pub(super) fn new(file: File, len: u64, a_chunk: usize, slots: usize) -> io::Result<Self> {
        let slots = (0..slots.max(1)).map(|_| RwLock::new(None)).collect();
        let a_chunk = a_chunk.max(1) as u64;
        let chunks = Arc::new(RowChunks { file, len, a_chunk, slots, failure: OnceLock::new() });
        let (wishes, begun) = mpsc::sync_channel(WISHES);
        let read = Arc::clone(&chunks);
        std::thread::Builder::new().name("hotset-trace".into()).spawn(move || read.ahead_of(&begun))?;
        Ok(Self { chunks, wishes })
    }

    /// The row of a number.
    #[inline]
    pub(super) fn at(&self, number: u64) -> TraceRow {
        let (chunk, within) = (number / self.chunks.a_chunk, number % self.chunks.a_chunk);
        if within == 0 {
            // Where too many wait, the thread cannot keep up, and each is read when it is needed.
            let _ = self.wishes.try_send(chunk);
        }
        self.chunks.row(chunk, within as usize)
    }

    /// Shows the rows from one number to before another, without keeping them.
    pub(super) fn for_each(&self, from: u64, to: u64, mut show: impl FnMut(TraceRow)) {
        let a_chunk = self.chunks.a_chunk;
        let mut at = from;
        while at < to {
            let chunk = self.chunks.read(at / a_chunk);
            let first = at % a_chunk;
            let end = a_chunk.min(first + to - at);
            (first..end).for_each(|within| show(chunk.row(within as usize)));
            at += end - first;
        }
    }

    /// The rows that are in memory at the most.
    pub(super) fn most_in_memory(&self) -> u64 {
        self.chunks.a_chunk * self.chunks.slots.len() as u64
    }

    /// Why rows could not be read, where that was so: they stood as reads of the first key.
    pub(super) fn failure(&self) -> Option<&str> {
        self.chunks.failure.get().map(String::as_str)
    }

    /// The rows that are in memory.
    #[cfg(test)]
    pub(super) fn in_memory(&self) -> u64 {
        let rows = |slot: &RwLock<Option<RowChunk>>| slot.read().as_ref().map_or(0, |chunk| chunk.rows.len());
        self.chunks.slots.iter().map(rows).sum::<usize>() as u64
    }
}

/// The file, and the chunks of it that are in memory.
struct RowChunks {
    file: File,
    len: u64,
    a_chunk: u64,
    slots: Vec<RwLock<Option<RowChunk>>>,
    failure: OnceLock<String>,
}

struct RowChunk {
    number: u64,
    rows: Vec<TraceRow>,
}

impl RowChunk {
    /// The row at a place. What could not be read has none, and stands as a read of the first key.
    fn row(&self, within: usize) -> TraceRow {
        self.rows.get(within).copied().unwrap_or_default()
    }
}

impl RowChunks {
    #[inline]
    fn row(&self, chunk: u64, within: usize) -> TraceRow {
        if let Some(there) = &*self.slot(chunk).read()
            && there.number == chunk
        {
            return there.row(within);
        }
        let read = self.read(chunk);
        let row = read.row(within);
        *self.slot(chunk).write() = Some(read);
        row
    }

    fn slot(&self, chunk: u64) -> &RwLock<Option<RowChunk>> {
        &self.slots[(chunk % self.slots.len() as u64) as usize]
    }

    fn is_there(&self, chunk: u64) -> bool {
        self.slot(chunk).read().as_ref().is_some_and(|there| there.number == chunk)
    }

    fn read(&self, chunk: u64) -> RowChunk {
        let first = chunk * self.a_chunk;
        let rows = self.a_chunk.min(self.len.saturating_sub(first)) as usize;
        let mut bytes = vec![0; rows * TraceRow::BYTES];
        if let Err(error) = self.file.read_exact_at(&mut bytes, first * TraceRow::BYTES as u64) {
            let folder = temporary::directory();
            let why = format!(
                "the operations of the trace could not be read again from their temporary file in {}: {error}; see that the disk \
                 is well, or set TMPDIR to a folder on another",
                folder.display()
            );
            let _ = self.failure.set(why);
            return RowChunk { number: chunk, rows: Vec::new() };
        }
        let (whole, _) = bytes.as_chunks::<{ TraceRow::BYTES }>();
        RowChunk { number: chunk, rows: whole.iter().map(|row| TraceRow::from_bytes(*row)).collect() }
    }

    /// Reads what comes behind each chunk that somebody has begun, until nobody can any more.
    fn ahead_of(&self, begun: &Receiver<u64>) {
        // The chunk that is read from is not to make room for one behind it.
        let ahead = AHEAD.min(self.slots.len() as u64 - 1);
        for chunk in begun {
            let next = (chunk + 1..=chunk + ahead).take_while(|next| next * self.a_chunk < self.len);
            for missing in next.filter(|next| !self.is_there(*next)) {
                let read = self.read(missing);
                *self.slot(missing).write() = Some(read);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;
    use std::time::{Duration, Instant};

    use super::*;

    /// So many rows, each of the key of its number plus one, in four chunks of eight.
    fn file_of(rows: u32) -> RowFile {
        let mut file = tempfile::tempfile().unwrap();
        for key in 0..rows {
            file.write_all(&TraceRow::new(key + 1, true).to_bytes()).unwrap();
        }
        RowFile::new(file, rows.into(), 8, 4).unwrap()
    }

    #[test]
    fn what_comes_next_is_there_before_it_is_asked_for() {
        let file = file_of(200);
        assert_eq!(file.at(0).key(), 1);
        let until = Instant::now() + Duration::from_secs(20);
        while ![0, 1, 2, 3].into_iter().all(|chunk| file.chunks.is_there(chunk)) {
            assert!(Instant::now() < until, "nobody reads ahead");
            std::thread::yield_now();
        }
        assert!(!file.chunks.is_there(4), "it would stand where the first does");
        assert_eq!(file.in_memory(), 32);
    }

    #[test]
    fn what_cannot_be_read_is_told() {
        let file = file_of(100);
        assert_eq!(file.failure(), None);
        file.chunks.file.set_len(0).unwrap();
        let row = file.at(50);
        assert_eq!((row.key(), row.writes()), (0, false));
        let told = file.failure().unwrap();
        assert!(told.contains("could not be read again") && told.contains("TMPDIR"), "{told}");
    }

    #[test]
    fn the_thread_that_reads_ahead_ends_with_the_file() {
        let file = file_of(100);
        let chunks = Arc::downgrade(&file.chunks);
        drop(file);
        let until = Instant::now() + Duration::from_secs(20);
        while chunks.strong_count() > 0 {
            assert!(Instant::now() < until, "it goes on");
            std::thread::yield_now();
        }
    }
}
