//! Every connection over the link `target` is reset at once; there is nothing to mend.

use crate::run::fault::{Course, Effects, Fault, Lasts, Nature, Surroundings, link};
use crate::topology::{Target, TopologyError};

crate::settings! {
    /// This kind has no settings of its own.
    pub struct Spec {}
}

impl Fault for Spec {
    const NATURE: Nature = link::nature(Lasts::AtOnce);

    fn check(&self, target: Target, on: &Surroundings<'_>) -> Result<(), String> {
        link::check(target, on)
    }

    fn effects(&self, target: Target, _on: &Surroundings<'_>) -> Effects {
        link::effects(target)
    }

    async fn carry_out(&self, course: &mut Course<'_>) -> Result<(), TopologyError> {
        let (link, relays) = course.link()?;
        course.broke(format!("the link to the {}: every connection is reset", course.target().name()));
        relays.reset(link);
        Ok(())
    }
}
