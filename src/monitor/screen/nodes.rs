//! The table of nodes.

use ratatui::Frame;
use ratatui::layout::{Constraint, Rect};
use ratatui::style::{Color, Style};
use ratatui::widgets::{Row, Table, TableState};

use super::show::{bytes, micros, number, or_unknown, percent};
use crate::monitor::sample::{Figures, ServerSample};

/// From here on there is room for every column.
const WIDE: u16 = 120;

/// Draws a line for each node; `now` gives the newest figures of one.
pub fn draw(
    frame: &mut Frame<'_>,
    area: Rect,
    samples: &[ServerSample],
    chosen: Option<usize>,
    now: impl Fn(&str) -> Figures,
) {
    let is_wide = area.width >= WIDE;
    let title = format!("node ({})", samples.len());
    let mut names = vec![title.as_str(), "role", "state", "hit rate", "cmd/s", "server", "memory", "evict/s"];
    let mut widths = vec![Constraint::Min(15)];
    widths.extend([7, 9, 8, 7, 8, 9, 7].map(Constraint::Length));
    if is_wide {
        names.extend(["trip", "keys", "clients", "lag", "reason"]);
        widths.extend([9, 7, 7, 9].map(Constraint::Length));
        widths.push(Constraint::Fill(2));
    }
    let rows = samples.iter().map(|sample| {
        let figures = now(&sample.node);
        let mut cells = narrow(sample, &figures);
        if is_wide {
            cells.extend(wide(sample, &figures));
        }
        let style = match sample.state() {
            "lost" => Style::new().fg(Color::Red),
            "up" | "first" => Style::new(),
            _ => Style::new().fg(Color::Yellow),
        };
        Row::new(cells).style(style)
    });
    let table = Table::new(rows, widths)
        .header(Row::new(names).style(Style::new().dim()))
        .row_highlight_style(Style::new().reversed());
    let mut state = TableState::default().with_selected(chosen);
    frame.render_stateful_widget(table, area, &mut state);
}

fn narrow(sample: &ServerSample, figures: &Figures) -> Vec<String> {
    vec![
        sample.node.clone(),
        sample.role.name().to_owned(),
        sample.state().to_owned(),
        or_unknown(figures.hit_rate, percent),
        or_unknown(figures.commands_per_s, number),
        or_unknown(figures.mean_service_us, micros),
        or_unknown(figures.used_memory_bytes, bytes),
        or_unknown(figures.evicted_per_s, number),
    ]
}

fn wide(sample: &ServerSample, figures: &Figures) -> [String; 5] {
    [
        or_unknown(figures.round_trip_us, micros),
        or_unknown(figures.keys, number),
        or_unknown(figures.clients, number),
        or_unknown(figures.lag_bytes, bytes),
        sample.reason().unwrap_or_default().to_owned(),
    ]
}
