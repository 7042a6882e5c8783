//! Differences between two INFOs of one server.

use std::time::Duration;

use super::info::{Info, InfoCounters};

/// The relation of an INFO to the one before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Since {
    /// There was none before: nothing can be said of an interval yet.
    Nothing,
    /// The same server went on counting.
    Interval(CountedInterval),
    /// The server has started anew in between.
    Restart,
    /// Somebody has set its counters back in between (CONFIG RESETSTAT).
    Reset,
}

/// The counts of an interval.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct CountedInterval {
    /// The interval's length; never 0.
    pub length: Duration,
    /// The counts of the interval.
    pub counted: InfoCounters,
}

impl Since {
    /// Compares two INFOs of one address, the second read `length` after the first.
    ///
    /// A server that has started anew has other counters than before, even where they are higher already: only the
    /// same server's counters make an interval, and only where none of them has fallen.
    #[must_use]
    pub fn between(before: &Info, after: &Info, length: Duration) -> Self {
        if before.run_id != after.run_id
            || after.uptime_s.zip(before.uptime_s).is_some_and(|(after, before)| after < before)
        {
            return Self::Restart;
        }
        if length.is_zero() {
            return Self::Nothing;
        }
        match difference(&before.counters, &after.counters) {
            Ok(counted) => Self::Interval(CountedInterval { length, counted }),
            Err(HasFallen) => Self::Reset,
        }
    }

    /// The interval, where there is one.
    #[must_use]
    pub fn interval(&self) -> Option<&CountedInterval> {
        match self {
            Self::Interval(interval) => Some(interval),
            _ => None,
        }
    }
}

fn difference(before: &InfoCounters, after: &InfoCounters) -> Result<InfoCounters, HasFallen> {
    Ok(InfoCounters {
        hits: between(before.hits, after.hits)?,
        misses: between(before.misses, after.misses)?,
        evicted: between(before.evicted, after.evicted)?,
        expired: between(before.expired, after.expired)?,
        commands: between(before.commands, after.commands)?,
        net_in_bytes: between(before.net_in_bytes, after.net_in_bytes)?,
        net_out_bytes: between(before.net_out_bytes, after.net_out_bytes)?,
        calls: between(before.calls, after.calls)?,
        busy_us: between(before.busy_us, after.busy_us)?,
    })
}

/// A counter that never falls by itself has fallen.
struct HasFallen;

/// The difference of a counter. What either INFO does not say is unknown.
fn between(before: Option<u64>, after: Option<u64>) -> Result<Option<u64>, HasFallen> {
    match (before, after) {
        (Some(before), Some(after)) => after.checked_sub(before).map(Some).ok_or(HasFallen),
        _ => Ok(None),
    }
}

impl CountedInterval {
    /// A count of this interval, a second.
    #[must_use]
    pub fn per_second(&self, count: u64) -> f64 {
        count as f64 / self.length.as_secs_f64()
    }
}

/// The share of lookups that found their key; `None` where there was no lookup, which is not a rate of 0.
#[must_use]
pub fn hit_rate(hits: u64, misses: u64) -> Option<f64> {
    let lookups = hits as f64 + misses as f64;
    (lookups > 0.0).then(|| hits as f64 / lookups)
}

/// The mean time that the server spent in a command, in microseconds; `None` where there was none.
#[must_use]
pub fn mean_service_us(calls: u64, busy_us: u64) -> Option<f64> {
    (calls > 0).then(|| busy_us as f64 / calls as f64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn info(run_id: &str, hits: u64, misses: u64) -> Info {
        let counters = InfoCounters {
            hits: Some(hits),
            misses: Some(misses),
            commands: Some(hits + misses),
            ..InfoCounters::default()
        };
        Info { run_id: run_id.into(), counters, ..Info::default() }
    }

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn an_interval_is_the_difference_of_the_counters() {
        let since = Since::between(&info("a", 10, 5), &info("a", 40, 15), SECOND * 2);
        let interval = since.interval().unwrap();
        assert_eq!((interval.counted.hits, interval.counted.misses), (Some(30), Some(10)));
        assert!((interval.per_second(interval.counted.commands.unwrap()) - 20.0).abs() < 1e-9);
        assert_eq!(hit_rate(30, 10), Some(0.75));
    }

    #[test]
    fn a_restart_begins_anew_even_where_the_counters_have_risen() {
        assert_eq!(Since::between(&info("a", 10, 5), &info("b", 40, 15), SECOND), Since::Restart);
        assert_eq!(Since::between(&info("a", 10, 5), &info("b", 0, 0), SECOND), Since::Restart);
    }

    #[test]
    fn counters_that_were_set_back_are_told_from_a_restart() {
        assert_eq!(Since::between(&info("a", 10, 5), &info("a", 1, 0), SECOND), Since::Reset);
    }

    #[test]
    fn a_counter_that_a_server_does_not_say_is_unknown_and_no_reset() {
        let mut silent = info("a", 40, 15);
        silent.counters.misses = None;
        let since = Since::between(&info("a", 10, 5), &silent, SECOND);
        let counted = since.interval().unwrap().counted;
        assert_eq!((counted.hits, counted.misses), (Some(30), None));
    }

    #[test]
    fn without_lookups_there_is_no_hit_rate() {
        assert_eq!(hit_rate(0, 0), None);
        assert_eq!(hit_rate(0, 1), Some(0.0));
        assert_eq!(mean_service_us(0, 0), None);
    }

    fn any_info() -> impl Strategy<Value = Info> {
        (0..2_u8, any::<[u64; 9]>(), 0..3_u64).prop_map(|(run, n, uptime_s)| Info {
            run_id: run.to_string(),
            uptime_s: Some(uptime_s),
            counters: InfoCounters {
                hits: Some(n[0]),
                misses: Some(n[1]),
                evicted: Some(n[2]),
                expired: Some(n[3]),
                commands: Some(n[4]),
                net_in_bytes: Some(n[5]),
                net_out_bytes: Some(n[6]),
                calls: Some(n[7]),
                busy_us: Some(n[8]),
            },
            ..Info::default()
        })
    }

    proptest! {
        #[test]
        fn whatever_counters_do_rates_are_finite_and_never_negative(
            before in any_info(), after in any_info(), micros in 0..10_000_000_u64,
        ) {
            let since = Since::between(&before, &after, Duration::from_micros(micros));
            if let Some(interval) = since.interval() {
                let counted = interval.counted;
                for count in [counted.hits, counted.evicted, counted.commands, counted.net_out_bytes] {
                    let rate = interval.per_second(count.unwrap());
                    prop_assert!(rate.is_finite() && rate >= 0.0);
                }
                prop_assert!(counted.hits <= after.counters.hits && before.run_id == after.run_id);
                if let Some(rate) = hit_rate(counted.hits.unwrap(), counted.misses.unwrap()) {
                    prop_assert!((0.0..=1.0).contains(&rate));
                }
            }
        }
    }
}
