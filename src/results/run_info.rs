//! `run.json`: what was run, where, and with what.

use serde::{Deserialize, Serialize};

use super::{KnownPrecision, PriceList, Requirement};

/// Everything about a run that is not a measurement.
///
/// The caller takes secrets out of `command` and `effective_scenario` before they come here.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct RunInfo {
    /// The scenario's name.
    pub name: String,
    /// The scenario's question, in its author's words.
    #[serde(default)]
    pub description: String,
    /// What every page says of the run, since its figures are not what they seem without it.
    #[serde(default)]
    pub warnings: Vec<String>,
    /// The workload and the deployments in a sentence.
    #[serde(default)]
    pub workload: String,
    /// The command line, secrets taken out.
    pub command: Vec<String>,
    /// hotset's version.
    pub version: String,
    /// The commit that hotset was built from, where known.
    pub commit: Option<String>,
    /// The build of hotset.
    pub build: Build,
    /// When the run began, as UTC in ISO 8601.
    pub started_utc: String,
    /// When the run ended; absent while it runs or after it was interrupted.
    pub finished_utc: Option<String>,
    /// Where it ran.
    pub machine: Machine,
    /// The servers that were used.
    pub servers: Vec<Server>,
    /// What latencies on each topology hold that no strategy adds.
    #[serde(default)]
    pub latency_floors: Vec<LatencyFloor>,
    /// The seed of every random choice.
    pub seed: u64,
    /// Where the scenario was read from.
    pub scenario_path: String,
    /// The digest of the scenario's text.
    pub scenario_digest: String,
    /// The scenario as it was run, the options of the command line included, as TOML with secrets taken out.
    pub effective_scenario: String,
    /// Every setting with its value, those that were left at their default included; of what is swept, the first value.
    #[serde(default)]
    pub settings: String,
    /// The requirements on strategies.
    #[serde(default)]
    pub requirements: Vec<Requirement>,
    /// The prices of the scenario, if it gives any.
    #[serde(default)]
    pub prices: Option<PriceList>,
    /// Digests of the operations that each client was offered.
    pub stream_digests: Vec<ClientDigest>,
    /// The ids of the cells, in the order in which they run.
    pub cells: Vec<String>,
    /// How well what is compared is known, where the number of repeats was open.
    #[serde(default)]
    pub precision: Option<KnownPrecision>,
    /// The seconds that the run has taken so far, without the time between an interrupt and going on.
    #[serde(default)]
    pub spent_s: f64,
    /// The number of files that hotset may hold open.
    pub open_file_limit: u64,
    /// Which part of a load that several processes drove together these results are of; absent where they are of all of it.
    #[serde(default)]
    pub segment: Option<SegmentInfo>,
}

/// A part of a load that several processes drove together.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct SegmentInfo {
    /// The name that all parts of the run were given.
    pub run: String,
    /// The number of the part, from 1.
    pub number: u64,
    /// The number of parts.
    pub of: u64,
}

/// A build of hotset.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Build {
    /// Cargo's profile, such as `dev` or `release`.
    pub profile: String,
    /// The optimisation level, `0` to `3`, `s` or `z`.
    pub optimisation: String,
}

/// Where a run took place.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Machine {
    /// Processor cores that hotset may use.
    pub cores: u64,
    /// Main memory.
    pub memory_bytes: u64,
    /// The processor's name.
    pub cpu_model: String,
    /// The operating system's kernel and its version.
    pub kernel: String,
}

/// A server that took part.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Server {
    /// The name of the server, such as `redis` or `mongodb`.
    pub name: String,
    /// Its version.
    pub version: String,
    /// The settings that matter, one a line, secrets taken out.
    pub config: String,
}

/// What every latency on a topology holds that no strategy adds, measured once before its first warm-up: by one client,
/// one request after the other, on a thread like those that drive load.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct LatencyFloor {
    /// The topology's label.
    pub topology: String,
    /// The median of what is measured around an answer that is there at once, in microseconds.
    pub at_once_p50_us: f64,
    /// The 99th percentile of that.
    pub at_once_p99_us: f64,
    /// The median of a PING, without the delays of `[network]`, in microseconds; `None` for a cache inside this process.
    pub ping_p50_us: Option<f64>,
    /// The 99th percentile of that.
    pub ping_p99_us: Option<f64>,
}

/// The digest of the operations that one client was offered.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct ClientDigest {
    /// The swept values, as in `summary.csv`.
    pub swept: String,
    /// The repeat, counted from 1.
    pub repeat: u32,
    /// The client, counted from 0.
    pub client: u64,
    /// The digest, in hexadecimal.
    pub digest: String,
}
