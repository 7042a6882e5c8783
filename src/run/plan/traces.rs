//! The traces that drive a run, each read once, however many sets of swept values it is run with.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

use super::settings::{DatasetSettings, RunSettings};
use crate::load::workload::{BrokenLines, Recording, WorkloadSettings};
use crate::scenario::{Mistake, PositiveNumber, Reader};

/// Those that have been read, with broken lines left out or not; `None` for one that could not be, which has been reported.
#[derive(Debug, Default)]
pub(super) struct Traces(HashMap<(String, bool), Option<Arc<Recording>>>);

impl Traces {
    /// The trace that a scenario asks for; what is wrong with it goes to the mistakes.
    pub(super) fn read(
        &mut self,
        workload: &WorkloadSettings,
        dataset: &DatasetSettings,
        top: &Reader<'_>,
    ) -> Option<Arc<Recording>> {
        let path = workload.trace.as_ref()?;
        let wrong = |message: String, help: &str| {
            let place = top.place_of(&["workload", "trace"]);
            top.mistakes().push(Mistake::new(place, "workload.trace", message).help(help.to_owned()));
        };
        let read = || match Recording::read(Path::new(path), workload.on_broken) {
            Ok(recording) => Some(Arc::new(recording)),
            Err(error) => {
                let help = "mend the trace, or write on_broken = \"skip\" to leave out what cannot be read";
                wrong(error.to_string(), help);
                None
            }
        };
        let known = self.0.entry((path.clone(), workload.on_broken == BrokenLines::Skip));
        let recording = known.or_insert_with(read).as_ref().map(Arc::clone)?;
        let (asked_for, there) = (recording.distinct_keys(), dataset.keys.get());
        if asked_for > there {
            let help = format!("write dataset.keys = {asked_for} or more");
            wrong(format!("{path} asks for {asked_for} keys, and the dataset has {there}"), &help);
            return None;
        }
        Some(recording)
    }
}

/// A trace that is run faster than this is run as fast as it can be.
const FASTEST: f64 = 1e5;
/// A trace that is run slower than this is not run at all: a day of it takes longer than a life.
const SLOWEST: f64 = 1e-5;
/// The most stretches of time with a rate of their own in which a run repeats those of a trace.
const MOST_STRETCHES: f64 = 4e6;

/// The mean rate of a trace that is run at its own times, where one is; what is wrong with that goes to the mistakes.
pub(super) fn rate(
    workload: &WorkloadSettings,
    recorded: Option<&Recording>,
    run: &RunSettings,
    is_otherwise_timed: bool,
    top: &Reader<'_>,
) -> Option<PositiveNumber> {
    let speed = workload.speed?.0;
    let wrong = |message: String, help: &str| {
        let place = top.place_of(&["workload", "speed"]);
        top.mistakes().push(Mistake::new(place, "workload.speed", message).help(help.to_owned()));
    };
    if workload.trace.is_none() {
        wrong("means nothing without a trace".into(), "name one in workload.trace, or leave it out");
    }
    if is_otherwise_timed {
        let message = "says that operations are due as they happened in the trace, and something else says so otherwise";
        let help =
            "leave out rate_per_second, arrivals, phases, [staircase] and [search], or leave speed out";
        wrong(message.into(), help);
    }
    if !workload.clients.get().is_multiple_of(workload.instances.get()) {
        let (clients, instances) = (workload.clients, workload.instances);
        let message = format!(
            "needs the same number of clients at each of {instances} instances, and there are {clients} in all"
        );
        wrong(message, "make workload.clients a multiple of workload.instances");
    }
    if speed > FASTEST {
        wrong(format!("{speed} times as fast is faster than anything can be"), "give less, such as 100.0");
        return None;
    }
    if speed < SLOWEST {
        wrong(
            format!("{speed} times as fast is so slow that nothing would be due"),
            "give more, such as 0.1",
        );
        return None;
    }
    let recorded = recorded?;
    if !recorded.times().differ() {
        wrong("means nothing to a trace whose operations all have one time".into(), "give a rate instead");
        return None;
    }
    let measured = recorded.measured();
    let length_s = recorded.times().length(measured.clone()).as_secs_f64() / speed;
    let rounds = (run.duration.0.as_secs_f64() / length_s).max(1.0);
    if rounds * recorded.times().stretches(measured.clone()) as f64 > MOST_STRETCHES {
        let message = format!("makes the trace begin again {rounds:.0} times in a run");
        wrong(message, "give a lower speed, a shorter run.duration or a longer trace");
        return None;
    }
    Some(PositiveNumber((measured.end - measured.start) as f64 / length_s))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::run::plan::{Plan, PlanError, PlanOptions};

    #[test]
    fn a_trace_is_read_once_for_all_swept_values_and_what_is_left_out_is_told_once() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("trace.csv");
        std::fs::write(&path, "0,a,1,9,1,get,0\n0,a,1,9,1,set,60\n0,a,1,9,1,get,0\nnonsense\n").unwrap();
        let path = path.display().to_string();
        let text = format!(
            "strategies = [\"cache-aside\"]\ntopologies = [\"embedded\"]\n[workload]\ntrace = {path:?}\non_broken = \"skip\"\n[sweep]\n\"cache.capacity\" = [10, 20, 30]\n"
        );
        let plan = Plan::parse("test", "test.toml", &text, &PlanOptions::default()).unwrap();
        let traces: Vec<_> = plan.variants.iter().flat_map(|(_, scenario)| &scenario.recorded).collect();
        assert_eq!(traces.len(), 3);
        assert!(traces.iter().all(|trace| Arc::ptr_eq(trace, traces[0])));
        let said = "1 broken line and 1 set that filled the cache it was recorded at are left out";
        let notes = plan.notes();
        assert_eq!(notes.iter().filter(|note| **note == format!("{path}: {said}")).count(), 1, "{notes:?}");
        assert_eq!(notes.len(), 3, "sizes count and times to live do not, each told once: {notes:?}");
    }

    /// What a trace of twenty operations in twenty seconds, of which the last ten are measured, makes of a workload.
    fn at_speed(workload: &str) -> Result<Plan, String> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("trace.csv");
        let lines: String = (0..20)
            .map(|second| format!("{},k{},read,9\n", second * 1_000, second % 3))
            .collect::<Vec<_>>()
            .concat();
        std::fs::write(&path, format!("time_ms,key,operation,size_bytes\n{lines}")).unwrap();
        let path = path.display().to_string();
        let text = format!(
            "strategies = [\"cache-aside\"]\ntopologies = [\"embedded\"]\n[workload]\ntrace = {path:?}\n{workload}"
        );
        Plan::parse("test", "test.toml", &text, &PlanOptions::default()).map_err(|error| match error {
            PlanError::Invalid(invalid) => invalid
                .mistakes
                .iter()
                .map(|one| format!("{}: {};", one.key, one.message))
                .collect::<Vec<_>>()
                .concat(),
            unreadable @ PlanError::Unreadable { .. } => unreadable.to_string(),
        })
    }

    #[test]
    fn a_trace_at_its_own_times_is_an_open_loop_at_their_mean_rate() {
        let scenario = at_speed("speed = 4.0").unwrap().scenario;
        assert_eq!(scenario.workload.rate_per_second.map(|rate| rate.0), Some(4.0));
        let borders: Vec<Duration> = (0..=4).map(|quarter| Duration::from_millis(2_500 * quarter)).collect();
        assert_eq!(scenario.schedule(7).unwrap().due_between(&borders), [10, 10, 10, 10]);
        let first = scenario.schedule(1).unwrap().due_times(0).nth(1).unwrap();
        assert!((first.as_secs_f64() - 0.5).abs() < 0.2, "the third operation, two seconds later: {first:?}");
        assert!(at_speed("").unwrap().scenario.schedule(1).is_none(), "without a speed it is a closed loop");
    }

    #[test]
    fn a_speed_that_contradicts_the_rest_is_refused_with_a_remedy() {
        for (workload, told) in [
            ("speed = 1.0\nrate_per_second = 5", "something else says so otherwise"),
            ("speed = 1.0\narrivals = \"constant\"", "something else says so otherwise"),
            ("speed = 1.0\nclients = 5", "the same number of clients at each of 2 instances"),
            ("speed = 1e9", "faster than anything can be"),
            ("speed = 9e4\n[run]\nduration = \"10h\"", "begin again"),
        ] {
            let mistakes = at_speed(workload).map(|_| workload).unwrap_err();
            assert!(
                mistakes.starts_with("workload.speed: ") && mistakes.contains(told),
                "{workload}: {mistakes}"
            );
        }
    }
}
