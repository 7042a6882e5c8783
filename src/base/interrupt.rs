//! Ctrl-C and its relatives: the first asks for an orderly end, the second ends at once.

use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

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
    pub async fn wait(&mut self) {
        if self.0.wait_for(|set| *set).await.is_err() {
            // Nobody is left who could set it off.
            std::future::pending::<()>().await;
        }
    }
}

/// Which signal to end it is.
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
        eprintln!("\ninterrupted: ending this cell; once more ends at once");
    }
}

/// Sets off an interrupt at the first SIGINT, SIGTERM or SIGHUP, and leaves at the second; tells of both. Servers die
/// with the process either way.
pub fn on_signal(set: watch::Sender<bool>, report: impl Fn(EndSignal) + Send + 'static) {
    tokio::spawn(async move {
        let signals = [SignalKind::interrupt(), SignalKind::terminate(), SignalKind::hangup()];
        let mut received = Vec::new();
        for kind in signals {
            match signal(kind) {
                Ok(stream) => received.push(stream),
                Err(error) => tracing::warn!("cannot listen to a signal: {error}"),
            }
        }
        let [interrupt, terminate, hangup] = &mut received[..] else { return };
        for last in [false, true] {
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
                _ = hangup.recv() => {}
            }
            if last {
                report(EndSignal::Again);
                std::process::exit(130);
            }
            report(EndSignal::First);
            set.send_replace(true);
        }
    });
}

/// `hotset list | head` ends when `head` does, rather than with a complaint about a broken pipe.
pub fn end_quietly_when_nobody_reads() {
    let usual = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        let message = panic.payload().downcast_ref::<String>();
        if message.is_some_and(|m| m.contains("failed printing to stdout") && m.contains("Broken pipe")) {
            std::process::exit(0);
        }
        usual(panic);
    }));
}
