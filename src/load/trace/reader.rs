//! Reads a trace of any known format, record by record.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use super::cachelib::CachelibColumns;
use super::fields::{Fields, LineError, excerpt};
use super::lines::{Lines, Next};
use super::source::{self, Bytes};
use super::{Broken, Format, OnBroken, TraceError, TraceRecord, own, twitter};

/// The records of a trace in order, each read when it is asked for. After an error there are no more.
pub struct TraceReader {
    lines: Lines<Bytes>,
    layout: Layout,
    on_broken: OnBroken,
    /// Fields that were quoted on the line in hand.
    scratch: csv::ByteRecord,
    /// A record that its line repeats, and how often it is still to come.
    repeated: Option<(TraceRecord, u64)>,
    state: State,
    last_time_ms: u64,
    any: bool,
    skipped: Skipped,
}

/// Lines that were left out because they break the format.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Skipped {
    /// How many.
    pub lines: u64,
    /// The first of them.
    pub first: Option<Broken>,
}

enum Layout {
    Own,
    Twitter,
    CacheLib(CachelibColumns),
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    /// The first line has been read to learn the format, and is a record itself.
    FirstLineInHand,
    Within,
    Ended,
}

impl TraceReader {
    /// Opens a file, plain or zstd; without a format given, its first line tells.
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
        let text = source::text(source).map_err(|source| TraceError::Read { line: 0, source })?;
        let mut lines = Lines::new(text);
        let mut scratch = csv::ByteRecord::new();
        let layout = match advance(&mut lines)? {
            Next::End => return Err(TraceError::Empty { skipped: 0 }),
            Next::TooLong => return Err(TraceError::UnknownFormat { first_line: excerpt(lines.line()) }),
            Next::Line => Layout::of(without_byte_order_mark(lines.line()), format, &mut scratch)?,
        };
        let state = if matches!(layout, Layout::Twitter) { State::FirstLineInHand } else { State::Within };
        Ok(Self {
            lines,
            layout,
            on_broken,
            scratch,
            repeated: None,
            state,
            last_time_ms: 0,
            any: false,
            skipped: Skipped::default(),
        })
    }

    /// The format that is read.
    #[must_use]
    pub fn format(&self) -> Format {
        match self.layout {
            Layout::Own => Format::Own,
            Layout::Twitter => Format::Twitter,
            Layout::CacheLib(_) => Format::CacheLib,
        }
    }

    /// Returns true if the records have times; older traces of CacheLib have none.
    #[must_use]
    pub fn has_times(&self) -> bool {
        match &self.layout {
            Layout::Own | Layout::Twitter => true,
            Layout::CacheLib(columns) => columns.have_times(),
        }
    }

    /// The lines that were left out so far.
    #[must_use]
    pub fn skipped(&self) -> &Skipped {
        &self.skipped
    }

    fn next_record(&mut self) -> Result<Option<TraceRecord>, TraceError> {
        if let Some((record, left)) = &mut self.repeated {
            *left -= 1;
            if *left > 0 {
                return Ok(Some(record.clone()));
            }
            return Ok(self.repeated.take().map(|(record, _)| record));
        }
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
                Ok((record, repeats)) => return Ok(Some(self.taken(record, repeats))),
                Err(fault) => self.leave_out(fault)?,
            }
        }
    }

    /// The record on the line in hand, and how often it is repeated.
    fn parse(&mut self) -> Result<(TraceRecord, u64), LineError> {
        let line = self.lines.line();
        let line = if self.lines.number() == 1 { without_byte_order_mark(line) } else { line };
        let fields = Fields::of(line, &mut self.scratch);
        let (record, repeats) = match &self.layout {
            Layout::Own => (own::record(&fields)?, 1),
            Layout::Twitter => (twitter::record(&fields)?, 1),
            Layout::CacheLib(columns) => columns.record(&fields)?,
        };
        if record.time_ms < self.last_time_ms {
            let (time, last) = (record.time_ms, self.last_time_ms);
            let reason = format!("its time, {time} ms, goes back behind the {last} ms of the record before");
            return Err(LineError::new(reason, "sort the trace by time"));
        }
        Ok((record, repeats))
    }

    fn taken(&mut self, record: TraceRecord, repeats: u64) -> TraceRecord {
        self.any = true;
        self.last_time_ms = record.time_ms;
        if repeats > 1 {
            self.repeated = Some((record.clone(), repeats - 1));
        }
        record
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

impl Layout {
    /// What the first line and the caller say; where they disagree, the trace is refused.
    fn of(
        first_line: &[u8],
        format: Option<Format>,
        scratch: &mut csv::ByteRecord,
    ) -> Result<Self, TraceError> {
        let fields = Fields::of(first_line, scratch);
        match format.or_else(|| recognised(first_line, &fields)) {
            None => Err(TraceError::UnknownFormat { first_line: excerpt(first_line) }),
            Some(Format::Own) if first_line == own::HEADER.as_bytes() => Ok(Self::Own),
            Some(Format::Own) => Err(TraceError::Header {
                reason: format!("\"{}\" instead of the header {}", excerpt(first_line), own::HEADER),
                remedy: "add the header, or name the trace's true format",
            }),
            Some(Format::Twitter) => Ok(Self::Twitter),
            Some(Format::CacheLib) => match CachelibColumns::of(&fields) {
                Ok(columns) => Ok(Self::CacheLib(columns)),
                Err(LineError { reason, remedy }) => Err(TraceError::Header { reason, remedy }),
            },
        }
    }
}

fn recognised(first_line: &[u8], fields: &Fields<'_>) -> Option<Format> {
    let is_number = |field: &[u8]| !field.is_empty() && field.iter().all(u8::is_ascii_digit);
    if first_line == own::HEADER.as_bytes() {
        Some(Format::Own)
    } else if CachelibColumns::are_named_by(fields) {
        Some(Format::CacheLib)
    } else if fields.count() == twitter::COLUMNS && fields.iter().next().is_some_and(is_number) {
        Some(Format::Twitter)
    } else {
        None
    }
}

/// Spreadsheets put one before the first line of the text that they export.
fn without_byte_order_mark(line: &[u8]) -> &[u8] {
    line.strip_prefix("\u{FEFF}".as_bytes()).unwrap_or(line)
}

/// The next line; an end in the middle of a zstd frame is told from other failures.
fn advance(lines: &mut Lines<Bytes>) -> Result<Next, TraceError> {
    let line = lines.number();
    lines.advance().map_err(|source| match source.kind() {
        io::ErrorKind::UnexpectedEof => TraceError::Truncated { line },
        _ => TraceError::Read { line, source },
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::load::trace::{TraceOperation, Writer};

    const HEADER: &str = "time_ms,key,operation,size_bytes";

    fn own(lines: &str, on_broken: OnBroken) -> TraceReader {
        TraceReader::new(io::Cursor::new(format!("{HEADER}\n{lines}")), None, on_broken).unwrap()
    }

    fn refused(source: impl AsRef<[u8]> + Send + 'static, format: Option<Format>) -> String {
        match TraceReader::new(io::Cursor::new(source), format, OnBroken::Refuse) {
            Err(error) => error.to_string(),
            Ok(mut reader) => reader.find_map(Result::err).unwrap().to_string(),
        }
    }

    fn compressed(records: u64) -> Vec<u8> {
        let mut writer = Writer::zstd(Vec::new()).unwrap();
        for time_ms in 0..records {
            // Keys that do not compress, so that the frame has many blocks.
            let key = format!("{:x}", time_ms.wrapping_mul(0x9E37_79B9_7F4A_7C15)).into();
            writer
                .write(&TraceRecord {
                    time_ms,
                    key,
                    operation: TraceOperation::Read,
                    size_bytes: 1,
                    ttl: None,
                })
                .unwrap();
        }
        writer.finish().unwrap()
    }

    #[test]
    fn a_trace_is_read_record_by_record() {
        let records: Vec<_> =
            own("0,a,read,10\n5,\"b,c\",write,20\r\n5,a,delete,0", OnBroken::Refuse).collect();
        let records: Vec<_> = records.into_iter().map(Result::unwrap).collect();
        let expected = |time_ms, key: &str, operation, size_bytes| TraceRecord {
            time_ms,
            key: key.into(),
            operation,
            size_bytes,
            ttl: None,
        };
        assert_eq!(
            records,
            [
                expected(0, "a", TraceOperation::Read, 10),
                expected(5, "b,c", TraceOperation::Write, 20),
                expected(5, "a", TraceOperation::Delete, 0)
            ]
        );
    }

    #[test]
    fn a_broken_line_is_refused_with_its_number_the_reason_and_the_remedy() {
        let long = format!("2,{},read,1", "x".repeat(70_000));
        for (line, reason) in [
            ("2,b,reed,1", "\"reed\"; known are read, write and delete"),
            ("2,b,read", "3 columns instead of 4"),
            ("2,b,read,1,9", "5 columns instead of 4"),
            ("", "1 column instead of 4"),
            ("-2,b,read,1", "time_ms is \"-2\""),
            ("2,b,read,many", "size_bytes is \"many\""),
            ("2,,read,1", "the key is empty"),
            ("2,\"b,read,1", "columns instead of 4"),
            ("0,b,read,1", "goes back behind the 1 ms"),
            (&long, "longer than 64 KiB"),
        ] {
            let mut reader = own(&format!("1,a,read,1\n{line}\n3,c,read,1\n"), OnBroken::Refuse);
            assert!(reader.next().unwrap().is_ok());
            let error = reader.next().unwrap().unwrap_err();
            assert!(matches!(&error, TraceError::Broken(Broken { line: 3, .. })), "{error:?}");
            let text = error.to_string();
            assert!(text.contains("line 3") && text.contains(reason) && text.contains("on_broken"), "{text}");
            assert!(reader.next().is_none(), "nothing comes after an error");

            let mut reader = own(&format!("1,a,read,1\n{line}\n3,c,read,1\n"), OnBroken::Skip);
            assert_eq!(reader.by_ref().map(|record| record.unwrap().time_ms).collect::<Vec<_>>(), [1, 3]);
            assert_eq!(reader.skipped().lines, 1);
            assert_eq!(reader.skipped().first.as_ref().unwrap().line, 3);
        }
    }

    #[test]
    fn a_key_that_is_not_text_is_refused() {
        let mut bytes = format!("{HEADER}\n1,").into_bytes();
        bytes.extend(b"\xFF\xFE,read,1\n");
        let error = refused(bytes, None);
        assert!(error.contains("line 2") && error.contains("UTF-8"), "{error}");
    }

    #[test]
    fn a_trace_without_a_record_is_refused_even_where_broken_lines_are_skipped() {
        for text in [String::new(), format!("{HEADER}\n"), HEADER.to_owned()] {
            assert!(refused(text, None).contains("no record"));
        }
        let error = own("oops\noops\n", OnBroken::Skip).next().unwrap().unwrap_err();
        assert!(matches!(error, TraceError::Empty { skipped: 2 }));
    }

    #[test]
    fn a_compressed_trace_that_was_cut_off_says_so_after_the_records_that_it_has() {
        let mut bytes = compressed(200_000);
        bytes.truncate(bytes.len() * 2 / 3);
        let mut reader = TraceReader::new(io::Cursor::new(bytes), None, OnBroken::Skip).unwrap();
        let whole = reader.by_ref().take_while(Result::is_ok).count();
        assert!(whole > 50_000 && whole < 200_000, "{whole}");
        let mut bytes = compressed(50);
        bytes.truncate(bytes.len() - 5);
        let error = refused(bytes, None);
        assert!(error.contains("cut off") && error.contains("zstd"), "{error}");
    }

    #[test]
    fn a_damaged_compressed_trace_is_an_error_not_a_broken_line() {
        let mut bytes = compressed(200_000);
        let middle = bytes.len() / 2;
        bytes[middle..middle + 64].fill(0);
        let mut reader = TraceReader::new(io::Cursor::new(bytes), None, OnBroken::Skip).unwrap();
        let error = reader.find_map(Result::err).unwrap();
        assert!(matches!(error, TraceError::Read { .. } | TraceError::Truncated { .. }), "{error}");
        assert_eq!(reader.skipped().lines, 0);
    }

    #[test]
    fn several_frames_after_one_another_are_one_trace() {
        let mut bytes = zstd::encode_all(format!("{HEADER}\n1,a,read,1\n2,").as_bytes(), 1).unwrap();
        bytes.extend([0x50, 0x2A, 0x4D, 0x18, 3, 0, 0, 0, 7, 7, 7]);
        bytes.extend(zstd::encode_all(&b"b,read,1\n"[..], 1).unwrap());
        let reader = TraceReader::new(io::Cursor::new(bytes), None, OnBroken::Refuse).unwrap();
        assert_eq!(reader.map(|record| record.unwrap().time_ms).collect::<Vec<_>>(), [1, 2]);
    }

    #[test]
    fn an_unknown_format_is_refused_with_what_is_known() {
        for text in ["time,key\n1,a\n", "\x1f\u{8}\u{0}binary", "a,b,c,d,e,f,g\n", "1,2,3\n"] {
            let error = refused(text, None);
            assert!(error.contains("no known format") && error.contains("cache-trace"), "{error}");
        }
        assert!(refused(vec![b'x'; 100_000], None).contains("no known format"));
    }

    #[test]
    fn a_format_that_the_caller_gives_is_held_to() {
        assert!(refused("1,a,read,1\n", Some(Format::Own)).contains("instead of the header time_ms"));
        assert!(refused("0,k,1,2,3,get,0\n", Some(Format::CacheLib)).contains("no column key"));
        let error = refused(format!("{HEADER}\n1,a,read,1\n"), Some(Format::Twitter));
        assert!(error.starts_with("line 1 ") && error.contains("4 columns instead of 7"), "{error}");
    }

    #[test]
    fn a_byte_order_mark_is_not_part_of_the_first_line() {
        let reader = TraceReader::new(
            io::Cursor::new(format!("\u{FEFF}{HEADER}\n1,a,read,1\n")),
            None,
            OnBroken::Refuse,
        );
        assert_eq!(reader.unwrap().count(), 1);
        let twitter =
            TraceReader::new("\u{FEFF}0,k,1,2,3,get,0\n".as_bytes(), Some(Format::Twitter), OnBroken::Refuse);
        assert!(twitter.unwrap().all(|record| record.is_ok()));
    }

    #[test]
    fn a_skipped_line_with_a_time_that_goes_back_does_not_set_the_clock_back() {
        let reader = own("5,a,read,1\n3,b,read,1\n4,c,read,1\n5,d,read,1\n", OnBroken::Skip);
        let keys: Vec<_> = reader.map(|record| record.unwrap().key).collect();
        assert_eq!(keys, ["a".into(), "d".into()] as [Box<str>; 2]);
    }

    #[test]
    fn a_source_that_gives_one_byte_at_a_time_is_recognised_all_the_same() {
        struct Slow(io::Cursor<Vec<u8>>);
        impl Read for Slow {
            fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
                let most = buffer.len().min(1);
                self.0.read(&mut buffer[..most])
            }
        }
        let reader =
            TraceReader::new(Slow(io::Cursor::new(compressed(100))), None, OnBroken::Refuse).unwrap();
        assert_eq!(reader.map(Result::unwrap).count(), 100);
    }
}
