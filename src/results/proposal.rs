//! Commands that tell what a run leaves open: its own command, with something else in it.

use std::ffi::OsStr;

use super::RunInfo;
use crate::base::shell::quoted;

/// The options that say what is run. Where results go and how a run is shown is asked anew each time.
const PLANNING: [&str; 6] = ["--set", "--only", "--repeats", "--until", "--max-duration", "--duration"];
/// Those of them that say how often.
const REPEATING: [&str; 3] = ["--repeats", "--until", "--max-duration"];
/// Three repeats give intervals, and five narrow ones.
const ENOUGH: &str = "5";

impl RunInfo {
    /// Returns the command that runs the same with another value of a setting.
    #[must_use]
    pub fn command_with(&self, key: &str, value: &str) -> String {
        let is_replaced = |option: &str, of: &str| {
            option == "--set" && of.split_once('=').is_some_and(|(name, _)| name.trim() == key)
        };
        let setting = format!("{key}={value}");
        self.proposed("hotset", |option, of| !is_replaced(option, of), &["--set", &setting])
    }

    /// Returns the command that runs the same often enough to tell strategies apart: where the number of repeats is open, that of
    /// the run itself, as it goes on until it does.
    #[must_use]
    pub fn command_with_enough_repeats(&self) -> String {
        if self.has_open_repeats() {
            return self.proposed("hotset", |_, _| true, &[]);
        }
        self.proposed("hotset", |option, _| !REPEATING.contains(&option), &["--repeats", ENOUGH])
    }

    /// Returns the command that simulates the hit rates of the same operations; it takes settings and nothing else.
    #[must_use]
    pub fn curve_command(&self) -> String {
        self.proposed("hotset curve", |option, _| option == "--set", &[])
    }

    /// Returns true if the scenario says how well the run has to tell what it compares.
    fn has_open_repeats(&self) -> bool {
        let lines = self.settings.lines().skip_while(|line| *line != "[run]").skip(1);
        let until =
            lines.take_while(|line| !line.starts_with('[')).find_map(|line| line.strip_prefix("until = "));
        until.is_some_and(|until| until != "(none)")
    }

    fn proposed(&self, program: &str, stays: impl Fn(&str, &str) -> bool, added: &[&str]) -> String {
        // A name that begins with `-` would be taken for an option.
        let here = if self.scenario_path.starts_with('-') { "./" } else { "" };
        let scenario = format!("{here}{}", self.scenario_path);
        let kept = planning_options(&self.command).into_iter().filter(|(option, value)| stays(option, value));
        let words =
            std::iter::once(scenario.as_str()).chain(kept.flat_map(|(option, value)| [option, value]));
        words
            .chain(added.iter().copied())
            .fold(program.to_owned(), |command, word| command + " " + &quoted(OsStr::new(word)))
    }
}

/// The options of a command line that say what is run, each with its value.
fn planning_options(command: &[String]) -> Vec<(&'static str, &str)> {
    let mut words = command.iter().map(String::as_str).take_while(|word| *word != "--");
    let mut found = Vec::new();
    while let Some(word) = words.next() {
        let (name, value) = word.split_once('=').map_or((word, None), |(name, value)| (name, Some(value)));
        let Some(option) = PLANNING.into_iter().find(|known| *known == name) else { continue };
        found.extend(value.or_else(|| words.next()).map(|value| (option, value)));
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(scenario: &str, options: &[&str]) -> RunInfo {
        let command = ["hotset", scenario].iter().chain(options).map(|word| (*word).to_owned()).collect();
        RunInfo { scenario_path: scenario.into(), command, ..RunInfo::default() }
    }

    #[test]
    fn a_proposed_command_runs_what_was_run_and_only_adds_to_it() {
        let run = run(
            "s.toml",
            &[
                "--set",
                "dataset.keys=5000000",
                "-q",
                "--only=strategy=lease",
                "--out",
                "there",
                "--duration",
                "30s",
            ],
        );
        assert_eq!(
            run.command_with("workload.reads", "0.7"),
            "hotset s.toml --set dataset.keys=5000000 --only strategy=lease --duration 30s --set workload.reads=0.7"
        );
        assert_eq!(
            run.command_with_enough_repeats(),
            "hotset s.toml --set dataset.keys=5000000 --only strategy=lease --duration 30s --repeats 5"
        );
        assert_eq!(run.curve_command(), "hotset curve s.toml --set dataset.keys=5000000");
    }

    #[test]
    fn what_a_proposed_command_says_takes_the_place_of_what_the_run_said() {
        let repeated = run("s.toml", &["--repeats", "3", "--only", "strategy=lease"]);
        assert_eq!(repeated.command_with_enough_repeats(), "hotset s.toml --only strategy=lease --repeats 5");
        let few_reads = run("s.toml", &["--set", "workload.reads=0.5", "--repeats", "3"]);
        assert_eq!(
            few_reads.command_with("workload.reads", "0.95"),
            "hotset s.toml --repeats 3 --set workload.reads=0.95"
        );
    }

    #[test]
    fn a_run_that_goes_on_until_it_tells_enough_is_proposed_as_it_is() {
        let settings =
            |until: &str| format!("[run]\nrepeats = \"5..30\"\nuntil = {until}\n\n[cache]\nttl = \"1h\"\n");
        let options = ["--until=2%", "--max-duration", "1h"];
        let open = RunInfo { settings: settings("\"2%\""), ..run("s.toml", &options) };
        assert_eq!(open.command_with_enough_repeats(), "hotset s.toml --until 2% --max-duration 1h");
        let fixed = RunInfo { settings: settings("(none)"), ..run("s.toml", &[]) };
        assert_eq!(fixed.command_with_enough_repeats(), "hotset s.toml --repeats 5");
    }

    #[test]
    fn a_shell_reads_the_words_of_a_proposed_command_as_they_were() {
        let run = run("my runs/a b.toml", &["--only", "strategy=it's", "--", "-x"]);
        assert_eq!(
            run.command_with_enough_repeats(),
            r"hotset 'my runs/a b.toml' --only 'strategy=it'\''s' --repeats 5"
        );
        assert_eq!(self::run("-s.toml", &[]).curve_command(), "hotset curve ./-s.toml");
    }
}
