//! What wit-bindgen makes of the contract in `wit/`. Nothing outside this crate sees it.

// Generated.
#![allow(missing_docs, unreachable_pub)]

wit_bindgen::generate!({
    path: "../wit",
    world: "plugin",
    pub_export_macro: true,
    export_macro_name: "export_plugin",
    default_bindings_module: "task_state_guest::__private",
});
