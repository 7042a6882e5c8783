//! One stream in the local cache, with the places of the groups that read it.

use std::collections::{HashMap, VecDeque};

use bytes::Bytes;

use crate::store::streams::StreamRecord;
use crate::store::write_log::RecordId;

/// Records in order, numbered from the first that was ever appended.
#[derive(Debug, Default)]
pub(super) struct LocalStream {
    records: VecDeque<Vec<(String, Bytes)>>,
    /// The number of records that were trimmed.
    trimmed: u64,
    /// The number of the next record to give, by group.
    groups: HashMap<Box<str>, u64>,
}

impl LocalStream {
    pub(super) fn append(&mut self, record: Vec<(String, Bytes)>, max_length: u64) {
        self.records.push_back(record);
        while self.records.len() as u64 > max_length {
            self.records.pop_front();
            self.trimmed += 1;
        }
    }

    pub(super) fn len(&self) -> usize {
        self.records.len()
    }

    pub(super) fn take(&mut self, group: &str, most: u64) -> Vec<StreamRecord> {
        let next = self.groups.entry(group.into()).or_default();
        // Records that were trimmed before the group read them are gone.
        let from = (*next).max(self.trimmed);
        let end = (from + most).min(self.trimmed + self.records.len() as u64);
        *next = end;
        (from..end)
            .map(|number| StreamRecord {
                id: RecordId { millis: 0, number },
                fields: self.records[(number - self.trimmed) as usize].clone(),
            })
            .collect()
    }
}
