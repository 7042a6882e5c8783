//! The command that goes on with an interrupted run, as a shell takes it.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;

use crate::base::shell::quoted;
use crate::run::plan::redacted_command;

/// The options that say where results go, with their value in the same word.
const WHERE: [&[u8]; 3] = [b"--resume=", b"--out=", b"--results="];

/// The command of a run with all its options, but with this directory to go on in. Passwords are struck out.
#[must_use]
pub fn resume_command(arguments: impl IntoIterator<Item = OsString>, directory: &Path) -> String {
    let mut words = Vec::new();
    let mut arguments = arguments.into_iter();
    let mut after_options = Vec::new();
    while let Some(argument) = arguments.next() {
        match argument.as_bytes() {
            b"--" => {
                after_options.push(argument);
                after_options.extend(arguments.by_ref());
            }
            // Where results go is another on resuming, and is given below.
            b"--resume" | b"--out" | b"--results" => drop(arguments.next()),
            bytes if WHERE.iter().any(|option| bytes.starts_with(option)) => {}
            _ => words.push(argument),
        }
    }
    words.push("--resume".into());
    // A name that begins with `-` would be taken for an option.
    let directory = if directory.as_os_str().as_bytes().starts_with(b"-") {
        Path::new(".").join(directory)
    } else {
        directory.to_owned()
    };
    words.push(directory.into_os_string());
    words.extend(after_options);
    words.iter().map(|word| quoted(&without_secrets(word))).collect::<Vec<_>>().join(" ")
}

fn without_secrets(word: &OsStr) -> OsString {
    let text = word.to_string_lossy();
    let shown = redacted_command([text.clone().into_owned()]).concat();
    if shown == text { word.to_owned() } else { shown.into() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resumed(arguments: &[&str]) -> String {
        resume_command(arguments.iter().map(OsString::from), Path::new("results/a/1"))
    }

    #[test]
    fn the_command_keeps_every_option_but_where_results_go() {
        assert_eq!(
            resumed(&["hotset", "a.toml", "--set", "workload.clients=8", "--out", "there", "-q"]),
            "hotset a.toml --set workload.clients=8 -q --resume results/a/1"
        );
        assert_eq!(
            resumed(&["hotset", "--resume", "old", "a.toml", "--out=x"]),
            "hotset a.toml --resume results/a/1"
        );
        assert_eq!(resumed(&["hotset", "--", "-a.toml"]), "hotset --resume results/a/1 -- -a.toml");
        assert_eq!(
            resumed(&["hotset", "a b.toml", "--only", "strategy=it's"]),
            r"hotset 'a b.toml' --only 'strategy=it'\''s' --resume results/a/1"
        );
    }

    #[test]
    fn a_password_is_struck_out_of_the_command() {
        let shown = resumed(&["hotset", "a.toml", "--set", "database.url=mongodb://u:canary@h"]);
        assert!(!shown.contains("canary") && shown.contains("***"), "{shown}");
    }
}
