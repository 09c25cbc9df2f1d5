//! Who may do what: the tokens that callers show, and what each opens.
//!
//! A caller shows a token with each request, or has shown it once and holds a session. A platform without tokens is open
//! to whoever reaches it, and so listens on the machine's own interface alone; a page of another origin cannot reach it
//! there, whatever name it gives it.

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

use crate::config::{PlatformConfig, TokenConfig, TokenSource};
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

/// The tokens of a platform, and what each opens. Without any, every caller is an operator, who has to ask by a name of
/// this machine.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Tokens {
    /// What opens `/tasks/*` alone.
    scheduler: Option<Token>,
    roles: Vec<(Token, Role)>,
    /// Whether the routes that the DMS frontend has for users need none, as there.
    open_user_routes: bool,
}

impl Tokens {
    /// Reads the tokens that a configuration names. `given` opens `/tasks/*`, unless the configuration has a file for that.
    ///
    /// # Errors
    /// If a file cannot be read or a variable is not set, with its name.
    pub fn read(config: &PlatformConfig, given: Option<&Token>) -> Result<Self, TokenError> {
        let scheduler = match &config.token_file {
            Some(path) => Some(read(&TokenSource::File(path.clone()))?),
            None => given.cloned(),
        };
        let roles = config.tokens.iter().map(|TokenConfig { source, role, .. }| Ok((read(source)?, role.clone())));
        Ok(Self { scheduler, roles: roles.collect::<Result<_, _>>()?, open_user_routes: config.open_user_routes })
    }

    /// Adds one.
    pub fn add(&mut self, token: Token, role: Role) {
        self.roles.push((token, role));
    }

    /// Whether everybody who reaches the platform may do everything.
    pub fn is_open(&self) -> bool {
        self.scheduler.is_none() && self.roles.is_empty()
    }

    /// Whether a platform with these tokens may listen here: without any, on this machine alone.
    pub(crate) fn may_listen(&self, address: SocketAddr) -> bool {
        !self.is_open() || address.ip().to_canonical().is_loopback()
    }

    /// Whether a request shows the token that opens `/tasks/*` alone.
    pub(crate) fn is_schedulers(&self, headers: &HeaderMap) -> bool {
        self.scheduler.as_ref().is_some_and(|token| token.is_shown(headers))
    }

    /// Whether the routes that the DMS frontend has for users need no token.
    pub(crate) fn open_user_routes(&self) -> bool {
        self.open_user_routes
    }

    /// What is open to whom: a line for each group of routes.
    pub(crate) fn told(&self) -> Vec<String> {
        if self.is_open() {
            return vec!["open to everybody on this machine: there are no tokens".to_owned()];
        }
        let of_tasks = if self.scheduler.is_some() { "its token, and operators' tokens" } else { "operators' tokens" };
        let of_rest = if self.roles.is_empty() {
            "nobody: there are no tokens for it"
        } else {
            "the tokens of operators and users"
        };
        let mut lines =
            vec![format!("/tasks/* is open to {of_tasks}"), format!("the page and /api are open to {of_rest}")];
        if self.open_user_routes {
            lines.push("/api/v1/services/* is open to everybody: open-user-routes".to_owned());
        }
        lines
    }

    /// What a request's headers open, by the token that they show, or by their session, and the place of that token:
    /// nothing if they show none that is known. Of several, an operator's counts. All tokens are compared, so that the time
    /// it takes does not tell which one is nearest.
    pub(crate) fn shown(&self, headers: &HeaderMap) -> Option<(usize, &Role)> {
        let mut found = None;
        for (place, (token, role)) in self.roles.iter().enumerate() {
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
        for (token, _) in &self.roles {
            if token.is(Some(text.as_bytes())) {
                found = Some(token);
            }
        }
        found
    }
}

impl fmt::Debug for Tokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.roles.iter().map(|(_, role)| role)).finish()
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

fn read(source: &TokenSource) -> Result<Token, TokenError> {
    let token = match source {
        TokenSource::File(path) => Token::read(path),
        TokenSource::Variable(name) => std::env::var(name)
            .ok()
            .and_then(|text| Token::new(&text))
            .ok_or_else(|| io::Error::new(io::ErrorKind::NotFound, "the variable holds no token")),
    };
    token.map_err(|error| TokenError { from: source.clone(), error })
}
