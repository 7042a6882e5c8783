//! The tables `[cache]`, `[database]` and `[network]`, which every topology gets.

use std::num::NonZeroU64;
use std::time::Duration;

use super::servers::{EvictionPolicy, Persistence};
use super::ttl::CacheTtl;
use crate::base::secrets;
use crate::base::units::{ByteSize, Share};
use crate::model::eviction::PolicyKind;
use crate::scenario::tree::TableEntry;
use crate::scenario::{Positive, Setting, Value, ValueKind, suggest};
use crate::store::SecretUrl;
use crate::store::mongodb::{ReadPreference, WriteConcern};
use crate::store::redis::address_map::AddressMap;

/// The limit of the cache.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Capacity {
    /// A number of entries.
    Entries(NonZeroU64),
    /// A number of bytes of memory.
    Bytes(ByteSize),
    /// A number of entries as a share of the dataset's.
    OfDataset(Share),
}

impl Setting for Capacity {
    const UNIT: Option<&'static str> = Some("entries, B to GiB, or %");

    fn expects() -> String {
        "a number of entries (10000), a size (\"64MiB\") or a share of the dataset (\"20%\")".into()
    }

    fn read(value: &Value) -> Result<Self, Option<String>> {
        match &value.kind {
            ValueKind::Integer(_) => NonZeroU64::read(value).map(Self::Entries).map_err(|_| {
                Some("a cache of no entries cannot be; leave the cache out with the strategy no-cache".into())
            }),
            ValueKind::String(text) => match text.trim().strip_suffix('%') {
                Some(percent) => {
                    let percent: f64 = percent
                        .trim()
                        .parse()
                        .map_err(|_| Some(format!("\"{text}\" is not a percentage")))?;
                    match Share::new(percent / 100.0) {
                        Some(share) if share.get() > 0.0 => Ok(Self::OfDataset(share)),
                        _ => Err(Some(format!("\"{text}\" is not above 0% and up to 100%"))),
                    }
                }
                None => ByteSize::read(value).map(Self::Bytes),
            },
            _ => Err(None),
        }
    }

    fn show(&self) -> String {
        match self {
            Self::Entries(entries) => entries.show(),
            Self::Bytes(size) => size.show(),
            Self::OfDataset(share) => format!("\"{}%\"", share.percent()),
        }
    }
}

impl Capacity {
    /// The capacity in entries, if it is given in entries or as a share of `keys`.
    #[must_use]
    pub fn entries(self, keys: u64) -> Option<u64> {
        match self {
            Self::Entries(entries) => Some(entries.get()),
            Self::OfDataset(share) => Some(((keys as f64 * share.get()).round() as u64).max(1)),
            Self::Bytes(_) => None,
        }
    }
}

/// Policies have the same names in a scenario as in [`PolicyKind`].
impl Setting for PolicyKind {
    fn expects() -> String {
        Self::ALL.map(|policy| format!("\"{policy}\"")).join(" or ")
    }

    fn read(value: &Value) -> Result<Self, Option<String>> {
        let ValueKind::String(name) = &value.kind else { return Err(None) };
        let names = Self::ALL.map(Self::name);
        name.parse().map_err(|_| Some(format!("\"{name}\" is not known; {}", suggest(name, &names))))
    }

    fn show(&self) -> String {
        format!("\"{self}\"")
    }
}

/// A share written in percent: above 0, up to 100.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Percent(pub Share);

impl Setting for Percent {
    const UNIT: Option<&'static str> = Some("%");

    fn expects() -> String {
        "a number of percent, above 0 and up to 100".into()
    }

    fn read(value: &Value) -> Result<Self, Option<String>> {
        let percent = f64::read(value)?;
        let share = Share::new(percent / 100.0).filter(|share| share.get() > 0.0);
        share.map(Self).ok_or_else(|| Some(format!("{percent} is not above 0 and up to 100")))
    }

    fn show(&self) -> String {
        self.0.percent().to_string()
    }
}

crate::choices! {
    /// The database behind the cache.
    pub enum DatabaseKind {
        /// A MongoDB server.
        Mongodb = "mongodb",
        /// One file, written by this process.
        Embedded = "embedded",
    }
}

impl Setting for SecretUrl {
    fn expects() -> String {
        "a URL, in which ${NAME} stands for a variable of the environment".into()
    }

    fn read(value: &Value) -> Result<Self, Option<String>> {
        read_url(value, Self::of_redis)
    }

    fn show(&self) -> String {
        format!("\"{self}\"")
    }
}

/// The URL of a MongoDB.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MongoUrl(pub SecretUrl);

impl MongoUrl {
    /// The value of an option of the URL.
    fn option(&self, name: &str) -> Option<String> {
        let (_, query) = self.0.expose().split_once('?')?;
        let mut pairs = url::form_urlencoded::parse(query.as_bytes());
        pairs.find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.into_owned())
    }

    /// What is wrong with the files that it names, a sentence each.
    #[must_use]
    pub fn faults_of_files(&self) -> Vec<String> {
        let fault = |name: &str| {
            let path = self.option(name)?;
            let error = std::fs::File::open(&path).err()?;
            Some(format!("cannot read the {name} of the URL, {path}: {error}; name a file in PEM"))
        };
        ["tlsCAFile", "tlsCertificateKeyFile"].into_iter().filter_map(fault).collect()
    }

    /// Returns true if the server is used without looking at who it is.
    #[must_use]
    pub fn is_insecure(&self) -> bool {
        let is_on = |name: &str| self.option(name).is_some_and(|value| value.eq_ignore_ascii_case("true"));
        ["tlsInsecure", "tlsAllowInvalidCertificates", "tlsAllowInvalidHostnames"].into_iter().any(is_on)
    }
}

impl Setting for MongoUrl {
    fn expects() -> String {
        SecretUrl::expects()
    }

    fn read(value: &Value) -> Result<Self, Option<String>> {
        read_url(value, SecretUrl::of_mongodb).map(Self)
    }

    fn show(&self) -> String {
        self.0.show()
    }
}

/// The scheme, the user and the password of servers whose addresses are found out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UserUrl(pub SecretUrl);

impl Setting for UserUrl {
    fn expects() -> String {
        SecretUrl::expects()
    }

    fn read(value: &Value) -> Result<Self, Option<String>> {
        read_url(value, SecretUrl::of_redis_user).map(Self)
    }

    fn show(&self) -> String {
        self.0.show()
    }
}

/// The addresses to connect to in place of those that nodes announce.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct AddressMapSetting(pub AddressMap);

impl Setting for AddressMapSetting {
    fn expects() -> String {
        "a table of addresses, as in { \"10.0.0.5:6379\" = \"127.0.0.1:7001\" }".into()
    }

    fn read(value: &Value) -> Result<Self, Option<String>> {
        let ValueKind::Table(table) = &value.kind else { return Err(None) };
        let pair = |entry: &'_ TableEntry| match &entry.value.kind {
            ValueKind::String(instead) => Ok((entry.key.clone(), instead.clone())),
            _ => Err(Some(format!("what stands behind \"{}\" is no address in quotes", entry.key))),
        };
        let pairs = table.entries.iter().map(pair).collect::<Result<Vec<_>, _>>()?;
        AddressMap::new(pairs.iter().map(|(announced, instead)| (announced.as_str(), instead.as_str())))
            .map(Self)
            .map_err(Some)
    }

    fn show(&self) -> String {
        let pairs: Vec<_> =
            self.0.iter().map(|(announced, instead)| format!("\"{announced}\" = \"{instead}\"")).collect();
        if pairs.is_empty() { "{}".into() } else { format!("{{ {} }}", pairs.join(", ")) }
    }
}

/// Reads a URL in which variables of the environment may stand.
fn read_url(
    value: &Value,
    parse: impl FnOnce(&str) -> Result<SecretUrl, String>,
) -> Result<SecretUrl, Option<String>> {
    let ValueKind::String(text) = &value.kind else { return Err(None) };
    expand(text, |name| std::env::var(name).ok()).and_then(|url| parse(&url)).map_err(Some)
}

/// Replaces each `${NAME}` by the variable of the environment. In a user, a password and the query of a URL its value is
/// percent-encoded, since it stands for that part and must not end it; in other places it is taken as it is. A variable that is
/// all there is before the `@` may hold a user and a password with a colon between them, or `:password` alone.
///
/// # Errors
/// Returns an error that names the missing variable, or tells what is wrong with the text.
pub fn expand(text: &str, variable: impl Fn(&str) -> Option<String>) -> Result<String, String> {
    let mut expanded = String::new();
    let mut rest = text;
    let behind_scheme = text.find("://").map_or(text.len(), |at| at + "://".len());
    let user_end = text.rfind('@').unwrap_or(0).max(behind_scheme);
    let query = text[user_end..].find('?').map_or(text.len(), |at| user_end + at);
    while let Some((before, after)) = rest.split_once("${") {
        let at = text.len() - rest.len() + before.len();
        let (name, after) =
            after.split_once('}').ok_or_else(|| "a \"${\" is not closed by a \"}\"".to_owned())?;
        let is_name =
            !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
        if !is_name {
            return Err(
                "what stands between \"${\" and \"}\" is no name of a variable: write letters, digits and _"
                    .into(),
            );
        }
        let value = variable(name).ok_or_else(|| {
            format!("the environment has no variable {name}; set it, as in {name}=… hotset …")
        })?;
        expanded.push_str(before);
        let is_all_of_the_user = at == behind_scheme && at + "${}".len() + name.len() == user_end;
        if let Some((user, password)) = value.split_once(':').filter(|_| is_all_of_the_user) {
            expanded.push_str(&[secrets::encode(user), secrets::encode(password)].join(":"));
        } else if (behind_scheme..user_end).contains(&at) || at > query {
            expanded.push_str(&secrets::encode(&value));
        } else {
            expanded.push_str(&value);
        }
        rest = after;
    }
    expanded.push_str(rest);
    Ok(expanded)
}

crate::settings! {
    /// The table `[cache]`.
    pub struct CacheSettings {
        /// how much the cache may hold: entries (10000), memory ("64MiB") or a share of the dataset's documents ("20%"); left out, there is no limit. A Redis that is there already keeps its own limit
        capacity: Option<Capacity> = None,
        /// how long a cached document may be served: "1h", or "trace", each as long as the trace that drives the run tells of its key, divided by `workload.speed` where that is given; { from = "trace", unknown = "1h" } says it of keys of which the trace tells nothing, whose entries otherwise stay until they are evicted or invalidated
        ttl: Option<CacheTtl> = Some(CacheTtl::Fixed(Positive::seconds(3600))),
        /// what a full managed Redis evicts; the embedded cache has a `policy`, and a Redis that is there already evicts what it was told to
        eviction: EvictionPolicy = EvictionPolicy::AllKeysLru,
        /// whom a full embedded cache evicts: `lru` the least recently used, exactly; `lfu` the least often used; `w-tinylfu`, `s3-fifo` and `sieve` those that are not used again soon, each by its paper; `fifo` the oldest; `random` anyone
        policy: PolicyKind = PolicyKind::Lru,
        /// how many percent of the memory, of the machine or of the tightest control group (cgroup v2) of this process, may be used, by whomever: above that the embedded cache sheds a quarter of the least recently used, again and again until it is less, but keeps an eighth; left out, memory is not watched
        max_memory_percent: Option<Percent> = None,
        /// what a managed Redis writes to its disk
        persistence: Persistence = Persistence::None,
        /// how long a connection to the cache may take to open
        connect_timeout: Positive = Positive::seconds(1),
        /// how long an answer of the cache may take, retries included
        timeout: Positive = Positive::millis(500),
        /// how often a command is tried again that a server has certainly not carried out: it could not be reached, or said that it cannot now
        retries: u64 = 2,
        /// the pause before the first retry; each later one is twice as long
        retry_pause: Positive = Positive::millis(10),
        /// how many replicas must have a write before it is acknowledged (WAIT); 0 waits for none
        wait_replicas: u64 = 0,
        /// how long they may take; after that the write ends in a timeout, though it is done
        wait_timeout: Positive = Positive::millis(100),
        /// a file in PEM with the certificates by which those of the cache's servers are signed; left out, the usual authorities
        tls_ca: Option<String> = None,
        /// a file in PEM with the certificate by which servers know hotset; needs tls_key
        tls_cert: Option<String> = None,
        /// a file in PEM with the private key of that certificate, without a passphrase
        tls_key: Option<String> = None,
        /// whether servers that speak TLS are used without looking at who they are; every page says so
        tls_insecure: bool = false,
        /// where to connect to in place of the addresses that nodes announce, as behind NAT: { "10.0.0.5:6379" = "127.0.0.1:7001" }
        address_map: AddressMapSetting = AddressMapSetting::default(),
    }
}

crate::settings! {
    /// The table `[database]`.
    pub struct DatabaseSettings {
        /// a MongoDB that is there already; left out, hotset starts one of its own
        url: Option<MongoUrl> = None,
        /// whether faults may be tried on the link to a MongoDB that is there already
        allow_faults: bool = false,
        /// how the name of this run's database begins; the time of the run follows, and the database is dropped at the end
        name: String = "hotset".into(),
        /// the memory of a managed MongoDB's own cache
        cache_size: ByteSize = ByteSize(256 << 20),
        /// connections to MongoDB that each instance keeps open
        connections: NonZeroU64 = NonZeroU64::new(32).unwrap_or(NonZeroU64::MIN),
        /// how long an answer of the database may take
        timeout: Positive = Positive::seconds(5),
        /// whether a managed MongoDB runs as a replica set of one node, which a change stream needs
        replica_set: bool = false,
        /// what a write that MongoDB acknowledges has been through: `w1` the server's memory, `journaled` its journal, so that a kill takes nothing back, `majority` the journals of most of a replica set
        write_concern: WriteConcern = WriteConcern::Journaled,
        /// which node of a replica set answers reads: `primary`, or `nearest`, which may be behind and so may give an old answer to a cache that keeps it
        read_preference: ReadPreference = ReadPreference::Primary,
        /// what every call occupies one of the database's servers for, on top of what it really takes
        service_time: Duration = Duration::ZERO,
        /// how many calls the database serves at once while they take their service time
        concurrency: NonZeroU64 = NonZeroU64::new(16).unwrap_or(NonZeroU64::MIN),
    }
}

crate::settings! {
    /// The table `[network]`: distances that a loopback does not have.
    pub struct NetworkSettings {
        /// round-trip time added to every call of the cache, half before and half after
        cache_rtt: Duration = Duration::ZERO,
        /// round-trip time added to every call of the database, half before and half after
        database_rtt: Duration = Duration::ZERO,
        /// how much longer a call of the database may take: a random part of this, drawn for the way there and for the way back of each call, as on a busy network
        database_jitter: Duration = Duration::ZERO,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_of_the_environment_stand_in_for_their_names() {
        let variable = |name: &str| (name == "SECRET").then(|| "s3".to_owned());
        assert_eq!(expand("redis://:${SECRET}@host/", variable).unwrap(), "redis://:s3@host/");
        assert!(expand("redis://:a${b@c}d@host/", variable).unwrap_err().contains("no name"));
        assert!(expand("redis://${OTHER}/", variable).unwrap_err().contains("OTHER"));
        assert!(expand("redis://${OTHER/", variable).unwrap_err().contains('}'));
    }

    #[test]
    fn a_variable_before_the_at_sign_may_hold_a_user_and_a_password() {
        let with = |value: &'static str, text: &str| expand(text, |_| Some(value.to_owned())).unwrap();
        assert_eq!(with(":s3@#", "redis://${BOTH}@host:1/"), "redis://:s3%40%23@host:1/");
        assert_eq!(with("me:a:b", "redis://${BOTH}@host/"), "redis://me:a%3Ab@host/");
        // Beside anything else it is that part alone.
        assert_eq!(with("a:b", "redis://:${PASSWORD}@host/"), "redis://:a%3Ab@host/");
        assert_eq!(with("a:b", "redis://${USER}:x@host/"), "redis://a%3Ab:x@host/");
    }
}
