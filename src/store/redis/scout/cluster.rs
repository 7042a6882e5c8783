//! Discovery for Redis Cluster, of which any node tells which node serves which slots (CLUSTER SLOTS).

use std::sync::Arc;

use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;
use redis::Value;

use super::answers::{read, unexpected};
use crate::store::redis::address_map::AddressMap;
use crate::store::redis::announced::{AnnouncedAddresses, AnnouncedNode};
use crate::store::redis::layout::{Layout, NodeAddress, Placement, Shard, UNSERVED};
use crate::store::redis::link::{Address, Link};
use crate::store::redis::options::RedisOptions;
use crate::store::redis::shard_names::ShardNames;
use crate::store::{ErrorKind, SecretUrl, StoreError};

const DOING: &str = "asking for the slots of the cluster";

/// The scout for Redis Cluster, see the module.
pub(in crate::store::redis) struct Cluster {
    seeds: Vec<Arc<Address>>,
    addresses: AnnouncedAddresses,
    address_map: AddressMap,
    names: ShardNames,
}

impl Cluster {
    pub(super) fn new(options: &RedisOptions, more: &[SecretUrl]) -> Result<Self, StoreError> {
        let seed = |url| Ok(Arc::new(Address::of(options, url, false)?));
        let seeds = std::iter::once(&options.url).chain(more).map(seed).collect::<Result<_, StoreError>>()?;
        Ok(Self {
            seeds,
            addresses: AnnouncedAddresses::default(),
            address_map: options.address_map.clone(),
            names: options.shard_names.clone(),
        })
    }

    /// Where a node was asked. What is behind a socket has announced its address on this machine.
    fn asked(link: &Arc<Link>) -> Result<NodeAddress, StoreError> {
        let asked = NodeAddress::of_url(link.address().url())?;
        Ok(if asked.is_socket() { NodeAddress::new("127.0.0.1", 0) } else { asked })
    }

    /// Asks all nodes at once and takes the first answer in which every slot is served, or else the one with
    /// the most served slots. If that is out of date, MOVED tells so and the next look follows soon.
    pub(super) async fn look(&self, known: &[Arc<Link>]) -> Result<Layout, StoreError> {
        let layout = match self.ask(known).await {
            Ok(layout) => layout,
            Err(_) => self.ask(&self.seeds()).await?,
        };
        Ok(self.names.name(layout))
    }

    /// Connections to the seeds for one look. They are not kept, since they are hardly ever needed again and
    /// take memory that the server could use for entries.
    fn seeds(&self) -> Vec<Arc<Link>> {
        self.seeds.iter().map(|seed| Link::unconnected(Arc::clone(seed))).collect()
    }

    async fn ask(&self, links: &[Arc<Link>]) -> Result<Layout, StoreError> {
        let mut asked: FuturesUnordered<_> = links.iter().map(|link| self.ask_one(link)).collect();
        let mut last = StoreError::new(ErrorKind::Unavailable, format!("{DOING}: there is nobody to ask"));
        let mut best: Option<Layout> = None;
        while let Some(answer) = asked.next().await {
            match answer {
                Ok(layout) if layout.unserved_slots() == 0 => return Ok(layout),
                // Another node may already know who serves the rest, as after a failover.
                Ok(layout) => {
                    let is_better =
                        best.as_ref().is_none_or(|best| layout.unserved_slots() < best.unserved_slots());
                    if is_better {
                        best = Some(layout);
                    }
                }
                Err(error) => last = error,
            }
        }
        best.ok_or(last)
    }

    async fn ask_one(&self, link: &Arc<Link>) -> Result<Layout, StoreError> {
        if !link.is_up() {
            link.connected().await?;
        }
        let answer = link.request(redis::cmd("CLUSTER").arg("SLOTS"), DOING).await.map_err(|error| {
            if error.detail.contains("cluster support disabled") {
                let detail = format!("{}; use the topology \"single\" for it", error.detail);
                return StoreError::new(ErrorKind::Unavailable, detail);
            }
            error
        })?;
        let ranges = ranges(answer)?;
        let nodes: Vec<_> = ranges.iter().flat_map(|range| range.nodes.clone()).collect();
        let asked = Self::asked(link)?;
        let addresses = self.addresses.of(&nodes, &asked, |node| self.address_map.maps(node)).await;
        layout(&ranges, addresses)
    }
}

/// A range of slots, with its primary first and then its replicas.
struct Range {
    from: u16,
    to: u16,
    nodes: Vec<AnnouncedNode>,
}

/// Reads the answer to CLUSTER SLOTS.
fn ranges(answer: Value) -> Result<Vec<Range>, StoreError> {
    let range = |parts: Vec<Value>| {
        let mut parts = parts.into_iter();
        let (Some(from), Some(to)) = (parts.next(), parts.next()) else { return Err(unexpected(DOING)) };
        let nodes: Option<Vec<_>> = parts.map(AnnouncedNode::of_slots).collect();
        let nodes = nodes.filter(|nodes| !nodes.is_empty()).ok_or_else(|| unexpected(DOING))?;
        Ok(Range { from: read(from, DOING)?, to: read(to, DOING)?, nodes })
    };
    let all: Vec<Vec<Value>> = read(answer, DOING)?;
    let mut ranges = all.into_iter().map(range).collect::<Result<Vec<_>, StoreError>>()?;
    // New shards are named in the order of their lowest slots.
    ranges.sort_by_key(|range| range.from);
    Ok(ranges)
}

/// The layout of ranges, with the addresses of their nodes, one after the other.
fn layout(ranges: &[Range], addresses: Vec<NodeAddress>) -> Result<Layout, StoreError> {
    let mut addresses = addresses.into_iter();
    let mut shards: Vec<Shard> = Vec::new();
    let mut slots = Layout::no_slots();
    for Range { from, to, nodes } in ranges {
        let mut of_range: Vec<NodeAddress> = addresses.by_ref().take(nodes.len()).collect();
        if of_range.is_empty() {
            return Err(unexpected(DOING));
        }
        let primary = of_range.remove(0);
        let known = shards.iter().position(|shard| shard.primary.as_ref() == Some(&primary));
        let number = known.unwrap_or_else(|| {
            of_range.sort();
            shards.push(Shard { name: String::new(), primary: Some(primary), replicas: of_range });
            shards.len() - 1
        });
        let Some(range) = slots.get_mut(usize::from(*from)..=usize::from(*to)) else {
            return Err(unexpected(DOING));
        };
        range.fill(u16::try_from(number).unwrap_or(UNSERVED));
    }
    Ok(Layout { shards, placement: Placement::Slots(slots) })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn node(host: &str, port: i64) -> Value {
        Value::Array(vec![Value::BulkString(host.into()), Value::Int(port), Value::BulkString("id".into())])
    }

    fn range(from: i64, to: i64, nodes: Vec<Value>) -> Value {
        Value::Array([vec![Value::Int(from), Value::Int(to)], nodes].concat())
    }

    async fn layout_of(answer: Value) -> Result<Layout, StoreError> {
        let ranges = ranges(answer)?;
        let nodes: Vec<_> = ranges.iter().flat_map(|range| range.nodes.clone()).collect();
        let asked = NodeAddress::new("10.0.0.1", 1);
        layout(&ranges, AnnouncedAddresses::default().of(&nodes, &asked, |_| false).await)
    }

    #[tokio::test]
    async fn slots_are_read_with_their_primaries_and_replicas() {
        let answer = Value::Array(vec![
            range(8000, 16_383, vec![node("10.0.0.2", 7001)]),
            range(0, 4000, vec![node("", 7000), node("10.0.0.3", 7002)]),
            range(4002, 7999, vec![node("", 7000), node("10.0.0.3", 7002)]),
        ]);
        let layout = layout_of(answer).await.unwrap();
        assert_eq!(layout.shards.len(), 2);
        assert_eq!(layout.shards[0].primary, Some(NodeAddress::new("10.0.0.1", 7000)));
        assert_eq!(layout.shards[0].replicas, [NodeAddress::new("10.0.0.3", 7002)]);
        assert_eq!((layout.slots_of(0), layout.slots_of(1)), (Some(7999), Some(8384)));
        assert_eq!(layout.unserved_slots(), 1);
    }

    #[tokio::test]
    async fn an_answer_that_is_no_slots_is_an_error_and_no_panic() {
        for answer in [Value::Nil, Value::Okay, Value::Array(vec![Value::Array(vec![Value::Int(1)])])] {
            let layout = layout_of(answer).await;
            assert!(layout.is_err() || layout.unwrap().shards.is_empty());
        }
        let out_of_range = Value::Array(vec![range(0, 20_000, vec![node("h", 1)])]);
        assert!(layout_of(out_of_range).await.is_err());
    }
}
