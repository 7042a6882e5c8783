//! The tables of an embedded database: the documents of each collection by id, and their ids by category.

use std::fmt;
use std::ops::Bound;

use bytes::Bytes;
use mongodb::bson::RawDocumentBuf;
use parking_lot::RwLock;
use redb::{
    MultimapTableDefinition, ReadableDatabase, ReadableTable, TableDefinition, TableError, WriteTransaction,
};

use crate::store::{BulkItem, Document, ErrorKind, Page, Patch, StoreError, Version};

/// The number of documents that a scan reads at a time.
const SCAN_PART: usize = 500;

type OpenFile = Box<dyn Fn() -> Result<redb::Database, redb::DatabaseError> + Send + Sync>;

/// The file of a database. It can be reopened, since redb refuses everything after a failed write.
pub(super) struct File {
    name: String,
    open: OpenFile,
    database: RwLock<Option<redb::Database>>,
}

impl fmt::Debug for File {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)
    }
}

impl File {
    pub(super) fn open(name: String, open: OpenFile) -> Result<Self, StoreError> {
        let database = open().map_err(|error| store_error("opening", &name, &error.into()))?;
        Ok(Self { name, open, database: RwLock::new(Some(database)) })
    }

    pub(super) fn error(&self, doing: &str, error: &redb::Error) -> StoreError {
        store_error(doing, &self.name, error)
    }

    /// Runs `work` on the open database and converts redb's error to hotset's.
    pub(super) fn read<T>(
        &self,
        doing: &str,
        work: impl FnOnce(&redb::Database) -> Result<T, redb::Error>,
    ) -> Result<T, StoreError> {
        match self.database.read().as_ref() {
            Some(database) => work(database).map_err(|error| self.error(doing, &error)),
            None => Err(StoreError::new(
                ErrorKind::Unavailable,
                format!("{doing}: {} could not be opened again after an error", self.name),
            )),
        }
    }

    /// Closes the file and opens it again in its state after the last commit.
    pub(super) fn reopen(&self) {
        // Readers wait meanwhile; redb would refuse them anyway.
        let mut database = self.database.write();
        // The file is closed first, since it can be open only once.
        *database = None;
        *database = (self.open)().ok();
    }
}

/// An error of redb as hotset reports it: the operation, the file and redb's message.
pub(super) fn store_error(doing: &str, file: &str, error: &redb::Error) -> StoreError {
    let kind = match error {
        redb::Error::Corrupted(_) => ErrorKind::Malformed,
        redb::Error::Io(error) if error.kind() == std::io::ErrorKind::PermissionDenied => ErrorKind::Denied,
        redb::Error::DatabaseAlreadyOpen | redb::Error::PreviousIo => ErrorKind::Unavailable,
        _ => ErrorKind::Other,
    };
    StoreError::new(kind, format!("{doing} in the database file {file}: {error}"))
}

struct Names {
    documents: String,
    categories: String,
}

impl Names {
    fn of(collection: &str) -> Self {
        Self { documents: format!("documents/{collection}"), categories: format!("categories/{collection}") }
    }

    fn documents(&self) -> TableDefinition<'_, &'static str, &'static [u8]> {
        TableDefinition::new(&self.documents)
    }

    fn categories(&self) -> MultimapTableDefinition<'_, &'static str, &'static str> {
        MultimapTableDefinition::new(&self.categories)
    }
}

fn stored(bytes: &[u8]) -> Result<Document, StoreError> {
    Document::from_bytes(Bytes::copy_from_slice(bytes))
}

/// A table that was never written to does not exist, and counts as empty.
fn unless_missing<T>(opened: Result<T, TableError>) -> Result<Option<T>, redb::Error> {
    match opened {
        Ok(table) => Ok(Some(table)),
        Err(TableError::TableDoesNotExist(_)) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

pub(super) fn find(
    database: &redb::Database,
    collection: &str,
    id: &str,
) -> Result<Result<Option<Document>, StoreError>, redb::Error> {
    let names = Names::of(collection);
    let Some(documents) = unless_missing(database.begin_read()?.open_table(names.documents()))? else {
        return Ok(Ok(None));
    };
    Ok(documents.get(id)?.map(|found| stored(found.value())).transpose())
}

pub(super) fn find_by_category(
    database: &redb::Database,
    collection: &str,
    category: &str,
    page: Page,
) -> Result<Result<Vec<Document>, StoreError>, redb::Error> {
    let names = Names::of(collection);
    let transaction = database.begin_read()?;
    let documents = unless_missing(transaction.open_table(names.documents()))?;
    let categories = unless_missing(transaction.open_multimap_table(names.categories()))?;
    let (Some(documents), Some(categories)) = (documents, categories) else { return Ok(Ok(Vec::new())) };
    let (skip, limit) = (page.skip as usize, page.limit as usize);
    let mut found = Vec::new();
    for id in categories.get(category)?.skip(skip).take(limit) {
        if let Some(bytes) = documents.get(id?.value())? {
            match stored(bytes.value()) {
                Ok(document) => found.push(document),
                Err(error) => return Ok(Err(error)),
            }
        }
    }
    Ok(Ok(found))
}

/// The next documents after an id, in the order of ids; empty at the end.
pub(super) fn part_after(
    database: &redb::Database,
    collection: &str,
    after: Option<&str>,
) -> Result<Result<Vec<(String, Document)>, StoreError>, redb::Error> {
    let names = Names::of(collection);
    let Some(documents) = unless_missing(database.begin_read()?.open_table(names.documents()))? else {
        return Ok(Ok(Vec::new()));
    };
    let from = after.map_or(Bound::Unbounded, Bound::Excluded);
    let mut part = Vec::new();
    for found in documents.range::<&str>((from, Bound::Unbounded))?.take(SCAN_PART) {
        let (id, bytes) = found?;
        match stored(bytes.value()) {
            Ok(document) => part.push((id.value().to_string(), document)),
            Err(error) => return Ok(Err(error)),
        }
    }
    Ok(Ok(part))
}

/// The document with only `_id` and some fields, in their order in the document.
pub(super) fn project(document: &Document, fields: &[&str]) -> Result<Document, StoreError> {
    let malformed = || StoreError::new(ErrorKind::Malformed, "a stored document cannot be read");
    let mut projected = RawDocumentBuf::new();
    for element in document.raw().ok_or_else(malformed)? {
        let (name, value) = element.map_err(|_| malformed())?;
        if name.as_str() == "_id" || fields.contains(&name.as_str()) {
            projected.append(name, value);
        }
    }
    Ok(Document::from_raw(projected))
}

/// The outcome of a change. An outer error, redb's, ends the whole transaction; an inner one ends only this
/// change.
pub(super) type ChangeResult<T> = Result<Result<T, StoreError>, redb::Error>;

pub(super) fn update(
    transaction: &WriteTransaction,
    collection: &str,
    id: &str,
    patch: &Patch,
    version: Option<Version>,
) -> ChangeResult<Option<Document>> {
    let names = Names::of(collection);
    let held = transaction.open_table(names.documents())?.get(id)?.map(|found| stored(found.value()));
    let held = match held {
        None => return Ok(Ok(None)),
        Some(Err(error)) => return Ok(Err(error)),
        Some(Ok(held)) => held,
    };
    if version.is_some_and(|version| version <= held.version()) {
        return Ok(Ok(None));
    }
    let merged = match held.merged(patch, version.unwrap_or(held.version() + 1)) {
        Ok(merged) => merged,
        Err(error) => return Ok(Err(error)),
    };
    write(transaction, &names, id, Some(&held), &merged)?;
    Ok(Ok(Some(merged)))
}

/// Puts a new document there; returns false if its id is taken.
pub(super) fn insert(
    transaction: &WriteTransaction,
    collection: &str,
    document: &Document,
) -> ChangeResult<bool> {
    let names = Names::of(collection);
    let Some(id) = document.id() else {
        let error = StoreError::new(ErrorKind::Malformed, "a document to be inserted has no text as its _id");
        return Ok(Err(error));
    };
    if transaction.open_table(names.documents())?.get(id)?.is_some() {
        return Ok(Ok(false));
    }
    write(transaction, &names, id, None, document)?;
    Ok(Ok(true))
}

/// Removes a document and returns it as it was.
pub(super) fn delete(
    transaction: &WriteTransaction,
    collection: &str,
    id: &str,
) -> ChangeResult<Option<Document>> {
    let names = Names::of(collection);
    let held = transaction.open_table(names.documents())?.remove(id)?.map(|found| stored(found.value()));
    let held = match held {
        None => return Ok(Ok(None)),
        Some(Err(error)) => return Ok(Err(error)),
        Some(Ok(held)) => held,
    };
    if let Some(category) = held.text("category") {
        transaction.open_multimap_table(names.categories())?.remove(category, id)?;
    }
    Ok(Ok(Some(held)))
}

pub(super) fn bulk(
    transaction: &WriteTransaction,
    collection: &str,
    items: &[BulkItem],
) -> ChangeResult<Vec<Result<bool, StoreError>>> {
    let mut results = Vec::with_capacity(items.len());
    for item in items {
        let result = update(transaction, collection, &item.id, &item.patch, item.version)?;
        results.push(result.map(|updated| updated.is_some()));
    }
    Ok(Ok(results))
}

pub(super) fn put(
    transaction: &WriteTransaction,
    collection: &str,
    documents: &[Document],
) -> ChangeResult<()> {
    let names = Names::of(collection);
    // This is checked before anything is written, so that either all documents are stored or none.
    if documents.iter().any(|document| document.id().is_none()) {
        let error = StoreError::new(ErrorKind::Malformed, "a document to be stored has no text as its _id");
        return Ok(Err(error));
    }
    for document in documents {
        let Some(id) = document.id() else { continue };
        let held =
            transaction.open_table(names.documents())?.get(id)?.and_then(|found| stored(found.value()).ok());
        write(transaction, &names, id, held.as_ref(), document)?;
    }
    Ok(Ok(()))
}

fn write(
    transaction: &WriteTransaction,
    names: &Names,
    id: &str,
    held: Option<&Document>,
    new: &Document,
) -> Result<(), redb::Error> {
    transaction.open_table(names.documents())?.insert(id, &new.bytes()[..])?;
    let (before, after) = (held.and_then(|held| held.text("category")), new.text("category"));
    if before != after {
        let mut categories = transaction.open_multimap_table(names.categories())?;
        if let Some(before) = before {
            categories.remove(before, id)?;
        }
        if let Some(after) = after {
            categories.insert(after, id)?;
        }
    }
    Ok(())
}

pub(super) fn reset(transaction: &WriteTransaction, collection: &str) -> ChangeResult<()> {
    let names = Names::of(collection);
    transaction.delete_table(names.documents())?;
    transaction.delete_multimap_table(names.categories())?;
    Ok(Ok(()))
}
