//! Reads published samples back.

use std::collections::{BTreeMap, HashMap};
use std::io::{self, Write};
use std::str::FromStr;
use std::time::Duration;

use jiff::Timestamp;
use redis::cmd;
use serde::Serialize;

use super::MonitorError;
use super::place::{ServerAddress, connect};
use super::publish::{SampleStream, keeps_streams};
use super::remedy;
use crate::base::units::parse_duration;
use crate::store::StoreError;
use crate::store::redis::RedisAdmin;

/// Entries that one XRANGE asks for.
const PAGE: usize = 1000;
const BOUND: Duration = Duration::from_secs(5);

/// A choice of samples.
#[derive(Debug, Clone)]
pub struct HistoryQuery {
    /// The Redis that they were published to.
    pub place: ServerAddress,
    /// The text before the names of the streams.
    pub prefix: String,
    /// From then on; from the oldest without one.
    pub from: Option<Timestamp>,
    /// Until then; until the newest without one.
    pub to: Option<Timestamp>,
}

/// Reads a time: RFC 3339, `now`, or before now as `-15m`.
///
/// # Errors
/// Says what is wrong with it.
pub fn time(text: &str, now: Timestamp) -> Result<Timestamp, String> {
    let expected = "give a time as 2026-05-01T12:00:00Z, as -15m before now, or now";
    if text == "now" {
        return Ok(now);
    }
    if let Some(ago) = text.strip_prefix('-') {
        let ago = parse_duration(ago).map_err(|wrong| format!("{wrong}: {expected}"))?;
        let nanos = i64::try_from(ago.as_nanos()).map_err(|_| format!("that is too long ago: {expected}"))?;
        return now
            .checked_sub(jiff::SignedDuration::from_nanos(nanos))
            .map_err(|_| format!("that is too long ago: {expected}"));
    }
    text.parse().map_err(|_| expected.to_owned())
}

/// A published sample; what was not known then is `None`.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct Past {
    /// When it was taken, RFC 3339.
    pub at_utc: String,
    /// `host:port`.
    pub node: String,
    /// `primary`, `replica` or `unknown`.
    pub role: String,
    /// `up`, `first`, `restarted`, `reset` or `lost`.
    pub state: String,
    /// The interval that the counts are of.
    pub interval_s: Option<f64>,
    /// One PING from the monitor and back.
    pub round_trip_us: Option<f64>,
    /// Lookups that found their key.
    pub hits: Option<u64>,
    /// Lookups that did not.
    pub misses: Option<u64>,
    /// Commands carried out.
    pub commands: Option<u64>,
    /// Calls of commands, INFO left out; a script and each command in it count as one each.
    pub calls: Option<u64>,
    /// Time that the server spent in them; that of a command in a script is in both.
    pub busy_us: Option<u64>,
    /// Keys evicted.
    pub evicted: Option<u64>,
    /// Keys expired.
    pub expired: Option<u64>,
    /// Bytes received.
    pub net_in_bytes: Option<u64>,
    /// Bytes sent.
    pub net_out_bytes: Option<u64>,
    /// Used memory.
    pub used_memory_bytes: Option<u64>,
    /// Its limit, 0 for none.
    pub maxmemory_bytes: Option<u64>,
    /// Memory that the operating system had given.
    pub rss_bytes: Option<u64>,
    /// Keys of all databases.
    pub keys: Option<u64>,
    /// Connected clients.
    pub clients: Option<u64>,
    /// The distance by which replication was behind.
    pub replication_lag_bytes: Option<u64>,
}

type Fields = HashMap<String, String>;

/// Reads the samples, the oldest first.
///
/// # Errors
/// Where the Redis does not answer or its streams are something else.
pub async fn read(request: &HistoryQuery) -> Result<Vec<Past>, MonitorError> {
    let failed = |error: StoreError| MonitorError::History(remedy::with_remedy(&error.detail));
    let admin = connect(&request.place, BOUND).await.map_err(failed)?;
    keeps_streams(&admin, &request.place).await.map_err(MonitorError::History)?;
    let mut samples: BTreeMap<(String, String), Past> = BTreeMap::new();
    for fields in entries(&admin, request, SampleStream::Cache).await.map_err(failed)? {
        samples.entry(key_of(&fields)).or_default().take_cache(&fields);
    }
    for fields in entries(&admin, request, SampleStream::Memory).await.map_err(failed)? {
        // What was taken at the edge of the time asked for may be in one stream and not in the other.
        if let Some(past) = samples.get_mut(&key_of(&fields)) {
            past.take_memory(&fields);
        }
    }
    Ok(samples.into_values().collect())
}

/// When and of which node.
fn key_of(fields: &Fields) -> (String, String) {
    (text(fields, "at"), text(fields, "node"))
}

fn text(fields: &Fields, name: &str) -> String {
    fields.get(name).cloned().unwrap_or_default()
}

fn number<T: FromStr>(fields: &Fields, name: &str) -> Option<T> {
    fields.get(name)?.parse().ok()
}

impl Past {
    fn take_cache(&mut self, fields: &Fields) {
        let whole = |name: &str| number::<u64>(fields, name);
        (self.at_utc, self.node) = key_of(fields);
        (self.role, self.state) = (text(fields, "role"), text(fields, "state"));
        self.interval_s = number(fields, "interval_s").filter(|seconds: &f64| *seconds > 0.0);
        self.round_trip_us = number(fields, "round_trip_us");
        (self.hits, self.misses) = (whole("hits"), whole("misses"));
        (self.commands, self.calls, self.busy_us) = (whole("commands"), whole("calls"), whole("busy_us"));
        (self.evicted, self.expired) = (whole("evicted"), whole("expired"));
        (self.net_in_bytes, self.net_out_bytes) = (whole("net_in_bytes"), whole("net_out_bytes"));
        self.replication_lag_bytes = whole("replication_lag_bytes");
    }

    fn take_memory(&mut self, fields: &Fields) {
        let whole = |name: &str| number::<u64>(fields, name);
        (self.used_memory_bytes, self.maxmemory_bytes) =
            (whole("used_memory_bytes"), whole("maxmemory_bytes"));
        (self.rss_bytes, self.keys, self.clients) = (whole("rss_bytes"), whole("keys"), whole("clients"));
    }
}

async fn entries(
    admin: &RedisAdmin,
    request: &HistoryQuery,
    stream: SampleStream,
) -> Result<Vec<Fields>, StoreError> {
    let key = stream.key(&request.prefix);
    let mut from = request.from.map_or_else(|| "-".to_owned(), |at| at.as_millisecond().max(0).to_string());
    let to = request.to.map_or_else(|| "+".to_owned(), |at| at.as_millisecond().max(0).to_string());
    let mut entries = Vec::new();
    loop {
        let mut page = cmd("XRANGE");
        page.arg(&key).arg(&from).arg(&to).arg("COUNT").arg(PAGE);
        let answer: Vec<(String, Fields)> = admin.ask(&page, "reading published samples").await?;
        let is_last = answer.len() < PAGE;
        if let Some((id, _)) = answer.last() {
            from = format!("({id}");
        }
        entries.extend(answer.into_iter().map(|(_, fields)| fields));
        if is_last {
            return Ok(entries);
        }
    }
}

/// Writes samples as CSV. That the reader has left is no error.
///
/// # Errors
/// Where it cannot be written.
pub fn write_csv(samples: &[Past], into: impl Write) -> io::Result<()> {
    let mut writer = csv::Writer::from_writer(into);
    let written = samples.iter().try_for_each(|sample| writer.serialize(sample)).map_err(io::Error::from);
    match written.and_then(|()| writer.flush()) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        written => written,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_absolute_or_before_now() {
        let now: Timestamp = "2026-05-01T12:00:00Z".parse().unwrap();
        let at = |text| time(text, now).map(|time| time.to_string());
        assert_eq!(at("now").unwrap(), "2026-05-01T12:00:00Z");
        assert_eq!(at("-15m").unwrap(), "2026-05-01T11:45:00Z");
        assert_eq!(at("2026-04-30T10:00:00+02:00").unwrap(), "2026-04-30T08:00:00Z");
        for wrong in ["yesterday", "-15", "-1000000d", ""] {
            assert!(at(wrong).unwrap_err().contains("-15m"), "{wrong}");
        }
    }
}
