//! What a history of calls may look like if each of them happened at one moment between its start and its end.
//!
//! A task lives several times: each life begins with an entry of its own, so that whatever is seen can be told to belong
//! to one. Within a life the log only grows, the status only moves forward, and a result is the last one written.

use std::collections::{BTreeMap, BTreeSet};

use super::worker::{Call, Event, FIRST_LIFE, Seen};

/// A moment at which somebody saw the task alive.
#[derive(Debug)]
struct Sight<'a> {
    start: u64,
    end: u64,
    seen: &'a Seen,
}

#[derive(Debug)]
pub(super) struct History {
    events: Vec<Event>,
}

impl History {
    pub(super) fn new(events: Vec<Event>) -> Self {
        Self { events }
    }

    /// How often the task was made.
    pub(super) fn lives(&self) -> usize {
        self.births().len()
    }

    /// Panics if no order of the calls explains what was answered and seen.
    pub(super) fn check(&self) {
        self.check_births_and_deaths();
        let mut homes = BTreeMap::new();
        for (life, sights) in self.sights() {
            self.check_log(life, &sights, &mut homes);
            self.check_statuses(life, &sights);
            self.check_results(life, &sights);
            self.check_absences(life, &sights);
        }
    }

    /// When each life began: not before the first moment, and by the second one for certain.
    fn births(&self) -> BTreeMap<&str, (u64, u64)> {
        let created = self.events.iter().filter_map(|event| match &event.call {
            Call::Create(life, true) => Some((life.as_str(), (event.start, event.end))),
            _ => None,
        });
        created.chain([(FIRST_LIFE, (0, 0))]).collect()
    }

    /// What was seen of each life, in the order of the log's length.
    fn sights(&self) -> BTreeMap<&str, Vec<Sight<'_>>> {
        let mut lives: BTreeMap<&str, Vec<Sight<'_>>> = BTreeMap::new();
        for event in &self.events {
            if let Call::Look(Some(seen)) = &event.call {
                let life = seen.entries.first().expect("a task begins with the entry of its life");
                lives.entry(life).or_default().push(Sight { start: event.start, end: event.end, seen });
            }
        }
        for sights in lives.values_mut() {
            sights.sort_by_key(|sight| (sight.seen.entries.len(), sight.start));
        }
        lives
    }

    /// Every life but the last ended with one deletion.
    fn check_births_and_deaths(&self) {
        let deaths = self.events.iter().filter(|event| event.call == Call::Delete(true)).count();
        let last = self.events.iter().max_by_key(|event| event.start).unwrap();
        let Call::Look(seen) = &last.call else { panic!("the history does not end with a look") };
        assert_eq!(self.lives(), deaths + usize::from(seen.is_some()), "lives and deletions do not agree");
    }

    fn check_log<'a>(&'a self, life: &'a str, sights: &[Sight<'a>], homes: &mut BTreeMap<&'a str, &'a str>) {
        let births = self.births();
        let (_, born) = births.get(life).unwrap_or_else(|| panic!("nobody made the task of {life:?}"));
        for pair in sights.windows(2) {
            let (shorter, longer) = (&pair[0], &pair[1]);
            assert!(longer.seen.entries.starts_with(&shorter.seen.entries), "{life}: the log did not only grow");
        }
        for one in sights {
            for other in sights.iter().filter(|other| one.end < other.start) {
                assert!(one.seen.entries.len() <= other.seen.entries.len(), "{life}: the log has become shorter");
            }
        }
        let Some(longest) = sights.last() else { return };
        let positions: BTreeMap<&str, usize> =
            longest.seen.entries.iter().enumerate().map(|(at, entry)| (entry.as_str(), at)).collect();
        assert_eq!(positions.len(), longest.seen.entries.len(), "{life}: an entry is there twice");
        let mut known = BTreeSet::from([life]);
        let mut placed = Vec::new();
        for event in &self.events {
            let Call::Append(entry, acknowledged) = &event.call else { continue };
            let Some(at) = positions.get(entry.as_str()) else { continue };
            assert!(acknowledged, "{life}: {entry} is there, though its writer was told that there is no task");
            let home = homes.insert(entry, life);
            assert!(home.is_none_or(|home| home == life), "{entry} is in two lives");
            known.insert(entry);
            placed.push((event, at));
            for sight in sights.iter().filter(|sight| sight.end < event.start) {
                assert!(!sight.seen.entries.contains(entry), "{life}: {entry} was seen before it was written");
            }
        }
        let all_known = longest.seen.entries.iter().all(|entry| known.contains(entry.as_str()));
        assert!(all_known, "{life}: nobody wrote an entry");
        for (one, at) in &placed {
            for (other, other_at) in &placed {
                let in_order = one.end >= other.start || at < other_at;
                assert!(in_order, "{life}: {:?} stands after {:?}", one.call, other.call);
            }
        }
        // Whatever was acknowledged between the life's beginning and a sight of it is in that sight.
        for event in self.events.iter().filter(|event| event.start > *born) {
            let Call::Append(entry, true) = &event.call else { continue };
            for sight in sights.iter().filter(|sight| event.end < sight.start) {
                assert!(sight.seen.entries.contains(entry), "{life}: {entry} was acknowledged and is missing");
            }
        }
    }

    fn check_statuses(&self, life: &str, sights: &[Sight<'_>]) {
        let (_, born) = self.births()[life];
        let rank = |status: &str| match status {
            "pending" => 0,
            "dispatching" => 1,
            "running" => 2,
            "cancel_requested" => 3,
            "completed" => 4,
            other => panic!("nobody set the status {other:?}"),
        };
        for sight in sights {
            for other in sights.iter().filter(|other| sight.end < other.start) {
                assert!(rank(&sight.seen.status) <= rank(&other.seen.status), "{life}: the status went back");
            }
            for event in self.events.iter().filter(|event| event.start > born && event.end < sight.start) {
                let Call::Status(to, Some(true)) = &event.call else { continue };
                assert!(rank(to) <= rank(&sight.seen.status), "{life}: {to} was acknowledged and is lost");
            }
            let set = |event: &Event| {
                event.start < sight.end && event.call == Call::Status(sight.seen.status.clone(), Some(true))
            };
            let was_set = sight.seen.status == "pending" || self.events.iter().any(set);
            assert!(was_set, "{life}: nobody set the status seen");
        }
    }

    fn check_results(&self, life: &str, sights: &[Sight<'_>]) {
        let (_, born) = self.births()[life];
        for sight in sights {
            let written = |text: &String| {
                let call = Call::Result(text.clone(), true);
                self.events.iter().find(|event| event.call == call).expect("somebody has written the result")
            };
            // Written, answered and over before the sight, in this life for certain.
            let over = self.events.iter().filter(|event| {
                matches!(event.call, Call::Result(_, true)) && event.start > born && event.end < sight.start
            });
            let found = sight.seen.result.as_ref().map(written);
            let in_time = found.is_none_or(|found| found.start < sight.end);
            assert!(in_time, "{life}: a result was seen before it was written");
            for later in over {
                let found = found.unwrap_or_else(|| panic!("{life}: {:?} was acknowledged and is lost", later.call));
                assert!(found.end >= later.start, "{life}: {:?} was undone by {:?}", later.call, found.call);
            }
        }
    }

    /// Nobody is told that there is no task while it lives, nor that there is one to be made anew.
    fn check_absences(&self, life: &str, sights: &[Sight<'_>]) {
        let (_, born) = self.births()[life];
        let Some(last_seen) = sights.iter().map(|sight| sight.start).max() else { return };
        for event in self.events.iter().filter(|event| event.start > born && event.end < last_seen) {
            let absent = match &event.call {
                Call::Append(_, found) | Call::Result(_, found) | Call::Delete(found) => !found,
                Call::Status(_, found) => found.is_none(),
                Call::Create(_, absent) => *absent,
                Call::Look(seen) => seen.is_none(),
            };
            assert!(!absent, "{life}: {:?} while the task was there", event.call);
            assert!(event.call != Call::Delete(true), "{life}: the task was deleted and lived on");
        }
    }
}

/// The model itself: it lets what could have happened pass, and nothing else.
#[cfg(test)]
mod tests {
    use super::*;

    fn event(start: u64, end: u64, call: Call) -> Event {
        Event { writer: 0, start, end, call }
    }

    fn append(start: u64, end: u64, entry: &str) -> Event {
        event(start, end, Call::Append(entry.to_owned(), true))
    }

    fn status(start: u64, end: u64, status: &str) -> Event {
        event(start, end, Call::Status(status.to_owned(), Some(true)))
    }

    fn look(at: u64, status: &str, entries: &[&str]) -> Event {
        let entries = std::iter::once(&FIRST_LIFE).chain(entries).map(|&entry| entry.to_owned()).collect();
        event(at, at + 1, Call::Look(Some(Seen { status: status.to_owned(), result: None, entries })))
    }

    fn is_possible(events: Vec<Event>) -> bool {
        std::panic::catch_unwind(|| History::new(events).check()).is_ok()
    }

    #[test]
    fn entries_stand_in_the_order_in_which_they_were_acknowledged() {
        let overlapping = || vec![append(1, 5, "a"), append(3, 8, "b")];
        let one_by_one = || vec![append(1, 2, "a"), append(3, 4, "b")];
        let then = |mut events: Vec<Event>, entries: &[&str]| {
            events.push(look(9, "pending", entries));
            is_possible(events)
        };
        assert!(then(overlapping(), &["a", "b"]) && then(overlapping(), &["b", "a"]));
        assert!(then(one_by_one(), &["a", "b"]));
        assert!(!then(one_by_one(), &["b", "a"]), "out of order");
        assert!(!then(one_by_one(), &["a"]), "lost");
        assert!(!then(one_by_one(), &["a", "b", "b"]), "doubled");
        assert!(!then(one_by_one(), &["a", "b", "c"]), "written by nobody");
    }

    #[test]
    fn what_was_seen_does_not_go_away() {
        assert!(is_possible(vec![append(1, 9, "a"), look(3, "pending", &[]), look(11, "pending", &["a"])]));
        assert!(!is_possible(vec![append(1, 9, "a"), look(3, "pending", &["a"]), look(6, "pending", &[])]));
        assert!(is_possible(vec![status(1, 2, "running"), look(3, "running", &[])]));
        assert!(!is_possible(vec![status(1, 2, "running"), look(3, "pending", &[])]));
        assert!(!is_possible(vec![look(3, "running", &[]), status(5, 6, "running"), look(9, "running", &[])]));
        assert!(!is_possible(vec![event(1, 2, Call::Delete(true)), look(3, "pending", &[])]));
        assert!(!is_possible(vec![event(1, 2, Call::Look(None)), look(3, "pending", &[])]));
    }
}
