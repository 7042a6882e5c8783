//! One load that several processes drive together, and the results of all of them put together.
//!
//! Each process runs a segment of every cell (`load::workload::LoadPart` says which instances, clients and keys are its own)
//! and waits for the others at the points of [`protocol`] ([`meeting`]). [`record`] keeps what was observed of a segment
//! beside its rows; [`sum`] adds up what several have observed, and [`merge`] makes the rows of the whole from that, with
//! the findings that one process would have used.

pub mod meeting;
pub mod merge;
pub mod name;
mod notice;
mod patience;
pub mod protocol;
pub mod record;
pub mod sum;
