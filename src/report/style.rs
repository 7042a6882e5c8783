//! How a strategy looks: the same colour, dash and marker in every chart of every run.
//!
//! Colours are those of Okabe and Ito (2008), which people with any kind of colour blindness can tell apart; their yellow
//! is left out because it fades on white. There are more strategies than safe colours, so the second half takes the
//! same colours with other dashes and markers, and nothing is told by colour alone. Hollow markers are left to charts, for
//! what they set apart.

use plotters::style::RGBColor;

/// The look of a strategy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Look {
    /// Of lines and markers.
    pub colour: RGBColor,
    /// Lengths of strokes and gaps; empty for a solid line.
    pub dash: &'static [u8],
    /// The shape of points.
    pub marker: Marker,
    /// False where a chart sets points apart as hollow.
    pub filled: bool,
}

/// The shape of a point.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say all")]
pub enum Marker {
    Circle,
    Square,
    Triangle,
    Diamond,
    TriangleDown,
    Pentagon,
    Star,
}

/// Strategies in the order in which they are shown. A new one goes to the end, so that the others keep their looks.
const KNOWN: [&str; 14] = [
    "no-cache",
    "cache-aside",
    "cache-through",
    "cache-ahead",
    "cache-behind",
    "read-through",
    "write-through",
    "write-behind",
    "write-around",
    "lease",
    "xfetch",
    "stale-while-revalidate",
    "near-cache",
    "change-stream",
];

const COLOURS: [RGBColor; 7] = [
    RGBColor(0, 0, 0),
    RGBColor(0, 114, 178),
    RGBColor(213, 94, 0),
    RGBColor(0, 158, 115),
    RGBColor(204, 121, 167),
    RGBColor(86, 180, 233),
    RGBColor(230, 159, 0),
];

const DASHES: [&[u8]; 6] = [&[], &[8, 4], &[2, 3], &[9, 3, 2, 3], &[15, 4], &[9, 3, 2, 3, 2, 3]];

const MARKERS: [Marker; 7] = [
    Marker::Circle,
    Marker::Square,
    Marker::Triangle,
    Marker::Diamond,
    Marker::TriangleDown,
    Marker::Pentagon,
    Marker::Star,
];

/// The place of a strategy in charts, tables and legends; unknown names come last.
#[must_use]
pub fn place(strategy_name: &str) -> usize {
    KNOWN.iter().position(|known| *known == strategy_name).unwrap_or(KNOWN.len())
}

/// The look of a strategy. `variant` tells apart several labels of one strategy, counted from 0.
#[must_use]
pub fn look(strategy_name: &str, variant: usize) -> Look {
    let slot = match place(strategy_name) {
        place if place < KNOWN.len() => place,
        // A name that is not known yet still looks the same in every run.
        _ => KNOWN.len() + strategy_name.bytes().map(usize::from).sum::<usize>() % COLOURS.len(),
    };
    let (colour, round) = (slot % COLOURS.len(), slot / COLOURS.len());
    Look {
        colour: COLOURS[colour],
        dash: DASHES[(round + 2 * variant) % DASHES.len()],
        marker: MARKERS[(colour + round + 3 * variant) % MARKERS.len()],
        filled: true,
    }
}

/// The look of one of several things that are no strategies, by its place among them.
#[must_use]
pub fn nth(place: usize) -> Look {
    let (colour, round) = (place % COLOURS.len(), place / COLOURS.len());
    Look {
        colour: COLOURS[colour],
        dash: DASHES[round % DASHES.len()],
        marker: MARKERS[colour],
        filled: true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_known_strategies_look_alike() {
        for (n, one) in KNOWN.iter().enumerate() {
            for other in &KNOWN[..n] {
                assert_ne!(look(one, 0), look(other, 0), "{one} and {other}");
            }
        }
    }

    #[test]
    fn labels_of_one_strategy_share_its_colour_and_differ_in_dash_and_marker() {
        let (first, second) = (look("cache-aside", 0), look("cache-aside", 1));
        assert_eq!(first.colour, second.colour);
        assert!(first.dash != second.dash && first.marker != second.marker);
    }
}
