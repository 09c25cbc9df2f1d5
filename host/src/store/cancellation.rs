//! What a run cannot take back by a save: that its task was asked to stop, and that it has ended.

use super::{Error, Result};
use crate::record::{Draft, InvalidTransition, Status, TaskRecord, TransitionRule};

/// Whether a run may save its task over what is stored. Of a task that was asked to stop, or has ended, the status only moves
/// forward and the log is kept, which says who has asked: else a run could end its task and begin it anew.
///
/// # Errors
/// [`Error::InvalidTransition`] for the status, [`Error::Conflict`] if the log does not begin with what is stored.
pub(super) fn keeps_end(stored: &TaskRecord, draft: &Draft) -> Result<()> {
    let from = stored.status();
    if from != Status::CancelRequested && !from.is_terminal() {
        return Ok(());
    }
    if !TransitionRule::Forward.allows(from, draft.status) {
        return Err(InvalidTransition { from, to: draft.status }.into());
    }
    if draft.logs.starts_with(&stored.logs()) { Ok(()) } else { Err(Error::Conflict) }
}
