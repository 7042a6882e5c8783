//! The scripts that run inside Redis, for operations that must read a key and change it in one step.
//!
//! Each touches only `KEYS[1]`, so that it runs on any shard; the one that also writes to a log is in
//! [`super::write_log`]. A script reads at most the first 18 bytes of an entry (see [`crate::store::entry`]),
//! never a whole document.

use std::sync::LazyLock;

/// A script and the digest by which Redis knows it.
pub struct Script {
    /// The source in Lua.
    pub text: String,
    /// The SHA-1 of the source, in hexadecimal.
    pub digest: String,
}

impl Script {
    /// The script with this source.
    pub(super) fn new(text: &str) -> Self {
        Self { text: text.to_string(), digest: redis::Script::new(text).get_hash().to_string() }
    }
}

/// Stores `ARGV[1]` for `ARGV[2]` milliseconds (0: for ever). Part of every script below.
const STORE: &str = r"
local function store()
  if ARGV[2] == '0' then redis.call('SET', KEYS[1], ARGV[1])
  else redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2]) end
end
";

/// A function that returns true if the document whose first bytes are `held` is at least as new as `ARGV[1]`.
/// It compares the halves of the versions as numbers, since Lua's doubles do not hold 64 bits and its `<` on
/// texts follows the server's locale.
pub(super) const NOT_OLDER: &str = r"
local function not_older(held)
  if string.byte(held) ~= 68 then return false end
  local held_high, held_low = struct.unpack('>I4I4', held, 2)
  local new_high, new_low = struct.unpack('>I4I4', ARGV[1], 2)
  if held_high ~= new_high then return held_high > new_high end
  return held_low >= new_low
end
";

/// Stores an entry if it is newer; returns 1 if stored. ARGV: entry, ttl in ms.
pub static SET_IF_NEWER: LazyLock<Script> = LazyLock::new(|| {
    Script::new(&format!(
        "{STORE}{NOT_OLDER}
local held = redis.call('GETRANGE', KEYS[1], 0, 16)
if held ~= '' and not_older(held) then return 0 end
store()
return 1"
    ))
});

/// Fills an entry in place of the caller's token; returns 1 if stored. ARGV: entry, ttl in ms, the caller's
/// token as an entry.
pub static FILL: LazyLock<Script> = LazyLock::new(|| {
    Script::new(&format!(
        "{STORE}
if redis.call('GETRANGE', KEYS[1], 0, 17) ~= ARGV[3] then return 0 end
store()
return 1"
    ))
});

/// Ends a write; returns 1 if stored, 2 if an equal or newer entry is there, 3 if there was another's token,
/// which is now gone, and 0 if there was nothing. ARGV: entry, ttl in ms, the caller's token as an entry or
/// ''.
pub static SETTLE: LazyLock<Script> = LazyLock::new(|| {
    Script::new(&format!(
        "{STORE}{NOT_OLDER}
local held = redis.call('GETRANGE', KEYS[1], 0, 16)
if held == '' then return 0 end
if string.byte(held) == 84 and held ~= ARGV[3] then redis.call('DEL', KEYS[1]) return 3 end
if not_older(held) then return 2 end
store()
return 1"
    ))
});

/// Replaces a document of one version; returns 1 if stored. ARGV: entry, ttl in ms, the expected version as 8
/// bytes, big-endian.
pub static REPLACE: LazyLock<Script> = LazyLock::new(|| {
    Script::new(&format!(
        "{STORE}
local held = redis.call('GETRANGE', KEYS[1], 0, 8)
if held == '' or string.byte(held) ~= 68 or string.sub(held, 2) ~= ARGV[3] then return 0 end
store()
return 1"
    ))
});

/// Adds to a counter and returns the sum. ARGV: by, ttl in ms. Only a counter without a time to live, a new
/// one, gets one.
pub static INCREMENT: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        "local sum = redis.call('INCRBY', KEYS[1], ARGV[1])
if redis.call('PTTL', KEYS[1]) == -1 then redis.call('PEXPIRE', KEYS[1], ARGV[2]) end
return sum",
    )
});

/// Every script, to be loaded when a cache connects.
#[must_use]
pub fn all() -> [&'static Script; 14] {
    use super::sessions::{BEGIN_SESSION, END_ALL_SESSIONS, TOUCH_SESSION};
    use super::write_log::{LOG_LENGTH, MARK_CLEAN, PUT_DIRTY, REMOVE_CLEAN, REMOVE_RECORDS};
    [
        &SET_IF_NEWER,
        &FILL,
        &SETTLE,
        &REPLACE,
        &INCREMENT,
        &PUT_DIRTY,
        &MARK_CLEAN,
        &REMOVE_CLEAN,
        &REMOVE_RECORDS,
        &LOG_LENGTH,
        &super::access_counts::ADD,
        &BEGIN_SESSION,
        &TOUCH_SESSION,
        &END_ALL_SESSIONS,
    ]
}
