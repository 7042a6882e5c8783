//! What nodes answer, as scouts read it.

use std::sync::Arc;

use redis::{FromRedisValue, Value};

use crate::store::redis::layout::NodeAddress;
use crate::store::redis::link::Link;
use crate::store::{ErrorKind, StoreError};

/// The role of a node as it reports it: true for a primary, and the replicas that it feeds.
pub(super) async fn role(link: &Arc<Link>) -> Result<(bool, Vec<NodeAddress>), StoreError> {
    let answer = link.request(&redis::cmd("ROLE"), "asking for the role").await?;
    let Value::Array(parts) = answer else { return Err(unexpected("asking for the role")) };
    let mut parts = parts.into_iter();
    let role: String = read(parts.next().unwrap_or(Value::Nil), "asking for the role")?;
    if role != "master" {
        return Ok((false, Vec::new()));
    }
    let replicas: Vec<(String, String, String)> =
        read(parts.nth(1).unwrap_or(Value::Array(Vec::new())), "asking for the role")?;
    let replicas = replicas.into_iter();
    Ok((true, replicas.filter_map(|(ip, port, _)| Some(NodeAddress::new(ip, port.parse().ok()?))).collect()))
}

pub(super) fn read<T: FromRedisValue>(value: Value, doing: &str) -> Result<T, StoreError> {
    redis::from_redis_value(value).map_err(|_| unexpected(doing))
}

pub(super) fn unexpected(doing: &str) -> StoreError {
    StoreError::new(ErrorKind::Malformed, format!("{doing}: the answer is not what Redis answers"))
}
