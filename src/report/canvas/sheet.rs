//! A chart's sheet: the caption above, room for panels, the legend and notes below.

use super::{Anchor, Canvas, FAINT_INK, INK, Lettering};
use crate::report::group::{BETWEEN, Group, StrategyRepeats, facts_of_run, status_of_run};
use crate::report::style::Look;

/// The width of every chart.
pub const WIDTH: f64 = 960.0;
/// The width that is left free at the sides.
pub const MARGIN: f64 = 24.0;

/// A chart while it is drawn, from top to bottom.
#[derive(Debug)]
pub struct Sheet {
    /// The drawing so far.
    pub canvas: Canvas,
    /// Where the next part begins.
    pub next: f64,
}

/// A strategy in the legend.
#[derive(Debug)]
pub struct LegendEntry {
    /// The words beside the sample.
    pub label: String,
    /// The look of the strategy.
    pub look: Look,
    /// The form in which that look is drawn.
    pub sample: LegendSample,
    /// The strategy's own label; `None` of what is no strategy.
    pub strategy: Option<String>,
}

/// The forms in which a legend shows a look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say all")]
pub enum LegendSample {
    Line,
    Marker,
    Both,
}

impl LegendEntry {
    /// The entry of a strategy.
    #[must_use]
    pub fn of(entry: &StrategyRepeats<'_>) -> Self {
        Self {
            label: entry.legend_label(),
            look: entry.look,
            sample: LegendSample::Both,
            strategy: Some(entry.label.to_owned()),
        }
    }
}

impl Sheet {
    /// Begins with the caption: what the chart shows, what it answers, of what run, and how its cells fared.
    #[must_use]
    pub fn new(title: &str, answer: Option<String>, group: &Group<'_>) -> Self {
        Self::begin(title, answer, &group.facts(), &group.status())
    }

    /// The same of a chart over several groups.
    #[must_use]
    pub fn of_run(title: &str, answer: Option<String>, groups: &[Group<'_>]) -> Self {
        Self::begin(title, answer, &facts_of_run(groups), &status_of_run(groups))
    }

    /// Begins with a title alone.
    #[must_use]
    pub fn titled(title: &str) -> Self {
        let mut sheet = Self { canvas: Canvas { width: WIDTH, ..Canvas::default() }, next: 30.0 };
        sheet.canvas.text((MARGIN, sheet.next), title, Lettering::new(18.0, INK).bold());
        title.clone_into(&mut sheet.canvas.finding);
        sheet.next += 26.0;
        sheet
    }

    fn begin(title: &str, answer: Option<String>, facts: &str, status: &str) -> Self {
        let mut sheet = Self::titled(title);
        if let Some(answer) = answer.map(|answer| sentence(&answer)) {
            sheet.paragraph(&answer, Lettering::new(14.0, INK));
            sheet.canvas.finding = format!("{title}. {answer}");
            sheet.next += 4.0;
        }
        sheet.parts(facts, Lettering::new(12.0, INK));
        sheet.parts(status, Lettering::new(12.0, FAINT_INK));
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
            let draw = |canvas: &mut Canvas| {
                if entry.sample != LegendSample::Marker {
                    canvas.line([(x, y), (x + sample, y)], entry.look.colour, 2.0, entry.look.dash);
                }
                if entry.sample != LegendSample::Line {
                    canvas.marker((x + sample / 2.0, y), 4.0, entry.look);
                }
                canvas.text((x + sample + 8.0, y), label, letters);
            };
            match &entry.strategy {
                Some(strategy) => self.canvas.of_strategy(strategy, draw),
                None => draw(&mut self.canvas),
            }
            x += width + gap;
        }
        self.next += 26.0;
    }

    /// Says how to read the chart.
    pub fn note(&mut self, text: &str) {
        self.paragraph(text, Lettering::new(11.0, FAINT_INK));
    }

    /// A bold line over the parts below it.
    pub fn heading(&mut self, text: &str) {
        self.next += 8.0;
        self.paragraph(text, Lettering::new(13.0, INK).bold());
    }

    /// Closes the sheet under what was drawn.
    #[must_use]
    pub fn finish(mut self) -> Canvas {
        self.canvas.height = (self.next + 8.0).ceil();
        self.canvas
    }
}

/// A sentence that ends as one.
fn sentence(answer: &str) -> String {
    if answer.ends_with('.') { answer.to_owned() } else { format!("{answer}.") }
}
