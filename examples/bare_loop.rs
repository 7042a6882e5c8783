//! A plain loop on the `redis` crate, to measure hotset against: so many clients that GET one after
//! another over one multiplexed connection, and do nothing with what they get. Prints operations a
//! second and CPU microseconds an operation.
//!
//! `bare_loop RUNTIME URL CLIENTS KEYS SECONDS PREFIX`: RUNTIME is `threads` for tokio's usual runtime, as
//! `#[tokio::main]` makes it, or `one-thread`, which is faster for one connection; the keys are PREFIX0 …
//! PREFIX(KEYS-1).

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use redis::io::tcp::TcpSettings;
use redis::{AsyncConnectionConfig, Client, IntoConnectionInfo};

type Failure = Box<dyn std::error::Error>;

fn main() -> Result<(), Failure> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [runtime, url, clients, keys, seconds, prefix] = &arguments[..] else {
        return Err("usage: bare_loop threads|one-thread URL CLIENTS KEYS SECONDS PREFIX".into());
    };
    let length = Duration::from_secs_f64(seconds.parse()?);
    let runtime = match runtime.as_str() {
        "threads" => tokio::runtime::Builder::new_multi_thread().enable_all().build()?,
        _ => tokio::runtime::Builder::new_current_thread().enable_all().build()?,
    };
    runtime.block_on(run(url, clients.parse()?, keys.parse()?, length, prefix))
}

async fn run(url: &str, clients: u64, keys: u64, length: Duration, prefix: &str) -> Result<(), Failure> {
    let tcp = TcpSettings::default().set_nodelay(true);
    let client = Client::open(url.into_connection_info()?.set_tcp_settings(tcp))?;
    let config = AsyncConnectionConfig::new().set_pipeline_buffer_size(4096);
    let connection = client.get_multiplexed_async_connection_with_config(&config).await?;
    let answered = Arc::new(AtomicU64::new(0));
    let (start, cpu) = (Instant::now(), cpu_seconds());
    let mut tasks = Vec::new();
    for number in 0..clients {
        let (mut connection, answered, prefix) =
            (connection.clone(), Arc::clone(&answered), prefix.to_owned());
        tasks.push(tokio::spawn(async move {
            let (mut key, mut count) = (number, 0);
            while start.elapsed() < length {
                let name = format!("{prefix}{}", key % keys);
                let value: Option<Vec<u8>> = redis::cmd("GET").arg(name).query_async(&mut connection).await?;
                if value.is_none() {
                    return Err(redis::RedisError::from((redis::ErrorKind::Client, "a key is missing")));
                }
                count += 1;
                key += clients;
            }
            answered.fetch_add(count, Ordering::Relaxed);
            Ok(())
        }));
    }
    for task in tasks {
        task.await??;
    }
    let seconds = start.elapsed().as_secs_f64();
    let operations = answered.load(Ordering::Relaxed) as f64;
    println!("{:.0} {:.3}", operations / seconds, (cpu_seconds() - cpu) * 1e6 / operations);
    Ok(())
}

fn cpu_seconds() -> f64 {
    let used = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    used.tv_sec as f64 + used.tv_nsec as f64 * 1e-9
}
