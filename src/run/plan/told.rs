//! A trace's word on the sizes of documents and the times to live of entries, and the use that a scenario makes of it.

use std::time::Duration;

use super::scenario::Scenario;
use super::settings::DatasetSettings;
use crate::application::catalog::Products;
use crate::base::units::{ByteSize, show_duration};
use crate::load::workload::{KeyColumn, Recording, TraceSizes, ValueSizes, WorkloadSettings};
use crate::scenario::{Mistake, Reader, Setting as _};
use crate::strategy::StrategySpec;
use crate::strategy::source::{TimesToLive, TtlTable};
use crate::topology::servers::EvictionPolicy;
use crate::topology::settings::CacheSettings;
use crate::topology::ttl::CacheTtl;

// A column of a trace's keys is a table of times to live as it is.
const _: () = assert!(KeyColumn::UNKNOWN == TtlTable::UNKNOWN && KeyColumn::ENDLESS == TtlTable::ENDLESS);

/// The sizes of the documents: those of a trace where the scenario says so, or says nothing and the trace tells some. What is
/// wrong with that goes to the mistakes.
pub(super) fn sizes(
    dataset: &DatasetSettings,
    is_said: bool,
    trace: Option<&str>,
    recorded: Option<&Recording>,
    top: &Reader<'_>,
) -> ValueSizes {
    let wrong = |message: String| {
        let place = top.place_of(&["dataset", "value_size"]);
        let mistake = Mistake::new(place, "dataset.value_size", message);
        top.mistakes().push(mistake.help("give a size such as \"500B\", or a trace that tells sizes"));
    };
    let told = recorded.map(|recorded| &recorded.facts().sizes);
    let wanted = match &dataset.value_size {
        ValueSizes::Trace(wanted) => wanted.clone(),
        _ if !is_said && told.is_some_and(|told| told.told() > 0) => TraceSizes::unread(TraceSizes::UNKNOWN),
        other => return other.clone(),
    };
    match (trace, told) {
        (None, _) => wrong("says the sizes of a trace, and there is none in workload.trace".into()),
        (Some(path), Some(told)) if told.told() == 0 => {
            wrong(format!("says the sizes of a trace, and {path} tells none"));
        }
        (Some(_), Some(told)) => {
            let keys = dataset.keys.get();
            return ValueSizes::Trace(wanted.told(told, keys, smallest_document(dataset)));
        }
        // It could not be read, which has been said.
        (Some(_), None) => {}
    }
    ValueSizes::Trace(wanted)
}

/// The bytes of a document without its description: none is smaller.
fn smallest_document(dataset: &DatasetSettings) -> u64 {
    Products::bare_bytes(dataset.keys.get() - 1, dataset.categories.get())
}

/// The times to live of entries, as the scenario says. What is wrong with that goes to the mistakes.
pub(super) fn times_to_live(
    cache: &CacheSettings,
    workload: &WorkloadSettings,
    recorded: Option<&Recording>,
    top: &Reader<'_>,
) -> TimesToLive {
    let unknown = match cache.ttl {
        None => return None.into(),
        Some(CacheTtl::Fixed(ttl)) => return Some(ttl.0).into(),
        Some(CacheTtl::Trace { unknown }) => unknown.map(|ttl| ttl.0),
    };
    let wrong = |message: String| {
        let mistake = Mistake::new(top.place_of(&["cache", "ttl"]), "cache.ttl", message);
        top.mistakes()
            .push(mistake.help("give a duration such as \"1h\", or a trace that tells times to live"));
    };
    let Some(path) = &workload.trace else {
        wrong("says the times to live of a trace, and there is none in workload.trace".into());
        return unknown.into();
    };
    let Some(recorded) = recorded else { return unknown.into() };
    let ttls = &recorded.facts().ttls;
    if ttls.finite().next().is_none() {
        wrong(format!("says the times to live of a trace, and {path} tells none"));
        return unknown.into();
    }
    let of_key = std::sync::Arc::clone(ttls.of_keys());
    let speed = workload.speed.map_or(1.0, |speed| speed.0);
    TimesToLive::OfEach(TtlTable::new(of_key, recorded.distinct_keys(), speed, unknown))
}

/// Reports a full cache that could not make room, since some of what a trace puts there never expires.
pub(super) fn check_room(scenario: &Scenario, top: &Reader<'_>) {
    let cache = &scenario.cache;
    let never_expires = matches!(scenario.ttl, TimesToLive::OfEach(_)) && scenario.ttl.longest().is_none();
    let evicts_the_others = !cache.eviction.takes_any_key() && cache.eviction != EvictionPolicy::NoEviction;
    let is_limited = cache.capacity.is_some()
        && scenario.topologies.iter().any(|topology| topology.spec.manages_cache_servers());
    // What is written to the cache first is given an end once the database has it.
    let keeps_them = |spec: &StrategySpec| spec.uses_cache() && !spec.promise().needs().no_eviction_of_dirty;
    let strategy = scenario.strategies.iter().find(|strategy| keeps_them(&strategy.spec));
    let Some(strategy) = strategy.filter(|_| never_expires && evicts_the_others && is_limited) else {
        return;
    };
    let message = format!(
        "{} evicts only what expires, and some entries of {} do not: a full cache could take nothing more",
        cache.eviction.word(),
        strategy.label
    );
    let mistake = Mistake::new(top.place_of(&["cache", "eviction"]), "cache.eviction", message);
    top.mistakes().push(mistake.help(
        "write eviction = \"allkeys-lru\", or if the trace tells no time to live of them, ttl = { from = \"trace\", unknown = \"1h\" }",
    ));
}

/// Sentences for whoever is about to run it: what a trace tells that counts, that does not, and what stands for what it does
/// not tell.
pub(super) fn notes(scenario: &Scenario) -> Vec<String> {
    let (Some(path), Some(recorded)) = (&scenario.workload.trace, &scenario.recorded) else {
        return Vec::new();
    };
    let both = [of_sizes(scenario, recorded), of_times_to_live(scenario, recorded)];
    both.into_iter().flatten().map(|note| format!("{path}: {note}")).collect()
}

fn of_sizes(scenario: &Scenario, recorded: &Recording) -> Option<String> {
    let told = &recorded.facts().sizes;
    let dataset = &scenario.dataset;
    let ValueSizes::Trace(sizes) = &dataset.value_size else {
        let said = dataset.value_size.show();
        return (told.told() > 0)
            .then(|| format!("it tells sizes, which do not count: dataset.value_size = {said} does"));
    };
    let smallest = smallest_document(dataset);
    let smaller = told.finite().filter(|bytes| u64::from(*bytes) < smallest).count() as u64;
    let (mean, largest) = (ByteSize(sizes.mean_bytes().round() as u64), ByteSize(sizes.largest()));
    let parts = [
        Some(format!("documents are as large as it tells, {mean} in the mean and {largest} at most")),
        untold(recorded, told)
            .map(|keys| format!("of {keys} it tells no size: they have {}", sizes.unknown())),
        others(told).map(|rows| format!("{rows} another size than the first of the key, which counts")),
        counted(smaller, "document is", "documents are")
            .map(|few| format!("{few} smaller there than any can be here, {smallest}B")),
    ];
    Some(parts.into_iter().flatten().collect::<Vec<_>>().join("; "))
}

fn of_times_to_live(scenario: &Scenario, recorded: &Recording) -> Option<String> {
    let told = &recorded.facts().ttls;
    let times = told.finite().min().zip(told.finite().max())?;
    let Some(CacheTtl::Trace { unknown }) = scenario.cache.ttl else {
        let said = scenario.cache.ttl.show();
        return Some(format!(
            "it tells times to live, which do not count: cache.ttl = {said} does; cache.ttl = \"trace\" would have them obeyed"
        ));
    };
    let (shortest, longest) = (millis(times.0), millis(times.1));
    let at_speed = match scenario.workload.speed {
        Some(speed) => format!(", divided by the speed of {}", speed.show()),
        None => ", at the trace's own speed, at which operations do not come without workload.speed".into(),
    };
    let otherwise = unknown.map_or_else(
        || "stay until they are evicted or invalidated".to_owned(),
        |ttl| format!("live for {}", show_duration(ttl.0)),
    );
    let parts = [
        Some(format!("entries live as long as it tells of their keys, {shortest} to {longest}{at_speed}")),
        untold(recorded, told).map(|keys| format!("of {keys} it tells no time to live: they {otherwise}")),
        counted(told.endless(), "key", "keys")
            .map(|keys| format!("of {keys} it tells that they do not expire")),
        others(told)
            .map(|rows| format!("{rows} another time to live than the first of the key, which counts")),
    ];
    Some(parts.into_iter().flatten().collect::<Vec<_>>().join("; "))
}

fn millis(time: u32) -> String {
    show_duration(Duration::from_millis(time.into()))
}

/// The keys of which nothing is told; `None` where there are none.
fn untold(recorded: &Recording, told: &KeyColumn) -> Option<String> {
    let keys = recorded.distinct_keys();
    let untold = keys.saturating_sub(told.told());
    (untold > 0).then(|| format!("{untold} of its {keys} keys"))
}

/// The rows that tell something else than the first of their key; `None` where there are none.
fn others(told: &KeyColumn) -> Option<String> {
    counted(told.others(), "row tells", "rows tell")
}

fn counted(count: u64, one: &str, more: &str) -> Option<String> {
    match count {
        0 => None,
        1 => Some(format!("1 {one}")),
        _ => Some(format!("{count} {more}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::plan::{Plan, PlanError, PlanOptions};
    use crate::strategy::Staleness;

    /// Of two keys it tells all, of a third that it lives for ever, of a fourth nothing; and some things twice.
    const ROWS: &str = "0,a,1,1000,1,get,0\n0,a,1,1000,1,set,60\n1,b,1,3000,1,set,10\n1,b,1,2000,1,set,20\n\
                        2,c,1,90,1,set,0\n3,d,1,0,1,get,0\n3,a,1,1000,1,get,0\n";

    fn plan_of(rows: &str, strategy: &str, workload: &str, rest: &str) -> Result<Plan, String> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("trace.csv");
        std::fs::write(&path, rows).unwrap();
        let path = path.display().to_string();
        let text = format!(
            "strategies = [\"{strategy}\"]\ntopologies = [\"embedded\"]\n[workload]\ntrace = {path:?}\n{workload}\n{rest}"
        );
        let plan = Plan::parse("test", "test.toml", &text, &PlanOptions::default());
        plan.map_err(|error| match error {
            PlanError::Invalid(invalid) => {
                let mistakes = invalid.mistakes.iter();
                mistakes.map(|one| format!("{}: {}\n", one.key, one.message)).collect::<Vec<_>>().concat()
            }
            unreadable @ PlanError::Unreadable { .. } => unreadable.to_string(),
        })
    }

    fn plan(workload: &str, rest: &str) -> Plan {
        plan_of(ROWS, "write-around", workload, rest).unwrap()
    }

    fn note(plan: &Plan, word: &str) -> String {
        let notes = plan.notes();
        notes.iter().find(|note| note.contains(word)).cloned().unwrap_or_else(|| panic!("{notes:?}"))
    }

    #[test]
    fn documents_are_as_large_as_a_trace_tells_unless_the_scenario_says_otherwise() {
        let of_trace = plan("", "[dataset]\nkeys = 4\n");
        let sizes = &of_trace.scenario.products();
        let smallest = smallest_document(&of_trace.scenario.dataset);
        let bytes =
            [0, 1, 2, 3].map(|key| crate::application::Dataset::document(sizes, key).bytes().len() as u64);
        assert_eq!(bytes, [1_000, 3_000, smallest, 500]);
        let mean = bytes.iter().sum::<u64>() as f64 / 4.0;
        assert!((of_trace.scenario.dataset.value_size.mean_bytes() - mean).abs() < 1e-9, "estimates know it");
        let told = note(&of_trace, "as large as it tells");
        for part in [
            "of 1 of its 4 keys it tells no size: they have 500B",
            "1 row tells another size",
            "1 document is smaller there",
            "2.93KiB at most",
        ] {
            assert!(told.contains(part), "{told}");
        }
        let said = plan("", "[dataset]\nkeys = 4\nvalue_size = \"700B\"\n");
        assert!((said.scenario.dataset.value_size.mean_bytes() - 700.0).abs() < 1e-9);
        assert!(note(&said, "it tells sizes").contains("dataset.value_size = \"700B\" does"));
        let unknown =
            plan("", "[dataset]\nkeys = 4\nvalue_size = { distribution = \"trace\", unknown = \"800B\" }\n");
        assert_eq!(unknown.scenario.products().value_size.bytes_of(1, 3), 800);
    }

    #[test]
    fn entries_live_as_long_as_a_trace_tells_where_the_scenario_says_so() {
        let of = |plan: &Plan| ["0", "1", "2", "3"].map(|id| plan.cells[0].kind(0).ttl.of(id));
        let seconds = |seconds| Some(Duration::from_secs_f64(seconds));
        let hour = Some(Duration::from_hours(1));
        let fixed = plan("", "");
        assert_eq!(of(&fixed), [hour; 4]);
        assert!(note(&fixed, "it tells times to live").contains("cache.ttl = \"1h\" does"));
        let own = plan("", "[cache]\nttl = \"trace\"\n");
        assert_eq!(of(&own), [seconds(60.0), seconds(10.0), None, None]);
        let fast = plan("speed = 4.0", "[cache]\nttl = { from = \"trace\", unknown = \"5s\" }\n");
        assert_eq!(of(&fast), [seconds(15.0), seconds(2.5), None, seconds(5.0)]);
        let told = note(&fast, "entries live");
        for part in [
            "10s to 1m, divided by the speed of 4;",
            "of 1 of its 4 keys it tells no time to live: they live for 5s",
            "of 1 key it tells that they do not expire",
            "1 row tells another time to live",
        ] {
            assert!(told.contains(part), "{told}");
        }
        assert!(fast.workload_in_words().contains("TTL as in the trace, 4 times as short"));
    }

    #[test]
    fn what_depends_on_the_time_to_live_is_promised_by_the_longest_of_a_trace() {
        let promised = |rows: &str, ttl: &str| {
            let plan = plan_of(rows, "write-around", "", &format!("[cache]\nttl = {ttl}\n")).unwrap();
            plan.cells[0].guarantee_of(0).staleness
        };
        let load = Duration::from_secs(5);
        let within = |ttl: u64| Staleness::Within(Duration::from_secs(ttl) + load);
        let told = "0,a,1,9,1,set,60\n1,b,1,9,1,set,10\n2,a,1,9,1,get,0\n";
        assert_eq!(promised(told, "\"trace\""), within(60));
        let one_untold = format!("{told}3,c,1,9,1,get,0\n");
        assert_eq!(promised(&one_untold, "\"trace\""), Staleness::UntilEvicted);
        assert_eq!(promised(&one_untold, "{ from = \"trace\", unknown = \"2m\" }"), within(120));
        let endless = format!("{told}3,c,1,9,1,set,0\n");
        assert_eq!(promised(&endless, "{ from = \"trace\", unknown = \"2m\" }"), Staleness::UntilEvicted);
    }

    #[test]
    fn a_cache_that_evicts_only_what_expires_needs_an_end_for_every_entry() {
        let told = "0,a,1,9,1,set,60\n1,b,1,9,1,get,0\n";
        let planned = |strategy: &str, topology: &str, cache: &str| {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("trace.csv");
            std::fs::write(&path, told).unwrap();
            let path = path.display().to_string();
            let text = format!(
                "strategies = [\"{strategy}\"]\ntopologies = [\"{topology}\"]\n[workload]\ntrace = {path:?}\n[cache]\n{cache}"
            );
            match Plan::parse("test", "test.toml", &text, &PlanOptions::default()) {
                Ok(_) => None,
                Err(PlanError::Invalid(invalid)) => Some(invalid.mistakes[0].message.clone()),
                Err(other) => panic!("{other}"),
            }
        };
        let volatile = "ttl = \"trace\"\ncapacity = 9\neviction = \"volatile-lru\"\n";
        let refused = planned("cache-aside", "single", volatile).unwrap();
        assert!(refused.starts_with("volatile-lru evicts only what expires"), "{refused}");
        for (strategy, topology, cache) in [
            ("cache-behind", "single", volatile),
            ("cache-aside", "embedded", volatile),
            ("cache-aside", "single", "ttl = \"trace\"\neviction = \"volatile-lru\"\n"),
            ("cache-aside", "single", "ttl = \"trace\"\ncapacity = 9\n"),
            (
                "cache-aside",
                "single",
                "ttl = { from = \"trace\", unknown = \"1h\" }\ncapacity = 9\neviction = \"volatile-lru\"\n",
            ),
        ] {
            assert_eq!(planned(strategy, topology, cache), None, "{strategy} on {topology}: {cache}");
        }
    }

    #[test]
    fn what_a_trace_does_not_tell_cannot_be_asked_of_it() {
        let plain = "time_ms,key,operation,size_bytes\n0,a,read,0\n";
        let told = |rest: &str| plan_of(plain, "cache-aside", "", rest).map(drop).unwrap_err();
        assert!(
            told("[cache]\nttl = \"trace\"").starts_with("cache.ttl: says the times to live of a trace, and")
        );
        let sizes = told("[dataset]\nvalue_size = \"trace\"");
        assert!(sizes.starts_with("dataset.value_size: says the sizes of a trace, and"), "{sizes}");
        assert!(plan_of(plain, "cache-aside", "", "").is_ok());
        for (rest, key) in [
            ("[cache]\nttl = \"trace\"", "cache.ttl"),
            ("[dataset]\nvalue_size = \"trace\"", "dataset.value_size"),
        ] {
            let text = format!("strategies = [\"cache-aside\"]\ntopologies = [\"embedded\"]\n{rest}\n");
            let Err(PlanError::Invalid(invalid)) =
                Plan::parse("test", "test.toml", &text, &PlanOptions::default())
            else {
                panic!("there is no trace")
            };
            assert_eq!(invalid.mistakes[0].key, key);
            assert!(invalid.mistakes[0].message.ends_with("there is none in workload.trace"));
        }
    }
}
