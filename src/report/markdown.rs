//! The text of others in Markdown: in a comparison for a pull request, and in `summary.md`.

use crate::base::shown;

/// The text of others as it stands, on one line: none of it is Markdown, HTML or a mention of somebody.
#[must_use]
pub fn plain(text: &str) -> String {
    let mut plain = String::new();
    for c in shown::line(text).chars() {
        match c {
            '<' => plain += "&lt;",
            '&' => plain += "&amp;",
            // Shown as the sign, and mentions nobody.
            '@' => plain += "&#64;",
            '\\' | '`' | '*' | '_' | '[' | ']' | '|' | '~' | '#' | '!' | '>' | '$' => plain.extend(['\\', c]),
            c => plain.push(c),
        }
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_label_is_shown_as_it_is_written_and_mentions_nobody() {
        assert_eq!(plain("a|b <i> @team `x`\n*"), r"a\|b &lt;i\> &#64;team \`x\`␊\*");
        assert_eq!(plain("\u{1b}[2J\u{202e}"), "␛\\[2J\u{FFFD}");
    }
}
