//! Sessions of users: they log in, browse, idle and leave.
//!
//! A log-in mints a token (a JWT signed by HS256, with an id of its own) and puts its session into the cache, beside
//! the user's others under one key. A client that shows the token is let in if the signature is right, the token has
//! not expired, *and* its session is there; a log-out removes the session at once, from one device or from all. A
//! user's permissions come from an authorisation service that is slow, and the user's record from the database; both
//! are served by the strategy that is compared.

pub mod documents;
#[cfg(test)]
mod forgeries;
pub mod ledger;
pub mod secret;
pub mod site;
#[cfg(test)]
mod testing;
pub mod thinking;
pub mod token;
pub mod world;

use std::time::Duration;

use documents::Users;
use secret::NamedSecret;
use site::Site;
use thinking::Thinking;
use world::Shared;

use super::{
    EntityKind, EntityStrategy, Facts, Figure, Judged, Model, OperationClass, OperationKind, Parts, Served,
};
use crate::scenario::{Positive, Setting as _};
use crate::source::{Collection, Service};
use crate::store::Changes;
use crate::strategy::StrategyCache;
use crate::units::Share;

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

const fn operation(
    name: &'static str,
    class: OperationClass,
    shows: &'static [usize],
    share: f64,
) -> OperationKind {
    OperationKind { name, class, can_be_absent: false, shows, share }
}

impl Model for Spec {
    const ENTITIES: &'static [EntityKind] = &[
        EntityKind {
            name: "permissions",
            collection: Some("permissions"),
            fields: ["granted", ""],
            served: Served::ByStrategy,
            made_of: None,
        },
        EntityKind {
            name: "user",
            collection: Some("users"),
            fields: ["display_name", ""],
            served: Served::ByStrategy,
            made_of: None,
        },
        EntityKind {
            name: "session",
            collection: None,
            fields: ["", ""],
            served: Served::InTheCache,
            made_of: None,
        },
    ];
    const OPERATIONS: &'static [OperationKind] = &[
        operation("log_in", OperationClass::Write, &[SESSION], 0.03),
        operation("validate", OperationClass::Read, &[SESSION], 0.50),
        operation("permissions", OperationClass::Read, &[PERMISSIONS, SESSION], 0.25),
        operation("profile", OperationClass::Read, &[USER, SESSION], 0.12),
        operation("update_profile", OperationClass::Write, &[USER, SESSION], 0.02),
        operation("revoke", OperationClass::Write, &[PERMISSIONS], 0.01),
        operation("log_out", OperationClass::Write, &[SESSION], 0.02),
        operation("log_out_everywhere", OperationClass::Write, &[SESSION], 0.01),
        operation("replay", OperationClass::Read, &[SESSION], 0.04),
    ];
    type Dataset = Users;
    type World = Shared;
    type Instance<C: StrategyCache, D: Changes> = Site<C, EntityStrategy<C, D>, EntityStrategy<C, D>>;

    fn dataset(&self, facts: Facts) -> Users {
        Users::new(&facts)
    }

    fn key_prefix(&self, entity: usize) -> &'static str {
        ["permissions:", "user:", "session:"].get(entity).copied().unwrap_or_default()
    }

    fn ttl(&self, entity: usize) -> Option<Duration> {
        let ttls = [self.permissions_ttl, self.user_ttl, self.session_ttl];
        ttls.get(entity).map(|ttl| ttl.0)
    }

    fn service_latency(&self, entity: usize) -> Option<Duration> {
        (entity == PERMISSIONS).then_some(self.service_latency)
    }

    fn figures(&self, entities: &[Judged]) -> Vec<Figure> {
        let millis = |name, age: Option<Duration>| {
            let value = age.map(|age| (age.as_secs_f64() * 1e6).round() / 1e3);
            Figure { name, value, unit: "ms" }
        };
        let of_permissions = entities.get(PERMISSIONS).copied().unwrap_or_default();
        // Without an audited read of permissions, the age is unknown.
        let seen = (of_permissions.audited > 0).then(|| of_permissions.oldest.unwrap_or_default());
        vec![millis("revocation_seen_max_ms", seen), millis("revocation_bound_ms", of_permissions.bound)]
    }

    fn build<C: StrategyCache, D: Changes>(&self, parts: Parts<C, D, Self>) -> Self::Instance<C, D> {
        let Parts { cache, database, kinds, strategies, dataset, world, .. } = parts;
        let of = |entity: usize| {
            let collection = Self::ENTITIES[entity].collection.unwrap_or_default();
            Collection::new(database.clone(), collection, kinds[entity].clone())
        };
        let service = Service::new(of(PERMISSIONS), self.service_latency);
        // The signing key is made now, so that no user's first token takes longer than the others.
        world.tokens(self.secret.as_ref().map(|named| &named.secret));
        Site {
            permissions: strategies[PERMISSIONS].build(cache.clone(), service.into()),
            users: strategies[USER].build(cache.clone(), of(USER).into()),
            cache,
            sessions: kinds[SESSION].clone(),
            session_ttl: self.session_ttl.0,
            thinking: Thinking { mean: self.think_time, idle_share: self.idle_share, idle: self.idle_time },
            count: dataset.count(),
            world,
        }
    }

    fn mistakes(&self, _facts: &Facts) -> Vec<(&'static str, String, String)> {
        if self.session_ttl.0 >= Duration::from_secs(1) {
            return Vec::new();
        }
        let message =
            format!("{} is less than a second, and tokens know whole seconds", self.session_ttl.show());
        vec![("application.session_ttl", message, "give a second or more".into())]
    }
}
