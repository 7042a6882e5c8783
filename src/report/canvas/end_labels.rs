//! Names at the ends of lines: of many strategies, a legend can no longer be followed by eye.

use plotters::style::{Color, RGBColor};

use super::{Anchor, Canvas, INK, Lettering, Weight};

/// From this many lines on they are named at their ends.
const FROM: usize = 8;
/// The room to the right of a panel for the names.
const ROOM: f64 = 122.0;
const LETTERS: Lettering =
    Lettering { size: 10.0, colour: INK, weight: Weight::Regular, anchor: Anchor::Left };
/// From the middle of one name to that of the next.
const APART: f64 = 11.5;
/// Between the panel and the names, for the lines that tie them to their ends.
const TIE: f64 = 12.0;

/// The end of a line.
#[derive(Debug, Clone)]
pub struct EndLabel<'a> {
    /// The strategy's label.
    pub strategy: &'a str,
    /// Where its line ends.
    pub at: (f64, f64),
    /// Its colour.
    pub colour: RGBColor,
}

/// How much narrower a panel with so many lines is.
#[must_use]
pub fn room_for(lines: usize) -> f64 {
    if lines < FROM { 0.0 } else { ROOM }
}

/// The least height of a panel beside which the names of so many lines stand apart.
#[must_use]
pub fn height_for(lines: usize) -> f64 {
    if lines < FROM { 0.0 } else { APART * lines as f64 }
}

/// Names the lines to the right of a panel between two heights; few lines are left to the legend.
pub fn draw_end_labels(
    canvas: &mut Canvas,
    mut ends: Vec<EndLabel<'_>>,
    right: f64,
    (top, bottom): (f64, f64),
) {
    if ends.len() < FROM {
        return;
    }
    ends.sort_by(|a, b| a.at.1.total_cmp(&b.at.1));
    let heights: Vec<f64> = ends.iter().map(|end| end.at.1).collect();
    for (end, y) in ends.iter().zip(spread(&heights, top, bottom)) {
        let left = right + TIE;
        let name = LETTERS.cut(end.strategy, ROOM - TIE - 6.0);
        canvas.of_strategy(end.strategy, |canvas| {
            canvas.line([end.at, (right, end.at.1), (left - 3.0, y)], end.colour.mix(0.5), 0.75, &[]);
            canvas.text((left, y), name, LETTERS);
        });
    }
}

/// Heights in their order, moved apart so that no name stands over another, as far as there is room.
fn spread(wanted: &[f64], top: f64, bottom: f64) -> Vec<f64> {
    let apart = APART.min((bottom - top) / wanted.len().saturating_sub(1).max(1) as f64);
    let mut placed: Vec<f64> = Vec::new();
    for y in wanted {
        placed.push(placed.last().map_or(y.max(top), |above| y.max(above + apart)));
    }
    let mut below = bottom + apart;
    for y in placed.iter_mut().rev() {
        *y = y.min(below - apart);
        below = *y;
    }
    placed
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_stand_apart_and_within_the_panel_in_the_order_of_their_lines() {
        let placed = spread(&[50.0, 50.0, 51.0, 199.0, 200.0], 0.0, 200.0);
        assert!(placed.windows(2).all(|pair| pair[1] - pair[0] >= APART - 1e-9), "{placed:?}");
        assert!(placed.iter().all(|y| (0.0..=200.0).contains(y)), "{placed:?}");
    }

    #[test]
    fn where_there_is_too_little_room_they_share_it() {
        let placed = spread(&[5.0; 11], 0.0, 50.0);
        assert!(placed.windows(2).all(|pair| (pair[1] - pair[0] - 5.0).abs() < 1e-9), "{placed:?}");
    }
}
