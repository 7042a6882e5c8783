//! Watches Redis servers from outside, by what their INFO says, over connections of its own.
//!
//! `discover` finds the nodes, `watch` asks them all at every interval, `rates` makes intervals of what they count;
//! a round of samples then goes to the `screen`, to rows of `csv`, to `prometheus` text and to streams (`publish`),
//! which `history` reads back. None of these waits for another.
//!
//! This room stands on floor 5 and may use `base` and `store`.

pub mod csv;
pub mod discover;
pub mod history;
pub mod info;
pub mod listen;
mod node;
pub mod options;
pub mod place;
pub mod prometheus;
pub mod publish;
pub mod rates;
mod remedy;
pub mod ring;
pub mod sample;
pub mod scenario;
pub mod screen;
pub mod session;
mod stage;
pub mod summary;
mod tasks;
pub mod terminal;
#[cfg(test)]
mod testing;
pub mod watch;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use crate::base::units::show_duration;

/// The ends of a session in which nothing went wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SessionEnd {
    /// It was over, the user left, or whoever read the rows did.
    Over,
    /// A signal, or Ctrl-C.
    Interrupted,
}

/// Why a session could not begin or go on. No text of it holds a password.
#[derive(Debug, thiserror::Error)]
pub enum MonitorError {
    /// The address for metrics cannot be had.
    #[error("cannot serve metrics at {address}: {source}: {remedy}")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// Why.
        source: std::io::Error,
        /// The remedy, as an imperative.
        remedy: String,
    },
    /// A server refuses the user or the password, or may not be asked.
    #[error("cannot watch: {0}")]
    Refused(String),
    /// The server to publish to takes no streams.
    #[error("cannot publish: {0}")]
    CannotPublish(String),
    /// No server answered until the session was over.
    #[error("no server has answered; the last reason: {reason}")]
    NeverAnswered {
        /// Why the last attempt failed.
        reason: String,
    },
    /// No server answered for too long.
    #[error("gave up: no server has answered for {}; the last reason: {reason}", show_duration(*waited))]
    GaveUp {
        /// For how long.
        waited: Duration,
        /// Why the last attempt failed.
        reason: String,
    },
    /// The rows cannot be written.
    #[error("cannot write rows to {}: {source}; give another file, or - for the terminal", path.display())]
    Rows {
        /// Where to.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The terminal cannot be used.
    #[error("cannot use the terminal: {0}; --csv - prints rows instead")]
    Terminal(std::io::Error),
    /// A mistake in hotset itself.
    #[error("the watching has stopped; this is a mistake in hotset: please report it with what stands above")]
    Stopped,
    /// The streams cannot be read.
    #[error("cannot read the history: {0}")]
    History(String),
}
