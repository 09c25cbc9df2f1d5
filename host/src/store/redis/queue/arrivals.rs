//! Waiting for arrivals: a blocking read of a stream, over a connection of its own, again and again.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use futures_util::stream::{self, BoxStream, StreamExt};
use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, RedisError, RedisResult};
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::store::redis::RedisOptions;
use crate::store::redis::keys;
use crate::store::redis::server::{Link, random_fraction};

/// How long one read blocks: well under the half minute for which proxies bear that nothing is sent.
const BLOCK: Duration = Duration::from_secs(5);

/// How often whoever waits looks anyhow: for tasks whose delay is over, and what has come while a connection was lost.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// The pause after a connection that was lost, at the most.
const AGAIN: Duration = Duration::from_secs(1);

pub(super) fn arrivals(link: Arc<Link>, options: RedisOptions) -> BoxStream<'static, ()> {
    let (arrived, news) = watch::channel(());
    let mut reader = JoinSet::new();
    reader.spawn(async move { read_on(&link, &options, &arrived).await });
    // The reader ends with the stream.
    let next = |(mut news, reader): (watch::Receiver<()>, JoinSet<()>)| async move {
        match tokio::time::timeout(LOOK_EVERY, news.changed()).await {
            Ok(Err(_)) => None,
            _ => Some(((), (news, reader))),
        }
    };
    stream::unfold((news, reader), next).boxed()
}

/// What a stream tells: for each key the ids and fields of what came.
type News = HashMap<String, Vec<(String, HashMap<String, String>)>>;

/// Reads over one connection after another, each from where the last one was lost.
async fn read_on(link: &Link, options: &RedisOptions, arrived: &watch::Sender<()>) {
    let (mut last, mut complaint) = ("$".to_owned(), None);
    loop {
        let error = match connect(link, options).await {
            Ok(mut connection) => {
                complaint = None;
                // What has come while there was no connection.
                arrived.send_replace(());
                read(&mut connection, &mut last, arrived).await.to_string()
            }
            Err(error) => error.to_string(),
        };
        if complaint.as_ref() != Some(&error) {
            tracing::warn!(error, "cannot wait for arrivals in the queue; it is looked at every second");
            complaint = Some(error);
        }
        tokio::time::sleep(AGAIN.mul_f64(0.1 + 0.9 * random_fraction())).await;
    }
}

async fn connect(link: &Link, options: &RedisOptions) -> RedisResult<MultiplexedConnection> {
    let config = AsyncConnectionConfig::new()
        .set_connection_timeout(Some(options.connect_timeout))
        .set_response_timeout(Some(BLOCK + options.response_timeout));
    link.push_client().await?.get_multiplexed_async_connection_with_config(&config).await
}

/// Reads until the connection is lost.
async fn read(connection: &mut MultiplexedConnection, last: &mut String, arrived: &watch::Sender<()>) -> RedisError {
    loop {
        let mut read = redis::cmd("XREAD");
        read.arg("COUNT").arg(100).arg("BLOCK").arg(BLOCK.as_millis().to_string());
        read.arg("STREAMS").arg(keys::QUEUE_ARRIVALS).arg(last.as_str());
        let news: Option<News> = match read.query_async(connection).await {
            Ok(news) => news,
            Err(error) => return error,
        };
        if let Some((newest, _)) = news.into_iter().flatten().flat_map(|(_, items)| items).last() {
            *last = newest;
            arrived.send_replace(());
        }
    }
}
