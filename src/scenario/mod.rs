//! A scenario file: from TOML to checked values, with every mistake at its place.
//!
//! This room stands on floor 1 and may use `base`.

pub mod mistakes;
pub mod place;
pub mod reader;
pub mod setting;
pub mod tree;

pub use mistakes::{InvalidScenario, Mistake, Mistakes};
pub use place::SourceLocation;
pub use reader::{Reader, SettingDoc, Settings, read_inline, suggest};
pub use setting::{Distinct, NonNegative, Positive, PositiveNumber, Setting};
pub use tree::{Table, Value, ValueKind};
