//! Nothing gets through the link `target` for as long as `for` says, and nobody is told; what was under way comes after that.

use crate::run::fault::{Course, Effects, Fault, Nature, Surroundings, link};
use crate::topology::relay::Conditions;
use crate::topology::{Target, TopologyError};

crate::settings! {
    /// This kind has no settings of its own.
    pub struct Spec {}
}

impl Fault for Spec {
    const NATURE: Nature = link::nature(link::FOR_A_WHILE);

    fn check(&self, target: Target, on: &Surroundings<'_>) -> Result<(), String> {
        link::check(target, on)
    }

    fn effects(&self, target: Target, _on: &Surroundings<'_>) -> Effects {
        link::effects(target)
    }

    async fn carry_out(&self, course: &mut Course<'_>) -> Result<(), TopologyError> {
        let conditions = Conditions { cut: true, ..Conditions::default() };
        link::impair(course, "nothing gets through".into(), conditions).await
    }
}
