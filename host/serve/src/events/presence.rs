//! What a process says of itself to the others on its store, and what it gathers from them.

use std::collections::HashMap;
use std::time::Duration;

use serde_json::{Value, json};
use task_state_host::record::JsonObject;
use task_state_host::store::{HostAbout, HostSeen, MAX_ABOUT_BYTES, Result, SharedStore};
use tokio::time::Instant;

use super::overview::{Overviews, Sample};

/// How often a process says that it is there, and for how long that is good.
const EVERY: Duration = Duration::from_secs(10);
const LIVES: Duration = Duration::from_secs(45);

/// The part of the time that goes into looking, at the most: one in so many.
const PART: u32 = 20;

/// What a process says of itself.
pub(crate) trait About: Send + Sync + 'static {
    /// Its name.
    fn name(&self) -> String;
    /// How many runs it has under way.
    fn active(&self) -> u64;
    /// How many have ended since it began.
    fn ended(&self) -> u64;
    /// What else there is to say: an object.
    fn rest(&self) -> Value;
}

/// Says every ten seconds that a process is there, and at once when `again` is told; and keeps a sample of how much there is.
/// Never ends.
pub(crate) async fn announce(store: SharedStore, overviews: Overviews, about: impl About, again: &tokio::sync::Notify) {
    let mut ended_before = None;
    loop {
        if let Err(error) = store.announce(&said(&about), LIVES).await {
            tracing::debug!(%error, "that the process is there cannot be said for now");
        }
        let began = Instant::now();
        match look(&store, &mut ended_before).await {
            Ok(sample) => overviews.sample(sample),
            Err(error) => tracing::debug!(%error, "there is no sample for now"),
        }
        let pause = (began.elapsed() * PART).max(EVERY).min(LIVES / 2);
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            () = again.notified() => {}
        }
    }
}

fn said(about: &impl About) -> HostAbout {
    let mut object = about.rest();
    object["active"] = about.active().into();
    object["ended"] = about.ended().into();
    // Whose tasks it runs is what others go by; the rest is for people to see.
    let is_too_long = |object: &Value| object.to_string().len() > MAX_ABOUT_BYTES;
    if is_too_long(&object) {
        object["cut"] = true.into();
        for plugin in object["plugins"].as_array_mut().into_iter().flatten().filter_map(Value::as_object_mut) {
            plugin.extend([
                ("grants".to_owned(), json!({"services": [], "users": [], "operations": []})),
                ("limits".to_owned(), json!({})),
                ("capabilities".to_owned(), json!([])),
            ]);
        }
        tracing::warn!("the grants and limits of its plugins are too many names for other processes to be told of");
    }
    if is_too_long(&object) {
        object["plugins"] = json!([]);
        tracing::warn!("the plugins serve too many services and users for other processes to be told of");
    }
    let about_text = JsonObject::parse("about", &object.to_string()).unwrap_or_default();
    HostAbout { name: about.name(), about: about_text }
}

/// How many runs of each process have ended.
type Ended = HashMap<String, u64>;

async fn look(store: &SharedStore, before: &mut Option<Ended>) -> Result<Sample> {
    let (lanes, hosts) = tokio::join!(store.queue().waiting(), store.hosts());
    let hosts: Vec<(String, Value)> = hosts?.iter().map(read).collect();
    let count = |about: &Value, what: &str| about[what].as_u64().unwrap_or_default();
    let ended: Ended = hosts.iter().map(|(name, about)| (name.clone(), count(about, "ended"))).collect();
    // What has ended on a process that nobody has heard of before may have done so long ago.
    let since = before.as_ref().map_or(0, |before| {
        let each = ended.iter().map(|(name, now)| before.get(name).map_or(0, |then| now.saturating_sub(*then)));
        each.sum()
    });
    *before = Some(ended);
    Ok(Sample {
        time: store.now(),
        ready: lanes?.iter().map(|lane| lane.ready).sum(),
        active: hosts.iter().map(|(_, about)| count(about, "active")).sum(),
        ended: since,
    })
}

fn read(host: &HostSeen) -> (String, Value) {
    (host.about.name.clone(), serde_json::from_str(host.about.about.as_str()).unwrap_or_default())
}
