//! One instance of the application, `target`, loses all that it holds in memory, and starts again after `for`.

use crate::run::fault::{Aim, Course, Effects, Fault, Lasts, Life, Nature, Part, Surroundings};
use crate::scenario::Positive;
use crate::topology::{Target, TopologyError};

crate::settings! {
    /// This kind has no settings of its own.
    pub struct Spec {}
}

impl Fault for Spec {
    const NATURE: Nature = Nature {
        part: Part::Application,
        aim: Aim::Instance,
        lasts: Lasts::For(Positive::seconds(10)),
        may_move_primary: false,
        wears_nodes_out: false,
    };

    fn check(&self, _target: Target, _on: &Surroundings<'_>) -> Result<(), String> {
        // Every application has instances; whether this one is there is checked when the target is read.
        Ok(())
    }

    fn effects(&self, _target: Target, _on: &Surroundings<'_>) -> Effects {
        Effects { instance_crashes: true, ..Effects::NONE }
    }

    async fn carry_out(&self, course: &mut Course<'_>) -> Result<(), TopologyError> {
        let (number, life) = course.instance()?;
        let detail = format!("instance {number} loses its memory, started again after {}", course.lasts());
        course.broke(detail);
        life.send_replace(Life::Down);
        course.wait().await;
        // The instance itself tells when it serves again.
        life.send_replace(Life::Up);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use crate::run::fault::Effects;
    use crate::run::fault::testing::{Ground, read};

    #[test]
    fn an_instance_that_crashes_takes_its_memory_with_it_and_nothing_else() {
        let crash = "kind = \"crash-application\"\ntarget = 1";
        let ground = Ground::new("embedded", "");
        assert_eq!(ground.refuses(crash), "");
        assert_eq!(ground.effects(crash), Effects { instance_crashes: true, ..Effects::NONE });
    }

    #[test]
    fn an_instance_that_is_not_there_cannot_crash() {
        let (_, mistakes) = read("kind = \"crash-application\"\ntarget = 2");
        assert_eq!(
            mistakes,
            ["target: there is no instance 2; the instances are 0 to 1; see workload.instances"]
        );
    }
}
