//! What a plugin reaches outside of the sandbox: nothing but what it was granted.

mod directories;
mod example;
mod http;
mod secrets;

use task_state_host::{Capabilities, LoadRequest};

use super::*;

/// Runs the guest that makes these attempts, and gives how it ended.
async fn reach(sandbox: &Sandbox, granted: Capabilities, request: RunRequest) -> Outcome {
    let loading = LoadRequest::new(Grants::for_services(["analytics"])).capabilities(granted);
    sandbox.host.load_file(guest("reach"), loading).await.unwrap().run(request).await.unwrap()
}

/// What the guest printed of its attempts, without their words.
async fn attempts(granted: Capabilities, lines: &[&str]) -> Vec<String> {
    attempts_within(granted, lines, |_| ()).await
}

async fn attempts_within(granted: Capabilities, lines: &[&str], set: impl FnOnce(&mut Limits)) -> Vec<String> {
    let outcome = soon("an end", reach(&Sandbox::new(), granted, limited(&lines.join("\n"), set))).await;
    let printed = printed(&outcome).await;
    let (status, log) = end(&outcome).await;
    assert_eq!(status, Status::Completed, "{printed}: {log:?}");
    let mut rest = printed.as_str();
    let mut answer = |line: &&str| {
        // With RUST_BACKTRACE an error of a stream has more lines than its first.
        let (_, after) = rest.split_once(&format!("{line}: ")).unwrap_or_else(|| panic!("{line}: {printed}"));
        rest = after;
        after.lines().next().unwrap_or_default().to_owned()
    };
    lines.iter().map(&mut answer).collect()
}

#[tokio::test]
async fn with_nothing_granted_there_is_nothing() {
    let server = task_state_tests::http_server::HttpServer::start().unwrap();
    let address = format!("127.0.0.1:{}", server.port());
    let lines = [
        "variables",
        "arguments",
        "list /",
        "list .",
        "read /etc/passwd",
        "write /tmp/x",
        "look-up localhost",
        &format!("tcp {address}"),
        "udp 127.0.0.1:0",
        &format!("get http://{address}/hello"),
    ];
    let said = attempts(Capabilities::none(), &lines).await;
    assert_eq!(said[..2], ["", "0"]);
    for (line, said) in lines.iter().zip(&said).skip(2) {
        assert!(said.starts_with("error: "), "{line}: {said}");
    }
    assert!(server.requests().is_empty());
}

#[tokio::test]
async fn a_setting_is_in_the_environment_and_nothing_else_is() {
    let granted = Capabilities::none().variable("MODE=fast and = sure".parse().unwrap());
    assert_eq!(attempts(granted, &["env MODE", "variables"]).await, ["fast and = sure", "MODE"]);
}
