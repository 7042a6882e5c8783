//! How much cache a hit rate takes by theory, where no capacity that was tried is shown to be enough.

use super::answer::few;
use super::format::{self, percent, three_digits};
use super::group::{Group, short_swept};
use crate::results::{EnoughCacheRow, RunInfo};

/// The hit rate that is asked for where nothing else is.
pub const TARGET: f64 = 0.9;

/// The hit rates that are asked for: what the scenario requires of all strategies, and otherwise one of every sweep.
#[must_use]
pub fn wanted_hit_rates(run: &RunInfo) -> Vec<f64> {
    let required = run.requirements.iter().filter(|one| one.criterion == "hit_rate");
    let of_all =
        required.filter(|one| one.operation.is_none() && one.strategy.is_none()).map(|one| one.bound);
    let mut wanted: Vec<f64> = of_all.chain([TARGET]).collect();
    wanted.sort_by(f64::total_cmp);
    wanted.dedup();
    wanted
}

/// What theory says that a hit rate takes on a topology, with the other swept values as they are shown; `None` where no model
/// covers any strategy there. `groups` are those of the capacities that were tried.
#[must_use]
pub fn sentence(groups: &[&Group<'_>], others: &str, wanted: f64) -> Option<String> {
    let first = groups.first()?;
    let rows: Vec<&EnoughCacheRow> = first
        .results
        .enough_cache
        .iter()
        .filter(|row| row.topology == first.topology && short_swept(&row.swept, " = ", ", ") == others)
        .filter(|row| (row.wanted_hit_rate - wanted).abs() < f64::EPSILON)
        .collect();
    let least = rows.iter().filter_map(|row| row.capacity_entries).min();
    let chosen: Vec<&EnoughCacheRow> = if least.is_some() {
        rows.iter().copied().filter(|row| row.capacity_entries == least).collect()
    } else {
        let most = rows.iter().map(|row| row.most_hit_rate).max_by(f64::total_cmp)?;
        rows.iter().copied().filter(|row| row.most_hit_rate >= most).collect()
    };
    let one = chosen.first()?;
    let labels: Vec<&str> = chosen.iter().map(|row| row.strategy.as_str()).collect();
    let (who, wanted, model) = (few(&labels), percent(wanted), &one.predicted_by);
    let takes = match (one.capacity_share, least) {
        (Some(share), Some(entries)) => format!(
            "a hit rate of {wanted} takes room for {} of the documents ({} entries) with {who}",
            percent(share),
            format::count(entries as f64)
        ),
        _ => format!(
            "no capacity is enough for a hit rate of {wanted}: with room for every document {who} would have {}",
            percent(one.most_hit_rate)
        ),
    };
    Some(format!(
        "Predicted and not measured, by the model {model}: {takes}{}",
        held_against(groups, &labels)
    ))
}

/// How far the same model was off where something was measured, and which way where it was always the same.
fn held_against(groups: &[&Group<'_>], labels: &[&str]) -> String {
    let entries =
        groups.iter().flat_map(|group| &group.entries).filter(|entry| labels.contains(&entry.label));
    let off: Vec<f64> =
        entries.flat_map(|entry| entry.values(|row| row.predicted.hit_rate_off_points)).collect();
    let Some(most) = off.iter().copied().map(f64::abs).max_by(f64::total_cmp) else { return String::new() };
    let way = if off.iter().all(|points| *points < 0.0) {
        " lower than the model, so that more room may be needed"
    } else if off.iter().all(|points| *points > 0.0) {
        " higher than the model, so that less room may be enough"
    } else {
        " off the model"
    };
    format!(
        "; what was measured with {} at the capacities that were tried was up to {} points{way}",
        if labels.len() == 1 { "it" } else { "them" },
        three_digits(most)
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::group::groups;
    use crate::report::made_up::run_of;
    use crate::results::{Requirement, Results};

    fn needs(strategy: &str, entries: Option<u64>, most: f64) -> EnoughCacheRow {
        EnoughCacheRow {
            strategy: strategy.into(),
            topology: "single".into(),
            swept: String::new(),
            wanted_hit_rate: TARGET,
            capacity_entries: entries,
            capacity_share: entries.map(|entries| entries as f64 / 1_000.0),
            most_hit_rate: most,
            predicted_by: "Che".into(),
        }
    }

    /// The sentence where those rows are predicted, and the hit rates of `cache-aside` were so many points off its model.
    fn told(rows: Vec<EnoughCacheRow>, off: &[f64]) -> Option<String> {
        let mut results = Results { enough_cache: rows, ..Results::default() };
        for (block, off) in (1..).zip(off) {
            let mut row = run_of("cache-aside", block);
            row.predicted.hit_rate_off_points = Some(*off);
            results.summary.push(row);
        }
        let groups = groups(&results).unwrap();
        sentence(&groups.iter().collect::<Vec<_>>(), "", TARGET)
    }

    #[test]
    fn the_least_room_that_is_enough_is_told_with_whom_and_by_which_model() {
        let rows = || {
            vec![
                needs("near-cache", Some(700), 0.99),
                needs("no-cache", None, 0.0),
                needs("cache-aside", Some(520), 0.99),
                needs("lease", Some(520), 0.99),
            ]
        };
        let least = "Predicted and not measured, by the model Che: a hit rate of 90 % takes room for 52 % of the documents (520 \
                     entries) with cache-aside and lease";
        assert_eq!(told(rows(), &[]), None, "where nothing ran there is no topology");
        let held_against = "; what was measured with them at the capacities that were tried was up to";
        assert_eq!(
            told(rows(), &[-1.0, -3.0]).unwrap(),
            format!("{least}{held_against} 3 points lower than the model, so that more room may be needed")
        );
        assert_eq!(
            told(rows(), &[1.0, 2.0]).unwrap(),
            format!("{least}{held_against} 2 points higher than the model, so that less room may be enough")
        );
        assert_eq!(
            told(rows(), &[1.0, -2.0]).unwrap(),
            format!("{least}{held_against} 2 points off the model")
        );
    }

    #[test]
    fn where_no_room_is_enough_the_most_that_is_reached_is_told() {
        let rows = vec![needs("cache-aside", None, 0.8), needs("lease", None, 0.7)];
        assert!(told(rows, &[0.0]).unwrap().contains(
            "no capacity is enough for a hit rate of 90 %: with room for every document cache-aside would have 80 %"
        ));
    }

    #[test]
    fn the_hit_rates_that_all_strategies_are_required_to_have_are_asked_for_and_that_of_every_sweep() {
        let mut run = RunInfo::default();
        assert_eq!(wanted_hit_rates(&run), [TARGET]);
        run.requirements = vec![
            Requirement::parse("hit_rate", ">95%").unwrap(),
            Requirement::parse("hit_rate", ">90%").unwrap(),
            Requirement::parse("read.p99", "<5ms").unwrap(),
        ];
        assert_eq!(wanted_hit_rates(&run), [0.9, 0.95]);
    }
}
