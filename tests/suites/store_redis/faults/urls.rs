//! What a URL may say: TLS, a user with a password, a number of a database.

use std::process::Stdio;

use task_state_host::store::redis::RedisStore;
use task_state_tests::redis_server::RedisServer;

use crate::fixture::*;

const URL: &str = "TASK_STATE_TEST_TLS_URL";

/// Whom a process trusts is a matter of its environment, so the client is a process of its own.
#[tokio::test]
async fn tls_with_a_user_and_a_password_is_spoken_to_a_server_that_is_trusted_only() {
    let rules = "on >s3cret ~* &* +@all";
    let server = RedisServer::builder().tls().user("host", rules).start().await.unwrap();
    let url = server.url_as("host", "s3cret");
    assert!(url.starts_with("rediss://"));
    let untrusted = RedisStore::connect(options(&url), clock()).await;
    assert!(matches!(untrusted, Err(Error::Unavailable(_) | Error::Failed(_))), "{untrusted:?}");

    let mut client = tokio::process::Command::new(std::env::current_exe().unwrap());
    client.args(["faults::urls::works_over_tls_when_another_test_asks_for_it", "--exact", "--ignored"]);
    client.env(URL, &url).env("SSL_CERT_FILE", server.authority().unwrap());
    let output = client.stdin(Stdio::null()).kill_on_drop(true).output().await.unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    let text: String = server.run(&["GET", "task:1"]).await;
    assert!(text.contains(",over TLS\""), "{text}");
}

#[tokio::test]
#[ignore = "the work of a process that another test starts"]
async fn works_over_tls_when_another_test_asks_for_it() {
    let url = std::env::var(URL).expect("a URL: another test starts this one with it");
    let store = connect(&url, |_| {}).await;
    let id = save(&store, draft("1")).await;
    store.change(&id, Change::logs(["over TLS"]), &Access::ANY).await.unwrap();
    assert_eq!(messages(&get(&store, &id).await), ["over TLS"]);
    assert!(!store.location().contains("s3cret"));
}

#[tokio::test]
async fn each_number_names_a_database_of_its_own() {
    let mut fixture = Fixture::new().await;
    let port = fixture.server.port();
    let url = |database: u8| format!("redis://127.0.0.1:{port}/{database}");
    let (first, second) = (connect(&url(0), |_| {}).await, connect(&url(7), |_| {}).await);
    save(&second, draft("1")).await;
    assert!(matches!(first.get(&task_id("1"), &Access::ANY).await, Err(Error::NotFound)));
    assert_eq!(fixture.dump().await.len(), 0);
    fixture.db = fixture.server.connection_to(&url(7)).await.unwrap();
    assert_eq!(fixture.dump().await.len(), 7);
}

#[tokio::test]
async fn user_password_and_database_may_be_parameters_as_for_the_python_package() {
    let server = RedisServer::builder().user("host", "on >s3cret ~* &* +@all").start().await.unwrap();
    let url = format!("redis://127.0.0.1:{}/1?username=host&password=s3cret&db=7", server.port());
    let (store, by_path) = (connect(&url, |_| {}).await, connect(&server.url_as("host", "s3cret"), |_| {}).await);
    let id = save(&store, draft("1")).await;
    assert!(matches!(by_path.get(&id, &Access::ANY).await, Err(Error::NotFound)));
    assert_eq!(store.location(), format!("redis://:***@127.0.0.1:{}/7", server.port()));
}
