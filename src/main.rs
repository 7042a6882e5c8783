//! The command line of hotset: arguments in, exit code out.

use std::io::IsTerminal;
use std::num::NonZeroU64;
use std::path::Path;
use std::process::ExitCode;

use clap::Parser;
use hotset::cli::{Cli, Command, CurveArguments, PlanArguments, RunArguments};
use hotset::interrupt::{self, Interrupt};
use hotset::plan::{self, Plan, PlanError};
use hotset::report::terminal::closing_table;
use hotset::report::{DrawOptions, ReportError};
use hotset::results::{CurveRow, Results, ResultsError, file_safe, write_curve};
use hotset::run::{self, RunError};
use hotset::{catalog, check, doctor, machine, progress, recording, report, sizing, topology};

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
        (Some(Command::Curve { scenario, curve }), _) => simulate_curve(&scenario, &curve),
        (Some(Command::Record { scenario, out, operations, set, quiet }), _) => {
            record(&scenario, set, operations, &out, quiet)
        }
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

fn read_plan(scenario: &Path, options: &plan::Options) -> Result<Plan, u8> {
    Plan::read(scenario, options).map_err(|error| {
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
    match read_plan(scenario, &arguments.options()) {
        Ok(plan) => print(&check::describe(&plan)),
        Err(code) => code,
    }
}

fn simulate_curve(scenario: &Path, arguments: &CurveArguments) -> u8 {
    let options = plan::Options { set: arguments.set.clone(), ..plan::Options::default() };
    let plan = match read_plan(scenario, &options) {
        Ok(plan) => plan,
        Err(code) => return code,
    };
    let request = arguments.request();
    let total = sizing::operations(&plan, &request);
    let progress = progress::operations(arguments.quiet, std::io::stderr().is_terminal(), total);
    let found = match sizing::simulate(&plan, &request, progress) {
        Ok(found) => found,
        Err(error) => {
            eprintln!("error: {error}");
            return WRONG;
        }
    };
    if let Some(warning) = found.warning() {
        eprintln!("warning: {warning}");
    }
    if let Some(first) = &found.skipped.first {
        eprintln!("warning: {} broken lines were left out, the first: {first}", found.skipped.lines);
    }
    let mut rows = found.rows();
    if request.trace.is_none() {
        rows.extend(sizing::measured(&plan, &arguments.out));
    }
    if let Err(error) = keep_curve(&plan.name, &rows, &arguments.out.join(file_safe(&plan.name))) {
        eprintln!("error: {error}");
        return NOT_RUN;
    }
    if let Some(target) = arguments.target_hit_rate {
        println!("{}", found.answer(target));
    }
    OK
}

fn keep_curve(name: &str, rows: &[CurveRow], directory: &Path) -> Result<(), ReportError> {
    let table = write_curve(directory, rows)?;
    for written in [vec![table], report::draw_curve(name, rows, directory)?].concat() {
        println!("{}", written.display());
    }
    Ok(())
}

fn record(scenario: &Path, set: Vec<String>, operations: NonZeroU64, out: &Path, quiet: bool) -> u8 {
    let plan = match read_plan(scenario, &plan::Options { set, ..plan::Options::default() }) {
        Ok(plan) => plan,
        Err(code) => return code,
    };
    let progress = progress::operations(quiet, std::io::stderr().is_terminal(), Some(operations.get()));
    match recording::record(&plan.scenario, operations, out, progress) {
        Ok(()) => print(&format!("{}\n", out.display())),
        Err(error) => {
            eprintln!("error: {error}");
            NOT_RUN
        }
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
    let plan = match read_plan(scenario, &arguments.plan.options()) {
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
