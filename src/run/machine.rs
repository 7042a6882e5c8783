//! Facts about the machine and the build of hotset, for the run's record.

use crate::results::{Build, Machine};

/// The machine that hotset runs on.
#[must_use]
pub fn this_machine() -> Machine {
    let mut system = sysinfo::System::new();
    let (mut memory_bytes, mut cpu_model) = (0, String::from("unknown"));
    if let Ok(system) = &mut system {
        system.refresh_memory();
        system.refresh_cpu_all();
        memory_bytes = system.total_memory();
        if let Some(cpu) = system.cpus().first() {
            cpu.brand().trim().clone_into(&mut cpu_model);
        }
    }
    let kernel = rustix::system::uname();
    Machine {
        cores: std::thread::available_parallelism().map_or(1, |cores| cores.get() as u64),
        memory_bytes,
        cpu_model,
        kernel: format!("{} {}", kernel.sysname().to_string_lossy(), kernel.release().to_string_lossy()),
    }
}

/// Returns how hotset was built.
#[must_use]
pub fn this_build() -> Build {
    let profile = match env!("HOTSET_PROFILE") {
        // Cargo calls the ordinary profile so, whatever its options are.
        "debug" => "dev",
        other => other,
    };
    Build { profile: profile.into(), optimisation: env!("HOTSET_OPT_LEVEL").into() }
}

/// The commit that hotset was built from, with a `+` where the sources differed from it.
#[must_use]
pub fn this_commit() -> Option<String> {
    Some(env!("HOTSET_COMMIT").to_owned()).filter(|commit| !commit.is_empty())
}

/// Why the figures of this build cannot be trusted, where they cannot.
#[must_use]
pub fn unoptimised() -> Option<String> {
    let level = env!("HOTSET_OPT_LEVEL");
    matches!(level, "0" | "1").then(|| {
        format!("THIS BUILD IS NOT OPTIMISED (opt-level {level}): its figures measure the compiler's settings, not a strategy; build with the profiles that Cargo.toml has")
    })
}
