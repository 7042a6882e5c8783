//! The steps of `hotset monitor`.

use std::io::IsTerminal;

use crate::base::output::{self, note};
use crate::base::shown;
use crate::base::terminal::moves_cursor;
use crate::commands::cli::monitor::{MonitorArguments, MonitorCommand, OutputFormat};
use crate::commands::exit::Exit;
use crate::commands::output::print;
use crate::monitor::place::UNVERIFIED;
use crate::monitor::{MonitorError, SessionEnd, history, session, summary};

/// Watches servers, or prints what was published of them before.
#[must_use]
pub fn execute(arguments: &MonitorArguments) -> Exit {
    let runtime = match tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            note!("error: cannot start: {error}");
            return Exit::NotRun;
        }
    };
    let ended = runtime.block_on(async {
        match &arguments.command {
            Some(command) => print_history(command).await.map(|()| SessionEnd::Over),
            None => {
                match arguments.options(moves_cursor(&std::io::stdout()) && std::io::stdin().is_terminal()) {
                    Ok(options) => session::run(&options).await,
                    Err(reason) => Err(MonitorError::Refused(reason)),
                }
            }
        }
    });
    // Not waited for: a reader that does not read may hold the thread that writes rows for ever.
    runtime.shutdown_background();
    match ended {
        Ok(SessionEnd::Over) => Exit::Done,
        Ok(SessionEnd::Interrupted) => Exit::Interrupted,
        Err(error) => {
            note!("error: {}", shown::lines(&error.to_string()));
            match error {
                MonitorError::Listen { .. } | MonitorError::Refused(_) | MonitorError::CannotPublish(_) => {
                    Exit::Wrong
                }
                _ => Exit::NotRun,
            }
        }
    }
}

async fn print_history(command: &MonitorCommand) -> Result<(), MonitorError> {
    let (request, form) = command.request().map_err(MonitorError::Refused)?;
    if request.place.is_unverified() {
        note!("warning: {UNVERIFIED}");
    }
    let samples = history::read(&request).await?;
    match form {
        OutputFormat::Rows => history::write_csv(&samples, output::rows())
            .map_err(|source| MonitorError::Rows { path: "-".into(), source }),
        OutputFormat::Summary => {
            let _ = print(&summary::of(&samples));
            Ok(())
        }
    }
}
