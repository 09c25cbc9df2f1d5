//! Sentinels: who they say is the primary, and whether it still is.

use std::io;

use redis::{AsyncConnectionConfig, Client, ConnectionAddr, ConnectionInfo, RedisError, RedisResult, Value};

use super::auto_pipeline::Request;
use super::connection::Connection;
use super::retry::parse;
use crate::store::redis::options::RedisOptions;
use crate::store::url::Sentinels;

/// How to connect to the primary: asks one sentinel after the other.
pub(super) async fn find(
    sentinels: &Sentinels,
    info: &ConnectionInfo,
    options: &RedisOptions,
) -> RedisResult<ConnectionInfo> {
    let mut last = None;
    for (host, port) in &sentinels.hosts {
        match ask(host, *port, &sentinels.primary, options).await {
            Ok(Some((host, port))) => return Ok(info.clone().set_addr(ConnectionAddr::Tcp(host, port))),
            Ok(None) => last = Some(format!("{host}:{port} knows none")),
            Err(error) => last = Some(format!("{host}:{port}: {error}")),
        }
    }
    let why = last.unwrap_or_default();
    Err(unreachable(format!("no sentinel tells where the primary {:?} is: {why}", sentinels.primary)))
}

async fn ask(host: &str, port: u16, primary: &str, options: &RedisOptions) -> RedisResult<Option<(String, u16)>> {
    let config = AsyncConnectionConfig::new()
        .set_connection_timeout(Some(options.connect_timeout / 2))
        .set_response_timeout(Some(options.response_timeout / 2));
    let mut connection = Client::open((host, port))?.get_multiplexed_async_connection_with_config(&config).await?;
    redis::cmd("SENTINEL").arg("get-master-addr-by-name").arg(primary).query_async(&mut connection).await
}

/// Makes sure that a server takes writes. Sentinels may learn late that it was replaced.
pub(super) async fn check(connection: &Connection) -> RedisResult<()> {
    let answer = connection.pipeline.send(Request::One(redis::cmd("ROLE"))).await?;
    let role: Vec<Value> = parse(answer).map_err(|error| unreachable(error.to_string()))?;
    match role.first() {
        Some(Value::BulkString(role)) if role == b"master" => Ok(()),
        _ => Err(unreachable("the primary of the sentinels has become a replica".to_owned())),
    }
}

/// An error after which another connection is tried.
fn unreachable(why: String) -> RedisError {
    io::Error::other(why).into()
}
