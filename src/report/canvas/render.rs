//! Turns a picture into SVG text or a PNG file.

use std::path::Path;

use plotters::backend::{BitMapBackend, DrawingBackend, SVGBackend};
use plotters::coord::Shift;
use plotters::drawing::{DrawingArea, IntoDrawingArea};
use plotters::element::{Circle, PathElement, Polygon, Text};
use plotters::style::text_anchor::{HPos, Pos, VPos};
use plotters::style::{Color, FontTransform, RGBAColor, ShapeStyle, TextStyle, WHITE};

use crate::base::shown;

use super::fonts::{FONT_FACTOR, register_fonts};
use super::{Anchor, Canvas, Direction, Lettering, Shape};

/// plotters counts in whole pixels; on a grid four times finer, curves are smooth.
const FINENESS: f64 = 4.0;
/// Pixels of a PNG for each pixel of the picture, for dense screens.
const PNG_PIXELS: u32 = 2;
/// How far below where it puts them plotters' letters must go, in parts of their size, so that capitals and digits
/// stand in the middle: as SVG and on bitmaps it measures from different lines.
const SVG_DROP: f64 = 0.08;
const PNG_DROP: f64 = 0.24;

/// The picture as SVG.
///
/// # Errors
/// Says what could not be drawn.
pub fn svg(canvas: &Canvas) -> Result<String, String> {
    let mut text = String::new();
    let size = fine_size(canvas);
    {
        let area = SVGBackend::with_string(&mut text, size).into_drawing_area();
        draw(canvas, &area, SVG_DROP)?;
        area.present().map_err(|error| error.to_string())?;
    }
    // The view box keeps the fine grid; the picture is shown at its own size.
    let fine = format!("width=\"{}\" height=\"{}\"", size.0, size.1);
    let shown = format!("width=\"{:.0}\" height=\"{:.0}\"", canvas.width, canvas.height);
    Ok(text.replacen(&fine, &shown, 1))
}

/// Writes the picture as PNG.
///
/// # Errors
/// Says what could not be drawn or written.
pub fn png(canvas: &Canvas, path: &Path) -> Result<(), String> {
    let (width, height) = fine_size(canvas);
    let mut fine = vec![255_u8; width as usize * height as usize * 3];
    {
        let area = BitMapBackend::with_buffer(&mut fine, (width, height)).into_drawing_area();
        draw(canvas, &area, PNG_DROP)?;
        area.present().map_err(|error| error.to_string())?;
    }
    let shrink = FINENESS as u32 / PNG_PIXELS;
    let size = (width / shrink, height / shrink);
    let pixels = shrunk(&fine, width as usize, shrink as usize);
    let mut picture = BitMapBackend::new(path, size);
    picture.blit_bitmap((0, 0), size, &pixels).map_err(|error| error.to_string())?;
    picture.present().map_err(|error| error.to_string())
}

fn fine_size(canvas: &Canvas) -> (u32, u32) {
    ((canvas.width * FINENESS) as u32, (canvas.height.ceil() * FINENESS) as u32)
}

/// The mean of each square of pixels, which smooths the edges.
fn shrunk(fine: &[u8], width: usize, by: usize) -> Vec<u8> {
    let (columns, rows) = (width / by, fine.len() / 3 / width / by);
    let mut pixels = Vec::with_capacity(columns * rows * 3);
    for row in 0..rows {
        for column in 0..columns {
            for colour in 0..3 {
                let mut sum = 0;
                for y in row * by..(row + 1) * by {
                    for x in column * by..(column + 1) * by {
                        sum += usize::from(fine[(y * width + x) * 3 + colour]);
                    }
                }
                pixels.push((sum / (by * by)) as u8);
            }
        }
    }
    pixels
}

fn draw<B: DrawingBackend>(canvas: &Canvas, area: &DrawingArea<B, Shift>, drop: f64) -> Result<(), String> {
    register_fonts();
    area.fill(&WHITE).map_err(|error| error.to_string())?;
    canvas.shapes.iter().try_for_each(|shape| draw_shape(shape, area, drop))
}

fn draw_shape<B: DrawingBackend>(
    shape: &Shape,
    area: &DrawingArea<B, Shift>,
    drop: f64,
) -> Result<(), String> {
    let drawn = match shape {
        Shape::Line { points, colour, width, dash } => {
            let style = ShapeStyle {
                color: *colour,
                filled: false,
                stroke_width: (width * FINENESS).round().max(1.0) as u32,
            };
            let strokes = if dash.is_empty() { vec![points.clone()] } else { dashed(points, dash) };
            strokes.iter().try_for_each(|stroke| area.draw(&PathElement::new(fine(stroke), style)))
        }
        Shape::Area { points, colour } => area.draw(&Polygon::new(fine(points), filled(*colour))),
        Shape::Disc { at, radius, colour } => {
            area.draw(&Circle::new(fine_point(*at), (radius * FINENESS) as i32, filled(*colour)))
        }
        Shape::Text { at, text, lettering, direction } => {
            let drop = drop * lettering.size;
            // Below, for letters that run upwards, is to the right.
            let at = match direction {
                Direction::Across => (at.0, at.1 + drop),
                Direction::Upwards => (at.0 + drop, at.1),
            };
            area.draw(&Text::new(
                shown::line(text).as_ref(),
                fine_point(at),
                text_style(*lettering, *direction),
            ))
        }
    };
    drawn.map_err(|error| error.to_string())
}

fn filled(colour: RGBAColor) -> ShapeStyle {
    colour.filled()
}

fn fine_point(point: (f64, f64)) -> (i32, i32) {
    ((point.0 * FINENESS).round() as i32, (point.1 * FINENESS).round() as i32)
}

fn fine(points: &[(f64, f64)]) -> Vec<(i32, i32)> {
    let mut fine: Vec<_> = points.iter().copied().map(fine_point).collect();
    fine.dedup();
    fine
}

fn text_style(lettering: Lettering, direction: Direction) -> TextStyle<'static> {
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
        .font(lettering.size * FONT_FACTOR * FINENESS)
        .transform(transform)
        .color(&lettering.colour)
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
    fn a_picture_is_shown_at_its_own_size() {
        let canvas = Canvas { width: 100.0, height: 50.0, shapes: Vec::new() };
        let text = svg(&canvas).unwrap();
        assert!(text.starts_with("<svg width=\"100\" height=\"50\" viewBox=\"0 0 400 200\""), "{text}");
    }
}
