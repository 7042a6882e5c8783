//! What to watch once a strategy is in production, with what it was here.

use maud::{Markup, html};

use super::candidates::candidates;
use super::group::{Group, StrategyRepeats};
use super::table::{PageTable, figures, words};
use crate::results::{Criterion, named};

/// A figure to watch.
struct Watched {
    /// Its name in `criteria`.
    figure: &'static str,
    /// Where it is read in production.
    place: &'static str,
    /// What it tells there.
    tells: &'static str,
    /// True if it is shown only where it was more than 0 here.
    only_if_any: bool,
}

const fn always(figure: &'static str, place: &'static str, tells: &'static str) -> Watched {
    Watched { figure, place, tells, only_if_any: false }
}

const fn if_any(figure: &'static str, place: &'static str, tells: &'static str) -> Watched {
    Watched { figure, place, tells, only_if_any: true }
}

const WATCHED: &[Watched] = &[
    always(
        "hit_rate",
        "keyspace_hits and keyspace_misses of Redis' INFO stats, or `hotset monitor`; a near cache counts its own",
        "What it loses, the database has to read more.",
    ),
    always(
        "database.reads_per_s",
        "the database's own counters, such as opcounters.query of MongoDB's serverStatus",
        "It grows before users notice that the cache helps less.",
    ),
    always(
        "database.peak_per_s",
        "the same, read as often as the windows of this run were long",
        "The database has to survive it after a flush, a failover or a cold start.",
    ),
    always(
        "read.p99",
        "the application's own histogram, from when a request came in",
        "Hits and misses apart: a miss asks both stores.",
    ),
    always(
        "cache.memory",
        "used_memory, maxmemory and evicted_keys of INFO",
        "Evictions say that the working set has outgrown the cache.",
    ),
    if_any(
        "failed",
        "errors of the application's clients, by kind and node",
        "A failover, or a database that cannot follow, shows here first.",
    ),
    if_any(
        "read_outage",
        "cluster_state, +switch-master of the sentinels, reconnections of the clients",
        "How long users of some of the keys get errors.",
    ),
    if_any(
        "stale_age_max",
        "a sample of keys read from both stores; no counter of a server tells",
        "Old answers are no errors, and nobody reports them.",
    ),
    if_any(
        "at_risk",
        "the queue of writes that wait for the database: its length, and the age of its oldest",
        "A crash now would lose so many acknowledged writes.",
    ),
];

/// The table; nothing where nothing was measured.
#[must_use]
pub fn html(groups: &[Group<'_>]) -> Markup {
    let mut proposed: Vec<&StrategyRepeats<'_>> = groups.iter().flat_map(candidates).collect();
    if proposed.is_empty() {
        let measured = |entry: &&StrategyRepeats<'_>| !entry.measured.is_empty() && !entry.is_reference();
        proposed = groups.iter().flat_map(|group| &group.entries).filter(measured).collect();
    }
    let columns = [words("figure"), figures("here"), words("where it is read"), words("what it tells")];
    let mut table = PageTable::new("What to watch in production", columns);
    for watched in WATCHED {
        let Some(figure) = named(watched.figure) else { continue };
        if let Some(here) = range(figure, &proposed, watched.only_if_any) {
            table.add(&[figure.heading.to_owned(), here, watched.place.to_owned(), watched.tells.to_owned()]);
        }
    }
    html! {
        @if !table.is_empty() {
            h3 { "What to watch in production" }
            p { "From the least to the most of the strategies that may be proposed, over all topologies and swept values of this run." }
            (table.html())
        }
    }
}

/// From the least to the most.
fn range(figure: &Criterion, of: &[&StrategyRepeats<'_>], only_if_any: bool) -> Option<String> {
    let values = || of.iter().filter_map(|entry| figure.of(entry)).map(|of| of.value);
    let (low, high) = (values().min_by(f64::total_cmp)?, values().max_by(f64::total_cmp)?);
    if only_if_any && high == 0.0 {
        return None;
    }
    let (low, high) = (figure.unit.show(low), figure.unit.show(high));
    Some(if low == high { high } else { format!("{low} to {high}") })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::group::groups;
    use crate::report::made_up::run_of;
    use crate::results::{Results, SummaryRow};

    fn row(label: &str, p99: f64, at_risk: u64) -> SummaryRow {
        let mut row = run_of(label, 1);
        row.read_response.p99_us = Some(p99);
        row.at_risk.at_risk_max = Some(at_risk);
        row
    }

    fn told(rows: Vec<SummaryRow>) -> String {
        let results = Results { summary: rows, ..Results::default() };
        html(&groups(&results).unwrap()).into_string()
    }

    #[test]
    fn each_figure_has_its_range_over_what_may_be_proposed_and_what_nobody_risks_is_left_out() {
        let safe =
            told(vec![row("no-cache", 9e6, 0), row("cache-aside", 2_000.0, 0), row("lease", 3_000.0, 0)]);
        assert!(safe.contains("2 ms to 3 ms"), "{safe}");
        assert!(!safe.contains("that wait for the database"), "{safe}");
        let risky = told(vec![row("cache-aside", 2_000.0, 0), row("write-behind", 2_000.0, 70)]);
        assert!(risky.contains("0 to 70") && risky.contains("that wait for the database"), "{risky}");
        assert_eq!(told(vec![row("no-cache", 9e6, 0)]), "");
    }
}
