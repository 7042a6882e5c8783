//! Real servers that hotset starts and stops: `redis-server` and `mongod` on free loopback ports, in a private
//! temporary directory, that die with hotset however hotset dies.
//!
//! ```text
//! hotset ──pipe──▶ hotset __supervise DIR ──▶ hotset __exec … becomes redis-server
//!                  own session, holds DIR     dies when its supervisor dies
//!                  ends when the pipe ends
//! ```
//! - hotset ends, panics or is killed: the pipe ends; the supervisor kills its servers and removes DIR.
//! - the supervisor is killed: on Linux the kernel kills its servers; the next run's sweep removes DIR.
//! - Ctrl-C: the supervisor and the servers are in another session and never see it.
//!
//! On Unixes other than Linux, servers outlive a supervisor that is itself killed hard, and cannot be pinned.

mod directory;
mod error;
mod exec;
mod find;
mod launch;
mod log;
mod mongod;
mod ports;
mod process;
mod protocol;
mod redis;
mod secret;
mod supervise;
mod supervisor;
mod usage;

pub use directory::{SweepReport, sweep_stale, sweep_stale_in};
pub use error::ServerError;
pub use find::{ServerProgram, find_mongod, find_redis_server, find_valkey_server};
pub use mongod::{MongodConfig, MongodServer};
pub use ports::free_port;
pub use process::ServerProcess;
pub use protocol::{ServerExit, ServerSignal, ServerSpec};
pub use redis::{CacheProgram, EvictionPolicy, Persistence, RedisConfig, RedisServer};
pub use secret::Secret;
pub use supervisor::{Supervisor, own_program};
pub use usage::{ProcessUsage, UsageSampler};

use std::ffi::OsString;
use std::process::ExitCode;

use protocol::{EXEC, SUPERVISE};

/// Runs the hidden subcommand that `args` (the program's name first) name, if they name one. `main` must call it before
/// it starts any thread and before it reads any other argument.
#[must_use]
pub fn hidden_main(args: impl IntoIterator<Item = OsString>) -> Option<ExitCode> {
    let mut args = args.into_iter().skip(1);
    match args.next()?.to_str()? {
        SUPERVISE => Some(supervise::main(args)),
        EXEC => Some(exec::main(args)),
        _ => None,
    }
}
