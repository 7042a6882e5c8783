//! Real threads over a consistent store: nothing may be found.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::thread;

use parking_lot::Mutex;

use crate::audit::{Audit, FIELDS, FieldSet, Findings, Seen, Setup, Write, WriteOutcome};
use crate::base::clock;

const ROUNDS: u64 = 20_000;

#[test]
fn threads_that_hammer_one_key_of_a_consistent_store_find_nothing() {
    let audit = Arc::new(Audit::new(Setup { keys: 1, clients: 4, instances: 2 }));
    let store = Arc::new(Mutex::new(Seen { version: 1, writes: [0; FIELDS] }));
    let ids = Arc::new(AtomicI64::new(1));
    let threads: Vec<_> = (0..4)
        .map(|client| {
            let (audit, store, ids) = (Arc::clone(&audit), Arc::clone(&store), Arc::clone(&ids));
            thread::spawn(move || hammer(&audit, &store, &ids, client))
        })
        .collect();
    let overlapped: u64 = threads.into_iter().map(|thread| thread.join().unwrap()).sum();
    assert!(overlapped > 0, "reads and writes met");
    let document = *store.lock();
    audit.settle_key(0, Some(document), Some(document));
    let conclusion = audit.conclusion();
    assert_eq!((conclusion.lost_writes, conclusion.divergent_keys), (0, 0));
    assert_eq!(conclusion.acknowledged_writes, 4 * ROUNDS);
    assert_eq!(document.version, 1 + 4 * ROUNDS);
}

/// Writes and reads in turn, and returns the number of reads that overlapped a write.
fn hammer(audit: &Audit, store: &Mutex<Seen>, ids: &AtomicI64, client: u64) -> u64 {
    let mut view = audit.view(client);
    let mut overlapped = 0;
    for round in 0..ROUNDS {
        let field = (round % FIELDS as u64) as usize;
        let write = Write { key: 0, fields: FieldSet::One(field), id: ids.fetch_add(1, Ordering::Relaxed) };
        audit.write_sent(write);
        let version = {
            let mut document = store.lock();
            document.version += 1;
            document.writes[field] = write.id;
            document.version
        };
        audit.write_ended(&mut view, write, WriteOutcome::Acknowledged(version), clock::now());
        for _ in 0..2 {
            let sent = clock::now();
            let expected = audit.read_sent(0);
            let seen = *store.lock();
            let found = audit.read_answered(&mut view, 0, expected, seen, sent, clock::now());
            let wrong = Findings { overlapped_a_write: false, ..found };
            assert_eq!(wrong, Findings::default(), "{seen:?}, expected {expected:?}");
            overlapped += u64::from(found.overlapped_a_write);
        }
    }
    overlapped
}
