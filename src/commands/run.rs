//! The steps of a run: everything from its scenario to its closing table.

use std::path::Path;
use std::time::Duration;

use tokio::sync::watch;

use crate::base::interrupt::{self, EndSignal, Interrupt};
use crate::base::observer::{Discreet, Observer};
use crate::base::output::{answer, note};
use crate::base::shown;
use crate::base::terminal::{moves_cursor, no_screen};
use crate::commands::cli::RunArguments;
use crate::commands::exit::Exit;
use crate::commands::output::end;
use crate::commands::plan::read;
use crate::commands::report::{conclude, print_table};
use crate::commands::resume::{quoted, resume_command};
use crate::monitor::scenario::Watching;
use crate::monitor::terminal;
use crate::report;
use crate::results::{Results, ResultsError};
use crate::run::cells::{RunError, RunOptions, RunOutcome, run};
use crate::run::plan::{Plan, redacted_command};
use crate::{commands::progress, run::machine};

/// How long threads that still do something may take to end.
const THREADS_BOUND: Duration = Duration::from_millis(200);
/// How long the table and the report may take where the user wants to leave.
const SHOWING_BOUND: Duration = Duration::from_millis(300);

/// Runs every cell of a scenario, draws the report and prints the closing table.
#[must_use]
pub fn execute(scenario: &Path, arguments: &RunArguments) -> Exit {
    let plan = match read(scenario, &arguments.plan.options()) {
        Ok(plan) => plan,
        Err(exit) => return exit,
    };
    if !arguments.quiet {
        plan.notes().iter().for_each(|note| note!("note: {}", shown::lines(note)));
    }
    if let Some(warning) = machine::unoptimised() {
        note!("warning: {warning}");
    }
    let options = RunOptions {
        out: arguments.out.clone(),
        resume: arguments.resume.clone(),
        command: redacted_command(
            std::env::args_os().map(|argument| argument.to_string_lossy().into_owned()),
        ),
    };
    let (set, interrupt) = Interrupt::new();
    let (observer, report) = observer(&plan, arguments, &set);
    let observer = Discreet(observer);
    let runtime = match tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            note!("error: cannot start: {error}");
            return Exit::NotRun;
        }
    };
    let ended = runtime.block_on(async {
        interrupt::on_signal(set, report);
        run(&plan, &options, &observer, interrupt).await
    });
    drop(observer);
    let exit = finish(ended, arguments);
    // While signals are still heard: whoever reads may keep this waiting.
    let exit = end(exit);
    // A thread that hangs is left to itself.
    runtime.shutdown_timeout(THREADS_BOUND);
    exit
}

/// Who is told of the run, and who of a signal to end it.
fn observer(
    plan: &Plan,
    arguments: &RunArguments,
    interrupt: &watch::Sender<bool>,
) -> (Box<dyn Observer>, fn(EndSignal)) {
    let is_terminal = moves_cursor(&std::io::stderr());
    if arguments.watch {
        let taken = match no_screen() {
            None => Watching::begin(&plan.name, interrupt.clone()).map_err(|error| error.to_string()),
            Some(why) => Err(why.to_owned()),
        };
        match taken {
            // The screen says the first itself.
            Ok(watching) => {
                return (Box::new(watching), |asked| {
                    if asked == EndSignal::Again {
                        terminal::give_back();
                    }
                });
            }
            Err(why) => note!("note: --watch needs a terminal ({why}); ordinary progress instead"),
        }
    }
    (progress::observer(arguments.quiet, is_terminal, plan), interrupt::print_interrupted)
}

fn finish(ended: Result<RunOutcome, RunError>, arguments: &RunArguments) -> Exit {
    let outcome = match ended {
        Ok(outcome) => outcome,
        Err(error) => {
            note!("error: {}", shown::lines(&error.to_string()));
            return match error {
                RunError::OtherScenario { .. } | RunError::Results(ResultsError::NotResults { .. }) => {
                    Exit::Wrong
                }
                RunError::Results(_) => Exit::NotRun,
            };
        }
    };
    if outcome.interrupted {
        return interrupted(&outcome, arguments);
    }
    let mut exit = print_table(&outcome.directory);
    exit = exit.worse_of(conclude(&outcome.directory, arguments.junit.as_deref()));
    if !arguments.no_plots
        && let Err(error) = report::draw(&outcome.directory)
    {
        note!("error: the results are kept, but could not be drawn: {error}");
        exit = Exit::NotRun;
    }
    say_where(&outcome, arguments);
    if outcome.mostly_failed > 0 {
        note!(
            "in {} of the runs more than half of the operations failed; errors.csv and the report say with what",
            outcome.mostly_failed
        );
        exit = Exit::NotRun;
    }
    if outcome.failed > 0 {
        note!("{} of the runs failed; the reasons are above and in summary.csv", outcome.failed);
        exit = Exit::NotRun;
    }
    exit
}

fn say_where(outcome: &RunOutcome, arguments: &RunArguments) {
    answer!("results: {}", outcome.directory.display());
    if !arguments.no_plots {
        answer!("report:  {}", outcome.directory.join("report.html").display());
    }
}

/// Shows what had ended, as far as that takes no longer than somebody who wants to leave waits, and how to go on.
fn interrupted(outcome: &RunOutcome, arguments: &RunArguments) -> Exit {
    let draws = !arguments.no_plots;
    let directory = outcome.directory.clone();
    let (sender, shown) = std::sync::mpsc::channel();
    // Left to itself where it takes longer: what it writes, it writes in one step.
    let showing = std::thread::Builder::new().name("report".into()).spawn(move || {
        let nothing_ended = Results::read(&directory).is_ok_and(|results| results.summary.is_empty());
        let is_shown = nothing_ended
            || print_table(&directory) == Exit::Done && (!draws || report::draw(&directory).is_ok());
        let _ = sender.send(is_shown);
    });
    let is_shown = showing.is_ok() && shown.recv_timeout(SHOWING_BOUND).unwrap_or(false);
    answer!("results: {}", outcome.directory.display());
    if !is_shown {
        note!(
            "the report is not drawn; draw it with\n  hotset report {}",
            quoted(outcome.directory.as_os_str())
        );
    }
    let command = resume_command(std::env::args_os(), &outcome.directory);
    note!("interrupted: what had ended is kept; go on with\n  {command}");
    Exit::Interrupted
}
