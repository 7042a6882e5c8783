//! The listeners to changes in a cache of this process.

use tokio::sync::mpsc::UnboundedSender;

use crate::store::tracking::Announcement;

/// The listeners, each with the prefix of the keys it wants to hear of.
#[derive(Debug, Default)]
pub(super) struct Listeners(Vec<(Box<str>, UnboundedSender<Announcement>)>);

impl Listeners {
    /// Announces changes to `listener` from now on.
    pub(super) fn add(&mut self, key_prefix: &str, listener: UnboundedSender<Announcement>) {
        self.0.push((key_prefix.into(), listener));
    }

    /// Announces a change. Without listeners, that costs one look at an empty list.
    #[inline]
    pub(super) fn changed(&mut self, key: &str) {
        if !self.0.is_empty() {
            self.send(|prefix| key.starts_with(prefix).then(|| Announcement::Changed(key.into())));
        }
    }

    /// Announces that everything is gone.
    pub(super) fn flushed(&mut self) {
        self.send(|_| Some(Announcement::Flushed));
    }

    /// Sends each listener its announcement, and forgets those that have hung up.
    fn send(&mut self, what: impl Fn(&str) -> Option<Announcement>) {
        self.0.retain(|(prefix, listener)| match what(prefix) {
            Some(announcement) => listener.send(announcement).is_ok(),
            None => !listener.is_closed(),
        });
    }
}
