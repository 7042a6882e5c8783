//! Detection of shards whose primary has changed.

use std::collections::HashMap;

use super::layout::{Layout, NodeAddress};

/// The last known primary of each shard. A shard that has none for a while, such as one that does not answer,
/// keeps its last.
#[derive(Debug)]
pub(super) struct LastPrimaries(HashMap<String, NodeAddress>);

impl LastPrimaries {
    pub(super) fn of(layout: &Layout) -> Self {
        let mut last = Self(HashMap::new());
        last.take_over(layout);
        last
    }

    /// Takes note of a layout and returns the shards whose primary has changed. A new shard is not among
    /// them.
    pub(super) fn take_over(&mut self, layout: &Layout) -> Vec<(String, NodeAddress)> {
        self.0.retain(|name, _| layout.shards.iter().any(|shard| shard.name == *name));
        let mut others = Vec::new();
        for shard in &layout.shards {
            let Some(primary) = &shard.primary else { continue };
            let last = self.0.insert(shard.name.clone(), primary.clone());
            if last.is_some_and(|last| last != *primary) {
                others.push((shard.name.clone(), primary.clone()));
            }
        }
        others
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::redis::layout::{Placement, Shard};

    fn layout(primaries: &[(&str, Option<u16>)]) -> Layout {
        let shard = |(name, port): &(&str, Option<u16>)| Shard {
            name: (*name).to_owned(),
            primary: port.map(|port| NodeAddress::new("h", port)),
            replicas: Vec::new(),
        };
        Layout { shards: primaries.iter().map(shard).collect(), placement: Placement::Rendezvous }
    }

    fn others(last: &mut LastPrimaries, primaries: &[(&str, Option<u16>)]) -> Vec<(String, u16)> {
        let others = last.take_over(&layout(primaries));
        others.into_iter().map(|(name, primary)| (name, primary.port)).collect()
    }

    #[test]
    fn a_primary_that_comes_back_is_no_failover_and_another_is_one_even_after_a_time_without() {
        let mut last = LastPrimaries::of(&layout(&[("a", Some(1)), ("b", Some(2))]));
        assert_eq!(others(&mut last, &[("a", None), ("b", Some(2))]), []);
        assert_eq!(others(&mut last, &[("a", Some(1)), ("b", Some(2))]), []);
        assert_eq!(others(&mut last, &[("a", None), ("b", Some(3))]), [("b".into(), 3)]);
        assert_eq!(others(&mut last, &[("a", Some(4)), ("b", Some(3))]), [("a".into(), 4)]);
    }

    #[test]
    fn a_new_shard_and_one_that_is_gone_are_no_failover() {
        let mut last = LastPrimaries::of(&layout(&[("a", None)]));
        assert_eq!(others(&mut last, &[("a", Some(1)), ("b", Some(2))]), []);
        assert_eq!(others(&mut last, &[("a", Some(1))]), []);
        assert_eq!(others(&mut last, &[("a", Some(1)), ("b", Some(3))]), []);
    }
}
