//! The words of a server that refuses a user or a password, which the driver keeps to itself.

use redis::{AsyncConnectionConfig, Client, ConnectionInfo, ErrorKind, RedisError};

/// The server's own refusal of the user and the password of a client that could not connect; `None` if that is not why.
pub(super) async fn refused_credentials(
    client: &Client,
    config: &AsyncConnectionConfig,
    error: &RedisError,
) -> Option<RedisError> {
    if error.kind() != ErrorKind::AuthenticationFailed {
        return None;
    }
    let info = client.get_connection_info();
    let (user, password) = (info.redis_settings().username(), info.redis_settings().password()?);
    let mut ask = redis::cmd("AUTH");
    if let Some(user) = user {
        ask.arg(user);
    }
    ask.arg(password);
    let without: ConnectionInfo = info.clone().set_redis_settings(redis::RedisConnectionInfo::default());
    let anybody = Client::open(without).ok()?;
    let mut connection = anybody.get_multiplexed_async_connection_with_config(config).await.ok()?;
    ask.query_async::<()>(&mut connection).await.err()
}
