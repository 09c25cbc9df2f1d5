//! What stands in a URL: ids and names in its path, parameters in its query.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::fmt::Display;
use std::ops::RangeInclusive;
use std::str::FromStr;

use axum::extract::{FromRequestParts, Path};
use http::StatusCode;
use http::request::Parts;
use percent_encoding::percent_decode_str;
use task_state_host::record::{Status, TaskId};

use crate::http::Problem;

pub(super) use crate::http::answer::short;

/// The id of a task in a path.
pub(super) struct Id(pub(super) TaskId);

impl<S: Send + Sync> FromRequestParts<S> for Id {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let Name(id) = Name::from_request_parts(parts, state).await?;
        TaskId::stored(id).map(Self).map_err(|why| super::errors::invalid(&why))
    }
}

/// A name in a path, whatever it is of.
pub(super) struct Name(pub(super) String);

impl<S: Send + Sync> FromRequestParts<S> for Name {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let path = Path::<String>::from_request_parts(parts, state).await;
        path.map(|Path(name)| Self(name)).map_err(|_| {
            let why = "a name in a path is UTF-8, with what has a meaning there written as %XX";
            Problem::new(StatusCode::BAD_REQUEST, why).with("value", short(parts.uri.path()))
        })
    }
}

/// The parameters of a query. What is empty is as if it were not there; what nobody asks for is an error.
pub(super) struct Params {
    given: Vec<(String, String)>,
    known: Vec<&'static str>,
}

impl<S: Send + Sync> FromRequestParts<S> for Params {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        Self::read(parts.uri.query().unwrap_or_default())
    }
}

impl Params {
    fn read(query: &str) -> Result<Self, Problem> {
        let decoded = |text: &str| {
            decode(text).ok_or_else(|| {
                Problem::new(
                    StatusCode::BAD_REQUEST,
                    "the query is not UTF-8 with % and two digits for what has a meaning there",
                )
                .with("value", short(text))
            })
        };
        let mut given = Vec::new();
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            given.push((decoded(name)?, decoded(value)?));
        }
        Ok(Self { given, known: Vec::new() })
    }

    /// Every value of a parameter.
    fn all(&mut self, name: &'static str) -> Vec<String> {
        self.known.push(name);
        let (of_name, rest) = std::mem::take(&mut self.given).into_iter().partition(|(given, _)| given == name);
        self.given = rest;
        let of_name: Vec<(String, String)> = of_name;
        of_name.into_iter().map(|(_, value)| value).filter(|value| !value.is_empty()).collect()
    }

    /// The value of a parameter that is there once.
    pub(super) fn text(&mut self, name: &'static str) -> Result<Option<String>, Problem> {
        let mut all = self.all(name);
        let value = all.pop();
        if !all.is_empty() {
            return Err(unprocessable(format!("{name} is given more than once")).with("parameter", name));
        }
        Ok(value)
    }

    /// A number within these bounds, or this one if there is none.
    pub(super) fn number<N>(&mut self, name: &'static str, default: N, allowed: RangeInclusive<N>) -> Result<N, Problem>
    where
        N: FromStr + Display + PartialOrd,
    {
        let Some(text) = self.text(name)? else { return Ok(default) };
        let number = text.parse().ok().filter(|number| allowed.contains(number));
        number.ok_or_else(|| {
            let allowed = format!("{} to {}", allowed.start(), allowed.end());
            let why = format!("{name} is no whole number from {allowed}");
            unprocessable(why).with("parameter", name).with("value", short(&text)).with("allowed", allowed)
        })
    }

    /// One of these words, or the first.
    pub(super) fn word<T: Copy>(
        &mut self,
        name: &'static str,
        words: &[(&'static str, T)],
    ) -> Result<Option<T>, Problem> {
        let Some(text) = self.text(name)? else { return Ok(None) };
        let found = words.iter().find(|(word, _)| *word == text).map(|(_, meaning)| *meaning);
        let allowed: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
        found.map(Some).ok_or_else(|| {
            let why = format!("{name} is one of {}", allowed.join(", "));
            unprocessable(why).with("parameter", name).with("value", short(&text)).with("allowed", allowed)
        })
    }

    /// Statuses, each in a parameter of its own or with commas between them.
    pub(super) fn statuses(&mut self) -> Result<BTreeSet<Status>, Problem> {
        let all = self.all("status");
        let words = all.iter().flat_map(|value| value.split(',')).filter(|word| !word.is_empty());
        words.map(status).collect()
    }

    /// Nothing else is there.
    pub(super) fn finish(self) -> Result<(), Problem> {
        let Some((name, _)) = self.given.first() else { return Ok(()) };
        let known = self.known.join(", ");
        let why = if known.is_empty() {
            "this path takes no parameters".to_owned()
        } else {
            format!("there is no such parameter; there are {known}")
        };
        Err(Problem::new(StatusCode::BAD_REQUEST, why).with("value", short(name)).with("allowed", self.known))
    }
}

/// A status by its word.
pub(super) fn status(word: &str) -> Result<Status, Problem> {
    word.parse().map_err(|_| {
        let allowed = Status::ALL.map(Status::as_str).to_vec();
        let why = format!("a status is one of {}", allowed.join(", "));
        unprocessable(why).with("parameter", "status").with("value", short(word)).with("allowed", allowed)
    })
}

pub(super) fn unprocessable(why: impl Into<String>) -> Problem {
    Problem::new(StatusCode::UNPROCESSABLE_ENTITY, why)
}

/// A part of a query without its escapes. None if one of them is none, or if they are not of UTF-8.
fn decode(text: &str) -> Option<String> {
    let is_escape =
        |rest: &str| rest.as_bytes().get(..2).is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit));
    let text = text.replace('+', " ");
    let is_whole = text.split('%').skip(1).all(is_escape);
    is_whole.then(|| percent_decode_str(&text).decode_utf8().ok().map(Cow::into_owned)).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_query_is_read_whole_or_not_at_all() {
        let mut params =
            Params::read("text=a%2Bb+c&status=running,failed&status=pending&limit=&user=%EC%95%A8").unwrap();
        assert_eq!(params.text("text").unwrap().as_deref(), Some("a+b c"));
        assert_eq!(params.statuses().unwrap(), [Status::Pending, Status::Running, Status::Failed].into());
        assert_eq!(params.number("limit", 100, 1..=1000).unwrap(), 100);
        assert_eq!(params.text("user").unwrap().as_deref(), Some("앨"));
        params.finish().unwrap();
        for bad in ["a=%", "a=%2", "a=%zz", "a=%ff", "%80=1", "a=%+1"] {
            assert!(Params::read(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn what_is_wrong_is_named_with_what_is_allowed() {
        let mut params = Params::read("limit=0&order=up&user=a&user=b&other=1").unwrap();
        let said = |problem: Problem| problem.detail().to_owned();
        assert_eq!(said(params.number("limit", 1, 1..=9).unwrap_err()), "limit is no whole number from 1 to 9");
        assert_eq!(
            said(params.word("order", &[("newest", 1), ("oldest", 2)]).unwrap_err()),
            "order is one of newest, oldest"
        );
        assert_eq!(said(params.text("user").unwrap_err()), "user is given more than once");
        assert_eq!(said(params.finish().unwrap_err()), "there is no such parameter; there are limit, order, user");
        assert!(said(status("RUNNING").unwrap_err()).starts_with("a status is one of pending, "));
    }
}
