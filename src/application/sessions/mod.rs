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
pub mod settings;
pub mod site;
#[cfg(test)]
mod testing;
pub mod thinking;
pub mod token;
pub mod world;

use std::time::Duration;

use documents::Users;
pub use settings::{PERMISSIONS, SESSION, Spec, USER, operations};
use site::Site;
use thinking::Thinking;
use world::SharedSessions;

use super::{
    DatasetParameters, EntityKind, EntityStrategy, Figure, Judged, Model, OperationClass, OperationKind,
    Parts, Served,
};
use crate::scenario::Setting as _;
use crate::store::Changes;
use crate::strategy::StrategyCache;
use crate::strategy::source::{Collection, Service};

const fn operation(
    name: &'static str,
    class: OperationClass,
    shows: &'static [usize],
    share: f64,
) -> OperationKind {
    OperationKind { name, class, can_be_absent: false, shows, share }
}

impl Model for Spec {
    const KEEPS_SESSIONS: bool = true;
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
    type World = SharedSessions;
    type Instance<C: StrategyCache, D: Changes> = Site<C, EntityStrategy<C, D>, EntityStrategy<C, D>>;

    fn dataset(&self, facts: DatasetParameters) -> Users {
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

    fn mistakes(&self, _facts: &DatasetParameters) -> Vec<(&'static str, String, String)> {
        if self.session_ttl.0 >= Duration::from_secs(1) {
            return Vec::new();
        }
        let message =
            format!("{} is less than a second, and tokens know whole seconds", self.session_ttl.show());
        vec![("application.session_ttl", message, "give a second or more".into())]
    }
}
