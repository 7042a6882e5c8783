//! The application over a local cache, with documents of users that can be frozen, on a paused clock.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::Duration;

use parking_lot::Mutex;

use super::documents::{self, Users, subject};
use super::ledger::SessionVerdict;
use super::secret::SigningSecret;
use super::site::Site;
use super::thinking::Thinking;
use super::token::{Claims, Tokens};
use super::world::{ClientToken, SharedSessions};
use super::{PERMISSIONS, SESSION, Spec, USER, operations};
use crate::application::touched::Touched;
use crate::application::{
    Answer, Application as _, Dataset as _, DatasetParameters, Figure, Judged, Model as _, Visitor,
    World as _,
};
use crate::audit::{Audit, Example, Setup};
use crate::base::clock;
use crate::base::units::{ByteSize, Share};
use crate::load::workload::{Operation, ValueSizes};
use crate::measure::Anomalies;
use crate::results::AnomalyKind;
use crate::store::local::{LocalCache, LocalCapacity};
use crate::store::{Counters, Document, ErrorKind, Patch, Sessions as _, StoreError, Version};
use crate::strategy::source::Keyspace;
use crate::strategy::{Read, ReadOutcome, Strategy, WriteError};

const USERS: u64 = 10;
const TTL: Duration = Duration::from_hours(24);

/// Keeps documents. While it is frozen, reads are answered with the documents that it began with.
#[derive(Clone, Default)]
struct Documents(Arc<Mutex<HashMap<String, (Document, Document)>>>, Arc<AtomicBool>);

impl Strategy for Documents {
    async fn insert(&self, _entity: &Document) -> Result<Option<Version>, WriteError> {
        Err(StoreError::new(ErrorKind::Unavailable, "nothing is inserted here").into())
    }

    async fn delete(&self, _id: &str) -> Result<Option<Version>, WriteError> {
        Err(StoreError::new(ErrorKind::Unavailable, "nothing is deleted here").into())
    }

    async fn read(&self, id: &str) -> Result<Read, StoreError> {
        let (new, old) = self.0.lock().get(id).cloned().expect("every user has a document");
        let shown = if self.1.load(Relaxed) { old } else { new };
        Ok(Read { outcome: ReadOutcome::Hit, found: Some((shown.version(), shown)) })
    }

    async fn write(&self, id: &str, patch: &Patch) -> Result<Option<Version>, WriteError> {
        let mut all = self.0.lock();
        let (document, _) = all.get_mut(id).expect("every user has a document");
        let version = document.version() + 1;
        *document = document.merged(patch, version)?;
        Ok(Some(version))
    }

    async fn invalidate(&self, _: &str) -> Result<(), StoreError> {
        Ok(())
    }

    async fn drain(&self, _: Duration) -> Result<(), StoreError> {
        Ok(())
    }
}

struct Stage {
    cache: LocalCache,
    permissions: Documents,
    site: Site<LocalCache, Documents, Documents>,
    world: Arc<SharedSessions>,
    audit: Arc<Audit>,
    found: [Anomalies; 3],
    number: u64,
}

impl Stage {
    fn new() -> Self {
        let facts = DatasetParameters {
            keys: USERS,
            population: crate::application::Population::ALL,
            categories: 1,
            value_size: ValueSizes::Fixed(ByteSize(400)),
            seed: 1,
        };
        let users = Users::new(&facts);
        let of = |entity| {
            let documents = Documents::default();
            for user in 0..USERS {
                let document = users.document(subject(entity, user, USERS));
                documents.0.lock().insert(documents::id(user).into(), (document.clone(), document));
            }
            documents
        };
        let (permissions, records) = (of(PERMISSIONS), of(USER));
        let cache = LocalCache::new(LocalCapacity::Entries(10), Counters::new());
        let world = Arc::new(SharedSessions::default());
        let site = Site {
            cache: cache.clone(),
            sessions: Keyspace { key_prefix: "session:".into(), ttl: Some(TTL).into(), tags: 0 },
            session_ttl: TTL,
            permissions: permissions.clone(),
            users: records,
            thinking: Thinking { mean: Duration::ZERO, idle_share: Share::NONE, idle: Duration::ZERO },
            count: USERS,
            world: Arc::clone(&world),
        };
        let audit = Arc::new(Audit::new(Setup { keys: users.len(), clients: 4, instances: 1 }));
        audit.begin_measuring(clock::now());
        Self { cache, permissions, site, world, audit, found: Default::default(), number: 0 }
    }

    fn visitor(&self, number: u32) -> Visitor {
        let touched = Arc::new(Touched::none_of(USERS * 2));
        Visitor::new(number, Some(Arc::clone(&self.audit)), touched)
    }

    /// Performs one operation of a client.
    async fn does(&mut self, client: &mut Visitor, kind: u8, key: u64) -> Answer {
        self.number += 1;
        let operation = Operation { number: self.number, kind, key, absent: false, draw: self.number };
        client.begin(clock::now());
        let answer = self.site.perform(client, &operation).await.unwrap();
        let found = &mut self.found;
        client.end(clock::now(), true, |one| one.count(&mut found[one.shown_by()]));
        answer
    }

    async fn is_let_in(&mut self, client: &mut Visitor) -> bool {
        self.does(client, operations::VALIDATE, 0).await == Answer::Done
    }

    fn figure(&self, name: &str) -> u64 {
        let figures = self.world.figures();
        figures.iter().find(|figure| figure.name == name).and_then(|Figure { value, .. }| *value).unwrap()
            as u64
    }

    fn claims(&self, held: &ClientToken) -> Claims {
        self.world.tokens(None).check(&held.token, clock::unix_millis() / 1000).unwrap()
    }

    /// Counts of sessions let in wrongly, sessions lost, and stale permissions.
    fn anomalies(&self) -> [u64; 3] {
        [self.found[SESSION].stale, self.found[SESSION].lost_sessions, self.found[PERMISSIONS].stale]
    }

    fn examples(&self) -> Vec<Example> {
        self.audit.examples()
    }
}

#[tokio::test(start_paused = true)]
async fn who_logs_in_is_let_in_until_he_logs_out_and_his_old_token_is_refused_from_then_on() {
    let mut stage = Stage::new();
    let mut client = stage.visitor(0);
    assert_eq!(stage.does(&mut client, operations::LOG_IN, 3).await, Answer::Written);
    assert!(stage.is_let_in(&mut client).await);
    assert_eq!(stage.does(&mut client, operations::LOG_OUT, 0).await, Answer::Written);
    for _ in 0..3 {
        assert_eq!(stage.does(&mut client, operations::REPLAY, 0).await, Answer::Done);
    }
    assert_eq!(stage.figure("refused_replays"), 3);
    assert_eq!((stage.figure("log_ins"), stage.figure("log_ins_on_the_way")), (1, 0));
    assert_eq!(stage.figure("sessions_alive_at_end"), 0);
    assert_eq!(stage.anomalies(), [0, 0, 0]);
}

#[tokio::test(start_paused = true)]
async fn who_is_not_logged_in_logs_in_on_the_way_and_stays_the_user_that_he_came_as() {
    let mut stage = Stage::new();
    let mut client = stage.visitor(0);
    assert_eq!(stage.does(&mut client, operations::PROFILE, 3).await, Answer::Read(ReadOutcome::Hit));
    stage.does(&mut client, operations::UPDATE_PROFILE, 5).await;
    stage.does(&mut client, operations::PERMISSIONS, 7).await;
    assert_eq!(stage.world.current(0).unwrap().facts.user, 3);
    assert_eq!((stage.figure("log_ins"), stage.figure("log_ins_on_the_way")), (1, 1));
    let written: Vec<u64> = stage.audit.written_keys().collect();
    assert_eq!(written, [subject(USER, 3, USERS)]);
    // A client that replays before its first log-out logs out first.
    stage.does(&mut client, operations::REPLAY, 4).await;
    assert!(stage.world.current(0).is_none());
    assert_eq!(stage.figure("refused_replays"), 1);
    assert_eq!(stage.anomalies(), [0, 0, 0]);
}

#[tokio::test(start_paused = true)]
async fn a_session_that_comes_back_after_its_log_out_is_counted_and_shown_with_its_age_and_without_its_token()
{
    let mut stage = Stage::new();
    let mut client = stage.visitor(0);
    stage.does(&mut client, operations::LOG_IN, 3).await;
    let held = stage.world.current(0).unwrap();
    stage.does(&mut client, operations::LOG_OUT, 0).await;
    let claims = stage.claims(&held);
    let now = clock::unix_millis();
    let data = format!("3:{}:", held.facts.number);
    stage.cache.begin_session("session:3", &claims.jti, data.as_bytes(), now + 1_000_000, now).await.unwrap();
    tokio::time::advance(Duration::from_millis(250)).await;
    stage.does(&mut client, operations::REPLAY, 0).await;

    assert_eq!(stage.anomalies(), [1, 0, 0]);
    assert_eq!(stage.figure("validated_after_log_out"), 1);
    assert_eq!(stage.figure("validated_after_log_out_max_ms"), 250);
    let examples = stage.examples();
    let example = examples.iter().find(|one| one.kind == AnomalyKind::ValidatedAfterLogOut).unwrap();
    assert_eq!(example.age, Some(Duration::from_millis(250)));
    let shown = format!("{examples:?}");
    assert!(!shown.contains(&claims.jti) && !shown.contains(held.token.expose()), "{shown}");
}

#[tokio::test(start_paused = true)]
async fn a_session_that_lets_in_after_its_time_is_counted_and_shown_with_its_age() {
    let mut stage = Stage::new();
    let mut client = stage.visitor(0);
    stage.does(&mut client, operations::LOG_IN, 3).await;
    let held = stage.world.current(0).unwrap();
    // A token and a session behind it that live for longer than they should.
    let claims = stage.claims(&held);
    let longer = Claims { exp: claims.exp + 1000, ..claims };
    let token = stage.world.tokens(None).mint(&longer).unwrap();
    let (now, data) = (clock::unix_millis(), format!("3:{}:", held.facts.number));
    let expires = longer.exp * 1000;
    stage.cache.begin_session("session:3", &longer.jti, data.as_bytes(), expires, now).await.unwrap();
    let over = Duration::from_millis(held.facts.expires_ms + 250 - now);
    stage.world.log_in(0, ClientToken { token, facts: held.facts });
    tokio::time::advance(over).await;
    assert!(stage.is_let_in(&mut client).await);

    assert_eq!(stage.anomalies(), [1, 0, 0]);
    assert_eq!((stage.figure("validated_after_expiry"), stage.figure("validated_after_log_out")), (1, 0));
    assert_eq!(stage.figure("validated_after_expiry_max_ms"), 250);
    let examples = stage.examples();
    let example = examples.iter().find(|one| one.kind == AnomalyKind::ValidatedAfterExpiry).unwrap();
    assert_eq!(example.age, Some(Duration::from_millis(250)));
}

#[tokio::test(start_paused = true)]
async fn who_logs_out_with_a_token_whose_time_is_over_is_refused_and_has_written_nothing() {
    for way in [operations::LOG_OUT, operations::REPLAY] {
        let mut stage = Stage::new();
        let mut client = stage.visitor(0);
        stage.does(&mut client, operations::LOG_IN, 3).await;
        tokio::time::advance(TTL + Duration::from_secs(1)).await;
        assert_eq!(stage.does(&mut client, way, 0).await, Answer::Refused);
        assert!(stage.world.current(0).is_none(), "he has to log in anew");
        assert_eq!(stage.anomalies(), [0, 0, 0]);
    }
}

#[tokio::test(start_paused = true)]
async fn a_session_that_vanishes_is_lost_whether_a_validation_or_a_log_out_finds_it_gone() {
    let mut stage = Stage::new();
    let mut client = stage.visitor(0);
    for finder in [operations::VALIDATE, operations::LOG_OUT] {
        stage.does(&mut client, operations::LOG_IN, 3).await;
        stage.cache.clear();
        stage.does(&mut client, finder, 0).await;
        assert!(stage.world.current(0).is_none(), "he has to log in anew");
    }
    assert_eq!(stage.anomalies(), [0, 2, 0]);
    assert_eq!(stage.figure("lost_sessions"), 2);
    assert_eq!(stage.examples().iter().filter(|one| one.kind == AnomalyKind::LostSession).count(), 2);
    assert!(stage.is_let_in(&mut client).await);
}

#[tokio::test(start_paused = true)]
async fn a_log_out_everywhere_ends_what_others_are_logged_in_with_as_the_same_user_and_they_log_in_anew() {
    let mut stage = Stage::new();
    let mut clients = [0, 1, 2].map(|number| stage.visitor(number));
    for (client, user) in clients.iter_mut().zip([3, 3, 4]) {
        stage.does(client, operations::LOG_IN, user).await;
    }
    stage.does(&mut clients[0], operations::LOG_OUT_EVERYWHERE, 0).await;
    let [first, second, third] = &mut clients;
    assert!(!stage.is_let_in(second).await, "another's log-out has ended it");
    assert!(stage.is_let_in(third).await, "nobody has logged this user out");
    assert!(stage.is_let_in(second).await, "he has logged in anew");
    stage.does(first, operations::REPLAY, 0).await;
    assert_eq!((stage.figure("refused"), stage.figure("refused_replays")), (2, 1));
    assert_eq!(stage.anomalies(), [0, 0, 0]);
}

#[tokio::test(start_paused = true)]
async fn a_session_ends_with_its_token_and_is_not_lost() {
    let mut stage = Stage::new();
    let mut client = stage.visitor(0);
    stage.does(&mut client, operations::LOG_IN, 3).await;
    tokio::time::advance(TTL.checked_sub(Duration::from_secs(2)).unwrap()).await;
    assert!(stage.is_let_in(&mut client).await);
    tokio::time::advance(Duration::from_secs(3)).await;
    assert!(!stage.is_let_in(&mut client).await);
    assert_eq!(stage.anomalies(), [0, 0, 0]);
    assert_eq!(stage.figure("sessions_alive_at_end"), 0);
}

#[tokio::test(start_paused = true)]
async fn who_logs_in_again_leaves_a_session_behind_that_lives_on() {
    let mut stage = Stage::new();
    let mut client = stage.visitor(0);
    stage.does(&mut client, operations::LOG_IN, 3).await;
    let left = stage.world.current(0).unwrap();
    stage.does(&mut client, operations::LOG_IN, 3).await;
    let jti = stage.claims(&left).jti;
    let there = stage.cache.touch_session("session:3", &jti, clock::unix_millis()).await.unwrap();
    assert!(there.is_some());
    assert_eq!(stage.figure("sessions_alive_at_end"), 2);
}

#[tokio::test(start_paused = true)]
async fn a_token_signed_with_another_key_is_refused_although_its_session_is_there() {
    let mut stage = Stage::new();
    let mut client = stage.visitor(0);
    stage.does(&mut client, operations::LOG_IN, 3).await;
    let held = stage.world.current(0).unwrap();
    let token = Tokens::of(&SigningSecret::random()).mint(&stage.claims(&held)).unwrap();
    stage.world.log_in(0, ClientToken { token, facts: Arc::clone(&held.facts) });
    assert!(!stage.is_let_in(&mut client).await);
    stage.world.log_in(0, held);
    assert!(stage.is_let_in(&mut client).await, "its own token is as good as before");
}

#[tokio::test(start_paused = true)]
async fn the_session_of_another_user_is_damage() {
    let mut stage = Stage::new();
    let mut client = stage.visitor(0);
    stage.does(&mut client, operations::LOG_IN, 3).await;
    let jti = stage.claims(&stage.world.current(0).unwrap()).jti;
    let now = clock::unix_millis();
    stage.cache.begin_session("session:3", &jti, b"4:0:", now + 1000, now).await.unwrap();
    assert!(stage.is_let_in(&mut client).await);
    assert_eq!(stage.found[SESSION].corrupt, 1);
}

#[tokio::test(start_paused = true)]
async fn a_permission_that_is_served_after_it_was_revoked_is_counted_with_its_age() {
    let mut stage = Stage::new();
    let mut client = stage.visitor(0);
    stage.does(&mut client, operations::LOG_IN, 3).await;
    stage.permissions.1.store(true, Relaxed);
    stage.does(&mut client, operations::PERMISSIONS, 0).await;
    assert_eq!(stage.anomalies(), [0, 0, 0], "nothing has been revoked yet");
    stage.does(&mut client, operations::REVOKE, 3).await;
    tokio::time::advance(Duration::from_millis(40)).await;
    stage.does(&mut client, operations::PERMISSIONS, 0).await;
    assert_eq!(stage.anomalies(), [0, 0, 1]);
    let age = stage.found[PERMISSIONS].age_at(1.0).unwrap();
    assert!(age.abs_diff(Duration::from_millis(40)) < Duration::from_millis(1), "{age:?}");
    stage.permissions.1.store(false, Relaxed);
    stage.does(&mut client, operations::PERMISSIONS, 0).await;
    assert_eq!(stage.anomalies(), [0, 0, 1]);
}

#[test]
fn how_late_a_revocation_was_seen_is_not_known_where_no_permission_was_audited() {
    let seen = |audited, oldest| {
        let figures = Spec::default().figures(&[Judged { audited, oldest, bound: None }]);
        figures.into_iter().find(|figure| figure.name == "revocation_seen_max_ms").unwrap().value
    };
    assert_eq!(seen(0, None), None);
    assert_eq!(seen(5, None), Some(0.0), "all were as they should be");
    assert_eq!(seen(5, Some(Duration::from_millis(40))), Some(40.0));
}

#[test]
fn what_happened_before_measuring_is_not_counted() {
    let world = SharedSessions::default();
    world.count(super::world::Shown::AsReplay, true, SessionVerdict::LetInAfterEnd(Duration::from_secs(1)));
    world.begin_measuring();
    assert!(world.figures().iter().all(|figure| figure.value.unwrap_or_default() == 0.0));
}
