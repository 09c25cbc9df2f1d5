//! How many tasks wait, for the bound of what is accepted.
//!
//! To count them takes the longer the more users have tasks that wait. So a count is good for a while, and nobody waits for
//! the next one but who takes it.

use std::sync::Mutex;
use std::time::Duration;

use tokio::time::Instant;

use crate::plugin::lock;
use crate::store::{Result, Waiting as Lane};

/// For how long a count is good at the least.
const SHORTEST: Duration = Duration::from_secs(1);

/// The part of the time that goes into counting, at the most: one in so many.
const PART: u32 = 20;

/// How many tasks wait, as it was counted a moment ago.
#[derive(Debug, Default)]
pub(super) struct Waiting {
    counted: Mutex<Option<Count>>,
    /// Held by who counts.
    counting: tokio::sync::Mutex<()>,
}

#[derive(Debug, Clone, Copy)]
struct Count {
    /// How many waited, and were accepted since.
    waiting: u64,
    /// How many were accepted since.
    accepted: u64,
    /// When there is to be another count.
    until: Instant,
}

/// As many wait as may.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct IsFull {
    pub(super) waiting: u64,
}

impl Waiting {
    /// Counts one more, if fewer than `most` wait.
    pub(super) async fn admit(
        &self,
        most: u64,
        count: impl Future<Output = Result<Vec<Lane>>>,
    ) -> Result<std::result::Result<(), IsFull>> {
        self.refresh(count).await?;
        let counted = &mut *lock(&self.counted);
        // There was a count, and none is taken away.
        let Some(Count { waiting, accepted, .. }) = counted else { return Ok(Ok(())) };
        if *waiting >= most {
            return Ok(Err(IsFull { waiting: *waiting }));
        }
        (*waiting, *accepted) = (*waiting + 1, *accepted + 1);
        Ok(Ok(()))
    }

    /// Counts anew if it is time, and nobody does already. The first count is waited for.
    async fn refresh(&self, count: impl Future<Output = Result<Vec<Lane>>>) -> Result<()> {
        let turn = match self.present() {
            None => Ok(self.counting.lock().await),
            Some(_) => self.counting.try_lock(),
        };
        let Ok(_turn) = turn else { return Ok(()) };
        match self.present() {
            // Somebody may have counted since.
            Some(count) if count.until > Instant::now() => Ok(()),
            before => self.take(count, before.map_or(0, |before| before.accepted)).await,
        }
    }

    fn present(&self) -> Option<Count> {
        *lock(&self.counted)
    }

    /// Takes a count. What others are accepted meanwhile, after `accepted`, may not be in it.
    async fn take(&self, count: impl Future<Output = Result<Vec<Lane>>>, accepted: u64) -> Result<()> {
        let began = Instant::now();
        let lanes = count.await?;
        let counted = &mut *lock(&self.counted);
        let meanwhile = counted.map_or(0, |counted| counted.accepted.saturating_sub(accepted));
        let waiting = lanes.iter().map(|lane| lane.ready + lane.delayed).sum::<u64>() + meanwhile;
        *counted = Some(Count { waiting, accepted: meanwhile, until: Instant::now() + good_for(began.elapsed()) });
        Ok(())
    }
}

/// For how long a count is good that took so long.
fn good_for(took: Duration) -> Duration {
    (took * PART).max(SHORTEST)
}

#[cfg(test)]
mod tests {
    use std::future::pending;
    use std::pin::pin;
    use std::task::Poll;

    use tokio::sync::oneshot;

    use super::*;
    use crate::record::Priority;
    use crate::store::Error;

    const FULL: std::result::Result<(), IsFull> = Err(IsFull { waiting: 5 });

    fn lanes(ready: u64, delayed: u64) -> Result<Vec<Lane>> {
        let (service, priority) = ("analytics".to_owned(), Priority::Low);
        Ok(vec![Lane { service, priority, ready, delayed, users: 1, longest: None }])
    }

    /// The present count is to be followed by another.
    fn outdate(waiting: &Waiting) {
        lock(&waiting.counted).as_mut().unwrap().until = Instant::now();
    }

    /// A count that is not to be taken.
    async fn none() -> Result<Vec<Lane>> {
        panic!("it was counted anew")
    }

    async fn waits(future: std::pin::Pin<&mut impl Future>) -> bool {
        let mut future = future;
        std::future::poll_fn(move |context| Poll::Ready(future.as_mut().poll(context).is_pending())).await
    }

    #[tokio::test]
    async fn as_many_are_admitted_as_there_is_room_for_by_one_count() {
        let waiting = Waiting::default();
        assert_eq!(waiting.admit(5, async { lanes(1, 2) }).await.unwrap(), Ok(()));
        assert_eq!(waiting.admit(5, none()).await.unwrap(), Ok(()));
        assert_eq!(waiting.admit(5, none()).await.unwrap(), FULL);
        outdate(&waiting);
        assert_eq!(waiting.admit(5, async { lanes(4, 0) }).await.unwrap(), Ok(()));
        assert_eq!(waiting.admit(5, none()).await.unwrap(), FULL);
    }

    #[tokio::test]
    async fn who_comes_during_a_count_goes_on_with_the_one_before() {
        let waiting = Waiting::default();
        waiting.admit(9, async { lanes(1, 0) }).await.unwrap().unwrap();
        outdate(&waiting);
        let (counted, count) = oneshot::channel();
        let mut counting = pin!(waiting.admit(9, async { count.await.unwrap() }));
        assert!(waits(counting.as_mut()).await);
        for _ in 0..2 {
            assert_eq!(waiting.admit(9, none()).await.unwrap(), Ok(()));
        }
        counted.send(lanes(2, 0)).unwrap();
        assert_eq!(counting.await.unwrap(), Ok(()));
        // Two were counted, two were accepted meanwhile, and then the one that has counted.
        assert_eq!(waiting.admit(5, none()).await.unwrap(), FULL);
    }

    #[tokio::test]
    async fn the_first_count_is_waited_for_by_all() {
        let waiting = Waiting::default();
        let (counted, count) = oneshot::channel();
        let mut counting = pin!(waiting.admit(5, async { count.await.unwrap() }));
        let mut other = pin!(waiting.admit(5, none()));
        assert!(waits(counting.as_mut()).await && waits(other.as_mut()).await);
        counted.send(lanes(4, 0)).unwrap();
        assert_eq!((counting.await.unwrap(), other.await.unwrap()), (Ok(()), FULL));
    }

    #[tokio::test]
    async fn a_count_that_fails_or_is_given_up_is_taken_by_the_next() {
        let waiting = Waiting::default();
        let away = async || Err(Error::Unavailable("away".to_owned()));
        assert!(waiting.admit(5, away()).await.is_err());
        assert_eq!(waiting.admit(5, async { lanes(3, 0) }).await.unwrap(), Ok(()));
        outdate(&waiting);
        assert!(waiting.admit(5, away()).await.is_err());
        {
            let mut given_up = pin!(waiting.admit(5, pending()));
            assert!(waits(given_up.as_mut()).await);
        }
        assert_eq!(waiting.admit(5, async { lanes(5, 0) }).await.unwrap(), FULL);
    }

    #[test]
    fn a_count_that_takes_long_is_good_for_long() {
        assert_eq!(good_for(Duration::from_millis(1)), SHORTEST);
        assert_eq!(good_for(Duration::from_secs(3)), Duration::from_secs(60));
    }
}
