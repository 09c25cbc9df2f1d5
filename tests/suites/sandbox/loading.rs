//! Which files are plugins, and what is said of those that are not.

use std::path::Path;

use task_state_host::{CompilerProcess, LoadError};
use task_state_tests::bombs::renamed;
use task_state_tests::command::program;

use super::hostile::{component, worker};
use super::*;

async fn refusal(bytes: &[u8]) -> LoadError {
    Sandbox::new().host.load(bytes, Grants::none()).await.unwrap_err()
}

#[tokio::test]
async fn a_file_that_is_not_there_is_named() {
    let path = Path::new("/no/such/plugin.wasm");
    let error = Sandbox::new().host.load_file(path, Grants::none()).await.unwrap_err();
    assert!(matches!(error, LoadError::File { .. }));
    assert!(error.to_string().starts_with("cannot read \"/no/such/plugin.wasm\": "), "{error}");
}

#[tokio::test]
async fn what_is_no_component_is_said_to_be_none() {
    for bytes in [&b""[..], b"\0as", b"#!/bin/sh\nexit 0\n", b"\0asm", b"\0asm\x02\0\0\0"] {
        assert!(matches!(refusal(bytes).await, LoadError::NotWasm(_)), "{bytes:?}");
    }
    assert!(matches!(refusal(b"\0asm\x01\0\0\0").await, LoadError::CoreModule));
    assert!(matches!(refusal(b"\0asm\x0d\0\x01\0\xff\xff").await, LoadError::Compile(_)));
    let whole = std::fs::read(guest("report")).unwrap();
    assert!(matches!(refusal(&whole[..whole.len() / 2]).await, LoadError::Compile(_)));
}

#[tokio::test]
async fn a_component_without_a_worker_is_refused() {
    let error = refusal(b"\0asm\x0d\0\x01\0").await;
    assert!(matches!(error, LoadError::NoWorker { .. }));
    assert_eq!(error.to_string(), "it does not export dms:task-state/worker@0.1.2 as a plugin does");
}

#[tokio::test]
async fn an_import_that_the_host_does_not_serve_is_named() {
    let error = refusal(&std::fs::read(guest("greedy")).unwrap()).await;
    assert!(matches!(error, LoadError::UnservedImport { .. }), "{error}");
    assert!(error.to_string().starts_with("it imports acme:vault/secrets, which the host does not serve"), "{error}");
}

#[tokio::test]
async fn a_component_of_an_earlier_release_of_the_interface_goes_on_running() {
    let told = "(call $set-progress (i64.const 3) (i32.const 0) (i64.const 0) (i32.const 0) (i32.const 0) (i32.const 0)
                (i32.const 2048))";
    let set_progress = r#"(import "dms:task-state/current-task@0.1.1" "set-progress"
                (func $set-progress (param i64 i32 i64 i32 i32 i32 i32)))"#;
    for (version, import, call, progress) in [("0.1.0", "", "", None), ("0.1.1", set_progress, told, Some(3))] {
        let sandbox = Sandbox::new();
        let component = built_against(version, import, call);
        let plugin = sandbox.host.load(&component, Grants::for_services(["analytics"])).await.unwrap();
        let outcome = plugin.run(request("")).await.unwrap();
        assert_end(&outcome, Status::Completed, &["hello"]).await;
        let id = task_id(outcome.task().await.unwrap().task_id());
        let kept = sandbox.store.progress(&id, &Access::ANY).await.unwrap();
        assert_eq!(kept.map(|progress| progress.done()), progress, "{version}");
    }
}

/// A component that was built against a release of the interface, by hand: it logs a word, and makes one more call.
fn built_against(version: &str, import: &str, call: &str) -> Vec<u8> {
    let module = format!(
        r#"(module
            (import "dms:task-state/current-task@{version}" "log" (func $log (param i32 i32 i32)))
            {import}
            (memory (export "memory") 1)
            (data (i32.const 1024) "hello")
            (global $free (mut i32) (i32.const 4096))
            (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32)
                (global.get $free)
                (global.set $free
                    (i32.and (i32.add (i32.add (global.get $free) (local.get 3)) (i32.const 7)) (i32.const -8))))
            (func (export "dms:task-state/worker@{version}#run") (param i32) (result i32)
                (call $log (i32.const 1024) (i32.const 5) (i32.const 2048))
                {call}
                (i32.const 0)))"#
    );
    component(&format!("wit/{version}"), &module)
}

/// A worker that does `work`, in a component that has an asynchronous built-in beside it.
fn concurrent(work: &str) -> Vec<u8> {
    // A section of canonical functions with one: `backpressure.inc`.
    [worker("", work), vec![8, 2, 1, 0x24]].concat()
}

/// Runs a component that does nothing to its end, and one that goes on for ever until its limit.
async fn assert_runs(sandbox: &Sandbox, of: impl Fn(&str) -> Vec<u8>) {
    let load = async |work| sandbox.host.load(&of(work), Grants::for_services(["analytics"])).await.unwrap();
    assert_eq!(load("").await.run(request("")).await.unwrap().status, Status::Completed);
    let request = limited("", |limits| limits.wall_clock = Duration::from_millis(100));
    let outcome = soon("the end of a guest that spins", load("(loop (br 0))").await.run(request)).await.unwrap();
    assert_end(&outcome, Status::Failed, &["wall-clock limit of 100ms exceeded"]).await;
}

#[tokio::test]
async fn components_with_asynchronous_built_ins_run_beside_those_without() {
    let name = tempfile::tempdir().unwrap().path().display().to_string();
    let compiler = CompilerProcess::new(program()).arg("compile-component");
    let builds: [&dyn Fn(HostBuilder) -> HostBuilder; 4] = [
        &|builder| builder,
        &|builder| builder.compile_with(compiler.clone()),
        // By now they have been compiled before.
        &|builder| builder.compile_with(CompilerProcess::new("false")),
        &|builder| builder.compile_with(compiler.clone()).compilation_cache(false),
    ];
    for (at, build) in builds.iter().enumerate() {
        let sandbox = Sandbox::with(build);
        for of in [|work: &str| worker("", work), concurrent, |work: &str| worker("", work)] {
            eprintln!("build {at}");
            assert_runs(&sandbox, |work| renamed(&of(work), &name)).await;
        }
    }
}

#[tokio::test]
async fn a_platform_may_serve_concurrent_imports() {
    let sandbox = Sandbox::with(|builder| {
        builder.imports(|linker| linker.root().func_wrap_concurrent("later", |_, ()| Box::pin(async { Ok(()) })))
    });
    assert_runs(&sandbox, |work| worker("", work)).await;
    assert_runs(&sandbox, concurrent).await;
}
