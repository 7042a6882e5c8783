//! A trace that drives a run. It is held in memory as five bytes an operation, and its times as sixteen for each that differs.

use std::collections::HashMap;
use std::ops::Range;
use std::path::Path;

use super::keys::TopShares;
use super::recorded_times::RecordedTimes;
use crate::load::trace::{Fills, OnBroken, TraceError, TraceOperation as Recorded, TraceReader};
use crate::results::Phase;

crate::choices! {
    /// The ways to deal with a line of a trace that cannot be read.
    pub enum BrokenLines {
        /// The trace is refused.
        Refuse = "refuse",
        /// It is left out and counted.
        Skip = "skip",
    }
}

/// The operations of a trace, in its order. Keys are numbered in the order of their first occurrence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recording {
    keys: Vec<u32>,
    kinds: Vec<u8>,
    times: RecordedTimes,
    distinct: u64,
    skipped: u64,
    fills: u64,
}

impl Recording {
    /// Reads a trace of any format that hotset knows, plain or compressed. Reads are of kind 0. Every change or removal is a
    /// write, of kind 1, since products are changed and not removed. Operations that only filled the cache at which the
    /// trace was recorded are left out, see [`Fills`]: here the strategy fills.
    ///
    /// # Errors
    /// Returns the error of the trace, with the number of the line.
    pub fn read(path: &Path, on_broken: BrokenLines) -> Result<Self, TraceError> {
        let on_broken = match on_broken {
            BrokenLines::Refuse => OnBroken::Refuse,
            BrokenLines::Skip => OnBroken::Skip,
        };
        let mut numbers: HashMap<Box<str>, u32> = HashMap::new();
        let (keys, kinds, times) = (Vec::new(), Vec::new(), RecordedTimes::default());
        let mut recording = Self { keys, kinds, times, distinct: 0, skipped: 0, fills: 0 };
        let mut reader = TraceReader::open(path, None, on_broken)?;
        let mut fills = Fills::of(reader.format());
        for record in reader.by_ref() {
            let record = record?;
            let next = u32::try_from(numbers.len()).unwrap_or(u32::MAX);
            let key = *numbers.entry(record.key).or_insert(next);
            if fills.is_fill(key.into(), record.operation) {
                continue;
            }
            recording.times.note(record.time_ms);
            recording.keys.push(key);
            recording.kinds.push(u8::from(record.operation != Recorded::Read));
        }
        recording.distinct = numbers.len() as u64;
        recording.skipped = reader.skipped().lines;
        recording.fills = fills.left_out();
        Ok(recording)
    }

    /// The number of operations.
    #[must_use]
    pub fn len(&self) -> usize {
        self.keys.len()
    }

    /// Returns true if the trace has no operation.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    /// The number of different keys.
    #[must_use]
    pub fn distinct_keys(&self) -> u64 {
        self.distinct
    }

    /// The number of operations that were left out because they only filled the cache at which the trace was recorded.
    #[must_use]
    pub fn fills(&self) -> u64 {
        self.fills
    }

    /// A description of what was left out of the trace; `None` if nothing was.
    #[must_use]
    pub fn left_out(&self) -> Option<String> {
        let counted = |count: u64, one: &str, more: &str| match count {
            0 => None,
            1 => Some(format!("1 {one}")),
            _ => Some(format!("{count} {more}")),
        };
        let lines = counted(self.skipped, "broken line", "broken lines");
        let recorded_at = "filled the cache it was recorded at";
        let fills =
            counted(self.fills, &format!("set that {recorded_at}"), &format!("sets that {recorded_at}"));
        let what: Vec<_> = lines.into_iter().chain(fills).collect();
        let are = if self.skipped + self.fills == 1 { "is" } else { "are" };
        (!what.is_empty()).then(|| format!("{} {are} left out", what.join(" and ")))
    }

    /// The part of the trace that belongs to a phase: the first half warms the cache, the second is measured. A run
    /// that needs more operations starts its part again.
    fn part(&self, phase: Phase) -> Range<usize> {
        let half = self.len() / 2;
        match phase {
            Phase::Warmup => 0..half.max(1).min(self.len()),
            Phase::Measure => half..self.len(),
        }
    }

    /// The times at which its operations happened.
    #[must_use]
    pub fn times(&self) -> &RecordedTimes {
        &self.times
    }

    /// The numbers of the operations that are measured, in the whole trace.
    #[must_use]
    pub fn measured(&self) -> Range<u64> {
        let Range { start, end } = self.part(Phase::Measure);
        start as u64..end as u64
    }

    /// The kind and the key of an operation of a phase, counted over all clients.
    #[must_use]
    pub fn at(&self, phase: Phase, number: u64) -> (u8, u64) {
        let part = self.part(phase);
        let at = part.start + (number % (part.len() as u64).max(1)) as usize;
        (self.kinds[at], u64::from(self.keys[at]))
    }

    /// The shares of the hottest keys in a phase's part.
    #[must_use]
    pub fn shares(&self, phase: Phase) -> TopShares {
        let part = self.part(phase);
        let mut counts = vec![0_u64; self.distinct as usize];
        for key in &self.keys[part.clone()] {
            counts[*key as usize] += 1;
        }
        counts.sort_unstable_by(|a, b| b.cmp(a));
        let of_top = |keys: usize| counts[..keys].iter().sum::<u64>() as f64 / part.len().max(1) as f64;
        TopShares {
            top_key: of_top(1.min(counts.len())),
            top_1_percent: of_top(counts.len().div_ceil(100)),
            top_10_percent: of_top(counts.len().div_ceil(10)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn recording(text: &str) -> Result<Recording, TraceError> {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), format!("time_ms,key,operation,size_bytes\n{text}")).unwrap();
        Recording::read(file.path(), BrokenLines::Refuse)
    }

    #[test]
    fn the_first_half_warms_up_the_second_is_measured_and_both_begin_again_at_their_ends() {
        let trace = recording("0,a,read,1\n1,b,write,1\n2,a,delete,1\n3,c,read,1\n").unwrap();
        assert_eq!((trace.len(), trace.distinct_keys()), (4, 3));
        let first: Vec<_> = (0..3).map(|number| trace.at(Phase::Warmup, number)).collect();
        assert_eq!(first, [(0, 0), (1, 1), (0, 0)]);
        let second: Vec<_> = (0..3).map(|number| trace.at(Phase::Measure, number)).collect();
        assert_eq!(second, [(1, 0), (0, 2), (1, 0)], "a delete changes its product");
        assert!((trace.shares(Phase::Measure).top_key - 0.5).abs() < 1e-9);
    }

    #[test]
    fn what_filled_the_cache_of_the_trace_is_left_out_and_counted() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let lines =
            "0,a,1,9,1,get,0\n0,b,1,9,1,set,60\n0,a,1,9,1,set,60\n1,a,1,9,1,get,0\n1,a,1,9,1,incr,0\n";
        std::fs::write(file.path(), lines).unwrap();
        let trace = Recording::read(file.path(), BrokenLines::Refuse).unwrap();
        assert_eq!((trace.len(), trace.fills(), trace.distinct_keys()), (4, 1, 2));
        let all: Vec<_> = [Phase::Warmup, Phase::Measure]
            .into_iter()
            .flat_map(|phase| [trace.at(phase, 0), trace.at(phase, 1)])
            .collect();
        assert_eq!(
            all,
            [(0, 0), (1, 1), (0, 0), (1, 0)],
            "of a set that no get came before nothing is known"
        );
    }

    #[test]
    fn one_operation_is_both_parts_and_a_broken_line_is_told_by_its_number() {
        let one = recording("0,a,read,1\n").unwrap();
        assert_eq!((one.at(Phase::Warmup, 5), one.at(Phase::Measure, 5)), ((0, 0), (0, 0)));
        let error = recording("0,a,read,1\n1,b,nonsense,1\n").unwrap_err().to_string();
        assert!(error.contains('3'), "{error}");
    }
}
