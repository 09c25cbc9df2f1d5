//! Server-sent events as they stand on the wire.

use bytes::Bytes;

/// What a stream begins with: how long to wait before it is asked for again.
pub(super) const RETRY: Bytes = Bytes::from_static(b"retry: 2000\n\n");

/// What says that a stream lives.
pub(super) const BEAT: Bytes = Bytes::from_static(b":\n\n");

/// The last event of a process that ends.
pub(super) const BYE: Bytes = Bytes::from_static(b"event: bye\ndata: {}\n\n");

/// An event without an id.
pub(super) fn plain(name: &str) -> Bytes {
    Bytes::from(format!("event: {name}\ndata: {{}}\n\n"))
}

/// An event. The data is JSON, and so has no line break in it.
pub(super) fn event(id: impl std::fmt::Display, name: &str, data: &str) -> Bytes {
    Bytes::from(format!("id: {id}\nevent: {name}\ndata: {data}\n\n"))
}

/// An id alone: what is seen by now, although there was nothing to tell.
pub(super) fn only_id(id: impl std::fmt::Display) -> Bytes {
    Bytes::from(format!("id: {id}\n\n"))
}
