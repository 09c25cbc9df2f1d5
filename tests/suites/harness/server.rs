//! Servers: options take effect, and stopping means what it says.

use std::time::Duration;

use anyhow::Result;
use redis::{AsyncCommands, RedisResult};
use task_state_tests::redis_server::RedisServer;

#[tokio::test]
async fn many_servers_run_side_by_side() -> Result<()> {
    let (one, two) = tokio::try_join!(RedisServer::start(), RedisServer::start())?;
    assert_ne!(one.port(), two.port());
    one.connection().await?.set::<_, _, ()>("key", 1).await?;
    assert_eq!(two.connection().await?.get::<_, Option<i32>>("key").await?, None);
    Ok(())
}

#[tokio::test]
async fn dropping_the_handle_ends_the_server() -> Result<()> {
    let server = RedisServer::start().await?;
    let (port, process, directory) = (server.port(), server.pid()?, server.directory().to_owned());
    drop(server);
    assert!(std::net::TcpStream::connect(("127.0.0.1", port)).is_err());
    assert!(!std::path::Path::new(&format!("/proc/{process}")).exists());
    assert!(!directory.exists());
    Ok(())
}

#[tokio::test]
async fn acknowledged_writes_are_kept_over_a_kill_by_a_durable_server_alone() -> Result<()> {
    for (builder, kept) in [(RedisServer::builder().durable(), Some("value")), (RedisServer::builder(), None)] {
        let mut server = builder.start().await?;
        let port = server.port();
        server.connection().await?.set::<_, _, ()>("key", "value").await?;
        server.kill();
        assert!(server.connection().await.is_err());
        assert!(server.pid().is_err());
        server.restart().await?;
        assert_eq!(server.port(), port);
        assert_eq!(server.connection().await?.get::<_, Option<String>>("key").await?.as_deref(), kept);
    }
    Ok(())
}

#[tokio::test]
async fn a_paused_server_answers_only_when_it_is_resumed() -> Result<()> {
    let server = RedisServer::start().await?;
    let mut connection = server.connection().await?;
    server.pause()?;
    let mut question = tokio::spawn(async move { connection.get::<_, Option<String>>("key").await });
    assert!(tokio::time::timeout(Duration::from_millis(200), &mut question).await.is_err());
    server.resume()?;
    assert_eq!(question.await??, None);
    Ok(())
}

#[tokio::test]
async fn a_password_is_asked_for_and_stands_in_the_url() -> Result<()> {
    let server = RedisServer::builder().password("s3cret").start().await?;
    assert!(server.url().contains(":s3cret@"));
    server.connection().await?.set::<_, _, ()>("key", 1).await?;
    let without = format!("redis://127.0.0.1:{}/0", server.port());
    let refused = match server.connection_to(&without).await {
        Ok(mut connection) => connection.get::<_, i32>("key").await.unwrap_err().to_string(),
        Err(error) => error.to_string(),
    };
    assert!(refused.contains("NOAUTH") || refused.contains("Authentication"), "{refused}");
    Ok(())
}

#[tokio::test]
async fn a_user_may_do_only_what_its_rules_allow() -> Result<()> {
    let server = RedisServer::builder().user("host", "on >pw ~task:* +@all -config").start().await?;
    let mut connection = server.connection_to(&server.url_as("host", "pw")).await?;
    connection.set::<_, _, ()>("task:1", 1).await?;
    let config: RedisResult<Vec<String>> =
        redis::cmd("CONFIG").arg("GET").arg("maxmemory").query_async(&mut connection).await;
    assert_eq!(config.unwrap_err().code(), Some("NOPERM"));
    let other: RedisResult<()> = connection.set("other", 1).await;
    assert_eq!(other.unwrap_err().code(), Some("NOPERM"));
    Ok(())
}

#[tokio::test]
async fn limits_are_the_servers_own() -> Result<()> {
    let server = RedisServer::builder().max_value(1 << 20).max_memory(16 << 20).start().await?;
    let mut connection = server.connection().await?;
    let too_long: RedisResult<()> = connection.set("long", "x".repeat((1 << 20) + 1)).await;
    assert!(too_long.is_err());
    let mut connection = server.connection().await?;
    let mut refused = None;
    for key in 0..64 {
        if let Err(error) = connection.set::<_, _, ()>(key, "x".repeat(1 << 19)).await {
            refused = Some(error.to_string());
            break;
        }
    }
    assert!(refused.as_ref().is_some_and(|error| error.contains("OOM")), "{refused:?}");
    Ok(())
}

#[tokio::test]
async fn a_replica_follows_its_primary_and_takes_no_writes() -> Result<()> {
    let primary = RedisServer::builder().password("s3cret").start().await?;
    primary.connection().await?.set::<_, _, ()>("key", "value").await?;
    let replica = RedisServer::builder().replica_of(&primary).start().await?;
    replica.synchronised().await?;
    let mut connection = replica.connection().await?;
    assert_eq!(connection.get::<_, String>("key").await?, "value");
    let write: RedisResult<()> = connection.set("key", "other").await;
    assert_eq!(write.unwrap_err().code(), Some("READONLY"));
    Ok(())
}

#[tokio::test]
async fn tls_is_spoken_with_a_certificate_that_only_its_authority_vouches_for() -> Result<()> {
    let server = RedisServer::builder().tls().password("s3cret").start().await?;
    assert!(server.url().starts_with("rediss://"));
    server.connection().await?.set::<_, _, ()>("key", 1).await?;
    assert!(server.authority().is_some_and(std::path::Path::is_file));
    let untrusting = redis::Client::open(server.url())?.get_multiplexed_async_connection().await;
    assert!(untrusting.is_err(), "a client took a certificate that nobody vouches for");
    Ok(())
}

#[tokio::test]
async fn an_option_that_the_server_refuses_is_an_error_that_shows_its_log() -> Result<()> {
    let error = RedisServer::builder().directive("maxmemory-policy", "sometimes").start().await.unwrap_err();
    assert!(error.to_string().contains("ended at once"), "{error}");
    Ok(())
}
