//! Every call of the database takes `delay` longer, for as long as `for` says.

use crate::base::units::show_duration;
use crate::run::fault::{Aim, Course, Effects, Fault, Lasts, Nature, Part, Surroundings};
use crate::scenario::Positive;
use crate::topology::{Target, TopologyError};

crate::settings! {
    /// The settings of a slow link to the database.
    pub struct Spec {
        /// how much longer a call takes
        delay: Positive = Positive::millis(20),
    }
}

impl Fault for Spec {
    const NATURE: Nature = Nature {
        part: Part::Database,
        aim: Aim::Fixed(Target::Database),
        lasts: Lasts::For(Positive::seconds(10)),
        may_move_primary: false,
        wears_nodes_out: false,
    };

    fn check(&self, _target: Target, _on: &Surroundings<'_>) -> Result<(), String> {
        // The calls are delayed in this process, whatever the database is and whoever has started it.
        Ok(())
    }

    fn effects(&self, _target: Target, _on: &Surroundings<'_>) -> Effects {
        Effects { longer_calls: self.delay.0, ..Effects::NONE }
    }

    async fn carry_out(&self, course: &mut Course<'_>) -> Result<(), TopologyError> {
        let delay = self.delay.0;
        course.broke(format!("every call takes {} longer, for {}", show_duration(delay), course.lasts()));
        // Dropped too where the run is interrupted: the next cell uses the database as well.
        let slow = course.database().endpoint().slowness().longer_by(delay);
        course.wait().await;
        drop(slow);
        course.mended("calls take as long as without it");
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use crate::run::fault::Effects;
    use crate::run::fault::testing::Ground;
    use std::time::Duration;

    #[test]
    fn any_database_can_be_slow_and_its_calls_take_longer_by_the_delay() {
        let slow = "kind = \"slow-database\"\ndelay = \"70ms\"";
        let ground = Ground::new("embedded", "");
        assert_eq!(ground.refuses(slow), "");
        let longer_calls = Duration::from_millis(70);
        assert_eq!(ground.effects(slow), Effects { longer_calls, ..Effects::NONE });
    }
}
