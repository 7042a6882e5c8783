//! A run: from a checked scenario to the rows that it leaves.
//!
//! [`plan`] makes the cells, [`cells`] runs them in order, [`driver`] puts the load on each, [`fault`] says what
//! breaks meanwhile and [`findings`] makes rows of what was observed; [`floor`] measures what no strategy adds to a
//! latency, and [`search`] runs a cell at one rate after another; [`segments`] has several processes drive one load. `Scenario` is declared here and not beside the reader, since it is made of the settings of
//! every room that obeys some.
//!
//! This room stands on floor 5 and may use `application`, `audit`, `base`, `load`, `measure`, `model`,
//! `results`, `scenario`, `store`, `strategy` and `topology`.

pub mod cells;
pub mod driver;
pub mod fault;
pub mod findings;
pub mod floor;
pub mod machine;
pub mod plan;
pub mod search;
pub mod segments;
