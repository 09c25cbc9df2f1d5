//! Store URLs: which engine, and where.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use ::redis::{ConnectionInfo, IntoConnectionInfo, RedisConnectionInfo, parse_redis_url};

use crate::record::InvalidValue;

/// The port of a server whose URL names none.
const DEFAULT_PORT: u16 = 6_379;

/// The port of a sentinel whose URL names none.
const SENTINEL_PORT: u16 = 26_379;

/// What a URL of sentinels begins with.
const SENTINEL_SCHEME: &str = "redis+sentinel://";

/// What one looks like.
const SENTINEL_FORM: &str = "redis+sentinel://[USER:PASSWORD@]HOST[:PORT][,HOST[:PORT]...]/MASTER[/DB]";

/// What a URL of Redis looks like.
const REDIS_FORM: &str = "redis://[USER:PASSWORD@]HOST[:PORT][/DB], or rediss:// for TLS";

/// Parameters with which the Python package's client is tuned: they say neither where the store is nor who asks.
const TUNING: [&str; 14] = [
    "client_name",
    "decode_responses",
    "encoding",
    "encoding_errors",
    "health_check_interval",
    "legacy_responses",
    "max_connections",
    "protocol",
    "retry_on_timeout",
    "socket_connect_timeout",
    "socket_keepalive",
    "socket_read_size",
    "socket_timeout",
    "timeout",
];

/// Where a store is. It shows no password, neither as text nor in `Debug`.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum StoreUrl {
    /// `redis://[user:password@]host[:port][/database]`, or `rediss://` for TLS. As the Python package's client does, it
    /// takes `?username=`, `?password=` and `?db=` too: the database counts before that of the path, user and password
    /// where there are none before the host.
    ///
    /// Or `redis+sentinel://[user:password@]host[:port][,host[:port]…]/master[/database]`: sentinels are asked, one after the
    /// other, which server is the primary by that name, whenever a connection to it is made. User and password are those of
    /// the server.
    ///
    /// With `?replicas=N` a task is accepted into the queue, and ended by its run, once so many replicas have that, and is
    /// [`Unavailable`](super::Error::Unavailable) otherwise: what was accepted, and ended, survives the loss of the primary then.
    Redis(RedisUrl),
    /// `sqlite:PATH`: a file, made if it is missing.
    Sqlite(PathBuf),
    /// `memory:`: a store that ends with the process.
    Memory,
}

/// The URL of a Redis server: how to connect to it, with its password.
#[derive(Clone)]
pub struct RedisUrl {
    info: Arc<ConnectionInfo>,
    /// Who knows where the server is, rather than the URL.
    sentinels: Option<Arc<Sentinels>>,
    /// How many replicas have to have a task before it is accepted.
    replicas: u32,
    /// The URL as it is shown.
    shown: String,
}

/// Sentinels, and the name by which they know the primary.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Sentinels {
    /// Their hosts and ports.
    pub(crate) hosts: Vec<(String, u16)>,
    /// The name of the primary.
    pub(crate) primary: String,
}

impl StoreUrl {
    /// Reads a store URL.
    ///
    /// # Errors
    /// [`InvalidValue`] for an unknown scheme or a URL that its engine cannot use. It does not show the URL, in which a
    /// password may stand in any place.
    pub fn parse(text: &str) -> Result<Self, InvalidValue> {
        match text.split_once(':') {
            Some(("redis" | "rediss" | "redis+sentinel", _)) => Self::parse_redis(text),
            Some(("sqlite", path)) if !path.is_empty() => Ok(Self::Sqlite(path.into())),
            Some(("memory", "")) => Ok(Self::Memory),
            _ => Err(invalid(format!("it must be one of {REDIS_FORM}, {SENTINEL_FORM}, sqlite:PATH and memory:"))),
        }
    }

    /// Reads a `redis://`, `rediss://` or `redis+sentinel://` URL.
    ///
    /// # Errors
    /// As [`parse`](Self::parse), and for every other scheme.
    pub fn parse_redis(text: &str) -> Result<Self, InvalidValue> {
        match text.strip_prefix(SENTINEL_SCHEME) {
            Some(rest) => RedisUrl::parse_sentinels(rest).map(Self::Redis),
            None => RedisUrl::parse(text).map(Self::Redis),
        }
    }
}

fn invalid(why: impl Into<String>) -> InvalidValue {
    InvalidValue::secret("store URL", why)
}

impl RedisUrl {
    /// Reads what follows the scheme of a URL of sentinels.
    fn parse_sentinels(text: &str) -> Result<Self, InvalidValue> {
        let misshapen = || invalid(format!("it has the form {SENTINEL_FORM}; other characters are percent-encoded"));
        let (start, query) = text.split_once('?').map_or((text, None), |(start, query)| (start, Some(query)));
        let (login, rest) = start.rsplit_once('@').map_or((None, start), |(login, rest)| (Some(login), rest));
        let mut parts = rest.split('/');
        let hosts = parts.next().unwrap_or_default();
        let (primary, db) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
        let is_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
        if primary.is_empty() || !primary.chars().all(is_name) || parts.next().is_some() {
            return Err(misshapen());
        }
        let mut addresses = Vec::new();
        for host in hosts.split(',') {
            // As a URL of its own, a host is read as everywhere.
            let url = parse_redis_url(&format!("redis://{host}")).ok_or_else(misshapen)?;
            let is_host = url.username().is_empty() && url.password().is_none() && url.path().is_empty();
            let name = url.host_str().filter(|name| is_host && !name.is_empty()).ok_or_else(misshapen)?;
            let name = name.trim_matches(['[', ']']).to_owned();
            addresses.push((name, url.port().unwrap_or(SENTINEL_PORT)));
        }
        let login = login.map(|login| format!("{login}@")).unwrap_or_default();
        let query = query.map(|query| format!("?{query}")).unwrap_or_default();
        let server = Self::parse(&format!("redis://{login}primary/{db}{query}"))?;
        let hosts: Vec<String> = addresses.iter().map(|(host, port)| in_url(host, *port)).collect();
        let (login, db) = (server.login(), server.info.redis_settings().db());
        let shown = format!("{SENTINEL_SCHEME}{login}{}/{primary}/{db}", hosts.join(","));
        let sentinels = Some(Arc::new(Sentinels { hosts: addresses, primary: primary.to_owned() }));
        Ok(Self { sentinels, shown, ..server })
    }

    /// The login as it is shown.
    fn login(&self) -> &str {
        let rest = self.shown.split_once("://").map_or("", |(_, rest)| rest);
        rest.rfind('@').map_or("", |end| &rest[..=end])
    }

    fn parse(text: &str) -> Result<Self, InvalidValue> {
        let misshapen = || invalid(format!("it has the form {REDIS_FORM}; other characters are percent-encoded"));
        if !(text.starts_with("redis://") || text.starts_with("rediss://")) {
            return Err(misshapen());
        }
        let mut url = parse_redis_url(text).filter(|url| url.fragment().is_none()).ok_or_else(misshapen)?;
        // What stands behind a parameter's @ may be the rest of a password, and the parameter's name with it.
        let doubtful = url.query().is_some_and(|query| query.contains('@'));
        // The path is one more parameter, after those that count before it.
        let query = format!("{}&db={}", url.query().unwrap_or_default(), url.path().replace('&', "%26"));
        url.set_query(Some(&query));
        let [mut user, mut password, mut db, mut replicas] = [const { String::new() }; 4];
        for (name, value) in url.query_pairs().filter(|(_, value)| !value.is_empty()) {
            let option = match &*name {
                "username" => &mut user,
                "password" => &mut password,
                "db" => &mut db,
                "replicas" => &mut replicas,
                name if TUNING.contains(&name) => continue,
                _ if doubtful => return Err(misshapen()),
                name => return Err(invalid(format!("the parameter {name:?} is not supported"))),
            };
            if option.is_empty() {
                *option = value.into_owned();
            }
        }
        let db = match db.replace('/', "") {
            none if none.is_empty() => 0,
            number => number
                .parse::<u32>()
                .map_err(|_| invalid(format!("its database is not a number; the form is {REDIS_FORM}")))?,
        };
        let replicas = match &*replicas {
            "" => 0,
            number => number.parse().map_err(|_| invalid("its number of replicas is not one"))?,
        };
        url.set_path("");
        url.set_query(None);
        let (scheme, host, name) = (url.scheme(), url.host_str().unwrap_or_default(), url.username());
        // A name without a password may be a password that was put in its place.
        let login = match (name, url.password().unwrap_or(&password)) {
            ("", "") => String::new(),
            (_, "") => "***@".to_owned(),
            (name, _) => format!("{name}:***@"),
        };
        let shown = format!("{scheme}://{login}{host}:{}/{db}", url.port().unwrap_or(DEFAULT_PORT));
        let info = url.into_connection_info().map_err(|error| invalid(error.to_string()))?;
        let given = |text: Option<&str>| text.filter(|text| !text.is_empty()).map(str::to_owned);
        let user = given(info.redis_settings().username()).or_else(|| given(Some(&user)));
        let password = given(info.redis_settings().password()).or_else(|| given(Some(&password)));
        let mut settings = RedisConnectionInfo::default().set_db(db.into());
        if let Some(user) = user {
            settings = settings.set_username(user);
        }
        if let Some(password) = password {
            settings = settings.set_password(password);
        }
        Ok(Self { info: Arc::new(info.set_redis_settings(settings)), sentinels: None, replicas, shown })
    }

    /// How to connect to the server, wherever it is.
    pub(crate) fn connection_info(&self) -> &ConnectionInfo {
        &self.info
    }

    /// Who knows where the server is.
    pub(crate) fn sentinels(&self) -> Option<&Arc<Sentinels>> {
        self.sentinels.as_ref()
    }

    /// How many replicas have to have a task before it is accepted.
    pub(crate) fn replicas(&self) -> u32 {
        self.replicas
    }
}

/// A host and port as they stand in a URL.
fn in_url(host: &str, port: u16) -> String {
    if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") }
}

impl PartialEq for RedisUrl {
    fn eq(&self, other: &Self) -> bool {
        let login = |url: &Self| {
            let settings = url.info.redis_settings();
            [settings.username(), settings.password()].map(|text| text.map(str::to_owned))
        };
        self.shown == other.shown && self.replicas == other.replicas && login(self) == login(other)
    }
}

impl Eq for RedisUrl {}

impl fmt::Display for RedisUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.shown)
    }
}

impl fmt::Debug for RedisUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RedisUrl({self})")
    }
}

impl fmt::Display for StoreUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Redis(url) => url.fmt(f),
            Self::Sqlite(path) => write!(f, "sqlite:{}", path.display()),
            Self::Memory => f.write_str("memory:"),
        }
    }
}

impl fmt::Debug for StoreUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "StoreUrl({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn redis(text: &str) -> RedisUrl {
        match StoreUrl::parse(text) {
            Ok(StoreUrl::Redis(url)) => url,
            other => panic!("{text}: {other:?}"),
        }
    }

    #[test]
    fn every_scheme_is_read() {
        for (text, shown) in [
            ("redis://h", "redis://h:6379/0"),
            ("redis://u:p@h:1/2", "redis://u:***@h:1/2"),
            ("rediss://[::1]:6380/0", "rediss://[::1]:6380/0"),
            ("redis+sentinel://h/m", "redis+sentinel://h:26379/m/0"),
            (
                "redis+sentinel://u:p@a:1,b,[::1]:3/my-primary/2",
                "redis+sentinel://u:***@a:1,b:26379,[::1]:3/my-primary/2",
            ),
            ("sqlite:a/b.db", "sqlite:a/b.db"),
            ("sqlite:/x", "sqlite:/x"),
            ("memory:", "memory:"),
        ] {
            assert_eq!(StoreUrl::parse(text).unwrap().to_string(), shown);
        }
        for text in
            ["", "postgres://h", "h:6379", "sqlite:", "memory:x", "redis://h:port", "redis://h/db", "redis:///0"]
        {
            let error = StoreUrl::parse(text).unwrap_err().to_string();
            assert!(error.starts_with("invalid store URL (not shown"), "{error}");
        }
        for text in [
            "redis+sentinel://",
            "redis+sentinel://h",
            "redis+sentinel://h/",
            "redis+sentinel:///m",
            "redis+sentinel://a,,b/m",
            "redis+sentinel://a:x/m",
            "redis+sentinel://a/m/x",
            "redis+sentinel://a/m/0/1",
            "redis+sentinel://a/m m",
            "redis://h?replicas=many",
            "redis://h?replicas=-1",
        ] {
            let error = StoreUrl::parse(text).unwrap_err().to_string();
            assert!(error.starts_with("invalid store URL (not shown"), "{text}: {error}");
        }
        let url = redis("redis+sentinel://u:p@a:1,b/m/2?replicas=1");
        assert_eq!(url.replicas(), 1);
        let sentinels = url.sentinels().unwrap();
        assert_eq!(sentinels.hosts, [("a".to_owned(), 1), ("b".to_owned(), 26_379)]);
        assert_eq!(sentinels.primary, "m");
        let settings = url.connection_info().redis_settings();
        assert_eq!((settings.username(), settings.password(), settings.db()), (Some("u"), Some("p"), 2));
        assert_eq!(StoreUrl::parse("redis://h"), StoreUrl::parse("redis://h:6379/0"));
        assert_ne!(StoreUrl::parse("redis://u:a@h"), StoreUrl::parse("redis://u:b@h"));
    }

    #[test]
    fn a_url_means_what_it_means_to_the_python_package() {
        for (text, user, password, db) in [
            ("redis://h", None, None, 0),
            ("redis://:pw@h/3", None, Some("pw"), 3),
            ("redis://u%40x:p%2Fw%25@h/%34", Some("u@x"), Some("p/w%"), 4),
            ("redis://u:a@b@h", Some("u"), Some("a@b"), 0),
            ("redis://h?password=PW&username=u&db=5", Some("u"), Some("PW"), 5),
            ("redis://h/1?db=2&db=3", None, None, 2),
            ("redis://h/1?db=&password=p%20w+x@%40", None, Some("p w x@@"), 1),
            ("redis://u:p@h?password=other&username=v", Some("u"), Some("p"), 0),
            ("redis://u:@h?password=other", Some("u"), Some("other"), 0),
            ("redis://u@h/?password=other&socket_timeout=5&protocol=3", Some("u"), Some("other"), 0),
        ] {
            let url = redis(text);
            let settings = url.connection_info().redis_settings();
            assert_eq!((settings.username(), settings.password(), settings.db()), (user, password, db), "{text}");
        }
        let error = StoreUrl::parse("redis://h?ssl_ca_certs=PW").unwrap_err().to_string();
        assert!(error.contains("\"ssl_ca_certs\" is not supported") && !error.contains("PW"), "{error}");
    }

    #[test]
    fn no_password_is_shown() {
        for text in [
            "redis://u:PW@h:1/2",
            "redis://:PW@h",
            "redis://PW@h",
            "redis://u:P%57PW@h/0",
            "redis://u:x@PW@h/0",
            "redis://h?password=PW",
            "redis://u@h?password=PW",
            "redis://u:x@h?password=PW",
            "redis+sentinel://u:PW@h/m",
            "redis+sentinel://u:PW@h:x/m",
            "redis+sentinel://u:x@PW@h,i/m/1",
            "redis+sentinel://h/m?password=PW",
            "redis+sentinel://h/PW@i/m",
            "redis//u:PW@h",
            "u:PW@h:6379",
            "redis:/:PW@h",
            "redis://u:pa@PW/x@h",
            "redis://u:s/PW@h/0",
            "redis://u:1/PW@h/0",
            "redis://u:1?PW@h/0",
            "redis://u:1?PW=x@h/0",
            "redis://u:1#PW@h/0",
            "redis://u:PW@h:port",
            "redis://u:PW@",
            "redis://u:PW@h/db",
            "redis://u:PW@h?db=PW",
            "redis://u:PW @h\n",
            "rediss://u:%ffPW@h",
            "postgres://u:PW@h",
            "sqlite//u:PW@h",
        ] {
            let shown = match StoreUrl::parse(text) {
                Ok(url) => format!("{url} {url:?}"),
                Err(error) => format!("{error} {error:?}"),
            };
            assert!(!shown.contains("PW"), "{text}: {shown}");
        }
    }
}
