//! Plugins that fail or cannot be started, and a store that is away.

use task_state_host::dispatch::SubmitError;
use task_state_host::plugin::{Capabilities, Directory};
use task_state_host::{Limits, LoadRequest};
use task_state_tests::proxy::Proxy;

use super::*;

on_both_engines! {
    a_plugin_that_fails_is_tried_as_often_as_its_route_says,
    a_plugin_that_fails_is_not_tried_again_unless_its_route_says_so,
    a_task_that_cannot_be_started_is_failed_with_the_reason,
    a_run_has_the_limits_of_its_route,
    a_task_that_goes_or_ends_while_it_waits_leaves_the_queue,
}

const WHY: &str = "no such mode: \"fail\"";

async fn a_plugin_that_fails_is_tried_as_often_as_its_route_says(data: Data) {
    let thrice = |route: &mut Route| (route.attempts, route.backoff) = (3, Duration::from_millis(10));
    let platform = Platform::with(&data, |builder| builder, thrice).await;
    let id = platform.submit("1", "fail").await;
    platform.becomes(&id, Status::Failed).await;
    let log = platform.log(&id).await;
    assert_eq!(log.iter().filter(|entry| *entry == WHY).count(), 3, "{log:?}");
    assert_eq!(log.iter().filter(|entry| entry.starts_with("attempt ")).count(), 2, "{log:?}");
    assert_eq!(platform.waiting().await, 0);
}

async fn a_plugin_that_fails_is_not_tried_again_unless_its_route_says_so(data: Data) {
    let platform = Platform::start(&data).await;
    let id = platform.submit("1", "fail").await;
    platform.becomes(&id, Status::Failed).await;
    assert_eq!(platform.log(&id).await, [WHY]);
}

async fn a_task_that_cannot_be_started_is_failed_with_the_reason(data: Data) {
    let platform = Platform::idle(&data, |builder| builder).await;
    let lent = Capabilities::none().directory(Directory::new("/no/such/directory", "/data").unwrap());
    let request = LoadRequest::new(Grants::for_services(["analytics"])).capabilities(lent);
    let plugin = platform.host.load_file(guest("report"), request).await.unwrap();
    platform.dispatcher.set_routes(vec![Route::new(plugin, ["analytics"])]);
    let id = platform.submit("1", "nothing").await;
    platform.becomes(&id, Status::Failed).await;
    let log = platform.log(&id).await;
    assert!(log.len() == 1 && log[0].starts_with("the task cannot be started: cannot lend the directory"), "{log:?}");
    eventually("its place is free", async || platform.dispatcher.active() == 0).await;
    assert_eq!(platform.waiting().await, 0);
}

async fn a_run_has_the_limits_of_its_route(data: Data) {
    let short = |route: &mut Route| {
        let mut limits = Limits::default();
        limits.wall_clock = Duration::from_millis(100);
        route.limits = Some(limits);
    };
    let platform = Platform::with(&data, |builder| builder, short).await;
    let id = platform.submit("1", "stop-when-asked").await;
    platform.becomes(&id, Status::Failed).await;
    assert_eq!(platform.log(&id).await.last().unwrap(), "wall-clock limit of 100ms exceeded");
}

async fn a_task_that_goes_or_ends_while_it_waits_leaves_the_queue(data: Data) {
    let platform = Platform::with(&data, |builder| builder, |route| route.concurrency = 1).await;
    let running = platform.submit("running", "stop-when-asked").await;
    platform.logged(&running, "running").await;
    let ended = platform.submit("ended", "log-steadily 1").await;
    let gone = platform.submit("gone", "log-steadily 1").await;
    // Saved by another, who asks nobody.
    register(&platform.store, "ended", "alice", "log-steadily 1", Status::Completed).await;
    platform.store.delete(&gone, &Access::ANY).await.unwrap();
    platform.host.run_of(&running).unwrap().cancel();
    let next = platform.submit("next", "nothing").await;
    platform.becomes(&next, Status::Completed).await;
    assert_eq!(platform.waiting().await, 0);
    assert_eq!((platform.task(&ended).await.status(), platform.log(&ended).await.len()), (Status::Completed, 0));
    assert!(matches!(platform.store.get(&gone, &Access::ANY).await, Err(Error::NotFound)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_store_that_was_away_is_asked_again() {
    let data = Data::redis().await;
    let Data::Redis(server) = &data else { unreachable!() };
    let proxy = Proxy::start(server.port()).await.unwrap();
    let store = redis_store::connect(&proxy.url(), |options| options.deadline = Duration::from_millis(300)).await;
    let platform = Platform::on(store, |builder| builder);
    platform.dispatcher.set_routes(vec![Route::new(platform.plugin().await, ["analytics"])]);
    let before = platform.submit("before", "nothing").await;
    platform.becomes(&before, Status::Completed).await;
    proxy.refuse().await;
    proxy.cut_all();
    let refused = platform.dispatcher.submit(&submission(&before, "nothing")).await;
    assert!(matches!(refused, Err(SubmitError::Store(Error::Unavailable(_)))), "{refused:?}");
    let direct = data.open().await;
    let meanwhile = register(&direct, "meanwhile", "alice", "nothing", Status::Pending).await;
    assert!(direct.queue().enqueue(&meanwhile, Duration::ZERO, &Access::ANY).await.unwrap());
    proxy.accept().unwrap();
    eventually("it is run", async || get(&direct, &meanwhile).await.status() == Status::Completed).await;
}
