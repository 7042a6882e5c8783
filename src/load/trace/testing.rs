//! Tests of the reader.

use std::io::{self, Read};

use super::{
    Broken, Format, OnBroken, TraceColumns, TraceError, TraceOperation, TraceReader, TraceRecord, Writer,
};

const HEADER: &str = "time_ms,key,operation,size_bytes";
/// The output of `xz` for that header and the records 1,a,read,1 and 2,b,read,1.
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
    let mut writer = Writer::zstd(Vec::new(), TraceColumns::Sizes).unwrap();
    for time_ms in 0..records {
        // Keys that do not compress, so that the frame has many blocks.
        let key: Box<str> = format!("{:x}", time_ms.wrapping_mul(0x9E37_79B9_7F4A_7C15)).into();
        let (key_bytes, operation) = (key.len() as u64, TraceOperation::Read);
        writer.write(&TraceRecord { time_ms, key, key_bytes, operation, size_bytes: 1, ttl: None }).unwrap();
    }
    writer.finish().unwrap()
}

#[test]
fn a_trace_is_read_record_by_record() {
    let records: Vec<_> = own("0,a,read,10\n5,\"b,c\",write,20\r\n5,a,delete,0", OnBroken::Refuse).collect();
    let records: Vec<_> = records.into_iter().map(Result::unwrap).collect();
    let expected = |time_ms, key: &str, operation, size_bytes| TraceRecord {
        time_ms,
        key: key.into(),
        key_bytes: key.len() as u64,
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
    let all =
        [plain.clone(), gzip.finish().unwrap(), bzip2.finish().unwrap(), long.finish().unwrap(), XZ.to_vec()];
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
        assert_eq!((reader.skipped().lines, reader.skipped().first.as_ref().unwrap().line), (left_out, 1));
        assert!(!refused(text, None).is_empty());
    }
}

#[test]
fn what_is_no_trace_is_refused_by_its_first_line_however_many_were_skipped() {
    let text = (1..=200).map(|line| format!("nonsense {line}\n")).collect::<Vec<_>>().concat();
    let error = TraceReader::new(io::Cursor::new(text), None, OnBroken::Skip).err().unwrap().to_string();
    assert!(error.starts_with("line 1 of the trace") && error.contains("\"nonsense 1\""), "{error}");
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
    let reader =
        TraceReader::new(io::Cursor::new(format!("\u{FEFF}{HEADER}\n1,a,read,1\n")), None, OnBroken::Refuse);
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
    let reader = TraceReader::new(Slow(io::Cursor::new(compressed(100))), None, OnBroken::Refuse).unwrap();
    assert_eq!(reader.map(Result::unwrap).count(), 100);
}
