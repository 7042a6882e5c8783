//! Tasks that a strategy runs beside its operations. They end when the strategy is dropped, and one that
//! panics is started again.

use std::future::Future;
use std::time::Duration;

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use tokio::task::JoinHandle;

/// The time between a panic of a task and its next start.
const RESTART_AFTER: Duration = Duration::from_millis(100);

/// A task that ends when this is dropped.
#[derive(Debug)]
pub struct Background(JoinHandle<()>);

impl Background {
    /// Starts a task on the runtime of the caller.
    pub fn start(task: impl Future<Output = ()> + Send + 'static) -> Self {
        Self(spawn(task))
    }

    /// Starts a task that is made again after a panic and that ends when it returns.
    pub fn supervised<F>(name: &'static str, make: impl Fn() -> F + Send + 'static) -> Self
    where
        F: Future<Output = ()> + Send + 'static,
    {
        Self::start(supervise(name, Box::new(move || make().boxed())))
    }
}

async fn supervise(name: &'static str, make: Box<dyn Fn() -> BoxFuture<'static, ()> + Send>) {
    loop {
        // The supervisor holds the only handle, so the task is aborted with it.
        let mut task = Background::start(make());
        match (&mut task.0).await {
            Ok(()) => return,
            Err(error) => tracing::error!("{name} ended by a mistake in hotset: {error}"),
        }
        tokio::time::sleep(RESTART_AFTER).await;
    }
}

/// Starts a task as `tokio::spawn` does. It is boxed first: the runtime's part of a task, some 2 000 lines of the compiler's
/// intermediate language, is then compiled once, and not for every strategy on every store.
pub fn spawn<T: Send + 'static>(task: impl Future<Output = T> + Send + 'static) -> JoinHandle<T> {
    tokio::spawn(task.boxed())
}

impl Drop for Background {
    fn drop(&mut self) {
        self.0.abort();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_supervised_task_that_panics_is_started_again_and_ends_with_its_owner() {
        let starts = Arc::new(AtomicU32::new(0));
        let counted = Arc::clone(&starts);
        let task = Background::supervised("a test", move || {
            let start = counted.fetch_add(1, Ordering::Relaxed);
            async move {
                tokio::time::sleep(Duration::from_millis(1)).await;
                assert!(start >= 1, "the first start fails on purpose");
                std::future::pending::<()>().await;
            }
        });
        tokio::time::sleep(Duration::from_secs(1)).await;
        assert_eq!(starts.load(Ordering::Relaxed), 2);
        assert_eq!(Arc::strong_count(&starts), 2);
        drop(task);
        tokio::time::sleep(Duration::from_millis(1)).await;
        assert_eq!(Arc::strong_count(&starts), 1, "the task is gone");
    }
}
