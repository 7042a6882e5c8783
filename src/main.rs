//! The command line of hotset.

use std::process::ExitCode;

fn main() -> ExitCode {
    // hotset starts itself to hold its servers; that must come before any thread and any other argument.
    if let Some(code) = hotset::topology::servers::hidden_main(std::env::args_os()) {
        return code;
    }
    ExitCode::SUCCESS
}
