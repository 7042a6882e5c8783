//! Reads a trace of any known format, record by record.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use super::cachelib::{Row, put_misses_before_fills};
use super::fields::{Fields, LineError, excerpt};
use super::layout::{TraceLayout, without_byte_order_mark};
use super::lines::{Lines, Next};
use super::own::{self, TraceColumns};
use super::source::{self, Bytes};
use super::{Broken, Format, OnBroken, TraceError, TraceRecord, twitter};

/// The records of a trace in order, each read when it is asked for. After an error there are no more.
pub struct TraceReader {
    lines: Lines<Bytes>,
    layout: TraceLayout,
    on_broken: OnBroken,
    /// Fields that were quoted on the line in hand.
    scratch: csv::ByteRecord,
    /// Records that are still to come, the next one last, and how often each.
    ready: Vec<(TraceRecord, u64)>,
    /// The first row after those, where rows are put in order second by second.
    next_row: Option<Row>,
    /// An error that comes after them.
    failed: Option<TraceError>,
    state: State,
    last_time_ms: u64,
    any: bool,
    skipped: Skipped,
}

/// Where broken lines are skipped, as many may stand before the first line that tells the format.
const MOST_BEFORE_THE_FORMAT: u64 = 100;
/// Of one second, as many rows are put in order; a second of more is put in order in parts.
const MOST_AT_ONCE: usize = 1 << 20;

/// Lines that were left out because they break the format.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Skipped {
    /// The number of lines that were left out.
    pub lines: u64,
    /// The first of them.
    pub first: Option<Broken>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    /// The first line has been read to learn the format, and is a record itself.
    FirstLineInHand,
    Within,
    Ended,
}

impl TraceReader {
    /// Opens a file, plain or compressed; without a format given, its first line tells.
    ///
    /// # Errors
    /// Names the file where it cannot be opened; otherwise see [`TraceReader::new`].
    pub fn open(path: &Path, format: Option<Format>, on_broken: OnBroken) -> Result<Self, TraceError> {
        let file = File::open(path).map_err(|source| TraceError::Open { path: path.to_owned(), source })?;
        Self::new(file, format, on_broken)
    }

    /// Reads from any source; it is buffered here.
    ///
    /// # Errors
    /// Refuses a source without a line, a first line of no known format, and a header that does not suit the format;
    /// none of these is a line to skip.
    pub fn new(
        source: impl Read + Send + 'static,
        format: Option<Format>,
        on_broken: OnBroken,
    ) -> Result<Self, TraceError> {
        let text = source::text(source).map_err(|source| read_error(0, source))?;
        let mut lines = Lines::new(text);
        let mut scratch = csv::ByteRecord::new();
        let mut skipped = Skipped::default();
        let mut first_refused = None;
        let layout = loop {
            let refused = match advance(&mut lines)? {
                Next::End => return Err(TraceError::Empty { skipped: skipped.lines }),
                Next::TooLong => TraceError::UnknownFormat { first_line: excerpt(lines.line()) },
                Next::Line => {
                    let line = without_byte_order_mark(lines.line());
                    match TraceLayout::of(line, format, on_broken, lines.number(), &mut scratch) {
                        Ok(layout) => break layout,
                        Err(refused) => refused,
                    }
                }
            };
            // A damaged first line is a line to skip, but what has no line of a format is not a trace.
            let is_unknown = matches!(refused, TraceError::UnknownFormat { .. });
            if on_broken == OnBroken::Refuse || !is_unknown || skipped.lines == MOST_BEFORE_THE_FORMAT {
                return Err(first_refused.filter(|_| is_unknown).unwrap_or(refused));
            }
            first_refused.get_or_insert(refused);
            let reason = "it is that of no known format".to_owned();
            let broken = Broken { line: lines.number(), reason, remedy: "correct the line" };
            skipped.lines += 1;
            skipped.first.get_or_insert(broken);
        };
        let is_header = match &layout {
            TraceLayout::Own(_) => TraceColumns::named_by(without_byte_order_mark(lines.line())).is_some(),
            TraceLayout::Twitter => false,
            TraceLayout::CacheLib(_) => true,
        };
        let state = if is_header { State::Within } else { State::FirstLineInHand };
        Ok(Self {
            lines,
            layout,
            on_broken,
            scratch,
            ready: Vec::new(),
            next_row: None,
            failed: None,
            state,
            last_time_ms: 0,
            any: false,
            skipped,
        })
    }

    /// The format that is read.
    #[must_use]
    pub fn format(&self) -> Format {
        match self.layout {
            TraceLayout::Own(_) => Format::Own,
            TraceLayout::Twitter => Format::Twitter,
            TraceLayout::CacheLib(_) => Format::CacheLib,
        }
    }

    /// Returns true if the records have times; older traces of CacheLib have none.
    #[must_use]
    pub fn has_times(&self) -> bool {
        match &self.layout {
            TraceLayout::Own(_) | TraceLayout::Twitter => true,
            TraceLayout::CacheLib(columns) => columns.have_times(),
        }
    }

    /// Returns true if the records may have times to live.
    #[must_use]
    pub fn has_times_to_live(&self) -> bool {
        match &self.layout {
            TraceLayout::Own(columns) => *columns == TraceColumns::SizesAndTtls,
            TraceLayout::Twitter => true,
            TraceLayout::CacheLib(columns) => columns.have_times_to_live(),
        }
    }

    /// The lines that were left out so far.
    #[must_use]
    pub fn skipped(&self) -> &Skipped {
        &self.skipped
    }

    fn next_record(&mut self) -> Result<Option<TraceRecord>, TraceError> {
        if self.ready.is_empty() {
            if let Some(failed) = self.failed.take() {
                return Err(failed);
            }
            self.make_ready()?;
        }
        let Some((record, left)) = self.ready.last_mut() else { return Ok(None) };
        *left -= 1;
        if *left > 0 {
            return Ok(Some(record.clone()));
        }
        Ok(self.ready.pop().map(|(record, _)| record))
    }

    /// Reads the next row, or all rows of the next second where these may be out of order.
    fn make_ready(&mut self) -> Result<(), TraceError> {
        let first = match self.next_row.take() {
            Some(row) => row,
            None => match self.next_row()? {
                Some(row) => row,
                None => return Ok(()),
            },
        };
        if !matches!(&self.layout, TraceLayout::CacheLib(columns) if columns.tell_misses()) {
            self.ready.push((first.record, first.repeats));
            return Ok(());
        }
        let mut rows = vec![first];
        while rows.len() < MOST_AT_ONCE {
            match self.next_row() {
                Ok(Some(row)) if row.record.time_ms == rows[0].record.time_ms => rows.push(row),
                Ok(row) => {
                    self.next_row = row;
                    break;
                }
                Err(error) => {
                    self.failed = Some(error);
                    break;
                }
            }
        }
        put_misses_before_fills(&mut rows);
        self.ready.extend(rows.into_iter().rev().map(|row| (row.record, row.repeats)));
        Ok(())
    }

    fn next_row(&mut self) -> Result<Option<Row>, TraceError> {
        loop {
            let next =
                if self.state == State::FirstLineInHand { Next::Line } else { advance(&mut self.lines)? };
            self.state = State::Within;
            let parsed = match next {
                Next::End if self.any => return Ok(None),
                Next::End => return Err(TraceError::Empty { skipped: self.skipped.lines }),
                Next::TooLong => Err(LineError::new(
                    "the line is longer than 64 KiB",
                    "see that the file is a trace with line ends",
                )),
                Next::Line => self.parse(),
            };
            match parsed {
                Ok(row) => {
                    self.any = true;
                    self.last_time_ms = row.record.time_ms;
                    return Ok(Some(row));
                }
                Err(fault) => self.leave_out(fault)?,
            }
        }
    }

    /// Reads the line in hand.
    fn parse(&mut self) -> Result<Row, LineError> {
        let line = self.lines.line();
        let line = if self.lines.number() == 1 { without_byte_order_mark(line) } else { line };
        let once = |record| Row { record, repeats: 1, has_missed: false };
        let row = match &self.layout {
            TraceLayout::Own(columns) => once(own::record(&Fields::of(line, &mut self.scratch), *columns)?),
            TraceLayout::Twitter => once(twitter::record(&twitter::fields(line, &mut self.scratch))?),
            TraceLayout::CacheLib(columns) => columns.row(&Fields::of(line, &mut self.scratch))?,
        };
        if row.record.time_ms < self.last_time_ms {
            let (time, last) = (row.record.time_ms, self.last_time_ms);
            let reason = format!("its time, {time} ms, goes back behind the {last} ms of the record before");
            return Err(LineError::new(reason, "sort the trace by time"));
        }
        Ok(row)
    }

    fn leave_out(&mut self, LineError { reason, remedy }: LineError) -> Result<(), TraceError> {
        let broken = Broken { line: self.lines.number(), reason, remedy };
        match self.on_broken {
            OnBroken::Refuse => Err(broken.into()),
            OnBroken::Skip => {
                self.skipped.lines += 1;
                self.skipped.first.get_or_insert(broken);
                Ok(())
            }
        }
    }
}

impl Iterator for TraceReader {
    type Item = Result<TraceRecord, TraceError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.state == State::Ended {
            return None;
        }
        let next = self.next_record().transpose();
        if !matches!(next, Some(Ok(_))) {
            self.state = State::Ended;
        }
        next
    }
}

/// The next line.
fn advance(lines: &mut Lines<Bytes>) -> Result<Next, TraceError> {
    let line = lines.number();
    lines.advance().map_err(|source| read_error(line, source))
}

/// Tells a file that is cut off or damaged from a disk that does not read: only the latter is said by the operating
/// system.
fn read_error(line: u64, source: io::Error) -> TraceError {
    match source.kind() {
        io::ErrorKind::UnexpectedEof => TraceError::Truncated { line },
        _ if source.raw_os_error().is_none() => TraceError::Damaged { line, source },
        _ => TraceError::Read { line, source },
    }
}
