//! What every cache that keeps sessions promises.

use std::time::Duration;

use hotset::store::{Session, Sessions};

/// A moment of these tests, which give all moments themselves.
pub const NOW: u64 = 1_800_000_000_000;
pub const HOUR: u64 = 3_600_000;

/// The behaviours, each over a user of its own, so that on a cluster they are spread over its nodes.
pub async fn keeps_its_promises(cache: &impl Sessions) {
    a_session_that_was_begun_is_touched_and_says_when_it_was_last_used(cache, "session:a").await;
    a_touch_begins_nothing(cache, "session:b").await;
    an_ended_session_is_gone_and_the_others_stay(cache, "session:c").await;
    all_sessions_of_a_user_end_at_once_and_no_one_elses(cache, "session:d", "session:e").await;
    an_expired_session_is_absent_and_cannot_be_touched_back(cache, "session:f").await;
    a_session_that_has_expired_before_it_begins_is_not_begun(cache, "session:g").await;
    a_key_lives_as_long_as_its_longest_session(cache, "session:h").await;
    of_many_touches_that_race_an_end_none_leaves_a_session(cache).await;
}

async fn begin(cache: &impl Sessions, key: &str, token_id: &str, expires_ms: u64) {
    cache.begin_session(key, token_id, b"agent", expires_ms, NOW).await.unwrap();
}

async fn touch(cache: &impl Sessions, key: &str, token_id: &str, now_ms: u64) -> Option<Session> {
    cache.touch_session(key, token_id, now_ms).await.unwrap()
}

async fn a_session_that_was_begun_is_touched_and_says_when_it_was_last_used(
    cache: &impl Sessions,
    key: &str,
) {
    begin(cache, key, "t", NOW + HOUR).await;
    for now in [NOW, NOW + 1, NOW + HOUR - 1] {
        let data = bytes::Bytes::from_static(b"agent");
        let expected = Session { expires_ms: NOW + HOUR, last_access_ms: now, data };
        assert_eq!(touch(cache, key, "t", now).await, Some(expected));
    }
}

async fn a_touch_begins_nothing(cache: &impl Sessions, key: &str) {
    assert_eq!(touch(cache, key, "t", NOW).await, None);
    assert_eq!(touch(cache, key, "t", NOW).await, None);
    assert_eq!(cache.end_all_sessions(key).await.unwrap(), 0);
}

async fn an_ended_session_is_gone_and_the_others_stay(cache: &impl Sessions, key: &str) {
    for token_id in ["one", "two"] {
        begin(cache, key, token_id, NOW + HOUR).await;
    }
    assert!(cache.end_session(key, "one").await.unwrap());
    assert!(!cache.end_session(key, "one").await.unwrap());
    assert_eq!(touch(cache, key, "one", NOW).await, None);
    assert!(touch(cache, key, "two", NOW).await.is_some());
    assert_eq!(cache.end_all_sessions(key).await.unwrap(), 1);
}

async fn all_sessions_of_a_user_end_at_once_and_no_one_elses(cache: &impl Sessions, key: &str, other: &str) {
    let token_ids: Vec<_> = (0..30).map(|number| number.to_string()).collect();
    for token_id in &token_ids {
        begin(cache, key, token_id, NOW + HOUR).await;
    }
    begin(cache, other, "0", NOW + HOUR).await;
    assert_eq!(cache.end_all_sessions(key).await.unwrap(), 30);
    for token_id in &token_ids {
        assert_eq!(touch(cache, key, token_id, NOW).await, None);
    }
    assert!(touch(cache, other, "0", NOW).await.is_some());
}

async fn an_expired_session_is_absent_and_cannot_be_touched_back(cache: &impl Sessions, key: &str) {
    begin(cache, key, "short", NOW + 1000).await;
    begin(cache, key, "long", NOW + HOUR).await;
    assert!(touch(cache, key, "short", NOW + 999).await.is_some());
    assert_eq!(touch(cache, key, "short", NOW + 1000).await, None);
    // Also by somebody whose clock is behind: it is not there any more.
    assert_eq!(touch(cache, key, "short", NOW).await, None);
    begin(cache, key, "other", NOW + 10).await;
    cache.begin_session(key, "third", b"", NOW + HOUR, NOW + 20).await.unwrap();
    assert_eq!(touch(cache, key, "other", NOW + 30).await, None);
    assert!(touch(cache, key, "long", NOW + 30).await.is_some());
}

async fn a_session_that_has_expired_before_it_begins_is_not_begun(cache: &impl Sessions, key: &str) {
    begin(cache, key, "t", NOW).await;
    assert_eq!(touch(cache, key, "t", NOW - 1).await, None);
    assert_eq!(cache.end_all_sessions(key).await.unwrap(), 0);
}

/// Later and shorter ones do not shorten it.
async fn a_key_lives_as_long_as_its_longest_session(cache: &impl Sessions, key: &str) {
    begin(cache, key, "long", NOW + HOUR).await;
    begin(cache, key, "short", NOW + 50).await;
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert!(touch(cache, key, "long", NOW + 100).await.is_some());
}

async fn of_many_touches_that_race_an_end_none_leaves_a_session(cache: &impl Sessions) {
    for round in 0..20 {
        let key = format!("session:race{round}");
        begin(cache, &key, "t", NOW + HOUR).await;
        let touches: Vec<_> = (0..8)
            .map(|_| {
                let (cache, key) = (cache.clone(), key.clone());
                tokio::spawn(async move { touch(&cache, &key, "t", NOW + 1).await })
            })
            .collect();
        if round % 2 == 0 {
            assert!(cache.end_session(&key, "t").await.unwrap());
        } else {
            assert_eq!(cache.end_all_sessions(&key).await.unwrap(), 1);
        }
        assert_eq!(touch(cache, &key, "t", NOW + 2).await, None, "the end was acknowledged");
        for touch in touches {
            touch.await.unwrap();
        }
        assert_eq!(touch(cache, &key, "t", NOW + 3).await, None, "a touch brought it back");
        assert_eq!(cache.end_all_sessions(&key).await.unwrap(), 0);
    }
}
