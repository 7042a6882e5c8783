//! What MongoDB has done with a change when it acknowledges it.

use mongodb::bson::{RawDocumentBuf, rawdoc};
use mongodb::options;

crate::choices! {
    /// The state of a change when MongoDB acknowledges it.
    pub enum WriteConcern {
        /// The server has it in its memory (`w: 1`).
        W1 = "w1",
        /// The server has it in its journal on disk (`w: 1, j: true`): a kill takes nothing back.
        Journaled = "journaled",
        /// A majority of the replica set has it in its journals (`w: "majority"`).
        Majority = "majority",
    }
}

impl WriteConcern {
    /// The write concern as a command's document.
    pub(super) fn raw(self) -> RawDocumentBuf {
        match self {
            Self::W1 => rawdoc! { "w": 1_i32 },
            Self::Journaled => rawdoc! { "w": 1_i32, "j": true },
            Self::Majority => rawdoc! { "w": "majority" },
        }
    }

    /// The write concern as the driver's type.
    pub(super) fn driver(self) -> options::WriteConcern {
        match self {
            Self::W1 => options::WriteConcern::nodes(1),
            Self::Journaled => {
                options::WriteConcern::builder().w(options::Acknowledgment::Nodes(1)).journal(true).build()
            }
            Self::Majority => options::WriteConcern::majority(),
        }
    }
}
