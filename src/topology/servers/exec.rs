//! `hotset __exec --parent PID [--cpus 0,1] -- PROGRAM ARGS…`: becomes a server that dies with the supervisor.
//!
//! The death signal and the processors are set in this process, before it becomes the server, because setting
//! them between fork and exec would need unsafe code. The process id stays the same.

use crate::base::output::note;
use std::ffi::OsString;
use std::os::unix::process::CommandExt as _;
use std::process::{Command, ExitCode};

/// The shell's exit code for "a command that could not be executed".
const CANNOT_EXECUTE: u8 = 126;

/// Runs the subcommand, and returns only if the server could not be started. The reason goes to standard error, which
/// is the server's log.
pub(super) fn main(args: impl Iterator<Item = OsString>) -> ExitCode {
    let reason = match parse(args) {
        Ok(plan) => become_server(&plan),
        Err(reason) => reason,
    };
    note!("hotset: {reason}");
    ExitCode::from(CANNOT_EXECUTE)
}

#[derive(Debug, PartialEq, Eq)]
struct Plan {
    parent: i32,
    cpus: Vec<usize>,
    program: OsString,
    args: Vec<OsString>,
}

fn parse(mut args: impl Iterator<Item = OsString>) -> Result<Plan, String> {
    let mut parent = None;
    let mut cpus = Vec::new();
    loop {
        let option = args.next().ok_or("the program is missing")?;
        match option.to_str() {
            Some("--parent") => parent = number(args.next()),
            Some("--cpus") => cpus = cpu_list(args.next())?,
            Some("--") => break,
            _ => return Err(format!("unknown option {}", option.display())),
        }
    }
    let program = args.next().ok_or("the program is missing")?;
    Ok(Plan { parent: parent.ok_or("--parent is missing")?, cpus, program, args: args.collect() })
}

fn number(text: Option<OsString>) -> Option<i32> {
    text?.to_str()?.parse().ok()
}

fn cpu_list(text: Option<OsString>) -> Result<Vec<usize>, String> {
    let text = text.and_then(|text| text.into_string().ok()).ok_or("--cpus needs a list")?;
    text.split(',').map(|cpu| cpu.parse().map_err(|_| format!("{cpu} is not a processor's number"))).collect()
}

fn become_server(plan: &Plan) -> String {
    if let Err(reason) = die_with_parent(plan.parent).and_then(|()| pin(&plan.cpus)) {
        return reason;
    }
    let error = Command::new(&plan.program).args(&plan.args).exec();
    format!("cannot execute {}: {error}", plan.program.display())
}

/// Ties this process to its parent. This works on Linux only. Elsewhere a server outlives a supervisor that is killed
/// hard, though not one that sees hotset end.
fn die_with_parent(parent: i32) -> Result<(), String> {
    #[cfg(target_os = "linux")]
    rustix::process::set_parent_process_death_signal(Some(rustix::process::Signal::KILL))
        .map_err(|error| format!("cannot tie this process to its supervisor: {error}"))?;
    // The parent may have died before the signal was set; then the signal would never come.
    let now = rustix::process::getppid().map(|pid| pid.as_raw_nonzero().get());
    if now == Some(parent) { Ok(()) } else { Err("the supervisor has ended already".to_owned()) }
}

#[cfg(target_os = "linux")]
fn pin(cpus: &[usize]) -> Result<(), String> {
    use rustix::thread::{CpuSet, sched_setaffinity};
    if cpus.is_empty() {
        return Ok(());
    }
    let mut set = CpuSet::new();
    for &cpu in cpus {
        if cpu >= CpuSet::MAX_CPU {
            return Err(format!("there is no processor {cpu}"));
        }
        set.set(cpu);
    }
    sched_setaffinity(None, &set).map_err(|error| format!("cannot pin to processors {cpus:?}: {error}"))
}

/// Does nothing. Pinning works on Linux only; elsewhere the server uses every processor.
#[cfg(not(target_os = "linux"))]
fn pin(_cpus: &[usize]) -> Result<(), String> {
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(line: &str) -> Result<Plan, String> {
        parse(line.split(' ').map(OsString::from))
    }

    #[test]
    fn everything_after_the_dashes_is_the_servers() {
        let plan = parsed("--parent 7 --cpus 0,2 -- server --cpus 9").unwrap();
        assert_eq!((plan.parent, plan.cpus), (7, vec![0, 2]));
        assert_eq!((plan.program, plan.args), ("server".into(), vec!["--cpus".into(), "9".into()]));
    }

    #[test]
    fn a_bad_line_is_refused() {
        for line in ["--parent 7 --", "-- server", "--cpus 0,x --parent 7 -- server", "--other"] {
            assert!(parsed(line).is_err(), "{line}");
        }
    }
}
