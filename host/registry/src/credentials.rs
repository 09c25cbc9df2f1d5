//! Credentials for a registry, from the files in which `docker login` and `podman login` leave them, and from the helpers
//! that those files name.

use std::collections::HashMap;
use std::ffi::OsString;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::time::Duration;

use docker_credential::{CredentialRetrievalError, DockerCredential, get_credential_from_reader};
use serde::Deserialize;
use serde::de::IgnoredAny;

use crate::Reference;
use crate::error::Why;

/// How long a helper may take: it may have to ask a keychain.
const HELPER_TIME: Duration = Duration::from_secs(30);

const NOT_JSON: &str = "it is not JSON as `docker login` writes it";

/// What is shown to a registry. It is not to be printed: it has no `Debug`.
pub(crate) enum Credential {
    Password {
        user: String,
        password: String,
    },
    /// What a server of tokens takes instead of a password.
    Identity(String),
}

/// A credential, and the file that it is from.
pub(crate) struct Found {
    pub(crate) credential: Credential,
    pub(crate) file: PathBuf,
}

/// The files that may hold credentials. The first of them that has some for a registry counts.
#[derive(Debug, Clone, Default)]
pub(crate) struct Files {
    paths: Vec<PathBuf>,
    /// Whether somebody has named them: then each is to be there for us to read, or not at all.
    are_named: bool,
}

impl Files {
    /// What `REGISTRY_AUTH_FILE` names, and nothing else; or else Podman's files, and then Docker's.
    pub(crate) fn by_variables(variable: impl Fn(&str) -> Option<OsString>) -> Self {
        let path = |name: &str| variable(name).filter(|value| !value.is_empty()).map(PathBuf::from);
        if let Some(file) = path("REGISTRY_AUTH_FILE") {
            return Self { paths: vec![file], are_named: true };
        }
        let home = path("HOME");
        let in_home = |folder: &str| home.as_ref().map(|home| home.join(folder));
        let files = [
            path("XDG_RUNTIME_DIR").map(|directory| directory.join("containers/auth.json")),
            path("XDG_CONFIG_HOME")
                .or_else(|| in_home(".config"))
                .map(|directory| directory.join("containers/auth.json")),
            path("DOCKER_CONFIG").or_else(|| in_home(".docker")).map(|directory| directory.join("config.json")),
        ];
        Self { paths: files.into_iter().flatten().collect(), are_named: false }
    }

    /// All of them, for a message.
    pub(crate) fn names(&self) -> String {
        let names: Vec<String> = self.paths.iter().map(|file| file.display().to_string()).collect();
        if names.is_empty() { "no file".to_owned() } else { names.join(" or ") }
    }

    /// What there is for the registry of an artifact; none if there is nothing.
    pub(crate) async fn find(&self, reference: &Reference) -> Result<Option<Found>, Why> {
        let (files, names) = (self.clone(), Names::of(reference));
        // A helper cannot be interrupted: one that hangs keeps its thread, and nobody waits for that.
        let look = tokio::task::spawn_blocking(move || look(&files, &names));
        match tokio::time::timeout(HELPER_TIME, look).await {
            Ok(found) => found.unwrap_or_else(|_| Err(Why::Credentials("reading them broke".to_owned()))),
            Err(_) => Err(Why::Credentials(format!("a credential helper has not answered within {HELPER_TIME:?}"))),
        }
    }
}

/// The names under which credentials for an artifact may be written down.
struct Names {
    /// Those that files alone know, the most telling first: Podman has them for a part of a registry.
    of_files: Vec<String>,
    /// The one that a helper is asked for.
    of_helpers: String,
}

impl Names {
    fn of(reference: &Reference) -> Self {
        let mut of_files = Vec::new();
        let mut path = format!("{}/{}", reference.registry(), reference.repository());
        while let Some((shorter, _)) = path.rsplit_once('/') {
            of_files.push(path.clone());
            path = shorter.to_owned();
        }
        if reference.registry() != "docker.io" {
            return Self { of_files, of_helpers: path };
        }
        of_files.extend(["docker.io", "index.docker.io"].map(str::to_owned));
        Self { of_files, of_helpers: "https://index.docker.io/v1/".to_owned() }
    }
}

fn look(files: &Files, names: &Names) -> Result<Option<Found>, Why> {
    for file in &files.paths {
        let found = look_into(file, files.are_named, names);
        let found = found.map_err(|why| Why::Credentials(format!("{}: {why}", file.display())))?;
        if let Some(credential) = found {
            return Ok(Some(Found { credential, file: file.clone() }));
        }
    }
    Ok(None)
}

fn look_into(path: &Path, is_named: bool, names: &Names) -> Result<Option<Credential>, String> {
    #[derive(Deserialize)]
    struct Known {
        #[serde(default)]
        auths: HashMap<String, IgnoredAny>,
    }

    let text = match std::fs::read(path) {
        Ok(text) => text,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        // A service may not look into its home, or has none.
        Err(error) if !is_named && matches!(error.kind(), ErrorKind::PermissionDenied | ErrorKind::NotADirectory) => {
            tracing::debug!(%error, ?path, "no credentials are looked for there");
            return Ok(None);
        }
        Err(error) => return Err(error.to_string()),
    };
    let known: Known = serde_json::from_slice(&text).map_err(|_| NOT_JSON.to_owned())?;
    let in_file = names.of_files.iter().filter(|name| known.auths.contains_key(*name));
    for server in in_file.chain([&names.of_helpers]) {
        if let Some(credential) = ask(&text, server)? {
            return Ok(Some(credential));
        }
    }
    Ok(None)
}

/// Asks one file, or the helper that it names. What a helper says is not shown, for it may be a secret.
fn ask(text: &[u8], server: &str) -> Result<Option<Credential>, String> {
    use CredentialRetrievalError as No;
    match get_credential_from_reader(text, server) {
        Ok(DockerCredential::UsernamePassword(user, password)) => Ok(Some(Credential::Password { user, password })),
        Ok(DockerCredential::IdentityToken(token)) => Ok(Some(Credential::Identity(token))),
        Err(No::NoCredentialConfigured) => Ok(None),
        // The words that the helpers of Docker have for it.
        Err(No::HelperFailure { stdout, .. }) if stdout.contains("credentials not found") => Ok(None),
        Err(No::HelperFailure { helper, .. }) => Err(format!("the credential helper `{helper}` failed for {server}")),
        Err(No::HelperCommunicationError) => {
            Err("the credential helper that it names cannot be run, or asked".to_owned())
        }
        Err(No::MalformedHelperResponse) => {
            Err("the credential helper that it names answers something else".to_owned())
        }
        Err(No::CredentialDecodingError) => Err(format!("what it has for {server} is not USER:PASSWORD in Base64")),
        Err(No::CredentialMismatchError) => Err(format!("what it has for {server} contradicts itself")),
        Err(No::ConfigNotFound | No::ConfigReadError) => Err(NOT_JSON.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(variables: &[(&str, &str)]) -> String {
        let find = |name: &str| variables.iter().find(|(known, _)| *known == name).map(|(_, value)| value.into());
        Files::by_variables(find).names()
    }

    #[test]
    fn the_usual_files_are_looked_into() {
        let home = ("HOME", "/h");
        assert_eq!(names(&[home]), "/h/.config/containers/auth.json or /h/.docker/config.json");
        assert_eq!(
            names(&[home, ("XDG_RUNTIME_DIR", "/run/1"), ("XDG_CONFIG_HOME", ""), ("DOCKER_CONFIG", "/d")]),
            "/run/1/containers/auth.json or /h/.config/containers/auth.json or /d/config.json"
        );
        assert_eq!(names(&[home, ("REGISTRY_AUTH_FILE", "/a.json")]), "/a.json");
        assert_eq!(names(&[]), "no file");
    }

    fn found(text: &str, reference: &str) -> Result<Option<String>, String> {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("config.json");
        std::fs::write(&path, text).unwrap();
        // The first has no directory that it could be in.
        let paths = vec![path.join("auth.json"), directory.path().join("missing.json"), path];
        match look(&Files { paths, are_named: false }, &Names::of(&reference.parse().unwrap())) {
            Ok(Some(Found { credential: Credential::Password { user, password }, .. })) => {
                Ok(Some(format!("{user}:{password}")))
            }
            Ok(Some(Found { credential: Credential::Identity(token), .. })) => Ok(Some(token)),
            Ok(None) => Ok(None),
            Err(error) => Err(error.to_string()),
        }
    }

    #[test]
    fn a_file_that_was_named_is_to_be_one_that_can_be_read() {
        let directory = tempfile::tempdir().unwrap();
        let within = directory.path().join("file");
        std::fs::write(&within, "").unwrap();
        let files = Files { paths: vec![within.join("auth.json")], are_named: true };
        let said = look(&files, &Names::of(&"oci://r/a".parse().unwrap())).err().unwrap().to_string();
        assert!(said.contains("auth.json: "), "{said}");
    }

    #[test]
    fn what_is_for_the_repository_comes_before_what_is_for_the_registry() {
        // a:1, b:2 and c:3
        let text =
            r#"{"auths": {"r:5/team/app": {"auth": "YTox"}, "r:5/team": {"auth": "Yjoy"}, "r:5": {"auth": "Yzoz"}}}"#;
        for (reference, said) in [
            ("oci://r:5/team/app:1", Some("a:1")),
            ("oci://r:5/team/other", Some("b:2")),
            ("oci://r:5/teams", Some("c:3")),
            ("oci://r/team/app", None),
        ] {
            assert_eq!(found(text, reference), Ok(said.map(str::to_owned)), "{reference}");
        }
    }

    #[test]
    fn credentials_are_found_under_the_names_that_files_have_for_a_registry() {
        for key in ["https://r.example/", "http://r.example", "r.example"] {
            let text = format!(r#"{{"auths": {{"{key}": {{"auth": "YTox"}}}}}}"#);
            assert_eq!(found(&text, "oci://r.example/app"), Ok(Some("a:1".to_owned())), "{key}");
        }
        let hub = r#"{"auths": {"https://index.docker.io/v1/": {"auth": "YTox"}}}"#;
        assert_eq!(found(hub, "oci://docker.io/a/b"), Ok(Some("a:1".to_owned())));
        let identity = r#"{"auths": {"r": {"auth": "YTox", "identitytoken": "token"}}}"#;
        assert_eq!(found(identity, "oci://r/a"), Ok(Some("token".to_owned())));
    }

    #[test]
    fn a_file_that_cannot_be_used_is_named_and_its_secrets_are_not_shown() {
        for (text, why) in [
            ("hunter2", "it is not JSON"),
            (r#"{"auths": {"r": {"auth": "hunter2!"}}}"#, "is not USER:PASSWORD"),
            (r#"{"auths": {"r": {"auth": "YTox", "username": "a", "password": "hunter2"}}}"#, "contradicts itself"),
            (r#"{"credsStore": "hunter2-is-no-helper"}"#, "cannot be run"),
        ] {
            let error = found(text, "oci://r/a").unwrap_err();
            assert!(error.contains("config.json: ") && error.contains(why) && !error.contains("hunter2"), "{error}");
        }
    }
}
