//! The bindings among the sources are what wit-bindgen makes of the interface in `wit/`.
//!
//! They are kept there, so that a plugin's build needs no generator, which costs ten times as much as all the rest of it.
//! `UPDATE_BINDINGS=1 cargo test -p task-state-guest --test bindings` writes them anew.

use std::path::Path;
use std::{env, fs};

use wit_bindgen_core::wit_parser::Resolve;
use wit_bindgen_core::{Files, WorldGenerator as _};
use wit_bindgen_rust::Opts;

const HEADER: &str = "//! What wit-bindgen makes of the contract in `wit/`. Nothing outside this crate sees it. Generated: see \
    `tests/bindings.rs`.\n\n#![allow(missing_docs, unreachable_pub, unsafe_code, clippy::all)]\n\n";

#[test]
fn the_bindings_are_those_of_the_interface() {
    let crate_folder = Path::new(env!("CARGO_MANIFEST_DIR"));
    let file = crate_folder.join("src/bindings.rs");
    let generated = format!("{HEADER}{}", generate(&crate_folder.join("../wit")));
    if env::var_os("UPDATE_BINDINGS").is_some() {
        fs::write(&file, &generated).unwrap();
    }
    let kept = fs::read_to_string(&file).unwrap();
    assert!(kept == generated, "src/bindings.rs is not what wit-bindgen makes of wit/: see tests/bindings.rs");
}

fn generate(wit: &Path) -> String {
    let mut resolve = Resolve::default();
    let (package, _) = resolve.push_dir(wit).unwrap();
    let world = resolve.select_world(&[package], Some("plugin")).unwrap();
    let mut files = Files::default();
    let options = Opts {
        format: true,
        pub_export_macro: true,
        export_macro_name: Some("export_plugin".to_owned()),
        default_bindings_module: Some("task_state_guest::__private".to_owned()),
        ..Opts::default()
    };
    options.build().generate(&mut resolve, world, &mut files).unwrap();
    let (_, source) = files.iter().next().unwrap();
    String::from_utf8(source.to_vec()).unwrap()
}
