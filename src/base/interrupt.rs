//! Ctrl-C and its relatives: the first asks for an orderly end, the second ends at once.

use std::io;
use std::time::Duration;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch;

use super::output::{self, note};

/// Is told when the user wants the run to end.
#[derive(Debug, Clone)]
pub struct Interrupt(watch::Receiver<bool>);

impl Interrupt {
    /// An interrupt, and what sets it off.
    #[must_use]
    pub fn new() -> (watch::Sender<bool>, Self) {
        let (sender, receiver) = watch::channel(false);
        (sender, Self(receiver))
    }

    /// Returns true if it was set off.
    #[must_use]
    pub fn is_set(&self) -> bool {
        *self.0.borrow()
    }

    /// Waits until it is set off.
    pub async fn wait(&self) {
        if self.0.clone().wait_for(|set| *set).await.is_err() {
            // Nobody is left who could set it off.
            std::future::pending::<()>().await;
        }
    }

    /// Returns the result of a step; `None` where the interrupt was set off first, and the step is dropped where it
    /// stood. A step that works without ever waiting MUST let others run now and then.
    pub async fn cut<T>(&self, step: impl Future<Output = T>) -> Option<T> {
        tokio::select! {
            biased;
            () = self.wait() => None,
            done = step => Some(done),
        }
    }

    /// As [`cut`](Self::cut), for a step that once more has `bound` to end by itself.
    pub async fn cut_after<T>(&self, bound: Duration, step: impl Future<Output = T>) -> Option<T> {
        let late = async {
            self.wait().await;
            tokio::time::sleep(bound).await;
        };
        tokio::select! {
            biased;
            done = step => Some(done),
            () = late => None,
        }
    }
}

/// Asks for the end: whoever waits goes on, and nothing that is printed is waited for much longer.
pub fn set_off(interrupt: &watch::Sender<bool>) {
    output::hurry();
    interrupt.send_replace(true);
}

/// The signals that ask a process to end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EndSignal {
    /// The first, which asks for an orderly end.
    First,
    /// The second: the process ends as soon as this has been told.
    Again,
}

/// Says on stderr that the end was asked for.
pub fn print_interrupted(asked: EndSignal) {
    if asked == EndSignal::First {
        note!("\ninterrupted: ending this cell; once more ends at once");
    }
}

/// The signals that ask for the end.
#[derive(Debug)]
pub struct Signals(Vec<Signal>);

impl Signals {
    /// Listens to SIGINT, SIGTERM and SIGHUP, but for those that were ignored when the program began: `nohup` and a shell's
    /// background jobs want that they stay so.
    ///
    /// # Errors
    /// Where the operating system does not let one listen.
    pub fn listen() -> io::Result<Self> {
        let kinds = [SignalKind::interrupt(), SignalKind::terminate(), SignalKind::hangup()];
        let ignored = ignored();
        let heard = kinds.into_iter().filter(|kind| ignored & (1 << (kind.as_raw_value() - 1)) == 0);
        heard.map(signal).collect::<io::Result<Vec<_>>>().map(Self)
    }

    /// Waits for the next of them.
    pub async fn next(&mut self) {
        if self.0.is_empty() {
            return std::future::pending().await;
        }
        futures_util::future::select_all(self.0.iter_mut().map(|one| Box::pin(one.recv()))).await;
    }
}

/// The signals that are ignored, a bit each from the lowest on.
fn ignored() -> u64 {
    // There is no safe call that asks for it without setting it. Elsewhere than on Linux none counts as ignored.
    std::fs::read_to_string("/proc/self/status").map_or(0, |status| ignored_in(&status))
}

fn ignored_in(status: &str) -> u64 {
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or(0)
}

/// Sets off an interrupt at the first signal to end, and leaves at the second; tells of both. Servers die with the
/// process either way.
pub fn on_signal(set: watch::Sender<bool>, report: impl Fn(EndSignal) + Send + 'static) {
    let signals = Signals::listen();
    tokio::spawn(async move {
        let mut signals = match signals {
            Ok(signals) => signals,
            Err(error) => {
                note!("warning: Ctrl-C ends this at once, as signals cannot be heard: {error}");
                return;
            }
        };
        // `q` on the full screen may have been the first.
        signals.next().await;
        if !*set.borrow() {
            set_off(&set);
            report(EndSignal::First);
            signals.next().await;
        }
        report(EndSignal::Again);
        std::process::exit(130);
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ignored_signals_are_read_from_the_status_of_the_process() {
        let status = "Name:\thotset\nSigBlk:\t0000000000000000\nSigIgn:\t0000000000001001\nSigCgt:\t0\n";
        assert_eq!(ignored_in(status), 0x1001, "SIGHUP is 1, SIGPIPE 13");
        assert_eq!(ignored_in("Name:\thotset\n"), 0);
    }

    #[tokio::test(start_paused = true)]
    async fn a_step_is_cut_where_it_stands_and_one_with_a_bound_after_it() {
        let (set, interrupt) = Interrupt::new();
        assert_eq!(interrupt.cut(std::future::ready(1)).await, Some(1));
        let never = interrupt.cut(std::future::pending::<()>());
        let (cut, ()) = tokio::join!(never, async { set_off(&set) });
        assert_eq!(cut, None);
        assert_eq!(interrupt.cut(std::future::ready(1)).await, None, "nothing begins any more");
        let bound = Duration::from_secs(1);
        let short = tokio::time::sleep(bound / 2);
        assert_eq!(interrupt.cut_after(bound, short).await, Some(()));
        assert_eq!(interrupt.cut_after(bound, std::future::pending::<()>()).await, None);
    }
}
