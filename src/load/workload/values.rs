//! The sizes of the documents, by key.

use std::sync::Arc;

use rand_distr::{Distribution as _, StandardNormal};

use super::random::{Purpose, RandomSource};
use super::trace_sizes::TraceSizes;
use super::weights;
use crate::base::units::ByteSize;
use crate::scenario::{PositiveNumber, Reader, Setting, Value, ValueKind, read_inline, suggest};

/// The sizes of values: `"500B"`, `{ distribution = "uniform", min = "100B", max = "2kB" }`,
/// `{ distribution = "lognormal", median = "400B", sigma = 0.8, max = "16KiB" }`,
/// `{ distribution = "file", path = "sizes.csv" }`, or `"trace"` and `{ distribution = "trace", unknown = "500B" }`.
#[derive(Debug, Clone, PartialEq)]
pub enum ValueSizes {
    /// Every value has this size.
    Fixed(ByteSize),
    /// Every size from `min` to `max` is equally likely, both included.
    Uniform {
        /// The smallest size.
        min: ByteSize,
        /// The largest size.
        max: ByteSize,
    },
    /// The logarithm of the size is normal: most values are small and a few are large.
    Lognormal {
        /// The median: half of the values are smaller.
        median: ByteSize,
        /// The standard deviation of the natural logarithm of the size.
        sigma: PositiveNumber,
        /// The largest size; a larger draw is cut to it.
        max: ByteSize,
    },
    /// The sizes of a file, by their weights.
    File(Arc<SizesOfFile>),
    /// Each key's, as the trace that drives the run tells it.
    Trace(TraceSizes),
}

/// The sizes that a file names, and how many values have each.
#[derive(Debug, Clone, PartialEq)]
pub struct SizesOfFile {
    /// The file.
    pub path: String,
    /// Each size in bytes, with the share of the values that are of it or of one before.
    sizes: Vec<(u64, f64)>,
}

impl SizesOfFile {
    fn read(path: &str) -> Result<Self, String> {
        let mut rows = weights::read(path, &["bytes"])?.rows;
        rows.retain(|(_, weight)| *weight > 0.0);
        if rows.iter().any(|(bytes, _)| *bytes == 0) {
            return Err(format!("{path} has a size of 0, which cannot be"));
        }
        let total: f64 = rows.iter().map(|(_, weight)| weight).sum();
        let mut sum = 0.0;
        for row in &mut rows {
            sum += row.1 / total;
            row.1 = sum;
        }
        Ok(Self { path: path.to_owned(), sizes: rows })
    }

    fn at(&self, unit: f64) -> u64 {
        let place = self.sizes.partition_point(|(_, up_to)| *up_to <= unit);
        // Rounding can leave the last share a little below 1.
        self.sizes[place.min(self.sizes.len() - 1)].0
    }

    fn mean(&self) -> f64 {
        let mut before = 0.0;
        self.sizes
            .iter()
            .map(|(bytes, up_to)| {
                let share = up_to - before;
                before = *up_to;
                *bytes as f64 * share
            })
            .sum()
    }
}

impl ValueSizes {
    /// The size in bytes of the value of a key, at least 1. It is the same at every call with a seed and key.
    #[must_use]
    pub fn bytes_of(&self, seed: u64, key: u64) -> u64 {
        let random = || RandomSource::new(seed, Purpose::ValueSizes).at(0, key);
        let bytes = match self {
            Self::Fixed(size) => size.0,
            Self::File(file) => file.at(random().unit()),
            Self::Trace(trace) => trace.bytes_of(key),
            &Self::Uniform { min, max } => min.0 + random().below((max.0 - min.0).saturating_add(1)),
            &Self::Lognormal { median, sigma, max } => {
                let normal: f64 = StandardNormal.sample(&mut random());
                let bytes = median.0 as f64 * (sigma.0 * normal).exp();
                (bytes.round() as u64).min(max.0)
            }
        };
        bytes.max(1)
    }

    /// The largest possible size.
    #[must_use]
    pub fn largest(&self) -> ByteSize {
        match self {
            Self::Fixed(size) => *size,
            Self::Uniform { max, .. } | Self::Lognormal { max, .. } => *max,
            Self::File(file) => ByteSize(file.sizes.iter().map(|(bytes, _)| *bytes).max().unwrap_or(1)),
            Self::Trace(trace) => ByteSize(trace.largest()),
        }
    }

    /// The mean size in bytes that is expected of very many keys.
    #[must_use]
    pub fn mean_bytes(&self) -> f64 {
        match self {
            Self::Fixed(size) => size.0 as f64,
            Self::File(file) => file.mean(),
            Self::Trace(trace) => trace.mean_bytes(),
            &Self::Uniform { min, max } => f64::midpoint(min.0 as f64, max.0 as f64),
            &Self::Lognormal { median, sigma, max } => {
                // This is the mean of min(X, max) for a lognormal X.
                let (mu, max, sigma) = ((median.0 as f64).ln(), max.0 as f64, sigma.0);
                let below = |z: f64| statrs::function::erf::erfc(-z / std::f64::consts::SQRT_2) / 2.0;
                let z = (max.ln() - mu) / sigma;
                (mu + sigma * sigma / 2.0).exp() * below(z - sigma) + max * below(-z)
            }
        }
    }
}

impl Setting for ValueSizes {
    const UNIT: Option<&'static str> = ByteSize::UNIT;

    fn expects() -> String {
        "a size such as \"500B\", { distribution = \"uniform\", min = \"100B\", max = \"2kB\" }, \
         { distribution = \"lognormal\", median = \"400B\", sigma = 0.8, max = \"16KiB\" }, \
         { distribution = \"file\", path = \"sizes.csv\" }, a CSV of bytes,weight, \"trace\", or \
         { distribution = \"trace\", unknown = \"500B\" }"
            .into()
    }

    fn read(value: &Value) -> Result<Self, Option<String>> {
        match &value.kind {
            ValueKind::Table(table) => read_inline(table, read_table),
            ValueKind::String(text) if text == "trace" => {
                Ok(Self::Trace(TraceSizes::unread(TraceSizes::UNKNOWN)))
            }
            _ => ByteSize::read(value).map(Self::Fixed),
        }
    }

    fn show(&self) -> String {
        match self {
            Self::Fixed(size) => size.show(),
            Self::Uniform { min, max } => {
                format!("{{ distribution = \"uniform\", min = {}, max = {} }}", min.show(), max.show())
            }
            Self::Lognormal { median, sigma, max } => format!(
                "{{ distribution = \"lognormal\", median = {}, sigma = {}, max = {} }}",
                median.show(),
                sigma.show(),
                max.show()
            ),
            Self::File(file) => format!("{{ distribution = \"file\", path = {} }}", file.path.show()),
            Self::Trace(trace) => {
                format!("{{ distribution = \"trace\", unknown = {} }}", trace.unknown().show())
            }
        }
    }
}

/// `None` if the distribution is missing or unknown.
fn read_table(reader: &Reader<'_>) -> Option<ValueSizes> {
    let name: String = required(reader, "distribution", String::new());
    let sizes = match name.as_str() {
        "uniform" => {
            let (min, max) =
                (required(reader, "min", ByteSize(1)), required(reader, "max", ByteSize(u64::MAX)));
            at_most(reader, "min", min, max);
            ValueSizes::Uniform { min, max }
        }
        "lognormal" => {
            let median = required(reader, "median", ByteSize(1));
            let sigma = required(reader, "sigma", PositiveNumber(1.0));
            let max = required(reader, "max", ByteSize(u64::MAX));
            at_most(reader, "median", median, max);
            ValueSizes::Lognormal { median, sigma, max }
        }
        "file" => {
            let path: String = required(reader, "path", String::new());
            if path.is_empty() {
                return None;
            }
            match SizesOfFile::read(&path) {
                Ok(sizes) => ValueSizes::File(Arc::new(sizes)),
                Err(reason) => {
                    reader.wrong("path", reason, None);
                    return None;
                }
            }
        }
        "trace" => ValueSizes::Trace(TraceSizes::unread(reader.get("unknown", TraceSizes::UNKNOWN))),
        "" => return None,
        other => {
            let help = suggest(other, &["uniform", "lognormal", "file", "trace"]);
            reader.wrong("distribution", format!("\"{other}\" is not known"), Some(help));
            return None;
        }
    };
    Some(sizes)
}

fn required<T: Setting>(reader: &Reader<'_>, key: &'static str, stand_in: T) -> T {
    if reader.raw(key).is_none() {
        reader.wrong(key, "is missing", Some(format!("give {}", T::expects())));
    }
    reader.get(key, stand_in)
}

fn at_most(reader: &Reader<'_>, key: &str, smaller: ByteSize, max: ByteSize) {
    if smaller > max {
        reader.wrong(key, format!("{smaller} is above max, {max}"), None);
    }
}

#[cfg(test)]
mod tests {
    use super::super::key_facts::KeyFacts;
    use super::*;
    use crate::load::trace::{TraceOperation, TraceRecord};
    use crate::scenario::{Mistakes, Table};

    fn read(text: &str) -> Result<ValueSizes, String> {
        let mistakes = Mistakes::default();
        let table = Table::parse(&format!("size = {text}"), &mistakes);
        assert!(mistakes.is_empty(), "{text}");
        ValueSizes::read(table.get("size").unwrap())
            .map_err(|reason| reason.unwrap_or_else(ValueSizes::expects))
    }

    const WRITTEN: [&str; 3] = [
        "\"500B\"",
        "{ distribution = \"uniform\", min = \"100B\", max = \"2000B\" }",
        "{ distribution = \"lognormal\", median = \"400B\", sigma = 0.8, max = \"16KiB\" }",
    ];

    #[test]
    fn every_form_is_read_and_written() {
        assert_eq!(read("\"500B\"").unwrap(), ValueSizes::Fixed(ByteSize(500)));
        for text in WRITTEN {
            let sizes = read(text).unwrap();
            assert_eq!(read(&sizes.show()).unwrap(), sizes);
        }
    }

    #[test]
    fn what_is_wrong_is_said() {
        for (text, part) in [
            ("5", "a size such as"),
            ("\"0B\"", "size of 0"),
            ("{}", "distribution: is missing"),
            ("{ distribution = \"unifrm\", min = \"1B\" }", "did you mean \"uniform\""),
            ("{ distribution = \"uniform\", min = \"1B\" }", "max: is missing"),
            ("{ distribution = \"uniform\", min = \"2B\", max = \"1B\" }", "above max"),
            (
                "{ distribution = \"uniform\", min = \"1B\", max = \"2B\", sigma = 1 }",
                "sigma: there is no such key",
            ),
            (
                "{ distribution = \"lognormal\", median = \"1B\", sigma = 0, max = \"9B\" }",
                "sigma: 0 is not above 0",
            ),
        ] {
            let message = read(text).unwrap_err();
            assert!(message.contains(part), "{text}: {message}");
        }
    }

    #[test]
    fn sizes_keep_to_their_bounds_and_their_mean() {
        for text in WRITTEN {
            let sizes = read(text).unwrap();
            let found: Vec<u64> = (0..200_000).map(|key| sizes.bytes_of(9, key)).collect();
            assert!(found.iter().all(|bytes| (1..=sizes.largest().0).contains(bytes)));
            let mean = found.iter().sum::<u64>() as f64 / found.len() as f64;
            assert!((mean - sizes.mean_bytes()).abs() < mean * 0.01, "{text}: {mean} {}", sizes.mean_bytes());
        }
    }

    #[test]
    fn the_sizes_of_a_file_come_by_their_weights() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("sizes.csv");
        std::fs::write(&path, "bytes,weight\n100,3\n5000,1\n7,0\n").unwrap();
        let sizes = read(&format!("{{ distribution = \"file\", path = {path:?} }}")).unwrap();
        assert!((sizes.mean_bytes() - 1_325.0).abs() < 1e-6 && sizes.largest() == ByteSize(5_000));
        assert_eq!(read(&sizes.show()).unwrap(), sizes);
        let small = (0..100_000).filter(|key| sizes.bytes_of(9, *key) == 100).count();
        assert!(small.abs_diff(75_000) < 700, "{small}");
        std::fs::write(&path, "bytes,weight\n0,3\n").unwrap();
        let message = read(&format!("{{ distribution = \"file\", path = {path:?} }}")).unwrap_err();
        assert!(message.contains("path:") && message.contains("a size of 0"), "{message}");
        let message = read("{ distribution = \"file\" }").unwrap_err();
        assert!(message.contains("path: is missing"), "{message}");
    }

    #[test]
    fn the_sizes_of_a_trace_are_those_that_it_tells_and_one_for_what_it_does_not_tell() {
        let ValueSizes::Trace(unread) = read("{ distribution = \"trace\", unknown = \"90B\" }").unwrap()
        else {
            panic!("it is that of a trace")
        };
        let mut facts = KeyFacts::default();
        for (key, size_bytes) in [(0, 300), (1, 0), (2, 50)] {
            let operation = TraceOperation::Read;
            let key_bytes = 1;
            let row =
                TraceRecord { time_ms: 0, key: "k".into(), key_bytes, operation, size_bytes, ttl: None };
            facts.learn(key, &row);
        }
        let sizes = ValueSizes::Trace(unread.told(&facts.sizes, 5, 60));
        assert_eq!([0, 1, 2, 3, 4].map(|key| sizes.bytes_of(9, key)), [300, 90, 50, 90, 90]);
        assert!((sizes.mean_bytes() - f64::from(300 + 3 * 90 + 60) / 5.0).abs() < 1e-9, "none is below 60");
        assert_eq!(sizes.largest(), ByteSize(300));
        assert_eq!(read(&sizes.show()).unwrap().show(), sizes.show());
        assert_eq!(read("\"trace\"").unwrap().show(), "{ distribution = \"trace\", unknown = \"500B\" }");
    }

    #[test]
    fn half_of_lognormal_sizes_are_below_the_median() {
        let sizes = read(WRITTEN[2]).unwrap();
        let below = (0..100_000).filter(|key| sizes.bytes_of(9, *key) < 400).count();
        assert!(below.abs_diff(50_000) < 800, "{below}");
    }

    #[test]
    fn the_sizes_are_the_same_for_ever() {
        let found: Vec<u64> =
            WRITTEN.iter().flat_map(|text| (0..3).map(|key| read(text).unwrap().bytes_of(42, key))).collect();
        assert_eq!(found, [500, 500, 500, 325, 1215, 349, 167, 519, 121]);
    }
}
