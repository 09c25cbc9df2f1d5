//! The container file.

use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};
use task_state_tests::command::{Running, Shell, Signal, finish, program};
use task_state_tests::port;
use task_state_tests::redis_server::RedisServer;
use task_state_tests::tasks::Status;
use task_state_tests::wait::eventually;

use super::files::{Platform, find, root, text};
use crate::fixture::{Request, Serving, Task, plugin};

/// What a container file says.
pub(super) struct Image {
    /// The instructions with what follows them, each on one line.
    instructions: Vec<(String, String)>,
}

impl Image {
    pub(super) fn read() -> Result<Self> {
        let text = text("Containerfile")?;
        let lines: Vec<&str> = text.lines().filter(|line| !line.starts_with('#') && !line.is_empty()).collect();
        let joined = lines.join("\n").replace("\\\n", " ");
        let instructions = joined.lines().filter_map(|line| line.split_once(' '));
        Ok(Self { instructions: instructions.map(|(name, rest)| (name.to_owned(), rest.trim().to_owned())).collect() })
    }

    fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.instructions.iter().filter(move |(other, _)| other == name).map(|(_, rest)| &**rest)
    }

    /// The last of these instructions: that of the image itself.
    pub(super) fn last<'a>(&'a self, name: &'a str) -> Result<&'a str> {
        self.all(name).last().with_context(|| format!("no {name}"))
    }

    /// A list of words in JSON.
    pub(super) fn words(&self, name: &str) -> Result<Vec<String>> {
        let rest = self.last(name)?;
        let list = rest.find('[').and_then(|start| rest.get(start..)).context("it is no list")?;
        Ok(serde_json::from_str(list)?)
    }

    /// The user and group that it runs as.
    pub(super) fn user(&self) -> Result<(u32, u32)> {
        let (user, group) = self.last("USER")?.split_once(':').context("no group")?;
        Ok((user.parse()?, group.parse()?))
    }

    /// The variables that it sets.
    pub(super) fn variables(&self) -> Result<Vec<(&str, &str)>> {
        self.last("ENV")?.split_whitespace().map(|pair| pair.split_once('=').context("no value")).collect()
    }

    /// What it is called with: the arguments of the command.
    pub(super) fn arguments(&self) -> Result<Vec<String>> {
        ensure!(self.words("ENTRYPOINT")? == ["task-state"]);
        self.words("CMD")
    }
}

#[test]
fn the_image_is_built_of_what_is_there() -> Result<()> {
    let image = Image::read()?;
    let install = image.all("RUN").find_map(|run| run.strip_prefix("cargo install --path ")).context("no build")?;
    let (package, options) = install.split_once(' ').context("no options")?;
    assert!(options.contains("--locked"), "{options}");
    let manifest: toml::Table = toml::from_str(&std::fs::read_to_string(root().join(package).join("Cargo.toml"))?)?;
    let binary = manifest["bin"].as_array().and_then(|bins| bins[0]["name"].as_str()).context("no program")?;
    assert_eq!(image.last("COPY")?, format!("--from=build /installed/bin/{binary} /usr/local/bin/{binary}"));

    let workspace: toml::Table = toml::from_str(&std::fs::read_to_string(root().join("Cargo.toml"))?)?;
    let version = workspace["workspace"]["package"]["rust-version"].as_str().context("no version")?;
    let (rust, debian) = image.all("FROM").next().and_then(|from| from.split_once("-slim-")).context("no compiler")?;
    assert!(rust.ends_with(&format!("/rust:{version}")), "{rust}");
    // The C library that it was built with is the one that it runs with.
    assert_eq!(image.last("FROM")?, format!("docker.io/library/debian:{}-slim", debian.trim_end_matches(" AS build")));

    // Nothing that the repository holds is left out but its history.
    let ignored = text("Containerfile.dockerignore")?;
    let tracked = Command::new("git").arg("ls-files").current_dir(root()).output()?;
    ensure!(tracked.status.success(), "{tracked:?}");
    for pattern in ignored.lines().filter_map(|line| line.strip_prefix("**/")) {
        let found = String::from_utf8(tracked.stdout.clone())?;
        assert!(!found.lines().any(|path| path.split('/').any(|part| part == pattern)), "{pattern}");
    }
    Ok(())
}

#[test]
fn the_image_runs_as_nobody_in_particular_and_calls_the_command_as_it_is() -> Result<()> {
    let image = Image::read()?;
    assert!(image.user()?.0 > 0 && image.user()?.1 > 0);
    let shell = Shell::new()?;
    let config = Platform::read("kubernetes/platform.toml")?.here(shell.directory())?;
    std::fs::write(shell.directory().join("platform.toml"), config)?;
    let arguments = image.arguments()?;
    assert!(arguments.contains(&"/etc/task-state/platform.toml".to_owned()), "{arguments:?}");
    let here = arguments.iter().map(|word| word.trim_start_matches("/etc/task-state/"));
    let finished = shell.run(here.chain(["--check"]))?;
    assert_eq!(finished.code, Some(0), "{finished:?}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_health_check_of_the_image_fails_while_the_store_is_away() -> Result<()> {
    let mut redis = RedisServer::start().await?;
    let serving = Serving::start(Shell::at(redis.url())?, &plugin("'analytics'", "")).await?;
    let words = Image::read()?.words("HEALTHCHECK")?;
    let ask = async |port: u16| -> Result<_> {
        let here: Vec<String> = words.iter().map(|word| word.replace("9000", &port.to_string())).collect();
        ensure!(here != words);
        tokio::task::spawn_blocking(move || {
            Ok(Command::new(&here[0]).args(&here[1..]).stderr(Stdio::null()).status()?)
        })
        .await?
    };
    assert!(ask(serving.address.port()).await?.success());
    assert!(!ask(port::free()?).await?.success());
    redis.kill();
    assert!(!ask(serving.address.port()).await?.success());
    Ok(())
}

/// A root file system such as the image has: the command, the libraries that it names, its configuration, its plugins.
/// What the command writes to is mounted over; all else is read-only.
struct Root {
    folder: tempfile::TempDir,
}

impl Root {
    fn build(platform: &Platform, listen: &str) -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let at = |path: &str| folder.path().join(path.trim_start_matches('/'));
        for path in ["proc", "etc/task-state", "plugins", "run/task-state", "usr/local/bin", "var/lib"] {
            std::fs::create_dir_all(at(path))?;
        }
        let copy = |from: &Path, to: &str| -> Result<()> {
            std::fs::create_dir_all(at(to).parent().context("no folder")?)?;
            std::fs::copy(from, at(to)).with_context(|| format!("{from:?}"))?;
            Ok(())
        };
        copy(program(), "usr/local/bin/task-state")?;
        let libraries = Command::new("ldd").arg(program()).output()?;
        for word in String::from_utf8(libraries.stdout)?.split_whitespace().filter(|word| word.starts_with('/')) {
            copy(Path::new(word), word)?;
        }
        let text = platform.here(folder.path())?;
        std::fs::write(at("etc/task-state/platform.toml"), format!("listen = '{listen}'\n{text}"))?;
        std::fs::rename(at("operator.token"), at("etc/task-state/operator.token"))?;
        // The plugins have the paths inside that they have outside.
        let built = task_state_tests::guests::guest("quickstart").parent().context("no folder")?;
        for name in ["quickstart.wasm", "csv_profile.wasm"] {
            copy(&built.join(name), &built.join(name).display().to_string())?;
        }
        set_readable(folder.path())?;
        Ok(Self { folder })
    }

    /// The command in there, as the image's user, with the image's variables and no others. It may write to the folders of
    /// the image's volumes.
    fn command(&self, image: &Image, variables: &[(&str, &str)]) -> Result<Command> {
        let (user, group) = image.user()?;
        let mut script = String::from("mount --bind \"$1\" \"$1\"\n");
        for volume in image.words("VOLUME")? {
            std::fs::create_dir_all(self.folder.path().join(volume.trim_start_matches('/')))?;
            script.push_str(&format!("mount -t tmpfs -o mode=0700,uid={user},gid={group} none \"$1{volume}\"\n"));
        }
        script.push_str("mount -o remount,bind,ro \"$1\"\nmount -t proc none \"$1/proc\"\n");
        let pairs = image.variables()?.into_iter().chain(variables.iter().copied());
        let variables: Vec<String> = pairs.map(|(name, value)| format!("{name}={value}")).collect();
        let chroot = find("chroot").context("there is no chroot")?.display().to_string();
        script.push_str(&format!(
            "root=$1\nshift\nexec env -i \"$@\" {chroot} --userspec={user}:{group} --groups= \"$root\" "
        ));
        script.push_str("/usr/local/bin/task-state ");
        let arguments = image.arguments()?;
        script.push_str(&arguments.join(" "));
        let mut command = Command::new("unshare");
        command.args(["--mount", "sh", "-ec"]);
        command.arg(script).arg("sh").arg(self.folder.path()).args(variables);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        Ok(command)
    }
}

/// Lets everybody read what is in a folder.
fn set_readable(folder: &Path) -> Result<()> {
    let finished = finish(Command::new("chmod").args(["-R", "a+rX"]).arg(folder))?;
    ensure!(finished.code == Some(0), "{finished:?}");
    Ok(())
}

/// Whether this is root, who alone may make a root file system.
fn is_root() -> Result<bool> {
    Ok(finish(Command::new("id").arg("-u").stdout(Stdio::piped()))?.stdout.trim() == "0")
}

#[tokio::test(flavor = "multi_thread")]
async fn the_command_needs_nothing_but_its_libraries_its_files_and_the_volumes_of_the_image() -> Result<()> {
    if !is_root()? {
        writeln!(std::io::stderr(), "SKIPPED: only root may make a root file system of its own")?;
        return Ok(());
    }
    let redis = RedisServer::start().await?;
    let platform = Platform::read("kubernetes/platform.toml")?;
    let address = format!("127.0.0.1:{}", port::free()?);
    let root = Root::build(&platform, &address)?;
    let url = redis.url();
    let mut command = root.command(&Image::read()?, &[("DMS_REDIS_WRITE_URL", &url)])?;
    let running = tokio::task::spawn_blocking(move || -> Result<_> {
        let mut running = Running::start(&mut command)?;
        running.wait_for("listening at ")?;
        Ok(running)
    })
    .await??;
    let shell = Shell::at(redis.url())?;
    shell.done(["save", "t", "--service", "analytics", "--user", "alice"])?;
    let mut task = Task::to("t", "");
    task.parameters = serde_json::json!({});
    let submission = Request::post("/tasks/task", &task.submission()).header("authorization", "Bearer operators-t0ken");
    let answer = submission.send(address.parse()?).await?;
    assert_eq!(answer.status, 202, "{answer:?}");
    eventually("the task has run", async || {
        let status = shell.run(["get", "t", "--output", "json"]).and_then(|got| got.json());
        status.is_ok_and(|record| record["status"] == Status::Completed.as_str())
    })
    .await;
    running.signal(Signal::TERM)?;
    let finished = tokio::task::spawn_blocking(move || running.finish()).await??;
    assert_eq!(finished.code, Some(0), "{finished:?}");
    for complaint in ["ERROR", "WARN"] {
        assert!(!finished.stderr.contains(complaint), "{finished:?}");
    }
    Ok(())
}
