//! The managed database server is killed (SIGKILL) and started again after `for`.

use crate::run::fault::{Aim, Course, Effects, Fault, Lasts, Nature, Part, Surroundings};
use crate::scenario::Positive;
use crate::topology::{Target, TopologyError};

crate::settings! {
    /// This kind has no settings of its own.
    pub struct Spec {}
}

impl Fault for Spec {
    const NATURE: Nature = Nature {
        part: Part::Database,
        aim: Aim::Fixed(Target::Database),
        lasts: Lasts::For(Positive::seconds(10)),
        may_move_primary: false,
        wears_nodes_out: false,
    };

    fn check(&self, _target: Target, on: &Surroundings<'_>) -> Result<(), String> {
        on.has_database_process()
    }

    fn effects(&self, _target: Target, _on: &Surroundings<'_>) -> Effects {
        Effects { database_loses_unjournaled: true, ..Effects::NONE }
    }

    async fn carry_out(&self, course: &mut Course<'_>) -> Result<(), TopologyError> {
        // The check has refused databases without a server of hotset's own.
        let Some(server) = course.database().server() else { return Ok(()) };
        course.broke(format!("SIGKILL, started again after {}", course.lasts()));
        server.kill().await?;
        course.wait().await;
        server.restart().await?;
        course.mended("the server answers again");
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use crate::run::fault::testing::Ground;

    #[test]
    fn only_a_database_that_hotset_started_is_killed() {
        let stop = "kind = \"stop-database\"";
        assert_eq!(Ground::new("single", "").refuses(stop), "");
        assert!(
            Ground::new("single", "database = \"embedded\"").refuses(stop).contains("here there is none")
        );
        assert!(Ground::new("single", "").effects(stop).database_loses_unjournaled);
    }
}
