//! Finds by trial the memory limit at which managed servers hold a capacity in entries. The servers are filled over as
//! many connections as the application will have, the keys that are still there are counted (DBSIZE), and the limit is
//! moved until that count is the capacity. The memory that a server counts besides entries (buffers of connections, of
//! replicas, its tables) is included that way.
//!
//! The memory that an application takes for other keys, and for its own connections, shows only when it runs. So the
//! limits follow DBSIZE while a cell warms up, and stand still while it is measured.

use std::collections::HashMap;
use std::time::Duration;

use futures_util::future::join_all;

use super::cache::{CacheDeployment, CacheEndpoint, FIGURES_PATIENCE};
use super::servers::EvictionPolicy;
use super::{DeploymentContext, TopologyError};
use crate::base::clock;
use crate::store::redis::{RedisAdmin, RedisCache, RedisInfo, RedisOptions};
use crate::store::{Cache as _, Counters, Entry, StoreError, Token};

/// The number of documents that are written at once.
const AT_ONCE: u64 = 64;
/// The largest deviation of a server from its share, as a part of it: the aim, and the bound after the last trial.
const WANTED: f64 = 0.01;
const ENOUGH: f64 = 0.02;
/// By this time an idle connection has given back its buffers: the server looks for that once it was idle for 2 s.
const BUFFERS_RETURNED: Duration = Duration::from_secs(3);
/// The bytes by which the buffers of a connection vary from one moment to the next. If they are more than [`PROMISED`]
/// of the memory of a server's entries, the capacity cannot be kept, and is refused.
const BUFFERS_MOVE: f64 = 24.0 * 1024.0;
const PROMISED: f64 = 0.03;
/// The most trials of a limit.
const ROUNDS: usize = 12;
/// Bytes for what the first guess does not include.
const FIRST_GUESS: u64 = 64 << 10;
const TOKEN_TTL: Duration = Duration::from_secs(10);
/// Longer than a trial.
const LONG_TTL: Duration = Duration::from_hours(1);

/// One primary that is being calibrated.
struct Server {
    admin: RedisAdmin,
    name: String,
    /// The number of entries that it should hold.
    share: u64,
    bytes_an_entry: f64,
    /// The bytes that it uses without entries.
    empty: u64,
    limit: u64,
    held: u64,
}

impl Server {
    /// The deviation from its share, as a part of the share.
    fn deviation(&self) -> f64 {
        (self.held as f64 - self.share as f64).abs() / self.share.max(1) as f64
    }
}

/// A limit that is moved while a cell warms up.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Correction {
    /// The new limit in bytes.
    limit: u64,
    /// The number of entries that there were too many or too few.
    entries: f64,
}

/// The number of entries that a shard is kept at while a cell warms up.
#[derive(Debug, Clone)]
pub(super) struct ShardTarget {
    /// The number of entries that it should hold.
    share: u64,
    bytes_an_entry: f64,
    /// The bytes that its primary uses without entries.
    empty: u64,
    /// The limit in bytes that was found before the first cell.
    first_limit: u64,
    /// The number of keys that its primary had evicted at the last look.
    evicted: Option<u64>,
    /// The number of entries that were missing at the last look, below 0 if there were too many; `None` if that could
    /// not be told.
    missing: Option<f64>,
}

impl ShardTarget {
    fn of(server: &Server) -> Self {
        let Server { share, bytes_an_entry, empty, limit, .. } = *server;
        Self { share, bytes_an_entry, empty, first_limit: limit, evicted: None, missing: None }
    }

    /// Forgets the looks of the cell before.
    fn start_over(&mut self) {
        (self.evicted, self.missing) = (None, None);
    }

    /// The bytes that all its entries take.
    fn room(&self) -> f64 {
        self.share as f64 * self.bytes_an_entry
    }

    /// The new limit that lets the primary hold its share; `None` if the limit stays.
    fn corrected(&mut self, now: &RedisInfo) -> Option<Correction> {
        let is_full = self.is_full(now);
        self.evicted = now.evicted_keys;
        let missing = self.share as f64 - now.dbsize as f64;
        // Too little room shows only when a server is full; too much shows at any time.
        let missing = Some(missing).filter(|missing| is_full || *missing < 0.0);
        let (before, missing) = (std::mem::replace(&mut self.missing, missing)?, missing?);
        // A deviation in only one of two looks is a buffer that is gone by the next.
        let is_one_sided = before.signum() == missing.signum();
        let missing = if before.abs() < missing.abs() { before } else { missing };
        if !is_one_sided || missing.abs() <= WANTED * self.share as f64 {
            return None;
        }
        self.missing = None;
        // An application's keys may be smaller than documents; the other memory that it takes makes no entry larger.
        let average =
            now.used_memory_bytes.unwrap_or(0).saturating_sub(self.empty) as f64 / now.dbsize.max(1) as f64;
        let bytes = missing * average.min(self.bytes_an_entry);
        let most_at_once = self.room() / 4.0;
        let highest = self.first_limit as f64 + self.room();
        let limit = now.maxmemory_bytes.unwrap_or(0) as f64;
        let from = if missing < 0.0 { counted(now).min(limit) } else { limit };
        let limit = (from + bytes.clamp(-most_at_once, most_at_once)).clamp(1.0, highest) as u64;
        Some(Correction { limit, entries: missing.abs() })
    }

    /// Returns true if it evicts because it is full, and is not just refilling after a buffer that has gone has pushed
    /// entries out.
    fn is_full(&self, now: &RedisInfo) -> bool {
        let tolerance = (WANTED * self.room()).max(BUFFERS_MOVE);
        self.evicted.zip(now.evicted_keys).is_some_and(|(before, now)| now > before)
            && counted(now) >= now.maxmemory_bytes.unwrap_or(0) as f64 - tolerance
    }
}

/// The bytes that a server counts against its limit.
fn counted(now: &RedisInfo) -> f64 {
    now.used_memory_bytes.unwrap_or(0).saturating_sub(now.not_counted_bytes.unwrap_or(0)) as f64
}

impl CacheDeployment {
    /// Limits the servers to the memory in which `entries` of the dataset's documents fit.
    ///
    /// # Errors
    /// Returns the error of a server, or an error if so few entries cannot be told from the buffers beside them.
    pub(super) async fn limit_to_entries(
        &self,
        entries: u64,
        site: &DeploymentContext<'_>,
    ) -> Result<(), TopologyError> {
        let (CacheEndpoint::Redis(endpoint), Some(_)) = (self.endpoint(), self.managed()) else {
            return Ok(());
        };
        let doing = || TopologyError::store("finding out how much memory the cache's entries take");
        let connections = usize::try_from(site.cache_connections.max(1)).unwrap_or(1);
        let options = RedisOptions { connections, ..endpoint.own_options() };
        let cache = RedisCache::connect(options, Counters::default()).await.map_err(doing())?;
        let mut servers = self.servers(entries, &cache, site).await?;
        let policy = site.cache.eviction.word();
        for server in &servers {
            // Any key may be evicted, so that the servers stay exactly full whatever their own policy is.
            server.admin.set("maxmemory-policy", "allkeys-random").await.map_err(doing())?;
        }
        let mut writer = Writer { cache, site, next: 0 };
        if entries >= site.documents {
            // All documents fit: the limit is twice the memory that they take.
            writer.write(site.documents).await.map_err(doing())?;
            for server in &mut servers {
                server.limit = used(&server.admin.info().await.map_err(doing())?)?.saturating_mul(2);
                server.admin.set_max_memory(server.limit).await.map_err(doing())?;
            }
        } else {
            clock::sleep(BUFFERS_RETURNED).await;
            approach(&mut servers, &mut writer, entries).await?;
        }
        drop(writer);
        for server in &servers {
            server.admin.flush_all().await.map_err(doing())?;
            server.admin.set("maxmemory-policy", policy).await.map_err(doing())?;
        }
        let limits = servers.iter().map(|server| (server.name.clone(), server.limit)).collect();
        self.set_limits(&limits).await?;
        // A server that evicts nothing does not show that it is full, and one with room for all documents never is.
        let is_followed = site.cache.eviction != EvictionPolicy::NoEviction && entries < site.documents;
        let Some(targets) = self.targets().filter(|_| is_followed) else { return Ok(()) };
        let each = servers.into_iter().map(|server| (server.name.clone(), ShardTarget::of(&server)));
        targets.lock().extend(each);
        Ok(())
    }

    /// Moves the limit of every shard that does not hold its share of a capacity in entries, and returns by which part
    /// of the capacity the entries were too many or too few there. If servers do not answer soon, limits stay as they
    /// are until the next call.
    pub async fn correct_limits(&self) -> f64 {
        if self.targets().is_none_or(|targets| targets.lock().is_empty()) {
            return 0.0;
        }
        match tokio::time::timeout(FIGURES_PATIENCE, self.move_limits()).await {
            Ok(Ok(moved)) => moved,
            Ok(Err(error)) => {
                tracing::debug!("memory limits stay as they are: {error}");
                0.0
            }
            Err(_) => {
                tracing::debug!("memory limits stay as they are: the servers did not answer in time");
                0.0
            }
        }
    }

    async fn move_limits(&self) -> Result<f64, TopologyError> {
        let primaries = self.primaries().await?;
        let looks = primaries.iter().map(|(admin, shard, _)| async move { (shard, admin.info().await) });
        let (mut moved, mut capacity, mut wrong) = (HashMap::new(), 0.0, 0.0);
        for (shard, now) in join_all(looks).await {
            let now = now.map_err(TopologyError::store("seeing how many entries the cache holds"))?;
            let Some(targets) = self.targets() else { continue };
            let mut targets = targets.lock();
            let Some(target) = targets.get_mut(shard) else { continue };
            capacity += target.share as f64;
            if let Some(Correction { limit, entries }) = target.corrected(&now) {
                wrong += entries;
                moved.insert(shard.clone(), limit);
            }
        }
        self.set_limits(&moved).await?;
        Ok(wrong / f64::max(capacity, 1.0))
    }

    /// Sets the limits back to those found before the first cell, with which every cell begins.
    ///
    /// # Errors
    /// Returns the error of a server.
    pub async fn reset_limits(&self) -> Result<(), TopologyError> {
        let mut first = HashMap::new();
        if let Some(targets) = self.targets() {
            for (shard, target) in targets.lock().iter_mut() {
                target.start_over();
                first.insert(shard.clone(), target.first_limit);
            }
        }
        self.set_limits(&first).await
    }

    /// Limits the nodes of shards, by the shards' names. A node that fails does not keep the others from their limits.
    async fn set_limits(&self, limits: &HashMap<String, u64>) -> Result<(), TopologyError> {
        let Some(nodes) = self.managed().filter(|_| !limits.is_empty()) else { return Ok(()) };
        let mut outcome = Ok(());
        // Replicas are limited too, since each may become a primary.
        for (admin, shard, address) in self.all_nodes().await? {
            let Some(limit) = limits.get(&shard) else { continue };
            match admin.set_max_memory(*limit).await {
                Ok(()) => nodes.note_limit(address.port, *limit),
                Err(error) => {
                    let doing = format!("setting the memory limit of {shard}, at {address}");
                    outcome = Err(TopologyError::store(doing)(error));
                }
            }
        }
        outcome
    }

    /// The primaries, each with the part of the entries that matches its part of the keys.
    async fn servers(
        &self,
        entries: u64,
        cache: &RedisCache,
        site: &DeploymentContext<'_>,
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
        for ((admin, name, _), keys) in self.primaries().await?.into_iter().zip(keys) {
            let share = (entries as f64 * keys as f64 / all as f64).round() as u64;
            servers.push(Server { admin, name, share, bytes_an_entry: 0.0, empty: 0, limit: 0, held: 0 });
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
    // This many documents make every server full, and make it evict.
    let round = entries.saturating_mul(2).min(writer.site.documents.max(entries));
    writer.write(round).await.map_err(doing())?;
    for server in servers.iter_mut() {
        // The memory that is still used when the entries are gone is that of the buffers, which have grown meanwhile.
        let full = server.admin.info().await.map_err(doing())?;
        server.admin.flush_all().await.map_err(doing())?;
        server.empty = used(&server.admin.info().await.map_err(doing())?)?;
        let grown = used(&full)?.saturating_sub(server.empty) as f64;
        server.bytes_an_entry = (grown / full.dbsize.max(1) as f64).max(64.0);
        let entries = (server.bytes_an_entry * server.share as f64) as u64;
        server.limit = server.empty.saturating_add(entries).saturating_add(FIRST_GUESS);
    }
    refuse_too_few(servers, entries)?;
    let mut best = f64::INFINITY;
    for _ in 0..ROUNDS {
        for server in servers.iter() {
            server.admin.set_max_memory(server.limit).await.map_err(doing())?;
        }
        writer.write(round).await.map_err(doing())?;
        for server in servers.iter_mut() {
            server.held = server.admin.info().await.map_err(doing())?.dbsize;
        }
        best = servers.iter().map(Server::deviation).fold(0.0, f64::max);
        if best <= WANTED {
            return Ok(());
        }
        for server in servers.iter_mut().filter(|server| server.deviation() > WANTED) {
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

fn refuse_too_few(servers: &[Server], entries: u64) -> Result<(), TopologyError> {
    let least = BUFFERS_MOVE / PROMISED;
    let room = |server: &Server| server.share as f64 * server.bytes_an_entry;
    let Some(server) = servers.iter().find(|server| room(server) < least) else { return Ok(()) };
    Err(TopologyError::Unfit(format!(
        "a capacity of {entries} entries on {} server(s) cannot be set by memory: on {} they take {:.0} KB, of which the buffers of a single connection, which come and go, are more than {:.0} %; ask for more entries ({:.0} would do), or use the embedded cache, which counts them",
        servers.len(),
        server.name,
        room(server) / 1000.0,
        PROMISED * 100.0,
        (entries as f64 * 1.1 * least / room(server).max(1.0)).ceil()
    )))
}

fn key(number: u64) -> String {
    format!("product:{number}")
}

/// Writes documents of the dataset in turn, and starts again after the last.
struct Writer<'a> {
    cache: RedisCache,
    site: &'a DeploymentContext<'a>,
    next: u64,
}

impl Writer<'_> {
    async fn write(&mut self, count: u64) -> Result<(), StoreError> {
        let (first, documents) = (self.next, self.site.documents);
        self.next += count;
        // An entry takes the same memory whatever its time to live, and must not end before the server is full.
        let ttl = self.site.cache.ttl.map(|ttl| ttl.fixed().map_or(LONG_TTL, |ttl| ttl.0));
        let lane = |lane: u64| {
            let (cache, site) = (self.cache.clone(), self.site);
            async move {
                for number in (lane..count).step_by(AT_ONCE as usize) {
                    // The order puts unlike neighbours next to each other, whatever the number of documents.
                    let number = (first + number).wrapping_mul(0x9e37_79b1) % documents;
                    // Documents are written as a miss writes them, since a script's arguments take memory too.
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

/// The memory that a server says it uses, without which no limit can be found.
fn used(info: &RedisInfo) -> Result<u64, TopologyError> {
    info.used_memory_bytes.ok_or_else(|| {
        TopologyError::Unfit("a server does not say how much memory it uses (INFO memory), so that a capacity in entries cannot be kept; give cache.capacity in bytes".into())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const EMPTY: u64 = 1_000_000;
    const FIRST: u64 = 1_400_000;

    fn target() -> ShardTarget {
        let (share, bytes_an_entry) = (1000, 400.0);
        ShardTarget { share, bytes_an_entry, empty: EMPTY, first_limit: FIRST, evicted: None, missing: None }
    }

    /// Lets a target see a server with these figures.
    fn look(
        target: &mut ShardTarget,
        dbsize: u64,
        maxmemory_bytes: u64,
        used_memory_bytes: u64,
        evicted_keys: u64,
    ) -> Option<u64> {
        let now = RedisInfo {
            used_memory_bytes: Some(used_memory_bytes),
            maxmemory_bytes: Some(maxmemory_bytes),
            evicted_keys: Some(evicted_keys),
            dbsize,
            ..RedisInfo::default()
        };
        target.corrected(&now).map(|correction| correction.limit)
    }

    #[test]
    fn a_limit_is_raised_only_where_the_server_is_full() {
        let mut target = target();
        assert_eq!(look(&mut target, 100, FIRST, 1_040_000, 7), None, "seen for the first time");
        assert_eq!(look(&mut target, 800, FIRST, 1_320_000, 7), None, "not full yet");
        assert_eq!(look(&mut target, 900, FIRST, 1_360_000, 8), None, "filling up again");
        assert_eq!(look(&mut target, 900, FIRST, 1_360_000, 9), None, "still");
        assert_eq!(look(&mut target, 880, FIRST, FIRST, 10), None, "once may be by chance");
        assert_eq!(look(&mut target, 900, FIRST, FIRST, 11), Some(1_440_000));
        assert_eq!(look(&mut target, 991, 1_440_000, 1_440_000, 12), None);
        assert_eq!(look(&mut target, 991, 1_440_000, 1_440_000, 13), None, "near enough");
    }

    #[test]
    fn a_limit_under_which_there_are_too_many_entries_is_lowered_before_the_server_is_full() {
        let mut target = target();
        assert_eq!(look(&mut target, 1100, 1_800_000, 1_440_000, 0), None, "once may be by chance");
        assert_eq!(look(&mut target, 1100, 1_800_000, 1_440_000, 0), Some(1_400_000));
    }

    #[test]
    fn a_limit_does_not_follow_what_is_gone_by_the_next_look() {
        let mut target = target();
        for (dbsize, evicted) in [(1000, 1), (900, 2), (1000, 3), (1100, 4), (900, 5), (1005, 6)] {
            assert_eq!(look(&mut target, dbsize, FIRST, FIRST, evicted), None);
        }
    }

    #[test]
    fn a_limit_goes_by_the_keys_that_there_are_where_they_are_smaller_than_documents() {
        let mut target = target();
        assert_eq!(look(&mut target, 2000, 1_200_000, 1_200_000, 1), None);
        assert_eq!(look(&mut target, 2000, 1_200_000, 1_200_000, 2), Some(1_100_000));
    }

    #[test]
    fn a_limit_moves_by_a_quarter_of_the_room_at_the_most_and_never_to_twice_the_room() {
        let mut target = target();
        let mut limit = FIRST;
        for evicted in 0..40 {
            limit = look(&mut target, 100, limit, limit, evicted).map_or(limit, |moved| {
                assert!(moved <= limit + 100_000, "{moved} after {limit}");
                moved
            });
        }
        assert_eq!(limit, FIRST + 400_000);
    }
}
