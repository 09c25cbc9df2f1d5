//! Components that a compiler would take minutes or all memory for, and files that have no end.

use std::path::PathBuf;
use std::time::Duration;

use task_state_host::{CompilerProcess, LoadError, LoadLimits, LoadRequest, Sha256};
use task_state_tests::bombs;
use task_state_tests::command::program;

use super::*;

/// Limits of which all that is counted in the component itself is without end.
fn unbounded() -> LoadLimits {
    let mut limits = LoadLimits::default();
    let LoadLimits { nesting, definitions, instances, functions, type_size, function_bytes, locals, .. } = &mut limits;
    for limit in [nesting, definitions, instances, functions, type_size, function_bytes, locals] {
        *limit = u64::MAX;
    }
    (limits.block_nesting, limits.flow) = (u64::MAX, u64::MAX);
    limits
}

/// The command, as the compiler of another host.
fn compiler() -> CompilerProcess {
    CompilerProcess::new(program()).arg("compile-component")
}

/// A shell as a compiler.
fn shell(script: &str) -> CompilerProcess {
    CompilerProcess::new("sh").arg("-c").arg(script)
}

async fn refusal(sandbox: &Sandbox, component: &[u8]) -> LoadError {
    soon("a refusal", sandbox.host.load(component, Grants::none())).await.unwrap_err()
}

/// A plugin that no host has loaded before.
fn new_plugin() -> Vec<u8> {
    let name = tempfile::tempdir().unwrap();
    bombs::renamed(&std::fs::read(guest("report")).unwrap(), &name.path().display().to_string())
}

#[tokio::test]
async fn what_would_take_a_compiler_too_long_is_refused_before_one_sees_it() {
    let with_process = Sandbox::with(|builder| builder.compile_with(compiler()));
    let without = Sandbox::new();
    for (bomb, said) in [
        (bombs::doubling(30), "instance limit of 1000 exceeded: it has 3221225471"),
        (bombs::doubling(200), "instance limit of 1000 exceeded: it has more than can be counted"),
        (bombs::nested(20_000), "component nesting limit of 32 exceeded"),
        (bombs::nested_types(1_000_000), "component nesting limit of 32 exceeded"),
        (bombs::chained_types(50), "component nesting limit of 32 exceeded"),
        (bombs::chained_types(1_000), "its types hold one another deeper than can be checked"),
        (bombs::large_type(16), "type size limit of"),
        (bombs::many_functions(100_000), "function limit of 80000 exceeded: it has 100000"),
        (bombs::many_types(1_000_000), "definition limit of 200000 exceeded: it has 1000000"),
        (bombs::loops(1_500, 4_000), "control flow limit of"),
        (bombs::many_branches(500_000, 1_000), "control flow limit of"),
        (bombs::deep_blocks(100_000), "block nesting limit of"),
        (bombs::many_locals(50_000), "local variable limit of"),
        (bombs::long_function(3 << 20), "function size limit of 2 MiB exceeded"),
        (bombs::unknown_instance(), "its size cannot be known"),
        (vec![0; (64 << 20) + 1], "component size limit of 64 MiB exceeded: it has 67108865 bytes"),
    ] {
        for sandbox in [&with_process, &without] {
            let error = refusal(sandbox, &bomb).await;
            assert!(error.to_string().contains(said), "{said}: {error}");
        }
    }
}

#[tokio::test]
async fn what_is_within_the_limits_is_not_counted_as_more() {
    // They export no worker, and that is all that is wrong with them.
    for component in [
        bombs::doubling(8),
        bombs::nested(20),
        bombs::nested_types(20),
        bombs::chained_types(20),
        bombs::large_type(10),
        bombs::many_functions(1_000),
        bombs::loops(10, 100),
        bombs::many_branches(100, 10),
    ] {
        let error = refusal(&Sandbox::new(), &component).await;
        assert!(!matches!(error, LoadError::Limit(_)), "{error}");
    }
}

#[tokio::test]
async fn a_compilation_that_takes_too_much_is_killed_and_its_limit_named() {
    for (memory, seconds, bomb, said) in [
        (128 << 20, 600, bombs::loops(2_000, 4_000), "compilation memory limit of 128 MiB exceeded"),
        (4 << 30, 1, bombs::loops(500, 4_000), "compilation time limit of 1s exceeded"),
    ] {
        let mut limits = unbounded();
        limits.compile_memory_bytes = memory;
        limits.compile_time = Duration::from_secs(seconds);
        let sandbox = Sandbox::with(|builder| builder.compile_with(compiler()).load_limits(limits));
        assert_eq!(refusal(&sandbox, &bomb).await.to_string(), said);
        let plugin = sandbox.plugin("report").await;
        assert_eq!(plugin.run(request("nothing")).await.unwrap().status, Status::Completed);
    }
}

#[tokio::test]
async fn a_plugin_loads_beside_compilations_that_do_not_end() {
    let sandbox = Sandbox::with(|builder| builder.compile_with(compiler()));
    sandbox.plugin("report").await;
    let stuck = Sandbox::with(|builder| builder.compile_with(shell("exec sleep 1000")));
    // Both of those who may compile at once are held up; what was compiled before does not wait for them.
    let (one, two) = (new_plugin(), new_plugin());
    let mut held_up =
        [Box::pin(stuck.host.load(&one, Grants::none())), Box::pin(stuck.host.load(&two, Grants::none()))];
    for load in &mut held_up {
        assert!(waits(load.as_mut()).await);
    }
    assert_eq!(soon("a plugin", stuck.run("report", "nothing")).await.status, Status::Completed);
}

#[tokio::test]
async fn compilations_wait_for_their_turn() {
    let directory = tempfile::tempdir().unwrap();
    let starts = directory.path().join("starts");
    let script = format!("echo started >> {}; exec sleep 1000", starts.display());
    let sandbox = Sandbox::with(|builder| builder.max_concurrent_compilations(1).compile_with(shell(&script)));
    let started = async |count: usize| {
        let lines = || std::fs::read_to_string(&starts).unwrap_or_default().lines().count();
        eventually("another compiler", async || lines() >= count).await;
        assert_eq!(lines(), count);
    };
    let (one, two) = (new_plugin(), new_plugin());
    let mut first = Box::pin(sandbox.host.load(&one, Grants::none()));
    assert!(waits(first.as_mut()).await);
    started(1).await;
    let mut second = Box::pin(sandbox.host.load(&two, Grants::none()));
    assert!(waits(second.as_mut()).await);
    started(1).await;
    drop(first);
    started(2).await;
}

#[tokio::test]
async fn a_compiler_ends_with_whoever_waits_for_it() {
    let directory = tempfile::tempdir().unwrap();
    let pid = directory.path().join("pid");
    let sandbox = Sandbox::with(|builder| {
        builder.compile_with(shell(&format!("echo $$ > {0}.new; mv {0}.new {0}; exec sleep 1000", pid.display())))
    });
    let component = new_plugin();
    let load = sandbox.host.load(&component, Grants::none());
    let started = eventually("the compiler has started", async || pid.exists());
    tokio::select! {
        _ = load => panic!("it does not end"),
        () = started => {}
    }
    let process = PathBuf::from("/proc").join(std::fs::read_to_string(&pid).unwrap().trim());
    eventually("the compiler is gone", async || !process.exists()).await;
}

#[tokio::test]
async fn a_compiler_that_breaks_is_an_error_that_says_how() {
    for (compiler, said) in [
        (CompilerProcess::new("/no/such/compiler"), "the compiler \"/no/such/compiler\" cannot be run"),
        (shell("echo no room >&2; exit 3"), "the compiler broke (exit status: 3): no room"),
        (shell("kill -SEGV $$"), "the compiler broke (signal: 11"),
        (shell("echo 'memory allocation of 8 bytes failed' >&2; kill -ABRT $$"), "compilation memory limit of 2 GiB"),
        (shell("kill -XCPU $$"), "compilation time limit of 2m exceeded"),
        (shell("echo nonsense"), "the compiler broke (exit status: 0)"),
        (shell("exec yes"), "the compiler broke"),
        (shell("exec >&-; exec yes >&2"), "the compiler broke"),
    ] {
        let sandbox = Sandbox::with(|builder| builder.compile_with(compiler));
        let error = refusal(&sandbox, &new_plugin()).await.to_string();
        assert!(error.contains(said), "{said}: {error}");
    }
    let mut limits = LoadLimits::default();
    limits.compile_time = Duration::from_secs(1);
    let sandbox = Sandbox::with(|builder| builder.load_limits(limits).compile_with(shell("exec sleep 1000")));
    let error = refusal(&sandbox, &new_plugin()).await.to_string();
    assert!(error.contains("compilation wall-clock limit of 5s"), "{error}");
}

#[tokio::test]
async fn a_component_is_compiled_once_by_the_compiler_with_nothing_of_the_hosts_secrets() {
    let directory = tempfile::tempdir().unwrap();
    let calls = directory.path().join("calls");
    let script = format!("env >> {}; exec {} compile-component", calls.display(), program().display());
    let component = new_plugin();
    for _ in 0..3 {
        let sandbox = Sandbox::with(|builder| builder.compile_with(shell(&script)));
        sandbox.host.load(&component, Grants::none()).await.unwrap();
    }
    let environment = std::fs::read_to_string(&calls).unwrap();
    assert_eq!(environment.matches("MIMALLOC_ARENA_EAGER_COMMIT").count(), 1, "{environment}");
    assert!(!environment.contains("CARGO"), "{environment}");

    // Without a cache nobody knows.
    for _ in 0..2 {
        let sandbox = Sandbox::with(|builder| builder.compile_with(shell(&script)).compilation_cache(false));
        let plugin = sandbox.host.load(&component, Grants::none()).await.unwrap();
        assert_eq!(plugin.run(request("nothing")).await.unwrap().status, Status::Completed);
    }
    let environment = std::fs::read_to_string(&calls).unwrap();
    assert_eq!(environment.matches("MIMALLOC_ARENA_EAGER_COMMIT").count(), 3);
}

#[tokio::test]
async fn a_file_without_an_end_is_not_read_to_its_end() {
    let directory = tempfile::tempdir().unwrap();
    let pipe = directory.path().join("pipe");
    rustix::fs::mkfifoat(rustix::fs::CWD, &pipe, rustix::fs::Mode::from_raw_mode(0o600)).unwrap();
    let writer = std::thread::spawn({
        let pipe = pipe.clone();
        // It writes until nobody reads any more.
        move || std::io::copy(&mut std::io::repeat(0), &mut std::fs::File::create(pipe).unwrap())
    });
    let mut limits = LoadLimits::default();
    limits.component_bytes = 1 << 20;
    let sandbox = Sandbox::with(|builder| builder.load_limits(limits));
    for (path, said) in [
        (pipe.as_path(), "component size limit of 1 MiB exceeded"),
        ("/dev/zero".as_ref(), "cannot read \"/dev/zero\": it is a device, and a plugin is a file"),
        (directory.path(), "it is a directory, and a plugin is a file"),
    ] {
        let error = soon("a refusal", sandbox.host.load_file(path, Grants::none())).await.unwrap_err().to_string();
        assert!(error.ends_with(said), "{said}: {error}");
    }
    assert!(writer.join().unwrap().is_err());
}

#[tokio::test]
async fn a_pinned_component_is_no_other() {
    let sandbox = Sandbox::new();
    let file = guest("report");
    let bytes = std::fs::read(file).unwrap();
    let sum = Sha256::of(&bytes);
    let mut request = LoadRequest::from(Grants::none());
    request.sha256 = Some(sum);
    sandbox.host.load_file(file, request.clone()).await.unwrap();
    sandbox.host.load(&bytes, request.clone()).await.unwrap();

    let other = bombs::renamed(&bytes, "other");
    let error = sandbox.host.load(&other, request).await.unwrap_err();
    let found = Sha256::of(&other);
    assert_eq!(error.to_string(), format!("its SHA-256 sum is {found}, and it is pinned to {sum}"));
}
