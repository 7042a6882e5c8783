//! A replica of the shard `target` becomes its primary, by order of Sentinel or the cluster.

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
        may_move_primary: true,
        wears_nodes_out: true,
    };

    fn check(&self, target: Target, on: &Surroundings<'_>) -> Result<(), String> {
        on.has_cache_server()?;
        on.may_disturb_cache()?;
        if !on.shape().fails_over {
            return Err(
                "it has nobody who could take over: give it replicas, or use cluster or sentinel".into()
            );
        }
        on.has_node(target)
    }

    fn effects(&self, _target: Target, _on: &Surroundings<'_>) -> Effects {
        Effects { cache_out_of_reach: true, ..Effects::NONE }
    }

    async fn carry_out(&self, course: &mut Course<'_>) -> Result<(), TopologyError> {
        let ordered = course.cache().fail_over(course.shard()?).await?;
        course.broke(ordered);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use crate::run::fault::testing::Ground;

    #[test]
    fn a_failover_needs_somebody_who_takes_over_and_the_permission_of_the_scenario() {
        let failover = "kind = \"failover\"";
        assert_eq!(Ground::new("sentinel", "").refuses(failover), "");
        assert!(Ground::new("single", "").refuses(failover).contains("nobody who could take over"));
        let theirs = |more: &str| {
            Ground::new("cluster", &format!("nodes = [\"redis://127.0.0.1:1\"]\n{more}")).refuses(failover)
        };
        assert!(theirs("").contains("allow_faults = true"));
        assert_eq!(theirs("allow_faults = true"), "");
    }
}
