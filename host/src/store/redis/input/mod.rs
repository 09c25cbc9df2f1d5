//! Inputs: each is one string, written and read in pieces. The metadata of a task names its own, which goes in the same step
//! as the end of its run, or the task.
//!
//! Others write to a task, too, and know of no input. So a host looks after each from time to time: it keeps those of tasks
//! that wait or run, and removes those of tasks that have ended or are gone. One that nobody looks after expires.

use std::sync::LazyLock;
use std::time::Duration;

use bytes::Bytes;
use redis::Value;

use super::server::Script;
use super::task::read_task;
use super::{RedisStore, keys};
use crate::record::{InvalidTransition, Opening, Status, TaskId};
use crate::store::input::check_end;
use crate::store::{Access, Error, InputId, MAX_INPUT_PIECE, Result};

static PUT: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("put.lua")));
static ATTACH: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("attach.lua")));
static READ: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("read.lua")));
static DUE: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("due.lua")));
static LOOK_AFTER: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("look_after.lua")));
static DROP: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("drop.lua")));

/// How long an input lives that no task has, after the last write.
const UPLOAD_LIFE: Duration = Duration::from_secs(3_600);

/// How often an input is looked after, at the most.
const LOOK_AFTER_EVERY: Duration = Duration::from_secs(300);

/// How often a host asks which are due.
const INTERVAL: Duration = Duration::from_secs(5);

/// How many one step is about.
const STEP: usize = 100;

/// How much of a record is read for its status.
const OPENING_BYTES: usize = 1_023;

impl RedisStore {
    pub(super) async fn write_input(&self, id: &InputId, offset: u64, bytes: Bytes) -> Result<()> {
        check_end(offset, bytes.len())?;
        let (mut offset, mut rest) = (offset, bytes);
        let key = [keys::upload(id)];
        loop {
            let piece = rest.split_to(rest.len().min(MAX_INPUT_PIECE));
            let (at, life) = (offset.to_string(), UPLOAD_LIFE.as_millis().to_string());
            let args: [&[u8]; 3] = [at.as_bytes(), &piece, life.as_bytes()];
            if PUT.run::<u8>(&self.primary, &key, &args, self.deadline()).await? == 0 {
                return Err(Error::Conflict);
            }
            offset += piece.len() as u64;
            if rest.is_empty() {
                return Ok(());
            }
        }
    }

    pub(super) async fn give_input(&self, id: &InputId, task: &TaskId, access: &Access) -> Result<()> {
        let deadline = self.deadline();
        let member = format!("{id} {task}");
        let [life, due] = self.input_times();
        let (record, metadata) = (keys::record(task.as_str()), keys::metadata(task.as_str()));
        let keys = [keys::upload(id), keys::input(id), record, metadata, keys::INPUTS.to_owned()];
        loop {
            let from = self.status_of(task, access).await?;
            if from.is_terminal() {
                return Err(InvalidTransition { from, to: Status::Running }.into());
            }
            let begins = match self.beginning(task).await? {
                Some((begins, status)) if status == from => begins,
                Some(_) => {
                    self.once_more(deadline)?;
                    continue;
                }
                // A record in another shape than this host's is to stay as it is.
                None => read_task(&self.primary, task, deadline).await?.ok_or(Error::NotFound)?.text,
            };
            let args = [begins.as_slice(), member.as_bytes(), life.as_bytes(), due.as_bytes()];
            let answer: String = ATTACH.run(&self.primary, &keys, &args, deadline).await?;
            return match answer.as_str() {
                "done" => Ok(()),
                "another" => Err(Error::Conflict),
                "none" => Err(Error::NotFound),
                _ => {
                    self.once_more(deadline)?;
                    continue;
                }
            };
        }
    }

    pub(super) async fn read_input(&self, task: &TaskId, offset: u64, most: usize) -> Result<Option<Bytes>> {
        let most = most.min(MAX_INPUT_PIECE) as u64;
        if most == 0 {
            return Ok(Some(Bytes::new()));
        }
        let keys = [keys::record(task.as_str()), keys::metadata(task.as_str())];
        // The server's offsets have a sign.
        let first = offset.min(u64::from(u32::MAX));
        let args = [keys::INPUT.to_owned(), first.to_string(), (first + most - 1).to_string()];
        match READ.run(&self.primary, &keys, &args, self.deadline()).await? {
            Value::BulkString(bytes) => Ok(Some(bytes.into())),
            Value::Nil => Ok(None),
            _ => Err(Error::Failed(format!("the input of the task {:?} is gone", task.as_str()))),
        }
    }

    /// Removes the input of a task that has ended in another way than by the end of its run.
    pub(super) async fn drop_input(&self, task: &str) -> Result<()> {
        Ok(DROP.run::<u8>(&self.primary, &[keys::metadata(task)], &[keys::INPUT], self.deadline()).await.map(drop)?)
    }

    /// Looks after the inputs that are due, again and again.
    pub(super) async fn keep_inputs(&self) {
        loop {
            tokio::time::sleep(INTERVAL).await;
            if let Err(error) = self.look_after_inputs().await {
                tracing::warn!(%error, "cannot look after the inputs of tasks");
            }
        }
    }

    async fn look_after_inputs(&self) -> Result<()> {
        loop {
            let due: Vec<String> =
                DUE.run(&self.primary, &[keys::INPUTS], &[STEP.to_string()], self.deadline()).await?;
            for member in &due {
                self.look_after(member).await?;
            }
            if due.len() < STEP {
                return Ok(());
            }
        }
    }

    async fn look_after(&self, member: &str) -> Result<()> {
        let named = member.split_once(' ').and_then(|(input, task)| Some((InputId::parse(input).ok()?, task)));
        let Some((input, task)) = named else {
            let mut forget = redis::cmd("ZREM");
            forget.arg(keys::INPUTS).arg(member);
            return Ok(self.primary.query::<()>(&forget, self.deadline()).await?);
        };
        let beginning = match TaskId::stored(task) {
            Ok(task) => self.beginning(&task).await?,
            Err(_) => None,
        };
        let ended = beginning.filter(|(_, status)| status.is_terminal()).map(|(begins, _)| begins).unwrap_or_default();
        let keys = [keys::INPUTS.to_owned(), keys::input(&input), keys::record(task), keys::metadata(task)];
        let [life, due] = self.input_times();
        let args = [member.as_bytes(), &ended, life.as_bytes(), due.as_bytes()];
        Ok(LOOK_AFTER.run::<u8>(&self.primary, &keys, &args, self.deadline()).await.map(drop)?)
    }

    /// For how many milliseconds an input lives unless it is looked after, and after how many it is to be.
    fn input_times(&self) -> [String; 2] {
        let every = LOOK_AFTER_EVERY.min(self.options.task_ttl / 2);
        [self.options.task_ttl + 3 * (every + INTERVAL), every].map(|time| time.as_millis().to_string())
    }

    /// The beginning of a record through its status, and that. None if there is no record that begins like one of ours.
    async fn beginning(&self, task: &TaskId) -> Result<Option<(Vec<u8>, Status)>> {
        let mut read = redis::cmd("GETRANGE");
        read.arg(keys::record(task.as_str())).arg(0).arg(OPENING_BYTES);
        let mut text: Vec<u8> = match self.primary.query(&read, self.deadline()).await.map_err(Error::from) {
            Err(Error::Failed(_)) => return Ok(None),
            read => read?,
        };
        let Some(opening) = Opening::read(&text) else { return Ok(None) };
        text.truncate(opening.owner_text.len() + ",\"status\":\"\"".len() + opening.status.as_str().len());
        Ok(Some((text, opening.status)))
    }
}
