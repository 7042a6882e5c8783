//! Reads a trace of any known format, record by record.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use super::cachelib::{CachelibColumns, Row, put_misses_before_fills};
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
        let layout = loop {
            let refused = match advance(&mut lines)? {
                Next::End => return Err(TraceError::Empty { skipped: skipped.lines }),
                Next::TooLong => TraceError::UnknownFormat { first_line: excerpt(lines.line()) },
                Next::Line => {
                    let line = without_byte_order_mark(lines.line());
                    match Layout::of(line, format, on_broken, lines.number(), &mut scratch) {
                        Ok(layout) => break layout,
                        Err(refused) => refused,
                    }
                }
            };
            // A damaged first line is a line to skip, but what has no line of a format is not a trace.
            let is_unknown = matches!(refused, TraceError::UnknownFormat { .. });
            if on_broken == OnBroken::Refuse || !is_unknown || skipped.lines == MOST_BEFORE_THE_FORMAT {
                return Err(refused);
            }
            let reason = "it is that of no known format".to_owned();
            let broken = Broken { line: lines.number(), reason, remedy: "correct the line" };
            skipped.lines += 1;
            skipped.first.get_or_insert(broken);
        };
        let is_header = match &layout {
            Layout::Own => without_byte_order_mark(lines.line()) == own::HEADER.as_bytes(),
            Layout::Twitter => false,
            Layout::CacheLib(_) => true,
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
        let mut rows = vec![first];
        if matches!(&self.layout, Layout::CacheLib(columns) if columns.tell_misses()) {
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
        }
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

    /// What the line in hand says.
    fn parse(&mut self) -> Result<Row, LineError> {
        let line = self.lines.line();
        let line = if self.lines.number() == 1 { without_byte_order_mark(line) } else { line };
        let once = |record| Row { record, repeats: 1, has_missed: false };
        let row = match &self.layout {
            Layout::Own => once(own::record(&Fields::of(line, &mut self.scratch))?),
            Layout::Twitter => once(twitter::record(&twitter::fields(line, &mut self.scratch))?),
            Layout::CacheLib(columns) => columns.row(&Fields::of(line, &mut self.scratch))?,
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

impl Layout {
    /// What the first line and the caller say; where they disagree, the trace is refused.
    fn of(
        first_line: &[u8],
        format: Option<Format>,
        on_broken: OnBroken,
        line: u64,
        scratch: &mut csv::ByteRecord,
    ) -> Result<Self, TraceError> {
        let fields = Fields::of(first_line, scratch);
        // Where the header was damaged and is left out, the records behind it still tell whose they are.
        let has_lost_its_header = on_broken == OnBroken::Skip && line > 1 && own::record(&fields).is_ok();
        if has_lost_its_header && format.is_none_or(|format| format == Format::Own) {
            return Ok(Self::Own);
        }
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
    } else if fields.count() >= twitter::COLUMNS && fields.iter().next().is_some_and(is_number) {
        Some(Format::Twitter)
    } else {
        None
    }
}

/// Spreadsheets put one before the first line of the text that they export.
fn without_byte_order_mark(line: &[u8]) -> &[u8] {
    line.strip_prefix("\u{FEFF}".as_bytes()).unwrap_or(line)
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::load::trace::{TraceOperation, Writer};

    const HEADER: &str = "time_ms,key,operation,size_bytes";
    /// What `xz` makes of that header and the records 1,a,read,1 and 2,b,read,1.
    const XZ: &[u8] = &[
        0xFD, 0x37, 0x7A, 0x58, 0x5A, 0x00, 0x00, 0x04, 0xE6, 0xD6, 0xB4, 0x46, 0x02, 0x00, 0x21, 0x01, 0x16,
        0x00, 0x00, 0x00, 0x74, 0x2F, 0xE5, 0xA3, 0x01, 0x00, 0x36, 0x74, 0x69, 0x6D, 0x65, 0x5F, 0x6D, 0x73,
        0x2C, 0x6B, 0x65, 0x79, 0x2C, 0x6F, 0x70, 0x65, 0x72, 0x61, 0x74, 0x69, 0x6F, 0x6E, 0x2C, 0x73, 0x69,
        0x7A, 0x65, 0x5F, 0x62, 0x79, 0x74, 0x65, 0x73, 0x0A, 0x31, 0x2C, 0x61, 0x2C, 0x72, 0x65, 0x61, 0x64,
        0x2C, 0x31, 0x0A, 0x32, 0x2C, 0x62, 0x2C, 0x72, 0x65, 0x61, 0x64, 0x2C, 0x31, 0x0A, 0x00, 0x00, 0xBF,
        0xFE, 0xE0, 0x7C, 0xF9, 0xEE, 0xE9, 0x57, 0x00, 0x01, 0x4F, 0x37, 0xEE, 0x43, 0xDA, 0xEF, 0x1F, 0xB6,
        0xF3, 0x7D, 0x01, 0x00, 0x00, 0x00, 0x00, 0x04, 0x59, 0x5A,
    ];

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
        assert!(error.contains("cut off") && error.contains("compressed"), "{error}");
    }

    #[test]
    fn a_damaged_compressed_trace_is_an_error_not_a_broken_line() {
        let mut bytes = compressed(200_000);
        let middle = bytes.len() / 2;
        bytes[middle..middle + 64].fill(0);
        let mut reader = TraceReader::new(io::Cursor::new(bytes), None, OnBroken::Skip).unwrap();
        let error = reader.find_map(Result::err).unwrap();
        assert!(matches!(error, TraceError::Damaged { .. } | TraceError::Truncated { .. }), "{error}");
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
    fn a_trace_is_read_however_it_is_compressed() {
        use std::io::Write as _;
        let plain = format!("{HEADER}\n1,a,read,1\n2,b,read,1\n").into_bytes();
        let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        gzip.write_all(&plain).unwrap();
        let mut bzip2 = bzip2::write::BzEncoder::new(Vec::new(), bzip2::Compression::fast());
        bzip2.write_all(&plain).unwrap();
        // A window of 1 GiB, as of zstd --long=30; what is written as a stream does not name its length.
        let mut long = zstd::stream::write::Encoder::new(Vec::new(), 1).unwrap();
        long.window_log(30).unwrap();
        long.write_all(&plain).unwrap();
        let all = [
            plain.clone(),
            gzip.finish().unwrap(),
            bzip2.finish().unwrap(),
            long.finish().unwrap(),
            XZ.to_vec(),
        ];
        for bytes in all {
            let reader = TraceReader::new(io::Cursor::new(bytes.clone()), None, OnBroken::Refuse).unwrap();
            assert_eq!(reader.map(|record| record.unwrap().time_ms).collect::<Vec<_>>(), [1, 2]);
            if bytes != plain {
                let cut = bytes[..bytes.len() - 9].to_vec();
                assert!(refused(cut, None).contains("cut off"));
            }
        }
    }

    #[test]
    fn a_disk_that_does_not_read_is_told_from_a_broken_file() {
        let folder = tempfile::tempdir().unwrap();
        let error = TraceReader::open(folder.path(), None, OnBroken::Skip).err().unwrap();
        assert!(matches!(error, TraceError::Read { .. }), "a folder is no damaged file: {error}");
    }

    #[test]
    fn keys_with_commas_are_taken_whole_in_traces_of_twitter() {
        let text = "0,a:b,c:1,5,10,1,get,0\n0,,x,,5,10,1,set,60\n0,\"q,r\",5,10,1,get,0\n0,one,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,5,10,1,get,0\n";
        let reader = TraceReader::new(text.as_bytes(), None, OnBroken::Refuse).unwrap();
        let keys: Vec<_> = reader.map(|record| record.unwrap().key.into_string()).collect();
        assert_eq!(keys, ["a:b,c:1", ",x,", "q,r", "one,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1"]);
    }

    #[test]
    fn a_broken_first_line_is_left_out_and_counted_where_broken_lines_are() {
        for (text, left_out) in [
            ("time_ms;key\n1,a,read,1\n2,b,read,1\n", 1),
            ("garbage\nmore of it\n0,k,1,10,1,get,0\n0,k,1,10,1,get,0\n", 2),
            ("0,k,1,10,1,fetch,0\n0,k,1,10,1,get,0\n0,k,1,10,1,get,0\n", 1),
            ("#comment\nkey,op,size\nk,GET,1\nk,GET,1\n", 1),
        ] {
            let mut reader = TraceReader::new(text.as_bytes(), None, OnBroken::Skip).unwrap();
            assert_eq!(reader.by_ref().map(Result::unwrap).count(), 2, "{text}");
            assert_eq!(
                (reader.skipped().lines, reader.skipped().first.as_ref().unwrap().line),
                (left_out, 1)
            );
            assert!(!refused(text, None).is_empty());
        }
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
