//! Patches as updates of the database.

use mongodb::bson::raw::cstr;
use mongodb::bson::{RawDocumentBuf, rawdoc};

use crate::store::Patch;
use crate::store::document::VERSION_FIELD;

/// The fields of a patch without the version, which a patch must not set.
pub(super) fn without_version(patch: &Patch) -> RawDocumentBuf {
    let mut fields = RawDocumentBuf::new();
    for (name, value) in patch.raw().iter().flatten() {
        if name.as_str() != VERSION_FIELD {
            fields.append(name, value);
        }
    }
    fields
}

/// The update that sets a patch's fields and counts the version up.
pub(super) fn counted_up(patch: &Patch) -> RawDocumentBuf {
    let set = without_version(patch);
    let mut update = rawdoc! { "$inc": { "_v": 1_i64 } };
    // Servers before 5.0 refuse an empty `$set`.
    if !set.is_empty() {
        update.append(cstr!("$set"), set);
    }
    update
}
