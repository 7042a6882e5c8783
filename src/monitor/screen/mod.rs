//! The contents of the screen: a function of a state and of nothing else.

mod nodes;
pub mod scenario;
pub mod servers;
pub mod show;
pub mod widgets;
