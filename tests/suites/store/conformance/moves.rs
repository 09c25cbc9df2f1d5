//! The moves between statuses.

use task_state_host::record::{InvalidTransition, OutputChange, TransitionRule};

use super::fixture::*;
use super::{Engine, Options, promises};

promises! {
    a_status_moves_as_the_table_says,
    a_move_that_is_refused_writes_nothing,
    a_switched_off_rule_allows_every_move,
    the_end_of_a_run_leaves_a_terminal_status,
    a_cancellation_that_was_asked_for_outlives_a_good_end,
    the_end_of_a_run_sets_the_output_that_nobody_has_set,
}

async fn a_status_moves_as_the_table_says<E: Engine>() {
    let (_engine, store) = store::<E>().await;
    for from in Status::ALL {
        for to in Status::ALL {
            let id = save(&store, draft_in("1", from)).await;
            let result = store.change(&id, Change::status(to), &Access::ANY).await;
            if TransitionRule::Forward.allows(from, to) {
                assert_eq!(result.unwrap(), to);
                assert_eq!(store.status(&id, &Access::ANY).await.unwrap(), to);
            } else {
                assert_fails!(result, Error::InvalidTransition(refusal) if refusal == InvalidTransition { from, to });
                assert_eq!(store.status(&id, &Access::ANY).await.unwrap(), from);
            }
        }
    }
}

async fn a_move_that_is_refused_writes_nothing<E: Engine>() {
    let (_engine, store) = store::<E>().await;
    let id = save(&store, draft_in("1", Status::Completed)).await;
    let before = get(&store, &id).await.encode();
    let mut change = Change::status(Status::Running).log("entry");
    change.active_jobs = Some(vec!["job".to_owned()]);
    change.result = pod("p").result;
    assert_fails!(store.change(&id, change, &Access::ANY).await, Error::InvalidTransition(_));
    assert_eq!(get(&store, &id).await.encode(), before);
}

async fn a_switched_off_rule_allows_every_move<E: Engine>() {
    let options = Options { rule: TransitionRule::Any, ..Options::default() };
    let (_engine, store) = store_with::<E>(options).await;
    for from in Status::ALL {
        let id = save(&store, draft_in("1", from)).await;
        for to in Status::ALL {
            assert_eq!(store.change(&id, Change::status(to), &Access::ANY).await.unwrap(), to);
            assert_eq!(store.change(&id, Change::status(from), &Access::ANY).await.unwrap(), from);
        }
    }
}

async fn the_end_of_a_run_leaves_a_terminal_status<E: Engine>() {
    let (_engine, store) = store::<E>().await;
    for from in Status::ALL.into_iter().filter(|status| status.is_terminal()) {
        for end in [Status::Completed, Status::Failed, Status::Cancelled] {
            let id = save(&store, draft_in("1", from)).await;
            let end = Change::finish(end).log("trap");
            assert_eq!(store.change(&id, end, &Access::ANY).await.unwrap(), from);
            let task = get(&store, &id).await;
            assert_eq!(task.status(), from);
            assert_eq!(messages(&task), ["trap"]);
        }
    }
}

async fn a_cancellation_that_was_asked_for_outlives_a_good_end<E: Engine>() {
    let (_engine, store) = store::<E>().await;
    for (from, end, becomes) in [
        (Status::Running, Status::Completed, Status::Completed),
        (Status::Pending, Status::Failed, Status::Failed),
        (Status::CancelRequested, Status::Completed, Status::Cancelled),
        (Status::CancelRequested, Status::Failed, Status::Failed),
        (Status::CancelRequested, Status::Cancelled, Status::Cancelled),
    ] {
        let id = save(&store, draft_in("1", from)).await;
        assert_eq!(store.change(&id, Change::finish(end), &Access::ANY).await.unwrap(), becomes);
        assert_eq!(get(&store, &id).await.status(), becomes);
    }
}

async fn the_end_of_a_run_sets_the_output_that_nobody_has_set<E: Engine>() {
    let (_engine, store) = store::<E>().await;
    let printed = |replaces: Option<&str>, text: &str| OutputChange {
        replaces: vec![replaces.map(str::to_owned)],
        text: text.to_owned(),
    };
    let end = || Change::finish(Status::Completed).output(printed(None, "printed"));
    let id = save(&store, draft_in("1", Status::Running)).await;
    store.change(&id, end(), &Access::ANY).await.unwrap();
    assert_eq!(get(&store, &id).await.result().launcher_output.as_deref(), Some("printed"));

    let id = save(&store, draft_in("2", Status::Running)).await;
    store.change(&id, output(""), &Access::ANY).await.unwrap();
    store.change(&id, end(), &Access::ANY).await.unwrap();
    assert_eq!(get(&store, &id).await.result().launcher_output.as_deref(), Some(""));

    let id = save(&store, draft_in("3", Status::Running)).await;
    for (replaces, text, becomes) in
        [(None, "1\n", "1\n"), (Some("1\n"), "1\n2\n", "1\n2\n"), (Some("1\n"), "x", "1\n2\n")]
    {
        let change = Change::default().output(printed(replaces, text)).log("between");
        assert_eq!(store.change(&id, change, &Access::ANY).await.unwrap(), Status::Running);
        let task = get(&store, &id).await;
        assert_eq!(task.result().launcher_output.as_deref(), Some(becomes));
        assert_eq!(messages(&task).last().map(String::as_str), Some("between"));
    }
}
