//! Output of `hotset doctor`: what is installed, what is missing, and how to get it.

use std::fmt::Write as _;

use crate::base::{open_files, processors};
use crate::run::machine;
use crate::topology::servers::{
    ServerError, ServerProgram, find_mongod, find_redis_server, find_valkey_server,
};

/// Fewer open files than this are too few for a few hundred connections.
const COMFORTABLE_OPEN_FILES: u64 = 1024;

/// The findings in words.
#[must_use]
pub fn examine() -> String {
    let mut text = String::new();
    let mut line = |mark: &str, what: String| {
        // Writing to a string does not fail.
        let _ = writeln!(text, "{mark} {what}");
    };
    let build = machine::this_build();
    line(
        "ok     ",
        format!(
            "hotset {} (profile {}, opt-level {})",
            env!("CARGO_PKG_VERSION"),
            build.profile,
            build.optimisation
        ),
    );
    if let Some(warning) = machine::unoptimised() {
        line("WRONG  ", warning);
    }
    for (name, found) in [("redis-server", find_redis_server()), ("mongod", find_mongod())] {
        let (mark, what) = server(name, found);
        line(mark, what);
    }
    match server("valkey-server", find_valkey_server()) {
        ("MISSING", why) => line("-      ", format!("{why} (only server = \"valkey\" needs one)")),
        (mark, what) => line(mark, what),
    }
    let limit = open_files::limit();
    if limit < COMFORTABLE_OPEN_FILES {
        line("LOW    ", {
            let remedy = open_files::how_to_raise(COMFORTABLE_OPEN_FILES);
            format!("{limit} open files allowed, which is too few for a few hundred connections: {remedy}")
        });
    } else {
        line("ok     ", format!("{limit} open files allowed"));
    }
    let machine = machine::this_machine();
    let cores = machine.cores;
    line(
        if cores < 2 { "LOW    " } else { "ok     " },
        format!(
            "{cores} cores (processors {}; {}), {:.1} GiB of memory, {}{}",
            processors::in_words(&processors::allowed()),
            machine.cpu_model,
            machine.memory_bytes as f64 / f64::from(1 << 30),
            machine.kernel,
            if cores < 4 {
                ": load and servers share them; compare strategies at a rate that all sustain (rate_per_second)"
            } else {
                ""
            }
        ),
    );
    text.push_str("\nThe topology `embedded` needs no server: hotset scenarios/quickstart.toml\n");
    text
}

fn server(name: &str, found: Result<ServerProgram, ServerError>) -> (&'static str, String) {
    match found {
        Ok(found) => ("ok     ", format!("{name} {} at {}", found.version, found.path.display())),
        Err(error) => ("MISSING", error.to_string()),
    }
}
