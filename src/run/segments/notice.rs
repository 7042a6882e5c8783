//! The text that a segment says of itself, kept alive under its key.

use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;

use super::name::SegmentOfRun;
use crate::base::clock::{self, Instant};
use crate::base::observer::{Event, Observer};
use crate::store::redis::RedisCache;

/// A text that is not renewed is gone after this.
pub const EXPIRES: Duration = Duration::from_secs(15);
/// Between two renewals.
const RENEWED_EVERY: Duration = Duration::from_secs(2);

/// Says again and again what the segment has said last.
pub async fn renew(cache: RedisCache, key: String, said: Arc<Mutex<Option<String>>>) {
    loop {
        tokio::time::sleep(RENEWED_EVERY).await;
        let text = said.lock().clone();
        if let Some(text) = text
            && let Err(error) = cache.put_note(&key, &text, EXPIRES).await
        {
            tracing::debug!("{error}");
        }
    }
}

/// Waits until nobody speaks under a key. What a process of an earlier run of this name said last expires; what another
/// process says of itself now does not.
///
/// # Errors
/// Says that there is another process, or what the cache answered.
pub async fn wait_until_free(
    cache: &RedisCache,
    key: &str,
    segment: &SegmentOfRun,
    observer: &dyn Observer,
) -> Result<(), String> {
    let since = Instant::now();
    for look in 0_u64.. {
        let note =
            cache.note(key).await.map_err(|error| format!("segments meet through the cache: {error}"))?;
        if note.is_none() {
            return Ok(());
        }
        let (run, part) = (&segment.run, segment.part);
        if since.elapsed() > EXPIRES + RENEWED_EVERY {
            return Err(format!(
                "another process drives segment {part} of the run \"{run}\"; end it, or give this run another name (--run)"
            ));
        }
        let what = format!(
            "another process drove segment {part} of the run \"{run}\" a moment ago: waiting until it has certainly ended"
        );
        if look == 0 {
            observer.observe(Event::Note { what });
        }
        clock::sleep(Duration::from_millis(200)).await;
    }
    Ok(())
}
