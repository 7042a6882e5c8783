//! Samples as rows of CSV.

use std::io::{self, Write};

use serde::Serialize;

use super::sample::{Figures, Round, ServerSample};

/// A node at a moment. A figure that is not known is empty, never 0.
///
/// Column names are stable: a unit is in the name, `_us` microseconds, `_s` seconds, `_per_s` a second.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct CsvRow {
    /// When, RFC 3339.
    pub at_utc: String,
    /// `host:port`.
    pub node: String,
    /// `primary`, `replica` or `unknown`.
    pub role: &'static str,
    /// `up`, `first` (nothing to compare with), `restarted`, `reset` (its counters were) or `lost`.
    pub state: &'static str,
    /// The length of the interval that counts and rates are of.
    pub interval_s: Option<f64>,
    /// One PING from here and back.
    pub round_trip_us: Option<f64>,
    /// Hits over lookups, 0 to 1; empty where nothing was looked up.
    pub hit_rate: Option<f64>,
    /// Lookups that found their key, in the interval.
    pub hits: Option<u64>,
    /// Lookups that did not.
    pub misses: Option<u64>,
    /// Commands carried out, a second, those in scripts included.
    pub commands_per_s: Option<f64>,
    /// The mean time that the server spent in a command; a script and each command in it count as one each.
    pub mean_service_us: Option<f64>,
    /// Keys evicted in the interval.
    pub evicted_keys: Option<u64>,
    /// Keys expired in the interval.
    pub expired_keys: Option<u64>,
    /// Bytes received, a second.
    pub net_in_bytes_per_s: Option<f64>,
    /// Bytes sent, a second.
    pub net_out_bytes_per_s: Option<f64>,
    /// Used memory.
    pub used_memory_bytes: Option<u64>,
    /// Its limit; empty where there is none.
    pub maxmemory_bytes: Option<u64>,
    /// Memory that the operating system has given.
    pub rss_bytes: Option<u64>,
    /// Resident over used memory.
    pub fragmentation_ratio: Option<f64>,
    /// Keys of all databases.
    pub keys: Option<u64>,
    /// Connected clients.
    pub clients: Option<u64>,
    /// The distance by which replication is behind.
    pub replication_lag_bytes: Option<u64>,
    /// Why it is lost, or what it complains of.
    pub reason: String,
}

impl CsvRow {
    /// The row of a sample.
    #[must_use]
    pub fn of(sample: &ServerSample) -> Self {
        let figures = Figures::of(sample);
        let answer = sample.answer.as_ref().ok();
        let info = answer.map(|answer| &answer.info);
        let interval = answer.and_then(|answer| answer.since.interval());
        let counted = interval.map(|interval| interval.counted);
        Self {
            at_utc: format!("{:.3}", sample.at),
            node: sample.node.clone(),
            role: sample.role.name(),
            state: sample.state(),
            interval_s: interval.map(|interval| rounded(interval.length.as_secs_f64(), 1e6)),
            round_trip_us: figures.round_trip_us.map(|us| rounded(us, 10.0)),
            hit_rate: figures.hit_rate.map(|rate| rounded(rate, 1e6)),
            hits: counted.and_then(|counted| counted.hits),
            misses: counted.and_then(|counted| counted.misses),
            commands_per_s: figures.commands_per_s.map(|rate| rounded(rate, 1e3)),
            mean_service_us: figures.mean_service_us.map(|us| rounded(us, 1e3)),
            evicted_keys: counted.and_then(|counted| counted.evicted),
            expired_keys: counted.and_then(|counted| counted.expired),
            net_in_bytes_per_s: figures.net_in_per_s.map(|rate| rounded(rate, 10.0)),
            net_out_bytes_per_s: figures.net_out_per_s.map(|rate| rounded(rate, 10.0)),
            used_memory_bytes: info.and_then(|info| info.used_memory_bytes),
            maxmemory_bytes: info.and_then(|info| info.maxmemory_bytes).filter(|limit| *limit > 0),
            rss_bytes: info.and_then(|info| info.rss_bytes),
            fragmentation_ratio: figures.fragmentation_ratio,
            keys: info.and_then(|info| info.keys),
            clients: info.and_then(|info| info.clients),
            replication_lag_bytes: answer.and_then(|answer| answer.lag_bytes),
            reason: sample.reason().unwrap_or_default().to_owned(),
        }
    }
}

fn rounded(value: f64, parts: f64) -> f64 {
    (value * parts).round() / parts
}

/// Writes the header, and then the rows of each round as they come, each row flushed.
///
/// # Errors
/// Where it cannot be written. That the reader has left is no error.
pub fn write_rounds(
    into: Box<dyn Write + Send>,
    mut rounds: impl FnMut() -> Option<std::sync::Arc<Round>>,
) -> io::Result<()> {
    let mut writer = csv::WriterBuilder::new().has_headers(true).from_writer(into);
    while let Some(round) = rounds() {
        for sample in &round.samples {
            let written = writer.serialize(CsvRow::of(sample)).map_err(io::Error::from);
            match written.and_then(|()| writer.flush()) {
                Err(error) if error.kind() == io::ErrorKind::BrokenPipe => return Ok(()),
                written => written?,
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use parking_lot::Mutex;

    use super::super::testing::{answered, lost, moment};
    use super::*;

    #[derive(Clone, Default)]
    struct Shared(Arc<Mutex<Vec<u8>>>);

    impl Write for Shared {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().extend_from_slice(bytes);
            Ok(bytes.len())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    struct Gone;

    impl Write for Gone {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(io::ErrorKind::BrokenPipe.into())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn once(samples: Vec<ServerSample>) -> impl FnMut() -> Option<Arc<Round>> {
        let mut round =
            Some(Arc::new(Round { at: moment(), samples, deployment: "single", notes: Vec::new() }));
        move || round.take()
    }

    #[test]
    fn rows_have_stable_names_and_leave_empty_what_is_not_known() {
        let into = Shared::default();
        let idle = answered("a:1", Role::Primary, 0, 0);
        write_rounds(Box::new(into.clone()), once(vec![idle, lost("b:1")])).unwrap();
        insta::assert_snapshot!(String::from_utf8(into.0.lock().clone()).unwrap());
    }

    #[test]
    fn a_reader_that_has_left_is_no_error() {
        let rows = once(vec![answered("a:1", Role::Primary, 1, 1)]);
        assert!(write_rounds(Box::new(Gone), rows).is_ok());
    }

    use super::super::sample::Role;
}
