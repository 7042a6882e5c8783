//! Numbers on the command line.

use std::num::NonZeroU64;
use std::ops::RangeInclusive;

/// A picture is at least legible and at most what memory has room for.
const PIXELS: RangeInclusive<u32> = 100..=8192;

/// Reads a whole number that is not 0.
pub(super) fn at_least_one(text: &str) -> Result<NonZeroU64, String> {
    text.parse().map_err(|_| "give a whole number, 1 or more".into())
}

/// Reads a width and a height such as `1600x900`.
pub(super) fn pixels(text: &str) -> Result<(u32, u32), String> {
    let side = |text: &str| text.parse().ok().filter(|side| PIXELS.contains(side));
    let sides = text.split_once('x').and_then(|(width, height)| side(width).zip(side(height)));
    sides.ok_or_else(|| {
        format!("give a width and a height from {} to {}, as 1600x900", PIXELS.start(), PIXELS.end())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_size_is_two_numbers_of_pixels_within_reason() {
        assert_eq!(pixels("1600x900"), Ok((1600, 900)));
        for wrong in ["1600", "1600x", "x900", "99x900", "1600x8193", "-1x5", "1600 x 900"] {
            assert!(pixels(wrong).is_err(), "{wrong}");
        }
    }
}
