//! What a run comes to in money, at the prices that its scenario gives.

use serde::{Deserialize, Serialize};

use super::{Cost, SummaryRow};

/// What is paid for. What has no price costs nothing here.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct PriceList {
    /// The name of the currency, such as `€`.
    pub currency: String,
    /// A GiB of the cache's memory for an hour.
    pub cache_gib_hour: Option<f64>,
    /// A million database reads.
    pub million_database_reads: Option<f64>,
    /// A million database writes.
    pub million_database_writes: Option<f64>,
    /// An instance of the application for an hour.
    pub instance_hour: Option<f64>,
}

const HOURS_A_MONTH: f64 = 730.0;
const SECONDS_AN_HOUR: f64 = 3_600.0;
const MILLION: f64 = 1e6;
const GIB: f64 = (1_u64 << 30) as f64;

impl PriceList {
    /// What a cell costs, from what was measured in it; nothing where no operation was answered, or where the cache has a
    /// price and its memory is not known.
    #[must_use]
    pub fn of(&self, row: &SummaryRow) -> Cost {
        let hour = self.of_an_hour(row);
        let millions_an_hour = row.achieved_per_s * SECONDS_AN_HOUR / MILLION;
        Cost {
            cost_per_million_ops: hour.filter(|_| millions_an_hour > 0.0).map(|hour| hour / millions_an_hour),
            cost_per_month: hour.map(|hour| hour * HOURS_A_MONTH),
        }
    }

    fn of_an_hour(&self, row: &SummaryRow) -> Option<f64> {
        if row.measured_s <= 0.0 {
            return None;
        }
        let hours = row.measured_s / SECONDS_AN_HOUR;
        let millions = |price: Option<f64>, calls: u64| price.unwrap_or(0.0) * calls as f64 / MILLION / hours;
        let cache = match self.cache_gib_hour {
            Some(price) => price * cache_bytes(row)? / GIB,
            None => 0.0,
        };
        Some(
            cache
                + self.instance_hour.unwrap_or(0.0) * f64::from(row.instances)
                + millions(self.million_database_reads, row.calls.db_reads)
                + millions(self.million_database_writes, row.calls.db_writes),
        )
    }
}

/// The memory of a cache that is there and that nobody asks is not paid for: without a cache there is none.
fn cache_bytes(row: &SummaryRow) -> Option<f64> {
    if row.calls.cache_commands == 0 {
        return Some(0.0);
    }
    row.cache.cache_memory_bytes.map(|bytes| bytes as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An hour in which two instances answered two million operations.
    fn row() -> SummaryRow {
        let mut row = SummaryRow {
            measured_s: 3_600.0,
            achieved_per_s: 2e6 / 3_600.0,
            instances: 2,
            ..SummaryRow::default()
        };
        row.calls.db_reads = 500_000;
        row.calls.db_writes = 100_000;
        row.calls.cache_commands = 3_000_000;
        row.cache.cache_memory_bytes = Some(1 << 29);
        row
    }

    fn prices() -> PriceList {
        PriceList {
            currency: "€".into(),
            cache_gib_hour: Some(0.2),
            million_database_reads: Some(1.0),
            million_database_writes: Some(5.0),
            instance_hour: Some(0.1),
        }
    }

    #[track_caller]
    fn assert_costs(cost: Cost, per_million: f64, per_month: f64) {
        let close =
            |value: Option<f64>, wanted: f64| value.is_some_and(|value| (value - wanted).abs() < 1e-9);
        assert!(
            close(cost.cost_per_million_ops, per_million) && close(cost.cost_per_month, per_month),
            "{cost:?}"
        );
    }

    #[test]
    fn a_cost_is_the_sum_of_what_was_measured_times_its_price() {
        // Half a GiB, two instances, half a million reads and a tenth of a million writes.
        let hour = 0.1 + 0.2 + 0.5 + 0.5;
        assert_costs(prices().of(&row()), hour / 2.0, hour * 730.0);
    }

    #[test]
    fn what_has_no_price_costs_nothing() {
        let reads = PriceList { million_database_reads: Some(4.0), ..PriceList::default() };
        assert_costs(reads.of(&row()), 1.0, 2.0 * 730.0);
    }

    #[test]
    fn a_cache_that_nobody_asks_is_not_paid_for_and_one_of_unknown_memory_leaves_the_cost_unknown() {
        let cache = PriceList { cache_gib_hour: Some(2.0), ..PriceList::default() };
        let mut unused = row();
        unused.calls.cache_commands = 0;
        assert_costs(cache.of(&unused), 0.0, 0.0);
        let mut unknown = row();
        unknown.cache.cache_memory_bytes = None;
        assert_eq!(cache.of(&unknown), Cost::default());
    }
}
