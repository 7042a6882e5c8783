//! The text of a CSV, whether hotset wrote it or a spreadsheet saved it again: which character parts the fields, where
//! the rows begin and end, and how numbers are written.

use std::collections::HashMap;

use super::columns::{Column, FieldType};
use super::durable::whole_rows;
use super::numbers::Numbers;

/// The characters that spreadsheets part fields with; the first is hotset's own.
const DELIMITERS: [u8; 4] = [b',', b';', b'\t', b'|'];

/// A CSV as it stands in its file.
#[derive(Debug)]
pub(super) struct CsvText<'a> {
    /// Everything that stands in the file.
    whole: &'a [u8],
    /// The part of it that comes before the rows, in bytes.
    before: usize,
    text: &'a [u8],
    delimiter: u8,
}

impl<'a> CsvText<'a> {
    /// Finds out how a file is written that should have these columns.
    ///
    /// # Errors
    /// Says what the file is where it is no CSV in UTF-8.
    pub(super) fn new(text: &'a [u8], wanted: &[Column]) -> Result<Self, String> {
        if text.starts_with(b"\xFF\xFE") || text.starts_with(b"\xFE\xFF") {
            return Err("it is saved as UTF-16; save it as CSV in UTF-8".into());
        }
        let body = text.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(text);
        let (body, told) = without_told_delimiter(body);
        let names_found = |delimiter: u8| {
            let mut reader = csv::ReaderBuilder::new().delimiter(delimiter).from_reader(body);
            let known = |name: &&str| wanted.iter().any(|column| column.name == name.trim());
            reader.headers().map_or(0, |header| header.iter().filter(known).count())
        };
        let mut delimiter = told.unwrap_or(DELIMITERS[0]);
        for other in DELIMITERS {
            if names_found(other) > names_found(delimiter) {
                delimiter = other;
            }
        }
        let first_line = body.split(|byte| *byte == b'\n').next().unwrap_or_default();
        let is_own = body.len() == text.len() && delimiter == DELIMITERS[0] && !first_line.contains(&b'\r');
        // hotset ends every row that it has written to its end; a spreadsheet may leave the last one open.
        // A header is written in one step, so that one without an end is not torn either.
        let whole = whole_rows(body);
        let rows = if is_own && whole > 0 { &body[..whole] } else { body };
        Ok(Self { text: rows, before: text.len() - body.len(), delimiter, whole: text })
    }

    /// Reads it, row by row.
    pub(super) fn reader(&self) -> csv::Reader<&'a [u8]> {
        csv::ReaderBuilder::new().delimiter(self.delimiter).from_reader(self.text)
    }

    /// The line of the file, counted from 1, on which a row begins. The reader may still stand within the end of the line
    /// before.
    pub(super) fn line(&self, at: Option<&csv::Position>) -> u64 {
        let Some(at) = at else { return 0 };
        let from = (self.before + at.byte() as usize).min(self.whole.len());
        let ends = self.whole[from..].iter().take_while(|byte| matches!(byte, b'\r' | b'\n')).count();
        let above = &self.whole[..from + ends];
        let lines_ended_by = |end: u8| above.split(|byte| *byte == end).count() as u64;
        lines_ended_by(b'\r').max(lines_ended_by(b'\n'))
    }

    /// Returns how its numbers are written, seen from all of its rows.
    pub(super) fn numbers(
        &self,
        wanted: &[Column],
        places: &HashMap<String, usize>,
        rows: &[csv::StringRecord],
    ) -> Numbers {
        // Where commas part the fields, a comma in a number could as well part thousands.
        if self.delimiter == DELIMITERS[0] {
            return Numbers::WithPoints;
        }
        let numbers = wanted.iter().filter(|column| column.form == FieldType::Number);
        let at: Vec<usize> = numbers.filter_map(|column| places.get(&column.name).copied()).collect();
        let has_comma =
            |row: &csv::StringRecord| at.iter().any(|at| row.get(*at).unwrap_or("").contains(','));
        if rows.iter().any(has_comma) { Numbers::WithCommas } else { Numbers::WithPoints }
    }
}

/// Takes away the line `sep=;` with which some spreadsheets begin a file.
fn without_told_delimiter(text: &[u8]) -> (&[u8], Option<u8>) {
    let Some([delimiter, rest @ ..]) = text.strip_prefix(b"sep=") else { return (text, None) };
    let rest = rest.strip_prefix(b"\r").unwrap_or(rest);
    match rest.strip_prefix(b"\n") {
        Some(rest) => (rest, Some(*delimiter)),
        None => (text, None),
    }
}
