//! What a terminal can do that output goes to.

use std::env;
use std::ffi::OsStr;
use std::io::{self, IsTerminal};

/// Returns true if a stream is a terminal on which the cursor can be moved: one that calls itself `dumb`, or nothing, only
/// takes lines.
#[must_use]
pub fn moves_cursor(stream: &impl IsTerminal) -> bool {
    stream.is_terminal() && can_move(env::var_os("TERM").as_deref())
}

fn can_move(term: Option<&OsStr>) -> bool {
    term.is_some_and(|term| !term.is_empty() && term != "dumb")
}

/// Why no full screen can be drawn; `None` where one can.
#[must_use]
pub fn no_screen() -> Option<&'static str> {
    match (moves_cursor(&io::stdout()) && moves_cursor(&io::stderr()), io::stdin().is_terminal()) {
        (true, true) => None,
        (true, false) => Some("stdin is none, from which keys are read"),
        (false, _) if can_move(env::var_os("TERM").as_deref()) => Some("stdout and stderr are not both one"),
        (false, _) => Some("TERM says that this one cannot move its cursor"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dumb_terminal_only_takes_lines() {
        assert!(can_move(Some(OsStr::new("xterm-256color"))));
        assert!(!can_move(Some(OsStr::new("dumb"))) && !can_move(Some(OsStr::new(""))) && !can_move(None));
    }
}
