//! A picture as a list of shapes, drawn alike as SVG and as PNG.
//!
//! Charts place every line and letter themselves, in pixels, because that is the only way to promise that nothing
//! overlaps. plotters draws the PNG.

pub mod end_labels;
mod fonts;
pub mod panel;
pub mod render;
pub mod scale;
pub mod sheet;
pub mod svg;
pub mod theme;

use std::collections::BTreeSet;
use std::ops::Range;

use plotters::style::{FontDesc, FontFamily, FontStyle, RGBAColor, RGBColor};

use super::style::{Look, Marker};

/// The colour of text.
pub const INK: RGBColor = RGBColor(34, 34, 34);
/// The colour of text that explains.
pub const FAINT_INK: RGBColor = RGBColor(98, 98, 98);
/// The colour of grid lines.
pub const GRID: RGBColor = RGBColor(226, 226, 226);

/// Where a text is held by its position.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say all")]
pub enum Anchor {
    Left,
    Middle,
    Right,
}

/// The look of a text; its position is the middle of its height.
#[derive(Debug, Clone, Copy)]
pub struct Lettering {
    /// The size of the letters in pixels.
    pub size: f64,
    /// Their colour.
    pub colour: RGBColor,
    /// Their weight.
    pub weight: Weight,
    /// Where the text is held.
    pub anchor: Anchor,
}

/// The weights of letters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say all")]
pub enum Weight {
    Regular,
    Bold,
}

impl Lettering {
    /// Regular letters, held at their left end.
    #[must_use]
    pub fn new(size: f64, colour: RGBColor) -> Self {
        Self { size, colour, weight: Weight::Regular, anchor: Anchor::Left }
    }

    /// The same in bold.
    #[must_use]
    pub fn bold(self) -> Self {
        Self { weight: Weight::Bold, ..self }
    }

    /// The same, held elsewhere.
    #[must_use]
    pub fn held(self, anchor: Anchor) -> Self {
        Self { anchor, ..self }
    }

    /// Returns the width of a text, in pixels.
    #[must_use]
    pub fn width(&self, text: &str) -> f64 {
        fonts::register_fonts();
        // Measured large, because widths come back as whole pixels.
        let scale = 16.0;
        match self.font(self.size * fonts::FONT_FACTOR * scale).box_size(text) {
            Ok((width, _)) => f64::from(width) / scale + self.size * BEYOND_BOX * missing(text) as f64,
            // Wide enough for any font; only the layout is a little loose then.
            Err(_) => text.chars().count() as f64 * self.size * 0.7,
        }
    }

    /// The font in a size of its own. Its style is given at once: changed later, plotters keeps the regular letters.
    pub(super) fn font(&self, size: f64) -> FontDesc<'static> {
        let style = match self.weight {
            Weight::Regular => FontStyle::Normal,
            Weight::Bold => FontStyle::Bold,
        };
        FontDesc::new(FontFamily::SansSerif, size, style)
    }

    /// The text, cut to a width with an ellipsis.
    #[must_use]
    pub fn cut(&self, text: &str, width: f64) -> String {
        if self.width(text) <= width {
            return text.to_owned();
        }
        let mut kept: Vec<char> = text.chars().collect();
        while let Some(_last) = kept.pop() {
            let shorter: String = kept.iter().collect::<String>().trim_end().to_owned() + "…";
            if self.width(&shorter) <= width {
                return shorter;
            }
        }
        "…".into()
    }

    /// The text in lines no wider than this, broken at spaces; a longer word is cut.
    #[must_use]
    pub fn wrap(&self, text: &str, width: f64) -> Vec<String> {
        let mut lines = Vec::new();
        let mut line = String::new();
        for word in text.split(' ') {
            let longer = if line.is_empty() { word.to_owned() } else { format!("{line} {word}") };
            if self.width(&longer) <= width || line.is_empty() {
                line = longer;
            } else {
                lines.push(std::mem::replace(&mut line, word.to_owned()));
            }
        }
        lines.push(line);
        lines.iter().map(|line| self.cut(line.trim(), width)).filter(|line| !line.is_empty()).collect()
    }
}

/// By how much a letter that the font has not is wider, in parts of its size, than the box that stands for it: browsers have it.
const BEYOND_BOX: f64 = 0.4;

fn missing(text: &str) -> usize {
    text.chars().filter(|letter| !fonts::has(*letter)).count()
}

/// Something on a picture, in pixels from its top left corner.
#[derive(Debug, Clone)]
pub enum Shape {
    /// A line through points.
    Line {
        /// Its points.
        points: Vec<(f64, f64)>,
        /// Its colour.
        colour: RGBAColor,
        /// Its width.
        width: f64,
        /// Lengths of strokes and gaps; empty for a solid line.
        dash: &'static [u8],
    },
    /// A filled area.
    Area {
        /// Its corners.
        points: Vec<(f64, f64)>,
        /// Its colour.
        colour: RGBAColor,
    },
    /// A filled circle.
    Disc {
        /// Its middle.
        at: (f64, f64),
        /// Its radius.
        radius: f64,
        /// Its colour.
        colour: RGBAColor,
    },
    /// Words.
    Text {
        /// The middle of their height, where they are held.
        at: (f64, f64),
        /// The words of the text.
        text: String,
        /// The look of the text.
        lettering: Lettering,
        /// Along which way.
        direction: Direction,
    },
}

/// The directions in which a text may run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say all")]
pub enum Direction {
    Across,
    Upwards,
}

/// A picture.
#[derive(Debug, Clone, Default)]
pub struct Canvas {
    /// Its width in pixels.
    pub width: f64,
    /// Its height in pixels.
    pub height: f64,
    /// The shapes on it; later shapes cover earlier ones.
    pub shapes: Vec<Shape>,
    /// The description for those who do not see it: what it shows and what it answers.
    pub finding: String,
    /// The shapes that are a strategy's, in their order.
    owned: Vec<Owned>,
}

/// The shapes of a strategy, by their places in the list.
#[derive(Debug, Clone)]
struct Owned {
    shapes: Range<usize>,
    strategy: String,
}

/// Shapes that follow each other and are of one strategy or of none.
#[derive(Debug, Clone, Copy)]
pub struct ShapeRun<'a> {
    /// The label of the strategy whose they are.
    pub strategy: Option<&'a str>,
    /// The shapes.
    pub shapes: &'a [Shape],
}

impl Canvas {
    /// Draws what is a strategy's, so that a page can single it out; never within what is another's.
    pub fn of_strategy(&mut self, label: &str, draw: impl FnOnce(&mut Self)) {
        let start = self.shapes.len();
        draw(self);
        let shapes = start..self.shapes.len();
        self.owned.push(Owned { shapes, strategy: label.to_owned() });
    }

    /// Every shape in its order, those of one strategy together.
    #[must_use]
    pub fn runs(&self) -> Vec<ShapeRun<'_>> {
        let mut runs = Vec::new();
        let mut next = 0;
        for owned in &self.owned {
            let Range { start, end } = owned.shapes;
            runs.push(ShapeRun { strategy: None, shapes: &self.shapes[next..start] });
            runs.push(ShapeRun { strategy: Some(&owned.strategy), shapes: &self.shapes[start..end] });
            next = end;
        }
        runs.push(ShapeRun { strategy: None, shapes: &self.shapes[next..] });
        runs.retain(|run| !run.shapes.is_empty());
        runs
    }

    /// The letters on it that the font of PNGs has not.
    #[must_use]
    pub fn undrawable(&self) -> BTreeSet<char> {
        let texts = self.shapes.iter().filter_map(|shape| match shape {
            Shape::Text { text, .. } => Some(text),
            Shape::Line { .. } | Shape::Area { .. } | Shape::Disc { .. } => None,
        });
        texts.flat_map(|text| text.chars()).filter(|letter| !fonts::has(*letter)).collect()
    }

    /// Draws a line; one point is none.
    pub fn line(
        &mut self,
        points: impl Into<Vec<(f64, f64)>>,
        colour: impl Into<RGBAColor>,
        width: f64,
        dash: &'static [u8],
    ) {
        let points = points.into();
        if points.len() > 1 {
            self.shapes.push(Shape::Line { points, colour: colour.into(), width, dash });
        }
    }

    /// Fills an area between its corners; two of them are none.
    pub fn area(&mut self, points: impl Into<Vec<(f64, f64)>>, colour: impl Into<RGBAColor>) {
        let points = points.into();
        if points.len() > 2 {
            self.shapes.push(Shape::Area { points, colour: colour.into() });
        }
    }

    /// Fills a rectangle between two corners.
    pub fn rectangle(&mut self, from: (f64, f64), to: (f64, f64), colour: impl Into<RGBAColor>) {
        self.area([from, (to.0, from.1), to, (from.0, to.1)], colour);
    }

    /// Writes a text from left to right.
    pub fn text(&mut self, at: (f64, f64), text: impl Into<String>, lettering: Lettering) {
        self.shapes.push(Shape::Text { at, text: text.into(), lettering, direction: Direction::Across });
    }

    /// Writes a text from bottom to top.
    pub fn text_upwards(&mut self, at: (f64, f64), text: impl Into<String>, lettering: Lettering) {
        self.shapes.push(Shape::Text { at, text: text.into(), lettering, direction: Direction::Upwards });
    }

    /// Draws a strategy's marker; hollow markers are filled with white, so that lines do not show through.
    pub fn marker(&mut self, at: (f64, f64), radius: f64, look: Look) {
        self.shape(at, radius, look.marker, look.colour.into());
        if !look.filled {
            self.shape(at, radius * 0.55, look.marker, RGBColor(255, 255, 255).into());
        }
    }

    fn shape(&mut self, at: (f64, f64), radius: f64, marker: Marker, colour: RGBAColor) {
        let around = |corners: u32, turn: f64, radius: f64| {
            let corner = move |n: u32| {
                let angle = (f64::from(n) / f64::from(corners) + turn) * std::f64::consts::TAU;
                (at.0 + radius * angle.sin(), at.1 - radius * angle.cos())
            };
            (0..corners).map(corner).collect::<Vec<_>>()
        };
        // Radii are chosen so that all markers look equally heavy.
        let points = match marker {
            Marker::Circle => {
                self.shapes.push(Shape::Disc { at, radius, colour });
                return;
            }
            Marker::Square => around(4, 0.125, radius * 1.25),
            Marker::Diamond => around(4, 0.0, radius * 1.3),
            Marker::Triangle => around(3, 0.0, radius * 1.4),
            Marker::TriangleDown => around(3, 0.5, radius * 1.4),
            Marker::Pentagon => around(5, 0.0, radius * 1.2),
            Marker::Star => {
                let (outer, inner) = (around(5, 0.0, radius * 1.5), around(5, 0.1, radius * 0.65));
                outer.into_iter().zip(inner).flat_map(|(a, b)| [a, b]).collect()
            }
        };
        self.shapes.push(Shape::Area { points, colour });
    }
}
