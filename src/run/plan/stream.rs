//! The operations that a scenario offers, and when.

use std::num::NonZeroU64;
use std::sync::Arc;
use std::time::Duration;

use super::cell::Cell;
use super::scenario::Scenario;
use crate::application::{ApplicationSpec, catalog};
use crate::base::units::Share;
use crate::load::workload::phase::{clients, profile, starts};
use crate::load::workload::{
    ArrivalQueues, Arrivals, Batching, KeySampler, LoadPhase, Mix, MixError, OperationStream, PhasedStream,
    Purpose, RandomSource, RateProfile, Schedule, StaircasePart, StreamPart, StreamSpec, WriteKeys,
};
use crate::results::{OperationClass, Phase};

impl Cell {
    /// The seed of its operations: every repeat asks for other keys in another order, and every strategy in a repeat for the
    /// same.
    #[must_use]
    pub fn seed(&self) -> u64 {
        self.scenario.run.seed.wrapping_add((self.repeat - 1).wrapping_mul(0x9e37_79b9))
    }
}

impl Scenario {
    /// Returns the operations that the clients are offered in the warm-up, or from the start of measuring on; phases of the
    /// load change nothing in them.
    ///
    /// # Errors
    /// Where the workload cannot be drawn.
    pub fn stream(&self, phase: Phase, seed: u64) -> Result<OperationStream, MixError> {
        let operations = self.application.spec.operations();
        Ok(OperationStream::new(StreamSpec {
            seed,
            phase,
            keys: KeySampler::new(&self.distribution, self.dataset.keys, self.run.seed),
            mix: Mix::new(&self.application.weights(&self.workload, self.workload.reads))?,
            can_be_absent: operations.iter().map(|kind| kind.can_be_absent).collect(),
            absent_share: self.workload.absent_share,
            clients: self.workload.clients,
            batching: self.batching(),
            recorded: self.recorded.clone(),
            write_keys: self.write_keys().map(Arc::new),
        }))
    }

    /// Returns which operations ask for how many keys together; `None` where each asks for one.
    #[must_use]
    pub fn batching(&self) -> Option<Batching> {
        let keys = self.workload.keys_per_read;
        keys.is_batch().then(|| Batching { kind: catalog::READ, keys: keys.get() })
    }

    /// Returns the keys that each part of the load writes; `None` where one process drives all of it.
    #[must_use]
    pub fn write_keys(&self) -> Option<WriteKeys> {
        let writes =
            self.application.spec.operations().iter().map(|kind| kind.class == OperationClass::Write);
        let ranked = || KeySampler::new(&self.distribution, self.dataset.keys, self.run.seed);
        self.part.is_shared_out().then(|| WriteKeys::new(self.part.parts(), ranked(), writes.collect()))
    }

    /// Returns the share of the load that this process drives, from 0 to 1.
    #[must_use]
    pub fn own_share(&self) -> f64 {
        let queues = self.queues().get();
        self.part.share_of(queues) as f64 / queues as f64
    }

    /// Returns the operations that are measured, with what the phases of the load change in them.
    ///
    /// # Errors
    /// Where the workload cannot be drawn.
    pub fn measured_stream(&self, seed: u64) -> Result<PhasedStream, MixError> {
        let whole = self.stream(Phase::Measure, seed)?;
        // Like the place of the hot keys, what replaces them is the same in every repeat.
        let replacing = RandomSource::new(self.run.seed, Purpose::Bijection);
        let (mut keys, mut drawn_by) = (whole.spec().keys.clone(), &self.distribution);
        let mut parts = Vec::new();
        for (number, (start, phase)) in (0..).zip(starts(&self.phases)) {
            let distribution = phase.keys.as_ref().unwrap_or(&self.distribution);
            if distribution != drawn_by {
                (keys, drawn_by) = (keys.drawn_by(distribution), distribution);
            }
            if phase.shift > Share::NONE {
                keys = keys.shifted(phase.shift, replacing.at(1, number).bits());
            }
            let mix = Mix::new(&self.application.weights(&self.workload, phase.reads))?;
            let spec = StreamSpec { keys: keys.clone(), mix, ..whole.spec().clone() };
            let stream = OperationStream::new(spec);
            let send_by = send_by(&self.phases, start);
            parts.push(StreamPart { start, stream, send_by });
        }
        let mut parts = parts.into_iter();
        Ok(match parts.next() {
            None => PhasedStream::whole(whole),
            Some(first) => PhasedStream::new(first, parts, clients(&self.phases)),
        })
    }

    /// Returns true if whichever client of its instance is free carries out an arrival. What logs in does one thing after
    /// another.
    #[must_use]
    pub fn shares_arrivals(&self) -> bool {
        self.workload.queue == ArrivalQueues::Instance
            && !matches!(self.application.spec, ApplicationSpec::Sessions(_))
    }

    /// The number of queues in which arrivals wait: one an instance, or one a client.
    fn queues(&self) -> NonZeroU64 {
        if self.shares_arrivals() { self.workload.instances } else { self.workload.clients }
    }

    /// Returns when the operations of the warm-up are due, by queue; `None` in a closed loop.
    #[must_use]
    pub fn warmup_schedule(&self, seed: u64) -> Option<Schedule> {
        let workload = &self.workload;
        let schedule = |rate| Schedule::new(workload.arrivals, rate, self.queues(), seed).in_part(self.part);
        workload.rate_per_second.map(schedule)
    }

    /// Returns when the measured operations are due, by queue; `None` in a closed loop.
    #[must_use]
    pub fn schedule(&self, seed: u64) -> Option<Schedule> {
        // The times of a trace are those of its operations, one by one.
        let arrivals = self.workload.speed.map_or(self.workload.arrivals, |_| Arrivals::Constant);
        match self.rate_profile() {
            Some(profile) => {
                Some(Schedule::changing(arrivals, profile, self.queues(), seed).in_part(self.part))
            }
            None => self.warmup_schedule(seed),
        }
    }

    /// Returns the rate of the measured operations, where it is not one rate all the time.
    #[must_use]
    pub fn rate_profile(&self) -> Option<RateProfile> {
        let of_trace = || {
            let (recorded, speed) = self.recorded.as_ref().zip(self.workload.speed)?;
            Some(recorded.times().profile(recorded.measured(), speed.0, self.run.duration.0))
        };
        profile(&self.phases).or_else(of_trace)
    }

    /// Returns how many operations are expected to be due in this process while a cell is measured; `None` in a closed loop.
    #[must_use]
    pub fn expected_operations(&self) -> Option<f64> {
        let duration = self.run.duration.0;
        let of_phases = self.rate_profile().map(|profile| profile.arrivals_by(duration));
        let all = of_phases.or_else(|| Some(self.workload.rate_per_second?.0 * duration.as_secs_f64()));
        all.map(|operations| operations * self.own_share())
    }

    /// Returns for how long some client of a closed loop issues operations while a cell is measured.
    #[must_use]
    pub fn busy_time(&self) -> Duration {
        let pauses = self.phases.iter().filter(|phase| phase.is_idle());
        self.run.duration.0.saturating_sub(pauses.map(|phase| phase.duration).sum())
    }
}

/// On a staircase, what is due in a step is sent by the middle of the drain behind it, or not at all: what is sent last then has
/// the other half to end in, so that overload in one step does not spoil the next.
fn send_by(phases: &[LoadPhase], moment: Duration) -> Option<Duration> {
    let mut drains = starts(phases).filter(|(_, phase)| phase.part == Some(StaircasePart::Drain));
    let next = drains.find(|(start, drain)| *start + drain.duration > moment);
    next.map(|(start, drain)| start + drain.duration / 2)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::driver::offered;
    use crate::run::plan::{Plan, PlanOptions};

    const TEXT: &str = "topologies = [\"embedded\"]\nstrategies = [\"cache-aside\"]\n[dataset]\nkeys = 1000\n[workload]\n\
                        reads = 0.8\nabsent_share = 0.1\nclients = 3\n[run]\nseed = 9\n";

    fn plan(more: &str) -> Plan {
        Plan::parse("test", "test.toml", &format!("{TEXT}{more}"), &PlanOptions::default()).unwrap()
    }

    #[test]
    fn it_is_the_stream_that_a_run_offers() {
        let plan = plan("");
        let offer = offered(&plan.cells[0]).unwrap();
        assert_eq!(plan.scenario.stream(Phase::Measure, 9).unwrap().digests(), offer.digest);
    }

    #[test]
    fn phases_that_change_no_operation_leave_the_digest_as_it_is() {
        let (without, steady) = (plan(""), plan("[[phase]]\nduration = \"5s\"\nrate_per_second = 50\n"));
        let digest = |plan: &Plan| offered(&plan.cells[0]).unwrap().digest.all;
        assert_eq!(digest(&without), digest(&steady));
    }

    #[test]
    fn what_is_read_while_measured_is_what_the_phases_say_and_nothing_in_their_pauses() {
        let rates = "[workload]\nrate_per_second = 1000\n[[phase]]\nduration = \"10s\"\nrate_per_second = 5\n\
                     [[phase]]\nduration = \"10s\"\nkind = \"ramp\"\nfrom_per_second = 0\nto_per_second = 100\n";
        let expected = |text: &str| {
            let text = format!("topologies = [\"embedded\"]\nstrategies = [\"cache-aside\"]\n{text}");
            let plan = Plan::parse("test", "test.toml", &text, &PlanOptions::default()).unwrap();
            (plan.scenario.expected_operations(), plan.scenario.busy_time())
        };
        assert_eq!(expected(rates).0.map(f64::round), Some(550.0));
        let paused = "[[phase]]\nduration = \"4s\"\n[[phase]]\nduration = \"10s\"\nkind = \"pause\"\n";
        assert_eq!(expected(paused), (None, Duration::from_secs(4)));
        let steady = "[workload]\nrate_per_second = 1000\n";
        assert_eq!(expected(steady).0.map(f64::round), Some(30_000.0));
    }

    #[test]
    fn a_step_is_no_longer_sent_from_the_middle_of_its_drain_on() {
        let plan = plan(
            "[staircase]\nfrom_per_second = 10\nto_per_second = 20\nsteps = 2\nduration = \"4s\"\ndrain = \"2s\"\n",
        );
        let stream = plan.scenario.measured_stream(9).unwrap();
        let by = |second| stream.send_by(Duration::from_secs(second));
        assert_eq!((by(0), by(3)), (Some(Duration::from_secs(5)), Some(Duration::from_secs(5))));
        assert_eq!(by(6), None, "the end of the cell drains the last step");
    }

    #[test]
    fn a_phase_asks_for_its_own_mix_and_from_a_shift_on_for_other_keys() {
        let plan = plan(
            "[[phase]]\nduration = \"5s\"\nrate_per_second = 50\n[[phase]]\nduration = \"5s\"\nrate_per_second = 50\nreads = 0.0\n\
             [[phase]]\nduration = \"5s\"\nrate_per_second = 50\nshift = 1.0\n[[phase]]\nduration = \"5s\"\nrate_per_second = 50\n",
        );
        let stream = plan.scenario.measured_stream(9).unwrap();
        let of = |second: u64| {
            let at = Duration::from_secs(second);
            (0..2_000).map(|number| stream.operation(at, 0, number)).collect::<Vec<_>>()
        };
        let writes = |second| of(second).iter().filter(|one| one.kind == 1).count();
        assert!(writes(0).abs_diff(400) < 80 && writes(5) == 2_000 && writes(10) == writes(0));
        let keys = plan.scenario.stream(Phase::Measure, 9).unwrap().spec().keys.clone();
        let hot = |second| of(second).iter().filter(|one| keys.rank_of_key(one.key % 1_000) < 100).count();
        assert!(hot(0) == hot(5) && hot(0) > 1_000, "{}", hot(0));
        assert!(hot(10) < 100 && hot(15) == hot(10), "all hot keys are others: {}", hot(10));
    }

    #[test]
    fn a_phase_draws_its_keys_as_it_says_and_the_next_that_says_nothing_as_the_workload_does() {
        let steady = "[[phase]]\nduration = \"5s\"\nrate_per_second = 50\n";
        let uniform = format!("{steady}keys = {{ distribution = \"uniform\" }}\n");
        let plan_of = |phases: &[&str]| plan(&phases.concat());
        let stream = plan_of(&[steady, &uniform, steady]).scenario.measured_stream(9).unwrap();
        let of = |second: u64| {
            let at = Duration::from_secs(second);
            (0..2_000).map(|number| stream.operation(at, 0, number)).collect::<Vec<_>>()
        };
        let usual = plan("").scenario.stream(Phase::Measure, 9).unwrap();
        let hot = |second| {
            of(second).iter().filter(|one| usual.spec().keys.rank_of_key(one.key % 1_000) < 100).count()
        };
        assert!(hot(0) > 1_000 && hot(5).abs_diff(200) < 60, "{} and {}", hot(0), hot(5));
        assert_eq!(of(10), of(0));
        let kinds = |second| of(second).iter().map(|one| one.kind).collect::<Vec<_>>();
        assert_eq!(kinds(5), kinds(0), "only the keys are others");
        let digest = |phases: &[&str]| offered(&plan_of(phases).cells[0]).unwrap().digest.all;
        assert_ne!(digest(&[steady, &uniform]), digest(&[steady, steady]));
        let same = format!("{steady}keys = {{ distribution = \"zipf\" }}\n");
        assert_eq!(digest(&[steady, &same]), digest(&[steady, steady]), "what it says is what there is");
    }

    #[test]
    fn of_phases_that_draw_their_keys_in_several_ways_no_share_of_the_hottest_is_told() {
        let steady = "[[phase]]\nduration = \"5s\"\nrate_per_second = 50\n";
        let shares = |more: &str| offered(&plan(&format!("{steady}{steady}{more}")).cells[0]).unwrap().shares;
        assert_eq!(shares("shift = 0.5\n"), shares(""), "others are as hot");
        assert!(shares("").is_some());
        assert_eq!(shares("keys = { distribution = \"uniform\" }\n"), None);
    }
}
