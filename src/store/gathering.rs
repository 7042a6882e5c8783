//! Reads that are made together: calls of one kind that several of them make at the same time become one call of the
//! store, as in Facebook's DataLoader. What they do to the stores is otherwise what each does alone.
//!
//! The first that calls leads a round. It lets the other reads go on until they wait, makes one call for all that have
//! called meanwhile, and hands out the answers. A read never joins a call that was sent before it asked, so that what holds
//! of its answer alone holds of it here. A leader that is dropped, as by a timeout of its own, answers nobody; the others
//! then ask in a new round.
//!
//! Gathered are look-ups, tokens that are placed, and loads. Placing tokens stays a command for each; but as their answers
//! are handed out together, the loads that follow are one call again.

use std::sync::Arc;
use std::time::Duration;

use compact_str::CompactString;
use futures_util::future::join_all;
use parking_lot::Mutex;
use tokio::sync::oneshot;

use super::{Claimed, Document, Entry, StoreError, Token};
use crate::base::turns::give_way;

tokio::task_local! {
    static UNDER_WAY: Arc<Gathering>;
}

/// Makes reads at the same time, as one batch, and returns their answers in their order.
pub async fn together<F: Future>(reads: impl Iterator<Item = F>) -> Vec<F::Output> {
    UNDER_WAY.scope(Arc::default(), join_all(reads)).await
}

/// Returns the calls of the batch that the caller is part of; `None` outside of one, as in a task of its own.
#[inline]
pub(super) fn under_way() -> Option<Arc<Gathering>> {
    UNDER_WAY.try_with(Arc::clone).ok()
}

/// A token that is to be placed: its key and its time to live.
pub(super) type Claiming = (CompactString, Token, Duration);
/// A document that is to be loaded: its collection and its id.
pub(super) type Loading = (CompactString, CompactString);

/// The calls of one batch.
#[derive(Debug, Default)]
pub(super) struct Gathering {
    pub(super) look_ups: CallRound<CompactString, Option<Entry>>,
    pub(super) claims: CallRound<Claiming, Claimed>,
    pub(super) loads: CallRound<Loading, Option<Document>>,
}

/// A call and who waits for its answer.
type Waiting<Q, A> = (Q, oneshot::Sender<Result<A, StoreError>>);

/// The calls of one kind that wait to be made together.
#[derive(Debug)]
pub(super) struct CallRound<Q, A>(Mutex<Vec<Waiting<Q, A>>>);

impl<Q, A> Default for CallRound<Q, A> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<Q: Clone, A> CallRound<Q, A> {
    /// Has `call` asked together with what the other reads of the batch ask at the same time. `call` returns an answer for
    /// each question, in their order.
    ///
    /// # Errors
    /// Returns the error that `call` has for this question.
    pub(super) async fn ask<F: Future<Output = Vec<Result<A, StoreError>>>>(
        &self,
        question: Q,
        call: impl Fn(Vec<Q>) -> F,
    ) -> Result<A, StoreError> {
        loop {
            let (waiting, mut answer) = oneshot::channel();
            let leads = {
                let mut round = self.0.lock();
                round.push((question.clone(), waiting));
                round.len() == 1
            };
            if leads {
                let (questions, waiting): (Vec<Q>, Vec<_>) = self.gather().await.into_iter().unzip();
                for (answer, waiting) in call(questions).await.into_iter().zip(waiting) {
                    // A read that was dropped meanwhile wants no answer.
                    let _ = waiting.send(answer);
                }
            }
            if let Ok(answer) = (&mut answer).await {
                return answer;
            }
        }
    }

    /// Lets the others join, and closes the round.
    async fn gather(&self) -> Vec<Waiting<Q, A>> {
        let open = Open(self);
        give_way().await;
        let round = std::mem::take(&mut *open.0.0.lock());
        drop(open);
        round
    }
}

/// A round that others join. If its leader is dropped, all who have joined ask again.
struct Open<'a, Q, A>(&'a CallRound<Q, A>);

impl<Q, A> Drop for Open<'_, Q, A> {
    fn drop(&mut self) {
        self.0.0.lock().clear();
    }
}

#[cfg(test)]
mod tests;
