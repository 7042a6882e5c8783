//! Words as a shell reads them again, in the commands that are proposed to somebody.

use std::ffi::OsStr;
use std::fmt::Write as _;
use std::os::unix::ffi::OsStrExt as _;

/// A word as a shell reads it again, whatever bytes it is made of; nothing in it moves a terminal's cursor.
#[must_use]
pub fn quoted(word: &OsStr) -> String {
    let is_plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"-_./=:,+@%".contains(byte);
    match word.to_str() {
        Some(text) if !text.is_empty() && text.bytes().all(|byte| is_plain(&byte)) => text.to_owned(),
        Some(text) if !text.contains(char::is_control) => format!("'{}'", text.replace('\'', r"'\''")),
        _ => {
            let mut shown = String::from("$'");
            for byte in word.as_bytes() {
                match byte {
                    b'\'' | b'\\' => shown.extend(['\\', char::from(*byte)]),
                    b' '..=b'~' => shown.push(char::from(*byte)),
                    // Writing to a string does not fail.
                    _ => drop(write!(shown, "\\x{byte:02x}")),
                }
            }
            shown.push('\'');
            shown
        }
    }
}

#[cfg(test)]
mod tests {
    use std::ffi::OsString;
    use std::os::unix::ffi::OsStringExt as _;

    use super::*;

    #[test]
    fn a_shell_reads_the_same_bytes_again() {
        for bytes in [
            &b"a\xff\\b'c"[..],
            b"",
            b"a b",
            b"it's",
            b"new\nline",
            b"\x1b[2J",
            "schl\u{fc}ssel $x".as_bytes(),
        ] {
            let word = OsString::from_vec(bytes.to_vec());
            let script = format!("printf %s {}", quoted(&word));
            let read = std::process::Command::new("bash").args(["-c", &script]).output().unwrap().stdout;
            assert_eq!(read, bytes, "{script}");
        }
    }
}
