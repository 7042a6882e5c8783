//! The letters that charts are written in.

use std::sync::Once;

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
