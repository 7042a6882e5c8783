//! Turns that futures of one task take.

use std::future::poll_fn;
use std::task::Poll;

/// Puts the caller behind all others of its task that are ready. tokio's budget would not: once one future has used it up,
/// all others are polled in vain, and of these the last goes first, so that of many that never wait two would do all the work.
pub async fn give_way() {
    let mut has_given_way = false;
    poll_fn(|context| {
        if std::mem::replace(&mut has_given_way, true) {
            return Poll::Ready(());
        }
        context.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}
