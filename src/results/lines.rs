//! Rows as the lines of a CSV (RFC 4180), and back.

use std::collections::HashMap;
use std::fs;
use std::path::Path;

use super::columns::{Column, Columns, FieldError, Line, columns_of, fields_of};
use super::csv_text::CsvText;
use super::{Of, Origin, ResultsError};
use crate::base::secrets;

/// The header of a file whose rows are these and nothing more.
#[must_use]
pub fn header<R: Columns>() -> Vec<u8> {
    encode(&[names::<R>()])
}

/// The names of a row's columns.
#[must_use]
pub fn names<R: Columns>() -> Vec<String> {
    columns_of::<R>().into_iter().map(|column| column.name).collect()
}

/// Rows as lines, without a header.
#[must_use]
pub fn lines<R: Columns>(rows: &[R]) -> Vec<u8> {
    encode(&rows.iter().map(fields_of).collect::<Vec<_>>())
}

/// The header of `summary.csv`: its own columns, and one for each swept key.
#[must_use]
pub fn header_with_swept<R: Columns>(swept_keys: &[String]) -> Vec<u8> {
    encode(&[[names::<R>(), swept_keys.to_vec()].concat()])
}

/// A line of `summary.csv`.
#[must_use]
pub fn line_with_swept<R: Columns>(row: &R, swept_values: &[String]) -> Vec<u8> {
    encode(&[[fields_of(row), swept_values.to_vec()].concat()])
}

/// The header of a file whose lines say where they come from.
#[must_use]
pub fn header_of_origin<R: Columns>(swept_keys: &[String]) -> Vec<u8> {
    encode(&[[names::<Origin>(), swept_keys.to_vec(), names::<R>()].concat()])
}

/// Rows of one cell as lines, without a header.
#[must_use]
pub fn lines_of_origin<R: Columns>(origin: &Origin, swept_values: &[String], rows: &[R]) -> Vec<u8> {
    let before = [fields_of(origin), swept_values.to_vec()].concat();
    encode(&rows.iter().map(|row| [before.clone(), fields_of(row)].concat()).collect::<Vec<_>>())
}

/// Lines of fields as CSV. Secrets are struck out field by field: in a line, the end of a URL cannot be told.
#[must_use]
pub fn encode(records: &[Vec<String>]) -> Vec<u8> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    for record in records {
        // Writing to memory does not fail, and all records of a file have as many fields.
        let _ = writer.write_record(record.iter().map(|field| secrets::strike(field).into_owned()));
    }
    writer.into_inner().unwrap_or_default()
}

/// The rows of a file, and what of it is not there.
#[derive(Debug)]
pub struct Rows<T> {
    /// The rows, in their order.
    pub rows: Vec<T>,
    /// The columns that the file could have and has not: their fields read as empty.
    pub absent: Vec<String>,
}

/// Reads the whole rows of a file, each with the cell that it is of.
///
/// # Errors
/// Returns an error if the file cannot be read, lacks a column or has one twice, or holds a field that is not what its
/// column says.
pub fn read_of_cells<R: Columns>(path: &Path) -> Result<Rows<Of<R>>, ResultsError> {
    read(path, &[columns_of::<Origin>(), columns_of::<R>()].concat(), |line| {
        let Origin { cell, strategy, topology, .. } = Origin::read("", &line)?;
        Ok(Of { cell, strategy, topology, row: R::read("", &line)? })
    })
}

/// Reads the whole rows of a file.
///
/// # Errors
/// Those of [`read_of_cells`].
pub fn read_rows<R: Columns>(path: &Path) -> Result<Rows<R>, ResultsError> {
    read(path, &columns_of::<R>(), |line| R::read("", &line))
}

fn read<T>(
    path: &Path,
    wanted: &[Column],
    each: impl Fn(Line<'_>) -> Result<T, FieldError>,
) -> Result<Rows<T>, ResultsError> {
    let text = fs::read(path).map_err(|error| ResultsError::io("read", path, error))?;
    let failed = |line: u64, reason: String| ResultsError::Row { path: path.to_owned(), line, reason };
    let written = CsvText::new(&text, wanted).map_err(|reason| failed(1, reason))?;
    let mut reader = written.reader();
    let header = reader.headers().map_err(|error| failed(1, error.to_string()))?.clone();
    let places: HashMap<String, usize> = header.iter().map(|name| name.trim().to_owned()).zip(0..).collect();
    // Said even of a file without rows, so that a folder is refused whatever happened in it.
    let missing: Vec<&Column> = wanted.iter().filter(|column| !places.contains_key(&column.name)).collect();
    if let Some(needed) = missing.iter().find(|column| !column.optional) {
        return Err(ResultsError::Older { path: path.to_owned(), column: needed.name.clone() });
    }
    for (place, name) in header.iter().map(str::trim).enumerate() {
        if places.get(name) != Some(&place) && wanted.iter().any(|column| column.name == name) {
            return Err(ResultsError::ColumnTwice { path: path.to_owned(), column: name.to_owned() });
        }
    }
    let absent = missing.into_iter().map(|column| column.name.clone()).collect();
    let records = reader.records().collect::<Result<Vec<_>, _>>();
    let mut records = records.map_err(|error| failed(written.line(error.position()), error.to_string()))?;
    // Spreadsheets save rows in which nothing stands.
    records.retain(|record| record.iter().any(|field| !field.is_empty()));
    let numbers = written.numbers(wanted, &places, &records);
    let row = |record: &csv::StringRecord| {
        each(Line { places: &places, fields: record, numbers }).map_err(|error| match error {
            FieldError::Missing(column) => ResultsError::Older { path: path.to_owned(), column },
            unlike @ FieldError::Unlike { .. } => failed(written.line(record.position()), unlike.to_string()),
        })
    };
    Ok(Rows { rows: records.iter().map(row).collect::<Result<_, _>>()?, absent })
}
