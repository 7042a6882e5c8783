//! Where files go that last no longer than a run.

use std::path::PathBuf;

/// The folder of `TMPDIR`, or the system's where that is not set or empty, as other programs have it.
#[must_use]
pub fn directory() -> PathBuf {
    let named = std::env::temp_dir();
    if named.as_os_str().is_empty() { "/tmp".into() } else { named }
}
