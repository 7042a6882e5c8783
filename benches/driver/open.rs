//! How late an open loop sends, beside a thread that does nothing but sleep until the same moments.

use std::num::NonZeroU64;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use hotset::load::workload::{Arrivals, Schedule};
use hotset::measure::collectors::thread_cpu;
use hotset::results::Measure;
use hotset::scenario::PositiveNumber;

use super::median;
use super::nothing::{Load, Nothing, documents};

const KEYS: u64 = 10_000;
const PER_SECOND: f64 = 20_000.0;
const ROUND: Duration = Duration::from_secs(2);
const ROUNDS: u64 = 3;

/// The lateness of half of all operations and of 99 % of them, and the share of a core that this took.
struct Lateness {
    p50_us: f64,
    p99_us: f64,
    cores: f64,
}

/// The store answers at once, so that a response time is how late its operation was sent.
fn of_the_driver(schedule: Schedule, seed: u64) -> Lateness {
    let load = Load { schedule: Some(schedule), ..Load::alone(KEYS, seed, ROUND) };
    let store = Nothing(documents(KEYS));
    let cpu = thread_cpu();
    let driven = load.drive(store, &Arc::default());
    let cpu = thread_cpu().saturating_sub(cpu);
    let times = driven.operations.times(Measure::Response, |_, _| true);
    let (p50_us, p99_us) = (times.p50_us.unwrap(), times.p99_us.unwrap());
    Lateness { p50_us, p99_us, cores: cpu.as_secs_f64() / driven.took.as_secs_f64() }
}

fn of_a_bare_thread(schedule: &Schedule) -> Lateness {
    let due: Vec<Duration> = schedule.due_times(0).take_while(|due| *due < ROUND).collect();
    let (start, cpu) = (Instant::now(), thread_cpu());
    let sleep = |due: &Duration| {
        thread::sleep(due.saturating_sub(start.elapsed()));
        start.elapsed().saturating_sub(*due)
    };
    let mut late: Vec<Duration> = due.iter().map(sleep).collect();
    let cores = thread_cpu().saturating_sub(cpu).as_secs_f64() / start.elapsed().as_secs_f64();
    late.sort_unstable();
    let [p50_us, p99_us] = [50, 99].map(|percent| late[late.len() * percent / 100].as_secs_f64() * 1e6);
    Lateness { p50_us, p99_us, cores }
}

#[test]
fn an_open_loop_beside_a_bare_sleeping_thread() {
    let (mut driver, mut bare) = (Vec::new(), Vec::new());
    for seed in 0..ROUNDS {
        let one_queue = NonZeroU64::MIN;
        let schedule = Schedule::new(Arrivals::Poisson, PositiveNumber(PER_SECOND), one_queue, seed);
        bare.push(of_a_bare_thread(&schedule));
        driver.push(of_the_driver(schedule, seed));
    }
    println!();
    for (name, of) in [("driver", driver), ("bare thread", bare)] {
        let figures: [fn(&Lateness) -> f64; 3] = [|one| one.p50_us, |one| one.p99_us, |one| one.cores];
        let [p50, p99, cores] = figures.map(|figure| median(of.iter().map(figure)));
        println!("sent late by the {name}: p50 {p50:.1} us, p99 {p99:.1} us, {cores:.2} cores");
    }
}
