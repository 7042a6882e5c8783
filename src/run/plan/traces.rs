//! The traces that drive a run, each read once, however many sets of swept values it is run with.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

use super::settings::DatasetSettings;
use crate::load::workload::{BrokenLines, Recording, WorkloadSettings};
use crate::scenario::{Mistake, Reader};

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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::plan::{Plan, PlanOptions};

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
        assert_eq!(plan.notes(), [format!("{path}: {said}")]);
    }
}
