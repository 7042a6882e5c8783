//! URLs with passwords in them, which never show the password.

use std::fmt;

/// A URL whose password is shown as `***` by `Debug` and `Display`.
#[derive(Clone, PartialEq, Eq)]
pub struct SecretUrl(String);

impl SecretUrl {
    /// Takes a URL that may hold a password.
    #[must_use]
    pub fn new(url: impl Into<String>) -> Self {
        Self(url.into())
    }

    /// The URL with its password, only for the driver that connects.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// The same user, password, scheme and path at another host and port, as of another node of one cluster.
    #[must_use]
    pub fn at(&self, host: &str, port: u16) -> Self {
        let host = if host.contains(':') { format!("[{host}]") } else { host.to_owned() };
        let Some(authority) = self.0.find("://").map(|at| at + 3) else {
            return Self(format!("redis://{host}:{port}/"));
        };
        let end = self.0[authority..].find('?').map_or(self.0.len(), |query| authority + query);
        let user_end = self.0[authority..end].rfind('@').map_or(authority, |at| authority + at + 1);
        let path = self.0[user_end..].find(['/', '?']).map_or(self.0.len(), |path| user_end + path);
        Self(format!("{}{host}:{port}{}", &self.0[..user_end], &self.0[path..]))
    }

    /// Returns true if a client of Redis speaks TLS to this address: the scheme says so, in whatever case it is written.
    #[must_use]
    pub fn speaks_tls(&self) -> bool {
        let scheme = self.0.split_once("://").map_or("", |(scheme, _)| scheme);
        ["rediss", "valkeys"].iter().any(|secure| scheme.eq_ignore_ascii_case(secure))
    }

    /// The host and the port, as far as the URL has them.
    #[must_use]
    pub fn host_and_port(&self) -> &str {
        let rest = self.0.split_once("://").map_or(&*self.0, |(_, rest)| rest);
        let rest = &rest[..rest.find('?').unwrap_or(rest.len())];
        let rest = rest.rsplit_once('@').map_or(rest, |(_, host)| host);
        &rest[..rest.find('/').unwrap_or(rest.len())]
    }

    /// A text, such as a driver's error message, with the password taken out wherever it occurs.
    #[must_use]
    pub fn redact(&self, text: &str) -> String {
        let mut redacted = text.replace(&self.0, &self.to_string());
        if let Some((_, password, _)) = self.parts().filter(|(_, password, _)| !password.is_empty()) {
            redacted = redacted.replace(password, "***");
            // Drivers decode the password before they use it, and so may show it decoded.
            redacted = redacted.replace(&percent_decoded(password), "***");
        }
        redacted
    }

    /// The range of bytes of the URL that is the password; `None` if there is none.
    #[must_use]
    pub fn password_at(&self) -> Option<std::ops::Range<usize>> {
        self.parts().map(|(before, password, _)| before.len()..before.len() + password.len())
    }

    /// The text before the password, the password, and the text after it; `None` if there is none.
    fn parts(&self) -> Option<(&str, &str, &str)> {
        let authority = self.0.find("://")? + 3;
        // A password with an unescaped '/', '?' or '@' is a mistake, but must not be shown either: the last
        // '@' before the query ends it.
        let end = self.0[authority..].find('?').map_or(self.0.len(), |query| authority + query);
        let at = authority + self.0[authority..end].rfind('@')?;
        let colon = authority + self.0[authority..at].find(':')?;
        Some((&self.0[..=colon], &self.0[colon + 1..at], &self.0[at..]))
    }
}

fn percent_decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, tail @ ..] = rest {
        let hex = tail.get(..2).and_then(|hex| std::str::from_utf8(hex).ok());
        match hex.and_then(|hex| u8::from_str_radix(hex, 16).ok()) {
            Some(byte) if *first == b'%' => {
                bytes.push(byte);
                rest = &tail[2..];
            }
            _ => {
                bytes.push(*first);
                rest = tail;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

impl fmt::Display for SecretUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.parts() {
            Some((before, _, after)) => write!(f, "{before}***{after}"),
            None => f.write_str(&self.0),
        }
    }
}

impl fmt::Debug for SecretUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_is_shown_without_its_password() {
        let url = SecretUrl::new("redis://user:s3cr%40t@host:6379/0");
        assert_eq!(url.to_string(), "redis://user:***@host:6379/0");
        assert_eq!(format!("{url:?}"), "\"redis://user:***@host:6379/0\"");
        assert_eq!(SecretUrl::new("redis://:pw@host").to_string(), "redis://:***@host");
    }

    #[test]
    fn a_url_without_a_password_is_shown_as_it_is() {
        for url in ["redis://127.0.0.1:6379", "mongodb://user@host/db?w=1", "nonsense"] {
            assert_eq!(SecretUrl::new(url).to_string(), url);
        }
    }

    #[test]
    fn a_password_is_taken_out_of_a_message_however_it_is_written() {
        let url = SecretUrl::new("redis://user:s3cr%40t@host");
        assert_eq!(url.redact("refused s3cr@t and s3cr%40t"), "refused *** and ***");
        assert_eq!(url.redact("bad url redis://user:s3cr%40t@host"), "bad url redis://user:***@host");
    }

    #[test]
    fn another_node_is_reached_as_the_first_one_is() {
        let at = |url: &str| SecretUrl::new(url).at("10.0.0.9", 7001).expose().to_owned();
        assert_eq!(at("rediss://user:pw@host:6379/0"), "rediss://user:pw@10.0.0.9:7001/0");
        assert_eq!(at("redis://host"), "redis://10.0.0.9:7001");
        assert_eq!(at("redis://:p/w@host?protocol=resp3"), "redis://:p/w@10.0.0.9:7001?protocol=resp3");
        assert_eq!(SecretUrl::new("redis://h:1/").at("::1", 2).expose(), "redis://[::1]:2/");
        assert_eq!(SecretUrl::new("redis://:pw@h:1/0?a=b").host_and_port(), "h:1");
    }

    #[test]
    fn a_password_with_a_forgotten_escape_is_still_not_shown() {
        let url = SecretUrl::new("redis://user:pa/ss@wo@host:1/0");
        assert_eq!(url.to_string(), "redis://user:***@host:1/0");
    }

    #[test]
    fn tls_is_told_by_the_scheme_and_by_nothing_else_in_the_address() {
        for secure in ["rediss://host:6379", "REDISS://host", "valkeys://user:pw@host/0"] {
            assert!(SecretUrl::new(secure).speaks_tls(), "{secure}");
        }
        for plain in ["redis://host:6379", "redis://:rediss%3A%2F%2F@host", "host:6379", ""] {
            assert!(!SecretUrl::new(plain).speaks_tls(), "{plain}");
        }
    }
}
