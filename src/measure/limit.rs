//! The limit of a cell, and whether its figures are about the strategy or about the harness.

use crate::results::{LimitedBy, Mode};

/// What was seen while a cell was measured. Cores are CPU seconds by seconds.
#[derive(Debug, Clone, PartialEq)]
pub struct Evidence {
    /// The kind of loop that operations came by.
    pub mode: Mode,
    /// True if cache and database live in hotset's own process.
    pub embedded: bool,
    /// The share of one core that the busiest of hotset's load-driving threads used, from 0 to 1.
    pub busiest_thread_share: f64,
    /// Cores used by hotset.
    pub hotset_cores: f64,
    /// Cores used by all cache servers together.
    pub cache_cores: f64,
    /// Cores used by the busiest cache server; Redis runs commands on one core at most.
    pub busiest_cache_server_cores: f64,
    /// Cores used by the database's server.
    pub database_cores: f64,
    /// Cores that the machine has for them.
    pub machine_cores: f64,
    /// The share of the time of database calls that was spent waiting for a free connection, from 0 to 1.
    pub pool_wait_share: f64,
    /// Operations a second that the schedule asked for; no matter in a closed loop.
    pub offered_per_second: f64,
    /// Operations a second that ended.
    pub achieved_per_second: f64,
    /// The share of operations that were sent more than 1 ms after they were due.
    pub late_share: f64,
    /// The share of operations that were sent more than 1 ms late although their client was free.
    pub late_wakeup_share: f64,
}

/// The verdict on what limited a cell.
#[derive(Debug, Clone, PartialEq)]
pub struct LoadVerdict {
    /// The limit.
    pub limit: LimitedBy,
    /// True if the cell's latencies (open loop) or throughput (closed loop) must not be read as the
    /// strategy's.
    pub saturated: bool,
    /// Why, in a sentence for the report.
    pub why: String,
}

/// An open loop that did less of its offered load than this is saturated.
pub const ACHIEVED_SHARE: f64 = 0.99;
/// An open loop that sent more than this share of its operations late is saturated.
pub const LATE_SHARE: f64 = 0.01;
/// A thread, or a server that runs on one core, that uses this much of a core has no more to give.
pub const BUSY_CORE: f64 = 0.9;
/// A machine of whose cores this share is in use has no more to give.
pub const BUSY_MACHINE: f64 = 0.95;
/// Database calls that wait for a connection for this share of their time are limited by the connections.
pub const POOL_WAIT_SHARE: f64 = 0.5;

/// Says what limited a cell. The first rule that holds decides:
///
/// 1. An open loop that achieved at least [`ACHIEVED_SHARE`] of its offered load and sent at most [`LATE_SHARE`]
///    of it late was limited by the offered load and is not saturated. Any other open loop is saturated, and what
///    follows says by what.
/// 2. The busiest load-driving thread used [`BUSY_CORE`] of its core: hotset. A closed loop is
///    saturated by this too, as its throughput is the harness'.
/// 3. A cache server used [`BUSY_CORE`] of a core: the cache.
/// 4. All together used [`BUSY_MACHINE`] of the machine's cores: the part that used more than half of
///    that, otherwise the machine. A closed loop is saturated where that part is hotset.
/// 5. Database calls waited [`POOL_WAIT_SHARE`] of their time for a connection: the connections.
/// 6. An open loop sent [`LATE_SHARE`] of its operations late although their clients were free: the machine.
/// 7. Otherwise the clients: each waits for its answer, and more of them would do more.
#[must_use]
pub fn limited_by(evidence: &Evidence) -> LoadVerdict {
    let missed = match evidence.mode {
        Mode::Closed => None,
        Mode::Open => match missed_load(evidence) {
            Some(missed) => Some(missed),
            None => {
                return verdict(
                    LimitedBy::OfferedLoad,
                    false,
                    "all that was offered was done in time".into(),
                );
            }
        },
    };
    let (limit, because) = match busiest_part(evidence) {
        (LimitedBy::Clients, _) if missed.is_some() && evidence.late_wakeup_share > LATE_SHARE => {
            late_wakeups(evidence)
        }
        busiest => busiest,
    };
    match missed {
        Some(missed) => verdict(limit, true, format!("{missed}; {because}")),
        None => verdict(limit, limit == LimitedBy::Hotset, because),
    }
}

fn verdict(limit: LimitedBy, saturated: bool, why: String) -> LoadVerdict {
    LoadVerdict { limit, saturated, why }
}

/// hotset had operations to send and clients to send them, and did not get the processor.
fn late_wakeups(evidence: &Evidence) -> (LimitedBy, String) {
    let why = format!(
        "{} were late although their client was free, as hotset's threads were not given a processor in time; something else is using this machine",
        percent(evidence.late_wakeup_share)
    );
    (LimitedBy::Machine, why)
}

/// Returns how an open loop fell behind, if it did.
fn missed_load(evidence: &Evidence) -> Option<String> {
    let Evidence { offered_per_second: offered, achieved_per_second: achieved, late_share, .. } = *evidence;
    if achieved < offered * ACHIEVED_SHARE {
        Some(format!("{achieved:.0} of {offered:.0} offered operations a second were achieved"))
    } else if late_share > LATE_SHARE {
        Some(format!("{} of the operations were sent late", percent(late_share)))
    } else {
        None
    }
}

fn busiest_part(evidence: &Evidence) -> (LimitedBy, String) {
    let thread = evidence.busiest_thread_share;
    if thread >= BUSY_CORE {
        let whose = if evidence.embedded { " (the embedded stores run on it too)" } else { "" };
        let why = format!("hotset's busiest thread used {} of its core{whose}", percent(thread));
        return (LimitedBy::Hotset, why);
    }
    let server = evidence.busiest_cache_server_cores;
    if server >= BUSY_CORE {
        return (
            LimitedBy::Cache,
            format!("a cache server used {} of the one core it can use", percent(server)),
        );
    }
    let used = evidence.hotset_cores + evidence.cache_cores + evidence.database_cores;
    if used >= evidence.machine_cores * BUSY_MACHINE {
        return full_machine(evidence, used);
    }
    if evidence.pool_wait_share >= POOL_WAIT_SHARE {
        let waited = percent(evidence.pool_wait_share);
        let why = format!("operations spent {waited} of their time waiting for a connection to the database");
        return (LimitedBy::DatabaseConnections, why);
    }
    (
        LimitedBy::Clients,
        "every part had time to spare while clients waited for answers; more clients would do more".into(),
    )
}

fn full_machine(evidence: &Evidence, used: f64) -> (LimitedBy, String) {
    let parts = [
        (LimitedBy::Hotset, "hotset", evidence.hotset_cores),
        (LimitedBy::Cache, "the cache", evidence.cache_cores),
        (LimitedBy::Database, "the database", evidence.database_cores),
    ];
    let all = format!("{used:.1} of {:.1} cores were in use", evidence.machine_cores);
    match parts.into_iter().find(|(_, _, cores)| *cores > used / 2.0) {
        Some((limit, name, cores)) => (limit, format!("{all}, {cores:.1} of them by {name}")),
        None => (LimitedBy::Machine, format!("{all} by hotset and the servers together")),
    }
}

fn percent(share: f64) -> String {
    format!("{:.0} %", share * 100.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn idle(mode: Mode) -> Evidence {
        Evidence {
            mode,
            embedded: false,
            busiest_thread_share: 0.3,
            hotset_cores: 0.5,
            cache_cores: 0.4,
            busiest_cache_server_cores: 0.4,
            database_cores: 0.5,
            machine_cores: 4.0,
            pool_wait_share: 0.01,
            offered_per_second: 1_000.0,
            achieved_per_second: 1_000.0,
            late_share: 0.0,
            late_wakeup_share: 0.0,
        }
    }

    fn closed() -> Evidence {
        idle(Mode::Closed)
    }

    fn open() -> Evidence {
        idle(Mode::Open)
    }

    #[track_caller]
    fn assert_limit(evidence: &Evidence, limit: LimitedBy, saturated: bool) {
        let verdict = limited_by(evidence);
        assert_eq!((verdict.limit, verdict.saturated), (limit, saturated), "{}", verdict.why);
        assert!(!verdict.why.is_empty());
    }

    #[test]
    fn an_open_loop_that_keeps_up_is_limited_by_what_was_offered() {
        assert_limit(&open(), LimitedBy::OfferedLoad, false);
        assert_limit(
            &Evidence { achieved_per_second: 990.0, late_share: 0.01, ..open() },
            LimitedBy::OfferedLoad,
            false,
        );
        // However busy the parts were.
        assert_limit(&Evidence { busiest_thread_share: 0.97, ..open() }, LimitedBy::OfferedLoad, false);
    }

    #[test]
    fn an_open_loop_that_falls_behind_or_sends_late_is_saturated() {
        assert_limit(&Evidence { achieved_per_second: 989.0, ..open() }, LimitedBy::Clients, true);
        assert_limit(&Evidence { late_share: 0.011, ..open() }, LimitedBy::Clients, true);
        let behind = Evidence { achieved_per_second: 500.0, busiest_cache_server_cores: 0.95, ..open() };
        assert_limit(&behind, LimitedBy::Cache, true);
        assert!(limited_by(&behind).why.starts_with("500 of 1000 offered operations a second"));
    }

    #[test]
    fn lateness_that_is_not_the_clients_own_is_put_down_to_the_machine() {
        assert_limit(
            &Evidence { late_share: 0.05, late_wakeup_share: 0.04, ..open() },
            LimitedBy::Machine,
            true,
        );
        assert_limit(
            &Evidence { late_share: 0.05, late_wakeup_share: 0.0, ..open() },
            LimitedBy::Clients,
            true,
        );
    }

    #[test]
    fn a_closed_loop_with_time_to_spare_everywhere_is_limited_by_its_clients() {
        assert_limit(&closed(), LimitedBy::Clients, false);
        // The offered load and lateness mean nothing there.
        assert_limit(
            &Evidence { achieved_per_second: 1.0, late_share: 1.0, ..closed() },
            LimitedBy::Clients,
            false,
        );
    }

    #[test]
    fn a_closed_loop_driven_by_a_full_thread_is_saturated_by_hotset() {
        assert_limit(&Evidence { busiest_thread_share: 0.9, ..closed() }, LimitedBy::Hotset, true);
        assert_limit(&Evidence { busiest_thread_share: 0.89, ..closed() }, LimitedBy::Clients, false);
        // Also where the cache is as full: the throughput may still be the harness'.
        let both = Evidence { busiest_thread_share: 0.95, busiest_cache_server_cores: 0.99, ..closed() };
        assert_limit(&both, LimitedBy::Hotset, true);
        let embedded = Evidence { busiest_thread_share: 0.95, embedded: true, ..closed() };
        assert!(limited_by(&embedded).why.contains("embedded stores"));
    }

    #[test]
    fn a_cache_server_on_a_full_core_limits_and_three_on_half_a_core_do_not() {
        assert_limit(&Evidence { busiest_cache_server_cores: 0.9, ..closed() }, LimitedBy::Cache, false);
        assert_limit(
            &Evidence { cache_cores: 1.5, busiest_cache_server_cores: 0.5, ..closed() },
            LimitedBy::Clients,
            false,
        );
    }

    #[test]
    fn a_full_machine_is_limited_by_the_part_that_uses_most_of_it() {
        let full = |hotset, cache, database| Evidence {
            hotset_cores: hotset,
            cache_cores: cache,
            database_cores: database,
            ..closed()
        };
        assert_limit(&full(0.5, 0.3, 3.0), LimitedBy::Database, false);
        assert_limit(&full(3.0, 0.3, 0.5), LimitedBy::Hotset, true);
        assert_limit(&full(1.3, 1.2, 1.3), LimitedBy::Machine, false);
        assert_limit(&full(1.3, 1.2, 1.2), LimitedBy::Clients, false);
    }

    #[test]
    fn waiting_for_connections_is_said_to_be_that() {
        assert_limit(&Evidence { pool_wait_share: 0.6, ..closed() }, LimitedBy::DatabaseConnections, false);
    }
}
