//! From a capacity in entries to the memory limit of managed servers, by trial: the servers are filled over as many
//! connections as the application will have, the keys that are still there are counted (DBSIZE), and the limit is moved
//! until they are as many as was asked for. What a server counts besides entries (buffers of connections, of replicas, its
//! tables) is in it that way.

use std::collections::HashMap;
use std::time::Duration;

use super::cache::{CacheDeployment, CacheEndpoint};
use super::{Site, TopologyError};
use crate::store::redis::{RedisAdmin, RedisCache, RedisOptions};
use crate::store::{Cache as _, Counters, Entry, StoreError, Token};

/// Documents that are written at once.
const AT_ONCE: u64 = 64;
/// How near a server has to come to its share, and how near is enough to go on with.
const WANTED: f64 = 0.01;
const ENOUGH: f64 = 0.03;
/// How often a limit is moved.
const ROUNDS: usize = 12;
/// Room for what the first guess does not see.
const FIRST_GUESS: u64 = 64 << 10;
const TOKEN_TTL: Duration = Duration::from_secs(10);

/// One primary that is being calibrated.
struct Server {
    admin: RedisAdmin,
    name: String,
    port: u16,
    /// How many entries it should hold.
    share: u64,
    bytes_an_entry: f64,
    limit: u64,
    held: u64,
}

impl Server {
    /// By which part of its share it misses it.
    fn off(&self) -> f64 {
        (self.held as f64 - self.share as f64).abs() / self.share.max(1) as f64
    }
}

impl CacheDeployment {
    /// Limits the servers to the memory in which so many of the dataset's documents fit.
    ///
    /// # Errors
    /// Those of the servers, and that so few entries cannot be told from the buffers beside them.
    pub(super) async fn limit_to_entries(&self, entries: u64, site: &Site<'_>) -> Result<(), TopologyError> {
        let (CacheEndpoint::Redis(endpoint), Some(nodes)) = (self.endpoint(), self.managed()) else {
            return Ok(());
        };
        let doing = || TopologyError::store("finding out how much memory the cache's entries take");
        let connections = usize::try_from(site.cache_connections.max(1)).unwrap_or(1);
        let options = RedisOptions { connections, ..endpoint.own_options() };
        let cache = RedisCache::connect(options, Counters::default()).await.map_err(doing())?;
        let mut servers = self.servers(entries, &cache, site).await?;
        let policy = site.cache.eviction.word();
        for server in &servers {
            // Any key may go, so that the servers stay exactly full whatever their policy is.
            server.admin.set("maxmemory-policy", "allkeys-random").await.map_err(doing())?;
        }
        let mut writer = Writer { cache, site, next: 0 };
        if entries >= site.documents {
            // All fit: what they take and as much again.
            writer.write(site.documents).await.map_err(doing())?;
            for server in &mut servers {
                server.limit = server.admin.info().await.map_err(doing())?.used_memory_bytes * 2;
                server.admin.set_max_memory(server.limit).await.map_err(doing())?;
            }
        } else {
            approach(&mut servers, &mut writer, entries).await?;
        }
        drop(writer);
        for server in &servers {
            server.admin.flush_all().await.map_err(doing())?;
            server.admin.set("maxmemory-policy", policy).await.map_err(doing())?;
        }
        // A replica may be a primary one day.
        let limits: HashMap<_, _> =
            servers.iter().map(|server| (server.name.as_str(), server.limit)).collect();
        for (admin, shard, address) in self.all_nodes().await? {
            let Some(limit) = limits.get(shard.as_str()) else { continue };
            admin.set_max_memory(*limit).await.map_err(doing())?;
            nodes.note_limit(address.port, *limit);
        }
        for server in &servers {
            nodes.note_limit(server.port, server.limit);
        }
        Ok(())
    }

    /// The primaries, each with as much of the entries as it has of the keys.
    async fn servers(
        &self,
        entries: u64,
        cache: &RedisCache,
        site: &Site<'_>,
    ) -> Result<Vec<Server>, TopologyError> {
        const SAMPLED: u64 = 100_000;
        let layout = cache.layout();
        let mut keys = vec![0_u64; layout.shards.len()];
        let step = site.documents.div_ceil(SAMPLED).max(1);
        for number in (0..site.documents).step_by(step as usize) {
            if let Some(shard) = layout.shard_of("", &key(number)) {
                keys[shard] += 1;
            }
        }
        let all = keys.iter().sum::<u64>().max(1);
        let mut servers = Vec::new();
        for ((admin, name, address), keys) in self.primaries().await?.into_iter().zip(keys) {
            let share = (entries as f64 * keys as f64 / all as f64).round() as u64;
            let port = address.port;
            servers.push(Server { admin, name, port, share, bytes_an_entry: 0.0, limit: 0, held: 0 });
        }
        Ok(servers)
    }
}

/// Moves the limits until each server holds its share.
async fn approach(
    servers: &mut [Server],
    writer: &mut Writer<'_>,
    entries: u64,
) -> Result<(), TopologyError> {
    let doing = || TopologyError::store("finding out how much memory the cache's entries take");
    // So much that every server is full, and has evicted.
    let round = (2 * entries).min(writer.site.documents.max(entries));
    writer.write(round).await.map_err(doing())?;
    for server in servers.iter_mut() {
        // What is still used when the entries are gone are the buffers, which have grown meanwhile.
        let full = server.admin.info().await.map_err(doing())?;
        server.admin.flush_all().await.map_err(doing())?;
        let buffers = server.admin.info().await.map_err(doing())?.used_memory_bytes;
        let grown = full.used_memory_bytes.saturating_sub(buffers) as f64;
        server.bytes_an_entry = (grown / full.dbsize.max(1) as f64).max(64.0);
        server.limit = buffers + (server.bytes_an_entry * server.share as f64) as u64 + FIRST_GUESS;
    }
    let mut best = f64::INFINITY;
    for _ in 0..ROUNDS {
        for server in servers.iter() {
            server.admin.set_max_memory(server.limit).await.map_err(doing())?;
        }
        writer.write(round).await.map_err(doing())?;
        for server in servers.iter_mut() {
            server.held = server.admin.info().await.map_err(doing())?.dbsize;
        }
        best = servers.iter().map(Server::off).fold(0.0, f64::max);
        if best <= WANTED {
            return Ok(());
        }
        for server in servers.iter_mut().filter(|server| server.off() > WANTED) {
            let missing = (server.share as f64 - server.held as f64) * server.bytes_an_entry;
            server.limit = (server.limit as f64 + missing).max(1.0) as u64;
        }
    }
    if best <= ENOUGH {
        return Ok(());
    }
    Err(TopologyError::Unfit(format!(
        "a capacity of {entries} entries on {} server(s) cannot be set by memory: after {ROUNDS} trials they still hold {:.1} % more or fewer, since buffers of connections take as much as so few entries; ask for more entries, or use the embedded cache, which counts them",
        servers.len(),
        best * 100.0
    )))
}

fn key(number: u64) -> String {
    format!("product:{number}")
}

/// Writes documents of the dataset, one after the other and then again from the first.
struct Writer<'a> {
    cache: RedisCache,
    site: &'a Site<'a>,
    next: u64,
}

impl Writer<'_> {
    async fn write(&mut self, count: u64) -> Result<(), StoreError> {
        let (first, documents) = (self.next, self.site.documents);
        self.next += count;
        let ttl = self.site.cache.ttl.map(|ttl| ttl.0);
        let lane = |lane: u64| {
            let (cache, site) = (self.cache.clone(), self.site);
            async move {
                for number in (lane..count).step_by(AT_ONCE as usize) {
                    // In an order in which neighbours are not alike, whatever the number of documents.
                    let number = (first + number).wrapping_mul(0x9e37_79b1) % documents;
                    // As a miss does it: a script's arguments take memory too.
                    let (key, token) = (key(number), Token::random());
                    if cache.get(&key).await?.is_none() {
                        cache.place_token(&key, token, TOKEN_TTL).await?;
                        cache.fill(&key, token, &Entry::of((site.document)(number)), ttl).await?;
                    }
                }
                Ok::<(), StoreError>(())
            }
        };
        let mut lanes = Vec::new();
        for number in 0..AT_ONCE {
            lanes.push(lane(number));
        }
        futures_util::future::try_join_all(lanes).await.map(drop)
    }
}
