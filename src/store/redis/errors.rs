//! Conversion of Redis' errors to hotset's.

use std::io;

use redis::{RedisError, ServerErrorKind};

use crate::store::secret::SecretUrl;
use crate::store::{ErrorKind, StoreError};

/// The kind of an error of the driver or the server.
#[must_use]
pub fn kind_of(error: &RedisError) -> ErrorKind {
    if error.is_timeout() {
        return ErrorKind::Timeout;
    }
    match error.kind() {
        redis::ErrorKind::Io => io_kind(error),
        redis::ErrorKind::AuthenticationFailed => ErrorKind::Denied,
        // A connection that was cut may leave an answer that cannot be parsed.
        redis::ErrorKind::Parse | redis::ErrorKind::ClusterConnectionNotFound => ErrorKind::Connection,
        redis::ErrorKind::MasterNameNotFoundBySentinel | redis::ErrorKind::NoValidReplicasFoundBySentinel => {
            ErrorKind::Unavailable
        }
        redis::ErrorKind::UnexpectedReturnType => ErrorKind::Malformed,
        redis::ErrorKind::Server(server) => match server {
            ServerErrorKind::BusyLoading
            | ServerErrorKind::ClusterDown
            | ServerErrorKind::MasterDown
            | ServerErrorKind::TryAgain
            | ServerErrorKind::Moved
            | ServerErrorKind::Ask => ErrorKind::Unavailable,
            ServerErrorKind::ReadOnly => ErrorKind::ReadOnly,
            ServerErrorKind::NoPerm => ErrorKind::Denied,
            // A script's error contains the error of its command, such as "ERR ... -OOM ..." or "READONLY".
            _ => kind_of_code(error.detail().unwrap_or_default()),
        },
        redis::ErrorKind::Extension => kind_of_code(error.code().unwrap_or_default()),
        _ => ErrorKind::Other,
    }
}

fn io_kind(error: &RedisError) -> ErrorKind {
    use std::error::Error as _;
    let cause = error.source().and_then(|source| source.downcast_ref::<io::Error>());
    match cause.map(io::Error::kind) {
        Some(io::ErrorKind::PermissionDenied) => ErrorKind::Denied,
        _ => ErrorKind::Connection,
    }
}

fn kind_of_code(text: &str) -> ErrorKind {
    let codes = [
        ("OOM", ErrorKind::OutOfMemory),
        ("READONLY", ErrorKind::ReadOnly),
        ("NOAUTH", ErrorKind::Denied),
        // A password that nobody wants: "ERR AUTH <password> called without any password configured".
        ("AUTH", ErrorKind::Denied),
        ("WRONGPASS", ErrorKind::Denied),
        ("NOPERM", ErrorKind::Denied),
        ("WRONGTYPE", ErrorKind::Malformed),
        ("LOADING", ErrorKind::Unavailable),
        ("BUSY", ErrorKind::Unavailable),
        ("MISCONF", ErrorKind::Unavailable),
        ("NOREPLICAS", ErrorKind::Unavailable),
    ];
    let known = codes
        .iter()
        .find(|(code, _)| text.split(|c: char| !c.is_ascii_alphanumeric()).any(|word| word == *code));
    known.map_or(ErrorKind::Other, |(_, kind)| *kind)
}

/// What the server, the system or the driver says, without the names that the driver gives to kinds of errors.
#[must_use]
pub fn words(error: &RedisError) -> String {
    use std::error::Error as _;
    let said = match (error.code(), error.detail()) {
        (Some(code), Some(detail)) => format!("{code} {detail}"),
        (Some(code), None) => code.to_owned(),
        _ => match error.kind() {
            redis::ErrorKind::AuthenticationFailed => {
                "the server refuses the user or the password".to_owned()
            }
            redis::ErrorKind::InvalidClientConfig => error.detail().unwrap_or_default().to_owned(),
            redis::ErrorKind::Parse => "what was answered is not what a Redis answers".to_owned(),
            _ => match error.source() {
                Some(source) => source.to_string(),
                None => error.to_string(),
            },
        },
    };
    said.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// An error as hotset reports it: the operation, the server and its message.
#[must_use]
pub fn store_error(error: &RedisError, doing: &str, url: &SecretUrl) -> StoreError {
    StoreError::new(kind_of(error), format!("{doing} at Redis {url}: {}", words(error)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn server(code: &str, detail: &str) -> RedisError {
        redis::make_extension_error(code.into(), Some(detail.into()))
    }

    #[test]
    fn the_words_are_those_of_the_server_and_of_the_system() {
        assert_eq!(words(&server("NOAUTH", "Authentication required.")), "NOAUTH Authentication required.");
        let refused = RedisError::from(io::Error::from_raw_os_error(111));
        assert_eq!(words(&refused), "Connection refused (os error 111)");
        let kind = redis::ErrorKind::InvalidClientConfig;
        let misconfigured =
            RedisError::from((kind, "cannot connect as this is set", "tls_ca: why".to_owned()));
        assert_eq!(words(&misconfigured), "tls_ca: why");
    }

    #[test]
    fn every_failure_of_a_server_or_connection_has_its_kind() {
        let io = |kind: io::ErrorKind| RedisError::from(io::Error::from(kind));
        let cases = [
            (io(io::ErrorKind::ConnectionRefused), ErrorKind::Connection),
            (io(io::ErrorKind::ConnectionReset), ErrorKind::Connection),
            (io(io::ErrorKind::BrokenPipe), ErrorKind::Connection),
            (io(io::ErrorKind::UnexpectedEof), ErrorKind::Connection),
            (io(io::ErrorKind::TimedOut), ErrorKind::Timeout),
            (server("OOM", "command not allowed when used memory > 'maxmemory'"), ErrorKind::OutOfMemory),
            (server("NOAUTH", "Authentication required."), ErrorKind::Denied),
            (server("WRONGPASS", "invalid username-password pair"), ErrorKind::Denied),
            (server("WRONGTYPE", "Operation against a key"), ErrorKind::Malformed),
            (server("SOMETHING", "else"), ErrorKind::Other),
        ];
        for (error, kind) in cases {
            assert_eq!(kind_of(&error), kind, "{error}");
        }
    }
}
