//! The scripts that run inside Redis, for operations that must read a key and change it in one step.
//!
//! Each touches only `KEYS[1]`, so that it runs on any shard; the one that also writes to a log is in
//! [`super::write_log`]. A script reads at most the first 18 bytes of an entry (see [`crate::store::entry`]),
//! never a whole document.

use std::sync::LazyLock;

/// The consumer group of a log.
pub const GROUP: &str = "hotset";

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
const NOT_OLDER: &str = r"
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

/// Ends a write; returns 1 if stored, 2 if an equal or newer entry is there, 3 if there was another's token
/// or an absence, which is now gone, and 0 if there was nothing. ARGV: entry, ttl in ms, the caller's token as an entry or
/// ''.
pub static SETTLE: LazyLock<Script> = LazyLock::new(|| {
    Script::new(&format!(
        "{STORE}{NOT_OLDER}
local held = redis.call('GETRANGE', KEYS[1], 0, 16)
if held == '' then return 0 end
if string.byte(held) ~= 68 and held ~= ARGV[3] then redis.call('DEL', KEYS[1]) return 3 end
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

/// Puts a dirty entry; returns the place of its record, '' without a log, or nil if the key holds another
/// entry than the writer has seen. KEYS: entry, and the log if there is one. ARGV: entry, the first bytes of
/// the entry that the writer has seen, id of the entity.
///
/// XADD comes first, so that an error there, as from a full memory, leaves the entry as it was. A new log is
/// made together with its group: if memory were full by the first flush, the group could not be made and
/// nothing would ever be flushed.
pub static PUT_DIRTY: LazyLock<Script> = LazyLock::new(|| {
    Script::new(&format!(
        "local held = redis.call('GETRANGE', KEYS[1], 0, 16)
if string.sub(held, 1, #ARGV[2]) ~= ARGV[2] then return false end
local record = ''
if KEYS[2] then
  if redis.call('EXISTS', KEYS[2]) == 0 then
    redis.call('XGROUP', 'CREATE', KEYS[2], '{GROUP}', '0', 'MKSTREAM')
  end
  record = redis.call('XADD', KEYS[2], '*', 'i', ARGV[3], 'e', ARGV[1])
end
redis.call('SET', KEYS[1], ARGV[1])
return record"
    ))
});

/// Marks an entry as clean; returns 1 if it has exactly this version. ARGV: the first 9 bytes of an entry of
/// the version, ttl in ms.
pub static MARK_CLEAN: LazyLock<Script> = LazyLock::new(|| {
    Script::new(&format!(
        "{NOT_OLDER}
local held = redis.call('GETRANGE', KEYS[1], 0, 16)
if held == '' then return 0 end
if string.sub(held, 1, 9) == ARGV[1] then redis.call('PEXPIRE', KEYS[1], ARGV[2]) return 1 end
if not_older(held) or redis.call('PTTL', KEYS[1]) == -1 then return 0 end
redis.call('DEL', KEYS[1])
return 0"
    ))
});

/// Removes a clean entry or a token; returns 1 if removed.
pub static REMOVE_CLEAN: LazyLock<Script> = LazyLock::new(|| {
    Script::new("if redis.call('PTTL', KEYS[1]) == -1 then return 0 end return redis.call('DEL', KEYS[1])")
});

/// Removes what is under the key of a deleted entity; returns 1 if removed. ARGV: the first 9 bytes of an entry of the
/// first version that stays.
pub static REMOVE_DELETED: LazyLock<Script> = LazyLock::new(|| {
    Script::new(&format!(
        "{NOT_OLDER}
local held = redis.call('GETRANGE', KEYS[1], 0, 16)
if held == '' or not_older(held) then return 0 end
return redis.call('DEL', KEYS[1])"
    ))
});

/// Removes records; returns the number removed and the number left. ARGV: the group, then the places.
pub static REMOVE_RECORDS: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        "local places = {}
for i = 2, #ARGV do places[i - 1] = ARGV[i] end
redis.call('XACK', KEYS[1], ARGV[1], unpack(places))
return {redis.call('XDEL', KEYS[1], unpack(places)), redis.call('XLEN', KEYS[1])}",
    )
});

/// Returns the number of records and the place of the first, or '' if there is none.
pub static LOG_LENGTH: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        "local first = redis.call('XRANGE', KEYS[1], '-', '+', 'COUNT', 1)
return {redis.call('XLEN', KEYS[1]), first[1] and first[1][1] or ''}",
    )
});

/// Adds to a sorted set. ARGV: ttl in ms, then each member followed by the number to add to it.
pub static ADD_TO_SORTED_SET: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        "for i = 2, #ARGV, 2 do redis.call('ZINCRBY', KEYS[1], ARGV[i + 1], ARGV[i]) end
redis.call('PEXPIRE', KEYS[1], ARGV[1])
return 1",
    )
});

/// Begins a session; returns 1 if it was begun. ARGV: token id, the session as bytes, the time of its end,
/// now.
///
/// It looks at eight random fields, which are all fields of a user with no more, and removes those that have
/// expired. So a user with thousands of sessions costs no more than another; in the long run about an eighth
/// of the sessions kept have expired. The key's time to live is never shortened, as another session may need
/// it.
pub static BEGIN_SESSION: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        "local lives = tonumber(ARGV[3]) - tonumber(ARGV[4])
local some = redis.call('HRANDFIELD', KEYS[1], 8, 'WITHVALUES')
for i = 1, #some, 2 do
  if struct.unpack('>I8', some[i + 1]) <= tonumber(ARGV[4]) then redis.call('HDEL', KEYS[1], some[i]) end
end
if lives <= 0 then return 0 end
redis.call('HSET', KEYS[1], ARGV[1], ARGV[2])
if redis.call('PTTL', KEYS[1]) < lives then redis.call('PEXPIRE', KEYS[1], string.format('%.0f', lives)) end
return 1",
    )
});

/// Touches a session; returns it as it is now, or nil. ARGV: token id, now. It sets only a field that it has
/// just found, and no other command can come between.
pub static TOUCH_SESSION: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        "local held = redis.call('HGET', KEYS[1], ARGV[1])
if not held then return false end
if struct.unpack('>I8', held) <= tonumber(ARGV[2]) then
  redis.call('HDEL', KEYS[1], ARGV[1])
  return false
end
local touched = string.sub(held, 1, 8) .. struct.pack('>I8', tonumber(ARGV[2])) .. string.sub(held, 17)
redis.call('HSET', KEYS[1], ARGV[1], touched)
return touched",
    )
});

/// Ends all sessions of a user; returns their number.
pub static END_ALL_SESSIONS: LazyLock<Script> = LazyLock::new(|| {
    Script::new("local held = redis.call('HLEN', KEYS[1]) redis.call('UNLINK', KEYS[1]) return held")
});

/// Every script, to be loaded when a cache connects.
#[must_use]
pub fn all() -> [&'static Script; 15] {
    [
        &SET_IF_NEWER,
        &FILL,
        &SETTLE,
        &REPLACE,
        &INCREMENT,
        &PUT_DIRTY,
        &MARK_CLEAN,
        &REMOVE_CLEAN,
        &REMOVE_DELETED,
        &REMOVE_RECORDS,
        &LOG_LENGTH,
        &ADD_TO_SORTED_SET,
        &BEGIN_SESSION,
        &TOUCH_SESSION,
        &END_ALL_SESSIONS,
    ]
}
