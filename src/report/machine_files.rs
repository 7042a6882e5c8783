//! The numbers of the page for machines, and for pull requests: `results.csv`, `requirements.csv`, `summary.json` and
//! `summary.md`.

use std::fmt::Write as _;

use serde::Serialize;
use serde_json::{Map, Value, json};

use super::caveats;
use super::criteria::Estimate;
use super::decision::{self, DecisionPart, FoldedPart};
use super::group::{Group, StrategyRepeats, short_swept};
use super::headline::Headline;
use super::markdown::plain;
use super::requirements::JudgedRequirement;
use crate::results::{CRITERIA, Criterion, Over, Requirement, Results, Unit, named, named_of_operation};

/// One row for each strategy, topology and set of swept values, over its repeats.
pub const RESULTS: &str = "results.csv";
/// One row for each requirement of each of them.
pub const REQUIREMENTS: &str = "requirements.csv";
/// All of it, and the sentences of the decision.
pub const SUMMARY_JSON: &str = "summary.json";
/// The decision and the table, to be pasted.
pub const SUMMARY_MARKDOWN: &str = "summary.md";

/// The database's reads for each answered operation, as a share of those of no cache in the same group.
const SHARE: &str = "database.reads_share_of_no_cache";

/// The version of the form of `summary.json`.
const FORM: u32 = 1;

fn has_interval(criterion: &Criterion) -> bool {
    match criterion.over {
        Over::Percentile(..) | Over::Quotient(..) | Over::Mean => true,
        Over::Sum | Over::Highest => false,
    }
}

/// The text of `results.csv`.
///
/// # Errors
/// Says what could not be written.
pub fn results_csv(groups: &[Group<'_>]) -> Result<Vec<u8>, String> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    let mut header: Vec<String> =
        ["strategy", "topology", "swept", "runs", "status", "guarantee", "observed"]
            .map(str::to_owned)
            .into();
    header.push(SHARE.to_owned());
    for criterion in CRITERIA {
        header.push(criterion.name.to_owned());
        if has_interval(criterion) {
            header.extend([format!("{}_low", criterion.name), format!("{}_high", criterion.name)]);
        }
    }
    writer.write_record(&header).map_err(|error| error.to_string())?;
    for (group, entry) in entries(groups) {
        let verdict = Headline::of(entry);
        let mut row = vec![
            entry.label.to_owned(),
            group.topology.to_owned(),
            group.swept.to_owned(),
            entry.measured.len().to_string(),
            verdict.status_line(),
            guarantee(entry),
            verdict.guarantee,
        ];
        let number = |value: Option<f64>| value.map_or_else(String::new, |value| value.to_string());
        row.push(number(decision::share_of_reference(group, entry)));
        for criterion in CRITERIA {
            let of = criterion.of(entry);
            row.push(number(of.map(|of| of.value)));
            if has_interval(criterion) {
                let interval = of.and_then(|of| of.interval);
                row.extend([number(interval.map(|of| of.low)), number(interval.map(|of| of.high))]);
            }
        }
        writer.write_record(&row).map_err(|error| error.to_string())?;
    }
    writer.into_inner().map_err(|error| error.to_string())
}

fn entries<'a>(groups: &'a [Group<'a>]) -> impl Iterator<Item = (&'a Group<'a>, &'a StrategyRepeats<'a>)> {
    groups.iter().flat_map(|group| group.entries.iter().map(move |entry| (group, entry)))
}

fn guarantee(entry: &StrategyRepeats<'_>) -> String {
    entry.measured.iter().find_map(|row| row.guarantee.clone()).unwrap_or_default()
}

#[derive(Serialize)]
struct RequirementLine<'a> {
    strategy: &'a str,
    topology: &'a str,
    swept: &'a str,
    operation: &'a str,
    criterion: &'a str,
    required: &'a str,
    unit: &'static str,
    value: Option<f64>,
    low: Option<f64>,
    high: Option<f64>,
    repeats: usize,
    verdict: &'static str,
}

impl<'a> RequirementLine<'a> {
    fn of(one: &JudgedRequirement<'a>) -> Self {
        Self {
            strategy: one.strategy,
            topology: one.group.topology,
            swept: one.group.swept,
            operation: one.requirement.operation.as_deref().unwrap_or_default(),
            criterion: &one.requirement.criterion,
            required: &one.requirement.written,
            unit: unit(one.requirement),
            value: one.estimate.map(|of| of.value),
            low: one.estimate.and_then(|of| of.interval).map(|of| of.low),
            high: one.estimate.and_then(|of| of.interval).map(|of| of.high),
            repeats: one.estimate.map_or(0, |of| of.repeats),
            verdict: one.met.word(),
        }
    }
}

/// The unit of the value beside a bound, which may be written in another.
fn unit(requirement: &Requirement) -> &'static str {
    let name = &requirement.criterion;
    let unit = match &requirement.operation {
        Some(_) => named_of_operation(name).map(|figure| figure.unit),
        None => named(name).map(|figure| figure.unit),
    };
    unit.map_or("", Unit::word)
}

/// The text of `requirements.csv`.
///
/// # Errors
/// Says what could not be written.
pub fn requirements_csv(judged: &[JudgedRequirement<'_>]) -> Result<Vec<u8>, String> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    for one in judged {
        writer.serialize(RequirementLine::of(one)).map_err(|error| error.to_string())?;
    }
    writer.into_inner().map_err(|error| error.to_string())
}

/// The text of `summary.json`; `hotset list schema` says its form.
///
/// # Errors
/// Says what could not be written.
pub fn summary_json(
    results: &Results,
    groups: &[Group<'_>],
    judged: &[JudgedRequirement<'_>],
) -> Result<Vec<u8>, String> {
    let run = &results.run;
    let rows: Vec<Value> = entries(groups)
        .map(|(group, entry)| {
            let verdict = Headline::of(entry);
            json!({
                "strategy": entry.label,
                "topology": group.topology,
                "swept": swept(group.swept),
                "runs": entry.measured.len(),
                "failed_runs": entry.failed.len(),
                "status": verdict.status.split('\n').collect::<Vec<_>>(),
                "guarantee": guarantee(entry),
                "observed": verdict.guarantee,
                SHARE: decision::share_of_reference(group, entry),
                "figures": figures(entry),
            })
        })
        .collect();
    let decision: Vec<Value> = decision::of(groups, judged).parts().map(part).collect();
    let requirements: Vec<RequirementLine<'_>> = judged.iter().map(RequirementLine::of).collect();
    let summary = json!({
        "form": FORM,
        "hotset": run.version,
        "scenario": run.name,
        "description": run.description,
        "workload": run.workload,
        "started_utc": run.started_utc,
        "finished_utc": run.finished_utc,
        "seed": run.seed,
        "prices": run.prices,
        "runs": results.summary.len(),
        "runs_planned": run.cells.len(),
        "decision": decision,
        "rows": rows,
        "requirements": requirements,
    });
    let mut text = serde_json::to_vec_pretty(&summary).map_err(|error| error.to_string())?;
    text.push(b'\n');
    Ok(text)
}

fn part(part: &DecisionPart) -> Value {
    let sentence = |one: &decision::Sentence| json!({ "kind": one.tone.word(), "text": one.text });
    json!({ "about": part.heading, "sentences": part.sentences.iter().map(sentence).collect::<Vec<_>>() })
}

fn swept(swept: &str) -> Map<String, Value> {
    let pairs = swept.split(';').filter_map(|part| part.split_once('='));
    pairs.map(|(key, value)| (key.to_owned(), Value::from(value))).collect()
}

fn figures(entry: &StrategyRepeats<'_>) -> Map<String, Value> {
    let known = CRITERIA.iter().filter_map(|criterion| Some((criterion, criterion.of(entry)?)));
    known.map(|(criterion, of)| (criterion.name.to_owned(), figure(&of))).collect()
}

fn figure(of: &Estimate) -> Value {
    match of.interval {
        Some(interval) => {
            json!({ "value": of.value, "low": interval.low, "high": interval.high, "repeats": of.repeats })
        }
        None => json!({ "value": of.value, "repeats": of.repeats }),
    }
}

/// The JSON Schema of `summary.json`.
#[must_use]
pub fn schema() -> String {
    let schema = json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": SUMMARY_JSON,
        "type": "object",
        "required": ["form", "hotset", "scenario", "runs", "decision", "rows", "requirements"],
        "properties": {
            "form": { "const": FORM, "description": "The version of this form." },
            "hotset": text_schema("The version of hotset."),
            "scenario": text_schema("The scenario's name."),
            "description": text_schema("What the scenario asks."),
            "workload": text_schema("The workload in a sentence."),
            "started_utc": text_schema("When the run began, in ISO 8601."),
            "finished_utc": { "type": ["string", "null"], "description": "When it ended; null where it did not." },
            "seed": count_schema("The seed of every random choice."),
            "prices": { "type": ["object", "null"], "description": "The currency and the prices of the scenario; null where it gives none." },
            "runs": count_schema("Runs that have finished."),
            "runs_planned": count_schema("Runs that were planned."),
            "decision": { "type": "array", "items": decision_schema() },
            "rows": { "type": "array", "items": row_schema() },
            "requirements": { "type": "array", "items": requirement_schema() },
        },
        "$defs": { "figure": {
            "type": "object",
            "required": ["value", "repeats"],
            "properties": {
                "value": { "type": "number" },
                "low": { "type": "number", "description": "The lower end of its 95 % interval." },
                "high": { "type": "number", "description": "The upper end of its 95 % interval." },
                "repeats": { "type": "integer", "minimum": 1 },
            },
        } },
    });
    format!("{schema:#}\n")
}

fn text_schema(about: &str) -> Value {
    json!({ "type": "string", "description": about })
}

fn count_schema(about: &str) -> Value {
    json!({ "type": "integer", "minimum": 0, "description": about })
}

fn number_schema() -> Value {
    json!({ "type": ["number", "null"] })
}

fn decision_schema() -> Value {
    json!({
        "type": "object",
        "required": ["about", "sentences"],
        "properties": {
            "about": text_schema("The topology and swept values; empty where there is but one."),
            "sentences": { "type": "array", "items": {
                "type": "object",
                "required": ["kind", "text"],
                "properties": { "kind": { "enum": ["gain", "trade-off", "cost", "doubt"] }, "text": { "type": "string" } },
            } },
        },
    })
}

fn row_schema() -> Value {
    let figure = |criterion: &Criterion| {
        let unit = criterion.unit.word();
        let in_unit = if unit.is_empty() { String::new() } else { format!(" ({unit})") };
        let about = format!("{}{in_unit}", criterion.meaning);
        (criterion.name.to_owned(), json!({ "description": about, "$ref": "#/$defs/figure" }))
    };
    let figures: Map<String, Value> = CRITERIA.iter().map(figure).collect();
    json!({
        "type": "object",
        "required": ["strategy", "topology", "swept", "runs", "status", "figures"],
        "properties": {
            "strategy": text_schema("Its label."),
            "topology": text_schema("Its label."),
            "swept": { "type": "object", "additionalProperties": { "type": "string" } },
            "runs": count_schema("Runs that were measured."),
            "failed_runs": count_schema("Runs that could not be."),
            "status": { "type": "array", "items": { "type": "string" } },
            "guarantee": text_schema("What the strategy promises here."),
            "observed": text_schema("Whether that held."),
            SHARE: number_schema(),
            "figures": { "type": "object", "properties": figures, "additionalProperties": false },
        },
    })
}

fn requirement_schema() -> Value {
    json!({
        "type": "object",
        "required": ["strategy", "topology", "criterion", "required", "verdict"],
        "properties": {
            "strategy": { "type": "string" }, "topology": { "type": "string" }, "swept": { "type": "string" },
            "operation": text_schema("The kind of operation; empty where it is all of them together."),
            "criterion": { "type": "string" }, "required": { "type": "string" },
            "unit": text_schema("The unit of value, low and high; empty of what is only counted."),
            "value": number_schema(), "low": number_schema(), "high": number_schema(),
            "repeats": { "type": "integer" },
            "verdict": { "enum": ["met", "missed", "undecided", "unknown"] },
        },
    })
}

/// The figures of the table in `summary.md`.
const IN_MARKDOWN: [&str; 9] = [
    "read.p50",
    "read.p99",
    "failed",
    "hit_rate",
    "database.reads_per_op",
    "stale_share",
    "lost",
    "at_risk",
    "throughput",
];

/// The text of `summary.md`.
#[must_use]
pub fn summary_markdown(results: &Results, groups: &[Group<'_>], judged: &[JudgedRequirement<'_>]) -> String {
    let run = &results.run;
    // Writing to a string does not fail.
    let mut text = format!("## {}\n\n", plain(&run.name));
    for line in [&run.description, &run.workload] {
        if !line.is_empty() {
            // A description may have several lines.
            let _ = writeln!(text, "{}\n", plain(&line.lines().collect::<Vec<_>>().join(" ")));
        }
    }
    for caveat in caveats::sentences(results) {
        let _ = writeln!(text, "> [!WARNING]\n> {}\n", plain(&caveat));
    }
    let decision = decision::of(groups, judged);
    for part in &decision.first {
        if !part.heading.is_empty() {
            let _ = writeln!(text, "### {}\n", plain(&part.heading));
        }
        for sentence in &part.sentences {
            let _ = writeln!(text, "- {} {}", sentence.tone.sign(), plain(&sentence.text));
        }
        text.push('\n');
    }
    for FoldedPart { in_short, part } in &decision.more {
        let _ = writeln!(text, "**{}**: {}.\n", plain(&part.heading), plain(in_short));
    }
    let requirements = super::nearest::lines(judged, groups.len() > 1);
    if !requirements.is_empty() {
        text += "### Requirements\n\n";
        for line in requirements {
            let _ = writeln!(text, "- {}", plain(&line));
        }
        text.push('\n');
    }
    let criteria: Vec<&Criterion> = IN_MARKDOWN.iter().filter_map(|name| named(name)).collect();
    let swept_too = groups.iter().any(|group| !group.swept.is_empty());
    let mut heading = vec!["strategy", "topology"];
    heading.extend(swept_too.then_some("swept"));
    heading.extend(criteria.iter().map(|criterion| criterion.heading));
    heading.extend(["observed", "status"]);
    let _ = writeln!(text, "| {} |\n|{}", heading.join(" | "), " --- |".repeat(heading.len()));
    for (group, entry) in entries(groups) {
        let verdict = Headline::of(entry);
        let mut row = vec![plain(entry.label), plain(group.topology)];
        row.extend(swept_too.then(|| plain(&short_swept(group.swept, " = ", ", "))));
        row.extend(criteria.iter().map(|criterion| criterion.show(entry)));
        let status = verdict.status_line();
        row.extend([verdict.guarantee, status]);
        let _ = writeln!(text, "| {} |", row.join(" | "));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::group::groups;
    use crate::report::made_up::run_of;
    use crate::report::requirements::judge;

    #[test]
    fn beside_a_value_stands_its_unit_since_its_bound_may_be_written_in_another() {
        let mut row = run_of("cache-aside", 1);
        row.read_response.p99_us = Some(4_100.0);
        let mut results = Results { summary: vec![row], ..Results::default() };
        results.run.requirements =
            vec![Requirement::parse("read.p99", "<5ms").unwrap(), Requirement::parse("lost", "=0").unwrap()];
        let groups = groups(&results).unwrap();
        let written = String::from_utf8(requirements_csv(&judge(&groups)).unwrap()).unwrap();
        let lines: Vec<&str> = written.lines().collect();
        assert!(lines[0].contains(",required,unit,value,"), "{written}");
        assert!(lines[1].contains(",read.p99,<5ms,µs,") && lines[2].contains(",lost,=0,,"), "{written}");
    }

    #[test]
    fn the_summary_says_first_what_makes_its_figures_doubtful_and_mentions_nobody() {
        let mut results = Results { summary: vec![run_of("cache-aside", 1)], ..Results::default() };
        results.run.cells = (1..=35).map(|number| format!("r{number}")).collect();
        results.run.description = "Which one?\n@team \u{1b}[31m".into();
        let groups = groups(&results).unwrap();
        let text = summary_markdown(&results, &groups, &judge(&groups));
        let (before, _) = text.split_once("| strategy |").unwrap();
        assert!(before.contains("Only 1 of 35 runs have finished"), "{text}");
        assert!(before.contains("Which one? &#64;team ␛\\[31m"), "{text}");
    }
}
