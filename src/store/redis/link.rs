//! One connection that many clients share and that is made again when it breaks.

use std::io;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, Weak};
use std::time::Duration;

use parking_lot::Mutex;
use redis::aio::MultiplexedConnection;
use redis::io::tcp::TcpSettings;
use redis::{
    AsyncConnectionConfig, Client, ClientTlsConfig, Cmd, ConnectionAddr, IntoConnectionInfo, ProtocolVersion,
    RedisError, TlsCertificates, Value,
};
use tokio::sync::watch;

use super::connecting;
use super::errors::{kind_of, store_error};
use super::layout::NodeAddress;
use super::options::{RedisOptions, Tls};
use super::reply::Reply;
use super::wire::{Pack, PendingReply, Wire};
use crate::results::EventKind;
use crate::store::journal::Journal;
use crate::store::secret::SecretUrl;
use crate::store::{ErrorKind, StoreError};

/// The pauses between attempts to connect again. The first attempt is made at once; then the pause doubles up
/// to the longest.
const FIRST_PAUSE: Duration = Duration::from_millis(10);
const LONGEST_PAUSE: Duration = Duration::from_millis(160);
/// The time that an operation waits for a broken connection to be made again before it fails. Operations thus
/// survive a connection that only needed replacing, and clients of a dead server do not spin.
const PATIENCE: Duration = Duration::from_millis(20);

/// The options for connecting to one server.
pub(super) struct Address {
    client: Client,
    config: AsyncConnectionConfig,
    tls: Option<Arc<rustls::ClientConfig>>,
    connect_timeout: Duration,
    response_timeout: Duration,
    url: SecretUrl,
    /// Who has named this server, where it is not the user.
    named_by: Option<String>,
    /// True if a replica shall answer reads on this connection.
    reads_replica: bool,
    journal: Journal,
}

impl Address {
    /// The address of the options' first node.
    pub(super) fn new(options: &RedisOptions) -> Result<Self, StoreError> {
        Self::of(options, &options.url, false)
    }

    /// The address of a node of a cluster or shard. With `reads_replica`, a cluster's replica answers reads.
    pub(super) fn of_node(
        options: &RedisOptions,
        node: &NodeAddress,
        reads_replica: bool,
    ) -> Result<Self, StoreError> {
        let address = Self::of(options, &options.url_of(node), reads_replica)?;
        let named_by = (!options.is_named_by_user(node)).then(|| options.kind.named_by(&options.url, node));
        Ok(Self { named_by, ..address })
    }

    /// The address of any server, with the connection options of `options`.
    pub(super) fn of(
        options: &RedisOptions,
        url: &SecretUrl,
        reads_replica: bool,
    ) -> Result<Self, StoreError> {
        // Both drivers use the cryptography that is installed here. The second call finds it installed and
        // fails.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let unreadable = |error| store_error(&error, "reading the address", url);
        let client = client(options, url).map_err(unreadable)?;
        let is_encrypted = matches!(client.get_connection_info().addr(), ConnectionAddr::TcpTls { .. });
        let tls = is_encrypted.then(|| connecting::tls(&options.tls));
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(options.connect_timeout))
            .set_response_timeout(Some(options.response_timeout));
        Ok(Self {
            client,
            config,
            tls: tls.transpose().map_err(unreadable)?,
            connect_timeout: options.connect_timeout,
            response_timeout: options.response_timeout,
            url: url.clone(),
            named_by: None,
            reads_replica,
            journal: options.journal.clone(),
        })
    }

    /// The URL of the server.
    pub(super) fn url(&self) -> &SecretUrl {
        &self.url
    }

    pub(super) async fn connect(&self) -> Result<Wire, StoreError> {
        let connected = async {
            let info = self.client.get_connection_info();
            let wire = connecting::connect(info, self.tls.as_ref(), self.response_timeout).await?;
            if self.reads_replica {
                wire.send(&redis::cmd("READONLY"))?.await?;
            }
            Ok(wire)
        };
        let too_late = |_| Err(io::Error::from(io::ErrorKind::TimedOut).into());
        let connected = tokio::time::timeout(self.connect_timeout, connected).await.unwrap_or_else(too_late);
        connected.map_err(|error: RedisError| self.not_connected(&error))
    }

    /// The driver's configuration of connections.
    pub(super) fn config(&self) -> &AsyncConnectionConfig {
        &self.config
    }

    /// Connects by RESP3, in which the server can push messages.
    pub(super) async fn connect_in_resp3(
        &self,
        config: &AsyncConnectionConfig,
    ) -> Result<MultiplexedConnection, StoreError> {
        let info = self.client.get_connection_info();
        let settings = info.redis_settings().clone().set_protocol(ProtocolVersion::RESP3);
        let client = Client::open(info.clone().set_redis_settings(settings))
            .map_err(|error| self.error(&error, "reading the address"))?;
        client
            .get_multiplexed_async_connection_with_config(config)
            .await
            .map_err(|error| self.not_connected(&error))
    }

    /// Why there is no connection, with who named the server.
    fn not_connected(&self, error: &RedisError) -> StoreError {
        let mut error = self.error(error, "connecting");
        if let Some(named_by) = &self.named_by {
            error.detail = format!("{}{}", error.detail, named_by);
        }
        error
    }

    pub(super) fn error(&self, error: &RedisError, doing: &str) -> StoreError {
        store_error(error, doing, &self.url)
    }
}

fn client(options: &RedisOptions, url: &SecretUrl) -> Result<Client, RedisError> {
    let info = url.expose().into_connection_info()?;
    // The kernel gives up a peer that vanished silently after waiting this long for an acknowledgement,
    // rather than after a quarter of an hour.
    let tcp = TcpSettings::default().set_nodelay(true).set_user_timeout(options.response_timeout * 2);
    let mut info = info.set_tcp_settings(tcp);
    if let Some(detour) = &options.detour
        && let ConnectionAddr::Tcp(host, port) = info.addr()
    {
        let instead = detour(&NodeAddress::new(host.clone(), *port));
        info = info.set_addr(ConnectionAddr::Tcp(instead.host, instead.port));
    }
    let Tls { authorities, client, insecure } = &options.tls;
    let ConnectionAddr::TcpTls { host, port, insecure: asked, .. } = info.addr().clone() else {
        return Client::open(info);
    };
    if asked && !insecure {
        let why = "the URL ends in #insecure; leave that out, and name the authority of the server's certificate, or set tls_insecure (--tls-insecure of hotset monitor)";
        return Err(connecting::misconfigured(why));
    }
    let info = info.set_addr(ConnectionAddr::TcpTls { host, port, insecure: *insecure, tls_params: None });
    if authorities.is_none() && client.is_none() {
        return Client::open(info);
    }
    let client_tls = client.as_ref().map(|client| ClientTlsConfig {
        client_cert: client.certificate.to_vec(),
        client_key: client.key.to_vec(),
    });
    let root_cert = authorities.as_ref().map(|pem| pem.to_vec());
    Client::build_with_tls(info, TlsCertificates { client_tls, root_cert })
}

/// A connection that repairs itself. The task that drives it runs on the runtime of the caller that
/// connected, and a task that repairs it on that of the caller that found it broken.
pub(super) struct Link {
    address: Arc<Address>,
    state: Mutex<State>,
    /// True once it has been connected. A first connection is not noted as a reconnection.
    was_up: AtomicBool,
    /// The number of attempts to connect again, so that operations can wait for the next.
    attempts: watch::Sender<u64>,
}

/// The answer of a server, with its error or the driver's as it came.
pub(super) type RawAnswer = Result<Reply, RedisError>;

/// A request that is on its way.
pub(super) struct Sent {
    link: Arc<Link>,
    waiting: PendingReply,
    generation: u64,
}

impl Sent {
    /// Waits for the answer.
    pub(super) async fn answer(mut self, doing: &str) -> RawAnswer {
        let answer = (&mut self.waiting).await;
        if let Err(error) = &answer {
            self.link.failed(self.generation, error, doing);
        }
        answer
    }
}

/// A request after an ASKING. The answer to that is not waited for, as the one that matters comes after it.
struct Asking<'a, P: ?Sized>(&'a P);

impl<P: Pack + ?Sized> Pack for Asking<'_, P> {
    fn pack(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(b"*1\r\n$6\r\nASKING\r\n");
        self.0.pack(out);
    }

    fn ignored_answers(&self) -> usize {
        1 + self.0.ignored_answers()
    }
}

enum State {
    Up { wire: Arc<Wire>, generation: u64 },
    Down { last: StoreError, generation: u64, mending: bool },
}

impl State {
    fn generation(&self) -> u64 {
        match self {
            Self::Up { generation, .. } | Self::Down { generation, .. } => *generation,
        }
    }
}

impl Link {
    pub(super) async fn connect(address: Arc<Address>) -> Result<Arc<Self>, StoreError> {
        let link = Self::unconnected(address);
        link.connected().await?;
        Ok(link)
    }

    /// A link that connects when it is first used.
    pub(super) fn unconnected(address: Arc<Address>) -> Arc<Self> {
        let last = StoreError::new(ErrorKind::Connection, format!("connecting to Redis {}", address.url()));
        let state = Mutex::new(State::Down { last, generation: 0, mending: false });
        let (was_up, attempts) = (AtomicBool::new(false), watch::Sender::new(0));
        Arc::new(Self { address, state, was_up, attempts })
    }

    /// Connects unless it is connected already.
    pub(super) async fn connected(&self) -> Result<(), StoreError> {
        if !self.is_up() {
            let wire = self.address.connect().await?;
            self.finish(Ok(wire));
        }
        Ok(())
    }

    /// Returns true if it is connected, as far as is known.
    pub(super) fn is_up(&self) -> bool {
        matches!(*self.state.lock(), State::Up { .. })
    }

    /// Sends a command to the node that an ASK has named. That node answers for a slot that is being moved to
    /// it only right after ASKING.
    pub(super) async fn asking_request(
        self: &Arc<Self>,
        command: &(impl Pack + ?Sized),
        doing: &str,
    ) -> Result<RawAnswer, StoreError> {
        self.raw_request(&Asking(command), doing).await
    }

    /// The address that it connects to.
    pub(super) fn address(&self) -> &Arc<Address> {
        &self.address
    }

    /// Sends a command and waits for its answer, within the response timeout.
    pub(super) async fn request(self: &Arc<Self>, command: &Cmd, doing: &str) -> Result<Value, StoreError> {
        let answer = self.raw_request(command, doing).await?;
        answer.map(Reply::into_value).map_err(|error| self.address.error(&error, doing))
    }

    /// Like [`Link::request`], but with the error of the server or driver as it came.
    pub(super) async fn raw_request(
        self: &Arc<Self>,
        command: &(impl Pack + ?Sized),
        doing: &str,
    ) -> Result<RawAnswer, StoreError> {
        let mut sent = self.send(command);
        if sent.is_err() {
            Box::pin(self.wait_for_connection(doing)).await?;
            sent = self.send(command);
        }
        Ok(sent?.answer(doing).await)
    }

    /// Sends a command at once if the link is connected.
    ///
    /// # Errors
    /// Returns why it is not connected; nothing is sent then.
    pub(super) fn send(self: &Arc<Self>, command: &(impl Pack + ?Sized)) -> Result<Sent, StoreError> {
        let (wire, generation) = self.take()?;
        match wire.send(command) {
            Ok(waiting) => Ok(Sent { link: Arc::clone(self), waiting, generation }),
            Err(error) => {
                self.failed(generation, &error, "sending");
                Err(self.address.error(&error, "sending"))
            }
        }
    }

    fn failed(self: &Arc<Self>, generation: u64, error: &RedisError, doing: &str) {
        if kind_of(error) == ErrorKind::Connection {
            self.broke(generation, self.address.error(error, doing));
        }
    }

    fn take(&self) -> Result<(Arc<Wire>, u64), StoreError> {
        match &*self.state.lock() {
            State::Up { wire, generation } => Ok((Arc::clone(wire), *generation)),
            State::Down { last, .. } => Err(last.clone()),
        }
    }

    async fn wait_for_connection(self: &Arc<Self>, doing: &str) -> Result<(), StoreError> {
        let mut attempts = self.attempts.subscribe();
        self.mend();
        // The state is checked again, since the connection may have been repaired before the subscription.
        if self.is_up() {
            return Ok(());
        }
        let _ = tokio::time::timeout(PATIENCE, attempts.changed()).await;
        self.take()
            .map(drop)
            .map_err(|last| StoreError::new(last.kind, format!("{doing}: not connected: {}", last.detail)))
    }

    /// Begins the repair, unless it has begun already for this generation of the connection.
    fn broke(self: &Arc<Self>, generation: u64, error: StoreError) {
        let mut state = self.state.lock();
        if state.generation() != generation || matches!(*state, State::Down { .. }) {
            return;
        }
        *state = State::Down { last: error, generation: generation + 1, mending: false };
        drop(state);
        self.mend();
    }

    /// Starts a task to connect again if the link is down and there is none yet.
    fn mend(self: &Arc<Self>) {
        if let State::Down { mending, .. } = &mut *self.state.lock()
            && !std::mem::replace(mending, true)
        {
            let mending = Mending(Arc::downgrade(self));
            tokio::spawn(mending.run());
        }
    }

    /// Takes the outcome of an attempt to connect; returns true if a connection that had broken is up again. Where two attempts
    /// were under way, the connection that came first stays, since requests wait on it already.
    fn finish(&self, attempt: Result<Wire, StoreError>) -> bool {
        let mut state = self.state.lock();
        if matches!(*state, State::Up { .. }) {
            return false;
        }
        let again = attempt.is_ok() && self.was_up.swap(true, Relaxed);
        let generation = state.generation();
        *state = match attempt {
            Ok(wire) => State::Up { wire: Arc::new(wire), generation: generation + 1 },
            Err(last) => State::Down { last, generation, mending: true },
        };
        drop(state);
        self.attempts.send_modify(|attempts| *attempts += 1);
        again
    }
}

/// The task that tries to connect again until it has, or until the link is dropped.
struct Mending(Weak<Link>);

impl Mending {
    async fn run(self) {
        let mut pause = Duration::ZERO;
        loop {
            tokio::time::sleep(pause).await;
            let Some(address) = self.0.upgrade().map(|link| Arc::clone(&link.address)) else { return };
            let attempt = address.connect().await;
            let Some(link) = self.0.upgrade() else { return };
            let connected = attempt.is_ok();
            if link.finish(attempt) {
                let place = link.address.url.host_and_port();
                let detail = "a connection that had broken is there again";
                link.address.journal.note(EventKind::Reconnected, place, detail);
            }
            if connected {
                return;
            }
            pause = (pause * 2).clamp(FIRST_PAUSE, LONGEST_PAUSE);
        }
    }
}

impl Drop for Mending {
    /// A runtime that ends cancels its tasks. The next operation on another runtime then begins the repair
    /// again.
    fn drop(&mut self) {
        if let Some(link) = self.0.upgrade()
            && let State::Down { mending, .. } = &mut *link.state.lock()
        {
            *mending = false;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::redis::options::DeploymentKind;

    #[tokio::test]
    async fn a_second_attempt_to_connect_that_succeeds_takes_no_answer_from_those_who_asked_on_the_first() {
        let timeout = Duration::from_secs(10);
        let options = RedisOptions::at("redis://127.0.0.1:1/");
        let node = NodeAddress { host: "127.0.0.1".into(), port: 1 };
        let link = Link::unconnected(Arc::new(Address::of_node(&options, &node, false).unwrap()));
        let (first, mut server) = tokio::io::duplex(1024);
        let (second, _other) = tokio::io::duplex(1024);
        link.finish(Ok(Wire::over(first, timeout)));
        let asked = link.send(&redis::cmd("PING")).unwrap();
        assert!(!link.finish(Ok(Wire::over(second, timeout))), "nothing had broken");
        let refused = StoreError::new(ErrorKind::Connection, "a third attempt was refused");
        link.finish(Err(refused));
        assert!(link.is_up(), "an attempt that comes to nothing ends no connection");
        tokio::io::AsyncWriteExt::write_all(&mut server, b"+PONG\r\n").await.unwrap();
        let answer = asked.answer("asking").await;
        assert!(matches!(answer.map(Reply::into_value), Ok(Value::SimpleString(pong)) if pong == "PONG"));
    }

    #[test]
    fn only_a_node_that_others_have_named_is_told_with_who_named_it() {
        let named_by = |url: &str, kind: DeploymentKind, node: NodeAddress| {
            let options = RedisOptions { kind, ..RedisOptions::at(url) };
            Address::of_node(&options, &node, false).unwrap().named_by
        };
        for (url, host, port) in [
            ("redis://localhost", "localhost", 6379),
            ("redis://localhost:7000/0?protocol=resp3", "localhost", 7000),
            ("redis://user:pw@[0:0:0:0:0:0:0:1]:7000", "::1", 7000),
            ("redis://[::1]", "::1", 6379),
        ] {
            let told = named_by(url, DeploymentKind::One, NodeAddress::new(host, port));
            assert_eq!(told, None, "{url}");
        }
        let other = || NodeAddress::new("10.0.0.5", 6379);
        let told = named_by("redis://localhost", DeploymentKind::One, other()).unwrap();
        assert!(told.contains("announces it as 10.0.0.5:6379"), "{told}");
        let seeds = DeploymentKind::Cluster { seeds: vec![SecretUrl::new("redis://10.0.0.5")] };
        assert_eq!(named_by("redis://localhost", seeds, other()), None);
        let by_sentinels = DeploymentKind::Sentinel {
            sentinels: Vec::new(),
            masters: Vec::new(),
            sharding: crate::store::redis::options::Sharding::Rendezvous,
        };
        // The host of that URL is not the user's.
        let here = NodeAddress::new("127.0.0.1", 6379);
        assert!(named_by("redis://127.0.0.1/", by_sentinels, here).is_some());
    }

    #[test]
    fn a_url_that_asks_for_servers_not_to_be_verified_needs_the_setting_that_every_page_tells() {
        let mut options = RedisOptions::at("rediss://127.0.0.1:1/#insecure");
        let url = options.url.clone();
        let said = client(&options, &url).map(|_| "no error").unwrap_err().to_string();
        assert!(said.contains("#insecure; leave that out") && said.contains("tls_insecure"), "{said}");
        options.tls.insecure = true;
        assert!(client(&options, &url).is_ok());
    }
}
