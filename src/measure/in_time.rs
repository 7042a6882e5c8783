//! The one rule of what was answered in time, by which a rate is kept up with.
//!
//! What is under way when a stretch of time ends is no sign of a queue as long as it takes no longer than answers usually do. In a
//! queue that grows, what ends last has waited longer than nearly all before it. How an operation ended is no matter here.

use super::window::Window;
use crate::results::Measure;

/// A rate is kept up with where at least this share of what was due ended in time.
pub const KEPT_UP: f64 = 0.99;
/// Usual is what this share of the operations took at the most.
const USUAL: f64 = 0.99;

/// The operations of a stretch of time that ended in time: all that ended `before` its end, and of those that ended `after` it
/// all that took no longer than is usual.
#[must_use]
pub fn ended_in_time(before: &Window, after: &Window) -> u64 {
    let response = |window: &Window| window.latency(Measure::Response, |_, _| true);
    let usual = response(before).map(|nanos| nanos.value_at_quantile(USUAL));
    let under_way = response(after).zip(usual).map(|(nanos, usual)| nanos.count_between(0, usual));
    before.operations() + under_way.unwrap_or(0)
}

/// The share of what was due that ended in time; all of it where nothing was due.
#[must_use]
pub fn share(due: u64, ended: u64) -> f64 {
    if due == 0 { 1.0 } else { ended.min(due) as f64 / due as f64 }
}

/// The miss of a rate that is not kept up with, in words that do not read as if it were; `None` where it is.
#[must_use]
pub fn too_little(share: f64) -> Option<String> {
    let percent = (share * 1e3).floor() / 10.0;
    (share < KEPT_UP).then(|| format!("{percent:.1} % of what was due was answered in time"))
}

/// The miss of a rate at which more operations fail than may be late, where nothing else says how many may; `None` where they do
/// not.
#[must_use]
pub fn too_many_failed(share: f64) -> Option<String> {
    let percent = (share * 1e3).ceil() / 10.0;
    (share > 1.0 - KEPT_UP).then(|| format!("{percent:.1} % of the operations failed"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::measure::Outcome;
    use crate::store::ErrorKind;

    /// Operations that took so many milliseconds each.
    fn window(millis: impl IntoIterator<Item = u64>) -> Window {
        let mut window = Window::new(1);
        for millis in millis {
            window.count(0, Outcome::Miss, millis * 1_000_000, millis * 1_000_000);
        }
        window
    }

    #[test]
    fn a_slow_cell_that_keeps_up_is_in_time_with_what_is_under_way_at_its_end() {
        // A hundred a second for five seconds, each of which takes 95 to 104 ms.
        let millis = |number: u64| 95 + number % 10;
        let (before, after) = (window((0..490).map(millis)), window((0..10).map(millis)));
        assert_eq!(before.operations(), 490);
        assert!(too_little(share(500, before.operations())).is_some(), "they were not under way");
        assert_eq!(too_little(share(500, ended_in_time(&before, &after))), None);
    }

    #[test]
    fn what_waits_at_the_end_of_a_queue_that_grows_is_not_in_time() {
        // Half a millisecond longer with each operation.
        let (before, after) = (window((0..960).map(|at| at / 2)), window((960..1_000).map(|at| at / 2)));
        assert_eq!(ended_in_time(&before, &after), 960);
        assert_eq!(
            too_little(share(1_000, 960)).as_deref(),
            Some("96.0 % of what was due was answered in time")
        );
    }

    #[test]
    fn a_queue_of_the_few_that_miss_the_cache_is_not_hidden_by_the_many_that_hit_it() {
        let hits = |number: u64| std::iter::repeat_n(1, number as usize);
        let before = window(hits(9_000).chain((0..800).map(|at| at / 2)));
        let after = window(hits(5).chain((800..1_000).map(|at| at / 2)));
        assert_eq!(ended_in_time(&before, &after), 9_805);
    }

    #[test]
    fn operations_that_fail_at_once_ended_in_time_and_are_missed_as_failures() {
        let mut failing = window([5; 95]);
        for _ in 0..5 {
            failing.count(0, Outcome::failed(ErrorKind::Denied), 1_000, 1_000);
        }
        assert_eq!(too_little(share(100, ended_in_time(&failing, &Window::default()))), None);
        assert_eq!(too_many_failed(0.05).as_deref(), Some("5.0 % of the operations failed"));
        assert_eq!(too_many_failed(0.01), None);
    }

    #[test]
    fn a_share_is_judged_as_it_is_and_not_as_it_is_written() {
        assert_eq!(
            too_little(0.9896).as_deref(),
            Some("98.9 % of what was due was answered in time"),
            "99.0 % would read as a pass"
        );
        assert_eq!((too_little(0.98999).is_some(), too_little(0.99)), (true, None));
        assert_eq!(too_many_failed(0.01001).as_deref(), Some("1.1 % of the operations failed"));
    }

    #[test]
    fn where_nothing_is_due_nothing_is_missed() {
        assert_eq!(too_little(share(0, 0)), None);
    }
}
