//! The command line: what can be typed, and what it means.

use std::num::NonZeroU64;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::plan;
use crate::scenario::Positive;
use crate::units::parse_duration;

const EXAMPLES: &str = "\
Examples:
  hotset scenarios/quickstart.toml                   compare strategies inside this process, in under a minute
  hotset scenarios/single-node.toml                  the same on a real Redis and a real MongoDB
  hotset check scenarios/single-node.toml            what would be run, and how long it would take
  hotset scenarios/quickstart.toml --set workload.keys.exponent=1.2 --duration 10s
  hotset scenarios/single-node.toml --only strategy=cache-aside --repeats 5
  hotset scenarios/single-node.toml --resume results/single-node/latest
  hotset report results/quickstart/latest            redraw every chart and the page from the files
  hotset list strategies                             what there is, with every setting and its default
  hotset doctor                                      what is installed, and how to get what is missing

Exit codes: 0 all ran · 2 the scenario or the command line is wrong · 3 a cell could not be run ·
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
    #[arg(long, value_name = "DIR", default_value = "results")]
    pub out: PathBuf,

    /// Go on with an interrupted run of the same scenario, in its directory
    #[arg(long, value_name = "DIR", conflicts_with = "out")]
    pub resume: Option<PathBuf>,

    /// Write the tables only, no charts and no page
    #[arg(long)]
    pub no_plots: bool,

    /// Print nothing but the table at the end, and errors
    #[arg(short, long)]
    pub quiet: bool,
}

/// What is run of a scenario.
#[derive(Debug, Clone, Args)]
pub struct PlanArguments {
    /// Run only these, as strategy=NAME or topology=NAME, several separated by commas
    #[arg(long, value_name = "strategy=…,topology=…")]
    pub only: Vec<String>,

    /// Give a value of the scenario another one, as workload.clients=128 or strategies.cache-aside.on_write=update
    #[arg(long, value_name = "KEY=VALUE")]
    pub set: Vec<String>,

    /// Run every cell this often; five or more are ranked
    #[arg(long, value_name = "N", value_parser = repeats)]
    pub repeats: Option<NonZeroU64>,

    /// Measure every cell for this long, as 30s
    #[arg(long, value_name = "TIME", value_parser = duration)]
    pub duration: Option<Positive>,
}

impl PlanArguments {
    /// What they mean for a plan.
    #[must_use]
    pub fn options(&self) -> plan::Options {
        plan::Options {
            set: self.set.clone(),
            only: self.only.clone(),
            repeats: self.repeats,
            duration: self.duration,
        }
    }
}

/// What hotset does besides running a scenario.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Validate a scenario; print the cells and how long they will take
    Check {
        /// The scenario
        scenario: PathBuf,
        /// What to run of it
        #[command(flatten)]
        plan: PlanArguments,
    },
    /// Redraw charts, page and table from a directory of results
    Report {
        /// The directory
        dir: PathBuf,
    },
    /// Print what there is, each with its meaning and its settings
    List {
        /// Of which sort; everything without one
        what: Option<Listed>,
    },
    /// Print what is installed, and how to get what is missing
    Doctor,
}

/// What can be listed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Listed {
    /// How an application uses a cache
    Strategies,
    /// Where the cache lives
    Topologies,
    /// How keys are drawn
    Distributions,
    /// What is drawn of the results
    Charts,
    /// Every table of a scenario with its keys
    Settings,
}

fn repeats(text: &str) -> Result<NonZeroU64, String> {
    text.parse().map_err(|_| "give a whole number, 1 or more".into())
}

fn duration(text: &str) -> Result<Positive, String> {
    match parse_duration(text)? {
        duration if duration.is_zero() => {
            Err("a duration of 0 measures nothing; give one such as 30s".into())
        }
        duration => Ok(Positive(duration)),
    }
}
