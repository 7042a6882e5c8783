//! The settings of sessions, and the indices of their kinds of entity and operations.

use std::time::Duration;

use super::secret::NamedSecret;
use crate::base::units::Share;
use crate::scenario::Positive;

crate::settings! {
    /// The settings of sessions.
    pub struct Spec {
        /// how long a session lives, and so its token; tokens know whole seconds
        session_ttl: Positive = Positive::seconds(86_400),
        /// how long the permissions of a user may be served from the cache
        permissions_ttl: Positive = Positive::seconds(1_800),
        /// how long the record of a user may be served from the cache
        user_ttl: Positive = Positive::seconds(3_600),
        /// how long the authorisation service takes to answer, besides what its database takes
        service_latency: Duration = Duration::from_millis(100),
        /// the mean pause of a client of a closed loop between two operations, exponentially distributed
        think_time: Duration = Duration::ZERO,
        /// the share of those pauses in which the client idles instead
        idle_share: Share = Share::NONE,
        /// how long an idle client pauses
        idle_time: Duration = Duration::from_secs(30),
        /// what tokens are signed with: "${NAME}" for 32 bytes or more from the environment; left out, a secret is made for the run
        secret: Option<NamedSecret> = None,
    }
}

/// The index of a user's permissions among the kinds of entity.
pub const PERMISSIONS: usize = 0;
/// The index of a user's record among the kinds of entity.
pub const USER: usize = 1;
/// The index of a user's session among the kinds of entity.
pub const SESSION: usize = 2;

/// The indices of operations.
pub mod operations {
    #![allow(missing_docs, reason = "each is described in the table of operations")]
    pub const LOG_IN: u8 = 0;
    pub const VALIDATE: u8 = 1;
    pub const PERMISSIONS: u8 = 2;
    pub const PROFILE: u8 = 3;
    pub const UPDATE_PROFILE: u8 = 4;
    pub const REVOKE: u8 = 5;
    pub const LOG_OUT: u8 = 6;
    pub const LOG_OUT_EVERYWHERE: u8 = 7;
    pub const REPLAY: u8 = 8;
}
