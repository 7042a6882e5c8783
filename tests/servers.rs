//! Managed servers are real, private, and never outlive hotset. These tests start real processes.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::net::{Ipv4Addr, TcpListener};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use hotset::topology::servers::{
    MongodConfig, MongodServer, Persistence, RedisConfig, RedisServer, ServerError, ServerExit,
    ServerProcess, ServerSpec, Supervisor, SweepReport, UsageSampler, find_mongod, find_redis_server,
    sweep_stale_in,
};
use rustix::process::{Pid, Signal, kill_process};

const HOTSET: &str = env!("CARGO_BIN_EXE_hotset");
const BOUND: Duration = Duration::from_secs(20);

async fn supervisor() -> Supervisor {
    Supervisor::start(Path::new(HOTSET)).await.unwrap()
}

async fn redis(supervisor: &Supervisor) -> RedisServer {
    RedisServer::start(supervisor, RedisConfig::default()).await.unwrap()
}

async fn mongod(supervisor: &Supervisor) -> MongodServer {
    MongodServer::start(supervisor, MongodConfig::default()).await.unwrap()
}

async fn ask(url: &str, command: &str, args: &[&str]) -> redis::RedisResult<String> {
    let mut connection = redis::Client::open(url)?.get_multiplexed_async_connection().await?;
    redis::cmd(command).arg(args).query_async(&mut connection).await
}

/// A zombie has ended; only its parent has not looked yet.
fn runs(pid: u32) -> bool {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit_once(") ").is_some_and(|(_, rest)| !rest.starts_with(['Z', 'X']))
}

fn is_free(port: u16) -> bool {
    TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok()
}

fn eventually(what: &str, condition: impl Fn() -> bool) {
    let until = Instant::now() + BOUND;
    while !condition() {
        assert!(Instant::now() < until, "not within {BOUND:?}: {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

fn nothing_is_left(pids: &[u32], ports: &[u16], directory: &Path) {
    eventually("the processes have ended", || pids.iter().all(|pid| !runs(*pid)));
    eventually("the directory is removed", || !directory.exists());
    eventually("the ports are free", || ports.iter().all(|port| is_free(*port)));
}

fn kill_hard(pid: u32) {
    kill_process(Pid::from_raw(pid.try_into().unwrap()).unwrap(), Signal::KILL).unwrap();
}

fn failure<T>(outcome: Result<T, ServerError>) -> ServerError {
    match outcome {
        Ok(_) => panic!("it should have failed"),
        Err(error) => error,
    }
}

async fn sleeper(supervisor: &Supervisor, cpus: Vec<usize>) -> ServerProcess {
    let name = supervisor.name("sleeper");
    let log = supervisor.make_directory(&name).unwrap().join("log");
    let args = vec!["600".to_owned()];
    let spec = ServerSpec { name, program: "sleep".into(), args, env: Vec::new(), cpus, log };
    ServerProcess::start(supervisor, spec).await.unwrap()
}

#[tokio::test]
async fn redis_answers_with_the_password_and_refuses_without() {
    let supervisor = supervisor().await;
    let server = redis(&supervisor).await;

    assert_eq!(ask(server.url().expose(), "PING", &[]).await.unwrap(), "PONG");
    let without = format!("redis://127.0.0.1:{}/", server.port());
    assert!(ask(&without, "PING", &[]).await.unwrap_err().to_string().contains("NOAUTH"));
    supervisor.shutdown().await.unwrap();
}

#[tokio::test]
async fn the_password_is_in_a_private_file_and_nowhere_else() {
    let supervisor = supervisor().await;
    let server = redis(&supervisor).await;
    let password = server.password().expose().to_owned();
    let directory = server.process().directory();
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;

    assert_eq!(password.len(), 32);
    assert_eq!(mode(&directory.join("redis.conf")), 0o600);
    assert_eq!(mode(&directory), 0o700);
    assert_eq!(mode(supervisor.directory()), 0o700);
    let command_line = fs::read(format!("/proc/{}/cmdline", server.process().pid())).unwrap();
    let log = fs::read_to_string(server.process().log()).unwrap();
    let record = fs::read_to_string(supervisor.directory().join("servers.json")).unwrap();
    let shown = format!("{:?} {}", server.password(), server.url());
    for text in [String::from_utf8_lossy(&command_line).into_owned(), log, record, shown] {
        assert!(!text.contains(&password), "{text}");
    }
    supervisor.shutdown().await.unwrap();
}

#[tokio::test]
async fn a_shutdown_leaves_no_process_no_directory_and_no_port() {
    let supervisor = supervisor().await;
    let (redis, mongod) = (redis(&supervisor).await, mongod(&supervisor).await);
    let pids = [supervisor.pid(), redis.process().pid(), mongod.process().pid()];
    assert!(pids.iter().all(|pid| runs(*pid)));

    supervisor.shutdown().await.unwrap();

    // After Ok, at once and not only eventually.
    assert!(pids.iter().all(|pid| !runs(*pid)));
    assert!(!supervisor.directory().exists());
    assert!(is_free(redis.port()) && is_free(mongod.port()));
}

#[tokio::test]
async fn dropping_the_supervisor_and_its_servers_leaves_nothing() {
    let supervisor = supervisor().await;
    let server = redis(&supervisor).await;
    let (pids, ports) = ([supervisor.pid(), server.process().pid()], [server.port()]);
    let directory = supervisor.directory().to_owned();

    drop(supervisor);
    assert!(runs(pids[1]), "a server keeps its supervisor");
    drop(server);

    nothing_is_left(&pids, &ports, &directory);
}

#[tokio::test]
async fn dropping_one_server_removes_it_and_leaves_the_others() {
    let supervisor = supervisor().await;
    let (gone, stays) = (redis(&supervisor).await, redis(&supervisor).await);
    let (pid, port, directory) = (gone.process().pid(), gone.port(), gone.process().directory());

    drop(gone);

    nothing_is_left(&[pid], &[port], &directory);
    assert_eq!(ask(stays.url().expose(), "PING", &[]).await.unwrap(), "PONG");
    stays.remove().await.unwrap();
    supervisor.shutdown().await.unwrap();
}

/// The facts that the process below tells about itself, in one line.
struct Holder {
    process: Child,
    pids: Vec<u32>,
    ports: Vec<u16>,
    directory: PathBuf,
}

const HOLD: &str = "HOTSET_TEST_HOLDS_SERVERS";

impl Holder {
    /// Starts this very test program once more, as a process that holds servers until it is killed.
    fn start() -> Self {
        let mut process = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "a_hotset_that_is_killed_hard_leaves_nothing", "--nocapture"])
            .env(HOLD, "1")
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(process.stdout.take().unwrap()).lines();
        let line =
            lines.map_while(Result::ok).find_map(|line| Some(line.split_once("HOLDING ")?.1.to_owned()));
        let told: serde_json::Value = serde_json::from_str(&line.expect("the servers start")).unwrap();
        Self {
            process,
            pids: serde_json::from_value(told["pids"].clone()).unwrap(),
            ports: serde_json::from_value(told["ports"].clone()).unwrap(),
            directory: serde_json::from_value(told["directory"].clone()).unwrap(),
        }
    }
}

/// Does what the program does that [`Holder`] starts.
async fn hold_servers() {
    let supervisor = supervisor().await;
    let (redis, mongod) = (redis(&supervisor).await, mongod(&supervisor).await);
    let told = serde_json::json!({
        "pids": [supervisor.pid(), redis.process().pid(), mongod.process().pid()],
        "ports": [redis.port(), mongod.port()],
        "directory": supervisor.directory(),
    });
    println!("HOLDING {told}");
    std::future::pending::<()>().await;
}

#[tokio::test]
async fn a_hotset_that_is_killed_hard_leaves_nothing() {
    if std::env::var_os(HOLD).is_some() {
        hold_servers().await;
    }
    let mut holder = Holder::start();
    assert!(holder.pids.iter().all(|pid| runs(*pid)));

    holder.process.kill().unwrap();
    holder.process.wait().unwrap();

    nothing_is_left(&holder.pids, &holder.ports, &holder.directory);
}

#[test]
fn polite_signals_do_not_end_the_supervisor_before_hotset() {
    let mut holder = Holder::start();
    let supervisor = Pid::from_raw(holder.pids[0].try_into().unwrap()).unwrap();

    for signal in [Signal::INT, Signal::TERM, Signal::HUP, Signal::QUIT] {
        kill_process(supervisor, signal).unwrap();
    }
    holder.process.kill().unwrap();
    holder.process.wait().unwrap();

    // Had a signal ended it, its directory would stay.
    nothing_is_left(&holder.pids, &holder.ports, &holder.directory);
}

#[tokio::test]
async fn the_supervisor_is_in_a_session_of_its_own() {
    let supervisor = supervisor().await;
    let pid = Pid::from_raw(supervisor.pid().try_into().unwrap()).unwrap();
    assert_eq!(rustix::process::getsid(Some(pid)).unwrap(), pid);
    supervisor.shutdown().await.unwrap();
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn servers_die_with_a_killed_supervisor_and_the_sweep_removes_its_directory() {
    let root = tempfile::tempdir().unwrap();
    let supervisor = Supervisor::start_in(Path::new(HOTSET), root.path()).await.unwrap();
    let (redis, mongod) = (redis(&supervisor).await, mongod(&supervisor).await);
    let pids = [redis.process().pid(), mongod.process().pid()];

    kill_hard(supervisor.pid());

    eventually("the servers have died", || pids.iter().all(|pid| !runs(*pid)));
    assert!(supervisor.directory().exists());
    eventually("a sweep removes the directory", || sweep_stale_in(root.path()).directories.len() == 1);
    assert!(!supervisor.directory().exists());
    let error = failure(RedisServer::start(&supervisor, RedisConfig::default()).await);
    assert!(matches!(error, ServerError::SupervisorGone { .. } | ServerError::Directory { .. }), "{error}");
    supervisor.shutdown().await.unwrap();
}

#[tokio::test]
async fn a_killed_supervisors_directory_is_removed_by_its_own_hotset_too() {
    let supervisor = supervisor().await;
    kill_hard(supervisor.pid());
    supervisor.shutdown().await.unwrap();
    assert!(!supervisor.directory().exists());
}

#[tokio::test]
async fn a_sweep_leaves_a_living_run_alone() {
    let root = tempfile::tempdir().unwrap();
    let supervisor = Supervisor::start_in(Path::new(HOTSET), root.path()).await.unwrap();
    let server = redis(&supervisor).await;

    assert_eq!(sweep_stale_in(root.path()), SweepReport::default());

    assert_eq!(ask(server.url().expose(), "PING", &[]).await.unwrap(), "PONG");
    supervisor.shutdown().await.unwrap();
    assert_eq!(fs::read_dir(root.path()).unwrap().count(), 0);
}

#[tokio::test]
async fn a_paused_server_is_killed_too() {
    let supervisor = supervisor().await;
    let (one, other) = (redis(&supervisor).await, redis(&supervisor).await);
    let pids = [one.process().pid(), other.process().pid()];
    one.process().pause().await.unwrap();
    other.process().pause().await.unwrap();

    assert_eq!(one.kill().await.unwrap(), ServerExit::Signal(9));
    supervisor.shutdown().await.unwrap();

    assert!(pids.iter().all(|pid| !runs(*pid)));
}

#[tokio::test]
async fn a_paused_server_is_silent_until_it_is_resumed() {
    let supervisor = supervisor().await;
    let server = redis(&supervisor).await;
    let url = server.url();

    server.process().pause().await.unwrap();
    let silent = tokio::time::timeout(Duration::from_millis(200), ask(url.expose(), "PING", &[])).await;
    assert!(silent.is_err() || silent.unwrap().is_err());
    server.process().resume().await.unwrap();

    assert_eq!(ask(url.expose(), "PING", &[]).await.unwrap(), "PONG");
    supervisor.shutdown().await.unwrap();
}

#[tokio::test]
async fn a_server_that_is_asked_to_end_does_so_even_when_it_is_paused() {
    let supervisor = supervisor().await;
    let server = redis(&supervisor).await;
    server.process().pause().await.unwrap();
    assert_eq!(server.process().stop(BOUND).await.unwrap(), ServerExit::Code(0));
    supervisor.shutdown().await.unwrap();
}

#[tokio::test]
async fn a_server_that_ignores_the_request_to_end_is_killed_after_the_grace() {
    let supervisor = supervisor().await;
    let name = supervisor.name("stubborn");
    let directory = supervisor.make_directory(&name).unwrap();
    let program = PathBuf::from("/bin/sh");
    let args = vec!["-c".to_owned(), "trap '' TERM; echo deaf; while true; do sleep 1; done".to_owned()];
    let log = directory.join("log");
    let spec = ServerSpec { name, program, args, env: vec![], cpus: vec![], log: log.clone() };
    let process = ServerProcess::start(&supervisor, spec).await.unwrap();
    eventually("it ignores the signal", || fs::read_to_string(&log).unwrap().contains("deaf"));

    assert_eq!(process.stop(Duration::from_millis(50)).await.unwrap(), ServerExit::Signal(9));
    supervisor.shutdown().await.unwrap();
}

#[tokio::test]
async fn a_port_that_is_taken_is_left_to_its_owner() {
    let owner = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let taken = owner.local_addr().unwrap().port();
    let supervisor = supervisor().await;

    let config = RedisConfig { first_port: Some(taken), ..RedisConfig::default() };
    let redis = RedisServer::start(&supervisor, config).await.unwrap();
    let config = MongodConfig { first_port: Some(redis.port()), ..MongodConfig::default() };
    let mongod = MongodServer::start(&supervisor, config).await.unwrap();

    assert_ne!(redis.port(), taken);
    assert_ne!(mongod.port(), redis.port());
    let servers = fs::read_dir(supervisor.directory()).unwrap().flatten();
    assert_eq!(servers.filter(|entry| entry.path().is_dir()).count(), 2, "a failed try leaves no directory");
    supervisor.shutdown().await.unwrap();
}

#[tokio::test]
async fn a_server_that_dies_at_its_start_gives_the_last_lines_of_its_log() {
    let supervisor = supervisor().await;

    let extra = vec![("no-such-directive".to_owned(), "yes".to_owned())];
    let redis = RedisServer::start(&supervisor, RedisConfig { extra, ..RedisConfig::default() }).await;
    let message = failure(redis).to_string();
    assert!(message.contains("redis-1 ended at its start (exit code 1)"), "{message}");
    assert!(message.contains("no-such-directive"), "{message}");

    let extra = vec!["--noSuchOption".to_owned()];
    let mongod = MongodServer::start(&supervisor, MongodConfig { extra, ..MongodConfig::default() }).await;
    let message = failure(mongod).to_string();
    assert!(message.contains("noSuchOption"), "{message}");
    supervisor.shutdown().await.unwrap();
}

#[tokio::test]
async fn an_error_never_shows_the_password() {
    // It prints the configuration that it is given, and ends.
    let program = PathBuf::from("/bin/cat");
    let supervisor = supervisor().await;

    let config = RedisConfig { program: Some(program), ..RedisConfig::default() };
    let error = failure(RedisServer::start(&supervisor, config).await);

    // The default configuration has a requirepass line among its last twelve lines.
    let message = format!("{error} {error:?}");
    assert!(message.contains("requirepass ***"), "{message}");
    assert!(message.contains("exit code 0"), "{message}");
    supervisor.shutdown().await.unwrap();
}

#[tokio::test]
async fn a_program_that_is_missing_gives_the_remedy() {
    let supervisor = supervisor().await;
    let program = Some(PathBuf::from("/nonexistent/server"));
    let config = RedisConfig { program: program.clone(), ..RedisConfig::default() };
    let message = failure(RedisServer::start(&supervisor, config).await).to_string();
    assert!(message.contains("/nonexistent/server"), "{message}");
    assert!(message.contains("apt-get install redis-server"), "{message}");

    let config = MongodConfig { program, ..MongodConfig::default() };
    let message = failure(MongodServer::start(&supervisor, config).await).to_string();
    assert!(message.contains("scripts/get-servers"), "{message}");
    supervisor.shutdown().await.unwrap();
}

#[test]
fn the_servers_say_their_versions() {
    for found in [find_redis_server().unwrap(), find_mongod().unwrap()] {
        assert!(found.version.starts_with(|digit: char| digit.is_ascii_digit()), "{found:?}");
    }
}

#[tokio::test]
async fn a_supervisor_that_cannot_start_says_why_and_leaves_no_directory() {
    let root = tempfile::tempdir().unwrap();
    for program in ["/nonexistent/hotset", "/bin/false"] {
        let message = failure(Supervisor::start_in(Path::new(program), root.path()).await).to_string();
        assert!(message.contains(program), "{message}");
        assert_eq!(fs::read_dir(root.path()).unwrap().count(), 0);
    }
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_pinned_server_may_use_only_its_processors() {
    let supervisor = supervisor().await;
    let allowed = |pid: u32| {
        let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("Cpus_allowed_list:"));
        line.unwrap().trim().to_owned()
    };
    let everywhere = allowed(std::process::id());
    let first = everywhere.split([',', '-']).next().unwrap();

    let config = RedisConfig { cpus: vec![first.parse().unwrap()], ..RedisConfig::default() };
    let pinned = RedisServer::start(&supervisor, config).await.unwrap();
    let free = redis(&supervisor).await;

    assert_eq!(allowed(pinned.process().pid()), first);
    assert_eq!(allowed(free.process().pid()), everywhere);
    supervisor.shutdown().await.unwrap();
}

#[tokio::test]
async fn a_processor_that_does_not_exist_ends_the_server_with_the_reason_in_its_log() {
    let supervisor = supervisor().await;
    let process = sleeper(&supervisor, vec![100_000]).await;
    assert!(matches!(process.wait(BOUND).await.unwrap(), Some(ServerExit::Code(126))));
    assert!(fs::read_to_string(process.log()).unwrap().contains("100000"));
    supervisor.shutdown().await.unwrap();
}

#[tokio::test]
async fn redis_restarts_on_its_port_with_what_its_persistence_kept() {
    let supervisor = supervisor().await;
    for (persistence, kept) in [(Persistence::None, ""), (Persistence::AofAlways, "kept")] {
        let config = RedisConfig { persistence, ..RedisConfig::default() };
        let server = RedisServer::start(&supervisor, config).await.unwrap();
        let (url, pid, port) = (server.url(), server.process().pid(), server.port());
        ask(url.expose(), "SET", &["key", "kept"]).await.unwrap();

        assert_eq!(server.kill().await.unwrap(), ServerExit::Signal(9));
        assert!(!runs(pid) && is_free(port));
        server.restart().await.unwrap();

        assert_ne!(server.process().pid(), pid);
        assert_eq!(server.url(), url);
        assert_eq!(ask(url.expose(), "GETRANGE", &["key", "0", "-1"]).await.unwrap(), kept);
    }
    supervisor.shutdown().await.unwrap();
}

#[tokio::test]
async fn a_running_server_is_restarted_as_well() {
    let supervisor = supervisor().await;
    let server = redis(&supervisor).await;
    let pid = server.process().pid();
    server.restart().await.unwrap();
    assert!(!runs(pid) && runs(server.process().pid()));
    supervisor.shutdown().await.unwrap();
}

#[tokio::test]
async fn a_replica_set_of_one_takes_transactions_and_restarts_as_primary() {
    use mongodb::bson::{Document, doc};

    let supervisor = supervisor().await;
    let config = MongodConfig { replica_set: Some("hotset".to_owned()), ..MongodConfig::default() };
    let server = MongodServer::start(&supervisor, config).await.unwrap();
    let port = server.port();
    let client = mongodb::Client::with_uri_str(server.url()).await.unwrap();
    let numbers = client.database("test").collection::<Document>("numbers");
    numbers.insert_one(doc! { "_id": 0 }).await.unwrap();
    let mut session = client.start_session().await.unwrap();
    session.start_transaction().await.unwrap();
    numbers.insert_one(doc! { "_id": 1 }).session(&mut session).await.unwrap();
    session.commit_transaction().await.unwrap();

    server.kill().await.unwrap();
    server.restart().await.unwrap();

    assert_eq!(server.port(), port);
    assert_eq!(numbers.count_documents(doc! {}).await.unwrap(), 2);
    supervisor.shutdown().await.unwrap();
}

#[tokio::test]
async fn the_use_of_a_server_is_measured_until_it_ends() {
    let supervisor = supervisor().await;
    let server = redis(&supervisor).await;
    let mut sampler = UsageSampler::new();
    let first = sampler.sample(server.process().pid()).unwrap();
    assert!(first.resident_bytes > 1_000_000);

    ask(server.url().expose(), "EVAL", &["for i = 1, 3e6 do redis.sha1hex('x') end return 'done'", "0"])
        .await
        .ok();

    let pid = server.process().pid();
    let until = Instant::now() + BOUND;
    while sampler.sample(pid).unwrap().cpu_time <= first.cpu_time {
        assert!(Instant::now() < until);
    }
    server.kill().await.unwrap();
    assert_eq!(sampler.sample(pid), None);
    supervisor.shutdown().await.unwrap();
}

#[tokio::test]
async fn no_server_is_reached_by_a_name_that_leaves_the_directory() {
    let supervisor = supervisor().await;
    let log = supervisor.directory().join("log");
    let name = "../elsewhere".to_owned();
    let spec = ServerSpec { name, program: "sleep".into(), args: vec![], env: vec![], cpus: vec![], log };
    let error = failure(ServerProcess::start(&supervisor, spec).await);
    assert!(matches!(error, ServerError::Refused { .. }), "{error}");
    supervisor.shutdown().await.unwrap();
}
