//! The rules of the audit, one test for each.

use std::time::Duration;

use crate::audit::line::KeyState;
use crate::audit::view::PAIRS;
use crate::audit::{
    Absence, Audit, ClientView, Conclusion, Example, Expected, FIELDS, FieldSet, Findings, Seen,
    SessionAnomaly, Setup, Write, WriteId, WriteOutcome, facts,
};
use crate::base::clock::Instant;
use crate::base::lives::{end_of_life, first_version};
use crate::results::AnomalyKind;

const KEY: u64 = 7;

/// An audit and two clients of different instances, with times in milliseconds since the audit began.
struct Scene {
    audit: Audit,
    views: [ClientView; 2],
}

impl Scene {
    fn new() -> Self {
        Self::of(Audit::new(Setup { keys: 10, clients: 2, instances: 2 }))
    }

    fn of(audit: Audit) -> Self {
        audit.begin_measuring(audit.began);
        Self { views: [audit.view(0), audit.view(1)], audit }
    }

    fn at(&self, millis: u64) -> Instant {
        self.audit.began + Duration::from_millis(millis)
    }

    fn write(&mut self, client: usize, field: usize, id: WriteId, ended: WriteOutcome, millis: u64) {
        let write = Write { key: KEY, fields: FieldSet::One(field), id };
        self.audit.write_sent(write);
        let at = self.at(millis);
        self.audit.write_ended(&mut self.views[client], write, ended, at);
    }

    fn acknowledge(&mut self, version: u64, id: WriteId, millis: u64) {
        self.write(0, 0, id, WriteOutcome::Acknowledged(version), millis);
    }

    fn answer(&mut self, client: usize, expected: Expected, seen: Seen, millis: u64) -> Findings {
        let (sent, done) = (self.at(millis), self.at(millis + 1));
        self.audit.read_answered(&mut self.views[client], KEY, expected, seen, sent, done)
    }

    fn read(&mut self, client: usize, version: u64, writes: [WriteId; FIELDS], millis: u64) -> Findings {
        let expected = self.audit.read_sent(KEY);
        self.answer(client, expected, Seen { version, writes }, millis)
    }

    fn settle(&self, database: Option<Seen>, cache: Option<Seen>) -> Conclusion {
        self.audit.settle_key(KEY, database, cache);
        self.audit.conclusion()
    }

    fn example(&self, kind: AnomalyKind) -> Example {
        self.audit.examples().into_iter().find(|example| example.kind == kind).unwrap()
    }
}

#[allow(clippy::unnecessary_wraps, reason = "what it is compared with may be missing")]
fn seen(version: u64, writes: [WriteId; FIELDS]) -> Option<Seen> {
    Some(Seen { version, writes })
}

#[allow(clippy::unnecessary_wraps, reason = "what it is compared with may be missing")]
fn millis(millis: u64) -> Option<Duration> {
    Some(Duration::from_millis(millis))
}

#[test]
fn nothing_is_found_on_a_key_that_nobody_has_written() {
    let mut scene = Scene::new();
    assert_eq!(scene.read(0, 1, [0, 0], 1), Findings::default());
    assert_eq!(scene.audit.written_keys().count(), 0);
}

#[test]
fn a_read_sent_after_the_acknowledgement_is_stale_without_the_write() {
    let mut scene = Scene::new();
    scene.acknowledge(2, 11, 10);
    assert_eq!(scene.read(1, 2, [11, 0], 15), Findings::default());
    assert_eq!(scene.read(1, 3, [12, 0], 15), Findings::default());
    let found = scene.read(1, 1, [0, 0], 15);
    assert_eq!(found.stale, millis(5));
    assert!(!found.stale_after_failed_step && !found.dropped_field && !found.not_own_write);
}

#[test]
fn a_read_sent_before_the_acknowledgement_is_not_stale_and_overlapped_the_write() {
    let mut scene = Scene::new();
    let expected = scene.audit.read_sent(KEY);
    scene.acknowledge(2, 11, 10);
    let found = scene.answer(1, expected, Seen { version: 1, writes: [0, 0] }, 9);
    assert_eq!(found, Findings { overlapped_a_write: true, ..Findings::default() });
}

#[test]
fn a_write_that_is_still_under_way_overlaps_and_one_that_has_ended_does_not() {
    let mut scene = Scene::new();
    scene.audit.write_sent(Write { key: KEY, fields: FieldSet::One(0), id: 11 });
    assert!(scene.read(1, 1, [0, 0], 1).overlapped_a_write);
    let (write, at) = (Write { key: KEY, fields: FieldSet::One(0), id: 11 }, scene.at(2));
    scene.audit.write_ended(&mut scene.views[0], write, WriteOutcome::Failed, at);
    assert_eq!(scene.read(1, 1, [0, 0], 3), Findings::default());
}

#[test]
fn the_age_runs_from_the_first_version_that_is_missing() {
    let mut scene = Scene::new();
    for (version, at) in [(2, 10), (3, 20), (4, 30)] {
        scene.acknowledge(version, version.cast_signed() + 10, at);
    }
    assert_eq!(scene.read(1, 1, [0, 0], 100).stale, millis(90));
    assert_eq!(scene.read(1, 2, [12, 0], 100).stale, millis(80));
    assert_eq!(scene.read(1, 3, [13, 0], 100).stale, millis(70));
}

#[test]
fn the_age_runs_from_a_later_version_where_that_was_acknowledged_first() {
    let mut scene = Scene::new();
    scene.acknowledge(5, 15, 10);
    scene.acknowledge(3, 13, 20);
    scene.acknowledge(7, 17, 30);
    assert_eq!(scene.read(1, 2, [0, 0], 100).stale, millis(90));
    assert_eq!(scene.read(1, 4, [0, 0], 100).stale, millis(90));
    assert_eq!(scene.read(1, 5, [15, 0], 100).stale, millis(70));
}

#[test]
fn where_acknowledgements_are_forgotten_the_age_is_too_low_and_never_too_high() {
    let setup = Setup { keys: 10, clients: 2, instances: 2 };
    let mut scene = Scene::of(Audit::remembering(setup, 256));
    for version in 2..20_000 {
        scene.acknowledge(version, version.cast_signed() + 10, version);
    }
    for (version, truth) in [(19_998, 1), (19_990, 9), (10_000, 9_999), (1, 19_998)] {
        let age = scene.read(1, version, [version.cast_signed() + 10, 0], 20_000).stale.unwrap();
        assert!((millis(1)..=millis(truth)).contains(&Some(age)), "version {version}: {age:?}");
    }
    assert_eq!(scene.read(1, 19_998, [20_008, 0], 20_000).stale, millis(1), "the newest is never forgotten");
}

#[test]
fn a_write_that_committed_and_then_failed_is_counted_apart_from_stale() {
    let mut scene = Scene::new();
    scene.write(0, 0, 11, WriteOutcome::CommittedThenFailed(Some(2)), 10);
    let found = scene.read(1, 1, [0, 0], 20);
    assert_eq!(found, Findings { stale_after_failed_step: true, ..Findings::default() });
    assert_eq!(scene.read(1, 2, [11, 0], 20), Findings::default());
    scene.acknowledge(3, 12, 30);
    let found = scene.read(0, 1, [0, 0], 40);
    assert!(found.stale.is_some() && !found.stale_after_failed_step);
    scene.write(0, 0, 13, WriteOutcome::CommittedThenFailed(None), 50);
    assert_eq!(scene.read(1, 3, [12, 0], 60), Findings::default(), "at no known version");
}

#[test]
fn writes_that_failed_or_are_indeterminate_are_expected_of_no_read() {
    for ended in [WriteOutcome::Failed, WriteOutcome::Indeterminate] {
        let mut scene = Scene::new();
        scene.write(0, 0, 11, ended, 10);
        assert_eq!(scene.read(1, 1, [0, 0], 20), Findings::default());
        assert_eq!(scene.read(1, 2, [11, 0], 20), Findings::default());
    }
}

#[test]
fn a_document_as_new_as_the_last_write_of_a_field_that_carries_an_older_one_has_dropped_it() {
    let mut scene = Scene::new();
    scene.acknowledge(2, 11, 10);
    scene.acknowledge(3, 12, 20);
    scene.write(0, 1, 13, WriteOutcome::Acknowledged(4), 30);
    for (version, writes, dropped) in [
        (4, [12, 13], false),
        (4, [0, 13], true),
        (4, [11, 13], true),
        (4, [12, 0], true),
        (5, [11, 13], true),
        // It is older than the write: stale, but whole.
        (2, [11, 0], false),
        (3, [12, 0], false),
        // A write that the audit was never told of is not counted as an anomaly.
        (5, [99, 13], false),
    ] {
        let found = scene.read(1, version, writes, 40);
        assert_eq!(found.dropped_field, dropped, "version {version} with {writes:?}");
    }
}

#[test]
fn a_field_set_by_a_write_whose_later_step_failed_is_older_or_newer_as_its_version_says() {
    let mut scene = Scene::new();
    scene.write(0, 0, 11, WriteOutcome::CommittedThenFailed(Some(2)), 10);
    scene.acknowledge(3, 12, 20);
    scene.write(0, 0, 13, WriteOutcome::CommittedThenFailed(Some(4)), 30);
    assert!(scene.read(1, 4, [11, 0], 40).dropped_field);
    assert!(!scene.read(1, 4, [13, 0], 40).dropped_field);
}

#[test]
fn a_client_that_has_read_a_version_reads_no_lower_one() {
    let mut scene = Scene::new();
    assert!(!scene.read(1, 5, [0, 0], 1).non_monotonic);
    assert!(!scene.read(1, 5, [0, 0], 2).non_monotonic);
    assert!(scene.read(1, 4, [0, 0], 3).non_monotonic);
    assert!(!scene.read(0, 4, [0, 0], 4).non_monotonic, "the other client has not");
}

#[test]
fn a_client_reads_its_own_acknowledged_write_and_need_not_read_that_of_another() {
    let mut scene = Scene::new();
    scene.write(0, 0, 11, WriteOutcome::Acknowledged(2), 10);
    let own = scene.read(0, 1, [0, 0], 20);
    assert!(own.not_own_write && own.non_monotonic);
    let other = scene.read(1, 1, [0, 0], 20);
    assert!(!other.not_own_write && !other.non_monotonic);
}

#[test]
fn a_key_with_an_indeterminate_write_is_not_counted_as_non_monotonic() {
    let mut scene = Scene::new();
    scene.read(1, 5, [0, 0], 1);
    scene.write(1, 0, 11, WriteOutcome::Acknowledged(6), 2);
    scene.write(0, 0, 12, WriteOutcome::Indeterminate, 3);
    let found = scene.read(1, 4, [0, 0], 4);
    assert!(!found.non_monotonic && found.not_own_write);
}

#[test]
fn a_field_is_lost_where_the_database_no_longer_reflects_its_last_acknowledged_write() {
    for (database, lost_writes) in [
        (seen(4, [12, 13]), 0),
        (seen(4, [11, 13]), 1),
        (seen(4, [0, 0]), 2),
        (seen(5, [99, 13]), 1),
        (None, 2),
    ] {
        let mut scene = Scene::new();
        scene.acknowledge(2, 11, 10);
        scene.acknowledge(3, 12, 20);
        scene.write(0, 1, 13, WriteOutcome::Acknowledged(4), 30);
        let expected = Conclusion {
            acknowledged_writes: 3,
            lost_writes,
            lost_keys: lost_writes.min(1),
            checked_keys: 1,
            ..Conclusion::default()
        };
        assert_eq!(scene.settle(database, None), expected, "{database:?}");
    }
}

#[test]
fn what_an_unknown_write_may_explain_is_not_lost_and_what_is_known_to_be_older_is() {
    for ended in [WriteOutcome::Indeterminate, WriteOutcome::CommittedThenFailed(None)] {
        for (database, lost, explained) in
            [(seen(3, [12, 0]), 0, 1), (seen(2, [11, 0]), 0, 0), (seen(2, [0, 0]), 1, 0), (None, 1, 0)]
        {
            let mut scene = Scene::new();
            scene.acknowledge(2, 11, 10);
            scene.write(0, 0, 12, ended, 20);
            let end = scene.settle(database, None);
            assert_eq!((end.lost_writes, end.explained_keys), (lost, explained), "{ended:?} {database:?}");
        }
    }
}

#[test]
fn a_write_that_the_database_holds_at_a_later_version_takes_the_place_of_the_acknowledged_one() {
    let mut scene = Scene::new();
    scene.acknowledge(2, 11, 10);
    scene.write(0, 0, 12, WriteOutcome::CommittedThenFailed(Some(3)), 20);
    let end = scene.settle(seen(3, [12, 0]), None);
    assert_eq!((end.lost_writes, end.explained_keys, end.failed_steps), (0, 0, 1));
}

#[test]
fn where_a_version_was_given_twice_the_database_has_to_hold_the_write_acknowledged_last() {
    for (database, lost) in [(seen(2, [12, 0]), 0), (seen(2, [11, 0]), 1)] {
        let mut scene = Scene::new();
        scene.acknowledge(2, 11, 10);
        scene.acknowledge(2, 12, 20);
        assert_eq!(scene.settle(database, None).lost_writes, lost);
    }
}

#[test]
fn a_key_on_which_nothing_was_acknowledged_has_nothing_to_lose() {
    let mut scene = Scene::new();
    scene.write(0, 0, 11, WriteOutcome::Failed, 10);
    scene.write(0, 0, 12, WriteOutcome::Indeterminate, 20);
    assert!(scene.audit.written_keys().eq([KEY]));
    let end = scene.settle(None, None);
    assert_eq!((end.lost_writes, end.explained_keys, end.indeterminate_writes), (0, 0, 1));
}

#[test]
fn a_cache_that_holds_another_document_than_the_database_is_divergent_and_an_empty_one_is_not() {
    let database = seen(3, [11, 12]);
    for (cache, divergent) in
        [(None, 0), (database, 0), (seen(2, [11, 0]), 1), (seen(4, [11, 12]), 1), (seen(3, [0, 12]), 1)]
    {
        assert_eq!(Scene::new().settle(database, cache).divergent_keys, divergent, "{cache:?}");
    }
    assert_eq!(Scene::new().settle(None, database).divergent_keys, 1);
    assert_eq!(Scene::new().settle(None, None).divergent_keys, 0);
}

#[test]
fn an_example_of_a_stale_read_tells_who_read_what_and_who_had_written_when() {
    let mut scene = Scene::new();
    let start = scene.at(1000);
    scene.audit.begin_measuring(start);
    scene.write(0, 0, 11, WriteOutcome::Acknowledged(2), 500);
    scene.write(0, 1, 12, WriteOutcome::Acknowledged(3), 600);
    scene.read(1, 1, [0, 0], 1250);
    let example = scene.example(AnomalyKind::Stale);
    assert_eq!((example.key, example.field), (KEY, None));
    assert_eq!((example.read_version, example.expected_version), (Some(1), Some(3)));
    assert_eq!((example.reader_instance, example.writer_instance), (Some(1), Some(0)));
    assert_eq!(example.acknowledged_s, Some(-0.5));
    assert_eq!((example.sent_s, example.done_s), (Some(0.25), Some(0.251)));
    assert_eq!(example.age, millis(750));
}

#[test]
fn every_kind_gives_an_example_from_measured_time_only() {
    let run = |scene: &mut Scene| {
        scene.write(0, 0, 11, WriteOutcome::Acknowledged(2), 10);
        scene.write(0, 1, 12, WriteOutcome::CommittedThenFailed(Some(3)), 20);
        scene.read(0, 1, [0, 0], 30);
        scene.read(1, 2, [0, 0], 30);
        let (sent, done) = (scene.at(30), scene.at(31));
        scene.audit.note_corrupt(KEY, 1, Some(2), "a checksum is wrong", sent, done);
        let age = Duration::from_millis(5);
        for (session, found) in [
            (7, SessionAnomaly::ValidatedAfterLogOut(age)),
            (8, SessionAnomaly::ValidatedAfterExpiry(age)),
            (9, SessionAnomaly::Lost),
        ] {
            scene.audit.note_session(KEY, 1, session, found, sent);
        }
        scene.settle(seen(3, [0, 12]), seen(2, [11, 0]));
        scene.audit.examples().iter().map(|example| example.kind).collect::<Vec<_>>()
    };
    let mut scene = Scene::new();
    assert_eq!(run(&mut scene), AnomalyKind::ALL);
    assert_eq!(scene.example(AnomalyKind::DroppedField).field, Some(0));
    assert_eq!(scene.example(AnomalyKind::Lost).field, Some(0));
    assert_eq!(scene.example(AnomalyKind::Corrupt).detail.as_deref(), Some("a checksum is wrong"));
    let mut later = Scene::new();
    later.audit.begin_measuring(later.at(31));
    assert_eq!(run(&mut later), [AnomalyKind::Lost, AnomalyKind::Divergent], "the end is always measured");
}

#[test]
fn a_key_beyond_the_dataset_is_nobodys() {
    let audit = Audit::new(Setup { keys: 3, clients: 1, instances: 1 });
    let mut view = audit.view(0);
    let write = Write { key: 3, fields: FieldSet::One(0), id: 1 };
    audit.write_sent(write);
    audit.write_ended(&mut view, write, WriteOutcome::Acknowledged(2), audit.began);
    audit.settle_key(3, None, None);
    let expected = audit.read_sent(3);
    let document = Seen { version: 1, writes: [0, 0] };
    let found = audit.read_answered(&mut view, 3, expected, document, audit.began, audit.began);
    assert_eq!(found, Findings::default());
    assert_eq!(audit.conclusion(), Conclusion::default());
}

#[test]
fn the_audit_of_a_million_keys_fits_into_200_mib() {
    let keys = 1_000_000;
    let lines = keys * size_of::<KeyState>();
    let memory = crate::audit::memory::FactTable::new(facts(keys as u64)).bytes();
    // A map's entry takes a key, its two versions and one byte, and a map is at worst 7/16 full.
    let views = PAIRS as usize * (3 * size_of::<u64>() + 1) * 16 / 7;
    assert!(size_of::<KeyState>() == 64 && align_of::<KeyState>() == 64);
    assert!(lines + memory + views < 200 << 20, "{lines} + {memory} + {views} bytes");
    assert_eq!(facts(u64::MAX), facts(keys as u64), "however many keys there are");
}

#[test]
fn a_difference_that_a_write_of_unknown_end_has_made_is_explained_and_one_that_lacks_what_was_acknowledged_is_not()
 {
    for (cached, explained) in [(seen(2, [1, 0]), 1), (seen(1, [0, 0]), 0)] {
        let mut scene = Scene::new();
        scene.acknowledge(2, 1, 10);
        scene.write(1, 0, 2, WriteOutcome::Indeterminate, 20);
        let end = scene.settle(seen(3, [2, 0]), cached);
        assert_eq!((end.divergent_keys, end.divergent_explained_keys), (1, explained), "{cached:?}");
    }
    let mut scene = Scene::new();
    scene.acknowledge(2, 1, 10);
    assert_eq!(
        scene.settle(seen(3, [2, 0]), seen(2, [1, 0])).divergent_explained_keys,
        0,
        "nothing is unknown"
    );
}

/// What an insert or a delete leaves of a document: all of its fields at a version.
fn change_whole(scene: &mut Scene, id: WriteId, ended: WriteOutcome, millis: u64) {
    let write = Write { key: KEY, fields: FieldSet::All, id };
    scene.audit.write_sent(write);
    let at = scene.at(millis);
    scene.audit.write_ended(&mut scene.views[0], write, ended, at);
}

fn read_nothing(scene: &mut Scene, client: usize, expected: Expected, millis: u64) -> Absence {
    let (sent, done) = (scene.at(millis), scene.at(millis + 1));
    scene.audit.absence_answered(&mut scene.views[client], KEY, expected, sent, done)
}

/// What the audit makes of an absence that is right.
fn right() -> Absence {
    Absence::Judged(Findings::default())
}

const INSERTED: u64 = first_version(1);
const DELETED: u64 = end_of_life(INSERTED);

#[test]
fn a_document_that_is_served_after_its_delete_was_acknowledged_is_stale_by_as_much() {
    let mut scene = Scene::new();
    scene.acknowledge(2, 11, 5);
    change_whole(&mut scene, 12, WriteOutcome::Acknowledged(end_of_life(2)), 10);
    let found = scene.read(1, 2, [11, 0], 17);
    assert_eq!((found.stale, found.dropped_field), (millis(7), false));
    let expected = scene.audit.read_sent(KEY);
    assert_eq!(read_nothing(&mut scene, 1, expected, 17), right());
}

#[test]
fn the_age_counts_from_the_delete_however_soon_the_document_came_again() {
    let mut scene = Scene::new();
    scene.acknowledge(2, 11, 5);
    change_whole(&mut scene, 12, WriteOutcome::Acknowledged(end_of_life(2)), 10);
    change_whole(&mut scene, 13, WriteOutcome::Acknowledged(INSERTED), 15);
    assert_eq!(scene.read(1, 2, [11, 0], 20).stale, millis(10));
    let again = scene.read(1, INSERTED, [13, 13], 20);
    assert_eq!((again.stale, again.dropped_field), (None, false));
    let patched = scene.read(1, INSERTED + 1, [13, 14], 20);
    assert!(!patched.dropped_field, "a write that is not acknowledged yet may be there");
}

#[test]
fn an_absence_after_an_insert_was_acknowledged_is_stale_and_before_it_right() {
    let mut scene = Scene::new();
    scene.audit.is_absent_at_first(KEY);
    let before = scene.audit.read_sent(KEY);
    assert_eq!(read_nothing(&mut scene, 1, before, 1), right());
    change_whole(&mut scene, 12, WriteOutcome::Acknowledged(INSERTED), 10);
    assert_eq!(read_nothing(&mut scene, 1, before, 9), Absence::Open, "it was sent before");
    let expected = scene.audit.read_sent(KEY);
    let Absence::Judged(found) = read_nothing(&mut scene, 1, expected, 16) else { panic!("it can be told") };
    assert_eq!(found.stale, millis(6));
    let Absence::Judged(own) = read_nothing(&mut scene, 0, expected, 16) else { panic!("it can be told") };
    assert!(own.not_own_write && own.non_monotonic, "{own:?}");
    assert_eq!(scene.example(AnomalyKind::Stale).expected_version, Some(INSERTED));
}

#[test]
fn an_absence_is_damage_where_nobody_has_deleted_and_open_where_somebody_may_have() {
    let mut scene = Scene::new();
    let expected = scene.audit.read_sent(KEY);
    assert_eq!(read_nothing(&mut scene, 1, expected, 1), Absence::Damage);
    scene.acknowledge(2, 11, 5);
    let expected = scene.audit.read_sent(KEY);
    assert_eq!(read_nothing(&mut scene, 1, expected, 6), Absence::Damage, "it was changed and never deleted");
    change_whole(&mut scene, 12, WriteOutcome::Indeterminate, 10);
    let expected = scene.audit.read_sent(KEY);
    assert_eq!(read_nothing(&mut scene, 1, expected, 11), Absence::Open);
}

#[test]
fn a_delete_that_the_database_does_not_reflect_is_lost_and_so_is_an_insert() {
    let mut scene = Scene::new();
    change_whole(&mut scene, 12, WriteOutcome::Acknowledged(end_of_life(1)), 10);
    assert_eq!(scene.settle(seen(1, [0, 0]), None).lost_keys, 1, "it is still there");
    let mut scene = Scene::new();
    change_whole(&mut scene, 12, WriteOutcome::Acknowledged(end_of_life(1)), 10);
    let kept = scene.settle(None, seen(1, [0, 0]));
    assert_eq!((kept.lost_keys, kept.divergent_keys), (0, 1), "the cache still has it");
    let mut scene = Scene::new();
    scene.audit.is_absent_at_first(KEY);
    change_whole(&mut scene, 12, WriteOutcome::Acknowledged(INSERTED), 10);
    assert_eq!(scene.settle(None, None).lost_keys, 1);
    let mut scene = Scene::new();
    scene.audit.is_absent_at_first(KEY);
    change_whole(&mut scene, 12, WriteOutcome::Acknowledged(INSERTED), 10);
    change_whole(&mut scene, 13, WriteOutcome::Acknowledged(DELETED), 11);
    assert_eq!(scene.settle(None, None).lost_keys, 0);
    let mut scene = Scene::new();
    scene.audit.is_absent_at_first(KEY);
    change_whole(&mut scene, 12, WriteOutcome::Indeterminate, 10);
    assert_eq!(scene.settle(None, None).lost_keys, 0, "nobody was told that it is there");
}
