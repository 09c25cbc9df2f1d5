//! Environment variables that a plugin is given.

use std::str::FromStr;

use crate::record::InvalidValue;

/// An environment variable and its value, which is no secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Variable {
    pub(super) name: String,
    pub(super) value: String,
}

impl Variable {
    /// A variable of the guest's environment.
    ///
    /// # Errors
    /// [`InvalidValue`] if the name is empty or holds `=` or a control character, or the value holds a NUL.
    pub fn new(name: impl Into<String>, value: impl Into<String>) -> Result<Self, InvalidValue> {
        let (name, value) = (checked_name(name.into())?, value.into());
        if value.contains('\0') {
            return Err(InvalidValue::new("environment variable", &name, "its value holds a NUL"));
        }
        Ok(Self { name, value })
    }
}

/// The name of a variable, if it can be one.
pub(super) fn checked_name(name: String) -> Result<String, InvalidValue> {
    if name.is_empty() || name.contains('=') || name.contains(char::is_control) {
        let why = "the name of an environment variable is not empty, and has no '=' and no control characters";
        return Err(InvalidValue::new("environment variable", &name, why));
    }
    Ok(name)
}

/// Reads `NAME=VALUE`.
impl FromStr for Variable {
    type Err = InvalidValue;

    fn from_str(text: &str) -> Result<Self, InvalidValue> {
        match text.split_once('=') {
            Some((name, value)) => Self::new(name, value),
            None => Err(InvalidValue::new("environment variable", text, "it has the form NAME=VALUE")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_variable_is_a_name_and_any_value() {
        assert_eq!("A=b=c".parse(), Variable::new("A", "b=c"));
        assert_eq!("A=".parse(), Variable::new("A", ""));
        for text in ["", "A", "=b", "A\n=b", "A=\0"] {
            let error = text.parse::<Variable>().unwrap_err().to_string();
            assert!(error.starts_with("invalid environment variable "), "{error}");
        }
    }
}
