//! The command line of hotset: arguments in, exit code out.

#![deny(clippy::print_stdout, clippy::print_stderr)]

use std::process::ExitCode;

use clap::Parser;
use hotset::commands::cli::{Cli, Command};
use hotset::commands::output::{end, print, print_parser_message};
use hotset::commands::{Exit, curve, list, monitor, record, report, run};
use hotset::{
    base::{
        inherited, open_files,
        output::{LogWriter, say},
        secrets,
    },
    commands::{baseline, check, compare, doctor, merge},
    topology,
};

fn main() -> ExitCode {
    // hotset starts itself to hold its servers; that must come before any thread and any other argument.
    if let Some(code) = topology::servers::hidden_main(std::env::args_os()) {
        return code;
    }
    open_files::raise();
    if let Err(error) = inherited::hear() {
        say(format!("warning: signals cannot be heard: {error}\n"));
    }
    std::env::args_os().for_each(|argument| secrets::learn_all(&argument.to_string_lossy()));
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(message) => return end(print_parser_message(&message)).into(),
    };
    tracing_subscriber::fmt()
        .with_env_filter(tracing_subscriber::EnvFilter::from_env("HOTSET_LOG"))
        .with_writer(|| LogWriter)
        .init();
    let exit = match (cli.command, cli.scenario) {
        (Some(Command::Check { scenario, plan, connect: false }), _) => check::execute(&scenario, &plan),
        (Some(Command::Check { scenario, plan, connect: true }), _) => check::connect(&scenario, &plan),
        (Some(Command::Report { dir, junit, picture }), _) => {
            report::execute(&dir, picture.request().as_ref(), junit.as_deref())
        }
        (Some(Command::Compare(arguments)), _) => compare::execute(&arguments),
        (Some(Command::Merge { dirs, out }), _) => merge::execute(&dirs, &out),
        (Some(Command::Baseline { action }), _) => baseline::execute(&action),
        (Some(Command::Curve { scenario, curve }), _) => curve::execute(&scenario, &curve),
        (Some(Command::Record { scenario, out, operations, set, quiet }), _) => {
            record::execute(&scenario, set, operations, &out, quiet)
        }
        (Some(Command::List { what, markdown, json_schema }), _) => {
            list::execute(what, markdown, json_schema)
        }
        (Some(Command::Doctor), _) => print(&doctor::examine()),
        (Some(Command::Monitor(arguments)), _) => monitor::execute(&arguments),
        (None, Some(scenario)) => run::execute(&scenario, &cli.run),
        (None, None) => Exit::Wrong,
    };
    end(exit).into()
}
