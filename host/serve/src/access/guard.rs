//! What every request passes: who is it, and does a page of another origin send it.

use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse as _, Response};
use http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, HOST, HeaderName, HeaderValue, ORIGIN, REFERRER_POLICY, RETRY_AFTER,
    WWW_AUTHENTICATE, X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
};
use http::uri::Authority;
use http::{HeaderMap, Method, Request, StatusCode};

use super::seats::{Client, MAX_REQUESTS, Peer, seated};
use super::{Caller, Role};
use crate::http::{PROBES, Problem, Shared};

/// What a browser that knows it says of where a request comes from.
const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");
const CROSS_ORIGIN_OPENER_POLICY: HeaderName = HeaderName::from_static("cross-origin-opener-policy");
const CROSS_ORIGIN_RESOURCE_POLICY: HeaderName = HeaderName::from_static("cross-origin-resource-policy");

/// What a page of this origin may do: use its own files, and ask its own server.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; \
    base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// The names that a token is given in a query by those who do not know better.
const TOKEN_NAMES: [&str; 4] = ["token", "access_token", "x-operator-token", "authorization"];

/// Puts the guard before all routes.
pub(crate) fn guarded(router: Router<Shared>, shared: &Shared) -> Router<Shared> {
    router.layer(from_fn_with_state(shared.clone(), guard))
}

async fn guard(State(shared): State<Shared>, mut request: Request<Body>, next: Next) -> Response {
    let tokens = shared.tokens.get();
    let is_open = tokens.is_open();
    let refused = refusal(&request, is_open);
    let mut response = match refused {
        Some(problem) => {
            tracing::warn!(
                path = request.uri().path(),
                status = problem.status().as_u16(),
                reason = problem.detail(),
                "refused"
            );
            problem.into_response()
        }
        None => {
            let shown = tokens.shown(request.headers());
            let role = if is_open { Some(Role::Operator) } else { shown.map(|(_, role)| role.clone()) };
            let peer = request.extensions().get::<Peer>().copied();
            let client = shown.map(|(place, _)| Client::Token(place)).or(peer.map(Client::Peer));
            request.extensions_mut().insert(Caller::new(role));
            seat_and_run(&shared, client, request, next).await
        }
    };
    secure(response.status(), response.headers_mut());
    response
}

/// Answers a request, if its client has not too many others under way.
async fn seat_and_run(shared: &Shared, client: Option<Client>, request: Request<Body>, next: Next) -> Response {
    // A submission that is refused is lost, and a probe tells of the process rather than of its clients.
    let path = request.uri().path();
    let is_apart = path.starts_with("/tasks/") || PROBES.contains(&path);
    let Some(client) = client.filter(|_| !is_apart) else { return next.run(request).await };
    let Some(seat) = shared.seats.take(client) else {
        tracing::warn!(path, ?client, "refused: the client has too many requests under way");
        let why = format!("{MAX_REQUESTS} requests of yours are under way, and no more may be");
        let mut response = Problem::new(StatusCode::TOO_MANY_REQUESTS, why).into_response();
        response.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static("1"));
        return response;
    };
    next.run(request).await.map(|body| seated(body, seat))
}

/// Why a request is not looked at.
fn refusal(request: &Request<Body>, is_open: bool) -> Option<Problem> {
    let headers = request.headers();
    let query = request.uri().query().unwrap_or_default();
    let mut names = form_urlencoded::parse(query.as_bytes()).map(|(name, _)| name);
    if request.uri().path().starts_with("/api/v2/")
        && names.any(|name| TOKEN_NAMES.iter().any(|token| name.eq_ignore_ascii_case(token)))
    {
        let why =
            "a token stands in no URL, where others read it: change it, and send the header Authorization: Bearer";
        return Some(Problem::new(StatusCode::BAD_REQUEST, why));
    }
    if is_open && !is_own_name(headers) {
        let why =
            "without tokens a platform is asked by the names of its own machine alone (localhost, 127.0.0.1, [::1])";
        return Some(Problem::new(StatusCode::MISDIRECTED_REQUEST, why));
    }
    let changes = !matches!(*request.method(), Method::GET | Method::HEAD | Method::OPTIONS);
    (changes && is_cross_site(headers))
        .then(|| Problem::new(StatusCode::FORBIDDEN, "a page of another origin may not change anything here"))
}

/// Whether a request was meant for this machine. A page whose name was made to lead here says its own.
fn is_own_name(headers: &HeaderMap) -> bool {
    let Some(host) = headers.get(HOST) else { return true };
    let Some(authority) = host.to_str().ok().and_then(|host| host.parse::<Authority>().ok()) else { return false };
    let host = authority.host();
    let address = host.trim_matches(['[', ']']).parse::<std::net::IpAddr>();
    host.eq_ignore_ascii_case("localhost") || address.is_ok_and(|address| address.to_canonical().is_loopback())
}

/// Whether a browser sends a request for a page of another origin.
fn is_cross_site(headers: &HeaderMap) -> bool {
    if let Some(site) = headers.get(SEC_FETCH_SITE) {
        return !matches!(site.as_bytes(), b"same-origin" | b"none");
    }
    let Some(origin) = headers.get(ORIGIN) else { return false };
    let of_origin = origin.to_str().ok().and_then(|origin| origin.split_once("://")).map(|(_, authority)| authority);
    let of_host = headers.get(HOST).and_then(|host| host.to_str().ok());
    match (of_origin, of_host) {
        (Some(origin), Some(host)) => !origin.eq_ignore_ascii_case(host),
        _ => true,
    }
}

/// What a browser is told to do, and not to do, with an answer.
fn secure(status: StatusCode, headers: &mut HeaderMap) {
    for (name, value) in [
        (CONTENT_SECURITY_POLICY, POLICY),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (X_FRAME_OPTIONS, "DENY"),
        (REFERRER_POLICY, "no-referrer"),
        (CROSS_ORIGIN_OPENER_POLICY, "same-origin"),
        (CROSS_ORIGIN_RESOURCE_POLICY, "same-origin"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    headers.entry(CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    if status == StatusCode::UNAUTHORIZED {
        headers.entry(WWW_AUTHENTICATE).or_insert(HeaderValue::from_static("Bearer"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&str, &str)]) -> HeaderMap {
        let pair = |(name, value): &(&str, &str)| {
            (HeaderName::from_bytes(name.as_bytes()).unwrap(), HeaderValue::from_str(value).unwrap())
        };
        pairs.iter().map(pair).collect()
    }

    #[test]
    fn a_page_of_another_origin_is_told_from_ours() {
        for (given, is_other) in [
            (&[][..], false),
            (&[("host", "h:1"), ("origin", "http://h:1")], false),
            (&[("host", "h:1"), ("origin", "https://H:1")], false),
            (&[("host", "h:1"), ("origin", "http://h:2")], true),
            (&[("host", "h:1"), ("origin", "http://evil")], true),
            (&[("host", "h:1"), ("origin", "null")], true),
            (&[("origin", "http://h:1")], true),
            (&[("host", "h:1"), ("sec-fetch-site", "same-origin")], false),
            (&[("sec-fetch-site", "none")], false),
            (&[("sec-fetch-site", "same-site")], true),
            (&[("host", "h:1"), ("origin", "http://h:1"), ("sec-fetch-site", "cross-site")], true),
        ] {
            assert_eq!(is_cross_site(&headers(given)), is_other, "{given:?}");
        }
    }

    #[test]
    fn the_names_of_this_machine_are_told_from_others() {
        for (host, is_own) in [
            ("localhost", true),
            ("LOCALHOST:9000", true),
            ("127.0.0.1:9000", true),
            ("127.1.2.3", true),
            ("[::1]:9000", true),
            ("[::ffff:127.0.0.1]:1", true),
            ("evil.example", false),
            ("localhost.evil.example", false),
            ("127.0.0.1.evil.example:9000", false),
            ("10.0.0.1", false),
            ("0.0.0.0:9000", false),
            ("@", false),
        ] {
            assert_eq!(is_own_name(&headers(&[("host", host)])), is_own, "{host}");
        }
        assert!(is_own_name(&HeaderMap::new()));
    }
}
