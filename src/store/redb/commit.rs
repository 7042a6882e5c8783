//! The commit thread. It takes all waiting changes, makes them durable together and then answers each.

use std::sync::{Arc, mpsc};
use std::thread::JoinHandle;

use parking_lot::Mutex;
use redb::{Durability, WriteTransaction};
use tokio::sync::oneshot;

use super::listeners::{ChangeListeners, News};
use super::tables::{self, ChangeResult, File};
use crate::store::{BulkItem, Document, ErrorKind, Patch, StoreError};

/// The most changes in one transaction: enough to share the disk's time, few enough to bound the wait.
const MOST_AT_ONCE: usize = 1024;

/// The channel for the answer to a change.
pub(super) type ReplySender<T> = oneshot::Sender<Result<T, StoreError>>;

/// A change that waits to be committed.
pub(super) enum Change {
    Update { collection: String, id: String, patch: Patch, reply: ReplySender<Option<Document>> },
    Insert { collection: String, document: Document, reply: ReplySender<bool> },
    Delete { collection: String, id: String, reply: ReplySender<Option<Document>> },
    Bulk { collection: String, items: Vec<BulkItem>, reply: ReplySender<Vec<Result<bool, StoreError>>> },
    Put { collection: String, documents: Vec<Document>, reply: ReplySender<()> },
    Reset { collection: String, reply: ReplySender<()> },
}

/// An answer that waits for its change to be durable.
type Answer = Box<dyn FnOnce(Option<StoreError>)>;

fn answer<T: 'static>(reply: ReplySender<T>, result: Result<T, StoreError>) -> Answer {
    Box::new(move |failed_commit| {
        // The caller may have stopped waiting.
        let _ = reply.send(failed_commit.map_or(result, Err));
    })
}

fn finish<T: 'static>(reply: ReplySender<T>, outcome: ChangeResult<T>) -> (Answer, Option<redb::Error>) {
    match outcome {
        Ok(result) => (answer(reply, result), None),
        // The caller gets the transaction's error in place of this one.
        Err(error) => {
            let placeholder = StoreError::new(ErrorKind::Other, "the transaction was abandoned");
            (answer(reply, Err(placeholder)), Some(error))
        }
    }
}

impl Change {
    /// Applies the change and notes what is to be announced.
    fn apply(self, transaction: &WriteTransaction, news: &mut News<'_>) -> (Answer, Option<redb::Error>) {
        match self {
            Self::Update { collection, id, patch, reply } => {
                let outcome = tables::update(transaction, &collection, &id, &patch, None);
                if let Ok(Ok(Some(document))) = &outcome {
                    news.note(&collection, &id, Some(document.version()));
                }
                finish(reply, outcome)
            }
            Self::Insert { collection, document, reply } => {
                let outcome = tables::insert(transaction, &collection, &document);
                if let (Ok(Ok(true)), Some(id)) = (&outcome, document.id()) {
                    news.note(&collection, id, Some(document.version()));
                }
                finish(reply, outcome)
            }
            Self::Delete { collection, id, reply } => {
                let outcome = tables::delete(transaction, &collection, &id);
                if let Ok(Ok(Some(_))) = &outcome {
                    news.note(&collection, &id, None);
                }
                finish(reply, outcome)
            }
            Self::Bulk { collection, items, reply } => {
                for (id, version) in items.iter().filter_map(|item| Some((&item.id, item.version?))) {
                    news.note(&collection, id, Some(version));
                }
                finish(reply, tables::bulk(transaction, &collection, &items))
            }
            Self::Put { collection, documents, reply } => {
                for (id, version) in documents.iter().filter_map(|one| Some((one.id()?, one.version()))) {
                    news.note(&collection, id, Some(version));
                }
                finish(reply, tables::put(transaction, &collection, &documents))
            }
            Self::Reset { collection, reply } => finish(reply, tables::reset(transaction, &collection)),
        }
    }

    /// The answer to a change that was not begun, because one before it failed.
    fn refused(self) -> Answer {
        let refused = || StoreError::new(ErrorKind::Other, "the transaction was abandoned");
        match self {
            Self::Update { reply, .. } | Self::Delete { reply, .. } => answer(reply, Err(refused())),
            Self::Insert { reply, .. } => answer(reply, Err(refused())),
            Self::Bulk { reply, .. } => answer(reply, Err(refused())),
            Self::Put { reply, .. } | Self::Reset { reply, .. } => answer(reply, Err(refused())),
        }
    }
}

/// The handle of the commit thread, which ends when this is dropped.
pub(super) struct Committer {
    changes: Option<mpsc::Sender<Change>>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl Committer {
    pub(super) fn start(file: Arc<File>, listeners: Arc<ChangeListeners>) -> Result<Self, StoreError> {
        let (changes, waiting) = mpsc::channel();
        let thread = std::thread::Builder::new()
            .name("hotset-commit".into())
            .spawn(move || commit_until_closed(&file, &listeners, &waiting))
            .map_err(|error| {
                StoreError::new(ErrorKind::Other, format!("starting the commit thread: {error}"))
            })?;
        Ok(Self { changes: Some(changes), thread: Mutex::new(Some(thread)) })
    }

    pub(super) fn submit(&self, change: Change) -> Result<(), StoreError> {
        let sent = self.changes.as_ref().map(|changes| changes.send(change).is_ok());
        if sent == Some(true) {
            return Ok(());
        }
        Err(StoreError::new(ErrorKind::Unavailable, "the commit thread of the database has ended"))
    }
}

impl Drop for Committer {
    /// Waits until all submitted changes are committed, so that the file is closed when the last handle has
    /// gone.
    fn drop(&mut self) {
        drop(self.changes.take());
        if let Some(thread) = self.thread.lock().take() {
            let _ = thread.join();
        }
    }
}

fn commit_until_closed(file: &File, listeners: &ChangeListeners, waiting: &mpsc::Receiver<Change>) {
    while let Ok(first) = waiting.recv() {
        let group = std::iter::once(first).chain(waiting.try_iter()).take(MOST_AT_ONCE).collect();
        commit(file, listeners, group);
    }
}

fn commit(file: &File, listeners: &ChangeListeners, group: Vec<Change>) {
    let mut news = listeners.news();
    let mut answers = Vec::with_capacity(group.len());
    let committed = file.read("committing", |database| {
        let mut transaction = database.begin_write()?;
        transaction.set_durability(Durability::Immediate)?;
        let mut changes = group.into_iter();
        for change in changes.by_ref() {
            let (answer, error) = change.apply(&transaction, &mut news);
            answers.push(answer);
            if let Some(error) = error {
                answers.extend(changes.map(Change::refused));
                return Err(error);
            }
        }
        Ok(transaction.commit()?)
    });
    let failed = committed.err();
    if failed.is_some() {
        // Nothing of the group was committed, and redb accepts no more until the file is reopened.
        file.reopen();
    } else {
        // Changes are announced before they are answered, so that an answered change is always announced
        // already.
        news.announce();
    }
    for answer in answers {
        answer(failed.clone());
    }
}
