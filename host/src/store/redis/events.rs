//! What the server is asked to tell of: expired keys for those who clear what they leave, all that is done to keys for those
//! who watch. What it tells others already stays.

use redis::RedisResult;
use redis::aio::MultiplexedConnection;

use super::server::Link;

/// The flags of `notify-keyspace-events` for expired keys, by event.
pub(super) const EXPIRED: &str = "Ex";

/// Those for all that is done to records and what is remembered beside them, by key.
pub(super) const KEYS: &str = "Kg$hxe";

/// Makes sure that the server of a connection, which may be another than that of the link by now, tells of some events. It may
/// have been told not to listen to us.
pub(super) async fn enable(link: &Link, connection: &mut MultiplexedConnection, wanted: &str) -> RedisResult<()> {
    // Two who add to the same flags would undo each other's.
    let _turn = link.configuring.lock().await;
    let mut read = redis::cmd("CONFIG");
    read.arg("GET").arg("notify-keyspace-events");
    let (_, flags): (String, String) = read.query_async(connection).await?;
    let missing = missing(&flags, wanted);
    if missing.is_empty() {
        return Ok(());
    }
    let mut write = redis::cmd("CONFIG");
    write.arg("SET").arg("notify-keyspace-events").arg(format!("{flags}{missing}"));
    write.query_async(connection).await
}

/// The wanted flags that others do not hold: `A` stands for every class of events, but for neither way to tell of them.
fn missing(flags: &str, wanted: &str) -> String {
    let has = |flag: char| flags.contains(flag) || (flags.contains('A') && flag != 'K' && flag != 'E');
    wanted.chars().filter(|&flag| !has(flag)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flags_that_are_there_are_not_asked_for() {
        for (flags, expired, keys) in [
            ("", "Ex", "Kg$hxe"),
            ("xE", "", "Kg$he"),
            ("AKE", "", ""),
            ("AE", "", "K"),
            ("AK", "E", ""),
            ("g$hxeK", "E", ""),
        ] {
            assert_eq!((missing(flags, EXPIRED).as_str(), missing(flags, KEYS).as_str()), (expired, keys), "{flags}");
        }
    }
}
