//! The bytes of a trace: plain or compressed, told apart by their first bytes, not by the name.

use std::io::{self, BufRead, BufReader, Cursor, Read};

/// A source of lines.
pub(super) type Bytes = Box<dyn BufRead + Send>;

const BUFFER_BYTES: usize = 128 * 1024;
/// As many first bytes tell how a file is compressed.
const MAGIC_BYTES: u64 = 6;
/// The magic number of a zstd frame (RFC 8878, 3.1.1), little-endian.
const FRAME: &[u8] = &[0x28, 0xB5, 0x2F, 0xFD];
/// That of a skippable frame, but for the low half of its first byte (RFC 8878, 3.1.2).
const SKIPPABLE: &[u8] = &[0x50, 0x2A, 0x4D, 0x18];
/// That of gzip with its only method (RFC 1952, 2.3).
const GZIP: &[u8] = &[0x1F, 0x8B, 8];
/// That of bzip2, before a digit.
const BZIP2: &[u8] = b"BZh";
/// That of xz.
const XZ: &[u8] = &[0xFD, b'7', b'z', b'X', b'Z', 0];
/// The largest window of zstd that there is on machines of 64 bits; without this, data that was compressed with
/// `--long` or `--ultra` would be refused.
const LARGEST_WINDOW_LOG: u32 = 31;

/// The text of the source, decompressed where it is compressed. Several compressed parts after one another are one text.
pub(super) fn text(mut source: impl Read + Send + 'static) -> io::Result<Bytes> {
    let mut magic = Vec::with_capacity(MAGIC_BYTES as usize);
    source.by_ref().take(MAGIC_BYTES).read_to_end(&mut magic)?;
    let whole = BufReader::with_capacity(BUFFER_BYTES, Cursor::new(magic.clone()).chain(source));
    if is_zstd(&magic) {
        let mut decoder = zstd::stream::read::Decoder::with_buffer(whole)?;
        decoder.window_log_max(LARGEST_WINDOW_LOG)?;
        return Ok(buffered(decoder));
    }
    Ok(if magic.starts_with(GZIP) {
        buffered(flate2::bufread::MultiGzDecoder::new(whole))
    } else if magic.starts_with(BZIP2) && magic.get(3).is_some_and(u8::is_ascii_digit) {
        buffered(bzip2::bufread::MultiBzDecoder::new(whole))
    } else if magic.starts_with(XZ) {
        buffered(lzma_rust2::XzReader::new(whole, true))
    } else {
        Box::new(whole)
    })
}

fn buffered(decoder: impl Read + Send + 'static) -> Bytes {
    Box::new(BufReader::with_capacity(BUFFER_BYTES, decoder))
}

fn is_zstd(magic: &[u8]) -> bool {
    let is_skippable = magic.len() >= 4 && magic[0] & 0xF0 == SKIPPABLE[0] && magic[1..4] == SKIPPABLE[1..];
    magic.starts_with(FRAME) || is_skippable
}
