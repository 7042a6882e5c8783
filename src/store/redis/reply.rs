//! The answers of a server: where one ends in what was read so far, and what it says.
//!
//! Values and numbers, of which nearly all answers under load consist, are read here. Anything else is only measured
//! here, and read by the driver's parser once it is there whole.

use bytes::{Buf, Bytes, BytesMut};
use redis::{RedisError, Value};

/// What a server answered.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Reply {
    /// The key holds nothing.
    Nil,
    /// A whole number.
    Int(i64),
    /// The bytes of a value.
    Bulk(Bytes),
    /// A status, or several values.
    Other(Value),
}

impl Reply {
    /// The answer as the driver has it.
    pub(super) fn into_value(self) -> Value {
        match self {
            Self::Nil => Value::Nil,
            Self::Int(number) => Value::Int(number),
            Self::Bulk(bytes) => Value::BulkString(bytes.into()),
            Self::Other(value) => value,
        }
    }
}

/// The deepest nesting of arrays that is followed. Redis' own answers have three levels.
const DEEPEST: usize = 32;
/// The longest value that is taken for one: what Redis itself allows by default.
const LONGEST_BULK: usize = 512 << 20;
/// The longest line: longer than any status, error or number.
const LONGEST_LINE: usize = 64 << 10;
/// What ends a line and a value.
const END: &[u8] = b"\r\n";

/// Takes the first answer out of what was read, once the whole of it is there. Messages that the server pushes by
/// itself are no answers, and are skipped.
///
/// # Errors
/// The inner error is the server's answer. The outer one means that this is no answer by the protocol; nobody knows
/// then where the next one would begin.
pub(super) fn take(read: &mut BytesMut) -> Result<Option<Result<Reply, RedisError>>, RedisError> {
    loop {
        let Some((line, after)) = line_at(read, 0)? else { return Ok(None) };
        match (read[0], line) {
            (b'$', digits) if digits != b"-1" => {
                let length = length(digits)?;
                if !has_bulk(read, after, length)? {
                    return Ok(None);
                }
                // Copied, since a slice would keep all that was read with it in memory for as long as somebody keeps
                // the value.
                let value = Bytes::copy_from_slice(&read[after..after + length]);
                read.advance(after + length + END.len());
                return Ok(Some(Ok(Reply::Bulk(value))));
            }
            (b':', digits) => {
                let number = number(digits)?;
                read.advance(after);
                return Ok(Some(Ok(Reply::Int(number))));
            }
            (kind, _) => {
                let Some(end) = end_of(read, 0, DEEPEST)? else { return Ok(None) };
                let whole = read.split_to(end);
                if kind == b'>' {
                    continue;
                }
                let answer = redis::parse_redis_value(&whole)?.extract_error();
                return Ok(Some(answer.map(|value| match value {
                    Value::Nil => Reply::Nil,
                    Value::Int(number) => Reply::Int(number),
                    value => Reply::Other(value),
                })));
            }
        }
    }
}

/// The line that begins after the first byte at `from`, and the place behind its end.
fn line_at(read: &[u8], from: usize) -> Result<Option<(&[u8], usize)>, RedisError> {
    let Some(rest) = read.get(from + 1..) else { return Ok(None) };
    match rest.iter().position(|byte| *byte == b'\r') {
        Some(at) => match rest.get(at + 1) {
            Some(b'\n') => Ok(Some((&rest[..at], from + 1 + at + END.len()))),
            Some(_) => Err(broken("a line does not end where it should")),
            None => Ok(None),
        },
        None if rest.len() > LONGEST_LINE => Err(broken("a line does not end")),
        None => Ok(None),
    }
}

/// Returns true if a value of this length is there whole, with the end of its line.
fn has_bulk(read: &[u8], from: usize, length: usize) -> Result<bool, RedisError> {
    match read.get(from + length..from + length + END.len()) {
        Some(END) => Ok(true),
        Some(_) => Err(broken("a value is not as long as it says")),
        None => Ok(false),
    }
}

/// The place behind the answer that begins at `from`; `None` if it is not there whole.
fn end_of(read: &[u8], from: usize, depth: usize) -> Result<Option<usize>, RedisError> {
    let Some((line, after)) = line_at(read, from)? else { return Ok(None) };
    let parts = match (read[from], line) {
        (b'$' | b'*', b"-1") | (b'+' | b'-' | b':' | b'_' | b',' | b'#' | b'(', _) => return Ok(Some(after)),
        (b'$' | b'=' | b'!', digits) => {
            let length = length(digits)?;
            return Ok(has_bulk(read, after, length)?.then_some(after + length + END.len()));
        }
        (b'*' | b'~' | b'>', digits) => length(digits)?,
        (b'%', digits) => length(digits)? * 2,
        // The attributes of an answer stand before it.
        (b'|', digits) => length(digits)? * 2 + 1,
        _ => return Err(broken("an answer begins with an unknown byte")),
    };
    if depth == 0 {
        return Err(broken("its arrays are too deep in one another"));
    }
    let mut end = after;
    for _ in 0..parts {
        match end_of(read, end, depth - 1)? {
            Some(next) => end = next,
            None => return Ok(None),
        }
    }
    Ok(Some(end))
}

fn length(digits: &[u8]) -> Result<usize, RedisError> {
    number(digits)
        .ok()
        .and_then(|length| usize::try_from(length).ok())
        .filter(|length| *length <= LONGEST_BULK)
        .ok_or_else(|| broken("a length is not one"))
}

fn number(text: &[u8]) -> Result<i64, RedisError> {
    let (is_negative, digits) = match text {
        [b'-', digits @ ..] => (true, digits),
        digits => (false, digits),
    };
    let mut number = if digits.is_empty() { None } else { Some(0_i64) };
    for digit in digits {
        let value = i64::from(digit.wrapping_sub(b'0'));
        // Counted downwards, since the lowest number has no counterpart above 0.
        number = number
            .filter(|_| value <= 9)
            .and_then(|number| number.checked_mul(10))
            .and_then(|number| number.checked_sub(value));
    }
    let number = if is_negative { number } else { number.and_then(i64::checked_neg) };
    number.ok_or_else(|| broken("a number is not one"))
}

fn broken(why: &'static str) -> RedisError {
    RedisError::from((redis::ErrorKind::Parse, "this is no answer by Redis' protocol", why.to_owned()))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn take_all(mut read: BytesMut) -> Result<Vec<Result<Reply, RedisError>>, RedisError> {
        let mut taken = Vec::new();
        while let Some(answer) = take(&mut read)? {
            taken.push(answer);
        }
        assert!(read.is_empty(), "{} bytes are left", read.len());
        Ok(taken)
    }

    /// Any answer of the protocol, with the bytes that a server sends for it.
    fn answer() -> impl Strategy<Value = Vec<u8>> {
        let leaf = prop_oneof![
            prop::collection::vec(any::<u8>(), 0..40)
                .prop_map(|bytes| { [format!("${}\r\n", bytes.len()).as_bytes(), &bytes, b"\r\n"].concat() }),
            any::<i64>().prop_map(|number| format!(":{number}\r\n").into_bytes()),
            "[ -~]{0,20}".prop_map(|text| format!("+{text}\r\n").into_bytes()),
            "[A-Z]{3,8} [ -~]{0,20}".prop_map(|text| format!("-{text}\r\n").into_bytes()),
            Just(b"$-1\r\n".to_vec()),
            Just(b"*-1\r\n".to_vec()),
            Just(b"_\r\n".to_vec()),
            Just(b"#t\r\n".to_vec()),
        ];
        leaf.prop_recursive(3, 24, 5, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..5).prop_map(|parts| {
                    [format!("*{}\r\n", parts.len()).into_bytes(), parts.concat()].concat()
                }),
                prop::collection::vec((inner.clone(), inner), 0..3).prop_map(|parts| {
                    let pairs: Vec<u8> =
                        parts.iter().flat_map(|(key, value)| [key.clone(), value.clone()].concat()).collect();
                    [format!("%{}\r\n", parts.len()).into_bytes(), pairs].concat()
                }),
            ]
        })
    }

    proptest! {
        #[test]
        fn every_answer_is_what_the_drivers_parser_reads(bytes in answer()) {
            let expected = redis::parse_redis_value(&bytes).unwrap().extract_error();
            let mut taken = take_all(BytesMut::from(&bytes[..])).unwrap();
            prop_assert_eq!(taken.len(), 1);
            prop_assert_eq!(taken.remove(0).map(Reply::into_value), expected);
        }

        #[test]
        fn answers_are_the_same_however_they_arrive_in_pieces(
            answers in prop::collection::vec(answer(), 1..6),
            sizes in prop::collection::vec(1_usize..30, 1..40),
        ) {
            let bytes = answers.concat();
            let whole = take_all(BytesMut::from(&bytes[..])).unwrap();
            let (mut read, mut taken, mut at) = (BytesMut::new(), Vec::new(), 0);
            for size in sizes.iter().cycle() {
                let end = (at + size).min(bytes.len());
                read.extend_from_slice(&bytes[at..end]);
                at = end;
                while let Some(answer) = take(&mut read).unwrap() {
                    taken.push(answer);
                }
                if at == bytes.len() { break; }
            }
            prop_assert!(read.is_empty());
            prop_assert_eq!(taken, whole);
        }

        #[test]
        fn whatever_arrives_is_an_answer_an_error_or_not_yet_whole(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let mut read = BytesMut::from(&bytes[..]);
            while let Ok(Some(_)) = take(&mut read) {}
        }
    }

    #[test]
    fn a_message_that_the_server_pushes_is_no_answer() {
        let pushed = b">2\r\n$10\r\ninvalidate\r\n*1\r\n$1\r\nk\r\n:7\r\n";
        assert_eq!(take_all(BytesMut::from(&pushed[..])), Ok(vec![Ok(Reply::Int(7))]));
    }

    #[test]
    fn what_is_not_of_the_protocol_is_an_error_and_no_value() {
        let cases: [&[u8]; 9] = [
            b"$3\r\nabcd\r\n",
            b"$-2\r\n",
            b"$x\r\n",
            b"$99999999999\r\n",
            b":12a\r\n",
            b":9223372036854775808\r\n",
            b"HTTP/1.1 400 Bad Request\r\n",
            b"+OK\rno\r\n",
            b"*1\r\n!\r\n",
        ];
        for bytes in cases {
            let taken = take(&mut BytesMut::from(bytes));
            assert!(taken.is_err(), "{}: {taken:?}", String::from_utf8_lossy(bytes));
        }
    }

    #[test]
    fn arrays_that_go_on_for_ever_inside_each_other_are_refused() {
        assert!(take(&mut BytesMut::from(b"*1\r\n".repeat(100_000).as_slice())).is_err());
    }

    #[test]
    fn the_lowest_and_the_highest_number_are_read() {
        for number in [i64::MIN, -1, 0, i64::MAX] {
            let taken = take(&mut BytesMut::from(format!(":{number}\r\n").as_bytes()));
            assert_eq!(taken, Ok(Some(Ok(Reply::Int(number)))));
        }
    }
}
