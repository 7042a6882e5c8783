//! The cluster gets one more primary, and its share of the slots is moved to it.

use crate::run::fault::{Aim, Course, Effects, Fault, Lasts, Nature, Part, Surroundings};
use crate::topology::{Target, TopologyError};

crate::settings! {
    /// This kind has no settings of its own.
    pub struct Spec {}
}

impl Fault for Spec {
    const NATURE: Nature = Nature {
        part: Part::Cache,
        aim: Aim::Fixed(Target::Cache),
        lasts: Lasts::AtOnce,
        may_move_primary: false,
        wears_nodes_out: true,
    };

    fn check(&self, _target: Target, on: &Surroundings<'_>) -> Result<(), String> {
        on.has_cache_process()?;
        on.moves_slots()?;
        if on.cache.wait_replicas > 0 {
            return Err(
                "a shard that is added has no replica that a write could wait for; leave cache.wait_replicas out"
                    .into(),
            );
        }
        Ok(())
    }

    fn effects(&self, _target: Target, _on: &Surroundings<'_>) -> Effects {
        Effects { cache_out_of_reach: true, ..Effects::NONE }
    }

    async fn carry_out(&self, course: &mut Course<'_>) -> Result<(), TopologyError> {
        course.broke("a primary is added, and its share of the slots is moved to it");
        let came_to = course.cache().add_shard().await?;
        course.mended(came_to);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use crate::run::fault::testing::Ground;

    #[test]
    fn a_shard_is_added_only_to_a_cluster_whose_writes_wait_for_no_replica() {
        let add = "kind = \"add-shard\"";
        let mut cluster = Ground::new("cluster", "");
        assert_eq!(cluster.refuses(add), "");
        cluster.cache.wait_replicas = 1;
        assert!(cluster.refuses(add).contains("leave cache.wait_replicas out"));
        assert!(Ground::new("sentinel", "").refuses(add).contains("only a cluster"));
    }
}
