//! Widgets that both screens are made of.

use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::{Color, Style, Stylize as _};
use ratatui::text::{Line, Span};
use ratatui::widgets::{Block, Clear, Paragraph, Sparkline, SparklineBar, Wrap};

use super::show::or_unknown;

/// From here on there is room for three panels beside each other.
const WIDE: u16 = 150;

/// A figure over time.
pub struct TimeSeriesPanel<'a> {
    /// The name of the figure.
    pub title: &'a str,
    /// The function that writes a value.
    pub show: fn(f64) -> String,
    /// Beside the newest value, such as a limit.
    pub beside: String,
    /// Its values, the oldest first; `None` where it was not known.
    pub values: Vec<Option<f64>>,
    /// The value of a whole bar; the highest value where there is none.
    pub whole: Option<f64>,
    /// Its colour.
    pub colour: Color,
}

/// Draws panels in rows of two or three.
pub fn panels(frame: &mut Frame<'_>, area: Rect, panels: &[TimeSeriesPanel<'_>]) {
    let columns = if area.width >= WIDE { 3 } else { 2 };
    let rows = panels.len().div_ceil(columns);
    let heights = Layout::vertical(vec![Constraint::Fill(1); rows]).split(area);
    for (row, height) in panels.chunks(columns).zip(heights.iter()) {
        let widths = Layout::horizontal(vec![Constraint::Fill(1); columns]).spacing(2).split(*height);
        for (panel, place) in row.iter().zip(widths.iter()) {
            draw_panel(frame, *place, panel);
        }
    }
}

fn draw_panel(frame: &mut Frame<'_>, area: Rect, panel: &TimeSeriesPanel<'_>) {
    let columns = usize::from(area.width);
    let seen = &panel.values[panel.values.len().saturating_sub(columns)..];
    let known = || seen.iter().flatten().copied();
    let now = or_unknown(panel.values.last().copied().flatten(), panel.show);
    let mut title = vec![Span::from(panel.title.to_owned()), " ".into(), Span::from(now).bold()];
    if !panel.beside.is_empty() {
        title.push(Span::from(format!(" {}", panel.beside)));
    }
    if let (Some(low), Some(high)) = (known().reduce(f64::min), known().reduce(f64::max)) {
        let range = format!("{}…{}", (panel.show)(low), (panel.show)(high));
        let used: usize = title.iter().map(Span::width).sum();
        if used + range.chars().count() < columns {
            title.push(Span::from(" ".repeat(columns - used - range.chars().count())));
            title.push(Span::from(range).dim());
        }
    }
    // A line stays free below, so that a row of full bars is not taken for what is under it.
    let room = u16::from(area.height > 2);
    let [head, body, _] =
        Layout::vertical([Constraint::Length(1), Constraint::Fill(1), Constraint::Length(room)]).areas(area);
    frame.render_widget(Line::from(title), head);
    frame.render_widget(sparkline(seen, columns, panel), body);
}

/// The newest value stands at the right edge, whatever is known of before.
fn sparkline(seen: &[Option<f64>], columns: usize, panel: &TimeSeriesPanel<'_>) -> Sparkline<'static> {
    /// So fine are bars told apart; a bar has eight steps a line.
    const FINE: f64 = 10_000.0;
    let highest = seen.iter().flatten().copied().fold(0.0, f64::max);
    let whole = panel.whole.unwrap_or(highest);
    let scale = if whole > 0.0 { FINE / whole } else { 0.0 };
    let bars = std::iter::repeat_n(None, columns.saturating_sub(seen.len()))
        .chain(seen.iter().map(|value| value.map(|value| (value * scale).clamp(0.0, FINE) as u64)))
        .map(SparklineBar::from);
    Sparkline::default()
        .data(bars.collect::<Vec<_>>())
        .max(FINE as u64)
        .absent_value_symbol(" ")
        .style(Style::new().fg(panel.colour))
}

/// A line of names and values, as many as there is room for.
pub fn facts(frame: &mut Frame<'_>, area: Rect, facts: &[(&str, String)]) {
    let mut spans = Vec::new();
    let mut used = 0;
    for (name, value) in facts {
        let width = name.chars().count() + value.chars().count() + 3;
        if used + width > usize::from(area.width) + 2 {
            break;
        }
        used += width;
        spans.extend([Span::from(format!("{name} ")).dim(), Span::from(value.clone()), "  ".into()]);
    }
    frame.render_widget(Line::from(spans), area);
}

/// The keys, at the foot.
pub fn keys(frame: &mut Frame<'_>, area: Rect, keys: &[(&str, &str)]) {
    let mut spans = Vec::new();
    for (key, meaning) in keys {
        spans.extend([Span::from(format!(" {key} ")).reversed(), Span::from(format!(" {meaning}  "))]);
    }
    frame.render_widget(Line::from(spans), area);
}

/// Counts the lines that texts need at a width, broken anywhere.
#[must_use]
pub fn lines_of(texts: &[String], width: u16) -> u16 {
    let width = usize::from(width.max(1));
    texts.iter().map(|text| text.chars().count().div_ceil(width).max(1) as u16).sum()
}

/// Draws what should be seen, one text below the other; each may take several lines.
pub fn alerts(frame: &mut Frame<'_>, area: Rect, texts: &[String]) {
    let width = usize::from(area.width.max(1));
    let mut lines = texts.iter().flat_map(|text| {
        let letters: Vec<char> = text.chars().collect();
        letters.chunks(width).map(|line| line.iter().collect::<String>()).collect::<Vec<_>>()
    });
    for place in area.rows() {
        if let Some(line) = lines.next() {
            frame.render_widget(Line::from(line).style(Style::new().fg(Color::Yellow)), place);
        }
    }
}

/// A text over the middle of the screen.
pub fn popup(frame: &mut Frame<'_>, title: &str, text: &str) {
    let area = frame.area();
    let width = area.width.saturating_sub(4).min(96);
    let inside = usize::from(width.saturating_sub(4).max(1));
    // Broken between words, a text may need a line more than its letters do.
    let lines = |line: &str| {
        line.chars().count().div_ceil(inside).max(1) + usize::from(line.chars().count() > inside)
    };
    let height = text.lines().map(lines).sum::<usize>() as u16 + 2;
    let height = height.min(area.height.saturating_sub(1));
    let place = area.centered(Constraint::Length(width), Constraint::Length(height));
    frame.render_widget(Clear, place);
    let block =
        Block::bordered().title(format!(" {title} ")).padding(ratatui::widgets::Padding::horizontal(1));
    frame.render_widget(Paragraph::new(text.to_owned()).wrap(Wrap { trim: true }).block(block), place);
}
