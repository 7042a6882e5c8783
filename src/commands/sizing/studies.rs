//! What curves a scenario asks for: one family for each sort of operations that it offers, and for each thing that its
//! strategies do to the cache on a write.

use std::sync::Arc;

use crate::load::workload::WorkloadSettings;
use crate::model::curve::WritePolicy;
use crate::run::plan::{Cell, Plan, Scenario};
use crate::strategy::WriteEffect;

/// Operations, and what becomes of the cache on a write.
#[derive(Debug, Clone)]
pub(super) struct Study {
    pub(super) scenario: Arc<Scenario>,
    /// The swept values that make the operations what they are, as result files write them.
    pub(super) swept: String,
    pub(super) writes: Writing,
}

/// The effect of writes on the cache.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Writing {
    pub(super) on_write: WritePolicy,
    /// The strategies that do so, by their labels; none where somebody else said so.
    pub(super) strategies: Vec<String>,
}

impl Writing {
    /// Why they do so, in a sentence; `None` where somebody else said so.
    pub(super) fn reason(&self) -> Option<String> {
        let what = match self.on_write {
            WritePolicy::Update => "update the cache",
            WritePolicy::Invalidate => "invalidate what is cached",
            WritePolicy::Ignore => "leave the cache as it is",
        };
        let as_under =
            || format!("writes {what}, as under {} (--on-write says otherwise)", self.strategies.join(", "));
        (!self.strategies.is_empty()).then(as_under)
    }
}

/// The families of a plan, in the order of its swept values. Where nothing is said of writes it is what the strategies do.
pub(super) fn studies(plan: &Plan, on_write: Option<WritePolicy>) -> Vec<Study> {
    let mut studies: Vec<Study> = Vec::new();
    for (swept, scenario) in &plan.variants {
        if studies.iter().any(|study| offer_alike(&study.scenario, scenario)) {
            continue;
        }
        let cells: Vec<_> =
            plan.cells.iter().filter(|cell| offer_alike(&cell.scenario, scenario)).cloned().collect();
        let swept = shown(swept);
        let study = |writes| Study { scenario: Arc::clone(scenario), swept: swept.clone(), writes };
        studies.extend(writings(&cells, offers_writes(scenario), on_write).into_iter().map(study));
    }
    studies
}

/// Returns the effect that was asked for, or else those of the cells' strategies; one of these will do where nothing
/// is written.
pub(super) fn writings(cells: &[Cell], are_written: bool, on_write: Option<WritePolicy>) -> Vec<Writing> {
    let writing = |on_write| vec![Writing { on_write, strategies: Vec::new() }];
    if let Some(on_write) = on_write {
        return writing(on_write);
    }
    let mut found: Vec<Writing> = Vec::new();
    for cell in cells {
        let (Some(on_write), label) = (on_write_of(cell), &cell.strategy.label) else { continue };
        match found.iter_mut().find(|writing| writing.on_write == on_write) {
            Some(known) if known.strategies.contains(label) => {}
            Some(known) => known.strategies.push(label.clone()),
            None => found.push(Writing { on_write, strategies: vec![label.clone()] }),
        }
    }
    // Cells come in an order that is drawn by lot.
    found.sort_by_key(|writing| writing.on_write.word());
    for writing in &mut found {
        writing.strategies.sort();
    }
    if !are_written || found.is_empty() {
        return writing(found.first().map_or(WritePolicy::Invalidate, |first| first.on_write));
    }
    found
}

/// Returns the effect of a write by a cell's strategy; `None` where that is none of what is simulated.
pub(super) fn on_write_of(cell: &Cell) -> Option<WritePolicy> {
    cell.strategy.spec.promise().writes().map(|writes| match writes.effect {
        WriteEffect::Puts => WritePolicy::Update,
        WriteEffect::Removes => WritePolicy::Invalidate,
        WriteEffect::None => WritePolicy::Ignore,
    })
}

/// Returns true if two scenarios ask for the same keys as often, however fast and by however many clients.
pub(super) fn offer_alike(one: &Scenario, other: &Scenario) -> bool {
    let settings = |scenario: &Scenario| {
        let WorkloadSettings { reads, absent_share, keys_per_read, trace, on_broken, .. } =
            scenario.workload.clone();
        (reads, absent_share, keys_per_read, trace, on_broken)
    };
    settings(one) == settings(other) && one.distribution == other.distribution && one.dataset == other.dataset
}

/// Returns true if the operations change anything.
pub(super) fn offers_writes(scenario: &Scenario) -> bool {
    scenario.recorded.is_some() || scenario.workload.reads.get() < 1.0
}

/// The swept values that make a difference to what is asked for.
fn shown(swept: &[(String, String)]) -> String {
    let makes_a_difference = |key: &str| {
        let pace = ["clients", "connections", "instances", "rate_per_second", "arrivals"];
        match key.split_once('.') {
            Some(("workload", setting)) => !pace.contains(&setting),
            Some(("dataset", _)) => true,
            _ => false,
        }
    };
    let kept = swept.iter().filter(|(key, _)| makes_a_difference(key));
    kept.map(|(key, value)| format!("{key}={value}")).collect::<Vec<_>>().join(";")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::plan::PlanOptions;

    fn found(text: &str, on_write: Option<WritePolicy>) -> Vec<(String, WritePolicy, String)> {
        let text = format!("topologies = [\"embedded\"]\n{text}");
        let plan = Plan::parse("test", "test.toml", &text, &PlanOptions::default()).unwrap();
        let told = |study: Study| (study.swept, study.writes.on_write, study.writes.strategies.join(","));
        studies(&plan, on_write).into_iter().map(told).collect()
    }

    fn one(on_write: WritePolicy, strategies: &str) -> Vec<(String, WritePolicy, String)> {
        vec![(String::new(), on_write, strategies.into())]
    }

    #[test]
    fn writes_do_what_the_strategies_do() {
        let of = |strategies: &str| found(&format!("strategies = [{strategies}]"), None);
        assert_eq!(of("\"cache-aside\""), one(WritePolicy::Invalidate, "cache-aside"));
        assert_eq!(of("\"cache-through\""), one(WritePolicy::Update, "cache-through"));
        assert_eq!(of("\"write-around\""), one(WritePolicy::Ignore, "write-around"));
        assert_eq!(of("\"no-cache\""), one(WritePolicy::Invalidate, ""), "nobody says anything");
    }

    #[test]
    fn strategies_that_differ_have_a_family_each_unless_it_is_said_what_writes_do() {
        let strategies = "strategies = [\"cache-through\", \"cache-aside\", \"read-through\"]\n";
        let both = found(strategies, None);
        let invalidate = (String::new(), WritePolicy::Invalidate, "cache-aside,read-through".to_owned());
        assert_eq!(both, [invalidate, (String::new(), WritePolicy::Update, "cache-through".into())]);
        assert_eq!(found(strategies, Some(WritePolicy::Ignore)), one(WritePolicy::Ignore, ""));
        let only_reads = format!("{strategies}[workload]\nreads = 1.0\n");
        assert_eq!(found(&only_reads, None).len(), 1, "nothing is written");
    }

    #[test]
    fn each_swept_sort_of_operations_has_a_family_and_what_only_sets_the_pace_has_none() {
        let text = "strategies = [\"cache-aside\"]\n[sweep]\n\"cache.capacity\" = [10, 20]\n\
                    \"workload.clients\" = [2, 4]\n\"workload.keys.exponent\" = [0.8, 1.1]\n\"dataset.keys\" = [50, 60]\n";
        let swept: Vec<_> = found(text, None).into_iter().map(|(swept, ..)| swept).collect();
        let expected = [("0.8", 50), ("0.8", 60), ("1.1", 50), ("1.1", 60)];
        assert_eq!(
            swept,
            expected.map(|(s, keys)| format!("workload.keys.exponent={s};dataset.keys={keys}"))
        );
    }
}
