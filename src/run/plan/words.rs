//! The workload of a scenario in a sentence, for whoever reads the results and has not seen the scenario.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use super::settings::CacheAtStart;
use super::{Cell, Plan, Scenario};
use crate::base::secrets::strike_typed;
use crate::base::units::{ByteSize, Share, show_duration};
use crate::load::workload::{ValueSizes, WorkloadSettings};
use crate::scenario::{Setting as _, Settings as _};
use crate::topology::ttl::CacheTtl;

impl Plan {
    /// Such as "20 000 documents of 500 B · 95 % reads · 1 500 operations a second at 2 instances, Zipf 0.99 · cache for
    /// 20 %, TTL 1h, allkeys-lru".
    #[must_use]
    pub fn workload_in_words(&self) -> String {
        let scenario = &self.scenario;
        let documents = grouped(scenario.dataset.keys.get());
        let mut parts = vec![
            format!("{documents} documents of {}", size(&scenario.dataset.value_size)),
            operations_in_words(scenario),
            load_in_words(scenario),
        ];
        let room = self.room_in_words();
        let ttl = ttl_in_words(scenario);
        let met = match scenario.run.cache {
            CacheAtStart::Warmed => "",
            CacheAtStart::Cold => ", empty when measuring begins",
            CacheAtStart::Restored => ", restarted with what it kept on disk before measuring begins",
        };
        parts.push(format!("{room}, {ttl}{met}"));
        for phase in &scenario.phases {
            parts.push(format!("{}: {}", phase.name, phase.in_words(scenario.workload.reads)));
        }
        for fault in &scenario.faults {
            let lasts =
                fault.lasts.map_or_else(String::new, |lasts| format!(" for {}", show_duration(lasts.0)));
            let (kind, target) = (fault.spec.name(), fault.target.name());
            parts.push(format!("{kind} of {target} at {}{lasts}", show_duration(fault.at)));
        }
        for key in self.swept_keys() {
            parts.push(format!("{key} is swept over {}", self.swept_values(&key).join(", ")));
        }
        parts.join(" · ")
    }

    /// The values that a swept key takes in turn.
    fn swept_values(&self, key: &str) -> Vec<&str> {
        let mut values: Vec<&str> = Vec::new();
        let swept = self.variants.iter().flat_map(|(swept, _)| swept).filter(|(swept, _)| swept == key);
        for (_, value) in swept {
            if !values.contains(&value.as_str()) {
                values.push(value);
            }
        }
        values
    }

    /// How large the cache is, and where, if some of the topologies do not obey that.
    fn room_in_words(&self) -> String {
        let cache = &self.scenario.cache;
        let Some(capacity) = &cache.capacity else { return "a cache without a limit".into() };
        let ignores = |cell: &&Cell| cell.ignored.iter().any(|ignored| ignored.key == "cache.capacity");
        let (ignoring, obeying): (Vec<&Cell>, Vec<&Cell>) = self.cells.iter().partition(ignores);
        if obeying.is_empty() {
            return "a cache as large as its servers make it".into();
        }
        let topologies: BTreeSet<&str> = obeying.iter().map(|cell| cell.topology.label.as_str()).collect();
        let on = if ignoring.is_empty() {
            String::new()
        } else {
            format!(" on {}", topologies.into_iter().collect::<Vec<_>>().join(", "))
        };
        format!("a cache for {}, {}{on}", unquoted(&capacity.show()), unquoted(&cache.eviction.show()))
    }
}

/// Such as "95 % reads".
fn operations_in_words(scenario: &Scenario) -> String {
    match &scenario.workload.trace {
        Some(path) => format!("the operations of the trace {path}"),
        None if scenario.is_catalog() => {
            let reads =
                format!("{} % reads{}", tidy(scenario.workload.reads.percent()), lives_in_words(scenario));
            let keys = scenario.workload.keys_per_read;
            if keys.is_batch() {
                format!("{reads}, each of {} documents together", keys.get())
            } else {
                reads
            }
        }
        None => format!("the operations of {}", scenario.application.spec.name()),
    }
}

/// Such as " (of the writes 30 % insert and 20 % delete; half of the documents are there at first)"; empty where all
/// documents are there all the time.
fn lives_in_words(scenario: &Scenario) -> String {
    let (workload, loaded) = (&scenario.workload, scenario.dataset.loaded);
    let each = [(workload.inserts, "insert"), (workload.deletes, "delete")];
    let each = each.iter().filter(|(share, _)| *share > Share::NONE);
    let each: Vec<String> = each.map(|(share, what)| format!("{} % {what}", tidy(share.percent()))).collect();
    let mut parts = Vec::new();
    if !each.is_empty() {
        parts.push(format!("of the writes {}", each.join(" and ")));
    }
    if loaded < Share::ALL {
        parts.push(format!("{} % of the documents are there at first", tidy(loaded.percent())));
    }
    if parts.is_empty() { String::new() } else { format!(" ({})", parts.join("; ")) }
}

/// Such as "1,500 operations a second (poisson) at 2 instances, Zipf 0.99".
fn load_in_words(scenario: &Scenario) -> String {
    let workload = &scenario.workload;
    let instances = format!("{} instances", grouped(workload.instances.get()));
    let clients = format!("{} clients of {instances}", grouped(workload.clients.get()));
    let taken_by = match workload.max_in_flight {
        _ if !scenario.shares_arrivals() => format!("from {clients}"),
        Some(most) => format!("at {instances}, at most {} at once", grouped(most.get())),
        None => format!("at {instances}"),
    };
    let keys = match &workload.trace {
        Some(_) => String::new(),
        None => format!(", {}", scenario.distribution.in_words()),
    };
    let arrivals = unquoted(&workload.arrivals.show());
    match workload.rate_per_second.map(|rate| rate.0) {
        None => format!("{clients}, each as fast as it is answered{keys}"),
        Some(_) if !scenario.phases.is_empty() => {
            format!("a rate that changes ({arrivals}) {taken_by}{keys}")
        }
        Some(rate) if let Some(speed) = workload.speed => {
            let times = match speed.0 {
                speed if (speed - 1.0).abs() < f64::EPSILON => String::new(),
                speed => format!(", {} times as fast", tidy(speed)),
            };
            format!("as they happened{times}, {} a second in the mean, {taken_by}", tidy(rate))
        }
        Some(rate) if scenario.search.is_some() => format!(
            "the highest rate that holds, looked for from {} operations a second on ({arrivals}), {taken_by}{keys}",
            tidy(rate)
        ),
        Some(rate) => format!("{} operations a second ({arrivals}) {taken_by}{keys}", tidy(rate)),
    }
}

fn unquoted(text: &str) -> String {
    text.trim_matches('"').to_owned()
}

/// Every setting of a scenario, whether it was given or left at its default, a table after another; without secrets.
#[must_use]
pub fn settings(scenario: &Scenario) -> String {
    let workload = WorkloadSettings { rate_per_second: scenario.written_rate, ..scenario.workload.clone() };
    let mut tables = vec![
        ("[dataset]", scenario.dataset.show()),
        ("[workload]", workload.show()),
        ("[workload.keys]", scenario.distribution.show_named()),
    ];
    tables.extend(scenario.load_tables.iter().cloned());
    tables.extend([
        ("[cache]", scenario.cache.show()),
        ("[database]", scenario.database.show()),
        ("[network]", scenario.network.show()),
        ("[run]", scenario.run.show()),
        ("[run.pin]", scenario.pin.show()),
        ("[cost]", scenario.cost.show()),
    ]);
    // Writing to a string does not fail.
    let mut text = String::new();
    for (table, settings) in tables {
        let _ = writeln!(text, "{table}");
        for (name, value) in settings {
            let _ = writeln!(text, "{name} = {value}");
        }
        text.push('\n');
    }
    for strategy in &scenario.strategies {
        let _ = writeln!(text, "[strategy {}]", strategy.label);
        for (name, value) in strategy.spec.show() {
            let _ = writeln!(text, "{name} = {value}");
        }
        text.push('\n');
    }
    strike_typed(text.trim_end())
}

fn ttl_in_words(scenario: &Scenario) -> String {
    let unknown = match scenario.cache.ttl {
        None => return "no TTL".into(),
        Some(CacheTtl::Fixed(ttl)) => return format!("TTL {}", show_duration(ttl.0)),
        Some(CacheTtl::Trace { unknown }) => unknown,
    };
    let speed = scenario.workload.speed.map_or(1.0, |speed| speed.0);
    let speed = match speed {
        _ if (speed - 1.0).abs() < f64::EPSILON => String::new(),
        _ if speed > 1.0 => format!(", {} times as short", tidy(speed)),
        _ => format!(", {} times as long", tidy(1.0 / speed)),
    };
    let otherwise = unknown.map_or_else(|| "none".into(), |ttl| show_duration(ttl.0));
    format!("TTL as in the trace{speed}, {otherwise} where it tells nothing")
}

fn size(sizes: &ValueSizes) -> String {
    match sizes {
        ValueSizes::Fixed(size) => size.to_string(),
        ValueSizes::Uniform { min, max } => format!("{min} to {max}"),
        ValueSizes::Lognormal { median, max, .. } => format!("{median} in the median and {max} at most"),
        ValueSizes::File(file) => format!("sizes as in {}", file.path),
        ValueSizes::Trace(trace) => {
            format!("sizes as in the trace, {} in the mean", ByteSize(trace.mean_bytes().round() as u64))
        }
    }
}

/// Without digits that say nothing.
fn tidy(number: f64) -> String {
    if number.fract() == 0.0 && number.abs() < 1e15 {
        grouped(number as u64)
    } else {
        let text = format!("{number:.3}");
        text.trim_end_matches('0').trim_end_matches('.').to_owned()
    }
}

/// Thousands apart.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use crate::run::plan::{Plan, PlanOptions};

    fn words(text: &str) -> String {
        words_on("\"single\"", text)
    }

    fn words_on(topologies: &str, text: &str) -> String {
        let text = format!("strategies = [\"cache-aside\"]\ntopologies = [{topologies}]\n{text}");
        Plan::parse("test", "test.toml", &text, &PlanOptions::default()).unwrap().workload_in_words()
    }

    #[test]
    fn an_open_loop_is_told_with_its_rate_and_its_cache() {
        let text = "[dataset]\nkeys = 20000\n[workload]\nrate_per_second = 1500\nclients = 1000\n[cache]\ncapacity = \"20%\"\nttl = \"1h\"\n";
        assert_eq!(
            words(text),
            "20,000 documents of 500B · 95 % reads · 1,500 operations a second (poisson) at 2 instances, \
             Zipf 0.99 · a cache for 20%, allkeys-lru, TTL 1h"
        );
    }

    #[test]
    fn an_open_loop_tells_who_takes_its_arrivals_where_not_everybody_may() {
        let text = |more: &str| words(&format!("[workload]\nrate_per_second = 1500\nclients = 1000\n{more}"));
        assert!(text("max_in_flight = 1200").contains("at 2 instances, at most 1,200 at once, Zipf"));
        assert!(text("queue = \"client\"").contains("from 1,000 clients of 2 instances, Zipf"));
    }

    #[test]
    fn a_search_is_told_as_one_and_every_table_of_the_load_is_among_the_settings() {
        let search = "[search]\nfrom_per_second = 1500\n";
        let told = words(search);
        assert!(
            told.contains("the highest rate that holds, looked for from 1,500 operations a second on"),
            "{told}"
        );
        let settings = |text: &str| {
            let text = format!("strategies = [\"cache-aside\"]\ntopologies = [\"single\"]\n{text}");
            let plan = Plan::parse("test", "test.toml", &text, &PlanOptions::default()).unwrap();
            super::settings(&plan.scenario)
        };
        let of_search = settings(search);
        assert!(of_search.contains("[search]\nfrom_per_second = 1500\n"), "{of_search}");
        assert!(of_search.contains("most_runs = 25") && !of_search.contains("rate_per_second = 1500"));
        let staircase = settings("[staircase]\nfrom_per_second = 5\nto_per_second = 9\n");
        assert!(
            staircase.contains("[staircase]\nfrom_per_second = 5\n") && staircase.contains("drain = \"2s\"")
        );
        let phases = settings("[[phase]]\nduration = \"5s\"\nrate_per_second = 7\n");
        assert!(phases.contains("[[phase]]\nname = ") && phases.contains("rate_per_second = 7"), "{phases}");
        assert!(settings("[workload]\nrate_per_second = 7\n").contains("rate_per_second = 7"));
    }

    #[test]
    fn a_capacity_is_told_only_of_topologies_that_obey_it() {
        let (there, cache) =
            ("{ name = \"single\", url = \"redis://localhost/\" }", "[cache]\ncapacity = \"20%\"\n");
        let outside = words_on(there, cache);
        assert!(outside.contains("a cache as large as its servers make it, TTL 1h"), "{outside}");
        let both = words_on(&format!("{there}, \"embedded\""), cache);
        assert!(both.contains("a cache for 20%, allkeys-lru on embedded, TTL 1h"), "{both}");
    }

    #[test]
    fn reads_of_several_documents_are_told_as_such() {
        let words = words("[workload]\nreads = 0.9\nkeys_per_read = 20\n");
        assert!(words.contains("90 % reads, each of 20 documents together · "), "{words}");
    }

    #[test]
    fn an_application_has_operations_of_its_own_and_no_share_of_reads() {
        let words = words("application = \"sessions\"\n");
        assert!(words.contains("the operations of sessions") && !words.contains("% reads"), "{words}");
    }

    #[test]
    fn a_closed_loop_has_no_rate_and_what_is_broken_is_told() {
        let text = "[workload]\nreads = 0.5\n[[fault]]\nkind = \"flush\"\nat = \"3s\"\n";
        let words = words(text);
        assert!(
            words.contains("50 % reads · 64 clients of 2 instances, each as fast as it is answered"),
            "{words}"
        );
        assert!(words.contains("flush") && words.contains("3s"), "{words}");
    }
}
