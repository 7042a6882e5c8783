//! What the relay that breaks links adds while it breaks nothing: round trips to one Redis, past it and through it by
//! turns.
//!
//! A plain function that prints, as the harness of `cargo bench` needs a nightly compiler:
//! `cargo measure relay -- --nocapture`.

use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use hotset::store::redis::{RedisCache, RedisOptions};
use hotset::store::{Cache as _, Counters, Document, Entry};
use hotset::topology::servers::{find_redis_server, free_port};
use hotset::topology::{LinkTo, Relays};
use mongodb::bson::rawdoc;

const ROUNDS: usize = 7;
const ROUND: Duration = Duration::from_millis(500);

struct Server(Child);

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Reads a second by so many clients on one connection, and the median of a read's time.
async fn reads(cache: &RedisCache, clients: usize) -> (f64, Duration) {
    let start = Instant::now();
    let client = || async {
        let mut times = Vec::new();
        while start.elapsed() < ROUND {
            let sent = Instant::now();
            cache.get("k").await.unwrap();
            times.push(sent.elapsed());
        }
        times
    };
    let mut all = Vec::new();
    for times in futures_util::future::join_all((0..clients).map(|_| client())).await {
        all.extend(times);
    }
    let per_second = all.len() as f64 / start.elapsed().as_secs_f64();
    all.sort_unstable();
    (per_second, all[all.len() / 2])
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

#[tokio::test]
async fn a_round_trip_through_the_relay_against_one_past_it() {
    let port = free_port().unwrap();
    let directory = tempfile::tempdir().unwrap();
    let program = find_redis_server().unwrap().path;
    let mut command = Command::new(program);
    command.args(["--port", &port.to_string(), "--bind", "127.0.0.1", "--save", ""]);
    command.args(["--dir", directory.path().to_str().unwrap()]).stdout(Stdio::null());
    let _server = Server(command.spawn().unwrap());
    while std::net::TcpStream::connect(("127.0.0.1", port)).is_err() {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let relays = Relays::start().unwrap();
    let relay = relays.detour(LinkTo::Cache, "127.0.0.1", port).unwrap();
    let connect = async |port: u16| {
        let options = RedisOptions::at(format!("redis://127.0.0.1:{port}"));
        RedisCache::connect(options, Counters::new()).await.unwrap()
    };
    let (direct, relayed) = (connect(port).await, connect(relay).await);
    let document = Document::from_raw(rawdoc! { "_id": "k", "text": "x".repeat(500), "_v": 1_i64 });
    direct.set("k", &Entry::of(document), None).await.unwrap();
    for clients in [1, 64] {
        let mut figures = [const { (Vec::new(), Vec::new()) }; 2];
        for _ in 0..ROUNDS {
            for (which, cache) in [&direct, &relayed].into_iter().enumerate() {
                let (per_second, time) = reads(cache, clients).await;
                figures[which].0.push(per_second);
                figures[which].1.push(time.as_secs_f64() * 1e6);
            }
        }
        let [past, through] = figures.map(|(rates, times)| (median(rates), median(times)));
        println!(
            "{clients} clients: past the relay {:.0}/s, p50 {:.1} us; through it {:.0}/s, p50 {:.1} us; {:+.1} us, {:.2} of the throughput",
            past.0,
            past.1,
            through.0,
            through.1,
            through.1 - past.1,
            through.0 / past.0
        );
        assert!(through.0 > 0.0);
    }
}
