//! The cache loses every entry of this run at once; there is nothing to mend.

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
        wears_nodes_out: false,
    };

    fn check(&self, _target: Target, _on: &Surroundings<'_>) -> Result<(), String> {
        // Only this run's own entries go, so that it can be done to any cache.
        Ok(())
    }

    fn effects(&self, _target: Target, _on: &Surroundings<'_>) -> Effects {
        Effects { cache_loses_entries: true, ..Effects::NONE }
    }

    async fn carry_out(&self, course: &mut Course<'_>) -> Result<(), TopologyError> {
        course.broke("every entry of this run is gone");
        course.cache().flush().await
    }
}

#[cfg(test)]
mod tests {
    use crate::run::fault::Effects;
    use crate::run::fault::testing::Ground;

    #[test]
    fn every_cache_can_be_flushed_and_loses_its_entries() {
        let flush = "kind = \"flush\"";
        let theirs = Ground::new("single", "url = \"redis://127.0.0.1:1\"");
        for ground in [Ground::new("embedded", ""), theirs] {
            assert_eq!(ground.refuses(flush), "");
            assert_eq!(ground.effects(flush), Effects { cache_loses_entries: true, ..Effects::NONE });
        }
    }
}
