//! A token that callers show, and the ways in which they show it.

use std::fmt;
use std::io;
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::HeaderMap;
use http::header::AUTHORIZATION;
use subtle::ConstantTimeEq as _;

/// A token. It is shown nowhere.
#[derive(Clone, PartialEq, Eq)]
pub struct Token(String);

impl Token {
    /// The token that a file holds, without white space around it.
    ///
    /// # Errors
    /// If the file cannot be read or holds none.
    pub fn read(path: &Path) -> io::Result<Self> {
        Self::new(&std::fs::read_to_string(path)?)
            .ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "it holds no token"))
    }

    /// A token, without white space around it. None if nothing is left.
    pub fn new(text: &str) -> Option<Self> {
        Some(text.trim()).filter(|text| !text.is_empty()).map(|text| Self(text.to_owned()))
    }

    /// Whether a request shows it: `Authorization: Bearer TOKEN`, or the password of `Basic`, as a client sends it
    /// whose URL is `http://user:TOKEN@host`. What is compared takes as long whatever is wrong with it.
    pub(crate) fn is_shown(&self, headers: &HeaderMap) -> bool {
        let shown = headers.get(AUTHORIZATION).and_then(|value| shown(value.as_bytes()));
        self.is(shown.as_deref())
    }

    /// Whether it is this text.
    pub(crate) fn is(&self, text: Option<&[u8]>) -> bool {
        text.is_some_and(|text| text.ct_eq(self.0.as_bytes()).into())
    }

    /// Its bytes, to prove that one knows it.
    pub(crate) fn secret(&self) -> &[u8] {
        self.0.as_bytes()
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(..)")
    }
}

fn shown(value: &[u8]) -> Option<Vec<u8>> {
    let space = value.iter().position(|byte| *byte == b' ')?;
    let (scheme, rest) = (&value[..space], value[space..].trim_ascii());
    if scheme.eq_ignore_ascii_case(b"bearer") {
        return Some(rest.to_vec());
    }
    let login = STANDARD.decode(rest).ok().filter(|_| scheme.eq_ignore_ascii_case(b"basic"))?;
    let colon = login.iter().position(|byte| *byte == b':')?;
    Some(login[colon + 1..].to_vec())
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    #[test]
    fn a_token_is_shown_by_itself_or_as_a_password() {
        let token = Token::new(" t0ken\n").unwrap();
        let is_shown = |value: &str| {
            token.is_shown(&HeaderMap::from_iter([(AUTHORIZATION, HeaderValue::from_str(value).unwrap())]))
        };
        let basic = |login: &str| format!("Basic {}", STANDARD.encode(login));
        for shown in ["Bearer t0ken".to_owned(), "bearer  t0ken".to_owned(), basic("anyone:t0ken"), basic(":t0ken")] {
            assert!(is_shown(&shown), "{shown}");
        }
        for other in ["t0ken", "Bearer", "Bearer t0ke", "Bearer t0kens", "Basic t0ken", "Basic !", "Digest t0ken"] {
            assert!(!is_shown(other), "{other}");
        }
        assert!(!is_shown(&basic("t0ken")) && !is_shown(&basic("t0ken:x")) && !token.is_shown(&HeaderMap::new()));
    }

    #[test]
    fn a_token_is_never_printed_and_never_empty() {
        assert_eq!(format!("{:?}", Token::new("t0ken").unwrap()), "Token(..)");
        assert!(Token::new(" \n").is_none());
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("token");
        assert!(Token::read(&file).is_err());
        std::fs::write(&file, "\n").unwrap();
        assert_eq!(Token::read(&file).unwrap_err().to_string(), "it holds no token");
        std::fs::write(&file, "t0ken\n").unwrap();
        assert_eq!(Token::read(&file).unwrap(), Token::new("t0ken").unwrap());
    }
}
