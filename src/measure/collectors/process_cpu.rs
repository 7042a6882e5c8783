//! CPU time and memory of this process.

use std::time::{Duration, Instant};

use rustix::time::{ClockId, Timespec, clock_gettime};
use sysinfo::{ProcessRefreshKind, ProcessesToUpdate, System};

/// The CPU time that all threads of this process have used so far.
#[must_use]
pub fn process_cpu() -> Duration {
    duration(clock_gettime(ClockId::ProcessCPUTime))
}

/// The CPU time that the calling thread has used so far. A load-driving thread reads its own; what it
/// used between two readings, by the time between, is how full its core was.
#[must_use]
pub fn thread_cpu() -> Duration {
    duration(clock_gettime(ClockId::ThreadCPUTime))
}

/// The memory of this process that is in RAM, in bytes; `None` where the system does not say. Takes tens of
/// microseconds: for once a window, not for the path of an operation.
#[must_use]
pub fn resident_bytes() -> Option<u64> {
    let own = sysinfo::get_current_pid().ok()?;
    let mut system = System::new().ok()?;
    let memory = ProcessRefreshKind::nothing().with_memory();
    system.refresh_processes_specifics(ProcessesToUpdate::Some(&[own]), false, memory);
    system.process(own).map(sysinfo::Process::memory)
}

/// A clock of used CPU time never runs backwards nor below 0.
fn duration(time: Timespec) -> Duration {
    Duration::new(time.tv_sec.max(0).unsigned_abs(), time.tv_nsec as u32)
}

/// Turns readings of a CPU clock into cores used between them.
#[derive(Debug, Clone, Copy)]
pub struct CpuMeter {
    at: Instant,
    used: Duration,
}

impl CpuMeter {
    /// Begins at a reading.
    #[must_use]
    pub fn start(at: Instant, used: Duration) -> Self {
        Self { at, used }
    }

    /// The cores used since the last reading (0.5 is half of one core's time); 0 where no time has passed.
    pub fn cores(&mut self, at: Instant, used: Duration) -> f64 {
        let passed = at.saturating_duration_since(self.at).as_secs_f64();
        let cores = used.saturating_sub(self.used).as_secs_f64();
        *self = Self { at, used };
        if passed > 0.0 { cores / passed } else { 0.0 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn work() -> u64 {
        (0..20_000_000_u64).fold(1, |sum, n| std::hint::black_box(sum ^ n.wrapping_mul(31)))
    }

    #[test]
    fn work_shows_on_the_clocks_of_its_thread_and_process_and_of_no_other_thread() {
        let (process, mine) = (process_cpu(), thread_cpu());
        let theirs = std::thread::spawn(|| {
            std::hint::black_box(work());
            thread_cpu()
        });
        let theirs = theirs.join().unwrap();
        let (process, mine) = (process_cpu().saturating_sub(process), thread_cpu().saturating_sub(mine));
        assert!(theirs > Duration::from_millis(1), "{theirs:?}");
        assert!(process >= theirs, "{process:?} {theirs:?}");
        assert!(mine < theirs, "{mine:?} {theirs:?}");
    }

    #[test]
    fn cores_are_cpu_time_by_time_since_the_last_reading() {
        let start = Instant::now();
        let mut meter = CpuMeter::start(start, Duration::from_secs(10));
        let second = Duration::from_secs(1);
        assert!((meter.cores(start + second, Duration::from_millis(11_500)) - 1.5).abs() < 1e-9);
        assert!((meter.cores(start + 2 * second, Duration::from_secs(12)) - 0.5).abs() < 1e-9);
        assert!(meter.cores(start + 2 * second, Duration::from_secs(12)).abs() < 1e-9);
    }

    #[test]
    fn this_process_has_some_memory() {
        assert!(resident_bytes().unwrap() > 100_000);
    }
}
