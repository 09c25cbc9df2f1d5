//! How much of a platform one client may have at once, so that there is room for the others.

use std::collections::HashMap;
use std::hash::Hash;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::body::{Body, HttpBody as _};
use http_body_util::BodyExt as _;

/// The most requests of one client that are under way at once, streams among them.
pub(crate) const MAX_REQUESTS: usize = 1_200;

/// The most connections of one address: three quarters of what there are.
pub(crate) const MAX_CONNECTIONS: usize = 1_536;

/// Where a connection comes from: a network, of addresses that are handed out by networks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Peer(IpAddr);

impl Peer {
    pub(crate) fn of(address: IpAddr) -> Self {
        match address.to_canonical() {
            IpAddr::V6(address) => {
                let [a, b, c, d, ..] = address.segments();
                Self(Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0).into())
            }
            address @ IpAddr::V4(_) => Self(address),
        }
    }
}

/// Whose request it is: the token's that it shows, else the network's that it comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Client {
    /// By the place of the token among all.
    Token(usize),
    Peer(Peer),
}

/// Seats, of which each client may have so many. All clones are the same.
#[derive(Debug)]
pub(crate) struct Seats<K>(Arc<Taken<K>>);

#[derive(Debug)]
struct Taken<K> {
    most: usize,
    by_client: Mutex<HashMap<K, usize>>,
}

impl<K> Clone for Seats<K> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<K: Copy + Eq + Hash> Seats<K> {
    pub(crate) fn new(most: usize) -> Self {
        Self(Arc::new(Taken { most, by_client: Mutex::default() }))
    }

    /// A seat for a client, until it is dropped. None if he has as many as he may.
    pub(crate) fn take(&self, client: K) -> Option<Seat<K>> {
        let mut by_client = self.0.lock();
        let taken = by_client.entry(client).or_default();
        if *taken >= self.0.most {
            return None;
        }
        *taken += 1;
        Some(Seat { of: self.0.clone(), client })
    }
}

impl<K> Taken<K> {
    fn lock(&self) -> MutexGuard<'_, HashMap<K, usize>> {
        self.by_client.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A seat that is taken.
#[derive(Debug)]
pub(crate) struct Seat<K: Copy + Eq + Hash> {
    of: Arc<Taken<K>>,
    client: K,
}

impl<K: Copy + Eq + Hash> Drop for Seat<K> {
    fn drop(&mut self) {
        let mut by_client = self.of.lock();
        if let Some(taken) = by_client.get_mut(&self.client) {
            *taken -= 1;
            if *taken == 0 {
                by_client.remove(&self.client);
            }
        }
    }
}

/// A body that keeps a seat until it was sent, or is dropped.
pub(super) fn seated<K: Copy + Eq + Hash + Send + 'static>(body: Body, seat: Seat<K>) -> Body {
    // What is there already is sent without it, and with its length.
    if body.is_end_stream() || body.size_hint().exact().is_some() {
        return body;
    }
    Body::new(body.map_frame(move |frame| {
        let _held = &seat;
        frame
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_client_has_so_many_seats_and_leaves_those_of_others() {
        let seats = Seats::new(2);
        let (first, second) = (seats.take(1).unwrap(), seats.take(1).unwrap());
        assert!(seats.take(1).is_none());
        assert!(seats.take(2).is_some());
        let stream = futures_util::stream::iter([Ok::<_, std::io::Error>("a"), Ok("b")]);
        let body = seated(Body::from_stream(stream), first);
        assert!(seats.take(1).is_none());
        assert_eq!(body.collect().await.unwrap().to_bytes(), "ab");
        let again = seats.take(1).unwrap();
        // A body that nobody waits for needs none.
        let whole = seated(Body::from("abc"), again);
        assert_eq!(whole.size_hint().exact(), Some(3));
        assert!(seats.take(1).is_some());
        drop(second);
        assert!(seats.0.lock().is_empty(), "what nobody has is forgotten");
    }

    #[test]
    fn addresses_of_one_network_are_one_peer() {
        let peer = |text: &str| Peer::of(text.parse().unwrap());
        assert_eq!(peer("2001:db8::1"), peer("2001:db8:0:0:ffff::2"));
        assert_ne!(peer("2001:db8::1"), peer("2001:db8:0:1::1"));
        assert_eq!(peer("::ffff:10.0.0.1"), peer("10.0.0.1"));
        assert_ne!(peer("10.0.0.1"), peer("10.0.0.2"));
    }
}
