//! Who is told of changes in a cache of this process.

use tokio::sync::mpsc::UnboundedSender;

use crate::store::tracking::Announcement;

/// Those who are told, and of which keys.
#[derive(Debug, Default)]
pub(super) struct Listeners(Vec<(Box<str>, UnboundedSender<Announcement>)>);

impl Listeners {
    /// Tells somebody of changes from now on.
    pub(super) fn add(&mut self, key_prefix: &str, listener: UnboundedSender<Announcement>) {
        self.0.push((key_prefix.into(), listener));
    }

    /// Tells of a change; costs a look at an empty list where nobody listens.
    #[inline]
    pub(super) fn changed(&mut self, key: &str) {
        if !self.0.is_empty() {
            self.tell(|prefix| key.starts_with(prefix).then(|| Announcement::Changed(key.into())));
        }
    }

    /// Tells that everything is gone.
    pub(super) fn flushed(&mut self) {
        self.tell(|_| Some(Announcement::Flushed));
    }

    /// Those who have hung up are told nothing any more.
    fn tell(&mut self, what: impl Fn(&str) -> Option<Announcement>) {
        self.0.retain(|(prefix, listener)| match what(prefix) {
            Some(announcement) => listener.send(announcement).is_ok(),
            None => !listener.is_closed(),
        });
    }
}
