//! The Python package's way of writing, between any two steps of ours: it reads the record, changes it, and sets it whole,
//! without a guard. Nothing that it wrote is lost or damaged, and our next change builds on it.

use std::collections::BTreeMap;
use std::sync::Arc;

use fastrand::Rng;
use serde_json::value::RawValue;
use task_state_host::store::redis::RedisStore;
use task_state_tests::proxy::{Fault, Trigger};

use crate::fixture::*;

const KEY: &str = "task:1";

/// A record's fields, each as it is spelled.
type Fields = BTreeMap<String, Box<RawValue>>;

/// The order in which the package and this host write the fields that they know.
const ORDER: &str = "task_id service user_id status parameters active_jobs created_at updated_at logs result priority";

fn fields(text: &str) -> Fields {
    serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"))
}

fn text_of(field: &RawValue) -> String {
    serde_json::from_str(field.get()).unwrap()
}

fn raw(value: &impl serde::Serialize) -> Box<RawValue> {
    serde_json::value::to_raw_value(value).unwrap()
}

fn entries(fields: &Fields) -> Vec<String> {
    serde_json::from_str(fields["logs"].get()).unwrap()
}

fn result(fields: &Fields) -> Fields {
    serde_json::from_str(fields["result"].get()).unwrap()
}

/// What another writer may do with a record in one go.
#[derive(Debug, Clone, Copy)]
enum Rewrite {
    Nothing,
    Entry,
    Status,
    LongerParameters,
    /// Other parameters of the same length.
    OtherParameters,
    Jobs,
    Output,
    /// Another output of the same length.
    OtherOutput,
    WholeSecond,
    OtherOffset,
    MoreFields,
    /// Fewer entries than there were: it has not seen ours.
    LostEntries,
}

impl Rewrite {
    fn all() -> impl Iterator<Item = Self> {
        use Rewrite::*;
        let fields = [Nothing, Entry, Status, LongerParameters, OtherParameters, Jobs, Output, OtherOutput];
        fields.into_iter().chain([WholeSecond, OtherOffset, MoreFields, LostEntries])
    }
}

/// How another writer spells a record.
#[derive(Debug, Clone, Copy)]
enum Spelling {
    Ours,
    Spaced,
    Backwards,
    Lines,
}

const SPELLINGS: [Spelling; 4] = [Spelling::Ours, Spelling::Spaced, Spelling::Backwards, Spelling::Lines];

impl Rewrite {
    fn change(self, fields: &mut Fields, dice: &mut Rng) {
        for (name, text) in self.changed(fields, dice) {
            fields.insert(name.to_owned(), RawValue::from_string(text).unwrap());
        }
    }

    /// The fields that it sets.
    fn changed(self, fields: &Fields, dice: &mut Rng) -> Vec<(&'static str, String)> {
        let number = dice.u32(10_000..100_000);
        let json = |value: &[String]| serde_json::to_string(value).unwrap();
        match self {
            Self::Nothing => vec![],
            Self::Entry => {
                let mut all = entries(fields);
                all.push(format!("2025-11-17T10:00:16+09:00,theirs {number}"));
                vec![("logs", json(&all))]
            }
            Self::LostEntries => {
                let all = entries(fields);
                vec![("logs", json(&all[..all.len() / 2]))]
            }
            Self::Status => {
                vec![("status", format!("\"{}\"", ["running", "pending", "dispatching"][dice.usize(0..3)]))]
            }
            Self::LongerParameters => {
                let long = "y".repeat(dice.usize(0..300));
                vec![("parameters", format!("{{\"b\":{number}, \"a\":1.50,\"updated_at\":\"{long}\",\"logs\":[]}}"))]
            }
            Self::OtherParameters => vec![("parameters", format!("{{\"n\": {number}}}"))],
            Self::Jobs => vec![("active_jobs", format!("[\"job-{number}\"]"))],
            Self::Output => {
                let long = "é\\n".repeat(dice.usize(0..100));
                vec![("result", format!("{{\"pod_status\":\"p\",\"launcher_output\":\"{long}\"}}"))]
            }
            Self::OtherOutput => {
                vec![("result", format!("{{\"pod_status\":null,\"launcher_output\":\"{number}\"}}"))]
            }
            Self::WholeSecond => vec![("updated_at", "\"2025-11-17T10:00:16+09:00\"".to_owned())],
            Self::OtherOffset => vec![("updated_at", "\"2025-11-17T01:00:16.515926+00:00\"".to_owned())],
            Self::MoreFields => {
                let mut inner = result(fields);
                inner.insert("exit".to_owned(), raw(&number));
                let extra = format!("{{\"logs\":[\"no log {number}\"], \"z\":1e2}}");
                vec![("extra", extra), ("result", serde_json::to_string(&inner).unwrap())]
            }
        }
    }
}

impl Spelling {
    fn write(self, fields: &Fields) -> String {
        let order: Vec<&str> = ORDER.split(' ').collect();
        let known = order.iter().filter_map(|name| fields.get_key_value(*name));
        let others = fields.iter().filter(|(name, _)| !order.contains(&name.as_str()));
        let mut all: Vec<_> = known.chain(others).collect();
        if matches!(self, Self::Backwards) {
            all.reverse();
        }
        let (colon, comma) = match self {
            Self::Ours | Self::Backwards => (":", ","),
            Self::Spaced => (": ", ", "),
            Self::Lines => (" : ", ",\n\t"),
        };
        let pairs: Vec<String> = all.iter().map(|(name, value)| format!("\"{name}\"{colon}{value}")).collect();
        format!("{{{}}}", pairs.join(comma))
    }
}

/// What this host does to a record that it may have seen before.
#[derive(Debug, Clone, Copy)]
enum Ours {
    Append,
    Status,
    Result,
    Jobs,
}

const OURS: [Ours; 4] = [Ours::Append, Ours::Status, Ours::Result, Ours::Jobs];

impl Ours {
    fn change(self, number: usize) -> Change {
        let change = match self {
            Self::Append => Change::default(),
            Self::Status => Change::status(Status::Running),
            Self::Result => pod(&format!("pod {number}")),
            Self::Jobs => Change::active_jobs(vec![format!("ours {number}")]),
        };
        change.log(format!("ours {number}"))
    }

    /// That a record is what was there before with this change made to it, and every other field as it was spelled.
    fn assert_built_on(self, number: usize, before: &Fields, after: &Fields, when: &str) {
        let mut found = entries(after);
        let last = found.pop().unwrap_or_else(|| panic!("{when}: no entry"));
        assert_eq!(message(&last), format!("ours {number}"), "{when}");
        assert_eq!(found, entries(before), "{when}: entries of before");
        assert_ne!(after["updated_at"].get(), before["updated_at"].get(), "{when}");
        if matches!(self, Self::Status) {
            assert_eq!(text_of(&after["status"]), "running", "{when}");
        }
        if matches!(self, Self::Jobs) {
            assert_eq!(after["active_jobs"].get(), format!("[\"ours {number}\"]"), "{when}");
        }
        // Within the result the known fields come first; each of them is spelled as it was.
        let (mut then, mut now) = (result(before), result(after));
        if matches!(self, Self::Result) {
            assert_eq!(text_of(&now.remove("pod_status").unwrap()), format!("pod {number}"), "{when}");
            then.remove("pod_status");
        }
        let spelled =
            |fields: Fields| fields.into_iter().map(|(name, raw)| (name, raw.to_string())).collect::<Vec<_>>();
        assert_eq!(spelled(now), spelled(then), "{when}: the result");
        assert_eq!(after.keys().collect::<Vec<_>>(), before.keys().collect::<Vec<_>>(), "{when}");
        for (name, value) in before {
            let set = match self {
                Self::Append | Self::Result => false,
                Self::Status => name == "status",
                Self::Jobs => name == "active_jobs",
            };
            if !set && !["logs", "updated_at", "result"].contains(&name.as_str()) {
                assert_eq!(after[name].get(), value.get(), "{when}: {name}");
            }
        }
    }
}

async fn read(fixture: &Fixture) -> String {
    fixture.run(&["GET", KEY]).await
}

async fn rewrite(fixture: &Fixture, rewrite: Rewrite, spelling: Spelling, dice: &mut Rng) -> Fields {
    let mut record = fields(&read(fixture).await);
    rewrite.change(&mut record, dice);
    fixture.run::<()>(&["SET", KEY, &spelling.write(&record), "EX", "3600"]).await;
    record
}

async fn register(store: &Arc<RedisStore>) {
    let mut draft = logged_draft("1", ["first", "second"]);
    draft.parameters = json("{\"n\": 12345}");
    draft.result.launcher_output = Some("12345".to_owned());
    save(store, draft).await;
}

#[tokio::test]
async fn a_change_builds_on_whatever_another_writer_has_made_of_the_record() {
    for seed in 0..6 {
        let fixture = Fixture::new().await;
        let mut dice = Rng::with_seed(seed);
        let stores = [fixture.other_host().await, fixture.other_host().await];
        register(&stores[0]).await;
        for step in 0..150 {
            let (rewritten, spelling) =
                (dice.choice(Rewrite::all().collect::<Vec<_>>()).unwrap(), *dice.choice(&SPELLINGS).unwrap());
            let mut before = rewrite(&fixture, rewritten, spelling, &mut dice).await;
            let when = format!("seed {seed}, step {step}, after {rewritten:?} as {spelling:?}");
            // Several in a row, so that the layout that a host remembers is put to the test.
            for more in 0..dice.usize(1..3) {
                let ours = *dice.choice(&OURS).unwrap();
                let number = step * 10 + more;
                let store = dice.choice(&stores).unwrap();
                let changed = store.change(&task_id("1"), ours.change(number), &Access::ANY).await;
                changed.unwrap_or_else(|error| panic!("{when}, {ours:?}: {error}"));
                let after = fields(&read(&fixture).await);
                ours.assert_built_on(number, &before, &after, &format!("{when}, {ours:?}"));
                before = after;
            }
        }
    }
}

#[tokio::test]
async fn a_rewrite_between_our_look_and_our_write_is_built_on() {
    let fixture = Fixture::new().await;
    let mut dice = Rng::with_seed(7);
    let cached: Arc<RedisStore> = fixture.host(|_| {}).await;
    let mut number = 0;
    register(&cached).await;
    for knows_the_layout in [true, false] {
        for ours in OURS {
            for (rewritten, spelling) in Rewrite::all().flat_map(|one| SPELLINGS.map(|spelling| (one, spelling))) {
                number += 1;
                register(&cached).await;
                let store = if knows_the_layout { Arc::clone(&cached) } else { fixture.host(|_| {}).await };
                if knows_the_layout {
                    store.change(&task_id("1"), Change::logs(["known"]), &Access::ANY).await.unwrap();
                }
                let script = fixture.proxy.inject(Trigger::when(writes), Fault::StallRequest);
                let theirs = async {
                    script.until_hit().await;
                    let before = rewrite(&fixture, rewritten, spelling, &mut dice).await;
                    script.release();
                    before
                };
                let id = task_id("1");
                let (changed, before) =
                    tokio::join!(store.change(&id, ours.change(number), &Access::ANY), soon("script", theirs));
                let when = format!("{ours:?} around {rewritten:?} as {spelling:?}, known: {knows_the_layout}");
                changed.unwrap_or_else(|error| panic!("{when}: {error}"));
                ours.assert_built_on(number, &before, &fields(&read(&fixture).await), &when);
                fixture.proxy.clear();
            }
        }
    }
}
