//! The letters that charts are written in.

use std::sync::{LazyLock, Once};

use ab_glyph::{Font, FontRef};
use plotters::style::{FontStyle, register_font};

/// The one family of letters; on PNGs it is DejaVu Sans, which travels in the binary.
const FONT: &str = "sans-serif";
/// plotters' font sizes are of the whole line, 1.24 times the letters' size.
pub(super) const FONT_FACTOR: f64 = 1.24;

/// Makes the letters known that charts are written in.
pub(super) fn register_fonts() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        // Fails only where the bytes are no font; the texts then fail with an error of their own.
        let _ = register_font(FONT, FontStyle::Normal, dejavu::sans::regular());
        let _ = register_font(FONT, FontStyle::Bold, dejavu::sans::bold());
    });
}

/// Returns true if the font has a letter for it; what it has not, a PNG shows as a box.
pub(super) fn has(letter: char) -> bool {
    static LETTERS: LazyLock<Option<FontRef<'static>>> =
        LazyLock::new(|| FontRef::try_from_slice(dejavu::sans::regular()).ok());
    letter.is_ascii() || LETTERS.as_ref().is_some_and(|font| font.glyph_id(letter).0 != 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accented_and_greek_letters_are_drawn_and_chinese_ones_are_not() {
        assert!("aÄéßñλжŁ–…×±µ★".chars().all(has));
        assert!("缓存猫".chars().all(|letter| !has(letter)));
    }
}
