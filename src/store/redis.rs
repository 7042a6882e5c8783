//! A cache in Redis: one server, a cluster, or shards under Sentinel, over connections that many clients share.

mod access_counts;
pub mod address_map;
mod admin;
pub mod announced;
mod connecting;
mod errors;
mod failovers;
mod fleet;
pub mod layout;
mod link;
mod look_ups;
mod notes;
pub mod options;
mod rehearsal;
mod reply;
mod scout;
mod scripts;
mod sessions;
mod shard_names;
pub mod slots;
mod streams;
mod tracking;
mod wait;
mod wire;
mod write_log;

use std::fmt;
use std::io::Write as _;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use compact_str::CompactString;
use redis::{Cmd, RedisWrite, ServerErrorKind, ToRedisArgs, Value};

pub use admin::{RedisAdmin, RedisInfo};
pub use connecting::check_tls;
pub use errors::{kind_of, store_error};
use fleet::{CommandKind, Fleet, as_store_error};
use link::RawAnswer;
pub use options::{DeploymentKind, ReadFrom, RedisOptions, Sharding};
pub use rehearsal::{RedisParts, rehearse, rehearse_reading};
use reply::Reply;
use scripts::Script;
pub use shard_names::ShardNames;
use wire::Pack;

use super::counters::Counters;
use super::{Cache, Claimed, Entry, ErrorKind, SettleOutcome, StoreError, Token, Version};
use crate::base::clock::Instant;

/// A cache in one Redis server or in several of one deployment. Clones share the connections and the
/// counters.
///
/// While a server is down, an operation fails after its retries, which take some 100 ms, with the kind of
/// error that connecting gave. The connection is made again in the background, at most 160 ms after the
/// server is back.
#[derive(Clone)]
pub struct RedisCache {
    shared: Arc<Shared>,
    counters: Counters,
}

struct Shared {
    fleet: Arc<Fleet>,
    prefix: Box<str>,
}

impl fmt::Debug for RedisCache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisCache").field("options", self.shared.fleet.options()).finish_non_exhaustive()
    }
}

impl RedisCache {
    /// Connects and loads the scripts. The caller's runtime drives the connections.
    pub async fn connect(options: RedisOptions, counters: Counters) -> Result<Self, StoreError> {
        let prefix = options.key_prefix.as_str().into();
        let fleet = Fleet::connect(options).await?;
        for node in fleet.primaries() {
            for script in scripts::all() {
                let mut load = redis::cmd("SCRIPT");
                load.arg("LOAD").arg(&script.text);
                node.link().request(&load, "loading a script").await?;
            }
        }
        Ok(Self { shared: Arc::new(Shared { fleet, prefix }), counters })
    }

    /// The nodes and the placement of keys, as far as this cache knows them now.
    #[must_use]
    pub fn layout(&self) -> layout::Layout {
        self.shared.fleet.map().layout.clone()
    }

    /// Why a shard of the layout has no primary, as far as that is known.
    #[must_use]
    pub fn why_no_primary(&self, shard: &str) -> Option<String> {
        self.shared.fleet.why_no_primary(shard)
    }

    /// Sends so many PINGs to the first primary, one after the other, and returns how long each took.
    ///
    /// # Errors
    /// Returns an error if there is no primary, or it does not answer.
    pub async fn round_trips(&self, count: usize) -> Result<Vec<Duration>, StoreError> {
        let doing = "measuring a round trip";
        let Some(node) = self.shared.fleet.primaries().into_iter().next() else {
            return Err(StoreError::new(ErrorKind::Connection, format!("{doing}: the cache has no primary")));
        };
        let ping = redis::cmd("PING");
        let mut took = Vec::with_capacity(count);
        for _ in 0..count {
            let begun = Instant::now();
            node.link().request(&ping, doing).await?;
            took.push(begun.elapsed());
        }
        Ok(took)
    }

    /// Looks at the deployment at once and returns its layout.
    ///
    /// # Errors
    /// Returns an error if no node answers.
    pub async fn look(&self) -> Result<layout::Layout, StoreError> {
        self.shared.fleet.look().await?;
        Ok(self.layout())
    }

    /// A handle on the same cache and connections with counters of its own.
    #[must_use]
    pub fn counted_by(&self, counters: Counters) -> Self {
        Self { shared: Arc::clone(&self.shared), counters }
    }

    /// A key with the cache's prefix, as an argument of a command for [`RedisCache::request`].
    #[must_use]
    pub fn key<'a>(&'a self, key: &'a str) -> impl ToRedisArgs + 'a {
        Key { prefix: &self.shared.prefix, key }
    }

    /// Sends any command that changes a key to the primary of the key, and counts one command. The command's
    /// keys should be made by [`RedisCache::key`].
    pub async fn request(&self, key: &str, command: &Cmd, doing: &str) -> Result<Value, StoreError> {
        // Boxed here and in `run`: what is not a read of an entry is to make the future of such a read no larger.
        let answer = Box::pin(self.raw_request(key, CommandKind::Write, command, doing)).await?;
        let answer = answer.map_err(|error| as_store_error(&self.shared.fleet, &error, doing))?;
        Ok(answer.into_value())
    }

    fn raw_request<'a>(
        &'a self,
        key: &'a str,
        access: CommandKind,
        command: &'a impl Pack,
        doing: &'a str,
    ) -> impl Future<Output = Result<RawAnswer, StoreError>> + Send + 'a {
        self.counters.cache_command();
        self.shared.fleet.request(key, access, command, doing)
    }

    /// Gets an entry from a node that serves such an access to its key.
    async fn get_from(
        &self,
        access: CommandKind,
        key: &str,
        doing: &str,
    ) -> Result<Option<Entry>, StoreError> {
        self.counters.cache_command();
        let get = Get(Key { prefix: &self.shared.prefix, key });
        match self.shared.fleet.request(key, access, &get, doing).await? {
            // The document takes over the bytes that were read, without another copy.
            Ok(Reply::Bulk(bytes)) => Entry::decode(bytes).map(Some),
            Ok(Reply::Nil) => Ok(None),
            Ok(other) => Err(unexpected(doing, &other.into_value())),
            Err(error) => Err(as_store_error(&self.shared.fleet, &error, doing)),
        }
    }

    /// Waits until as many replicas as the options require have the change to a key. The change itself is
    /// done even if this fails, so its error is an indeterminate one.
    async fn replicated(&self, key: &str) -> Result<(), StoreError> {
        self.shared.fleet.wait_for_replicas(key, &self.counters).await.map_err(|error| {
            let detail = format!("the change is done, but not known to be copied: {}", error.detail);
            StoreError::new(ErrorKind::Timeout, detail)
        })
    }

    fn command(&self, name: &str, key: &str, more_bytes: usize) -> Cmd {
        let size = name.len() + self.shared.prefix.len() + key.len() + more_bytes;
        let mut command = Cmd::with_capacity(6, size);
        command.arg(name).arg(self.key(key));
        command
    }

    /// Runs a script that has one key and returns a number, see [`RedisCache::run_over`].
    async fn run(
        &self,
        script: &Script,
        key: &str,
        arguments: &[&[u8]],
        doing: &str,
    ) -> Result<i64, StoreError> {
        match Box::pin(self.run_over(script, &[key], arguments, doing)).await? {
            Value::Int(number) => Ok(number),
            other => Err(unexpected(doing, &other)),
        }
    }

    /// Runs a script by its digest, or by its text if the server does not have it, as after a restart. The
    /// server then remembers it again.
    async fn run_over(
        &self,
        script: &Script,
        keys: &[&str],
        arguments: &[&[u8]],
        doing: &str,
    ) -> Result<Value, StoreError> {
        let key = keys.first().copied().unwrap_or_default();
        let by_digest = self.script_call("EVALSHA", &script.digest, keys, arguments);
        match self.raw_request(key, CommandKind::Write, &by_digest, doing).await? {
            Err(error) if error.kind() == redis::ErrorKind::Server(ServerErrorKind::NoScript) => {
                self.request(key, &self.script_call("EVAL", &script.text, keys, arguments), doing).await
            }
            answer => {
                let answer = answer.map_err(|error| as_store_error(&self.shared.fleet, &error, doing));
                answer.map(Reply::into_value)
            }
        }
    }

    fn script_call(&self, name: &str, script: &str, keys: &[&str], arguments: &[&[u8]]) -> Cmd {
        let sizes: usize = arguments.iter().map(|argument| argument.len()).sum();
        let keys_size: usize = keys.iter().map(|key| self.shared.prefix.len() + key.len()).sum();
        let size = name.len() + script.len() + 1 + keys_size + sizes;
        let mut command = Cmd::with_capacity(3 + keys.len() + arguments.len(), size);
        command.arg(name).arg(script).arg(keys.len());
        for key in keys {
            command.arg(self.key(key));
        }
        for argument in arguments {
            command.arg(*argument);
        }
        command
    }
}

/// A key with its prefix. Both are written into the command without being joined first.
struct Key<'a> {
    prefix: &'a str,
    key: &'a str,
}

impl ToRedisArgs for Key<'_> {
    fn write_redis_args<W: ?Sized + RedisWrite>(&self, out: &mut W) {
        let mut writer = out.writer_for_next_arg();
        // Writing into the command's own memory cannot fail.
        let _ = writer.write_all(self.prefix.as_bytes());
        let _ = writer.write_all(self.key.as_bytes());
    }
}

/// The command that nearly every operation sends, packed without anything in between.
struct Get<'a>(Key<'a>);

impl Pack for Get<'_> {
    fn pack(&self, out: &mut Vec<u8>) {
        let Self(Key { prefix, key }) = self;
        out.extend_from_slice(b"*2\r\n$3\r\nGET\r\n$");
        out.extend_from_slice(itoa::Buffer::new().format(prefix.len() + key.len()).as_bytes());
        out.extend_from_slice(b"\r\n");
        out.extend_from_slice(prefix.as_bytes());
        out.extend_from_slice(key.as_bytes());
        out.extend_from_slice(b"\r\n");
    }
}

/// A time to live in whole milliseconds, rounded up, since 0 would not be valid.
fn millis(ttl: Duration) -> u64 {
    u64::try_from(ttl.as_nanos().div_ceil(1_000_000)).unwrap_or(u64::MAX).clamp(1, i64::MAX as u64 / 4)
}

fn millis_text(ttl: Option<Duration>) -> String {
    ttl.map_or(0, millis).to_string()
}

fn unexpected(doing: &str, value: &Value) -> StoreError {
    let kind = match value {
        Value::Nil => "nothing",
        Value::Int(_) => "a number",
        Value::BulkString(_) | Value::SimpleString(_) | Value::Okay => "a text",
        _ => "something else",
    };
    StoreError::new(ErrorKind::Malformed, format!("{doing}: Redis unexpectedly answered {kind}"))
}

impl Cache for RedisCache {
    fn counters(&self) -> &Counters {
        &self.counters
    }

    fn get(&self, key: &str) -> impl Future<Output = Result<Option<Entry>, StoreError>> + Send {
        self.get_from(CommandKind::Read, key, "getting an entry")
    }

    async fn get_many(&self, keys: &[CompactString]) -> Vec<Result<Option<Entry>, StoreError>> {
        self.look_up_many(keys).await
    }

    fn get_newest(&self, key: &str) -> impl Future<Output = Result<Option<Entry>, StoreError>> + Send {
        self.get_from(CommandKind::Write, key, "getting an entry from its primary")
    }

    async fn set(&self, key: &str, entry: &Entry, ttl: Option<Duration>) -> Result<(), StoreError> {
        let entry = entry.encode();
        let mut command = self.command("SET", key, entry.len() + 16);
        command.arg(&entry[..]);
        if let Some(ttl) = ttl {
            command.arg("PX").arg(millis(ttl));
        }
        self.request(key, &command, "setting an entry").await?;
        self.replicated(key).await
    }

    async fn set_if_newer(
        &self,
        key: &str,
        entry: &Entry,
        ttl: Option<Duration>,
    ) -> Result<bool, StoreError> {
        let (entry, ttl) = (entry.encode(), millis_text(ttl));
        let arguments = [&entry[..], ttl.as_bytes()];
        let stored = self.run(&scripts::SET_IF_NEWER, key, &arguments, "setting a newer entry").await?;
        Ok(stored == 1)
    }

    async fn place_token(&self, key: &str, token: Token, ttl: Duration) -> Result<Claimed, StoreError> {
        let mut command = self.command("SET", key, 64);
        command.arg(&Entry::Token(token).encode()[..]).arg("NX").arg("GET").arg("PX").arg(millis(ttl));
        match self.request(key, &command, "placing a token").await? {
            // With GET the answer is the old value, so nil means that the token is in place now.
            Value::Nil => Ok(Claimed::Placed),
            Value::BulkString(bytes) => Entry::decode(Bytes::from(bytes)).map(Claimed::Found),
            other => Err(unexpected("placing a token", &other)),
        }
    }

    async fn fill(
        &self,
        key: &str,
        token: Token,
        entry: &Entry,
        ttl: Option<Duration>,
    ) -> Result<bool, StoreError> {
        let (entry, ttl, token) = (entry.encode(), millis_text(ttl), Entry::Token(token).encode());
        let arguments = [&entry[..], ttl.as_bytes(), &token[..]];
        Ok(self.run(&scripts::FILL, key, &arguments, "filling an entry").await? == 1)
    }

    async fn settle(
        &self,
        key: &str,
        token: Option<Token>,
        entry: &Entry,
        ttl: Option<Duration>,
    ) -> Result<SettleOutcome, StoreError> {
        let token = token.map_or_else(Bytes::new, |token| Entry::Token(token).encode());
        let (entry, ttl) = (entry.encode(), millis_text(ttl));
        let arguments = [&entry[..], ttl.as_bytes(), &token[..]];
        match self.run(&scripts::SETTLE, key, &arguments, "settling a write").await? {
            1 => self.replicated(key).await.map(|()| SettleOutcome::Stored),
            2 => self.replicated(key).await.map(|()| SettleOutcome::NewerThere),
            // If a replica that still has the token became the primary, it would let in a document that was
            // loaded before this write.
            3 => self.replicated(key).await.map(|()| SettleOutcome::Voided),
            _ => Ok(SettleOutcome::Voided),
        }
    }

    async fn replace(
        &self,
        key: &str,
        expected: Version,
        entry: &Entry,
        ttl: Option<Duration>,
    ) -> Result<bool, StoreError> {
        let (entry, ttl, expected) = (entry.encode(), millis_text(ttl), expected.to_be_bytes());
        let arguments = [&entry[..], ttl.as_bytes(), &expected[..]];
        Ok(self.run(&scripts::REPLACE, key, &arguments, "replacing an entry").await? == 1)
    }

    async fn delete(&self, key: &str) -> Result<bool, StoreError> {
        // For an entry UNLINK is as good as DEL, and it frees a long stream without holding the server up.
        match self.request(key, &self.command("UNLINK", key, 0), "deleting an entry").await? {
            // This also waits if the key was already empty, since an earlier attempt may have removed the
            // entry and reached no replica.
            Value::Int(removed) => self.replicated(key).await.map(|()| removed > 0),
            other => Err(unexpected("deleting an entry", &other)),
        }
    }

    async fn increment(&self, key: &str, by: i64, ttl: Duration) -> Result<i64, StoreError> {
        let (by, ttl) = (by.to_string(), millis(ttl).to_string());
        self.run(&scripts::INCREMENT, key, &[by.as_bytes(), ttl.as_bytes()], "counting").await
    }

    async fn append(
        &self,
        stream: &str,
        fields: &[(&str, &[u8])],
        max_length: u64,
    ) -> Result<(), StoreError> {
        let size: usize = fields.iter().map(|(name, value)| name.len() + value.len()).sum();
        let mut command = self.command("XADD", stream, size + 32);
        command.arg("MAXLEN").arg("~").arg(max_length).arg("*");
        for (name, value) in fields {
            command.arg(*name).arg(*value);
        }
        self.request(stream, &command, "appending to a stream").await.map(drop)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_to_live_is_never_rounded_down_to_none() {
        assert_eq!(millis(Duration::from_nanos(1)), 1);
        assert_eq!(millis(Duration::from_micros(1500)), 2);
        assert_eq!(millis(Duration::ZERO), 1);
        assert_eq!(millis(Duration::MAX), i64::MAX as u64 / 4);
    }

    #[test]
    fn a_key_is_written_after_its_prefix_as_one_argument() {
        let mut command = Cmd::new();
        command.arg("GET").arg(Key { prefix: "run:", key: "7" });
        assert_eq!(command.get_packed_command(), b"*2\r\n$3\r\nGET\r\n$5\r\nrun:7\r\n");
        let mut packed = Vec::new();
        Get(Key { prefix: "run:", key: "7" }).pack(&mut packed);
        assert_eq!(packed, command.get_packed_command());
    }
}
