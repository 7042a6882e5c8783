//! How the lines of a trace are laid out, as its first line tells.

use super::cachelib::CachelibColumns;
use super::fields::{Fields, LineError, excerpt};
use super::own::{self, TraceColumns};
use super::{Format, OnBroken, TraceError, twitter};

/// The layouts of lines, each with what it takes to find the fields.
pub enum TraceLayout {
    Own(TraceColumns),
    Twitter,
    CacheLib(CachelibColumns),
}

impl TraceLayout {
    /// Learns the layout from the first line and the caller; where they disagree, the trace is refused.
    pub fn of(
        first_line: &[u8],
        format: Option<Format>,
        on_broken: OnBroken,
        line: u64,
        scratch: &mut csv::ByteRecord,
    ) -> Result<Self, TraceError> {
        let fields = Fields::of(first_line, scratch);
        // Where the header was damaged and is left out, the records behind it still tell whose they are.
        let may_have_lost_its_header =
            on_broken == OnBroken::Skip && line > 1 && format.is_none_or(|format| format == Format::Own);
        if let Some(columns) = TraceColumns::of_record(&fields).filter(|_| may_have_lost_its_header) {
            return Ok(Self::Own(columns));
        }
        match format.or_else(|| recognised(first_line, &fields)) {
            None => Err(TraceError::UnknownFormat { first_line: excerpt(first_line) }),
            Some(Format::Own) => match TraceColumns::named_by(first_line) {
                Some(columns) => Ok(Self::Own(columns)),
                None => Err(TraceError::Header {
                    reason: format!("\"{}\" instead of the header {}", excerpt(first_line), own::HEADER),
                    remedy: "add the header, or name the trace's true format",
                }),
            },
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
    if TraceColumns::named_by(first_line).is_some() {
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
pub fn without_byte_order_mark(line: &[u8]) -> &[u8] {
    line.strip_prefix("\u{FEFF}".as_bytes()).unwrap_or(line)
}
