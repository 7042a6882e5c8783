//! The table of all applications, one row each, from which the registry and the enums are made.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;

use super::{
    Answer, Application, Damage, Dataset, DatasetParameters, EntityKind, EntityRef, Figure, Judged, Model,
    OperationKind, Parts, Visitor, World, catalog, ecommerce, sessions,
};
use crate::audit::Seen;
use crate::load::workload::Operation;
use crate::scenario::{Reader, SettingDoc, Settings};
use crate::store::{Changes, Document, StoreError, Version};
use crate::strategy::source::Keyspace;
use crate::strategy::{Backlog, StrategyCache, StrategySpec, WriteError};

/// An application as `hotset list applications` shows it.
pub struct ApplicationRow {
    /// Its name in a scenario.
    pub name: &'static str,
    /// A summary of one line.
    pub summary: &'static str,
    /// Its settings.
    pub docs: fn() -> Vec<SettingDoc>,
    /// Reads its settings.
    pub read: fn(&Reader<'_>) -> ApplicationSpec,
}

/// Generates the registry and the enums over all applications, from one row for each.
macro_rules! applications {
    ($( $name:literal => $variant:ident, $module:ident, $summary:literal; )+) => {
        /// Every application there is.
        pub const REGISTRY: &[ApplicationRow] = &[ $( ApplicationRow {
            name: $name,
            summary: $summary,
            docs: <$module::Spec as Settings>::docs,
            read: |reader| ApplicationSpec::$variant(<$module::Spec as Settings>::read(reader)),
        }, )+ ];

        /// An application with its settings.
        #[derive(Debug, Clone, PartialEq)]
        #[allow(missing_docs, reason = "each is documented in its own file")]
        pub enum ApplicationSpec { $( $variant($module::Spec), )+ }

        impl ApplicationSpec {
            /// Its name in a scenario.
            #[must_use]
            pub fn name(&self) -> &'static str {
                match self { $( Self::$variant(_) => $name, )+ }
            }

            /// Its kinds of entity.
            #[must_use]
            pub fn entities(&self) -> &'static [EntityKind] {
                match self { $( Self::$variant(_) => $module::Spec::ENTITIES, )+ }
            }

            /// Its kinds of operation.
            #[must_use]
            pub fn operations(&self) -> &'static [OperationKind] {
                match self { $( Self::$variant(_) => $module::Spec::OPERATIONS, )+ }
            }

            /// See [`Model::key_prefix`].
            #[must_use]
            pub fn key_prefix(&self, entity: usize) -> &'static str {
                match self { $( Self::$variant(spec) => spec.key_prefix(entity), )+ }
            }

            /// See [`Model::ttl`].
            #[must_use]
            pub fn ttl(&self, entity: usize) -> Option<Duration> {
                match self { $( Self::$variant(spec) => spec.ttl(entity), )+ }
            }

            /// See [`Model::service_latency`].
            #[must_use]
            pub fn service_latency(&self, entity: usize) -> Option<Duration> {
                match self { $( Self::$variant(spec) => spec.service_latency(entity), )+ }
            }

            /// See [`Model::figures`].
            #[must_use]
            pub fn figures(&self, entities: &[Judged]) -> Vec<Figure> {
                match self { $( Self::$variant(spec) => spec.figures(entities), )+ }
            }

            /// See [`Model::dataset`].
            #[must_use]
            pub fn dataset(&self, facts: DatasetParameters) -> AnyDataset {
                match self { $( Self::$variant(spec) => AnyDataset::$variant(spec.dataset(facts)), )+ }
            }

            /// See [`Model::mistakes`].
            #[must_use]
            pub fn mistakes(&self, facts: &DatasetParameters) -> Vec<(&'static str, String, String)> {
                match self { $( Self::$variant(spec) => spec.mistakes(facts), )+ }
            }

            /// A new world of the application.
            #[must_use]
            pub fn world(&self) -> AnyWorld {
                match self { $( Self::$variant(_) => AnyWorld::$variant(Arc::default()), )+ }
            }

            /// See [`Model::HAS_SIDECAR`].
            #[must_use]
            pub fn has_sidecar(&self) -> bool {
                match self { $( Self::$variant(_) => $module::Spec::HAS_SIDECAR, )+ }
            }

            /// See [`Model::KEEPS_STREAMS`].
            #[must_use]
            pub fn uses_streams(&self) -> bool {
                match self { $( Self::$variant(_) => $module::Spec::KEEPS_STREAMS, )+ }
            }

            /// See [`Model::KEEPS_SESSIONS`].
            #[must_use]
            pub fn uses_sessions(&self) -> bool {
                match self { $( Self::$variant(_) => $module::Spec::KEEPS_SESSIONS, )+ }
            }

            /// See [`Model::run_sidecar`].
            pub async fn run_sidecar<C: StrategyCache>(
                &self,
                cache: C,
                world: AnyWorld,
                ended: watch::Receiver<bool>,
            ) {
                match (self, world) {
                    $( (Self::$variant(spec), AnyWorld::$variant(world)) => spec.run_sidecar(cache, world, ended).await, )+
                    #[allow(unreachable_patterns, reason = "reachable as soon as there are two")]
                    _ => {}
                }
            }

            /// Builds one instance; `None` where the world is another application's.
            pub fn build<C: StrategyCache, D: Changes>(
                &self,
                number: u64,
                stores: (C, D),
                (kinds, strategies): (Vec<Keyspace>, Vec<StrategySpec>),
                facts: DatasetParameters,
                world: AnyWorld,
            ) -> Option<AnyApplication<C, D>> {
                let (cache, database) = stores;
                match (self, world) {
                    $( (Self::$variant(spec), AnyWorld::$variant(world)) => {
                        let dataset = spec.dataset(facts);
                        let parts = Parts { number, cache, database, kinds, strategies, dataset, world };
                        Some(AnyApplication::$variant(spec.build(parts)))
                    } )+
                    #[allow(unreachable_patterns, reason = "reachable as soon as there are two")]
                    _ => None,
                }
            }
        }

        /// The documents of any application.
        #[derive(Debug)]
        #[allow(missing_docs, reason = "each is documented in its own file")]
        pub enum AnyDataset { $( $variant(<$module::Spec as Model>::Dataset), )+ }

        impl Dataset for AnyDataset {
            fn entities(&self) -> &'static [EntityKind] {
                match self { $( Self::$variant(dataset) => dataset.entities(), )+ }
            }
            fn len(&self) -> u64 {
                match self { $( Self::$variant(dataset) => dataset.len(), )+ }
            }
            fn is_there_at_first(&self, subject: u64) -> bool {
                match self { $( Self::$variant(dataset) => dataset.is_there_at_first(subject), )+ }
            }
            fn place(&self, subject: u64) -> EntityRef {
                match self { $( Self::$variant(dataset) => dataset.place(subject), )+ }
            }
            fn document(&self, subject: u64) -> Document {
                match self { $( Self::$variant(dataset) => dataset.document(subject), )+ }
            }
            fn verify(&self, subject: u64, version: Version, document: &Document) -> Result<Seen, Damage> {
                match self { $( Self::$variant(dataset) => dataset.verify(subject, version, document), )+ }
            }
        }

        /// The world of any application.
        #[derive(Debug, Clone)]
        #[allow(missing_docs, reason = "each is documented in its own file")]
        pub enum AnyWorld { $( $variant(Arc<<$module::Spec as Model>::World>), )+ }

        impl AnyWorld {
            /// See [`World::begin_measuring`].
            pub fn begin_measuring(&self) {
                match self { $( Self::$variant(world) => world.begin_measuring(), )+ }
            }

            /// See [`World::figures`].
            #[must_use]
            pub fn figures(&self) -> Vec<Figure> {
                match self { $( Self::$variant(world) => world.figures(), )+ }
            }
        }

        /// An instance of any application; delegates without a box or a vtable.
        #[allow(missing_docs, reason = "each is documented in its own file")]
        pub enum AnyApplication<C: StrategyCache, D: Changes> {
            $( $variant(<$module::Spec as Model>::Instance<C, D>), )+
        }

        impl<C: StrategyCache, D: Changes> Application for AnyApplication<C, D> {
            async fn perform(&self, visitor: &mut Visitor, operation: &Operation) -> Result<Answer, WriteError> {
                match self { $( Self::$variant(application) => application.perform(visitor, operation).await, )+ }
            }
            fn pause_after(&self, visitor: &Visitor, operation: &Operation) -> Duration {
                match self { $( Self::$variant(application) => application.pause_after(visitor, operation), )+ }
            }
            async fn recover(&self) -> Result<u64, StoreError> {
                match self { $( Self::$variant(application) => application.recover().await, )+ }
            }
            async fn drain(&self, bound: Duration) -> Result<(), StoreError> {
                match self { $( Self::$variant(application) => application.drain(bound).await, )+ }
            }
            fn backlog(&self) -> Backlog {
                match self { $( Self::$variant(application) => application.backlog(), )+ }
            }
        }
    };
}

applications! {
    "catalog" => Catalog, catalog, "products that are read and changed one at a time";
    "ecommerce" => Ecommerce, ecommerce, "a shop: product details with live stock, pages of categories, prices that change";
    "sessions" => Sessions, sessions, "users who log in, are let in by a signed token and a session, and log out; permissions from a slow service";
}

impl Default for ApplicationSpec {
    fn default() -> Self {
        Self::Catalog(catalog::Spec::default())
    }
}
