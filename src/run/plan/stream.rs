//! The operations that a scenario offers.

use super::scenario::Scenario;
use crate::load::workload::{KeySampler, Mix, MixError, OperationStream, StreamSpec};
use crate::results::Phase;

impl Scenario {
    /// Returns the operations that the clients of the first repeat are offered in a phase.
    ///
    /// # Errors
    /// Where the workload cannot be drawn.
    pub fn stream(&self, phase: Phase) -> Result<OperationStream, MixError> {
        let operations = self.application.spec.operations();
        Ok(OperationStream::new(StreamSpec {
            seed: self.run.seed,
            phase,
            keys: KeySampler::new(&self.distribution, self.dataset.keys, self.run.seed),
            mix: Mix::new(&self.application.weights(self.workload.reads.get()))?,
            can_be_absent: operations.iter().map(|kind| kind.can_be_absent).collect(),
            absent_share: self.workload.absent_share,
            clients: self.workload.clients,
            recorded: self.recorded.clone(),
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::driver::offered;
    use crate::run::plan::{Plan, PlanOptions};

    #[test]
    fn it_is_the_stream_that_a_run_offers() {
        let text = "topologies = [\"embedded\"]\nstrategies = [\"cache-aside\"]\n[dataset]\nkeys = 1000\n\
                    [workload]\nreads = 0.8\nabsent_share = 0.1\nclients = 3\n[run]\nseed = 9\n";
        let plan = Plan::parse("test", "test.toml", text, &PlanOptions::default()).unwrap();
        let offer = offered(&plan.cells[0]).unwrap();
        assert_eq!(plan.scenario.stream(Phase::Measure).unwrap().digests(), offer.digest);
    }
}
