//! Whether a cell kept what its strategy promises.

use std::time::Duration;

use crate::base::units::show_duration;
use crate::results::Verdict;
use crate::strategy::{Guarantee, Loss, Staleness};

/// The findings of the audit in a cell.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct AuditFindings {
    /// Reads that were audited.
    pub audited_reads: u64,
    /// Those that were stale.
    pub stale_reads: u64,
    /// The age of the stalest.
    pub oldest: Option<Duration>,
    /// Reads that were damaged.
    pub corrupt_reads: u64,
    /// Reads of documents as new as an acknowledged write, without what it wrote.
    pub dropped_fields: u64,
    /// Sessions that were not there any more although nobody had ended them.
    pub lost_sessions: u64,
    /// The number of crashes of instances.
    pub crashes: u64,
    /// The content of both stores at the end.
    pub end: End,
}

/// The findings in the stores after the load.
#[derive(Debug, Clone, PartialEq)]
pub enum End {
    /// They were looked at.
    Known {
        /// Fields whose last acknowledged write the database does not reflect.
        lost_writes: u64,
        /// Keys of which the cache holds something else than the database, without a write of unknown end that
        /// would explain it.
        divergent_keys: u64,
    },
    /// They could not be looked at.
    Unknown(String),
}

impl Default for End {
    fn default() -> Self {
        Self::Known { lost_writes: 0, divergent_keys: 0 }
    }
}

/// Holds what was found against a promise, and says why it is broken or not known.
#[must_use]
pub fn judge(guarantee: &Guarantee, facts: &AuditFindings) -> (Verdict, String) {
    let broken = broken(guarantee, facts);
    if !broken.is_empty() {
        return (Verdict::Broken, broken.join("; "));
    }
    if let End::Unknown(why) = &facts.end {
        return (Verdict::Unknown, format!("the stores could not be compared at the end: {why}"));
    }
    if facts.audited_reads == 0 {
        return (Verdict::Unknown, "no read was audited".into());
    }
    (Verdict::Kept, String::new())
}

fn broken(guarantee: &Guarantee, facts: &AuditFindings) -> Vec<String> {
    let mut broken = Vec::new();
    let oldest = facts.oldest.unwrap_or_default();
    match &guarantee.staleness {
        Staleness::None if facts.stale_reads > 0 => {
            broken.push(format!("{} stale reads, the oldest {}", facts.stale_reads, show_duration(oldest)));
        }
        Staleness::Within(bound) if oldest > *bound => {
            broken.push(format!("a read was stale for {}", show_duration(oldest)));
        }
        _ => {}
    }
    if facts.corrupt_reads > 0 {
        broken.push(format!("{} corrupt reads", facts.corrupt_reads));
    }
    // Where a write may be lost, its version is given again, to a document without it.
    let none_may_be_lost = match guarantee.loss {
        Loss::Nothing => true,
        Loss::Backlog { .. } => facts.crashes == 0,
        Loss::CachePersistence | Loss::CachePersistenceAndBacklog { .. } | Loss::DatabaseJournal => false,
    };
    if facts.dropped_fields > 0 && none_may_be_lost {
        broken.push(format!("{} reads lacked an acknowledged change", facts.dropped_fields));
    }
    if facts.lost_sessions > 0 && guarantee.loss == Loss::Nothing {
        broken.push(format!("{} sessions were lost", facts.lost_sessions));
    }
    if let End::Known { lost_writes, divergent_keys } = facts.end {
        match &guarantee.loss {
            Loss::Nothing if lost_writes > 0 => {
                broken.push(format!("{lost_writes} acknowledged writes were lost"));
            }
            Loss::Backlog { most } if lost_writes > most * facts.crashes => {
                broken.push(format!("{lost_writes} acknowledged writes were lost, more than the backlog"));
            }
            _ => {}
        }
        if guarantee.converges && divergent_keys > 0 {
            broken.push(format!("{divergent_keys} keys differ between cache and database"));
        }
    }
    broken
}

#[cfg(test)]
mod tests {
    use super::*;

    fn facts() -> AuditFindings {
        AuditFindings { audited_reads: 1000, ..AuditFindings::default() }
    }

    fn verdict(guarantee: &Guarantee, facts: &AuditFindings) -> Verdict {
        judge(guarantee, facts).0
    }

    #[test]
    fn nothing_found_keeps_every_promise_and_nothing_audited_shows_none() {
        assert_eq!(judge(&Guarantee::SOUND, &facts()), (Verdict::Kept, String::new()));
        assert_eq!(verdict(&Guarantee::SOUND, &AuditFindings::default()), Verdict::Unknown);
        let unknown = AuditFindings { end: End::Unknown("refused".into()), ..facts() };
        assert_eq!(verdict(&Guarantee::SOUND, &unknown), Verdict::Unknown);
    }

    #[test]
    fn one_stale_read_breaks_a_promise_of_none_and_one_too_old_a_bounded_one() {
        let bounded = Guarantee::stale_within(Some(Duration::from_secs(5)));
        let stale =
            |oldest| AuditFindings { stale_reads: 1, oldest: Some(Duration::from_secs(oldest)), ..facts() };
        assert_eq!(verdict(&Guarantee::SOUND, &stale(1)), Verdict::Broken);
        assert_eq!(verdict(&bounded, &stale(5)), Verdict::Kept);
        assert_eq!(verdict(&bounded, &stale(6)), Verdict::Broken);
        assert_eq!(verdict(&Guarantee::stale_within(None), &stale(6)), Verdict::Kept);
    }

    #[test]
    fn a_read_without_an_acknowledged_change_breaks_a_promise_that_none_is_lost() {
        let dropped = AuditFindings { dropped_fields: 1, ..facts() };
        let of = |loss| Guarantee { loss, ..Guarantee::SOUND };
        let (verdict_of_sound, reason) = judge(&Guarantee::SOUND, &dropped);
        assert_eq!(
            (verdict_of_sound, reason.as_str()),
            (Verdict::Broken, "1 reads lacked an acknowledged change")
        );
        assert_eq!(verdict(&of(Loss::Backlog { most: 5 }), &dropped), Verdict::Broken);
        let crashed = AuditFindings { crashes: 1, ..dropped.clone() };
        assert_eq!(verdict(&of(Loss::Backlog { most: 5 }), &crashed), Verdict::Kept);
        assert_eq!(verdict(&of(Loss::CachePersistence), &dropped), Verdict::Kept);
    }

    #[test]
    fn a_corrupt_read_breaks_every_promise() {
        let corrupt = AuditFindings { corrupt_reads: 1, ..facts() };
        assert_eq!(verdict(&Guarantee::stale_within(None), &corrupt), Verdict::Broken);
    }

    #[test]
    fn a_loss_is_held_against_the_backlog_of_each_crash() {
        let lost = |lost_writes, crashes| AuditFindings {
            crashes,
            end: End::Known { lost_writes, divergent_keys: 0 },
            ..facts()
        };
        let backlog = Guarantee { loss: Loss::Backlog { most: 10 }, ..Guarantee::SOUND };
        assert_eq!(verdict(&Guarantee::SOUND, &lost(1, 1)), Verdict::Broken);
        assert_eq!(verdict(&backlog, &lost(10, 1)), Verdict::Kept);
        assert_eq!(verdict(&backlog, &lost(11, 1)), Verdict::Broken);
        assert_eq!(verdict(&backlog, &lost(1, 0)), Verdict::Broken);
        let by_cache = Guarantee { loss: Loss::CachePersistence, ..Guarantee::SOUND };
        assert_eq!(verdict(&by_cache, &lost(1000, 0)), Verdict::Kept);
    }

    #[test]
    fn a_lost_session_breaks_a_promise_to_lose_nothing() {
        let lost = AuditFindings { lost_sessions: 2, ..facts() };
        assert_eq!(judge(&Guarantee::SOUND, &lost), (Verdict::Broken, "2 sessions were lost".into()));
        let by_cache = Guarantee { loss: Loss::CachePersistence, ..Guarantee::SOUND };
        assert_eq!(verdict(&by_cache, &lost), Verdict::Kept);
    }

    #[test]
    fn stores_that_differ_in_the_end_break_the_promise_that_they_agree() {
        let divergent = AuditFindings { end: End::Known { lost_writes: 0, divergent_keys: 1 }, ..facts() };
        assert_eq!(verdict(&Guarantee::SOUND, &divergent), Verdict::Broken);
        assert_eq!(verdict(&Guarantee::stale_within(None), &divergent), Verdict::Kept);
    }
}
