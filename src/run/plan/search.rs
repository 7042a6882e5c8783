//! `[search]`: the highest rate at which the requirements hold is looked for.

use std::num::NonZeroU64;
use std::time::Duration;

use crate::base::units::Share;
use crate::measure::SearchPlan;
use crate::scenario::{Mistake, PositiveNumber, Reader, Settings as _, Table};

crate::settings! {
    /// The table `[search]`.
    pub struct SearchSettings {
        /// the rate that is tried first; always given
        from_per_second: Option<PositiveNumber> = None,
        /// no higher rate is tried; left out, as high as it holds
        to_per_second: Option<PositiveNumber> = None,
        /// each rate of the climb is so many times the one before, until one does not hold
        growth: PositiveNumber = PositiveNumber(2.0),
        /// the search ends where the lowest rate that does not hold is no further above the highest that does than this
        precision: Share = Share::of(3, 100),
        /// how many runs decide about the two rates between which the edge lies; where most agree earlier, fewer
        edge_repeats: NonZeroU64 = NonZeroU64::new(3).unwrap_or(NonZeroU64::MIN),
        /// the search of a cell ends after so many runs, wherever it is
        most_runs: NonZeroU64 = NonZeroU64::new(25).unwrap_or(NonZeroU64::MIN),
    }
}

/// The finest precision: two rates that are closer need more operations than a run has to be told apart.
const FINEST: f64 = 0.001;

/// A run in which fewer operations are due says nothing of a rate.
const FEWEST_DUE: f64 = 30.0;

impl SearchSettings {
    /// What is searched, in runs of such a length.
    #[must_use]
    pub fn plan(&self, length: Duration) -> SearchPlan {
        let from = self.from_per_second.map_or(1.0, |rate| rate.0);
        SearchPlan {
            from,
            to: self.to_per_second.map_or(f64::INFINITY, |rate| rate.0),
            least: FEWEST_DUE / length.as_secs_f64(),
            growth: self.growth.0,
            precision: self.precision.get(),
            repeats: self.edge_repeats.get() as usize,
            most_runs: self.most_runs.get() as usize,
        }
    }
}

/// Reads `[search]`; `None` where there is none. `has_rate` is true if the workload has a rate, `has_phases` if the load
/// changes over time.
pub(super) fn read(
    top: &Reader<'_>,
    empty: &Table,
    has_rate: bool,
    has_phases: bool,
) -> Option<SearchSettings> {
    top.raw("search")?;
    let reader = top.table("search", empty);
    let settings = SearchSettings::read(&reader);
    if reader.raw("from_per_second").is_none() {
        let help = "give the rate that is tried first; where it does not hold, lower ones are tried";
        reader.wrong("from_per_second", "is missing", Some(help.into()));
    }
    if settings.growth.0 <= 1.0 {
        let message = format!("{} times a rate is not more than the rate", settings.growth.0);
        reader.wrong("growth", message, Some("give more than 1, such as 2".into()));
    }
    if settings.precision.get() < FINEST {
        let message = format!("{} is finer than a run can tell", settings.precision.get());
        reader.wrong("precision", message, Some(format!("give {FINEST} or more")));
    }
    if let (Some(from), Some(to)) = (settings.from_per_second, settings.to_per_second)
        && to < from
    {
        let message = format!("{} is below from_per_second", to.0);
        reader.wrong("to_per_second", message, Some("exchange the two".into()));
    }
    let twice = |path: &[&str], message: &str| {
        let mistake = Mistake::new(top.place_of(path), path.join("."), message);
        top.mistakes().push(mistake.help("leave it out, or leave [search] out"));
    };
    if has_rate {
        twice(&["workload", "rate_per_second"], "is given although [search] looks for a rate");
    }
    if has_phases {
        twice(&["search"], "looks for one rate, and the load has phases");
    }
    reader.finish();
    Some(settings)
}

#[cfg(test)]
mod tests {
    use crate::run::plan::{Plan, PlanError, PlanOptions};

    fn plan(text: &str) -> Result<Plan, Vec<String>> {
        let text = format!("strategies = [\"cache-aside\"]\ntopologies = [\"embedded\"]\n{text}");
        Plan::parse("test", "test.toml", &text, &PlanOptions::default()).map_err(|error| match error {
            PlanError::Invalid(invalid) => {
                let of = |one: crate::scenario::Mistake| {
                    assert!(one.help.is_some(), "{}: {}", one.key, one.message);
                    format!("{}: {}", one.key, one.message)
                };
                invalid.mistakes.into_iter().map(of).collect()
            }
            unreadable @ PlanError::Unreadable { .. } => vec![unreadable.to_string()],
        })
    }

    #[test]
    fn a_search_is_an_open_loop_that_begins_at_its_first_rate() {
        let plan = plan("[search]\nfrom_per_second = 700\n").unwrap();
        assert_eq!(plan.scenario.workload.rate_per_second.map(|rate| rate.0), Some(700.0));
        assert!(plan.scenario.search.is_some());
    }

    #[test]
    fn what_is_wrong_with_a_search_is_told_at_its_key_with_a_remedy() {
        for (text, told) in [
            ("[search]\n", "search.from_per_second: is missing"),
            ("[search]\nfrom_per_second = 5\ngrowth = 1\n", "search.growth: 1 times a rate is not more"),
            ("[search]\nfrom_per_second = 5\nprecision = 0\n", "search.precision: 0 is finer"),
            ("[search]\nfrom_per_second = 5\nto_per_second = 4\n", "search.to_per_second: 4 is below"),
            ("[search]\nfrom_per_secnd = 5\n", "search.from_per_secnd: there is no such key"),
            (
                "[search]\nfrom_per_second = 5\n[workload]\nrate_per_second = 4\n",
                "workload.rate_per_second: is given although [search]",
            ),
            (
                "[search]\nfrom_per_second = 5\n[[phase]]\nduration = \"5s\"\nrate_per_second = 9\n",
                "search: looks for one rate, and the load has phases",
            ),
        ] {
            let mistakes = plan(text).map(|_| text).unwrap_err();
            assert!(mistakes.iter().any(|mistake| mistake.starts_with(told)), "{text}\n{mistakes:?}");
        }
    }
}
