//! Closed loops: nanoseconds an operation, and what the audit and a second thread add.

use std::sync::Arc;
use std::thread;
use std::time::Duration;

use hotset::audit::{Audit, Setup};
use hotset::measure::collectors::resident_bytes;
use hotset::run::driver::control::Control;

use super::median;
use super::nothing::{CLIENTS, Driven, Load, Nothing, documents};

const ROUND: Duration = Duration::from_secs(1);
const ROUNDS: u64 = 7;

/// With ten thousand keys everything is in the processor's caches, and what is measured is the work; with a
/// million the store's and the audit's memory have to be fetched too.
#[test]
fn the_driver_over_a_store_that_does_nothing() {
    for keys in [10_000, 1_000_000] {
        measure(keys);
    }
}

fn measure(keys: u64) {
    let (mut bare, mut audited, mut added, mut memory) = (Vec::new(), Vec::new(), Vec::new(), 0);
    for seed in 0..ROUNDS {
        let load = Load::alone(keys, seed, ROUND);
        let without = load.drive(Nothing(documents(keys)), &Arc::default()).ns_an_operation();
        let documents = documents(keys);
        let before = resident_bytes().unwrap_or(0);
        let audit = Arc::new(Audit::new(Setup { keys, clients: CLIENTS, instances: 1 }));
        let load = Load { audit: Some(audit), ..load };
        let with = load.drive(Nothing(documents), &Arc::default()).ns_an_operation();
        memory = memory.max(resident_bytes().unwrap_or(0).saturating_sub(before));
        bare.push(without);
        audited.push(with);
        added.push(with - without);
    }
    println!("\n{keys} keys");
    println!("driver without the audit     {:6.1} ns an operation (median of {ROUNDS})", median(bare));
    println!("driver with the audit        {:6.1} ns an operation", median(audited));
    println!("the audit's share            {:6.1} ns an operation (median of the pairs)", median(added));
    println!("memory that the audit takes  {:6} MiB", memory >> 20);
}

/// Operations a second on one thread and on as many as there are cores, up to eight. All read the same keys under one
/// audit, as instances do; a cache line that several of them wrote to would show here.
#[test]
fn threads_side_by_side() {
    let most = thread::available_parallelism().map_or(1, |cores| cores.get().min(8)) as u64;
    let per_second = |threads: u64, seed: u64| {
        let keys = 100_000;
        let documents = documents(keys);
        let audit = Arc::new(Audit::new(Setup { keys, clients: CLIENTS * threads, instances: threads }));
        let on_thread = |thread: u64| {
            let store = Nothing(Arc::clone(&documents));
            let audit = Some(Arc::clone(&audit));
            // Each has a control of its own, since each begins when its clients are there.
            let load = Load { reads: 1.0, audit, thread, threads, ..Load::alone(keys, seed, ROUND) };
            move || load.drive(store, &Arc::new(Control::default()))
        };
        let running: Vec<_> = (0..threads).map(|thread| thread::spawn(on_thread(thread))).collect();
        let driven: Vec<Driven> = running.into_iter().map(|thread| thread.join().unwrap()).collect();
        driven.iter().map(|one| 1e9 / one.ns_an_operation()).sum::<f64>()
    };
    let (mut one, mut all, mut ratio) = (Vec::new(), Vec::new(), Vec::new());
    for seed in 0..ROUNDS {
        let (alone, together) = (per_second(1, seed), per_second(most, seed));
        one.push(alone);
        all.push(together);
        ratio.push(together / alone);
    }
    println!("\ndriver on 1 threads: {:.0} op/s", median(one));
    println!("driver on {most} threads: {:.0} op/s, {:.2} times as many", median(all), median(ratio));
}
