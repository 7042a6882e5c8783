//! The memory of every primary is filled up with what nobody asks for, which is removed after `for`.

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
        may_move_primary: false,
        wears_nodes_out: true,
    };

    fn check(&self, _target: Target, on: &Surroundings<'_>) -> Result<(), String> {
        on.has_cache_server()?;
        if on.cache.capacity.is_none() && on.topology.manages_cache_servers() {
            return Err("without a memory limit it cannot be filled; give cache.capacity".into());
        }
        on.may_disturb_cache()
    }

    fn effects(&self, _target: Target, _on: &Surroundings<'_>) -> Effects {
        // A full memory is an error like any other to a strategy that passes the cache by on errors.
        Effects { cache_out_of_reach: true, ..Effects::NONE }
    }

    async fn carry_out(&self, course: &mut Course<'_>) -> Result<(), TopologyError> {
        course.broke(format!("the memory of every primary is being filled up, for {}", course.lasts()));
        let filler = course.cache().fill_memory(course.duration()).await?;
        course.noticed(format!("{} bytes were put there", filler.bytes));
        course.wait().await;
        filler.remove().await.map_err(TopologyError::store("emptying the cache's memory"))?;
        course.mended("what filled the memory is gone");
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use crate::run::fault::testing::Ground;

    #[test]
    fn only_a_memory_with_a_limit_can_be_filled() {
        let fill = "kind = \"fill-memory\"";
        assert!(Ground::new("single", "").refuses(fill).contains("give cache.capacity"));
        assert!(Ground::new("embedded", "").refuses(fill).contains("inside this process"));
        let theirs = "url = \"redis://127.0.0.1:1\"";
        assert!(Ground::new("single", theirs).refuses(fill).contains("allow_faults = true"));
        let allowed = format!("{theirs}\nallow_faults = true");
        assert_eq!(Ground::new("single", &allowed).refuses(fill), "", "its servers say what their limit is");
    }
}
