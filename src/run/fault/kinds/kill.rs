//! One node of the cache, `target`, is killed (SIGKILL); with `for` it is started again after that.

use crate::run::fault::{Aim, Course, Effects, Fault, Lasts, Nature, Part, Surroundings};
use crate::topology::{Target, TopologyError};

crate::settings! {
    /// This kind has no settings of its own.
    pub struct Spec {}
}

impl Fault for Spec {
    const NATURE: Nature = Nature {
        part: Part::Cache,
        aim: Aim::Node,
        lasts: Lasts::ForGood,
        may_move_primary: true,
        wears_nodes_out: true,
    };

    fn check(&self, target: Target, on: &Surroundings<'_>) -> Result<(), String> {
        on.has_cache_process()?;
        on.has_node(target)
    }

    fn effects(&self, _target: Target, on: &Surroundings<'_>) -> Effects {
        // With several servers the others keep their entries, and a replica has a copy.
        Effects { cache_loses_entries: !on.cache_survives_kill(), cache_out_of_reach: true, ..Effects::NONE }
    }

    async fn carry_out(&self, course: &mut Course<'_>) -> Result<(), TopologyError> {
        let node = course.node().await?;
        let again = if course.ends() {
            format!(", started again after {}", course.lasts())
        } else {
            " and not started again".to_owned()
        };
        let aim = course.target().name();
        course.broke(format!("{aim} (port {}): SIGKILL{again}", node.server().port()));
        node.server().kill().await?;
        if course.ends() {
            course.wait().await;
            course.cache().restart(&node).await?;
            course.mended(format!("the node that was {aim} answers again"));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use crate::run::fault::testing::{Ground, fault};
    use crate::topology::servers::Persistence;

    #[test]
    fn a_node_that_is_killed_stays_dead_unless_the_scenario_says_for_how_long() {
        assert_eq!(fault("kind = \"kill\"").lasts, None);
        assert!(fault("kind = \"kill\"\nfor = \"3s\"").lasts.is_some());
    }

    #[test]
    fn only_a_node_that_is_there_can_be_killed() {
        let ground = Ground::new("single", "replicas = 1");
        assert_eq!(ground.refuses("kind = \"kill\"\ntarget = \"shard0-replica0\""), "");
        assert_eq!(
            ground.refuses("kind = \"kill\"\ntarget = \"shard0-replica1\""),
            "there is no shard0-replica1; there is shard0-replica0 to shard0-replica0"
        );
        assert!(ground.refuses("kind = \"kill\"\ntarget = \"sentinel0\"").contains("there is none"));
    }

    #[test]
    fn a_killed_node_loses_what_it_did_not_persist() {
        let mut ground = Ground::new("cluster", "");
        ground.cache.persistence = Persistence::None;
        assert!(ground.effects("kind = \"kill\"").cache_loses_entries);
        ground.cache.persistence = Persistence::AofAlways;
        let kept = ground.effects("kind = \"kill\"");
        assert!(!kept.cache_loses_entries && kept.cache_out_of_reach);
    }
}
