//! Which strategy reaches a hit rate at which of the swept values, and what theory says where none does.

use super::row::{HIT_RATE, SweepPoint, SweepRow, rows};
use crate::report::answer::few;
use crate::report::candidates::candidates;
use crate::report::criteria::Estimate;
use crate::report::enough::{self, TARGET};
use crate::report::format::percent;
use crate::report::group::Group;
use crate::results::named;

/// More rows than this are left without a sentence.
const ANSWERS: usize = 3;
/// The setting of which a model says how much a hit rate takes.
const CAPACITY: &str = "cache.capacity";

/// One of the values, and the hit rate there.
#[derive(Debug, Clone, Copy)]
struct RateAt<'a> {
    x: f64,
    text: &'a str,
    /// `None` where the strategy was not measured or may not be proposed.
    rate: Option<Estimate>,
}

impl RateAt<'_> {
    /// By the lower end of its interval; by the rate itself of too few repeats.
    fn reaches(&self, target: f64) -> bool {
        self.rate.is_some_and(|rate| rate.interval.map_or(rate.value, |interval| interval.low) >= target)
    }
}

/// Where a strategy stands to the target.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Reached<'a> {
    /// At this value and every smaller one.
    UpTo(f64, &'a str),
    /// At this value and every larger one.
    From(f64, &'a str),
    /// At every value.
    Everywhere,
}

impl Reached<'_> {
    /// The more, the better: at more values, or with less of the quantity.
    fn rank(self) -> (u8, f64) {
        match self {
            Self::UpTo(x, _) => (0, x),
            Self::From(x, _) => (1, -x),
            Self::Everywhere => (2, 0.0),
        }
    }

    fn is_as_good_as(self, other: Self) -> bool {
        self.rank() == other.rank()
    }
}

/// The answers of the rows, which are named where they are several.
pub(super) fn answers(rows: &[SweepRow<'_>]) -> Option<String> {
    let answers: Vec<_> = rows.iter().filter_map(|row| Some((row, answer(row)?))).collect();
    match answers.as_slice() {
        [] => None,
        [(_, only)] => Some(only.clone()),
        several => {
            let part = |(row, answer): &(&SweepRow<'_>, String)| format!("{}: {answer}", row.name(rows));
            Some(several.iter().take(ANSWERS).map(part).collect::<Vec<_>>().join(". "))
        }
    }
}

/// Says which of the strategies that may be proposed reach the target at most values, or how near one comes.
fn answer(row: &SweepRow<'_>) -> Option<String> {
    let bound = row.target(HIT_RATE).unwrap_or(TARGET);
    let (key, target) = (row.key, percent(bound));
    let known: Vec<(&str, Vec<RateAt<'_>>)> =
        row.entries().iter().map(|entry| (entry.label, hit_rates(row, entry.label))).collect();
    let known_to_reach: Vec<(&str, Reached<'_>)> =
        known.iter().filter_map(|(label, rates)| Some((*label, reached(rates, bound)?))).collect();
    let best = known_to_reach.iter().map(|(_, how)| *how).max_by(|a, b| {
        let (a, b) = (a.rank(), b.rank());
        a.0.cmp(&b.0).then(a.1.total_cmp(&b.1))
    });
    let Some(best) = best else {
        let nearest = nearest(key, bound, &known)?;
        return Some(predicted(row).map_or(nearest.clone(), |predicted| format!("{nearest}. {predicted}")));
    };
    let first: Vec<&str> =
        known_to_reach.iter().filter(|(_, how)| how.is_as_good_as(best)).map(|(label, _)| *label).collect();
    let verb = if first.len() == 1 { "reaches" } else { "reach" };
    let at = match best {
        Reached::Everywhere => format!("at every {key}"),
        Reached::From(_, text) => format!("from {key} = {text} on"),
        Reached::UpTo(_, text) => format!("up to {key} = {text}"),
    };
    let mut rates = known.iter().flat_map(|(_, rates)| rates).filter_map(|at| at.rate);
    let has_intervals = rates.all(|rate| rate.interval.is_some());
    let doubt = if has_intervals { "" } else { ", by too few repeats for an interval" };
    Some(format!("{} {verb} a hit rate of {target} {at}{doubt}", few(&first)))
}

/// The hit rate of a strategy at every value, also where there is none: what is not known is not reached.
fn hit_rates<'a>(row: &SweepRow<'a>, label: &str) -> Vec<RateAt<'a>> {
    let rate = |point: &SweepPoint<'a>| {
        let entry = candidates(point.group).into_iter().find(|entry| entry.label == label);
        RateAt { x: point.x, text: point.text, rate: entry.and_then(|entry| named(HIT_RATE)?.of(entry)) }
    };
    row.points.iter().map(rate).collect()
}

fn reached<'a>(rates: &[RateAt<'a>], target: f64) -> Option<Reached<'a>> {
    let is_reached = |rate: &&RateAt<'_>| rate.reaches(target);
    let at_the_start = rates.iter().take_while(is_reached).count();
    let at_the_end = rates.iter().rev().take_while(is_reached).count();
    match rates.iter().filter(is_reached).count() {
        0 => None,
        all if all == rates.len() => Some(Reached::Everywhere),
        some if some == at_the_end => {
            rates.get(rates.len() - some).map(|rate| Reached::From(rate.x, rate.text))
        }
        some if some == at_the_start => rates.get(some - 1).map(|rate| Reached::UpTo(rate.x, rate.text)),
        _ => None,
    }
}

fn nearest(key: &str, target: f64, known: &[(&str, Vec<RateAt<'_>>)]) -> Option<String> {
    let all = known.iter().flat_map(|(label, rates)| {
        rates.iter().filter_map(move |at| Some((*label, at.text, at.rate?.value)))
    });
    let (label, text, best) = all.max_by(|a, b| a.2.total_cmp(&b.2))?;
    Some(format!(
        "no strategy is shown to reach a hit rate of {}; {label} comes nearest, with {} at {key} = {}",
        percent(target),
        percent(best),
        text
    ))
}

/// What theory says that the target takes, where capacities were tried.
fn predicted(row: &SweepRow<'_>) -> Option<String> {
    let groups: Vec<&Group<'_>> = row.points.iter().map(|point| point.group).collect();
    let wanted = row.target(HIT_RATE)?;
    (row.key == CAPACITY).then(|| enough::sentence(&groups, &row.others, wanted)).flatten()
}

fn is_reached(row: &SweepRow<'_>) -> bool {
    let bound = row.target(HIT_RATE).unwrap_or(TARGET);
    row.entries().iter().any(|entry| reached(&hit_rates(row, entry.label), bound).is_some())
}

/// What theory says that hit rates take, where none of the capacities that were tried is shown to be enough.
#[must_use]
pub(in crate::report) fn predictions(groups: &[Group<'_>]) -> Vec<String> {
    let rows = rows(groups);
    let told = |row: &SweepRow<'_>| Some(format!("{}: {}.", row.name(&rows), predicted(row)?));
    rows.iter().filter(|row| !is_reached(row)).filter_map(told).take(ANSWERS).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::charts::sweep::legend;
    use crate::report::group::groups;
    use crate::report::made_up::run_of;
    use crate::results::{Answers, EnoughCacheRow, Results, Status, SummaryRow};

    #[test]
    fn a_target_is_reached_from_a_value_on_or_up_to_one_and_else_not() {
        let of = |rates: [f64; 3]| {
            let rates: Vec<_> = rates
                .into_iter()
                .zip(["1", "2", "3"])
                .map(|(value, text)| {
                    let rate = Some(Estimate { value, interval: None, repeats: 1 }).filter(|_| value > 0.0);
                    RateAt { x: 0.0, text, rate }
                })
                .collect();
            reached(&rates, TARGET)
        };
        assert_eq!(of([0.5, 0.92, 0.95]), Some(Reached::From(0.0, "2")));
        assert_eq!(of([0.95, 0.92, 0.5]), Some(Reached::UpTo(0.0, "2")));
        assert_eq!(of([0.95, 0.92, 0.91]), Some(Reached::Everywhere));
        assert_eq!(of([0.5, 0.92, 0.5]), None);
        assert_eq!(of([0.5, 0.6, 0.7]), None);
        assert_eq!(of([0.0, 0.92, 0.95]), Some(Reached::From(0.0, "2")), "nothing is known of the first");
    }

    fn at(label: &str, capacity: &str, hits: u64) -> SummaryRow {
        let mut row = run_of(label, 1);
        row.cell = format!("{label}-{capacity}");
        row.swept = format!("cache.capacity={capacity}");
        row.answers = Answers {
            hits,
            misses: 1_000 - hits,
            hit_rate: Some(hits as f64 / 1_000.0),
            ..Answers::default()
        };
        row
    }

    /// The answer and the labels of the legend.
    fn told(summary: Vec<SummaryRow>) -> (String, Vec<String>) {
        let results = Results { summary, ..Results::default() };
        let groups = groups(&results).unwrap();
        let rows = rows(&groups);
        (answers(&rows).unwrap(), legend(&rows).into_iter().map(|entry| entry.label).collect())
    }

    #[test]
    fn how_much_cache_is_enough_is_said_only_of_strategies_that_may_be_proposed() {
        let with = |status: Status, row: SummaryRow| SummaryRow { status, ..row };
        let control = |row: SummaryRow| SummaryRow { control: Some("on_write = \"ignore\"".into()), ..row };
        let (answer, labels) = told(vec![
            at("cache-aside", "10%", 800),
            at("cache-aside", "20%", 950),
            with(Status::Overloaded, at("lease", "10%", 950)),
            with(Status::Impaired, at("lease", "20%", 990)),
            control(at("write-around", "10%", 980)),
            control(at("write-around", "20%", 990)),
        ]);
        assert!(
            answer.starts_with("cache-aside reaches a hit rate of 90 % from cache.capacity = 20% on"),
            "{answer}"
        );
        assert!(labels.contains(&"lease (impaired, overloaded)".to_owned()), "{labels:?}");
    }

    #[test]
    fn a_value_at_which_runs_failed_is_not_one_at_which_the_target_was_reached() {
        let failed = SummaryRow { status: Status::Failed, ..at("cache-aside", "10%", 0) };
        let (answer, _) = told(vec![failed, at("cache-aside", "20%", 950), at("cache-aside", "40%", 990)]);
        assert!(
            answer.starts_with("cache-aside reaches a hit rate of 90 % from cache.capacity = 20% on"),
            "{answer}"
        );
    }

    #[test]
    fn where_no_tried_capacity_is_enough_it_is_told_what_theory_says_and_that_it_is_not_measured() {
        let told = |rates: [u64; 2], enough: Vec<EnoughCacheRow>| {
            let mut summary = vec![at("cache-aside", "10%", rates[0]), at("cache-aside", "20%", rates[1])];
            summary[1].predicted.hit_rate_off_points = Some(-1.5);
            let results = Results { summary, enough_cache: enough, ..Results::default() };
            let groups = groups(&results).unwrap();
            (answers(&rows(&groups)).unwrap(), predictions(&groups))
        };
        let row = EnoughCacheRow {
            strategy: "cache-aside".into(),
            topology: "single".into(),
            wanted_hit_rate: TARGET,
            capacity_entries: Some(4_880),
            capacity_share: Some(0.61),
            most_hit_rate: 0.97,
            predicted_by: "Redis LRU".into(),
            ..EnoughCacheRow::default()
        };
        let (answer, beyond) = told([700, 820], vec![row.clone()]);
        let said = "Predicted and not measured, by the model Redis LRU: a hit rate of 90 % takes room for 61 % of the documents \
                    (4,880 entries) with cache-aside; what was measured with it at the capacities that were tried was up to 1.5 points lower \
                    than the model, so that more room may be needed";
        assert!(answer.starts_with("no strategy is shown to reach") && answer.ends_with(said), "{answer}");
        assert_eq!(beyond, [format!("cache.capacity on single: {said}.")]);
        let (answer, beyond) = told([700, 950], vec![row.clone()]);
        assert!(!answer.contains("Predicted") && beyond.is_empty(), "it was measured: {answer}");
        let never =
            EnoughCacheRow { capacity_entries: None, capacity_share: None, most_hit_rate: 0.83, ..row };
        let (answer, _) = told([700, 820], vec![never]);
        assert!(answer.contains("no capacity is enough for a hit rate of 90 %"), "{answer}");
        assert!(answer.contains("with room for every document cache-aside would have 83 %"), "{answer}");
        assert!(!told([700, 820], Vec::new()).0.contains("Predicted"), "no model covers it");
    }
}
