//! The limit of a cell, and whether its figures are about the strategy or about the harness.

use super::in_time::KEPT_UP;
use crate::results::{LimitedBy, Mode};

/// The figures of a cell from which its limit is concluded. Cores are CPU seconds by seconds.
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
    /// Those of them that ended in time, a second.
    pub in_time_per_second: f64,
    /// The share of operations that were sent more than 1 ms after they were due.
    pub late_share: f64,
    /// The share of operations that were sent more than 1 ms late although their client was free.
    pub late_wakeup_share: f64,
    /// True if an open loop could begin every operation as soon as it was due, as a client was free for it.
    pub had_room: bool,
}

/// The verdict on what limited a cell.
#[derive(Debug, Clone, PartialEq)]
pub struct LoadVerdict {
    /// The limit.
    pub limit: LimitedBy,
    /// The part that had no more to give, also where no more was asked for; `None` where none was full.
    pub full: Option<LimitedBy>,
    /// The verdict on the load.
    pub driven: Driven,
    /// Why, in a sentence for the report.
    pub why: String,
}

/// The verdicts on the load of a cell: it was driven as it was asked for, or was not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Driven {
    /// It was.
    Fully,
    /// The system under test did not do it: its latencies are those of a queue that grows.
    Overloaded,
    /// This machine, or hotset on it, did not drive an open loop in time: its latencies are not the strategy's alone.
    Disturbed,
}

/// An open loop that sent more than this share of its operations late, although clients were free, was disturbed.
pub const LATE_SHARE: f64 = 0.01;
/// A thread, or a server that runs on one core, that uses this much of a core has no more to give.
pub const BUSY_CORE: f64 = 0.9;
/// A machine of whose cores this share is in use has no more to give.
pub const BUSY_MACHINE: f64 = 0.95;
/// Database calls that wait for a connection for this share of their time are limited by the connections.
pub const POOL_WAIT_SHARE: f64 = 0.5;

/// Says what limited a cell, and whether its load was driven as it was asked for.
///
/// An open loop of whose offered load [`KEPT_UP`] ended in time was limited by that load. It was disturbed where more
/// than [`LATE_SHARE`] of its operations were sent late although their clients were free; an operation whose client waited
/// for an answer is no sign of that, as its wait is a part of its response time.
///
/// What limited any other cell, the first of these says:
/// 1. The busiest load-driving thread used [`BUSY_CORE`] of its core: hotset.
/// 2. A cache server used [`BUSY_CORE`] of a core: the cache.
/// 3. All together used [`BUSY_MACHINE`] of the machine's cores: the part that used more than half of that, otherwise the
///    machine.
/// 4. Database calls waited [`POOL_WAIT_SHARE`] of their time for a connection: the connections.
/// 5. An open loop sent [`LATE_SHARE`] of its operations late although their clients were free, and these are most of what
///    was late: the machine.
/// 6. An open loop had a free client for every operation: the answers, which come no faster for a reason of their own.
/// 7. Otherwise the clients: each waits for its answer, and more of them would do more.
///
/// Where that is hotset or the machine, an open loop was disturbed, and with any other limit overloaded. A closed loop has no rate
/// that could be missed, and nothing in it is late: the limit says whose its throughput is, and to leave out a block in which
/// hotset was that limit would be to leave out those in which the strategy was fastest.
#[must_use]
pub fn limited_by(evidence: &Evidence) -> LoadVerdict {
    let Evidence { offered_per_second: offered, in_time_per_second: in_time, .. } = *evidence;
    let part = full_part(evidence);
    let full = part.as_ref().map(|(limit, _)| *limit);
    let verdict = |limit, driven, why| LoadVerdict { limit, full, driven, why };
    let late = evidence.mode == Mode::Open && evidence.late_wakeup_share > LATE_SHARE;
    if evidence.mode == Mode::Open && in_time >= offered * KEPT_UP {
        return if late {
            verdict(LimitedBy::OfferedLoad, Driven::Disturbed, late_wakeups(evidence))
        } else {
            verdict(LimitedBy::OfferedLoad, Driven::Fully, "all that was offered was done".into())
        };
    }
    let (limit, because) = part.unwrap_or_else(|| limit_of_none_full(evidence, late));
    if evidence.mode == Mode::Closed {
        let why = match limit {
            LimitedBy::Hotset => format!("{because}, so that the throughput may be hotset's own"),
            LimitedBy::Clients
            | LimitedBy::Answers
            | LimitedBy::Cache
            | LimitedBy::Database
            | LimitedBy::DatabaseConnections
            | LimitedBy::OfferedLoad
            | LimitedBy::Machine => because,
        };
        return verdict(limit, Driven::Fully, why);
    }
    let driven = match limit {
        LimitedBy::Hotset | LimitedBy::Machine => Driven::Disturbed,
        LimitedBy::Clients
        | LimitedBy::Answers
        | LimitedBy::Cache
        | LimitedBy::Database
        | LimitedBy::DatabaseConnections
        | LimitedBy::OfferedLoad => Driven::Overloaded,
    };
    verdict(
        limit,
        driven,
        format!("{in_time:.0} of {offered:.0} offered operations a second ended in time; {because}"),
    )
}

/// What limited a cell that did not do all that was offered, although every part had processor time to spare.
fn limit_of_none_full(evidence: &Evidence, late: bool) -> (LimitedBy, String) {
    // Where most of what was late waited for its client, a few late wake-ups are not why so little was done.
    if late && evidence.late_wakeup_share * 2.0 > evidence.late_share {
        return (LimitedBy::Machine, late_wakeups(evidence));
    }
    if evidence.had_room {
        let why = "every operation was sent as soon as it was due, and every part had processor time to spare: answers waited for something else, such as how many operations a store serves at once";
        return (LimitedBy::Answers, why.into());
    }
    let more = match evidence.mode {
        Mode::Closed => "more clients",
        Mode::Open => "more operations under way at once",
    };
    let why = format!(
        "every part had time to spare while clients waited for answers; {more} would do more, unless a store serves no more at once"
    );
    (LimitedBy::Clients, why)
}

/// hotset had operations to send and clients to send them, and did not get the processor.
fn late_wakeups(evidence: &Evidence) -> String {
    let late = percent(evidence.late_wakeup_share);
    let thread = evidence.busiest_thread_share;
    if thread >= BUSY_CORE {
        return format!(
            "{late} of the operations were sent over 1 ms late although their client was free: hotset's busiest thread used {} of its core",
            percent(thread)
        );
    }
    format!(
        "{late} of the operations were sent over 1 ms late although their client was free: hotset was not given a processor in time, as the servers or other processes used this machine"
    )
}

/// The part that has no more to give, and how that is known; `None` where none is full.
fn full_part(evidence: &Evidence) -> Option<(LimitedBy, String)> {
    let thread = evidence.busiest_thread_share;
    if thread >= BUSY_CORE {
        let whose = if evidence.embedded { " (the embedded stores run on it too)" } else { "" };
        let why = format!("hotset's busiest thread used {} of its core{whose}", percent(thread));
        return Some((LimitedBy::Hotset, why));
    }
    let server = evidence.busiest_cache_server_cores;
    if server >= BUSY_CORE {
        let why = format!("a cache server used {} of the one core it can use", percent(server));
        return Some((LimitedBy::Cache, why));
    }
    let used = evidence.hotset_cores + evidence.cache_cores + evidence.database_cores;
    if used >= evidence.machine_cores * BUSY_MACHINE {
        return Some(full_machine(evidence, used));
    }
    if evidence.pool_wait_share >= POOL_WAIT_SHARE {
        let waited = percent(evidence.pool_wait_share);
        let why = format!("operations spent {waited} of their time waiting for a connection to the database");
        return Some((LimitedBy::DatabaseConnections, why));
    }
    None
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
            in_time_per_second: 1_000.0,
            late_share: 0.0,
            late_wakeup_share: 0.0,
            had_room: false,
        }
    }

    fn closed() -> Evidence {
        idle(Mode::Closed)
    }

    fn open() -> Evidence {
        idle(Mode::Open)
    }

    #[track_caller]
    fn assert_limit(evidence: &Evidence, limit: LimitedBy, driven: Driven) {
        let verdict = limited_by(evidence);
        assert_eq!((verdict.limit, verdict.driven), (limit, driven), "{}", verdict.why);
        assert!(!verdict.why.is_empty());
    }

    #[test]
    fn an_open_loop_that_keeps_up_is_limited_by_what_was_offered() {
        assert_limit(&open(), LimitedBy::OfferedLoad, Driven::Fully);
        assert_limit(
            &Evidence { in_time_per_second: 990.0, late_share: 0.01, ..open() },
            LimitedBy::OfferedLoad,
            Driven::Fully,
        );
        // However busy the parts were.
        assert_limit(
            &Evidence { busiest_thread_share: 0.97, ..open() },
            LimitedBy::OfferedLoad,
            Driven::Fully,
        );
    }

    #[test]
    fn an_open_loop_that_does_all_that_was_offered_is_never_overloaded() {
        // Waiting for a client that waits for an answer is a part of the response time.
        assert_limit(&Evidence { late_share: 0.5, ..open() }, LimitedBy::OfferedLoad, Driven::Fully);
        assert_limit(
            &Evidence { late_share: 0.5, late_wakeup_share: 0.04, ..open() },
            LimitedBy::OfferedLoad,
            Driven::Disturbed,
        );
    }

    #[test]
    fn the_part_that_is_full_is_known_also_where_all_that_was_offered_was_done() {
        let full = |evidence: &Evidence| {
            let verdict = limited_by(evidence);
            assert_eq!(verdict.limit, LimitedBy::OfferedLoad);
            verdict.full
        };
        assert_eq!(full(&open()), None, "nothing is full, and no more clients would make it quicker");
        let busy = Evidence { database_cores: 3.2, ..open() };
        assert_eq!(full(&busy), Some(LimitedBy::Database));
    }

    #[test]
    fn an_open_loop_that_falls_behind_is_overloaded_by_the_part_that_is_full() {
        assert_limit(
            &Evidence { in_time_per_second: 989.0, ..open() },
            LimitedBy::Clients,
            Driven::Overloaded,
        );
        let behind = Evidence { in_time_per_second: 500.0, busiest_cache_server_cores: 0.95, ..open() };
        assert_limit(&behind, LimitedBy::Cache, Driven::Overloaded);
        assert!(limited_by(&behind).why.starts_with("500 of 1000 offered operations a second"));
    }

    #[test]
    fn an_open_loop_that_falls_behind_with_a_free_client_for_everything_is_limited_by_its_answers() {
        let behind = Evidence { in_time_per_second: 500.0, had_room: true, ..open() };
        assert_limit(&behind, LimitedBy::Answers, Driven::Overloaded);
        let full = Evidence { busiest_cache_server_cores: 0.95, ..behind };
        assert_limit(&full, LimitedBy::Cache, Driven::Overloaded);
    }

    #[test]
    fn an_open_loop_that_hotset_or_the_machine_holds_up_is_disturbed_and_not_overloaded() {
        let behind = Evidence { in_time_per_second: 500.0, ..open() };
        assert_limit(
            &Evidence { busiest_thread_share: 0.95, ..behind.clone() },
            LimitedBy::Hotset,
            Driven::Disturbed,
        );
        assert_limit(
            &Evidence { late_wakeup_share: 0.04, ..behind.clone() },
            LimitedBy::Machine,
            Driven::Disturbed,
        );
        let full = Evidence { hotset_cores: 1.3, cache_cores: 1.3, database_cores: 1.3, ..behind };
        assert_limit(&full, LimitedBy::Machine, Driven::Disturbed);
    }

    #[test]
    fn a_few_late_wakeups_do_not_excuse_a_system_that_leaves_its_clients_waiting() {
        let behind =
            Evidence { in_time_per_second: 133.0, late_share: 0.87, late_wakeup_share: 0.036, ..open() };
        assert_limit(&behind, LimitedBy::Clients, Driven::Overloaded);
    }

    #[test]
    fn a_closed_loop_with_time_to_spare_everywhere_is_limited_by_its_clients() {
        assert_limit(&closed(), LimitedBy::Clients, Driven::Fully);
        // The offered load and lateness mean nothing there.
        assert_limit(
            &Evidence { in_time_per_second: 1.0, late_share: 1.0, late_wakeup_share: 1.0, ..closed() },
            LimitedBy::Clients,
            Driven::Fully,
        );
    }

    #[test]
    fn a_closed_loop_driven_by_a_full_thread_is_limited_by_hotset_and_not_disturbed() {
        let busy = |share| Evidence { busiest_thread_share: share, ..closed() };
        assert_limit(&busy(0.9), LimitedBy::Hotset, Driven::Fully);
        assert!(limited_by(&busy(0.9)).why.ends_with("the throughput may be hotset's own"));
        assert_limit(&busy(0.89), LimitedBy::Clients, Driven::Fully);
        // Also where the cache is as full: the throughput may still be the harness'.
        let both = Evidence { busiest_cache_server_cores: 0.99, ..busy(0.95) };
        assert_limit(&both, LimitedBy::Hotset, Driven::Fully);
        assert!(limited_by(&Evidence { embedded: true, ..busy(0.95) }).why.contains("embedded stores"));
    }

    #[test]
    fn a_cache_server_on_a_full_core_limits_and_three_on_half_a_core_do_not() {
        assert_limit(
            &Evidence { busiest_cache_server_cores: 0.9, ..closed() },
            LimitedBy::Cache,
            Driven::Fully,
        );
        assert_limit(
            &Evidence { cache_cores: 1.5, busiest_cache_server_cores: 0.5, ..closed() },
            LimitedBy::Clients,
            Driven::Fully,
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
        assert_limit(&full(0.5, 0.3, 3.0), LimitedBy::Database, Driven::Fully);
        assert_limit(&full(3.0, 0.3, 0.5), LimitedBy::Hotset, Driven::Fully);
        assert_limit(&full(1.3, 1.2, 1.3), LimitedBy::Machine, Driven::Fully);
        assert_limit(&full(1.3, 1.2, 1.2), LimitedBy::Clients, Driven::Fully);
    }

    #[test]
    fn waiting_for_connections_is_said_to_be_that() {
        assert_limit(
            &Evidence { pool_wait_share: 0.6, ..closed() },
            LimitedBy::DatabaseConnections,
            Driven::Fully,
        );
    }
}
