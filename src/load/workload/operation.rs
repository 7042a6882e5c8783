//! One operation that a client requests of the application.

/// One operation. All of it is decided in advance.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Operation {
    /// Its sequence number within its client and phase, from 0.
    pub number: u64,
    /// Its kind: an index into the application's table of operations.
    pub kind: u8,
    /// The key that it requests: below the number of keys N, or from N to 2N if it is absent.
    pub key: u64,
    /// True if the key was never stored.
    pub absent: bool,
    /// 64 random bits for the application to choose the field and the value by.
    pub draw: u64,
}

impl Operation {
    /// The length in bytes of what [`encode`](Self::encode) returns.
    pub const ENCODED_BYTES: usize = 26;

    /// The operation as bytes for the digest of its stream. Every field counts; the encoding never changes.
    #[must_use]
    pub fn encode(&self) -> [u8; Self::ENCODED_BYTES] {
        let mut bytes = [0; Self::ENCODED_BYTES];
        bytes[0..8].copy_from_slice(&self.number.to_le_bytes());
        bytes[8] = self.kind;
        bytes[9] = u8::from(self.absent);
        bytes[10..18].copy_from_slice(&self.key.to_le_bytes());
        bytes[18..26].copy_from_slice(&self.draw.to_le_bytes());
        bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_encoding_never_changes_and_tells_every_field() {
        let base = Operation { number: 1, kind: 2, key: 3, absent: true, draw: 4 };
        let expected = [1, 0, 0, 0, 0, 0, 0, 0, 2, 1, 3, 0, 0, 0, 0, 0, 0, 0, 4, 0, 0, 0, 0, 0, 0, 0];
        assert_eq!(base.encode(), expected);
        for other in [
            Operation { number: 9, ..base },
            Operation { kind: 9, ..base },
            Operation { key: 9, ..base },
            Operation { absent: false, ..base },
            Operation { draw: 9, ..base },
        ] {
            assert_ne!(other.encode(), base.encode());
        }
    }
}
