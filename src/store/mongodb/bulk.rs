//! Many updates in one `update` command, and the result of each.
//!
//! `Client::bulk_write` would return more detail, but needs a server of version 8.

use std::collections::{HashMap, HashSet};

use mongodb::bson::raw::cstr;
use mongodb::bson::{Document as Decoded, RawArrayBuf, RawDocumentBuf, rawdoc};

use super::errors::kind_of_code;
use super::patches::{counted_up, without_version};
use super::write_concern::WriteConcern;
use crate::store::{BulkItem, ErrorKind, StoreError, Version};

/// The result of one item.
pub(super) type ItemResult = Result<bool, StoreError>;

/// Splits items into runs in which every id occurs once: an unordered command may apply them in any order,
/// and its count of matches is conclusive only if no two items have the same id.
pub(super) fn runs_of_distinct_ids(items: &[BulkItem], most: usize) -> Vec<&[BulkItem]> {
    let (mut runs, mut start, mut seen) = (Vec::new(), 0, HashSet::new());
    for (place, item) in items.iter().enumerate() {
        if !seen.insert(item.id.as_str()) || place - start == most {
            runs.push(&items[start..place]);
            start = place;
            seen.clear();
            seen.insert(item.id.as_str());
        }
    }
    if start < items.len() {
        runs.push(&items[start..]);
    }
    runs
}

/// The command that applies the items, each independent of the others.
pub(super) fn command(collection: &str, items: &[BulkItem], concern: WriteConcern) -> RawDocumentBuf {
    let mut updates = RawArrayBuf::new();
    for item in items {
        updates.push(update(item));
    }
    rawdoc! { "update": collection, "updates": updates, "ordered": false, "writeConcern": concern.raw() }
}

fn update(item: &BulkItem) -> RawDocumentBuf {
    let Some(version) = item.version else {
        return rawdoc! { "q": { "_id": item.id.as_str() }, "u": counted_up(&item.patch) };
    };
    let version = i64::try_from(version).unwrap_or(i64::MAX);
    // `not >=` rather than `<`: it also matches a document that has no version yet.
    let mut set = without_version(&item.patch);
    set.append(cstr!("_v"), version);
    rawdoc! {
        "q": { "_id": item.id.as_str(), "_v": { "$not": { "$gte": version } } },
        "u": { "$set": set },
    }
}

/// The reply: how many items matched, and the errors by item.
pub(super) struct BulkReply {
    matched: usize,
    errors: HashMap<usize, StoreError>,
    /// The error if the write concern was not met. No item counts as done then.
    pub(super) unconfirmed: Option<StoreError>,
}

impl BulkReply {
    pub(super) fn read(reply: &Decoded) -> Self {
        let number = |document: &Decoded, field: &str| {
            document.get_i32(field).map(i64::from).or_else(|_| document.get_i64(field)).unwrap_or(0)
        };
        let errors = reply.get_array("writeErrors").map(Vec::as_slice).unwrap_or_default();
        let errors = errors.iter().filter_map(|error| error.as_document()).map(|error| {
            let kind = kind_of_code(i32::try_from(number(error, "code")).unwrap_or(0));
            let message = error.get_str("errmsg").unwrap_or("no reason given");
            let item = usize::try_from(number(error, "index")).unwrap_or(0);
            (item, StoreError::new(kind, format!("updating one of many documents: {message}")))
        });
        let unconfirmed = reply.get_document("writeConcernError").ok().map(|error| {
            let kind = kind_of_code(i32::try_from(number(error, "code")).unwrap_or(0));
            let message = error.get_str("errmsg").unwrap_or("no reason given");
            // The updates were applied but may be lost, so the error must be an indeterminate one.
            let kind = if kind.is_indeterminate() { kind } else { ErrorKind::Timeout };
            StoreError::new(kind, format!("updating many documents, which were not confirmed: {message}"))
        });
        let matched = usize::try_from(number(reply, "n")).unwrap_or(0);
        Self { matched, errors: errors.collect(), unconfirmed }
    }

    /// The results if the count of matches is enough to tell them: every item without an error is done.
    pub(super) fn results(&self, items: &[BulkItem]) -> Option<Vec<ItemResult>> {
        (self.matched + self.errors.len() >= items.len()).then(|| self.results_by(items, |_| true))
    }

    /// The results if some item was skipped, told by the versions that the documents have after the command.
    ///
    /// A version belongs to one write, so a document with exactly the item's version holds the item. If the
    /// document has a newer version or is missing, the item counts as skipped. It may also have been applied
    /// and then overtaken before the versions were read, but its change is no longer the newest either way.
    /// An item without a version is done if there is a document.
    pub(super) fn results_after(
        &self,
        items: &[BulkItem],
        versions: &HashMap<String, Version>,
    ) -> Vec<ItemResult> {
        self.results_by(items, |item| match (versions.get(&item.id), item.version) {
            (Some(held), Some(version)) => *held == version,
            (held, None) => held.is_some(),
            (None, Some(_)) => false,
        })
    }

    fn results_by(&self, items: &[BulkItem], done: impl Fn(&BulkItem) -> bool) -> Vec<ItemResult> {
        let result = |(place, item)| match self.errors.get(&place) {
            Some(error) => Err(error.clone()),
            None => Ok(done(item)),
        };
        items.iter().enumerate().map(result).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::Patch;
    use mongodb::bson::doc;

    fn item(id: &str, version: Version) -> BulkItem {
        BulkItem { id: id.into(), patch: Patch::new(), version: Some(version) }
    }

    #[test]
    fn an_id_occurs_once_in_a_run_and_the_order_stays() {
        let items = [item("a", 1), item("b", 1), item("a", 2), item("c", 1)];
        let runs = runs_of_distinct_ids(&items, 100);
        assert_eq!(runs.iter().map(|run| run.len()).collect::<Vec<_>>(), [2, 2]);
        assert_eq!(runs.concat(), items);
        assert_eq!(runs_of_distinct_ids(&items, 1).len(), 4);
        assert!(runs_of_distinct_ids(&[], 1).is_empty());
    }

    #[test]
    fn an_item_is_done_where_the_document_has_its_version_and_failed_where_the_server_says_so() {
        let items = [item("a", 5), item("b", 5), item("c", 5), item("d", 5)];
        let reply = BulkReply::read(&doc! {
            "n": 1, "writeErrors": [{ "index": 3, "code": 13, "errmsg": "not allowed" }],
        });
        assert!(reply.results(&items).is_none());
        let versions = HashMap::from([("a".to_string(), 5), ("b".to_string(), 7)]);
        let results = reply.results_after(&items, &versions);
        assert_eq!(results[..3], [Ok(true), Ok(false), Ok(false)]);
        assert_eq!(results[3].as_ref().unwrap_err().kind, ErrorKind::Denied);
    }

    #[test]
    fn the_command_says_what_the_server_has_to_wait_for() {
        let command = command("things", &[item("a", 1)], WriteConcern::Journaled);
        let concern = command.get_document("writeConcern").unwrap();
        assert_eq!((concern.get_i32("w").unwrap(), concern.get_bool("j").unwrap()), (1, true));
    }

    #[test]
    fn what_the_server_could_not_confirm_is_neither_done_nor_given_up() {
        let reply = BulkReply::read(&doc! {
            "n": 1, "writeConcernError": { "code": 64, "errmsg": "waiting for replication timed out" },
        });
        assert_eq!(reply.unconfirmed.unwrap().kind, ErrorKind::Timeout);
    }
}
