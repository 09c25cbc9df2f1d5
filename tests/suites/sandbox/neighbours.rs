//! Hostile guests, each beside one that keeps the rules: how each ends, that the other goes on, and that the host has its
//! memory back.

use std::thread::available_parallelism;

use futures_util::future::try_join_all;
use task_state_tests::redis_server::RedisServer;
use task_state_tests::redis_store;

use super::hostile::worker;
use super::*;

/// One hostile guest: what it is, what it is told, how its run ends, and what its last entry says (`""`: it has none).
type Case = (&'static str, &'static str, Status, &'static str);

/// Of time and processor time, the limit that comes first.
const TIME: &str = " limit of ";

const CASES: [Case; 22] = [
    ("misbehave", "spin", Status::Failed, TIME),
    ("misbehave", "sleep", Status::Failed, "wall-clock limit of 2s exceeded"),
    ("misbehave", "dive", Status::Failed, "wasm trap: "),
    ("misbehave", "hog", Status::Failed, "memory limit of 64 MiB exceeded"),
    ("misbehave", "trap", Status::Failed, "wasm trap: wasm `unreachable` instruction executed"),
    ("misbehave", "exit", Status::Failed, "the guest exited with status"),
    ("misbehave", "complete-then-spin", Status::Completed, "stopped: it went on for 100ms after its task had ended"),
    ("flood", "calls", Status::Failed, TIME),
    ("flood", "entries", Status::Failed, "quota exceeded: "),
    ("flood", "output", Status::Failed, TIME),
    ("flood", "results", Status::Failed, TIME),
    ("flood", "statuses", Status::Failed, TIME),
    ("flood", "tasks", Status::Failed, TIME),
    ("flood", "forbidden", Status::Completed, ""),
    ("flood", "wait-for-input", Status::Failed, "wall-clock limit of 2s exceeded"),
    ("flood", "never-stop", Status::Failed, "wall-clock limit of 2s exceeded"),
    ("overload", "error 100000000", Status::Failed, "limit of 4 MiB for what is handed over in one call exceeded"),
    ("overload", "jobs 10000000", Status::Failed, "limit of 4 MiB for what is handed over in one call exceeded"),
    ("overload", "entry 50000000", Status::Failed, "limit of 4 MiB for what is handed over in one call exceeded"),
    ("overload", "pollables 0 1000000", Status::Failed, "limit of 2000 resources exceeded"),
    ("report", "save-myself-all-the-time", Status::Failed, TIME),
    ("thief", "", Status::Completed, ""),
];

/// A run of a hostile guest, with limits that it meets soon.
fn hostile(mode: &str) -> RunRequest {
    // What is handed over in one piece has to be in the guest's own memory first.
    let is_large = mode.ends_with("000000");
    limited(mode, |limits| {
        limits.memory_bytes = if is_large { 512 << 20 } else { 64 << 20 };
        limits.quotas.entries_bytes = 1 << 20;
        limits.grace = Duration::from_millis(100);
        // These end by themselves, however slow the machine is.
        if !is_large && !["hog", "entries"].contains(&mode) {
            limits.cpu_time = Duration::from_millis(300);
            limits.wall_clock = Duration::from_secs(2);
        }
    })
}

/// Bytes that this process has in memory.
fn resident() -> usize {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap();
    statm.split_whitespace().nth(1).unwrap().parse::<usize>().unwrap() * 4_096
}

/// In a process of its own: its memory is looked at, and other tests have some of theirs in this one.
#[test]
fn every_hostile_guest_ends_by_its_rule_disturbs_nobody_and_leaves_no_memory_behind() {
    let work = "neighbours::works_when_another_test_asks_for_it";
    let output = std::process::Command::new(std::env::current_exe().unwrap())
        .args(["--exact", work, "--ignored", "--nocapture"])
        .output()
        .unwrap();
    let said = [output.stdout, output.stderr].map(|said| String::from_utf8_lossy(&said).into_owned()).concat();
    assert!(output.status.success() && said.contains("1 passed"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "the work of a process that another test starts"]
async fn works_when_another_test_asks_for_it() {
    let sandbox = Sandbox::new();
    let neighbour = sandbox.start("report", "beat-until-asked").await;
    let beats = async || messages(&sandbox.task(neighbour.task_id()).await).len();
    let mut after_first = None;
    for round in 0..2 {
        for (name, mode, status, last) in CASES {
            let before = beats().await;
            let mut request = hostile(mode);
            let _held_open = (mode == "wait-for-input").then(|| endless_input(&mut request, mode));
            let outcome = sandbox.plugin(name).await.run(request).await.unwrap();
            let (ended, log) = end(&outcome).await;
            assert_eq!(ended, status, "{name} {mode}: {log:?}");
            let said = log.last().map(String::as_str).unwrap_or_default();
            assert!(said.contains(last) && last.is_empty() == said.is_empty(), "{name} {mode}: {said:?}");
            assert!(!printed(&outcome).await.contains("was taken"), "{name} {mode}");
            let encoded = outcome.task().await.unwrap().encode();
            assert!(encoded.len() < 2 << 20, "{name} {mode}: a record of {} bytes", encoded.len());
            eventually("the neighbour goes on", async || beats().await > before).await;
            sandbox.store.delete(&task_id("again"), &Access::ANY).await.unwrap();
        }
        match after_first {
            None => after_first = Some(resident()),
            // What the allocator keeps differs by some megabytes from round to round.
            Some(first) => assert!(resident() < first + (64 << 20), "round {round}: {first} {}", resident()),
        }
    }
    neighbour.cancel();
    assert_eq!(neighbour.wait().await.status, Status::Cancelled);
}

/// Each of them computes a hundred times. If each write waited for all of them, they would be done before the writer is.
#[tokio::test(flavor = "multi_thread")]
async fn many_that_compute_in_pieces_do_not_hold_up_one_that_writes() {
    let server = RedisServer::start().await.unwrap();
    let many = 20 * available_parallelism().unwrap().get();
    let store = redis_store::connect(&server.url(), |_| {}).await;
    let sandbox = Sandbox::built(store, |builder| builder.max_concurrent_runs(many + 1));
    let (computes, writes) = (sandbox.plugin("misbehave").await, sandbox.plugin("report").await);
    let in_pieces = || limited("compute-in-pieces", |limits| limits.grace = Duration::ZERO);
    try_join_all((0..many).map(|_| computes.start(in_pieces()))).await.unwrap();
    let outcome = writes.run(request("flush-often")).await.unwrap();
    let tasks = sandbox.store.count(&Scope::All, &Owners::ANY).await.unwrap();
    assert_eq!(tasks, [(Status::Running, many as u64), (Status::Completed, 1)].into(), "the writer alone has ended");
    assert_eq!(end(&outcome).await.1.len(), 200);
    sandbox.host.shutdown().await;
}

/// Gives a run the input of a pipe that nobody ends. What is returned keeps it open.
fn endless_input(request: &mut RunRequest, mode: &str) -> (tempfile::TempDir, std::fs::File) {
    use std::io::Write as _;
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("input");
    rustix::fs::mkfifoat(rustix::fs::CWD, &path, rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR).unwrap();
    // Open for reading as well, so that it opens before there is a reader.
    let mut pipe = std::fs::File::options().read(true).write(true).open(&path).unwrap();
    writeln!(pipe, "{mode}").unwrap();
    request.input = Input::File(path);
    (directory, pipe)
}

#[tokio::test]
async fn each_kind_of_trap_fails_the_task_and_says_what_it_was() {
    let sandbox = Sandbox::new();
    for (declarations, work, said) in [
        ("", "unreachable", "wasm `unreachable` instruction executed"),
        ("", "(drop (i32.div_s (i32.const 1) (local.get $left)))", "integer divide by zero"),
        ("", "(drop (i32.div_s (i32.const 0x80000000) (i32.const -1)))", "integer overflow"),
        ("", "(drop (i32.trunc_f64_s (f64.const nan)))", "invalid conversion to integer"),
        ("", "(drop (i32.load (i32.const -4)))", "out of bounds memory access"),
        ("(table 1 funcref)", "(call_indirect (i32.const 0))", "uninitialized element"),
        ("(table 1 funcref)", "(call_indirect (i32.const 9))", "undefined element: out of bounds table access"),
        ("(func $deep (call $deep))", "(call $deep)", "call stack exhausted"),
    ] {
        let plugin = sandbox.host.load(&worker(declarations, work), Grants::for_services(["analytics"])).await;
        let (status, log) = end(&plugin.unwrap().run(request("")).await.unwrap()).await;
        assert_eq!(status, Status::Failed, "{said}");
        assert!(log.len() == 1 && log[0].starts_with(&format!("wasm trap: {said}")), "{said}: {log:?}");
    }
}

#[tokio::test]
async fn a_forged_cursor_shows_nothing_that_is_not_granted() {
    let sandbox = Sandbox::new();
    save(&sandbox.store, owned_draft("victim", "sync", "bob")).await;
    save(&sandbox.store, owned_draft("w", "sync", "alice")).await;
    let grants = Grants::for_services(["analytics"]).allow(task_state_host::Operation::List);
    let plugin = sandbox.plugin_with("flood", grants).await;
    let outcome = plugin.run(request_for("own", "cursors")).await.unwrap();
    assert_eq!(outcome.status, Status::Completed);
    let shown = printed(&outcome).await;
    assert!(shown.contains("shows own") && !shown.contains("shows victim") && !shown.contains("shows w"), "{shown}");
}

#[tokio::test]
async fn limits_hold_where_there_is_no_pool_of_instances() {
    let sandbox = Sandbox::with(|builder| builder.max_concurrent_runs(usize::MAX));
    for (name, mode, status, last) in CASES.into_iter().filter(|case| case.0 == "misbehave") {
        let outcome = sandbox.plugin(name).await.run(hostile(mode)).await.unwrap();
        let (ended, log) = end(&outcome).await;
        assert!(ended == status && log.last().unwrap().contains(last), "{mode}: {ended} {log:?}");
    }
}
