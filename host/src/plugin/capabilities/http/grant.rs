//! Which hosts a plugin may send HTTP requests to. The decision is one small pure function.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

use http::Uri;
use http::uri::Scheme;

use crate::record::InvalidValue;

/// The ports of a grant that names none.
const DEFAULT_PORTS: [u16; 2] = [80, 443];

/// What follows a host on the command line whose addresses may be private.
const PRIVATE: &str = ",private";

/// HTTP requests to one host, or to all below a domain.
///
/// A host is a name (`api.example.com`), all names below one (`*.example.com`, which is not `example.com` itself) or an
/// address (`192.0.2.1`, `[2001:db8::1]`), with a port after a colon; without one, the ports 80 and 443. Addresses that
/// are not the public internet's are refused after the name is resolved, unless the grant is
/// [`private`](Self::private).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HttpGrant {
    host: Pattern,
    port: Option<u16>,
    private: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Pattern {
    Is(Host),
    /// All names that end with this, which begins with a dot.
    EndsWith(String),
}

/// A host that is named, in its one spelling.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Host {
    Name(String),
    Address(IpAddr),
}

/// Where a request is to go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Destination {
    pub(super) host: Host,
    pub(super) port: u16,
    pub(super) tls: bool,
}

impl HttpGrant {
    /// Requests to `HOST[:PORT]`.
    ///
    /// # Errors
    /// [`InvalidValue`] for anything else, such as a URL.
    pub fn new(text: &str) -> Result<Self, InvalidValue> {
        let invalid = || {
            let why = "it is a name, *.NAME or an address, with :PORT after it if it is not 80 or 443, such as \
                       api.example.com or [::1]:8080";
            InvalidValue::new("host", text, why)
        };
        let (host, port) = split_port(text).ok_or_else(invalid)?;
        let host = match host.strip_prefix("*.") {
            Some(domain) => match Host::parse(domain) {
                Some(Host::Name(domain)) => Pattern::EndsWith(format!(".{domain}")),
                _ => return Err(invalid()),
            },
            None => Pattern::Is(Host::parse(host).ok_or_else(invalid)?),
        };
        Ok(Self { host, port, private: false })
    }

    /// The same, where an address may be any: loopback, private, link-local, the cloud's metadata service.
    pub fn private(mut self) -> Self {
        self.private = true;
        self
    }

    /// Whether it is [`private`](Self::private).
    pub fn is_private(&self) -> bool {
        self.private
    }

    pub(in super::super) fn is_for_same(&self, other: &Self) -> bool {
        (&self.host, self.port) == (&other.host, other.port)
    }

    fn covers(&self, to: &Destination) -> bool {
        let is_host = match (&self.host, &to.host) {
            (Pattern::Is(granted), host) => granted == host,
            (Pattern::EndsWith(domain), Host::Name(name)) => name.len() > domain.len() && name.ends_with(domain),
            (Pattern::EndsWith(_), Host::Address(_)) => false,
        };
        is_host && self.port.map_or_else(|| DEFAULT_PORTS.contains(&to.port), |port| port == to.port)
    }
}

/// Whether requests may go somewhere, and then whether its addresses may be private.
pub(super) fn permitted(grants: &[HttpGrant], to: &Destination) -> Option<bool> {
    let mut covering = grants.iter().filter(|grant| grant.covers(to)).peekable();
    covering.peek()?;
    Some(covering.any(|grant| grant.private))
}

/// A host and the port after it, if there is one.
fn split_port(text: &str) -> Option<(&str, Option<u16>)> {
    // The colons of an address in brackets are its own.
    let end = text.rfind(']').map_or(0, |bracket| bracket + 1);
    match text[end..].find(':') {
        None => Some((text, None)),
        Some(colon) => {
            let (host, port) = text.split_at(end + colon);
            let digits = &port[1..];
            let is_number = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
            let port = digits.parse().ok().filter(|port| is_number && *port > 0)?;
            Some((host, Some(port)))
        }
    }
}

impl Host {
    /// A name in lower case without its last dot, or an address in its plain spelling. What some resolver would take
    /// for an address (`127.1`, `0x7f000001`) is neither.
    fn parse(text: &str) -> Option<Self> {
        if let Some(address) = text.strip_prefix('[') {
            return Some(Self::Address(address.strip_suffix(']')?.parse::<Ipv6Addr>().ok()?.into()));
        }
        if let Ok(address) = text.parse::<Ipv4Addr>() {
            return Some(Self::Address(address.into()));
        }
        let name = text.strip_suffix('.').unwrap_or(text).to_ascii_lowercase();
        let is_label = |label: &str| {
            (1..=63).contains(&label.len())
                && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
        };
        let is_number =
            name.rsplit('.').next().is_some_and(|last| last.starts_with(|first: char| first.is_ascii_digit()));
        let is_name = name.len() <= 253 && name.split('.').all(is_label) && !is_number;
        is_name.then_some(Self::Name(name))
    }
}

impl Destination {
    /// Where a URL leads; none if it names no host, or a user, which no header would carry.
    pub(super) fn of(url: &Uri) -> Option<Self> {
        let tls = url.scheme() == Some(&Scheme::HTTPS);
        let (host, port) = split_port(url.authority()?.as_str())?;
        let default = if tls { 443 } else { 80 };
        Some(Self { host: Host::parse(host)?, port: port.unwrap_or(default), tls })
    }
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(name) => f.write_str(name),
            Self::Address(IpAddr::V4(address)) => write!(f, "{address}"),
            Self::Address(IpAddr::V6(address)) => write!(f, "[{address}]"),
        }
    }
}

/// As a grant names it.
impl fmt::Display for Destination {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.host.fmt(f)?;
        if DEFAULT_PORTS.contains(&self.port) { Ok(()) } else { write!(f, ":{}", self.port) }
    }
}

/// `api.example.com:8443`, with `, private` after it where it is.
impl fmt::Display for HttpGrant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.host {
            Pattern::Is(host) => host.fmt(f)?,
            Pattern::EndsWith(domain) => write!(f, "*{domain}")?,
        }
        self.port.map_or(Ok(()), |port| write!(f, ":{port}"))?;
        if self.private { f.write_str(", private") } else { Ok(()) }
    }
}

/// Reads `HOST[:PORT][,private]`.
impl FromStr for HttpGrant {
    type Err = InvalidValue;

    fn from_str(text: &str) -> Result<Self, InvalidValue> {
        match text.strip_suffix(PRIVATE) {
            Some(host) => Ok(Self::new(host)?.private()),
            None => Self::new(text),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn to(url: &str) -> Option<Destination> {
        Destination::of(&url.parse().unwrap())
    }

    #[test]
    fn requests_go_where_a_grant_says_and_nowhere_else() {
        for (grant, granted, refused) in [
            (
                "api.example.com",
                &["http://api.example.com/x", "https://API.example.com.", "http://api.example.com:443"][..],
                &[
                    "http://api.example.com:8080",
                    "http://example.com",
                    "http://x.api.example.com",
                    "http://a-api.example.com",
                ][..],
            ),
            (
                "*.example.com:8443",
                &["https://a.example.com:8443", "http://a.b.example.com:8443/"],
                &[
                    "https://example.com:8443",
                    "https://a.example.com",
                    "http://.example.com:8443",
                    "https://aexample.com:8443",
                ],
            ),
            (
                "127.0.0.1:80",
                &["http://127.0.0.1"],
                &["https://127.0.0.1", "http://[::ffff:127.0.0.1]", "http://127.1"],
            ),
            ("[::1]:8080", &["http://[::1]:8080", "http://[0:0::1]:8080"], &["http://[::1]", "http://127.0.0.1:8080"]),
        ] {
            let grants = [HttpGrant::new("other.example").unwrap(), HttpGrant::new(grant).unwrap()];
            for url in granted {
                assert_eq!(permitted(&grants, &to(url).unwrap()), Some(false), "{url}");
            }
            for url in refused {
                assert_eq!(to(url).and_then(|to| permitted(&grants, &to)), None, "{url}");
            }
        }
    }

    #[test]
    fn an_address_may_be_private_where_one_of_the_grants_that_cover_it_says_so() {
        let grants: Vec<HttpGrant> =
            ["*.example.com", "a.example.com,private"].iter().map(|grant| grant.parse().unwrap()).collect();
        assert_eq!(permitted(&grants, &to("http://a.example.com").unwrap()), Some(true));
        assert_eq!(permitted(&grants, &to("http://b.example.com").unwrap()), Some(false));
    }

    #[test]
    fn what_only_looks_like_a_host_leads_nowhere() {
        for url in [
            "http://2130706433",
            "http://0x7f000001",
            "http://0x7f.1",
            "http://127.1",
            "http://0177.0.0.1",
            "http://user@a.example",
            "http://user:pw@a.example",
            "http://a..example",
            "http://a.example:0",
            "http://a.example:99999",
            "http://a%2eexample",
            "/path",
        ] {
            assert_eq!(url.parse::<Uri>().ok().and_then(|url| Destination::of(&url)), None, "{url}");
        }
    }

    #[test]
    fn a_grant_is_read_and_shown_in_one_spelling() {
        for (text, shown) in [
            ("API.example.com.", "api.example.com"),
            ("*.example.com:8443,private", "*.example.com:8443, private"),
            ("localhost:80", "localhost:80"),
            ("[0:0::1]", "[::1]"),
        ] {
            assert_eq!(text.parse::<HttpGrant>().unwrap().to_string(), shown);
        }
        for text in [
            "",
            "*",
            "*.",
            "*.*.a",
            "a.*",
            "http://a",
            "a/b",
            "a:b",
            "a:0",
            "a:65536",
            "a:+1",
            "::1",
            "[::1",
            "*.1.2.3.4",
            "127.1",
            "a b",
            "a@b",
            ",private",
            "bücher.example",
        ] {
            let error = text.parse::<HttpGrant>().unwrap_err().to_string();
            assert!(error.starts_with("invalid host "), "{error}");
        }
    }

    #[test]
    fn a_destination_is_shown_as_a_grant_would_name_it() {
        for (url, shown) in [
            ("http://A.example", "a.example"),
            ("https://a.example:80", "a.example"),
            ("http://[::1]:8080", "[::1]:8080"),
        ] {
            let to = to(url).unwrap();
            assert_eq!(to.to_string(), shown);
            assert!(permitted(&[HttpGrant::new(shown).unwrap()], &to).is_some());
        }
    }
}
