//! Who may do what, and what attackers try: other origins, names that lead here, tokens that are wrong, old or misplaced.

use anyhow::Result;
use serde_json::json;
use task_state_tests::command::{Finished, Shell, finish};
use task_state_tests::tasks::{Access, TaskId};
use task_state_tests::tasks::{Draft, Precondition, Service, Status, UserId};

use crate::events::Events;
use crate::fixture::{Answer, Request, Serving, Task, plugin};

const ANALYTICS: &str = "'analytics'";

/// An operator's token and one of a user, as `TOKENS` names them.
const OPERATOR: &str = "t0ken-of-operator";
const ALICE: &str = "t0ken-of-alice";

const TOKENS: &str = "[[tokens]]\nfile = 'operator'\nrole = 'operator'\n\
    [[tokens]]\nenv = 'ALICE_TOKEN'\nrole = 'user'\nservices = ['analytics']\nusers = ['alice']\n";

async fn with_tokens() -> Result<Serving> {
    let shell = Shell::new()?;
    std::fs::write(shell.directory().join("operator"), format!("{OPERATOR}\n"))?;
    let variables = [("ALICE_TOKEN", ALICE), ("RUST_LOG", "trace")];
    Serving::start_with(shell, &format!("{TOKENS}{}", plugin(ANALYTICS, "")), &variables).await
}

fn bearing(request: Request, token: &str) -> Request {
    request.header("authorization", &format!("Bearer {token}"))
}

/// The cookie that an answer sets.
fn cookie(answer: &Answer) -> String {
    let line = answer.head.lines().find_map(|line| line.strip_prefix("set-cookie: ")).expect("no cookie");
    line.split(';').next().unwrap().to_owned()
}

async fn log_in(serving: &Serving, token: &str) -> Result<Answer> {
    serving.ask(Request::post("/api/v2/session", &json!({"token": token}))).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_opens_what_its_role_says() -> Result<()> {
    let serving = with_tokens().await?;
    let session = || Request::get("/api/v2/session");
    let told = serving.ask(session()).await?.json();
    assert_eq!(told, json!({"role": null, "services": null, "users": null, "authentication": "token"}));
    let told = serving.ask(bearing(session(), OPERATOR)).await?.json();
    assert_eq!(told, json!({"role": "operator", "services": null, "users": null, "authentication": "token"}));
    let told = serving.ask(bearing(session(), ALICE)).await?.json();
    let of_alice = json!({"role": "user", "services": ["analytics"], "users": ["alice"], "authentication": "token"});
    assert_eq!(told, of_alice);
    // The header of the frontend's clients is for operators alone.
    let told = serving.ask(session().header("x-operator-token", OPERATOR)).await?.json();
    assert_eq!(told["role"], "operator");
    let told = serving.ask(session().header("x-operator-token", ALICE)).await?.json();
    assert_eq!(told["role"], json!(null));
    // The scheduler's routes are open to operators.
    let task = Task::to("t", "nothing");
    task.save(&serving.store).await?;
    let submission = || Request::post("/tasks/task", &task.submission());
    assert_eq!(serving.ask(submission()).await?.status, 403);
    assert_eq!(serving.ask(bearing(submission(), ALICE)).await?.status, 403);
    assert_eq!(serving.ask(bearing(submission(), OPERATOR)).await?.status, 202);
    serving.until("t", Status::Completed).await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_is_that_of_its_token_and_ends_with_it() -> Result<()> {
    let mut serving = with_tokens().await?;
    assert_eq!(log_in(&serving, "t0ken").await?.status, 401);
    assert_eq!(log_in(&serving, "").await?.status, 401);
    let begun = log_in(&serving, OPERATOR).await?;
    assert_eq!(begun.status, 204);
    let set = begun.head.lines().find(|line| line.starts_with("set-cookie: ")).unwrap();
    assert!(set.ends_with("; Path=/; Max-Age=43200; HttpOnly; SameSite=Strict"), "{set}");
    assert!(!set.contains(OPERATOR));
    let stolen = cookie(&begun);
    // A page that came by TLS, through a proxy: its cookie goes by nothing else.
    let login = Request::post("/api/v2/session", &json!({"token": OPERATOR})).header("host", "platform.example");
    let by_proxy = serving.ask(login.header("origin", "https://platform.example")).await?;
    assert!(by_proxy.head.contains("; SameSite=Strict; Secure\r\n"), "{by_proxy:?}");
    let role = async |serving: &Serving, cookie: &str| -> Result<serde_json::Value> {
        Ok(serving.ask(Request::get("/api/v2/session").header("cookie", cookie)).await?.json()["role"].clone())
    };
    assert_eq!(role(&serving, &stolen).await?, "operator");
    let of_alice = cookie(&log_in(&serving, ALICE).await?);
    assert_eq!(role(&serving, &of_alice).await?, "user");
    // Forged: another time, another proof, nothing.
    let (time, proof) = stolen.split_once('.').unwrap();
    let later = format!("{}0.{proof}", time);
    let zeros = "0".repeat(64);
    for forged in [later, format!("{time}.{zeros}"), format!("{time}."), "task-state-session=".to_owned()] {
        assert_eq!(role(&serving, &forged).await?, json!(null), "{forged}");
    }
    let ended = serving.ask(Request::new("DELETE", "/api/v2/session").header("cookie", &stolen)).await?;
    assert_eq!((ended.status, cookie(&ended).as_str()), (204, "task-state-session="));
    // A token that is changed takes its sessions and streams with it; the other's stay, and streams go on.
    let stream = async |cookie: &str| {
        let headers = [("cookie", cookie)];
        Events::open_with(serving.address, "/api/v2/events", &headers).await
    };
    let (mut of_operator, mut of_user) = (stream(&stolen).await?, stream(&of_alice).await?);
    for events in [&mut of_operator, &mut of_user] {
        events.until("hello").await?;
    }
    std::fs::write(serving.shell.directory().join("operator"), "another")?;
    serving.reload(&format!("{TOKENS}{}", plugin(ANALYTICS, "")))?;
    assert_eq!(role(&serving, &stolen).await?, json!(null));
    assert_eq!(role(&serving, &of_alice).await?, "user");
    for events in [&mut of_operator, &mut of_user] {
        events.until("bye").await?;
    }
    let again = Request::get("/api/v2/events").header("cookie", &stolen);
    assert_eq!(serving.ask(again).await?.status, 401);
    let headers = [("cookie", of_alice.as_str()), ("last-event-id", of_user.last_id.as_str())];
    drop(Events::open_with(serving.address, "/api/v2/events", &headers).await?);
    let finished = serving.stop().await?;
    for secret in [OPERATOR, ALICE, "another", proof] {
        assert!(!finished.stderr.contains(secret), "{secret}: {}", finished.stderr);
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_of_another_origin_changes_nothing() -> Result<()> {
    let serving = with_tokens().await?;
    let session = cookie(&log_in(&serving, OPERATOR).await?);
    let mut draft = Draft::new(Service::new("analytics")?, UserId::new("alice")?);
    draft.task_id = Some(TaskId::new("t")?);
    serving.store.save(draft, Precondition::None, &Access::ANY).await?;
    let body = json!({"task_id": "t", "service": "analytics", "user_id": "alice"}).to_string();
    // What forms and scripts of a page can send without being asked whether they may, with the cookie should a browser send it.
    for kind in
        ["application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "text/plain", "application/json"]
    {
        for from in [
            &[("origin", "http://evil.example")][..],
            &[("origin", "null")],
            &[("sec-fetch-site", "cross-site")],
            &[("sec-fetch-site", "same-site"), ("origin", "http://localhost")],
            &[("origin", "http://localhost.evil.example")],
        ] {
            for path in ["/tasks/cancel", "/tasks/block", "/api/v2/session"] {
                let mut request = Request::new("POST", path).body(body.clone());
                request = request.header("content-type", kind).header("cookie", &session);
                for (name, value) in from {
                    request = request.header(name, value);
                }
                let answer = serving.ask(request).await?;
                assert_eq!(answer.status, 403, "{kind} {from:?} {path}: {answer:?}");
            }
        }
    }
    assert_eq!(serving.store.status(&TaskId::new("t")?, &Access::ANY).await?, Status::Pending);
    assert!(serving.store.queue().pauses().await?.is_empty());
    // Its own page may, and so may programs, which say nothing of where they come from.
    let own = Request::new("POST", "/tasks/block").header("cookie", &session).header("origin", "http://localhost");
    assert_eq!(serving.ask(own).await?.status, 200);
    let program = Request::new("POST", "/tasks/enable").header("cookie", &session);
    assert_eq!(serving.ask(program).await?.status, 200);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_that_was_made_to_lead_here_is_not_answered() -> Result<()> {
    // Without tokens: a page under such a name would be of the same origin as the platform.
    let serving = Serving::on_sqlite(&plugin(ANALYTICS, "")).await?;
    for host in ["evil.example", "evil.example:80", "127.0.0.1.evil.example", "10.0.0.1", ""] {
        for request in [Request::get("/healthz"), Request::new("POST", "/tasks/block")] {
            let answer = serving.ask(request.header("host", host)).await?;
            assert_eq!(answer.status, 421, "{host:?}: {answer:?}");
        }
    }
    assert!(serving.store.queue().pauses().await?.is_empty());
    for host in ["localhost", "127.0.0.1:1", "[::1]:9000"] {
        assert_eq!(serving.ask(Request::get("/healthz").header("host", host)).await?.status, 200, "{host}");
    }
    let told = serving.ask(Request::get("/api/v2/session")).await?.json();
    assert_eq!((told["role"].as_str(), told["authentication"].as_str()), (Some("operator"), Some("none")));
    // With tokens a platform is reached by any name.
    let serving = with_tokens().await?;
    assert_eq!(serving.ask(Request::get("/healthz").header("host", "platform.example")).await?.status, 200);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_platform_without_tokens_listens_on_its_own_machine_alone() -> Result<()> {
    let shell = Shell::new()?;
    let path = shell.directory().join("platform.toml");
    for listen in ["0.0.0.0:0", "[::]:0"] {
        std::fs::write(&path, format!("listen = '{listen}'\n{}", plugin(ANALYTICS, "")))?;
        let finished = shell.run(["serve", "--config", "platform.toml"])?;
        assert_eq!(finished.code, Some(2), "{finished:?}");
        let said = format!(
            "error: without tokens a platform listens on this machine alone, and {listen} is reached from others"
        );
        assert!(finished.stderr.contains(&said) && finished.stderr.contains("[[tokens]]"), "{finished:?}");
    }
    // What is open to whom is said at the start.
    let said = with_tokens().await?.stop().await?.stderr;
    assert!(said.contains("\n/tasks/* is open to operators' tokens\n"), "{said}");
    assert!(said.contains("\nthe page and /api are open to the tokens of operators and users\n"), "{said}");
    let said = Serving::on_sqlite(&plugin(ANALYTICS, "")).await?.stop().await?.stderr;
    assert!(said.contains("\nopen to everybody on this machine: there are no tokens\n"), "{said}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_in_a_url_is_refused_and_told_nobody() -> Result<()> {
    let serving = with_tokens().await?;
    for name in ["token", "access_token", "X-Operator-Token"] {
        let answer = serving.ask(Request::get(&format!("/api/v2/session?a=b&{name}={OPERATOR}"))).await?;
        assert_eq!(answer.status, 400, "{answer:?}");
        assert!(answer.body.contains("a token stands in no URL") && !answer.body.contains(OPERATOR), "{answer:?}");
    }
    let finished = serving.stop().await?;
    assert!(!finished.stderr.contains(OPERATOR), "{}", finished.stderr);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn every_answer_tells_a_browser_what_it_may_not_do() -> Result<()> {
    let serving = with_tokens().await?;
    for request in [
        Request::get("/healthz"),
        Request::get("/none"),
        Request::get("/api/v2/session"),
        Request::new("POST", "/tasks/block"),
    ] {
        let head = serving.ask(request).await?.head;
        for line in [
            "content-security-policy: default-src 'none'; script-src 'self';",
            "x-content-type-options: nosniff",
            "x-frame-options: DENY",
            "referrer-policy: no-referrer",
            "cross-origin-opener-policy: same-origin",
            "cross-origin-resource-policy: same-origin",
            "cache-control: no-store",
        ] {
            assert!(head.contains(line), "{line}: {head}");
        }
        assert!(!head.contains("access-control-allow"), "{head}");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn tokens_that_cannot_be_read_anew_stay_as_they_were() -> Result<()> {
    let shell = Shell::new()?;
    std::fs::write(shell.directory().join("scheduler"), "of-scheduler")?;
    let mut serving = Serving::start(shell, &format!("token-file = 'scheduler'\n{}", plugin(ANALYTICS, ""))).await?;
    let block = |token: &str| bearing(Request::new("POST", "/tasks/block"), token);
    // No variable comes to a process that runs. Had the token gone and none come, everybody would be an operator.
    let missing = "[[tokens]]\nenv = 'NO_SUCH_TOKEN'\nrole = 'operator'\n[frontend]\nopen-user-routes = true\n";
    let said = serving.reload_in_part(&format!("{missing}{}", plugin(ANALYTICS, "")))?;
    assert!(
        said.contains("NO_SUCH_TOKEN cannot be read: ") && said.contains("; tokens and certificate stay as they were"),
        "{said}"
    );
    assert_eq!(serving.ask(Request::new("POST", "/tasks/block")).await?.status, 403);
    assert_eq!(serving.ask(Request::get("/api/v2/tasks")).await?.status, 401);
    assert_eq!(serving.ask(Request::get("/api/v1/services/users/alice/tasks")).await?.status, 401);
    assert_eq!(serving.ask(block("of-scheduler")).await?.status, 200);
    // What can be read takes the place of all that was.
    std::fs::write(serving.shell.directory().join("operator"), OPERATOR)?;
    let tokens = "[[tokens]]\nfile = 'operator'\nrole = 'operator'\n";
    serving.reload(&format!("{tokens}{}", plugin(ANALYTICS, "")))?;
    assert_eq!(serving.ask(block("of-scheduler")).await?.status, 403);
    assert_eq!(serving.ask(block(OPERATOR)).await?.status, 200);
    // The last operator's token is taken away, and the scheduler's is left.
    serving.reload(&format!("token-file = 'scheduler'\n{}", plugin(ANALYTICS, "")))?;
    assert_eq!(serving.ask(block(OPERATOR)).await?.status, 403);
    assert_eq!(serving.ask(block("of-scheduler")).await?.status, 200);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_check_names_what_a_start_would_refuse() -> Result<()> {
    let shell = Shell::new()?;
    let check = |config: &str, variables: &[(&str, &str)]| -> Result<Finished> {
        std::fs::write(shell.directory().join("platform.toml"), format!("{config}{}", plugin(ANALYTICS, "")))?;
        let mut command = shell.command(["serve", "--config", "platform.toml", "--check"]);
        command.envs(variables.iter().copied());
        finish(&mut command)
    };
    for (config, variables, said) in [
        ("listen = '0.0.0.0:9000'\n", &[][..], "without tokens a platform listens on this machine alone"),
        ("token-file = 'missing'\n", &[], "missing\" cannot be read"),
        ("[[tokens]]\nenv = 'NO_SUCH_TOKEN'\nrole = 'operator'\n", &[], "the variable NO_SUCH_TOKEN cannot be read"),
        ("[tls]\ncertificate = 'missing.pem'\nkey = 'missing.pem'\n", &[], "missing.pem\" cannot be used"),
        ("", &[("TASK_STATE_TOKEN", " ")], "TASK_STATE_TOKEN is set, and holds no token"),
    ] {
        let finished = check(config, variables)?;
        assert_eq!(finished.code, Some(2), "{config}: {finished:?}");
        assert!(finished.stderr.contains(said), "{config}: {finished:?}");
    }
    let finished = check("listen = '0.0.0.0:9000'\n", &[("TASK_STATE_TOKEN", "t0ken")])?;
    assert_eq!(finished.code, Some(0), "{finished:?}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn tokens_that_are_wrong_in_the_configuration_are_named() -> Result<()> {
    let shell = Shell::new()?;
    let config = "[[tokens]]\nrole = 'operator'\n[[tokens]]\nfile = 'f'\nrole = 'root'\n[[tokens]]\nenv = 'E'\nrole = 'user'\n\
        [[tokens]]\nfile = 'f'\nenv = 'E'\nrole = 'operator'\nusers = ['a']\n[[tokens]]\nenv = ''\nrole = 'user'\nusers = ['a b']\n";
    std::fs::write(shell.directory().join("platform.toml"), format!("{config}{}", plugin(ANALYTICS, "")))?;
    let finished = shell.run(["serve", "--config", "platform.toml", "--check"])?;
    assert_eq!(finished.code, Some(2), "{finished:?}");
    for said in [
        "platform.toml:1:1: a token has either a file or a variable that holds it",
        "platform.toml:5:8: invalid role \"root\": it is operator or user",
        "the token of a user names at least one: users",
        "an operator's token opens everything: it names no services and no users",
        "invalid variable \"\": it is the name of a variable",
        "\"a b\"",
    ] {
        assert!(finished.stderr.contains(said), "{said}: {}", finished.stderr);
    }
    // What is not there is named when the platform starts.
    let config = "[[tokens]]\nenv = 'NO_SUCH_TOKEN'\nrole = 'operator'\n";
    std::fs::write(shell.directory().join("platform.toml"), format!("{config}{}", plugin(ANALYTICS, "")))?;
    let finished = shell.run(["serve", "--config", "platform.toml"])?;
    assert_eq!(finished.code, Some(2), "{finished:?}");
    assert!(finished.stderr.contains("the token of the variable NO_SUCH_TOKEN cannot be read"), "{finished:?}");
    Ok(())
}
