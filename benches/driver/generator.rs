//! What a stream of operations costs before the first of them, by the number of keys.

use std::hint::black_box;
use std::time::Instant;

use hotset::measure::collectors::resident_bytes;
use hotset::results::Phase;

use super::nothing::{CLIENTS, stream};

/// Both streams of a cell, with the digests that are kept of them.
#[test]
fn setting_up_the_streams() {
    println!();
    for keys in [10_000, 1_000_000, 100_000_000] {
        let before = resident_bytes().unwrap_or(0);
        let start = Instant::now();
        let streams = [Phase::Warmup, Phase::Measure].map(|phase| stream(keys, 0.95, phase, 1, CLIENTS));
        black_box(streams[1].digests());
        let took = start.elapsed().as_secs_f64();
        let memory = resident_bytes().unwrap_or(0).saturating_sub(before) as f64 / 1e6;
        println!("streams over {keys} keys: {:.1} ms, {memory:.1} MB", took * 1e3);
        black_box(streams);
    }
}
