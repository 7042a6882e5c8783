//! Tests of the audit as a whole: rule by rule, against a checker that keeps everything, and under threads.

mod history;
mod oracle;
mod rules;
mod threads;
