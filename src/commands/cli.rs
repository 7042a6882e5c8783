//! The command line: what can be typed, and what it means.

#![allow(
    rustdoc::invalid_html_tags,
    reason = "clap prints these comments as they stand, as in DIR/<scenario>"
)]

pub mod monitor;
mod numbers;

use std::num::NonZeroU64;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::base::units::{ByteSize, Share, parse_duration};
use crate::commands::sizing;
use crate::load::trace::OnBroken;
use crate::load::workload::LoadPart;
use crate::model::curve::WritePolicy;
use crate::model::eviction::PolicyKind;
use crate::report::canvas::theme::Theme;
use crate::report::compare;
use crate::report::picture::{PictureFormat, PictureRequest};
use crate::run::plan;
use crate::run::segments::name::RunName;
use crate::scenario::{Positive, suggest};
use crate::topology::settings::Capacity;

const EXAMPLES: &str = "\
Examples:
  hotset scenarios/quickstart.toml                   compare strategies inside this process, in under a minute
  hotset scenarios/single-node.toml                  the same on a real Redis and a real MongoDB
  hotset check scenarios/single-node.toml            what would be run, and how long it would take
  hotset scenarios/quickstart.toml --set workload.keys.exponent=1.2 --duration 10s
  hotset scenarios/single-node.toml --only strategy=cache-aside --repeats 5
  hotset scenarios/single-node.toml --resume results/single-node/latest
  hotset report results/quickstart/latest            redraw every chart and the page from the files
  hotset compare results/a/latest results/b/latest   what got better, what worse, and what the data do not show
  hotset baseline save main results/a/latest         keep a run; later: hotset compare --baseline main results/a/latest
  hotset report results/quickstart/latest --chart trade-off --theme dark     one of them for a slide
  hotset shared.toml --segment 2/4 --run monday      a quarter of its load; `hotset merge DIR…` puts the four together
  hotset curve scenarios/quickstart.toml --target-hit-rate 0.9   how much cache that needs, by simulation
  hotset record scenarios/quickstart.toml --out trace.csv.zst    its operations as a trace
  hotset list strategies                             what there is, with every setting and its default
  hotset doctor                                      what is installed, and how to get what is missing
  hotset scenarios/single-node.toml --watch          a run full screen
  hotset monitor --redis redis://127.0.0.1:6379      any Redis full screen, from outside; `hotset monitor --help` has more

Exit codes: 0 all ran · 1 a requirement is missed, or worse than --fail-on-regression allows ·
            2 the scenario or the command line is wrong · 3 a cell could not be run ·
            130 interrupted (what had ended is kept; --resume goes on)";

/// Load-tests caching strategies on a real cache and a real database, and reports what to adopt.
#[derive(Debug, Parser)]
#[command(name = "hotset", version, after_help = EXAMPLES, args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
pub struct Cli {
    /// What to do other than run a scenario
    #[command(subcommand)]
    pub command: Option<Command>,

    /// The scenario to run
    #[arg(required = true)]
    pub scenario: Option<PathBuf>,

    /// How to run it
    #[command(flatten)]
    pub run: RunArguments,
}

/// The options of a run.
#[derive(Debug, Clone, Args)]
pub struct RunArguments {
    /// What to run of it
    #[command(flatten)]
    pub plan: PlanArguments,

    /// Where results go: DIR/<scenario>/<UTC time>
    #[arg(long, visible_alias = "results", value_name = "DIR", default_value = "results")]
    pub out: PathBuf,

    /// With --segment: the name by which the segments of one run find each other, and that its keys and its database begin with
    #[arg(long = "run", value_name = "NAME", requires = "segment", value_parser = RunName::parse)]
    pub run_name: Option<RunName>,

    /// Go on with an interrupted run of the same scenario, in its directory
    #[arg(long, value_name = "DIR", conflicts_with_all = ["out", "segment"])]
    pub resume: Option<PathBuf>,

    /// Write the tables only, no charts and no page
    #[arg(long)]
    pub no_plots: bool,

    /// Write the requirements, met and missed, as JUnit XML into this file
    #[arg(long, value_name = "FILE")]
    pub junit: Option<PathBuf>,

    /// Print nothing but the table at the end, and errors
    #[arg(short, long)]
    pub quiet: bool,

    /// Show the run full screen, where there is a terminal
    #[arg(long, conflicts_with = "quiet")]
    pub watch: bool,
}

/// The part of a scenario that is run.
#[derive(Debug, Clone, Args)]
pub struct PlanArguments {
    /// Run only these, as strategy=NAME or topology=NAME, several separated by commas
    #[arg(long, value_name = "strategy=…,topology=…")]
    pub only: Vec<String>,

    /// Give a value of the scenario another one, as workload.clients=128 or strategies.cache-aside.on_write=update
    #[arg(long, value_name = "KEY=VALUE")]
    pub set: Vec<String>,

    /// Run every cell this often, as 5, or 5..30 with --until; three give intervals, five narrow ones
    #[arg(long, value_name = "N|N..M", value_parser = plan::Repeats::parse)]
    pub repeats: Option<plan::Repeats>,

    /// With a range of repeats: until the ratio of each strategy to no cache is known this well, as 2%
    #[arg(long, value_name = "P%", value_parser = plan::Tolerance::parse)]
    pub until: Option<plan::Tolerance>,

    /// With a range of repeats: begin no further one after this long, as 30m
    #[arg(long, value_name = "TIME", value_parser = duration)]
    pub max_duration: Option<Positive>,

    /// Measure every cell for this long, as 30s
    #[arg(long, value_name = "TIME", value_parser = duration)]
    pub duration: Option<Positive>,

    /// Drive only the Kth of N parts of the load, as 2/5, together with the processes that drive the others
    #[arg(long, value_name = "K/N", value_parser = LoadPart::parse)]
    pub segment: Option<LoadPart>,
}

impl PlanArguments {
    /// Returns these arguments as options of a plan.
    #[must_use]
    pub fn options(&self) -> plan::PlanOptions {
        plan::PlanOptions {
            set: self.set.clone(),
            only: self.only.clone(),
            repeats: self.repeats,
            until: self.until,
            max_duration: self.max_duration,
            duration: self.duration,
            part: self.segment.unwrap_or_default(),
        }
    }
}

/// The things that hotset does besides running a scenario.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Validate a scenario; print the cells and how long they will take
    Check {
        /// The scenario
        scenario: PathBuf,
        /// What to run of it
        #[command(flatten)]
        plan: PlanArguments,
        /// Also ask every server that the scenario names whether it answers
        #[arg(long)]
        connect: bool,
    },
    /// Redraw charts, page and table from a directory of results
    Report {
        /// The directory
        dir: PathBuf,
        /// Write the requirements, met and missed, as JUnit XML into this file
        #[arg(long, value_name = "FILE", conflicts_with = "chart")]
        junit: Option<PathBuf>,
        /// Which picture to draw instead
        #[command(flatten)]
        picture: PictureArguments,
    },
    /// Put the results of all segments of a run together: counts, histograms, audits and events
    Merge {
        /// The directories of the segments' results, each of them
        #[arg(required = true, value_name = "DIR")]
        dirs: Vec<PathBuf>,
        /// Where the results of the whole go: DIR/<scenario>/<UTC time>
        #[arg(long, visible_alias = "results", value_name = "DIR", default_value = "results")]
        out: PathBuf,
    },
    /// Compare runs: what got better, what got worse, and what the data do not show
    Compare(CompareArguments),
    /// Keep a run by a name, for later ones to be compared with
    Baseline {
        /// What to do
        #[command(subcommand)]
        action: BaselineAction,
    },
    /// Simulate the hit rate against the capacity under every eviction policy, without servers
    Curve {
        /// The scenario
        scenario: PathBuf,
        /// What to simulate of it
        #[command(flatten)]
        curve: CurveArguments,
    },
    /// Write a scenario's operations as a trace, without running anything
    Record {
        /// The scenario
        scenario: PathBuf,
        /// The trace to write; compressed where its name ends in .zst
        #[arg(long, value_name = "FILE")]
        out: PathBuf,
        /// How many operations
        #[arg(long, value_name = "N", default_value = "1000000", value_parser = numbers::at_least_one)]
        operations: NonZeroU64,
        /// Give a value of the scenario another one, as workload.reads=0.9
        #[arg(long, value_name = "KEY=VALUE")]
        set: Vec<String>,
        /// Show no progress
        #[arg(short, long)]
        quiet: bool,
    },
    /// Print what there is, each with its meaning and its settings
    List {
        /// Of which sort; everything without one
        what: Option<Listed>,
        /// Print every setting as docs/settings.md has it, or every column as docs/columns.md
        #[arg(long)]
        markdown: bool,
        /// Of columns: print a JSON Schema of a row of summary.csv
        #[arg(long, conflicts_with = "markdown")]
        json_schema: bool,
    },
    /// Print what is installed, and how to get what is missing
    Doctor,
    /// Watch a Redis, a cluster or what a sentinel looks after: hit rate, times, memory, evictions
    Monitor(Box<monitor::MonitorArguments>),
}

/// The runs that are compared, and the form in which that is shown.
#[derive(Debug, Clone, Args)]
pub struct CompareArguments {
    /// The directories of results; the others are compared with the first
    #[arg(required = true, num_args = 1..=compare::MOST_RUNS, value_name = "DIR")]
    pub dirs: Vec<PathBuf>,

    /// Compare all of them with this baseline instead
    #[arg(long, value_name = "NAME")]
    pub baseline: Option<String>,

    /// Where results are, and in it baselines/NAME
    #[arg(long, value_name = "DIR", default_value = "results")]
    pub out: PathBuf,

    /// How to print it; send html to a file
    #[arg(long, value_name = "FORMAT", value_enum, default_value_t = ComparisonFormat::Terminal)]
    pub format: ComparisonFormat,

    /// End with exit code 1 where the data show that a figure got worse by more than this share of what it was
    #[arg(long, value_name = "P%", value_parser = percent)]
    pub fail_on_regression: Option<Share>,

    /// Compare also what was not asked for the same, and say so first
    #[arg(long)]
    pub anyway: bool,
}

/// The forms in which a comparison is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ComparisonFormat {
    /// A table and what became of it, as wide as the terminal
    Terminal,
    /// Markdown for a comment on a pull request
    Markdown,
    /// One page that needs nothing else
    Html,
}

/// The things that are done with baselines.
#[derive(Debug, Clone, Subcommand)]
pub enum BaselineAction {
    /// Keep a copy of what a comparison needs of a run
    Save {
        /// The name to keep it by
        name: String,
        /// The directory of its results
        dir: PathBuf,
        /// Where results are; the copy goes to baselines/NAME in it
        #[arg(long, value_name = "DIR", default_value = "results")]
        out: PathBuf,
        /// Put it in the place of what has that name
        #[arg(long)]
        replace: bool,
    },
    /// Print the baselines that are kept
    List {
        /// Where results are
        #[arg(long, value_name = "DIR", default_value = "results")]
        out: PathBuf,
    },
}

/// The settings of the simulation of a curve.
#[derive(Debug, Clone, Args)]
pub struct CurveArguments {
    /// Eviction policies: lru, lfu, w-tinylfu, s3-fifo, sieve, fifo, random [default: all, in bytes all but w-tinylfu and s3-fifo]
    #[arg(long, value_name = "NAME,…", value_delimiter = ',', value_parser = policy, hide_default_value = true)]
    pub policies: Vec<PolicyKind>,

    /// Capacities in entries or as shares of the keys, as 1000,5%,20%, or of a trace in bytes, as 64MiB,1GiB [default: sixteen from 0.1% to 100%]
    #[arg(long, value_name = "N|P%|SIZE,…", value_delimiter = ',', value_parser = capacity)]
    pub capacities: Vec<Capacity>,

    /// What a write does to the cached entry [default: what the strategies do; with Twitter's and CacheLib's traces, update]
    #[arg(long, value_name = "WHAT")]
    pub on_write: Option<Written>,

    /// How many operations count, after as many that fill the caches [default: 20 for each key, 1 to 10 million]
    #[arg(long, value_name = "N", value_parser = numbers::at_least_one)]
    pub operations: Option<NonZeroU64>,

    /// The share of the keys to simulate [default: all up to a million, about a million of more]
    #[arg(long, value_name = "SHARE")]
    pub rate: Option<f64>,

    /// Simulate a trace instead: hotset's own CSV, Twitter's or CacheLib's, plain or compressed
    #[arg(long, value_name = "FILE", conflicts_with = "operations")]
    pub trace: Option<PathBuf>,

    /// Leave out lines of the trace that are broken, and count them
    #[arg(long, requires = "trace")]
    pub skip_broken: bool,

    /// Let entries expire by the times and the times to live of the trace
    #[arg(long, requires = "trace")]
    pub expire: bool,

    /// Say how much cache a hit rate needs, as 0.9
    #[arg(long, value_name = "SHARE", value_parser = share)]
    pub target_hit_rate: Option<Share>,

    /// Where earlier runs are, and where curve.csv, curve.svg and curve.png go: DIR/<scenario>
    #[arg(long, value_name = "DIR", default_value = "results")]
    pub out: PathBuf,

    /// Give a value of the scenario another one, as workload.keys.exponent=1.2
    #[arg(long, value_name = "KEY=VALUE")]
    pub set: Vec<String>,

    /// Show no progress
    #[arg(short, long)]
    pub quiet: bool,
}

/// A picture for a slide.
#[derive(Debug, Args)]
pub struct PictureArguments {
    /// Draw only this chart, for a slide; of several topologies or swept values it is named as its file in plots/
    #[arg(long, value_name = "NAME")]
    pub chart: Option<String>,
    /// What that chart is written as
    #[arg(long, requires = "chart", default_value = "png")]
    pub format: DrawnAs,
    /// Its width and height in pixels
    #[arg(long, requires = "chart", value_name = "WIDTHxHEIGHT", default_value = "1600x900", value_parser = numbers::pixels)]
    pub size: (u32, u32),
    /// What it stands on
    #[arg(long, requires = "chart", default_value = "light")]
    pub theme: Paper,
}

/// The file formats of a picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
#[expect(missing_docs, reason = "the names say all")]
pub enum DrawnAs {
    Svg,
    Png,
}

/// The backgrounds of a picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
#[expect(missing_docs, reason = "the names say all")]
pub enum Paper {
    Light,
    Dark,
}

impl PictureArguments {
    /// The picture that they ask for; `None` where they ask for none.
    #[must_use]
    pub fn request(&self) -> Option<PictureRequest> {
        Some(PictureRequest {
            chart: self.chart.clone()?,
            format: match self.format {
                DrawnAs::Svg => PictureFormat::Svg,
                DrawnAs::Png => PictureFormat::Png,
            },
            size: self.size,
            theme: match self.theme {
                Paper::Light => Theme::Light,
                Paper::Dark => Theme::Dark,
            },
        })
    }
}

/// The things that a write does to the cached entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Written {
    /// It removes it; the next read puts it in again
    Invalidate,
    /// It puts the new value in, over an old one or not
    Update,
    /// It leaves the cache as it is
    Ignore,
}

impl CurveArguments {
    /// Returns these arguments as a request.
    #[must_use]
    pub fn request(&self) -> sizing::SimulationRequest {
        sizing::SimulationRequest {
            policies: self.policies.clone(),
            capacities: self.capacities.clone(),
            trace: self.trace.clone(),
            on_broken: if self.skip_broken { OnBroken::Skip } else { OnBroken::Refuse },
            operations: self.operations,
            on_write: self.on_write.map(|written| match written {
                Written::Invalidate => WritePolicy::Invalidate,
                Written::Update => WritePolicy::Update,
                Written::Ignore => WritePolicy::Ignore,
            }),
            rate: self.rate,
            expire: self.expire,
        }
    }
}

/// The things that can be listed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Listed {
    /// What the load does
    Applications,
    /// How an application uses a cache
    Strategies,
    /// Where the cache lives
    Topologies,
    /// How keys are drawn
    Distributions,
    /// What can be broken while a run is measured
    Faults,
    /// What is drawn of the results
    Charts,
    /// Every table of a scenario with its keys
    Settings,
    /// The figures that strategies are judged by, which [requirements] may name
    Criteria,
    /// Every column of the result files with its unit
    Columns,
    /// The JSON Schema of summary.json
    Schema,
}

fn policy(name: &str) -> Result<PolicyKind, String> {
    name.parse().map_err(|_| suggest(name, &PolicyKind::ALL.map(PolicyKind::name)))
}

fn capacity(text: &str) -> Result<Capacity, String> {
    let expected = || {
        "give a number of entries, 1 or more, or a share of the keys, as 10%, or for a trace a size, as 64MiB"
            .to_owned()
    };
    if let Some(percent) = text.strip_suffix('%') {
        let share = percent.parse::<f64>().ok().and_then(|percent| Share::new(percent / 100.0));
        return share.filter(|share| *share != Share::NONE).map(Capacity::OfDataset).ok_or_else(expected);
    }
    let in_bytes = || ByteSize::parse(text).ok().filter(|size| size.0 > 0).map(Capacity::Bytes);
    text.parse().ok().map(Capacity::Entries).or_else(in_bytes).ok_or_else(expected)
}

fn share(text: &str) -> Result<Share, String> {
    let share = text.parse().ok().and_then(Share::new).filter(|share| *share != Share::NONE);
    share.ok_or_else(|| "give a share above 0 and up to 1, as 0.9".into())
}

fn percent(text: &str) -> Result<Share, String> {
    let number = text.strip_suffix('%').and_then(|percent| percent.trim().parse::<f64>().ok());
    number.and_then(|percent| Share::new(percent / 100.0)).ok_or_else(|| "give a percentage, as 5%".into())
}

fn duration(text: &str) -> Result<Positive, String> {
    match parse_duration(text)? {
        duration if duration.is_zero() => {
            Err("a duration of 0 measures nothing; give one such as 30s".into())
        }
        duration => Ok(Positive(duration)),
    }
}
