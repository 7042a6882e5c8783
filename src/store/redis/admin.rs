//! Commands that hotset itself sends to a Redis, over a connection of its own. They are not counted.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::try_join_all;
use redis::{Cmd, FromRedisValue, ToRedisArgs, cmd};

use super::RedisOptions;
use super::layout::NodeAddress;
use super::link::{Address, Link};
use crate::base::clock;
use crate::store::{ErrorKind, StoreError};

/// The number of keys that one step of a SCAN looks at, which is small enough not to hold the server up.
const SCAN_STEP: usize = 1000;

/// A connection to one Redis server for administration.
#[derive(Clone)]
pub struct RedisAdmin {
    link: Arc<Link>,
}

/// The figures of INFO and DBSIZE. What the server does not say, or says in a way that makes no sense, is `None` and never
/// 0.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct RedisInfo {
    /// The name of the server's program: `redis` or `valkey`.
    pub name: &'static str,
    /// The version of the server; empty where it hides that.
    pub version: String,
    /// The random id of this start of the server.
    pub run_id: String,
    /// The memory that the server counts as used, in bytes.
    pub used_memory_bytes: Option<u64>,
    /// The part of the used memory that does not count towards the limit: buffers of replicas beyond the
    /// backlog, and of the append-only file.
    pub not_counted_bytes: Option<u64>,
    /// The limit of the used memory, in bytes; 0 for none.
    pub maxmemory_bytes: Option<u64>,
    /// The eviction policy at the limit.
    pub maxmemory_policy: String,
    /// Keys evicted since the server started.
    pub evicted_keys: Option<u64>,
    /// Keys expired since the server started.
    pub expired_keys: Option<u64>,
    /// CPU time used since the server started, user and system, in seconds.
    pub used_cpu_seconds: Option<f64>,
    /// Keys in the selected database.
    pub dbsize: u64,
    /// `master` or `slave`.
    pub role: String,
    /// Connected clients.
    pub connected_clients: Option<u64>,
    /// Commands carried out since the server started.
    pub commands_processed: Option<u64>,
}

impl RedisInfo {
    fn parse(info: &str) -> Self {
        let field = |name: &str| {
            let value = |line: &str| Some(line.strip_prefix(name)?.strip_prefix(':')?.trim().to_string());
            info.lines().find_map(value).unwrap_or_default()
        };
        let number = |name| field(name).parse().ok();
        let seconds = |name| field(name).parse().ok().filter(|seconds: &f64| seconds.is_finite());
        let cpu_seconds = seconds("used_cpu_sys").zip(seconds("used_cpu_user"));
        let of_valkey = Some(field("valkey_version")).filter(|version| !version.is_empty());
        Self {
            name: if of_valkey.is_some() { "valkey" } else { "redis" },
            version: of_valkey.unwrap_or_else(|| field("redis_version")),
            run_id: field("run_id"),
            used_memory_bytes: number("used_memory"),
            not_counted_bytes: number("mem_not_counted_for_evict"),
            maxmemory_bytes: number("maxmemory"),
            maxmemory_policy: field("maxmemory_policy"),
            evicted_keys: number("evicted_keys"),
            expired_keys: number("expired_keys"),
            used_cpu_seconds: cpu_seconds.map(|(system, user)| system + user),
            dbsize: 0,
            role: field("role"),
            connected_clients: number("connected_clients"),
            commands_processed: number("total_commands_processed"),
        }
    }
}

impl RedisAdmin {
    /// Connects. The options' key prefix and number of connections do not matter here.
    pub async fn connect(options: &RedisOptions) -> Result<Self, StoreError> {
        // The name tells this connection from the application's in MONITOR and CLIENT LIST.
        Self::connect_as(options, "hotset-admin").await
    }

    /// Connects to a node that servers announce at an address.
    pub async fn connect_to(options: &RedisOptions, node: &NodeAddress) -> Result<Self, StoreError> {
        Self::at(Address::of_node(options, node, false)?, "hotset-admin").await
    }

    /// Connects under a name for CLIENT LIST. A user without the right to set a name is accepted too.
    pub async fn connect_as(options: &RedisOptions, name: &str) -> Result<Self, StoreError> {
        Self::at(Address::new(options)?, name).await
    }

    async fn at(address: Address, name: &str) -> Result<Self, StoreError> {
        let link = Link::connect(Arc::new(address)).await?;
        let admin = Self { link };
        let named = admin.ask::<()>(cmd("CLIENT").arg("SETNAME").arg(name), "naming a connection").await;
        if let Err(error) = named {
            tracing::debug!("{error}");
        }
        Ok(admin)
    }

    /// Sets the limit of the server's memory, in bytes.
    pub async fn set_max_memory(&self, bytes: u64) -> Result<(), StoreError> {
        self.ask(cmd("CONFIG").arg("SET").arg("maxmemory").arg(bytes), "setting maxmemory").await
    }

    /// Changes a line of the server's configuration.
    pub async fn set(&self, name: &str, value: &str) -> Result<(), StoreError> {
        self.ask(cmd("CONFIG").arg("SET").arg(name).arg(value), "changing the configuration").await
    }

    /// The figures of the server at this moment.
    pub async fn info(&self) -> Result<RedisInfo, StoreError> {
        let text = self.ask_text(&cmd("INFO"), "asking for INFO").await?;
        let dbsize = self.ask(&cmd("DBSIZE"), "counting keys").await?;
        Ok(RedisInfo { dbsize, ..RedisInfo::parse(&text) })
    }

    /// Asks for a text in which the server names its own files: their paths need not be UTF-8.
    ///
    /// # Errors
    /// Those of the server.
    pub async fn ask_text(&self, command: &Cmd, doing: &str) -> Result<String, StoreError> {
        let bytes: Vec<u8> = self.ask(command, doing).await?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }

    /// Removes every key of the server and returns their number. Only for a server that hotset started.
    pub async fn flush_all(&self) -> Result<u64, StoreError> {
        let found = self.ask(&cmd("DBSIZE"), "counting keys").await?;
        // Valkey frees in the background unless it is told not to, and what was freed must count as free after this.
        self.ask::<()>(cmd("FLUSHALL").arg("SYNC"), "flushing").await?;
        Ok(found)
    }

    /// Writes the append-only file anew from what the server holds, and waits until that is done. A server that keeps none is
    /// left alone. The caller bounds the time.
    ///
    /// # Errors
    /// Those of the server.
    pub async fn rewrite_append_only_file(&self) -> Result<(), StoreError> {
        let mut is_asked_for = false;
        loop {
            let persistence = self.ask_text(cmd("INFO").arg("persistence"), "asking for INFO").await?;
            let is = |field: &str| persistence.lines().any(|line| line.trim_end() == field);
            if !is("aof_enabled:1") {
                return Ok(());
            }
            let is_busy = is("aof_rewrite_in_progress:1") || is("aof_rewrite_scheduled:1");
            match (is_busy, is_asked_for) {
                (true, _) => clock::sleep(Duration::from_millis(20)).await,
                (false, true) => return Ok(()),
                (false, false) => {
                    self.ask::<()>(&cmd("BGREWRITEAOF"), "rewriting the append-only file").await?;
                    is_asked_for = true;
                }
            }
        }
    }

    /// Removes the keys with a prefix and returns their number. Keys written meanwhile may stay.
    pub async fn delete_prefix(&self, prefix: &str) -> Result<u64, StoreError> {
        let mut deleted = 0;
        let mut scan = Scan::new(prefix)?;
        while let Some(keys) = scan.step(self).await? {
            deleted += self.unlink(&keys).await?;
        }
        Ok(deleted)
    }

    /// Removes keys and returns the number removed. Each has a command of its own, since a cluster takes no
    /// keys of different slots in one.
    pub async fn unlink<K: ToRedisArgs>(&self, keys: &[K]) -> Result<u64, StoreError> {
        /// The number of commands that are under way at once.
        const AT_ONCE: usize = 200;
        let mut removed = 0;
        for some in keys.chunks(AT_ONCE) {
            let commands: Vec<Cmd> = some.iter().map(|key| cmd("UNLINK").arg(key).clone()).collect();
            let each = commands.iter().map(|command| self.ask::<u64>(command, "removing keys"));
            removed += try_join_all(each).await?.iter().sum::<u64>();
        }
        Ok(removed)
    }

    /// Sends any command and converts the answer.
    ///
    /// # Errors
    /// Returns the server's error, or [`ErrorKind::Malformed`] if the answer is of another type.
    pub async fn ask<T: FromRedisValue>(&self, command: &Cmd, doing: &str) -> Result<T, StoreError> {
        let value = self.link.request(command, doing).await?;
        redis::from_redis_value(value)
            .map_err(|error| StoreError::new(ErrorKind::Malformed, format!("{doing}: {error}")))
    }
}

/// A walk over the keys with a prefix.
struct Scan {
    pattern: String,
    cursor: Option<u64>,
}

impl Scan {
    fn new(prefix: &str) -> Result<Self, StoreError> {
        if prefix.is_empty() {
            // Every key would match, and a forgotten prefix must not empty a server.
            return Err(StoreError::new(ErrorKind::Other, "scanning for keys needs a prefix"));
        }
        let mut pattern = String::with_capacity(prefix.len() + 1);
        for character in prefix.chars() {
            if matches!(character, '*' | '?' | '[' | ']' | '^' | '-' | '\\') {
                pattern.push('\\');
            }
            pattern.push(character);
        }
        pattern.push('*');
        Ok(Self { pattern, cursor: Some(0) })
    }

    async fn step(&mut self, admin: &RedisAdmin) -> Result<Option<Vec<Vec<u8>>>, StoreError> {
        let Some(cursor) = self.cursor else { return Ok(None) };
        let mut command = cmd("SCAN");
        command.arg(cursor).arg("MATCH").arg(&self.pattern).arg("COUNT").arg(SCAN_STEP);
        let (next, keys): (u64, Vec<Vec<u8>>) = admin.ask(&command, "scanning keys").await?;
        self.cursor = (next != 0).then_some(next);
        Ok(Some(keys))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn info_is_read_field_by_field_and_not_by_the_start_of_a_name() {
        let text = "# Server\r\nredis_version:7.0.15\r\n# Memory\r\nused_memory_human:9M\r\nused_memory:123\r\n\
            maxmemory_policy:allkeys-lru\r\nmaxmemory:456\r\nused_cpu_sys:1.5\r\nused_cpu_user:2.25\r\nrole:master\r\n";
        let info = RedisInfo::parse(text);
        assert_eq!(
            (info.name, info.version.as_str(), info.used_memory_bytes),
            ("redis", "7.0.15", Some(123))
        );
        assert_eq!((info.maxmemory_bytes, info.maxmemory_policy.as_str()), (Some(456), "allkeys-lru"));
        assert!((info.used_cpu_seconds.unwrap() - 3.75).abs() < 1e-9);
        assert_eq!(info.role, "master");
        let odd = RedisInfo::parse(
            "used_memory:nan\r\nevicted_keys:-5\r\nused_cpu_sys:inf\r\nused_cpu_user:1.0\r\n",
        );
        assert_eq!((odd.used_memory_bytes, odd.evicted_keys, odd.used_cpu_seconds), (None, None, None));
        let valkey = RedisInfo::parse("redis_version:7.2.4\r\nvalkey_version:8.1.0\r\n");
        assert_eq!((valkey.name, valkey.version.as_str()), ("valkey", "8.1.0"));
    }

    #[test]
    fn a_prefix_is_matched_letter_by_letter_and_may_not_be_empty() {
        assert_eq!(Scan::new("run[1]*:").unwrap().pattern, r"run\[1\]\*:*");
        assert!(Scan::new("").is_err());
    }
}
