//! Sessions of users: what they log in with, and what is asked with it.

#[cfg(test)]
mod forgeries;
pub mod secret;
pub mod token;
