//! Who has sent a request, and what that opens.

use axum::extract::{FromRequestParts, OptionalFromRequestParts};
use http::StatusCode;
use http::request::Parts;
use task_state_host::store::{Access, Owners};

use super::Role;
use crate::http::Problem;

/// Who has sent a request. It is found out once, before any route.
///
/// As an extractor it lets everybody pass who reaches the route; [`Caller::known`] and [`Operator`] do not.
#[derive(Debug, Clone, Default)]
pub struct Caller(Option<Role>);

impl Caller {
    pub(super) fn new(role: Option<Role>) -> Self {
        Self(role)
    }

    /// What the caller's token opens. None: he shows none that is known.
    pub fn role(&self) -> Option<&Role> {
        self.0.as_ref()
    }

    /// What the caller's token opens.
    ///
    /// # Errors
    /// 401 if he shows none that is known.
    pub fn known(&self) -> Result<&Role, Problem> {
        self.role()
            .ok_or_else(|| Problem::new(StatusCode::UNAUTHORIZED, "a token is needed, and this is none that is known"))
    }

    /// Whose tasks the caller may touch: nobody's without a token.
    ///
    /// # Errors
    /// As [`known`](Self::known).
    pub fn owners(&self) -> Result<Owners, Problem> {
        self.known().map(Role::owners)
    }

    /// The same for calls on a store.
    ///
    /// # Errors
    /// As [`known`](Self::known).
    pub fn access(&self) -> Result<Access, Problem> {
        self.known().map(Role::access)
    }

    /// Whether he is an operator.
    pub fn is_operator(&self) -> bool {
        self.role() == Some(&Role::Operator)
    }
}

impl<S: Sync> FromRequestParts<S> for Caller {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Self::Rejection> {
        Ok(parts.extensions.get::<Self>().cloned().unwrap_or_default())
    }
}

impl<S: Sync> OptionalFromRequestParts<S> for Operator {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Option<Self>, Self::Rejection> {
        Ok(parts.extensions.get::<Caller>().filter(|caller| caller.is_operator()).map(|_| Self(())))
    }
}

/// A caller who is an operator. As an extractor it answers 401 to one without a token, and 403 to others.
#[derive(Debug, Clone, Copy)]
pub struct Operator(());

impl<S: Sync> FromRequestParts<S> for Operator {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let caller = parts.extensions.get::<Caller>().cloned().unwrap_or_default();
        match caller.known()? {
            Role::Operator => Ok(Self(())),
            Role::User { .. } => Err(Problem::new(StatusCode::FORBIDDEN, "this is for operators")),
        }
    }
}
