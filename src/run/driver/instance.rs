//! One instance of the application, which a fault may crash: it loses all that it holds in memory,
//! and starts again.

use std::cell::RefCell;
use std::future::Future;
use std::rc::Rc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::Instant;

use crate::application::{Answer, Application, Visitor};
use crate::load::workload::Operation;
use crate::run::fault::Life;
use crate::store::{ErrorKind, StoreError};
use crate::strategy::{Backlog, WriteError};

/// How long a client of an instance that is down takes to see that nobody answers.
const REFUSED_AFTER: Duration = Duration::from_millis(10);
/// Between two attempts to start an instance again.
const RETRY_AFTER: Duration = Duration::from_millis(100);

/// What an instance took up when it had started again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recovered {
    /// How many writes its predecessor, or another instance, had left behind.
    pub writes: u64,
    /// When it began to serve again.
    pub at: Instant,
}

/// One instance, as the clients on its thread see it.
pub struct Instance<A> {
    running: RefCell<Option<Rc<A>>>,
    /// `None` where no fault of the scenario crashes it, so that an operation need not look out for that.
    life: Option<watch::Receiver<Life>>,
}

impl<A: Application> Instance<A> {
    /// An instance that runs; `life` where it may crash.
    pub fn new(application: A, life: Option<watch::Receiver<Life>>) -> Self {
        Self { running: RefCell::new(Some(Rc::new(application))), life }
    }

    fn running(&self) -> Option<Rc<A>> {
        self.running.borrow().clone()
    }

    /// Carries out an operation of a client.
    ///
    /// # Errors
    /// Those of the application; [`ErrorKind::Crashed`] where the instance crashed meanwhile, and
    /// [`ErrorKind::Unavailable`] where it was down and nothing was begun.
    pub async fn perform(&self, visitor: &mut Visitor, operation: &Operation) -> Result<Answer, WriteError> {
        let mut life = self.life.clone();
        let is_up = life.as_ref().is_none_or(|life| *life.borrow() == Life::Up);
        let Some(application) = self.running().filter(|_| is_up) else {
            crate::base::clock::sleep(REFUSED_AFTER).await;
            let error = StoreError::new(ErrorKind::Unavailable, "the instance of the application is down");
            return Err(error.into());
        };
        let Some(life) = &mut life else { return application.perform(visitor, operation).await };
        tokio::select! {
            biased;
            _ = life.wait_for(|life| *life == Life::Down) => {
                let error = "the instance of the application crashed while the operation was under way";
                Err(StoreError::new(ErrorKind::Crashed, error).into())
            }
            answer = application.perform(visitor, operation) => answer,
        }
    }

    /// Crashes and starts again as it is told; `start` makes the application anew, and `recovered` is told
    /// each time that it serves again.
    pub async fn live<F: Future<Output = Result<A, StoreError>>>(
        &self,
        start: impl Fn() -> F,
        recovered: impl Fn(Recovered),
    ) {
        let Some(mut life) = self.life.clone() else { return };
        while life.wait_for(|life| *life == Life::Down).await.is_ok() {
            // The operations under way let go of it too, and with the last all that it held is gone.
            self.running.take();
            if life.wait_for(|life| *life == Life::Up).await.is_err() {
                return;
            }
            let (application, writes) = loop {
                match start_again(&start).await {
                    Ok(started) => break started,
                    // What it needs may be down too; its clients go on being refused.
                    Err(error) => tracing::debug!("an instance could not start again: {error}"),
                }
                crate::base::clock::sleep(RETRY_AFTER).await;
            };
            self.running.replace(Some(Rc::new(application)));
            recovered(Recovered { writes, at: Instant::now() });
        }
    }

    /// See [`Application::pause_after`].
    pub fn pause_after(&self, visitor: &Visitor, operation: &Operation) -> Duration {
        let running = self.running.borrow();
        running.as_ref().map_or(Duration::ZERO, |application| application.pause_after(visitor, operation))
    }

    /// See [`Application::drain`]; an instance that is on its way up again is waited for.
    ///
    /// # Errors
    /// What is left undone, or that the instance did not come up.
    pub async fn drain(&self, bound: Duration) -> Result<(), StoreError> {
        let deadline = Instant::now() + bound;
        loop {
            if let Some(application) = self.running() {
                return application.drain(deadline.saturating_duration_since(Instant::now())).await;
            }
            if Instant::now() >= deadline {
                let error = "an instance that had crashed did not start again in time";
                return Err(StoreError::new(ErrorKind::Unavailable, error));
            }
            crate::base::clock::sleep(RETRY_AFTER).await;
        }
    }

    /// See [`Application::backlog`]; what died with an instance waits no more.
    pub fn backlog(&self) -> Backlog {
        self.running().map(|application| application.backlog()).unwrap_or_default()
    }
}

/// An application that has taken up what was left behind, and how much that was.
async fn start_again<A: Application, F: Future<Output = Result<A, StoreError>>>(
    start: impl Fn() -> F,
) -> Result<(A, u64), StoreError> {
    let application = start().await?;
    let writes = application.recover().await?;
    Ok((application, writes))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU64, Ordering};

    use super::*;
    use crate::application::touched::Touched;
    use crate::strategy::ReadOutcome;

    /// Takes a second an operation, and knows which start of it this is.
    struct Slow {
        start: u64,
        alive: Arc<AtomicU64>,
    }

    impl Drop for Slow {
        fn drop(&mut self) {
            self.alive.fetch_sub(1, Ordering::Relaxed);
        }
    }

    impl Application for Slow {
        async fn perform(
            &self,
            _visitor: &mut Visitor,
            _operation: &Operation,
        ) -> Result<Answer, WriteError> {
            tokio::time::sleep(Duration::from_secs(1)).await;
            Ok(Answer::Read(ReadOutcome::Hit))
        }

        async fn recover(&self) -> Result<u64, StoreError> {
            if self.start == 1 {
                return Err(StoreError::new(ErrorKind::Connection, "not yet"));
            }
            Ok(self.start)
        }

        async fn drain(&self, _bound: Duration) -> Result<(), StoreError> {
            Ok(())
        }

        fn backlog(&self) -> Backlog {
            Backlog { entities: self.start, ..Backlog::default() }
        }
    }

    const OPERATION: Operation = Operation { number: 0, kind: 0, key: 0, absent: false, draw: 0 };

    fn visitor() -> Visitor {
        Visitor::new(0, None, Arc::new(Touched::none_of(1)))
    }

    fn kind(answer: Result<Answer, WriteError>) -> Option<ErrorKind> {
        answer.err().map(|failed| failed.error.kind)
    }

    #[tokio::test(start_paused = true)]
    async fn a_crash_ends_what_is_under_way_and_a_new_start_recovers_before_it_serves() {
        let alive = Arc::new(AtomicU64::new(0));
        let starts = Arc::new(AtomicU64::new(0));
        let start = || {
            alive.fetch_add(1, Ordering::Relaxed);
            Slow { start: starts.fetch_add(1, Ordering::Relaxed), alive: Arc::clone(&alive) }
        };
        let (sender, life) = watch::channel(Life::Up);
        let instance = Rc::new(Instance::new(start(), Some(life)));
        let recovered = RefCell::new(Vec::new());
        let script = async {
            let mut visitor = visitor();
            let (cut, ()) = tokio::join!(instance.perform(&mut visitor, &OPERATION), async {
                tokio::time::sleep(Duration::from_millis(500)).await;
                sender.send_replace(Life::Down);
            });
            assert_eq!(kind(cut), Some(ErrorKind::Crashed));
            assert_eq!(kind(instance.perform(&mut visitor, &OPERATION).await), Some(ErrorKind::Unavailable));
            assert_eq!(alive.load(Ordering::Relaxed), 0, "nothing of it is left");
            assert_eq!(instance.backlog(), Backlog::default());
            sender.send_replace(Life::Up);
            // The first attempt does not recover, the second does.
            tokio::time::sleep(RETRY_AFTER * 2).await;
            assert!(instance.perform(&mut visitor, &OPERATION).await.is_ok());
            assert_eq!(instance.drain(Duration::from_secs(1)).await, Ok(()));
        };
        tokio::select! {
            () = instance.live(|| async { Ok(start()) }, |one| recovered.borrow_mut().push(one.writes)) => {
                panic!("an instance lives as long as it is told of");
            }
            () = script => {}
        }
        assert_eq!(*recovered.borrow(), [2]);
    }

    #[tokio::test(start_paused = true)]
    async fn an_instance_that_stays_down_is_not_drained_for_longer_than_the_bound() {
        let (sender, life) = watch::channel(Life::Up);
        let alive = Arc::new(AtomicU64::new(1));
        let instance = Instance::new(Slow { start: 0, alive }, Some(life));
        let never = instance.live(std::future::pending, |_| {});
        let script = async {
            sender.send_replace(Life::Down);
            tokio::time::sleep(Duration::from_millis(1)).await;
            instance.drain(Duration::from_secs(2)).await
        };
        tokio::select! {
            () = never => panic!("it is still told of"),
            drained = script => assert_eq!(drained.unwrap_err().kind, ErrorKind::Unavailable),
        }
    }
}
