//! What is computed and not measured.
//!
//! [`stats`] says what repeats can show. [`theory`] predicts by formulas and [`curve`] by simulation. [`eviction`] is what simulations and the real caches
//! in this process have in common.
//!
//! This room stands on floor 1 and may use `base`.

pub mod curve;
pub mod eviction;
pub mod stats;
pub mod theory;
