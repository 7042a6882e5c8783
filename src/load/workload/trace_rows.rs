//! The operations of a trace by their numbers. Few are held in memory; many are in a temporary file that is read ahead, so that
//! memory does not grow with them.
//!
//! Clients take the operations by turns, and none waits for another, so that what is asked for is near a place that moves on,
//! and not in order.

use std::fmt;
use std::fs::File;
use std::io::{self, Write as _};
use std::ops::Range;

use xxhash_rust::xxh3::Xxh3;

use super::row_file::RowFile;
use super::trace_row::TraceRow;
use crate::base::temporary;

/// The number of rows that are in memory.
#[derive(Debug, Clone, Copy)]
pub struct RowsInMemory {
    /// As many are held, if there are no more.
    pub held: usize,
    /// Of more, as many are read at once,
    pub a_chunk: usize,
    /// and as many times that many are kept.
    pub chunks: usize,
}

impl Default for RowsInMemory {
    /// 16 MiB at the most, either way.
    fn default() -> Self {
        Self { held: 1 << 22, a_chunk: 1 << 14, chunks: 1 << 8 }
    }
}

/// Rows are written to the file in pieces of so many.
const WRITTEN_AT_ONCE: usize = 1 << 16;

/// All operations of a trace, in its order.
pub struct TraceRows {
    len: u64,
    digest: u64,
    place: RowsPlace,
}

enum RowsPlace {
    Held(Vec<TraceRow>),
    InFile(RowFile),
}

impl TraceRows {
    /// The number of operations.
    #[must_use]
    pub fn len(&self) -> u64 {
        self.len
    }

    /// The operation of a number, which is below [`Self::len`].
    #[inline]
    #[must_use]
    pub fn at(&self, number: u64) -> TraceRow {
        match &self.place {
            RowsPlace::Held(rows) => rows[number as usize],
            RowsPlace::InFile(file) => file.at(number),
        }
    }

    /// Shows the operations of some numbers, in order and without keeping them.
    pub fn for_each(&self, numbers: Range<u64>, show: impl FnMut(TraceRow)) {
        match &self.place {
            RowsPlace::Held(rows) => {
                rows[numbers.start as usize..numbers.end as usize].iter().copied().for_each(show);
            }
            RowsPlace::InFile(file) => file.for_each(numbers.start, numbers.end, show),
        }
    }

    /// The bytes of them that are in memory at the most.
    #[must_use]
    pub fn memory_bytes(&self) -> u64 {
        let rows = match &self.place {
            RowsPlace::Held(rows) => rows.len() as u64,
            RowsPlace::InFile(file) => file.most_in_memory(),
        };
        rows * TraceRow::BYTES as u64
    }

    /// The bytes that they take in a temporary file; 0 where they are held in memory.
    #[must_use]
    pub fn file_bytes(&self) -> u64 {
        match &self.place {
            RowsPlace::Held(_) => 0,
            RowsPlace::InFile(_) => self.len * TraceRow::BYTES as u64,
        }
    }

    /// Why some could not be read again, where that was so: they stood as reads of the first key.
    #[must_use]
    pub fn failure(&self) -> Option<&str> {
        match &self.place {
            RowsPlace::Held(_) => None,
            RowsPlace::InFile(file) => file.failure(),
        }
    }
}

impl PartialEq for TraceRows {
    fn eq(&self, other: &Self) -> bool {
        (self.len, self.digest) == (other.len, other.digest)
    }
}

impl Eq for TraceRows {}

impl fmt::Debug for TraceRows {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TraceRows")
            .field("len", &self.len)
            .field("digest", &self.digest)
            .finish_non_exhaustive()
    }
}

/// Takes the operations of a trace one after another.
pub struct TraceRowsWriter {
    in_memory: RowsInMemory,
    /// Those that are not in the file.
    rows: Vec<TraceRow>,
    file: Option<File>,
    len: u64,
    digest: Xxh3,
}

impl TraceRowsWriter {
    /// Has taken no operation yet.
    #[must_use]
    pub fn new(in_memory: RowsInMemory) -> Self {
        Self { in_memory, rows: Vec::new(), file: None, len: 0, digest: Xxh3::new() }
    }

    /// Takes the next operation.
    ///
    /// # Errors
    /// Where the temporary file cannot be written.
    pub fn push(&mut self, row: TraceRow) -> io::Result<()> {
        self.rows.push(row);
        self.len += 1;
        let most = if self.file.is_some() { WRITTEN_AT_ONCE } else { self.in_memory.held };
        if self.rows.len() > most { self.write_out() } else { Ok(()) }
    }

    fn write_out(&mut self) -> io::Result<()> {
        let file = match &mut self.file {
            Some(file) => file,
            // It has no name, and is gone when this process is.
            none => none.insert(tempfile::tempfile_in(temporary::directory())?),
        };
        for rows in self.rows.chunks(WRITTEN_AT_ONCE) {
            let bytes = bytes_of(rows);
            self.digest.update(&bytes);
            file.write_all(&bytes)?;
        }
        self.rows = Vec::with_capacity(WRITTEN_AT_ONCE + 1);
        Ok(())
    }

    /// All operations that were taken.
    ///
    /// # Errors
    /// Where the temporary file cannot be written, or there is no thread to read it ahead.
    pub fn finish(mut self) -> io::Result<TraceRows> {
        if self.file.is_some() {
            self.write_out()?;
        }
        let (len, in_memory) = (self.len, self.in_memory);
        let place = if let Some(file) = self.file {
            RowsPlace::InFile(RowFile::new(file, len, in_memory.a_chunk, in_memory.chunks)?)
        } else {
            for rows in self.rows.chunks(WRITTEN_AT_ONCE) {
                self.digest.update(&bytes_of(rows));
            }
            self.rows.shrink_to_fit();
            RowsPlace::Held(self.rows)
        };
        Ok(TraceRows { len, digest: self.digest.digest(), place })
    }
}

fn bytes_of(rows: &[TraceRow]) -> Vec<u8> {
    rows.iter().flat_map(|row| row.to_bytes()).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const ALL_IN_FILE: RowsInMemory = RowsInMemory { held: 0, a_chunk: 8, chunks: 4 };

    fn rows(all: impl IntoIterator<Item = (u32, bool)>, in_memory: RowsInMemory) -> TraceRows {
        let mut writer = TraceRowsWriter::new(in_memory);
        all.into_iter().for_each(|(key, writes)| writer.push(TraceRow::new(key, writes)).unwrap());
        writer.finish().unwrap()
    }

    fn in_memory(rows: &TraceRows) -> u64 {
        match &rows.place {
            RowsPlace::Held(rows) => rows.len() as u64,
            RowsPlace::InFile(file) => file.in_memory(),
        }
    }

    proptest! {
        #[test]
        fn what_is_read_from_the_file_is_what_is_held_whatever_the_chunks_and_the_order(
            all in prop::collection::vec((0..TraceRow::MOST_KEYS, any::<bool>()), 1..300),
            a_chunk in 1_usize..40,
            chunks in 1_usize..8,
            held in 0_usize..400,
            asked_for in prop::collection::vec(any::<prop::sample::Index>(), 1..200),
            some in any::<(prop::sample::Index, prop::sample::Index)>(),
        ) {
            let len = all.len();
            let whole = rows(all.clone(), RowsInMemory { held: len, ..ALL_IN_FILE });
            let read = rows(all.clone(), RowsInMemory { held, a_chunk, chunks });
            prop_assert_eq!((whole.file_bytes(), read.file_bytes() > 0), (0, len > held));
            prop_assert_eq!(&read, &whole);
            for number in (0..len).chain(asked_for.iter().map(|one| one.index(len))) {
                let (row, (key, writes)) = (read.at(number as u64), all[number]);
                prop_assert_eq!((row.key(), row.writes()), (key, writes));
                prop_assert_eq!(whole.at(number as u64), row);
            }
            let (one, other) = (some.0.index(len), some.1.index(len));
            let (from, to) = (one.min(other), one.max(other));
            let mut shown = Vec::new();
            read.for_each(from as u64..to as u64, |row| shown.push((row.key(), row.writes())));
            prop_assert_eq!(&shown, &all[from..to]);
            prop_assert!(len <= held || in_memory(&read) <= (a_chunk * chunks) as u64);
            prop_assert_eq!(read.failure(), None);
        }
    }

    #[test]
    fn memory_does_not_grow_with_the_operations() {
        let bound = RowsInMemory { held: 1 << 10, a_chunk: 1 << 8, chunks: 1 << 3 };
        let few = rows((0..1 << 10).map(|key| (key, false)), bound);
        assert_eq!((few.memory_bytes(), few.file_bytes()), (4 << 10, 0));
        let many = rows((0..1 << 20).map(|key| (key, false)), bound);
        let most = 4 * (1 << 8) * (1 << 3);
        assert_eq!((many.memory_bytes(), many.file_bytes()), (most, 4 << 20));
        for number in 0..1 << 20 {
            assert_eq!(u64::from(many.at(number).key()), number);
        }
        assert!((1..=most / 4).contains(&in_memory(&many)));
    }

    #[test]
    fn rows_are_equal_where_all_their_operations_are() {
        let of = |key, writes, in_memory| rows([(1, false), (key, writes)], in_memory);
        let held = RowsInMemory::default();
        assert_eq!(of(2, true, held), of(2, true, ALL_IN_FILE));
        assert_ne!(of(2, true, held), of(2, false, ALL_IN_FILE));
        assert_ne!(of(2, true, held), of(3, true, ALL_IN_FILE));
        assert_ne!(rows([(1, false)], held), of(2, true, held));
    }
}
