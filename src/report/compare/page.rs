//! A comparison as one page that needs nothing else, in the looks of the report.

use maud::{DOCTYPE, Markup, PreEscaped, html};

use super::{Comparison, RowChange, RunChange};
use crate::base::shown;
use crate::report::decision::Tone;
use crate::report::html::{SCRIPT, STYLE};
use crate::report::judge::{FigureChange, Finding};

/// The page. A control character is no character of HTML, so that a picture stands for it.
#[must_use]
pub fn page(comparison: &Comparison) -> String {
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                title { "Runs compared – hotset" }
                style { (PreEscaped(STYLE)) }
            }
            body {
                main {
                    header {
                        h1 { "Runs compared" }
                        @for warning in comparison.warnings() { p.warning { (warning) } }
                        ul { @for run in &comparison.runs {
                            li { strong { (run.letter) } " " code { (run.source) } " " span.lead { (run.about) } }
                        } }
                        @for change in &comparison.changes { (summary(change)) }
                    }
                    @for change in &comparison.changes { (section(change)) }
                    section {
                        h2 { "How to read this" }
                        @for note in comparison.notes() { p { (note) } }
                    }
                }
                script { (PreEscaped(SCRIPT)) }
            }
        }
    };
    shown::lines(&page.into_string()).into_owned()
}

fn summary(change: &RunChange) -> Markup {
    let found = [(Finding::Worse, Tone::Cost), (Finding::Better, Tone::Gain)].into_iter().flat_map(
        |(finding, tone)| {
            let say = move |sentence: String| (tone, format!("{}: {sentence}", finding.word(change.letter)));
            change.sentences(finding).into_iter().map(say)
        },
    );
    let unmatched = change.unmatched().into_iter().map(|row| (Tone::Doubt, row));
    html! {
        p { strong { (change.summary()) } }
        ul.decision {
            @for (tone, text) in found.chain(unmatched) {
                li class=(tone.word()) { span.sign aria-hidden="true" { (tone.sign()) } (text) }
            }
        }
        @if !change.differences.is_empty() {
            details {
                summary { "What else differs between A and " (change.letter) }
                ul { @for one in &change.differences { li { (one) } } }
            }
        }
    }
}

fn section(change: &RunChange) -> Markup {
    let letter = change.letter;
    let after = letter.to_string();
    html! {
        section id=(letter) {
            h2 { (letter) " against A" }
            @if let Some(with_care) = change.with_care() { p { (with_care) } }
            p { "Click a heading to sort by it." }
            div.wide {
                table.sortable {
                    caption.unseen { "Every figure of every strategy in A and in " (letter) }
                    thead { tr {
                        (heading("strategy", true)) (heading("figure", true))
                        (heading("A", false)) (heading(&after, false)) (heading("ratio", false))
                        (heading("95 % interval", false)) (heading("repeats", true)) (heading("result", true))
                    } }
                    tbody {
                        @for row in &change.rows { @for figure in &row.figures { (line(row, figure, letter)) } }
                    }
                }
            }
        }
    }
}

fn heading(text: &str, is_words: bool) -> Markup {
    html! {
        th scope="col" class=[is_words.then_some("word")] aria-sort="none" { button type="button" { (text) } }
    }
}

fn line(row: &RowChange, figure: &FigureChange, letter: char) -> Markup {
    let [before, after, ratio, interval] = figure.shown();
    let evidence = figure.evidence;
    let class = match figure.finding {
        Finding::Worse => "word bad",
        Finding::Better => "word good",
        Finding::NotShown | Finding::TooFew | Finding::OnlyBefore | Finding::OnlyAfter => "word open",
    };
    html! {
        tr {
            th.word scope="row" { (row.name) }
            td.word title=(figure.figure.meaning) { (figure.figure.heading) }
            td data-value=[figure.before.map(|of| of.value)] { (before) }
            td data-value=[figure.after.map(|of| of.value)] { (after) }
            td data-value=[evidence.and_then(|of| of.ratio)] { (ratio) }
            td data-value=[evidence.and_then(|of| of.interval).map(|of| of.low)] { (interval) }
            td.word { (evidence.map_or(row.pairing, |of| of.pairing).words()) }
            td class=(class) { (figure.finding.word(letter)) }
        }
    }
}
