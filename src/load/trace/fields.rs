//! The fields of one line of CSV.

use super::TraceOperation;

/// More columns than any known format has.
pub(super) const MOST: usize = 16;

/// The fault of a line, before its number is known.
#[derive(Debug)]
pub(super) struct LineError {
    pub(super) reason: String,
    pub(super) remedy: &'static str,
}

impl LineError {
    pub(super) fn new(reason: impl Into<String>, remedy: &'static str) -> Self {
        Self { reason: reason.into(), remedy }
    }
}

/// The fields, in order; those beyond [`MOST`] are only counted.
pub(super) struct Fields<'l> {
    at: [&'l [u8]; MOST],
    count: usize,
}

impl<'l> Fields<'l> {
    /// Splits a line; fields in quotes are unquoted into `scratch`.
    pub(super) fn of(line: &'l [u8], scratch: &'l mut csv::ByteRecord) -> Self {
        let mut fields = Self { at: [&[]; MOST], count: 0 };
        if line.contains(&b'"') {
            unquote(line, scratch);
            scratch.iter().for_each(|field| fields.push(field));
        } else {
            line.split(|&byte| byte == b',').for_each(|field| fields.push(field));
        }
        fields
    }

    /// Splits a line of so many columns of which one may have commas that are not in quotes: those before it are counted
    /// from the left and those behind it from the right. `None` where there are too few.
    pub(super) fn around(line: &'l [u8], open: usize, columns: usize) -> Option<Self> {
        let mut fields = Self { at: [&[]; MOST], count: columns };
        let mut rest = line;
        for place in &mut fields.at[..open] {
            let comma = rest.iter().position(|&byte| byte == b',')?;
            *place = &rest[..comma];
            rest = &rest[comma + 1..];
        }
        for place in fields.at[open + 1..columns].iter_mut().rev() {
            let comma = rest.iter().rposition(|&byte| byte == b',')?;
            *place = &rest[comma + 1..];
            rest = &rest[..comma];
        }
        fields.at[open] = rest;
        Some(fields)
    }

    fn push(&mut self, field: &'l [u8]) {
        if let Some(place) = self.at.get_mut(self.count) {
            *place = field;
        }
        self.count += 1;
    }

    pub(super) fn count(&self) -> usize {
        self.count
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &'l [u8]> {
        self.at.into_iter().take(self.count)
    }

    /// All fields where there are as many as there should be.
    pub(super) fn exactly(&self, columns: usize) -> Result<&[&'l [u8]], LineError> {
        if self.count == columns {
            return Ok(&self.at[..columns]);
        }
        let found = if self.count == 1 { "1 column".to_owned() } else { format!("{} columns", self.count) };
        let remedy = "see that every line is whole, and that keys with commas are in quotes";
        Err(LineError::new(format!("{found} instead of {columns}"), remedy))
    }
}

/// Quoted fields are rare, so this may take its time; the line is at most 64 KiB long.
fn unquote(line: &[u8], scratch: &mut csv::ByteRecord) {
    let mut reader = csv::ReaderBuilder::new().has_headers(false).flexible(true).from_reader(line);
    // Reading from memory does not fail, and a record without any field is then found to have too few.
    if !reader.read_byte_record(scratch).unwrap_or(false) {
        scratch.clear();
    }
}

/// A whole number that is not negative.
pub(super) fn number(field: &[u8], column: &str) -> Result<u64, LineError> {
    let digit = |value: u64, &byte: &u8| {
        let digit = byte.wrapping_sub(b'0');
        if digit < 10 { value.checked_mul(10)?.checked_add(u64::from(digit)) } else { None }
    };
    match field.iter().try_fold(0, digit) {
        Some(value) if !field.is_empty() => Ok(value),
        _ => {
            let reason =
                format!("{column} is \"{}\", which is not a whole number of at most 64 bits", excerpt(field));
            Err(LineError::new(reason, "correct the number"))
        }
    }
}

/// Seconds as milliseconds.
pub(super) fn seconds_as_ms(field: &[u8], column: &str) -> Result<u64, LineError> {
    let seconds = number(field, column)?;
    let too_late =
        || LineError::new(format!("{column} is {seconds} s, which is too late"), "correct the time");
    seconds.checked_mul(1_000).ok_or_else(too_late)
}

/// A key: text that is not empty.
pub(super) fn key(field: &[u8]) -> Result<Box<str>, LineError> {
    match std::str::from_utf8(field) {
        Ok("") => Err(LineError::new("the key is empty", "give every record a key")),
        Ok(key) => Ok(key.into()),
        Err(_) => {
            let reason = format!("the key \"{}\" is not UTF-8", excerpt(field));
            Err(LineError::new(reason, "encode keys as UTF-8, for example in hexadecimal"))
        }
    }
}

/// Refuses an operation that the format does not have; `known` begins "known are".
pub(super) fn unknown_operation(field: &[u8], known: &'static str) -> Result<TraceOperation, LineError> {
    Err(LineError::new(format!("the operation is \"{}\"", excerpt(field)), known))
}

/// The beginning of a field or line, fit to be shown.
pub(super) fn excerpt(bytes: &[u8]) -> String {
    const SHOWN: usize = 60;
    let text = String::from_utf8_lossy(&bytes[..bytes.len().min(SHOWN)]);
    let shown: String = text.chars().map(|c| if c.is_control() { '\u{FFFD}' } else { c }).collect();
    if bytes.len() > SHOWN { shown + "…" } else { shown }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_digits_and_fits_64_bits() {
        assert_eq!(number(b"18446744073709551615", "size").unwrap(), u64::MAX);
        for wrong in ["", "-1", "+1", "1.5", " 1", "18446744073709551616", "1e3"] {
            assert!(number(wrong.as_bytes(), "size").is_err(), "{wrong}");
        }
        assert!(seconds_as_ms(b"18446744073709551", "time").is_ok());
        assert!(seconds_as_ms(b"18446744073709552", "time").is_err());
    }

    #[test]
    fn quotes_hold_commas_and_doubled_quotes() {
        let mut scratch = csv::ByteRecord::new();
        let fields = Fields::of(br#"1,"a,""b""",read,2"#, &mut scratch);
        assert_eq!(fields.iter().collect::<Vec<_>>(), [&b"1"[..], br#"a,"b""#, b"read", b"2"]);
    }

    #[test]
    fn columns_beyond_the_most_are_counted_without_being_kept() {
        let mut scratch = csv::ByteRecord::new();
        let line = vec![b','; 40_000];
        let fields = Fields::of(&line, &mut scratch);
        assert_eq!((fields.count(), fields.iter().count()), (40_001, MOST));
        assert!(fields.exactly(4).unwrap_err().reason.contains("40001 columns instead of 4"));
    }

    #[test]
    fn an_excerpt_is_short_and_has_no_control_characters() {
        let shown = excerpt(&[b'\x1b'; 500]);
        assert!(shown.chars().count() <= 61 && !shown.contains('\x1b') && shown.ends_with('…'));
    }
}
