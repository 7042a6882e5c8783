//! A frame with two axes.

use plotters::style::RGBColor;

use super::scale::{Scale, Spread};
use super::{Anchor, Canvas, FAINT_INK, GRID, INK, Lettering};

/// The size of letters on axes.
pub const TICK_SIZE: f64 = 11.0;
const FRAME: RGBColor = RGBColor(120, 120, 120);
const FAINT_GRID: RGBColor = RGBColor(242, 242, 242);

/// A frame with two axes; places are inside the frame.
#[derive(Debug, Clone)]
pub struct Panel {
    /// The frame's left edge.
    pub left: f64,
    /// Its top edge.
    pub top: f64,
    /// Its right edge.
    pub right: f64,
    /// Its bottom edge.
    pub bottom: f64,
    /// From left to right.
    pub x: Scale,
    /// From bottom to top; `None` for rows that the chart places itself.
    pub y: Option<Scale>,
}

impl Panel {
    /// Where a figure lies on the picture, from the left.
    #[must_use]
    pub fn at_x(&self, x: f64) -> f64 {
        self.left + self.x.share(x) * (self.right - self.left)
    }

    /// Where two figures meet on the picture.
    #[must_use]
    pub fn at(&self, x: f64, y: f64) -> (f64, f64) {
        let share = self.y.as_ref().map_or(0.5, |scale| scale.share(y));
        (self.at_x(x), self.bottom - share * (self.bottom - self.top))
    }

    /// Draws grid, ticks and their labels, and the name of each axis, under what the chart draws next.
    pub fn draw_axes(&self, canvas: &mut Canvas, x_name: &str, y_name: &str) {
        self.draw_x(canvas, x_name);
        self.draw_y(canvas, y_name);
        let frame = [
            (self.left, self.top),
            (self.right, self.top),
            (self.right, self.bottom),
            (self.left, self.bottom),
            (self.left, self.top),
        ];
        canvas.line(frame, FRAME, 1.0, &[]);
    }

    /// A bold title over the frame.
    pub fn draw_title(&self, canvas: &mut Canvas, title: &str) {
        canvas.text((self.left, self.top - 12.0), title, Lettering::new(12.5, INK).bold());
    }

    fn draw_x(&self, canvas: &mut Canvas, name: &str) {
        let letters = Lettering::new(TICK_SIZE, FAINT_INK).held(Anchor::Middle);
        let mut free_from = f64::NEG_INFINITY;
        let stride = self.label_stride(letters);
        for (at, tick) in self.x.ticks.iter().enumerate() {
            let x = self.at_x(tick.value);
            let colour = if tick.label.is_empty() { FAINT_GRID } else { GRID };
            canvas.line([(x, self.top), (x, self.bottom)], colour, 1.0, &[]);
            let half = letters.width(&tick.label) / 2.0;
            // A label that would touch the one before is left out; its grid line stays.
            if !tick.label.is_empty() && at.is_multiple_of(stride) && x - half > free_from {
                canvas.line([(x, self.bottom), (x, self.bottom + 4.0)], FRAME, 1.0, &[]);
                canvas.text((x, self.bottom + 14.0), &tick.label, letters);
                free_from = x + half + 6.0;
            }
        }
        let middle = f64::midpoint(self.left, self.right);
        let letters = Lettering::new(12.0, INK).held(Anchor::Middle);
        canvas.text((middle, self.bottom + 33.0), name, letters);
    }

    /// On even axes every second or third label is shown where all would not fit; other axes thin out as they go.
    fn label_stride(&self, letters: Lettering) -> usize {
        let ticks = &self.x.ticks;
        if self.x.spread != Spread::Even || ticks.len() < 2 {
            return 1;
        }
        let apart = self.at_x(ticks[1].value) - self.at_x(ticks[0].value);
        let widest = ticks.iter().map(|tick| letters.width(&tick.label)).fold(0.0, f64::max);
        ((widest + 6.0) / apart.max(1.0)).ceil().max(1.0) as usize
    }

    fn draw_y(&self, canvas: &mut Canvas, name: &str) {
        let Some(scale) = &self.y else { return };
        let letters = Lettering::new(TICK_SIZE, FAINT_INK).held(Anchor::Right);
        let mut widest: f64 = 0.0;
        for tick in &scale.ticks {
            let y = self.at(self.x.low, tick.value).1;
            let colour = if tick.label.is_empty() { FAINT_GRID } else { GRID };
            canvas.line([(self.left, y), (self.right, y)], colour, 1.0, &[]);
            if !tick.label.is_empty() {
                canvas.line([(self.left - 4.0, y), (self.left, y)], FRAME, 1.0, &[]);
                canvas.text((self.left - 8.0, y), &tick.label, letters);
                widest = widest.max(letters.width(&tick.label));
            }
        }
        let at = (self.left - widest - 22.0, f64::midpoint(self.top, self.bottom));
        canvas.text_upwards(at, name, Lettering::new(12.0, INK).held(Anchor::Middle));
    }
}
