//! What is accepted, what is refused and in which state the task is then, and when a run starts.

use task_state_host::dispatch::SubmitError;
use task_state_host::store::Pause;

use super::*;

on_both_engines! {
    a_task_that_is_submitted_is_run,
    accepted_twice_is_run_once,
    what_a_frontend_has_set_running_is_run_all_the_same,
    a_run_starts_once_the_frontend_has_written_what_it_writes,
    a_run_starts_after_the_settling_time_although_the_frontend_writes_nothing,
    what_is_refused_for_good_is_failed_with_the_reason,
    a_wrong_second_submission_leaves_the_task_alone,
    parameters_are_compared_by_what_they_say,
    nothing_is_accepted_that_is_paused_or_too_much,
    what_has_ended_or_is_not_there_is_not_accepted,
}

async fn a_task_that_is_submitted_is_run(data: Data) {
    let platform = Platform::start(&data).await;
    let id = platform.submit("1", "log-steadily 3").await;
    platform.becomes(&id, Status::Completed).await;
    assert_eq!(platform.log(&id).await, ["entry 0", "entry 1", "entry 2"]);
    eventually("its place is free", async || platform.dispatcher.active() == 0).await;
    assert_eq!(platform.waiting().await, 0);
}

async fn accepted_twice_is_run_once(data: Data) {
    let platform = Arc::new(Platform::start(&data).await);
    let id = register(&platform.store, "1", "alice", "log-steadily 20", Status::Pending).await;
    let accepted = at_once(8, |_| {
        let (platform, submission) = (platform.clone(), submission(&id, "log-steadily 20"));
        async move { platform.dispatcher.submit(&submission).await }
    });
    assert!(accepted.await.iter().all(Result::is_ok));
    // Also while it runs.
    platform.logged(&id, "entry 0").await;
    platform.dispatcher.submit(&submission(&id, "log-steadily 20")).await.unwrap();
    platform.becomes(&id, Status::Completed).await;
    let entries: Vec<String> = (0..20).map(|number| format!("entry {number}")).collect();
    assert_eq!(platform.log(&id).await, entries);
}

async fn what_a_frontend_has_set_running_is_run_all_the_same(data: Data) {
    let platform = Platform::start(&data).await;
    let id = register(&platform.store, "1", "alice", "nothing", Status::Running).await;
    platform.dispatcher.submit(&submission(&id, "nothing")).await.unwrap();
    platform.becomes(&id, Status::Completed).await;
}

async fn a_run_starts_once_the_frontend_has_written_what_it_writes(data: Data) {
    let platform = Platform::with(&data, |builder| builder.settle(LONG), |_| {}).await;
    let id = register(&platform.store, "1", "alice", "log-steadily 1", Status::Dispatching).await;
    platform.dispatcher.submit(&submission(&id, "log-steadily 1")).await.unwrap();
    assert_eq!((platform.waiting().await, platform.dispatcher.active()), (1, 0));
    for change in [Change::logs(["acknowledged"]), Change::status(Status::Running)] {
        platform.store.change(&id, change, &Access::ANY).await.unwrap();
    }
    platform.becomes(&id, Status::Completed).await;
    assert_eq!(platform.log(&id).await, ["acknowledged", "entry 0"]);
}

async fn a_run_starts_after_the_settling_time_although_the_frontend_writes_nothing(data: Data) {
    let platform = Platform::with(&data, |builder| builder.settle(Duration::from_millis(50)), |_| {}).await;
    let id = register(&platform.store, "1", "alice", "nothing", Status::Dispatching).await;
    platform.dispatcher.submit(&submission(&id, "nothing")).await.unwrap();
    platform.becomes(&id, Status::Completed).await;
}

async fn what_is_refused_for_good_is_failed_with_the_reason(data: Data) {
    let platform = Platform::with(&data, |builder| builder, |route| route.users = Allowed::only(["alice"])).await;
    let sync = owned_draft("sync", "sync", "alice");
    save(&platform.store, sync).await;
    for name in ["service", "user", "parameters"] {
        register(&platform.store, name, "alice", "nothing", Status::Dispatching).await;
    }
    register(&platform.store, "bob", "bob", "nothing", Status::Dispatching).await;
    let said = |id: &str, set: fn(&mut Submission)| {
        let mut submission = submission(&task_id(id), "nothing");
        set(&mut submission);
        submission
    };
    for (submission, why) in [
        (
            said("service", |said| said.service = "sync".to_owned()),
            "the submission does not match the stored task: the service is \"analytics\", not \"sync\"",
        ),
        (
            said("user", |said| said.user_id = "bob".to_owned()),
            "the submission does not match the stored task: the user_id is \"alice\", not \"bob\"",
        ),
        (
            said("parameters", |said| said.parameters = JsonObject::default()),
            "the submission does not match the stored task: the parameters differ",
        ),
        (
            said("sync", |said| (said.service, said.parameters) = ("sync".to_owned(), JsonObject::default())),
            "no plugin runs tasks of the service \"sync\" for the user \"alice\"",
        ),
        (
            said("bob", |said| said.user_id = "bob".to_owned()),
            "no plugin runs tasks of the service \"analytics\" for the user \"bob\"",
        ),
    ] {
        assert_eq!(platform.dispatcher.submit(&submission).await.unwrap_err().to_string(), why);
        let id = &submission.task_id;
        assert_eq!((platform.task(id).await.status(), platform.log(id).await), (Status::Failed, vec![why.to_owned()]));
    }
    assert_eq!(platform.waiting().await, 0);
}

async fn a_wrong_second_submission_leaves_the_task_alone(data: Data) {
    let platform = Platform::start(&data).await;
    let id = platform.submit("1", "stop-when-asked").await;
    platform.logged(&id, "running").await;
    let refused = platform.dispatcher.submit(&submission(&id, "nothing")).await;
    assert!(matches!(refused, Err(SubmitError::Mismatch(_))), "{refused:?}");
    assert_eq!((platform.task(&id).await.status(), platform.log(&id).await.len()), (Status::Running, 1));
    platform.host.shutdown().await;
}

async fn parameters_are_compared_by_what_they_say(data: Data) {
    let platform = Platform::start(&data).await;
    let mut draft = draft("1");
    draft.parameters = json(r#"{"mode": "nothing", "rows": 1, "names": ["é"]}"#);
    let id = save(&platform.store, draft).await;
    let mut submission = submission(&id, "nothing");
    submission.parameters = json(r#"{"names":["\u00e9"],"rows":1.0,"mode":"nothing"}"#);
    platform.dispatcher.submit(&submission).await.unwrap();
    platform.becomes(&id, Status::Completed).await;
}

async fn nothing_is_accepted_that_is_paused_or_too_much(data: Data) {
    let platform = Platform::with(&data, |builder| builder.max_waiting(1), |route| route.concurrency = 1).await;
    let id = register(&platform.store, "1", "alice", "nothing", Status::Dispatching).await;
    let queue = platform.store.queue();
    let pauses =
        [Pause::All, Pause::Service(Service::new("analytics").unwrap()), Pause::User(UserId::new("alice").unwrap())];
    for pause in pauses {
        queue.pause(&pause).await.unwrap();
        let refused = platform.dispatcher.submit(&submission(&id, "nothing")).await;
        assert!(matches!(refused, Err(SubmitError::Paused)), "{pause}: {refused:?}");
        queue.resume(&pause).await.unwrap();
    }
    assert_eq!(platform.task(&id).await.status(), Status::Dispatching);

    let running = platform.submit("running", "stop-when-asked").await;
    platform.logged(&running, "running").await;
    let refused = async || match platform.dispatcher.submit(&submission(&id, "nothing")).await {
        Err(SubmitError::Full { waiting: 1, most: 1 }) => true,
        Ok(()) => false,
        other => panic!("{other:?}"),
    };
    let next = register(&platform.store, "next", "alice", "nothing", Status::Pending).await;
    eventually("there is room", async || platform.dispatcher.submit(&submission(&next, "nothing")).await.is_ok()).await;
    assert!(refused().await);
    platform.host.run_of(&running).unwrap().cancel();
    platform.becomes(&next, Status::Completed).await;
    eventually("there is room again", async || !refused().await).await;
}

async fn what_has_ended_or_is_not_there_is_not_accepted(data: Data) {
    let platform = Platform::start(&data).await;
    for status in [Status::Completed, Status::Failed, Status::Cancelled] {
        let id = register(&platform.store, status.as_str(), "alice", "nothing", status).await;
        let refused = platform.dispatcher.submit(&submission(&id, "nothing")).await;
        assert!(matches!(refused, Err(SubmitError::Ended(ended)) if ended == status), "{refused:?}");
        assert_eq!(platform.task(&id).await.status(), status);
    }
    let refused = platform.dispatcher.submit(&submission(&task_id("missing"), "nothing")).await;
    assert!(matches!(refused, Err(SubmitError::Unknown)), "{refused:?}");
}
