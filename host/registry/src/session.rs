//! Requests about one artifact: where its registry is, and what it is shown.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, LOCATION};
use http::{HeaderValue, Method, Request, StatusCode};
use http_body_util::Full;
use serde::Deserialize;
use url::Url;

use crate::challenge::Challenge;
use crate::credentials::{Credential, Found};
use crate::error::Why;
use crate::exchange::{Answer, senseless, server};
use crate::{Artifact, Registry};

/// How often a download may be sent on to another place.
const MAX_REDIRECTS: usize = 5;

/// Bytes that an answer may have whose content is not what was asked for: a token, an error.
const MAX_ASIDE: u64 = 64 << 10;

/// What is got from a server that is not the registry.
const TOKEN: &str = "token";

/// Where Docker's own registry is.
const DOCKER_HUB: &str = "registry-1.docker.io";

/// The codes of errors that the distribution specification has. Nothing else of an error is shown.
const CODES: [&str; 15] = [
    "BLOB_UNKNOWN",
    "BLOB_UPLOAD_INVALID",
    "BLOB_UPLOAD_UNKNOWN",
    "DIGEST_INVALID",
    "MANIFEST_BLOB_UNKNOWN",
    "MANIFEST_INVALID",
    "MANIFEST_UNKNOWN",
    "NAME_INVALID",
    "NAME_UNKNOWN",
    "SIZE_INVALID",
    "UNAUTHORIZED",
    "DENIED",
    "UNSUPPORTED",
    "TOOMANYREQUESTS",
    "TAG_INVALID",
];

/// A request that can be sent again.
#[derive(Clone)]
pub(crate) struct Ask {
    pub(crate) method: Method,
    pub(crate) url: Url,
    /// The type that the answer is to have.
    pub(crate) accept: Option<&'static str>,
    /// What is sent, with its type.
    pub(crate) body: Option<(Bytes, &'static str)>,
}

impl Ask {
    pub(crate) fn new(method: Method, url: Url) -> Self {
        Self { method, url, accept: None, body: None }
    }

    fn request(&self, authorization: Option<&HeaderValue>) -> Request<Full<Bytes>> {
        let (body, kind) = self.body.clone().unzip();
        let mut request = Request::new(Full::new(body.unwrap_or_default()));
        *request.method_mut() = self.method.clone();
        let headers = request.headers_mut();
        headers.extend(kind.map(|kind| (CONTENT_TYPE, HeaderValue::from_static(kind))));
        headers.extend(self.accept.map(|kind| (ACCEPT, HeaderValue::from_static(kind))));
        headers.extend(authorization.map(|value| (AUTHORIZATION, value.clone())));
        request
    }
}

/// What is known of a registry while one artifact is pulled or pushed.
pub(crate) struct Session<'r> {
    pub(crate) registry: &'r Registry,
    artifact: &'r Artifact,
    /// The repository's own part of the registry.
    base: Url,
    authorization: Option<HeaderValue>,
    /// Asked for once; none inside if there is none.
    credential: Option<Option<Found>>,
}

impl<'r> Session<'r> {
    /// Finds out how the registry is spoken to.
    pub(crate) async fn open(registry: &'r Registry, artifact: &'r Artifact) -> Result<Self, Why> {
        let reference = &artifact.reference;
        let host = if reference.registry() == "docker.io" { DOCKER_HUB } else { reference.registry() };
        let base = |scheme: &str| {
            let text = format!("{scheme}://{host}/v2/{}/", reference.repository());
            Url::parse(&text).map_err(|error| Why::Unreachable { server: host.to_owned(), why: error.to_string() })
        };
        let secure = base("https")?;
        let is_plain = artifact.plain_http || reference.is_loopback() && !registry.speaks_tls(&secure).await?;
        let base = if is_plain { base("http")? } else { secure };
        Ok(Self { registry, artifact, base, authorization: None, credential: None })
    }

    /// An address of the repository, such as `manifests/1.0`.
    pub(crate) fn url(&self, path: &str) -> Result<Url, Why> {
        self.base.join(path).map_err(|_| senseless(&self.base, "has no such address"))
    }

    /// Sends a request, with credentials if the registry asks for some, and follows where a download is sent on to.
    /// Credentials go to the registry's own address alone.
    pub(crate) async fn send(&mut self, mut ask: Ask) -> Result<Answer, Why> {
        let (mut redirects, mut is_known) = (0, false);
        loop {
            let is_own = ask.url.origin() == self.base.origin();
            let shown = self.authorization.as_ref().filter(|_| is_own);
            let answer = self.registry.exchange(&ask.url, ask.request(shown)).await?;
            let may_follow = [Method::GET, Method::HEAD].contains(&ask.method);
            match answer.status {
                StatusCode::UNAUTHORIZED if is_own && !is_known => {
                    is_known = true;
                    self.authorize(&answer).await?;
                }
                status if status.is_redirection() && may_follow && redirects < MAX_REDIRECTS => {
                    redirects += 1;
                    ask.url = self.location(&ask.url, &answer)?;
                }
                _ => return Ok(answer),
            }
        }
    }

    /// The address that an answer names. From TLS no way leads to plain text.
    pub(crate) fn location(&self, from: &Url, answer: &Answer) -> Result<Url, Why> {
        let to = answer.header(LOCATION).and_then(|location| from.join(location).ok());
        let to = to.ok_or_else(|| senseless(from, "sends on to no address"))?;
        self.check_way(&to)?;
        Ok(to)
    }

    /// Refuses an address that may not be spoken to.
    fn check_way(&self, to: &Url) -> Result<(), Why> {
        if !may_lead(&self.base, to) {
            let what = format!("sends on to {}, which is not TLS, and is not followed", server(to));
            return Err(senseless(&self.base, &what));
        }
        Ok(())
    }

    /// What an answer that is not the one that was wanted stands for.
    pub(crate) async fn refusal(&self, answer: Answer, what: &'static str) -> Why {
        let (status, from) = (answer.status, answer.server().to_owned());
        let body = answer.read("answer", MAX_ASIDE, &self.registry.times).await.unwrap_or_default();
        let code = code(&body);
        let shown = code.map_or(status.as_u16().to_string(), |code| format!("{} {code}", status.as_u16()));
        // What another server says, that a download was sent on to, has nothing to do with the credentials.
        let is_own = what == TOKEN || from == server(&self.base);
        match status {
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN if is_own => self.refused(shown),
            StatusCode::NOT_FOUND if is_own => Why::NotFound { what },
            StatusCode::TOO_MANY_REQUESTS => {
                Why::Answer { server: from, what: format!("wants to be asked later ({shown})") }
            }
            _ => Why::Answer { server: from, what: format!("answered {shown} when it was asked for the {what}") },
        }
    }

    fn refused(&self, code: String) -> Why {
        let found = self.credential.as_ref().and_then(Option::as_ref);
        Why::Refused { code, file: found.map(|found| found.file.display().to_string()) }
    }

    /// Gets what the registry wants to be shown.
    async fn authorize(&mut self, answer: &Answer) -> Result<(), Why> {
        let challenge = Challenge::of(&answer.headers)
            .ok_or_else(|| senseless(&self.base, "wants to be shown credentials in a way that is not known here"))?;
        if self.credential.is_none() {
            self.credential = Some(self.registry.credentials.find(&self.artifact.reference).await?);
        }
        let found = self.credential.as_ref().and_then(Option::as_ref);
        let value = match (challenge, found.map(|found| &found.credential)) {
            (Challenge::Bearer { realm, service, scope }, credential) => {
                let (realm, service, scope) = (realm.as_str(), service.as_deref(), scope.as_deref());
                format!("Bearer {}", self.token(realm, service, scope, credential).await?)
            }
            (Challenge::Basic, Some(Credential::Password { user, password })) => basic(user, password),
            (Challenge::Basic, Some(Credential::Identity(_))) => {
                return Err(Why::Credentials(
                    "there is a token, and the registry wants a user and a password".to_owned(),
                ));
            }
            (Challenge::Basic, None) => {
                let registry = self.artifact.reference.registry().to_owned();
                return Err(Why::NoCredentials { registry, looked_in: self.registry.credentials.names() });
            }
        };
        self.authorization = Some(sensitive(&self.base, &value)?);
        Ok(())
    }

    /// A token of the server that the registry trusts, for a user or for nobody.
    async fn token(
        &self,
        realm: &str,
        service: Option<&str>,
        scope: Option<&str>,
        credential: Option<&Credential>,
    ) -> Result<String, Why> {
        #[derive(Deserialize)]
        struct Tokens {
            token: Option<String>,
            access_token: Option<String>,
        }

        let mut url =
            Url::parse(realm).map_err(|_| senseless(&self.base, "names no server of tokens that can be asked"))?;
        self.check_way(&url)?;
        let what = [("service", service), ("scope", scope)];
        let what = what.into_iter().filter_map(|(key, value)| Some((key, value?)));
        let (ask, shown) = match credential {
            Some(Credential::Identity(token)) => {
                let mut form = url::form_urlencoded::Serializer::new(String::new());
                form.append_pair("grant_type", "refresh_token")
                    .append_pair("client_id", "task-state")
                    .extend_pairs(what);
                let form = form.append_pair("refresh_token", token).finish();
                let body = Some((form.into(), "application/x-www-form-urlencoded"));
                (Ask { body, ..Ask::new(Method::POST, url.clone()) }, None)
            }
            other => {
                url.query_pairs_mut().extend_pairs(what);
                let shown = match other {
                    Some(Credential::Password { user, password }) => Some(sensitive(&url, &basic(user, password))?),
                    _ => None,
                };
                (Ask::new(Method::GET, url.clone()), shown)
            }
        };
        let answer = self.registry.exchange(&url, ask.request(shown.as_ref())).await?;
        if answer.status != StatusCode::OK {
            return Err(self.refusal(answer, TOKEN).await);
        }
        let body = answer.read(TOKEN, MAX_ASIDE, &self.registry.times).await?;
        let tokens = serde_json::from_slice::<Tokens>(&body).ok();
        let token = tokens.and_then(|tokens| tokens.token.or(tokens.access_token));
        token.ok_or_else(|| senseless(&url, "was asked for a token and gave none"))
    }
}

fn basic(user: &str, password: &str) -> String {
    format!("Basic {}", STANDARD.encode(format!("{user}:{password}")))
}

/// A value that is not shown where headers are.
fn sensitive(url: &Url, text: &str) -> Result<HeaderValue, Why> {
    let mut value = HeaderValue::try_from(text).map_err(|_| senseless(url, "gave a token that cannot be sent"))?;
    value.set_sensitive(true);
    Ok(value)
}

/// The first code of an error, if it is one of the specification's.
fn code(body: &[u8]) -> Option<&'static str> {
    #[derive(Deserialize)]
    struct Errors {
        errors: Vec<One>,
    }

    #[derive(Deserialize)]
    struct One {
        code: String,
    }

    let errors: Errors = serde_json::from_slice(body).ok()?;
    let known = |error: &One| CODES.into_iter().find(|code| *code == error.code);
    errors.errors.iter().find_map(known)
}

/// Whether a registry may send on to an address.
fn may_lead(from: &Url, to: &Url) -> bool {
    let is_safe = to.scheme() == "https" || to.scheme() == "http" && from.scheme() == "http";
    is_safe && to.host_str().is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn from_tls_no_way_leads_to_plain_text() {
        for (from, to, may) in [
            ("https://r", "https://other/a", true),
            ("https://r", "http://r/a", false),
            ("https://r", "file:///a", false),
            ("http://r", "http://other/a", true),
            ("http://r", "https://other/a", true),
            ("http://r", "gopher://other/a", false),
        ] {
            assert_eq!(may_lead(&from.parse().unwrap(), &to.parse().unwrap()), may, "{from} to {to}");
        }
    }

    #[test]
    fn of_an_error_nothing_but_its_code_is_taken_over() {
        assert_eq!(code(br#"{"errors":[{"code":"DENIED","message":"hunter2"}]}"#), Some("DENIED"));
        assert_eq!(code(br#"{"errors":[{"code":"HUNTER2"}]}"#), None);
        assert_eq!(code(b"<html>"), None);
    }
}
