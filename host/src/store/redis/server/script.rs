//! Scripts: each is one atomic step on the server. A script's contract stands in its text, and beside it the one function
//! that calls it.

use std::time::Instant;

use redis::{Cmd, FromRedisValue, ToRedisArgs};

use super::auto_pipeline::Request;
use super::connection::Connection;
use super::{Answer, Failure, Link, Next, parse};
use crate::store::Result;

/// A script with its text and its name on the server.
pub(in crate::store::redis) struct Script {
    text: String,
    hash: String,
}

impl Script {
    /// A script that may be carried out again: one that looks before it writes, and keeps no count.
    pub(in crate::store::redis) fn new(text: &str) -> Self {
        Self { hash: redis::Script::new(text).get_hash().to_owned(), text: text.to_owned() }
    }

    /// A script behind the prelude, which carries it out once: see [`Session`](super::Session).
    pub(in crate::store::redis) fn once(body: &str) -> Self {
        Self::once_with("", body)
    }

    /// The same, with a beginning that stands before the helpers: to make them takes the server some of the time of a short
    /// script, which may end there.
    pub(in crate::store::redis) fn once_with(beginning: &str, body: &str) -> Self {
        Self::new(&[include_str!("prelude.lua"), beginning, include_str!("helpers.lua"), body].join("\n"))
    }

    /// Runs it.
    pub(in crate::store::redis) async fn run<T: FromRedisValue>(
        &self,
        link: &Link,
        keys: &[impl ToRedisArgs],
        args: &[impl AsRef<[u8]>],
        deadline: Instant,
    ) -> Answer<T> {
        let request =
            |with_text: bool| move |on: &Connection| on.scripted(|| Request::One(self.command(with_text, keys, args)));
        let value = match link.call(deadline, request(false)).await {
            Err(Failure { next: Next::WithText, .. }) => link.call(deadline, request(true)).await?,
            answer => answer?,
        };
        Ok(parse(value)?)
    }

    /// Runs it once for each of several keys and arguments, in one go.
    pub(in crate::store::redis) async fn run_each<T: FromRedisValue>(
        &self,
        link: &Link,
        calls: &[(Vec<String>, Vec<String>)],
        deadline: Instant,
    ) -> Result<Vec<T>> {
        if calls.is_empty() {
            return Ok(Vec::new());
        }
        let request = |on: &Connection| {
            on.scripted(|| {
                let mut pipeline = redis::pipe();
                // The first one brings the text, so that the server knows the script for the others.
                for (at, (keys, args)) in calls.iter().enumerate() {
                    pipeline.add_command(self.command(at == 0, keys, args));
                }
                Request::Several(pipeline)
            })
        };
        parse(link.call(deadline, request).await?)
    }

    /// How a command begins that runs it: by its name, or by its text for a server that does not know it.
    pub(super) fn call(&self, with_text: bool) -> (&'static str, &str) {
        if with_text { ("EVAL", &self.text) } else { ("EVALSHA", &self.hash) }
    }

    fn command(&self, with_text: bool, keys: &[impl ToRedisArgs], args: &[impl AsRef<[u8]>]) -> Cmd {
        let (name, code) = self.call(with_text);
        let mut cmd = redis::cmd(name);
        cmd.arg(code).arg(keys.len()).arg(keys);
        for arg in args {
            cmd.arg(arg.as_ref());
        }
        cmd
    }
}
