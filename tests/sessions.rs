//! Sessions in every cache: what they promise, and every order of the steps of a touch and of a log-out.

#[path = "support/servers.rs"]
#[allow(dead_code, reason = "this program needs no MongoDB")]
mod servers;
#[path = "support/sessions.rs"]
mod support;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Duration;

use hotset::base::clock;
use hotset::store::local::{LocalCache, LocalCapacity};
use hotset::store::network::{DelayedCache, RoundTrip};
use hotset::store::redis::{RedisAdmin, RedisCache, RedisOptions};
use hotset::store::{AnyCache, Counters, Session, Sessions};
use servers::{Server, Shared};
use support::{HOUR, NOW, keeps_its_promises};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, mpsc};
use tokio::task::JoinHandle;

static REDIS: Shared = Shared::new();
const KEY: &str = "session:1";

fn local_cache() -> LocalCache {
    LocalCache::new(LocalCapacity::Entries(10), Counters::new())
}

fn options(port: u16) -> RedisOptions {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    RedisOptions {
        key_prefix: format!("test{}:", NEXT.fetch_add(1, Ordering::Relaxed)),
        response_timeout: Duration::from_secs(20),
        ..RedisOptions::at(format!("redis://127.0.0.1:{port}"))
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_local_cache_keeps_what_is_promised_of_sessions() {
    let cache = AnyCache::Local(local_cache());
    keeps_its_promises(&DelayedCache::new(cache, RoundTrip::default())).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_redis_keeps_what_is_promised_of_sessions() {
    let server = REDIS.get(|| Server::redis(&[]));
    let cache = RedisCache::connect(options(server.port()), Counters::new()).await.unwrap();
    keeps_its_promises(&DelayedCache::new(AnyCache::Redis(cache), RoundTrip::default())).await;
}

#[tokio::test]
async fn a_redis_key_of_sessions_always_has_a_time_to_live_and_holds_few_that_have_expired() {
    let server = REDIS.get(|| Server::redis(&[]));
    let options = options(server.port());
    let cache = RedisCache::connect(options.clone(), Counters::new()).await.unwrap();
    let admin = RedisAdmin::connect(&options).await.unwrap();
    let key = format!("{}{KEY}", options.key_prefix);
    for number in 0..400_u64 {
        let now = NOW + number * 1000;
        cache.begin_session(KEY, &number.to_string(), b"", now + 20_000, now).await.unwrap();
        let left: i64 = admin.ask(redis::cmd("PTTL").arg(&key), "a test").await.unwrap();
        assert!((1..=20_000).contains(&left), "{left}");
    }
    let held: u64 = admin.ask(redis::cmd("HLEN").arg(&key), "a test").await.unwrap();
    assert!((20..60).contains(&held), "20 live; {held} are held");
}

/// The orders in which a touch and an end may overlap: of each it is said when it is carried out and when it is
/// answered, `t` standing for the touch and `e` for the end.
const ORDERS: [[char; 4]; 6] = [
    ['t', 't', 'e', 'e'],
    ['t', 'e', 't', 'e'],
    ['t', 'e', 'e', 't'],
    ['e', 't', 't', 'e'],
    ['e', 't', 'e', 't'],
    ['e', 'e', 't', 't'],
];

#[derive(Debug, Clone, Copy)]
enum End {
    This,
    All,
}

async fn end(cache: impl Sessions, end: End) {
    match end {
        End::This => assert!(cache.end_session(KEY, "t").await.unwrap()),
        End::All => assert_eq!(cache.end_all_sessions(KEY).await.unwrap(), 1),
    }
}

/// A touch that came first was answered by the session; afterwards there is none, whichever came first.
async fn is_over(order: &str, first: char, touched: Option<Session>, cache: &impl Sessions) {
    assert_eq!(touched.is_some(), first == 't', "{order}");
    assert_eq!(cache.touch_session(KEY, "t", NOW).await.unwrap(), None, "{order}: a session was left");
    assert_eq!(cache.end_all_sessions(KEY).await.unwrap(), 0, "{order}: something was left");
}

/// The cache at a distance at which a call that begins at once is carried out and answered at these places of an order.
async fn at_its_places<T>(
    cache: &LocalCache,
    order: [char; 4],
    who: char,
    call: impl AsyncFnOnce(DelayedCache<LocalCache>) -> T,
) -> T {
    let places: Vec<u32> = (0..4).filter(|place| order[*place as usize] == who).collect();
    let one_way = Duration::from_millis(10) * (places[1] - places[0]);
    let carried_out = Duration::from_millis(100) + Duration::from_millis(10) * places[0];
    clock::sleep(carried_out.saturating_sub(one_way)).await;
    call(DelayedCache::new(cache.clone(), RoundTrip::new(one_way * 2))).await
}

#[tokio::test(start_paused = true)]
async fn in_every_order_of_a_touch_and_a_log_out_no_session_is_left_in_a_local_cache() {
    for ending in [End::This, End::All] {
        for order in ORDERS {
            let cache = local_cache();
            cache.begin_session(KEY, "t", b"", NOW + HOUR, NOW).await.unwrap();
            let touching = at_its_places(&cache, order, 't', async |cache| {
                cache.touch_session(KEY, "t", NOW).await.unwrap()
            });
            let ended = at_its_places(&cache, order, 'e', async |cache| end(cache, ending).await);
            let (touched, ()) = tokio::join!(touching, ended);
            is_over(&format!("{order:?} {ending:?}"), order[0], touched, &cache).await;
        }
    }
}

/// A gate between a client and Redis that, once it is closed, lets no bytes pass in either direction but those that a
/// test lets pass.
struct Gate {
    port: u16,
    is_closed: Arc<AtomicBool>,
    passes: Arc<Semaphore>,
    stopped: mpsc::UnboundedReceiver<()>,
}

impl Gate {
    async fn before(redis: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let (is_closed, passes) = (Arc::<AtomicBool>::default(), Arc::new(Semaphore::new(0)));
        let (stops, stopped) = mpsc::unbounded_channel();
        let (closed, permits) = (Arc::clone(&is_closed), Arc::clone(&passes));
        tokio::spawn(async move {
            loop {
                let (client, _) = listener.accept().await.unwrap();
                let server = TcpStream::connect(("127.0.0.1", redis)).await.unwrap();
                let ((from, back), (answers, to)) = (client.into_split(), server.into_split());
                for (read, write) in [(from, to), (answers, back)] {
                    let state = (Arc::clone(&closed), Arc::clone(&permits), stops.clone());
                    tokio::spawn(Self::carry(read, write, state));
                }
            }
        });
        Self { port, is_closed, passes, stopped }
    }

    async fn carry(
        mut read: OwnedReadHalf,
        mut write: OwnedWriteHalf,
        (is_closed, passes, stops): (Arc<AtomicBool>, Arc<Semaphore>, mpsc::UnboundedSender<()>),
    ) {
        let mut bytes = vec![0; 4096];
        while let Ok(count @ 1..) = read.read(&mut bytes).await {
            if is_closed.load(Ordering::SeqCst) {
                let _ = stops.send(());
                passes.acquire().await.unwrap().forget();
            }
            if write.write_all(&bytes[..count]).await.is_err() {
                return;
            }
        }
    }
}

/// A call of a client behind a gate.
struct Call<T> {
    gate: Gate,
    doing: JoinHandle<T>,
    returned: Option<T>,
}

impl<T: Send + 'static> Call<T> {
    /// Begins a call and waits until its first command stands at the gate.
    async fn begin<F: Future<Output = T> + Send + 'static>(
        options: &RedisOptions,
        port: u16,
        call: impl FnOnce(RedisCache) -> F,
    ) -> Self {
        let mut gate = Gate::before(port).await;
        let url = format!("redis://127.0.0.1:{}", gate.port);
        let options = RedisOptions { url: hotset::store::SecretUrl::new(url), ..options.clone() };
        let cache = RedisCache::connect(options, Counters::new()).await.unwrap();
        gate.is_closed.store(true, Ordering::SeqCst);
        let doing = tokio::spawn(call(cache));
        gate.stopped.recv().await.unwrap();
        Self { gate, doing, returned: None }
    }

    /// Lets one command or one answer pass, and waits until the next stands at the gate or the call has ended. Returns
    /// whether there was anything to let pass.
    async fn step(&mut self) -> bool {
        if self.returned.is_some() {
            return false;
        }
        self.gate.passes.add_permits(1);
        tokio::select! {
            _ = self.gate.stopped.recv() => {}
            returned = &mut self.doing => self.returned = Some(returned.unwrap()),
        }
        true
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn in_every_order_of_a_touch_and_a_log_out_no_session_is_left_in_a_redis() {
    let server = REDIS.get(|| Server::redis(&[]));
    for ending in [End::This, End::All] {
        for order in ORDERS {
            let options = options(server.port());
            let cache = RedisCache::connect(options.clone(), Counters::new()).await.unwrap();
            cache.begin_session(KEY, "t", b"", NOW + HOUR, NOW).await.unwrap();
            let mut touching = Call::begin(&options, server.port(), |cache| async move {
                cache.touch_session(KEY, "t", NOW).await.unwrap()
            })
            .await;
            let mut ended = Call::begin(&options, server.port(), |cache| end(cache, ending)).await;
            for who in order {
                assert!(if who == 't' { touching.step().await } else { ended.step().await });
            }
            // Each has come to its end in two steps: had it more commands, others could come between them.
            assert!(!touching.step().await && !ended.step().await);
            let touched = touching.returned.unwrap();
            is_over(&format!("{order:?} {ending:?}"), order[0], touched, &cache).await;
        }
    }
}
