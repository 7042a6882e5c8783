//! What failed, with the first words of each kind: for the page and the terminal.

use maud::{Markup, html};

use super::format;
use super::headline::NONE;
use super::table::{PageTable, figures, words};
use crate::results::{ErrorRow, FailedStep, Of, Results};

/// A terminal shows no more of them than this.
const MOST_LINES: usize = 12;
/// A colon and so many digits are a port: servers that hotset starts have another one in each run.
const DIGITS_OF_A_PORT: std::ops::RangeInclusive<usize> = 4..=5;

/// Failures of all runs that the same words tell of.
#[derive(Debug, PartialEq)]
struct Alike<'a> {
    step: FailedStep,
    kind: &'a str,
    words: String,
    failures: u64,
    runs: usize,
    strategies: Vec<&'a str>,
    topologies: Vec<&'a str>,
    first_at_s: Option<f64>,
}

impl<'a> Alike<'a> {
    /// The failures of a run by their words, those of the most runs first.
    fn all(rows: &'a [Of<ErrorRow>]) -> Vec<Self> {
        let mut all: Vec<Self> = Vec::new();
        for row in rows {
            let words = without_ports(&row.first);
            let known = all
                .iter()
                .position(|one| (one.step, one.kind, &one.words) == (row.step, row.kind.as_str(), &words));
            let at = known.unwrap_or_else(|| {
                all.push(Self::nothing_of(row, words));
                all.len() - 1
            });
            all[at].add(row);
        }
        all.sort_by_key(|one| std::cmp::Reverse((one.runs, one.failures)));
        all
    }

    fn nothing_of(row: &'a Of<ErrorRow>, words: String) -> Self {
        let (step, kind) = (row.step, row.kind.as_str());
        let (strategies, topologies) = (Vec::new(), Vec::new());
        Self { step, kind, words, failures: 0, runs: 0, strategies, topologies, first_at_s: None }
    }

    fn add(&mut self, row: &'a Of<ErrorRow>) {
        self.failures += row.failures;
        self.runs += 1;
        for (known, name) in [(&mut self.strategies, &row.strategy), (&mut self.topologies, &row.topology)] {
            if !known.contains(&name.as_str()) {
                known.push(name);
            }
        }
        let earlier = |at_s: f64| self.first_at_s.is_none_or(|first| at_s < first);
        if row.first_at_s.is_some_and(earlier) {
            self.first_at_s = row.first_at_s;
        }
    }
}

/// The words with an ellipsis in place of each port.
fn without_ports(text: &str) -> String {
    let mut without = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once(':') {
        let digits = after.bytes().take_while(u8::is_ascii_digit).count();
        without += before;
        without.push(':');
        rest = after;
        if DIGITS_OF_A_PORT.contains(&digits) {
            without.push('…');
            rest = &after[digits..];
        }
    }
    without + rest
}

/// A table of what failed in all runs, a row for the same words; empty where nothing failed.
#[must_use]
pub fn section(results: &Results) -> Markup {
    let heading = [
        words("what failed"),
        words("kind"),
        figures("how often"),
        figures("runs"),
        words("strategies"),
        words("topologies"),
        figures("first at"),
        words("the first time"),
    ];
    let mut table = PageTable::new("What failed, by step, kind and words", heading);
    let listed = |names: &[&str]| {
        format::list(&names.iter().map(|name| format::quoted(name).into_owned()).collect::<Vec<_>>())
    };
    for one in Alike::all(&results.errors) {
        table.add(&[
            one.step.to_string(),
            one.kind.to_owned(),
            format::count(one.failures as f64),
            one.runs.to_string(),
            listed(&one.strategies),
            listed(&one.topologies),
            one.first_at_s.map_or_else(|| NONE.into(), |at_s| format!("{at_s:.3} s")),
            one.words,
        ]);
    }
    if table.is_empty() {
        return html! {};
    }
    html! {
        section #failed {
            h2 { "What failed" }
            p { "A row counts all failures of one step and kind, under the words of the first of them in a run; those after it may have had \
                other words. Runs of the same first words are put together, and errors.csv has each by itself. An ellipsis stands for a port." }
            (table.html())
        }
    }
}

/// The same in lines, one for each kind of failure, the most frequent first.
#[must_use]
pub fn lines(results: &Results) -> Vec<String> {
    let mut rows: Vec<&Of<ErrorRow>> = results.errors.iter().collect();
    rows.sort_by_key(|row| std::cmp::Reverse(row.failures));
    let line = |row: &&Of<ErrorRow>| {
        let ErrorRow { step, kind, failures, first, .. } = &row.row;
        format!("{}: {failures} × {step} failed ({kind}), first with: {first}", row.cell)
    };
    let mut lines: Vec<String> = rows.iter().take(MOST_LINES).map(line).collect();
    if rows.len() > MOST_LINES {
        lines.push(format!("{} more kinds of failure are in errors.csv.", rows.len() - MOST_LINES));
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(strategy: &str, topology: &str, first: &str, failures: u64, first_at_s: f64) -> Of<ErrorRow> {
        let first_at_s = Some(first_at_s);
        let row = ErrorRow {
            kind: "connection".into(),
            failures,
            first_at_s,
            first: first.into(),
            ..ErrorRow::default()
        };
        Of { cell: format!("r1-{strategy}"), strategy: strategy.into(), topology: topology.into(), row }
    }

    #[test]
    fn what_is_told_in_the_same_words_is_one_row_whatever_the_port() {
        let refused = |port: u16| {
            format!("getting an entry at Redis redis://127.0.0.1:{port}/: refused (os error 111)")
        };
        let rows = [
            row("lease", "single", "the instance is down", 1, 4.0),
            row("lease", "single", &refused(19_498), 3, 8.1),
            row("cache-aside, bypass", "cluster", &refused(6_379), 4, 8.05),
        ];
        let all = Alike::all(&rows);
        assert_eq!(all.len(), 2);
        assert_eq!((all[0].failures, all[0].runs, all[0].first_at_s), (7, 2, Some(8.05)));
        assert_eq!(all[0].words, "getting an entry at Redis redis://127.0.0.1:…/: refused (os error 111)");
        let page = section(&Results { errors: rows.to_vec(), ..Results::default() }).into_string();
        assert!(page.contains("lease and \u{201c}cache-aside, bypass\u{201d}"), "{page}");
        assert!(page.contains("single and cluster"), "{page}");
        assert_eq!(section(&Results::default()).into_string(), "");
    }

    #[test]
    fn only_a_port_is_left_out() {
        assert_eq!(
            without_ports("a: b:12 at 10:30:00, [::1]:6379/: 99999"),
            "a: b:12 at 10:30:00, [::1]:…/: 99999"
        );
        assert_eq!(without_ports("nothing"), "nothing");
    }
}
