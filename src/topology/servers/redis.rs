//! A managed Redis.

use std::fmt::Write as _;
use std::fs::OpenOptions;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::error::ServerError;
use super::find::{REDIS_SERVER, VALKEY_SERVER, Wanted};
use super::launch::{ServerKind, launch, quote_plainly, relaunch};
use super::process::ServerProcess;
use super::protocol::{ServerExit, ServerSpec};
use super::secret::Secret;
use super::supervisor::Supervisor;
use crate::base::secrets;
use crate::store::SecretUrl;

crate::choices! {
    /// Which program a managed cache server is.
    pub enum CacheProgram {
        /// Redis.
        Redis = "redis",
        /// Valkey, which speaks as Redis does.
        Valkey = "valkey",
    }
}

impl CacheProgram {
    fn wanted(self) -> &'static Wanted {
        match self {
            Self::Redis => &REDIS_SERVER,
            Self::Valkey => &VALKEY_SERVER,
        }
    }
}

crate::choices! {
    /// The records that Redis writes to disk, and so what survives its crash.
    pub enum Persistence {
        /// Nothing: a restart begins empty.
        None = "none",
        /// The append-only file, made durable once a second: a crash of the machine loses about a second of writes, one of
        /// the process nothing that was answered.
        AofEverySecond = "aof-every-second",
        /// The append-only file, made durable before each answer.
        AofAlways = "aof-always",
    }
}

crate::choices! {
    /// The policies of Redis when its memory is full (`maxmemory-policy`).
    pub enum EvictionPolicy {
        /// Writes fail.
        NoEviction = "noeviction",
        /// The least recently used of five random keys goes.
        AllKeysLru = "allkeys-lru",
        /// The least frequently used of five random keys goes.
        AllKeysLfu = "allkeys-lfu",
        /// A random key goes.
        AllKeysRandom = "allkeys-random",
        /// The least recently used of five random keys that expire goes.
        VolatileLru = "volatile-lru",
        /// The least frequently used of five random keys that expire goes.
        VolatileLfu = "volatile-lfu",
        /// A random key that expires goes.
        VolatileRandom = "volatile-random",
        /// The key that expires first goes.
        VolatileTtl = "volatile-ttl",
    }
}

impl EvictionPolicy {
    /// Returns true if it may evict entries without a time to live too.
    #[must_use]
    pub fn takes_any_key(self) -> bool {
        matches!(self, Self::AllKeysLru | Self::AllKeysLfu | Self::AllKeysRandom)
    }
}

/// The configuration of a managed Redis.
#[derive(Debug, Clone)]
pub struct RedisConfig {
    /// Which program it is.
    pub server: CacheProgram,
    /// The path of the program, or nothing for the one that [`find_redis_server`](super::find_redis_server) or
    /// [`find_valkey_server`](super::find_valkey_server) finds.
    pub program: Option<PathBuf>,
    /// The memory limit in bytes, or nothing for none.
    pub max_memory_bytes: Option<u64>,
    /// The eviction policy at the memory limit.
    pub eviction: EvictionPolicy,
    /// The data that is written to disk.
    pub persistence: Persistence,
    /// The password, or nothing for a random one. Nodes that talk to each other need the same:
    /// make it with [`Secret::random_password`].
    pub password: Option<Secret>,
    /// The port to try first; another one is taken if it is not free.
    pub first_port: Option<u16>,
    /// The processors it may use; empty for all. Linux only.
    pub cpus: Vec<usize>,
    /// True for a sentinel, which keeps no data and monitors others.
    pub sentinel: bool,
    /// Further lines of its configuration: a directive and its arguments as the file has them.
    pub extra: Vec<(String, String)>,
}

impl Default for RedisConfig {
    fn default() -> Self {
        Self {
            server: CacheProgram::Redis,
            program: None,
            max_memory_bytes: None,
            eviction: EvictionPolicy::NoEviction,
            persistence: Persistence::None,
            password: None,
            first_port: None,
            cpus: Vec::new(),
            sentinel: false,
            extra: Vec::new(),
        }
    }
}

/// A Redis that hotset started, on 127.0.0.1, with a password. Dropping it ends it.
pub struct RedisServer {
    process: ServerProcess,
    kind: Redis,
    port: u16,
}

impl RedisServer {
    /// Starts a Redis and waits until it serves. After Ok it answers; after Err nothing of it is left.
    pub async fn start(supervisor: &Supervisor, config: RedisConfig) -> Result<Self, ServerError> {
        let program = match &config.program {
            Some(path) => config.server.wanted().check(path)?,
            None => config.server.wanted().locate()?,
        };
        let password = match config.password.clone() {
            Some(password) => password,
            None => Secret::random_password()?,
        };
        check_password(&password)?;
        let first_port = config.first_port;
        let kind = Redis { program, password, config };
        let (process, port) = launch(supervisor, &kind, first_port).await?;
        Ok(Self { process, kind, port })
    }

    /// Its port on 127.0.0.1; it keeps it over restarts.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Its password.
    #[must_use]
    pub fn password(&self) -> &Secret {
        &self.kind.password
    }

    /// The URL to connect to, with the password.
    #[must_use]
    pub fn url(&self) -> SecretUrl {
        self.kind.url(self.port)
    }

    /// Its process, to be paused, signalled or measured.
    #[must_use]
    pub fn process(&self) -> &ServerProcess {
        &self.process
    }

    /// Ends it hard, as a crash would. It can be restarted.
    pub async fn kill(&self) -> Result<ServerExit, ServerError> {
        self.process.kill().await
    }

    /// Starts it again on the same port with the same configuration and the data that it kept on disk; one that runs is
    /// killed before. After Ok it answers.
    pub async fn restart(&self) -> Result<(), ServerError> {
        relaunch(&self.kind, &self.process, self.port).await
    }

    /// Ends it and removes its data. After Ok neither is left.
    pub async fn remove(self) -> Result<(), ServerError> {
        self.process.remove().await
    }
}

/// Accepts letters and digits only: they mean the same in a URL and in a configuration file. An empty password would be
/// none.
fn check_password(password: &Secret) -> Result<(), ServerError> {
    let text = password.expose();
    if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
        return Ok(());
    }
    Err(ServerError::Setting {
        server: Redis::NAME,
        key: "requirepass".to_owned(),
        reason: "a managed server's password is made of letters and digits",
    })
}

struct Redis {
    program: PathBuf,
    password: Secret,
    config: RedisConfig,
}

impl ServerKind for Redis {
    const NAME: &'static str = "redis";
    const START_BOUND: Duration = Duration::from_secs(5);
    // A restart reads the append-only file first.
    const RESTART_BOUND: Duration = Duration::from_mins(1);

    fn prepare(&self, name: String, directory: &Path, port: u16) -> Result<ServerSpec, ServerError> {
        let file = directory.join("redis.conf");
        write_private(&file, &self.configuration(port)?).map_err(|source| ServerError::Directory {
            action: "write",
            path: file.clone(),
            source,
        })?;
        Ok(ServerSpec {
            name,
            program: self.program.clone(),
            // It runs in its directory, whose own name need not be text.
            args: std::iter::once("redis.conf".to_owned())
                .chain(self.config.sentinel.then(|| "--sentinel".to_owned()))
                .collect(),
            env: Vec::new(),
            cpus: self.config.cpus.clone(),
            log: directory.join("server.log"),
        })
    }

    async fn probe(&self, port: u16, _pid: u32) -> Result<(), String> {
        // No other Redis accepts this password, so an answer is this server's. While it loads its data, it answers with
        // an error.
        let ping = async {
            let client = redis::Client::open(self.url(port).expose())?;
            let mut connection = client.get_multiplexed_async_connection().await?;
            redis::cmd("PING").query_async::<String>(&mut connection).await
        };
        ping.await.map(drop).map_err(|error: redis::RedisError| error.to_string())
    }

    fn quote(&self, log: &str) -> String {
        quote_plainly(&secrets::strike(log))
    }
}

impl Redis {
    fn url(&self, port: u16) -> SecretUrl {
        SecretUrl::new(format!("redis://:{}@127.0.0.1:{port}/", self.password.expose()))
    }

    fn configuration(&self, port: u16) -> Result<String, ServerError> {
        let config = &self.config;
        let password = self.password.expose();
        let mut text = if config.sentinel {
            // A sentinel is told what to monitor once it runs, and writes that into this file itself.
            format!(
                "bind 127.0.0.1\nprotected-mode yes\nport {port}\nrequirepass {password}\n\
                 sentinel sentinel-pass {password}\ndir .\ndaemonize no\nlogfile \"\"\n"
            )
        } else {
            self.data_configuration(port)
        };
        for (key, value) in &config.extra {
            refuse_control_characters(key, key)?;
            refuse_control_characters(key, value)?;
            // Writing to a string does not fail.
            let _ = writeln!(text, "{key} {value}");
        }
        Ok(text)
    }

    /// The configuration of a data node. It has no latency histograms by command, each of which takes some 25 KB of
    /// `maxmemory` when its command comes for the first time: the room for entries would depend on a strategy's
    /// commands.
    fn data_configuration(&self, port: u16) -> String {
        let config = &self.config;
        let password = self.password.expose();
        let (append_only, sync) = match config.persistence {
            Persistence::None => ("no", "no"),
            Persistence::AofEverySecond => ("yes", "everysec"),
            Persistence::AofAlways => ("yes", "always"),
        };
        format!(
            "bind 127.0.0.1\nprotected-mode yes\nport {port}\nrequirepass {password}\nmasterauth {password}\n\
             dir .\ndaemonize no\nlogfile \"\"\nsave \"\"\n\
             appendonly {append_only}\nappendfsync {sync}\n\
             latency-tracking no\n\
             maxmemory {}\nmaxmemory-policy {}\n",
            config.max_memory_bytes.unwrap_or(0),
            config.eviction.word(),
        )
    }
}

/// Refuses control characters, since a line break would begin another directive.
fn refuse_control_characters(key: &str, text: &str) -> Result<(), ServerError> {
    if !text.contains(char::is_control) {
        return Ok(());
    }
    Err(ServerError::Setting {
        server: Redis::NAME,
        key: key.escape_debug().to_string(),
        reason: "it holds a control character",
    })
}

fn write_private(path: &Path, text: &str) -> std::io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    file.write_all(text.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(config: RedisConfig) -> Redis {
        Redis { program: "/bin/redis-server".into(), password: Secret::new("pass"), config }
    }

    #[test]
    fn the_configuration_says_what_was_asked_for() {
        let config = RedisConfig {
            max_memory_bytes: Some(1_000_000),
            eviction: EvictionPolicy::AllKeysLfu,
            persistence: Persistence::AofAlways,
            extra: vec![("cluster-enabled".into(), "yes".into())],
            ..RedisConfig::default()
        };
        let text = with(config).configuration(7000).unwrap();
        for line in [
            "bind 127.0.0.1",
            "port 7000",
            "requirepass pass",
            "dir .",
            "maxmemory 1000000",
            "maxmemory-policy allkeys-lfu",
            "appendonly yes",
            "appendfsync always",
            "save \"\"",
            "latency-tracking no",
            "cluster-enabled yes",
        ] {
            assert!(text.lines().any(|found| found == line), "{line} is missing in\n{text}");
        }
    }

    #[test]
    fn a_password_that_a_url_would_have_to_quote_is_refused() {
        assert!(check_password(&Secret::new("abc123")).is_ok());
        for password in ["", "a@b", "a b", "a\"b"] {
            assert!(check_password(&Secret::new(password)).is_err(), "{password}");
        }
    }

    #[test]
    fn a_line_break_in_a_setting_is_refused() {
        let extra = vec![("loglevel".into(), "debug\nbind 0.0.0.0".into())];
        let error = with(RedisConfig { extra, ..RedisConfig::default() });
        assert!(error.configuration(7000).is_err());
    }
}
