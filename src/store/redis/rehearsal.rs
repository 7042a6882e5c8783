//! A rehearsal on a server of what a run will ask of it: which rights its user lacks, all of them at once, and which
//! commands the server does not have. A server is known by what it can do and not by its number, which may be hidden.

use std::sync::Arc;

use redis::{Cmd, IntoConnectionInfo as _, RedisError};

use super::errors::{kind_of, words};
use super::layout::NodeAddress;
use super::link::{Address, Link};
use super::options::{DeploymentKind, ReadFrom, RedisOptions};
use super::scout::{self, Scout};
use crate::store::{ErrorKind, StoreError};

/// Stands for the key of a trial.
const KEY: &str = "<key>";
/// The right to every key that a run writes.
const KEYS: &str = "~hotset:*";

/// A command as its words.
type Trial = &'static [&'static str];

/// What hotset itself asks, whatever is measured.
const OWN: &[Trial] = &[
    &["PING"],
    &["INFO", "server"],
    &["DBSIZE"],
    &["ROLE"],
    &["SCAN", "0", "MATCH", KEY, "COUNT", "1"],
    &["UNLINK", KEY],
    &["SCRIPT", "LOAD", "return 1"],
    &["EVAL", "return 1", "1", KEY],
    &["EVALSHA", "0000000000000000000000000000000000000000", "1", KEY],
];
/// What every strategy does with entries, in its scripts too.
const ENTRIES: &[Trial] = &[
    &["GET", KEY],
    &["SET", KEY, "a token", "NX", "GET", "PX", "1000"],
    &["GETRANGE", KEY, "0", "16"],
    &["PTTL", KEY],
    &["PEXPIRE", KEY, "1000"],
    &["DEL", KEY],
];
const BATCHES: &[Trial] = &[&["MGET", KEY]];
const CLUSTER: &[Trial] = &[&["CLUSTER", "SLOTS"], &["ASKING"]];
const REPLICA_READS: &[Trial] = &[&["READONLY"]];
const REPLICA_WAITS: &[Trial] = &[&["WAIT", "0", "1"]];
const ANNOUNCEMENTS: &[Trial] = &[&["CLIENT", "TRACKING", "OFF"]];
const WRITE_LOG: &[Trial] = &[
    &["EXISTS", KEY],
    &["XGROUP", "CREATE", KEY, "hotset", "0", "MKSTREAM"],
    &["XADD", KEY, "*", "i", "1"],
    &["XREADGROUP", "GROUP", "hotset", "hotset", "COUNT", "1", "STREAMS", KEY, ">"],
    &["XAUTOCLAIM", KEY, "hotset", "hotset", "0", "0", "COUNT", "1"],
    &["XACK", KEY, "hotset", "1-1"],
    &["XDEL", KEY, "1-1"],
    &["XLEN", KEY],
    &["XRANGE", KEY, "-", "+", "COUNT", "1"],
];
const ACCESS_COUNTS: &[Trial] = &[&["ZINCRBY", KEY, "1", "a"], &["ZREVRANGE", KEY, "0", "0", "WITHSCORES"]];
const STREAMS: &[Trial] = &[
    &["INCRBY", KEY, "1"],
    &["XADD", KEY, "MAXLEN", "~", "9", "*", "i", "1"],
    &["XGROUP", "CREATE", KEY, "hotset", "0", "MKSTREAM"],
    &["XREADGROUP", "GROUP", "hotset", "hotset", "COUNT", "1", "NOACK", "STREAMS", KEY, ">"],
];
const SESSIONS: &[Trial] = &[
    &["HSET", KEY, "a", "1"],
    &["HGET", KEY, "a"],
    &["HLEN", KEY],
    &["HRANDFIELD", KEY, "1", "WITHVALUES"],
    &["HDEL", KEY, "a"],
];

/// The parts of Redis that a run uses besides entries.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[allow(clippy::struct_excessive_bools, reason = "they are independent facts")]
pub struct RedisParts {
    /// Reads of several entries together.
    pub batches: bool,
    /// Announcements of changed keys.
    pub announcements: bool,
    /// A log of writes beside the entries.
    pub write_log: bool,
    /// Counts of accesses.
    pub access_counts: bool,
    /// Streams and counters of an application.
    pub streams: bool,
    /// Sessions of users.
    pub sessions: bool,
}

impl RedisParts {
    fn trials(self, options: &RedisOptions) -> Vec<Trial> {
        let in_cluster = matches!(options.kind, DeploymentKind::Cluster { .. });
        let reads_replicas = in_cluster && options.read_from != ReadFrom::Primary;
        let parts = [
            (true, OWN),
            (true, ENTRIES),
            (self.batches, BATCHES),
            (in_cluster, CLUSTER),
            (reads_replicas, REPLICA_READS),
            (options.wait_replicas > 0, REPLICA_WAITS),
            (self.announcements, ANNOUNCEMENTS),
            (self.write_log, WRITE_LOG),
            (self.access_counts, ACCESS_COUNTS),
            (self.streams, STREAMS),
            (self.sessions, SESSIONS),
        ];
        parts.into_iter().filter(|(is_used, _)| *is_used).flat_map(|(_, trials)| trials).copied().collect()
    }

    /// The smallest rights that are enough, as ACL SETUSER takes them.
    #[must_use]
    pub fn rights(self, options: &RedisOptions) -> String {
        let mut rights: Vec<String> =
            self.trials(options).into_iter().map(|trial| format!("+{}", right(trial))).collect();
        rights.sort();
        rights.dedup();
        format!("{KEYS} {}", rights.join(" "))
    }
}

/// The name of a command as rights have it, such as `get` and `script|load`.
fn right(trial: Trial) -> String {
    let has_parts = ["CLIENT", "CLUSTER", "SCRIPT", "XGROUP"].contains(&trial[0]);
    let words = if has_parts { &trial[..2] } else { &trial[..1] };
    words.join("|").to_lowercase()
}

/// The codes of errors that refuse nothing: the key is served elsewhere, holds something else, or there is no room for it,
/// which is what a run may be there to measure.
const HARMLESS: &[&str] = &["MOVED", "ASK", "NOSCRIPT", "WRONGTYPE", "BUSYGROUP", "NOGROUP", "OOM"];

/// The outcome of the trials that were refused.
#[derive(Debug, Default)]
struct Refused {
    /// Commands that the user may not use.
    commands: Vec<String>,
    /// True if the user may not touch the keys that a run writes.
    keys: bool,
    /// The server's words on the first of them, or on the keys.
    words: Option<String>,
    /// Commands that the server does not have, with its words.
    unknown: Vec<String>,
    /// Commands that it refuses for a reason of its own, with its words.
    forbidden: Vec<String>,
}

impl Refused {
    /// Takes an error.
    ///
    /// # Errors
    /// Returns one that every other trial would end in, too.
    fn take(&mut self, trial: Trial, error: &RedisError) -> Result<(), (ErrorKind, String)> {
        let words = words(error);
        let code = words.split(' ').next().unwrap_or_default();
        let is_unknown =
            ["unknown command", "unknown subcommand", "syntax error", "wrong number of arguments"]
                .iter()
                .any(|part| words.to_lowercase().contains(part));
        if code == "NOPERM" {
            // The name of the user is in the words too, and may be any.
            if ["access a key", "access one of the keys"].iter().any(|part| words.contains(part)) {
                self.keys = true;
            } else {
                self.commands.push(right(trial));
            }
            self.words.get_or_insert(words);
        } else if is_unknown {
            self.unknown.push(format!("{} ({words})", trial.join(" ")));
        } else if code == "ERR" {
            self.forbidden.push(format!("{} ({words})", trial.join(" ")));
        } else if !HARMLESS.contains(&code) {
            return Err((kind_of(error), words));
        }
        Ok(())
    }

    fn reason(&self, who: &str, rights: &str) -> Option<(ErrorKind, String)> {
        if let Some(words) = &self.words {
            let mut lacks = Vec::new();
            if !self.commands.is_empty() {
                lacks.push(format!("may not {}", self.commands.join(", ")));
            }
            if self.keys {
                lacks.push("may not touch the keys that hotset writes".to_owned());
            }
            let lacks = lacks.join(" and ");
            return Some((
                ErrorKind::Denied,
                format!(
                    "{words}: the user \"{who}\" {lacks}; all that this scenario needs is ACL SETUSER {who} {rights}"
                ),
            ));
        }
        if !self.unknown.is_empty() {
            let unknown = self.unknown.join(", ");
            let reason = format!(
                "it does not know {unknown}; hotset needs Redis 7.0 or newer, or Valkey: leave its address out to have hotset start one"
            );
            return Some((ErrorKind::Other, reason));
        }
        (!self.forbidden.is_empty()).then(|| {
            let forbidden = self.forbidden.join(", ");
            let reason = format!(
                "it refuses {forbidden}; have it allow that, or connect to the server itself where a proxy stands before it"
            );
            (ErrorKind::Other, reason)
        })
    }
}

/// What an error of the connection says of a trial. Whoever has just answered does not speak TLS.
fn broken_off(trial: Trial, error: &RedisError) -> String {
    let (trial, words) = (trial.join(" "), words(error));
    if kind_of(error) == ErrorKind::Timeout {
        return format!("it did not answer `{trial}` in time ({words})");
    }
    format!(
        "it closed the connection at `{trial}` ({words}); a proxy before it may not know that command: connect past it, or look at its log"
    )
}

/// Tries on every primary all that will be asked of it.
///
/// # Errors
/// Returns an error that says which node could not be reached, or which rights and commands are missing there.
pub async fn rehearse(options: &RedisOptions, uses: RedisParts) -> Result<(), StoreError> {
    for node in scout::to_rehearse_on(options).await? {
        rehearse_on(options, node.as_ref(), uses).await.map_err(|error| named(options, error))?;
    }
    Ok(())
}

/// Behind sentinels there are two users: says that it is the nodes' one, where that is refused as such.
fn named(options: &RedisOptions, error: StoreError) -> StoreError {
    let is_of_sentinels = matches!(options.kind, DeploymentKind::Sentinel { .. });
    let is_about_rights = error.detail.contains("ACL SETUSER");
    if is_of_sentinels && !is_about_rights { scout::refused_by_node(error) } else { error }
}

async fn rehearse_on(
    options: &RedisOptions,
    node: Option<&NodeAddress>,
    uses: RedisParts,
) -> Result<(), StoreError> {
    let address = match node {
        Some(node) => Address::of_node(options, node, false)?,
        None => Address::new(options)?,
    };
    let url = address.url().clone();
    let link = Link::connect(Arc::new(address)).await?;
    let key = key(options);
    let mut refused = Refused::default();
    for trial in uses.trials(options) {
        let mut command = Cmd::new();
        for word in trial {
            command.arg(if *word == KEY { key.as_str() } else { word });
        }
        let Err(error) = link.raw_request(&command, "rehearsing").await? else { continue };
        let taken = match kind_of(&error) {
            kind @ (ErrorKind::Connection | ErrorKind::Timeout) => Err((kind, broken_off(trial, &error))),
            _ => refused.take(trial, &error),
        };
        taken.map_err(|(kind, words)| StoreError::new(kind, format!("asking Redis {url}: {words}")))?;
    }
    // What trials have left there is theirs.
    let mut tidy = redis::cmd("UNLINK");
    tidy.arg(&key);
    drop(link.raw_request(&tidy, "rehearsing").await?);
    let info = url.expose().into_connection_info();
    let who = info.ok().and_then(|info| info.redis_settings().username().map(str::to_owned));
    let who = who.unwrap_or_else(|| "default".into());
    match refused.reason(&who, &uses.rights(options)) {
        None => Ok(()),
        Some((kind, reason)) => Err(StoreError::new(kind, format!("asking Redis {url}: {reason}"))),
    }
}

/// The key of the trials, among those of the run.
fn key(options: &RedisOptions) -> String {
    format!("{}rehearsal", if options.key_prefix.is_empty() { "hotset:" } else { &options.key_prefix })
}

/// Reads from every replica as the application will: it may be announced at an address that only servers reach, or have
/// another password, and then its primary would answer in its place.
///
/// # Errors
/// Returns the words of the first that does not answer a GET.
pub async fn rehearse_reading(options: &RedisOptions) -> Result<(), StoreError> {
    let in_cluster = matches!(options.kind, DeploymentKind::Cluster { .. });
    let mut get = redis::cmd("GET");
    get.arg(key(options));
    for shard in Scout::new(options)?.look(&[]).await?.shards {
        for replica in &shard.replicas {
            let address = Arc::new(Address::of_node(options, replica, in_cluster)?);
            let link = Link::connect(Arc::clone(&address)).await?;
            match link.raw_request(&get, "rehearsing").await? {
                Ok(_) => {}
                // The key may be another shard's.
                Err(error) if words(&error).starts_with("MOVED ") => {}
                Err(error) => return Err(address.error(&error, "reading from a replica")),
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rights_are_those_of_the_parts_that_are_used_and_no_more() {
        let options = RedisOptions::at("redis://h");
        let plain = RedisParts::default().rights(&options);
        assert!(plain.starts_with("~hotset:* +dbsize +del +eval +evalsha +get "), "{plain}");
        assert!(!plain.contains("xadd") && !plain.contains("cluster") && !plain.contains('@'), "{plain}");
        let batches = RedisParts { batches: true, ..RedisParts::default() }.rights(&options);
        assert!(batches.contains(" +mget ") && !plain.contains("mget"), "{batches} {plain}");
        let near = RedisParts { announcements: true, ..RedisParts::default() }.rights(&options);
        assert!(near.contains("+client|tracking"), "{near}");
        let cluster = RedisOptions { kind: DeploymentKind::Cluster { seeds: Vec::new() }, ..options };
        assert!(RedisParts::default().rights(&cluster).contains("+cluster|slots"));
    }

    #[test]
    fn every_missing_right_is_in_one_message_and_a_key_of_another_keeper_is_too() {
        let refused =
            |code: &str, detail: &str| redis::make_extension_error(code.into(), Some(detail.into()));
        let mut all = Refused::default();
        let denied = refused("NOPERM", "User shop has no permissions to run the 'role' command");
        all.take(&["ROLE"], &denied).unwrap();
        all.take(&["SCRIPT", "LOAD", "return 1"], &denied).unwrap();
        all.take(&["GET", KEY], &refused("MOVED", "12 10.0.0.1:7000")).unwrap();
        let (kind, reason) = all.reason("shop", "~hotset:* +get").unwrap();
        assert_eq!(kind, ErrorKind::Denied);
        assert!(
            reason.contains("\"shop\" may not role, script|load;")
                && reason.contains("ACL SETUSER shop ~hotset:* +get"),
            "{reason}"
        );
        let mut keys = Refused::default();
        keys.take(&["GET", KEY], &refused("NOPERM", "No permissions to access a key")).unwrap();
        assert!(keys.reason("shop", KEYS).unwrap().1.contains("may not touch the keys"));
        all.take(&["GET", KEY], &refused("NOPERM", "No permissions to access a key")).unwrap();
        let (_, reason) = all.reason("shop", KEYS).unwrap();
        assert!(reason.contains("may not role, script|load and may not touch the keys"), "{reason}");
        let mut old = Refused::default();
        old.take(&["SET", KEY, "NX", "GET"], &refused("ERR", "syntax error")).unwrap();
        let (_, reason) = old.reason("shop", KEYS).unwrap();
        assert!(reason.contains("NX GET (ERR syntax error); hotset needs Redis 7.0"), "{reason}");
        assert!(Refused::default().reason("shop", KEYS).is_none());
    }

    #[test]
    fn the_name_of_a_user_is_no_word_about_keys() {
        let denied = redis::make_extension_error(
            "NOPERM".into(),
            Some("User monkey has no permissions to run the 'role' command".into()),
        );
        let mut refused = Refused::default();
        refused.take(&["ROLE"], &denied).unwrap();
        let (_, reason) = refused.reason("monkey", KEYS).unwrap();
        assert!(reason.contains("\"monkey\" may not role;") && !reason.contains("touch"), "{reason}");
    }

    #[test]
    fn what_is_refused_for_any_other_reason_is_told_and_what_is_harmless_is_not() {
        let error = |code: &str, detail: &str| redis::make_extension_error(code.into(), Some(detail.into()));
        for code in HARMLESS {
            let mut refused = Refused::default();
            refused.take(&["GET", KEY], &error(code, "12 10.0.0.1:7000")).unwrap();
            assert!(refused.reason("shop", KEYS).is_none(), "{code}");
        }
        let mut refused = Refused::default();
        refused.take(&["GETRANGE", KEY], &error("ERR", "command 'GETRANGE' is not allowed")).unwrap();
        let (kind, reason) = refused.reason("shop", KEYS).unwrap();
        assert_eq!(kind, ErrorKind::Other);
        assert!(
            reason.contains("it refuses GETRANGE <key> (ERR command 'GETRANGE' is not allowed)"),
            "{reason}"
        );
        for (code, kind) in [
            ("LOADING", ErrorKind::Unavailable),
            ("MISCONF", ErrorKind::Unavailable),
            ("READONLY", ErrorKind::ReadOnly),
            ("NOAUTH", ErrorKind::Denied),
        ] {
            let (said, words) = Refused::default().take(&["SET", KEY], &error(code, "why")).unwrap_err();
            assert_eq!((said, words), (kind, format!("{code} why")));
        }
    }

    #[tokio::test]
    async fn a_proxy_that_closes_the_connection_at_a_command_is_told_with_that_command() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        tokio::spawn(async move {
            use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
            while let Ok((mut stream, _)) = listener.accept().await {
                tokio::spawn(async move {
                    let mut asked = vec![0; 4096];
                    while let Ok(read @ 1..) = stream.read(&mut asked).await {
                        let asked = String::from_utf8_lossy(&asked[..read]).to_uppercase();
                        if asked.contains("DBSIZE") {
                            return;
                        }
                        let commands = asked.lines().filter(|line| line.starts_with('*')).count();
                        let _ = stream.write_all("+OK\r\n".repeat(commands).as_bytes()).await;
                    }
                });
            }
        });
        let options = RedisOptions::at(format!("redis://127.0.0.1:{port}"));
        let error = rehearse(&options, RedisParts::default()).await.unwrap_err();
        assert_eq!(error.kind, ErrorKind::Connection);
        assert!(error.detail.contains("it closed the connection at `DBSIZE`"), "{}", error.detail);
    }
}
