//! The steps of a run: everything from its scenario to its closing table.

use std::io::IsTerminal;
use std::path::Path;

use tokio::sync::watch;

use crate::base::interrupt::{self, EndSignal, Interrupt};
use crate::base::observer::{Discreet, Observer};
use crate::base::shown;
use crate::commands::cli::RunArguments;
use crate::commands::exit::Exit;
use crate::commands::plan::read;
use crate::commands::report::print_table;
use crate::monitor::scenario::Watching;
use crate::monitor::terminal;
use crate::report::{self, DrawOptions};
use crate::results::ResultsError;
use crate::run::cells::{RunError, RunOptions, RunOutcome, run};
use crate::run::plan::{Plan, redacted_command};
use crate::{commands::progress, run::machine};

/// Runs every cell of a scenario, draws the report and prints the closing table.
#[must_use]
pub fn execute(scenario: &Path, arguments: &RunArguments) -> Exit {
    let plan = match read(scenario, &arguments.plan.options()) {
        Ok(plan) => plan,
        Err(exit) => return exit,
    };
    if !arguments.quiet {
        plan.notes().iter().for_each(|note| eprintln!("note: {}", shown::lines(note)));
    }
    if let Some(warning) = machine::unoptimised() {
        eprintln!("warning: {warning}");
    }
    let options = RunOptions {
        out: arguments.out.clone(),
        resume: arguments.resume.clone(),
        command: redacted_command(std::env::args()),
    };
    let (set, interrupt) = Interrupt::new();
    let (observer, report) = observer(&plan, arguments, &set);
    let observer = Discreet(observer);
    let runtime = match tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("error: cannot start: {error}");
            return Exit::NotRun;
        }
    };
    let ended = runtime.block_on(async {
        interrupt::on_signal(set, report);
        run(&plan, &options, &observer, interrupt).await
    });
    drop(observer);
    finish(ended, arguments)
}

/// Who is told of the run, and who of a signal to end it.
fn observer(
    plan: &Plan,
    arguments: &RunArguments,
    interrupt: &watch::Sender<bool>,
) -> (Box<dyn Observer>, fn(EndSignal)) {
    let is_terminal = std::io::stderr().is_terminal();
    if arguments.watch {
        let taken = if is_terminal && std::io::stdout().is_terminal() {
            Watching::begin(&plan.name, interrupt.clone()).map_err(|error| error.to_string())
        } else {
            Err("stdout and stderr are not both one".to_owned())
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
            Err(why) => eprintln!("note: --watch needs a terminal ({why}); ordinary progress instead"),
        }
    }
    (progress::observer(arguments.quiet, is_terminal, plan), interrupt::print_interrupted)
}

fn finish(ended: Result<RunOutcome, RunError>, arguments: &RunArguments) -> Exit {
    let outcome = match ended {
        Ok(outcome) => outcome,
        Err(error) => {
            eprintln!("error: {}", shown::lines(&error.to_string()));
            return match error {
                RunError::OtherScenario { .. } | RunError::Results(ResultsError::NotResults { .. }) => {
                    Exit::Wrong
                }
                RunError::Results(_) => Exit::NotRun,
            };
        }
    };
    let directory = &outcome.directory;
    let mut exit = print_table(directory);
    if !arguments.no_plots
        && let Err(error) = report::draw(directory, &DrawOptions::default())
    {
        eprintln!(
            "error: the results are kept, but could not be drawn: {}",
            shown::lines(&error.to_string())
        );
        exit = Exit::NotRun;
    }
    println!("results: {}", directory.display());
    if !arguments.no_plots {
        println!("report:  {}", directory.join("report.html").display());
    }
    if outcome.failed > 0 {
        eprintln!("{} of the runs failed; the reasons are above and in summary.csv", outcome.failed);
        exit = Exit::NotRun;
    }
    if outcome.interrupted {
        eprintln!("interrupted: what had ended is kept; go on with --resume {}", directory.display());
        exit = Exit::Interrupted;
    }
    exit
}
