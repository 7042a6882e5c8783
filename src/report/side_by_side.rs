//! The topologies side by side: a row a strategy, its figures on each topology beside each other.

use maud::{Markup, html};

use super::answer::best;
use super::decision::share_of_reference;
use super::format;
use super::group::{Group, StrategyRepeats, short_swept};
use super::headline::NONE;
use crate::results::{Criterion, named};

/// The figures that a topology changes most.
const FIGURES: [&str; 6] = ["read.p50", "read.p99", "failed", "stale_share", "at_risk", "cost"];

/// The table; empty of a single topology.
#[must_use]
pub fn html(groups: &[Group<'_>]) -> Markup {
    let topologies = distinct(groups.iter().map(|group| group.topology));
    if topologies.len() < 2 {
        return html! {};
    }
    let sweeps = distinct(groups.iter().map(|group| group.swept));
    let strategies = distinct(groups.iter().flat_map(|group| &group.entries).map(|entry| entry.label));
    let has =
        |figure: &Criterion| groups.iter().flat_map(|group| &group.entries).any(|of| figure.of(of).is_some());
    let figures: Vec<&Criterion> =
        FIGURES.iter().filter_map(|name| named(name)).filter(|figure| has(figure)).collect();
    let swept = sweeps.len() > 1;
    let find = |topology: &str, swept: &str, strategy: &str| {
        let group = groups.iter().find(|group| group.topology == topology && group.swept == swept)?;
        Some((group, group.entries.iter().find(|entry| entry.label == strategy)?))
    };
    html! {
        section #by-topology {
            h2 { "Topologies side by side" }
            p { "★ is the best of its topology: neither no cache nor another strategy that may be proposed is better, as far as the data tell." }
            div.wide {
                table {
                    caption.unseen { "The figures of every strategy on each topology" }
                    thead {
                        tr {
                            th.word scope="col" rowspan="2" { "strategy" }
                            @if swept { th.word scope="col" rowspan="2" { "swept" } }
                            @for topology in &topologies {
                                th.between scope="colgroup" colspan=(figures.len() + 1) data-topology=(topology) { (topology) }
                            }
                        }
                        tr {
                            @for topology in &topologies {
                                th.between scope="col" data-topology=(topology) title="Database reads for each answered operation, as a share of those of no cache." { "db reads" }
                                @for figure in &figures {
                                    th scope="col" data-topology=(topology) title=(figure.meaning) { (figure.heading) }
                                }
                            }
                        }
                    }
                    tbody {
                        @for values in &sweeps { @for strategy in &strategies {
                            tr data-strategy=(strategy) data-swept=(values) {
                                th.word scope="row" { (strategy) }
                                @if swept { td.word { (short_swept(values, " = ", ", ")) } }
                                @for topology in &topologies {
                                    (cells(find(topology, values, strategy), topology, &figures))
                                }
                            }
                        } }
                    }
                }
            }
        }
    }
}

/// What of these occurs, once and in its order.
fn distinct<'a>(all: impl Iterator<Item = &'a str>) -> Vec<&'a str> {
    let mut known: Vec<&str> = Vec::new();
    for one in all {
        if !known.contains(&one) {
            known.push(one);
        }
    }
    known
}

fn cells(
    found: Option<(&Group<'_>, &StrategyRepeats<'_>)>,
    topology: &str,
    figures: &[&Criterion],
) -> Markup {
    let share = found.and_then(|(group, entry)| share_of_reference(group, entry));
    html! {
        td.between data-topology=(topology) { (share.map_or_else(|| NONE.to_owned(), format::percent)) }
        @for figure in figures {
            td data-topology=(topology) {
                @if let Some((group, entry)) = found {
                    (figure.show(entry)) @if best(group, figure).contains(&entry.label) { " ★" }
                } @else { (NONE) }
            }
        }
    }
}
