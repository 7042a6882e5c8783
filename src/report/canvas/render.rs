//! Draws a picture as a PNG file.

use std::path::Path;

use plotters::backend::{BitMapBackend, DrawingBackend};
use plotters::coord::Shift;
use plotters::drawing::{DrawingArea, IntoDrawingArea};
use plotters::element::{Circle, PathElement, Polygon, Text};
use plotters::style::text_anchor::{HPos, Pos, VPos};
use plotters::style::{Color, FontTransform, RGBAColor, ShapeStyle, TextStyle};

use crate::base::shown;

use super::fonts::{FONT_FACTOR, register_fonts};
use super::theme::Theme;
use super::{Anchor, Canvas, Direction, Lettering, Shape};

/// plotters counts in whole pixels; on a finer grid, which is shrunk in the end, curves and edges are smooth.
const FINENESS: u32 = 2;
/// Pixels of a PNG for each pixel of the picture, for dense screens.
const DENSITY: f64 = 2.0;
/// The distance by which plotters' letters must go below where it puts them, in parts of their size, so that capitals
/// and digits stand in the middle.
const DROP: f64 = 0.24;

/// Writes the picture as PNG, with pixels for dense screens.
///
/// # Errors
/// Says what could not be drawn or written.
pub fn png(canvas: &Canvas, path: &Path) -> Result<(), String> {
    let size = ((canvas.width * DENSITY) as u32, (canvas.height.ceil() * DENSITY) as u32);
    png_of_size(canvas, size, Theme::Light, path)
}

/// Writes the picture as PNG in the middle of a given number of pixels, on given paper.
///
/// # Errors
/// Says what could not be drawn or written.
pub fn png_of_size(canvas: &Canvas, size: (u32, u32), theme: Theme, path: &Path) -> Result<(), String> {
    let (width, height) = (size.0 * FINENESS, size.1 * FINENESS);
    let mut fine = vec![255_u8; width as usize * height as usize * 3];
    {
        let area = BitMapBackend::with_buffer(&mut fine, (width, height)).into_drawing_area();
        draw(canvas, &area, &Frame::fitted(canvas, (width, height), theme))?;
        area.present().map_err(|error| error.to_string())?;
    }
    let pixels = shrunk(&fine, width as usize, FINENESS as usize);
    let mut picture = BitMapBackend::new(path, size);
    picture.blit_bitmap((0, 0), size, &pixels).map_err(|error| error.to_string())?;
    picture.present().map_err(|error| error.to_string())
}

/// Where and how the picture lies on the grid.
struct Frame {
    scale: f64,
    left: f64,
    top: f64,
    theme: Theme,
}

impl Frame {
    /// As large as it can be, in the middle.
    fn fitted(canvas: &Canvas, (width, height): (u32, u32), theme: Theme) -> Self {
        let (width, height) = (f64::from(width), f64::from(height));
        let scale = (width / canvas.width).min(height / canvas.height);
        let left = (width - canvas.width * scale) / 2.0;
        let top = (height - canvas.height * scale) / 2.0;
        Self { scale, left, top, theme }
    }

    fn length(&self, length: f64) -> f64 {
        length * self.scale
    }

    fn point(&self, point: (f64, f64)) -> (i32, i32) {
        let x = self.left + self.length(point.0);
        let y = self.top + self.length(point.1);
        (x.round() as i32, y.round() as i32)
    }

    fn points(&self, points: &[(f64, f64)]) -> Vec<(i32, i32)> {
        let mut all: Vec<_> = points.iter().map(|point| self.point(*point)).collect();
        all.dedup();
        all
    }

    fn filled(&self, colour: RGBAColor) -> ShapeStyle {
        self.theme.of(colour).filled()
    }
}

/// The mean of each square of pixels, which smooths the edges.
fn shrunk(fine: &[u8], width: usize, by: usize) -> Vec<u8> {
    let mut pixels = Vec::with_capacity(fine.len() / (by * by));
    for rows in fine.chunks_exact(width * 3 * by) {
        let mut sums = vec![0_u32; width / by * 3];
        for row in rows.chunks_exact(width * 3) {
            for (sum, square) in sums.chunks_exact_mut(3).zip(row.chunks_exact(3 * by)) {
                for pixel in square.chunks_exact(3) {
                    sum[0] += u32::from(pixel[0]);
                    sum[1] += u32::from(pixel[1]);
                    sum[2] += u32::from(pixel[2]);
                }
            }
        }
        pixels.extend(sums.iter().map(|sum| (sum / (by * by) as u32) as u8));
    }
    pixels
}

fn draw<B: DrawingBackend>(
    canvas: &Canvas,
    area: &DrawingArea<B, Shift>,
    frame: &Frame,
) -> Result<(), String> {
    register_fonts();
    area.fill(&frame.theme.paper()).map_err(|error| error.to_string())?;
    canvas.shapes.iter().try_for_each(|shape| draw_shape(shape, area, frame))
}

fn draw_shape<B: DrawingBackend>(
    shape: &Shape,
    area: &DrawingArea<B, Shift>,
    frame: &Frame,
) -> Result<(), String> {
    let drawn = match shape {
        Shape::Line { points, colour, width, dash } => {
            let style = ShapeStyle {
                color: frame.theme.of(*colour),
                filled: false,
                stroke_width: frame.length(*width).round().max(1.0) as u32,
            };
            let strokes = if dash.is_empty() { vec![points.clone()] } else { dashed(points, dash) };
            strokes.iter().try_for_each(|stroke| area.draw(&PathElement::new(frame.points(stroke), style)))
        }
        Shape::Area { points, colour } => {
            area.draw(&Polygon::new(frame.points(points), frame.filled(*colour)))
        }
        Shape::Disc { at, radius, colour } => {
            area.draw(&Circle::new(frame.point(*at), frame.length(*radius) as i32, frame.filled(*colour)))
        }
        Shape::Text { at, text, lettering, direction } => {
            let drop = DROP * lettering.size;
            // Below, for letters that run upwards, is to the right.
            let at = match direction {
                Direction::Across => (at.0, at.1 + drop),
                Direction::Upwards => (at.0 + drop, at.1),
            };
            let style = text_style(*lettering, *direction, frame);
            area.draw(&Text::new(shown::line(text).as_ref(), frame.point(at), style))
        }
    };
    drawn.map_err(|error| error.to_string())
}

fn text_style(lettering: Lettering, direction: Direction, frame: &Frame) -> TextStyle<'static> {
    let horizontal = match lettering.anchor {
        Anchor::Left => HPos::Left,
        Anchor::Middle => HPos::Center,
        Anchor::Right => HPos::Right,
    };
    let transform = match direction {
        Direction::Across => FontTransform::None,
        Direction::Upwards => FontTransform::Rotate270,
    };
    lettering
        .font(frame.length(lettering.size * FONT_FACTOR))
        .transform(transform)
        .color(&frame.theme.of(lettering.colour.into()))
        .pos(Pos::new(horizontal, VPos::Center))
}

/// The strokes of a dashed line, the pattern going on around corners.
fn dashed(points: &[(f64, f64)], dash: &[u8]) -> Vec<Vec<(f64, f64)>> {
    let mut strokes = Vec::new();
    let mut stroke: Vec<(f64, f64)> = points.first().copied().into_iter().collect();
    let mut part = 0;
    let mut left = f64::from(dash[0]);
    for pair in points.windows(2) {
        let (mut from, to) = (pair[0], pair[1]);
        loop {
            let length = (to.0 - from.0).hypot(to.1 - from.1);
            let is_stroke = part % 2 == 0;
            if length < left {
                left -= length;
                if is_stroke {
                    stroke.push(to);
                }
                break;
            }
            let share = left / length;
            from = (from.0 + (to.0 - from.0) * share, from.1 + (to.1 - from.1) * share);
            if is_stroke {
                stroke.push(from);
                strokes.push(std::mem::take(&mut stroke));
            } else {
                stroke = vec![from];
            }
            part = (part + 1) % dash.len();
            left = f64::from(dash[part]);
        }
    }
    strokes.push(stroke);
    strokes.retain(|stroke| stroke.len() > 1);
    strokes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dashes_go_on_around_a_corner_and_leave_their_gaps() {
        let strokes = dashed(&[(0.0, 0.0), (10.0, 0.0), (10.0, 10.0)], &[8, 4]);
        assert_eq!(strokes, [vec![(0.0, 0.0), (8.0, 0.0)], vec![(10.0, 2.0), (10.0, 10.0)],]);
    }

    #[test]
    fn a_pixel_is_the_mean_of_a_square_of_finer_ones() {
        let (black, white) = ([0, 0, 0], [255, 255, 255]);
        let rows = [[black, white, white, white], [white, black, white, white]];
        assert_eq!(shrunk(rows.as_flattened().as_flattened(), 4, 2), [127, 127, 127, 255, 255, 255]);
    }

    #[test]
    fn a_picture_of_other_proportions_stands_in_the_middle() {
        let canvas = Canvas { width: 100.0, height: 50.0, ..Canvas::default() };
        let frame = Frame::fitted(&canvas, (400, 400), Theme::Light);
        assert_eq!((frame.point((0.0, 0.0)), frame.point((100.0, 50.0))), ((0, 100), (400, 300)));
    }
}
