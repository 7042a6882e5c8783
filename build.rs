//! Tells the program how it was built, so that every result can say so.

use std::process::Command;

fn main() {
    for (name, variable) in [("HOTSET_PROFILE", "PROFILE"), ("HOTSET_OPT_LEVEL", "OPT_LEVEL")] {
        println!("cargo::rustc-env={name}={}", std::env::var(variable).unwrap_or_default());
    }
    println!("cargo::rustc-env=HOTSET_COMMIT={}", commit().unwrap_or_default());
    // Only where there is a repository: a path that does not exist would rebuild every time.
    if std::path::Path::new(".git/HEAD").exists() {
        println!("cargo::rerun-if-changed=.git/HEAD");
        println!("cargo::rerun-if-changed=.git/refs/heads");
    }
    println!("cargo::rerun-if-changed=build.rs");
}

/// The commit that is checked out, with a `+` where the sources differ from it.
fn commit() -> Option<String> {
    let git = |arguments: &[&str]| {
        let output = Command::new("git").args(arguments).output().ok().filter(|o| o.status.success())?;
        Some(String::from_utf8_lossy(&output.stdout).trim().to_owned())
    };
    let commit = git(&["rev-parse", "--short=12", "HEAD"])?;
    let changed = git(&["status", "--porcelain", "--", "src", "Cargo.toml", "Cargo.lock"])?;
    Some(if changed.is_empty() { commit } else { format!("{commit}+") })
}
