//! One node of the cache, `target`, is asked to end (SIGTERM) and started again at once.

use std::time::Duration;

use crate::run::fault::{Aim, Course, Effects, Fault, Lasts, Nature, Part, Surroundings};
use crate::topology::{Target, TopologyError};

crate::settings! {
    /// This kind has no settings of its own.
    pub struct Spec {}
}

/// The longest time that a node that is asked to end may take.
const GRACE: Duration = Duration::from_secs(2);

impl Fault for Spec {
    const NATURE: Nature = Nature {
        part: Part::Cache,
        aim: Aim::Node,
        lasts: Lasts::AtOnce,
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
        let aim = course.target().name();
        course.broke(format!("{aim} (port {}): SIGTERM and started again", node.server().port()));
        node.server().process().stop(GRACE).await?;
        course.cache().restart(&node).await?;
        course.mended(format!("the node that was {aim} answers again"));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use crate::run::fault::testing::Ground;
    use crate::run::fault::testing::read;
    use crate::topology::servers::Persistence;

    #[test]
    fn a_restart_ends_by_itself() {
        let (fault, mistakes) = read("kind = \"restart\"\nfor = \"1s\"");
        assert_eq!(mistakes, ["for: means nothing to restart; leave it out"]);
        assert_eq!(fault.lasts, None);
    }

    #[test]
    fn a_node_that_persists_its_entries_has_them_when_it_is_back() {
        let mut ground = Ground::new("single", "");
        ground.cache.persistence = Persistence::None;
        assert!(ground.effects("kind = \"restart\"").cache_loses_entries);
        ground.cache.persistence = Persistence::AofAlways;
        assert!(!ground.effects("kind = \"restart\"").cache_loses_entries);
    }
}
