//! The table `[cost]`: what is paid for.

use crate::results::PriceList;
use crate::scenario::PositiveNumber;

crate::settings! {
    /// The table `[cost]`.
    pub struct CostSettings {
        /// the name of the currency, as in "€"
        currency: String = String::new(),
        /// what a GiB of the cache's memory costs an hour
        cache_gib_hour: Option<PositiveNumber> = None,
        /// what a million database reads cost
        million_database_reads: Option<PositiveNumber> = None,
        /// what a million database writes cost
        million_database_writes: Option<PositiveNumber> = None,
        /// what an instance of the application costs an hour
        instance_hour: Option<PositiveNumber> = None,
    }
}

impl CostSettings {
    /// The prices; `None` where nothing has one.
    #[must_use]
    pub fn prices(&self) -> Option<PriceList> {
        let price = |of: Option<PositiveNumber>| of.map(|of| of.0);
        let prices = PriceList {
            currency: self.currency.clone(),
            cache_gib_hour: price(self.cache_gib_hour),
            million_database_reads: price(self.million_database_reads),
            million_database_writes: price(self.million_database_writes),
            instance_hour: price(self.instance_hour),
        };
        let nothing = PriceList { currency: prices.currency.clone(), ..PriceList::default() };
        (prices != nothing).then_some(prices)
    }
}

#[cfg(test)]
mod tests {
    use crate::run::plan::{Plan, PlanError, PlanOptions};

    fn plan(text: &str) -> Result<Plan, PlanError> {
        let text = format!("strategies = [\"cache-aside\"]\ntopologies = [\"embedded\"]\n{text}");
        Plan::parse("test", "test.toml", &text, &PlanOptions::default())
    }

    #[test]
    fn prices_are_those_that_are_written_and_there_are_none_without_any() {
        let given = plan("[cost]\ncurrency = \"€\"\ncache_gib_hour = 0.05\n").unwrap();
        let prices = given.scenario.cost.prices().unwrap();
        assert_eq!((prices.currency.as_str(), prices.cache_gib_hour), ("€", Some(0.05)));
        assert_eq!(prices.instance_hour, None);
        assert_eq!(plan("[cost]\ncurrency = \"€\"\n").unwrap().scenario.cost.prices(), None);
        assert_eq!(plan("").unwrap().scenario.cost.prices(), None);
    }

    #[test]
    fn a_price_below_nothing_is_refused_and_so_is_one_that_nothing_is_measured_for() {
        for text in ["[cost]\ncache_gib_hour = -1\n", "[cost]\ntraffic_gib = 0.1\n"] {
            assert!(matches!(plan(text), Err(PlanError::Invalid(_))), "{text}");
        }
    }

    #[test]
    fn a_requirement_on_the_cost_needs_a_price() {
        let required = "[requirements]\ncost = \"<2.5\"\n";
        let Err(PlanError::Invalid(invalid)) = plan(required) else { panic!("no price is given") };
        assert!(invalid.mistakes[0].message.contains("no price"), "{:?}", invalid.mistakes);
        assert!(plan(&format!("{required}[cost]\ninstance_hour = 0.1\n")).is_ok());
    }
}
