//! What theory predicts of writes that wait to be flushed.
//!
//! Where flushes begin when a batch waits, the time that takes follows from what a batch counts: different keys where an
//! instance merges them in its memory, writes where they are records of a log. The interval cuts the last of these times
//! short. A flush is taken to be over at once.

use crate::model::theory::{Popularity, write_behind};
use crate::run::plan::Cell;
use crate::strategy::{Batches, Flushes};

/// An instance of several learns only now and then what the others have put into the log that they share; where a batch is
/// full in less than so many times that time, nobody can say when it is noticed.
const TIMES_SEEN: f64 = 10.0;

/// The consequences of how writes are flushed.
#[derive(Debug)]
pub struct Waiting {
    /// The number that wait at a random moment, in all instances together: keys where writes to one are merged in
    /// memory, otherwise writes.
    pub entities: f64,
    /// `None` where writes of one key are flushed one by one.
    pub db_writes_per_write: Option<f64>,
    /// True if it is the interval after which everything is flushed, and not full batches.
    pub interval_comes_first: bool,
}

/// Returns true if the ends of windows see the backlog at any moment between two flushes alike. Flushes
/// at a short interval keep step with them.
pub fn is_seen_evenly(cell: &Cell, waiting: &Waiting) -> bool {
    let interval = cell.strategy.spec.promise().flushes().map(|flushes| flushes.interval);
    !waiting.interval_comes_first || interval >= Some(10 * cell.scenario.run.window.0)
}

/// Predicts what a strategy that writes behind has not brought to the database at a random moment; `None` in a closed
/// loop, and where no model covers the cell.
pub fn predict(cell: &Cell, popularity: &Popularity) -> Option<Waiting> {
    cell.scenario.workload.rate_per_second?;
    let Flushes { interval, batch, batches } = cell.strategy.spec.promise().flushes()?;
    if popularity.writes_per_second() <= 0.0 {
        return None;
    }
    let is_alone = cell.scenario.workload.instances.get() == 1;
    let instances = cell.scenario.workload.instances.get() as f64;
    let (interval, batch) = (interval.as_secs_f64(), batch as f64);
    let each = popularity.shared_among(instances);
    match batches {
        Batches::OneAnInterval => {
            let waiting = in_line(&each, interval, batch)?;
            Some(Waiting {
                entities: waiting * instances,
                db_writes_per_write: None,
                interval_comes_first: true,
            })
        }
        Batches::OfKeys => {
            let fills = write_behind::seconds_to_change(&each, batch).ok()?;
            let waiting = |flushing| write_behind::expected_loss(&each, flushing).keys;
            let one = between_flushes(&each, interval, fills, waiting);
            Some(Waiting { entities: one.entities * instances, ..one })
        }
        Batches::OfRecords { seen_after } => {
            let fills = batch / popularity.writes_per_second();
            let noticed = fills >= interval.min(TIMES_SEEN * seen_after.as_secs_f64());
            let waiting = |flushing| write_behind::expected_loss(popularity, flushing).writes;
            (is_alone || noticed).then(|| between_flushes(popularity, interval, fills, waiting))
        }
    }
}

/// One batch an interval, of single writes: what an interval brings, as long as that nearly always fits into a batch. Near
/// the limit batches leave a queue behind of which only simulation knows the length; three standard deviations below it that
/// is a few hundredths of the whole.
fn in_line(popularity: &Popularity, interval: f64, batch: f64) -> Option<f64> {
    let brought = popularity.writes_per_second() * interval;
    let flushing = write_behind::Flushing::new(interval, 0.0).ok()?;
    let fits = brought + 3.0 * brought.sqrt() <= batch;
    fits.then(|| write_behind::expected_loss(popularity, flushing).writes)
}

/// Flushes of all that waits, once an interval and whenever a batch is full, which takes `fills` seconds; `waiting` says
/// what waits between two flushes on average.
fn between_flushes(
    popularity: &Popularity,
    interval: f64,
    fills: f64,
    waiting: impl Fn(write_behind::Flushing) -> f64,
) -> Waiting {
    let interval_comes_first = fills >= interval;
    let fills = fills.min(interval);
    let full = (interval / fills).floor();
    let cycles = [(full, fills), (1.0, interval - full * fills)];
    let (mut entities, mut db_writes) = (0.0, 0.0);
    for (count, seconds) in cycles {
        // No time is left where the interval is a multiple.
        let Ok(flushing) = write_behind::Flushing::new(seconds, 0.0) else { continue };
        let share = count * seconds / interval;
        entities += share * waiting(flushing);
        db_writes += share * write_behind::database_writes_per_second(popularity, flushing);
    }
    let db_writes_per_write = Some(db_writes / popularity.writes_per_second());
    Waiting { entities, db_writes_per_write, interval_comes_first }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::plan::{Plan, PlanOptions};

    /// For 100 writes a second of 1000 keys under Zipf.
    fn waiting(strategy: &str, instances: u64) -> Option<Waiting> {
        let cell = cell(strategy, instances);
        predict(&cell, &super::super::popularity(&cell).unwrap())
    }

    fn cell(strategy: &str, instances: u64) -> Cell {
        let text = format!(
            "strategies = [{strategy}]\ntopologies = [\"embedded\"]\n[dataset]\nkeys = 1000\n[workload]\nreads = 0.9\n\
             rate_per_second = 1000\ninstances = {instances}\n[run]\nduration = \"10s\""
        );
        Plan::parse("test", "test.toml", &text, &PlanOptions::default()).unwrap().cells.swap_remove(0)
    }

    fn behind(flush_interval: &str, batch: u64, log: &str, instances: u64) -> Option<Waiting> {
        waiting(&cache_behind(flush_interval, batch, log), instances)
    }

    fn cache_behind(flush_interval: &str, batch: u64, log: &str) -> String {
        format!(
            "{{ name = \"cache-behind\", flush_interval = \"{flush_interval}\", batch_size = {batch}, log = \"{log}\" }}"
        )
    }

    #[track_caller]
    fn near(found: Option<Waiting>, entities: f64, db_writes_per_write: f64) {
        let found = found.unwrap();
        assert!((found.entities - entities).abs() < 2e-3 * entities, "{found:?}");
        assert!((found.db_writes_per_write.unwrap() - db_writes_per_write).abs() < 2e-3, "{found:?}");
    }

    // The expected figures are computed independently, rank by rank.

    #[test]
    fn a_batch_in_memory_is_full_when_so_many_different_keys_wait_in_an_instance() {
        near(behind("60s", 10, "memory", 1), 5.184, 0.8842);
        near(behind("60s", 10, "memory", 2), 10.365, 0.8842);
        // Eight batches of 0.113 s, and 0.095 s that are left of the second.
        near(behind("1s", 10, "memory", 1), 5.113, 0.8855);
        // Each of two instances merges only its own writes.
        near(behind("1s", 1000, "memory", 1), 34.924, 0.6372);
        near(behind("1s", 1000, "memory", 2), 39.017, 0.7240);
    }

    #[test]
    fn a_batch_in_the_shared_log_is_full_when_so_many_writes_are_there() {
        near(behind("60s", 10, "stream", 1), 5.0, 0.8943);
        near(behind("1s", 1000, "stream", 1), 50.0, 0.6372);
        near(behind("1s", 1000, "stream", 2), 50.0, 0.6372);
    }

    #[test]
    fn a_batch_that_others_have_filled_before_one_looks_is_not_predicted() {
        assert!(behind("60s", 10, "stream", 2).is_none());
        assert!((behind("60s", 2000, "stream", 2).unwrap().entities - 1000.0).abs() < 1e-6);
    }

    #[test]
    fn one_batch_an_interval_is_predicted_well_below_its_limit_only() {
        let in_line = |batch: u64, instances| {
            let strategy = format!("{{ name = \"write-behind\", interval = \"1s\", batch = {batch} }}");
            waiting(&strategy, instances).map(|waiting| waiting.entities)
        };
        assert!((in_line(80, 2).unwrap() - 50.0).abs() < 1e-6);
        assert_eq!(in_line(60, 2), None, "a queue is left behind now and then");
        assert_eq!(in_line(40, 2), None, "it falls behind");
    }

    #[test]
    fn flushes_that_keep_step_with_windows_of_a_second_are_not_seen_evenly() {
        let seen = |flush_interval, batch| {
            let cell = cell(&cache_behind(flush_interval, batch, "memory"), 1);
            is_seen_evenly(&cell, &behind(flush_interval, batch, "memory", 1).unwrap())
        };
        assert!(!seen("1s", 1000) && seen("10s", 1000) && seen("1s", 10));
    }

    #[test]
    fn whoever_holds_nothing_back_has_no_backlog() {
        assert!(waiting("\"cache-aside\"", 2).is_none());
    }
}
