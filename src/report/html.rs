//! The whole report in one file that needs nothing else: no script, no font, no network.

use std::fmt::Write as _;

use super::escape::escape;
use super::format;
use super::group::{Group, short_swept};
use super::headline::{Headline, NONE};
use super::ranking;
use super::table::{PageTable, figures, words};
use crate::results::{Results, RunInfo, SummaryRow};

/// A chart on the page.
#[derive(Debug)]
pub struct Picture {
    /// What it shows, for those who do not see it.
    pub alt: &'static str,
    /// The chart as SVG.
    pub svg: String,
}

/// One group with its charts.
#[derive(Debug)]
pub struct Section<'a> {
    /// What is compared.
    pub group: &'a Group<'a>,
    /// Its charts.
    pub pictures: Vec<Picture>,
}

const STYLE: &str = include_str!("report.css");

/// Stands before the number of runs that a page shows, so that it is not replaced by one of fewer.
const RUNS: &str = "<meta name=\"hotset-runs\" content=\"";

/// The number of runs that a page shows; `None` where it does not say.
#[must_use]
pub fn runs_of(page: &str) -> Option<usize> {
    let (_, rest) = page.split_once(RUNS)?;
    rest.split_once('"')?.0.parse().ok()
}

/// The page.
#[must_use]
pub fn page(results: &Results, sections: &[Section<'_>]) -> String {
    let run = &results.run;
    let title = escape(&run.name);
    let mut html = format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"color-scheme\" content=\"light dark\">\n{RUNS}{}\">\n\
         <title>{title} – hotset</title>\n<style>\n{STYLE}</style>\n</head>\n<body>\n<main>\n<h1>{title}</h1>\n",
        results.summary.len()
    );
    html += &lead(results);
    for section in sections {
        html += &section_html(section, sections.len() > 1);
    }
    html += &cells(results);
    html += &measured(results);
    html += &machine(run);
    html += &configuration(run);
    html += "</main>\n</body>\n</html>\n";
    html
}

fn lead(results: &Results) -> String {
    let run = &results.run;
    let (finished, planned) = (results.summary.len(), run.cells.len());
    let cells = if planned > finished {
        format!("{finished} of {planned} runs finished")
    } else {
        format!("{finished} runs")
    };
    let commit = run.commit.as_deref().map(|commit| format!(", commit {commit}")).unwrap_or_default();
    let mut text = format!(
        "<p class=\"lead\">{} · {cells} · seed {} · hotset {}{} ({} profile, optimisation {})</p>\n",
        escape(&format::date(&run.started_utc)),
        run.seed,
        escape(&run.version),
        escape(&commit),
        escape(&run.build.profile),
        escape(&run.build.optimisation),
    );
    if run.build.optimisation == "0" {
        text += "<p class=\"warning\">hotset was built without optimisation: these figures measure hotset more than anything \
                 else. Build it with <code>cargo run --release</code> and run again.</p>\n";
    }
    text
}

fn section_html(section: &Section<'_>, several: bool) -> String {
    let group = section.group;
    let mut html = String::from("<section>\n");
    let swept = short_swept(group.swept, " = ", ", ");
    let name =
        if swept.is_empty() { group.topology.to_owned() } else { format!("{}, {swept}", group.topology) };
    let heading = if several { format!("Results: {name}") } else { "Results".to_owned() };
    let _ = writeln!(html, "<h2>{}</h2>\n<p>{}</p>", escape(&heading), escape(&group.status()));
    html += &headline_table(group);
    let ranking = ranking::sentence(group);
    if !ranking.is_empty() {
        let _ = writeln!(html, "<p>{}</p>", escape(&ranking));
    }
    for picture in &section.pictures {
        let _ = writeln!(
            html,
            "<figure role=\"img\" aria-label=\"{}\">\n{}</figure>",
            escape(picture.alt),
            picture.svg
        );
    }
    html += &super::prediction::section(group);
    html += &super::faults::section(group);
    html += &super::audit::section(group);
    html += &super::operations::section(group);
    html += &super::nodes::section(group);
    html += "</section>\n";
    html
}

fn headline_table(group: &Group<'_>) -> String {
    let mut table = PageTable::new([
        words("strategy"),
        figures("operations/s"),
        figures("hit rate"),
        figures("read p50"),
        figures("read p99"),
        figures("read p99.9"),
        figures("write p99"),
        figures("database reads/op"),
        figures("errors"),
        figures("corrupt reads"),
        words("guarantee"),
        words("status"),
        words("limited by"),
    ]);
    for entry in &group.entries {
        let row = Headline::of(entry);
        table.add(&[
            entry.label.to_owned(),
            row.throughput,
            row.hit_rate,
            row.read_p50,
            row.read_p99,
            row.read_p999,
            row.write_p99,
            row.db_reads_per_op,
            row.errors,
            row.corrupt,
            row.guarantee,
            row.status,
            row.limited_by,
        ]);
    }
    table.html()
}

fn cells(results: &Results) -> String {
    let mut table = PageTable::new([
        figures("#"),
        words("run"),
        words("status"),
        figures("ops/s"),
        figures("offered/s"),
        figures("hit rate"),
        figures("read p99"),
        figures("write p99"),
        words("errors by kind"),
        words("limited by"),
        figures("cores: hotset"),
        figures("cache"),
        figures("database"),
    ]);
    for row in &results.summary {
        table.add(&cell_row(row));
    }
    let table = table.html();
    let reasons = reasons(results);
    format!(
        "<section>\n<h2>Every run</h2>\n<p>In the order in which they ran.</p>\n{table}{reasons}</section>\n"
    )
}

/// Why cells have the status that they have, under the table: a reason is too long for a column.
fn reasons(results: &Results) -> String {
    let mut html = String::new();
    for row in results.summary.iter().filter(|row| !row.reason.is_empty()) {
        let _ = writeln!(html, "<li>{} is {}: {}</li>", escape(&row.cell), row.status, escape(&row.reason));
    }
    if html.is_empty() { html } else { format!("<ul>\n{html}</ul>\n") }
}

fn cell_row(row: &SummaryRow) -> [String; 13] {
    let figure = |value: Option<f64>, show: fn(f64) -> String| value.map_or_else(|| NONE.to_owned(), show);
    let words = |text: Option<&str>| text.filter(|text| !text.is_empty()).unwrap_or(NONE).to_owned();
    let failed = row.status == crate::results::Status::Failed;
    [
        row.position.to_string(),
        row.cell.clone(),
        row.status.to_string(),
        figure((!failed).then_some(row.achieved_per_s), format::count),
        figure(row.offered_per_s, format::count),
        figure(row.answers.hit_rate, format::percent),
        figure(row.read_response.p99_us, format::micros),
        figure(row.write_response.p99_us, format::micros),
        words(Some(&row.errors_by_kind)),
        words(row.limits.limited_by.map(crate::results::LimitedBy::name)),
        figure(row.cores.cpu_hotset_cores, format::three_digits),
        figure(row.cores.cpu_cache_cores, format::three_digits),
        figure(row.cores.cpu_database_cores, format::three_digits),
    ]
}

fn measured(results: &Results) -> String {
    let mut text = String::from(
        "<section>\n<h2>How it was measured</h2>\n<ul>\n\
         <li>Response time runs from when an operation was <em>due</em> until its answer was complete; service time from when \
         it was <em>sent</em>. In an open loop operations are due on a schedule that never waits; in a closed loop one is due when \
         its client became free.</li>\n\
         <li>Percentiles are of merged HdrHistograms of all operations, never averages of percentiles.</li>\n\
         <li>Before measuring, both stores were reset and loaded, and the cache was warmed until its hit rate stopped moving; \
         a cell that never settled says so.</li>\n\
         <li>Cells ran in randomised blocks, one block a repeat, and every strategy was offered the same operations.</li>\n\
         <li>A cell that achieved less than it was offered, or sent late, is <em>saturated</em>; its latencies say how long \
         its queue was.</li>\n\
         <li>With five repeats or more, 95 % intervals of the median come from a bootstrap over the repeats; intervals that \
         overlap show no difference. Fewer repeats are not ranked.</li>\n",
    );
    if let Some(row) = results.summary.iter().find(|row| row.measured_s > 0.0) {
        let window = results.timeseries.first().map_or(1.0, |window| window.length_s);
        let _ = writeln!(
            text,
            "<li>Each run was measured for about {} s in windows of {} s, with {} clients over {} connections of {} instances.</li>",
            format::three_digits(row.measured_s),
            format::three_digits(window),
            row.clients,
            row.connections,
            row.instances,
        );
    }
    text += "</ul>\n</section>\n";
    text
}

fn machine(run: &RunInfo) -> String {
    let mut html = String::from("<section>\n<h2>Where it ran</h2>\n<dl>\n");
    let mut fact = |name: &str, value: &str| {
        let _ = writeln!(html, "<dt>{}</dt><dd>{}</dd>", escape(name), escape(value));
    };
    fact("processor", &format!("{}, {} cores", run.machine.cpu_model, run.machine.cores));
    fact("memory", &format::bytes(run.machine.memory_bytes));
    fact("kernel", &run.machine.kernel);
    fact("open files", &format::count(run.open_file_limit as f64));
    fact("began", &run.started_utc);
    fact("ended", run.finished_utc.as_deref().unwrap_or("not yet, or interrupted"));
    html += "</dl>\n";
    for server in &run.servers {
        let _ = writeln!(
            html,
            "<details><summary>{} {}</summary><pre>{}</pre></details>",
            escape(&server.name),
            escape(&server.version),
            escape(&server.config)
        );
    }
    html += "</section>\n";
    html
}

fn configuration(run: &RunInfo) -> String {
    format!(
        "<section>\n<h2>Configuration</h2>\n<p><code>{}</code></p>\n<p>Scenario <code>{}</code>, digest <code>{}</code>; \
         as it was run, every default filled in:</p>\n<pre>{}</pre>\n</section>\n",
        escape(&run.command.join(" ")),
        escape(&run.scenario_path),
        escape(&run.scenario_digest),
        escape(&run.effective_scenario)
    )
}
