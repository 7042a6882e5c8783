//! Which nodes there are: one server, those of a cluster, or those that sentinels look after.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use redis::{Value, cmd};
use tokio::sync::watch;

use super::info::Info;
use super::place::{ServerAddress, connect};
use super::remedy;
use super::tasks::AbortOnDrop;
use crate::store::StoreError;
use crate::store::redis::RedisAdmin;
use crate::store::redis::announced::{AnnouncedAddresses, AnnouncedNode};
use crate::store::redis::layout::NodeAddress;

/// The time between two looks at the layout.
const LOOK_EVERY: Duration = Duration::from_secs(3);
/// The time until the next look after one that failed.
const LOOK_AGAIN: Duration = Duration::from_secs(1);
/// The longest that connecting, and that an answer may take.
const BOUND: Duration = Duration::from_secs(2);
/// The number of servers that are asked, one after the other, before a look has failed.
const ASKED_AT_MOST: usize = 4;

/// The findings of a look.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeploymentLayout {
    /// `single`, `cluster` or `sentinel`.
    pub deployment: &'static str,
    /// The nodes to watch.
    pub nodes: Vec<ServerAddress>,
    /// Who else can be asked for the layout.
    pub seeds: Vec<ServerAddress>,
}

/// The present knowledge of a deployment.
#[derive(Debug, Clone, Default)]
pub struct KnownLayout {
    /// The newest layout, where one has been seen.
    pub layout: Option<Arc<DeploymentLayout>>,
    /// Why the last look failed, where it did.
    pub failure: Option<String>,
}

/// Returns the time from a look to the next, where there is one.
fn next_look(known: &KnownLayout) -> Option<Duration> {
    match &known.layout {
        // One server's role is in its own INFO: there is nothing to look for.
        Some(layout) if layout.deployment == "single" => None,
        _ if known.failure.is_some() => Some(LOOK_AGAIN),
        _ => Some(LOOK_EVERY),
    }
}

/// Keeps looking at one deployment, in a task of its own, until it is dropped.
#[derive(Debug)]
pub struct Discovery {
    /// The server that was named.
    pub target: ServerAddress,
    known: watch::Receiver<KnownLayout>,
    _task: AbortOnDrop,
}

impl Discovery {
    /// Begins to look. `nodes` is how to reach the nodes behind a sentinel where that is not how the sentinel is reached.
    #[must_use]
    pub fn begin(target: ServerAddress, nodes: Option<ServerAddress>) -> Self {
        let (sender, known) = watch::channel(KnownLayout::default());
        let looking =
            Looking { target: target.clone(), nodes, asked: None, addresses: AnnouncedAddresses::default() };
        let task = tokio::spawn(looking.keep(sender));
        Self { target, known, _task: AbortOnDrop::new(task.abort_handle()) }
    }

    /// Returns what is known now.
    #[must_use]
    pub fn known(&self) -> KnownLayout {
        self.known.borrow().clone()
    }

    /// Waits until the first look has succeeded or failed.
    pub async fn first_look(&mut self) {
        let _ = self.known.wait_for(|known| known.layout.is_some() || known.failure.is_some()).await;
    }
}

struct Looking {
    target: ServerAddress,
    nodes: Option<ServerAddress>,
    /// Who answered the last time, which is asked first the next.
    asked: Option<(ServerAddress, RedisAdmin)>,
    addresses: AnnouncedAddresses,
}

impl Looking {
    async fn keep(mut self, sender: watch::Sender<KnownLayout>) {
        loop {
            let layout = sender.borrow().layout.clone();
            let looked = self.look(layout.as_deref()).await;
            sender.send_modify(|known| match looked {
                Ok(layout) => *known = KnownLayout { layout: Some(Arc::new(layout)), failure: None },
                Err(error) => known.failure = Some(remedy::message(&error, &self.target)),
            });
            let next = next_look(&sender.borrow());
            match next {
                Some(pause) => tokio::time::sleep(pause).await,
                None => return sender.closed().await,
            }
        }
    }

    /// Asks whoever answered the last time, then the others.
    async fn look(&mut self, layout: Option<&DeploymentLayout>) -> Result<DeploymentLayout, StoreError> {
        if let Some((place, admin)) = self.asked.take()
            && let Ok(layout) = self.ask(&place, &admin).await
        {
            self.asked = Some((place, admin));
            return Ok(layout);
        }
        let others = layout.map(|layout| layout.seeds.clone()).unwrap_or_default();
        let seeds = std::iter::once(self.target.clone()).chain(others);
        let mut first_failure = None;
        for place in seeds.take(ASKED_AT_MOST) {
            let looked = async {
                let admin = connect(&place, BOUND).await?;
                let layout = self.ask(&place, &admin).await?;
                Ok::<_, StoreError>((layout, admin))
            };
            match looked.await {
                Ok((layout, admin)) => {
                    self.asked = Some((place, admin));
                    return Ok(layout);
                }
                Err(error) => first_failure = first_failure.or(Some(error)),
            }
        }
        let nobody = || StoreError::new(crate::store::ErrorKind::Unavailable, "there is nobody to ask");
        Err(first_failure.unwrap_or_else(nobody))
    }

    async fn ask(&self, place: &ServerAddress, admin: &RedisAdmin) -> Result<DeploymentLayout, StoreError> {
        let text = admin.ask_text(cmd("INFO").arg("server"), "asking for INFO").await?;
        match Info::parse(&text).mode.as_str() {
            "cluster" => self.cluster(place, admin).await,
            "sentinel" => self.sentinel(admin).await,
            _ => Ok(DeploymentLayout {
                deployment: "single",
                nodes: vec![self.target.clone()],
                seeds: Vec::new(),
            }),
        }
    }

    async fn cluster(
        &self,
        place: &ServerAddress,
        admin: &RedisAdmin,
    ) -> Result<DeploymentLayout, StoreError> {
        // Not CLUSTER SLOTS, which leaves out nodes without slots and replicas that have failed.
        let text: String =
            admin.ask(cmd("CLUSTER").arg("NODES"), "asking for the nodes of the cluster").await?;
        let mut announced: Vec<_> = text.lines().filter_map(AnnouncedNode::of_nodes).collect();
        // It alone says which of its names a node wants to be connected to by. Who may not ask it has the IP addresses.
        let slots = admin.ask(cmd("CLUSTER").arg("SLOTS"), "asking for the slots of the cluster").await;
        let preferred = slots.map(preferred).unwrap_or_default();
        for node in &mut announced {
            if let Some(of_slots) = preferred.get(&node.id) {
                node.preferred.clone_from(of_slots);
            }
        }
        let target = &self.target;
        let maps = |node: &NodeAddress| target.address_map().maps(node);
        let mut addresses = self.addresses.of(&announced, &place.address(), maps).await;
        addresses.sort();
        addresses.dedup();
        let nodes: Vec<ServerAddress> = addresses.iter().map(|address| target.at(address)).collect();
        Ok(DeploymentLayout { deployment: "cluster", seeds: nodes.clone(), nodes })
    }

    async fn sentinel(&self, admin: &RedisAdmin) -> Result<DeploymentLayout, StoreError> {
        const DOING: &str = "asking a sentinel for its primaries and replicas";
        type Fields = HashMap<String, String>;
        let like = self.nodes.as_ref().unwrap_or(&self.target);
        let mut found = DeploymentLayout { deployment: "sentinel", nodes: Vec::new(), seeds: Vec::new() };
        let primaries: Vec<Fields> = admin.ask(cmd("SENTINEL").arg("MASTERS"), DOING).await?;
        for primary in &primaries {
            let Some(name) = primary.get("name") else { continue };
            let replicas: Vec<Fields> = admin.ask(cmd("SENTINEL").arg("REPLICAS").arg(name), DOING).await?;
            let sentinels: Vec<Fields> = admin.ask(cmd("SENTINEL").arg("SENTINELS").arg(name), DOING).await?;
            let both = std::iter::once(primary).chain(&replicas);
            found.nodes.extend(both.filter_map(|fields| place_of(fields, like)));
            found.seeds.extend(sentinels.iter().filter_map(|fields| place_of(fields, &self.target)));
        }
        unique(&mut found.nodes);
        unique(&mut found.seeds);
        Ok(found)
    }
}

/// What each node of an answer to CLUSTER SLOTS wants to be connected to by, by its id.
fn preferred(ranges: Vec<Vec<Value>>) -> HashMap<String, Option<String>> {
    let nodes = ranges.into_iter().flat_map(|range| range.into_iter().skip(2));
    nodes.filter_map(AnnouncedNode::of_slots).map(|node| (node.id, node.preferred)).collect()
}

fn place_of(fields: &HashMap<String, String>, like: &ServerAddress) -> Option<ServerAddress> {
    Some(like.at(&NodeAddress::new(fields.get("ip")?.as_str(), fields.get("port")?.parse().ok()?)))
}

fn unique(places: &mut Vec<ServerAddress>) {
    places.sort_by(|a, b| a.name.cmp(&b.name));
    places.dedup_by(|a, b| a.name == b.name);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_server_alone_is_looked_at_no_more_once_it_has_answered() {
        let known = |deployment, failure: Option<&str>| KnownLayout {
            layout: Some(Arc::new(DeploymentLayout { deployment, nodes: Vec::new(), seeds: Vec::new() })),
            failure: failure.map(Into::into),
        };
        assert_eq!(next_look(&known("single", None)), None);
        assert_eq!(next_look(&known("cluster", None)), Some(LOOK_EVERY));
        assert_eq!(next_look(&known("cluster", Some("down"))), Some(LOOK_AGAIN));
        assert_eq!(next_look(&KnownLayout { layout: None, failure: Some("down".into()) }), Some(LOOK_AGAIN));
    }
}
