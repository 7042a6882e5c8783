//! One node of the cache, `target`, is killed (SIGKILL); with `for` it is started again after that.

use crate::fault::{Aim, Course, Effects, Fault, Lasts, Nature, Part, Surroundings};
use crate::topology::{Target, TopologyError};

crate::settings! {
    /// It has none.
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
