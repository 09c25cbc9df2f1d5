//! Sessions: a browser shows its token once, and a cookie from then on.
//!
//! The cookie holds no token. It holds when the session ends, and a proof that whoever made it knew the token: so any
//! process with the same tokens takes it, none has to remember it, and it ends with its token.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use axum::Router;
use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use http::header::{COOKIE, ORIGIN, SET_COOKIE};
use http::{HeaderMap, HeaderValue, StatusCode};
use ring::hmac;
use serde::{Deserialize, Serialize};
use task_state_host::store::Allowed;

use super::{Caller, Role};
use crate::http::{Problem, Shared, Token, bytes, document};

/// How long a session lasts.
const LASTS: Duration = Duration::from_secs(12 * 3_600);

/// The cookie's name.
const NAME: &str = "task-state-session";

/// The most bytes of a request that logs in.
const MAX_BODY: usize = 4 << 10;

/// How long such a body may take to come.
const BODY_TIME: Duration = Duration::from_secs(5);

/// How many of such cookies are looked at: a browser sends one, or one for each path on which it was given one.
const MAX_COOKIES: usize = 4;

/// What stands in the proof before the time, so that it is good for nothing else.
const PURPOSE: &str = "task-state session until ";

pub(crate) fn routes() -> Router<Shared> {
    Router::new().route("/api/v2/session", get(show).post(begin).delete(end))
}

/// Whether a request is part of a session that was begun with a token, and lasts.
pub(super) fn holds(headers: &HeaderMap, token: &Token) -> bool {
    held(headers).take(MAX_COOKIES).any(|cookie| is_good(cookie, token, now()).unwrap_or(false))
}

fn held(headers: &HeaderMap) -> impl Iterator<Item = &str> {
    let cookies = headers.get_all(COOKIE).into_iter().filter_map(|value| value.to_str().ok());
    let pairs = cookies.flat_map(|cookies| cookies.split(';')).filter_map(|pair| pair.trim().split_once('='));
    pairs.filter(|(name, _)| *name == NAME).map(|(_, value)| value)
}

fn is_good(cookie: &str, token: &Token, now: u64) -> Option<bool> {
    let (until, proof) = cookie.split_once('.')?;
    let proof = of_hex(proof)?;
    // When it ends is no secret.
    let lasts = until.parse::<u64>().ok()? > now;
    Some(lasts && hmac::verify(&key(token), format!("{PURPOSE}{until}").as_bytes(), &proof).is_ok())
}

fn made(token: &Token, until: u64) -> String {
    let proof = hmac::sign(&key(token), format!("{PURPOSE}{until}").as_bytes());
    let hex: String = proof.as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
    format!("{until}.{hex}")
}

fn key(token: &Token) -> hmac::Key {
    hmac::Key::new(hmac::HMAC_SHA256, token.secret())
}

fn of_hex(hex: &str) -> Option<Vec<u8>> {
    let pairs = hex.as_bytes().chunks(2);
    pairs
        .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok().filter(|pair| pair.len() == 2)?, 16).ok())
        .collect()
}

/// Seconds since the Unix epoch.
fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs()
}

/// What a caller is told of himself.
#[derive(Serialize)]
struct Told {
    /// None: he has to log in first.
    role: Option<&'static str>,
    /// None: any.
    services: Option<Vec<String>>,
    /// None: any.
    users: Option<Vec<String>>,
    authentication: &'static str,
}

async fn show(State(shared): State<Shared>, caller: Caller) -> Response {
    let authentication = if shared.tokens.get().is_open() { "none" } else { "token" };
    let names = |allowed: &Allowed| match allowed {
        Allowed::Any => None,
        Allowed::Only(names) => Some(names.iter().cloned().collect()),
    };
    let told = match caller.role() {
        None => Told { role: None, services: None, users: None, authentication },
        Some(Role::Operator) => Told { role: Some("operator"), services: None, users: None, authentication },
        Some(Role::User { services, users }) => {
            Told { role: Some("user"), services: names(services), users: names(users), authentication }
        }
    };
    document(StatusCode::OK, &told)
}

#[derive(Deserialize)]
struct Shown {
    token: String,
}

async fn begin(State(shared): State<Shared>, headers: HeaderMap, body: axum::body::Body) -> Result<Response, Problem> {
    let body = bytes(body, MAX_BODY, BODY_TIME).await?;
    // What is wrong with it is not shown: it may hold a token.
    let unreadable = |_| Problem::new(StatusCode::BAD_REQUEST, "the body is an object with a text \"token\"");
    let Shown { token } = serde_json::from_slice(&body).map_err(unreadable)?;
    let tokens = shared.tokens.get();
    let Some(token) = tokens.find(token.trim()) else {
        tracing::warn!("refused: a login without a token that is known");
        return Err(Problem::new(StatusCode::UNAUTHORIZED, "no such token"));
    };
    let until = now() + LASTS.as_secs();
    cookie(&shared, &headers, &made(token, until), LASTS)
}

async fn end(State(shared): State<Shared>, headers: HeaderMap) -> Result<Response, Problem> {
    cookie(&shared, &headers, "", Duration::ZERO)
}

fn cookie(shared: &Shared, headers: &HeaderMap, value: &str, lasts: Duration) -> Result<Response, Problem> {
    // Behind a proxy that speaks TLS, the browser knows that its page came by it.
    let by_tls = |origin: &HeaderValue| origin.as_bytes().starts_with(b"https://");
    let is_secure = shared.is_secure || headers.get(ORIGIN).is_some_and(by_tls);
    let secure = if is_secure { "; Secure" } else { "" };
    let age = lasts.as_secs();
    let cookie = format!("{NAME}={value}; Path=/; Max-Age={age}; HttpOnly; SameSite=Strict{secure}");
    let mut response = StatusCode::NO_CONTENT.into_response();
    let cookie = HeaderValue::from_str(&cookie)
        .map_err(|_| Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "a session could not be begun"))?;
    response.headers_mut().insert(SET_COOKIE, cookie);
    Ok(response)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_ends_with_its_time_and_with_its_token() {
        let (token, other) = (Token::new("t0ken").unwrap(), Token::new("t0ken2").unwrap());
        let cookie = made(&token, 1_000);
        assert!(!cookie.contains("t0ken"));
        assert_eq!(is_good(&cookie, &token, 999), Some(true));
        assert_eq!(is_good(&cookie, &token, 1_000), Some(false));
        assert_eq!(is_good(&cookie, &other, 999), Some(false));
        let (_, proof) = cookie.split_once('.').unwrap();
        for forged in [format!("9999.{proof}"), format!("1000.{}", &proof[2..]), "1000.".to_owned()] {
            assert_eq!(is_good(&forged, &token, 999), Some(false), "{forged}");
        }
        for none in ["", "1000", "x.00", "1000.0", "1000.zz", "1000.\u{e9}\u{e9}", "-1.00"] {
            assert_eq!(is_good(none, &token, 999), None, "{none}");
        }
    }

    #[test]
    fn the_cookie_is_found_among_others() {
        let token = Token::new("t0ken").unwrap();
        let cookie = made(&token, now() + 60);
        let held = |text: String| {
            let headers = HeaderMap::from_iter([(COOKIE, HeaderValue::from_str(&text).unwrap())]);
            holds(&headers, &token)
        };
        assert!(held(format!("{NAME}={cookie}")));
        assert!(held(format!("a=b; {NAME}=old; {NAME}={cookie};c=d")));
        assert!(!held(format!("x{NAME}={cookie}")) && !held(cookie));
        assert!(!holds(&HeaderMap::new(), &token));
    }
}
