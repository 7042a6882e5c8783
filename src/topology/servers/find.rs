//! The search for the programs of the managed servers.

use std::ffi::OsString;
use std::fs;
use std::io::Read as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use super::error::ServerError;

const VERSION_BOUND: Duration = Duration::from_secs(10);

/// A server's program, as `hotset doctor` shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerProgram {
    /// The absolute path of the program.
    pub path: PathBuf,
    /// The version that it prints, such as `7.0.15`.
    pub version: String,
}

/// `redis-server`, from `$HOTSET_REDIS_SERVER`, the PATH, or the nearest `.servers` folder. Blocks while it
/// runs the program for its version.
pub fn find_redis_server() -> Result<ServerProgram, ServerError> {
    REDIS_SERVER.with_version(REDIS_SERVER.locate()?)
}

/// `valkey-server`, from `$HOTSET_VALKEY_SERVER`, the PATH, or the nearest `.servers` folder. Blocks while it runs the
/// program for its version.
pub fn find_valkey_server() -> Result<ServerProgram, ServerError> {
    VALKEY_SERVER.with_version(VALKEY_SERVER.locate()?)
}

/// `mongod`, from `$HOTSET_MONGOD`, the PATH, or the nearest `.servers` folder. Blocks while it runs the program for
/// its version.
pub fn find_mongod() -> Result<ServerProgram, ServerError> {
    MONGOD.with_version(MONGOD.locate()?)
}

pub(super) const REDIS_SERVER: Wanted = Wanted {
    program: "redis-server",
    variable: "HOTSET_REDIS_SERVER",
    version_mark: "v=",
    remedy: "install it (on Debian or Ubuntu: apt-get install redis-server) or set HOTSET_REDIS_SERVER to its path",
};

pub(super) const VALKEY_SERVER: Wanted = Wanted {
    program: "valkey-server",
    variable: "HOTSET_VALKEY_SERVER",
    version_mark: "v=",
    remedy: "fetch it with scripts/get-servers, install it (on Debian or Ubuntu: apt-get install valkey-server), or set HOTSET_VALKEY_SERVER to its path",
};

pub(super) const MONGOD: Wanted = Wanted {
    program: "mongod",
    variable: "HOTSET_MONGOD",
    version_mark: "db version v",
    remedy: "fetch it with scripts/get-servers, put it on the PATH, or set HOTSET_MONGOD to its path",
};

/// A program that is looked for.
pub(super) struct Wanted {
    program: &'static str,
    variable: &'static str,
    /// The text before the version in the answer to `--version`.
    version_mark: &'static str,
    remedy: &'static str,
}

/// The places to look in. They are passed in, so that a test can give others than the environment's.
struct Places {
    named: Option<OsString>,
    path: OsString,
    directory: PathBuf,
}

impl Wanted {
    /// The program's path, made absolute because a server runs in another directory.
    pub(super) fn locate(&self) -> Result<PathBuf, ServerError> {
        self.locate_in(&Places {
            named: std::env::var_os(self.variable).filter(|path| !path.is_empty()),
            path: std::env::var_os("PATH").unwrap_or_default(),
            directory: std::env::current_dir().unwrap_or_default(),
        })
    }

    /// `path` if it can be executed; otherwise the error with the remedy.
    pub(super) fn check(&self, path: &Path) -> Result<PathBuf, ServerError> {
        executable(path).ok_or_else(|| self.not_found(path.display().to_string(), self.remedy.into()))
    }

    fn locate_in(&self, places: &Places) -> Result<PathBuf, ServerError> {
        if let Some(named) = &places.named {
            // The user chose this one, so another version in its place would be a surprise.
            return executable(Path::new(named)).ok_or_else(|| {
                let variable = self.variable;
                let remedy = format!("have {variable} name a file that can be executed, or unset it");
                self.not_found(format!("${variable} = {}", named.display()), remedy)
            });
        }
        let on_path = std::env::split_paths(&places.path).map(|folder| folder.join(self.program));
        let fetched = self.fetched(&places.directory);
        on_path.chain(fetched).find_map(|path| executable(&path)).ok_or_else(|| {
            let folders = places.directory.display();
            let looked_in = format!("${}, the PATH, and .servers in {folders} and above", self.variable);
            self.not_found(looked_in, self.remedy.into())
        })
    }

    /// `.servers/mongod*/mongod` in the nearest `.servers` folder, the last version by name first.
    fn fetched(&self, directory: &Path) -> Vec<PathBuf> {
        let nearest = directory.ancestors().map(|above| above.join(".servers")).find(|path| path.is_dir());
        let entries = nearest.and_then(|folder| fs::read_dir(folder).ok()).into_iter().flatten().flatten();
        let mut found: Vec<PathBuf> = entries
            .filter(|entry| entry.file_name().to_string_lossy().starts_with(self.program))
            .map(|entry| entry.path().join(self.program))
            .collect();
        found.sort();
        found.reverse();
        found
    }

    fn not_found(&self, looked_in: String, remedy: String) -> ServerError {
        ServerError::NotFound { program: self.program, looked_in, remedy }
    }

    fn with_version(&self, path: PathBuf) -> Result<ServerProgram, ServerError> {
        match answer_to_version(&path).and_then(|answer| self.version_in(&answer)) {
            Ok(version) => Ok(ServerProgram { path, version }),
            Err(reason) => Err(ServerError::NoVersion { path, reason }),
        }
    }

    fn version_in(&self, answer: &str) -> Result<String, String> {
        let version =
            answer.split_once(self.version_mark).and_then(|(_, rest)| rest.split_whitespace().next());
        version.map(str::to_owned).ok_or_else(|| "its answer to --version is not understood".to_owned())
    }
}

fn executable(path: &Path) -> Option<PathBuf> {
    let metadata = fs::metadata(path).ok()?;
    let runs = metadata.is_file() && metadata.permissions().mode() & 0o111 != 0;
    if runs { std::path::absolute(path).ok() } else { None }
}

fn answer_to_version(path: &Path) -> Result<String, String> {
    let reason = |error: std::io::Error| error.to_string();
    let mut child = Command::new(path)
        .arg("--version")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .map_err(reason)?;
    let until = Instant::now() + VERSION_BOUND;
    while child.try_wait().map_err(reason)?.is_none() {
        if Instant::now() > until {
            let _ = child.kill();
            let _ = child.wait();
            return Err(format!("no answer to --version within {VERSION_BOUND:?}"));
        }
        std::thread::sleep(Duration::from_millis(2));
    }
    let mut answer = String::new();
    if let Some(mut stdout) = child.stdout.take() {
        stdout.read_to_string(&mut answer).map_err(reason)?;
    }
    Ok(answer)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn nowhere(directory: &Path) -> Places {
        Places { named: None, path: OsString::new(), directory: directory.to_owned() }
    }

    fn program_at(path: &Path) -> PathBuf {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, "#!/bin/sh\necho db version v9.8.7\n").unwrap();
        fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
        path.to_owned()
    }

    #[test]
    fn a_program_that_is_nowhere_gives_every_place_and_the_remedy() {
        let empty = tempfile::tempdir().unwrap();
        let message = MONGOD.locate_in(&nowhere(empty.path())).unwrap_err().to_string();
        for part in ["mongod", "$HOTSET_MONGOD", "PATH", ".servers", "scripts/get-servers"] {
            assert!(message.contains(part), "{message}");
        }
        let message = REDIS_SERVER.locate_in(&nowhere(empty.path())).unwrap_err().to_string();
        assert!(message.contains("apt-get install redis-server"), "{message}");
    }

    #[test]
    fn a_named_program_comes_first_and_is_not_replaced_when_it_is_missing() {
        let folder = tempfile::tempdir().unwrap();
        let on_path = program_at(&folder.path().join("bin/mongod"));
        let named = folder.path().join("named");
        let mut places = nowhere(folder.path());
        places.path = on_path.parent().unwrap().into();
        assert_eq!(MONGOD.locate_in(&places).unwrap(), on_path);
        places.named = Some(named.clone().into());
        let missing = MONGOD.locate_in(&places).unwrap_err().to_string();
        assert!(
            missing.contains("/named); have HOTSET_MONGOD name a file that can be executed, or unset it"),
            "{missing}"
        );
        program_at(&named);
        assert_eq!(MONGOD.locate_in(&places).unwrap(), named);
    }

    #[test]
    fn the_nearest_servers_folder_is_looked_into_from_below() {
        let folder = tempfile::tempdir().unwrap();
        let fetched = program_at(&folder.path().join(".servers/mongod-8.0/mongod"));
        let below = folder.path().join("a/b");
        fs::create_dir_all(&below).unwrap();
        assert_eq!(MONGOD.locate_in(&nowhere(&below)).unwrap(), fetched);
    }

    #[test]
    fn a_file_that_cannot_be_executed_is_not_a_program() {
        let folder = tempfile::tempdir().unwrap();
        let path = program_at(&folder.path().join("mongod"));
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
        assert!(MONGOD.check(&path).is_err());
    }

    #[test]
    fn versions_are_read_from_what_the_programs_print() {
        let redis = "Redis server v=7.0.15 sha=00000000:0 malloc=jemalloc-5.3.0 bits=64";
        assert_eq!(REDIS_SERVER.version_in(redis).unwrap(), "7.0.15");
        let valkey = "Valkey server v=8.1.0 sha=00000000:0 malloc=jemalloc-5.3.0 bits=64";
        assert_eq!(VALKEY_SERVER.version_in(valkey).unwrap(), "8.1.0");
        assert_eq!(MONGOD.version_in("db version v6.0.5\nBuild Info: {").unwrap(), "6.0.5");
    }

    #[test]
    fn a_program_that_says_something_else_is_an_error_that_names_it() {
        let message = MONGOD.with_version("/bin/echo".into()).unwrap_err().to_string();
        assert!(message.contains("/bin/echo"), "{message}");
    }
}
