//! Outgoing HTTP: to the hosts that were granted, at public addresses unless the grant says otherwise, and within limits.

use task_state_tests::http_server::{HttpServer, PAGE};

use super::*;

fn server() -> HttpServer {
    HttpServer::start().unwrap()
}

/// A grant of this server, by a host of its address, that may be private.
fn private(server: &HttpServer, host: &str) -> Capabilities {
    Capabilities::none().http(format!("{host}:{},private", server.port()).parse().unwrap())
}

/// Attempts that must all fail, with what each error must say.
async fn refused(granted: Capabilities, attempts_and_errors: &[(String, &str)]) {
    let lines: Vec<&str> = attempts_and_errors.iter().map(|(line, _)| line.as_str()).collect();
    for ((line, why), said) in attempts_and_errors.iter().zip(attempts(granted, &lines).await) {
        assert!(said.starts_with("error: ") && said.contains(why), "{line}: {said}");
    }
}

#[tokio::test]
async fn a_granted_host_is_reached() {
    let server = server();
    for host in ["127.0.0.1", "localhost"] {
        let get = format!("get {}", server.url(host, "/hello"));
        let missing = format!("get {}", server.url(host, "/missing?query=1"));
        let post = format!("post {} 300000", server.url(host, "/take"));
        let said = attempts(private(&server, host), &[&get, &missing, &post]).await;
        assert_eq!(said, [&format!("200 {PAGE}"), "404 no such page", "200 300000 bytes"]);
    }
    assert!(server.requests().contains(&"GET /missing?query=1 HTTP/1.1".to_owned()));
}

#[tokio::test]
async fn a_host_that_is_not_granted_is_refused_with_the_line_that_would_grant_it() {
    let server = server();
    let port = server.port();
    let granted = private(&server, "localhost").http("api.example.com".parse().unwrap());
    let line = format!("http = [\\\"127.0.0.1:{port}\\\"]");
    let attempts = [
        (format!("get {}", server.url("127.0.0.1", "/hello")), line.as_str()),
        (format!("get {}", server.url("localhost.example.com", "/hello")), "is not granted"),
        (format!("get http://localhost:{}/hello", port ^ 1), "is not granted"),
        ("get http://api.example.com:8080/".to_owned(), "http = [\\\"api.example.com:8080\\\"]"),
        ("get https://x.api.example.com/".to_owned(), "http = [\\\"x.api.example.com\\\"]"),
        (format!("get http://user:password@localhost:{port}/hello"), "HttpRequestUriInvalid"),
        (format!("connect http://localhost:{port}/hello"), "HttpRequestMethodInvalid"),
    ];
    refused(granted, &attempts).await;
    assert!(server.requests().is_empty());
}

#[tokio::test]
async fn a_guest_that_is_still_sending_is_told_why_it_was_refused() {
    let server = server();
    let url = server.url("localhost", "/take");
    let granted = Capabilities::none().http(format!("localhost:{}", server.port()).parse().unwrap());
    refused(granted, &[(format!("post {url} 1000000"), "leads to an address that is not public")]).await;
    refused(Capabilities::none(), &[(format!("post {url} 1000000"), "is not granted")]).await;
    assert!(server.requests().is_empty());
}

#[tokio::test]
async fn an_address_that_is_not_public_is_refused_however_it_is_spelt() {
    let server = server();
    let port = server.port();
    for host in [
        // Names that lead to this machine, and addresses of it.
        "localhost",
        "127.0.0.1",
        "[::1]",
        "[::ffff:127.0.0.1]",
        "[::ffff:7f00:1]",
        "[64:ff9b::7f00:1]",
        "0.0.0.0",
        "169.254.169.254",
        "[fd00:ec2::254]",
        "10.0.0.1",
    ] {
        let granted = Capabilities::none().http(format!("{host}:{port}").parse().unwrap());
        let said = attempts(granted, &[&format!("get {}", server.url(host, "/hello"))]).await;
        let line = format!("http = [{{ host = \\\"{host}:{port}\\\", private = true }}]");
        assert!(said[0].contains("leads to an address that is not public"), "{host}: {said:?}");
        // Addresses have one spelling, which need not be the guest's.
        assert!(said[0].contains(&line) || host.starts_with('['), "{host}: {said:?}");
    }
    // What a resolver would take for the address is no host at all.
    let granted = private(&server, "127.0.0.1");
    for host in ["2130706433", "0x7f000001", "0x7f.0.0.1", "0177.0.0.1", "127.1"] {
        refused(granted.clone(), &[(format!("get {}", server.url(host, "/hello")), "HttpRequestUriInvalid")]).await;
    }
    assert!(server.requests().is_empty());
}

#[tokio::test]
async fn a_redirect_is_checked_as_every_request() {
    let (granted, other) = (server(), server());
    let to = |url: &str| format!("follow {}", granted.url("localhost", &format!("/redirect/{url}")));
    let elsewhere = [
        (to(&other.url("localhost", "/hello")), "is not granted"),
        (to(&granted.url("127.0.0.1", "/hello")), "is not granted"),
        (to("http://169.254.169.254/latest/meta-data/"), "is not granted"),
    ];
    refused(private(&granted, "localhost"), &elsewhere).await;
    assert!(other.requests().is_empty());
    let there = to(&granted.url("localhost", "/hello"));
    assert_eq!(attempts(private(&granted, "localhost"), &[&there]).await, [format!("200 {PAGE}")]);
}

#[tokio::test]
async fn bodies_are_bounded_both_ways_over_a_whole_run() {
    let server = server();
    let (endless, get, take) =
        (server.url("localhost", "/endless"), server.url("localhost", "/hello"), server.url("localhost", "/take"));
    let lines =
        [format!("get {get}"), format!("count {endless}"), format!("post {take} 60000"), format!("post {take} 60000")];
    let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
    let said = attempts_within(private(&server, "localhost"), &lines, |limits| {
        (limits.http.sent_bytes, limits.http.received_bytes) = (100 << 10, 1 << 20);
    })
    .await;
    assert_eq!(said[0], format!("200 {PAGE}"));
    assert!(said[1].contains("the limit limits.http.received of 1 MiB was exceeded"), "{said:?}");
    assert!(said[2].starts_with("200 ") || said[2].contains("limits.http.received"), "{said:?}");
    assert!(said[3].starts_with("error: "), "{said:?}");
}

#[tokio::test]
async fn a_server_that_keeps_its_guest_waiting_is_left() {
    let server = server();
    let line = |attempt: &str, path: &str| format!("{attempt} {}", server.url("localhost", path));
    let times = |limits: &mut Limits| {
        (limits.http.first_byte, limits.http.total) = (Duration::from_millis(300), Duration::from_millis(900));
    };
    for (attempt, path, why) in [
        ("get", "/silent", "limits.http.first-byte of 300ms"),
        ("get-soon", "/silent", "ConnectionReadTimeout"),
        ("count", "/drip", "limits.http.total of 900ms"),
        ("get", "/endless-head", "HttpProtocolError"),
    ] {
        let said = attempts_within(private(&server, "localhost"), &[&line(attempt, path)], times).await;
        assert!(said[0].starts_with("error: ") && said[0].contains(why), "{path}: {said:?}");
    }
}

#[tokio::test]
async fn a_connection_that_does_not_come_about_in_time_is_given_up() {
    // It is never accepted, so that no handshake of TLS ends.
    let deaf = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = deaf.local_addr().unwrap().port();
    let granted = Capabilities::none().http(format!("localhost:{port},private").parse().unwrap());
    let said = attempts_within(granted, &[&format!("get https://localhost:{port}/")], |limits| {
        limits.http.connect = Duration::from_millis(300);
    })
    .await;
    assert!(said[0].contains("the limit limits.http.connect of 300ms was exceeded"), "{said:?}");
}

#[tokio::test]
async fn a_run_has_so_many_connections_at_once_and_gives_them_back() {
    let server = server();
    let (drip, hello) = (server.url("localhost", "/drip"), server.url("localhost", "/hello"));
    let lines = [format!("open {drip} {drip}"), format!("open {drip} {drip} {drip}"), format!("get {hello}")];
    let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
    let said = attempts_within(private(&server, "localhost"), &lines, |limits| {
        (limits.http.connections, limits.http.connect) = (2, Duration::from_secs(1));
    })
    .await;
    assert_eq!((said[0].as_str(), said[2].as_str()), ("2 open", "200 hello"));
    assert!(said[1].contains("the limit limits.http.connections of 2 was reached"), "{said:?}");
}

#[tokio::test]
async fn a_server_that_is_not_there_is_no_refusal() {
    let port = task_state_tests::port::free().unwrap();
    let granted = Capabilities::none().http(format!("localhost:{port},private").parse().unwrap());
    let granted = granted.http("no-such-host.invalid".parse().unwrap());
    let attempts = [
        (format!("get http://localhost:{port}/"), "ConnectionRefused"),
        ("get http://no-such-host.invalid/".to_owned(), "DnsError"),
    ];
    refused(granted, &attempts).await;
}

#[tokio::test]
async fn a_run_that_is_over_leaves_no_request_behind() {
    let server = server();
    let request = limited(&format!("get {}", server.url("localhost", "/silent")), |limits| {
        limits.wall_clock = Duration::from_millis(500);
    });
    let outcome = reach(&Sandbox::new(), private(&server, "localhost"), request).await;
    assert_end(&outcome, Status::Failed, &["wall-clock limit of 500ms exceeded"]).await;
}
