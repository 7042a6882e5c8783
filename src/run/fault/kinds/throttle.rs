//! No more than `rate` a second gets through the link `target` in each direction, for as long as `for` says.

use crate::base::units::ByteSize;
use crate::run::fault::{Course, Effects, Fault, Nature, Surroundings, link};
use crate::topology::relay::Conditions;
use crate::topology::{Target, TopologyError};

crate::settings! {
    /// The settings of a throttled link.
    pub struct Spec {
        /// how many bytes a second get through
        rate: ByteSize = ByteSize(1 << 20),
    }
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
        let conditions = Conditions { rate: Some(self.rate.0), ..Conditions::default() };
        link::impair(course, format!("{} a second get through", self.rate), conditions).await
    }
}
