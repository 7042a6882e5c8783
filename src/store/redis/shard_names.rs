//! Names of a cluster's shards for the results, since its nodes have addresses but no names.

use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::Mutex;

use super::layout::{Layout, NodeAddress, Placement, Shard};

/// The names of a cluster's shards. Clones share them, so that a cache that connects later uses the same name
/// for a shard as those that have seen it before.
///
/// A shard keeps its name when slots move and when a replica becomes its primary. A new shard gets the number
/// after all that were ever given, so that a name in the events always means the same shard.
#[derive(Debug, Clone, Default)]
pub struct ShardNames(Arc<Mutex<Numbers>>);

#[derive(Debug, Default)]
struct Numbers {
    of_nodes: HashMap<NodeAddress, Number>,
    next: usize,
}

#[derive(Debug, Clone, Copy)]
struct Number {
    shard: usize,
    /// True if the node has been a primary. Then it belongs to its shard for good, even if a cache still sees
    /// an old layout from before its slots were moved; a replica may be given to another shard.
    was_primary: bool,
}

impl ShardNames {
    /// The name that the next new shard will get.
    #[must_use]
    pub fn next(&self) -> String {
        name(self.0.lock().next)
    }

    /// Names the shards of a layout, and puts them in the order of their numbers. New shards are numbered in
    /// the order in which they come.
    pub(super) fn name(&self, layout: Layout) -> Layout {
        let numbers = self.0.lock().number(&layout.shards);
        let mut order: Vec<_> = (0..numbers.len()).collect();
        order.sort_by_key(|place| numbers[*place]);
        let mut places = vec![0; order.len()];
        for (new, old) in order.iter().enumerate() {
            places[*old] = new;
        }
        let mut shards: Vec<_> = layout.shards.into_iter().zip(&numbers).collect();
        shards.sort_by_key(|(_, number)| **number);
        let shards =
            shards.into_iter().map(|(shard, number)| Shard { name: name(*number), ..shard }).collect();
        let placement = match layout.placement {
            Placement::Slots(mut slots) => {
                for owner in &mut slots {
                    // A slot that no shard serves stays unserved.
                    *owner = places.get(usize::from(*owner)).map_or(*owner, |place| *place as u16);
                }
                Placement::Slots(slots)
            }
            other => other,
        };
        Layout { shards, placement }
    }
}

impl Numbers {
    fn number(&mut self, shards: &[Shard]) -> Vec<usize> {
        let mut numbers: Vec<Option<usize>> = vec![None; shards.len()];
        let primaries = shards.iter().map(|shard| shard.primary.as_slice());
        let replicas = shards.iter().map(|shard| shard.replicas.as_slice());
        // A replica identifies its shard only if the primary is new.
        for (place, nodes) in primaries.enumerate().chain(replicas.enumerate()) {
            let mut known =
                nodes.iter().filter_map(|node| self.of_nodes.get(node)).map(|number| number.shard);
            let free = |number: &usize| !numbers.contains(&Some(*number));
            if numbers[place].is_none() {
                numbers[place] = known.find(free);
            }
        }
        let numbers: Vec<_> =
            numbers.into_iter().map(|known| known.unwrap_or_else(|| self.new_number())).collect();
        for (shard, number) in shards.iter().zip(&numbers) {
            self.keep(shard, *number);
        }
        numbers
    }

    fn new_number(&mut self) -> usize {
        self.next += 1;
        self.next - 1
    }

    fn keep(&mut self, shard: &Shard, number: usize) {
        for replica in &shard.replicas {
            if !self.of_nodes.get(replica).is_some_and(|known| known.was_primary) {
                self.of_nodes.insert(replica.clone(), Number { shard: number, was_primary: false });
            }
        }
        if let Some(primary) = &shard.primary {
            self.of_nodes.insert(primary.clone(), Number { shard: number, was_primary: true });
        }
    }
}

fn name(number: usize) -> String {
    format!("shard{number}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn node(port: u16) -> NodeAddress {
        NodeAddress::new("h", port)
    }

    /// A layout of shards in the order of their slots, with equally many slots each: a primary, then its
    /// replicas.
    fn layout(nodes: &[&[u16]]) -> Layout {
        let shard = |ports: &&[u16]| Shard {
            name: String::new(),
            primary: Some(node(ports[0])),
            replicas: ports[1..].iter().map(|port| node(*port)).collect(),
        };
        let mut slots = Layout::no_slots();
        for (slot, owner) in slots.iter_mut().enumerate().skip(1) {
            *owner = (slot * nodes.len() / 16_384) as u16;
        }
        Layout { shards: nodes.iter().map(shard).collect(), placement: Placement::Slots(slots) }
    }

    /// The names with the ports of their primaries, and the name of the shard that serves the last slot.
    fn named(names: &ShardNames, nodes: &[&[u16]]) -> (Vec<(String, u16)>, String) {
        let layout = names.name(layout(nodes));
        let Placement::Slots(slots) = &layout.placement else { panic!("they are placed by slots") };
        assert_eq!(layout.unserved_slots(), 1);
        let last = layout.shards[usize::from(slots[16_383])].name.clone();
        let shards = layout.shards.iter();
        (shards.map(|shard| (shard.name.clone(), shard.primary.clone().unwrap().port)).collect(), last)
    }

    fn shards(expected: &[(&str, u16)]) -> Vec<(String, u16)> {
        expected.iter().map(|(name, port)| ((*name).to_owned(), *port)).collect()
    }

    #[test]
    fn shards_are_numbered_in_the_order_of_their_slots_and_a_new_one_between_them_gets_the_next_number() {
        let names = ShardNames::default();
        let (first, last) = named(&names, &[&[1], &[2], &[3]]);
        assert_eq!(
            (first, last.as_str()),
            (shards(&[("shard0", 1), ("shard1", 2), ("shard2", 3)]), "shard2")
        );
        assert_eq!(names.next(), "shard3");
        let grown = named(&names, &[&[1], &[4], &[2], &[3]]);
        let expected = shards(&[("shard0", 1), ("shard1", 2), ("shard2", 3), ("shard3", 4)]);
        assert_eq!(grown, (expected, "shard2".into()));
    }

    #[test]
    fn a_shard_keeps_its_name_through_a_failover_and_whoever_connects_later_calls_it_the_same() {
        let names = ShardNames::default();
        named(&names, &[&[1, 11], &[2, 12]]);
        named(&names, &[&[3], &[1, 11], &[2, 12]]);
        let later = names.clone();
        let (shards_now, _) = named(&later, &[&[3], &[11], &[12, 2]]);
        assert_eq!(shards_now, shards(&[("shard0", 11), ("shard1", 12), ("shard2", 3)]));
    }

    #[test]
    fn the_name_of_a_shard_that_is_gone_is_not_given_again() {
        let names = ShardNames::default();
        named(&names, &[&[1, 11], &[2, 12], &[3, 13]]);
        // The nodes of the removed shard replicate another before they leave.
        let (left, _) = named(&names, &[&[2, 1, 11, 12], &[3, 13]]);
        assert_eq!(left, shards(&[("shard1", 2), ("shard2", 3)]));
        // A cache still sees the layout from before.
        let (late, _) = named(&names, &[&[1], &[2, 12, 11], &[3, 13]]);
        assert_eq!(late, shards(&[("shard0", 1), ("shard1", 2), ("shard2", 3)]));
        let (grown, _) = named(&names, &[&[2, 12], &[3, 13], &[4]]);
        assert_eq!(grown, shards(&[("shard1", 2), ("shard2", 3), ("shard3", 4)]));
    }
}
