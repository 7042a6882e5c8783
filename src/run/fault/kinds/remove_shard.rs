//! The slots of the cluster's shard `target` are moved to the others, and it is taken out.

use crate::run::fault::{Aim, Course, Effects, Fault, Lasts, Nature, Part, Surroundings};
use crate::topology::{Target, TopologyError};

crate::settings! {
    /// This kind has no settings of its own.
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

#[cfg(test)]
mod tests {
    use crate::run::fault::testing::Ground;

    #[test]
    fn only_a_shard_that_is_there_and_not_the_last_can_be_removed() {
        let remove = |cluster: &str, target: &str| {
            let fault = format!("kind = \"remove-shard\"\ntarget = \"{target}\"");
            Ground::new("cluster", cluster).refuses(&fault)
        };
        assert_eq!(remove("", "shard2"), "");
        assert!(remove("", "shard3").contains("there is no shard3"));
        assert_eq!(remove("primaries = 1", "shard0"), "its only shard cannot be removed");
    }
}
