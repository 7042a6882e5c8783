//! The command line of hotset: arguments in, exit code out.

use std::collections::BTreeSet;
use std::io::IsTerminal;
use std::num::NonZeroU64;
use std::path::Path;
use std::process::ExitCode;

use clap::Parser;
use hotset::cli::monitor::{Form, MonitorArguments, MonitorCommand};
use hotset::cli::{Cli, Command, CurveArguments, Listed, PlanArguments, RunArguments};
use hotset::interrupt::{self, Asked, Interrupt};
use hotset::monitor::scenario::Watching;
use hotset::monitor::{Ended, MonitorError, history, session, summary, terminal};
use hotset::observer::Observer;
use hotset::plan::{self, Plan, PlanError};
use hotset::report::terminal::closing_table;
use hotset::report::{DrawOptions, ReportError};
use hotset::results::{CurveRow, Results, ResultsError, file_safe, write_curve};
use hotset::run::{self, RunError};
use hotset::sizing::Sizing;
use hotset::{catalog, check, doctor, machine, progress, recording, report, sizing, topology};
use tokio::sync::watch;

/// The width of a table that goes to a file or a pipe.
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
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(said) => return ExitCode::from(say(&said)),
    };
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
        (Some(Command::List { what, markdown, json_schema }), _) => list(what, markdown, json_schema),
        (Some(Command::Doctor), _) => print(&doctor::examine()),
        (Some(Command::Monitor(arguments)), _) => monitor(&arguments),
        (None, Some(scenario)) => run_scenario(&scenario, &cli.run),
        (None, None) => WRONG,
    };
    ExitCode::from(code)
}

/// What the reader of the command line says: help, the version, or what is wrong, without the passwords of URLs in it.
fn say(said: &clap::Error) -> u8 {
    let (is_wrong, text) = (said.use_stderr(), said.render());
    let is_terminal =
        if is_wrong { std::io::stderr().is_terminal() } else { std::io::stdout().is_terminal() };
    let text = if is_terminal { text.ansi().to_string() } else { text.to_string() };
    if is_wrong {
        // What was typed is quoted there.
        eprint!("{}", plan::redacted_command([text]).concat());
        WRONG
    } else {
        print(&text)
    }
}

fn list(what: Option<Listed>, markdown: bool, json_schema: bool) -> u8 {
    match what {
        Some(Listed::Columns) if json_schema => print(&catalog::summary_schema()),
        Some(Listed::Columns) if markdown => print(&catalog::columns_page()),
        None | Some(Listed::Settings) if markdown => print(&catalog::settings_page()),
        Some(_) | None if markdown => {
            refuse("--markdown prints settings or columns: `hotset list columns --markdown`")
        }
        Some(_) | None if json_schema => {
            refuse("--json-schema is of columns: `hotset list columns --json-schema`")
        }
        _ => print(&catalog::list(what)),
    }
}

/// Says what is wrong with the command line.
fn refuse(what: &str) -> u8 {
    eprintln!("error: {what}");
    WRONG
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
    say_of_curves(&found);
    let mut rows: Vec<CurveRow> = found.iter().flat_map(Sizing::rows).collect();
    if request.trace.is_none() {
        rows.extend(sizing::measured(&plan, &arguments.out));
    }
    if let Err(error) = keep_curve(&plan.name, &rows, &arguments.out.join(file_safe(&plan.name))) {
        eprintln!("error: {error}");
        return NOT_RUN;
    }
    if let Some(target) = arguments.target_hit_rate {
        for sizing in &found {
            let name = sizing.name(&found);
            let of = if name.is_empty() { String::new() } else { format!("{name}: ") };
            println!("{of}{}", sizing.answer(target));
        }
    }
    OK
}

/// What is to be known of simulated curves before they are looked at, each thing once.
fn say_of_curves(found: &[Sizing]) {
    for warning in found.iter().filter_map(Sizing::warning).collect::<BTreeSet<_>>() {
        eprintln!("warning: {warning}");
    }
    if let Some((lines, first)) =
        found.iter().find_map(|one| Some((one.skipped.lines, one.skipped.first.as_ref()?)))
    {
        eprintln!("warning: {lines} broken lines were left out, the first: {first}");
    }
    for reason in found.iter().filter_map(|one| one.reason.as_ref()).collect::<BTreeSet<_>>() {
        println!("{reason}");
    }
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
    if !arguments.quiet {
        plan.notes().iter().for_each(|note| eprintln!("note: {note}"));
    }
    if let Some(warning) = machine::unoptimised() {
        eprintln!("warning: {warning}");
    }
    let options = run::Options {
        out: arguments.out.clone(),
        resume: arguments.resume.clone(),
        command: hotset::plan::redacted_command(std::env::args()),
    };
    let (set, interrupt) = Interrupt::new();
    let (observer, tell) = observer(&plan, arguments, &set);
    let runtime = match tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("error: cannot start: {error}");
            return NOT_RUN;
        }
    };
    let ended = runtime.block_on(async {
        interrupt::on_signal(set, tell);
        run::run(&plan, &options, observer.as_ref(), interrupt).await
    });
    drop(observer);
    finish(ended, arguments)
}

/// Who is told of the run, and who of a signal to end it.
fn observer(
    plan: &Plan,
    arguments: &RunArguments,
    interrupt: &watch::Sender<bool>,
) -> (Box<dyn Observer>, fn(Asked)) {
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
                    if asked == Asked::Again {
                        terminal::give_back();
                    }
                });
            }
            Err(why) => eprintln!("note: --watch needs a terminal ({why}); ordinary progress instead"),
        }
    }
    (progress::observer(arguments.quiet, is_terminal, plan), interrupt::tell)
}

fn monitor(arguments: &MonitorArguments) -> u8 {
    let runtime = match tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("error: cannot start: {error}");
            return NOT_RUN;
        }
    };
    let ended = runtime.block_on(async {
        match &arguments.command {
            Some(command) => print_history(command).await.map(|()| Ended::Over),
            None => session::run(&arguments.options(std::io::stdout().is_terminal())).await,
        }
    });
    // Not waited for: a reader that does not read may hold the thread that writes rows for ever.
    runtime.shutdown_background();
    match ended {
        Ok(Ended::Over) => OK,
        Ok(Ended::Interrupted) => INTERRUPTED,
        Err(error) => {
            eprintln!("error: {error}");
            match error {
                MonitorError::Listen { .. } | MonitorError::Refused(_) | MonitorError::CannotPublish(_) => {
                    WRONG
                }
                _ => NOT_RUN,
            }
        }
    }
}

async fn print_history(command: &MonitorCommand) -> Result<(), MonitorError> {
    let (request, form) = command.request();
    let samples = history::read(&request).await?;
    match form {
        Form::Rows => history::write_csv(&samples, std::io::stdout())
            .map_err(|source| MonitorError::Rows { path: "-".into(), source }),
        Form::Summary => {
            print(&summary::of(&samples));
            Ok(())
        }
    }
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
        eprintln!("{} of the runs failed; the reasons are above and in summary.csv", outcome.failed);
        code = NOT_RUN;
    }
    if outcome.interrupted {
        eprintln!("interrupted: what had ended is kept; go on with --resume {}", directory.display());
        code = INTERRUPTED;
    }
    code
}
