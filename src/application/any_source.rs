//! One enum of the sources of all applications. A strategy is compiled once for all of them, and the path of an
//! operation neither boxes nor calls through a vtable.

use super::ecommerce::pages::{Epochs, Pages};
use crate::store::{BulkItem, Cache, ChangeFeed, Changes, Document, Patch, StoreError};
use crate::strategy::AnyStrategy;
use crate::strategy::source::dependents::WithDependents;
use crate::strategy::source::service::Service;
use crate::strategy::source::{Collection, Keyspace, Source};

/// The strategy of one kind of entity of any application.
pub type EntityStrategy<C, D> = AnyStrategy<C, AnySource<C, D>>;

/// Generates the enum and its delegation to whichever source it holds.
///
/// Each call is boxed. It goes to the database, beside which an allocation costs nothing; the future of every read, of
/// which most do not, would have to hold it otherwise, and to be moved with it.
macro_rules! sources {
    ($( $(#[doc = $meaning:literal])+ $variant:ident($source:ty), )+) => {
        /// A source of any application.
        #[derive(Debug, Clone)]
        pub enum AnySource<C, D> { $( $(#[doc = $meaning])+ $variant($source), )+ }

        $( impl<C, D> From<$source> for AnySource<C, D> {
            fn from(source: $source) -> Self {
                Self::$variant(source)
            }
        } )+

        impl<C: Cache, D: Changes> Source for AnySource<C, D> {
            fn kind(&self) -> &Keyspace {
                match self { $( Self::$variant(source) => source.kind(), )+ }
            }
            async fn load(&self, id: &str) -> Result<Option<Document>, StoreError> {
                match self { $( Self::$variant(source) => Box::pin(source.load(id)).await, )+ }
            }
            async fn update(&self, id: &str, patch: &Patch) -> Result<Option<Document>, StoreError> {
                match self { $( Self::$variant(source) => Box::pin(source.update(id, patch)).await, )+ }
            }
            async fn insert(&self, entity: &Document) -> Result<bool, StoreError> {
                match self { $( Self::$variant(source) => Box::pin(source.insert(entity)).await, )+ }
            }
            async fn delete(&self, id: &str) -> Result<Option<Document>, StoreError> {
                match self { $( Self::$variant(source) => Box::pin(source.delete(id)).await, )+ }
            }
            async fn related(&self, id: &str, most: u64) -> Result<Vec<String>, StoreError> {
                match self { $( Self::$variant(source) => Box::pin(source.related(id, most)).await, )+ }
            }
            async fn changes(&self) -> Result<ChangeFeed, StoreError> {
                match self { $( Self::$variant(source) => Box::pin(source.changes()).await, )+ }
            }
            async fn update_many(
                &self,
                items: &[BulkItem],
            ) -> Result<Vec<Result<bool, StoreError>>, StoreError> {
                match self { $( Self::$variant(source) => Box::pin(source.update_many(items)).await, )+ }
            }
        }
    };
}

sources! {
    /// The documents of a collection.
    Collection(Collection<D>),
    /// Products, whose categories' pages change with them.
    Products(WithDependents<Collection<D>, Epochs<C>>),
    /// Pages of categories.
    Pages(Pages<D>),
    /// Answers of a service.
    Service(Service<Collection<D>>),
}
