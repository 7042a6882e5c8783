//! What a Redis says about itself (INFO), read into fields.

use crate::store::redis::layout::NodeAddress;

/// An INFO. What it does not say, or says in a way that makes no sense, is `None` or empty and never 0; what is not named
/// here is left out.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Info {
    /// The version of the server, with its name where it is not Redis.
    pub version: String,
    /// Drawn anew at each start of the server; empty where the server has none.
    pub run_id: String,
    /// `standalone`, `cluster` or `sentinel`.
    pub mode: String,
    /// Seconds since the server started.
    pub uptime_s: Option<u64>,
    /// `master` or `slave`.
    pub role: String,
    /// True if it is still reading its dataset, and so answers nothing else.
    pub loading: bool,
    /// Memory that it counts as used, in bytes.
    pub used_memory_bytes: Option<u64>,
    /// Memory that the operating system has given it, in bytes.
    pub rss_bytes: Option<u64>,
    /// The limit of the used memory, in bytes; 0 for none.
    pub maxmemory_bytes: Option<u64>,
    /// The rule by which it evicts at the limit.
    pub maxmemory_policy: String,
    /// Resident over used memory.
    pub fragmentation_ratio: Option<f64>,
    /// Connected clients.
    pub clients: Option<u64>,
    /// Keys of all its databases.
    pub keys: Option<u64>,
    /// Its counters.
    pub counters: InfoCounters,
    /// The state of its replication.
    pub replication: Replication,
}

/// The counts of a server since it started, or since CONFIG RESETSTAT.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct InfoCounters {
    /// Lookups that found their key, whichever command looked: GET, but also EXISTS and scripts.
    pub hits: Option<u64>,
    /// Lookups that did not.
    pub misses: Option<u64>,
    /// Keys evicted at the limit of the memory.
    pub evicted: Option<u64>,
    /// Keys whose time to live was over.
    pub expired: Option<u64>,
    /// Commands carried out, those in scripts and transactions included.
    pub commands: Option<u64>,
    /// Bytes received from the network.
    pub net_in_bytes: Option<u64>,
    /// Bytes sent to the network.
    pub net_out_bytes: Option<u64>,
    /// Calls of all commands but INFO, which is mostly asked for by whoever watches. A script or a transaction counts as
    /// one, and so does each command in it: INFO does not tell those from others.
    pub calls: Option<u64>,
    /// Microseconds that the server spent in them; those of a command in a script count as its own and as the script's.
    pub busy_us: Option<u64>,
}

/// Where a server stands in the replication, in bytes of the stream.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Replication {
    /// The position of its own stream.
    pub offset: u64,
    /// The position up to which it has followed its primary, where it has one.
    pub followed: Option<u64>,
    /// The primary's `host:port`, where it has one.
    pub primary: Option<String>,
    /// True if it is connected to its primary, where it has one.
    pub link_is_up: bool,
    /// `host:port` of each of its replicas, with how far that has acknowledged.
    pub replicas: Vec<(String, u64)>,
}

impl Info {
    /// Reads an INFO; a line that cannot be read counts as not there.
    #[must_use]
    pub fn parse(text: &str) -> Self {
        let mut info = Self::default();
        let mut primary = (None, None);
        // A server without keys has a section without lines.
        if text.lines().any(|line| line.trim() == "# Keyspace") {
            info.keys = Some(0);
        }
        for (name, value) in text.lines().filter_map(|line| line.trim().split_once(':')) {
            match name {
                "master_host" => primary.0 = Some(value),
                "master_port" => primary.1 = Some(value),
                _ => info.take(name, value),
            }
        }
        if let (Some(host), Some(port)) = primary {
            info.replication.primary = Some(address(host, port));
        }
        info
    }

    fn take(&mut self, name: &str, value: &str) {
        let number = || value.parse().ok();
        match name {
            // A Valkey says both, and means the second.
            "redis_version" if self.version.is_empty() => value.clone_into(&mut self.version),
            "valkey_version" => self.version = format!("Valkey {value}"),
            "run_id" => value.clone_into(&mut self.run_id),
            // A Valkey says `server_mode`.
            "redis_mode" | "server_mode" => value.clone_into(&mut self.mode),
            "role" => value.clone_into(&mut self.role),
            "maxmemory_policy" => value.clone_into(&mut self.maxmemory_policy),
            "uptime_in_seconds" => self.uptime_s = number(),
            "loading" => self.loading = value == "1",
            "used_memory" => self.used_memory_bytes = number(),
            "used_memory_rss" => self.rss_bytes = number(),
            "maxmemory" => self.maxmemory_bytes = number(),
            "mem_fragmentation_ratio" => {
                self.fragmentation_ratio = value.parse().ok().filter(|ratio: &f64| ratio.is_finite());
            }
            "connected_clients" => self.clients = number(),
            _ if is_numbered(name, "db") => self.keys = added(self.keys, part(value, "keys")),
            _ => self.counters.take(name, value),
        }
        self.replication.take(name, value);
    }
}

impl InfoCounters {
    fn take(&mut self, name: &str, value: &str) {
        let number = || value.parse().ok();
        match name {
            "keyspace_hits" => self.hits = number(),
            "keyspace_misses" => self.misses = number(),
            "evicted_keys" => self.evicted = number(),
            "expired_keys" => self.expired = number(),
            "total_commands_processed" => self.commands = number(),
            "total_net_input_bytes" => self.net_in_bytes = number(),
            "total_net_output_bytes" => self.net_out_bytes = number(),
            "cmdstat_info" => {}
            _ if name.starts_with("cmdstat_") => {
                self.calls = added(self.calls, part(value, "calls"));
                self.busy_us = added(self.busy_us, part(value, "usec"));
            }
            _ => {}
        }
    }
}

impl Replication {
    fn take(&mut self, name: &str, value: &str) {
        match name {
            "master_repl_offset" => self.offset = value.parse().unwrap_or(0),
            "slave_repl_offset" => self.followed = value.parse().ok(),
            "master_link_status" => self.link_is_up = value == "up",
            _ if is_numbered(name, "slave") => {
                let text = |wanted| parts(value).find(|(name, _)| *name == wanted).map(|(_, text)| text);
                if let (Some(ip), Some(port)) = (text("ip"), text("port")) {
                    self.replicas.push((address(ip, port), part(value, "offset").unwrap_or(0)));
                }
            }
            _ => {}
        }
    }
}

/// An address in the form in which nodes are named.
fn address(host: &str, port: &str) -> String {
    NodeAddress::parse(&format!("{host}:{port}"), host)
        .map_or_else(|| format!("{host}:{port}"), |node| node.to_string())
}

/// `db0`, `slave12`.
fn is_numbered(name: &str, word: &str) -> bool {
    let digits = name.strip_prefix(word).unwrap_or_default();
    !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit())
}

/// A sum with one more figure, as far as either is known.
fn added(sum: Option<u64>, more: Option<u64>) -> Option<u64> {
    [sum, more].into_iter().flatten().reduce(u64::saturating_add)
}

/// The pairs of `keys=3,expires=0`.
fn parts(value: &str) -> impl Iterator<Item = (&str, &str)> {
    value.split(',').filter_map(|part| part.split_once('='))
}

fn part(value: &str, wanted: &str) -> Option<u64> {
    parts(value).find(|(name, _)| *name == wanted)?.1.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn figures_are_read_from_every_section() {
        let info = Info::parse(
            "# Server\r\nredis_version:7.0.15\r\nredis_mode:standalone\r\nrun_id:abc\r\nuptime_in_seconds:12\r\n\
             # Memory\r\nused_memory:100\r\nused_memory_human:9M\r\nmaxmemory:400\r\nmem_fragmentation_ratio:1.25\r\n\
             # Stats\r\nkeyspace_hits:7\r\nkeyspace_misses:3\r\ntotal_net_input_bytes:55\r\n\
             # Keyspace\r\ndb0:keys=5,expires=1,avg_ttl=0\r\ndb3:keys=2,expires=0,avg_ttl=0\r\n",
        );
        assert_eq!((info.version.as_str(), info.run_id.as_str(), info.uptime_s), ("7.0.15", "abc", Some(12)));
        assert_eq!(
            (info.used_memory_bytes, info.maxmemory_bytes, info.keys),
            (Some(100), Some(400), Some(7))
        );
        assert_eq!(
            (info.counters.hits, info.counters.misses, info.counters.net_in_bytes),
            (Some(7), Some(3), Some(55))
        );
        assert!((info.fragmentation_ratio.unwrap() - 1.25).abs() < 1e-9);
    }

    #[test]
    fn a_figure_that_is_missing_or_makes_no_sense_is_unknown_and_not_0() {
        let info = Info::parse(
            "used_memory:nan\r\nmaxmemory:-1\r\nmem_fragmentation_ratio:-nan\r\nused_memory_rss:1e9x\r\n\
             keyspace_hits:inf\r\nconnected_clients:\r\n",
        );
        assert_eq!(info, Info::default());
        assert_eq!(Info::parse("mem_fragmentation_ratio:inf").fragmentation_ratio, None);
        assert_eq!(Info::parse("# Keyspace\r\n").keys, Some(0));
    }

    #[test]
    fn a_valkey_is_named_with_its_own_version_and_its_mode_is_known() {
        let text = "redis_version:7.2.4\r\nserver_name:valkey\r\nvalkey_version:8.1.0\r\n";
        assert_eq!(Info::parse(text).version, "Valkey 8.1.0");
        assert_eq!(Info::parse("# Server\r\nserver_name:valkey\r\nserver_mode:cluster\r\n").mode, "cluster");
        assert_eq!(Info::parse("valkey_version:8.1.0\r\nredis_version:7.2.4\r\n").version, "Valkey 8.1.0");
    }

    #[test]
    fn the_time_of_commands_is_summed_over_all_but_info() {
        let info = Info::parse(
            "cmdstat_get:calls=10,usec=20,usec_per_call=2.00,rejected_calls=0,failed_calls=0\r\n\
             cmdstat_config|get:calls=1,usec=5,usec_per_call=5.00\r\ncmdstat_info:calls=9,usec=900\r\n",
        );
        assert_eq!((info.counters.calls, info.counters.busy_us), (Some(11), Some(25)));
    }

    #[test]
    fn a_primary_names_its_replicas_and_a_replica_its_primary() {
        let primary = Info::parse(
            "role:master\r\nconnected_slaves:1\r\nslave0:ip=10.0.0.2,port=7001,state=online,offset=90,lag=0\r\n\
             slave_repl_offset_of_nobody:1\r\nmaster_repl_offset:100\r\n",
        );
        assert_eq!(primary.replication.replicas, [("10.0.0.2:7001".to_owned(), 90)]);
        assert_eq!(primary.replication.offset, 100);
        let replica = Info::parse(
            "role:slave\r\nmaster_host:10.0.0.1\r\nmaster_port:7000\r\nmaster_link_status:up\r\nslave_repl_offset:90\r\n",
        );
        assert_eq!(replica.replication.primary.as_deref(), Some("10.0.0.1:7000"));
        assert_eq!((replica.replication.followed, replica.replication.link_is_up), (Some(90), true));
    }

    proptest! {
        #[test]
        fn any_text_can_be_read(text in "(?s).{0,400}") {
            let _ = Info::parse(&text);
        }

        #[test]
        fn lines_that_are_not_known_change_nothing(name in "[a-z]{3,12}_unknown", value in "[ -~]{0,40}") {
            let plain = "used_memory:5\r\nkeyspace_hits:9\r\n";
            prop_assert_eq!(Info::parse(&format!("{name}:{value}\r\n{plain}")), Info::parse(plain));
        }
    }
}
