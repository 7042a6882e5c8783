//! The CSV of Twitter's cache-trace (Yang et al., A Large-scale Analysis of Hundreds of In-memory Cache Clusters at
//! Twitter, OSDI 2020): no header; time in seconds, anonymised key, key size, value size, client, operation, TTL in
//! seconds (0 where the operation sets none).

use std::time::Duration;

use super::fields::{self, Fields, LineError};
use super::{TraceOperation, TraceRecord};

/// The number of columns of a line.
pub(super) const COLUMNS: usize = 7;

/// The place of the key, which may have commas.
const KEY: usize = 1;

/// The fields of a line: Twitter's own files have keys with commas that are not in quotes.
pub(super) fn fields<'l>(line: &'l [u8], scratch: &'l mut csv::ByteRecord) -> Fields<'l> {
    let quoted = Fields::of(line, scratch);
    if quoted.count() == COLUMNS {
        return quoted;
    }
    Fields::around(line, KEY, COLUMNS).unwrap_or(quoted)
}

/// The record of a line. The key's size is that of the key before it was made anonymous; sizes and times to live that are
/// no numbers are unknown, since the line still says what was asked for.
pub(super) fn record(fields: &Fields<'_>) -> Result<TraceRecord, LineError> {
    let fields = fields.exactly(COLUMNS)?;
    let ttl_seconds = fields::number(fields[6], "the TTL").unwrap_or(0);
    Ok(TraceRecord {
        time_ms: fields::seconds_as_ms(fields[0], "the time")?,
        key: fields::key(fields[1])?,
        key_bytes: fields::number(fields[2], "the key size").unwrap_or(fields[1].len() as u64),
        operation: operation(fields[5])?,
        size_bytes: fields::number(fields[3], "the value size").unwrap_or(0),
        ttl: (ttl_seconds > 0).then(|| Duration::from_secs(ttl_seconds)),
    })
}

fn operation(field: &[u8]) -> Result<TraceOperation, LineError> {
    match field {
        b"get" | b"gets" => Ok(TraceOperation::Read),
        b"set" | b"add" => Ok(TraceOperation::Put),
        b"replace" | b"cas" | b"append" | b"prepend" | b"incr" | b"decr" => Ok(TraceOperation::Write),
        b"delete" => Ok(TraceOperation::Delete),
        _ => fields::unknown_operation(
            field,
            "known are get, gets, set, add, replace, cas, append, prepend, incr, decr and delete",
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::TraceOperation::{Delete, Put, Read, Write};
    use super::*;
    use crate::load::trace::{Format, OnBroken, TraceReader};

    const SAMPLE: &[u8] = b"0,nz:u:eeW511W3dcH3de3d15ec,22,304,8,get,0\n\
        0,nz:u:eeW511W3dcH3de3d15ec,22,304,8,set,3600\n\
        1,q:q:1:8WTfjZU14ee,17,213,2,gets,0\n\
        7,q:q:1:8WTfjZU14ee,17,0,2,delete,0\n\
        7,counter,7,4,2,incr,0\n";

    #[test]
    fn a_twitter_trace_is_recognised_and_its_operations_are_told_apart() {
        let reader = TraceReader::new(SAMPLE, None, OnBroken::Refuse).unwrap();
        assert_eq!(reader.format(), Format::Twitter);
        let records: Vec<_> = reader.map(Result::unwrap).collect();
        let operations: Vec<_> = records.iter().map(|record| record.operation).collect();
        assert_eq!(operations, [Read, Put, Read, Delete, Write]);
        assert_eq!(records[1].ttl, Some(Duration::from_hours(1)));
        assert_eq!((records[2].time_ms, records[2].size_bytes, records[2].ttl), (1_000, 213, None));
        assert_eq!(&*records[3].key, "q:q:1:8WTfjZU14ee");
        assert_eq!((records[0].key_bytes, records[3].key_bytes), (22, 17));
    }

    #[test]
    fn a_broken_twitter_line_is_refused_with_its_number() {
        for (line, word) in [
            ("7,k,1,2,3,flush_all,0", "flush_all"),
            ("7,k,1,2,3,get", "6 columns instead of 7"),
            ("seven,k,1,2,3,get,0", "the time"),
            ("7,,1,2,3,get,0", "key is empty"),
        ] {
            let text = format!("0,k,1,2,3,get,0\n{line}\n");
            let mut reader = TraceReader::new(std::io::Cursor::new(text), None, OnBroken::Refuse).unwrap();
            assert!(reader.next().unwrap().is_ok());
            let error = reader.next().unwrap().unwrap_err().to_string();
            assert!(error.starts_with("line 2 ") && error.contains(word), "{error}");
            assert!(reader.next().is_none());
        }
    }
}
