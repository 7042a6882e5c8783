//! What every latency holds that no strategy adds: hotset's own part, and that of a round trip that does nothing.

use std::thread;
use std::time::Duration;

use tokio::sync::oneshot;

use crate::base::clock::Instant;
use crate::results::LatencyFloor;
use crate::store::redis::RedisCache;
use crate::store::{Counters, StoreError};
use crate::topology::CacheEndpoint;

/// So many measurements give a p99 of some worth, and take a tenth of a second.
const ROUND_TRIPS: usize = 1_000;
/// The longest that they may take; a slow network gives none.
const BOUND: Duration = Duration::from_secs(2);

/// Measures both on a thread of its own, which is like those that drive load.
///
/// # Errors
/// Returns what the cache said, or that it was too slow.
pub async fn measure(topology: &str, cache: &CacheEndpoint) -> Result<LatencyFloor, String> {
    let (send, receive) = oneshot::channel();
    let cache = cache.clone();
    let body = move || {
        // Nobody may be waiting any more, if the user wanted to leave.
        let _ = send.send(on_this_thread(&cache));
    };
    thread::Builder::new().name("floor".into()).spawn(body).map_err(|error| error.to_string())?;
    let measured = receive.await.map_err(|_| "the thread that measures it has ended early".to_owned())?;
    measured.map(|floor| LatencyFloor { topology: topology.to_owned(), ..floor })
}

fn on_this_thread(cache: &CacheEndpoint) -> Result<LatencyFloor, String> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.map_err(|error| error.to_string())?.block_on(async {
        let [at_once_p50_us, at_once_p99_us] = percentiles(at_once().await);
        let pinged = match cache {
            CacheEndpoint::Local(_) => None,
            CacheEndpoint::Redis(endpoint) => {
                let pings = async {
                    let cache = RedisCache::connect(endpoint.own_options(), Counters::default()).await?;
                    cache.round_trips(ROUND_TRIPS).await
                };
                let pinged = tokio::time::timeout(BOUND, pings).await;
                let late = |_| format!("{ROUND_TRIPS} PINGs took longer than {BOUND:?}");
                Some(percentiles(pinged.map_err(late)?.map_err(|error: StoreError| error.to_string())?))
            }
        };
        Ok(LatencyFloor {
            topology: String::new(),
            at_once_p50_us,
            at_once_p99_us,
            ping_p50_us: pinged.map(|[p50, _]| p50),
            ping_p99_us: pinged.map(|[_, p99]| p99),
        })
    })
}

/// What is measured around an answer that is there at once.
async fn at_once() -> Vec<Duration> {
    let mut took = Vec::with_capacity(ROUND_TRIPS);
    for _ in 0..ROUND_TRIPS {
        let begun = Instant::now();
        std::future::ready(()).await;
        took.push(begun.elapsed());
    }
    took
}

/// The median and the 99th percentile, in microseconds to the hundredth.
fn percentiles(mut took: Vec<Duration>) -> [f64; 2] {
    took.sort_unstable();
    [0.5, 0.99].map(|share| {
        let at = ((took.len() as f64 * share) as usize).min(took.len() - 1);
        (took[at].as_nanos() as f64 / 10.0).round() / 100.0
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_percentiles_are_those_of_what_was_measured() {
        let took = (1..=1000).rev().map(Duration::from_micros).collect();
        assert_eq!(percentiles(took).map(|us| us.to_string()), ["501", "991"]);
    }
}
