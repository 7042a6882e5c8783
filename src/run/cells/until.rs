//! Whether another block is run: until the ratio of each strategy to no cache is known as well as the scenario asks.
//!
//! In a closed loop the ratio is of throughput, which is what differs there, and so it is in a search, which looks for a rate. In
//! any other open loop it is of the median read, which all users feel: throughput is what was offered, and a p99 that is known as
//! well takes many times as many blocks.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use crate::model::stats::{ConfidenceInterval, Scatter, interval_around, paired_ratio};
use crate::results::{Criterion, EndedBy, KnownPrecision, Mode, Status, SummaryRow, named};
use crate::run::plan::Plan;

/// The strategy that the others are compared with, where it runs.
const REFERENCE: &str = "no-cache";

/// What has been run so far, and how well that has to tell what is compared.
#[derive(Debug)]
pub(super) struct Until {
    least: u64,
    most: u64,
    asked: f64,
    budget: Option<Duration>,
    /// True if each cell is a search for its highest rate.
    is_search: bool,
    /// The strategies' labels in the order of the scenario.
    labels: Vec<String>,
    rows: Vec<SummaryRow>,
}

/// The measured rows of one topology and one set of swept values.
struct GroupSoFar<'a> {
    place: String,
    /// Those in blocks in which none of the group was disturbed.
    quiet: Vec<&'a SummaryRow>,
    disturbed: BTreeSet<u32>,
}

/// A ratio, or the figure of the only strategy, with how far it may lie from the true one.
struct KnownRatio {
    what: String,
    /// `None` without an interval.
    within: Option<f64>,
}

impl Until {
    /// `None` where the number of repeats is fixed.
    pub fn new(plan: &Plan, rows: Vec<SummaryRow>) -> Option<Self> {
        let run = &plan.scenario.run;
        let asked = run.until?.share();
        let labels = plan.scenario.strategies.iter().map(|strategy| strategy.label.clone()).collect();
        let (least, most) = (run.repeats.least(), run.repeats.most());
        let budget = run.max_duration.map(|budget| budget.0);
        let is_search = plan.scenario.search.is_some();
        Some(Self { least, most, asked, budget, is_search, labels, rows })
    }

    /// Takes a cell that has ended.
    pub fn take(&mut self, row: SummaryRow) {
        self.rows.push(row);
    }

    /// How well what is compared is known after so many blocks and so much time, and whether that ends the run; `None` while
    /// blocks are to come in any case.
    pub fn after(&self, blocks: u64, spent: Duration) -> Option<KnownPrecision> {
        if blocks < self.least {
            return None;
        }
        let groups = self.groups(blocks);
        let disturbed: BTreeSet<u32> =
            groups.iter().flat_map(|group| group.disturbed.iter().copied()).collect();
        let within = |of: &KnownRatio| of.within.unwrap_or(f64::INFINITY);
        let known = groups.iter().flat_map(|group| self.of_group(&group.place, &group.quiet));
        let worst = known.max_by(|a, b| within(a).total_cmp(&within(b)));
        let is_precise = worst.as_ref().is_some_and(|of| within(of) <= self.asked);
        // A disturbed block is run again: it is left out of times, and does not count among the least.
        let is_quiet = groups.iter().all(|group| blocks - group.disturbed.len() as u64 >= self.least);
        let ended_by = if worst.is_none() && disturbed.is_empty() {
            Some(EndedBy::NothingMeasured)
        } else if is_precise && is_quiet {
            Some(EndedBy::Precision)
        } else if blocks >= self.most {
            Some(EndedBy::Repeats)
        } else {
            self.budget.filter(|budget| spent >= *budget).map(|_| EndedBy::Time)
        };
        let (reached, least_known) =
            worst.map_or((None, "what is compared".into()), |of| (of.within, of.what));
        let disturbed_blocks = disturbed.len() as u64;
        Some(KnownPrecision { reached, least_known, asked: self.asked, blocks, disturbed_blocks, ended_by })
    }

    /// What is compared with what, as the page has it: one topology and one set of swept values. What disturbs one of them is no
    /// matter to the others.
    fn groups(&self, blocks: u64) -> Vec<GroupSoFar<'_>> {
        let mut groups: BTreeMap<(&str, &str), Vec<&SummaryRow>> = BTreeMap::new();
        let measured = self.rows.iter().filter(|row| row.status != Status::Failed);
        for row in measured.filter(|row| u64::from(row.block) <= blocks) {
            groups.entry((&row.topology, &row.swept)).or_default().push(row);
        }
        let groups = groups.into_iter().map(|((topology, swept), mut rows)| {
            let place = if swept.is_empty() { topology.to_owned() } else { format!("{topology}, {swept}") };
            let disturbed: BTreeSet<u32> =
                rows.iter().filter(|row| row.status.is_disturbed()).map(|row| row.block).collect();
            rows.retain(|row| !disturbed.contains(&row.block));
            GroupSoFar { place, quiet: rows, disturbed }
        });
        groups.collect()
    }

    fn of_group(&self, place: &str, rows: &[&SummaryRow]) -> Vec<KnownRatio> {
        let Some(figure) = self.figure(rows) else { return Vec::new() };
        let of = |label: &str| -> Vec<(u32, f64)> {
            let own = rows.iter().filter(|row| row.strategy == label);
            own.filter_map(|row| Some((row.block, (figure.of_row)(row)?))).collect()
        };
        let labels: Vec<&str> =
            self.labels.iter().map(String::as_str).filter(|label| !of(label).is_empty()).collect();
        let reference =
            rows.iter().find(|row| row.strategy_name == REFERENCE).map(|row| row.strategy.as_str());
        let Some(reference) = reference.or(labels.first().copied()) else { return Vec::new() };
        let half = |interval: ConfidenceInterval| (interval.high / interval.low).sqrt() - 1.0;
        if labels.len() == 1 {
            let values: Vec<f64> = of(reference).into_iter().map(|(_, value)| value).collect();
            let middle = values.iter().sum::<f64>() / values.len() as f64;
            let interval = interval_around(middle, &values, Scatter::Factors);
            let what = format!("{} of {reference} on {place}", figure.heading);
            return vec![KnownRatio { what, within: interval.map(half) }];
        }
        let others = labels.into_iter().filter(|label| *label != reference);
        let ratio = |label: &str| KnownRatio {
            what: format!("{} of {label} to {reference} on {place}", figure.heading),
            within: paired_ratio(&of(label), &of(reference)).and_then(|of| of.interval).map(half),
        };
        others.map(ratio).collect()
    }

    /// The figure that is compared.
    fn figure(&self, rows: &[&SummaryRow]) -> Option<&'static Criterion> {
        let has_rate = rows.first()?.mode == Mode::Open && !self.is_search;
        let names: &[&str] = if has_rate { &["read.p50", "write.p50"] } else { &["throughput"] };
        let has = |figure: &&Criterion| rows.iter().any(|row| (figure.of_row)(row).is_some());
        names.iter().filter_map(|name| named(name)).find(has)
    }
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng as _;
    use rand::rngs::Xoshiro256PlusPlus;
    use rand_distr::{Distribution as _, StandardNormal};

    use super::*;
    use crate::run::plan::PlanOptions;

    fn until(run: &str) -> Until {
        let text = format!(
            "strategies = [\"cache-aside\", \"no-cache\"]\ntopologies = [\"embedded\"]\n[run]\n{run}"
        );
        let plan = Plan::parse("test", "test.toml", &text, &PlanOptions::default());
        Until::new(&plan.unwrap_or_else(|error| panic!("{error}")), Vec::new()).unwrap()
    }

    fn row(label: &str, block: u32, throughput: f64) -> SummaryRow {
        SummaryRow {
            strategy: label.into(),
            strategy_name: label.into(),
            topology: "embedded".into(),
            repeat: block,
            block,
            achieved_per_s: throughput,
            ..SummaryRow::default()
        }
    }

    /// A block on a machine of this speed; the ratio differs from 2 by this factor.
    fn take(until: &mut Until, block: u32, machine: f64, off: f64) {
        until.take(row("no-cache", block, 1_000.0 * machine));
        until.take(row("cache-aside", block, 2_000.0 * machine * off));
    }

    #[test]
    fn a_fixed_number_of_repeats_is_not_looked_at() {
        let text = "strategies = [\"no-cache\"]\ntopologies = [\"embedded\"]\n[run]\nrepeats = 5";
        let plan = Plan::parse("test", "test.toml", text, &PlanOptions::default()).unwrap();
        assert!(Until::new(&plan, Vec::new()).is_none());
    }

    #[test]
    fn blocks_are_run_until_the_ratio_is_known_whatever_the_machine_does_to_both() {
        let mut until = until("repeats = \"3..9\"\nuntil = \"5%\"");
        for (block, machine, off) in [(1, 1.0, 1.0), (2, 3.0, 1.2), (3, 0.5, 0.9)] {
            take(&mut until, block, machine, off);
        }
        assert_eq!(until.after(2, Duration::ZERO), None, "three are run in any case");
        let known = until.after(3, Duration::ZERO).unwrap();
        assert!(known.ended_by.is_none() && known.reached.unwrap() > 0.05, "{known:?}");
        assert_eq!(known.least_known, "ops/s of cache-aside to no-cache on embedded");
        for block in 4..=8 {
            take(&mut until, block, f64::from(block), 1.0);
        }
        let known = until.after(8, Duration::ZERO).unwrap();
        assert!(known.ended_by.is_none(), "two blocks still stand apart: {known:?}");
        take(&mut until, 9, 1.0, 1.0);
        assert_eq!(until.after(9, Duration::ZERO).unwrap().ended_by, Some(EndedBy::Repeats));
    }

    #[test]
    fn what_is_known_well_enough_ends_and_so_does_the_time() {
        let mut until = until("repeats = \"3..9\"\nuntil = \"5%\"\nmax_duration = \"1h\"");
        for (block, off) in [(1, 1.0), (2, 1.01), (3, 0.99)] {
            take(&mut until, block, 1.0, off);
        }
        let known = until.after(3, Duration::ZERO).unwrap();
        assert_eq!(known.ended_by, Some(EndedBy::Precision), "{known:?}");
        until.asked = 0.001;
        assert_eq!(until.after(3, Duration::from_secs(3599)).unwrap().ended_by, None);
        assert_eq!(until.after(3, Duration::from_hours(1)).unwrap().ended_by, Some(EndedBy::Time));
    }

    #[test]
    fn a_disturbed_block_is_run_again_and_a_strategy_that_never_ran_is_not_waited_for() {
        let mut until = until("repeats = \"3..5\"\nuntil = \"5%\"");
        for block in 1..=5 {
            take(&mut until, block, 1.0, 1.0 + 0.001 * f64::from(block));
            until.take(SummaryRow { status: Status::Failed, ..row("lease", block, 0.0) });
        }
        until.rows[0].status = Status::Disturbed;
        let known = until.after(3, Duration::ZERO).unwrap();
        assert_eq!((known.ended_by, known.disturbed_blocks), (None, 1), "{known:?}");
        assert!(known.sentence().contains("1 of the blocks was disturbed"), "{}", known.sentence());
        assert_eq!(until.after(4, Duration::ZERO).unwrap().ended_by, Some(EndedBy::Precision));
    }

    #[test]
    fn what_disturbs_one_topology_leaves_no_block_out_of_another() {
        let mut until = until("repeats = \"3..5\"\nuntil = \"5%\"");
        for block in 1..=3 {
            take(&mut until, block, 1.0, 1.0);
            for label in ["no-cache", "cache-aside"] {
                let elsewhere = SummaryRow { topology: "single".into(), ..row(label, block, 1_000.0) };
                until.take(elsewhere);
            }
        }
        until.rows.last_mut().unwrap().status = Status::Disturbed;
        let of_embedded = |until: &Until| until.groups(3)[0].quiet.len();
        assert_eq!(of_embedded(&until), 6);
        assert_eq!(until.groups(3)[1].quiet.len(), 4);
        assert_eq!(until.after(3, Duration::ZERO).unwrap().ended_by, None, "a block of the other is missing");
    }

    #[test]
    fn cells_that_could_not_be_run_are_not_known_well_enough() {
        let mut until = until("repeats = \"3..9\"\nuntil = \"5%\"");
        for block in 1..=3 {
            until.take(SummaryRow { status: Status::Failed, ..row("no-cache", block, 0.0) });
        }
        let known = until.after(3, Duration::ZERO).unwrap();
        assert_eq!(known.ended_by, Some(EndedBy::NothingMeasured));
        let told = known.sentence();
        assert!(
            told.ends_with("nothing was measured, and ± 5.0 % is asked: no other block is run"),
            "{told}"
        );
    }

    #[test]
    fn in_a_search_repeats_end_when_the_rates_are_known() {
        let mut until = until("repeats = \"3..9\"\nuntil = \"5%\"");
        for block in 1..=3 {
            for (label, rate) in [("no-cache", 1_000.0), ("cache-aside", 2_000.0)] {
                let mut cell = SummaryRow { mode: Mode::Open, ..row(label, block, rate) };
                // Each at its own rate: what they are there tells nothing.
                cell.read_response.p50_us = Some(f64::from(block * block) * rate);
                until.take(cell);
            }
        }
        assert_eq!(
            until.after(3, Duration::ZERO).unwrap().least_known,
            "read p50 of cache-aside to no-cache on embedded"
        );
        until.is_search = true;
        let known = until.after(3, Duration::ZERO).unwrap();
        assert_eq!(known.least_known, "ops/s of cache-aside to no-cache on embedded");
        assert_eq!(known.ended_by, Some(EndedBy::Precision));
    }

    /// Stopping where the interval happens to be narrow makes it less than 95 %, and the more so the earlier it may stop.
    #[test]
    fn a_ratio_known_to_two_percent_holds_the_true_one_in_about_nine_of_ten_runs() {
        const RUNS: u32 = 1_000;
        let mut random = Xoshiro256PlusPlus::seed_from_u64(5);
        for (least, expected) in [(3, 0.87..=0.94), (5, 0.89..=0.96), (10, 0.90..=0.97)] {
            let (mut held, mut blocks_run) = (0_u32, 0_u64);
            for _ in 0..RUNS {
                let (mut ours, mut theirs) = (Vec::new(), Vec::new());
                for block in 1..=30_u32 {
                    let mut draw = || {
                        let noise: f64 = StandardNormal.sample(&mut random);
                        (0.03 * noise).exp()
                    };
                    ours.push((block, 2.0 * draw()));
                    theirs.push((block, draw()));
                    let ratio = (block >= least).then(|| paired_ratio(&ours, &theirs)).flatten();
                    let interval = ratio.and_then(|of| of.interval);
                    let enough = |of: &ConfidenceInterval| (of.high / of.low).sqrt() - 1.0 <= 0.02;
                    if let Some(of) = interval.filter(|of| enough(of) || block == 30) {
                        held += u32::from(of.low <= 2.0 && 2.0 <= of.high);
                        blocks_run += u64::from(block);
                        break;
                    }
                }
            }
            let share = f64::from(held) / f64::from(RUNS);
            assert!(expected.contains(&share), "at least {least}: {share}, {blocks_run} blocks");
            assert!((10..=25).contains(&(blocks_run / u64::from(RUNS))), "{blocks_run}");
        }
    }
}
