//! The key distributions against theory, over ten million samples each.

use std::num::NonZeroU64;

use hotset::base::units::Share;
use hotset::load::workload::keys::{
    Distribution, Exponential, Hotspot, KeySampler, Latest, Uniform, Zipf, ZipfOneHit,
};
use hotset::load::workload::{Purpose, RandomSource};
use hotset::scenario::PositiveNumber;
use statrs::distribution::{ChiSquared, ContinuousCDF};

const SAMPLES: u64 = 10_000_000;
const SEED: u64 = 20_240_607;

fn zipf(exponent: f64, keys: u64) -> KeySampler {
    keys_of(&Distribution::Zipf(Zipf { exponent: PositiveNumber(exponent) }), keys)
}

fn keys_of(distribution: &Distribution, keys: u64) -> KeySampler {
    KeySampler::new(distribution, NonZeroU64::new(keys).unwrap(), SEED)
}

/// Counts how often each key was asked for.
fn counts_of_keys(sampler: &KeySampler, operations: u64) -> Vec<u32> {
    let source = RandomSource::new(SEED, Purpose::Measure);
    let mut counts = vec![0; sampler.keys().get() as usize];
    for number in 0..operations {
        let key = sampler.sample(&mut source.at(0, number), 0, number, 1);
        counts[key as usize] += 1;
    }
    counts
}

/// The same by rank, through the inverse of the bijection that scattered them.
fn counts_of_ranks(sampler: &KeySampler, operations: u64) -> Vec<u32> {
    let mut ranks = vec![0; sampler.keys().get() as usize];
    for (key, count) in counts_of_keys(sampler, operations).into_iter().enumerate() {
        ranks[sampler.rank_of_key(key as u64) as usize] = count;
    }
    ranks
}

/// The least count for which the chi-squared distribution holds: bins as fine as they can be, which
/// see a single rank that is wrong.
const FINE: f64 = 10.0;

/// About a thousand bins, which see a skew that is a little wrong everywhere. Hundreds of thousands of fine bins
/// can miss that: a tail that is asked for too rarely also varies too little, and the two cancel.
const COARSE: f64 = SAMPLES as f64 / 1_000.0;

/// The probability of counts as far from a distribution as these, or farther. Ranks are pooled in
/// order until their expected count reaches `pooled_to`.
fn p_value(counts: &[u32], pooled_to: f64, probability: impl Fn(u64) -> f64) -> f64 {
    let samples: f64 = counts.iter().map(|n| f64::from(*n)).sum();
    let mut bins: Vec<(f64, f64)> = Vec::new();
    let mut bin = (0.0, 0.0);
    for (rank, count) in counts.iter().enumerate() {
        bin = (bin.0 + f64::from(*count), bin.1 + samples * probability(rank as u64));
        if bin.1 >= pooled_to {
            bins.push(std::mem::take(&mut bin));
        }
    }
    if let Some(last) = bins.last_mut() {
        *last = (last.0 + bin.0, last.1 + bin.1);
    }
    let statistic: f64 = bins.iter().map(|(found, expected)| (found - expected).powi(2) / expected).sum();
    ChiSquared::new(bins.len() as f64 - 1.0).unwrap().sf(statistic)
}

/// k^−s over the sum of all, added up one by one: independent of how the sampler computes it.
fn by_definition(exponent: f64, keys: u64) -> Vec<f64> {
    let powers: Vec<f64> = (1..=keys).map(|k| (k as f64).powf(-exponent)).collect();
    let total: f64 = powers.iter().rev().sum();
    powers.into_iter().map(|power| power / total).collect()
}

fn zipf_is_exact(exponent: f64) {
    for keys in [1_000, 1_000_000] {
        let exact = by_definition(exponent, keys);
        let counts = counts_of_ranks(&zipf(exponent, keys), SAMPLES);
        for pooled_to in [FINE, COARSE] {
            let p = p_value(&counts, pooled_to, |rank| exact[rank as usize]);
            assert!(p > 0.001, "s = {exponent}, N = {keys}, bins of {pooled_to}: p = {p}");
        }
    }
}

#[test]
fn zipf_is_exact_at_0_5() {
    zipf_is_exact(0.5);
}

#[test]
fn zipf_is_exact_at_0_99() {
    zipf_is_exact(0.99);
}

#[test]
fn zipf_is_exact_at_1() {
    zipf_is_exact(1.0);
}

#[test]
fn zipf_is_exact_at_1_3() {
    zipf_is_exact(1.3);
}

#[test]
fn a_slightly_wrong_exponent_turns_the_chi_squared_test_red() {
    for keys in [1_000, 1_000_000] {
        let counts = counts_of_ranks(&zipf(0.995, keys), SAMPLES);
        let exact = by_definition(0.99, keys);
        let p = p_value(&counts, COARSE, |rank| exact[rank as usize]);
        assert!(p < 1e-6, "N = {keys}: p = {p}");
    }
}

#[test]
fn keys_that_are_not_scattered_back_turn_the_chi_squared_test_red() {
    let exact = by_definition(0.99, 1_000);
    let p = p_value(&counts_of_keys(&zipf(0.99, 1_000), 100_000), FINE, |rank| exact[rank as usize]);
    assert!(p < 1e-6, "{p}");
}

#[test]
fn the_shares_of_the_hottest_keys_are_right_after_the_bijection() {
    let sampler = zipf(0.99, 1_000_000);
    let counts = counts_of_keys(&sampler, SAMPLES);
    let share_of_hottest = |ranks: u64| {
        let hottest = (0..ranks).map(|rank| u64::from(counts[sampler.key_of_rank(rank) as usize]));
        hottest.sum::<u64>() as f64 / SAMPLES as f64
    };
    for (ranks, share) in [(1, 0.065), (10_000, 0.664), (100_000, 0.830)] {
        let found = share_of_hottest(ranks);
        assert!((found - share).abs() < 0.001, "the hottest {ranks}: {found}");
    }
    let most = counts.iter().enumerate().max_by_key(|(_, count)| **count).unwrap();
    assert_eq!(most.0 as u64, sampler.key_of_rank(0));
}

#[test]
fn uniform_is_uniform() {
    let sampler = keys_of(&Distribution::Uniform(Uniform::default()), 100_000);
    let p = p_value(&counts_of_ranks(&sampler, SAMPLES), FINE, |_| 1e-5);
    assert!(p > 0.001, "{p}");
}

#[test]
fn hotspot_gives_the_hot_keys_their_share_and_every_key_of_a_class_the_same() {
    let settings = Hotspot { hot_share: Share::new(0.1).unwrap(), request_share: Share::new(0.7).unwrap() };
    let sampler = keys_of(&Distribution::Hotspot(settings), 10_000);
    let counts = counts_of_ranks(&sampler, SAMPLES);
    let p = p_value(&counts, FINE, |rank| if rank < 1_000 { 0.7 / 1_000.0 } else { 0.3 / 9_000.0 });
    assert!(p > 0.001, "{p}");
}

#[test]
fn latest_is_zipf_from_the_newest_key_on() {
    let sampler = keys_of(&Distribution::Latest(Latest::default()), 10_000);
    let mut counts = counts_of_keys(&sampler, SAMPLES);
    counts.reverse();
    let exact = by_definition(0.99, 10_000);
    let p = p_value(&counts, FINE, |rank| exact[rank as usize]);
    assert!(p > 0.001, "{p}");
}

#[test]
fn exponential_falls_by_the_same_factor_from_rank_to_rank() {
    let settings =
        Exponential { hot_share: Share::new(0.1).unwrap(), request_share: Share::new(0.5).unwrap() };
    let sampler = keys_of(&Distribution::Exponential(settings), 10_000);
    // A tenth of the keys takes half of the requests; solved by bisection elsewhere.
    let (mut low, mut high) = (0.0_f64, 100.0_f64);
    for _ in 0..100 {
        let middle = f64::midpoint(low, high);
        let taken = (1.0 - (-middle * 0.1).exp()) / (1.0 - (-middle).exp());
        if taken < 0.5 { low = middle } else { high = middle }
    }
    let factor = (-high / 10_000.0).exp();
    let powers: Vec<f64> = (0..10_000).map(|rank| factor.powi(rank)).collect();
    let total: f64 = powers.iter().sum();
    let counts = counts_of_ranks(&sampler, SAMPLES);
    for pooled_to in [FINE, COARSE] {
        let p = p_value(&counts, pooled_to, |rank| powers[rank as usize] / total);
        assert!(p > 0.001, "bins of {pooled_to}: {p}");
    }
}

#[test]
fn one_hit_wonders_take_their_share_and_leave_zipf_to_the_other_keys() {
    let sampler = keys_of(&Distribution::ZipfOneHit(ZipfOneHit::default()), 20_000);
    let counts = counts_of_ranks(&sampler, SAMPLES);
    let (others, once) = counts.split_at(10_000);
    let exact = by_definition(0.99, 10_000);
    let p = p_value(others, FINE, |rank| exact[rank as usize]);
    assert!(p > 0.001, "{p}");
    let share = once.iter().map(|count| f64::from(*count)).sum::<f64>() / SAMPLES as f64;
    assert!((share - 0.2).abs() < 5e-4, "{share}");
    // Each comes by turns, so that they differ by chance alone and none is forgotten.
    assert!(once.iter().all(|count| (100..=310).contains(count)), "{:?}", once.iter().max());
}
