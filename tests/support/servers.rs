//! Real servers for tests: on a free port, in a directory of their own, gone when dropped and however the
//! test process ends.

use std::fs::File;
use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::{Duration, Instant};

use tempfile::TempDir;

/// A kind of server, and how it says that it is ready.
#[derive(Clone, Copy)]
enum Kind {
    Redis,
    Mongo,
}

impl Kind {
    fn program(self) -> &'static str {
        match self {
            Self::Redis => "redis-server",
            Self::Mongo => "mongod",
        }
    }

    fn ready(self) -> &'static str {
        match self {
            Self::Redis => "Ready to accept connections",
            Self::Mongo => "Waiting for connections",
        }
    }

    fn arguments(self, port: u16, directory: &Path) -> Vec<String> {
        let directory = directory.display();
        let arguments = match self {
            Self::Redis => format!("--port {port} --bind 127.0.0.1 --dir {directory} --appendonly no"),
            Self::Mongo => format!(
                "--port {port} --bind_ip 127.0.0.1 --dbpath {directory} --nounixsocket --wiredTigerCacheSizeGB 0.25"
            ),
        };
        arguments.split_whitespace().map(String::from).collect()
    }
}

/// A server that runs until it is dropped or killed.
pub struct Server {
    kind: Kind,
    port: u16,
    extra: Vec<String>,
    directory: TempDir,
    child: Option<Child>,
}

impl Server {
    /// A Redis with further arguments, none of which may hold a space.
    pub fn redis(extra: &[&str]) -> Self {
        // Nothing on disk: a killed one comes back empty.
        Self::start(Kind::Redis, &[&["--save", ""], extra].concat())
    }

    /// A MongoDB.
    pub fn mongo() -> Self {
        Self::start(Kind::Mongo, &[])
    }

    fn start(kind: Kind, extra: &[&str]) -> Self {
        // Another process may take a port between its being found free and the server's taking it.
        for _ in 0..5 {
            let mut server = Self {
                kind,
                port: free_port(),
                extra: extra.iter().map(ToString::to_string).collect(),
                directory: tempfile::tempdir().unwrap(),
                child: None,
            };
            if server.run() {
                return server;
            }
        }
        panic!("{} found no port to listen on", kind.program());
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    /// Ends it as a crash would.
    pub fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            drop(child.stdin.take());
            let _ = child.wait();
        }
    }

    /// Starts it again where it was.
    pub fn restart(&mut self) {
        self.kill();
        assert!(self.run(), "port {} was taken meanwhile", self.port);
    }

    fn run(&mut self) -> bool {
        let program = self.kind.program();
        let log = self.directory.path().join("log");
        // The shell kills the server when its input ends: when this process drops it, or dies itself.
        let script = r#"command -v "$1" >/dev/null || { echo no such program; exit 1; }
            "$@" & server=$!; read -r _; kill -9 $server; wait $server 2>/dev/null"#;
        let child = Command::new("sh")
            .args(["-c", script, "sh", program])
            .args(self.kind.arguments(self.port, self.directory.path()))
            .args(&self.extra)
            .stdin(Stdio::piped())
            .stdout(File::create(&log).unwrap())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        self.child = Some(child);
        let deadline = Instant::now() + Duration::from_mins(1);
        loop {
            let said = std::fs::read_to_string(&log).unwrap_or_default();
            if said.contains(self.kind.ready()) {
                return true;
            }
            assert!(
                !said.contains("no such program"),
                "{program} is not installed: run scripts/test, which installs what is missing"
            );
            if said.contains("Address already in use") {
                self.kill();
                return false;
            }
            assert!(Instant::now() < deadline, "{program} did not start:\n{said}");
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.kill();
    }
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// A server that tests running at the same time share, ended by the last of them.
pub struct Shared(Mutex<Weak<Server>>);

impl Shared {
    pub const fn new() -> Self {
        Self(Mutex::new(Weak::new()))
    }

    pub fn get(&self, start: fn() -> Server) -> Arc<Server> {
        let mut shared = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(server) = shared.upgrade() {
            return server;
        }
        let server = Arc::new(start());
        *shared = Arc::downgrade(&server);
        server
    }
}
