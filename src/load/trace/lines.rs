//! Lines of a bounded length, with their numbers.

use std::io::{self, BufRead, Read};

/// The longest line that is taken, in bytes without its end. Keys of real traces are below 1 KiB; whatever is longer
/// than this is not a trace, and must not fill the memory.
pub(super) const LONGEST: usize = 64 * 1024;

/// Reads a source line by line into one buffer.
pub(super) struct Lines<R> {
    source: R,
    buffer: Vec<u8>,
    number: u64,
    /// The rest of a line that was too long is still in the source.
    within: bool,
}

/// The outcome of reading one more line.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// A line, now in the buffer.
    Line,
    /// A line longer than [`LONGEST`]; its rest is passed over when the next line is asked for.
    TooLong,
    /// The end of the source.
    End,
}

impl<R: BufRead> Lines<R> {
    pub(super) fn new(source: R) -> Self {
        Self { source, buffer: Vec::new(), number: 0, within: false }
    }

    /// Goes on to the next line.
    pub(super) fn advance(&mut self) -> io::Result<Next> {
        if self.within {
            self.source.skip_until(b'\n')?;
            self.within = false;
        }
        self.buffer.clear();
        let most = LONGEST as u64 + 1;
        let read = self.source.by_ref().take(most).read_until(b'\n', &mut self.buffer)?;
        if read == 0 {
            return Ok(Next::End);
        }
        self.number += 1;
        if self.buffer.last() == Some(&b'\n') {
            self.buffer.pop();
        } else if self.buffer.len() > LONGEST {
            self.within = true;
            return Ok(Next::TooLong);
        }
        if self.buffer.last() == Some(&b'\r') {
            self.buffer.pop();
        }
        Ok(Next::Line)
    }

    /// The line that was read last, without its end.
    pub(super) fn line(&self) -> &[u8] {
        &self.buffer
    }

    /// Its number, from 1; 0 before the first.
    pub(super) fn number(&self) -> u64 {
        self.number
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_end_with_either_kind_of_line_end_or_with_the_source() {
        let mut lines = Lines::new(&b"one\r\ntwo\n\nfour"[..]);
        for (number, expected) in [&b"one"[..], b"two", b"", b"four"].into_iter().enumerate() {
            assert_eq!(lines.advance().unwrap(), Next::Line);
            assert_eq!((lines.line(), lines.number()), (expected, number as u64 + 1));
        }
        assert_eq!(lines.advance().unwrap(), Next::End);
    }

    #[test]
    fn a_line_that_never_ends_takes_no_more_than_the_longest_line() {
        let endless = io::BufReader::new(io::repeat(b'x').take(50_000_000));
        let mut lines = Lines::new(endless.chain(&b"\nnext\n"[..]));
        assert_eq!(lines.advance().unwrap(), Next::TooLong);
        assert!(lines.buffer.capacity() <= 4 * LONGEST, "{}", lines.buffer.capacity());
        assert_eq!(lines.advance().unwrap(), Next::Line);
        assert_eq!((lines.line(), lines.number()), (&b"next"[..], 2));
    }

    #[test]
    fn the_longest_line_is_taken_and_one_byte_more_is_not() {
        for (length, expected) in [(LONGEST, Next::Line), (LONGEST + 1, Next::TooLong)] {
            let mut text = vec![b'x'; length];
            text.push(b'\n');
            assert_eq!(Lines::new(&text[..]).advance().unwrap(), expected);
        }
    }
}
