//! What the database is given of an entity.

use crate::store::{BulkItem, Document, Patch, StoreError, Version};

/// An update of everything but `_id`, left out where the database has this version or a newer one.
pub(super) fn item(id: &str, version: Version, document: &Document) -> Result<BulkItem, StoreError> {
    Ok(BulkItem { id: id.to_owned(), patch: Patch::of_whole(document)?, version: Some(version) })
}
