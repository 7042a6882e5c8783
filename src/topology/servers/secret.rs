//! Passwords of managed servers: random, and never printed.

use std::fmt;
use std::fs::File;
use std::io::{self, Read as _};

use super::error::ServerError;
use crate::base::secrets;

const RANDOM_SOURCE: &str = "/dev/urandom";
const PASSWORD_LENGTH: usize = 32;

/// A text that must not reach a log, a result file or an error message.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Wraps a text that is already known.
    #[must_use]
    pub fn new(text: impl Into<String>) -> Self {
        let text = text.into();
        secrets::learn(&text);
        Self(text)
    }

    /// The text itself, to be used only for a connection or a server's configuration.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// A new password: 32 letters and digits from the operating system's random source, which need no quoting in a
    /// URL or a configuration file.
    pub fn random_password() -> Result<Self, ServerError> {
        random_alphanumeric(PASSWORD_LENGTH).map(Self::new).map_err(|source| ServerError::Directory {
            action: "read random bytes from",
            path: RANDOM_SOURCE.into(),
            source,
        })
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

impl fmt::Display for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

const ALPHABET: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";

fn random_alphanumeric(length: usize) -> io::Result<String> {
    // The largest multiple of the alphabet's size that fits in a byte. Bytes from it on would favour the first letters.
    let fair = u8::MAX - u8::MAX % ALPHABET.len() as u8;
    let mut source = File::open(RANDOM_SOURCE)?;
    let mut text = String::with_capacity(length);
    let mut bytes = [0; 64];
    while text.len() < length {
        source.read_exact(&mut bytes)?;
        let letters = bytes.iter().filter(|byte| **byte < fair);
        let letters = letters.map(|byte| char::from(ALPHABET[usize::from(*byte) % ALPHABET.len()]));
        text.extend(letters.take(length - text.len()));
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_shows_in_no_output() {
        let secret = Secret::new("abc456");
        assert_eq!(format!("{secret} {secret:?}"), "*** ***");
        assert_eq!(secrets::strike("AUTH abc456 failed"), "AUTH *** failed");
    }

    #[test]
    fn random_secrets_are_long_alphanumeric_and_different() {
        let (one, other) = (Secret::random_password().unwrap(), Secret::random_password().unwrap());
        assert_eq!(one.expose().len(), 32);
        assert!(one.expose().bytes().all(|byte| byte.is_ascii_alphanumeric()));
        assert_ne!(one, other);
    }
}
