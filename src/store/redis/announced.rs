//! The addresses that nodes of a cluster announce, and which of them to connect to. Nodes may announce a name that nobody
//! knows here, an address behind a translation (NAT), `?`, or nothing, which means "where you asked".

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use futures_util::future::join_all;
use parking_lot::Mutex;
use redis::Value;

use super::layout::NodeAddress;

/// The longest that looking up a name may take.
const LOOKUP_BOUND: Duration = Duration::from_secs(1);

/// A node as another one announces it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct AnnouncedNode {
    /// The id of the node; empty where the server gives none.
    pub id: String,
    /// The host that the cluster prefers: an address, a name, `?` where it has none, or `None` for where one asked.
    pub preferred: Option<String>,
    /// Its IP address, where that is told beside the preferred host.
    pub ip: Option<String>,
    /// Its port.
    pub port: u16,
}

impl AnnouncedNode {
    /// Reads a node in an answer to CLUSTER SLOTS: host, port, id, and a list of further names and values.
    #[must_use]
    pub fn of_slots(node: Value) -> Option<Self> {
        let Value::Array(parts) = node else { return None };
        let mut parts = parts.into_iter();
        let preferred: Option<String> = redis::from_redis_value(parts.next()?).ok()?;
        let port = redis::from_redis_value(parts.next()?).ok()?;
        let id = parts.next().and_then(|id| redis::from_redis_value(id).ok()).unwrap_or_default();
        let more =
            parts.next().and_then(|more| redis::from_redis_value::<HashMap<String, String>>(more).ok());
        let ip = more.and_then(|mut more| more.remove("ip"));
        Some(Self { id, preferred, ip, port })
    }

    /// Reads a line of CLUSTER NODES, `id ip:port@bus-port,name flags …`; `None` for a node whose address nobody knows, and
    /// for one that is just being met.
    #[must_use]
    pub fn of_nodes(line: &str) -> Option<Self> {
        let mut words = line.split(' ');
        let (id, address, flags) = (words.next()?, words.next()?, words.next()?);
        if flags.split(',').any(|flag| matches!(flag, "noaddr" | "handshake")) {
            return None;
        }
        let address = address.split(['@', ',']).next()?;
        let (host, port) = address.rsplit_once(':')?;
        let host = (!host.is_empty()).then(|| host.to_owned());
        let port = port.parse().ok().filter(|port| *port != 0)?;
        Some(Self { id: id.to_owned(), preferred: host.clone(), ip: host, port })
    }

    /// The address if one connects to where one asked.
    fn beside(&self, asked: &NodeAddress) -> NodeAddress {
        NodeAddress::new(asked.host.clone(), self.port)
    }

    fn at_ip(&self) -> Option<NodeAddress> {
        let ip = self.ip.as_deref().filter(|ip| is_known(ip))?;
        Some(NodeAddress::new(ip, self.port))
    }
}

/// Returns false for what stands in the place of a host that nobody knows.
fn is_known(host: &str) -> bool {
    !host.is_empty() && host != "?"
}

/// Decides where announced nodes are connected to. Run and monitor share it.
#[derive(Debug, Default)]
pub struct AnnouncedAddresses {
    /// The names that have been looked up here. One that could not be may be known by the next time.
    names: Mutex<HashSet<String>>,
}

impl AnnouncedAddresses {
    /// The addresses of nodes, in their order, as a node at `asked` announced them. `maps` says of an address that it is
    /// translated before it is connected to, so that nothing need be known of it here.
    pub async fn of(
        &self,
        nodes: &[AnnouncedNode],
        asked: &NodeAddress,
        maps: impl Fn(&NodeAddress) -> bool,
    ) -> Vec<NodeAddress> {
        let addresses = join_all(nodes.iter().map(|node| self.of_one(node, asked, &maps))).await;
        let mut ids: HashMap<&NodeAddress, HashSet<&str>> = HashMap::new();
        for (node, address) in nodes.iter().zip(&addresses) {
            ids.entry(address).or_default().insert(&node.id);
        }
        // Two nodes cannot be where one asked, so that the announced IP addresses are more likely right.
        let of = |(node, address): (&AnnouncedNode, &NodeAddress)| match node.at_ip() {
            Some(at_ip) if ids[address].len() > 1 => at_ip,
            _ => address.clone(),
        };
        nodes.iter().zip(&addresses).map(of).collect()
    }

    async fn of_one(
        &self,
        node: &AnnouncedNode,
        asked: &NodeAddress,
        maps: impl Fn(&NodeAddress) -> bool,
    ) -> NodeAddress {
        let beside = || node.beside(asked);
        let preferred = node.preferred.as_deref();
        if !preferred.is_some_and(is_known)
            && let Some(at_ip) = node.at_ip().filter(|at_ip| preferred.is_some() || maps(at_ip))
        {
            return at_ip;
        }
        let Some(preferred) = preferred.filter(|host| is_known(host)) else { return beside() };
        let address = NodeAddress::new(preferred, node.port);
        if maps(&address) {
            return address;
        }
        match node.at_ip() {
            Some(at_ip) if at_ip != address && !self.can_be_looked_up(&address).await => at_ip,
            _ => address,
        }
    }

    /// Returns true if there is an address for a name here. A name that is known is not looked up again.
    pub(super) async fn can_be_looked_up(&self, address: &NodeAddress) -> bool {
        if self.names.lock().contains(&address.host) {
            return true;
        }
        let looking = tokio::net::lookup_host((address.host.as_str(), address.port));
        let found = tokio::time::timeout(LOOKUP_BOUND, looking).await;
        let is_there = found.is_ok_and(|found| found.is_ok_and(|mut all| all.next().is_some()));
        if is_there {
            self.names.lock().insert(address.host.clone());
        }
        is_there
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn node(id: &str, preferred: Option<&str>, ip: Option<&str>, port: u16) -> AnnouncedNode {
        let text = |text: &str| text.to_owned();
        AnnouncedNode { id: id.into(), preferred: preferred.map(text), ip: ip.map(text), port }
    }

    async fn of(nodes: &[AnnouncedNode]) -> Vec<String> {
        let asked = NodeAddress::new("10.9.9.9", 6379);
        let addresses =
            AnnouncedAddresses::default().of(nodes, &asked, |node| node.host.starts_with("mapped")).await;
        addresses.iter().map(ToString::to_string).collect()
    }

    #[tokio::test]
    async fn what_a_node_does_not_know_is_taken_from_what_else_it_tells() {
        let nodes = [
            node("a", Some("10.0.0.1"), None, 7000),
            node("b", Some("?"), Some("10.0.0.2"), 7000),
            node("c", Some("?"), None, 7001),
            node("d", None, Some("172.17.0.4"), 7002),
            node("e", Some("unknown-name.invalid"), Some("10.0.0.5"), 7000),
            node("f", Some("unknown-name.invalid"), None, 7003),
            node("g", Some("mapped.invalid"), Some("10.0.0.7"), 7000),
            node("h", Some("localhost"), Some("10.0.0.8"), 7000),
            node("i", Some("0:0:0:0:0:0:0:1"), None, 7000),
        ];
        let expected = [
            "10.0.0.1:7000",
            "10.0.0.2:7000",
            "10.9.9.9:7001",
            "10.9.9.9:7002",
            "10.0.0.5:7000",
            "unknown-name.invalid:7003",
            "mapped.invalid:7000",
            "localhost:7000",
            "[::1]:7000",
        ];
        assert_eq!(of(&nodes).await, expected);
    }

    #[tokio::test]
    async fn a_node_that_announces_nothing_is_at_its_ip_address_where_that_is_mapped() {
        let nodes = [node("a", None, Some("10.0.0.5"), 7000), node("b", None, Some("10.0.0.6"), 7001)];
        let asked = NodeAddress::new("10.9.9.9", 6379);
        let mapped = NodeAddress::new("10.0.0.5", 7000);
        let found = AnnouncedAddresses::default().of(&nodes, &asked, |node| *node == mapped).await;
        assert_eq!(found, [mapped.clone(), NodeAddress::new("10.9.9.9", 7001)]);
    }

    #[tokio::test]
    async fn a_name_that_could_not_be_looked_up_once_is_looked_up_again() {
        let addresses = AnnouncedAddresses::default();
        assert!(!addresses.can_be_looked_up(&NodeAddress::new("unknown-name.invalid", 1)).await);
        assert!(addresses.can_be_looked_up(&NodeAddress::new("localhost", 1)).await);
        assert_eq!(*addresses.names.lock(), HashSet::from(["localhost".to_owned()]));
    }

    #[tokio::test]
    async fn nodes_that_would_all_be_where_one_asked_are_at_their_ip_addresses() {
        let nodes = [node("a", None, Some("127.0.0.1"), 7310), node("b", None, Some("127.0.0.2"), 7310)];
        assert_eq!(of(&nodes).await, ["127.0.0.1:7310", "127.0.0.2:7310"]);
        let again = [nodes[0].clone(), nodes[0].clone()];
        assert_eq!(of(&again).await, ["10.9.9.9:7310", "10.9.9.9:7310"], "one node with two ranges");
    }

    #[test]
    fn a_node_is_read_from_either_answer() {
        let text = |text: &str| Value::BulkString(text.into());
        let slots = Value::Array(vec![
            text("?"),
            Value::Int(7000),
            text("id"),
            Value::Array(vec![text("ip"), text("10.0.0.1")]),
        ]);
        assert_eq!(AnnouncedNode::of_slots(slots).unwrap(), node("id", Some("?"), Some("10.0.0.1"), 7000));
        let old = Value::Array(vec![text("10.0.0.1"), Value::Int(7000)]);
        assert_eq!(AnnouncedNode::of_slots(old).unwrap(), node("", Some("10.0.0.1"), None, 7000));
        let nowhere = Value::Array(vec![Value::Nil, Value::Int(7000), text("id"), Value::Array(Vec::new())]);
        assert_eq!(AnnouncedNode::of_slots(nowhere).unwrap(), node("id", None, None, 7000));
        let line = AnnouncedNode::of_nodes("b 10.0.0.2:7000@17000,host.example slave a 0 1 1 connected");
        assert_eq!(line.unwrap(), node("b", Some("10.0.0.2"), Some("10.0.0.2"), 7000));
        assert_eq!(AnnouncedNode::of_nodes("e :0@0 master,noaddr - 0 1 3 disconnected"), None);
    }
}
