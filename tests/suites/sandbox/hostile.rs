//! What no compiler would make: core modules written by hand, as the worker of a component.

use wit_component::{ComponentEncoder, StringEncoding, embed_component_metadata};
use wit_parser::Resolve;

use super::*;

/// A plugin around a core module, which exports the worker's function under its core name.
fn component(module: &str) -> Vec<u8> {
    let mut resolve = Resolve::default();
    let (package, _) = resolve.push_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/../wit")).unwrap();
    let world = resolve.select_world(&[package], Some("plugin")).unwrap();
    let mut module = wat::parse_str(module).unwrap();
    embed_component_metadata(&mut module, &resolve, world, StringEncoding::UTF8).unwrap();
    ComponentEncoder::default().module(&module).unwrap().encode().unwrap()
}

/// Runs a hostile core module under limits of its own.
async fn run(sandbox: &Sandbox, module: &str, set: impl FnOnce(&mut Limits)) -> Outcome {
    let plugin = sandbox.host.load(&component(module), Grants::for_services(["analytics"])).await.unwrap();
    plugin.run(limited("", set)).await.unwrap()
}

#[tokio::test]
async fn growth_that_cannot_be_does_not_make_room_for_more() {
    // A mebibyte more, and then more elements than can be counted, for which the engine does not ask.
    let module = r#"
        (module
            (memory (export "memory") 1)
            (table $table i64 1 funcref)
            (global $free (mut i32) (i32.const 64))
            (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32)
                (global.get $free)
                (global.set $free
                    (i32.and (i32.add (i32.add (global.get $free) (local.get 3)) (i32.const 7)) (i32.const -8))))
            (func (export "dms:task-state/worker@0.1.0#run") (param i32) (result i32)
                (local $left i32)
                (local.set $left (i32.const 1024))
                (loop $again
                    (drop (memory.grow (i32.const 16)))
                    (drop (table.grow $table (ref.null func) (i64.const -1)))
                    (br_if $again (local.tee $left (i32.sub (local.get $left) (i32.const 1)))))
                (i32.const 0)))"#;
    let outcome = run(&Sandbox::new(), module, |limits| limits.memory_bytes = 64 << 20).await;
    assert_end(&outcome, Status::Failed, &["memory limit of 64 MiB exceeded"]).await;
}
