//! Announcements of changed documents by whichever database it is.

use super::AnyDatabase;
use crate::store::StoreError;
use crate::store::changes::{ChangeFeed, Changes};

impl Changes for AnyDatabase {
    async fn changes(&self, collection: &str) -> Result<ChangeFeed, StoreError> {
        match self {
            Self::Embedded(database) => database.changes(collection).await,
            Self::Mongo(database) => database.changes(collection).await,
        }
    }
}
