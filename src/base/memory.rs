//! How much memory there is for this process and how much of it is used: within the limits of its control groups
//! (cgroups, versions 1 and 2) and on the whole machine. Any of them may run short first.

use std::fs;
use std::path::Path;

/// Memory that is limited.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Memory {
    /// Memory that is used and could not be had back at once.
    pub used_bytes: u64,
    /// The total memory.
    pub total_bytes: u64,
}

/// The memory as it is now where it is nearest to running short: of which the greatest share is used. `None` where
/// the system does not say. Takes tens of microseconds.
#[must_use]
pub fn now() -> Option<Memory> {
    shortest(limits())
}

/// Returns the most that there may ever be for this process: the least of all limits. `None` where the system does
/// not say.
#[must_use]
pub fn total_bytes() -> Option<u64> {
    limits().map(|memory| memory.total_bytes).min()
}

/// Of this process' groups, and of the machine.
fn limits() -> impl Iterator<Item = Memory> {
    let groups = fs::read_to_string("/proc/self/cgroup").unwrap_or_default();
    let all = VERSIONS.iter().filter_map(move |version| {
        let group = version.own_group(&groups)?;
        Some(version.of_groups(Path::new(version.root), group))
    });
    all.flatten().chain(of_machine())
}

fn shortest(limits: impl Iterator<Item = Memory>) -> Option<Memory> {
    limits.max_by(|one, other| one.used_share().total_cmp(&other.used_share()))
}

impl Memory {
    /// A group may be allowed nothing, which is then used up.
    fn used_share(self) -> f64 {
        if self.total_bytes == 0 { 1.0 } else { self.used_bytes as f64 / self.total_bytes as f64 }
    }
}

fn of_machine() -> Option<Memory> {
    let mut system = sysinfo::System::new().ok()?;
    system.refresh_memory();
    let total_bytes = system.total_memory();
    let used_bytes = total_bytes.saturating_sub(system.available_memory());
    (total_bytes > 0).then_some(Memory { used_bytes, total_bytes })
}

/// Where a version of control groups keeps what.
struct Version {
    root: &'static str,
    /// The controllers that a line of `/proc/self/cgroup` names, between colons.
    controllers: &'static str,
    most: &'static str,
    used: &'static str,
    /// The field of `memory.stat` with the files that nobody reads.
    unread_files: &'static str,
}

const VERSIONS: [Version; 2] = [
    Version {
        root: "/sys/fs/cgroup",
        controllers: "",
        most: "memory.max",
        used: "memory.current",
        unread_files: "inactive_file ",
    },
    Version {
        root: "/sys/fs/cgroup/memory",
        controllers: "memory",
        most: "memory.limit_in_bytes",
        used: "memory.usage_in_bytes",
        unread_files: "total_inactive_file ",
    },
];
/// Version 1 writes a number beyond every memory where there is no limit.
const NO_LIMIT: u64 = 1 << 60;

impl Version {
    /// The path of this process' group, from `/proc/self/cgroup`: `0::/a/b`, or `9:memory:/a/b`.
    fn own_group<'a>(&self, groups: &'a str) -> Option<&'a str> {
        let group = |line: &'a str| {
            let (_, rest) = line.split_once(':')?;
            let (controllers, path) = rest.split_once(':')?;
            let is_it = controllers.split(',').any(|one| one == self.controllers);
            path.strip_prefix('/').filter(|_| is_it)
        };
        groups.lines().find_map(group)
    }

    /// What limits the group or one above it. In a container the path is that of the host, and its own group is the root.
    fn of_groups(&self, root: &Path, group: &str) -> Vec<Memory> {
        Path::new(group).ancestors().filter_map(|group| self.of_group(&root.join(group))).collect()
    }

    /// A group's own limit, if it has one. What is kept of files that nobody reads counts as used there, although the
    /// kernel gives it up before it refuses anything: it is left out.
    fn of_group(&self, directory: &Path) -> Option<Memory> {
        let read = |file: &str| fs::read_to_string(directory.join(file)).ok();
        let total_bytes = read(self.most)?.trim().parse().ok().filter(|most| *most < NO_LIMIT)?;
        let current: u64 = read(self.used)?.trim().parse().ok()?;
        let statistics = read("memory.stat").unwrap_or_default();
        let files = statistics.lines().find_map(|line| line.strip_prefix(self.unread_files));
        let files: u64 = files.and_then(|bytes| bytes.trim().parse().ok()).unwrap_or(0);
        Some(Memory { used_bytes: current.saturating_sub(files), total_bytes })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_limits_of_a_group_and_of_those_above_it_are_found() {
        let root = tempfile::tempdir().unwrap();
        let write = |group: &str, file: &str, text: &str| {
            let directory = root.path().join(group);
            fs::create_dir_all(&directory).unwrap();
            fs::write(directory.join(file), text).unwrap();
        };
        for (group, max) in [("a", "1000\n"), ("a/b", "max\n"), ("a/b/c", "400\n")] {
            write(group, "memory.max", max);
            write(group, "memory.current", "300\n");
            write(group, "memory.stat", "anon 1\ninactive_file 100\n");
        }
        let [newer, older] = &VERSIONS;
        let found = newer.of_groups(root.path(), newer.own_group("1:cpu:/x\n0::/a/b/c\n").unwrap());
        let memory = |total_bytes| Memory { used_bytes: 200, total_bytes };
        assert_eq!(found, [memory(400), memory(1000)]);
        assert_eq!(older.own_group("1:cpu:/x\n0::/a\n"), None);
    }

    #[test]
    fn the_limits_of_the_first_version_are_found_too_and_no_limit_is_none() {
        let root = tempfile::tempdir().unwrap();
        for (group, limit) in [("docker", "9223372036854771712\n"), ("docker/a", "500\n")] {
            let directory = root.path().join(group);
            fs::create_dir_all(&directory).unwrap();
            fs::write(directory.join("memory.limit_in_bytes"), limit).unwrap();
            fs::write(directory.join("memory.usage_in_bytes"), "300\n").unwrap();
            fs::write(directory.join("memory.stat"), "inactive_file 1\ntotal_inactive_file 50\n").unwrap();
        }
        let [_, older] = &VERSIONS;
        let group = older.own_group("11:cpu,cpuacct:/x\n9:memory:/docker/a\n0::/\n").unwrap();
        assert_eq!(older.of_groups(root.path(), group), [Memory { used_bytes: 250, total_bytes: 500 }]);
    }

    #[test]
    fn a_full_machine_counts_and_not_a_smaller_group_that_is_half_empty() {
        let (group, machine) = (
            Memory { used_bytes: 4 << 30, total_bytes: 8 << 30 },
            Memory { used_bytes: 31 << 30, total_bytes: 32 << 30 },
        );
        assert_eq!(shortest([group, machine].into_iter()), Some(machine));
        let half_empty = Memory { used_bytes: 12 << 30, ..machine };
        assert_eq!(shortest([group, half_empty].into_iter()), Some(group));
        assert_eq!(shortest([].into_iter()), None);
    }

    #[test]
    fn this_machine_has_memory_and_uses_a_part_of_it() {
        let memory = now().unwrap();
        assert!(memory.used_bytes > 0 && memory.used_bytes < memory.total_bytes, "{memory:?}");
    }
}
