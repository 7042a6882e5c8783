//! The nodes of a deployment, and the routing of commands to them: by the key, by the nodes' answers (MOVED,
//! ASK, READONLY, CLUSTERDOWN), and again after a pause if a node has certainly not carried the command out.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Weak};
use std::time::Duration;

use compact_str::CompactString;
use parking_lot::{Mutex, RwLock};
use redis::{RedisError, ServerErrorKind};
use tokio::sync::Notify;

use super::announced::AnnouncedAddresses;
use super::errors::{kind_of, store_error};
use super::failovers::LastPrimaries;
use super::layout::{Layout, NodeAddress, Placement};
use super::link::{Address, Link, RawAnswer};
use super::options::{ReadFrom, RedisOptions};
use super::scout::{Listening, Scout};
use super::wait::ReplicaWaits;
use super::wire::Pack;
use crate::base::clock::{self, Instant};
use crate::results::EventKind;
use crate::store::counters::Counters;
use crate::store::{ErrorKind, StoreError};

/// The kind of access that a command makes to its key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum CommandKind {
    /// It only reads, and the answer may be a moment out of date.
    Read,
    /// It changes something.
    Write,
}

/// The most MOVED and ASK in a row that are followed. More of them mean that nodes disagree.
const MOST_REDIRECTIONS: u32 = 8;
/// The least time between two looks at the layout, however many operations ask for one.
const LOOK_PAUSE: Duration = Duration::from_millis(50);
/// The time between two health checks of the nodes, if replicas answer reads.
const CHECK_EVERY: Duration = Duration::from_millis(250);

/// One server and the connections to it.
pub(super) struct FleetNode {
    pub(super) address: NodeAddress,
    links: Box<[Arc<Link>]>,
    next: AtomicUsize,
    /// True if it answered the last health check.
    live: AtomicBool,
    /// The time that the last answered health check took.
    round_trip_us: AtomicU64,
    waits: ReplicaWaits,
}

impl FleetNode {
    fn new(options: &RedisOptions, address: &NodeAddress) -> Result<Self, StoreError> {
        // A cluster's replica answers reads only on connections that have sent READONLY.
        let reads_replica = options.read_from != ReadFrom::Primary
            && matches!(options.kind, super::options::DeploymentKind::Cluster { .. });
        let how = Arc::new(Address::of_node(options, address, reads_replica)?);
        let links = (0..options.connections.max(1)).map(|_| Link::unconnected(Arc::clone(&how))).collect();
        Ok(Self {
            address: address.clone(),
            links,
            next: AtomicUsize::new(0),
            live: AtomicBool::new(true),
            round_trip_us: AtomicU64::new(0),
            waits: ReplicaWaits::new(options, address)?,
        })
    }

    /// One of the node's connections, in rotation.
    pub(super) fn link(&self) -> &Arc<Link> {
        // With one connection there is no need for a counter that all threads write to.
        let turn = if self.links.len() == 1 { 0 } else { self.next.fetch_add(1, Relaxed) };
        &self.links[turn % self.links.len()]
    }

    /// Checks the node's health by a PING.
    async fn check(&self, bound: Duration) {
        let started = Instant::now();
        let ping = redis::cmd("PING");
        let answer = tokio::time::timeout(bound, self.links[0].raw_request(&ping, "checking a node")).await;
        let is_live = matches!(answer, Ok(Ok(Ok(_))));
        if is_live {
            let took = u64::try_from(started.elapsed().as_micros()).unwrap_or(u64::MAX);
            self.round_trip_us.store(took, Relaxed);
        }
        self.live.store(is_live, Relaxed);
    }
}

/// A shard's nodes.
struct ShardNodes {
    primary: Option<Arc<FleetNode>>,
    replicas: Box<[Arc<FleetNode>]>,
    next: AtomicUsize,
}

/// A layout with the nodes that it names.
pub(super) struct Map {
    pub(super) layout: Layout,
    shards: Box<[ShardNodes]>,
}

impl Map {
    fn node(&self, address: &NodeAddress) -> Option<&Arc<FleetNode>> {
        self.nodes().find(|node| node.address == *address)
    }

    fn nodes(&self) -> impl Iterator<Item = &Arc<FleetNode>> {
        self.shards.iter().flat_map(|shard| shard.primary.iter().chain(&shard.replicas))
    }
}

/// All nodes of a deployment. Its background tasks hold only weak references and end when it is dropped.
pub(super) struct Fleet {
    options: RedisOptions,
    map: RwLock<Arc<Map>>,
    /// Nodes that a MOVED or ASK named and that the layout does not contain yet.
    unknown_nodes: RwLock<HashMap<NodeAddress, Arc<FleetNode>>>,
    addresses: AnnouncedAddresses,
    scout: Scout,
    last_primaries: Mutex<LastPrimaries>,
    wanted: Arc<Notify>,
    /// The subscription to the sentinels, which ends when this is dropped.
    _listening: Option<Listening>,
}

impl Fleet {
    /// Finds the nodes and connects to them.
    pub(super) async fn connect(options: RedisOptions) -> Result<Arc<Self>, StoreError> {
        let scout = Scout::new(&options)?;
        let layout = scout.look(&[]).await?;
        let last_primaries = Mutex::new(LastPrimaries::of(&layout));
        let map = map(&options, layout, &HashMap::new())?;
        for shard in &map.shards {
            let Some(primary) = &shard.primary else { continue };
            for link in &primary.links {
                link.connected().await?;
            }
            for replica in &shard.replicas {
                // A replica that is down is left to the health check.
                let _ = replica.links[0].connected().await;
            }
        }
        let wanted = Arc::<Notify>::default();
        let listening = scout.listen(&wanted);
        let fleet = Arc::new(Self {
            options,
            map: RwLock::new(Arc::new(map)),
            unknown_nodes: RwLock::default(),
            addresses: AnnouncedAddresses::default(),
            scout,
            last_primaries,
            wanted,
            _listening: listening,
        });
        if fleet.scout.can_change() {
            tokio::spawn(keep_looking(Arc::downgrade(&fleet)));
        }
        if fleet.options.read_from != ReadFrom::Primary {
            tokio::spawn(keep_checking(Arc::downgrade(&fleet)));
        }
        Ok(fleet)
    }

    /// The layout and the nodes as known now.
    pub(super) fn map(&self) -> Arc<Map> {
        Arc::clone(&self.map.read())
    }

    pub(super) fn options(&self) -> &RedisOptions {
        &self.options
    }

    /// The places of keys, by groups that one command can name.
    pub(super) fn grouped(&self, keys: &[CompactString]) -> Vec<Vec<usize>> {
        let map = self.map.read();
        let mut groups: Vec<(usize, Vec<usize>)> = Vec::new();
        for (place, key) in keys.iter().enumerate() {
            let group = map.layout.group_of(&self.options.key_prefix, key);
            match groups.iter_mut().find(|(known, _)| *known == group) {
                Some((_, places)) => places.push(place),
                None => groups.push((group, vec![place])),
            }
        }
        groups.into_iter().map(|(_, places)| places).collect()
    }

    /// Every primary that is known now.
    pub(super) fn primaries(&self) -> Vec<Arc<FleetNode>> {
        self.map().shards.iter().filter_map(|shard| shard.primary.clone()).collect()
    }

    /// Why a shard has no primary, as far as that is known.
    pub(super) fn why_no_primary(&self, shard: &str) -> Option<String> {
        self.scout.why_no_primary(shard)
    }

    /// The addresses of all primaries, for connections of the caller's own.
    pub(super) fn primary_addresses(&self) -> Vec<Arc<Address>> {
        self.primaries().iter().map(|node| Arc::clone(node.links[0].address())).collect()
    }

    /// Sends a command to a node of its key and waits for the answer. The inner error is the server's as it
    /// came; the outer one means that no node could be asked.
    pub(super) async fn request(
        &self,
        key: &str,
        access: CommandKind,
        command: &impl Pack,
        doing: &str,
    ) -> Result<RawAnswer, StoreError> {
        // With one server there is no other node to try, so the clock need not be read for every command.
        let started = self.scout.can_change().then(Instant::now);
        let picked = self.pick(key, access);
        let copied = picked.as_ref().is_some_and(|(_, is_copy)| *is_copy);
        let sent = match &picked {
            Some((node, false)) => node.link().send(command).ok(),
            _ => None,
        };
        // What does not go straight to a primary that is connected is boxed, and all that may come after a failure: else
        // every operation would carry the room for it about.
        let first = match sent {
            Some(sent) => Ok(sent.answer(doing).await),
            None => Box::pin(self.first(picked, command, doing)).await,
        };
        if let Ok(Ok(value)) = first {
            return Ok(Ok(value));
        }
        let deadline = started.unwrap_or_else(Instant::now) + self.options.response_timeout;
        Box::pin(self.again(first, copied, deadline, key, access, command, doing)).await
    }

    /// Sends a command to the node that was picked, which is a replica or is not connected.
    async fn first(
        &self,
        picked: Option<(Arc<FleetNode>, bool)>,
        command: &dyn Pack,
        doing: &str,
    ) -> Result<RawAnswer, StoreError> {
        match picked {
            Some((node, true)) => {
                // A replica that does not answer must leave the primary enough time to answer.
                let bound = self.options.response_timeout / 3;
                let asked = tokio::time::timeout(bound, node.link().raw_request(command, doing));
                asked.await.unwrap_or_else(|_| {
                    node.live.store(false, Relaxed);
                    Err(StoreError::new(ErrorKind::Connection, "a replica did not answer in time"))
                })
            }
            Some((node, false)) => node.link().raw_request(command, doing).await,
            None => Err(self.no_primary(doing)),
        }
    }

    /// Sends a command that failed at the first node to another node, or to the same one later.
    #[allow(clippy::too_many_arguments, reason = "all of them belong to the one request")]
    async fn again(
        &self,
        first: Result<RawAnswer, StoreError>,
        mut copied: bool,
        deadline: Instant,
        key: &str,
        access: CommandKind,
        command: &dyn Pack,
        doing: &str,
    ) -> Result<RawAnswer, StoreError> {
        let (mut answer, mut redirections, mut retries) = (first, 0, 0);
        loop {
            let next = tokio::time::timeout_at(deadline, self.what_next(&answer, access)).await;
            let Ok(next) = next else { return Err(self.too_late(doing)) };
            let node = match next {
                Next::Moved(to) if redirections < MOST_REDIRECTIONS => {
                    redirections += 1;
                    self.wanted.notify_one();
                    self.node_at(&to)?
                }
                Next::Ask(to) if redirections < MOST_REDIRECTIONS => {
                    redirections += 1;
                    let node = self.node_at(&to)?;
                    let asked = tokio::time::timeout_at(deadline, node.link().asking_request(command, doing));
                    answer = asked.await.unwrap_or_else(|_| Err(self.too_late(doing)));
                    continue;
                }
                Next::Give | Next::Moved(_) | Next::Ask(_) => return answer,
                // If a replica does not answer, the primary is asked at once.
                Next::Later if std::mem::take(&mut copied) => {
                    let Some((primary, _)) = self.pick(key, CommandKind::Write) else {
                        answer = Err(self.no_primary(doing));
                        continue;
                    };
                    primary
                }
                Next::Later if retries < self.options.retries => {
                    let pause = self.options.retry_pause * 2_u32.saturating_pow(retries);
                    retries += 1;
                    if Instant::now() + pause >= deadline {
                        return answer;
                    }
                    self.look_and_pause(pause).await;
                    let Some((node, _)) = self.pick(key, CommandKind::Write) else {
                        answer = Err(self.no_primary(doing));
                        continue;
                    };
                    node
                }
                Next::Later => {
                    self.wanted.notify_one();
                    return answer;
                }
            };
            let asked = tokio::time::timeout_at(deadline, node.link().raw_request(command, doing));
            answer = match asked.await {
                Ok(answer) => answer,
                Err(_) => return Err(self.too_late(doing)),
            };
        }
    }

    async fn what_next(&self, answer: &Result<RawAnswer, StoreError>, access: CommandKind) -> Next {
        let error = match answer {
            Ok(Ok(_)) => return Next::Give,
            // The command was not even sent.
            Err(_) => return Next::Later,
            Ok(Err(error)) => error,
        };
        let redirected = match error.redirect_node() {
            Some((address, _)) => self.redirect_address(address).await,
            None => None,
        };
        match error.kind() {
            redis::ErrorKind::Server(ServerErrorKind::Moved) => redirected.map_or(Next::Later, Next::Moved),
            redis::ErrorKind::Server(ServerErrorKind::Ask) => redirected.map_or(Next::Later, Next::Ask),
            // Of several keys that are looked up some have moved; whoever asks can ask for each alone.
            redis::ErrorKind::Server(ServerErrorKind::TryAgain) if access == CommandKind::Read => Next::Give,
            _ => match kind_of(error) {
                // The server has refused it, so nothing has happened.
                ErrorKind::Unavailable | ErrorKind::ReadOnly => Next::Later,
                // It may have been carried out, which does not matter for a read.
                ErrorKind::Connection if access == CommandKind::Read => Next::Later,
                ErrorKind::Connection => {
                    self.wanted.notify_one();
                    Next::Give
                }
                _ => Next::Give,
            },
        }
    }

    /// The node that a redirection names. A node whose host nobody knows here is the one that is known by its port, if
    /// there is but one.
    async fn redirect_address(&self, address: &str) -> Option<NodeAddress> {
        let named = NodeAddress::parse(address, "?")?;
        let map = self.map();
        let is_reached = map.node(&named).is_some()
            || self.options.address_map.maps(&named)
            || named.host.parse::<std::net::IpAddr>().is_ok()
            || named.host != "?" && self.addresses.can_be_looked_up(&named).await;
        if is_reached {
            return Some(named);
        }
        let mut with_port = map.nodes().filter(|node| node.address.port == named.port);
        let only = with_port.next()?;
        with_port.next().is_none().then(|| only.address.clone())
    }

    fn no_primary(&self, doing: &str) -> StoreError {
        let url = &self.options.url;
        StoreError::new(ErrorKind::Unavailable, format!("{doing} at Redis {url}: no primary serves this key"))
    }

    fn too_late(&self, doing: &str) -> StoreError {
        let (url, bound) = (&self.options.url, self.options.response_timeout);
        StoreError::new(ErrorKind::Timeout, format!("{doing} at Redis {url}: no answer within {bound:?}"))
    }

    /// The node to send a command to, and whether it is a replica.
    fn pick(&self, key: &str, access: CommandKind) -> Option<(Arc<FleetNode>, bool)> {
        let map = self.map.read();
        let shard = &map.shards[map.layout.shard_of(&self.options.key_prefix, key)?];
        if access == CommandKind::Write
            || self.options.read_from == ReadFrom::Primary
            || shard.replicas.is_empty()
        {
            return Some((Arc::clone(shard.primary.as_ref()?), false));
        }
        let live = |node: &&Arc<FleetNode>| node.live.load(Relaxed);
        let replicas = shard.replicas.iter().filter(live);
        let by_turns = |among: Vec<&Arc<FleetNode>>| {
            let turn = shard.next.fetch_add(1, Relaxed);
            (!among.is_empty()).then(|| Arc::clone(among[turn % among.len()]))
        };
        let chosen = match self.options.read_from {
            ReadFrom::Primary => None,
            ReadFrom::Replicas => by_turns(replicas.collect()),
            ReadFrom::Spread => by_turns(replicas.chain(shard.primary.iter().filter(live)).collect()),
            ReadFrom::Nearest => replicas
                .chain(shard.primary.iter().filter(live))
                .min_by_key(|node| node.round_trip_us.load(Relaxed))
                .cloned(),
        };
        let chosen = chosen.or_else(|| shard.primary.clone())?;
        let copies = shard.primary.as_ref().is_none_or(|primary| !Arc::ptr_eq(primary, &chosen));
        Some((chosen, copies))
    }

    fn node_at(&self, address: &NodeAddress) -> Result<Arc<FleetNode>, StoreError> {
        if let Some(node) = self.map.read().node(address) {
            return Ok(Arc::clone(node));
        }
        if let Some(node) = self.unknown_nodes.read().get(address) {
            return Ok(Arc::clone(node));
        }
        let node = Arc::new(FleetNode::new(&self.options, address)?);
        Ok(Arc::clone(self.unknown_nodes.write().entry(address.clone()).or_insert(node)))
    }

    /// Asks for a look at the layout and sleeps for the pause.
    async fn look_and_pause(&self, pause: Duration) {
        self.wanted.notify_one();
        clock::sleep(pause).await;
    }

    /// Waits until enough replicas have all changes to a key so far.
    pub(super) async fn wait_for_replicas(&self, key: &str, counters: &Counters) -> Result<(), StoreError> {
        if self.options.wait_replicas == 0 {
            return Ok(());
        }
        match self.pick(key, CommandKind::Write) {
            Some((node, _)) => node.waits.wait(&self.options.key_prefix, key, counters).await,
            None => Err(self.no_primary("waiting for replicas")),
        }
    }

    /// Looks at the layout again. Nodes that are known already keep their connections.
    pub(super) async fn look(&self) -> Result<(), StoreError> {
        let before = self.map();
        let known: Vec<Arc<Link>> = before.nodes().map(|node| Arc::clone(&node.links[0])).collect();
        let layout = self.scout.look(&known).await?;
        if layout == before.layout {
            return Ok(());
        }
        let others = self.last_primaries.lock().take_over(&layout);
        for (shard, primary) in others {
            self.options.journal.note(EventKind::Failover, shard, format!("{primary} is its primary now"));
        }
        let whole = before.layout.unserved_slots() == 0 && layout.unserved_slots() == 0;
        if whole && before.layout.shards.len() != layout.shards.len() {
            let detail = format!("{} shards now", layout.shards.len());
            self.options.journal.note(EventKind::Resharded, "the cache", detail);
        }
        let mut nodes: HashMap<_, _> =
            before.nodes().map(|node| (node.address.clone(), Arc::clone(node))).collect();
        nodes.extend(self.unknown_nodes.write().drain());
        *self.map.write() = Arc::new(map(&self.options, layout, &nodes)?);
        Ok(())
    }
}

/// The next step after an answer.
enum Next {
    /// The answer is returned to the caller.
    Give,
    /// Another node serves the slot.
    Moved(NodeAddress),
    /// Another node has this key already, while its slot is being moved there.
    Ask(NodeAddress),
    /// The command was not carried out and is sent again after a pause.
    Later,
}

fn map(
    options: &RedisOptions,
    layout: Layout,
    known: &HashMap<NodeAddress, Arc<FleetNode>>,
) -> Result<Map, StoreError> {
    let node = |address: &NodeAddress| match known.get(address) {
        Some(node) => Ok(Arc::clone(node)),
        None => FleetNode::new(options, address).map(Arc::new),
    };
    let mut shards = Vec::with_capacity(layout.shards.len());
    for shard in &layout.shards {
        shards.push(ShardNodes {
            primary: shard.primary.as_ref().map(node).transpose()?,
            replicas: shard.replicas.iter().map(node).collect::<Result<_, _>>()?,
            next: AtomicUsize::new(0),
        });
    }
    if shards.is_empty() && layout.placement == Placement::One {
        return Err(StoreError::new(ErrorKind::Unavailable, "there is no server"));
    }
    Ok(Map { layout, shards: shards.into() })
}

/// Looks at the layout whenever an operation asks for it, and at regular intervals.
async fn keep_looking(fleet: Weak<Fleet>) {
    loop {
        {
            let Some(fleet) = fleet.upgrade() else { return };
            let wanted = fleet.wanted.notified();
            let _ = tokio::time::timeout(fleet.options.look_every, wanted).await;
            if let Err(error) = fleet.look().await {
                tracing::debug!("the layout of the cache could not be looked at: {error}");
            }
        }
        tokio::time::sleep(LOOK_PAUSE).await;
    }
}

/// Checks at regular intervals which nodes are live, and the round trip to each.
async fn keep_checking(fleet: Weak<Fleet>) {
    loop {
        {
            let Some(fleet) = fleet.upgrade() else { return };
            let map = fleet.map();
            let bound = fleet.options.response_timeout.min(CHECK_EVERY);
            futures_util::future::join_all(map.nodes().map(|node| node.check(bound))).await;
        }
        tokio::time::sleep(CHECK_EVERY).await;
    }
}

/// The error in a server's answer, as hotset reports it.
pub(super) fn as_store_error(fleet: &Fleet, error: &RedisError, doing: &str) -> StoreError {
    store_error(error, doing, &fleet.options.url)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::redis::address_map::AddressMap;
    use crate::store::redis::layout::Shard;

    fn fleet() -> Fleet {
        let address_map = AddressMap::new([("mapped.invalid:7009", "127.0.0.1:1")]).unwrap();
        let options = RedisOptions { address_map, ..RedisOptions::at("redis://127.0.0.1:1") };
        let node = |port| NodeAddress::new("127.0.0.1", port);
        let shard = Shard { name: "shard0".into(), primary: Some(node(7000)), replicas: vec![node(7002)] };
        let layout = Layout { shards: vec![shard], placement: Placement::One };
        Fleet {
            scout: Scout::new(&options).unwrap(),
            last_primaries: Mutex::new(LastPrimaries::of(&layout)),
            map: RwLock::new(Arc::new(map(&options, layout, &HashMap::new()).unwrap())),
            unknown_nodes: RwLock::default(),
            addresses: AnnouncedAddresses::default(),
            wanted: Arc::default(),
            _listening: None,
            options,
        }
    }

    #[tokio::test]
    async fn a_redirection_to_a_name_goes_to_that_name_or_to_the_node_that_is_known_by_its_port() {
        let fleet = fleet();
        for (named, found) in [
            ("127.0.0.9:7001", Some("127.0.0.9:7001")),
            ("localhost:7001", Some("localhost:7001")),
            ("mapped.invalid:7009", Some("mapped.invalid:7009")),
            ("unknown-name.invalid:7000", Some("127.0.0.1:7000")),
            ("?:7002", Some("127.0.0.1:7002")),
            (":7002", Some("127.0.0.1:7002")),
            ("unknown-name.invalid:7001", None),
        ] {
            let address = fleet.redirect_address(named).await.map(|address| address.to_string());
            assert_eq!(address.as_deref(), found, "{named}");
        }
    }
}
