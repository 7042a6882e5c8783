//! What the faults of links share: where a link can be broken, and a relay that impairs it for a time.

use super::{Aim, Course, Effects, Lasts, Nature, Part, Surroundings};
use crate::scenario::Positive;
use crate::topology::database::no_relay;
use crate::topology::relay::Conditions;
use crate::topology::settings::DatabaseKind;
use crate::topology::{Target, TopologyError};

/// Returns what a fault of a link is.
pub(super) const fn nature(lasts: Lasts) -> Nature {
    Nature { part: Part::Link, aim: Aim::Link, lasts, may_move_primary: false, wears_nodes_out: false }
}

/// The time for which a link is impaired unless a scenario says otherwise.
pub(super) const FOR_A_WHILE: Lasts = Lasts::For(Positive::seconds(10));

/// Checks that a relay can stand in the links, and that hotset may break this one.
pub(super) fn check(target: Target, on: &Surroundings<'_>) -> Result<(), String> {
    let topology = on.topology;
    // All connections of such a cell go through a relay, whichever link is broken.
    if on.uses_cache && on.shape().speaks_tls {
        return Err(
            "a relay cannot stand in a link that speaks TLS: the server's name would not be its own".into()
        );
    }
    if let Some(url) = on.database.url.as_ref().filter(|_| topology.database() == DatabaseKind::Mongodb)
        && let Some(reason) = no_relay(&url.0)
    {
        return Err(reason.into());
    }
    match target {
        Target::Database if topology.database() == DatabaseKind::Embedded => {
            Err("the database is inside this process: there is no link to break".into())
        }
        Target::Database if on.database.url.is_some() && !on.database.allow_faults => {
            Err("the database is not hotset's own: say database.allow_faults = true where that is wanted"
                .into())
        }
        Target::Database => Ok(()),
        // A strategy without a cache has no link to one, and notices nothing.
        Target::Cache if !on.uses_cache => Ok(()),
        Target::Cache if on.shape().shards == 0 => {
            Err("the cache is inside this process: there is no link to break".into())
        }
        Target::Cache => on.may_disturb_cache(),
        Target::Instance(_) | Target::Shard(_) | Target::Replica { .. } | Target::Sentinel(_) => {
            Err(format!("{} is no link", target.name()))
        }
    }
}

/// Returns what a fault of a link takes from promises: a link to the cache leaves the entries as they are.
pub(super) fn effects(target: Target) -> Effects {
    Effects { cache_out_of_reach: target == Target::Cache, ..Effects::NONE }
}

/// Tells what happens to the link, impairs it for the time of the course, and tells that it is over.
pub(super) async fn impair(
    course: &mut Course<'_>,
    what: String,
    conditions: Conditions,
) -> Result<(), TopologyError> {
    let (link, relays) = course.link()?;
    let (name, lasts) = (course.target().name(), course.lasts());
    course.broke(format!("the link to the {name}: {what}, for {lasts}"));
    // Dropped too where the run is interrupted: the next cell uses the link as well.
    let impaired = relays.impair(link, conditions);
    course.wait().await;
    drop(impaired);
    course.mended(format!("the link to the {name} is as without it"));
    Ok(())
}

#[cfg(test)]
mod tests {
    use crate::run::fault::Effects;
    use crate::run::fault::testing::Ground;

    const TO_CACHE: &str = "kind = \"cut\"";
    const TO_DATABASE: &str = "kind = \"cut\"\ntarget = \"database\"";

    #[test]
    fn a_link_inside_this_process_cannot_be_broken_and_one_to_servers_of_others_only_with_permission() {
        let embedded = Ground::new("embedded", "");
        assert!(embedded.refuses(TO_CACHE).contains("the cache is inside this process"));
        assert!(embedded.refuses(TO_DATABASE).contains("the database is inside this process"));
        let theirs = Ground::new("single", "url = \"redis://127.0.0.1:1\"");
        assert!(theirs.refuses(TO_CACHE).contains("allow_faults = true"));
        assert_eq!(theirs.refuses(TO_DATABASE), "");
        let tls = Ground::new("single", "url = \"rediss://127.0.0.1:1\"\nallow_faults = true");
        assert!(tls.refuses(TO_DATABASE).contains("TLS"), "all links of a cell go through a relay");
    }

    #[test]
    fn a_strategy_without_a_cache_has_no_link_to_one() {
        let without = Ground { uses_cache: false, ..Ground::new("embedded", "") };
        assert_eq!(without.refuses(TO_CACHE), "");
    }

    #[test]
    fn a_broken_link_to_the_cache_leaves_its_entries_and_one_to_the_database_takes_nothing() {
        let ground = Ground::new("single", "");
        assert_eq!(ground.effects(TO_CACHE), Effects { cache_out_of_reach: true, ..Effects::NONE });
        assert_eq!(ground.effects(TO_DATABASE), Effects::NONE);
    }
}
