//! What a comparison says in words, alike in every output.

use super::{Comparison, RowChange, RunChange};
use crate::model::stats::REPEATS_FOR_INTERVAL;
use crate::report::criteria::Estimate;
use crate::report::format;
use crate::report::headline::NONE;
use crate::report::judge::{FigureChange, Finding, Pairing, SMALLEST, looked_at};

impl Finding {
    /// The word for a change to the run of that letter.
    #[must_use]
    pub fn word(self, letter: char) -> String {
        match self {
            Self::Worse => "worse".into(),
            Self::Better => "better".into(),
            Self::NotShown => "no difference shown".into(),
            Self::TooFew => "not enough repeats to tell".into(),
            Self::OnlyBefore => "only in A".into(),
            Self::OnlyAfter => format!("only in {letter}"),
        }
    }
}

impl FigureChange {
    /// Shows the figure before and after, how many times as much it is, and the interval of that.
    #[must_use]
    pub fn shown(&self) -> [String; 4] {
        let none = || NONE.to_owned();
        let value = |of: Option<Estimate>| of.map_or_else(none, |of| self.figure.unit.show(of.value));
        let evidence = self.evidence;
        let ratio = evidence.and_then(|of| of.ratio).map_or_else(none, |ratio| format!("{} ×", times(ratio)));
        let interval = evidence.and_then(|of| of.interval);
        let interval = interval.map_or_else(none, |of| format!("{} to {}", times(of.low), times(of.high)));
        [value(self.before), value(self.after), ratio, interval]
    }

    /// `read p99 1.2 × (1.18 to 1.22)`, or `lost 0 to 3`.
    #[must_use]
    pub fn sentence(&self) -> String {
        let [before, after, ratio, interval] = self.shown();
        let name = self.figure.heading;
        match (ratio.as_str(), interval.as_str()) {
            (NONE, _) => format!("{name} from {before} to {after}"),
            (ratio, NONE) => format!("{name} {ratio}"),
            (ratio, interval) => format!("{name} {ratio} ({interval})"),
        }
    }
}

/// Two digits after the point: near 1, these are the ones that matter.
fn times(ratio: f64) -> String {
    if (0.1..10.0).contains(&ratio) { format!("{ratio:.2}") } else { format::three_digits(ratio) }
}

impl RunChange {
    /// `B against A: 2 figures worse, 1 better, 33 no difference shown.`
    #[must_use]
    pub fn summary(&self) -> String {
        let counts = self.counts();
        let parts = [
            (counts.worse, "worse"),
            (counts.better, "better"),
            (counts.not_shown, "with no difference shown"),
            (counts.too_few, "with not enough repeats to tell"),
            (counts.of_one, "in one of the runs only"),
        ];
        let all: usize = parts.iter().map(|(count, _)| count).sum();
        let parts = parts.into_iter().filter(|(count, _)| *count > 0);
        let parts: Vec<String> = parts.map(|(count, what)| format!("{count} {what}")).collect();
        let besides = match self.setbacks.len() {
            0 => String::new(),
            1 => " One thing besides the figures got worse.".into(),
            more => format!(" {more} things besides the figures got worse."),
        };
        format!("{} against A, {all} figures: {}.{besides}", self.letter, format::list(&parts))
    }

    /// The figures of a finding, a sentence for each strategy that has some; of what got worse, also what is no figure.
    #[must_use]
    pub fn sentences(&self, finding: Finding) -> Vec<String> {
        let of_row = |row: &RowChange| {
            let found = row.figures.iter().filter(|figure| figure.finding == finding);
            let found: Vec<String> = found.map(FigureChange::sentence).collect();
            (!found.is_empty()).then(|| format!("{}: {}", row.name, found.join("; ")))
        };
        let setbacks = if finding == Finding::Worse { self.setbacks.as_slice() } else { &[] };
        self.rows.iter().filter_map(of_row).chain(setbacks.iter().cloned()).collect()
    }

    /// The strategies whose figures may not be what they seem, each with what speaks against them; `None` where none has any.
    #[must_use]
    pub fn with_care(&self) -> Option<String> {
        let doubtful = self.rows.iter().filter(|row| !row.doubts.is_empty());
        let doubtful: Vec<String> = doubtful.map(|row| format!("{} ({})", row.name, row.doubts)).collect();
        (!doubtful.is_empty()).then(|| format!("To be read with care: {}.", format::list(&doubtful)))
    }

    /// Strategies that one of the runs has and the other has not, each with where it is.
    #[must_use]
    pub fn unmatched(&self) -> Vec<String> {
        let before = self.only_before.iter().map(|row| format!("only in A: {row}"));
        let after = self.only_after.iter().map(|row| format!("only in {}: {row}", self.letter));
        before.chain(after).collect()
    }
}

impl Comparison {
    /// Returns what every output says first where runs were compared that were not asked for the same.
    #[must_use]
    pub fn warnings(&self) -> Vec<String> {
        let of = |change: &RunChange| {
            (!change.contradictions.is_empty()).then(|| {
                format!(
                    "A and {} were not asked for the same, so that a difference between them may mean nothing: {}.",
                    change.letter,
                    change.contradictions.join("; ")
                )
            })
        };
        self.changes.iter().filter_map(of).collect()
    }

    /// Returns how the figures are to be read, and what would tell what these runs do not.
    #[must_use]
    pub fn notes(&self) -> Vec<String> {
        let figures = || self.changes.iter().flat_map(|change| &change.rows).flat_map(|row| &row.figures);
        let looked_at = looked_at(figures());
        let mut notes = vec![
            "A ratio is of the geometric means of the repeats, with the 95 % interval of that one figure. Repeats that were \
             offered the same operations are compared in pairs; others as two samples, by Welch's test on logarithms."
                .to_owned(),
        ];
        if looked_at > 0 {
            notes.push(format!(
                "Of {looked_at} figures that are looked at together, one in twenty would leave out 1 by chance. Better and worse \
                 are therefore said after Benjamini and Hochberg (1995): of what is called so, no more than one in twenty is expected to be \
                 chance, and where nothing differs, nothing is called so in 19 of 20 comparisons. Less than {} is no difference. A first stale or \
                 corrupt read or lost write is worse however many repeats had none.",
                format::percent(SMALLEST)
            ));
        }
        notes.extend(self.what_would_tell());
        notes
    }

    /// The commands that make enough repeats.
    fn what_would_tell(&self) -> Option<String> {
        let few = |letter: char| {
            let changes = self.changes.iter().filter(|change| letter == 'A' || change.letter == letter);
            changes.flat_map(|change| &change.rows).any(|row| match row.pairing {
                Pairing::TooFew(before, after) => {
                    (if letter == 'A' { before } else { after }) < REPEATS_FOR_INTERVAL
                }
                Pairing::Paired(_) | Pairing::Unpaired(..) => false,
            })
        };
        let runs = self.runs.iter().filter(|run| few(run.letter));
        let commands: Vec<String> =
            runs.map(|run| format!("`{}` in place of {}", run.command_that_tells, run.letter)).collect();
        (!commands.is_empty()).then(|| {
            format!("Fewer than three repeats are not enough to tell; {} would.", format::list(&commands))
        })
    }
}
