//! How the numbers of a CSV are written: as hotset does, or as spreadsheets do in many countries.

use std::borrow::Cow;

/// The ways in which fractions are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Numbers {
    /// As hotset does: `0.5`.
    WithPoints,
    /// As in many countries: `0,5`.
    WithCommas,
}

impl Numbers {
    /// A number as hotset writes it; `None` where it could be two numbers.
    #[must_use]
    pub fn plain(self, text: &str) -> Option<Cow<'_, str>> {
        match self {
            Self::WithPoints => Some(Cow::Borrowed(text)),
            // A point among decimal commas parts thousands, or the file has lost which is which.
            Self::WithCommas if text.contains('.') => None,
            Self::WithCommas => Some(Cow::Owned(text.replacen(',', ".", 1))),
        }
    }
}
