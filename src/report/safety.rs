//! What the audit says of a strategy, over all its repeats: counts are added up, never averaged.

use super::format;
use super::group::StrategyRepeats;
use crate::results::{SummaryRow, Verdict};

/// The findings of one strategy in one group.
#[derive(Debug, Clone, PartialEq)]
pub struct Safety {
    /// Reads that were audited.
    pub audited: u64,
    /// Stale ones.
    pub stale: u64,
    /// The time for which the oldest stale answer had been out of date.
    pub oldest_ms: Option<f64>,
    /// Fields whose last acknowledged write is lost; `None` where that could not be looked at.
    pub lost: Option<u64>,
    /// Keys that differ between cache and database at the end.
    pub divergent: Option<u64>,
    /// The worst verdict of all repeats.
    pub verdict: Option<Verdict>,
    /// The naive part of it, where it is a control.
    pub control: Option<String>,
}

impl Safety {
    /// `None` where nothing was audited.
    #[must_use]
    pub fn of(entry: &StrategyRepeats<'_>) -> Option<Self> {
        let audited: Vec<&SummaryRow> =
            entry.measured.iter().copied().filter(|row| row.judgement.verdict.is_some()).collect();
        let first = audited.first()?;
        let sum = |figure: fn(&SummaryRow) -> Option<u64>| {
            audited.iter().map(|row| figure(row)).try_fold(0, |sum, one| Some(sum + one?))
        };
        let rank = |verdict: Verdict| match verdict {
            Verdict::Kept => 0,
            Verdict::Unknown => 1,
            Verdict::Broken => 2,
        };
        Some(Self {
            audited: audited.iter().map(|row| row.audited.audited_reads).sum(),
            stale: audited.iter().map(|row| row.audited.wrong.stale_reads).sum(),
            oldest_ms: audited
                .iter()
                .filter_map(|row| row.audited.wrong.stale_age_max_ms)
                .max_by(f64::total_cmp),
            lost: sum(|row| row.at_end.lost_writes),
            divergent: sum(|row| row.at_end.divergent_keys),
            verdict: audited
                .iter()
                .filter_map(|row| row.judgement.verdict)
                .max_by_key(|verdict| rank(*verdict)),
            control: first.control.clone(),
        })
    }

    /// The share of audited reads that were stale.
    #[must_use]
    pub fn stale_share(&self) -> f64 {
        if self.audited == 0 { 0.0 } else { self.stale as f64 / self.audited as f64 }
    }

    /// The verdict in words.
    #[must_use]
    pub fn verdict_text(&self) -> String {
        let word = self.verdict.map_or("–", held);
        if self.control.is_some() { format!("{word} (control)") } else { word.to_owned() }
    }
}

/// A verdict on a guarantee, as it is read under the heading "guarantee".
#[must_use]
pub fn held(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Kept => "held",
        Verdict::Broken => "broken",
        Verdict::Unknown => "unknown",
    }
}

/// A share in percent, with as many digits as a small one needs.
#[must_use]
pub fn percent(share: f64) -> String {
    if share <= 0.0 {
        return "0 %".into();
    }
    if share < 1e-4 {
        let text = format!("{:.5}", share * 100.0);
        format!("{} %", text.trim_end_matches('0'))
    } else {
        format!("{} %", format::three_digits(share * 100.0))
    }
}

/// A sentence on a guarantee that did not hold, or of which that is not known.
#[must_use]
pub fn sentence(entry: &StrategyRepeats<'_>) -> Option<String> {
    let safety = Safety::of(entry)?;
    let with = |wanted: Verdict| entry.measured.iter().find(|row| row.judgement.verdict == Some(wanted));
    let row = with(Verdict::Broken).or_else(|| with(Verdict::Unknown))?;
    let repeats = entry.measured.iter().filter(|one| one.judgement.verdict == row.judgement.verdict).count();
    let of = if entry.measured.len() > 1 {
        format!(" in {repeats} of {} repeats", entry.measured.len())
    } else {
        String::new()
    };
    let stale = if safety.stale > 0 {
        format!(
            " ({} of {} reads stale, {})",
            format::count(safety.stale as f64),
            format::count(safety.audited as f64),
            percent(safety.stale_share())
        )
    } else {
        String::new()
    };
    Some(match (row.judgement.verdict, &safety.control) {
        (Some(Verdict::Broken), Some(control)) => {
            format!(
                "{} is a control ({control}) and shows it{of}: {}{stale}.",
                entry.label, row.judgement.verdict_reason
            )
        }
        (Some(Verdict::Broken), None) => {
            format!(
                "{} DID NOT HOLD ITS GUARANTEE{of}: {}{stale}.",
                entry.label, row.judgement.verdict_reason
            )
        }
        _ => format!(
            "It is not known whether {} held its guarantee{of}: {}.",
            entry.label, row.judgement.verdict_reason
        ),
    })
}
