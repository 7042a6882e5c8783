//! Text of others as it is shown: no character of it steers a terminal or breaks a page.
//!
//! Labels, keys and what servers answer are kept as they were written; only what is shown of them goes through here.

use std::borrow::Cow;

/// A text of one line: every control character is a picture of itself.
#[must_use]
pub fn line(text: &str) -> Cow<'_, str> {
    shown(text, |_| false)
}

/// A text of several lines: as [`line()`], but ends of lines and tabulators stay.
#[must_use]
pub fn lines(text: &str) -> Cow<'_, str> {
    shown(text, |c| matches!(c, '\n' | '\t'))
}

/// A text that is as long in bytes as before, since places in it are counted in bytes.
#[must_use]
pub fn as_long(text: &str) -> Cow<'_, str> {
    if !text.chars().any(|c| steers(c) && !matches!(c, '\n' | '\t' | '\r')) {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len());
    for c in text.chars() {
        if steers(c) && !matches!(c, '\n' | '\t' | '\r') {
            (0..c.len_utf8()).for_each(|_| shown.push('?'));
        } else {
            shown.push(c);
        }
    }
    Cow::Owned(shown)
}

fn shown(text: &str, stays: impl Fn(char) -> bool) -> Cow<'_, str> {
    if !text.chars().any(|c| steers(c) && !stays(c)) {
        return Cow::Borrowed(text);
    }
    Cow::Owned(text.chars().map(|c| if stays(c) { c } else { picture(c) }).collect())
}

/// Returns true for what a terminal obeys instead of showing it: control characters, and what turns the direction of
/// the letters around it or ends the line.
fn steers(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{200E}' | '\u{200F}' | '\u{2028}'..='\u{202E}' | '\u{2066}'..='\u{2069}' | '\u{061C}')
}

/// A character that stands for one that is not shown; any other is itself.
fn picture(c: char) -> char {
    match c {
        '\0'..='\x1F' => char::from_u32(0x2400 + u32::from(c)).unwrap_or(char::REPLACEMENT_CHARACTER),
        '\x7F' => '␡',
        c if steers(c) => char::REPLACEMENT_CHARACTER,
        c => c,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_steers_a_terminal_is_shown_as_a_picture_and_all_else_stays() {
        assert_eq!(line("a\x1b[31mb\r\n\x7f\u{9b}2J\u{202e}"), "a␛[31mb␍␊␡\u{FFFD}2J\u{FFFD}");
        assert_eq!(lines("a\x07\n\tb\r"), "a␇\n\tb␍");
        assert!(matches!(line("旁路, 50 % \"é\""), Cow::Borrowed(_)));
    }

    proptest! {
        #[test]
        fn nothing_that_steers_is_left(text in any::<String>()) {
            prop_assert!(!line(&text).chars().any(steers));
            prop_assert!(!lines(&text).chars().any(|c| steers(c) && c != '\n' && c != '\t'));
            prop_assert_eq!(as_long(&text).len(), text.len());
            prop_assert!(!as_long(&text).chars().any(|c| steers(c) && !matches!(c, '\n' | '\t' | '\r')));
        }
    }
}
