//! Directories that a plugin is lent, and the ways out of them.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use task_state_host::StartError;
use task_state_host::plugin::Directory;
use tempfile::TempDir;

use super::*;

/// A directory to lend, with a file in it and links out of it, and a file beside it that none of them may reach.
fn lent() -> (TempDir, PathBuf) {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("lent");
    fs::create_dir_all(path.join("inner")).unwrap();
    fs::write(path.join("file"), "lent").unwrap();
    fs::write(folder.path().join("outside"), "not lent").unwrap();
    symlink(folder.path().join("outside"), path.join("absolute")).unwrap();
    symlink("../outside", path.join("relative")).unwrap();
    symlink("..", path.join("up")).unwrap();
    symlink("file", path.join("within")).unwrap();
    (folder, path)
}

fn grant(path: &Path) -> Directory {
    Directory::new(path, "/lent").unwrap()
}

#[tokio::test]
async fn a_lent_directory_is_read() {
    let (_folder, path) = lent();
    let granted = Capabilities::none().directory(grant(&path));
    let said =
        attempts(granted, &["list /lent", "read /lent/file", "read /lent/within", "read /lent/inner/../file"]).await;
    assert_eq!(said, ["absolute file inner relative up within", "lent", "lent", "lent"]);
}

#[tokio::test]
async fn nothing_leads_out_of_a_lent_directory() {
    let (folder, path) = lent();
    let outside = folder.path().join("outside");
    for granted in [grant(&path), grant(&path).writable()] {
        let lines = [
            format!("read {}", outside.display()),
            "read /lent/../outside".to_owned(),
            "read /lent/inner/../../outside".to_owned(),
            "read /lent/absolute".to_owned(),
            "read /lent/relative".to_owned(),
            "read /lent/up/outside".to_owned(),
            "list /lent/up".to_owned(),
            "list /lent/..".to_owned(),
            "write /lent/absolute".to_owned(),
            "write /lent/relative".to_owned(),
            "write /lent/../new".to_owned(),
            "append /lent/up/outside".to_owned(),
            "rename /lent/file /lent/../taken".to_owned(),
            "hard-link /lent/up/outside /lent/stolen".to_owned(),
            "remove /lent/../outside".to_owned(),
            format!("read /lent/{}", outside.display()),
        ];
        let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
        let said = attempts(Capabilities::none().directory(granted), &lines).await;
        for (line, said) in lines.iter().zip(&said) {
            assert!(said.starts_with("error: "), "{line}: {said}");
        }
        assert_eq!(fs::read_to_string(&outside).unwrap(), "not lent");
        let mut names: Vec<_> = fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        names.sort();
        assert_eq!(names, ["lent", "outside"]);
    }
}

#[tokio::test]
async fn a_directory_is_written_only_where_it_says_so() {
    let (_folder, path) = lent();
    let lines = [
        "write /lent/new",
        "append /lent/file",
        "make /lent/folder",
        "rename /lent/file /lent/renamed",
        "hard-link /lent/within /lent/linked",
        "truncate /lent/new",
        "remove /lent/new",
    ];
    for said in attempts(Capabilities::none().directory(grant(&path)), &lines).await {
        assert!(said.starts_with("error: "), "{said}");
    }
    assert_eq!(fs::read_to_string(path.join("file")).unwrap(), "lent");
    assert_eq!(fs::read_dir(&path).unwrap().count(), 6);

    let said = attempts(Capabilities::none().directory(grant(&path).writable()), &lines).await;
    assert_eq!(said, ["written", "written", "made", "renamed", "linked", "cut", "removed"]);
    assert_eq!(fs::read_to_string(path.join("renamed")).unwrap(), "lentmore");
}

#[tokio::test]
async fn a_run_that_waits_for_a_pipe_in_a_lent_directory_ends_in_time() {
    let (_folder, path) = lent();
    assert!(std::process::Command::new("mkfifo").arg(path.join("pipe")).status().unwrap().success());
    let waits = limited("read /lent/pipe", |limits| limits.wall_clock = Duration::from_millis(500));
    let outcome = reach(&Sandbox::new(), Capabilities::none().directory(grant(&path)), waits).await;
    assert_end(&outcome, Status::Failed, &["wall-clock limit of 500ms exceeded"]).await;
}

#[tokio::test]
async fn a_directory_that_cannot_be_lent_is_named_before_the_task_is_touched() {
    let (folder, path) = lent();
    let sandbox = Sandbox::new();
    for missing in [folder.path().join("missing"), path.join("file")] {
        let loading = LoadRequest::new(Grants::none())
            .capabilities(Capabilities::none().directory(Directory::new(&missing, "/lent").unwrap()));
        let plugin = sandbox.host.load_file(guest("reach"), loading).await.unwrap();
        let error = plugin.run(request_for("1", "")).await.unwrap_err();
        assert!(matches!(&error, StartError::Directory { path, .. } if *path == missing), "{error}");
        assert!(error.to_string().contains(missing.to_str().unwrap()), "{error}");
        assert!(sandbox.store.get(&task_id("1"), &Access::ANY).await.is_err());
    }
}
