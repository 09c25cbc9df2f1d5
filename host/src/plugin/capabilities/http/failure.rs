//! Why a request failed, and what its guest is told.

use std::error::Error as _;
use std::io;
use std::time::Duration;

use jiff::SignedDuration;
use wasmtime_wasi_http::Error;

use super::grant::Destination;
use crate::units::in_units;

/// Why a request failed. A refusal names the line of the manifest that would grant it, a limit its name and value.
#[derive(Debug, thiserror::Error)]
pub(super) enum Failure {
    #[error("http to \"{0}\" is not granted; this line in the manifest's [capabilities] would: http = [\"{0}\"]")]
    NotGranted(Destination),
    #[error(
        "http to \"{0}\" leads to an address that is not public; this line in the manifest's [capabilities] would \
         grant it: http = [{{ host = \"{0}\", private = true }}]"
    )]
    Private(Destination),
    #[error("the URL names no host that a request can go to")]
    Url,
    #[error("a request cannot have the method CONNECT")]
    Method,
    #[error("the limit limits.http.{limit} of {} was exceeded", spell(*.most))]
    Time { limit: &'static str, most: Duration },
    #[error("the limit limits.http.{limit} of {} was exceeded", in_units(*.most))]
    Bytes { limit: &'static str, most: usize },
    #[error("the limit limits.http.connections of {0} was reached, and none ended in time")]
    Connections(usize),
    /// A time that the guest has set itself.
    #[error("{0}")]
    OwnTime(Error),
    #[error("the name cannot be resolved")]
    Unresolved,
    #[error("no connection: {0}")]
    Connect(io::Error),
    #[error("no TLS connection: {0}")]
    Tls(io::Error),
    #[error("{0}")]
    Protocol(#[from] hyper::Error),
}

fn spell(time: Duration) -> String {
    format!("{:#}", SignedDuration::try_from(time).unwrap_or(SignedDuration::MAX))
}

impl Failure {
    /// Whether the host has refused it, so that its operator may want to know.
    pub(super) fn is_refusal(&self) -> bool {
        matches!(self, Self::NotGranted(_) | Self::Private(_))
    }

    /// The failure in the terms of WASI: what the host has decided is told in words, what befell the network by its
    /// code.
    pub(super) fn for_guest(self) -> Error {
        match self {
            Self::Url => Error::HttpRequestUriInvalid,
            Self::Method => Error::HttpRequestMethodInvalid,
            Self::OwnTime(error) => error,
            Self::Unresolved => {
                Error::DnsError { rcode: Some("the name cannot be resolved".to_owned()), info_code: None }
            }
            Self::Connect(error) if error.kind() == io::ErrorKind::ConnectionRefused => Error::ConnectionRefused,
            Self::Connect(_) => Error::DestinationUnavailable,
            Self::Tls(error) => tls_error(&error),
            Self::Protocol(error) => protocol_error(&error),
            decided => Error::InternalError(Some(decided.to_string())),
        }
    }
}

fn tls_error(error: &io::Error) -> Error {
    match error.get_ref().and_then(|error| error.downcast_ref()) {
        Some(rustls::Error::InvalidCertificate(_)) => Error::TlsCertificateError,
        _ => Error::TlsProtocolError,
    }
}

fn protocol_error(error: &hyper::Error) -> Error {
    // What stopped the body of the request, if that is what failed.
    if let Some(Error::InternalError(why)) = error.source().and_then(|cause| cause.downcast_ref()) {
        return Error::InternalError(why.clone());
    }
    if error.is_incomplete_message() || error.is_closed() || error.is_canceled() {
        Error::ConnectionTerminated
    } else {
        Error::HttpProtocolError
    }
}
