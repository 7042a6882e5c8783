//! How a strategy looks: the same colour, dash and marker in every chart of a run, and in every run in which no other has them.
//!
//! Colours are those of Okabe and Ito (2008), which people with any kind of colour blindness can tell apart; their yellow
//! is left out because it fades on white. There are more strategies than safe colours, so the second half has the
//! same colours with other dashes and markers. Where two of a run would have one colour, or two that are hardly told apart, the
//! later one takes a colour that is free, and nothing is told by colour alone. Hollow markers are left to charts, for what they
//! set apart.

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

/// Colours for runs in which more labels meet than [`COLOURS`] tells apart.
const SPARE: [RGBColor; 3] = [RGBColor(136, 34, 85), RGBColor(128, 128, 0), RGBColor(125, 70, 205)];

/// Pairs of [`COLOURS`] that are hardly told apart where they are lines of one chart: two blues, and two oranges.
const NEAR: [(usize, usize); 2] = [(1, 5), (2, 6)];

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

/// The looks of the labels that meet in a run, each given by its strategy and variant, in the order in which they are shown. As
/// long as there are colours, no two have the same or hardly different ones; first come those that keep their own.
#[must_use]
pub fn looks_of(labels: &[(&str, usize)]) -> Vec<Look> {
    let mut looks: Vec<Look> = labels.iter().map(|(name, variant)| look(name, *variant)).collect();
    let mut colours: Vec<RGBColor> = Vec::new();
    let mut markers: Vec<Marker> = Vec::new();
    let mut without = Vec::new();
    for (at, look) in looks.iter_mut().enumerate() {
        if is_free(look.colour, &colours) {
            colours.push(look.colour);
        } else {
            without.push(at);
        }
        look.marker = first_free(look.marker, &MARKERS, |marker| !markers.contains(marker));
        markers.push(look.marker);
    }
    let all: Vec<RGBColor> = COLOURS.iter().chain(&SPARE).copied().collect();
    for at in without {
        looks[at].colour = first_free(looks[at].colour, &all, |colour| is_free(*colour, &colours));
        colours.push(looks[at].colour);
    }
    looks
}

/// The first that is free, the own before the others; the own where none is.
fn first_free<T: Copy>(own: T, all: &[T], is_free: impl Fn(&T) -> bool) -> T {
    std::iter::once(&own).chain(all).copied().find(|one| is_free(one)).unwrap_or(own)
}

/// Returns true if no other has the colour, or one that is hardly told from it.
fn is_free(colour: RGBColor, taken: &[RGBColor]) -> bool {
    let is_near = |other: &RGBColor| {
        let pair = |(a, b): &(usize, usize)| [(COLOURS[*a], COLOURS[*b]), (COLOURS[*b], COLOURS[*a])];
        NEAR.iter().flat_map(pair).any(|pair| pair == (colour, *other))
    };
    taken.iter().all(|other| *other != colour && !is_near(other))
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

    /// The labels of scenarios/decision.toml.
    const SEVEN: [(&str, usize); 7] = [
        ("no-cache", 0),
        ("cache-aside", 0),
        ("cache-aside", 1),
        ("cache-through", 0),
        ("cache-behind", 0),
        ("write-behind", 0),
        ("near-cache", 0),
    ];

    #[test]
    fn seven_labels_of_a_run_have_seven_colours_that_are_told_apart_and_seven_markers() {
        let looks = looks_of(&SEVEN);
        for (n, one) in looks.iter().enumerate() {
            let others: Vec<RGBColor> = looks[..n].iter().map(|other| other.colour).collect();
            assert!(is_free(one.colour, &others), "{:?} of {:?}", SEVEN[n], one.colour);
            assert!(looks[..n].iter().all(|other| other.marker != one.marker), "{:?}", SEVEN[n]);
        }
        let own = |at: usize| look(SEVEN[at].0, SEVEN[at].1).colour;
        for at in [0, 1, 3, 4] {
            assert_eq!(looks[at].colour, own(at), "what nobody else has is kept");
        }
        assert!(!is_free(COLOURS[5], &[COLOURS[1]]) && !is_free(COLOURS[2], &[COLOURS[6]]));
    }

    #[test]
    fn more_labels_than_there_are_colours_share_them() {
        let many: Vec<(&str, usize)> = KNOWN.iter().map(|name| (*name, 0)).collect();
        assert_eq!(looks_of(&many).len(), KNOWN.len());
    }

    #[test]
    fn labels_of_one_strategy_share_its_colour_and_differ_in_dash_and_marker() {
        let (first, second) = (look("cache-aside", 0), look("cache-aside", 1));
        assert_eq!(first.colour, second.colour);
        assert!(first.dash != second.dash && first.marker != second.marker);
    }
}
