//! A server's clock that is not what a host took it to be.

use task_state_host::record::{Change, Status};
use task_state_host::store::{Access, TaskStore};
use task_state_tests::proxy::{Fault, Trigger};

use crate::fixture::*;

#[tokio::test]
async fn a_server_whose_clock_was_set_or_has_drifted_goes_on_being_written_to() {
    let fixture = Fixture::new().await;
    // What the host reads when it connects is what the clock showed before it was set forward, or back.
    for seconds in [-15, 15] {
        fixture.proxy.inject(Trigger::command("TIME"), Fault::ShiftTime(seconds));
        let store = fixture.host(|_| {}).await;
        let id = save(&store, draft("1")).await;
        for number in 0..3 {
            store.change(&id, Change::logs([number.to_string()]), &Access::ANY).await.unwrap();
        }
        store.change(&id, Change::finish(Status::Completed), &Access::ANY).await.unwrap();
        let task = get(&store, &id).await;
        assert_eq!((task.status(), messages(&task)), (Status::Completed, vec!["0".into(), "1".into(), "2".into()]));
    }
}
