//! Commands that hotset itself sends to a MongoDB. They are not counted.

use mongodb::bson::doc;

use super::MongoDatabase;
use crate::store::{ErrorKind, StoreError};

/// The counts of operations of a MongoDB since it started.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct MongoOperations {
    /// Queries.
    pub query: u64,
    /// Updates, each item of a bulk as one.
    pub update: u64,
    /// Inserted documents.
    pub insert: u64,
    /// Commands of other kinds, findAndModify among them.
    pub command: u64,
    /// Open connections, this client's and others'.
    pub connections: u64,
}

impl MongoDatabase {
    /// The version of the server.
    pub async fn server_version(&self) -> Result<String, StoreError> {
        let info = self.command("asking for the version", doc! { "buildInfo": 1 }).await?;
        Ok(info.get_str("version").unwrap_or("unknown").to_string())
    }

    /// The server's counts since it started.
    pub async fn operations(&self) -> Result<MongoOperations, StoreError> {
        // The costly sections are left out, so that a command a second is no load for the server.
        let ask = doc! {
            "serverStatus": 1, "repl": 0, "metrics": 0, "locks": 0, "wiredTiger": 0, "tcmalloc": 0,
            "mirroredReads": 0, "transactions": 0, "flowControl": 0, "storageEngine": 0,
        };
        let status = self.command("asking for the status", ask).await?;
        let number = |section: &str, field: &str| {
            let value = status.get_document(section).ok().and_then(|section| section.get(field));
            let value = value.and_then(|value| value.as_i64().or_else(|| value.as_i32().map(i64::from)));
            value.and_then(|value| u64::try_from(value).ok()).unwrap_or(0)
        };
        Ok(MongoOperations {
            query: number("opcounters", "query"),
            update: number("opcounters", "update"),
            insert: number("opcounters", "insert"),
            command: number("opcounters", "command"),
            connections: number("connections", "current"),
        })
    }

    /// Removes the whole database, which belongs to this run.
    pub async fn drop_database(&self) -> Result<(), StoreError> {
        self.bounded("dropping the database", self.database.drop().into_future()).await
    }

    /// Removes the whole database, which belongs to this run. A user who may not drop it drops its collections one by
    /// one, after which there is no database either. Where nothing has been written yet, the error of a user who may do
    /// neither comes before there is anything to be left.
    pub async fn remove_all(&self) -> Result<(), StoreError> {
        let refused = match self.drop_database().await {
            Err(error) if error.kind == ErrorKind::Denied => error,
            done => return done,
        };
        let doing = "dropping the collections";
        let named = self.bounded(doing, self.database.list_collection_names().into_future()).await;
        for name in named.map_err(|_| refused)? {
            let collection = self.database.collection::<mongodb::bson::Document>(&name);
            self.bounded(doing, collection.drop().into_future()).await?;
        }
        Ok(())
    }

    async fn command(
        &self,
        doing: &str,
        command: mongodb::bson::Document,
    ) -> Result<mongodb::bson::Document, StoreError> {
        self.bounded(doing, self.database.run_command(command).into_future()).await
    }
}
