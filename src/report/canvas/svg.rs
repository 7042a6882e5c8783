//! Writes a picture as SVG. What is a strategy's stands in a group that names it, so that a page can single it out.

use std::collections::BTreeSet;

use maud::{Markup, PreEscaped, html};
use plotters::style::RGBAColor;

use super::theme::Theme;
use super::{Anchor, Canvas, Direction, Lettering, Shape, ShapeRun, Weight};
use crate::base::shown;

/// Families as wide as the one that texts are measured in.
const FAMILIES: &str = "'DejaVu Sans', Verdana, sans-serif";
/// The distance of a text below the middle of its capitals, in parts of its size.
const BASELINE: f64 = 0.36;

/// The picture at its own size, on the paper that the viewer prefers.
#[must_use]
pub fn svg(canvas: &Canvas) -> String {
    let size = (canvas.width, canvas.height);
    written(canvas, size, Theme::Light, &html! { style { (PreEscaped(dark_style(canvas))) } })
}

/// The picture in the middle of a given size, on given paper.
#[must_use]
pub fn svg_of_size(canvas: &Canvas, (width, height): (u32, u32), theme: Theme) -> String {
    written(canvas, (f64::from(width), f64::from(height)), theme, &html! {})
}

fn written(canvas: &Canvas, (width, height): (f64, f64), theme: Theme, style: &Markup) -> String {
    let view = format!("0 0 {} {}", number(canvas.width), number(canvas.height));
    let paper = hex(theme.paper().into());
    let picture = html! {
        svg xmlns="http://www.w3.org/2000/svg" width=(number(width)) height=(number(height)) viewBox=(view) font-family=(FAMILIES) {
            (style)
            // Larger than the view, so that it fills a picture of other proportions.
            rect x="-100%" y="-100%" width="300%" height="300%" fill=(paper) {}
            @for run in canvas.runs() { (of_run(run, theme)) }
        }
    };
    picture.into_string()
}

fn of_run(run: ShapeRun<'_>, theme: Theme) -> Markup {
    let shapes = html! { @for shape in run.shapes { (of_shape(shape, theme)) "\n" } };
    match run.strategy {
        // The title is what the pointer is told over a line or a mark.
        Some(label) => {
            html! { g data-strategy=(&*shown::lines(label)) { title { (&*shown::line(label)) } (shapes) } }
        }
        None => shapes,
    }
}

fn of_shape(shape: &Shape, theme: Theme) -> Markup {
    match shape {
        Shape::Line { points, colour, width, dash } => {
            let colour = theme.of(*colour);
            html! {
                polyline points=(corners(points)) fill="none" stroke=(hex(colour)) stroke-opacity=[opacity(colour)]
                    stroke-width=(number(*width)) stroke-dasharray=[lengths(dash)] {}
            }
        }
        Shape::Area { points, colour } => {
            let colour = theme.of(*colour);
            html! { polygon points=(corners(points)) fill=(hex(colour)) fill-opacity=[opacity(colour)] {} }
        }
        Shape::Disc { at, radius, colour } => {
            let colour = theme.of(*colour);
            html! {
                circle cx=(number(at.0)) cy=(number(at.1)) r=(number(*radius)) fill=(hex(colour)) fill-opacity=[opacity(colour)] {}
            }
        }
        Shape::Text { at, text, lettering, direction } => words(*at, text, *lettering, *direction, theme),
    }
}

fn words(at: (f64, f64), text: &str, lettering: Lettering, direction: Direction, theme: Theme) -> Markup {
    let drop = BASELINE * lettering.size;
    // Below, for letters that run upwards, is to the right.
    let (x, y) = match direction {
        Direction::Across => (at.0, at.1 + drop),
        Direction::Upwards => (at.0 + drop, at.1),
    };
    let turn = (direction == Direction::Upwards).then(|| format!("rotate(-90 {} {})", number(x), number(y)));
    let anchor = match lettering.anchor {
        Anchor::Left => None,
        Anchor::Middle => Some("middle"),
        Anchor::Right => Some("end"),
    };
    let weight = (lettering.weight == Weight::Bold).then_some("bold");
    let fill = hex(theme.of(lettering.colour.into()));
    html! {
        text x=(number(x)) y=(number(y)) font-size=(number(lettering.size)) font-weight=[weight] text-anchor=[anchor]
            transform=[turn] fill=(fill) { (&*shown::line(text)) }
    }
}

fn number(value: f64) -> String {
    let text = format!("{value:.2}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

fn corners(points: &[(f64, f64)]) -> String {
    let corner = |(x, y): &(f64, f64)| format!("{},{}", number(*x), number(*y));
    points.iter().map(corner).collect::<Vec<_>>().join(" ")
}

fn lengths(dash: &[u8]) -> Option<String> {
    (!dash.is_empty()).then(|| dash.iter().map(u8::to_string).collect::<Vec<_>>().join(" "))
}

fn hex(RGBAColor(red, green, blue, _): RGBAColor) -> String {
    format!("#{red:02x}{green:02x}{blue:02x}")
}

fn opacity(RGBAColor(.., opacity): RGBAColor) -> Option<String> {
    (opacity < 1.0).then(|| number(opacity))
}

/// Rules for viewers that prefer dark paper. Paper is mostly white, so they are only for screens.
fn dark_style(canvas: &Canvas) -> String {
    let mut rules = BTreeSet::new();
    let colours = canvas.shapes.iter().map(|shape| match shape {
        Shape::Line { colour, .. } => ("stroke", *colour),
        Shape::Area { colour, .. } | Shape::Disc { colour, .. } => ("fill", *colour),
        Shape::Text { lettering, .. } => ("fill", lettering.colour.into()),
    });
    let paper = ("fill", Theme::Light.paper().into());
    for (attribute, colour) in colours.chain([paper]) {
        let (light, dark) = (hex(colour), hex(Theme::Dark.of(colour)));
        if light != dark {
            rules.insert(format!("svg [{attribute}=\"{light}\"]{{{attribute}:{dark}}}"));
        }
    }
    let rules: String = rules.into_iter().collect();
    format!("@media screen and (prefers-color-scheme: dark){{{rules}}}")
}

#[cfg(test)]
mod tests {
    use super::super::{Canvas, INK};
    use super::*;

    fn canvas() -> Canvas {
        let mut canvas = Canvas { width: 100.0, height: 50.0, ..Canvas::default() };
        canvas.line([(0.0, 0.0), (10.0, 5.25)], INK, 1.5, &[8, 4]);
        canvas.of_strategy("a <b>", |canvas| canvas.text((1.0, 2.0), "R&D", Lettering::new(10.0, INK)));
        canvas
    }

    #[test]
    fn a_picture_is_shown_at_its_own_size_and_can_be_made_of_another() {
        let begins = |text: &str, size: &str| {
            let begin = format!("<svg xmlns=\"http://www.w3.org/2000/svg\" {size} viewBox=\"0 0 100 50\"");
            assert!(text.starts_with(&begin), "{text}");
        };
        begins(&svg(&canvas()), "width=\"100\" height=\"50\"");
        begins(&svg_of_size(&canvas(), (1600, 900), Theme::Light), "width=\"1600\" height=\"900\"");
    }

    #[test]
    fn what_is_a_strategys_stands_in_a_group_of_its_own_and_nothing_is_taken_for_markup() {
        let text = svg(&canvas());
        let group = text.split("<g data-strategy=\"a &lt;b&gt;\">").nth(1).unwrap();
        assert!(group.split("</g>").next().unwrap().contains(">R&amp;D</text>"), "{text}");
        assert!(
            text.contains("points=\"0,0 10,5.25\"") && text.contains("stroke-dasharray=\"8 4\""),
            "{text}"
        );
    }

    #[test]
    fn a_picture_follows_the_viewer_unless_its_paper_is_given() {
        let text = svg(&canvas());
        assert!(
            text.contains("prefers-color-scheme: dark")
                && text.contains("svg [fill=\"#ffffff\"]{fill:#181818}")
        );
        let dark = svg_of_size(&canvas(), (100, 50), Theme::Dark);
        assert!(!dark.contains("prefers-color-scheme") && dark.contains("fill=\"#181818\""), "{dark}");
    }
}
