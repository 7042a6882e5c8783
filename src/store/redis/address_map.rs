//! Addresses that are connected to in place of others: what servers announce may be right only among themselves, as behind
//! a translation of addresses (NAT), a tunnel or the ports of a container.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::layout::NodeAddress;

/// The mapping of announced addresses to those to connect to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AddressMap(Arc<BTreeMap<NodeAddress, NodeAddress>>);

impl AddressMap {
    /// A mapping from pairs of `host:port`.
    ///
    /// # Errors
    /// Says which text is no address, or is mapped twice.
    pub fn new<'a>(pairs: impl IntoIterator<Item = (&'a str, &'a str)>) -> Result<Self, String> {
        let mut map = BTreeMap::new();
        for (announced, instead) in pairs {
            if map.insert(read(announced)?, read(instead)?).is_some() {
                return Err(format!("\"{announced}\" is mapped twice"));
            }
        }
        Ok(Self(Arc::new(map)))
    }

    /// The address to connect to.
    #[must_use]
    pub fn of<'a>(&'a self, announced: &'a NodeAddress) -> &'a NodeAddress {
        self.0.get(announced).unwrap_or(announced)
    }

    /// Returns true if it says something of an address.
    #[must_use]
    pub fn maps(&self, announced: &NodeAddress) -> bool {
        self.0.contains_key(announced)
    }

    /// The pairs.
    pub fn iter(&self) -> impl Iterator<Item = (&NodeAddress, &NodeAddress)> {
        self.0.iter()
    }
}

fn read(text: &str) -> Result<NodeAddress, String> {
    let address = NodeAddress::parse(text, "").filter(|address| !address.host.is_empty());
    address.ok_or_else(|| format!("\"{text}\" is no address; write host:port, or [address]:port for IPv6"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_announced_address_is_exchanged_and_others_stay() {
        let map = AddressMap::new([("10.0.0.5:6379", "127.0.0.1:7001"), ("[::0:5]:1", "host:2")]).unwrap();
        let of = |text: &str| map.of(&NodeAddress::parse(text, "").unwrap()).to_string();
        assert_eq!(of("10.0.0.5:6379"), "127.0.0.1:7001");
        assert_eq!(of("[0::5]:1"), "host:2");
        assert_eq!(of("10.0.0.5:6380"), "10.0.0.5:6380");
    }

    #[test]
    fn what_is_no_address_is_refused() {
        for (announced, instead) in [("10.0.0.5", "a:1"), ("a:1", ":1"), ("a:1", "b:x")] {
            assert!(AddressMap::new([(announced, instead)]).is_err(), "{announced} {instead}");
        }
        assert!(AddressMap::new([("::1:7", "a:1"), ("[::1]:7", "b:1")]).unwrap_err().contains("twice"));
    }
}
