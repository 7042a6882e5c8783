//! What theory predicts of a cell, from what was configured and never from what was measured.

mod backlog;
mod enough;
mod models;

use std::time::Duration;

pub use self::enough::enough_cache;
use self::models::{db_reads_per_op, hit_rate, popularity, stale_share, ttl_that_matters};
use super::latency::class_of;
use super::observed::Observed;
use super::rounding::share;
use super::{audit, calls};
use crate::model::theory::{Popularity, Prediction};
use crate::results::{OperationClass, Predicted};
use crate::run::plan::Cell;

/// A measured hit rate that is further off than this says so.
const WORTH_A_WORD: f64 = 0.02;
/// Fewer lookups than this leave a hit rate uncertain by more than half a point.
const FEW_LOOKUPS: u64 = 10_000;
/// The predictions, and how far what was measured is from them.
#[must_use]
pub fn of(cell: &Cell, observed: &Observed) -> Predicted {
    let Some(popularity) = popularity(cell) else { return Predicted::default() };
    let predictions = predictions(cell, &popularity);
    let load = &observed.load;
    let answers = load.all.answers(|_| true);
    let anomalies = load.all.anomalies();
    let acknowledged = load
        .all
        .count_of(|kind, outcome| outcome.is_success() && class_of(cell, kind) == OperationClass::Write);
    let measured = Figures {
        hit_rate: answers.hit_rate,
        stale_share: share(anomalies.stale, anomalies.audited),
        backlog: audit::backlog(cell, observed).backlog_mean,
        db_reads_per_op: calls::per_operation(observed).db_reads_per_op,
        db_writes_per_write: share(load.calls.database_writes, acknowledged),
    };
    let doubts = doubts(cell, answers.lookups(), load.warmth.is_steady(), load.warmup_length + load.length);
    predictions.beside(&measured, &doubts)
}

fn predictions(cell: &Cell, popularity: &Popularity) -> Predictions {
    let waiting = backlog::predict(cell, popularity);
    // How many misses of a batch are loaded by one call depends on which keys are missing together, of which no model tells.
    let is_by_key = !cell.scenario.workload.keys_per_read.is_batch();
    Predictions {
        hit_rate: hit_rate(cell, popularity),
        stale_share: stale_share(cell, popularity).map(|prediction| rounded(prediction.value)),
        backlog: waiting.as_ref().map(|waiting| (waiting.entities * 100.0).round() / 100.0),
        backlog_is_seen_evenly: waiting
            .as_ref()
            .is_some_and(|waiting| backlog::is_seen_evenly(cell, waiting)),
        db_reads_per_op: hit_rate(cell, popularity)
            .filter(|_| is_by_key)
            .map(|prediction| rounded(db_reads_per_op(cell, popularity, prediction))),
        db_writes_per_write: waiting.as_ref().and_then(|waiting| waiting.db_writes_per_write.map(rounded)),
    }
}

/// The predictions of theory for a cell.
#[derive(Debug, Clone, Copy, Default)]
struct Predictions {
    hit_rate: Option<Prediction>,
    stale_share: Option<f64>,
    backlog: Option<f64>,
    /// False if the ends of windows keep step with flushes.
    backlog_is_seen_evenly: bool,
    db_reads_per_op: Option<f64>,
    db_writes_per_write: Option<f64>,
}

/// The measured values of the same.
#[derive(Debug, Clone, Copy, Default)]
struct Figures {
    hit_rate: Option<f64>,
    stale_share: Option<f64>,
    backlog: Option<f64>,
    db_reads_per_op: Option<f64>,
    db_writes_per_write: Option<f64>,
}

impl Predictions {
    /// The columns: each prediction, and measured less predicted where there is both.
    fn beside(self, measured: &Figures, doubts: &[&'static str]) -> Predicted {
        let off = |measured: Option<f64>, predicted: Option<f64>| Some(rounded(measured? - predicted?));
        let distance =
            self.hit_rate.as_ref().zip(measured.hit_rate).map(|(model, rate)| model.distance(rate));
        let range = self.hit_rate.as_ref();
        Predicted {
            predicted_hit_rate: range.map(|prediction| rounded(prediction.value)),
            predicted_hit_rate_low: range.map(|prediction| rounded(prediction.low)),
            predicted_hit_rate_high: range.map(|prediction| rounded(prediction.high)),
            predicted_by: range.map(|prediction| prediction.model.name.into()).unwrap_or_default(),
            hit_rate_off_points: distance.map(|off| rounded(off * 100.0)),
            prediction_note: distance.map(|off| note(off, doubts)).unwrap_or_default(),
            predicted_db_reads_per_op: self.db_reads_per_op,
            db_reads_per_op_off: off(measured.db_reads_per_op, self.db_reads_per_op),
            predicted_stale_share: self.stale_share,
            stale_share_off_points: off(measured.stale_share, self.stale_share)
                .map(|off| rounded(off * 100.0)),
            predicted_backlog: self.backlog,
            backlog_off: off(measured.backlog, self.backlog).filter(|_| self.backlog_is_seen_evenly),
            predicted_db_writes_per_write: self.db_writes_per_write,
            db_writes_per_write_off: off(measured.db_writes_per_write, self.db_writes_per_write),
        }
    }
}

fn rounded(share: f64) -> f64 {
    (share * 1e5).round() / 1e5
}

/// Why the hit rate of a cell that lasted so long, warm-up included, may be elsewhere than in the steady state that is
/// predicted.
fn doubts(cell: &Cell, looked_up: u64, settled: bool, lasted: Duration) -> Vec<&'static str> {
    let barely_expired = ttl_that_matters(cell).is_some_and(|ttl| lasted < 2 * ttl);
    let doubts = [
        (!settled, "the cache was not warmed up"),
        (barely_expired, "warm-up and run were shorter than two TTLs"),
        (looked_up < FEW_LOOKUPS, "it counts few lookups"),
        (!cell.scenario.faults.is_empty(), "the model knows nothing of faults"),
    ];
    doubts.into_iter().filter_map(|(holds, doubt)| holds.then_some(doubt)).collect()
}

/// Explains a hit rate that is elsewhere; empty where it is where it was expected.
fn note(off: f64, doubts: &[&str]) -> String {
    if off.abs() <= WORTH_A_WORD {
        return String::new();
    }
    let side = if off > 0.0 { "above" } else { "below" };
    let why =
        if doubts.is_empty() { "nothing that hotset knows of explains it".into() } else { doubts.join(", ") };
    format!("{:.1} points {side} what theory predicts: {why}", off.abs() * 100.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::theory::refresh_ahead;
    use crate::run::plan::{Plan, PlanOptions};

    /// The only cell of a scenario of 10⁵ keys.
    fn cell(strategy: &str, topology: &str, more: &str) -> Cell {
        let text = format!(
            "strategies = [{strategy}]\ntopologies = [{topology}]\n[dataset]\nkeys = 100_000\n{more}\n[run]\nduration = \"10s\""
        );
        Plan::parse("test", "test.toml", &text, &PlanOptions::default()).unwrap().cells.swap_remove(0)
    }

    fn predicted(strategy: &str, topology: &str, more: &str) -> Option<Prediction> {
        let cell = cell(strategy, topology, more);
        hit_rate(&cell, &popularity(&cell)?)
    }

    /// The predicted reads of the database for each operation.
    fn loads(strategy: &str, topology: &str, more: &str) -> f64 {
        let cell = cell(strategy, topology, more);
        let popularity = popularity(&cell).unwrap();
        db_reads_per_op(&cell, &popularity, hit_rate(&cell, &popularity).unwrap())
    }

    const READS: &str = "[workload]\nreads = 1.0\n[cache]\ncapacity = \"10%\"";
    const DELETES: &str = "[workload]\nreads = 0.9\n[cache]\ncapacity = \"10%\"";

    #[test]
    fn the_embedded_lru_is_predicted_by_che_with_what_its_strategy_does_on_a_write() {
        let value = |strategy, more| predicted(strategy, "\"embedded\"", more).unwrap().value;
        assert!((value("\"cache-aside\"", READS) - 0.7250).abs() < 1e-4);
        // Deletes cap the hit rate; updates do not.
        assert!((value("\"cache-aside\"", DELETES) - 0.6629).abs() < 1e-4);
        assert!((value("\"cache-through\"", DELETES) - 0.7250).abs() < 1e-4);
    }

    #[test]
    fn the_hit_rate_of_batches_is_that_of_their_keys_each_looked_up_once_a_batch() {
        let batches = "[workload]\nreads = 1.0\nkeys_per_read = 50\n[cache]\ncapacity = \"10%\"";
        let cell = cell("\"cache-aside\"", "\"embedded\"", batches);
        let of_batches = hit_rate(&cell, &popularity(&cell).unwrap()).unwrap().value;
        let stream = cell.scenario.stream(crate::results::Phase::Measure, 1).unwrap();
        let room = std::num::NonZeroUsize::new(10_000).unwrap();
        let (mut cache, mut hits, mut all) = (lru::LruCache::new(room), 0.0, 0.0);
        for (number, operation) in stream.keys_in_turn().take(600_000).enumerate() {
            let is_hit = cache.put(operation.key, ()).is_some();
            if number >= 200_000 {
                hits += f64::from(u8::from(is_hit));
                all += 1.0;
            }
        }
        let simulated: f64 = hits / all;
        assert!((of_batches - simulated).abs() < 0.005, "{of_batches} {simulated}");
        let single = predicted("\"cache-aside\"", "\"embedded\"", READS).unwrap().value;
        assert!(single - simulated > 0.03, "drawn twice is looked up once: {single} {simulated}");
    }

    #[test]
    fn how_often_the_database_is_asked_for_a_batch_is_not_predicted() {
        let reads = |more: &str| {
            let cell = cell("\"cache-aside\"", "\"embedded\"", more);
            super::predictions(&cell, &popularity(&cell).unwrap()).db_reads_per_op
        };
        assert!(reads(READS).is_some());
        assert_eq!(reads(&READS.replace("reads = 1.0", "reads = 1.0\nkeys_per_read = 2")), None);
    }

    #[test]
    fn redis_that_turns_over_within_seconds_is_given_a_band_and_one_that_does_not_a_value() {
        let redis = "{ name = \"single\", database = \"embedded\" }";
        let fast = predicted("\"cache-aside\"", redis, READS).unwrap();
        assert!(fast.low < fast.high && (fast.high - 0.7250).abs() < 1e-4, "{fast:?}");
        let slow = READS.replace("reads = 1.0", "reads = 1.0\nrate_per_second = 200");
        let slow = predicted("\"cache-aside\"", redis, &slow).unwrap();
        assert!((slow.low - slow.high).abs() < 1e-9 && (slow.value - 0.7250).abs() < 1e-4, "{slow:?}");
    }

    #[test]
    fn the_middle_between_lru_and_perfect_lfu_stands_for_the_band() {
        let lfu =
            predicted("\"cache-aside\"", "\"embedded\"", &format!("{READS}\npolicy = \"lfu\"")).unwrap();
        assert!((lfu.low - 0.7250).abs() < 1e-4 && (lfu.high - 0.8001).abs() < 1e-4, "{lfu:?}");
        assert!((lfu.value - f64::midpoint(lfu.low, lfu.high)).abs() < 1e-9, "{lfu:?}");
    }

    #[test]
    fn the_database_is_asked_by_misses_of_reads_and_by_writes_that_build_on_the_cache() {
        let misses = 1.0 - 0.724_964;
        let aside = loads("\"cache-through\"", "\"embedded\"", DELETES);
        assert!((aside - 0.9 * misses).abs() < 1e-4, "{aside}");
        // A write to a key that is not cached loads it.
        for strategy in ["\"cache-behind\"", "\"write-behind\""] {
            let behind = loads(strategy, "\"embedded\"", DELETES);
            assert!((behind - misses).abs() < 1e-4, "{strategy} {behind}");
        }
    }

    #[test]
    fn a_ttl_that_begins_only_with_a_flush_is_not_predicted() {
        let more = "[workload]\nreads = 0.9\nrate_per_second = 1000\n[cache]\nttl = \"2s\"";
        assert_eq!(predicted("\"cache-behind\"", "\"embedded\"", more), None);
        let reads = more.replace("reads = 0.9", "reads = 1.0");
        assert!(predicted("\"cache-behind\"", "\"embedded\"", &reads).is_some());
    }

    #[test]
    fn refreshes_ask_the_database_besides_the_misses() {
        let more = "[workload]\nreads = 1.0\nrate_per_second = 1000\n[cache]\nttl = \"2s\"";
        let found = loads("{ name = \"cache-ahead\", refresh_at = 0.5 }", "\"embedded\"", more);
        // Σ p/(1 + 1000 p) over the 10⁵ shares p, computed independently; misses alone would be 0.5044.
        assert!((found - 0.600_741).abs() < 1e-4, "{found}");
    }

    #[test]
    fn refreshing_ahead_is_predicted_where_nothing_else_loads_ahead() {
        let reads = "[workload]\nreads = 1.0\nrate_per_second = 1000\n[cache]\nttl = \"2s\"";
        let ahead = |settings: &str| {
            predicted(&format!("{{ name = \"cache-ahead\"{settings} }}"), "\"embedded\"", reads)
        };
        let (early, never) =
            (ahead(", refresh_at = 0.5").unwrap(), predicted("\"cache-through\"", "\"embedded\"", reads));
        assert_eq!(early.model, refresh_ahead::MODEL);
        assert!(early.value > never.unwrap().value + 0.01, "{early:?}");
        assert_eq!(
            ahead(", refresh_at = 0.5, interval = \"5s\""),
            None,
            "what is asked for often is preloaded besides"
        );
        assert_eq!(ahead(""), None);
        assert_eq!(ahead(", refresh_at = 0.5, ttl_jitter = 0.1"), None, "the age is drawn");
    }

    #[test]
    fn revalidating_what_is_stale_is_refreshing_ahead_from_the_soft_ttl_on() {
        let reads = "[workload]\nreads = 1.0\nrate_per_second = 1000\n[cache]\nttl = \"2s\"";
        let served = |settings: &str, more: &str| {
            predicted(&format!("{{ name = \"stale-while-revalidate\"{settings} }}"), "\"embedded\"", more)
        };
        let ahead = predicted("{ name = \"cache-ahead\", refresh_at = 0.5 }", "\"embedded\"", reads);
        assert!(ahead.is_some());
        assert_eq!(served(", fresh_for = \"1s\"", reads), ahead);
        let plain = predicted("\"cache-through\"", "\"embedded\"", reads).unwrap().value;
        let never_stale = served(", fresh_for = \"3s\"", reads).unwrap().value;
        assert!((never_stale - plain).abs() < 1e-9, "{never_stale} {plain}");
        assert_eq!(served("", &reads.replace("reads = 1.0", "reads = 0.9")), None);
    }

    #[test]
    fn what_no_model_covers_is_not_predicted() {
        for (strategy, more) in [
            ("\"no-cache\"", READS.to_owned()),
            ("\"near-cache\"", READS.to_owned()),
            ("\"cache-aside\"", READS.replace("10%", "1MiB")),
            ("\"cache-aside\"", READS.replace("reads = 1.0", "reads = 1.0\nabsent_share = 0.1")),
            ("\"cache-aside\"", format!("{READS}\npolicy = \"sieve\"")),
            // A closed loop: how often a key is asked for in two seconds is not known beforehand.
            ("\"cache-aside\"", format!("{READS}\nttl = \"2s\"")),
        ] {
            assert_eq!(predicted(strategy, "\"embedded\"", &more), None, "{strategy} {more}");
        }
    }

    #[test]
    fn a_server_of_which_the_memory_is_not_known_is_not_predicted() {
        let more = "[workload]\nreads = 0.9\nrate_per_second = 1000\n[cache]\nttl = \"2s\"";
        let reads = more.replace("reads = 0.9", "reads = 1.0");
        let ahead = "{ name = \"cache-ahead\", refresh_at = 0.5 }";
        let stale = |topology| {
            let cell = cell("\"write-around\"", topology, more);
            stale_share(&cell, &popularity(&cell).unwrap())
        };
        let own = "{ name = \"single\", database = \"embedded\" }";
        assert!(predicted("\"cache-aside\"", own, more).is_some() && predicted(ahead, own, &reads).is_some());
        assert!(stale(own).is_some());
        let given = "{ name = \"single\", database = \"embedded\", url = \"redis://cache.example:6379\" }";
        for more in [more, "[workload]\nreads = 0.9"] {
            assert_eq!(predicted("\"cache-aside\"", given, more), None, "{more}");
        }
        assert_eq!((predicted(ahead, given, &reads), stale(given)), (None, None));
    }

    #[test]
    fn each_prediction_has_its_difference_from_what_was_measured() {
        let predictions = Predictions {
            stale_share: Some(0.12),
            backlog: Some(5.0),
            backlog_is_seen_evenly: true,
            db_reads_per_op: Some(0.28),
            db_writes_per_write: Some(0.55),
            ..Predictions::default()
        };
        let measured = Figures {
            stale_share: Some(0.1),
            backlog: Some(4.5),
            db_reads_per_op: Some(0.3),
            db_writes_per_write: Some(0.6),
            ..Figures::default()
        };
        let found = predictions.beside(&measured, &[]);
        let off = [
            found.db_reads_per_op_off,
            found.stale_share_off_points,
            found.backlog_off,
            found.db_writes_per_write_off,
        ];
        assert_eq!(off, [Some(0.02), Some(-2.0), Some(-0.5), Some(0.05)]);
        let unevenly = Predictions { backlog_is_seen_evenly: false, ..predictions };
        assert_eq!(unevenly.beside(&measured, &[]).backlog_off, None);
        assert_eq!(predictions.beside(&Figures::default(), &[]).stale_share_off_points, None);
    }

    #[test]
    fn a_hit_rate_that_is_off_says_by_how_much_and_why_that_may_be() {
        assert_eq!(note(0.019, &["it had not settled"]), "");
        let said = note(-0.034, &["it had not settled", "it counts few lookups"]);
        assert!(
            said.starts_with("3.4 points below") && said.ends_with("settled, it counts few lookups"),
            "{said}"
        );
        assert!(note(0.05, &[]).contains("nothing that hotset knows of"));
    }

    #[test]
    fn a_prediction_is_in_doubt_where_the_steady_state_was_not_reached() {
        let fault = "[[fault]]\nat = \"1s\"\nkind = \"crash-application\"\nfor = \"1s\"\n";
        let doubts = |more: &str, looked_up, settled, seconds| {
            let cell = cell("\"cache-aside\"", "\"embedded\"", more);
            doubts(&cell, looked_up, settled, Duration::from_secs(seconds)).join(", ")
        };
        let many = FEW_LOOKUPS;
        assert_eq!(doubts(READS, many, true, 20), "");
        assert_eq!(doubts(READS, many - 1, false, 20), "the cache was not warmed up, it counts few lookups");
        let ttl = format!("{READS}\nttl = \"10s\"");
        assert_eq!(doubts(&ttl, many, true, 20), "");
        assert_eq!(doubts(&ttl, many, true, 19), "warm-up and run were shorter than two TTLs");
        assert_eq!(doubts(&format!("{READS}\n{fault}"), many, true, 20), "the model knows nothing of faults");
    }
}
