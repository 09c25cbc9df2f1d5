//! Which request asks for what. The frontend looks at paths after their escapes are resolved, takes the first of its
//! routes that fits both path and method, and sends a client that has a slash too many, or one too few, to the right one.

use std::borrow::Cow;
use std::collections::HashMap;

use http::Method;
use percent_encoding::percent_decode_str;

/// What all paths begin with.
pub(super) const PREFIX: &str = "/api/v1";

/// What a request asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Action {
    Help,
    ListOfServiceAndUser,
    Create,
    CancelOfServiceAndUser,
    CleanOfServiceAndUser,
    ListOfUser,
    CancelOfUser,
    CleanOfUser,
    Get,
    Cancel,
    Clean,
    Verify,
    ListAll,
    Metrics,
    NextId,
    ListOfService,
    UsersOfService,
    CancelOfService,
    CleanOfService,
    Summary,
    CancelAny,
    CleanAny,
}

impl Action {
    /// Whether it is for operators alone.
    pub(super) fn is_for_operators(self) -> bool {
        self as u8 >= Self::Verify as u8
    }
}

/// The routes in the frontend's order, which decides where two fit.
const ROUTES: [(Method, &str, Action); 22] = [
    (Method::GET, "/help", Action::Help),
    (Method::GET, "/services/{}/users/{}/tasks", Action::ListOfServiceAndUser),
    (Method::POST, "/services/{}/users/{}/tasks", Action::Create),
    (Method::POST, "/services/{}/users/{}/tasks/cancel", Action::CancelOfServiceAndUser),
    (Method::DELETE, "/services/{}/users/{}/tasks", Action::CleanOfServiceAndUser),
    (Method::GET, "/services/users/{}/tasks", Action::ListOfUser),
    (Method::POST, "/services/users/{}/tasks/cancel", Action::CancelOfUser),
    (Method::DELETE, "/services/users/{}/tasks", Action::CleanOfUser),
    (Method::GET, "/services/{}/tasks/{}", Action::Get),
    (Method::POST, "/services/{}/tasks/{}/cancel", Action::Cancel),
    (Method::DELETE, "/services/{}/tasks/{}", Action::Clean),
    (Method::GET, "/admin/auth/verify", Action::Verify),
    (Method::GET, "/admin/tasks", Action::ListAll),
    (Method::GET, "/admin/metrics", Action::Metrics),
    (Method::GET, "/admin/tasks/next-id", Action::NextId),
    (Method::GET, "/admin/services/{}/tasks", Action::ListOfService),
    (Method::GET, "/admin/services/{}/users", Action::UsersOfService),
    (Method::POST, "/admin/services/{}/tasks/cancel", Action::CancelOfService),
    (Method::DELETE, "/admin/services/{}/tasks", Action::CleanOfService),
    (Method::GET, "/admin/services/{}/tasks/summary", Action::Summary),
    (Method::POST, "/admin/tasks/{}/cancel", Action::CancelAny),
    (Method::DELETE, "/admin/tasks/{}", Action::CleanAny),
];

/// What there is at a path.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Found {
    /// What is asked for, with the names in the path.
    Route(Action, Vec<String>),
    /// Only something that is asked for by this method.
    OtherMethod(Method),
    /// Nothing, but there is something at the path with a slash more or less at its end.
    OtherSlash,
    Nothing,
}

/// Looks for a path, behind the prefix and with its escapes resolved.
pub(super) fn find(method: &Method, path: &str) -> Found {
    let mut other = None;
    for (known, pattern, action) in &ROUTES {
        match names(pattern, path) {
            Some(names) if known == method => return Found::Route(*action, names),
            Some(_) => other = other.or(Some(known)),
            None => {}
        }
    }
    if let Some(method) = other {
        return Found::OtherMethod(method.clone());
    }
    let slashed =
        path.strip_suffix('/').map_or_else(|| format!("{path}/"), |path| path.trim_end_matches('/').to_owned());
    let is_there = ROUTES.iter().any(|(_, pattern, _)| names(pattern, &slashed).is_some());
    if is_there { Found::OtherSlash } else { Found::Nothing }
}

/// The names in a path that fits a pattern.
fn names(pattern: &str, path: &str) -> Option<Vec<String>> {
    let mut names = Vec::new();
    let mut parts = path.split('/');
    for expected in pattern.split('/') {
        match (expected, parts.next()?) {
            ("{}", "") => return None,
            ("{}", name) => names.push(name.to_owned()),
            (expected, part) if expected != part => return None,
            _ => {}
        }
    }
    parts.next().is_none().then_some(names)
}

/// A text without its escapes: what is none is left as it is, and what is no UTF-8 becomes a sign that says so.
pub(super) fn unescaped(text: &str) -> Cow<'_, str> {
    percent_decode_str(text).decode_utf8_lossy()
}

/// The values of a query: each name once, where it came first, with the value that came last.
pub(super) fn values(query: &str) -> Vec<(String, String)> {
    let mut values: Vec<(String, String)> = Vec::new();
    let mut places = HashMap::new();
    for (name, value) in form_urlencoded::parse(query.as_bytes()) {
        let place = *places.entry(name.to_string()).or_insert(values.len());
        match values.get_mut(place) {
            Some((_, last)) => *last = value.into_owned(),
            None => values.push((name.into_owned(), value.into_owned())),
        }
    }
    values
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(method: Method, path: &str) -> Found {
        find(&method, path)
    }

    fn route(action: Action, names: &[&str]) -> Found {
        Found::Route(action, names.iter().map(|name| (*name).to_owned()).collect())
    }

    #[test]
    fn the_first_route_that_fits_is_taken() {
        assert_eq!(found(Method::GET, "/services/s/tasks/1"), route(Action::Get, &["s", "1"]));
        assert_eq!(found(Method::GET, "/services/users/tasks/tasks"), route(Action::ListOfUser, &["tasks"]));
        assert_eq!(found(Method::DELETE, "/admin/tasks/next-id"), route(Action::CleanAny, &["next-id"]));
        assert_eq!(found(Method::GET, "/admin/tasks/next-id"), route(Action::NextId, &[]));
        assert_eq!(found(Method::GET, "/admin/tasks/5"), Found::OtherMethod(Method::DELETE));
        assert_eq!(found(Method::HEAD, "/help"), Found::OtherMethod(Method::GET));
        assert_eq!(found(Method::GET, "/help/"), Found::OtherSlash);
        assert_eq!(found(Method::GET, "/help//"), Found::OtherSlash);
        for path in ["", "/", "/helps", "/services//users/u/tasks", "/services/s", "/admin"] {
            assert_eq!(found(Method::GET, path), Found::Nothing, "{path:?}");
        }
    }

    #[test]
    fn operators_have_what_begins_with_admin() {
        for (_, pattern, action) in &ROUTES {
            assert_eq!(action.is_for_operators(), pattern.starts_with("/admin/"), "{pattern}");
        }
    }

    #[test]
    fn escapes_are_resolved_as_python_does() {
        for (text, plain) in [
            ("a%20b", "a b"),
            ("%C3%A9", "é"),
            ("%ff", "\u{fffd}"),
            ("%", "%"),
            ("%2", "%2"),
            ("%zz%41", "%zzA"),
            ("a+b", "a+b"),
        ] {
            assert_eq!(unescaped(text), plain);
        }
        let values = |query: &str| {
            values(query).into_iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join(";")
        };
        assert_eq!(values("a=1&b=2&a=3"), "a=3;b=2");
        assert_eq!(values("&&a&b=&=c&d=x=y&e=1+2%2B"), "a=;b=;=c;d=x=y;e=1 2+");
        assert_eq!(values(""), "");
    }
}
