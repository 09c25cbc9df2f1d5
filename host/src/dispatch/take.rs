//! The loop that takes tasks from the queue when there is room, and starts their runs.

use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt as _;

use super::Shared;
use super::pause::{Complaint, Pauses};
use super::route::{Emptied, Share, plan, serving};
use super::start::begin;
use crate::store::{Result, Ticket};

/// How long a task that was taken stays with this host before its run has claimed it. It takes milliseconds.
pub(super) const PATIENCE: Duration = Duration::from_secs(10);

/// Takes and starts until the dispatcher closes.
pub(super) async fn keep_taking(shared: Arc<Shared>) {
    take_until_closed(&shared).await;
    shared.stopped.send_replace(true);
}

async fn take_until_closed(shared: &Arc<Shared>) {
    let mut pauses = Pauses::new();
    let complaint = Complaint::default();
    let mut runs = shared.runs.count();
    let mut turn = 0_usize;
    // Asked for before the first look, so that nothing comes unnoticed.
    let mut arrivals = shared.store().queue().arrivals();
    while !shared.is_closed() {
        turn = turn.wrapping_add(1);
        let filled = fill(shared, turn).await.inspect_err(|error| shared.host.observed().tell_error(error));
        if let Err(error) = &filled
            && complaint.is_due()
        {
            tracing::warn!(%error, "no tasks were taken from the queue");
        }
        if filled.is_err() || shared.had_trouble() {
            shared.closed_or(tokio::time::sleep(pauses.next())).await;
            continue;
        }
        pauses.reset();
        let came = tokio::select! {
            came = arrivals.next() => came.is_some(),
            _ = runs.changed() => true,
            () = shared.rerouted.notified() => true,
            () = shared.closed() => true,
        };
        if !came {
            shared.closed_or(tokio::time::sleep(pauses.next())).await;
            arrivals = shared.store().queue().arrivals();
        }
    }
}

/// Takes as many tasks as there is room for and starts them.
async fn fill(shared: &Arc<Shared>, turn: usize) -> Result<()> {
    let routes = shared.routes();
    let shares: Vec<Share<'_>> = routes.iter().map(|route| route.share()).collect();
    let mut emptied = Emptied::new();
    loop {
        let active = shared.runs.active();
        let room = shared.host.max_concurrent_runs().saturating_sub(active.values().sum());
        let asked = plan(&shares, &active, room, &emptied, turn);
        if asked.is_empty() || shared.is_closed() {
            return Ok(());
        }
        let wanted: Vec<_> = asked.iter().map(|asked| asked.wanted.clone()).collect();
        let tickets = shared.store().queue().take(&wanted, PATIENCE).await?;
        for asked in asked {
            let service = asked.wanted.service;
            let is_of = |ticket: &&Ticket| {
                let owner = (ticket.service.as_str(), ticket.user_id.as_str());
                let served_by = shares.iter().position(|share| share.serves(owner.0, owner.1));
                ticket.service == service && served_by == Some(asked.route)
            };
            if tickets.iter().filter(is_of).count() < asked.wanted.most {
                emptied.insert((asked.route, service));
            }
        }
        for ticket in tickets {
            // The queue gives what was asked for.
            if let Some(route) = serving(&routes, ticket.service.as_str(), ticket.user_id.as_str()) {
                begin(shared, route, ticket);
            }
        }
    }
}
