//! What is simulated: accesses, and what is counted of them.

/// One operation on one key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Access {
    /// The key: its hash, or its number where keys are numbered from zero.
    pub key: u64,
    /// The kind of access.
    pub kind: AccessKind,
}

/// The kinds of access.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AccessKind {
    /// Looks for the key, and puts it in where it is not there.
    Read,
    /// Changes the key's value; what that means to the cache is [`WritePolicy`].
    Write,
    /// Deletes the key.
    Delete,
}

impl Access {
    /// A read of a key.
    #[must_use]
    pub const fn read(key: u64) -> Self {
        Self { key, kind: AccessKind::Read }
    }

    /// A write of a key.
    #[must_use]
    pub const fn write(key: u64) -> Self {
        Self { key, kind: AccessKind::Write }
    }

    /// A deletion of a key.
    #[must_use]
    pub const fn delete(key: u64) -> Self {
        Self { key, kind: AccessKind::Delete }
    }
}

/// The effects that a write may have on the cache.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum WritePolicy {
    /// It puts the new value in, over an old one or not, and counts as a use.
    #[default]
    Update,
    /// It removes the entry; the next read puts it in again.
    Invalidate,
    /// It leaves the cache as it is.
    Ignore,
}

/// The effects of an access in a cache.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Effect {
    /// Looks for the key, which is there afterwards. A read is counted.
    Use { counted: bool },
    /// The key is not there afterwards.
    Remove,
    /// Nothing happens.
    Nothing,
}

impl WritePolicy {
    /// The word by which it is chosen and reported.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Update => "update",
            Self::Invalidate => "invalidate",
            Self::Ignore => "ignore",
        }
    }

    /// Returns the effect of an access where writes do this.
    #[inline]
    pub(super) const fn effect(self, kind: AccessKind) -> Effect {
        match (kind, self) {
            (AccessKind::Read, _) => Effect::Use { counted: true },
            (AccessKind::Write, Self::Update) => Effect::Use { counted: false },
            (AccessKind::Write, Self::Invalidate) | (AccessKind::Delete, _) => Effect::Remove,
            (AccessKind::Write, Self::Ignore) => Effect::Nothing,
        }
    }
}

/// Reads, and how many of them hit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Tally {
    /// Reads.
    pub reads: u64,
    /// Reads that found their key in the cache.
    pub hits: u64,
}

/// The counts of a whole stream, sampled or not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct StreamTotals {
    /// Reads.
    pub reads: u64,
    /// Accesses after which their key is not in the cache.
    pub removals: u64,
}

impl StreamTotals {
    /// One more access, where writes do this.
    #[inline]
    pub(super) fn count(&mut self, on_write: WritePolicy, kind: AccessKind) {
        match on_write.effect(kind) {
            Effect::Use { counted } => self.reads += u64::from(counted),
            Effect::Remove => self.removals += 1,
            Effect::Nothing => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_reads_are_counted_and_a_write_does_what_it_is_told_to() {
        let effects = |on_write: WritePolicy| {
            [AccessKind::Read, AccessKind::Write, AccessKind::Delete].map(|kind| on_write.effect(kind))
        };
        let (read, update) = (Effect::Use { counted: true }, Effect::Use { counted: false });
        assert_eq!(effects(WritePolicy::Update), [read, update, Effect::Remove]);
        assert_eq!(effects(WritePolicy::Invalidate), [read, Effect::Remove, Effect::Remove]);
        assert_eq!(effects(WritePolicy::Ignore), [read, Effect::Nothing, Effect::Remove]);
    }
}
