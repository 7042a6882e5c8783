//! Whether a figure is better or worse than another, or the data do not show it: of two strategies in a run, or of one strategy in
//! two runs.

use super::criteria::Estimate;
use super::group::StrategyRepeats;
use crate::model::stats::{
    ConfidenceInterval, LEVEL, REPEATS_FOR_INTERVAL, Shift, false_discovery_threshold, mean_shift,
    welch_shift,
};
use crate::results::{Better, Criterion, Unit};

/// Of what is called better or worse, no more than this share is expected to be chance.
const FALSE_SHARE: f64 = LEVEL;
/// A smaller difference is called none: the histograms keep three digits, and nobody decides by less.
pub const SMALLEST: f64 = 0.01;
/// Figures that count what must never happen: one is a fact, which no other repeat takes back.
const NEVER: &[&str] = &["stale_share", "corrupt", "lost"];

/// The ways in which the repeats of two runs are held against each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pairing {
    /// Repeat by repeat, since both were offered the same operations in each: so many pairs.
    Paired(usize),
    /// As two samples of so many repeats each, by Welch's test.
    Unpaired(usize, usize),
    /// Not at all, as there are so few repeats.
    TooFew(usize, usize),
}

impl Pairing {
    /// In a word or two.
    #[must_use]
    pub fn words(self) -> String {
        match self {
            Self::Paired(pairs) => format!("{pairs} pairs"),
            Self::Unpaired(before, after) => format!("{before} and {after}, unpaired"),
            Self::TooFew(before, after) => format!("{before} and {after}"),
        }
    }
}

/// The conclusions on a figure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Finding {
    /// The data show that it got worse.
    Worse,
    /// The data show that it got better.
    Better,
    /// The data do not show a difference.
    NotShown,
    /// There are too few repeats to tell.
    TooFew,
    /// Only the first run measured it.
    OnlyBefore,
    /// Only the second run measured it.
    OnlyAfter,
}

/// The evidence that the repeats give on a figure.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct FigureEvidence {
    /// The way in which they were held against each other.
    pub pairing: Pairing,
    /// The ratio of the second run to the first: of geometric means, and of means where a repeat has 0. `None` where
    /// one of the runs has nothing.
    pub ratio: Option<f64>,
    /// Its 95 % interval, of this figure by itself; `None` with too few repeats, and where a repeat has 0.
    pub interval: Option<ConfidenceInterval>,
    /// The probability of such a difference where nothing differs; `None` where there is nothing to tell.
    p: Option<f64>,
    /// The first run has none in any repeat, and the second some.
    begins: bool,
    /// The distance of the logarithms; `None` where there is no interval.
    shift: Option<Shift>,
    /// The means of both.
    means: [f64; 2],
    /// Of a share, the ratio of what is left to the whole: of a hit rate that of the misses, which are what the database bears.
    ratio_of_rest: Option<f64>,
    /// The number of comparisons that it stands for.
    stands_for: f64,
}

impl FigureEvidence {
    /// Weighs what one strategy has of a figure against what another has in the same run, where every strategy of a block is
    /// offered the same operations within the same minutes.
    #[must_use]
    pub fn within_run(figure: &Criterion, before: &StrategyRepeats<'_>, after: &StrategyRepeats<'_>) -> Self {
        Self::weigh(&figure.by_block(before), &figure.by_block(after), |_| true).of_figure(figure)
    }

    /// The same evidence, with what of a share is left to the whole.
    fn of_figure(self, figure: &Criterion) -> Self {
        let [before, after] = self.means;
        let ratio_of_rest = (figure.unit == Unit::Share).then(|| (1.0 - after) / (1.0 - before));
        Self { ratio_of_rest, ..self }
    }

    /// The same evidence where one of the two was chosen among so many by this very figure: whoever holds the best against each
    /// of the others has looked at all pairs, of which each of these comparisons bears an equal part.
    #[must_use]
    pub fn of_a_choice(self, among: usize) -> Self {
        let stands_for = (among as f64 / 2.0).max(1.0);
        Self { p: self.p.map(|p| (p * stands_for).min(1.0)), stands_for, ..self }
    }

    /// The probability of such a difference where nothing differs, for all comparisons that it stands for.
    #[must_use]
    pub fn p(&self) -> Option<f64> {
        self.p
    }

    /// The smallest difference, as a share, that four of five such series would show at this level.
    #[must_use]
    pub fn would_be_seen(&self, level: f64) -> Option<f64> {
        let shift = self.shift?.would_be_seen(level / self.stands_for)?;
        Some(shift.exp_m1().max(SMALLEST))
    }

    /// Large enough to decide anything by: a share also where what is left to the whole differs by so much.
    fn is_large(&self) -> bool {
        let is_large = |ratio: f64| ratio.ln().abs() >= SMALLEST.ln_1p();
        self.ratio.is_none_or(is_large) || self.ratio_of_rest.is_some_and(is_large)
    }

    fn is_found(&self, threshold: Option<f64>) -> bool {
        self.is_large() && self.p.zip(threshold).is_some_and(|(p, threshold)| p <= threshold)
    }

    /// Weighs the repeats of a figure, each with its block: block by block where enough of them have a twin that was offered
    /// the same operations, and otherwise as two samples.
    #[must_use]
    pub fn weigh(before: &[(u32, f64)], after: &[(u32, f64)], is_twin: impl Fn(u32) -> bool) -> Self {
        let twin = |(block, value): &(u32, f64)| {
            let other = after.iter().find(|(other, _)| other == block && is_twin(*block))?;
            Some((*value, other.1))
        };
        let pairs: Vec<(f64, f64)> = before.iter().filter_map(twin).collect();
        if pairs.len() >= REPEATS_FOR_INTERVAL {
            let (before, after): (Vec<f64>, Vec<f64>) = pairs.into_iter().unzip();
            return Self::of(Pairing::Paired(before.len()), &before, &after);
        }
        let values = |of: &[(u32, f64)]| of.iter().map(|(_, value)| *value).collect::<Vec<f64>>();
        let (before, after) = (values(before), values(after));
        let pairing = if before.len().min(after.len()) >= REPEATS_FOR_INTERVAL {
            Pairing::Unpaired(before.len(), after.len())
        } else {
            Pairing::TooFew(before.len(), after.len())
        };
        Self::of(pairing, &before, &after)
    }

    fn of(pairing: Pairing, before: &[f64], after: &[f64]) -> Self {
        let mut all = before.iter().chain(after);
        let nothing = Self {
            pairing,
            ratio: None,
            interval: None,
            p: None,
            begins: false,
            shift: None,
            means: [mean(before), mean(after)],
            ratio_of_rest: None,
            stands_for: 1.0,
        };
        if all.clone().all(|value| *value == 0.0) {
            return nothing;
        }
        // Times and rates differ by factors. Where there is a 0, only by how much can be told, not by which factor.
        if all.any(|value| *value <= 0.0) {
            let (from, to) = (mean(before), mean(after));
            return Self {
                ratio: (from > 0.0 && to > 0.0).then(|| to / from),
                p: shift(pairing, before, after).map(|of| of.p),
                begins: from == 0.0,
                ..nothing
            };
        }
        let logs = |of: &[f64]| of.iter().map(|value| value.ln()).collect::<Vec<f64>>();
        let (before, after) = (logs(before), logs(after));
        let shift = shift(pairing, &before, &after);
        let interval = shift.map(|Shift { interval, .. }| ConfidenceInterval {
            low: interval.low.exp(),
            high: interval.high.exp(),
        });
        Self {
            ratio: Some((mean(&after) - mean(&before)).exp()),
            interval,
            p: shift.map(|of| of.p),
            shift,
            ..nothing
        }
    }
}

/// Which of these the data show to differ, all of them together.
#[must_use]
pub fn told_apart(all: &[FigureEvidence]) -> Vec<bool> {
    let p: Vec<f64> = all.iter().filter_map(|of| of.p).collect();
    let threshold = false_discovery_threshold(&p, FALSE_SHARE);
    all.iter().map(|of| of.is_found(threshold)).collect()
}

/// The level at which one more of these would be found.
#[must_use]
pub fn level_of_one_more(all: &[FigureEvidence]) -> f64 {
    let p: Vec<f64> = all.iter().filter_map(|of| of.p).collect();
    let threshold = false_discovery_threshold(&p, FALSE_SHARE);
    let found = p.iter().filter(|p| threshold.is_some_and(|threshold| **p <= threshold)).count();
    let looked_at = p.len().max(1);
    FALSE_SHARE * (found + 1).min(looked_at) as f64 / looked_at as f64
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

fn shift(pairing: Pairing, before: &[f64], after: &[f64]) -> Option<Shift> {
    match pairing {
        Pairing::Paired(_) => {
            mean_shift(&before.iter().zip(after).map(|(before, after)| after - before).collect::<Vec<f64>>())
        }
        Pairing::Unpaired(..) => welch_shift(before, after),
        Pairing::TooFew(..) => None,
    }
}

/// A figure of a strategy in two runs.
#[derive(Debug, Clone, Copy)]
pub struct FigureChange {
    /// The figure that changed.
    pub figure: &'static Criterion,
    /// In the first run.
    pub before: Option<Estimate>,
    /// In the second run.
    pub after: Option<Estimate>,
    /// The evidence of the repeats; `None` where only one of the runs has it.
    pub evidence: Option<FigureEvidence>,
    /// The conclusion.
    pub finding: Finding,
}

impl FigureChange {
    /// Returns true if it got worse by more than this share of what it was, or from none to some; a share also where what is
    /// left to the whole did.
    #[must_use]
    pub fn is_worse_by(&self, share: f64) -> bool {
        let evidence = self.evidence.map(|of| of.of_figure(self.figure));
        let by = |ratio: f64| match self.figure.better {
            Better::Lower => ratio - 1.0,
            Better::Higher => 1.0 - ratio,
        };
        // Without a ratio one of the runs had nothing, which is more than any share.
        let is_more = evidence.and_then(|of| of.ratio).is_none_or(|ratio| by(ratio) > share);
        // The good end of the rest is the other one.
        let rest_is_more = evidence.and_then(|of| of.ratio_of_rest).is_some_and(|ratio| -by(ratio) > share);
        self.finding == Finding::Worse && (is_more || rest_is_more)
    }
}

/// Settles what is said of every figure, all of them together: with hundreds looked at, one in twenty would differ by chance
/// alone.
pub fn settle(changes: &mut [&mut FigureChange]) {
    let looked_at: Vec<f64> =
        changes.iter().filter_map(|change| change.evidence).filter_map(|of| of.p).collect();
    let threshold = false_discovery_threshold(&looked_at, FALSE_SHARE);
    for change in changes {
        change.finding = finding(change, threshold);
    }
}

/// Counts the figures that the data can be asked about.
#[must_use]
pub fn looked_at<'a>(changes: impl Iterator<Item = &'a FigureChange>) -> usize {
    changes.filter(|change| change.evidence.is_some_and(|of| of.p.is_some())).count()
}

fn finding(change: &FigureChange, threshold: Option<f64>) -> Finding {
    let evidence = match (change.evidence, change.before) {
        (Some(evidence), _) => evidence.of_figure(change.figure),
        (None, Some(_)) => return Finding::OnlyBefore,
        (None, None) => return Finding::OnlyAfter,
    };
    if evidence.begins && NEVER.contains(&change.figure.name) {
        return Finding::Worse;
    }
    if evidence.p.is_none() {
        return match evidence.pairing {
            Pairing::TooFew(..) => Finding::TooFew,
            Pairing::Paired(_) | Pairing::Unpaired(..) => Finding::NotShown,
        };
    }
    if !evidence.is_found(threshold) {
        return Finding::NotShown;
    }
    let is_more = evidence.ratio.map_or(evidence.begins, |ratio| ratio > 1.0);
    match (is_more, change.figure.better) {
        (true, Better::Lower) | (false, Better::Higher) => Finding::Worse,
        (true, Better::Higher) | (false, Better::Lower) => Finding::Better,
    }
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng as _;
    use rand::rngs::Xoshiro256PlusPlus;
    use rand_distr::{Distribution as _, Normal};

    use super::*;
    use crate::results::named;

    fn change(name: &str, before: &[f64], after: &[f64], is_twin: impl Fn(u32) -> bool) -> FigureChange {
        let estimate =
            |values: &[f64]| Estimate { value: mean(values), interval: None, repeats: values.len() };
        let by_block = |values: &[f64]| (1_u32..).zip(values.iter().copied()).collect::<Vec<(u32, f64)>>();
        FigureChange {
            figure: named(name).unwrap(),
            before: Some(estimate(before)),
            after: Some(estimate(after)),
            evidence: Some(FigureEvidence::weigh(&by_block(before), &by_block(after), is_twin)),
            finding: Finding::TooFew,
        }
    }

    fn settled(name: &str, before: &[f64], after: &[f64]) -> FigureChange {
        let mut change = change(name, before, after, |_| true);
        settle(&mut [&mut change]);
        change
    }

    #[test]
    fn twins_are_paired_and_without_them_two_samples_are_compared() {
        let (before, after) = ([1.0, 10.0, 100.0], [1.2, 12.0, 121.0]);
        let paired = change("read.p50", &before, &after, |_| true).evidence.unwrap();
        assert_eq!(paired.pairing, Pairing::Paired(3));
        assert!(paired.interval.is_some_and(|of| of.low > 1.18 && of.high < 1.22), "{paired:?}");
        // The repeats differ so much among themselves that nothing is shown without pairs.
        let unpaired = change("read.p50", &before, &after, |block| block < 3).evidence.unwrap();
        assert_eq!(unpaired.pairing, Pairing::Unpaired(3, 3));
        assert!(unpaired.interval.is_some_and(|of| of.low < 1.0 && of.high > 2.0), "{unpaired:?}");
    }

    #[test]
    fn two_repeats_are_too_few_to_tell_but_for_what_must_never_happen() {
        assert_eq!(settled("read.p99", &[1.0, 1.0], &[9.0, 9.0]).finding, Finding::TooFew);
        assert_eq!(settled("lost", &[0.0], &[1.0]).finding, Finding::Worse);
        assert_eq!(settled("lost", &[3.0], &[2.0]).finding, Finding::TooFew);
    }

    #[test]
    fn a_first_lost_write_is_worse_and_failures_are_held_against_chance() {
        assert_eq!(settled("lost", &[0.0; 5], &[0.0, 0.0, 1.0, 0.0, 0.0]).finding, Finding::Worse);
        assert_eq!(settled("failed", &[0.0; 5], &[0.0, 0.0, 1e-6, 0.0, 0.0]).finding, Finding::NotShown);
        assert_eq!(settled("failed", &[0.0; 5], &[0.01, 0.012, 0.009, 0.011, 0.01]).finding, Finding::Worse);
        assert_eq!(settled("lost", &[314.0, 290.0, 330.0], &[0.0; 3]).finding, Finding::Better);
        assert_eq!(settled("lost", &[0.0; 3], &[0.0; 3]).finding, Finding::NotShown);
    }

    #[test]
    fn which_end_is_the_good_one_depends_on_the_figure() {
        let (low, high) = ([100.0, 101.0, 99.0], [120.0, 122.0, 119.0]);
        assert_eq!(settled("read.p99", &low, &high).finding, Finding::Worse);
        assert_eq!(settled("read.p99", &high, &low).finding, Finding::Better);
        assert_eq!(settled("throughput", &low, &high).finding, Finding::Better);
        let slower = settled("throughput", &high, &low);
        assert!(slower.is_worse_by(0.16) && !slower.is_worse_by(0.18), "{slower:?}");
        assert!(settled("lost", &[0.0; 3], &[1.0; 3]).is_worse_by(1.0));
    }

    #[test]
    fn what_the_histograms_cannot_resolve_is_no_difference() {
        assert_eq!(settled("read.p50", &[250.0; 3], &[251.0; 3]).finding, Finding::NotShown);
        assert_eq!(settled("read.p50", &[250.0; 3], &[260.0; 3]).finding, Finding::Worse);
    }

    #[test]
    fn a_tenfold_miss_rate_is_worse_though_the_hit_rate_fell_by_less_than_a_hundredth() {
        let fell = settled("hit_rate", &[0.999, 0.9991, 0.9989], &[0.99, 0.9901, 0.9899]);
        assert_eq!(fell.finding, Finding::Worse, "{fell:?}");
        assert!(fell.is_worse_by(8.0) && !fell.is_worse_by(10.0), "nine times as many misses more: {fell:?}");
        let within = fell.evidence.map(|of| of.of_figure(fell.figure)).unwrap();
        assert_eq!(told_apart(&[within]), [true]);
        assert_eq!(settled("hit_rate", &[0.5; 3], &[0.503; 3]).finding, Finding::NotShown);
        assert_eq!(settled("throughput", &[0.999; 3], &[0.99; 3]).finding, Finding::NotShown, "no share");
    }

    /// Two runs of so many strategies with ten figures each, which hang together as the figures of a strategy do, and of which
    /// nothing differs but by chance. Returns the share of such comparisons in which anything is found.
    fn share_of_false_alarms(strategies: u32, repeats: usize, is_paired: bool, seed: u64) -> f64 {
        const COMPARISONS: u32 = 2_000;
        let mut random = Xoshiro256PlusPlus::seed_from_u64(seed);
        let normal = Normal::new(0.0, 1.0).unwrap();
        let mut alarms = 0;
        for _ in 0..COMPARISONS {
            let mut family = Vec::new();
            for _ in 0..strategies {
                let mut run = || -> Vec<f64> { (0..repeats).map(|_| normal.sample(&mut random)).collect() };
                let (common_before, common_after) = (run(), run());
                for _ in 0..10 {
                    let mut values = |common: &[f64]| -> Vec<f64> {
                        common.iter().map(|of| (0.03 * (of + normal.sample(&mut random))).exp()).collect()
                    };
                    let (before, after) = (values(&common_before), values(&common_after));
                    family.push(change("read.p99", &before, &after, |_| is_paired));
                }
            }
            settle(&mut family.iter_mut().collect::<Vec<_>>());
            alarms += u32::from(family.iter().any(|change| change.finding != Finding::NotShown));
        }
        f64::from(alarms) / f64::from(COMPARISONS)
    }

    #[test]
    fn two_runs_of_the_same_raise_an_alarm_once_in_twenty_comparisons_at_the_most() {
        for (strategies, repeats, is_paired) in
            [(1, 5, true), (3, 3, true), (6, 5, true), (6, 3, false), (12, 10, false)]
        {
            let share = share_of_false_alarms(strategies, repeats, is_paired, 11);
            // Two standard errors of 2 000 comparisons are a hundredth.
            assert!(share <= 0.06, "{strategies} strategies, {repeats} repeats, {is_paired}: {share}");
        }
    }

    #[test]
    fn a_fifth_is_found_in_three_repeats_among_a_hundred_figures_and_nothing_else() {
        let mut random = Xoshiro256PlusPlus::seed_from_u64(3);
        let noise = Normal::new(1.0, 0.01).unwrap();
        let mut draw =
            |factor: f64| -> Vec<f64> { (0..3).map(|_| factor * noise.sample(&mut random)).collect() };
        let factor = |at: usize| if at < 20 { 1.2 } else { 1.0 };
        let mut family: Vec<FigureChange> =
            (0..100).map(|at| change("read.p50", &draw(1.0), &draw(factor(at)), |_| true)).collect();
        settle(&mut family.iter_mut().collect::<Vec<_>>());
        let found = |of: &[FigureChange]| of.iter().filter(|one| one.finding == Finding::Worse).count();
        assert!(found(&family[..20]) >= 18, "{}", found(&family[..20]));
        assert!(found(&family[20..]) <= 1, "{}", found(&family[20..]));
    }
}
