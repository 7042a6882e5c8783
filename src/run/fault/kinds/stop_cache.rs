//! Every managed cache server is killed (SIGKILL) and started again after `for`.

use crate::run::fault::{Aim, Course, Effects, Fault, Lasts, Nature, Part, Surroundings};
use crate::scenario::Positive;
use crate::topology::{Target, TopologyError};

crate::settings! {
    /// This kind has no settings of its own.
    pub struct Spec {}
}

impl Fault for Spec {
    const NATURE: Nature = Nature {
        part: Part::Cache,
        aim: Aim::Fixed(Target::Cache),
        lasts: Lasts::For(Positive::seconds(10)),
        may_move_primary: true,
        wears_nodes_out: false,
    };

    fn check(&self, _target: Target, on: &Surroundings<'_>) -> Result<(), String> {
        on.has_cache_process()
    }

    fn effects(&self, _target: Target, on: &Surroundings<'_>) -> Effects {
        // Every node is gone, so what is not on disk is gone as well.
        let survives = on.cache_survives_kill();
        Effects { cache_loses_entries: !survives, cache_out_of_reach: survives, ..Effects::NONE }
    }

    async fn carry_out(&self, course: &mut Course<'_>) -> Result<(), TopologyError> {
        let cache = course.cache();
        // The check has refused caches without servers of hotset's own.
        let Some(nodes) = cache.managed() else { return Ok(()) };
        let nodes = nodes.data();
        let what = if nodes.len() == 1 { String::new() } else { format!("all {} nodes: ", nodes.len()) };
        course.broke(format!("{what}SIGKILL, started again after {}", course.lasts()));
        for node in &nodes {
            node.server().kill().await?;
        }
        course.wait().await;
        for node in &nodes {
            cache.restart(node).await?;
        }
        course.mended("the server answers again");
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use crate::run::fault::Effects;
    use crate::run::fault::testing::Ground;
    use crate::topology::servers::Persistence;

    const STOP: &str = "kind = \"stop-cache\"";

    #[test]
    fn only_servers_that_hotset_started_are_killed() {
        assert_eq!(Ground::new("single", "").refuses(STOP), "");
        assert!(Ground::new("embedded", "").refuses(STOP).contains("no server to break"));
        let theirs = Ground::new("single", "url = \"redis://127.0.0.1:1\"\nallow_faults = true");
        assert!(theirs.refuses(STOP).contains("only servers that it started"));
    }

    #[test]
    fn a_cache_with_persistence_is_out_of_reach_and_one_without_is_empty() {
        let mut ground = Ground::new("single", "");
        ground.cache.persistence = Persistence::None;
        assert_eq!(ground.effects(STOP), Effects { cache_loses_entries: true, ..Effects::NONE });
        ground.cache.persistence = Persistence::AofAlways;
        assert_eq!(ground.effects(STOP), Effects { cache_out_of_reach: true, ..Effects::NONE });
    }
}
