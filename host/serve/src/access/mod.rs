//! Who may do what: the tokens that callers show, and what each opens.
//!
//! A caller shows a token with each request, or has shown it once and holds a session. A platform without
//! tokens is open to whoever reaches it, and so listens on the machine's own interface alone; a page of another origin
//! cannot reach it there, whatever name it gives it.

mod caller;
mod guard;
pub(crate) mod seats;
mod session;

use std::fmt;
use std::io;
use std::net::SocketAddr;

use http::HeaderMap;
use http::header::HeaderName;
use task_state_host::store::{Access, Allowed, Owners};

use crate::config::{TokenConfig, TokenSource};
use crate::http::Token;

pub use caller::{Caller, Operator};
pub(crate) use guard::guarded;
pub(crate) use session::routes as session_routes;

/// The header in which clients of the DMS frontend show an operator's token.
pub(crate) const OPERATOR_TOKEN: HeaderName = HeaderName::from_static("x-operator-token");

/// What a token opens.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Role {
    /// Everything.
    Operator,
    /// The tasks of these users with these services: to look at, to submit, to cancel and to delete.
    User {
        /// The services.
        services: Allowed,
        /// The users.
        users: Allowed,
    },
}

impl Role {
    /// Whose tasks it opens.
    pub fn owners(&self) -> Owners {
        match self {
            Self::Operator => Owners::ANY,
            Self::User { services, users } => Owners { services: services.clone(), users: users.clone() },
        }
    }

    /// The same for calls on a store.
    pub fn access(&self) -> Access {
        Access::of(self.owners())
    }
}

/// The tokens of a platform, and what each opens.
#[derive(Clone, Default)]
pub struct Tokens(Vec<(Token, Role)>);

impl Tokens {
    /// Reads the tokens that a configuration names.
    ///
    /// # Errors
    /// If a file cannot be read or a variable is not set, with its name.
    pub fn read(config: &[TokenConfig]) -> Result<Self, TokenError> {
        let mut tokens = Vec::with_capacity(config.len());
        for TokenConfig { source, role, .. } in config {
            let token = match source {
                TokenSource::File(path) => Token::read(path),
                TokenSource::Variable(name) => std::env::var(name)
                    .ok()
                    .and_then(|text| Token::new(&text))
                    .ok_or_else(|| io::Error::new(io::ErrorKind::NotFound, "the variable holds no token")),
            };
            tokens.push((token.map_err(|error| TokenError { from: source.clone(), error })?, role.clone()));
        }
        Ok(Self(tokens))
    }

    /// Adds one.
    pub fn add(&mut self, token: Token, role: Role) {
        self.0.push((token, role));
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// What a request's headers open, by the token that they show, or by their session, and the place of that token: nothing
    /// if they show none that is known. Of several, an operator's counts. All tokens are compared, so that the time it takes does not tell which one is
    /// nearest.
    pub(crate) fn shown(&self, headers: &HeaderMap) -> Option<(usize, &Role)> {
        let mut found = None;
        for (place, (token, role)) in self.0.iter().enumerate() {
            let is_operators = *role == Role::Operator;
            let by_operator = is_operators && token.is(headers.get(OPERATOR_TOKEN).map(|value| value.as_bytes()));
            let is_shown = token.is_shown(headers) | by_operator | session::holds(headers, token);
            if is_shown && (is_operators || found.is_none()) {
                found = Some((place, role));
            }
        }
        found
    }

    /// The token that a text is.
    pub(crate) fn find(&self, text: &str) -> Option<&Token> {
        let mut found = None;
        for (token, _) in &self.0 {
            if token.is(Some(text.as_bytes())) {
                found = Some(token);
            }
        }
        found
    }
}

impl fmt::Debug for Tokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.0.iter().map(|(_, role)| role)).finish()
    }
}

/// A token that cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("the token of {from} cannot be read: {error}")]
pub struct TokenError {
    /// Where it is said to be.
    pub from: TokenSource,
    /// Why not.
    pub error: io::Error,
}

/// Whether a platform that has no tokens may listen here.
pub(crate) fn is_private(address: SocketAddr) -> bool {
    address.ip().to_canonical().is_loopback()
}
