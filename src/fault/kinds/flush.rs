//! The cache loses every entry of this run at once; there is nothing to mend.

use crate::fault::{Aim, Course, Effects, Fault, Lasts, Nature, Part, Surroundings};
use crate::topology::{Target, TopologyError};

crate::settings! {
    /// It has none.
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
