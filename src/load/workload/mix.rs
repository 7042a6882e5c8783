//! The shares of the kinds of operation.

use super::random::Xoroshiro;

/// Kinds of operation by weight.
#[derive(Debug, Clone, PartialEq)]
pub struct Mix {
    /// For each kind that can be drawn, except the last: draws below this bound are of it or of an earlier kind.
    below: Vec<f64>,
    last: u8,
    shares: Vec<f64>,
}

/// A reason why weights make no mix.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum MixError {
    /// No kind has a weight above 0.
    #[error("no kind of operation has a weight above 0; give at least one")]
    Empty,
    /// A weight is below 0 or not a number.
    #[error("the weight of operation kind {0} is below 0 or not a finite number")]
    Weight(usize),
    /// There are more kinds than 256.
    #[error("{0} kinds of operation are too many; there can be 256")]
    TooMany(usize),
}

impl Mix {
    /// A mix of the kinds 0, 1, 2, … in proportion to their weights; a weight of 0 is never drawn.
    ///
    /// # Errors
    /// Returns an error if no weight is above 0, if a weight is negative or not finite, or if there are more than 256.
    pub fn new(weights: &[f64]) -> Result<Self, MixError> {
        if weights.len() > 256 {
            return Err(MixError::TooMany(weights.len()));
        }
        if let Some(wrong) = weights.iter().position(|w| !w.is_finite() || *w < 0.0) {
            return Err(MixError::Weight(wrong));
        }
        let last = weights.iter().rposition(|w| *w > 0.0).ok_or(MixError::Empty)?;
        // Weights are scaled first, since the sum of finite weights may not be finite.
        let largest = weights.iter().copied().fold(0.0, f64::max);
        let total: f64 = weights.iter().map(|w| w / largest).sum();
        let shares: Vec<f64> = weights.iter().map(|w| w / largest / total).collect();
        let mut sum = 0.0;
        let below = shares[..last].iter().map(|share| {
            sum += share;
            sum
        });
        Ok(Self { below: below.collect(), last: last as u8, shares })
    }

    /// The share of each kind, from 0 to 1.
    #[must_use]
    pub fn shares(&self) -> &[f64] {
        &self.shares
    }

    /// Draws the kind of one operation.
    #[inline]
    #[must_use]
    pub fn sample(&self, random: &mut Xoroshiro) -> u8 {
        let draw = random.unit();
        self.below.iter().position(|below| draw < *below).map_or(self.last, |kind| kind as u8)
    }
}

#[cfg(test)]
mod tests {
    use super::super::random::{Purpose, RandomSource};
    use super::*;

    fn counts(weights: &[f64]) -> Vec<u32> {
        let mix = Mix::new(weights).unwrap();
        let source = RandomSource::new(1, Purpose::Measure);
        let mut counts = vec![0; weights.len()];
        for number in 0..100_000 {
            counts[mix.sample(&mut source.at(0, number)) as usize] += 1;
        }
        counts
    }

    #[test]
    fn kinds_come_in_proportion_to_their_weights() {
        let counts = counts(&[90.0, 9.0, 1.0]);
        assert!(counts[0].abs_diff(90_000) < 500 && counts[1].abs_diff(9_000) < 400, "{counts:?}");
        assert!(counts[2].abs_diff(1_000) < 150, "{counts:?}");
    }

    #[test]
    fn a_weight_of_0_is_never_drawn() {
        let counts = counts(&[0.0, 1.0, 0.0, 1.0, 0.0]);
        assert_eq!((counts[0], counts[2], counts[4]), (0, 0, 0));
    }

    #[test]
    fn weights_that_make_no_mix_are_refused() {
        assert_eq!(Mix::new(&[]), Err(MixError::Empty));
        assert_eq!(Mix::new(&[0.0]), Err(MixError::Empty));
        assert_eq!(Mix::new(&[1.0, -1.0]), Err(MixError::Weight(1)));
        assert_eq!(Mix::new(&[f64::NAN]), Err(MixError::Weight(0)));
        assert_eq!(Mix::new(&[1.0; 257]), Err(MixError::TooMany(257)));
        assert!(Mix::new(&[f64::MAX, f64::MAX]).is_ok());
    }
}
