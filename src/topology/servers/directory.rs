//! The private directory of one run's servers: its lock, the record of its processes, and the sweep of what dead
//! runs left.
//!
//! A directory is alive while a process holds a shared lock on its `lock` file: first hotset, then the supervisor as
//! well, so there is no moment in between. The file gets its name only once it is locked. The sweep takes the lock
//! exclusively, and so can meet neither a living run nor another sweep.

use std::fs::{self, DirBuilder, File, OpenOptions, Permissions};
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::fs::{FlockOperation, flock};
use serde::{Deserialize, Serialize};

use super::error::ServerError;
use crate::base::temporary;

const PREFIX: &str = "hotset-";
const LOCK: &str = "lock";
const RECORD: &str = "servers.json";
const RANDOM_CHARS: usize = 12;
/// The age up to which a directory without a lock may be one that is being made.
const MADE_JUST_NOW: Duration = Duration::from_mins(1);

/// The processes that a run started, so that a later run can find those that outlived it.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct ProcessList {
    /// Process ids and start times mean something only since this boot of the machine.
    pub boot: String,
    pub processes: Vec<RecordedProcess>,
}

/// One process. Its start time is kept because process ids are used again.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(super) struct RecordedProcess {
    pub pid: u32,
    /// The start time in clock ticks since the boot.
    pub started: u64,
}

impl ProcessList {
    pub(super) fn of(processes: Vec<RecordedProcess>) -> Self {
        Self { boot: boot_id(), processes }
    }

    /// Replaces the record as a whole: a reader sees the old one or the new one.
    pub(super) fn save(&self, directory: &Path) -> io::Result<()> {
        let unnamed = directory.join("servers.json.new");
        fs::write(&unnamed, serde_json::to_vec(self)?)?;
        fs::rename(unnamed, directory.join(RECORD))
    }

    fn load(directory: &Path) -> io::Result<Self> {
        Ok(serde_json::from_slice(&fs::read(directory.join(RECORD))?)?)
    }
}

/// Makes the run's directory below `root` and locks it; the lock lasts as long as the file is open.
pub(super) fn create(root: &Path) -> Result<(PathBuf, File), ServerError> {
    let failed = |action, path: &Path| {
        let path = path.to_owned();
        move |source| ServerError::Directory { action, path, source }
    };
    let root = root.canonicalize().map_err(failed("use", root))?;
    let directory = tempfile::Builder::new()
        .prefix(&format!("{PREFIX}{}-", std::process::id()))
        .rand_bytes(RANDOM_CHARS)
        .permissions(Permissions::from_mode(0o700))
        .tempdir_in(&root)
        .map_err(failed("make a directory in", &root))?;
    let lock = create_locked(directory.path()).map_err(failed("lock", directory.path()))?;
    Ok((directory.keep(), lock))
}

fn create_locked(directory: &Path) -> io::Result<File> {
    let unnamed = directory.join("lock.new");
    let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&unnamed)?;
    flock(&file, FlockOperation::NonBlockingLockShared)?;
    // A full disk shows here, with a clear message, and not in a server's log.
    fs::write(directory.join(RECORD), serde_json::to_vec(&ProcessList::of(Vec::new()))?)?;
    fs::rename(unnamed, directory.join(LOCK))?;
    Ok(file)
}

/// Takes a share of a living directory's lock.
pub(super) fn share_lock(directory: &Path) -> io::Result<File> {
    let file = open_lock(directory)?;
    flock(&file, FlockOperation::NonBlockingLockShared)?;
    Ok(file)
}

fn open_lock(directory: &Path) -> io::Result<File> {
    File::open(directory.join(LOCK))
}

/// Makes a server's own directory, for its user only.
pub(super) fn create_for_server(path: &Path) -> Result<(), ServerError> {
    DirBuilder::new().mode(0o700).create(path).map_err(|source| ServerError::Directory {
        action: "make",
        path: path.to_owned(),
        source,
    })
}

/// The directories and processes that a sweep removed.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct SweepReport {
    /// The directories that it removed.
    pub directories: Vec<PathBuf>,
    /// The processes that it killed.
    pub processes: Vec<u32>,
}

/// Ends what dead runs of this user left behind in the temporary directory. Living runs are not touched.
#[must_use]
pub fn sweep_stale() -> SweepReport {
    sweep_stale_in(&temporary::directory())
}

/// As [`sweep_stale`], below another directory. A directory that cannot be read or removed is left to a later sweep.
#[must_use]
pub fn sweep_stale_in(root: &Path) -> SweepReport {
    let mut swept = SweepReport::default();
    for entry in fs::read_dir(root).into_iter().flatten().flatten() {
        if entry.file_name().to_str().is_some_and(is_run_directory) {
            swept.add(sweep_directory(&entry.path()));
        }
    }
    swept
}

impl SweepReport {
    fn add(&mut self, other: Self) {
        self.directories.extend(other.directories);
        self.processes.extend(other.processes);
    }
}

/// Sweeps one run's directory if the run is dead.
pub(super) fn sweep_directory(directory: &Path) -> SweepReport {
    try_sweep(directory).unwrap_or_default()
}

fn is_run_directory(name: &str) -> bool {
    let parts = name.strip_prefix(PREFIX).and_then(|rest| rest.split_once('-'));
    parts.is_some_and(|(pid, random)| {
        pid.parse::<u32>().is_ok()
            && random.len() == RANDOM_CHARS
            && random.bytes().all(|byte| byte.is_ascii_alphanumeric())
    })
}

fn try_sweep(directory: &Path) -> io::Result<SweepReport> {
    let metadata = fs::symlink_metadata(directory)?;
    if !metadata.is_dir() || metadata.uid() != rustix::process::geteuid().as_raw() {
        return Ok(SweepReport::default());
    }
    let lock = match open_lock(directory) {
        Ok(lock) => lock,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return sweep_unlocked(directory, &metadata),
        Err(error) => return Err(error),
    };
    // The lock is refused while the run lives.
    flock(&lock, FlockOperation::NonBlockingLockExclusive)?;
    let record = ProcessList::load(directory).unwrap_or_default();
    let killed = if record.boot == boot_id() { kill_recorded(&record.processes) } else { Vec::new() };
    fs::remove_dir_all(directory)?;
    Ok(SweepReport { directories: vec![directory.to_owned()], processes: killed })
}

/// Removes a directory whose run died while it made the directory or while it removed it.
fn sweep_unlocked(directory: &Path, metadata: &fs::Metadata) -> io::Result<SweepReport> {
    let age = metadata.modified()?.elapsed().unwrap_or_default();
    if age < MADE_JUST_NOW {
        return Ok(SweepReport::default());
    }
    fs::remove_dir_all(directory)?;
    Ok(SweepReport { directories: vec![directory.to_owned()], processes: Vec::new() })
}

/// Identifies this boot of the machine; empty if the system does not tell.
fn boot_id() -> String {
    fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default().trim().to_owned()
}

/// The start time of a process in clock ticks since the boot; `None` if there is no such process or no `/proc`.
pub(super) fn start_time(pid: u32) -> Option<u64> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The second field is the program's name in parentheses, and may itself hold spaces and parentheses.
    let after_name = &stat[stat.rfind(')')? + 1..];
    // Field 22 of proc(5); the first after the name is field 3.
    after_name.split_whitespace().nth(22 - 3)?.parse().ok()
}

/// Kills the recorded processes that still are the same. This works on Linux only: elsewhere there is no start time to
/// identify them by, and nothing is killed.
#[cfg(target_os = "linux")]
fn kill_recorded(processes: &[RecordedProcess]) -> Vec<u32> {
    processes.iter().filter(|process| kill_if_same(process).is_some()).map(|process| process.pid).collect()
}

#[cfg(not(target_os = "linux"))]
fn kill_recorded(_processes: &[RecordedProcess]) -> Vec<u32> {
    Vec::new()
}

#[cfg(target_os = "linux")]
fn kill_if_same(process: &RecordedProcess) -> Option<()> {
    use rustix::event::{PollFd, PollFlags, Timespec, poll};
    use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};

    let pid = Pid::from_raw(i32::try_from(process.pid).ok()?)?;
    // The descriptor stays with this process, so its id cannot become another's between the check and the signal.
    let handle = pidfd_open(pid, PidfdFlags::empty()).ok()?;
    if start_time(process.pid)? != process.started {
        return None;
    }
    pidfd_send_signal(&handle, Signal::KILL).ok()?;
    let bound = Timespec { tv_sec: 2, tv_nsec: 0 };
    // The process is killed; this only waits for its end, so that it does not write into a removed directory.
    let _ = poll(&mut [PollFd::new(&handle, PollFlags::IN)], Some(&bound));
    Some(())
}

#[cfg(test)]
mod tests {
    use std::process::{Child, Command};

    use super::*;

    struct Sleeper(Child);

    impl Sleeper {
        fn start() -> Self {
            Self(Command::new("sleep").arg("600").spawn().unwrap())
        }

        fn recorded(&self) -> RecordedProcess {
            RecordedProcess { pid: self.0.id(), started: start_time(self.0.id()).unwrap() }
        }
    }

    impl Drop for Sleeper {
        fn drop(&mut self) {
            let _ = self.0.kill();
            let _ = self.0.wait();
        }
    }

    #[test]
    fn only_names_that_hotset_makes_are_swept() {
        assert!(is_run_directory("hotset-123-abcDEF012345"));
        for name in ["hotset-notes", "hotset-123-short", "hotset-x-abcDEF012345", "hotset-1-abcDEF01234."] {
            assert!(!is_run_directory(name), "{name}");
        }
    }

    #[test]
    fn a_directory_is_private_and_alive_while_its_lock_is_held() {
        let root = tempfile::tempdir().unwrap();
        let (directory, lock) = create(root.path()).unwrap();
        assert_eq!(fs::metadata(&directory).unwrap().mode() & 0o777, 0o700);
        assert_eq!(sweep_stale_in(root.path()), SweepReport::default());
        drop(lock);
        assert_eq!(sweep_stale_in(root.path()).directories.len(), 1);
        assert!(!directory.exists());
    }

    #[test]
    fn a_share_of_the_lock_keeps_a_directory_alive() {
        let root = tempfile::tempdir().unwrap();
        let (directory, first) = create(root.path()).unwrap();
        let _second = share_lock(&directory).unwrap();
        drop(first);
        assert_eq!(sweep_stale_in(root.path()), SweepReport::default());
        assert!(directory.exists());
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_sweep_kills_the_recorded_process_and_not_one_that_got_its_id_later() {
        let root = tempfile::tempdir().unwrap();
        let (directory, lock) = create(root.path()).unwrap();
        let (mut left_behind, mut other) = (Sleeper::start(), Sleeper::start());
        let other_since = RecordedProcess { started: other.recorded().started + 1, ..other.recorded() };
        ProcessList::of(vec![left_behind.recorded(), other_since]).save(&directory).unwrap();
        drop(lock);

        let swept = sweep_stale_in(root.path());

        assert_eq!(swept.processes, [left_behind.0.id()]);
        assert!(left_behind.0.wait().unwrap().code().is_none());
        assert!(other.0.try_wait().unwrap().is_none());
    }

    #[test]
    fn a_young_directory_without_a_lock_is_left_alone() {
        let root = tempfile::tempdir().unwrap();
        let directory = root.path().join("hotset-1-abcDEF012345");
        fs::create_dir(&directory).unwrap();
        assert_eq!(sweep_stale_in(root.path()), SweepReport::default());
        assert!(directory.exists());
    }

    #[test]
    fn an_old_directory_without_a_lock_is_removed() {
        let root = tempfile::tempdir().unwrap();
        let directory = root.path().join("hotset-1-abcDEF012345");
        fs::create_dir(&directory).unwrap();
        let hour_ago = std::time::SystemTime::now() - Duration::from_hours(1);
        File::open(&directory).unwrap().set_modified(hour_ago).unwrap();
        assert_eq!(sweep_stale_in(root.path()).directories, [directory]);
    }

    #[test]
    fn a_root_that_is_not_there_gives_an_error_that_names_it_and_the_remedy() {
        let message = create(Path::new("/nonexistent/tmp")).unwrap_err().to_string();
        assert!(message.contains("/nonexistent/tmp") && message.contains("TMPDIR"), "{message}");
    }
}
