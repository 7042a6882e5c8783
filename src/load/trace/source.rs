//! The bytes of a trace: plain or zstd, told apart by their first four bytes, not by the name.

use std::io::{self, BufRead, BufReader, Cursor, Read};

/// A source of lines.
pub(super) type Bytes = Box<dyn BufRead + Send>;

const BUFFER_BYTES: usize = 128 * 1024;
/// The magic number of a zstd frame (RFC 8878, 3.1.1), little-endian.
const FRAME: [u8; 4] = [0x28, 0xB5, 0x2F, 0xFD];
/// That of a skippable frame, but for the low half of its first byte (RFC 8878, 3.1.2).
const SKIPPABLE: [u8; 4] = [0x50, 0x2A, 0x4D, 0x18];

/// The text of the source, decompressed where it is compressed.
pub(super) fn text(mut source: impl Read + Send + 'static) -> io::Result<Bytes> {
    let mut magic = Vec::with_capacity(4);
    source.by_ref().take(4).read_to_end(&mut magic)?;
    let compressed = is_zstd(&magic);
    let whole = BufReader::with_capacity(BUFFER_BYTES, Cursor::new(magic).chain(source));
    if compressed {
        let decoder = zstd::stream::read::Decoder::with_buffer(whole)?;
        Ok(Box::new(BufReader::with_capacity(BUFFER_BYTES, decoder)))
    } else {
        Ok(Box::new(whole))
    }
}

fn is_zstd(magic: &[u8]) -> bool {
    magic == FRAME || (magic.len() == 4 && magic[0] & 0xF0 == SKIPPABLE[0] && magic[1..] == SKIPPABLE[1..])
}
