//! How much memory there is for this process and how much of it is used: within the limits of its control groups
//! (cgroups, version 2) and on the whole machine. Any of them may run short first.

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
    let of_groups = own_group(&groups).map(|group| of_groups(Path::new("/sys/fs/cgroup"), group));
    of_groups.into_iter().flatten().chain(of_machine())
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

/// The path of this process' group, from `/proc/self/cgroup`: the line of version 2 begins with `0::`.
fn own_group(groups: &str) -> Option<&str> {
    groups.lines().find_map(|line| line.strip_prefix("0::/"))
}

/// Returns the limits of the group and of those above it.
fn of_groups(root: &Path, group: &str) -> Vec<Memory> {
    Path::new(group).ancestors().filter_map(|group| of_group(&root.join(group))).collect()
}

/// A group's own limit, if it has one. What is kept of files that nobody reads counts as used there, although the
/// kernel gives it up before it refuses anything: it is left out.
fn of_group(directory: &Path) -> Option<Memory> {
    let read = |file: &str| fs::read_to_string(directory.join(file)).ok();
    let total_bytes = read("memory.max")?.trim().parse().ok()?;
    let current: u64 = read("memory.current")?.trim().parse().ok()?;
    let statistics = read("memory.stat").unwrap_or_default();
    let files = statistics.lines().find_map(|line| line.strip_prefix("inactive_file "));
    let files: u64 = files.and_then(|bytes| bytes.trim().parse().ok()).unwrap_or(0);
    Some(Memory { used_bytes: current.saturating_sub(files), total_bytes })
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
        let found = of_groups(root.path(), own_group("1:cpu:/x\n0::/a/b/c\n").unwrap());
        let memory = |total_bytes| Memory { used_bytes: 200, total_bytes };
        assert_eq!(found, [memory(400), memory(1000)]);
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
