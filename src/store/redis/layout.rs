//! The layout of a deployment: its nodes, their roles and the placement of keys.

use std::fmt;

use redis::IntoConnectionInfo as _;

use super::errors::store_error;
use super::slots::{SLOTS, hash_tag, slot_of};
use crate::store::secret::SecretUrl;
use crate::store::{ErrorKind, StoreError};

/// The address at which a node listens.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct NodeAddress {
    /// The name or IP address of the host, or the path of a Unix socket.
    pub host: String,
    /// The TCP port; 0 for a Unix socket.
    pub port: u16,
}

impl NodeAddress {
    /// The address of a host and a port. An IPv6 address may be written in any way, in brackets or without.
    #[must_use]
    pub fn new(host: impl Into<String>, port: u16) -> Self {
        let host = host.into();
        let bare = host.trim_start_matches('[').trim_end_matches(']');
        match bare.parse::<std::net::Ipv6Addr>() {
            Ok(address) => Self { host: address.to_string(), port },
            Err(_) => Self { host, port },
        }
    }

    /// The address that a URL names, with the port that a URL without one means.
    ///
    /// # Errors
    /// Returns an error if the URL cannot be read.
    pub fn of_url(url: &SecretUrl) -> Result<Self, StoreError> {
        let info = url.expose().into_connection_info();
        let info = info.map_err(|error| store_error(&error, "reading the address", url))?;
        match info.addr() {
            redis::ConnectionAddr::Tcp(host, port) | redis::ConnectionAddr::TcpTls { host, port, .. } => {
                Ok(Self::new(host.clone(), *port))
            }
            redis::ConnectionAddr::Unix(path) => Ok(Self::of_socket(path.to_string_lossy())),
            _ => Err(StoreError::new(ErrorKind::Other, format!("{url} names no host and port"))),
        }
    }

    /// The address of a Unix socket.
    #[must_use]
    pub fn of_socket(path: impl Into<String>) -> Self {
        Self { host: path.into(), port: 0 }
    }

    /// Returns true if it is a Unix socket.
    #[must_use]
    pub fn is_socket(&self) -> bool {
        self.host.starts_with('/')
    }

    /// Reads `host:port`, the form in MOVED and ASK. If the host is missing, it is `default_host`, that of
    /// the node that answered.
    #[must_use]
    pub fn parse(text: &str, default_host: &str) -> Option<Self> {
        let (host, port) = text.rsplit_once(':')?;
        let host = if host.is_empty() { default_host } else { host };
        Some(Self::new(host, port.parse().ok()?))
    }
}

impl fmt::Display for NodeAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.host.contains(':') {
            _ if self.is_socket() => f.write_str(&self.host),
            true => write!(f, "[{}]:{}", self.host, self.port),
            false => write!(f, "{}:{}", self.host, self.port),
        }
    }
}

/// A primary and its replicas.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Shard {
    /// The name of the shard in results.
    pub name: String,
    /// The node that takes writes; `None` while there is none.
    pub primary: Option<NodeAddress>,
    /// The nodes that replicate the primary.
    pub replicas: Vec<NodeAddress>,
}

impl Shard {
    /// The primary and the replicas.
    pub fn nodes(&self) -> impl Iterator<Item = &NodeAddress> {
        self.primary.iter().chain(&self.replicas)
    }
}

/// The number in place of a shard's for a slot that no shard serves.
pub const UNSERVED: u16 = u16::MAX;

/// The rule by which a key is placed on a shard.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Placement {
    /// There is only one shard.
    One,
    /// By the hash slot, as Redis Cluster does; the number of the shard of each slot, or [`UNSERVED`].
    Slots(Box<[u16]>),
    /// By the highest of the weights that a key gives to the shards' names (rendezvous hashing: Thaler and
    /// Ravishankar, "Using name-based mappings to increase hit rates", 1998). Of `n + 1` shards one gets a
    /// share of `1 / (n + 1)` from the others, and no other key moves.
    Rendezvous,
    /// By a hash modulo the number of shards (control: nearly every key moves when a shard is added).
    Modulo,
}

/// The shards and the placement of keys at one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Layout {
    /// The shards.
    pub shards: Vec<Shard>,
    /// The rule by which keys are placed.
    pub placement: Placement,
}

impl Layout {
    /// The number of the shard of a key behind a prefix; `None` if its slot is not served.
    #[must_use]
    pub fn shard_of(&self, prefix: &str, key: &str) -> Option<usize> {
        match &self.placement {
            Placement::One => Some(0),
            Placement::Slots(shards) => {
                let shard = shards[usize::from(slot_of(prefix, key))];
                (shard != UNSERVED).then_some(usize::from(shard))
            }
            Placement::Rendezvous => {
                let hashed = hash(key);
                (0..self.shards.len()).max_by_key(|number| weight(&self.shards[*number].name, hashed))
            }
            Placement::Modulo => Some((hash(key) % self.shards.len().max(1) as u64) as usize),
        }
    }

    /// The group of a key behind a prefix: a command may name several keys of one group. In a cluster it is the hash slot,
    /// elsewhere the shard.
    #[must_use]
    pub fn group_of(&self, prefix: &str, key: &str) -> usize {
        match &self.placement {
            Placement::Slots(_) => usize::from(slot_of(prefix, key)),
            Placement::One | Placement::Rendezvous | Placement::Modulo => {
                self.shard_of(prefix, key).unwrap_or_default()
            }
        }
    }

    /// The index of the shard that a scenario refers to by a number. In a cluster, where shards come and go,
    /// the number is part of the shard's name; elsewhere, where a name may be anything, it is the index.
    #[must_use]
    pub fn place_of(&self, number: u64) -> Option<usize> {
        match &self.placement {
            Placement::Slots(_) => {
                let name = format!("shard{number}");
                self.shards.iter().position(|shard| shard.name == name)
            }
            _ => Some(number as usize).filter(|place| *place < self.shards.len()),
        }
    }

    /// The number of slots that a shard serves; `None` if keys are not placed by slots.
    #[must_use]
    pub fn slots_of(&self, shard: usize) -> Option<u64> {
        let Placement::Slots(shards) = &self.placement else { return None };
        Some(shards.iter().filter(|owner| usize::from(**owner) == shard).count() as u64)
    }

    /// The number of slots that no shard serves.
    #[must_use]
    pub fn unserved_slots(&self) -> u64 {
        let Placement::Slots(shards) = &self.placement else { return 0 };
        shards.iter().filter(|owner| **owner == UNSERVED).count() as u64
    }

    /// A slot map in which no slot is served.
    #[must_use]
    pub fn no_slots() -> Box<[u16]> {
        vec![UNSERVED; usize::from(SLOTS)].into()
    }
}

/// Hashes the key's tag if it has one, as a cluster does, so that keys with the same tag are on one shard
/// here too.
fn hash(key: &str) -> u64 {
    xxhash_rust::xxh3::xxh3_64(hash_tag(key).unwrap_or(key).as_bytes())
}

fn weight(shard: &str, hashed: u64) -> u64 {
    xxhash_rust::xxh3::xxh3_64_with_seed(shard.as_bytes(), hashed)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(shards: usize, placement: Placement) -> Layout {
        let shard = |number| Shard { name: format!("shard{number}"), ..Shard::default() };
        Layout { shards: (0..shards).map(shard).collect(), placement }
    }

    fn moved(placement: &Placement) -> f64 {
        let (three, four) = (of(3, placement.clone()), of(4, placement.clone()));
        let keys = 20_000;
        let moved = (0..keys).filter(|number| {
            let key = format!("product:{number}");
            three.shard_of("", &key) != four.shard_of("", &key)
        });
        moved.count() as f64 / f64::from(keys)
    }

    #[test]
    fn from_three_to_four_shards_a_quarter_of_the_keys_move_by_rendezvous_and_three_quarters_by_modulo() {
        assert!((moved(&Placement::Rendezvous) - 0.25).abs() < 0.02, "{}", moved(&Placement::Rendezvous));
        assert!((moved(&Placement::Modulo) - 0.75).abs() < 0.02, "{}", moved(&Placement::Modulo));
    }

    #[test]
    fn a_key_that_moves_by_rendezvous_moves_to_the_new_shard_and_shards_are_as_heavy_as_each_other() {
        let (three, four) = (of(3, Placement::Rendezvous), of(4, Placement::Rendezvous));
        let mut keys_of = [0; 4];
        for number in 0..20_000 {
            let key = format!("product:{number}");
            let (before, after) = (three.shard_of("", &key), four.shard_of("", &key).unwrap());
            assert!(before == Some(after) || after == 3);
            keys_of[after] += 1;
        }
        assert!(keys_of.iter().all(|keys| (4_700..5_300).contains(keys)), "{keys_of:?}");
    }

    #[test]
    fn keys_with_one_tag_are_on_one_shard_however_keys_are_placed() {
        for placement in [Placement::Rendezvous, Placement::Modulo] {
            let layout = of(5, placement);
            for number in 0..100 {
                let entry = layout.shard_of("run:", &format!("{{product:{number}}}:7"));
                assert_eq!(entry, layout.shard_of("run:", &format!("write-log:{{product:{number}}}")));
            }
        }
    }

    #[test]
    fn an_unserved_slot_has_no_shard() {
        let mut slots = Layout::no_slots();
        slots[12182] = 0;
        let layout = of(1, Placement::Slots(slots));
        assert_eq!(layout.shard_of("", "foo"), Some(0));
        assert_eq!(layout.shard_of("", "bar"), None);
        assert_eq!((layout.slots_of(0), layout.unserved_slots()), (Some(1), 16_383));
    }

    #[test]
    fn an_address_without_a_host_is_at_the_host_of_whoever_gave_it() {
        let address = |text| NodeAddress::parse(text, "10.0.0.1").map(|address| address.to_string());
        assert_eq!(address("10.0.0.2:7000").as_deref(), Some("10.0.0.2:7000"));
        assert_eq!(address(":7000").as_deref(), Some("10.0.0.1:7000"));
        assert_eq!(NodeAddress::parse("[::1]:7000", "").unwrap().host, "::1");
        assert_eq!(address("nonsense"), None);
        for written in ["[::1]:7000", "::1:7000", "[0:0:0:0:0:0:0:1]:7000"] {
            assert_eq!(address(written).as_deref(), Some("[::1]:7000"), "{written}");
        }
        assert_eq!(NodeAddress::of_socket("/run/redis.sock").to_string(), "/run/redis.sock");
    }
}
