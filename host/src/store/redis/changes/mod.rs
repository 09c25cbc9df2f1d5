//! Which tasks are written to: the server tells, of everybody's writes, to one connection for all that watch a store. Where
//! it does not, the tasks are looked at, again and again.

mod listening;
mod looking;

use std::sync::Arc;
use std::time::Duration;

use self::listening::{Listener, NotTold};
use self::looking::Looker;
use super::RedisOptions;
use super::server::{Link, random_fraction};
use crate::store::Changed;
use crate::store::changes::Feed;

/// How long to wait before listening again after the connection broke, at the most.
const LISTEN_AGAIN: Duration = Duration::from_secs(1);

/// How long the tasks are looked at before the server is tried once more.
const TRY_AGAIN: Duration = Duration::from_secs(60);

/// Tells those who watch, until it is dropped.
pub(super) async fn keep_telling(link: Arc<Link>, options: RedisOptions, feed: Arc<Feed>) {
    let (mut looker, mut complaint) = (None, None);
    loop {
        let error = match Listener::open(&link, &options).await {
            Ok(listener) => {
                (looker, complaint) = (None, None);
                // What was written while nobody listened.
                feed.tell(&Changed::All);
                listener.tell(&feed).await
            }
            Err(NotTold::Unreachable(why)) => why,
            Err(NotTold::Refused(why)) => {
                complain(
                    &mut complaint,
                    &why,
                    "the server does not tell of changes to tasks: they are looked for every 2 s",
                );
                let looker = looker.get_or_insert_with(|| Looker::new(link.clone(), options.clone()));
                looker.tell(&feed, TRY_AGAIN).await;
                continue;
            }
        };
        complain(&mut complaint, &error, "the connection that listens for changes to tasks is lost, or cannot be made");
        tokio::time::sleep(LISTEN_AGAIN.mul_f64(0.1 + 0.9 * random_fraction())).await;
    }
}

/// Says something once, until something else is wrong.
fn complain(complaint: &mut Option<String>, error: &str, what: &str) {
    if complaint.as_deref() != Some(error) {
        tracing::warn!(error, "{what}");
        *complaint = Some(error.to_owned());
    }
}
