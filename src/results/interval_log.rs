//! `<cell>.hlog`: HdrHistogram interval logs in the standard format.
//!
//! Values are nanoseconds. The interval's maximum in the text is in milliseconds, which is what the standard tools
//! assume (`HistogramLogProcessor -tag read-response -i CELL.hlog`).
//!
//! Before the intervals stands the sum of all of them, by tag, so that whoever wants the whole need not decode every window:
//! a hundred cells of six hundred windows hold a quarter of a million histograms.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::io::BufRead;
use std::time::{Duration, SystemTime};

use hdrhistogram::Histogram;
use hdrhistogram::serialization::interval_log::{
    IntervalLogIterator, IntervalLogWriterBuilder, LogEntry, Tag,
};
use hdrhistogram::serialization::{Deserializer, V2DeflateSerializer};

use super::{Measure, OperationClass};

/// The recorded times of the answered operations of one kind, in one measure and interval.
#[derive(Debug, Clone, Copy)]
pub struct Interval<'a> {
    /// `read`, `write`, or one kind of operation of an application that has several of these.
    pub operation: &'a str,
    /// Response or service time.
    pub measure: Measure,
    /// From the start of measuring.
    pub start: Duration,
    /// The length of the interval.
    pub length: Duration,
    /// Nanoseconds.
    pub histogram: &'a Histogram<u64>,
}

/// The digits that a sum of windows keeps, as many as what is recorded.
const SIGNIFICANT_DIGITS: u8 = 3;

/// What stands before the tag of a sum. Tools that ask for a tag, such as `read-response`, do not see sums.
const WHOLE: &str = "whole-";

/// The tag that an operation's measure has in the log, such as `read-response`.
fn tag(operation: &str, measure: Measure) -> String {
    format!("{operation}-{}", measure.name())
}

/// The text of an interval log. `start` is when measuring began; intervals are given in order of time.
///
/// # Errors
/// Says which histogram did not serialise.
pub fn interval_log<'a>(
    start: SystemTime,
    intervals: impl IntoIterator<Item = Interval<'a>>,
) -> Result<Vec<u8>, String> {
    let intervals: Vec<Interval<'a>> = intervals.into_iter().collect();
    let mut sums: BTreeMap<String, Histogram<u64>> = BTreeMap::new();
    for interval in &intervals {
        sum_up(&mut sums, tag(interval.operation, interval.measure), interval.histogram.clone())?;
    }
    let end = intervals.iter().map(|interval| interval.start + interval.length).max().unwrap_or_default();
    let mut text = Vec::new();
    let mut serializer = V2DeflateSerializer::new();
    let mut log = IntervalLogWriterBuilder::new()
        .add_comment("[Histogram log format version 1.3]")
        .add_comment("Values are nanoseconds; Interval_Max is in milliseconds.")
        .with_start_time(start)
        .with_base_time(start)
        .with_max_value_divisor(1e6)
        .begin_log_with(&mut text, &mut serializer)
        .map_err(|error| format!("cannot begin the interval log: {error}"))?;
    for (tag, sum) in &sums {
        log.write_histogram(sum, Duration::ZERO, end, Tag::new(&format!("{WHOLE}{tag}")))
            .map_err(|error| format!("cannot write the sum of {tag}: {error}"))?;
    }
    for interval in &intervals {
        let tag = tag(interval.operation, interval.measure);
        log.write_histogram(interval.histogram, interval.start, interval.length, Tag::new(&tag))
            .map_err(|error| format!("cannot write {tag} at {:?}: {error}", interval.start))?;
    }
    drop(log);
    Ok(text)
}

/// All intervals of a log added up, by reads or writes and by measure, in nanoseconds: the sums that stand at its beginning,
/// or, where it has none, those of its intervals.
///
/// # Errors
/// Says what does not read or decode.
pub fn merged_histograms(
    mut log: impl BufRead,
) -> Result<BTreeMap<(OperationClass, Measure), Histogram<u64>>, String> {
    let mut text = Vec::new();
    let first_interval = loop {
        let line = text.len();
        let read = log.read_until(b'\n', &mut text).map_err(|error| error.to_string())?;
        if read == 0 || is_interval(&text[line..]) {
            break line;
        }
    };
    let sums = added_up(&text[..first_interval], WHOLE)?;
    if !sums.is_empty() {
        return Ok(sums);
    }
    log.read_to_end(&mut text).map_err(|error| error.to_string())?;
    added_up(&text, "")
}

/// Tells by its start and its end, in seconds from the start of measuring, whether a window is one of a sum.
pub type PicksWindow<'a> = &'a dyn Fn((f64, f64)) -> bool;

/// The windows of a log that each of these picks, added up, in nanoseconds.
///
/// # Errors
/// Says what does not read or decode.
pub(super) fn sums_of_windows<const N: usize>(
    log: &[u8],
    (operation, measure): (OperationClass, Measure),
    picks: [PicksWindow<'_>; N],
) -> Result<[Histogram<u64>; N], String> {
    let wanted = tag(operation.name(), measure);
    let nothing = || Histogram::new(SIGNIFICANT_DIGITS).map_err(|error| error.to_string());
    let empty = nothing()?;
    let mut sums = std::array::from_fn(|_| empty.clone());
    let mut deserializer = Deserializer::new();
    for entry in IntervalLogIterator::new(log) {
        let LogEntry::Interval(interval) = entry.map_err(|error| format!("{error:?}"))? else { continue };
        if interval.tag().is_none_or(|tag| tag.as_str() != wanted) {
            continue;
        }
        let start_s = interval.start_timestamp().as_secs_f64();
        let window = (start_s, start_s + interval.duration().as_secs_f64());
        let of: Vec<bool> = picks.iter().map(|picks| picks(window)).collect();
        if of.iter().all(|is_picked| !is_picked) {
            continue;
        }
        let bytes = decode_base64(interval.encoded_histogram())?;
        let histogram: Histogram<u64> =
            deserializer.deserialize(&mut bytes.as_slice()).map_err(|error| error.to_string())?;
        for (sum, _) in sums.iter_mut().zip(&of).filter(|(_, is_picked)| **is_picked) {
            add(sum, &histogram)?;
        }
    }
    Ok(sums)
}

/// Returns true for a line that is neither about the log nor one of its sums.
fn is_interval(line: &[u8]) -> bool {
    let is_sum = line.strip_prefix(b"Tag=").is_some_and(|rest| rest.starts_with(WHOLE.as_bytes()));
    !is_sum && !line.starts_with(b"#") && !line.starts_with(b"\"")
}

/// The entries of a log whose tags begin with `before`, added up.
fn added_up(log: &[u8], before: &str) -> Result<BTreeMap<(OperationClass, Measure), Histogram<u64>>, String> {
    let mut sums = BTreeMap::new();
    let mut deserializer = Deserializer::new();
    for entry in IntervalLogIterator::new(log) {
        let LogEntry::Interval(interval) = entry.map_err(|error| format!("{error:?}"))? else { continue };
        let tag = interval.tag();
        let Some(kind) = tag.and_then(|tag| kind_of(tag.as_str().strip_prefix(before)?)) else { continue };
        let bytes = decode_base64(interval.encoded_histogram())?;
        let histogram: Histogram<u64> =
            deserializer.deserialize(&mut bytes.as_slice()).map_err(|error| error.to_string())?;
        sum_up(&mut sums, kind, histogram)?;
    }
    Ok(sums)
}

fn sum_up<K: Ord>(
    sums: &mut BTreeMap<K, Histogram<u64>>,
    kind: K,
    histogram: Histogram<u64>,
) -> Result<(), String> {
    match sums.entry(kind) {
        Entry::Vacant(place) => {
            place.insert(histogram);
            Ok(())
        }
        Entry::Occupied(mut sum) => add(sum.get_mut(), &histogram),
    }
}

/// Adds a histogram to a sum that grows where it must.
///
/// # Errors
/// Says why the value does not fit.
pub(super) fn add(sum: &mut Histogram<u64>, more: &Histogram<u64>) -> Result<(), String> {
    sum.auto(true);
    sum.add(more).map_err(|error| error.to_string())
}

fn kind_of(text: &str) -> Option<(OperationClass, Measure)> {
    [OperationClass::Read, OperationClass::Write]
        .into_iter()
        .flat_map(|operation| [(operation, Measure::Response), (operation, Measure::Service)])
        .find(|(operation, measure)| tag(operation.name(), *measure) == text)
}

/// Standard base64 with padding. The log's writer brings an encoder of its own and offers no decoder.
fn decode_base64(text: &str) -> Result<Vec<u8>, String> {
    let mut bytes = Vec::with_capacity(text.len() / 4 * 3);
    let (mut bits, mut held) = (0_u32, 0);
    for symbol in text.trim_end_matches('=').bytes() {
        let value = match symbol {
            b'A'..=b'Z' => symbol - b'A',
            b'a'..=b'z' => symbol - b'a' + 26,
            b'0'..=b'9' => symbol - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            other => return Err(format!("byte {other:#04x} is not base64")),
        };
        bits = (bits << 6 | u32::from(value)) & 0xFFFF;
        held += 6;
        if held >= 8 {
            held -= 8;
            bytes.push((bits >> held & 0xFF) as u8);
        }
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn histogram(values: impl IntoIterator<Item = u64>) -> Histogram<u64> {
        let mut histogram = Histogram::new(3).unwrap();
        values.into_iter().for_each(|value| histogram.record(value).unwrap());
        histogram
    }

    fn interval(second: u64, histogram: &Histogram<u64>) -> Interval<'_> {
        Interval {
            operation: "read",
            measure: Measure::Response,
            start: Duration::from_secs(second),
            length: Duration::from_secs(1),
            histogram,
        }
    }

    #[test]
    fn a_log_reads_back_as_the_sum_of_its_intervals() {
        let (slow, fast) = (histogram((1..500).map(|n| n * 1_000_000)), histogram((1..500).map(|n| n * 100)));
        let log = interval_log(SystemTime::UNIX_EPOCH, [interval(0, &fast), interval(1, &slow)]).unwrap();
        let merged = merged_histograms(log.as_slice()).unwrap();
        let mut sum = fast.clone();
        sum.add(&slow).unwrap();
        assert_eq!(merged[&(OperationClass::Read, Measure::Response)], sum);
        assert_eq!(merged.len(), 1);
    }

    #[test]
    fn the_sums_that_a_log_begins_with_are_those_of_its_intervals_and_the_intervals_are_not_read_for_them() {
        let (slow, fast) = (histogram((1..500).map(|n| n * 1_000_000)), histogram((1..500).map(|n| n * 100)));
        let log = interval_log(SystemTime::UNIX_EPOCH, [interval(0, &fast), interval(1, &slow)]).unwrap();
        let text = String::from_utf8(log).unwrap();
        let intervals: Vec<&str> = text.lines().filter(|line| !line.contains(WHOLE)).collect();
        let without_sums = intervals.join("\n") + "\n";
        assert_ne!(text, without_sums);
        let whole = merged_histograms(text.as_bytes()).unwrap();
        assert_eq!(whole, merged_histograms(without_sums.as_bytes()).unwrap(), "an older log is added up");
        let broken = text.replace(text.lines().last().unwrap(), "Tag=read-response,0.0,1.0,2.0,!!!");
        assert_eq!(whole, merged_histograms(broken.as_bytes()).unwrap());
    }

    #[test]
    fn windows_are_added_up_by_those_who_pick_them_and_the_sums_of_the_log_are_no_windows() {
        let (slow, fast) = (histogram((1..500).map(|n| n * 1_000_000)), histogram((1..500).map(|n| n * 100)));
        let all = [interval(0, &fast), interval(1, &slow), interval(2, &fast)];
        let log = interval_log(SystemTime::UNIX_EPOCH, all).unwrap();
        let kind = (OperationClass::Read, Measure::Response);
        let sums = sums_of_windows(
            &log,
            kind,
            [&|(_, end_s)| end_s <= 1.0, &|(start_s, _)| start_s >= 1.0, &|_| false],
        )
        .unwrap();
        let mut late = slow.clone();
        late.add(&fast).unwrap();
        assert_eq!([&sums[0], &sums[1]], [&fast, &late]);
        assert!(sums[2].is_empty());
        let writes = (OperationClass::Write, Measure::Response);
        assert!(sums_of_windows(&log, writes, [&|_| true]).unwrap()[0].is_empty());
    }

    #[test]
    fn the_log_is_in_the_standard_format_with_its_maximum_in_milliseconds() {
        let log = interval_log(SystemTime::UNIX_EPOCH, [interval(2, &histogram([2_000_000]))]).unwrap();
        let text = String::from_utf8(log).unwrap();
        assert!(text.starts_with("#[Histogram log format version 1.3]\n"), "{text}");
        let line = text.lines().last().unwrap();
        // "HISTFAAA" is how every compressed version 2 histogram begins.
        assert!(
            line.starts_with("Tag=read-response,2.000,1.000,2.0") && line.contains(",HISTFAAA"),
            "{line}"
        );
    }

    #[test]
    fn text_that_is_not_a_log_is_an_error_and_not_an_empty_log() {
        assert!(merged_histograms(&b"Tag=read-response,0.0,1.0,2.0,!!!\n"[..]).is_err());
        assert!(merged_histograms(&b"Tag=read-response,0.0,1.0,2.0,SElTVEY=\n"[..]).is_err());
    }
}
