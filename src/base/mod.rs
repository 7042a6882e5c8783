//! What every room may use, and what knows nothing of caches.
//!
//! There are the [`clock`], the [`units`] of settings, a [`hash`], the [`memory`] of the machine, the wish to
//! [`interrupt`], the events that an [`observer`] is told, how many [`open_files`] there may be, which [`processors`], what a [`terminal`] can
//! do, where [`temporary`] files go, which [`turns`] the futures of a task take, what a process has [`inherited`], [`output`], which is the way to standard output and error, words
//! as a [`shell`] reads them, text of others as it is [`shown`], and the [`secrets`] that nobody is told.
//!
//! This room stands on floor 0 and uses no other room.

pub mod clock;
pub mod hash;
pub mod inherited;
pub mod interrupt;
pub mod key_share;
pub mod lives;
pub mod memory;
pub mod observer;
pub mod open_files;
pub mod output;
pub mod processors;
pub mod secrets;
pub mod shell;
pub mod shown;
pub mod temporary;
pub mod terminal;
pub mod turns;
pub mod units;
