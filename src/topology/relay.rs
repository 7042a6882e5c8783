//! A TCP relay between the application and its servers, by which a scenario makes a link slow, narrow, cut or reset. It
//! is used only in runs whose scenario breaks a link, and then in all their cells; hotset's own commands to the servers
//! go past it.

use std::collections::{HashMap, VecDeque};
use std::io;
use std::net::{Ipv4Addr, TcpListener as StdListener};
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::{ReadHalf, WriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, watch};

use crate::base::clock::{self, Instant};

/// The bytes that one direction of one connection may hold back, since a slow link does not store without limit.
const MOST_HELD: usize = 8 << 20;
/// The bytes that are passed on at once.
const CHUNK: usize = 64 << 10;
/// The time within which a server has to accept a connection from the relay.
const CONNECT_BOUND: Duration = Duration::from_secs(10);

/// The impairments of a link.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Conditions {
    /// The time added to a round trip, half of it in each direction.
    pub delay: Duration,
    /// The upper bound of a random time added as well, half of it in each direction. The order is kept.
    pub jitter: Duration,
    /// The rate in bytes a second in each direction, over all connections; `None` for no limit.
    pub rate: Option<u64>,
    /// True if nothing gets through, without an error. Data under way arrives when the cut is over.
    pub cut: bool,
}

impl Conditions {
    fn is_clear(&self) -> bool {
        self.delay.is_zero() && self.jitter.is_zero() && self.rate.is_none() && !self.cut
    }

    /// Combines two: delays add up, the lower of two rates counts, and one cut is enough.
    fn and(self, other: Self) -> Self {
        Self {
            delay: self.delay + other.delay,
            jitter: self.jitter + other.jitter,
            rate: self.rate.into_iter().chain(other.rate).min(),
            cut: self.cut || other.cut,
        }
    }
}

/// The state of a link, which its connections follow.
#[derive(Debug, Clone, Default)]
struct State {
    /// The current impairments of the link, each under a number of its own.
    impairments: Vec<(u64, Conditions)>,
    /// The number of impairments so far.
    numbered: u64,
    /// The number of times that all connections have been reset.
    resets: u64,
}

impl State {
    fn conditions(&self) -> Conditions {
        self.impairments.iter().fold(Conditions::default(), |all, (_, one)| all.and(*one))
    }
}

/// An impairment of a link that lasts until this is dropped; other impairments stay.
#[derive(Debug)]
pub struct Impaired {
    line: Arc<Line>,
    number: u64,
}

impl Drop for Impaired {
    fn drop(&mut self) {
        self.line.state.send_modify(|state| state.impairments.retain(|(number, _)| *number != self.number));
    }
}

/// One of the two links of the application.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum LinkTo {
    /// Between the application and the cache.
    Cache,
    /// Between the application and the database.
    Database,
}

/// One link, with any number of connections.
#[derive(Debug)]
struct Line {
    state: watch::Sender<State>,
    /// The time at which each direction is free again, if its rate is limited.
    free: [Mutex<Option<Instant>>; 2],
}

impl Line {
    fn new() -> Self {
        Self { state: watch::Sender::default(), free: Default::default() }
    }

    /// The time at which `bytes` that are there now get through.
    fn due(&self, direction: usize, bytes: usize, now: &Conditions) -> Instant {
        let jitter = if now.jitter.is_zero() { Duration::ZERO } else { now.jitter.mul_f64(rand::random()) };
        let sent = match now.rate {
            None => clock::now(),
            Some(rate) => {
                let mut free = self.free[direction].lock();
                let takes = Duration::from_secs_f64(bytes as f64 / rate.max(1) as f64);
                let sent = free.unwrap_or_else(clock::now).max(clock::now()) + takes;
                *free = Some(sent);
                sent
            }
        };
        sent + now.delay / 2 + jitter / 2
    }
}

/// The relays of a run. Clones share them; they end when the last clone is dropped.
#[derive(Clone)]
pub struct Relays(Arc<Inner>);

impl std::fmt::Debug for Relays {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Relays")
    }
}

struct Inner {
    lines: [Arc<Line>; 2],
    places: Mutex<HashMap<(LinkTo, String, u16), u16>>,
    listeners: mpsc::UnboundedSender<(StdListener, Arc<Line>, String, u16)>,
}

impl Relays {
    /// Starts the thread that relays.
    ///
    /// # Errors
    /// Returns an error if the system gives no thread.
    pub fn start() -> io::Result<Self> {
        let (listeners, mut wanted) = mpsc::unbounded_channel();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        std::thread::Builder::new().name("relay".into()).spawn(move || {
            runtime.block_on(async move {
                let _ = clock::install_fine_timer();
                let mut relaying = tokio::task::JoinSet::new();
                while let Some((listener, line, host, port)) = wanted.recv().await {
                    relaying.spawn(relay(listener, line, host, port));
                }
                // All `Relays` are dropped; dropping the tasks closes every connection.
            });
        })?;
        let lines = [Arc::new(Line::new()), Arc::new(Line::new())];
        Ok(Self(Arc::new(Inner { lines, places: Mutex::default(), listeners })))
    }

    fn line(&self, link: LinkTo) -> &Arc<Line> {
        match link {
            LinkTo::Cache => &self.0.lines[0],
            LinkTo::Database => &self.0.lines[1],
        }
    }

    /// Impairs a link, for data under way too, until the returned value is dropped. It adds to other impairments.
    #[must_use = "the link is as before as soon as this is dropped"]
    pub fn impair(&self, link: LinkTo, conditions: Conditions) -> Impaired {
        let mut impaired = Impaired { line: Arc::clone(self.line(link)), number: 0 };
        self.line(link).state.send_modify(|state| {
            impaired.number = state.numbered;
            state.numbered += 1;
            state.impairments.push((impaired.number, conditions));
        });
        impaired
    }

    /// Resets every connection over a link.
    pub fn reset(&self, link: LinkTo) {
        self.line(link).state.send_modify(|state| state.resets += 1);
    }

    /// The port on 127.0.0.1 by which a relay reaches a server.
    ///
    /// # Errors
    /// Returns an error if no port is free.
    pub fn detour(&self, link: LinkTo, host: &str, port: u16) -> io::Result<u16> {
        let mut places = self.0.places.lock();
        let place = (link, host.to_owned(), port);
        if let Some(relay) = places.get(&place) {
            return Ok(*relay);
        }
        let listener = StdListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        listener.set_nonblocking(true)?;
        let relay = listener.local_addr()?.port();
        let wanted = (listener, Arc::clone(self.line(link)), host.to_owned(), port);
        self.0.listeners.send(wanted).map_err(|_| io::Error::other("the relay has ended"))?;
        places.insert(place, relay);
        Ok(relay)
    }

    /// The address by which a relay reaches a node of the cache; the node's own if no relay can be made.
    #[must_use]
    pub fn cache_detour(&self, host: &str, port: u16) -> (String, u16) {
        match self.detour(LinkTo::Cache, host, port) {
            Ok(relay) => (Ipv4Addr::LOCALHOST.to_string(), relay),
            Err(error) => {
                tracing::warn!("no relay to {host}:{port}: {error}; its link cannot be broken");
                (host.to_owned(), port)
            }
        }
    }
}

/// Accepts connections for one server.
async fn relay(listener: StdListener, line: Arc<Line>, host: String, port: u16) {
    let Ok(listener) = TcpListener::from_std(listener) else { return };
    let mut connections = tokio::task::JoinSet::new();
    loop {
        match listener.accept().await {
            Ok((client, _)) => {
                connections.spawn(connect(client, Arc::clone(&line), host.clone(), port));
            }
            // This may be a lack of descriptors; the other connections go on meanwhile.
            Err(_) => clock::sleep(Duration::from_millis(50)).await,
        }
        while connections.try_join_next().is_some() {}
    }
}

async fn connect(client: TcpStream, line: Arc<Line>, host: String, port: u16) {
    let mut state = line.state.subscribe();
    // The link would lose the first packet too.
    if state.wait_for(|now| !now.conditions().cut).await.is_err() {
        return;
    }
    let connecting = tokio::time::timeout(CONNECT_BOUND, TcpStream::connect((host.as_str(), port)));
    let Ok(Ok(server)) = connecting.await else {
        // The client gets the answer of a server that is not there.
        return reset(&client);
    };
    let _ = client.set_nodelay(true);
    let _ = server.set_nodelay(true);
    let (mut client, mut server) = (client, server);
    let ended = {
        let (from_client, to_client) = client.split();
        let (from_server, to_server) = server.split();
        tokio::select! {
            ended = pump(from_client, to_server, &line, 0) => ended,
            ended = pump(from_server, to_client, &line, 1) => ended,
        }
    };
    if ended == Ended::Reset {
        reset(&client);
        reset(&server);
    }
}

/// Makes the closing of a connection a reset for its peer.
fn reset(stream: &TcpStream) {
    let _ = stream.set_zero_linger();
}

#[derive(Debug, PartialEq, Eq)]
enum Ended {
    Closed,
    Reset,
}

/// Passes on what one side sends to the other, when the conditions let it through.
async fn pump(mut from: ReadHalf<'_>, mut to: WriteHalf<'_>, line: &Line, direction: usize) -> Ended {
    let mut state = line.state.subscribe();
    let resets = state.borrow().resets;
    let mut held: VecDeque<(Instant, Vec<u8>)> = VecDeque::new();
    let mut held_bytes = 0;
    let mut open = true;
    let mut buffer = vec![0; CHUNK];
    loop {
        let now = {
            let state = state.borrow_and_update();
            if state.resets != resets {
                return Ended::Reset;
            }
            state.conditions()
        };
        let due = held.front().map(|(due, _)| *due);
        if !open && due.is_none() {
            return Ended::Closed;
        }
        tokio::select! {
            biased;
            changed = state.changed() => {
                if changed.is_err() {
                    return Ended::Closed;
                }
            }
            () = clock::sleep_until(due.unwrap_or_else(clock::now)), if due.is_some() && !now.cut => {
                if let Some((_, bytes)) = held.pop_front() {
                    held_bytes -= bytes.len();
                    if to.write_all(&bytes).await.is_err() {
                        return Ended::Closed;
                    }
                }
            }
            read = from.read(&mut buffer), if open && !now.cut && held_bytes < MOST_HELD => {
                let Ok(read) = read else { return Ended::Closed };
                open = read > 0;
                if open && held.is_empty() && now.is_clear() {
                    if to.write_all(&buffer[..read]).await.is_err() {
                        return Ended::Closed;
                    }
                } else if open {
                    let last = held.back().map(|(due, _)| *due);
                    let due = line.due(direction, read, &now);
                    held.push_back((last.map_or(due, |last| due.max(last)), buffer[..read].to_vec()));
                    held_bytes += read;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CUT: Conditions =
        Conditions { delay: Duration::ZERO, jitter: Duration::ZERO, rate: None, cut: true };

    fn slower_by(ms: u64) -> Conditions {
        Conditions { delay: Duration::from_millis(ms), ..Conditions::default() }
    }

    fn narrowed_to(rate: u64) -> Conditions {
        Conditions { rate: Some(rate), ..Conditions::default() }
    }

    #[tokio::test]
    async fn each_of_several_faults_of_one_link_ends_alone() {
        let relays = Relays::start().unwrap();
        let now = || relays.line(LinkTo::Cache).state.borrow().conditions();
        let slow = relays.impair(LinkTo::Cache, slower_by(40));
        let cut = relays.impair(LinkTo::Cache, CUT);
        assert_eq!(now(), slower_by(40).and(CUT));
        drop(cut);
        assert_eq!(now(), slower_by(40), "the end of the cut leaves the link slow");
        let slower = relays.impair(LinkTo::Cache, slower_by(5));
        assert_eq!(now().delay, Duration::from_millis(45), "delays add up");
        drop(slow);
        assert_eq!(now(), slower_by(5));
        let cuts = [CUT, CUT].map(|cut| relays.impair(LinkTo::Cache, cut));
        let [first, second] = cuts;
        drop(first);
        assert!(now().cut, "it is cut while any cut lasts");
        drop((second, slower));
        let wide = relays.impair(LinkTo::Cache, narrowed_to(2000));
        let narrow = relays.impair(LinkTo::Cache, narrowed_to(1000));
        assert_eq!(now().rate, Some(1000), "the narrower rate wins");
        drop(narrow);
        assert_eq!(now().rate, Some(2000));
        assert_eq!(relays.line(LinkTo::Database).state.borrow().conditions(), Conditions::default());
        drop(wide);
        assert!(now().is_clear());
    }

    /// A server that echoes, and a client of it through a relay.
    async fn echo(relays: &Relays) -> TcpStream {
        let server = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = server.local_addr().unwrap().port();
        tokio::spawn(async move {
            loop {
                let (stream, _) = server.accept().await.unwrap();
                stream.set_nodelay(true).unwrap();
                tokio::spawn(async move {
                    let (mut from, mut to) = stream.into_split();
                    let _ = tokio::io::copy(&mut from, &mut to).await;
                });
            }
        });
        let relay = relays.detour(LinkTo::Cache, "127.0.0.1", port).unwrap();
        assert_eq!(relays.detour(LinkTo::Cache, "127.0.0.1", port).unwrap(), relay);
        let stream = TcpStream::connect(("127.0.0.1", relay)).await.unwrap();
        stream.set_nodelay(true).unwrap();
        stream
    }

    async fn round_trip(stream: &mut TcpStream, bytes: usize) -> io::Result<Duration> {
        let started = Instant::now();
        let sent = vec![7; bytes];
        let mut received = vec![0; bytes];
        let (mut from, mut to) = stream.split();
        let (written, read) = tokio::join!(to.write_all(&sent), from.read_exact(&mut received));
        written?;
        read?;
        assert_eq!(received, sent);
        Ok(started.elapsed())
    }

    #[tokio::test]
    async fn a_clear_link_passes_everything_on_and_a_slow_one_takes_its_delay_longer() {
        let relays = Relays::start().unwrap();
        let mut stream = echo(&relays).await;
        round_trip(&mut stream, 1 << 20).await.unwrap();
        let slow = relays.impair(LinkTo::Cache, slower_by(40));
        let took = round_trip(&mut stream, 10).await.unwrap();
        assert!(took >= Duration::from_millis(40), "{took:?}");
        drop(slow);
        let took = round_trip(&mut stream, 10).await.unwrap();
        assert!(took < Duration::from_millis(40), "{took:?}");
    }

    #[tokio::test]
    async fn what_is_sent_into_a_cut_link_comes_when_it_is_mended_and_in_its_order() {
        let relays = Relays::start().unwrap();
        let mut stream = echo(&relays).await;
        round_trip(&mut stream, 10).await.unwrap();
        let cut = relays.impair(LinkTo::Cache, CUT);
        stream.write_all(b"first").await.unwrap();
        let mut received = [0; 10];
        let nothing = tokio::time::timeout(Duration::from_millis(100), stream.read(&mut received)).await;
        assert!(nothing.is_err(), "nothing gets through");
        stream.write_all(b"after").await.unwrap();
        drop(cut);
        stream.read_exact(&mut received).await.unwrap();
        assert_eq!(&received, b"firstafter");
    }

    #[tokio::test]
    async fn a_reset_closes_connections_with_an_error_and_lets_new_ones_through() {
        let relays = Relays::start().unwrap();
        let mut stream = echo(&relays).await;
        round_trip(&mut stream, 10).await.unwrap();
        let peer = stream.peer_addr().unwrap();
        relays.reset(LinkTo::Cache);
        let error = stream.read(&mut [0; 1]).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::ConnectionReset);
        let mut again = TcpStream::connect(peer).await.unwrap();
        round_trip(&mut again, 10).await.unwrap();
    }

    #[tokio::test]
    async fn a_throttled_link_lets_no_more_through_than_its_rate() {
        let relays = Relays::start().unwrap();
        let mut stream = echo(&relays).await;
        let _throttled = relays.impair(LinkTo::Cache, narrowed_to(1_000_000));
        let took = round_trip(&mut stream, 200_000).await.unwrap();
        // Data goes there and back at once, chunk by chunk, so it takes at least a fifth of a second in each direction.
        assert!(took >= Duration::from_millis(200), "{took:?}");
        assert!(took < Duration::from_secs(2), "{took:?}");
    }

    #[tokio::test]
    async fn a_server_that_is_not_there_refuses_through_the_relay_too() {
        let relays = Relays::start().unwrap();
        let nobody = StdListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let relay = relays.detour(LinkTo::Database, "127.0.0.1", nobody).unwrap();
        // Either the connection breaks or it is never made, since the relay hangs up as soon as the server has refused
        // it.
        let answered = async { TcpStream::connect(("127.0.0.1", relay)).await?.read(&mut [0; 1]).await };
        assert!(!matches!(answered.await, Ok(1..)));
    }
}
