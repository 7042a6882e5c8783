//! What is said before any figure of a run, since none of them is what it seems without it.

use super::ignored;
use crate::results::Results;

/// The sentences, alike on the page, on the terminal and in `summary.md`.
#[must_use]
pub fn sentences(results: &Results) -> Vec<String> {
    let run = &results.run;
    let unoptimised = (run.build.optimisation == "0").then(|| {
        "hotset was built without optimisation: these figures measure hotset more than anything else. Build it with `cargo run \
         --release` and run again."
            .to_owned()
    });
    let mut all: Vec<String> = incomplete(results).into_iter().chain(unoptimised).collect();
    all.extend(run.warnings.iter().cloned());
    all.extend(ignored::sentences(results));
    all
}

/// That runs are missing. Where the number of repeats is open, no more are planned than are run in any case.
fn incomplete(results: &Results) -> Option<String> {
    let (finished, planned) = (results.summary.len(), results.run.cells.len());
    (finished < planned).then(|| {
        format!("Only {finished} of {planned} runs have finished, so that all figures are of these; --resume goes on.")
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::made_up::run_of;
    use crate::results::SummaryRow;

    #[test]
    fn what_makes_figures_doubtful_is_said_of_a_run_that_was_cut_short() {
        let row = SummaryRow { ignored_settings: Some("cache.capacity".into()), ..run_of("cache-aside", 1) };
        let mut results = Results { summary: vec![row], ..Results::default() };
        results.run.cells = (1..=35).map(|number| format!("r{number}")).collect();
        results.run.build.optimisation = "0".into();
        results.run.warnings = vec!["Nobody has looked at who the servers are.".into()];
        let told = sentences(&results).join("\n");
        for part in [
            "Only 1 of 35 runs",
            "without optimisation",
            "Nobody has looked",
            "cache.capacity has no effect on single",
        ] {
            assert!(told.contains(part), "{part} in {told}");
        }
        results.run.cells.truncate(1);
        assert!(!sentences(&results).join("\n").contains("of 1 runs"));
    }
}
