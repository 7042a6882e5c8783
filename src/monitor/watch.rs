//! The loop that asks all nodes at once, again and again.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use jiff::Timestamp;
use tokio::time::Instant;

use super::discover::{Discovery, KnownLayout};
use super::node::WatchedNode;
use super::place::ServerAddress;
use super::sample::{Role, Round, ServerSample, note_lags};

/// The part of an interval that a round may wait for answers.
const WAITS: f64 = 0.8;
/// The longest that a round waits for answers, however long the interval.
const WAITS_AT_MOST: Duration = Duration::from_secs(2);

/// The longest time until all are asked again where none has answered, however long the interval: whether one is back
/// must be known before the patience with them is at its end.
const LOST_AGAIN: Duration = Duration::from_secs(5);

/// Everything that is watched.
pub struct Watcher {
    discoveries: Vec<Discovery>,
    nodes: BTreeMap<String, WatchedNode>,
    waits: Duration,
}

impl Watcher {
    /// Begins to look at what is named.
    #[must_use]
    pub fn begin(targets: &[ServerAddress], nodes: Option<&ServerAddress>, interval: Duration) -> Self {
        Self {
            discoveries: targets
                .iter()
                .map(|target| Discovery::begin(target.clone(), nodes.cloned()))
                .collect(),
            nodes: BTreeMap::new(),
            waits: interval.mul_f64(WAITS).min(WAITS_AT_MOST),
        }
    }

    /// Waits until each deployment has been looked at once, and says why where none could be.
    ///
    /// # Errors
    /// Why a look failed.
    pub async fn first_look(&mut self) -> Result<(), String> {
        join_all(self.discoveries.iter_mut().map(Discovery::first_look)).await;
        let failure = |one: &Discovery| {
            let known = one.known();
            known.failure.filter(|_| known.layout.is_none())
        };
        self.discoveries.iter().find_map(failure).map_or(Ok(()), Err)
    }

    /// Asks every node once.
    pub async fn round(&mut self) -> Round {
        let Seen { deployment, places, unseen, notes } =
            Seen::of(self.discoveries.iter().map(|one| (one.target.name.as_str(), one.known())));
        self.nodes.retain(|name, _| places.contains_key(name));
        for (name, place) in places {
            self.nodes.entry(name).or_insert_with(|| WatchedNode::new(place));
        }
        let at = Timestamp::now();
        let mut samples = self.ask(at).await;
        samples.extend(unseen.into_iter().map(|(node, reason)| ServerSample {
            at,
            node,
            role: Role::Unknown,
            answer: Err(reason),
        }));
        note_lags(&mut samples);
        samples.sort_by_key(|sample| (sample.role == Role::Replica, sample.node.clone()));
        Round { at, samples, deployment, notes }
    }

    async fn ask(&mut self, at: Timestamp) -> Vec<ServerSample> {
        let until = Instant::now() + self.waits;
        self.nodes.values_mut().for_each(WatchedNode::begin);
        join_all(self.nodes.values_mut().map(|node| node.sample(at, until))).await
    }
}

/// The common knowledge of all discoveries. A node stands here once, however often and from whichever side it was
/// named.
struct Seen {
    deployment: &'static str,
    /// The nodes of all layouts.
    places: BTreeMap<String, ServerAddress>,
    /// Targets of whose deployments nothing is known yet, with the reason, but for those that another layout names.
    unseen: BTreeMap<String, String>,
    notes: Vec<String>,
}

impl Seen {
    fn of<'a>(all: impl Iterator<Item = (&'a str, KnownLayout)>) -> Self {
        let mut seen = Self {
            deployment: "single",
            places: BTreeMap::new(),
            unseen: BTreeMap::new(),
            notes: Vec::new(),
        };
        for (target, known) in all {
            if let Some(layout) = &known.layout {
                seen.deployment = layout.deployment;
                seen.places.extend(layout.nodes.iter().map(|place| (place.name.clone(), place.clone())));
                if let Some(failure) = known.failure {
                    seen.notes.push(format!("the layout could not be looked at: {failure}"));
                }
            } else {
                seen.unseen.insert(target.to_owned(), known.failure.unwrap_or_default());
            }
        }
        seen.unseen.retain(|target, _| !seen.places.contains_key(target));
        seen
    }
}

/// Asks at every interval and hands the rounds on, until nobody takes them or `rounds` have been.
pub async fn keep_watching(
    mut watcher: Watcher,
    interval: Duration,
    rounds: tokio::sync::mpsc::Sender<Arc<Round>>,
) {
    let mut ticks = tokio::time::interval(interval);
    // After a pause, as of a machine that slept, there is one round and not all those that were missed.
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let round = Arc::new(watcher.round().await);
        if round.is_lost() && interval > LOST_AGAIN {
            ticks.reset_after(LOST_AGAIN);
        }
        if rounds.send(round).await.is_err() {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::discover::DeploymentLayout;
    use super::*;
    use crate::store::SecretUrl;

    fn cluster(ports: &[u16]) -> KnownLayout {
        let place =
            |port| ServerAddress::new(SecretUrl::new(format!("redis://h:{port}")), std::sync::Arc::default());
        let nodes: Vec<ServerAddress> = ports.iter().copied().map(place).collect();
        KnownLayout {
            layout: Some(Arc::new(DeploymentLayout { deployment: "cluster", seeds: nodes.clone(), nodes })),
            failure: None,
        }
    }

    fn unseen(reason: &str) -> KnownLayout {
        KnownLayout { layout: None, failure: Some(reason.into()) }
    }

    #[tokio::test(start_paused = true)]
    async fn where_none_has_answered_all_are_asked_again_before_the_interval_is_over() {
        let (began, hour) = (Instant::now(), Duration::from_hours(1));
        let nowhere = ServerAddress::new(SecretUrl::new("redis://127.0.0.1:1"), std::sync::Arc::default());
        let (sender, mut rounds) = tokio::sync::mpsc::channel(1);
        let watching = tokio::spawn(keep_watching(Watcher::begin(&[nowhere], None, hour), hour, sender));
        for _ in 0..3 {
            assert!(rounds.recv().await.unwrap().is_lost());
        }
        assert!(began.elapsed() < hour / 60, "{:?}", began.elapsed());
        watching.abort();
    }

    #[test]
    fn a_target_that_never_answered_stands_once_though_a_layout_names_it_or_it_was_given_twice() {
        let all = [
            ("h:2", unseen("down")),
            ("h:1", cluster(&[1, 2])),
            ("h:3", unseen("off")),
            ("h:3", unseen("off")),
        ];
        let seen = Seen::of(all.into_iter());
        assert_eq!(seen.places.keys().collect::<Vec<_>>(), ["h:1", "h:2"]);
        assert_eq!(seen.unseen.into_iter().collect::<Vec<_>>(), [("h:3".to_owned(), "off".to_owned())]);
    }
}
