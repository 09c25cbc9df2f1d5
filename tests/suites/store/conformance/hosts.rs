//! Which host processes there are.

use std::time::Duration;

use task_state_host::store::HostAbout;

use super::fixture::*;
use super::{Engine, promises};

promises! {
    a_host_that_says_that_it_is_there_is_seen_by_all,
    what_a_host_said_before_is_replaced,
    a_host_that_says_nothing_more_is_forgotten,
    a_host_that_is_closed_is_gone_at_once,
    what_a_host_says_has_a_bound,
}

const LONG: Duration = Duration::from_secs(3_600);

fn about(name: &str, text: &str) -> HostAbout {
    HostAbout { name: name.to_owned(), about: json(text) }
}

async fn seen(store: &SharedStore) -> Vec<HostAbout> {
    store.hosts().await.unwrap().into_iter().map(|seen| seen.about).collect()
}

async fn a_host_that_says_that_it_is_there_is_seen_by_all<E: Engine>() {
    let (_engine, [one, other, third]) = hosts::<E>().await;
    assert_eq!(seen(&third).await, []);
    let (a, b) = (about("a", r#"{"plugins":["x\ny"]}"#), about("b b", "{}"));
    other.announce(&b, LONG).await.unwrap();
    one.announce(&a, LONG).await.unwrap();
    assert_eq!(seen(&third).await, [a, b]);
    let at = third.hosts().await.unwrap()[0].seen.clone();
    assert_eq!(at.as_str().get(..10), third.now().as_str().get(..10));
}

async fn what_a_host_said_before_is_replaced<E: Engine>() {
    let (_engine, store) = store::<E>().await;
    for number in 0..3 {
        store.announce(&about("a", &format!("{{\"number\":{number}}}")), LONG).await.unwrap();
    }
    assert_eq!(seen(&store).await, [about("a", "{\"number\":2}")]);
}

async fn a_host_that_says_nothing_more_is_forgotten<E: Engine>() {
    let (_engine, store) = store::<E>().await;
    store.announce(&about("short", "{}"), Duration::from_millis(1)).await.unwrap();
    store.announce(&about("long", "{}"), LONG).await.unwrap();
    eventually("it was forgotten", async || seen(&store).await == [about("long", "{}")]).await;
}

async fn a_host_that_is_closed_is_gone_at_once<E: Engine>() {
    let (_engine, [one, other, _]) = hosts::<E>().await;
    one.announce(&about("a", "{}"), LONG).await.unwrap();
    one.close().await;
    assert_eq!(seen(&other).await, []);
}

async fn what_a_host_says_has_a_bound<E: Engine>() {
    let (_engine, store) = store::<E>().await;
    let large = format!("{{\"x\":\"{}\"}}", "x".repeat(256 << 10));
    for bad in [about("", "{}"), about("a\nb", "{}"), about(&"a".repeat(257), "{}"), about("a", &large)] {
        assert_fails!(store.announce(&bad, LONG).await, Error::InvalidValue(_));
    }
    assert_eq!(seen(&store).await, []);
}
