//! The page at `/`: HTML, style sheets and modules, served as they lie in this folder.
//!
//! There is no build step and nothing from elsewhere: what the browser runs is what is read here. Where to begin is
//! `main.js`. The page needs no token, it shows nothing by itself: all that it tells it asks of `/api/v2`, which does.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use axum::Router;
use axum::extract::Path;
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use http::{HeaderMap, StatusCode, header};

use super::answer;

/// The files, each with its name below `/page/`.
macro_rules! files {
    ($($name:literal),+ $(,)?) => { [$(($name, include_str!($name))),+] };
}

const INDEX: &str = "index.html";

const FILES: [(&str, &str); 53] = files![
    "index.html",
    "icon.svg",
    "theme.js",
    "main.js",
    "actions.js",
    "api.js",
    "dom.js",
    "event-parser.js",
    "icons.js",
    "ids.js",
    "live.js",
    "pauses.js",
    "router.js",
    "session.js",
    "statuses.js",
    "times.js",
    "css/tokens.css",
    "css/base.css",
    "css/controls.css",
    "css/frame.css",
    "css/dialogs.css",
    "css/parts.css",
    "css/figures.css",
    "css/tables.css",
    "css/log.css",
    "css/views.css",
    "parts/bulk.js",
    "parts/chart.js",
    "parts/copy.js",
    "parts/dialog.js",
    "parts/filters.js",
    "parts/live-mark.js",
    "parts/log-model.js",
    "parts/log-search.js",
    "parts/log-window.js",
    "parts/log.js",
    "parts/pauses.js",
    "parts/progress.js",
    "parts/services-table.js",
    "parts/shortcuts.js",
    "parts/states.js",
    "parts/status.js",
    "parts/task-actions.js",
    "parts/task-table.js",
    "parts/theme-switch.js",
    "parts/timeline.js",
    "parts/toasts.js",
    "views/hosts.js",
    "views/login.js",
    "views/overview.js",
    "views/submit.js",
    "views/task.js",
    "views/tasks.js",
];

/// The routes of the page.
pub(super) fn routes<S: Clone + Send + Sync + 'static>() -> Router<S> {
    Router::new()
        .route("/", get(async |headers: HeaderMap| file(INDEX, &headers)))
        .route("/page/{*name}", get(async |Path(name): Path<String>, headers: HeaderMap| file(&name, &headers)))
}

/// A file, or that the caller has it already.
fn file(name: &str, asked: &HeaderMap) -> Response {
    let Some((_, text)) = FILES.into_iter().find(|(file, _)| *file == name) else {
        return answer::detail(StatusCode::NOT_FOUND, "Not Found");
    };
    let tag = tag(text);
    // Another version of the platform has other files under the same names: a browser asks each time whether they changed.
    let about = [(header::ETAG, tag.as_str()), (header::CACHE_CONTROL, "no-cache")];
    if is_known(asked, &tag) {
        return (StatusCode::NOT_MODIFIED, about).into_response();
    }
    let mut response = (about, text).into_response();
    response.headers_mut().insert(header::CONTENT_TYPE, http::HeaderValue::from_static(media_type(name)));
    response
}

/// A name for this text, which another text does not have.
fn tag(text: &str) -> String {
    let mut hasher = DefaultHasher::new();
    text.hash(&mut hasher);
    format!("\"{:016x}\"", hasher.finish())
}

/// Whether the caller says that he has what goes by this tag.
fn is_known(asked: &HeaderMap, tag: &str) -> bool {
    let named = asked.get_all(header::IF_NONE_MATCH).into_iter().filter_map(|value| value.to_str().ok());
    named.flat_map(|value| value.split(',')).any(|one| {
        let one = one.trim();
        one == "*" || one.strip_prefix("W/").unwrap_or(one) == tag
    })
}

fn media_type(name: &str) -> &'static str {
    match name.rsplit_once('.') {
        Some((_, "html")) => "text/html; charset=utf-8",
        Some((_, "js")) => "text/javascript; charset=utf-8",
        Some((_, "css")) => "text/css; charset=utf-8",
        Some((_, "svg")) => "image/svg+xml",
        _ => "text/plain; charset=utf-8",
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::path::Path;

    use super::*;

    #[test]
    fn every_file_of_the_folder_is_served() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/http/page");
        let served: BTreeSet<String> = FILES.into_iter().map(|(name, _)| name.to_owned()).collect();
        assert_eq!(served.len(), FILES.len(), "one is named twice");
        assert_eq!(served, there(&folder, ""));
    }

    /// The files below a folder but those of Rust, each with its path.
    fn there(folder: &Path, before: &str) -> BTreeSet<String> {
        let mut files = BTreeSet::new();
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let name = format!("{before}{}", path.file_name().unwrap().to_str().unwrap());
            if path.is_dir() {
                files.extend(there(&path, &format!("{name}/")));
            } else if !name.ends_with(".rs") {
                files.insert(name);
            }
        }
        files
    }

    /// The policy that the page is served with forbids them, and a browser would leave them out without a word.
    #[test]
    fn no_script_and_no_style_is_inline() {
        let (_, index) = FILES[0];
        assert!(!index.contains("style="), "a style is inline");
        assert!(!index.contains("<style"), "a style is inline");
        for script in index.split("<script").skip(1) {
            assert!(script.split('>').next().is_some_and(|tag| tag.contains("src=")), "a script is inline: {script}");
        }
        assert!(!index.contains(" on"), "a handler is inline");
    }

    #[test]
    fn what_others_wrote_cannot_become_markup() {
        let ways =
            ["innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "DOMParser", "eval(", "new Function"];
        for (name, text) in FILES {
            for way in ways {
                assert!(!text.contains(way), "{name} has {way}");
            }
        }
    }

    #[test]
    fn a_file_that_has_not_changed_is_not_sent_again() {
        let first = file(INDEX, &HeaderMap::new());
        assert_eq!(first.status(), StatusCode::OK);
        let tag = first.headers()[header::ETAG].clone();
        for named in
            [tag.to_str().unwrap().to_owned(), format!("\"other\", W/{}", tag.to_str().unwrap()), "*".to_owned()]
        {
            let asked = HeaderMap::from_iter([(header::IF_NONE_MATCH, named.parse().unwrap())]);
            assert_eq!(file(INDEX, &asked).status(), StatusCode::NOT_MODIFIED, "{named}");
        }
        let asked = HeaderMap::from_iter([(header::IF_NONE_MATCH, "\"other\"".parse().unwrap())]);
        assert_eq!(file(INDEX, &asked).status(), StatusCode::OK);
    }

    #[test]
    fn a_file_that_is_not_there_is_not_found() {
        for name in ["", "none.js", "../mod.rs", "mod.rs", "css/", "css/../main.js"] {
            assert_eq!(file(name, &HeaderMap::new()).status(), StatusCode::NOT_FOUND, "{name}");
        }
    }
}
