//! The input of a task is the standard input of its run.

use bytes::Bytes;
use task_state_host::store::InputId;
use task_state_tests::proxy::Proxy;

use super::processes::Process;
use super::*;

on_both_engines! {
    the_input_of_a_task_is_the_standard_input_of_its_run,
    a_task_without_an_input_reads_an_empty_one,
    each_of_many_tasks_reads_its_own_input,
    another_attempt_reads_the_input_from_the_start,
    an_input_goes_with_the_end_of_the_last_attempt,
    an_input_goes_with_a_task_that_is_cancelled,
}

/// Registers a task with an input, and puts it into the queue.
async fn submit_with(platform: &Platform, id: &str, input: &Bytes) -> TaskId {
    let task = register(&platform.store, id, "alice", "", Status::Pending).await;
    attach(&platform.store, &task, input).await;
    platform.dispatcher.submit(&submission(&task, "")).await.unwrap();
    task
}

async fn attach(store: &SharedStore, task: &TaskId, bytes: &Bytes) {
    let input = InputId::unique();
    store.put_input(&input, 0, bytes.clone()).await.unwrap();
    store.attach_input(&input, task, &Access::ANY).await.unwrap();
}

async fn has_input(platform: &Platform, task: &TaskId) -> bool {
    platform.store.input(task, 0, 1).await.unwrap().is_some()
}

/// A mode of the plugin, and so many lines, each a number and some kilobytes.
fn lines(mode: &str, count: usize, bytes: usize) -> Bytes {
    let filling = "x".repeat(bytes);
    let lines = (0..count).map(|number| format!("{number} {filling}\n"));
    std::iter::once(format!("{mode}\n")).chain(lines).collect::<String>().into()
}

fn numbers(count: usize) -> Vec<String> {
    (0..count).map(|number| number.to_string()).collect()
}

async fn the_input_of_a_task_is_the_standard_input_of_its_run(data: Data) {
    let platform = Platform::start(&data).await;
    let mut input = b"count-input\n".to_vec();
    input.resize(input.len() + (3 << 20), 0xff);
    let task = submit_with(&platform, "1", &input.into()).await;
    platform.becomes(&task, Status::Completed).await;
    assert_eq!(platform.task(&task).await.result().launcher_output.as_deref(), Some("3145728 bytes\n"));
    assert!(!has_input(&platform, &task).await);
}

async fn a_task_without_an_input_reads_an_empty_one(data: Data) {
    let platform = Platform::start(&data).await;
    let task = platform.submit("1", "count-input").await;
    platform.becomes(&task, Status::Completed).await;
    assert_eq!(platform.task(&task).await.result().launcher_output.as_deref(), Some("0 bytes\n"));
}

async fn each_of_many_tasks_reads_its_own_input(data: Data) {
    let platform = Platform::start(&data).await;
    let mut tasks = Vec::new();
    for number in 0..12 {
        tasks.push(submit_with(&platform, &number.to_string(), &lines("log-input", number, 1)).await);
    }
    for (number, task) in tasks.iter().enumerate() {
        platform.becomes(task, Status::Completed).await;
        assert_eq!(platform.log(task).await, numbers(number));
    }
}

async fn another_attempt_reads_the_input_from_the_start(data: Data) {
    const LINES: usize = 150;
    let platform = Platform::idle(&data, |builder| builder).await;
    let task = register(&platform.store, "1", "alice", "", Status::Pending).await;
    // Several pieces, of which some are read when the process is killed.
    attach(&platform.store, &task, &lines("log-input", LINES, 8 << 10)).await;
    assert!(platform.store.queue().enqueue(&task, Duration::ZERO, &Access::ANY).await.unwrap());
    let process = Process::start(&data.url(), 2);
    eventually("it works", async || platform.log(&task).await.len() >= LINES / 2).await;
    drop(process);
    assert!(has_input(&platform, &task).await);
    let mut route = Route::new(platform.plugin().await, ["analytics"]);
    route.attempts = 2;
    platform.dispatcher.set_routes(vec![route]);
    platform.becomes(&task, Status::Completed).await;
    let log = platform.log(&task).await;
    let before = log.strip_suffix(numbers(LINES).as_slice()).unwrap();
    assert!(before.last().unwrap().contains("is gone"), "{before:?}");
    assert!(!has_input(&platform, &task).await);
}

async fn an_input_goes_with_the_end_of_the_last_attempt(data: Data) {
    let set = |route: &mut Route| (route.attempts, route.backoff) = (2, Duration::from_millis(1));
    let platform = Platform::with(&data, |builder| builder, set).await;
    let task = submit_with(&platform, "1", &lines("no such mode", 1, 1)).await;
    platform.becomes(&task, Status::Failed).await;
    let log = platform.log(&task).await;
    assert_eq!(log.iter().filter(|entry| entry.contains("no such mode")).count(), 2, "{log:?}");
    assert!(!has_input(&platform, &task).await);
}

async fn an_input_goes_with_a_task_that_is_cancelled(data: Data) {
    let platform = Platform::start(&data).await;
    let running = submit_with(&platform, "running", &lines("stop-when-asked", 1, 1)).await;
    platform.logged(&running, "running").await;
    assert!(has_input(&platform, &running).await);
    platform.store.queue().pause(&task_state_host::store::Pause::All).await.unwrap();
    let waiting = register(&platform.store, "waiting", "alice", "", Status::Pending).await;
    attach(&platform.store, &waiting, &lines("nothing", 1, 1)).await;
    assert!(platform.store.queue().enqueue(&waiting, Duration::ZERO, &Access::ANY).await.unwrap());
    for task in [running, waiting] {
        let status = platform.dispatcher.cancel(&cancellation(&task), LONG).await.unwrap();
        assert_eq!(status, Status::Cancelled);
        assert!(!has_input(&platform, &task).await);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_guest_that_reads_waits_while_the_store_is_away() {
    const LINES: usize = 100;
    let server = RedisServer::start().await.unwrap();
    let proxy = Proxy::start(server.port()).await.unwrap();
    let store = redis_store::connect(&proxy.url(), |_| {}).await;
    let platform = Platform::on(store, |builder| builder);
    platform.dispatcher.set_routes(vec![Route::new(platform.plugin().await, ["analytics"])]);
    let task = submit_with(&platform, "1", &lines("log-input", LINES, 8 << 10)).await;
    let straight: SharedStore = redis_store::connect(&server.url(), |_| {}).await;
    let logged = async || messages(&get(&straight, &task).await).len();
    for part in 1..5 {
        eventually("it goes on", async || logged().await >= part * LINES / 5).await;
        proxy.refuse().await;
        proxy.cut_all();
        proxy.accept().unwrap();
    }
    platform.becomes(&task, Status::Completed).await;
    assert_eq!(platform.log(&task).await, numbers(LINES));
}
