//! A managed MongoDB.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use mongodb::Client;
use mongodb::bson::{Document, doc};
use mongodb::options::ClientOptions;

use super::error::ServerError;
use super::find::MONGOD;
use super::launch::{ServerKind, launch, quote_plainly, relaunch};
use super::log;
use super::process::ServerProcess;
use super::protocol::{ServerExit, ServerSpec};
use super::supervisor::Supervisor;

/// WiredTiger refuses a smaller cache.
const SMALLEST_CACHE_GB: f64 = 0.25;
/// WiredTiger refuses a larger cache.
const LARGEST_CACHE_GB: f64 = 10_000.0;
/// The time within which one command of a probe has to be answered.
const COMMAND_BOUND: Duration = Duration::from_secs(1);
/// The time within which the only candidate has to be elected.
const ELECTION_BOUND: Duration = Duration::from_secs(30);
const ELECTION_PAUSE: Duration = Duration::from_millis(20);

/// The configuration of a managed MongoDB.
#[derive(Debug, Clone)]
pub struct MongodConfig {
    /// The program, or nothing for the one that [`find_mongod`](super::find_mongod) finds.
    pub program: Option<PathBuf>,
    /// The size of WiredTiger's cache in GB, at least 0.25. Data beyond it is still cached by the operating system.
    pub cache_gb: f64,
    /// The name of a replica set of one node, or nothing for a standalone server. Transactions and change streams need one.
    pub replica_set: Option<String>,
    /// The port to try first; another one is taken if it is not free.
    pub first_port: Option<u16>,
    /// The processors it may use; empty for all. Linux only.
    pub cpus: Vec<usize>,
    /// Further arguments. They are visible to every user of the machine.
    pub extra: Vec<String>,
}

impl Default for MongodConfig {
    fn default() -> Self {
        Self {
            program: None,
            cache_gb: SMALLEST_CACHE_GB,
            replica_set: None,
            first_port: None,
            cpus: Vec::new(),
            extra: Vec::new(),
        }
    }
}

/// A MongoDB that hotset started, on 127.0.0.1. It asks for no password, so every user of this machine can reach it
/// while it runs. Dropping it ends it.
pub struct MongodServer {
    process: ServerProcess,
    kind: Mongod,
    port: u16,
}

impl MongodServer {
    /// Starts a MongoDB and waits until it takes writes. After Err nothing of it is left.
    pub async fn start(supervisor: &Supervisor, config: MongodConfig) -> Result<Self, ServerError> {
        check_cache_size(config.cache_gb)?;
        let program = match &config.program {
            Some(path) => MONGOD.check(path)?,
            None => MONGOD.locate()?,
        };
        let first_port = config.first_port;
        let kind = Mongod { program, config };
        let (process, port) = launch(supervisor, &kind, first_port).await?;
        let server = Self { process, kind, port };
        server.found_replica_set().await?;
        server.wait_until_primary().await?;
        Ok(server)
    }

    /// Its port on 127.0.0.1; it keeps it over restarts.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The URL to connect to. It holds no secret.
    #[must_use]
    pub fn url(&self) -> String {
        // A direct connection also works for a replica set of one, and does not look for other members.
        format!("mongodb://127.0.0.1:{}/?directConnection=true", self.port)
    }

    /// Its process, to be paused, signalled or measured.
    #[must_use]
    pub fn process(&self) -> &ServerProcess {
        &self.process
    }

    /// Ends it hard, as a crash would. It can be restarted.
    pub async fn kill(&self) -> Result<ServerExit, ServerError> {
        self.process.kill().await
    }

    /// Starts it again on the same port over the data it had on disk; one that runs is killed before. After Ok it
    /// takes writes.
    pub async fn restart(&self) -> Result<(), ServerError> {
        relaunch(&self.kind, &self.process, self.port).await?;
        self.wait_until_primary().await
    }

    /// Ends it and removes its data. After Ok neither is left.
    pub async fn remove(self) -> Result<(), ServerError> {
        self.process.remove().await
    }

    async fn found_replica_set(&self) -> Result<(), ServerError> {
        let Some(name) = &self.kind.config.replica_set else { return Ok(()) };
        let member = doc! { "_id": 0, "host": format!("127.0.0.1:{}", self.port) };
        let initiate = doc! { "replSetInitiate": { "_id": name, "members": [member] } };
        match admin_command(self.port, initiate, ELECTION_BOUND).await {
            Ok(_) => Ok(()),
            Err(last) => Err(self.not_ready(format!("founding the replica set: {last}"))),
        }
    }

    async fn wait_until_primary(&self) -> Result<(), ServerError> {
        let until = Instant::now() + ELECTION_BOUND;
        loop {
            let last = match admin_command(self.port, doc! { "hello": 1 }, COMMAND_BOUND).await {
                Ok(answer) if answer.get_bool("isWritablePrimary").unwrap_or(false) => return Ok(()),
                Ok(_) => "it is not the primary yet".to_owned(),
                Err(reason) => reason,
            };
            if Instant::now() >= until {
                return Err(self.not_ready(last));
            }
            tokio::time::sleep(ELECTION_PAUSE).await;
        }
    }

    fn not_ready(&self, last: String) -> ServerError {
        ServerError::NotReady {
            server: self.process.name().to_owned(),
            waited: ELECTION_BOUND,
            last,
            log: self.kind.quote(&self.process.log_tail()),
        }
    }
}

fn check_cache_size(gigabytes: f64) -> Result<(), ServerError> {
    if (SMALLEST_CACHE_GB..=LARGEST_CACHE_GB).contains(&gigabytes) {
        return Ok(());
    }
    let key = format!("cache_gb = {gigabytes}");
    Err(ServerError::Setting { server: Mongod::NAME, key, reason: "it must be from 0.25 to 10000" })
}

struct Mongod {
    program: PathBuf,
    config: MongodConfig,
}

impl ServerKind for Mongod {
    const NAME: &'static str = "mongod";
    const START_BOUND: Duration = Duration::from_secs(30);
    // A restart replays the journal first.
    const RESTART_BOUND: Duration = Duration::from_mins(2);

    fn prepare(&self, name: String, directory: &Path, port: u16) -> Result<ServerSpec, ServerError> {
        // The server's own directory is the database's too: it is new, private, and may also hold the log.
        // It runs in it, and the name of it need not be text.
        let mut args: Vec<String> =
            ["--bind_ip", "127.0.0.1", "--nounixsocket", "--quiet"].map(Into::into).into();
        args.extend(["--port".into(), port.to_string(), "--dbpath".into(), ".".into()]);
        args.extend(["--wiredTigerCacheSizeGB".into(), self.config.cache_gb.to_string()]);
        args.extend(["--setParameter".into(), "diagnosticDataCollectionEnabled=false".into()]);
        if let Some(replica_set) = &self.config.replica_set {
            args.extend(["--replSet".into(), replica_set.clone()]);
        }
        args.extend(self.config.extra.iter().cloned());
        Ok(ServerSpec {
            name,
            program: self.program.clone(),
            args,
            env: Vec::new(),
            cpus: self.config.cpus.clone(),
            log: directory.join("server.log"),
        })
    }

    async fn probe(&self, port: u16, pid: u32) -> Result<(), String> {
        // A refused connection is reported at once here, while the driver would keep trying.
        let connected = tokio::net::TcpStream::connect(("127.0.0.1", port)).await;
        connected.map_err(|error| error.to_string())?;
        let status = admin_command(port, doc! { "serverStatus": 1 }, COMMAND_BOUND).await?;
        // Without a password, another server that took the port would answer as well.
        let answers = status.get_i64("pid").map_err(|error| error.to_string())?;
        if answers == i64::from(pid) { Ok(()) } else { Err(format!("process {answers} answers on its port")) }
    }

    fn quote(&self, log: &str) -> String {
        let errors: Vec<String> = log.lines().filter_map(error_line).collect();
        if errors.is_empty() {
            quote_plainly(log)
        } else {
            log::last_lines(errors.iter().map(String::as_str))
        }
    }
}

/// An error of MongoDB's structured log, shortened. Other lines are left out, since dozens of lines about shutting down
/// hide the reason of an early end. Lines that are not JSON are the program's own complaints, and are kept.
fn error_line(line: &str) -> Option<String> {
    let Ok(entry) = serde_json::from_str::<serde_json::Value>(line) else {
        return Some(line.to_owned()).filter(|line| !line.trim().is_empty());
    };
    let severe = matches!(entry["s"].as_str(), Some("E" | "F"));
    severe.then(|| {
        let attributes = entry.get("attr").map(ToString::to_string).unwrap_or_default();
        format!("{} {attributes}", entry["msg"].as_str().unwrap_or_default())
    })
}

/// Runs one command over a connection of its own, which is closed afterwards: probes are few.
async fn admin_command(port: u16, command: Document, bound: Duration) -> Result<Document, String> {
    let address = mongodb::options::ServerAddress::Tcp { host: "127.0.0.1".to_owned(), port: Some(port) };
    let options = ClientOptions::builder()
        .hosts(vec![address])
        .direct_connection(true)
        .server_selection_timeout(bound)
        .connect_timeout(bound)
        .build();
    let client = Client::with_options(options).map_err(|error| error.to_string())?;
    let answer = tokio::time::timeout(bound, client.database("admin").run_command(command)).await;
    client.shutdown().immediate(true).await;
    match answer {
        Ok(answer) => answer.map_err(|error| error.to_string()),
        Err(_) => Err(format!("no answer within {bound:?}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cache_that_mongod_would_refuse_is_refused_before_it_starts() {
        assert!(check_cache_size(0.25).is_ok());
        for size in [0.1, f64::NAN, f64::INFINITY] {
            assert!(check_cache_size(size).unwrap_err().to_string().contains("0.25"));
        }
    }

    #[test]
    fn only_the_errors_of_a_structured_log_are_quoted() {
        let kind = Mongod { program: PathBuf::new(), config: MongodConfig::default() };
        let log = concat!(
            r#"{"s":"I","msg":"starting"}"#,
            "\n",
            r#"{"s":"E","msg":"Failed to set up listener","attr":{"error":"Address already in use"}}"#,
            "\n",
            r#"{"s":"I","msg":"bye"}"#,
        );
        assert_eq!(kind.quote(log), "  Failed to set up listener {\"error\":\"Address already in use\"}");
    }
}
