//! Where figures other than operations come from; one file a source.

pub mod process_cpu;

pub use process_cpu::{CpuMeter, process_cpu, resident_bytes, thread_cpu};
