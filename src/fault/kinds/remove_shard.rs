//! The slots of the cluster's shard `target` are moved to the others, and it is taken out.

use crate::fault::{Aim, Course, Effects, Fault, Lasts, Nature, Part, Surroundings};
use crate::topology::{Target, TopologyError};

crate::settings! {
    /// It has none.
    pub struct Spec {}
}

impl Fault for Spec {
    const NATURE: Nature = Nature {
        part: Part::Cache,
        aim: Aim::Shard,
        lasts: Lasts::AtOnce,
        may_move_primary: false,
        wears_nodes_out: true,
    };

    fn check(&self, target: Target, on: &Surroundings<'_>) -> Result<(), String> {
        on.has_cache_process()?;
        on.moves_slots()?;
        if on.shape().shards < 2 {
            return Err("its only shard cannot be removed".into());
        }
        on.has_node(target)
    }

    fn effects(&self, _target: Target, _on: &Surroundings<'_>) -> Effects {
        Effects { cache_out_of_reach: true, ..Effects::NONE }
    }

    async fn carry_out(&self, course: &mut Course<'_>) -> Result<(), TopologyError> {
        let shard = course.shard()?;
        course.broke(format!("the slots of shard{shard} are moved to the others"));
        let came_to = course.cache().remove_shard(shard).await?;
        course.mended(came_to);
        Ok(())
    }
}
