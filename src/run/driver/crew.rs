//! The load-driving threads of a cell, and what they report.

use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::sync::mpsc;

use super::control::{Control, Stage};
use super::worker::{self, Job, Report};
use crate::base::units::show_duration;
use crate::store::StoreError;
use crate::topology::remedy;

/// The longest time that instances may take to connect, all together.
pub(super) const CONNECT_BOUND: Duration = Duration::from_secs(30);
/// The longest time that a thread may take to end its connections after its clients have ended.
const END_BOUND: Duration = Duration::from_secs(5);

/// The load-driving threads of a cell.
pub(super) struct Crew {
    pub(super) control: Arc<Control>,
    threads: Vec<JoinHandle<()>>,
    reports: mpsc::UnboundedReceiver<Report>,
}

impl Crew {
    /// Starts a thread for each instance of this process, at most one a core.
    pub(super) fn start(job: &Job) -> Result<Self, String> {
        let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        let workers = cores.min(job.cell.own_instances().count()).max(1);
        let (sender, reports) = mpsc::unbounded_channel();
        let mut threads = Vec::new();
        for index in 0..workers {
            let thread = worker::start(index, workers, job.clone(), sender.clone());
            threads.push(thread.map_err(|error| format!("cannot start a load-driving thread: {error}"))?);
        }
        Ok(Self { control: Arc::clone(&job.control), threads, reports })
    }

    /// The number of threads.
    pub(super) fn size(&self) -> usize {
        self.threads.len()
    }

    /// The next report, for which it waits as long as it takes; `None` where every thread has ended.
    pub(super) async fn report(&mut self) -> Option<Report> {
        self.reports.recv().await
    }

    /// The next report, which has to come within a bound.
    ///
    /// # Errors
    /// Says what it did not come while.
    pub(super) async fn next(&mut self, bound: Duration, what: &str) -> Result<Report, String> {
        match tokio::time::timeout(bound, self.reports.recv()).await {
            Ok(Some(report)) => Ok(report),
            Ok(None) => Err(format!("a load-driving thread ended while {what}")),
            Err(_) => Err(format!(
                "nothing was heard of a load-driving thread for {} while {what}",
                show_duration(bound)
            )),
        }
    }

    /// Waits until all instances are connected.
    ///
    /// # Errors
    /// Says why one could not.
    pub(super) async fn connected(&mut self) -> Result<(), String> {
        let mut ready = 0;
        while ready < self.threads.len() {
            match self.next(CONNECT_BOUND, "connecting").await? {
                Report::Ready => ready += 1,
                Report::Failed(error) => {
                    let (why, remedy) = (&error.detail, remedy::of(&error));
                    return Err(format!("an instance could not connect: {why}{remedy}"));
                }
                Report::Window(_) | Report::Delivered(_) | Report::Ended(..) | Report::Recovered(..) => {}
            }
        }
        Ok(())
    }

    /// Has instances deliver what they hold back, and returns the first reason why something is left.
    ///
    /// # Errors
    /// Says what a thread failed in, or that nothing was heard of it.
    pub(super) async fn deliver(
        &mut self,
        within: Duration,
        doing: &str,
    ) -> Result<Option<StoreError>, String> {
        self.control.set(Stage::Deliver { within });
        let (mut delivered, mut undone) = (0, None);
        while delivered < self.threads.len() {
            match self.next(within + CONNECT_BOUND, doing).await? {
                Report::Delivered(left) => {
                    delivered += 1;
                    undone = undone.or(left);
                }
                Report::Failed(error) => return Err(error.to_string()),
                Report::Ended(..) => return Err(format!("a load-driving thread ended while {doing}")),
                Report::Window(_) | Report::Ready | Report::Recovered(..) => {}
            }
        }
        Ok(undone)
    }

    /// Waits for the threads to end; one that hangs is left to itself, as it cannot be ended.
    pub(super) async fn end(self) {
        let threads = self.threads;
        let joined = tokio::task::spawn_blocking(move || {
            for thread in threads {
                // A thread that panicked has said so already.
                let _ = thread.join();
            }
        });
        let _ = tokio::time::timeout(END_BOUND, joined).await;
    }
}
