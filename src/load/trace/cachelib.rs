//! The CSV of CacheLib's kvcache traces (Berg et al., The CacheLib Caching Engine, OSDI 2020).
//!
//! The columns differ between years (`op_time,key,key_size,op,op_count,size,cache_hits,ttl,usecase,sub_usecase`;
//! before, `key,op,size,op_count,key_size,ttl` without times), so they are found by the names in the header. A line
//! stands for `op_count` equal operations. Keys are numbers that stand for keys of `key_size` bytes; equal numbers of other
//! sizes are other keys, as they are to CacheLib's own replay, which pads them to their size.

use std::collections::HashMap;
use std::time::Duration;

use super::fields::{self, Fields, LineError, MOST};
use super::{TraceOperation, TraceRecord};

/// The positions of the columns.
#[derive(Debug)]
pub(super) struct CachelibColumns {
    count: usize,
    key: usize,
    operation: usize,
    size: usize,
    key_size: Option<usize>,
    /// In seconds.
    time: Option<usize>,
    repeats: Option<usize>,
    /// In seconds.
    ttl: Option<usize>,
    /// The number of the repeats that the cache could answer.
    hits: Option<usize>,
}

/// More repeats than this in one line are a damaged number, and would seem to hang.
const MOST_REPEATS: u64 = 1 << 32;

impl CachelibColumns {
    /// Returns true if a first line is the header of such a trace.
    pub(super) fn are_named_by(header: &Fields<'_>) -> bool {
        header.iter().any(|name| name == b"key") && header.iter().any(|name| name == b"op")
    }

    pub(super) fn of(header: &Fields<'_>) -> Result<Self, LineError> {
        let remedy = "give the trace the header of CacheLib's kvcache traces, such as key,op,size,op_count,key_size,ttl";
        if header.count() > MOST {
            return Err(LineError::new(
                format!("the header has {} columns, more than {MOST}", header.count()),
                remedy,
            ));
        }
        let place = |name: &str| header.iter().position(|column| column == name.as_bytes());
        let required = |name| {
            place(name).ok_or_else(|| LineError::new(format!("the header has no column {name}"), remedy))
        };
        Ok(Self {
            count: header.count(),
            key: required("key")?,
            operation: required("op")?,
            size: required("size")?,
            key_size: place("key_size"),
            time: place("op_time"),
            repeats: place("op_count"),
            ttl: place("ttl"),
            hits: place("cache_hits"),
        })
    }

    /// Returns true if the records have times.
    pub(super) fn have_times(&self) -> bool {
        self.time.is_some()
    }

    /// Returns true if the records may have times to live.
    pub(super) fn have_times_to_live(&self) -> bool {
        self.ttl.is_some()
    }

    /// Reads a line.
    pub(super) fn row(&self, fields: &Fields<'_>) -> Result<Row, LineError> {
        let fields = fields.exactly(self.count)?;
        let (key, key_bytes) = self.key(fields)?;
        let record = TraceRecord {
            time_ms: self.time.map_or(Ok(0), |at| fields::seconds_as_ms(fields[at], "op_time"))?,
            key,
            key_bytes,
            operation: operation(fields[self.operation])?,
            // A size or a time to live that is no number is unknown; its line still says what was asked for.
            size_bytes: fields::number(fields[self.size], "size").unwrap_or(0),
            ttl: self.ttl.and_then(|at| ttl(fields[at])),
        };
        let repeats = self.repeats.map_or(Ok(1), |at| repeats(fields[at]))?;
        let hits = self.hits.and_then(|at| fields::number(fields[at], "cache_hits").ok());
        let has_missed = record.operation == TraceOperation::Read && hits.is_some_and(|hits| hits < repeats);
        Ok(Row { record, repeats, has_missed })
    }

    /// Returns true if rows of one second may stand in another order than they happened, and tell which reads missed.
    pub(super) fn tell_misses(&self) -> bool {
        self.time.is_some() && self.hits.is_some()
    }
}

/// A line: a record, how often it is repeated, and whether it is a read that the cache could not answer each time.
#[derive(Debug, Clone)]
pub(super) struct Row {
    pub(super) record: TraceRecord,
    pub(super) repeats: u64,
    pub(super) has_missed: bool,
}

/// Newer traces name the set that filled the cache before the get that missed, in the same second. The two are put into
/// the order in which they happened, so that the set is known for a fill.
pub(super) fn put_misses_before_fills(rows: &mut [Row]) {
    let mut put_at: HashMap<Box<str>, usize> = HashMap::new();
    for at in 0..rows.len() {
        let row = &rows[at];
        match row.record.operation {
            TraceOperation::Put if row.repeats == 1 => {
                put_at.insert(row.record.key.clone(), at);
            }
            TraceOperation::Read if row.has_missed => {
                if let Some(put) = put_at.remove(&row.record.key) {
                    rows.swap(put, at);
                }
            }
            _ => {
                put_at.remove(&row.record.key);
            }
        }
    }
}

impl CachelibColumns {
    /// A key, told from those of other sizes where the trace says them, and its size.
    fn key(&self, fields: &[&[u8]]) -> Result<(Box<str>, u64), LineError> {
        let key = fields::key(fields[self.key])?;
        let Some(at) = self.key_size else {
            let size = key.len() as u64;
            return Ok((key, size));
        };
        let size = fields::number(fields[at], "key_size")?;
        Ok((format!("{key}/{size}").into(), size))
    }
}

fn operation(field: &[u8]) -> Result<TraceOperation, LineError> {
    match field {
        b"GET" | b"GET_LEASE" => Ok(TraceOperation::Read),
        b"SET" | b"SET_LEASE" | b"ADD" => Ok(TraceOperation::Put),
        b"REPLACE" | b"CAS" | b"APPEND" | b"PREPEND" | b"INCR" | b"DECR" => Ok(TraceOperation::Write),
        b"DELETE" => Ok(TraceOperation::Delete),
        _ => fields::unknown_operation(
            field,
            "known are GET, GET_LEASE, SET, SET_LEASE, ADD, REPLACE, CAS, APPEND, PREPEND, INCR, DECR and DELETE",
        ),
    }
}

/// None where the field is empty, 0 or −1: the value lives for ever, or the operation sets none.
fn ttl(field: &[u8]) -> Option<Duration> {
    let seconds = fields::number(field, "ttl").ok()?;
    (seconds > 0).then(|| Duration::from_secs(seconds))
}

fn repeats(field: &[u8]) -> Result<u64, LineError> {
    let count = fields::number(field, "op_count")?;
    if (1..=MOST_REPEATS).contains(&count) {
        return Ok(count);
    }
    Err(LineError::new(format!("op_count is {count}, which is not from 1 to 2^32"), "correct the number"))
}

#[cfg(test)]
mod tests {
    use super::TraceOperation::{Delete, Put, Read};
    use super::*;
    use crate::load::trace::{Format, OnBroken, TraceReader};

    fn read(text: &'static str) -> TraceReader {
        let reader = TraceReader::new(text.as_bytes(), None, OnBroken::Refuse).unwrap();
        assert_eq!(reader.format(), Format::CacheLib);
        reader
    }

    #[test]
    fn a_line_of_a_cachelib_trace_stands_for_op_count_operations() {
        let reader = read(
            "op_time,key,key_size,op,op_count,size,cache_hits,ttl,usecase,sub_usecase\n\
             1664578800,1668001,30,GET,3,512,2,0,7,1\n\
             1664578801,1668001,30,SET,1,600,0,86400,7,1\n\
             1664578801,1668002,30,GET_LEASE,1,0,0,,7,1\n\
             1664578802,1668001,30,DELETE,2,0,0,0,7,1\n",
        );
        assert!(reader.has_times());
        let records: Vec<_> = reader.map(Result::unwrap).collect();
        let operations: Vec<_> = records.iter().map(|record| record.operation).collect();
        assert_eq!(operations, [Read, Read, Read, Put, Read, Delete, Delete]);
        assert_eq!(records[0], records[2]);
        assert_eq!((records[3].time_ms, records[3].size_bytes), (1_664_578_801_000, 600));
        assert_eq!(records[3].ttl, Some(Duration::from_hours(24)));
    }

    #[test]
    fn equal_keys_of_other_sizes_are_other_keys() {
        let reader =
            read("key,op,size,op_count,key_size,ttl\nk,GET,9,1,20,0\nk,GET,9,1,30,0\nk,SET,9,1,20,0\n");
        let records: Vec<_> = reader.map(Result::unwrap).collect();
        assert_eq!(records[0].key, records[2].key);
        assert_ne!(records[0].key, records[1].key);
        assert_eq!((records[0].key_bytes, records[1].key_bytes), (20, 30));
        let without = read("key,op,size,op_count\nk,GET,9,1\n");
        assert_eq!(without.map(|record| record.unwrap().key.into_string()).collect::<Vec<_>>(), ["k"]);
    }

    #[test]
    fn the_older_columns_without_times_are_found_by_their_names() {
        let reader = read("key,op,size,op_count,key_size,ttl\nk1,SET,100,1,2,60\nk1,GET,100,2,2,0\n");
        assert!(!reader.has_times());
        let records: Vec<_> = reader.map(Result::unwrap).collect();
        assert_eq!(records.len(), 3);
        assert!(records.iter().all(|record| record.time_ms == 0 && record.size_bytes == 100));
    }

    #[test]
    fn a_broken_cachelib_line_is_refused_with_its_number() {
        for (text, word) in [
            ("key,op,size,op_count\nk,GET,1,1\nk,GET,1,0\n", "op_count is 0"),
            ("key,op,size,op_count\nk,GET,1,1\nk,SAT,1,1\n", "SAT"),
            ("key,op,size,op_count\nk,GET,1,1\nk,GET,1,99999999999\n", "2^32"),
            ("key,op,size,op_count\nk,GET,1,1\nk,GET,1\n", "3 columns instead of 4"),
            ("key,op,size,key_size\nk,GET,1,2\nk,GET,1,two\n", "key_size"),
        ] {
            let error = read(text).nth(1).unwrap().unwrap_err().to_string();
            assert!(error.starts_with("line 3 ") && error.contains(word), "{error}");
        }
    }

    #[test]
    fn a_set_that_stands_before_the_get_that_missed_comes_after_it() {
        let header = "op_time,key,key_size,op,op_count,size,cache_hits,ttl,usecase,sub_usecase";
        let of = |rows: &str| {
            let reader =
                TraceReader::new(std::io::Cursor::new(format!("{header}\n{rows}")), None, OnBroken::Refuse);
            let records = reader.unwrap().map(Result::unwrap);
            records.map(|record| format!("{}{:?}", record.key, record.operation)).collect::<Vec<_>>()
        };
        let set_first = "1,a,9,SET,1,0,0,-1,7,1\n1,b,9,GET,1,0,1,0,7,1\n1,a,9,GET,1,0,0,0,7,1\n";
        assert_eq!(of(set_first), ["a/9Read", "b/9Read", "a/9Put"]);
        let hit = "1,a,9,SET,1,0,0,-1,7,1\n1,a,9,GET,2,0,2,0,7,1\n";
        assert_eq!(of(hit), ["a/9Put", "a/9Read", "a/9Read"], "a read that hit came after what it found");
        let later = "1,a,9,SET,1,0,0,-1,7,1\n2,a,9,GET,1,0,0,0,7,1\n";
        assert_eq!(of(later), ["a/9Put", "a/9Read"], "it expired or was evicted meanwhile");
        let removed = "1,a,9,SET,1,0,0,-1,7,1\n1,a,9,DELETE,1,0,0,0,7,1\n1,a,9,GET,1,0,0,0,7,1\n";
        assert_eq!(of(removed), ["a/9Put", "a/9Delete", "a/9Read"]);
    }

    #[test]
    fn sizes_and_times_to_live_of_any_kind_are_taken() {
        let records: Vec<_> =
            read("key,op,size,op_count,ttl\nk,GET,0,1,-1\nk,SET,,1,60.5\nk,SET,-5,1,60\n").collect();
        let ttl: Vec<_> =
            records.into_iter().map(|record| record.unwrap().ttl.map(|ttl| ttl.as_secs())).collect();
        assert_eq!(ttl, [None, None, Some(60)]);
    }

    #[test]
    fn a_header_without_a_needed_column_is_refused_and_named() {
        let error = TraceReader::new(&b"key,op,op_count\nk,GET,1\n"[..], None, OnBroken::Skip)
            .err()
            .unwrap()
            .to_string();
        assert!(error.contains("line 1") && error.contains("no column size"), "{error}");
    }
}
