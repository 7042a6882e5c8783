//! The hit rate of the cache over time: each repeat as a thin line, all repeats together as a thick one.

use std::collections::BTreeMap;

use plotters::style::{Color, RGBColor};

use crate::report::answer::{ComparedFigure, winners};
use crate::report::canvas::end_labels::{EndLabel, draw_end_labels, room_for};
use crate::report::canvas::panel::Panel;
use crate::report::canvas::scale::Scale;
use crate::report::canvas::sheet::{LegendEntry, MARGIN, Sheet, WIDTH};
use crate::report::canvas::{Anchor, Canvas, FAINT_INK, INK, Lettering, Weight};
use crate::report::format::three_digits;
use crate::report::group::{Group, StrategyRepeats};
use crate::results::{EventKind, EventRow, Phase, TimeseriesRow};

const HEIGHT: f64 = 340.0;
const WARMUP: RGBColor = RGBColor(240, 240, 240);
const EVENT: RGBColor = RGBColor(130, 130, 130);
/// No more events than this are named, those first that say most; a line without a name would tell nobody anything.
const EVENTS_TO_NAME: usize = 8;
/// Rows of event names above the panel, and the height of one.
const EVENT_ROWS: usize = 4;
pub(super) const EVENT_ROW: f64 = 14.0;

const HIGHEST: &[ComparedFigure] =
    &[ComparedFigure { figure: "hit_rate", wins: "has the highest hit rate", what: "the hit rate" }];

/// Draws the chart; `None` where no cell looked anything up in a cache.
pub(super) fn draw(group: &Group<'_>) -> Option<Canvas> {
    let windows = windows(group);
    let of_cell = |rows: &Vec<&TimeseriesRow>| -> Vec<f64> {
        let least = least_lookups(rows.iter().copied());
        rows.iter().filter_map(|row| rate(row, least)).collect()
    };
    let rates: Vec<f64> = windows.values().flat_map(of_cell).collect();
    if rates.is_empty() {
        return None;
    }
    let several = group.entries.iter().any(|entry| entry.measured.len() > 1);
    let mut sheet = Sheet::new("Hit rate over time", winners(group, HIGHEST), group);
    let events = events(group);
    let y = rate_scale(&rates);
    let begins_above_zero = y.low > 0.0;
    let mut panel = Panel {
        left: MARGIN + 62.0,
        top: 0.0,
        right: WIDTH - MARGIN - room_for(group.entries.len()),
        bottom: 0.0,
        x: time_scale(windows.values().flatten().copied()),
        y: Some(y),
    };
    let names = placed_names(&panel, &events);
    let rows = names.iter().map(|name| name.row + 1).max().unwrap_or(0);
    panel.top = sheet.next + 22.0 + EVENT_ROW * rows as f64;
    panel.bottom = panel.top + HEIGHT;
    draw_warmup(&mut sheet.canvas, &panel);
    let y_name = if begins_above_zero { "hit rate (%), not from zero" } else { "hit rate (%)" };
    panel.draw_axes(&mut sheet.canvas, "time since measuring began (s)", y_name);
    draw_events(&mut sheet.canvas, &panel, &events, (&names, NamesAbove::Here));
    for entry in &group.entries {
        sheet.canvas.of_strategy(entry.label, |canvas| draw_prediction(canvas, &panel, entry));
    }
    let mut ends = Vec::new();
    for entry in &group.entries {
        sheet.canvas.of_strategy(entry.label, |canvas| {
            let end = draw_entry(canvas, &panel, entry, &windows);
            ends.extend(end.map(|at| EndLabel { strategy: entry.label, at, colour: entry.look.colour }));
        });
    }
    draw_end_labels(&mut sheet.canvas, ends, panel.right, (panel.top, panel.bottom));
    sheet.next = panel.bottom + 62.0;
    sheet.legend(&legend(group, &windows));
    let predicted = group.entries.iter().any(|entry| prediction(entry).is_some());
    sheet.note(&note(several, predicted));
    Some(sheet.finish())
}

/// Returns what theory expects of an entry's hit rate, from low to high, in percent.
fn prediction(entry: &StrategyRepeats<'_>) -> Option<(f64, f64)> {
    let row = entry.measured.iter().find(|row| row.predicted.predicted_hit_rate.is_some())?;
    Some((row.predicted.predicted_hit_rate_low? * 100.0, row.predicted.predicted_hit_rate_high? * 100.0))
}

/// A thin line for a value, two for the ends of a band.
fn draw_prediction(canvas: &mut Canvas, panel: &Panel, entry: &StrategyRepeats<'_>) {
    let Some((low, high)) = prediction(entry) else { return };
    let scale = panel.y.as_ref();
    let ends = if high - low < 0.01 { vec![high] } else { vec![low, high] };
    for rate in ends.into_iter().filter(|rate| scale.is_none_or(|y| *rate >= y.low && *rate <= y.high)) {
        let (from, to) = (panel.at(0.0, rate).1, panel.right);
        canvas.line([(panel.at_x(0.0), from), (to, from)], entry.look.colour.mix(0.6), 0.75, &[5, 3]);
    }
}

fn note(several_repeats: bool, predicted: bool) -> String {
    let theory = if predicted {
        " Thin dashed level lines are what theory predicts from the configuration, two of them the ends of a band."
    } else {
        ""
    };
    let lines = if several_repeats {
        " Thin lines are single repeats; thick lines count the lookups of all repeats together."
    } else {
        ""
    };
    format!(
        "A hit is a read answered from the cache, known absences included. What falls into the grey warm-up is not part of \
         any other figure. Measured windows with less than a tenth of the reads of most are left out.{lines}{theory}"
    )
}

pub(super) type Windows<'a> = BTreeMap<&'a str, Vec<&'a TimeseriesRow>>;

/// The windows of the group's cells, in order of time.
pub(super) fn windows<'a>(group: &Group<'a>) -> Windows<'a> {
    let mut windows: Windows<'a> = BTreeMap::new();
    for row in group.entries.iter().flat_map(|entry| &entry.measured) {
        windows.insert(&row.cell, Vec::new());
    }
    for row in &group.results.timeseries {
        if let Some(of_cell) = windows.get_mut(row.cell.as_str()) {
            of_cell.push(row);
        }
    }
    for rows in windows.values_mut() {
        rows.sort_by(|a, b| a.start_s.total_cmp(&b.start_s));
    }
    windows
}

/// From 0 to 100 %, or closer around the figures where they would all lie on one line.
pub(super) fn rate_scale(rates: &[f64]) -> Scale {
    let low = rates.iter().copied().fold(f64::INFINITY, f64::min);
    let high = rates.iter().copied().fold(0.0, f64::max);
    if low > 70.0 && high - low < 25.0 {
        let room = ((high - low) * 0.08).max(0.5);
        let mut scale = Scale::even(low - room, (high + room).min(100.0), 5, three_digits);
        scale.high = scale.high.min(100.0);
        return scale;
    }
    Scale::even(0.0, 100.0, 5, three_digits)
}

pub(super) fn time_scale<'a>(rows: impl Iterator<Item = &'a TimeseriesRow>) -> Scale {
    let (mut low, mut high) = (0.0_f64, 1e-3_f64);
    for row in rows {
        low = low.min(row.start_s);
        high = high.max(row.start_s + row.length_s);
    }
    Scale::exactly(low, high, 10, three_digits)
}

/// A window's rate stands in the window's middle.
fn point(panel: &Panel, row: &TimeseriesRow, least: u64) -> Option<(f64, f64)> {
    rate(row, least).map(|rate| panel.at(row.start_s + row.length_s / 2.0, rate))
}

/// The hit rate of a window in percent, where it has looked up as much as it takes to be one; of the warm-up always.
fn rate(row: &TimeseriesRow, least: u64) -> Option<f64> {
    let is_enough = row.phase != Phase::Measure || lookups(row) >= least;
    row.answers.hit_rate.filter(|_| is_enough).map(|rate| rate * 100.0)
}

fn lookups(row: &TimeseriesRow) -> u64 {
    let answers = &row.answers;
    answers.hits + answers.negative_hits + answers.misses + answers.bypassed
}

/// A tenth of what half of the measured windows look up. Where a load rests, its last reads come as stragglers: misses, which
/// take longest, and a line would fall to nothing that no cache has done. The warm-up fills the cache at full speed, and says
/// nothing of what is much for the load that is measured.
fn least_lookups<'a>(rows: impl Iterator<Item = &'a TimeseriesRow>) -> u64 {
    let measured = rows.filter(|row| row.phase == Phase::Measure);
    let mut all: Vec<u64> = measured.map(lookups).filter(|lookups| *lookups > 0).collect();
    all.sort_unstable();
    all.get(all.len() / 2).map_or(0, |median| median / 10)
}

/// The parts of a line between windows in which nothing was looked up.
pub(super) fn parts(points: impl Iterator<Item = Option<(f64, f64)>>) -> Vec<Vec<(f64, f64)>> {
    let mut parts = vec![Vec::new()];
    for point in points {
        match (point, parts.last_mut()) {
            (Some(point), Some(part)) => part.push(point),
            _ => parts.push(Vec::new()),
        }
    }
    parts.retain(|part| !part.is_empty());
    parts
}

/// Draws one strategy; returns where its line ends.
fn draw_entry(
    canvas: &mut Canvas,
    panel: &Panel,
    entry: &StrategyRepeats<'_>,
    windows: &Windows<'_>,
) -> Option<(f64, f64)> {
    let repeats = || entry.measured.iter().filter_map(|row| windows.get(row.cell.as_str()));
    let look = entry.look;
    let single = entry.measured.len() == 1;
    for rows in repeats() {
        let least = least_lookups(rows.iter().copied());
        for part in parts(rows.iter().map(|row| point(panel, row, least))) {
            if single {
                canvas.line(part, look.colour, 2.0, look.dash);
            } else {
                canvas.line(part, look.colour.mix(0.35), 1.0, &[]);
            }
        }
    }
    let together = together(repeats());
    let least = least_lookups(together.iter());
    let points: Vec<_> = together.iter().map(|row| point(panel, row, least)).collect();
    if !single {
        for part in parts(points.iter().copied()) {
            canvas.line(part, look.colour, 2.25, look.dash);
        }
    }
    // About eight markers, not at the same windows for every strategy.
    let every = (points.len() / 8).max(1);
    let first = look.marker as usize % every;
    for point in points.iter().skip(first).step_by(every).flatten() {
        canvas.marker(*point, 4.0, look);
    }
    points.iter().rev().flatten().next().copied()
}

/// The measured windows with the lookups of all repeats added up.
fn together<'a>(repeats: impl Iterator<Item = &'a Vec<&'a TimeseriesRow>>) -> Vec<TimeseriesRow> {
    let mut sums: BTreeMap<u64, TimeseriesRow> = BTreeMap::new();
    for row in repeats.flatten().filter(|row| row.phase == Phase::Measure) {
        let sum = sums.entry(row.window).or_insert_with(|| TimeseriesRow {
            phase: Phase::Measure,
            start_s: row.start_s,
            length_s: row.length_s,
            ..TimeseriesRow::default()
        });
        sum.answers.hits += row.answers.hits + row.answers.negative_hits;
        sum.answers.misses += row.answers.misses + row.answers.bypassed;
        let lookups = sum.answers.hits + sum.answers.misses;
        sum.answers.hit_rate = (lookups > 0).then(|| sum.answers.hits as f64 / lookups as f64);
    }
    sums.into_values().collect()
}

fn draw_warmup(canvas: &mut Canvas, panel: &Panel) {
    let end = panel.at_x(0.0);
    let width = end - panel.left;
    if width < 1.0 {
        return;
    }
    canvas.rectangle((panel.left, panel.top), (end, panel.bottom), WARMUP);
    let letters = Lettering::new(11.0, FAINT_INK);
    if letters.width("warm-up") + 8.0 < width {
        let at = (f64::midpoint(panel.left, end), panel.top - 10.0);
        canvas.text(at, "warm-up", letters.held(Anchor::Middle));
    }
}

/// Returns the events that happened to the load and to the system under test, once for all cells in which they happened at
/// the same time.
pub(super) fn events<'a>(group: &Group<'a>) -> Vec<&'a EventRow> {
    let cells: Vec<&str> =
        group.entries.iter().flat_map(|entry| &entry.measured).map(|row| row.cell.as_str()).collect();
    let mut events: Vec<&EventRow> = group
        .results
        .events
        .iter()
        .filter(|event| !event.kind.is_bookkeeping() && cells.contains(&event.cell.as_str()))
        .map(|of| &of.row)
        .collect();
    events.sort_by(|a, b| a.at_s.total_cmp(&b.at_s));
    let mut once: Vec<&EventRow> = Vec::new();
    for event in events {
        let known = |other: &&EventRow| {
            (&other.kind, &other.subject) == (&event.kind, &event.subject) && event.at_s - other.at_s < 1.0
        };
        if !once.iter().any(known) {
            once.push(event);
        }
    }
    once
}

/// An event's name with its place above the panel.
pub(super) struct PlacedName {
    pub(super) event: usize,
    text: String,
    left: f64,
    pub(super) row: usize,
}

const EVENT_NAMES: Lettering =
    Lettering { size: 11.0, colour: INK, weight: Weight::Regular, anchor: Anchor::Left };

/// How much an event says of what is seen in a chart, the most first.
fn weight(kind: EventKind) -> u8 {
    match kind {
        EventKind::LoadPhase | EventKind::Fault => 0,
        EventKind::Mended | EventKind::FaultFailed | EventKind::Failover | EventKind::Resharded => 1,
        EventKind::Recovered => 2,
        EventKind::Noticed | EventKind::Reconnected => 3,
        EventKind::StepFailed => 4,
        EventKind::Phase
        | EventKind::Settled
        | EventKind::Unsettled
        | EventKind::Restored
        | EventKind::Drained
        | EventKind::NotDrained => 5,
    }
}

/// The events that are named, those that say most first. Phases that are too many keep lines alone, which the note explains.
fn worth_a_name<'a, 'b>(events: &'a [&'b EventRow]) -> Vec<(usize, &'a &'b EventRow)> {
    let phases = events.iter().filter(|event| event.kind == EventKind::LoadPhase).count();
    let mut named: Vec<_> = events.iter().enumerate().collect();
    named.retain(|(_, event)| event.kind != EventKind::LoadPhase || phases <= EVENTS_TO_NAME);
    named.sort_by_key(|(_, event)| weight(event.kind));
    named.truncate(EVENTS_TO_NAME);
    named
}

/// The names in as few rows as keep them apart; what fits in no row has none.
pub(super) fn placed_names(panel: &Panel, events: &[&EventRow]) -> Vec<PlacedName> {
    let mut rows: [Vec<(f64, f64)>; EVENT_ROWS] = Default::default();
    let mut names = Vec::new();
    for (event, row) in worth_a_name(events) {
        let told = match row.kind {
            EventKind::LoadPhase => row.subject.clone(),
            kind => format!("{kind}: {}", row.subject),
        };
        let text = EVENT_NAMES.cut(told.trim_end_matches(": "), 220.0);
        let width = EVENT_NAMES.width(&text);
        let left = panel.at_x(row.at_s).min(panel.right - width);
        let taken = (left - 8.0, left + width + 8.0);
        let is_free = |row: &Vec<(f64, f64)>| row.iter().all(|(from, to)| *to < taken.0 || taken.1 < *from);
        if let Some(row) = rows.iter().position(is_free) {
            rows[row].push((left, left + width));
            names.push(PlacedName { event, text, left, row });
        }
    }
    names
}

/// A panel with the names of events above it, or one under such a panel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum NamesAbove {
    Here,
    AtTheFirst,
}

/// Draws the lines of the events that have names, and of phases.
pub(super) fn draw_events(
    canvas: &mut Canvas,
    panel: &Panel,
    events: &[&EventRow],
    (names, above): (&[PlacedName], NamesAbove),
) {
    for (at, event) in events.iter().enumerate() {
        let mut top = panel.top;
        let name = names.iter().find(|name| name.event == at);
        if name.is_none() && event.kind != EventKind::LoadPhase {
            continue;
        }
        if let Some(name) = name.filter(|_| above == NamesAbove::Here) {
            // The row just above the panel is that of "warm-up".
            let y = panel.top - 10.0 - EVENT_ROW * (name.row + 1) as f64;
            let is_crossed = |lower: &PlacedName| {
                let x = panel.at_x(event.at_s);
                lower.row < name.row && lower.left < x && x < lower.left + EVENT_NAMES.width(&lower.text)
            };
            // A phase begins at 0, where a line from its name would cross the title of the panel.
            if event.kind != EventKind::LoadPhase && !names.iter().any(is_crossed) {
                top = y + 7.0;
            }
            canvas.text((name.left, y), &name.text, EVENT_NAMES);
        }
        let x = panel.at_x(event.at_s);
        let dash: &'static [u8] = if event.kind == EventKind::LoadPhase { &[] } else { &[2, 3] };
        canvas.line([(x, top), (x, panel.bottom)], EVENT, 1.0, dash);
    }
}

fn legend(group: &Group<'_>, windows: &Windows<'_>) -> Vec<LegendEntry> {
    let looked_up = |entry: &&StrategyRepeats<'_>| {
        entry
            .measured
            .iter()
            .any(|row| windows[row.cell.as_str()].iter().any(|row| row.answers.hit_rate.is_some()))
    };
    group.entries.iter().filter(looked_up).map(LegendEntry::of).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::canvas::Shape;

    fn event(at_s: f64, kind: EventKind, subject: &str) -> EventRow {
        EventRow { at_s, kind, subject: subject.into(), detail: String::new() }
    }

    #[test]
    fn every_dotted_line_has_a_name_and_of_many_events_those_that_say_most_are_named() {
        let mut all = vec![event(4.0, EventKind::Fault, "crash-application")];
        let steps = ["fill", "invalidation", "background", "bypass", "a", "b", "c"];
        all.extend(steps.map(|step| event(8.0, EventKind::StepFailed, step)));
        all.extend([
            event(8.0, EventKind::Fault, "kill"),
            event(10.3, EventKind::Failover, "shard0"),
            event(12.2, EventKind::Mended, "kill"),
        ]);
        let events: Vec<&EventRow> = all.iter().collect();
        let x = Scale::exactly(0.0, 16.0, 10, three_digits);
        let panel = Panel { left: 0.0, top: 100.0, right: 900.0, bottom: 200.0, x, y: None };
        let names = placed_names(&panel, &events);
        let written: Vec<&str> = names.iter().map(|name| name.text.as_str()).collect();
        for told in ["fault: crash-application", "fault: kill", "failover: shard0", "mended: kill"] {
            assert!(written.contains(&told), "{told} in {written:?}");
        }
        let mut canvas = Canvas::default();
        draw_events(&mut canvas, &panel, &events, (&names, NamesAbove::Here));
        let lines = canvas.shapes.iter().filter(|shape| matches!(shape, Shape::Line { .. })).count();
        assert_eq!(lines, names.len());
    }

    #[test]
    fn stragglers_of_a_load_that_rests_are_no_rate_and_an_even_load_is_one_in_every_window() {
        let window = |hits: u64, misses: u64| {
            let mut row = TimeseriesRow { phase: Phase::Measure, ..TimeseriesRow::default() };
            (row.answers.hits, row.answers.misses) = (hits, misses);
            row.answers.hit_rate = (hits + misses > 0).then(|| hits as f64 / (hits + misses) as f64);
            row
        };
        let rates = |rows: &[TimeseriesRow]| -> Vec<Option<f64>> {
            let least = least_lookups(rows.iter());
            rows.iter().map(|row| rate(row, least)).collect()
        };
        let steps = [window(75, 25), window(80, 20), window(0, 3), window(0, 0), window(60, 40)];
        assert_eq!(rates(&steps), [Some(75.0), Some(80.0), None, None, Some(60.0)]);
        assert_eq!(rates(&[window(1, 0), window(0, 1), window(0, 2)]), [Some(100.0), Some(0.0), Some(0.0)]);
        let filling = || TimeseriesRow { phase: Phase::Warmup, ..window(30_000, 10_000) };
        let after_a_long_fill = [filling(), filling(), filling(), window(60, 40), window(80, 20)];
        let expected = [Some(75.0), Some(75.0), Some(75.0), Some(60.0), Some(80.0)];
        assert_eq!(rates(&after_a_long_fill), expected, "a fast fill hides nothing of what is measured");
    }
}
