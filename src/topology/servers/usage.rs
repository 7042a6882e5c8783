//! Processor time and memory of a process.

use std::time::Duration;

use sysinfo::{Pid, ProcessRefreshKind, ProcessesToUpdate, System};

/// The processor time and memory of one process, when it was sampled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ProcessUsage {
    /// User plus system time of all threads since the process started. The kernel counts it in clock ticks, usually
    /// of 10 ms, so a difference over a second is good to about one percent of a processor.
    pub cpu_time: Duration,
    /// Resident memory, which includes pages shared with other processes.
    pub resident_bytes: u64,
}

/// Samples processes, meant for once a second. A sample reads a few files of `/proc`, a fraction of a millisecond, so
/// it belongs on a blocking thread or a quiet task and not on a worker that sends operations.
pub struct UsageSampler {
    /// `None` on a system that sysinfo does not know.
    system: Option<System>,
}

impl UsageSampler {
    /// A sampler that has seen nothing yet.
    #[must_use]
    pub fn new() -> Self {
        Self { system: System::new().ok() }
    }

    /// The usage of a process until now; `None` if it has ended or the system does not tell. The caller takes
    /// differences of `cpu_time` between samples, and starts afresh when a server was restarted under a new id.
    pub fn sample(&mut self, pid: u32) -> Option<ProcessUsage> {
        let pid = Pid::from_u32(pid);
        let wanted = ProcessRefreshKind::nothing().with_cpu().with_memory();
        let system = self.system.as_mut()?;
        system.refresh_processes_specifics(ProcessesToUpdate::Some(&[pid]), true, wanted);
        let process = system.process(pid)?;
        Some(ProcessUsage {
            cpu_time: Duration::from_millis(process.accumulated_cpu_time()),
            resident_bytes: process.memory(),
        })
    }
}

impl Default for UsageSampler {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_has_memory_and_its_cpu_time_grows() {
        let mut sampler = UsageSampler::new();
        let first = sampler.sample(std::process::id()).unwrap();
        assert!(first.resident_bytes > 0);
        let grew = (0..2_000_000_000_u64).any(|n| {
            std::hint::black_box(n);
            n % 10_000_000 == 0 && sampler.sample(std::process::id()).unwrap().cpu_time > first.cpu_time
        });
        assert!(grew);
    }

    #[test]
    fn a_process_that_does_not_exist_has_no_usage() {
        assert_eq!(UsageSampler::new().sample(u32::MAX - 1), None);
    }
}
