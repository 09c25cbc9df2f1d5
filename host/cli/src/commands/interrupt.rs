//! Ctrl-C and SIGTERM: the first is a request, the second ends the process.

use anyhow::Context as _;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch;

use crate::exit::Exit;

/// Whether the command was asked to stop.
#[derive(Clone)]
pub(super) struct Interrupt {
    requested: watch::Receiver<bool>,
}

impl Interrupt {
    /// Listens from now on. Signals no longer end the process by themselves, except for the second.
    pub(super) fn listen() -> anyhow::Result<Self> {
        let mut interrupts = signal(SignalKind::interrupt()).context("cannot listen for Ctrl-C")?;
        let mut terminations = signal(SignalKind::terminate()).context("cannot listen for SIGTERM")?;
        let (sender, requested) = watch::channel(false);
        tokio::spawn(async move {
            either(&mut interrupts, &mut terminations).await;
            sender.send_replace(true);
            either(&mut interrupts, &mut terminations).await;
            std::process::exit(Exit::Interrupted as i32);
        });
        Ok(Self { requested })
    }

    /// Waits for the first signal. Ready at once if it has come already.
    pub(super) async fn requested(&mut self) {
        if self.requested.wait_for(|requested| *requested).await.is_err() {
            // The listener ends only with the process.
            std::future::pending::<()>().await;
        }
    }
}

async fn either(interrupts: &mut Signal, terminations: &mut Signal) {
    tokio::select! {
        _ = interrupts.recv() => (),
        _ = terminations.recv() => (),
    }
}
