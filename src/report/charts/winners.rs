//! Where each strategy wins, over two swept quantities: a field for each pair of values, in the colour of the best strategy.

use plotters::style::{Color, RGBColor};

use crate::model::stats::paired_ratio;
use crate::report::answer::{few_phrases, leaders};
use crate::report::candidates::candidates;
use crate::report::canvas::sheet::{LegendEntry, LegendSample, MARGIN, Sheet, WIDTH};
use crate::report::canvas::{Anchor, Canvas, FAINT_INK, INK, Lettering};
use crate::report::format::{self, three_digits};
use crate::report::group::{Group, StrategyRepeats, quantity};
use crate::report::style::Look;
use crate::results::{Better, Criterion, named};

const ROW: f64 = 34.0;
/// Left of the fields, for the values of the second quantity.
const GUTTER: f64 = 84.0;
const APART: f64 = 20.0;
const OPEN: RGBColor = RGBColor(232, 232, 232);
const LETTERS: f64 = 10.5;

/// What is won, and how it is said.
const FIGURES: [(&str, &str); 2] =
    [("read.p99", "fastest p99 of reads"), ("database.reads_per_op", "fewest database reads")];

/// The groups of a topology by the values of two swept quantities.
struct WinnerMap<'a> {
    topology: &'a str,
    keys: [&'a str; 2],
    /// The values of each quantity as they were written, the least first.
    values: [Vec<&'a str>; 2],
    fields: Vec<WinnerField<'a>>,
}

struct WinnerField<'a> {
    /// The place of its value among those of each quantity.
    at: [usize; 2],
    group: &'a Group<'a>,
}

/// Who is best in a field.
enum Won<'a> {
    /// One strategy, and how many times as good it is as the next, where both are above 0.
    By(&'a StrategyRepeats<'a>, Option<f64>),
    /// The data do not tell the best apart.
    Open,
    /// Fewer than two strategies have the figure.
    Nobody,
}

/// Draws the chart; `None` where fewer than two quantities were swept.
pub(super) fn draw(groups: &[Group<'_>]) -> Option<Canvas> {
    let maps = maps(groups);
    if maps.is_empty() {
        return None;
    }
    let mut sheet = Sheet::of_run("Where each strategy wins", answer(&maps), groups);
    let width = (WIDTH - 2.0 * MARGIN - APART) / FIGURES.len() as f64;
    for map in &maps {
        sheet.heading(&format!("{} by {} on {}", map.keys[1], map.keys[0], map.topology));
        let top = sheet.next + 24.0;
        for (at, (figure, title)) in FIGURES.iter().enumerate() {
            let Some(figure) = named(figure) else { continue };
            let left = MARGIN + at as f64 * (width + APART);
            draw_map(&mut sheet.canvas, map, (figure, title), [left, top, left + width]);
        }
        sheet.next = top + ROW * map.values[1].len() as f64 + 54.0;
    }
    sheet.legend(&legend(&maps));
    sheet.note(
        "In each field stands the best of the strategies that may be proposed, and how many times as good it is as the next. Grey is \
         where no difference is shown. Where other values were swept too, the first of them are drawn.",
    );
    Some(sheet.finish())
}

/// The first two quantities that were swept, on each topology where both have several values.
fn maps<'a>(groups: &'a [Group<'a>]) -> Vec<WinnerMap<'a>> {
    let mut keys: Vec<&str> = Vec::new();
    for (key, _) in groups.iter().flat_map(Group::swept_values) {
        if !keys.contains(&key) {
            keys.push(key);
        }
    }
    let [x, y, ..] = keys[..] else { return Vec::new() };
    let mut topologies: Vec<&str> = Vec::new();
    for group in groups {
        if !topologies.contains(&group.topology) {
            topologies.push(group.topology);
        }
    }
    let maps = topologies.into_iter().map(|topology| map(groups, topology, [x, y]));
    maps.filter(|map| map.values.iter().all(|values| values.len() > 1)).collect()
}

fn map<'a>(groups: &'a [Group<'a>], topology: &'a str, keys: [&'a str; 2]) -> WinnerMap<'a> {
    let value_of = |group: &'a Group<'a>, wanted: &str| {
        group.swept_values().find(|(key, _)| *key == wanted).map(|(_, value)| value)
    };
    let others = |group: &'a Group<'a>| -> Vec<(&str, &str)> {
        group.swept_values().filter(|(key, _)| !keys.contains(key)).collect()
    };
    let of_topology: Vec<&'a Group<'a>> = groups.iter().filter(|group| group.topology == topology).collect();
    let first = of_topology.first().map(|group| others(group)).unwrap_or_default();
    let shown: Vec<&'a Group<'a>> = of_topology.into_iter().filter(|group| others(group) == first).collect();
    let values = keys.map(|key| {
        let mut values: Vec<&str> = Vec::new();
        for value in shown.iter().filter_map(|group| value_of(group, key)) {
            if !values.contains(&value) {
                values.push(value);
            }
        }
        let place = |value: &str| quantity(value).unwrap_or(f64::INFINITY);
        values.sort_by(|a, b| place(a).total_cmp(&place(b)));
        values
    });
    let field = |group: &&'a Group<'a>| {
        let place = |at: usize| {
            let value = value_of(group, keys[at])?;
            values[at].iter().position(|known| *known == value)
        };
        Some(WinnerField { at: [place(0)?, place(1)?], group })
    };
    WinnerMap { topology, keys, fields: shown.iter().filter_map(field).collect(), values }
}

fn won<'a>(group: &'a Group<'a>, figure: &Criterion) -> Won<'a> {
    let entries = candidates(group);
    match leaders(&entries, figure)[..] {
        [] => Won::Nobody,
        [best] => {
            let best = entries[best];
            let value = |entry: &StrategyRepeats<'_>| figure.of(entry).map(|of| of.value);
            let mut others: Vec<(&StrategyRepeats<'_>, f64)> = entries
                .iter()
                .filter(|entry| entry.label != best.label)
                .filter_map(|entry| Some((*entry, value(entry)?)))
                .collect();
            others.sort_by(|a, b| figure.better.order(a.1, b.1));
            let next = others.first().map(|(entry, _)| figure.by_block(entry));
            let margin = next.and_then(|next| {
                let own = figure.by_block(best);
                match figure.better {
                    Better::Lower => paired_ratio(&next, &own),
                    Better::Higher => paired_ratio(&own, &next),
                }
            });
            Won::By(best, margin.map(|margin| margin.estimate))
        }
        [..] => Won::Open,
    }
}

fn draw_map(
    canvas: &mut Canvas,
    map: &WinnerMap<'_>,
    (figure, title): (&Criterion, &str),
    [left, top, right]: [f64; 3],
) {
    canvas.text((left + GUTTER, top - 12.0), title, Lettering::new(12.5, INK).bold());
    let ticks = Lettering::new(11.0, FAINT_INK);
    let width = (right - left - GUTTER) / map.values[0].len() as f64;
    let bottom = top + ROW * map.values[1].len() as f64;
    let middle_of_row = |row: usize| bottom - ROW * (row as f64 + 0.5);
    let middle_of_column = |column: usize| left + GUTTER + width * (column as f64 + 0.5);
    for (row, value) in map.values[1].iter().enumerate() {
        let letters = ticks.held(Anchor::Right);
        canvas.text((left + GUTTER - 8.0, middle_of_row(row)), letters.cut(value, GUTTER - 12.0), letters);
    }
    for (column, value) in map.values[0].iter().enumerate() {
        let letters = ticks.held(Anchor::Middle);
        canvas.text((middle_of_column(column), bottom + 12.0), letters.cut(value, width - 4.0), letters);
    }
    let axis = map.keys[0].rsplit('.').next().unwrap_or(map.keys[0]);
    let centre = f64::midpoint(left + GUTTER, right);
    canvas.text((centre, bottom + 30.0), axis, Lettering::new(12.0, INK).held(Anchor::Middle));
    for field in &map.fields {
        let at = (middle_of_column(field.at[0]), middle_of_row(field.at[1]));
        draw_field(canvas, &won(field.group, figure), at, width);
    }
}

fn draw_field(canvas: &mut Canvas, won: &Won<'_>, (x, y): (f64, f64), width: f64) {
    let corners =
        ((x - width / 2.0 + 1.0, y - ROW / 2.0 + 1.0), (x + width / 2.0 - 1.0, y + ROW / 2.0 - 1.0));
    let letters = Lettering::new(LETTERS, INK).held(Anchor::Middle);
    match won {
        Won::Nobody => {}
        Won::Open => {
            canvas.rectangle(corners.0, corners.1, OPEN);
            let faint = Lettering { colour: FAINT_INK, ..letters };
            canvas.text((x, y), faint.cut("no difference", width - 6.0), faint);
        }
        Won::By(best, margin) => canvas.of_strategy(best.label, |canvas| {
            canvas.rectangle(corners.0, corners.1, best.look.colour.mix(0.3));
            let name_at = if margin.is_some() { y - 7.0 } else { y };
            canvas.text((x, name_at), letters.cut(best.label, width - 6.0), letters);
            if let Some(margin) = margin {
                canvas.text((x, y + 8.0), format!("{} ×", three_digits(*margin)), letters);
            }
        }),
    }
}

/// The strategies that win somewhere.
fn legend(maps: &[WinnerMap<'_>]) -> Vec<LegendEntry> {
    let mut entries: Vec<LegendEntry> = Vec::new();
    let fields = maps.iter().flat_map(|map| &map.fields);
    for (field, (figure, _)) in fields.flat_map(|field| FIGURES.map(|figure| (field, figure))) {
        let Some(Won::By(best, _)) = named(figure).map(|figure| won(field.group, figure)) else { continue };
        if entries.iter().all(|known| known.strategy.as_deref() != Some(best.label)) {
            let look = Look { dash: &[], ..best.look };
            let label = best.label.to_owned();
            entries.push(LegendEntry {
                label,
                look,
                sample: LegendSample::Line,
                strategy: Some(best.label.to_owned()),
            });
        }
    }
    entries
}

/// How often each strategy wins each figure, over all fields.
fn answer(maps: &[WinnerMap<'_>]) -> Option<String> {
    let parts: Vec<String> = FIGURES
        .iter()
        .filter_map(|(figure, what)| {
            let figure = named(figure)?;
            let mut wins: Vec<(&str, usize)> = Vec::new();
            let (mut fields, mut open) = (0, 0);
            for field in maps.iter().flat_map(|map| &map.fields) {
                match won(field.group, figure) {
                    Won::Nobody => continue,
                    Won::Open => open += 1,
                    Won::By(best, _) => match wins.iter_mut().find(|(label, _)| *label == best.label) {
                        Some((_, times)) => *times += 1,
                        None => wins.push((best.label, 1)),
                    },
                }
                fields += 1;
            }
            wins.sort_by(|a, b| b.1.cmp(&a.1).then(a.0.cmp(b.0)));
            let mut named: Vec<String> =
                wins.iter().map(|(label, times)| format!("{} at {times}", format::quoted(label))).collect();
            named.extend((open > 0).then(|| format!("no difference shown at {open}")));
            (fields > 0).then(|| format!("{what}, of {fields} settings: {}", few_phrases(&named)))
        })
        .collect();
    (!parts.is_empty()).then(|| parts.join("; "))
}
