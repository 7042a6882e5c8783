//! The queues of an open loop on one load-driving thread: which clients share one, and how many may be busy at once.

use std::cell::RefCell;
use std::rc::Rc;

use super::arrivals::{ArrivalQueue, ClientLimits, Queues, StreamPlaces};
use crate::load::workload::Schedule;
use crate::run::plan::Scenario;

/// When the operations of an open loop are due.
#[derive(Debug, Clone)]
pub struct Schedules {
    /// Those of the warm-up.
    pub warmup: Schedule,
    /// The measured ones.
    pub measure: Schedule,
}

impl Schedules {
    /// Those of a scenario; `None` in a closed loop.
    #[must_use]
    pub fn of(scenario: &Scenario, seed: u64) -> Option<Self> {
        let (warmup, measure) = scenario.warmup_schedule(seed).zip(scenario.schedule(seed))?;
        Some(Self { warmup, measure })
    }
}

/// The queues from which a client takes its operations.
#[derive(Debug, Clone)]
pub struct OpenLoop {
    /// In the warm-up.
    pub warmup: Rc<RefCell<ArrivalQueue>>,
    /// While it is measured.
    pub measure: Rc<RefCell<ArrivalQueue>>,
}

/// The queues of one thread.
#[derive(Debug, Default)]
pub struct ThreadQueues {
    /// In the warm-up.
    pub warmup: Queues,
    /// While it is measured.
    pub measure: Queues,
}

impl ThreadQueues {
    /// Returns the numbers of the clients that an instance begins with, each with the queues from which it takes its
    /// operations; these are added here. A closed loop has none.
    pub fn clients_of(
        &mut self,
        instance: u64,
        scenario: &Scenario,
        schedules: Option<&Schedules>,
    ) -> Vec<(u64, Option<OpenLoop>)> {
        let (instances, clients) = (scenario.workload.instances.get(), scenario.workload.clients.get());
        let numbers = (instance..clients).step_by(instances as usize);
        let Some(schedules) = schedules else { return numbers.map(|client| (client, None)).collect() };
        if !scenario.shares_arrivals() {
            let one = ClientLimits { stay: 1, most: 1 };
            let mut own = |client| Some(self.add(schedules, client, StreamPlaces::of_one(client), one));
            return numbers.map(|client| (client, own(client))).collect();
        }
        let most = most_in_flight(instance, scenario);
        let stay = most.min(numbers.clone().count() as u64);
        let places = StreamPlaces::of_every(instances, instance, clients);
        let shared = self.add(schedules, instance, places, ClientLimits { stay, most });
        numbers.take(stay as usize).map(|client| (client, Some(shared.clone()))).collect()
    }

    fn add(
        &mut self,
        schedules: &Schedules,
        queue: u64,
        places: StreamPlaces,
        limits: ClientLimits,
    ) -> OpenLoop {
        let warmup = self.warmup.add(schedules.warmup.due_times(queue), places.clone(), limits);
        OpenLoop { warmup, measure: self.measure.add(schedules.measure.due_times(queue), places, limits) }
    }
}

/// An instance's part of the operations that may be under way at once.
fn most_in_flight(instance: u64, scenario: &Scenario) -> u64 {
    let (most, instances) = (scenario.most_in_flight(), scenario.workload.instances.get());
    (most / instances + u64::from(instance < most % instances)).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::plan::{Plan, PlanOptions};

    /// The numbers of an instance's clients, and how many queues they have.
    fn clients(instance: u64, workload: &str) -> (Vec<u64>, usize) {
        let text = format!(
            "strategies = [\"cache-aside\"]\ntopologies = [\"embedded\"]\n[workload]\nclients = 7\ninstances = 2\n{workload}"
        );
        let plan = Plan::parse("test", "test.toml", &text, &PlanOptions::default()).unwrap();
        let schedules = Schedules::of(&plan.scenario, 1);
        let mut queues = ThreadQueues::default();
        let clients = queues.clients_of(instance, &plan.scenario, schedules.as_ref());
        let mut measured: Vec<_> = clients
            .iter()
            .filter_map(|(_, open)| open.as_ref())
            .map(|open| Rc::as_ptr(&open.measure))
            .collect();
        measured.dedup();
        (clients.into_iter().map(|(number, _)| number).collect(), measured.len())
    }

    #[test]
    fn the_clients_of_an_instance_share_a_queue_or_have_one_each_or_none() {
        assert_eq!(clients(0, "rate_per_second = 5"), (vec![0, 2, 4, 6], 1));
        assert_eq!(clients(1, "rate_per_second = 5\nqueue = \"client\""), (vec![1, 3, 5], 3));
        assert_eq!(clients(1, ""), (vec![1, 3, 5], 0));
    }

    #[test]
    fn no_more_clients_begin_than_operations_may_be_under_way() {
        assert_eq!(clients(0, "rate_per_second = 5\nmax_in_flight = 5"), (vec![0, 2, 4], 1));
        assert_eq!(clients(1, "rate_per_second = 5\nmax_in_flight = 5"), (vec![1, 3], 1));
    }
}
