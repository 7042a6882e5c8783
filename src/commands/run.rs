//! The steps of a run: everything from its scenario to its closing table.

use std::path::Path;
use std::time::Duration;

use tokio::sync::watch;

use crate::base::interrupt::{self, EndSignal, Interrupt};
use crate::base::observer::{Discreet, Observer};
use crate::base::output::{answer, note};
use crate::base::shell::quoted;
use crate::base::shown;
use crate::base::terminal::{moves_cursor, no_screen};
use crate::commands::cli::RunArguments;
use crate::commands::exit::Exit;
use crate::commands::output::{end, refuse};
use crate::commands::plan::read;
use crate::commands::report::{conclude, print_table, read_results, say};
use crate::commands::resume::resume_command;
use crate::load::workload::LoadPart;
use crate::monitor::scenario::Watching;
use crate::monitor::terminal;
use crate::report::group::groups;
use crate::report::{self, ReportError};
use crate::results::{Results, ResultsError};
use crate::run::cells::{RunError, RunOptions, RunOutcome, run};
use crate::run::plan::{Plan, redacted_command};
use crate::{commands::progress, run::machine};

/// The longest time that threads that still do something may take to end.
const THREADS_BOUND: Duration = Duration::from_millis(200);
/// The longest time that the table and the report may take where the user wants to leave.
const SHOWING_BOUND: Duration = Duration::from_millis(300);

/// Runs every cell of a scenario, draws the report and prints the closing table.
#[must_use]
pub fn execute(scenario: &Path, arguments: &RunArguments) -> Exit {
    if arguments.plan.segment.is_some_and(LoadPart::is_shared_out) && arguments.run_name.is_none() {
        return refuse(
            "--segment needs --run NAME, by which the segments of a run find each other: give all of them the same",
        );
    }
    let plan = match read(scenario, &arguments.plan.options()) {
        Ok(plan) => plan,
        Err(exit) => {
            say_not_judged(arguments, "nothing was run");
            return exit;
        }
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
        run: arguments.run_name.clone(),
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
            say_not_judged(arguments, "nothing was run");
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
    let mut exit = tell(&outcome.directory, arguments).unwrap_or_else(|error| {
        note!("error: the results are kept, but could not be shown: {}", shown::lines(&error.to_string()));
        say_not_judged(arguments, "the results could not be read");
        Exit::NotRun
    });
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

/// Prints the table, sums up and draws.
fn tell(directory: &Path, arguments: &RunArguments) -> Result<Exit, ReportError> {
    let results = read_results(directory)?;
    let groups = groups(&results)?;
    let mut exit = print_table(&results, &groups);
    exit = exit.worse_of(conclude(&results, &groups, arguments.junit.as_deref()));
    if arguments.no_plots {
        return Ok(exit);
    }
    match report::draw(&results, &groups) {
        Ok(drawn) => say(drawn.note.as_deref()),
        Err(error) => {
            note!(
                "error: the results are kept, but could not be drawn: {}",
                shown::lines(&error.to_string())
            );
            exit = Exit::NotRun;
        }
    }
    Ok(exit)
}

/// Prints the table of what had ended before an interrupt, and draws it; returns true if all of it is shown.
fn show_what_ended(directory: &Path, draws: bool) -> bool {
    let show = || -> Result<bool, ReportError> {
        let results = Results::read(directory)?;
        let groups = groups(&results)?;
        let is_shown = groups.is_empty()
            || print_table(&results, &groups) == Exit::Done
                && (!draws || report::draw(&results, &groups).is_ok());
        Ok(is_shown)
    };
    // That it could not be shown is said, with the command that shows it or says why it does not.
    show().unwrap_or(false)
}

fn say_where(outcome: &RunOutcome, arguments: &RunArguments) {
    answer!("results: {}", outcome.directory.display());
    if !arguments.no_plots {
        answer!("report:  {}", outcome.directory.join("report.html").display());
    }
}

/// Says that the file of requirements is not written, as a file of an earlier run may be taken for it.
fn say_not_judged(arguments: &RunArguments, why: &str) {
    let Some(junit) = &arguments.junit else { return };
    let there = if junit.exists() { "; the file that is there is of another run" } else { "" };
    note!("{} is not written, since {why}{there}", shown::line(&junit.display().to_string()));
}

/// Shows what had ended, as far as that takes no longer than somebody who wants to leave waits, and how to go on.
fn interrupted(outcome: &RunOutcome, arguments: &RunArguments) -> Exit {
    let draws = !arguments.no_plots;
    let directory = outcome.directory.clone();
    let (sender, shown) = std::sync::mpsc::channel();
    // Left to itself where it takes longer: what it writes, it writes in one step.
    let showing = std::thread::Builder::new().name("report".into()).spawn(move || {
        let _ = sender.send(show_what_ended(&directory, draws));
    });
    let is_shown = showing.is_ok() && shown.recv_timeout(SHOWING_BOUND).unwrap_or(false);
    answer!("results: {}", outcome.directory.display());
    if !is_shown {
        note!(
            "the report is not drawn; draw it with\n  hotset report {}",
            quoted(outcome.directory.as_os_str())
        );
    }
    say_not_judged(arguments, "requirements are judged when every run has ended");
    if arguments.plan.segment.is_some_and(LoadPart::is_shared_out) {
        note!("interrupted: the other segments cannot go on without this one; begin all of them anew");
        return Exit::Interrupted;
    }
    let command = resume_command(std::env::args_os(), &outcome.directory);
    note!("interrupted: what had ended is kept; go on with\n  {command}");
    Exit::Interrupted
}
