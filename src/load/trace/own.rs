//! hotset's own format: `time_ms,key,operation,size_bytes`. It has no times to live; they are not written.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;

use super::fields::{self, Fields, LineError};
use super::lines::LONGEST;
use super::{TraceError, TraceOperation, TraceRecord};

/// The header line.
pub(super) const HEADER: &str = "time_ms,key,operation,size_bytes";

pub(super) fn record(fields: &Fields<'_>) -> Result<TraceRecord, LineError> {
    let fields = fields.exactly(4)?;
    Ok(TraceRecord {
        time_ms: fields::number(fields[0], "time_ms")?,
        key: fields::key(fields[1])?,
        key_bytes: fields[1].len() as u64,
        operation: operation(fields[2])?,
        size_bytes: fields::number(fields[3], "size_bytes")?,
        ttl: None,
    })
}

fn operation(field: &[u8]) -> Result<TraceOperation, LineError> {
    match field {
        b"read" => Ok(TraceOperation::Read),
        b"write" => Ok(TraceOperation::Write),
        b"delete" => Ok(TraceOperation::Delete),
        _ => fields::unknown_operation(field, "known are read, write and delete"),
    }
}

/// Writes a trace that [`super::TraceReader`] reads back to the same records, but for their times to live.
///
/// The caller must end with [`Writer::finish`]; a compressed trace that was not finished reads as one that was cut off.
pub struct Writer<W: Write> {
    out: Sink<W>,
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
    pub fn create(path: &Path) -> Result<Self, TraceError> {
        let file = File::create(path).map_err(|source| TraceError::Open { path: path.to_owned(), source })?;
        let file = BufWriter::with_capacity(128 * 1024, file);
        if path.extension().is_some_and(|extension| extension == "zst") {
            Self::zstd(file)
        } else {
            Self::plain(file)
        }
    }
}

impl<W: Write> Writer<W> {
    /// Writes plain text; `out` should be buffered.
    pub fn plain(out: W) -> Result<Self, TraceError> {
        Self::begin(Sink::Plain(out))
    }

    /// Writes one zstd frame with a checksum.
    pub fn zstd(out: W) -> Result<Self, TraceError> {
        let encoder = zstd::stream::write::Encoder::new(out, LEVEL).and_then(|mut encoder| {
            encoder.include_checksum(true)?;
            Ok(encoder)
        });
        Self::begin(Sink::Zstd(encoder.map_err(|source| TraceError::Write { record: 0, source })?))
    }

    fn begin(out: Sink<W>) -> Result<Self, TraceError> {
        let line = format!("{HEADER}\n").into_bytes();
        let mut writer = Self { out, line, last_time_ms: 0, records: 0 };
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
            writeln!(self.line, "{time_ms},\"{quoted}\",{operation},{size_bytes}")
        } else {
            writeln!(self.line, "{time_ms},{key},{operation},{size_bytes}")
        };
        written.map_err(|source| self.failed(source))?;
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
        let one = (0..5_000_u64, key, prop::sample::select(&OPERATIONS), any::<u64>());
        prop::collection::vec(one, 1..50).prop_map(|rows| {
            let mut time_ms = 0;
            let record = |(later, key, operation, size_bytes): (u64, String, _, _)| {
                time_ms += later;
                let key_bytes = key.len() as u64;
                TraceRecord { time_ms, key: key.into(), key_bytes, operation, size_bytes, ttl: None }
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
            prop_assert_eq!(&read_back(written(&records, Writer::plain)), &records);
            prop_assert_eq!(&read_back(written(&records, Writer::zstd)), &records);
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
            let mut writer = Writer::create(&path).unwrap();
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
    fn a_record_that_no_reader_would_take_is_not_written() {
        let mut writer = Writer::plain(Vec::new()).unwrap();
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
