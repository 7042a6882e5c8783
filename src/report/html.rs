//! The whole report in one file that needs nothing else: no font, no network.

use maud::{DOCTYPE, Markup, PreEscaped, html};

use super::decision::{self, DecisionPart, FoldedPart, Sentence};
use super::format;
use super::group::{Group, told};
use super::headline::NONE;
use super::requirements::JudgedRequirement;
use super::table::{PageTable, figures, words};
use super::{beyond, caveats, nearest, requirements, scorecard, side_by_side, watch};
use crate::base::shown;
use crate::results::{EndedBy, LatencyFloor, LimitedBy, Results, RunInfo, Status, SummaryRow, named};

/// A chart on the page.
#[derive(Debug)]
pub struct Picture {
    /// The description for those who do not see it: what it shows and what it answers.
    pub finding: String,
    /// The chart as SVG.
    pub svg: String,
}

impl Picture {
    fn html(&self) -> Markup {
        html! { figure role="img" aria-label=(self.finding) { (PreEscaped(&self.svg)) } }
    }
}

/// Every chart of the page.
#[derive(Debug)]
pub struct Drawings<'a> {
    /// Those over the whole run.
    pub of_run: Vec<&'a Picture>,
    /// Those of each group.
    pub sections: Vec<Section<'a>>,
    /// What is to be said of them.
    pub note: Option<String>,
}

/// One group with its charts.
#[derive(Debug)]
pub struct Section<'a> {
    /// The group that is compared.
    pub group: &'a Group<'a>,
    /// Its charts.
    pub pictures: Vec<&'a Picture>,
}

pub(super) const STYLE: &str = include_str!("report.css");
pub(super) const SCRIPT: &str = include_str!("report.js");

/// The name of the number of runs that a page shows, so that it is not replaced by one of fewer.
const RUNS: &str = "hotset-runs";

/// The number of runs that a page shows; `None` where it does not say.
#[must_use]
pub fn runs_of(page: &str) -> Option<usize> {
    let (_, rest) = page.split_once(&format!("<meta name=\"{RUNS}\" content=\""))?;
    rest.split_once('"')?.0.parse().ok()
}

/// The page. A control character is no character of HTML, so that a picture stands for it.
#[must_use]
pub fn page(results: &Results, groups: &[Group<'_>], drawings: &Drawings<'_>) -> String {
    let Drawings { of_run, sections, note } = drawings;
    let run = &results.run;
    let told = told(groups);
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                meta name=(RUNS) content=(results.summary.len());
                title { (run.name) " – hotset" }
                style { (PreEscaped(STYLE)) }
            }
            body {
                main {
                    (contents(results, groups, of_run, sections))
                    (decision_panel(results, groups))
                    (scorecard::html(groups))
                    (side_by_side::html(groups))
                    (charts_of_run(of_run))
                    @for section in sections { (section_html(section, sections.len() > 1, &told)) }
                    (beyond_this_run(results, groups))
                    (super::failures::section(results))
                    (runs(results))
                    (how(results, note.as_deref()))
                    (machine(run))
                    (configuration(run))
                }
                script { (PreEscaped(SCRIPT)) }
            }
        }
    };
    shown::lines(&page.into_string()).into_owned()
}

/// Draws what was asked, and what the data say to it: all that somebody in a hurry reads.
fn decision_panel(results: &Results, groups: &[Group<'_>]) -> Markup {
    let run = &results.run;
    let judged = requirements::judge(groups);
    let decision = decision::of(groups, &judged);
    html! {
        header #decision {
            h1 { (run.name) }
            @if !run.description.is_empty() { p.question { (run.description) } }
            @if !run.workload.is_empty() { p.workload { (run.workload) } }
            (lead(results))
            @for caveat in caveats::sentences(results) { p.warning { (caveat) } }
            @if let Some(known) = &run.precision { p { "Repeats: " (known.sentence()) "." } }
            (required(&judged, groups.len() > 1))
            @for part in &decision.first { (decision_part(part)) }
            @for folded in &decision.more { (folded_part(folded)) }
            @if decision.parts().any(has_ratio) {
                p.lead { "× is the ratio to no cache in the same block of runs, over all blocks; the quotient of two figures beside it may differ." }
            }
            @if judged.is_empty() { (would_tell_apart(groups)) }
        }
    }
}

/// Draws what the scenario requires, and by whom it is met: in short, and folded away with the figures of those who miss it.
fn required(judged: &[JudgedRequirement<'_>], several: bool) -> Markup {
    let told = requirements::told(judged, several);
    let counts: Vec<&str> = told.iter().map(|one| one.counts.as_str()).collect();
    html! {
        @if let Some(sentence) = nearest::sentence(judged, several) { p.verdict { (sentence) } }
        @if !told.is_empty() {
            details.required {
                summary { "Requirements: " (counts.join(" · ")) }
                ul { @for one in &told { li { (one.line()) } } }
            }
        }
    }
}

fn has_ratio(part: &DecisionPart) -> bool {
    part.sentences.iter().any(|sentence| sentence.text.contains(" × "))
}

/// Draws a part in one line, which opens.
fn folded_part(folded: &FoldedPart) -> Markup {
    html! {
        details {
            summary { strong { (folded.part.heading) } ": " (folded.in_short) }
            (sentences_html(&folded.part.sentences))
        }
    }
}

/// Draws which requirements would tell strategies apart, where there are none.
fn would_tell_apart(groups: &[Group<'_>]) -> Markup {
    let apart = requirements::would_tell_apart(groups);
    html! {
        @if !apart.is_empty() {
            p { "The scenario requires nothing. Requirements that would tell these strategies apart: "
                @for (at, name) in apart.iter().enumerate() { @if at > 0 { ", " } code { (name) } } "." }
        }
    }
}

fn decision_part(part: &DecisionPart) -> Markup {
    html! {
        @if !part.heading.is_empty() { h3 { (part.heading) } }
        (sentences_html(&part.sentences))
    }
}

fn sentences_html(sentences: &[Sentence]) -> Markup {
    html! {
        ul.decision {
            @for sentence in sentences {
                li class=(sentence.tone.word()) {
                    span.sign aria-hidden="true" { (sentence.tone.sign()) }
                    span.unseen { (sentence.tone.word()) ": " }
                    (sentence.text)
                }
            }
        }
    }
}

fn lead(results: &Results) -> Markup {
    let run = &results.run;
    html! {
        p.lead {
            (format::date(&run.started_utc)) " · "
            (results.summary.len()) " runs"
            " · seed " (run.seed) " · hotset " (run.version)
            @if let Some(commit) = &run.commit { ", commit " (commit) }
            " (" (run.build.profile) " profile, optimisation " (run.build.optimisation) ")"
        }
    }
}

fn contents(
    results: &Results,
    groups: &[Group<'_>],
    of_run: &[&Picture],
    sections: &[Section<'_>],
) -> Markup {
    let several = groups.iter().any(|group| group.topology != groups[0].topology);
    html! {
        nav.contents aria-label="Contents" {
            a href="#decision" { "decision" }
            a href="#scorecard" { "scorecard" }
            @if several { a href="#by-topology" { "by topology" } }
            @if !of_run.is_empty() { a href="#charts" { "charts" } }
            @for section in sections {
                a href=(format!("#{}", section.group.anchor())) { (section.group.name()) }
            }
            a href="#beyond" { "beyond this run" }
            @if !results.errors.is_empty() { a href="#failed" { "what failed" } }
            a href="#runs" { "every run" }
            a href="#how" { "how it was measured" }
            a href="#where" { "where it ran" }
            a href="#configuration" { "configuration" }
        }
    }
}

/// What the run leaves open, and what somebody has to look at who decides by it.
fn beyond_this_run(results: &Results, groups: &[Group<'_>]) -> Markup {
    let open = beyond::sentences(results, groups);
    html! {
        section #beyond {
            h2 { "Beyond this run" }
            @if !open.is_empty() {
                p { "Not measured here:" }
                ul { @for sentence in &open { li { (sentence) } } }
            }
            (watch::html(groups))
        }
    }
}

/// The charts over all groups.
fn charts_of_run(pictures: &[&Picture]) -> Markup {
    html! {
        @if !pictures.is_empty() {
            section #charts {
                h2 { "Charts of the whole run" }
                @for picture in pictures { (picture.html()) }
            }
        }
    }
}

/// What is said of a group, unless the decision has said it.
fn said_of(group: &Group<'_>, told: &[&Group<'_>]) -> Markup {
    html! {
        @if told.iter().any(|one| one.anchor() == group.anchor()) {
            p { "What these figures say stands in " a href="#decision" { "the decision" } "." }
        } @else {
            (sentences_html(&decision::sentences(group)))
        }
    }
}

fn section_html(section: &Section<'_>, several: bool, told: &[&Group<'_>]) -> Markup {
    let group = section.group;
    html! {
        section id=(group.anchor()) data-topology=(group.topology) data-swept=(group.swept) {
            h2 { "Results" @if several { ": " (group.name()) } }
            p { (group.status()) }
            @if several { (said_of(group, told)) }
            @for picture in &section.pictures { (picture.html()) }
            (super::prediction::section(group))
            (super::knee::section(group))
            (super::phases::section(group))
            (super::faults::section(group))
            (super::audit::section(group))
            (super::cost::section(group))
            (super::operations::section(group))
            (super::nodes::section(group))
        }
    }
}

fn runs(results: &Results) -> Markup {
    let mut table = PageTable::new(
        "Every run in the order in which it ran",
        [
            figures("#"),
            words("run"),
            words("status"),
            figures("ops/s"),
            figures("offered/s"),
            figures("at once"),
            figures("queued"),
            figures("hit rate"),
            figures("read p50"),
            figures("read p99"),
            figures("write p99"),
            words("errors by kind"),
            words("limited by"),
            figures("cores: hotset"),
            figures("cache"),
            figures("database"),
        ],
    );
    for row in &results.summary {
        table.add_with_hint(&run(row), &row.reason);
    }
    html! {
        section #runs {
            h2 { "Every run" }
            p { "In the order in which they ran. " em { "At once" } " is the most operations of an open loop that were under way at once, and "
                em { "queued" } " the most that were due and waited until fewer were." }
            (table.html())
            (reasons(results))
        }
    }
}

/// Why runs have the status that they have, folded into one line for each reason.
fn reasons(results: &Results) -> Markup {
    let told: Vec<&SummaryRow> = results.summary.iter().filter(|row| !row.reason.is_empty()).collect();
    html! {
        @if !told.is_empty() {
            details {
                summary { "What is said of " (told.len()) " of them" }
                ul { @for row in told { li { (row.cell) " is " (row.status) ": " (row.reason) } } }
            }
        }
    }
}

fn run(row: &SummaryRow) -> [String; 16] {
    let number = |value: Option<f64>, show: fn(f64) -> String| value.map_or_else(|| NONE.to_owned(), show);
    let words = |text: Option<&str>| text.filter(|text| !text.is_empty()).unwrap_or(NONE).to_owned();
    let figure = |name: &str| {
        named(name)
            .and_then(|figure| Some(figure.unit.show((figure.of_row)(row)?)))
            .unwrap_or_else(|| NONE.into())
    };
    let failed = row.status == Status::Failed;
    [
        row.position.to_string(),
        row.cell.clone(),
        row.status.to_string(),
        if failed { NONE.into() } else { figure("throughput") },
        number(row.offered_per_s, format::count),
        number(row.queues.in_flight_max.map(|most| most as f64), format::count),
        number(row.queues.queued_max.map(|most| most as f64), format::count),
        figure("hit_rate"),
        figure("read.p50"),
        figure("read.p99"),
        figure("write.p99"),
        words(Some(&row.errors_by_kind)),
        words(row.limits.limited_by.map(LimitedBy::name)),
        number(row.cores.cpu_hotset_cores, format::three_digits),
        number(row.cores.cpu_cache_cores, format::three_digits),
        number(row.cores.cpu_database_cores, format::three_digits),
    ]
}

fn how(results: &Results, note: Option<&str>) -> Markup {
    let measured = results.summary.iter().find(|row| row.measured_s > 0.0);
    let window = results.timeseries.first().map_or(1.0, |window| window.length_s);
    html! {
        section #how {
            h2 { "How it was measured" }
            ul {
                li { "Response time runs from when an operation was " em { "due" } " until its answer was complete; service time from \
                     when it was " em { "sent" } ". In an open loop operations are due on a schedule that never waits; in a closed \
                     loop one is due when its client became free." }
                li { "Times are of operations that were answered; those that failed are counted apart." }
                li { "A strategy's percentiles are of the merged HdrHistograms of all its repeats, never averages of percentiles." }
                li { "Intervals are 95 % intervals by Student's t over the repeats, of logarithms, and of log odds for shares. Ratios are \
                     taken block by block: within a block every strategy was offered the same operations within the same minutes. \
                     Who is best is said after a correction for all that were compared; a difference that \u{201c}would be seen\u{201d} is one \
                     that four of five such runs would show. A block in which a run was disturbed is left out of times and \
                     throughput for every strategy alike, where three others are left." }
                @if results.run.precision.as_ref().is_some_and(|of| of.ended_by == Some(EndedBy::Precision)) {
                    li { "Repeats ended where an interval happened to be narrow enough. Such a one holds the true value less often than \
                         19 times in 20: as simulated, in 90 % of runs of 3 blocks at least, 92 % of 5 and 94 % of 10." }
                }
                @if measured.is_some_and(|row| row.warmup_s > 0.0) {
                    li { "Before measuring, both stores were reset and loaded, and the cache was warmed until its hit rate stopped moving; a \
                         run that was measured earlier is " em { "warming" } "." }
                } @else {
                    li { "Before measuring, both stores were reset and the database was loaded; the cache was met empty." }
                }
                li { "A run in which the system under test did less than 99 % of what was offered is " em { "overloaded" } "; its latencies \
                     say how long its queue was. One in which this machine or hotset itself sent late is " em { "disturbed" } "; its \
                     slowest answers may be theirs." }
                li { "At risk are writes that were acknowledged and durable nowhere at the end of a window: what a crash at that moment \
                     would have lost, whether one happened or not." }
                @if let Some(note) = note { li { (note) } }
                @if let Some(row) = measured {
                    li { "Each run was measured for about " (format::three_digits(row.measured_s)) " s in windows of "
                         (format::three_digits(window)) " s, with " (row.clients) " clients over " (row.connections)
                         " connections of " (row.instances) " instances." }
                }
            }
        }
    }
}

fn machine(run: &RunInfo) -> Markup {
    let facts = [
        ("processor", format!("{}, {} cores", run.machine.cpu_model, run.machine.cores)),
        ("memory", format::bytes(run.machine.memory_bytes)),
        ("kernel", run.machine.kernel.clone()),
        ("open files", format::count(run.open_file_limit as f64)),
        ("began", run.started_utc.clone()),
        ("ended", run.finished_utc.clone().unwrap_or_else(|| "not yet, or interrupted".into())),
    ];
    html! {
        section #where {
            h2 { "Where it ran" }
            dl { @for (name, value) in &facts { dt { (name) } dd { (value) } } }
            @if !run.latency_floors.is_empty() { (floors(&run.latency_floors)) }
            @for server in &run.servers {
                details {
                    summary { (server.name) " " (server.version) }
                    pre { (server.config) }
                }
            }
        }
    }
}

/// What no strategy adds to a latency, so that nobody takes it for a strategy's own.
fn floors(floors: &[LatencyFloor]) -> Markup {
    let us = format::micros;
    html! {
        p { "Of every latency this much is no strategy's: the clock and hotset around an answer that is there at once, and a PING by one \
            client, which takes the network, the kernel and the server with it. Delays of " code { "[network]" } " come on top." }
        ul {
            @for floor in floors {
                li {
                    (floor.topology) ": at once " (us(floor.at_once_p50_us)) " (p99 " (us(floor.at_once_p99_us)) ")"
                    @if let Some((p50, p99)) = floor.ping_p50_us.zip(floor.ping_p99_us) {
                        ", PING " (us(p50)) " (p99 " (us(p99)) ")"
                    }
                }
            }
        }
    }
}

fn configuration(run: &RunInfo) -> Markup {
    html! {
        section #configuration {
            h2 { "Configuration" }
            p { code { (run.command.join(" ")) } }
            p { "Scenario " code { (run.scenario_path) } ", digest " code { (run.scenario_digest) } "; as it was run:" }
            pre { (run.effective_scenario) }
            @if !run.settings.is_empty() {
                details {
                    summary { "Every setting, those left at their default included" }
                    pre { (run.settings) }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::results::KnownPrecision;

    #[test]
    fn where_repeats_ended_as_soon_as_they_told_enough_it_is_said_how_often_their_intervals_hold() {
        let how_of = |ended_by: EndedBy| {
            let precision = KnownPrecision {
                reached: Some(0.019),
                least_known: "read p50 of cache-aside to no-cache on single".into(),
                asked: 0.02,
                blocks: 4,
                disturbed_blocks: 0,
                ended_by: Some(ended_by),
            };
            let run = RunInfo { precision: Some(precision), ..RunInfo::default() };
            how(&Results { run, ..Results::default() }, None).into_string()
        };
        assert!(how_of(EndedBy::Precision).contains("in 90 % of runs of 3 blocks at least"));
        assert!(!how_of(EndedBy::Repeats).contains("of 3 blocks at least"));
    }
}
