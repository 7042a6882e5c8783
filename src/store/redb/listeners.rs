//! Who is told of commits.

use parking_lot::Mutex;
use tokio::sync::mpsc::UnboundedSender;

use crate::store::Version;
use crate::store::changes::Announced;

type Listener = (String, UnboundedSender<Announced>);

/// Those who are told, and of which collection.
#[derive(Debug, Default)]
pub(super) struct Listeners(Mutex<Vec<Listener>>);

/// What a transaction changes, to be told once it is committed; nothing is noted that nobody wants.
pub(super) struct News<'a> {
    listeners: &'a Listeners,
    wanted: Vec<String>,
    changes: Vec<(String, Announced)>,
}

impl Listeners {
    /// Tells somebody of every commit from now on.
    pub(super) fn add(&self, collection: &str, listener: UnboundedSender<Announced>) {
        self.0.lock().push((collection.to_owned(), listener));
    }

    /// Nothing is noted yet.
    pub(super) fn news(&self) -> News<'_> {
        let wanted = self.0.lock().iter().map(|(collection, _)| collection.clone()).collect();
        News { listeners: self, wanted, changes: Vec::new() }
    }
}

impl News<'_> {
    /// Notes that a document is to have this version.
    pub(super) fn note(&mut self, collection: &str, id: &str, version: Version) {
        if self.wanted.iter().any(|wanted| wanted == collection) {
            let changed = Announced::Changed { id: id.to_owned(), version: Some(version) };
            self.changes.push((collection.to_owned(), changed));
        }
    }

    /// Tells all; those who have hung up are told nothing any more.
    pub(super) fn tell(self) {
        if self.wanted.is_empty() {
            return;
        }
        self.listeners.0.lock().retain(|(wanted, listener)| {
            let mut of_theirs = self.changes.iter().filter(|(collection, _)| collection == wanted);
            !listener.is_closed() && of_theirs.all(|(_, changed)| listener.send(changed.clone()).is_ok())
        });
    }
}
