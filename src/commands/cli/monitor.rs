//! The command line of `hotset monitor`.

use std::net::SocketAddr;
use std::num::NonZeroU64;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use clap::{Args, Subcommand};
use jiff::Timestamp;

use crate::base::units::parse_duration;
use crate::monitor::history::{self, HistoryQuery};
use crate::monitor::listen;
use crate::monitor::options::{MonitorOptions, Output, SHORTEST_INTERVAL};
use crate::monitor::place::{How, ServerAddress};
use crate::monitor::publish::Publish;
use crate::store::SecretUrl;
use crate::store::redis::address_map::AddressMap;
use crate::topology::settings::expand;
use crate::topology::tls;

const NOTES: &str = "\
Figures are differences of INFO between two samples, asked over connections of the monitor's own.
The hit rate is the server's: the lookups of EXISTS, of scripts and of every other reading command
count in it, too. Server time is the mean time in a command; a script counts as one, and so does
each command in it. `?` on the screen says more.

Rows (--csv, or where stdout is no terminal): one a node a sample, flushed at once; a figure that is
not known is empty.
  at_utc, node, role, state (up, first, restarted, reset, lost), interval_s, round_trip_us,
  hit_rate, hits, misses, commands_per_s, mean_service_us, evicted_keys, expired_keys,
  net_in_bytes_per_s, net_out_bytes_per_s, used_memory_bytes, maxmemory_bytes, rss_bytes,
  fragmentation_ratio, keys, clients, replication_lag_bytes, reason

Exit codes: 0 over · 2 the command line is wrong · 3 no server answered, or something could not be
            written · 130 interrupted";

/// The servers that are watched, and where their figures go.
#[derive(Debug, Clone, Args)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true, after_help = NOTES)]
pub struct MonitorArguments {
    /// What to do other than watch
    #[command(subcommand)]
    pub command: Option<MonitorCommand>,

    /// A server, any node of a cluster, or a sentinel; ${NAME} stands for a variable of the environment
    #[arg(long, value_name = "URL", required = true, num_args = 1.., value_parser = url)]
    pub redis: Vec<SecretUrl>,

    /// How to reach the nodes behind a sentinel, as redis://user:${PASSWORD}@nodes [default: as the sentinel]
    #[arg(long, value_name = "URL", value_parser = user_url)]
    pub nodes: Option<SecretUrl>,

    /// How servers are connected to
    #[command(flatten)]
    pub connecting: ConnectingArguments,

    /// How often each node is asked; 100ms or more
    #[arg(long, value_name = "TIME", default_value = "1s", value_parser = interval)]
    pub interval: Duration,

    /// End after so many samples of each node
    #[arg(long, value_name = "N", value_parser = super::numbers::at_least_one)]
    pub count: Option<NonZeroU64>,

    /// End after this long, as 30s
    #[arg(long = "for", value_name = "TIME", value_parser = duration)]
    pub lasts: Option<Duration>,

    /// Write rows of CSV to a file, or with - to stdout, instead of showing a screen
    #[arg(long, value_name = "FILE|-")]
    pub csv: Option<PathBuf>,

    /// Serve metrics for Prometheus at /metrics of this port, of this machine alone unless an address is given
    #[arg(long, value_name = "[ADDRESS:]PORT", value_parser = listen::address)]
    pub listen: Option<SocketAddr>,

    /// Add every sample to streams of this Redis
    #[arg(long, value_name = "URL", value_parser = url)]
    pub publish: Option<SecretUrl>,

    /// What stands before the names of those streams
    #[arg(long, value_name = "TEXT", default_value = "metrics:")]
    pub publish_prefix: String,

    /// End when no server has answered for this long
    #[arg(long, value_name = "TIME", default_value = "30s", value_parser = duration)]
    pub give_up: Duration,
}

/// How servers are connected to, besides their URLs.
#[derive(Debug, Clone, Args)]
pub struct ConnectingArguments {
    /// Where servers speak TLS: a file in PEM with the certificates of an authority of your own
    #[arg(long, value_name = "FILE")]
    pub tls_ca: Option<String>,

    /// A file in PEM with the certificate by which servers know the monitor
    #[arg(long, value_name = "FILE", requires = "tls_key")]
    pub tls_cert: Option<String>,

    /// A file in PEM with the private key of that certificate
    #[arg(long, value_name = "FILE", requires = "tls_cert")]
    pub tls_key: Option<String>,

    /// Do not look at who a server is
    #[arg(long, conflicts_with = "tls_ca")]
    pub tls_insecure: bool,

    /// Where to connect to in place of an address that nodes announce, as 10.0.0.5:6379=127.0.0.1:7001
    #[arg(long, value_name = "ANNOUNCED=REACHABLE", num_args = 1..)]
    pub address_map: Vec<String>,
}

impl ConnectingArguments {
    /// Reads the files and the addresses.
    ///
    /// # Errors
    /// Returns a sentence for the first that cannot be used.
    pub fn how(&self) -> Result<Arc<How>, String> {
        let client = self.tls_cert.as_deref().zip(self.tls_key.as_deref());
        let tls = tls::tried_of_files(self.tls_ca.as_deref(), client, self.tls_insecure)?;
        let pair = |text: &'_ String| {
            let pair =
                text.split_once('=').map(|(announced, instead)| (announced.to_owned(), instead.to_owned()));
            pair.ok_or_else(|| {
                format!("--address-map {text}: write ANNOUNCED=REACHABLE, as 10.0.0.5:6379=127.0.0.1:7001")
            })
        };
        let pairs = self.address_map.iter().map(pair).collect::<Result<Vec<_>, _>>()?;
        let pairs = pairs.iter().map(|(announced, instead)| (announced.as_str(), instead.as_str()));
        Ok(Arc::new(How { tls, address_map: AddressMap::new(pairs)? }))
    }
}

/// The things that the monitor does besides watching.
#[derive(Debug, Clone, Subcommand)]
pub enum MonitorCommand {
    /// Read published samples back
    History {
        /// The Redis that they were published to
        #[arg(long, value_name = "URL", value_parser = url)]
        redis: SecretUrl,
        /// From when: 2026-05-01T12:00:00Z, or as -15m before now [default: the oldest]
        #[arg(long, value_name = "TIME", value_parser = time, allow_hyphen_values = true)]
        from: Option<Timestamp>,
        /// Until when [default: the newest]
        #[arg(long, value_name = "TIME", value_parser = time, allow_hyphen_values = true)]
        to: Option<Timestamp>,
        /// What stands before the names of the streams
        #[arg(long, value_name = "TEXT", default_value = "metrics:")]
        publish_prefix: String,
        /// How it is connected to
        #[command(flatten)]
        connecting: ConnectingArguments,
        /// Print rows of CSV
        #[arg(long)]
        csv: bool,
    },
}

/// The forms in which published samples are printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OutputFormat {
    /// A table for people.
    Summary,
    /// Rows of CSV.
    Rows,
}

impl MonitorArguments {
    /// What they ask for, where stdout is a terminal or not.
    ///
    /// # Errors
    /// Returns a sentence for a file or an address that cannot be used.
    pub fn options(&self, is_terminal: bool) -> Result<MonitorOptions, String> {
        let how = self.connecting.how()?;
        let place = |url: &SecretUrl| ServerAddress::new(url.clone(), Arc::clone(&how));
        Ok(MonitorOptions {
            redis: self.redis.iter().map(place).collect(),
            nodes: self.nodes.as_ref().map(place),
            interval: self.interval,
            count: self.count.map(NonZeroU64::get),
            lasts: self.lasts,
            output: match &self.csv {
                Some(path) if path.as_os_str() == "-" => Output::Stdout,
                Some(path) => Output::File(path.clone()),
                None if is_terminal => Output::Screen,
                None => Output::Stdout,
            },
            listen: self.listen,
            publish: self
                .publish
                .clone()
                .map(|url| Publish { place: place(&url), prefix: self.publish_prefix.clone() }),
            give_up: self.give_up,
        })
    }
}

impl MonitorCommand {
    /// What it asks for, and how to print it.
    ///
    /// # Errors
    /// Returns a sentence for a file or an address that cannot be used.
    pub fn request(&self) -> Result<(HistoryQuery, OutputFormat), String> {
        let Self::History { redis, from, to, publish_prefix, connecting, csv } = self;
        let place = ServerAddress::new(redis.clone(), connecting.how()?);
        Ok((
            HistoryQuery { place, prefix: publish_prefix.clone(), from: *from, to: *to },
            if *csv { OutputFormat::Rows } else { OutputFormat::Summary },
        ))
    }
}

fn url(text: &str) -> Result<SecretUrl, String> {
    SecretUrl::of_redis(&expand(text, |name| std::env::var(name).ok())?)
}

fn user_url(text: &str) -> Result<SecretUrl, String> {
    SecretUrl::of_redis_user(&expand(text, |name| std::env::var(name).ok())?)
}

fn interval(text: &str) -> Result<Duration, String> {
    let interval = parse_duration(text)?;
    if interval < SHORTEST_INTERVAL {
        return Err(
            "more often than every 100ms the asking itself would be seen in the figures; give 100ms or more"
                .into(),
        );
    }
    Ok(interval)
}

fn duration(text: &str) -> Result<Duration, String> {
    match parse_duration(text)? {
        duration if duration.is_zero() => Err("give a duration above 0, such as 30s".into()),
        duration => Ok(duration),
    }
}

fn time(text: &str) -> Result<Timestamp, String> {
    history::time(text, Timestamp::now())
}
