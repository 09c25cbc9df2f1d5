//! The sequence of ids.

use super::fixture::*;
use super::{Engine, promises};

promises! {
    the_sequence_begins_with_one_and_counts,
    a_peek_takes_nothing,
    a_number_is_never_given_twice,
    an_id_is_found_beyond_many_that_are_taken,
}

async fn the_sequence_begins_with_one_and_counts<E: Engine>() {
    let (_engine, [one, other, _]) = hosts::<E>().await;
    assert_eq!(one.next_task_id().await.unwrap(), "1");
    assert_eq!(other.next_task_id().await.unwrap(), "2");
    assert_eq!(one.next_task_id().await.unwrap(), "3");
}

async fn a_peek_takes_nothing<E: Engine>() {
    let (_engine, store) = store::<E>().await;
    for number in ["1", "2", "3"] {
        assert_eq!(store.peek_next_task_id().await.unwrap(), number);
        assert_eq!(store.peek_next_task_id().await.unwrap(), number);
        assert_eq!(store.next_task_id().await.unwrap(), number);
    }
}

async fn a_number_is_never_given_twice<E: Engine>() {
    let (_engine, hosts) = hosts::<E>().await;
    let numbers = at_once(9, |number| {
        let store = hosts[number % 3].clone();
        async move {
            let mut taken = Vec::new();
            for _ in 0..30 {
                taken.push(store.next_task_id().await.unwrap().parse::<u64>().unwrap());
                if number == 0 {
                    taken.push(save(&store, unnamed_draft("analytics", "alice")).await.as_str().parse().unwrap());
                }
            }
            assert!(taken.is_sorted(), "{taken:?}");
            taken
        }
    })
    .await;
    let mut numbers: Vec<u64> = numbers.into_iter().flatten().collect();
    let count = numbers.len();
    numbers.sort_unstable();
    numbers.dedup();
    assert_eq!((numbers.len(), count), (count, 300));
}

async fn an_id_is_found_beyond_many_that_are_taken<E: Engine>() {
    let (_engine, store) = store::<E>().await;
    const TAKEN: usize = 300;
    at_once(TAKEN, |number| {
        let store = store.clone();
        async move { save(&store, draft(&(number + 1).to_string())).await }
    })
    .await;
    let mut claim = claim("x");
    claim.task_id = None;
    let claimed = store.claim(claim).await.unwrap().task;
    let saved = save(&store, unnamed_draft("analytics", "alice")).await;
    let [first, second] = [claimed.task_id(), saved.as_str()].map(|id| id.parse::<usize>().unwrap());
    assert!(first > TAKEN && second > first, "{first}, {second}");
    // The sequence has not gone on one by one, and has not run away.
    assert!(second < TAKEN + (1 << 12), "{second}");
}
