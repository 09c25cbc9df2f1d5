//! Manifests: an error says where it is, and limits that are told can be set again.

use task_state_host::{Limits, LoadLimits, Manifest, ManifestError};
use toml::{Table, Value};

/// Reads the text as a manifest.
pub fn fuzz(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    match Manifest::from_toml(text) {
        Ok(manifest) => {
            limits_can_be_told(&manifest);
            limits_can_be_set(&manifest, text);
        }
        Err(error) => names_its_place(&error, text),
    }
}

/// The limits of a manifest.
fn limits(manifest: &Manifest) -> (&Limits, &LoadLimits) {
    (&manifest.limits, &manifest.load_limits)
}

fn empty() -> Manifest {
    Manifest::from_toml("").unwrap()
}

/// Panics unless the limits, told one by one, can be set one by one, and be written down as a manifest.
fn limits_can_be_told(manifest: &Manifest) {
    let told = manifest.limit_values();
    // What is set by its key is a number of TOML's, and those end earlier.
    if told.iter().any(|(_, value)| value.parse::<i64>().is_err() && value.parse::<u64>().is_ok()) {
        return;
    }
    let mut set = empty();
    for (key, value) in &told {
        set.set_limit(key, value).unwrap_or_else(|error| panic!("{key} was told as {value:?}: {error}"));
    }
    assert_eq!(limits(&set), limits(manifest), "{told:?}");
    let line = |(key, value): &(&str, String)| match value.parse::<u64>() {
        Ok(number) => format!("limits.{key} = {number}\n"),
        Err(_) => format!("limits.{key} = {value:?}\n"),
    };
    let written: String = told.iter().map(line).collect();
    let read = Manifest::from_toml(&written).unwrap_or_else(|error| panic!("{error}: {written}"));
    assert_eq!(limits(&read), limits(manifest), "{written}");
}

/// Panics unless setting each limit by its key gives what the manifest gave.
fn limits_can_be_set(manifest: &Manifest, text: &str) {
    let Ok(table) = text.parse::<Table>() else { return };
    let mut set = empty();
    for (key, value) in table.get("limits").into_iter().flat_map(|limits| leaves("", limits)) {
        set.set_limit(&key, &value).unwrap_or_else(|error| panic!("{key} cannot be set to {value:?}: {error}"));
    }
    assert_eq!(limits(&set), limits(manifest), "{text}");
}

/// The values of a table with their keys from here.
fn leaves(key: &str, value: &Value) -> Vec<(String, String)> {
    let inner = |name: &str| if key.is_empty() { name.to_owned() } else { format!("{key}.{name}") };
    match value {
        Value::Table(table) => table.iter().flat_map(|(name, value)| leaves(&inner(name), value)).collect(),
        Value::String(text) => vec![(key.to_owned(), text.clone())],
        Value::Integer(number) => vec![(key.to_owned(), number.to_string())],
        other => panic!("a limit is neither text nor number: {other:?}"),
    }
}

/// Panics unless an error says what it is about: a key that is there, or a place in the text.
fn names_its_place(error: &ManifestError, text: &str) {
    let message = error.to_string();
    match error {
        ManifestError::Value { key, why } => {
            assert!(message.starts_with(&format!("{key}: invalid {}", why.what)), "{message}");
            let Ok(table) = text.parse::<Table>() else { return };
            let mut path = key.split('.');
            let first = path.next().and_then(|name| table.get(name));
            let named = path.try_fold(first, |value, name| value.map(|value| value.get(name)));
            assert!(matches!(named, Some(Some(_))), "{key} is not there: {message}");
            let mut manifest = empty();
            // A text that is a number would be set as one.
            if let (Some(limit), Some(Some(Value::String(value)))) = (key.strip_prefix("limits."), named)
                && value.parse::<i64>().is_err()
            {
                assert_eq!(manifest.set_limit(limit, value).unwrap_err().to_string(), message);
                assert_eq!(manifest, empty(), "a limit that was refused has set something");
            }
        }
        ManifestError::Toml(error) => {
            assert!(message.contains("TOML parse error at line"), "{message}");
            let place = error.span().unwrap_or_else(|| panic!("no place: {message}"));
            assert!(text.get(place).is_some(), "the place is not in the text: {message}");
        }
        ManifestError::TooDeep => assert!(text.matches(['.', '[', '{']).count() > 50, "{text}"),
        other => panic!("an error that is not known here: {other}"),
    }
}
