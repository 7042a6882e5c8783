//! The listeners to commits.

use parking_lot::Mutex;
use tokio::sync::mpsc::UnboundedSender;

use crate::store::Version;
use crate::store::changes::Announced;

type Listener = (String, UnboundedSender<Announced>);

/// The listeners, each with the collection it wants to hear of.
#[derive(Debug, Default)]
pub(super) struct ChangeListeners(Mutex<Vec<Listener>>);

/// The changes of a transaction, to be announced once it is committed. Only changes that have a listener are
/// noted.
pub(super) struct News<'a> {
    listeners: &'a ChangeListeners,
    wanted: Vec<String>,
    changes: Vec<(String, Announced)>,
}

impl ChangeListeners {
    /// Announces every commit to `listener` from now on.
    pub(super) fn add(&self, collection: &str, listener: UnboundedSender<Announced>) {
        self.0.lock().push((collection.to_owned(), listener));
    }

    /// An empty set of notes for one transaction.
    pub(super) fn news(&self) -> News<'_> {
        let wanted = self.0.lock().iter().map(|(collection, _)| collection.clone()).collect();
        News { listeners: self, wanted, changes: Vec::new() }
    }
}

impl News<'_> {
    /// Notes that a document will have this version, or none of it where it is deleted.
    pub(super) fn note(&mut self, collection: &str, id: &str, version: Option<Version>) {
        if self.wanted.iter().any(|wanted| wanted == collection) {
            let changed = Announced::Changed { id: id.to_owned(), version };
            self.changes.push((collection.to_owned(), changed));
        }
    }

    /// Sends each listener its changes, and forgets those that have hung up.
    pub(super) fn announce(self) {
        if self.wanted.is_empty() {
            return;
        }
        self.listeners.0.lock().retain(|(wanted, listener)| {
            let mut of_theirs = self.changes.iter().filter(|(collection, _)| collection == wanted);
            !listener.is_closed() && of_theirs.all(|(_, changed)| listener.send(changed.clone()).is_ok())
        });
    }
}
