//! The removal of all that a run wrote to servers of others, for as long as the user who wants to leave waits.

use std::time::Duration;

use crate::base::clock;
use crate::base::interrupt::Interrupt;
use crate::base::observer::{Event, Observer};
use crate::topology::{CacheDeployment, TopologyError};

/// The longest time that a server that is not hotset's own may take to answer once the user wants to leave.
const ANSWER_BOUND: Duration = Duration::from_millis(400);
/// The longest time that one that answers may take to remove what this run wrote.
const TIDY_BOUND: Duration = Duration::from_secs(15);

/// Removes what a run wrote. Once the user wants to leave, only a server that `answers` is given more than a moment.
///
/// # Errors
/// Why it may still be there.
pub(super) async fn tidy<A>(
    interrupt: &Interrupt,
    observer: &dyn Observer,
    what: &str,
    answers: impl Future<Output = A>,
    removing: impl Future<Output = Result<(), TopologyError>>,
) -> Result<(), String> {
    let takes_too_long = async {
        interrupt.wait().await;
        if tokio::time::timeout(ANSWER_BOUND, answers).await.is_ok() {
            let told = format!("removing {what} takes a while; once more ends at once, and leaves it there");
            tokio::time::sleep(ANSWER_BOUND).await;
            observer.observe(Event::Warning { what: told });
            tokio::time::sleep(TIDY_BOUND).await;
        }
    };
    tokio::select! {
        biased;
        removed = removing => removed.map_err(|error| error.to_string()),
        () = takes_too_long => Err("the server did not answer in time".into()),
    }
}

/// The time after which it is told why emptying a cache takes long.
const TOLD_AFTER: Duration = Duration::from_secs(2);

/// Empties a cache. On servers of others that means to look through all keys.
///
/// # Errors
/// Why something may still be there.
pub(super) async fn clear(cache: &CacheDeployment, observer: &dyn Observer) -> Result<(), TopologyError> {
    let mut clearing = Box::pin(cache.clear());
    if !cache.is_external() {
        return clearing.await;
    }
    if let Ok(cleared) = tokio::time::timeout(TOLD_AFTER, &mut clearing).await {
        return cleared;
    }
    if let Some(figures) = Box::pin(cache.figures()).await {
        let what = format!(
            "looking for keys of this run among the {} that the cache's servers hold",
            figures.entries
        );
        observer.observe(Event::Note { what });
    }
    clearing.await
}

/// The time after which a command that was on its way when its connection was closed has been carried out.
const ON_ITS_WAY: Duration = Duration::from_millis(50);

/// Empties a cache in which nobody of this run writes any more. Whoever wants to leave does not wait for a second look.
///
/// # Errors
/// Why something may still be there.
pub(super) async fn clear_at_the_end(
    cache: &CacheDeployment,
    interrupt: &Interrupt,
    observer: &dyn Observer,
) -> Result<(), TopologyError> {
    if !interrupt.is_set() {
        return clear(cache, observer).await;
    }
    clock::sleep(ON_ITS_WAY).await;
    cache.flush().await
}
