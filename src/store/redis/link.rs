//! One multiplexed connection that many clients share and that is made again when it breaks.
//!
//! The driver's own `ConnectionManager` boxes and shares a future for every request; here a request
//! costs a short lock and a clone.

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

use super::errors::{kind_of, store_error};
use super::layout::NodeAddress;
use super::options::{RedisOptions, Tls};
use super::refusal::refused_credentials;
use crate::results::EventKind;
use crate::store::journal::Journal;
use crate::store::secret::SecretUrl;
use crate::store::{ErrorKind, StoreError};

/// The number of requests that may wait to be written. The driver's default of 50 would throttle more clients
/// than that.
const QUEUE: usize = 4096;
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
        let is_the_users = node.is_socket() || options.url.host_and_port() == node.to_string();
        let named_by = (!is_the_users).then(|| options.kind.named_by(&options.url, node));
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
        let client = client(options, url).map_err(|error| store_error(&error, "reading the address", url))?;
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(options.connect_timeout))
            .set_response_timeout(Some(options.response_timeout))
            .set_pipeline_buffer_size(QUEUE);
        let journal = options.journal.clone();
        Ok(Self { client, config, url: url.clone(), named_by: None, reads_replica, journal })
    }

    /// The URL of the server.
    pub(super) fn url(&self) -> &SecretUrl {
        &self.url
    }

    pub(super) async fn connect(&self) -> Result<MultiplexedConnection, StoreError> {
        let connected = async {
            let mut connection =
                self.client.get_multiplexed_async_connection_with_config(&self.config).await?;
            if self.reads_replica {
                redis::cmd("READONLY").query_async::<()>(&mut connection).await?;
            }
            Ok(connection)
        };
        match connected.await {
            Ok(connection) => Ok(connection),
            Err(error) => {
                let refused = refused_credentials(&self.client, &self.config, &error).await;
                Err(self.not_connected(&refused.unwrap_or(error)))
            }
        }
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
    let ConnectionAddr::TcpTls { host, port, .. } = info.addr().clone() else { return Client::open(info) };
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

enum State {
    Up { connection: MultiplexedConnection, generation: u64 },
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
        let connection = address.connect().await?;
        let state = Mutex::new(State::Up { connection, generation: 0 });
        let (was_up, attempts) = (AtomicBool::new(true), watch::Sender::new(0));
        Ok(Arc::new(Self { address, state, was_up, attempts }))
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
            let connection = self.address.connect().await?;
            self.finish(Ok(connection));
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
        command: &Cmd,
        doing: &str,
    ) -> Result<Result<Value, RedisError>, StoreError> {
        let (mut connection, generation) = match self.take() {
            Ok(up) => up,
            Err(_) => Box::pin(self.wait_for_connection(doing)).await?,
        };
        let mut both = redis::pipe();
        both.add_command(redis::cmd("ASKING")).ignore().add_command(command.clone());
        let answer = Box::pin(connection.send_packed_commands(&both, 1, 1)).await;
        let answer = answer.and_then(|mut values| values.pop().unwrap_or(Value::Nil).extract_error());
        if let Err(error) = &answer
            && kind_of(error) == ErrorKind::Connection
        {
            self.broke(generation, self.address.error(error, doing));
        }
        Ok(answer)
    }

    /// The address that it connects to.
    pub(super) fn address(&self) -> &Arc<Address> {
        &self.address
    }

    /// Sends a command and waits for its answer, within the response timeout.
    pub(super) async fn request(self: &Arc<Self>, command: &Cmd, doing: &str) -> Result<Value, StoreError> {
        let answer = self.raw_request(command, doing).await?;
        answer.map_err(|error| self.address.error(&error, doing))
    }

    /// Like [`Link::request`], but with the error of the server or driver as it came.
    pub(super) async fn raw_request(
        self: &Arc<Self>,
        command: &Cmd,
        doing: &str,
    ) -> Result<Result<Value, RedisError>, StoreError> {
        let (mut connection, generation) = match self.take() {
            Ok(up) => up,
            Err(_) => Box::pin(self.wait_for_connection(doing)).await?,
        };
        // The driver's future is large. Without the box every caller between here and the client would move
        // it again, which costs more than the allocation.
        let answer = Box::pin(connection.send_packed_command(command)).await;
        let answer = answer.and_then(Value::extract_error);
        if let Err(error) = &answer
            && kind_of(error) == ErrorKind::Connection
        {
            self.broke(generation, self.address.error(error, doing));
        }
        Ok(answer)
    }

    fn take(&self) -> Result<(MultiplexedConnection, u64), StoreError> {
        match &*self.state.lock() {
            State::Up { connection, generation } => Ok((connection.clone(), *generation)),
            State::Down { last, .. } => Err(last.clone()),
        }
    }

    async fn wait_for_connection(
        self: &Arc<Self>,
        doing: &str,
    ) -> Result<(MultiplexedConnection, u64), StoreError> {
        let mut attempts = self.attempts.subscribe();
        self.mend();
        // The state is checked again, since the connection may have been repaired before the subscription.
        if let Ok(up) = self.take() {
            return Ok(up);
        }
        let _ = tokio::time::timeout(PATIENCE, attempts.changed()).await;
        let last = match self.take() {
            Ok(up) => return Ok(up),
            Err(last) => last,
        };
        Err(StoreError::new(last.kind, format!("{doing}: not connected: {}", last.detail)))
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

    /// Takes the outcome of an attempt to connect; returns true if a connection that had broken is up again.
    fn finish(&self, attempt: Result<MultiplexedConnection, StoreError>) -> bool {
        let again = attempt.is_ok() && self.was_up.swap(true, Relaxed);
        let mut state = self.state.lock();
        let generation = state.generation();
        *state = match attempt {
            Ok(connection) => State::Up { connection, generation: generation + 1 },
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
