//! The end of a server's log, for error messages.

use std::fs::File;
use std::io::{Read as _, Seek as _, SeekFrom};
use std::path::Path;

/// The number of bytes that are read from the end of a log.
const TAIL_BYTES: u64 = 64 * 1024;
/// The number of lines that an error message quotes, and of characters of each.
const QUOTED_LINES: usize = 12;
const QUOTED_CHARS: usize = 300;

/// The last part of a log file. It is empty if the file cannot be read, since it only explains another error.
pub(super) fn tail(path: &Path) -> String {
    let read = || -> std::io::Result<Vec<u8>> {
        let mut file = File::open(path)?;
        let length = file.metadata()?.len();
        file.seek(SeekFrom::Start(length.saturating_sub(TAIL_BYTES)))?;
        let mut bytes = Vec::new();
        file.take(TAIL_BYTES).read_to_end(&mut bytes)?;
        Ok(bytes)
    };
    String::from_utf8_lossy(&read().unwrap_or_default()).into_owned()
}

/// The last lines of `log`, each cut to a readable length.
pub(super) fn last_lines<'a>(log: impl DoubleEndedIterator<Item = &'a str>) -> String {
    let mut lines: Vec<String> = log
        .rev()
        .filter(|line| !line.trim().is_empty())
        .take(QUOTED_LINES)
        .map(|line| format!("  {}", line.chars().take(QUOTED_CHARS).collect::<String>()))
        .collect();
    if lines.is_empty() {
        return "  (the log is empty)".to_owned();
    }
    lines.reverse();
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_lines_are_quoted_in_order() {
        let log: Vec<String> = (0..20).map(|n| format!("line {n}")).collect();
        let quoted = last_lines(log.iter().map(String::as_str));
        assert!(quoted.starts_with("  line 8\n"), "{quoted}");
        assert!(quoted.ends_with("  line 19"), "{quoted}");
    }

    #[test]
    fn a_log_that_is_not_there_is_said_to_be_empty() {
        assert_eq!(last_lines(tail(Path::new("/nonexistent/log")).lines()), "  (the log is empty)");
    }
}
