//! How well a run whose repeats have an open number came to know what it compares.

use serde::{Deserialize, Serialize};

/// What ended the repeats of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum EndedBy {
    /// What is compared is known as well as was asked.
    Precision,
    /// As many repeats as the scenario allows.
    Repeats,
    /// The time that the scenario allows.
    Time,
    /// None of the blocks measured anything.
    NothingMeasured,
}

/// How well what is compared is known after so many blocks.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct KnownPrecision {
    /// The share by which the least known ratio may lie from the true one; `None` where not all have an interval yet.
    pub reached: Option<f64>,
    /// That ratio, as in `read p50 of cache-aside to no-cache on single`; or what has no interval.
    pub least_known: String,
    /// The share that was asked for.
    pub asked: f64,
    /// Blocks that were run.
    pub blocks: u64,
    /// Those of them in which a cell was disturbed; they are left out of its topology and swept values.
    pub disturbed_blocks: u64,
    /// What ended the repeats; `None` while another is to come.
    pub ended_by: Option<EndedBy>,
}

impl KnownPrecision {
    /// It in a sentence, without its full stop.
    #[must_use]
    pub fn sentence(&self) -> String {
        let Self { blocks, least_known, disturbed_blocks, .. } = self;
        let asked = percent(self.asked);
        let known = match (self.reached, self.ended_by) {
            (Some(reached), _) => format!("{least_known} is known to ± {}", percent(reached)),
            (None, Some(EndedBy::NothingMeasured)) => "nothing was measured".into(),
            (None, Some(EndedBy::Precision | EndedBy::Repeats | EndedBy::Time) | None) => {
                format!("{least_known} has no interval yet")
            }
        };
        let next = match self.ended_by {
            None => ": another block is run",
            Some(EndedBy::Precision) => ": enough",
            Some(EndedBy::Repeats) => ": the last block that run.repeats allows",
            Some(EndedBy::Time) => ": run.max_duration is spent",
            Some(EndedBy::NothingMeasured) => ": no other block is run",
        };
        let disturbed = match disturbed_blocks {
            0 => String::new(),
            1 => "; 1 of the blocks was disturbed and is left out where it was".into(),
            more => {
                format!("; {more} of the blocks were disturbed and are left out where they were")
            }
        };
        format!("after {blocks} blocks {known}, and ± {asked} is asked{next}{disturbed}")
    }
}

fn percent(share: f64) -> String {
    format!("{:.1} %", share * 100.0)
}
