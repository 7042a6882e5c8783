//! What the whole driver costs over a store that does nothing: the time of an operation in a closed loop, with the audit
//! and without it, on one thread and on several; how late an open loop sends; and what a stream costs before its first
//! operation.
//!
//! Plain functions that print, as the harness of `cargo bench` needs a nightly compiler:
//! `cargo measure driver -- --nocapture --test-threads 1`.

mod closed;
mod counted;
mod generator;
mod nothing;
mod open;

fn median(of: impl IntoIterator<Item = f64>) -> f64 {
    let mut of: Vec<f64> = of.into_iter().collect();
    of.sort_by(f64::total_cmp);
    of[of.len() / 2]
}
