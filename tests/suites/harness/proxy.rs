//! The proxy: each fault is what its name says, seen from the client and from the server.

use std::time::Duration;

use anyhow::Result;
use redis::AsyncCommands;
use redis::aio::MultiplexedConnection;
use task_state_tests::proxy::{Fault, Proxy, Trigger};
use task_state_tests::redis_server::RedisServer;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// How long something is given to happen that must not. Nothing waits for it in a run that passes but the tests of
/// answers that never come.
const NEVER: Duration = Duration::from_millis(200);

const APPEND: &[u8] = b"*3\r\n$6\r\nAPPEND\r\n$3\r\nlog\r\n$4\r\nline\r\n";
const GET: &[u8] = b"*2\r\n$3\r\nGET\r\n$3\r\nlog\r\n";
const PING: &[u8] = b"*1\r\n$4\r\nPING\r\n";

/// A server, a proxy before it, and a look behind the proxy.
struct Setup {
    server: RedisServer,
    proxy: Proxy,
    behind: MultiplexedConnection,
}

impl Setup {
    async fn new() -> Result<Self> {
        let server = RedisServer::start().await?;
        let proxy = Proxy::start(server.port()).await?;
        let behind = server.connection().await?;
        Ok(Self { server, proxy, behind })
    }

    async fn client(&self) -> Result<TcpStream> {
        Ok(TcpStream::connect(("127.0.0.1", self.proxy.port())).await?)
    }

    /// What the server holds.
    async fn log(&mut self) -> Result<String> {
        Ok(self.behind.get::<_, Option<String>>("log").await?.unwrap_or_default())
    }
}

/// Everything until the connection ends.
async fn rest(client: &mut TcpStream) -> Result<String> {
    let mut rest = Vec::new();
    client.read_to_end(&mut rest).await?;
    Ok(String::from_utf8(rest)?)
}

/// Exactly this answer.
async fn expect(client: &mut TcpStream, answer: &str) -> Result<()> {
    let mut found = vec![0; answer.len()];
    client.read_exact(&mut found).await?;
    assert_eq!(String::from_utf8(found)?, answer);
    Ok(())
}

async fn is_silent(client: &mut TcpStream) -> bool {
    tokio::time::timeout(NEVER, client.read_u8()).await.is_err()
}

#[tokio::test]
async fn without_faults_everything_goes_through_and_is_counted() -> Result<()> {
    let mut setup = Setup::new().await?;
    let mut client = setup.client().await?;
    client.write_all(&[APPEND, GET].concat()).await?;
    expect(&mut client, ":4\r\n$4\r\nline\r\n").await?;
    let counts = setup.proxy.counts();
    assert_eq!((counts.connections, counts.requests, counts.replies), (1, 2, 2));
    assert_eq!(counts.bytes_up, (APPEND.len() + GET.len()) as u64);
    assert_eq!(counts.bytes_down, ":4\r\n$4\r\nline\r\n".len() as u64);
    assert_eq!(setup.log().await?, "line");
    Ok(())
}

#[tokio::test]
async fn a_cut_before_the_request_leaves_nothing_executed() -> Result<()> {
    let mut setup = Setup::new().await?;
    let fault = setup.proxy.inject(Trigger::command("append"), Fault::CutBeforeRequest);
    let mut client = setup.client().await?;
    client.write_all(PING).await?;
    expect(&mut client, "+PONG\r\n").await?;
    client.write_all(APPEND).await?;
    assert_eq!(rest(&mut client).await?, "");
    assert_eq!((fault.hits(), fault.executed()), (1, 0));
    assert_eq!(setup.log().await?, "");
    Ok(())
}

#[tokio::test]
async fn a_cut_in_the_request_shows_the_server_half_of_it() -> Result<()> {
    let server = TcpListener::bind(("127.0.0.1", 0)).await?;
    let proxy = Proxy::start(server.local_addr()?.port()).await?;
    proxy.inject(Trigger::command("APPEND"), Fault::CutInRequest);
    let mut client = TcpStream::connect(("127.0.0.1", proxy.port())).await?;
    client.write_all(&[PING, APPEND].concat()).await?;
    let (mut accepted, _) = server.accept().await?;
    let mut seen = Vec::new();
    accepted.read_to_end(&mut seen).await?;
    assert_eq!(seen, [PING, &APPEND[..APPEND.len() / 2]].concat());
    assert_eq!(rest(&mut client).await?, "");
    Ok(())
}

#[tokio::test]
async fn a_cut_before_the_reply_comes_after_the_execution() -> Result<()> {
    let mut setup = Setup::new().await?;
    let fault = setup.proxy.inject(Trigger::command("APPEND"), Fault::CutBeforeReply);
    let mut client = setup.client().await?;
    client.write_all(&[PING, APPEND, APPEND].concat()).await?;
    assert_eq!(rest(&mut client).await?, "+PONG\r\n");
    assert_eq!((fault.hits(), fault.executed()), (1, 1));
    assert_eq!(setup.log().await?, "line", "the request behind it must not be executed");
    Ok(())
}

#[tokio::test]
async fn a_cut_in_the_reply_shows_the_client_half_of_it() -> Result<()> {
    let mut setup = Setup::new().await?;
    setup.behind.set::<_, _, ()>("log", "0123456789").await?;
    setup.proxy.inject(Trigger::command("GET"), Fault::CutInReply);
    let mut client = setup.client().await?;
    client.write_all(GET).await?;
    assert_eq!(rest(&mut client).await?, "$10\r\n012");
    Ok(())
}

#[tokio::test]
async fn a_swallowed_request_is_neither_executed_nor_answered() -> Result<()> {
    let mut setup = Setup::new().await?;
    let fault = setup.proxy.inject(Trigger::command("APPEND"), Fault::SwallowRequest);
    let mut client = setup.client().await?;
    client.write_all(&[APPEND, PING].concat()).await?;
    fault.until_hit().await;
    assert!(is_silent(&mut client).await);
    assert_eq!(setup.log().await?, "");
    Ok(())
}

#[tokio::test]
async fn a_swallowed_reply_was_executed_and_nothing_follows_it() -> Result<()> {
    let mut setup = Setup::new().await?;
    let fault = setup.proxy.inject(Trigger::command("APPEND"), Fault::SwallowReply);
    let mut client = setup.client().await?;
    client.write_all(&[PING, APPEND, PING].concat()).await?;
    expect(&mut client, "+PONG\r\n").await?;
    fault.until_executed().await;
    assert!(is_silent(&mut client).await);
    assert_eq!(setup.log().await?, "line");
    Ok(())
}

#[tokio::test]
async fn a_stalled_request_is_executed_when_it_is_released_though_its_client_has_gone() -> Result<()> {
    let mut setup = Setup::new().await?;
    let fault = setup.proxy.inject(Trigger::command("APPEND"), Fault::StallRequest);
    let mut client = setup.client().await?;
    client.write_all(APPEND).await?;
    fault.until_hit().await;
    drop(client);
    assert_eq!(setup.log().await?, "");
    fault.release();
    fault.until_executed().await;
    assert_eq!(setup.log().await?, "line");
    Ok(())
}

#[tokio::test]
async fn a_stalled_reply_comes_late() -> Result<()> {
    let mut setup = Setup::new().await?;
    let fault = setup.proxy.inject(Trigger::command("APPEND"), Fault::StallReply);
    let mut client = setup.client().await?;
    client.write_all(&[APPEND, PING].concat()).await?;
    fault.until_executed().await;
    assert_eq!(setup.log().await?, "line");
    assert!(is_silent(&mut client).await);
    fault.release();
    expect(&mut client, ":4\r\n+PONG\r\n").await
}

#[tokio::test]
async fn a_fault_befalls_the_requests_that_its_trigger_picks() -> Result<()> {
    let mut setup = Setup::new().await?;
    let fault = setup.proxy.inject(Trigger::containing("line").after(1).times(2), Fault::CutBeforeRequest);
    for expected in ["line", "line", "line", "lineline"] {
        let mut client = setup.client().await?;
        client.write_all(&[PING, APPEND].concat()).await?;
        client.shutdown().await?;
        rest(&mut client).await?;
        assert_eq!(setup.log().await?, expected);
    }
    assert_eq!(fault.hits(), 2);

    setup.proxy.inject(Trigger::next().always(), Fault::CutBeforeRequest);
    let mut client = setup.client().await?;
    client.write_all(PING).await?;
    assert_eq!(rest(&mut client).await?, "");
    setup.proxy.clear();
    let mut client = setup.client().await?;
    client.write_all(PING).await?;
    expect(&mut client, "+PONG\r\n").await
}

#[tokio::test]
async fn new_connections_are_refused_while_open_ones_go_on() -> Result<()> {
    let setup = Setup::new().await?;
    let mut open = setup.client().await?;
    open.write_all(PING).await?;
    expect(&mut open, "+PONG\r\n").await?;
    setup.proxy.refuse().await;
    let refused = TcpStream::connect(("127.0.0.1", setup.proxy.port())).await;
    assert_eq!(refused.unwrap_err().kind(), std::io::ErrorKind::ConnectionRefused);
    open.write_all(PING).await?;
    expect(&mut open, "+PONG\r\n").await?;
    setup.proxy.accept()?;
    let mut later = setup.client().await?;
    later.write_all(PING).await?;
    expect(&mut later, "+PONG\r\n").await
}

#[tokio::test]
async fn a_redirection_leaves_open_connections_and_a_switch_cuts_them() -> Result<()> {
    let mut setup = Setup::new().await?;
    let other = RedisServer::start().await?;
    other.connection().await?.set::<_, _, ()>("log", "other").await?;
    setup.behind.set::<_, _, ()>("log", "first").await?;

    let mut old = setup.client().await?;
    old.write_all(GET).await?;
    expect(&mut old, "$5\r\nfirst\r\n").await?;
    setup.proxy.redirect(other.port());
    let mut new = setup.client().await?;
    new.write_all(GET).await?;
    expect(&mut new, "$5\r\nother\r\n").await?;
    old.write_all(GET).await?;
    expect(&mut old, "$5\r\nfirst\r\n").await?;

    setup.proxy.switch_to(setup.server.port());
    assert_eq!(rest(&mut old).await?, "");
    assert_eq!(rest(&mut new).await?, "");
    let mut newest = setup.client().await?;
    newest.write_all(GET).await?;
    expect(&mut newest, "$5\r\nfirst\r\n").await
}

#[tokio::test]
async fn a_client_is_cut_off_when_its_server_is_killed() -> Result<()> {
    let mut setup = Setup::new().await?;
    let mut client = setup.client().await?;
    client.write_all(PING).await?;
    expect(&mut client, "+PONG\r\n").await?;
    setup.server.kill();
    assert_eq!(rest(&mut client).await?, "");
    let mut refused = setup.client().await?;
    assert_eq!(rest(&mut refused).await?, "");
    Ok(())
}

#[tokio::test]
async fn requests_are_recorded_connection_by_connection() -> Result<()> {
    let setup = Setup::new().await?;
    setup.proxy.record();
    let mut one = setup.client().await?;
    one.write_all(PING).await?;
    expect(&mut one, "+PONG\r\n").await?;
    let mut two = setup.client().await?;
    two.write_all(APPEND).await?;
    expect(&mut two, ":4\r\n").await?;
    one.write_all(GET).await?;
    expect(&mut one, "$4\r\nline\r\n").await?;
    assert_eq!(setup.proxy.recorded(), [[PING, GET].concat(), APPEND.to_vec()]);
    two.write_all(PING).await?;
    expect(&mut two, "+PONG\r\n").await?;
    assert_eq!(setup.proxy.recorded(), [Vec::new(), PING.to_vec()]);
    Ok(())
}

#[tokio::test]
async fn a_client_library_works_through_it_with_subscriptions_and_transactions() -> Result<()> {
    let setup = Setup::new().await?;
    let client = redis::Client::open(format!("{}?protocol=resp3", setup.proxy.url()))?;
    let (sender, mut pushed) = tokio::sync::mpsc::unbounded_channel();
    let config = redis::AsyncConnectionConfig::new().set_push_sender(sender);
    let mut connection = client.get_multiplexed_async_connection_with_config(&config).await?;
    connection.subscribe("news").await?;
    let (first, second): (i64, i64) =
        redis::pipe().atomic().incr("n", 1).incr("n", 1).query_async(&mut connection).await?;
    assert_eq!((first, second), (1, 2));

    let fault = setup.proxy.inject(Trigger::command("INCRBY"), Fault::CutBeforeReply);
    setup.behind.clone().publish::<_, _, ()>("news", "hello").await?;
    while let Some(push) = pushed.recv().await {
        if push.kind == redis::PushKind::Message {
            break;
        }
    }
    assert!(connection.incr::<_, _, i64>("n", 1).await.is_err());
    fault.until_executed().await;
    assert_eq!(setup.behind.clone().get::<_, i64>("n").await?, 3);
    Ok(())
}
