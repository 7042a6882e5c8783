//! One stream in the local cache, with the places of the groups that read it.

use std::collections::{HashMap, VecDeque};

use bytes::Bytes;

use crate::store::streams::StreamRecord;
use crate::store::write_log::RecordId;

/// Records in their order, counted from the first that there ever was.
#[derive(Debug, Default)]
pub(super) struct Stream {
    records: VecDeque<Vec<(String, Bytes)>>,
    /// How many were trimmed.
    trimmed: u64,
    /// By group, the number of the next record that it has not been given.
    groups: HashMap<Box<str>, u64>,
}

impl Stream {
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
        // What was trimmed before it was read is gone.
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
