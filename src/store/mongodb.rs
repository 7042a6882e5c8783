//! A database in MongoDB. Documents pass through as the bytes of the server's reply.

mod admin;
mod bulk;
mod changes;
mod errors;
mod patches;
mod pool;
mod words;
mod write_concern;

use std::collections::HashMap;
use std::fmt;
use std::future::Future;
use std::time::Duration;

use compact_str::CompactString;
use mongodb::bson::raw::CString;
use mongodb::bson::{Document as Decoded, RawArrayBuf, RawDocument, RawDocumentBuf, doc, rawdoc};
use mongodb::options::{ClientOptions, IndexOptions, ReturnDocument};
use mongodb::{Client, Collection, IndexModel, options};

pub use admin::MongoOperations;
pub use errors::{kind_of, store_error};
use pool::CallLimit;
pub use pool::{PoolWait, PoolWaitSnapshot};
pub use write_concern::WriteConcern;

use self::patches::counted_up;
use super::counters::Counters;
use super::secret::SecretUrl;
use super::{BulkItem, Database, Document, ErrorKind, Page, Patch, StoreError, Version};

/// The most documents in one command. MongoDB takes 100 000, but a reply should not take long.
const MOST_IN_A_COMMAND: usize = 1000;
/// The share of a bound after which the driver gives up looking for a server.
const DRIVER_SHARE: f64 = 0.75;
/// The most bytes of documents in one command. MongoDB takes 16 MiB.
const MOST_BYTES_IN_A_COMMAND: usize = 8 << 20;

crate::choices! {
    /// The nodes of a replica set that may answer reads.
    pub enum ReadPreference {
        /// The one that takes writes.
        Primary = "primary",
        /// Whichever answers soonest, one that is behind too.
        Nearest = "nearest",
    }
}

/// The options of a connection to a MongoDB.
#[derive(Debug, Clone)]
pub struct MongoOptions {
    /// `mongodb://` or `mongodb+srv://`, with the driver's options.
    pub uri: SecretUrl,
    /// The name of the database, which belongs to this run alone.
    pub database: String,
    /// The number of connections that are opened at once and kept.
    pub min_pool_size: u32,
    /// The most connections that may be open.
    pub max_pool_size: u32,
    /// The longest that connecting, or looking for a server, may take.
    pub connect_timeout: Duration,
    /// The longest that a call may take.
    pub response_timeout: Duration,
    /// The write concern of updates.
    pub write_concern: WriteConcern,
    /// The choice of the node that answers reads.
    pub read_preference: ReadPreference,
    /// The name of this client in the server's log.
    pub app_name: String,
}

/// A database in MongoDB. Clones share the pool and the counters.
///
/// Reads are sent once, so that the driver does not hide from the strategy what a failure costs. Writes keep
/// the driver's own retries, which a replica set applies at most once.
#[derive(Clone)]
pub struct MongoDatabase {
    database: mongodb::Database,
    uri: SecretUrl,
    response_timeout: Duration,
    write_concern: WriteConcern,
    pool_wait: PoolWait,
    calls: CallLimit,
    counters: Counters,
}

impl fmt::Debug for MongoDatabase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = self.database.name();
        f.debug_struct("MongoDatabase")
            .field("uri", &self.uri)
            .field("database", &name)
            .finish_non_exhaustive()
    }
}

impl MongoDatabase {
    /// Connects and opens the pool's least number of connections.
    pub async fn connect(options: MongoOptions, counters: Counters) -> Result<Self, StoreError> {
        // Both drivers use the cryptography that is installed here. The second call finds it installed and
        // fails.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let pool_wait = PoolWait::default();
        let failed = |doing: &str, error: &mongodb::error::Error| store_error(error, doing, &options.uri);
        let reading = ClientOptions::parse(options.uri.expose());
        let mut driver = match tokio::time::timeout(options.connect_timeout, reading).await {
            Ok(read) => read.map_err(|error| failed("reading the address", &error))?,
            Err(_) => return Err(timed_out("looking the address up", options.connect_timeout)),
        };
        driver.app_name = Some(options.app_name.clone());
        if options.read_preference == ReadPreference::Nearest {
            let nearest = options::ReadPreference::Nearest { options: None };
            driver.selection_criteria = Some(options::SelectionCriteria::ReadPreference(nearest));
        }
        driver.min_pool_size = Some(options.min_pool_size);
        let connections = options.max_pool_size.max(options.min_pool_size).max(1);
        driver.max_pool_size = Some(connections);
        // With the default of 2, a pool of 64 is slow to fill.
        driver.max_connecting = Some(8);
        // The driver knows why a server is not found, so that its bounds end before those that know nothing.
        let bound = options.connect_timeout.min(options.response_timeout).mul_f64(DRIVER_SHARE);
        driver.connect_timeout = Some(bound);
        driver.server_selection_timeout = Some(bound);
        driver.cmap_event_handler = Some(pool_wait.handler());
        let client = Client::with_options(driver).map_err(|error| failed("reading the address", &error))?;
        let opened = Self {
            database: client.database(&options.database),
            uri: options.uri.clone(),
            response_timeout: options.response_timeout,
            write_concern: options.write_concern,
            calls: CallLimit::new(connections, pool_wait.clone()),
            pool_wait,
            counters,
        };
        opened.warm(options.min_pool_size, options.connect_timeout).await?;
        Ok(opened)
    }

    /// A handle on the same database and pool with counters of its own.
    #[must_use]
    pub fn counted_by(&self, counters: Counters) -> Self {
        Self { counters, ..self.clone() }
    }

    /// The time that calls waited for a connection.
    #[must_use]
    pub fn pool_wait(&self) -> &PoolWait {
        &self.pool_wait
    }

    /// Opens `connections` connections by sending as many pings at once.
    async fn warm(&self, connections: u32, within: Duration) -> Result<(), StoreError> {
        let pings: Vec<_> = (0..connections.max(1))
            .map(|_| {
                let database = self.database.clone();
                tokio::spawn(async move { database.run_command(doc! { "ping": 1 }).await })
            })
            .collect();
        let all = async {
            for ping in pings {
                match ping.await {
                    Ok(answer) => answer.map(drop).map_err(|error| self.error(&error, "connecting"))?,
                    Err(_) => return Err(StoreError::new(ErrorKind::Other, "connecting was interrupted")),
                }
            }
            Ok(())
        };
        match tokio::time::timeout(within, all).await {
            Ok(done) => done,
            Err(_) => Err(timed_out("connecting", within)),
        }
    }

    fn error(&self, error: &mongodb::error::Error, doing: &str) -> StoreError {
        store_error(error, doing, &self.uri)
    }

    /// Waits for a call no longer than the response timeout. The driver closes the connection of a call that
    /// is given up, as it cannot know what the server would still send on it. The driver's futures are large; boxed,
    /// they are not part of the future of every operation.
    async fn bounded<T>(
        &self,
        doing: &str,
        call: impl Future<Output = mongodb::error::Result<T>>,
    ) -> Result<T, StoreError> {
        let deadline = tokio::time::Instant::now() + self.response_timeout;
        let entered = self.calls.enter(deadline).await;
        let _permit = entered.ok_or_else(|| timed_out(doing, self.response_timeout))?;
        match tokio::time::timeout_at(deadline, Box::pin(call)).await {
            Ok(answer) => answer.map_err(|error| self.error(&error, doing)),
            Err(_) => Err(timed_out(doing, self.response_timeout)),
        }
    }

    /// Waits for a read no longer than the response timeout. A read that is given up goes on in the background for as long
    /// again: once its answer has come, its connection is as good as before. To close it instead means to open another, and where
    /// all that were under way have waited in vain, to open all of them at once, while what is due waits and is given up in its
    /// turn, so that a system stays away long after the link is back.
    async fn bounded_read<T: Send + 'static>(
        &self,
        doing: &str,
        call: impl Future<Output = mongodb::error::Result<T>> + Send + 'static,
    ) -> Result<T, StoreError> {
        let deadline = tokio::time::Instant::now() + self.response_timeout;
        let entered = self.calls.enter(deadline).await;
        let permit = entered.ok_or_else(|| timed_out(doing, self.response_timeout))?;
        let mut call = Box::pin(call);
        if let Ok(answer) = tokio::time::timeout_at(deadline, &mut call).await {
            return answer.map_err(|error| self.error(&error, doing));
        }
        let rest = tokio::time::timeout(self.response_timeout, call);
        tokio::spawn(async move {
            let _permit = permit;
            rest.await.map(drop)
        });
        Err(timed_out(doing, self.response_timeout))
    }

    fn collection(&self, name: &str) -> Collection<RawDocumentBuf> {
        self.database.collection(name)
    }

    /// Calls `visit` with each document that a query finds, as it stands in the reply. Each batch of
    /// documents is waited for no longer than the response timeout.
    async fn query(
        &self,
        doing: &str,
        command: RawDocumentBuf,
        mut visit: impl FnMut(&RawDocument) + Send,
    ) -> Result<(), StoreError> {
        let database = self.database.clone();
        let asked = async move { database.run_raw_cursor_command(command).await };
        let mut cursor = self.bounded_read(doing, asked).await?;
        while self.bounded(doing, cursor.advance()).await? {
            visit(cursor.current());
        }
        Ok(())
    }

    async fn versions(
        &self,
        collection: &str,
        items: &[BulkItem],
    ) -> Result<HashMap<String, Version>, StoreError> {
        let mut ids = RawArrayBuf::new();
        for item in items {
            ids.push(item.id.as_str());
        }
        let command = rawdoc! {
            "find": collection, "filter": { "_id": { "$in": ids } },
            "projection": { "_v": 1 }, "batchSize": 10_000,
        };
        let mut versions = HashMap::with_capacity(items.len());
        self.query("looking at what a bulk has done", command, |document| {
            let document = shared(document);
            if let Some(id) = document.id() {
                versions.insert(id.to_string(), document.version());
            }
        })
        .await?;
        Ok(versions)
    }
}

fn timed_out(doing: &str, after: Duration) -> StoreError {
    StoreError::new(ErrorKind::Timeout, format!("{doing} at MongoDB: no answer within {after:?}"))
}

/// Copies a document out of the batch of the reply that it came in.
fn shared(document: &RawDocument) -> Document {
    Document::from_raw(document.to_owned())
}

fn decoded(raw: &RawDocument) -> Result<Decoded, StoreError> {
    Decoded::try_from(raw)
        .map_err(|error| StoreError::new(ErrorKind::Malformed, format!("this patch cannot be read: {error}")))
}

impl Database for MongoDatabase {
    async fn find(&self, collection: &str, id: &str) -> Result<Option<Document>, StoreError> {
        self.counters.database_read();
        let command = rawdoc! {
            "find": collection, "filter": { "_id": id }, "limit": 1, "singleBatch": true,
        };
        let mut found = None;
        self.query("finding a document", command, |document| found = Some(shared(document))).await?;
        Ok(found)
    }

    async fn find_many(
        &self,
        collection: &str,
        ids: &[CompactString],
    ) -> Result<Vec<Option<Document>>, StoreError> {
        self.counters.database_read();
        let mut wanted = RawArrayBuf::new();
        for id in ids {
            wanted.push(id.as_str());
        }
        let most = i64::try_from(ids.len()).unwrap_or(i64::MAX);
        // With a limit the server knows that there is nothing to come back for.
        let command = rawdoc! {
            "find": collection, "filter": { "_id": { "$in": wanted } }, "limit": most, "batchSize": most,
        };
        let mut found: HashMap<CompactString, Document> = HashMap::with_capacity(ids.len());
        self.query("finding documents", command, |document| {
            let document = shared(document);
            if let Some(id) = document.id() {
                found.insert(id.into(), document.clone());
            }
        })
        .await?;
        Ok(ids.iter().map(|id| found.get(id).cloned()).collect())
    }

    async fn find_by_category(
        &self,
        collection: &str,
        category: &str,
        page: Page,
        projection: &[&str],
    ) -> Result<Vec<Document>, StoreError> {
        self.counters.database_read();
        if page.limit == 0 {
            // To MongoDB 0 means no limit.
            return Ok(Vec::new());
        }
        let number = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
        let mut fields = RawDocumentBuf::new();
        for field in projection {
            let field = CString::try_from(*field).map_err(|_| {
                StoreError::new(ErrorKind::Other, "a field to be returned has a zero byte in its name")
            })?;
            fields.append(field, 1_i32);
        }
        let command = rawdoc! {
            "find": collection, "filter": { "category": category }, "sort": { "_id": 1 },
            "skip": number(page.skip), "limit": number(page.limit), "batchSize": number(page.limit),
            "projection": fields,
        };
        let mut found = Vec::new();
        self.query("finding a page of documents", command, |document| found.push(shared(document))).await?;
        Ok(found)
    }

    async fn update(
        &self,
        collection: &str,
        id: &str,
        patch: &Patch,
    ) -> Result<Option<Document>, StoreError> {
        self.counters.database_write();
        let update = decoded(&counted_up(patch))?;
        let collection = self.collection(collection);
        let change =
            collection.find_one_and_update(doc! { "_id": id }, update).return_document(ReturnDocument::After);
        let change = change.write_concern(self.write_concern.driver());
        let merged = self.bounded("updating a document", change.into_future()).await?;
        Ok(merged.map(Document::from_raw))
    }

    async fn insert(&self, collection: &str, document: &Document) -> Result<bool, StoreError> {
        self.counters.database_write();
        let malformed = || StoreError::new(ErrorKind::Malformed, "a document to be inserted cannot be read");
        let raw = document.raw().ok_or_else(malformed)?.to_owned();
        let collection = self.collection(collection);
        let insertion = collection.insert_one(raw).write_concern(self.write_concern.driver());
        let inserting = async {
            match insertion.await {
                Ok(_) => Ok(true),
                Err(error) if errors::is_taken_id(&error) => Ok(false),
                Err(error) => Err(error),
            }
        };
        self.bounded("inserting a document", inserting).await
    }

    async fn delete(&self, collection: &str, id: &str) -> Result<Option<Document>, StoreError> {
        self.counters.database_write();
        let collection = self.collection(collection);
        let deletion = collection.find_one_and_delete(doc! { "_id": id });
        let deletion = deletion.write_concern(self.write_concern.driver());
        let deleted = self.bounded("deleting a document", deletion.into_future()).await?;
        Ok(deleted.map(Document::from_raw))
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
        let mut results = Vec::with_capacity(items.len());
        for run in bulk::runs_of_distinct_ids(items, MOST_IN_A_COMMAND) {
            let command = self.database.run_raw_command(bulk::command(collection, run, self.write_concern));
            let reply = match self.bounded("updating many documents", command.into_future()).await {
                Ok(reply) => bulk::BulkReply::read(&reply),
                // The results of earlier runs are known and must be returned even if a later run fails.
                Err(error) if !results.is_empty() => {
                    results.extend(run.iter().map(|_| Err(error.clone())));
                    continue;
                }
                Err(error) => return Err(error),
            };
            if let Some(error) = &reply.unconfirmed {
                results.extend(run.iter().map(|_| Err(error.clone())));
                continue;
            }
            match reply.results(run) {
                Some(known) => results.extend(known),
                None => match self.versions(collection, run).await {
                    Ok(versions) => results.extend(reply.results_after(run, &versions)),
                    // It can no longer be told which of the items have been applied.
                    Err(error) => {
                        let error = StoreError::new(ErrorKind::Timeout, error.detail);
                        results.extend(run.iter().map(|_| Err(error.clone())));
                    }
                },
            }
        }
        Ok(results)
    }

    async fn put_many(&self, collection: &str, documents: Vec<Document>) -> Result<(), StoreError> {
        if documents.is_empty() {
            return Ok(());
        }
        self.counters.bulk(documents.len());
        let mut rest = documents.as_slice();
        while !rest.is_empty() {
            let (batch, further) = rest.split_at(batch_length(rest));
            let command = replacements(collection, batch)?;
            let run = self.database.run_raw_command(command);
            let reply = self.bounded("storing documents", run.into_future()).await?;
            if let Some(error) = reply.get_array("writeErrors").ok().and_then(|errors| errors.first()) {
                let error = format!("storing documents in \"{collection}\": {error}");
                return Err(StoreError::new(ErrorKind::Other, error));
            }
            rest = further;
        }
        Ok(())
    }

    async fn scan(&self, collection: &str, mut visit: impl FnMut(Document) + Send) -> Result<(), StoreError> {
        self.counters.database_read();
        let command = rawdoc! { "find": collection, "batchSize": 2000 };
        self.query("scanning documents", command, |document| visit(shared(document))).await
    }

    async fn reset(&self, collection: &str) -> Result<(), StoreError> {
        let collection = self.collection(collection);
        self.bounded("dropping a collection", collection.drop().into_future()).await?;
        // With `_id` as its second key, the index returns a page in order without sorting.
        let index = IndexModel::builder()
            .keys(doc! { "category": 1, "_id": 1 })
            .options(IndexOptions::builder().name("category".to_string()).build())
            .build();
        self.bounded("making the category index", collection.create_index(index).into_future()).await?;
        Ok(())
    }
}

/// The number of the documents that go into one command.
fn batch_length(documents: &[Document]) -> usize {
    let mut bytes = 0;
    let fits = documents.iter().take(MOST_IN_A_COMMAND).take_while(|document| {
        bytes += document.bytes().len();
        bytes <= MOST_BYTES_IN_A_COMMAND
    });
    fits.count().max(1)
}

/// The command that replaces the documents with these ids, or inserts those that are missing.
fn replacements(collection: &str, documents: &[Document]) -> Result<RawDocumentBuf, StoreError> {
    let mut updates = RawArrayBuf::new();
    for document in documents {
        let no_id =
            || StoreError::new(ErrorKind::Malformed, "a document to be stored has no text as its _id");
        let (raw, id) = document.raw().zip(document.id()).ok_or_else(no_id)?;
        updates.push(rawdoc! { "q": { "_id": id }, "u": raw.to_owned(), "upsert": true });
    }
    Ok(rawdoc! { "update": collection, "updates": updates, "ordered": false })
}
