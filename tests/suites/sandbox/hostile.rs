//! What no compiler would make: core modules written by hand, as the worker of a component.

use std::path::Path;

use task_state_host::LoadError;
use wit_component::{ComponentEncoder, StringEncoding, embed_component_metadata};
use wit_parser::Resolve;

use super::*;

/// A plugin around a core module, which exports the worker's function under its core name, built against the interface in
/// a directory.
pub(super) fn component(interface: &str, module: &str) -> Vec<u8> {
    let mut resolve = Resolve::default();
    let (package, _) = resolve.push_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join(interface)).unwrap();
    let world = resolve.select_world(&[package], Some("plugin")).unwrap();
    let mut module = wat::parse_str(module).unwrap();
    embed_component_metadata(&mut module, &resolve, world, StringEncoding::UTF8).unwrap();
    ComponentEncoder::default().module(&module).unwrap().encode().unwrap()
}

/// A worker that does nothing but `work`.
pub(super) fn worker(declarations: &str, work: &str) -> Vec<u8> {
    let module = format!(
        r#"(module
            (memory (export "memory") 1)
            {declarations}
            (global $free (mut i32) (i32.const 64))
            (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32)
                (global.get $free)
                (global.set $free
                    (i32.and (i32.add (i32.add (global.get $free) (local.get 3)) (i32.const 7)) (i32.const -8))))
            (func (export "dms:task-state/worker@0.1.2#run") (param i32) (result i32)
                (local $left i32)
                {work}
                (i32.const 0)))"#
    );
    component("../wit", &module)
}

/// The same component with so many more instances of a core module that it does not need.
fn with_instances(mut component: Vec<u8>, module: &str, count: usize) -> Vec<u8> {
    let mut section = |id: u8, content: &[u8]| {
        component.push(id);
        let mut size = content.len();
        while size > 0x7f {
            component.push(size as u8 | 0x80);
            size >>= 7;
        }
        component.push(size as u8);
        component.extend(content);
    };
    section(1, &wat::parse_str(module).unwrap());
    // A vector of one: an instance of the core module 1, the worker's being 0, without arguments.
    (0..count).for_each(|_| section(2, &[1, 0, 1, 0]));
    component
}

async fn load(sandbox: &Sandbox, component: &[u8]) -> Result<Plugin, LoadError> {
    sandbox.host.load(component, Grants::for_services(["analytics"])).await
}

#[tokio::test]
async fn growth_that_cannot_be_does_not_make_room_for_more() {
    // A mebibyte more, and then more elements than can be counted, for which the engine does not ask.
    let component = worker(
        "(table $table i64 1 funcref)",
        "(local.set $left (i32.const 1024))
         (loop $again
             (drop (memory.grow (i32.const 16)))
             (drop (table.grow $table (ref.null func) (i64.const -1)))
             (br_if $again (local.tee $left (i32.sub (local.get $left) (i32.const 1)))))",
    );
    let sandbox = Sandbox::new();
    let request = limited("", |limits| limits.memory_bytes = 64 << 20);
    let outcome = load(&sandbox, &component).await.unwrap().run(request).await.unwrap();
    assert_end(&outcome, Status::Failed, &["memory limit of 64 MiB exceeded"]).await;
}

#[tokio::test]
async fn a_component_takes_no_more_of_the_pool_than_one_run_has() {
    let sandbox = Sandbox::new();
    let without_pool = Sandbox::with(|builder| builder.max_concurrent_runs(usize::MAX));
    for (module, most, counted) in [
        ("(module (memory 0))", 1, "3 Wasm linear memories"),
        ("(module (table 0 funcref))", 8, "9 tables"),
        ("(module)", 63, "65 core module instances"),
    ] {
        let sample = |count| with_instances(worker("", ""), module, count);
        for sandbox in [&sandbox, &without_pool] {
            let outcome = load(sandbox, &sample(most)).await.unwrap().run(request("")).await.unwrap();
            assert_end(&outcome, Status::Completed, &[]).await;
        }
        let error = load(&sandbox, &sample(most + 1)).await.unwrap_err().to_string();
        assert!(error.contains(counted), "{error}");

        let outcome = load(&without_pool, &sample(most + 1)).await.unwrap().run(request("")).await.unwrap();
        let (status, log) = end(&outcome).await;
        assert_eq!(status, Status::Failed);
        assert!(log[0].contains("resource limit exceeded"), "{log:?}");
    }
}
