//! What a process inherits from who starts it, and would go wrong by in silence.

use std::io;

use rustix::process::Signal;
use tokio::signal::unix::{SignalKind, signal};

/// Hears two signals that nobody waits for. Where the ends of children were ignored (SIGCHLD), the system forgets children before
/// they are waited for. A file beyond a limit of sizes (SIGXFSZ) would end the process without a word, in place of the error
/// that whoever writes gets now. Handlers stay for the life of this process, and not in what it starts.
///
/// # Errors
/// Where the operating system takes no handler.
pub fn hear() -> io::Result<()> {
    // The runtime adds no thread and is only needed for the installation.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build()?;
    let _context = runtime.enter();
    for kind in [SignalKind::child(), SignalKind::from_raw(Signal::XFSZ.as_raw())] {
        drop(signal(kind)?);
    }
    Ok(())
}
