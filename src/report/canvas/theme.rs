//! The same picture on light and on dark paper.

use plotters::style::{RGBAColor, RGBColor};

/// The backgrounds of a picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say all")]
pub enum Theme {
    Light,
    Dark,
}

/// The lightness of the paper of a dark picture, of 255.
const DARK_PAPER: f64 = 24.0;

impl Theme {
    /// The colour of the paper.
    #[must_use]
    pub fn paper(self) -> RGBColor {
        let RGBAColor(red, green, blue, _) = self.of(RGBColor(255, 255, 255).into());
        RGBColor(red, green, blue)
    }

    /// Returns a colour of a light picture as it is here. Greys turn round; the colours of strategies are seen on
    /// both.
    #[must_use]
    pub fn of(self, colour: RGBAColor) -> RGBAColor {
        let RGBAColor(red, green, blue, opacity) = colour;
        if self == Self::Light || red != green || green != blue {
            return colour;
        }
        let grey = (DARK_PAPER + f64::from(255 - red) * (255.0 - DARK_PAPER) / 255.0).round() as u8;
        RGBAColor(grey, grey, grey, opacity)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn on_dark_paper_greys_turn_round_and_colours_stay() {
        assert_eq!(Theme::Dark.paper(), RGBColor(24, 24, 24));
        assert_eq!(Theme::Dark.of(RGBAColor(0, 0, 0, 0.5)), RGBAColor(255, 255, 255, 0.5));
        let blue = RGBAColor(0, 114, 178, 1.0);
        assert_eq!((Theme::Dark.of(blue), Theme::Light.of(blue)), (blue, blue));
    }
}
