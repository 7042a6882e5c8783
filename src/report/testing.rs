//! What is claimed of repeats, held against series whose truth is known.

use rand::SeedableRng;
use rand::rngs::Xoshiro256PlusPlus;
use rand_distr::{Distribution, Exp1, LogNormal, Pareto, Poisson, StandardNormal};

use super::judge::{self, FigureEvidence};
use crate::model::stats::{Scatter, interval_around, median, paired_ratio};

const SERIES: u32 = 3_000;
/// The numbers of repeats that are tried.
const REPEATS: [u32; 5] = [3, 5, 7, 15, 30];

fn random(seed: u64) -> Xoshiro256PlusPlus {
    Xoshiro256PlusPlus::seed_from_u64(seed)
}

fn normal(random: &mut Xoshiro256PlusPlus) -> f64 {
    StandardNormal.sample(random)
}

/// The share of series of which it is true.
fn share(mut is_true: impl FnMut() -> bool) -> f64 {
    f64::from((0..SERIES).map(|_| u32::from(is_true())).sum::<u32>()) / f64::from(SERIES)
}

/// The share of series whose interval around the geometric mean holds the truth.
fn held(repeats: u32, truth: f64, mut draw: impl FnMut() -> f64) -> f64 {
    share(|| {
        let values: Vec<f64> = (0..repeats).map(|_| draw()).collect();
        let middle = (values.iter().map(|value| value.ln()).sum::<f64>() / f64::from(repeats)).exp();
        let of = interval_around(middle, &values, Scatter::Factors).unwrap();
        of.low <= truth && truth <= of.high
    })
}

/// The share of series of pairs whose ratio's interval holds the true one, of a figure that is this in a block.
fn held_by_pairs(blocks: u32, mut draw: impl FnMut(u32) -> f64) -> f64 {
    const TRUTH: f64 = 1.1;
    share(|| {
        let mut series = |factor: f64| -> Vec<(u32, f64)> {
            (0..blocks).map(|block| (block, factor * draw(block))).collect()
        };
        let (ours, theirs) = (series(TRUTH), series(1.0));
        let of = paired_ratio(&ours, &theirs).and_then(|of| of.interval).unwrap();
        of.low <= TRUTH && TRUTH <= of.high
    })
}

#[test]
fn an_interval_holds_the_truth_nineteen_times_in_twenty_from_three_repeats_to_thirty() {
    let mut random = random(7);
    for repeats in REPEATS {
        let noise = LogNormal::new(0.0, 0.2).unwrap();
        let share = held(repeats, 1.0, || noise.sample(&mut random));
        assert!((0.94..=0.96).contains(&share), "{repeats} repeats: {share}");
    }
}

#[test]
fn with_a_heavy_tail_on_one_side_an_interval_holds_the_truth_nine_times_in_ten() {
    let mut random = random(8);
    for repeats in REPEATS {
        // The logarithm of Pareto's is exponential, with the mean 1/3.
        let heavy = Pareto::new(1.0, 3.0).unwrap();
        let share = held(repeats, (1.0_f64 / 3.0).exp(), || heavy.sample(&mut random));
        assert!((0.87..=0.96).contains(&share), "{repeats} repeats: {share}");
    }
}

#[test]
fn the_interval_of_a_ratio_holds_the_true_one_nineteen_times_in_twenty() {
    let mut random = random(9);
    for blocks in REPEATS {
        let noise = LogNormal::new(0.0, 0.2).unwrap();
        let share = held_by_pairs(blocks, |_| noise.sample(&mut random));
        assert!((0.94..=0.96).contains(&share), "{blocks} blocks, log-normal: {share}");
        // With a heavy tail the interval is wider than it need be, and holds the true ratio more often.
        let heavy = Pareto::new(1.0, 3.0).unwrap();
        let share = held_by_pairs(blocks, |_| heavy.sample(&mut random));
        assert!((0.94..=0.98).contains(&share), "{blocks} blocks, Pareto: {share}");
    }
}

#[test]
fn a_machine_that_grows_twice_as_slow_is_no_part_of_a_ratio() {
    let mut random = random(10);
    let drifting = |blocks: u32, block: u32| 1.0 + f64::from(block) / f64::from(blocks - 1);
    for blocks in REPEATS {
        let share =
            held_by_pairs(blocks, |block| drifting(blocks, block) * (0.05 * normal(&mut random)).exp());
        assert!((0.94..=0.96).contains(&share), "{blocks} blocks: {share}");
    }
    // Without pairs the same data would show nothing.
    let mut series = |factor: f64| -> Vec<(u32, f64)> {
        (0..10)
            .map(|block| (block, factor * drifting(10, block) * (0.05 * normal(&mut random)).exp()))
            .collect()
    };
    let (before, after) = (series(1.0), series(1.1));
    let width = |is_paired: bool| {
        let of = FigureEvidence::weigh(&before, &after, |_| is_paired).interval.unwrap();
        of.high / of.low - 1.0
    };
    assert!(width(false) > 4.0 * width(true), "{} and {}", width(false), width(true));
}

/// The quantile of exponential times whose means are these, equally many of each.
fn merged_quantile(means: &[f64], quantile: f64) -> f64 {
    let above = |x: f64| means.iter().map(|mean| (-x / mean).exp()).sum::<f64>() / means.len() as f64;
    let (mut low, mut high) = (0.0, 100.0);
    for _ in 0..30 {
        let middle = f64::midpoint(low, high);
        if above(middle) > 1.0 - quantile { low = middle } else { high = middle }
    }
    high
}

#[test]
fn the_interval_around_a_percentile_of_all_answers_holds_the_true_one() {
    let mut random = random(11);
    let scatter = LogNormal::new(0.0, 0.1).unwrap();
    let everything: Vec<f64> = (0..20_000).map(|_| scatter.sample(&mut random)).collect();
    for quantile in [0.5, 0.99] {
        let truth = merged_quantile(&everything, quantile);
        for repeats in [3, 5, 10, 30] {
            let share = share(|| {
                let means: Vec<f64> = (0..repeats).map(|_| scatter.sample(&mut random)).collect();
                let own: Vec<f64> = means.iter().map(|mean| -mean * (1.0 - quantile).ln()).collect();
                let of = interval_around(merged_quantile(&means, quantile), &own, Scatter::Factors).unwrap();
                of.low <= truth && truth <= of.high
            });
            assert!((0.935..=0.965).contains(&share), "{quantile} of {repeats} repeats: {share}");
        }
    }
}

#[test]
fn the_interval_of_a_share_holds_the_true_one_also_near_all() {
    // A hit rate of about 99 %, whose odds scatter by a fifth.
    let hit_rate = |random: &mut Xoshiro256PlusPlus| {
        let odds = 99.0 * (0.2 * normal(random)).exp();
        odds / (1.0 + odds)
    };
    let mut random = random(12);
    let truth = (0..200_000).map(|_| hit_rate(&mut random)).sum::<f64>() / 200_000.0;
    for repeats in REPEATS {
        let share = share(|| {
            let values: Vec<f64> = (0..repeats).map(|_| hit_rate(&mut random)).collect();
            let mean = values.iter().sum::<f64>() / f64::from(repeats);
            let of = interval_around(mean, &values, Scatter::Odds).unwrap();
            of.high < 1.0 && of.low <= truth && truth <= of.high
        });
        assert!((0.935..=0.965).contains(&share), "{repeats} repeats: {share}");
    }
}

#[test]
fn the_interval_of_rare_failures_holds_the_true_share_nine_times_in_ten() {
    let mut random = random(13);
    let failures = Poisson::new(2.0).unwrap();
    for repeats in REPEATS {
        // Two of 10 000 operations fail, and in one repeat of seven none.
        let share = share(|| {
            let values: Vec<f64> = (0..repeats).map(|_| failures.sample(&mut random) / 1e4).collect();
            let mean = values.iter().sum::<f64>() / f64::from(repeats);
            let of = interval_around(mean, &values, Scatter::Odds).unwrap();
            of.low <= 2e-4 && 2e-4 <= of.high
        });
        assert!((0.9..=0.98).contains(&share), "{repeats} repeats: {share}");
    }
}

/// A figure of so many strategies in so many blocks: this factor for each, noise of this size and what the machine does to a
/// block.
fn measured(
    factors: &[f64],
    blocks: u32,
    noise: f64,
    random: &mut Xoshiro256PlusPlus,
) -> Vec<Vec<(u32, f64)>> {
    let machine: Vec<f64> = (0..blocks).map(|_| (0.3 * normal(random)).exp()).collect();
    let mut one = |factor: &f64| -> Vec<(u32, f64)> {
        (0..).zip(&machine).map(|(block, of)| (block, factor * of * (noise * normal(random)).exp())).collect()
    };
    factors.iter().map(&mut one).collect()
}

/// Which strategies are told from the fastest.
fn told_from_the_fastest(of: &[Vec<(u32, f64)>]) -> Vec<bool> {
    let middle = |one: &[(u32, f64)]| median(&one.iter().map(|(_, value)| *value).collect::<Vec<f64>>());
    let best = of.iter().min_by(|a, b| middle(a).partial_cmp(&middle(b)).unwrap()).unwrap();
    let others = of.iter().filter(|one| *one != best);
    let weigh = |other: &Vec<(u32, f64)>| FigureEvidence::weigh(best, other, |_| true).of_a_choice(of.len());
    judge::told_apart(&others.map(weigh).collect::<Vec<_>>())
}

#[test]
fn of_strategies_that_are_alike_one_is_called_better_in_one_run_of_twenty_at_the_most() {
    let mut random = random(14);
    for (strategies, blocks) in [(2, 3), (2, 5), (2, 10), (4, 5), (9, 3), (9, 5)] {
        let share = share(|| {
            let alike = measured(&vec![1.0; strategies], blocks, 0.05, &mut random);
            told_from_the_fastest(&alike).contains(&true)
        });
        // Two standard errors of 3 000 runs are 0.008.
        assert!(share <= 0.058, "{strategies} strategies, {blocks} blocks: {share}");
    }
}

#[test]
fn a_strategy_that_is_a_twentieth_slower_is_found_in_four_of_five_runs() {
    let mut random = random(15);
    for (blocks, noise) in [(5, 0.02), (10, 0.034), (30, 0.065)] {
        let share =
            share(|| told_from_the_fastest(&measured(&[1.0, 1.05], blocks, noise, &mut random)) == [true]);
        assert!(share >= 0.8, "{blocks} blocks, noise of {noise}: {share}");
    }
}

#[test]
fn a_difference_that_would_be_seen_is_seen_in_four_of_five_runs() {
    let mut random = random(16);
    for (blocks, level) in [(3, 0.05), (5, 0.05), (10, 0.05), (5, 0.005)] {
        let evidence = |slower: f64, random: &mut Xoshiro256PlusPlus| {
            let of = measured(&[1.0, slower], blocks, 0.03, random);
            FigureEvidence::weigh(&of[0], &of[1], |_| true)
        };
        // A series tells its own scatter; that of all is the mean of its square.
        let seen = |random: &mut Xoshiro256PlusPlus| {
            evidence(1.0, random).would_be_seen(level).unwrap().ln_1p().powi(2)
        };
        let typical = (0..600).map(|_| seen(&mut random)).sum::<f64>() / 600.0;
        let slower = typical.sqrt().exp();
        let share = share(|| evidence(slower, &mut random).p().unwrap() <= level);
        assert!((0.76..=0.84).contains(&share), "{blocks} blocks at {level}: {share}");
    }
}

#[test]
fn one_disturbed_repeat_in_ten_widens_an_interval_and_does_not_mislead_it() {
    let mut random = random(17);
    for blocks in [5, 10] {
        let share = held_by_pairs(blocks, |_| {
            let hit: f64 = Exp1.sample(&mut random);
            let disturbed = if hit < 0.105 { 3.0 } else { 1.0 };
            disturbed * (0.03 * normal(&mut random)).exp()
        });
        assert!((0.94..=1.0).contains(&share), "{blocks} blocks: {share}");
    }
}
