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
struct Fixture {
    server: RedisServer,
    proxy: Proxy,
    behind: MultiplexedConnection,
}

impl Fixture {
    async fn new() -> Result<Self> {
        let server = RedisServer::start().await?;
        let proxy = Proxy::start(server.port()).await?;
        let behind = server.connection().await?;
        Ok(Self { server, proxy, behind })
    }

    async fn client(&self) -> Result<Client> {
        Ok(Client(TcpStream::connect(("127.0.0.1", self.proxy.port())).await?))
    }

    /// What the server holds.
    async fn log(&mut self) -> Result<String> {
        Ok(self.behind.get::<_, Option<String>>("log").await?.unwrap_or_default())
    }
}

struct Client(TcpStream);

impl Client {
    async fn send(&mut self, requests: &[&[u8]]) -> Result<()> {
        Ok(self.0.write_all(&requests.concat()).await?)
    }

    /// Exactly this answer.
    async fn expect(&mut self, answer: &str) -> Result<()> {
        let mut found = vec![0; answer.len()];
        self.0.read_exact(&mut found).await?;
        assert_eq!(String::from_utf8(found)?, answer);
        Ok(())
    }

    async fn ask(&mut self, request: &[u8], answer: &str) -> Result<()> {
        self.send(&[request]).await?;
        self.expect(answer).await
    }

    /// Everything until the connection ends.
    async fn rest(&mut self) -> Result<String> {
        let mut rest = String::new();
        self.0.read_to_string(&mut rest).await?;
        Ok(rest)
    }

    async fn is_silent(&mut self) -> bool {
        tokio::time::timeout(NEVER, self.0.read_u8()).await.is_err()
    }
}

#[tokio::test]
async fn without_faults_everything_goes_through_and_is_counted() -> Result<()> {
    let mut fixture = Fixture::new().await?;
    let answers = ":4\r\n$4\r\nline\r\n";
    fixture.client().await?.ask(&[APPEND, GET].concat(), answers).await?;
    let counts = fixture.proxy.counts();
    assert_eq!((counts.connections, counts.requests, counts.replies), (1, 2, 2));
    assert_eq!(counts.bytes_up, (APPEND.len() + GET.len()) as u64);
    assert_eq!(counts.bytes_down, answers.len() as u64);
    assert_eq!(fixture.log().await?, "line");
    Ok(())
}

#[tokio::test]
async fn a_cut_comes_where_its_name_says_and_nothing_behind_it_is_executed() -> Result<()> {
    for (cut, seen, executed, log) in [
        (Fault::CutBeforeRequest, "", 0, ""),
        (Fault::CutBeforeReply, "", 1, "line"),
        (Fault::CutInReply, ":4", 1, "line"),
    ] {
        let mut fixture = Fixture::new().await?;
        let fault = fixture.proxy.inject(Trigger::command("append"), cut);
        let mut client = fixture.client().await?;
        client.ask(PING, "+PONG\r\n").await?;
        client.send(&[APPEND, APPEND]).await?;
        assert_eq!(client.rest().await?, seen, "{cut:?}");
        assert_eq!((fault.hits(), fault.executed()), (1, executed), "{cut:?}");
        assert_eq!(fixture.log().await?, log, "{cut:?}");
    }
    Ok(())
}

#[tokio::test]
async fn a_cut_in_the_request_shows_the_server_half_of_it() -> Result<()> {
    let server = TcpListener::bind(("127.0.0.1", 0)).await?;
    let proxy = Proxy::start(server.local_addr()?.port()).await?;
    proxy.inject(Trigger::command("APPEND"), Fault::CutInRequest);
    let mut client = Client(TcpStream::connect(("127.0.0.1", proxy.port())).await?);
    client.send(&[PING, APPEND]).await?;
    let (mut accepted, _) = server.accept().await?;
    let mut seen = Vec::new();
    accepted.read_to_end(&mut seen).await?;
    assert_eq!(seen, [PING, &APPEND[..APPEND.len() / 2]].concat());
    assert_eq!(client.rest().await?, "");
    Ok(())
}

#[tokio::test]
async fn nothing_follows_what_is_swallowed() -> Result<()> {
    for (swallow, log) in [(Fault::SwallowRequest, ""), (Fault::SwallowReply, "line")] {
        let mut fixture = Fixture::new().await?;
        let fault = fixture.proxy.inject(Trigger::command("APPEND"), swallow);
        let mut client = fixture.client().await?;
        client.ask(PING, "+PONG\r\n").await?;
        client.send(&[APPEND, PING]).await?;
        fault.until_hit().await;
        if swallow == Fault::SwallowReply {
            fault.until_executed().await;
        }
        assert!(client.is_silent().await);
        assert_eq!(fixture.log().await?, log);
    }
    Ok(())
}

#[tokio::test]
async fn a_stalled_request_is_executed_when_it_is_released_though_its_client_has_gone() -> Result<()> {
    let mut fixture = Fixture::new().await?;
    let fault = fixture.proxy.inject(Trigger::command("APPEND"), Fault::StallRequest);
    let mut client = fixture.client().await?;
    client.send(&[APPEND]).await?;
    fault.until_hit().await;
    drop(client);
    assert_eq!(fixture.log().await?, "");
    fault.release();
    fault.until_executed().await;
    assert_eq!(fixture.log().await?, "line");
    Ok(())
}

#[tokio::test]
async fn a_stalled_reply_comes_late() -> Result<()> {
    let mut fixture = Fixture::new().await?;
    let fault = fixture.proxy.inject(Trigger::command("APPEND"), Fault::StallReply);
    let mut client = fixture.client().await?;
    client.send(&[APPEND, PING]).await?;
    fault.until_executed().await;
    assert_eq!(fixture.log().await?, "line");
    assert!(client.is_silent().await);
    fault.release();
    client.expect(":4\r\n+PONG\r\n").await
}

#[tokio::test]
async fn a_fault_befalls_the_requests_that_its_trigger_picks() -> Result<()> {
    let mut fixture = Fixture::new().await?;
    let fault = fixture.proxy.inject(Trigger::containing("line").after(1).times(2), Fault::CutBeforeRequest);
    for expected in ["line", "line", "line", "lineline"] {
        let mut client = fixture.client().await?;
        client.send(&[PING, APPEND]).await?;
        client.0.shutdown().await?;
        client.rest().await?;
        assert_eq!(fixture.log().await?, expected);
    }
    assert_eq!(fault.hits(), 2);

    fixture.proxy.inject(Trigger::next().always(), Fault::CutBeforeRequest);
    let mut client = fixture.client().await?;
    client.send(&[PING]).await?;
    assert_eq!(client.rest().await?, "");
    fixture.proxy.clear();
    let mut client = fixture.client().await?;
    client.ask(PING, "+PONG\r\n").await
}

#[tokio::test]
async fn new_connections_are_refused_while_open_ones_go_on() -> Result<()> {
    let fixture = Fixture::new().await?;
    let mut open = fixture.client().await?;
    open.ask(PING, "+PONG\r\n").await?;
    fixture.proxy.refuse().await;
    let refused = TcpStream::connect(("127.0.0.1", fixture.proxy.port())).await;
    assert_eq!(refused.unwrap_err().kind(), std::io::ErrorKind::ConnectionRefused);
    open.ask(PING, "+PONG\r\n").await?;
    fixture.proxy.accept()?;
    fixture.client().await?.ask(PING, "+PONG\r\n").await
}

#[tokio::test]
async fn a_redirection_leaves_open_connections_and_a_switch_cuts_them() -> Result<()> {
    let mut fixture = Fixture::new().await?;
    let other = RedisServer::start().await?;
    other.connection().await?.set::<_, _, ()>("log", "other").await?;
    fixture.behind.set::<_, _, ()>("log", "first").await?;

    let mut old = fixture.client().await?;
    old.ask(GET, "$5\r\nfirst\r\n").await?;
    fixture.proxy.redirect(other.port());
    let mut new = fixture.client().await?;
    new.ask(GET, "$5\r\nother\r\n").await?;
    old.ask(GET, "$5\r\nfirst\r\n").await?;

    fixture.proxy.switch_to(fixture.server.port());
    assert_eq!(old.rest().await?, "");
    assert_eq!(new.rest().await?, "");
    fixture.client().await?.ask(GET, "$5\r\nfirst\r\n").await
}

#[tokio::test]
async fn a_client_is_cut_off_when_its_server_is_killed() -> Result<()> {
    let mut fixture = Fixture::new().await?;
    let mut client = fixture.client().await?;
    client.ask(PING, "+PONG\r\n").await?;
    fixture.server.kill();
    assert_eq!(client.rest().await?, "");
    let mut refused = fixture.client().await?;
    assert_eq!(refused.rest().await?, "");
    Ok(())
}

#[tokio::test]
async fn requests_are_recorded_connection_by_connection() -> Result<()> {
    let fixture = Fixture::new().await?;
    fixture.proxy.record();
    let mut one = fixture.client().await?;
    one.ask(PING, "+PONG\r\n").await?;
    let mut two = fixture.client().await?;
    two.ask(APPEND, ":4\r\n").await?;
    one.ask(GET, "$4\r\nline\r\n").await?;
    assert_eq!(fixture.proxy.recorded(), [[PING, GET].concat(), APPEND.to_vec()]);
    two.ask(PING, "+PONG\r\n").await?;
    assert_eq!(fixture.proxy.recorded(), [Vec::new(), PING.to_vec()]);
    Ok(())
}

#[tokio::test]
async fn a_client_library_works_through_it_with_subscriptions_and_transactions() -> Result<()> {
    let fixture = Fixture::new().await?;
    let client = redis::Client::open(format!("{}?protocol=resp3", fixture.proxy.url()))?;
    let (sender, mut pushed) = tokio::sync::mpsc::unbounded_channel();
    let config = redis::AsyncConnectionConfig::new().set_push_sender(sender);
    let mut connection = client.get_multiplexed_async_connection_with_config(&config).await?;
    connection.subscribe("news").await?;
    let (first, second): (i64, i64) =
        redis::pipe().atomic().incr("n", 1).incr("n", 1).query_async(&mut connection).await?;
    assert_eq!((first, second), (1, 2));

    let fault = fixture.proxy.inject(Trigger::command("INCRBY"), Fault::CutBeforeReply);
    fixture.behind.clone().publish::<_, _, ()>("news", "hello").await?;
    while let Some(push) = pushed.recv().await {
        if push.kind == redis::PushKind::Message {
            break;
        }
    }
    assert!(connection.incr::<_, _, i64>("n", 1).await.is_err());
    fault.until_executed().await;
    assert_eq!(fixture.behind.clone().get::<_, i64>("n").await?, 3);
    Ok(())
}
