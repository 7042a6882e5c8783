//! A chart's sheet: the caption above, room for panels, the legend and notes below.

use super::{Anchor, Canvas, FAINT_INK, INK, Lettering};
use crate::report::group::{BETWEEN, Group};
use crate::report::style::Look;

/// The width of every chart.
pub const WIDTH: f64 = 960.0;
/// What is left free at the sides.
pub const MARGIN: f64 = 24.0;

/// A chart while it is drawn, from top to bottom.
#[derive(Debug)]
pub struct Sheet {
    /// What has been drawn.
    pub canvas: Canvas,
    /// Where the next part begins.
    pub next: f64,
}

/// A strategy in the legend.
#[derive(Debug)]
pub struct LegendEntry {
    /// What it says.
    pub label: String,
    /// How the strategy looks.
    pub look: Look,
}

impl Sheet {
    /// Begins with the caption: what the chart shows, of what run, and how its cells fared.
    #[must_use]
    pub fn new(title: &str, group: &Group<'_>) -> Self {
        let mut sheet = Self { canvas: Canvas { width: WIDTH, ..Canvas::default() }, next: 30.0 };
        sheet.canvas.text((MARGIN, sheet.next), title, Lettering::new(18.0, INK).bold());
        sheet.next += 26.0;
        sheet.parts(&group.facts(), Lettering::new(12.0, INK));
        sheet.parts(&group.status(), Lettering::new(12.0, FAINT_INK));
        sheet.next += 10.0;
        sheet
    }

    /// Writes lines that are broken between parts, as long as no part is wider than the sheet.
    fn parts(&mut self, text: &str, lettering: Lettering) {
        let mut line = String::new();
        for part in text.split(BETWEEN) {
            let longer = if line.is_empty() { part.to_owned() } else { format!("{line}{BETWEEN}{part}") };
            if line.is_empty() || lettering.width(&longer) <= WIDTH - 2.0 * MARGIN {
                line = longer;
            } else {
                self.paragraph(&line, lettering);
                part.clone_into(&mut line);
            }
        }
        self.paragraph(&line, lettering);
    }

    /// Writes lines as wide as the sheet.
    pub fn paragraph(&mut self, text: &str, lettering: Lettering) {
        for line in lettering.wrap(text, WIDTH - 2.0 * MARGIN) {
            self.canvas.text((MARGIN, self.next), line, lettering);
            self.next += lettering.size * 1.5;
        }
    }

    /// Writes the legend under the panels, in as many rows as it needs.
    pub fn legend(&mut self, entries: &[LegendEntry]) {
        let letters = Lettering::new(12.0, INK).held(Anchor::Left);
        let (sample, gap) = (38.0, 26.0);
        let mut x = MARGIN;
        for entry in entries {
            let label = letters.cut(&entry.label, WIDTH - 2.0 * MARGIN - sample);
            let width = sample + 8.0 + letters.width(&label);
            if x > MARGIN && x + width > WIDTH - MARGIN {
                x = MARGIN;
                self.next += 21.0;
            }
            let y = self.next;
            self.canvas.line([(x, y), (x + sample, y)], entry.look.colour, 2.0, entry.look.dash);
            self.canvas.marker((x + sample / 2.0, y), 4.0, entry.look);
            self.canvas.text((x + sample + 8.0, y), label, letters);
            x += width + gap;
        }
        self.next += 26.0;
    }

    /// Says how to read the chart.
    pub fn note(&mut self, text: &str) {
        self.paragraph(text, Lettering::new(11.0, FAINT_INK));
    }

    /// Closes the sheet under what was drawn.
    #[must_use]
    pub fn finish(mut self) -> Canvas {
        self.canvas.height = (self.next + 8.0).ceil();
        self.canvas
    }
}
