//! The table that strategies are compared by: one row for each strategy on each topology, every figure as it is defined in
//! `criteria`, sorted and filtered in the browser.

use maud::{Markup, html};

use super::answer::best;
use super::criteria::Estimate;
use super::decision;
use super::format;
use super::group::{Group, StrategyRepeats, short_swept};
use super::headline::{Headline, NONE};
use super::requirements::{self, JudgedRequirement, Met};
use crate::results::{CRITERIA, Criterion, Unit, named};

/// The figures of the scorecard, in its order: what rules a strategy out comes first, since a screen ends before the table does.
const SHOWN: &[&str] = &[
    "failed",
    "lost",
    "at_risk",
    "stale_share",
    "read.p50",
    "read.p99",
    "database.peak_per_s",
    "hit_rate",
    "cost",
    "write.p99",
    "database.reads_per_s",
    "database.writes_per_s",
    "stale_age_max",
    "cache.memory",
    "cache.commands_per_op",
    "cores",
    "cost.month",
    "throughput",
];

/// An interval of which half is more than this part of the value is shown by its ends.
const WIDE: f64 = 0.5;

/// The scorecard of all groups.
#[must_use]
pub fn html(groups: &[Group<'_>]) -> Markup {
    let swept = groups.iter().any(|group| !group.swept.is_empty());
    let has =
        |figure: &Criterion| groups.iter().flat_map(|group| &group.entries).any(|of| figure.of(of).is_some());
    let figures: Vec<&Criterion> =
        SHOWN.iter().filter_map(|name| named(name)).filter(|figure| has(figure)).collect();
    let judged = requirements::judge(groups);
    html! {
        section #scorecard {
            h2 { "Scorecard" }
            p { "Times are of what was answered; what failed is a share of its own. ± is half of the 95 % interval over the repeats. "
                "Where that is wide, the ends of the interval stand in its place. "
                "★ is the best of the strategies that may be proposed, and those next to it that the data do not tell from it; none where \
                no cache is better. No strategy is proposed that is a control, broke its guarantee, was overloaded or failed without a \
                fault. Click a heading to sort by it, a strategy to single it out." }
            (filters(groups))
            div.wide {
                table.sortable data-name="scorecard" {
                    caption.unseen { "Every strategy on every topology with its figures" }
                    thead { tr {
                        (heading("strategy", "The strategy's label.", true))
                        (heading("topology", "The topology's label.", true))
                        @if swept { (heading("swept", "The swept values.", true)) }
                        @if !judged.is_empty() { (heading("required", "How many of the requirements it meets.", false)) }
                        (heading("db reads", "Database reads for each answered operation, as a share of those of no cache in the same group.", false))
                        @for figure in &figures { (heading(&with_currency(figure, groups), figure.meaning, false)) }
                        (heading("guarantee", "What the strategy promises here.", true))
                        (heading("observed", "Whether the audit found anything against it.", true))
                        (heading("status", "What became of its runs.", true))
                    } }
                    tbody {
                        @for group in groups { @for entry in &group.entries { (row(group, entry, &figures, swept, &judged)) } }
                    }
                }
            }
            (definitions(&figures))
        }
    }
}

/// The heading of a figure, with the currency of the scenario's prices where it is an amount.
fn with_currency(figure: &Criterion, groups: &[Group<'_>]) -> String {
    let prices = groups.first().and_then(|group| group.results.run.prices.as_ref());
    match prices.map(|prices| prices.currency.as_str()) {
        Some(currency) if figure.unit == Unit::Money && !currency.is_empty() => {
            format!("{} ({currency})", figure.heading)
        }
        _ => figure.heading.to_owned(),
    }
}

fn heading(text: &str, meaning: &str, is_words: bool) -> Markup {
    html! {
        th scope="col" class=[is_words.then_some("word")] aria-sort="none" {
            button type="button" title=(meaning) { (text) }
        }
    }
}

/// Choices that show a part of the rows and of the sections.
fn filters(groups: &[Group<'_>]) -> Markup {
    let mut strategies: Vec<&str> = Vec::new();
    let mut topologies: Vec<&str> = Vec::new();
    let mut sweeps: Vec<&str> = Vec::new();
    for group in groups {
        for entry in &group.entries {
            if !strategies.contains(&entry.label) {
                strategies.push(entry.label);
            }
        }
        if !topologies.contains(&group.topology) {
            topologies.push(group.topology);
        }
        if !sweeps.contains(&group.swept) {
            sweeps.push(group.swept);
        }
    }
    html! {
        div.filters role="group" aria-label="Show only" {
            (choice("strategy", "Strategy", &strategies, str::to_owned))
            (choice("topology", "Topology", &topologies, str::to_owned))
            (choice("swept", "Swept", &sweeps, |swept| short_swept(swept, " = ", ", ")))
            button type="button" data-copy="markdown" { "Copy as Markdown" }
            button type="button" data-copy="csv" { "Copy as CSV" }
            span #copied role="status" {}
        }
    }
}

fn choice(key: &str, name: &str, values: &[&str], show: impl Fn(&str) -> String) -> Markup {
    if values.len() < 2 {
        return html! {};
    }
    html! {
        label {
            (name) " "
            select data-filter=(key) {
                option value="" { "all" }
                @for value in values { option value=(format!("={value}")) { (show(value)) } }
            }
        }
    }
}

fn row(
    group: &Group<'_>,
    entry: &StrategyRepeats<'_>,
    figures: &[&Criterion],
    swept: bool,
    judged: &[JudgedRequirement<'_>],
) -> Markup {
    let own: Vec<&JudgedRequirement<'_>> = judged
        .iter()
        .filter(|one| {
            one.strategy == entry.label
                && one.group.topology == group.topology
                && one.group.swept == group.swept
        })
        .collect();
    let verdict = Headline::of(entry);
    let guarantee = entry.measured.iter().find_map(|row| row.guarantee.clone()).unwrap_or_default();
    let reasons: Vec<&str> =
        entry.cells().map(|row| row.reason.as_str()).filter(|reason| !reason.is_empty()).collect();
    html! {
        tr data-strategy=(entry.label) data-topology=(group.topology) data-swept=(group.swept) {
            th.word scope="row" { button.pick type="button" aria-pressed="false" { (entry.label) } }
            td.word { a href=(format!("#{}", group.anchor())) { (group.topology) } }
            @if swept { td.word data-value=[group.swept_number()] { (short_swept(group.swept, " = ", ", ")) } }
            @if !judged.is_empty() { (met(&own)) }
            (share_of_reference(group, entry))
            @for figure in figures { (figure_cell(figure, group, entry, class_of(figure, &own))) }
            td.word.long { (guarantee) }
            td class=(format!("word {}", observed_class(&verdict.guarantee))) { (verdict.guarantee) }
            td.word {
                @if reasons.is_empty() { (verdict.status_line()) } @else {
                    details { summary { (verdict.status_line()) } ul { @for reason in &reasons { li { (reason) } } } }
                }
            }
        }
    }
}

fn observed_class(verdict: &str) -> &'static str {
    if verdict.starts_with("held") {
        "good"
    } else if verdict.starts_with("broken") {
        "bad"
    } else {
        "open"
    }
}

/// The database's reads against those of no cache, which make a strategy worth having.
fn share_of_reference(group: &Group<'_>, entry: &StrategyRepeats<'_>) -> Markup {
    let of = decision::share_of_reference(group, entry);
    html! {
        td data-value=[of] { (of.map_or_else(|| NONE.to_owned(), format::percent)) }
    }
}

/// Counts the requirements that are met, and names each of them.
fn met(own: &[&JudgedRequirement<'_>]) -> Markup {
    let count = |met: Met| own.iter().filter(|one| one.met == met).count();
    let all: Vec<String> =
        own.iter().map(|one| format!("{} {}: {}", one.required(), one.met.word(), one.measured())).collect();
    html! {
        @if own.is_empty() { td { (NONE) } } @else {
            td class=(worst(own)) data-value=(count(Met::Met)) title=(all.join("; ")) {
                (count(Met::Met)) " of " (own.len())
            }
        }
    }
}

/// Red where one is missed, amber where one is not decided, green where all are met.
fn worst(own: &[&JudgedRequirement<'_>]) -> &'static str {
    let any = |met: Met| own.iter().any(|one| one.met == met);
    match (any(Met::Missed), any(Met::Undecided) || any(Met::Unknown)) {
        (true, _) => "bad",
        (false, true) => "amber",
        (false, false) => "good",
    }
}

fn class_of(figure: &Criterion, own: &[&JudgedRequirement<'_>]) -> Option<&'static str> {
    let of: Vec<&JudgedRequirement<'_>> = own.iter().copied().filter(|one| one.is_of(figure)).collect();
    (!of.is_empty()).then(|| worst(&of))
}

fn figure_cell(
    figure: &Criterion,
    group: &Group<'_>,
    entry: &StrategyRepeats<'_>,
    class: Option<&'static str>,
) -> Markup {
    let of = figure.of(entry);
    html! {
        td class=[class] data-value=[of.map(|of| of.value)] title=[of.map(|of| exact(figure, &of))] {
            (of.map_or_else(|| NONE.to_owned(), |of| figure.unit.show(of.value)))
            @if best(group, figure).contains(&entry.label) { span.best { " ★" } }
            @if let Some(margin) = of.and_then(|of| margin(figure, &of)) { small { " " (margin) } }
        }
    }
}

/// Half of the interval, where it is not next to nothing; its ends where half of it says little of where they are.
fn margin(figure: &Criterion, of: &Estimate) -> Option<String> {
    let interval = of.interval?;
    let half = (interval.high - interval.low) / 2.0;
    if half <= of.value.abs() * 0.005 {
        return None;
    }
    if half > of.value.abs() * WIDE {
        let show = |end: f64| figure.unit.show(end.max(0.0));
        return Some(format!("({} to {})", show(interval.low), show(interval.high)));
    }
    Some(match figure.unit {
        // Of a share so many points, and not so many percent of it.
        Unit::Share => format!("± {} points", format::three_digits(half * 100.0)),
        Unit::Micros | Unit::Seconds | Unit::Count | Unit::Ratio | Unit::Bytes | Unit::Money => {
            format!("± {}", figure.unit.show(half))
        }
    })
}

fn exact(figure: &Criterion, of: &Estimate) -> String {
    let interval =
        of.interval.map_or_else(String::new, |of| format!(", 95 % interval {} to {}", of.low, of.high));
    format!("{} = {} {}{interval}, n = {}", figure.name, of.value, figure.unit.word(), of.repeats)
}

fn definitions(figures: &[&Criterion]) -> Markup {
    html! {
        details {
            summary { "What each figure is" }
            dl { @for figure in CRITERIA.iter().filter(|figure| figures.iter().any(|of| of.name == figure.name)) {
                dt { (figure.heading) } dd { (figure.meaning) " In requirements and results.csv: " code { (figure.name) } "." }
            } }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::stats::ConfidenceInterval;

    #[test]
    fn an_interval_as_wide_as_its_value_is_shown_by_its_ends_and_never_reaches_below_nothing() {
        let margin_of = |name: &str, value: f64, low: f64, high: f64| {
            let estimate = Estimate { value, interval: Some(ConfidenceInterval { low, high }), repeats: 3 };
            margin(named(name).unwrap(), &estimate)
        };
        assert_eq!(margin_of("read.p99", 6_000.0, 5_000.0, 7_000.0).as_deref(), Some("± 1 ms"));
        assert_eq!(margin_of("failed", 0.05, 0.04, 0.06).as_deref(), Some("± 1 points"));
        assert_eq!(
            margin_of("read.p99", 83_800.0, -1_000.0, 1_200_000.0).as_deref(),
            Some("(0 ns to 1.2 s)")
        );
        assert_eq!(margin_of("stale_share", 0.001, -0.002, 0.005).as_deref(), Some("(0 % to 0.5 %)"));
        assert_eq!(margin_of("read.p99", 6_000.0, 5_999.0, 6_001.0), None, "that is next to nothing");
    }
}
