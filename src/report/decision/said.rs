//! What a decision is made of: sentences, each of a kind, under the name of what they are about.

/// What kind of thing a sentence says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tone {
    /// What a strategy gains.
    Gain,
    /// What it gains, and what it is shown to lose by that.
    TradeOff,
    /// What it costs or risks.
    Cost,
    /// What the data do not show.
    Doubt,
}

impl Tone {
    /// The sign before the sentence.
    #[must_use]
    pub fn sign(self) -> &'static str {
        match self {
            Self::Gain => "●",
            Self::TradeOff => "◐",
            Self::Cost => "▲",
            Self::Doubt => "○",
        }
    }

    /// Its word, for those who do not see the sign.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Gain => "gain",
            Self::TradeOff => "trade-off",
            Self::Cost => "cost",
            Self::Doubt => "doubt",
        }
    }
}

/// One thing to know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sentence {
    /// What kind of thing it is.
    pub tone: Tone,
    /// The sentence.
    pub text: String,
}

/// The sentences on one topology and set of swept values.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DecisionPart {
    /// Which; empty where there is but one.
    pub heading: String,
    /// What is to be known of it.
    pub sentences: Vec<Sentence>,
}
