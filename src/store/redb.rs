//! A database in one file of this process. It uses redb, and a thread of its own makes durable commits in
//! groups.
//!
//! Reads run on the caller's thread: they take microseconds, from redb's own memory or the system's page
//! cache. Changes wait for the disk and so never run on a thread of the async runtime: the commit thread
//! takes all waiting changes, applies them in one transaction, makes that durable and only then answers.

mod changes;
mod commit;
mod listeners;
mod tables;

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use compact_str::CompactString;

use super::counters::Counters;
use super::{BulkItem, Database, Document, ErrorKind, Page, Patch, StoreError};
use commit::{Change, Committer};
use listeners::ChangeListeners;
use tables::File;

/// The options for opening an embedded database.
#[derive(Debug, Clone)]
pub struct EmbeddedOptions {
    /// The file, which is created if it does not exist. The caller removes it after use.
    pub path: PathBuf,
    /// Memory for pages, in bytes.
    pub page_cache_bytes: usize,
    /// The longest that a change may take until it is durable.
    pub response_timeout: Duration,
}

impl EmbeddedOptions {
    /// Options for a file, with 64 MiB for pages and five seconds for a change.
    #[must_use]
    pub fn at(path: impl AsRef<Path>) -> Self {
        Self {
            path: path.as_ref().to_path_buf(),
            page_cache_bytes: 64 << 20,
            response_timeout: Duration::from_secs(5),
        }
    }
}

/// A database in one file of this process. Clones share it; when the last is dropped, waiting changes are
/// committed and the file is closed.
#[derive(Clone)]
pub struct EmbeddedDatabase {
    file: Arc<File>,
    committer: Arc<Committer>,
    listeners: Arc<ChangeListeners>,
    response_timeout: Duration,
    counters: Counters,
}

impl fmt::Debug for EmbeddedDatabase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EmbeddedDatabase").field("file", &self.file).finish_non_exhaustive()
    }
}

impl EmbeddedDatabase {
    /// Opens the file and starts the commit thread.
    pub fn open(options: &EmbeddedOptions, counters: Counters) -> Result<Self, StoreError> {
        let (path, page_cache_bytes) = (options.path.clone(), options.page_cache_bytes);
        let name = path.display().to_string();
        let open = move || redb::Builder::new().set_cache_size(page_cache_bytes).create(&path);
        Self::on(File::open(name, Box::new(open))?, options.response_timeout, counters)
    }

    fn on(file: File, response_timeout: Duration, counters: Counters) -> Result<Self, StoreError> {
        let file = Arc::new(file);
        let listeners = Arc::new(ChangeListeners::default());
        let committer = Arc::new(Committer::start(Arc::clone(&file), Arc::clone(&listeners))?);
        Ok(Self { file, committer, listeners, response_timeout, counters })
    }

    /// A handle on the same database with counters of its own.
    #[must_use]
    pub fn counted_by(&self, counters: Counters) -> Self {
        Self { counters, ..self.clone() }
    }

    /// A handle on the same database that waits at least so long until a change is durable.
    #[must_use]
    pub fn at_least_waiting(&self, patience: Duration) -> Self {
        Self { response_timeout: self.response_timeout.max(patience), ..self.clone() }
    }

    async fn change<T>(
        &self,
        doing: &str,
        change: impl FnOnce(commit::ReplySender<T>) -> Change,
    ) -> Result<T, StoreError> {
        let (reply, answer) = tokio::sync::oneshot::channel();
        self.committer.submit(change(reply))?;
        match tokio::time::timeout(self.response_timeout, answer).await {
            Ok(Ok(answer)) => answer,
            Ok(Err(_)) => {
                Err(StoreError::new(ErrorKind::Connection, format!("{doing}: the commit thread ended")))
            }
            Err(_) => Err(StoreError::new(
                ErrorKind::Timeout,
                format!("{doing}: not durable within {:?}", self.response_timeout),
            )),
        }
    }
}

impl Database for EmbeddedDatabase {
    async fn find(&self, collection: &str, id: &str) -> Result<Option<Document>, StoreError> {
        self.counters.database_read();
        self.file.read("finding a document", |database| tables::find(database, collection, id))?
    }

    async fn find_many(
        &self,
        collection: &str,
        ids: &[CompactString],
    ) -> Result<Vec<Option<Document>>, StoreError> {
        self.counters.database_read();
        self.file.read("finding documents", |database| {
            ids.iter().map(|id| tables::find(database, collection, id)).collect()
        })?
    }

    async fn find_by_category(
        &self,
        collection: &str,
        category: &str,
        page: Page,
        projection: &[&str],
    ) -> Result<Vec<Document>, StoreError> {
        self.counters.database_read();
        let found = self.file.read("finding a page of documents", |database| {
            tables::find_by_category(database, collection, category, page)
        })??;
        if projection.is_empty() {
            return Ok(found);
        }
        found.iter().map(|document| tables::project(document, projection)).collect()
    }

    async fn update(
        &self,
        collection: &str,
        id: &str,
        patch: &Patch,
    ) -> Result<Option<Document>, StoreError> {
        self.counters.database_write();
        self.change("updating a document", |reply| Change::Update {
            collection: collection.into(),
            id: id.into(),
            patch: patch.clone(),
            reply,
        })
        .await
    }

    async fn insert(&self, collection: &str, document: &Document) -> Result<bool, StoreError> {
        self.counters.database_write();
        self.change("inserting a document", |reply| Change::Insert {
            collection: collection.into(),
            document: document.clone(),
            reply,
        })
        .await
    }

    async fn delete(&self, collection: &str, id: &str) -> Result<Option<Document>, StoreError> {
        self.counters.database_write();
        self.change("deleting a document", |reply| Change::Delete {
            collection: collection.into(),
            id: id.into(),
            reply,
        })
        .await
    }

    async fn bulk_update(
        &self,
        collection: &str,
        items: &[BulkItem],
    ) -> Result<Vec<Result<bool, StoreError>>, StoreError> {
        if items.is_empty() {
            return Ok(Vec::new());
        }
        self.counters.bulk(items.len());
        self.change("updating many documents", |reply| Change::Bulk {
            collection: collection.into(),
            items: items.to_vec(),
            reply,
        })
        .await
    }

    async fn put_many(&self, collection: &str, documents: Vec<Document>) -> Result<(), StoreError> {
        if documents.is_empty() {
            return Ok(());
        }
        self.counters.bulk(documents.len());
        self.change("storing documents", |reply| Change::Put {
            collection: collection.into(),
            documents,
            reply,
        })
        .await
    }

    async fn scan(&self, collection: &str, mut visit: impl FnMut(Document) + Send) -> Result<(), StoreError> {
        self.counters.database_read();
        let mut after = None;
        loop {
            let part = self.file.read("scanning documents", |database| {
                tables::part_after(database, collection, after.as_deref())
            })??;
            let Some((last, _)) = part.last() else { return Ok(()) };
            after = Some(last.clone());
            for (_, document) in part {
                visit(document);
            }
            // A whole collection takes too long to hold up the other tasks of this thread.
            tokio::task::yield_now().await;
        }
    }

    async fn reset(&self, collection: &str) -> Result<(), StoreError> {
        self.change("emptying a collection", |reply| Change::Reset { collection: collection.into(), reply })
            .await
    }
}

#[cfg(test)]
mod tests {
    use super::tables::store_error;
    use super::*;
    use mongodb::bson::raw::cstr;
    use mongodb::bson::rawdoc;
    use redb::StorageBackend;
    use redb::backends::InMemoryBackend;
    use std::sync::atomic::{AtomicU64, Ordering};

    /// A disk of a size that a test can change.
    #[derive(Debug, Clone)]
    struct Disk {
        inner: Arc<InMemoryBackend>,
        size: Arc<AtomicU64>,
    }

    impl Disk {
        fn check(&self, end: u64) -> Result<(), std::io::Error> {
            if end <= self.size.load(Ordering::Relaxed) {
                return Ok(());
            }
            Err(std::io::Error::from(std::io::ErrorKind::StorageFull))
        }
    }

    impl StorageBackend for Disk {
        fn len(&self) -> Result<u64, std::io::Error> {
            self.inner.len()
        }
        fn read(&self, offset: u64, out: &mut [u8]) -> Result<(), std::io::Error> {
            self.inner.read(offset, out)
        }
        fn set_len(&self, len: u64) -> Result<(), std::io::Error> {
            self.check(len)?;
            self.inner.set_len(len)
        }
        fn sync_data(&self) -> Result<(), std::io::Error> {
            self.inner.sync_data()
        }
        fn write(&self, offset: u64, data: &[u8]) -> Result<(), std::io::Error> {
            self.check(offset + data.len() as u64)?;
            self.inner.write(offset, data)
        }
    }

    fn document(id: u32, padding: usize) -> Document {
        Document::from_raw(
            rawdoc! { "_id": id.to_string(), "category": "c", "_v": 1_i64, "p": "x".repeat(padding) },
        )
    }

    #[tokio::test]
    async fn a_full_disk_is_named_loses_nothing_and_is_forgiven_when_there_is_room() {
        let disk = Disk { inner: Arc::default(), size: Arc::new(AtomicU64::new(u64::MAX)) };
        let opened = disk.clone();
        let open = Box::new(move || redb::Builder::new().create_with_backend(opened.clone()));
        let file = File::open("a small disk".into(), open).unwrap();
        let database = EmbeddedDatabase::on(file, Duration::from_secs(5), Counters::new()).unwrap();
        database.put_many("things", vec![document(1, 10)]).await.unwrap();

        disk.size.store(disk.inner.len().unwrap(), Ordering::Relaxed);
        let large = (2..300).map(|id| document(id, 100_000)).collect::<Vec<_>>();
        let error = database.put_many("things", large.clone()).await.unwrap_err();
        assert!(error.detail.contains("no storage space"), "{error}");
        assert_eq!(database.find("things", "1").await.unwrap(), Some(document(1, 10)));
        assert_eq!(database.find("things", "2").await.unwrap(), None);

        disk.size.store(u64::MAX, Ordering::Relaxed);
        database.put_many("things", large).await.unwrap();
        let patch = Patch::new().set(cstr!("price"), 5_i64);
        let updated = database.update("things", "1", &patch).await.unwrap().unwrap();
        assert_eq!(updated.version(), 2);
    }

    #[tokio::test]
    async fn what_was_acknowledged_is_there_when_the_file_is_opened_again() {
        let directory = tempfile::tempdir().unwrap();
        let options = EmbeddedOptions::at(directory.path().join("data.redb"));
        let database = EmbeddedDatabase::open(&options, Counters::new()).unwrap();
        database.put_many("things", vec![document(1, 10)]).await.unwrap();
        drop(database);
        let database = EmbeddedDatabase::open(&options, Counters::new()).unwrap();
        assert_eq!(database.find("things", "1").await.unwrap(), Some(document(1, 10)));
    }

    #[tokio::test]
    async fn what_waits_when_the_last_handle_goes_is_still_committed() {
        let directory = tempfile::tempdir().unwrap();
        let options = EmbeddedOptions::at(directory.path().join("data.redb"));
        let database = EmbeddedDatabase::open(&options, Counters::new()).unwrap();
        for id in 0..20 {
            // It is polled once and then given up, as by a client that is stopped.
            let put = database.put_many("things", vec![document(id, 10)]);
            let mut put = std::pin::pin!(put);
            let poll = std::future::poll_fn(|context| std::task::Poll::Ready(put.as_mut().poll(context)));
            let _ = poll.await;
        }
        drop(database);
        let database = EmbeddedDatabase::open(&options, Counters::new()).unwrap();
        let mut found = 0;
        database.scan("things", |_| found += 1).await.unwrap();
        assert_eq!(found, 20);
    }

    #[test]
    fn an_error_names_the_file() {
        let error = EmbeddedDatabase::open(&EmbeddedOptions::at("/proc/none/data.redb"), Counters::new());
        assert!(error.unwrap_err().detail.contains("/proc/none/data.redb"));
        let other = store_error("reading", "f", &redb::Error::Corrupted("x".into()));
        assert_eq!(other.kind, ErrorKind::Malformed);
    }
}
