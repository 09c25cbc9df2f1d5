//! How a registry wants to be shown credentials: the header `WWW-Authenticate`.

use http::HeaderMap;
use http::header::WWW_AUTHENTICATE;

/// A way to show credentials.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Challenge {
    /// A user and a password with each request.
    Basic,
    /// A token, which the server `realm` gives.
    Bearer { realm: String, service: Option<String>, scope: Option<String> },
}

impl Challenge {
    /// The best of what a registry offers.
    pub(crate) fn of(headers: &HeaderMap) -> Option<Self> {
        let offered = headers.get_all(WWW_AUTHENTICATE).iter().filter_map(|value| value.to_str().ok());
        let read: Vec<Self> = offered.filter_map(read).collect();
        let is_bearer = |challenge: &&Self| matches!(challenge, Self::Bearer { .. });
        read.iter().find(is_bearer).or(read.first()).cloned()
    }
}

fn read(text: &str) -> Option<Challenge> {
    let (scheme, parameters) = text.trim().split_once(' ').unwrap_or((text.trim(), ""));
    if scheme.eq_ignore_ascii_case("basic") {
        return Some(Challenge::Basic);
    }
    if !scheme.eq_ignore_ascii_case("bearer") {
        return None;
    }
    let parameters = parameters_of(parameters);
    let find =
        |name: &str| parameters.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.clone());
    Some(Challenge::Bearer { realm: find("realm")?, service: find("service"), scope: find("scope") })
}

/// `key="value"` with commas between; values may hold commas, and are not always quoted.
fn parameters_of(text: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let mut rest = text;
    while let Some((key, after)) = rest.split_once('=') {
        let (value, next) = match after.strip_prefix('"') {
            Some(quoted) => unquoted(quoted),
            None => {
                let (value, next) = after.split_once(',').unwrap_or((after, ""));
                (value.trim().to_owned(), next)
            }
        };
        found.push((key.trim_matches([' ', ',', '\t']).to_owned(), value));
        rest = next;
    }
    found
}

/// A quoted string up to its closing quote, and what is behind that.
fn unquoted(text: &str) -> (String, &str) {
    let mut value = String::new();
    let mut chars = text.char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            '"' => return (value, &text[at + 1..]),
            '\\' => value.extend(chars.next().map(|(_, escaped)| escaped)),
            c => value.push(c),
        }
    }
    (value, "")
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn of(values: &[&'static str]) -> Option<Challenge> {
        let values = values.iter().map(|value| (WWW_AUTHENTICATE, HeaderValue::from_static(value)));
        Challenge::of(&values.collect())
    }

    fn bearer(realm: &str, service: Option<&str>, scope: Option<&str>) -> Option<Challenge> {
        let owned = |text: Option<&str>| text.map(str::to_owned);
        Some(Challenge::Bearer { realm: realm.to_owned(), service: owned(service), scope: owned(scope) })
    }

    #[test]
    fn a_challenge_is_read_as_registries_write_it() {
        let docker = r#"Bearer realm="https://a/token",service="r",scope="repository:p/q:pull,push""#;
        assert_eq!(of(&[docker]), bearer("https://a/token", Some("r"), Some("repository:p/q:pull,push")));
        assert_eq!(
            of(&[r#"bearer  realm=https://a , service="a \"b\"""#]),
            bearer("https://a", Some(r#"a "b""#), None)
        );
        assert_eq!(of(&[r#"Basic realm="x", charset="UTF-8""#]), Some(Challenge::Basic));
        assert_eq!(of(&["Basic"]), Some(Challenge::Basic));
    }

    #[test]
    fn a_token_is_preferred_to_a_password() {
        assert_eq!(of(&["Negotiate", "Basic", r#"Bearer realm="https://a""#]), bearer("https://a", None, None));
    }

    #[test]
    fn what_is_no_challenge_is_none() {
        for text in ["", "Negotiate", "Bearer", "Bearer service=x", "Bearer realm"] {
            assert_eq!(of(&[text]), None, "{text:?}");
        }
        assert_eq!(of(&[r#"Bearer realm="https://a"#]), bearer("https://a", None, None));
    }
}
