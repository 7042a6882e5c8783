//! hotset's own format: `time_ms,key,operation,size_bytes`, and behind it `ttl_ms` where the trace tells times to live.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;
use std::time::Duration;

use super::fields::{self, Fields, LineError};
use super::lines::LONGEST;
use super::{TraceError, TraceOperation, TraceRecord};

/// The header line of a trace without times to live.
pub(super) const HEADER: &str = "time_ms,key,operation,size_bytes";

/// The columns of a trace in hotset's own format.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TraceColumns {
    /// Time, key, operation and size.
    Sizes,
    /// Those and the time to live.
    SizesAndTtls,
}

impl TraceColumns {
    const ALL: [Self; 2] = [Self::Sizes, Self::SizesAndTtls];

    /// Those that a header names; `None` if the line is no header of this format.
    pub(super) fn named_by(header: &[u8]) -> Option<Self> {
        Self::ALL.into_iter().find(|columns| header == columns.header().as_bytes())
    }

    /// Those of a line that is a record; `None` if it is none.
    pub(super) fn of_record(fields: &Fields<'_>) -> Option<Self> {
        Self::ALL.into_iter().find(|columns| record(fields, *columns).is_ok())
    }

    fn header(self) -> &'static str {
        match self {
            Self::Sizes => HEADER,
            Self::SizesAndTtls => "time_ms,key,operation,size_bytes,ttl_ms",
        }
    }

    fn count(self) -> usize {
        match self {
            Self::Sizes => 4,
            Self::SizesAndTtls => 5,
        }
    }
}

pub(super) fn record(fields: &Fields<'_>, columns: TraceColumns) -> Result<TraceRecord, LineError> {
    let fields = fields.exactly(columns.count())?;
    Ok(TraceRecord {
        time_ms: fields::number(fields[0], "time_ms")?,
        key: fields::key(fields[1])?,
        key_bytes: fields[1].len() as u64,
        operation: operation(fields[2])?,
        size_bytes: fields::number(fields[3], "size_bytes")?,
        ttl: match columns {
            TraceColumns::Sizes => None,
            TraceColumns::SizesAndTtls => ttl(fields[4])?,
        },
    })
}

/// `None` where the field is empty or 0: the line sets none.
fn ttl(field: &[u8]) -> Result<Option<Duration>, LineError> {
    let ttl_ms = if field.is_empty() { 0 } else { fields::number(field, "ttl_ms")? };
    Ok((ttl_ms > 0).then(|| Duration::from_millis(ttl_ms)))
}

fn operation(field: &[u8]) -> Result<TraceOperation, LineError> {
    match field {
        b"read" => Ok(TraceOperation::Read),
        b"write" => Ok(TraceOperation::Write),
        b"delete" => Ok(TraceOperation::Delete),
        _ => fields::unknown_operation(field, "known are read, write and delete"),
    }
}

/// Writes a trace that [`super::TraceReader`] reads back to the same records; without times to live where it has no column
/// for them.
///
/// The caller must end with [`Writer::finish`]; a compressed trace that was not finished reads as one that was cut off.
pub struct Writer<W: Write> {
    out: Sink<W>,
    columns: TraceColumns,
    line: Vec<u8>,
    last_time_ms: u64,
    records: u64,
}

enum Sink<W: Write> {
    Plain(W),
    Zstd(zstd::stream::write::Encoder<'static, W>),
}

/// Fast, and within a few percent of what higher levels save on traces.
const LEVEL: i32 = 3;

impl Writer<BufWriter<File>> {
    /// Creates a file, replacing what was there; compressed where its name ends in `.zst`.
    ///
    /// # Errors
    /// Names the file.
    pub fn create(path: &Path, columns: TraceColumns) -> Result<Self, TraceError> {
        let file = File::create(path).map_err(|source| TraceError::Open { path: path.to_owned(), source })?;
        let file = BufWriter::with_capacity(128 * 1024, file);
        if path.extension().is_some_and(|extension| extension == "zst") {
            Self::zstd(file, columns)
        } else {
            Self::plain(file, columns)
        }
    }
}

impl<W: Write> Writer<W> {
    /// Writes plain text; `out` should be buffered.
    pub fn plain(out: W, columns: TraceColumns) -> Result<Self, TraceError> {
        Self::begin(Sink::Plain(out), columns)
    }

    /// Writes one zstd frame with a checksum.
    pub fn zstd(out: W, columns: TraceColumns) -> Result<Self, TraceError> {
        let encoder = zstd::stream::write::Encoder::new(out, LEVEL).and_then(|mut encoder| {
            encoder.include_checksum(true)?;
            Ok(encoder)
        });
        Self::begin(Sink::Zstd(encoder.map_err(|source| TraceError::Write { record: 0, source })?), columns)
    }

    fn begin(out: Sink<W>, columns: TraceColumns) -> Result<Self, TraceError> {
        let line = format!("{}\n", columns.header()).into_bytes();
        let mut writer = Self { out, columns, line, last_time_ms: 0, records: 0 };
        writer.write_line()?;
        Ok(writer)
    }

    /// Appends a record.
    ///
    /// # Errors
    /// Refuses what no reader would take: a time that goes back, and a key that is empty, longer than a line, or has a
    /// line end.
    pub fn write(&mut self, record: &TraceRecord) -> Result<(), TraceError> {
        self.check(record)?;
        self.line.clear();
        let operation = match record.operation {
            TraceOperation::Read => "read",
            TraceOperation::Write | TraceOperation::Put => "write",
            TraceOperation::Delete => "delete",
        };
        let (time_ms, size_bytes) = (record.time_ms, record.size_bytes);
        let key = &record.key;
        let written = if key.contains([',', '"']) {
            let quoted = key.replace('"', "\"\"");
            write!(self.line, "{time_ms},\"{quoted}\",{operation},{size_bytes}")
        } else {
            write!(self.line, "{time_ms},{key},{operation},{size_bytes}")
        };
        let ended = written.and_then(|()| match (self.columns, record.ttl) {
            (TraceColumns::Sizes, _) => writeln!(self.line),
            (TraceColumns::SizesAndTtls, None) => writeln!(self.line, ","),
            (TraceColumns::SizesAndTtls, Some(ttl)) => writeln!(self.line, ",{}", ttl.as_millis()),
        });
        ended.map_err(|source| self.failed(source))?;
        if self.line.len() > LONGEST {
            return Err(self.unwritable(
                "its line would be longer than 64 KiB",
                "shorten the key, for example to a hash",
            ));
        }
        self.write_line()?;
        self.last_time_ms = time_ms;
        self.records += 1;
        Ok(())
    }

    /// Ends the trace and gives back what it was written to, flushed.
    pub fn finish(self) -> Result<W, TraceError> {
        let record = self.records;
        let ended = match self.out {
            Sink::Plain(out) => Ok(out),
            Sink::Zstd(encoder) => encoder.finish(),
        };
        let flushed = ended.and_then(|mut out| out.flush().map(|()| out));
        flushed.map_err(|source| TraceError::Write { record, source })
    }

    fn check(&self, record: &TraceRecord) -> Result<(), TraceError> {
        if record.time_ms < self.last_time_ms {
            let reason = format!(
                "its time {} ms is before the {} ms of the last one",
                record.time_ms, self.last_time_ms
            );
            return Err(self.unwritable(reason, "write records in the order of their times"));
        }
        if record.key.is_empty() {
            return Err(self.unwritable("its key is empty", "give every record a key"));
        }
        if record.key.contains(['\n', '\r']) {
            let remedy = "encode such keys, for example in hexadecimal";
            return Err(self.unwritable("its key has a line end", remedy));
        }
        Ok(())
    }

    fn write_line(&mut self) -> Result<(), TraceError> {
        let written = match &mut self.out {
            Sink::Plain(out) => out.write_all(&self.line),
            Sink::Zstd(encoder) => encoder.write_all(&self.line),
        };
        written.map_err(|source| self.failed(source))
    }

    fn unwritable(&self, reason: impl Into<String>, remedy: &'static str) -> TraceError {
        TraceError::Unwritable { record: self.records + 1, reason: reason.into(), remedy }
    }

    fn failed(&self, source: std::io::Error) -> TraceError {
        TraceError::Write { record: self.records, source }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::load::trace::{Format, OnBroken, TraceReader};
    use proptest::prelude::*;

    const OPERATIONS: [TraceOperation; 3] =
        [TraceOperation::Read, TraceOperation::Write, TraceOperation::Delete];

    fn records() -> impl Strategy<Value = Vec<TraceRecord>> {
        let key = prop_oneof![r"[a-z0-9:]{1,20}", "[^\r\n]{1,12}", r#"[,"a]{1,6}"#];
        let ttl = prop::option::of((1..u64::MAX).prop_map(Duration::from_millis));
        let one = (0..5_000_u64, key, prop::sample::select(&OPERATIONS), any::<u64>(), ttl);
        prop::collection::vec(one, 1..50).prop_map(|rows| {
            let mut time_ms = 0;
            let record = |(later, key, operation, size_bytes, ttl): (u64, String, _, _, _)| {
                time_ms += later;
                let key_bytes = key.len() as u64;
                TraceRecord { time_ms, key: key.into(), key_bytes, operation, size_bytes, ttl }
            };
            rows.into_iter().map(record).collect()
        })
    }

    fn written(
        records: &[TraceRecord],
        start: impl Fn(Vec<u8>) -> Result<Writer<Vec<u8>>, TraceError>,
    ) -> Vec<u8> {
        let mut writer = start(Vec::new()).unwrap();
        for record in records {
            writer.write(record).unwrap();
        }
        writer.finish().unwrap()
    }

    fn read_back(bytes: Vec<u8>) -> Vec<TraceRecord> {
        let reader = TraceReader::new(std::io::Cursor::new(bytes), None, OnBroken::Refuse).unwrap();
        assert_eq!(reader.format(), Format::Own);
        reader.map(Result::unwrap).collect()
    }

    proptest! {
        #[test]
        fn what_is_written_reads_back_plain_and_compressed(records in records()) {
            let columns = TraceColumns::SizesAndTtls;
            prop_assert_eq!(&read_back(written(&records, |out| Writer::plain(out, columns))), &records);
            prop_assert_eq!(&read_back(written(&records, |out| Writer::zstd(out, columns))), &records);
            let without: Vec<_> =
                records.iter().map(|record| TraceRecord { ttl: None, ..record.clone() }).collect();
            let columns = TraceColumns::Sizes;
            prop_assert_eq!(&read_back(written(&records, |out| Writer::plain(out, columns))), &without);
        }
    }

    #[test]
    fn a_file_is_compressed_when_its_name_says_so_and_read_whatever_its_name() {
        let folder = tempfile::tempdir().unwrap();
        let record = |time_ms| TraceRecord {
            time_ms,
            key: "user:1".into(),
            key_bytes: 6,
            operation: TraceOperation::Read,
            size_bytes: 7,
            ttl: None,
        };
        for (name, magic) in [("a.csv", &b"time"[..]), ("a.csv.zst", &[0x28, 0xB5, 0x2F, 0xFD])] {
            let path = folder.path().join(name);
            let mut writer = Writer::create(&path, TraceColumns::Sizes).unwrap();
            for time_ms in 0..100 {
                writer.write(&record(time_ms)).unwrap();
            }
            writer.finish().unwrap();
            assert!(std::fs::read(&path).unwrap().starts_with(magic));
            let misnamed = folder.path().join("trace");
            std::fs::rename(&path, &misnamed).unwrap();
            let reader = TraceReader::open(&misnamed, None, OnBroken::Refuse).unwrap();
            assert_eq!(reader.map(Result::unwrap).count(), 100);
        }
    }

    #[test]
    fn a_time_to_live_may_be_left_empty_and_is_told_by_its_header() {
        let read = |text: &'static str| TraceReader::new(text.as_bytes(), None, OnBroken::Refuse).unwrap();
        let with =
            read("time_ms,key,operation,size_bytes,ttl_ms\n0,a,write,9,1500\n0,b,read,9,\n0,c,write,9,0\n");
        assert!(with.has_times_to_live() && with.format() == Format::Own);
        let ttls: Vec<_> = with.map(|record| record.unwrap().ttl).collect();
        assert_eq!(ttls, [Some(Duration::from_millis(1_500)), None, None]);
        assert!(!read("time_ms,key,operation,size_bytes\n0,a,write,9\n").has_times_to_live());
        let mut broken = read("time_ms,key,operation,size_bytes,ttl_ms\n0,a,write,9,soon\n");
        let error = broken.next().unwrap().unwrap_err().to_string();
        assert!(error.starts_with("line 2 ") && error.contains("ttl_ms is \"soon\""), "{error}");
    }

    #[test]
    fn a_record_that_no_reader_would_take_is_not_written() {
        let mut writer = Writer::plain(Vec::new(), TraceColumns::Sizes).unwrap();
        let mut write = |time_ms, key: &str| {
            let record = TraceRecord {
                time_ms,
                key: key.into(),
                key_bytes: key.len() as u64,
                operation: TraceOperation::Read,
                size_bytes: 1,
                ttl: None,
            };
            writer.write(&record).map_err(|error| error.to_string())
        };
        write(5, "a").unwrap();
        let long = "x".repeat(70_000);
        for (time_ms, key, word) in
            [(4, "a", "before"), (5, "", "empty"), (5, "a\nb", "line end"), (5, &long, "64 KiB")]
        {
            let error = write(time_ms, key).unwrap_err();
            assert!(error.contains("record 2") && error.contains(word), "{error}");
        }
        write(6, "b").unwrap();
        let text = String::from_utf8(writer.finish().unwrap()).unwrap();
        assert_eq!(text, "time_ms,key,operation,size_bytes\n5,a,read,1\n6,b,read,1\n");
    }
}
