//! One node of the cache, `target`, is frozen (SIGSTOP) and goes on after `for` (SIGCONT): its connections stay open and silent.

use crate::run::fault::{Aim, Course, Effects, Fault, Lasts, Nature, Part, Surroundings};
use crate::scenario::Positive;
use crate::topology::servers::ServerSignal;
use crate::topology::{Target, TopologyError};

crate::settings! {
    /// This kind has no settings of its own.
    pub struct Spec {}
}

impl Fault for Spec {
    const NATURE: Nature = Nature {
        part: Part::Cache,
        aim: Aim::Node,
        lasts: Lasts::For(Positive::seconds(10)),
        may_move_primary: true,
        wears_nodes_out: true,
    };

    fn check(&self, target: Target, on: &Surroundings<'_>) -> Result<(), String> {
        on.has_cache_process()?;
        on.has_node(target)
    }

    fn effects(&self, _target: Target, _on: &Surroundings<'_>) -> Effects {
        // The node keeps its memory.
        Effects { cache_out_of_reach: true, ..Effects::NONE }
    }

    async fn carry_out(&self, course: &mut Course<'_>) -> Result<(), TopologyError> {
        let node = course.node().await?;
        let (aim, port) = (course.target().name(), node.server().port());
        course.broke(format!("{aim} (port {port}): SIGSTOP, for {}", course.lasts()));
        node.server().process().signal(ServerSignal::Pause).await?;
        course.wait().await;
        node.server().process().signal(ServerSignal::Resume).await?;
        course.mended(format!("the node that was {aim} goes on"));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use crate::run::fault::Effects;
    use crate::run::fault::testing::Ground;

    #[test]
    fn a_frozen_node_keeps_its_entries() {
        let ground = Ground::new("single", "");
        let effects = ground.effects("kind = \"pause\"");
        assert_eq!(effects, Effects { cache_out_of_reach: true, ..Effects::NONE });
        assert!(ground.refuses("kind = \"pause\"\ntarget = \"shard1\"").contains("there is no shard1"));
    }
}
