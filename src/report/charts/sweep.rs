//! What a swept value does: for each swept quantity and topology a row of panels with the quantity on x and a line a strategy.

use plotters::style::{Color, RGBColor};

use super::by_strategy::micros_scale;
use super::hit_rate::rate_scale;
use crate::report::answer::few;
use crate::report::candidates::candidates;
use crate::report::canvas::Canvas;
use crate::report::canvas::end_labels::{EndLabel, draw_end_labels, room_for};
use crate::report::canvas::panel::Panel;
use crate::report::canvas::scale::{Scale, Spread, Tick};
use crate::report::canvas::sheet::{LegendEntry, MARGIN, Sheet, WIDTH};
use crate::report::criteria::Estimate;
use crate::report::format::{self, percent, three_digits};
use crate::report::group::{Group, StrategyRepeats, labelled, quantity};
use crate::results::named;

const HEIGHT: f64 = 190.0;
/// Left of each panel, for the labels of its axis.
const GUTTER: f64 = 58.0;
/// From this factor between the least and the most on, an even axis would crowd the small ones.
const FACTOR_FOR_LOG: f64 = 8.0;
/// The hit rate that is asked for where nothing else is.
const TARGET: f64 = 0.9;
const TARGET_LINE: RGBColor = RGBColor(130, 130, 130);
/// More rows than this are left without a sentence.
const ANSWERS: usize = 3;
const HIT_RATE: &str = "hit_rate";

/// One of the panels of a row.
struct Figure {
    /// Its name in `criteria`.
    name: &'static str,
    title: &'static str,
    /// The name of a target of it.
    what: &'static str,
    /// The unit of the axis, as a multiple of the figure's.
    factor: f64,
    scale: fn(&[f64]) -> Scale,
}

const FIGURES: [Figure; 4] = [
    Figure {
        name: "read.p99",
        title: "p99 of reads",
        what: "a p99 of reads",
        factor: 1.0,
        scale: |values| micros_scale(values, 4),
    },
    Figure { name: HIT_RATE, title: "Hit rate (%)", what: "a hit rate", factor: 100.0, scale: rate_scale },
    Figure {
        name: "database.reads_per_op",
        title: "Database reads/op",
        what: "database reads for each answered operation",
        factor: 1.0,
        scale: |values| Scale::even(0.0, most(values).max(0.01), 4, three_digits),
    },
    Figure {
        name: "stale_share",
        title: "Stale reads (%)",
        what: "a share of stale reads",
        factor: 100.0,
        scale: |values| Scale::even(0.0, most(values).max(0.01), 4, three_digits),
    },
];

fn most(values: &[f64]) -> f64 {
    values.iter().copied().fold(0.0, f64::max)
}

/// The groups of one topology that differ in one swept quantity and in nothing else, the least first.
struct Row<'a> {
    key: &'a str,
    topology: &'a str,
    /// The other swept values, as they are shown.
    others: String,
    points: Vec<Point<'a>>,
}

#[derive(Clone, Copy)]
struct Point<'a> {
    x: f64,
    /// The value as it was written.
    text: &'a str,
    group: &'a Group<'a>,
}

/// Draws the chart; `None` where no quantity was swept.
pub(super) fn draw(groups: &[Group<'_>]) -> Option<Canvas> {
    let rows = rows(groups);
    if rows.is_empty() {
        return None;
    }
    let mut sheet = Sheet::of_run("What the swept values do", answers(&rows), groups);
    let figures: Vec<&Figure> = FIGURES.iter().filter(|figure| !values(&rows, figure).is_empty()).collect();
    let room = room_for(rows.iter().map(|row| row.entries().len()).max().unwrap_or(0));
    // Names at the ends of lines need wider panels.
    let columns = if room > 0.0 { figures.len().min(2) } else { figures.len() };
    let width = (WIDTH - 2.0 * MARGIN + 12.0) / columns as f64;
    for row in &rows {
        sheet.heading(&row.name(&rows));
        for (at, figure) in figures.iter().enumerate() {
            if at > 0 && at.is_multiple_of(columns) {
                sheet.next += 24.0 + HEIGHT + 50.0;
            }
            let top = sheet.next + 24.0;
            let left = MARGIN - 12.0 + (at % columns) as f64 * width;
            // One scale for a figure in all rows, so that they can be compared.
            let y = (figure.scale)(&values(&rows, figure));
            let (left, right, bottom) = (left + GUTTER, left + width - 8.0 - room, top + HEIGHT);
            let panel = Panel { left, top, right, bottom, x: row.scale(), y: Some(y) };
            panel.draw_title(&mut sheet.canvas, figure.title);
            panel.draw_axes(&mut sheet.canvas, last_part(row.key), "");
            draw_lines(&mut sheet.canvas, &panel, row, figure);
        }
        sheet.next += 24.0 + HEIGHT + 50.0;
    }
    sheet.next += 8.0;
    sheet.legend(&legend(&rows));
    sheet.note(&note(&rows));
    Some(sheet.finish())
}

/// Each quantity on each topology; of the other swept values those of the first and of the last row.
fn rows<'a>(groups: &'a [Group<'a>]) -> Vec<Row<'a>> {
    let mut keys: Vec<&str> = Vec::new();
    for (key, value) in groups.iter().flat_map(Group::swept_values) {
        if quantity(value).is_some() && !keys.contains(&key) {
            keys.push(key);
        }
    }
    let mut rows: Vec<Row<'a>> = Vec::new();
    for key in keys {
        let mut of_key: Vec<Row<'a>> = Vec::new();
        for group in groups {
            add_point(&mut of_key, key, group);
        }
        of_key.retain(|row| row.points.len() > 1);
        rows.extend(ends_of_others(of_key));
    }
    for row in &mut rows {
        row.points.sort_by(|a, b| a.x.total_cmp(&b.x));
    }
    rows
}

fn add_point<'a>(rows: &mut Vec<Row<'a>>, key: &'a str, group: &'a Group<'a>) {
    let (mut point, mut others) = (None, Vec::new());
    for (other, value) in group.swept_values() {
        if other == key {
            point = quantity(value).map(|x| Point { x, text: value, group });
        } else {
            others.push(format!("{} = {value}", last_part(other)));
        }
    }
    let (Some(point), others) = (point, others.join(", ")) else { return };
    match rows.iter_mut().find(|row| row.topology == group.topology && row.others == others) {
        Some(row) => row.points.push(point),
        None => rows.push(Row { key, topology: group.topology, others, points: vec![point] }),
    }
}

/// Of each topology the first and the last row, so that a sweep of several keys stays readable.
fn ends_of_others(rows: Vec<Row<'_>>) -> Vec<Row<'_>> {
    let places = |topology: &str| {
        let of_topology = rows.iter().enumerate().filter(|(_, row)| row.topology == topology);
        of_topology.map(|(at, _)| at).collect::<Vec<_>>()
    };
    let is_end: Vec<bool> = rows
        .iter()
        .enumerate()
        .map(|(at, row)| {
            let places = places(row.topology);
            places.first() == Some(&at) || places.last() == Some(&at)
        })
        .collect();
    rows.into_iter().zip(is_end).filter(|(_, is_end)| *is_end).map(|(row, _)| row).collect()
}

/// The last part of a dotted key.
fn last_part(key: &str) -> &str {
    key.rsplit('.').next().unwrap_or(key)
}

impl<'a> Row<'a> {
    /// Returns what tells it from the others.
    fn name(&self, all: &[Self]) -> String {
        let several = |differ: fn(&Self, &Self) -> bool| all.iter().any(|other| differ(self, other));
        let mut parts = vec![format!("{} on {}", self.key, self.topology)];
        if !self.others.is_empty() && several(|a, b| a.others != b.others) {
            parts.push(self.others.clone());
        }
        parts.join(", ")
    }

    /// Ticks stand at the swept values, as they were written.
    fn scale(&self) -> Scale {
        let (low, high) = self.ends();
        let spread = if low > 0.0 && high / low >= FACTOR_FOR_LOG { Spread::Log } else { Spread::Even };
        let tick = |point: &Point<'_>| Tick { value: point.x, label: point.text.to_owned() };
        Scale { spread, low, high, ticks: self.points.iter().map(tick).collect() }
    }

    fn ends(&self) -> (f64, f64) {
        let of = |point: Option<&Point<'_>>| point.map_or(0.0, |point| point.x);
        (of(self.points.first()), of(self.points.last()))
    }

    /// What the scenario requires of a figure here, of all strategies; of the hit rate, something is always asked.
    fn target(&self, figure: &str) -> Option<f64> {
        let group = self.points.first()?.group;
        let required = group.results.run.requirements.iter().find(|one| {
            one.criterion == figure
                && one.operation.is_none()
                && one.strategy.is_none()
                && one.topology.as_deref().is_none_or(|topology| topology == self.topology)
        });
        required.map(|one| one.bound).or((figure == HIT_RATE).then_some(TARGET))
    }

    /// The strategies of all groups, in the order in which they are shown.
    fn entries(&self) -> Vec<&'a StrategyRepeats<'a>> {
        let mut entries: Vec<&'a StrategyRepeats<'a>> = Vec::new();
        for entry in self.points.iter().flat_map(|point| &point.group.entries) {
            if entries.iter().all(|known| known.label != entry.label) {
                entries.push(entry);
            }
        }
        entries
    }

    /// One strategy at every value at which it was measured.
    fn of_strategy(&self, label: &str) -> Vec<(Point<'a>, &'a StrategyRepeats<'a>)> {
        let find = |point: &Point<'a>| {
            let group: &'a Group<'a> = point.group;
            Some((*point, group.entries.iter().find(|entry| entry.label == label)?))
        };
        self.points.iter().filter_map(find).collect()
    }
}

/// Every value of a figure, also the predicted ones, as its axis counts.
fn values(rows: &[Row<'_>], figure: &Figure) -> Vec<f64> {
    let entries = || rows.iter().flat_map(|row| &row.points).flat_map(|point| &point.group.entries);
    let measured = entries().filter_map(|entry| Some(named(figure.name)?.of(entry)?.value));
    let mut values: Vec<f64> = measured.collect();
    if figure.name == HIT_RATE && !values.is_empty() {
        values.extend(entries().filter_map(predicted));
    }
    values.iter().map(|value| value * figure.factor).collect()
}

/// The hit rate that theory predicts.
fn predicted(entry: &StrategyRepeats<'_>) -> Option<f64> {
    entry.measured.iter().find_map(|row| row.predicted.predicted_hit_rate)
}

fn draw_lines(canvas: &mut Canvas, panel: &Panel, row: &Row<'_>, figure: &Figure) {
    if let Some(target) = row.target(figure.name) {
        draw_target(canvas, panel, target * figure.factor);
    }
    let mut ends = Vec::new();
    for entry in row.entries() {
        let points = row.of_strategy(entry.label);
        canvas.of_strategy(entry.label, |canvas| {
            if figure.name == HIT_RATE {
                draw_prediction(canvas, panel, entry, &points);
            }
            let end = draw_line(canvas, panel, entry, figure, &points);
            ends.extend(end.map(|at| EndLabel { strategy: entry.label, at, colour: entry.look.colour }));
        });
    }
    draw_end_labels(canvas, ends, panel.right, (panel.top, panel.bottom));
}

fn draw_target(canvas: &mut Canvas, panel: &Panel, target: f64) {
    if panel.y.as_ref().is_some_and(|y| target > y.low && target <= y.high) {
        let y = panel.at(panel.x.low, target).1;
        canvas.line([(panel.left, y), (panel.right, y)], TARGET_LINE, 1.0, &[2, 3]);
    }
}

type Measurements<'a> = [(Point<'a>, &'a StrategyRepeats<'a>)];

fn draw_prediction(
    canvas: &mut Canvas,
    panel: &Panel,
    entry: &StrategyRepeats<'_>,
    points: &Measurements<'_>,
) {
    let at = |(point, entry): &(Point<'_>, &StrategyRepeats<'_>)| {
        predicted(entry).map(|rate| panel.at(point.x, rate * 100.0))
    };
    let line: Vec<_> = points.iter().filter_map(at).collect();
    canvas.line(line, entry.look.colour.mix(0.6), 1.0, &[5, 3]);
}

/// A line through the values, with the interval of each upright; returns where it ends.
fn draw_line(
    canvas: &mut Canvas,
    panel: &Panel,
    entry: &StrategyRepeats<'_>,
    figure: &Figure,
    points: &Measurements<'_>,
) -> Option<(f64, f64)> {
    let criterion = named(figure.name)?;
    let known: Vec<_> =
        points.iter().filter_map(|(point, entry)| Some((point.x, criterion.of(entry)?))).collect();
    let at = |x: f64, value: f64| panel.at(x, value * figure.factor);
    canvas.line(
        known.iter().map(|(x, of)| at(*x, of.value)).collect::<Vec<_>>(),
        entry.look.colour,
        1.75,
        entry.look.dash,
    );
    for (x, of) in &known {
        let x = *x;
        if let Some(interval) = of.interval {
            canvas.line([at(x, interval.low), at(x, interval.high)], entry.look.colour.mix(0.6), 1.0, &[]);
        }
        canvas.marker(at(x, of.value), 3.4, entry.look);
    }
    known.last().map(|(x, of)| at(*x, of.value))
}

/// Each strategy once, with what is to be known of it at any of the values.
fn legend(rows: &[Row<'_>]) -> Vec<LegendEntry> {
    let mut entries: Vec<LegendEntry> = Vec::new();
    let all = || rows.iter().flat_map(|row| &row.points).flat_map(|point| &point.group.entries);
    for entry in rows.iter().flat_map(Row::entries) {
        if entries.iter().all(|known| known.strategy.as_deref() != Some(entry.label)) {
            let of_label: Vec<_> = all().filter(|other| other.label == entry.label).collect();
            let label = labelled(entry.label, &of_label);
            entries.push(LegendEntry { label, ..LegendEntry::of(entry) });
        }
    }
    entries
}

fn note(rows: &[Row<'_>]) -> String {
    let mut entries = rows.iter().flat_map(|row| &row.points).flat_map(|point| &point.group.entries);
    let theory = if entries.any(|entry| predicted(entry).is_some()) {
        " Thin dashed lines are the hit rates that theory predicts."
    } else {
        ""
    };
    let others = if rows.iter().any(|row| !row.others.is_empty()) {
        " Where other values were swept too, the first and the last of them are drawn."
    } else {
        ""
    };
    let mut targets: Vec<String> = Vec::new();
    for figure in &FIGURES {
        let bounds = rows.iter().filter_map(|row| row.target(figure.name));
        for bound in bounds {
            let target = named(figure.name).map(|of| format!("{} of {}", figure.what, of.unit.show(bound)));
            targets.extend(target.filter(|target| !targets.contains(target)));
        }
    }
    format!(
        "Upright lines are 95 % intervals over the repeats; dotted is {}.{theory}{others}",
        format::list(&targets)
    )
}

/// One of the values, and the hit rate there.
#[derive(Debug, Clone, Copy)]
struct RateAt<'a> {
    x: f64,
    text: &'a str,
    /// `None` where the strategy was not measured or may not be proposed.
    rate: Option<Estimate>,
}

impl RateAt<'_> {
    /// By the lower end of its interval; by the rate itself of too few repeats.
    fn reaches(&self, target: f64) -> bool {
        self.rate.is_some_and(|rate| rate.interval.map_or(rate.value, |interval| interval.low) >= target)
    }
}

/// Where a strategy stands to the target.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Reached<'a> {
    /// At this value and every smaller one.
    UpTo(f64, &'a str),
    /// At this value and every larger one.
    From(f64, &'a str),
    /// At every value.
    Everywhere,
}

impl Reached<'_> {
    /// The more, the better: at more values, or with less of the quantity.
    fn rank(self) -> (u8, f64) {
        match self {
            Self::UpTo(x, _) => (0, x),
            Self::From(x, _) => (1, -x),
            Self::Everywhere => (2, 0.0),
        }
    }

    fn is_as_good_as(self, other: Self) -> bool {
        self.rank() == other.rank()
    }
}

/// The answers of the rows, which are named where they are several.
fn answers(rows: &[Row<'_>]) -> Option<String> {
    let answers: Vec<_> = rows.iter().filter_map(|row| Some((row, answer(row)?))).collect();
    match answers.as_slice() {
        [] => None,
        [(_, only)] => Some(only.clone()),
        several => {
            let part = |(row, answer): &(&Row<'_>, String)| format!("{}: {answer}", row.name(rows));
            Some(several.iter().take(ANSWERS).map(part).collect::<Vec<_>>().join(". "))
        }
    }
}

/// Says which of the strategies that may be proposed reach the target at most values, or how near one comes.
fn answer(row: &Row<'_>) -> Option<String> {
    let bound = row.target(HIT_RATE).unwrap_or(TARGET);
    let (key, target) = (row.key, percent(bound));
    let known: Vec<(&str, Vec<RateAt<'_>>)> =
        row.entries().iter().map(|entry| (entry.label, hit_rates(row, entry.label))).collect();
    let known_to_reach: Vec<(&str, Reached<'_>)> =
        known.iter().filter_map(|(label, rates)| Some((*label, reached(rates, bound)?))).collect();
    let best = known_to_reach.iter().map(|(_, how)| *how).max_by(|a, b| {
        let (a, b) = (a.rank(), b.rank());
        a.0.cmp(&b.0).then(a.1.total_cmp(&b.1))
    });
    let Some(best) = best else { return nearest(key, bound, &known) };
    let first: Vec<&str> =
        known_to_reach.iter().filter(|(_, how)| how.is_as_good_as(best)).map(|(label, _)| *label).collect();
    let verb = if first.len() == 1 { "reaches" } else { "reach" };
    let at = match best {
        Reached::Everywhere => format!("at every {key}"),
        Reached::From(_, text) => format!("from {key} = {text} on"),
        Reached::UpTo(_, text) => format!("up to {key} = {text}"),
    };
    let mut rates = known.iter().flat_map(|(_, rates)| rates).filter_map(|at| at.rate);
    let has_intervals = rates.all(|rate| rate.interval.is_some());
    let doubt = if has_intervals { "" } else { ", by too few repeats for an interval" };
    Some(format!("{} {verb} a hit rate of {target} {at}{doubt}", few(&first)))
}

/// The hit rate of a strategy at every value, also where there is none: what is not known is not reached.
fn hit_rates<'a>(row: &Row<'a>, label: &str) -> Vec<RateAt<'a>> {
    let rate = |point: &Point<'a>| {
        let entry = candidates(point.group).into_iter().find(|entry| entry.label == label);
        RateAt { x: point.x, text: point.text, rate: entry.and_then(|entry| named(HIT_RATE)?.of(entry)) }
    };
    row.points.iter().map(rate).collect()
}

fn reached<'a>(rates: &[RateAt<'a>], target: f64) -> Option<Reached<'a>> {
    let is_reached = |rate: &&RateAt<'_>| rate.reaches(target);
    let at_the_start = rates.iter().take_while(is_reached).count();
    let at_the_end = rates.iter().rev().take_while(is_reached).count();
    match rates.iter().filter(is_reached).count() {
        0 => None,
        all if all == rates.len() => Some(Reached::Everywhere),
        some if some == at_the_end => {
            rates.get(rates.len() - some).map(|rate| Reached::From(rate.x, rate.text))
        }
        some if some == at_the_start => rates.get(some - 1).map(|rate| Reached::UpTo(rate.x, rate.text)),
        _ => None,
    }
}

fn nearest(key: &str, target: f64, known: &[(&str, Vec<RateAt<'_>>)]) -> Option<String> {
    let all = known.iter().flat_map(|(label, rates)| {
        rates.iter().filter_map(move |at| Some((*label, at.text, at.rate?.value)))
    });
    let (label, text, best) = all.max_by(|a, b| a.2.total_cmp(&b.2))?;
    Some(format!(
        "no strategy is shown to reach a hit rate of {}; {label} comes nearest, with {} at {key} = {}",
        percent(target),
        percent(best),
        text
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::group::groups;
    use crate::report::made_up::run_of;
    use crate::results::{Answers, Results, Status, SummaryRow};

    #[test]
    fn a_target_is_reached_from_a_value_on_or_up_to_one_and_else_not() {
        let of = |rates: [f64; 3]| {
            let rates: Vec<_> = rates
                .into_iter()
                .zip(["1", "2", "3"])
                .map(|(value, text)| {
                    let rate = Some(Estimate { value, interval: None, repeats: 1 }).filter(|_| value > 0.0);
                    RateAt { x: 0.0, text, rate }
                })
                .collect();
            reached(&rates, TARGET)
        };
        assert_eq!(of([0.5, 0.92, 0.95]), Some(Reached::From(0.0, "2")));
        assert_eq!(of([0.95, 0.92, 0.5]), Some(Reached::UpTo(0.0, "2")));
        assert_eq!(of([0.95, 0.92, 0.91]), Some(Reached::Everywhere));
        assert_eq!(of([0.5, 0.92, 0.5]), None);
        assert_eq!(of([0.5, 0.6, 0.7]), None);
        assert_eq!(of([0.0, 0.92, 0.95]), Some(Reached::From(0.0, "2")), "nothing is known of the first");
    }

    fn at(label: &str, capacity: &str, hits: u64) -> SummaryRow {
        let mut row = run_of(label, 1);
        row.cell = format!("{label}-{capacity}");
        row.swept = format!("cache.capacity={capacity}");
        row.answers = Answers {
            hits,
            misses: 1_000 - hits,
            hit_rate: Some(hits as f64 / 1_000.0),
            ..Answers::default()
        };
        row
    }

    /// The answer and the labels of the legend.
    fn told(summary: Vec<SummaryRow>) -> (String, Vec<String>) {
        let results = Results { summary, ..Results::default() };
        let groups = groups(&results).unwrap();
        let rows = rows(&groups);
        (answers(&rows).unwrap(), legend(&rows).into_iter().map(|entry| entry.label).collect())
    }

    #[test]
    fn how_much_cache_is_enough_is_said_only_of_strategies_that_may_be_proposed() {
        let with = |status: Status, row: SummaryRow| SummaryRow { status, ..row };
        let control = |row: SummaryRow| SummaryRow { control: Some("on_write = \"ignore\"".into()), ..row };
        let (answer, labels) = told(vec![
            at("cache-aside", "10%", 800),
            at("cache-aside", "20%", 950),
            with(Status::Overloaded, at("lease", "10%", 950)),
            with(Status::Impaired, at("lease", "20%", 990)),
            control(at("write-around", "10%", 980)),
            control(at("write-around", "20%", 990)),
        ]);
        assert!(
            answer.starts_with("cache-aside reaches a hit rate of 90 % from cache.capacity = 20% on"),
            "{answer}"
        );
        assert!(labels.contains(&"lease (impaired, overloaded)".to_owned()), "{labels:?}");
    }

    #[test]
    fn a_value_at_which_runs_failed_is_not_one_at_which_the_target_was_reached() {
        let failed = SummaryRow { status: Status::Failed, ..at("cache-aside", "10%", 0) };
        let (answer, _) = told(vec![failed, at("cache-aside", "20%", 950), at("cache-aside", "40%", 990)]);
        assert!(
            answer.starts_with("cache-aside reaches a hit rate of 90 % from cache.capacity = 20% on"),
            "{answer}"
        );
    }
}
