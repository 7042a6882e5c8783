//! Answers of commands, and what is wrong with a command line.

use crate::base::output::{self, note};
use crate::base::secrets;
use crate::base::shown;
use crate::base::terminal::moves_cursor;
use crate::commands::exit::Exit;

/// Prints the whole answer of a command.
#[must_use]
pub fn print(text: &str) -> Exit {
    output::print(shown::lines(text));
    Exit::Done
}

/// Says what is wrong with the command line.
#[must_use]
pub fn refuse(what: &str) -> Exit {
    note!("error: {}", shown::lines(what));
    Exit::Wrong
}

/// Prints what the reader of the command line says: help, the version, or what is wrong, without the passwords of
/// URLs in it.
#[must_use]
pub fn print_parser_message(message: &clap::Error) -> Exit {
    let (is_wrong, text) = (message.use_stderr(), message.render());
    let is_terminal =
        if is_wrong { moves_cursor(&std::io::stderr()) } else { moves_cursor(&std::io::stdout()) };
    let text = if is_terminal { text.ansi().to_string() } else { text.to_string() };
    if is_wrong {
        // What was typed is quoted there.
        output::say(secrets::strike_typed(&text));
        Exit::Wrong
    } else {
        // Its own colours stay: nothing that was typed is quoted there.
        output::print(text);
        Exit::Done
    }
}

/// Waits until everything is printed, and returns how the command ended in the end: what could not be printed, as on a full
/// disk, is an error. That nobody reads any more is none.
#[must_use]
pub fn end(exit: Exit) -> Exit {
    match output::finish() {
        Some(failure) => {
            note!("error: {failure}");
            if exit == Exit::Done { Exit::NotRun } else { exit }
        }
        None => exit,
    }
}
