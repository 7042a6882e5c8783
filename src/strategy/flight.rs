//! Single flight: one of the readers that want the same load carries it out, and the others wait for it.
//!
//! A flight is identified by the fill token that stood in the cache when it began, not by its key. A reader
//! joins only a flight whose token its own look-up has just seen in the cache. Every write, in whichever
//! instance, removes the token before it is acknowledged; so a reader that begins after the acknowledgement
//! cannot have seen it, and cannot be given what was loaded before the write.

use std::collections::HashMap;
use std::future::Future;

use parking_lot::Mutex;
use tokio::sync::watch;

use crate::store::{Document, StoreError, Token};

type Loaded = Result<Option<Document>, StoreError>;
type Landing = watch::Receiver<Option<Loaded>>;

crate::choices! {
    /// The groups of readers that share a load.
    pub enum Flight {
        /// Those who have seen its fill token, which a write removes.
        Token = "token",
        /// Whoever asks for the key, also after a write was acknowledged: a control.
        Key = "key",
    }
}

impl Flight {
    /// The flaw of this setting if it makes the strategy a control.
    #[must_use]
    pub fn control(self) -> Option<&'static str> {
        (self == Self::Key).then_some("readers join a load that was begun before an acknowledged write")
    }
}

/// The loads that one instance has under way.
#[derive(Debug, Default)]
pub struct SingleFlight {
    flights: Mutex<HashMap<Token, Landing>>,
}

impl SingleFlight {
    /// Joins the flight of a token that the caller has just seen in the cache or put there. If this instance
    /// has no such flight, begins it by `load`.
    ///
    /// # Errors
    /// Returns the error of the load, to all who joined it.
    pub async fn join<F: Future<Output = Loaded>>(&self, token: Token, load: impl Fn() -> F) -> Loaded {
        loop {
            match self.board(token) {
                Role::Passenger(mut landing) => {
                    if let Ok(loaded) = landing.wait_for(Option::is_some).await
                        && let Some(loaded) = loaded.clone()
                    {
                        return loaded;
                    }
                    // The pilot's operation was given up before it landed, so try again.
                }
                Role::Pilot(landed) => {
                    let flight = Listed { all: self, token };
                    // Boxed, since most reads need no load, and all would have to hold its future.
                    let loaded = Box::pin(load()).await;
                    drop(flight);
                    landed.send_replace(Some(loaded.clone()));
                    return loaded;
                }
            }
        }
    }

    fn board(&self, token: Token) -> Role {
        let mut flights = self.flights.lock();
        if let Some(landing) = flights.get(&token) {
            return Role::Passenger(landing.clone());
        }
        let (landed, landing) = watch::channel(None);
        flights.insert(token, landing);
        Role::Pilot(landed)
    }
}

enum Role {
    Pilot(watch::Sender<Option<Loaded>>),
    Passenger(Landing),
}

/// Takes a flight off the list when it lands or is given up.
struct Listed<'a> {
    all: &'a SingleFlight,
    token: Token,
}

impl Drop for Listed<'_> {
    fn drop(&mut self) {
        self.all.flights.lock().remove(&self.token);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};
    use std::time::Duration;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn many_readers_of_one_token_cost_one_load() {
        let flights = SingleFlight::default();
        let loads = AtomicU32::new(0);
        let token = Token::random();
        let read = || {
            flights.join(token, || async {
                loads.fetch_add(1, Ordering::Relaxed);
                tokio::time::sleep(Duration::from_millis(5)).await;
                Ok(None)
            })
        };
        let (a, b, c) = tokio::join!(read(), read(), read());
        assert_eq!((a, b, c), (Ok(None), Ok(None), Ok(None)));
        assert_eq!(loads.load(Ordering::Relaxed), 1);
        assert!(flights.flights.lock().is_empty());
    }

    #[tokio::test(start_paused = true)]
    async fn a_flight_whose_pilot_gives_up_is_flown_by_a_passenger() {
        let flights = SingleFlight::default();
        let token = Token::random();
        let never = flights.join(token, std::future::pending);
        let waits = flights.join(token, || async { Ok(None) });
        let given_up = tokio::time::timeout(Duration::from_millis(1), never);
        let (given_up, answered) = tokio::join!(given_up, waits);
        assert!(given_up.is_err());
        assert_eq!(answered, Ok(None));
    }

    #[tokio::test(start_paused = true)]
    async fn another_token_is_another_flight() {
        let flights = SingleFlight::default();
        let error = StoreError::new(crate::store::ErrorKind::Timeout, "slow");
        let failing = flights.join(Token::random(), || async { Err(error.clone()) });
        let fine = flights.join(Token::random(), || async { Ok(None) });
        assert_eq!(tokio::join!(failing, fine), (Err(error), Ok(None)));
    }
}
