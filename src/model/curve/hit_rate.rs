//! The curve: what hit rate each capacity has, and what capacity a hit rate needs.

use super::CacheSize;
use crate::model::eviction::PolicyKind;

/// Hit rate against capacity under one policy.
#[derive(Debug, Clone, PartialEq)]
pub struct Curve {
    /// The policy.
    pub policy: PolicyKind,
    /// The simulated points, the smallest capacity first.
    pub points: Vec<Point>,
}

/// The result of one capacity.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Point {
    /// How much fits.
    pub capacity: CacheSize,
    /// Reads in the whole stream.
    pub reads: u64,
    /// Reads that hit: counted, or estimated where keys were sampled.
    pub hits: u64,
    /// The bytes of what was read; `None` where they were not looked at.
    pub bytes: Option<ByteCounts>,
}

/// The bytes of the objects that reads asked for, their keys included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ByteCounts {
    /// Of all reads.
    pub read: u64,
    /// Of those that hit.
    pub hit: u64,
}

impl ByteCounts {
    /// The bytes that hit over those that were read; 0 where nothing was.
    #[must_use]
    pub fn hit_rate(self) -> f64 {
        if self.read == 0 { 0.0 } else { self.hit as f64 / self.read as f64 }
    }
}

impl Point {
    /// Hits over reads; 0 where nothing was read.
    #[must_use]
    pub fn hit_rate(&self) -> f64 {
        if self.reads == 0 { 0.0 } else { self.hits as f64 / self.reads as f64 }
    }
}

/// No simulated capacity has the hit rate that was asked for.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
#[error(
    "no simulated capacity reaches a hit rate of {:.2} % under {policy}: the best is {:.2} %, at {}",
    target * 100.0, best * 100.0, capacity.map_or_else(|| "0 entries".to_owned(), |size| size.to_string())
)]
pub struct NotReached {
    /// Under which policy.
    pub policy: PolicyKind,
    /// The hit rate asked for, as a share.
    pub target: f64,
    /// The best there is, as a share.
    pub best: f64,
    /// The smallest capacity that has it; `None` where none was simulated.
    pub capacity: Option<CacheSize>,
}

impl Curve {
    /// The smallest capacity whose hit rate is the target (a share) or more. Between two simulated
    /// capacities the curve is taken to be straight; below the smallest nothing is known, so that the
    /// answer is never smaller.
    pub fn capacity_for(&self, target: f64) -> Result<CacheSize, NotReached> {
        let Some(reached) = self.points.iter().position(|point| point.hit_rate() >= target) else {
            return Err(self.not_reached(target));
        };
        let above = self.points[reached];
        let below = reached.checked_sub(1).map(|before| self.points[before]);
        Ok(below.map_or(above.capacity, |below| between(below, above, target)))
    }

    fn not_reached(&self, target: f64) -> NotReached {
        let better = |best: Option<Point>, point: &Point| match best {
            Some(best) if best.hit_rate() >= point.hit_rate() => Some(best),
            _ => Some(*point),
        };
        let best = self.points.iter().fold(None, better);
        NotReached {
            policy: self.policy,
            target,
            best: best.map_or(0.0, |point| point.hit_rate()),
            capacity: best.map(|point| point.capacity),
        }
    }
}

/// The capacity at which the line from one point to the next, which reaches the target, does so.
fn between(below: Point, above: Point, target: f64) -> CacheSize {
    let share = (target - below.hit_rate()) / (above.hit_rate() - below.hit_rate());
    let step = ((above.capacity.get() - below.capacity.get()) as f64 * share).ceil() as u64;
    above.capacity.at_most(below.capacity.get().saturating_add(step))
}

#[cfg(test)]
mod tests {
    use std::num::{NonZeroU32, NonZeroU64};

    use super::*;

    fn curve(points: &[(u32, u64)]) -> Curve {
        let point = |&(capacity, hits)| Point {
            capacity: CacheSize::Entries(NonZeroU32::new(capacity).expect("one or more")),
            reads: 1000,
            hits,
            bytes: None,
        };
        Curve { policy: PolicyKind::Lru, points: points.iter().map(point).collect() }
    }

    fn capacity_for(points: &[(u32, u64)], target: f64) -> Result<u64, NotReached> {
        curve(points).capacity_for(target).map(CacheSize::get)
    }

    #[test]
    fn a_target_between_two_points_is_interpolated() {
        assert_eq!(capacity_for(&[(100, 400), (200, 600)], 0.5), Ok(150));
        assert_eq!(capacity_for(&[(100, 400), (200, 600)], 0.6), Ok(200));
        assert_eq!(capacity_for(&[(100, 400), (200, 600)], 0.4), Ok(100));
    }

    #[test]
    fn a_curve_over_bytes_is_answered_in_bytes() {
        let point = |bytes, hits| Point {
            capacity: CacheSize::Bytes(NonZeroU64::new(bytes).expect("some")),
            reads: 1000,
            hits,
            bytes: Some(ByteCounts { read: 8000, hit: 6000 }),
        };
        let curve = Curve { policy: PolicyKind::Lru, points: vec![point(1 << 20, 400), point(3 << 20, 600)] };
        let needed = curve.capacity_for(0.5).expect("it is reached");
        assert_eq!((needed.to_string(), needed.figure()), ("2MiB".into(), "2MiB".into()));
        let error = curve.capacity_for(0.9).expect_err("none reaches it").to_string();
        assert!(error.ends_with("60.00 %, at 3MiB"), "{error}");
        assert!((curve.points[0].bytes.expect("known").hit_rate() - 0.75).abs() < f64::EPSILON);
    }

    #[test]
    fn a_capacity_is_rounded_up() {
        assert_eq!(capacity_for(&[(10, 0), (20, 1000)], 0.501), Ok(16));
    }

    #[test]
    fn below_the_smallest_capacity_nothing_is_guessed() {
        assert_eq!(capacity_for(&[(100, 400), (200, 600)], 0.1), Ok(100));
    }

    #[test]
    fn a_curve_that_falls_is_answered_where_it_first_reaches_the_target() {
        assert_eq!(capacity_for(&[(10, 100), (20, 500), (30, 300), (40, 600)], 0.5), Ok(20));
    }

    #[test]
    fn a_target_that_no_capacity_reaches_is_answered_with_the_best_there_is() {
        let error = capacity_for(&[(100, 400), (200, 600), (300, 600)], 0.9).expect_err("none reaches it");
        assert_eq!(
            error.to_string(),
            "no simulated capacity reaches a hit rate of 90.00 % under lru: the best is 60.00 %, at 200 entries"
        );
    }

    #[test]
    fn a_curve_without_points_reaches_nothing() {
        assert!(capacity_for(&[], 0.0).is_err());
    }
}
