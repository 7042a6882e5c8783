//! The segments of a run wait for each other, and begin together, by short texts in the cache under test.
//!
//! A text is renewed every two seconds and expires after [`EXPIRES`], so that one that has died is missed soon. The moment
//! at which all begin is a time of the cache's server, which each translates to its own clock by the fastest of a few
//! round trips.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::Duration;

use futures_util::future::join_all;
use parking_lot::Mutex;
use tokio::task::JoinHandle;

use super::name::SegmentOfRun;
use super::notice::{EXPIRES, renew, wait_until_free};
use super::patience::{MOST_WAIT, Patience, numbered};
use super::protocol::{
    Assembly, CellPoint, Decision, Heard, Identity, LeaderWord, MeetingPoint, Presence, PresenceState,
    assembly, heard,
};
use crate::base::clock::{self, Instant};
use crate::base::observer::{Event, Observer};
use crate::base::units::show_duration;
use crate::load::workload::LoadPart;
use crate::store::StoreError;
use crate::store::redis::RedisCache;
use crate::topology::CacheEndpoint;

/// Between two looks at what the others say.
const LOOKS_EVERY: Duration = Duration::from_millis(50);
/// Between the decision to begin and the beginning, so that all have heard of it.
const NOTICE: Duration = Duration::from_millis(500);
/// One that begins later than this after the others says so.
const LATE: Duration = Duration::from_millis(5);
/// So many round trips, of which the fastest tells what time it is on the server.
const CLOCK_TRIPS: usize = 7;

/// The key under which the first segment speaks.
const LEADER: &str = "1";

/// A place where the segments of a run meet: one cache.
pub struct Meeting {
    part: LoadPart,
    cache: RedisCache,
    identity: Mutex<Identity>,
    /// True once all have gone on together; before that the first may be another process than the one that spoke last.
    has_met: AtomicBool,
    /// The text that this segment says now.
    said: Arc<Mutex<Option<String>>>,
    /// When each of the others was last seen.
    seen: Mutex<BTreeMap<u64, Instant>>,
    renewing: JoinHandle<()>,
}

impl Drop for Meeting {
    fn drop(&mut self) {
        self.renewing.abort();
    }
}

impl Meeting {
    /// Comes to the meeting place of a run, unless another process is there as the same segment.
    ///
    /// # Errors
    /// Says who is there, or what the cache answered.
    pub async fn join(
        cache: &CacheEndpoint,
        segment: &SegmentOfRun,
        observer: &dyn Observer,
    ) -> Result<Self, String> {
        let doing = |error: StoreError| format!("segments meet through the cache: {error}");
        let cache = cache.connect_beside(&segment.run.meeting_prefix()).await.map_err(doing)?;
        let part = segment.part;
        let process = format!("{:016x}", rand::random::<u64>());
        let session = if part.leads() { process.clone() } else { String::new() };
        let identity = Identity { session, process, load: segment.load.clone() };
        let own = own_key(part);
        wait_until_free(&cache, &own, segment, observer).await?;
        let said = Arc::new(Mutex::new(None));
        let renewing = tokio::spawn(renew(cache.clone(), own, Arc::clone(&said)));
        let (identity, has_met) = (Mutex::new(identity), AtomicBool::new(false));
        Ok(Self { part, cache, identity, has_met, said, seen: Mutex::default(), renewing })
    }

    /// The first segment says that it makes a cell ready, which may take long.
    pub async fn announce(&self, cell: u64) {
        if self.part.leads() {
            let what = "segment 1 makes the data ready".to_owned();
            self.say_word(CellPoint { cell, at: MeetingPoint::Ready }, Decision::Wait(what)).await;
        }
    }

    /// Waits until all segments have come to a point of a cell, and returns the moment at which they go on together. It may
    /// have passed.
    ///
    /// # Errors
    /// Says who will not come, and why.
    pub async fn meet(
        &self,
        cell: u64,
        at: MeetingPoint,
        observer: &dyn Observer,
    ) -> Result<Instant, String> {
        let point = CellPoint { cell, at };
        let mut patience = Patience::begin(observer);
        let micros = if self.part.leads() {
            self.lead(point, &mut patience).await?
        } else {
            self.follow(point, &mut patience).await?
        };
        let start = self.to_own_clock(micros).await?;
        let late = start.elapsed();
        if late > LATE
            && matches!(at, MeetingPoint::Filling | MeetingPoint::WarmingUp | MeetingPoint::Measuring)
        {
            let what = format!(
                "this segment heard {} late that all were to {}: what was due until then is sent late",
                show_duration(late),
                at.words()
            );
            observer.observe(Event::Warning { what });
        }
        Ok(start)
    }

    /// This segment cannot go on with a cell: the others are told. The first waits until they use nothing of it any more.
    pub async fn give_up(&self, cell: u64, reason: &str, observer: &dyn Observer) {
        let point = self.latest_of(cell);
        if !self.part.leads() {
            self.say_present(point, PresenceState::Failed, reason).await;
            return;
        }
        // The others have heard it from the first where one of them was the reason.
        self.say_word(point, Decision::Fail(reason.to_owned())).await;
        let since = Instant::now();
        while since.elapsed() < MOST_WAIT {
            let others = self.others().await;
            let busy: Vec<u64> = others
                .into_iter()
                .filter(|(_, one)| one.as_ref().is_some_and(|one| !one.is_done_with(cell)))
                .map(|(number, _)| number)
                .collect();
            if busy.is_empty() {
                return;
            }
            let what = format!("waiting for {} to leave this run", numbered(&busy));
            observer.observe(Event::Step { what });
            clock::sleep(LOOKS_EVERY * 4).await;
        }
    }

    /// This segment ends; `why` where that is not the end of the run.
    pub async fn leave(&self, why: Option<&str>) {
        self.renewing.abort();
        match why {
            None => drop(self.cache.remove_note(&own_key(self.part)).await),
            Some(why) if self.part.leads() => {
                self.say_word(self.latest_of(0), Decision::Left(why.to_owned())).await;
            }
            Some(why) => self.say_present(self.latest_of(0), PresenceState::Left, why).await,
        }
    }

    /// The first segment waits for all others, and decides when all go on.
    async fn lead(&self, point: CellPoint, patience: &mut Patience<'_>) -> Result<u64, String> {
        let what = point.at.words();
        self.say_word(point, Decision::Wait(format!("waiting for all segments to {what}"))).await;
        loop {
            let others = patience.answer(self.try_others().await)?;
            let assembled = others
                .map(|others| (assembly(&self.identity.lock(), point, &others), self.note_seen(&others)));
            match assembled {
                None => {}
                Some((Assembly::Complete, _)) => return self.decide(point, patience).await,
                Some((Assembly::Failed(why), _)) => {
                    self.say_word(point, Decision::Fail(why.clone())).await;
                    return Err(why);
                }
                Some((Assembly::Missing(missing), there)) => {
                    let told =
                        format!("waiting for {} of {} to {what}", numbered(&missing), self.part.parts());
                    self.say_word(point, Decision::Wait(told.clone())).await;
                    patience.tell(told);
                    let looked = patience.look_after(&missing, &there, &self.seen.lock(), self.part);
                    if let Err(why) = looked {
                        self.say_word(point, Decision::Fail(why.clone())).await;
                        return Err(why);
                    }
                }
            }
            patience.check(point)?;
            clock::sleep(LOOKS_EVERY).await;
        }
    }

    /// Says when all go on, again and again until then: nobody may miss it.
    async fn decide(&self, point: CellPoint, patience: &mut Patience<'_>) -> Result<u64, String> {
        let now = loop {
            if let Some(now) = patience.answer(self.cache.server_time(LEADER).await)? {
                break now;
            }
            clock::sleep(LOOKS_EVERY).await;
        };
        let micros = u64::try_from((now + NOTICE).as_micros()).unwrap_or(u64::MAX);
        let since = Instant::now();
        while since.elapsed() + LOOKS_EVERY * 2 < NOTICE {
            self.say_word(point, Decision::Begin(micros)).await;
            clock::sleep(LOOKS_EVERY).await;
        }
        Ok(micros)
    }

    /// One of the other segments waits for the word of the first.
    async fn follow(&self, point: CellPoint, patience: &mut Patience<'_>) -> Result<u64, String> {
        for look in 0_u32.. {
            // Where it was evicted, the first would wait for the next renewal.
            if look.is_multiple_of(10) {
                self.say_present(point, PresenceState::Here, "").await;
            }
            match patience.answer(self.cache.note(LEADER).await)? {
                None => {}
                Some(None) => {
                    patience.tell(format!("waiting for segment 1 of {}", self.part.parts()));
                    patience.look_after(&[1], &BTreeSet::new(), &self.seen.lock(), self.part)?;
                }
                Some(Some(text)) => {
                    self.seen.lock().insert(1, Instant::now());
                    let Some(word) = LeaderWord::parse(&text) else {
                        return Err(format!("segment 1 is of another version of hotset; it says \"{text}\""));
                    };
                    if !self.knows(&word) {
                        patience.tell(format!("waiting for segment 1 of {}", self.part.parts()));
                        clock::sleep(LOOKS_EVERY).await;
                        continue;
                    }
                    let heard = heard(&self.identity.lock(), point, &word);
                    match heard {
                        Heard::Begin(micros) => {
                            self.has_met.store(true, Relaxed);
                            return Ok(micros);
                        }
                        Heard::Failed(why) => return Err(why),
                        Heard::Wait(what) => patience.tell(what),
                    }
                }
            }
            patience.check(point)?;
            clock::sleep(LOOKS_EVERY).await;
        }
        Err("the segments have waited for each other without end".into())
    }

    /// Returns true if the word is of the first segment of this run. As long as nothing was done together it may be one that
    /// an earlier run of this name left behind: then one that makes its first cell ready is believed.
    fn knows(&self, word: &LeaderWord) -> bool {
        let mut identity = self.identity.lock();
        if self.has_met.load(Relaxed) || identity.session == word.identity.session {
            return true;
        }
        let begins = matches!(word.decision, Decision::Wait(_)) && word.about.at == MeetingPoint::Ready;
        if begins {
            identity.session.clone_from(&word.identity.session);
        }
        begins
    }

    /// Notes who of the others is there, in this run or any other of its name.
    fn note_seen(&self, others: &[(u64, Option<Presence>)]) -> BTreeSet<u64> {
        let there: BTreeSet<u64> =
            others.iter().filter(|(_, one)| one.is_some()).map(|(number, _)| *number).collect();
        let now = Instant::now();
        self.seen.lock().extend(there.iter().map(|number| (*number, now)));
        there
    }

    async fn try_others(&self) -> Result<Vec<(u64, Option<Presence>)>, StoreError> {
        let numbers: Vec<u64> = (2..=self.part.parts().get()).collect();
        let keys: Vec<String> = numbers.iter().map(u64::to_string).collect();
        let answers = join_all(keys.iter().map(|key| self.cache.note(key))).await;
        let mut others = Vec::with_capacity(numbers.len());
        for (number, answer) in numbers.into_iter().zip(answers) {
            others.push((number, answer?.and_then(|text| Presence::parse(&text))));
        }
        Ok(others)
    }

    async fn others(&self) -> Vec<(u64, Option<Presence>)> {
        self.try_others().await.unwrap_or_default()
    }

    /// The latest point of a cell that this segment has told of, or of a later one; the first where it has told of none.
    fn latest_of(&self, cell: u64) -> CellPoint {
        let first = CellPoint { cell, at: MeetingPoint::Ready };
        let said = self.said.lock();
        let told = said.as_deref().and_then(|text| {
            let presence = Presence::parse(text).map(|one| one.reached);
            presence.or_else(|| LeaderWord::parse(text).map(|word| word.about))
        });
        told.map_or(first, |told| told.max(first))
    }

    async fn say_word(&self, about: CellPoint, decision: Decision) {
        let identity = self.identity.lock().clone();
        self.say(LeaderWord { identity, about, decision }.to_string()).await;
    }

    async fn say_present(&self, reached: CellPoint, state: PresenceState, reason: &str) {
        let identity = self.identity.lock().clone();
        self.say(Presence { identity, reached, state, reason: reason.to_owned() }.to_string()).await;
    }

    /// Says something from now on. Where the cache does not take it, it is said again soon, or the next look finds that out.
    async fn say(&self, text: String) {
        *self.said.lock() = Some(text.clone());
        if let Err(error) = self.cache.put_note(&own_key(self.part), &text, EXPIRES).await {
            tracing::debug!("{error}");
        }
    }

    /// The moment on this process' clock at which the cache's server has this time.
    async fn to_own_clock(&self, micros: u64) -> Result<Instant, String> {
        let mut best: Option<(Duration, Instant, Duration)> = None;
        let mut last = None;
        for _ in 0..CLOCK_TRIPS {
            let sent = Instant::now();
            match self.cache.server_time(LEADER).await {
                Ok(server) => {
                    let trip = sent.elapsed();
                    if best.is_none_or(|(fastest, _, _)| trip < fastest) {
                        best = Some((trip, sent + trip / 2, server));
                    }
                }
                Err(error) => last = Some(error),
            }
        }
        let Some((_, here, there)) = best else {
            let why = last.map(|error| error.to_string()).unwrap_or_default();
            return Err(format!("segments begin together by the clock of the cache's server: {why}"));
        };
        let wanted = Duration::from_micros(micros);
        Ok(match wanted.checked_sub(there) {
            Some(ahead) => here + ahead,
            None => here.checked_sub(there.saturating_sub(wanted)).unwrap_or(here),
        })
    }
}

fn own_key(part: LoadPart) -> String {
    part.number().unwrap_or(1).to_string()
}
