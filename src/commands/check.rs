//! Output of `hotset check`: the cells, in their order, and how long they will take.

use std::fmt::Write as _;
use std::path::Path;

use crate::base::output::note;
use crate::base::shown;
use crate::base::units::show_duration;
use crate::commands::Exit;
use crate::commands::cli::PlanArguments;
use crate::commands::output::print;
use crate::commands::plan::read;
use crate::run::plan::{Plan, Scenario, Size};
use crate::topology::reach::{ReachedServer, ServerAnswer, named_servers, reach};

/// Reads a scenario and prints what a run of it would do.
#[must_use]
pub fn execute(scenario: &Path, arguments: &PlanArguments) -> Exit {
    match read(scenario, &arguments.options()) {
        Ok(plan) => print(&describe(&plan)),
        Err(exit) => exit,
    }
}

/// As [`execute`], and asks every server that the scenario names whether it answers.
#[must_use]
pub fn connect(scenario: &Path, arguments: &PlanArguments) -> Exit {
    let plan = match read(scenario, &arguments.options()) {
        Ok(plan) => plan,
        Err(exit) => return exit,
    };
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            note!("error: cannot start: {error}");
            return Exit::NotRun;
        }
    };
    let Scenario { cache, database, .. } = plan.scenario.as_ref();
    let topologies = plan.cells.iter().map(|cell| (cell.topology.label.as_str(), &cell.topology.spec));
    let servers = named_servers(topologies, database);
    let reached = runtime.block_on(reach(servers, cache, database));
    let all_answer = reached.iter().all(|one| one.answer == ServerAnswer::Taken);
    let printed = print(&(describe(&plan) + &reached_in_words(&reached)));
    printed.worse_of(if all_answer { Exit::Done } else { Exit::NotRun })
}

/// A line for each server.
fn reached_in_words(reached: &[ReachedServer]) -> String {
    if reached.is_empty() {
        return "It names no server: hotset starts what it needs.\n".into();
    }
    let line = |one: &ReachedServer| {
        let (url, named_by) = (one.server.url.to_string(), one.server.named_by.join(", "));
        let (url, named_by) = (shown::line(&url), shown::line(&named_by));
        match &one.answer {
            ServerAnswer::Taken => format!("  answers         {url} ({named_by})\n"),
            ServerAnswer::Refused(why) => {
                format!("  REFUSES         {url} ({named_by}): {}\n", shown::line(why))
            }
            ServerAnswer::Missing(why) => {
                format!("  DOES NOT ANSWER {url} ({named_by}): {}\n", shown::line(why))
            }
        }
    };
    reached.iter().map(line).collect()
}

/// The plan in words.
#[must_use]
pub fn describe(plan: &Plan) -> String {
    let mut text = String::new();
    let (least, most) = plan.time();
    // Writing to a string does not fail.
    let certain = plan.cells_in_any_case().count();
    let runs = if certain == 1 { "1 run".to_owned() } else { format!("{certain} runs in this order") };
    let _ = writeln!(text, "{} is valid: {runs}", plan.path);
    for cell in plan.cells_in_any_case() {
        let swept: Vec<_> =
            cell.swept.iter().map(|(key, value)| format!("{key} = {}", shown::line(value))).collect();
        let _ = writeln!(
            text,
            "  {:>3}  {}  (database: {}{}{})",
            cell.position,
            cell.id,
            cell.topology.spec.database().word(),
            if swept.is_empty() { "" } else { "; " },
            swept.join(", "),
        );
    }
    if let Some(until) = plan.scenario.run.until {
        let more = plan.cells.len() - certain;
        let budget = plan.scenario.run.max_duration;
        let budget =
            budget.map_or_else(String::new, |budget| format!(", or {} are spent", show_duration(budget.0)));
        let share = until.share() * 100.0;
        let _ = writeln!(
            text,
            "  and up to {more} more, block by block, until the ratio of each strategy to no cache is known to \u{b1} {share} %{budget}"
        );
    }
    for left_out in &plan.left_out {
        let _ = writeln!(text, "  not run: {left_out}");
    }
    for note in plan.notes() {
        let _ = writeln!(text, "  {note}");
    }
    let _ = writeln!(
        text,
        "It takes {} to {}, depending on how soon hit rates settle; starting servers and loading {} documents come on top.",
        show_duration(least),
        show_duration(most),
        plan.scenario.dataset.keys,
    );
    let _ = writeln!(text, "{}", Size::of(&plan.scenario));
    let repeats = plan.scenario.run.repeats;
    let _ = match repeats.least() {
        _ if repeats.is_range() => Ok(()),
        1 => writeln!(text, "1 repeat is too few to show a difference; --repeats 5 shows more."),
        2 => writeln!(text, "2 repeats are too few to show a difference; --repeats 5 shows more."),
        few @ (3 | 4) => {
            writeln!(text, "{few} repeats show large differences only; --repeats 5 shows smaller ones.")
        }
        _ => Ok(()),
    };
    text
}
