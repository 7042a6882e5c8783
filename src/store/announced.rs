//! Announcements of a store that is some way off.

use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

use super::RoundTrip;
use crate::base::clock;

/// Hands announcements on in their order, each half a round trip after it was made.
pub fn delayed<T: Send + 'static>(
    mut near: UnboundedReceiver<T>,
    round_trip: RoundTrip,
) -> UnboundedReceiver<T> {
    let (sender, receiver) = unbounded_channel();
    let (depart, mut arrive) = unbounded_channel();
    tokio::spawn(async move {
        while let Some(announced) = near.recv().await {
            if depart.send((clock::now() + round_trip.get() / 2, announced)).is_err() {
                return;
            }
        }
    });
    tokio::spawn(async move {
        loop {
            let next = tokio::select! {
                next = arrive.recv() => next,
                () = sender.closed() => None,
            };
            let Some((at, announced)) = next else { return };
            clock::sleep_until(at).await;
            if sender.send(announced).is_err() {
                return;
            }
        }
    });
    receiver
}
