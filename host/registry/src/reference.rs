//! The name of an artifact in a registry.

use std::fmt;
use std::net::{IpAddr, Ipv6Addr};
use std::str::FromStr;

use task_state_host::Sha256;
use task_state_host::record::InvalidValue;

/// What every reference begins with.
const SCHEME: &str = "oci://";

/// What the tag is if there is neither a tag nor a digest.
const DEFAULT_TAG: &str = "latest";

/// How many bytes the name of a repository may have.
const MAX_REPOSITORY: usize = 255;

/// How many bytes a tag may have.
const MAX_TAG: usize = 128;

const FORM: &str = "it has the form oci://REGISTRY/REPOSITORY[:TAG][@sha256:DIGEST]";

/// An artifact in a registry: `oci://REGISTRY/REPOSITORY[:TAG][@sha256:DIGEST]`. With a digest it is pinned: it names the
/// same bytes for ever, and the tag is there for readers alone. Without either it is the tag `latest`.
///
/// ```
/// use task_state_registry::Reference;
///
/// let reference: Reference = "oci://registry.example.com:5000/plugins/csv-profile:1.2".parse()?;
/// assert_eq!(reference.registry(), "registry.example.com:5000");
/// assert_eq!(reference.repository(), "plugins/csv-profile");
/// assert!(reference.digest().is_none());
/// # Ok::<(), task_state_host::record::InvalidValue>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Reference {
    registry: String,
    repository: String,
    tag: Option<String>,
    digest: Option<Sha256>,
}

impl Reference {
    /// Whether a text is meant to be a reference, right or wrong.
    pub fn is_meant(text: &str) -> bool {
        text.starts_with(SCHEME)
    }

    /// The registry: a host, with a port if it is not the usual one.
    pub fn registry(&self) -> &str {
        &self.registry
    }

    /// The repository in the registry.
    pub fn repository(&self) -> &str {
        &self.repository
    }

    /// The tag by which it is asked for; none if a digest is all that it has.
    pub fn tag(&self) -> Option<&str> {
        self.tag.as_deref().or(self.digest.is_none().then_some(DEFAULT_TAG))
    }

    /// The digest that it is pinned to.
    pub fn digest(&self) -> Option<Sha256> {
        self.digest
    }

    /// The same, pinned to a digest.
    pub fn pinned_to(&self, digest: Sha256) -> Self {
        Self { digest: Some(digest), ..self.clone() }
    }

    /// What the registry is asked for: the digest, else the tag.
    pub(crate) fn version(&self) -> String {
        match (self.digest, self.tag()) {
            (Some(digest), _) => format!("sha256:{digest}"),
            (None, tag) => tag.unwrap_or(DEFAULT_TAG).to_owned(),
        }
    }

    /// Whether the registry is on this machine.
    pub(crate) fn is_loopback(&self) -> bool {
        let host = host(&self.registry);
        let address = host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
        host.eq_ignore_ascii_case("localhost") || address.is_ok_and(|address| address.is_loopback())
    }
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{SCHEME}{}/{}", self.registry, self.repository)?;
        if let Some(tag) = &self.tag {
            write!(f, ":{tag}")?;
        }
        self.digest.map_or(Ok(()), |digest| write!(f, "@sha256:{digest}"))
    }
}

impl FromStr for Reference {
    type Err = InvalidValue;

    fn from_str(text: &str) -> Result<Self, InvalidValue> {
        let (name, digest) = match text.rsplit_once('@') {
            Some((name, digest)) if digest.starts_with("sha256:") => (name, Some(read_digest(digest)?)),
            Some(_) => return Err(secret()),
            None => (text, None),
        };
        if name.contains('@') {
            return Err(secret());
        }
        let wrong = |why: &str| InvalidValue::new("reference", text, why);
        let name = name.strip_prefix(SCHEME).ok_or_else(|| wrong(FORM))?;
        let (registry, name) = name.split_once('/').ok_or_else(|| wrong(FORM))?;
        let (repository, tag) = match name.rsplit_once(':') {
            Some((repository, tag)) => (repository, Some(tag)),
            None => (name, None),
        };
        if !is_registry(registry) {
            return Err(wrong("its registry is a host name or an address, with a port if it is not the usual one"));
        }
        if repository.len() > MAX_REPOSITORY || !repository.split('/').all(is_path_component) {
            return Err(wrong(
                "its repository is lower-case letters and digits, with '.', '_' or '-' between them and '/' between its parts",
            ));
        }
        if !tag.is_none_or(is_tag) {
            return Err(wrong(
                "its tag is up to 128 letters, digits, '_', '.' and '-', and begins with neither '.' nor '-'",
            ));
        }
        Ok(Self {
            registry: registry.to_owned(),
            repository: repository.to_owned(),
            tag: tag.map(str::to_owned),
            digest,
        })
    }
}

/// Before an `@` that no digest follows there may be a password.
fn secret() -> InvalidValue {
    InvalidValue {
        what: "reference",
        value: "(not shown, as it may hold a password)".to_owned(),
        why: format!("{FORM}; credentials are read from the file that `docker login` or `podman login` writes"),
    }
}

fn read_digest(text: &str) -> Result<Sha256, InvalidValue> {
    let sum = text.strip_prefix("sha256:").unwrap_or(text);
    sum.parse().map_err(|_| InvalidValue::new("digest", text, "it is sha256: and 64 hexadecimal digits"))
}

/// The part of a registry that is no port.
fn host(registry: &str) -> &str {
    match registry.rsplit_once(':') {
        Some((host, port)) if !port.ends_with(']') => host,
        _ => registry,
    }
}

fn is_registry(registry: &str) -> bool {
    let host = host(registry);
    let port = registry[host.len()..].strip_prefix(':');
    let is_port =
        |port: &str| port.bytes().all(|byte| byte.is_ascii_digit()) && port.parse::<u16>().is_ok_and(|port| port > 0);
    let is_host = match host.strip_prefix('[').and_then(|host| host.strip_suffix(']')) {
        Some(address) => address.parse::<Ipv6Addr>().is_ok(),
        None => host.split('.').all(is_label),
    };
    is_host && port.is_none_or(is_port)
}

fn is_label(label: &str) -> bool {
    let is_inner = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
    !label.is_empty() && label.bytes().all(is_inner) && !label.starts_with('-') && !label.ends_with('-')
}

/// A part of a repository's name, as the distribution specification has it.
fn is_path_component(part: &str) -> bool {
    let is_word = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let between =
        |separator: &str| matches!(separator, "" | "." | "_" | "__") || separator.bytes().all(|byte| byte == b'-');
    let begins_and_ends = part.bytes().next().is_some_and(is_word) && part.bytes().last().is_some_and(is_word);
    begins_and_ends && part.split(|c: char| c.is_ascii_lowercase() || c.is_ascii_digit()).all(between)
}

fn is_tag(tag: &str) -> bool {
    let is_inner = |byte: u8| byte.is_ascii_alphanumeric() || b"_.-".contains(&byte);
    (1..=MAX_TAG).contains(&tag.len()) && tag.bytes().all(is_inner) && !tag.starts_with(['.', '-'])
}

#[cfg(test)]
mod tests {
    use super::*;

    const SUM: &str = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

    #[test]
    fn a_reference_is_written_as_it_is_read() {
        let pinned = format!("oci://ghcr.io/a/b__c/d.e-f--g:v1.2_X-@sha256:{SUM}");
        for text in ["oci://r/p", "oci://localhost:5000/a:1", "oci://[::1]:5000/a", "oci://10.0.0.1/a", &pinned] {
            assert_eq!(text.parse::<Reference>().unwrap().to_string(), text);
        }
        let pinned: Reference = pinned.parse().unwrap();
        assert_eq!((pinned.tag(), pinned.version()), (Some("v1.2_X-"), format!("sha256:{SUM}")));
        let bare: Reference = "oci://r/p".parse().unwrap();
        assert_eq!((bare.tag(), bare.version().as_str(), bare.digest()), (Some("latest"), "latest", None));
        let by_digest: Reference = format!("oci://r/p@sha256:{SUM}").parse().unwrap();
        assert_eq!(by_digest.tag(), None);
        assert_eq!(by_digest, bare.pinned_to(SUM.parse().unwrap()));
    }

    #[test]
    fn what_is_no_reference_is_named_with_what_is_wrong() {
        for (text, why) in [
            ("oci://", "it has the form oci://REGISTRY/REPOSITORY"),
            ("oci://registry", "it has the form"),
            ("docker://r/p", "it has the form"),
            ("oci://r:port/p", "its registry is"),
            ("oci://r:0/p", "its registry is"),
            ("oci://r:+5/p", "its registry is"),
            ("oci:///p", "its registry is"),
            ("oci://-r/p", "its registry is"),
            ("oci://r\r\n/p", "its registry is"),
            ("oci://[::g]/p", "its registry is"),
            ("oci://r/", "its repository is"),
            ("oci://r/P", "its repository is"),
            ("oci://r/../p", "its repository is"),
            ("oci://r/p//q", "its repository is"),
            ("oci://r/p___q", "its repository is"),
            ("oci://r/p?q=1", "its repository is"),
            ("oci://r/p:", "its tag is"),
            ("oci://r/p:-x", "its tag is"),
            ("oci://r/p:a b", "its tag is"),
            ("oci://r/p@sha256:abc", "invalid digest \"sha256:abc\": it is sha256: and 64"),
        ] {
            let error = text.parse::<Reference>().unwrap_err().to_string();
            assert!(error.starts_with("invalid ") && error.contains(why), "{text}: {error}");
        }
    }

    #[test]
    fn a_password_in_a_reference_is_not_shown() {
        for text in ["oci://u:PW@r/p", "oci://u:P/W@r/p", "oci://u:PW@r/p@sha256:abc", "oci://u:PW@sha256:x/p"] {
            let text = text.replace("PW", "hunter2").replace("P/W", "hunter2/x");
            let error = text.parse::<Reference>().unwrap_err().to_string();
            assert!(!error.contains("hunter2"), "{error}");
        }
        let pinned = format!("oci://u:hunter2@r/p@sha256:{SUM}");
        let error = pinned.parse::<Reference>().unwrap_err().to_string();
        assert!(!error.contains("hunter2") && error.contains("docker login"), "{error}");
    }

    #[test]
    fn a_registry_on_this_machine_is_told_from_others() {
        for (registry, is_loopback) in [
            ("localhost:1", true),
            ("127.0.0.2", true),
            ("[::1]:5", true),
            ("localhost.example", false),
            ("10.0.0.1", false),
        ] {
            let reference: Reference = format!("oci://{registry}/p").parse().unwrap();
            assert_eq!(reference.is_loopback(), is_loopback, "{registry}");
        }
    }
}
