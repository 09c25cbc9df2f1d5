//! What becomes of accepted tasks when the primary dies and a sentinel puts its replica in its place.

use std::collections::BTreeSet;
use std::time::Duration;

use anyhow::Result;
use futures_util::future::join_all;
use task_state_tests::command::Shell;
use task_state_tests::redis_server::RedisServer;
use task_state_tests::sentinel::Sentinel;
use task_state_tests::tasks::{Access, Status, TaskId, messages};
use task_state_tests::wait::{eventually, within};

use crate::fixture::{Serving, Task, plugin};

/// How long a task may take to its end. It only bounds a test that fails.
const PATIENCE: Duration = Duration::from_secs(180);

/// How many tasks are submitted, some before the primary dies, some while it is away, some after.
const TASKS: usize = 120;

#[tokio::test(flavor = "multi_thread")]
async fn what_was_accepted_ends_once_although_the_primary_is_lost() -> Result<()> {
    let mut primary = RedisServer::builder().start().await?;
    let replica = RedisServer::builder().replica_of(&primary).start().await?;
    replica.synchronised().await?;
    let sentinel = Sentinel::start(&primary, 1).await?;
    let shell = Shell::at(format!("{}?replicas=1", sentinel.url()))?;
    let serving = Serving::start(shell, &plugin("'analytics'", "attempts = 3\nbackoff = '10ms'")).await?;
    let submit = async |number: usize| -> Option<String> {
        let task = Task::to(&format!("t{number}"), "nothing");
        task.save(&serving.store).await.ok()?;
        let answer = serving.submit(&task).await.ok()?;
        (answer.status == 202).then_some(task.task_id)
    };
    let mut accepted = BTreeSet::new();
    let (before, rest) = (TASKS / 4, TASKS / 2);
    accepted.extend(join_all((0..before).map(submit)).await.into_iter().flatten());
    assert_eq!(accepted.len(), before, "all are accepted while the primary is there");
    let dying = async {
        primary.kill();
        // The replica takes writes by now, and so a new one has to follow it, as an operator would see to.
        eventually("the replica is the primary", async || {
            replica.info("replication").await.is_ok_and(|info| info.get("role").is_some_and(|role| role == "master"))
        })
        .await;
        let second = RedisServer::builder().replica_of(&replica).start().await?;
        second.synchronised().await?;
        Ok::<_, anyhow::Error>(second)
    };
    let (meanwhile, second) = tokio::join!(join_all((before..rest).map(submit)), dying);
    let _second = second?;
    accepted.extend(meanwhile.into_iter().flatten());
    for number in rest..TASKS {
        let mut id = None;
        eventually("accepted after the failover", async || {
            id = submit(number).await;
            id.is_some()
        })
        .await;
        accepted.extend(id);
    }
    for id in &accepted {
        let task_id = TaskId::new(id.as_str())?;
        // One whose run lost its lease is begun anew when that is over.
        let is_over = async || serving.store.status(&task_id, &Access::ANY).await.ok().filter(|now| now.is_terminal());
        assert_eq!(within(PATIENCE, "it ends", is_over).await, Status::Completed, "{id}");
        let task = serving.store.get(&task_id, &Access::ANY).await?;
        let at_work = messages(&task).iter().filter(|message| *message == "at work").count();
        assert_eq!(at_work, 1, "{id}: {:?}", messages(&task));
    }
    Ok(())
}
