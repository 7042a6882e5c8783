use super::*;
use crate::store::counters::Counters;
use crate::store::local::{LocalCache, LocalCapacity};

#[tokio::test(start_paused = true)]
async fn a_call_takes_the_round_trip_and_one_that_is_zero_takes_no_time() {
    let cache = LocalCache::new(LocalCapacity::Entries(1), Counters::new());
    let cache = DelayedCache::new(cache, RoundTrip::new(Duration::from_millis(10)));
    let start = clock::now();
    cache.get("a").await.unwrap();
    assert_eq!(clock::now() - start, Duration::from_millis(10));
    cache.clone().round_trip().set(Duration::ZERO);
    cache.get("a").await.unwrap();
    assert_eq!(clock::now() - start, Duration::from_millis(10));
}

#[test]
fn each_of_several_that_make_a_round_trip_longer_ends_alone() {
    let round_trip = RoundTrip::new(Duration::from_millis(1));
    let long = round_trip.longer_by(Duration::from_millis(20));
    let short = round_trip.clone().longer_by(Duration::from_millis(5));
    assert_eq!(round_trip.get(), Duration::from_millis(26));
    drop(long);
    assert_eq!(round_trip.get(), Duration::from_millis(6));
    drop(short);
    assert_eq!(round_trip.get(), Duration::from_millis(1));
}

fn delayed(concurrency: usize, queue_timeout: Duration) -> DelayedDatabase<()> {
    let service_time = Duration::from_millis(20);
    let delay = DatabaseDelay {
        service_time,
        servers: Some(Arc::new(Semaphore::new(concurrency))),
        queue_timeout,
        ..Default::default()
    };
    DelayedDatabase::new((), delay)
}

async fn call_times(database: &DelayedDatabase<()>, calls: usize) -> Vec<Result<u128, ErrorKind>> {
    let start = clock::now();
    let calls: Vec<_> = (0..calls)
        .map(|_| {
            let database = database.clone();
            tokio::spawn(async move { database.serve(|| async { Ok(()) }).await.map(|()| clock::now()) })
        })
        .collect();
    let mut times = Vec::new();
    for call in calls {
        let end = call.await.unwrap();
        times.push(end.map(|end| (end - start).as_millis()).map_err(|error| error.kind));
    }
    times
}

#[tokio::test(start_paused = true)]
async fn only_so_many_calls_are_served_at_once() {
    let times = call_times(&delayed(2, Duration::from_secs(1)), 4).await;
    assert_eq!(times, [Ok(20), Ok(20), Ok(40), Ok(40)]);
}

#[tokio::test(start_paused = true)]
async fn a_call_that_is_not_served_in_time_has_timed_out() {
    let times = call_times(&delayed(1, Duration::from_millis(30)), 3).await;
    assert_eq!(times, [Ok(20), Ok(40), Err(ErrorKind::Timeout)]);
}
