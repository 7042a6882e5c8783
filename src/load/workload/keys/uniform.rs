//! `uniform`: every key gets the same share of requests.

crate::settings! {
    /// The settings of `uniform`: none.
    pub struct Uniform {}
}
