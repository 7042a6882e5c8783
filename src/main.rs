//! The command line of hotset: arguments in, exit code out.

use std::io::IsTerminal;
use std::path::Path;
use std::process::ExitCode;

use clap::Parser;
use hotset::cli::{Cli, Command, PlanArguments, RunArguments};
use hotset::interrupt::{self, Interrupt};
use hotset::plan::{Plan, PlanError};
use hotset::report::DrawOptions;
use hotset::report::terminal::closing_table;
use hotset::results::{Results, ResultsError};
use hotset::run::{self, RunError};
use hotset::{catalog, check, doctor, machine, progress, report, topology};

/// How wide a table is that goes to a file or a pipe.
const WIDTH_OF_A_FILE: usize = 160;
/// All ran.
const OK: u8 = 0;
/// The scenario or the command line is wrong.
const WRONG: u8 = 2;
/// A cell could not be run, or its results could not be kept.
const NOT_RUN: u8 = 3;
/// The user ended it.
const INTERRUPTED: u8 = 130;

fn main() -> ExitCode {
    // hotset starts itself to hold its servers; that must come before any thread and any other argument.
    if let Some(code) = topology::servers::hidden_main(std::env::args_os()) {
        return code;
    }
    interrupt::end_quietly_when_nobody_reads();
    let cli = Cli::parse();
    tracing_subscriber::fmt()
        .with_env_filter(tracing_subscriber::EnvFilter::from_env("HOTSET_LOG"))
        .with_writer(std::io::stderr)
        .init();
    let code = match (cli.command, cli.scenario) {
        (Some(Command::Check { scenario, plan }), _) => check_scenario(&scenario, &plan),
        (Some(Command::Report { dir }), _) => redraw(&dir),
        (Some(Command::List { what }), _) => print(&catalog::list(what)),
        (Some(Command::Doctor), _) => print(&doctor::examine()),
        (None, Some(scenario)) => run_scenario(&scenario, &cli.run),
        (None, None) => WRONG,
    };
    ExitCode::from(code)
}

fn print(text: &str) -> u8 {
    print!("{text}");
    OK
}

fn read_plan(scenario: &Path, arguments: &PlanArguments) -> Result<Plan, u8> {
    Plan::read(scenario, &arguments.options()).map_err(|error| {
        match &error {
            PlanError::Unreadable { .. } => {
                eprintln!("error: {error}; check the path, or try `hotset scenarios/quickstart.toml`");
            }
            PlanError::Invalid(invalid) => {
                for report in invalid.reports() {
                    eprintln!("{report:?}");
                }
                let count = invalid.mistakes.len();
                let s = if count == 1 { "" } else { "s" };
                eprintln!("{count} mistake{s} in {}: nothing was run", invalid.path);
            }
        }
        WRONG
    })
}

fn check_scenario(scenario: &Path, arguments: &PlanArguments) -> u8 {
    match read_plan(scenario, arguments) {
        Ok(plan) => print(&check::describe(&plan)),
        Err(code) => code,
    }
}

fn redraw(dir: &Path) -> u8 {
    match report::draw(dir, &DrawOptions::default()) {
        Ok(drawn) => {
            for path in &drawn {
                println!("{}", path.display());
            }
            print_table(dir)
        }
        Err(error) => {
            eprintln!("error: {error}");
            WRONG
        }
    }
}

fn print_table(dir: &Path) -> u8 {
    let width = console::Term::stdout().size_checked().map_or(WIDTH_OF_A_FILE, |(_, columns)| columns.into());
    let table = Results::read(dir).map_err(|error| error.to_string());
    let table = table.and_then(|results| closing_table(&results, width).map_err(|error| error.to_string()));
    match table {
        Ok(table) => print(&table),
        Err(error) => {
            eprintln!("error: {error}");
            NOT_RUN
        }
    }
}

fn run_scenario(scenario: &Path, arguments: &RunArguments) -> u8 {
    let plan = match read_plan(scenario, &arguments.plan) {
        Ok(plan) => plan,
        Err(code) => return code,
    };
    if let Some(warning) = machine::unoptimised() {
        eprintln!("warning: {warning}");
    }
    let options = run::Options {
        out: arguments.out.clone(),
        resume: arguments.resume.clone(),
        command: hotset::plan::redacted_command(std::env::args()),
    };
    let observer = progress::observer(arguments.quiet, std::io::stderr().is_terminal(), &plan);
    let runtime = match tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("error: cannot start: {error}");
            return NOT_RUN;
        }
    };
    let ended = runtime.block_on(async {
        let (set, interrupt) = Interrupt::new();
        interrupt::on_signal(set);
        run::run(&plan, &options, observer.as_ref(), interrupt).await
    });
    drop(observer);
    finish(ended, arguments)
}

fn finish(ended: Result<run::Outcome, RunError>, arguments: &RunArguments) -> u8 {
    let outcome = match ended {
        Ok(outcome) => outcome,
        Err(error) => {
            eprintln!("error: {error}");
            return match error {
                RunError::OtherScenario { .. } | RunError::Results(ResultsError::NotResults { .. }) => WRONG,
                RunError::Results(_) => NOT_RUN,
            };
        }
    };
    let directory = &outcome.directory;
    let mut code = print_table(directory);
    if !arguments.no_plots
        && let Err(error) = report::draw(directory, &DrawOptions::default())
    {
        eprintln!("error: the results are kept, but could not be drawn: {error}");
        code = NOT_RUN;
    }
    println!("results: {}", directory.display());
    if !arguments.no_plots {
        println!("report:  {}", directory.join("report.html").display());
    }
    if outcome.failed > 0 {
        eprintln!(
            "{} of the cells could not be run; the reasons are above and in summary.csv",
            outcome.failed
        );
        code = NOT_RUN;
    }
    if outcome.interrupted {
        eprintln!("interrupted: what had ended is kept; go on with --resume {}", directory.display());
        code = INTERRUPTED;
    }
    code
}
