//! One operation of a trace in four bytes.

/// One operation: the number of its key, and whether it writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct TraceRow(u32);

impl TraceRow {
    /// The number of different keys that rows can have.
    pub const MOST_KEYS: u32 = 1 << 31;

    /// The bytes that a row takes, in memory and in the file.
    pub const BYTES: usize = size_of::<u32>();

    /// The key must be below [`Self::MOST_KEYS`].
    #[must_use]
    pub fn new(key: u32, writes: bool) -> Self {
        Self(key | if writes { Self::MOST_KEYS } else { 0 })
    }

    /// The row that was written as these bytes.
    #[must_use]
    pub fn from_bytes(bytes: [u8; Self::BYTES]) -> Self {
        Self(u32::from_le_bytes(bytes))
    }

    /// The bytes that it is written as.
    #[must_use]
    pub fn to_bytes(self) -> [u8; Self::BYTES] {
        self.0.to_le_bytes()
    }

    /// The number of the key.
    #[must_use]
    pub fn key(self) -> u32 {
        self.0 & !Self::MOST_KEYS
    }

    /// Returns true if it writes.
    #[must_use]
    pub fn writes(self) -> bool {
        self.0 & Self::MOST_KEYS != 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_keeps_its_key_and_whether_it_writes() {
        for key in [0, 1, 77, TraceRow::MOST_KEYS - 1] {
            for writes in [false, true] {
                let row = TraceRow::from_bytes(TraceRow::new(key, writes).to_bytes());
                assert_eq!((row.key(), row.writes()), (key, writes));
            }
        }
    }
}
