//! Which plugin runs which tasks, and for how many of each there is room.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::time::Duration;

use crate::plugin::{Limits, Plugin};
use crate::record::Service;
use crate::store::{Allowed, Wanted};

/// Which tasks a plugin runs, and how. Of several routes that serve a service and a user, the first one does.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Route {
    /// The plugin, of the dispatcher's own host.
    pub plugin: Plugin,
    /// The services whose tasks it runs. A name that no task may be saved under is of no effect.
    pub services: BTreeSet<String>,
    /// The users whose tasks it runs: everybody's unless set.
    pub users: Allowed,
    /// How many of its runs may be under way at once in this process, at least one: 8 unless set.
    pub concurrency: usize,
    /// How many of those may be for one user, at least one: as many as there may be unless set.
    pub per_user_concurrency: Option<usize>,
    /// How many attempts at a task there may be if its plugin fails or its host is lost, at least one: 1 unless set.
    pub attempts: u32,
    /// How long the second attempt is waited for at the most, and each further one twice as long as the one before, up to
    /// an hour: 10 s unless set. A random part of each wait, a half at the most, is left out.
    pub backoff: Duration,
    /// How much each run may use: the host's default limits unless set.
    pub limits: Option<Limits>,
}

impl Route {
    /// A plugin that runs the tasks of these services, whoever they are for.
    pub fn new<S: Into<String>>(plugin: Plugin, services: impl IntoIterator<Item = S>) -> Self {
        Self {
            plugin,
            services: services.into_iter().map(Into::into).collect(),
            users: Allowed::Any,
            concurrency: 8,
            per_user_concurrency: None,
            attempts: 1,
            backoff: Duration::from_secs(10),
            limits: None,
        }
    }

    /// Whose tasks it runs, and how many at once.
    pub(super) fn share(&self) -> Share<'_> {
        Share {
            services: &self.services,
            users: &self.users,
            concurrency: self.concurrency.max(1),
            per_user: self.per_user_concurrency.map(|most| most.max(1)),
        }
    }
}

/// What a route says of the tasks that it serves.
#[derive(Debug, Clone, Copy)]
pub(super) struct Share<'a> {
    services: &'a BTreeSet<String>,
    users: &'a Allowed,
    concurrency: usize,
    per_user: Option<usize>,
}

impl Share<'_> {
    pub(super) fn serves(&self, service: &str, user: &str) -> bool {
        self.services.contains(service) && self.users.contains(user)
    }
}

/// The first route that serves a service and a user.
pub(super) fn serving<'a>(routes: &'a [Route], service: &str, user: &str) -> Option<&'a Route> {
    routes.iter().find(|route| route.share().serves(service, user))
}

/// How many runs are under way for each service and user.
pub(super) type Active = HashMap<(String, String), usize>;

/// What is asked of the queue for one route.
#[derive(Debug)]
pub(super) struct Asked {
    pub(super) route: usize,
    pub(super) wanted: Wanted,
}

/// The services of routes for which nothing more waits.
pub(super) type Emptied = HashSet<(usize, Service)>;

/// What there is room for. Routes, and the services of each, come first in turn; what is asked for in all is no more than
/// there is `room` for.
pub(super) fn plan(
    shares: &[Share<'_>],
    active: &Active,
    mut room: usize,
    emptied: &Emptied,
    turn: usize,
) -> Vec<Asked> {
    let running = by_route(shares, active);
    let mut plan = Vec::new();
    for index in (0..shares.len()).map(|offset| (turn + offset) % shares.len()) {
        let (share, users) = (&shares[index], &running[index]);
        let free = share.concurrency.saturating_sub(users.values().sum()).min(room);
        let mut services = open_services(shares, index, emptied);
        if services.is_empty() || free == 0 {
            continue;
        }
        // Each service comes first at every place that its route has in turn: where there is room for one run, no service
        // waits for ever because its turn is never that of its route.
        let first = (turn / shares.len()) % services.len();
        services.rotate_left(first);
        // A user's tasks of several services count together.
        services.truncate(if share.per_user.is_some() { 1 } else { free });
        let count = services.len();
        for (place, service) in services.into_iter().enumerate() {
            let most = free / count + usize::from(place < free % count);
            room -= most;
            plan.push(Asked { route: index, wanted: wanted(shares, index, users, service, most) });
        }
    }
    plan
}

/// The services of a route for which something may wait that no route before it has.
fn open_services(shares: &[Share<'_>], index: usize, emptied: &Emptied) -> Vec<Service> {
    let has_all = |share: &Share<'_>, name: &str| *share.users == Allowed::Any && share.services.contains(name);
    let is_taken = |name: &str| shares[..index].iter().any(|earlier| has_all(earlier, name));
    let open = shares[index].services.iter().filter(|name| !is_taken(name));
    let services = open.filter_map(|name| Service::new(name).ok());
    services.filter(|service| !emptied.contains(&(index, service.clone()))).collect()
}

fn wanted(shares: &[Share<'_>], index: usize, running: &HashMap<&str, usize>, service: Service, most: usize) -> Wanted {
    let share = &shares[index];
    let mut wanted = Wanted::new(service, most);
    wanted.users = share.users.clone();
    if let Some(limit) = share.per_user {
        wanted.most_of_user = limit;
        let left = |(user, count): (&&str, &usize)| ((*user).to_owned(), limit.saturating_sub(*count));
        wanted.of_user = running.iter().map(left).collect();
    }
    for earlier in shares[..index].iter().filter(|earlier| earlier.services.contains(wanted.service.as_str())) {
        if let Allowed::Only(users) = earlier.users {
            wanted.of_user.extend(users.iter().map(|user| (user.clone(), 0)));
        }
    }
    wanted
}

/// For each route, how many runs are under way of each user.
fn by_route<'a>(shares: &[Share<'_>], active: &'a Active) -> Vec<HashMap<&'a str, usize>> {
    let mut running = vec![HashMap::new(); shares.len()];
    for ((service, user), count) in active {
        if let Some(index) = shares.iter().position(|share| share.serves(service, user)) {
            *running[index].entry(user.as_str()).or_default() += count;
        }
    }
    running
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Served {
        services: BTreeSet<String>,
        users: Allowed,
        concurrency: usize,
        per_user: Option<usize>,
    }

    fn served(services: &[&str], concurrency: usize) -> Served {
        let services = services.iter().map(|name| (*name).to_owned()).collect();
        Served { services, users: Allowed::Any, concurrency, per_user: None }
    }

    fn shares(served: &[Served]) -> Vec<Share<'_>> {
        let share = |served: &'_ Served| -> (usize, Option<usize>) { (served.concurrency, served.per_user) };
        served
            .iter()
            .map(|one| {
                let (concurrency, per_user) = share(one);
                Share { services: &one.services, users: &one.users, concurrency, per_user }
            })
            .collect()
    }

    fn active(runs: &[(&str, &str, usize)]) -> Active {
        runs.iter().map(|(service, user, count)| (((*service).to_owned(), (*user).to_owned()), *count)).collect()
    }

    fn asked(plan: &[Asked]) -> Vec<(usize, &str, usize)> {
        plan.iter().map(|asked| (asked.route, asked.wanted.service.as_str(), asked.wanted.most)).collect()
    }

    #[test]
    fn no_more_is_asked_for_than_there_is_room_for() {
        let served = [served(&["a", "b"], 5), served(&["c"], 4)];
        let shares = shares(&served);
        let plan = |room, turn, runs: &[_]| {
            let plan = super::plan(&shares, &active(runs), room, &Emptied::new(), turn);
            asked(&plan).iter().map(|(route, service, most)| format!("{route}{service}{most}")).collect::<Vec<_>>()
        };
        assert_eq!(plan(100, 0, &[]), ["0a3", "0b2", "1c4"]);
        assert_eq!(plan(100, 1, &[]), ["1c4", "0a3", "0b2"]);
        assert_eq!(plan(100, 2, &[]), ["0b3", "0a2", "1c4"]);
        assert_eq!(plan(6, 0, &[]), ["0a3", "0b2", "1c1"]);
        assert_eq!(plan(100, 0, &[("a", "u", 1), ("b", "v", 3)]), ["0a1", "1c4"]);
        assert_eq!(plan(100, 2, &[("a", "u", 1), ("b", "v", 3), ("c", "u", 9)]), ["0b1"]);
        // What a route served before it was replaced counts for nobody.
        assert_eq!(plan(100, 0, &[("other", "u", 9)]), ["0a3", "0b2", "1c4"]);
        assert!(plan(0, 0, &[]).is_empty());
    }

    #[test]
    fn every_service_has_its_share_of_a_host_that_has_room_for_one_run_at_a_time() {
        for routes in [
            vec![served(&["a", "b"], 9), served(&["c", "d"], 9)],
            vec![served(&["a", "b", "c"], 9), served(&["d"], 9), served(&["e", "f"], 9)],
        ] {
            let shares = shares(&routes);
            let turns = 720;
            let mut granted = HashMap::<String, usize>::new();
            for turn in 0..turns {
                for asked in plan(&shares, &Active::new(), 1, &Emptied::new(), turn) {
                    *granted.entry(asked.wanted.service.as_str().to_owned()).or_default() += asked.wanted.most;
                }
            }
            for route in &routes {
                for service in &route.services {
                    let expected = turns / routes.len() / route.services.len();
                    assert_eq!(granted.get(service), Some(&expected), "{service} of {granted:?}");
                }
            }
        }
    }

    #[test]
    fn a_service_for_which_nothing_waits_leaves_its_room_to_the_others() {
        let served = [served(&["a", "b"], 4)];
        let emptied = Emptied::from([(0, Service::new("a").unwrap())]);
        let plan = plan(&shares(&served), &Active::new(), 10, &emptied, 0);
        assert_eq!(asked(&plan), [(0, "b", 4)]);
    }

    #[test]
    fn a_user_gets_no_more_than_the_share_of_one_over_all_services_of_a_route() {
        let mut served = [served(&["a", "b"], 8)];
        served[0].per_user = Some(2);
        let plan =
            plan(&shares(&served), &active(&[("a", "u", 1), ("b", "u", 1), ("b", "v", 1)]), 10, &Emptied::new(), 0);
        assert_eq!(asked(&plan), [(0, "a", 5)]);
        let wanted = &plan[0].wanted;
        assert_eq!((wanted.most_of_user, wanted.of_user["u"], wanted.of_user["v"]), (2, 0, 1));
    }

    #[test]
    fn of_several_routes_of_a_service_each_asks_for_what_the_ones_before_it_do_not_serve() {
        let mut served = [served(&["a"], 1), served(&["a", "b"], 8), served(&["a"], 8)];
        served[0].users = Allowed::only(["alice"]);
        let shares = shares(&served);
        let plan = plan(&shares, &active(&[("a", "alice", 1)]), 100, &Emptied::new(), 0);
        assert_eq!(asked(&plan), [(1, "a", 4), (1, "b", 4)]);
        assert_eq!(plan[0].wanted.of_user.get("alice"), Some(&0));
        assert_eq!(plan[1].wanted.of_user.get("alice"), None);
    }

    #[test]
    fn a_name_under_which_no_task_can_be_saved_is_of_no_effect() {
        let served = [served(&["a:b", "a"], 2)];
        let plan = plan(&shares(&served), &Active::new(), 10, &Emptied::new(), 0);
        assert_eq!(asked(&plan), [(0, "a", 2)]);
    }
}
