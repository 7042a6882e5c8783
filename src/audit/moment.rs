//! The time and the instance of an acknowledgement, in one word.

/// Microseconds since the audit began, and an instance. The earlier moment is the smaller.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Moment(u64);

/// 20 bits leave room for a million instances and 200 days in microseconds.
const INSTANCE_BITS: u32 = 20;
const INSTANCES: u64 = 1 << INSTANCE_BITS;

impl Moment {
    /// A moment; a number that does not fit is cut to the largest that does.
    pub fn new(micros: u64, instance: u64) -> Self {
        Self(micros.min(u64::MAX >> INSTANCE_BITS) << INSTANCE_BITS | instance.min(INSTANCES - 1))
    }

    /// Microseconds since the audit began.
    pub fn micros(self) -> u64 {
        self.0 >> INSTANCE_BITS
    }

    /// The instance.
    pub fn instance(self) -> u64 {
        self.0 % INSTANCES
    }

    /// The moment as one word.
    pub fn to_bits(self) -> u64 {
        self.0
    }

    /// The moment of a word from [`Self::to_bits`].
    pub fn from_bits(bits: u64) -> Self {
        Self(bits)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_keeps_time_and_instance_and_the_earlier_is_the_smaller() {
        let moment = Moment::new(86_400_000_000, 7);
        assert_eq!((moment.micros(), moment.instance()), (86_400_000_000, 7));
        assert_eq!(Moment::from_bits(moment.to_bits()), moment);
        assert!(Moment::new(1, 900) < Moment::new(2, 0));
    }
}
