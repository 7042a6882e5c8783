//! A rehearsal on a server of what a run will ask of it: which rights its user lacks, all of them at once, and which
//! commands the server does not have. A server is known by what it can do and not by its number, which may be hidden.

use std::sync::Arc;

use redis::{Cmd, IntoConnectionInfo as _, RedisError};

use super::errors::words;
use super::layout::NodeAddress;
use super::link::{Address, Link};
use super::options::{DeploymentKind, ReadFrom, RedisOptions};
use super::scout;
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

/// The outcome of the trials that were refused.
#[derive(Debug, Default)]
struct Refused {
    /// Commands that the user may not use.
    commands: Vec<String>,
    /// The server's words on the first of them, or on the keys.
    words: Option<String>,
    /// Commands that the server does not have, with its words.
    unknown: Vec<String>,
}

impl Refused {
    fn take(&mut self, trial: Trial, error: &RedisError) -> Result<(), String> {
        let words = words(error);
        let is_unknown =
            ["unknown command", "unknown subcommand", "syntax error", "wrong number of arguments"]
                .iter()
                .any(|part| words.to_lowercase().contains(part));
        if words.starts_with("NOPERM") {
            if !words.contains("key") {
                self.commands.push(right(trial));
            }
            self.words.get_or_insert(words);
        } else if words.starts_with("NOAUTH") {
            return Err(words);
        } else if is_unknown {
            self.unknown.push(format!("{} ({words})", trial.join(" ")));
        }
        // Anything else, such as a slot that is served elsewhere, is no refusal.
        Ok(())
    }

    fn reason(&self, who: &str, rights: &str) -> Option<(ErrorKind, String)> {
        if let Some(words) = &self.words {
            let what = if self.commands.is_empty() {
                "may not touch the keys that hotset writes".to_owned()
            } else {
                format!("may not {}", self.commands.join(", "))
            };
            return Some((
                ErrorKind::Denied,
                format!(
                    "{words}: the user \"{who}\" {what}; all that this scenario needs is ACL SETUSER {who} {rights}"
                ),
            ));
        }
        (!self.unknown.is_empty()).then(|| {
            let unknown = self.unknown.join(", ");
            (
                ErrorKind::Other,
                format!("it does not know {unknown}; hotset needs Redis 7.0 or newer, or Valkey: leave its address out to have hotset start one"),
            )
        })
    }
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
    let key =
        format!("{}rehearsal", if options.key_prefix.is_empty() { "hotset:" } else { &options.key_prefix });
    let mut refused = Refused::default();
    for trial in uses.trials(options) {
        let mut command = Cmd::new();
        for word in trial {
            command.arg(if *word == KEY { key.as_str() } else { word });
        }
        if let Err(error) = link.raw_request(&command, "rehearsing").await? {
            refused.take(trial, &error).map_err(|words| {
                StoreError::new(ErrorKind::Denied, format!("asking Redis {url}: {words}"))
            })?;
        }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rights_are_those_of_the_parts_that_are_used_and_no_more() {
        let options = RedisOptions::at("redis://h");
        let plain = RedisParts::default().rights(&options);
        assert!(plain.starts_with("~hotset:* +dbsize +del +eval +evalsha +get "), "{plain}");
        assert!(!plain.contains("xadd") && !plain.contains("cluster") && !plain.contains('@'), "{plain}");
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
            reason.contains("may not role, script|load;")
                && reason.contains("ACL SETUSER shop ~hotset:* +get"),
            "{reason}"
        );
        let mut keys = Refused::default();
        keys.take(&["GET", KEY], &refused("NOPERM", "No permissions to access a key")).unwrap();
        assert!(keys.reason("shop", KEYS).unwrap().1.contains("may not touch the keys"));
        let mut old = Refused::default();
        old.take(&["SET", KEY, "NX", "GET"], &refused("ERR", "syntax error")).unwrap();
        let (_, reason) = old.reason("shop", KEYS).unwrap();
        assert!(reason.contains("NX GET (ERR syntax error); hotset needs Redis 7.0"), "{reason}");
        assert!(Refused::default().reason("shop", KEYS).is_none());
    }
}
