//! Waiting for what must happen: for conditions, never for times.

use std::fmt::Debug;
use std::time::{Duration, Instant};

use futures_util::future::join_all;

/// How long something may take that must happen. It only bounds a test that fails.
const PATIENCE: Duration = Duration::from_secs(60);

/// Waits until a condition holds.
pub async fn eventually(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    within(PATIENCE, what, async || holds().await.then_some(())).await;
}

/// Waits until a look at the world gives something.
pub async fn within<T>(patience: Duration, what: &str, mut look: impl AsyncFnMut() -> Option<T>) -> T {
    let start = Instant::now();
    loop {
        // A look that began in time may be late, however busy the machine is.
        let elapsed = start.elapsed();
        if let Some(seen) = look().await {
            return seen;
        }
        assert!(elapsed < patience, "waited for {patience:?} in vain: {what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// Waits for something that must not take for ever.
pub async fn soon<T>(what: &str, wait: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, wait).await.unwrap_or_else(|_| panic!("waited for {PATIENCE:?} in vain: {what}"))
}

/// Runs the same work in several tasks at once, numbered from 0, and gives what each came to.
pub async fn at_once<T, F>(count: usize, work: impl Fn(usize) -> F) -> Vec<T>
where
    T: Debug + Send + 'static,
    F: Future<Output = T> + Send + 'static,
{
    let running: Vec<_> = (0..count).map(|number| tokio::spawn(work(number))).collect();
    join_all(running).await.into_iter().map(Result::unwrap).collect()
}
