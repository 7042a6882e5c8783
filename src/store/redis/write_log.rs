//! Dirty entries in Redis, and their log as a stream with a consumer group.
//!
//! A dirty entry has no time to live, so that it neither expires nor is evicted under the policies
//! `noeviction` and `volatile-*`. The stream has none either.

use std::time::Duration;

use bytes::Bytes;
use redis::{Cmd, Value};

use super::fleet::{CommandKind, as_store_error};
use super::reply::Reply;
use super::scripts::{
    GROUP, LOG_LENGTH, MARK_CLEAN, PUT_DIRTY, REMOVE_CLEAN, REMOVE_DELETED, REMOVE_RECORDS,
};
use super::{RedisCache, millis, unexpected};
use crate::store::write_log::{
    ExpectedEntry, LogConsumer, LogLength, LogRecord, RecordId, Removed, Taken, WriteLog,
};
use crate::store::{Entry, ErrorKind, StoreError, Version};

/// The fields of a record: the id of the entity, and the entry.
const ENTITY: &[u8] = b"i";
const ENTRY: &[u8] = b"e";
/// The most records that one script removes. Lua's stack holds no more than some thousands of arguments.
const MOST_REMOVED_AT_ONCE: usize = 1000;

/// The first bytes of an entry of a document at a version.
fn header(version: Version) -> [u8; 9] {
    let mut header = [b'D'; 9];
    header[1..].copy_from_slice(&version.to_be_bytes());
    header
}

impl RedisCache {
    /// Sends a command of the consumer group. If the log or its group does not exist yet, or is gone after a
    /// restart of the server, it is made first.
    async fn of_group(&self, command: &Cmd, log: &str, doing: &str) -> Result<Value, StoreError> {
        self.of_a_group(command, log, GROUP, doing).await
    }

    /// The records of a stream that a group was not given yet, as the server returns them. They count as
    /// acknowledged.
    pub(in crate::store) async fn read_group(
        &self,
        stream: &str,
        group: &str,
        most: u64,
    ) -> Result<Vec<Value>, StoreError> {
        let doing = "reading a stream";
        let mut command = redis::cmd("XREADGROUP");
        command.arg("GROUP").arg(group).arg("hotset").arg("COUNT").arg(most).arg("NOACK");
        command.arg("STREAMS").arg(self.key(stream)).arg(">");
        let Value::Array(streams) = self.of_a_group(&command, stream, group, doing).await? else {
            return Ok(Vec::new());
        };
        match streams.into_iter().next() {
            Some(Value::Array(stream)) => match stream.into_iter().nth(1) {
                Some(Value::Array(records)) => Ok(records),
                other => Err(unexpected(doing, &other.unwrap_or(Value::Nil))),
            },
            other => Err(unexpected(doing, &other.unwrap_or(Value::Nil))),
        }
    }

    async fn of_a_group(
        &self,
        command: &Cmd,
        log: &str,
        group: &str,
        doing: &str,
    ) -> Result<Value, StoreError> {
        let failed = |error| as_store_error(&self.shared.fleet, &error, doing);
        match self.raw_request(log, CommandKind::Write, command, doing).await? {
            Err(error) if error.code() == Some("NOGROUP") => {
                let mut create = redis::cmd("XGROUP");
                // The group begins at the first record, not at the present end.
                create.arg("CREATE").arg(self.key(log)).arg(group).arg(0).arg("MKSTREAM");
                match self.raw_request(log, CommandKind::Write, &create, "making a consumer group").await? {
                    // BUSYGROUP means that another instance has just made the group.
                    Err(error) if error.code() != Some("BUSYGROUP") => Err(failed(error)),
                    _ => self.request(log, command, doing).await,
                }
            }
            answer => answer.map(Reply::into_value).map_err(failed),
        }
    }
}

impl WriteLog for RedisCache {
    async fn put_dirty(
        &self,
        key: &str,
        over: ExpectedEntry,
        entry: &Entry,
        log: Option<(&str, &str)>,
    ) -> Result<Option<RecordId>, StoreError> {
        let doing = "putting an entry before the database has it";
        let seen = match over {
            ExpectedEntry::Document(version) => Bytes::copy_from_slice(&header(version)),
            ExpectedEntry::Token(token) => Entry::Token(token).encode(),
        };
        let entry = entry.encode();
        let keys = [key, log.map_or("", |(log, _)| log)];
        let arguments = [&entry[..], &seen[..], log.map_or("", |(_, entity)| entity).as_bytes()];
        let keys = if log.is_some() { &keys[..] } else { &keys[..1] };
        let put = self.run_over(&PUT_DIRTY, keys, &arguments, doing).await?;
        if put != Value::Nil {
            self.replicated(key).await?;
        }
        match put {
            Value::Nil => Ok(None),
            Value::BulkString(place) if place.is_empty() => Ok(Some(RecordId::default())),
            Value::BulkString(place) => text(&place).parse().map(Some),
            other => Err(unexpected(doing, &other)),
        }
    }

    async fn mark_clean(&self, key: &str, version: Version, ttl: Duration) -> Result<bool, StoreError> {
        let (version, ttl) = (header(version), millis(ttl).to_string());
        let arguments = [&version[..], ttl.as_bytes()];
        Ok(self.run(&MARK_CLEAN, key, &arguments, "marking an entry as clean").await? == 1)
    }

    async fn remove_clean(&self, key: &str) -> Result<bool, StoreError> {
        Ok(self.run(&REMOVE_CLEAN, key, &[], "removing a clean entry").await? == 1)
    }

    async fn remove_deleted(&self, key: &str, last: Version) -> Result<bool, StoreError> {
        let stays = header(last.saturating_add(1));
        Ok(self.run(&REMOVE_DELETED, key, &[&stays[..]], "removing a deleted entry").await? == 1)
    }

    async fn read_log(&self, reader: LogConsumer<'_>, most: u64) -> Result<Vec<LogRecord>, StoreError> {
        let doing = "reading a log of writes";
        let mut command = redis::cmd("XREADGROUP");
        // There is no BLOCK, which would hold up all others on the shared connection.
        command.arg("GROUP").arg(GROUP).arg(reader.consumer).arg("COUNT").arg(most);
        command.arg("STREAMS").arg(self.key(reader.log)).arg(">");
        let streams = match self.of_group(&command, reader.log, doing).await? {
            Value::Nil => return Ok(Vec::new()),
            Value::Array(streams) => streams,
            other => return Err(unexpected(doing, &other)),
        };
        match streams.into_iter().next() {
            // The two parts are the name of the log and its records.
            Some(Value::Array(stream)) => records(stream.into_iter().nth(1).unwrap_or(Value::Nil), doing),
            Some(other) => Err(unexpected(doing, &other)),
            None => Ok(Vec::new()),
        }
    }

    async fn take_over(
        &self,
        reader: LogConsumer<'_>,
        idle: Duration,
        from: RecordId,
        most: u64,
    ) -> Result<Taken, StoreError> {
        let doing = "taking over records of a log of writes";
        let idle = u64::try_from(idle.as_millis()).unwrap_or(u64::MAX);
        let mut command = redis::cmd("XAUTOCLAIM");
        command.arg(self.key(reader.log)).arg(GROUP).arg(reader.consumer).arg(idle);
        command.arg(from.to_string()).arg("COUNT").arg(most);
        let mut answer = match self.of_group(&command, reader.log, doing).await? {
            Value::Array(answer) => answer.into_iter(),
            other => return Err(unexpected(doing, &other)),
        };
        let (next, taken) = match (answer.next(), answer.next()) {
            (Some(Value::BulkString(next)), Some(taken)) => (text(&next).parse()?, taken),
            (other, _) => return Err(unexpected(doing, &other.unwrap_or(Value::Nil))),
        };
        // The place 0-0 means the end of the log.
        let next = (next != RecordId::default()).then_some(next);
        Ok(Taken { records: records(taken, doing)?, next })
    }

    async fn remove_records(&self, log: &str, records: &[RecordId]) -> Result<Removed, StoreError> {
        let doing = "removing records of a log";
        let mut sum = Removed::default();
        for records in records.chunks(MOST_REMOVED_AT_ONCE) {
            let places: Vec<_> = records.iter().map(ToString::to_string).collect();
            let arguments: Vec<_> =
                std::iter::once(GROUP.as_bytes()).chain(places.iter().map(String::as_bytes)).collect();
            let value = self.run_over(&REMOVE_RECORDS, &[log], &arguments, doing).await?;
            let Value::Array(answer) = &value else { return Err(unexpected(doing, &value)) };
            let [Value::Int(removed), Value::Int(left)] = answer.as_slice() else {
                return Err(unexpected(doing, &value));
            };
            sum.records += u64::try_from(*removed).unwrap_or(0);
            sum.left = u64::try_from(*left).unwrap_or(0);
        }
        Ok(sum)
    }

    async fn log_length(&self, log: &str) -> Result<LogLength, StoreError> {
        let doing = "looking at a log of writes";
        let value = self.run_over(&LOG_LENGTH, &[log], &[], doing).await?;
        let Value::Array(answer) = &value else { return Err(unexpected(doing, &value)) };
        match answer.as_slice() {
            [Value::Int(records), Value::BulkString(first)] => Ok(LogLength {
                records: u64::try_from(*records).unwrap_or(0),
                oldest: if first.is_empty() { None } else { Some(text(first).parse()?) },
            }),
            _ => Err(unexpected(doing, &value)),
        }
    }
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap_or_default()
}

/// Reads the records in an answer of XREADGROUP or XAUTOCLAIM: a list of places, each with a list of
/// alternating fields and values.
fn records(value: Value, doing: &str) -> Result<Vec<LogRecord>, StoreError> {
    let Value::Array(all) = value else { return Err(unexpected(doing, &value)) };
    // A server before version 7 answers nil for a record that was removed while a consumer held it.
    all.into_iter().filter(|one| !matches!(one, Value::Nil)).map(|one| record(one, doing)).collect()
}

fn record(value: Value, doing: &str) -> Result<LogRecord, StoreError> {
    let malformed =
        || StoreError::new(ErrorKind::Malformed, format!("{doing}: this is no record that hotset wrote"));
    let Value::Array(parts) = value else { return Err(malformed()) };
    let mut parts = parts.into_iter();
    let (Some(Value::BulkString(place)), Some(Value::Array(fields))) = (parts.next(), parts.next()) else {
        return Err(malformed());
    };
    let (mut entity, mut entry) = (None, None);
    let mut fields = fields.into_iter();
    while let (Some(Value::BulkString(name)), Some(Value::BulkString(value))) = (fields.next(), fields.next())
    {
        match name.as_slice() {
            ENTITY => entity = Some(text(&value).into()),
            ENTRY => entry = Some(Entry::decode(Bytes::from(value))?),
            _ => {}
        }
    }
    let (entity, entry) = entity.zip(entry).ok_or_else(malformed)?;
    Ok(LogRecord { id: text(&place).parse()?, entity, entry })
}
