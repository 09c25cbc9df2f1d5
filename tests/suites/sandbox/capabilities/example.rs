//! The example that reaches outside, with its manifest, in a host of one's own.

use std::fs;
use std::path::Path;

use task_state_host::Manifest;
use task_state_host::plugin::{Secret, Variable};
use task_state_tests::http_server::HttpServer;

use super::*;

#[tokio::test]
async fn the_example_reads_its_directory_and_fetches_with_its_secret() {
    let example = Path::new(env!("CARGO_MANIFEST_DIR")).join("../guest/examples/link-check");
    let text = fs::read_to_string(example.join("link-check.toml")).unwrap();
    let manifest = Manifest::from_toml(&text).unwrap();
    let limits = manifest.limits.clone();
    let mut loading = LoadRequest::from(manifest);
    let capabilities = loading.capabilities.relative_to(&example);
    let granted =
        "directory /links (\"LINKS\", read-only)\nhttp localhost:8080, private\nenvironment SITE\nsecret API_TOKEN\n";
    assert_eq!(capabilities.to_string(), granted.replace("LINKS", example.join("links").to_str().unwrap()));

    // The site is on a port of this test, and the secret in a file of it.
    let site = HttpServer::start().unwrap();
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("token"), "hunter2-and-more").unwrap();
    loading.capabilities = capabilities
        .http(format!("localhost:{},private", site.port()).parse().unwrap())
        .variable(Variable::new("SITE", site.url("localhost", "")).unwrap())
        .secret(Secret::new("API_TOKEN").unwrap().from_file(folder.path().join("token")));
    let sandbox = Sandbox::new();
    let plugin = sandbox.host.load_file(guest("link-check"), loading).await.unwrap();
    let mut request = request("");
    request.limits = Some(limits);
    let outcome = plugin.run(request).await.unwrap();
    assert_end(&outcome, Status::Completed, &["/missing: 404 Not Found", "1 of 2 links are broken"]).await;
    assert_eq!(printed(&outcome).await, "200 5 /hello\n404 12 /missing\n");
    assert_eq!(site.requests(), ["GET /hello HTTP/1.1", "GET /missing HTTP/1.1"]);
}
