//! Conversion of MongoDB's errors to hotset's.

use mongodb::error::{Error, ErrorKind as Cause, WriteFailure};

use super::words::words;
use crate::store::secret::SecretUrl;
use crate::store::{ErrorKind, StoreError};

/// The kind of an error of the driver or the server.
#[must_use]
pub fn kind_of(error: &Error) -> ErrorKind {
    match error.kind.as_ref() {
        Cause::Authentication { .. } => ErrorKind::Denied,
        // The driver returns this when it has found no server; only its message tells the reason.
        Cause::ServerSelection { message, .. } if is_about_credentials(message) => ErrorKind::Denied,
        Cause::Io(cause) if cause.kind() == std::io::ErrorKind::TimedOut => ErrorKind::Timeout,
        Cause::ServerSelection { .. }
        | Cause::Io(_)
        | Cause::ConnectionPoolCleared { .. }
        | Cause::DnsResolve { .. } => ErrorKind::Connection,
        Cause::Command(command) => kind_of_code(command.code),
        // The primary has it and fewer others than were asked for: it may stay or be rolled back.
        Cause::Write(WriteFailure::WriteConcernError(_)) => ErrorKind::Timeout,
        Cause::BsonDeserialization(_) | Cause::InvalidResponse { .. } | Cause::Bson(_) => {
            ErrorKind::Malformed
        }
        Cause::Shutdown => ErrorKind::Unavailable,
        _ => ErrorKind::Other,
    }
}

/// Returns true if a document was not inserted because there is one with its `_id` (`DuplicateKey`).
#[must_use]
pub fn is_taken_id(error: &Error) -> bool {
    matches!(error.kind.as_ref(), Cause::Write(WriteFailure::WriteError(refused)) if refused.code == 11_000)
}

fn is_about_credentials(message: &str) -> bool {
    message.contains("Authentication failed") || message.contains("SCRAM failure")
}

/// The kind of a server's error code, see MongoDB's `error_codes.yml`.
pub(super) fn kind_of_code(code: i32) -> ErrorKind {
    match code {
        // Unauthorized, AuthenticationFailed, user disabled, reauthentication required
        13 | 18 | 334 | 391 => ErrorKind::Denied,
        // HostUnreachable, HostNotFound, NetworkTimeout, SocketException
        6 | 7 | 89 | 9001 => ErrorKind::Connection,
        // MaxTimeMSExpired, ExceededTimeLimit
        50 | 262 => ErrorKind::Timeout,
        // ShutdownInProgress, InterruptedAtShutdown, InterruptedDueToReplStateChange, PrimarySteppedDown,
        // NotWritablePrimary, NotPrimaryNoSecondaryOk, NotPrimaryOrSecondary, no primary to satisfy
        // the read preference
        91 | 11_600 | 11_602 | 189 | 10_107 | 13_435 | 13_436 | 133 => ErrorKind::Unavailable,
        // ExceededMemoryLimit
        146 => ErrorKind::OutOfMemory,
        _ => ErrorKind::Other,
    }
}

/// An error as hotset reports it: the operation, the server and the server's message.
#[must_use]
pub fn store_error(error: &Error, doing: &str, uri: &SecretUrl) -> StoreError {
    StoreError::new(kind_of(error), format!("{doing} at MongoDB {uri}: {}", words(error, uri)))
}
