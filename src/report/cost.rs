//! What strategies cost at the prices of the scenario, and the quantities that anyone can multiply by their own.

use maud::{Markup, html};

use super::answer::{NEAR, few, few_phrases, leaders};
use super::candidates::{candidates, sound_reference};
use super::format;
use super::group::{Group, StrategyRepeats};
use super::headline::NONE;
use super::table::{PageTable, TableColumn, figures, words};
use crate::model::stats::paired_ratio;
use crate::results::{Criterion, PriceList, named};

/// Who is cheapest, in a sentence.
#[derive(Debug, PartialEq, Eq)]
pub struct Cheapest {
    /// True if it is no cache alone, so that any cache costs more.
    pub is_no_cache: bool,
    /// The sentence.
    pub text: String,
}

/// The cheapest of no cache and the strategies that may be proposed; `None` without prices, or of a single strategy. No cache is none
/// of them where the database cannot do all that it is asked for: what is left undone costs nothing.
#[must_use]
pub fn cheapest(group: &Group<'_>) -> Option<Cheapest> {
    let prices = group.results.run.prices.as_ref()?;
    let figure = named("cost")?;
    let mut entries = candidates(group);
    entries.extend(sound_reference(group));
    let leading: Vec<&StrategyRepeats<'_>> =
        leaders(&entries, figure).into_iter().map(|at| entries[at]).collect();
    leading.first()?;
    let risky: Vec<&str> =
        leading.iter().filter(|entry| holds_back(entry)).map(|entry| entry.label).collect();
    let risk = if risky.is_empty() {
        String::new()
    } else {
        let hold = if risky.len() == 1 { "holds" } else { "hold" };
        format!(" The price leaves out what a crash would lose: {} {hold} writes back.", few(&risky))
    };
    let is_no_cache = matches!(leading.as_slice(), [only] if only.is_reference());
    let text = match leading.as_slice() {
        [only] if only.is_reference() => format!(
            "{} is cheapest: {}.{}",
            only.label,
            money(prices, figure, only),
            least_with_a_cache(group, prices, figure)
        ),
        [only] => format!(
            "{} is cheapest: {}{}.{risk}",
            only.label,
            money(prices, figure, only),
            against_reference(group, figure, only)
        ),
        several => format!("{}{risk}", shared_lead(several, prices, figure)),
    };
    let left_out = reference(group).filter(|_| sound_reference(group).is_none());
    let left_out = left_out.map_or_else(String::new, |entry| {
        format!(" {} is not among them, as it did not do all that was asked of it.", entry.label)
    });
    Some(Cheapest { is_no_cache, text: text + &left_out })
}

/// Those that share the lead, each with its own figure: that no difference is shown may be for want of repeats.
fn shared_lead(several: &[&StrategyRepeats<'_>], prices: &PriceList, figure: &Criterion) -> String {
    let costs: Vec<(&str, f64)> =
        several.iter().filter_map(|entry| Some((entry.label, figure.of(entry)?.value))).collect();
    let least = costs.first().map_or(0.0, |(_, cost)| *cost);
    let (near, far): (Vec<_>, Vec<_>) = costs.into_iter().partition(|(_, cost)| *cost <= NEAR * least);
    let each = |some: &[(&str, f64)]| -> String {
        let each =
            some.iter().map(|(label, cost)| format!("{} ({})", format::quoted(label), amount(prices, *cost)));
        few_phrases(&each.collect::<Vec<_>>())
    };
    let what = match near.as_slice() {
        [_] => "Cheapest for a million operations as far as was seen",
        _ => "Cheapest for a million operations, with no difference shown between them",
    };
    let unsure = if far.is_empty() {
        String::new()
    } else {
        format!(" Repeats do not tell {} from that, as they differ too much among themselves.", each(&far))
    };
    format!("{what}: {}.{unsure}", each(&near))
}

fn reference<'a, 'b>(group: &'a Group<'b>) -> Option<&'a StrategyRepeats<'b>> {
    group.entries.iter().find(|entry| entry.is_reference() && !entry.measured.is_empty())
}

/// What a cache costs at least, where none is cheapest.
fn least_with_a_cache(group: &Group<'_>, prices: &PriceList, figure: &Criterion) -> String {
    let costs = candidates(group).into_iter().filter_map(|entry| Some((entry, figure.of(entry)?.value)));
    let least = costs.min_by(|a, b| figure.better.order(a.1, b.1));
    least.map_or_else(String::new, |(entry, cost)| {
        let against = against_reference(group, figure, entry);
        format!(" The least with a cache is {} of {}{against}.", amount(prices, cost), entry.label)
    })
}

fn holds_back(entry: &StrategyRepeats<'_>) -> bool {
    named("at_risk").and_then(|figure| figure.of(entry)).is_some_and(|of| of.value > 0.0)
}

/// `1.23 € for a million operations (1.2 to 1.26, n = 5) and 4,850 € a month at this rate`.
fn money(prices: &PriceList, figure: &Criterion, entry: &StrategyRepeats<'_>) -> String {
    let amount = |value| amount(prices, value);
    let Some(of) = figure.of(entry) else { return NONE.into() };
    let interval = of.interval.map_or_else(String::new, |interval| {
        format!("{} to {}, ", format::money(interval.low), format::money(interval.high))
    });
    let month = named("cost.month").and_then(|figure| figure.of(entry));
    let month =
        month.map_or_else(String::new, |of| format!(" and {} a month at this rate", amount(of.value)));
    format!("{} for a million operations ({interval}n = {}){month}", amount(of.value), of.repeats)
}

fn amount(prices: &PriceList, value: f64) -> String {
    format!("{} {}", format::money(value), prices.currency).trim_end().to_owned()
}

fn against_reference(group: &Group<'_>, figure: &Criterion, entry: &StrategyRepeats<'_>) -> String {
    let against = sound_reference(group).and_then(|reference| {
        let dearer = paired_ratio(&figure.by_block(reference), &figure.by_block(entry))?;
        let (ratio, word) = if dearer.estimate >= 1.0 {
            (dearer, "less")
        } else {
            (paired_ratio(&figure.by_block(entry), &figure.by_block(reference))?, "more")
        };
        Some(format!(" ({})", ratio.times(&format!("{word} than {}", reference.label))))
    });
    against.unwrap_or_default()
}

/// How a value is written.
type Show = fn(f64) -> String;

/// The quantities that are paid for, each with its heading, and how it is shown of a million operations.
const QUANTITIES: [(TableColumn, &str, Show); 4] = [
    (figures("cache memory"), "cache.memory", |bytes| format::bytes(bytes.max(0.0) as u64)),
    (figures("database reads"), "database.reads_per_op", of_a_million),
    (figures("database writes"), "database.writes_per_op", of_a_million),
    (figures("cache commands"), "cache.commands_per_op", of_a_million),
];

fn of_a_million(per_operation: f64) -> String {
    format::count(per_operation * 1e6)
}

/// What each strategy takes, and what that costs where the scenario gives prices.
#[must_use]
pub fn section(group: &Group<'_>) -> Markup {
    let prices = group.results.run.prices.as_ref();
    let mut columns = vec![words("strategy")];
    columns.extend(QUANTITIES.map(|(column, _, _)| column));
    columns.push(figures("instances"));
    columns.extend(prices.map(|_| figures("cost of a million operations")));
    columns.extend(prices.map(|_| figures("cost a month")));
    let mut table =
        PageTable::new("What each strategy takes, by a million operations that were answered", columns);
    for entry in group.entries.iter().filter(|entry| !entry.measured.is_empty()) {
        let value = |name: &str| named(name).and_then(|figure| figure.of(entry)).map(|of| of.value);
        let written = |name: &str, show: Show| value(name).map_or_else(|| NONE.into(), show);
        let mut cells = vec![entry.label.to_owned()];
        cells.extend(QUANTITIES.map(|(_, name, show)| written(name, show)));
        cells.push(entry.measured.first().map_or_else(|| NONE.into(), |row| row.instances.to_string()));
        cells.extend(prices.map(|_| written("cost", format::money)));
        cells.extend(prices.map(|_| written("cost.month", format::money)));
        table.add(&cells);
    }
    html! {
        details {
            summary { "What each strategy takes" @if prices.is_some() { " and costs" } }
            p { "Reads, writes and commands are for each million operations that were answered, and those of operations that failed are among \
                them; multiply by prices of your own." }
            @if let Some(prices) = prices { p { (in_words(prices)) } }
            (table.html())
        }
    }
}

/// The prices in a sentence.
fn in_words(prices: &PriceList) -> String {
    let all = [
        ("a GiB of cache memory an hour", prices.cache_gib_hour),
        ("a million database reads", prices.million_database_reads),
        ("a million database writes", prices.million_database_writes),
        ("an instance of the application an hour", prices.instance_hour),
    ];
    let part = |(what, price): (&str, Option<f64>)| {
        price.map(|price| format!("{what} {price} {}", prices.currency).trim_end().to_owned())
    };
    let parts: Vec<String> = all.into_iter().filter_map(part).collect();
    format!(
        "Prices of the scenario: {}. What has no price is not in the cost; a month has 730 hours.",
        format::list(&parts)
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::group::groups;
    use crate::report::made_up::run_of;
    use crate::results::{Results, Status, SummaryRow};

    fn row(label: &str, block: u32, cost: f64) -> SummaryRow {
        let mut row = run_of(label, block);
        row.cost.cost_per_million_ops = Some(cost * (1.0 + f64::from(block) / 100.0));
        row.cost.cost_per_month = Some(cost * 1_000.0);
        row
    }

    fn told(rows: &[(&str, f64)], currency: &str) -> Option<String> {
        let mut results = Results::default();
        for block in 1..=4 {
            results.summary.extend(rows.iter().map(|(label, cost)| row(label, block, *cost)));
        }
        results.run.prices =
            Some(PriceList { currency: currency.into(), instance_hour: Some(1.0), ..PriceList::default() });
        let groups = groups(&results).unwrap();
        let cheapest = cheapest(&groups[0])?;
        assert_eq!(cheapest.is_no_cache, cheapest.text.starts_with("no-cache is cheapest"));
        Some(cheapest.text)
    }

    #[test]
    fn the_cheapest_is_told_with_its_interval_the_month_and_by_how_much_it_is_less_than_no_cache() {
        let told = told(&[("no-cache", 4.0), ("cache-aside", 2.0), ("read-through", 3.0)], "€").unwrap();
        for part in [
            "cache-aside is cheapest: 2.05 € for a million operations (",
            "n = 4",
            "2,000 € a month",
            "2 ± 0.01 × less than no-cache, n = 4",
        ] {
            assert!(told.contains(part), "{part} in {told}");
        }
    }

    #[test]
    fn where_no_cache_is_cheapest_that_is_told_with_what_a_cache_costs_at_least() {
        let told = told(&[("no-cache", 2.0), ("cache-aside", 4.0), ("read-through", 6.0)], "€").unwrap();
        for part in [
            "no-cache is cheapest: 2.05 € for a million operations (",
            "The least with a cache is 4.1 € of cache-aside (2 ",
            "× more than no-cache, n = 4).",
        ] {
            assert!(told.contains(part), "{part} in {told}");
        }
        let alike = self::told(&[("no-cache", 2.0), ("cache-aside", 2.0)], "").unwrap();
        assert!(alike.contains("no-cache (2.05)") && alike.contains("cache-aside (2.05)"), "{alike}");
    }

    #[test]
    fn no_cache_is_not_cheapest_where_the_database_does_not_do_all_that_is_asked_of_it() {
        let mut results = Results::default();
        for block in 1..=4 {
            let costs = [("no-cache", 1.0), ("cache-aside", 2.0), ("read-through", 3.0)];
            results.summary.extend(costs.map(|(label, cost)| row(label, block, cost)));
        }
        let no_cache = results.summary.iter_mut().filter(|row| row.strategy == "no-cache");
        no_cache.for_each(|row| row.status = Status::Overloaded);
        results.run.prices = Some(PriceList { instance_hour: Some(1.0), ..PriceList::default() });
        let told = cheapest(&groups(&results).unwrap()[0]).unwrap();
        assert!(!told.is_no_cache && told.text.starts_with("cache-aside is cheapest: "), "{told:?}");
        assert!(
            told.text.ends_with(" no-cache is not among them, as it did not do all that was asked of it."),
            "{told:?}"
        );
        assert!(!told.text.contains("than no-cache"), "{told:?}");
        // Where something was broken on purpose, operations fail with all of them.
        for row in &mut results.summary {
            (row.status, row.outages.read_outage_s, row.answers.errors) = (Status::Ok, Some(1.0), 30);
        }
        let told = cheapest(&groups(&results).unwrap()[0]).unwrap();
        assert!(told.is_no_cache && !told.text.contains("not among them"), "{told:?}");
    }

    #[test]
    fn what_costs_far_more_in_repeats_that_differ_much_is_not_among_the_cheapest() {
        let mut results = Results::default();
        for (block, cost) in (1..=3).zip([2.0, 40.0, 9.0]) {
            results.summary.extend([row("cache-aside", block, 2.0), row("write-behind", block, cost)]);
        }
        results.run.prices = Some(PriceList { instance_hour: Some(1.0), ..PriceList::default() });
        let told = cheapest(&groups(&results).unwrap()[0]).unwrap().text;
        assert!(
            told.starts_with("Cheapest for a million operations as far as was seen: cache-aside (2.04). Repeats do not tell write-behind ("),
            "{told}"
        );
    }

    #[test]
    fn strategies_that_cost_the_same_share_the_lead_and_without_prices_nothing_is_said() {
        let alike = told(&[("cache-aside", 2.0), ("read-through", 2.0)], "").unwrap();
        assert!(
            alike.starts_with(
                "Cheapest for a million operations, with no difference shown between them: cache-aside (2.05)"
            ),
            "{alike}"
        );
        let results = Results { summary: vec![row("cache-aside", 1, 2.0)], ..Results::default() };
        assert_eq!(cheapest(&groups(&results).unwrap()[0]), None);
    }
}
