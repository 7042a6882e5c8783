//! Whole runs of the shop on Redis: what is promised of details, stocks and pages is kept, and every price reaches the others.

mod support;

use hotset::results::{Results, Verdict};
use support::Place;

fn scenario(topology: &str, strategies: &str) -> String {
    format!(
        r#"
strategies = ["cache-aside"]
topologies = [{topology}]
[application]
name = "ecommerce"
prepared = 50
[application.mix]
product_details = 0.40
category_page = 0.30
price_update = 0.15
stock_update = 0.10
new_product = 0.05
{strategies}
[dataset]
keys = 100
categories = 5
value_size = "500B"
[workload]
clients = 8
instances = 2
rate_per_second = 200
[cache]
eviction = "volatile-lru"
timeout = "5s"
[run]
duration = "2s"
warmup_max = "1s"
window = "200ms"
"#
    )
}

/// A topology with as few servers as it can have.
fn on(topology: &str) -> String {
    let replicas = if topology == "cluster" { ", replicas = 0" } else { "" };
    format!("{{ name = \"{topology}\", database = \"embedded\"{replicas} }}")
}

/// Runs the one cell of a scenario, and sees that all of it is as it should be.
fn is_sound(topology: &str, strategies: &str) -> Results {
    let place = Place::new();
    place.write("shop.toml", scenario(topology, strategies));
    place.succeeds(&["shop.toml"]);
    let results = place.results("shop");
    let [row] = &results.summary[..] else { panic!("{:?}", results.summary) };
    assert_eq!(
        (row.answers.errors, row.answers.timeouts, row.audited.wrong.corrupt_reads),
        (0, 0, 0),
        "{row:?}"
    );
    for entity in &results.entities {
        let why = &entity.judgement.verdict_reason;
        assert_eq!(entity.judgement.verdict, Some(Verdict::Kept), "{}: {why}", entity.entity);
        assert!(entity.audited.audited_reads > 0, "{}", entity.entity);
    }
    for operation in &results.operations {
        assert!(operation.operations > 0, "{}", operation.operation);
    }
    let figure = |name: &str| {
        let name = format!("price_updates_{name}");
        results.application.iter().find(|row| row.figure == name).unwrap_or_else(|| panic!("no {name}")).value
    };
    let (published, read, unread) = (figure("published"), figure("read"), figure("unread"));
    assert!(published > Some(0.0));
    assert_eq!((read, unread), (published, Some(0.0)), "nothing is left when the reader ends");
    for name in ["not_published", "of_unknown_end", "failed_reads"] {
        assert_eq!(figure(name), Some(0.0), "{name}");
    }
    assert!(figure("lag_max") > Some(0.0));
    results
}

#[test]
fn a_shop_on_one_redis_keeps_what_it_promises_and_tells_every_price() {
    is_sound(&on("single"), "");
}

#[test]
fn a_shop_on_a_cluster_keeps_what_it_promises_and_tells_every_price() {
    is_sound(&on("cluster"), "");
}

#[test]
fn a_shop_may_write_its_stocks_behind_and_the_rest_not() {
    let behind = "[application.strategies]\ninventory = \"cache-behind\"";
    for topology in ["single", "cluster"] {
        let results = is_sound(&on(topology), behind);
        let strategies: Vec<_> =
            results.entities.iter().map(|row| (row.entity.as_str(), row.served_by.as_str())).collect();
        let wanted = [("product", "cache-aside"), ("inventory", "cache-behind"), ("page", "cache-aside")];
        assert_eq!(strategies, wanted);
    }
}
