//! `list`: walks the pages of a listing and shows each as it comes, so that a long one is never in memory whole.

use task_state_host::record::TaskRecord;
use task_state_host::store::{Counts, MAX_PAGE_SKIPPED, MAX_PAGE_TASKS, Page, Query, Scope};

use super::Session;
use crate::args::ListArgs;
use crate::output::{self, Table, name, summary};

/// How many records that cannot be read are named.
const MAX_WARNINGS: usize = 10;

pub(super) async fn list(args: ListArgs, session: &mut Session) -> anyhow::Result<()> {
    let is_whole = args.limit.is_none() && args.cursor.is_none() && args.status.is_none();
    let mut left = args.limit.map(usize::from);
    let mut query = query(args);
    let mut listing = Listing { table: Table::new(), shown: Counts::new(), any: false, skipped: 0 };
    loop {
        query.limit = left.map_or(MAX_PAGE_TASKS, |left| left.min(MAX_PAGE_TASKS));
        let page = session.store.list(&query).await?;
        listing.warn_of(&page, session);
        listing.page(&page.tasks, session)?;
        // What was asked for may not be had for long among what cannot be read.
        let vain = left.is_some() && page.tasks.is_empty() && page.skipped.len() >= MAX_PAGE_SKIPPED;
        left = left.map(|left| left.saturating_sub(page.tasks.len()));
        query.cursor = page.next;
        if session.out.is_closed() {
            return Ok(());
        }
        if query.cursor.is_none() || left == Some(0) || vain {
            let counts = match is_whole {
                true => listing.shown.clone(),
                false => session.store.count(&query.scope, &query.owners).await?,
            };
            return listing.finish(&counts, query.cursor, session);
        }
    }
}

fn query(args: ListArgs) -> Query {
    let mut query = Query::new(match (args.service, args.user) {
        (None, None) => Scope::All,
        (Some(service), None) => Scope::Service(service),
        (None, Some(user)) => Scope::User(user),
        (Some(service), Some(user)) => Scope::ServiceUser(service, user),
    });
    query.statuses = args.status.into_iter().collect();
    query.cursor = args.cursor;
    query
}

/// What was shown so far.
struct Listing {
    table: Table,
    shown: Counts,
    any: bool,
    /// How many records were left out because they cannot be read.
    skipped: usize,
}

impl Listing {
    /// Names the first few records that cannot be read. The others are counted at the end.
    fn warn_of(&mut self, page: &Page, session: &Session) {
        for skipped in page.skipped.iter().take(MAX_WARNINGS.saturating_sub(self.skipped)) {
            let id = name(&skipped.id);
            session.screen.line(&format!("warning: task {id} is left out, its record cannot be read: {}", skipped.why));
        }
        self.skipped += page.skipped.len() + page.more_skipped;
    }

    fn page(&mut self, tasks: &[TaskRecord], session: &mut Session) -> anyhow::Result<()> {
        for task in tasks {
            *self.shown.entry(task.status()).or_default() += 1;
        }
        if session.out.is_json() {
            for task in tasks {
                let before = if self.any { "," } else { "{\"tasks\":[" };
                session.out.write(before)?;
                session.out.write(&task.encode())?;
                self.any = true;
            }
        } else {
            session.out.write(&self.table.page(tasks))?;
        }
        session.out.flush()
    }

    /// `counts` are those of all the tasks of the scope, on this page or not.
    fn finish(self, counts: &Counts, next: Option<String>, session: &mut Session) -> anyhow::Result<()> {
        if let more @ 1.. = self.skipped.saturating_sub(MAX_WARNINGS) {
            session.screen.line(&format!("warning: {more} more records cannot be read (see `task-state check`)"));
        }
        if session.out.is_json() {
            let before = if self.any { "" } else { "{\"tasks\":[" };
            let next = serde_json::to_string(&next)?;
            session.out.write(&format!("{before}],\"next\":{next},\"counts\":{}}}\n", output::counts(counts)))?;
            return session.out.flush();
        }
        let more = next.map(|cursor| format!("; more with --cursor {cursor:?}")).unwrap_or_default();
        session.screen.line(&format!("{}{more}", summary(self.shown.values().sum(), counts)));
        Ok(())
    }
}
