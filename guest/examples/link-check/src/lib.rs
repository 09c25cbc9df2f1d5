//! A plugin that reaches outside, as far as `link-check.toml` lets it: it fetches the pages of a site, and tells which of
//! them are not there.
//!
//! | what it was granted | what for |
//! |---|---|
//! | the directory `/links` | files that name pages, one path of the site in each line |
//! | the setting `SITE` in the environment | where the site is, such as `http://localhost:8080` |
//! | HTTP requests to that host | to fetch the pages |
//! | the secret `API_TOKEN` | to be let in, as a bearer token |

use std::{env, fs, io};

use task_state_guest::{Failure, Plugin, TaskRecord, current_task};
use wstd::http::{Body, Client, Request, StatusCode};
use wstd::runtime::block_on;

struct LinkCheck;

impl Plugin for LinkCheck {
    fn run(_: TaskRecord) -> Result<(), Failure> {
        let site = env::var("SITE").map_err(|_| "the setting SITE is not there")?;
        let token = env::var("API_TOKEN").map_err(|_| "the secret API_TOKEN is not there")?;
        let links = links("/links")?;
        let mut broken = 0;
        for link in &links {
            let (status, bytes) = block_on(fetch(&format!("{site}{link}"), &token))?;
            println!("{} {bytes} {link}", status.as_u16());
            if !status.is_success() {
                broken += 1;
                current_task::log(format!("{link}: {status}"))?;
            }
            if current_task::cancel_requested() {
                return Ok(());
            }
        }
        current_task::log(format!("{broken} of {} links are broken", links.len()))?;
        Ok(())
    }
}

task_state_guest::export!(LinkCheck);

/// The lines of all files in a directory, each once.
fn links(directory: &str) -> io::Result<Vec<String>> {
    let mut links = Vec::new();
    for file in fs::read_dir(directory)? {
        links.extend(fs::read_to_string(file?.path())?.lines().map(str::to_owned));
    }
    links.sort();
    links.dedup();
    Ok(links)
}

/// The status and the length of a page.
async fn fetch(url: &str, token: &str) -> Result<(StatusCode, usize), wstd::http::Error> {
    let request = Request::get(url).header("authorization", format!("Bearer {token}")).body(Body::empty())?;
    let response = Client::new().send(request).await?;
    let status = response.status();
    let bytes = response.into_body().contents().await?.len();
    Ok((status, bytes))
}
