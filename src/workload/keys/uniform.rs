//! `uniform`: every key is asked for alike.

crate::settings! {
    /// The settings of `uniform`: none.
    pub struct Uniform {}
}
