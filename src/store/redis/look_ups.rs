//! Several keys looked up together: one MGET for those that one command may name, which in a cluster are those of one hash
//! slot, and all these commands at the same time.

use bytes::Bytes;
use compact_str::CompactString;
use futures_util::future::join_all;
use redis::{ServerErrorKind, Value};

use super::fleet::{CommandKind, as_store_error};
use super::reply::Reply;
use super::wire::Pack;
use super::{RedisCache, unexpected};
use crate::store::{Entry, StoreError};

type Found = Result<Option<Entry>, StoreError>;

const DOING: &str = "getting entries";

impl RedisCache {
    /// Looks keys up; see [`Cache::get_many`](crate::store::Cache::get_many).
    pub(super) async fn look_up_many(&self, keys: &[CompactString]) -> Vec<Found> {
        let groups = self.shared.fleet.grouped(keys);
        let asked = groups.iter().map(|places| async move {
            let of_group: Vec<&str> = places.iter().map(|place| keys[*place].as_str()).collect();
            self.look_up_group(&of_group).await
        });
        let answers = join_all(asked).await;
        let mut found: Vec<(usize, Found)> =
            groups.into_iter().flatten().zip(answers.into_iter().flatten()).collect();
        found.sort_by_key(|(place, _)| *place);
        found.into_iter().map(|(_, found)| found).collect()
    }

    /// Looks up keys that one command may name; by one command for each of them where that is refused because a part of
    /// them has moved, which the next moment may end.
    async fn look_up_group(&self, keys: &[&str]) -> Vec<Found> {
        if let [key] = keys {
            return vec![self.get_one(key).await];
        }
        let answer = match self.get_all(keys).await {
            Ok(Err(error)) if error.kind() == redis::ErrorKind::Server(ServerErrorKind::TryAgain) => {
                return join_all(keys.iter().map(|key| self.get_one(key))).await;
            }
            Ok(answer) => answer.map_err(|error| as_store_error(&self.shared.fleet, &error, DOING)),
            Err(error) => Err(error),
        };
        let values = answer.and_then(|reply| match reply {
            Reply::Other(Value::Array(values)) if values.len() == keys.len() => Ok(values),
            other => Err(unexpected(DOING, &other.into_value())),
        });
        match values {
            Ok(values) => values.into_iter().map(entry).collect(),
            Err(error) => keys.iter().map(|_| Err(error.clone())).collect(),
        }
    }

    async fn get_one(&self, key: &str) -> Found {
        self.get_from(CommandKind::Read, key, DOING).await
    }

    async fn get_all(&self, keys: &[&str]) -> Result<super::RawAnswer, StoreError> {
        self.counters.cache_command();
        let command = MultiGet { prefix: &self.shared.prefix, keys };
        let first = keys.first().copied().unwrap_or_default();
        self.shared.fleet.request(first, CommandKind::Read, &command, DOING).await
    }
}

fn entry(value: Value) -> Found {
    match value {
        Value::Nil => Ok(None),
        Value::BulkString(bytes) => Entry::decode(Bytes::from(bytes)).map(Some),
        other => Err(unexpected(DOING, &other)),
    }
}

/// MGET of keys behind a prefix.
struct MultiGet<'a> {
    prefix: &'a str,
    keys: &'a [&'a str],
}

impl Pack for MultiGet<'_> {
    fn pack(&self, out: &mut Vec<u8>) {
        let mut number = itoa::Buffer::new();
        out.push(b'*');
        out.extend_from_slice(number.format(self.keys.len() + 1).as_bytes());
        out.extend_from_slice(b"\r\n$4\r\nMGET\r\n");
        for key in self.keys {
            out.push(b'$');
            out.extend_from_slice(number.format(self.prefix.len() + key.len()).as_bytes());
            out.extend_from_slice(b"\r\n");
            out.extend_from_slice(self.prefix.as_bytes());
            out.extend_from_slice(key.as_bytes());
            out.extend_from_slice(b"\r\n");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn several_keys_are_written_after_their_prefix_each_as_one_argument() {
        let mut command = redis::cmd("MGET");
        command.arg("run:7").arg("run:1000");
        let mut packed = Vec::new();
        MultiGet { prefix: "run:", keys: &["7", "1000"] }.pack(&mut packed);
        assert_eq!(packed, command.get_packed_command());
    }
}
