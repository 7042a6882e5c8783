//! A round trip over the link `target` (`cache` or `database`) takes `delay` longer, and up to `jitter`, for as long as `for` says.

use std::time::Duration;

use crate::base::units::show_duration;
use crate::run::fault::{Course, Effects, Fault, Nature, Surroundings, link};
use crate::scenario::Positive;
use crate::topology::relay::Conditions;
use crate::topology::{Target, TopologyError};

crate::settings! {
    /// The settings of a slow link.
    pub struct Spec {
        /// how much longer a round trip takes
        delay: Positive = Positive::millis(20),
        /// up to how much longer than that it takes
        jitter: Duration = Duration::ZERO,
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
        let conditions = Conditions { delay: self.delay.0, jitter: self.jitter, ..Conditions::default() };
        let jitter = if self.jitter.is_zero() {
            String::new()
        } else {
            format!(" and up to {} more", show_duration(self.jitter))
        };
        let what = format!("a round trip takes {}{jitter} longer", show_duration(self.delay.0));
        link::impair(course, what, conditions).await
    }
}
