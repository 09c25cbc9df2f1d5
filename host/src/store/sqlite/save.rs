//! How tasks come to be: the sequence of ids, a save, and a run's claim.

use rusqlite::Connection;

use super::fault::Step;
use super::input;
use super::queue;
use super::task::{Policy, Stored};
use super::write;
use crate::record::{Change, Draft, InvalidTransition, InvalidValue, Status, TaskId};
use crate::store::cancellation::keeps_end;
use crate::store::free_id::FreeId;
use crate::store::{Access, Claim, Claimed, Error, Owners, Precondition};

/// Takes the number of the sequence so far after the last one.
pub(super) fn take_number(conn: &Connection, step: i64) -> Step<i64> {
    let sql = "UPDATE sequence SET last = last + ?1 RETURNING last";
    Ok(conn.prepare_cached(sql)?.query_row([step], |row| row.get(0))?)
}

/// The number that would be next.
pub(super) fn peek_number(conn: &Connection) -> Step<i64> {
    Ok(conn.prepare_cached("SELECT last + 1 FROM sequence")?.query_row([], |row| row.get(0))?)
}

/// Takes a number of the sequence that no task has: the next one, unless too many in a row are taken.
fn free_id(conn: &Connection) -> Step<TaskId> {
    let mut search = FreeId::default();
    loop {
        let id = take_number(conn, search.step()?)?.to_string();
        if Stored::find(conn, &id)?.is_none() {
            return Ok(TaskId::new(id)?);
        }
    }
}

/// Registers a task, or replaces the one with its id.
pub(super) fn save(
    conn: &Connection,
    policy: &Policy,
    draft: &Draft,
    only_if: &Precondition,
    access: &Access,
) -> Step<TaskId> {
    let id = match &draft.task_id {
        Some(id) => id.clone(),
        None => free_id(conn)?,
    };
    let old = Stored::find(conn, id.as_str())?;
    access.owners.check(draft.service.as_str(), draft.user_id.as_str())?;
    match &old {
        Some(stored) => stored.check(access)?,
        None if access.run.is_some() => return Err(Error::NotFound.into()),
        None => {}
    }
    let holds = match (only_if, &old) {
        (Precondition::None, _) | (Precondition::Absent, None) => true,
        (Precondition::UnchangedSince(time), Some(stored)) => stored.updated_at(policy)? == *time,
        (Precondition::Absent, Some(_)) | (Precondition::UnchangedSince(_), None) => false,
    };
    if !holds {
        return Err(Error::Conflict.into());
    }
    match &old {
        Some(stored) if access.run.is_some() => keeps_end(&stored.record(conn, policy)?, draft)?,
        Some(stored) if stored.run.is_some() => return Err(Error::Held.into()),
        Some(stored) => {
            write::release(conn, stored.num)?;
            write::clear_progress(conn, stored.num)?;
            queue::leave_lost(conn, stored.num)?;
            let is_moved = stored.service != draft.service.as_str() || stored.user_id != draft.user_id.as_str();
            if is_moved || draft.status.is_terminal() {
                queue::leave(conn, stored.num)?;
                input::leave(conn, stored.num)?;
            }
        }
        None => {}
    }
    write::put(conn, policy, &id, draft, old.as_ref())?;
    Ok(id)
}

/// Takes a task for a run.
pub(super) fn claim(conn: &Connection, policy: &Policy, claim: &Claim) -> Step<Claimed> {
    let id = match &claim.task_id {
        Some(id) => id.clone(),
        None => free_id(conn)?,
    };
    let old = Stored::find(conn, id.as_str())?;
    let is_new = old.is_none();
    let status = match &old {
        None if claim.ticket.is_some() => return Err(Error::NotFound.into()),
        None => {
            let draft = claim.draft();
            draft.check()?;
            write::put(conn, policy, &id, &draft, None)?;
            Status::Running
        }
        Some(stored) => take(conn, policy, claim, stored)?,
    };
    let stored = Stored::find(conn, id.as_str())?.ok_or(Error::NotFound)?;
    let mut attempt = 1;
    match status {
        Status::Running => {
            write::clear_progress(conn, stored.num)?;
            write::hold(conn, stored.num, claim.run.as_str(), claim.lease)?;
            match claim.ticket {
                Some(_) => attempt = queue::begin_attempt(conn, stored.num, claim.attempts)?,
                None => queue::leave(conn, stored.num)?,
            }
        }
        _ => write::release(conn, stored.num)?,
    }
    Ok(Claimed { task: stored.record(conn, policy)?, is_new, attempt })
}

/// Moves a task that is there to `running`, or to `cancelled` if it was asked to stop. Returns which.
fn take(conn: &Connection, policy: &Policy, claim: &Claim, stored: &Stored) -> Step<Status> {
    Owners::only(claim.service.as_str(), claim.user_id.as_str()).check(&stored.service, &stored.user_id)?;
    if stored.run.as_deref().is_some_and(|run| run != claim.run.as_str()) {
        return Err(Error::Held.into());
    }
    if let Some(ticket) = &claim.ticket
        && !queue::is_taken_with(conn, stored.num, ticket)?
    {
        return Err(Error::Held.into());
    }
    let to = match stored.status()? {
        Status::Pending | Status::Dispatching => Status::Running,
        Status::Running if claim.ticket.is_some() => Status::Running,
        Status::CancelRequested => Status::Cancelled,
        from => return Err(InvalidTransition { from, to: Status::Running }.into()),
    };
    if let Some(parameters) = &claim.parameters {
        let why = format!("task {} is there already and has its own", stored.id);
        return Err(InvalidValue::new("parameters", parameters.as_str(), why).into());
    }
    super::change::apply_to(conn, policy, stored, &Change::status(to))
}
